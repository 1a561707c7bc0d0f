//! A network that is ready to be asked: the graph, its index and its identity, together and never changed.

use std::path::Path;

use super::file::{self, GraphId};
use super::graph::Graph;
use super::overlay::Overlay;
use super::profile::Profile;
use super::search::Ground;
use super::snap::{Snap, SnapIndex};
use crate::domain::Problem;

/// A network. Shared by everybody who asks; another one takes its place whole (`held.rs`).
#[derive(Debug)]
pub struct Roads {
    pub graph: Graph,
    pub index: SnapIndex,
    /// Which network: answers and what is stored with a decision name it.
    pub id: GraphId,
}

impl Roads {
    /// Reads a graph file and makes it ready. Takes a second or two for a country.
    ///
    /// # Errors
    /// As [`file::read`].
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let (graph, id) = file::read(path)?;
        Ok(Self { index: SnapIndex::new(&graph), graph, id })
    }

    /// As [`SnapIndex::snap`].
    #[must_use]
    pub fn snap(&self, lon: f64, lat: f64, profile: Profile) -> Option<Snap> {
        self.index.snap(&self.graph, lon, lat, profile)
    }

    /// What a search runs on.
    #[must_use]
    pub fn ground<'a>(&'a self, overlay: &'a Overlay, profile: Profile) -> Ground<'a> {
        Ground { graph: &self.graph, overlay, profile }
    }
}

impl From<Graph> for Roads {
    /// A graph made ready.
    fn from(graph: Graph) -> Self {
        Self { index: SnapIndex::new(&graph), id: file::identity(&graph), graph }
    }
}
