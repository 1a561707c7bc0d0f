//! A GeoPackage 1.3 with one table: what OGC 12-128r17 demands and nothing more.

use std::io;
use std::path::Path;

use geo::BoundingRect;
use geo_types::Geometry;
use geozero::{CoordDimensions, ToWkb};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params, params_from_iter};
use serde_json::Value;

use super::export::Row;
use crate::domain::collection::GeometryKind;
use crate::domain::schema::{Field, FieldKind};
use crate::domain::{Collection, Timestamp};

/// `GPKG`, and version 1.3 in the form that the standard lays down for the file's header.
const HEADER: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
    PRAGMA application_id = 1196444487; PRAGMA user_version = 10300;";

const FRAME: &str = r#"
CREATE TABLE gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined Cartesian SRS', -1, 'NONE', -1, 'undefined', 'undefined Cartesian coordinate reference system'),
  ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', 'undefined geographic coordinate reference system'),
  ('WGS 84', 4326, 'EPSG', 4326, 'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]', 'longitude and latitude in degrees');
CREATE TABLE gpkg_contents (
  table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (
  table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL,
  z TINYINT NOT NULL, m TINYINT NOT NULL, CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
"#;

/// Writes the rows into the empty file at `path`. `last_change` stands in the contents, so that the same records give
/// the same bytes.
pub(super) fn write<'a>(
    path: &Path,
    collection: Collection,
    last_change: Option<Timestamp>,
    rows: impl Iterator<Item = Row<'a>>,
) -> io::Result<()> {
    let mut connection = Connection::open(path).map_err(as_io)?;
    fill(&mut connection, collection, last_change, rows).map_err(as_io)
}

fn fill<'a>(
    connection: &mut Connection,
    collection: Collection,
    last_change: Option<Timestamp>,
    rows: impl Iterator<Item = Row<'a>>,
) -> Result<(), rusqlite::Error> {
    connection.execute_batch(HEADER)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(FRAME)?;
    let fields: Vec<&Field> = collection.fields().iter().filter(|field| field.name != "ended_at").collect();
    let columns: String =
        fields.iter().map(|field| format!(", \"{}\" {}", field.name, column_type(field.kind))).collect();
    // Lines and areas may be of one or several parts, so their column takes any geometry.
    let geometry_type = if collection.geometry_kind() == GeometryKind::Point { "POINT" } else { "GEOMETRY" };
    transaction.execute_batch(&format!(
        "CREATE TABLE {collection} \
         (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom {geometry_type}, id TEXT{columns})"
    ))?;
    let mut bounds: Option<geo_types::Rect<f64>> = None;
    let marks = vec!["?"; fields.len() + 2].join(", ");
    let names: String = fields.iter().map(|field| format!(", \"{}\"", field.name)).collect();
    {
        let insert = format!("INSERT INTO {collection} (geom, id{names}) VALUES ({marks})");
        let mut insert = transaction.prepare(&insert)?;
        for row in rows {
            let blob = row.geometry.map(blob).transpose()?;
            bounds = joined(bounds, row.geometry.and_then(BoundingRect::bounding_rect));
            let mut cells = vec![blob.map_or(Sql::Null, Sql::Blob), Sql::Text(row.id.to_string())];
            cells.extend(fields.iter().map(|field| cell(row.properties.get(field.name))));
            insert.execute(params_from_iter(cells))?;
        }
    }
    let corners = bounds.map(|b| [b.min().x, b.min().y, b.max().x, b.max().y]);
    let at = |i: usize| corners.map(|c| c[i]);
    transaction.execute(
        "INSERT INTO gpkg_contents VALUES (?1, 'features', ?1, ?2, ?3, ?4, ?5, ?6, ?7, 4326)",
        params![
            collection.as_str(),
            collection.title().1,
            last_change.unwrap_or(Timestamp::from_ms(0)).to_string(),
            at(0),
            at(1),
            at(2),
            at(3)
        ],
    )?;
    transaction.execute(
        "INSERT INTO gpkg_geometry_columns VALUES (?1, 'geom', ?2, 4326, 0, 0)",
        params![collection.as_str(), geometry_type],
    )?;
    transaction.commit()
}

/// The name of a column type, from the list that GeoPackage allows.
fn column_type(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Integer(..) => "INTEGER",
        FieldKind::Real(..) => "DOUBLE",
        FieldKind::Boolean => "BOOLEAN",
        FieldKind::Time => "DATETIME",
        FieldKind::Date => "DATE",
        _ => "TEXT",
    }
}

fn cell(value: Option<&Value>) -> Sql {
    match value {
        None | Some(Value::Null) => Sql::Null,
        Some(Value::Bool(bool)) => Sql::Integer(i64::from(*bool)),
        Some(Value::Number(number)) => {
            number.as_i64().map_or_else(|| number.as_f64().map_or(Sql::Null, Sql::Real), Sql::Integer)
        }
        Some(Value::String(text)) => Sql::Text(text.clone()),
        Some(list) => Sql::Text(list.to_string()),
    }
}

fn blob(geometry: &Geometry<f64>) -> Result<Vec<u8>, rusqlite::Error> {
    let rect = geometry.bounding_rect();
    let envelope = rect.map(|r| vec![r.min().x, r.max().x, r.min().y, r.max().y]).unwrap_or_default();
    let envelope = if matches!(geometry, Geometry::Point(_)) { Vec::new() } else { envelope };
    geometry
        .to_gpkg_wkb(CoordDimensions::xy(), Some(4326), envelope)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn joined(all: Option<geo_types::Rect<f64>>, one: Option<geo_types::Rect<f64>>) -> Option<geo_types::Rect<f64>> {
    let (Some(a), Some(b)) = (all, one) else { return all.or(one) };
    let low = geo_types::coord! { x: a.min().x.min(b.min().x), y: a.min().y.min(b.min().y) };
    let high = geo_types::coord! { x: a.max().x.max(b.max().x), y: a.max().y.max(b.max().y) };
    Some(geo_types::Rect::new(low, high))
}

fn as_io(error: rusqlite::Error) -> io::Error {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => io::Error::new(io::ErrorKind::StorageFull, error),
        _ => io::Error::other(error),
    }
}
