//! `DATA/system.db`: secrets, apart from the file that planners copy. For now tokens, kept as their SHA-256 alone.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::StoreError;
use super::gpkg::{make_private_file, now};

const FILE: &str = "system.db";

mod embedded {
    refinery::embed_migrations!("migrations/system");
}

/// The secrets of one data folder. Its calls block for the length of a lookup by key.
pub struct System {
    /// One connection; held for one statement at a time.
    conn: Mutex<Connection>,
}

impl System {
    /// Opens the file in a data folder that exists, mode 0600, and makes it if it is not there.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let file = dir.join(FILE);
        make_private_file(&file)?;
        let mut conn = Connection::open(&file)?;
        conn.pragma_update(None, "journal_mode", "wal")?;
        conn.execute_batch("PRAGMA synchronous = FULL;")?;
        let migrated = embedded::migrations::runner().run(&mut conn);
        migrated.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { conn: Mutex::new(conn) })
    }

    /// Lets `token` stand for the actor called `actor`.
    ///
    /// # Errors
    /// What the system said.
    pub fn put_token(&self, token: &str, actor: &str) -> Result<(), StoreError> {
        self.conn()
            .prepare_cached("INSERT INTO tokens VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET actor = excluded.actor")?
            .execute((hash(token), actor, now().as_ms()))?;
        Ok(())
    }

    /// The name of the actor for whom `token` stands.
    ///
    /// # Errors
    /// What the system said.
    pub fn actor_of(&self, token: &str) -> Result<Option<String>, StoreError> {
        let conn = self.conn();
        let mut statement = conn.prepare_cached("SELECT actor FROM tokens WHERE hash = ?1")?;
        Ok(statement.query_row([hash(token)], |row| row.get(0)).optional()?)
    }

    fn conn(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
