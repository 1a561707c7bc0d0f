//! Writing records of any collection: create, replace, change, end. What may be set is the desk's question.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::Response;
use geo_types::Geometry;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::{feature, with_header, with_status};
use super::error::{Answer, Refusal, internal};
use super::fields::Fields;
use super::params::{collection_named, id_named};
use super::shapes;
use crate::desk::{Item, Patch, Written};
use crate::domain::collection::GeometryKind;
use crate::domain::{Collection, Problem};
use crate::geometry::validate::{DRAWN_VERTICES_MAX, from_geojson};

/// A record to be, as a GeoJSON Feature.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct NewFeature {
    /// `Feature`; may be left out.
    r#type: Option<String>,
    /// The caller's own UUID v7, made offline; a new one if absent.
    id: Option<Uuid>,
    #[schema(schema_with = shapes::geometry_or_null)]
    geometry: Option<Value>,
    #[schema(schema_with = shapes::properties)]
    properties: Value,
}

/// What shall change: RFC 7396, `null` removes a property.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct FeaturePatch {
    #[schema(schema_with = shapes::geometry_or_null)]
    geometry: Option<Value>,
    #[schema(schema_with = shapes::properties)]
    properties: Option<Value>,
}

/// Why a record is ended.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct EndCall {
    reason: Option<String>,
}

/// Creates a record.
#[utoipa::path(
    post, path = "/api/collections/{collection}/items", tag = "ogc", request_body = NewFeature,
    params(
        ("collection" = Collection, Path, description = "Name of the collection"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses((
        status = 201, description = "The record, with Location and ETag", content_type = "application/geo+json",
        body = ref("#/components/schemas/Feature"),
    ))
)]
pub async fn create_item(Path(name): Path<String>, writer: Writer) -> Answer {
    let collection = collection_named(&name)?;
    let mut fields = writer.fields()?;
    let id = fields.uuid("id")?;
    let item = read_item(collection, fields)?;
    let written = writer.desk()?.create(&writer.ask(None), collection, id, item).await?;
    let answer = with_status(show(&writer.reader, &written)?, StatusCode::CREATED);
    let place = writer.reader.link(&format!("/api/collections/{collection}/items/{}", written.id()));
    Ok(with_header(answer, header::LOCATION, &place))
}

/// Replaces the fields of a record that its caller may set.
#[utoipa::path(
    put, path = "/api/collections/{collection}/items/{id}", tag = "ogc", request_body = NewFeature,
    params(
        ("collection" = Collection, Path, description = "Name of the collection"),
        ("id" = String, Path, description = "Id of the record"),
        ("If-Match" = String, Header, description = "The version that the caller saw, such as \"7\""),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The record, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/Feature"),
        ),
        (status = 412, description = "version_conflict, with the `present` record"),
        (status = 428, description = "precondition_required"),
    )
)]
pub async fn replace_item(Path((name, id)): Path<(String, String)>, writer: Writer) -> Answer {
    let (collection, id) = (collection_named(&name)?, id_named(&id)?);
    let ask = writer.ask_of_seen(None)?;
    let mut fields = writer.fields()?;
    check_own_id(&mut fields, id)?;
    let item = read_item(collection, fields)?;
    let written = writer.desk()?.replace(&ask, collection, id, item).await?;
    show(&writer.reader, &written)
}

/// Changes some fields of a record.
#[utoipa::path(
    patch, path = "/api/collections/{collection}/items/{id}", tag = "ogc",
    request_body(content = FeaturePatch, content_type = "application/merge-patch+json"),
    params(
        ("collection" = Collection, Path, description = "Name of the collection"),
        ("id" = String, Path, description = "Id of the record"),
        ("If-Match" = String, Header, description = "The version that the caller saw, such as \"7\""),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The record, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/Feature"),
        ),
        (status = 412, description = "version_conflict, with the `present` record"),
        (status = 428, description = "precondition_required"),
    )
)]
pub async fn patch_item(Path((name, id)): Path<(String, String)>, writer: Writer) -> Answer {
    let (collection, id) = (collection_named(&name)?, id_named(&id)?);
    let ask = writer.ask_of_seen(None)?;
    let mut fields = writer.fields()?;
    check_own_id(&mut fields, id)?;
    let geometry = match fields.take_even_null("geometry") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(value) => Some(Some(drawn(collection, &value, "/geometry")?)),
    };
    let properties = properties(&mut fields)?;
    fields.finish()?;
    let written = writer.desk()?.patch(&ask, collection, id, Patch { geometry, properties }).await?;
    show(&writer.reader, &written)
}

/// Ends or revokes a record; nothing is erased.
#[utoipa::path(
    delete, path = "/api/collections/{collection}/items/{id}", tag = "ogc", request_body = Option<EndCall>,
    params(
        ("collection" = Collection, Path, description = "Name of the collection"),
        ("id" = String, Path, description = "Id of the record"),
        ("If-Match" = String, Header, description = "The version that the caller saw, such as \"7\""),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The ended record", content_type = "application/geo+json",
            body = ref("#/components/schemas/Feature"),
        ),
        (status = 412, description = "version_conflict, with the `present` record"),
        (status = 428, description = "precondition_required"),
    )
)]
pub async fn end_item(Path((name, id)): Path<(String, String)>, writer: Writer) -> Answer {
    let (collection, id) = (collection_named(&name)?, id_named(&id)?);
    let ask = writer.ask_of_seen(None)?;
    let mut fields = writer.fields()?;
    let reason = fields.text("reason")?;
    fields.finish()?;
    let written = writer.desk()?.end(&ask, collection, id, reason).await?;
    show(&writer.reader, &written)
}

/// The record that a verb was about, as its caller sees it now.
///
/// # Errors
/// `internal` if the picture does not hold what was written.
pub fn show(reader: &Reader, written: &Written) -> Result<Response, Refusal> {
    let view = reader.view_of_written()?;
    let shown = view.written(written.collection, written.id()).ok_or_else(internal)?;
    Ok(feature(&shown, &[]))
}

/// A geometry as it was drawn. A closure may also be pointed at; the desk makes a stretch of road of the point.
pub(super) fn drawn(collection: Collection, value: &Value, at: &str) -> Result<Geometry, Problem> {
    let is_pointed = collection == Collection::RoadClosures && value["type"] == "Point";
    let kind = if is_pointed { GeometryKind::Point } else { collection.geometry_kind() };
    from_geojson(value, kind, DRAWN_VERTICES_MAX, at)
}

fn read_item(collection: Collection, mut fields: Fields) -> Result<Item, Problem> {
    let geometry = match fields.take("geometry") {
        None => None,
        Some(value) => Some(drawn(collection, &value, "/geometry")?),
    };
    let properties = properties(&mut fields)?;
    drop_what_answers_carry(&mut fields);
    fields.finish()?;
    Ok(Item { geometry, properties })
}

/// `properties` without what answers add to the record's own fields, so that a program may send back what it got.
fn properties(fields: &mut Fields) -> Result<Map<String, Value>, Problem> {
    let mut properties = match fields.take("properties") {
        None => Map::new(),
        Some(value) => Fields::at(value, "/properties")?.rest(),
    };
    for name in crate::domain::schema::BESIDE_FIELDS {
        properties.remove(name);
    }
    Ok(properties)
}

fn check_own_id(fields: &mut Fields, id: Uuid) -> Result<(), Problem> {
    drop_what_answers_carry(fields);
    match fields.uuid("id")? {
        Some(told) if told != id => Err(Problem::new(
            crate::domain::Code::InvalidValue,
            "id trong nội dung khác id trong địa chỉ.",
            "The id in the body differs from the one in the address.",
        )
        .at("/id")),
        _ => Ok(()),
    }
}

/// Members of a GeoJSON Feature that say nothing about the record.
fn drop_what_answers_carry(fields: &mut Fields) {
    for name in ["type", "links", "bbox", "collection"] {
        fields.take_even_null(name);
    }
}
