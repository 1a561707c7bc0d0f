//! A shift (ca trực): who is on duty at a post, since when, and to whom it was handed over with what.
//!
//! A post is a duty room: one force (or the joint room) and one area. One shift of a post stands at a time. Whoever comes
//! takes over by their own account what whoever goes has shown them: the list that both saw is kept in the record.

use uuid::Uuid;

use super::access::{Area, FORCES, Force};
use super::ground::{NAME_CHARS, TEXT_CHARS};
use super::schema::FieldKind::{Choice, Json, Reference, Text, Time};
use super::schema::{Field, verb};
use super::{Code, Problem, Timestamp};

/// Life of a shift.
pub const STATES: &[&str] = &["on_duty", "handing_over", "handed_over"];
/// How it passed to the next officer.
pub const WAYS: &[&str] = &["accepted", "taken_over"];
/// Longest list of what was open at a handover, characters.
pub const LIST_CHARS_MAX: usize = 200_000;
/// Posts of which a record says to whom it passed, at most; the oldest is left out.
pub const PASSED_POSTS_MAX: usize = 20;
/// Longest list of them, characters.
pub const PASSED_CHARS_MAX: usize = 12_000;
/// How long before its end a zone belongs to a handover, seconds.
pub const ZONE_ENDS_S: i64 = 12 * 3_600;
/// How long before its end a decision or a question between forces belongs to a handover, seconds: offices answer by day.
pub const DEADLINE_S: i64 = 24 * 3_600;
/// How far back "what changed" goes where nobody is on duty, seconds.
pub const UNKNOWN_SINCE_S: i64 = 12 * 3_600;

/// Handovers are due twice a day, at 07:00 and 19:00 by the province's clocks (UTC+7).
const PERIOD_S: i64 = 12 * 3_600;
/// They are announced at 06:45 and 18:45: seconds after midnight UTC.
const HINT_UTC_S: i64 = 11 * 3_600 + 45 * 60;
/// A shift younger than this when a handover is announced has just begun.
const YOUNG_S: i64 = 2 * 3_600;

/// What happens to a shift that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Whoever is on duty says what must be said, and offers the shift.
    Propose,
    /// They take the offer back.
    Withdraw,
    /// Another person takes it, and what is open with it.
    Accept,
    /// Another person does not, and says why.
    Decline,
    /// Another person takes it though whoever is on duty is not there, and says why.
    TakeOver,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Propose, Self::Withdraw, Self::Accept, Self::Decline, Self::TakeOver];

    /// Its name in calls.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Withdraw => "withdraw",
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::TakeOver => "take_over",
        }
    }

    /// The verb with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == name)
    }

    /// Kind of its entry in the duty log.
    #[must_use]
    pub const fn log_kind(self) -> &'static str {
        match self {
            Self::Propose => "shift_offered",
            Self::Withdraw => "shift_withdrawn",
            Self::Accept => "shift_accepted",
            Self::Decline => "shift_declined",
            Self::TakeOver => "shift_taken_over",
        }
    }

    /// The state that follows.
    #[must_use]
    pub const fn leads_to(self) -> &'static str {
        match self {
            Self::Propose => "handing_over",
            Self::Withdraw | Self::Decline => "on_duty",
            Self::Accept | Self::TakeOver => "handed_over",
        }
    }

    /// Whether it belongs to whoever is on duty; the others belong to anybody else of the post.
    const fn is_of_officer(self) -> bool {
        matches!(self, Self::Propose | Self::Withdraw)
    }

    const fn starts_in(self, state: &str) -> bool {
        // What was offered may be offered again with other words.
        let is_offered = matches!(state.as_bytes(), b"handing_over");
        is_offered || matches!(self, Self::Propose | Self::TakeOver)
    }
}

/// Refuses a verb that `actor` cannot do to the shift of `officer` that is in `state`.
///
/// # Errors
/// `already_handed_over`, `not_on_duty` for what only whoever is on duty does, `same_person` for what they cannot do,
/// `forbidden_transition` with what is `allowed`.
pub fn check(verb: Verb, state: &str, officer: &str, actor: &str) -> Result<(), Problem> {
    if state == "handed_over" {
        return Err(Problem::new(
            Code::AlreadyHandedOver,
            "ca trực này đã bàn giao xong",
            "this shift has been handed over already",
        )
        .with("state", state));
    }
    let is_officer = officer == actor;
    if verb.is_of_officer() && !is_officer {
        return Err(Problem::new(
            Code::NotOnDuty,
            format!("bạn không giữ ca trực này: đang trực là {officer}"),
            format!("you do not hold this shift: {officer} is on duty"),
        )
        .with("officer", officer));
    }
    if !verb.is_of_officer() && is_officer {
        return Err(Problem::new(
            Code::SamePerson,
            "người nhận ca phải là người khác: bạn đang giữ ca này",
            "another person must take the shift: you hold it",
        ));
    }
    if !verb.starts_in(state) {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            "ca trực chưa được đề nghị bàn giao",
            "the shift has not been offered",
        )
        .with("state", state)
        .with("allowed", allowed(state, is_officer)));
    }
    Ok(())
}

/// What somebody may do to a shift in `state`.
#[must_use]
pub fn allowed(state: &str, is_officer: bool) -> Vec<&'static str> {
    let may = |verb: &Verb| state != "handed_over" && verb.is_of_officer() == is_officer && verb.starts_in(state);
    Verb::ALL.into_iter().filter(may).map(Verb::as_str).collect()
}

/// The duty room of this force (the joint one if none) and area: the same on every node.
#[must_use]
pub fn post_of(force: Option<Force>, area: &Area) -> Uuid {
    let area = serde_json::to_string(area).unwrap_or_default();
    let post = format!("post/{}/{area}", force.map_or("joint", Force::as_str));
    Uuid::new_v5(&Uuid::NAMESPACE_OID, post.as_bytes())
}

/// The id of the shift of a post that has had so many before it: of two officers who begin one at the same time, the
/// store lets one through.
#[must_use]
pub fn id_of(post: Uuid, before: usize) -> Uuid {
    Uuid::new_v5(&post, format!("shift/{before}").as_bytes())
}

/// When the handover of a shift is announced: at 06:45 or 18:45 by the province's clocks, whichever comes first once the
/// shift is older than a beginning.
#[must_use]
pub fn hint_at(started_at: Timestamp) -> Timestamp {
    let earliest_s = started_at.plus_s(YOUNG_S).as_ms().div_euclid(1_000);
    let late_s = (earliest_s - HINT_UTC_S).rem_euclid(PERIOD_S);
    Timestamp::from_ms((earliest_s + (PERIOD_S - late_s) % PERIOD_S) * 1_000)
}

pub(super) const FIELDS: &[Field] = &[
    verb("post", Reference, "The duty room that it is of: made of force and area."),
    verb("force", Choice(FORCES), "The force of that room; absent for the joint one."),
    verb("area", Json(8_000), "What that room answers for, as [`province`] or [{parts: {communes, sectors}}]."),
    verb("officer", Text(NAME_CHARS), "Account of whoever is on duty."),
    verb("officer_label", Text(NAME_CHARS), "What they are called."),
    verb("state", Choice(STATES), "Where it is in its life."),
    verb("started_at", Time, "When it began."),
    verb("hint_at", Time, "From when on its handover is due: 06:45 or 18:45."),
    verb("note", Text(TEXT_CHARS), "What must be said to whoever comes."),
    verb("offered_at", Time, "When it was offered; absent while nobody offers it."),
    verb("declined_at", Time, "When somebody last did not take it."),
    verb("declined_by", Text(NAME_CHARS), "Account of who did not."),
    verb("declined_label", Text(NAME_CHARS), "What they are called."),
    verb("decline_reason", Text(1_000), "Why they did not."),
    verb("handed_to", Text(NAME_CHARS), "Account of whoever took it."),
    verb("handed_label", Text(NAME_CHARS), "What they are called."),
    verb("way", Choice(WAYS), "Whether they accepted what was offered, or took over alone."),
    verb("take_over_reason", Text(1_000), "Why they took over alone."),
    verb(
        "list",
        Json(LIST_CHARS_MAX),
        "What was open at the handover, as [{what, total, items: [{id, version, text}]}].",
    ),
    verb("list_hash", Text(64), "The hash of that list, as whoever accepted it had seen it."),
    verb("passed", Json(2_000), "What passed to the next officer: {alarms, incidents, instructions} as counts."),
    verb("earlier_id", Reference, "The shift before it."),
    verb("next_id", Reference, "The shift after it."),
    verb("ended_at", Time, "When it was handed over."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn code(verb: Verb, state: &str, actor: &str) -> Option<Code> {
        check(verb, state, "lan", actor).err().map(|problem| problem.code)
    }

    #[test]
    fn whoever_is_on_duty_offers_and_another_person_takes() {
        assert_eq!(code(Verb::Propose, "on_duty", "lan"), None);
        assert_eq!(code(Verb::Propose, "handing_over", "lan"), None, "other words for the same offer");
        assert_eq!(code(Verb::Propose, "on_duty", "minh"), Some(Code::NotOnDuty));
        assert_eq!(code(Verb::Withdraw, "on_duty", "lan"), Some(Code::ForbiddenTransition));
        assert_eq!(code(Verb::Accept, "handing_over", "minh"), None);
        assert_eq!(code(Verb::Accept, "handing_over", "lan"), Some(Code::SamePerson));
        assert_eq!(code(Verb::Accept, "on_duty", "minh"), Some(Code::ForbiddenTransition), "nothing was offered");
        assert_eq!(code(Verb::Decline, "handing_over", "lan"), Some(Code::SamePerson));
        assert_eq!(code(Verb::TakeOver, "on_duty", "minh"), None);
        assert_eq!(code(Verb::TakeOver, "on_duty", "lan"), Some(Code::SamePerson));
        for verb in Verb::ALL {
            assert_eq!(code(verb, "handed_over", "minh"), Some(Code::AlreadyHandedOver));
        }
    }

    #[test]
    fn what_is_allowed_is_what_is_not_refused() {
        for state in STATES {
            for (is_officer, actor) in [(true, "lan"), (false, "minh")] {
                let done: Vec<&str> =
                    Verb::ALL.into_iter().filter(|v| code(*v, state, actor).is_none()).map(Verb::as_str).collect();
                assert_eq!(allowed(state, is_officer), done, "{state} {actor}");
            }
        }
        assert!(Verb::ALL.iter().all(|verb| STATES.contains(&verb.leads_to())));
        assert!(Verb::ALL.iter().all(|verb| super::super::duty_log::KINDS.contains(&verb.log_kind())));
    }

    #[test]
    fn a_handover_is_announced_a_quarter_before_seven_but_not_to_whoever_has_just_come() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let hint = |text: &str| hint_at(at(text)).cap_text();
        assert_eq!(hint("2026-11-26T19:02:00+07:00"), "2026-11-27T06:45:00+07:00");
        assert_eq!(hint("2026-11-27T04:45:00+07:00"), "2026-11-27T06:45:00+07:00", "two hours are enough");
        assert_eq!(hint("2026-11-27T06:30:00+07:00"), "2026-11-27T18:45:00+07:00");
        assert_eq!(hint("1969-12-31T20:00:00+07:00"), "1970-01-01T06:45:00+07:00");
    }

    #[test]
    fn rooms_of_two_forces_or_areas_are_two_posts() {
        let posts = [
            post_of(None, &Area::Province),
            post_of(Some(Force::Police), &Area::Province),
            post_of(Some(Force::Police), &Area::communes(["03388"])),
        ];
        assert!(posts[0] != posts[1] && posts[1] != posts[2]);
        assert_eq!(posts[2], post_of(Some(Force::Police), &Area::communes(["03388"])));
        assert_ne!(id_of(posts[0], 0), id_of(posts[0], 1));
    }
}
