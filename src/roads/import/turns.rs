//! Turn restrictions as copies of junctions, so that a plain search over nodes honours them.
//!
//! A restriction is a sequence of arcs that may not be travelled one after the other. An Aho–Corasick automaton over
//! all sequences knows, after every arc, how much of a forbidden sequence has just been travelled; each such state is
//! a copy of the junction where it ends, whose arcs lack the turn that would complete the sequence. Whoever comes by
//! another way stands on the junction itself and sees nothing of it.

use std::collections::HashMap;

use crate::roads::profile::Profiles;

/// An arc between junctions, before any junction is copied.
#[derive(Clone, Copy, Debug)]
pub struct BaseArc {
    pub tail: u32,
    pub head: u32,
}

/// Arcs that these profiles may not travel one after the other; at least two, each beginning where the last ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    pub arcs: Vec<u32>,
    pub profiles: Profiles,
}

/// An arc after the copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turned {
    pub tail: u32,
    pub head: u32,
    /// The base arc that it is, or is a copy of.
    pub base: u32,
    /// Whom it is forbidden to because of the way by which they came.
    pub banned: Profiles,
}

/// The network with its restrictions worked in.
pub struct Expanded {
    pub arcs: Vec<Turned>,
    /// The junction of each copy; copy `n` is the node `junctions + n`.
    pub copies: Vec<u32>,
}

const ROOT: usize = 0;

/// The automaton: state 0 is "nothing of any sequence".
struct Automaton {
    children: HashMap<(usize, u32), usize>,
    has_children: Vec<bool>,
    last_arc: Vec<u32>,
    /// The state of the longest proper ending of what a state stands for.
    shorter: Vec<usize>,
    /// For whom a sequence is complete here.
    complete: Vec<Profiles>,
}

impl Automaton {
    fn new(bans: &[Ban]) -> Self {
        let mut new = Self {
            children: HashMap::new(),
            has_children: vec![false],
            last_arc: vec![0],
            shorter: vec![ROOT],
            complete: vec![Profiles::NONE],
        };
        for ban in bans {
            let end = ban.arcs.iter().fold(ROOT, |state, arc| new.grow(state, *arc));
            new.complete[end].0 |= ban.profiles.0;
        }
        new.link();
        new
    }

    fn grow(&mut self, state: usize, arc: u32) -> usize {
        if let Some(known) = self.children.get(&(state, arc)) {
            return *known;
        }
        let new = self.shorter.len();
        self.has_children[state] = true;
        self.has_children.push(false);
        self.last_arc.push(arc);
        self.shorter.push(ROOT);
        self.complete.push(Profiles::NONE);
        self.children.insert((state, arc), new);
        new
    }

    /// Finds the shorter endings, level by level, as those of a level rest on the level above.
    fn link(&mut self) {
        let mut level = vec![ROOT];
        while !level.is_empty() {
            let mut edges: Vec<_> = self.children.iter().filter(|(key, _)| level.contains(&key.0)).collect();
            edges.sort();
            let edges: Vec<((usize, u32), usize)> = edges.into_iter().map(|(key, child)| (*key, *child)).collect();
            for ((parent, arc), child) in &edges {
                self.shorter[*child] = if *parent == ROOT { ROOT } else { self.step(self.shorter[*parent], *arc) };
                self.complete[*child].0 |= self.complete[self.shorter[*child]].0;
            }
            level = edges.into_iter().map(|(_, child)| child).collect();
        }
    }

    fn step(&self, mut state: usize, arc: u32) -> usize {
        loop {
            if let Some(next) = self.children.get(&(state, arc)) {
                return *next;
            }
            if state == ROOT {
                return ROOT;
            }
            state = self.shorter[state];
        }
    }

    /// The state that matters for what follows: one without a continuation is as good as its shorter ending.
    fn settled(&self, mut state: usize) -> usize {
        while state != ROOT && !self.has_children[state] {
            state = self.shorter[state];
        }
        state
    }
}

/// Works the restrictions into the network of `junctions` and `arcs`.
pub fn expand(junctions: u32, arcs: &[BaseArc], bans: &[Ban]) -> Expanded {
    let automaton = Automaton::new(bans);
    let mut copies = Vec::new();
    let mut node_of = vec![u32::MAX; automaton.shorter.len()];
    for state in 1..automaton.shorter.len() {
        if automaton.has_children[state] {
            node_of[state] = junctions + copies.len() as u32;
            copies.push(arcs[automaton.last_arc[state] as usize].head);
        }
    }
    let turned = |tail: u32, from: usize, base: u32| {
        let reached = automaton.step(from, base);
        let state = automaton.settled(reached);
        let head = if state == ROOT { arcs[base as usize].head } else { node_of[state] };
        Turned { tail, head, base, banned: automaton.complete[reached] }
    };
    let mut out: Vec<Turned> =
        (0..arcs.len() as u32).map(|base| turned(arcs[base as usize].tail, ROOT, base)).collect();

    let copied: std::collections::HashSet<u32> = copies.iter().copied().collect();
    let mut leaving: HashMap<u32, Vec<u32>> = HashMap::new();
    for (base, arc) in arcs.iter().enumerate().filter(|(_, arc)| copied.contains(&arc.tail)) {
        leaving.entry(arc.tail).or_default().push(base as u32);
    }
    for (state, node) in node_of.iter().enumerate().filter(|(_, node)| **node != u32::MAX) {
        let junction = copies[(node - junctions) as usize];
        for base in leaving.get(&junction).into_iter().flatten() {
            out.push(turned(*node, state, *base));
        }
    }
    Expanded { arcs: out, copies }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether a walk along base arcs contains a forbidden sequence of the first profile.
    fn is_forbidden(walk: &[u32], bans: &[Ban]) -> bool {
        bans.iter().any(|ban| walk.windows(ban.arcs.len()).any(|window| window == ban.arcs))
    }

    /// Follows a walk through the expanded network; `false` as soon as a turn is missing.
    fn can_walk(expanded: &Expanded, start: u32, walk: &[u32]) -> bool {
        let mut node = start;
        walk.iter().all(|base| {
            let arc =
                expanded.arcs.iter().find(|arc| arc.tail == node && arc.base == *base).expect("every arc goes on");
            node = arc.head;
            arc.banned == Profiles::NONE
        })
    }

    proptest! {
        #[test]
        fn a_walk_passes_exactly_where_no_restriction_forbids_it(
            ends in prop::collection::vec((0_u32..5, 0_u32..5), 4..14),
            picks in prop::collection::vec(prop::collection::vec(0_usize..14, 2..5), 0..6),
            steps in prop::collection::vec(0_usize..14, 1..12),
        ) {
            let arcs: Vec<BaseArc> = ends.into_iter().map(|(tail, head)| BaseArc { tail, head }).collect();
            let walk_from = |steps: &[usize]| {
                let mut walk = vec![(steps[0] % arcs.len()) as u32];
                for step in &steps[1..] {
                    let at = arcs[*walk.last().unwrap() as usize].head;
                    let options: Vec<u32> = (0..arcs.len() as u32).filter(|a| arcs[*a as usize].tail == at).collect();
                    if options.is_empty() { break; }
                    walk.push(options[step % options.len()]);
                }
                walk
            };
            let bans: Vec<Ban> = picks.iter().map(|steps| walk_from(steps)).filter(|walk| walk.len() > 1)
                .map(|arcs| Ban { arcs, profiles: Profiles(1) }).collect();
            let expanded = expand(5, &arcs, &bans);
            let walk = walk_from(&steps);
            let passes = can_walk(&expanded, arcs[walk[0] as usize].tail, &walk);
            prop_assert_eq!(passes, !is_forbidden(&walk, &bans));
        }
    }
}
