//! "The same one": further callers of a known incident.

use uuid::Uuid;

use super::{Ask, Caller, Desk, Written};
use crate::domain::Problem;

impl Desk {
    /// Adds a caller to an incident; needs no `If-Match`.
    ///
    /// # Errors
    /// `not_found`, `forbidden_transition` if the incident was merged, `limit_exceeded`.
    pub async fn add_caller(&self, ask: &Ask, incident: Uuid, caller: Caller) -> Result<Written, Problem> {
        let _ = (ask, incident, caller);
        Err(super::unbuilt())
    }
}
