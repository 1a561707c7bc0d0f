//! What goes to and fro after a tip: the handler answers, the informant reads and adds, neither knowing the other.

use crypto_box::SecretKey;
use rusqlite::{Connection, Row, Transaction};
use uuid::Uuid;

use super::follow_up::{self, hash_of_code};
use super::sealing::{self, KEY_BYTES, Salt};
use super::{TipStore, coarse, damaged, keys, not_found, wrong_passphrase};
use crate::domain::tip::{Coarse, Half};
use crate::domain::{Code, Problem, Timestamp};
use crate::store::StoreError;
use crate::store::system::{first, rows};

/// Most messages of one tip.
pub const MESSAGES_MAX: u32 = 200;

/// Whose message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    Informant,
    Handler,
}

impl Author {
    /// Its name, as it stands in rows and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informant => "informant",
            Self::Handler => "handler",
        }
    }

    /// The author with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Informant, Self::Handler].into_iter().find(|author| author.as_str() == name)
    }
}

/// A message, opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub author: Author,
    pub sent: Coarse,
    pub text: String,
}

/// A message as it lies in the file.
pub(super) struct MessageRow {
    author: Author,
    sent: Coarse,
    pub key_id: i64,
    pub for_holders: Vec<u8>,
    for_informant: Vec<u8>,
}

/// A follow-up and whose it is.
struct Known {
    tip: Uuid,
    salt: Salt,
    public: [u8; KEY_BYTES],
}

impl MessageRow {
    pub(super) fn open(&self, key: &SecretKey, sealed: &[u8]) -> Result<Message, StoreError> {
        let text = sealing::open(key, sealed).ok_or_else(|| damaged("message"))?;
        Ok(Message { author: self.author, sent: self.sent, text })
    }
}

impl TipStore {
    /// The messages of the tip that a code and its passphrase open; with `text`, the informant adds one first. Takes as
    /// long as a sign-in, also for a code that nobody has.
    ///
    /// # Errors
    /// `wrong_passphrase`, which does not tell whether there is such a code; `limit_exceeded`.
    pub fn follow_up(
        &self,
        code: &str,
        passphrase: &str,
        text: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Message>, StoreError> {
        let refused = || {
            wrong_passphrase(
                "Mã theo dõi hoặc câu mật khẩu không đúng.",
                "The follow-up code or the passphrase is wrong.",
            )
        };
        let found = by_code(&self.conn(), &hash_of_code(code))?;
        let salt = found.as_ref().map_or_else(sealing::salt, |known| known.salt);
        let key = follow_up::key_of(passphrase, &salt)?;
        let known = found.filter(|known| known.public == *key.public_key().as_bytes()).ok_or_else(refused)?;
        if let Some(text) = text {
            self.change(|transaction| add(transaction, &known, Author::Informant, text, now))?;
        }
        let rows = all(&self.conn(), known.tip)?;
        rows.iter().map(|row| row.open(&key, &row.for_informant)).collect()
    }

    /// Answers the informant of a tip.
    ///
    /// # Errors
    /// `not_found` also when the informant's part was erased; `limit_exceeded`.
    pub fn answer(&self, id: Uuid, text: &str, now: Timestamp) -> Result<(), StoreError> {
        self.change(|transaction| {
            let sql = "SELECT tip, salt, public FROM follow_ups WHERE tip = ?1";
            let known = first(transaction, sql, [id.to_string()], read_known)?.ok_or_else(|| not_found(id))?;
            add(transaction, &known, Author::Handler, text, now)
        })
    }
}

fn by_code(conn: &Connection, code: &[u8; 32]) -> Result<Option<Known>, StoreError> {
    first(conn, "SELECT tip, salt, public FROM follow_ups WHERE code = ?1", [code], read_known)
}

fn read_known(row: &Row<'_>) -> Result<Known, StoreError> {
    let tip: String = row.get("tip")?;
    let tip = Uuid::try_parse(&tip).map_err(|_| damaged("tip"))?;
    Ok(Known { tip, salt: row.get("salt")?, public: row.get("public")? })
}

fn add(
    transaction: &Transaction<'_>,
    to: &Known,
    author: Author,
    text: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tip = to.tip.to_string();
    let count = "SELECT coalesce(max(number), 0) FROM messages WHERE tip = ?1";
    let count: u32 = transaction.query_row(count, [&tip], |row| row.get(0))?;
    if count >= MESSAGES_MAX {
        return Err(StoreError::Refused(Problem::new(
            Code::LimitExceeded,
            format!("Tin báo này đã có {MESSAGES_MAX} tin nhắn."),
            format!("This tip has {MESSAGES_MAX} messages already."),
        )));
    }
    // To the key of the tip itself, so that whoever opens the tip reads its messages too.
    let key_id: i64 = transaction.query_row("SELECT key_id FROM sealed WHERE tip = ?1", [&tip], |row| row.get(0))?;
    let for_holders = sealing::seal(&keys::public_of(transaction, key_id)?, &text)?;
    let for_informant = sealing::seal(&to.public, &text)?;
    let sent = Coarse::of(now);
    transaction.execute(
        "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            &tip,
            count + 1,
            author.as_str(),
            sent.on.to_string(),
            sent.half.map(Half::as_str),
            key_id,
            for_holders,
            for_informant,
        ),
    )?;
    Ok(())
}

pub(super) fn all(conn: &Connection, tip: Uuid) -> Result<Vec<MessageRow>, StoreError> {
    rows(conn, "SELECT * FROM messages WHERE tip = ?1 ORDER BY number", [tip.to_string()], |row| {
        let author: String = row.get("author")?;
        Ok(MessageRow {
            author: Author::parse(&author).ok_or_else(|| damaged("author"))?,
            sent: coarse(row, "sent")?.ok_or_else(|| damaged("sent_on"))?,
            key_id: row.get("key_id")?,
            for_holders: row.get("for_holders")?,
            for_informant: row.get("for_informant")?,
        })
    })
}
