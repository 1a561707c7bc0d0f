//! A zone that is about to end, or has ended, while people are still inside: nobody must find that out later.

use std::sync::Arc;

use uuid::Uuid;

use super::alarms::{about_zone, end_about_zone, standing_about_zone};
use super::scene::{Draft, Scene, Working};
use super::{Ask, Desk, Written};
use crate::domain::zone::{self, notice_at};
use crate::domain::{Actor, Collection, Problem, Timestamp};
use crate::picture::{Feature, Picture, View};

/// Its alarm before the end.
const EXPIRING: &str = "zone_expiring";

/// How many are in a zone in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Occupied {
    people: i64,
    units: usize,
}

impl Desk {
    /// Tells whoever is on duty that an occupied zone is about to end. Called by the watch; where there is nothing to tell
    /// the zone is answered as it stands.
    ///
    /// # Errors
    /// `not_found`, or the problem of the store.
    pub async fn tell_zone_end(&self, zone: Uuid) -> Result<Written, Problem> {
        let ask = Ask::by(Actor::system());
        self.write_in_turn(&ask, zone, |scene| tell_expiring(scene, zone)).await
    }
}

/// Zones whose end nobody has been told of, and when that is to be told; of those that are due the occupied ones.
#[must_use]
pub fn untold_ends(picture: &Arc<Picture>, now: Timestamp) -> Vec<(Uuid, Timestamp)> {
    let open = picture.layer(Collection::RiskZones).iter().filter(|zone| !zone.is_ended());
    let untold = open.filter_map(|feature| Some((feature.id, tell_at(feature)?)));
    let untold = untold.filter(|(id, _)| standing_about_zone(picture, EXPIRING, *id).is_none());
    untold.filter(|(id, at)| *at > now || occupied(picture, now, *id).is_some()).collect()
}

fn tell_at(feature: &Feature) -> Option<Timestamp> {
    let time = |name: &str| feature.text(name).and_then(|text| Timestamp::parse(&text).ok());
    let ends = zone::ends_at(time("valid_to"), time("provisional_until"))?;
    (feature.text("state").as_deref() == Some("in_force")).then(|| notice_at(time("valid_from"), ends))
}

fn tell_expiring(scene: &Scene<'_>, id: Uuid) -> Result<Draft, Problem> {
    let record = scene.take(Collection::RiskZones, id)?;
    let ends = zone::ends_at(record.time("valid_to"), record.time("provisional_until"));
    let due = scene.feature(Collection::RiskZones, id).and_then(|feature| tell_at(feature));
    let (Some(ends), Some(_)) = (ends, due.filter(|due| *due <= scene.now)) else {
        return scene.already(Collection::RiskZones, id);
    };
    let Some(occupied) = occupied(scene.picture, scene.now, id) else {
        return scene.already(Collection::RiskZones, id);
    };
    if standing_about_zone(scene.picture, EXPIRING, id).is_some() {
        return scene.already(Collection::RiskZones, id);
    }
    let text = format!("{} hết hiệu lực lúc {}: {}", record.label(), ends.told_text(), occupied.words());
    let mut draft = Draft::default();
    draft.read(&record);
    draft.put(about_zone(EXPIRING, id, &text, scene.now), scene.now);
    Ok(draft)
}

/// Calls whoever is on duty where a zone ended by time and people are still inside.
pub(super) fn tell_ended(scene: &Scene<'_>, draft: &mut Draft, record: &Working, at: Timestamp) {
    if let Some(occupied) = occupied(scene.picture, scene.now, record.id) {
        let text = format!("{} đã hết hiệu lực: {}", record.label(), occupied.words());
        draft.put(about_zone("zone_ended_occupied", record.id, &text, at), at);
    }
}

/// The alarm before the end stands only while that end is near.
pub(super) fn keep_telling(scene: &Scene<'_>, draft: &mut Draft, record: &Working, at: Timestamp) {
    let ends = zone::ends_at(record.time("valid_to"), record.time("provisional_until"));
    if ends.is_some_and(|ends| notice_at(record.time("valid_from"), ends) > scene.now) {
        end_about_zone(scene, draft, record.id, at, |kind| kind == EXPIRING);
    }
}

/// Who is in a zone as it stands in the picture; `None` if nobody is known to be.
fn occupied(picture: &Arc<Picture>, now: Timestamp, id: Uuid) -> Option<Occupied> {
    let view = View::new(Arc::clone(picture), Arc::new(Actor::system()), now);
    let inside = view.inside();
    let found = inside.zones.iter().find(|zone| zone.zone.id() == id)?;
    let occupied = Occupied { people: found.figures.people_inside(), units: found.units.len() };
    (occupied.people > 0 || occupied.units > 0).then_some(occupied)
}

impl Occupied {
    fn words(self) -> String {
        match (self.people, self.units) {
            (people, 0) => format!("còn {people} người bên trong"),
            (0, units) => format!("còn {units} đơn vị bên trong"),
            (people, units) => format!("còn {people} người và {units} đơn vị bên trong"),
        }
    }
}
