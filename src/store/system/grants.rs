//! Grants: what one force lets another see, and what somebody took sight of in an emergency. Kept when they are over.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::{System, damaged, first, from_json, id, maybe_force, maybe_time, rows, time, to_json};
use crate::domain::access::{Grant, GrantKind, Grantee};
use crate::domain::{Code, Collection, Force, Problem, Timestamp};
use crate::store::StoreError;

/// Grants that are in force or to come, of all forces together.
const GRANTS_MAX: i64 = 2_000;
/// Grants that a list goes back to.
const LISTED_MAX: i64 = 5_000;

/// A grant and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenGrant {
    pub grant: Grant,
    pub granted_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub revoked_by: Option<String>,
}

impl System {
    /// Makes a grant; one with the same id that is there already stays as it is.
    ///
    /// # Errors
    /// `limit_exceeded`.
    pub fn add_grant(&self, grant: &Grant, now: Timestamp) -> Result<(), StoreError> {
        self.change(|transaction| {
            let live = "SELECT count(*) FROM grants WHERE revoked_at_ms IS NULL AND valid_to_ms > ?1";
            let count: i64 = transaction.query_row(live, [now.as_ms()], |row| row.get(0))?;
            if count >= GRANTS_MAX {
                return Err(StoreError::Refused(Problem::new(
                    Code::LimitExceeded,
                    format!("Đã có {GRANTS_MAX} quyền chia sẻ còn hiệu lực."),
                    format!("{GRANTS_MAX} grants are in force already."),
                )));
            }
            let (to_force, to_account) = match &grant.to {
                Grantee::Force(force) => (Some(force.as_str()), None),
                Grantee::Account(name) => (None, Some(name)),
            };
            transaction.execute(
                "INSERT OR IGNORE INTO grants VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, NULL, NULL)",
                (
                    grant.id.to_string(),
                    kind_name(grant.kind),
                    grant.of_force.map(Force::as_str),
                    to_force,
                    to_account,
                    grant.collection.as_str(),
                    to_json(&grant.fields),
                    to_json(&grant.area),
                    &grant.reason,
                    &grant.granted_by,
                    now.as_ms(),
                    grant.valid_from.as_ms(),
                    grant.valid_to.as_ms(),
                ),
            )?;
            Ok(())
        })
    }

    /// One grant, also if it is over.
    ///
    /// # Errors
    /// What the system said.
    pub fn grant(&self, id: Uuid) -> Result<Option<GivenGrant>, StoreError> {
        first(&self.conn(), "SELECT * FROM grants WHERE id = ?1", [id.to_string()], given)
    }

    /// The newest grants, also those that are over, newest first.
    ///
    /// # Errors
    /// What the system said.
    pub fn grants(&self) -> Result<Vec<GivenGrant>, StoreError> {
        rows(&self.conn(), "SELECT * FROM grants ORDER BY granted_at_ms DESC, id DESC LIMIT ?1", [LISTED_MAX], given)
    }

    /// Revokes a grant; whether it was not revoked before.
    ///
    /// # Errors
    /// What the system said.
    pub fn revoke_grant(&self, id: Uuid, by: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.change(|transaction| {
            let revoked = transaction.execute(
                "UPDATE grants SET revoked_at_ms = ?2, revoked_by = ?3 WHERE id = ?1 AND revoked_at_ms IS NULL",
                (id.to_string(), now.as_ms(), by),
            )?;
            Ok(revoked > 0)
        })
    }
}

pub(super) fn live(conn: &Connection, now: Timestamp) -> Result<Vec<Grant>, StoreError> {
    let sql = "SELECT * FROM grants WHERE revoked_at_ms IS NULL AND valid_to_ms > ?1 ORDER BY id";
    rows(conn, sql, [now.as_ms()], grant)
}

fn kind_name(kind: GrantKind) -> &'static str {
    match kind {
        GrantKind::Sharing => "sharing",
        GrantKind::BreakGlass => "break_glass",
    }
}

fn given(row: &Row<'_>) -> Result<GivenGrant, StoreError> {
    Ok(GivenGrant {
        grant: grant(row)?,
        granted_at: time(row, "granted_at_ms")?,
        revoked_at: maybe_time(row, "revoked_at_ms")?,
        revoked_by: row.get("revoked_by")?,
    })
}

fn grant(row: &Row<'_>) -> Result<Grant, StoreError> {
    let to = match (maybe_force(row, "to_force")?, row.get::<_, Option<String>>("to_account")?) {
        (Some(force), None) => Grantee::Force(force),
        (None, Some(account)) => Grantee::Account(account),
        _ => return Err(damaged("to_force")),
    };
    Ok(Grant {
        id: id(row, "id")?,
        kind: match row.get::<_, String>("kind")?.as_str() {
            "sharing" => GrantKind::Sharing,
            "break_glass" => GrantKind::BreakGlass,
            _ => return Err(damaged("kind")),
        },
        of_force: maybe_force(row, "of_force")?,
        to,
        collection: Collection::parse(&row.get::<_, String>("collection")?).ok_or_else(|| damaged("collection"))?,
        fields: from_json::<BTreeSet<String>>(row, "fields")?,
        area: from_json(row, "area")?,
        reason: row.get("reason")?,
        granted_by: row.get("granted_by")?,
        valid_from: time(row, "valid_from_ms")?,
        valid_to: time(row, "valid_to_ms")?,
    })
}
