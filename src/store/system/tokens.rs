//! Tokens of programs, telephones and trackers: opaque, kept as their SHA-256, revocable at once.

use rusqlite::{Connection, Row, Transaction};
use uuid::Uuid;

use super::{Hash, System, damaged, first, id, maybe_force, maybe_id, maybe_time, rows, time};
use crate::domain::{Code, Force, Problem, Timestamp};
use crate::store::StoreError;

/// Live tokens for which one account or one unit may be spoken for at once.
pub const TOKENS_MAX: i64 = 50;

/// What holds a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Made by the account itself, for a program.
    Program,
    /// Got by a telephone or tracker for an enrolment code.
    Device,
}

impl TokenKind {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Device => "device",
        }
    }
}

/// For whom a token speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// An account.
    Account(String),
    /// A unit that has no account: its id, its code (else its name) and its force, as they were at the enrolment.
    Unit { id: Uuid, name: String, force: Option<Force> },
}

/// One token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: Uuid,
    pub hash: Hash,
    pub kind: TokenKind,
    pub label: String,
    pub bearer: Bearer,
    pub created_by: String,
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub hash: Hash,
    pub kind: TokenKind,
    pub label: String,
    pub bearer: Bearer,
    pub created_by: String,
}

impl System {
    /// Makes a token. A secret that stands for somebody already is left as it is.
    ///
    /// # Errors
    /// `limit_exceeded` past [`TOKENS_MAX`].
    pub fn add_token(&self, new: &NewToken, now: Timestamp) -> Result<Token, StoreError> {
        self.change(|transaction| add(transaction, new.clone(), now))
    }

    /// The live token with this hash.
    ///
    /// # Errors
    /// What the system said.
    pub fn token_of(&self, hash: &Hash) -> Result<Option<Token>, StoreError> {
        first(&self.conn(), "SELECT * FROM tokens WHERE hash = ?1 AND revoked_at_ms IS NULL", [hash], token)
    }

    /// The live tokens of an account, oldest first.
    ///
    /// # Errors
    /// What the system said.
    pub fn tokens_of(&self, account: &str) -> Result<Vec<Token>, StoreError> {
        let sql = "SELECT * FROM tokens WHERE account = ?1 AND revoked_at_ms IS NULL ORDER BY id";
        rows(&self.conn(), sql, [account], token)
    }

    /// The live tokens of all devices, oldest first.
    ///
    /// # Errors
    /// What the system said.
    pub fn devices(&self) -> Result<Vec<Token>, StoreError> {
        let sql = "SELECT * FROM tokens WHERE kind = 'device' AND revoked_at_ms IS NULL ORDER BY id";
        rows(&self.conn(), sql, [], token)
    }

    /// Revokes a live token; whether there was one.
    ///
    /// # Errors
    /// What the system said.
    pub fn revoke_token(&self, token: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        self.change(|transaction| {
            let revoked = transaction.execute(
                "UPDATE tokens SET revoked_at_ms = ?2 WHERE id = ?1 AND revoked_at_ms IS NULL",
                (token.to_string(), now.as_ms()),
            )?;
            Ok(revoked > 0)
        })
    }
}

/// Makes a token inside a transaction.
pub(super) fn add(transaction: &Transaction<'_>, new: NewToken, now: Timestamp) -> Result<Token, StoreError> {
    let columns = Columns::of(&new.bearer);
    let live: i64 = transaction.query_row(
        "SELECT count(*) FROM tokens WHERE revoked_at_ms IS NULL AND (account = ?1 OR (account IS NULL AND unit_id = ?2))",
        (columns.account, &columns.unit_id),
        |row| row.get(0),
    )?;
    if live >= TOKENS_MAX {
        return Err(StoreError::Refused(Problem::new(
            Code::LimitExceeded,
            format!("Đã có {TOKENS_MAX} mã truy cập; hãy thu hồi bớt trước."),
            format!("There are {TOKENS_MAX} tokens already; revoke some first."),
        )));
    }
    let id = Uuid::now_v7();
    transaction.execute(
        "INSERT INTO tokens (id, hash, kind, label, account, unit_id, unit_name, unit_force, created_by, created_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        (
            id.to_string(),
            new.hash,
            new.kind.as_str(),
            &new.label,
            columns.account,
            columns.unit_id,
            columns.unit_name,
            columns.unit_force,
            &new.created_by,
            now.as_ms(),
        ),
    )?;
    let NewToken { hash, kind, label, bearer, created_by } = new;
    Ok(Token { id, hash, kind, label, bearer, created_by, created_at: now, used_at: None, revoked_at: None })
}

/// A bearer as it stands in its columns.
pub(super) struct Columns<'a> {
    pub account: Option<&'a str>,
    pub unit_id: Option<String>,
    pub unit_name: Option<&'a str>,
    pub unit_force: Option<&'static str>,
}

impl<'a> Columns<'a> {
    pub fn of(bearer: &'a Bearer) -> Self {
        match bearer {
            Bearer::Account(name) => Self { account: Some(name), unit_id: None, unit_name: None, unit_force: None },
            Bearer::Unit { id, name, force } => Self {
                account: None,
                unit_id: Some(id.to_string()),
                unit_name: Some(name),
                unit_force: force.map(Force::as_str),
            },
        }
    }
}

/// The bearer in a row that has the columns `account`, `unit_id`, `unit_name` and `unit_force`.
pub(super) fn bearer(row: &Row<'_>) -> Result<Bearer, StoreError> {
    if let Some(account) = row.get("account")? {
        return Ok(Bearer::Account(account));
    }
    let id = maybe_id(row, "unit_id")?.ok_or_else(|| damaged("unit_id"))?;
    Ok(Bearer::Unit { id, name: row.get("unit_name")?, force: maybe_force(row, "unit_force")? })
}

/// Revokes the tokens of an account inside a transaction.
pub(super) fn revoke_all(transaction: &Transaction<'_>, account: &str, now: Timestamp) -> Result<(), StoreError> {
    transaction.execute(
        "UPDATE tokens SET revoked_at_ms = ?2 WHERE account = ?1 AND revoked_at_ms IS NULL",
        (account, now.as_ms()),
    )?;
    Ok(())
}

pub(super) fn live(conn: &Connection) -> Result<Vec<Token>, StoreError> {
    rows(conn, "SELECT * FROM tokens WHERE revoked_at_ms IS NULL ORDER BY id", [], token)
}

fn token(row: &Row<'_>) -> Result<Token, StoreError> {
    let kind = match row.get::<_, String>("kind")?.as_str() {
        "program" => TokenKind::Program,
        "device" => TokenKind::Device,
        _ => return Err(damaged("kind")),
    };
    Ok(Token {
        id: id(row, "id")?,
        hash: row.get("hash")?,
        kind,
        label: row.get("label")?,
        bearer: bearer(row)?,
        created_by: row.get("created_by")?,
        created_at: time(row, "created_at_ms")?,
        used_at: maybe_time(row, "used_at_ms")?,
        revoked_at: maybe_time(row, "revoked_at_ms")?,
    })
}
