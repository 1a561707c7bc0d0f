//! An incident (vụ việc): its states, what may follow which, and its outcome, kept apart from the state.

use super::access::FORCES;
use super::ground::{ACCURACY, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, SOURCE, TEXT_CHARS};
use super::schema::FieldKind::{Choice, Choices, Integer, Json, Real, Reference, References, Text, Time};
use super::schema::{Field, SetBy, client, personal, required, server, verb};
use super::shift;

/// Kinds of incident.
pub const KINDS: &[&str] = &[
    "landslide",
    "flash_flood",
    "flood",
    "subsidence",
    "rockfall",
    "road_closure",
    "bridge_damage",
    "fire",
    "missing_person",
    "accident",
    "medical",
    "illegal_crossing",
    "illegal_entry_exit",
    "drug_crime",
    "human_trafficking",
    "unplanned_migration",
    "wanted_person_found",
    "smuggling",
    "public_order",
    "border_marker",
    "contact_lost",
    "other",
];

/// Places of an incident in its life.
pub const STATES: &[&str] = &[
    "reported",
    "verified",
    "dispatched",
    "in_progress",
    "monitoring",
    "contained",
    "handed_over",
    "closed",
    "rejected",
    "merged",
];

/// Why an incident ended.
pub const OUTCOMES: &[&str] = &["resolved", "handed_over", "unfounded", "duplicate", "false_report", "exercise_end"];

/// How the position became known.
pub const LOCATED_BY: &[&str] =
    &["coordinates", "gps", "map", "place_name", "road_ref", "bearing", "admin_unit", "import"];

/// States in which nobody works on the incident any more.
#[must_use]
pub fn is_ended(state: &str) -> bool {
    matches!(state, "closed" | "rejected" | "merged")
}

/// States that may follow `state` (DOMAIN.md 2.1). `in_progress` after `closed` or `rejected` is "reopened";
/// a merge can be undone to the state before it.
#[must_use]
pub fn next_states(state: &str) -> &'static [&'static str] {
    match state {
        "reported" => &["verified", "dispatched", "monitoring", "rejected", "merged"],
        "verified" => &["dispatched", "monitoring", "closed", "merged"],
        "dispatched" => &["in_progress", "verified", "merged"],
        "in_progress" => &["contained", "handed_over", "closed", "merged"],
        "monitoring" => &["dispatched", "closed", "merged"],
        "contained" => &["in_progress", "handed_over", "closed", "merged"],
        "handed_over" => &["closed"],
        "closed" | "rejected" => &["in_progress"],
        "merged" => &["reported", "verified", "dispatched", "in_progress", "monitoring", "contained"],
        _ => &[],
    }
}

/// Whether `to` may follow `from`.
#[must_use]
pub fn may_follow(from: &str, to: &str) -> bool {
    next_states(from).contains(&to)
}

pub(super) const FIELDS: &[Field] = &[
    server("code", Text(40), "Human code, shown everywhere (LC-2026-Q4-0147)."),
    required("kind", Choice(KINDS), "What happened."),
    client(
        "severity",
        Integer(1, 4),
        "1 noted, 2 notable, 3 serious, 4 grave; shown in words and weight, never as a digit.",
    ),
    client("title", Text(NAME_CHARS), "Short title; made from kind and place if not given."),
    client("description", Text(TEXT_CHARS), "What was reported, in words."),
    verb("state", Choice(STATES), "Where it is in its life."),
    verb("state_at", Time, "When the state became true."),
    verb("outcome", Choice(OUTCOMES), "Why it ended."),
    client("occurred_at", Time, "When it happened, as far as known."),
    verb("reported_at", Time, "When the report came."),
    verb("verified_at", Time, "When place and kind were confirmed."),
    verb("first_assigned_at", Time, "When the first unit was assigned."),
    verb("first_on_scene_at", Time, "When the first unit was on scene."),
    verb("contained_at", Time, "When the hazard was stopped."),
    verb("closed_at", Time, "When it ended."),
    verb("acknowledged_at", Time, "When a named officer took the alarm."),
    verb("acknowledged_by", Text(NAME_CHARS), "Who took it."),
    verb(
        "passed",
        Json(shift::PASSED_CHARS_MAX),
        "To whom its alarm passed at handovers while nobody had taken it, the newest of each post, as [{post, from, to, at}].",
    ),
    client("place_text", Text(NAME_CHARS), "The place in the caller's words."),
    client("located_by", Choice(LOCATED_BY), "How the position became known."),
    client("road_ref", Text(20), "Road of a place told by kilometre post (QL12)."),
    client("road_km", Real(0.0, 10_000.0), "Kilometre post (Km46+300 is 46.3)."),
    client("commune_code", Text(20), "The commune, where only that is known."),
    IN_ADMIN_UNIT,
    server("sector_id", Reference, "The border sector nearest to it, within 10 km."),
    server("chainage_km", Real(0.0, 10_000.0), "Calibrated kilometre of the border line beside it."),
    client("lead_force", Choice(FORCES), "The force that leads (chủ trì)."),
    client("support_forces", Choices(FORCES), "Forces that support (phối hợp)."),
    verb("unit_ids", References, "Units assigned now."),
    verb("queued_unit_ids", References, "Busy units for which it waits."),
    verb("requested_unit_ids", References, "Units of other forces that were asked for and not yet agreed to."),
    client(
        "accountability_every_min",
        Integer(0, 1_440),
        "How often its units must be heard of, minutes, in place of what its kind asks; 0 for not at all.",
    ),
    verb("merged_into", Reference, "The incident that took it in."),
    verb("merged_from", Json(2_000), "What the merge moved, so that it can be undone."),
    client("dead", Integer(0, 100_000), "Dead."),
    client("missing", Integer(0, 100_000), "Missing."),
    client("injured", Integer(0, 100_000), "Injured."),
    client("rescued", Integer(0, 100_000), "Rescued, among them victims."),
    verb("receiving_agency", Text(NAME_CHARS), "Who took the case over."),
    verb("record_no", Text(100), "Number of the handover record."),
    client(
        "channel",
        Choice(&["phone", "radio", "field", "tip", "sensor", "import", "simulation", "web"]),
        "How the report came.",
    ),
    server("caller_count", Integer(0, 100_000), "How many callers reported it."),
    ACCURACY,
    SOURCE,
    EXTRA,
    personal("reporter_phone", Text(40), "Number of the first caller."),
    personal("reporter_name", Text(NAME_CHARS), "Name of the first caller."),
    Field {
        set_by: SetBy::Verb,
        ..personal("callers", Json(16_000), "All callers as [{phone, name, at, text, incident_id}].")
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_that_may_follow_is_a_state() {
        for state in STATES {
            assert!(!next_states(state).is_empty(), "{state} has no way out");
            for next in next_states(state) {
                assert!(STATES.contains(next), "{next} after {state}");
            }
        }
    }

    #[test]
    fn a_closed_incident_is_only_reopened() {
        assert!(may_follow("closed", "in_progress"));
        assert!(!may_follow("closed", "dispatched"));
        assert!(!may_follow("reported", "closed"));
    }
}
