//! Fences around risk zones, and where each unit stands to them. Computes only: what happened is heard by the watch,
//! and the desk decides what follows.
//!
//! A fence begins with its zone, or when that got its present shape. Who is inside as the fence is learned (then, or when
//! the watch begins) was inside already, unless an open visit tells since when. From there on it judges by fix time alone
//! ([`fence`]).

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use geo_types::Geometry;
use uuid::Uuid;

use super::edges::{EdgeTree, edges_of};
use super::packed::Bbox;
use super::reach::boxes_around;
use super::{Feature, Picture};
use crate::domain::fence::{
    self, ACCURACY_M_MAX, ACCURACY_M_UNSAID, Event, HORIZON_S, Kind, MARGIN_M, Seen, Side, Standing, State, Stay,
    TRACK_FIXES_MAX, Track,
};
use crate::domain::{Collection, Fix, FixSource, Timestamp, visit, zone};
use crate::geometry::measure::PreparedArea;

/// Most fences that stand at once: each is asked of every fix. Further zones have none, which is told.
pub const FENCES_MAX: usize = 2_000;

/// The shape of a fence, ready to be asked of many fixes.
pub struct Shape {
    area: PreparedArea,
    edges: EdgeTree,
    buffer_m: f64,
    /// Boxes outside which every fix lies outside.
    boxes: Vec<Bbox>,
}

impl Shape {
    /// Of an area (WGS 84) with a margin around it, metres.
    #[must_use]
    pub fn new(geometry: &Geometry<f64>, buffer_m: f64) -> Self {
        let mut edges = Vec::new();
        edges_of(geometry, &mut edges);
        let buffer_m = buffer_m.max(0.0);
        Self {
            area: PreparedArea::new(geometry),
            edges: EdgeTree::new(edges),
            buffer_m,
            boxes: boxes_around(geometry, buffer_m + MARGIN_M + ACCURACY_M_MAX),
        }
    }

    /// Whether a place is inside, however well it is known.
    #[must_use]
    pub fn holds(&self, lon: f64, lat: f64) -> bool {
        self.is_beside(lon, lat) && self.distance_m(lon, lat) <= 0.0
    }

    /// On which side a fix lies.
    #[must_use]
    pub fn side(&self, lon: f64, lat: f64, accuracy_m: Option<f64>) -> Side {
        if !self.is_beside(lon, lat) && accuracy_m.unwrap_or(ACCURACY_M_UNSAID) <= ACCURACY_M_MAX {
            return Side::Outside;
        }
        fence::side(self.distance_m(lon, lat), accuracy_m)
    }

    fn is_beside(&self, lon: f64, lat: f64) -> bool {
        self.boxes.iter().any(|b| lon >= b[0] && lat >= b[1] && lon <= b[2] && lat <= b[3])
    }

    /// Metres outside; infinite where it is too far to matter.
    fn distance_m(&self, lon: f64, lat: f64) -> f64 {
        if self.area.contains(lon, lat) {
            return 0.0;
        }
        let limit_m = self.buffer_m + MARGIN_M + ACCURACY_M_MAX;
        let nearest = self.edges.nearest(lon, lat, limit_m);
        nearest.map_or(f64::INFINITY, |(_, nearest)| (nearest.distance_m - self.buffer_m).max(0.0))
    }
}

/// What happened between one fence and one unit, in the order of fix time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    pub zone: Uuid,
    pub unit: Uuid,
    pub events: Vec<Event>,
    /// Fix time of the newest that is known of the unit; `None` for one that counts at its post.
    pub newest_fix_at: Option<Timestamp>,
}

/// All fences that stand, and what is known of the units beside them.
#[derive(Default)]
pub struct Fences {
    fences: HashMap<Uuid, Fence>,
    /// Fixes younger than the horizon, for fences that a unit comes near to later.
    units: HashMap<Uuid, Recent>,
}

struct Fence {
    standing: Standing,
    shape: Shape,
    /// By what a change is told: when the fence is the same, it goes on.
    cut: Cut,
    tracks: HashMap<Uuid, Told>,
}

#[derive(Clone, PartialEq)]
struct Cut {
    geometry: Option<Geometry<f64>>,
    buffer_m: f64,
    begins: Option<Timestamp>,
}

/// A track, and up to which fix time what it tells has been told.
struct Told {
    track: Track,
    through: Option<Timestamp>,
}

#[derive(Default)]
struct Recent {
    fixes: VecDeque<Place>,
    /// Something is known of where it was before these.
    was_known: bool,
    /// Fix time up to which fixes are no longer kept.
    settled: Option<Timestamp>,
}

#[derive(Clone, Copy)]
struct Place {
    lon: f64,
    lat: f64,
    accuracy_m: Option<f64>,
    at: Timestamp,
}

impl From<&Fix> for Place {
    fn from(fix: &Fix) -> Self {
        Self { lon: fix.lon, lat: fix.lat, accuracy_m: fix.accuracy_m, at: fix.at }
    }
}

impl Fences {
    /// Brings the fences to the zones of the picture. What a fence that is learned finds inside is told.
    pub fn learn(&mut self, picture: &Picture) -> Vec<Passage> {
        let mut standing: HashSet<Uuid> = HashSet::new();
        let (mut passages, mut has_learned) = (Vec::new(), false);
        for zone in picture.layer(Collection::RiskZones).iter().filter(|zone| !zone.is_ended()) {
            let Some((cut, ends, dwell_s)) = fenced(zone) else { continue };
            if standing.len() == FENCES_MAX {
                tracing::warn!(fences.max = FENCES_MAX, "more zones than are fenced at once: the newest have no fence");
                break;
            }
            standing.insert(zone.id);
            if let Some(known) = self.fences.get_mut(&zone.id).filter(|known| known.cut == cut) {
                known.standing = Standing { ends, dwell_s, ..known.standing };
                continue;
            }
            let Some(geometry) = &cut.geometry else { continue };
            let begins = cut.begins.map_or(zone.recorded_at, |begins| begins.max(zone.recorded_at));
            let mut fence = Fence {
                standing: Standing { begins, ends, dwell_s },
                shape: Shape::new(geometry, cut.buffer_m),
                cut,
                tracks: HashMap::new(),
            };
            passages.extend(fence.find_inside(zone.id, picture));
            self.fences.insert(zone.id, fence);
            has_learned = true;
        }
        self.fences.retain(|zone, _| standing.contains(zone));
        if self.fences.is_empty() {
            self.units.clear();
        } else if has_learned {
            let placed = picture.layer(Collection::Units).iter().filter(|unit| unit.geometry.is_some());
            placed.for_each(|unit| self.units.entry(unit.id).or_default().was_known = true);
        }
        passages
    }

    /// Takes fixes, in whatever order; what they show that was not told before.
    pub fn hear(&mut self, picture: &Picture, fixes: &[Fix]) -> Vec<Passage> {
        if self.fences.is_empty() {
            return Vec::new();
        }
        let mut heard = BTreeSet::new();
        for fix in fixes.iter().filter(|fix| fix.source != FixSource::Post) {
            let recent = self
                .units
                .entry(fix.unit_id)
                .or_insert_with(|| Recent { was_known: is_at_post(picture, fix.unit_id), ..Recent::default() });
            let place = Place::from(fix);
            recent.add(place);
            for fence in self.fences.values_mut() {
                fence.take(fix.unit_id, place, recent);
            }
            heard.insert(fix.unit_id);
        }
        heard.into_iter().flat_map(|unit| self.tell(unit)).collect()
    }

    /// Takes the newest position of every unit: what was missed on the way from the picture comes after all.
    pub fn catch_up(&mut self, picture: &Picture) -> Vec<Passage> {
        let units = picture.layer(Collection::Units).iter().filter(|unit| !unit.is_ended());
        let fixes: Vec<Fix> = units.filter_map(|unit| newest_fix(unit)).collect();
        self.hear(picture, &fixes)
    }

    /// Forgets a unit that is no longer there.
    pub fn forget(&mut self, unit: Uuid) {
        self.units.remove(&unit);
        for fence in self.fences.values_mut() {
            fence.tracks.remove(&unit);
        }
    }

    fn tell(&mut self, unit: Uuid) -> Vec<Passage> {
        let newest_fix_at = self.units.get(&unit).and_then(|recent| recent.fixes.back()).map(|place| place.at);
        let mut passages = Vec::new();
        for (zone, fence) in &mut self.fences {
            let Some(told) = fence.tracks.get_mut(&unit) else { continue };
            let (mut events, _) = told.track.story(&fence.standing);
            // What was decided stays decided: nothing older than that is told any more.
            events.retain(|event| told.through.is_none_or(|through| through < event.at));
            told.through = events.last().map(|event| event.at).or(told.through);
            told.track.settle(&fence.standing);
            if told.track.is_away() {
                fence.tracks.remove(&unit);
            }
            if !events.is_empty() {
                passages.push(Passage { zone: *zone, unit, events, newest_fix_at });
            }
        }
        if let Some(recent) = self.units.get_mut(&unit) {
            recent.settle();
        }
        passages.sort_by_key(|passage| (passage.events[0].at, passage.zone));
        passages
    }
}

impl Fence {
    /// Who is inside as the fence is learned. Open visits go on, or are over.
    fn find_inside(&mut self, zone: Uuid, picture: &Picture) -> Vec<Passage> {
        let mut passages = Vec::new();
        for unit in picture.layer(Collection::Units).iter().filter(|unit| !unit.is_ended()) {
            let Some(Geometry::Point(point)) = &unit.geometry else { continue };
            let visit = picture.layer(Collection::ZoneVisits).get(visit::id_of(zone, unit.id));
            let open = visit.filter(|visit| !visit.is_ended()).and_then(|visit| stay_of(visit));
            let holds = self.shape.holds(point.x(), point.y());
            let fix_at = time(unit, "fix_at");
            let since = fix_at.map_or(self.standing.begins, |at| at.max(self.standing.begins));
            let (state, event) = match (open, holds) {
                (None, false) => continue,
                (Some(stay), false) => (State::Outside, Some((Kind::Left, since.max(stay.since)))),
                (Some(stay), true) => (State::Inside(stay), None),
                (None, true) => {
                    let stay = Stay { since, was_inside: true, dwelt: false };
                    (State::Inside(stay), Some((Kind::WasInside, since)))
                }
            };
            // What is known already is not judged anew.
            self.tracks.insert(unit.id, Told { track: Track::new(state, fix_at), through: fix_at });
            if let Some((kind, at)) = event {
                let events = vec![Event { at, kind }];
                passages.push(Passage { zone, unit: unit.id, events, newest_fix_at: fix_at });
            }
        }
        passages
    }

    /// Puts a fix into the unit's track; one is begun where the unit comes near.
    fn take(&mut self, unit: Uuid, place: Place, recent: &Recent) {
        let seen = |shape: &Shape, place: &Place| Seen {
            at: place.at,
            side: shape.side(place.lon, place.lat, place.accuracy_m),
        };
        let fix = seen(&self.shape, &place);
        if let Some(told) = self.tracks.get_mut(&unit) {
            told.track.take(fix);
            return;
        }
        if fix.side != Side::Inside {
            return;
        }
        let before = if recent.was_known { State::Outside } else { State::Unknown };
        // One millisecond before it began: a fix of that very instant counts.
        let begun = Timestamp::from_ms(self.standing.begins.as_ms() - 1);
        let mut track = Track::new(before, recent.settled.max(Some(begun)));
        for place in &recent.fixes {
            track.take(seen(&self.shape, place));
        }
        self.tracks.insert(unit, Told { track, through: None });
    }
}

impl Recent {
    fn add(&mut self, place: Place) {
        let at = self.fixes.partition_point(|known| known.at <= place.at);
        self.fixes.insert(at, place);
    }

    fn settle(&mut self) {
        let Some(newest) = self.fixes.back().map(|place| place.at) else { return };
        let horizon = newest.plus_s(-HORIZON_S);
        while self.fixes.len() > TRACK_FIXES_MAX || self.fixes.front().is_some_and(|place| place.at < horizon) {
            self.settled = self.fixes.pop_front().map(|place| place.at);
            self.was_known = true;
        }
    }
}

/// Whether a unit counted at its post before it had a fix.
fn is_at_post(picture: &Picture, unit: Uuid) -> bool {
    let unit = picture.layer(Collection::Units).get(unit);
    let post = unit.and_then(|unit| Uuid::parse_str(&unit.text("station_id")?).ok());
    post.and_then(|post| picture.layer(Collection::Stations).get(post)).is_some_and(|post| post.geometry.is_some())
}

fn newest_fix(unit: &Feature) -> Option<Fix> {
    let Some(Geometry::Point(point)) = &unit.geometry else { return None };
    Some(Fix {
        unit_id: unit.id,
        lon: point.x(),
        lat: point.y(),
        at: time(unit, "fix_at")?,
        accuracy_m: unit.number("fix_accuracy_m"),
        speed_mps: None,
        course_deg: None,
        source: FixSource::Gps,
        heard_by: None,
    })
}

fn time(feature: &Feature, name: &str) -> Option<Timestamp> {
    feature.text(name).and_then(|text| Timestamp::parse(&text).ok())
}

fn stay_of(visit: &Feature) -> Option<Stay> {
    Some(Stay {
        since: time(visit, "entered_at")?,
        was_inside: visit.raw("was_inside") == Some("true"),
        dwelt: visit.raw("dwelt_at").is_some(),
    })
}

/// The fence of a zone: its cut, its end, and how long one may stay, seconds; `None` if it has none now.
fn fenced(zone: &Feature) -> Option<(Cut, Option<Timestamp>, Option<i64>)> {
    if zone.text("state").as_deref() != Some("in_force") {
        return None;
    }
    let minutes = zone.number("fence_dwell_min").map(|minutes| minutes as i64);
    let dwell_s = zone::fence(&zone.text("kind")?, zone.text("fence").as_deref(), minutes)?;
    let cut = Cut {
        geometry: Some(zone.geometry.clone()?),
        buffer_m: zone.number("buffer_m").unwrap_or(0.0),
        begins: time(zone, "valid_from"),
    };
    Some((cut, time(zone, "valid_to"), dwell_s))
}
