//! What stands on a report beside its figures: the tasks of the next quarter, which are the decisions that were open at the
//! end of this one, and the exercises that ended in it. Pure, as the figures are.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::figures::is_open_at_end;
use super::quarter::Records;
use crate::domain::exercise::Objective;
use crate::domain::quarter::Quarter;
use crate::domain::{Collection, Force, Timestamp};
use crate::picture::Feature;

/// Tasks of one report, at most; a list that nobody reads to its end is no list of tasks.
pub const TASKS_MAX: usize = 500;

/// A decision that is to be carried out in the next quarter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReportTask)]
pub struct Task {
    /// Of the decision.
    pub id: Uuid,
    pub text: String,
    /// The force that answers for it.
    #[schema(required)]
    pub force: Option<Force>,
    /// Who answers for it within that force.
    #[schema(required)]
    pub owner: Option<String>,
    #[schema(value_type = String, format = "date-time")]
    pub due_at: Timestamp,
}

/// The tasks of the next quarter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReportTasks)]
pub struct Tasks {
    /// Those that the reader may see, by when they are due.
    pub tasks: Vec<Task>,
    /// Those that the reader may not see, or for which there is no room.
    pub hidden: usize,
}

/// An exercise that ended in the quarter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReportExercise)]
pub struct Rehearsed {
    pub code: String,
    pub title: String,
    #[schema(required)]
    pub place_text: Option<String>,
    pub forces: Vec<Force>,
    #[schema(value_type = String, format = "date-time")]
    pub finished_at: Timestamp,
    /// What it was to show, and what was judged of it.
    pub objectives: Vec<Objective>,
    #[schema(required)]
    pub lessons: Option<String>,
}

impl Tasks {
    /// The decisions that were open at the end of `quarter`; `sees` says which of them may be shown.
    ///
    /// # Errors
    /// The fault of `records`.
    pub fn of<R: Records>(quarter: Quarter, records: &mut R, sees: impl Fn(Uuid) -> bool) -> Result<Self, R::Fault> {
        let mut tasks = Vec::new();
        let mut hidden = 0;
        records.each(Collection::Decisions, &mut |one| {
            if is_open_at_end(one, quarter) {
                if sees(one.id) { tasks.push(task(one)) } else { hidden += 1 }
            }
        })?;
        tasks.sort_by(|a, b| (a.due_at, a.id).cmp(&(b.due_at, b.id)));
        hidden += tasks.len().saturating_sub(TASKS_MAX);
        tasks.truncate(TASKS_MAX);
        Ok(Self { tasks, hidden })
    }
}

fn task(one: &Feature) -> Task {
    let text = |name: &str| one.text(name).map(Cow::into_owned);
    Task {
        id: one.id,
        text: text("text").unwrap_or_default(),
        force: text("force").and_then(|force| Force::parse(&force)),
        owner: text("owner"),
        due_at: time(one, "due_at").unwrap_or(Timestamp::from_ms(0)),
    }
}

impl Rehearsed {
    /// The exercise of this record, if it ended in `quarter`.
    #[must_use]
    pub fn of(one: &Feature, quarter: Quarter) -> Option<Self> {
        let finished_at = time(one, "finished_at").filter(|at| quarter.holds(*at))?;
        let text = |name: &str| one.text(name).map(Cow::into_owned);
        let forces: Vec<String> =
            one.value("forces").and_then(|list| serde_json::from_value(list).ok()).unwrap_or_default();
        let objectives = one.value("objectives").and_then(|list| serde_json::from_value(list).ok());
        Some(Self {
            code: text("code").unwrap_or_default(),
            title: text("title").unwrap_or_default(),
            place_text: text("place_text"),
            forces: forces.iter().filter_map(|force| Force::parse(force)).collect(),
            finished_at,
            objectives: objectives.unwrap_or_default(),
            lessons: text("lessons"),
        })
    }
}

fn time(one: &Feature, name: &str) -> Option<Timestamp> {
    one.text(name).and_then(|text| Timestamp::parse(&text).ok())
}
