//! Patrols along the border: planned, carried out, decided on.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::Writer;
use super::answer::{with_header, with_status};
use super::course::told;
use super::error::Answer;
use super::fields::Fields;
use super::params::id_named;
use super::records::show;
use super::shapes;
use crate::desk::{PatrolChoice, PatrolPlan, PatrolReport, PlannedPoint};
use crate::domain::patrol::{Choose, KINDS, Step};
use crate::domain::schema::LIST_ITEMS_MAX;
use crate::domain::{Code, Force, Problem};
use crate::geometry::validate::check_position;

/// Nearest that a unit may be told to be off its stretch, and farthest, metres.
const FENCE_M: (i64, i64) = (100, 20_000);
/// Most people of the neighbour's side.
const NEIGHBOURS_MAX: i64 = 500;

/// A patrol to be.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct PatrolCall {
    /// By who takes part if absent.
    #[schema(schema_with = shapes::patrol_kind)]
    kind: Option<String>,
    /// From sector and kilometres if absent.
    name: Option<String>,
    /// The border sector.
    sector_id: Uuid,
    /// Calibrated kilometre where it begins; that of the sector if absent.
    from_km: Option<f64>,
    /// Calibrated kilometre where it ends, greater than `from_km`; that of the sector if absent.
    to_km: Option<f64>,
    /// Units that go, 1 to 200. Another force's are asked.
    unit_ids: Vec<Uuid>,
    /// Other forces that take part.
    #[schema(schema_with = shapes::forces_or_null)]
    partner_forces: Option<Vec<String>>,
    /// How many of the neighbour's side take part.
    neighbour_count: Option<i64>,
    #[schema(value_type = String, format = DateTime)]
    planned_start: String,
    #[schema(value_type = String, format = DateTime)]
    planned_end: String,
    /// Points to pass, up to 50.
    points: Option<Vec<PatrolPoint>>,
    /// Metres off the stretch from which on a unit is told, 100 to 20,000; nobody is told if absent.
    fence_m: Option<i64>,
    note: Option<String>,
    /// When it was planned; now if absent.
    at: Option<String>,
}

/// A point to pass: at a kilometre, or at a place.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct PatrolPoint {
    /// The kilometre if absent.
    name: Option<String>,
    /// Calibrated kilometre; from `lon` and `lat` if absent.
    km: Option<f64>,
    /// Degrees, WGS 84.
    lon: Option<f64>,
    lat: Option<f64>,
}

/// What a unit says of its patrol, or has said for it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct PatrolStepCall {
    #[schema(schema_with = shapes::patrol_step)]
    step: String,
    /// pass: name of the point.
    point: Option<String>,
    /// When it happened; now if absent.
    at: Option<String>,
    /// How it became known; by who asks if absent.
    #[schema(schema_with = shapes::told_source)]
    source: Option<String>,
    /// Who was heard; needed by radio and by phone.
    told_by: Option<String>,
}

/// What a duty officer decides on a patrol.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct PatrolDecisionCall {
    #[schema(schema_with = shapes::patrol_decision)]
    decision: String,
    /// add_unit, agree, refuse: which.
    unit_id: Option<Uuid>,
    /// refuse, cancel: why.
    reason: Option<String>,
    /// When it was decided; now if absent.
    at: Option<String>,
    /// `phone` where the other force answered by telephone and whoever asked writes it down.
    #[schema(schema_with = shapes::told_source)]
    source: Option<String>,
    /// Who answered; needed by radio and by phone.
    told_by: Option<String>,
}

/// Plans a patrol along a stretch of a border sector.
#[utoipa::path(
    post, path = "/api/patrols", tag = "patrols", request_body = PatrolCall,
    params(("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once")),
    responses((
        status = 201, description = "The patrol, with ETag and Location", content_type = "application/geo+json",
        body = ref("#/components/schemas/PatrolsFeature"),
    ))
)]
pub async fn plan_patrol(writer: Writer) -> Answer {
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let plan = plan(&mut fields)?;
    fields.finish()?;
    let written = writer.desk()?.plan_patrol(&writer.ask(at), &plan).await?;
    let location = writer.reader.path(&format!("/api/collections/patrols/items/{}", written.id()));
    let response = with_status(show(&writer.reader, &written)?, StatusCode::CREATED);
    Ok(with_header(response, header::LOCATION, &location))
}

/// A unit's word on its patrol: `start`, `pass` a point, `finish`.
#[utoipa::path(
    post, path = "/api/patrols/{id}/steps", tag = "patrols", request_body = PatrolStepCall,
    params(
        ("id" = String, Path, description = "Id of the patrol"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The patrol, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/PatrolsFeature"),
        ),
        (status = 409, description = "forbidden_transition: where it stands, and what is `allowed`"),
    )
)]
pub async fn step_patrol(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let step = one_of(&mut fields, "step", &Step::BY_UNIT, Step::as_str)?;
    let report = PatrolReport { step, point: fields.text("point")?, told: told(&mut fields)? };
    fields.finish()?;
    let written = writer.desk()?.step_patrol(&writer.ask(at), id, &report).await?;
    show(&writer.reader, &written)
}

/// A duty officer's decision on a patrol: `add_unit`, `agree` for a unit that was asked or `refuse`, `cancel`.
#[utoipa::path(
    post, path = "/api/patrols/{id}/decisions", tag = "patrols", request_body = PatrolDecisionCall,
    params(
        ("id" = String, Path, description = "Id of the patrol"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The patrol, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/PatrolsFeature"),
        ),
        (status = 409, description = "forbidden_transition: where it stands, and what is `allowed`"),
    )
)]
pub async fn decide_patrol(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let choose = one_of(&mut fields, "decision", &Choose::ALL, Choose::as_str)?;
    let (unit, reason) = (fields.uuid("unit_id")?, fields.text("reason")?);
    let choice = PatrolChoice { choose, unit, reason, told: told(&mut fields)? };
    fields.finish()?;
    let written = writer.desk()?.decide_patrol(&writer.ask(at), id, &choice).await?;
    show(&writer.reader, &written)
}

fn plan(fields: &mut Fields) -> Result<PatrolPlan, Problem> {
    let kind = fields.word("kind", |word| KINDS.contains(&word).then(|| word.to_owned()))?;
    let units = fields.needed_texts("unit_ids")?;
    if units.len() > LIST_ITEMS_MAX {
        return Err(too_many("unit_ids", LIST_ITEMS_MAX));
    }
    let units = units.iter().enumerate().map(|(n, id)| {
        Uuid::parse_str(id).map_err(|_| {
            Problem::new(Code::InvalidValue, "unit_ids: cần UUID", "unit_ids: expected UUIDs")
                .at(&format!("/unit_ids/{n}"))
        })
    });
    let partners = match fields.take("partner_forces") {
        None => Vec::new(),
        Some(list) => forces(&list)?,
    };
    Ok(PatrolPlan {
        kind,
        name: fields.text("name")?,
        sector: fields.needed_uuid("sector_id")?,
        from_km: fields.number("from_km")?,
        to_km: fields.number("to_km")?,
        units: units.collect::<Result<_, _>>()?,
        partners,
        neighbour_count: within(fields, "neighbour_count", (0, NEIGHBOURS_MAX))?,
        start: fields.needed_time("planned_start")?,
        end: fields.needed_time("planned_end")?,
        points: points(fields)?,
        fence_m: within(fields, "fence_m", FENCE_M)?,
        note: fields.text("note")?,
    })
}

fn points(fields: &mut Fields) -> Result<Vec<PlannedPoint>, Problem> {
    let Some(list) = fields.take("points") else { return Ok(Vec::new()) };
    let Value::Array(list) = list else {
        return Err(Problem::new(Code::InvalidValue, "points: cần danh sách", "points: expected a list").at("/points"));
    };
    if list.len() > LIST_ITEMS_MAX {
        return Err(too_many("points", LIST_ITEMS_MAX));
    }
    let point = |(n, value): (usize, Value)| {
        let at = format!("/points/{n}");
        let mut fields = Fields::at(value, &at)?;
        let (name, km) = (fields.text("name")?, fields.number("km")?);
        let position = match (fields.number("lon")?, fields.number("lat")?) {
            (Some(lon), Some(lat)) => {
                check_position(lon, lat, &at)?;
                Some([lon, lat])
            }
            (None, None) => None,
            (Some(_), None) => return Err(lacks(&at, "lat")),
            (None, Some(_)) => return Err(lacks(&at, "lon")),
        };
        fields.finish()?;
        Ok(PlannedPoint { name, km, position })
    };
    list.into_iter().enumerate().map(point).collect()
}

fn forces(list: &Value) -> Result<Vec<Force>, Problem> {
    let fault = || {
        let known = Force::ALL.map(Force::as_str).join(", ");
        Problem::new(
            Code::InvalidValue,
            format!("partner_forces: cần danh sách trong {known}"),
            format!("partner_forces: expected a list of {known}"),
        )
        .at("/partner_forces")
    };
    let list = list.as_array().ok_or_else(fault)?;
    list.iter().map(|word| word.as_str().and_then(Force::parse).ok_or_else(fault)).collect()
}

fn within(fields: &mut Fields, name: &str, (min, max): (i64, i64)) -> Result<Option<i64>, Problem> {
    match fields.integer(name)? {
        Some(number) if !(min..=max).contains(&number) => Err(Problem::new(
            Code::InvalidValue,
            format!("{name}: {number} ngoài khoảng {min}–{max}"),
            format!("{name}: {number} is outside {min}..{max}"),
        )
        .at(&format!("/{name}"))),
        number => Ok(number),
    }
}

fn lacks(at: &str, name: &str) -> Problem {
    Problem::new(Code::MissingField, format!("thiếu {name}"), format!("{name} is missing")).at(&format!("{at}/{name}"))
}

fn too_many(name: &str, max: usize) -> Problem {
    Problem::new(Code::LimitExceeded, format!("{name}: nhiều hơn {max} mục"), format!("{name}: more than {max} items"))
        .at(&format!("/{name}"))
}

fn one_of<T: Copy>(fields: &mut Fields, name: &str, all: &[T], word: fn(T) -> &'static str) -> Result<T, Problem> {
    let known = |said: &str| all.iter().copied().find(|one| word(*one) == said);
    match fields.word(name, known)? {
        Some(one) => Ok(one),
        None => fields.needed(name).map(|_| all[0]),
    }
}
