//! A unit: who they are, what they can do, what they are doing. Status time and fix time are two things.

use super::access::FORCES;
use super::assignment::SOURCES;
use super::ground::{ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Choice, Choices, Integer, Real, Reference, References, Text, Time};
use super::schema::{Field, client, fix, required, verb};

/// Kinds of unit.
pub const KINDS: &[&str] = &[
    "patrol",
    "mobile_team",
    "armed_team",
    "rescue_team",
    "engineer",
    "medical",
    "boat_team",
    "drone_team",
    "traffic_police",
    "commune_police",
    "militia",
    "commune_shock_force",
    "command",
    "transport",
];

/// What a unit can do or brings.
pub const CAPABILITIES: &[&str] = &[
    "first_aid",
    "search",
    "rope_rescue",
    "swift_water",
    "boat",
    "chainsaw",
    "excavator",
    "truck",
    "ambulance",
    "motorbike",
    "drone",
    "satellite_phone",
    "dog",
    "generator",
    "traffic_control",
    "arrest",
    "interpreter",
];

/// Status words (DOMAIN.md 2.2).
pub const STATUSES: &[&str] = &[
    "available",
    "on_patrol",
    "dispatched",
    "acknowledged",
    "en_route",
    "on_scene",
    "searching",
    "transporting",
    "staging",
    "returning",
    "resting",
    "off_duty",
    "out_of_service",
    "distress",
];

/// What a status means for dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// May be sent now.
    Available,
    /// Is at work: an assignment is queued, the status stays.
    Committed,
    /// Cannot be sent.
    Unavailable,
}

/// Availability of a unit with this status word; an unknown word is unavailable.
#[must_use]
pub fn availability(status: &str) -> Availability {
    match status {
        "available" | "on_patrol" | "returning" => Availability::Available,
        "dispatched" | "acknowledged" | "en_route" | "on_scene" | "searching" | "transporting" | "staging" => {
            Availability::Committed
        }
        _ => Availability::Unavailable,
    }
}

pub(super) const FIELDS: &[Field] = &[
    client("code", Text(40), "Short call sign, unique in the province."),
    required("name", Text(NAME_CHARS), "Name (Tổ công tác Đồn BP Huổi Luông)."),
    required("force", Choice(FORCES), "Its force."),
    required("kind", Choice(KINDS), "What it is."),
    client("capabilities", Choices(CAPABILITIES), "What it can do or brings."),
    client("crew", Integer(0, 1_000), "People on it now."),
    client("vehicle", Text(NAME_CHARS), "Vehicle."),
    client("radio", Text(100), "Radio call sign and channel."),
    client("duty_phone", Text(40), "Telephone of the unit (not of a person)."),
    client("station_id", Reference, "Its post: where it counts while no fix is known."),
    verb("status", Choice(STATUSES), "What it is doing."),
    verb("status_at", Time, "When the status became true."),
    verb("status_by", Text(NAME_CHARS), "Who said so."),
    verb("status_source", Choice(SOURCES), "How the status became known."),
    verb("incident_id", Reference, "The incident it works on."),
    verb("queued_incident_ids", References, "Incidents that wait for it."),
    client("sidc", Text(30), "Symbol code for exchange."),
    fix("fix_at", Time, "When the position was true; absent while the unit counts at its post."),
    fix("fix_source", Choice(&["gps", "radio", "post"]), "How the position became known."),
    fix("fix_accuracy_m", Real(0.0, 200_000.0), "How far off the fix may be, metres."),
    fix("fix_heard_by", Text(NAME_CHARS), "Who heard a position told by radio."),
    fix("speed_mps", Real(0.0, 500.0), "Speed over ground, metres a second."),
    fix("course_deg", Real(0.0, 360.0), "Course, degrees clockwise from true north."),
    IN_ADMIN_UNIT,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];
