//! Whom to call: village head, commune, post, duty shift.

use super::access::FORCES;
use super::ground::{ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Choice, Reference, Text};
use super::schema::{Field, client, personal, required};

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
    IN_ADMIN_UNIT,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
    personal("person_name", Text(NAME_CHARS), "Who holds the function now."),
    personal("phone", Text(40), "Their own telephone."),
];
