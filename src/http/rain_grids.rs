//! Grids of rain: a GeoTIFF for one interval comes in, is listed, is taken back.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer, idempotency_key, read_body};
use super::answer::{json, with_status};
use super::error::{Answer, Refusal};
use super::imports::FileBytes;
use super::long;
use super::params::{Params, id_named, invalid};
use super::uploads::drain;
use crate::desk::{Ask, GridIn, GridOutcome};
use crate::domain::access::Deed;
use crate::domain::rain_grid::{GRIDS_MAX, GridKind, GridOf};
use crate::domain::{Actor, Collection, Problem};
use crate::picture::Shown;
use crate::raster::geotiff::band;
use crate::raster::rain::{CELLS_READ_MAX, unread};
use crate::store::Idempotency;

/// Grids that are listed if nothing else is asked.
const LISTED: usize = 100;
/// Longest name of a file, characters.
const NAME_CHARS_MAX: usize = 200;

/// A grid of rain, without its cells.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RainGridTold {
    pub id: Uuid,
    pub version: u32,
    /// `observed` or `forecast`.
    pub kind: String,
    pub source: String,
    #[schema(format = DateTime)]
    pub starts_at: String,
    #[schema(format = DateTime)]
    pub ends_at: String,
    /// When a forecast was issued.
    #[schema(required, format = DateTime)]
    pub issued_at: Option<String>,
    pub columns: u32,
    pub rows: u32,
    /// Share of the cells of which the rain is known.
    pub known_share: f64,
    pub mean_mm: f64,
    pub max_mm: f64,
    #[schema(required)]
    pub file_name: Option<String>,
    #[schema(format = DateTime)]
    pub taken_at: String,
    pub taken_by: String,
}

/// What became of a grid.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RainGridAnswer {
    /// `accepted`; `repeated`: the same was known; `corrected`: another was known of the same source and interval.
    pub outcome: String,
    pub grid: RainGridTold,
}

/// The open grids of rain, those that reach furthest first.
#[derive(Serialize, ToSchema)]
pub struct RainGridList {
    grids: Vec<RainGridTold>,
    /// How many there are; more than are listed if so many were not asked for.
    total: usize,
}

/// Takes a grid of rain: a GeoTIFF in degrees (EPSG:4326) of one band, millimetres, for one interval, up to 16 MiB. One that
/// comes again changes nothing, another of the same source and interval takes its place.
#[utoipa::path(
    post, path = "/api/rain_grids", tag = "risk",
    params(
        ("kind" = String, Query, description = "`observed`: it fell; `forecast`: it is to fall"),
        ("source" = String, Query, description = "Who made it, always by the same name, up to 100 characters"),
        ("starts_at" = String, Query, description = "Start of the interval, RFC 3339, a whole minute"),
        ("ends_at" = String, Query, description = "End of the interval; at most a day after its start"),
        ("issued_at" = Option<String>, Query, description = "When a forecast was issued; needed for one"),
        ("name" = Option<String>, Query, description = "Name of the file"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    request_body(content = FileBytes, content_type = "image/tiff"),
    responses(
        (status = 200, description = "What became of it", body = RainGridAnswer),
        (status = 400, description = "invalid_encoding: the GeoTIFF is broken; invalid_parameter"),
        (status = 403, description = "forbidden"),
        (status = 413, description = "body_too_large"),
        (status = 415, description = "unsupported_media_type: it is no TIFF"),
        (status = 422, description = "invalid_value: another reference system, numbers that are no rain, a grid of elsewhere, an interval that meets another in part; limit_exceeded: too many cells"),
    )
)]
pub async fn take_rain_grid(reader: Result<Reader, Refusal>, headers: HeaderMap, body: Body) -> Answer {
    let call = reader.and_then(|reader| {
        let call = read_call(&reader)?;
        Ok((reader, call, idempotency_key(&headers)?))
    });
    let (reader, (of, file_name), key) = match call {
        Ok(call) => call,
        Err(refusal) => {
            drain(body).await;
            return Err(refusal);
        }
    };
    let bytes = read_body(&headers, body).await?;
    let idempotency = key.map(|key| Idempotency { key, body_hash: call_hash(&reader, &bytes) });
    let read = || {
        let hash = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        band(std::io::Cursor::new(&*bytes), CELLS_READ_MAX).map(|band| (band, hash)).map_err(|fault| unread(&fault))
    };
    let (band, file_hash) = long::beside(&reader, read).await??;
    let ask = Ask { idempotency, ..Ask::by(Actor::clone(reader.actor())) };
    let grid = GridIn { of, file_name, file_hash, band };
    let (outcome, written) = reader.live()?.desk.take_rain_grid(&ask, grid).await?;
    let view = reader.view_of_written()?;
    let told = view.item(Collection::RainGrids, written.id()).and_then(|grid| told(&grid));
    let outcome = match outcome {
        GridOutcome::Accepted => "accepted",
        GridOutcome::Repeated => "repeated",
        GridOutcome::Corrected => "corrected",
    };
    json(&RainGridAnswer { outcome: outcome.to_owned(), grid: told.ok_or_else(super::error::internal)? })
}

/// Everything that can be refused before the file is read.
fn read_call(reader: &Reader) -> Result<(GridOf, Option<String>), Problem> {
    reader.actor().check(Deed::ReportRain)?;
    let mut params = Params::parse(reader.uri.query())?;
    let kind = params.needed_text("kind")?;
    let kind = GridKind::from_word(&kind)
        .ok_or_else(|| invalid("kind", "cần observed hoặc forecast", "expected observed or forecast"))?;
    let source = params.needed_text("source")?.into_owned();
    let mut needed = |name: &str| params.time(name)?.ok_or_else(|| invalid(name, "bắt buộc phải có", "is required"));
    let (starts_at, ends_at) = (needed("starts_at")?, needed("ends_at")?);
    let issued_at = params.time("issued_at")?;
    let name = params.text("name")?.map(std::borrow::Cow::into_owned);
    if name.as_ref().is_some_and(|name| name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control)) {
        return Err(invalid("name", "không phải tên tệp", "is no name of a file"));
    }
    params.finish()?;
    let of = GridOf { kind, source, starts_at, ends_at, issued_at };
    of.check(super::app::now())?;
    Ok((of, name))
}

/// SHA-256 of actor, call and file: the same key for anything else is a mistake of the caller.
fn call_hash(reader: &Reader, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [&reader.actor().name, reader.uri.path(), reader.uri.query().unwrap_or_default()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(body);
    hash.finalize().into()
}

fn told(grid: &Shown<'_>) -> Option<RainGridTold> {
    let text = |name: &str| grid.text(name).map(std::borrow::Cow::into_owned);
    let number = |name: &str| grid.number(name);
    Some(RainGridTold {
        id: grid.id(),
        version: grid.version(),
        kind: text("kind")?,
        source: text("source")?,
        starts_at: text("starts_at")?,
        ends_at: text("ends_at")?,
        issued_at: text("issued_at"),
        columns: number("columns")? as u32,
        rows: number("rows")? as u32,
        known_share: number("known_share").unwrap_or(0.0),
        mean_mm: number("mean_mm").unwrap_or(0.0),
        max_mm: number("max_mm").unwrap_or(0.0),
        file_name: text("file_name"),
        taken_at: text("taken_at")?,
        taken_by: text("taken_by").unwrap_or_default(),
    })
}

/// The grids of rain that count, or may be asked for.
#[utoipa::path(
    get, path = "/api/rain_grids", tag = "risk",
    params(("limit" = Option<u32>, Query, description = "Up to 2,000; 100 if not said")),
    responses((status = 200, description = "Without their cells", body = RainGridList))
)]
pub async fn list_rain_grids(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let limit = params.count("limit", GRIDS_MAX)?.unwrap_or(LISTED);
    params.finish()?;
    let view = reader.view()?;
    let mut grids: Vec<RainGridTold> = view.all(Collection::RainGrids).filter_map(|grid| told(&grid)).collect();
    grids.sort_by(|a, b| (&b.ends_at, &b.issued_at, &b.source).cmp(&(&a.ends_at, &a.issued_at, &a.source)));
    let total = grids.len();
    grids.truncate(limit);
    json(&RainGridList { grids, total })
}

/// Takes a grid back that should not have come.
#[utoipa::path(
    delete, path = "/api/rain_grids/{id}", tag = "risk",
    params(
        ("id" = String, Path, description = "Id of the grid"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (status = 204, description = "It counts no more"),
        (status = 404, description = "not_found"),
    )
)]
pub async fn withdraw_rain_grid(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    writer.fields()?.finish()?;
    writer.desk()?.withdraw_rain_grid(&writer.ask(None), id).await?;
    Ok(with_status(Response::default(), StatusCode::NO_CONTENT))
}
