//! The record tables, made from the schemas: one features table a collection, one column a field. A field added to a
//! schema later gets its column at the next opening; a column of a field that is gone stays and is not read.

use std::collections::HashSet;
use std::fmt::Write as _;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::domain::Collection;
use crate::domain::collection::GeometryKind;
use crate::domain::schema::{Field, FieldKind};
use crate::store::rules::{self, has_personal};

/// Known on our write connection alone; the triggers call it, so that other programs read but cannot write.
const WRITER_FUNCTION: &str = "trucban_writer";

/// Tables beside the record tables that only our writer may change.
const GUARDED: &[&str] = &[
    "gpkg_spatial_ref_sys",
    "gpkg_contents",
    "gpkg_geometry_columns",
    "journal",
    "personal_values",
    "fix_batches",
    "unit_positions",
    "requests",
    "code_counters",
    "meta",
    "checkpoints",
    "staging",
    "seq_gaps",
];

/// The statements of one record table.
pub(super) struct Table {
    /// The fields that are columns, in the order of the parameters of `insert` and `update`, from [`FIELD_PARAMETER`].
    pub fields: Vec<&'static Field>,
    /// Parameters: 1 geom, 2 id, 3 version, 4 seq, 5 recorded_at, 6 personal_ref, then the fields.
    pub insert: String,
    pub update: String,
    /// version, seq, personal_ref of the id in parameter 1.
    pub present: String,
    /// geom, id, version, seq, recorded_at, personal value, then `sorted` columns, of rows with seq below parameter 1.
    pub select: String,
    /// The fields in the order of their names, which is the order in canonical JSON.
    pub sorted: Vec<&'static Field>,
}

/// The first parameter of `Table::insert` and `Table::update` that is a field.
pub(super) const FIELD_PARAMETER: usize = 7;

/// The statements of all record tables, in the order of [`Collection::ALL`].
pub(super) fn all() -> Vec<Table> {
    Collection::ALL.into_iter().map(Table::new).collect()
}

impl Table {
    fn new(collection: Collection) -> Self {
        let (fields, sorted) = (rules::columns(collection), rules::sorted_columns(collection));
        let mut columns = "geom, id, version, seq, recorded_at".to_owned();
        let mut values = "?1, ?2, ?3, ?4, ?5".to_owned();
        let mut sets = "geom = ?1, version = ?3, seq = ?4, recorded_at = ?5".to_owned();
        let (personal_ref, personal_value, join) = if has_personal(collection) {
            columns.push_str(", personal_ref");
            values.push_str(", ?6");
            sets.push_str(", personal_ref = ?6");
            ("personal_ref", "p.value", " LEFT JOIN personal_values p ON p.ref = r.personal_ref")
        } else {
            ("NULL", "NULL", "")
        };
        for (at, field) in fields.iter().enumerate() {
            let parameter = at + FIELD_PARAMETER;
            let name = field.name;
            // Writing to a String cannot fail.
            let _ = write!(columns, ", \"{name}\"");
            let _ = write!(values, ", ?{parameter}");
            let _ = write!(sets, ", \"{name}\" = ?{parameter}");
        }
        let mut selected = String::new();
        for field in &sorted {
            let _ = write!(selected, ", r.\"{}\"", field.name);
        }
        Self {
            insert: format!("INSERT INTO {collection} ({columns}) VALUES ({values})"),
            update: format!("UPDATE {collection} SET {sets} WHERE id = ?2"),
            present: format!("SELECT version, seq, {personal_ref} FROM {collection} WHERE id = ?1"),
            select: format!(
                "SELECT r.geom, r.id, r.version, r.seq, r.recorded_at, {personal_value}{selected} \
                 FROM {collection} r{join} WHERE r.seq < ?1"
            ),
            fields,
            sorted,
        }
    }
}

/// SQL type of a column, from the list that GeoPackage allows.
fn column_type(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Integer(..) => "INTEGER",
        FieldKind::Real(..) => "REAL",
        FieldKind::Boolean => "BOOLEAN",
        FieldKind::Time => "DATETIME",
        FieldKind::Date => "DATE",
        FieldKind::Text(_)
        | FieldKind::Choice(_)
        | FieldKind::Reference
        | FieldKind::Choices(_)
        | FieldKind::References
        | FieldKind::Texts(_)
        | FieldKind::Json(_) => "TEXT",
    }
}

/// A point column holds points alone; lines and areas may be single or multiple, for which GeoPackage has no name.
fn geometry_type(kind: GeometryKind) -> &'static str {
    match kind {
        GeometryKind::Point => "POINT",
        GeometryKind::Line | GeometryKind::Area => "GEOMETRY",
    }
}

/// Registers the function that the guards call. On any connection without it a write fails.
pub(super) fn allow_writing(conn: &Connection) -> rusqlite::Result<()> {
    conn.create_scalar_function(WRITER_FUNCTION, 0, FunctionFlags::SQLITE_UTF8, |_| Ok(1_i64))
}

/// Creates what is missing: tables, columns of new fields, guards. Called once an opening, in one transaction.
pub(super) fn ensure(conn: &Connection) -> rusqlite::Result<()> {
    for collection in Collection::ALL {
        ensure_table(conn, collection)?;
        guard(conn, collection.as_str())?;
    }
    for table in GUARDED {
        guard(conn, table)?;
    }
    guard_event(conn, "fixes", "UPDATE")?;
    guard_event(conn, "fixes", "DELETE")?;
    Ok(())
}

fn ensure_table(conn: &Connection, collection: Collection) -> rusqlite::Result<()> {
    let present: HashSet<String> = conn
        .prepare("SELECT name FROM pragma_table_info(?1)")?
        .query_map([collection.as_str()], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let columns = rules::columns(collection).into_iter();
    if present.is_empty() {
        let geometry = geometry_type(collection.geometry_kind());
        let mut ddl = format!(
            "CREATE TABLE {collection} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom {geometry}, \
             id TEXT UNIQUE NOT NULL, version INTEGER NOT NULL, seq INTEGER NOT NULL, recorded_at DATETIME NOT NULL"
        );
        if has_personal(collection) {
            ddl.push_str(", personal_ref INTEGER");
        }
        for field in columns {
            let _ = write!(ddl, ", \"{}\" {}", field.name, column_type(field.kind));
        }
        ddl.push(')');
        conn.execute(&ddl, [])?;
        conn.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id) \
             VALUES (?1, 'features', ?1, ?2, ?3)",
            (collection.as_str(), collection.title().1, super::blob::SRID),
        )?;
        conn.execute(
            "INSERT INTO gpkg_geometry_columns VALUES (?1, 'geom', ?2, ?3, 0, 0)",
            (collection.as_str(), geometry, super::blob::SRID),
        )?;
        return Ok(());
    }
    for field in columns.filter(|field| !present.contains(field.name)) {
        let kind = column_type(field.kind);
        conn.execute(&format!("ALTER TABLE {collection} ADD COLUMN \"{}\" {kind}", field.name), [])?;
    }
    if has_personal(collection) && !present.contains("personal_ref") {
        conn.execute(&format!("ALTER TABLE {collection} ADD COLUMN personal_ref INTEGER"), [])?;
    }
    Ok(())
}

fn guard(conn: &Connection, table: &str) -> rusqlite::Result<()> {
    ["INSERT", "UPDATE", "DELETE"].into_iter().try_for_each(|event| guard_event(conn, table, event))
}

fn guard_event(conn: &Connection, table: &str, event: &str) -> rusqlite::Result<()> {
    let suffix = event.to_ascii_lowercase();
    conn.execute_batch(&format!(
        "CREATE TRIGGER IF NOT EXISTS guard_{table}_{suffix} BEFORE {event} ON {table} \
         BEGIN SELECT {WRITER_FUNCTION}(); END"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_added_to_a_schema_gets_its_column() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(include_str!("../../../migrations/gpkg/V1__journal.sql")).unwrap();
        allow_writing(&conn).unwrap();
        ensure(&conn).unwrap();
        conn.execute_batch("ALTER TABLE places DROP COLUMN told_by").unwrap();
        ensure(&conn).unwrap();
        conn.prepare("SELECT told_by FROM places").unwrap();
    }
}
