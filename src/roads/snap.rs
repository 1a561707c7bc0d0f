//! From a position to the road: the nearest place on the largest connected part of a profile.

use geo_types::Coord;
use rstar::{AABB, RTree, RTreeObject};

use super::graph::{Graph, Spot};
use super::profile::Profile;
use crate::geometry::measure::{degree_box, distance_m};

/// Farther than this a position has no road, metres.
pub const SNAP_MAX_M: f64 = 2_000.0;

/// Radii that are tried one after the other, so that a search in a town does not look at all of it.
const RADII_M: [f64; 3] = [100.0, 500.0, SNAP_MAX_M];

/// Edges of one entry of the index: a long road has several entries, so that its boxes stay small.
const PIECE_EDGES: usize = 16;

/// A place on a road.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Snap {
    pub segment: u32,
    /// Metres from the start of the segment as drawn.
    pub along_m: f64,
    /// `[lon, lat]`.
    pub position: [f64; 2],
    /// Metres from the position that was asked for, straight.
    pub snap_m: f64,
}

/// A stretch of a segment: its points `first..=last` of the graph's list.
#[derive(Clone, Copy, Debug)]
struct Piece {
    corners: [Spot; 2],
    segment: u32,
    first: u32,
    last: u32,
}

impl RTreeObject for Piece {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners(self.corners[0].degrees(), self.corners[1].degrees())
    }
}

/// The roads of one graph by where they lie.
#[derive(Debug)]
pub struct SnapIndex {
    pieces: RTree<Piece>,
}

impl SnapIndex {
    /// Indexes a graph; made once, when it is opened.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let mut pieces = Vec::new();
        for segment in 0..graph.segments().len() {
            let start = graph.first_point[segment] as usize;
            let last = graph.first_point[segment + 1] as usize - 1;
            for first in (start..last).step_by(PIECE_EDGES) {
                let to = (first + PIECE_EDGES).min(last);
                pieces.push(Piece {
                    corners: corners(&graph.points[first..=to]),
                    segment: segment as u32,
                    first: first as u32,
                    last: to as u32,
                });
            }
        }
        Self { pieces: RTree::bulk_load(pieces) }
    }

    /// The nearest place within [`SNAP_MAX_M`] on a road that the profile may use and get away from; `None` where
    /// there is none. `graph` is the one that was indexed.
    #[must_use]
    pub fn snap(&self, graph: &Graph, lon: f64, lat: f64, profile: Profile) -> Option<Snap> {
        RADII_M.iter().find_map(|radius_m| self.snap_within(graph, lon, lat, profile, *radius_m))
    }

    /// The edges whose piece of road may reach into a box `[west, south, east, north]`: segment, and the point of the
    /// graph's list where the edge begins; in no useful order.
    pub(super) fn edges_near(&self, [west, south, east, north]: [f64; 4]) -> impl Iterator<Item = (u32, usize)> {
        let around = AABB::from_corners([west, south], [east, north]);
        let edges = |piece: &Piece| {
            let segment = piece.segment;
            (piece.first as usize..piece.last as usize).map(move |edge| (segment, edge))
        };
        self.pieces.locate_in_envelope_intersecting(around).flat_map(edges)
    }

    fn snap_within(&self, graph: &Graph, lon: f64, lat: f64, profile: Profile, radius_m: f64) -> Option<Snap> {
        // Over the date line, where no mountain road runs, only the nearer side is looked at.
        let [west, south, east, north] = degree_box(lon, lat, radius_m).first;
        let plane = Plane::at(lon, lat);
        let mut best: Option<Candidate> = None;
        for (segment, edge) in self.edges_near([west, south, east, north]) {
            if !graph.segments[segment as usize].main_part().has(profile) {
                continue;
            }
            let (square_m2, share) = plane.nearest(graph.points[edge], graph.points[edge + 1]);
            let candidate = Candidate { square_m2, segment, edge, share };
            if best.as_ref().is_none_or(|best| candidate.is_before(best)) {
                best = Some(candidate);
            }
        }
        let best = best?;
        let position = between(graph.points[best.edge], graph.points[best.edge + 1], best.share);
        let snap_m = distance_m(lon, lat, position[0], position[1]);
        (snap_m <= radius_m).then(|| Snap {
            segment: best.segment,
            along_m: along_m(graph, best.segment as usize, best.edge, position),
            position,
            snap_m,
        })
    }
}

/// The place on one edge that is nearest.
struct Candidate {
    square_m2: f64,
    segment: u32,
    /// The point of the graph's list where the edge begins.
    edge: usize,
    share: f64,
}

impl Candidate {
    /// Of equally near places the one of the lowest segment is taken, so that the answer is always the same.
    fn is_before(&self, other: &Self) -> bool {
        let by_number = (self.segment, self.edge).cmp(&(other.segment, other.edge));
        self.square_m2.total_cmp(&other.square_m2).then(by_number).is_lt()
    }
}

fn corners(points: &[Spot]) -> [Spot; 2] {
    points.iter().fold([points[0]; 2], |[low, high], spot| {
        [
            Spot { lon_e7: low.lon_e7.min(spot.lon_e7), lat_e7: low.lat_e7.min(spot.lat_e7) },
            Spot { lon_e7: high.lon_e7.max(spot.lon_e7), lat_e7: high.lat_e7.max(spot.lat_e7) },
        ]
    })
}

/// A place on the edge from one vertex to the next.
pub(super) fn between(from: Spot, to: Spot, share: f64) -> [f64; 2] {
    let (from, to) = (from.degrees(), to.degrees());
    [0, 1].map(|axis| from[axis] + (to[axis] - from[axis]) * share)
}

/// Metres along a segment to a position on the edge that begins at the point `edge` of the graph's list.
pub(super) fn along_m(graph: &Graph, segment: usize, edge: usize, position: [f64; 2]) -> f64 {
    let start = graph.first_point[segment] as usize;
    let mut places: Vec<[f64; 2]> = graph.points[start..=edge].iter().map(|spot| spot.degrees()).collect();
    places.push(position);
    let metres: f64 = places.windows(2).map(|pair| distance_m(pair[0][0], pair[0][1], pair[1][0], pair[1][1])).sum();
    metres.min(f64::from(graph.segments[segment].length_m))
}

/// Metres east and north of a place, on the plane that touches the Earth there. Within two kilometres it is off by
/// less than a metre in a hundred, and alike for places that are alike far.
pub(super) struct Plane {
    centre: Coord,
    scale: Coord,
}

impl Plane {
    pub(super) fn at(lon: f64, lat: f64) -> Self {
        const DEGREE_M: f64 = 111_320.0;
        Self { centre: Coord { x: lon, y: lat }, scale: Coord { x: DEGREE_M * lat.to_radians().cos(), y: DEGREE_M } }
    }

    /// A position `[lon, lat]` in metres from the centre.
    pub(super) fn metres(&self, [lon, lat]: [f64; 2]) -> Coord {
        Coord { x: (lon - self.centre.x) * self.scale.x, y: (lat - self.centre.y) * self.scale.y }
    }

    /// Square of the distance from the centre to an edge, and the share of the edge where it is nearest.
    pub(super) fn nearest(&self, from: Spot, to: Spot) -> (f64, f64) {
        let (from, to) = (self.metres(from.degrees()), self.metres(to.degrees()));
        let edge = to - from;
        let square = edge.x * edge.x + edge.y * edge.y;
        let share = if square > 0.0 { (-(from.x * edge.x + from.y * edge.y) / square).clamp(0.0, 1.0) } else { 0.0 };
        let near = from + edge * share;
        (near.x * near.x + near.y * near.y, share)
    }
}
