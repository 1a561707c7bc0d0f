//! `/tiles/{collection}/{z}/{x}/{y}`: vector tiles.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::actor::Reader;
use super::answer::{is_known, not_modified, weak_tag};
use super::audit::note_answer;
use super::error::{Answer, internal};
use super::params::{Params, collection_named};
use crate::domain::access::class_of;
use crate::domain::moment::Moment;
use crate::domain::{Code, Collection, Problem};
use crate::geometry::mercator::Tile;
use crate::tiles::{Encoded, Tiles, tile_at};

/// A vector tile of one collection. Its layer carries the collection's name; each feature has the record's `id`.
/// Households below zoom 10, and any tile of more than 20,000 points, come as cells with `count`.
#[utoipa::path(
    get, path = "/tiles/{collection}/{z}/{x}/{y}", tag = "tiles",
    params(
        ("collection" = Collection, Path, description = "Name of the collection"),
        ("z" = u8, Path, description = "Zoom, 0 to 22"),
        ("x" = u32, Path, description = "Column from the west"),
        ("y" = u32, Path, description = "Row from the north"),
        ("at" = Option<String>, Query, description = "What was true then, as it is known now (or by as_known_at); RFC 3339"),
        ("as_known_at" = Option<String>, Query, description = "As it was known then; the present picture if neither is said"),
    ),
    responses(
        (status = 200, description = "Mapbox Vector Tile 2", content_type = "application/vnd.mapbox-vector-tile"),
        (status = 204, description = "Nothing there"),
        (status = 304, description = "As the If-None-Match tag says"),
    )
)]
pub async fn read_tile(
    reader: Reader,
    Path((name, z, x, y)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Answer {
    let collection = collection_named(&name)?;
    let tile =
        tile_at(cell("z", &z)?, cell("x", &x)?, cell("y", y.trim_end_matches(".mvt").trim_end_matches(".pbf"))?)?;
    let mut params = Params::parse(reader.uri.query())?;
    let moment = params.moment()?;
    params.finish()?;
    if let Some(moment) = moment {
        return past_tile(&reader, collection, tile, moment, accepts_gzip(&headers)).await;
    }
    let view = reader.view_to_draw()?;
    let tag = weak_tag(format_args!("{}-{:x}", view.version(collection), view.lens()));
    if is_known(&headers, &tag) {
        return Ok(not_modified(tag));
    }
    let tiles = reader.live()?.tiles.clone();
    let encoded = match tiles.known(&view, collection, tile) {
        Some(encoded) => encoded,
        None => {
            tokio::task::spawn_blocking(move || tiles.get(&view, collection, tile)).await.map_err(|_| internal())??
        }
    };
    note_answer(&reader, collection, class_of(collection), encoded.records())?;
    Ok(answer(&encoded, Some(tag), accepts_gzip(&headers)))
}

/// The tile of an earlier moment: made for whoever asks and not kept.
async fn past_tile(reader: &Reader, collection: Collection, tile: Tile, moment: Moment, gzip: bool) -> Answer {
    let view = reader.view_to_draw_of(moment).await?;
    let made = tokio::task::spawn_blocking(move || Tiles::make(&view, collection, tile)).await;
    let encoded = made.map_err(|_| internal())??;
    note_answer(reader, collection, class_of(collection), encoded.records())?;
    let mut response = answer(&encoded, None, gzip);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

fn answer(encoded: &Arc<Encoded>, tag: Option<HeaderValue>, gzip: bool) -> Response {
    let packed = if gzip { encoded.gzip() } else { None };
    let is_packed = packed.is_some();
    let mut response = Response::new(Body::from(packed.unwrap_or_else(|| encoded.plain())));
    if encoded.is_empty() {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.mapbox-vector-tile"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, authorization, cookie"));
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn cell<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| {
        Problem::new(
            Code::InvalidParameter,
            format!("{name}: {text:?} không phải số nguyên hợp lệ."),
            format!("{name}: {text:?} is not a valid whole number."),
        )
        .at(name)
    })
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
            named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}
