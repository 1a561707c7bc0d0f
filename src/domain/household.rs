//! A household under a slope: where it is, how many people, who needs help, how far its evacuation has come.
//!
//! Need flags, not diagnoses; no ethnicity. Names and phones are personal and lie in the side table.

use super::ground::{ACCURACY, ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Boolean, Choice, Integer, Reference, Text, Time};
use super::schema::{Field, client, personal, required, verb};

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
    verb("state", Choice(STATES), "Evacuation state."),
    verb("state_at", Time, "When the state became true."),
    IN_ADMIN_UNIT,
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
    personal("head_name", Text(NAME_CHARS), "Head of the household."),
    personal("phone", Text(40), "Telephone."),
];
