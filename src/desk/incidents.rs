//! The verbs that lead an incident through its life. Each writes its entry in the duty log in the same append.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::course::Leaving;
use super::hand::Hand;
use super::scene::{Draft, Scene, Working};
use super::write::may;
use super::{Ask, Desk, IncidentVerb, Update, Written, words};
use crate::domain::access::Deed;
use crate::domain::transition::{Leads, Verb, forbidden, leads};
use crate::domain::{Code, Collection, Problem, incident, schema};

/// Longest remark with a verb, characters: with the words around it an entry stays within the log's own limit.
const TEXT_CHARS_MAX: usize = 3_000;
/// Longest reason, agency or record number, characters.
const SHORT_CHARS_MAX: usize = 200;

impl Desk {
    /// One verb on an incident (`If-Match` needed, but for `Acknowledge`).
    ///
    /// # Errors
    /// `forbidden_transition` with `state`, `allowed` states and `verbs`; `version_conflict` with `present`;
    /// `precondition_required`, `missing_field`, `invalid_value`, `not_found`, `forbidden`.
    pub async fn incident(&self, ask: &Ask, id: Uuid, verb: IncidentVerb) -> Result<Written, Problem> {
        may(&ask.actor, Deed::RunIncident)?;
        check(&verb)?;
        if matches!(verb, IncidentVerb::Acknowledge) {
            return self.write_in_turn(ask, id, |scene| acknowledge(scene, id)).await;
        }
        self.write(ask, |scene| decide(scene, id, &verb)).await
    }
}

/// The decision on one verb, on the record that `If-Match` names.
pub(super) fn decide(scene: &Scene<'_>, id: Uuid, verb: &IncidentVerb) -> Result<Draft, Problem> {
    let record = scene.take_matching(Collection::Incidents, id)?;
    match verb {
        IncidentVerb::Merge { into } => return super::merge::merge(scene, record, *into),
        IncidentVerb::Unmerge => return super::merge::unmerge(scene, record),
        _ => {}
    }
    let at = scene.at()?;
    let from = state_of(&record);
    let to = target(kind_of(verb), &from)?;
    let mut hand = Hand::new(scene, at, record);
    let mut facts = json!({"from": from, "to": to});
    if to != from {
        hand.set_state(id, to)?;
    }
    let (kind, text) = match verb {
        IncidentVerb::Verify { text } => {
            hand.main().set_first("verified_at", at);
            ("verified", words::with_more("Đã xác minh".to_owned(), text.as_deref()))
        }
        IncidentVerb::Reject { reason } => {
            hand.main().set_time("closed_at", at);
            // A reported incident has nobody at work, but busy units may have it in their queue.
            release_all(&mut hand, id)?;
            ("rejected", format!("Không xác nhận: {}", reason.trim()))
        }
        IncidentVerb::Monitor { text } => {
            ("monitoring", words::with_more("Chuyển sang theo dõi".to_owned(), text.as_deref()))
        }
        IncidentVerb::Start { text } => {
            hand.main().remove("contained_at");
            ("started", words::with_more("Bắt đầu xử lý".to_owned(), text.as_deref()))
        }
        IncidentVerb::Contain { text } => {
            hand.main().set_time("contained_at", at);
            ("contained", words::with_more("Đã kiểm soát".to_owned(), text.as_deref()))
        }
        IncidentVerb::Update(update) => ("updated", apply_update(hand.main(), update, &mut facts)),
        IncidentVerb::HandOver { agency, record_no, text } => {
            let (agency, record_no) = (agency.trim(), record_no.trim());
            hand.main().set("receiving_agency", agency);
            hand.main().set("record_no", record_no);
            facts["receiving_agency"] = agency.into();
            facts["record_no"] = record_no.into();
            let text = words::with_more(format!("Bàn giao cho {agency}, biên bản số {record_no}"), text.as_deref());
            ("handed_over", text)
        }
        IncidentVerb::Close { outcome, text } => {
            hand.main().set("outcome", outcome.as_str());
            hand.main().set_time("closed_at", at);
            facts["outcome"] = outcome.as_str().into();
            release_all(&mut hand, id)?;
            let text = words::with_more(format!("Kết thúc: {}", words::outcome(outcome)), text.as_deref());
            ("closed", text)
        }
        IncidentVerb::Reopen { reason } => {
            // Whatever a closed incident had pending is over: it must not close or alarm by itself again.
            for timer in ["closed_at", "outcome", "contained_at", "acknowledged_at", "acknowledged_by"] {
                hand.main().remove(timer);
            }
            ("reopened", format!("Mở lại: {}", reason.trim()))
        }
        IncidentVerb::Merge { .. } | IncidentVerb::Unmerge | IncidentVerb::Acknowledge => {
            return Err(forbidden(kind_of(verb), &from));
        }
    };
    hand.log(kind, id, None, text, facts);
    Ok(hand.finish())
}

/// The first named person who takes the alarm has it; whoever comes later is told who has.
fn acknowledge(scene: &Scene<'_>, id: Uuid) -> Result<Draft, Problem> {
    let mut record = scene.take_open(Collection::Incidents, id)?;
    if record.properties.contains_key("acknowledged_by") {
        return scene.already(Collection::Incidents, id);
    }
    let state = state_of(&record);
    target(Verb::Acknowledge, &state)?;
    let at = scene.at()?;
    let who = scene.ask.actor.name.clone();
    record.set_time("acknowledged_at", at);
    record.set("acknowledged_by", who.as_str());
    let mut hand = Hand::new(scene, at, record);
    hand.log("acknowledged", id, None, format!("{who} đã tiếp nhận"), json!({"from": state, "to": state}));
    Ok(hand.finish())
}

/// Where an incident stands.
pub(super) fn state_of(record: &Working) -> String {
    record.text("state").unwrap_or("reported").to_owned()
}

/// Where `verb` leads from `state`, or the refusal.
pub(super) fn target(verb: Verb, state: &str) -> Result<&'static str, Problem> {
    match leads(verb, state) {
        Some(Leads::To(next)) => Ok(next),
        Some(Leads::Stays | Leads::Back) => {
            incident::STATES.iter().copied().find(|known| *known == state).ok_or_else(|| forbidden(verb, state))
        }
        None => Err(forbidden(verb, state)),
    }
}

/// Frees all units, those at work, those in whose queue it waits and those that were asked for; its alarms are over.
pub(super) fn release_all(hand: &mut Hand<'_, '_>, id: Uuid) -> Result<(), Problem> {
    let record = hand.main();
    let lists = ["unit_ids", "queued_unit_ids", "requested_unit_ids"];
    let units: Vec<Uuid> = lists.iter().flat_map(|list| record.references(list)).collect();
    for unit in units {
        hand.free(id, unit, false, Leaving::Released)?;
    }
    let is_here = |record: &Working| record.reference("incident_id") == Some(id);
    let proposed: Vec<Uuid> =
        hand.open(Collection::Assignments).iter().filter(|a| is_here(a)).map(|proposal| proposal.id).collect();
    proposed.into_iter().try_for_each(|proposal| hand.step(proposal, "cancelled"))?;
    // Whoever calls for help calls on, whatever becomes of the incident.
    hand.end_alarms(|alarm| is_here(alarm) && alarm.text("kind") != Some("distress"));
    Ok(())
}

fn apply_update(record: &mut Working, update: &Update, facts: &mut Value) -> String {
    let numbers = [
        ("severity", update.severity),
        ("dead", update.dead),
        ("missing", update.missing),
        ("injured", update.injured),
        ("rescued", update.rescued),
    ];
    let mut changed = Map::new();
    for (name, value) in numbers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        let before = record.properties.get(name).cloned().unwrap_or_default();
        changed.insert(name.to_owned(), json!({"from": before, "to": value}));
        record.set(name, value);
    }
    facts["changed"] = Value::Object(changed);
    update.text.trim().to_owned()
}

fn kind_of(verb: &IncidentVerb) -> Verb {
    match verb {
        IncidentVerb::Verify { .. } => Verb::Verify,
        IncidentVerb::Reject { .. } => Verb::Reject,
        IncidentVerb::Merge { .. } => Verb::Merge,
        IncidentVerb::Unmerge => Verb::Unmerge,
        IncidentVerb::Monitor { .. } => Verb::Monitor,
        IncidentVerb::Start { .. } => Verb::Start,
        IncidentVerb::Contain { .. } => Verb::Contain,
        IncidentVerb::Update(_) => Verb::Update,
        IncidentVerb::HandOver { .. } => Verb::HandOver,
        IncidentVerb::Close { .. } => Verb::Close,
        IncidentVerb::Reopen { .. } => Verb::Reopen,
        IncidentVerb::Acknowledge => Verb::Acknowledge,
    }
}

/// What a verb needs, checked before anything is decided.
fn check(verb: &IncidentVerb) -> Result<(), Problem> {
    let remark = |text: &Option<String>| text.as_deref().map_or(Ok(()), |text| limit("text", text, TEXT_CHARS_MAX));
    match verb {
        IncidentVerb::Verify { text }
        | IncidentVerb::Monitor { text }
        | IncidentVerb::Start { text }
        | IncidentVerb::Contain { text } => remark(text),
        IncidentVerb::Reject { reason } | IncidentVerb::Reopen { reason } => needed("reason", reason),
        IncidentVerb::Update(update) => {
            needed_up_to("text", &update.text, TEXT_CHARS_MAX)?;
            let numbers = [
                ("severity", update.severity),
                ("dead", update.dead),
                ("missing", update.missing),
                ("injured", update.injured),
                ("rescued", update.rescued),
            ];
            for (name, value) in numbers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                schema::find(Collection::Incidents, name)
                    .map_or(Ok(Value::Null), |field| field.canonical(&value.into(), &format!("/{name}")))?;
            }
            Ok(())
        }
        IncidentVerb::HandOver { agency, record_no, text } => {
            needed("agency", agency)?;
            needed_up_to("record_no", record_no, 100)?;
            remark(text)
        }
        IncidentVerb::Close { outcome, text } => {
            needed("outcome", outcome)?;
            schema::find(Collection::Incidents, "outcome")
                .map_or(Ok(Value::Null), |field| field.canonical(&outcome.as_str().into(), "/outcome"))?;
            remark(text)
        }
        IncidentVerb::Merge { .. } | IncidentVerb::Unmerge | IncidentVerb::Acknowledge => Ok(()),
    }
}

/// A short text that a verb cannot do without.
pub(super) fn needed(name: &str, text: &str) -> Result<(), Problem> {
    needed_up_to(name, text, SHORT_CHARS_MAX)
}

pub(super) fn needed_up_to(name: &str, text: &str, max_chars: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new(Code::MissingField, format!("thiếu {name}"), format!("{name} is missing"))
            .at(&format!("/{name}")));
    }
    limit(name, text, max_chars)
}

/// A text that must not be longer, nor hide anything.
pub(super) fn limit(name: &str, text: &str, max_chars: usize) -> Result<(), Problem> {
    if text.chars().count() > max_chars {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("{name}: dài quá {max_chars} ký tự"),
            format!("{name}: longer than {max_chars} characters"),
        )
        .at(&format!("/{name}")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
        return Err(Problem::new(
            Code::InvalidValue,
            format!("{name}: có ký tự điều khiển"),
            format!("{name}: has a control character"),
        )
        .at(&format!("/{name}")));
    }
    Ok(())
}
