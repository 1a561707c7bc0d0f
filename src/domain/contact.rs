//! Whom to call: village head, commune, post, duty shift.

use super::access::FORCES;
use super::ground::{ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Choice, Integer, Reference, Text, Time};
use super::schema::{Field, client, personal, required, verb};

/// Kinds of contact.
pub const KINDS: &[&str] = &[
    "village_head",
    "commune",
    "border_post",
    "police",
    "military",
    "duty_shift",
    "hydromet",
    "clinic",
    "power",
    "telecom",
    "other",
];

/// A place from which nobody has been heard for so long is silent, seconds.
pub const SILENT_S: i64 = 2 * 3_600;
/// Calls in vain that are counted.
pub const TRIES_MAX: i64 = 1_000;

pub(super) const FIELDS: &[Field] = &[
    required("name", Text(NAME_CHARS), "Function (Trưởng bản Sín Chải)."),
    required("kind", Choice(KINDS), "What they are to us."),
    client("organisation", Text(NAME_CHARS), "Organisation."),
    client("force", Choice(FORCES), "Force."),
    client("hamlet", Text(NAME_CHARS), "Hamlet they answer for."),
    client("commune_code", Text(20), "Code of the commune they answer for."),
    client("station_id", Reference, "Post they belong to."),
    client("duty_hours", Text(200), "When they answer."),
    client("radio", Text(100), "Radio call sign and channel."),
    client("duty_phone", Text(40), "Telephone of the function (not of a person)."),
    verb("heard_at", Time, "When they last answered a call."),
    verb("heard_by", Text(NAME_CHARS), "Who heard them."),
    verb("heard_note", Text(1_000), "What they said then."),
    verb("tried_at", Time, "When they were last called."),
    verb("tries", Integer(0, TRIES_MAX), "Calls in vain since they last answered."),
    IN_ADMIN_UNIT,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
    personal("person_name", Text(NAME_CHARS), "Who holds the function now."),
    personal("phone", Text(40), "Their own telephone."),
];
