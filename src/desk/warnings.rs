//! Warnings of a zone in force: written, released (above a level by two people), updated, cancelled, cleared. What is
//! released is kept as it went out; what it said of the zone cannot change afterwards.
//!
//! The id of a message follows from its zone and how many that zone has had, so that of two nodes which write the next
//! one at the same time the store lets one through.

use geo_types::Geometry;
use serde_json::json;
use uuid::Uuid;

use super::alarms::{about_zone, standing_about_zone};
use super::hand::Hand;
use super::incidents::{limit, needed};
use super::scene::{Draft, Scene, Working, force_word};
use super::warning_message::{Room, fill, send};
use super::write::may;
use super::{Ask, Desk, Written};
use crate::domain::access::Deed;
use crate::domain::warning::{Type, refers_to};
use crate::domain::{Actor, Code, Collection, Problem, Timestamp};
use crate::geometry::cover::covering;

/// Writers of warnings wait for each other: there are few, and each changes the one before.
const TURN: Uuid = Uuid::from_u128(0x0077_6172_6e69_6e67_7300_0000_0000_0001);
/// Longest reason, characters.
const REASON_CHARS_MAX: usize = 1_000;

/// What somebody wants to warn of.
#[derive(Clone, Debug, Default)]
pub struct NewWarning {
    /// What people should know besides.
    pub reason: Option<String>,
    /// Until when it holds; as long as the zone if `None`.
    pub expires: Option<Timestamp>,
}

/// What follows a message that stands.
#[derive(Clone, Debug)]
pub struct Follow {
    /// Update, cancel or all-clear.
    pub sort: Type,
    /// Needed for a cancel: what was wrong.
    pub reason: Option<String>,
    /// Of an update: until when it holds; as long as the zone if `None`.
    pub expires: Option<Timestamp>,
}

impl Desk {
    /// Warns of a zone in force. Up to a level it goes out at once; above it waits for a second person.
    ///
    /// # Errors
    /// `forbidden_transition` if the zone is not in force or a message of it stands or waits, `missing_field` for a level
    /// that nobody has set, `invalid_value` for an end that is past or after the zone's, `not_found`, `forbidden`.
    pub async fn warn(&self, ask: &Ask, zone: Uuid, new: &NewWarning) -> Result<Written, Problem> {
        may(&ask.actor, Deed::Warn)?;
        limit("reason", new.reason.as_deref().unwrap_or_default(), REASON_CHARS_MAX)?;
        let room = self.warning_room();
        self.write_in_turn(ask, TURN, |scene| {
            let zone = scene.take(Collection::RiskZones, zone)?;
            free(scene, zone.id)?;
            propose(scene, &room, &zone, new)
        })
        .await
    }

    /// Follows a message that stands: by an update, a cancel or an all-clear. It takes the place of that message as soon
    /// as it is released.
    ///
    /// # Errors
    /// `forbidden_transition` if the message does not stand or another waits for a second person; as [`Desk::warn`].
    pub async fn follow_warning(&self, ask: &Ask, id: Uuid, follow: &Follow) -> Result<Written, Problem> {
        may(&ask.actor, Deed::Warn)?;
        let reason = follow.reason.as_deref().unwrap_or_default();
        match follow.sort {
            Type::Cancel => needed("reason", reason)?,
            _ => limit("reason", reason, REASON_CHARS_MAX)?,
        }
        let room = self.warning_room();
        self.write_in_turn(ask, TURN, |scene| decide_follow(scene, &room, id, follow)).await
    }

    /// The second person releases what the first one wrote.
    ///
    /// # Errors
    /// `forbidden` for whoever wrote it, `forbidden_transition` if it does not wait (any more) or the zone is not what it
    /// says any more, `not_found`.
    pub async fn release_warning(&self, ask: &Ask, id: Uuid) -> Result<Written, Problem> {
        may(&ask.actor, Deed::Warn)?;
        let room = self.warning_room();
        self.write_in_turn(ask, TURN, |scene| release(scene, &room, id)).await
    }

    /// Withdraws a message that still waits; nobody has seen it.
    ///
    /// # Errors
    /// `missing_field` without a reason, `forbidden_transition` if it does not wait, `not_found`, `forbidden`.
    pub async fn withdraw_warning(&self, ask: &Ask, id: Uuid, reason: &str) -> Result<Written, Problem> {
        may(&ask.actor, Deed::Warn)?;
        needed("reason", reason)?;
        self.write_in_turn(ask, TURN, |scene| {
            let record = scene.take_open(Collection::Warnings, id)?;
            stands_in(&record, "awaiting_second", "rút lại", "withdraw")?;
            let mut hand = Hand::new(scene, scene.now, record);
            withdraw(&mut hand, id, reason.trim())?;
            Ok(hand.finish())
        })
        .await
    }

    /// What time makes of a message: it expires. Called by the watch.
    ///
    /// # Errors
    /// `not_found`, or the problem of the store.
    pub async fn turn_warning(&self, id: Uuid) -> Result<Written, Problem> {
        self.write_in_turn(&Ask::by(Actor::system()), TURN, |scene| {
            let record = scene.take(Collection::Warnings, id)?;
            let due = record.time("expires_at").filter(|at| *at <= scene.now);
            let Some(at) = due.filter(|_| record.text("ended_at").is_none()) else {
                return scene.already(Collection::Warnings, id);
            };
            let (zone, text) = (record.reference("zone_id"), format!("{} hết hiệu lực", record.label()));
            let mut hand = Hand::new(scene, at, record);
            end(&mut hand, id, "expired")?;
            if let Some(zone) = zone {
                hand.log_zone("warning_expired", zone, text, json!({"warning_id": id}));
            }
            Ok(hand.finish())
        })
        .await
    }

    fn warning_room(&self) -> Room {
        Room { rules: self.warnings.clone(), status: self.warning_status }
    }
}

/// The open messages of a zone.
fn open_of(scene: &Scene<'_>, zone: Uuid) -> Vec<Working> {
    let open = scene.picture.layer(Collection::Warnings).iter().filter(|warning| !warning.is_ended());
    let open = open.map(|warning| Working::of(Collection::Warnings, warning));
    open.filter(|warning| warning.reference("zone_id") == Some(zone)).collect()
}

/// Whether the message tells of danger and holds.
fn stands(warning: &Working) -> bool {
    warning.text("state") == Some("released") && sort_of(warning).warns()
}

fn sort_of(warning: &Working) -> Type {
    warning.text("type").and_then(Type::parse).unwrap_or(Type::Alert)
}

/// Refuses a first message where one stands or waits.
fn free(scene: &Scene<'_>, zone: Uuid) -> Result<(), Problem> {
    let waits = |warning: &Working| warning.text("state") == Some("awaiting_second");
    match open_of(scene, zone).iter().find(|warning| stands(warning) || waits(warning)) {
        None => Ok(()),
        Some(other) => Err(Problem::new(
            Code::ForbiddenTransition,
            format!("khu vực đã có {}: cập nhật, huỷ hoặc rút lại tin ấy", other.label()),
            format!("the zone has {} already: update, cancel or withdraw that one", other.label()),
        )
        .with("state", other.text("state"))
        .with("warning_id", other.id.to_string())
        .with(
            "allowed",
            if stands(other) { json!(["update", "cancel", "all_clear"]) } else { json!(["release", "withdraw"]) },
        )),
    }
}

fn stands_in(record: &Working, state: &str, vi: &str, en: &str) -> Result<(), Problem> {
    let now = record.text("state").unwrap_or_default();
    if now == state {
        return Ok(());
    }
    let allowed = match now {
        "awaiting_second" => json!(["release", "withdraw"]),
        "released" if sort_of(record).warns() => json!(["update", "cancel", "all_clear"]),
        _ => json!([]),
    };
    Err(Problem::new(
        Code::ForbiddenTransition,
        format!("không thể {vi}: tin đang ở trạng thái {now}"),
        format!("cannot {en}: the message is {now}"),
    )
    .with("state", now)
    .with("allowed", allowed))
}

/// A new message about the zone as it stands.
fn propose(scene: &Scene<'_>, room: &Room, zone: &Working, new: &NewWarning) -> Result<Draft, Problem> {
    let mut record = about(scene, room, zone, Type::Alert)?;
    set_expiry(scene, &mut record, zone, new.expires)?;
    set_reason(&mut record, new.reason.as_deref());
    go(scene, room, record, zone, None)
}

fn decide_follow(scene: &Scene<'_>, room: &Room, id: Uuid, follow: &Follow) -> Result<Draft, Problem> {
    let before = scene.take_open(Collection::Warnings, id)?;
    stands_in(&before, "released", follow.sort.title_vi(), follow.sort.as_str())?;
    if !sort_of(&before).warns() {
        stands_in(&before, "", follow.sort.title_vi(), follow.sort.as_str())?;
    }
    expired(scene, &before)?;
    let zone = before.reference("zone_id").unwrap_or_default();
    let zone = scene.referred(Collection::RiskZones, zone, "/zone_id")?;
    let waits = open_of(scene, zone.id).into_iter().find(|warning| warning.text("state") == Some("awaiting_second"));
    if let Some(other) = waits.filter(|_| follow.sort != Type::Cancel) {
        stands_in(&other, "", follow.sort.title_vi(), follow.sort.as_str())?;
    }
    let mut record = match follow.sort {
        Type::Alert | Type::Update => {
            let mut record = about(scene, room, &zone, Type::Update)?;
            set_expiry(scene, &mut record, &zone, follow.expires)?;
            record
        }
        Type::Cancel | Type::AllClear => over(scene, room, &before, follow.sort)?,
    };
    set_reason(&mut record, follow.reason.as_deref());
    go(scene, room, record, &zone, Some(&before))
}

fn set_reason(record: &mut Working, reason: Option<&str>) {
    record.set("reason", reason.map(str::trim).filter(|reason| !reason.is_empty()));
}

fn expired(scene: &Scene<'_>, record: &Working) -> Result<(), Problem> {
    if record.time("expires_at").is_some_and(|at| at > scene.now) {
        return Ok(());
    }
    Err(Problem::new(Code::ForbiddenTransition, "tin đã hết hiệu lực", "the message has expired")
        .with("state", "expired")
        .with("allowed", json!([])))
}

/// The next message of the zone, without what makes its sort.
fn next(scene: &Scene<'_>, room: &Room, zone: Uuid, sort: Type) -> Working {
    let own = zone.to_string();
    let all = scene.picture.layer(Collection::Warnings).iter();
    let before = all.filter(|warning| warning.text("zone_id").as_deref() == Some(own.as_str())).count();
    let id = Uuid::new_v5(&zone, format!("warning/{before}").as_bytes());
    let mut record = Working::new(Collection::Warnings, id);
    record.set("zone_id", own);
    record.set("type", sort.as_str());
    record.set("status", room.status);
    record.set("identifier", format!("urn:uuid:{id}"));
    record.set("sender", room.rules.file.sender.as_str());
    record.set("scope", room.rules.file.scope.as_str());
    let actor = &scene.ask.actor;
    record.set_time("proposed_at", scene.now);
    record.set("proposed_by", actor.name.as_str());
    record.set("proposed_force", actor.force.map(force_word));
    record
}

/// An alert or an update: what the zone is now.
fn about(scene: &Scene<'_>, room: &Room, zone: &Working, sort: Type) -> Result<Working, Problem> {
    let state = zone.text("state").unwrap_or_default();
    if state != "in_force" || zone.time("valid_to").is_none_or(|to| to <= scene.now) {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            format!("chỉ cảnh báo khu vực đang có hiệu lực; khu vực này {state}"),
            format!("only a zone in force is warned of; this one is {state}"),
        )
        .with("state", state)
        .with("allowed", json!(["in_force"])));
    }
    let Some(level) = zone.integer("level") else {
        return Err(Problem::new(
            Code::MissingField,
            "khu vực chưa có cấp độ rủi ro: đặt cấp trước khi cảnh báo",
            "the zone has no risk level: set one before you warn of it",
        )
        .at("/level"));
    };
    let Some(area) = zone.geometry.as_ref() else {
        return Err(Problem::new(Code::MissingField, "khu vực chưa có hình", "the zone has no area").at("/geometry"));
    };
    let mut record = next(scene, room, zone.id, sort);
    record.geometry = Some(covered(zone, area, room));
    for name in ["kind", "level"] {
        record.set(name, zone.properties.get(name).cloned().unwrap_or_default());
    }
    record.set("zone_code", zone.text("code"));
    record.set("zone_name", zone.text("name"));
    grade(&mut record, room, sort, level);
    Ok(record)
}

/// What is warned of: the area and its margin.
fn covered(zone: &Working, area: &Geometry<f64>, room: &Room) -> Geometry<f64> {
    let mut cover = covering(area, zone.number("buffer_m").unwrap_or(0.0), room.rules.file.vertices_max);
    if cover.0.len() == 1 { cover.0.remove(0).into() } else { cover.into() }
}

/// A cancel or an all-clear: of what the message before said.
fn over(scene: &Scene<'_>, room: &Room, before: &Working, sort: Type) -> Result<Working, Problem> {
    let zone = before.reference("zone_id").unwrap_or_default();
    let mut record = next(scene, room, zone, sort);
    record.geometry.clone_from(&before.geometry);
    for name in ["kind", "level", "zone_code", "zone_name", "expires_at"] {
        record.set(name, before.properties.get(name).cloned().unwrap_or_default());
    }
    grade(&mut record, room, sort, before.integer("level").unwrap_or(1));
    Ok(record)
}

fn grade(record: &mut Working, room: &Room, sort: Type, level: i64) {
    if let Some(grading) = room.rules.grading(sort, level) {
        record.set("severity", grading.severity);
        record.set("urgency", grading.urgency);
        record.set("certainty", grading.certainty);
        record.set("response", grading.response);
    }
}

fn set_expiry(scene: &Scene<'_>, record: &mut Working, zone: &Working, told: Option<Timestamp>) -> Result<(), Problem> {
    let last = zone.time("valid_to").unwrap_or(scene.now);
    let expires = told.unwrap_or(last);
    if expires <= scene.now || expires > last {
        return Err(Problem::new(
            Code::InvalidValue,
            format!("expires_at phải ở tương lai và không sau khi khu vực hết hiệu lực ({last})"),
            format!("expires_at must lie in the future and not after the zone's own end ({last})"),
        )
        .at("/expires_at"));
    }
    record.set_time("expires_at", expires);
    Ok(())
}

/// Releases the message if one person may, or puts it before a second one.
fn go(
    scene: &Scene<'_>,
    room: &Room,
    mut record: Working,
    zone: &Working,
    before: Option<&Working>,
) -> Result<Draft, Problem> {
    let sort = sort_of(&record);
    if let Some(before) = before {
        let word = |name: &str| before.text(name).unwrap_or_default();
        let sent = before.time("sent_at").map(Timestamp::cap_text).unwrap_or_default();
        record.set("refers_to", refers_to(word("refers_to"), word("sender"), word("identifier"), &sent));
        record.set("earlier_id", before.id.to_string());
    }
    let level = |record: &Working| record.integer("level").unwrap_or(0);
    let gravest = level(&record).max(before.map_or(0, level));
    let is_alone = !sort.needs_second(gravest, room.rules.file.two_people_above_level);
    record.set("needs_second", !is_alone);
    record.set("state", "awaiting_second");
    fill(&mut record, room, scene.now);
    let id = record.id;
    let mut hand = Hand::new(scene, scene.now, record);
    if is_alone {
        out(&mut hand, room)?;
    } else {
        let text = format!("{}: chờ người thứ hai duyệt {}", zone.label(), sort.title_vi());
        raise(&mut hand, "warning_unreleased", zone.id, &text);
        hand.log_zone("warning_proposed", zone.id, text, json!({"warning_id": id, "type": sort.as_str()}));
    }
    // The decision rests on the zone as it is.
    hand.read(Collection::RiskZones, zone.id)?;
    Ok(hand.finish())
}

/// The message in hand goes out, and takes the place of the one before.
fn out(hand: &mut Hand<'_, '_>, room: &Room) -> Result<(), Problem> {
    let (now, by) = (hand.at, hand.scene.ask.actor.name.clone());
    let record = hand.main();
    send(record, room, now)?;
    record.set("state", "released");
    record.set("released_by", by.as_str());
    let (id, sort, earlier) = (record.id, sort_of(record), record.reference("earlier_id"));
    let (zone, name) = (record.reference("zone_id").unwrap_or_default(), record.text("name").unwrap_or_default());
    let text = format!("Phát {}: {name}", sort.title_vi());
    let facts = json!({"warning_id": id, "type": sort.as_str(), "level": record.integer("level"), "proposed_by": record.text("proposed_by")});
    if let Some(earlier) = earlier {
        end(hand, earlier, sort.ends_as())?;
        let waiting: Vec<Uuid> = open_of(hand.scene, zone)
            .iter()
            .filter(|other| other.id != id && other.text("state") == Some("awaiting_second"))
            .map(|other| other.id)
            .collect();
        for other in waiting {
            withdraw(hand, other, "tin trước đã bị huỷ")?;
        }
    }
    hand.log_zone("warning_released", zone, text, facts);
    end_alarms(hand, zone, "warning_unreleased");
    if !sort.warns() {
        end_alarms(hand, zone, "warning_stands");
    }
    Ok(())
}

fn release(scene: &Scene<'_>, room: &Room, id: Uuid) -> Result<Draft, Problem> {
    let record = scene.take_open(Collection::Warnings, id)?;
    stands_in(&record, "awaiting_second", "phát", "release")?;
    expired(scene, &record)?;
    if record.text("proposed_by") == Some(scene.ask.actor.name.as_str()) {
        return Err(Problem::new(
            Code::Forbidden,
            "người thứ hai phải là người khác: bạn đã viết tin này",
            "the second person must be another one: you wrote this message",
        ));
    }
    let zone = scene.referred(Collection::RiskZones, record.reference("zone_id").unwrap_or_default(), "/zone_id")?;
    if sort_of(&record).warns() {
        let now = about(scene, room, &zone, sort_of(&record))?;
        let is_same =
            ["kind", "level", "zone_name"].iter().all(|name| now.properties.get(*name) == record.properties.get(*name))
                && now.geometry == record.geometry
                && record.time("expires_at") <= zone.time("valid_to");
        if !is_same {
            return Err(Problem::new(
                Code::ForbiddenTransition,
                "khu vực đã thay đổi từ khi tin được viết: rút tin lại và viết tin mới",
                "the zone has changed since the message was written: withdraw it and write a new one",
            )
            .with("state", "awaiting_second")
            .with("allowed", json!(["withdraw"])));
        }
    }
    if let Some(earlier) = record.reference("earlier_id") {
        let earlier = scene.follow(Collection::Warnings, earlier)?;
        stands_in(&earlier, "released", "thay", "take the place of it")?;
    }
    let mut hand = Hand::new(scene, scene.now, record);
    out(&mut hand, room)?;
    hand.read(Collection::RiskZones, zone.id)?;
    Ok(hand.finish())
}

fn withdraw(hand: &mut Hand<'_, '_>, id: Uuid, reason: &str) -> Result<(), Problem> {
    end(hand, id, "withdrawn")?;
    let record = hand.change(Collection::Warnings, id)?;
    record.set("end_reason", reason);
    let (zone, label) = (record.reference("zone_id").unwrap_or_default(), record.label());
    hand.log_zone("warning_withdrawn", zone, format!("Rút {label}: {reason}"), json!({"warning_id": id}));
    Ok(())
}

fn end(hand: &mut Hand<'_, '_>, id: Uuid, state: &str) -> Result<(), Problem> {
    let (at, by) = (hand.at, hand.scene.ask.actor.name.clone());
    let record = hand.change(Collection::Warnings, id)?;
    let (waited, warned) = (record.text("state") == Some("awaiting_second"), stands(record));
    record.set("state", state);
    record.set_time("ended_at", at);
    record.set("ended_by", by);
    let zone = record.reference("zone_id").unwrap_or_default();
    if waited {
        end_alarms(hand, zone, "warning_unreleased");
    }
    if warned && state == "expired" {
        end_alarms(hand, zone, "warning_stands");
    }
    Ok(())
}

fn is_alarm(alarm: &Working, zone: Uuid, kind: &str) -> bool {
    alarm.text("kind") == Some(kind) && alarm.reference("zone_id") == Some(zone)
}

fn end_alarms(hand: &mut Hand<'_, '_>, zone: Uuid, kind: &str) {
    hand.end_alarms(|alarm| is_alarm(alarm, zone, kind));
}

fn raise(hand: &mut Hand<'_, '_>, kind: &'static str, zone: Uuid, text: &str) {
    if hand.open(Collection::Alarms).iter().any(|alarm| is_alarm(alarm, zone, kind)) {
        return;
    }
    let mut alarm = hand.new_alarm(kind, None, text);
    alarm.set("zone_id", zone.to_string());
    hand.add(alarm);
}

/// Calls whoever is on duty where a zone is over and its message stands: somebody must take that down, or say that all is
/// clear.
pub(super) fn zone_is_over(scene: &Scene<'_>, draft: &mut Draft, zone: &Working, at: Timestamp) {
    let Some(warning) = open_of(scene, zone.id).into_iter().find(stands) else { return };
    if standing_about_zone(scene.picture, "warning_stands", zone.id).is_some() {
        return;
    }
    let text =
        format!("{} không còn hiệu lực nhưng {} vẫn còn: huỷ tin hoặc báo an toàn", zone.label(), warning.label());
    draft.put(about_zone("warning_stands", zone.id, &text, at), at);
}
