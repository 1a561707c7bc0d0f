//! The report of a quarter taken from step to step: compiled and submitted, consolidated, approved, closed, or sent back;
//! and the figures on which forces differ, stated and agreed. What is frozen at closing is counted from the snapshot that
//! the closing is decided on.
//!
//! Writers of one quarter wait for each other, and what a decision reads of the other parts is expected at its version:
//! nothing is consolidated over a part that is being sent back.

use serde_json::{Value, json};

use super::incidents::{limit, needed};
use super::scene::{Draft, Entry, Scene, Working};
use super::write::{conflict, may};
use super::{Ask, Desk, Written};
use crate::domain::access::Deed;
use crate::domain::quarter::Quarter;
use crate::domain::quarter_report::{
    Agreed, Closed, Course, NOTE_CHARS_MAX, STEPS_MAX, State, Statement, Step, StepTaken, VALUE_MAX, check_persons,
    check_time, id_of, is_of_province, leads, may_take,
};
use crate::domain::{Code, Collection, Force, Problem};
use crate::report::account::Account;
use crate::report::figures::{Figure, Unit, find};

/// A step of a report.
#[derive(Clone, Debug)]
pub struct ReportStep {
    pub step: Step,
    /// The force whose part it is; the province's report if `None`.
    pub whose: Option<Force>,
    /// What is said with it; needed to send one back.
    pub note: Option<String>,
}

/// What a force states of a figure.
#[derive(Clone, Debug)]
pub struct FigureStatement {
    pub force: Force,
    pub value: f64,
    pub note: Option<String>,
}

/// What is agreed on a figure.
#[derive(Clone, Debug)]
pub struct FigureAgreement {
    pub value: f64,
    pub reason: String,
}

impl Desk {
    /// Takes a step of a report. Closing freezes its figures.
    ///
    /// # Errors
    /// `forbidden` for whose step it is not, and for one person who submits and approves; `forbidden_transition` with
    /// `state` and `allowed`, and with `forces` while a part is being compiled; `too_early`; `figures_differ` with
    /// `figures`; `missing_field`, `limit_exceeded`.
    pub async fn step_report(&self, ask: &Ask, quarter: Quarter, step: &ReportStep) -> Result<Written, Problem> {
        may(&ask.actor, Deed::RunReport)?;
        let note = step.note.as_deref().unwrap_or_default();
        if step.step == Step::Return {
            needed("note", note)?;
        }
        limit("note", note, NOTE_CHARS_MAX)?;
        self.write_in_turn(ask, id_of(quarter, None), |scene| decide_step(scene, quarter, step)).await
    }

    /// A force states another value of a figure than is counted; it stands beside the count until one is agreed on.
    ///
    /// # Errors
    /// `forbidden` for another force's, `forbidden_transition` once the report was consolidated, `invalid_value`,
    /// `too_early`, `not_found` for a figure that there is not.
    pub async fn state_figure(
        &self,
        ask: &Ask,
        quarter: Quarter,
        figure: &str,
        said: &FigureStatement,
    ) -> Result<Written, Problem> {
        may(&ask.actor, Deed::RunReport)?;
        let figure = figure_named(figure)?;
        limit("note", said.note.as_deref().unwrap_or_default(), NOTE_CHARS_MAX)?;
        check_value(figure, said.value)?;
        if ask.actor.force.is_some_and(|force| force != said.force) {
            return Err(Problem::new(
                Code::Forbidden,
                "chỉ nêu số liệu của lực lượng mình",
                "a force states figures of its own alone",
            ));
        }
        self.write_in_turn(ask, id_of(quarter, None), |scene| decide_statement(scene, quarter, figure, said)).await
    }

    /// The province agrees on one of the values of a figure that stand side by side.
    ///
    /// # Errors
    /// `forbidden`, `forbidden_transition` once the report was consolidated, `invalid_value` with `allowed` for a value
    /// that nobody states, `missing_field`, `not_found` for a figure that there is not.
    pub async fn agree_figure(
        &self,
        ask: &Ask,
        quarter: Quarter,
        figure: &str,
        agreement: &FigureAgreement,
    ) -> Result<Written, Problem> {
        may(&ask.actor, Deed::RunReport)?;
        let figure = figure_named(figure)?;
        needed("reason", &agreement.reason)?;
        limit("reason", &agreement.reason, NOTE_CHARS_MAX)?;
        check_value(figure, agreement.value)?;
        if !is_of_province(&ask.actor) {
            return Err(Problem::new(
                Code::Forbidden,
                "chỉ cấp tỉnh thống nhất số liệu",
                "the province alone agrees on a figure",
            ));
        }
        self.write_in_turn(ask, id_of(quarter, None), |scene| decide_agreement(scene, quarter, figure, agreement)).await
    }
}

fn figure_named(name: &str) -> Result<&'static Figure, Problem> {
    find(name).ok_or_else(|| {
        Problem::new(Code::NotFound, format!("không có số liệu {name:?}"), format!("there is no figure {name:?}"))
    })
}

fn check_value(figure: &Figure, value: f64) -> Result<(), Problem> {
    let is_whole = figure.unit == Unit::Grams || value.fract() == 0.0;
    if value.is_finite() && (0.0..=VALUE_MAX).contains(&value) && is_whole {
        return Ok(());
    }
    Err(Problem::new(
        Code::InvalidValue,
        format!("value: {value} không hợp lệ: cần số từ 0 trở lên, số nguyên trừ khối lượng"),
        format!("value: {value} is not valid: expected a number from 0 on, a whole one unless it is a weight"),
    )
    .at("/value"))
}

/// The report, or a force's part of it, as it stands; a new record where there is none.
fn held(scene: &Scene<'_>, quarter: Quarter, whose: Option<Force>) -> (Working, Course) {
    let id = id_of(quarter, whose);
    let mut record = match scene.feature(Collection::QuarterReports, id) {
        Some(feature) => Working::of(Collection::QuarterReports, feature),
        None => Working::new(Collection::QuarterReports, id),
    };
    let name = match whose {
        None => format!("Báo cáo {}", quarter.title_vi()),
        Some(force) => format!("Báo cáo {}, phần của {}", quarter.title_vi(), force_vi(force)),
    };
    record.set("quarter", quarter.to_string());
    record.set("force", whose.map(Force::as_str));
    record.set("name", name);
    let course = Course::of(&record.properties);
    (record, course)
}

/// The same, of the version that the caller saw.
fn held_as_seen(scene: &Scene<'_>, quarter: Quarter, whose: Option<Force>) -> Result<(Working, Course), Problem> {
    let (record, course) = held(scene, quarter, whose);
    match scene.ask.if_match {
        Some(seen) if seen != record.version => {
            Err(conflict(scene.picture, scene.ask, scene.now, record.collection, record.id, record.version))
        }
        _ => Ok((record, course)),
    }
}

fn force_vi(force: Force) -> &'static str {
    match force {
        Force::Police => "Công an",
        Force::Military => "Quân sự",
        Force::BorderGuard => "Biên phòng",
        Force::Civil => "Xung kích PCTT xã",
    }
}

fn wrong_state(course: &Course, whose: Option<Force>, vi: &str, en: &str) -> Problem {
    let state = course.state;
    let allowed: Vec<&str> =
        Step::ALL.into_iter().filter(|step| leads(*step, state, whose).is_some()).map(Step::as_str).collect();
    Problem::new(
        Code::ForbiddenTransition,
        format!("không thể {vi}: báo cáo {}", state.title_vi()),
        format!("cannot {en}: the report is {}", state.as_str()),
    )
    .with("state", state.as_str())
    .with("allowed", allowed)
}

fn decide_step(scene: &Scene<'_>, quarter: Quarter, asked: &ReportStep) -> Result<Draft, Problem> {
    let (step, whose, actor) = (asked.step, asked.whose, &scene.ask.actor);
    let (record, mut course) = held_as_seen(scene, quarter, whose)?;
    may_take(actor, step, course.state, whose)?;
    check_time(step, quarter, scene.now)?;
    let Some(state) = leads(step, course.state, whose) else {
        return Err(wrong_state(&course, whose, step.title_vi(), step.as_str()));
    };
    check_persons(actor, step, &course.steps)?;
    if course.steps.len() >= STEPS_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("báo cáo đã qua {STEPS_MAX} bước"),
            format!("the report has taken {STEPS_MAX} steps"),
        ));
    }
    let mut draft = Draft::default();
    match whose {
        Some(_) => {
            let (province, taken_over) = held(scene, quarter, None);
            if taken_over.state > State::Submitted {
                return Err(wrong_state(&taken_over, None, step.title_vi(), step.as_str()));
            }
            // Also one that was never begun: it must still not be there.
            draft.read(&province);
        }
        None if step == Step::Consolidate => check_parts(scene, quarter, &mut draft)?,
        None => {}
    }
    if matches!(step, Step::Consolidate | Step::Approve | Step::Close) {
        let account = account_of(scene, quarter);
        check_agreed(&account)?;
        if step == Step::Close {
            course.frozen = account.freeze();
            course.closed = Some(Closed { at: scene.now, by: actor.name.clone(), seq: scene.picture.seq });
        }
    }
    let note = asked.note.as_deref().map(str::trim).filter(|note| !note.is_empty()).map(str::to_owned);
    let said = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    course.state = state;
    course.steps.push(StepTaken { step, state, at: scene.now, by: actor.name.clone(), force: actor.force, note });
    let text = format!("{}: {}{said}", record.label(), step.title_vi());
    let facts = json!({"quarter": quarter.to_string(), "force": whose, "step": step, "state": state});
    Ok(written(scene, draft, record, &course, "report_step", text, facts))
}

/// Refuses to consolidate while a force is still at its part.
fn check_parts(scene: &Scene<'_>, quarter: Quarter, draft: &mut Draft) -> Result<(), Problem> {
    let mut late = Vec::new();
    for force in Force::ALL {
        let (part, course) = held(scene, quarter, Some(force));
        draft.read(&part);
        if course.state == State::Compiling {
            late.push(force);
        }
    }
    if late.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = late.iter().map(|force| force_vi(*force)).collect();
    let words: Vec<&str> = late.iter().map(|force| force.as_str()).collect();
    Err(Problem::new(
        Code::ForbiddenTransition,
        format!("chưa nộp phần của: {}", names.join(", ")),
        format!("parts are not submitted yet: {}", words.join(", ")),
    )
    .with("state", State::Submitted.as_str())
    .with("forces", words))
}

/// The account by the snapshot that is decided on. All records count, whatever the actor sees of them: closing happens
/// four times a year, and takes as long as one look at the report.
fn account_of(scene: &Scene<'_>, quarter: Quarter) -> Account {
    let view = scene.view();
    match Account::of(quarter, &mut &view) {
        Ok(account) => account,
        Err(never) => match never {},
    }
}

/// Refuses what forces differ on and nobody has agreed on.
fn check_agreed(account: &Account) -> Result<(), Problem> {
    let open = account.unagreed();
    if open.is_empty() {
        return Ok(());
    }
    let title = |id: &&'static str| find(id).map_or(*id, |figure| figure.title_vi);
    Err(Problem::new(
        Code::FiguresDiffer,
        format!("số liệu các lực lượng chưa thống nhất: {}", open.iter().map(title).collect::<Vec<_>>().join("; ")),
        format!("the forces differ and nothing is agreed on: {}", open.join(", ")),
    )
    .with("figures", open))
}

/// Before it was consolidated alone: afterwards what goes up stands, until the report is sent back.
fn check_open(course: &Course, vi: &str, en: &str) -> Result<(), Problem> {
    if course.state < State::Consolidated { Ok(()) } else { Err(wrong_state(course, None, vi, en)) }
}

fn decide_statement(
    scene: &Scene<'_>,
    quarter: Quarter,
    figure: &Figure,
    said: &FigureStatement,
) -> Result<Draft, Problem> {
    check_time(Step::Compile, quarter, scene.now)?;
    let (record, mut course) = held_as_seen(scene, quarter, None)?;
    check_open(&course, "nêu số liệu", "state a figure")?;
    course.state_value(Statement {
        figure: figure.id.to_owned(),
        force: said.force,
        value: said.value,
        note: said.note.as_deref().map(str::trim).filter(|note| !note.is_empty()).map(str::to_owned),
        at: scene.now,
        by: scene.ask.actor.name.clone(),
    });
    let text = format!("{}: {} nêu số liệu riêng về \"{}\"", record.label(), force_vi(said.force), figure.title_vi);
    let facts = json!({"quarter": quarter.to_string(), "figure": figure.id, "force": said.force});
    Ok(written(scene, Draft::default(), record, &course, "figure_stated", text, facts))
}

fn decide_agreement(
    scene: &Scene<'_>,
    quarter: Quarter,
    figure: &Figure,
    agreement: &FigureAgreement,
) -> Result<Draft, Problem> {
    let (record, mut course) = held_as_seen(scene, quarter, None)?;
    check_open(&course, "thống nhất số liệu", "agree on a figure")?;
    let counted = account_of(scene, quarter).line(figure.id).map_or(0.0, |told| told.recounted);
    let mut stand: Vec<f64> = course.statements_of(figure.id).iter().map(|one| one.value).collect();
    if stand.is_empty() {
        return Err(Problem::new(
            Code::InvalidValue,
            "chưa lực lượng nào nêu số khác với số đếm được",
            "no force states this figure: there is nothing to agree on",
        )
        .at("/value"));
    }
    stand.push(counted);
    if !stand.contains(&agreement.value) {
        return Err(Problem::new(
            Code::InvalidValue,
            "chỉ thống nhất một trong các số đang đặt cạnh nhau",
            "agreed is one of the values that stand side by side",
        )
        .at("/value")
        .with("allowed", stand));
    }
    course.agree(Agreed {
        figure: figure.id.to_owned(),
        value: agreement.value,
        counted,
        reason: agreement.reason.trim().to_owned(),
        at: scene.now,
        by: scene.ask.actor.name.clone(),
    });
    let text = format!("{}: thống nhất số liệu \"{}\"", record.label(), figure.title_vi);
    let facts = json!({"quarter": quarter.to_string(), "figure": figure.id});
    Ok(written(scene, Draft::default(), record, &course, "figure_agreed", text, facts))
}

/// The record with its new course, and an entry in the log. The log names no value: more people read it than reports.
fn written(
    scene: &Scene<'_>,
    mut draft: Draft,
    mut record: Working,
    course: &Course,
    kind: &'static str,
    text: String,
    facts: Value,
) -> Draft {
    course.write(&mut record.properties);
    draft.put(record, scene.now);
    draft.log(scene, scene.now, Entry { kind, text, facts, incident: None, unit: None, zone: None });
    draft
}
