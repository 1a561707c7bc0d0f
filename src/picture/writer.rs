//! The one task that changes the picture, from journal events alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use super::{Feature, Layer, Picture, View};
use crate::domain::change::Seq;
use crate::domain::{Actor, Collection, Event, Fix, FixSource, Timestamp};
use crate::store::{Store, StoreError};

/// Events folded in by one publish at most; a longer backlog is published in steps so that readers see progress.
const EVENTS_A_PUBLISH_MAX: usize = 10_000;
/// Publishes that a slow subscriber may lag behind before it is told to read again.
const PUBLISHES_KEPT: usize = 256;

/// One step of the picture: the snapshot and the events that led to it from the one before.
pub struct Published {
    pub picture: Arc<Picture>,
    pub events: Arc<[Event]>,
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
        View::new(self.load(), actor.clone(), now)
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
    let mut snapshot = store.snapshot().await?;
    let (first, state) = tokio::task::spawn_blocking(move || {
        let mut state = Fold::default();
        let mut layers: [Arc<Layer>; Collection::ALL.len()] = Default::default();
        for collection in Collection::ALL {
            let mut features = Vec::new();
            let mut version = 0;
            snapshot.records(collection, &mut |record, seq| {
                version = version.max(seq);
                features.push(Arc::new(Feature::new(record, seq)));
            })?;
            layers[collection.index()] = Arc::new(Layer::new(features, version));
        }
        let mut picture = Picture { seq: snapshot.seq(), layers };
        for (fix, seq) in snapshot.newest_fixes()? {
            state.take_fixes(&mut picture, vec![fix], seq);
        }
        Ok::<_, StoreError>((picture, state))
    })
    .await
    .map_err(|error| StoreError::Unavailable(error.to_string()))??;

    let shared = Arc::new(Shared {
        seq: watch::Sender::new(first.seq),
        current: ArcSwap::from_pointee(first),
        steps: broadcast::Sender::new(PUBLISHES_KEPT),
    });
    let handle = PictureHandle { shared };
    tokio::spawn(follow(store, handle.clone(), state));
    Ok(handle)
}

/// What the writer remembers beside the picture: the newest fix of each unit and the unit record without it.
#[derive(Default)]
struct Fold {
    newest: HashMap<Uuid, Fix>,
}

impl Fold {
    fn take(&mut self, picture: &mut Picture, event: &Event) {
        match event {
            Event::Change(change) => {
                let feature = Feature::new((*change.record).clone(), change.seq);
                let layer = Arc::make_mut(&mut picture.layers[change.collection.index()]);
                layer.put([Arc::new(feature)], change.seq);
            }
            Event::Fixes(batch) => self.take_fixes(picture, batch.fixes.to_vec(), batch.seq),
        }
        picture.seq = event.seq();
    }

    /// Keeps the newest by fix time. (The fields of the fix in the unit's properties: completed by the layer work.)
    fn take_fixes(&mut self, picture: &mut Picture, fixes: Vec<Fix>, seq: Seq) {
        for fix in fixes {
            if self.newest.get(&fix.unit_id).is_some_and(|known| known.at >= fix.at) || fix.source == FixSource::Post {
                continue;
            }
            let layer = Arc::make_mut(&mut picture.layers[Collection::Units.index()]);
            if let Some(unit) = layer.get(fix.unit_id) {
                let mut moved = (**unit).clone();
                moved.geometry = Some(geo_types::Point::new(fix.lon, fix.lat).into());
                layer.put([Arc::new(moved)], seq.max(layer.version()));
            }
            self.newest.insert(fix.unit_id, fix);
        }
    }
}

async fn follow(store: Arc<dyn Store>, handle: PictureHandle, mut fold: Fold) {
    let mut durable = store.durable_seq();
    loop {
        let known = handle.load().seq;
        if *durable.borrow_and_update() <= known && durable.changed().await.is_err() {
            return;
        }
        match store.changes_after(known, EVENTS_A_PUBLISH_MAX).await {
            Ok(events) if events.is_empty() => {}
            Ok(events) => {
                let mut picture = (*handle.load()).clone();
                for event in &events {
                    fold.take(&mut picture, event);
                }
                let picture = Arc::new(picture);
                handle.shared.current.store(Arc::clone(&picture));
                handle.shared.seq.send_replace(picture.seq);
                // Nobody listening is no fault.
                let _ = handle.shared.steps.send(Arc::new(Published { picture, events: events.into() }));
            }
            Err(error) => {
                tracing::error!(%error, "the picture cannot read the journal; it tries again");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}
