//! Closures whose time is over: the road is open, and the log says so.

use std::sync::Arc;

use uuid::Uuid;

use super::turning::Turning;
use crate::desk::Desk;
use crate::domain::{Collection, Problem, Timestamp};
use crate::picture::Picture;

/// Ends closures.
#[derive(Clone, Copy)]
pub(super) struct Closures;

impl Turning for Closures {
    const OF: Collection = Collection::RoadClosures;

    fn turns(&self, picture: &Arc<Picture>, _now: Timestamp) -> Vec<(Uuid, Timestamp)> {
        let open = picture.layer(Collection::RoadClosures).iter().filter(|closure| !closure.is_ended());
        let end = |text: &str| Timestamp::parse(text).ok();
        open.filter_map(|closure| Some((closure.id, end(&closure.text("valid_to")?)?))).collect()
    }

    async fn turn(&self, desk: &Desk, id: Uuid) -> Result<(), Problem> {
        desk.turn_closure(id).await.map(|_| ())
    }
}
