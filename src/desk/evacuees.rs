//! Households of a zone in the order in which they are moved: who cannot leave by themselves first, then who needs help,
//! then the others; within each who is soonest in a shelter over the roads that are open. Who is cut off is marked.

use geo_types::Geometry;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Desk;
use super::inside::{TimeToClear, by_rate, is_in_force};
use crate::domain::change::Seq;
use crate::domain::evacuation::{Part, State};
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::geometry::measure::distance_m;
use crate::picture::{Shown, View};
use crate::roads::reach::many_to_one;
use crate::roads::{InForce, Overlay, Profile, Snap, WayOut, ways_out};

/// Households that are listed, at most; the counts are whole.
pub const EVACUEES_MAX: usize = 2_000;
/// Shelters that a household without one is held against: the nearest of the zone.
const SHELTERS_LOOKED_AT: usize = 12;
/// Ways of travelling, the best first.
const PROFILES: [Profile; 3] = [Profile::Car, Profile::Motorbike, Profile::Foot];

/// Who is in a zone, in the order in which they are moved.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Evacuees {
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    pub seq: Seq,
    /// Which network answered; null where none is loaded: distances are then straight.
    #[schema(required)]
    pub roads_id: Option<String>,
    pub time_to_clear: TimeToClear,
    /// Households of which somebody is inside come first, in the order to move; at most 2,000.
    pub households: Vec<Evacuee>,
    /// How many more there are.
    pub left_out: usize,
}

/// One household.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Evacuee {
    pub id: Uuid,
    #[schema(required)]
    pub code: Option<String>,
    #[schema(required)]
    pub hamlet: Option<String>,
    #[schema(required)]
    pub admin_unit: Option<String>,
    /// Longitude and latitude.
    pub position: [f64; 2],
    pub members: i64,
    /// How many of them are inside.
    pub still_inside: i64,
    #[schema(value_type = String)]
    pub state: &'static str,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub state_at: Option<Timestamp>,
    /// 0: somebody cannot leave alone; 1: somebody needs help; 2: the others.
    pub group: u8,
    /// Why the group: `needs_carry`, `needs_oxygen`, `gravely_ill`, `disabled`, `pregnant_or_nursing`, `elderly`,
    /// `children`.
    #[schema(value_type = Vec<String>)]
    pub needs: Vec<&'static str>,
    /// The shelter it is assigned to, else the one it is soonest in.
    #[schema(required)]
    pub shelter_id: Option<Uuid>,
    pub is_assigned: bool,
    /// To that shelter, seconds; null where no way is open.
    #[schema(required)]
    pub travel_s: Option<i64>,
    /// By what.
    #[schema(required)]
    pub profile: Option<&'static str>,
    /// No vehicle gets from it to a shelter any more, because of the closures in force.
    pub is_cut_off: bool,
    /// When who refused is visited again.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub next_visit_at: Option<String>,
    /// Its counts do not fit.
    pub has_discrepancy: bool,
}

/// A shelter that people are led to.
#[derive(Clone, Debug)]
pub(super) struct Refuge {
    pub id: Uuid,
    pub name: String,
    pub lon: f64,
    pub lat: f64,
    pub capacity: i64,
    pub occupied: i64,
}

/// How a household gets to a shelter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub time_s: f64,
    pub profile: Option<Profile>,
}

/// The ways of households to shelters, household by household; `None` where no way is open.
pub(super) struct Ways {
    pub of: Vec<Vec<Option<Way>>>,
    pub is_cut_off: Vec<bool>,
}

impl Desk {
    /// Who is in a zone in force, in the order in which they are moved. Looks at roads, so it is no quick question.
    ///
    /// # Errors
    /// `not_found` for a zone that is not there, `forbidden_transition` for one that is not in force.
    pub fn evacuees(&self, view: &View, zone: Uuid) -> Result<Evacuees, Problem> {
        check_in_force(view, zone)?;
        let houses = view.houses_inside(zone);
        let mut rows: Vec<Evacuee> = houses.iter().filter_map(evacuee).collect();
        let refuges = refuges(view);
        let assigned: Vec<Option<Uuid>> = rows.iter().map(|row| row.shelter_id).collect();
        let near = nearest(&refuges, &rows);
        let ways = self.ways(&rows, &refuges, |row, refuge| match assigned[row] {
            Some(shelter) => refuges[refuge].id == shelter,
            None => near.contains(&refuge),
        });
        for (n, row) in rows.iter_mut().enumerate() {
            let reached = ways.of[n].iter().enumerate().filter_map(|(at, way)| Some((at, (*way)?)));
            if let Some((at, way)) = reached.min_by(|a, b| a.1.time_s.total_cmp(&b.1.time_s)) {
                row.shelter_id = row.shelter_id.or(Some(refuges[at].id));
                row.travel_s = Some(way.time_s.round() as i64);
                row.profile = way.profile.map(Profile::as_str);
            }
            row.is_cut_off = ways.is_cut_off[n];
        }
        in_order(&mut rows);
        let time_to_clear = self.time_to_clear(view, zone, &rows);
        let left_out = rows.len().saturating_sub(EVACUEES_MAX);
        rows.truncate(EVACUEES_MAX);
        for row in &rows {
            // What is listed is read.
            if let Some(shown) = view.item(Collection::Households, row.id) {
                let _ = shown.members().count();
            }
        }
        let roads_id = self.roads().map(|roads| roads.roads.id.clone());
        Ok(Evacuees { as_of: view.now(), seq: view.seq(), roads_id, time_to_clear, households: rows, left_out })
    }

    /// By the rate of the last hour, else by the longest way.
    fn time_to_clear(&self, view: &View, zone: Uuid, rows: &[Evacuee]) -> TimeToClear {
        let inside = view.inside();
        let Some(known) = inside.zones.iter().find(|known| known.zone.id() == zone) else {
            return by_rate(0, 0, false);
        };
        let is_exact = known.whole_communes.is_empty();
        let by_rate = by_rate(known.figures.people_inside(), known.figures.out_lately, is_exact);
        if by_rate.minutes.is_some() || !is_exact {
            return by_rate;
        }
        let left: Vec<Option<i64>> = rows.iter().filter(|row| row.still_inside > 0).map(|row| row.travel_s).collect();
        // Of whom no way is known it is not known either.
        let longest = left.iter().copied().collect::<Option<Vec<i64>>>().and_then(|ways| ways.into_iter().max());
        match longest {
            Some(longest) => TimeToClear { minutes: Some((longest + 59) / 60), basis: Some("travel_times"), ..by_rate },
            None => by_rate,
        }
    }

    /// The ways of these households to these shelters, where `is_asked` says so.
    pub(super) fn ways(&self, rows: &[Evacuee], refuges: &[Refuge], is_asked: impl Fn(usize, usize) -> bool) -> Ways {
        let mut ways = Ways { of: vec![vec![None; refuges.len()]; rows.len()], is_cut_off: vec![false; rows.len()] };
        let Some(in_force) = self.roads() else {
            for (n, row) in rows.iter().enumerate() {
                for (at, refuge) in refuges.iter().enumerate().filter(|(at, _)| is_asked(n, *at)) {
                    let metres = distance_m(row.position[0], row.position[1], refuge.lon, refuge.lat);
                    ways.of[n][at] = Some(Way { time_s: metres / STRAIGHT_MPS, profile: None });
                }
            }
            return ways;
        };
        let mut snaps = self.snaps.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let of_rows: Vec<_> = rows.iter().map(|row| snaps.of(&in_force, row.position[0], row.position[1])).collect();
        let of_refuges: Vec<_> = refuges.iter().map(|refuge| snaps.of(&in_force, refuge.lon, refuge.lat)).collect();
        drop(snaps);
        for profile in PROFILES {
            let ground = in_force.roads.ground(&in_force.laid.overlay, profile);
            for (at, to) in of_refuges.iter().enumerate().filter_map(|(at, to)| Some((at, to[profile.index()]?))) {
                // What a better way of travelling has reached need not be asked again.
                let wants = |n: usize| is_asked(n, at) && ways.of[n][at].is_none();
                let from: Vec<Option<Snap>> =
                    of_rows.iter().enumerate().map(|(n, from)| from[profile.index()].filter(|_| wants(n))).collect();
                if from.iter().all(Option::is_none) {
                    continue;
                }
                let reached =
                    self.roads_handle().search(|workspace| many_to_one(&ground, &from, &to, u32::MAX, workspace));
                for (n, reached) in reached.into_iter().enumerate() {
                    if let (Some(reached), Some(start)) = (reached, from[n]) {
                        // Before and after the road they walk; whoever lives nearer than the road goes straight there.
                        let off_road_s = (start.snap_m + to.snap_m) / STRAIGHT_MPS;
                        let [lon, lat] = rows[n].position;
                        let straight_s = distance_m(lon, lat, refuges[at].lon, refuges[at].lat) / STRAIGHT_MPS;
                        let time_s = (reached.time_s() + off_road_s).min(straight_s);
                        ways.of[n][at] = Some(Way { time_s, profile: Some(profile) });
                    }
                }
            }
        }
        ways.is_cut_off = cut_off(&in_force, &of_rows, &of_refuges, &is_asked);
        ways
    }
}

/// Straight pace where no network is loaded, metres a second: a loaded person on mountain paths.
const STRAIGHT_MPS: f64 = 0.8;

type Snapped = [Option<Snap>; Profile::ALL.len()];

/// Whom the closures in force leave no vehicle's way to any shelter, though there would be one.
fn cut_off(
    in_force: &InForce,
    rows: &[Snapped],
    refuges: &[Snapped],
    is_asked: &impl Fn(usize, usize) -> bool,
) -> Vec<bool> {
    let mut is_cut_off = vec![false; rows.len()];
    if in_force.laid.overlay.is_empty() {
        return is_cut_off;
    }
    let nothing = Overlay::default();
    let asked: Vec<usize> = (0..refuges.len()).filter(|at| (0..rows.len()).any(|n| is_asked(n, *at))).collect();
    let mut is_open = vec![false; rows.len()];
    for profile in [Profile::Car, Profile::Motorbike] {
        let ends: Vec<Snap> = asked.iter().filter_map(|at| refuges[*at][profile.index()]).collect();
        if ends.is_empty() {
            continue;
        }
        let from: Vec<Option<Snap>> = rows.iter().map(|snaps| snaps[profile.index()]).collect();
        let before = ways_out(&in_force.roads.ground(&nothing, profile), &from, &ends);
        let now = ways_out(&in_force.roads.ground(&in_force.laid.overlay, profile), &from, &ends);
        for n in 0..rows.len() {
            is_open[n] |= now[n] == WayOut::Open;
            is_cut_off[n] |= before[n] == WayOut::Open && now[n] == WayOut::CutOff;
        }
    }
    is_cut_off.iter().zip(is_open).map(|(lost, open)| *lost && !open).collect()
}

/// # Errors
/// `not_found`, `forbidden_transition`.
pub(super) fn check_in_force(view: &View, zone: Uuid) -> Result<(), Problem> {
    if is_in_force(view, zone) {
        return Ok(());
    }
    let Some(known) = view.item(Collection::RiskZones, zone) else {
        let (vi, en) = (format!("không có khu vực {zone}"), format!("there is no zone {zone}"));
        return Err(Problem::new(Code::NotFound, vi, en));
    };
    let state = known.text("state").unwrap_or_default().into_owned();
    Err(Problem::new(Code::ForbiddenTransition, "khu vực chưa hoặc không còn hiệu lực", "the zone is not in force")
        .with("state", state)
        .with("allowed", serde_json::json!([])))
}

/// Shelters that are open, or of which nobody says that they are not. Those whose place is not known lead nowhere.
pub(super) fn refuges(view: &View) -> Vec<Refuge> {
    let open = view.all(Collection::Shelters).filter(|shelter| shelter.raw("is_open") != Some("false"));
    let refuge = |shelter: Shown<'_>| {
        let Some(Geometry::Point(point)) = shelter.geometry() else { return None };
        Some(Refuge {
            id: shelter.id(),
            name: shelter.text("name").unwrap_or_default().into_owned(),
            lon: point.x(),
            lat: point.y(),
            capacity: shelter.number("capacity").unwrap_or_default() as i64,
            occupied: shelter.number("occupied").unwrap_or_default() as i64,
        })
    };
    open.filter_map(refuge).collect()
}

/// The shelters nearest to the middle of some households, by their places in the list.
pub(super) fn nearest(refuges: &[Refuge], rows: &[Evacuee]) -> Vec<usize> {
    let count = rows.len().max(1) as f64;
    let lon = rows.iter().map(|row| row.position[0]).sum::<f64>() / count;
    let lat = rows.iter().map(|row| row.position[1]).sum::<f64>() / count;
    let mut near: Vec<(usize, f64)> =
        refuges.iter().enumerate().map(|(at, to)| (at, distance_m(lon, lat, to.lon, to.lat))).collect();
    near.sort_by(|a, b| a.1.total_cmp(&b.1));
    near.into_iter().take(SHELTERS_LOOKED_AT).map(|(at, _)| at).collect()
}

/// The order to move; whoever has nobody inside comes last.
pub(super) fn in_order(rows: &mut [Evacuee]) {
    rows.sort_by_key(|row| {
        let way = row.travel_s.unwrap_or(i64::MAX);
        (row.still_inside == 0, row.group, row.is_cut_off, way, row.id)
    });
}

/// A household as it stands in the list; `None` where its place is not known.
pub(super) fn evacuee(shown: &Shown<'_>) -> Option<Evacuee> {
    let Some(Geometry::Point(point)) = shown.geometry() else { return None };
    let text = |name: &str| shown.text(name).map(std::borrow::Cow::into_owned);
    let count = |name: &str| shown.number(name).unwrap_or_default() as i64;
    let state = text("state").and_then(|state| State::parse(&state)).unwrap_or(State::Registered);
    let members = count("member_count");
    let parts: Option<Vec<Part>> = shown.raw("parts").and_then(|parts| serde_json::from_str(parts).ok());
    let still_inside = match parts {
        Some(parts) => members - parts.iter().filter(|p| !p.state.is_inside()).map(|p| p.people).sum::<i64>(),
        None if state.is_inside() => members,
        None => 0,
    };
    let has = |name: &str| shown.raw(name) == Some("true") || count(name) > 0;
    let alone = ["needs_carry", "needs_oxygen", "gravely_ill"];
    let help = ["disabled", "pregnant_or_nursing", "elderly", "children"];
    let needs: Vec<&'static str> = alone.into_iter().chain(help).filter(|name| has(name)).collect();
    let group = match &needs {
        needs if needs.iter().any(|need| alone.contains(need)) => 0,
        needs if !needs.is_empty() => 1,
        _ => 2,
    };
    let assigned = text("shelter_id").and_then(|id| Uuid::parse_str(&id).ok());
    Some(Evacuee {
        id: shown.id(),
        code: text("code"),
        hamlet: text("hamlet"),
        admin_unit: text("admin_unit"),
        position: [point.x(), point.y()],
        members,
        still_inside: still_inside.clamp(0, members),
        state: state.as_str(),
        state_at: text("state_at").and_then(|at| Timestamp::parse(&at).ok()),
        group,
        needs,
        shelter_id: assigned,
        is_assigned: assigned.is_some(),
        travel_s: None,
        profile: None,
        is_cut_off: false,
        next_visit_at: next_visit(shown),
        has_discrepancy: shown.raw("discrepancy").is_some(),
    })
}

/// When somebody comes again to whom refused, by the newest report of it.
fn next_visit(shown: &Shown<'_>) -> Option<String> {
    let Some(Value::Array(reports)) = shown.property("reports") else { return None };
    let visits = reports.iter().filter(|report| report["withdrawn"].is_null());
    let newest = visits.filter(|r| r["evidence"]["next_visit_at"].is_string()).max_by_key(|r| r["at"].as_str())?;
    newest["evidence"]["next_visit_at"].as_str().map(str::to_owned)
}
