//! Which unit to send: a pure ranking of what is known, with its reasons. Nobody is hidden for an old position.
//!
//! Until roads are known the ranking is by straight-line distance, and the time of arrival is an interval from a
//! detour factor and a speed by kind of unit, labelled `straight_line`: it says how wide the guess is.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Timestamp;
use super::change::Seq;
use super::unit::{Availability, availability};

/// A position older than this is named as old, seconds.
pub const STALE_S: i64 = 30 * 60;
/// Most units that are listed as left out.
pub const LEFT_OUT_MAX: usize = 200;
/// How much longer than the straight line a way in these mountains is, least and most.
const DETOUR: (f64, f64) = (1.2, 2.5);

/// Capabilities that a kind of incident asks for. A unit that lacks one is still listed, and told so.
const REQUIRED: &[(&str, &[&str])] = &[
    ("landslide", &["first_aid", "search"]),
    ("rockfall", &["traffic_control"]),
    ("flash_flood", &["first_aid", "swift_water"]),
    ("flood", &["boat"]),
    ("subsidence", &["traffic_control"]),
    ("road_closure", &["excavator", "traffic_control"]),
    ("bridge_damage", &["traffic_control"]),
    ("fire", &["first_aid"]),
    ("missing_person", &["search"]),
    ("contact_lost", &["search"]),
    ("accident", &["first_aid", "traffic_control"]),
    ("medical", &["ambulance", "first_aid"]),
    ("illegal_crossing", &["interpreter"]),
    ("illegal_entry_exit", &["arrest"]),
    ("drug_crime", &["arrest"]),
    ("human_trafficking", &["arrest", "interpreter"]),
    ("wanted_person_found", &["arrest"]),
    ("smuggling", &["arrest"]),
    ("public_order", &["arrest"]),
];

/// Speeds by kind of unit, kilometres an hour, least and most: mountain roads by vehicle, trails on foot, rivers.
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

/// Seconds until a unit with this status moves, least and most.
const fn mobilise_s(status_is_moving: bool) -> (f64, f64) {
    if status_is_moving { (60.0, 300.0) } else { (300.0, 900.0) }
}

/// Capabilities that this kind of incident asks for.
#[must_use]
pub fn required_capabilities(kind: &str) -> &'static [&'static str] {
    REQUIRED.iter().find(|(known, _)| *known == kind).map_or(&[], |(_, required)| required)
}

/// Why a unit stands where it stands, or was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reason {
    pub code: &'static str,
    pub vi: String,
    pub en: String,
}

/// Where a unit is taken to be, and how that is known.
#[derive(Clone, Debug, PartialEq)]
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

/// What is known of one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitFacts {
    pub unit_id: Uuid,
    pub kind: String,
    pub force: String,
    pub status: String,
    pub capabilities: Vec<String>,
    /// Where it is, the geodesic distance from the incident in metres and the bearing to it in degrees.
    pub place: Option<(UnitPosition, f64, f64)>,
    pub incident_id: Option<Uuid>,
    pub queued_incident_ids: Vec<Uuid>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked<'a> {
    pub incident_id: Uuid,
    /// Kind of the incident.
    pub kind: &'a str,
    /// Force of the one who asks; another's unit is asked for, not sent.
    pub force: Option<&'a str>,
    pub now: Timestamp,
    /// Only the commune of the incident is known: distances are to its label point.
    pub commune_only: bool,
    /// Most candidates.
    pub limit: usize,
}

/// A unit that can be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub unit_id: Uuid,
    /// Counted from 1.
    pub rank: usize,
    /// Geodesic metres, straight line.
    pub distance_m: f64,
    /// From the incident to the unit, degrees clockwise from true north.
    pub bearing_deg: f64,
    pub eta_min_s: i64,
    pub eta_max_s: i64,
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
    pub required_capabilities: &'static [&'static str],
    pub candidates: Vec<Candidate>,
    pub left_out: Vec<LeftOut>,
}

impl Reason {
    fn new(code: &'static str, vi: impl Into<String>, en: impl Into<String>) -> Self {
        Self { code, vi: vi.into(), en: en.into() }
    }
}

/// Ranks what is known: candidates nearest first, and those left out, nearest first, each with its reasons.
#[must_use]
pub fn rank(asked: &Asked<'_>, units: Vec<UnitFacts>, seq: Seq) -> Recommendation {
    let required = required_capabilities(asked.kind);
    let mut candidates = Vec::new();
    let mut left_out = Vec::new();
    for unit in units {
        let obstacles = obstacles(asked, &unit);
        match unit.place.clone() {
            Some((position, distance_m, bearing_deg)) if obstacles.is_empty() => {
                candidates.push(candidate(asked, required, &unit, position, distance_m, bearing_deg));
            }
            place => {
                let distance_m = place.map(|(_, distance_m, _)| distance_m);
                left_out.push(LeftOut { unit_id: unit.unit_id, distance_m, reasons: obstacles });
            }
        }
    }
    candidates.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then_with(|| a.unit_id.cmp(&b.unit_id)));
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
        required_capabilities: required,
        candidates,
        left_out,
    }
}

/// What keeps a unit from being sent.
fn obstacles(asked: &Asked<'_>, unit: &UnitFacts) -> Vec<Reason> {
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
    if unit.place.is_none() {
        reasons.push(Reason::new(
            "no_position",
            "không biết vị trí: chưa có định vị và chưa gắn đồn, trạm",
            "no position: no fix and no post",
        ));
    }
    reasons
}

fn candidate(
    asked: &Asked<'_>,
    required: &'static [&'static str],
    unit: &UnitFacts,
    position: UnitPosition,
    distance_m: f64,
    bearing_deg: f64,
) -> Candidate {
    let age_s = position.at.map(|at| asked.now.seconds_since(at).max(0));
    let missing: Vec<&'static str> =
        required.iter().copied().filter(|needed| !unit.capabilities.iter().any(|has| has == needed)).collect();
    let (eta_min_s, eta_max_s) = eta_s(unit, distance_m);
    Candidate {
        unit_id: unit.unit_id,
        rank: 0,
        distance_m,
        bearing_deg,
        eta_min_s,
        eta_max_s,
        reasons: reasons(asked, unit, &position, age_s, &missing),
        position,
        age_s,
        capabilities: unit.capabilities.clone(),
        missing_capabilities: missing,
    }
}

fn reasons(
    asked: &Asked<'_>,
    unit: &UnitFacts,
    position: &UnitPosition,
    age_s: Option<i64>,
    missing: &[&str],
) -> Vec<Reason> {
    let mut reasons = vec![Reason::new("straight_line", "theo đường chim bay", "by straight line")];
    if asked.commune_only {
        reasons.push(Reason::new(
            "commune_only",
            "chỉ biết xã: khoảng cách tới điểm giữa xã",
            "only the commune is known: distance to its middle",
        ));
    }
    match position.source.as_str() {
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
    if !missing.is_empty() {
        let list = missing.join(", ");
        reasons.push(Reason::new("missing_capability", format!("thiếu: {list}"), format!("lacks {list}")));
    }
    if asked.force.is_some_and(|own| own != unit.force) {
        reasons.push(Reason::new("other_force", "lực lượng khác: đề nghị phối hợp", "another force: ask for support"));
    }
    reasons
}

/// Least and most seconds until arrival.
fn eta_s(unit: &UnitFacts, distance_m: f64) -> (i64, i64) {
    let (slow, fast) = SPEEDS_KMH.iter().find(|(kind, _)| *kind == unit.kind).map_or(SPEED_KMH, |(_, speeds)| *speeds);
    let (soon, late) = mobilise_s(matches!(unit.status.as_str(), "on_patrol" | "returning"));
    let travel = |detour: f64, kmh: f64| distance_m * detour / (kmh / 3.6);
    ((soon + travel(DETOUR.0, fast)).round() as i64, (late + travel(DETOUR.1, slow)).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::incident::KINDS;
    use crate::domain::unit::CAPABILITIES;

    fn unit(number: u128, status: &str, distance_m: Option<f64>) -> UnitFacts {
        let position = |at| UnitPosition { lon: 103.0, lat: 22.0, source: "gps".into(), at, accuracy_m: None };
        UnitFacts {
            unit_id: Uuid::from_u128(number),
            kind: "rescue_team".into(),
            force: "police".into(),
            status: status.into(),
            capabilities: vec!["search".into()],
            place: distance_m.map(|metres| (position(Some(Timestamp::from_ms(0))), metres, 90.0)),
            incident_id: None,
            queued_incident_ids: Vec::new(),
        }
    }

    fn asked<'a>(minutes: i64) -> Asked<'a> {
        Asked {
            incident_id: Uuid::nil(),
            kind: "landslide",
            force: Some("border_guard"),
            now: Timestamp::from_ms(minutes * 60_000),
            commune_only: false,
            limit: 10,
        }
    }

    fn codes(reasons: &[Reason]) -> Vec<&'static str> {
        reasons.iter().map(|reason| reason.code).collect()
    }

    #[test]
    fn the_nearest_free_unit_is_first_and_an_old_fix_hides_nobody() {
        let units = vec![unit(1, "available", Some(9_000.0)), unit(2, "on_patrol", Some(4_000.0))];
        let advice = rank(&asked(90), units, 7);
        let order: Vec<u128> = advice.candidates.iter().map(|c| c.unit_id.as_u128()).collect();
        assert_eq!(order, [2, 1]);
        let first = &advice.candidates[0];
        assert_eq!(first.missing_capabilities, ["first_aid"]);
        assert_eq!(first.age_s, Some(5_400));
        let expected = ["straight_line", "position_stale", "missing_capability", "other_force"];
        assert_eq!(codes(&first.reasons), expected);
        assert!(first.eta_min_s < first.eta_max_s);
    }

    #[test]
    fn whoever_is_left_out_is_told_why() {
        let mut on_it = unit(1, "dispatched", Some(100.0));
        on_it.incident_id = Some(Uuid::nil());
        let mut waits = unit(2, "on_scene", Some(200.0));
        (waits.incident_id, waits.queued_incident_ids) = (Some(Uuid::max()), vec![Uuid::nil()]);
        let units = vec![
            on_it,
            waits,
            unit(3, "resting", Some(300.0)),
            unit(4, "off_duty", Some(400.0)),
            unit(5, "distress", Some(500.0)),
            unit(6, "available", None),
        ];
        let advice = rank(&asked(1), units, 7);
        assert!(advice.candidates.is_empty());
        let why: Vec<Vec<&str>> = advice.left_out.iter().map(|left| codes(&left.reasons)).collect();
        let expected = [
            vec!["already_assigned"],
            vec!["already_queued", "busy"],
            vec!["resting"],
            vec!["off_duty"],
            vec!["distress"],
            vec!["no_position"],
        ];
        assert_eq!(why, expected);
    }

    #[test]
    fn the_tables_use_known_words() {
        for (kind, required) in REQUIRED {
            assert!(KINDS.contains(kind), "{kind}");
            assert!(required.iter().all(|word| CAPABILITIES.contains(word)), "{required:?}");
        }
        assert!(SPEEDS_KMH.iter().all(|(kind, _)| crate::domain::unit::KINDS.contains(kind)));
    }
}
