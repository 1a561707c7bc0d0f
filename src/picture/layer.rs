//! One collection in memory: a few immutable runs of features, each much larger than the next.
//!
//! A publish adds a small run and marks what it replaces in the older ones; nothing is copied but those marks.
//! Small runs are merged at once when they have grown too like in size, so that few remain; a run that is too large
//! for that is rebuilt in the background ([`Layer::compaction`]) while readers and the writer go on. Readers of one
//! snapshot always see the newest state of every id, whichever run holds it.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use uuid::Uuid;

use super::Feature;
use super::communes::{Communes, Held};
use super::packed::{Bbox, Metric};
use super::run::{Bits, Run};
use super::sight::Eyes;
use crate::domain::change::Seq;

/// A run is merged with the newer one beside it unless it is more than so many times larger.
const TIMES_LARGER: usize = 6;
/// Features that are merged while the writer waits, at most; about 10 ms.
const MERGED_INLINE_MAX: usize = 50_000;
/// Runs beside the largest one that call for a rebuild in the background.
const RUNS_MAX: usize = 6;

/// One collection at one moment.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    version: Seq,
    /// Oldest (largest) first; a newer one hides the ids of the older ones.
    levels: Vec<Level>,
    /// How many of the first levels a rebuild in the background has taken; they are not merged meanwhile.
    taken: usize,
}

#[derive(Clone, Debug)]
struct Level {
    run: Arc<Run>,
    /// Slots that a newer level replaces.
    dead: Arc<Bits>,
    dead_count: usize,
    dead_listed: usize,
}

/// Where a record lies. Looking it up costs a walk through memory, so a search puts it off until it must.
#[derive(Clone, Copy)]
pub(super) struct Lying<'a> {
    run: &'a Run,
    level: u32,
    /// Entry of the run's tree.
    entry: u32,
}

impl<'a> Lying<'a> {
    pub fn feature(self) -> &'a Feature {
        self.run.feature(self.run.tree().slot(self.entry as usize))
    }

    /// Which of the layer's runs holds it.
    pub fn level(self) -> usize {
        self.level as usize
    }

    /// Index of its commune in that run.
    pub fn commune(self) -> usize {
        self.run.communes().of_entry(self.entry as usize)
    }
}

impl Level {
    fn new(run: Run) -> Self {
        Self { run: Arc::new(run), dead: Arc::default(), dead_count: 0, dead_listed: 0 }
    }

    fn len(&self) -> usize {
        self.run.len() - self.dead_count
    }

    fn kill(&mut self, id: Uuid) {
        let Some(slot) = self.run.slot_of(id) else { return };
        if !self.dead.get(slot) {
            Arc::make_mut(&mut self.dead).set(slot, self.run.len());
            self.dead_count += 1;
            self.dead_listed += usize::from(!self.run.feature(slot).is_ended());
        }
    }

    /// Entries of the tree that no newer level replaces: see [`Packed::in_box`].
    fn entries_in(&self, bbox: Bbox, lets: impl Fn(usize) -> bool) -> impl Iterator<Item = usize> {
        let tree = self.run.tree();
        tree.in_box(bbox, lets).filter(|entry| !self.dead.get(tree.slot(*entry)))
    }

    fn at(&self, entry: usize) -> &Arc<Feature> {
        self.run.feature(self.run.tree().slot(entry))
    }

    fn alive(&self, slot: usize) -> Option<&Arc<Feature>> {
        (!self.dead.get(slot)).then(|| self.run.feature(slot))
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Feature>> {
        (0..self.run.len()).filter_map(|slot| self.alive(slot))
    }
}

impl Layer {
    /// A layer of these features (the last of those with one id); `version` is the last seq that changed it.
    #[must_use]
    pub fn new(features: Vec<Arc<Feature>>, version: Seq) -> Self {
        let levels = if features.is_empty() { Vec::new() } else { vec![Level::new(Run::new(features))] };
        Self { version, levels, taken: 0 }
    }

    /// The last seq that changed this layer: the same on every node and after a restart.
    #[must_use]
    pub fn version(&self) -> Seq {
        self.version
    }

    /// How many records, ended ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.levels.iter().map(Level::len).sum()
    }

    /// How many records that are not ended.
    #[must_use]
    pub fn listed(&self) -> usize {
        self.levels.iter().map(|level| level.run.listed() - level.dead_listed).sum()
    }

    /// A box around all records that stand somewhere; wider than need be while places that were left are still packed.
    #[must_use]
    pub fn extent(&self) -> Option<[f64; 4]> {
        self.levels
            .iter()
            .filter_map(|level| level.run.tree().bounds())
            .reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record with this id, ended or not.
    #[must_use]
    pub fn get(&self, id: Uuid) -> Option<&Arc<Feature>> {
        self.levels.iter().rev().find_map(|level| level.run.slot_of(id).map(|slot| level.run.feature(slot)))
    }

    /// All records, ended ones included, in the order of their ids (for UUID v7: of their making).
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Feature>> {
        let mut heads: Vec<_> = self.levels.iter().map(|level| level.iter().peekable()).collect();
        std::iter::from_fn(move || {
            if let [only] = heads.as_mut_slice() {
                return only.next();
            }
            let next = (0..heads.len())
                .filter_map(|at| heads[at].peek().map(|feature| (feature.id, at)))
                .min()
                .map(|(_, at)| at)?;
            heads[next].next()
        })
    }

    /// Records whose ids are not less than `first`, ended ones included, in no useful order: with a UUID v7, those made
    /// since.
    pub fn since(&self, first: Uuid) -> impl Iterator<Item = &Arc<Feature>> {
        self.levels.iter().flat_map(move |level| {
            let from = level.run.features().partition_point(|feature| feature.id < first);
            (from..level.run.len()).filter(|slot| !level.dead.get(*slot)).map(|slot| level.run.feature(slot))
        })
    }

    /// Records that are not ended and whose envelope shares a point with `bbox` (degrees, not across the date line),
    /// in no useful order.
    pub fn in_envelope(&self, bbox: [f64; 4]) -> impl Iterator<Item = &Arc<Feature>> {
        self.levels.iter().flat_map(move |level| level.entries_in(bbox, |_| true).map(|entry| level.at(entry)))
    }

    /// Records that are not ended, from near to far, roughly: see `Packed::nearest`. `visit` gets the lower bound in
    /// square metres, the envelope and where the record lies, and returns the mark from then on. Of what `eyes` do not
    /// see only a few come, at the edge of what they see.
    pub(super) fn nearest<'a>(
        &'a self,
        metric: &Metric,
        mark_m2: f64,
        eyes: Option<&Eyes<'_>>,
        visit: &mut impl FnMut(f64, &Bbox, Lying<'a>) -> f64,
    ) -> f64 {
        let mut mark = mark_m2;
        let levels = if eyes.is_some_and(Eyes::are_shut) { &[] } else { self.levels.as_slice() };
        for (at, level) in levels.iter().enumerate() {
            let (tree, begin_m2) = (level.run.tree(), mark);
            let mut visit = |bound, bbox: &Bbox, entry: usize| {
                if !level.dead.get(tree.slot(entry)) {
                    mark = visit(bound, bbox, Lying { run: &level.run, level: at as u32, entry: entry as u32 });
                }
                mark
            };
            match eyes {
                None => tree.nearest(metric, begin_m2, &|_| true, &mut visit),
                Some(eyes) => {
                    let communes = level.run.communes();
                    let lets = |node| communes.of_node(node).is_none_or(|commune| eyes.see(at, commune));
                    tree.nearest(metric, begin_m2, &lets, &mut visit);
                }
            }
        }
        mark
    }

    /// As [`Layer::in_envelope`], each not looked at yet; of what `eyes` do not see only a few come.
    pub(super) fn lying_in<'a>(
        &'a self,
        bbox: [f64; 4],
        eyes: Option<Rc<Eyes<'a>>>,
    ) -> impl Iterator<Item = Lying<'a>> {
        let levels = if eyes.as_ref().is_some_and(|eyes| eyes.are_shut()) { &[] } else { self.levels.as_slice() };
        levels.iter().enumerate().flat_map(move |(at, level)| {
            let eyes = eyes.clone();
            let lets = move |node| {
                let commune = || level.run.communes().of_node(node);
                eyes.as_ref().is_none_or(|eyes| commune().is_none_or(|commune| eyes.see(at, commune)))
            };
            let entries = level.entries_in(bbox, lets);
            entries.map(move |entry| Lying { run: &level.run, level: at as u32, entry: entry as u32 })
        })
    }

    /// The communes of each run, oldest first.
    pub(super) fn communes(&self) -> impl Iterator<Item = &Communes> {
        self.levels.iter().map(|level| level.run.communes())
    }

    /// What is listed, by commune.
    pub(super) fn held(&self) -> BTreeMap<Option<String>, Held> {
        let mut sum: BTreeMap<Option<String>, Held> = BTreeMap::new();
        for level in &self.levels {
            let dead = level.dead.iter().map(|slot| &**level.run.feature(slot));
            for (commune, held) in level.run.communes().held(dead) {
                sum.entry(commune.map(str::to_owned)).or_default().add(held);
            }
        }
        sum
    }

    /// Records whose code begins with `prefix`, from all runs.
    pub(super) fn with_code<'a>(&'a self, prefix: &str) -> impl Iterator<Item = &'a Arc<Feature>> {
        self.levels.iter().flat_map(move |level| level.run.with_code(prefix).filter_map(|slot| level.alive(slot)))
    }

    /// Makes the order of codes now rather than at the first search; a second for a million records.
    pub(super) fn warm_codes(&self) {
        for level in &self.levels {
            level.run.by_code();
        }
    }

    /// Puts these features in place of those with their ids; of several with one id the last one counts.
    pub(super) fn put(&mut self, features: Vec<Arc<Feature>>, version: Seq) {
        self.version = self.version.max(version);
        if features.is_empty() {
            return;
        }
        let replaces: Vec<Uuid> = features.iter().map(|feature| feature.id).collect();
        self.put_run(Run::new(features), &replaces, version);
    }

    /// As [`Layer::put`], of features that are in order already; `replaces` are the ids of those that may be here.
    pub(super) fn put_run(&mut self, run: Run, replaces: &[Uuid], version: Seq) {
        self.version = self.version.max(version);
        for level in &mut self.levels {
            replaces.iter().for_each(|id| level.kill(*id));
        }
        self.levels.push(Level::new(run));
        self.merge_small();
    }

    fn merge_small(&mut self) {
        while let [.., older, newer] = self.levels.as_slice() {
            let like = older.len() <= TIMES_LARGER * newer.len();
            let small = older.len() + newer.len() <= MERGED_INLINE_MAX;
            if !(like && small) || self.levels.len() - 2 < self.taken {
                return;
            }
            let merged = merged(&self.levels[self.levels.len() - 2..]);
            self.levels.truncate(self.levels.len() - 2);
            self.levels.push(Level::new(merged));
        }
    }

    /// A rebuild of all runs into one, if it is due and none is under way. The caller runs it elsewhere and gives
    /// the outcome to [`Layer::adopt`].
    pub(super) fn compaction(&mut self) -> Option<Compaction> {
        if !self.wants_compaction() {
            return None;
        }
        self.taken = self.levels.len();
        Some(Compaction { levels: self.levels.clone() })
    }

    /// Whether a rebuild is due and none is under way.
    pub(super) fn wants_compaction(&self) -> bool {
        let Some((base, rest)) = self.levels.split_first() else { return false };
        let changed: usize = rest.iter().map(Level::len).sum();
        let due = rest.len() > RUNS_MAX || (!rest.is_empty() && changed > base.len().max(MERGED_INLINE_MAX) / 8);
        due && self.taken == 0
    }

    /// Puts a rebuilt run in the place of those it was made from; what came meanwhile stays in the newer ones.
    pub(super) fn adopt(&mut self, run: Run) {
        let mut base = Level::new(run);
        let newer = self.levels.split_off(self.taken);
        for feature in newer.iter().flat_map(|level| level.run.features()) {
            base.kill(feature.id);
        }
        self.levels = vec![base];
        self.levels.extend(newer);
        self.taken = 0;
        self.merge_small();
    }
}

/// Runs that are being rebuilt into one.
pub(super) struct Compaction {
    levels: Vec<Level>,
}

impl Compaction {
    /// Builds the new run: about a third of a second for a million features.
    pub fn run(&self) -> Run {
        merged(&self.levels)
    }
}

fn merged(levels: &[Level]) -> Run {
    let layer = Layer { version: 0, levels: levels.to_vec(), taken: 0 };
    let features = layer.iter().cloned().collect();
    let run = Run::new(features);
    // Whoever asks next shall not wait for what the old runs had already.
    if levels.iter().any(|level| level.run.has_communes()) {
        run.communes();
    }
    run
}
