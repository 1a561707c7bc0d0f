//! Between those who are shown something and the writer: nobody who is shown something waits here.
//!
//! A row travels through a lock-free list; how many wait, and how many ids they hold, are two counters. Rows of
//! restricted records are summed up before they are written, so they take no place and are never refused.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use super::{BULK_IDS_AN_HOUR_MAX, Event, MINUTE_MS};
use crate::domain::access::DataClass;
use crate::domain::{Actor, Collection, Timestamp};
use crate::store::StoreError;

/// Rows that wait to become durable, at most: more than two seconds of 100,000 answers a second while nothing at all
/// is written, some 50 MB.
pub const QUEUE_MAX: usize = 1 << 18;
/// Ids in those rows, at most: 128 MB.
const QUEUED_IDS_MAX: usize = 1 << 23;

/// What the writer is told.
pub(super) enum Message {
    Row(Event),
    /// There are counts where there were none.
    Counts,
    /// Answer when all before this is durable.
    Flush(SyncSender<()>),
    Close,
}

/// Shared by everybody who shows something and the writer.
pub(super) struct Queue {
    rows_max: usize,
    /// Rows that wait or have a place, those that the writer holds included.
    rows: AtomicUsize,
    ids: AtomicUsize,
    messages: Sender<Message>,
    /// Held for the length of one addition.
    counts: Mutex<Counts>,
    closing: AtomicBool,
    /// Woken when rows pile up while it lets others gather.
    writer: OnceLock<Thread>,
    pub people_an_hour_max: AtomicUsize,
}

/// Restricted records by actor, collection and minute: as many as there are accounts at work.
pub(super) type Counts = HashMap<MinuteKey, Counted>;

#[derive(Clone)]
pub(super) struct MinuteKey {
    pub minute_ms: i64,
    pub actor: Arc<Actor>,
    pub collection: Collection,
}

impl MinuteKey {
    fn parts(&self) -> (i64, &str, Collection) {
        (self.minute_ms, &self.actor.name, self.collection)
    }
}

impl PartialEq for MinuteKey {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for MinuteKey {}

impl Hash for MinuteKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

pub(super) struct Counted {
    pub class: DataClass,
    pub records: u64,
    pub answers: u64,
}

/// A place in the queue, held from before something personal is shown until it is known what was.
pub struct Slot {
    queue: Arc<Queue>,
    used: bool,
}

impl Queue {
    /// With room for `rows_max` rows, and the end at which the writer reads.
    pub fn new(rows_max: usize) -> (Arc<Self>, Receiver<Message>) {
        let (messages, received) = channel();
        let queue = Self {
            rows_max,
            rows: AtomicUsize::new(0),
            ids: AtomicUsize::new(0),
            messages,
            counts: Mutex::default(),
            closing: AtomicBool::new(false),
            writer: OnceLock::new(),
            people_an_hour_max: AtomicUsize::new(BULK_IDS_AN_HOUR_MAX),
        };
        (Arc::new(queue), received)
    }

    /// See [`super::Audit::slot`].
    pub fn slot(self: &Arc<Self>) -> Result<Slot, StoreError> {
        let slot = self.slot_beyond()?;
        // The place that was just taken counts itself.
        let full = self.rows.load(Ordering::Relaxed) > self.rows_max;
        if full || self.ids.load(Ordering::Relaxed) >= QUEUED_IDS_MAX {
            return Err(StoreError::TooBusy);
        }
        Ok(slot)
    }

    /// See [`super::Audit::slot_of_written`].
    pub fn slot_beyond(self: &Arc<Self>) -> Result<Slot, StoreError> {
        if self.is_closing() {
            return Err(StoreError::Unavailable("the audit is closed".to_owned()));
        }
        self.rows.fetch_add(1, Ordering::Relaxed);
        Ok(Slot { queue: Arc::clone(self), used: false })
    }

    /// See [`super::Audit::count`].
    pub fn count(&self, actor: &Arc<Actor>, at: Timestamp, collection: Collection, class: DataClass, records: u64) {
        let minute_ms = at.as_ms().div_euclid(MINUTE_MS) * MINUTE_MS;
        let key = MinuteKey { minute_ms, actor: Arc::clone(actor), collection };
        let mut counts = self.counts();
        let first = counts.is_empty();
        let counted = counts.entry(key).or_insert(Counted { class, records: 0, answers: 0 });
        counted.records += records;
        counted.answers += 1;
        drop(counts);
        if first {
            self.send(Message::Counts);
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was counted so far.
    pub fn take_counts(&self) -> Counts {
        std::mem::take(&mut self.counts())
    }

    /// Waits until all that was queued before is durable; `false` if the writer ended before.
    pub fn flush(&self) -> bool {
        let (done, told) = sync_channel(1);
        self.send(Message::Flush(done));
        self.wake();
        told.recv().is_ok()
    }

    fn send(&self, message: Message) {
        if self.messages.send(message).is_err() {
            tracing::error!("the writer of the audit has ended; a row is lost");
        }
    }

    /// So many rows with so many ids are durable, or given up.
    pub fn done(&self, rows: usize, ids: usize) {
        self.rows.fetch_sub(rows, Ordering::Relaxed);
        self.ids.fetch_sub(ids, Ordering::Relaxed);
    }

    /// Whether so many rows wait that the writer must not let more gather.
    pub fn hurries(&self) -> bool {
        self.is_closing() || self.rows.load(Ordering::Relaxed) >= self.hurry_from()
    }

    fn hurry_from(&self) -> usize {
        (self.rows_max / 16).max(1)
    }

    /// Lets the writer end after what is queued.
    pub fn close(&self) {
        if !self.closing.swap(true, Ordering::SeqCst) {
            self.send(Message::Close);
            self.wake();
        }
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// The thread that [`Queue::wake`] wakes.
    pub fn is_written_by(&self, writer: Thread) {
        // There is one writer a queue.
        let _ = self.writer.set(writer);
    }

    fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }
}

impl Slot {
    /// Queues a row of the request. Each further row of the same request takes a place beyond the limit.
    pub fn put(&mut self, event: Event) {
        let queue = &self.queue;
        if std::mem::replace(&mut self.used, true) {
            queue.rows.fetch_add(1, Ordering::Relaxed);
        }
        queue.ids.fetch_add(event.ids.len(), Ordering::Relaxed);
        queue.send(Message::Row(event));
        if queue.rows.load(Ordering::Relaxed) == queue.hurry_from() {
            queue.wake();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.used {
            self.queue.done(1, 0);
        }
    }
}
