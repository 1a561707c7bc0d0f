use geo::Winding;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn area(coordinates: &Value) -> Result<Geometry, Problem> {
    from_geojson(
        &json!({"type": "Polygon", "coordinates": coordinates}),
        GeometryKind::Area,
        DRAWN_VERTICES_MAX,
        "/geometry",
    )
}

fn areas(coordinates: &Value) -> Result<Geometry, Problem> {
    from_geojson(
        &json!({"type": "MultiPolygon", "coordinates": coordinates}),
        GeometryKind::Area,
        DRAWN_VERTICES_MAX,
        "/geometry",
    )
}

fn refused(result: Result<Geometry, Problem>) -> (Code, String) {
    let problem = result.expect_err("a refusal");
    assert!(!problem.detail_vi.is_empty() && !problem.detail_en.is_empty());
    (problem.code, problem.at.expect("a place"))
}

fn square(x: f64, y: f64, size: f64) -> Value {
    json!([[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]])
}

#[test]
fn what_is_no_geometry_is_refused_with_its_place() {
    let point = |value: &Value| refused(from_geojson(value, GeometryKind::Point, 10, "/geometry"));
    let invalid = |place: &str| (Code::InvalidGeometry, place.to_owned());
    assert_eq!(point(&json!(5)), invalid("/geometry"));
    assert_eq!(point(&json!({"type": "Circle"})), invalid("/geometry"));
    assert_eq!(point(&json!({"type": "Feature", "geometry": null})), invalid("/geometry"));
    assert_eq!(point(&json!({"type": "GeometryCollection", "geometries": []})), invalid("/geometry/type"));
    assert_eq!(point(&json!({"type": "Polygon", "coordinates": []})), invalid("/geometry/type"));
    assert_eq!(point(&json!({"type": "Point"})), invalid("/geometry/coordinates"));
    assert_eq!(point(&json!({"type": "Point", "coordinates": [103.1]})), invalid("/geometry/coordinates"));
    assert_eq!(point(&json!({"type": "Point", "coordinates": ["103", "22"]})), invalid("/geometry/coordinates"));
    assert_eq!(point(&json!({"type": "Point", "coordinates": [[103.0, 22.0]]})), invalid("/geometry/coordinates"));
    assert_eq!(refused(area(&json!([]))), invalid("/geometry/coordinates"));
    assert_eq!(refused(area(&json!([[]]))).0, Code::InvalidGeometry);
    assert_eq!(refused(area(&json!([[[103.0, 22.0], null, [103.1, 22.0]]]))), invalid("/geometry/coordinates/0/1"));
}

#[test]
fn a_type_that_the_collection_does_not_take_names_those_it_takes() {
    let problem = from_geojson(&json!({"type": "Point", "coordinates": [1, 2]}), GeometryKind::Line, 10, "/geometry")
        .expect_err("a refusal");
    assert_eq!(problem.extra, vec![("allowed", json!(["LineString", "MultiLineString"]))]);
    let problem = check(Point::new(1.0, 2.0).into(), GeometryKind::Area, 10, "/geometry").expect_err("a refusal");
    assert_eq!(problem.code, Code::InvalidGeometry);
}

#[test]
fn swapped_coordinates_are_told_from_wild_ones() {
    let problem = check(Point::new(22.4, 103.3).into(), GeometryKind::Point, 10, "/geometry").expect_err("a refusal");
    assert_eq!((problem.code, problem.at.as_deref()), (Code::CoordinatesSwapped, Some("/geometry/coordinates")));
    assert_eq!(problem.extra, vec![("swapped", json!([103.3, 22.4]))]);
    for (lon, lat) in [(200.0, 22.0), (103.0, 91.0), (103.0, -90.1), (f64::NAN, 22.0), (103.0, f64::INFINITY)] {
        let refusal = refused(check(Point::new(lon, lat).into(), GeometryKind::Point, 10, "/geometry"));
        assert_eq!(refusal.0, Code::CoordinateOutOfRange, "{lon} {lat}");
    }
    let metres = check_position(540_000.0, 2_470_000.0, "/x").expect_err("a refusal");
    assert!(metres.code == Code::CoordinateOutOfRange && metres.detail_en.contains("EPSG:9205"));
    assert_eq!(
        refused(area(&json!([[[103.0, 22.0], [103.1, 22.0], [22.1, 103.1], [103.0, 22.0]]]))).1,
        "/geometry/coordinates/0/2"
    );
    for (lon, lat) in [(180.0, 90.0), (-180.0, -90.0), (0.0, 0.0)] {
        assert!(check_position(lon, lat, "/x").is_ok());
    }
}

#[test]
fn open_and_thin_rings_are_refused() {
    assert_eq!(
        refused(area(&json!([[[103.0, 22.0], [103.1, 22.0], [103.1, 22.1], [103.0, 22.1]]]))),
        (Code::InvalidGeometry, "/geometry/coordinates/0/3".to_owned())
    );
    let thin = json!([[[103.0, 22.0], [103.1, 22.0], [103.1, 22.0], [103.0, 22.0]]]);
    assert_eq!(refused(area(&thin)), (Code::InvalidGeometry, "/geometry/coordinates/0".to_owned()));
    let spike = json!([[[103.0, 22.0], [103.1, 22.0], [103.2, 22.0], [103.0, 22.0]]]);
    assert_eq!(refused(area(&spike)).0, Code::SelfIntersection);
    let line = json!({"type": "LineString", "coordinates": [[103.0, 22.0], [103.0, 22.0]]});
    assert_eq!(refused(from_geojson(&line, GeometryKind::Line, 10, "/geometry")).0, Code::InvalidGeometry);
}

#[test]
fn a_self_crossing_names_the_edge_and_the_point() {
    // A vertex given twice stands before the crossing: the place still counts the points as sent.
    let bow = json!([[[103.0, 22.0], [103.0, 22.0], [103.1, 22.1], [103.1, 22.0], [103.0, 22.1], [103.0, 22.0]]]);
    let problem = area(&bow).expect_err("a refusal");
    assert_eq!((problem.code, problem.at.as_deref()), (Code::SelfIntersection, Some("/geometry/coordinates/0/0")));
    let crossing = problem.extra[0].1.as_array().unwrap();
    assert!(
        (crossing[0].as_f64().unwrap() - 103.05).abs() < 1e-9 && (crossing[1].as_f64().unwrap() - 22.05).abs() < 1e-9
    );
    let pinched = json!([[[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]]);
    assert_eq!(refused(area(&pinched)).0, Code::SelfIntersection);
    let antenna = json!([[[0.0, 0.0], [2.0, 0.0], [3.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 0.0]]]);
    assert_eq!(refused(area(&antenna)).0, Code::SelfIntersection);
}

#[test]
fn holes_must_lie_inside_and_apart() {
    let outer = square(0.0, 0.0, 10.0);
    assert!(area(&json!([outer, square(1.0, 1.0, 2.0), square(3.0, 3.0, 2.0)])).is_ok(), "touching at a corner");
    assert!(area(&json!([outer, [[0.0, 5.0], [2.0, 4.0], [2.0, 6.0], [0.0, 5.0]]])).is_ok(), "touching the outer ring");
    let case = |hole: Value, code, ring: &str| {
        let (found, at) = refused(area(&json!([outer, square(1.0, 1.0, 2.0), hole])));
        assert_eq!(found, code);
        assert!(at.starts_with(&format!("/geometry/coordinates/{ring}/")), "{at}");
    };
    case(square(20.0, 20.0, 2.0), Code::InvalidGeometry, "2");
    case(square(9.0, 9.0, 2.0), Code::SelfIntersection, "0");
    case(square(1.5, 1.5, 1.0), Code::InvalidGeometry, "2");
    case(square(2.0, 2.0, 2.0), Code::SelfIntersection, "1");
    case(square(1.0, 1.0, 2.0), Code::SelfIntersection, "1");
    case(square(3.0, 1.0, 2.0), Code::SelfIntersection, "1");
    // Through the corner of the outer ring, without any edge crossing another.
    let notched = json!([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [5.0, 5.0], [0.0, 10.0], [0.0, 0.0]]);
    let through = json!([[5.0, 5.0], [6.0, 3.0], [4.0, 3.0], [5.0, 5.0]]);
    assert!(area(&json!([notched, through])).is_ok());
    let beyond = json!([[5.0, 5.0], [6.0, 3.0], [5.0, 2.0], [4.0, 8.0], [5.0, 5.0]]);
    assert!(area(&json!([notched, beyond])).is_err());
}

#[test]
fn parts_may_touch_and_lie_in_lakes_but_not_overlap() {
    let (big, lake) = (square(0.0, 0.0, 10.0), square(2.0, 2.0, 4.0));
    assert!(areas(&json!([[big, lake], [square(3.0, 3.0, 1.0)]])).is_ok());
    assert!(areas(&json!([[big], [square(10.0, 10.0, 1.0)]])).is_ok());
    assert_eq!(
        refused(areas(&json!([[big], [square(3.0, 3.0, 1.0)]]))),
        (Code::InvalidGeometry, "/geometry/coordinates/1/0/0".to_owned())
    );
    assert_eq!(refused(areas(&json!([[big], [square(10.0, 0.0, 1.0)]]))).0, Code::SelfIntersection);
    assert_eq!(refused(areas(&json!([]))).0, Code::InvalidGeometry);
}

#[test]
fn good_shapes_come_out_normalised_and_to_the_last_bit() {
    let clockwise = json!([[
        [103.123_456_789_012_3, 22.0, 900.0],
        [103.0, 22.1],
        [103.2, 22.1],
        [103.2, 22.1],
        [103.123_456_789_012_3, 22.0]
    ],]);
    let Geometry::Polygon(polygon) = area(&clockwise).unwrap() else { panic!("a polygon") };
    assert!(polygon.exterior().is_ccw() && polygon.exterior().0.len() == 4);
    assert_eq!(polygon.exterior().0[0].x, 103.123_456_789_012_3);
    let Geometry::Polygon(polygon) = area(&json!([square(0.0, 0.0, 9.0), square(1.0, 1.0, 1.0)])).unwrap() else {
        panic!()
    };
    assert!(polygon.exterior().is_ccw() && polygon.interiors()[0].is_cw());
    let lines = json!({"type": "MultiLineString", "coordinates": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]});
    assert!(matches!(from_geojson(&lines, GeometryKind::Line, 4, "/g"), Ok(Geometry::MultiLineString(_))));
}

#[test]
fn the_limit_on_vertices_holds_at_one_over_and_comes_before_other_checks() {
    let ring = |n: usize| {
        let mut ring: Vec<[f64; 2]> = (0..n - 1)
            .map(|i| {
                let angle = i as f64 / (n - 1) as f64 * std::f64::consts::TAU;
                [103.0 + angle.cos() * 0.1, 22.0 + angle.sin() * 0.1]
            })
            .collect();
        ring.push(ring[0]);
        json!([ring])
    };
    assert!(area(&ring(DRAWN_VERTICES_MAX)).is_ok());
    assert_eq!(
        refused(area(&ring(DRAWN_VERTICES_MAX + 1))),
        (Code::TooManyVertices, "/geometry/coordinates".to_owned())
    );
    // Crossings and wild coordinates in a shape over the limit are never looked at.
    let wild: Vec<[f64; 2]> = (0..DRAWN_VERTICES_MAX + 1).map(|i| [f64::from(i as u32) * 7_919.0, -900.0]).collect();
    assert_eq!(refused(area(&json!([wild]))).0, Code::TooManyVertices);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The oracle compares every edge with every other.
    #[test]
    fn crossings_are_found_as_by_comparing_all_edges(
        points in prop::collection::vec((0i32..12, 0i32..12), 4..40), fine in prop::bool::ANY,
    ) {
        let mut ring: Vec<Coord> = points
            .iter()
            .enumerate()
            .map(|(i, (x, y))| {
                // Half of the rings are stars, which are mostly simple; half are random.
                let angle = i as f64 / points.len() as f64 * std::f64::consts::TAU;
                let r = f64::from(*x) + 1.0;
                if fine { Coord { x: r * angle.cos(), y: r * angle.sin() } } else { Coord { x: f64::from(*x), y: f64::from(*y) } }
            })
            .collect();
        ring.dedup();
        ring.push(ring[0]);
        ring.dedup();
        prop_assume!(ring.len() >= 4);
        let lines: Vec<geo_types::Line> = LineString(ring.clone()).lines().collect();
        let n = lines.len();
        let mut crossing = false;
        for i in 0..n {
            for j in i + 1..n {
                use geo::line_intersection::{LineIntersection, line_intersection};
                let next_to = j == i + 1 || (i == 0 && j == n - 1);
                crossing |= match line_intersection(lines[i], lines[j]) {
                    None => false,
                    Some(LineIntersection::SinglePoint { .. }) => !next_to,
                    Some(LineIntersection::Collinear { .. }) => true,
                };
            }
        }
        prop_assert_eq!(simple::find_fault(&[vec![&ring]]).is_some(), crossing);
    }
}
