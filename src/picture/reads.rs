//! What of the picture has left it: noted record by record as they are written, told when the view ends.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::domain::access::DataClass;
use crate::domain::{Actor, Collection, Timestamp};
use crate::store::audit::BULK_IDS_AN_HOUR_MAX;

/// Ids that are kept of one collection in one answer; beyond them only the count grows.
pub const READ_IDS_MAX: usize = 4_000;
const _: () = assert!(READ_IDS_MAX > BULK_IDS_AN_HOUR_MAX, "no single answer may escape the alarm on bulk reading");

/// Ids for which there is room at first: those of an answer about what is near.
const IDS_AT_FIRST: usize = 24;

/// Hears what a view let out.
pub trait ReadObserver: Send + Sync {
    /// What `actor` was shown `at`; called once, before the answer leaves, and not at all where nothing is to be told.
    fn seen(self: Box<Self>, actor: &Arc<Actor>, at: Timestamp, reads: Vec<Read>);
}

/// Records of one collection that left in one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub collection: Collection,
    /// `Restricted` or `Personal`; a record of a lower class that went out with its personal fields is personal.
    pub class: DataClass,
    pub count: u64,
    /// Which ones: of personal records alone, the first [`READ_IDS_MAX`].
    pub ids: Vec<Uuid>,
}

/// What one view has let out so far. Written by whoever writes a record, taken when the view ends.
#[derive(Default)]
pub(super) struct Tally {
    /// An answer is written by one thread at a time, so nobody waits here.
    reads: Mutex<Vec<Read>>,
}

impl Tally {
    /// Notes one record; the one noted last is not noted again.
    pub(super) fn note(&self, collection: Collection, class: DataClass, id: Uuid) {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        // Most answers hold one collection, and those that hold more give it in one go.
        let at = reads.iter().rposition(|read| (read.collection, read.class) == (collection, class));
        let at = at.unwrap_or_else(|| {
            reads.push(Read { collection, class, count: 0, ids: Vec::new() });
            reads.len() - 1
        });
        let read = &mut reads[at];
        if class != DataClass::Personal {
            read.count += 1;
        } else if read.ids.last() != Some(&id) {
            read.count += 1;
            if read.ids.is_empty() {
                read.ids.reserve(IDS_AT_FIRST);
            }
            if read.ids.len() < READ_IDS_MAX {
                read.ids.push(id);
            }
        }
    }

    /// Notes that so many records were counted, none of them shown.
    pub(super) fn note_count(&self, collection: Collection, class: DataClass, count: usize) {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.push(Read { collection, class, count: count as u64, ids: Vec::new() });
    }
}

/// The tally of a view and who hears of it at the end.
pub(super) struct Watched {
    pub tally: Tally,
    observer: Option<Box<dyn ReadObserver>>,
    actor: Arc<Actor>,
    at: Timestamp,
}

impl Watched {
    pub(super) fn new(observer: Box<dyn ReadObserver>, actor: Arc<Actor>, at: Timestamp) -> Self {
        Self { tally: Tally::default(), observer: Some(observer), actor, at }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let reads = std::mem::take(self.tally.reads.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(observer) = self.observer.take().filter(|_| !reads.is_empty()) {
            observer.seen(&self.actor, self.at, reads);
        }
    }
}
