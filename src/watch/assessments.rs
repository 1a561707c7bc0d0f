//! Levels of border sectors whose end comes: each falls back to the one before, once and logged.

use std::sync::Arc;

use uuid::Uuid;

use super::turning::Turning;
use crate::desk::Desk;
use crate::domain::sector_assessment::ends_at;
use crate::domain::{Collection, Problem, Timestamp};
use crate::picture::Picture;

/// Ends assessments.
#[derive(Clone, Copy)]
pub(super) struct Assessments;

impl Turning for Assessments {
    const OF: Collection = Collection::SectorAssessments;

    fn turns(&self, picture: &Arc<Picture>, _now: Timestamp) -> Vec<(Uuid, Timestamp)> {
        let agreed = picture.layer(Collection::SectorAssessments).iter();
        let agreed = agreed.filter(|one| one.text("state").is_some_and(|state| state == "agreed"));
        agreed
            .filter_map(|one| {
                let time = |name: &str| one.text(name).and_then(|text| Timestamp::parse(&text).ok());
                ends_at(time("valid_to"), time("provisional_until")).map(|at| (one.id, at))
            })
            .collect()
    }

    async fn turn(&self, desk: &Desk, id: Uuid) -> Result<(), Problem> {
        desk.lapse_assessment(id).await.map(|_| ())
    }
}
