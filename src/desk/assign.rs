//! Assigning and releasing units.

use uuid::Uuid;

use super::{Ask, Assigned, Desk};
use crate::domain::Problem;

impl Desk {
    /// Assigns a unit to an incident (`If-Match` of the incident). A busy unit keeps its status: the incident waits for it.
    ///
    /// # Errors
    /// `forbidden_transition`, `unknown_unit`, `version_conflict` …
    pub async fn assign(&self, ask: &Ask, incident: Uuid, unit: Uuid) -> Result<Assigned, Problem> {
        let _ = (ask, incident, unit);
        Err(super::unbuilt())
    }

    /// Releases a unit from an incident (`If-Match` of the incident); the next incident that waits for it takes it.
    ///
    /// # Errors
    /// `not_found` if the unit is neither assigned nor queued there, `version_conflict` …
    pub async fn release(&self, ask: &Ask, incident: Uuid, unit: Uuid) -> Result<Assigned, Problem> {
        let _ = (ask, incident, unit);
        Err(super::unbuilt())
    }
}
