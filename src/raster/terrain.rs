//! What is known of the ground of an area: its slopes and how readily it slides.

use std::io;
use std::path::PathBuf;

use geo_types::MultiPolygon;

use super::kept::{Kind, Tally, kept};

/// From so many degrees on ground is called steep here: most slides of the region begin between 25° and 45°.
pub const STEEP_DEG: f64 = 25.0;
/// A class counts for a whole area from this share of its known points on: one odd point names no class.
const COUNTING_SHARE: f64 = 0.01;

/// The kept grids beside the data. Files are looked for at each question, so that a new one is used at once.
#[derive(Clone, Debug)]
pub struct Terrain {
    data: PathBuf,
}

/// Counts of one kind in an area.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ground {
    pub tally: Tally,
    /// Who made the grids that lie there, each once.
    pub sources: Vec<String>,
}

impl Terrain {
    /// Those in the folder of the data.
    #[must_use]
    pub const fn beside(data: PathBuf) -> Self {
        Self { data }
    }

    /// Counts the points of a kind that lie in a valid area; `None` where no grid of the kind lies. Points that
    /// two grids share count twice.
    ///
    /// # Errors
    /// What the file system says.
    pub fn ground(&self, kind: Kind, area: &MultiPolygon) -> io::Result<Option<Ground>> {
        let mut ground = Ground::default();
        for mut grid in kept(&self.data, kind)? {
            let tally = grid.tally(area)?;
            if tally.known() + tally.unknown == 0 {
                continue;
            }
            ground.tally.take(&tally);
            if !ground.sources.contains(&grid.head.source) {
                ground.sources.push(grid.head.source);
            }
        }
        Ok((!ground.sources.is_empty()).then_some(ground))
    }
}

/// The class of susceptibility of a whole area: the highest that counts, as several levels in one area give the highest
/// (Decision 18/2021 Art. 46.4); `None` where nothing is known.
#[must_use]
pub fn class_of(tally: &Tally) -> Option<u8> {
    (1..=4).rev().find(|class| tally.known() > 0 && tally.share_from(*class) >= COUNTING_SHARE)
}
