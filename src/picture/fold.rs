//! Journal events into the next picture: what each event changes, and where units are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::ahead::{Import, Part};
use super::{Feature, Layer, Picture, position};
use crate::domain::change::{FixBatch, Seq};
use crate::domain::{Change, Collection, Event, Fix, FixSource};
use crate::store::{Snapshot, StoreError};

/// Collections from so many records on are put in order while the next ones are read.
const LARGE: usize = 20_000;

/// What the writer remembers beside the picture.
#[derive(Default)]
pub(super) struct Fold {
    /// The newest fix of each unit by fix time, with the seq that brought it.
    newest: HashMap<Uuid, (Fix, Seq)>,
    /// Units without a fix that count at a post, and the post.
    at_post: HashMap<Uuid, Uuid>,
}

/// What a group of events made of the picture.
pub(super) struct Step {
    pub picture: Picture,
    /// The events that changed something; of a group of fixes, those that were newer than what was known.
    pub events: Vec<Event>,
    /// Units that have another position than before, each once.
    pub moved: Vec<Uuid>,
    /// Collections that took an import made ahead, whose records do not stand in `events`.
    pub imported: Vec<Collection>,
}

/// Reads a whole snapshot.
///
/// # Errors
/// [`StoreError`] if the snapshot cannot be read.
pub(super) fn load(snapshot: &mut dyn Snapshot) -> Result<(Picture, Fold), StoreError> {
    let mut layers: [Arc<Layer>; Collection::ALL.len()] = std::array::from_fn(|_| Arc::default());
    let mut fold = Fold::of_fixes(snapshot.newest_fixes()?);
    std::thread::scope(|scope| {
        let mut under_way = Vec::new();
        // Stations come before units in the order of collections, so that a unit finds its post.
        for collection in Collection::ALL {
            let mut features: Vec<Feature> = Vec::new();
            let mut version = 0;
            let mut shared: Vec<Arc<Feature>> = Vec::new();
            snapshot.records(collection, &mut |record, seq| {
                version = version.max(seq);
                let feature = Feature::new(collection, record, seq);
                if collection == Collection::Units { features.push(feature) } else { shared.push(Arc::new(feature)) }
            })?;
            if collection == Collection::Units {
                let stations = Arc::clone(&layers[Collection::Stations.index()]);
                for unit in features {
                    let placed = fold.place(unit, &stations);
                    version = version.max(placed.seq);
                    shared.push(Arc::new(placed));
                }
            }
            if shared.len() >= LARGE {
                under_way.push((collection, scope.spawn(move || Layer::new(shared, version))));
            } else {
                layers[collection.index()] = Arc::new(Layer::new(shared, version));
            }
        }
        for (collection, layer) in under_way {
            let layer = layer.join().map_err(|_| StoreError::Damaged(format!("{collection} cannot be indexed")))?;
            layers[collection.index()] = Arc::new(layer);
        }
        Ok::<_, StoreError>(())
    })?;
    let seq = snapshot.seq();
    Ok((Picture { seq, layers, unit_records: seq, reduced: Arc::default(), inside: Arc::default() }, fold))
}

impl Fold {
    /// With these as the newest fixes, each with the seq that brought it.
    pub fn of_fixes(fixes: Vec<(Fix, Seq)>) -> Self {
        let newest = fixes.into_iter().map(|(fix, seq)| (fix.unit_id, (fix, seq))).collect();
        Self { newest, at_post: HashMap::new() }
    }

    /// The picture after these events, which end where an append ends.
    pub fn step(&mut self, before: &Picture, events: Vec<Event>) -> Step {
        let mut picture = before.clone();
        let mut changed: [Vec<Arc<Feature>>; Collection::ALL.len()] = std::array::from_fn(|_| Vec::new());
        let mut versions = [0; Collection::ALL.len()];
        let mut units: HashMap<Uuid, Feature> = HashMap::new();
        let mut fixed: HashMap<Uuid, Seq> = HashMap::new();
        let mut posts: HashMap<Uuid, Seq> = HashMap::new();
        let mut applied = Vec::with_capacity(events.len());
        for event in events {
            picture.seq = event.seq();
            match event {
                Event::Change(change) => {
                    let feature = Feature::new(change.collection, (*change.record).clone(), change.seq);
                    versions[change.collection.index()] = change.seq;
                    match change.collection {
                        Collection::Units => {
                            picture.unit_records = change.seq;
                            units.insert(feature.id, feature);
                        }
                        collection => {
                            if collection == Collection::Stations {
                                posts.insert(feature.id, change.seq);
                            }
                            changed[collection.index()].push(Arc::new(feature));
                        }
                    }
                    applied.push(Event::Change(Change { ..change }));
                }
                Event::Fixes(batch) => {
                    if let Some(batch) = self.newer(batch, &mut fixed) {
                        applied.push(Event::Fixes(batch));
                    }
                }
            }
        }
        for (index, features) in changed.into_iter().enumerate() {
            if !features.is_empty() {
                Arc::make_mut(&mut picture.layers[index]).put(features, versions[index]);
            }
        }
        let moved = self.move_units(&mut picture, units, &fixed, &posts, versions[Collection::Units.index()]);
        Step { picture, events: applied, moved, imported: Vec::new() }
    }

    /// The picture with an import that was made ahead; everything before it is in `before`.
    pub fn import(before: &Picture, import: Import) -> Step {
        let mut picture = Picture { seq: import.last, ..before.clone() };
        let mut imported = Vec::with_capacity(import.parts.len());
        for Part { collection, run, replaces, version } in import.parts {
            Arc::make_mut(&mut picture.layers[collection.index()]).put_run(run, &replaces, version);
            imported.push(collection);
        }
        Step { picture, events: Vec::new(), moved: Vec::new(), imported }
    }

    /// The fixes of a group that are newer by fix time than what is known; they are remembered.
    fn newer(&mut self, batch: FixBatch, fixed: &mut HashMap<Uuid, Seq>) -> Option<FixBatch> {
        let seq = batch.seq;
        let mut is_newer = |fix: &Fix| {
            if fix.source == FixSource::Post {
                return false;
            }
            match self.newest.get_mut(&fix.unit_id) {
                Some((known, _)) if known.at >= fix.at => return false,
                Some(known) => *known = (fix.clone(), seq),
                None => {
                    self.newest.insert(fix.unit_id, (fix.clone(), seq));
                }
            }
            fixed.insert(fix.unit_id, seq);
            true
        };
        let kept: Vec<bool> = batch.fixes.iter().map(&mut is_newer).collect();
        if kept.iter().all(|kept| *kept) {
            return Some(batch);
        }
        let fixes: Arc<[Fix]> =
            batch.fixes.iter().zip(kept).filter(|(_, kept)| *kept).map(|(fix, _)| fix.clone()).collect();
        (!fixes.is_empty()).then_some(FixBatch { fixes, ..batch })
    }

    /// Puts units with a new record, a newer fix or a moved post where they are now.
    fn move_units(
        &mut self,
        picture: &mut Picture,
        records: HashMap<Uuid, Feature>,
        fixed: &HashMap<Uuid, Seq>,
        posts: &HashMap<Uuid, Seq>,
        mut version: Seq,
    ) -> Vec<Uuid> {
        let mut touched: HashSet<Uuid> = records.keys().chain(fixed.keys()).copied().collect();
        if !posts.is_empty() {
            let at_moved = self.at_post.iter().filter(|(_, post)| posts.contains_key(post));
            touched.extend(at_moved.map(|(unit, _)| *unit));
        }
        if touched.is_empty() {
            return Vec::new();
        }
        let stations = Arc::clone(&picture.layers[Collection::Stations.index()]);
        let units = Arc::clone(&picture.layers[Collection::Units.index()]);
        let mut placed = Vec::with_capacity(touched.len());
        let mut moved = Vec::new();
        let mut records = records;
        for id in touched {
            let before = units.get(id);
            let unit = match (records.remove(&id), before) {
                (Some(record), _) => record,
                (None, Some(before)) => Feature::clone(before),
                // A fix of a unit that is not known yet waits for its record.
                (None, None) => continue,
            };
            let unit = self.place(unit, &stations);
            version = version.max(unit.seq);
            if before.and_then(|before| before.geometry.as_ref()) != unit.geometry.as_ref() || fixed.contains_key(&id) {
                moved.push(id);
            }
            placed.push(Arc::new(unit));
        }
        Arc::make_mut(&mut picture.layers[Collection::Units.index()]).put(placed, version);
        moved
    }

    /// The unit at its newest fix, else at its post, else where its own record says.
    pub fn place(&mut self, unit: Feature, stations: &Layer) -> Feature {
        self.at_post.remove(&unit.id);
        if let Some((fix, seq)) = self.newest.get(&unit.id) {
            return position::at_fix(&unit, fix, *seq);
        }
        let post = unit.text("station_id").and_then(|id| Uuid::parse_str(&id).ok());
        let Some(post) = post else { return unit };
        self.at_post.insert(unit.id, post);
        match stations.get(post) {
            Some(station) => match &station.geometry {
                Some(place) => position::at_post(&unit, place, station.seq),
                None => position::nowhere(&unit, station.seq),
            },
            None => unit,
        }
    }
}
