use geo::{BoundingRect, Contains, CoordsIter, Euclidean, Intersects, Length, Validation};
use geo_types::{line_string, polygon};
use proptest::prelude::*;

use super::*;

fn clipper(zoom: u8) -> (Tile, Clipper) {
    let tile = Tile::at(zoom, 103.3, 22.3).unwrap();
    (tile, Clipper::new(tile))
}

fn float(polygon: &Polygon<i32>) -> Polygon {
    let ring = |ring: &LineString<i32>| {
        LineString(ring.0.iter().map(|c| Coord { x: f64::from(c.x), y: f64::from(c.y) }).collect())
    };
    Polygon::new(ring(polygon.exterior()), polygon.interiors().iter().map(ring).collect())
}

fn polygons(geometry: Option<Geometry<i32>>) -> Vec<Polygon> {
    match geometry {
        None => Vec::new(),
        Some(Geometry::Polygon(polygon)) => vec![float(&polygon)],
        Some(Geometry::MultiPolygon(polygons)) => polygons.iter().map(float).collect(),
        Some(other) => panic!("{other:?} is no area"),
    }
}

fn box_of(b: [f64; 4]) -> Polygon {
    polygon![(x: b[0], y: b[1]), (x: b[2], y: b[1]), (x: b[2], y: b[3]), (x: b[0], y: b[3]), (x: b[0], y: b[1])]
}

#[test]
fn points_outside_the_buffer_are_dropped() {
    let (tile, clipper) = clipper(12);
    let [west, south, east, north] = tile.bbox();
    let middle = Point::new(f64::midpoint(west, east), north).into();
    assert_eq!(clipper.cut(&middle), Some(Geometry::Point(Point::new(2048, 0))));
    let near = Point::new(west - (east - west) / 128.0, north).into();
    assert_eq!(clipper.cut(&near), Some(Geometry::Point(Point::new(-32, 0))));
    assert_eq!(clipper.cut(&Point::new(west - (east - west) / 32.0, south).into()), None);
    assert_eq!(clipper.cut(&MultiPoint(vec![Point::new(0.0, 0.0)]).into()), None);
}

#[test]
fn a_line_that_leaves_and_comes_back_becomes_two() {
    let (tile, clipper) = clipper(12);
    let [west, south, east, north] = tile.bbox();
    let (w, h) = (east - west, north - south);
    let line = line_string![(x: west + w * 0.5, y: south + h * 0.3), (x: east + w, y: south + h * 0.3), (x: east + w, y: south + h * 0.6), (x: west + w * 0.5, y: south + h * 0.6)];
    let Some(Geometry::MultiLineString(lines)) = clipper.cut(&line.into()) else { panic!("two lines") };
    assert_eq!(lines.0.len(), 2);
    assert_eq!((lines.0[0].0[0].x, lines.0[0].0[1].x), (2048, 4160), "the direction is kept");
    assert_eq!((lines.0[1].0[0].x, lines.0[1].0[1].x), (4160, 2048));
}

#[test]
fn an_area_around_the_tile_fills_it_with_its_buffer() {
    let (_, clipper) = clipper(14);
    let found = polygons(clipper.cut(&box_of([103.0, 22.0, 103.6, 22.6]).into()));
    assert_eq!(found.len(), 1);
    let rect = found[0].bounding_rect().unwrap();
    assert_eq!((rect.min().x, rect.min().y, rect.max().x, rect.max().y), (-64.0, -64.0, 4160.0, 4160.0));
    assert_eq!(polygons(clipper.cut(&box_of([104.0, 22.0, 104.6, 22.6]).into())), vec![]);
}

#[test]
fn what_is_smaller_than_a_unit_vanishes() {
    let (_, clipper) = clipper(6);
    assert_eq!(clipper.cut(&box_of([103.3, 22.3, 103.3001, 22.3001]).into()), None);
    assert_eq!(clipper.cut(&line_string![(x: 103.3, y: 22.3), (x: 103.3001, y: 22.3)].into()), None);
}

#[test]
fn a_long_edge_bends_on_the_map_as_it_must() {
    let line: Geometry = line_string![(x: 100.0, y: 10.0), (x: 106.0, y: 34.0)].into();
    let tile = Tile::at(10, 103.0, 22.0).unwrap();
    let cut = Clipper::new(tile).cut(&line).expect("a line through (103, 22)");
    let at = tile.grid(EXTENT).project(Coord { x: 103.0, y: 22.0 });
    let Geometry::LineString(cut) = cut else { panic!("one line") };
    let near = cut.lines().map(|e| {
        let (a, b) = (
            Coord { x: f64::from(e.start.x), y: f64::from(e.start.y) },
            Coord { x: f64::from(e.end.x), y: f64::from(e.end.y) },
        );
        let d = b - a;
        ((at.x - a.x) * d.y - (at.y - a.y) * d.x).abs() / d.x.hypot(d.y)
    });
    assert!(near.fold(f64::INFINITY, f64::min) < 3.0);
}

#[test]
fn a_border_of_half_a_million_vertices_is_cut() {
    let mut ring: Vec<Coord> = (0..500_000)
        .map(|i| {
            let angle = f64::from(i) / 500_000.0 * std::f64::consts::TAU;
            let r = 0.5 + 0.01 * (angle * 2_000.0).sin();
            Coord { x: 103.3 + r * angle.cos(), y: 22.3 + r * angle.sin() }
        })
        .collect();
    ring.push(ring[0]);
    let area: Geometry = Polygon::new(LineString(ring), vec![]).into();
    for zoom in [6, 9, 12] {
        let tile = Tile::at(zoom, 103.8, 22.3).unwrap();
        let found = polygons(Clipper::new(tile).cut(&area));
        assert!(!found.is_empty() && found.iter().all(Validation::is_valid));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn areas_come_out_valid_and_cover_what_they_covered(
        radii in prop::collection::vec(0.1..1.0f64, 5..60), size in 0.0001..1.0f64, dx in -0.2..0.2f64, dy in -0.2..0.2f64,
        hole in prop::bool::ANY, probes in prop::collection::vec((0i32..4096, 0i32..4096), 20),
    ) {
        let (tile, clipper) = clipper(11);
        let ring = |share: f64| {
            let mut ring: Vec<Coord> = radii.iter().enumerate().map(|(i, r)| {
                let angle = i as f64 / radii.len() as f64 * std::f64::consts::TAU;
                Coord { x: 103.3 + dx + size * share * r * angle.cos(), y: 22.3 + dy + size * share * r * angle.sin() }
            }).collect();
            ring.push(ring[0]);
            LineString(ring)
        };
        let area = Polygon::new(ring(1.0), if hole { vec![ring(0.5)] } else { vec![] });
        let found = polygons(clipper.cut(&Geometry::Polygon(area.clone())));
        for polygon in &found {
            prop_assert!(polygon.is_valid());
            let rect = polygon.bounding_rect().unwrap();
            prop_assert!(rect.min().x >= -64.0 && rect.min().y >= -64.0 && rect.max().x <= 4160.0 && rect.max().y <= 4160.0);
        }
        let grid = tile.grid(EXTENT);
        let exact = Polygon::new(
            LineString(area.exterior().0.iter().map(|c| grid.project(*c)).collect()),
            area.interiors().iter().map(|r| LineString(r.0.iter().map(|c| grid.project(*c)).collect())).collect(),
        );
        for (x, y) in probes {
            let probe = Point::new(f64::from(x), f64::from(y));
            let near_edge = Rect::new((probe.x() - 5.0, probe.y() - 5.0), (probe.x() + 5.0, probe.y() + 5.0));
            let mut edges = std::iter::once(exact.exterior()).chain(exact.interiors());
            if !edges.any(|r| r.intersects(&near_edge)) {
                prop_assert_eq!(found.iter().any(|p| p.contains(&probe)), exact.contains(&probe));
            }
        }
    }

    #[test]
    fn lines_keep_their_length_inside_the_tile(ends in prop::collection::vec((-1.0..2.0f64, -1.0..2.0f64), 2..12)) {
        let (tile, clipper) = clipper(11);
        let [west, south, east, north] = tile.bbox();
        let line = LineString(ends.iter().map(|(x, y)| Coord { x: west + (east - west) * x, y: south + (north - south) * y }).collect());
        let grid = tile.grid(EXTENT);
        let exact = LineString(line.0.iter().map(|c| grid.project(*c)).collect());
        let window = Rect::new((-64.0, -64.0), (4160.0, 4160.0)).to_polygon();
        let expected: f64 = window.clip(&MultiLineString(vec![exact]), false).0.iter().map(|piece| Euclidean.length(piece)).sum();
        let found: f64 = match clipper.cut(&Geometry::LineString(line)) {
            None => 0.0,
            Some(Geometry::LineString(l)) => length(&l),
            Some(Geometry::MultiLineString(ls)) => ls.iter().map(length).sum(),
            Some(other) => panic!("{other:?}"),
        };
        prop_assert!((found - expected).abs() < 4.0 * ends.len() as f64, "{found} against {expected}");
    }
}

fn length(line: &LineString<i32>) -> f64 {
    let coords: Vec<Coord> = line.coords_iter().map(|c| Coord { x: f64::from(c.x), y: f64::from(c.y) }).collect();
    coords.windows(2).map(|e| (e[1].x - e[0].x).hypot(e[1].y - e[0].y)).sum()
}
