//! Slopes of a piece of road from the ground under it, and the time that each profile needs for them.

use super::dem::Dem;
use super::tags::{BRIDGE, FORD, TUNNEL, Traits};
use crate::geometry::measure::distance_m;
use crate::roads::graph::{ARC_MS_MAX, CLOSED, Spot};
use crate::roads::profile::{Class, FERRY_WAIT_S, FORD_S, PROFILES, Profile, Profiles, level_kmh, slope_share};

/// Slope is taken over pieces of this length: the grids are 30–90 m wide, and over less their noise is the slope.
const PIECE_M: f64 = 100.0;
/// A road is no steeper than this; what the grid says beyond is a cut, a wall or a fault.
const GRADE_MAX: f64 = 0.35;
/// Ups and downs below this are noise of the grid and count as no climb, metres.
const CLIMB_NOISE_M: f64 = 5.0;

/// The run of a piece of road: lengths and grades in the direction of drawing, and what is climbed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    pub length_m: f64,
    /// `(length_m, grade)` of its pieces.
    pub pieces: Vec<(f64, f64)>,
    /// Metres up in the direction of drawing, and against it.
    pub climb_m: [f64; 2],
    /// Whether the ground is known under all of it; without that it counts as level.
    pub is_known: bool,
}

/// Measures a shape over the ground. Bridges, tunnels and boats are straight between their ends.
pub fn run_of(shape: &[Spot], traits: &Traits, dem: &Dem) -> Run {
    let corners: Vec<[f64; 2]> = shape.iter().map(|spot| spot.degrees()).collect();
    let mut at_m = vec![0.0];
    for pair in corners.windows(2) {
        at_m.push(at_m[at_m.len() - 1] + distance_m(pair[0][0], pair[0][1], pair[1][0], pair[1][1]));
    }
    let length_m = at_m[at_m.len() - 1];
    let count = (length_m / PIECE_M).round().max(1.0) as usize;
    let heights = heights(&corners, &at_m, count, dem);
    let Some(mut heights) = heights.filter(|_| traits.class != Class::Ferry) else {
        return Run { length_m, pieces: vec![(length_m, 0.0)], ..Run::default() };
    };
    if traits.flags & (BRIDGE | TUNNEL) != 0 {
        let (first, last) = (heights[0], heights[count]);
        heights = (0..=count).map(|n| first + (last - first) * n as f64 / count as f64).collect();
    }
    let piece_m = length_m / count as f64;
    let grade = |pair: &[f64]| ((pair[1] - pair[0]) / piece_m.max(PIECE_M)).clamp(-GRADE_MAX, GRADE_MAX);
    Run {
        length_m,
        pieces: heights.windows(2).map(|pair| (piece_m, grade(pair))).collect(),
        climb_m: climbs(&heights),
        is_known: true,
    }
}

/// Heights at the ends of `count` equal pieces; holes are bridged by what lies around, but not at the ends.
fn heights(corners: &[[f64; 2]], at_m: &[f64], count: usize, dem: &Dem) -> Option<Vec<f64>> {
    if dem.is_empty() {
        return None;
    }
    let length_m = at_m[at_m.len() - 1];
    let mut corner = 0;
    let mut known: Vec<(usize, f64)> = Vec::with_capacity(count + 1);
    for n in 0..=count {
        let here_m = length_m * n as f64 / count as f64;
        while corner + 2 < corners.len() && at_m[corner + 1] < here_m {
            corner += 1;
        }
        let span = at_m[corner + 1] - at_m[corner];
        let share = if span > 0.0 { ((here_m - at_m[corner]) / span).clamp(0.0, 1.0) } else { 0.0 };
        let [from, to] = [corners[corner], corners[corner + 1]];
        let spot = [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
        if let Some(height) = dem.elevation_m(spot[0], spot[1]) {
            known.push((n, height));
        }
    }
    if known.first()?.0 != 0 || known.last()?.0 != count {
        return None;
    }
    let mut heights = vec![known[0].1];
    for pair in known.windows(2) {
        let steps = pair[1].0 - pair[0].0;
        heights.extend((1..=steps).map(|n| pair[0].1 + (pair[1].1 - pair[0].1) * n as f64 / steps as f64));
    }
    Some(heights)
}

/// Metres up and metres down, turning points closer than the noise left out.
fn climbs(heights: &[f64]) -> [f64; 2] {
    let mut climb = [0.0; 2];
    let mut settled = heights[0];
    let last = heights.len() - 1;
    for (n, height) in heights.iter().enumerate() {
        let change = height - settled;
        if change.abs() >= CLIMB_NOISE_M || n == last {
            climb[usize::from(change < 0.0)] += change.abs();
            settled = *height;
        }
    }
    climb
}

/// Milliseconds of a run for each profile, in the direction of drawing or against it.
pub fn times_ms(run: &Run, traits: &Traits, allowed: Profiles, is_backward: bool) -> [u32; PROFILES] {
    Profile::ALL.map(|profile| {
        if !allowed.has(profile) {
            return CLOSED;
        }
        let open = traits.open[profile.index()];
        let Some(level) = level_kmh(profile, traits.class, traits.surface, open) else { return CLOSED };
        if traits.class == Class::Ferry {
            let sailing_s = traits.duration_s.map_or(run.length_m * 3.6 / f64::from(level), f64::from);
            return milliseconds(sailing_s + f64::from(FERRY_WAIT_S));
        }
        let limit = traits.maxspeed_kmh.filter(|_| profile != Profile::Foot).unwrap_or(f32::INFINITY);
        let moving_s: f64 = run
            .pieces
            .iter()
            .map(|(length_m, grade)| {
                let grade = if is_backward { -grade } else { *grade } as f32;
                let kmh = (level * slope_share(profile, grade)).min(limit);
                length_m * 3.6 / f64::from(kmh)
            })
            .sum();
        let ford_s = if traits.flags & FORD == 0 { 0.0 } else { FORD_S[profile.index()] };
        milliseconds(moving_s + f64::from(ford_s))
    })
}

/// At least one millisecond, so that no way costs nothing.
fn milliseconds(seconds: f64) -> u32 {
    ((seconds * 1000.0).round() as u32).clamp(1, ARC_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::super::tags::way_traits;
    use super::*;

    fn straight_east() -> Vec<Spot> {
        vec![Spot::new(103.1, 22.5), Spot::new(103.15, 22.5), Spot::new(103.2, 22.5)]
    }

    fn road(extra: &[(&str, &str)]) -> Traits {
        let tags: Vec<(&str, &str)> = [("highway", "secondary")].iter().chain(extra).copied().collect();
        way_traits(&tags[..]).expect("a road")
    }

    #[test]
    fn a_steady_rise_is_climbed_one_way_and_descended_the_other() {
        // 100 m up for each hundredth of a degree of longitude (1,029 m): a grade of 9.7 %.
        let dem = Dem::of_plane(103.0, 22.0, 1, |lon, _| ((lon - 103.0) * 10_000.0) as f32);
        let run = run_of(&straight_east(), &road(&[]), &dem);
        assert!(run.is_known);
        assert!((run.length_m - 10_291.0).abs() < 10.0, "{}", run.length_m);
        assert!((run.climb_m[0] - 1000.0).abs() < 1.0 && run.climb_m[1] == 0.0, "{:?}", run.climb_m);
        let up = times_ms(&run, &road(&[]), Profiles::ALL, false);
        let down = times_ms(&run, &road(&[]), Profiles::ALL, true);
        assert!(up.iter().zip(&down).all(|(up, down)| up > down), "{up:?} {down:?}");
        let by_hand = run.length_m * 3.6 / f64::from(crate::roads::profile::tobler_kmh(0.097_17)) * 1000.0;
        assert!((f64::from(up[Profile::Foot.index()]) / by_hand - 1.0).abs() < 0.002, "{up:?} {by_hand}");
    }

    #[test]
    fn a_hole_is_bridged_and_a_missing_end_makes_the_road_level() {
        let rise = |lon: f64| ((lon - 103.0) * 10_000.0) as f32;
        let hole = |lon: f64, _: f64| if (103.13..=103.16).contains(&lon) { f32::NAN } else { rise(lon) };
        let run = run_of(&straight_east(), &road(&[]), &Dem::of_plane(103.0, 22.0, 1, hole));
        assert!(run.is_known && (run.climb_m[0] - 1000.0).abs() < 1.0, "{:?}", run.climb_m);
        let cut = |lon: f64, _: f64| if lon > 103.18 { f32::NAN } else { rise(lon) };
        let run = run_of(&straight_east(), &road(&[]), &Dem::of_plane(103.0, 22.0, 1, cut));
        assert_eq!((run.is_known, run.climb_m, run.pieces.len()), (false, [0.0; 2], 1));
    }

    #[test]
    fn a_bridge_does_not_go_down_into_the_gorge() {
        let gorge = |lon: f64, _: f64| if (lon - 103.15).abs() < 0.02 { 300.0 } else { 800.0 };
        let dem = Dem::of_plane(103.0, 22.0, 1, gorge);
        assert!(run_of(&straight_east(), &road(&[]), &dem).climb_m[0] > 400.0);
        assert_eq!(run_of(&straight_east(), &road(&[("bridge", "yes")]), &dem).climb_m, [0.0; 2]);
    }

    #[test]
    fn noise_of_the_grid_is_no_climb() {
        assert_eq!(climbs(&[100.0, 103.0, 99.0, 102.0, 100.0]), [0.0, 0.0]);
        assert_eq!(climbs(&[100.0, 103.0, 106.0, 104.0, 112.0, 100.0]), [12.0, 12.0]);
    }

    #[test]
    fn fords_and_boats_cost_time_of_their_own() {
        let run = run_of(&straight_east(), &road(&[]), &Dem::default());
        let dry = times_ms(&run, &road(&[]), Profiles::ALL, false);
        let wet = times_ms(&run, &road(&[("ford", "yes")]), Profiles::ALL, false);
        assert_eq!(wet[0] - dry[0], 30_000);
        assert_eq!(wet[3] - dry[3], 60_000);
        let boat = way_traits(&[("route", "ferry"), ("duration", "00:10"), ("hgv", "no")][..]).expect("a ferry");
        assert_eq!(times_ms(&run, &boat, Profiles::ALL, false), [1_500_000, CLOSED, 1_500_000, 1_500_000]);
    }
}
