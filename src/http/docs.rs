//! The OpenAPI document and a page that shows it, both without the internet.

mod doors;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, Response};
use serde_json::{Value, json};
use utoipa::openapi::{ContactBuilder, InfoBuilder, OpenApi, OpenApiBuilder};

use super::answer::{json_bytes, with_header};

/// What stands before the routes in the document.
pub fn preamble() -> OpenApi {
    let about = "Read and write API of the duty room's common picture: OGC API - Features plus the desk's verbs. \
                 Coordinates are WGS 84, longitude first; times are RFC 3339; errors are RFC 9457 problems with a \
                 stable `code`, in Vietnamese and English. A device's token that asks too often is answered 429 on any route, \
                 with Retry-After. Where several servers share one store, the answer to a write tells the number of its \
                 change in the header `Seq`, and a question with the header `Min-Seq` is answered by a server that holds \
                 that change, or 503 `behind`.";
    let info = InfoBuilder::new()
        .title("trucban")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(about))
        .contact(Some(ContactBuilder::new().name(Some("trucban")).build()))
        .build();
    OpenApiBuilder::new().info(info).build()
}

/// The whole document: the routes, and a schema for the records of each collection.
#[must_use]
pub fn openapi_document() -> Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(make_document);
    DOCUMENT.clone()
}

fn make_document() -> Value {
    let (_, api) = super::router::api().split_for_parts();
    let mut document = serde_json::to_value(api).unwrap_or_default();
    let schemas = &mut document["components"]["schemas"];
    if !schemas.is_object() {
        *schemas = json!({});
    }
    for (name, schema) in super::shapes::schemas() {
        schemas[name] = schema;
    }
    document["components"]["responses"] = json!({"Problem": doors::problem_response()});
    document["components"]["securitySchemes"] = doors::ways_in();
    let schemas = document["components"]["schemas"].clone();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            doors::complete(path, method, operation, &schemas);
        }
    }
    document
}

/// The document.
pub async fn openapi_json() -> Response {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| openapi_document().to_string().into_bytes());
    let response = json_bytes(BYTES.as_slice());
    with_header(response, header::CONTENT_TYPE, "application/vnd.oai.openapi+json;version=3.1")
}

/// A page that shows the document.
pub async fn page() -> Html<&'static str> {
    Html(include_str!("docs/page.html"))
}

/// Its style: our pages take neither style nor script that stands inside HTML.
pub async fn style() -> Response {
    with_header(json_bytes(include_str!("docs/page.css")), header::CONTENT_TYPE, "text/css; charset=utf-8")
}

/// Its script.
pub async fn script() -> Response {
    with_header(json_bytes(include_str!("docs/reader.js")), header::CONTENT_TYPE, "text/javascript; charset=utf-8")
}
