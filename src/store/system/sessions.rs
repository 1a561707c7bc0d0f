//! Sessions of browsers: each the SHA-256 of a random id, for one account, until it is idle or old.

use rusqlite::{Connection, Row, Transaction};
use uuid::Uuid;

use super::{Hash, System, id, rows, time};
use crate::domain::Timestamp;
use crate::store::StoreError;

/// A session that nobody used for so long is over: a shift, and the way home.
pub const SESSION_IDLE_S: i64 = 14 * 3_600;
/// A session is over after so long, however much it was used.
pub const SESSION_LIFE_S: i64 = 7 * 24 * 3_600;
/// Sessions of one account at once; one more ends the one that was used least recently.
pub const SESSIONS_MAX: u32 = 20;
/// How long used and expired codes and links are kept, so that a second use is told from a wrong code.
const USED_CODES_KEPT_S: i64 = 7 * 24 * 3_600;

/// One browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: Uuid,
    pub hash: Hash,
    pub account: String,
    /// What the browser said that it is.
    pub agent: String,
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A session to be begun.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub hash: Hash,
    pub account: String,
    pub agent: String,
}

impl System {
    /// Begins a session.
    ///
    /// # Errors
    /// What the system said.
    pub fn add_session(&self, new: NewSession, now: Timestamp) -> Result<Session, StoreError> {
        let session = Session {
            id: Uuid::now_v7(),
            hash: new.hash,
            account: new.account,
            agent: new.agent,
            created_at: now,
            used_at: now,
            expires_at: now.plus_s(SESSION_LIFE_S),
        };
        self.change(|transaction| {
            transaction.execute(
                "INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
                (
                    session.id.to_string(),
                    session.hash,
                    &session.account,
                    &session.agent,
                    now.as_ms(),
                    session.expires_at.as_ms(),
                ),
            )?;
            transaction.execute(
                "DELETE FROM sessions WHERE account = ?1 AND id NOT IN
                   (SELECT id FROM sessions WHERE account = ?1 ORDER BY used_at_ms DESC, id DESC LIMIT ?2)",
                (&session.account, SESSIONS_MAX),
            )?;
            Ok(())
        })?;
        Ok(session)
    }

    /// The sessions of an account, oldest first.
    ///
    /// # Errors
    /// What the system said.
    pub fn sessions_of(&self, account: &str) -> Result<Vec<Session>, StoreError> {
        rows(&self.conn(), "SELECT * FROM sessions WHERE account = ?1 ORDER BY id", [account], session)
    }

    /// Ends one session of an account; whether there was one.
    ///
    /// # Errors
    /// What the system said.
    pub fn end_session(&self, account: &str, session: Uuid) -> Result<bool, StoreError> {
        self.change(|transaction| {
            let ended = transaction
                .execute("DELETE FROM sessions WHERE account = ?1 AND id = ?2", (account, session.to_string()))?;
            Ok(ended > 0)
        })
    }

    /// Ends all sessions of an account.
    ///
    /// # Errors
    /// What the system said.
    pub fn end_sessions(&self, account: &str) -> Result<(), StoreError> {
        self.change(|transaction| end_all(transaction, account, None))
    }

    /// Notes when sessions and tokens (by their ids) were last used.
    ///
    /// # Errors
    /// What the system said.
    pub fn note_use(&self, used: &[(Uuid, Timestamp)]) -> Result<(), StoreError> {
        self.change(|transaction| {
            for table in ["sessions", "tokens"] {
                let sql = format!("UPDATE {table} SET used_at_ms = ?2 WHERE id = ?1 AND coalesce(used_at_ms, 0) < ?2");
                let mut statement = transaction.prepare_cached(&sql)?;
                for (id, at) in used {
                    statement.execute((id.to_string(), at.as_ms()))?;
                }
            }
            Ok(())
        })
    }

    /// Erases sessions that are over, and codes and links that were used or expired long ago.
    ///
    /// # Errors
    /// What the system said.
    pub fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        let idle = now.plus_s(-SESSION_IDLE_S).as_ms();
        let old = now.plus_s(-USED_CODES_KEPT_S).as_ms();
        self.change(|transaction| {
            transaction
                .execute("DELETE FROM sessions WHERE expires_at_ms <= ?1 OR used_at_ms <= ?2", (now.as_ms(), idle))?;
            transaction.execute("DELETE FROM enrolments WHERE expires_at_ms <= ?1", [old])?;
            transaction.execute("DELETE FROM links WHERE used_at_ms <= ?1 OR expires_at_ms <= ?1", [old])?;
            Ok(())
        })
    }
}

/// Ends the sessions of an account inside a transaction, but not the kept one.
pub(super) fn end_all(transaction: &Transaction<'_>, account: &str, kept: Option<Uuid>) -> Result<(), StoreError> {
    let kept = kept.map(|id| id.to_string()).unwrap_or_default();
    transaction.execute("DELETE FROM sessions WHERE account = ?1 AND id <> ?2", (account, kept))?;
    Ok(())
}

pub(super) fn all(conn: &Connection) -> Result<Vec<Session>, StoreError> {
    rows(conn, "SELECT * FROM sessions ORDER BY id", [], session)
}

fn session(row: &Row<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        id: id(row, "id")?,
        hash: row.get("hash")?,
        account: row.get("account")?,
        agent: row.get("agent")?,
        created_at: time(row, "created_at_ms")?,
        used_at: time(row, "used_at_ms")?,
        expires_at: time(row, "expires_at_ms")?,
    })
}
