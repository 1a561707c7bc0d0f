//! Forces and their organisations, with the chain of command and the days on which each was valid.

use rusqlite::{Connection, Row};

use super::{System, damaged, maybe_force, rows};
use crate::domain::{Code, Force, Problem};
use crate::store::StoreError;

/// One organisation of a force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Short, for addresses: `cong-an-tinh`.
    pub id: String,
    pub name: String,
    pub force: Force,
    /// Id of the organisation that commands it.
    pub parent: Option<String>,
    /// First day, `YYYY-MM-DD`.
    pub valid_from: String,
    /// Last day; it goes on if there is none.
    pub valid_to: Option<String>,
}

impl System {
    /// All organisations by id, those of the past too.
    ///
    /// # Errors
    /// What the system said.
    pub fn organisations(&self) -> Result<Vec<Organisation>, StoreError> {
        rows(&self.conn(), "SELECT * FROM organisations ORDER BY id", [], organisation)
    }

    /// Adds an organisation, or changes the one with this id.
    ///
    /// # Errors
    /// `unknown_reference` for a parent that is not there, `invalid_value` for one that it commands itself.
    pub fn put_organisation(&self, new: &Organisation) -> Result<(), StoreError> {
        self.change(|transaction| {
            transaction.execute(
                "INSERT INTO organisations (id, name, force, valid_from, valid_to) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET name = excluded.name, force = excluded.force,
                   valid_from = excluded.valid_from, valid_to = excluded.valid_to",
                (&new.id, &new.name, new.force.as_str(), &new.valid_from, &new.valid_to),
            )?;
            let Some(parent) = &new.parent else {
                transaction.execute("UPDATE organisations SET parent = NULL WHERE id = ?1", [&new.id])?;
                return Ok(());
            };
            check_parent(transaction, &new.id, parent)?;
            transaction.execute("UPDATE organisations SET parent = ?2 WHERE id = ?1", (&new.id, parent))?;
            Ok(())
        })
    }
}

/// Refuses a parent that is not there, and one that stands below: a chain of command has a top.
fn check_parent(conn: &Connection, id: &str, parent: &str) -> Result<(), StoreError> {
    let above = "WITH RECURSIVE above (id) AS (
                   SELECT id FROM organisations WHERE id = ?1
                   UNION SELECT organisations.parent FROM organisations JOIN above USING (id)
                   WHERE organisations.parent IS NOT NULL)
                 SELECT id FROM above";
    let chain = rows(conn, above, [parent], |row| Ok(row.get::<_, String>(0)?))?;
    let fault = |code, vi: String, en: String| Err(StoreError::Refused(Problem::new(code, vi, en).at("/parent")));
    if chain.is_empty() {
        return fault(
            Code::UnknownReference,
            format!("Không có tổ chức {parent:?}."),
            format!("There is no organisation {parent:?}."),
        );
    }
    if chain.iter().any(|above| above == id) {
        return fault(
            Code::InvalidValue,
            format!("{parent:?} nằm dưới chính {id:?} trong hệ thống chỉ huy."),
            format!("{parent:?} stands below {id:?} in the chain of command."),
        );
    }
    Ok(())
}

fn organisation(row: &Row<'_>) -> Result<Organisation, StoreError> {
    Ok(Organisation {
        id: row.get("id")?,
        name: row.get("name")?,
        force: maybe_force(row, "force")?.ok_or_else(|| damaged("force"))?,
        parent: row.get("parent")?,
        valid_from: row.get("valid_from")?,
        valid_to: row.get("valid_to")?,
    })
}
