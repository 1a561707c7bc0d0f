//! A shelter (điểm sơ tán) and how many people it takes.

use super::ground::{ACCURACY, ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Boolean, Choice, Integer, Text};
use super::schema::{Field, client, required, verb};

/// What a shelter is at other times.
pub const KINDS: &[&str] = &["school", "community_house", "clinic", "commune_office", "barracks", "tent_site", "other"];

pub(super) const FIELDS: &[Field] = &[
    required("name", Text(NAME_CHARS), "Name."),
    client("kind", Choice(KINDS), "What it is at other times."),
    required("capacity", Integer(0, 100_000), "People it takes by night."),
    verb("occupied", Integer(0, 100_000), "People in it now, counted from the arrivals of households."),
    client("is_open", Boolean, "Opened for evacuees."),
    IN_ADMIN_UNIT,
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];
