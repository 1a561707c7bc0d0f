//! One way from a place to another: its shape, its length and climb, and its legs by the name of the road.

use super::graph::Graph;
use super::profile::{Class, Surface};
use super::reach::{How, exits, one_to_many, stretch_m};
use super::search::{Direction, Ground, NO_ARC, Workspace};
use super::snap::Snap;
use crate::geometry::measure::distance_m;

/// A way that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub time_ms: u32,
    pub distance_m: f64,
    /// Metres climbed on the way.
    pub climb_m: f64,
    pub legs: Vec<Leg>,
    /// `[lon, lat]` from the first place to the last.
    pub shape: Vec<[f64; 2]>,
    /// The segments it runs along, in order.
    pub segments: Vec<u32>,
}

/// A stretch of a way along one road.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// Sign and name, empty where the road has none.
    pub name: String,
    pub class: Class,
    pub surface: Surface,
    pub time_ms: u32,
    pub distance_m: f64,
    pub climb_m: f64,
}

/// A stretch of an arc: metres along the direction of drawing, `low_m ≤ high_m`, whichever way it is gone.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    arc: u32,
    low_m: f64,
    high_m: f64,
}

/// The quickest way from a place to another; `None` where there is none within `limit_ms`.
pub fn route(ground: &Ground<'_>, from: &Snap, to: &Snap, limit_ms: u32, workspace: &mut Workspace) -> Option<Route> {
    let reached = one_to_many(ground, from, &[Some(*to)], limit_ms, workspace)[0]?;
    let stretches = match reached.how {
        How::Direct(arc) => {
            vec![Stretch { arc, low_m: from.along_m.min(to.along_m), high_m: from.along_m.max(to.along_m) }]
        }
        How::Through { node, arc } => stretches(ground, from, to, node, arc, workspace),
    };
    let mut route = Route {
        time_ms: reached.time_ms,
        distance_m: reached.distance_m,
        climb_m: 0.0,
        legs: Vec::new(),
        shape: Vec::new(),
        segments: Vec::new(),
    };
    for stretch in stretches {
        route.go(ground, stretch);
    }
    Some(route)
}

/// The way to a node that was reached, and on along `last` to the place.
fn stretches(ground: &Ground<'_>, from: &Snap, to: &Snap, node: u32, last: u32, workspace: &Workspace) -> Vec<Stretch> {
    let graph = ground.graph;
    let piece = |arc: u32, metres: f64, at_start: bool| {
        let arc_of = &graph.arcs[arc as usize];
        let length_m = f64::from(graph.segments[arc_of.segment()].length_m);
        if at_start != arc_of.is_backward() {
            Stretch { arc, low_m: 0.0, high_m: metres }
        } else {
            Stretch { arc, low_m: length_m - metres, high_m: length_m }
        }
    };
    let mut stretches = vec![piece(last, stretch_m(graph, last, to, Direction::From), true)];
    let mut at = node;
    loop {
        let arc = workspace.by_arc(at);
        if arc == NO_ARC {
            break;
        }
        let length_m = f64::from(graph.segments[graph.arcs[arc as usize].segment()].length_m);
        stretches.push(Stretch { arc, low_m: 0.0, high_m: length_m });
        at = graph.arcs[arc as usize].tail;
    }
    let first = exits(ground, from).into_iter().filter(|door| door.node == at).min_by_key(|door| door.time_ms);
    let first = first.expect("a search begins at an exit").arc;
    stretches.push(piece(first, stretch_m(graph, first, from, Direction::Towards), false));
    stretches.reverse();
    stretches
}

impl Route {
    /// Goes on along a stretch.
    fn go(&mut self, ground: &Ground<'_>, stretch: Stretch) {
        let graph = ground.graph;
        let arc = &graph.arcs[stretch.arc as usize];
        let segment = &graph.segments[arc.segment()];
        let distance_m = stretch.high_m - stretch.low_m;
        let share = if segment.length_m > 0.0 { distance_m / f64::from(segment.length_m) } else { 1.0 };
        let climb_m = f64::from(segment.climb_m[usize::from(arc.is_backward())]) * share;
        let time_ms = ground.overlay.stretch_ms(graph, arc, ground.profile, stretch.low_m, stretch.high_m);
        self.climb_m += climb_m;
        let name = graph.name(arc.segment());
        let is_same = |leg: &Leg| leg.name == name && leg.class == segment.class() && leg.surface == segment.surface();
        match self.legs.last_mut().filter(|leg| is_same(leg)) {
            Some(leg) => {
                leg.time_ms += time_ms;
                leg.distance_m += distance_m;
                leg.climb_m += climb_m;
            }
            None => self.legs.push(Leg {
                name: name.to_owned(),
                class: segment.class(),
                surface: segment.surface(),
                time_ms,
                distance_m,
                climb_m,
            }),
        }
        let mut piece = cut(graph, arc.segment(), stretch.low_m, stretch.high_m);
        if arc.is_backward() {
            piece.reverse();
        }
        let joins = usize::from(self.shape.last().is_some_and(|last| piece.first() == Some(last)));
        self.shape.extend(piece.drain(joins..));
        if self.segments.last() != Some(&(arc.segment() as u32)) {
            self.segments.push(arc.segment() as u32);
        }
    }
}

/// The shape of a segment between two places, in metres along the direction of drawing: `[lon, lat]`.
#[must_use]
pub fn cut(graph: &Graph, segment: usize, low_m: f64, high_m: f64) -> Vec<[f64; 2]> {
    let corners: Vec<[f64; 2]> = graph.shape(segment).iter().map(|spot| spot.degrees()).collect();
    let mut out = Vec::new();
    let mut before_m = 0.0;
    for (n, pair) in corners.windows(2).enumerate() {
        let edge_m = distance_m(pair[0][0], pair[0][1], pair[1][0], pair[1][1]);
        let after_m = before_m + edge_m;
        let is_last = n + 2 == corners.len();
        let at = |metres: f64| {
            let share = if edge_m > 0.0 { ((metres - before_m) / edge_m).clamp(0.0, 1.0) } else { 0.0 };
            match share {
                1.0 => pair[1],
                share => [0, 1].map(|axis| pair[0][axis] + (pair[1][axis] - pair[0][axis]) * share),
            }
        };
        if out.is_empty() && (low_m <= after_m || is_last) {
            out.push(at(low_m));
        }
        if !out.is_empty() {
            let ends_here = high_m <= after_m || is_last;
            let next = if ends_here && high_m < after_m { at(high_m) } else { pair[1] };
            if out.last() != Some(&next) {
                out.push(next);
            }
            if ends_here {
                break;
            }
        }
        before_m = after_m;
    }
    out
}
