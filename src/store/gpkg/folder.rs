//! The store's file: made, migrated, opened.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::tables;
use crate::store::StoreError;
use crate::store::folder::{STORE_FILE, make_private_file};

/// `GPKG`, as GeoPackage demands it in the header.
const APPLICATION_ID: i64 = 1_196_444_487;
/// How long a statement waits for another program's lock.
const BUSY_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

mod embedded {
    refinery::embed_migrations!("migrations/gpkg");
}

/// The store's file in a data folder; a path to a file (a backup) stands for itself.
pub(super) fn store_file(path: &Path) -> PathBuf {
    if path.is_file() { path.to_owned() } else { path.join(STORE_FILE) }
}

/// Opens the write connection, creating or migrating the file.
pub(super) fn open_writer(file: &Path) -> Result<Connection, StoreError> {
    make_private_file(file)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(file, flags)?;
    conn.busy_timeout(BUSY_WAIT)?;
    conn.set_prepared_statement_cache_capacity(256);
    tables::allow_writing(&conn)?;
    migrate(&mut conn)?;
    // The frame is made in rollback mode, so that its header lies in the file itself: GDAL's checker reads it there.
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -65536; PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = ON;",
    )?;
    Ok(conn)
}

fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    let id: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    // The list of migrations alone is what a first start leaves that was killed before anything was in it.
    let objects = "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'refinery_schema_history'";
    let objects: i64 = conn.query_row(objects, [], |row| row.get(0))?;
    if objects > 0 && id != APPLICATION_ID {
        return Err(StoreError::Damaged("the file is not a GeoPackage of trucban".to_owned()));
    }
    // refinery would make this table with types that GeoPackage does not know, which GDAL warns about.
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS refinery_schema_history (
           version INTEGER PRIMARY KEY, name TEXT, applied_on TEXT, checksum TEXT)",
    )?;
    // All in one transaction with their entries in that list: a first start may be killed at any moment.
    embedded::migrations::runner()
        .set_grouped(true)
        .run(conn)
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let transaction = conn.transaction()?;
    tables::ensure(&transaction)?;
    transaction.commit()?;
    Ok(())
}

/// Opens a connection that cannot write, beside whoever does.
pub(super) fn open_reader(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(file, flags)?;
    conn.busy_timeout(BUSY_WAIT)?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.execute_batch("PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;")?;
    Ok(conn)
}
