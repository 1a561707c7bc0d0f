//! Reports of a disaster: what is sent is counted from the snapshot that the sending is decided on, and never changes
//! afterwards. The events themselves are written as records of any other collection are.

use serde_json::json;
use uuid::Uuid;

use super::incidents::limit;
use super::scene::{AHEAD_S_MAX, Draft, Entry, Scene, Working, past};
use super::write::may;
use super::{Ask, Desk, Written};
use crate::domain::access::{Area, Deed};
use crate::domain::disaster::{REPORTS_MAX, Reporter, check_times};
use crate::domain::disaster_damage::Damage;
use crate::domain::report_deadline::Kind;
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::report::disaster::{Compiled, EventTold, Sent, data_at_vi};

/// Longest text beside the figures, characters.
const TEXT_CHARS_MAX: usize = 4_000;
/// Longest name of an event that a report repeats in its own, characters.
const EVENT_NAME_CHARS: usize = 100;

/// A report as its sender wants it.
#[derive(Clone, Debug)]
pub struct DisasterReportCall {
    pub reporter: Reporter,
    pub kind: Kind,
    /// Of when the figures are; the present if `None`.
    pub data_at: Option<Timestamp>,
    /// Damage as it was entered. If `None`: the province's is the sum of what its communes sent last, a commune's is none.
    pub damage: Option<Damage>,
    pub text: Option<String>,
    /// The report that it corrects.
    pub corrects: Option<Uuid>,
    /// What whoever sends it is called.
    pub label: String,
}

impl Desk {
    /// Sends a report of an event: counts, freezes, numbers it.
    ///
    /// # Errors
    /// `forbidden` for whose report it is not; `not_found`; `unknown_reference` for a commune that there is not or that the
    /// event does not touch, and for a report to correct that is not one of these; `too_early` for a consolidated report of
    /// what goes on; `future_time` and `invalid_value` for figures of a time outside the event; `forbidden_transition` for
    /// an event that was taken back; `limit_exceeded`.
    pub async fn send_disaster_report(
        &self,
        ask: &Ask,
        event: Uuid,
        call: &DisasterReportCall,
    ) -> Result<Written, Problem> {
        may(&ask.actor, Deed::ReportDisaster)?;
        limit("text", call.text.as_deref().unwrap_or_default(), TEXT_CHARS_MAX)?;
        self.write_in_turn(ask, call.reporter.turn(event), |scene| decide(scene, event, call)).await
    }
}

/// The event as it stands, for a draft or a report with figures of `at`.
///
/// # Errors
/// `not_found`, `unknown_reference`, `future_time`, `invalid_value`.
pub fn check_asked(
    event: Option<EventTold>,
    reporter: &Reporter,
    is_commune: impl Fn(&str) -> bool,
    at: Timestamp,
    now: Timestamp,
) -> Result<EventTold, Problem> {
    let event =
        event.ok_or_else(|| Problem::new(Code::NotFound, "không có đợt thiên tai này", "there is no such event"))?;
    if let Some(code) = reporter.commune()
        && !(is_commune(code) && event.touches(code))
    {
        return Err(Problem::new(
            Code::UnknownReference,
            format!("đợt thiên tai này không ghi xã mang mã {code}"),
            format!("the event touches no commune with the code {code}"),
        )
        .at("/commune_code"));
    }
    past(at, now, "/data_at")?;
    if at < event.started_at {
        return Err(Problem::new(
            Code::InvalidValue,
            format!("data_at: trước khi đợt thiên tai bắt đầu ({})", event.started_at.told_text()),
            format!("data_at: lies before the event began ({})", event.started_at),
        )
        .at("/data_at"));
    }
    Ok(event)
}

/// What must hold of an event beyond its fields.
///
/// # Errors
/// `forbidden` for whoever answers for a part of the province; `unknown_reference` for a commune that there is not; as
/// [`check_times`].
pub(super) fn check_event(scene: &Scene<'_>, record: &Working) -> Result<(), Problem> {
    if scene.ask.actor.area != Area::Province {
        return Err(Problem::new(
            Code::Forbidden,
            "đợt thiên tai do cấp tỉnh mở và kết thúc",
            "events are opened and ended by the province",
        ));
    }
    let codes = record.properties.get("communes").and_then(serde_json::Value::as_array).into_iter().flatten();
    for (n, code) in codes.filter_map(serde_json::Value::as_str).enumerate() {
        if scene.ground.commune(code).is_none() {
            return Err(Problem::new(
                Code::UnknownReference,
                format!("không có xã mang mã {code}"),
                format!("there is no commune with the code {code}"),
            )
            .at(&format!("/properties/communes/{n}")));
        }
    }
    let Some(from) = record.time("started_at") else { return Ok(()) };
    check_times(from, record.time("finished_at"), scene.now, scene.now.plus_s(AHEAD_S_MAX))
}

fn decide(scene: &Scene<'_>, event_id: Uuid, call: &DisasterReportCall) -> Result<Draft, Problem> {
    let (actor, reporter) = (&scene.ask.actor, &call.reporter);
    if !reporter.is_answered_by(actor) {
        return Err(Problem::new(
            Code::Forbidden,
            "báo cáo của xã do chính quyền xã gửi; báo cáo của tỉnh do trực ban hoặc chỉ huy tỉnh gửi",
            "a commune's report is sent by its own authority, the province's by whoever is on duty or in command",
        ));
    }
    let at = call.data_at.unwrap_or(scene.now);
    let event = scene.take(Collection::DisasterEvents, event_id)?;
    if event.properties.contains_key("ended_at") {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            "đợt thiên tai này đã rút khỏi danh sách",
            "this event was taken back",
        ));
    }
    let told = scene.feature(Collection::DisasterEvents, event_id).and_then(|feature| EventTold::of(feature));
    let is_commune = |code: &str| scene.ground.commune(code).is_some();
    let told = check_asked(told, reporter, is_commune, at, scene.now)?;
    if call.kind == Kind::Consolidated && told.finished_at.is_none() {
        return Err(Problem::new(
            Code::TooEarly,
            "báo cáo tổng hợp chỉ gửi sau khi đợt thiên tai kết thúc",
            "a consolidated report is sent once the event has ended",
        ));
    }
    let view = scene.view();
    let before = told.sent(&view, Some(reporter));
    if before.len() >= REPORTS_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("đã gửi {REPORTS_MAX} báo cáo của đợt này"),
            format!("{REPORTS_MAX} reports of this event were sent"),
        ));
    }
    if let Some(corrects) = call.corrects {
        check_corrects(&before, corrects, call.kind)?;
    }
    let number = before.len() + 1;
    let compiled = Compiled::of(&view, told, reporter.clone(), at);
    let record = written(scene, &compiled, call, number);
    let mut draft = Draft::default();
    let text = format!("{}: đã gửi, {}", record.label(), data_at_vi(at));
    let facts = json!({
        "event_id": event_id, "report_id": record.id, "level": reporter.level(), "kind": call.kind,
        "commune_code": reporter.commune(),
    });
    draft.put(record, at);
    draft.read(&event);
    // The log names no figure: more people read it than reports.
    draft.log(
        scene,
        scene.now,
        Entry { kind: "disaster_report_sent", text, facts, incident: None, unit: None, zone: None },
    );
    Ok(draft)
}

fn written(scene: &Scene<'_>, compiled: &Compiled, call: &DisasterReportCall, number: usize) -> Working {
    // The id follows from the number, so that of two nodes that would give one number the store lets one through.
    let id = Uuid::new_v5(&call.reporter.turn(compiled.event.id), number.to_string().as_bytes());
    let mut record = Working::new(Collection::DisasterReports, id);
    let event: String = compiled.event.name.chars().take(EVENT_NAME_CHARS).collect();
    let whose = compiled.reporter_name();
    record.set("event_id", compiled.event.id.to_string());
    record.set("name", format!("{} số {number} – {event} – {whose}", call.kind.title_vi()));
    record.set("level", call.reporter.level().as_str());
    record.set("kind", call.kind.as_str());
    record.set("number", number);
    record.set("admin_unit", call.reporter.commune());
    record.set_time("data_at", compiled.data_at);
    record.set("figures", compiled.frozen_figures());
    let damage = match (&call.damage, &call.reporter) {
        (Some(entered), _) => entered.to_value(),
        (None, Reporter::Province) => compiled.damage.to_value(),
        (None, Reporter::Commune(_)) => json!({}),
    };
    record.set("damage", damage);
    if call.reporter == Reporter::Province {
        record.set("communes", compiled.frozen_communes());
    }
    record.set("text", call.text.as_deref().map(str::trim).filter(|text| !text.is_empty()));
    record.set("corrects_id", call.corrects.map(|id| id.to_string()));
    record.set("counted_seq", scene.picture.seq);
    record.set_time("sent_at", scene.now);
    record.set("sent_by", scene.ask.actor.name.as_str());
    record.set("sent_label", call.label.as_str());
    record
}

/// A correction names a report of the same event, reporter and sort, which no other has corrected yet.
fn check_corrects(before: &[Sent], corrects: Uuid, kind: Kind) -> Result<(), Problem> {
    let Some(old) = before.iter().find(|sent| sent.id == corrects) else {
        return Err(Problem::new(
            Code::UnknownReference,
            "corrects_id: không có báo cáo này trong các báo cáo đã gửi",
            "corrects_id: there is no such report among those that were sent",
        )
        .at("/corrects_id"));
    };
    if old.kind != kind {
        return Err(Problem::new(
            Code::InvalidValue,
            format!("kind: báo cáo được đính chính là {}", old.kind.title_vi()),
            format!("kind: the report to correct is a {} one", old.kind.as_str()),
        )
        .at("/kind"));
    }
    match before.iter().find(|sent| sent.corrects == Some(corrects)) {
        None => Ok(()),
        Some(newer) => Err(Problem::new(
            Code::InvalidValue,
            format!("corrects_id: báo cáo này đã được đính chính bởi số {}", newer.number),
            format!("corrects_id: number {} has corrected this report already", newer.number),
        )
        .at("/corrects_id")
        .with("corrected_by", newer.id.to_string())),
    }
}
