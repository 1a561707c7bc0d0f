//! Export: what a View shows of one collection, as GeoJSON, CSV or GeoPackage.
//!
//! Records come in the order of their ids and fields in that of the schema, so that the same records give the same
//! bytes. Version and time of recording are left out: they are facts of the store, and an import makes its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use geo_types::Geometry;
use serde_json::{Map, Value};
use uuid::Uuid;
use wkt::ToWkt;

use super::export_gpkg;
use super::source::Format;
use super::values;
use crate::domain::collection::GeometryKind;
use crate::domain::schema::BESIDE_FIELDS;
use crate::domain::{Code, Collection, Problem};
use crate::picture::{Shown, View};

/// One record on its way out.
pub(super) struct Row<'a> {
    pub id: Uuid,
    pub geometry: Option<&'a Geometry<f64>>,
    pub properties: Map<String, Value>,
}

/// Writes what `view` shows of `collection` to `path`, and returns how many records. The file takes its place when it
/// is whole; it may hold personal values, so only its owner can read it.
///
/// # Errors
/// `disk_full`, or `not_found` with what the system said about the file.
pub fn export_file(view: &View, collection: Collection, format: Format, path: &Path) -> Result<u64, Problem> {
    // What stands for records that are not seen one by one is no record that could be taken in again.
    let mut shown: Vec<Shown<'_>> = view.all(collection).filter(Shown::is_record).collect();
    shown.sort_unstable_by_key(Shown::id);
    let part = part_of(path);
    let written = match format {
        Format::GeoJson => create(&part).and_then(|file| write_geojson(file, &shown)),
        Format::Csv => create(&part).and_then(|file| write_csv(file, collection, &shown)),
        Format::GeoPackage => create(&part).and_then(|_| {
            let newest = shown.iter().map(Shown::recorded_at).max();
            export_gpkg::write(&part, collection, newest, shown.iter().map(row))
        }),
        // Whoever wants a workbook opens the CSV file with it.
        Format::Xlsx => Err(io::ErrorKind::Unsupported.into()),
    };
    let done = written.and_then(|()| File::open(&part)?.sync_all()).and_then(|()| fs::rename(&part, path));
    if let Err(error) = done {
        // Only what this call made is removed.
        let _ = fs::remove_file(&part);
        return Err(file_problem(path, &error));
    }
    Ok(shown.len() as u64)
}

fn row<'a>(shown: &Shown<'a>) -> Row<'a> {
    let mut properties = shown.properties();
    for name in BESIDE_FIELDS {
        properties.remove(name);
    }
    Row { id: shown.id(), geometry: shown.geometry(), properties }
}

/// Puts a file in its place when it is whole; it may hold personal values, so only its owner can read it.
///
/// # Errors
/// As [`export_file`].
pub fn put_file(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let part = part_of(path);
    let written = create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&part, path)
    });
    written.map_err(|error| {
        // Only what this call made is removed.
        let _ = fs::remove_file(&part);
        file_problem(path, &error)
    })
}

pub(super) fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", Uuid::now_v7().simple()));
    path.with_file_name(name)
}

pub(super) fn create(part: &Path) -> io::Result<BufWriter<File>> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(part).map(BufWriter::new)
}

fn write_geojson(mut out: BufWriter<File>, shown: &[Shown<'_>]) -> io::Result<()> {
    out.write_all(b"{\"type\":\"FeatureCollection\",\"features\":[")?;
    for (at, shown) in shown.iter().enumerate() {
        let row = row(shown);
        let geometry = match row.geometry {
            Some(geometry) => serde_json::to_string(&geojson::Geometry::from(geometry))?,
            None => "null".to_owned(),
        };
        let separator = if at == 0 { "\n" } else { ",\n" };
        let properties = Value::Object(row.properties);
        write!(
            out,
            "{separator}{{\"type\":\"Feature\",\"id\":\"{}\",\"geometry\":{geometry},\"properties\":{properties}}}",
            row.id
        )?;
    }
    out.write_all(b"\n]}\n")?;
    out.flush()
}

/// Columns: `id`, the place (`lon` and `lat`, or `wkt`), the fields. A text that a spreadsheet would run as a formula
/// begins with `'`; lists stand with semicolons between their items; what the import reads back as it was.
fn write_csv(out: BufWriter<File>, collection: Collection, shown: &[Shown<'_>]) -> io::Result<()> {
    let points = collection.geometry_kind() == GeometryKind::Point;
    let mut csv = csv::Writer::from_writer(out);
    let places: &[&str] = if points { &["lon", "lat"] } else { &["wkt"] };
    let fields = collection.fields().iter().map(|field| field.name).filter(|name| *name != "ended_at");
    let fields: Vec<&str> = fields.collect();
    csv.write_record(["id"].iter().chain(places).chain(&fields))?;
    for shown in shown {
        let row = row(shown);
        csv.write_field(row.id.to_string())?;
        match row.geometry {
            Some(Geometry::Point(point)) if points => {
                csv.write_field(point.x().to_string())?;
                csv.write_field(point.y().to_string())?;
            }
            Some(geometry) if !points => csv.write_field(geometry.wkt_string())?,
            _ => {
                for _ in places {
                    csv.write_field("")?;
                }
            }
        }
        for name in &fields {
            csv.write_field(row.properties.get(*name).map(values::cell).unwrap_or_default())?;
        }
        csv.write_record(None::<&[u8]>)?;
    }
    csv.flush()
}

pub(super) fn file_problem(path: &Path, error: &io::Error) -> Problem {
    let code = if error.kind() == io::ErrorKind::StorageFull { Code::DiskFull } else { Code::NotFound };
    Problem::new(code, format!("không ghi được tệp: {error}"), format!("the file cannot be written: {error}"))
        .at(&path.display().to_string())
}
