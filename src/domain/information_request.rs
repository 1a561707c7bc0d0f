//! An information request (yêu cầu trao đổi thông tin): one force asks another something, says what for, and until when the
//! answer is needed. It is between the two of them: what one force asks another is no matter of a third.
//!
//! Who a citizen is has no place in it: the question and the reply say what is the case, and files of persons go the way
//! that the law lays down for them.

use serde_json::json;

use super::access::FORCES;
use super::ground::{EXTRA, NAME_CHARS, TEXT_CHARS};
use super::schema::FieldKind::{Choice, Text, Time};
use super::schema::{Field, server, verb};
use super::{Code, Problem, Timestamp};

/// Where a request stands; all but the first are the end of it.
pub const STATES: &[&str] = &["asked", "answered", "declined", "withdrawn"];

/// Longest purpose and longest reason, characters.
pub const SHORT_CHARS_MAX: usize = 1_000;
/// Longest time for an answer: what is asked for later than in a year is asked for then.
pub const DUE_S_MAX: i64 = 366 * 24 * 3_600;

pub(super) const FIELDS: &[Field] = &[
    server("from_force", Choice(FORCES), "The force that asks."),
    verb("to_force", Choice(FORCES), "The force that is asked."),
    verb("question", Text(TEXT_CHARS), "What is asked; never who a citizen is."),
    verb("purpose", Text(SHORT_CHARS_MAX), "On which legal basis, and what for, in words."),
    server("asked_by", Text(NAME_CHARS), "Who asked."),
    server("asked_at", Time, "When it was asked; it counts in the quarter that holds this moment."),
    verb("due_at", Time, "Until when the answer is needed; whether it is late follows from this."),
    verb("state", Choice(STATES), "Where it stands."),
    verb("reply", Text(TEXT_CHARS), "The answer, or why there is none."),
    server("replied_by", Text(NAME_CHARS), "Who answered or declined, of the force that was asked."),
    server("replied_at", Time, "When it was answered or declined."),
    verb("withdraw_reason", Text(SHORT_CHARS_MAX), "Why the answer is no longer needed."),
    server("withdrawn_by", Text(NAME_CHARS), "Who withdrew it, of the force that asked."),
    server("withdrawn_at", Time, "When it was withdrawn."),
    EXTRA,
];

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The asked force replies.
    Answer,
    /// The asked force says why it does not.
    Decline,
    /// The asking force needs it no longer.
    Withdraw,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Answer, Self::Decline, Self::Withdraw];

    /// Its name in addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Decline => "decline",
            Self::Withdraw => "withdraw",
        }
    }

    /// The verb with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }

    /// The state that follows.
    #[must_use]
    pub const fn leads_to(self) -> &'static str {
        match self {
            Self::Answer => "answered",
            Self::Decline => "declined",
            Self::Withdraw => "withdrawn",
        }
    }

    /// The field that names the force whose verb it is.
    #[must_use]
    pub const fn whose(self) -> &'static str {
        match self {
            Self::Answer | Self::Decline => "to_force",
            Self::Withdraw => "from_force",
        }
    }
}

/// Refuses a verb on a request that is over.
///
/// # Errors
/// `forbidden_transition` with `state`.
pub fn check_open(state: &str) -> Result<(), Problem> {
    if state == "asked" {
        return Ok(());
    }
    Err(Problem::new(
        Code::ForbiddenTransition,
        "yêu cầu này đã kết thúc (đã trả lời, từ chối hoặc rút)",
        "this request is over: answered, declined or withdrawn",
    )
    .with("state", state)
    .with("allowed", json!([])))
}

/// Refuses a time for an answer that is past, or too far away.
///
/// # Errors
/// `invalid_value` at `/due_at`.
pub fn check_due(due_at: Timestamp, now: Timestamp) -> Result<(), Problem> {
    if (1..=DUE_S_MAX).contains(&due_at.seconds_since(now)) {
        return Ok(());
    }
    Err(Problem::new(
        Code::InvalidValue,
        "due_at: hạn trả lời phải sau lúc này và trong vòng một năm",
        "due_at: the answer must be due after now and within a year",
    )
    .at("/due_at"))
}

/// Whether it is, or was answered, later than it was due; computed, so that no clock has to write it.
#[must_use]
pub fn is_late(due_at: Timestamp, replied_at: Option<Timestamp>, now: Timestamp) -> bool {
    replied_at.unwrap_or(now) > due_at
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(s: i64) -> Timestamp {
        Timestamp::from_ms(s * 1_000)
    }

    #[test]
    fn a_request_is_late_by_its_due_time_alone() {
        assert!(!is_late(at(100), None, at(100)));
        assert!(is_late(at(100), None, at(101)));
        assert!(!is_late(at(100), Some(at(99)), at(5_000)), "answered in time it stays in time");
        assert!(is_late(at(100), Some(at(101)), at(5_000)));
    }

    #[test]
    fn what_is_over_takes_no_verb() {
        assert_eq!(check_open("asked"), Ok(()));
        for state in ["answered", "declined", "withdrawn", ""] {
            assert_eq!(check_open(state).unwrap_err().code, Code::ForbiddenTransition, "{state}");
        }
    }

    #[test]
    fn an_answer_is_due_after_now_and_within_a_year() {
        assert_eq!(check_due(at(11), at(10)), Ok(()));
        assert_eq!(check_due(at(10 + DUE_S_MAX), at(10)), Ok(()));
        for wrong in [9, 10, 11 + DUE_S_MAX] {
            assert_eq!(check_due(at(wrong), at(10)).unwrap_err().at.as_deref(), Some("/due_at"), "{wrong}");
        }
    }
}
