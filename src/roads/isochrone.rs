//! How far one gets in a time: the reached stretches of road as areas.
//!
//! An area holds what lies beside the reached roads and nothing across a valley: it is made of cells of a grid, those
//! that a reached stretch runs through and their neighbours. Nobody should read a travel time off a slope without a
//! road.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use geo::unary_union;
use geo_types::{Coord, MultiPolygon, Rect};

use super::graph::CLOSED;
use super::reach::exits;
use super::route::cut;
use super::search::{Direction, Ground, Workspace};
use super::snap::Snap;
use crate::geometry::measure::distance_m;

/// Most time that an area is asked for: with it the cells of a province's roads stay a few ten thousand.
pub const LIMIT_MS_MAX: u32 = 4 * 3_600_000;

/// Side of a cell, metres, for times up to half an hour; twice that for an hour, and so on.
const CELL_M: f64 = 150.0;
const CELL_MS: u32 = 1_800_000;

/// Metres of a degree of latitude.
const DEGREE_M: f64 = 111_320.0;

/// The areas that are reached from a place within each of the limits, which are cut to [`LIMIT_MS_MAX`].
pub fn isochrones(ground: &Ground<'_>, from: &Snap, limits_ms: &[u32], workspace: &mut Workspace) -> Vec<MultiPolygon> {
    let farthest_ms = limits_ms.iter().copied().max().unwrap_or_default().min(LIMIT_MS_MAX);
    let doors = exits(ground, from);
    let seeds: Vec<(u32, u32)> = doors.iter().map(|door| (door.node, door.time_ms)).collect();
    let mut settled = Vec::new();
    workspace.search(ground, Direction::From, &seeds, |node, time_ms| {
        if time_ms > farthest_ms {
            return ControlFlow::Break(());
        }
        settled.push((node, time_ms));
        ControlFlow::Continue(())
    });
    let area = |limit_ms: &u32| {
        let limit_ms = (*limit_ms).min(LIMIT_MS_MAX);
        let mut cells = Cells::new(from, limit_ms);
        for arc in ground.graph.along(from.segment as usize) {
            cells.run(ground, *arc, from.along_m, limit_ms);
        }
        for (node, time_ms) in settled.iter().filter(|(_, time_ms)| *time_ms <= limit_ms) {
            for arc in ground.graph.out_of(*node) {
                let is_backward = ground.graph.arcs[arc].is_backward();
                let length_m = f64::from(ground.graph.segments[ground.graph.arcs[arc].segment()].length_m);
                cells.run(ground, arc as u32, if is_backward { length_m } else { 0.0 }, limit_ms - time_ms);
            }
        }
        cells.into_area()
    };
    limits_ms.iter().map(area).collect()
}

/// Cells of a grid that is square in metres at the place it was made for.
struct Cells {
    size: [f64; 2],
    step_m: f64,
    marked: BTreeSet<(i32, i32)>,
}

impl Cells {
    fn new(from: &Snap, limit_ms: u32) -> Self {
        let side_m = CELL_M * f64::from(limit_ms.div_ceil(CELL_MS).max(1));
        let lat_deg = side_m / DEGREE_M;
        let size = [lat_deg / from.position[1].to_radians().cos(), lat_deg];
        Self { size, step_m: side_m / 2.0, marked: BTreeSet::new() }
    }

    /// Marks what is reached in `left_ms` along an arc from a place on it.
    fn run(&mut self, ground: &Ground<'_>, arc: u32, start_m: f64, left_ms: u32) {
        let arc_of = &ground.graph.arcs[arc as usize];
        let length_m = f64::from(ground.graph.segments[arc_of.segment()].length_m);
        let end_m = if arc_of.is_backward() { 0.0 } else { length_m };
        let reaches = |metres: f64| {
            let (low_m, high_m) = (start_m.min(metres), start_m.max(metres));
            let time_ms = ground.overlay.stretch_ms(ground.graph, arc_of, ground.profile, low_m, high_m);
            time_ms != CLOSED && time_ms <= left_ms
        };
        if arc_of.time_ms[ground.profile.index()] == CLOSED {
            return;
        }
        let mut far_m = end_m;
        if !reaches(end_m) {
            // Time grows with the distance, so the place where it runs out is found by halving, to a metre or so.
            let (mut near_m, mut beyond_m) = (start_m, end_m);
            while (near_m - beyond_m).abs() > 1.0 {
                let middle_m = (near_m + beyond_m) / 2.0;
                *(if reaches(middle_m) { &mut near_m } else { &mut beyond_m }) = middle_m;
            }
            far_m = near_m;
        }
        let shape = cut(ground.graph, arc_of.segment(), start_m.min(far_m), start_m.max(far_m));
        for pair in shape.windows(2) {
            let metres = distance_m(pair[0][0], pair[0][1], pair[1][0], pair[1][1]);
            let steps = (metres / self.step_m).ceil().max(1.0) as u32;
            for n in 0..=steps {
                let share = f64::from(n) / f64::from(steps);
                self.mark([0, 1].map(|axis| pair[0][axis] + (pair[1][axis] - pair[0][axis]) * share));
            }
        }
    }

    fn mark(&mut self, position: [f64; 2]) {
        let [column, row] = [0, 1].map(|axis| (position[axis] / self.size[axis]).floor() as i32);
        for (east, north) in (-1..=1).flat_map(|east| (-1..=1).map(move |north| (east, north))) {
            self.marked.insert((row + north, column + east));
        }
    }

    /// The cells as polygons, rows of neighbours taken as one rectangle each.
    fn into_area(self) -> MultiPolygon {
        let corner =
            |column: i32, row: i32| Coord { x: f64::from(column) * self.size[0], y: f64::from(row) * self.size[1] };
        let mut strips: Vec<(i32, i32, i32)> = Vec::new();
        for (row, column) in &self.marked {
            match strips.last_mut() {
                Some((of_row, _, end)) if of_row == row && *end == *column => *end += 1,
                _ => strips.push((*row, *column, column + 1)),
            }
        }
        let rectangles: Vec<_> = strips
            .into_iter()
            .map(|(row, start, end)| Rect::new(corner(start, row), corner(end, row + 1)).to_polygon())
            .collect();
        unary_union(&rectangles)
    }
}
