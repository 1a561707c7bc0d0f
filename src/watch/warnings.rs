//! Warnings that expire, each once and logged.

use std::sync::Arc;

use uuid::Uuid;

use super::turning::Turning;
use crate::desk::Desk;
use crate::domain::{Collection, Problem, Timestamp};
use crate::picture::Picture;

/// Turns warnings.
#[derive(Clone, Copy)]
pub(super) struct Warnings;

impl Turning for Warnings {
    const OF: Collection = Collection::Warnings;

    fn turns(&self, picture: &Arc<Picture>, _now: Timestamp) -> Vec<(Uuid, Timestamp)> {
        let open = picture.layer(Collection::Warnings).iter().filter(|warning| !warning.is_ended());
        let due = |text: &str| Timestamp::parse(text).ok();
        open.filter_map(|warning| Some((warning.id, due(&warning.text("expires_at")?)?))).collect()
    }

    async fn turn(&self, desk: &Desk, id: Uuid) -> Result<(), Problem> {
        desk.turn_warning(id).await.map(|_| ())
    }
}
