//! Alarms: raised with their cause, taken by a named person, over when the cause is gone.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::hand::Hand;
use super::scene::{Draft, Scene, Working, force_word};
use super::write::may;
use super::{Ask, Desk, Written};
use crate::domain::access::Deed;
use crate::domain::alarm::ends_when_taken;
use crate::domain::{Code, Collection, Force, Problem, Timestamp};
use crate::picture::{Feature, Picture};

impl Desk {
    /// A named person takes an alarm; whoever comes later is told who has. A telephone in the field cannot.
    ///
    /// # Errors
    /// `not_found`, `forbidden`, `version_conflict` with `present` if a version was named.
    pub async fn acknowledge_alarm(&self, ask: &Ask, id: Uuid) -> Result<Written, Problem> {
        may(&ask.actor, Deed::RunIncident)?;
        self.write_in_turn(ask, id, |scene| acknowledge(scene, id)).await
    }
}

fn acknowledge(scene: &Scene<'_>, id: Uuid) -> Result<Draft, Problem> {
    let record = scene.take_open(Collection::Alarms, id)?;
    if record.text("acknowledged_by").is_some() {
        return scene.already(Collection::Alarms, id);
    }
    if record.text("ended_at").is_some() {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            "báo động này đã hết: không còn gì để xác nhận",
            "the alarm is over: there is nothing to take any more",
        )
        .with("state", "ended"));
    }
    let at = scene.at()?;
    let mut hand = Hand::new(scene, at, record);
    hand.take_alarm(id)?;
    let record = hand.main().clone();
    let (kind, unit) = (record.text("kind").unwrap_or_default(), record.reference("unit_id"));
    let still_calls = match unit {
        Some(unit) if kind == "distress" => hand.read(Collection::Units, unit)?.text("status") == Some("distress"),
        _ => kind != "distress",
    };
    if ends_when_taken(kind) || !still_calls {
        hand.main().set_time("ended_at", at);
    }
    let text = format!("{} đã xác nhận: {}", scene.ask.actor.name, record.text("text").unwrap_or_default());
    let facts = json!({"alarm_id": id, "kind": kind});
    hand.log_about("alarm_taken", record.reference("incident_id"), unit, text, facts);
    Ok(hand.finish())
}

/// An alarm about a zone, to be put.
pub(super) fn about_zone(kind: &'static str, zone: Uuid, text: &str, at: Timestamp) -> Working {
    let mut alarm = Working::new(Collection::Alarms, Uuid::now_v7());
    alarm.set("kind", kind);
    alarm.set_time("raised_at", at);
    alarm.set("zone_id", zone.to_string());
    alarm.set("text", shortened(text));
    alarm
}

/// The alarm of this kind about the zone that is not over.
pub fn standing_about_zone<'a>(picture: &'a Picture, kind: &str, zone: Uuid) -> Option<&'a Arc<Feature>> {
    open_about(picture, zone).find(|alarm| alarm.text("kind").as_deref() == Some(kind))
}

/// Ends those alarms about a zone whose kind is meant.
pub(super) fn end_about_zone(
    scene: &Scene<'_>,
    draft: &mut Draft,
    zone: Uuid,
    at: Timestamp,
    is_meant: impl Fn(&str) -> bool,
) {
    for alarm in open_about(scene.picture, zone).filter(|alarm| alarm.text("kind").as_deref().is_some_and(&is_meant)) {
        let mut record = Working::of(Collection::Alarms, alarm);
        record.set_time("ended_at", at);
        draft.put(record, at);
    }
}

fn open_about(picture: &Picture, zone: Uuid) -> impl Iterator<Item = &Arc<Feature>> {
    let id = zone.to_string();
    let open = picture.layer(Collection::Alarms).iter().filter(|alarm| !alarm.is_ended());
    open.filter(move |alarm| alarm.text("zone_id").as_deref() == Some(&id))
}

impl Hand<'_, '_> {
    /// Raises an alarm, unless the same stands already.
    pub fn raise(
        &mut self,
        kind: &'static str,
        force: Option<Force>,
        assignment: Option<Uuid>,
        incident: Option<Uuid>,
        unit: Uuid,
        text: &str,
    ) {
        let is_same = |alarm: &Working| {
            alarm.text("kind") == Some(kind)
                && alarm.reference("unit_id") == Some(unit)
                && alarm.reference("assignment_id") == assignment
        };
        if self.open(Collection::Alarms).iter().any(is_same) {
            return;
        }
        let reference = |id: Option<Uuid>| id.map_or(Value::Null, |id| id.to_string().into());
        let mut alarm = self.new_alarm(kind, force, text);
        alarm.set("assignment_id", reference(assignment));
        alarm.set("incident_id", reference(incident));
        alarm.set("unit_id", unit.to_string());
        self.add(alarm);
    }

    /// An alarm to be filled in and held.
    pub fn new_alarm(&self, kind: &'static str, force: Option<Force>, text: &str) -> Working {
        let mut alarm = Working::new(Collection::Alarms, Uuid::now_v7());
        alarm.set("kind", kind);
        alarm.set_time("raised_at", self.at);
        alarm.set("force", force.map_or(Value::Null, |force| force_word(force).into()));
        alarm.set("text", shortened(text));
        alarm
    }

    /// Ends the alarms that are meant.
    pub fn end_alarms(&mut self, is_meant: impl Fn(&Working) -> bool) {
        let at = self.at;
        for alarm in self.open(Collection::Alarms).iter().filter(|alarm| is_meant(alarm)) {
            if let Ok(record) = self.change(Collection::Alarms, alarm.id) {
                record.set_time("ended_at", at);
            }
        }
    }

    /// Ends the distress of a unit: whoever clears it has taken the alarm.
    pub fn end_distress(&mut self, unit: Uuid) -> Result<(), Problem> {
        let is_meant = |a: &Working| a.text("kind") == Some("distress") && a.reference("unit_id") == Some(unit);
        let calls: Vec<Uuid> = self.open(Collection::Alarms).iter().filter(|a| is_meant(a)).map(|a| a.id).collect();
        calls.into_iter().try_for_each(|call| self.take_alarm(call))?;
        self.end_alarms(is_meant);
        Ok(())
    }

    /// Writes down who took an alarm, unless somebody has it.
    fn take_alarm(&mut self, id: Uuid) -> Result<(), Problem> {
        let (at, who) = (self.at, self.scene.ask.actor.name.clone());
        let record = self.change(Collection::Alarms, id)?;
        if record.text("acknowledged_by").is_none() {
            record.set_time("acknowledged_at", at);
            record.set("acknowledged_by", who);
        }
        Ok(())
    }
}

/// A text as long as an alarm's may be.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARS).collect()
}

/// Longest text of an alarm, characters (the field's own limit).
const TEXT_CHARS: usize = 200;
