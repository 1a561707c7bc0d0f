//! How units get to a place: by road under the closures in force, on foot, or by straight line where no road is known.

use geo_types::{Coord, Geometry};

use super::Desk;
use crate::domain::recommend::{EtaBasis, Standing, Travel, UnitFacts, travels_by};
use crate::geometry::measure::{PreparedArea, distance_m};
use crate::roads::reach::{Reached, many_to_one};
use crate::roads::route::route;
use crate::roads::{InForce, Profile, Snap};

/// Pace beside roads and trails, metres a second: Tobler's on the level, 0.6 of it off the trail (DOMAIN.md 2.3). The
/// terrain between a place and its road is not known.
const OFF_TRAIL_MPS: f64 = 5.036_742 * 0.6 / 3.6;
/// How much longer a way on foot through the mountains is than the straight line.
const FOOT_DETOUR: f64 = 1.5;
/// Farther than this nobody is sent on foot, metres, straight line.
const FOOT_MAX_M: f64 = 10_000.0;
/// Ways of the nearest units that are held against the zones; of those behind them it is not known.
const WAYS_LOOKED_AT: usize = 12;

/// A place and the roads near it, by profile.
struct Place<'a> {
    in_force: &'a InForce,
    lon: f64,
    lat: f64,
}

impl Place<'_> {
    fn snap(&self, profile: Profile) -> Option<Snap> {
        self.in_force.roads.snap(self.lon, self.lat, profile)
    }
}

impl Desk {
    /// Fills in how each unit gets to `to`. Pure but for the searches' memory; `warned` are the zones of level 2 or more.
    pub(super) fn travels(&self, to: [f64; 2], units: &mut [UnitFacts], warned: &[PreparedArea]) {
        let in_force = self.roads();
        let by_road = in_force.as_ref().map(|in_force| Towards::new(self, in_force, to, units));
        for (n, unit) in units.iter_mut().enumerate() {
            let Some(place) = &mut unit.place else { continue };
            place.travel = match &by_road {
                Some(towards) => towards.travel(n, place),
                None => Some(straight()),
            };
        }
        if let (Some(towards), false) = (&by_road, warned.is_empty()) {
            towards.look_at_zones(units, warned);
        }
    }
}

/// The best way of each unit to one place.
struct Towards<'a> {
    desk: &'a Desk,
    place: Place<'a>,
    /// By unit: profile, where it enters the road, how it gets there; the quickest of its profiles.
    ways: Vec<Option<(Profile, Snap, Reached)>>,
    /// Whether some profile of the unit has a road at both ends.
    has_roads: Vec<bool>,
    /// Whether some road leads to the place.
    is_by_road: bool,
}

impl<'a> Towards<'a> {
    fn new(desk: &'a Desk, in_force: &'a InForce, [lon, lat]: [f64; 2], units: &[UnitFacts]) -> Self {
        let place = Place { in_force, lon, lat };
        let mut towards =
            Self { desk, place, ways: vec![None; units.len()], has_roads: vec![false; units.len()], is_by_road: false };
        let profiles: Vec<Vec<Profile>> = units.iter().map(profiles_of).collect();
        for profile in Profile::ALL {
            let Some(to) = towards.place.snap(profile) else { continue };
            towards.is_by_road = true;
            let from: Vec<Option<Snap>> = units
                .iter()
                .zip(&profiles)
                .map(|(unit, of_unit)| {
                    let at = &unit.place.as_ref().filter(|_| of_unit.contains(&profile))?.position;
                    in_force.roads.snap(at.lon, at.lat, profile)
                })
                .collect();
            if from.iter().all(Option::is_none) {
                continue;
            }
            let ground = in_force.roads.ground(&in_force.laid.overlay, profile);
            let reached = desk.roads_handle().search(|workspace| many_to_one(&ground, &from, &to, u32::MAX, workspace));
            for (n, (from, reached)) in from.into_iter().zip(reached).enumerate() {
                let Some(from) = from else { continue };
                towards.has_roads[n] = true;
                let Some(reached) = reached else { continue };
                let is_better = towards.ways[n].as_ref().is_none_or(|(_, snap, best)| {
                    total_s(reached.time_s(), &from, &to) < total_s(best.time_s(), snap, &to)
                });
                if is_better {
                    towards.ways[n] = Some((profile, from, reached));
                }
            }
        }
        towards
    }

    /// By road, or on foot where that is quicker; `None` where the closures leave no way.
    fn travel(&self, unit: usize, standing: &Standing) -> Option<Travel> {
        let by_road = self.ways[unit].as_ref().and_then(|(profile, from, reached)| {
            let to = self.place.snap(*profile)?;
            Some(Travel {
                basis: EtaBasis::RoadGraph,
                profile: Some(profile.as_str().to_owned()),
                duration_s: total_s(reached.time_s(), from, &to),
                road_m: reached.distance_m,
                foot_m: from.snap_m + to.snap_m,
                danger_s: None,
            })
        });
        let on_foot = (standing.distance_m <= FOOT_MAX_M).then(|| Travel {
            basis: EtaBasis::Foot,
            profile: Some(Profile::Foot.as_str().to_owned()),
            duration_s: standing.distance_m * FOOT_DETOUR / OFF_TRAIL_MPS,
            road_m: 0.0,
            foot_m: standing.distance_m * FOOT_DETOUR,
            danger_s: None,
        });
        match (by_road, on_foot) {
            (Some(road), Some(foot)) if foot.duration_s < road.duration_s => Some(foot),
            (Some(road), _) => Some(road),
            (None, Some(foot)) if !self.has_roads[unit] && self.is_by_road => Some(foot),
            // Whoever left the roads walks; how one gets to a place without roads is not known.
            (None, _) if !self.has_roads[unit] => {
                let profile = self.is_by_road.then(|| Profile::Foot.as_str().to_owned());
                Some(Travel { profile, ..straight() })
            }
            (None, foot) => foot,
        }
    }

    /// How long the ways of the nearest units lie in the zones.
    fn look_at_zones(&self, units: &mut [UnitFacts], warned: &[PreparedArea]) {
        let duration_s = |unit: &UnitFacts| {
            let travel = unit.place.as_ref()?.travel.as_ref().filter(|travel| travel.basis == EtaBasis::RoadGraph)?;
            Some(travel.duration_s)
        };
        let mut nearest: Vec<(usize, f64)> =
            units.iter().enumerate().filter_map(|(n, unit)| Some((n, duration_s(unit)?))).collect();
        nearest.sort_by(|a, b| a.1.total_cmp(&b.1));
        for (n, _) in nearest.into_iter().take(WAYS_LOOKED_AT) {
            let Some((profile, from, _)) = &self.ways[n] else { continue };
            let Some(to) = self.place.snap(*profile) else { continue };
            let in_force = self.place.in_force;
            let ground = in_force.roads.ground(&in_force.laid.overlay, *profile);
            let way = self.desk.roads_handle().search(|workspace| route(&ground, from, &to, u32::MAX, workspace));
            let travel = units[n].place.as_mut().and_then(|place| place.travel.as_mut());
            if let (Some(way), Some(travel)) = (way, travel) {
                let share = share_inside(&way.shape, warned);
                travel.danger_s = Some(f64::from(way.time_ms) / 1_000.0 * share);
            }
        }
    }
}

/// Seconds by road, and on foot between the road and both places.
fn total_s(road_s: f64, from: &Snap, to: &Snap) -> f64 {
    road_s + (from.snap_m + to.snap_m) / OFF_TRAIL_MPS
}

fn straight() -> Travel {
    Travel { basis: EtaBasis::StraightLine, profile: None, duration_s: 0.0, road_m: 0.0, foot_m: 0.0, danger_s: None }
}

fn profiles_of(unit: &UnitFacts) -> Vec<Profile> {
    travels_by(&unit.kind, &unit.capabilities).into_iter().filter_map(Profile::from_word).collect()
}

/// The share of a way that lies in some area.
fn share_inside(shape: &[[f64; 2]], areas: &[PreparedArea]) -> f64 {
    let (mut inside_m, mut all_m) = (0.0, 0.0);
    for pair in shape.windows(2) {
        let ([a, b], metres) = ([pair[0], pair[1]], distance_m(pair[0][0], pair[0][1], pair[1][0], pair[1][1]));
        let (from, to) = (Coord::from(a), Coord::from(b));
        let share = areas.iter().map(|area| area.stretches_inside(from, to).iter().map(|s| s[1] - s[0]).sum::<f64>());
        inside_m += share.fold(0.0, f64::max) * metres;
        all_m += metres;
    }
    if all_m > 0.0 { (inside_m / all_m).min(1.0) } else { 0.0 }
}

/// An area that is asked whether ways lie in it; `None` for what is no area.
pub(super) fn prepared(geometry: &Geometry) -> Option<PreparedArea> {
    matches!(geometry, Geometry::Polygon(_) | Geometry::MultiPolygon(_)).then(|| PreparedArea::new(geometry))
}
