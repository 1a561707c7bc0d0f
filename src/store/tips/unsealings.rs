//! Two persons and a reason: a handler asks to open a tip, another account agrees, and for an hour it can be opened.

use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::{TipStore, damaged, known, not_found};
use crate::domain::{Code, Problem, Timestamp};
use crate::store::StoreError;
use crate::store::system::{first, rows};

/// How long a question waits for the second person, seconds: to the end of the shift.
pub const PENDING_S: i64 = 12 * 3_600;
/// How long a tip can be opened after the second person agreed, seconds.
pub const CONFIRMED_S: i64 = 3_600;

/// A question to open a tip, and who agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsealing {
    pub id: Uuid,
    pub tip: Uuid,
    pub reason: String,
    pub asked_by: String,
    pub asked_at: Timestamp,
    pub confirmed_by: Option<String>,
    pub confirmed_at: Option<Timestamp>,
}

impl Unsealing {
    /// Until when it waits, or until when the tip can be opened.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.confirmed_at.map_or_else(|| self.asked_at.plus_s(PENDING_S), |at| at.plus_s(CONFIRMED_S))
    }
}

impl TipStore {
    /// Asks to open a tip. A question of the same account that still waits is replaced.
    ///
    /// # Errors
    /// `not_found`.
    pub fn ask_to_unseal(&self, tip: Uuid, reason: &str, by: &str, now: Timestamp) -> Result<Unsealing, StoreError> {
        self.change(|transaction| {
            known(transaction, tip)?.ok_or_else(|| not_found(tip))?;
            let asked = Unsealing {
                id: Uuid::new_v4(),
                tip,
                reason: reason.to_owned(),
                asked_by: by.to_owned(),
                asked_at: now,
                confirmed_by: None,
                confirmed_at: None,
            };
            transaction.execute(
                "DELETE FROM unsealings WHERE tip = ?1 AND asked_by = ?2 AND confirmed_by IS NULL",
                (tip.to_string(), by),
            )?;
            transaction.execute(
                "INSERT INTO unsealings (id, tip, reason, asked_by, asked_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                (asked.id.to_string(), tip.to_string(), reason, by, now.as_ms()),
            )?;
            Ok(asked)
        })
    }

    /// The questions that wait, and those that let a tip be opened now; oldest first.
    ///
    /// # Errors
    /// What the system said.
    pub fn unsealings(&self, now: Timestamp) -> Result<Vec<Unsealing>, StoreError> {
        live(&self.conn(), now)
    }

    /// The second person agrees.
    ///
    /// # Errors
    /// `not_found` also for one that is over or agreed to; `forbidden` for whoever asked.
    pub fn confirm_unsealing(&self, id: Uuid, by: &str, now: Timestamp) -> Result<Unsealing, StoreError> {
        self.change(|transaction| {
            let mut asked = live(transaction, now)?
                .into_iter()
                .find(|asked| asked.id == id && asked.confirmed_by.is_none())
                .ok_or_else(|| no_unsealing(id))?;
            if asked.asked_by == by {
                return Err(StoreError::Refused(Problem::new(
                    Code::Forbidden,
                    "Phải là người khác đồng ý: mở tin báo cần hai người.",
                    "Somebody else must agree: to open a tip takes two persons.",
                )));
            }
            transaction.execute(
                "UPDATE unsealings SET confirmed_by = ?2, confirmed_at_ms = ?3 WHERE id = ?1",
                (id.to_string(), by, now.as_ms()),
            )?;
            asked.confirmed_by = Some(by.to_owned());
            asked.confirmed_at = Some(now);
            Ok(asked)
        })
    }

    /// The agreement by which `by` may open a tip now.
    ///
    /// # Errors
    /// `not_confirmed`.
    pub fn confirmed_unsealing(&self, tip: Uuid, by: &str, now: Timestamp) -> Result<Unsealing, StoreError> {
        self.replica.catch_up()?;
        let sql = "SELECT * FROM unsealings WHERE tip = ?1 AND asked_by = ?2 AND confirmed_at_ms > ?3
                   ORDER BY confirmed_at_ms DESC LIMIT 1";
        let since = now.plus_s(-CONFIRMED_S).as_ms();
        first(&self.conn(), sql, (tip.to_string(), by, since), read)?.ok_or_else(|| {
            StoreError::Refused(Problem::new(
                Code::NotConfirmed,
                "Chưa có người thứ hai đồng ý mở tin báo này, hoặc đã quá một giờ.",
                "No second person has agreed to open this tip, or more than an hour ago.",
            ))
        })
    }
}

fn live(conn: &Connection, now: Timestamp) -> Result<Vec<Unsealing>, StoreError> {
    let all = rows(
        conn,
        "SELECT * FROM unsealings WHERE asked_at_ms > ?1 ORDER BY asked_at_ms, id",
        [now.plus_s(-PENDING_S - CONFIRMED_S).as_ms()],
        read,
    )?;
    Ok(all.into_iter().filter(|asked| now < asked.ends_at()).collect())
}

fn read(row: &Row<'_>) -> Result<Unsealing, StoreError> {
    let id = |column: &str| -> Result<Uuid, StoreError> {
        Uuid::try_parse(&row.get::<_, String>(column)?).map_err(|_| damaged(column))
    };
    Ok(Unsealing {
        id: id("id")?,
        tip: id("tip")?,
        reason: row.get("reason")?,
        asked_by: row.get("asked_by")?,
        asked_at: Timestamp::from_ms(row.get("asked_at_ms")?),
        confirmed_by: row.get("confirmed_by")?,
        confirmed_at: row.get::<_, Option<i64>>("confirmed_at_ms")?.map(Timestamp::from_ms),
    })
}

fn no_unsealing(id: Uuid) -> StoreError {
    let (vi, en) = (format!("Không có yêu cầu mở {id} đang chờ."), format!("No question {id} to open a tip waits."));
    StoreError::Refused(Problem::new(Code::NotFound, vi, en))
}
