//! A deployment (lượt): people and vehicles that a force sent out once, for one task.
//!
//! Counting rule: lượt người is the sum of `personnel` over deployments, so one person who goes out on three days in
//! three deployments counts three times; lượt phương tiện is the sum of `vehicles`. A deployment counts in the quarter
//! in which it starts, however long it lasts. How many different heads that were is another figure, which nobody
//! counts here.

use super::access::FORCES;
use super::ground::{ACCURACY, ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Choice, Integer, Json, Reference, Text, Time};
use super::schema::{Field, client, required, server, verb};

/// What they were sent for.
pub const PURPOSES: &[&str] =
    &["disaster", "search_rescue", "evacuation", "border", "security", "public_order", "exercise", "other"];

/// Most people, and most vehicles, of one deployment.
pub const HEADS_MAX: i64 = 100_000;

pub(super) const FIELDS: &[Field] = &[
    required("purpose", Choice(PURPOSES), "What they were sent for."),
    required("force", Choice(FORCES), "The force that sent them."),
    required("started_at", Time, "When they set out; it counts in the quarter that holds this moment."),
    client("finished_at", Time, "When they were back."),
    required("personnel", Integer(0, HEADS_MAX), "People who went (lượt người)."),
    client("vehicles", Integer(0, HEADS_MAX), "Vehicles that went (lượt phương tiện)."),
    client("vehicle_kinds", Json(2_000), "The vehicles by kind, as [{kind, count}]."),
    client("task", Text(NAME_CHARS), "The task, in words."),
    client("place_text", Text(NAME_CHARS), "Where to, in words."),
    client("organisation", Text(NAME_CHARS), "The post or office that sent them."),
    client("incident_id", Reference, "The incident they went to."),
    verb("unit_id", Reference, "The unit, where an assignment made the record."),
    verb("assignment_id", Reference, "The assignment that made the record; entered by hand if absent."),
    client("commune_code", Text(20), "The commune they went to, where no place is known."),
    server("entered_by", Text(NAME_CHARS), "Who entered it."),
    IN_ADMIN_UNIT,
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];
