//! The verbs that lead an incident through its life.

use uuid::Uuid;

use super::{Ask, Desk, IncidentVerb, Written};
use crate::domain::Problem;

impl Desk {
    /// One verb on an incident (`If-Match` needed, but for `Acknowledge`).
    ///
    /// # Errors
    /// `forbidden_transition` with `state` and `allowed`, `version_conflict` with `present`, `missing_field` …
    pub async fn incident(&self, ask: &Ask, id: Uuid, verb: IncidentVerb) -> Result<Written, Problem> {
        let _ = (ask, id, verb);
        Err(super::unbuilt())
    }
}
