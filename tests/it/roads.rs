//! Travel times over roads: held against a plain reference, under closures, one-ways, turn rules and boats.

use std::path::Path;

use proptest::prelude::*;
use trucban::roads::import::{Dem, FORD, import, shipped};
use trucban::roads::reach::{many_to_one, one_to_many, table};
use trucban::roads::route::route;
use trucban::roads::snap::SNAP_MAX_M;
use trucban::roads::{Effect, Graph, Overlay, Profile, Profiles, Snap, SnapIndex, Workspace};

use crate::roads_peer::{Question, ask_peer, positions};
use crate::roads_support::{Extract, Reference, folder, ground, mountains, places};

const NO_LIMIT: u32 = u32::MAX;

/// Compares so many random pairs of each profile with the reference.
fn compare_with_the_reference(graph: &Graph, pairs: usize) {
    let overlay = Overlay::default();
    for profile in Profile::ALL {
        let ground = ground(graph, &overlay, profile);
        let mut workspace = Workspace::new();
        let sources = places(graph, profile, 20, 1);
        let targets = places(graph, profile, pairs / sources.len(), 2);
        let awaited: Vec<Option<Snap>> = targets.iter().copied().map(Some).collect();
        for source in &sources {
            let reference = Reference::new(&ground, source);
            let found = one_to_many(&ground, source, &awaited, NO_LIMIT, &mut workspace);
            for (target, found) in targets.iter().zip(found) {
                let found = found.map(|reached| u64::from(reached.time_ms));
                assert_eq!(found, reference.time_ms(&ground, target), "{profile:?} {source:?} {target:?}");
            }
        }
    }
}

#[test]
fn times_on_the_shipped_network_are_those_of_a_plain_dijkstra() {
    let (graph, report) = shipped();
    compare_with_the_reference(&graph, 1_000);
    // One network, as the builder of the shipped data checks: nobody on wheels or on foot is on an island.
    assert!(report.islands.iter().all(|islands| islands.part_count == 0), "{:?}", report.islands);
    assert!(report.dropped.is_empty(), "{:?}", report.dropped);
    assert!(graph.extent().is_some_and(|[west, _, east, _]| west > 102.0 && east < 104.5), "{:?}", graph.extent());
}

#[test]
fn times_in_real_mountains_are_those_of_a_plain_dijkstra() {
    let Some((roads, dem)) = mountains() else { return };
    let (graph, report) = import(&roads, &dem, &mut |_| {}).unwrap();
    println!("{report:#?}");
    println!("{} nodes, {} arcs, {} bytes", graph.node_count(), graph.arcs().len(), graph.bytes());
    assert!(report.with_elevation_km / report.length_km > 0.99, "the tile covers Andorra");
    compare_with_the_reference(&graph, 1_000);
}

/// Pairs asked of the other engine.
const PEER_PAIRS: usize = 1_000;

#[test]
fn nearly_all_times_in_real_mountains_are_those_of_another_engine_with_the_same_speeds() {
    let Some((roads, _)) = mountains() else { return };
    // Level, as the other engine knows no slopes.
    let (graph, _) = import(&roads, &Dem::default(), &mut |_| {}).unwrap();
    for profile in Profile::ALL {
        compare_with_the_peer(&roads, &graph, profile);
    }
}

/// Prints the ten pairs that are farthest apart. Known reasons: the other engine rounds to tenths of a second, knows no
/// fords (ours take half a minute each) and puts a place on a crossing onto every street there, where ours lies on one
/// of them: on the end of a one-way street it is reached through all of that street.
fn compare_with_the_peer(extract: &Path, graph: &Graph, profile: Profile) {
    let from = places(graph, profile, PEER_PAIRS, 11);
    let to = places(graph, profile, PEER_PAIRS, 12);
    let pairs: Vec<[[f64; 2]; 2]> = from.iter().zip(&to).map(|(from, to)| [from.position, to.position]).collect();
    let question = Question { pairs: &pairs, sources: &positions(&from[..1]), targets: &positions(&to[..1]) };
    let folder = folder(&format!("peer-{}", profile.as_str()));
    let Some(peer) = ask_peer(&folder, extract, profile, &question) else { return };

    println!("one cell of a table there: {:.2} ms contracted, {:.2} ms not", peer.table_ch_ms, peer.table_mld_ms);

    let overlay = Overlay::default();
    let ground = ground(graph, &overlay, profile);
    let mut workspace = Workspace::new();
    let mut gaps: Vec<(f64, f64, f64, [[f64; 2]; 2])> = Vec::new();
    for ((from, to), (theirs_s, pair)) in from.iter().zip(&to).zip(peer.pairs_s.iter().zip(&pairs)) {
        let ours_s = one_to_many(&ground, from, &[Some(*to)], NO_LIMIT, &mut workspace)[0].expect("a way").time_s();
        // No way at all is as far apart as times can be.
        let gap = theirs_s.map_or(f64::INFINITY, |theirs_s| (ours_s - theirs_s).abs() / theirs_s.max(0.1));
        gaps.push((gap, ours_s, theirs_s.unwrap_or(f64::NAN), *pair));
    }
    let index = SnapIndex::new(graph);
    gaps.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (gap, ours_s, theirs_s, pair) in &gaps[..10] {
        let [from, to] = pair.map(|[lon, lat]| index.snap(graph, lon, lat, profile).expect("on a road"));
        let way = route(&ground, &from, &to, NO_LIMIT, &mut workspace).expect("a way");
        let fords = way.segments.iter().filter(|n| graph.segments()[**n as usize].flags & FORD != 0).count();
        let percent = gap * 100.0;
        println!("{percent:.1} %: ours {ours_s:.1} s over {fords} fords, theirs {theirs_s:.1} s, {pair:?}");
    }
    let near = gaps.iter().filter(|(gap, ..)| *gap <= 0.05).count();
    let half = gaps[PEER_PAIRS / 2].0 * 100.0;
    println!("{}: {near} of {PEER_PAIRS} pairs within 5 %, half within {half:.2} %", profile.as_str());
    assert!(near * 100 >= PEER_PAIRS * 95, "{profile:?}: {near} of {PEER_PAIRS}");
}

#[test]
fn a_table_is_the_same_row_by_row_column_by_column_and_as_routes() {
    let (graph, _) = shipped();
    let overlay = Overlay::default();
    let mut workspace = Workspace::new();
    for profile in Profile::ALL {
        let ground = ground(&graph, &overlay, profile);
        let mut all: Vec<Option<Snap>> = places(&graph, profile, 30, 7).into_iter().map(Some).collect();
        all.push(None);
        let rows = table(&ground, &all, &all, &mut workspace);
        for (column, target) in all.iter().enumerate() {
            let Some(target) = target else {
                assert!(rows.iter().all(|row| row[column].is_none()));
                continue;
            };
            let found = many_to_one(&ground, &all, target, NO_LIMIT, &mut workspace);
            for (row, back) in rows.iter().zip(&found) {
                let (there, back) = (row[column], *back);
                assert_eq!(there.map(|reached| reached.time_ms), back.map(|reached| reached.time_ms));
                let metres = |reached: Option<trucban::roads::reach::Reached>| reached.map_or(0.0, |r| r.distance_m);
                assert!((metres(there) - metres(back)).abs() < 0.01, "{there:?} {back:?}");
            }
        }
        for (row, target) in
            rows[0].iter().zip(&all).filter_map(|(row, target)| Some((row.as_ref()?, target.as_ref()?)))
        {
            let way = route(&ground, &all[0].unwrap(), target, NO_LIMIT, &mut workspace).expect("a way");
            assert_eq!(way.time_ms, row.time_ms);
            let legs_ms: u32 = way.legs.iter().map(|leg| leg.time_ms).sum();
            let legs_m: f64 = way.legs.iter().map(|leg| leg.distance_m).sum();
            assert!(legs_ms.abs_diff(way.time_ms) <= 2, "{legs_ms} {}", way.time_ms);
            assert!((legs_m - way.distance_m).abs() < 0.01, "{legs_m} {}", way.distance_m);
            let drawn_m: f64 = way
                .shape
                .windows(2)
                .map(|pair| trucban::geometry::measure::distance_m(pair[0][0], pair[0][1], pair[1][0], pair[1][1]))
                .sum();
            assert!((drawn_m - way.distance_m).abs() < 0.5, "{drawn_m} {}", way.distance_m);
        }
    }
}

#[test]
fn a_limit_leaves_out_what_lies_beyond() {
    let (graph, _) = shipped();
    let overlay = Overlay::default();
    let ground = ground(&graph, &overlay, Profile::Car);
    let mut workspace = Workspace::new();
    let all = places(&graph, Profile::Car, 60, 3);
    let to: Vec<Option<Snap>> = all.iter().copied().map(Some).collect();
    let free = one_to_many(&ground, &all[0], &to, NO_LIMIT, &mut workspace);
    let limit_ms = 3_600_000;
    let bounded = one_to_many(&ground, &all[0], &to, limit_ms, &mut workspace);
    assert!(free.iter().any(|r| r.unwrap().time_ms > limit_ms) && free.iter().any(|r| r.unwrap().time_ms <= limit_ms));
    let expected: Vec<_> = free.iter().map(|reached| reached.filter(|reached| reached.time_ms <= limit_ms)).collect();
    assert_eq!(bounded, expected);
}

/// A road of 10 km from west to east, one segment.
fn one_road() -> (Graph, SnapIndex) {
    let mut extract = Extract::new();
    for (id, lon) in (1..=11).zip(0..) {
        extract.node(id, 103.0 + f64::from(lon) / 100.0, 22.0, &[]);
    }
    extract.way(1, &(1..=11).collect::<Vec<_>>(), &[("highway", "secondary"), ("ref", "ĐT127")]);
    let (graph, _) = extract.import("one-road");
    let index = SnapIndex::new(&graph);
    (graph, index)
}

fn minutes(graph: &Graph, effects: &[Effect], profile: Profile, from: &Snap, to: &Snap) -> Option<f64> {
    let overlay = Overlay::new(graph, effects);
    let ground = ground(graph, &overlay, profile);
    let found = one_to_many(&ground, from, &[Some(*to)], NO_LIMIT, &mut Workspace::new());
    found[0].map(|reached| reached.time_s() / 60.0)
}

#[test]
fn a_slide_cuts_a_road_at_one_place_and_leaves_both_of_its_ends() {
    let (graph, index) = one_road();
    let at = |lon: f64| index.snap(&graph, lon, 22.0, Profile::Car).unwrap();
    let (west, near, far, east) = (at(103.01), at(103.03), at(103.07), at(103.09));
    let slide = at(103.05);
    let closure = Effect {
        segment: slide.segment,
        from_m: slide.along_m,
        to_m: slide.along_m,
        profiles: Profiles::MOTOR.with(Profile::Motorbike, false),
        factor: 0.0,
    };
    let by = |profile, from, to| minutes(&graph, &[closure], profile, from, to);
    for (from, to) in [(&west, &near), (&near, &west), (&far, &east), (&east, &far)] {
        assert_eq!(by(Profile::Car, from, to), minutes(&graph, &[], Profile::Car, from, to));
    }
    for (from, to) in [(&west, &east), (&east, &west), (&near, &far), (&far, &near)] {
        assert_eq!(by(Profile::Car, from, to), None, "nobody drives over the slide");
        assert_eq!(by(Profile::Truck, from, to), None);
        assert!(by(Profile::Motorbike, from, to).is_some(), "motorbikes still pass");
        assert!(by(Profile::Foot, from, to).is_some());
        assert!(minutes(&graph, &[], Profile::Car, from, to).is_some(), "opening it restores all");
    }
}

#[test]
fn a_slow_stretch_slows_its_own_metres_and_the_slowest_of_several_holds() {
    let (graph, index) = one_road();
    let at = |lon: f64| index.snap(&graph, lon, 22.0, Profile::Car).unwrap();
    let (from, to) = (at(103.0), at(103.1));
    let half =
        |factor: f64, from_m: f64, to_m: f64| Effect { segment: 0, from_m, to_m, profiles: Profiles::ALL, factor };
    let length_m = f64::from(graph.segments()[0].length_m);
    let plain = minutes(&graph, &[], Profile::Car, &from, &to).unwrap();
    let rain = minutes(&graph, &[half(0.5, 0.0, length_m / 2.0)], Profile::Car, &from, &to).unwrap();
    assert!((rain / plain - 1.5).abs() < 1e-4, "{rain} {plain}");
    let night_too = [half(0.5, 0.0, length_m / 2.0), half(0.8, 0.0, length_m)];
    let both = minutes(&graph, &night_too, Profile::Car, &from, &to).unwrap();
    assert!((both / plain - (0.5 / 0.5 + 0.5 / 0.8)).abs() < 1e-4, "{both} {plain}");
    // A factor that would make anybody faster, and numbers that are none, hold nothing.
    for odd in [half(2.0, 0.0, 100.0), half(f64::NAN, 0.0, 100.0), half(0.5, f64::NAN, 100.0), half(0.5, 9.0, 3.0)] {
        assert!(Overlay::new(&graph, &[odd]).is_empty(), "{odd:?}");
    }
    let elsewhere = Effect { segment: 99, ..half(0.0, 0.0, 1.0) };
    assert!(Overlay::new(&graph, &[elsewhere]).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn one_more_closure_never_makes_a_way_shorter(
        effects in prop::collection::vec((0_u32..200, 0.0..1.0_f64, 0.0..1.0_f64, 0_u8..16, 0.0..1.2_f64), 1..30),
        seed in 0_u64..1_000,
        profile in 0_usize..4,
    ) {
        let (graph, _) = shipped();
        let profile = Profile::ALL[profile];
        let effects: Vec<Effect> = effects.into_iter().map(|(segment, a, b, profiles, factor)| {
            let segment = segment % graph.segments().len() as u32;
            let length_m = f64::from(graph.segments()[segment as usize].length_m);
            let factor = if factor < 0.4 { 0.0 } else { factor };
            Effect { segment, from_m: a.min(b) * length_m, to_m: a.max(b) * length_m, profiles: Profiles(profiles), factor }
        }).collect();
        let to: Vec<Option<Snap>> = places(&graph, profile, 25, seed).into_iter().map(Some).collect();
        let from = places(&graph, profile, 1, seed + 1)[0];
        let mut workspace = Workspace::new();
        let mut times = |effects: &[Effect]| {
            let overlay = Overlay::new(&graph, effects);
            one_to_many(&ground(&graph, &overlay, profile), &from, &to, NO_LIMIT, &mut workspace)
        };
        let before = times(&effects[1..]);
        let after = times(&effects);
        for (before, after) in before.iter().zip(&after) {
            let ms = |reached: &Option<trucban::roads::reach::Reached>| reached.map_or(u32::MAX, |r| r.time_ms);
            prop_assert!(ms(after) >= ms(before), "{before:?} {after:?}");
        }
    }
}

#[test]
fn a_position_snaps_to_the_nearest_road_within_two_kilometres() {
    let (graph, index) = one_road();
    let near = index.snap(&graph, 103.043, 22.01, Profile::Car).unwrap();
    assert!((near.position[0] - 103.043).abs() < 1e-6 && (near.position[1] - 22.0).abs() < 1e-6, "{near:?}");
    assert!((near.snap_m - 1_107.5).abs() < 2.0, "{near:?}");
    assert!((near.along_m / f64::from(graph.segments()[0].length_m) - 0.43).abs() < 1e-6, "{near:?}");
    let edge = index.snap(&graph, 103.05, 22.018, Profile::Car).unwrap();
    assert!(edge.snap_m < SNAP_MAX_M);
    assert_eq!(index.snap(&graph, 103.05, 22.0182, Profile::Car), None, "2,016 m away");
    assert_eq!(index.snap(&graph, 0.0, 0.0, Profile::Car), None);
}
