//! A patrol (tuần tra) along a stretch of a border sector, alone or with others (tuần tra chung, song phương): who goes,
//! from which kilometre to which, which points are passed, and how far it has come.
//!
//! Of the neighbour's side no more is kept than how many they are.

use serde::{Deserialize, Serialize};

use super::access::FORCES;
use super::ground::{EXTRA, NAME_CHARS, NOTE};
use super::schema::FieldKind::{Choice, Choices, Integer, Json, Real, Reference, References, Text, Time};
use super::schema::{Field, server, verb};
use super::{Code, Problem, Timestamp};

/// Kinds of patrol.
pub const KINDS: &[&str] = &["patrol", "joint_patrol"];

/// Life of a patrol. One that is overdue has not set out, or not come back, when it should have.
pub const STATES: &[&str] = &["planned", "under_way", "overdue", "done", "cancelled"];

/// Most points of one patrol.
pub const POINTS_MAX: usize = 50;
/// Longest patrol, seconds.
pub const LENGTH_S_MAX: i64 = 14 * 24 * 3_600;
/// So much later than planned it may set out or come back before somebody is told, seconds.
pub const GRACE_S: i64 = 30 * 60;
/// A fix so far from the border line still goes along it, metres: the paths that patrols walk wind behind it.
pub const BESIDE_M: f64 = 1_000.0;
/// Between two fixes farther apart than this nobody knows which way was taken: seconds, and kilometres.
pub const GAP_S: i64 = 30 * 60;
/// See [`GAP_S`].
pub const GAP_KM: f64 = 5.0;
/// A point is passed by whoever comes so near, metres.
pub const POINT_REACH_M: f64 = 200.0;
/// Stretches nearer to each other than this are one, kilometres.
const TOUCH_KM: f64 = 0.01;
/// Most stretches that are kept apart; further ones are joined over their shortest gap.
const STRETCHES_MAX: usize = 100;

/// What can happen to a patrol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    Start,
    /// A point was passed.
    Pass,
    Finish,
    Cancel,
}

impl Step {
    /// What a unit says of itself, or has said for it.
    pub const BY_UNIT: [Self; 3] = [Self::Start, Self::Pass, Self::Finish];

    /// Its name in calls.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pass => "pass",
            Self::Finish => "finish",
            Self::Cancel => "cancel",
        }
    }

    /// What it is called on screen.
    #[must_use]
    pub const fn title_vi(self) -> &'static str {
        match self {
            Self::Start => "xuất phát",
            Self::Pass => "qua điểm",
            Self::Finish => "kết thúc",
            Self::Cancel => "huỷ",
        }
    }
}

/// What a duty officer decides on a patrol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choose {
    /// One more unit goes; another force's is asked.
    AddUnit,
    /// The other force agrees.
    Agree,
    /// The other force refuses.
    Refuse,
    Cancel,
}

impl Choose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::AddUnit, Self::Agree, Self::Refuse, Self::Cancel];

    /// Its name in calls.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AddUnit => "add_unit",
            Self::Agree => "agree",
            Self::Refuse => "refuse",
            Self::Cancel => "cancel",
        }
    }
}

/// What a step does to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    To(&'static str),
    /// It was said before: there is nothing to do.
    Already,
}

/// Where `step` leads a patrol in `state` that has set out or not; `None` if it is forbidden there.
#[must_use]
pub fn leads(step: Step, state: &str, has_set_out: bool) -> Option<Leads> {
    use Leads::{Already, To};
    match (step, state) {
        (Step::Start, "planned") => Some(To("under_way")),
        (Step::Start, "overdue") if !has_set_out => Some(To("under_way")),
        (Step::Start, "under_way" | "overdue") => Some(Already),
        (Step::Pass, "under_way") => Some(To("under_way")),
        (Step::Pass, "overdue") if has_set_out => Some(To("overdue")),
        (Step::Finish, "under_way") => Some(To("done")),
        (Step::Finish, "overdue") if has_set_out => Some(To("done")),
        (Step::Cancel, "planned" | "under_way" | "overdue") => Some(To("cancelled")),
        (Step::Finish, "done") | (Step::Cancel, "cancelled") => Some(Already),
        _ => None,
    }
}

/// Whether it is over.
#[must_use]
pub fn is_ended(state: &str) -> bool {
    matches!(state, "done" | "cancelled")
}

/// When time alone makes it overdue; `None` if never.
#[must_use]
pub fn overdue_at(state: &str, start: Option<Timestamp>, end: Option<Timestamp>) -> Option<Timestamp> {
    match state {
        "planned" => start.map(|start| start.plus_s(GRACE_S)),
        "under_way" => end.map(|end| end.plus_s(GRACE_S)),
        _ => None,
    }
}

/// What a state is called.
#[must_use]
pub fn state_vi(state: &str) -> &'static str {
    match state {
        "planned" => "đã lập kế hoạch",
        "under_way" => "đang tuần tra",
        "overdue" => "quá giờ",
        "done" => "đã kết thúc",
        "cancelled" => "đã huỷ",
        _ => "không rõ",
    }
}

/// A point to be passed, and who passed it when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// What it is called (mốc 42).
    pub name: String,
    /// Calibrated kilometre of the border line beside it.
    pub km: f64,
    /// Degrees, WGS 84.
    pub lon: f64,
    pub lat: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_at: Option<String>,
    /// How that became known: `fix`, or by whom it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Who was heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<String>,
}

/// A fix as it lies along the border.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Along {
    pub at: Timestamp,
    pub km: f64,
    /// Distance from the line, metres.
    pub offset_m: f64,
}

/// The kilometres that were passed between two fixes of a unit, of those from `from_km` to `to_km`; `None` where they
/// tell nothing.
#[must_use]
pub fn passed_between(a: Along, b: Along, from_km: f64, to_km: f64) -> Option<[f64; 2]> {
    let is_beside = a.offset_m <= BESIDE_M && b.offset_m <= BESIDE_M;
    let is_near = b.at.seconds_since(a.at).abs() <= GAP_S && (b.km - a.km).abs() <= GAP_KM;
    let (low, high) = (a.km.min(b.km).max(from_km), a.km.max(b.km).min(to_km));
    (is_beside && is_near && low < high).then_some([low, high])
}

/// All of these stretches, in order, those that touch made one.
#[must_use]
pub fn merged(stretches: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut sorted = stretches.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let mut out: Vec<[f64; 2]> = Vec::new();
    for [from, to] in sorted {
        match out.last_mut() {
            Some(last) if from <= last[1] + TOUCH_KM => last[1] = last[1].max(to),
            _ => out.push([from, to]),
        }
    }
    while out.len() > STRETCHES_MAX {
        let gap = |n: &usize| out[*n + 1][0] - out[*n][1];
        let Some(shortest) = (0..out.len() - 1).min_by(|a, b| gap(a).total_cmp(&gap(b))) else { break };
        out[shortest][1] = out[shortest + 1][1];
        out.remove(shortest + 1);
    }
    out
}

/// How many kilometres they are together.
#[must_use]
pub fn length_km(stretches: &[[f64; 2]]) -> f64 {
    stretches.iter().map(|[from, to]| to - from).sum()
}

/// Checks that a patrol begins before it ends, ends after `now`, and does not last longer than anybody walks.
///
/// # Errors
/// `invalid_value` at `/planned_end`.
pub fn check_times(start: Timestamp, end: Timestamp, now: Timestamp) -> Result<(), Problem> {
    let broken = |vi: &str, en: &str| Err(Problem::new(Code::InvalidValue, vi, en).at("/planned_end"));
    if end <= start {
        return broken("giờ kết thúc phải sau giờ xuất phát", "planned_end must lie after planned_start");
    }
    if end <= now {
        return broken("giờ kết thúc phải ở tương lai", "planned_end must lie in the future");
    }
    if end.seconds_since(start) > LENGTH_S_MAX {
        return broken("một chuyến tuần tra dài quá 14 ngày", "a patrol of more than 14 days");
    }
    Ok(())
}

pub(super) const FIELDS: &[Field] = &[
    server("code", Text(40), "Human code (TT-2026-Q4-0012)."),
    verb("name", Text(NAME_CHARS), "What it is called; from sector and kilometres if nobody said."),
    verb("kind", Choice(KINDS), "Alone, or with others."),
    verb("state", Choice(STATES), "Where it is in its life."),
    verb("state_at", Time, "When the state became true."),
    verb("sector_id", Reference, "The border sector."),
    verb("from_km", Real(0.0, 10_000.0), "Chainage where it begins, calibrated kilometres."),
    verb("to_km", Real(0.0, 10_000.0), "Chainage where it ends, calibrated kilometres."),
    verb("force", Choice(FORCES), "The force that leads it."),
    verb("unit_ids", References, "Units that go."),
    verb("requested_unit_ids", References, "Units of other forces that were asked and have not agreed yet."),
    verb("partner_forces", Choices(FORCES), "Other forces that take part, or are asked to."),
    verb(
        "neighbour_count",
        Integer(0, 500),
        "How many of the neighbour's side take part; nothing else is kept of them.",
    ),
    verb("planned_start", Time, "When it shall set out."),
    verb("planned_end", Time, "When it shall be back."),
    verb("started_at", Time, "When it set out."),
    verb("overdue_at", Time, "When somebody was told that it is overdue."),
    verb("ended_at", Time, "When it was over, in whatever way."),
    verb("end_reason", Text(NAME_CHARS), "Why it was cancelled."),
    verb("points", Json(16_000), "Points to pass as [{name, km, lon, lat, passed_at, source, told_by}]."),
    verb("points_passed", Integer(0, POINTS_MAX as i64), "How many of them were passed."),
    verb("passed", Json(8_000), "Kilometres that were passed, by fixes, as [[from_km, to_km]]."),
    verb("passed_km", Real(0.0, 10_000.0), "How many they are together."),
    verb("last_km", Real(0.0, 10_000.0), "Where along the line a unit of it was last."),
    verb("last_at", Time, "Fix time of that."),
    verb(
        "fence_m",
        Integer(100, 20_000),
        "How far from its stretch a unit may be before it is told, metres; absent: nobody is told.",
    ),
    verb("planned_by", Text(NAME_CHARS), "Who planned it."),
    NOTE,
    EXTRA,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn along(seconds: i64, km: f64, offset_m: f64) -> Along {
        Along { at: Timestamp::from_ms(seconds * 1_000), km, offset_m }
    }

    #[test]
    fn every_state_has_its_word_and_its_ways_lead_to_states() {
        for state in STATES {
            assert_ne!(state_vi(state), "không rõ");
            for step in [Step::Start, Step::Pass, Step::Finish, Step::Cancel] {
                for has_set_out in [false, true] {
                    if let Some(Leads::To(next)) = leads(step, state, has_set_out) {
                        assert!(STATES.contains(&next) && !is_ended(state), "{state} {step:?}");
                    }
                }
            }
        }
        assert_eq!(leads(Step::Finish, "overdue", false), None, "who never set out has not come back");
        assert_eq!(leads(Step::Pass, "done", true), None);
    }

    #[test]
    fn kilometres_count_between_fixes_that_are_near_in_time_and_to_the_line() {
        let way = |a, b| passed_between(a, b, 10.0, 20.0);
        assert_eq!(way(along(0, 12.0, 50.0), along(600, 12.5, 900.0)), Some([12.0, 12.5]));
        assert_eq!(way(along(600, 12.5, 50.0), along(0, 12.0, 50.0)), Some([12.0, 12.5]), "either way");
        assert_eq!(way(along(0, 9.0, 0.0), along(600, 11.0, 0.0)), Some([10.0, 11.0]), "of its own stretch");
        assert_eq!(way(along(0, 12.0, 1_001.0), along(600, 12.5, 0.0)), None);
        assert_eq!(way(along(0, 12.0, 0.0), along(GAP_S + 1, 12.5, 0.0)), None);
        assert_eq!(way(along(0, 12.0, 0.0), along(60, 17.5, 0.0)), None, "nobody walks so fast");
        assert_eq!(way(along(0, 12.0, 0.0), along(60, 12.0, 0.0)), None);
    }

    #[test]
    fn stretches_add_up_once_in_whatever_order_and_stay_few() {
        let there = [[12.0, 13.0], [12.5, 14.0], [16.0, 17.0], [14.005, 15.0]];
        let mut back = there;
        back.reverse();
        assert_eq!(merged(&there), [[12.0, 15.0], [16.0, 17.0]]);
        assert_eq!(merged(&there), merged(&back));
        assert!((length_km(&merged(&there)) - 4.0).abs() < 1e-9);
        let many: Vec<[f64; 2]> = (0..300).map(|n| [f64::from(n), f64::from(n) + 0.5]).collect();
        assert_eq!(merged(&many).len(), STRETCHES_MAX);
    }
}
