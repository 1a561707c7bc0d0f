//! Advice: which units for an incident, and what was on the screen when one was sent.

use axum::extract::Path;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::Reader;
use super::answer::{feature_value, json as json_answer};
use super::error::Answer;
use super::long;
use super::params::{Params, id_named};
use super::shapes;
use crate::desk::{LeftOut, Reason, Recommendation, UnitCandidate};
use crate::domain::advice::Shown as Basis;
use crate::domain::change::FixSource;
use crate::domain::move_up::MoveUp;
use crate::domain::recommend::{EtaBasis, UnitPosition};
use crate::domain::run_card::{Need, Shortfall};
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::picture::{Shown, View};

/// Candidates if nothing else is asked, and most.
const CANDIDATES: usize = 10;
const CANDIDATES_MAX: usize = 200;

/// Units for an incident.
#[derive(Serialize, ToSchema)]
pub struct RecommendationAnswer {
    /// Names this answer in the order that follows it.
    advice_id: Uuid,
    #[serde(flatten)]
    advice: Ranking,
}

/// Units for an incident, best first, and those left out, nearest first.
#[derive(Serialize, ToSchema)]
pub struct Ranking {
    incident_id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// What the picture held.
    seq: u64,
    /// What this kind of incident asks for.
    required_capabilities: Vec<&'static str>,
    /// The same with how many units are to bring it.
    needs: &'static [Need],
    /// The candidates that together bring it.
    picks: Vec<Uuid>,
    /// What no candidate brings.
    shortfalls: Vec<Shortfall>,
    /// Best first.
    candidates: Vec<RecommendedUnit>,
    left_out: Vec<UnitLeftOut>,
    /// Who could hold the posts that the picks leave empty.
    move_ups: Vec<MoveUpAnswer>,
}

/// A post that a pick leaves empty, and the unit that could hold it meanwhile.
#[derive(Serialize, ToSchema)]
pub struct MoveUpAnswer {
    #[serde(flatten)]
    move_up: MoveUp,
    /// Name of the post.
    station: String,
    #[schema(schema_with = shapes::unit)]
    unit: Value,
}

/// A unit that can be sent.
#[derive(Serialize, ToSchema)]
pub struct RecommendedUnit {
    #[schema(schema_with = shapes::unit)]
    unit: Value,
    /// Counted from 1.
    rank: usize,
    /// Geodesic metres, straight line.
    distance_m: f64,
    /// From the incident to the unit, degrees clockwise from true north.
    bearing_deg: f64,
    eta_min_s: i64,
    eta_max_s: i64,
    eta_basis: EtaBasis,
    /// By what it travels: car, truck, motorbike, foot. By straight line `foot` for whoever stands far from every road, else
    /// `null`.
    #[schema(required)]
    profile: Option<String>,
    /// Metres by road; 0 without one.
    road_m: f64,
    /// Metres on foot beside the road.
    foot_m: f64,
    /// Its place by straight line.
    straight_rank: usize,
    /// By which the candidates are ordered, seconds: the middle of its time of arrival, and what counts against it.
    score_s: i64,
    position: RecommendedFrom,
    capabilities: Vec<String>,
    missing_capabilities: Vec<&'static str>,
    reasons: Vec<Reason>,
}

/// Where a unit is taken to be, and how that is known.
#[derive(Serialize, ToSchema)]
pub struct RecommendedFrom {
    lon: f64,
    lat: f64,
    #[schema(value_type = FixSource)]
    source: String,
    /// When it was true; `null` for a unit at its post.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    at: Option<Timestamp>,
    #[schema(required)]
    age_s: Option<i64>,
    #[schema(required)]
    accuracy_m: Option<f64>,
}

/// A unit that cannot be sent now.
#[derive(Serialize, ToSchema)]
pub struct UnitLeftOut {
    #[schema(schema_with = shapes::unit)]
    unit: Value,
    #[schema(required)]
    distance_m: Option<f64>,
    reasons: Vec<Reason>,
}

/// Units for an incident, ranked, with the reason; those left out with theirs.
#[utoipa::path(
    get, path = "/api/incidents/{id}/recommendation", tag = "incidents",
    params(
        ("id" = String, Path, description = "Id of the incident"),
        ("limit" = Option<u32>, Query, description = "Most candidates; 10 if not said"),
    ),
    responses((status = 200, description = "The advice", body = RecommendationAnswer))
)]
pub async fn recommend(reader: Reader, Path(id): Path<String>) -> Answer {
    let id = id_named(&id)?;
    let mut params = Params::parse(reader.uri.query())?;
    let limit = params.count("limit", CANDIDATES_MAX)?.unwrap_or(CANDIDATES);
    params.finish()?;
    let view = reader.view()?;
    let desk = &reader.live()?.desk;
    let looks_at = view.held(&[Collection::Units]);
    let advice = long::answer(&reader, looks_at, || desk.recommendation(&view, id, limit)).await??;
    json_answer(&RecommendationAnswer {
        advice_id: advice.id,
        advice: Ranking::of(&view, advice.recommendation.clone()),
    })
}

/// What was on the screen of whoever ordered.
#[derive(Serialize, ToSchema)]
pub struct FollowedAdvice {
    assignment_id: Uuid,
    /// The unit that was ordered.
    unit_id: Uuid,
    /// Its place in the advice; `null` if it was left out there.
    #[schema(required)]
    rank: Option<u32>,
    shown_to: String,
    /// False if the answer was not known any more, and made anew when the order was given.
    is_as_shown: bool,
    /// Ranked again from what was stored; units that the reader may not see are not in it.
    advice: Ranking,
}

/// The advice that an order rested on, as it was shown.
#[utoipa::path(
    get, path = "/api/assignments/{id}/advice", tag = "incidents",
    params(("id" = String, Path, description = "Id of the assignment")),
    responses((status = 200, description = "The advice, ranked again from what was stored", body = FollowedAdvice))
)]
pub async fn followed_advice(reader: Reader, Path(id): Path<String>) -> Answer {
    let id = id_named(&id)?;
    Params::parse(reader.uri.query())?.finish()?;
    let view = reader.view()?;
    let none = || {
        Problem::new(
            Code::NotFound,
            format!("nhiệm vụ {id} không có đề xuất nào được lưu"),
            format!("no advice is kept with the assignment {id}"),
        )
    };
    let order = view.item(Collection::Assignments, id).ok_or_else(none)?;
    let named = |shown: &Shown<'_>, name: &str| shown.text(name).and_then(|id| Uuid::parse_str(&id).ok());
    let kept = named(&order, "advice_id").and_then(|advice| view.item(Collection::Advices, advice)).ok_or_else(none)?;
    let basis =
        kept.property("basis").and_then(|basis| serde_json::from_value::<Basis>(basis).ok()).ok_or_else(none)?;
    json_answer(&FollowedAdvice {
        assignment_id: id,
        unit_id: named(&kept, "unit_id").ok_or_else(none)?,
        rank: kept.number("rank").map(|rank| rank as u32),
        shown_to: kept.text("shown_to").unwrap_or_default().into_owned(),
        is_as_shown: kept.property("is_as_shown") == Some(Value::Bool(true)),
        advice: Ranking::of(&view, basis.again()),
    })
}

impl Ranking {
    /// As far as the View shows the units.
    fn of(view: &View, advice: Recommendation) -> Self {
        let is_seen = |id: Uuid| view.item(Collection::Units, id).is_some_and(|shown| shown.is_record());
        let station = |id: Uuid| view.item(Collection::Stations, id)?.text("name").map(|name| name.into_owned());
        let candidates = advice.candidates.into_iter().filter(|candidate| is_seen(candidate.unit_id));
        let left_out_units = advice.left_out.into_iter().filter(|left| is_seen(left.unit_id));
        let move_ups = advice.move_ups.into_iter().filter(|move_up| is_seen(move_up.unit_id));
        Self {
            incident_id: advice.incident_id,
            as_of: advice.as_of,
            seq: advice.seq,
            required_capabilities: advice.needs.iter().map(|need| need.capability).collect(),
            needs: advice.needs,
            picks: advice.picks.into_iter().filter(|id| is_seen(*id)).collect(),
            shortfalls: advice.shortfalls,
            candidates: candidates.map(|candidate| recommended(view, candidate)).collect(),
            left_out: left_out_units.map(|unit| left_out(view, unit)).collect(),
            move_ups: move_ups
                .map(|move_up| MoveUpAnswer {
                    station: station(move_up.station_id).unwrap_or_default(),
                    unit: unit(view, move_up.unit_id),
                    move_up,
                })
                .collect(),
        }
    }
}

fn recommended(view: &View, candidate: UnitCandidate) -> RecommendedUnit {
    let UnitPosition { lon, lat, source, at, accuracy_m } = candidate.position;
    RecommendedUnit {
        unit: unit(view, candidate.unit_id),
        rank: candidate.rank,
        distance_m: candidate.distance_m,
        bearing_deg: candidate.bearing_deg,
        eta_min_s: candidate.eta_min_s,
        eta_max_s: candidate.eta_max_s,
        eta_basis: candidate.travel.basis,
        profile: candidate.travel.profile,
        road_m: candidate.travel.road_m.round(),
        foot_m: candidate.travel.foot_m.round(),
        straight_rank: candidate.straight_rank,
        score_s: candidate.score_s,
        position: RecommendedFrom { lon, lat, source, at, age_s: candidate.age_s, accuracy_m },
        capabilities: candidate.capabilities,
        missing_capabilities: candidate.missing_capabilities,
        reasons: candidate.reasons,
    }
}

fn left_out(view: &View, unit_left: LeftOut) -> UnitLeftOut {
    UnitLeftOut { unit: unit(view, unit_left.unit_id), distance_m: unit_left.distance_m, reasons: unit_left.reasons }
}

/// The unit as the same View shows it that the advice was made from.
fn unit(view: &View, id: Uuid) -> Value {
    view.item(Collection::Units, id).map(|shown| feature_value(&shown)).unwrap_or_default()
}
