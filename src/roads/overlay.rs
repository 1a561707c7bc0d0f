//! What is closed or slow at the moment, laid over a graph that never changes.
//!
//! An effect holds on a stretch of a segment, since a slide cuts a road of twenty kilometres at one place and both of
//! its ends stay reachable. Making an overlay costs four bytes a segment and a sort of the effects: a closure is in
//! force as soon as that is done.

use super::graph::{ARC_MS_MAX, Arc, CLOSED, Graph};
use super::profile::{Profile, Profiles};

/// A closure at one point is this wide, metres: something has to lie between both of its sides.
pub const CLOSURE_WIDTH_MIN_M: f64 = 1.0;

/// The slowest that a speed factor makes anybody; what is slower is closed.
pub const FACTOR_MIN: f64 = 0.01;

/// What holds on a stretch of road.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    pub segment: u32,
    /// The stretch in metres along the direction of drawing, `from_m ≤ to_m`; it is cut to the segment.
    pub from_m: f64,
    pub to_m: f64,
    /// Whom it concerns.
    pub profiles: Profiles,
    /// Share of the speed that is left, 0 for a closure, less than 1.
    pub factor: f64,
}

/// The effects of a moment on one graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    /// Sorted by segment.
    effects: Vec<Effect>,
    /// For each segment one more than the index of its first effect, 0 where nothing holds; empty without effects.
    first: Vec<u32>,
}

impl Overlay {
    /// Lays effects over a graph. An effect on a segment that is not there, one that slows nobody and one whose
    /// numbers are none is left out.
    #[must_use]
    pub fn new(graph: &Graph, effects: &[Effect]) -> Self {
        let count = graph.segments().len();
        let mut kept: Vec<Effect> = effects
            .iter()
            .filter(|effect| (effect.segment as usize) < count && effect.factor < 1.0)
            .filter_map(|effect| stretch_within(*effect, f64::from(graph.segments()[effect.segment as usize].length_m)))
            .collect();
        kept.sort_by(|a, b| a.segment.cmp(&b.segment).then(a.from_m.total_cmp(&b.from_m)));
        let mut first = vec![0; if kept.is_empty() { 0 } else { count }];
        for (n, effect) in kept.iter().enumerate().rev() {
            first[effect.segment as usize] = n as u32 + 1;
        }
        Self { effects: kept, first }
    }

    /// Whether nothing holds anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    /// The effects on a segment.
    #[must_use]
    pub fn on(&self, segment: usize) -> &[Effect] {
        let Some(start) = self.first.get(segment).and_then(|first| first.checked_sub(1)) else { return &[] };
        let rest = &self.effects[start as usize..];
        let count = rest.iter().take_while(|effect| effect.segment as usize == segment).count();
        &rest[..count]
    }

    /// Milliseconds of a whole arc; [`CLOSED`] where the profile does not get through.
    #[inline]
    #[must_use]
    pub fn time_ms(&self, graph: &Graph, arc: &Arc, profile: Profile) -> u32 {
        let plain = arc.time_ms[profile.index()];
        match self.first.get(arc.segment()) {
            None | Some(0) => plain,
            Some(_) => self.stretch_ms(graph, arc, profile, 0.0, f64::from(graph.segments()[arc.segment()].length_m)),
        }
    }

    /// Milliseconds from one place of an arc's segment to another, both in metres along the direction of drawing and
    /// `from_m ≤ to_m`, whichever way the arc runs. Who stays in a place needs no time, even inside a closure.
    #[must_use]
    pub fn stretch_ms(&self, graph: &Graph, arc: &Arc, profile: Profile, from_m: f64, to_m: f64) -> u32 {
        let plain = arc.time_ms[profile.index()];
        if plain == CLOSED {
            return CLOSED;
        }
        let length_m = f64::from(graph.segments()[arc.segment()].length_m);
        let is_touching = |effect: &&Effect| {
            effect.profiles.has(profile) && effect.from_m < to_m && effect.to_m > from_m && from_m < to_m
        };
        let effects: Vec<Effect> = self.on(arc.segment()).iter().filter(is_touching).copied().collect();
        if effects.iter().any(|effect| effect.factor < FACTOR_MIN) {
            return CLOSED;
        }
        let metres = if effects.is_empty() { to_m - from_m } else { slowed_m(&effects, from_m, to_m) };
        let share = if length_m > 0.0 { metres / length_m } else { 1.0 };
        ((f64::from(plain) * share).round() as u32).min(ARC_MS_MAX)
    }
}

/// The effect cut to its segment, and wide enough.
fn stretch_within(effect: Effect, length_m: f64) -> Option<Effect> {
    if !(effect.from_m <= effect.to_m && effect.factor >= 0.0) {
        return None;
    }
    let middle = (effect.from_m + effect.to_m) / 2.0;
    let half = ((effect.to_m - effect.from_m) / 2.0).max(CLOSURE_WIDTH_MIN_M / 2.0);
    let cut = |at: f64| at.clamp(0.0, length_m);
    let (from_m, to_m) = match (cut(middle - half), cut(middle + half)) {
        // At an end of the segment the width lies all on this side of it.
        (from_m, to_m) if to_m - from_m >= CLOSURE_WIDTH_MIN_M => (from_m, to_m),
        (0.0, _) => (0.0, cut(CLOSURE_WIDTH_MIN_M)),
        _ => (cut(length_m - CLOSURE_WIDTH_MIN_M), length_m),
    };
    Some(Effect { from_m, to_m, ..effect })
}

/// Metres of a stretch, each counted as often as it is slower; where effects lie over each other the slowest holds.
fn slowed_m(effects: &[Effect], from_m: f64, to_m: f64) -> f64 {
    let mut corners: Vec<f64> = effects.iter().flat_map(|effect| [effect.from_m, effect.to_m]).collect();
    corners.retain(|at| (from_m..=to_m).contains(at));
    corners.extend([from_m, to_m]);
    corners.sort_by(f64::total_cmp);
    let piece = |pair: &[f64]| {
        let middle = (pair[0] + pair[1]) / 2.0;
        let here = effects.iter().filter(|effect| (effect.from_m..=effect.to_m).contains(&middle));
        (pair[1] - pair[0]) / here.map(|effect| effect.factor).fold(1.0, f64::min)
    };
    corners.windows(2).map(piece).sum()
}
