//! A tip that comes in twice, because the answer was lost on a weak link, is one tip.
//!
//! What the first call was answered is told once and never written; so it lies in a box to which the caller's own key
//! is the key. Whoever opens the file finds neither that key nor anything that opens the box.

use crypto_box::SecretKey;
use rusqlite::{Connection, Transaction};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::sealing;
use super::{FollowUp, TipStore, damaged};
use crate::domain::Timestamp;
use crate::domain::tip::Coarse;
use crate::store::StoreError;
use crate::store::system::first;

/// How long a key is remembered, seconds: as long as those of all other writes.
const REMEMBERED_S: i64 = 30 * 86_400;

/// The key under which a tip is sent, and what is sent under it.
pub struct Repeat {
    /// What the row is found by.
    hash: [u8; 32],
    /// What opens it.
    key: SecretKey,
    call_hash: [u8; 32],
}

/// What lies in the box.
#[derive(Serialize, Deserialize)]
struct Answered {
    call_hash: [u8; 32],
    code: String,
    passphrase: String,
}

impl Repeat {
    /// Of the caller's key and a hash of who sends what.
    #[must_use]
    pub fn new(key: Uuid, call_hash: [u8; 32]) -> Self {
        let derived = |what: &str| Sha256::new().chain_update(what).chain_update(key.as_bytes()).finalize().into();
        Self { hash: derived("intake, found by"), key: SecretKey::from_bytes(derived("intake, opened by")), call_hash }
    }

    /// What the first call under this key was answered.
    pub(super) fn answered(&self, conn: &Connection) -> Result<Option<FollowUp>, StoreError> {
        let sql = "SELECT box FROM intakes WHERE key = ?1";
        let Some(sealed) = first(conn, sql, [self.hash], |row| Ok(row.get::<_, Vec<u8>>(0)?))? else {
            return Ok(None);
        };
        let answered: Answered = sealing::open(&self.key, &sealed).ok_or_else(|| damaged("intakes.box"))?;
        if answered.call_hash != self.call_hash {
            return Err(StoreError::IdempotencyMismatch);
        }
        Ok(Some(FollowUp { code: answered.code, passphrase: answered.passphrase }))
    }

    /// Remembers what the call that took in `tip` is answered, and forgets what is remembered for too long.
    pub(super) fn remember(
        &self,
        transaction: &Transaction<'_>,
        tip: &str,
        FollowUp { code, passphrase }: &FollowUp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let oldest = Coarse::of(now.plus_s(-REMEMBERED_S)).on.to_string();
        transaction
            .execute("DELETE FROM intakes WHERE tip IN (SELECT id FROM tips WHERE received_on < ?1)", [oldest])?;
        let answered = Answered { call_hash: self.call_hash, code: code.clone(), passphrase: passphrase.clone() };
        let sealed = sealing::seal(self.key.public_key().as_bytes(), &answered)?;
        transaction.execute("INSERT INTO intakes VALUES (?1, ?2, ?3)", (self.hash, tip, sealed))?;
        Ok(())
    }
}

impl TipStore {
    /// What the first call under this key was answered, if there was one.
    ///
    /// # Errors
    /// `IdempotencyMismatch` if something else was sent under it.
    pub fn answered(&self, repeat: &Repeat) -> Result<Option<FollowUp>, StoreError> {
        repeat.answered(&self.conn())
    }
}
