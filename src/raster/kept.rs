//! Grids that are kept beside the data, a byte a point, and read where a question lies.
//!
//! A file is one line of JSON ([`Head`]) and then the rows from the north. The province at one arc second is 30 MB;
//! nothing of it stays in memory, since a zone covers few rows.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use geo_types::MultiPolygon;
use serde::{Deserialize, Serialize};

use super::grid::Grid;
use super::within::{Lattice, Run, runs_within};
use crate::domain::Timestamp;

/// The folder of kept grids in the folder of the data.
pub const FOLDER: &str = "terrain";
/// How the names of kept grids end.
const ENDING: &str = "grid";
/// A point of which nothing is known.
const UNKNOWN: u8 = u8::MAX;
/// Longest first line, bytes.
const HEAD_MAX: u64 = 4_096;

/// What a grid says of the ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Degrees from level.
    Slope,
    /// How readily the ground slides: 1 low, 2 medium, 3 high, 4 very high.
    Susceptibility,
}

impl Kind {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slope => "slope",
            Self::Susceptibility => "susceptibility",
        }
    }

    /// What one unit of a byte stands for: half a degree, or a class.
    #[must_use]
    pub const fn unit(self) -> f64 {
        match self {
            Self::Slope => 0.5,
            Self::Susceptibility => 1.0,
        }
    }
}

/// The first line of a kept grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    pub kind: Kind,
    pub west: f64,
    pub north: f64,
    pub step: [f64; 2],
    pub size: [usize; 2],
    /// Where the numbers come from, in the words of whoever imported them.
    pub source: String,
    pub imported_at: Timestamp,
}

/// A kept grid, opened.
#[derive(Debug)]
pub struct KeptGrid {
    pub head: Head,
    file: File,
    rows_at: u64,
}

/// How many points have which value, in units of the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    counts: [u64; UNKNOWN as usize],
    pub unknown: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: [0; UNKNOWN as usize], unknown: 0 }
    }
}

impl Tally {
    /// Points whose value is known.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Share of all points whose value is known; 0 where there are none.
    #[must_use]
    pub fn known_share(&self) -> f64 {
        self.known() as f64 / ((self.known() + self.unknown) as f64).max(1.0)
    }

    /// Points of a value, in units.
    #[must_use]
    pub fn of(&self, value: u8) -> u64 {
        self.counts.get(usize::from(value)).copied().unwrap_or_default()
    }

    /// The mean in units; `None` where nothing is known.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let known = self.known();
        let sum: u64 = (0..).zip(self.counts).map(|(value, count)| value * count).sum();
        (known > 0).then(|| sum as f64 / known as f64)
    }

    /// The value, in units, that so great a share of the known points does not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u8> {
        let wanted = (self.known() as f64 * share).ceil().max(1.0);
        let mut passed = 0;
        (0..UNKNOWN).find(|value| {
            passed += self.of(*value);
            passed as f64 >= wanted
        })
    }

    /// Share of the known points at or above a value in units; 0 where nothing is known.
    #[must_use]
    pub fn share_from(&self, value: u8) -> f64 {
        let above: u64 = (value..UNKNOWN).map(|value| self.of(value)).sum();
        above as f64 / (self.known() as f64).max(1.0)
    }

    /// Counts what another counted too.
    pub fn take(&mut self, other: &Self) {
        self.unknown += other.unknown;
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }

    fn add(&mut self, row: &[u8]) {
        for value in row {
            match self.counts.get_mut(usize::from(*value)) {
                Some(count) => *count += 1,
                None => self.unknown += 1,
            }
        }
    }
}

/// Writes a grid under its name into the folder of kept grids of `data`, whole or not at all; one of the same name and
/// kind gives way. Values beyond a byte of units are kept as the greatest.
///
/// # Errors
/// What the file system says.
pub fn keep(data: &Path, name: &str, grid: &Grid, kind: Kind, source: &str, now: Timestamp) -> io::Result<PathBuf> {
    let folder = data.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}-{name}.{ENDING}", kind.as_str()));
    let Grid { west, north, step, size, .. } = *grid;
    let head = Head { kind, west, north, step, size, source: source.to_owned(), imported_at: now };
    let unit = kind.unit();
    let byte = |value: &f32| match f64::from(*value) / unit {
        units if units.is_nan() => UNKNOWN,
        units => units.round().clamp(0.0, f64::from(UNKNOWN - 1)) as u8,
    };
    let mut bytes = serde_json::to_vec(&head)?;
    bytes.push(b'\n');
    bytes.extend(grid.values.iter().map(byte));
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&partial, &path)?;
    File::open(&folder)?.sync_all()?;
    Ok(path)
}

/// The kept grids of a kind in the folder of `data`, in the order of their names; none where the folder is not there.
///
/// # Errors
/// What the file system says, also of a file that is no kept grid.
pub fn kept(data: &Path, kind: Kind) -> io::Result<Vec<KeptGrid>> {
    let files = match fs::read_dir(data.join(FOLDER)) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = files.map(|file| Ok(file?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == ENDING));
    paths.sort();
    let grids = paths.iter().map(|path| KeptGrid::open(path)).collect::<io::Result<Vec<KeptGrid>>>()?;
    Ok(grids.into_iter().filter(|grid| grid.head.kind == kind).collect())
}

impl KeptGrid {
    fn open(path: &Path) -> io::Result<Self> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, format!("{} is no kept grid", path.display()));
        let mut file = File::open(path)?;
        let mut line = Vec::new();
        BufReader::new(&mut file).take(HEAD_MAX).read_until(b'\n', &mut line)?;
        let head: Head = serde_json::from_slice(&line).map_err(|_| broken())?;
        let rows_at = line.len() as u64;
        let points = head.size[0].checked_mul(head.size[1]).ok_or_else(broken)?;
        if file.metadata()?.len() != rows_at + points as u64 {
            return Err(broken());
        }
        Ok(Self { head, file, rows_at })
    }

    /// Counts the points that lie in a valid area.
    ///
    /// # Errors
    /// What the file system says.
    pub fn tally(&mut self, area: &MultiPolygon) -> io::Result<Tally> {
        let Head { west, north, step, size, .. } = self.head;
        let mut tally = Tally::default();
        let mut row = Vec::new();
        for Run { row: at, first, last } in runs_within(&Lattice { west, north, step, size }, area) {
            row.resize(last - first + 1, 0);
            self.file.seek(SeekFrom::Start(self.rows_at + (at * size[0] + first) as u64))?;
            self.file.read_exact(&mut row)?;
            tally.add(&row);
        }
        Ok(tally)
    }
}

#[cfg(test)]
mod tests {
    use geo_types::polygon;

    use super::*;

    fn area(west: f64, south: f64, east: f64, north: f64) -> MultiPolygon {
        let ring = polygon![(x: west, y: south), (x: east, y: south), (x: east, y: north), (x: west, y: north)];
        MultiPolygon::new(vec![ring])
    }

    #[test]
    fn what_was_kept_is_counted_where_it_lies() {
        let data = std::env::temp_dir().join(format!("trucban-kept-{}", std::process::id()));
        // Column n is n degrees steep, the third row is a hole.
        let values = (0..100).map(|n| if n / 10 == 2 { f32::NAN } else { (n % 10) as f32 }).collect();
        let grid = Grid { west: 103.0, north: 22.5, step: [0.01, 0.01], size: [10, 10], values };
        let now = Timestamp::from_ms(1_750_000_000_000);
        let path = keep(&data, "made", &grid, Kind::Slope, "made", now).unwrap();
        assert!(kept(&data, Kind::Susceptibility).unwrap().is_empty());
        let mut grids = kept(&data, Kind::Slope).unwrap();
        assert_eq!(grids[0].head.source, "made");
        // Columns 2 to 4 of rows 1 to 3.
        let tally = grids[0].tally(&area(103.015, 22.465, 103.045, 22.495)).unwrap();
        assert_eq!((tally.known(), tally.unknown, tally.of(8)), (6, 3, 2));
        assert_eq!(tally.mean().map(|units| units * Kind::Slope.unit()), Some(3.0));
        assert_eq!(tally.quantile(0.9), Some(8));
        assert!((tally.share_from(6) - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!(grids[0].tally(&area(100.0, 20.0, 100.1, 20.1)).unwrap(), Tally::default());
        // One that was cut short is named and not believed.
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(kept(&data, Kind::Slope).unwrap_err().to_string().contains("slope-made.grid"));
        fs::remove_dir_all(&data).unwrap();
        assert!(kept(&data, Kind::Slope).unwrap().is_empty());
    }
}
