//! From a network to the graph: cut at junctions, measured, timed, turn rules worked in, put in order.

use std::collections::HashMap;

use super::climb::{run_of, times_ms};
use super::dem::Dem;
use super::islands;
use super::network::Network;
use super::report::{Dropped, Report};
use super::rules::bans_of;
use super::turns::{BaseArc, Turned, expand};
use crate::roads::graph::{Arc, CLOSED, Graph, Segment, Spot};
use crate::roads::profile::{PROFILES, Profile, Profiles};

/// Metres of a kilometre.
const KM: f64 = 1000.0;

/// A piece of a way between two junctions, with its two arcs.
pub(super) struct Piece {
    pub way: u32,
    pub stops: std::ops::Range<usize>,
    /// Junctions at its ends.
    pub ends: [u32; 2],
    /// As drawn, and against it.
    pub times_ms: [[u32; PROFILES]; 2],
    segment: Segment,
}

/// Makes the graph of a network, and says what it found.
#[must_use]
pub fn build(network: &Network, dem: &Dem, mut report: Report) -> (Graph, Report) {
    let (junction_of, spots) = junctions(network);
    let mut names = Names::default();
    let pieces = pieces(network, dem, &junction_of, &mut names, &mut report);
    // Arc 2n is piece n as drawn, 2n + 1 against it.
    let base: Vec<BaseArc> = pieces
        .iter()
        .flat_map(|piece| {
            let [tail, head] = piece.ends;
            [BaseArc { tail, head }, BaseArc { tail: head, head: tail }]
        })
        .collect();
    let bans = bans_of(network, &junction_of, &pieces, &base, &mut report);
    let expanded = expand(spots.len() as u32, &base, &bans);
    report.bans = bans.len();
    report.copies = expanded.copies.len();

    let mut graph = assemble(network, &pieces, &spots, &expanded.arcs, &expanded.copies);
    (graph.first_name, graph.names) = names.into_sections();
    graph.attribution = network.attribution.clone().into_bytes();
    report.islands = islands::mark(&mut graph);
    report.ways = network.ways.len();
    report.junctions = graph.junctions();
    report.segments = graph.segments.len();
    report.arcs = graph.arcs.len();
    (graph, report)
}

/// Gives numbers to the places where ways end, meet or are barred, in the order of a curve that keeps neighbours
/// close, so that a search finds what it needs next in the cache.
fn junctions(network: &Network) -> (HashMap<u32, u32>, Vec<Spot>) {
    let mut uses = vec![0_u8; network.places.len()];
    for way in &network.ways {
        let last = way.stops.len() - 1;
        for (n, stop) in way.stops.iter().enumerate() {
            let weight = if n == 0 || n == last { 2 } else { 1 };
            uses[*stop as usize] = uses[*stop as usize].saturating_add(weight);
        }
    }
    for (place, _) in &network.barriers {
        if uses[*place as usize] > 0 {
            uses[*place as usize] = 2;
        }
    }
    let mut places: Vec<u32> = (0..network.places.len() as u32).filter(|place| uses[*place as usize] > 1).collect();
    places.sort_by_key(|place| (morton(network.places[*place as usize]), *place));
    let spots = places.iter().map(|place| network.places[*place as usize]).collect();
    (places.into_iter().zip(0..).collect(), spots)
}

/// The bits of both coordinates, one after the other.
fn morton(spot: Spot) -> u64 {
    let spread = |value: i32| {
        let mut bits = u64::from((value as u32) ^ (1 << 31));
        for (shift, mask) in [
            (16, 0x0000_ffff_0000_ffff_u64),
            (8, 0x00ff_00ff_00ff_00ff),
            (4, 0x0f0f_0f0f_0f0f_0f0f),
            (2, 0x3333_3333_3333_3333),
            (1, 0x5555_5555_5555_5555),
        ] {
            bits = (bits | (bits << shift)) & mask;
        }
        bits
    };
    spread(spot.lon_e7) | (spread(spot.lat_e7) << 1)
}

fn pieces(
    network: &Network,
    dem: &Dem,
    junction_of: &HashMap<u32, u32>,
    names: &mut Names,
    report: &mut Report,
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut shape = Vec::new();
    for (number, way) in network.ways.iter().enumerate() {
        let name = names.number(&way.traits.name);
        let mut from = 0;
        let mut is_used = false;
        for to in 1..way.stops.len() {
            let Some(end) = junction_of.get(&way.stops[to]) else { continue };
            let stops = from..to + 1;
            from = to;
            shape.clear();
            shape.extend(way.stops[stops.clone()].iter().map(|stop| network.places[*stop as usize]));
            let run = run_of(&shape, &way.traits, dem);
            let times_ms = [
                times_ms(&run, &way.traits, way.traits.forward, false),
                times_ms(&run, &way.traits, way.traits.backward, true),
            ];
            if times_ms.as_flattened().iter().all(|ms| *ms == CLOSED) {
                continue;
            }
            is_used = true;
            report.length_km += run.length_m / KM;
            report.with_elevation_km += if run.is_known { run.length_m / KM } else { 0.0 };
            let segment = Segment {
                way_id: way.id,
                length_m: run.length_m as f32,
                climb_m: run.climb_m.map(|metres| metres as f32),
                name,
                class: way.traits.class as u8,
                surface: way.traits.surface as u8,
                flags: way.traits.flags,
                main_part: 0,
                reserved: 0,
            };
            let start = junction_of[&way.stops[stops.start]];
            pieces.push(Piece { way: number as u32, stops, ends: [start, *end], times_ms, segment });
        }
        if !is_used {
            report.drop(Dropped::ClosedToAll);
        }
    }
    pieces.sort_by_key(|piece| (piece.ends[0].min(piece.ends[1]), piece.ends));
    pieces
}

/// Lays the arrays out.
fn assemble(network: &Network, pieces: &[Piece], spots: &[Spot], turned: &[Turned], copies: &[u32]) -> Graph {
    let nodes: Vec<Spot> =
        spots.iter().copied().chain(copies.iter().map(|junction| spots[*junction as usize])).collect();
    let mut arcs: Vec<Arc> = turned
        .iter()
        .map(|turned| Arc {
            tail: turned.tail,
            head: turned.head,
            way: turned.base,
            time_ms: closed_for(turned.banned, pieces[turned.base as usize / 2].times_ms[turned.base as usize % 2]),
        })
        .filter(|arc| arc.time_ms.iter().any(|ms| *ms != CLOSED))
        .collect();
    arcs.sort_by_key(|arc| (arc.tail, arc.way));
    let mut first_point = vec![0];
    let mut points: Vec<Spot> = Vec::new();
    for piece in pieces {
        let stops = &network.ways[piece.way as usize].stops[piece.stops.clone()];
        points.extend(stops.iter().map(|stop| network.places[*stop as usize]));
        first_point.push(points.len() as u32);
    }
    let (first_out, _) = grouped(nodes.len(), arcs.iter().map(|arc| arc.tail));
    let (first_into, into) = grouped(nodes.len(), arcs.iter().map(|arc| arc.head));
    // Arcs lie in the order of their tails, and copies come after all junctions: so do they along each segment.
    let (first_along, along) = grouped(pieces.len(), arcs.iter().map(|arc| arc.way >> 1));
    Graph {
        junctions: spots.len() as u32,
        nodes,
        first_out,
        arcs,
        first_into,
        into,
        segments: pieces.iter().map(|piece| piece.segment).collect(),
        first_along,
        along,
        first_point,
        points,
        ..Graph::default()
    }
}

fn closed_for(banned: Profiles, mut times_ms: [u32; PROFILES]) -> [u32; PROFILES] {
    for profile in Profile::ALL.into_iter().filter(|profile| banned.has(*profile)) {
        times_ms[profile.index()] = CLOSED;
    }
    times_ms
}

/// Item numbers grouped by their key, in their order: `(first, items)` as the graph holds such lists.
fn grouped(groups: usize, keys: impl Iterator<Item = u32> + Clone) -> (Vec<u32>, Vec<u32>) {
    let mut first = vec![0_u32; groups + 1];
    for key in keys.clone() {
        first[key as usize + 1] += 1;
    }
    for n in 0..groups {
        first[n + 1] += first[n];
    }
    let mut next = first.clone();
    let mut items = vec![0_u32; first[groups] as usize];
    for (item, key) in keys.enumerate() {
        items[next[key as usize] as usize] = item as u32;
        next[key as usize] += 1;
    }
    (first, items)
}

/// Names, each once; number 0 is the empty one.
#[derive(Default)]
struct Names {
    number_of: HashMap<String, u32>,
    in_order: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        if let Some(known) = self.number_of.get(name) {
            return *known;
        }
        self.in_order.push(name.to_owned());
        self.number_of.insert(name.to_owned(), self.in_order.len() as u32);
        self.in_order.len() as u32
    }

    fn into_sections(self) -> (Vec<u32>, Vec<u8>) {
        let mut first = vec![0, 0];
        let mut bytes = Vec::new();
        for name in self.in_order {
            bytes.extend_from_slice(name.as_bytes());
            first.push(bytes.len() as u32);
        }
        (first, bytes)
    }
}
