//! What a unit does and where it is, as told. Status time and fix time are two things.

use serde_json::json;
use uuid::Uuid;

use super::hand::Hand;
use super::incidents::{limit, needed};
use super::scene::{Draft, Scene, past};
use super::write::may;
use super::{Ask, Desk, Positioned, RadioPosition, StatusReport, Written, words};
use crate::domain::access::Deed;
use crate::domain::assignment::{SOURCES, Step};
use crate::domain::{Actor, Code, Collection, Fix, FixSource, Problem, Role, schema};

impl Desk {
    /// Sets a unit's status; `If-Match` is checked if it was sent. A field unit only its own. On scene at its
    /// incident, the incident is in progress. A status older than the known one is logged and changes nothing else.
    ///
    /// # Errors
    /// `forbidden` for another's unit, `forbidden_transition` (a unit does not clear its own distress),
    /// `invalid_value`, `version_conflict` with `present`, `future_time`, `not_found`.
    pub async fn set_status(&self, ask: &Ask, unit: Uuid, report: StatusReport) -> Result<Written, Problem> {
        may_speak_for(&ask.actor, unit)?;
        for (name, text) in [("status", Some(&report.status)), ("status_source", report.source.as_ref())] {
            let field = schema::find(Collection::Units, name).zip(text);
            field.map_or(Ok(None), |(field, text)| field.canonical(&text.as_str().into(), "/status").map(Some))?;
        }
        needed("status", &report.status)?;
        self.write_in_turn(ask, unit, |scene| decide_status(scene, unit, &report)).await
    }

    /// Puts a unit where somebody heard that it is: a fix with source `radio`. A position older than the known one
    /// is not taken and said so.
    ///
    /// # Errors
    /// `forbidden`, `not_found`, `place_not_found` (also where only the commune is known), `future_time`.
    pub async fn set_position(&self, ask: &Ask, unit: Uuid, position: RadioPosition) -> Result<Positioned, Problem> {
        may_speak_for(&ask.actor, unit)?;
        let now = self.now();
        let at = ask.at.unwrap_or(now);
        past(at, now, "/at")?;
        let heard_by = position.heard_by.as_deref().map_or(ask.actor.name.as_str(), str::trim);
        limit("heard_by", heard_by, 200)?;
        let view = self.picture.view(&ask.actor, now);
        let seen = view.item(Collection::Units, unit).filter(|unit| unit.is_record() && !unit.is_ended());
        let known = seen.ok_or_else(|| {
            Problem::new(Code::NotFound, format!("không có đơn vị {unit}"), format!("there is no unit {unit}"))
        })?;
        let newest = known.text("fix_at").and_then(|text| crate::domain::Timestamp::parse(&text).ok());
        if newest.is_some_and(|newest| newest >= at) {
            return Ok(Positioned { unit_id: unit, seq: view.seq(), stale: true });
        }
        let found = self.resolve(&view, &position.place)?;
        let Some(geo_types::Geometry::Point(point)) = found.geometry else {
            return Err(Problem::new(
                Code::PlaceNotFound,
                "cần một điểm: chỉ biết xã thì chưa đủ cho vị trí của đơn vị",
                "a unit's position needs a point: the commune alone is not enough",
            )
            .at("/place"));
        };
        let fix = Fix {
            unit_id: unit,
            lon: point.x(),
            lat: point.y(),
            at,
            accuracy_m: position.accuracy_m.or(found.accuracy_m),
            speed_mps: None,
            course_deg: None,
            source: FixSource::Radio,
            heard_by: Some(heard_by.into()),
        };
        let seq = self.append_fixes(vec![fix]).await?;
        Ok(Positioned { unit_id: unit, seq, stale: false })
    }
}

/// Refuses whoever may not report on units, and a field unit that speaks for another.
pub(super) fn may_speak_for(actor: &Actor, unit: Uuid) -> Result<(), Problem> {
    may(actor, Deed::ReportUnit)?;
    if actor.role == Role::FieldUnit && actor.unit_id != Some(unit) {
        return Err(Problem::new(
            Code::Forbidden,
            "bạn chỉ được báo cho đơn vị của mình",
            "you may report for your own unit only",
        ));
    }
    Ok(())
}

fn decide_status(scene: &Scene<'_>, id: Uuid, report: &StatusReport) -> Result<Draft, Problem> {
    let record = scene.take_open(Collection::Units, id)?;
    if record.text("ended_at").is_some() {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            format!("{} không còn trong danh sách", record.label()),
            format!("{} was ended", record.label()),
        ));
    }
    let at = scene.at()?;
    let own = scene.ask.actor.role == Role::FieldUnit;
    let source = report.source.as_deref().unwrap_or(if own { "own" } else { "desk" });
    let from = record.text("status").unwrap_or("available").to_owned();
    let to = report.status.as_str();
    if from == "distress" && to != "distress" && (own || source == "own") {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            "đơn vị không tự huỷ được báo động cấp cứu: trực ban phải xác nhận",
            "a unit does not clear its own distress: the duty officer confirms it",
        )
        .with("state", "distress")
        .with("allowed", json!(["distress"])));
    }
    let mut hand = Hand::new(scene, at, record);
    hand.source = SOURCES.iter().copied().find(|known| *known == source).unwrap_or("desk");
    tell_status(&mut hand, id, to)?;
    Ok(hand.finish())
}

/// What follows from a status, whoever tells it and by whichever door: the unit's own record, its assignment, its
/// incident, alarms, the log.
pub(super) fn tell_status(hand: &mut Hand<'_, '_>, id: Uuid, to: &str) -> Result<(), Problem> {
    let (at, source) = (hand.at, hand.source);
    let record = hand.read(Collection::Units, id)?;
    let (label, incident) = (record.label(), record.reference("incident_id"));
    let from = record.text("status").unwrap_or("available").to_owned();
    let late = record.time("status_at").is_some_and(|known| known > at);
    if !late {
        hand.set_unit_status(id, to)?;
    }
    let mut facts = json!({"from": from, "to": to, "source": source});
    let mut text = format!("{label}: {} ({}", words::unit_status(to), words::status_source(source));
    if let Some(heard) = hand.told_by.clone() {
        text.push_str(&format!(": {heard}"));
        facts["told_by"] = heard.into();
    }
    text.push(')');
    if late {
        facts["late"] = true.into();
        text.push_str(", báo muộn, trạng thái hiện tại không đổi");
    }
    let incident = incident.filter(|incident| hand.read(Collection::Incidents, *incident).is_ok());
    if let Some(incident) = incident {
        move_along(hand, id, incident, to)?;
    }
    match (from.as_str(), to) {
        // However late: whoever called for help and was not heard must be heard now.
        (_, "distress") => hand.raise("distress", None, None, incident, id, &format!("{label} báo cấp cứu")),
        ("distress", _) if !late => hand.end_distress(id)?,
        _ => {}
    }
    hand.log_unit(id, incident, text, facts);
    Ok(())
}

/// What a unit's word does to the incident it works on, and to its assignment there.
pub(super) fn move_along(hand: &mut Hand<'_, '_>, unit: Uuid, incident: Uuid, to: &str) -> Result<(), Problem> {
    let at = hand.at;
    if let Some((step, assignment)) = Step::of_status(to).zip(hand.assignment_of(incident, unit)) {
        hand.word_of_unit(assignment, step)?;
    }
    if to != "on_scene" {
        return Ok(());
    }
    let label = hand.read(Collection::Units, unit)?.label();
    let record = hand.change(Collection::Incidents, incident)?;
    record.set_first("first_on_scene_at", at);
    if record.text("state") == Some("dispatched") {
        hand.set_state(incident, "in_progress")?;
        let facts = json!({"from": "dispatched", "to": "in_progress", "unit_id": unit});
        hand.log("started", incident, Some(unit), format!("{label} đã đến hiện trường"), facts);
    }
    Ok(())
}
