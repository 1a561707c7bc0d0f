//! Shapes that the OpenAPI document names and no struct of ours has: GeoJSON, problems, and the records, whose fields
//! stand in the tables of `domain`. A handler names one as `body = ref("#/components/schemas/…")`, a struct by
//! `schema_with`. The schemas of places, words and calls stand beside their handlers.

use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{AdditionalProperties, Array, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};

use super::landing::field_schemas;
use crate::domain::Collection;
use crate::domain::access::{DataClass, FORCES, class_of};
use crate::domain::assignment::{SOURCES, Step};
use crate::domain::collection::GeometryKind;
use crate::domain::evacuation::{CHANNELS, State};
use crate::domain::patrol;
use crate::domain::zone::OUTSIDERS;

/// All of them, by name.
pub fn schemas() -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("Problem".to_owned(), problem());
    all.insert("Position".to_owned(), position());
    for (name, depth) in GEOMETRIES {
        all.insert((*name).to_owned(), geometry_of(name, *depth));
    }
    let any: Vec<Value> = GEOMETRIES.iter().map(|(name, _)| named(name)).collect();
    all.insert(
        "Geometry".to_owned(),
        json!({"description": "GeoJSON geometry, WGS 84, longitude first.", "oneOf": any}),
    );
    all.insert("Place".to_owned(), said_place());
    all.insert("Feature".to_owned(), any_record());
    all.insert("FeatureCollection".to_owned(), page_of("Feature"));
    all.insert("NearFeature".to_owned(), near_record());
    all.insert("NearCollection".to_owned(), page_of("NearFeature"));
    for collection in Collection::ALL {
        all.insert(feature_name(collection), record(collection));
    }
    all.insert("DutyLogCollection".to_owned(), page_of("DutyLogFeature"));
    all
}

/// GeoJSON geometries, with how many lists stand around their positions.
const GEOMETRIES: &[(&str, usize)] =
    &[("Point", 0), ("MultiPoint", 1), ("LineString", 1), ("MultiLineString", 2), ("Polygon", 2), ("MultiPolygon", 3)];

fn named(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn position() -> Value {
    json!({
        "type": "array", "items": {"type": "number"}, "minItems": 2,
        "description": "Longitude and latitude, WGS 84 degrees.",
    })
}

fn geometry_of(name: &str, depth: usize) -> Value {
    let coordinates = (0..depth).fold(named("Position"), |inner, _| json!({"type": "array", "items": inner}));
    json!({
        "type": "object",
        "required": ["type", "coordinates"],
        "properties": {"type": {"type": "string", "enum": [name]}, "coordinates": coordinates},
    })
}

/// `IncidentsFeature` for `incidents`.
fn feature_name(collection: Collection) -> String {
    let words = collection.as_str().split('_');
    let capital = |word: &str| format!("{}{}", word[..1].to_uppercase(), &word[1..]);
    format!("{}Feature", words.map(capital).collect::<String>())
}

/// What every record carries beside its own fields.
fn recorded() -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("version".to_owned(), json!({"type": "integer", "description": "What If-Match names."}));
    members.insert("recorded_at".to_owned(), json!({"type": "string", "format": "date-time"}));
    members
}

fn feature(description: &str, geometry: &Value, properties: &Value) -> Value {
    json!({
        "type": "object",
        "description": description,
        "required": ["type", "id", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string", "format": "uuid"},
            "geometry": geometry,
            "properties": properties,
        },
    })
}

fn record(collection: Collection) -> Value {
    let required: Vec<&str> = collection
        .fields()
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .chain(["version", "recorded_at"])
        .collect();
    let mut properties = field_schemas(collection);
    properties.extend(recorded());
    if matches!(class_of(collection), DataClass::Restricted | DataClass::Personal) {
        let words = json!(["exact", "sector", "commune", "province"]);
        let says = "How precisely this reader sees it; what is not `exact` stands for several records.";
        properties.insert("precision".to_owned(), json!({"type": "string", "enum": words, "description": says}));
    }
    let geometry = match collection.geometry_kind() {
        // A commune or a sector may stand in the place of records that the reader may not see one by one.
        _ if matches!(class_of(collection), DataClass::Restricted | DataClass::Personal) => {
            json!({"oneOf": [named("Geometry"), {"type": "null"}]})
        }
        GeometryKind::Point => json!({"oneOf": [named("Point"), {"type": "null"}]}),
        GeometryKind::Line => json!({"oneOf": [named("LineString"), named("MultiLineString"), {"type": "null"}]}),
        GeometryKind::Area => json!({"oneOf": [named("Polygon"), named("MultiPolygon"), {"type": "null"}]}),
    };
    let properties = json!({"type": "object", "required": required, "properties": properties});
    feature(collection.title().1, &geometry, &properties)
}

fn any_record() -> Value {
    let properties = json!({
        "type": "object", "required": ["version", "recorded_at"], "properties": recorded(),
        "additionalProperties": true,
    });
    let geometry = json!({"oneOf": [named("Geometry"), {"type": "null"}]});
    feature("A record of any collection; each has a schema of its own besides.", &geometry, &properties)
}

fn near_record() -> Value {
    json!({
        "description": "A record with where it lies from the place that was asked.",
        "allOf": [named("Feature"), {
            "type": "object",
            "required": ["collection", "distance_m"],
            "properties": {
                "collection": named("Collection"),
                "distance_m": {
                    "type": ["number", "null"],
                    "description": "Geodesic metres; null where one of the two has no position.",
                },
                "bearing_deg": {"type": "number", "description": "Clockwise from true north, towards the record."},
                "nearest": named("Position"),
            },
        }],
    })
}

/// The forms of `domain::place::Place`.
fn said_place() -> Value {
    let number = || json!({"type": "number"});
    let text = || json!({"type": "string"});
    let form = |members: Value, optional: &[&str]| {
        let needed: Vec<&String> = members
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .filter(|name| !optional.contains(&name.as_str()))
            .collect();
        json!({"type": "object", "required": needed, "properties": members, "additionalProperties": false})
    };
    let point = form(
        json!({
            "lon": number(), "lat": number(),
            "accuracy_m": {"type": "number", "description": "How far off it may be, metres."},
            "source": {"type": "string", "enum": ["coordinates", "gps", "map"]},
        }),
        &["accuracy_m", "source"],
    );
    let grid = form(json!({"epsg": {"type": "integer"}, "easting": number(), "northing": number()}), &[]);
    let from_elsewhere = json!({"from": named("Place"), "bearing_deg": number(), "distance_m": number()});
    json!({
        "description": "A place as it was said: degrees (WGS 84), words, a kilometre post, a bearing and a distance \
                        from another place that is none itself, a commune when no more is known, VN-2000 metres, MGRS.",
        "oneOf": [
            point,
            form(json!({"text": text()}), &[]),
            form(json!({"road_ref": text(), "road_km": number()}), &[]),
            form(from_elsewhere, &[]),
            form(json!({"commune_code": text()}), &[]),
            form(json!({"vn2000": grid}), &[]),
            form(json!({"mgrs": text()}), &[]),
        ],
    })
}

fn page_of(item: &str) -> Value {
    json!({
        "type": "object",
        "required": ["type", "features", "numberReturned", "seq"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": named(item)},
            "numberMatched": {"type": "integer", "description": "How many there are on all pages."},
            "numberReturned": {"type": "integer"},
            "timeStamp": {"type": "string", "format": "date-time"},
            "seq": {"type": "integer", "description": "What the picture held."},
            "links": {"type": "array", "items": {
                "type": "object",
                "required": ["rel", "href"],
                "properties": {"rel": {"type": "string"}, "type": {"type": "string"}, "href": {"type": "string"}},
            }},
        },
    })
}

fn problem() -> Value {
    let text = || json!({"type": "string"});
    json!({
        "type": "object",
        "description": "RFC 9457 problem. `code` is stable; `title` and `detail` are in the language of Accept-Language.",
        "required": ["type", "title", "status", "code", "detail", "detail_vi", "detail_en", "instance"],
        "properties": {
            "type": text(), "title": text(), "status": {"type": "integer"}, "code": text(), "detail": text(),
            "detail_vi": text(), "detail_en": text(), "instance": text(),
            "at": {"type": "string", "description": "JSON pointer or parameter that is at fault."},
        },
        "additionalProperties": true,
    })
}

/// An incident in an answer.
pub fn incident() -> Ref {
    Ref::from_schema_name("IncidentsFeature")
}

/// A unit in an answer.
pub fn unit() -> Ref {
    Ref::from_schema_name("UnitsFeature")
}

/// An assignment in an answer, where there is one.
pub fn assignment_or_null() -> Schema {
    let assignment = Ref::from_schema_name("AssignmentsFeature");
    OneOfBuilder::new().item(assignment).item(Object::with_type(Type::Null)).into()
}

/// A place in a call.
pub fn place() -> Ref {
    Ref::from_schema_name("Place")
}

/// A geometry, or that there is none.
pub fn geometry_or_null() -> Schema {
    OneOfBuilder::new().item(Ref::from_schema_name("Geometry")).item(Object::with_type(Type::Null)).into()
}

/// Fields of a record; which there are depends on the collection.
pub fn properties() -> Object {
    ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(true))).build()
}

/// An area.
pub fn area() -> Schema {
    OneOfBuilder::new().item(Ref::from_schema_name("Polygon")).item(Ref::from_schema_name("MultiPolygon")).into()
}

/// Areas.
pub fn areas() -> Ref {
    Ref::from_schema_name("MultiPolygon")
}

/// A line.
pub fn line() -> Ref {
    Ref::from_schema_name("LineString")
}

/// A position.
pub fn position_ref() -> Ref {
    Ref::from_schema_name("Position")
}

/// Positions, at least one.
pub fn positions() -> Array {
    ArrayBuilder::new().items(Ref::from_schema_name("Position")).min_items(Some(1)).build()
}

/// Incidents that may be the same, with their distance.
pub fn near_incidents() -> Array {
    Array::new(Ref::from_schema_name("NearFeature"))
}

/// What happened.
pub fn incident_kind() -> RefOr<Schema> {
    of_table(Collection::Incidents, "kind")
}

/// Severity of an incident.
pub fn incident_severity() -> RefOr<Schema> {
    of_table(Collection::Incidents, "severity")
}

/// How a report came.
pub fn incident_channel() -> RefOr<Schema> {
    of_table(Collection::Incidents, "channel")
}

/// How the position of an incident became known.
pub fn incident_located_by() -> RefOr<Schema> {
    of_table(Collection::Incidents, "located_by")
}

/// Why an incident ended.
pub fn incident_outcome() -> RefOr<Schema> {
    of_table(Collection::Incidents, "outcome")
}

/// What a unit is doing.
pub fn unit_status() -> RefOr<Schema> {
    of_table(Collection::Units, "status")
}

/// How a status became known.
pub fn unit_status_source() -> RefOr<Schema> {
    of_table(Collection::Units, "status_source")
}

/// How something became known.
pub fn told_source() -> RefOr<Schema> {
    words_of(SOURCES.iter().copied())
}

/// What is told of a household's people.
pub fn evacuation_reported() -> RefOr<Schema> {
    words_of(State::REPORTED.into_iter().map(State::as_str))
}

/// Where people of a household may be.
pub fn evacuation_state() -> RefOr<Schema> {
    words_of(State::ALL.into_iter().map(State::as_str))
}

/// How somebody was warned.
pub fn warning_channel() -> RefOr<Schema> {
    words_of(CHANNELS.iter().copied())
}

/// Who may be in a zone and is on no list.
pub fn outsiders_kind() -> RefOr<Schema> {
    words_of(OUTSIDERS.iter().copied())
}

/// Alone or with others.
pub fn patrol_kind() -> RefOr<Schema> {
    or_null(patrol::KINDS.iter().copied())
}

/// What a unit says of its patrol.
pub fn patrol_step() -> RefOr<Schema> {
    words_of(patrol::Step::BY_UNIT.into_iter().map(patrol::Step::as_str))
}

/// What a duty officer decides on a patrol.
pub fn patrol_decision() -> RefOr<Schema> {
    words_of(patrol::Choose::ALL.into_iter().map(patrol::Choose::as_str))
}

/// Forces, or that nobody said.
pub fn forces_or_null() -> Schema {
    let list = ArrayBuilder::new().items(words_of(FORCES.iter().copied()));
    OneOfBuilder::new().item(list.build()).item(Object::with_type(Type::Null)).into()
}

fn or_null(words: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build();
    RefOr::T(OneOfBuilder::new().item(words).item(Object::with_type(Type::Null)).into())
}

/// What a unit says of its assignment.
pub fn step_by_unit() -> RefOr<Schema> {
    words_of(Step::BY_UNIT.into_iter().map(Step::as_str))
}

/// What a duty officer decides on an assignment.
pub fn step_by_officer() -> RefOr<Schema> {
    words_of(Step::BY_OFFICER.into_iter().map(Step::as_str))
}

fn words_of(words: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}

/// A field of a record, as its table has it.
fn of_table(collection: Collection, name: &str) -> RefOr<Schema> {
    let schema = field_schemas(collection).remove(name).and_then(|schema| serde_json::from_value(schema).ok());
    RefOr::T(schema.expect("a field of the table, whose schema is one of OpenAPI"))
}
