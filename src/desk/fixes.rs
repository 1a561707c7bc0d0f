//! Position fixes of units, many at a time.

use uuid::Uuid;

use super::Desk;
use crate::domain::{Actor, Code, Problem, Timestamp};

/// Most fixes in one call.
pub const FIXES_MAX: usize = 1_000;

/// One fix as a tracker or a phone sends it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixIn {
    pub unit_id: Uuid,
    /// Degrees, WGS 84.
    pub lon: f64,
    pub lat: f64,
    pub at: Timestamp,
    pub accuracy_m: Option<f64>,
    pub speed_mps: Option<f64>,
    pub course_deg: Option<f64>,
}

/// What became of the fixes of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixesOutcome {
    pub accepted: usize,
    /// Not newer than what is known of their unit: not stored, not an error.
    pub stale: usize,
    pub refused: Vec<RefusedFix>,
}

/// A fix that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedFix {
    /// Its place in the call, counted from 0.
    pub index: usize,
    pub code: Code,
}

impl Desk {
    /// Takes 1 to [`FIXES_MAX`] fixes; each is judged alone.
    ///
    /// # Errors
    /// `limit_exceeded`, `missing_field` for an empty call, `forbidden`, or the problem of the store.
    /// A call of which nothing was taken is no error here: the door decides on the status.
    pub async fn take_fixes(&self, actor: &Actor, fixes: Vec<FixIn>) -> Result<FixesOutcome, Problem> {
        let _ = (actor, fixes);
        Err(super::unbuilt())
    }
}
