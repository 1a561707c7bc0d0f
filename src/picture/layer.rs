//! One collection in memory.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::Feature;
use crate::domain::change::Seq;

/// One collection at one moment.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    version: Seq,
    by_id: HashMap<Uuid, Arc<Feature>>,
}

impl Layer {
    /// A layer of these features; `version` is the last seq that changed it.
    #[must_use]
    pub fn new(features: impl IntoIterator<Item = Arc<Feature>>, version: Seq) -> Self {
        Self { version, by_id: features.into_iter().map(|f| (f.id, f)).collect() }
    }

    /// The last seq that changed this layer: the same on every node and after a restart.
    #[must_use]
    pub fn version(&self) -> Seq {
        self.version
    }

    /// How many records, ended ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The record with this id, ended or not.
    #[must_use]
    pub fn get(&self, id: Uuid) -> Option<&Arc<Feature>> {
        self.by_id.get(&id)
    }

    /// All records, ended ones included, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Feature>> {
        self.by_id.values()
    }

    /// Puts these features in place of those with their ids.
    pub(super) fn put(&mut self, features: impl IntoIterator<Item = Arc<Feature>>, version: Seq) {
        self.by_id.extend(features.into_iter().map(|f| (f.id, f)));
        self.version = version;
    }
}
