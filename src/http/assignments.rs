//! Who goes: assignment, release.

use axum::extract::Path;
use axum::http::header;
use axum::response::Response;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::{etag, json_bytes};
use super::error::{Answer, Refusal, internal};
use super::params::id_named;
use super::shapes;
use crate::desk::{Assigned, Order};
use crate::domain::Collection;

/// Whom to send.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct AssignCall {
    unit_id: Uuid,
    /// When it was ordered; now if absent.
    at: Option<String>,
    /// Only write down that it might be sent.
    propose: Option<bool>,
    /// `advice_id` of the recommendation that was on the screen: it is kept with the order.
    advice_id: Option<Uuid>,
}

/// An incident and a unit that was assigned to it or released.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes an answer that is written feature by feature")]
pub struct AssignmentAnswer {
    #[schema(schema_with = shapes::incident)]
    incident: Value,
    #[schema(schema_with = shapes::unit)]
    unit: Value,
    /// `null` for a unit that was assigned before there were assignments.
    #[schema(schema_with = shapes::assignment_or_null)]
    assignment: Option<Value>,
    /// The unit is busy; the incident waits for it.
    queued: bool,
}

/// Assigns a unit to an incident; a busy one is queued, another force's is asked for.
#[utoipa::path(
    post, path = "/api/incidents/{id}/assignments", tag = "incidents", request_body = AssignCall,
    params(
        ("id" = String, Path, description = "Id of the incident"),
        ("If-Match" = String, Header, description = "The version of the incident that the caller saw"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (status = 200, description = "Both, with the ETag of the incident", body = AssignmentAnswer),
        (status = 412, description = "version_conflict, with the `present` record"),
    )
)]
pub async fn assign_unit(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let (unit, at) = (fields.needed_uuid("unit_id")?, fields.time("at")?);
    let is_proposal = fields.boolean("propose")?.unwrap_or(false);
    let advice = fields.uuid("advice_id")?;
    fields.finish()?;
    let (desk, ask) = (writer.desk()?, writer.ask_of_seen(at)?);
    let followed = match advice {
        Some(advice) => Some(desk.followed(&writer.reader.view()?, id, advice)?),
        None => None,
    };
    let assigned = desk.assign(&ask, id, Order { unit, is_proposal, followed }).await?;
    show_both(&writer.reader, &assigned)
}

/// Releases a unit from an incident, or takes back what another force was asked.
#[utoipa::path(
    delete, path = "/api/incidents/{id}/assignments/{unit_id}", tag = "incidents",
    params(
        ("id" = String, Path, description = "Id of the incident"),
        ("unit_id" = String, Path, description = "Id of the unit"),
        ("If-Match" = String, Header, description = "The version of the incident that the caller saw"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (status = 200, description = "Both, with the ETag of the incident", body = AssignmentAnswer),
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
    let view = reader.view_of_written()?;
    let incident = view.written(Collection::Incidents, assigned.written.id()).ok_or_else(internal)?;
    let unit = view.written(Collection::Units, assigned.unit.id).ok_or_else(internal)?;
    let mut body = b"{\"incident\":".to_vec();
    incident.write_geojson(&[], &mut body);
    body.extend_from_slice(b",\"unit\":");
    unit.write_geojson(&[], &mut body);
    body.extend_from_slice(b",\"assignment\":");
    match assigned.assignment.and_then(|id| view.written(Collection::Assignments, id)) {
        Some(assignment) => assignment.write_geojson(&[], &mut body),
        None => body.extend_from_slice(b"null"),
    }
    body.extend_from_slice(format!(",\"queued\":{}}}", assigned.queued).as_bytes());
    let mut answer = json_bytes(body);
    answer.headers_mut().insert(header::ETAG, etag(incident.version()));
    Ok(answer)
}
