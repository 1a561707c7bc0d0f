//! A shape of few vertices that covers another: what leaves out a corner of a danger zone must not be sent as its warning.
//!
//! Rings only ever grow. A vertex that points inwards is left out, or an edge between two outward ones is replaced by the
//! point at which its neighbours meet, whichever adds least; a step after which the ring would touch itself is not taken.
//! Signs come from the adaptive predicate, so "covers" holds to the last bit, also after new points were rounded.

use geo::kernels::{Kernel, Orientation, RobustKernel};
use geo::{ConvexHull, Intersects};
use geo_types::{Coord, Geometry, Line, LineString, MultiPoint, MultiPolygon, Point, Polygon};

/// New points are rounded to this many parts of a degree (0.1 m).
const GRID: f64 = 1e6;
/// Fewest vertices of a ring, its closing one counted.
const RING_MIN: usize = 4;

/// Covers an area (WGS 84, lon/lat) with at most `vertices_max` vertices in all, closing ones counted; five at least, which
/// a box needs. Holes are filled. Lines and points have no area and give an empty one.
#[must_use]
pub fn covering(area: &Geometry, vertices_max: usize) -> MultiPolygon {
    let max = vertices_max.max(RING_MIN + 1);
    let mut rings: Vec<Ring> = match area {
        Geometry::Polygon(polygon) => vec![Ring::of(polygon.exterior())],
        Geometry::MultiPolygon(parts) => parts.iter().map(|part| Ring::of(part.exterior())).collect(),
        _ => return MultiPolygon(Vec::new()),
    };
    if rings.len() * RING_MIN > max {
        rings = vec![hull(&rings)];
    }
    let count = |rings: &[Ring]| rings.iter().map(|ring| ring.points.len() + 1).sum::<usize>();
    let has_grown = count(&rings) > max;
    shrink(&mut rings, max);
    if has_grown && overlap(&rings) {
        rings = vec![hull(&rings)];
        shrink(&mut rings, max);
    }
    MultiPolygon(rings.into_iter().map(Ring::into_polygon).collect())
}

/// Grows the rings until they have `max` vertices in all.
fn shrink(rings: &mut Vec<Ring>, max: usize) {
    let count = |rings: &[Ring]| rings.iter().map(|ring| ring.points.len() + 1).sum::<usize>();
    while count(rings) > max {
        let best = (0..rings.len()).filter_map(|n| Some((n, rings[n].cheapest()?)));
        let best = best.min_by(|(_, a), (_, b)| a.added.total_cmp(&b.added));
        if let Some((n, step)) = best {
            rings[n].take(&step);
        } else if rings.iter_mut().map(Ring::retry).fold(false, |any, one| any | one) {
            // What stood in the way may be gone by now.
        } else if rings.len() > 1 || !rings[0].is_hull {
            *rings = vec![hull(rings)];
        } else {
            *rings = vec![frame(rings)];
        }
    }
}

/// Whether two of them touch.
fn overlap(rings: &[Ring]) -> bool {
    let parts: Vec<Polygon> =
        rings.iter().map(|ring| Polygon::new(LineString(ring.points.clone()), Vec::new())).collect();
    (1..parts.len()).any(|n| parts[..n].iter().any(|other| other.intersects(&parts[n])))
}

/// What makes a ring one vertex shorter.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// The vertex that goes, or the first of the two that one takes the place of.
    at: usize,
    /// What takes their place.
    tip: Option<Coord>,
    /// Area that it adds, square degrees.
    added: f64,
}

/// An open ring, counterclockwise.
struct Ring {
    points: Vec<Coord>,
    /// The step at each vertex; `None` where there is none, or something is in its way.
    steps: Vec<Option<Step>>,
    has_moved: bool,
    is_hull: bool,
}

impl Ring {
    fn of(line: &LineString) -> Self {
        let mut points = line.0.clone();
        if points.len() > 1 && points.first() == points.last() {
            points.pop();
        }
        points.dedup();
        if twice_area(&points) < 0.0 {
            points.reverse();
        }
        let mut ring = Self { steps: vec![None; points.len()], points, has_moved: false, is_hull: false };
        ring.weigh_all();
        ring
    }

    fn into_polygon(self) -> Polygon {
        Polygon::new(LineString(self.points), Vec::new())
    }

    fn point(&self, n: usize) -> Coord {
        self.points[n % self.points.len()]
    }

    fn weigh_all(&mut self) {
        for n in 0..self.points.len() {
            self.steps[n] = self.weigh(n);
        }
    }

    /// The cheapest step at vertex `n`, whatever is in its way.
    fn weigh(&self, n: usize) -> Option<Step> {
        let len = self.points.len();
        if len < RING_MIN {
            return None;
        }
        let [a, b, c, d] = [len - 1, 0, 1, 2].map(|by| self.point(n + by));
        if turn(a, b, c) != Orientation::CounterClockwise {
            return Some(Step { at: n, tip: None, added: twice_area(&[a, c, b]).abs() });
        }
        if turn(b, c, d) != Orientation::CounterClockwise {
            return None;
        }
        let tip = tip(a, b, c, d)?;
        Some(Step { at: n, tip: Some(tip), added: twice_area(&[a, tip, d]) - twice_area(&[a, b, c, d]) })
    }

    /// The step that adds least and that nothing is in the way of; what is found to be blocked is forgotten.
    fn cheapest(&mut self) -> Option<Step> {
        loop {
            let steps = self.steps.iter().flatten();
            let step = *steps.min_by(|one, other| one.added.total_cmp(&other.added))?;
            if self.is_free(&step) {
                return Some(step);
            }
            self.steps[step.at] = None;
        }
    }

    /// Whether the ring stays simple.
    fn is_free(&self, step: &Step) -> bool {
        let len = self.points.len();
        let (a, gone) = (self.point(step.at + len - 1), if step.tip.is_some() { 2 } else { 1 });
        let d = self.point(step.at + gone);
        let news: &[Line] = &match step.tip {
            Some(tip) => vec![Line::new(a, tip), Line::new(tip, d)],
            None => vec![Line::new(a, d)],
        };
        // All that stay: from `d` on, round to `a`.
        (0..len - 1 - gone).all(|n| {
            let edge = Line::new(self.point(step.at + gone + n), self.point(step.at + gone + n + 1));
            news.iter().all(|new| !is_in_the_way(new, &edge))
        })
    }

    fn take(&mut self, step: &Step) {
        match step.tip {
            None => {
                self.points.remove(step.at);
                self.steps.remove(step.at);
            }
            Some(tip) => {
                self.points[step.at] = tip;
                let next = (step.at + 1) % self.points.len();
                self.points.remove(next);
                self.steps.remove(next);
            }
        }
        self.has_moved = true;
        let len = self.points.len();
        for by in 0..6 {
            let n = (step.at + 2 * len + by - 3) % len;
            self.steps[n] = self.weigh(n);
        }
    }

    /// Weighs all steps anew; `false` if that was done before and nothing has moved since.
    fn retry(&mut self) -> bool {
        let again = std::mem::take(&mut self.has_moved);
        if again {
            self.weigh_all();
        }
        again
    }
}

/// Where the edges before and after `b`–`c` meet, rounded so that both lie inside; `None` if they run apart.
fn tip(a: Coord, b: Coord, c: Coord, d: Coord) -> Option<Coord> {
    let (u, v) = (b - a, c - d);
    let denominator = u.x * v.y - u.y * v.x;
    let t = ((d.x - a.x) * v.y - (d.y - a.y) * v.x) / denominator;
    let meets = a + u * t;
    // Beyond `b` and beyond `c`: else they meet on the other side.
    let s = ((d.x - a.x) * u.y - (d.y - a.y) * u.x) / denominator;
    if !(t > 1.0 && s > 1.0 && meets.x.abs() <= 180.0 && meets.y.abs() <= 90.0) {
        return None;
    }
    let (x, y) = (meets.x * GRID, meets.y * GRID);
    let inside = |tip: &Coord| {
        let is_left = |from: Coord, to: Coord, point: Coord| turn(from, to, point) != Orientation::Clockwise;
        is_left(a, *tip, b) && is_left(a, *tip, c) && is_left(*tip, d, b) && is_left(*tip, d, c)
    };
    let grid = [(x.floor(), y.floor()), (x.floor(), y.ceil()), (x.ceil(), y.floor()), (x.ceil(), y.ceil())];
    let candidates = grid.map(|(x, y)| Coord { x: x / GRID, y: y / GRID });
    let fit = candidates.into_iter().filter(|tip| tip.x.abs() <= 180.0 && tip.y.abs() <= 90.0).filter(inside);
    fit.min_by(|one, other| twice_area(&[a, *one, d]).abs().total_cmp(&twice_area(&[a, *other, d]).abs()))
}

/// Whether they touch but where one ends and the other begins.
fn is_in_the_way(new: &Line, edge: &Line) -> bool {
    let apart = |a: f64, b: f64, c: f64, d: f64| a.max(b) < c.min(d) || c.max(d) < a.min(b);
    if apart(new.start.x, new.end.x, edge.start.x, edge.end.x)
        || apart(new.start.y, new.end.y, edge.start.y, edge.end.y)
    {
        return false;
    }
    for (shared, new_end) in [(new.start, new.end), (new.end, new.start)] {
        for (end, edge_end) in [(edge.start, edge.end), (edge.end, edge.start)] {
            if shared == end {
                let (u, v) = (new_end - shared, edge_end - shared);
                return turn(shared, new_end, edge_end) == Orientation::Collinear && u.x * v.x + u.y * v.y > 0.0;
            }
        }
    }
    new.intersects(edge)
}

fn turn(a: Coord, b: Coord, c: Coord) -> Orientation {
    RobustKernel::orient2d(a, b, c)
}

/// Twice the signed area, counterclockwise positive; square degrees.
fn twice_area(points: &[Coord]) -> f64 {
    let Some(origin) = points.first() else { return 0.0 };
    let from = |point: &Coord| *point - *origin;
    points.windows(2).map(|pair| (from(&pair[0]), from(&pair[1]))).map(|(p, q)| p.x * q.y - p.y * q.x).sum()
}

/// The convex hull of them all.
fn hull(rings: &[Ring]) -> Ring {
    let points: Vec<Point> = rings.iter().flat_map(|ring| &ring.points).map(|point| Point::from(*point)).collect();
    Ring { is_hull: true, ..Ring::of(MultiPoint(points).convex_hull().exterior()) }
}

/// The box around them, rounded outwards.
fn frame(rings: &[Ring]) -> Ring {
    let all = || rings.iter().flat_map(|ring| &ring.points);
    let least = |of: fn(&Coord) -> f64| (all().map(of).fold(f64::INFINITY, f64::min) * GRID).floor() / GRID;
    let most = |of: fn(&Coord) -> f64| (all().map(of).fold(f64::NEG_INFINITY, f64::max) * GRID).ceil() / GRID;
    let (west, south, east, north) = (least(|p| p.x), least(|p| p.y), most(|p| p.x), most(|p| p.y));
    let corners = [(west, south), (east, south), (east, north), (west, north)];
    Ring::of(&LineString(corners.into_iter().map(|(x, y)| Coord { x, y }).collect()))
}

#[cfg(test)]
mod tests {
    use geo::{BooleanOps, CoordsIter, Relate, Validation};
    use geo_types::Rect;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::collection::GeometryKind;
    use crate::geometry::validate::{DRAWN_VERTICES_MAX, check};

    /// A ring round a centre whose radius jumps: starlike, so it is simple, and full of inward corners.
    fn star(lon: f64, lat: f64, radii: &[f64]) -> Polygon {
        let at = |(n, radius): (usize, &f64)| {
            let angle = std::f64::consts::TAU * n as f64 / radii.len() as f64;
            Coord { x: lon + radius * angle.cos(), y: lat + radius * angle.sin() }
        };
        Polygon::new(LineString(radii.iter().enumerate().map(at).collect()), Vec::new())
    }

    fn holds(area: &Geometry, max: usize) -> Result<MultiPolygon, TestCaseError> {
        let cover = covering(area, max);
        prop_assert!(cover.coords_count() <= max.max(5), "{} vertices", cover.coords_count());
        for part in &cover {
            prop_assert!(part.is_valid(), "{part:?}");
            check(part.clone().into(), GeometryKind::Area, DRAWN_VERTICES_MAX, "/geometry").unwrap();
        }
        let parts: Vec<Polygon> = match area {
            Geometry::MultiPolygon(parts) => parts.0.clone(),
            Geometry::Polygon(part) => vec![part.clone()],
            _ => unreachable!("areas alone"),
        };
        for part in parts {
            let is_covered = cover.iter().any(|whole| whole.relate(&part).is_covers());
            prop_assert!(is_covered, "{part:?} is not covered by {cover:?}");
        }
        Ok(cover)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_cover_of_few_vertices_always_covers_the_zone(
            radii in proptest::collection::vec(0.001_f64..0.1, 5..120),
            max in 4_usize..60,
        ) {
            holds(&star(103.4, 22.3, &radii).into(), max)?;
        }

        #[test]
        fn zones_of_several_parts_are_covered_whole(
            radii in proptest::collection::vec(proptest::collection::vec(0.001_f64..0.02, 3..40), 1..12),
            max in 5_usize..60,
        ) {
            let part = |(n, radii): (usize, &Vec<f64>)| star(103.0 + 0.05 * n as f64, 22.3, radii);
            holds(&MultiPolygon(radii.iter().enumerate().map(part).collect()).into(), max)?;
        }

        #[test]
        fn a_zone_along_a_winding_valley_is_covered(
            bends in proptest::collection::vec((0.002_f64..0.01, -0.02_f64..0.02), 8..60),
            max in 8_usize..40,
        ) {
            // A strip between two lines that wind alike: long, thin, nowhere convex.
            let mut at = 103.0;
            let line: Vec<Coord> = bends.iter().map(|(on, off)| { at += on; Coord { x: at, y: 22.3 + off } }).collect();
            let back = line.iter().rev().map(|point| Coord { x: point.x, y: point.y + 0.001 });
            holds(&Polygon::new(LineString(line.iter().copied().chain(back).collect()), Vec::new()).into(), max)?;
        }
    }

    #[test]
    fn a_zone_of_few_vertices_is_left_as_it_is_and_holes_are_filled() {
        let outer = Rect::new((103.0, 22.0), (103.1, 22.1)).to_polygon().exterior().clone();
        let inner = Rect::new((103.04, 22.04), (103.06, 22.06)).to_polygon().exterior().clone();
        let cover = covering(&Polygon::new(outer.clone(), vec![inner]).into(), 20);
        assert_eq!(cover.0, vec![Polygon::new(Ring::of(&outer).into_polygon().exterior().clone(), Vec::new())]);
    }

    #[test]
    fn a_cover_does_not_warn_much_more_land_than_it_must() {
        // An L: its hull has half as much again.
        let steps = (0..=50).map(|n| Coord { x: 103.0 + 0.001 * f64::from(n), y: 22.0 + 0.0001 * f64::from(n % 2) });
        let corner = [(103.05, 22.01), (103.01, 22.01), (103.01, 22.05), (103.0, 22.05)];
        let ring = steps.chain(corner.map(|(x, y)| Coord { x, y })).collect();
        let zone = Polygon::new(LineString(ring), Vec::new());
        let cover = covering(&zone.clone().into(), 12);
        let area = |shape: &MultiPolygon| geo::Area::unsigned_area(shape);
        let zone = MultiPolygon(vec![zone]);
        assert!(area(&cover) < 1.1 * area(&zone), "{} of {}", area(&cover), area(&zone));
        assert!(area(&zone.difference(&cover)) < 1e-12);
    }

    #[test]
    fn the_largest_drawing_is_covered_in_time() {
        let radii: Vec<f64> =
            (0..DRAWN_VERTICES_MAX - 1).map(|n| 0.1 + 0.01 * ((n * 7_919) % 97) as f64 / 97.0).collect();
        let zone: Geometry = star(103.4, 22.3, &radii).into();
        let before = std::time::Instant::now();
        assert!(covering(&zone, 100).coords_count() <= 100);
        assert!(before.elapsed().as_secs() < 60, "{:?}", before.elapsed());
    }
}
