//! A shape of few vertices that covers another: what leaves out a corner of a danger zone must not be sent as its warning.
//!
//! The outline is drawn with ever less care, and grown by as much as that care may have cost, until it has few vertices.
//! Whether the result covers the area is then asked of its own coordinates; what does not is drawn anew, and in the end the
//! hull or the box around it is left. The overlay rounds, so nothing here rests on its being exact.

use geo::algorithm::buffer::{BufferStyle, LineJoin};
use geo::orient::Direction;
use geo::{
    AffineOps, AffineTransform, BoundingRect, Buffer, ConvexHull, CoordsIter, MapCoords, Orient, Relate, Simplify,
    Validation,
};
use geo_types::{Coord, Geometry, MultiPolygon, Polygon, Rect, coord};

/// The shortest degree there is on WGS 84 (along a meridian at the equator), metres: with it nothing grows by too little.
const DEGREE_M: f64 = 110_574.0;
/// Vertices of a box, which is the least that covers anything; the closing one is counted.
const BOX_VERTICES: usize = 5;
/// How far the first outline may stray, metres; each further one twice as far.
const STRAY_M: f64 = 1.0;
/// Outlines that are tried: the last may stray 30 km.
const OUTLINES_MAX: usize = 16;
/// An arc is drawn by chords of this many radii, so it lies inside the true one by less than `ARC_GROWTH` says.
const ARC_CHORD: f64 = 0.3;
const ARC_GROWTH: f64 = 1.02;
/// Corners sharper than this are cut off, radians.
const CORNER_RAD: f64 = 0.4;
/// New corners are rounded to this many parts of a degree (0.1 m).
const GRID: f64 = 1e6;
/// How much the box is wider than what it holds, degrees (0.1 m).
const BOX_MARGIN_DEG: f64 = 1e-6;

/// Covers an area (WGS 84, lon/lat) and what lies within `margin_m` of it, with at most `vertices_max` vertices in all
/// (closing ones counted; five at least, which a box needs). Holes are filled. Lines and points have no area and give an
/// empty one.
#[must_use]
pub fn covering(area: &Geometry, margin_m: f64, vertices_max: usize) -> MultiPolygon {
    let max = vertices_max.max(BOX_VERTICES);
    let area = match area {
        Geometry::Polygon(polygon) => MultiPolygon(vec![polygon.clone()]),
        Geometry::MultiPolygon(parts) => parts.clone(),
        _ => return MultiPolygon(Vec::new()),
    };
    let area = without_holes(area);
    let Some(bounds) = area.bounding_rect() else { return area };
    let plane = Plane::at(&bounds);
    let whole = if margin_m > 0.0 {
        let style = BufferStyle::new(margin_m * ARC_GROWTH).line_join(LineJoin::Round(ARC_CHORD));
        plane.back(&plane.onto(&area).buffer_with_style(style))
    } else {
        area
    };
    if whole.coords_count() <= max {
        return whole.orient(Direction::Default);
    }
    let flat = plane.onto(&whole);
    let outlines = (0..OUTLINES_MAX).map(|n| {
        let stray_m = STRAY_M * f64::from(1_u32 << n);
        let style = BufferStyle::new(stray_m * ARC_GROWTH).line_join(LineJoin::Miter(CORNER_RAD));
        plane.back(&flat.simplify(stray_m).buffer_with_style(style))
    });
    let hull = std::iter::once_with(|| MultiPolygon(vec![whole.convex_hull()]));
    let fits = |cover: &MultiPolygon| cover.coords_count() <= max && cover.is_valid() && covers(cover, &whole);
    outlines.chain(hull).find(fits).unwrap_or_else(|| frame(&whole))
}

/// Whether each part lies in one part of the cover.
fn covers(cover: &MultiPolygon, area: &MultiPolygon) -> bool {
    area.iter().all(|part| cover.iter().any(|whole| whole.relate(part).is_covers()))
}

fn without_holes(area: MultiPolygon) -> MultiPolygon {
    MultiPolygon(area.into_iter().map(|part| Polygon::new(part.into_inner().0, Vec::new())).collect())
}

/// The box around it, a little wider.
fn frame(area: &MultiPolygon) -> MultiPolygon {
    let corner = coord! { x: BOX_MARGIN_DEG, y: BOX_MARGIN_DEG };
    let around = area.bounding_rect().map(|tight| Rect::new(tight.min() - corner, tight.max() + corner));
    MultiPolygon(around.map(|around| around.to_polygon()).into_iter().collect()).orient(Direction::Default)
}

/// Metres east and north of a point: a province is small enough for that.
struct Plane {
    onto: AffineTransform,
    back: AffineTransform,
}

impl Plane {
    fn at(bounds: &Rect) -> Self {
        let centre = bounds.center();
        // On the side towards the pole a degree of longitude is shortest.
        let lat = bounds.min().y.abs().max(bounds.max().y.abs());
        let (north_m, east_m) = (DEGREE_M, DEGREE_M * lat.to_radians().cos());
        Self {
            onto: AffineTransform::new(east_m, 0.0, -centre.x * east_m, 0.0, north_m, -centre.y * north_m),
            back: AffineTransform::new(1.0 / east_m, 0.0, centre.x, 0.0, 1.0 / north_m, centre.y),
        }
    }

    fn onto(&self, area: &MultiPolygon) -> MultiPolygon {
        area.affine_transform(&self.onto)
    }

    /// Back on the globe, holes filled, in degrees that can be read.
    fn back(&self, area: &MultiPolygon) -> MultiPolygon {
        let rounded = |at: Coord| coord! { x: (at.x * GRID).round() / GRID, y: (at.y * GRID).round() / GRID };
        without_holes(area.affine_transform(&self.back).map_coords(rounded)).orient(Direction::Default)
    }
}

#[cfg(test)]
mod tests {
    use geo::{BooleanOps, Destination, Geodesic, Intersects};
    use geo_types::LineString;
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
        let cover = covering(area, 0.0, max);
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
        let cover = covering(&Polygon::new(outer.clone(), vec![inner]).into(), 0.0, 20);
        assert_eq!(cover.0, vec![Polygon::new(outer, Vec::new()).orient(Direction::Default)]);
    }

    #[test]
    fn a_cover_does_not_warn_much_more_land_than_it_must() {
        // An L: its hull has half as much again.
        let steps = (0..=50).map(|n| Coord { x: 103.0 + 0.001 * f64::from(n), y: 22.0 + 0.0001 * f64::from(n % 2) });
        let corner = [(103.05, 22.01), (103.01, 22.01), (103.01, 22.05), (103.0, 22.05)];
        let ring = steps.chain(corner.map(|(x, y)| Coord { x, y })).collect();
        let zone = Polygon::new(LineString(ring), Vec::new());
        let cover = covering(&zone.clone().into(), 0.0, 12);
        let area = |shape: &MultiPolygon| geo::Area::unsigned_area(shape);
        let zone = MultiPolygon(vec![zone]);
        assert!(area(&cover) < 1.1 * area(&zone), "{} of {}", area(&cover), area(&zone));
        assert!(area(&zone.difference(&cover)) < 1e-12);
    }

    #[test]
    fn a_margin_is_covered_all_round_and_hardly_more() {
        let zone = star(103.4, 22.3, &[0.01, 0.003, 0.012, 0.004, 0.011]);
        let cover = covering(&zone.clone().into(), 500.0, 60);
        assert!(cover.coords_count() <= 60 && covers(&cover, &MultiPolygon(vec![zone.clone()])));
        for corner in zone.exterior().points() {
            let all_round = (0..36).map(|n| Geodesic.destination(corner, 10.0 * f64::from(n), 500.0));
            assert!(all_round.into_iter().all(|place| cover.intersects(&place)), "{corner:?}");
        }
        let area = |shape: &MultiPolygon| geo::Area::unsigned_area(shape);
        let plain = covering(&zone.into(), 480.0, 5_000);
        assert!(area(&cover) < 1.2 * area(&plain), "{} of {}", area(&cover), area(&plain));
    }

    #[test]
    fn the_largest_drawing_is_covered_with_few_vertices() {
        let radii: Vec<f64> =
            (0..DRAWN_VERTICES_MAX - 1).map(|n| 0.1 + 0.01 * ((n * 7_919) % 97) as f64 / 97.0).collect();
        let cover = holds(&star(103.4, 22.3, &radii).into(), 100).unwrap();
        assert!(cover.coords_count() <= 100);
    }
}
