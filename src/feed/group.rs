//! Subscribers who see the same: an event is encoded once for all of them, and an index of their boxes finds those
//! whom it concerns, so that its cost follows from who hears it and not from who listens.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use geo::BoundingRect;
use geo_types::Geometry;
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use uuid::Uuid;

use super::filter::Filter;
use super::frames::{self, Frame};
use super::stream::Cut;
use crate::domain::change::Seq;
use crate::domain::{Actor, Collection};
use crate::picture::{Shown, View};

/// Names a subscriber within its group.
type Number = u64;

/// The box of one subscriber, degrees.
type BoxOf = GeomWithData<Rectangle<[f64; 2]>, Number>;

/// Somebody who listens.
pub(super) struct Subscriber {
    pub filter: Arc<Filter>,
    /// Written by the hub, read by the subscriber's stream.
    pub queue: mpsc::Sender<Frame>,
    pub cut: Cut,
}

/// See the module.
pub(super) struct Group {
    actor: Arc<Actor>,
    next: Number,
    subscribers: BTreeMap<Number, Subscriber>,
    /// Boxes of those who asked for one; whoever has none hears all of the wanted collections.
    boxes: RTree<BoxOf>,
    boxless: BTreeSet<Number>,
    /// Who, of those with a box, was told of a unit that has not left the box since.
    told: HashMap<Uuid, Vec<Number>>,
}

impl Group {
    /// A group of nobody yet; what is told is what `actor` may see.
    pub fn new(actor: Arc<Actor>) -> Self {
        Self {
            actor,
            next: 0,
            subscribers: BTreeMap::new(),
            boxes: RTree::new(),
            boxless: BTreeSet::new(),
            told: HashMap::new(),
        }
    }

    pub fn actor(&self) -> &Arc<Actor> {
        &self.actor
    }

    pub fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Takes a subscriber in, who is about to read what `view` shows.
    pub fn add(&mut self, subscriber: Subscriber, view: &View) {
        let number = self.next;
        self.next += 1;
        let boxes = subscriber.filter.boxes();
        if boxes.is_empty() {
            self.boxless.insert(number);
        }
        for bbox in boxes {
            self.boxes.insert(rectangle(bbox, number));
        }
        self.count_units(number, &subscriber.filter, view);
        self.subscribers.insert(number, subscriber);
    }

    /// Hands `frame` to everybody; how many are left.
    pub fn send_all(&mut self, frame: &Frame) -> usize {
        let all: Vec<Number> = self.subscribers.keys().copied().collect();
        self.send(&all, frame);
        self.subscribers.len()
    }

    /// Tells those whose filter `concerns` accepts to read again what `view` shows.
    pub fn read_again(&mut self, view: &View, frame: &Frame, concerns: impl Fn(&Filter) -> bool) {
        let concerned: Vec<(Number, Arc<Filter>)> = self
            .subscribers
            .iter()
            .filter(|(_, subscriber)| concerns(&subscriber.filter))
            .map(|(number, subscriber)| (*number, Arc::clone(&subscriber.filter)))
            .collect();
        for told in self.told.values_mut() {
            told.retain(|number| concerned.binary_search_by_key(number, |(n, _)| *n).is_err());
        }
        for (number, filter) in &concerned {
            self.count_units(*number, filter, view);
        }
        let numbers: Vec<Number> = concerned.into_iter().map(|(number, _)| number).collect();
        self.send(&numbers, frame);
    }

    /// Tells one changed record to those whose filter it meets now, and that it is gone to those whose it met before.
    pub fn tell(&mut self, old: &View, new: &View, seq: Seq, collection: Collection, id: Uuid) {
        let listed = |shown: &Shown<'_>| !shown.is_ended();
        let before = old.item(collection, id).filter(listed);
        let after = new.item(collection, id).filter(listed);
        let mut now = after.as_ref().map(|shown| self.boxed(collection, shown.geometry())).unwrap_or_default();
        let mut had = if collection == Collection::Units {
            // Positions go out later than they come: what somebody was told is not what the last snapshot showed.
            self.replace_told(id, &now)
        } else {
            before.as_ref().map(|shown| self.boxed(collection, shown.geometry())).unwrap_or_default()
        };
        had.retain(|number| now.binary_search(number).is_err());
        let boxless = self.wanting(collection, self.boxless.iter());
        if let Some(shown) = &after {
            now.extend(boxless);
            self.send(&now, &frames::change(seq, shown));
        } else if before.is_some() {
            had.extend(boxless);
        }
        self.send(&had, &frames::gone(seq, collection, id));
        if before.is_none() && after.is_none() {
            self.tell_reduced(old, new, seq, collection, id);
        }
    }

    /// Tells what stands in the place of a record that is not seen itself, if that reads otherwise than before.
    fn tell_reduced(&mut self, old: &View, new: &View, seq: Seq, collection: Collection, id: Uuid) {
        let stood: Vec<Shown<'_>> = [old, new].iter().filter_map(|view| view.stands_for(collection, id)).collect();
        for (n, shown) in stood.iter().enumerate() {
            let id = shown.id();
            if stood[..n].iter().any(|other| other.id() == id) {
                continue;
            }
            let (was, is) = (old.item(collection, id), new.item(collection, id));
            if was.map(|shown| shown.properties()) == is.as_ref().map(Shown::properties) {
                continue;
            }
            let mut audience = self.boxed(collection, shown.geometry());
            audience.extend(self.wanting(collection, self.boxless.iter()));
            let frame = is.as_ref().map_or_else(|| frames::gone(seq, collection, id), |is| frames::change(seq, is));
            self.send(&audience, &frame);
        }
    }

    /// Tells where the `moved` units are; what left a box is gone, what came into one is told whole.
    pub fn tell_positions(&mut self, view: &View, moved: &[Uuid]) {
        let seq = view.seq();
        let units: Vec<(Shown<'_>, Vec<u8>)> = moved
            .iter()
            .filter_map(|id| view.item(Collection::Units, *id))
            .filter(|unit| !unit.is_ended())
            .filter_map(|unit| frames::position(&unit).map(|json| (unit, json)))
            .collect();
        let mut inside: BTreeMap<Number, Vec<&[u8]>> = BTreeMap::new();
        for (unit, json) in &units {
            let now = self.boxed(Collection::Units, unit.geometry());
            let had = self.replace_told(unit.id(), &now);
            let (stayed, came): (Vec<Number>, Vec<Number>) =
                now.iter().partition(|number| had.binary_search(number).is_ok());
            let left: Vec<Number> = had.into_iter().filter(|number| now.binary_search(number).is_err()).collect();
            for number in stayed {
                inside.entry(number).or_default().push(json);
            }
            if !came.is_empty() {
                self.send(&came, &frames::change(seq, unit));
            }
            if !left.is_empty() {
                self.send(&left, &frames::gone(seq, Collection::Units, unit.id()));
            }
        }
        for (number, positions) in inside {
            if let Some(frame) = frames::positions(seq, positions.into_iter()) {
                self.send(&[number], &frame);
            }
        }
        let boxless = self.wanting(Collection::Units, self.boxless.iter());
        if !boxless.is_empty()
            && let Some(frame) = frames::positions(seq, units.iter().map(|(_, json)| json.as_slice()))
        {
            self.send(&boxless, &frame);
        }
    }

    /// Those with a box who want the collection and whose box meets the geometry, in order. A record without a place
    /// meets every box.
    fn boxed(&self, collection: Collection, geometry: Option<&Geometry<f64>>) -> Vec<Number> {
        let Some(envelope) = geometry.and_then(BoundingRect::bounding_rect) else {
            return self.wanting(collection, self.subscribers.keys().filter(|number| !self.boxless.contains(number)));
        };
        let (low, high) = (envelope.min(), envelope.max());
        let envelope = AABB::from_corners([low.x, low.y], [high.x, high.y]);
        let found = self.boxes.locate_in_envelope_intersecting(envelope).map(|found| &found.data);
        let mut audience = self.wanting(collection, found);
        audience.sort_unstable();
        // A box across the date line is two.
        audience.dedup();
        audience
    }

    fn wanting<'n>(&self, collection: Collection, numbers: impl Iterator<Item = &'n Number>) -> Vec<Number> {
        let wants = |number: &Number| self.subscribers.get(number).is_some_and(|s| s.filter.wants(collection));
        numbers.copied().filter(wants).collect()
    }

    /// Remembers that those in `now` know where the unit is; gives back who did, in order.
    fn replace_told(&mut self, unit: Uuid, now: &[Number]) -> Vec<Number> {
        let had = if now.is_empty() { self.told.remove(&unit) } else { self.told.insert(unit, now.to_vec()) };
        let mut had = had.unwrap_or_default();
        had.sort_unstable();
        had
    }

    /// Takes the units in the subscriber's box as told: they are about to be read.
    fn count_units(&mut self, number: Number, filter: &Filter, view: &View) {
        if !filter.wants(Collection::Units) {
            return;
        }
        for bbox in filter.boxes() {
            for unit in view.in_bbox(Collection::Units, bbox) {
                let told = self.told.entry(unit.id()).or_default();
                if !told.contains(&number) {
                    told.push(number);
                }
            }
        }
    }

    /// Hands over one event; whoever is gone or too slow is forgotten.
    fn send(&mut self, numbers: &[Number], frame: &Frame) {
        for number in numbers {
            let Some(subscriber) = self.subscribers.get(number) else { continue };
            if !subscriber.take(frame) {
                self.remove(*number);
            }
        }
    }

    fn remove(&mut self, number: Number) {
        let Some(subscriber) = self.subscribers.remove(&number) else { return };
        for bbox in subscriber.filter.boxes() {
            self.boxes.remove(&rectangle(bbox, number));
        }
        self.boxless.remove(&number);
        for told in self.told.values_mut() {
            told.retain(|other| *other != number);
        }
    }
}

impl Subscriber {
    /// Queues one event; `false` if the subscriber is gone, or reads too slowly and is cut off.
    fn take(&self, frame: &Frame) -> bool {
        match self.queue.try_send(frame.clone()) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                tracing::info!(feed.queue = super::QUEUE_EVENTS_MAX, "a subscriber reads too slowly and is cut off");
                metrics::counter!("trucban_feed_cut_total").increment(1);
                let _ = self.cut.set(frames::reset(0, "too_slow"));
                false
            }
        }
    }
}

fn rectangle([west, south, east, north]: [f64; 4], number: Number) -> BoxOf {
    GeomWithData::new(Rectangle::from_corners([west, south], [east, north]), number)
}
