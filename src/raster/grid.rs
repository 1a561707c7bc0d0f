//! A grid of numbers over the ground.

/// Numbers at points `step` degrees apart, rows from the north, `size[0]` in a row.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Longitude of the first column, degrees.
    pub west: f64,
    /// Latitude of the first row, degrees.
    pub north: f64,
    /// Degrees of longitude and of latitude from point to point.
    pub step: [f64; 2],
    /// Columns and rows.
    pub size: [usize; 2],
    /// Row by row; NaN where nothing is known.
    pub values: Vec<f32>,
}

impl Grid {
    /// The number of a column and row, NaN where nothing is known or outside.
    #[must_use]
    pub fn at(&self, column: usize, row: usize) -> f32 {
        if column < self.size[0] && row < self.size[1] { self.values[row * self.size[0] + column] } else { f32::NAN }
    }

    /// Latitude of a row, degrees.
    #[must_use]
    pub fn lat(&self, row: usize) -> f64 {
        self.north - row as f64 * self.step[1]
    }

    /// Between the four points around a position, bilinear; `None` outside, and beside a hole.
    #[must_use]
    pub fn between(&self, lon: f64, lat: f64) -> Option<f64> {
        let (x, y) = ((lon - self.west) / self.step[0], (self.north - lat) / self.step[1]);
        let (last_x, last_y) = ((self.size[0] - 1) as f64, (self.size[1] - 1) as f64);
        if !(0.0..=last_x).contains(&x) || !(0.0..=last_y).contains(&y) {
            return None;
        }
        let (column, row) = (x.floor().min(last_x - 1.0) as usize, y.floor().min(last_y - 1.0) as usize);
        let (right, down) = (x - column as f64, y - row as f64);
        let at = |c: usize, r: usize| f64::from(self.at(c, r));
        let upper = at(column, row) * (1.0 - right) + at(column + 1, row) * right;
        let lower = at(column, row + 1) * (1.0 - right) + at(column + 1, row + 1) * right;
        Some(upper * (1.0 - down) + lower * down).filter(|value| value.is_finite())
    }
}
