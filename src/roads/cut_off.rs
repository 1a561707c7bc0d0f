//! Who is cut off: places from which no road leads to any of some targets, under an overlay.
//!
//! Only whether there is a way is asked, not how long it takes, so that one walk back from the targets answers for all
//! places at once, each arc looked at no more than once.

use std::collections::HashMap;

use super::graph::CLOSED;
use super::reach::{direct, entries, exits};
use super::search::Ground;
use super::snap::Snap;

/// Whether a place has a way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WayOut {
    Open,
    /// It has a road, and none of the targets can be reached by it.
    CutOff,
    /// No road lies near it, whatever is closed.
    NoRoad,
}

/// For each place, in their order, whether any of the targets can be reached from it by road.
#[must_use]
pub fn ways_out(ground: &Ground<'_>, places: &[Option<Snap>], targets: &[Snap]) -> Vec<WayOut> {
    let reached = Reached::of(ground, targets);
    let mut along: HashMap<u32, Vec<&Snap>> = HashMap::new();
    for target in targets {
        along.entry(target.segment).or_default().push(target);
    }
    let way_out = |place: &Option<Snap>| {
        let Some(place) = place else { return WayOut::NoRoad };
        let beside = along.get(&place.segment).into_iter().flatten();
        let is_open = exits(ground, place).iter().any(|door| reached.has(door.node))
            || beside.into_iter().any(|target| direct(ground, place, target).is_some());
        if is_open { WayOut::Open } else { WayOut::CutOff }
    };
    places.iter().map(way_out).collect()
}

/// A bit for each node from which a target can be reached.
struct Reached(Vec<u64>);

impl Reached {
    fn of(ground: &Ground<'_>, targets: &[Snap]) -> Self {
        let mut reached = Self(vec![0; ground.graph.node_count().div_ceil(64)]);
        let mut waiting: Vec<u32> = Vec::new();
        for door in targets.iter().flat_map(|target| entries(ground, target)) {
            if reached.add(door.node) {
                waiting.push(door.node);
            }
        }
        while let Some(node) = waiting.pop() {
            for arc in ground.graph.into(node) {
                let tail = ground.graph.arcs[*arc as usize].tail;
                if !reached.has(tail) && ground.arc_ms(*arc) != CLOSED && reached.add(tail) {
                    waiting.push(tail);
                }
            }
        }
        reached
    }

    fn has(&self, node: u32) -> bool {
        self.0[node as usize / 64] & (1 << (node % 64)) != 0
    }

    /// Whether it was not in it.
    fn add(&mut self, node: u32) -> bool {
        let is_new = !self.has(node);
        self.0[node as usize / 64] |= 1 << (node % 64);
        is_new
    }
}
