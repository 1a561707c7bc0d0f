//! Which verb may be used on an incident in which state, and where it leads (DOMAIN.md 2.1): one table for the desk,
//! for refusals that name what is allowed, and for the pages.

use serde_json::json;

use super::incident::next_states;
use super::{Code, Problem};

/// What can be done with an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    Verify,
    Reject,
    Merge,
    Unmerge,
    Monitor,
    Start,
    Contain,
    Update,
    HandOver,
    Close,
    Reopen,
    Acknowledge,
    Assign,
    Release,
    AddCaller,
}

/// What a verb does to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    To(&'static str),
    /// The state stays.
    Stays,
    /// Back to the state before the merge.
    Back,
}

impl Verb {
    /// All verbs, in the order in which they are named to people.
    pub const ALL: [Self; 15] = [
        Self::Verify,
        Self::Reject,
        Self::Merge,
        Self::Unmerge,
        Self::Monitor,
        Self::Start,
        Self::Contain,
        Self::Update,
        Self::HandOver,
        Self::Close,
        Self::Reopen,
        Self::Acknowledge,
        Self::Assign,
        Self::Release,
        Self::AddCaller,
    ];

    /// What it is called on screen.
    #[must_use]
    pub const fn title_vi(self) -> &'static str {
        match self {
            Self::Verify => "xác minh",
            Self::Reject => "không xác nhận",
            Self::Merge => "gộp",
            Self::Unmerge => "tách",
            Self::Monitor => "theo dõi",
            Self::Start => "bắt đầu xử lý",
            Self::Contain => "ghi đã kiểm soát",
            Self::Update => "cập nhật",
            Self::HandOver => "bàn giao",
            Self::Close => "kết thúc",
            Self::Reopen => "mở lại",
            Self::Acknowledge => "tiếp nhận",
            Self::Assign => "điều động",
            Self::Release => "rút đơn vị",
            Self::AddCaller => "thêm người báo",
        }
    }

    /// Its name in URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reject => "reject",
            Self::Merge => "merge",
            Self::Unmerge => "unmerge",
            Self::Monitor => "monitor",
            Self::Start => "start",
            Self::Contain => "contain",
            Self::Update => "update",
            Self::HandOver => "handover",
            Self::Close => "close",
            Self::Reopen => "reopen",
            Self::Acknowledge => "acknowledge",
            Self::Assign => "assignments",
            Self::Release => "release",
            Self::AddCaller => "callers",
        }
    }
}

/// Where `verb` leads an incident in `state`; `None` if it is forbidden there.
#[must_use]
pub fn leads(verb: Verb, state: &str) -> Option<Leads> {
    use Leads::{Back, Stays, To};
    match (verb, state) {
        (Verb::Verify, "reported") => Some(To("verified")),
        (Verb::Reject, "reported") => Some(To("rejected")),
        (Verb::Merge, "reported" | "verified" | "dispatched" | "in_progress" | "monitoring" | "contained") => {
            Some(To("merged"))
        }
        (Verb::Unmerge, "merged") => Some(Back),
        (Verb::Monitor, "reported" | "verified") => Some(To("monitoring")),
        (Verb::Start, "dispatched" | "contained") => Some(To("in_progress")),
        (Verb::Contain, "in_progress") => Some(To("contained")),
        (Verb::HandOver, "in_progress" | "contained") => Some(To("handed_over")),
        (Verb::Close, "verified" | "in_progress" | "monitoring" | "contained" | "handed_over") => Some(To("closed")),
        (Verb::Reopen, "closed" | "rejected") => Some(To("in_progress")),
        (Verb::Assign, "reported" | "verified" | "monitoring") => Some(To("dispatched")),
        (Verb::Assign, "dispatched" | "in_progress" | "contained") => Some(Stays),
        (Verb::Update | Verb::Acknowledge, "closed" | "rejected" | "merged") => None,
        (Verb::Update | Verb::Acknowledge | Verb::Release, _) => Some(Stays),
        // A late caller belongs to a closed incident too; to a merged one only by way of its target.
        (Verb::AddCaller, "merged") => None,
        (Verb::AddCaller, _) => Some(Stays),
        _ => None,
    }
}

/// Verbs that may be used in `state`.
#[must_use]
pub fn verbs_in(state: &str) -> Vec<Verb> {
    Verb::ALL.into_iter().filter(|verb| leads(*verb, state).is_some()).collect()
}

/// The refusal of a verb, with the states that may follow and the verbs that may be used.
#[must_use]
pub fn forbidden(verb: Verb, state: &str) -> Problem {
    refused(verb.title_vi(), verb.as_str(), state)
}

/// As [`forbidden`], for what is no verb of its own (editing, deleting, taking another incident in).
#[must_use]
pub fn refused(what_vi: &str, what_en: &str, state: &str) -> Problem {
    let verbs = verbs_in(state);
    let titles: Vec<&str> = verbs.iter().map(|verb| verb.title_vi()).collect();
    let names: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
    Problem::new(
        Code::ForbiddenTransition,
        format!("không thể {what_vi} khi vụ việc {}; có thể: {}", state_vi(state), titles.join(", ")),
        format!("{what_en} is not possible while the incident is {state}; possible: {}", names.join(", ")),
    )
    .with("state", state)
    .with("allowed", json!(next_states(state)))
    .with("verbs", json!(names))
}

/// What an incident's state is called.
#[must_use]
pub fn state_vi(state: &str) -> &'static str {
    match state {
        "reported" => "mới tiếp nhận",
        "verified" => "đã xác minh",
        "dispatched" => "đã giao nhiệm vụ",
        "in_progress" => "đang xử lý",
        "monitoring" => "đang theo dõi",
        "contained" => "đã kiểm soát",
        "handed_over" => "đã bàn giao",
        "closed" => "kết thúc",
        "rejected" => "không xác nhận",
        "merged" => "gộp vào vụ việc khác",
        _ => "không rõ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::incident::{STATES, may_follow};

    #[test]
    fn every_state_has_its_word() {
        assert!(STATES.iter().all(|state| state_vi(state) != "không rõ"));
    }

    #[test]
    fn every_verb_leads_where_the_states_allow() {
        for state in STATES {
            for verb in Verb::ALL {
                if let Some(Leads::To(next)) = leads(verb, state) {
                    assert!(may_follow(state, next), "{} leads from {state} to {next}", verb.as_str());
                }
            }
        }
    }

    #[test]
    fn every_way_from_a_state_has_its_verb() {
        // Two ways are consequences, not verbs: all units released, and a merge undone.
        for state in STATES.iter().filter(|state| **state != "merged") {
            for next in next_states(state) {
                let by_verb = Verb::ALL.iter().any(|verb| leads(*verb, state) == Some(Leads::To(next)));
                assert!(by_verb || (*state, *next) == ("dispatched", "verified"), "no verb leads {state} → {next}");
            }
        }
    }
}
