//! How far a household's evacuation has come, as told, and what follows from it: where its people are, who is in which
//! shelter, and what somebody must look at. The rule by which reports add up is [`crate::domain::evacuation`].
//!
//! Nothing of it stands in the duty log but that a report was withdrawn: whoever reads the log need not have need of the
//! household. Its own record lists every report.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::assignments::check_told;
use super::hand::Hand;
use super::incidents::{limit, needed};
use super::items::over;
use super::scene::{Draft, Scene, Working, past};
use super::write::may;
use super::{Ask, Desk, Told, Written};
use crate::domain::access::Deed;
use crate::domain::assignment::SOURCES;
use crate::domain::evacuation::{CHANNELS, Outcome, Report, Standing, State, TRIES_MAX, Withdrawn};
use crate::domain::household::MEMBERS_MAX;
use crate::domain::{Code, Collection, Problem, Role, Timestamp};

/// Writers of evacuations wait for each other: a report may change several shelters, and none shall have to lose a race.
const TURN: Uuid = Uuid::from_u128(0x0065_7661_6375_6174_696f_6e00_0000_0001);
/// Longest reason, place or name, characters.
const SHORT_CHARS_MAX: usize = 200;

/// What somebody tells of a household.
#[derive(Clone, Debug)]
pub struct EvacuationReport {
    pub state: State,
    /// So many of its people, all told; all whom it may concern if `None`.
    pub people: Option<i64>,
    /// `people` come besides those told before.
    pub more: bool,
    /// The state that they leave.
    pub from: Option<State>,
    pub shelter_id: Option<Uuid>,
    pub place: Option<String>,
    pub told: Told,
    pub evidence: Evidence,
}

/// What a state rests on (DOMAIN.md 2.4); which of it is needed depends on the state.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// By which way they were warned.
    pub channel: Option<String>,
    /// The unit that escorts them.
    pub unit_id: Option<Uuid>,
    /// Whoever else does.
    pub escort: Option<String>,
    pub reason: Option<String>,
    /// Who spoke with them; who reports if `None`.
    pub officer: Option<String>,
    pub next_visit_at: Option<Timestamp>,
    pub tries: Option<i64>,
    /// Who let them go home.
    pub authority: Option<String>,
    pub inspection_ref: Option<String>,
    pub decision_no: Option<String>,
}

/// That a report was wrong.
#[derive(Clone, Debug)]
pub struct Withdrawal {
    pub report_id: Uuid,
    pub reason: String,
}

impl Desk {
    /// Takes what somebody tells of a household's people; `If-Match` is checked if it was sent. Reports may come late and
    /// twice: [`crate::domain::evacuation`] says how they add up. Who arrives is let in, also where there is no room.
    ///
    /// # Errors
    /// `missing_field` for what the state rests on, `invalid_value` (more people than the household has),
    /// `forbidden_transition` for a return that nobody authorised or a household that was ended, `unknown_reference`,
    /// `limit_exceeded`, `future_time`, `version_conflict`, `not_found`, `forbidden`.
    pub async fn report_evacuation(&self, ask: &Ask, id: Uuid, report: EvacuationReport) -> Result<Written, Problem> {
        may(&ask.actor, Deed::ReportEvacuation)?;
        check_told(&report.told)?;
        check_state(ask, report.state)?;
        check_counts(&report)?;
        check_evidence(&report)?;
        // The telephone's own, so that the order of reports does not hang on their arrival.
        let own = ask.idempotency.as_ref().map_or_else(Uuid::now_v7, |key| key.key);
        self.write_in_turn(ask, TURN, |scene| decide(scene, id, own, &report)).await
    }

    /// Withdraws a report that was wrong. It stays in the list, with who withdrew it and why. A field unit its own alone.
    ///
    /// # Errors
    /// `not_found` for household or report, `missing_field` without a reason, `forbidden`, `version_conflict`.
    pub async fn withdraw_evacuation(&self, ask: &Ask, id: Uuid, withdrawal: Withdrawal) -> Result<Written, Problem> {
        may(&ask.actor, Deed::ReportEvacuation)?;
        needed("reason", &withdrawal.reason)?;
        self.write_in_turn(ask, TURN, |scene| withdraw(scene, id, &withdrawal)).await
    }

    /// Takes a write of households that changes shelters, in turn with their reports.
    pub(super) async fn write_evacuation<F>(&self, ask: &Ask, decide: F) -> Result<Written, Problem>
    where
        F: Fn(&Scene<'_>) -> Result<Draft, Problem> + Send + Sync,
    {
        self.write_in_turn(ask, TURN, decide).await
    }
}

fn check_state(ask: &Ask, state: State) -> Result<(), Problem> {
    if ask.actor.role == Role::FieldUnit && !State::BY_FIELD_UNIT.contains(&state) {
        return Err(Problem::new(
            Code::Forbidden,
            format!("tổ hiện trường không báo được: {}", state.title_vi()),
            format!("a field unit does not report {}", state.as_str()),
        ));
    }
    Ok(())
}

fn invalid(name: &str, vi: &str, en: &str) -> Problem {
    Problem::new(Code::InvalidValue, format!("{name}: {vi}"), format!("{name}: {en}")).at(&format!("/{name}"))
}

fn missing(name: &str, vi: &str, en: &str) -> Problem {
    Problem::new(Code::MissingField, format!("{name}: {vi}"), format!("{name}: {en}")).at(&format!("/{name}"))
}

fn check_counts(report: &EvacuationReport) -> Result<(), Problem> {
    let must_count = report.state == State::Moving || report.state.is_arrival();
    match report.people {
        None if must_count || report.more => {
            Err(missing("people", "cần đếm người khi đi, khi đến", "people are counted as they leave and arrive"))
        }
        Some(people) if !(i64::from(report.more)..=MEMBERS_MAX).contains(&people) => {
            Err(invalid("people", "ngoài khoảng 0–200", "is outside 0..200"))
        }
        _ if report.from == Some(report.state) && report.state != State::Sheltered => {
            Err(invalid("from", "trùng với state", "is the state itself"))
        }
        _ => Ok(()),
    }
}

/// What the state rests on is there, and nothing that belongs to another.
fn check_evidence(report: &EvacuationReport) -> Result<(), Problem> {
    use State as S;
    let Evidence {
        channel,
        unit_id,
        escort,
        reason,
        officer,
        next_visit_at,
        tries,
        authority,
        inspection_ref,
        decision_no,
    } = &report.evidence;
    let given = [
        ("channel", channel.is_some(), &[S::Notified][..], &[S::Notified][..]),
        ("unit_id", unit_id.is_some(), &[S::Moving, S::Sheltered, S::WithRelatives], &[]),
        ("escort", escort.is_some(), &[S::Moving, S::Sheltered, S::WithRelatives], &[]),
        ("reason", reason.is_some(), &[S::Refused, S::Unreachable], &[S::Refused]),
        ("officer", officer.is_some(), &[S::Refused, S::Notified, S::Unreachable], &[]),
        ("next_visit_at", next_visit_at.is_some(), &[S::Refused, S::Unreachable], &[S::Refused]),
        ("tries", tries.is_some(), &[S::Unreachable], &[S::Unreachable]),
        ("authority", authority.is_some(), &[S::ReturnAuthorised], &[S::ReturnAuthorised]),
        ("inspection_ref", inspection_ref.is_some(), &[S::ReturnAuthorised], &[S::ReturnAuthorised]),
        ("decision_no", decision_no.is_some(), &[S::Relocated], &[S::Relocated]),
        ("shelter_id", report.shelter_id.is_some(), &[S::Sheltered], &[S::Sheltered]),
        ("place", report.place.is_some(), &[S::WithRelatives], &[S::WithRelatives]),
    ];
    let (vi, en) = (report.state.title_vi(), report.state.as_str());
    for (name, is_there, fits, is_needed) in given {
        if is_there && !fits.contains(&report.state) {
            return Err(invalid(name, &format!("không đi với {vi}"), &format!("does not belong to {en}")));
        }
        if !is_there && is_needed.contains(&report.state) {
            return Err(missing(name, &format!("cần cho {vi}"), &format!("is needed for {en}")));
        }
    }
    if report.state == S::Moving && unit_id.is_none() && escort.is_none() {
        return Err(missing("unit_id", "ai dẫn đi? (unit_id hoặc escort)", "who escorts them? (unit_id or escort)"));
    }
    let texts = [
        ("escort", escort),
        ("reason", reason),
        ("officer", officer),
        ("authority", authority),
        ("inspection_ref", inspection_ref),
        ("decision_no", decision_no),
        ("place", &report.place),
    ];
    for (name, text) in texts {
        text.as_deref().map_or(Ok(()), |text| needed(name, text))?;
        text.as_deref().map_or(Ok(()), |text| limit(name, text, SHORT_CHARS_MAX))?;
    }
    if let Some(channel) = channel.as_deref().filter(|channel| !CHANNELS.contains(channel)) {
        let known = CHANNELS.join(", ");
        return Err(invalid(
            "channel",
            &format!("{channel:?} không thuộc {known}"),
            &format!("{channel:?} is not one of {known}"),
        ));
    }
    if tries.is_some_and(|tries| !(1..=100).contains(&tries)) {
        return Err(invalid("tries", "ngoài khoảng 1–100", "is outside 1..100"));
    }
    Ok(())
}

/// What was told of a household so far.
pub(super) fn standing(household: &Working) -> Standing {
    Standing::of(&household.properties, &household.personal)
}

/// The household, which is not over.
fn taken(scene: &Scene<'_>, id: Uuid) -> Result<Working, Problem> {
    let record = scene.take_open(Collection::Households, id)?;
    if record.text("ended_at").is_some() { Err(over(&record)) } else { Ok(record) }
}

fn decide(scene: &Scene<'_>, id: Uuid, own: Uuid, said: &EvacuationReport) -> Result<Draft, Problem> {
    let record = taken(scene, id)?;
    let at = scene.at()?;
    if said.evidence.next_visit_at.is_some_and(|next| next <= at) {
        return Err(invalid("next_visit_at", "phải sau thời điểm báo", "must lie after the report"));
    }
    if let Some(unit) = said.evidence.unit_id {
        scene.referred(Collection::Units, unit, "/unit_id")?;
    }
    if let Some(shelter) = said.shelter_id {
        let shelter = scene.referred(Collection::Shelters, shelter, "/shelter_id")?;
        if shelter.text("ended_at").is_some() {
            return Err(invalid("shelter_id", "điểm này không còn dùng", "this shelter was ended"));
        }
    }
    let before = standing(&record);
    if said.people.is_some_and(|people| people > before.members) {
        return Err(invalid(
            "people",
            &format!("hộ có {} nhân khẩu; sửa member_count trước nếu đông hơn", before.members),
            &format!("the household has {} members; correct member_count first if there are more", before.members),
        )
        .with("member_count", before.members));
    }
    check_return(&before, said, at)?;
    // Of a key that the store remembers this is never the answer: it gives that of the first time.
    if before.reports.iter().any(|report| report.id == own) {
        let (vi, en) = ("báo cáo này đã được ghi", "this report was taken already");
        return Err(Problem::new(Code::ForbiddenTransition, vi, en).with("allowed", json!([])));
    }
    let mut after = before.clone();
    after.add(report_of(scene, said, own, at))?;
    let mut hand = Hand::new(scene, at, record);
    hand.settle(&before, &after)?;
    Ok(hand.finish())
}

/// Nobody goes home before a named authority has said that they may.
fn check_return(before: &Standing, said: &EvacuationReport, at: Timestamp) -> Result<(), Problem> {
    if said.state != State::Returned {
        return Ok(());
    }
    let known: Vec<Report> = before.reports.iter().filter(|report| report.at <= Some(at)).cloned().collect();
    let by_then = Standing { members: before.members, reports: known }.outcome();
    if by_then.parts.iter().any(|part| part.state == State::ReturnAuthorised) {
        return Ok(());
    }
    Err(Problem::new(
        Code::ForbiddenTransition,
        "chưa có người có thẩm quyền cho hộ này về: báo return_authorised trước",
        "no named authority has let this household go home: report return_authorised first",
    )
    .with("state", by_then.least().map_or("registered", |part| part.state.as_str()))
    .with("allowed", json!(["return_authorised"])))
}

fn report_of(scene: &Scene<'_>, said: &EvacuationReport, id: Uuid, at: Timestamp) -> Report {
    let is_own = scene.ask.actor.role == Role::FieldUnit;
    let default = if is_own { "own" } else { "desk" };
    let source = said.told.source.as_deref().unwrap_or(default);
    let source = SOURCES.iter().copied().find(|known| *known == source).unwrap_or(default);
    let trimmed = |text: &Option<String>| text.as_deref().map(|text| text.trim().to_owned());
    Report {
        id,
        state: said.state,
        people: said.people,
        more: said.more,
        from: said.from,
        shelter_id: said.shelter_id,
        place: trimmed(&said.place),
        at: Some(at),
        recorded_at: Some(scene.now),
        by: Some(scene.ask.actor.name.clone()),
        source: Some(source.to_owned()),
        told_by: trimmed(&said.told.told_by),
        evidence: evidence_of(scene, said),
        withdrawn: None,
    }
}

fn evidence_of(scene: &Scene<'_>, said: &EvacuationReport) -> Map<String, Value> {
    let Evidence {
        channel,
        unit_id,
        escort,
        reason,
        officer,
        next_visit_at,
        tries,
        authority,
        inspection_ref,
        decision_no,
    } = &said.evidence;
    let officer = officer.clone().or_else(|| (said.state == State::Refused).then(|| scene.ask.actor.name.clone()));
    let text = |text: &Option<String>| text.as_deref().map(|text| Value::from(text.trim()));
    let all = [
        ("channel", text(channel)),
        ("unit_id", unit_id.map(|id| id.to_string().into())),
        ("escort", text(escort)),
        ("reason", text(reason)),
        ("officer", text(&officer)),
        ("next_visit_at", next_visit_at.map(|at| at.to_string().into())),
        ("tries", tries.map(Value::from)),
        ("authority", text(authority)),
        ("inspection_ref", text(inspection_ref)),
        ("decision_no", text(decision_no)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn withdraw(scene: &Scene<'_>, id: Uuid, withdrawal: &Withdrawal) -> Result<Draft, Problem> {
    let record = taken(scene, id)?;
    let before = standing(&record);
    let mut after = before.clone();
    let actor = &scene.ask.actor;
    let Some(report) = after.reports.iter_mut().find(|report| report.id == withdrawal.report_id) else {
        let id = withdrawal.report_id;
        return Err(Problem::new(
            Code::UnknownReference,
            format!("hộ này không có báo cáo {id}"),
            format!("the household has no report {id}"),
        )
        .at("/report_id"));
    };
    if actor.role == Role::FieldUnit && report.by.as_deref() != Some(&actor.name) {
        return Err(Problem::new(
            Code::Forbidden,
            "bạn chỉ rút được báo cáo của mình",
            "you may withdraw your own reports only",
        ));
    }
    if report.withdrawn.is_some() {
        return scene.already(Collection::Households, id);
    }
    let (at, reason) = (scene.at()?, withdrawal.reason.trim().to_owned());
    past(at, scene.now, "/at")?;
    report.withdrawn = Some(Withdrawn { at, by: actor.name.clone(), reason });
    let state = report.state;
    let mut hand = Hand::new(scene, at, record);
    let commune = hand.commune_name();
    hand.settle(&before, &after)?;
    // What was wrong with it stands with the household: whoever reads the log may have no need of that.
    let text = format!("Rút một báo cáo sơ tán ({}) của một hộ ở {commune}", state.title_vi());
    hand.log_about("evacuation_corrected", None, None, text, json!({"state": state.as_str()}));
    Ok(hand.finish())
}

/// A household or shelter that was edited: its people and its room still fit.
pub(super) fn follow_edit(
    scene: &Scene<'_>,
    before: &Working,
    record: Working,
    at: Timestamp,
) -> Result<Draft, Problem> {
    let (id, collection) = (record.id, record.collection);
    let mut hand = Hand::new(scene, at, record);
    if collection == Collection::Shelters {
        hand.watch_shelter(id)?;
        return Ok(hand.finish());
    }
    let (was, is) = (standing(before), standing(hand.main()));
    if hand.main().personal.contains_key("reports") {
        if was.members != is.members {
            let after = was.with_members(is.members)?;
            hand.settle(&was, &after)?;
        }
    } else {
        hand.fill_shelters(&was.outcome(), &is.outcome())?;
    }
    Ok(hand.finish())
}

/// Refuses to end a household whose people are out, and a shelter that has people in it.
pub(super) fn check_nobody_counts_on(record: &Working) -> Result<(), Problem> {
    let (vi, en) = match record.collection {
        Collection::Households => {
            let outcome = standing(record).outcome();
            let is_under_way = |state: State| {
                matches!(state, State::Moving | State::Sheltered | State::WithRelatives | State::ReturnAuthorised)
            };
            if !outcome.parts.iter().any(|part| is_under_way(part.state)) {
                return Ok(());
            }
            ("người của hộ đang đi sơ tán", "people of the household are evacuated")
        }
        Collection::Shelters if record.integer("occupied").is_some_and(|occupied| occupied > 0) => {
            ("điểm sơ tán còn người", "there are people in the shelter")
        }
        _ => return Ok(()),
    };
    Err(Problem::new(Code::ForbiddenTransition, vi, en)
        .with("allowed", json!(["POST /api/households/{id}/evacuation"])))
}

impl Hand<'_, '_> {
    /// Puts the household where its reports say, with all that hangs on it: shelters, alarms.
    fn settle(&mut self, before: &Standing, after: &Standing) -> Result<(), Problem> {
        let record = self.main();
        after.write(&mut record.properties, &mut record.personal);
        let (was, is) = (before.outcome(), after.outcome());
        self.fill_shelters(&was, &is)?;
        let commune = self.commune_name();
        let does_not_fit = !is.discrepancy.is_none();
        self.stand(
            "count_discrepancy",
            does_not_fit,
            &format!("Số người đi và đến của một hộ ở {commune} không khớp"),
        )?;
        let is_lost = is.parts.iter().any(|part| part.state == State::Unreachable) && tries(after) >= TRIES_MAX;
        self.stand("household_unreachable", is_lost, &format!("Tìm nhiều lần chưa liên lạc được một hộ ở {commune}"))
    }

    /// Counts people out of the shelters where they were and into those where they are.
    fn fill_shelters(&mut self, was: &Outcome, is: &Outcome) -> Result<(), Problem> {
        let shelters: BTreeSet<Uuid> = was.parts.iter().chain(&is.parts).filter_map(|part| part.shelter_id).collect();
        for shelter in shelters {
            let change = is.in_shelter(shelter) - was.in_shelter(shelter);
            if change == 0 || self.scene.feature(Collection::Shelters, shelter).is_none() {
                continue;
            }
            let record = self.change(Collection::Shelters, shelter)?;
            let occupied = record.integer("occupied").unwrap_or(0) + change;
            record.set("occupied", occupied.max(0));
            self.watch_shelter(shelter)?;
        }
        Ok(())
    }

    /// Raises the alarm of a shelter that holds more people than it takes, and ends it when it does not.
    pub fn watch_shelter(&mut self, shelter: Uuid) -> Result<(), Problem> {
        const KIND: &str = "shelter_over_capacity";
        let record = self.read(Collection::Shelters, shelter)?;
        let (occupied, capacity) = (record.integer("occupied").unwrap_or(0), record.integer("capacity").unwrap_or(0));
        let (label, commune) = (record.label(), record.text("admin_unit").map(str::to_owned));
        let is_its =
            |alarm: &Working| alarm.text("kind") == Some(KIND) && alarm.reference("shelter_id") == Some(shelter);
        let standing = self.open(Collection::Alarms).iter().find(|alarm| is_its(alarm)).map(|alarm| alarm.id);
        let text = format!("{label} quá sức chứa: {occupied} người, sức chứa {capacity}");
        match (standing, occupied > capacity) {
            (None, true) => {
                let alarm = self.raise_in(KIND, &text, commune);
                self.change(Collection::Alarms, alarm)?.set("shelter_id", shelter.to_string());
            }
            (Some(alarm), true) => self.change(Collection::Alarms, alarm)?.set("text", text),
            (Some(_), false) => self.end_alarms(is_its),
            (None, false) => {}
        }
        Ok(())
    }

    /// Lets an alarm of the household stand, or ends it. It names no household: whoever hears it may have no need of one.
    /// The household names its alarms.
    fn stand(&mut self, kind: &'static str, stands: bool, text: &str) -> Result<(), Problem> {
        let mut known = self.main().properties.get("alarm_ids").and_then(Value::as_object).cloned().unwrap_or_default();
        let standing = known.get(kind).and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
        match (standing, stands) {
            (None, true) => {
                let commune = self.main().text("admin_unit").map(str::to_owned);
                let alarm = self.raise_in(kind, text, commune);
                known.insert(kind.to_owned(), alarm.to_string().into());
            }
            (Some(alarm), false) => {
                known.remove(kind);
                self.end_alarms(|one| one.id == alarm);
            }
            _ => return Ok(()),
        }
        self.main().set("alarm_ids", if known.is_empty() { Value::Null } else { known.into() });
        Ok(())
    }

    /// Raises an alarm of a commune.
    fn raise_in(&mut self, kind: &'static str, text: &str, commune: Option<String>) -> Uuid {
        let mut alarm = self.new_alarm(kind, None, text);
        alarm.set("admin_unit", commune.map_or(Value::Null, Value::from));
        let id = alarm.id;
        self.add(alarm);
        id
    }

    /// What the commune of the record in hand is called.
    fn commune_name(&mut self) -> String {
        let code = self.main().text("admin_unit").map(str::to_owned);
        let known = code.as_deref().and_then(|code| self.scene.ground.commune(code)).map(|it| it.full_name.clone());
        known.or(code).unwrap_or_else(|| "nơi chưa rõ xã".to_owned())
    }
}

/// How often the household was looked for, by the newest report of it.
fn tries(standing: &Standing) -> i64 {
    let of_it = standing.reports.iter().filter(|r| r.withdrawn.is_none() && r.state == State::Unreachable);
    let newest = of_it.max_by_key(|report| (report.at, report.id));
    newest.and_then(|report| report.evidence.get("tries")).and_then(Value::as_i64).unwrap_or(0)
}
