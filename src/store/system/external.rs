//! Accounts that sign in by a provider (OpenID Connect): made at the first sign-in, and given their rights anew at
//! each, so that what the provider takes away is gone.

use super::accounts::{self, AccountChange};
use super::{Account, NewAccount, System};
use crate::domain::account::check_name;
use crate::domain::openid::{Rights, names_for};
use crate::domain::{Code, Problem, Role, Timestamp};
use crate::store::StoreError;

/// Somebody whom a provider vouches for.
#[derive(Clone, Debug)]
pub struct External {
    /// Address of the provider.
    pub issuer: String,
    /// Whom the provider means, whatever they are called.
    pub subject: String,
    /// What a new account is named after.
    pub wished_name: String,
    /// How people call it.
    pub label: Option<String>,
    pub rights: Rights,
}

impl External {
    /// As it is kept; no address holds a space.
    fn id(&self) -> String {
        format!("{} {}", self.issuer, self.subject)
    }
}

impl System {
    /// The account of somebody whom a provider vouches for, with the rights that they have now; made if there is none.
    ///
    /// # Errors
    /// `account_disabled`; `forbidden` for a first account that is no administrator; `limit_exceeded`.
    pub fn come_in_as_external(&self, who: &External, now: Timestamp) -> Result<Account, StoreError> {
        self.change(|transaction| {
            let Some(known) = accounts::of_external(transaction, &who.id())? else {
                if who.rights.role != Role::Admin && !accounts::has_any(transaction)? {
                    return Err(StoreError::Refused(first_is_admin()));
                }
                return accounts::add(transaction, &new_account(transaction, who)?, now);
            };
            if known.disabled_at.is_some() {
                return Err(StoreError::Refused(disabled(&known.name)));
            }
            let Rights { role, force, area } = who.rights.clone();
            let change = AccountChange {
                label: who.label.clone().map(Some),
                role: Some(role),
                force: Some(force),
                area: Some(area),
                ..AccountChange::default()
            };
            accounts::amend(transaction, known, &change, now)
        })
    }
}

fn new_account(conn: &rusqlite::Connection, who: &External) -> Result<NewAccount, StoreError> {
    for name in names_for(&who.wished_name).filter(|name| check_name(name).is_ok()) {
        if accounts::find(conn, &name)?.is_none() {
            let Rights { role, force, area } = who.rights.clone();
            let (label, external_id) = (who.label.clone(), Some(who.id()));
            return Ok(NewAccount { label, force, area, external_id, ..NewAccount::new(&name, role) });
        }
    }
    Err(StoreError::Refused(Problem::new(
        Code::LimitExceeded,
        format!("Có quá nhiều tài khoản tên giống {:?}.", who.wished_name),
        format!("There are too many accounts named like {:?}.", who.wished_name),
    )))
}

fn first_is_admin() -> Problem {
    Problem::new(
        Code::Forbidden,
        "Máy chủ chưa có quản trị viên: hãy dùng liên kết tạo quản trị viên đầu tiên trước.",
        "The server has no administrator yet: use the link that makes the first one before.",
    )
}

fn disabled(name: &str) -> Problem {
    Problem::new(
        Code::AccountDisabled,
        format!("Tài khoản {name} đã bị khoá trên máy chủ này. Hãy hỏi quản trị viên."),
        format!("The account {name} is disabled on this server. Ask its administrator."),
    )
}
