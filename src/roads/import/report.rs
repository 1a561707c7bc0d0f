//! What an import found: counts, what was left out and why, and where the network falls apart.

use std::collections::BTreeMap;
use std::path::Path;

use crate::domain::{Code, Problem};
use crate::roads::profile::Profile;

/// Why something of the source is not in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// A way that no profile may use.
    ClosedToAll,
    /// Places of ways that the source does not hold, as at the edge of an extract.
    MissingPlaces,
    /// A place off the Earth.
    PlaceOffEarth,
    /// A way of less than two places.
    WayWithoutLength,
    /// A feature that is no line.
    NotALine,
    /// A line whose class is not known.
    UnknownClass,
    /// A turn restriction whose members do not meet, or are not there.
    TurnWithoutMembers,
    /// A turn restriction of a kind that is not known, or for hours of the day.
    TurnNotUnderstood,
    /// Text that is not UTF-8; the element is kept without it.
    BrokenText,
}

impl Dropped {
    /// In Vietnamese and in English.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ClosedToAll => ("đường cấm mọi phương tiện và người đi bộ", "ways closed to everybody"),
            Self::MissingPlaces => ("điểm không có trong tệp", "places that the file does not hold"),
            Self::PlaceOffEarth => ("điểm có toạ độ ngoài Trái Đất", "places off the Earth"),
            Self::WayWithoutLength => ("đường không đủ hai điểm", "ways of less than two places"),
            Self::NotALine => ("đối tượng không phải đường nét", "features that are no line"),
            Self::UnknownClass => ("đường không rõ cấp", "lines of an unknown class"),
            Self::TurnWithoutMembers => ("biển cấm rẽ thiếu đường", "turn restrictions whose ways are not there"),
            Self::TurnNotUnderstood => ("biển cấm rẽ không hiểu được", "turn restrictions that are not understood"),
            Self::BrokenText => ("chữ không phải UTF-8", "texts that are not UTF-8"),
        }
    }
}

/// A connected part of the network: from each of its places one gets to each other, and back.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub length_km: f64,
    /// One place of it, `[lon, lat]`.
    pub position: [f64; 2],
}

/// How the network of one profile hangs together.
#[derive(Clone, Debug, PartialEq)]
pub struct Islands {
    pub profile: Profile,
    /// All that this profile may use.
    pub length_km: f64,
    /// What lies in its largest part; the rest is not snapped to.
    pub main_km: f64,
    /// Parts beside the largest, dead ends of one-way roads among them.
    pub part_count: usize,
    /// The longest of them.
    pub longest: Vec<Part>,
}

/// What an import found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub ways: usize,
    pub junctions: usize,
    pub segments: usize,
    pub arcs: usize,
    /// Turn restrictions and barriers worked in, as forbidden sequences, and the copies of junctions they took.
    pub bans: usize,
    pub copies: usize,
    pub length_km: f64,
    /// Of which lie over ground whose elevation is known.
    pub with_elevation_km: f64,
    pub dropped: BTreeMap<Dropped, u64>,
    pub islands: Vec<Islands>,
}

impl Report {
    /// Counts something that was left out.
    pub fn drop(&mut self, why: Dropped) {
        *self.dropped.entry(why).or_default() += 1;
    }
}

/// A source that cannot be read; nothing was written, and the graph of before is still in use.
pub fn unreadable(path: &Path, why_vi: &str, why_en: &str) -> Problem {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    Problem::new(
        Code::InvalidEncoding,
        format!("Không đọc được tệp {name}: {why_vi}. Chưa ghi gì, mạng đường cũ vẫn dùng."),
        format!("Failed to read {name}: {why_en}. Nothing was written; the roads of before stay in use."),
    )
    .at(&name)
}
