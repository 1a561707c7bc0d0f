//! What a unit does and where it is, as told.

use uuid::Uuid;

use super::{Ask, Desk, Positioned, RadioPosition, StatusReport, Written};
use crate::domain::Problem;

impl Desk {
    /// Sets a unit's status; `If-Match` is checked if it was sent. A field unit only its own.
    ///
    /// # Errors
    /// `forbidden`, `forbidden_transition` (a unit does not clear its own distress), `version_conflict`.
    pub async fn set_status(&self, ask: &Ask, unit: Uuid, report: StatusReport) -> Result<Written, Problem> {
        let _ = (ask, unit, report);
        Err(super::unbuilt())
    }

    /// Puts a unit where somebody heard that it is: a fix with source `radio`.
    ///
    /// # Errors
    /// `forbidden`, `not_found`, `place_not_found`, `future_time`.
    pub async fn set_position(&self, ask: &Ask, unit: Uuid, position: RadioPosition) -> Result<Positioned, Problem> {
        let _ = (ask, unit, position);
        Err(super::unbuilt())
    }
}
