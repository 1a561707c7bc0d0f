//! The second person of a risk zone. One officer alone puts a zone in force for some hours; it goes on when another person
//! agrees to it, on screen or by telephone, where the telephone's word is confirmed on screen within some hours more.

use serde_json::{Value, json};
use uuid::Uuid;

use super::incidents::limit;
use super::rules;
use super::scene::{Draft, Scene, Working};
use super::write::may;
use super::zones::{TOLD_BY_CHARS_MAX, entry, live_state};
use super::{Ask, Desk, Written, zone_ends};
use crate::domain::access::Deed;
use crate::domain::zone::{self, ALONE_S, APPROVED_FIELDS, BY_PHONE_S};
use crate::domain::{Code, Collection, Problem};

/// What the log says of a zone that nobody else agreed to in time.
pub(super) const LAPSED_VI: &str = "ngừng hiệu lực: chưa có người thứ hai duyệt trên màn hình";

impl Desk {
    /// A second person agrees to a zone (`If-Match` needed): the actor, or somebody whom the actor heard by telephone.
    /// What is approved already is answered as it stands.
    ///
    /// # Errors
    /// `forbidden` for whoever drew it, `invalid_value` where the one who drew it is named as heard by telephone,
    /// `forbidden_transition` for a draft, a zone that is over, or a second call while the first one is not confirmed,
    /// `version_conflict` with `present`, `precondition_required`, `not_found`.
    pub async fn approve_zone(&self, ask: &Ask, zone: Uuid, told_by: Option<String>) -> Result<Written, Problem> {
        may(&ask.actor, Deed::DrawZone)?;
        limit("told_by", told_by.as_deref().unwrap_or_default(), TOLD_BY_CHARS_MAX)?;
        self.write(ask, |scene| approve(scene, zone, told_by.as_deref().map(str::trim))).await
    }
}

/// The state of a zone that is drawn, or changed from what it was before: whoever changes what a second person agreed to
/// needs one again.
///
/// # Errors
/// `invalid_value` for times that do not fit; `forbidden` where its hours on one person's word are used up.
pub(super) fn draw(scene: &Scene<'_>, record: &mut Working, before: Option<&Working>) -> Result<(), Problem> {
    let is_same = before.is_some_and(|before| {
        before.geometry == record.geometry
            && APPROVED_FIELDS.iter().all(|name| before.properties.get(*name) == record.properties.get(*name))
    });
    if !is_same {
        let name = scene.ask.actor.name.as_str();
        // Whoever changes a zone of their own does not get new hours by it.
        let is_own =
            before.is_some_and(|before| before.text("approved_at").is_none() && before.text("drawn_by") == Some(name));
        if !is_own {
            record.remove("provisional_until");
        }
        for name in ["approved_at", "approved_by", "approval_told_to"] {
            record.remove(name);
        }
        record.set("drawn_by", name);
    }
    settle(scene, record)?;
    if is_same || !matches!(record.text("state"), Some("in_force" | "approved")) {
        return Ok(());
    }
    match record.time("provisional_until") {
        Some(used_up) if used_up <= scene.now => Err(Problem::new(
            Code::Forbidden,
            "khu vực đã có hiệu lực đủ số giờ tạm thời do một người quyết định: cần người thứ hai duyệt",
            "the zone has held for the hours that one person may give it: a second person must approve it",
        )
        .at("/properties/publish")),
        Some(_) => Ok(()),
        None => {
            give(scene, record, ALONE_S);
            Ok(())
        }
    }
}

/// A zone that nobody agreed to in time waits for its second person; when its hours ended stays written.
pub(super) fn lapse(record: &mut Working) {
    record.set("publish", "propose");
    for name in ["approved_at", "approved_by", "approval_told_to"] {
        record.remove(name);
    }
}

/// The state by what its drawer asked for, who agreed, and its times.
fn settle(scene: &Scene<'_>, record: &mut Working) -> Result<(), Problem> {
    rules::check(record)?;
    let from = record.time("valid_from").unwrap_or(scene.now);
    let to = record.time("valid_to").unwrap_or(scene.now);
    let is_approved = record.text("approved_at").is_some();
    let state = zone::state_at(record.text("publish"), is_approved, from, to, scene.now)?;
    record.set("state", state);
    Ok(())
}

fn give(scene: &Scene<'_>, record: &mut Working, span_s: i64) {
    let from = record.time("valid_from").unwrap_or(scene.now);
    let to = record.time("valid_to").unwrap_or(scene.now);
    record.set_time("provisional_until", zone::provisional_until(from, to, scene.now, span_s));
}

fn approve(scene: &Scene<'_>, id: Uuid, told_by: Option<&str>) -> Result<Draft, Problem> {
    let mut record = scene.take_matching(Collection::RiskZones, id)?;
    let state = live_state(&record, "duyệt")?;
    if state == "draft" {
        return Err(refused("khu vực còn là bản nháp: hãy trình duyệt trước", "the zone is a draft: propose it first"));
    }
    let waits = record.text("provisional_until").is_some();
    if !waits && (record.text("approved_at").is_some() || state != "proposed") {
        return scene.already(Collection::RiskZones, id);
    }
    let (at, name) = (scene.at()?, scene.ask.actor.name.as_str());
    let drawn_by = record.text("drawn_by").unwrap_or_default();
    let told_by = told_by.map(|told_by| told_person(told_by, drawn_by, name)).transpose()?;
    let text = match told_by {
        None if drawn_by == name => {
            return Err(Problem::new(
                Code::Forbidden,
                "người thứ hai phải là người khác: bạn đã vẽ hoặc sửa khu vực này",
                "the second person must be another one: you drew or changed this zone",
            ));
        }
        None => {
            record.set("approved_by", name);
            record.remove("approval_told_to");
            record.remove("provisional_until");
            format!("{}: {name} duyệt", record.label())
        }
        Some(_) if record.text("approval_told_to").is_some() => {
            return Err(refused(
                "đã có người đồng ý qua điện thoại: chờ xác nhận trên màn hình",
                "somebody has agreed by telephone already: that waits to be confirmed on screen",
            ));
        }
        Some(told_by) => {
            record.set("approved_by", told_by);
            record.set("approval_told_to", name);
            give(scene, &mut record, BY_PHONE_S);
            format!("{}: {told_by} đồng ý qua điện thoại, {name} nghe", record.label())
        }
    };
    record.set_time("approved_at", at);
    settle(scene, &mut record)?;
    let facts = json!({"from": state, "to": record.text("state"), "told_by": told_by.map_or(Value::Null, Value::from)});
    let approved = entry(&record, "zone_approved", text, facts);
    let mut draft = Draft::default();
    draft.put(record.clone(), at);
    draft.log(scene, at, approved);
    zone_ends::keep_telling(scene, &mut draft, &record, at);
    Ok(draft)
}

fn refused(vi: &str, en: &str) -> Problem {
    Problem::new(Code::ForbiddenTransition, vi, en).with("allowed", json!([]))
}

/// Who agreed by telephone, as whoever writes it down names them: somebody, and neither who began it nor who writes.
///
/// # Errors
/// `missing_field`, `invalid_value` at `/told_by`.
pub(super) fn told_person<'a>(told_by: &'a str, began: &str, writes: &str) -> Result<&'a str, Problem> {
    let refused = |code, vi: &str, en: &str| Err(Problem::new(code, vi, en).at("/told_by"));
    if told_by.is_empty() {
        return refused(Code::MissingField, "thiếu tên người đồng ý", "the name of whoever agreed is missing");
    }
    if told_by == began || told_by == writes {
        return refused(
            Code::InvalidValue,
            "người đồng ý qua điện thoại phải là người khác",
            "whoever agreed by telephone must be another person",
        );
    }
    Ok(told_by)
}
