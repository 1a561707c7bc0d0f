//! Answers: bytes with their headers.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::error::{Answer, internal};
use crate::picture::Shown;

/// GeoJSON as a media type.
const GEOJSON: HeaderValue = HeaderValue::from_static("application/geo+json");
/// Every answer is made for one actor at one moment; a browser may keep it only to ask whether it still holds.
const NO_CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// 200 with GeoJSON.
#[must_use]
pub fn geojson(body: impl Into<Bytes>) -> Response {
    with_type(GEOJSON, body.into())
}

/// 200 with JSON that is ready.
#[must_use]
pub fn json_bytes(body: impl Into<Bytes>) -> Response {
    with_type(HeaderValue::from_static("application/json"), body.into())
}

/// 200 with a value as JSON.
///
/// # Errors
/// `internal` if the value cannot be written, which no value of ours does.
pub fn json(value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).map_err(|_| internal())?;
    Ok(json_bytes(body))
}

/// One record as a GeoJSON feature with its `ETag`.
#[must_use]
pub fn feature(shown: &Shown<'_>, members: &[(&str, &str)]) -> Response {
    let mut body = Vec::with_capacity(2_048);
    shown.write_geojson(members, &mut body);
    let mut response = geojson(body);
    response.headers_mut().insert(header::ETAG, etag(shown.version()));
    response
}

/// The `ETag` of a version.
#[must_use]
pub fn etag(version: u32) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// A weak `ETag`: the same content, packed or not.
#[must_use]
pub fn weak_tag(text: impl std::fmt::Display) -> HeaderValue {
    HeaderValue::from_str(&format!("W/\"{text}\"")).unwrap_or(HeaderValue::from_static("W/\"0\""))
}

/// The feature as a value, for answers that hold several.
#[must_use]
pub fn feature_value(shown: &Shown<'_>) -> Value {
    let mut body = Vec::with_capacity(2_048);
    shown.write_geojson(&[], &mut body);
    serde_json::from_slice(&body).unwrap_or_default()
}

/// Sets the status.
#[must_use]
pub fn with_status(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    response
}

/// Sets a header; a value that no header can carry is left out.
#[must_use]
pub fn with_header(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Whether `If-None-Match` names this tag.
#[must_use]
pub fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let Ok(tag) = tag.to_str().map(|tag| tag.trim_start_matches("W/")) else { return false };
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag)
}

/// 304: what the reader holds still stands.
#[must_use]
pub fn not_modified(tag: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(header::ETAG, tag);
    response.headers_mut().insert(header::CACHE_CONTROL, NO_CACHE);
    response
}

fn with_type(media: HeaderValue, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.reserve(4);
    headers.insert(header::CONTENT_TYPE, media);
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    response
}
