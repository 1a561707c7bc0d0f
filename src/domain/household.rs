//! A household under a slope: where it is, how many people, who needs help, how far its evacuation has come.
//!
//! Need flags, not diagnoses; no ethnicity. Names and phones are personal and lie in the side table.

use super::ground::{ACCURACY, ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Boolean, Choice, Integer, Json, Reference, Text, Time};
use super::schema::{Field, client, personal, personal_verb, required, verb};

/// Evacuation states (DOMAIN.md 2.4), in the order of the chain.
pub const STATES: &[&str] = &[
    "registered",
    "at_risk",
    "notified",
    "moving",
    "sheltered",
    "with_relatives",
    "refused",
    "unreachable",
    "return_authorised",
    "returned",
    "relocated",
];

/// Most people that one household may have.
pub const MEMBERS_MAX: i64 = 200;

/// Kinds of property item.
pub const PROPERTY_KINDS: &[&str] = &["livestock", "vehicle", "goods"];
/// Property items of one household, at most.
pub const PROPERTY_ITEMS_MAX: usize = 50;
/// Longest list of property items, characters.
const PROPERTY_CHARS_MAX: usize = 16_000;
/// Longest list of parts and of reports, characters: [`super::evacuation::REPORTS_MAX`] of them.
const PARTS_CHARS_MAX: usize = 60_000;
const REPORTS_CHARS_MAX: usize = 200_000;

pub(super) const FIELDS: &[Field] = &[
    client("code", Text(40), "Code on the commune's list."),
    client("hamlet", Text(NAME_CHARS), "Hamlet (thôn, bản)."),
    required("member_count", Integer(0, MEMBERS_MAX), "People in the household (nhân khẩu)."),
    client("children", Integer(0, MEMBERS_MAX), "Children among them."),
    client("elderly", Integer(0, MEMBERS_MAX), "Elderly persons among them."),
    client("pregnant_or_nursing", Integer(0, MEMBERS_MAX), "Pregnant, or nursing a child under 12 months."),
    client("disabled", Integer(0, MEMBERS_MAX), "Disabled persons."),
    client("gravely_ill", Integer(0, MEMBERS_MAX), "Gravely ill persons."),
    client("poor", Boolean, "On the list of poor households."),
    client("needs_carry", Boolean, "Somebody must be carried."),
    client("needs_oxygen", Boolean, "Somebody needs oxygen."),
    client("alert_language", Text(20), "Language in which warnings are understood, if not Vietnamese."),
    client(
        "susceptibility",
        Integer(1, 4),
        "Landslide susceptibility of the spot: 1 low, 2 medium, 3 high, 4 very high.",
    ),
    client("shelter_id", Reference, "Shelter it is assigned to."),
    client(
        "property_items",
        Json(PROPERTY_CHARS_MAX),
        "Livestock, vehicles and goods as [{kind, what, count, moved}]; `kind` is livestock, vehicle or goods.",
    ),
    verb("state", Choice(STATES), "Evacuation state: that of the part of its people who came least far."),
    verb("state_at", Time, "When the state became true."),
    verb(
        "parts",
        Json(PARTS_CHARS_MAX),
        "Where its people are, as [{state, people, shelter_id, at, by, source, told_by}]; they sum up to \
         `member_count`. Absent as long as nothing was told: then all are in `state`.",
    ),
    verb(
        "discrepancy",
        Json(200),
        "What does not fit in its counts, as {missing, surplus, strayed}; absent if all does.",
    ),
    verb("alarm_ids", Json(300), "The alarms that stand for it, by kind."),
    IN_ADMIN_UNIT,
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
    personal("head_name", Text(NAME_CHARS), "Head of the household."),
    personal("phone", Text(40), "Telephone."),
    // It tells reasons, places and names.
    personal_verb(
        "reports",
        Json(REPORTS_CHARS_MAX),
        "All that was told of its evacuation, what was withdrawn with who did and why.",
    ),
];
