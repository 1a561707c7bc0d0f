//! The road network as it is this moment: the closures of the picture that hold now, laid over the network in use.

use std::sync::{Arc, Mutex, PoisonError};

use super::scene::Working;
use super::{Desk, closures};
use crate::domain::change::Seq;
use crate::domain::{Collection, Timestamp, closure};
use crate::picture::Picture;
use crate::roads::{Closure, InForce, RoadsHandle};

/// Which closures were laid last: those of this version of their layer, good until this moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LaidLast {
    version: Option<Seq>,
    until: Option<Timestamp>,
}

/// The handle of the network, and what was laid over it last.
#[derive(Debug, Default)]
pub(super) struct RoadsHeld {
    pub handle: RoadsHandle,
    last: Mutex<LaidLast>,
}

impl RoadsHeld {
    pub fn new(handle: RoadsHandle) -> Self {
        Self { handle, last: Mutex::default() }
    }
}

impl Desk {
    /// The handle by which a network is swapped.
    #[must_use]
    pub fn roads_handle(&self) -> &RoadsHandle {
        &self.roads.handle
    }

    /// Network and closures as they hold at this moment; `None` as long as no network is loaded. The first question
    /// after a change of a closure lays it, so that whoever sees the change in the picture sees its effect.
    #[must_use]
    pub fn roads(&self) -> Option<Arc<InForce>> {
        let (picture, now) = (self.picture.load(), self.now());
        let version = picture.layer(Collection::RoadClosures).version();
        let mut last = self.roads.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_stale = last.version != Some(version) || last.until.is_some_and(|until| until <= now);
        if is_stale {
            self.roads.handle.close(in_force(&picture, now));
            *last = LaidLast { version: Some(version), until: turns_next(&picture, now) };
        }
        self.roads.handle.current()
    }

    /// Closures of the picture that hold now and lie on no road of the network in use: somebody has to look.
    #[must_use]
    pub fn unmatched_closures(&self) -> Vec<uuid::Uuid> {
        self.roads().map(|roads| roads.laid.unmatched.clone()).unwrap_or_default()
    }
}

fn closures_of(picture: &Picture) -> impl Iterator<Item = Working> {
    let listed = picture.layer(Collection::RoadClosures).iter().filter(|feature| !feature.is_ended());
    listed.map(|feature| Working::of(Collection::RoadClosures, feature))
}

fn in_force(picture: &Picture, now: Timestamp) -> Vec<Closure> {
    closures_of(picture)
        .filter(|record| closure::is_in_force(record.time("valid_from"), record.time("valid_to"), now))
        .filter_map(|record| closures::laid(&record))
        .collect()
}

fn turns_next(picture: &Picture, now: Timestamp) -> Option<Timestamp> {
    closures_of(picture)
        .filter_map(|record| closure::turns_after(record.time("valid_from"), record.time("valid_to"), now))
        .min()
}
