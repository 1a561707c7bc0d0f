//! Levels of border sectors: proposed by one person, agreed to or refused by another, and over when their end comes. Until
//! somebody agrees the level in force stays what it was.

use serde_json::{Value, json};
use uuid::Uuid;

use super::approvals::told_person;
use super::border_board::{agreed_of, proposal_of};
use super::hand::Hand;
use super::incidents::{limit, needed_up_to};
use super::scene::{Draft, Scene, Working, force_word};
use super::write::may;
use super::zones::TOLD_BY_CHARS_MAX;
use super::{Ask, Desk, Written, items};
use crate::domain::access::Deed;
use crate::domain::border_rules::{BorderRules, Level};
use crate::domain::sector_assessment::{
    Agreed, BY_PHONE_S, REASON_CHARS_MAX, SPANS_MAX, Span, check_actor, check_end, id_of, in_force,
};
use crate::domain::{Actor, Code, Collection, Force, Problem, Timestamp};

/// What somebody proposes of a sector.
#[derive(Clone, Debug)]
pub struct NewAssessment {
    pub level: Level,
    pub reason: String,
    /// When it ends by itself; needed for `critical`.
    pub valid_to: Option<Timestamp>,
}

/// What the second person says.
#[derive(Clone, Debug)]
pub enum AssessmentDecision {
    /// Agrees; `told_by` names somebody who agreed by telephone to whoever asks.
    Agree {
        told_by: Option<String>,
    },
    Refuse {
        reason: String,
    },
}

impl Desk {
    /// Proposes the level of a sector, with what is computed of it now kept beside it. A proposal that waits already is
    /// superseded by this one.
    ///
    /// # Errors
    /// `not_found`, `forbidden` for other forces and other areas, `missing_field`, `limit_exceeded`; as [`check_end`].
    pub async fn propose_sector_level(&self, ask: &Ask, sector: Uuid, new: &NewAssessment) -> Result<Written, Problem> {
        may(&ask.actor, Deed::AssessBorder)?;
        needed_up_to("reason", &new.reason, REASON_CHARS_MAX)?;
        let rules = self.border_rules();
        self.write_in_turn(ask, sector, |scene| propose(scene, rules, sector, new)).await
    }

    /// A second person agrees to a proposal, or somebody refuses it (`If-Match` needed). What is agreed to already is
    /// answered as it stands.
    ///
    /// # Errors
    /// `same_person` for whoever proposed it and agrees, `forbidden_transition` for one that waits no longer,
    /// `invalid_value` where whoever proposed it is named as heard by telephone, or its end has passed; `forbidden`,
    /// `missing_field`, `precondition_required`, `version_conflict` with `present`, `not_found`.
    pub async fn decide_assessment(
        &self,
        ask: &Ask,
        assessment: Uuid,
        decision: &AssessmentDecision,
    ) -> Result<Written, Problem> {
        may(&ask.actor, Deed::AssessBorder)?;
        match decision {
            AssessmentDecision::Agree { told_by } => {
                limit("told_by", told_by.as_deref().unwrap_or_default(), TOLD_BY_CHARS_MAX)?;
            }
            AssessmentDecision::Refuse { reason } => {
                needed_up_to("reason", reason, REASON_CHARS_MAX)?;
            }
        }
        self.write(ask, |scene| match decision {
            AssessmentDecision::Agree { told_by } => agree(scene, assessment, told_by.as_deref().map(str::trim)),
            AssessmentDecision::Refuse { reason } => refuse(scene, assessment, reason.trim()),
        })
        .await
    }

    /// Writes down that the end of an assessment has come; the one before it is in force again. Called by the watch; one
    /// that is not due is answered as it stands.
    ///
    /// # Errors
    /// `not_found`, or the problem of the store.
    pub async fn lapse_assessment(&self, assessment: Uuid) -> Result<Written, Problem> {
        let ask = Ask::by(Actor::system());
        self.write_in_turn(&ask, assessment, |scene| lapse(scene, assessment)).await
    }

    /// By which rules levels of sectors are proposed here.
    #[must_use]
    pub fn border_rules(&self) -> &BorderRules {
        &self.border_rules
    }
}

fn propose(scene: &Scene<'_>, rules: &BorderRules, sector: Uuid, new: &NewAssessment) -> Result<Draft, Problem> {
    let place = scene.take(Collection::BorderSectors, sector)?;
    if place.text("ended_at").is_some() {
        return Err(items::over(&place));
    }
    let actor = &scene.ask.actor;
    check_actor(actor, sector)?;
    check_end(rules.rule(new.level), new.valid_to, scene.now)?;
    let known = scene.picture.layer(Collection::SectorAssessments).iter();
    let of_sector: Vec<_> = known.filter(|one| is_of(one.raw("sector_id"), sector)).collect();
    let mut record = Working::new(Collection::SectorAssessments, id_of(sector, of_sector.len()));
    record.set("sector_id", sector.to_string());
    record.set("force", force_word(Force::BorderGuard));
    record.set("level", new.level.as_str());
    record.set("state", "proposed");
    record.set("reason", new.reason.trim());
    record.set("proposed_by", actor.name.as_str());
    record.set_time("proposed_at", scene.now);
    if let Some(to) = new.valid_to {
        record.set_time("valid_to", to);
    }
    record.set("proposal", frozen(scene, rules, sector));
    let mut hand = Hand::new(scene, scene.now, record);
    for waiting in of_sector.iter().filter(|one| one.text("state").is_some_and(|state| state == "proposed")) {
        let old = hand.change(Collection::SectorAssessments, waiting.id)?;
        old.set("state", "superseded");
        old.set_time("over_at", scene.now);
    }
    let name = place.label();
    let text = format!("Đoạn {name}: đề nghị mức {} ({})", new.level.title_vi(), new.reason.trim());
    let facts = json!({"sector_id": sector, "assessment_id": hand.main().id, "to": new.level.as_str()});
    hand.log_about("sector_proposed", None, None, text, facts);
    Ok(hand.finish())
}

/// What is computed of the sector now, without its rows and sums: whoever reads an assessment may not see each of them. They
/// are computed again from the picture of that moment.
fn frozen(scene: &Scene<'_>, rules: &BorderRules, sector: Uuid) -> Value {
    let view = scene.view();
    let Some(proposal) = proposal_of(&view, rules, sector) else { return Value::Null };
    let rows = proposal.rows.len() + proposal.other_rows;
    let mut frozen = serde_json::to_value(proposal.without_sums()).unwrap_or_default();
    if let Some(members) = frozen.as_object_mut() {
        members.remove("rows");
        members.remove("other_rows");
        members.insert("row_count".to_owned(), rows.into());
    }
    frozen
}

fn is_of(raw: Option<&str>, sector: Uuid) -> bool {
    raw.is_some_and(|raw| raw.trim_matches('"') == sector.to_string())
}

/// The proposal that somebody decides on, with its sector.
fn waiting(scene: &Scene<'_>, id: Uuid) -> Result<(Working, Uuid, Level), Problem> {
    let record = scene.take_matching(Collection::SectorAssessments, id)?;
    let sector = record.reference("sector_id").unwrap_or_default();
    check_actor(&scene.ask.actor, sector)?;
    let level = record.text("level").and_then(Level::parse).unwrap_or(Level::Low);
    Ok((record, sector, level))
}

fn agree(scene: &Scene<'_>, id: Uuid, told_by: Option<&str>) -> Result<Draft, Problem> {
    let (mut record, sector, level) = waiting(scene, id)?;
    let actor = scene.ask.actor.name.as_str();
    let state = record.text("state").unwrap_or_default().to_owned();
    let is_provisional = record.text("provisional_until").is_some();
    let confirms = state == "agreed" && is_provisional && told_by.is_none();
    if state == "agreed" && !is_provisional {
        return scene.already(Collection::SectorAssessments, id);
    }
    if state != "proposed" && !confirms {
        return Err(over(&state));
    }
    let proposed_by = record.text("proposed_by").unwrap_or_default().to_owned();
    let told_by = told_by.map(|told_by| told_person(told_by, &proposed_by, actor)).transpose()?;
    if told_by.is_none() && proposed_by == actor {
        return Err(Problem::new(
            Code::SamePerson,
            "người thứ hai phải là người khác: bạn đã đề nghị mức này",
            "the second person must be another one: you proposed this level",
        ));
    }
    if record.time("valid_to").is_some_and(|to| to <= scene.now) {
        return Err(Problem::new(
            Code::InvalidValue,
            "đề nghị này đã qua thời điểm kết thúc: hãy đề nghị lại",
            "the end of this proposal has passed: propose it anew",
        ));
    }
    let at = scene.now;
    record.set("agreed_by", told_by.unwrap_or(actor));
    match told_by {
        Some(_) => {
            record.set("agreement_told_to", actor);
            record.set_time("provisional_until", at.plus_s(BY_PHONE_S));
        }
        None => {
            record.remove("agreement_told_to");
            record.remove("provisional_until");
        }
    }
    let ends = record.text("valid_to").is_some() || told_by.is_some();
    let before = standing(scene, sector, at);
    if !confirms {
        record.set("state", "agreed");
        record.set_time("agreed_at", at);
        record.set_time("valid_from", at);
        open_span(&mut record, at);
    }
    let from = before.map(|one| one.level.as_str());
    let mut hand = Hand::new(scene, at, record);
    for other in agreed_of(scene.picture, sector).into_iter().filter(|other| other.id != id) {
        let old = hand.change(Collection::SectorAssessments, other.id)?;
        close_span(old, at);
        // What has no end takes the place of all before it; what has one lies over them.
        if !ends {
            old.set("state", "superseded");
            old.set_time("over_at", at);
        }
    }
    let name = name_of(scene, sector);
    let word = level.title_vi();
    let text = match told_by {
        Some(told_by) => format!("Đoạn {name}: {told_by} đồng ý mức {word} qua điện thoại, {actor} nghe"),
        None => format!("Đoạn {name}: {actor} đồng ý mức {word}"),
    };
    let facts = json!({
        "sector_id": sector, "assessment_id": id, "from": from, "to": level.as_str(), "told_by": told_by,
    });
    hand.log_about("sector_agreed", None, None, text, facts);
    Ok(hand.finish())
}

fn refuse(scene: &Scene<'_>, id: Uuid, reason: &str) -> Result<Draft, Problem> {
    let (mut record, sector, level) = waiting(scene, id)?;
    let state = record.text("state").unwrap_or_default().to_owned();
    if state != "proposed" {
        return Err(over(&state));
    }
    let actor = scene.ask.actor.name.as_str();
    record.set("state", "refused");
    record.set("refused_by", actor);
    record.set_time("refused_at", scene.now);
    record.set("refuse_reason", reason);
    record.set_time("over_at", scene.now);
    let takes_back = record.text("proposed_by") == Some(actor);
    let verb = if takes_back { "rút đề nghị" } else { "không đồng ý" };
    let text = format!("Đoạn {}: {actor} {verb} mức {} ({reason})", name_of(scene, sector), level.title_vi());
    let mut hand = Hand::new(scene, scene.now, record);
    let facts = json!({"sector_id": sector, "assessment_id": id, "level": level.as_str()});
    hand.log_about("sector_refused", None, None, text, facts);
    Ok(hand.finish())
}

fn lapse(scene: &Scene<'_>, id: Uuid) -> Result<Draft, Problem> {
    let mut record = scene.take(Collection::SectorAssessments, id)?;
    let end = crate::domain::sector_assessment::ends_at(record.time("valid_to"), record.time("provisional_until"));
    let due = end.filter(|end| record.text("state") == Some("agreed") && *end <= scene.now);
    let Some(at) = due else { return scene.already(Collection::SectorAssessments, id) };
    let sector = record.reference("sector_id").unwrap_or_default();
    let level = record.text("level").and_then(Level::parse).unwrap_or(Level::Low);
    let was_in_force = has_open_span(&record);
    record.set("state", "lapsed");
    record.set_time("over_at", at);
    close_span(&mut record, at);
    let next = standing(scene, sector, at).filter(|next| next.id != id);
    let mut hand = Hand::new(scene, at, record);
    if let Some(next) = next.filter(|_| was_in_force) {
        open_span(hand.change(Collection::SectorAssessments, next.id)?, at);
    }
    let back = next.map_or("chưa đánh giá", |next| next.level.title_vi());
    let text = format!("Đoạn {}: mức {} hết hạn, trở về {back}", name_of(scene, sector), level.title_vi());
    let facts = json!({
        "sector_id": sector, "assessment_id": id, "from": level.as_str(), "to": next.map(|next| next.level.as_str()),
    });
    hand.log_about("sector_lapsed", None, None, text, facts);
    Ok(hand.finish())
}

/// The assessment in force.
fn standing(scene: &Scene<'_>, sector: Uuid, at: Timestamp) -> Option<Agreed> {
    in_force(agreed_of(scene.picture, sector), at)
}

fn name_of(scene: &Scene<'_>, sector: Uuid) -> String {
    let known = scene.feature(Collection::BorderSectors, sector);
    known.and_then(|sector| sector.text("name").map(std::borrow::Cow::into_owned)).unwrap_or_default()
}

fn over(state: &str) -> Problem {
    Problem::new(
        Code::ForbiddenTransition,
        format!("đề nghị này đã được xử lý ({state})"),
        format!("this proposal waits no longer ({state})"),
    )
    .with("state", state)
    .with("allowed", json!([]))
}

fn spans(record: &Working) -> Vec<Span> {
    let held = record.properties.get("held").cloned().unwrap_or_default();
    serde_json::from_value(held).unwrap_or_default()
}

fn set_spans(record: &mut Working, mut spans: Vec<Span>) {
    let drop = spans.len().saturating_sub(SPANS_MAX);
    spans.drain(..drop);
    record.set("held", serde_json::to_value(spans).unwrap_or_default());
}

fn has_open_span(record: &Working) -> bool {
    spans(record).last().is_some_and(|span| span.to.is_none())
}

/// From now on it is the level in force.
fn open_span(record: &mut Working, from: Timestamp) {
    if !has_open_span(record) {
        let mut spans = spans(record);
        spans.push(Span { from, to: None });
        set_spans(record, spans);
    }
}

/// From now on it is not.
fn close_span(record: &mut Working, to: Timestamp) {
    let mut spans = spans(record);
    if let Some(last) = spans.last_mut().filter(|span| span.to.is_none()) {
        last.to = Some(to);
        set_spans(record, spans);
    }
}
