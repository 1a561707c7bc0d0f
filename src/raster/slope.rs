//! Slope of the ground by Horn's formula.

use super::grid::Grid;
use crate::geometry::measure::distance_m;

/// Steepness of each point of a grid of elevations in metres, degrees from level; NaN at the grid's edge and beside
/// what is not known, since eight neighbours are needed.
///
/// B. K. P. Horn, "Hill shading and the reflectance map", Proceedings of the IEEE 69(1), 1981: the rise to the east is
/// `((c + 2f + i) − (a + 2d + g)) / 8Δx` over the neighbours `a b c / d e f / g h i`, and so to the south. Δx is the
/// length of a step at the row's own latitude.
#[must_use]
pub fn slope_deg(elevations_m: &Grid) -> Grid {
    let [columns, rows] = elevations_m.size;
    let mut values = vec![f32::NAN; elevations_m.values.len()];
    for row in 1..rows.saturating_sub(1) {
        let (west, lat) = (elevations_m.west, elevations_m.lat(row));
        let [step_x, step_y] = elevations_m.step;
        let east_m = distance_m(west, lat, west + step_x, lat);
        let south_m = distance_m(west, lat - step_y / 2.0, west, lat + step_y / 2.0);
        for column in 1..columns.saturating_sub(1) {
            let at = |x: usize, y: usize| f64::from(elevations_m.at(column + x - 1, row + y - 1));
            let rise_east = (at(2, 0) + 2.0 * at(2, 1) + at(2, 2) - at(0, 0) - 2.0 * at(0, 1) - at(0, 2)) / 8.0;
            let rise_south = (at(0, 2) + 2.0 * at(1, 2) + at(2, 2) - at(0, 0) - 2.0 * at(1, 0) - at(2, 0)) / 8.0;
            // The middle point counts for nothing in the formula; where it is a hole nothing is said of it all the same.
            if at(1, 1).is_finite() {
                let slope = (rise_east / east_m).hypot(rise_south / south_m).atan().to_degrees();
                values[row * columns + column] = slope as f32;
            }
        }
    }
    Grid { values, ..elevations_m.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five by five points of a hundredth of a degree at the equator's edge of the province.
    fn grid(at_m: impl Fn(usize, usize) -> f32) -> Grid {
        let values = (0..25).map(|n| at_m(n % 5, n / 5)).collect();
        Grid { west: 103.0, north: 22.5, step: [0.01, 0.01], size: [5, 5], values }
    }

    #[test]
    fn a_plane_is_as_steep_as_it_was_made() {
        let east_m = distance_m(103.0, 22.48, 103.01, 22.48);
        let slope = slope_deg(&grid(|column, _| column as f32 * east_m as f32));
        assert!((slope.at(2, 2) - 45.0).abs() < 0.01, "{}", slope.at(2, 2));
        let south_m = distance_m(103.0, 22.475, 103.0, 22.485);
        let slope = slope_deg(&grid(|_, row| row as f32 * south_m as f32 / 2.0));
        assert!((slope.at(2, 2) - 26.565).abs() < 0.01, "{}", slope.at(2, 2));
        assert_eq!(slope_deg(&grid(|_, _| 700.0)).at(1, 3), 0.0);
    }

    #[test]
    fn nothing_is_said_at_the_edge_nor_beside_a_hole() {
        let slope = slope_deg(&grid(|column, row| if (column, row) == (1, 1) { f32::NAN } else { 5.0 }));
        for (column, row, is_known) in [(0, 2, false), (2, 4, false), (1, 1, false), (2, 2, false), (3, 3, true)] {
            assert_eq!(slope.at(column, row).is_finite(), is_known, "{column} {row}");
        }
    }
}
