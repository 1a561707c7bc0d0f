//! The figures of the quarterly report, each a rule over records. Pure: a rule looks at one record and says when it
//! counts, and how much.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::quarter::Quarter;
use crate::domain::sector_assessment::{Span, at_quarter_ends};
use crate::domain::{Collection, Timestamp, case, information_request};
use crate::picture::Feature;

/// Part of the report in which a figure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    Incidents,
    Disaster,
    Evacuation,
    Drugs,
    Border,
    PublicInformation,
    Coordination,
    EventSecurity,
}

/// What a figure counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Cases,
    /// One person, once sent.
    PersonTurns,
    VehicleTurns,
    Persons,
    Households,
    Grams,
    TipOffs,
    Patrols,
    Sessions,
    Sectors,
    /// What one force asked another.
    Requests,
    Decisions,
    Plans,
    Events,
}

/// What one record adds to a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// It counts in the quarter that holds this moment.
    pub at: Timestamp,
    pub value: f64,
}

/// One figure of the report.
pub struct Figure {
    pub id: &'static str,
    pub block: Block,
    pub unit: Unit,
    pub title_vi: &'static str,
    pub title_en: &'static str,
    /// The collections it is counted from, each with its rule; a record counts at most once a quarter.
    pub from: &'static [(Collection, Rule)],
}

/// Quarters for which a decision that nobody closes counts as open: three years. After that it is no task of anybody.
const OPEN_QUARTERS_MAX: usize = 12;

/// What a record adds; empty where it does not count.
pub type Rule = fn(&Feature) -> Vec<Counted>;

/// All figures, in the order of the report.
pub static FIGURES: &[Figure] = &[
    figure(
        "incidents",
        Block::Incidents,
        Unit::Cases,
        "Vụ việc đã tiếp nhận",
        "Incidents reported",
        &[(Collection::Incidents, |one| incident(one, 1.0))],
    ),
    figure(
        "incidents_joint",
        Block::Incidents,
        Unit::Cases,
        "trong đó phối hợp từ hai lực lượng",
        "of these handled jointly",
        &[(Collection::Incidents, |one| {
            if one.raw("support_forces").is_some_and(|list| list != "[]") { incident(one, 1.0) } else { Vec::new() }
        })],
    ),
    figure(
        "personnel_turns",
        Block::Disaster,
        Unit::PersonTurns,
        "Lượt người phòng, chống thiên tai, cứu hộ, cứu nạn",
        "Personnel deployments",
        &[(Collection::Deployments, |one| relief(one, "personnel"))],
    ),
    figure(
        "vehicle_turns",
        Block::Disaster,
        Unit::VehicleTurns,
        "Lượt phương tiện",
        "Vehicle deployments",
        &[(Collection::Deployments, |one| relief(one, "vehicles"))],
    ),
    figure(
        "dead",
        Block::Disaster,
        Unit::Persons,
        "Người chết",
        "Dead",
        &[(Collection::Incidents, |one| victims(one, "dead"))],
    ),
    figure(
        "missing",
        Block::Disaster,
        Unit::Persons,
        "Người mất tích",
        "Missing",
        &[(Collection::Incidents, |one| victims(one, "missing"))],
    ),
    figure(
        "injured",
        Block::Disaster,
        Unit::Persons,
        "Người bị thương",
        "Injured",
        &[(Collection::Incidents, |one| victims(one, "injured"))],
    ),
    figure(
        "households_moved",
        Block::Evacuation,
        Unit::Households,
        "Hộ được di dời khỏi nơi nguy cơ sạt lở cao",
        "Households moved from high landslide risk",
        &[(Collection::Households, moved), (Collection::Tallies, |one| tally(one, "households_moved", "count"))],
    ),
    figure(
        "drug_cases",
        Block::Drugs,
        Unit::Cases,
        "Vụ ma tuý bàn giao",
        "Drug cases handed over",
        &[(Collection::Cases, |one| handed_over(one, 1.0))],
    ),
    figure(
        "drug_persons",
        Block::Drugs,
        Unit::Persons,
        "Đối tượng bàn giao trong các vụ ma tuý",
        "Persons handed over in drug cases",
        &[(Collection::Cases, |one| handed_over(one, one.number("persons").unwrap_or(0.0)))],
    ),
    figure(
        "heroin_g",
        Block::Drugs,
        Unit::Grams,
        "Heroin thu giữ",
        "Heroin seized",
        &[(Collection::Cases, |one| seized(one, "heroin"))],
    ),
    figure(
        "opium_g",
        Block::Drugs,
        Unit::Grams,
        "Thuốc phiện thu giữ",
        "Opium seized",
        &[(Collection::Cases, |one| seized(one, "opium"))],
    ),
    figure(
        "methamphetamine_g",
        Block::Drugs,
        Unit::Grams,
        "Ma tuý tổng hợp thu giữ",
        "Methamphetamine seized",
        &[(Collection::Cases, |one| seized(one, "methamphetamine"))],
    ),
    figure(
        "crossings",
        Block::Border,
        Unit::Cases,
        "Vụ vượt biên trái phép đã xử lý",
        "Illegal crossings handled",
        &[(Collection::Cases, |one| found(one, "illegal_crossing", 1.0))],
    ),
    figure(
        "crossing_persons",
        Block::Border,
        Unit::Persons,
        "Người vượt biên trái phép",
        "Persons in illegal crossings",
        &[(Collection::Cases, |one| found(one, "illegal_crossing", one.number("persons").unwrap_or(0.0)))],
    ),
    figure(
        "wanted_found",
        Block::Border,
        Unit::Cases,
        "Đối tượng truy nã bị phát hiện",
        "Wanted persons found",
        &[(Collection::Cases, |one| found(one, "wanted_person_found", 1.0))],
    ),
    figure(
        "trafficking_cases",
        Block::Border,
        Unit::Cases,
        "Vụ mua bán người",
        "Trafficking cases",
        &[(Collection::Cases, |one| found(one, "human_trafficking", 1.0))],
    ),
    figure(
        "victims_rescued",
        Block::Border,
        Unit::Persons,
        "Nạn nhân được giải cứu",
        "Victims rescued",
        &[(Collection::Cases, |one| found(one, "human_trafficking", one.number("victims").unwrap_or(0.0)))],
    ),
    figure(
        "migration_cases",
        Block::Border,
        Unit::Cases,
        "Vụ di cư tự do",
        "Cases of unplanned migration",
        &[(Collection::Cases, |one| found(one, "unplanned_migration", 1.0))],
    ),
    figure(
        "patrols",
        Block::Border,
        Unit::Patrols,
        "Lần tuần tra",
        "Patrols",
        &[(Collection::Patrols, patrol), (Collection::Tallies, |one| tally(one, "joint_patrols", "count"))],
    ),
    figure(
        "joint_patrols",
        Block::Border,
        Unit::Patrols,
        "Lần tuần tra song phương",
        "Joint patrols with the neighbour",
        &[
            (Collection::Patrols, |one| {
                if one.number("neighbour_count").unwrap_or(0.0) > 0.0 { patrol(one) } else { Vec::new() }
            }),
            (Collection::Tallies, |one| tally(one, "joint_patrols", "count")),
        ],
    ),
    figure(
        "sectors_low",
        Block::Border,
        Unit::Sectors,
        "Đoạn biên giới mức thấp cuối quý",
        "Border sectors at low at the end of the quarter",
        &[(Collection::SectorAssessments, |one| held_at_end(one, "low"))],
    ),
    figure(
        "sectors_medium",
        Block::Border,
        Unit::Sectors,
        "Đoạn biên giới mức trung bình cuối quý",
        "Border sectors at medium at the end of the quarter",
        &[(Collection::SectorAssessments, |one| held_at_end(one, "medium"))],
    ),
    figure(
        "sectors_high",
        Block::Border,
        Unit::Sectors,
        "Đoạn biên giới mức cao cuối quý",
        "Border sectors at high at the end of the quarter",
        &[(Collection::SectorAssessments, |one| held_at_end(one, "high"))],
    ),
    figure(
        "sectors_critical",
        Block::Border,
        Unit::Sectors,
        "Đoạn biên giới mức nghiêm trọng cuối quý",
        "Border sectors at critical at the end of the quarter",
        &[(Collection::SectorAssessments, |one| held_at_end(one, "critical"))],
    ),
    figure(
        "tips",
        Block::PublicInformation,
        Unit::TipOffs,
        "Tin báo của quần chúng",
        "Tip-offs from the public",
        &[(Collection::Tallies, |one| tally(one, "tips", "count"))],
    ),
    figure(
        "tips_valid",
        Block::PublicInformation,
        Unit::TipOffs,
        "trong đó có giá trị",
        "of these proved right",
        &[(Collection::Tallies, |one| tally(one, "tips", "valid"))],
    ),
    figure(
        "awareness_sessions",
        Block::PublicInformation,
        Unit::Sessions,
        "Buổi tuyên truyền",
        "Public-awareness sessions",
        &[(Collection::Tallies, |one| tally(one, "awareness_sessions", "count"))],
    ),
    figure(
        "people_reached",
        Block::PublicInformation,
        Unit::PersonTurns,
        "Lượt người nghe tuyên truyền",
        "People reached",
        &[(Collection::Tallies, |one| tally(one, "awareness_sessions", "people"))],
    ),
    figure(
        "briefings",
        Block::Coordination,
        Unit::Sessions,
        "Buổi giao ban",
        "Briefings held",
        &[(Collection::Briefings, briefing), (Collection::Tallies, |one| tally(one, "briefings", "count"))],
    ),
    figure(
        "information_requests",
        Block::Coordination,
        Unit::Requests,
        "Yêu cầu trao đổi thông tin giữa các lực lượng",
        "Information requests between forces",
        &[(Collection::InformationRequests, request)],
    ),
    figure(
        "information_in_time",
        Block::Coordination,
        Unit::Requests,
        "trong đó trả lời đúng hạn",
        "of these answered in time",
        &[(Collection::InformationRequests, |one| if answered_in_time(one) { request(one) } else { Vec::new() })],
    ),
    figure(
        "decisions_done",
        Block::Coordination,
        Unit::Decisions,
        "Quyết định giao ban đã thực hiện trong quý",
        "Decisions carried out in the quarter",
        &[(Collection::Decisions, |one| {
            if is(one, "state", "done") && !one.is_ended() { at(one, "closed_at", 1.0) } else { Vec::new() }
        })],
    ),
    figure(
        "decisions_open",
        Block::Coordination,
        Unit::Decisions,
        "Quyết định giao ban còn mở khi hết quý",
        "Decisions still open at the quarter's end",
        &[(Collection::Decisions, |one| open_at_ends(one, "decided_at"))],
    ),
    figure(
        "decisions_due",
        Block::Coordination,
        Unit::Decisions,
        "trong đó đến hạn trước khi hết quý",
        "of these due by the quarter's end",
        &[(Collection::Decisions, |one| open_at_ends(one, "due_at"))],
    ),
    figure(
        "plans_issued",
        Block::EventSecurity,
        Unit::Plans,
        "Phương án bảo đảm an ninh đã ban hành",
        "Security plans issued",
        &[(Collection::EventPlans, |one| if one.is_ended() { Vec::new() } else { at(one, "issued_at", 1.0) })],
    ),
    figure(
        "events_protected",
        Block::EventSecurity,
        Unit::Events,
        "Sự kiện đã được bảo đảm an ninh",
        "Events protected",
        &[(Collection::EventPlans, |one| {
            if is(one, "state", "done") && !one.is_ended() { at(one, "finishes_at", 1.0) } else { Vec::new() }
        })],
    ),
];

const fn figure(
    id: &'static str,
    block: Block,
    unit: Unit,
    title_vi: &'static str,
    title_en: &'static str,
    from: &'static [(Collection, Rule)],
) -> Figure {
    Figure { id, block, unit, title_vi, title_en, from }
}

/// The figure with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.id == id)
}

fn at(feature: &Feature, field: &str, value: f64) -> Vec<Counted> {
    let at = feature.text(field).and_then(|text| Timestamp::parse(&text).ok());
    at.map(|at| Counted { at, value }).into_iter().collect()
}

fn is(feature: &Feature, field: &str, word: &str) -> bool {
    feature.text(field).is_some_and(|text| text == word)
}

/// An incident counts when it was reported; not one that was none, or was another.
fn incident(one: &Feature, value: f64) -> Vec<Counted> {
    let is_none = one.text("state").is_some_and(|state| matches!(&*state, "rejected" | "merged"));
    if is_none { Vec::new() } else { at(one, "reported_at", value) }
}

fn victims(one: &Feature, field: &str) -> Vec<Counted> {
    one.number(field).filter(|count| *count > 0.0).map_or(Vec::new(), |count| incident(one, count))
}

/// Whoever went out to storms, floods and slides, to search, and to move people.
fn relief(one: &Feature, field: &str) -> Vec<Counted> {
    let purpose = one.text("purpose");
    let counts = purpose.is_some_and(|purpose| matches!(&*purpose, "disaster" | "search_rescue" | "evacuation"));
    match one.number(field).filter(|count| counts && *count > 0.0) {
        Some(count) if !one.is_ended() => at(one, "started_at", count),
        _ => Vec::new(),
    }
}

/// A household counts when its people left home: once, however many reports tell of their way, until they are home again.
fn moved(one: &Feature) -> Vec<Counted> {
    let Some(personal) = one.personal.as_deref().filter(|text| text.contains("\"reports\":")) else {
        return Vec::new();
    };
    let personal: Value = serde_json::from_str(personal).unwrap_or_default();
    let reports = personal["reports"].as_array().map_or(&[][..], Vec::as_slice);
    let stands = reports.iter().filter(|report| report["withdrawn"].is_null());
    let told =
        |report: &Value| Some((Timestamp::parse(report["at"].as_str()?).ok()?, report["state"].as_str()?.to_owned()));
    let mut told: Vec<(Timestamp, String)> = stands.filter_map(told).collect();
    told.sort();
    let mut is_away = false;
    let mut departures = Vec::new();
    for (at, state) in told {
        let leaves = matches!(&*state, "moving" | "sheltered" | "with_relatives" | "relocated");
        if leaves && !is_away {
            departures.push(Counted { at, value: 1.0 });
        }
        is_away = (is_away || leaves) && state != "returned";
    }
    departures
}

/// A drug case counts when it was handed over.
fn handed_over(one: &Feature, value: f64) -> Vec<Counted> {
    if is(one, "kind", "drugs") && !one.is_ended() { at(one, "handed_over_at", value) } else { Vec::new() }
}

fn seized(one: &Feature, substance: &str) -> Vec<Counted> {
    let list = one.value("substances").and_then(|list| case::seized(&list).ok()).unwrap_or_default();
    let weight_g: f64 = list.iter().filter(|one| one.substance == substance).map(|one| one.weight_g).sum();
    if weight_g > 0.0 { handed_over(one, weight_g) } else { Vec::new() }
}

/// Other cases count when they were found.
fn found(one: &Feature, kind: &str, value: f64) -> Vec<Counted> {
    if is(one, "kind", kind) && !one.is_ended() { at(one, "occurred_at", value) } else { Vec::new() }
}

/// A level counts in each quarter at whose end it was the one in force; in the present quarter, as things are.
fn held_at_end(one: &Feature, level: &str) -> Vec<Counted> {
    if !is(one, "level", level) {
        return Vec::new();
    }
    let spans: Vec<Span> = one.value("held").and_then(|held| serde_json::from_value(held).ok()).unwrap_or_default();
    at_quarter_ends(&spans).into_iter().map(|at| Counted { at, value: 1.0 }).collect()
}

/// A patrol counts when it set out.
fn patrol(one: &Feature) -> Vec<Counted> {
    at(one, "started_at", 1.0)
}

/// A briefing counts when it was held. Those of a time before there were records of them are tallies; the desk lets no quarter
/// have both.
fn briefing(one: &Feature) -> Vec<Counted> {
    if one.is_ended() { Vec::new() } else { at(one, "held_at", 1.0) }
}

/// A request counts when it was asked; not one that was withdrawn.
fn request(one: &Feature) -> Vec<Counted> {
    if is(one, "state", "withdrawn") { Vec::new() } else { at(one, "asked_at", 1.0) }
}

fn answered_in_time(one: &Feature) -> bool {
    let time = |field: &str| one.text(field).and_then(|text| Timestamp::parse(&text).ok());
    let replied = time("replied_at");
    match time("due_at") {
        Some(due_at) if is(one, "state", "answered") => {
            replied.is_some_and(|at| !information_request::is_late(due_at, Some(at), at))
        }
        _ => false,
    }
}

/// A decision counts at the end of each quarter in which it was open then, from the quarter that holds the moment in `since`;
/// of the quarter that runs, at its end to come.
fn open_at_ends(one: &Feature, since: &str) -> Vec<Counted> {
    let time = |field: &str| one.text(field).and_then(|text| Timestamp::parse(&text).ok());
    let (Some(since), Some(decided), false) = (time(since), time("decided_at"), one.is_ended()) else {
        return Vec::new();
    };
    let closed_at = if is(one, "state", "open") { None } else { time("closed_at") };
    let ends = std::iter::successors(Some(Quarter::of(since.max(decided))), |quarter| Some(quarter.next()))
        .take(OPEN_QUARTERS_MAX);
    ends.map(|quarter| Timestamp::from_ms(quarter.next().start().as_ms() - 1))
        .take_while(|end| closed_at.is_none_or(|closed_at| closed_at > *end))
        .map(|at| Counted { at, value: 1.0 })
        .collect()
}

/// Whether a decision was open at the end of `quarter`.
#[must_use]
pub fn is_open_at_end(decision: &Feature, quarter: Quarter) -> bool {
    open_at_ends(decision, "decided_at").iter().any(|end| quarter.holds(end.at))
}

fn tally(one: &Feature, counted: &str, field: &str) -> Vec<Counted> {
    match one.number(field).filter(|count| *count > 0.0) {
        Some(count) if is(one, "counted", counted) && !one.is_ended() => at(one, "occurred_at", count),
        _ => Vec::new(),
    }
}
