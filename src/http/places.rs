//! Places and names in words: what a text may mean, and the search box.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::Reader;
use super::answer::json;
use super::error::Answer;
use super::items::search_words;
use super::long;
use super::params::Params;
use super::shapes;
use crate::desk::Candidate;
use crate::domain::Collection;
use crate::picture::Hit;

/// Candidates or hits if nothing else is asked, and most.
const LINES: usize = 10;
const LINES_MAX: usize = 50;

/// What a text may mean, likeliest first.
#[derive(Serialize, ToSchema)]
pub struct LocateAnswer {
    candidates: Vec<PlaceCandidate>,
}

/// A place that a text may mean.
#[derive(Serialize, ToSchema)]
pub struct PlaceCandidate {
    label: String,
    /// `coordinates`, `vn2000`, `mgrs`, `road_km`, `bearing`, `commune`, or the kind of the record found.
    kind: String,
    /// Where to look on the map, degrees; for a commune its label point, which is no position of anything.
    #[schema(required)]
    lon: Option<f64>,
    #[schema(required)]
    lat: Option<f64>,
    /// How far off it may be, metres; `null` if nobody said.
    #[schema(required)]
    accuracy_m: Option<f64>,
    #[schema(schema_with = shapes::incident_located_by)]
    located_by: &'static str,
    #[schema(required)]
    commune_code: Option<String>,
    #[schema(required)]
    admin_unit: Option<String>,
    #[schema(required)]
    sector_id: Option<Uuid>,
    #[schema(required)]
    chainage_km: Option<f64>,
    /// `null` where only the commune is known.
    #[schema(schema_with = shapes::geometry_or_null, required)]
    geometry: Option<geojson::Geometry>,
    /// The record that gave the place.
    #[schema(required)]
    collection: Option<Collection>,
    #[schema(required)]
    id: Option<Uuid>,
}

impl From<Candidate> for PlaceCandidate {
    fn from(candidate: Candidate) -> Self {
        let (collection, id) = candidate.source.unzip();
        Self {
            label: candidate.label,
            kind: candidate.kind,
            lon: candidate.lon,
            lat: candidate.lat,
            accuracy_m: candidate.accuracy_m,
            located_by: candidate.located_by,
            commune_code: candidate.commune_code,
            admin_unit: candidate.admin_unit,
            sector_id: candidate.sector_id,
            chainage_km: candidate.chainage_km,
            geometry: candidate.geometry.as_ref().map(geojson::Geometry::from),
            collection,
            id,
        }
    }
}

/// What a place told in words may mean.
#[utoipa::path(
    get, path = "/api/locate", tag = "places",
    params(
        ("q" = String, Query, description = "Coordinates, VN-2000, MGRS, a kilometre post or a name"),
        ("limit" = Option<u32>, Query, description = "Most candidates; 10 if not said"),
    ),
    responses((status = 200, description = "Likeliest first", body = LocateAnswer))
)]
pub async fn locate(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let words = params.needed_text("q")?;
    let limit = params.count("limit", LINES_MAX)?.unwrap_or(LINES);
    params.finish()?;
    let view = reader.view()?;
    let desk = &reader.live()?.desk;
    let candidates = long::answer(&reader, view.searched(), || desk.locate(&view, &words, limit)).await??;
    json(&LocateAnswer { candidates: candidates.into_iter().map(PlaceCandidate::from).collect() })
}

/// What was found by its name or code.
#[derive(Serialize, ToSchema)]
pub struct SearchAnswer {
    hits: Vec<SearchHit>,
}

/// One line of the search box.
#[derive(Serialize, ToSchema)]
pub struct SearchHit {
    collection: Collection,
    /// The record to open; for a former commune that of its successor.
    id: Uuid,
    title: String,
    /// Kind and whereabouts in Vietnamese; empty if nothing is known.
    subtitle: String,
    #[schema(required)]
    lon: Option<f64>,
    #[schema(required)]
    lat: Option<f64>,
    /// West, south, east, north of lines and areas, degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bbox: Option<[f64; 4]>,
}

impl From<Hit> for SearchHit {
    fn from(hit: Hit) -> Self {
        Self {
            collection: hit.collection,
            id: hit.id,
            title: hit.title,
            subtitle: hit.subtitle,
            lon: hit.lon,
            lat: hit.lat,
            bbox: hit.bbox,
        }
    }
}

/// Names and codes, with or without diacritics.
#[utoipa::path(
    get, path = "/api/search", tag = "places",
    params(
        ("q" = String, Query, description = "What to find"),
        ("limit" = Option<u32>, Query, maximum = 50, description = "Most hits; 10 if not said"),
    ),
    responses((status = 200, description = "Best first", body = SearchAnswer))
)]
pub async fn search(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let words = search_words(&mut params)?.unwrap_or_default();
    let limit = params.count("limit", LINES_MAX)?.unwrap_or(LINES);
    params.finish()?;
    let view = reader.view()?;
    let hits = long::answer(&reader, view.searched(), || view.search(&words, limit)).await?;
    json(&SearchAnswer { hits: hits.into_iter().map(SearchHit::from).collect() })
}
