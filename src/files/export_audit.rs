//! Export of the audit: rows of a time, as CSV or JSON.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::Value;
use uuid::Uuid;

use super::export::{create, file_problem, part_of};
use super::values;
use crate::domain::{Code, Problem, Timestamp};
use crate::store::StoreError;
use crate::store::audit::{Row, walk};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFormat {
    Csv,
    /// A list of objects.
    Json,
}

const COLUMNS: [&str; 12] =
    ["seq", "at", "node", "actor", "role", "kind", "class", "collection", "count", "ids", "place", "purpose"];

/// Why no file was written.
enum Failure {
    File(io::Error),
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<E: Into<io::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::File(error.into())
    }
}

/// Writes the rows from `from` on and before `to` to `path`, and returns how many. The file takes its place when it is
/// whole; it names people, so only its owner can read it.
///
/// # Errors
/// `disk_full`, `not_found` with what the system said about the file, `store_unavailable` if the audit cannot be read.
pub fn export_audit(
    dir: &Path,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    format: AuditFormat,
    path: &Path,
) -> Result<u64, Problem> {
    let part = part_of(path);
    let written = create(&part).map_err(Failure::File).and_then(|out| match format {
        AuditFormat::Csv => write_csv(out, dir, from, to),
        AuditFormat::Json => write_json(out, dir, from, to),
    });
    let done = written.and_then(|count| {
        File::open(&part)?.sync_all()?;
        fs::rename(&part, path)?;
        Ok(count)
    });
    done.map_err(|failure| {
        // Only what this call made is removed.
        let _ = fs::remove_file(&part);
        match failure {
            Failure::File(error) => file_problem(path, &error),
            Failure::Store(error) => Problem::new(
                Code::StoreUnavailable,
                format!("không đọc được nhật ký truy cập: {error}"),
                format!("the audit cannot be read: {error}"),
            ),
        }
    })
}

fn write_csv(out: BufWriter<File>, dir: &Path, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<u64, Failure> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(COLUMNS)?;
    let mut count = 0;
    walk(dir, from, to, |row| {
        for value in values_of(row) {
            csv.write_field(values::cell(&value))?;
        }
        count += 1;
        csv.write_record(None::<&[u8]>).map_err(Failure::from)
    })?;
    csv.flush()?;
    Ok(count)
}

fn write_json(
    mut out: BufWriter<File>,
    dir: &Path,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<u64, Failure> {
    out.write_all(b"[")?;
    let mut count = 0;
    walk(dir, from, to, |row| {
        let object: serde_json::Map<String, Value> =
            COLUMNS.iter().map(|name| (*name).to_owned()).zip(values_of(row)).collect();
        let separator = if count == 0 { "\n" } else { ",\n" };
        count += 1;
        write!(out, "{separator}{}", Value::Object(object)).map_err(Failure::from)
    })?;
    out.write_all(b"\n]\n")?;
    out.flush()?;
    Ok(count)
}

/// In the order of [`COLUMNS`].
fn values_of(row: &Row) -> [Value; 12] {
    let Row { seq, at, node, actor, role, kind, class, collection, count, ids, place, purpose } = row;
    [
        (*seq).into(),
        at.to_string().into(),
        node.as_str().into(),
        actor.as_str().into(),
        role.as_str().into(),
        kind.as_str().into(),
        class.as_deref().into(),
        collection.as_deref().into(),
        (*count).into(),
        ids.iter().map(Uuid::to_string).collect(),
        place.as_str().into(),
        purpose.as_str().into(),
    ]
}
