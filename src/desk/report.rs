//! Reports of incidents, and "is it the same one?".

use geo_types::Point;

use super::{Ask, Desk, Report, Reported, Similar};
use crate::domain::Problem;
use crate::picture::View;

impl Desk {
    /// Takes a report: kind and place suffice.
    ///
    /// # Errors
    /// Those of `create`, `place_not_found`.
    pub async fn report(&self, ask: &Ask, report: Report) -> Result<Reported, Problem> {
        let _ = (ask, report);
        Err(super::unbuilt())
    }

    /// Open incidents of like kind near a point (or, without one, in the commune), nearest first.
    #[must_use]
    pub fn similar(
        &self,
        view: &View,
        kind: &str,
        at: Option<Point<f64>>,
        accuracy_m: Option<f64>,
        commune: Option<&str>,
    ) -> Vec<Similar> {
        let _ = (view, kind, at, accuracy_m, commune);
        Vec::new()
    }
}
