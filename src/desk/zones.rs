//! The life of a risk zone, and instructions of the duty log that are done.

use uuid::Uuid;

use super::{Ask, Desk, Written};
use crate::domain::Problem;

impl Desk {
    /// Revokes a zone (`If-Match` needed).
    ///
    /// # Errors
    /// `forbidden_transition` if it is over, `missing_field` without a reason, `version_conflict`.
    pub async fn end_zone(&self, ask: &Ask, zone: Uuid, reason: String) -> Result<Written, Problem> {
        let _ = (ask, zone, reason);
        Err(super::unbuilt())
    }

    /// Marks an instruction of the duty log as done; needs no `If-Match`, the first one wins.
    ///
    /// # Errors
    /// `not_found`, `forbidden_transition` for an entry that is no instruction.
    pub async fn log_done(&self, ask: &Ask, entry: Uuid) -> Result<Written, Problem> {
        let _ = (ask, entry);
        Err(super::unbuilt())
    }
}
