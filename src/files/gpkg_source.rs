//! GeoPackage: the rows of one feature (or attribute) table, a thousand at a time.

use std::collections::VecDeque;
use std::path::Path;

use geozero::ToGeo;
use geozero::wkb::GpkgWkb;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::source::{RawGeometry, RowContent, Source, SourceRow, broken_utf8};
use crate::domain::{Code, Problem};

/// Rows taken from the file at a time.
const ROWS_A_PAGE: usize = 1_000;

/// The rows of one table of a GeoPackage.
pub(super) struct GpkgSource {
    connection: Connection,
    select: String,
    columns: Vec<String>,
    has_geometry: bool,
    epsg: Option<u32>,
    page: VecDeque<SourceRow>,
    last_row: i64,
    at_end: bool,
}

impl GpkgSource {
    /// Opens the table `layer`, or the only one there is.
    ///
    /// # Errors
    /// `invalid_parameter` with the names of the tables if there are several and none is named.
    pub fn open(path: &Path, layer: Option<&str>) -> Result<Self, Problem> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| broken(&error))?;
        // The file is somebody else's: what its schema says may not call functions with side effects.
        connection.pragma_update(None, "trusted_schema", false).map_err(|error| broken(&error))?;
        let table = choose_layer(tables(&connection)?, layer)?;
        let (geometry, epsg) = geometry_column(&connection, &table)?;
        let columns = columns(&connection, &table, geometry.as_deref())?;
        let mut names = vec![format!("{}.rowid", quoted(&table))];
        names.extend(geometry.iter().chain(&columns).map(|name| quoted(name)));
        let select = format!(
            "SELECT {} FROM {table} WHERE rowid > ?1 ORDER BY rowid LIMIT {ROWS_A_PAGE}",
            names.join(", "),
            table = quoted(&table)
        );
        Ok(Self {
            connection,
            select,
            columns,
            has_geometry: geometry.is_some(),
            epsg,
            page: VecDeque::new(),
            last_row: i64::MIN,
            at_end: false,
        })
    }

    fn read_page(&mut self) -> Result<(), rusqlite::Error> {
        let mut statement = self.connection.prepare_cached(&self.select)?;
        let mut rows = statement.query([self.last_row])?;
        let first_value = 1 + usize::from(self.has_geometry);
        while let Some(row) = rows.next()? {
            self.last_row = row.get(0)?;
            let content = self.has_geometry.then(|| row.get_ref(1)).transpose()?.map_or(Ok(None), geometry).and_then(
                |geometry| {
                    let mut values = Vec::with_capacity(self.columns.len());
                    for column in 0..self.columns.len() {
                        let cell = row.get_ref(first_value + column).map_err(|error| broken(&error))?;
                        if let Some(value) = value(cell).map_err(|problem| problem.at(&self.columns[column]))? {
                            values.push((column, value));
                        }
                    }
                    Ok(RowContent { id: None, geometry: geometry.map(RawGeometry::Shape), values })
                },
            );
            self.page.push_back(SourceRow { line: self.last_row.unsigned_abs(), content });
        }
        self.at_end = self.page.len() < ROWS_A_PAGE;
        Ok(())
    }
}

impl Source for GpkgSource {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn epsg(&self) -> Option<u32> {
        self.epsg
    }

    fn has_positions_in_columns(&self) -> bool {
        !self.has_geometry
    }

    fn next_row(&mut self) -> Result<Option<SourceRow>, Problem> {
        if self.page.is_empty() && !self.at_end {
            self.read_page().map_err(|error| broken(&error))?;
        }
        Ok(self.page.pop_front())
    }
}

fn tables(connection: &Connection) -> Result<Vec<String>, Problem> {
    let list = || {
        let sql = "SELECT table_name FROM gpkg_contents WHERE data_type IN ('features', 'attributes') ORDER BY 1";
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()
    };
    list().map_err(|error| broken(&error))
}

fn choose_layer(mut tables: Vec<String>, layer: Option<&str>) -> Result<String, Problem> {
    let list = tables.join(", ");
    let at = match layer {
        Some(name) => tables.iter().position(|table| table == name),
        None if tables.len() == 1 => Some(0),
        None => None,
    };
    at.map(|at| tables.swap_remove(at)).ok_or_else(|| match layer {
        Some(name) => Problem::new(
            Code::InvalidParameter,
            format!("GeoPackage không có lớp {name:?}; có: {list}"),
            format!("the GeoPackage has no layer {name:?}; it has: {list}"),
        )
        .at("--layer"),
        None => Problem::new(
            Code::InvalidParameter,
            format!("GeoPackage có nhiều lớp; hãy chọn một bằng --layer: {list}"),
            format!("the GeoPackage has several layers; choose one by --layer: {list}"),
        )
        .at("--layer"),
    })
}

/// Name of the geometry column and the EPSG code of its system, where that is not WGS 84.
fn geometry_column(connection: &Connection, table: &str) -> Result<(Option<String>, Option<u32>), Problem> {
    let sql = "SELECT g.column_name, g.srs_id, s.organization, s.organization_coordsys_id \
               FROM gpkg_geometry_columns g LEFT JOIN gpkg_spatial_ref_sys s USING (srs_id) WHERE g.table_name = ?1";
    let found = connection.query_row(sql, [table], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(2)?, row.get::<_, Option<u32>>(3)?))
    });
    match found {
        Ok((column, organization, code)) => {
            let epsg = organization.is_some_and(|name| name.eq_ignore_ascii_case("EPSG"));
            Ok((Some(column), code.filter(|code| epsg && *code != 4326)))
        }
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok((None, None)),
        Err(error) => Err(broken(&error)),
    }
}

fn columns(connection: &Connection, table: &str, geometry: Option<&str>) -> Result<Vec<String>, Problem> {
    let list = || {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
        statement.query_map([table], |row| row.get(0))?.collect::<Result<Vec<String>, rusqlite::Error>>()
    };
    let names = list().map_err(|error| broken(&error))?;
    Ok(names.into_iter().filter(|name| Some(name.as_str()) != geometry).collect())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn geometry(cell: ValueRef<'_>) -> Result<Option<geo_types::Geometry<f64>>, Problem> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Problem::new(
            Code::InvalidGeometry,
            format!("hình học GeoPackage hỏng: {why}"),
            format!("broken GeoPackage geometry: {why}"),
        )
        .at("geometry")
    };
    match cell {
        ValueRef::Null => Ok(None),
        // The flag byte says whether the geometry is empty; that is "no place known".
        ValueRef::Blob(bytes) if bytes.starts_with(b"GP") && bytes.get(3).is_some_and(|flags| flags & 0x10 != 0) => {
            Ok(None)
        }
        ValueRef::Blob(bytes) => GpkgWkb(bytes.to_vec()).to_geo().map(Some).map_err(|error| unreadable(&error)),
        _ => Err(unreadable(&"it is not a blob")),
    }
}

fn value(cell: ValueRef<'_>) -> Result<Option<Value>, Problem> {
    Ok(match cell {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(Value::from(number)),
        ValueRef::Real(number) => Some(Value::from(number)),
        ValueRef::Text(text) => Some(Value::from(std::str::from_utf8(text).map_err(|_| broken_utf8())?)),
        ValueRef::Blob(_) => {
            return Err(Problem::new(
                Code::InvalidValue,
                "ô chứa dữ liệu nhị phân, không nhập được",
                "the cell holds binary data, which cannot be imported",
            ));
        }
    })
}

fn broken(error: &rusqlite::Error) -> Problem {
    Problem::new(
        Code::UnsupportedMediaType,
        format!("không đọc được GeoPackage: {error}"),
        format!("the GeoPackage cannot be read: {error}"),
    )
}
