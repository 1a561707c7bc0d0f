//! What follows from a position: the commune that holds it, the border sector beside it, its chainage.

use std::sync::Arc;

use crate::picture::Picture;

/// The ground as the desk asks it, made from the picture's layers.
pub(super) struct Ground;

/// The ground of the newest picture, made again when one of its layers has changed.
#[derive(Default)]
pub(super) struct GroundCache;

impl GroundCache {
    pub fn of(&self, _picture: &Picture) -> Arc<Ground> {
        Arc::new(Ground)
    }
}
