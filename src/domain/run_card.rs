//! Run cards: what a kind of incident asks for, as data, and which candidates bring it together.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::recommend::{Candidate, Reason};

/// A capability, and how many units that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Need {
    pub capability: &'static str,
    pub count: usize,
}

/// A need that the candidates do not meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shortfall {
    pub capability: &'static str,
    /// Units that are missing.
    pub missing: usize,
    pub reason: Reason,
}

/// One card: a kind of incident, the fewest people of a unit, and what is needed.
struct Card {
    kind: &'static str,
    crew_min: Option<u32>,
    needs: &'static [Need],
}

const fn need(capability: &'static str, count: usize) -> Need {
    Need { capability, count }
}

const fn card(kind: &'static str, crew_min: Option<u32>, needs: &'static [Need]) -> Card {
    Card { kind, crew_min, needs }
}

const CARDS: &[Card] = &[
    card("landslide", Some(3), &[need("first_aid", 1), need("search", 2)]),
    card("rockfall", None, &[need("traffic_control", 1)]),
    card("flash_flood", Some(3), &[need("first_aid", 1), need("swift_water", 1)]),
    card("flood", Some(2), &[need("boat", 1)]),
    card("subsidence", None, &[need("traffic_control", 1)]),
    card("road_closure", None, &[need("excavator", 1), need("traffic_control", 1)]),
    card("bridge_damage", None, &[need("traffic_control", 1)]),
    card("fire", Some(3), &[need("first_aid", 1)]),
    card("missing_person", Some(2), &[need("search", 2)]),
    card("contact_lost", Some(2), &[need("search", 1)]),
    card("accident", None, &[need("first_aid", 1), need("traffic_control", 1)]),
    card("medical", None, &[need("ambulance", 1), need("first_aid", 1)]),
    card("illegal_crossing", Some(2), &[need("interpreter", 1)]),
    card("illegal_entry_exit", Some(2), &[need("arrest", 1)]),
    card("drug_crime", Some(3), &[need("arrest", 2)]),
    card("human_trafficking", Some(3), &[need("arrest", 1), need("interpreter", 1)]),
    card("wanted_person_found", Some(3), &[need("arrest", 1)]),
    card("smuggling", Some(2), &[need("arrest", 1)]),
    card("public_order", Some(2), &[need("arrest", 1)]),
];

fn card_of(kind: &str) -> Option<&'static Card> {
    CARDS.iter().find(|card| card.kind == kind)
}

/// What a kind of incident asks for.
#[must_use]
pub fn needs(kind: &str) -> &'static [Need] {
    card_of(kind).map_or(&[], |card| card.needs)
}

/// The fewest people of a unit that is sent alone; `None` where any crew will do.
#[must_use]
pub fn crew_min(kind: &str) -> Option<u32> {
    card_of(kind)?.crew_min
}

/// The fewest first candidates, in their order, that together bring what is needed, and what is then still missing.
/// Where nothing is needed the first one.
#[must_use]
pub fn pick(needs: &'static [Need], candidates: &[Candidate]) -> (Vec<Uuid>, Vec<Shortfall>) {
    let mut missing: Vec<usize> = needs.iter().map(|need| need.count).collect();
    let mut picks = Vec::new();
    for candidate in candidates {
        let brings: Vec<usize> = (0..needs.len())
            .filter(|n| missing[*n] > 0 && candidate.capabilities.iter().any(|has| has == needs[*n].capability))
            .collect();
        if !brings.is_empty() || (needs.is_empty() && picks.is_empty()) {
            picks.push(candidate.unit_id);
        }
        brings.into_iter().for_each(|n| missing[n] -= 1);
    }
    let short = |(need, missing): (&Need, usize)| Shortfall {
        capability: need.capability,
        missing,
        reason: Reason::new(
            "no_unit_with_capability",
            format!("thiếu {missing} đơn vị có khả năng này đang sẵn sàng"),
            format!("{missing} more units with this capability are needed and none is free"),
        ),
    };
    let shortfalls = needs.iter().zip(missing).filter(|(_, missing)| *missing > 0).map(short).collect();
    (picks, shortfalls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::incident::KINDS;
    use crate::domain::unit::CAPABILITIES;

    #[test]
    fn the_cards_use_known_words() {
        for card in CARDS {
            assert!(KINDS.contains(&card.kind), "{}", card.kind);
            assert!(card.needs.iter().all(|need| CAPABILITIES.contains(&need.capability)), "{}", card.kind);
        }
    }
}
