//! A visit: one unit inside one risk zone. There is one record of the two, which tells of the visit that is under way,
//! else of the last one; its history has the others. Written by the server as fixes come in ([`super::fence`]).

use uuid::Uuid;

use super::access::FORCES;
use super::ground::EXTRA;
use super::schema::FieldKind::{Boolean, Choice, Integer, Reference, Time};
use super::schema::{Field, verb};

/// Most visits, and repeats, that are counted.
const COUNT_MAX: i64 = 1_000_000;

/// The record of the visits of a unit to a zone.
#[must_use]
pub fn id_of(zone: Uuid, unit: Uuid) -> Uuid {
    Uuid::new_v5(&zone, unit.as_bytes())
}

pub(super) const FIELDS: &[Field] = &[
    verb("zone_id", Reference, "The risk zone."),
    verb("unit_id", Reference, "The unit."),
    verb("unit_force", Choice(FORCES), "The unit's force."),
    verb(
        "was_inside",
        Boolean,
        "It did not come in: it was inside when the fence began, or when it was first heard of.",
    ),
    verb("has_task", Boolean, "It had its incident there when it came in: nothing was raised."),
    verb("entered_at", Time, "Fix time of the entry; since when it is known to be inside if it did not come in."),
    verb("dwelt_at", Time, "Fix time at which it had stayed too long."),
    verb("left_at", Time, "Fix time of the leaving; absent if the fence ended first."),
    verb("ended_at", Time, "When the visit was over: the unit left, or the fence ended."),
    verb("visits", Integer(0, COUNT_MAX), "How often it came in so far."),
    verb("alarm_id", Reference, "The alarm that its last entry raised or joined."),
    verb("alarmed_at", Time, "Fix time of the last entry that raised an alarm."),
    verb("repeats", Integer(0, COUNT_MAX), "Entries that raised none since, because that one was so recent."),
    EXTRA,
];
