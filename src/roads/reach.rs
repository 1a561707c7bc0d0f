//! Travel times: from one place to many, from many to one, and tables of both.
//!
//! A place is a [`Snap`]: it may lie in the midst of a segment, so that a way begins and ends with a stretch of one.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::graph::{CLOSED, Graph};
use super::search::{Direction, Ground, NO_ARC, Workspace};
use super::snap::Snap;

/// How one gets somewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reached {
    pub time_ms: u32,
    pub distance_m: f64,
    pub(super) how: How,
}

impl Reached {
    /// Seconds.
    #[must_use]
    pub fn time_s(&self) -> f64 {
        f64::from(self.time_ms) / 1000.0
    }
}

/// The last thing on the way from the place that was searched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Along one segment, by this arc, past no junction.
    Direct(u32),
    /// From this node by a stretch of this arc.
    Through { node: u32, arc: u32 },
}

/// A place as the search sees it: an end of its way lies this far from a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Door {
    pub node: u32,
    pub arc: u32,
    pub time_ms: u32,
}

/// Stretches by which one leaves a place for the nodes around it. Nothing is known of how one came there, so that the
/// arcs between junctions are used and not their copies.
pub(super) fn exits(ground: &Ground<'_>, place: &Snap) -> Vec<Door> {
    let length_m = f64::from(ground.graph.segments[place.segment as usize].length_m);
    let junctions = ground.graph.junctions;
    let between = ground
        .graph
        .along(place.segment as usize)
        .iter()
        .filter(|arc| ground.graph.arcs[**arc as usize].tail < junctions);
    doors(between, |arc| {
        let arc_of = &ground.graph.arcs[arc as usize];
        let (from_m, to_m) = if arc_of.is_backward() { (0.0, place.along_m) } else { (place.along_m, length_m) };
        (arc_of.head, ground.overlay.stretch_ms(ground.graph, arc_of, ground.profile, from_m, to_m))
    })
}

/// Stretches by which one comes to a place from the nodes around it.
pub(super) fn entries(ground: &Ground<'_>, place: &Snap) -> Vec<Door> {
    let length_m = f64::from(ground.graph.segments[place.segment as usize].length_m);
    doors(ground.graph.along(place.segment as usize).iter(), |arc| {
        let arc_of = &ground.graph.arcs[arc as usize];
        let (from_m, to_m) = if arc_of.is_backward() { (place.along_m, length_m) } else { (0.0, place.along_m) };
        (arc_of.tail, ground.overlay.stretch_ms(ground.graph, arc_of, ground.profile, from_m, to_m))
    })
}

fn doors<'a>(arcs: impl Iterator<Item = &'a u32>, door: impl Fn(u32) -> (u32, u32)) -> Vec<Door> {
    arcs.map(|arc| {
        let (node, time_ms) = door(*arc);
        Door { node, arc: *arc, time_ms }
    })
    .filter(|door| door.time_ms != CLOSED)
    .collect()
}

/// Along one segment from a place to another, past no junction: `(milliseconds, arc)`.
pub(super) fn direct(ground: &Ground<'_>, from: &Snap, to: &Snap) -> Option<(u32, u32)> {
    if from.segment != to.segment {
        return None;
    }
    let wants_backward = to.along_m < from.along_m;
    let (low_m, high_m) = (from.along_m.min(to.along_m), from.along_m.max(to.along_m));
    let arcs = ground.graph.along(from.segment as usize).iter().filter(|arc| {
        let arc = &ground.graph.arcs[**arc as usize];
        (arc.is_backward() == wants_backward || low_m == high_m) && arc.tail < ground.graph.junctions
    });
    arcs.map(|arc| {
        (
            ground.overlay.stretch_ms(ground.graph, &ground.graph.arcs[*arc as usize], ground.profile, low_m, high_m),
            *arc,
        )
    })
    .filter(|(time_ms, _)| *time_ms != CLOSED)
    .min()
}

/// From one place to each of the others, in their order; `None` where there is no way within `limit_ms`, or no road.
pub fn one_to_many(
    ground: &Ground<'_>,
    from: &Snap,
    to: &[Option<Snap>],
    limit_ms: u32,
    workspace: &mut Workspace,
) -> Vec<Option<Reached>> {
    reach(ground, Direction::From, from, to, limit_ms, workspace)
}

/// From each of the places to one, in their order; `None` where there is no way within `limit_ms`, or no road.
pub fn many_to_one(
    ground: &Ground<'_>,
    from: &[Option<Snap>],
    to: &Snap,
    limit_ms: u32,
    workspace: &mut Workspace,
) -> Vec<Option<Reached>> {
    reach(ground, Direction::Towards, to, from, limit_ms, workspace)
}

/// All sources by all targets, a row a source: a search for each source or for each target, whichever are fewer.
pub fn table(
    ground: &Ground<'_>,
    sources: &[Option<Snap>],
    targets: &[Option<Snap>],
    workspace: &mut Workspace,
) -> Vec<Vec<Option<Reached>>> {
    if sources.len() <= targets.len() {
        let mut row = |source: &Option<Snap>| match source {
            Some(source) => one_to_many(ground, source, targets, u32::MAX, workspace),
            None => vec![None; targets.len()],
        };
        return sources.iter().map(&mut row).collect();
    }
    let mut rows = vec![vec![None; targets.len()]; sources.len()];
    for (column, target) in targets.iter().enumerate() {
        let Some(target) = target else { continue };
        for (row, found) in rows.iter_mut().zip(many_to_one(ground, sources, target, u32::MAX, workspace)) {
            row[column] = found;
        }
    }
    rows
}

fn reach(
    ground: &Ground<'_>,
    direction: Direction,
    centre: &Snap,
    others: &[Option<Snap>],
    limit_ms: u32,
    workspace: &mut Workspace,
) -> Vec<Option<Reached>> {
    let (seeds, doors_of): (_, fn(&Ground<'_>, &Snap) -> Vec<Door>) = match direction {
        Direction::From => (exits(ground, centre), entries),
        Direction::Towards => (entries(ground, centre), exits),
    };
    let mut awaited = Awaited::new(ground.graph.node_count(), others.len());
    for (n, other) in others.iter().enumerate() {
        let Some(other) = other else { continue };
        let along = match direction {
            Direction::From => direct(ground, centre, other),
            Direction::Towards => direct(ground, other, centre),
        };
        if let Some((time_ms, arc)) = along {
            awaited.offer(n, time_ms, How::Direct(arc));
        }
        awaited.expect(n, doors_of(ground, other));
    }
    awaited.sort();
    let seed_nodes: Vec<(u32, u32)> = seeds.iter().map(|door| (door.node, door.time_ms)).collect();
    workspace.search(ground, direction, &seed_nodes, |node, time_ms| {
        if time_ms > limit_ms || awaited.is_done(time_ms) {
            return ControlFlow::Break(());
        }
        awaited.pass(node, time_ms);
        ControlFlow::Continue(())
    });
    let mut lengths = Lengths::new(ground.graph, direction, centre, &seeds);
    awaited
        .best
        .iter()
        .zip(others)
        .map(|(best, other)| {
            let ((time_ms, how), other) = ((*best)?, other.as_ref()?);
            let distance_m = match how {
                How::Direct(_) => (other.along_m - centre.along_m).abs(),
                How::Through { node, arc } => {
                    lengths.to(node, workspace) + stretch_m(ground.graph, arc, other, direction)
                }
            };
            (time_ms <= limit_ms).then_some(Reached { time_ms, distance_m, how })
        })
        .collect()
}

/// Metres between a place and the node from which (or to which) one goes along `arc` to it (or from it).
pub(super) fn stretch_m(graph: &Graph, arc: u32, place: &Snap, direction: Direction) -> f64 {
    let arc = &graph.arcs[arc as usize];
    let length_m = f64::from(graph.segments[arc.segment()].length_m);
    // Searching from the centre the node is the arc's tail; searching towards it, its head.
    let from_start = arc.is_backward() != (direction == Direction::From);
    if from_start { place.along_m } else { length_m - place.along_m }
}

/// The places that a search looks for, by the nodes that lead to them.
struct Awaited {
    /// A bit for each node, so that most nodes are passed with one look.
    marks: Vec<u64>,
    /// `(node, place, door)`, sorted by node.
    doors: Vec<(u32, usize, Door)>,
    best: Vec<Option<(u32, How)>>,
    /// Places not yet reached that may be.
    missing: usize,
    has_doors: Vec<bool>,
    /// Once all are reached: no place lies farther than this, milliseconds.
    farthest_ms: Option<u32>,
}

impl Awaited {
    fn new(nodes: usize, places: usize) -> Self {
        Self {
            marks: vec![0; nodes.div_ceil(64)],
            doors: Vec::new(),
            best: vec![None; places],
            missing: 0,
            has_doors: vec![false; places],
            farthest_ms: None,
        }
    }

    fn expect(&mut self, place: usize, doors: Vec<Door>) {
        if !doors.is_empty() {
            self.has_doors[place] = true;
            self.missing += usize::from(self.best[place].is_none());
        }
        for door in doors {
            self.marks[door.node as usize / 64] |= 1 << (door.node % 64);
            self.doors.push((door.node, place, door));
        }
    }

    fn sort(&mut self) {
        self.doors.sort_by_key(|(node, place, door)| (*node, *place, door.arc));
    }

    fn offer(&mut self, place: usize, time_ms: u32, how: How) {
        match &mut self.best[place] {
            Some((known_ms, _)) if *known_ms <= time_ms => {}
            Some(known) => *known = (time_ms, how),
            none => {
                *none = Some((time_ms, how));
                self.missing -= usize::from(self.has_doors[place]);
            }
        }
    }

    /// A node was settled: the places behind it can be reached.
    fn pass(&mut self, node: u32, time_ms: u32) {
        if self.marks[node as usize / 64] & (1 << (node % 64)) == 0 {
            return;
        }
        let start = self.doors.partition_point(|(at, _, _)| *at < node);
        for n in start..self.doors.len() {
            let (at, place, door) = self.doors[n];
            if at != node {
                break;
            }
            let sum_ms = time_ms.saturating_add(door.time_ms);
            if sum_ms != CLOSED {
                self.offer(place, sum_ms, How::Through { node, arc: door.arc });
            }
        }
    }

    /// Whether nothing that is settled from now on can be nearer than what is known.
    fn is_done(&mut self, time_ms: u32) -> bool {
        if self.missing > 0 {
            return false;
        }
        let best = &self.best;
        let farthest_ms = *self
            .farthest_ms
            .get_or_insert_with(|| best.iter().flatten().map(|(time_ms, _)| *time_ms).max().unwrap_or_default());
        time_ms >= farthest_ms
    }
}

/// Metres from the centre of a search to its nodes, each walked once.
struct Lengths<'a> {
    graph: &'a Graph,
    direction: Direction,
    /// Metres to the nodes where the search began.
    seeds: HashMap<u32, f64>,
    walked: HashMap<u32, f64>,
}

impl<'a> Lengths<'a> {
    fn new(graph: &'a Graph, direction: Direction, centre: &Snap, seeds: &[Door]) -> Self {
        let other = match direction {
            Direction::From => Direction::Towards,
            Direction::Towards => Direction::From,
        };
        let mut quickest: Vec<&Door> = seeds.iter().collect();
        quickest.sort_by_key(|door| door.time_ms);
        let mut new = Self { graph, direction, seeds: HashMap::new(), walked: HashMap::new() };
        for door in quickest {
            new.seeds.entry(door.node).or_insert_with(|| stretch_m(graph, door.arc, centre, other));
        }
        new
    }

    fn to(&mut self, node: u32, workspace: &Workspace) -> f64 {
        let mut at = node;
        let mut way = Vec::new();
        let mut metres = loop {
            if let Some(known) = self.walked.get(&at) {
                break *known;
            }
            let by_arc = workspace.by_arc(at);
            if by_arc == NO_ARC {
                break self.seeds[&at];
            }
            way.push((at, by_arc));
            let arc = &self.graph.arcs[by_arc as usize];
            at = if self.direction == Direction::From { arc.tail } else { arc.head };
        };
        for (node, by_arc) in way.into_iter().rev() {
            let segment = self.graph.arcs[by_arc as usize].segment();
            metres += f64::from(self.graph.segments[segment].length_m);
            self.walked.insert(node, metres);
        }
        metres
    }
}
