//! The nearest records to a point.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::filter::Wanted;
use super::layer::Lying;
use super::packed::Metric;
use super::view::in_place_of_others;
use super::{Feature, Near, NearbyQuery, Shown, View, shown};
use crate::domain::Collection;
use crate::domain::access::Sight;
use crate::geometry::measure::{NearPoints, Nearest, nearest_within};

/// Where the search begins when no radius is given, metres.
const FIRST_RADIUS_M: f64 = 4_000.0;
/// How much farther each next search goes.
const RADIUS_STEP: f64 = 8.0;
/// No two places are farther apart, metres.
const FARTHEST_M: f64 = 20_040_000.0;
/// Added to limits that are compared with computed distances, so that rounding loses nothing.
const SLACK_M: f64 = 1e-3;

/// See [`View::nearby`]. Where filters let few pass, everything within the radius is looked at.
pub(super) fn nearby<'a>(view: &'a View, query: &NearbyQuery) -> Vec<Near<'a>> {
    if query.limit == 0 {
        return Vec::new();
    }
    if let Some(radius_m) = query.radius_m {
        return within_radius(view, query, radius_m);
    }
    let mut radius_m = FIRST_RADIUS_M;
    loop {
        let found = within_radius(view, query, radius_m);
        if found.len() >= query.limit || radius_m >= FARTHEST_M {
            return found;
        }
        radius_m = (radius_m * RADIUS_STEP).min(FARTHEST_M);
    }
}

/// A record that may be among the nearest.
struct Candidate<'a> {
    least_m2: f64,
    record: Record<'a>,
    place: Place,
}

/// What is known of the record itself.
enum Record<'a> {
    /// Not looked at yet; it is shown as it is.
    Lying(Collection, Lying<'a>),
    /// Looked at, because a filter or the shape asked for it.
    Shown(Shown<'a>),
}

impl<'a> Record<'a> {
    fn new(collection: Collection, lying: Lying<'a>, shown: Option<Shown<'a>>) -> Self {
        shown.map_or(Self::Lying(collection, lying), Self::Shown)
    }

    fn shown(&self, view: &'a View) -> Shown<'a> {
        match self {
            Self::Lying(collection, lying) => view.exact(*collection, lying.feature()),
            Self::Shown(shown) => *shown,
        }
    }

    fn feature(&self) -> &'a Feature {
        match self {
            Self::Lying(_, lying) => lying.feature(),
            Self::Shown(shown) => shown.feature,
        }
    }
}

/// What is known of a candidate's place.
enum Place {
    /// All of it is at this point, lon/lat.
    Point([f64; 2]),
    Nearest(Nearest),
}

/// A square of metres in the order of [`f64::total_cmp`].
#[derive(PartialEq)]
struct Most(f64);

impl Eq for Most {}

impl PartialOrd for Most {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Most {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The least upper bounds seen, as many as are asked for: nothing beyond the greatest of them can be an answer.
struct Mosts {
    limit: usize,
    heap: BinaryHeap<Most>,
}

impl Mosts {
    /// Takes one in; the greatest of them once there are as many as are asked for.
    fn with(&mut self, most_m2: f64) -> f64 {
        self.heap.push(Most(most_m2));
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
        match self.heap.peek() {
            Some(worst) if self.heap.len() == self.limit => worst.0,
            _ => f64::INFINITY,
        }
    }
}

fn within_radius<'a>(view: &'a View, query: &NearbyQuery, radius_m: f64) -> Vec<Near<'a>> {
    let (lon, lat) = (query.lon, query.lat);
    let metric = Metric::new(lon, lat, radius_m + SLACK_M);
    let farthest_m2 = (radius_m + SLACK_M).powi(2);
    let mut candidates: Vec<Candidate<'a>> = Vec::with_capacity(64);
    let mut mosts = Mosts { limit: query.limit, heap: BinaryHeap::with_capacity(query.limit.min(1_000) + 1) };
    let mut mark_m2 = farthest_m2;
    for (n, collection) in query.collections.iter().enumerate() {
        if query.collections[..n].contains(collection) {
            continue;
        }
        let collection = *collection;
        let wanted = Wanted::new(collection, &query.filters, query.q.as_deref());
        let (eyes, shows_whole) = (view.eyes(collection), view.shows_all_whole(collection));
        let show = |lying: Lying<'a>, as_it_is: bool| {
            let shown = if as_it_is {
                Some(view.exact(collection, lying.feature()))
            } else {
                view.show(collection, lying.feature())
            };
            shown.filter(|shown| wanted.accepts(shown))
        };
        mark_m2 = view.layer(collection).nearest(&metric, mark_m2, eyes.as_ref(), &mut |least_m2, bbox, lying| {
            // Where the view may hide a record or its place, that is what the view shows, never what the index has.
            let as_it_is = match eyes.as_ref().map(|eyes| eyes.at(lying)) {
                None => shows_whole,
                Some(Sight::Exact) => true,
                Some(Sight::Fields(_)) => false,
                Some(Sight::Reduced | Sight::Nothing) => return mark_m2,
            };
            let anything = wanted.is_anything() && as_it_is;
            let mut shown = None;
            if !anything {
                shown = show(lying, as_it_is);
                if shown.is_none() {
                    return mark_m2;
                }
            }
            let point = as_it_is && bbox[0] == bbox[2] && bbox[1] == bbox[3];
            let mut most_m2 = if point { metric.most_m2(bbox[0], bbox[1]) } else { f64::INFINITY };
            let mut place = Place::Point([bbox[0], bbox[1]]);
            if !point || most_m2.is_infinite() {
                let limit_m = mark_m2.sqrt() + SLACK_M;
                shown = shown.or_else(|| show(lying, as_it_is));
                let geometry = shown.as_ref().and_then(Shown::geometry);
                let nearest = geometry.and_then(|geometry| nearest_within(geometry, lon, lat, limit_m));
                let Some(nearest) = nearest else { return mark_m2 };
                most_m2 = (nearest.distance_m + SLACK_M).powi(2);
                place = Place::Nearest(nearest);
            }
            candidates.push(Candidate { least_m2, record: Record::new(collection, lying, shown), place });
            if most_m2 <= farthest_m2 {
                mark_m2 = mark_m2.min(mosts.with(most_m2));
            }
            mark_m2
        });
        for reduced in view.reduced_within(collection, &metric, mark_m2) {
            let shown = in_place_of_others(collection, &reduced.feature);
            let limit_m = mark_m2.sqrt() + SLACK_M;
            let nearest = shown.geometry().and_then(|geometry| nearest_within(geometry, lon, lat, limit_m));
            let Some(nearest) = nearest.filter(|_| wanted.accepts(&shown)) else { continue };
            let most_m2 = (nearest.distance_m + SLACK_M).powi(2);
            let least_m2 = (nearest.distance_m - SLACK_M).max(0.0).powi(2);
            candidates.push(Candidate { least_m2, record: Record::Shown(shown), place: Place::Nearest(nearest) });
            if most_m2 <= farthest_m2 {
                mark_m2 = mark_m2.min(mosts.with(most_m2));
            }
        }
    }
    candidates.retain(|candidate| candidate.least_m2 <= mark_m2);
    let features: Vec<&Feature> = candidates.iter().map(|candidate| candidate.record.feature()).collect();
    shown::fetch(&features);
    let (limit_m, points) = (mark_m2.sqrt() + SLACK_M, NearPoints::from(lon, lat));
    let mut found: Vec<Near<'a>> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let nearest = match candidate.place {
                Place::Point([x, y]) => points.within(x, y, limit_m)?,
                Place::Nearest(nearest) => nearest,
            };
            (nearest.distance_m <= radius_m).then(|| Near {
                shown: candidate.record.shown(view),
                distance_m: nearest.distance_m,
                bearing_deg: nearest.bearing_deg,
                nearest: [nearest.lon, nearest.lat],
            })
        })
        .collect();
    let key = |near: &Near<'_>| (near.shown.collection().index(), near.shown.id());
    found.sort_unstable_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then_with(|| key(a).cmp(&key(b))));
    found.truncate(query.limit);
    found
}
