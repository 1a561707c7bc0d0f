//! Codes that a telephone or tracker changes into its token: once, and within minutes.

use rusqlite::Row;

use super::tokens::{self, Bearer, Columns, NewToken, Token, TokenKind};
use super::{Hash, System, first, maybe_time, time};
use crate::domain::{Code, Problem, Timestamp};
use crate::store::StoreError;

/// How long an enrolment code may be used: long enough to take up the other telephone and type it.
pub const ENROLMENT_LIFE_S: i64 = 15 * 60;

/// A code that was given out.
#[derive(Clone, Debug)]
pub struct Enrolment {
    pub hash: Hash,
    pub label: String,
    pub bearer: Bearer,
    pub created_by: String,
    pub expires_at: Timestamp,
}

impl System {
    /// Lets a code stand for a device to come.
    ///
    /// # Errors
    /// What the system said.
    pub fn add_enrolment(&self, enrolment: &Enrolment, now: Timestamp) -> Result<(), StoreError> {
        let columns = Columns::of(&enrolment.bearer);
        self.change(|transaction| {
            transaction.execute(
                "INSERT INTO enrolments VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL)",
                (
                    enrolment.hash,
                    &enrolment.label,
                    columns.account,
                    &columns.unit_id,
                    columns.unit_name,
                    columns.unit_force,
                    &enrolment.created_by,
                    now.as_ms(),
                    enrolment.expires_at.as_ms(),
                ),
            )?;
            Ok(())
        })
    }

    /// Changes a code into the token with this hash, once.
    ///
    /// # Errors
    /// `code_not_valid` for a code that is unknown, used or expired; `limit_exceeded`.
    pub fn redeem_enrolment(&self, code: &Hash, token: Hash, now: Timestamp) -> Result<Token, StoreError> {
        self.change(|transaction| {
            let read = |row: &Row<'_>| {
                let used = maybe_time(row, "used_at_ms")?.is_some();
                let expired = time(row, "expires_at_ms")? <= now;
                let new = NewToken {
                    hash: token,
                    kind: TokenKind::Device,
                    label: row.get("label")?,
                    bearer: tokens::bearer(row)?,
                    created_by: row.get("created_by")?,
                };
                Ok((new, used || expired))
            };
            let found = first(transaction, "SELECT * FROM enrolments WHERE hash = ?1", [code], read)?;
            let Some((new, false)) = found else { return Err(StoreError::Refused(not_valid())) };
            transaction.execute("UPDATE enrolments SET used_at_ms = ?2 WHERE hash = ?1", (code, now.as_ms()))?;
            tokens::add(transaction, new, now)
        })
    }
}

fn not_valid() -> Problem {
    Problem::new(
        Code::CodeNotValid,
        "Mã ghi danh không đúng, đã dùng hoặc đã hết hạn; hãy xin mã mới ở trực ban.",
        "The enrolment code is wrong, used or expired; ask the duty officer for a new one.",
    )
    .at("/code")
}
