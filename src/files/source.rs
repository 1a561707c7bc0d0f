//! A file as rows: what the formats have in common.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use geo_types::Geometry;
use serde_json::Value;

use super::csv_source::CsvSource;
use super::geojson_source::GeoJsonSource;
use super::gpkg_source::GpkgSource;
use super::xlsx_source::{XlsxSource, locked_or_old};
use crate::domain::{Code, Problem};

/// Most columns that a file may have: a table with more is not one record a row.
pub(super) const COLUMNS_MAX: usize = 1_000;
/// Longest text of one row, bytes: room for an area of a million vertices.
pub(super) const ROW_BYTES_MAX: usize = 128 * 1024 * 1024;

/// First bytes of a zip, which a workbook is.
const ZIP: &[u8] = b"PK\x03\x04";
/// First bytes of the container in which Excel keeps workbooks with a password, and kept all before 2007.
const OLE: &[u8] = &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];

/// One row of a file, or why it cannot be read; the rows after it can.
pub(super) struct SourceRow {
    /// Line of the file where it begins, counted from 1; in a GeoPackage the row's number.
    pub line: u64,
    pub content: Result<RowContent, Problem>,
}

/// The values of one row.
pub(super) struct RowContent {
    /// The `id` member of a GeoJSON feature.
    pub id: Option<Value>,
    /// The row's own geometry, in the reference system of the file; in a CSV file it stands in columns.
    pub geometry: Option<RawGeometry>,
    /// Index into [`Source::columns`], and the value.
    pub values: Vec<(usize, Value)>,
}

/// A geometry as a file gives it.
pub(super) enum RawGeometry {
    /// A GeoJSON geometry object, unchecked.
    GeoJson(Value),
    Shape(Geometry<f64>),
}

/// Gives the rows of a file one after the other.
pub(super) trait Source {
    /// The columns known so far; a GeoJSON file shows its columns only row by row.
    fn columns(&self) -> &[String];

    /// The EPSG code that the file itself names, if it is another system than WGS 84.
    fn epsg(&self) -> Option<u32>;

    /// Whether positions stand in columns instead of in a geometry of the row.
    fn has_positions_in_columns(&self) -> bool;

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// A [`Problem`] of the whole file, after which nothing can be read.
    fn next_row(&mut self) -> Result<Option<SourceRow>, Problem>;
}

/// The formats that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    GeoJson,
    /// Comma, semicolon or tab between the cells; what a spreadsheet puts on the clipboard too.
    Csv,
    GeoPackage,
    /// A workbook of Excel, of 2007 or later.
    Xlsx,
}

impl Format {
    /// The format that the file's name says.
    #[must_use]
    pub fn named(path: &Path) -> Option<Self> {
        match path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase().as_str() {
            "geojson" | "json" | "ndjson" | "geojsonl" | "geojsons" | "jsonl" => Some(Self::GeoJson),
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            "gpkg" => Some(Self::GeoPackage),
            "xlsx" | "xlsm" => Some(Self::Xlsx),
            _ => None,
        }
    }

    /// The format of the file at `path`, by its first bytes, then by the name under which people know it.
    ///
    /// # Errors
    /// `unsupported_media_type` if it is none of these, `not_found` if it cannot be opened.
    pub(super) fn of(path: &Path, name: &str) -> Result<Self, Problem> {
        let mut head = [0_u8; 16];
        let mut file = open(path, name)?;
        let read = file.read(&mut head).map_err(|error| unreadable(name, &error))?;
        let head = &head[..read];
        if head.starts_with(b"SQLite format 3\0") {
            return Ok(Self::GeoPackage);
        }
        if head.starts_with(ZIP) {
            return Ok(Self::Xlsx);
        }
        if head.starts_with(OLE) {
            return Err(locked_or_old());
        }
        if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) {
            return Err(Problem::new(
                Code::InvalidEncoding,
                "tệp viết bằng UTF-16; hãy lưu lại dạng UTF-8 (Excel: \"CSV UTF-8\")",
                "the file is in UTF-16; save it as UTF-8 (Excel: \"CSV UTF-8\")",
            ));
        }
        match Self::named(Path::new(name)) {
            Some(named @ (Self::GeoJson | Self::Csv)) => Ok(named),
            _ if first_letter(head) == Some(b'{') => Ok(Self::GeoJson),
            _ => Err(Problem::new(
                Code::UnsupportedMediaType,
                "không phải Excel (.xlsx), CSV (.csv), GeoJSON (.geojson) hay GeoPackage (.gpkg)",
                "it is not Excel (.xlsx), CSV (.csv), GeoJSON (.geojson) or a GeoPackage (.gpkg)",
            )
            .at(name)),
        }
    }
}

fn first_letter(head: &[u8]) -> Option<u8> {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    head.iter().copied().find(|b| !b.is_ascii_whitespace() && *b != 0x1E)
}

/// Where rows come from.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub path: &'a Path,
    /// The name under which people know it.
    pub name: &'a str,
    pub format: Format,
    /// Table of a GeoPackage, sheet of a workbook.
    pub layer: Option<&'a str>,
}

impl Input<'_> {
    /// Opens it at its beginning. An input is read twice: once to learn its columns, once to take its rows.
    pub fn source(self) -> Result<Box<dyn Source>, Problem> {
        Ok(match self.format {
            Format::GeoJson => Box::new(GeoJsonSource::new(open(self.path, self.name)?)),
            Format::Csv => Box::new(CsvSource::new(open(self.path, self.name)?)?),
            Format::GeoPackage => Box::new(GpkgSource::open(self.path, self.layer)?),
            Format::Xlsx => Box::new(XlsxSource::open(open(self.path, self.name)?, self.layer)?),
        })
    }
}

/// The names of the columns of a table, none empty, none twice; `at` is where the header stands.
///
/// # Errors
/// `limit_exceeded`, `invalid_value` with the columns of one name.
pub(super) fn named_columns<'a>(header: impl Iterator<Item = &'a str>, at: &str) -> Result<Vec<String>, Problem> {
    let mut columns: Vec<String> = Vec::new();
    for (place, name) in header.enumerate() {
        if place == COLUMNS_MAX {
            return Err(Problem::new(
                Code::LimitExceeded,
                format!("nhiều hơn {COLUMNS_MAX} cột"),
                format!("more than {COLUMNS_MAX} columns"),
            )
            .at(at));
        }
        // A column without a name is kept under its number.
        let name = if name.is_empty() { format!("column_{}", place + 1) } else { name.to_owned() };
        if let Some(first) = columns.iter().position(|known| *known == name) {
            return Err(Problem::new(
                Code::InvalidValue,
                format!("tiêu đề có hai cột cùng tên {name:?}: cột {} và {}", first + 1, place + 1),
                format!("two columns have the name {name:?}: columns {} and {}", first + 1, place + 1),
            )
            .at(at));
        }
        columns.push(name);
    }
    Ok(columns)
}

fn open(path: &Path, name: &str) -> Result<File, Problem> {
    let file = File::open(path).map_err(|error| unreadable(name, &error))?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(unreadable(name, &io::Error::from(io::ErrorKind::IsADirectory)));
    }
    Ok(file)
}

pub(super) fn unreadable(name: &str, error: &io::Error) -> Problem {
    Problem::new(Code::NotFound, format!("không mở được tệp: {error}"), format!("the file cannot be opened: {error}"))
        .at(name)
}

pub(super) fn broken_utf8() -> Problem {
    Problem::new(
        Code::InvalidEncoding,
        "không phải UTF-8; hãy lưu lại tệp dạng UTF-8 (TCVN3, VNI và Windows-1258 không đọc được)",
        "not UTF-8; save the file as UTF-8 (TCVN3, VNI and Windows-1258 cannot be read)",
    )
}

pub(super) fn row_too_long() -> Problem {
    let mib = ROW_BYTES_MAX / (1024 * 1024);
    Problem::new(
        Code::LimitExceeded,
        format!("một dòng dài quá {mib} MiB; có thể thiếu dấu ngoặc kép đóng"),
        format!("a row is longer than {mib} MiB; perhaps a closing quote is missing"),
    )
}
