//! Rows of a file, checked one by one and made visible by one commit.

use geo_types::Geometry;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Ask, Desk, Written};
use crate::domain::{Collection, Problem};
use crate::store::Put;

/// One row of a file, its columns mapped to fields already.
#[derive(Clone, Debug, Default)]
pub struct ImportRow {
    /// The id it shall have; a new one if `None`.
    pub id: Option<Uuid>,
    /// WGS 84 lon/lat.
    pub geometry: Option<Geometry<f64>>,
    /// By field name; unknown columns lie in `extra` already.
    pub properties: Map<String, Value>,
}

/// What the checks of an import rest on: one snapshot and one moment for all rows.
pub struct ImportRules {
    pub(super) collection: Collection,
}

impl ImportRules {
    /// The row as it will be stored, or why it is refused. Pure; may run on any thread.
    ///
    /// # Errors
    /// The fault of the row, with a pointer to the field.
    pub fn check(&self, row: ImportRow) -> Result<Put, Problem> {
        let _ = (row, self.collection);
        Err(super::unbuilt())
    }
}

impl Desk {
    /// The checks for rows of `collection`. Past incidents come in closed, units with their position.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn import_rules(&self, ask: &Ask, collection: Collection) -> Result<ImportRules, Problem> {
        let _ = ask;
        Ok(ImportRules { collection })
    }

    /// Makes checked rows durable, all by one commit.
    ///
    /// # Errors
    /// The problem of the store.
    pub async fn import(&self, ask: &Ask, puts: Vec<Put>) -> Result<Written, Problem> {
        let _ = (ask, puts);
        Err(super::unbuilt())
    }
}
