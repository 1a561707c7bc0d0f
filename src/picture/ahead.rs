//! The picture of an import, made while its records are staged: what is left for the moment in which they come to count
//! is the same few milliseconds for a thousand records and for a million, and no later write waits for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::Feature;
use super::run::Run;
use crate::domain::change::Seq;
use crate::domain::{Change, Collection};
use crate::store::Staging;

/// Hears of imports on the threads that stage them; the picture's writer takes what is ready.
#[derive(Default)]
pub(super) struct Ahead {
    under_way: Mutex<Option<UnderWay>>,
    ready: Mutex<Option<Import>>,
}

/// An import that is being staged.
struct UnderWay {
    first: Seq,
    last: Seq,
    request_id: Uuid,
    /// `None` once a record came that depends on what else the picture holds: such an import is folded when it counts.
    features: Option<BTreeMap<Collection, Vec<Arc<Feature>>>>,
}

/// An import that is ready to be shown.
pub(super) struct Import {
    pub first: Seq,
    pub last: Seq,
    request_id: Uuid,
    pub parts: Vec<Part>,
}

/// Its records of one collection.
pub(super) struct Part {
    pub collection: Collection,
    pub run: Run,
    /// Those that take the place of earlier ones.
    pub replaces: Vec<Uuid>,
    /// The last seq among them.
    pub version: Seq,
}

impl Ahead {
    /// Takes the import that has come to count now that the journal reaches `durable`, if one is ready.
    pub fn take(&self, durable: Seq) -> Option<Import> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).take_if(|import| import.last <= durable)
    }
}

impl Import {
    /// Whether this change of the journal is the first of it.
    pub fn begins_with(&self, change: &Change) -> bool {
        change.seq == self.first && change.request_id == self.request_id
    }
}

/// A unit stands where its newest fix is or at its post, and moves with that.
fn stands_alone(collection: Collection) -> bool {
    !matches!(collection, Collection::Units | Collection::Stations)
}

impl Staging for Ahead {
    fn staged(&self, changes: Vec<Change>) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        for Change { seq, request_id, collection, record, .. } in changes {
            let import = under_way.get_or_insert_with(|| UnderWay {
                first: seq,
                last: seq,
                request_id,
                features: Some(BTreeMap::new()),
            });
            import.last = seq;
            if !stands_alone(collection) {
                import.features = None;
            }
            if let Some(features) = &mut import.features {
                let feature = Feature::new(collection, Arc::unwrap_or_clone(record), seq);
                features.entry(collection).or_default().push(Arc::new(feature));
            }
        }
    }

    fn complete(&self) {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(UnderWay { first, last, request_id, features: Some(features) }) = under_way else { return };
        let parts = features.into_iter().map(|(collection, features)| Part::new(collection, features)).collect();
        let import = Import { first, last, request_id, parts };
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = Some(import);
    }

    fn given_up(&self) {
        *self.under_way.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.ready.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Part {
    fn new(collection: Collection, features: Vec<Arc<Feature>>) -> Self {
        let replaces = features.iter().filter(|feature| feature.version > 1).map(|feature| feature.id).collect();
        let version = features.iter().map(|feature| feature.seq).max().unwrap_or(0);
        let run = Run::new(features);
        if collection == Collection::Households {
            // Readers who see communes alone ask for them at once.
            run.communes();
        }
        Self { collection, run, replaces, version }
    }
}
