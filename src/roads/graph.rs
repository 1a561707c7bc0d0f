//! The road graph: flat arrays, never changed after the import.
//!
//! A **segment** is a piece of road between two junctions, with its shape and what is known of it. An **arc** is a
//! segment in one direction, from a node to a node, with the time that each profile needs. Nodes from
//! [`Graph::junctions`] on are copies of junctions: whoever stands on a copy came by a way after which a turn is
//! forbidden, so that the search honours turn restrictions without looking at them (`import/turns.rs`).

use bytemuck::{Pod, Zeroable};

use super::profile::{Class, PROFILES, Profile, Profiles, Surface};

/// Time of an arc that a profile may not use, milliseconds.
pub const CLOSED: u32 = u32::MAX;

/// The longest time of one arc, milliseconds (about 12 days), so that sums along a path stay far from [`CLOSED`].
pub const ARC_MS_MAX: u32 = 1 << 30;

/// A position, 10⁻⁷ degrees: OpenStreetMap's own grid, about a centimetre.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub struct Spot {
    pub lon_e7: i32,
    pub lat_e7: i32,
}

impl Spot {
    /// The nearest spot of a position in degrees; the caller has checked its range.
    #[must_use]
    pub fn new(lon: f64, lat: f64) -> Self {
        Self { lon_e7: (lon * 1e7).round() as i32, lat_e7: (lat * 1e7).round() as i32 }
    }

    /// `[lon, lat]`, degrees.
    #[must_use]
    pub fn degrees(self) -> [f64; 2] {
        [f64::from(self.lon_e7) / 1e7, f64::from(self.lat_e7) / 1e7]
    }
}

/// What is known of a piece of road.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Segment {
    /// The way in the source it comes from: OpenStreetMap's id, or the number of the line in a file.
    pub way_id: i64,
    pub length_m: f32,
    /// Metres climbed in the direction of drawing, and against it; 0 where no elevation is known.
    pub climb_m: [f32; 2],
    /// Index into the names; 0 is nameless.
    pub name: u32,
    /// [`Class`] and [`Surface`] as numbers.
    pub class: u8,
    pub surface: u8,
    /// Ford, bridge, tunnel: the flags of `import/tags.rs`.
    pub flags: u8,
    /// The profiles in whose largest connected part it lies.
    pub main_part: u8,
    /// Always 0: fills the record up to a whole number of words.
    pub reserved: u32,
}

impl Segment {
    /// What it is.
    #[must_use]
    pub fn class(&self) -> Class {
        Class::from_number(self.class).expect("the reader checks classes")
    }

    /// What lies on it.
    #[must_use]
    pub fn surface(&self) -> Surface {
        Surface::from_number(self.surface).expect("the reader checks surfaces")
    }

    /// In whose largest connected part it lies.
    #[must_use]
    pub fn main_part(&self) -> Profiles {
        Profiles(self.main_part)
    }
}

/// A segment in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Arc {
    pub tail: u32,
    pub head: u32,
    /// Twice the number of the segment, plus one against the direction of drawing.
    pub way: u32,
    /// Milliseconds by profile, [`CLOSED`] where it may not go.
    pub time_ms: [u32; PROFILES],
}

impl Arc {
    /// The number of its segment.
    #[must_use]
    pub const fn segment(&self) -> usize {
        (self.way >> 1) as usize
    }

    /// Whether it runs against the direction of drawing.
    #[must_use]
    pub const fn is_backward(&self) -> bool {
        self.way & 1 == 1
    }
}

/// A road network, ready to be searched. The fields are what the file holds, section by section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Nodes below this number are junctions, the others their copies.
    pub(super) junctions: u32,
    /// Where each node lies.
    pub(super) nodes: Vec<Spot>,
    /// Arcs out of node `n` are `first_out[n]..first_out[n + 1]`.
    pub(super) first_out: Vec<u32>,
    /// In the order of their tails.
    pub(super) arcs: Vec<Arc>,
    /// Arcs into node `n` are `into[first_into[n]..first_into[n + 1]]`.
    pub(super) first_into: Vec<u32>,
    pub(super) into: Vec<u32>,
    pub(super) segments: Vec<Segment>,
    /// Arcs of segment `s` are `along[first_along[s]..first_along[s + 1]]`, those between junctions first.
    pub(super) first_along: Vec<u32>,
    pub(super) along: Vec<u32>,
    /// The shape of segment `s` is `points[first_point[s]..first_point[s + 1]]`, both ends included.
    pub(super) first_point: Vec<u32>,
    pub(super) points: Vec<Spot>,
    /// Name `n` is `names[first_name[n]..first_name[n + 1]]`, UTF-8; name 0 is empty.
    pub(super) first_name: Vec<u32>,
    pub(super) names: Vec<u8>,
    /// Whom to thank for the data, shown wherever they are.
    pub(super) attribution: Vec<u8>,
}

fn part(first: &[u32], n: usize) -> std::ops::Range<usize> {
    first[n] as usize..first[n + 1] as usize
}

impl Graph {
    /// Number of nodes, copies included.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Number of junctions: nodes that are no copies.
    #[must_use]
    pub fn junctions(&self) -> usize {
        self.junctions as usize
    }

    /// All arcs, in the order of their tails.
    #[must_use]
    pub fn arcs(&self) -> &[Arc] {
        &self.arcs
    }

    /// All segments.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Where a node lies, `[lon, lat]`.
    #[must_use]
    pub fn position(&self, node: u32) -> [f64; 2] {
        self.nodes[node as usize].degrees()
    }

    /// The arcs that leave a node.
    #[must_use]
    pub fn out_of(&self, node: u32) -> std::ops::Range<usize> {
        part(&self.first_out, node as usize)
    }

    /// The numbers of the arcs that enter a node.
    #[must_use]
    pub fn into(&self, node: u32) -> &[u32] {
        &self.into[part(&self.first_into, node as usize)]
    }

    /// The numbers of the arcs along a segment; those that leave a junction (and no copy) come first.
    #[must_use]
    pub fn along(&self, segment: usize) -> &[u32] {
        &self.along[part(&self.first_along, segment)]
    }

    /// The shape of a segment in the direction of drawing, both ends included.
    #[must_use]
    pub fn shape(&self, segment: usize) -> &[Spot] {
        &self.points[part(&self.first_point, segment)]
    }

    /// Sign and name of a segment, empty where it has none.
    #[must_use]
    pub fn name(&self, segment: usize) -> &str {
        let name = self.segments[segment].name as usize;
        std::str::from_utf8(&self.names[part(&self.first_name, name)]).expect("the reader checks names")
    }

    /// Whom to thank for the data.
    #[must_use]
    pub fn attribution(&self) -> &str {
        std::str::from_utf8(&self.attribution).expect("the reader checks the attribution")
    }

    /// Bytes held in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let firsts = [&self.first_out, &self.first_into, &self.first_along, &self.first_point, &self.first_name];
        let words: usize = firsts.iter().map(|first| first.len()).sum::<usize>() + self.into.len() + self.along.len();
        words * 4
            + (self.nodes.len() + self.points.len()) * size_of::<Spot>()
            + self.arcs.len() * size_of::<Arc>()
            + self.segments.len() * size_of::<Segment>()
            + self.names.len()
            + self.attribution.len()
    }

    /// Time of an arc as the import knew it, milliseconds; [`CLOSED`] where the profile may not go.
    #[must_use]
    pub fn time_ms(&self, arc: u32, profile: Profile) -> u32 {
        self.arcs[arc as usize].time_ms[profile.index()]
    }

    /// The west, south, east and north of all shapes, degrees; `None` without any.
    #[must_use]
    pub fn extent(&self) -> Option<[f64; 4]> {
        let first = self.points.first()?.degrees();
        Some(
            self.points
                .iter()
                .map(|spot| spot.degrees())
                .fold([first[0], first[1], first[0], first[1]], |[west, south, east, north], [lon, lat]| {
                    [west.min(lon), south.min(lat), east.max(lon), north.max(lat)]
                }),
        )
    }
}
