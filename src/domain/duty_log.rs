//! The duty officers' log (sổ trực): what was said and ordered, and, for each incident, its course (diễn biến).
//!
//! Entries are never changed in substance: an instruction is done, a correction is a new entry.
//! Every verb on an incident writes its entry here in the same append, so the incident's log cannot miss one.

use super::access::FORCES;
use super::ground::{EXTRA, IN_ADMIN_UNIT, NAME_CHARS, TEXT_CHARS};
use super::schema::FieldKind::{Choice, Json, Reference, Text, Time};
use super::schema::{Field, client, required, server, verb};
use super::shift;

/// Kinds of entry. Those from `reported` on are written by verbs on incidents.
pub const KINDS: &[&str] = &[
    "note",
    "call",
    "instruction",
    "handover",
    "correction",
    "reported",
    "caller_added",
    "verified",
    "rejected",
    "merged",
    "unmerged",
    "monitoring",
    "assigned",
    "queued",
    "released",
    "started",
    "contained",
    "updated",
    "handed_over",
    "closed",
    "reopened",
    "acknowledged",
    "unit_status",
    "zone_drawn",
    "zone_edited",
    "zone_approved",
    "zone_lapsed",
    "zone_ended",
    "road_closed",
    "road_opened",
    "blind",
    "break_glass",
    "proposed",
    "requested",
    "agreed",
    "refused",
    "declined",
    "timed_out",
    "cleared",
    "accountability",
    "alarm_taken",
    "level_set",
    "level_changed",
    "cut_off",
    "reconnected",
    "fence_entered",
    "fence_dwelt",
    "fence_left",
    "evacuation_corrected",
    "outsiders_told",
    "evacuation_planned",
    "warning_proposed",
    "warning_released",
    "warning_withdrawn",
    "warning_expired",
    "patrol_planned",
    "patrol_agreed",
    "patrol_refused",
    "patrol_started",
    "patrol_point",
    "patrol_strayed",
    "patrol_overdue",
    "patrol_ended",
    "attachment_withdrawn",
    "report_step",
    "figure_stated",
    "figure_agreed",
    "disaster_report_sent",
    "imported",
    "import_undone",
    "exercise_begun",
    "inject_given",
    "exercise_judged",
    "exercise_ended",
    "shift_begun",
    "shift_offered",
    "shift_withdrawn",
    "shift_accepted",
    "shift_declined",
    "shift_taken_over",
    "sector_proposed",
    "sector_agreed",
    "sector_refused",
    "sector_lapsed",
];

/// Whether an entry tells where a unit is: who may not see that reads it no more than the unit's place.
#[must_use]
pub fn tells_place(kind: &str) -> bool {
    kind.starts_with("fence_") || kind.starts_with("patrol_")
}

/// Kinds that a person writes by hand.
pub const HAND_KINDS: &[&str] = &["note", "call", "instruction", "handover", "correction"];

pub(super) const FIELDS: &[Field] = &[
    client("kind", Choice(KINDS), "What sort of entry; `note` if not said."),
    required("text", Text(TEXT_CHARS), "What happened, in words."),
    client("occurred_at", Time, "When it happened; the time of writing if not said."),
    client("incident_id", Reference, "The incident it belongs to."),
    client("unit_id", Reference, "The unit it speaks of."),
    client("zone_id", Reference, "The zone it speaks of."),
    client("owner", Text(NAME_CHARS), "Who carries out an instruction."),
    client("due_at", Time, "When an instruction is due."),
    verb("done_at", Time, "When it was done."),
    verb("done_by", Text(NAME_CHARS), "Who said that it was done."),
    verb(
        "passed",
        Json(shift::PASSED_CHARS_MAX),
        "An instruction: to whom it passed at handovers, the newest of each post, as [{post, from, to, at}].",
    ),
    client("corrects_id", Reference, "The entry that this one corrects."),
    server("author", Text(NAME_CHARS), "Who wrote it."),
    server("author_force", Choice(FORCES), "The author's force."),
    server("facts", Json(8_000), "What a verb changed: from, to, distances as they were shown."),
    IN_ADMIN_UNIT,
    EXTRA,
];
