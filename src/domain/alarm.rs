//! An alarm: something that somebody must hear of. It is raised with what caused it, taken by a named person, and over
//! when its cause is gone. Grave incidents raise their own (`acknowledged_at` of the incident).

use super::access::FORCES;
use super::ground::{EXTRA, NAME_CHARS};
use super::schema::Field;
use super::schema::FieldKind::{Choice, Integer, Json, Reference, References, Text, Time};
use super::schema::verb;
use super::shift;

/// Kinds of alarm, gravest first.
pub const KINDS: &[&str] = &[
    "distress",
    "contact_lost",
    "accountability_missed",
    "assignment_timed_out",
    "assignment_declined",
    "support_unanswered",
    "support_refused",
    "support_requested",
    "cut_off",
    "patrol_overdue",
    "patrol_strayed",
    "zone_ended_occupied",
    "zone_expiring",
    "level_risen",
    "warning_unreleased",
    "warning_stands",
    "fence_dwell",
    "fence_entered",
    "household_unreachable",
    "count_discrepancy",
    "shelter_over_capacity",
    "closure_unmatched",
];

/// Whether it is over as soon as somebody took it. The others stand until their cause is gone: whoever was lost is
/// heard again, whoever called for help has it.
#[must_use]
pub fn ends_when_taken(kind: &str) -> bool {
    matches!(
        kind,
        "assignment_timed_out"
            | "assignment_declined"
            | "support_unanswered"
            | "support_refused"
            | "level_risen"
            | "zone_ended_occupied"
    )
}

pub(super) const FIELDS: &[Field] = &[
    verb("kind", Choice(KINDS), "What it warns of."),
    verb("raised_at", Time, "When its cause began."),
    verb("force", Choice(FORCES), "Whose duty officer it calls; all who see it if absent."),
    verb("incident_id", Reference, "The incident it belongs to."),
    verb("unit_id", Reference, "The unit it speaks of."),
    verb("unit_ids", References, "All units it speaks of, where they are several."),
    verb("assignment_id", Reference, "The assignment it speaks of."),
    verb("zone_id", Reference, "The risk zone it speaks of."),
    verb(
        "repeats",
        Integer(0, 1_000_000),
        "How often the same happened again while it stood: nothing more was raised.",
    ),
    verb("shelter_id", Reference, "The shelter it speaks of."),
    verb("admin_unit", Text(20), "Code of the commune it speaks of, where nothing else says where."),
    verb("text", Text(NAME_CHARS), "What happened, in words."),
    verb("patrol_id", Reference, "The patrol it speaks of."),
    verb("closure_id", Reference, "The closure of a road it speaks of."),
    verb("place_ids", References, "Places that are cut off by it, the first 200."),
    verb("places", Integer(0, 1_000_000), "How many places."),
    verb("households_at_most", Integer(0, 1_000_000_000), "How many households, rounded up to tens."),
    verb("people_at_most", Integer(0, 1_000_000_000), "How many people live in them, rounded up to tens."),
    verb("acknowledged_at", Time, "When somebody took it."),
    verb("acknowledged_by", Text(NAME_CHARS), "Who took it."),
    verb(
        "passed",
        Json(shift::PASSED_CHARS_MAX),
        "To whom it passed at handovers while nobody had taken it, the newest of each post, as [{post, from, to, at}].",
    ),
    verb("ended_at", Time, "When its cause was gone."),
    EXTRA,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_in_danger_stay_on_the_screen_after_somebody_took_the_alarm() {
        assert!(KINDS.contains(&"distress") && !ends_when_taken("distress"));
        assert!(!ends_when_taken("contact_lost"));
    }
}
