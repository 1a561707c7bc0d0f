//! What can be done before the transaction is done here, on the caller's thread: texts, blobs and column values, so
//! that the writer only runs statements.

use geo_types::Geometry;
use rusqlite::types::Value as Sql;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::blob;
use super::tables::Table;
use crate::domain::change::canonical_json;
use crate::domain::schema::{Field, FieldKind};
use crate::domain::{Code, Collection, Timestamp};
use crate::store::{Append, Expect, Idempotency, Put, StoreError, body, rules};

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
    rules::settle(&mut put)?;
    let columns = table.fields.iter().map(|field| column(field, &put.properties)).collect();
    let blob = put
        .geometry
        .as_ref()
        .map(blob::encode)
        .transpose()
        .map_err(|why| rules::refuse(Code::InvalidGeometry, "/geometry", &format!("{collection}: {why}")))?;
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
    prepared.properties = rules::with_code(&prepared.properties, code);
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

/// The column value of a field, of properties that [`rules::settle`] has seen.
fn column(field: &Field, properties: &Map<String, Value>) -> Sql {
    match (field.kind, properties.get(field.name)) {
        (_, None | Some(Value::Null)) => Sql::Null,
        (FieldKind::Integer(..), Some(Value::Number(number))) => number.as_i64().map_or(Sql::Null, Sql::Integer),
        (FieldKind::Real(..), Some(Value::Number(number))) => number.as_f64().map_or(Sql::Null, Sql::Real),
        (_, Some(Value::Bool(flag))) => Sql::Integer(i64::from(*flag)),
        (_, Some(Value::String(text))) => Sql::Text(text.clone()),
        (_, Some(list_or_object)) => Sql::Text(list_or_object.to_string()),
    }
}
