//! The live feed: one task hears every step of the picture, encodes each change once a lens, and hands it to the
//! subscribers whose filter it meets.
//!
//! Invariants: a subscriber's queue is bounded, and one that is full cuts its subscriber off, so a slow reader costs
//! nobody anything; what a subscriber gets went through a View of its own lens; the id of an event is a seq, and
//! whoever comes back with it misses nothing or is told to read again.

mod filter;
mod frames;
mod freshness;
mod group;
mod hub;
mod resume;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

pub use filter::Filter;
pub use freshness::{Stale, StaleReason};
pub use stream::FeedStream;

use crate::domain::change::Seq;
use crate::domain::{Actor, Code, Problem, Timestamp};
use crate::picture::PictureHandle;
use crate::store::Store;

/// Subscribers at once.
pub const SUBSCRIBERS_MAX: usize = 2_000;
/// Events that wait for one subscriber; at some hundred changes a second this is several seconds of a stalled reader.
pub const QUEUE_EVENTS_MAX: usize = 1_024;
/// Seqs that a subscriber may be behind and still resume; farther back, reading again is cheaper for both.
pub const RESUME_SEQS_MAX: Seq = 5_000;
/// How long somebody who comes back from another node is kept waiting for this one to get as far as that one was.
const RESUME_WAIT: Duration = Duration::from_secs(2);
/// Between two `positions` events to one subscriber: at most two a second.
pub const POSITIONS_INTERVAL: Duration = Duration::from_millis(500);
/// Between two `tick` events.
pub const TICK_INTERVAL: Duration = Duration::from_secs(10);
/// Subscribers that wait to be let in.
const JOINS_MAX: usize = 256;

/// Reads the wall clock; the feed itself never does.
pub type Clock = fn() -> Timestamp;

/// The way to the feed; cheap to clone. The task ends when the last handle is gone or the picture ends.
#[derive(Clone)]
pub struct Feed {
    joins: mpsc::Sender<hub::Join>,
    picture: PictureHandle,
    store: Arc<dyn Store>,
    subscribers: Arc<AtomicUsize>,
    stale: watch::Receiver<Option<Stale>>,
    clock: Clock,
}

/// Counts a subscriber as long as its stream lives.
#[derive(Debug)]
pub(crate) struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Feed {
    /// Starts the feed's task.
    #[must_use]
    pub fn start(picture: PictureHandle, store: Arc<dyn Store>, clock: Clock) -> Self {
        let (joins, joining) = mpsc::channel(JOINS_MAX);
        let (stale, staleness) = watch::channel(None);
        tokio::spawn(hub::run(picture.clone(), Arc::clone(&store), joining, stale, clock));
        Self { joins, picture, store, subscribers: Arc::default(), stale: staleness, clock }
    }

    /// Since when what is told here is not what the store holds; none while it is.
    #[must_use]
    pub fn stale(&self) -> Option<Stale> {
        *self.stale.borrow()
    }

    /// How many subscribers there are.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.subscribers.load(Ordering::Relaxed)
    }

    /// Subscribes; `after` is the last event that the subscriber got before.
    ///
    /// # Errors
    /// `too_busy` when [`SUBSCRIBERS_MAX`] are there, `store_unavailable` when the feed has ended, `behind` when this node
    /// does not show yet what the subscriber got elsewhere.
    pub async fn subscribe(
        &self,
        actor: Arc<Actor>,
        filter: Filter,
        after: Option<Seq>,
    ) -> Result<FeedStream, Problem> {
        let seat = self.take_seat()?;
        if let Some(after) = after {
            self.wait_for(after).await?;
        }
        let ended = || Problem::new(Code::StoreUnavailable, "Luồng tin trực tiếp đã dừng.", "The live feed has ended.");
        let (queue, waiting) = mpsc::channel(QUEUE_EVENTS_MAX);
        let (told, joined) = oneshot::channel();
        let filter = Arc::new(filter);
        let join = hub::Join { actor: Arc::clone(&actor), filter: Arc::clone(&filter), queue, told };
        self.joins.send(join).await.map_err(|_| ended())?;
        let joined = joined.await.map_err(|_| ended())?;
        // The live events that come from now on wait in the queue while the missed ones are read.
        let first = match after {
            None => Vec::new(),
            Some(after) => {
                resume::missed(&self.store, &self.picture, &actor, &filter, after, joined.seq, (self.clock)()).await
            }
        };
        Ok(FeedStream::new(first, waiting, joined.cut, seat))
    }

    /// Waits until this node shows what the subscriber got on another. In vain for an event that the store does not
    /// have; then the subscriber is told to read again.
    async fn wait_for(&self, after: Seq) -> Result<(), Problem> {
        let asked_at = Instant::now();
        if self.picture.wait_for(after, RESUME_WAIT).await.is_some() {
            return Ok(());
        }
        let durable = *self.store.durable_seq().borrow();
        if durable < after && self.store.heard_at() > asked_at {
            return Ok(());
        }
        let held = self.picture.load().seq;
        Err(Problem::new(
            Code::Behind,
            format!("Máy chủ này mới có đến thay đổi {held}, chưa có {after}; hãy thử lại sau giây lát."),
            format!("This server holds the changes up to {held} and not yet {after}; try again in a moment."),
        )
        .with("seq", held))
    }

    fn take_seat(&self) -> Result<Seat, Problem> {
        if self.subscribers.fetch_add(1, Ordering::Relaxed) < SUBSCRIBERS_MAX {
            return Ok(Seat(Arc::clone(&self.subscribers)));
        }
        self.subscribers.fetch_sub(1, Ordering::Relaxed);
        Err(Problem::new(
            Code::TooBusy,
            format!("Đã có {SUBSCRIBERS_MAX} người nghe luồng tin trực tiếp."),
            format!("{SUBSCRIBERS_MAX} subscribers listen to the live feed already."),
        )
        .with("limit", SUBSCRIBERS_MAX))
    }
}
