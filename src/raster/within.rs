//! Which points of a grid lie in a polygon.

use geo::CoordsIter;
use geo_types::{LineString, MultiPolygon};

/// Where a grid's points lie: as in [`super::Grid`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lattice {
    pub west: f64,
    pub north: f64,
    pub step: [f64; 2],
    pub size: [usize; 2],
}

/// A run of points of one row: columns `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub row: usize,
    pub first: usize,
    pub last: usize,
}

/// The points of a lattice that lie in a valid area, in runs from the north. An area between the points gets the one
/// that is nearest to its first corner, so that a small zone is not without ground.
#[must_use]
pub fn runs_within(lattice: &Lattice, area: &MultiPolygon) -> Vec<Run> {
    let rings: Vec<&LineString> =
        area.iter().flat_map(|polygon| std::iter::once(polygon.exterior()).chain(polygon.interiors())).collect();
    let lats: Vec<f64> = rings.iter().flat_map(|ring| ring.coords_iter().map(|corner| corner.y)).collect();
    let (south, north) =
        lats.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), lat| (low.min(*lat), high.max(*lat)));
    let mut runs = Vec::new();
    for row in rows_between(lattice, south, north) {
        let lat = lattice.north - row as f64 * lattice.step[1];
        let mut crossings: Vec<f64> = rings.iter().flat_map(|ring| crossings(ring, lat)).collect();
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            let column = |lon: f64| (lon - lattice.west) / lattice.step[0];
            let (first, last) = (column(pair[0]).ceil().max(0.0), column(pair[1]).floor());
            let last = last.min(lattice.size[0] as f64 - 1.0);
            if first <= last {
                runs.push(Run { row, first: first as usize, last: last as usize });
            }
        }
    }
    if runs.is_empty() {
        runs.extend(rings.first().and_then(|ring| nearest(lattice, ring)));
    }
    runs
}

fn rows_between(lattice: &Lattice, south: f64, north: f64) -> std::ops::Range<usize> {
    let row = |lat: f64| (lattice.north - lat) / lattice.step[1];
    let (first, end) = (row(north).ceil().max(0.0), (row(south).floor() + 1.0).min(lattice.size[1] as f64));
    if first < end { first as usize..end as usize } else { 0..0 }
}

/// Longitudes at which a ring crosses a parallel. A corner on it belongs to the edge that goes north from it.
fn crossings(ring: &LineString, lat: f64) -> Vec<f64> {
    let across = ring.lines().filter(|edge| (edge.start.y <= lat) != (edge.end.y <= lat));
    across
        .map(|edge| edge.start.x + (lat - edge.start.y) / (edge.end.y - edge.start.y) * (edge.end.x - edge.start.x))
        .collect()
}

fn nearest(lattice: &Lattice, ring: &LineString) -> Option<Run> {
    let corner = ring.coords_iter().next()?;
    let column = ((corner.x - lattice.west) / lattice.step[0]).round();
    let row = ((lattice.north - corner.y) / lattice.step[1]).round();
    let is_inside = |at: f64, size: usize| (0.0..size as f64).contains(&at);
    (is_inside(column, lattice.size[0]) && is_inside(row, lattice.size[1])).then_some(Run {
        row: row as usize,
        first: column as usize,
        last: column as usize,
    })
}

#[cfg(test)]
mod tests {
    use geo::Contains;
    use geo_types::{Point, polygon};
    use proptest::prelude::*;

    use super::*;

    const LATTICE: Lattice = Lattice { west: 103.0, north: 22.5, step: [0.01, 0.01], size: [40, 30] };

    fn points(runs: &[Run]) -> Vec<(usize, usize)> {
        runs.iter().flat_map(|run| (run.first..=run.last).map(|column| (column, run.row))).collect()
    }

    proptest! {
        #[test]
        fn the_points_are_those_that_geo_says_lie_inside(
            corners in prop::collection::vec((102.95_f64..103.45, 22.15_f64..22.55), 3)
        ) {
            let ring: Vec<_> = corners.iter().map(|(x, y)| geo_types::coord! { x: *x, y: *y }).collect();
            let triangle = geo_types::Polygon::new(LineString::new(ring), Vec::new());
            let hole = polygon![(x: 103.1, y: 22.3), (x: 103.2, y: 22.3), (x: 103.2, y: 22.4), (x: 103.1, y: 22.4)];
            let area = geo::BooleanOps::difference(&triangle, &hole);
            prop_assume!(area.iter().count() > 0);
            let all = (0..LATTICE.size[1]).flat_map(|row| (0..LATTICE.size[0]).map(move |column| (column, row)));
            let inside: Vec<_> = all
                .filter(|(column, row)| {
                    let at = Point::new(103.0 + *column as f64 * 0.01, 22.5 - *row as f64 * 0.01);
                    area.contains(&at)
                })
                .collect();
            prop_assume!(!inside.is_empty());
            prop_assert_eq!(points(&runs_within(&LATTICE, &area)), inside);
        }
    }

    #[test]
    fn an_area_between_the_points_gets_the_nearest_and_one_outside_gets_none() {
        let at = |x: f64, y: f64| {
            MultiPolygon::new(vec![polygon![(x: x, y: y), (x: x + 1e-4, y: y), (x: x + 1e-4, y: y + 1e-4)]])
        };
        let runs = runs_within(&LATTICE, &at(103.102, 22.3972));
        assert_eq!(runs, [Run { row: 10, first: 10, last: 10 }]);
        assert!(runs_within(&LATTICE, &at(102.0, 22.4)).is_empty());
        assert!(runs_within(&LATTICE, &at(103.1, 25.0)).is_empty());
    }
}
