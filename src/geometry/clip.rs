//! Cuts geometry to a tile and puts it on the tile's integer grid.
//!
//! The order: 1. skip what lies outside, pass what lies inside; 2. cut to the tile with its buffer; 3. simplify what
//! no screen shows; 4. round to the grid; 5. drop what fell together; 6. mend rings that rounding pinched. Rings come
//! out valid; their winding is the encoder's.

use geo::{Area, BooleanOps, SimplifyVw, SimplifyVwPreserve, unary_union};
use geo_types::{Coord, Geometry, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon, Rect};

use super::mercator::{Grid, Tile};
use super::simple;

/// Units along the side of a tile, as most tile makers have it.
pub const EXTENT: u32 = 4096;
/// Units kept around a tile, so that outlines and wide lines do not end at its edge.
pub const BUFFER: u32 = 64;

/// Makes tile geometry of one tile.
#[derive(Clone, Copy, Debug)]
pub struct Clipper {
    grid: Grid,
    /// The tile with its buffer, tile units.
    window: Window,
    /// Triangles of vertices smaller than this are left out, square units.
    simplify_area: f64,
}

/// A box in tile units.
#[derive(Clone, Copy, Debug)]
struct Window {
    low: f64,
    high: f64,
}

impl Clipper {
    /// For a tile of [`EXTENT`] units with a buffer of [`BUFFER`], simplified by what a unit hides.
    #[must_use]
    pub fn new(tile: Tile) -> Self {
        let (buffer, extent) = (f64::from(BUFFER), f64::from(EXTENT));
        let window = Window { low: -buffer, high: extent + buffer };
        Self { grid: tile.grid(EXTENT), window, simplify_area: 2.0 }
    }

    /// The part of a geometry within the tile, in tile units; `None` where nothing is left.
    #[must_use]
    pub fn cut(&self, geometry: &Geometry) -> Option<Geometry<i32>> {
        match geometry {
            Geometry::Point(point) => self.point(point.0).map(|c| Geometry::Point(Point::from(c))),
            Geometry::MultiPoint(points) => {
                let mut kept: Vec<Coord<i32>> = points.iter().filter_map(|point| self.point(point.0)).collect();
                kept.dedup();
                (!kept.is_empty())
                    .then(|| Geometry::MultiPoint(MultiPoint(kept.into_iter().map(Point::from).collect())))
            }
            Geometry::Line(line) => self.lines(&[LineString(vec![line.start, line.end])]),
            Geometry::LineString(line) => self.lines(std::slice::from_ref(line)),
            Geometry::MultiLineString(lines) => self.lines(&lines.0),
            Geometry::Polygon(polygon) => self.areas(std::slice::from_ref(polygon)),
            Geometry::MultiPolygon(polygons) => self.areas(&polygons.0),
            Geometry::Rect(rect) => self.areas(&[rect.to_polygon()]),
            Geometry::Triangle(triangle) => self.areas(&[triangle.to_polygon()]),
            // No collection of records holds mixed geometry, and a tile feature cannot.
            Geometry::GeometryCollection(_) => None,
        }
    }

    fn point(&self, place: Coord) -> Option<Coord<i32>> {
        let at = self.grid.project(place);
        self.window.holds(at).then(|| rounded(at))
    }

    fn lines(&self, lines: &[LineString]) -> Option<Geometry<i32>> {
        let mut kept: Vec<LineString<i32>> = Vec::new();
        for line in lines {
            for piece in self.window.cut_line(&self.projected(line)) {
                let piece = LineString(piece).simplify_vw(self.simplify_area);
                let mut coords: Vec<Coord<i32>> = piece.0.into_iter().map(rounded).collect();
                coords.dedup();
                if coords.len() > 1 {
                    kept.push(LineString(coords));
                }
            }
        }
        match kept.len() {
            0 => None,
            1 => kept.pop().map(Geometry::LineString),
            _ => Some(Geometry::MultiLineString(MultiLineString(kept))),
        }
    }

    fn areas(&self, polygons: &[Polygon]) -> Option<Geometry<i32>> {
        let mut kept: Vec<Polygon> = Vec::new();
        for polygon in polygons {
            kept.extend(self.area(polygon));
        }
        let mut kept: Vec<Polygon<i32>> = kept.into_iter().map(|polygon| to_integers(&polygon)).collect();
        match kept.len() {
            0 => None,
            1 => kept.pop().map(Geometry::Polygon),
            _ => Some(Geometry::MultiPolygon(MultiPolygon(kept))),
        }
    }

    /// One polygon cut, simplified, rounded and mended; its coordinates are whole numbers.
    fn area(&self, polygon: &Polygon) -> Vec<Polygon> {
        let exterior = self.projected(polygon.exterior());
        let reach = Reach::of(&exterior);
        if !reach.meets(self.window) {
            return Vec::new();
        }
        let holes = polygon.interiors().iter().map(|ring| self.projected(ring));
        let cut = if reach.within(self.window) {
            MultiPolygon(vec![Polygon::new(LineString(exterior), holes.map(LineString).collect())])
        } else {
            let exterior = self.window.without_detours(&exterior);
            let holes = holes.filter(|hole| Reach::of(hole).meets(self.window));
            let holes = holes.map(|hole| LineString(self.window.without_detours(&hole))).collect();
            Polygon::new(LineString(exterior), holes).intersection(&self.window.polygon())
        };
        cut.0.iter().flat_map(|part| self.simplified(part)).collect()
    }

    /// A part simplified and on the grid. The simplification that keeps rings apart costs ten times the plain one, so
    /// it is used where the plain one let them cross.
    fn simplified(&self, part: &Polygon) -> Vec<Polygon> {
        match rounded_polygon(&part.simplify_vw(self.simplify_area)) {
            Some(rounded) if is_simple(&rounded) => vec![rounded],
            _ => snapped(&part.simplify_vw_preserve(self.simplify_area), 0),
        }
    }

    /// A path in tile units, without vertices that lie within half a unit of the one before: so the costlier steps see
    /// thousands of vertices where the border has a million. Long edges are cut first, since straight in degrees is not straight on this map.
    fn projected(&self, path: &LineString) -> Vec<Coord> {
        let mut out: Vec<Coord> = Vec::new();
        out.extend(path.0.first().map(|c| self.grid.project(*c)));
        let last = path.0.len().saturating_sub(2);
        for (i, edge) in path.0.windows(2).enumerate() {
            let pieces = self.grid.pieces(edge[0], edge[1]);
            for piece in 1..pieces {
                let t = f64::from(piece) / f64::from(pieces);
                out.push(self.grid.project(edge[0] + (edge[1] - edge[0]) * t));
            }
            let end = self.grid.project(edge[1]);
            let far = out.last().is_none_or(|k| (k.x - end.x).abs() > 0.5 || (k.y - end.y).abs() > 0.5);
            if far || i == last {
                out.push(end);
            }
        }
        out
    }
}

/// How often a polygon that rounding pinched is mended before what is still crossed is dropped: mending makes new
/// vertices, which are rounded in turn. Twice is rare.
const MENDED_AT_MOST: usize = 4;

/// Rounds a polygon to whole units, drops what has no area left, and mends rings that rounding pinched.
fn snapped(polygon: &Polygon, mended: usize) -> Vec<Polygon> {
    let Some(rounded) = rounded_polygon(polygon) else { return Vec::new() };
    if is_simple(&rounded) {
        return vec![rounded];
    }
    if mended == MENDED_AT_MOST {
        return Vec::new();
    }
    // The union of a pinched polygon with itself is its valid parts.
    unary_union([&rounded]).0.iter().flat_map(|part| snapped(part, mended + 1)).collect()
}

fn rounded_polygon(polygon: &Polygon) -> Option<Polygon> {
    let exterior = snapped_ring(polygon.exterior())?;
    Some(Polygon::new(exterior, polygon.interiors().iter().filter_map(snapped_ring).collect()))
}

fn is_simple(polygon: &Polygon) -> bool {
    let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors()).map(|ring| ring.0.as_slice()).collect();
    simple::find_fault(&[rings]).is_none()
}

fn snapped_ring(ring: &LineString) -> Option<LineString> {
    let mut coords: Vec<Coord> = ring.0.iter().map(|c| Coord { x: c.x.round(), y: c.y.round() }).collect();
    coords.dedup();
    let ring = LineString(coords);
    let has_area = ring.0.len() > 3 && Polygon::new(ring.clone(), Vec::new()).unsigned_area() > 0.0;
    has_area.then_some(ring)
}

fn to_integers(polygon: &Polygon) -> Polygon<i32> {
    let ring = |ring: &LineString| LineString(ring.0.iter().map(|c| rounded(*c)).collect());
    Polygon::new(ring(polygon.exterior()), polygon.interiors().iter().map(ring).collect())
}

fn rounded(at: Coord) -> Coord<i32> {
    Coord { x: at.x.round() as i32, y: at.y.round() as i32 }
}

/// How far a path reaches.
struct Reach {
    low: Coord,
    high: Coord,
}

impl Reach {
    fn of(path: &[Coord]) -> Self {
        let mut reach = Self {
            low: Coord { x: f64::INFINITY, y: f64::INFINITY },
            high: Coord { x: f64::NEG_INFINITY, y: f64::NEG_INFINITY },
        };
        for c in path {
            reach.low = Coord { x: reach.low.x.min(c.x), y: reach.low.y.min(c.y) };
            reach.high = Coord { x: reach.high.x.max(c.x), y: reach.high.y.max(c.y) };
        }
        reach
    }

    fn meets(&self, w: Window) -> bool {
        self.low.x <= w.high && self.high.x >= w.low && self.low.y <= w.high && self.high.y >= w.low
    }

    fn within(&self, w: Window) -> bool {
        self.low.x >= w.low && self.high.x <= w.high && self.low.y >= w.low && self.high.y <= w.high
    }
}

impl Window {
    fn holds(self, c: Coord) -> bool {
        (self.low..=self.high).contains(&c.x) && (self.low..=self.high).contains(&c.y)
    }

    fn polygon(self) -> Polygon {
        Rect::new((self.low, self.low), (self.high, self.high)).to_polygon()
    }

    /// The sides beyond which a place lies, one bit each.
    fn outside(self, c: Coord) -> u8 {
        u8::from(c.x < self.low)
            | u8::from(c.x > self.high) << 1
            | u8::from(c.y < self.low) << 2
            | u8::from(c.y > self.high) << 3
    }

    /// A ring without the vertices of its ways beyond one side of the window. What is inside stays as it was (a path
    /// within a half-plane outside may be replaced by any other there), and a border of a million vertices costs one
    /// glance each before the real cut.
    fn without_detours(self, ring: &[Coord]) -> Vec<Coord> {
        let mut kept: Vec<Coord> = Vec::new();
        let mut sides = u8::MAX;
        for (i, c) in ring.iter().enumerate() {
            let outside = self.outside(*c);
            let last_in_run = ring.get(i + 1).is_none_or(|next| sides & outside & self.outside(*next) == 0);
            if i == 0 || last_in_run {
                kept.push(*c);
                sides = outside;
            }
        }
        kept
    }

    /// The pieces of a path inside the window (Liang and Barsky's way, edge by edge), direction kept.
    fn cut_line(self, path: &[Coord]) -> Vec<Vec<Coord>> {
        let mut pieces: Vec<Vec<Coord>> = Vec::new();
        let mut open = false;
        for edge in path.windows(2) {
            let (a, b) = (edge[0], edge[1]);
            let Some((from, to)) = self.inside_share(a, b) else {
                open = false;
                continue;
            };
            let at = |t: f64| Coord { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
            match pieces.last_mut() {
                Some(piece) if open && from == 0.0 => piece.push(if to == 1.0 { b } else { at(to) }),
                _ => pieces.push(vec![if from == 0.0 { a } else { at(from) }, if to == 1.0 { b } else { at(to) }]),
            }
            open = to == 1.0;
        }
        pieces
    }

    /// The shares of an edge between which it is inside.
    fn inside_share(self, a: Coord, b: Coord) -> Option<(f64, f64)> {
        let (mut from, mut to) = (0.0f64, 1.0f64);
        for (start, step) in [(a.x, b.x - a.x), (a.y, b.y - a.y)] {
            if step == 0.0 {
                if start < self.low || start > self.high {
                    return None;
                }
                continue;
            }
            let (t1, t2) = ((self.low - start) / step, (self.high - start) / step);
            from = from.max(t1.min(t2));
            to = to.min(t1.max(t2));
        }
        (from <= to).then_some((from, to))
    }
}

#[cfg(test)]
#[path = "clip_tests.rs"]
mod tests;
