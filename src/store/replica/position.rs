//! How far a replica has done what the log holds. Committed with the changes themselves, and read inside the
//! transaction that rests on it: another program may work on the same file.

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::store::StoreError;

/// The table that makes a file a replica; each replica's own.
pub(super) const TABLE: &str = "replica";

/// The newest entry that is done here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub position: u64,
    pub nonce: Uuid,
}

impl Position {
    /// None for a file that is no replica.
    pub fn read(conn: &Connection) -> Result<Option<Self>, StoreError> {
        let is_there = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1)";
        if !conn.query_row(is_there, [TABLE], |row| row.get::<_, bool>(0))? {
            return Ok(None);
        }
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
        let found = conn.query_row("SELECT position, nonce FROM replica", [], read).optional()?;
        let Some((position, nonce)) = found else { return Ok(None) };
        let nonce = Uuid::try_parse(&nonce)
            .map_err(|_| StoreError::Damaged("the position of a replica cannot be read".to_owned()))?;
        Ok(Some(Self { position: position.unsigned_abs(), nonce }))
    }

    /// That of a file which is a replica.
    pub fn needed(conn: &Connection, file: &str) -> Result<Self, StoreError> {
        Self::read(conn)?.ok_or_else(|| StoreError::Damaged(format!("{file}: its position in the log is gone")))
    }

    pub fn write(self, conn: &Connection) -> Result<(), StoreError> {
        conn.execute_batch(
            "CREATE TABLE IF NOT EXISTS replica (
               only_one INTEGER PRIMARY KEY NOT NULL CHECK (only_one = 1),
               position INTEGER NOT NULL,
               nonce TEXT NOT NULL
             )",
        )?;
        conn.prepare_cached(
            "INSERT INTO replica VALUES (1, ?1, ?2)
             ON CONFLICT DO UPDATE SET position = excluded.position, nonce = excluded.nonce",
        )?
        .execute((self.position.cast_signed(), self.nonce.to_string()))?;
        Ok(())
    }

    /// Lets a file be no replica any more.
    pub fn forget(conn: &Connection) -> Result<(), StoreError> {
        Ok(conn.execute_batch("DELETE FROM replica")?)
    }
}
