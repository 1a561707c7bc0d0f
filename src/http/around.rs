//! Spatial questions: near a point, within an area, along the border, what an area holds, names.

use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::{geojson, json as json_answer};
use super::error::Answer;
use super::items::search_words;
use super::params::{Params, no_record};
use super::{NEARBY_LIMIT, NEARBY_LIMIT_MAX, RADIUS_M_MAX};
use crate::domain::collection::GeometryKind;
use crate::domain::{Code, Collection, Problem};
use crate::geometry::validate::{DRAWN_VERTICES_MAX, from_geojson};
use crate::picture::{AlongQuery, Exposure, ItemsQuery, NearbyQuery, PropertyFilter, View, WithinQuery};

/// Bytes of one feature in an answer, roughly, to allocate once.
const FEATURE_BYTES: usize = 640;
/// How far from the border line `along` looks if nothing is said, metres.
const ALONG_WITHIN_M: f64 = 5_000.0;
/// Farthest that `along` and `buffer_m` look, metres.
const BUFFER_M_MAX: f64 = 50_000.0;
/// Lines of the search box, and most.
const HITS: usize = 10;
const HITS_MAX: usize = 50;
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
        status = 200, content_type = "application/geo+json",
        description = "FeatureCollection; each feature with collection, distance_m, bearing_deg and nearest beside properties",
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
    let near = view.nearby(&NearbyQuery { lon, lat, radius_m, limit, collections, filters, q });
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
    ),
    responses((status = 200, description = "FeatureCollection", content_type = "application/geo+json"))
)]
pub async fn within(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let view = reader.view()?;
    let area = area_asked(&mut params, &view)?;
    let buffer_m = params.number("buffer_m", 0.0, BUFFER_M_MAX)?.unwrap_or(0.0);
    let collections = params.collections()?.unwrap_or_else(|| Collection::ALL.to_vec());
    let filters = params.filters(&collections)?;
    let found = view.within(&WithinQuery { geometry: area, buffer_m, collections, filters });
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
        description = "FeatureCollection; each feature with collection, chainage_km and offset_m beside properties",
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
    let found = view.along(&AlongQuery { sector_id, from_km, to_km, within_m, collections, filters });
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
    #[schema(value_type = Option<Object>)]
    geometry: Option<Value>,
    zone_id: Option<Uuid>,
}

/// What an area holds: people, those who need help, units, shelters, roads.
#[utoipa::path(
    post, path = "/api/exposure", tag = "questions", request_body = ExposureCall,
    responses((status = 200, description = "The counts, a house counted once"))
)]
pub async fn exposure(writer: Writer) -> Answer {
    let mut fields = writer.fields()?;
    let view = writer.reader.view()?;
    let area = match (fields.take("geometry"), fields.uuid("zone_id")?) {
        (Some(geometry), None) => from_geojson(&geometry, GeometryKind::Area, DRAWN_VERTICES_MAX, "/geometry")?,
        (None, Some(id)) => area_of(&view, Collection::RiskZones, id).map_err(|problem| problem.at("/zone_id"))?,
        _ => {
            return Err(Problem::new(
                Code::MissingField,
                "Cần đúng một trong hai: geometry hoặc zone_id.",
                "Exactly one of geometry and zone_id is needed.",
            )
            .into());
        }
    };
    fields.finish()?;
    let (seq, as_of) = (view.seq(), view.now());
    // Counting a province takes a while; meanwhile this thread shall go on answering.
    let counted =
        tokio::task::spawn_blocking(move || view.exposure(&area)).await.map_err(|_| super::error::internal())?;
    let mut body = counts(&counted);
    body["seq"] = seq.into();
    body["as_of"] = json!(as_of);
    json_answer(&body)
}

fn counts(e: &Exposure) -> Value {
    let mut body = json!({
        "households": e.households,
        "people": e.people,
        "vulnerable": {
            "children": e.children, "elderly": e.elderly, "pregnant_or_nursing": e.pregnant_or_nursing,
            "disabled": e.disabled, "gravely_ill": e.gravely_ill,
        },
        "needs_carry": e.needs_carry,
        "units": e.units,
        "stations": e.stations,
        "shelters": e.shelters,
        "shelter_capacity": e.shelter_capacity,
        "road_km": (e.road_km * 1_000.0).round() / 1_000.0,
        "border_km": (e.border_km * 1_000.0).round() / 1_000.0,
    });
    if e.whole_communes.is_empty() {
        body["precision"] = "exact".into();
    } else {
        // Some households are counted by whole communes: who needs help among them is not for this reader.
        body["precision"] = "commune".into();
        body["vulnerable"] = Value::Null;
        body["needs_carry"] = Value::Null;
        let whole = e.whole_communes.iter().map(|commune| {
            json!({
                "id": commune.id, "name": commune.name,
                "households_at_most": commune.households_at_most, "people_at_most": commune.people_at_most,
            })
        });
        body["whole_communes"] = whole.collect();
    }
    if e.household_ids.len() <= EXPOSED_IDS_MAX {
        body["ids"] = json!({"households": e.household_ids});
    }
    body
}

/// Names and codes, with or without diacritics.
#[utoipa::path(
    get, path = "/api/search", tag = "places",
    params(
        ("q" = String, Query, description = "What to find"),
        ("limit" = Option<u32>, Query, maximum = 50, description = "Most hits; 10 if not said"),
    ),
    responses((status = 200, description = "{hits:[{collection,id,title,subtitle,lon,lat,bbox?}]}"))
)]
pub async fn search(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let words = search_words(&mut params)?.unwrap_or_default();
    let limit = params.count("limit", HITS_MAX)?.unwrap_or(HITS);
    params.finish()?;
    let view = reader.view()?;
    let hits: Vec<Value> = view
        .search(&words, limit)
        .into_iter()
        .map(|hit| {
            let mut line = json!({
                "collection": hit.collection, "id": hit.id, "title": hit.title, "subtitle": hit.subtitle,
                "lon": hit.lon, "lat": hit.lat,
            });
            if let Some(bbox) = hit.bbox {
                line["bbox"] = json!(bbox);
            }
            line
        })
        .collect();
    json_answer(&json!({"hits": hits}))
}

fn finish(view: &View, returned: usize, body: &mut Vec<u8>) {
    body.extend_from_slice(
        format!("],\"numberReturned\":{returned},\"timeStamp\":\"{}\",\"seq\":{}}}", view.now(), view.seq()).as_bytes(),
    );
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
        limit: 1,
        offset: 0,
    });
    page.shown.first().map(|shown| shown.id()).ok_or_else(|| no_record(code).at("admin_unit"))
}

fn area_of(view: &View, collection: Collection, id: Uuid) -> Result<geo_types::Geometry<f64>, Problem> {
    let shown = view.item(collection, id).ok_or_else(|| no_record(id))?;
    shown.geometry().cloned().ok_or_else(|| {
        Problem::new(Code::InvalidGeometry, "Bản ghi này không có hình trên bản đồ.", "This record has no geometry.")
    })
}
