//! Who goes: advice, assignment, release.

use axum::extract::Path;
use axum::http::header;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::{etag, feature_value, json as json_answer, json_bytes};
use super::error::{Answer, Refusal, internal};
use super::long;
use super::params::{Params, id_named};
use super::shapes;
use crate::desk::{Assigned, LeftOut, Reason, UnitCandidate};
use crate::domain::change::FixSource;
use crate::domain::recommend::{EtaBasis, UnitPosition};
use crate::domain::run_card::{Need, Shortfall};
use crate::domain::{Collection, Timestamp};
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
    /// Only write down that it might be sent.
    propose: Option<bool>,
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
    let proposes = fields.boolean("propose")?.unwrap_or(false);
    fields.finish()?;
    let (desk, ask) = (writer.desk()?, writer.ask_of_seen(at)?);
    let assigned = if proposes { desk.propose(&ask, id, unit).await? } else { desk.assign(&ask, id, unit).await? };
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

/// Units for an incident.
#[derive(Serialize, ToSchema)]
pub struct RecommendationAnswer {
    incident_id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// What the picture held.
    seq: u64,
    /// What this kind of incident asks for.
    required_capabilities: Vec<&'static str>,
    /// The same with how many units are to bring it.
    needs: &'static [Need],
    /// The candidates that together bring it.
    picks: Vec<Uuid>,
    /// What no candidate brings.
    shortfalls: Vec<Shortfall>,
    /// Best first.
    candidates: Vec<RecommendedUnit>,
    left_out: Vec<UnitLeftOut>,
}

/// A unit that can be sent.
#[derive(Serialize, ToSchema)]
pub struct RecommendedUnit {
    #[schema(schema_with = shapes::unit)]
    unit: Value,
    /// Counted from 1.
    rank: usize,
    /// Geodesic metres, straight line.
    distance_m: f64,
    /// From the incident to the unit, degrees clockwise from true north.
    bearing_deg: f64,
    eta_min_s: i64,
    eta_max_s: i64,
    eta_basis: EtaBasis,
    /// By what it travels: car, truck, motorbike, foot; `null` by straight line.
    #[schema(required)]
    profile: Option<String>,
    /// Metres by road; 0 without one.
    road_m: f64,
    /// Metres on foot beside the road.
    foot_m: f64,
    /// Its place by straight line.
    straight_rank: usize,
    /// By which the candidates are ordered, seconds: the middle of its time of arrival, and what counts against it.
    score_s: i64,
    position: RecommendedFrom,
    capabilities: Vec<String>,
    missing_capabilities: Vec<&'static str>,
    reasons: Vec<Reason>,
}

/// Where a unit is taken to be, and how that is known.
#[derive(Serialize, ToSchema)]
pub struct RecommendedFrom {
    lon: f64,
    lat: f64,
    #[schema(value_type = FixSource)]
    source: String,
    /// When it was true; `null` for a unit at its post.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    at: Option<Timestamp>,
    #[schema(required)]
    age_s: Option<i64>,
    #[schema(required)]
    accuracy_m: Option<f64>,
}

/// A unit that cannot be sent now.
#[derive(Serialize, ToSchema)]
pub struct UnitLeftOut {
    #[schema(schema_with = shapes::unit)]
    unit: Value,
    #[schema(required)]
    distance_m: Option<f64>,
    reasons: Vec<Reason>,
}

/// Units for an incident, ranked, with the reason; those left out with theirs.
#[utoipa::path(
    get, path = "/api/incidents/{id}/recommendation", tag = "incidents",
    params(
        ("id" = String, Path, description = "Id of the incident"),
        ("limit" = Option<u32>, Query, description = "Most candidates; 10 if not said"),
    ),
    responses((status = 200, description = "The advice", body = RecommendationAnswer))
)]
pub async fn recommend(reader: Reader, Path(id): Path<String>) -> Answer {
    let id = id_named(&id)?;
    let mut params = Params::parse(reader.uri.query())?;
    let limit = params.count("limit", CANDIDATES_MAX)?.unwrap_or(CANDIDATES);
    params.finish()?;
    let view = reader.view()?;
    let desk = &reader.live()?.desk;
    let looks_at = view.held(&[Collection::Units]);
    let advice = long::answer(&reader, looks_at, || desk.recommendation(&view, id, limit)).await??.recommendation;
    json_answer(&RecommendationAnswer {
        incident_id: advice.incident_id,
        as_of: advice.as_of,
        seq: advice.seq,
        required_capabilities: advice.needs.iter().map(|need| need.capability).collect(),
        needs: advice.needs,
        picks: advice.picks,
        shortfalls: advice.shortfalls,
        candidates: advice.candidates.into_iter().map(|candidate| recommended(&view, candidate)).collect(),
        left_out: advice.left_out.into_iter().map(|unit| left_out(&view, unit)).collect(),
    })
}

fn recommended(view: &View, candidate: UnitCandidate) -> RecommendedUnit {
    let UnitPosition { lon, lat, source, at, accuracy_m } = candidate.position;
    RecommendedUnit {
        unit: unit(view, candidate.unit_id),
        rank: candidate.rank,
        distance_m: candidate.distance_m,
        bearing_deg: candidate.bearing_deg,
        eta_min_s: candidate.eta_min_s,
        eta_max_s: candidate.eta_max_s,
        eta_basis: candidate.travel.basis,
        profile: candidate.travel.profile,
        road_m: candidate.travel.road_m.round(),
        foot_m: candidate.travel.foot_m.round(),
        straight_rank: candidate.straight_rank,
        score_s: candidate.score_s,
        position: RecommendedFrom { lon, lat, source, at, age_s: candidate.age_s, accuracy_m },
        capabilities: candidate.capabilities,
        missing_capabilities: candidate.missing_capabilities,
        reasons: candidate.reasons,
    }
}

fn left_out(view: &View, unit_left: LeftOut) -> UnitLeftOut {
    UnitLeftOut { unit: unit(view, unit_left.unit_id), distance_m: unit_left.distance_m, reasons: unit_left.reasons }
}

/// The unit as the same View shows it that the advice was made from.
fn unit(view: &View, id: Uuid) -> Value {
    view.item(Collection::Units, id).map(|shown| feature_value(&shown)).unwrap_or_default()
}
