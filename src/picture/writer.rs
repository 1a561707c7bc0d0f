//! The one task that changes the picture, from journal events alone.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use uuid::Uuid;

use super::ahead::Ahead;
use super::fold::{self, Fold, Step};
use super::run::Run;
use super::{Picture, View};
use crate::domain::change::Seq;
use crate::domain::{Actor, Collection, Event, Timestamp};
use crate::store::{Staging, Store, StoreError};

/// Events read from the journal at once.
const EVENTS_A_READ_MAX: usize = 10_000;
/// Events folded in on the runtime's own threads, at most; more go to a blocking thread.
const EVENTS_INLINE_MAX: usize = 2_000;
/// Publishes that a slow subscriber may lag behind before it is told to read again.
const PUBLISHES_KEPT: usize = 256;
/// Two publishes follow each other no faster than this; the first after a quiet moment comes at once.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(8);

/// One step of the picture: the snapshot and the events that led to it from the one before.
pub struct Published {
    pub picture: Arc<Picture>,
    /// What changed something, in seq order; of a group of fixes those that were newer by fix time. The records of
    /// `imported` are not among it.
    pub events: Arc<[Event]>,
    /// Collections that took very many records at once.
    pub imported: Arc<[Collection]>,
    /// Units whose position changed in this step (by a fix, or with their post), each once.
    pub moved: Arc<[Uuid]>,
}

struct Shared {
    current: ArcSwap<Picture>,
    seq: watch::Sender<Seq>,
    steps: broadcast::Sender<Arc<Published>>,
}

/// The way to the picture; cheap to clone. Readers never lock.
#[derive(Clone)]
pub struct PictureHandle {
    shared: Arc<Shared>,
}

impl PictureHandle {
    /// The newest snapshot.
    #[must_use]
    pub fn load(&self) -> Arc<Picture> {
        self.shared.current.load_full()
    }

    /// The newest snapshot as `actor` may see it at `now`.
    #[must_use]
    pub fn view(&self, actor: &Actor, now: Timestamp) -> View {
        View::new(self.load(), Arc::new(actor.clone()), now)
    }

    /// A snapshot that holds `seq`, or `None` if the picture has not come so far in time.
    pub async fn wait_for(&self, seq: Seq, at_most: Duration) -> Option<Arc<Picture>> {
        let mut reached = self.shared.seq.subscribe();
        let waited = tokio::time::timeout(at_most, reached.wait_for(|now| *now >= seq)).await;
        matches!(waited, Ok(Ok(_))).then(|| self.load())
    }

    /// Every step from now on; a receiver that lags is told so by the channel and must read again.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Published>> {
        self.shared.steps.subscribe()
    }
}

/// Loads the store's snapshot and starts the writer task, which ends when the store is dropped.
///
/// # Errors
/// [`StoreError`] if the snapshot cannot be read.
pub async fn start(store: Arc<dyn Store>) -> Result<PictureHandle, StoreError> {
    let ahead = Arc::new(Ahead::default());
    store.tell_staging(Arc::clone(&ahead) as Arc<dyn Staging>);
    let mut snapshot = store.snapshot().await?;
    let (first, fold) = blocking(move || fold::load(&mut *snapshot)).await??;
    let shared = Arc::new(Shared {
        seq: watch::Sender::new(first.seq),
        current: ArcSwap::from_pointee(first),
        steps: broadcast::Sender::new(PUBLISHES_KEPT),
    });
    let handle = PictureHandle { shared };
    tokio::spawn(Writer { store, handle: handle.clone(), fold, ahead, rebuilds: JoinSet::new() }.follow());
    Ok(handle)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// The writer task.
struct Writer {
    store: Arc<dyn Store>,
    handle: PictureHandle,
    fold: Fold,
    ahead: Arc<Ahead>,
    /// Layers that are being rebuilt in the background.
    rebuilds: JoinSet<(Collection, Run)>,
}

impl Writer {
    async fn follow(mut self) {
        let mut durable = self.store.durable_seq();
        let codes = Arc::clone(&self.handle.load().layers[Collection::Households.index()]);
        // The first search by code shall not wait for it.
        drop(tokio::task::spawn_blocking(move || codes.warm_codes()));
        let mut failing = false;
        loop {
            let known = self.handle.load().seq;
            let newest = *durable.borrow_and_update();
            if newest <= known {
                tokio::select! {
                    changed = durable.changed() => if changed.is_err() { return },
                    Some(rebuilt) = self.rebuilds.join_next() => self.adopt(rebuilt),
                }
                continue;
            }
            let started = Instant::now();
            match self.publish(known, newest).await {
                // Under load many events are folded in at once: that costs less than one publish each.
                Ok(()) => {
                    failing = false;
                    tokio::time::sleep_until(started + PUBLISH_INTERVAL).await;
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "the picture cannot read the journal; it tries again");
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }

    /// Folds in what the journal holds after `known` and shows it. `newest` is a seq that the journal has reached.
    async fn publish(&mut self, known: Seq, newest: Seq) -> Result<(), StoreError> {
        let Some(import) = self.ahead.take(newest).filter(|import| import.first > known) else {
            let events = self.whole_appends(known, Seq::MAX).await?;
            return self.fold_in(events).await;
        };
        let earlier = self.whole_appends(known, import.first - 1).await?;
        let begin = self.store.changes_between(import.first - 1, import.first, 1).await?;
        self.fold_in(earlier).await?;
        // What was given up and never came to count is not shown; nor is anything lost if this is not the import that
        // was made ahead, since the next turn reads on from here.
        if matches!(begin.as_slice(), [Event::Change(change)] if import.begins_with(change)) {
            let step = Fold::import(&self.handle.load(), import);
            self.show(step);
        }
        Ok(())
    }

    async fn fold_in(&mut self, events: Vec<Event>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let before = self.handle.load();
        let step = if events.len() <= EVENTS_INLINE_MAX {
            self.fold.step(&before, events)
        } else {
            // An import from elsewhere: other tasks of this thread go on meanwhile.
            let mut fold = std::mem::take(&mut self.fold);
            let (fold, step) = blocking(move || {
                let step = fold.step(&before, events);
                (fold, step)
            })
            .await?;
            self.fold = fold;
            step
        };
        self.show(step);
        Ok(())
    }

    /// All events after `known`, to `through` or to where the store's newest commit ends: an append is shown whole or
    /// not at all, however many records an import has.
    async fn whole_appends(&self, known: Seq, through: Seq) -> Result<Vec<Event>, StoreError> {
        let mut events = self.store.changes_between(known, through, EVENTS_A_READ_MAX).await?;
        let mut read = events.len();
        while read == EVENTS_A_READ_MAX {
            let last = events.last().map_or(known, Event::seq);
            let mut more = self.store.changes_between(last, through, EVENTS_A_READ_MAX).await?;
            read = more.len();
            events.append(&mut more);
        }
        Ok(events)
    }

    fn show(&mut self, step: Step) {
        let Step { mut picture, events, moved, imported } = step;
        for collection in Collection::ALL {
            let layer = &mut picture.layers[collection.index()];
            if layer.wants_compaction()
                && let Some(compaction) = Arc::make_mut(layer).compaction()
            {
                self.rebuilds.spawn_blocking(move || (collection, compaction.run()));
            }
        }
        let picture = Arc::new(picture);
        self.handle.shared.current.store(Arc::clone(&picture));
        self.handle.shared.seq.send_replace(picture.seq);
        // Nobody listening is no fault.
        let published = Published { picture, events: events.into(), imported: imported.into(), moved: moved.into() };
        let _ = self.handle.shared.steps.send(Arc::new(published));
    }

    /// Puts a rebuilt layer in its place; what it shows does not change.
    fn adopt(&self, rebuilt: Result<(Collection, Run), JoinError>) {
        match rebuilt {
            Ok((collection, run)) => {
                let mut picture = Picture::clone(&self.handle.load());
                Arc::make_mut(&mut picture.layers[collection.index()]).adopt(run);
                self.handle.shared.current.store(Arc::new(picture));
            }
            // The layer works on as it is, a little slower.
            Err(error) => tracing::error!(%error, "a layer could not be rebuilt"),
        }
    }
}
