//! Accounts: made, changed, disabled; never erased, since the journal names them.

use rusqlite::{Connection, Row, Transaction, named_params};
use uuid::Uuid;

use super::{System, first, from_json, maybe_force, maybe_id, maybe_time, role, rows, sessions, time, to_json, tokens};
use crate::domain::access::Area;
use crate::domain::account::{check_name, folded_name};
use crate::domain::{Code, Force, Problem, Role, Timestamp};
use crate::store::StoreError;

/// Accounts of one folder: a province has some hundreds.
const ACCOUNTS_MAX: i64 = 20_000;

/// Somebody who may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// As it stands in the journal.
    pub name: String,
    /// How people call it; the name if there is none.
    pub label: Option<String>,
    pub role: Role,
    pub force: Option<Force>,
    /// Id of an organisation.
    pub organisation: Option<String>,
    pub area: Area,
    /// The unit a field actor speaks for.
    pub unit_id: Option<Uuid>,
    /// The account that hears of what this one looks at in an emergency.
    pub supervisor: Option<String>,
    pub has_password: bool,
    /// The password must be changed before anything else is done.
    pub must_change: bool,
    /// Signs in by OpenID Connect.
    pub is_external: bool,
    pub created_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub name: String,
    pub label: Option<String>,
    pub role: Role,
    pub force: Option<Force>,
    pub organisation: Option<String>,
    pub area: Area,
    pub unit_id: Option<Uuid>,
    pub supervisor: Option<String>,
    /// argon2id in PHC form; a link lets the account choose one if there is none.
    pub password_hash: Option<String>,
    /// Issuer and subject of an account that signs in by OpenID Connect.
    pub external_id: Option<String>,
}

impl NewAccount {
    /// An account for the whole province, of no force, without a password.
    #[must_use]
    pub fn new(name: &str, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            label: None,
            role,
            force: None,
            organisation: None,
            area: Area::Province,
            unit_id: None,
            supervisor: None,
            password_hash: None,
            external_id: None,
        }
    }
}

/// What shall be changed; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    pub label: Option<Option<String>>,
    pub role: Option<Role>,
    pub force: Option<Option<Force>>,
    pub organisation: Option<Option<String>>,
    pub area: Option<Area>,
    pub unit_id: Option<Option<Uuid>>,
    pub supervisor: Option<Option<String>>,
    pub must_change: Option<bool>,
    /// Disabling ends the account's sessions and revokes its tokens.
    pub disabled: Option<bool>,
}

impl System {
    /// Makes an account. The link that would make the first administrator is void from then on.
    ///
    /// # Errors
    /// `invalid_value` for a name that is taken or not well made, `unknown_reference` for an organisation or a
    /// supervisor that is not there, `limit_exceeded`.
    pub fn add_account(&self, new: &NewAccount, now: Timestamp) -> Result<Account, StoreError> {
        self.change(|transaction| add(transaction, new, now))
    }

    /// The account of this name, however it is written.
    ///
    /// # Errors
    /// What the system said.
    pub fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        find(&self.conn(), name)
    }

    /// All accounts by name, disabled ones too.
    ///
    /// # Errors
    /// What the system said.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        all(&self.conn())
    }

    /// Whether there is any account.
    ///
    /// # Errors
    /// What the system said.
    pub fn has_accounts(&self) -> Result<bool, StoreError> {
        has_any(&self.conn())
    }

    /// Changes an account.
    ///
    /// # Errors
    /// `not_found`, `unknown_reference`, `forbidden` for what would leave the server without an administrator.
    pub fn change_account(&self, name: &str, change: &AccountChange, now: Timestamp) -> Result<Account, StoreError> {
        self.change(|transaction| {
            let account = known(transaction, name)?;
            if account.is_external && change.must_change == Some(true) {
                return Err(StoreError::Refused(no_password_of_ours(&account.name)));
            }
            let was_admin = is_admin(&account);
            let account = amend(transaction, account, change, now)?;
            if was_admin && !is_admin(&account) && !has_admin(transaction)? {
                return Err(StoreError::Refused(Problem::new(
                    Code::Forbidden,
                    "Đây là quản trị cuối cùng: hãy tạo quản trị khác trước.",
                    "This is the last administrator: make another one first.",
                )));
            }
            Ok(account)
        })
    }

    /// The name as it stands in the journal and the password hash of an account that may sign in with a password.
    ///
    /// # Errors
    /// What the system said.
    pub fn password_of(&self, name: &str) -> Result<Option<(String, String)>, StoreError> {
        let sql =
            "SELECT name, password FROM accounts WHERE folded = ?1 AND password IS NOT NULL AND disabled_at_ms IS NULL";
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        first(&self.conn(), sql, [folded_name(name)], read)
    }

    /// Sets a password, which ends the account's other sessions.
    ///
    /// # Errors
    /// `not_found`.
    pub fn set_password(&self, name: &str, phc: &str, kept_session: Option<Uuid>) -> Result<(), StoreError> {
        self.change(|transaction| {
            let account = known(transaction, name)?;
            write_password(transaction, &account.name, phc, kept_session)
        })
    }
}

/// Sets a password inside a transaction; sessions but the kept one end.
pub(super) fn write_password(
    transaction: &Transaction<'_>,
    name: &str,
    phc: &str,
    kept_session: Option<Uuid>,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE accounts SET password = ?2, must_change = 0 WHERE name = ?1")?
        .execute((name, phc))?;
    sessions::end_all(transaction, name, kept_session)
}

/// Makes an account inside a transaction.
pub(super) fn add(transaction: &Transaction<'_>, new: &NewAccount, now: Timestamp) -> Result<Account, StoreError> {
    check_name(&new.name).map_err(StoreError::Refused)?;
    if find(transaction, &new.name)?.is_some() {
        return Err(StoreError::Refused(
            Problem::new(
                Code::InvalidValue,
                format!("Đã có tài khoản tên {:?} hoặc gần giống.", new.name),
                format!("There is an account named {:?} or much alike.", new.name),
            )
            .at("/name"),
        ));
    }
    let count: i64 = transaction.query_row("SELECT count(*) FROM accounts", [], |row| row.get(0))?;
    if count >= ACCOUNTS_MAX {
        return Err(StoreError::Refused(Problem::new(
            Code::LimitExceeded,
            format!("Đã có {ACCOUNTS_MAX} tài khoản."),
            format!("There are {ACCOUNTS_MAX} accounts already."),
        )));
    }
    let account = Account {
        name: new.name.clone(),
        label: new.label.clone(),
        role: new.role,
        force: new.force,
        organisation: new.organisation.clone(),
        area: new.area.clone(),
        unit_id: new.unit_id,
        supervisor: new.supervisor.clone(),
        has_password: new.password_hash.is_some(),
        must_change: false,
        is_external: new.external_id.is_some(),
        created_at: now,
        disabled_at: None,
    };
    check_references(transaction, &account)?;
    transaction
        .prepare_cached(
            "INSERT INTO accounts (name, folded, role, area, password, external_id, created_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            &account.name,
            folded_name(&account.name),
            account.role.as_str(),
            to_json(&account.area),
            &new.password_hash,
            &new.external_id,
            now.as_ms(),
        ))?;
    write(transaction, &account)?;
    transaction.execute("DELETE FROM links WHERE purpose = 'setup'", [])?;
    Ok(account)
}

/// Changes an account inside a transaction.
pub(super) fn amend(
    transaction: &Transaction<'_>,
    mut account: Account,
    change: &AccountChange,
    now: Timestamp,
) -> Result<Account, StoreError> {
    apply(&mut account, change, now);
    write(transaction, &account)?;
    if change.disabled == Some(true) {
        sessions::end_all(transaction, &account.name, None)?;
        tokens::revoke_all(transaction, &account.name, now)?;
    }
    Ok(account)
}

/// The account of this name, which must be there.
pub(super) fn known(conn: &Connection, name: &str) -> Result<Account, StoreError> {
    find(conn, name)?.ok_or_else(|| {
        StoreError::Refused(Problem::new(
            Code::NotFound,
            format!("Không có tài khoản {name:?}."),
            format!("There is no account {name:?}."),
        ))
    })
}

pub(super) fn all(conn: &Connection) -> Result<Vec<Account>, StoreError> {
    rows(conn, "SELECT * FROM accounts ORDER BY name", [], account)
}

pub(super) fn has_any(conn: &Connection) -> Result<bool, StoreError> {
    Ok(conn.query_row("SELECT EXISTS (SELECT 1 FROM accounts)", [], |row| row.get(0))?)
}

/// The account that signs in by OpenID Connect as this issuer and subject.
pub(super) fn of_external(conn: &Connection, external_id: &str) -> Result<Option<Account>, StoreError> {
    first(conn, "SELECT * FROM accounts WHERE external_id = ?1", [external_id], account)
}

pub(super) fn find(conn: &Connection, name: &str) -> Result<Option<Account>, StoreError> {
    first(conn, "SELECT * FROM accounts WHERE folded = ?1", [folded_name(name)], account)
}

/// Refuses what an account of a provider cannot have.
pub(super) fn no_password_of_ours(name: &str) -> Problem {
    Problem::new(
        Code::Forbidden,
        format!("Tài khoản {name} đăng nhập qua nhà cung cấp OpenID, không có mật khẩu ở đây."),
        format!("The account {name} signs in by OpenID Connect and has no password here."),
    )
}

fn is_admin(account: &Account) -> bool {
    account.role == Role::Admin && account.disabled_at.is_none()
}

fn has_admin(conn: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM accounts WHERE role = 'admin' AND disabled_at_ms IS NULL)";
    Ok(conn.query_row(sql, [], |row| row.get(0))?)
}

fn apply(account: &mut Account, change: &AccountChange, now: Timestamp) {
    fn set<T: Clone>(field: &mut T, to: Option<&T>) {
        if let Some(to) = to {
            field.clone_from(to);
        }
    }
    set(&mut account.label, change.label.as_ref());
    set(&mut account.role, change.role.as_ref());
    set(&mut account.force, change.force.as_ref());
    set(&mut account.organisation, change.organisation.as_ref());
    set(&mut account.area, change.area.as_ref());
    set(&mut account.unit_id, change.unit_id.as_ref());
    set(&mut account.supervisor, change.supervisor.as_ref());
    set(&mut account.must_change, change.must_change.as_ref());
    match change.disabled {
        Some(true) => account.disabled_at = account.disabled_at.or(Some(now)),
        Some(false) => account.disabled_at = None,
        None => {}
    }
}

fn check_references(conn: &Connection, account: &Account) -> Result<(), StoreError> {
    let unknown = |vi: String, en: String, at: &str| {
        Err(StoreError::Refused(Problem::new(Code::UnknownReference, vi, en).at(at)))
    };
    if let Some(id) = &account.organisation
        && first(conn, "SELECT 1 FROM organisations WHERE id = ?1", [id], |_| Ok(()))?.is_none()
    {
        return unknown(
            format!("Không có tổ chức {id:?}."),
            format!("There is no organisation {id:?}."),
            "/organisation",
        );
    }
    if let Some(name) = &account.supervisor
        && first(conn, "SELECT 1 FROM accounts WHERE name = ?1", [name], |_| Ok(()))?.is_none()
    {
        return unknown(
            format!("Không có tài khoản {name:?} để giám sát."),
            format!("There is no account {name:?} to supervise."),
            "/supervisor",
        );
    }
    Ok(())
}

/// Writes all but name, password and origin.
fn write(transaction: &Transaction<'_>, account: &Account) -> Result<(), StoreError> {
    check_references(transaction, account)?;
    transaction
        .prepare_cached(
            "UPDATE accounts SET label = :label, role = :role, force = :force, organisation = :organisation,
               area = :area, unit_id = :unit_id, supervisor = :supervisor, must_change = :must_change,
               disabled_at_ms = :disabled_at_ms
             WHERE name = :name",
        )?
        .execute(named_params! {
            ":name": account.name,
            ":label": account.label,
            ":role": account.role.as_str(),
            ":force": account.force.map(Force::as_str),
            ":organisation": account.organisation,
            ":area": to_json(&account.area),
            ":unit_id": account.unit_id.map(|id| id.to_string()),
            ":supervisor": account.supervisor,
            ":must_change": account.must_change,
            ":disabled_at_ms": account.disabled_at.map(Timestamp::as_ms),
        })?;
    Ok(())
}

fn account(row: &Row<'_>) -> Result<Account, StoreError> {
    Ok(Account {
        name: row.get("name")?,
        label: row.get("label")?,
        role: role(row, "role")?,
        force: maybe_force(row, "force")?,
        organisation: row.get("organisation")?,
        area: from_json(row, "area")?,
        unit_id: maybe_id(row, "unit_id")?,
        supervisor: row.get("supervisor")?,
        has_password: row.get::<_, Option<String>>("password")?.is_some(),
        must_change: row.get("must_change")?,
        is_external: row.get::<_, Option<String>>("external_id")?.is_some(),
        created_at: time(row, "created_at_ms")?,
        disabled_at: maybe_time(row, "disabled_at_ms")?,
    })
}
