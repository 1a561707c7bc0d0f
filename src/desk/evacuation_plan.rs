//! A plan of evacuation: which household goes to which shelter. Proposed by need, open roads and room; a person may
//! change it; written into the households when somebody commits it, and only as far as there is room.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::evacuation::standing;
use super::evacuees::{Evacuee, Refuge, check_in_force, evacuee, in_order, nearest, refuges};
use super::scene::{Draft, Entry, Scene, Working};
use super::write::may;
use super::{Ask, Desk, Written};
use crate::domain::access::Deed;
use crate::domain::change::Seq;
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::picture::View;

/// Households of one plan, at most.
pub const PLANNED_MAX: usize = 2_000;

/// Who goes where.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EvacuationPlan {
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    pub seq: Seq,
    /// Whether it was written into the households.
    pub is_committed: bool,
    /// In the order to move.
    pub placed: Vec<Placed>,
    pub unplaced: Vec<Unplaced>,
    /// Those that take somebody.
    pub shelters: Vec<PlannedShelter>,
}

/// A household that has a shelter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Placed {
    pub household_id: Uuid,
    pub shelter_id: Uuid,
    /// Its members who are inside.
    pub people: i64,
    /// Seconds over the roads that are open; null where nothing was asked of them.
    #[schema(required)]
    pub travel_s: Option<i64>,
    #[schema(required)]
    pub profile: Option<&'static str>,
}

/// A household that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Unplaced {
    pub household_id: Uuid,
    pub people: i64,
    pub why: WhyUnplaced,
}

/// Why a household has no shelter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyUnplaced {
    /// No shelter that it gets to has room for all of it.
    NoRoom,
    /// The closures in force leave no vehicle's way.
    CutOff,
    /// No road leads from it to a shelter.
    NoRoad,
}

/// What a shelter takes by the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlannedShelter {
    pub id: Uuid,
    pub name: String,
    pub capacity: i64,
    /// In it now.
    pub occupied: i64,
    /// Assigned to it and not there yet, this plan's households included.
    pub expected: i64,
    /// What is left then.
    pub free: i64,
}

/// People who are assigned to shelters and not there yet, without the households of `but`.
fn expected(view: &View, but: &HashMap<Uuid, usize>) -> HashMap<Uuid, i64> {
    let mut sum: HashMap<Uuid, i64> = HashMap::new();
    let assigned = view.all(Collection::Households).filter(|house| house.raw("shelter_id").is_some());
    for house in assigned.filter(|house| !but.contains_key(&house.id())).filter_map(|house| evacuee(&house)) {
        if let Some(shelter) = house.shelter_id {
            *sum.entry(shelter).or_default() += house.still_inside;
        }
    }
    sum
}

impl Desk {
    /// Proposes a shelter for each household of a zone of which somebody is inside; nothing is written. A household goes
    /// whole, keeps the shelter that it has as long as there is room, and else gets the soonest one with room over the
    /// roads that are open. Shelters that lie in a zone in force take nobody.
    ///
    /// # Errors
    /// As [`Desk::evacuees`].
    pub fn plan_evacuation(&self, view: &View, zone: Uuid) -> Result<EvacuationPlan, Problem> {
        check_in_force(view, zone)?;
        let mut rows: Vec<Evacuee> = view.houses_inside(zone).iter().filter_map(evacuee).collect();
        rows.retain(|row| row.still_inside > 0);
        let refuges = outside_zones(view);
        let near = nearest(&refuges, &rows);
        let own: Vec<Option<Uuid>> = rows.iter().map(|row| row.shelter_id).collect();
        let asked = |n: usize, at: usize| near.contains(&at) || own[n] == Some(refuges[at].id);
        let ways = self.ways(&rows, &refuges, asked);
        let soonest = |n: usize| ways.of[n].iter().flatten().map(|way| way.time_s).min_by(f64::total_cmp);
        let place: HashMap<Uuid, usize> = rows.iter().enumerate().map(|(n, row)| (row.id, n)).collect();
        for (n, row) in rows.iter_mut().enumerate() {
            row.travel_s = soonest(n).map(|time_s| time_s.round() as i64);
            row.is_cut_off = ways.is_cut_off[n];
        }
        in_order(&mut rows);
        let mut coming = expected(view, &place);
        let (mut placed, mut unplaced) = (Vec::new(), Vec::new());
        for row in rows.iter().take(PLANNED_MAX) {
            let n = place[&row.id];
            let mut reached: Vec<(usize, f64)> =
                ways.of[n].iter().enumerate().filter_map(|(at, way)| Some((at, way.as_ref()?.time_s))).collect();
            // The shelter it has comes first, then the soonest.
            let has = |at: usize| own[n] == Some(refuges[at].id);
            reached.sort_by(|a, b| has(b.0).cmp(&has(a.0)).then(a.1.total_cmp(&b.1)));
            let has_room = |at: usize| {
                let refuge = &refuges[at];
                let taken = refuge.occupied + coming.get(&refuge.id).copied().unwrap_or(0);
                taken + row.still_inside <= refuge.capacity
            };
            match reached.iter().map(|(at, _)| *at).find(|at| has_room(*at)) {
                Some(at) => {
                    *coming.entry(refuges[at].id).or_default() += row.still_inside;
                    let way = ways.of[n][at];
                    placed.push(Placed {
                        household_id: row.id,
                        shelter_id: refuges[at].id,
                        people: row.still_inside,
                        travel_s: way.map(|way| way.time_s.round() as i64),
                        profile: way.and_then(|way| way.profile).map(|profile| profile.as_str()),
                    });
                }
                None => {
                    let why = match (row.is_cut_off, reached.is_empty()) {
                        (true, true) => WhyUnplaced::CutOff,
                        (_, true) => WhyUnplaced::NoRoad,
                        _ => WhyUnplaced::NoRoom,
                    };
                    unplaced.push(Unplaced { household_id: row.id, people: row.still_inside, why });
                }
            }
        }
        for row in &rows {
            if let Some(shown) = view.item(Collection::Households, row.id) {
                let _ = shown.members().count();
            }
        }
        let shelters = shelters(&refuges, &coming);
        let (as_of, seq) = (view.now(), view.seq());
        Ok(EvacuationPlan { as_of, seq, is_committed: false, placed, unplaced, shelters })
    }

    /// Writes a plan into its households, all or none; one that has no shelter in the plan loses the one it had, which could
    /// not take it. Whoever changed one meanwhile makes it decide once more, and where
    /// a shelter would hold more than it takes nothing is written.
    ///
    /// # Errors
    /// `shelter_full` with the shelters, `unknown_reference`, `limit_exceeded`, `forbidden`, `version_conflict`, and as
    /// [`Desk::evacuees`].
    pub async fn commit_evacuation(
        &self,
        ask: &Ask,
        zone: Uuid,
        placed: &[(Uuid, Option<Uuid>)],
    ) -> Result<Written, Problem> {
        may(&ask.actor, Deed::EditHousehold)?;
        self.write_evacuation(ask, |scene| commit(scene, zone, placed)).await
    }

    /// What the shelters of a plan that was committed take.
    #[must_use]
    pub fn committed(&self, view: &View, placed: &[(Uuid, Option<Uuid>)]) -> EvacuationPlan {
        let coming = expected(view, &HashMap::new());
        let people = |id: Uuid| {
            let shown = view.item(Collection::Households, id)?;
            evacuee(&shown).map(|row| row.still_inside)
        };
        let one = |(household_id, shelter_id): &(Uuid, Option<Uuid>)| {
            Some(Placed {
                household_id: *household_id,
                shelter_id: (*shelter_id)?,
                people: people(*household_id).unwrap_or(0),
                travel_s: None,
                profile: None,
            })
        };
        EvacuationPlan {
            as_of: view.now(),
            seq: view.seq(),
            is_committed: true,
            placed: placed.iter().filter_map(one).collect(),
            unplaced: Vec::new(),
            shelters: shelters(&refuges(view), &coming),
        }
    }
}

/// Shelters that lie in no zone in force.
fn outside_zones(view: &View) -> Vec<Refuge> {
    let zones = view.all(Collection::RiskZones).filter(|zone| zone.text("state").as_deref() == Some("in_force"));
    let areas: Vec<_> = zones.filter_map(|zone| zone.geometry().and_then(super::travel::prepared)).collect();
    let mut refuges = refuges(view);
    refuges
        .retain(|refuge| !areas.iter().any(|area| area.touches(&geo_types::Point::new(refuge.lon, refuge.lat).into())));
    refuges
}

fn shelters(refuges: &[Refuge], coming: &HashMap<Uuid, i64>) -> Vec<PlannedShelter> {
    let of = |refuge: &Refuge| {
        let expected = coming.get(&refuge.id).copied().filter(|expected| *expected > 0)?;
        let Refuge { id, capacity, occupied, .. } = *refuge;
        let free = (capacity - occupied - expected).max(0);
        Some(PlannedShelter { id, name: refuge.name.clone(), capacity, occupied, expected, free })
    };
    refuges.iter().filter_map(of).collect()
}

fn commit(scene: &Scene<'_>, zone: Uuid, placed: &[(Uuid, Option<Uuid>)]) -> Result<Draft, Problem> {
    if placed.is_empty() || placed.len() > PLANNED_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("phương án cần từ 1 đến {PLANNED_MAX} hộ"),
            format!("a plan has 1 to {PLANNED_MAX} households"),
        )
        .at("/assignments"));
    }
    let view = scene.view();
    check_in_force(&view, zone)?;
    let at = scene.at()?;
    let in_plan: HashMap<Uuid, usize> = placed.iter().enumerate().map(|(n, (house, _))| (*house, n)).collect();
    if in_plan.len() < placed.len() {
        let (vi, en) = ("một hộ có trong phương án hai lần", "a household is in the plan twice");
        return Err(Problem::new(Code::InvalidValue, vi, en).at("/assignments"));
    }
    let mut coming = expected(&view, &in_plan);
    let mut draft = Draft::default();
    let mut people = 0;
    let zone_record = scene.follow(Collection::RiskZones, zone)?;
    for (n, (house, shelter)) in placed.iter().enumerate() {
        let mut record = scene.referred(Collection::Households, *house, &format!("/assignments/{n}/household_id"))?;
        let at_shelter = format!("/assignments/{n}/shelter_id");
        let shelter_record =
            shelter.map(|shelter| scene.referred(Collection::Shelters, shelter, &at_shelter)).transpose()?;
        let is_over = |record: &Working| record.text("ended_at").is_some();
        if is_over(&record) || shelter_record.as_ref().is_some_and(is_over) {
            let (vi, en) = ("hộ hoặc điểm sơ tán không còn trong danh sách", "household or shelter was ended");
            return Err(Problem::new(Code::InvalidValue, vi, en).at(&format!("/assignments/{n}")));
        }
        let (Some(shelter), Some(shelter_record)) = (shelter, shelter_record) else {
            record.remove("shelter_id");
            draft.put(record, at);
            continue;
        };
        let outcome = standing(&record).outcome();
        let inside: i64 = outcome.parts.iter().filter(|part| part.state.is_inside()).map(|part| part.people).sum();
        *coming.entry(*shelter).or_default() += inside;
        people += inside;
        draft.read(&shelter_record);
        record.set("shelter_id", shelter.to_string());
        draft.put(record, at);
    }
    check_room(scene, &coming, placed)?;
    let (label, count) = (zone_record.label(), placed.len());
    // As many as the zone has households tells nobody where one of them is.
    let text = format!("Phương án sơ tán {label}: đã phân điểm sơ tán cho các hộ trong khu vực");
    let entry =
        Entry { kind: "evacuation_planned", text, facts: json!({}), incident: None, unit: None, zone: Some(zone) };
    tracing::info!(households = count, people, "an evacuation plan is committed");
    draft.log(scene, at, entry);
    Ok(draft)
}

/// Refuses a plan by which a shelter would hold more than it takes.
fn check_room(scene: &Scene<'_>, coming: &HashMap<Uuid, i64>, placed: &[(Uuid, Option<Uuid>)]) -> Result<(), Problem> {
    let mut full = Vec::new();
    let mut named: Vec<Uuid> = placed.iter().filter_map(|(_, shelter)| *shelter).collect();
    named.sort_unstable();
    named.dedup();
    for shelter in named {
        let record = scene.follow(Collection::Shelters, shelter)?;
        let (capacity, occupied) = (record.integer("capacity").unwrap_or(0), record.integer("occupied").unwrap_or(0));
        let expected = coming.get(&shelter).copied().unwrap_or(0);
        if occupied + expected > capacity {
            full.push(json!({
                "shelter_id": shelter, "name": record.label(), "capacity": capacity, "occupied": occupied,
                "expected": expected,
            }));
        }
    }
    let Some(first) = full.first() else { return Ok(()) };
    let name = first["name"].as_str().unwrap_or_default();
    let (capacity, sum) =
        (&first["capacity"], first["occupied"].as_i64().unwrap_or(0) + first["expected"].as_i64().unwrap_or(0));
    Err(Problem::new(
        Code::ShelterFull,
        format!("{name} chứa {capacity} người, phương án đưa đến {sum}"),
        format!("{name} takes {capacity} people, the plan would bring {sum}"),
    )
    .at("/assignments")
    .with("shelters", full))
}
