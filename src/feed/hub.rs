//! The one task that hears the picture's steps and owns the subscribers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use super::filter::Filter;
use super::frames::{self, Frame};
use super::freshness::{Freshness, LOOK_INTERVAL, Stale};
use super::group::{Group, Subscriber};
use super::stream::Cut;
use super::{Clock, POSITIONS_INTERVAL, TICK_INTERVAL};
use crate::domain::change::Seq;
use crate::domain::{Actor, Collection, Event};
use crate::picture::{Picture, PictureHandle, Published, View};
use crate::store::Store;

/// Changed records of one step that are told one by one: a quarter of a queue. More comes from an import.
const STEP_CHANGES_MAX: usize = super::QUEUE_EVENTS_MAX / 4;

/// Somebody who wants to hear.
pub(super) struct Join {
    pub actor: Arc<Actor>,
    pub filter: Arc<Filter>,
    /// Written by the hub, read by the subscriber's stream; bounded by [`super::QUEUE_EVENTS_MAX`].
    pub queue: mpsc::Sender<Frame>,
    pub told: oneshot::Sender<Joined>,
}

/// From where on they hear.
pub(super) struct Joined {
    /// Every event after this seq comes through the queue.
    pub seq: Seq,
    pub cut: Cut,
}

struct Hub {
    /// What the last step led to; the next step is compared with it.
    picture: Arc<Picture>,
    /// By lens.
    groups: HashMap<u64, Group>,
    /// Units that moved since the last `positions`.
    moved: HashSet<Uuid>,
    positions_due: Option<Instant>,
    positions_sent: Option<Instant>,
    store: Arc<dyn Store>,
    freshness: Freshness,
    /// Read by whoever asks for the state of the server.
    stale: watch::Sender<Option<Stale>>,
    clock: Clock,
}

/// Runs until the last [`super::Feed`] is gone or the picture ends.
pub(super) async fn run(
    handle: PictureHandle,
    store: Arc<dyn Store>,
    mut joins: mpsc::Receiver<Join>,
    stale: watch::Sender<Option<Stale>>,
    clock: Clock,
) {
    // First subscribe, then load: a step between the two comes twice and is passed over by its seq.
    let mut steps = handle.subscribe();
    let mut hub = Hub {
        picture: handle.load(),
        groups: HashMap::new(),
        moved: HashSet::new(),
        positions_due: None,
        positions_sent: None,
        freshness: Freshness::at(store.heard_at(), clock()),
        store,
        stale,
        clock,
    };
    let mut tick = interval(TICK_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = interval(LOOK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = hub.positions_due;
        tokio::select! {
            step = steps.recv() => match step {
                Ok(step) => hub.step(&step),
                Err(RecvError::Lagged(steps)) => {
                    tracing::warn!(feed.lagged_steps = steps, "the feed lagged behind the picture; all read again");
                    hub.start_again(handle.load());
                }
                Err(RecvError::Closed) => return,
            },
            join = joins.recv() => match join {
                Some(join) => hub.join(join),
                None => return,
            },
            () = wait_until(due) => hub.send_positions(),
            _ = look.tick() => hub.look(),
            _ = tick.tick() => hub.tick(),
        }
    }
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

impl Hub {
    fn view(&self, picture: &Arc<Picture>, actor: &Arc<Actor>) -> View {
        View::new(Arc::clone(picture), Arc::clone(actor), (self.clock)())
    }

    fn join(&mut self, join: Join) {
        let view = self.view(&self.picture, &join.actor);
        let seq = view.seq();
        let cut = Cut::default();
        // The queue is new and has room.
        let _ = join.queue.try_send(frames::tick(seq, view.now(), *self.stale.borrow()));
        if join.told.send(Joined { seq, cut: Arc::clone(&cut) }).is_err() {
            return;
        }
        let group = self.groups.entry(view.lens()).or_insert_with(|| Group::new(join.actor));
        group.add(Subscriber { filter: join.filter, queue: join.queue, cut }, &view);
    }

    fn step(&mut self, step: &Published) {
        if step.picture.seq <= self.picture.seq {
            return;
        }
        let before = std::mem::replace(&mut self.picture, Arc::clone(&step.picture));
        let changed = newest_changes(&step.events);
        if changed.len() > STEP_CHANGES_MAX || !step.imported.is_empty() {
            let changed = changed.iter().map(|(_, (collection, _))| *collection);
            self.tell_many(&changed.chain(step.imported.iter().copied()).collect());
        } else {
            self.tell_each(&before, &changed);
        }
        if !step.moved.is_empty() {
            self.moved.extend(step.moved.iter());
            let quiet_since = self.positions_sent.map_or(POSITIONS_INTERVAL, |sent| sent.elapsed());
            if quiet_since >= POSITIONS_INTERVAL {
                self.send_positions();
            } else if self.positions_due.is_none() {
                self.positions_due = Some(Instant::now() + (POSITIONS_INTERVAL - quiet_since));
            }
        }
        metrics::counter!("trucban_feed_steps_total").increment(1);
    }

    fn tell_each(&mut self, before: &Arc<Picture>, changed: &[(Seq, (Collection, Uuid))]) {
        let now = (self.clock)();
        for group in self.groups.values_mut() {
            let old = View::new(Arc::clone(before), Arc::clone(group.actor()), now);
            let new = View::new(Arc::clone(&self.picture), Arc::clone(group.actor()), now);
            for (seq, (collection, id)) in changed {
                group.tell(&old, &new, *seq, *collection, *id);
            }
        }
    }

    /// An import became visible: telling each record would fill every queue, so those it concerns read again.
    fn tell_many(&mut self, collections: &HashSet<Collection>) {
        let frame = frames::reset(self.picture.seq, "many_changes");
        let now = (self.clock)();
        for group in self.groups.values_mut() {
            let view = View::new(Arc::clone(&self.picture), Arc::clone(group.actor()), now);
            group.read_again(&view, &frame, |filter| collections.iter().any(|collection| filter.wants(*collection)));
        }
    }

    /// Tells the newest place of every unit that moved; what left a box is gone, what came into one is told whole.
    fn send_positions(&mut self) {
        self.positions_due = None;
        self.positions_sent = Some(Instant::now());
        if self.moved.is_empty() {
            return;
        }
        let mut moved: Vec<Uuid> = self.moved.drain().collect();
        moved.sort_unstable();
        let now = (self.clock)();
        let picture = Arc::clone(&self.picture);
        for group in self.groups.values_mut() {
            let view = View::new(Arc::clone(&picture), Arc::clone(group.actor()), now);
            group.tell_positions(&view, &moved);
        }
    }

    /// Whoever listens hears at once when what they see begins or ends to be old.
    fn look(&mut self) {
        let (heard_at, newest) = (self.store.heard_at(), *self.store.durable_seq().borrow());
        let stale = self.freshness.look(self.picture.seq, newest, heard_at, (self.clock)());
        let before = self.stale.send_replace(stale);
        if before.map(|stale| stale.reason) != stale.map(|stale| stale.reason) {
            match stale {
                Some(Stale { since, reason }) => tracing::warn!(%since, ?reason, "what is shown is old"),
                None => tracing::info!("what is shown is what the store holds again"),
            }
            self.tick();
        }
    }

    fn tick(&mut self) {
        // An id stands for everything up to it, so positions that are still held back go first.
        self.send_positions();
        let frame = frames::tick(self.picture.seq, (self.clock)(), *self.stale.borrow());
        let mut count = 0;
        for group in self.groups.values_mut() {
            count += group.send_all(&frame);
        }
        self.groups.retain(|_, group| !group.is_empty());
        metrics::gauge!("trucban_feed_subscribers").set(count as f64);
    }

    fn start_again(&mut self, picture: Arc<Picture>) {
        self.picture = picture;
        self.moved.clear();
        let frame = frames::reset(self.picture.seq, "server_lagged");
        for group in self.groups.values_mut() {
            let view = View::new(Arc::clone(&self.picture), Arc::clone(group.actor()), (self.clock)());
            group.read_again(&view, &frame, |_| true);
        }
    }
}

/// The records that a step changed, each once, by the seq of its newest change.
fn newest_changes(events: &[Event]) -> Vec<(Seq, (Collection, Uuid))> {
    let mut newest: HashMap<(Collection, Uuid), Seq> = HashMap::new();
    for event in events {
        if let Event::Change(change) = event {
            newest.insert((change.collection, change.record.id), change.seq);
        }
    }
    let by_seq: BTreeMap<_, _> = newest.into_iter().map(|(record, seq)| ((seq, record), ())).collect();
    by_seq.into_keys().collect()
}
