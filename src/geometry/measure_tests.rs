//! The exact answers are held against walking every edge in pieces of five metres.

use geo::{Contains, Intersects};
use geo_types::{LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon, coord, polygon};
use geographiclib_rs::{Geodesic, InverseGeodesic, PolygonArea, Winding};
use proptest::prelude::*;

use super::*;

/// Lai Châu, the equator, 70° north, both sides of the date line, close to the north pole.
const PLACES: [(f64, f64); 6] =
    [(103.3, 22.3), (103.3, 0.0), (25.0, 70.0), (179.97, -17.0), (-179.97, 52.0), (40.0, 89.9)];

fn walk_m(from: Coord, to: Coord) -> f64 {
    Geodesic::wgs84().inverse(from.y, from.x, to.y, to.x)
}

/// Walks one edge in pieces, then narrows down around the nearest stop.
fn walk_edge(place: Coord, a: Coord, b: Coord, piece_m: f64) -> f64 {
    let at = |t: f64| coord! { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
    let rough = (b.y - a.y).hypot(b.x - a.x) * 112_000.0;
    let pieces = (rough / piece_m).ceil().max(1.0);
    let (mut best, mut best_t) = (f64::INFINITY, 0.0);
    for i in 0..=pieces as usize {
        let t = i as f64 / pieces;
        let d = walk_m(place, at(t));
        if d < best {
            (best, best_t) = (d, t);
        }
    }
    let (mut low, mut high) = ((best_t - 1.0 / pieces).max(0.0), (best_t + 1.0 / pieces).min(1.0));
    for _ in 0..50 {
        let (p, q) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if walk_m(place, at(p)) < walk_m(place, at(q)) { high = q } else { low = p }
    }
    best.min(walk_m(place, at(f64::midpoint(low, high))))
}

fn walk_line(place: Coord, line: &LineString, piece_m: f64) -> f64 {
    line.lines().map(|e| walk_edge(place, e.start, e.end, piece_m)).fold(f64::INFINITY, f64::min)
}

fn walk(place: Coord, geometry: &Geometry, piece_m: f64) -> f64 {
    let polygon_m = |polygon: &Polygon| {
        if polygon.intersects(&Point::from(place)) {
            return 0.0;
        }
        std::iter::once(polygon.exterior())
            .chain(polygon.interiors())
            .map(|ring| walk_line(place, ring, piece_m))
            .fold(f64::INFINITY, f64::min)
    };
    match geometry {
        Geometry::Point(p) => walk_m(place, p.0),
        Geometry::MultiPoint(ps) => ps.iter().map(|p| walk_m(place, p.0)).fold(f64::INFINITY, f64::min),
        Geometry::LineString(line) => walk_line(place, line, piece_m),
        Geometry::MultiLineString(lines) => {
            lines.iter().map(|line| walk_line(place, line, piece_m)).fold(f64::INFINITY, f64::min)
        }
        Geometry::Polygon(polygon) => polygon_m(polygon),
        Geometry::MultiPolygon(polygons) => polygons.iter().map(polygon_m).fold(f64::INFINITY, f64::min),
        other => panic!("no oracle for {other:?}"),
    }
}

/// A ring around a centre, its corners at the given shares of `size` degrees; never across the date line.
fn star(centre: (f64, f64), size: f64, radii: &[f64]) -> LineString {
    let mut ring: Vec<Coord> = radii
        .iter()
        .enumerate()
        .map(|(i, r)| {
            let angle = i as f64 / radii.len() as f64 * std::f64::consts::TAU;
            let x = (centre.0 + size * r * angle.cos()).clamp(-180.0, 180.0);
            coord! { x: x, y: (centre.1 + size * r * angle.sin()).clamp(-90.0, 90.0) }
        })
        .collect();
    ring.push(ring[0]);
    LineString(ring)
}

fn shape(kind: u8, centre: (f64, f64), size: f64, radii: &[f64]) -> Geometry {
    let half: Vec<f64> = radii.iter().map(|r| r * 0.4).collect();
    let ring = star(centre, size, radii);
    let shifted = (centre.0 + if centre.0 > 0.0 { -3.0 * size } else { 3.0 * size }, centre.1);
    let other = star(shifted, size, &half);
    match kind {
        0 => Geometry::Point(ring.0[0].into()),
        1 => Geometry::MultiPoint(MultiPoint(ring.0.iter().map(|c| Point::from(*c)).collect())),
        2 => Geometry::LineString(LineString(ring.0[1..].to_vec())),
        3 => Geometry::MultiLineString(MultiLineString(vec![LineString(ring.0[1..].to_vec()), other])),
        4 => Geometry::Polygon(Polygon::new(ring, vec![star(centre, size, &half)])),
        _ => Geometry::MultiPolygon(MultiPolygon(vec![Polygon::new(ring, vec![]), Polygon::new(other, vec![])])),
    }
}

fn check(geometry: &Geometry, place: Coord, piece_m: f64) -> Result<(), TestCaseError> {
    let found = nearest_on(geometry, place.x, place.y);
    let walked = walk(place, geometry, piece_m);
    prop_assert!((found.distance_m - walked).abs() < 0.01, "{} against {walked}", found.distance_m);
    let again = walk_m(place, coord! { x: found.lon, y: found.lat });
    prop_assert!((again - found.distance_m).abs() < 1e-6);
    if found.distance_m > 1.0 {
        let there = destination(place.x, place.y, found.bearing_deg, found.distance_m);
        prop_assert!(distance_m(there[0], there[1], found.lon, found.lat) < 0.001);
    }
    prop_assert!((0.0..360.0).contains(&found.bearing_deg));
    prop_assert!(nearest_within(geometry, place.x, place.y, walked + 0.02).is_some());
    prop_assert!(walked == 0.0 || nearest_within(geometry, place.x, place.y, walked - 0.02).is_none());
    Ok(())
}

/// Longitude brought back within −180..180.
fn wrapped(lon: f64) -> f64 {
    (lon + 540.0).rem_euclid(360.0) - 180.0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn the_nearest_point_equals_a_walk_in_five_metre_pieces(
        at in 0..PLACES.len(), kind in 0u8..6, size in 0.0005..0.02f64,
        radii in prop::collection::vec(0.3..1.0f64, 5..9), dx in -0.05..0.05f64, dy in -0.05..0.05f64,
    ) {
        let centre = PLACES[at];
        let geometry = shape(kind, centre, size, &radii);
        let place = coord! { x: wrapped(centre.0 + dx), y: (centre.1 + dy).clamp(-90.0, 90.0) };
        check(&geometry, place, 5.0)?;
    }

    #[test]
    fn far_places_and_long_edges_equal_a_walk(
        at in 0..PLACES.len(), kind in 2u8..6, size in 0.5..8.0f64,
        radii in prop::collection::vec(0.3..1.0f64, 5..7), lon in -180.0..180.0f64, lat in -90.0..90.0f64,
    ) {
        let geometry = shape(kind, PLACES[at], size, &radii);
        check(&geometry, coord! { x: lon, y: lat }, 2_000.0)?;
    }

    #[test]
    fn nothing_within_the_radius_lies_outside_the_degree_box(
        lon in -180.0..180.0f64, lat in -90.0..90.0f64, bearing in 0.0..360.0f64,
        radius in 0.0..3_000_000.0f64, share in 0.0..1.0f64,
    ) {
        let boxes = degree_box(lon, lat, radius);
        let there = destination(lon, lat, bearing, radius * share);
        prop_assert!(boxes.contains(there[0], there[1]), "{boxes:?} misses {there:?}");
    }

    #[test]
    fn the_rough_distance_stays_within_its_stated_error(
        lon in -180.0..180.0f64, lat in -90.0..90.0f64, lon2 in -180.0..180.0f64, lat2 in -90.0..90.0f64,
        near in 0.0..1.0f64,
    ) {
        let (lon2, lat2) = (lon + (lon2 - lon) * near.powi(8), lat + (lat2 - lat) * near.powi(8));
        let (rough, exact) = (approx_distance_m(lon, lat, lon2, lat2), distance_m(lon, lat, lon2, lat2));
        prop_assert!((rough - exact).abs() <= APPROX_ERROR_MAX * exact + 1e-6, "{rough} against {exact}");
    }

    #[test]
    fn a_prepared_area_answers_as_the_plain_one(
        at in 0..4usize, kind in 4u8..6, size in 0.001..2.0f64,
        radii in prop::collection::vec(0.3..1.0f64, 5..40), dx in -1.5..1.5f64, dy in -1.5..1.5f64,
    ) {
        let centre = PLACES[at];
        let geometry = shape(kind, centre, size, &radii);
        let place = (wrapped(centre.0 + dx * size), centre.1 + dy * size);
        let area = PreparedArea::new(&geometry);
        let plain = point_in_area(&geometry, place.0, place.1);
        prop_assert_eq!(area.contains(place.0, place.1), plain);
        prop_assert_eq!(geometry.intersects(&Point::new(place.0, place.1)), plain);
        if let Geometry::Polygon(p) = &geometry {
            for corner in p.exterior().0.iter().chain(p.interiors().iter().flat_map(|r| r.0.iter())) {
                prop_assert!(area.contains(corner.x, corner.y) && point_in_area(&geometry, corner.x, corner.y));
            }
        }
    }

    #[test]
    fn metres_inside_an_area_equal_a_walk_along_the_line(
        kind in 4u8..6, size in 0.002..0.02f64, radii in prop::collection::vec(0.3..1.0f64, 5..12),
        ends in prop::array::uniform6(-1.5..1.5f64),
    ) {
        let centre = PLACES[0];
        let geometry = shape(kind, centre, size, &radii);
        let line = LineString(ends.chunks(2).map(|c| coord! { x: centre.0 + c[0] * size, y: centre.1 + c[1] * size }).collect());
        let mut walked = 0.0;
        for edge in line.lines() {
            let pieces = (walk_m(edge.start, edge.end) / 1.0).ceil() as usize;
            let at = |i: f64| edge.start + (edge.end - edge.start) * (i / pieces as f64);
            for i in 0..pieces {
                if geometry.contains(&Point::from(at(i as f64 + 0.5))) {
                    walked += walk_m(at(i as f64), at(i as f64 + 1.0));
                }
            }
        }
        let measured = length_inside(&Geometry::LineString(line), &geometry);
        prop_assert!((measured - walked).abs() < 12.0, "{measured} against {walked}, each crossing off by half a piece");
    }

    #[test]
    fn the_gap_between_two_shapes_equals_a_walk(
        at in 0..3usize, kind in 2u8..6, other in 2u8..6, size in 0.002..0.02f64,
        radii in prop::collection::vec(0.3..1.0f64, 5..7), dx in -3.0..3.0f64, dy in -3.0..3.0f64,
    ) {
        let centre = PLACES[at];
        let a = shape(kind, centre, size, &radii);
        let b = shape(other, (centre.0 + dx * size, centre.1 + dy * size), size * 0.7, &radii);
        let gap = gap_within(&a, &b, f64::INFINITY).unwrap();
        if a.intersects(&b) {
            prop_assert_eq!(gap, 0.0);
        } else {
            let mut walked = f64::INFINITY;
            for_each_stop(&a, &mut |c| walked = walked.min(walk(c, &b, 20.0)));
            for_each_stop(&b, &mut |c| walked = walked.min(walk(c, &a, 20.0)));
            prop_assert!((gap - walked).abs() < 0.01, "{} against {}", gap, walked);
            prop_assert!(gap_within(&a, &b, walked - 0.02).is_none());
        }
    }
}

#[test]
fn a_place_inside_an_area_is_at_distance_0_and_in_a_hole_is_not() {
    let area: Geometry = polygon![
        exterior: [(x: 103.0, y: 22.0), (x: 103.1, y: 22.0), (x: 103.1, y: 22.1), (x: 103.0, y: 22.1), (x: 103.0, y: 22.0)],
        interiors: [[(x: 103.04, y: 22.04), (x: 103.04, y: 22.06), (x: 103.06, y: 22.06), (x: 103.06, y: 22.04), (x: 103.04, y: 22.04)]],
    ]
    .into();
    let inside = nearest_on(&area, 103.01, 22.01);
    assert_eq!((inside.distance_m, inside.lon, inside.lat), (0.0, 103.01, 22.01));
    let hole = nearest_on(&area, 103.05, 22.045);
    assert!((hole.distance_m - distance_m(103.05, 22.045, 103.05, 22.04)).abs() < 0.001);
    assert!((hole.bearing_deg - 180.0).abs() < 1e-6);
}

#[test]
fn a_house_on_the_boundary_counts_as_inside() {
    let area: Geometry =
        polygon![(x: 103.0, y: 22.0), (x: 103.3, y: 22.1), (x: 103.1, y: 22.3), (x: 103.0, y: 22.0)].into();
    let (a, b) = ((103.0, 22.0), (103.3, 22.1));
    for share in [0.0, 0.1, 1.0 / 3.0, 0.5, 0.777, 1.0] {
        let (lon, lat) = (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share);
        assert!(point_in_area(&area, lon, lat) && PreparedArea::new(&area).contains(lon, lat), "share {share}");
        assert!(!point_in_area(&area, lon, lat - 1e-8), "a millimetre outside at {share}");
    }
}

#[test]
fn the_shores_of_the_date_line_are_neighbours() {
    let area: Geometry =
        polygon![(x: 179.0, y: -1.0), (x: 180.0, y: -1.0), (x: 180.0, y: 1.0), (x: 179.0, y: 1.0), (x: 179.0, y: -1.0)]
            .into();
    assert!(point_in_area(&area, -180.0, 0.0), "−180° is 180°");
    let near = nearest_on(&area, -179.999, 0.0);
    assert!((near.distance_m - 111.319_490_793_273_57).abs() < 0.001 && (near.bearing_deg - 270.0).abs() < 1e-6);
    let boxes = degree_box(179.9, 0.0, 50_000.0);
    assert!(boxes.second.is_some() && boxes.contains(-179.9, 0.0) && !boxes.contains(0.0, 0.0));
}

#[test]
fn a_pole_is_near_to_every_meridian() {
    let line: Geometry = LineString::from(vec![(-120.0, 89.0), (-60.0, 89.0)]).into();
    let near = nearest_on(&line, 90.0, 90.0);
    assert!((near.distance_m - distance_m(0.0, 90.0, 0.0, 89.0)).abs() < 0.001);
    assert_eq!(degree_box(12.0, 89.9, 50_000.0).first[0], -180.0);
    let cap: Geometry =
        polygon![(x: -180.0, y: 80.0), (x: 180.0, y: 80.0), (x: 180.0, y: 90.0), (x: -180.0, y: 90.0), (x: -180.0, y: 80.0)].into();
    assert!(point_in_area(&cap, 7.0, 90.0) && PreparedArea::new(&cap).contains(7.0, 90.0));
}

#[test]
fn known_geodesics_come_out_as_published() {
    // JFK to LHR, as the manual of GeodSolve gives it.
    assert!((distance_m(-73.8, 40.6, -0.5, 51.6) - 5_551_759.400).abs() < 0.001);
    assert!((bearing_deg(-73.8, 40.6, -0.5, 51.6) - 51.198_882_845).abs() < 1e-8);
    assert_eq!(bearing_deg(103.0, 22.0, 103.0, 22.0), 0.0);
    assert_eq!(bearing_deg(103.0, 22.0, 103.0, 23.0), 0.0);
}

#[test]
fn lengths_and_areas_follow_edges_straight_in_degrees() {
    let parallel = LineString::from(vec![(103.0, 22.0), (113.0, 22.0)]);
    let exact = earth::radii_m(22.0).1 * 10f64.to_radians();
    assert!((length_m(&parallel) - exact).abs() < 1e-3);
    let cut: LineString =
        (0..=20_000).map(|i| coord! { x: 103.0 + f64::from(i) / 2_000.0, y: 22.0 + f64::from(i) / 5_000.0 }).collect();
    let whole = LineString(vec![cut.0[0], cut.0[20_000]]);
    let walked: f64 = cut.lines().map(|e| walk_m(e.start, e.end)).sum();
    assert!((length_m(&whole) - walked).abs() < 0.001, "{} against {walked}", length_m(&whole));

    let square = |steps: usize| {
        let at = |i: usize| i as f64 / steps as f64;
        let sides = [(0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 0.0, 1.0), (1.0, 1.0, -1.0, 0.0), (0.0, 1.0, 0.0, -1.0)];
        let mut ring: Vec<Coord> = sides
            .iter()
            .flat_map(|(x, y, dx, dy)| {
                (0..steps).map(move |i| coord! { x: 103.0 + x + dx * at(i), y: 22.0 + y + dy * at(i) })
            })
            .collect();
        ring.push(ring[0]);
        ring
    };
    let g = Geodesic::wgs84();
    let mut by_pieces = PolygonArea::new(&g, Winding::CounterClockwise);
    square(2_000).iter().skip(1).for_each(|c| by_pieces.add_point(c.y, c.x));
    let area = area_m2(&Polygon::new(LineString(square(1)), vec![]));
    assert!((area - by_pieces.compute(true).1).abs() / area < 1e-8, "{area}");
    let tiny = polygon![(x: 103.0, y: 22.0), (x: 103.0001, y: 22.0), (x: 103.0001, y: 22.0001), (x: 103.0, y: 22.0001), (x: 103.0, y: 22.0)];
    assert!((area_m2(&tiny) - 114.3).abs() < 0.2, "{}", area_m2(&tiny));
}

#[test]
fn a_line_along_the_boundary_lies_inside() {
    let area: Geometry =
        polygon![(x: 103.0, y: 22.0), (x: 103.1, y: 22.0), (x: 103.1, y: 22.1), (x: 103.0, y: 22.1), (x: 103.0, y: 22.0)].into();
    let along = LineString::from(vec![(102.9, 22.0), (103.2, 22.0)]);
    let inside = length_inside(&along.into(), &area);
    assert!((inside - length_m(&LineString::from(vec![(103.0, 22.0), (103.1, 22.0)]))).abs() < 0.001);
    let diagonal = LineString::from(vec![(102.9, 21.9), (103.2, 22.2)]);
    let inside = length_inside(&diagonal.into(), &area);
    assert!((inside - length_m(&LineString::from(vec![(103.0, 22.0), (103.1, 22.1)]))).abs() < 0.001);
    assert_eq!(length_inside(&LineString::from(vec![(1.0, 1.0), (2.0, 2.0)]).into(), &area), 0.0);
}

#[test]
fn an_empty_geometry_is_infinitely_far() {
    let nothing = Geometry::MultiPolygon(MultiPolygon(vec![]));
    assert_eq!(nearest_on(&nothing, 103.0, 22.0).distance_m, f64::INFINITY);
    assert!(!PreparedArea::new(&nothing).contains(103.0, 22.0));
}
