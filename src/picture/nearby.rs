//! The nearest records to a point.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use geo_types::{Geometry, Point};

use super::filter::Wanted;
use super::packed::Metric;
use super::{Feature, Near, NearbyQuery, View};
use crate::domain::Collection;
use crate::geometry::measure::{Nearest, nearest_within};

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
    collection: Collection,
    /// Not looked into before it is clear that it is an answer: in a large layer each look is a miss of every cache.
    feature: &'a Arc<Feature>,
    found: Found,
}

/// What is known of a candidate's nearest point.
enum Found {
    /// It is this place, as the index has it.
    At(Geometry<f64>),
    /// It is somewhere on the record's geometry.
    On,
    Exactly(Nearest),
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

fn within_radius<'a>(view: &'a View, query: &NearbyQuery, radius_m: f64) -> Vec<Near<'a>> {
    let (lon, lat) = (query.lon, query.lat);
    let metric = Metric::new(lon, lat, radius_m + SLACK_M);
    let farthest_m2 = (radius_m + SLACK_M).powi(2);
    let mut candidates: Vec<Candidate<'a>> = Vec::with_capacity(64);
    // The least upper bounds seen, as many as are asked for: nothing beyond the greatest of them can be an answer.
    let mut mosts: BinaryHeap<Most> = BinaryHeap::with_capacity(query.limit.min(1_000) + 1);
    let mut mark_m2 = farthest_m2;
    for (n, collection) in query.collections.iter().enumerate() {
        if query.collections[..n].contains(collection) {
            continue;
        }
        let wanted = Wanted::new(*collection, &query.filters, query.q.as_deref());
        let all = wanted.is_anything() && view.shows_all(*collection);
        mark_m2 = view.layer(*collection).nearest(&metric, mark_m2, &mut |least_m2, bbox, feature| {
            if !all && view.show(*collection, feature).is_none_or(|shown| !wanted.accepts(&shown)) {
                return mark_m2;
            }
            let point = bbox[0] == bbox[2] && bbox[1] == bbox[3];
            let mut most_m2 = if point { metric.most_m2(bbox[0], bbox[1]) } else { f64::INFINITY };
            let mut found = if all && point { Found::At(Point::new(bbox[0], bbox[1]).into()) } else { Found::On };
            if most_m2.is_infinite() {
                let limit_m = mark_m2.sqrt() + SLACK_M;
                let shown = view.show(*collection, feature);
                let exact = shown.and_then(|shown| nearest_within(shown.geometry()?, lon, lat, limit_m));
                let Some(nearest) = exact else { return mark_m2 };
                most_m2 = (nearest.distance_m + SLACK_M).powi(2);
                found = Found::Exactly(nearest);
            }
            candidates.push(Candidate { least_m2, collection: *collection, feature, found });
            if most_m2 <= farthest_m2 {
                mosts.push(Most(most_m2));
                if mosts.len() > query.limit {
                    mosts.pop();
                }
                if let (true, Some(worst)) = (mosts.len() == query.limit, mosts.peek()) {
                    mark_m2 = mark_m2.min(worst.0);
                }
            }
            mark_m2
        });
    }
    candidates.retain(|candidate| candidate.least_m2 <= mark_m2);
    let limit_m = mark_m2.sqrt() + SLACK_M;
    let mut answers: Vec<(Nearest, Collection, &'a Arc<Feature>)> = candidates
        .into_iter()
        .filter_map(|Candidate { collection, feature, found, .. }| {
            let nearest = match found {
                Found::Exactly(nearest) => nearest,
                Found::At(place) => nearest_within(&place, lon, lat, limit_m)?,
                Found::On => nearest_within(view.show(collection, feature)?.geometry()?, lon, lat, limit_m)?,
            };
            (nearest.distance_m <= radius_m).then_some((nearest, collection, feature))
        })
        .collect();
    answers.sort_unstable_by(|(a, of_a, feature_a), (b, of_b, feature_b)| {
        let by_record = || (of_a.index(), feature_a.id).cmp(&(of_b.index(), feature_b.id));
        a.distance_m.total_cmp(&b.distance_m).then_with(by_record)
    });
    answers.truncate(query.limit);
    let found: Vec<Near<'a>> = answers
        .into_iter()
        .filter_map(|(nearest, collection, feature)| {
            Some(Near {
                shown: view.show(collection, feature)?,
                distance_m: nearest.distance_m,
                bearing_deg: nearest.bearing_deg,
                nearest: [nearest.lon, nearest.lat],
            })
        })
        .collect();
    // Records lie far apart in memory. Touched in one sweep, their cache misses overlap; touched while each is
    // written, every miss would be waited for alone.
    std::hint::black_box(found.iter().map(|near| near.shown.touch()).sum::<usize>());
    found
}
