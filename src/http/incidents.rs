//! Incidents: report, the verbs of their life, their log, and "is it the same one?".

use axum::extract::Path;
use axum::http::{StatusCode, header};
use geo_types::Point;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::{etag, geojson, json_bytes, with_header, with_status};
use super::error::{Answer, internal};
use super::fields::Fields;
use super::items::write_features;
use super::long;
use super::params::{Params, id_named, no_record};
use super::records::show;
use super::shapes;
use crate::desk::{Caller, IncidentVerb, Report, Similar, Update};
use crate::domain::incident::KINDS;
use crate::domain::place::Place;
use crate::domain::{Code, Collection, Force, Problem};
use crate::picture::{ItemsQuery, PropertyFilter, View};

/// Entries of one incident's log that are shown; an incident with more has lasted weeks.
const LOG_ENTRIES_MAX: usize = 10_000;

/// A report. Any further field of an incident may stand beside these.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ReportCall {
    #[schema(schema_with = shapes::incident_kind)]
    kind: String,
    #[schema(schema_with = shapes::place)]
    place: Value,
    #[schema(schema_with = shapes::incident_severity)]
    severity: Option<u8>,
    title: Option<String>,
    description: Option<String>,
    occurred_at: Option<String>,
    reporter_phone: Option<String>,
    reporter_name: Option<String>,
    #[schema(schema_with = shapes::incident_channel)]
    channel: Option<String>,
    /// The place in the caller's words.
    place_text: Option<String>,
    #[schema(schema_with = shapes::incident_located_by)]
    located_by: Option<String>,
    lead_force: Option<Force>,
}

/// What became of a report.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes an answer that is written feature by feature")]
pub struct ReportAnswer {
    #[schema(schema_with = shapes::incident)]
    incident: Value,
    /// Open incidents that may be the same.
    #[schema(schema_with = shapes::near_incidents)]
    similar: Vec<Value>,
}

/// Words of the verbs; each verb takes those that it names.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct VerbCall {
    /// When it happened; now if absent.
    at: Option<String>,
    text: Option<String>,
    /// reject, reopen.
    reason: Option<String>,
    /// merge: the incident that takes this one in.
    into: Option<Uuid>,
    /// close.
    #[schema(schema_with = shapes::incident_outcome)]
    outcome: Option<String>,
    /// handover.
    agency: Option<String>,
    /// handover.
    record_no: Option<String>,
    /// update.
    #[schema(schema_with = shapes::incident_severity)]
    severity: Option<i64>,
    dead: Option<i64>,
    missing: Option<i64>,
    injured: Option<i64>,
    rescued: Option<i64>,
    /// callers.
    phone: Option<String>,
    /// callers.
    name: Option<String>,
}

/// Reports an incident.
#[utoipa::path(
    post, path = "/api/incidents", tag = "incidents", request_body = ReportCall,
    params(("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once")),
    responses((status = 201, description = "The incident, with Location and ETag", body = ReportAnswer))
)]
pub async fn report_incident(writer: Writer) -> Answer {
    let mut fields = writer.fields()?;
    let place = Place::from_json(&fields.needed("place")?)?;
    let at = fields.time("at")?;
    let report = Report { place, properties: fields.rest() };
    let reported = writer.desk()?.report(&writer.ask(at), report).await?;
    let view = writer.reader.view_of_written()?;
    let incident = view.written(Collection::Incidents, reported.written.id()).ok_or_else(internal)?;
    let mut body = b"{\"incident\":".to_vec();
    incident.write_geojson(&[], &mut body);
    body.extend_from_slice(b",\"similar\":[");
    write_similar(&view, &reported.similar, &mut body);
    body.extend_from_slice(b"]}");
    let mut answer = with_status(json_bytes(body), StatusCode::CREATED);
    answer.headers_mut().insert(header::ETAG, etag(incident.version()));
    let place = writer.reader.link(&format!("/api/collections/incidents/items/{}", incident.id()));
    Ok(with_header(answer, header::LOCATION, &place))
}

/// One of the verbs of an incident's life: `verify`, `reject`, `merge`, `unmerge`, `monitor`, `start`, `contain`,
/// `update`, `handover`, `close`, `reopen`, `acknowledge`, `callers`.
#[utoipa::path(
    post, path = "/api/incidents/{id}/{verb}", tag = "incidents", request_body = VerbCall,
    params(
        ("id" = String, Path, description = "Id of the incident"),
        ("verb" = String, Path, description = "What to do"),
        ("If-Match" = Option<String>, Header, description = "The version that the caller saw; callers alone needs none"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The incident, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/IncidentsFeature"),
        ),
        (status = 409, description = "forbidden_transition, with the `allowed` states"),
        (status = 412, description = "version_conflict, with the `present` incident"),
        (status = 428, description = "precondition_required"),
    )
)]
pub async fn run_verb(Path((id, name)): Path<(String, String)>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    if name == "callers" {
        let caller = Caller { phone: fields.text("phone")?, name: fields.text("name")?, text: fields.text("text")? };
        fields.finish()?;
        let written = writer.desk()?.add_caller(&writer.ask(at), id, caller).await?;
        return show(&writer.reader, &written);
    }
    let verb = read_verb(&name, &mut fields)?;
    fields.finish()?;
    let written = writer.desk()?.incident(&writer.ask_of_seen(at)?, id, verb).await?;
    show(&writer.reader, &written)
}

fn read_verb(name: &str, fields: &mut Fields) -> Result<IncidentVerb, Problem> {
    Ok(match name {
        "verify" => IncidentVerb::Verify { text: fields.text("text")? },
        "reject" => IncidentVerb::Reject { reason: fields.needed_text("reason")? },
        "merge" => IncidentVerb::Merge { into: fields.needed_uuid("into")? },
        "unmerge" => IncidentVerb::Unmerge,
        "monitor" => IncidentVerb::Monitor { text: fields.text("text")? },
        "start" => IncidentVerb::Start { text: fields.text("text")? },
        "contain" => IncidentVerb::Contain { text: fields.text("text")? },
        "update" => IncidentVerb::Update(Update {
            text: fields.text("text")?.unwrap_or_default(),
            severity: fields.integer("severity")?,
            dead: fields.integer("dead")?,
            missing: fields.integer("missing")?,
            injured: fields.integer("injured")?,
            rescued: fields.integer("rescued")?,
        }),
        "handover" => IncidentVerb::HandOver {
            agency: fields.needed_text("agency")?,
            record_no: fields.needed_text("record_no")?,
            text: fields.text("text")?,
        },
        "close" => IncidentVerb::Close { outcome: fields.needed_text("outcome")?, text: fields.text("text")? },
        "reopen" => IncidentVerb::Reopen { reason: fields.needed_text("reason")? },
        "acknowledge" => IncidentVerb::Acknowledge,
        _ => {
            return Err(Problem::new(
                Code::NotFound,
                format!("Vụ việc không có thao tác {name:?}."),
                format!("An incident has no verb {name:?}."),
            ));
        }
    })
}

/// The log of an incident (diễn biến) and of those merged into it, oldest first.
#[utoipa::path(
    get, path = "/api/incidents/{id}/log", tag = "incidents",
    params(("id" = String, Path, description = "Id of the incident")),
    responses((
        status = 200, description = "The entries", content_type = "application/geo+json",
        body = ref("#/components/schemas/DutyLogCollection"),
    ))
)]
pub async fn read_log(reader: Reader, Path(id): Path<String>) -> Answer {
    let id = id_named(&id)?;
    Params::parse(reader.uri.query())?.finish()?;
    let view = reader.view()?;
    view.item(Collection::Incidents, id).ok_or_else(|| no_record(id))?;
    let merged = reader.live()?.desk.merged_with(&view, id);
    let mut entries = view
        .items(&ItemsQuery {
            collection: Collection::DutyLog,
            bbox: None,
            datetime: None,
            filters: vec![PropertyFilter {
                name: "incident_id".to_owned(),
                any_of: merged.iter().map(Uuid::to_string).collect(),
            }],
            q: None,
            ended: true,
            limit: LOG_ENTRIES_MAX,
            offset: 0,
        })
        .shown;
    entries.sort_by_key(|entry| (entry.text("occurred_at").map(|at| at.into_owned()), entry.recorded_at(), entry.id()));
    let mut body = b"{\"type\":\"FeatureCollection\",\"features\":[".to_vec();
    write_features(&entries, &mut body);
    body.extend_from_slice(format!("],\"numberReturned\":{},\"seq\":{}}}", entries.len(), view.seq()).as_bytes());
    Ok(geojson(body))
}

/// Open incidents of like kind near a place: the same one?
#[utoipa::path(
    get, path = "/api/similar", tag = "incidents",
    params(
        ("kind" = String, Query, description = "What happened"),
        ("lon" = Option<f64>, Query, description = "Degrees"),
        ("lat" = Option<f64>, Query, description = "Degrees"),
        ("accuracy_m" = Option<f64>, Query, description = "How far off the place may be, metres"),
        ("commune_code" = Option<String>, Query, description = "Instead of a point, where only the commune is known"),
    ),
    responses((
        status = 200, description = "Incidents with their distance", content_type = "application/geo+json",
        body = ref("#/components/schemas/NearCollection"),
    ))
)]
pub async fn list_similar(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let kind = params.needed_text("kind")?;
    if !KINDS.contains(&&*kind) {
        return Err(Problem::new(
            Code::InvalidParameter,
            format!("Không có loại vụ việc {kind:?}."),
            format!("There is no kind of incident {kind:?}."),
        )
        .at("kind")
        .with("allowed", KINDS)
        .into());
    }
    let commune = params.text("commune_code")?;
    let at = if commune.is_some() { None } else { Some(params.lon_lat()?) };
    let accuracy_m = params.number("accuracy_m", 0.0, 200_000.0)?;
    params.finish()?;
    let view = reader.view()?;
    let desk = &reader.live()?.desk;
    let at = at.map(|(lon, lat)| Point::new(lon, lat));
    let find = || desk.similar(&view, &kind, at, accuracy_m, commune.as_deref());
    let similar = long::answer(&reader, view.held(&[Collection::Incidents]), find).await?;
    let mut body = b"{\"type\":\"FeatureCollection\",\"features\":[".to_vec();
    write_similar(&view, &similar, &mut body);
    body.extend_from_slice(format!("],\"numberReturned\":{},\"seq\":{}}}", similar.len(), view.seq()).as_bytes());
    Ok(geojson(body))
}

fn write_similar(view: &View, similar: &[Similar], out: &mut Vec<u8>) {
    let mut first = true;
    for one in similar {
        let Some(shown) = view.item(Collection::Incidents, one.id) else { continue };
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        let distance = one.distance_m.map_or(Value::Null, |m| json!((m * 10.0).round() / 10.0)).to_string();
        shown.write_geojson(&[("collection", "\"incidents\""), ("distance_m", &distance)], out);
    }
}
