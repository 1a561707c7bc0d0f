//! Two reports of one thing: merge, and undo it.
//!
//! The merged incident keeps its own record and log and points at its target; callers and units move, and what moved
//! is written down in `merged_from`, so that it can come back. The log of the target is read together with the logs
//! of what was merged into it ([`Desk::merged_with`]): entries of the log are never rewritten.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Desk;
use super::hand::{Hand, without};
use super::incidents::{state_of, target};
use super::scene::{Draft, Scene, Working};
use crate::domain::transition::{Verb, forbidden, refused};
use crate::domain::{Code, Collection, Problem};
use crate::picture::View;

/// Most units that a merge moves: more than these, and what moved does not fit in the record.
const UNITS_MOVED_MAX: usize = 40;
/// What is written down of all merges into one incident, characters (the field's own limit).
const MERGED_FROM_CHARS_MAX: usize = 2_000;
/// Longest chain of merges that is followed.
const CHAIN_MAX: usize = 100;

impl Desk {
    /// The incident and all that were merged into it, itself first: whose entries together are its log.
    #[must_use]
    pub fn merged_with(&self, view: &View, id: Uuid) -> Vec<Uuid> {
        let mut found = vec![id];
        let mut next = 0;
        while let Some(&target) = found.get(next) {
            let sources = view.item(Collection::Incidents, target).map(|shown| sources_of(&shown.properties()));
            found.extend(sources.unwrap_or_default());
            next += 1;
            if next >= CHAIN_MAX {
                break;
            }
        }
        found
    }
}

/// The incidents that were merged into the one with these properties.
fn sources_of(properties: &serde_json::Map<String, Value>) -> Vec<Uuid> {
    let list = properties.get("merged_from").and_then(|moved| moved.get("sources")).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|id| id.as_str()).filter_map(|id| Uuid::parse_str(id).ok()).collect()
}

/// Merges the incident into another.
pub(super) fn merge(scene: &Scene<'_>, mut source: Working, into: Uuid) -> Result<Draft, Problem> {
    let (at, id, state) = (scene.at()?, source.id, state_of(&source));
    target(Verb::Merge, &state)?;
    let taker = scene.referred(Collection::Incidents, into, "/into")?;
    let taker_state = state_of(&taker);
    if into == id || target(Verb::Merge, &taker_state).is_err() {
        return Err(refused("nhận gộp", "taking another in", &taker_state).at("/into"));
    }
    let (units, queued) = (source.references("unit_ids"), source.references("queued_unit_ids"));
    if units.len() + queued.len() > UNITS_MOVED_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("gộp không chuyển được quá {UNITS_MOVED_MAX} đơn vị"),
            format!("a merge moves at most {UNITS_MOVED_MAX} units"),
        ));
    }
    let (source_label, taker_label) = (source.label(), taker.label());
    let callers = source.number("caller_count").unwrap_or(1.0).max(0.0) as i64;
    let moved = callers_of(&source);
    remember(&mut source, &json!({"state": state, "unit_ids": units, "queued_unit_ids": queued}));
    source.set("merged_into", into.to_string());
    source.set_references("unit_ids", &[]);
    source.set_references("queued_unit_ids", &[]);
    let asked = source.references("requested_unit_ids");
    source.set_references("requested_unit_ids", &[]);

    let mut hand = Hand::new(scene, at, source);
    hand.set_state(id, "merged")?;
    add_source(hand.change(Collection::Incidents, into)?, id);
    add_callers(hand.change(Collection::Incidents, into)?, id, moved, callers)?;
    for unit in &units {
        move_unit(&mut hand, *unit, id, into)?;
    }
    for unit in &queued {
        move_wait(&mut hand, *unit, id, into)?;
    }
    for unit in &asked {
        move_request(&mut hand, *unit, id, into)?;
    }
    after_units_came(&mut hand, into, &units)?;
    let facts = json!({"from": state, "to": "merged", "merged_into": into});
    hand.log("merged", id, None, format!("Gộp vào {taker_label}"), facts);
    let text = format!("Nhận gộp {source_label}: {callers} người báo, {} đơn vị", units.len());
    let facts = json!({"merged_from": id, "callers": callers, "unit_ids": units});
    hand.log("merged", into, None, text, facts);
    Ok(hand.finish())
}

/// Undoes a merge: what it moved and is still there comes back.
pub(super) fn unmerge(scene: &Scene<'_>, mut source: Working) -> Result<Draft, Problem> {
    let (at, id, state) = (scene.at()?, source.id, state_of(&source));
    target(Verb::Unmerge, &state)?;
    let moved = source.properties.get("merged_from").and_then(|all| all.get("moved")).cloned().unwrap_or_default();
    let into = source.reference("merged_into").ok_or_else(|| forbidden(Verb::Unmerge, &state))?;
    let taker = scene.take(Collection::Incidents, into)?;
    if state_of(&taker) == "merged" {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            format!("{} đã được gộp tiếp: hãy tách vụ việc đó trước", taker.label()),
            format!("{} was merged on: undo that first", taker.label()),
        )
        .with("merged_into", taker.text("merged_into").unwrap_or_default()));
    }
    let ids = |name: &str| -> Vec<Uuid> {
        let list = moved.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|v| v.as_str()).filter_map(|t| Uuid::parse_str(t).ok()).collect()
    };
    let was = moved.get("state").and_then(Value::as_str).unwrap_or("reported").to_owned();
    let (taker_units, taker_queued) = (taker.references("unit_ids"), taker.references("queued_unit_ids"));
    let back: Vec<Uuid> = ids("unit_ids").into_iter().filter(|unit| taker_units.contains(unit)).collect();
    let waits: Vec<Uuid> = ids("queued_unit_ids").into_iter().filter(|unit| taker_queued.contains(unit)).collect();
    let (source_label, taker_label) = (source.label(), taker.label());
    forget(&mut source);
    source.remove("merged_into");

    let mut hand = Hand::new(scene, at, source);
    for unit in &back {
        move_unit(&mut hand, *unit, into, id)?;
    }
    for unit in &waits {
        move_wait(&mut hand, *unit, into, id)?;
    }
    // Its units were released or sent elsewhere meanwhile: nobody is on the way any more.
    let state_now = if was == "dispatched" && back.is_empty() { "verified".to_owned() } else { was };
    hand.set_state(id, &state_now)?;
    remove_callers(hand.change(Collection::Incidents, into)?, id);
    let taker = hand.change(Collection::Incidents, into)?;
    if state_of(taker) == "dispatched" && taker.references("unit_ids").is_empty() {
        hand.set_state(into, "verified")?;
    }
    let facts = json!({"from": "merged", "to": state_now, "unit_ids": back});
    hand.log("unmerged", id, None, format!("Tách khỏi {taker_label}"), facts);
    hand.log("unmerged", into, None, format!("Tách {source_label} ra"), json!({"unmerged": id, "unit_ids": back}));
    Ok(hand.finish())
}

/// Writes what moved into the merged incident, beside what was merged into it before.
fn remember(source: &mut Working, moved: &Value) {
    let mut all = source.properties.get("merged_from").cloned().unwrap_or_else(|| json!({}));
    all["moved"] = moved.clone();
    source.set("merged_from", all);
}

fn forget(source: &mut Working) {
    let Some(Value::Object(mut all)) = source.properties.remove("merged_from") else { return };
    all.remove("moved");
    if !all.is_empty() {
        source.set("merged_from", all);
    }
}

fn add_source(taker: &mut Working, id: Uuid) {
    let mut all = taker.properties.get("merged_from").cloned().unwrap_or_else(|| json!({}));
    let mut sources: Vec<Value> = all.get("sources").and_then(Value::as_array).cloned().unwrap_or_default();
    sources.retain(|known| known.as_str() != Some(&id.to_string()));
    sources.push(id.to_string().into());
    all["sources"] = sources.into();
    taker.set("merged_from", all);
}

fn callers_of(record: &Working) -> Vec<Value> {
    record.personal.get("callers").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn set_callers(record: &mut Working, callers: Vec<Value>) {
    if callers.is_empty() {
        record.personal.remove("callers");
    } else {
        record.personal.insert("callers".to_owned(), callers.into());
    }
}

fn add_callers(taker: &mut Working, from: Uuid, moved: Vec<Value>, count: i64) -> Result<(), Problem> {
    let mut callers = callers_of(taker);
    callers.extend(moved.into_iter().map(|mut caller| {
        // The copy in the target is marked with the incident it came with, so that it can go back with it.
        caller["incident_id"] = from.to_string().into();
        caller
    }));
    super::callers::check_room(&callers)?;
    set_callers(taker, callers);
    let known = taker.number("caller_count").unwrap_or(1.0) as i64;
    taker.set("caller_count", known + count);
    let mut all = taker.properties.get("merged_from").cloned().unwrap_or_else(|| json!({}));
    all["callers"][from.to_string()] = count.into();
    if all.to_string().len() > MERGED_FROM_CHARS_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            "vụ việc này đã nhận gộp quá nhiều vụ việc khác",
            "too many incidents were merged into this one",
        ));
    }
    taker.set("merged_from", all);
    Ok(())
}

fn remove_callers(taker: &mut Working, from: Uuid) {
    let key = from.to_string();
    let kept = callers_of(taker).into_iter().filter(|c| c["incident_id"].as_str() != Some(&key)).collect();
    set_callers(taker, kept);
    let Some(Value::Object(mut all)) = taker.properties.remove("merged_from") else { return };
    if let Some(sources) = all.get_mut("sources").and_then(Value::as_array_mut) {
        sources.retain(|known| known.as_str() != Some(&key));
    }
    let count = all.get_mut("callers").and_then(Value::as_object_mut).and_then(|counts| counts.remove(&key));
    let count = count.and_then(|count| count.as_i64()).unwrap_or(0);
    let known = taker.number("caller_count").unwrap_or(1.0) as i64;
    taker.set("caller_count", (known - count).max(1));
    all.retain(|_, value| {
        !(value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty))
    });
    if !all.is_empty() {
        taker.set("merged_from", all);
    }
}

/// Moves a unit at work from one incident to another; its status stays.
fn move_unit(hand: &mut Hand<'_, '_>, unit: Uuid, from: Uuid, to: Uuid) -> Result<(), Problem> {
    let record = hand.change(Collection::Units, unit)?;
    record.set("incident_id", to.to_string());
    let queue = without(&record.references("queued_incident_ids"), to);
    record.set_references("queued_incident_ids", &queue);
    let record = hand.change(Collection::Incidents, from)?;
    record.set_references("unit_ids", &without(&record.references("unit_ids"), unit));
    let record = hand.change(Collection::Incidents, to)?;
    let mut units = without(&record.references("unit_ids"), unit);
    units.push(unit);
    record.set_references("unit_ids", &units);
    record.set_references("queued_unit_ids", &without(&record.references("queued_unit_ids"), unit));
    hand.move_assignment(unit, from, to)
}

/// Moves what another force was asked for; it stays with the target when the merge is undone.
fn move_request(hand: &mut Hand<'_, '_>, unit: Uuid, from: Uuid, to: Uuid) -> Result<(), Problem> {
    let record = hand.change(Collection::Incidents, to)?;
    let mut asked = without(&record.references("requested_unit_ids"), unit);
    asked.push(unit);
    record.set_references("requested_unit_ids", &asked);
    hand.move_assignment(unit, from, to)
}

/// Moves a place in a unit's queue from one incident to another.
fn move_wait(hand: &mut Hand<'_, '_>, unit: Uuid, from: Uuid, to: Uuid) -> Result<(), Problem> {
    let record = hand.change(Collection::Incidents, from)?;
    record.set_references("queued_unit_ids", &without(&record.references("queued_unit_ids"), unit));
    let record = hand.change(Collection::Units, unit)?;
    let known = record.reference("incident_id") == Some(to) || record.references("queued_incident_ids").contains(&to);
    let queue: Vec<Uuid> = record
        .references("queued_incident_ids")
        .into_iter()
        .filter_map(|waiting| match waiting == from {
            true if known => None,
            true => Some(to),
            false => Some(waiting),
        })
        .collect();
    record.set_references("queued_incident_ids", &queue);
    if !known {
        let record = hand.change(Collection::Incidents, to)?;
        let mut waiting = record.references("queued_unit_ids");
        waiting.push(unit);
        record.set_references("queued_unit_ids", &waiting);
        return hand.move_assignment(unit, from, to);
    }
    match hand.assignment_of(from, unit) {
        Some(assignment) => hand.step(assignment, "cancelled"),
        None => Ok(()),
    }
}

/// The state of the target follows the units that came to it.
fn after_units_came(hand: &mut Hand<'_, '_>, into: Uuid, units: &[Uuid]) -> Result<(), Problem> {
    if units.is_empty() {
        return Ok(());
    }
    let at = hand.at;
    let on_scene = units
        .iter()
        .map(|unit| Ok(hand.read(Collection::Units, *unit)?.text("status") == Some("on_scene")))
        .collect::<Result<Vec<bool>, Problem>>()?
        .contains(&true);
    let record = hand.change(Collection::Incidents, into)?;
    record.set_first("first_assigned_at", at);
    let state = state_of(record);
    if on_scene && matches!(state.as_str(), "reported" | "verified" | "monitoring" | "dispatched") {
        record.set_first("first_on_scene_at", at);
        return hand.set_state(into, "in_progress");
    }
    if matches!(state.as_str(), "reported" | "verified" | "monitoring") {
        return hand.set_state(into, "dispatched");
    }
    Ok(())
}
