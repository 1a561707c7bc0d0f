//! Turn rules and barriers of a source as sequences of arcs that may not be travelled.

use std::collections::HashMap;

use super::build::Piece;
use super::network::{Network, TurnRule, Via};
use super::report::{Dropped, Report};
use super::turns::{Ban, BaseArc};
use crate::roads::graph::CLOSED;
use crate::roads::profile::{Profile, Profiles};

/// Most arcs that a rule may lead through between its ends.
const VIA_ARCS_MAX: usize = 64;

/// Where arcs are by way and by junction.
struct Meeting<'a> {
    pieces: &'a [Piece],
    base: &'a [BaseArc],
    of_way: HashMap<u32, Vec<u32>>,
    out_of: HashMap<u32, Vec<u32>>,
}

impl Meeting<'_> {
    fn of_way(&self, way: u32) -> impl Iterator<Item = u32> {
        self.of_way.get(&way).into_iter().flatten().copied()
    }

    fn leaving(&self, junction: u32) -> impl Iterator<Item = u32> {
        self.out_of.get(&junction).into_iter().flatten().copied()
    }

    /// Whether all of these may travel an arc.
    fn is_open(&self, arc: u32, profiles: Profiles) -> bool {
        let times_ms = self.pieces[arc as usize / 2].times_ms[arc as usize % 2];
        Profile::ALL
            .into_iter()
            .filter(|profile| profiles.has(*profile))
            .all(|profile| times_ms[profile.index()] != CLOSED)
    }

    fn of_way_leaving(&self, way: u32, junction: u32) -> impl Iterator<Item = u32> {
        self.of_way(way).filter(move |arc| self.base[*arc as usize].tail == junction)
    }
}

/// All forbidden sequences of a network.
pub(super) fn bans_of(
    network: &Network,
    junction_of: &HashMap<u32, u32>,
    pieces: &[Piece],
    base: &[BaseArc],
    report: &mut Report,
) -> Vec<Ban> {
    let mut meeting = Meeting { pieces, base, of_way: HashMap::new(), out_of: HashMap::new() };
    for (piece, n) in pieces.iter().zip(0_u32..) {
        meeting.of_way.entry(piece.way).or_default().extend([2 * n, 2 * n + 1]);
    }
    for (arc, n) in base.iter().zip(0_u32..) {
        meeting.out_of.entry(arc.tail).or_default().push(n);
    }
    let mut bans = Vec::new();
    for rule in &network.rules {
        let before = bans.len();
        bans.extend(sequences(rule, &meeting, junction_of));
        if bans.len() == before {
            report.drop(Dropped::TurnWithoutMembers);
        }
    }
    for (place, profiles) in &network.barriers {
        if let Some(junction) = junction_of.get(place) {
            bans.extend(passages(*junction, &meeting, *profiles));
        }
    }
    bans
}

/// Every way through a barred junction but back where one came from.
fn passages(junction: u32, meeting: &Meeting<'_>, profiles: Profiles) -> Vec<Ban> {
    let arriving = meeting.leaving(junction).map(|arc| arc ^ 1);
    arriving
        .flat_map(|into| {
            let onward = meeting.leaving(junction).filter(move |out| *out != into ^ 1);
            onward.map(move |out| Ban { arcs: vec![into, out], profiles })
        })
        .collect()
}

/// The sequences that one rule forbids; none where its members do not meet.
fn sequences(rule: &TurnRule, meeting: &Meeting<'_>, junction_of: &HashMap<u32, u32>) -> Vec<Ban> {
    let mut found = Vec::new();
    for walk in walks(rule, meeting, junction_of) {
        let forbidden = forbidden_after(&walk, rule, meeting);
        if forbidden.is_empty() {
            continue;
        }
        let turned: Vec<Vec<u32>> = turns_about(&walk, &forbidden, rule.profiles, meeting);
        let complete = forbidden.into_iter().map(|out| [&walk[..], &[out]].concat());
        found.extend(complete.chain(turned).map(|arcs| Ban { arcs, profiles: rule.profiles }));
    }
    found
}

/// The ways by which one comes from the first member of a rule to where its last one begins.
fn walks(rule: &TurnRule, meeting: &Meeting<'_>, junction_of: &HashMap<u32, u32>) -> Vec<Vec<u32>> {
    let from = meeting.of_way(rule.from);
    match &rule.via {
        Via::Place(place) => {
            let at = junction_of.get(place);
            from.filter(|arc| at == Some(&meeting.base[*arc as usize].head)).map(|arc| vec![arc]).collect()
        }
        Via::Ways(ways) => {
            let next = ways.iter().skip(1).chain([&rule.to]);
            ways.iter().zip(next).fold(from.map(|arc| vec![arc]).collect(), |walks: Vec<Vec<u32>>, (way, next)| {
                walks.iter().flat_map(|walk| along(walk, *way, *next, meeting)).collect()
            })
        }
    }
}

/// The arcs that a rule forbids after a walk.
fn forbidden_after(walk: &[u32], rule: &TurnRule, meeting: &Meeting<'_>) -> Vec<u32> {
    let last = walk[walk.len() - 1];
    let at = meeting.base[last as usize].head;
    let to: Vec<u32> = meeting.of_way_leaving(rule.to, at).collect();
    if to.is_empty() {
        return Vec::new();
    }
    if rule.is_only {
        return meeting.leaving(at).filter(|out| !to.contains(out)).collect();
    }
    let is_u_turn = rule.from == rule.to && matches!(rule.via, Via::Place(_));
    to.into_iter().filter(|out| (*out == last ^ 1) == is_u_turn).collect()
}

/// Turning about on a walk, so that one comes by the forbidden way after all: nobody does that at a junction with
/// another way out.
fn turns_about(walk: &[u32], forbidden: &[u32], profiles: Profiles, meeting: &Meeting<'_>) -> Vec<Vec<u32>> {
    let mut found = Vec::new();
    for length in 1..=walk.len() {
        let (here, back) = (&walk[..length], walk[length - 1] ^ 1);
        let forbidden = if length == walk.len() { forbidden } else { &[] };
        let is_exit = |out: u32| out != back && !forbidden.contains(&out) && meeting.is_open(out, profiles);
        let has_exit = meeting.leaving(meeting.base[here[length - 1] as usize].head).any(is_exit);
        if has_exit && !forbidden.contains(&back) {
            found.push([here, &[back]].concat());
        }
    }
    found
}

/// Goes on along `way` until `next` can be entered, either way round, without turning back.
fn along(walk: &[u32], way: u32, next: u32, meeting: &Meeting<'_>) -> Vec<Vec<u32>> {
    let start = meeting.base[walk[walk.len() - 1] as usize].head;
    let mut found = Vec::new();
    for first in meeting.of_way_leaving(way, start) {
        let mut longer = walk.to_vec();
        longer.push(first);
        while longer.len() <= VIA_ARCS_MAX {
            let last = longer[longer.len() - 1];
            let at = meeting.base[last as usize].head;
            if meeting.of_way_leaving(next, at).any(|arc| arc != last ^ 1) {
                found.push(longer);
                break;
            }
            let Some(onward) = meeting.of_way_leaving(way, at).find(|arc| *arc != last ^ 1) else { break };
            longer.push(onward);
        }
    }
    found
}
