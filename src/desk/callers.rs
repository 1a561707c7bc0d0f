//! "The same one": further callers of a known incident.

use serde_json::{Value, json};
use uuid::Uuid;

use super::hand::Hand;
use super::incidents::{limit, state_of, target};
use super::scene::{Draft, Scene, Working};
use super::write::may;
use super::{Ask, Caller, Desk, Written};
use crate::domain::access::Deed;
use crate::domain::transition::Verb;
use crate::domain::{Code, Collection, Problem, Timestamp};

/// What is kept of all callers of one incident, characters (the field's own limit).
const CALLERS_CHARS_MAX: usize = 16_000;
/// Longest number, name and text of a caller, characters.
const PHONE_CHARS_MAX: usize = 40;
const NAME_CHARS_MAX: usize = 200;
const TEXT_CHARS_MAX: usize = 1_000;

impl Desk {
    /// Adds a caller to an incident; needs no `If-Match`.
    ///
    /// # Errors
    /// `not_found`, `forbidden_transition` if the incident was merged (`merged_into` says into which),
    /// `limit_exceeded`, `forbidden`.
    pub async fn add_caller(&self, ask: &Ask, incident: Uuid, caller: Caller) -> Result<Written, Problem> {
        may(&ask.actor, Deed::ReportIncident)?;
        let given = [
            ("phone", &caller.phone, PHONE_CHARS_MAX),
            ("name", &caller.name, NAME_CHARS_MAX),
            ("text", &caller.text, TEXT_CHARS_MAX),
        ];
        for (name, text, max) in given {
            text.as_deref().map_or(Ok(()), |text| limit(name, text, max))?;
        }
        self.write_in_turn(ask, incident, |scene| decide(scene, incident, &caller)).await
    }
}

fn decide(scene: &Scene<'_>, id: Uuid, caller: &Caller) -> Result<Draft, Problem> {
    let mut record = scene.take_open(Collection::Incidents, id)?;
    let state = state_of(&record);
    target(Verb::AddCaller, &state)
        .map_err(|problem| problem.with("merged_into", record.text("merged_into").unwrap_or_default()))?;
    let at = scene.at()?;
    let count = record.number("caller_count").unwrap_or(1.0) as i64 + 1;
    record.set("caller_count", count);
    add(&mut record, caller, at)?;
    let mut hand = Hand::new(scene, at, record);
    // What was said stands in the log; who said it is personal and stays out of it.
    let text = super::words::with_more(format!("Thêm người báo thứ {count}"), caller.text.as_deref());
    hand.log("caller_added", id, None, text, json!({"caller_count": count}));
    Ok(hand.finish())
}

/// Writes a caller in the personal list; one who left neither number nor name nor word is only counted.
pub(super) fn add(record: &mut Working, caller: &Caller, at: Timestamp) -> Result<(), Problem> {
    let mut entry = json!({"at": at.to_string()});
    let mut said = false;
    for (name, text) in [("phone", &caller.phone), ("name", &caller.name), ("text", &caller.text)] {
        if let Some(text) = text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            entry[name] = text.into();
            said = true;
        }
    }
    if !said {
        return Ok(());
    }
    let mut callers = record.personal.get("callers").and_then(Value::as_array).cloned().unwrap_or_default();
    callers.push(entry);
    check_room(&callers)?;
    record.personal.insert("callers".to_owned(), callers.into());
    Ok(())
}

/// Refuses a list of callers that would not fit in its field.
pub(super) fn check_room(callers: &[Value]) -> Result<(), Problem> {
    let length: usize = callers.iter().map(|caller| caller.to_string().len() + 1).sum();
    if length < CALLERS_CHARS_MAX {
        return Ok(());
    }
    Err(Problem::new(
        Code::LimitExceeded,
        "danh sách người báo của vụ việc đã đầy: hãy ghi vào nhật ký",
        "the incident's list of callers is full: write it in the duty log",
    ))
}
