//! Shifts: begun, offered, accepted, declined, taken over. At a handover the list of what is open is kept in the record,
//! and alarms and instructions that nobody has taken say whose they are from now on.

use serde_json::{Value, json};
use uuid::Uuid;

use super::hand::Hand;
use super::handover::{frozen, standing};
use super::incidents::{limit, needed};
use super::open_items::HandoverSection;
use super::scene::{Draft, Scene, Working, force_word};
use super::write::may;
use super::{Ask, Desk, Written};
use crate::domain::access::Deed;
use crate::domain::shift::{PASSED_POSTS_MAX, Verb, check, hint_at, id_of};
use crate::domain::{Code, Collection, Problem};

/// Longest note to whoever comes, characters.
const NOTE_CHARS_MAX: usize = 4_000;
/// Longest hash that is looked at, characters.
const HASH_CHARS_MAX: usize = 64;
/// Records of one sort that pass at a handover; alarms pass what burns first. Whatever else there is stands in the list.
const PASSED_MAX: usize = 500;

/// What somebody says to a verb on a shift.
#[derive(Clone, Debug, Default)]
pub struct ShiftCall {
    /// What whoever asks is called.
    pub label: String,
    /// Propose: what must be said.
    pub note: Option<String>,
    /// Decline, take over: why.
    pub reason: Option<String>,
    /// Accept: the hash of the list that was seen.
    pub list: Option<String>,
}

impl Desk {
    /// Begins a shift in the duty room of whoever asks, where nobody is on duty.
    ///
    /// # Errors
    /// `forbidden_transition` with who is on duty, `forbidden`.
    pub async fn begin_shift(&self, ask: &Ask, label: &str) -> Result<Written, Problem> {
        may(&ask.actor, Deed::HoldShift)?;
        self.write_in_turn(ask, ask.actor.post(), |scene| begin(scene, label)).await
    }

    /// Does something to a shift of the duty room of whoever asks.
    ///
    /// # Errors
    /// As [`check`]; `stale_list` with the present `list_hash` where something changed since it was looked at,
    /// `missing_field`, `precondition_required`, `version_conflict` with `present`, `not_found`, `forbidden`.
    pub async fn run_shift_verb(&self, ask: &Ask, id: Uuid, verb: Verb, call: &ShiftCall) -> Result<Written, Problem> {
        may(&ask.actor, Deed::HoldShift)?;
        match verb {
            Verb::Propose => limit("note", call.note.as_deref().unwrap_or_default(), NOTE_CHARS_MAX)?,
            Verb::Decline | Verb::TakeOver => needed("reason", call.reason.as_deref().unwrap_or_default())?,
            Verb::Accept => {
                let list = call.list.as_deref().unwrap_or_default();
                needed("list", list)?;
                limit("list", list, HASH_CHARS_MAX)?;
            }
            Verb::Withdraw => {}
        }
        self.write(ask, |scene| decide(scene, id, verb, call)).await
    }
}

fn begin(scene: &Scene<'_>, label: &str) -> Result<Draft, Problem> {
    let view = scene.view();
    if let Some(shift) = standing(&view) {
        let (officer, label) = (shift.text("officer").unwrap_or_default(), shift.text("officer_label"));
        return Err(Problem::new(
            Code::ForbiddenTransition,
            format!("{} đang trực: nhận bàn giao từ người đó", label.as_deref().unwrap_or(&officer)),
            format!("{} is on duty: take over from them", label.as_deref().unwrap_or(&officer)),
        )
        .with("officer", officer.as_ref())
        .with("shift_id", shift.id().to_string())
        .with("state", shift.text("state").unwrap_or_default().as_ref()));
    }
    let record = new_shift(scene, label);
    let mut hand = Hand::new(scene, scene.now, record);
    let facts = json!({"shift_id": hand.main().id});
    hand.log_about("shift_begun", None, None, format!("{label} bắt đầu ca trực"), facts);
    Ok(hand.finish())
}

/// The next shift of the room of whoever asks.
fn new_shift(scene: &Scene<'_>, label: &str) -> Working {
    let actor = &scene.ask.actor;
    let post = actor.post().to_string();
    let of_post = |raw: Option<&str>| raw.is_some_and(|raw| raw.trim_matches('"') == post);
    let before = scene.picture.layer(Collection::Shifts).iter().filter(|shift| of_post(shift.raw("post"))).count();
    let mut record = Working::new(Collection::Shifts, id_of(actor.post(), before));
    record.set("post", post.as_str());
    record.set("force", actor.force.map_or(Value::Null, |force| force_word(force).into()));
    // The whole province is a word, and a field of this type takes objects and lists alone.
    record.set("area", json!([actor.area]));
    record.set("officer", actor.name.as_str());
    record.set("officer_label", label);
    record.set("state", "on_duty");
    record.set_time("started_at", scene.now);
    record.set_time("hint_at", hint_at(scene.now));
    record
}

fn decide(scene: &Scene<'_>, id: Uuid, verb: Verb, call: &ShiftCall) -> Result<Draft, Problem> {
    let record = scene.take_matching(Collection::Shifts, id)?;
    let actor = &scene.ask.actor;
    if record.reference("post") != Some(actor.post()) {
        return Err(Problem::new(
            Code::Forbidden,
            "đây là ca trực của phòng trực khác",
            "this is a shift of another duty room",
        ));
    }
    let officer = record.text("officer").unwrap_or_default().to_owned();
    check(verb, record.text("state").unwrap_or_default(), &officer, &actor.name)?;
    let from = record.text("officer_label").unwrap_or(&officer).to_owned();
    let (label, reason) = (call.label.as_str(), call.reason.as_deref().unwrap_or_default().trim());
    let mut hand = Hand::new(scene, scene.now, record);
    let text = match verb {
        Verb::Propose => {
            let note = call.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
            hand.main().set("note", note);
            hand.main().set_time("offered_at", scene.now);
            for name in ["declined_at", "declined_by", "declined_label", "decline_reason"] {
                hand.main().remove(name);
            }
            format!("{from} đề nghị bàn giao ca trực")
        }
        Verb::Withdraw => {
            hand.main().remove("offered_at");
            format!("{from} rút đề nghị bàn giao ca trực")
        }
        Verb::Decline => {
            hand.main().remove("offered_at");
            hand.main().set_time("declined_at", scene.now);
            hand.main().set("declined_by", actor.name.as_str());
            hand.main().set("declined_label", label);
            hand.main().set("decline_reason", reason);
            format!("{label} chưa nhận ca trực từ {from}: {reason}")
        }
        Verb::Accept => {
            pass_on(&mut hand, label, call.list.as_deref())?;
            hand.main().set("way", "accepted");
            format!("{label} nhận ca trực từ {from}")
        }
        Verb::TakeOver => {
            pass_on(&mut hand, label, None)?;
            hand.main().set("way", "taken_over");
            hand.main().set("take_over_reason", reason);
            format!("{label} nhận thay ca trực khi {from} vắng: {reason}")
        }
    };
    hand.main().set("state", verb.leads_to());
    hand.log_about(verb.log_kind(), None, None, text, json!({"shift_id": id}));
    Ok(hand.finish())
}

/// Hands all that is open to whoever asks, and begins their shift.
fn pass_on(hand: &mut Hand<'_, '_>, label: &str, seen: Option<&str>) -> Result<(), Problem> {
    let scene = hand.scene;
    let actor = &scene.ask.actor;
    let since = hand.main().time("started_at").unwrap_or(scene.now);
    let (open, hash, list) = frozen(&scene.view(), since);
    if seen.is_some_and(|seen| seen != hash) {
        return Err(Problem::new(
            Code::StaleList,
            "danh sách đã thay đổi từ khi bạn xem: xem lại rồi nhận",
            "the list has changed since you looked: look again, then accept",
        )
        .with("list_hash", hash));
    }
    let from = hand.main().text("officer").unwrap_or_default().to_owned();
    let passed = [
        ("alarms", pass(hand, &open, "alarms", &from)?),
        ("incidents", pass(hand, &open, "incidents", &from)?),
        ("instructions", pass(hand, &open, "instructions", &from)?),
    ];
    let mut next = new_shift(scene, label);
    let old = hand.main();
    next.set("earlier_id", old.id.to_string());
    old.set("next_id", next.id.to_string());
    old.set("handed_to", actor.name.as_str());
    old.set("handed_label", label);
    old.set("list", list);
    old.set("list_hash", hash);
    old.set("passed", Value::Object(passed.into_iter().map(|(what, count)| (what.to_owned(), count.into())).collect()));
    old.set_time("ended_at", scene.now);
    hand.add(next);
    Ok(())
}

/// Writes into the records of a section to whom they pass; how many.
fn pass(hand: &mut Hand<'_, '_>, open: &[HandoverSection], what: &str, from: &str) -> Result<usize, Problem> {
    let (at, actor) = (hand.at, &hand.scene.ask.actor);
    let post = actor.post().to_string();
    let entry = json!({"post": post, "from": from, "to": actor.name, "at": at.to_string()});
    let items = open.iter().filter(|section| section.what == what).flat_map(|section| &section.items);
    // Of incidents those alone pass whose alarm nobody took.
    let passes = items.filter(|item| item.is_ours && (what != "incidents" || item.is_overdue)).take(PASSED_MAX);
    let passing: Vec<(Collection, Uuid)> = passes.map(|item| (item.collection, item.id)).collect();
    for (collection, id) in &passing {
        let record = hand.change(*collection, *id)?;
        let known = record.properties.get("passed").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut all: Vec<Value> = known.into_iter().filter(|known| known["post"] != post.as_str()).collect();
        all.push(entry.clone());
        let drop = all.len().saturating_sub(PASSED_POSTS_MAX);
        all.drain(..drop);
        record.set("passed", all);
    }
    Ok(passing.len())
}
