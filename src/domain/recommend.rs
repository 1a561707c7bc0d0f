//! Which unit to send: a pure ranking of what is known, with its reasons. Nobody is hidden for an old fix.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Timestamp;
use super::change::Seq;

/// Why a unit stands where it stands, or was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub code: &'static str,
    pub vi: String,
    pub en: String,
}

/// Where a unit is taken to be, and how that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitPosition {
    /// Degrees, WGS 84.
    pub lon: f64,
    pub lat: f64,
    /// `gps`, `radio` or `post`.
    pub source: String,
    /// When it was true; `None` for a unit at its post.
    pub at: Option<Timestamp>,
    pub accuracy_m: Option<f64>,
}

/// A unit that can be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub unit_id: Uuid,
    /// Counted from 1.
    pub rank: usize,
    /// Geodesic metres, straight line.
    pub distance_m: f64,
    /// From the incident to the unit, degrees clockwise from true north.
    pub bearing_deg: f64,
    pub eta_min_s: i64,
    pub eta_max_s: i64,
    pub position: UnitPosition,
    /// Seconds since the position was true.
    pub age_s: Option<i64>,
    pub capabilities: Vec<String>,
    /// Asked for by the kind of incident and not brought by this unit.
    pub missing_capabilities: Vec<&'static str>,
    pub reasons: Vec<Reason>,
}

/// A unit that cannot be sent now, with the reason.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    pub unit_id: Uuid,
    pub distance_m: Option<f64>,
    pub reasons: Vec<Reason>,
}

/// Advice for one incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    pub incident_id: Uuid,
    pub as_of: Timestamp,
    pub seq: Seq,
    pub required_capabilities: &'static [&'static str],
    pub candidates: Vec<Candidate>,
    pub left_out: Vec<LeftOut>,
}

impl Reason {
    /// As it stands in answers.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"code": self.code, "vi": self.vi, "en": self.en})
    }
}
