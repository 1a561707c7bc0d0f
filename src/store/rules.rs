//! What a record is to every engine: which of its fields are columns, and what no record may hold, whoever asks.

use geo::CoordsIter;
use geo_types::Geometry;
use serde_json::{Map, Value};

use super::{Put, StoreError};
use crate::domain::collection::GeometryKind;
use crate::domain::schema::{self, Field, FieldKind, SetBy};
use crate::domain::{Code, Collection, Problem, Timestamp};

/// Columns of every record table beside those of its fields.
#[cfg(test)]
pub(super) const OWN_COLUMNS: [&str; 8] =
    ["fid", "geom", "is_single", "id", "version", "seq", "recorded_at", "personal_ref"];

/// Whether the collection has values that may be erased.
pub(super) fn has_personal(collection: Collection) -> bool {
    collection.fields().iter().any(|field| field.personal)
}

/// Whether a field is a column of its table: personal values lie in a side table, and what follows the newest fix is
/// not stored in the record.
pub(super) fn is_column(field: &Field) -> bool {
    !field.personal && field.set_by != SetBy::Fix
}

/// The fields that are columns, in the order of the schema.
pub(super) fn columns(collection: Collection) -> Vec<&'static Field> {
    collection.fields().iter().filter(|field| is_column(field)).collect()
}

/// The fields that are columns in the order of their names, which is the order in canonical JSON.
pub(super) fn sorted_columns(collection: Collection) -> Vec<&'static Field> {
    let mut sorted = columns(collection);
    sorted.sort_by_key(|field| field.name);
    sorted
}

/// Refuses what no record may hold, and brings the values into the form in which a column gives them back: a record
/// would else differ from the fold of its journal.
pub(super) fn settle(put: &mut Put) -> Result<(), StoreError> {
    check_geometry(put.collection, put.geometry.as_ref())?;
    check_names(put.collection, put)?;
    for (name, value) in &mut put.properties {
        if let Some(field) = schema::find(put.collection, name) {
            settle_value(field, value)?;
        }
    }
    Ok(())
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

/// A whole number in a real field gets its point, a negative zero loses its sign, an instant is UTC to the
/// millisecond.
fn settle_value(field: &Field, value: &mut Value) -> Result<(), StoreError> {
    let settled = match (field.kind, &*value) {
        (_, Value::Null) => return Ok(()),
        (FieldKind::Integer(..), Value::Number(number)) => number.as_i64().map(Value::from),
        (FieldKind::Real(..), Value::Number(number)) => {
            number.as_f64().map(|number| Value::from(if number == 0.0 { 0.0 } else { number }))
        }
        (FieldKind::Time, Value::String(text)) => Timestamp::parse(text).ok().map(|at| Value::from(at.to_string())),
        (FieldKind::Date, Value::String(text)) => {
            text.parse::<jiff::civil::Date>().ok().map(|date| Value::from(date.to_string()))
        }
        (FieldKind::Boolean, Value::Bool(_))
        | (FieldKind::Text(_) | FieldKind::Choice(_) | FieldKind::Reference, Value::String(_))
        | (FieldKind::Choices(_) | FieldKind::References | FieldKind::Texts(_), Value::Array(_))
        | (FieldKind::Json(_), Value::Array(_) | Value::Object(_)) => return Ok(()),
        _ => None,
    };
    *value = settled.ok_or_else(|| {
        let why = format!("{}: the value has another type than the field", field.name);
        refuse(Code::InvalidValue, &format!("/properties/{}", field.name), &why)
    })?;
    Ok(())
}

/// A refusal of the store itself; `at` is a JSON pointer.
pub(super) fn refuse(code: Code, at: &str, why: &str) -> StoreError {
    StoreError::Refused(Problem::new(code, format!("kho dữ liệu không nhận: {why}"), why).at(at))
}

/// Codes of exercise (diễn tập) data, whatever the collection.
const EXERCISE_SERIES: &str = "DT";

/// The series from which a new record of this collection gets its code.
pub(super) fn code_series(collection: Collection, in_exercise: bool) -> Option<&'static str> {
    let series = collection.code_series()?;
    Some(if in_exercise { EXERCISE_SERIES } else { series })
}

/// Year, quarter and number of a code of this series (`LC-2026-Q4-0147`).
pub(super) fn parse_code(series: &str, code: &str) -> Option<(i64, i64, i64)> {
    let mut parts = code.strip_prefix(series)?.strip_prefix('-')?.split('-');
    let year = parts.next()?.parse().ok()?;
    let quarter = parts.next()?.strip_prefix('Q')?.parse().ok()?;
    let number = parts.next().filter(|digits| digits.len() <= 9)?.parse().ok()?;
    (parts.next().is_none() && (1..=4).contains(&quarter)).then_some((year, quarter, number))
}

/// The properties with this code, as canonical text.
pub(super) fn with_code(properties: &str, code: &str) -> Box<str> {
    let mut map: Map<String, Value> = serde_json::from_str(properties).unwrap_or_default();
    map.insert("code".to_owned(), Value::from(code));
    crate::domain::change::canonical_json(&map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_takes_the_name_of_a_column_of_the_store() {
        for collection in Collection::ALL {
            for field in collection.fields() {
                assert!(!OWN_COLUMNS.contains(&field.name), "{collection}.{}", field.name);
            }
        }
    }

    #[test]
    fn only_codes_of_the_series_move_its_counter() {
        assert_eq!(parse_code("LC", "LC-2026-Q4-0147"), Some((2026, 4, 147)));
        for other in ["DT-2026-Q4-0147", "LC-2026-Q5-0147", "LC-2026-Q4", "LC-2026-Q4-1-2", "LC-x-Q4-1"] {
            assert_eq!(parse_code("LC", other), None, "{other}");
        }
    }
}
