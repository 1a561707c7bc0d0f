//! The brute force: distances by geographiclib, edges cut until the pieces are as good as points.
//!
//! A distance changes by no more than the way one goes, so a piece of length L between points at distances d₁ and d₂
//! holds nothing nearer than (d₁ + d₂ − L) / 2: pieces that cannot hold the answer are not cut further.

use geo_types::{Coord, Geometry};
use geographiclib_rs::{DirectGeodesic, Geodesic, InverseGeodesic};
use std::sync::LazyLock;

static WGS84: LazyLock<Geodesic> = LazyLock::new(Geodesic::wgs84);
/// Pieces are cut until the distance cannot dip between their ends by more than this, metres.
const DIP_M: f64 = 0.02;
/// Radius of the Earth for curvatures, metres.
const RADIUS_M: f64 = 6_371_000.0;
/// Edges are first cut to this, degrees: on shorter ones the way along the edge is at most [`DETOUR`] times the
/// geodesic.
const FIRST_CUT_DEG: f64 = 0.1;
const DETOUR: f64 = 1.01;

pub fn geodesic_m(a: Coord, b: Coord) -> f64 {
    WGS84.inverse(a.y, a.x, b.y, b.x)
}

pub fn destination(from: Coord, bearing_deg: f64, metres: f64) -> Coord {
    let (lat, lon): (f64, f64) = WGS84.direct(from.y, from.x, bearing_deg, metres);
    Coord { x: lon, y: lat }
}

/// How long a piece at a distance may be: on a curve of radius r an arc of length L dips by L² / 8r, and neither a
/// circle around the place nor an edge (a parallel, at worst) is bent more than this.
fn piece_m(metres: f64, at: Coord) -> f64 {
    let parallel_m = (90.0 - at.y.abs()).to_radians() * RADIUS_M;
    (8.0 * DIP_M * metres.min(parallel_m)).sqrt().max(0.05)
}

fn between(a: Coord, b: Coord, t: f64) -> Coord {
    Coord { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t }
}

fn pieces(a: Coord, b: Coord, count: usize) -> impl Iterator<Item = (Coord, Coord)> {
    (0..count).map(move |n| (between(a, b, n as f64 / count as f64), between(a, b, (n + 1) as f64 / count as f64)))
}

/// The least value of a distance over the edges, and where; `None` if it is not less than `limit`. `f(at, enough)`
/// may answer infinite for a distance of at least `enough`.
fn least(edges: &[(Coord, Coord)], f: &mut dyn FnMut(Coord, f64) -> f64, limit: f64) -> Option<(f64, Coord)> {
    let mut best = (limit, None);
    let mut stack: Vec<(Coord, Coord, f64, f64)> = Vec::new();
    for (a, b) in edges {
        let longest = (b.x - a.x).abs().max((b.y - a.y).abs());
        let mut at_start: Option<f64> = None;
        for (p, q) in pieces(*a, *b, (longest / FIRST_CUT_DEG).ceil().max(1.0) as usize) {
            let enough = best.0 + geodesic_m(p, q) * DETOUR;
            let (from, to) = (at_start.unwrap_or_else(|| f(p, enough)), f(q, enough));
            for (value, at) in [(from, p), (to, q)] {
                if value < best.0 {
                    best = (value, Some(at));
                }
            }
            at_start = Some(to);
            stack.push((p, q, from, to));
        }
    }
    while let Some((p, q, from, to)) = stack.pop() {
        let length = geodesic_m(p, q) * DETOUR;
        if length > piece_m(best.0.min(from).min(to), p) && (from + to - length) / 2.0 < best.0 {
            let middle = between(p, q, 0.5);
            let value = f(middle, best.0 + length);
            if value < best.0 {
                best = (value, Some(middle));
            }
            stack.push((p, middle, from, value));
            stack.push((middle, q, value, to));
        }
    }
    best.1.map(|at| (best.0, at))
}

/// A geometry as edges (a point: one edge of no length), its areas as rings.
pub struct Shape {
    edges: Vec<(Coord, Coord)>,
    /// For each polygon its rings.
    areas: Vec<Vec<Vec<Coord>>>,
    centre: Coord,
    radius_m: f64,
    point: Option<Coord>,
}

impl Shape {
    pub fn new(geometry: &Geometry) -> Self {
        let (mut lines, mut areas, mut point): (Vec<Vec<Coord>>, Vec<Vec<Vec<Coord>>>, _) = Default::default();
        match geometry {
            Geometry::Point(at) => {
                lines.push(vec![at.0, at.0]);
                point = Some(at.0);
            }
            Geometry::LineString(line) => lines.push(line.0.clone()),
            Geometry::MultiLineString(parts) => lines.extend(parts.iter().map(|line| line.0.clone())),
            Geometry::Polygon(polygon) => areas.push(rings(polygon)),
            Geometry::MultiPolygon(polygons) => areas.extend(polygons.iter().map(rings)),
            other => panic!("{other:?} is not among the shapes of these tests"),
        }
        lines.extend(areas.iter().flatten().cloned());
        let edges: Vec<(Coord, Coord)> = lines.iter().flat_map(|l| l.windows(2).map(|e| (e[0], e[1]))).collect();
        let centre = edges[0].0;
        let radius_m =
            edges.iter().flat_map(|(a, b)| pieces(*a, *b, 20)).map(|(_, b)| geodesic_m(centre, b)).fold(0.0, f64::max);
        Self { edges, areas, centre, radius_m: radius_m * 1.1 + 1.0, point }
    }

    /// A distance that is surely not greater than the true one.
    pub fn at_least_m(&self, at: Coord) -> f64 {
        (geodesic_m(at, self.centre) - self.radius_m).max(0.0)
    }

    pub fn point(&self) -> Option<Coord> {
        self.point
    }

    /// Whether the place lies in one of the areas, by counting crossings.
    pub fn holds(&self, at: Coord) -> bool {
        self.areas.iter().any(|rings| {
            let crossings = rings.iter().flat_map(|ring| ring.windows(2)).filter(|edge| {
                let (a, b) = (edge[0], edge[1]);
                (a.y > at.y) != (b.y > at.y) && at.x < a.x + (at.y - a.y) / (b.y - a.y) * (b.x - a.x)
            });
            crossings.count() % 2 == 1
        })
    }

    pub fn distance_m(&self, at: Coord) -> f64 {
        if self.holds(at) {
            return 0.0;
        }
        if let Some(point) = self.point {
            return geodesic_m(at, point);
        }
        self.distance_under(at, f64::INFINITY)
    }

    /// The distance if it is less than `enough`, else infinite.
    fn distance_under(&self, at: Coord, enough: f64) -> f64 {
        if self.holds(at) {
            return 0.0;
        }
        least(&self.edges, &mut |p, _| geodesic_m(at, p), enough).map_or(f64::INFINITY, |(metres, _)| metres)
    }

    pub fn touches(&self, other: &Self) -> bool {
        let touching = |place: Option<Coord>, shape: &Self| place.is_some_and(|at| shape.distance_m(at) < 0.05);
        touching(other.point, self)
            || touching(self.point, other)
            || self.holds(other.edges[0].0)
            || other.holds(self.edges[0].0)
            || self.edges.iter().any(|(a, b)| other.edges.iter().any(|(c, d)| crossing(*a, *b, *c, *d).is_some()))
    }

    /// Whether the other comes within the margin; `None` where it is too close to tell.
    pub fn reaches(&self, other: &Self, margin_m: f64, doubt_m: f64) -> Option<bool> {
        if geodesic_m(self.centre, other.centre) - self.radius_m - other.radius_m > margin_m + doubt_m {
            return Some(false);
        }
        if self.touches(other) {
            return Some(true);
        }
        if margin_m == 0.0 {
            return Some(false);
        }
        let gap = self.gap_m(other, margin_m + doubt_m);
        match gap {
            None => Some(false),
            Some(gap) if gap <= margin_m - doubt_m => Some(true),
            Some(_) => None,
        }
    }

    fn gap_m(&self, other: &Self, limit_m: f64) -> Option<f64> {
        if let Some(point) = other.point {
            return Some(self.distance_m(point)).filter(|metres| *metres < limit_m);
        }
        least(&other.edges, &mut |at, enough| self.distance_under(at, enough), limit_m).map(|(metres, _)| metres)
    }

    /// Metres of a line whose pieces of 5 m lie inside.
    pub fn metres_inside(&self, line: &Self) -> f64 {
        if geodesic_m(self.centre, line.centre) > self.radius_m + line.radius_m {
            return 0.0;
        }
        let mut metres = 0.0;
        for (a, b) in &line.edges {
            let count = (geodesic_m(*a, *b) / 5.0).ceil().max(1.0) as usize;
            for (p, q) in pieces(*a, *b, count) {
                if self.holds(between(p, q, 0.5)) {
                    metres += geodesic_m(p, q);
                }
            }
        }
        metres
    }
}

fn rings(polygon: &geo_types::Polygon) -> Vec<Vec<Coord>> {
    std::iter::once(polygon.exterior()).chain(polygon.interiors()).map(|ring| ring.0.clone()).collect()
}

/// The share of a–b at which it crosses c–d.
fn crossing(a: Coord, b: Coord, c: Coord, d: Coord) -> Option<f64> {
    let cross = |u: Coord, v: Coord| u.x * v.y - u.y * v.x;
    let along = cross(b - a, d - c);
    if along == 0.0 {
        return None;
    }
    let (t, u) = (cross(c - a, d - c) / along, cross(c - a, b - a) / along);
    ((0.0..=1.0).contains(&t) && (0.0..=1.0).contains(&u)).then_some(t)
}

/// The border as vertices with their chainage.
pub struct Chain {
    /// Edge, chainage of its ends.
    edges: Vec<(Coord, Coord, f64, f64)>,
}

fn edge_m(a: Coord, b: Coord) -> f64 {
    let count = (geodesic_m(a, b) / 5.0).ceil().max(1.0) as usize;
    pieces(a, b, count).map(|(p, q)| geodesic_m(p, q)).sum()
}

impl Chain {
    /// From lines with the kilometres of their ends.
    pub fn new(sectors: &[(Vec<Coord>, f64, f64)]) -> Self {
        let mut edges = Vec::new();
        for (line, from_km, to_km) in sectors {
            let total: f64 = line.windows(2).map(|e| edge_m(e[0], e[1])).sum();
            let mut before = 0.0;
            for e in line.windows(2) {
                let start = before;
                before += edge_m(e[0], e[1]);
                let km = |metres: f64| from_km + (to_km - from_km) * metres / total;
                edges.push((e[0], e[1], km(start), km(before)));
            }
        }
        Self { edges }
    }

    fn plain(&self, from_km: f64, to_km: f64) -> Vec<(Coord, Coord)> {
        self.edges
            .iter()
            .filter(|(.., start, end)| *end >= from_km && *start <= to_km)
            .map(|(a, b, start, end)| {
                let t = |km: f64| ((km - start) / (end - start)).clamp(0.0, 1.0);
                (between(*a, *b, t(from_km)), between(*a, *b, t(to_km)))
            })
            .collect()
    }

    /// Chainage of a point that lies on the border.
    fn km_of(&self, at: Coord) -> f64 {
        let off = |(a, b, ..): &(Coord, Coord, f64, f64)| {
            let (d, p) = (*b - *a, at - *a);
            let t = ((p.x * d.x + p.y * d.y) / (d.x * d.x + d.y * d.y)).clamp(0.0, 1.0);
            ((p.x - d.x * t).hypot(p.y - d.y * t), t)
        };
        let edge = self.edges.iter().min_by(|e, f| off(e).0.total_cmp(&off(f).0)).expect("an edge");
        edge.2 + (edge.3 - edge.2) * off(edge).1
    }

    /// Chainage and distance of the border point nearest to a point.
    pub fn nearest_to_point(&self, at: Coord) -> (f64, f64) {
        let all = self.plain(f64::NEG_INFINITY, f64::INFINITY);
        let (metres, place) = least(&all, &mut |p, _| geodesic_m(at, p), f64::INFINITY).expect("a border");
        (self.km_of(place), metres)
    }

    /// Chainage and distance where a stretch comes nearest to a line or area.
    pub fn nearest_to_shape(&self, shape: &Shape, from_km: f64, to_km: f64, limit_m: f64) -> Option<(f64, f64)> {
        let stretch = self.plain(from_km, to_km);
        let close = stretch
            .iter()
            .any(|(a, b)| geodesic_m(*a, shape.centre) - geodesic_m(*a, *b) * DETOUR - shape.radius_m <= limit_m);
        if !close {
            return None;
        }
        let mut meetings: Vec<f64> = Vec::new();
        for (a, b) in &stretch {
            meetings.extend([*a, *b].into_iter().filter(|end| shape.holds(*end)).map(|end| self.km_of(end)));
            let crossings = shape.edges.iter().filter_map(|(c, d)| crossing(*a, *b, *c, *d));
            meetings.extend(crossings.map(|t| self.km_of(between(*a, *b, t))));
        }
        if let Some(km) = meetings.into_iter().reduce(f64::min) {
            return Some((km, 0.0));
        }
        least(&stretch, &mut |p, enough| shape.distance_under(p, enough), limit_m)
            .map(|(metres, at)| (self.km_of(at), metres))
    }

    /// Distance from the border at a chainage to the shape.
    pub fn offset_at(&self, km: f64, shape: &Shape) -> f64 {
        let (a, b, from, to) = self.edges.iter().find(|(.., from, to)| km >= *from - 1e-9 && km <= *to + 1e-9).unwrap();
        shape.distance_m(between(*a, *b, (km - from) / (to - from)))
    }
}
