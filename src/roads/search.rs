//! One Dijkstra search over the graph, from a place or towards it, as far as it is asked to go.
//!
//! Pure: graph, overlay and bound come as arguments, the arrays it writes on are the caller's [`Workspace`], so that
//! a search allocates nothing once they are there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use super::graph::{CLOSED, Graph};
use super::overlay::Overlay;
use super::profile::Profile;

/// The mark of a node that was not come to by an arc.
pub const NO_ARC: u32 = u32::MAX;

/// Which way a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the seeds to wherever one can get.
    From,
    /// From wherever one can get there, to the seeds.
    Towards,
}

/// What a search runs on: the graph, what holds on it, for whom.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    pub graph: &'a Graph,
    pub overlay: &'a Overlay,
    pub profile: Profile,
}

impl Ground<'_> {
    /// Milliseconds of an arc under the overlay.
    #[inline]
    #[must_use]
    pub fn arc_ms(&self, arc: u32) -> u32 {
        self.overlay.time_ms(self.graph, &self.graph.arcs[arc as usize], self.profile)
    }
}

/// The arrays of a search, kept between searches. One for each thread that searches.
#[derive(Debug, Default)]
pub struct Workspace {
    /// The run's number in the upper half, milliseconds in the lower: what another run wrote counts as nothing.
    labels: Vec<u64>,
    /// The arc by which each node was reached last.
    by_arc: Vec<u32>,
    queue: BinaryHeap<Reverse<u64>>,
    run: u32,
}

impl Workspace {
    /// An empty one; it grows to the first graph it meets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Milliseconds of a node in the last run, `None` where it was not reached. Final for nodes that were settled.
    #[must_use]
    pub fn time_ms(&self, node: u32) -> Option<u32> {
        let label = self.labels[node as usize];
        ((label >> 32) as u32 == self.run).then_some(label as u32)
    }

    /// The arc by which a node was reached in the last run; [`NO_ARC`] for a seed.
    #[must_use]
    pub fn by_arc(&self, node: u32) -> u32 {
        self.by_arc[node as usize]
    }

    fn begin(&mut self, nodes: usize) {
        if self.labels.len() != nodes || self.run == u32::MAX {
            self.labels = vec![0; nodes];
            self.by_arc = vec![NO_ARC; nodes];
            self.run = 0;
        }
        self.run += 1;
        self.queue.clear();
    }

    /// Lowers the time of a node, and says whether it was lowered.
    #[inline]
    fn lower(&mut self, node: u32, time_ms: u32, arc: u32) {
        let label = (u64::from(self.run) << 32) | u64::from(time_ms);
        let known = &mut self.labels[node as usize];
        // A label of an earlier run is smaller as a number, whatever its time.
        if *known >> 32 != u64::from(self.run) || label < *known {
            *known = label;
            self.by_arc[node as usize] = arc;
            self.queue.push(Reverse((u64::from(time_ms) << 32) | u64::from(node)));
        }
    }

    /// Searches from `seeds` (`(node, milliseconds)`), and calls `settle` with each node and its final time, the
    /// nearest first, until nothing is left or `settle` breaks. Seeds are told [`NO_ARC`].
    pub fn search(
        &mut self,
        ground: &Ground<'_>,
        direction: Direction,
        seeds: &[(u32, u32)],
        settle: impl FnMut(u32, u32) -> ControlFlow<()>,
    ) {
        self.begin(ground.graph.node_count());
        for (node, time_ms) in seeds {
            self.lower(*node, *time_ms, NO_ARC);
        }
        match direction {
            Direction::From => self.run(settle, |workspace, node, time_ms| {
                for arc in ground.graph.out_of(node) {
                    let head = ground.graph.arcs[arc].head;
                    workspace.relax(ground, arc as u32, head, time_ms);
                }
            }),
            Direction::Towards => self.run(settle, |workspace, node, time_ms| {
                for arc in ground.graph.into(node) {
                    let tail = ground.graph.arcs[*arc as usize].tail;
                    workspace.relax(ground, *arc, tail, time_ms);
                }
            }),
        }
    }

    #[inline]
    fn relax(&mut self, ground: &Ground<'_>, arc: u32, next: u32, time_ms: u32) {
        let arc_ms = ground.arc_ms(arc);
        if arc_ms != CLOSED {
            // An arc is at most 2³⁰ ms: a sum past the end of the numbers is no way that anybody goes.
            if let Some(sum_ms) = time_ms.checked_add(arc_ms).filter(|sum_ms| *sum_ms != CLOSED) {
                self.lower(next, sum_ms, arc);
            }
        }
    }

    fn run(
        &mut self,
        mut settle: impl FnMut(u32, u32) -> ControlFlow<()>,
        mut expand: impl FnMut(&mut Self, u32, u32),
    ) {
        while let Some(Reverse(entry)) = self.queue.pop() {
            let (time_ms, node) = ((entry >> 32) as u32, entry as u32);
            if self.labels[node as usize] as u32 != time_ms {
                continue; // A better way was found since this entry was made.
            }
            if settle(node, time_ms).is_break() {
                return;
            }
            expand(self, node, time_ms);
        }
    }
}
