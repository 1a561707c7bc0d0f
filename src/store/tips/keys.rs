//! The key of tips: its public half in clear, its private half sealed to each holder's passphrase.

use crypto_box::SecretKey;
use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use super::sealing::{self, Cost, KEY_BYTES, Salt};
use super::{TipStore, damaged, not_set_up, wrong_passphrase};
use crate::domain::{Code, Problem};
use crate::store::StoreError;
use crate::store::system::{first, rows};

/// A handler and one deputy.
const HOLDERS_MAX: usize = 2;

/// The key to which tips are sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub id: i64,
    pub public: [u8; KEY_BYTES],
}

/// Somebody whose passphrase opens a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub account: String,
    salt: Salt,
    wrapped: Vec<u8>,
}

impl PublicKey {
    /// Some letters by which people tell keys apart: whoever put a key of their own in its place would read what comes
    /// in afterwards.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hash = Sha256::digest(self.public);
        let hex: Vec<String> = hash.iter().take(8).map(|byte| format!("{byte:02X}")).collect();
        hex.chunks(2).map(<[String]>::concat).collect::<Vec<_>>().join(" ")
    }
}

impl TipStore {
    /// The key in use, if one was made.
    ///
    /// # Errors
    /// What the system said.
    pub fn key(&self) -> Result<Option<PublicKey>, StoreError> {
        newest(&self.conn())
    }

    /// The key in use.
    ///
    /// # Errors
    /// `tips_not_set_up`.
    pub fn needed_key(&self) -> Result<PublicKey, StoreError> {
        self.key()?.ok_or_else(not_set_up)
    }

    /// Who can open the key in use.
    ///
    /// # Errors
    /// What the system said.
    pub fn holders(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT account FROM holders WHERE key_id = (SELECT max(id) FROM keys) ORDER BY account";
        rows(&self.conn(), sql, [], |row| Ok(row.get(0)?))
    }

    /// Makes a key and seals its private half to each (account, passphrase); from now on tips are sealed to it. What was
    /// sealed to an earlier key is opened by that key's holders. Takes some tenths of a second for each holder.
    ///
    /// # Errors
    /// `invalid_value` for no holder, too many or one twice; `forbidden` if there is a key and `replace` is not said.
    pub fn make_key(&self, holders: &[(String, String)], replace: bool) -> Result<PublicKey, StoreError> {
        check_holders(holders)?;
        let key = sealing::new_key();
        let public = *key.public_key().as_bytes();
        let wrapped = holders.iter().map(|(account, passphrase)| wrap(&key, account, passphrase));
        let wrapped = wrapped.collect::<Result<Vec<_>, StoreError>>()?;
        self.change(|transaction| {
            if !replace && newest(transaction)?.is_some() {
                return Err(StoreError::Refused(Problem::new(
                    Code::Forbidden,
                    "Đã có khoá cho tin báo; thêm --replace để thay. Tin cũ vẫn chỉ mở được bằng khoá cũ.",
                    "There is a key for tips; say --replace to change it. Older tips are still opened by the older key.",
                )));
            }
            transaction.execute("INSERT INTO keys (public) VALUES (?1)", [public])?;
            let id = transaction.last_insert_rowid();
            for Holder { account, salt, wrapped } in &wrapped {
                transaction.execute("INSERT INTO holders VALUES (?1, ?2, ?3, ?4)", (id, account, salt, wrapped))?;
            }
            Ok(PublicKey { id, public })
        })
    }

    /// Changes the passphrase of a holder: every key that the present one opens, older ones too, is from now on opened
    /// by the next one alone; all of them or none, whenever the machine stops. The keys, newest first. Takes some tenths
    /// of a second for each key.
    ///
    /// # Errors
    /// `wrong_passphrase` if the present one opens none.
    pub fn change_passphrase(&self, account: &str, present: &str, next: &str) -> Result<Vec<PublicKey>, StoreError> {
        let held = held_by(&self.conn(), account)?;
        let mut changed = Vec::new();
        // The connection is not held while passphrases are hashed.
        for (key, holder) in held {
            match unwrap(Some(holder.clone()), present) {
                Ok(private) => changed.push((key, holder, wrap(&private, account, next)?)),
                Err(StoreError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if changed.is_empty() {
            return Err(opens_no_key());
        }
        self.change(|transaction| {
            let sql = "UPDATE holders SET salt = ?3, wrapped = ?4 WHERE key_id = ?1 AND account = ?2 AND wrapped = ?5";
            for (key, before, Holder { account, salt, wrapped }) in &changed {
                // Somebody else who changed it meanwhile, by the same passphrase, is not undone.
                if transaction.execute(sql, (key.id, account, salt, wrapped, &before.wrapped))? == 0 {
                    return Err(opens_no_key());
                }
            }
            Ok(())
        })?;
        Ok(changed.into_iter().map(|(key, ..)| key).collect())
    }
}

/// Seals a private key to what a holder's passphrase makes.
fn wrap(key: &SecretKey, account: &str, passphrase: &str) -> Result<Holder, StoreError> {
    let salt = sealing::salt();
    let own = sealing::key_of(passphrase, &salt, Cost::Holder)?;
    let wrapped = sealing::seal_bytes(own.public_key().as_bytes(), &key.to_bytes())?;
    Ok(Holder { account: account.to_owned(), salt, wrapped })
}

fn check_holders(holders: &[(String, String)]) -> Result<(), StoreError> {
    let twice = holders.len() == HOLDERS_MAX && holders[0].0 == holders[1].0;
    if (1..=HOLDERS_MAX).contains(&holders.len()) && !twice {
        return Ok(());
    }
    Err(StoreError::Refused(Problem::new(
        Code::InvalidValue,
        "Khoá tin báo có một người xử lý và nhiều nhất một người thay, là hai tài khoản khác nhau.",
        "The key of tips has one handler and at most one deputy, two different accounts.",
    )))
}

pub(super) fn newest(conn: &Connection) -> Result<Option<PublicKey>, StoreError> {
    first(conn, "SELECT * FROM keys ORDER BY id DESC LIMIT 1", [], read_key)
}

pub(super) fn public_of(conn: &Connection, id: i64) -> Result<[u8; KEY_BYTES], StoreError> {
    Ok(conn.query_row("SELECT public FROM keys WHERE id = ?1", [id], |row| row.get(0))?)
}

pub(super) fn holder(conn: &Connection, key_id: i64, account: &str) -> Result<Option<Holder>, StoreError> {
    let sql = "SELECT account, salt, wrapped FROM holders WHERE key_id = ?1 AND account = ?2";
    first(conn, sql, (key_id, account), read_holder)
}

fn read_holder(row: &Row<'_>) -> Result<Holder, StoreError> {
    Ok(Holder { account: row.get("account")?, salt: row.get("salt")?, wrapped: row.get("wrapped")? })
}

/// The keys that an account holds, newest first.
fn held_by(conn: &Connection, account: &str) -> Result<Vec<(PublicKey, Holder)>, StoreError> {
    let sql = "SELECT keys.id, keys.public, account, salt, wrapped FROM holders JOIN keys ON keys.id = key_id
               WHERE account = ?1 ORDER BY keys.id DESC";
    rows(conn, sql, [account], |row| Ok((read_key(row)?, read_holder(row)?)))
}

fn read_key(row: &Row<'_>) -> Result<PublicKey, StoreError> {
    Ok(PublicKey { id: row.get("id")?, public: row.get("public")? })
}

/// The private key behind a holder's passphrase.
pub(super) fn unwrap(holder: Option<Holder>, passphrase: &str) -> Result<SecretKey, StoreError> {
    let holder = holder.ok_or_else(opens_no_key)?;
    let own = sealing::key_of(passphrase, &holder.salt, Cost::Holder)?;
    let bytes = own.unseal(&holder.wrapped).map_err(|_| opens_no_key())?;
    let bytes: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| damaged("wrapped"))?;
    Ok(SecretKey::from_bytes(bytes))
}

fn opens_no_key() -> StoreError {
    wrong_passphrase(
        "Câu mật khẩu không mở được khoá tin báo, hoặc bạn không giữ khoá này.",
        "The passphrase does not open the key of tips, or you do not hold this key.",
    )
}
