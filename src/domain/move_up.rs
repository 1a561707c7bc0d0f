//! Who takes over a post that a dispatch leaves empty: the nearest unit whose own post can spare it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::recommend::{Asked, EtaBasis, Reason, UnitFacts, eta_s};
use super::unit::{Availability, availability};

/// Most posts for which somebody is looked for.
pub const POSTS_MAX: usize = 4;
/// Most units that are looked at for one post: the nearest by straight line.
pub const DONORS_MAX: usize = 6;

/// A post that a dispatch leaves empty, and who might hold it meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmptyPost {
    pub station_id: Uuid,
    /// The unit whose going leaves it empty.
    pub left_by: Uuid,
    pub force: String,
    /// Units with their ways to the post: `place` is as seen from there.
    pub donors: Vec<UnitFacts>,
}

/// A proposal: this unit goes to that post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MoveUp {
    pub station_id: Uuid,
    pub left_by: Uuid,
    pub unit_id: Uuid,
    pub eta_min_s: i64,
    pub eta_max_s: i64,
    pub eta_basis: EtaBasis,
    pub reason: Reason,
}

/// Whether a unit can be spared for a post of this force: it is free, and its own post keeps somebody.
#[must_use]
pub fn can_be_spared(unit: &UnitFacts, force: &str) -> bool {
    unit.force == force
        && unit.incident_id.is_none()
        && availability(&unit.status) == Availability::Available
        && unit.cover_left != Some(0)
}

/// The quickest donor of each post; a unit is proposed for one post alone. A post for which there is none is left out.
#[must_use]
pub fn propose(asked: &Asked, posts: &[EmptyPost]) -> Vec<MoveUp> {
    let mut proposed: Vec<MoveUp> = Vec::new();
    for post in posts {
        let free = |unit: &&UnitFacts| {
            unit.station_id != Some(post.station_id)
                && can_be_spared(unit, &post.force)
                && proposed.iter().all(|other| other.unit_id != unit.unit_id)
        };
        let ways = post.donors.iter().filter(free).filter_map(|unit| {
            let place = unit.place.as_ref()?;
            let travel = place.travel.as_ref()?;
            Some((eta_s(asked, unit, place.distance_m, travel), travel.basis, unit.unit_id))
        });
        let Some(((eta_min_s, eta_max_s), eta_basis, unit_id)) = ways.min_by_key(|((_, most), _, id)| (*most, *id))
        else {
            continue;
        };
        proposed.push(MoveUp {
            station_id: post.station_id,
            left_by: post.left_by,
            unit_id,
            eta_min_s,
            eta_max_s,
            eta_basis,
            reason: Reason::new(
                "holds_empty_post",
                "giữ đồn, trạm thay đơn vị được điều đi",
                "holds the post of the unit that is sent",
            ),
        });
    }
    proposed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::recommend::{Standing, Travel, UnitPosition};

    fn donor(number: u128, duration_s: f64, cover_left: Option<usize>) -> UnitFacts {
        let position = UnitPosition { lon: 103.0, lat: 22.0, source: "gps".into(), at: None, accuracy_m: None };
        let travel = Travel {
            basis: EtaBasis::RoadGraph,
            profile: Some("car".into()),
            duration_s,
            road_m: 1_000.0,
            foot_m: 0.0,
            danger_s: None,
        };
        let place = Standing { position, distance_m: 900.0, bearing_deg: 0.0, straight_rank: 1, travel: Some(travel) };
        UnitFacts {
            unit_id: Uuid::from_u128(number),
            kind: "border_guard_team".into(),
            force: "border_guard".into(),
            status: "available".into(),
            capabilities: Vec::new(),
            crew: None,
            place: Some(place),
            incident_id: None,
            queued_incident_ids: Vec::new(),
            is_sector_post: false,
            station_id: Some(Uuid::from_u128(1_000 + number)),
            cover_left,
            declined_at: None,
        }
    }

    fn post(number: u128, donors: &[UnitFacts]) -> EmptyPost {
        let (station_id, left_by) = (Uuid::from_u128(number), Uuid::from_u128(number + 1));
        EmptyPost { station_id, left_by, force: "border_guard".into(), donors: donors.to_vec() }
    }

    fn asked() -> Asked {
        Asked {
            incident_id: Uuid::nil(),
            kind: "landslide".into(),
            force: None,
            now: Timestamp::from_ms(0),
            commune_only: false,
            is_night: false,
            limit: 10,
        }
    }

    #[test]
    fn the_quickest_that_can_be_spared_is_proposed_and_each_but_once() {
        let last_of_its_post = donor(1, 60.0, Some(0));
        let mut busy = donor(2, 60.0, Some(2));
        busy.incident_id = Some(Uuid::max());
        let mut of_another_force = donor(3, 60.0, Some(2));
        of_another_force.force = "police".into();
        let mut no_way = donor(4, 60.0, Some(2));
        no_way.place.as_mut().unwrap().travel = None;
        let donors =
            [last_of_its_post, busy, of_another_force, no_way, donor(5, 900.0, Some(1)), donor(6, 600.0, None)];
        let proposed = propose(&asked(), &[post(10, &donors), post(20, &donors), post(30, &donors)]);
        let who: Vec<u128> = proposed.iter().map(|move_up| move_up.unit_id.as_u128()).collect();
        assert_eq!(who, [6, 5], "and nobody is left for the third post");
        assert_eq!((proposed[0].eta_min_s, proposed[0].eta_max_s), (900, 1_800));
    }
}
