//! Spatial questions: near a point, within an area, along the border, what an area holds.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::{geojson, json as json_answer};
use super::error::Answer;
use super::fields::Fields;
use super::items::search_words;
use super::long;
use super::params::{Params, no_record};
use super::shapes;
use super::{NEARBY_LIMIT, NEARBY_LIMIT_MAX, RADIUS_M_MAX};
use crate::domain::collection::GeometryKind;
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::geometry::validate::{DRAWN_VERTICES_MAX, from_geojson};
use crate::picture::{AlongQuery, Exposure, ItemsQuery, NearbyQuery, PropertyFilter, View, WholeCommune, WithinQuery};

/// Bytes of one feature in an answer, roughly, to allocate once.
const FEATURE_BYTES: usize = 640;
/// How far from the border line `along` looks if nothing is said, metres.
const ALONG_WITHIN_M: f64 = 5_000.0;
/// Farthest that `along` and `buffer_m` look, metres.
const BUFFER_M_MAX: f64 = 50_000.0;
/// Units of different times that bear one code, at most.
const SAME_CODE_MAX: usize = 100;
/// Household ids that an exposure lists at most; beyond that only the count is of use.
const EXPOSED_IDS_MAX: usize = 1_000;

/// What is near a point, nearest first.
#[utoipa::path(
    get, path = "/api/nearby", tag = "questions",
    params(
        ("lon" = f64, Query, description = "Degrees"),
        ("lat" = f64, Query, description = "Degrees"),
        ("radius_m" = Option<f64>, Query, maximum = 500000, description = "Farthest, geodesic metres"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Most answers; 10 if not said"),
        ("collections" = Option<String>, Query, description = "a,b; all if not said"),
        ("q" = Option<String>, Query, description = "Words to find"),
    ),
    responses((
        status = 200, description = "Records with their distance", content_type = "application/geo+json",
        body = ref("#/components/schemas/NearCollection"),
    ))
)]
pub async fn nearby(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let (lon, lat) = params.lon_lat()?;
    let radius_m = params.number("radius_m", 0.0, RADIUS_M_MAX)?;
    let limit = params.count("limit", NEARBY_LIMIT_MAX)?.unwrap_or(NEARBY_LIMIT);
    let collections = params.collections()?.unwrap_or_else(|| Collection::ALL.to_vec());
    let q = search_words(&mut params)?;
    let filters = params.filters(&collections)?;
    let view = reader.view()?;
    // Where words or filters let few records pass, everything within the radius is looked at.
    let looks_at = if filters.is_empty() && q.is_none() { 0 } else { view.held(&collections) };
    let query = NearbyQuery { lon, lat, radius_m, limit, collections, filters, q };
    let near = long::answer(&reader, looks_at, || view.nearby(&query)).await?;
    let mut body = Vec::with_capacity(256 + near.len() * FEATURE_BYTES);
    body.extend_from_slice(b"{\"type\":\"FeatureCollection\",\"features\":[");
    for (at, one) in near.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        one.write_geojson(&mut body);
    }
    finish(&view, near.len(), &mut body);
    Ok(geojson(body))
}

/// What lies in or near an area.
#[utoipa::path(
    get, path = "/api/within", tag = "questions",
    params(
        ("zone" = Option<Uuid>, Query, description = "Id of a risk zone; one of the three is needed"),
        ("sector" = Option<Uuid>, Query, description = "Id of a border sector"),
        ("admin_unit" = Option<String>, Query, description = "Code or id of an administrative unit"),
        ("buffer_m" = Option<f64>, Query, maximum = 50000, description = "Metres around it; 0 if not said"),
        ("collections" = Option<String>, Query, description = "a,b; all if not said"),
        ("at" = Option<String>, Query, description = "What was true then, as it is known now (or by as_known_at); RFC 3339"),
        ("as_known_at" = Option<String>, Query, description = "As it was known then; the present picture if neither is said"),
    ),
    responses((
        status = 200, description = "Records, each with its collection", content_type = "application/geo+json",
        body = ref("#/components/schemas/FeatureCollection"),
    ))
)]
pub async fn within(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let moment = params.moment()?;
    let view = reader.view_of(moment).await?;
    let area = area_asked(&mut params, &view)?;
    let buffer_m = params.number("buffer_m", 0.0, BUFFER_M_MAX)?.unwrap_or(0.0);
    let collections = params.collections()?.unwrap_or_else(|| Collection::ALL.to_vec());
    let filters = params.filters(&collections)?;
    let looks_at = view.held(&collections);
    let query = WithinQuery { geometry: area, buffer_m, collections, filters };
    let found = long::answer(&reader, looks_at, || view.within(&query)).await?;
    let mut body = Vec::with_capacity(256 + found.len() * FEATURE_BYTES);
    body.extend_from_slice(b"{\"type\":\"FeatureCollection\",\"features\":[");
    for (at, one) in found.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        one.write_geojson(&[("collection", &format!("\"{}\"", one.collection()))], &mut body);
    }
    finish(&view, found.len(), &mut body);
    Ok(geojson(body))
}

/// What lies along the border, by chainage.
#[utoipa::path(
    get, path = "/api/along", tag = "questions",
    params(
        ("sector" = Option<Uuid>, Query, description = "Id of a border sector; the whole border if not said"),
        ("from_km" = Option<f64>, Query, description = "Calibrated kilometres"),
        ("to_km" = Option<f64>, Query, description = "Calibrated kilometres"),
        ("within_m" = Option<f64>, Query, maximum = 50000, description = "Farthest from the line; 5,000 if not said"),
        ("collections" = Option<String>, Query, description = "a,b; all if not said"),
    ),
    responses((
        status = 200, content_type = "application/geo+json",
        description = "Records; each with collection, chainage_km and offset_m beside properties",
        body = ref("#/components/schemas/FeatureCollection"),
    ))
)]
pub async fn along(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let sector_id = params.uuid("sector")?;
    let from_km = params.number("from_km", 0.0, 10_000.0)?;
    let to_km = params.number("to_km", 0.0, 10_000.0)?;
    let within_m = params.number("within_m", 0.0, BUFFER_M_MAX)?.unwrap_or(ALONG_WITHIN_M);
    let collections = params.collections()?.unwrap_or_else(|| Collection::ALL.to_vec());
    let filters = params.filters(&collections)?;
    let view = reader.view()?;
    if let Some(id) = sector_id {
        view.item(Collection::BorderSectors, id).ok_or_else(|| no_record(id).at("sector"))?;
    }
    let looks_at = view.held(&collections);
    let query = AlongQuery { sector_id, from_km, to_km, within_m, collections, filters };
    let found = long::answer(&reader, looks_at, || view.along(&query)).await?;
    let mut body = Vec::with_capacity(256 + found.len() * FEATURE_BYTES);
    body.extend_from_slice(b"{\"type\":\"FeatureCollection\",\"features\":[");
    for (at, one) in found.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        one.write_geojson(&mut body);
    }
    finish(&view, found.len(), &mut body);
    Ok(geojson(body))
}

/// An area as a geometry or as a zone.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ExposureCall {
    /// Polygon or MultiPolygon; one of the two is needed.
    #[schema(schema_with = shapes::area)]
    geometry: Option<Value>,
    zone_id: Option<Uuid>,
}

/// What an area holds, a house counted once however many zones hold it.
#[derive(Serialize, ToSchema)]
pub struct ExposureAnswer {
    /// Where `precision` is `commune`, at most so many.
    households: usize,
    people: i64,
    /// `commune` where the reader may not see all the households one by one: those of `whole_communes` are counted
    /// whole, rounded up to tens.
    #[schema(value_type = Precision)]
    precision: &'static str,
    /// Null where `precision` is `commune`.
    vulnerable: Option<Vulnerable>,
    /// Households where somebody must be carried; null where `precision` is `commune`.
    needs_carry: Option<usize>,
    /// Left out where every household was counted by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    whole_communes: Vec<WholeCommuneAnswer>,
    units: usize,
    stations: usize,
    shelters: usize,
    /// People that its shelters take by night.
    shelter_capacity: i64,
    road_km: f64,
    border_km: f64,
    /// Left out where there are more than 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ids: Option<ExposedIds>,
    /// What the picture held.
    seq: u64,
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
}

/// How precisely households were counted.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the words of an answer")]
pub enum Precision {
    Exact,
    Commune,
}

/// A commune that was counted whole.
#[derive(Serialize, ToSchema)]
pub struct WholeCommuneAnswer {
    id: Uuid,
    name: String,
    households_at_most: i64,
    people_at_most: i64,
}

/// People who need help to leave.
#[derive(Serialize, ToSchema)]
pub struct Vulnerable {
    children: i64,
    elderly: i64,
    pregnant_or_nursing: i64,
    disabled: i64,
    gravely_ill: i64,
}

/// Which records were counted.
#[derive(Serialize, ToSchema)]
pub struct ExposedIds {
    households: Vec<Uuid>,
}

/// What an area holds: people, those who need help, units, shelters, roads.
#[utoipa::path(
    post, path = "/api/exposure", tag = "questions", request_body = ExposureCall,
    responses((status = 200, description = "The counts", body = ExposureAnswer))
)]
pub async fn exposure(writer: Writer) -> Answer {
    let mut fields = writer.fields()?;
    let view = writer.reader.view()?;
    let area = area_drawn(&mut fields, &view)?;
    fields.finish()?;
    let counted = long::beside(&writer.reader, || view.exposure(&area)).await?;
    json_answer(&counts(counted, view.seq(), view.now()))
}

/// The area of an [`ExposureCall`].
pub(super) fn area_drawn(fields: &mut Fields, view: &View) -> Result<geo_types::Geometry<f64>, Problem> {
    match (fields.take("geometry"), fields.uuid("zone_id")?) {
        (Some(geometry), None) => from_geojson(&geometry, GeometryKind::Area, DRAWN_VERTICES_MAX, "/geometry"),
        (None, Some(id)) => area_of(view, Collection::RiskZones, id).map_err(|problem| problem.at("/zone_id")),
        _ => Err(Problem::new(
            Code::MissingField,
            "Cần đúng một trong hai: geometry hoặc zone_id.",
            "Exactly one of geometry and zone_id is needed.",
        )),
    }
}

fn counts(e: Exposure, seq: u64, as_of: Timestamp) -> ExposureAnswer {
    let to_metre = |km: f64| (km * 1_000.0).round() / 1_000.0;
    // Who needs help among households that are counted by whole communes is not for this reader.
    let is_exact = e.whole_communes.is_empty();
    let whole = |commune: WholeCommune| WholeCommuneAnswer {
        id: commune.id,
        name: commune.name,
        households_at_most: commune.households_at_most,
        people_at_most: commune.people_at_most,
    };
    ExposureAnswer {
        households: e.households,
        people: e.people,
        precision: if is_exact { "exact" } else { "commune" },
        vulnerable: is_exact.then_some(Vulnerable {
            children: e.children,
            elderly: e.elderly,
            pregnant_or_nursing: e.pregnant_or_nursing,
            disabled: e.disabled,
            gravely_ill: e.gravely_ill,
        }),
        needs_carry: is_exact.then_some(e.needs_carry),
        whole_communes: e.whole_communes.into_iter().map(whole).collect(),
        units: e.units,
        stations: e.stations,
        shelters: e.shelters,
        shelter_capacity: e.shelter_capacity,
        road_km: to_metre(e.road_km),
        border_km: to_metre(e.border_km),
        ids: (e.household_ids.len() <= EXPOSED_IDS_MAX).then_some(ExposedIds { households: e.household_ids }),
        seq,
        as_of,
    }
}

fn finish(view: &View, returned: usize, body: &mut Vec<u8>) {
    body.extend_from_slice(format!("],\"numberReturned\":{returned},").as_bytes());
    view.write_as_of(body);
    body.push(b'}');
}

fn area_asked(params: &mut Params<'_>, view: &View) -> Result<geo_types::Geometry<f64>, Problem> {
    let zone = params.uuid("zone")?;
    let sector = params.uuid("sector")?;
    let admin_unit = params.text("admin_unit")?;
    match (zone, sector, admin_unit) {
        (Some(id), None, None) => area_of(view, Collection::RiskZones, id).map_err(|problem| problem.at("zone")),
        (None, Some(id), None) => area_of(view, Collection::BorderSectors, id).map_err(|problem| problem.at("sector")),
        (None, None, Some(code)) => area_of(view, Collection::AdminUnits, admin_unit_id(view, &code)?),
        _ => Err(Problem::new(
            Code::InvalidParameter,
            "Cần đúng một trong ba tham số: zone, sector, admin_unit.",
            "Exactly one of zone, sector and admin_unit is needed.",
        )),
    }
}

/// The unit with this code (or id) that is in force, else one that was: a commune of 2025 bears the code of a former one.
fn admin_unit_id(view: &View, code: &str) -> Result<Uuid, Problem> {
    if let Ok(id) = Uuid::try_parse(code) {
        return Ok(id);
    }
    let page = view.items(&ItemsQuery {
        collection: Collection::AdminUnits,
        bbox: None,
        datetime: None,
        filters: vec![PropertyFilter { name: "code".to_owned(), any_of: vec![code.to_owned()] }],
        q: None,
        ended: false,
        limit: SAME_CODE_MAX,
        offset: 0,
    });
    let in_force = page.shown.iter().find(|unit| unit.raw("valid_to").is_none());
    in_force.or(page.shown.first()).map(|shown| shown.id()).ok_or_else(|| no_record(code).at("admin_unit"))
}

fn area_of(view: &View, collection: Collection, id: Uuid) -> Result<geo_types::Geometry<f64>, Problem> {
    let shown = view.item(collection, id).ok_or_else(|| no_record(id))?;
    shown.geometry().cloned().ok_or_else(|| {
        Problem::new(Code::InvalidGeometry, "Bản ghi này không có hình trên bản đồ.", "This record has no geometry.")
    })
}
