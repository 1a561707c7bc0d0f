//! Which unit to send: a pure ranking of what is known of each unit, with its reasons. Nobody is hidden for an old
//! position.
//!
//! What is known of a unit ([`UnitFacts`]) does not depend on the others, so that what was shown can be ranked again from
//! what was stored, and a unit that goes home changes nobody else's time. The ranking is by a score in seconds:
//!
//! `score = ETA + AGE_SHARE·(age − fresh) + COVER_S·(its post is left empty) + DANGER_SHARE·(seconds in warned zones)`
//!
//! (DOMAIN.md 2.3). A road that a person closed is no road; zones slow and warn, they never cut.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Timestamp;
use super::change::Seq;
use super::move_up::{self, EmptyPost, MoveUp};
use super::run_card::{self, Need, Shortfall};
use super::unit::{Availability, availability};

/// A position older than this is named as old, seconds.
pub const STALE_S: i64 = 30 * 60;
/// Most units that are listed as left out.
pub const LEFT_OUT_MAX: usize = 200;
/// How much longer than the straight line a way in these mountains is, least and most.
const DETOUR: (f64, f64) = (1.2, 2.5);
/// How much longer than free driving a way takes, least and most: an assumption until own tracks tell better.
const ROAD_SPREAD: (f64, f64) = (1.0, 1.5);
/// As [`ROAD_SPREAD`], for whoever walks beside the roads.
const FOOT_SPREAD: (f64, f64) = (1.0, 1.8);
/// How much longer a way takes in the dark: an assumption until own tracks tell better.
const NIGHT_FACTOR: f64 = 1.2;
/// The dark, hours of the day in Lai Châu: from, to. The sun sets there between 17:20 and 18:50.
const NIGHT_HOURS: (i8, i8) = (18, 6);
/// For how long a unit that declined an order, or let it time out, is not offered for it again, seconds.
const DECLINED_S: i64 = 30 * 60;
/// Seconds that a second of age beyond [`FRESH_S`] counts, up to [`AGE_MAX_S`].
const AGE_SHARE: f64 = 0.2;
const FRESH_S: i64 = 2 * 60;
const AGE_MAX_S: f64 = 15.0 * 60.0;
/// What it counts that a post has nobody left, seconds.
const COVER_S: f64 = 10.0 * 60.0;
/// Seconds that a second inside a zone of level 2 or more counts besides.
const DANGER_SHARE: f64 = 0.5;

/// Speeds by kind of unit, kilometres an hour, least and most, where no road is known: mountain roads by vehicle,
/// trails on foot, rivers.
const SPEEDS_KMH: &[(&str, (f64, f64))] = &[
    ("patrol", (3.0, 25.0)),
    ("armed_team", (3.0, 25.0)),
    ("militia", (3.0, 20.0)),
    ("commune_shock_force", (3.0, 20.0)),
    ("boat_team", (8.0, 25.0)),
    ("engineer", (10.0, 25.0)),
    ("transport", (15.0, 35.0)),
];
/// Speed of units with a vehicle of which nothing else is said.
const SPEED_KMH: (f64, f64) = (15.0, 40.0);
/// Speed of whoever has left the roads behind, kilometres an hour: what its vehicle could do counts for nothing there.
const OFF_ROAD_KMH: (f64, f64) = (3.0, 5.0);

/// By what each kind of unit travels; one that has motorbikes may also take those.
const TRAVELS_BY: &[(&str, &[&str])] = &[
    ("patrol", &["motorbike", "foot"]),
    ("armed_team", &["motorbike", "foot"]),
    ("militia", &["motorbike", "foot"]),
    ("commune_shock_force", &["motorbike", "foot"]),
    ("commune_police", &["motorbike", "car"]),
    ("engineer", &["truck"]),
    ("transport", &["truck"]),
    ("boat_team", &["truck"]),
];

/// Seconds until a unit with this status moves, least and most.
const fn mobilise_s(status_is_moving: bool) -> (f64, f64) {
    if status_is_moving { (60.0, 300.0) } else { (300.0, 900.0) }
}

/// The profiles by which a unit travels; the quickest counts.
#[must_use]
pub fn travels_by(kind: &str, capabilities: &[String]) -> Vec<&'static str> {
    let mut profiles = TRAVELS_BY.iter().find(|(known, _)| *known == kind).map_or(vec!["car"], |(_, by)| by.to_vec());
    if !profiles.contains(&"motorbike") && capabilities.iter().any(|has| has == "motorbike") {
        profiles.push("motorbike");
    }
    profiles
}

/// Why a unit stands where it stands, or was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reason {
    pub code: &'static str,
    pub vi: String,
    pub en: String,
}

/// Where a unit is taken to be, and how that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitPosition {
    /// Degrees, WGS 84.
    pub lon: f64,
    pub lat: f64,
    /// `gps`, `radio` or `post`.
    pub source: String,
    /// When it was true; `None` for a unit at its post.
    pub at: Option<Timestamp>,
    pub accuracy_m: Option<f64>,
}

/// A unit's position as seen from the incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    pub position: UnitPosition,
    /// Geodesic metres, straight line.
    pub distance_m: f64,
    /// From the incident to the unit, degrees clockwise from true north.
    pub bearing_deg: f64,
    /// Its place among all by straight line, counted from 1.
    pub straight_rank: usize,
    /// How it gets there; `None` where closures leave no way.
    pub travel: Option<Travel>,
}

/// What a time of arrival rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EtaBasis {
    /// The roads under the closures in force, and on foot from the road to the place.
    RoadGraph,
    /// On foot all the way, beside the roads.
    Foot,
    /// No road is known at one of both ends: straight line, a detour and a speed by kind of unit.
    StraightLine,
}

/// How a unit gets to the incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Travel {
    pub basis: EtaBasis,
    /// `car`, `truck`, `motorbike` or `foot`. By straight line `foot` for whoever stands far from every road, absent
    /// where it is not known how they come.
    pub profile: Option<String>,
    /// Seconds on the way, driving free; 0 by straight line.
    pub duration_s: f64,
    /// Metres by road.
    pub road_m: f64,
    /// Metres on foot beside the road.
    pub foot_m: f64,
    /// Seconds of it inside zones of level 2 or more; `None` where that was not looked at.
    pub danger_s: Option<f64>,
}

/// What is known of one unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitFacts {
    pub unit_id: Uuid,
    pub kind: String,
    pub force: String,
    pub status: String,
    pub capabilities: Vec<String>,
    pub crew: Option<u32>,
    /// Where it is; `None` where that is not known.
    pub place: Option<Standing>,
    pub incident_id: Option<Uuid>,
    pub queued_incident_ids: Vec<Uuid>,
    /// It belongs to the post in charge of the border sector where the incident is.
    pub is_sector_post: bool,
    /// Its post.
    pub station_id: Option<Uuid>,
    /// Other units that its post could still send; `None` for a unit without a post.
    pub cover_left: Option<usize>,
    /// When it last declined an order to this incident, or let it time out.
    pub declined_at: Option<Timestamp>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub incident_id: Uuid,
    /// Kind of the incident.
    pub kind: String,
    /// Force of the one who asks; another's unit is asked for, not sent.
    pub force: Option<String>,
    pub now: Timestamp,
    /// Only the commune of the incident is known: distances are to its label point.
    pub commune_only: bool,
    /// It is dark ([`is_night`]): all ways take longer.
    pub is_night: bool,
    /// Most candidates.
    pub limit: usize,
}

/// A unit that can be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub unit_id: Uuid,
    /// Counted from 1.
    pub rank: usize,
    /// Its place by straight line, counted from 1: across a valley the two differ.
    pub straight_rank: usize,
    /// Geodesic metres, straight line.
    pub distance_m: f64,
    /// From the incident to the unit, degrees clockwise from true north.
    pub bearing_deg: f64,
    pub eta_min_s: i64,
    pub eta_max_s: i64,
    pub travel: Travel,
    pub score_s: i64,
    pub position: UnitPosition,
    /// Seconds since the position was true.
    pub age_s: Option<i64>,
    pub capabilities: Vec<String>,
    /// Asked for by the kind of incident and not brought by this unit.
    pub missing_capabilities: Vec<&'static str>,
    pub reasons: Vec<Reason>,
}

/// A unit that cannot be sent now, with the reason.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    pub unit_id: Uuid,
    pub distance_m: Option<f64>,
    pub reasons: Vec<Reason>,
}

/// Advice for one incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    pub incident_id: Uuid,
    pub as_of: Timestamp,
    pub seq: Seq,
    /// What this kind of incident asks for.
    pub needs: &'static [Need],
    /// The candidates that together bring it, in their order.
    pub picks: Vec<Uuid>,
    /// What none of them brings.
    pub shortfalls: Vec<Shortfall>,
    pub candidates: Vec<Candidate>,
    pub left_out: Vec<LeftOut>,
    /// Who could hold the posts that the picks leave empty.
    pub move_ups: Vec<MoveUp>,
}

/// Whether it is dark at this moment in Lai Châu, by the clock.
#[must_use]
pub fn is_night(at: Timestamp) -> bool {
    let hour = at.local_hour();
    hour >= NIGHT_HOURS.0 || hour < NIGHT_HOURS.1
}

impl Reason {
    pub(super) fn new(code: &'static str, vi: impl Into<String>, en: impl Into<String>) -> Self {
        Self { code, vi: vi.into(), en: en.into() }
    }
}

/// Ranks what is known: candidates best first, and those left out, nearest first, each with its reasons. `empty_posts`
/// are those of the picks; they decide on nothing but [`Recommendation::move_ups`].
#[must_use]
pub fn rank(asked: &Asked, units: &[UnitFacts], empty_posts: &[EmptyPost], seq: Seq) -> Recommendation {
    let needs = run_card::needs(&asked.kind);
    let mut candidates = Vec::new();
    let mut left_out = Vec::new();
    for unit in units {
        let obstacles = obstacles(asked, unit);
        match unit.place.as_ref().and_then(|place| Some((place, place.travel.as_ref()?))) {
            Some((place, travel)) if obstacles.is_empty() => {
                candidates.push((unit.is_sector_post, candidate(asked, needs, unit, place, travel)));
            }
            _ => {
                let distance_m = unit.place.as_ref().map(|place| place.distance_m);
                left_out.push(LeftOut { unit_id: unit.unit_id, distance_m, reasons: obstacles });
            }
        }
    }
    let own_post_first = asked.kind == "illegal_crossing";
    let key = |(is_post, c): &(bool, Candidate)| (!(own_post_first && *is_post), c.score_s, c.unit_id);
    candidates.sort_by_key(key);
    let mut candidates: Vec<Candidate> = candidates.into_iter().map(|(_, candidate)| candidate).collect();
    let (picks, shortfalls) = run_card::pick(needs, &candidates);
    candidates.truncate(asked.limit);
    for (index, candidate) in candidates.iter_mut().enumerate() {
        candidate.rank = index + 1;
    }
    let far = |left: &LeftOut| left.distance_m.unwrap_or(f64::INFINITY);
    left_out.sort_by(|a, b| far(a).total_cmp(&far(b)).then_with(|| a.unit_id.cmp(&b.unit_id)));
    left_out.truncate(LEFT_OUT_MAX);
    Recommendation {
        incident_id: asked.incident_id,
        as_of: asked.now,
        seq,
        needs,
        picks,
        shortfalls,
        candidates,
        left_out,
        move_ups: move_up::propose(asked, empty_posts),
    }
}

/// What keeps a unit from being sent.
fn obstacles(asked: &Asked, unit: &UnitFacts) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if unit.incident_id == Some(asked.incident_id) {
        reasons.push(Reason::new("already_assigned", "đã được giao vụ việc này", "already on this incident"));
        return reasons;
    }
    if unit.queued_incident_ids.contains(&asked.incident_id) {
        reasons.push(Reason::new("already_queued", "vụ việc này đã chờ đơn vị", "this incident waits for it already"));
    }
    match (availability(&unit.status), unit.status.as_str()) {
        (Availability::Available, _) if unit.incident_id.is_none() => {}
        (Availability::Available | Availability::Committed, status) => reasons.push(Reason::new(
            "busy",
            "đang bận việc khác; giao thì vụ việc chờ trong hàng đợi",
            format!("busy ({status}); an assignment is queued"),
        )),
        (Availability::Unavailable, "resting") => reasons.push(Reason::new("resting", "đang nghỉ", "resting")),
        (Availability::Unavailable, "off_duty") => reasons.push(Reason::new("off_duty", "hết ca", "off duty")),
        (Availability::Unavailable, "distress") => reasons.push(Reason::new("distress", "đang cấp cứu", "in distress")),
        (Availability::Unavailable, status) => {
            reasons.push(Reason::new("out_of_service", "không hoạt động", format!("out of service ({status})")));
        }
    }
    if let Some(at) = unit.declined_at.filter(|at| asked.now.seconds_since(*at) < DECLINED_S) {
        let clock = &at.local_text()[11..16];
        reasons.push(Reason::new(
            "declined",
            format!("không nhận vụ việc này lúc {clock}"),
            format!("declined this incident, or did not answer, at {clock}"),
        ));
    }
    if let Some(min) = run_card::crew_min(&asked.kind)
        && let Some(crew) = unit.crew.filter(|crew| *crew < min)
    {
        reasons.push(Reason::new(
            "crew_too_small",
            format!("chỉ có {crew} người, cần từ {min}"),
            format!("a crew of {crew}, {min} are needed"),
        ));
    }
    match &unit.place {
        None => reasons.push(Reason::new(
            "no_position",
            "không biết vị trí: chưa có định vị và chưa gắn đồn, trạm",
            "no position: no fix and no post",
        )),
        Some(place) if place.travel.is_none() => reasons.push(Reason::new(
            "no_way",
            "đường bị cắt: không có lối đi tới hiện trường",
            "roads are cut: there is no way to the incident",
        )),
        Some(_) => {}
    }
    reasons
}

fn candidate(asked: &Asked, needs: &'static [Need], unit: &UnitFacts, place: &Standing, travel: &Travel) -> Candidate {
    let age_s = place.position.at.map(|at| asked.now.seconds_since(at).max(0));
    let missing: Vec<&'static str> = (needs.iter().map(|need| need.capability))
        .filter(|needed| !unit.capabilities.iter().any(|has| has == needed))
        .collect();
    let (eta_min_s, eta_max_s) = eta_s(asked, unit, place.distance_m, travel);
    let aged_s = age_s.map_or(0.0, |age_s| ((age_s - FRESH_S).max(0) as f64 * AGE_SHARE).min(AGE_MAX_S));
    let cover_s = if unit.cover_left == Some(0) { COVER_S } else { 0.0 };
    let danger_s = travel.danger_s.unwrap_or(0.0) * DANGER_SHARE;
    let score_s = f64::midpoint(eta_min_s as f64, eta_max_s as f64) + aged_s + cover_s + danger_s;
    Candidate {
        unit_id: unit.unit_id,
        rank: 0,
        straight_rank: place.straight_rank,
        distance_m: place.distance_m,
        bearing_deg: place.bearing_deg,
        eta_min_s,
        eta_max_s,
        travel: travel.clone(),
        score_s: score_s.round() as i64,
        reasons: reasons(asked, unit, place, travel, age_s, &missing),
        position: place.position.clone(),
        age_s,
        capabilities: unit.capabilities.clone(),
        missing_capabilities: missing,
    }
}

fn reasons(
    asked: &Asked,
    unit: &UnitFacts,
    place: &Standing,
    travel: &Travel,
    age_s: Option<i64>,
    missing: &[&str],
) -> Vec<Reason> {
    let mut reasons = vec![basis_reason(travel)];
    if asked.kind == "illegal_crossing" && unit.is_sector_post {
        reasons.push(Reason::new("sector_post", "đồn phụ trách đoạn biên giới", "the post in charge of this sector"));
    }
    if asked.is_night {
        let percent = ((NIGHT_FACTOR - 1.0) * 100.0).round();
        reasons.push(Reason::new(
            "night",
            format!("trời tối: tính thêm {percent}% thời gian đi"),
            format!("it is dark: {percent}% added to the way"),
        ));
    }
    if asked.commune_only {
        reasons.push(Reason::new(
            "commune_only",
            "chỉ biết xã: khoảng cách tới điểm giữa xã",
            "only the commune is known: distance to its middle",
        ));
    }
    match place.position.source.as_str() {
        "post" => reasons.push(Reason::new(
            "at_post",
            "chưa có định vị: tính tại đồn, trạm của đơn vị",
            "no fix: counted at its post",
        )),
        "radio" => reasons.push(Reason::new("position_radio", "vị trí báo qua bộ đàm", "position told by radio")),
        _ => {}
    }
    if let Some(age_s) = age_s.filter(|age| *age > STALE_S) {
        let minutes = age_s / 60;
        reasons.push(Reason::new(
            "position_stale",
            format!("vị trí cũ {minutes} phút"),
            format!("the position is {minutes} minutes old"),
        ));
    }
    if let Some(danger_s) = travel.danger_s.filter(|seconds| *seconds >= 1.0) {
        let minutes = (danger_s / 60.0).ceil();
        reasons.push(Reason::new(
            "through_zone",
            format!("khoảng {minutes} phút đi qua khu vực nguy hiểm từ cấp 2"),
            format!("about {minutes} minutes of the way lie in zones of level 2 or more"),
        ));
    }
    if unit.cover_left == Some(0) {
        reasons.push(Reason::new("leaves_post_empty", "đồn, trạm không còn lực lượng", "leaves its post empty"));
    }
    if !missing.is_empty() {
        let list = missing.join(", ");
        reasons.push(Reason::new("missing_capability", format!("thiếu: {list}"), format!("lacks {list}")));
    }
    if asked.force.as_ref().is_some_and(|own| *own != unit.force) {
        reasons.push(Reason::new("other_force", "lực lượng khác: đề nghị phối hợp", "another force: ask for support"));
    }
    reasons
}

fn basis_reason(travel: &Travel) -> Reason {
    let km = |metres: f64| format!("{:.1}", metres / 1_000.0);
    match travel.basis {
        EtaBasis::RoadGraph => Reason::new(
            "road_graph",
            format!("theo đường bộ {} km", km(travel.road_m).replace('.', ",")),
            format!("by road, {} km", km(travel.road_m)),
        ),
        EtaBasis::Foot => Reason::new("foot", "đi bộ, không theo đường", "on foot beside the roads"),
        EtaBasis::StraightLine if travel.profile.is_some() => Reason::new(
            "straight_line",
            "đang ở xa đường: đi bộ, theo đường chim bay",
            "far from any road: on foot, by straight line",
        ),
        EtaBasis::StraightLine => Reason::new("straight_line", "theo đường chim bay", "by straight line"),
    }
}

/// Least and most seconds until arrival.
pub(super) fn eta_s(asked: &Asked, unit: &UnitFacts, distance_m: f64, travel: &Travel) -> (i64, i64) {
    let (soon, late) = mobilise_s(matches!(unit.status.as_str(), "on_patrol" | "returning"));
    let (least, most) = match travel.basis {
        EtaBasis::RoadGraph => (travel.duration_s * ROAD_SPREAD.0, travel.duration_s * ROAD_SPREAD.1),
        EtaBasis::Foot => (travel.duration_s * FOOT_SPREAD.0, travel.duration_s * FOOT_SPREAD.1),
        EtaBasis::StraightLine => {
            let by_kind = || SPEEDS_KMH.iter().find(|(kind, _)| *kind == unit.kind).map(|(_, speeds)| *speeds);
            let speeds = if travel.profile.is_some() { OFF_ROAD_KMH } else { by_kind().unwrap_or(SPEED_KMH) };
            let way = |detour: f64, kmh: f64| distance_m * detour / (kmh / 3.6);
            (way(DETOUR.0, speeds.1), way(DETOUR.1, speeds.0))
        }
    };
    let dark = if asked.is_night { NIGHT_FACTOR } else { 1.0 };
    ((soon + least * dark).round() as i64, (late + most * dark).round() as i64)
}

#[cfg(test)]
#[path = "recommend_tests.rs"]
mod tests;
