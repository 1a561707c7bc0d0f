//! The advice on the screen of whoever dispatched, kept with the order as it was shown: by what stands in it alone it is
//! ranked again ([`Shown::again`]).

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::FORCES;
use super::change::Seq;
use super::ground::NAME_CHARS;
use super::move_up::EmptyPost;
use super::recommend::{Asked, Recommendation, UnitFacts, rank};
use super::schema::Field;
use super::schema::FieldKind::{Boolean, Choice, Integer, Json, Reference, Text, Time};
use super::schema::{server, verb};

/// Most units left out that are kept: the nearest.
const LEFT_OUT_KEPT: usize = 5;
/// Longest basis, characters: the most candidates of one answer, those left out and the donors, 900 characters each.
const BASIS_CHARS_MAX: usize = 400_000;

/// What an answer was made from, down to the units that it showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    pub asked: Asked,
    /// The picture that was asked.
    pub seq: Seq,
    /// Fingerprint of the road network; `None` where none was loaded.
    pub roads_id: Option<String>,
    pub units: Vec<UnitFacts>,
    pub empty_posts: Vec<EmptyPost>,
}

impl Shown {
    /// Keeps of `units` those that the advice named: its candidates and picks, and the nearest of those left out.
    #[must_use]
    pub fn of(
        advice: &Recommendation,
        asked: &Asked,
        roads_id: Option<String>,
        units: &[UnitFacts],
        empty_posts: &[EmptyPost],
    ) -> Self {
        let named: HashSet<Uuid> = (advice.candidates.iter().map(|candidate| candidate.unit_id))
            .chain(advice.picks.iter().copied())
            .chain(advice.left_out.iter().take(LEFT_OUT_KEPT).map(|left| left.unit_id))
            .collect();
        Self {
            asked: asked.clone(),
            seq: advice.seq,
            roads_id,
            units: units.iter().filter(|unit| named.contains(&unit.unit_id)).cloned().collect(),
            empty_posts: empty_posts.to_vec(),
        }
    }

    /// The advice once more: candidates, picks, what is missing and who holds the posts as they were shown, and the
    /// nearest of those left out.
    #[must_use]
    pub fn again(&self) -> Recommendation {
        rank(&self.asked, &self.units, &self.empty_posts, self.seq)
    }
}

pub(super) const FIELDS: &[Field] = &[
    verb("incident_id", Reference, "The incident it was asked for."),
    verb("unit_id", Reference, "The unit that was sent, asked for or proposed."),
    verb("shown_to", Text(NAME_CHARS), "Who had it on the screen."),
    verb("by_force", Choice(FORCES), "Their force; absent for the joint duty room."),
    verb("shown_at", Time, "When it was made."),
    server("rank", Integer(1, 100_000), "The place of the unit in it; absent if it was left out."),
    verb("is_as_shown", Boolean, "False if what was on the screen was not known here any more, and was made anew."),
    verb("basis", Json(BASIS_CHARS_MAX), "What it was made from: {asked, seq, roads_id, units, empty_posts}."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::recommend::{EtaBasis, Standing, Travel, UnitPosition};

    fn unit(number: u128) -> UnitFacts {
        let n = number as f64;
        let position = UnitPosition {
            lon: 103.0 + n / 7.0,
            lat: 22.0 + n / 11.0,
            source: "gps".into(),
            at: Some(Timestamp::from_ms(number as i64)),
            accuracy_m: Some(n / 3.0),
        };
        let travel = Travel {
            basis: EtaBasis::RoadGraph,
            profile: Some("motorbike".into()),
            duration_s: 1_000.0 / 3.0 * ((number * 37) % 101) as f64,
            road_m: n,
            foot_m: n,
            danger_s: None,
        };
        let standing = Standing {
            position,
            distance_m: n * 100.0,
            bearing_deg: n,
            straight_rank: number as usize,
            travel: Some(travel),
        };
        UnitFacts {
            unit_id: Uuid::from_u128(number),
            kind: "rescue_team".into(),
            force: "police".into(),
            status: if number.is_multiple_of(5) { "resting" } else { "available" }.into(),
            capabilities: if number.is_multiple_of(3) { vec!["search".into()] } else { vec![] },
            crew: Some(4),
            place: Some(standing),
            incident_id: None,
            queued_incident_ids: Vec::new(),
            is_sector_post: false,
            station_id: None,
            cover_left: None,
            declined_at: None,
        }
    }

    #[test]
    fn what_is_kept_of_five_hundred_units_says_again_what_was_shown() {
        let units: Vec<UnitFacts> = (1..=500).map(unit).collect();
        let asked = Asked {
            incident_id: Uuid::nil(),
            kind: "landslide".into(),
            force: Some("police".into()),
            now: Timestamp::from_ms(60_000),
            commune_only: false,
            is_night: true,
            limit: 10,
        };
        let advice = rank(&asked, &units, &[], 9);
        let kept = Shown::of(&advice, &asked, Some("r".into()), &units, &[]);
        assert!(kept.units.len() < 60, "{}", kept.units.len());
        let text = serde_json::to_string(&kept).unwrap();
        let again = serde_json::from_str::<Shown>(&text).unwrap().again();
        assert_eq!(
            (&again.candidates, &again.picks, &again.shortfalls),
            (&advice.candidates, &advice.picks, &advice.shortfalls)
        );
        assert_eq!(again.left_out, advice.left_out[..again.left_out.len()]);
        assert!(text.len() < BASIS_CHARS_MAX / 10, "{}", text.len());
    }
}
