//! An assignment: one unit on one incident, from the order (or the request to another force) to "cleared".
//!
//! What a unit does and whom an incident has stand in their own records (`incident_id`, `unit_ids` …); the desk keeps
//! those in step in the same append. This record alone knows how the order fared: who said what, when, and by which way.

use super::access::FORCES;
use super::ground::{EXTRA, NAME_CHARS};
use super::schema::Field;
use super::schema::FieldKind::{Choice, Integer, Json, Reference, Text, Time};
use super::schema::{server, verb};

/// Places of an assignment in its life.
pub const STATES: &[&str] = &[
    "proposed",
    "requested",
    "queued",
    "dispatched",
    "acknowledged",
    "en_route",
    "on_scene",
    "cleared",
    "declined",
    "timed_out",
    "cancelled",
];

/// How a step became known.
pub const SOURCES: &[&str] = &["own", "radio", "phone", "desk"];

/// What can happen to an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A proposal is ordered.
    Dispatch,
    /// The other force agrees to the request.
    Agree,
    /// The other force refuses it.
    Refuse,
    Acknowledge,
    Decline,
    EnRoute,
    OnScene,
    Clear,
    /// Taken back by whoever ordered or asked.
    Cancel,
    /// Nobody acknowledged in time.
    TimeOut,
}

/// What a step does to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    To(&'static str),
    /// It was said before, or something later was: there is nothing to do.
    Already,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Dispatch,
        Self::Agree,
        Self::Refuse,
        Self::Acknowledge,
        Self::Decline,
        Self::EnRoute,
        Self::OnScene,
        Self::Clear,
        Self::Cancel,
        Self::TimeOut,
    ];
    /// What a unit says of itself, or has said for it.
    pub const BY_UNIT: [Self; 5] = [Self::Acknowledge, Self::Decline, Self::EnRoute, Self::OnScene, Self::Clear];
    /// What duty officers decide.
    pub const BY_OFFICER: [Self; 4] = [Self::Dispatch, Self::Agree, Self::Refuse, Self::Cancel];

    /// Its name in calls.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dispatch => "dispatch",
            Self::Agree => "agree",
            Self::Refuse => "refuse",
            Self::Acknowledge => "acknowledge",
            Self::Decline => "decline",
            Self::EnRoute => "en_route",
            Self::OnScene => "on_scene",
            Self::Clear => "clear",
            Self::Cancel => "cancel",
            Self::TimeOut => "time_out",
        }
    }

    /// What it is called on screen.
    #[must_use]
    pub const fn title_vi(self) -> &'static str {
        match self {
            Self::Dispatch => "điều động",
            Self::Agree => "đồng ý phối hợp",
            Self::Refuse => "từ chối phối hợp",
            Self::Acknowledge => "nhận lệnh",
            Self::Decline => "không nhận được",
            Self::EnRoute => "đang cơ động",
            Self::OnScene => "đã đến hiện trường",
            Self::Clear => "xong nhiệm vụ",
            Self::Cancel => "rút lệnh",
            Self::TimeOut => "quá hạn nhận lệnh",
        }
    }

    /// The step that a unit takes by telling this status.
    #[must_use]
    pub fn of_status(status: &str) -> Option<Self> {
        match status {
            "acknowledged" => Some(Self::Acknowledge),
            "en_route" => Some(Self::EnRoute),
            "on_scene" => Some(Self::OnScene),
            _ => None,
        }
    }

    /// The status in which this step puts the unit.
    #[must_use]
    pub const fn status(self) -> Option<&'static str> {
        match self {
            Self::Acknowledge => Some("acknowledged"),
            Self::EnRoute => Some("en_route"),
            Self::OnScene => Some("on_scene"),
            _ => None,
        }
    }
}

/// Where `step` leads an assignment in `state`; `None` if it is forbidden there.
#[must_use]
pub fn leads(step: Step, state: &str) -> Option<Leads> {
    use Leads::{Already, To};
    match (step, state) {
        (Step::Dispatch, "proposed") | (Step::Agree, "requested") => Some(To("dispatched")),
        (Step::Dispatch | Step::Agree, "queued" | "dispatched" | "acknowledged" | "en_route" | "on_scene") => {
            Some(Already)
        }
        (Step::Refuse, "requested") => Some(To("declined")),
        (Step::Acknowledge, "dispatched") => Some(To("acknowledged")),
        (Step::Acknowledge, "acknowledged" | "en_route" | "on_scene") => Some(Already),
        (Step::EnRoute, "dispatched" | "acknowledged") => Some(To("en_route")),
        (Step::EnRoute, "en_route" | "on_scene") => Some(Already),
        (Step::OnScene, "dispatched" | "acknowledged" | "en_route") => Some(To("on_scene")),
        (Step::OnScene, "on_scene") => Some(Already),
        // A road that is cut turns back whoever is on the way.
        (Step::Decline, "queued" | "dispatched" | "acknowledged" | "en_route") => Some(To("declined")),
        (Step::Clear, "acknowledged" | "en_route" | "on_scene") => Some(To("cleared")),
        (Step::Clear, "cleared") | (Step::Decline | Step::Refuse, "declined") | (Step::Cancel, "cancelled") => {
            Some(Already)
        }
        (Step::Cancel, "proposed" | "requested" | "queued" | "dispatched" | "acknowledged" | "en_route") => {
            Some(To("cancelled"))
        }
        (Step::TimeOut, "dispatched") => Some(To("timed_out")),
        (Step::TimeOut, "timed_out") => Some(Already),
        _ => None,
    }
}

/// Whether nobody works on it, waits for it or asks for it any more.
#[must_use]
pub fn is_ended(state: &str) -> bool {
    matches!(state, "cleared" | "declined" | "timed_out" | "cancelled")
}

/// Whether a unit that is in this state is out for the incident, and answers for itself from time to time.
#[must_use]
pub fn is_out(state: &str) -> bool {
    matches!(state, "acknowledged" | "en_route" | "on_scene")
}

/// The state that an assignment ends in when the unit is released: it was there, or it was called back.
#[must_use]
pub fn released_to(state: &str) -> &'static str {
    if state == "on_scene" { "cleared" } else { "cancelled" }
}

/// The field that holds when a state was reached; `None` for those of which only the end counts.
#[must_use]
pub fn milestone(state: &str) -> Option<&'static str> {
    Some(match state {
        "proposed" => "proposed_at",
        "requested" => "requested_at",
        "queued" => "queued_at",
        "dispatched" => "dispatched_at",
        "acknowledged" => "acknowledged_at",
        "en_route" => "en_route_at",
        "on_scene" => "on_scene_at",
        "cleared" => "cleared_at",
        _ => return None,
    })
}

/// Durations that follow from two milestones: name, from, to.
pub const DURATIONS: [(&str, &str, &str); 3] = [
    ("turnout_s", "dispatched_at", "en_route_at"),
    ("travel_s", "en_route_at", "on_scene_at"),
    ("on_scene_s", "on_scene_at", "cleared_at"),
];

/// What a state is called.
#[must_use]
pub fn state_vi(state: &str) -> &'static str {
    match state {
        "proposed" => "đề xuất",
        "requested" => "đã đề nghị phối hợp",
        "queued" => "chờ trong hàng đợi",
        "dispatched" => "đã giao nhiệm vụ",
        "acknowledged" => "đã nhận lệnh",
        "en_route" => "đang cơ động",
        "on_scene" => "tại hiện trường",
        "cleared" => "xong nhiệm vụ",
        "declined" => "không nhận",
        "timed_out" => "quá hạn nhận lệnh",
        "cancelled" => "đã rút lệnh",
        _ => "không rõ",
    }
}

/// Longest duration, seconds: a year.
const DURATION_S_MAX: i64 = 366 * 86_400;
/// Longest list of steps, characters: each stands in it once.
const STEPS_CHARS_MAX: usize = 8_000;

pub(super) const FIELDS: &[Field] = &[
    verb("incident_id", Reference, "The incident."),
    verb("unit_id", Reference, "The unit."),
    verb("unit_force", Choice(FORCES), "The unit's force."),
    verb("by_force", Choice(FORCES), "The force of whoever ordered or asked; absent for the joint duty room."),
    verb("advice_id", Reference, "The advice that was on the screen of whoever ordered."),
    verb("state", Choice(STATES), "Where it is in its life."),
    verb("state_at", Time, "When the state became true."),
    verb("proposed_at", Time, "When it was proposed."),
    verb("requested_at", Time, "When the other force was asked."),
    verb("request_due_at", Time, "When the other force should have answered."),
    verb("request_overdue_at", Time, "When it was told that it had not."),
    verb("agreed_at", Time, "When the other force agreed."),
    verb("agreed_by", Text(NAME_CHARS), "Who of it agreed."),
    verb("queued_at", Time, "When a busy unit got it into its queue."),
    verb("dispatched_at", Time, "When it was ordered."),
    verb("dispatched_by", Text(NAME_CHARS), "Who ordered it."),
    verb("ack_due_at", Time, "When it is taken back if nobody acknowledged it."),
    verb("acknowledged_at", Time, "When the unit took the order."),
    verb("en_route_at", Time, "When it set out."),
    verb("on_scene_at", Time, "When it arrived."),
    verb("cleared_at", Time, "When it had finished."),
    verb("decline_reason", Text(NAME_CHARS), "Why it could not, or the other force would not."),
    verb("steps", Json(STEPS_CHARS_MAX), "All steps as [{to, at, by, source, told_by}]; `told_by` is who was heard."),
    server("turnout_s", Integer(0, DURATION_S_MAX), "From the order to setting out, seconds."),
    server("travel_s", Integer(0, DURATION_S_MAX), "From setting out to arriving, seconds."),
    server("on_scene_s", Integer(0, DURATION_S_MAX), "From arriving to clearing, seconds."),
    verb("accountability_at", Time, "When the unit was last heard to be safe."),
    verb("accountability_due_at", Time, "When it must be heard of again."),
    verb("accountability_missed", Integer(0, 1_000), "How often in a row it was not."),
    verb("no_coverage_until", Time, "Until when it said that it would be out of coverage."),
    verb("ended_at", Time, "When it was over, in whatever way."),
    EXTRA,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::unit::STATUSES;

    #[test]
    fn every_state_has_its_word_and_every_way_out_leads_to_a_state() {
        for state in STATES {
            assert_ne!(state_vi(state), "không rõ", "{state}");
            let ways = Step::ALL.into_iter().filter_map(|step| leads(step, state));
            let ways: Vec<&str> =
                ways.filter_map(|way| if let Leads::To(next) = way { Some(next) } else { None }).collect();
            assert_eq!(ways.is_empty(), is_ended(state), "{state}: {ways:?}");
            assert!(ways.iter().all(|next| STATES.contains(next)), "{ways:?}");
        }
    }

    #[test]
    fn what_is_over_takes_no_step_but_the_one_that_ended_it() {
        for state in STATES.iter().filter(|state| is_ended(state)) {
            assert!(Step::ALL.into_iter().all(|step| !matches!(leads(step, state), Some(Leads::To(_)))), "{state}");
        }
        assert_eq!(leads(Step::Acknowledge, "timed_out"), None, "too late is told, not passed over");
    }

    #[test]
    fn steps_and_statuses_name_each_other() {
        for step in Step::ALL {
            if let Some(status) = step.status() {
                assert!(STATUSES.contains(&status) && STATES.contains(&status));
                assert_eq!(Step::of_status(status), Some(step));
            }
        }
    }

    #[test]
    fn milestones_and_durations_are_fields() {
        let is_field = |name: &str| FIELDS.iter().any(|field| field.name == name);
        assert!(STATES.iter().filter_map(|state| milestone(state)).all(is_field));
        assert!(DURATIONS.iter().all(|(name, from, to)| is_field(name) && is_field(from) && is_field(to)));
    }
}
