//! Advice for the one who dispatches.

use uuid::Uuid;

use super::{Desk, Recommendation};
use crate::domain::Problem;
use crate::picture::View;

impl Desk {
    /// Units ranked for an incident, and those left out, with reasons. Reads through `view` alone.
    ///
    /// # Errors
    /// `not_found`, or `place_not_found` if nothing is known of where the incident is.
    pub fn recommendation(&self, view: &View, incident: Uuid, limit: usize) -> Result<Recommendation, Problem> {
        let _ = (view, incident, limit);
        Err(super::unbuilt())
    }
}
