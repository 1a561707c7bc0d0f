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
        tasks.sort_by_key(|task| (task.due_at, task.id));
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use serde_json::{Map, Value, json};

    use super::*;
    use crate::domain::Record;
    use crate::domain::change::canonical_json;
    use crate::report::quarter::QuarterReport;

    /// Records that are there, and no others.
    struct Held(Vec<(Collection, Feature)>);

    impl Records for Held {
        type Fault = Infallible;

        fn each(&mut self, of: Collection, sink: &mut dyn FnMut(&Feature)) -> Result<(), Infallible> {
            self.0.iter().filter(|(collection, _)| *collection == of).for_each(|(_, feature)| sink(feature));
            Ok(())
        }
    }

    fn held(records: &[(Collection, Value)]) -> Held {
        let feature = |(n, (collection, properties)): (usize, &(Collection, Value))| {
            let properties: Map<String, Value> = properties.as_object().unwrap().clone();
            let record = Record {
                id: Uuid::from_u128(n as u128 + 1),
                version: 1,
                recorded_at: Timestamp::from_ms(0),
                geometry: None,
                properties: canonical_json(&properties),
                personal: None,
            };
            (*collection, Feature::new(*collection, record, 1))
        };
        Held(records.iter().enumerate().map(feature).collect())
    }

    fn value(records: &[(Collection, Value)], quarter: &str, figure: &str) -> f64 {
        let Ok(report) = QuarterReport::count(Quarter::parse(quarter).unwrap(), &mut held(records));
        report.line(figure).unwrap().value
    }

    #[test]
    fn a_decision_is_open_at_the_end_of_each_quarter_until_the_one_in_which_it_is_done() {
        let decision = |changed: Value| {
            let mut one = json!({
                "force": "police", "state": "open", "text": "a",
                "decided_at": "2024-08-01T00:00:00.000Z", "due_at": "2024-11-01T00:00:00.000Z",
            });
            one.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
            [(Collection::Decisions, one)]
        };
        let open = decision(json!({}));
        let told = |records: &[(Collection, Value)], figure: &str| {
            ["2024Q2", "2024Q3", "2024Q4", "2025Q1"].map(|quarter| value(records, quarter, figure))
        };
        assert_eq!(told(&open, "decisions_open"), [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(told(&open, "decisions_due"), [0.0, 0.0, 1.0, 1.0], "due from the quarter in which it is due");
        // By the province's clocks the last day of the year is over seven hours before that of Greenwich.
        let done = decision(json!({"state": "done", "closed_at": "2024-12-31T17:00:00.000Z"}));
        assert_eq!(told(&done, "decisions_open"), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(told(&done, "decisions_done"), [0.0, 0.0, 0.0, 1.0]);
        let dropped = decision(json!({"state": "dropped", "closed_at": "2024-12-31T16:59:59.000Z"}));
        assert_eq!(told(&dropped, "decisions_open"), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(told(&dropped, "decisions_done"), [0.0; 4]);
        let ended = decision(json!({"ended_at": "2026-01-01T00:00:00.000Z"}));
        assert_eq!(told(&ended, "decisions_open"), [0.0; 4]);
    }

    #[test]
    fn a_request_counts_when_it_was_asked_and_in_time_by_its_due_time() {
        let request = |state: &str, replied: Option<&str>| {
            let one = json!({
                "from_force": "police", "to_force": "military", "state": state, "replied_at": replied,
                "asked_at": "2024-09-30T16:00:00.000Z", "due_at": "2024-10-03T00:00:00.000Z",
            });
            (Collection::InformationRequests, one)
        };
        let all = [
            request("asked", None),
            request("answered", Some("2024-10-03T00:00:00.000Z")),
            request("answered", Some("2024-10-03T00:00:01.000Z")),
            request("declined", Some("2024-10-01T00:00:00.000Z")),
            request("withdrawn", None),
        ];
        assert_eq!(value(&all, "2024Q3", "information_requests"), 4.0);
        assert_eq!(value(&all, "2024Q3", "information_in_time"), 1.0);
        assert_eq!(value(&all, "2024Q4", "information_requests"), 0.0);
    }

    #[test]
    fn tasks_are_those_that_the_reader_sees_by_when_they_are_due() {
        let decision = |due: &str, text: &str| {
            let one = json!({
                "force": "police", "state": "open", "text": text, "due_at": due,
                "decided_at": "2024-08-01T00:00:00.000Z",
            });
            (Collection::Decisions, one)
        };
        let mut records = held(&[
            decision("2024-12-01T00:00:00.000Z", "sau"),
            decision("2024-10-01T00:00:00.000Z", "trước"),
            decision("2024-11-01T00:00:00.000Z", "kín"),
        ]);
        let quarter = Quarter::parse("2024Q3").unwrap();
        let Ok(tasks) = Tasks::of(quarter, &mut records, |id| id != Uuid::from_u128(3));
        assert_eq!(tasks.tasks.iter().map(|task| task.text.as_str()).collect::<Vec<_>>(), ["trước", "sau"]);
        assert_eq!((tasks.hidden, tasks.tasks[0].force), (1, Some(Force::Police)));
        let Ok(none) = Tasks::of(quarter.previous(), &mut records, |_| true);
        assert_eq!(none, Tasks::default());
    }
}
