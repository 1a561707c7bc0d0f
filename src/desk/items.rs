//! Create, replace, patch and end: the same for every collection, driven by the table of its fields.

use uuid::Uuid;

use super::{Ask, Desk, Item, Patch, Written};
use crate::domain::{Collection, Problem};

impl Desk {
    /// Creates a record. `id` is the caller's own (a phone makes it offline), else a new one.
    ///
    /// # Errors
    /// `unknown_field`, `invalid_value`, `missing_field`, `field_not_settable`, the geometry codes, `forbidden` …
    pub async fn create(
        &self,
        ask: &Ask,
        collection: Collection,
        id: Option<Uuid>,
        item: Item,
    ) -> Result<Written, Problem> {
        let _ = (ask, collection, id, item);
        Err(super::unbuilt())
    }

    /// Replaces the fields a caller may set (`If-Match` needed); what verbs and the server set stays.
    ///
    /// # Errors
    /// As `create`, `precondition_required`, `version_conflict` with `present`.
    pub async fn replace(&self, ask: &Ask, collection: Collection, id: Uuid, item: Item) -> Result<Written, Problem> {
        let _ = (ask, collection, id, item);
        Err(super::unbuilt())
    }

    /// Changes some fields (`If-Match` needed).
    ///
    /// # Errors
    /// As `replace`.
    pub async fn patch(&self, ask: &Ask, collection: Collection, id: Uuid, patch: Patch) -> Result<Written, Problem> {
        let _ = (ask, collection, id, patch);
        Err(super::unbuilt())
    }

    /// Ends a record (`If-Match` needed): a reported incident is rejected, a zone revoked, others get `ended_at`.
    /// Nothing is erased.
    ///
    /// # Errors
    /// `forbidden_transition`, `method_not_allowed` for the duty log, `precondition_required`, `version_conflict`.
    pub async fn end(
        &self,
        ask: &Ask,
        collection: Collection,
        id: Uuid,
        reason: Option<String>,
    ) -> Result<Written, Problem> {
        let _ = (ask, collection, id, reason);
        Err(super::unbuilt())
    }
}
