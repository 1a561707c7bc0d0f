//! One row of a file as one record of a collection: its place, its typed values, what is kept aside.

use geo_types::Geometry;
use serde_json::{Map, Value};
use uuid::Uuid;
use wkt::TryFromWkt;

use super::columns::{Column, Survey, Target};
use super::reference::Reference;
use super::refusals::Refusal;
use super::source::{RawGeometry, RowContent, SourceRow};
use super::values;
use crate::domain::schema::{self, FieldKind};
use crate::domain::{Code, Collection, Problem};
use crate::geometry::validate::{self, IMPORTED_VERTICES_MAX};

/// Longest title.
const TITLE_CHARS: usize = 200;

/// One row, typed, not yet matched with what the store holds.
pub(super) struct Row {
    pub line: u64,
    /// The row's own id, where it is a UUID.
    pub id: Option<Uuid>,
    /// WGS 84, checked.
    pub geometry: Option<Geometry<f64>>,
    /// Fields of the collection, each in canonical form; required ones may still be missing.
    pub properties: Map<String, Value>,
}

/// Turns rows of one file into records of one collection.
pub(super) struct RowReader<'a> {
    collection: Collection,
    survey: &'a Survey,
    reference: Reference,
    /// Whether an empty position is a fault: the file has positions, and the collection is nothing without one.
    needs_position: bool,
}

impl<'a> RowReader<'a> {
    pub fn new(collection: Collection, survey: &'a Survey, reference: Reference) -> Self {
        let has_positions = !survey.positions_in_columns
            || survey.columns.iter().any(|c| matches!(c.target, Target::Lon | Target::Lat | Target::Wkt));
        let lives_without = matches!(
            collection,
            Collection::Contacts
                | Collection::DutyLog
                | Collection::Units
                | Collection::AdminUnits
                | Collection::Stations
                | Collection::Assignments
                | Collection::Alarms
                | Collection::Advices
                | Collection::RainDays
                | Collection::RainGrids
                | Collection::Bulletins
                | Collection::RiskLevels
                | Collection::ZoneVisits
                | Collection::Patrols
                | Collection::Warnings
                | Collection::Attachments
                | Collection::Shifts
                | Collection::DisasterEvents
                | Collection::DisasterReports
        );
        Self { collection, survey, reference, needs_position: has_positions && !lives_without }
    }

    /// The record of one row.
    ///
    /// # Errors
    /// The row's line, the column at fault, and why.
    pub fn read(&self, row: SourceRow) -> Result<Row, Refusal> {
        let line = row.line;
        row.content.and_then(|content| self.record(line, content)).map_err(|problem| Refusal { line, problem })
    }

    fn record(&self, line: u64, content: RowContent) -> Result<Row, Problem> {
        let mut place = Place::default();
        let mut properties = Map::new();
        let mut extra = Map::new();
        let mut id = None;
        if let Some(value) = &content.id {
            match own_id(value) {
                Some(own) => id = Some(own),
                None => values::keep_extra(&mut extra, "id", value),
            }
        }
        for (at, value) in &content.values {
            let column = &self.survey.columns[*at];
            let in_column = |problem: Problem| problem.at(&column.name);
            match column.target {
                Target::Field(field) if matches!(field.kind, FieldKind::Json(_)) && field.name == "extra" => {
                    match values::typed(field, value, column.notation).map_err(in_column)? {
                        Some(Value::Object(map)) => extra.extend(map),
                        Some(other) => values::keep_extra(&mut extra, &column.name, &other),
                        None => {}
                    }
                }
                Target::Field(field) if field.name == "title" => {
                    self.title(value, &mut properties);
                }
                Target::Field(field) => match values::typed(field, value, column.notation).map_err(in_column)? {
                    Some(typed) => {
                        properties.insert(field.name.to_owned(), typed);
                    }
                    // "exact" as an accuracy is no number, and still worth keeping.
                    None => values::keep_extra(&mut extra, &column.name, value),
                },
                Target::Lon => place.lon = Some(coordinate(value, column)?),
                Target::Lat => place.lat = Some(coordinate(value, column)?),
                Target::Wkt => place.wkt = Some(from_wkt(value).map_err(in_column)?),
                Target::Id => match own_id(value) {
                    Some(own) => id = Some(own),
                    None => values::keep_extra(&mut extra, &column.name, value),
                },
                Target::LeftOut => {}
                Target::Extra => values::keep_extra(&mut extra, &column.name, value),
            }
        }
        if !extra.is_empty() {
            let field = schema::find(self.collection, "extra").filter(|_| !extra.is_empty());
            if let Some(field) = field {
                properties.insert("extra".to_owned(), field.canonical(&Value::Object(extra), "extra")?);
            }
        }
        for name in ["title", "description"] {
            if let (Some(field), Some(value)) = (schema::find(self.collection, name), properties.get(name)) {
                field.canonical(value, name)?;
            }
        }
        let geometry = self.geometry(content.geometry, place)?;
        if geometry.is_none() && self.needs_position && !properties.contains_key("commune_code") {
            return Err(Problem::new(
                Code::MissingField,
                "thiếu vị trí (lon, lat hoặc wkt)",
                "the position is missing (lon, lat or wkt)",
            )
            .at("geometry"));
        }
        Ok(Row { line, id, geometry, properties })
    }

    /// A title that is too long is cut, and stands whole in the description if that says nothing.
    fn title(&self, value: &Value, properties: &mut Map<String, Value>) {
        let Some(text) = value.as_str().filter(|text| !text.trim().is_empty()) else { return };
        if text.chars().count() <= TITLE_CHARS {
            properties.insert("title".to_owned(), text.into());
            return;
        }
        let cut: String = text.chars().take(TITLE_CHARS - 1).collect();
        properties.insert("title".to_owned(), format!("{}…", cut.trim_end()).into());
        properties.entry("description").or_insert_with(|| text.into());
    }

    fn geometry(&self, own: Option<RawGeometry>, place: Place) -> Result<Option<Geometry<f64>>, Problem> {
        let kind = self.collection.geometry_kind();
        let given = match (own, place) {
            (Some(RawGeometry::GeoJson(value)), _) => {
                let value = self.reference.geojson_to_wgs84(value)?;
                return validate::from_geojson(&value, kind, IMPORTED_VERTICES_MAX, "geometry").map(Some);
            }
            (Some(RawGeometry::Shape(geometry)), _) | (None, Place { wkt: Some(geometry), .. }) => geometry,
            (None, Place { lon: Some(x), lat: Some(y), .. }) => geo_types::Point::new(x, y).into(),
            (None, Place { lon: None, lat: None, .. }) => return Ok(None),
            (None, Place { lon, .. }) => {
                let missing = if lon.is_none() { "lon" } else { "lat" };
                return Err(Problem::new(
                    Code::MissingField,
                    format!("thiếu {missing}: chỉ có một nửa toạ độ"),
                    format!("{missing} is missing: half a position is none"),
                )
                .at(missing));
            }
        };
        let geometry = self.reference.to_wgs84(given)?;
        validate::check(geometry, kind, IMPORTED_VERTICES_MAX, "geometry").map(Some)
    }
}

#[derive(Default)]
struct Place {
    lon: Option<f64>,
    lat: Option<f64>,
    wkt: Option<Geometry<f64>>,
}

fn own_id(value: &Value) -> Option<Uuid> {
    value.as_str().and_then(|text| Uuid::try_parse(text.trim()).ok()).filter(|id| !id.is_nil())
}

fn coordinate(value: &Value, column: &Column) -> Result<f64, Problem> {
    let number = match value {
        Value::String(text) => values::number(text, column.notation.decimal_comma),
        Value::Number(number) => Ok(number.as_f64().unwrap_or(f64::NAN)),
        other => {
            Err(Problem::new(Code::InvalidValue, format!("{other} không phải số"), format!("{other} is not a number")))
        }
    };
    number.map_err(|problem| problem.at(&column.name))
}

fn from_wkt(value: &Value) -> Result<Geometry<f64>, Problem> {
    let broken = |why: &dyn std::fmt::Display| {
        Problem::new(Code::InvalidGeometry, format!("WKT hỏng: {why}"), format!("broken WKT: {why}"))
    };
    let text = value.as_str().ok_or_else(|| broken(&"it is not text"))?;
    // EWKT as PostGIS writes it; the system itself is told by --crs.
    let text = text.strip_prefix("SRID=4326;").unwrap_or(text);
    // A collection can hold collections without end, and no record takes one.
    if text.trim_start().to_ascii_uppercase().starts_with("GEOMETRYCOLLECTION") {
        return Err(broken(&"GEOMETRYCOLLECTION"));
    }
    Geometry::try_from_wkt_str(text).map_err(|error| broken(&error))
}
