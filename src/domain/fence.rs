//! The rule of a fence: which of a unit's fixes is an entry, which a leaving, when it has stayed too long.
//!
//! Pure, and a function of the **set** of fixes by fix time: in whichever order they arrive, and however often, they
//! tell the same, as long as none comes later than [`HORIZON_S`] after a newer one. Memory is bounded: a track keeps
//! what is younger than the horizon, at most [`TRACK_FIXES_MAX`] of it, and where the unit stood before that. What
//! arrives later than that is not taken ([`Taken::Late`]).
//!
//! Only the force's own units are watched. Nobody else is followed.

use std::collections::VecDeque;

use super::Timestamp;

/// Leaving needs a fix so much farther outside than it may be off, metres: on a boundary nobody comes and goes.
pub const MARGIN_M: f64 = 30.0;
/// A fix that may be off by more than this decides nothing, metres: a hamlet that was told by radio is no entry.
pub const ACCURACY_M_MAX: f64 = 250.0;
/// What is off by how much, if a fix does not say: a telephone under trees, metres.
pub const ACCURACY_M_UNSAID: f64 = 20.0;
/// So long a fix is waited for by those that are newer than it, seconds of fix time.
pub const HORIZON_S: i64 = 300;
/// Most fixes that wait for older ones; with more the horizon is as long as these.
pub const TRACK_FIXES_MAX: usize = 64;
/// An alarm is raised only while the newest fix of the unit is so young, seconds: what a telephone sends hours later
/// tells what was.
pub const ALARM_FIX_AGE_S_MAX: i64 = 30 * 60;
/// Who comes back within this time after an alarm raises none, seconds; it is counted.
pub const REPEAT_S: i64 = 30 * 60;

/// On which side of a fence a fix lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Inside,
    /// Outside by less than the margin and its accuracy, or too inaccurate: it decides nothing.
    Near,
    Outside,
}

/// One fix, as a fence sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Fix time.
    pub at: Timestamp,
    pub side: Side,
}

/// When a fence stands, and how long one may stay inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Start included.
    pub begins: Timestamp,
    /// End excluded.
    pub ends: Option<Timestamp>,
    /// Seconds of a stay that are too many; `None` if nobody counts.
    pub dwell_s: Option<i64>,
}

/// Where a unit is as far as a fence knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing was heard of it yet.
    #[default]
    Unknown,
    Outside,
    Inside(Stay),
}

/// A unit inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Fix time of the entry; where it was inside already, since when that is known.
    pub since: Timestamp,
    /// It did not come in: it was inside when the fence began, or when it was first heard of.
    pub was_inside: bool,
    /// It has been told that it stays too long.
    pub dwelt: bool,
}

/// What happened at a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// It was inside when it was first looked at: listed apart, and nothing is raised.
    WasInside,
    Entered,
    Dwelt,
    Left,
}

/// Something that happened at a fence, at the time of the fix that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub at: Timestamp,
    pub kind: Kind,
}

/// What became of a fix that was put into a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    New,
    /// It was there already.
    Known,
    /// Older than what is settled: it changes nothing any more.
    Late,
}

/// The fixes of one unit, as one fence sees them.
#[derive(Clone, Debug)]
pub struct Track {
    /// Where it stood before all that is kept.
    before: State,
    /// Nothing at or before this time is taken any more.
    settled: Option<Timestamp>,
    /// In the order of fix time.
    seen: VecDeque<Seen>,
}

/// On which side of a fence a fix lies. `distance_m` is that from the place to what is fenced in, its buffer taken off
/// (0 inside); `accuracy_m` that of the fix.
#[must_use]
pub fn side(distance_m: f64, accuracy_m: Option<f64>) -> Side {
    let accuracy_m = accuracy_m.unwrap_or(ACCURACY_M_UNSAID);
    if accuracy_m > ACCURACY_M_MAX {
        Side::Near
    } else if distance_m <= 0.0 {
        Side::Inside
    } else if distance_m > MARGIN_M + accuracy_m {
        Side::Outside
    } else {
        Side::Near
    }
}

impl Standing {
    /// Whether it stands at this time.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.begins <= at && self.ends.is_none_or(|ends| at < ends)
    }
}

impl Track {
    /// A track of a unit that stood so before all that will be put into it; nothing at or before `settled` is taken.
    #[must_use]
    pub fn new(before: State, settled: Option<Timestamp>) -> Self {
        Self { before, settled, seen: VecDeque::new() }
    }

    /// Puts a fix where its time belongs. Nothing is in two places at once: of a time that is known already no second fix
    /// is taken, as the store takes none.
    pub fn take(&mut self, fix: Seen) -> Taken {
        if self.settled.is_some_and(|settled| fix.at <= settled) {
            return Taken::Late;
        }
        let place = self.seen.partition_point(|known| known.at < fix.at);
        if self.seen.get(place).is_some_and(|known| known.at == fix.at) {
            return Taken::Known;
        }
        self.seen.insert(place, fix);
        Taken::New
    }

    /// What happened, as far as it is not settled, and where the unit is now.
    #[must_use]
    pub fn story(&self, fence: &Standing) -> (Vec<Event>, State) {
        let mut events = Vec::new();
        let state = self.seen.iter().fold(self.before, |state, fix| step(state, *fix, fence, &mut events));
        (events, state)
    }

    /// Forgets what nothing can come before any more. The story is to be heard first.
    pub fn settle(&mut self, fence: &Standing) {
        let Some(newest) = self.seen.back().map(|fix| fix.at) else { return };
        let horizon = newest.plus_s(-HORIZON_S);
        while self.seen.front().is_some_and(|fix| fix.at < horizon) || self.seen.len() > TRACK_FIXES_MAX {
            let Some(fix) = self.seen.pop_front() else { return };
            self.before = step(self.before, fix, fence, &mut Vec::new());
            self.settled = Some(fix.at);
        }
    }

    /// Whether all that is known of it lies outside: it need not be kept.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.before == State::Outside && self.seen.iter().all(|fix| fix.side == Side::Outside)
    }
}

fn step(state: State, fix: Seen, fence: &Standing, events: &mut Vec<Event>) -> State {
    let inside = |since, was_inside| State::Inside(Stay { since, was_inside, dwelt: false });
    if fix.at < fence.begins {
        return match (state, fix.side) {
            (State::Inside(_), Side::Inside) | (_, Side::Near) => state,
            (_, Side::Inside) => inside(fix.at, true),
            (_, Side::Outside) => State::Outside,
        };
    }
    if !fence.holds(fix.at) {
        return state;
    }
    let mut tell = |kind, at| events.push(Event { at, kind });
    match (state, fix.side) {
        (_, Side::Near) => state,
        // Inside before it began: told at the first fix that shows that it still is, and never if it had gone. So every
        // event is shown by its own fix, and what comes late before it does not undo it.
        (State::Inside(stay), Side::Inside) if stay.since < fence.begins => {
            tell(Kind::WasInside, fix.at);
            inside(fence.begins, true)
        }
        (State::Inside(stay), Side::Outside) if stay.since < fence.begins => State::Outside,
        (State::Unknown | State::Outside, Side::Outside) => State::Outside,
        (State::Unknown, Side::Inside) => {
            tell(Kind::WasInside, fix.at);
            inside(fix.at, true)
        }
        (State::Outside, Side::Inside) => {
            tell(Kind::Entered, fix.at);
            inside(fix.at, false)
        }
        (State::Inside(_), Side::Outside) => {
            tell(Kind::Left, fix.at);
            State::Outside
        }
        (State::Inside(stay), Side::Inside) => {
            let too_long = fence.dwell_s.is_some_and(|dwell_s| fix.at.seconds_since(stay.since) >= dwell_s);
            if stay.was_inside || stay.dwelt || !too_long {
                return state;
            }
            tell(Kind::Dwelt, fix.at);
            State::Inside(Stay { dwelt: true, ..stay })
        }
    }
}
