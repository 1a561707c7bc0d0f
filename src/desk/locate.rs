//! From what somebody says to where it is.

use geo_types::Geometry;
use uuid::Uuid;

use super::Desk;
use crate::domain::place::Place;
use crate::domain::{Collection, Problem};
use crate::picture::View;

/// One place that a text or a `Place` may mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub label: String,
    /// `coordinates`, `vn2000`, `mgrs`, `road_km`, `bearing`, `commune`, or the kind of the record found.
    pub kind: String,
    /// `None` where only the commune is known.
    pub geometry: Option<Geometry<f64>>,
    /// Where to look on the map, degrees; for a commune its label point, which is no position of anything.
    pub lon: Option<f64>,
    pub lat: Option<f64>,
    /// How far off it may be, metres.
    pub accuracy_m: Option<f64>,
    /// Word of `incident.located_by`.
    pub located_by: &'static str,
    pub commune_code: Option<String>,
    pub admin_unit: Option<String>,
    pub sector_id: Option<Uuid>,
    pub chainage_km: Option<f64>,
    /// The record that gave the place.
    pub source: Option<(Collection, Uuid)>,
}

impl Desk {
    /// What `text` may mean, likeliest first; empty if nothing is known by it.
    ///
    /// # Errors
    /// `coordinates_swapped`, `coordinate_out_of_range` for what is plainly coordinates, `limit_exceeded`.
    pub fn locate(&self, view: &View, text: &str, limit: usize) -> Result<Vec<Candidate>, Problem> {
        let _ = (view, text, limit);
        Err(super::unbuilt())
    }

    /// Where `place` is; the first candidate if a text means several.
    ///
    /// # Errors
    /// `place_not_found`, and those of [`Self::locate`].
    pub fn resolve(&self, view: &View, place: &Place) -> Result<Candidate, Problem> {
        let _ = (view, place);
        Err(super::unbuilt())
    }
}
