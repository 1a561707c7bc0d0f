//! Elevation of the ground under the roads.

use std::path::Path;

use crate::domain::Problem;
use crate::raster::{Grid, read};

/// What is no elevation on Earth, metres; other marks of "nothing measured" lie out there too.
const BELIEVED_M: std::ops::RangeInclusive<f32> = -500.0..=9000.0;

/// A grid of elevations in metres: what nobody believes is not known.
///
/// # Errors
/// As [`read`].
pub fn elevations(path: &Path) -> Result<Grid, Problem> {
    let mut grid = read(path)?;
    for metres in &mut grid.values {
        if !BELIEVED_M.contains(metres) {
            *metres = f32::NAN;
        }
    }
    Ok(grid)
}

/// The ground under the roads, as far as grids were given.
#[derive(Clone, Debug, Default)]
pub struct Dem {
    grids: Vec<Grid>,
}

impl Dem {
    /// Reads grids; where several cover a place, the first that knows it answers.
    pub fn read(paths: &[impl AsRef<Path>]) -> Result<Self, Problem> {
        let grids = paths.iter().map(|path| elevations(path.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { grids })
    }

    /// Whether no grid was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.grids.is_empty()
    }

    /// Metres above the sea; `None` where no grid knows.
    #[must_use]
    pub fn elevation_m(&self, lon: f64, lat: f64) -> Option<f64> {
        self.grids.iter().find_map(|grid| grid.between(lon, lat))
    }

    /// A plane for tests: `at(lon, lat)` metres, on a grid of a hundredth of a degree.
    #[cfg(test)]
    pub fn of_plane(west: f64, south: f64, degrees: usize, at: impl Fn(f64, f64) -> f32) -> Self {
        let side = degrees * 100 + 1;
        let north = south + degrees as f64;
        let cell = |n: usize| at(west + (n % side) as f64 / 100.0, north - (n / side) as f64 / 100.0);
        let values = (0..side * side).map(cell).collect();
        Self { grids: vec![Grid { west, north, step: [0.01, 0.01], size: [side, side], values }] }
    }
}
