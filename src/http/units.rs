//! What a unit does and where it is, as told; and position fixes, many at a time.

use axum::extract::Path;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::Writer;
use super::answer::{feature, json as json_answer};
use super::error::{Answer, internal};
use super::fields::Fields;
use super::params::id_named;
use super::records::show;
use super::shapes;
use crate::desk::{FixIn, RadioPosition, StatusReport};
use crate::domain::place::Place;
use crate::domain::{Code, Collection, Problem, Timestamp};

/// A status as it was told.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct StatusCall {
    #[schema(schema_with = shapes::unit_status)]
    status: String,
    /// When it became true; now if absent.
    at: Option<String>,
    #[schema(schema_with = shapes::unit_status_source)]
    source: Option<String>,
}

/// A place told by radio.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct PositionCall {
    #[schema(schema_with = shapes::place)]
    place: Value,
    /// When it was there; now if absent.
    at: Option<String>,
    heard_by: Option<String>,
    accuracy_m: Option<f64>,
}

/// What became of the fixes of a call.
#[derive(Serialize, ToSchema)]
pub struct FixesAnswer {
    accepted: usize,
    /// Older than what is known of their units, or known already.
    stale: usize,
    refused: Vec<RefusedFixWire>,
}

/// A fix that was not taken.
#[derive(Clone, Serialize, ToSchema)]
pub struct RefusedFixWire {
    /// Its place in the call, from 0.
    index: usize,
    /// Code of the problem.
    code: &'static str,
}

/// Position fixes, 1 to 1,000.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FixesCall {
    fixes: Vec<FixWire>,
}

/// One fix as it is sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FixWire {
    unit_id: Uuid,
    lon: f64,
    lat: f64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    accuracy_m: Option<f64>,
    speed_mps: Option<f64>,
    course_deg: Option<f64>,
}

/// Sets a unit's status.
#[utoipa::path(
    post, path = "/api/units/{id}/status", tag = "units", request_body = StatusCall,
    params(
        ("id" = String, Path, description = "Id of the unit"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses((
        status = 200, description = "The unit, with ETag", content_type = "application/geo+json",
        body = ref("#/components/schemas/UnitsFeature"),
    ))
)]
pub async fn set_status(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let report = StatusReport { status: fields.needed_text("status")?, source: fields.text("source")? };
    fields.finish()?;
    let written = writer.desk()?.set_status(&writer.ask(at), id, report).await?;
    show(&writer.reader, &written)
}

/// Puts a unit where somebody heard that it is.
#[utoipa::path(
    post, path = "/api/units/{id}/position", tag = "units", request_body = PositionCall,
    params(
        ("id" = String, Path, description = "Id of the unit"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses((
        status = 200, description = "The unit, with ETag", content_type = "application/geo+json",
        body = ref("#/components/schemas/UnitsFeature"),
    ))
)]
pub async fn set_position(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let position = RadioPosition {
        place: Place::from_json(&fields.needed("place")?)?,
        heard_by: fields.text("heard_by")?,
        accuracy_m: fields.number("accuracy_m")?,
    };
    fields.finish()?;
    let positioned = writer.desk()?.set_position(&writer.ask(at), id, position).await?;
    let view = writer.reader.view_of_written()?;
    let shown = view.written(Collection::Units, positioned.unit_id).ok_or_else(internal)?;
    let stale = if positioned.stale { "true" } else { "false" };
    Ok(feature(&shown, &[("stale", stale)]))
}

/// Takes position fixes.
#[utoipa::path(
    post, path = "/api/fixes", tag = "units", request_body = FixesCall,
    responses(
        (status = 200, description = "What was taken", body = FixesAnswer),
        (status = 422, description = "None was taken; `refused` says why"),
    )
)]
pub async fn take_fixes(writer: Writer) -> Answer {
    let (fixes, mut refused) = read_fixes(&writer)?;
    let indexes: Vec<usize> = fixes.iter().map(|(index, _)| *index).collect();
    let known: Vec<FixIn> = fixes.into_iter().map(|(_, fix)| fix).collect();
    let (mut accepted, mut stale) = (0, 0);
    if refused.is_empty() || !known.is_empty() {
        let outcome = writer.desk()?.take_fixes(writer.reader.actor(), known).await?;
        (accepted, stale) = (outcome.accepted, outcome.stale);
        refused.extend(outcome.refused.iter().map(|one| (indexes[one.index], one.code)));
    }
    refused.sort_by_key(|(index, _)| *index);
    let listed: Vec<RefusedFixWire> =
        refused.iter().map(|(index, code)| RefusedFixWire { index: *index, code: code.as_str() }).collect();
    match refused.first() {
        Some((index, code)) if accepted == 0 && stale == 0 => Err(Problem::new(
            *code,
            format!("Không vị trí nào được nhận; lỗi đầu tiên ở vị trí thứ {index}."),
            format!("None of the fixes was taken; the first fault is at index {index}."),
        )
        .at(&format!("/fixes/{index}"))
        .with("refused", json!(listed))
        .into()),
        _ => json_answer(&FixesAnswer { accepted, stale, refused: listed }),
    }
}

/// Fixes with their index in the call, and those that are no fixes with the code of their fault. A call that is
/// right, the usual one, is read in one go.
#[expect(clippy::type_complexity, reason = "two lists of pairs, read once, below")]
fn read_fixes(writer: &Writer) -> Result<(Vec<(usize, FixIn)>, Vec<(usize, Code)>), Problem> {
    if let Ok(call) = serde_json::from_slice::<FixesCall>(writer.body()) {
        return Ok((call.fixes.into_iter().map(FixIn::from).enumerate().collect(), Vec::new()));
    }
    let mut fields = writer.fields()?;
    let Value::Array(list) = fields.needed("fixes")? else {
        return Err(
            Problem::new(Code::InvalidValue, "fixes: cần một danh sách.", "fixes: expected a list.").at("/fixes")
        );
    };
    fields.finish()?;
    let (mut fixes, mut refused) = (Vec::new(), Vec::new());
    for (index, value) in list.into_iter().enumerate() {
        match read_fix(value, index) {
            Ok(fix) => fixes.push((index, fix)),
            Err(problem) => refused.push((index, problem.code)),
        }
    }
    Ok((fixes, refused))
}

fn read_fix(value: Value, index: usize) -> Result<FixIn, Problem> {
    let mut fields = Fields::at(value, &format!("/fixes/{index}"))?;
    let fix = FixIn {
        unit_id: fields.needed_uuid("unit_id")?,
        lon: fields.needed_number("lon")?,
        lat: fields.needed_number("lat")?,
        at: fields.needed_time("at")?,
        accuracy_m: fields.number("accuracy_m")?,
        speed_mps: fields.number("speed_mps")?,
        course_deg: fields.number("course_deg")?,
    };
    fields.finish()?;
    Ok(fix)
}

impl From<FixWire> for FixIn {
    fn from(wire: FixWire) -> Self {
        Self {
            unit_id: wire.unit_id,
            lon: wire.lon,
            lat: wire.lat,
            at: wire.at,
            accuracy_m: wire.accuracy_m,
            speed_mps: wire.speed_mps,
            course_deg: wire.course_deg,
        }
    }
}
