//! The point of a geometry nearest to a place: exact on the ellipsoid, with cheap bounds that skip most edges.
//!
//! Three steps. Every edge gets a lower bound from plane arithmetic (about 5 ns); the edge with the least bound is
//! solved exactly and sets the mark; the others are solved only if a sharper bound still lies under the mark. The
//! bounds are proved, not tuned: see [`RADIUS_MIN_M`] and [`Bound`].

use geo_types::{Coord, Geometry, LineString, Polygon};

use super::area::polygon_contains;
use super::earth::{
    RADIUS_MAX_M, RADIUS_MIN_M, Start, distance_m, inverse, lon_difference_deg, on_edge, radii_m, stretch_at,
};

/// The nearest point of a geometry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// Where on the geometry, degrees; the asked place itself where that lies inside an area.
    pub lon: f64,
    pub lat: f64,
    /// Geodesic distance, metres; 0 inside areas, infinite for an empty geometry.
    pub distance_m: f64,
    /// Initial bearing from the place to that point, degrees clockwise from north, 0 ≤ b < 360; 0 at distance 0.
    pub bearing_deg: f64,
}

impl Nearest {
    fn at(at: Coord, distance_m: f64, azimuth_deg: f64) -> Self {
        let bearing_deg = if distance_m > 0.0 { full_circle(azimuth_deg) } else { 0.0 };
        Self { lon: at.x, lat: at.y, distance_m, bearing_deg }
    }
}

/// A nearest point with its place in the geometry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub nearest: Nearest,
    /// Which line (or ring, or point) in the order of the geometry, and which edge in it.
    pub path: usize,
    pub edge: usize,
    /// Share of the edge before the point, in lon/lat.
    pub t: f64,
}

/// Edges longer than this are halved before they are solved, so that the distance along a piece has one minimum.
const PIECE_M_MAX: f64 = 20_000.0;
/// A step along the edge shorter than this ends the search, metres.
const STEP_M_MIN: f64 = 1e-3;
/// From here on the place may lie beyond the horizon of the edge, where the ends can be nearer than the foot.
const FAR_M: f64 = 1_000_000.0;
/// Closer than this counts as on the edge: bearings there are noise.
const ON_EDGE_M: f64 = 1e-6;

/// The point of `geometry` nearest to the place, exact to a millimetre.
///
/// Inside an area (its boundary included, holes excluded) the distance is 0 and the point is the place itself. An
/// empty geometry is infinitely far.
#[must_use]
pub fn nearest_on(geometry: &Geometry, lon: f64, lat: f64) -> Nearest {
    nearest_within(geometry, lon, lat, f64::INFINITY).unwrap_or(Nearest {
        lon,
        lat,
        distance_m: f64::INFINITY,
        bearing_deg: 0.0,
    })
}

/// Points seen from one place: as [`nearest_within`] of each, with what they have in common worked out once.
#[derive(Clone, Copy, Debug)]
pub struct NearPoints(Start);

impl NearPoints {
    /// From this place, degrees.
    #[must_use]
    pub fn from(lon: f64, lat: f64) -> Self {
        Self(Start::new(Coord { x: lon, y: lat }))
    }

    /// The point, if it is nearer than `limit_m`.
    #[must_use]
    pub fn within(&self, lon: f64, lat: f64, limit_m: f64) -> Option<Nearest> {
        let point = Coord { x: lon, y: lat };
        let (distance_m, azimuth_deg) = self.0.toward(point);
        (distance_m < limit_m).then(|| Nearest::at(point, distance_m, azimuth_deg))
    }
}

/// As [`nearest_on`], but `None` where the geometry is not nearer than `limit_m`; the smaller the limit, the cheaper.
#[must_use]
pub fn nearest_within(geometry: &Geometry, lon: f64, lat: f64, limit_m: f64) -> Option<Nearest> {
    let place = Coord { x: lon, y: lat };
    if let Geometry::Point(point) = geometry {
        return NearPoints::from(lon, lat).within(point.x(), point.y(), limit_m);
    }
    if contains_place(geometry, place) {
        return Some(Nearest { lon, lat, distance_m: 0.0, bearing_deg: 0.0 });
    }
    let mut paths = Vec::new();
    let owned = collect_paths(geometry, &mut paths);
    paths.extend(owned.iter().map(Vec::as_slice));
    Search::new(place, limit_m).over(&paths).map(|found| found.nearest)
}

/// The nearest point on lines alone, with its place in them.
pub(super) fn nearest_on_lines(lines: &[LineString], lon: f64, lat: f64) -> Option<Found> {
    let paths: Vec<&[Coord]> = lines.iter().map(|line| line.0.as_slice()).collect();
    Search::new(Coord { x: lon, y: lat }, f64::INFINITY).over(&paths)
}

fn contains_place(geometry: &Geometry, place: Coord) -> bool {
    match geometry {
        Geometry::Polygon(polygon) => polygon_contains(polygon, place),
        Geometry::MultiPolygon(polygons) => polygons.iter().any(|polygon| polygon_contains(polygon, place)),
        Geometry::Rect(rect) => polygon_contains(&rect.to_polygon(), place),
        Geometry::Triangle(triangle) => polygon_contains(&triangle.to_polygon(), place),
        Geometry::GeometryCollection(parts) => parts.iter().any(|part| contains_place(part, place)),
        _ => false,
    }
}

/// Gathers the vertex runs of a geometry: lines, rings, single points. Runs that the geometry does not hold as such
/// are returned.
fn collect_paths<'a>(geometry: &'a Geometry, paths: &mut Vec<&'a [Coord]>) -> Vec<Vec<Coord>> {
    fn rings<'a>(polygon: &'a Polygon, paths: &mut Vec<&'a [Coord]>) {
        paths.push(&polygon.exterior().0);
        paths.extend(polygon.interiors().iter().map(|ring| ring.0.as_slice()));
    }
    let mut owned = Vec::new();
    match geometry {
        Geometry::Point(point) => paths.push(std::slice::from_ref(&point.0)),
        Geometry::MultiPoint(points) => paths.extend(points.iter().map(|point| std::slice::from_ref(&point.0))),
        Geometry::Line(line) => owned.push(vec![line.start, line.end]),
        Geometry::LineString(line) => paths.push(&line.0),
        Geometry::MultiLineString(lines) => paths.extend(lines.iter().map(|line| line.0.as_slice())),
        Geometry::Polygon(polygon) => rings(polygon, paths),
        Geometry::MultiPolygon(polygons) => polygons.iter().for_each(|polygon| rings(polygon, paths)),
        Geometry::Rect(rect) => owned.push(rect.to_polygon().into_inner().0.0),
        Geometry::Triangle(triangle) => owned.push(triangle.to_polygon().into_inner().0.0),
        Geometry::GeometryCollection(parts) => {
            for part in parts {
                owned.append(&mut collect_paths(part, paths));
            }
        }
    }
    owned
}

/// One edge (or point: both ends alike) by its place in the geometry.
#[derive(Clone, Copy)]
struct Edge {
    a: Coord,
    b: Coord,
    path: usize,
    index: usize,
}

/// A proved lower bound on distances from one place to the edges within a band of latitudes.
///
/// On a sphere sin²(σ/2) = sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2), and sin x ≥ k·x up to the greatest x in play, so
/// σ ≥ k·√(Δφ² + c·Δλ²) with c the least product of cosines: a distance from a point to a segment in a plane. The
/// ellipsoid's distance is at least [`RADIUS_MIN_M`]·σ.
///
/// Within [`LOCAL_DEG`] of longitude the bound is drawn tighter: between two places of one hemisphere the geodesic
/// stays poleward of the one nearer to the equator, where the radius M along the meridian is least, and its radius N
/// across is at least q·M with q taken where N/M is least, at the most poleward point. So the ellipsoid is nowhere
/// smaller than a sphere of radius M with longitudes stretched by q.
#[derive(Clone, Copy)]
struct Bound {
    place: Coord,
    lon_scale: f64,
    /// Metres for one degree in the scaled plane.
    metres: f64,
}

/// Difference of longitude up to which the tighter bound is used, degrees; there a geodesic bulges poleward by less
/// than [`BULGE_DEG`].
const LOCAL_DEG: f64 = 20.0;
const BULGE_DEG: f64 = 0.5;

impl Bound {
    /// For edges within a band of latitudes whose coordinates differ from the place's by at most `dlon` and `dlat`.
    fn new(place: Coord, cos_place: f64, band: (f64, f64), dlon: f64, dlat: f64) -> Self {
        let most = band.0.abs().max(band.1.abs()).min(90.0);
        let cos_least = most.to_radians().cos().max(0.0);
        let (mut radius, mut stretch) = (RADIUS_MIN_M, 1.0);
        if dlon <= LOCAL_DEG {
            let (south, north) = (band.0.min(band.1).min(place.y), band.0.max(band.1).max(place.y));
            let least = if south <= 0.0 && north >= 0.0 { 0.0 } else { south.abs().min(north.abs()) };
            radius = radii_m(least).0;
            stretch = stretch_at(most.max(place.y.abs()) + BULGE_DEG);
        }
        let half = ((dlon * stretch).max(dlat) / 2.0).to_radians().min(std::f64::consts::FRAC_PI_2);
        let k = if half < 1e-4 { 1.0 - half * half / 6.0 } else { half.sin() / half };
        // The last factor covers rounding in the arithmetic here.
        let metres = radius * k * 1f64.to_radians() * (1.0 - 1e-9);
        Self { place, lon_scale: stretch * (cos_place * cos_least).max(0.0).sqrt(), metres }
    }

    /// As [`Self::plane_deg2`], but `None` without the whole sum where latitudes alone show that it is not below `limit`.
    fn plane_deg2_below(&self, a: Coord, b: Coord, limit: f64) -> Option<f64> {
        let (south, north) = (a.y.min(b.y) - self.place.y, a.y.max(b.y) - self.place.y);
        let gap = south.max(-north).max(0.0);
        if gap * gap >= limit {
            return None;
        }
        let deg2 = self.plane_deg2(a, b);
        (deg2 < limit).then_some(deg2)
    }

    /// Square of the distance in the scaled plane, degrees².
    fn plane_deg2(&self, a: Coord, b: Coord) -> f64 {
        let (mut x1, mut x2) = (a.x - self.place.x, b.x - self.place.x);
        if x1.abs() > 180.0 || x2.abs() > 180.0 {
            let shift = 360.0 * ((x1 + x2) / 720.0).round();
            x1 -= shift;
            x2 -= shift;
            if x1.abs() > 180.0 || x2.abs() > 180.0 {
                // The edge passes the far meridian: only its latitudes bound it.
                (x1, x2) = (0.0, 0.0);
            }
        }
        let (x1, y1) = (x1 * self.lon_scale, a.y - self.place.y);
        let (dx, dy) = (x2 * self.lon_scale - x1, b.y - a.y);
        let length2 = dx * dx + dy * dy;
        let t = if length2 > 0.0 { (-(x1 * dx + y1 * dy) / length2).clamp(0.0, 1.0) } else { 0.0 };
        let (x, y) = (x1 + t * dx, y1 + t * dy);
        x * x + y * y
    }
}

/// The state of one search: the place, and the nearest point found so far.
struct Search {
    place: Coord,
    cos_place: f64,
    limit_m: f64,
    best: Option<Found>,
}

impl Search {
    fn new(place: Coord, limit_m: f64) -> Self {
        Self { place, cos_place: place.y.to_radians().cos(), limit_m, best: None }
    }

    fn over(mut self, paths: &[&[Coord]]) -> Option<Found> {
        let bound = self.bound_of_all(paths)?;
        let mut first: Option<Edge> = None;
        let mut least = (self.limit_m / bound.metres).powi(2);
        for_each_edge(paths, |edge| {
            if let Some(deg2) = bound.plane_deg2_below(edge.a, edge.b, least) {
                least = deg2;
                first = Some(edge);
            }
        });
        let first = first?;
        self.refine(first);
        for_each_edge(paths, |edge| {
            let done = edge.path == first.path && edge.index == first.index;
            let mark = (self.limit_m / bound.metres).powi(2);
            if !done && bound.plane_deg2_below(edge.a, edge.b, mark).is_some() {
                self.refine(edge);
            }
        });
        self.best
    }

    /// One bound that holds for every edge.
    fn bound_of_all(&self, paths: &[&[Coord]]) -> Option<Bound> {
        let mut coords = paths.iter().flat_map(|path| path.iter());
        let first = coords.next()?;
        let (mut low, mut high) = (*first, *first);
        for c in coords {
            low = Coord { x: low.x.min(c.x), y: low.y.min(c.y) };
            high = Coord { x: high.x.max(c.x), y: high.y.max(c.y) };
        }
        let dlon = (low.x - self.place.x).abs().max((high.x - self.place.x).abs()).min(180.0);
        let dlat = (low.y - self.place.y).abs().max((high.y - self.place.y).abs());
        Some(Bound::new(self.place, self.cos_place, (low.y, high.y), dlon, dlat))
    }

    /// Whether an edge may hold a point nearer than the best so far, by a bound made for it alone.
    fn may_improve(&self, a: Coord, b: Coord) -> bool {
        if self.limit_m == f64::INFINITY {
            return true;
        }
        let dlon = (a.x - self.place.x).abs().max((b.x - self.place.x).abs());
        let dlon = if dlon > 180.0 { 180.0 } else { dlon };
        let dlat = (a.y - self.place.y).abs().max((b.y - self.place.y).abs());
        let bound = Bound::new(self.place, self.cos_place, (a.y, b.y), dlon, dlat);
        bound.plane_deg2(a, b).sqrt() * bound.metres < self.limit_m
    }

    /// Solves an edge if it can still improve on the best.
    fn refine(&mut self, edge: Edge) {
        if self.may_improve(edge.a, edge.b) {
            self.halve(edge, 0.0, 1.0);
        }
    }

    /// Solves the part `from..to` of an edge, halved until short.
    fn halve(&mut self, edge: Edge, from: f64, to: f64) {
        let (a, b) = (on_edge(edge.a, edge.b, from), on_edge(edge.a, edge.b, to));
        let length = length_at_most_m(a, b);
        if length <= PIECE_M_MAX {
            // Far away the cheap bounds cannot tell neighbours apart; one exact distance can, as no point of the piece
            // is nearer than its middle by more than half its length.
            let far = self.limit_m > FAR_M && self.limit_m < f64::INFINITY;
            if !far || distance_m(self.place, on_edge(a, b, 0.5)) - length / 2.0 < self.limit_m {
                self.solve(edge, from, to);
            }
            return;
        }
        let middle = f64::midpoint(from, to);
        let m = on_edge(edge.a, edge.b, middle);
        // The half whose middle is nearer goes first: it lowers the mark for the other.
        let quarter = |p: Coord, q: Coord| self.approx_rad(on_edge(p, q, 0.5));
        let halves = if quarter(a, m) <= quarter(m, b) {
            [(from, middle, a, m), (middle, to, m, b)]
        } else {
            [(middle, to, m, b), (from, middle, a, m)]
        };
        for (start, end, p, q) in halves {
            if self.may_improve(p, q) {
                self.halve(edge, start, end);
            }
        }
    }

    fn approx_rad(&self, to: Coord) -> f64 {
        central_angle_rad(self.place, self.cos_place, to)
    }

    /// Finds the foot on a short piece: Newton's steps on the derivative of the distance along the edge, kept inside
    /// the interval where that derivative changes sign.
    fn solve(&mut self, edge: Edge, from: f64, to: f64) {
        let (mut low, mut high) = (from, to);
        let mut t = self.plane_foot(edge, from, to);
        let mut before: Option<(f64, f64)> = None;
        for _ in 0..24 {
            let (distance_m, slope, speed) = self.offer(edge, t);
            if speed == 0.0 || distance_m < ON_EDGE_M {
                return;
            }
            if distance_m > FAR_M && before.is_none() {
                self.offer(edge, from);
                self.offer(edge, to);
            }
            if (slope >= 0.0 && t <= from) || (slope <= 0.0 && t >= to) {
                return;
            }
            if slope < 0.0 {
                low = t;
            } else {
                high = t;
            }
            let plane = (speed * speed - slope * slope).max(speed * speed * 1e-9) / distance_m;
            let secant = before.map(|(t_before, slope_before)| (slope - slope_before) / (t - t_before));
            let curvature = secant.filter(|c| c.is_finite() && *c > 0.0).unwrap_or(plane);
            let mut next = (t - slope / curvature).clamp(from, to);
            if next < low || next > high {
                next = f64::midpoint(low, high);
            }
            if (next - t).abs() * speed < STEP_M_MIN {
                // The last step is too small to change the distance; the point is taken a millimetre true.
                return;
            }
            before = Some((t, slope));
            t = next;
        }
    }

    /// A first guess of the foot, from a plane touching the middle of the piece.
    fn plane_foot(&self, edge: Edge, from: f64, to: f64) -> f64 {
        let (dx, dy) = (edge.b.x - edge.a.x, edge.b.y - edge.a.y);
        let middle = on_edge(edge.a, edge.b, f64::midpoint(from, to));
        let (along, across) = radii_m(f64::midpoint(middle.y, self.place.y));
        let x = lon_difference_deg(middle.x, self.place.x) * across;
        let y = (self.place.y - middle.y) * along;
        let (ex, ey) = (dx * across, dy * along);
        let length2 = ex * ex + ey * ey;
        if length2 == 0.0 {
            return from;
        }
        (f64::midpoint(from, to) + (x * ex + y * ey) / length2).clamp(from, to)
    }

    /// Measures the point at `t` exactly and keeps it if it is the nearest so far. Returns its distance, the change
    /// of distance along the edge (metres for one `t`) and the speed (metres of edge for one `t`).
    fn offer(&mut self, edge: Edge, t: f64) -> (f64, f64, f64) {
        let at = on_edge(edge.a, edge.b, t);
        let line = inverse(self.place, at);
        if line.distance_m < self.limit_m {
            self.limit_m = line.distance_m;
            let nearest = Nearest::at(at, line.distance_m, line.azimuth_start_deg);
            self.best = Some(Found { nearest, path: edge.path, edge: edge.index, t });
        }
        if edge.a == edge.b {
            return (line.distance_m, 0.0, 0.0);
        }
        let (along, across) = radii_m(at.y);
        let north = along * (edge.b.y - edge.a.y).to_radians();
        let east = across * (edge.b.x - edge.a.x).to_radians();
        let (sin, cos) = line.azimuth_end_deg.to_radians().sin_cos();
        (line.distance_m, cos * north + sin * east, north.hypot(east))
    }
}

fn for_each_edge(paths: &[&[Coord]], mut visit: impl FnMut(Edge)) {
    for (path, coords) in paths.iter().enumerate() {
        if let [only] = coords {
            visit(Edge { a: *only, b: *only, path, index: 0 });
        }
        for (index, pair) in coords.windows(2).enumerate() {
            visit(Edge { a: pair[0], b: pair[1], path, index });
        }
    }
}

/// A length that the edge does not exceed, metres.
fn length_at_most_m(a: Coord, b: Coord) -> f64 {
    let nearest_equator = if a.y * b.y <= 0.0 { 0.0 } else { a.y.abs().min(b.y.abs()) };
    let dlat = (b.y - a.y).to_radians();
    let dlon = (b.x - a.x).to_radians() * nearest_equator.to_radians().cos();
    RADIUS_MAX_M * dlat.hypot(dlon)
}

/// Angle at the centre of a sphere between two places whose geodetic latitudes are taken as spherical, radians.
pub(super) fn central_angle_rad(from: Coord, cos_from: f64, to: Coord) -> f64 {
    let half_lat = ((to.y - from.y).to_radians() / 2.0).sin();
    let half_lon = ((to.x - from.x).to_radians() / 2.0).sin();
    let h = half_lat * half_lat + cos_from * to.y.to_radians().cos() * half_lon * half_lon;
    2.0 * h.sqrt().min(1.0).asin()
}

/// An azimuth of −180..180 as 0 ≤ b < 360.
pub(super) fn full_circle(azimuth_deg: f64) -> f64 {
    let turned = if azimuth_deg < 0.0 { azimuth_deg + 360.0 } else { azimuth_deg };
    if turned >= 360.0 { 0.0 } else { turned.abs() }
}
