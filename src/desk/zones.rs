//! The life of a risk zone, and instructions of the duty log that are done.

use serde_json::{Value, json};
use uuid::Uuid;

use super::alarms::end_about_zone;
use super::incidents::{limit, needed};
use super::scene::{Draft, Entry, Scene, Working};
use super::write::may;
use super::{Ask, Desk, Item, Patch, SetLevel, Written, approvals, fences, items, warnings, zone_ends};
use crate::domain::access::Deed;
use crate::domain::{Actor, Code, Collection, Problem, Timestamp, zone};

/// Longest reason of a level and longest name of whoever gave it, characters.
const LEVEL_REASON_CHARS_MAX: usize = 1_000;
pub(super) const TOLD_BY_CHARS_MAX: usize = 200;

impl Desk {
    /// Revokes a zone (`If-Match` needed).
    ///
    /// # Errors
    /// `forbidden_transition` if it is over, `missing_field` without a reason, `version_conflict` with `present`,
    /// `precondition_required`, `not_found`, `forbidden`.
    pub async fn end_zone(&self, ask: &Ask, zone: Uuid, reason: String) -> Result<Written, Problem> {
        may(&ask.actor, Deed::DrawZone)?;
        needed("reason", &reason)?;
        self.write(ask, |scene| revoke(scene, zone, &reason)).await
    }

    /// Sets the level that counts here, whatever was computed or issued (`If-Match` needed): a commander's word, or that of
    /// one who was told by telephone.
    ///
    /// # Errors
    /// `missing_field` without a reason, `limit_exceeded`, `forbidden_transition` if the zone is over, `version_conflict`
    /// with `present`, `precondition_required`, `not_found`, `forbidden`.
    pub async fn set_zone_level(&self, ask: &Ask, zone: Uuid, level: SetLevel) -> Result<Written, Problem> {
        may(&ask.actor, Deed::SetLevel)?;
        needed("reason", &level.reason)?;
        limit("reason", &level.reason, LEVEL_REASON_CHARS_MAX)?;
        limit("told_by", level.told_by.as_deref().unwrap_or_default(), TOLD_BY_CHARS_MAX)?;
        self.write(ask, |scene| set_level(scene, zone, &level)).await
    }

    /// What time makes of a zone: `approved` comes into force at its start, `in_force` expires at its end, or waits again
    /// for a second person who has not agreed in time. Called by the watch; a zone that is not due is answered as it stands.
    ///
    /// # Errors
    /// `not_found`, or the problem of the store.
    pub async fn turn_zone(&self, zone: Uuid) -> Result<Written, Problem> {
        let ask = Ask::by(Actor::system());
        self.write_in_turn(&ask, zone, |scene| turn(scene, zone)).await
    }

    /// Marks an instruction of the duty log as done; needs no `If-Match`, the first one wins and later ones are
    /// answered with who it was.
    ///
    /// # Errors
    /// `not_found`, `forbidden_transition` for an entry that is no instruction, `forbidden`.
    pub async fn log_done(&self, ask: &Ask, entry: Uuid) -> Result<Written, Problem> {
        may(&ask.actor, Deed::WriteLog)?;
        self.write_in_turn(ask, entry, |scene| done(scene, entry)).await
    }
}

fn turn(scene: &Scene<'_>, id: Uuid) -> Result<Draft, Problem> {
    let mut record = scene.take(Collection::RiskZones, id)?;
    let state = record.text("state").unwrap_or_default().to_owned();
    let (from, to) = (record.time("valid_from"), record.time("valid_to"));
    let over = to.is_some_and(|to| to <= scene.now);
    let begun = from.is_some_and(|from| from <= scene.now);
    let lapses = record.time("provisional_until").filter(|until| *until <= scene.now);
    let (next, at, kind, text) = match (state.as_str(), lapses) {
        ("approved" | "in_force", _) if over => ("expired", to.unwrap_or(scene.now), "zone_ended", "hết hiệu lực"),
        ("approved" | "in_force", Some(until)) => ("proposed", until, "zone_lapsed", approvals::LAPSED_VI),
        ("approved", None) if begun => ("in_force", from.unwrap_or(scene.now), "zone_edited", "bắt đầu có hiệu lực"),
        _ => return scene.already(Collection::RiskZones, id),
    };
    record.set("state", next);
    match next {
        "expired" => {
            record.set_time("ended_at", at);
            record.set("ended_by", scene.ask.actor.name.as_str());
        }
        "proposed" => approvals::lapse(&mut record),
        _ => {}
    }
    let entry = entry(&record, kind, format!("{} {text}", record.label()), json!({"from": state, "to": next}));
    let mut draft = Draft::default();
    draft.put(record.clone(), at);
    draft.log(scene, at, entry);
    if next != "in_force" {
        cease(scene, &mut draft, &record, at);
        zone_ends::tell_ended(scene, &mut draft, &record, at);
    }
    Ok(draft)
}

/// What holds no longer once a zone does not: its fence, its alarms; its warning must be taken down.
fn cease(scene: &Scene<'_>, draft: &mut Draft, zone: &Working, at: Timestamp) {
    fences::end_with_zone(scene, draft, zone.id, at);
    end_about_zone(scene, draft, zone.id, at, |kind| matches!(kind, "zone_expiring" | "level_risen"));
    warnings::zone_is_over(scene, draft, zone, at);
}

pub(super) fn entry(record: &Working, kind: &'static str, text: String, facts: Value) -> Entry<'static> {
    Entry { kind, text, facts, incident: None, unit: None, zone: Some(record.id) }
}

/// A new zone: in force at once, or `approved` until it begins; what it supersedes ends with it.
pub(super) fn create(scene: &Scene<'_>, id: Uuid, item: &Item) -> Result<Draft, Problem> {
    let at = scene.at()?;
    let mut record = items::new_record(scene, Collection::RiskZones, id, item)?;
    approvals::draw(scene, &mut record, None)?;
    if record.integer("level").is_some() {
        mark_level(&mut record, scene, at);
    }
    let mut draft = Draft::default();
    let text = format!("Khoanh khu vực nguy hiểm {}", record.label());
    let facts = json!({"to": record.text("state"), "level": record.properties.get("level")});
    let drawn = entry(&record, "zone_drawn", text, facts);
    let replaced = record.reference("supersedes");
    draft.put(record, at);
    draft.log(scene, at, drawn);
    if let Some(replaced) = replaced {
        supersede(scene, &mut draft, replaced, at)?;
    }
    Ok(draft)
}

fn supersede(scene: &Scene<'_>, draft: &mut Draft, id: Uuid, at: Timestamp) -> Result<(), Problem> {
    let mut old = scene.referred(Collection::RiskZones, id, "/properties/supersedes")?;
    let state = old.text("state").unwrap_or_default().to_owned();
    if !zone::LIVE.contains(&state.as_str()) {
        return Ok(());
    }
    old.set("state", "superseded");
    old.set_time("ended_at", at);
    old.set("ended_by", scene.ask.actor.name.as_str());
    let text = format!("{} được thay bằng khu vực mới", old.label());
    let ended = entry(&old, "zone_ended", text, json!({"from": state, "to": "superseded"}));
    draft.put(old.clone(), at);
    draft.log(scene, at, ended);
    cease(scene, draft, &old, at);
    Ok(())
}

/// An edited zone: still live, its state by its times.
pub(super) fn edit(scene: &Scene<'_>, id: Uuid, patch: &Patch, whole: bool) -> Result<Draft, Problem> {
    let before = scene.take_matching(Collection::RiskZones, id)?;
    let state = live_state(&before, "sửa")?;
    let at = scene.at()?;
    let mut record = items::edited(scene, before.clone(), patch, whole)?;
    approvals::draw(scene, &mut record, Some(&before))?;
    if record.integer("level") != before.integer("level") {
        mark_level(&mut record, scene, at);
    }
    let mut changed: Vec<&str> = (record.properties.iter())
        .filter(|(name, value)| before.properties.get(*name) != Some(*value))
        .map(|(name, _)| name.as_str())
        .chain(before.properties.keys().map(String::as_str).filter(|name| !record.properties.contains_key(*name)))
        .collect();
    if record.geometry != before.geometry {
        changed.push("geometry");
    }
    let facts = json!({"from": state, "to": record.text("state"), "changed": changed});
    let edited = entry(&record, "zone_edited", format!("Sửa {}: {}", record.label(), changed.join(", ")), facts);
    let (minutes, kind) = (record.integer("fence_dwell_min"), record.text("kind").unwrap_or_default());
    let is_fenced = zone::fence(kind, record.text("fence"), minutes).is_some();
    let is_in_force = record.text("state") == Some("in_force");
    let mut draft = Draft::default();
    draft.put(record.clone(), at);
    draft.log(scene, at, edited);
    if !is_in_force {
        cease(scene, &mut draft, &record, at);
    } else if !is_fenced {
        fences::end_with_zone(scene, &mut draft, id, at);
    }
    zone_ends::keep_telling(scene, &mut draft, &record, at);
    Ok(draft)
}

/// Who set the level of the zone, and when.
fn mark_level(record: &mut Working, scene: &Scene<'_>, at: Timestamp) {
    record.set_time("level_at", at);
    record.set("level_by", scene.ask.actor.name.as_str());
    record.remove("level_told_by");
    record.remove("level_reason");
}

/// Sets the level of a zone, or takes it away.
fn set_level(scene: &Scene<'_>, id: Uuid, level: &SetLevel) -> Result<Draft, Problem> {
    let mut record = scene.take_matching(Collection::RiskZones, id)?;
    live_state(&record, "đặt cấp")?;
    let (at, before) = (scene.at()?, record.integer("level"));
    record.set("level", level.level.map_or(Value::Null, Value::from));
    mark_level(&mut record, scene, at);
    record.set("level_reason", level.reason.trim());
    record.set("level_told_by", level.told_by.as_deref().map_or(Value::Null, Value::from));
    let word = |level: Option<i64>| level.map_or_else(|| "không cấp".to_owned(), |level| format!("cấp {level}"));
    let now = level.level.map(i64::from);
    let text = format!("{}: {} → {} ({})", record.label(), word(before), word(now), level.reason.trim());
    let facts = json!({"from": before, "to": now, "told_by": level.told_by});
    let set = entry(&record, "level_set", text, facts);
    let mut draft = Draft::default();
    draft.put(record, at);
    draft.log(scene, at, set);
    Ok(draft)
}

/// Ends a zone before its time.
pub(super) fn revoke(scene: &Scene<'_>, id: Uuid, reason: &str) -> Result<Draft, Problem> {
    let mut record = scene.take_matching(Collection::RiskZones, id)?;
    let state = live_state(&record, "kết thúc")?;
    let at = scene.at()?;
    record.set("state", "revoked");
    record.set_time("ended_at", at);
    record.set("ended_by", scene.ask.actor.name.as_str());
    record.set("end_reason", reason.trim());
    let text = format!("Huỷ khu vực {}: {}", record.label(), reason.trim());
    let ended = entry(&record, "zone_ended", text, json!({"from": state, "to": "revoked"}));
    let mut draft = Draft::default();
    draft.put(record.clone(), at);
    draft.log(scene, at, ended);
    cease(scene, &mut draft, &record, at);
    Ok(draft)
}

pub(super) fn live_state(record: &Working, what: &str) -> Result<String, Problem> {
    let state = record.text("state").unwrap_or_default().to_owned();
    if zone::LIVE.contains(&state.as_str()) {
        return Ok(state);
    }
    Err(Problem::new(
        Code::ForbiddenTransition,
        format!("không thể {what}: khu vực đã {state}; hãy vẽ khu vực mới"),
        format!("the zone is {state}; draw a new one"),
    )
    .with("state", state)
    .with("allowed", json!([])))
}

fn done(scene: &Scene<'_>, id: Uuid) -> Result<Draft, Problem> {
    let mut record = scene.take_open(Collection::DutyLog, id)?;
    if record.text("kind") != Some("instruction") {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            "chỉ chỉ thị mới có thể hoàn thành",
            "only an instruction can be done",
        )
        .with("allowed", json!(["instruction"])));
    }
    if record.text("done_at").is_some() {
        return scene.already(Collection::DutyLog, id);
    }
    let at = scene.at()?;
    record.set_time("done_at", at);
    record.set("done_by", scene.ask.actor.name.as_str());
    let mut draft = Draft::default();
    draft.put(record, at);
    Ok(draft)
}
