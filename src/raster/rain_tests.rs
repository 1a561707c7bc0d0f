use geo::Intersects;
use geo_types::{LineString, Polygon, polygon};
use proptest::prelude::*;

use super::*;
use crate::raster::Grid;

const LATTICE: Lattice = Lattice { west: 103.05, north: 22.45, step: [0.1, 0.1], size: [6, 5] };

fn band(size: [usize; 2], value: impl Fn(usize, usize) -> f32) -> Band {
    let values = (0..size[0] * size[1]).map(|n| value(n % size[0], n / size[0])).collect();
    let grid = Grid { west: 103.05, north: 22.45, step: [0.1, 0.1], size, values };
    Band { grid, stray: None, epsg: Some(4326), is_scaled: false }
}

fn square(west: f64, south: f64, side: f64) -> MultiPolygon {
    let (east, north) = (west + side, south + side);
    MultiPolygon::new(vec![
        polygon![(x: west, y: south), (x: east, y: south), (x: east, y: north), (x: west, y: north)],
    ])
}

fn refused(band: &Band, wanted: Option<[f64; 4]>) -> (Code, String) {
    let problem = RainGrid::of(band, wanted).unwrap_err();
    assert_eq!(problem.at.as_deref(), Some("file"));
    (problem.code, problem.detail_en)
}

proptest! {
    #[test]
    fn the_cells_are_those_that_geo_says_the_area_touches(
        corners in prop::collection::vec((102.8_f64..103.9, 21.8_f64..22.7), 3..6)
    ) {
        let ring: Vec<_> = corners.iter().map(|(x, y)| geo_types::coord! { x: *x, y: *y }).collect();
        let polygon = geo::ConvexHull::convex_hull(&Polygon::new(LineString::new(ring), Vec::new()));
        prop_assume!(geo::Area::unsigned_area(&polygon) > 1e-6);
        let area = MultiPolygon::new(vec![polygon]);
        let cell = |column: i64, row: i64| {
            let (lon, lat) = (103.05 + column as f64 * 0.1, 22.45 - row as f64 * 0.1);
            Rect::new((lon - 0.05, lat - 0.05), (lon + 0.05, lat + 0.05))
        };
        // All cells of a wider grid around this one.
        let all = (-10..20).flat_map(|row| (-10..20).map(move |column| (column, row)));
        let wanted: Vec<(i64, i64)> = all.filter(|(column, row)| cell(*column, *row).intersects(&area)).collect();
        let is_inside = |(column, row): &(i64, i64)| (0..6).contains(column) && (0..5).contains(row);
        let inside: Vec<u32> =
            wanted.iter().filter(|at| is_inside(at)).map(|(column, row)| (row * 6 + column) as u32).collect();
        let found = touched(&LATTICE, &area);
        prop_assert_eq!(found.beside, wanted.len() - inside.len());
        prop_assert_eq!(found.inside, inside);
    }

    #[test]
    fn a_grid_is_unpacked_as_it_was_packed(cells in prop::collection::vec(0_u16.., 30)) {
        let grid = RainGrid { lattice: LATTICE, cells };
        let text = grid.packed();
        prop_assert_eq!(RainGrid::unpacked(LATTICE, &text), Some(grid));
        prop_assert_eq!(RainGrid::unpacked(Lattice { size: [6, 4], ..LATTICE }, &text), None);
        prop_assert_eq!(RainGrid::unpacked(Lattice { size: [6, 6], ..LATTICE }, &text), None);
    }
}

#[test]
fn the_largest_grid_fits_its_field_even_where_nothing_can_be_packed() {
    let mut seed = 1_u32;
    let noise = (0..CELLS_KEPT_MAX).map(|_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as u16
    });
    let lattice = Lattice { size: [CELLS_KEPT_MAX, 1], ..LATTICE };
    let grid = RainGrid { lattice, cells: noise.collect() };
    assert!(grid.packed().len() <= crate::domain::rain_grid::CELLS_CHARS_MAX, "{}", grid.packed().len());
}

#[test]
fn a_zone_smaller_than_a_cell_has_the_rain_of_its_cell_and_one_across_two_has_the_greater() {
    let grid = RainGrid::of(&band([6, 5], |column, row| (column * 10 + row) as f32), None).unwrap();
    let told = |west, south, side| grid.sample(&touched(&grid.lattice, &square(west, south, side))).unwrap();
    // Column 2, row 1.
    assert_eq!(told(103.23, 22.33, 0.01), Sample { p90_mm: 21.0, mean_mm: 21.0, max_mm: 21.0, known_share: 1.0 });
    let across = told(103.28, 22.33, 0.04);
    assert_eq!((across.max_mm, across.p90_mm, across.mean_mm), (31.0, 31.0, 26.0));
    // Half of it lies west of the grid: of that nothing is known.
    let beside = told(102.98, 22.33, 0.04);
    assert_eq!((beside.max_mm, beside.known_share), (1.0, 0.5));
    let far = told(105.0, 20.0, 0.04);
    assert_eq!((far.max_mm, far.known_share), (0.0, 0.0));
}

#[test]
fn nothing_known_is_a_gap_and_not_dry() {
    let grid = RainGrid::of(&band([6, 5], |column, _| if column == 2 { f32::NAN } else { 40.0 }), None).unwrap();
    let hole = grid.sample(&touched(&grid.lattice, &square(103.23, 22.33, 0.01))).unwrap();
    assert_eq!((hole.known_share, hole.max_mm), (0.0, 0.0));
    let half = grid.sample(&touched(&grid.lattice, &square(103.28, 22.33, 0.04))).unwrap();
    assert_eq!((half.known_share, half.mean_mm), (0.5, 40.0));
    assert!((grid.whole().unwrap().known_share - 5.0 / 6.0).abs() < 1e-12);
}

#[test]
fn a_grid_is_cut_to_what_is_wanted_with_a_cell_around_it() {
    let world = band([200, 100], |column, row| (column + row) as f32 / 10.0);
    // The cells from 103.55 to 103.75 and from 22.05 to 21.95, and one around them.
    let grid = RainGrid::of(&world, Some([103.56, 21.96, 103.74, 22.04])).unwrap();
    assert_eq!(grid.lattice.size, [5, 4]);
    assert!((grid.lattice.west - 103.45).abs() < 1e-9 && (grid.lattice.north - 22.15).abs() < 1e-9);
    let cell = touched(&grid.lattice, &square(103.54, 22.04, 0.02));
    assert_eq!(grid.sample(&cell).unwrap().max_mm, 0.9, "column 5, row 4");
    assert_eq!(refused(&world, Some([90.0, 10.0, 91.0, 11.0])).0, Code::InvalidValue);
}

#[test]
fn what_is_no_rain_is_refused_with_its_cell() {
    for (value, said) in [
        (-0.1, "Row 2, column 1: the value is -0.1"),
        (2_000.1, "the value is 2000.1"),
        (f32::INFINITY, "the value is inf"),
        (-9_999.0, "name what is unknown by -a_nodata"),
    ] {
        let odd = band([6, 5], |column, row| if (column, row) == (1, 2) { value } else { 1.0 });
        let (code, en) = refused(&odd, None);
        assert!(code == Code::InvalidValue && en.contains(said), "{en}");
    }
    let plain = || band([6, 5], |_, _| 1.0);
    assert!(refused(&Band { stray: Some(13), ..plain() }, None).1.contains("Row 2, column 1: the value is NaN"));
    assert!(refused(&Band { epsg: Some(4756), ..plain() }, None).1.contains("EPSG:4756"));
    assert!(RainGrid::of(&Band { epsg: None, ..plain() }, None).is_ok());
    assert!(refused(&Band { is_scaled: true, ..plain() }, None).1.contains("-unscale"));
    assert!(refused(&band([6, 5], |_, _| f32::NAN), None).1.contains("nothing is known"));
    assert_eq!(refused(&band([240, 101], |_, _| 1.0), None).0, Code::LimitExceeded);
    assert!(RainGrid::of(&band([240, 100], |_, _| 1.0), None).is_ok(), "24,000 cells are taken");
    let mut fine = plain();
    fine.grid.step = [0.004, 0.1];
    assert_eq!(refused(&fine, None).0, Code::LimitExceeded);
}
