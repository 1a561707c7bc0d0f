//! What can be done before the transaction is done here, on the caller's thread: texts, blobs and column values, so
//! that the writer only runs statements. It also refuses what no record may hold, whoever asks.

use geo::CoordsIter;
use geo_types::Geometry;
use rusqlite::types::Value as Sql;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::blob;
use super::tables::{Table, is_column};
use crate::domain::change::canonical_json;
use crate::domain::collection::GeometryKind;
use crate::domain::schema::{self, Field, FieldKind};
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::store::{Append, Expect, Idempotency, Put, StoreError, body};

/// An [`Append`] ready for its transaction.
pub(super) struct Call {
    pub idempotency: Option<Idempotency>,
    pub request_id: Uuid,
    pub actor: std::sync::Arc<str>,
    pub exercise_id: Option<Uuid>,
    pub expects: Vec<Expect>,
    pub puts: Vec<Prepared>,
}

/// A [`Put`] ready for its row.
#[derive(Clone)]
pub(super) struct Prepared {
    pub collection: Collection,
    pub id: Uuid,
    pub valid_at: Option<Timestamp>,
    pub geometry: Option<Geometry<f64>>,
    pub geometry_json: String,
    pub blob: Option<Vec<u8>>,
    pub properties: Box<str>,
    pub personal: Option<Box<str>>,
    /// One value a field of the table, in its order.
    pub columns: Vec<Sql>,
}

pub(super) fn call(tables: &[Table], mut append: Append) -> Result<Call, StoreError> {
    let puts = std::mem::take(&mut append.puts);
    let puts = puts.into_iter().map(|put| prepare(tables, put)).collect::<Result<_, _>>()?;
    Ok(Call { puts, ..head(&append) })
}

/// A call without its puts, which are staged apart.
pub(super) fn head(append: &Append) -> Call {
    Call {
        request_id: append.idempotency.map_or_else(Uuid::now_v7, |idempotency| idempotency.key),
        idempotency: append.idempotency,
        actor: std::sync::Arc::clone(&append.actor),
        exercise_id: append.exercise_id,
        expects: append.expects.clone(),
        puts: Vec::new(),
    }
}

pub(super) fn prepare(tables: &[Table], mut put: Put) -> Result<Prepared, StoreError> {
    let collection = put.collection;
    let table = &tables[collection.index()];
    check_geometry(collection, put.geometry.as_ref())?;
    check_names(collection, &put)?;
    let mut columns = Vec::with_capacity(table.fields.len());
    for field in &table.fields {
        columns.push(column(field, &mut put.properties)?);
    }
    let blob = put
        .geometry
        .as_ref()
        .map(blob::encode)
        .transpose()
        .map_err(|why| refuse(Code::InvalidGeometry, "/geometry", &format!("{collection}: {why}")))?;
    let properties = canonical_json(&put.properties);
    let personal = (!put.personal.is_empty()).then(|| canonical_json(&put.personal)).filter(|text| &**text != "{}");
    Ok(Prepared {
        collection,
        id: put.id,
        valid_at: put.valid_at,
        geometry_json: body::geometry_json(put.geometry.as_ref()),
        geometry: put.geometry,
        blob,
        properties,
        personal,
        columns,
    })
}

/// Sets the code of a new record, in the text and in the column.
pub(super) fn set_code(table: &Table, prepared: &mut Prepared, code: &str) {
    let mut map: Map<String, Value> = serde_json::from_str(&prepared.properties).unwrap_or_default();
    map.insert("code".to_owned(), Value::from(code));
    prepared.properties = canonical_json(&map);
    if let Some(at) = code_column(table) {
        prepared.columns[at] = Sql::Text(code.to_owned());
    }
}

/// The code that the caller gave, if any.
pub(super) fn code<'a>(table: &Table, prepared: &'a Prepared) -> Option<&'a str> {
    match &prepared.columns[code_column(table)?] {
        Sql::Text(code) => Some(code),
        _ => None,
    }
}

fn code_column(table: &Table) -> Option<usize> {
    table.fields.iter().position(|field| field.name == "code")
}

fn check_geometry(collection: Collection, geometry: Option<&Geometry<f64>>) -> Result<(), StoreError> {
    let Some(geometry) = geometry else { return Ok(()) };
    let fits = match collection.geometry_kind() {
        GeometryKind::Point => matches!(geometry, Geometry::Point(_)),
        GeometryKind::Line => matches!(geometry, Geometry::LineString(_) | Geometry::MultiLineString(_)),
        GeometryKind::Area => matches!(geometry, Geometry::Polygon(_) | Geometry::MultiPolygon(_)),
    };
    if !fits {
        return Err(refuse(Code::InvalidGeometry, "/geometry", &format!("{collection}: wrong kind of geometry")));
    }
    if !geometry.coords_iter().all(|at| at.x.is_finite() && at.y.is_finite()) {
        return Err(refuse(Code::CoordinateOutOfRange, "/geometry", "a coordinate is not a finite number"));
    }
    Ok(())
}

/// A personal value among the others would get into the journal, from where it could never be erased.
fn check_names(collection: Collection, put: &Put) -> Result<(), StoreError> {
    for name in put.properties.keys() {
        if !schema::find(collection, name).is_some_and(is_column) {
            let why = format!("{collection}: {name:?} is not stored with the record");
            return Err(refuse(Code::UnknownField, &format!("/properties/{name}"), &why));
        }
    }
    for name in put.personal.keys() {
        if !schema::find(collection, name).is_some_and(|field| field.personal) {
            let why = format!("{collection}: {name:?} is not a personal field");
            return Err(refuse(Code::UnknownField, &format!("/properties/{name}"), &why));
        }
    }
    Ok(())
}

/// The column value of a field. A whole number in a real field and a negative zero are put right in the map too: the
/// column would give them back in another form, and the record would differ from the fold of its journal.
fn column(field: &Field, properties: &mut Map<String, Value>) -> Result<Sql, StoreError> {
    let Some(value) = properties.get_mut(field.name) else { return Ok(Sql::Null) };
    let sql = match (field.kind, &*value) {
        (_, Value::Null) => Some(Sql::Null),
        (FieldKind::Integer(..), Value::Number(number)) => number.as_i64().map(Sql::Integer),
        (FieldKind::Real(..), Value::Number(number)) => number.as_f64().map(|number| {
            let number = if number == 0.0 { 0.0 } else { number };
            *value = Value::from(number);
            Sql::Real(number)
        }),
        (FieldKind::Boolean, Value::Bool(flag)) => Some(Sql::Integer(i64::from(*flag))),
        (
            FieldKind::Text(_) | FieldKind::Choice(_) | FieldKind::Reference | FieldKind::Time | FieldKind::Date,
            Value::String(text),
        ) => Some(Sql::Text(text.clone())),
        (FieldKind::Choices(_) | FieldKind::References | FieldKind::Texts(_), Value::Array(_))
        | (FieldKind::Json(_), Value::Array(_) | Value::Object(_)) => Some(Sql::Text(value.to_string())),
        _ => None,
    };
    sql.ok_or_else(|| {
        let why = format!("{}: the value has another type than the field", field.name);
        refuse(Code::InvalidValue, &format!("/properties/{}", field.name), &why)
    })
}

fn refuse(code: Code, at: &str, why: &str) -> StoreError {
    StoreError::Refused(Problem::new(code, format!("kho dữ liệu không nhận: {why}"), why).at(at))
}
