//! Timers of assignments: an order must be acknowledged, a request answered, and a unit that is out heard of from time
//! to time ("báo an toàn", DOMAIN.md 2.2). Pure: what is due follows from times that stand in the record, so that
//! timers survive a restart and end with the assignment.

use serde::Deserialize;

use super::Timestamp;
use super::assignment::is_out;

/// Misses in a row after which contact counts as lost; what follows, a person decides.
pub const MISSES_MAX: i64 = 2;
/// Longest announced absence of coverage, seconds.
pub const NO_COVERAGE_S_MAX: i64 = 24 * 3_600;
/// Longest limit that a configuration may set, seconds.
const LIMIT_S_MAX: i64 = 24 * 3_600;

/// How often a unit must be heard of, minutes, by kind of incident: water, moving ground, a border at night.
const EVERY_MIN: &[(&str, i64)] = &[
    ("flash_flood", 20),
    ("flood", 30),
    ("landslide", 30),
    ("rockfall", 30),
    ("subsidence", 60),
    ("fire", 20),
    ("missing_person", 60),
    ("contact_lost", 60),
    ("illegal_crossing", 60),
    ("smuggling", 60),
    ("drug_crime", 30),
];

/// How long is waited for an answer, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timers {
    /// For the unit to acknowledge an order.
    pub ack_s: i64,
    /// For another force to answer a request, before somebody is reminded.
    pub request_s: i64,
    /// To reach a unit that did not report, before it counts as missed.
    pub accountability_retry_s: i64,
}

impl Default for Timers {
    fn default() -> Self {
        Self { ack_s: 4 * 60, request_s: 5 * 60, accountability_retry_s: 120 }
    }
}

impl Timers {
    /// Whether each is a limit at all: from a second to a day.
    #[must_use]
    pub fn are_limits(&self) -> bool {
        [self.ack_s, self.request_s, self.accountability_retry_s].iter().all(|limit| (1..=LIMIT_S_MAX).contains(limit))
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nobody acknowledged the order.
    Acknowledge,
    /// The other force did not answer.
    Request,
    /// The unit was not heard of.
    Accountability,
}

/// Seconds between two reports of a unit on an incident of this kind; `every_min` is what the incident itself says, 0
/// for "not at all". `None` if nobody asks.
#[must_use]
pub fn cadence_s(kind: &str, every_min: Option<i64>) -> Option<i64> {
    let by_kind = || EVERY_MIN.iter().find(|(known, _)| *known == kind).map(|(_, minutes)| *minutes);
    every_min.or_else(by_kind).filter(|minutes| *minutes > 0).map(|minutes| minutes * 60)
}

/// What time alone will do to an assignment in `state`, and when. `time` reads a field of the record.
#[must_use]
pub fn due(state: &str, time: impl Fn(&str) -> Option<Timestamp>, timers: &Timers) -> Option<(Due, Timestamp)> {
    match state {
        "dispatched" => time("ack_due_at").map(|at| (Due::Acknowledge, at)),
        "requested" if time("request_overdue_at").is_none() => time("request_due_at").map(|at| (Due::Request, at)),
        state if is_out(state) => {
            let at = time("accountability_due_at")?;
            // Whoever said that they cannot be heard is not missed before they said they could.
            let at = time("no_coverage_until").map_or(at, |until| at.max(until));
            Some((Due::Accountability, at.plus_s(timers.accountability_retry_s)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::incident::KINDS;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_ms(seconds * 1_000)
    }

    #[test]
    fn the_incident_overrides_its_kind() {
        assert!(EVERY_MIN.iter().all(|(kind, minutes)| KINDS.contains(kind) && *minutes > 0));
        assert_eq!(cadence_s("landslide", None), Some(1_800));
        assert_eq!(cadence_s("landslide", Some(10)), Some(600));
        assert_eq!(cadence_s("landslide", Some(0)), None, "0 turns it off");
        assert_eq!(cadence_s("other", None), None);
        assert_eq!(cadence_s("other", Some(5)), Some(300));
    }

    #[test]
    fn announced_absence_puts_off_a_miss_and_never_brings_it_nearer() {
        let timers = Timers::default();
        let with = |until: Option<i64>| {
            let time = |name: &str| match name {
                "accountability_due_at" => Some(at(1_000)),
                "no_coverage_until" => until.map(at),
                _ => None,
            };
            due("en_route", time, &timers)
        };
        assert_eq!(with(None), Some((Due::Accountability, at(1_120))));
        assert_eq!(with(Some(500)), Some((Due::Accountability, at(1_120))));
        assert_eq!(with(Some(5_000)), Some((Due::Accountability, at(5_120))));
    }

    #[test]
    fn a_timer_runs_in_its_own_state_alone() {
        let timers = Timers::default();
        let always = |_: &str| Some(at(1));
        assert_eq!(due("dispatched", always, &timers), Some((Due::Acknowledge, at(1))));
        assert_eq!(due("requested", always, &timers), None, "somebody was told already");
        let unanswered = |name: &str| (name == "request_due_at").then(|| at(1));
        assert_eq!(due("requested", unanswered, &timers), Some((Due::Request, at(1))));
        for state in ["proposed", "queued", "cleared", "declined", "timed_out", "cancelled"] {
            assert_eq!(due(state, always, &timers), None, "{state}");
        }
    }
}
