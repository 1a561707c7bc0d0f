//! A briefing (giao ban) that was held, and the decisions that were taken in it, each with who answers for it and until when.
//! Its record is what the forces agreed on; what was said stays in the room.

use super::access::FORCES;
use super::ground::{ACCURACY, ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE, TEXT_CHARS};
use super::schema::FieldKind::{Choice, Choices, Reference, Text, Time};
use super::schema::{Field, client, required, server, verb};
use super::{Code, Problem, Timestamp};

/// Of whom a briefing is.
pub const LEVELS: &[&str] = &["province", "commune", "sector"];

/// Where a decision stands.
pub const DECISION_STATES: &[&str] = &["open", "done", "dropped"];

/// Longest result, characters.
pub const RESULT_CHARS_MAX: usize = 1_000;

pub(super) const FIELDS: &[Field] = &[
    required("held_at", Time, "When it was held; it counts in the quarter that holds this moment."),
    required("level", Choice(LEVELS), "Of whom it is: the province, a commune, a border sector."),
    required("forces", Choices(FORCES), "The forces that were there."),
    client("lead_force", Choice(FORCES), "The force that presided, for which it counts."),
    client("chaired_by", Text(NAME_CHARS), "Who presided, by their office."),
    client("place_text", Text(NAME_CHARS), "Where, in words."),
    client("summary", Text(TEXT_CHARS), "What was gone over, in words; no citizen is named."),
    client("commune_code", Text(20), "The commune, where it is one's own."),
    client("sector_id", Reference, "The border sector, where it is one's own."),
    server("entered_by", Text(NAME_CHARS), "Who wrote it down."),
    IN_ADMIN_UNIT,
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];

pub(super) const DECISION: &[Field] = &[
    required("briefing_id", Reference, "The briefing in which it was taken."),
    required("text", Text(RESULT_CHARS_MAX), "What was decided."),
    required("force", Choice(FORCES), "The force that answers for it."),
    client("owner", Text(NAME_CHARS), "Who answers for it within that force, by their office."),
    required("due_at", Time, "Until when it is to be done; whether it is overdue follows from this."),
    verb("state", Choice(DECISION_STATES), "Where it stands."),
    verb("decided_at", Time, "When the briefing was held."),
    verb("result", Text(RESULT_CHARS_MAX), "What came of it, or why it was dropped."),
    server("closed_by", Text(NAME_CHARS), "Who said that it is done, or dropped."),
    verb("closed_at", Time, "When it was done or dropped."),
    server("entered_by", Text(NAME_CHARS), "Who wrote it down."),
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];

/// What is done with a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionVerb {
    Done,
    /// It is not to be done any more.
    Drop,
    /// It was not done after all.
    Reopen,
}

impl DecisionVerb {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Done, Self::Drop, Self::Reopen];

    /// Its name in addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Drop => "drop",
            Self::Reopen => "reopen",
        }
    }

    /// The verb with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }

    /// The state that follows from `state`.
    ///
    /// # Errors
    /// `forbidden_transition` with `state` and the verbs that are `allowed`.
    pub fn leads(self, state: &str) -> Result<&'static str, Problem> {
        match (self, state) {
            (Self::Done, "open") => Ok("done"),
            (Self::Drop, "open") => Ok("dropped"),
            (Self::Reopen, "done" | "dropped") => Ok("open"),
            _ => {
                let allowed: &[&str] = if state == "open" { &["done", "drop"] } else { &["reopen"] };
                Err(Problem::new(
                    Code::ForbiddenTransition,
                    "quyết định này không ở trạng thái cho phép việc đó",
                    format!("a decision that is {state} does not allow this"),
                )
                .with("state", state)
                .with("allowed", allowed))
            }
        }
    }
}

/// Whether a decision is, or was closed, later than it was due; computed.
#[must_use]
pub fn is_overdue(due_at: Timestamp, closed_at: Option<Timestamp>, now: Timestamp) -> bool {
    closed_at.unwrap_or(now) > due_at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_open_until_it_is_done_or_dropped_and_may_be_taken_up_again() {
        use DecisionVerb as V;
        assert_eq!(V::Done.leads("open"), Ok("done"));
        assert_eq!(V::Drop.leads("open"), Ok("dropped"));
        assert_eq!((V::Reopen.leads("done"), V::Reopen.leads("dropped")), (Ok("open"), Ok("open")));
        for (verb, state) in [(V::Done, "done"), (V::Done, "dropped"), (V::Drop, "done"), (V::Reopen, "open")] {
            assert_eq!(verb.leads(state).unwrap_err().code, Code::ForbiddenTransition, "{verb:?} {state}");
        }
    }

    #[test]
    fn a_decision_is_overdue_by_its_due_time_alone() {
        let at = |s: i64| Timestamp::from_ms(s * 1_000);
        assert!(!is_overdue(at(100), None, at(100)) && is_overdue(at(100), None, at(101)));
        assert!(!is_overdue(at(100), Some(at(100)), at(500)) && is_overdue(at(100), Some(at(101)), at(500)));
    }
}
