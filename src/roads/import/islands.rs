//! Where a network hangs together: the strongly connected parts for each profile.
//!
//! A part is what one gets around in and back again: a one-way street that leads nowhere is none of it, as whoever is
//! snapped there could not leave.

use super::report::{Islands, Part};
use crate::roads::graph::{CLOSED, Graph};
use crate::roads::profile::{Profile, Profiles};

/// Parts that a report names, the longest first.
const NAMED_MAX: usize = 10;

/// Marks the segments of each profile's largest part, and tells of the others.
pub(super) fn mark(graph: &mut Graph) -> Vec<Islands> {
    Profile::ALL.into_iter().map(|profile| mark_for(graph, profile)).collect()
}

fn mark_for(graph: &mut Graph, profile: Profile) -> Islands {
    let part_of = parts(graph, profile);
    let part_count = part_of.iter().max().map_or(0, |last| *last as usize + 1);
    let mut length_km = vec![0.0_f64; part_count];
    let mut sample: Vec<Option<usize>> = vec![None; part_count];
    let mut loose_km = 0.0;
    let inside = |graph: &Graph, segment: usize| {
        let usable = graph.along(segment).iter().map(|arc| graph.arcs[*arc as usize]);
        let usable: Vec<_> = usable.filter(|arc| arc.time_ms[profile.index()] != CLOSED).collect();
        let whole = usable.iter().find(|arc| part_of[arc.tail as usize] == part_of[arc.head as usize]);
        (!usable.is_empty(), whole.map(|arc| part_of[arc.tail as usize] as usize))
    };
    for segment in 0..graph.segments.len() {
        let km = f64::from(graph.segments[segment].length_m) / 1000.0;
        match inside(graph, segment) {
            (_, Some(part)) => {
                length_km[part] += km;
                sample[part].get_or_insert(segment);
            }
            (true, None) => loose_km += km,
            (false, None) => {}
        }
    }
    let mut order: Vec<usize> = (0..part_count).filter(|part| sample[*part].is_some()).collect();
    order.sort_by(|a, b| length_km[*b].total_cmp(&length_km[*a]));
    let main = order.first().copied();
    for segment in 0..graph.segments.len() {
        let is_main = main.is_some() && inside(graph, segment).1 == main;
        let set = Profiles(graph.segments[segment].main_part).with(profile, is_main);
        graph.segments[segment].main_part = set.0;
    }
    let part = |part: &usize| Part {
        length_km: length_km[*part],
        position: graph.shape(sample[*part].expect("a part of the order has a segment"))[0].degrees(),
    };
    Islands {
        profile,
        length_km: length_km.iter().sum::<f64>() + loose_km,
        main_km: main.map_or(0.0, |main| length_km[main]),
        part_count: order.len().saturating_sub(1),
        longest: order.iter().skip(1).take(NAMED_MAX).map(part).collect(),
    }
}

/// The number of the strongly connected part of each node (Kosaraju's two walks, without recursion).
fn parts(graph: &Graph, profile: Profile) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let is_open = |arc: u32| graph.time_ms(arc, profile) != CLOSED;
    let nodes = graph.node_count() as u32;
    let mut seen = vec![false; nodes as usize];
    let mut finished = Vec::with_capacity(nodes as usize);
    let mut stack: Vec<(u32, usize)> = Vec::new();
    for start in 0..nodes {
        if std::mem::replace(&mut seen[start as usize], true) {
            continue;
        }
        stack.push((start, graph.out_of(start).start));
        while let Some((node, next)) = stack.last_mut() {
            if *next == graph.out_of(*node).end {
                finished.push(*node);
                stack.pop();
                continue;
            }
            let arc = *next as u32;
            *next += 1;
            let head = graph.arcs[arc as usize].head;
            if is_open(arc) && !std::mem::replace(&mut seen[head as usize], true) {
                stack.push((head, graph.out_of(head).start));
            }
        }
    }
    let mut part_of = vec![NONE; nodes as usize];
    let mut part = 0;
    let mut queue = Vec::new();
    for start in finished.into_iter().rev() {
        if part_of[start as usize] != NONE {
            continue;
        }
        part_of[start as usize] = part;
        queue.push(start);
        while let Some(node) = queue.pop() {
            for arc in graph.into(node) {
                let tail = graph.arcs[*arc as usize].tail;
                if is_open(*arc) && part_of[tail as usize] == NONE {
                    part_of[tail as usize] = part;
                    queue.push(tail);
                }
            }
        }
        part += 1;
    }
    part_of
}
