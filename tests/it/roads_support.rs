//! Roads for tests: the shipped network, a real mountain extract where it is at hand, and extracts written here.

use std::collections::{BTreeMap, BinaryHeap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use trucban::roads::graph::CLOSED;
use trucban::roads::import::{Dem, Report, import};
use trucban::roads::search::Ground;
use trucban::roads::{Graph, Overlay, Profile, Snap, SnapIndex};

/// A folder of its own for a test.
pub fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("trucban-roads-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The extract of Andorra and its ground, from `TRUCBAN_MOUNTAINS` or beside the repository; says so where it is not.
pub fn mountains() -> Option<(PathBuf, Dem)> {
    let (roads, tile) = mountains_files()?;
    Some((roads, Dem::read(&[tile]).unwrap()))
}

/// As [`mountains`], with the ground as a file.
pub fn mountains_files() -> Option<(PathBuf, PathBuf)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/geodata/mountains");
    let at = std::env::var_os("TRUCBAN_MOUNTAINS").map_or(beside, PathBuf::from);
    let (roads, tile) = (at.join("andorra.osm.pbf"), at.join("N42E001.hgt.zip"));
    if !roads.exists() || !tile.exists() {
        println!("SKIPPED: no andorra.osm.pbf and N42E001.hgt.zip in {}", at.display());
        return None;
    }
    static UNPACKED: OnceLock<PathBuf> = OnceLock::new();
    let unpacked = UNPACKED.get_or_init(|| {
        let unpacked = folder("mountains").join("N42E001.hgt");
        std::fs::write(&unpacked, first_of_zip(&std::fs::read(tile).unwrap())).unwrap();
        unpacked
    });
    Some((roads, unpacked.clone()))
}

/// The first file of a zip archive.
fn first_of_zip(zip: &[u8]) -> Vec<u8> {
    let word = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    assert_eq!((&zip[..4], word(8)), (&b"PK\x03\x04"[..], 8), "a deflated file");
    let mut bytes = Vec::new();
    flate2::read::DeflateDecoder::new(&zip[30 + word(26) + word(28)..]).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Places on roads of a profile's largest part, drawn at random.
pub fn places(graph: &Graph, profile: Profile, count: usize, seed: u64) -> Vec<Snap> {
    let index = SnapIndex::new(graph);
    let usable: Vec<usize> =
        (0..graph.segments().len()).filter(|n| graph.segments()[*n].main_part().has(profile)).collect();
    let mut random = StdRng::seed_from_u64(seed);
    let mut place = || {
        let shape = graph.shape(usable[random.random_range(0..usable.len())]);
        let [lon, lat] = shape[random.random_range(0..shape.len())].degrees();
        let (east, north) = (random.random_range(-0.002..0.002), random.random_range(-0.002..0.002));
        index.snap(graph, lon + east, lat + north, profile).expect("a road is near")
    };
    (0..count).map(|_| place()).collect()
}

/// Milliseconds by a plain Dijkstra over all arcs, written without regard to speed: the node times from one place.
pub struct Reference {
    from: Snap,
    nodes: BTreeMap<u32, u64>,
}

impl Reference {
    pub fn new(ground: &Ground<'_>, from: &Snap) -> Self {
        let graph = ground.graph;
        let mut leaving: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (n, arc) in graph.arcs().iter().enumerate() {
            leaving.entry(arc.tail).or_default().push(n);
        }
        let mut nodes: BTreeMap<u32, u64> = BTreeMap::new();
        let mut queue = BinaryHeap::new();
        for arc in graph.arcs().iter().filter(|arc| arc.segment() == from.segment as usize) {
            let rest = 1.0 - share(graph, from, arc.is_backward());
            let time_ms = arc.time_ms[ground.profile.index()];
            if time_ms != CLOSED && (arc.tail as usize) < graph.junctions() {
                queue.push((std::cmp::Reverse((f64::from(time_ms) * rest).round() as u64), arc.head));
            }
        }
        while let Some((std::cmp::Reverse(time_ms), node)) = queue.pop() {
            if nodes.contains_key(&node) {
                continue;
            }
            nodes.insert(node, time_ms);
            for n in leaving.get(&node).into_iter().flatten() {
                let arc = &graph.arcs()[*n];
                if arc.time_ms[ground.profile.index()] != CLOSED {
                    let next = time_ms + u64::from(arc.time_ms[ground.profile.index()]);
                    queue.push((std::cmp::Reverse(next), arc.head));
                }
            }
        }
        Self { from: *from, nodes }
    }

    pub fn time_ms(&self, ground: &Ground<'_>, to: &Snap) -> Option<u64> {
        let graph = ground.graph;
        let arcs = graph.arcs().iter().filter(|arc| arc.segment() == to.segment as usize);
        arcs.filter(|arc| arc.time_ms[ground.profile.index()] != CLOSED)
            .flat_map(|arc| {
                let time_ms = f64::from(arc.time_ms[ground.profile.index()]);
                let to_share = share(graph, to, arc.is_backward());
                let through = self.nodes.get(&arc.tail).map(|at| at + (time_ms * to_share).round() as u64);
                let between = to_share - share(graph, &self.from, arc.is_backward());
                let is_along = self.from.segment == to.segment && between >= 0.0;
                let is_plain = (arc.tail as usize) < graph.junctions();
                let direct = (is_along && is_plain).then(|| (time_ms * between).round() as u64);
                [through, direct]
            })
            .flatten()
            .min()
    }
}

/// What share of its segment lies before a place, in the direction of an arc.
fn share(graph: &Graph, place: &Snap, is_backward: bool) -> f64 {
    let share = place.along_m / f64::from(graph.segments()[place.segment as usize].length_m);
    if is_backward { 1.0 - share } else { share }
}

/// An OpenStreetMap extract under construction, written by hand as the format's description says.
#[derive(Default)]
pub struct Extract {
    strings: Vec<String>,
    group: Vec<u8>,
}

type TagList<'a> = &'a [(&'a str, &'a str)];

impl Extract {
    pub fn new() -> Self {
        Self { strings: vec![String::new()], group: Vec::new() }
    }

    pub fn node(&mut self, id: i64, lon: f64, lat: f64, tags: TagList<'_>) -> &mut Self {
        let mut body = Vec::new();
        number(&mut body, 1, zigzag(id));
        self.tags(&mut body, tags);
        number(&mut body, 8, zigzag((lat * 1e7).round() as i64));
        number(&mut body, 9, zigzag((lon * 1e7).round() as i64));
        bytes(&mut self.group, 1, &body);
        self
    }

    pub fn way(&mut self, id: i64, nodes: &[i64], tags: TagList<'_>) -> &mut Self {
        let mut body = Vec::new();
        number(&mut body, 1, id as u64);
        self.tags(&mut body, tags);
        bytes(&mut body, 8, &deltas(nodes));
        bytes(&mut self.group, 3, &body);
        self
    }

    /// Members are `(role, id, is a way)`.
    pub fn relation(&mut self, id: i64, members: &[(&str, i64, bool)], tags: TagList<'_>) -> &mut Self {
        let mut body = Vec::new();
        number(&mut body, 1, id as u64);
        self.tags(&mut body, tags);
        let roles: Vec<u64> = members.iter().map(|(role, _, _)| self.string(role)).collect();
        bytes(&mut body, 8, &packed(roles));
        bytes(&mut body, 9, &deltas(&members.iter().map(|(_, id, _)| *id).collect::<Vec<_>>()));
        bytes(&mut body, 10, &packed(members.iter().map(|(_, _, is_way)| u64::from(*is_way))));
        bytes(&mut self.group, 4, &body);
        self
    }

    fn tags(&mut self, body: &mut Vec<u8>, tags: TagList<'_>) {
        let keys: Vec<u64> = tags.iter().map(|(key, _)| self.string(key)).collect();
        let values: Vec<u64> = tags.iter().map(|(_, value)| self.string(value)).collect();
        bytes(body, 2, &packed(keys));
        bytes(body, 3, &packed(values));
    }

    fn string(&mut self, text: &str) -> u64 {
        let known = self.strings.iter().position(|known| known == text).unwrap_or_else(|| {
            self.strings.push(text.to_owned());
            self.strings.len() - 1
        });
        known as u64
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = Vec::new();
        bytes(&mut head, 4, b"OsmSchema-V0.6");
        let mut table = Vec::new();
        for text in &self.strings {
            bytes(&mut table, 1, text.as_bytes());
        }
        let mut block = Vec::new();
        bytes(&mut block, 1, &table);
        bytes(&mut block, 2, &self.group);
        [blob("OSMHeader", &head), blob("OSMData", &block)].concat()
    }

    pub fn import(&self, name: &str) -> (Graph, Report) {
        let path = folder(name).join("made.osm.pbf");
        std::fs::write(&path, self.to_bytes()).unwrap();
        import(&path, &Dem::default(), &mut |_| {}).unwrap()
    }
}

fn blob(kind: &str, content: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    bytes(&mut body, 1, content);
    number(&mut body, 2, content.len() as u64);
    let mut head = Vec::new();
    bytes(&mut head, 1, kind.as_bytes());
    number(&mut head, 3, body.len() as u64);
    [&(head.len() as u32).to_be_bytes()[..], &head, &body].concat()
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn number(into: &mut Vec<u8>, field: u64, value: u64) {
    varint(into, field << 3);
    varint(into, value);
}

fn bytes(into: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(into, field << 3 | 2);
    varint(into, content.len() as u64);
    into.extend_from_slice(content);
}

fn packed(values: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let mut out = Vec::new();
    values.into_iter().for_each(|value| varint(&mut out, value));
    out
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn deltas(ids: &[i64]) -> Vec<u8> {
    let mut before = 0;
    packed(ids.iter().map(|id| {
        let step = id - before;
        before = *id;
        zigzag(step)
    }))
}

/// What a search runs on, with nothing closed.
pub fn ground<'a>(graph: &'a Graph, overlay: &'a Overlay, profile: Profile) -> Ground<'a> {
    Ground { graph, overlay, profile }
}
