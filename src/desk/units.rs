//! What a unit does and where it is, as told. Status time and fix time are two things.

use serde_json::json;
use uuid::Uuid;

use super::hand::Hand;
use super::incidents::{limit, needed};
use super::scene::{Draft, Scene, past};
use super::write::may;
use super::{Ask, Desk, Positioned, RadioPosition, StatusReport, Written, words};
use crate::domain::access::Deed;
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
    let mut record = scene.take_open(Collection::Units, id)?;
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
    let label = record.label();
    let late = record.time("status_at").is_some_and(|known| known > at);
    let incident = record.reference("incident_id");
    if !late {
        record.set("status", to);
        record.set_time("status_at", at);
        record.set("status_by", scene.ask.actor.name.as_str());
        record.set("status_source", source);
    }
    let mut hand = Hand::new(scene, at, record);
    let mut facts = json!({"from": from, "to": to, "source": source});
    let mut text = format!("{label}: {} ({})", words::unit_status(to), words::status_source(source));
    if late {
        facts["late"] = true.into();
        text.push_str(", báo muộn, trạng thái hiện tại không đổi");
    }
    let incident = incident.filter(|incident| hand.read(Collection::Incidents, *incident).is_ok());
    if let (Some(incident), "on_scene") = (incident, to) {
        let record = hand.change(Collection::Incidents, incident)?;
        record.set_first("first_on_scene_at", at);
        if record.text("state") == Some("dispatched") {
            hand.set_state(incident, "in_progress")?;
            let facts = json!({"from": "dispatched", "to": "in_progress", "unit_id": id});
            hand.log("started", incident, Some(id), format!("{label} đã đến hiện trường"), facts);
        }
    }
    hand.log_unit(id, incident, text, facts);
    Ok(hand.finish())
}
