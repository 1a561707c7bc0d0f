//! The data folder: who may open it, and who holds it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::tables;
use crate::domain::{Code, Problem};
use crate::store::StoreError;

const STORE_FILE: &str = "trucban.gpkg";
const LOCK_FILE: &str = "lock";
/// `GPKG`, as GeoPackage demands it in the header.
const APPLICATION_ID: i64 = 1_196_444_487;
/// How long a statement waits for another program's lock.
const BUSY_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

mod embedded {
    refinery::embed_migrations!("migrations/gpkg");
}

/// Our exclusive lock on the folder; let go when dropped or when the process ends, however it ends.
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the folder, or names who holds it.
    pub fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK_FILE);
        let mut file = private().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {
                let mut lock = Self { file };
                lock.announce("")?;
                Ok(lock)
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The text is a help for people; without it the refusal still stands.
                let _ = file.read_to_string(&mut holder);
                Err(StoreError::Refused(locked(dir, holder.trim())))
            }
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Writes who holds the folder and where it can be reached.
    pub fn announce(&mut self, address: &str) -> Result<(), StoreError> {
        let text = format!("pid {} {address}\n", std::process::id());
        let written =
            self.file.set_len(0).and_then(|()| self.file.rewind()).and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(StoreError::from)
    }
}

fn locked(dir: &Path, holder: &str) -> Problem {
    let dir = dir.display();
    Problem::new(
        Code::FolderLocked,
        format!("thư mục {dir} đang được dùng bởi {holder}"),
        format!("the folder {dir} is in use by {holder}"),
    )
    .with("holder", holder)
}

/// The store's file in a data folder; a path to a file (a backup) stands for itself.
pub(super) fn store_file(path: &Path) -> PathBuf {
    if path.is_file() { path.to_owned() } else { path.join(STORE_FILE) }
}

/// Makes the folder if it is not there, for its owner alone.
pub(in crate::store) fn make_folder(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let empty = fs::read_dir(dir)?.next().is_none();
    if empty || dir.join(STORE_FILE).exists() {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Creates an empty file that only its owner may open; SQLite gives its companions the same mode. `false`: it was
/// there already.
pub(in crate::store) fn make_private_file(path: &Path) -> Result<bool, StoreError> {
    match private().write(true).create_new(true).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
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
    let objects: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if objects > 0 && id != APPLICATION_ID {
        return Err(StoreError::Damaged("the file is not a GeoPackage of trucban".to_owned()));
    }
    // refinery would make this table with types that GeoPackage does not know, which GDAL warns about.
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS refinery_schema_history (
           version INTEGER PRIMARY KEY, name TEXT, applied_on TEXT, checksum TEXT)",
    )?;
    embedded::migrations::runner().run(conn).map_err(|error| StoreError::Unavailable(error.to_string()))?;
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

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            Self::DiskFull
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}
