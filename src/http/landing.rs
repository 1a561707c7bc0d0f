//! The OGC API's front pages: landing, conformance, collections and what can be asked of each.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use super::actor::Reader;
use super::answer::json;
use super::app::App;
use super::error::Answer;
use super::params::{CRS84, collection_named};
use super::peer::Peer;
use crate::domain::Collection;
use crate::domain::collection::GeometryKind;
use crate::domain::schema::{FieldKind, SetBy};
use crate::picture::View;

/// What of the standards is kept.
const CONFORMS_TO: [&str; 7] = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/create-replace-delete",
    "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/optimistic-locking-etags",
];
/// The province, for the extent of a collection that holds nothing yet: west, south, east, north.
const PROVINCE: [f64; 4] = [102.3, 21.6, 104.0, 22.9];

fn base(headers: &HeaderMap, peer: Peer) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1");
    format!("{}://{host}", peer.scheme())
}

fn link(rel: &str, media: &str, href: impl Into<String>, title: &str) -> Value {
    let href: String = href.into();
    json!({"rel": rel, "type": media, "href": href, "title": title})
}

/// Landing page of the OGC API.
#[utoipa::path(get, path = "/api", tag = "ogc", responses((status = 200, description = "Links to all the rest")))]
pub async fn landing(State(app): State<App>, headers: HeaderMap, peer: Peer) -> Answer {
    let base = base(&headers, peer) + &app.prefix();
    json(&json!({
        "title": "trucban",
        "description": "Bức tranh chung của các phòng trực ban tỉnh Lai Châu · one live picture for the duty rooms of Lai Châu",
        "links": [
            link("self", "application/json", format!("{base}/api"), "this document"),
            link("service-desc", "application/vnd.oai.openapi+json;version=3.1", format!("{base}/api/openapi.json"), "OpenAPI"),
            link("service-doc", "text/html", format!("{base}/api/docs"), "documentation to read"),
            link("conformance", "application/json", format!("{base}/api/conformance"), "conformance"),
            link("data", "application/json", format!("{base}/api/collections"), "collections"),
        ],
    }))
}

/// What of the standards is kept.
#[utoipa::path(get, path = "/api/conformance", tag = "ogc", responses((status = 200, description = "Conformance classes")))]
pub async fn conformance() -> Answer {
    json(&json!({"conformsTo": CONFORMS_TO}))
}

/// All collections.
#[utoipa::path(get, path = "/api/collections", tag = "ogc", responses((status = 200, description = "The collections")))]
pub async fn list_collections(reader: Reader) -> Answer {
    let view = reader.view()?;
    let all: Vec<Value> = Collection::ALL.iter().map(|c| describe(&reader, &view, *c)).collect();
    json(&json!({
        "links": [link("self", "application/json", reader.link("/api/collections"), "this document")],
        "collections": all,
    }))
}

/// One collection.
#[utoipa::path(
    get, path = "/api/collections/{collection}", tag = "ogc",
    params(("collection" = Collection, Path, description = "Its name")),
    responses((status = 200, description = "The collection"), (status = 404, description = "unknown_collection"))
)]
pub async fn read_collection(reader: Reader, Path(name): Path<String>) -> Answer {
    let view = reader.view()?;
    json(&describe(&reader, &view, collection_named(&name)?))
}

/// What a collection can be filtered by.
#[utoipa::path(
    get, path = "/api/collections/{collection}/queryables", tag = "ogc",
    params(("collection" = Collection, Path, description = "Its name")),
    responses((status = 200, description = "JSON Schema of the filters", content_type = "application/schema+json"))
)]
pub async fn read_queryables(reader: Reader, Path(name): Path<String>) -> Answer {
    schema_answer(&reader, collection_named(&name)?, "queryables")
}

/// What a record of a collection looks like.
#[utoipa::path(
    get, path = "/api/collections/{collection}/schema", tag = "ogc",
    params(("collection" = Collection, Path, description = "Its name")),
    responses((status = 200, description = "JSON Schema of a record", content_type = "application/schema+json"))
)]
pub async fn read_schema(reader: Reader, Path(name): Path<String>) -> Answer {
    schema_answer(&reader, collection_named(&name)?, "schema")
}

fn schema_answer(reader: &Reader, collection: Collection, page: &str) -> Answer {
    let mut properties = field_schemas(collection);
    for field in collection.fields().iter().filter(|field| field.set_by != SetBy::Client) {
        if let Some(Value::Object(members)) = properties.get_mut(field.name) {
            members.insert("readOnly".to_owned(), true.into());
        }
    }
    let shape = match collection.geometry_kind() {
        GeometryKind::Point => "geometry-point",
        GeometryKind::Line => "geometry-any",
        GeometryKind::Area => "geometry-any",
    };
    properties.insert("geometry".to_owned(), json!({"format": shape, "x-ogc-role": "primary-geometry"}));
    let document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": reader.link(&format!("/api/collections/{collection}/{page}")),
        "type": "object",
        "title": collection.title().1,
        "properties": properties,
        "additionalProperties": false,
    });
    let answer = json(&document)?;
    Ok(super::answer::with_header(answer, header::CONTENT_TYPE, "application/schema+json"))
}

/// JSON Schemas of the fields of a collection, by name.
#[must_use]
pub fn field_schemas(collection: Collection) -> Map<String, Value> {
    let mut schemas = Map::new();
    for field in collection.fields() {
        let mut schema = match field.kind {
            FieldKind::Text(max) => json!({"type": "string", "maxLength": max}),
            FieldKind::Integer(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
            FieldKind::Real(min, max) => json!({"type": "number", "minimum": min, "maximum": max}),
            FieldKind::Boolean => json!({"type": "boolean"}),
            FieldKind::Time => json!({"type": "string", "format": "date-time"}),
            FieldKind::Date => json!({"type": "string", "format": "date"}),
            FieldKind::Choice(words) => json!({"type": "string", "enum": words}),
            FieldKind::Choices(words) => json!({"type": "array", "items": {"type": "string", "enum": words}}),
            FieldKind::Reference => json!({"type": "string", "format": "uuid"}),
            FieldKind::References => json!({"type": "array", "items": {"type": "string", "format": "uuid"}}),
            FieldKind::Texts(max) => json!({"type": "array", "items": {"type": "string", "maxLength": max}}),
            FieldKind::Json(_) => json!({}),
        };
        if let Value::Object(members) = &mut schema {
            members.insert("description".to_owned(), field.doc.into());
            if field.personal {
                members.insert("x-personal".to_owned(), true.into());
            }
        }
        schemas.insert(field.name.to_owned(), schema);
    }
    schemas
}

fn describe(reader: &Reader, view: &View, collection: Collection) -> Value {
    let page = |rest: &str| reader.link(&format!("/api/collections/{collection}{rest}"));
    let bbox = view.extent(collection).unwrap_or(PROVINCE);
    let (vi, en) = collection.title();
    json!({
        "id": collection.as_str(),
        "title": vi,
        "description": en,
        "itemType": "feature",
        "crs": [CRS84],
        "storageCrs": CRS84,
        "extent": {
            "spatial": {"bbox": [bbox], "crs": CRS84},
            "temporal": {"interval": [[null, null]]},
        },
        "links": [
            link("self", "application/json", page(""), "this document"),
            link("items", "application/geo+json", page("/items"), en),
            link("http://www.opengis.net/def/rel/ogc/1.0/queryables", "application/schema+json", page("/queryables"), "filters"),
            link("http://www.opengis.net/def/rel/ogc/1.0/schema", "application/schema+json", page("/schema"), "fields"),
        ],
    })
}
