//! Points too many to draw one by one, counted in cells.

use std::collections::BTreeMap;

use geo_types::Coord;

use crate::geometry::clip::EXTENT;

/// Cells along the side of a tile.
const CELLS: i32 = 64;

/// What one cell holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    pub count: i64,
    /// Sum of `member_count`, for households.
    pub people: i64,
    x: f64,
    y: f64,
}

impl Cell {
    /// The middle of its points, tile units.
    pub fn middle(&self) -> Coord<i32> {
        let count = self.count.max(1) as f64;
        Coord { x: (self.x / count).round() as i32, y: (self.y / count).round() as i32 }
    }
}

/// The cells of one tile. A point on the tile's edge counts in one tile only, so that the counts of all tiles of a
/// zoom add up to the layer.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// By row, then column: tiles come out the same on every node.
    cells: BTreeMap<(i32, i32), Cell>,
}

impl Cells {
    /// Counts a point given in tile units; outside the tile it belongs to another one.
    pub fn add(&mut self, at: Coord, people: i64) {
        let side = f64::from(EXTENT);
        if !(0.0..side).contains(&at.x) || !(0.0..side).contains(&at.y) {
            return;
        }
        let cell_of = |v: f64| (v * f64::from(CELLS) / side) as i32;
        let cell = self.cells.entry((cell_of(at.y), cell_of(at.x))).or_default();
        cell.count += 1;
        cell.people += people;
        cell.x += at.x;
        cell.y += at.y;
    }

    /// All that hold something.
    pub fn iter(&self) -> impl Iterator<Item = &Cell> {
        self.cells.values()
    }
}
