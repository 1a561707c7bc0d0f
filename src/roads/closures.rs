//! From what a person drew to the roads it lies on.
//!
//! A closure is kept as geometry, since segments are numbered anew with every import. Matching is done again when the
//! graph is another one; what then lies on no road is told, and somebody has to look.
//!
//! - A **point** cuts the nearest road within [`POINT_REACH_M`], at a junction all roads that meet there.
//! - A **line** covers what lies within [`LINE_REACH_M`] of it: it may be drawn along a road or across one.
//! - An **area** covers what lies inside.
//!
//! Heights are not known: a closure drawn on a bridge also covers the road below.

use std::collections::BTreeMap;

use geo::BoundingRect;
use geo_types::{Coord, Geometry, Line};
use uuid::Uuid;

use super::overlay::{Effect, Overlay};
use super::profile::Profiles;
use super::roads::Roads;
use super::snap::{Plane, along_m, between};

use crate::geometry::measure::{PreparedArea, degree_box};

/// A point farther than this from any road closes nothing, metres: whoever points at a map means the road they see.
pub const POINT_REACH_M: f64 = 100.0;
/// Roads that pass this much farther than the nearest one are cut with it: those that meet in a junction.
const JUNCTION_M: f64 = 1.0;
/// A line covers roads so near to it, metres: as precisely as a hand follows a road on a map.
pub const LINE_REACH_M: f64 = 20.0;

/// Something that closes or slows roads where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Closure {
    /// By which it is told where it lies on nothing.
    pub id: Uuid,
    /// WGS 84, longitude first.
    pub geometry: Geometry,
    /// Whom it concerns.
    pub profiles: Profiles,
    /// Share of the speed that is left, 0 for a full closure.
    pub factor: f64,
}

/// Closures laid over a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Laid {
    pub overlay: Overlay,
    /// Closures that lie on no road, in the order given.
    pub unmatched: Vec<Uuid>,
}

/// Lays closures over a network. They are all in force: which hold at a moment is the caller's to choose.
#[must_use]
pub fn lay(roads: &Roads, closures: &[Closure]) -> Laid {
    let mut effects = Vec::new();
    let mut unmatched = Vec::new();
    for closure in closures {
        let before = effects.len();
        effects.extend(stretches(roads, &closure.geometry).into_iter().map(|(segment, [from_m, to_m])| Effect {
            segment,
            from_m,
            to_m,
            profiles: closure.profiles,
            factor: closure.factor,
        }));
        if effects.len() == before {
            unmatched.push(closure.id);
        }
    }
    Laid { overlay: Overlay::new(&roads.graph, &effects), unmatched }
}

/// The stretches of road that a geometry lies on: segment, and metres along it.
#[must_use]
pub fn stretches(roads: &Roads, geometry: &Geometry) -> Vec<(u32, [f64; 2])> {
    let mut covered = Covered::default();
    cover(roads, geometry, &mut covered);
    covered.into_stretches()
}

fn cover(roads: &Roads, geometry: &Geometry, covered: &mut Covered) {
    match geometry {
        Geometry::Point(point) => cover_point(roads, point.0, covered),
        Geometry::MultiPoint(points) => points.iter().for_each(|point| cover_point(roads, point.0, covered)),
        Geometry::Line(line) => cover_line(roads, *line, covered),
        Geometry::LineString(line) => line.lines().for_each(|edge| cover_line(roads, edge, covered)),
        Geometry::MultiLineString(lines) => {
            lines.iter().flat_map(|line| line.lines()).for_each(|edge| cover_line(roads, edge, covered));
        }
        Geometry::GeometryCollection(parts) => parts.iter().for_each(|part| cover(roads, part, covered)),
        area => cover_area(roads, area, covered),
    }
}

fn cover_point(roads: &Roads, place: Coord, covered: &mut Covered) {
    let plane = Plane::at(place.x, place.y);
    let points = &roads.graph.points;
    let near: Vec<(f64, u32, usize, f64)> = roads
        .index
        .edges_near(degree_box(place.x, place.y, POINT_REACH_M + JUNCTION_M).first)
        .map(|(segment, edge)| {
            let (square_m2, share) = plane.nearest(points[edge], points[edge + 1]);
            (square_m2.sqrt(), segment, edge, share)
        })
        .collect();
    let nearest_m = near.iter().map(|(metres, ..)| *metres).fold(f64::INFINITY, f64::min);
    if nearest_m > POINT_REACH_M {
        return;
    }
    for (_, segment, edge, share) in near.into_iter().filter(|(metres, ..)| *metres <= nearest_m + JUNCTION_M) {
        covered.add(roads, segment, edge, [share, share]);
    }
}

fn cover_line(roads: &Roads, line: Line, covered: &mut Covered) {
    let plane = Plane::at((line.start.x + line.end.x) / 2.0, (line.start.y + line.end.y) / 2.0);
    let around = [line.start, line.end].map(|end| degree_box(end.x, end.y, LINE_REACH_M).first);
    let bbox = [
        around[0][0].min(around[1][0]),
        around[0][1].min(around[1][1]),
        around[0][2].max(around[1][2]),
        around[0][3].max(around[1][3]),
    ];
    let ends = [line.start, line.end].map(|end| plane.metres([end.x, end.y]));
    for (segment, edge) in roads.index.edges_near(bbox) {
        let [a, b] = [0, 1].map(|n| plane.metres(roads.graph.points[edge + n].degrees()));
        if let Some(shares) = within(a, b, ends, LINE_REACH_M) {
            covered.add(roads, segment, edge, shares);
        }
    }
}

fn cover_area(roads: &Roads, area: &Geometry, covered: &mut Covered) {
    let Some(rect) = area.bounding_rect() else { return };
    let prepared = PreparedArea::new(area);
    for (segment, edge) in roads.index.edges_near([rect.min().x, rect.min().y, rect.max().x, rect.max().y]) {
        let [a, b] = [0, 1].map(|n| Coord::from(roads.graph.points[edge + n].degrees()));
        for shares in prepared.stretches_inside(a, b) {
            covered.add(roads, segment, edge, shares);
        }
    }
}

/// The shares of the edge a–b between which it is at most so far from a line, on a plane. There is one such stretch:
/// the distance to something convex falls along a line and then grows.
fn within(a: Coord, b: Coord, line: [Coord; 2], reach_m: f64) -> Option<[f64; 2]> {
    /// Halvings: of an edge of a hundred kilometres to a millimetre.
    const STEPS: usize = 27;
    let distance_m = |share: f64| distance_to_line(a + (b - a) * share, line);
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..STEPS * 2 {
        let third = (high - low) / 3.0;
        if distance_m(low + third) <= distance_m(high - third) {
            high -= third;
        } else {
            low += third;
        }
    }
    let nearest = [0.0, (low + high) / 2.0, 1.0]
        .into_iter()
        .min_by(|x, y| distance_m(*x).total_cmp(&distance_m(*y)))
        .expect("three shares");
    if distance_m(nearest) > reach_m {
        return None;
    }
    let edge_of = |outer: f64| {
        if distance_m(outer) <= reach_m {
            return outer;
        }
        let (mut inside, mut outside) = (nearest, outer);
        for _ in 0..STEPS {
            let middle = (inside + outside) / 2.0;
            *(if distance_m(middle) <= reach_m { &mut inside } else { &mut outside }) = middle;
        }
        inside
    };
    Some([edge_of(0.0), edge_of(1.0)])
}

fn distance_to_line(place: Coord, [from, to]: [Coord; 2]) -> f64 {
    let edge = to - from;
    let square = edge.x * edge.x + edge.y * edge.y;
    let along = place - from;
    let share = if square > 0.0 { ((along.x * edge.x + along.y * edge.y) / square).clamp(0.0, 1.0) } else { 0.0 };
    let gap = along - edge * share;
    gap.x.hypot(gap.y)
}

/// What is covered so far, by segment.
#[derive(Default)]
struct Covered(BTreeMap<u32, Vec<[f64; 2]>>);

impl Covered {
    /// Adds shares of one edge.
    fn add(&mut self, roads: &Roads, segment: u32, edge: usize, shares: [f64; 2]) {
        let points = &roads.graph.points;
        let metres = shares
            .map(|share| along_m(&roads.graph, segment as usize, edge, between(points[edge], points[edge + 1], share)));
        self.0.entry(segment).or_default().push(metres);
    }

    /// All of it, stretches that touch made one.
    fn into_stretches(self) -> Vec<(u32, [f64; 2])> {
        /// Gaps that rounding leaves between the edges of a road, metres.
        const GAP_M: f64 = 0.01;
        let mut out: Vec<(u32, [f64; 2])> = Vec::new();
        for (segment, mut stretches) in self.0 {
            stretches.sort_by(|a, b| a[0].total_cmp(&b[0]));
            for [from_m, to_m] in stretches {
                match out.last_mut() {
                    Some((of, known)) if *of == segment && from_m <= known[1] + GAP_M => known[1] = known[1].max(to_m),
                    _ => out.push((segment, [from_m, to_m])),
                }
            }
        }
        out
    }
}
