//! What the forces have to do with each other beside incidents: one asks another, they brief each other and decide, they plan
//! the security of an event. Requests and the lives of decisions and plans are verbs; the rest are edits of items, with what
//! must fit together said here.

use serde_json::{Value, json};
use uuid::Uuid;

use super::incidents::{limit, needed};
use super::items::over;
use super::scene::{Draft, Scene, Working, force_word, past};
use super::write::may;
use super::{Ask, Desk, Written};
use crate::domain::access::Deed;
use crate::domain::briefing::{DecisionVerb, RESULT_CHARS_MAX};
use crate::domain::information_request::{self as request, SHORT_CHARS_MAX};
use crate::domain::quarter::Quarter;
use crate::domain::{Actor, Code, Collection, Force, Problem, Timestamp, event_plan};
use crate::picture::Feature;

/// Longest question and longest reply, characters.
const TEXT_CHARS_MAX: usize = 4_000;

/// What one force asks another.
#[derive(Clone, Debug)]
pub struct NewInformationRequest {
    pub to: Force,
    pub question: String,
    /// On which legal basis, and what for.
    pub purpose: String,
    pub due_at: Timestamp,
}

impl Desk {
    /// Asks another force; the asking one is that of whoever asks.
    ///
    /// # Errors
    /// `forbidden` for whoever coordinates for no force, `invalid_value` for a force that asks itself and for a time that is
    /// past, `missing_field`, `limit_exceeded`.
    pub async fn ask_force(&self, ask: &Ask, new: &NewInformationRequest) -> Result<Written, Problem> {
        may(&ask.actor, Deed::Coordinate)?;
        let from = ask.actor.force.filter(|force| ask.actor.reads_between([Some(*force), None])).ok_or_else(|| {
            Problem::new(
                Code::Forbidden,
                "chỉ trực ban, cán bộ kế hoạch, chỉ huy của một lực lượng mới hỏi lực lượng khác",
                "a duty officer, planner or commander of a force asks another force",
            )
        })?;
        if from == new.to {
            return Err(Problem::new(Code::InvalidValue, "cần hỏi một lực lượng khác", "another force must be asked")
                .at("/to_force"));
        }
        long_text("question", &new.question, TEXT_CHARS_MAX)?;
        long_text("purpose", &new.purpose, SHORT_CHARS_MAX)?;
        let id = Uuid::now_v7();
        self.write(ask, |scene| {
            request::check_due(new.due_at, scene.now)?;
            let mut record = Working::new(Collection::InformationRequests, id);
            record.set("from_force", force_word(from));
            record.set("to_force", force_word(new.to));
            record.set("question", new.question.trim());
            record.set("purpose", new.purpose.trim());
            record.set("asked_by", scene.ask.actor.name.as_str());
            record.set_time("asked_at", scene.now);
            record.set_time("due_at", new.due_at);
            record.set("state", "asked");
            Ok(put(scene, record))
        })
        .await
    }

    /// Answers, declines or withdraws a request (`If-Match` needed).
    ///
    /// # Errors
    /// `forbidden` for another force's verb, `forbidden_transition` with `state` where it is over, `missing_field`,
    /// `limit_exceeded`, `not_found`, `version_conflict`, `precondition_required`.
    pub async fn run_request_verb(
        &self,
        ask: &Ask,
        id: Uuid,
        verb: request::Verb,
        text: &str,
    ) -> Result<Written, Problem> {
        may(&ask.actor, Deed::Coordinate)?;
        let longest = if verb == request::Verb::Withdraw { SHORT_CHARS_MAX } else { TEXT_CHARS_MAX };
        long_text("text", text, longest)?;
        self.write(ask, |scene| {
            let mut record = scene.take_matching(Collection::InformationRequests, id)?;
            let whose = record.text(verb.whose()).and_then(Force::parse);
            if scene.ask.actor.force.is_none() || scene.ask.actor.force != whose {
                return Err(Problem::new(
                    Code::Forbidden,
                    "việc này của lực lượng kia: bên được hỏi trả lời, bên hỏi rút",
                    "this is the other force's: the asked one replies, the asking one withdraws",
                ));
            }
            request::check_open(record.text("state").unwrap_or_default())?;
            record.set("state", verb.leads_to());
            let (said, by, at) = match verb {
                request::Verb::Answer | request::Verb::Decline => ("reply", "replied_by", "replied_at"),
                request::Verb::Withdraw => ("withdraw_reason", "withdrawn_by", "withdrawn_at"),
            };
            record.set(said, text.trim());
            record.set(by, scene.ask.actor.name.as_str());
            record.set_time(at, scene.now);
            Ok(put(scene, record))
        })
        .await
    }

    /// Closes a decision, or opens it again (`If-Match` needed): by the force that answers for it, or the joint duty room.
    ///
    /// # Errors
    /// `forbidden`, `forbidden_transition` with `state` and `allowed`, `limit_exceeded`, `missing_field` for a decision that
    /// is dropped without a reason, `not_found`, `version_conflict`, `precondition_required`.
    pub async fn run_decision_verb(
        &self,
        ask: &Ask,
        id: Uuid,
        verb: DecisionVerb,
        result: Option<&str>,
    ) -> Result<Written, Problem> {
        may(&ask.actor, Deed::Coordinate)?;
        let result = result.map(str::trim).filter(|text| !text.is_empty());
        limit("result", result.unwrap_or_default(), RESULT_CHARS_MAX)?;
        if verb == DecisionVerb::Drop {
            needed("result", result.unwrap_or_default())?;
        }
        self.write(ask, |scene| {
            let mut record = scene.take_matching(Collection::Decisions, id)?;
            check_force(&scene.ask.actor, record.text("force"))?;
            check_not_ended(&record)?;
            let state = verb.leads(record.text("state").unwrap_or("open"))?;
            record.set("state", state);
            if state == "open" {
                ["result", "closed_by", "closed_at"].into_iter().for_each(|name| record.remove(name));
            } else {
                record.set("result", result);
                record.set("closed_by", scene.ask.actor.name.as_str());
                record.set_time("closed_at", scene.now);
            }
            Ok(put(scene, record))
        })
        .await
    }

    /// Issues a plan, says that its event is over, or cancels it (`If-Match` needed): by the force that leads, or the joint
    /// duty room.
    ///
    /// # Errors
    /// As [`Desk::run_decision_verb`].
    pub async fn run_plan_verb(
        &self,
        ask: &Ask,
        id: Uuid,
        verb: event_plan::Verb,
        result: Option<&str>,
    ) -> Result<Written, Problem> {
        may(&ask.actor, Deed::Coordinate)?;
        let result = result.map(str::trim).filter(|text| !text.is_empty());
        limit("result", result.unwrap_or_default(), RESULT_CHARS_MAX)?;
        if verb == event_plan::Verb::Cancel {
            needed("result", result.unwrap_or_default())?;
        }
        self.write(ask, |scene| {
            let mut record = scene.take_matching(Collection::EventPlans, id)?;
            check_force(&scene.ask.actor, record.text("lead_force"))?;
            check_not_ended(&record)?;
            let state = verb.leads(record.text("state").unwrap_or("draft"))?;
            record.set("state", state);
            let (at, by) = if state == "issued" { ("issued_at", "issued_by") } else { ("closed_at", "closed_by") };
            record.set_time(at, scene.now);
            record.set(by, scene.ask.actor.name.as_str());
            if state != "issued" {
                record.set("result", result);
            }
            Ok(put(scene, record))
        })
        .await
    }

    /// Checks an item of a plan's checklist off, or takes that back; whoever takes part may. What stands so already stays, with
    /// who did it first.
    ///
    /// # Errors
    /// `not_found` for an item that is not there, `forbidden_transition` where the plan is over, `forbidden`.
    pub async fn check_plan_item(&self, ask: &Ask, id: Uuid, n: usize, is_done: bool) -> Result<Written, Problem> {
        may(&ask.actor, Deed::Coordinate)?;
        self.write_in_turn(ask, id, |scene| {
            let mut record = scene.take_open(Collection::EventPlans, id)?;
            check_not_ended(&record)?;
            check_plan_open(&record)?;
            let mut list = items(&record)?;
            let item = list.get_mut(n).ok_or_else(|| {
                Problem::new(Code::NotFound, "không có mục này trong danh mục", "there is no such item")
            })?;
            if item.done_at.is_some() == is_done {
                return scene.already(Collection::EventPlans, id);
            }
            item.done_at = is_done.then(|| scene.now.to_string());
            item.done_by = is_done.then(|| scene.ask.actor.name.clone());
            record.set("checklist", json!(list));
            Ok(put(scene, record))
        })
        .await
    }
}

/// What follows in a record of these collections that somebody writes, and what must fit with the records beside it.
///
/// # Errors
/// `invalid_value` with a pointer, `future_time`, `forbidden` for a plan that another force leads, `forbidden_transition` for
/// an edit of what is over.
pub(super) fn follow(scene: &Scene<'_>, before: Option<&Working>, record: &mut Working) -> Result<(), Problem> {
    match record.collection {
        Collection::Briefings => {
            let held_at = record.time("held_at").unwrap_or(scene.now);
            past(held_at, scene.now, "/properties/held_at")?;
            before.map_or(Ok(()), |before| check_whose(scene, before))?;
            check_counted_once(scene, record, Collection::Tallies, held_at, "held_at")
        }
        Collection::Tallies if record.text("counted") == Some("briefings") => tallied_briefings(scene, before, record),
        Collection::Decisions => {
            let state = before.and_then(|before| before.text("state"));
            if state.is_some_and(|state| state != "open") {
                return Err(DecisionVerb::Done.leads(state.unwrap_or_default()).err().unwrap_or_else(|| over(record)));
            }
            before.map_or(Ok(()), |before| check_whose(scene, before))?;
            let briefing = record.reference("briefing_id").and_then(|id| scene.feature(Collection::Briefings, id));
            record.set("decided_at", briefing.and_then(|one| one.text("held_at")).map(std::borrow::Cow::into_owned));
            Ok(())
        }
        Collection::EventPlans => {
            check_force(&scene.ask.actor, record.text("lead_force"))?;
            if let Some(before) = before {
                // Nobody becomes the force that leads by saying so.
                check_whose(scene, before)?;
                check_plan_open(before)?;
            }
            let done = before.map_or(Ok(Vec::new()), items)?;
            if record.properties.contains_key("checklist") {
                let written = items(record)?;
                record.set("checklist", json!(event_plan::kept(&done, written)));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Refuses to change or end what is another force's: a briefing is of the force that presided, a decision of that one and the
/// one that answers for it, a plan of the one that leads. The joint duty room may all.
///
/// # Errors
/// `forbidden`.
pub(super) fn check_whose(scene: &Scene<'_>, record: &Working) -> Result<(), Problem> {
    let presided = |id: Option<Uuid>| scene.feature(Collection::Briefings, id?)?.text("lead_force");
    let whose: Vec<Option<String>> = match record.collection {
        Collection::Briefings => vec![record.text("lead_force").map(str::to_owned)],
        Collection::Decisions => vec![
            record.text("force").map(str::to_owned),
            presided(record.reference("briefing_id")).map(std::borrow::Cow::into_owned),
        ],
        Collection::EventPlans => vec![record.text("lead_force").map(str::to_owned)],
        _ => return Ok(()),
    };
    let own = scene.ask.actor.force.map(force_word);
    // A briefing of which nobody said who presided is of those who were there.
    if own.is_none() || whose.iter().any(|force| force.as_deref().is_none_or(|force| Some(force) == own)) {
        return Ok(());
    }
    check_force(&scene.ask.actor, whose.into_iter().flatten().next().as_deref())
}

/// Briefings are records now. A tally of them, of a time before there were such records, stays and counts; none is entered
/// beside records.
fn tallied_briefings(scene: &Scene<'_>, before: Option<&Working>, record: &Working) -> Result<(), Problem> {
    if before.is_none_or(|before| before.text("counted") != Some("briefings")) {
        return Err(Problem::new(
            Code::InvalidValue,
            "counted: buổi giao ban được ghi thành biên bản (briefings), không ghi thành số đếm",
            "counted: a briefing is written down as a record of briefings, not as a tally",
        )
        .at("/properties/counted"));
    }
    let at = record.time("occurred_at").unwrap_or(scene.now);
    check_counted_once(scene, record, Collection::Briefings, at, "occurred_at")
}

/// A quarter's briefings are tallied or they are records, so that none counts twice.
fn check_counted_once(
    scene: &Scene<'_>,
    record: &Working,
    other: Collection,
    at: Timestamp,
    field: &str,
) -> Result<(), Problem> {
    let quarter = Quarter::of(at);
    let when = if other == Collection::Tallies { "occurred_at" } else { "held_at" };
    let is_of_quarter = |one: &Feature| {
        let at = one.text(when).and_then(|text| Timestamp::parse(&text).ok());
        let is_briefing = other == Collection::Briefings || one.text("counted").as_deref() == Some("briefings");
        !one.is_ended() && is_briefing && at.is_some_and(|at| quarter.holds(at))
    };
    if !scene.picture.layer(other).iter().any(|one| is_of_quarter(one)) {
        return Ok(());
    }
    let title = quarter.title_vi();
    Err(Problem::new(
        Code::InvalidValue,
        format!("{field}: {title} đã đếm giao ban ở {other}; kết thúc các dòng đó trước, để không đếm hai lần"),
        format!(
            "{field}: the briefings of {quarter} are counted in {other}; end those first, so that none counts twice"
        ),
    )
    .at(&format!("/properties/{field}"))
    .with("collection", record.collection.as_str()))
}

fn items(record: &Working) -> Result<Vec<event_plan::Item>, Problem> {
    record.properties.get("checklist").map_or(Ok(Vec::new()), event_plan::checklist)
}

fn check_plan_open(record: &Working) -> Result<(), Problem> {
    match record.text("state").unwrap_or("draft") {
        "draft" | "issued" => Ok(()),
        state => Err(event_plan::closed(state)),
    }
}

fn check_not_ended(record: &Working) -> Result<(), Problem> {
    if record.text("ended_at").is_some() { Err(over(record)) } else { Ok(()) }
}

/// Refuses what is another force's; the joint duty room may all.
fn check_force(actor: &Actor, force: Option<&str>) -> Result<(), Problem> {
    let own = actor.force.map(force_word);
    if own.is_none() || own == force {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "việc này của lực lượng khác chủ trì",
        "this is a matter of the force that leads or answers for it",
    ))
}

/// A text that must be there, long ones too.
fn long_text(name: &str, text: &str, max_chars: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new(Code::MissingField, format!("thiếu {name}"), format!("{name} is missing"))
            .at(&format!("/{name}")));
    }
    limit(name, text, max_chars)
}

fn put(scene: &Scene<'_>, record: Working) -> Draft {
    let mut draft = Draft::default();
    draft.put(record, scene.now);
    draft
}

/// What a new record of these collections has that nobody gave.
pub(super) fn fill(record: &mut Working, actor: &Actor) {
    let state = match record.collection {
        Collection::Decisions => Some("open"),
        Collection::EventPlans => Some("draft"),
        _ => None,
    };
    if let Some(state) = state {
        record.set("state", state);
    }
    record.set("entered_by", actor.name.as_str());
}

/// What must fit together in a briefing.
///
/// # Errors
/// `missing_field` for a place that its level needs, `invalid_value` for one without forces.
pub(super) fn check_briefing(record: &Working) -> Result<(), Problem> {
    let needs = match record.text("level") {
        Some("commune") => Some("commune_code"),
        Some("sector") => Some("sector_id"),
        _ => None,
    };
    if let Some(name) = needs.filter(|name| record.text(name).is_none()) {
        return Err(Problem::new(Code::MissingField, format!("thiếu {name}"), format!("{name} is missing"))
            .at(&format!("/properties/{name}")));
    }
    if record.properties.get("forces").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Err(Problem::new(
            Code::InvalidValue,
            "forces: cần ít nhất một lực lượng",
            "forces: expected one at least",
        )
        .at("/properties/forces"));
    }
    Ok(())
}

/// What must fit together in a plan.
///
/// # Errors
/// `invalid_value`, `limit_exceeded`, with a pointer.
pub(super) fn check_plan(record: &Working) -> Result<(), Problem> {
    if let (Some(from), Some(to)) = (record.time("starts_at"), record.time("finishes_at"))
        && to <= from
    {
        return Err(Problem::new(
            Code::InvalidValue,
            "finishes_at: phải sau starts_at",
            "finishes_at must lie after starts_at",
        )
        .at("/properties/finishes_at"));
    }
    record.properties.get("posts").map_or(Ok(()), |list| event_plan::posts(list).map(|_| ()))?;
    items(record).map(|_| ())
}
