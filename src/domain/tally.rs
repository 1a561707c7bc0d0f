//! A tally (số liệu ghi tay): facts that were counted where they happened and of which nothing but the count is kept
//! here, with the day, the source and who entered it. Tip-offs given by word of mouth, sessions in a village, households
//! moved by a commune before it had a list.

use super::access::FORCES;
use super::ground::{ACCURACY, ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Choice, Integer, Text, Time};
use super::schema::{Field, client, required, server};

/// What is counted.
pub const COUNTED: &[&str] = &["tips", "households_moved", "awareness_sessions", "briefings", "joint_patrols"];

/// How tip-offs came in.
pub const CHANNELS: &[&str] = &["hotline", "post", "patrol", "village_meeting", "app", "other"];

/// Most of one tally.
const COUNT_MAX: i64 = 1_000_000;

pub(super) const FIELDS: &[Field] = &[
    required("counted", Choice(COUNTED), "What is counted."),
    required("count", Integer(0, COUNT_MAX), "How many."),
    required("force", Choice(FORCES), "The force that counted."),
    required("occurred_at", Time, "When it was; it counts in the quarter that holds this moment."),
    client("people", Integer(0, COUNT_MAX), "People in it: who were moved, reached, or went along."),
    client("valid", Integer(0, COUNT_MAX), "Of tip-offs: how many proved right."),
    client("channel", Choice(CHANNELS), "Of tip-offs: how they came in."),
    client("topic", Text(NAME_CHARS), "What it was about, in words; never who told."),
    client("place_text", Text(NAME_CHARS), "Where, in words."),
    client("commune_code", Text(20), "The commune, where no place is known."),
    server("entered_by", Text(NAME_CHARS), "Who entered it."),
    IN_ADMIN_UNIT,
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];
