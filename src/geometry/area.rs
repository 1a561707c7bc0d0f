//! What lies inside an area: points, and metres of a line.
//!
//! The boundary belongs to the area, holes' boundaries too: a house exactly on it counts as inside. "On" means
//! within [`ON_BOUNDARY_DEG`], 0.1 mm, so that a point computed on a slanted edge is not lost to rounding.

use geo_types::{Coord, Geometry, LineString, Polygon};

use super::earth::{edge_length_m, on_edge};

/// How near to an edge a point counts as on it, degrees.
pub const ON_BOUNDARY_DEG: f64 = 1e-9;

/// Whether the place lies inside the geometry's areas or on their boundary; points and lines hold nothing.
#[must_use]
pub fn point_in_area(geometry: &Geometry, lon: f64, lat: f64) -> bool {
    let place = Coord { x: lon, y: lat };
    match geometry {
        Geometry::Polygon(polygon) => polygon_contains(polygon, place),
        Geometry::MultiPolygon(polygons) => polygons.iter().any(|polygon| polygon_contains(polygon, place)),
        Geometry::Rect(rect) => polygon_contains(&rect.to_polygon(), place),
        Geometry::Triangle(triangle) => polygon_contains(&triangle.to_polygon(), place),
        Geometry::GeometryCollection(parts) => parts.iter().any(|part| point_in_area(part, lon, lat)),
        _ => false,
    }
}

/// As [`point_in_area`] for one polygon.
pub(super) fn polygon_contains(polygon: &Polygon, place: Coord) -> bool {
    same_places(place).into_iter().flatten().any(|place| {
        let mut odd = false;
        for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
            for edge in ring.0.windows(2) {
                match crossing(edge[0], edge[1], place) {
                    Crossing::On => return true,
                    Crossing::Right => odd = !odd,
                    Crossing::None => {}
                }
            }
        }
        odd || (place.y.abs() == 90.0 && polygon.exterior().0.iter().any(|c| c.y == place.y))
    })
}

/// The place, and the same place under its other name where it lies on the date line.
fn same_places(place: Coord) -> [Option<Coord>; 2] {
    let other = (place.x.abs() == 180.0).then_some(Coord { x: -place.x, y: place.y });
    [Some(place), other]
}

/// Where a place lies to an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Inside,
    /// Within [`ON_BOUNDARY_DEG`] of an edge.
    Boundary,
    Outside,
}

enum Crossing {
    None,
    /// The ray from the place to the east crosses the edge.
    Right,
    On,
}

fn crossing(a: Coord, b: Coord, p: Coord) -> Crossing {
    let (low, high) = if a.y <= b.y { (a, b) } else { (b, a) };
    if p.y > high.y + ON_BOUNDARY_DEG || p.y < low.y - ON_BOUNDARY_DEG || p.x > a.x.max(b.x) + ON_BOUNDARY_DEG {
        return Crossing::None;
    }
    let counts = low.y <= p.y && p.y < high.y;
    if p.x < a.x.min(b.x) - ON_BOUNDARY_DEG {
        return if counts { Crossing::Right } else { Crossing::None };
    }
    let (dx, dy) = (high.x - low.x, high.y - low.y);
    let (px, py) = (p.x - low.x, p.y - low.y);
    let length2 = dx * dx + dy * dy;
    let t = if length2 > 0.0 { ((px * dx + py * dy) / length2).clamp(0.0, 1.0) } else { 0.0 };
    if (px - t * dx).hypot(py - t * dy) <= ON_BOUNDARY_DEG {
        return Crossing::On;
    }
    // The point is at least the tolerance away from the edge, far more than the rounding of this product.
    if counts && dx * py - dy * px > 0.0 { Crossing::Right } else { Crossing::None }
}

/// An area made ready for many questions: its edges lie in bands of latitude.
#[derive(Clone, Debug)]
pub struct PreparedArea {
    edges: Vec<AreaEdge>,
    /// `bands[i]..bands[i + 1]` are the places in `in_band` of the edges that touch band `i`.
    bands: Vec<u32>,
    in_band: Vec<u32>,
    /// West, south, east, north, degrees.
    bbox: [f64; 4],
    band_deg: f64,
    touches_pole: [bool; 2],
}

#[derive(Clone, Copy, Debug)]
struct AreaEdge {
    a: Coord,
    b: Coord,
    polygon: u32,
}

impl PreparedArea {
    /// Sorts the edges of the geometry's areas; points and lines in it count for nothing.
    #[must_use]
    pub fn new(geometry: &Geometry) -> Self {
        let mut edges = Vec::new();
        gather(geometry, &mut 0, &mut edges);
        let mut bbox = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for c in edges.iter().flat_map(|edge| [edge.a, edge.b]) {
            bbox = [bbox[0].min(c.x), bbox[1].min(c.y), bbox[2].max(c.x), bbox[3].max(c.y)];
        }
        let height = (bbox[3] - bbox[1]).max(0.0);
        let heights: f64 = edges.iter().map(|edge| (edge.b.y - edge.a.y).abs()).sum();
        // As many bands as leave every edge in three of them on average, so that memory stays in step with the area.
        let bands = if height > 0.0 { (3.0 * edges.len() as f64 * height / heights.max(height)).floor() } else { 1.0 };
        let bands = bands.clamp(1.0, edges.len().max(1) as f64);
        let touches_pole = [bbox[3] >= 90.0, bbox[1] <= -90.0];
        let mut area =
            Self { edges, bands: Vec::new(), in_band: Vec::new(), bbox, band_deg: height / bands, touches_pole };
        area.sort_into_bands(bands as usize);
        area
    }

    fn sort_into_bands(&mut self, bands: usize) {
        let mut counts = vec![0u32; bands + 1];
        let ranges: Vec<(usize, usize)> = self
            .edges
            .iter()
            .map(|edge| {
                let (low, high) = (edge.a.y.min(edge.b.y), edge.a.y.max(edge.b.y));
                (self.band(low - ON_BOUNDARY_DEG, bands), self.band(high + ON_BOUNDARY_DEG, bands))
            })
            .collect();
        for (first, last) in &ranges {
            for count in &mut counts[first + 1..=last + 1] {
                *count += 1;
            }
        }
        for i in 1..counts.len() {
            counts[i] += counts[i - 1];
        }
        let mut next = counts.clone();
        self.in_band = vec![0; counts[bands] as usize];
        for (edge, (first, last)) in ranges.iter().enumerate() {
            for place in &mut next[*first..=*last] {
                self.in_band[*place as usize] = edge as u32;
                *place += 1;
            }
        }
        self.bands = counts;
    }

    fn band(&self, lat: f64, bands: usize) -> usize {
        if self.band_deg <= 0.0 {
            return 0;
        }
        (((lat - self.bbox[1]) / self.band_deg).max(0.0) as usize).min(bands - 1)
    }

    /// West, south, east, north of the area, degrees.
    #[must_use]
    pub fn bbox(&self) -> [f64; 4] {
        self.bbox
    }

    /// Whether the place lies inside or on the boundary.
    #[must_use]
    pub fn contains(&self, lon: f64, lat: f64) -> bool {
        same_places(Coord { x: lon, y: lat })
            .into_iter()
            .flatten()
            .any(|place| self.side(place.x, place.y) != Side::Outside)
    }

    /// Inside, on the boundary or outside; the date line's two names count as two places here.
    #[must_use]
    pub fn side(&self, lon: f64, lat: f64) -> Side {
        let p = Coord { x: lon, y: lat };
        let e = ON_BOUNDARY_DEG;
        if p.y.abs() == 90.0 && self.touches_pole[usize::from(p.y < 0.0)] {
            return Side::Boundary;
        }
        let [west, south, east, north] = self.bbox;
        if !(p.x >= west - e && p.x <= east + e && p.y >= south - e && p.y <= north + e) {
            return Side::Outside;
        }
        let band = self.band(p.y, self.bands.len() - 1);
        let (mut polygon, mut odd) = (u32::MAX, false);
        for edge in self.edges_in(band) {
            if edge.polygon != polygon {
                if odd {
                    return Side::Inside;
                }
                polygon = edge.polygon;
            }
            match crossing(edge.a, edge.b, p) {
                Crossing::On => return Side::Boundary,
                Crossing::Right => odd = !odd,
                Crossing::None => {}
            }
        }
        if odd { Side::Inside } else { Side::Outside }
    }

    fn edges_in(&self, band: usize) -> impl Iterator<Item = &AreaEdge> {
        let range = self.bands[band] as usize..self.bands[band + 1] as usize;
        self.in_band[range].iter().map(|edge| &self.edges[*edge as usize])
    }

    /// Metres of the geometry's lines that lie inside the area or run along its boundary; 0 for points and areas.
    #[must_use]
    pub fn length_inside_m(&self, geometry: &Geometry) -> f64 {
        match geometry {
            Geometry::Line(line) => self.edge_inside_m(line.start, line.end),
            Geometry::LineString(line) => self.line_inside_m(line),
            Geometry::MultiLineString(lines) => lines.iter().map(|line| self.line_inside_m(line)).sum(),
            Geometry::GeometryCollection(parts) => parts.iter().map(|part| self.length_inside_m(part)).sum(),
            _ => 0.0,
        }
    }

    fn line_inside_m(&self, line: &LineString) -> f64 {
        line.0.windows(2).map(|edge| self.edge_inside_m(edge[0], edge[1])).sum()
    }

    fn edge_inside_m(&self, a: Coord, b: Coord) -> f64 {
        let length_m = |[from, to]: [f64; 2]| edge_length_m(on_edge(a, b, from), on_edge(a, b, to));
        self.stretches_inside(a, b).into_iter().map(length_m).sum()
    }

    /// The stretches of the edge a–b that lie inside the area or run along its boundary, as shares of the edge
    /// `[from, to]`, in order.
    #[must_use]
    pub fn stretches_inside(&self, a: Coord, b: Coord) -> Vec<[f64; 2]> {
        let [west, south, east, north] = self.bbox;
        if a.x.max(b.x) < west || a.x.min(b.x) > east || a.y.max(b.y) < south || a.y.min(b.y) > north {
            return Vec::new();
        }
        let mut cuts = vec![0.0, 1.0];
        self.cuts(a, b, &mut cuts);
        cuts.sort_by(f64::total_cmp);
        let is_inside = |pair: &[f64]| {
            let middle = on_edge(a, b, f64::midpoint(pair[0], pair[1]));
            pair[1] > pair[0] && self.contains(middle.x, middle.y)
        };
        cuts.windows(2).filter(|pair| is_inside(pair)).map(|pair| [pair[0], pair[1]]).collect()
    }

    /// Adds the shares of the edge a–b at which it meets the boundary.
    fn cuts(&self, a: Coord, b: Coord, cuts: &mut Vec<f64>) {
        let bands = self.bands.len() - 1;
        let first = self.band(a.y.min(b.y) - ON_BOUNDARY_DEG, bands);
        let last = self.band(a.y.max(b.y) + ON_BOUNDARY_DEG, bands);
        for edge in (first..=last).flat_map(|band| self.edges_in(band)) {
            meeting(a, b, edge.a, edge.b, cuts);
        }
    }

    /// Whether the geometry has any point inside the area or on its boundary.
    #[must_use]
    pub fn touches(&self, geometry: &Geometry) -> bool {
        let any_inside = |coords: &[Coord]| coords.iter().any(|c| self.contains(c.x, c.y));
        let line = |coords: &[Coord]| any_inside(coords) || coords.windows(2).any(|e| self.edge_meets(e[0], e[1]));
        match geometry {
            Geometry::Point(point) => self.contains(point.x(), point.y()),
            Geometry::MultiPoint(points) => points.iter().any(|point| self.contains(point.x(), point.y())),
            Geometry::Line(edge) => line(&[edge.start, edge.end]),
            Geometry::LineString(coords) => line(&coords.0),
            Geometry::MultiLineString(lines) => lines.iter().any(|coords| line(&coords.0)),
            Geometry::Polygon(polygon) => self.touches_polygon(polygon),
            Geometry::MultiPolygon(polygons) => polygons.iter().any(|polygon| self.touches_polygon(polygon)),
            Geometry::Rect(rect) => self.touches_polygon(&rect.to_polygon()),
            Geometry::Triangle(triangle) => self.touches_polygon(&triangle.to_polygon()),
            Geometry::GeometryCollection(parts) => parts.iter().any(|part| self.touches(part)),
        }
    }

    fn touches_polygon(&self, polygon: &Polygon) -> bool {
        let rings = || std::iter::once(polygon.exterior()).chain(polygon.interiors());
        rings().any(|ring| ring.0.first().is_some_and(|c| self.contains(c.x, c.y)))
            || rings().any(|ring| ring.0.windows(2).any(|edge| self.edge_meets(edge[0], edge[1])))
            || self.one_vertex_of_each().any(|c| polygon_contains(polygon, c))
    }

    /// One vertex of every polygon of the area: enough where no edges meet.
    fn one_vertex_of_each(&self) -> impl Iterator<Item = Coord> {
        let mut polygon = u32::MAX;
        self.edges.iter().filter(move |edge| std::mem::replace(&mut polygon, edge.polygon) != edge.polygon).map(|e| e.a)
    }

    fn edge_meets(&self, a: Coord, b: Coord) -> bool {
        let [west, south, east, north] = self.bbox;
        if a.x.max(b.x) < west || a.x.min(b.x) > east || a.y.max(b.y) < south || a.y.min(b.y) > north {
            return false;
        }
        let mut cuts = Vec::new();
        self.cuts(a, b, &mut cuts);
        !cuts.is_empty()
    }
}

fn gather(geometry: &Geometry, polygons: &mut u32, edges: &mut Vec<AreaEdge>) {
    let mut add = |polygon: &Polygon| {
        for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
            edges.extend(ring.0.windows(2).map(|pair| AreaEdge { a: pair[0], b: pair[1], polygon: *polygons }));
        }
        *polygons += 1;
    };
    match geometry {
        Geometry::Polygon(polygon) => add(polygon),
        Geometry::MultiPolygon(parts) => parts.iter().for_each(add),
        Geometry::Rect(rect) => add(&rect.to_polygon()),
        Geometry::Triangle(triangle) => add(&triangle.to_polygon()),
        Geometry::GeometryCollection(parts) => parts.iter().for_each(|part| gather(part, polygons, edges)),
        _ => {}
    }
}

/// Adds the shares `t` of a–b at which it meets c–d: one for a crossing, both ends of a common stretch.
fn meeting(a: Coord, b: Coord, c: Coord, d: Coord, cuts: &mut Vec<f64>) {
    let e = ON_BOUNDARY_DEG;
    if c.x.max(d.x) < a.x.min(b.x) - e
        || c.x.min(d.x) > a.x.max(b.x) + e
        || c.y.max(d.y) < a.y.min(b.y) - e
        || c.y.min(d.y) > a.y.max(b.y) + e
    {
        return;
    }
    let (r, s) = (b - a, d - c);
    let to_c = c - a;
    let cross = |u: Coord, v: Coord| u.x * v.y - u.y * v.x;
    let (r_length, s_length) = (r.x.hypot(r.y), s.x.hypot(s.y));
    let determinant = cross(r, s);
    let mut add_touching = |point: Coord| {
        // An end of the other edge that lies on this one: the cut that a parallel or a grazing edge makes.
        let length2 = r_length * r_length;
        let t = if length2 > 0.0 { ((point.x - a.x) * r.x + (point.y - a.y) * r.y) / length2 } else { 0.0 };
        let t = t.clamp(0.0, 1.0);
        if (a.x + t * r.x - point.x).hypot(a.y + t * r.y - point.y) <= e {
            cuts.push(t);
        }
    };
    add_touching(c);
    add_touching(d);
    if determinant.abs() > 1e-14 * r_length * s_length {
        let t = cross(to_c, s) / determinant;
        let u = cross(to_c, r) / determinant;
        if (0.0..=1.0).contains(&t) && (0.0..=1.0).contains(&u) {
            cuts.push(t);
        }
    }
}
