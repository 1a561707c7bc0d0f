//! The report of a quarter on its way (báo cáo quý): compiled, submitted, consolidated, approved, closed. At closing its
//! figures are frozen; what becomes known later makes correction lines beside them (`report/account.rs`).
//!
//! The record without a force is the province's. A force's own part goes as far as `submitted`, from where the province
//! takes it over. A quarter that nobody has begun to report on has no record: it is open.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::access::{Area, Deed, FORCES};
use super::ground::NAME_CHARS;
use super::number::plain;
use super::quarter::Quarter;
use super::schema::FieldKind::{Choice, Integer, Json, Text, Time};
use super::schema::{Field, verb};
use super::{Actor, Code, Force, Problem, Role, Timestamp};

/// Names of the states, in their order.
pub const STATES: &[&str] = &["open", "compiling", "submitted", "consolidated", "approved", "closed"];

/// Most steps of one report: whoever sends it back and forth so often has another problem.
pub const STEPS_MAX: usize = 200;
/// Longest word said with a step, a statement or an agreement, characters.
pub const NOTE_CHARS_MAX: usize = 500;
/// Greatest value that somebody may state of a figure.
pub const VALUE_MAX: f64 = 1e9;

/// How far a report has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReportState)]
pub enum State {
    #[default]
    Open,
    Compiling,
    Submitted,
    Consolidated,
    Approved,
    Closed,
}

impl State {
    /// Its name in records and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        STATES[self as usize]
    }

    /// What it is called on screen and in the log.
    #[must_use]
    pub const fn title_vi(self) -> &'static str {
        match self {
            Self::Open => "chưa lập",
            Self::Compiling => "đang lập",
            Self::Submitted => "đã nộp",
            Self::Consolidated => "đã tổng hợp",
            Self::Approved => "đã duyệt",
            Self::Closed => "đã chốt",
        }
    }
}

/// What somebody does with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReportStep)]
pub enum Step {
    Compile,
    Submit,
    Consolidate,
    Approve,
    Close,
    /// Sends it back by one state, with a reason.
    Return,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Compile, Self::Submit, Self::Consolidate, Self::Approve, Self::Close, Self::Return];

    /// Its name in calls.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Submit => "submit",
            Self::Consolidate => "consolidate",
            Self::Approve => "approve",
            Self::Close => "close",
            Self::Return => "return",
        }
    }

    /// The step with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == name)
    }

    /// What it is called on screen and in the log.
    #[must_use]
    pub const fn title_vi(self) -> &'static str {
        match self {
            Self::Compile => "bắt đầu lập",
            Self::Submit => "nộp",
            Self::Consolidate => "tổng hợp",
            Self::Approve => "duyệt",
            Self::Close => "chốt số liệu",
            Self::Return => "trả lại",
        }
    }
}

/// Where `step` leads a report in `state`, that of the province or the part of a force; `None` if it is forbidden there.
#[must_use]
pub fn leads(step: Step, state: State, whose: Option<Force>) -> Option<State> {
    let next = match (step, state) {
        (Step::Compile, State::Open) | (Step::Return, State::Submitted) => State::Compiling,
        (Step::Submit, State::Compiling) | (Step::Return, State::Consolidated) => State::Submitted,
        (Step::Consolidate, State::Submitted) | (Step::Return, State::Approved) => State::Consolidated,
        (Step::Approve, State::Consolidated) => State::Approved,
        (Step::Close, State::Approved) => State::Closed,
        _ => return None,
    };
    (whose.is_none() || next <= State::Submitted).then_some(next)
}

/// Whether somebody answers for the whole province: the joint duty room, the province's committee, a commander.
#[must_use]
pub fn is_of_province(actor: &Actor) -> bool {
    let leads = matches!(actor.role, Role::Commander | Role::System);
    let runs = matches!(actor.role, Role::DutyOfficer | Role::Planner);
    let is_above_forces = matches!(actor.force, None | Some(Force::Civil));
    actor.area == Area::Province && (leads || (runs && is_above_forces))
}

/// Whether this actor may take `step` from `state`. That the role may run reports at all is tested before.
///
/// # Errors
/// `forbidden`, in words that say whose step it is.
pub fn may_take(actor: &Actor, step: Step, state: State, whose: Option<Force>) -> Result<(), Problem> {
    let is_own = whose.is_none() || actor.force.is_none() || actor.force == whose;
    let commands = actor.area == Area::Province && matches!(actor.role, Role::Commander | Role::System);
    let submits = matches!(actor.role, Role::DutyOfficer | Role::Planner | Role::System);
    let (may, vi, en) = match (step, state) {
        (Step::Compile, _) => {
            (is_own, "lực lượng nào lập phần của lực lượng ấy", "a force compiles its own part and no other")
        }
        (Step::Submit, _) => (
            is_own && submits,
            "trực ban hoặc cán bộ kế hoạch của lực lượng nộp báo cáo",
            "a duty officer or planner of the force submits the report",
        ),
        (Step::Consolidate, _) | (Step::Return, State::Open | State::Compiling | State::Submitted) => (
            is_of_province(actor),
            "chỉ cấp tỉnh tổng hợp hoặc trả lại báo cáo đã nộp",
            "the province alone consolidates what was submitted, or sends it back",
        ),
        (Step::Approve | Step::Close | Step::Return, _) => (
            commands,
            "chỉ chỉ huy cấp tỉnh duyệt, chốt hoặc trả lại báo cáo đã tổng hợp",
            "a commander of the province approves, closes or sends back what was consolidated",
        ),
    };
    if may { Ok(()) } else { Err(Problem::new(Code::Forbidden, vi, en)) }
}

/// The second person must be another one: whoever submitted last does not approve.
///
/// # Errors
/// `forbidden`.
pub fn check_persons(actor: &Actor, step: Step, taken: &[StepTaken]) -> Result<(), Problem> {
    let submitted = taken.iter().rev().find(|one| one.step == Step::Submit);
    if step == Step::Approve && submitted.is_some_and(|one| one.by == actor.name) {
        return Err(Problem::new(
            Code::Forbidden,
            "người duyệt phải là người khác: bạn đã nộp báo cáo này",
            "whoever approves must be another person: you submitted this report",
        ));
    }
    Ok(())
}

/// A quarter is reported on from its beginning, and closed when it is over.
///
/// # Errors
/// `too_early`, with the moment from which on (`not_before`).
pub fn check_time(step: Step, quarter: Quarter, now: Timestamp) -> Result<(), Problem> {
    let (from, vi, en) = match step {
        Step::Close => (quarter.next().start(), "quý chưa kết thúc, chưa chốt được", "the quarter is not over yet"),
        _ => (quarter.start(), "quý chưa bắt đầu", "the quarter has not begun"),
    };
    if now >= from {
        return Ok(());
    }
    Err(Problem::new(Code::TooEarly, vi, en).with("not_before", from.to_string()))
}

/// The steps that this actor may take now of a report in `state`.
#[must_use]
pub fn open_to(
    actor: &Actor,
    quarter: Quarter,
    (state, taken): (State, &[StepTaken]),
    whose: Option<Force>,
    now: Timestamp,
) -> Vec<Step> {
    let may = |step: &Step| {
        actor.may(Deed::RunReport)
            && leads(*step, state, whose).is_some()
            && may_take(actor, *step, state, whose).is_ok()
            && check_persons(actor, *step, taken).is_ok()
            && check_time(*step, quarter, now).is_ok()
    };
    Step::ALL.into_iter().filter(may).collect()
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReportStepTaken)]
pub struct StepTaken {
    pub step: Step,
    /// The state after it.
    pub state: State,
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    pub by: String,
    /// The force of whoever took it.
    #[schema(required)]
    pub force: Option<Force>,
    /// What was said with it; why it was sent back.
    #[schema(required)]
    pub note: Option<String>,
}

/// What a force states of a figure, beside the count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = FigureStatement)]
pub struct Statement {
    /// Id of the figure.
    pub figure: String,
    pub force: Force,
    #[serde(serialize_with = "plain")]
    pub value: f64,
    #[schema(required)]
    pub note: Option<String>,
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    pub by: String,
}

/// The value of a figure that was agreed on (số liệu thống nhất).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AgreedFigure)]
pub struct Agreed {
    /// Id of the figure.
    pub figure: String,
    #[serde(serialize_with = "plain")]
    pub value: f64,
    /// The count that it was agreed beside; where that has moved, it is to be agreed again.
    #[serde(serialize_with = "plain")]
    pub counted: f64,
    pub reason: String,
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    pub by: String,
}

/// A sum and how many rows it was made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Portion {
    #[serde(serialize_with = "plain")]
    pub value: f64,
    pub rows: usize,
}

/// A figure as it was when the report was closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    pub figure: String,
    /// What was reported: the agreed value, else the count.
    #[serde(serialize_with = "plain")]
    pub value: f64,
    /// What the records summed up to.
    #[serde(serialize_with = "plain")]
    pub counted: f64,
    #[serde(serialize_with = "plain")]
    pub previous: f64,
    #[serde(serialize_with = "plain")]
    pub year_before: f64,
    /// The count by force, and under [`NO_FORCE`] what no force answers for.
    pub portions: BTreeMap<String, Portion>,
}

/// Key of what no force answers for among the portions of a figure.
pub const NO_FORCE: &str = "none";

/// The key of a force among the portions of a figure.
#[must_use]
pub fn portion_key(force: Option<Force>) -> &'static str {
    force.map_or(NO_FORCE, Force::as_str)
}

/// When and on which picture a report was closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReportClosed)]
pub struct Closed {
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    pub by: String,
    /// The last change that its figures know of.
    pub seq: u64,
}

/// The course of one report, as its record holds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    pub state: State,
    pub steps: Vec<StepTaken>,
    pub statements: Vec<Statement>,
    pub agreed: Vec<Agreed>,
    pub closed: Option<Closed>,
    pub frozen: Vec<Frozen>,
}

impl Course {
    /// Read off the properties of a record.
    #[must_use]
    pub fn of(properties: &Map<String, Value>) -> Self {
        fn part<T: serde::de::DeserializeOwned + Default>(properties: &Map<String, Value>, name: &str) -> T {
            properties.get(name).and_then(|value| T::deserialize(value).ok()).unwrap_or_default()
        }
        let text = |name: &str| properties.get(name).and_then(Value::as_str);
        let closed_at = text("closed_at").and_then(|at| Timestamp::parse(at).ok());
        let closed = closed_at.map(|at| Closed {
            at,
            by: text("closed_by").unwrap_or_default().to_owned(),
            seq: part(properties, "closed_seq"),
        });
        Self {
            state: part(properties, "state"),
            steps: part(properties, "steps"),
            statements: part(properties, "statements"),
            agreed: part(properties, "agreed"),
            closed,
            frozen: part(properties, "figures"),
        }
    }

    /// Writes it into the properties of a record.
    pub fn write(&self, properties: &mut Map<String, Value>) {
        let mut set = |name: &str, value: Value| {
            let is_nothing = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            if is_nothing {
                properties.remove(name)
            } else {
                properties.insert(name.to_owned(), value)
            };
        };
        let list = |value: Result<Value, serde_json::Error>| value.unwrap_or_default();
        set("state", self.state.as_str().into());
        set("steps", list(serde_json::to_value(&self.steps)));
        set("statements", list(serde_json::to_value(&self.statements)));
        set("agreed", list(serde_json::to_value(&self.agreed)));
        set("figures", list(serde_json::to_value(&self.frozen)));
        if let Some(last) = self.steps.last() {
            set("state_at", last.at.to_string().into());
            set("state_by", last.by.as_str().into());
        }
        if let Some(closed) = &self.closed {
            set("closed_at", closed.at.to_string().into());
            set("closed_by", closed.by.as_str().into());
            set("closed_seq", closed.seq.into());
        }
    }

    /// Takes what a force states of a figure, in the place of what it stated before. What was agreed on that figure no
    /// longer holds, unless it is just this value.
    pub fn state_value(&mut self, statement: Statement) {
        self.agreed.retain(|one| one.figure != statement.figure || one.value == statement.value);
        self.statements.retain(|one| one.figure != statement.figure || one.force != statement.force);
        self.statements.push(statement);
    }

    /// Takes an agreement in the place of an earlier one on the same figure.
    pub fn agree(&mut self, agreed: Agreed) {
        self.agreed.retain(|one| one.figure != agreed.figure);
        self.agreed.push(agreed);
    }

    /// The statements about a figure.
    #[must_use]
    pub fn statements_of(&self, figure: &str) -> Vec<Statement> {
        self.statements.iter().filter(|one| one.figure == figure).cloned().collect()
    }

    /// What was agreed on a figure beside this count.
    #[must_use]
    pub fn agreed_of(&self, figure: &str, counted: f64) -> Option<&Agreed> {
        self.agreed.iter().find(|one| one.figure == figure && one.counted == counted)
    }
}

/// The id of the report of a quarter: the province's, or the part of a force. It follows from both, so that of two who
/// begin one at the same time the store lets one through.
#[must_use]
pub fn id_of(quarter: Quarter, whose: Option<Force>) -> Uuid {
    let name = format!("quarter_report/{quarter}/{}", whose.map_or("province", Force::as_str));
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

pub(super) const FIELDS: &[Field] = &[
    verb("quarter", Text(10), "The quarter, such as 2024Q3."),
    verb("force", Choice(FORCES), "The force whose part it is; absent: the province's report."),
    verb("name", Text(NAME_CHARS), "What it is called."),
    verb("state", Choice(STATES), "How far it has come."),
    verb("state_at", Time, "When the last step was taken."),
    verb("state_by", Text(NAME_CHARS), "Who took it."),
    verb("steps", Json(400_000), "The steps that were taken, as [{step, state, at, by, force, note}]."),
    verb("statements", Json(200_000), "Values that forces state, as [{figure, force, value, note, at, by}]."),
    verb("agreed", Json(100_000), "Values that were agreed on, as [{figure, value, counted, reason, at, by}]."),
    verb("closed_at", Time, "When it was closed."),
    verb("closed_by", Text(NAME_CHARS), "Who closed it."),
    verb("closed_seq", Integer(0, i64::MAX), "The last change that the frozen figures know of."),
    verb(
        "figures",
        Json(100_000),
        "The figures frozen at closing, as [{figure, value, counted, previous, year_before, portions}].",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(role: Role, force: Option<Force>) -> Actor {
        Actor::new("somebody", role, force)
    }

    fn taken(step: Step, by: &str) -> StepTaken {
        StepTaken {
            step,
            state: State::Submitted,
            at: Timestamp::from_ms(0),
            by: by.to_owned(),
            force: None,
            note: None,
        }
    }

    const STATES_ALL: [State; 6] =
        [State::Open, State::Compiling, State::Submitted, State::Consolidated, State::Approved, State::Closed];

    #[test]
    fn every_state_leads_on_by_one_step_and_back_by_one_until_it_is_closed() {
        for (n, state) in STATES_ALL.into_iter().enumerate() {
            assert_eq!(state.as_str(), STATES[n]);
            let ways: Vec<State> = Step::ALL.into_iter().filter_map(|step| leads(step, state, None)).collect();
            let on = STATES_ALL.get(n + 1).copied();
            let back = (2..5).contains(&n).then(|| STATES_ALL[n - 1]);
            assert_eq!(ways, on.into_iter().chain(back).collect::<Vec<_>>(), "{state:?}");
        }
    }

    #[test]
    fn the_part_of_a_force_ends_where_the_province_takes_it_over() {
        let part = Some(Force::Police);
        assert_eq!(leads(Step::Submit, State::Compiling, part), Some(State::Submitted));
        assert_eq!(leads(Step::Return, State::Submitted, part), Some(State::Compiling));
        assert_eq!(leads(Step::Consolidate, State::Submitted, part), None);
    }

    #[test]
    fn each_step_is_of_those_who_answer_for_it() {
        let officer = actor(Role::DutyOfficer, Some(Force::Police));
        let (planner, commander) = (actor(Role::Planner, Some(Force::Civil)), actor(Role::Commander, None));
        let may = |actor: &Actor, step, state, whose| may_take(actor, step, state, whose).is_ok();
        assert!(may(&officer, Step::Submit, State::Compiling, None));
        assert!(may(&officer, Step::Submit, State::Compiling, Some(Force::Police)));
        assert!(!may(&officer, Step::Submit, State::Compiling, Some(Force::Military)));
        assert!(!may(&officer, Step::Compile, State::Open, Some(Force::Military)));
        assert!(!may(&commander, Step::Submit, State::Compiling, None));
        assert!(!may(&officer, Step::Consolidate, State::Submitted, None), "of one force");
        assert!(may(&planner, Step::Consolidate, State::Submitted, None));
        assert!(may(&planner, Step::Return, State::Submitted, None));
        assert!(!may(&planner, Step::Return, State::Approved, None));
        for step in [Step::Approve, Step::Close, Step::Return] {
            assert!(may(&commander, step, State::Approved, None) && !may(&planner, step, State::Approved, None));
        }
        let of_a_commune = Actor { area: Area::communes(["03388"]), ..commander };
        assert!(!may(&of_a_commune, Step::Approve, State::Consolidated, None));
        assert!(!is_of_province(&Actor { area: Area::communes(["03388"]), ..planner }));
    }

    #[test]
    fn whoever_submitted_last_does_not_approve() {
        let steps = [taken(Step::Submit, "somebody"), taken(Step::Return, "another"), taken(Step::Submit, "another")];
        let one = actor(Role::System, None);
        assert!(check_persons(&one, Step::Approve, &steps).is_ok());
        let refused = check_persons(&one, Step::Approve, &steps[..2]).unwrap_err();
        assert_eq!(refused.code, Code::Forbidden);
        assert!(check_persons(&one, Step::Close, &steps[..2]).is_ok());
    }

    #[test]
    fn a_quarter_is_closed_when_it_is_over_and_begun_when_it_has_begun() {
        let quarter = Quarter::parse("2024Q3").unwrap();
        let end = quarter.next().start();
        assert_eq!(check_time(Step::Close, quarter, end.plus_s(-1)).unwrap_err().code, Code::TooEarly);
        assert!(check_time(Step::Close, quarter, end).is_ok());
        assert!(check_time(Step::Approve, quarter, end.plus_s(-1)).is_ok());
        let refused = check_time(Step::Compile, quarter, quarter.start().plus_s(-1)).unwrap_err();
        assert_eq!(refused.extra, [("not_before", "2024-06-30T17:00:00.000Z".into())]);
    }

    #[test]
    fn what_a_force_states_takes_the_place_of_what_it_stated_and_opens_what_was_agreed() {
        let at = Timestamp::from_ms(0);
        let says = |force, value| Statement {
            figure: "tips".to_owned(),
            force,
            value,
            note: None,
            at,
            by: "somebody".to_owned(),
        };
        let mut course = Course::default();
        course.state_value(says(Force::Police, 120.0));
        course.state_value(says(Force::Military, 118.0));
        course.agree(Agreed {
            figure: "tips".to_owned(),
            value: 120.0,
            counted: 121.0,
            reason: "đối chiếu sổ".to_owned(),
            at,
            by: "planner".to_owned(),
        });
        course.state_value(says(Force::Military, 120.0));
        assert_eq!((course.statements.len(), course.agreed.len()), (2, 1));
        assert!(course.agreed_of("tips", 122.0).is_none(), "the count has moved");
        let mut properties = Map::new();
        course.write(&mut properties);
        assert_eq!(Course::of(&properties), course);
        course.state_value(says(Force::Military, 119.0));
        assert!(course.agreed.is_empty());
    }
}
