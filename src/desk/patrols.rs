//! Patrols along the border: planned by a duty officer, carried out and told by the units, counted by their fixes. One's
//! own units go; another force's are asked, as for an incident.

use serde_json::{Value, json};
use uuid::Uuid;

use super::alarms::shortened;
use super::assignments::check_told;
use super::hand::Hand;
use super::incidents::{limit, needed};
use super::scene::{Draft, Scene, Working, force_word};
use super::units::may_speak_for;
use super::write::may;
use super::{Ask, Desk, PatrolChoice, PatrolPlan, PatrolReport, Told, Written, words};
use crate::domain::access::Deed;
use crate::domain::assignment::SOURCES;
use crate::domain::patrol::{self, Choose, Leads, POINTS_MAX, Point, Step, leads, state_vi};
use crate::domain::schema::LIST_ITEMS_MAX;
use crate::domain::unit::{Availability, availability};
use crate::domain::{Actor, Code, Collection, Force, Problem, Role};

/// Kilometres by which a rounded post may lie beyond the end of its sector.
const SLACK_KM: f64 = 0.001;

impl Desk {
    /// Plans a patrol. Units of another force are asked, unless the actor is of the joint duty room.
    ///
    /// # Errors
    /// `missing_field`, `unknown_reference` for the sector, `unknown_unit`, `invalid_value` for kilometres that run
    /// backwards or beyond the sector, points that lie outside, times and partners that do not fit; `limit_exceeded`.
    pub async fn plan_patrol(&self, ask: &Ask, plan: &PatrolPlan) -> Result<Written, Problem> {
        may(&ask.actor, Deed::AssignUnit)?;
        let id = Uuid::now_v7();
        self.write(ask, |scene| decide_plan(scene, id, plan)).await
    }

    /// A unit's word on its patrol, or what was heard of it: it set out, passed a point, is back.
    ///
    /// # Errors
    /// `forbidden` for whose unit does not go, `forbidden_transition` with `state` and `allowed`, `invalid_value` for a
    /// point that there is not, `missing_field`, `not_found`.
    pub async fn step_patrol(&self, ask: &Ask, id: Uuid, report: &PatrolReport) -> Result<Written, Problem> {
        match ask.actor.unit_id {
            None if ask.actor.role == Role::FieldUnit => may_speak_for(&ask.actor, Uuid::nil())?,
            _ => may(&ask.actor, Deed::ReportUnit)?,
        }
        check_told(&report.told)?;
        self.write_in_turn(ask, id, |scene| decide_step(scene, id, report)).await
    }

    /// A duty officer's decision: one more unit, the answer of another force, the end before the time.
    ///
    /// # Errors
    /// `forbidden` where another force decides, and as [`Desk::step_patrol`].
    pub async fn decide_patrol(&self, ask: &Ask, id: Uuid, choice: &PatrolChoice) -> Result<Written, Problem> {
        may(&ask.actor, Deed::AssignUnit)?;
        check_told(&choice.told)?;
        if matches!(choice.choose, Choose::Refuse | Choose::Cancel) {
            needed("reason", choice.reason.as_deref().unwrap_or_default())?;
        }
        if choice.choose != Choose::Cancel && choice.unit.is_none() {
            needed("unit_id", "")?;
        }
        self.write_in_turn(ask, id, |scene| decide_choice(scene, id, choice)).await
    }

    /// What time makes of a patrol: it has not set out, or not come back. Called by the watch.
    ///
    /// # Errors
    /// `not_found`, or the problem of the store.
    pub async fn turn_patrol(&self, id: Uuid) -> Result<Written, Problem> {
        self.write_in_turn(&Ask::by(Actor::system()), id, |scene| turn(scene, id)).await
    }
}

fn decide_plan(scene: &Scene<'_>, id: Uuid, plan: &PatrolPlan) -> Result<Draft, Problem> {
    let sector = scene
        .take(Collection::BorderSectors, plan.sector)
        .map_err(|problem| Problem { code: Code::UnknownReference, ..problem }.at("/sector_id"))?;
    let (from_km, to_km) = stretch(&sector, plan)?;
    patrol::check_times(plan.start, plan.end, scene.now)?;
    if let Some(name) = &plan.name {
        limit("name", name, 200)?;
    }
    limit("note", plan.note.as_deref().unwrap_or_default(), 4_000)?;
    if plan.units.is_empty() {
        needed("unit_ids", "")?;
    }
    let mut record = Working::new(Collection::Patrols, id);
    let line = scene.ground.border().part(from_km, to_km);
    let line: Vec<_> = line.0.into_iter().filter(|line| line.0.len() > 1).collect();
    record.geometry = (!line.is_empty()).then(|| geo_types::MultiLineString(line).into());
    record.set("sector_id", plan.sector.to_string());
    record.set("from_km", from_km);
    record.set("to_km", to_km);
    let name = plan.name.clone().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| {
        let (from, to) = (words::kilometre_post(from_km), words::kilometre_post(to_km));
        format!("Tuần tra {} {from}–{to}", sector.text("name").unwrap_or_default())
    });
    record.set("name", shortened(&name));
    record.set_time("planned_start", plan.start);
    record.set_time("planned_end", plan.end);
    record.set("planned_by", scene.ask.actor.name.as_str());
    record.set("note", plan.note.clone().map_or(Value::Null, Value::from));
    record.set("fence_m", plan.fence_m.map_or(Value::Null, Value::from));
    record.set("points", points(scene, plan, from_km, to_km)?);
    let mut hand = Hand::new(scene, scene.at()?, record);
    go(&mut hand, "planned");
    invite(&mut hand, plan)?;
    let text = format!("Lập kế hoạch tuần tra: {}", hand.main().text("name").unwrap_or_default());
    log(&mut hand, "patrol_planned", text, json!({"patrol_id": id}));
    Ok(hand.finish())
}

/// From where to where, within the sector.
fn stretch(sector: &Working, plan: &PatrolPlan) -> Result<(f64, f64), Problem> {
    let (first, last) = (sector.number("from_km").unwrap_or(0.0), sector.number("to_km").unwrap_or(0.0));
    let (from_km, to_km) = (plan.from_km.unwrap_or(first), plan.to_km.unwrap_or(last));
    let beyond = |km: f64| !(km >= first - SLACK_KM && km <= last + SLACK_KM);
    for (at, km) in [("/from_km", from_km), ("/to_km", to_km)] {
        if beyond(km) {
            return Err(Problem::new(
                Code::InvalidValue,
                format!("{km} ngoài đoạn biên giới: Km {first}–{last}"),
                format!("{km} is beyond the sector, which has {first} to {last}"),
            )
            .at(at)
            .with("from_km", first)
            .with("to_km", last));
        }
    }
    if from_km >= to_km {
        return Err(Problem::new(
            Code::InvalidValue,
            format!("to_km ({to_km}) phải lớn hơn from_km ({from_km})"),
            format!("to_km ({to_km}) must be greater than from_km ({from_km})"),
        )
        .at("/to_km"));
    }
    Ok((from_km, to_km))
}

/// The points as they are kept: each with a name, a kilometre and a place.
fn points(scene: &Scene<'_>, plan: &PatrolPlan, from_km: f64, to_km: f64) -> Result<Value, Problem> {
    if plan.points.len() > POINTS_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("nhiều hơn {POINTS_MAX} điểm"),
            format!("more than {POINTS_MAX} points"),
        )
        .at("/points"));
    }
    let mut points = Vec::new();
    for (n, point) in plan.points.iter().enumerate() {
        let at = format!("/points/{n}");
        let border = scene.ground.border();
        let found = match (point.km, point.position) {
            (_, Some([lon, lat])) => border.project(lon, lat).map(|foot| (foot.km, [lon, lat])),
            (Some(km), None) => border.locate(km).map(|place| (km, place)),
            (None, None) => {
                return Err(Problem::new(
                    Code::MissingField,
                    "điểm cần km, hoặc lon và lat",
                    "a point needs km, or lon and lat",
                )
                .at(&format!("{at}/km")));
            }
        };
        let inside = |(km, _): &(f64, [f64; 2])| *km >= from_km - SLACK_KM && *km <= to_km + SLACK_KM;
        let (km, [lon, lat]) = found.filter(inside).ok_or_else(|| {
            Problem::new(
                Code::InvalidValue,
                format!("điểm nằm ngoài Km {from_km}–{to_km}"),
                format!("the point lies outside {from_km} to {to_km}"),
            )
            .at(&format!("{at}/km"))
        })?;
        let name = point.name.clone().unwrap_or_else(|| words::kilometre_post(km));
        limit("name", &name, 200).map_err(|problem| problem.at(&format!("{at}/name")))?;
        points.push(Point { name, km, lon, lat, passed_at: None, source: None, told_by: None });
    }
    Ok(if points.is_empty() { Value::Null } else { json!(points) })
}

/// The units that go, those that are asked, and who takes part.
fn invite(hand: &mut Hand<'_, '_>, plan: &PatrolPlan) -> Result<(), Problem> {
    let lead = hand.scene.ask.actor.force;
    let first = unit_of(hand, plan.units[0], "/unit_ids/0")?.text("force").and_then(Force::parse);
    let force = lead.or(first);
    hand.main().set("force", force.map_or(Value::Null, |force| force_word(force).into()));
    let partners: Vec<&str> = plan.partners.iter().filter(|f| Some(**f) != force).map(|f| force_word(*f)).collect();
    set_partners(hand, &partners);
    if let Some(count) = plan.neighbour_count {
        hand.main().set("neighbour_count", count);
    }
    for (n, unit) in plan.units.iter().enumerate() {
        add_unit(hand, *unit, &format!("/unit_ids/{n}"))?;
    }
    let is_joint = is_joint(hand.main());
    let wrong = |vi: &str, en: &str, at: &str, code: Code| Err(Problem::new(code, vi, en).at(at));
    match plan.kind.as_deref() {
        Some("patrol") if is_joint => wrong(
            "có lực lượng cùng tham gia: kind phải là joint_patrol",
            "others take part: kind must be joint_patrol",
            "/kind",
            Code::InvalidValue,
        ),
        Some("joint_patrol") if !is_joint => wrong(
            "tuần tra chung cần lực lượng cùng tham gia (partner_forces, unit_ids hoặc neighbour_count)",
            "a joint patrol needs partners (partner_forces, unit_ids or neighbour_count)",
            "/partner_forces",
            Code::MissingField,
        ),
        _ => {
            hand.main().set("kind", if is_joint { "joint_patrol" } else { "patrol" });
            Ok(())
        }
    }
}

fn is_joint(record: &Working) -> bool {
    !partners(record).is_empty() || record.integer("neighbour_count").unwrap_or(0) > 0
}

fn partners(record: &Working) -> Vec<String> {
    let list = record.properties.get("partner_forces").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn set_partners(hand: &mut Hand<'_, '_>, more: &[&str]) {
    let mut forces = partners(hand.main());
    forces.extend(more.iter().map(|force| (*force).to_owned()));
    forces.sort();
    forces.dedup();
    let value = if forces.is_empty() { Value::Null } else { forces.into() };
    hand.main().set("partner_forces", value);
}

/// A unit that the actor sees and that is there.
fn unit_of<'h>(hand: &'h mut Hand<'_, '_>, unit: Uuid, at: &str) -> Result<&'h Working, Problem> {
    let seen = hand.scene.take(Collection::Units, unit).ok().filter(|unit| unit.text("ended_at").is_none());
    if seen.is_none() {
        return Err(Problem::new(
            Code::UnknownUnit,
            format!("không có đơn vị {unit}"),
            format!("there is no unit {unit}"),
        )
        .at(at));
    }
    hand.read(Collection::Units, unit)
}

/// One's own unit goes; another force's is asked. One that goes already, or is asked, changes nothing.
fn add_unit(hand: &mut Hand<'_, '_>, unit: Uuid, at: &str) -> Result<(), Problem> {
    let known = unit_of(hand, unit, at)?;
    let (label, force) = (known.label(), known.text("force").and_then(Force::parse));
    let (mut go, mut asked) = (hand.main().references("unit_ids"), hand.main().references("requested_unit_ids"));
    if go.contains(&unit) || asked.contains(&unit) {
        return Ok(());
    }
    if go.len() + asked.len() >= LIST_ITEMS_MAX {
        return Err(Problem::new(Code::LimitExceeded, "quá nhiều đơn vị", "too many units").at(at));
    }
    let own = hand.scene.ask.actor.force;
    let is_anothers = own.is_some() && force.is_some() && force != own;
    if let Some(force) = force.filter(|force| hand.main().text("force") != Some(force_word(*force))) {
        set_partners(hand, &[force_word(force)]);
        hand.main().set("kind", "joint_patrol");
    }
    if !is_anothers {
        go.push(unit);
        hand.main().set_references("unit_ids", &go);
        return Ok(());
    }
    asked.push(unit);
    hand.main().set_references("requested_unit_ids", &asked);
    let patrol = hand.main().id;
    let text = format!("Đề nghị tuần tra chung: {label} ({})", hand.main().text("name").unwrap_or_default());
    let mut alarm = hand.new_alarm("support_requested", force, &text);
    alarm.set("unit_id", unit.to_string());
    alarm.set("patrol_id", patrol.to_string());
    hand.add(alarm);
    Ok(())
}

fn decide_step(scene: &Scene<'_>, id: Uuid, report: &PatrolReport) -> Result<Draft, Problem> {
    let record = scene.take_open(Collection::Patrols, id)?;
    may_speak_here(&scene.ask.actor, &record)?;
    let Leads::To(next) = way(report.step, &record)? else {
        return scene.already(Collection::Patrols, id);
    };
    let mut hand = held(scene, record, &report.told)?;
    let at = hand.at;
    let name = hand.main().text("name").unwrap_or_default().to_owned();
    match report.step {
        Step::Start => {
            hand.main().set_first("started_at", at);
            go(&mut hand, next);
            set_status(&mut hand, Availability::Available, "on_patrol")?;
            let text = format!("Xuất phát: {name}{}", by(&hand));
            log(&mut hand, "patrol_started", text, json!({"patrol_id": id}));
        }
        Step::Pass => {
            let point = report.point.as_deref().unwrap_or_default();
            needed("point", point)?;
            let Some(passed) = pass(&mut hand, point)? else { return scene.already(Collection::Patrols, id) };
            let text = format!("{name}: đã qua {passed}{}", by(&hand));
            log(&mut hand, "patrol_point", text, json!({"patrol_id": id, "point": passed}));
        }
        _ => {
            go(&mut hand, next);
            set_status(&mut hand, Availability::Available, "available")?;
            let (passed, all) = (hand.main().number("passed_km").unwrap_or(0.0), hand.main());
            let length = all.number("to_km").unwrap_or(0.0) - all.number("from_km").unwrap_or(0.0);
            let text = format!("Kết thúc: {name}, đã đi {passed:.1}/{length:.1} km{}", by(&hand));
            log(&mut hand, "patrol_ended", text, json!({"patrol_id": id, "passed_km": passed}));
        }
    }
    Ok(hand.finish())
}

/// Marks a point as passed, by its name; `None` if it was.
fn pass(hand: &mut Hand<'_, '_>, name: &str) -> Result<Option<String>, Problem> {
    let mut points = points_of(hand.main());
    let Some(point) = points.iter_mut().find(|point| point.name == name.trim()) else {
        let names: Vec<String> = points.into_iter().map(|point| point.name).collect();
        return Err(Problem::new(
            Code::InvalidValue,
            format!("không có điểm {name:?}; có: {}", names.join(", ")),
            format!("there is no point {name:?}; there are {}", names.join(", ")),
        )
        .at("/point"));
    };
    if point.passed_at.is_some() {
        return Ok(None);
    }
    point.passed_at = Some(hand.at.to_string());
    point.source = Some(hand.source.to_owned());
    point.told_by.clone_from(&hand.told_by);
    set_points(hand.main(), &points);
    Ok(Some(name.trim().to_owned()))
}

pub(super) fn points_of(record: &Working) -> Vec<Point> {
    let points = record.properties.get("points").cloned().unwrap_or_default();
    serde_json::from_value(points).unwrap_or_default()
}

pub(super) fn set_points(record: &mut Working, points: &[Point]) {
    record.set("points_passed", points.iter().filter(|point| point.passed_at.is_some()).count());
    record.set("points", json!(points));
}

fn decide_choice(scene: &Scene<'_>, id: Uuid, choice: &PatrolChoice) -> Result<Draft, Problem> {
    let record = scene.take_open(Collection::Patrols, id)?;
    let state = record.text("state").unwrap_or_default().to_owned();
    let leads_it = scene.ask.actor.force.is_none_or(|force| record.text("force") == Some(force_word(force)));
    let is_over = patrol::is_ended(&state);
    if choice.choose == Choose::Cancel {
        let Leads::To(next) = way(Step::Cancel, &record)? else { return scene.already(Collection::Patrols, id) };
        return if leads_it { cancel(scene, record, next, choice) } else { Err(others()) };
    }
    if is_over {
        return Err(refused("thay đổi", "a change", &record));
    }
    let unit = choice.unit.unwrap_or_default();
    let is_asked = record.references("requested_unit_ids").contains(&unit);
    let mut hand = held(scene, record, &choice.told)?;
    if choice.choose == Choose::AddUnit {
        if !leads_it {
            return Err(others());
        }
        let before = hand.main().properties.clone();
        add_unit(&mut hand, unit, "/unit_id")?;
        if hand.main().properties == before {
            return scene.already(Collection::Patrols, id);
        }
        let label = hand.read(Collection::Units, unit)?.label();
        let text = format!("{}: thêm {label}", hand.main().text("name").unwrap_or_default());
        log(&mut hand, "patrol_planned", text, json!({"patrol_id": id, "unit_id": unit}));
        return Ok(hand.finish());
    }
    if !is_asked {
        let goes = hand.main().references("unit_ids").contains(&unit);
        return if goes && choice.choose == Choose::Agree {
            scene.already(Collection::Patrols, id)
        } else {
            Err(Problem::new(Code::UnknownUnit, "đơn vị này không được đề nghị", "this unit was not asked")
                .at("/unit_id"))
        };
    }
    answer(&mut hand, unit, choice, leads_it)?;
    Ok(hand.finish())
}

/// Another force's answer: by itself, or by telephone as whoever asked writes it down.
fn answer(hand: &mut Hand<'_, '_>, unit: Uuid, choice: &PatrolChoice, leads_it: bool) -> Result<(), Problem> {
    let (patrol, actor) = (hand.main().id, &hand.scene.ask.actor);
    let record = hand.scene.follow(Collection::Units, unit)?;
    let is_theirs = actor.force.is_some_and(|force| record.text("force") == Some(force_word(force)));
    let is_written_down = leads_it && matches!(hand.source, "phone" | "radio");
    if !is_theirs && !is_written_down {
        return Err(others());
    }
    let who = hand.told_by.clone().unwrap_or_else(|| actor.name.clone());
    let left: Vec<Uuid> = super::hand::without(&hand.main().references("requested_unit_ids"), unit);
    hand.main().set_references("requested_unit_ids", &left);
    hand.end_alarms(|alarm| {
        alarm.reference("patrol_id") == Some(patrol)
            && alarm.reference("unit_id") == Some(unit)
            && alarm.text("kind") == Some("support_requested")
    });
    let name = hand.main().text("name").unwrap_or_default().to_owned();
    let label = record.label();
    if choice.choose == Choose::Agree {
        let units = [&hand.main().references("unit_ids")[..], &[unit]].concat();
        hand.main().set_references("unit_ids", &units);
        log(
            hand,
            "patrol_agreed",
            format!("{who} đồng ý tuần tra chung: {label} ({name})"),
            json!({"patrol_id": patrol}),
        );
        return Ok(());
    }
    let reason = choice.reason.as_deref().unwrap_or_default().trim();
    let text = format!("Không tuần tra chung được, {label}: {reason} ({who})");
    let lead = hand.main().text("force").and_then(Force::parse);
    let mut alarm = hand.new_alarm("support_refused", lead, &text);
    alarm.set("patrol_id", patrol.to_string());
    alarm.set("unit_id", unit.to_string());
    hand.add(alarm);
    log(hand, "patrol_refused", text, json!({"patrol_id": patrol}));
    Ok(())
}

fn cancel(scene: &Scene<'_>, record: Working, next: &'static str, choice: &PatrolChoice) -> Result<Draft, Problem> {
    let reason = choice.reason.as_deref().unwrap_or_default().trim().to_owned();
    let mut hand = held(scene, record, &choice.told)?;
    let (id, has_set_out) = (hand.main().id, hand.main().text("started_at").is_some());
    hand.main().set("end_reason", reason.as_str());
    hand.main().remove("requested_unit_ids");
    go(&mut hand, next);
    if has_set_out {
        set_status(&mut hand, Availability::Available, "available")?;
    }
    let text = format!("Huỷ tuần tra {}: {reason}", hand.main().text("name").unwrap_or_default());
    log(&mut hand, "patrol_ended", text, json!({"patrol_id": id, "reason": reason}));
    Ok(hand.finish())
}

fn turn(scene: &Scene<'_>, id: Uuid) -> Result<Draft, Problem> {
    let record = scene.follow(Collection::Patrols, id)?;
    let state = record.text("state").unwrap_or_default();
    let due = patrol::overdue_at(state, record.time("planned_start"), record.time("planned_end"));
    let Some(_) = due.filter(|at| *at <= scene.now) else { return scene.already(Collection::Patrols, id) };
    let late = if state == "planned" { "chưa xuất phát" } else { "chưa báo kết thúc" };
    let mut hand = Hand::new(scene, scene.now, record);
    go(&mut hand, "overdue");
    hand.main().set_time("overdue_at", scene.now);
    let text = format!("{}: quá giờ, {late}", hand.main().text("name").unwrap_or_default());
    raise(&mut hand, "patrol_overdue", &text);
    log(&mut hand, "patrol_overdue", text, json!({"patrol_id": id}));
    Ok(hand.finish())
}

/// Raises an alarm of the patrol in hand, for the force that leads it, unless the same stands.
pub(super) fn raise(hand: &mut Hand<'_, '_>, kind: &'static str, text: &str) {
    let (id, force) = (hand.main().id, hand.main().text("force").and_then(Force::parse));
    let stands = |alarm: &Working| alarm.reference("patrol_id") == Some(id) && alarm.text("kind") == Some(kind);
    if hand.open(Collection::Alarms).iter().any(stands) {
        return;
    }
    let unit = first_unit(hand.main());
    let mut alarm = hand.new_alarm(kind, force, text);
    alarm.set("patrol_id", id.to_string());
    alarm.set("unit_id", unit.map_or(Value::Null, |unit| unit.to_string().into()));
    hand.add(alarm);
}

/// Brings the patrol in hand to a state. What was told of the one before is over; at the end all of it.
fn go(hand: &mut Hand<'_, '_>, to: &'static str) {
    let (id, at) = (hand.main().id, hand.at);
    let record = hand.main();
    record.set("state", to);
    record.set_time("state_at", at);
    let is_over = patrol::is_ended(to);
    if is_over {
        record.set_time("ended_at", at);
    }
    if to != "overdue" {
        hand.end_alarms(|alarm| {
            alarm.reference("patrol_id") == Some(id) && (is_over || alarm.text("kind") == Some("patrol_overdue"))
        });
    }
}

/// Units that go and are free for it get this status; whoever was sent somewhere meanwhile keeps theirs.
fn set_status(hand: &mut Hand<'_, '_>, from: Availability, to: &str) -> Result<(), Problem> {
    for unit in hand.main().references("unit_ids") {
        let record = hand.read(Collection::Units, unit)?;
        let status = record.text("status").unwrap_or("available");
        let is_free = availability(status) == from && record.reference("incident_id").is_none();
        let is_due = if to == "on_patrol" { status != to } else { status == "on_patrol" };
        if is_free && is_due && record.text("ended_at").is_none() {
            hand.set_unit_status(unit, to)?;
        }
    }
    Ok(())
}

fn first_unit(record: &Working) -> Option<Uuid> {
    ["unit_ids", "requested_unit_ids"].iter().find_map(|list| record.references(list).first().copied())
}

/// Writes an entry about the patrol in hand: whoever sees its first unit reads it.
pub(super) fn log(hand: &mut Hand<'_, '_>, kind: &'static str, text: String, facts: Value) {
    let unit = first_unit(hand.main());
    hand.log_about(kind, None, unit, text, facts);
}

fn by(hand: &Hand<'_, '_>) -> String {
    let by = words::status_source(hand.source);
    hand.told_by.as_ref().map_or_else(|| format!(" ({by})"), |who| format!(" ({by}: {who})"))
}

fn way(step: Step, record: &Working) -> Result<Leads, Problem> {
    let state = record.text("state").unwrap_or_default();
    leads(step, state, record.text("started_at").is_some())
        .ok_or_else(|| refused(step.title_vi(), step.as_str(), record))
}

fn refused(what_vi: &str, what_en: &str, record: &Working) -> Problem {
    let (state, has_set_out) = (record.text("state").unwrap_or_default(), record.text("started_at").is_some());
    let steps = [Step::Start, Step::Pass, Step::Finish, Step::Cancel].into_iter();
    let allowed: Vec<&str> =
        steps.filter(|step| matches!(leads(*step, state, has_set_out), Some(Leads::To(_)))).map(Step::as_str).collect();
    Problem::new(
        Code::ForbiddenTransition,
        format!("không thể {what_vi}: chuyến tuần tra {}", state_vi(state)),
        format!("{what_en} is not possible: the patrol is {state}"),
    )
    .with("state", state)
    .with("allowed", allowed)
}

fn others() -> Problem {
    Problem::new(
        Code::Forbidden,
        "lực lượng khác quyết định; nếu họ trả lời qua điện thoại, ghi rõ ai trả lời (source: phone, told_by)",
        "another force decides; if they answered by telephone, say who did (source: phone, told_by)",
    )
}

/// A unit of it speaks for it, and whoever leads it or takes part.
fn may_speak_here(actor: &Actor, record: &Working) -> Result<(), Problem> {
    let goes = |unit: Uuid| record.references("unit_ids").contains(&unit);
    let takes_part = |force: Force| {
        record.text("force") == Some(force_word(force)) || partners(record).iter().any(|one| one == force_word(force))
    };
    let may = match (actor.role, actor.unit_id) {
        (Role::FieldUnit, unit) => unit.is_some_and(goes),
        _ => actor.force.is_none_or(takes_part),
    };
    if may {
        Ok(())
    } else {
        Err(Problem::new(Code::Forbidden, "đơn vị của bạn không đi chuyến này", "your unit is not of this patrol"))
    }
}

fn held<'a, 's>(scene: &'a Scene<'s>, record: Working, told: &Told) -> Result<Hand<'a, 's>, Problem> {
    let is_own = scene.ask.actor.role == Role::FieldUnit;
    let default = if is_own { "own" } else { "desk" };
    let source = told.source.as_deref().filter(|_| !is_own).unwrap_or(default);
    let mut hand = Hand::new(scene, scene.at()?, record);
    hand.source = SOURCES.iter().copied().find(|known| *known == source).unwrap_or(default);
    hand.told_by = told.told_by.as_deref().map(|name| name.trim().to_owned());
    Ok(hand)
}
