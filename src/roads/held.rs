//! The network in use and the closures in force, for everybody who asks.
//!
//! Whoever asks takes one [`InForce`] and keeps it to the end of the answer: graph and overlay always fit together.
//! Written by two: the task that follows the graph file, and whoever hears of closures; they take turns by a lock that
//! no reader takes. Nothing here reads a file or the clock.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

use super::closures::{Closure, Laid, lay};
use super::roads::Roads;
use super::search::Workspace;

/// Workspaces kept for the next search; a network of a million nodes takes 12 MB for each.
const WORKSPACES_MAX: usize = 4;

/// A network and what lies over it.
#[derive(Clone, Debug)]
pub struct InForce {
    pub roads: Arc<Roads>,
    pub laid: Arc<Laid>,
}

/// Where the network in use is had. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct RoadsHandle(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    now: ArcSwapOption<InForce>,
    /// What was last told to be in force; held while `now` is changed.
    closures: Mutex<Vec<Closure>>,
    workspaces: Mutex<Vec<Workspace>>,
}

impl RoadsHandle {
    /// What is in force; `None` as long as no network was loaded.
    #[must_use]
    pub fn current(&self) -> Option<Arc<InForce>> {
        self.0.now.load_full()
    }

    /// Puts another network in the place of the present one, with the closures laid over it anew.
    pub fn swap(&self, roads: Roads) -> Arc<InForce> {
        let closures = self.0.closures.lock().unwrap_or_else(PoisonError::into_inner);
        self.publish(Arc::new(roads), &closures)
    }

    /// These closures are in force from now on, in the place of all before. `None` as long as there is no network; they
    /// are then laid over the first one.
    pub fn close(&self, closures: Vec<Closure>) -> Option<Arc<InForce>> {
        let mut known = self.0.closures.lock().unwrap_or_else(PoisonError::into_inner);
        *known = closures;
        let roads = Arc::clone(&self.current()?.roads);
        Some(self.publish(roads, &known))
    }

    /// The closures that were last told to be in force.
    #[must_use]
    pub fn closures(&self) -> Vec<Closure> {
        self.0.closures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, roads: Arc<Roads>, closures: &[Closure]) -> Arc<InForce> {
        let laid = Arc::new(lay(&roads, closures));
        let in_force = Arc::new(InForce { roads, laid });
        self.0.now.store(Some(Arc::clone(&in_force)));
        in_force
    }

    /// Runs a search on arrays that were used before, so that it need not clear new ones.
    pub fn search<T>(&self, search: impl FnOnce(&mut Workspace) -> T) -> T {
        let kept = || self.0.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        let mut workspace = kept().pop().unwrap_or_default();
        let found = search(&mut workspace);
        let mut kept = kept();
        if kept.len() < WORKSPACES_MAX {
            kept.push(workspace);
        }
        found
    }
}
