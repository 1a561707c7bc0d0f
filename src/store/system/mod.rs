//! `DATA/system.db`: who may come in and what was shared with them, apart from the file that planners copy.
//!
//! Secrets are kept as their SHA-256 alone, passwords as argon2id (`secret.rs`). Races are settled inside the
//! transaction: a code works once, a name is taken once, the last administrator stays. Calls block for as long as the
//! disk takes; a server makes them off its async threads. The command line works on the same file beside it.

mod accounts;
mod enrolments;
mod external;
mod grants;
mod links;
mod organisations;
mod secret;
mod sessions;
mod tokens;

use std::path::Path;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use rusqlite::{Connection, Row, Transaction};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use uuid::Uuid;

pub use accounts::{Account, AccountChange, NewAccount};
pub use enrolments::{ENROLMENT_LIFE_S, Enrolment};
pub use external::External;
pub use grants::GivenGrant;
pub use links::{PASSWORD_LINK_LIFE_S, Purpose};
pub use organisations::Organisation;
pub use secret::{Secret, hash_password, is_password_of, waste_a_check};
pub use sessions::{NewSession, SESSION_IDLE_S, SESSION_LIFE_S, SESSIONS_MAX, Session};
pub use tokens::{Bearer, NewToken, TOKENS_MAX, Token, TokenKind};

use super::StoreError;
use super::replica::{Replica, Shape, SharedLog};
use crate::domain::access::Grant;
use crate::domain::{Force, Role, Timestamp};

const FILE: &str = "system.db";
/// What becomes of it where several nodes share it.
pub(in crate::store) const SHAPE: Shape = Shape {
    file: FILE,
    migrate: |conn| embedded::migrations::runner().set_grouped(true).run(conn).map(drop),
    // Raised here by whatever changes here.
    own: &["replica", "refinery_schema_history", "revision"],
    is_pristine: "SELECT NOT EXISTS (SELECT 1 FROM accounts)",
    entries_max: 1_000,
};

mod embedded {
    refinery::embed_migrations!("migrations/system");
}

/// SHA-256 of a secret.
pub type Hash = [u8; 32];

/// The accounts of one data folder.
pub struct System {
    pub(in crate::store) replica: Replica,
}

/// All that is needed to tell who comes in and what they may, read in one transaction.
pub struct Everybody {
    /// Raised by every change.
    pub revision: u64,
    pub accounts: Vec<Account>,
    pub sessions: Vec<Session>,
    /// Tokens that are not revoked.
    pub tokens: Vec<Token>,
    /// Grants that are not revoked and not over.
    pub grants: Vec<Grant>,
}

impl System {
    /// Opens the file of a data folder, mode 0600; makes file and folder if they are not there.
    ///
    /// # Errors
    /// What the system said; `Unavailable` for a folder that shares its accounts with other nodes.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { replica: Replica::alone(dir, SHAPE)? })
    }

    /// Opens it as one of the nodes that share their accounts by this log.
    ///
    /// # Errors
    /// What the system or the log said; `Unavailable` for a folder with accounts of its own where others have some.
    pub fn open_shared(dir: &Path, log: Arc<dyn SharedLog>) -> Result<Self, StoreError> {
        Ok(Self { replica: Replica::of_log(dir, SHAPE, log)? })
    }

    /// Hears of changes of other nodes; nothing where there are none.
    #[must_use]
    pub fn news(&self) -> Option<watch::Receiver<u64>> {
        self.replica.news()
    }

    /// For how long nothing was heard of the other nodes; none where there are none.
    #[must_use]
    pub fn unheard_for(&self) -> Option<Duration> {
        self.replica.unheard_for()
    }

    /// Does here what other nodes have changed by now. Within a second.
    ///
    /// # Errors
    /// `Unavailable` if they cannot be heard.
    pub fn catch_up(&self) -> Result<(), StoreError> {
        self.replica.catch_up()
    }

    /// The number that every change raises, whoever made it.
    ///
    /// # Errors
    /// What the system said.
    pub fn revision(&self) -> Result<u64, StoreError> {
        read_revision(&self.conn())
    }

    /// Whoever may come in at `now`, and what was shared.
    ///
    /// # Errors
    /// What the system said; `Damaged` for a row that cannot be read.
    pub fn everybody(&self, now: Timestamp) -> Result<Everybody, StoreError> {
        let mut conn = self.conn();
        let read = conn.transaction()?;
        Ok(Everybody {
            revision: read_revision(&read)?,
            accounts: accounts::all(&read)?,
            sessions: sessions::all(&read)?,
            tokens: tokens::live(&read)?,
            grants: grants::live(&read, now)?,
        })
    }

    /// One change: all of it becomes durable, or nothing. May be worked out more than once.
    fn change<T>(&self, work: impl Fn(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.replica.change(work)
    }

    fn conn(&self) -> MutexGuard<'_, Connection> {
        self.replica.read()
    }
}

fn read_revision(conn: &Connection) -> Result<u64, StoreError> {
    let number: i64 = conn.prepare_cached("SELECT number FROM revision")?.query_row([], |row| row.get(0))?;
    Ok(number.unsigned_abs())
}

/// Reads all rows of a query.
pub(in crate::store) fn rows<T>(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// The first row of a query, if there is one.
pub(in crate::store) fn first<T>(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

fn damaged(column: &str) -> StoreError {
    StoreError::Damaged(format!("{FILE}: {column} cannot be read"))
}

fn time(row: &Row<'_>, column: &str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_ms(row.get(column)?))
}

fn maybe_time(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_ms))
}

fn id(row: &Row<'_>, column: &str) -> Result<Uuid, StoreError> {
    maybe_id(row, column)?.ok_or_else(|| damaged(column))
}

fn maybe_id(row: &Row<'_>, column: &str) -> Result<Option<Uuid>, StoreError> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| Uuid::try_parse(&text).map_err(|_| damaged(column))).transpose()
}

fn role(row: &Row<'_>, column: &str) -> Result<Role, StoreError> {
    Role::parse(&row.get::<_, String>(column)?).ok_or_else(|| damaged(column))
}

fn maybe_force(row: &Row<'_>, column: &str) -> Result<Option<Force>, StoreError> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| Force::parse(&text).ok_or_else(|| damaged(column))).transpose()
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    serde_json::from_str(&row.get::<_, String>(column)?).map_err(|_| damaged(column))
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("areas and lists of fields are JSON")
}
