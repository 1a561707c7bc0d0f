//! Links that work once: the one that makes the first administrator, and those by which an account chooses its password.

use rusqlite::{Connection, Row, Transaction};

use super::accounts::{self, Account, NewAccount};
use super::{Hash, System, first, maybe_time, sessions, tokens};
use crate::domain::{Code, Problem, Timestamp};
use crate::store::StoreError;

/// How long a link to choose a password works: it travels by hand or by a message that is read at the next shift.
pub const PASSWORD_LINK_LIFE_S: i64 = 72 * 3_600;

/// What a link that works is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Makes the first administrator.
    Setup,
    /// Lets this account choose its password.
    Password { account: String },
}

impl System {
    /// Lets a link make the first administrator, in place of an earlier one. Others stay: each node gives out its own, and
    /// the first account voids them all.
    ///
    /// # Errors
    /// `forbidden` when there is an account.
    pub fn put_setup_link(&self, link: &Hash, earlier: Option<&Hash>, now: Timestamp) -> Result<(), StoreError> {
        self.change(|transaction| {
            if accounts::has_any(transaction)? {
                return Err(StoreError::Refused(Problem::new(
                    Code::Forbidden,
                    "Đã có tài khoản; không cần liên kết thiết lập.",
                    "There are accounts; no set-up link is needed.",
                )));
            }
            transaction.execute("DELETE FROM links WHERE purpose = 'setup' AND hash = ?1", [earlier])?;
            transaction.execute(
                "INSERT INTO links (hash, purpose, created_at_ms) VALUES (?1, 'setup', ?2)",
                (link, now.as_ms()),
            )?;
            Ok(())
        })
    }

    /// Lets an account choose a password by a link; an earlier link is void. An account that had a password loses it,
    /// its sessions and its tokens: whoever asks for a reset no longer trusts them.
    ///
    /// # Errors
    /// `not_found`; `forbidden` for an account that signs in elsewhere.
    pub fn put_password_link(&self, name: &str, link: &Hash, now: Timestamp) -> Result<Account, StoreError> {
        self.change(|transaction| {
            let account = accounts::known(transaction, name)?;
            if account.is_external {
                return Err(StoreError::Refused(accounts::no_password_of_ours(&account.name)));
            }
            let name = &account.name;
            if account.has_password {
                transaction.execute("UPDATE accounts SET password = NULL WHERE name = ?1", [name])?;
                sessions::end_all(transaction, name, None)?;
                tokens::revoke_all(transaction, name, now)?;
            }
            transaction.execute("DELETE FROM links WHERE account = ?1", [name])?;
            transaction.execute(
                "INSERT INTO links (hash, purpose, account, created_at_ms, expires_at_ms)
                 VALUES (?1, 'password', ?2, ?3, ?4)",
                (link, name, now.as_ms(), now.plus_s(PASSWORD_LINK_LIFE_S).as_ms()),
            )?;
            Ok(account)
        })
    }

    /// What a link is for.
    ///
    /// # Errors
    /// `code_not_valid` for one that is unknown, used or expired.
    pub fn purpose_of(&self, link: &Hash, now: Timestamp) -> Result<Purpose, StoreError> {
        let known = purpose(&self.conn(), link, now);
        if !matches!(known, Err(StoreError::Refused(_))) {
            return known;
        }
        // Another node may have given it out just now.
        self.catch_up()?;
        purpose(&self.conn(), link, now)
    }

    /// Makes the first administrator, once.
    ///
    /// # Errors
    /// `code_not_valid`, and what [`System::add_account`] refuses.
    pub fn redeem_setup(&self, link: &Hash, admin: &NewAccount, now: Timestamp) -> Result<Account, StoreError> {
        self.change(|transaction| match purpose(transaction, link, now)? {
            // Making an account voids every set-up link, this one too.
            Purpose::Setup if !accounts::has_any(transaction)? => accounts::add(transaction, admin, now),
            _ => Err(not_valid()),
        })
    }

    /// Sets the password that an account chose by its link, once; the account.
    ///
    /// # Errors
    /// `code_not_valid`.
    pub fn redeem_password(&self, link: &Hash, phc: &str, now: Timestamp) -> Result<Account, StoreError> {
        self.change(|transaction| {
            let Purpose::Password { account } = purpose(transaction, link, now)? else { return Err(not_valid()) };
            use_up(transaction, link, now)?;
            accounts::write_password(transaction, &account, phc, None)?;
            accounts::known(transaction, &account)
        })
    }
}

fn use_up(transaction: &Transaction<'_>, link: &Hash, now: Timestamp) -> Result<(), StoreError> {
    transaction.execute("UPDATE links SET used_at_ms = ?2 WHERE hash = ?1", (link, now.as_ms()))?;
    Ok(())
}

fn purpose(conn: &Connection, link: &Hash, now: Timestamp) -> Result<Purpose, StoreError> {
    let read = |row: &Row<'_>| {
        let expired = maybe_time(row, "expires_at_ms")?.is_some_and(|end| end <= now);
        let account: Option<String> = row.get("account")?;
        let purpose = account.map_or(Purpose::Setup, |account| Purpose::Password { account });
        Ok((purpose, expired || maybe_time(row, "used_at_ms")?.is_some()))
    };
    match first(conn, "SELECT * FROM links WHERE hash = ?1", [link], read)? {
        Some((purpose, false)) => Ok(purpose),
        _ => Err(not_valid()),
    }
}

fn not_valid() -> StoreError {
    StoreError::Refused(
        Problem::new(
            Code::CodeNotValid,
            "Liên kết không đúng, đã dùng hoặc đã hết hạn.",
            "The link is wrong, used or expired.",
        )
        .at("/code"),
    )
}
