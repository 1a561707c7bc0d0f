//! Who is cut off (cô lập): from where no road leads any more to a commune seat, a health station or the provincial
//! town, by each way of travelling, under the closures in force or under some that are only tried.
//!
//! Told apart: a place that no road of the network reaches, whatever is closed. Being inside a warned zone is another
//! matter and cuts nobody off.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use geo_types::Geometry;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Desk;
use crate::domain::change::Seq;
use crate::domain::{Collection, Timestamp};
use crate::picture::{Shown, View};
use crate::roads::{Closure, InForce, Laid, Overlay, Profile, Snap, WayOut, lay, ways_out};

/// What people must be able to reach, as data: kinds of record.
const TARGETS: [(Target, Collection, &str); 3] = [
    (Target::CommuneSeat, Collection::Places, "commune_seat"),
    (Target::HealthStation, Collection::Stations, "clinic"),
    (Target::ProvinceSeat, Collection::Places, "province_seat"),
];
/// Places that people live in or are led to.
const PLACE_KINDS: [&str; 3] = ["hamlet", "commune_seat", "district_seat"];
/// Whose ways out are asked.
const SUBJECTS: [Collection; 4] = [Collection::Places, Collection::Households, Collection::Shelters, Collection::Units];
/// Most records that are listed; the counts are whole.
pub const LISTED_MAX: usize = 2_000;
/// Positions whose roads are remembered.
const SNAPS_MAX: usize = 1_000_000;

/// What a way out leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    CommuneSeat,
    HealthStation,
    ProvinceSeat,
}

/// A record from which something cannot be reached any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutOff {
    pub collection: Collection,
    pub id: Uuid,
    /// What is lost, and by which profiles.
    pub lost: Vec<(Target, Vec<&'static str>)>,
}

/// How many are cut off from a target by a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CutOffCount {
    pub target: Target,
    pub profile: &'static str,
    pub places: usize,
    pub households: usize,
    /// Members of those households.
    pub people: i64,
    pub shelters: usize,
    pub units: usize,
}

/// Who is cut off at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Isolation {
    pub as_of: Timestamp,
    pub seq: Seq,
    /// Targets that are known and have a road, by kind.
    pub targets: Vec<(Target, usize)>,
    /// Only those of which something is cut off.
    pub counts: Vec<CutOffCount>,
    /// Places first, then households, shelters, units; at most [`LISTED_MAX`].
    pub cut_off: Vec<CutOff>,
    /// Records from which no road leads anywhere, whatever is closed: nothing is known of them here.
    pub without_road: usize,
    /// Closures that lie on no road.
    pub unmatched: Vec<Uuid>,
}

/// Roads of positions, remembered: households do not move.
#[derive(Debug, Default)]
pub(super) struct Snaps {
    roads: String,
    known: HashMap<(u64, u64), [Option<Snap>; Profile::ALL.len()]>,
}

impl Snaps {
    pub(super) fn of(&mut self, in_force: &InForce, lon: f64, lat: f64) -> [Option<Snap>; Profile::ALL.len()] {
        if self.roads != in_force.roads.id || self.known.len() >= SNAPS_MAX {
            self.roads.clone_from(&in_force.roads.id);
            self.known.clear();
        }
        let key = (lon.to_bits(), lat.to_bits());
        *self.known.entry(key).or_insert_with(|| Profile::ALL.map(|profile| in_force.roads.snap(lon, lat, profile)))
    }
}

/// One record that is asked about.
pub(super) struct Subject {
    pub collection: Collection,
    pub id: Uuid,
    pub members: i64,
    pub snaps: [Option<Snap>; Profile::ALL.len()],
}

/// What is asked of whom: the roads of targets and of subjects.
pub(super) struct Asked {
    pub targets: Vec<(Target, Vec<[Option<Snap>; Profile::ALL.len()]>)>,
    pub subjects: Vec<Subject>,
}

impl Desk {
    /// Who is cut off as the View shows them, under the closures in force and those that are `tried` besides; `None` as
    /// long as no road network is loaded. Nothing is changed for anybody.
    #[must_use]
    pub fn isolation(&self, view: &View, tried: &[Closure]) -> Option<Isolation> {
        let in_force = self.roads()?;
        let laid = if tried.is_empty() {
            Laid::clone(&in_force.laid)
        } else {
            lay(&in_force.roads, &[&self.roads_handle().closures()[..], tried].concat())
        };
        let Asked { targets, subjects } = self.asked(view, &in_force);
        Some(judge(view, &in_force, laid, &targets, &subjects))
    }

    /// Whom the View shows, and what they must be able to reach, on this network.
    pub(super) fn asked(&self, view: &View, in_force: &InForce) -> Asked {
        let mut snaps = self.snaps.lock().unwrap_or_else(PoisonError::into_inner);
        let targets = TARGETS
            .iter()
            .map(|(target, collection, kind)| {
                let of_kind = view.all(*collection).filter(|shown| shown.text("kind").as_deref() == Some(*kind));
                let at = of_kind.filter_map(|shown| point_of(&shown));
                (*target, at.map(|(lon, lat)| snaps.of(in_force, lon, lat)).collect())
            })
            .collect();
        let subjects = SUBJECTS
            .iter()
            .flat_map(|collection| view.all(*collection).filter(|shown| is_subject(shown)))
            .filter_map(|shown| {
                let (lon, lat) = point_of(&shown)?;
                Some(Subject {
                    collection: shown.collection(),
                    id: shown.id(),
                    members: shown.number("member_count").unwrap_or_default() as i64,
                    snaps: snaps.of(in_force, lon, lat),
                })
            })
            .collect();
        Asked { targets, subjects }
    }
}

fn judge(
    view: &View,
    in_force: &InForce,
    laid: Laid,
    targets: &[(Target, Vec<[Option<Snap>; 4]>)],
    subjects: &[Subject],
) -> Isolation {
    let mut lost: Vec<Vec<(Target, Vec<&'static str>)>> = vec![Vec::new(); subjects.len()];
    let mut counts = Vec::new();
    let nothing = Overlay::default();
    for (target, at) in targets {
        for profile in Profile::ALL {
            let ends: Vec<Snap> = at.iter().filter_map(|snaps| snaps[profile.index()]).collect();
            if ends.is_empty() || laid.overlay.is_empty() {
                continue;
            }
            let from: Vec<Option<Snap>> = subjects.iter().map(|subject| subject.snaps[profile.index()]).collect();
            let open = ways_out(&in_force.roads.ground(&nothing, profile), &from, &ends);
            let now = ways_out(&in_force.roads.ground(&laid.overlay, profile), &from, &ends);
            let mut count = CutOffCount {
                target: *target,
                profile: profile.as_str(),
                places: 0,
                households: 0,
                people: 0,
                shelters: 0,
                units: 0,
            };
            let is_lost = |n: &usize| open[*n] == WayOut::Open && now[*n] == WayOut::CutOff;
            for n in (0..subjects.len()).filter(is_lost) {
                count.add(&subjects[n]);
                match lost[n].last_mut().filter(|(of, _)| of == target) {
                    Some((_, by)) => by.push(profile.as_str()),
                    None => lost[n].push((*target, vec![profile.as_str()])),
                }
            }
            if count.is_anybody() {
                counts.push(count);
            }
        }
    }
    let listed = subjects.iter().zip(lost).filter(|(_, lost)| !lost.is_empty());
    let cut_off = listed.map(|(subject, lost)| CutOff { collection: subject.collection, id: subject.id, lost });
    let has_road = |snaps: &[Option<Snap>; 4]| snaps.iter().any(Option::is_some);
    Isolation {
        as_of: view.now(),
        seq: view.seq(),
        targets: targets.iter().map(|(target, at)| (*target, at.iter().filter(|s| has_road(s)).count())).collect(),
        counts,
        cut_off: cut_off.take(LISTED_MAX).collect(),
        without_road: subjects.iter().filter(|subject| !has_road(&subject.snaps)).count(),
        unmatched: laid.unmatched,
    }
}

impl CutOffCount {
    fn add(&mut self, subject: &Subject) {
        match subject.collection {
            Collection::Households => {
                self.households += 1;
                self.people += subject.members;
            }
            Collection::Shelters => self.shelters += 1,
            Collection::Units => self.units += 1,
            _ => self.places += 1,
        }
    }

    const fn is_anybody(&self) -> bool {
        self.places + self.households + self.shelters + self.units > 0
    }
}

fn is_subject(shown: &Shown<'_>) -> bool {
    let of_kind = |kinds: &[&str]| shown.text("kind").is_some_and(|kind| kinds.contains(&&*kind));
    shown.is_record() && !shown.is_ended() && (shown.collection() != Collection::Places || of_kind(&PLACE_KINDS))
}

fn point_of(shown: &Shown<'_>) -> Option<(f64, f64)> {
    match shown.geometry() {
        Some(Geometry::Point(point)) => Some((point.x(), point.y())),
        _ => None,
    }
}

/// As [`Snaps`], behind the lock of the desk.
pub(super) type SnapsHeld = Mutex<Snaps>;
