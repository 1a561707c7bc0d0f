//! Who goes: advice, assignment, release.

use axum::extract::Path;
use axum::http::header;
use axum::response::Response;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::{etag, feature_value, json as json_answer, json_bytes};
use super::error::{Answer, Refusal, internal};
use super::params::{Params, id_named};
use crate::desk::{Assigned, Reason};
use crate::domain::Collection;
use crate::picture::View;

/// Candidates if nothing else is asked, and most.
const CANDIDATES: usize = 10;
const CANDIDATES_MAX: usize = 200;

/// Whom to send.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct AssignCall {
    unit_id: Uuid,
    /// When it was ordered; now if absent.
    at: Option<String>,
}

/// Assigns a unit to an incident; a busy one is queued.
#[utoipa::path(
    post, path = "/api/incidents/{id}/assignments", tag = "incidents", request_body = AssignCall,
    params(
        ("id" = String, Path, description = "Id of the incident"),
        ("If-Match" = String, Header, description = "The version of the incident that the caller saw"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (status = 200, description = "{incident, unit, queued}"),
        (status = 412, description = "version_conflict, with the `present` record"),
    )
)]
pub async fn assign_unit(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let (unit, at) = (fields.needed_uuid("unit_id")?, fields.time("at")?);
    fields.finish()?;
    let assigned = writer.desk()?.assign(&writer.ask_of_seen(at)?, id, unit).await?;
    show_both(&writer.reader, &assigned)
}

/// Releases a unit from an incident.
#[utoipa::path(
    delete, path = "/api/incidents/{id}/assignments/{unit_id}", tag = "incidents",
    params(
        ("id" = String, Path, description = "Id of the incident"),
        ("unit_id" = String, Path, description = "Id of the unit"),
        ("If-Match" = String, Header, description = "The version of the incident that the caller saw"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (status = 200, description = "{incident, unit, queued}"),
        (status = 412, description = "version_conflict, with the `present` record"),
    )
)]
pub async fn release_unit(Path((id, unit)): Path<(String, String)>, writer: Writer) -> Answer {
    let (id, unit) = (id_named(&id)?, id_named(&unit)?);
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    fields.finish()?;
    let assigned = writer.desk()?.release(&writer.ask_of_seen(at)?, id, unit).await?;
    show_both(&writer.reader, &assigned)
}

fn show_both(reader: &Reader, assigned: &Assigned) -> Result<Response, Refusal> {
    let view = reader.view()?;
    let incident = view.item(Collection::Incidents, assigned.written.id()).ok_or_else(internal)?;
    let unit = view.item(Collection::Units, assigned.unit.id).ok_or_else(internal)?;
    let mut body = b"{\"incident\":".to_vec();
    incident.write_geojson(&[], &mut body);
    body.extend_from_slice(b",\"unit\":");
    unit.write_geojson(&[], &mut body);
    body.extend_from_slice(format!(",\"queued\":{}}}", assigned.queued).as_bytes());
    let mut answer = json_bytes(body);
    answer.headers_mut().insert(header::ETAG, etag(incident.version()));
    Ok(answer)
}

/// Units for an incident, ranked, with the reason; those left out with theirs.
#[utoipa::path(
    get, path = "/api/incidents/{id}/recommendation", tag = "incidents",
    params(
        ("id" = String, Path, description = "Id of the incident"),
        ("limit" = Option<u32>, Query, description = "Most candidates; 10 if not said"),
    ),
    responses((status = 200, description = "{incident_id, as_of, seq, candidates, left_out}"))
)]
pub async fn recommend(reader: Reader, Path(id): Path<String>) -> Answer {
    let id = id_named(&id)?;
    let mut params = Params::parse(reader.uri.query())?;
    let limit = params.count("limit", CANDIDATES_MAX)?.unwrap_or(CANDIDATES);
    params.finish()?;
    let view = reader.view()?;
    let advice = reader.live()?.desk.recommendation(&view, id, limit)?;
    let candidates: Vec<Value> = advice
        .candidates
        .iter()
        .map(|c| {
            json!({
                "unit": unit(&view, c.unit_id),
                "rank": c.rank,
                "distance_m": c.distance_m,
                "bearing_deg": c.bearing_deg,
                "eta_min_s": c.eta_min_s,
                "eta_max_s": c.eta_max_s,
                "eta_basis": "straight_line",
                "position": {
                    "lon": c.position.lon, "lat": c.position.lat, "source": c.position.source,
                    "at": c.position.at, "age_s": c.age_s, "accuracy_m": c.position.accuracy_m,
                },
                "capabilities": c.capabilities,
                "missing_capabilities": c.missing_capabilities,
                "reasons": reasons(&c.reasons),
            })
        })
        .collect();
    let left_out: Vec<Value> = advice
        .left_out
        .iter()
        .map(|l| json!({"unit": unit(&view, l.unit_id), "distance_m": l.distance_m, "reasons": reasons(&l.reasons)}))
        .collect();
    json_answer(&json!({
        "incident_id": advice.incident_id,
        "as_of": advice.as_of,
        "seq": advice.seq,
        "required_capabilities": advice.required_capabilities,
        "candidates": candidates,
        "left_out": left_out,
    }))
}

fn unit(view: &View, id: Uuid) -> Option<Value> {
    view.item(Collection::Units, id).map(|shown| feature_value(&shown))
}

fn reasons(reasons: &[Reason]) -> Vec<Value> {
    reasons.iter().map(Reason::to_json).collect()
}
