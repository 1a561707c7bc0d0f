//! The life of an assignment: what the unit says, or has said for it, and what duty officers decide.

use uuid::Uuid;

use super::assign::{order, send};
use super::course::Leaving;
use super::hand::Hand;
use super::incidents::{limit, needed, state_of, target};
use super::scene::{AHEAD_S_MAX, Draft, Scene, Working, force_word};
use super::units::{may_speak_for, move_along, tell_status};
use super::write::may;
use super::{Ask, Decision, Desk, Heard, StepReport, Told, Written, words};
use crate::domain::access::Deed;
use crate::domain::accountability::NO_COVERAGE_S_MAX;
use crate::domain::assignment::{Leads, SOURCES, Step, is_out, leads, state_vi};
use crate::domain::transition::Verb;
use crate::domain::{Actor, Code, Collection, Force, Problem, Role, Timestamp};

/// Longest reason or name of whoever was heard, characters.
const SHORT_CHARS_MAX: usize = 200;

impl Desk {
    /// A unit's word on its assignment: acknowledged, declined, en route, on scene, cleared; by itself, or by whoever
    /// heard it. What was said before is no fault: the record is answered as it stands.
    ///
    /// # Errors
    /// `forbidden` for another's unit, `forbidden_transition` with `state` and what may follow (an order that timed out
    /// is told as that), `missing_field`, `invalid_value`, `future_time`, `version_conflict`, `not_found`.
    pub async fn step_assignment(&self, ask: &Ask, id: Uuid, report: StepReport) -> Result<Written, Problem> {
        may_report(&ask.actor)?;
        check_told(&report.told)?;
        if report.step == Step::Decline {
            needed("reason", report.reason.as_deref().unwrap_or_default())?;
        }
        let unit = self.unit_of_assignment(id)?;
        self.write_in_turn(ask, unit, |scene| decide_step(scene, id, &report)).await
    }

    /// A duty officer's decision: a proposal is ordered, a request agreed to or refused, an order taken back.
    ///
    /// # Errors
    /// `forbidden` where another force decides, `missing_field` for who agreed by telephone or why not, and as
    /// [`Desk::step_assignment`].
    pub async fn decide_assignment(&self, ask: &Ask, id: Uuid, decision: Decision) -> Result<Written, Problem> {
        may(&ask.actor, Deed::AssignUnit)?;
        check_told(&decision.told)?;
        if decision.step == Step::Refuse {
            needed("reason", decision.reason.as_deref().unwrap_or_default())?;
        }
        let unit = self.unit_of_assignment(id)?;
        self.write_in_turn(ask, unit, |scene| decide(scene, id, &decision)).await
    }

    /// A unit that is out was heard of ("báo an toàn"), or says until when it will be out of coverage.
    ///
    /// # Errors
    /// As [`Desk::step_assignment`]; `invalid_value` for a time that is over, or more than a day ahead.
    pub async fn hear_of_unit(&self, ask: &Ask, id: Uuid, heard: Heard) -> Result<Written, Problem> {
        may_report(&ask.actor)?;
        check_told(&heard.told)?;
        let unit = self.unit_of_assignment(id)?;
        self.write_in_turn(ask, unit, |scene| decide_heard(scene, id, &heard)).await
    }

    /// The unit at which writers of an assignment take turns. One that nobody knows of is its own.
    fn unit_of_assignment(&self, id: Uuid) -> Result<Uuid, Problem> {
        let picture = self.picture.load();
        let known = picture.layer(Collection::Assignments).get(id).and_then(|a| a.text("unit_id"));
        Ok(known.and_then(|unit| Uuid::parse_str(&unit).ok()).unwrap_or(id))
    }

    /// The assignment of these two that a call made or changed, else the one that stands.
    pub(super) fn assignment_in(&self, written: &Written, incident: Uuid, unit: Uuid) -> Option<Uuid> {
        let is_theirs = |text: &dyn Fn(&str) -> Option<String>| {
            text("incident_id") == Some(incident.to_string()) && text("unit_id") == Some(unit.to_string())
        };
        let of_call = written.changes.iter().rev().filter(|change| change.collection == Collection::Assignments);
        let of_call = of_call.map(|change| &change.record).find(|record| {
            let properties = record.properties_map();
            is_theirs(&|name| properties.get(name).and_then(|value| value.as_str()).map(str::to_owned))
        });
        of_call.map(|record| record.id).or_else(|| {
            let picture = self.picture.load();
            let mut open = picture.layer(Collection::Assignments).iter().filter(|assignment| !assignment.is_ended());
            open.find(|a| is_theirs(&|name| a.text(name).map(|text| text.into_owned()))).map(|a| a.id)
        })
    }
}

fn decide_step(scene: &Scene<'_>, id: Uuid, report: &StepReport) -> Result<Draft, Problem> {
    let (record, incident, unit) = taken(scene, id)?;
    may_speak_here(&scene.ask.actor, &record, unit)?;
    let Leads::To(_) = way(report.step, &record)? else {
        return told_again(scene, record, report);
    };
    let mut hand = held(scene, record, &report.told)?;
    match report.step {
        Step::Decline => {
            let reason = report.reason.as_deref().unwrap_or_default().trim();
            let label = hand.read(Collection::Units, unit)?.label();
            hand.free(incident, unit, true, Leaving::Declined(reason))?;
            let asker = hand.main().text("by_force").and_then(Force::parse);
            let text = format!("{label} không nhận nhiệm vụ: {reason}");
            hand.raise("assignment_declined", asker, Some(id), Some(incident), unit, &text);
        }
        Step::Clear => hand.free(incident, unit, true, Leaving::Cleared)?,
        step => {
            let status = step.status().unwrap_or_default();
            // Distress is no status that a step takes away.
            if hand.read(Collection::Units, unit)?.text("status") == Some("distress") {
                move_along(&mut hand, unit, incident, status)?;
            } else {
                tell_status(&mut hand, unit, status)?;
            }
        }
    }
    Ok(hand.finish())
}

/// What was said before changes nothing, but that a milestone which was passed over is written down.
fn told_again(scene: &Scene<'_>, record: Working, report: &StepReport) -> Result<Draft, Problem> {
    let id = record.id;
    let is_known = report
        .step
        .status()
        .and_then(crate::domain::assignment::milestone)
        .is_none_or(|name| record.time(name).is_some());
    if is_known {
        return scene.already(Collection::Assignments, id);
    }
    let mut hand = held(scene, record, &report.told)?;
    hand.word_of_unit(id, report.step)?;
    Ok(hand.finish())
}

fn decide(scene: &Scene<'_>, id: Uuid, decision: &Decision) -> Result<Draft, Problem> {
    let (record, incident, unit) = taken(scene, id)?;
    let actor = &scene.ask.actor;
    let is_of = |field: &str| actor.force.is_none_or(|force| record.text(field) == Some(force_word(force)));
    let source = decision.told.source.as_deref().unwrap_or("own");
    let is_by_phone = matches!(source, "phone" | "radio");
    let is_asker = is_of("by_force");
    let may_decide = match decision.step {
        // Whoever asked writes down what was told by telephone; a key is the other force's own.
        Step::Agree | Step::Refuse => is_asker && is_by_phone || (is_of("unit_force") && actor.force.is_some()),
        Step::Cancel => is_asker || is_of("unit_force"),
        // An order to another force's unit becomes a request.
        _ => true,
    };
    if !may_decide {
        return Err(Problem::new(
            Code::Forbidden,
            "trực ban của lực lượng có đơn vị quyết định; nếu họ trả lời qua điện thoại, ghi rõ ai trả lời (source: phone, told_by)",
            "the duty officer of the unit's own force decides; if they answered by telephone, say who did (source: phone, \
             told_by)",
        ));
    }
    let Leads::To(_) = way(decision.step, &record)? else {
        return scene.already(Collection::Assignments, id);
    };
    let asker = record.text("by_force").and_then(Force::parse);
    let mut hand = held(scene, record, &decision.told)?;
    let label = hand.read(Collection::Units, unit)?.label();
    match decision.step {
        Step::Cancel => hand.free(incident, unit, true, Leaving::Released)?,
        Step::Refuse => {
            let reason = decision.reason.as_deref().unwrap_or_default().trim();
            let who = hand.told_by.clone().unwrap_or_else(|| actor.name.clone());
            hand.free(incident, unit, true, Leaving::Declined(reason))?;
            let text = format!("Không phối hợp được, {label}: {reason} ({who})");
            hand.raise("support_refused", asker, Some(id), Some(incident), unit, &text);
        }
        Step::Agree => {
            check_takes_units(&mut hand, incident)?;
            let (at, who) = (hand.at, hand.told_by.clone().unwrap_or_else(|| actor.name.clone()));
            let record = hand.main();
            record.set_time("agreed_at", at);
            record.set("agreed_by", who.as_str());
            let facts = serde_json::json!({"unit_id": unit, "assignment_id": id});
            let text = format!("{who} đồng ý phối hợp: {label} ({})", words::status_source(hand.source));
            hand.log("agreed", incident, Some(unit), text, facts);
            send(&mut hand, incident, unit)?;
        }
        _ => {
            check_takes_units(&mut hand, incident)?;
            order(&mut hand, incident, unit)?;
        }
    }
    Ok(hand.finish())
}

fn decide_heard(scene: &Scene<'_>, id: Uuid, heard: &Heard) -> Result<Draft, Problem> {
    let (record, incident, unit) = taken(scene, id)?;
    may_speak_here(&scene.ask.actor, &record, unit)?;
    let state = state(&record).to_owned();
    if !is_out(&state) {
        return Err(refused("báo an toàn", "a sign of life", &record));
    }
    if let Some(until) = heard.no_coverage_until {
        let ahead_s = until.seconds_since(scene.now);
        if !(1..=NO_COVERAGE_S_MAX).contains(&ahead_s) {
            return Err(Problem::new(
                Code::InvalidValue,
                "mất sóng đến một thời điểm đã qua, hoặc quá một ngày",
                "out of coverage until a time that is over, or more than a day ahead",
            )
            .at("/no_coverage_until"));
        }
    }
    let mut hand = held(scene, record, &heard.told)?;
    hand.heard_of(id)?;
    let label = hand.read(Collection::Units, unit)?.label();
    let by = words::status_source(hand.source);
    let by = hand.told_by.as_ref().map_or_else(|| by.to_owned(), |who| format!("{by}: {who}"));
    let text = match heard.no_coverage_until {
        Some(until) => {
            hand.main().set_time("no_coverage_until", until);
            format!("{label} báo an toàn, mất sóng đến {} ({by})", &until.local_text()[11..16])
        }
        None => format!("{label} báo an toàn ({by})"),
    };
    let facts = serde_json::json!({"assignment_id": id, "no_coverage_until": heard.no_coverage_until});
    hand.log("accountability", incident, Some(unit), text, facts);
    Ok(hand.finish())
}

/// The assignment with its incident and unit.
fn taken(scene: &Scene<'_>, id: Uuid) -> Result<(Working, Uuid, Uuid), Problem> {
    let record = scene.take_open(Collection::Assignments, id)?;
    match record.reference("incident_id").zip(record.reference("unit_id")) {
        Some((incident, unit)) => Ok((record, incident, unit)),
        None => Err(Problem::new(Code::Internal, "nhiệm vụ thiếu vụ việc hoặc đơn vị", "the assignment is torn")),
    }
}

/// Takes it in hand as it was told.
fn held<'a, 's>(scene: &'a Scene<'s>, record: Working, told: &Told) -> Result<Hand<'a, 's>, Problem> {
    let at = not_before(scene.at()?, record.time("dispatched_at").or_else(|| record.time("requested_at")))?;
    let is_own = scene.ask.actor.role == Role::FieldUnit;
    let default = if is_own { "own" } else { "desk" };
    let source = told.source.as_deref().filter(|_| !is_own).unwrap_or(default);
    let mut hand = Hand::new(scene, at, record);
    hand.source = SOURCES.iter().copied().find(|known| *known == source).unwrap_or(default);
    hand.told_by = told.told_by.as_deref().map(|name| name.trim().to_owned());
    Ok(hand)
}

/// Nothing answers an order before it was given; clocks of telephones are off by a minute.
fn not_before(at: Timestamp, ordered: Option<Timestamp>) -> Result<Timestamp, Problem> {
    match ordered {
        Some(ordered) if ordered.seconds_since(at) > AHEAD_S_MAX => Err(Problem::new(
            Code::InvalidValue,
            format!("{at} trước khi giao nhiệm vụ ({ordered})"),
            format!("{at} lies before the order ({ordered})"),
        )
        .at("/at")),
        Some(ordered) => Ok(at.max(ordered)),
        None => Ok(at),
    }
}

fn state(record: &Working) -> &str {
    record.text("state").unwrap_or_default()
}

fn way(step: Step, record: &Working) -> Result<Leads, Problem> {
    leads(step, state(record)).ok_or_else(|| refused(step.title_vi(), step.as_str(), record))
}

/// The refusal of a step: where the assignment stands, since when, and what may be done.
fn refused(what_vi: &str, what_en: &str, record: &Working) -> Problem {
    let state = state(record);
    let ways: Vec<Step> =
        Step::ALL.into_iter().filter(|step| matches!(leads(*step, state), Some(Leads::To(_)))).collect();
    let allowed: Vec<&str> = ways.iter().map(|step| step.as_str()).collect();
    let since = record.time("state_at");
    let clock = since.map(|at| at.local_text()[11..16].to_owned()).unwrap_or_default();
    Problem::new(
        Code::ForbiddenTransition,
        format!("không thể {what_vi}: nhiệm vụ {} lúc {clock}", state_vi(state)),
        format!("{what_en} is not possible: the assignment is {state} since {clock}"),
    )
    .with("state", state)
    .with("state_at", since.map(|at| at.to_string()))
    .with("allowed", allowed)
}

/// Refuses whoever may not report on units, and a telephone that speaks for none.
fn may_report(actor: &Actor) -> Result<(), Problem> {
    match actor.unit_id {
        None if actor.role == Role::FieldUnit => may_speak_for(actor, Uuid::nil()),
        _ => may(actor, Deed::ReportUnit),
    }
}

/// A unit speaks for itself; for it, whoever ordered it or has the unit.
fn may_speak_here(actor: &Actor, record: &Working, unit: Uuid) -> Result<(), Problem> {
    may_speak_for(actor, unit)?;
    let is_of = |field: &str, force: Force| record.text(field) == Some(force_word(force));
    match actor.force {
        Some(force) if !is_of("unit_force", force) && !is_of("by_force", force) => Err(Problem::new(
            Code::Forbidden,
            "đơn vị của lực lượng khác, do lực lượng khác giao nhiệm vụ",
            "a unit of another force, ordered by another force",
        )),
        _ => Ok(()),
    }
}

fn check_takes_units(hand: &mut Hand<'_, '_>, incident: Uuid) -> Result<(), Problem> {
    let state = state_of(hand.read(Collection::Incidents, incident)?);
    target(Verb::Assign, &state).map(|_| ())
}

/// What was heard by radio or telephone was heard from somebody.
pub(super) fn check_told(told: &Told) -> Result<(), Problem> {
    let told_by = told.told_by.as_deref().unwrap_or_default();
    limit("told_by", told_by, SHORT_CHARS_MAX)?;
    match told.source.as_deref() {
        Some("radio" | "phone") => needed("told_by", told_by),
        Some(source) if !SOURCES.contains(&source) => Err(Problem::new(
            Code::InvalidValue,
            format!("source: {source} không thuộc {}", SOURCES.join(", ")),
            format!("source: {source} is not one of {}", SOURCES.join(", ")),
        )
        .at("/source")),
        _ => Ok(()),
    }
}
