//! Orders that nobody acknowledges, requests that nobody answers, units that are not heard of.

use std::sync::Arc;

use uuid::Uuid;

use super::turning::Turning;
use crate::desk::Desk;
use crate::domain::accountability::{Timers, due};
use crate::domain::{Collection, Problem, Timestamp};
use crate::picture::Picture;

/// Turns assignments, within these limits.
#[derive(Clone, Copy)]
pub(super) struct Assignments(pub Timers);

impl Turning for Assignments {
    const OF: Collection = Collection::Assignments;

    fn turns(&self, picture: &Arc<Picture>, _now: Timestamp) -> Vec<(Uuid, Timestamp)> {
        let open = picture.layer(Collection::Assignments).iter().filter(|assignment| !assignment.is_ended());
        open.filter_map(|feature| {
            let time = |name: &str| feature.text(name).and_then(|text| Timestamp::parse(&text).ok());
            due(&feature.text("state")?, time, &self.0).map(|(_, at)| (feature.id, at))
        })
        .collect()
    }

    async fn turn(&self, desk: &Desk, id: Uuid) -> Result<(), Problem> {
        desk.turn_assignment(id).await.map(|_| ())
    }
}
