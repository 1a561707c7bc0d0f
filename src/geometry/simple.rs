//! Finds where the rings of an area cross, touch themselves, or lie outside one another, with the place of it.
//!
//! The library's own check says only *that* a ring is not simple, and compares every edge with every other; planners
//! need the place, and imported areas have a million vertices. Edges are taken in runs of [`RUN`] along a ring, an
//! R-tree of the runs gives the pairs worth a look. Signs come from the adaptive predicate, so they are exact.

use geo::kernels::{Kernel, Orientation, RobustKernel};
use geo_types::{Coord, LineString, Polygon};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use super::area::{PreparedArea, Side};

/// Edges of one run: enough that the tree is small, few enough that runs of a winding ring seldom overlap.
const RUN: usize = 16;

/// What is wrong with an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// A ring crosses or touches itself, or turns back on itself.
    SelfCrossing,
    /// Two rings cross, or share more than single points.
    RingsCross,
    HoleOutside,
    HolesOverlap,
    PartsOverlap,
}

/// A fault and its place: the vertex that begins the faulty edge, and the point of the fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fault {
    pub part: usize,
    pub ring: usize,
    pub vertex: usize,
    pub point: Coord,
    pub kind: FaultKind,
}

/// The first fault of the parts of an area, each a list of closed rings without repeated vertices, outer ring first.
pub(super) fn find_fault(parts: &[Vec<&[Coord]>]) -> Option<Fault> {
    find_crossing(parts).or_else(|| find_misplaced(parts))
}

/// Some edges of one ring in a row.
#[derive(Clone, Copy)]
struct Run<'a> {
    part: usize,
    ring: usize,
    /// Vertex that begins the first edge.
    first: usize,
    /// Edges of the whole ring.
    ring_edges: usize,
    coords: &'a [Coord],
}

type Indexed = GeomWithData<Rectangle<[f64; 2]>, u32>;

fn envelope(coords: &[Coord]) -> AABB<[f64; 2]> {
    let mut low = [f64::INFINITY; 2];
    let mut high = [f64::NEG_INFINITY; 2];
    for c in coords {
        low = [low[0].min(c.x), low[1].min(c.y)];
        high = [high[0].max(c.x), high[1].max(c.y)];
    }
    AABB::from_corners(low, high)
}

fn find_crossing(parts: &[Vec<&[Coord]>]) -> Option<Fault> {
    let mut runs = Vec::new();
    for (part, rings) in parts.iter().enumerate() {
        for (ring, coords) in rings.iter().enumerate() {
            let ring_edges = coords.len() - 1;
            for first in (0..ring_edges).step_by(RUN) {
                let coords = &coords[first..=(first + RUN).min(ring_edges)];
                runs.push(Run { part, ring, first, ring_edges, coords });
            }
        }
    }
    let boxes = runs
        .iter()
        .enumerate()
        .map(|(i, run)| GeomWithData::new(Rectangle::from_aabb(envelope(run.coords)), i as u32))
        .collect();
    let tree: RTree<Indexed> = RTree::bulk_load(boxes);
    for (i, run) in runs.iter().enumerate() {
        let box_of_run = envelope(run.coords);
        for other in tree.locate_in_envelope_intersecting(box_of_run) {
            let j = other.data as usize;
            if j >= i
                && let Some(fault) = runs_meet(run, &runs[j])
            {
                return Some(fault);
            }
        }
    }
    None
}

fn runs_meet(run: &Run, other: &Run) -> Option<Fault> {
    let same_ring = run.part == other.part && run.ring == other.ring;
    let other_box = envelope(other.coords);
    let (low, high) = (other_box.lower(), other_box.upper());
    for (i, e) in run.coords.windows(2).enumerate() {
        let (a, b) = (e[0], e[1]);
        if a.x.max(b.x) < low[0] || a.x.min(b.x) > high[0] || a.y.max(b.y) < low[1] || a.y.min(b.y) > high[1] {
            continue;
        }
        let vertex = run.first + i;
        for (j, f) in other.coords.windows(2).enumerate() {
            let other_vertex = other.first + j;
            if same_ring && other_vertex <= vertex {
                continue;
            }
            let fault = |point, kind| Some(Fault { part: run.part, ring: run.ring, vertex, point, kind });
            if same_ring && other_vertex == vertex + 1 {
                if turns_back(a, b, f[1]) {
                    return fault(b, FaultKind::SelfCrossing);
                }
            } else if same_ring && vertex == 0 && other_vertex == run.ring_edges - 1 {
                if turns_back(f[0], a, b) {
                    return fault(a, FaultKind::SelfCrossing);
                }
            } else {
                match (meeting(a, b, f[0], f[1]), same_ring) {
                    (None, _) | (Some((Meeting::Touch, _)), false) => {}
                    (Some((_, point)), true) => return fault(point, FaultKind::SelfCrossing),
                    (Some((_, point)), false) => return fault(point, FaultKind::RingsCross),
                }
            }
        }
    }
    None
}

/// Whether the way a → b → c goes back over itself.
fn turns_back(a: Coord, b: Coord, c: Coord) -> bool {
    RobustKernel::orient2d(a, b, c) == Orientation::Collinear
        && (a.x - b.x) * (c.x - b.x) + (a.y - b.y) * (c.y - b.y) > 0.0
}

enum Meeting {
    /// At a single point that is an end of one of the edges.
    Touch,
    /// Through each other, or along a common stretch.
    Cross,
}

fn meeting(a: Coord, b: Coord, c: Coord, d: Coord) -> Option<(Meeting, Coord)> {
    if c.x.max(d.x) < a.x.min(b.x)
        || c.x.min(d.x) > a.x.max(b.x)
        || c.y.max(d.y) < a.y.min(b.y)
        || c.y.min(d.y) > a.y.max(b.y)
    {
        return None;
    }
    let side_c = RobustKernel::orient2d(a, b, c);
    let side_d = RobustKernel::orient2d(a, b, d);
    if side_c == side_d && side_c != Orientation::Collinear {
        return None;
    }
    if side_c == side_d {
        return common_stretch(a, b, c, d);
    }
    let side_a = RobustKernel::orient2d(c, d, a);
    let side_b = RobustKernel::orient2d(c, d, b);
    if side_a == side_b {
        return None;
    }
    let on = [(side_c, c), (side_d, d), (side_a, a), (side_b, b)];
    if let Some((_, end)) = on.into_iter().find(|(side, _)| *side == Orientation::Collinear) {
        return Some((Meeting::Touch, end));
    }
    let (r, s, to_c) = (b - a, d - c, c - a);
    let t = (to_c.x * s.y - to_c.y * s.x) / (r.x * s.y - r.y * s.x);
    let t = if t.is_finite() { t.clamp(0.0, 1.0) } else { 0.5 };
    Some((Meeting::Cross, Coord { x: a.x + r.x * t, y: a.y + r.y * t }))
}

/// What two edges on one line have in common.
fn common_stretch(a: Coord, b: Coord, c: Coord, d: Coord) -> Option<(Meeting, Coord)> {
    let order = |p: &Coord, q: &Coord| p.x.total_cmp(&q.x).then(p.y.total_cmp(&q.y));
    let sorted = |p: Coord, q: Coord| if order(&p, &q).is_le() { (p, q) } else { (q, p) };
    let ((low1, high1), (low2, high2)) = (sorted(a, b), sorted(c, d));
    let low = if order(&low1, &low2).is_ge() { low1 } else { low2 };
    let high = if order(&high1, &high2).is_le() { high1 } else { high2 };
    match order(&low, &high) {
        std::cmp::Ordering::Greater => None,
        std::cmp::Ordering::Equal => Some((Meeting::Touch, low)),
        std::cmp::Ordering::Less => Some((Meeting::Cross, low)),
    }
}

/// With no edges crossing, rings can only be nested or apart: finds those that are nested wrongly.
fn find_misplaced(parts: &[Vec<&[Coord]>]) -> Option<Fault> {
    if let [rings] = parts
        && rings.len() == 1
    {
        return None;
    }
    for (part, rings) in parts.iter().enumerate() {
        if rings.len() > 1
            && let Some(fault) = find_misplaced_hole(part, rings)
        {
            return Some(fault);
        }
    }
    let areas: Vec<PreparedArea> = parts.iter().map(|rings| prepared(rings)).collect();
    let outer: Vec<&[Coord]> = parts.iter().map(|rings| rings[0]).collect();
    find_inside(&outer, |i| &areas[i]).map(|(part, vertex, point)| Fault {
        part,
        ring: 0,
        vertex,
        point,
        kind: FaultKind::PartsOverlap,
    })
}

fn find_misplaced_hole(part: usize, rings: &[&[Coord]]) -> Option<Fault> {
    let outer = prepared(&rings[..1]);
    for (i, hole) in rings[1..].iter().enumerate() {
        let outside = stops(hole).find(|(_, point)| outer.side(point.x, point.y) == Side::Outside);
        if let Some((vertex, point)) = outside {
            return Some(Fault { part, ring: i + 1, vertex, point, kind: FaultKind::HoleOutside });
        }
    }
    let holes: Vec<PreparedArea> = rings[1..].iter().map(|ring| prepared(std::slice::from_ref(ring))).collect();
    find_inside(&rings[1..], |i| &holes[i]).map(|(hole, vertex, point)| Fault {
        part,
        ring: hole + 1,
        vertex,
        point,
        kind: FaultKind::HolesOverlap,
    })
}

/// The first ring with a point strictly inside the area of another one: its number, the vertex, the point.
fn find_inside<'a>(rings: &[&[Coord]], area: impl Fn(usize) -> &'a PreparedArea) -> Option<(usize, usize, Coord)> {
    let boxes = rings
        .iter()
        .enumerate()
        .map(|(i, ring)| GeomWithData::new(Rectangle::from_aabb(envelope(ring)), i as u32))
        .collect();
    let tree: RTree<Indexed> = RTree::bulk_load(boxes);
    for (i, ring) in rings.iter().enumerate() {
        for other in tree.locate_in_envelope_intersecting(envelope(ring)) {
            let j = other.data as usize;
            if i == j {
                continue;
            }
            let inside = stops(ring).find(|(_, point)| area(j).side(point.x, point.y) == Side::Inside);
            if let Some((vertex, point)) = inside {
                return Some((i, vertex, point));
            }
        }
    }
    None
}

/// Vertices and middles of edges: rings that pass through each other at a vertex show on one of them.
fn stops(ring: &[Coord]) -> impl Iterator<Item = (usize, Coord)> {
    ring.windows(2).enumerate().flat_map(|(i, e)| [(i, e[0]), (i, (e[0] + e[1]) / 2.0)])
}

fn prepared(rings: &[&[Coord]]) -> PreparedArea {
    let mut lines = rings.iter().map(|ring| LineString(ring.to_vec()));
    let outer = lines.next().unwrap_or_else(|| LineString(Vec::new()));
    PreparedArea::new(&Polygon::new(outer, lines.collect()).into())
}
