//! Closures laid over roads, and who is cut off by them.

use geo_types::{Geometry, line_string, point, polygon};
use trucban::roads::import::shipped;
use trucban::roads::reach::many_to_one;
use trucban::roads::{
    Closure, Laid, Overlay, Profile, Profiles, Roads, RoadsHandle, Snap, WayOut, Workspace, lay, ways_out,
};
use uuid::Uuid;

use crate::roads_support::{Extract, places};

/// A road of 10 km from west (103.0) to east (103.1) at 22.0, and one to the north (22.05) from its middle (103.05).
fn fork() -> Roads {
    let mut extract = Extract::new();
    for (id, lon) in (1..=11).zip(0..) {
        extract.node(id, 103.0 + f64::from(lon) / 100.0, 22.0, &[]);
    }
    extract.node(20, 103.05, 22.05, &[]);
    extract.way(1, &(1..=11).collect::<Vec<_>>(), &[("highway", "secondary")]);
    extract.way(2, &[6, 20], &[("highway", "tertiary")]);
    Roads::from(extract.import("fork").0)
}

fn closed(geometry: impl Into<Geometry>) -> Closure {
    Closure { id: Uuid::from_u128(7), geometry: geometry.into(), profiles: Profiles::MOTOR, factor: 0.0 }
}

/// Which of three places (west, east, north) a car gets from to the place near the western end.
fn open_ends(roads: &Roads, laid: &Laid) -> [bool; 3] {
    let at = |lon, lat| roads.snap(lon, lat, Profile::Car);
    let places = [at(103.02, 22.0), at(103.08, 22.0), at(103.05, 22.03)];
    let ground = roads.ground(&laid.overlay, Profile::Car);
    let target = at(103.001, 22.0).unwrap();
    let ways = ways_out(&ground, &places, &[target]);
    let times = many_to_one(&ground, &places, &target, u32::MAX, &mut Workspace::new());
    let open: Vec<bool> = ways.iter().map(|way| *way == WayOut::Open).collect();
    assert_eq!(open, times.iter().map(Option::is_some).collect::<Vec<_>>(), "a way out is one that takes a time");
    [open[0], open[1], open[2]]
}

#[test]
fn a_point_cuts_the_nearest_road_and_at_a_junction_all_that_meet() {
    let roads = fork();
    let ends = |lon: f64, lat: f64| open_ends(&roads, &lay(&roads, &[closed(point! { x: lon, y: lat })]));
    assert_eq!(ends(103.065, 22.0005), [true, false, true], "55 m beside the eastern branch");
    assert_eq!(ends(103.0505, 22.02), [true, true, false]);
    assert_eq!(ends(103.01, 22.0), [false, false, false]);
    assert_eq!(ends(103.05, 22.0), [true, false, false], "the junction itself");
}

#[test]
fn a_line_cuts_along_a_road_and_across_it_and_an_area_what_lies_inside() {
    let roads = fork();
    let ends = |closure: Closure| open_ends(&roads, &lay(&roads, &[closure]));
    let across = line_string![(x: 103.065, y: 21.99), (x: 103.066, y: 22.01)];
    let along = line_string![(x: 103.0501, y: 22.01), (x: 103.0499, y: 22.02), (x: 103.0501, y: 22.03)];
    assert_eq!(ends(closed(across)), [true, false, true]);
    assert_eq!(ends(closed(along)), [true, true, false]);
    let slide = polygon![(x: 103.06, y: 21.999), (x: 103.0601, y: 21.999), (x: 103.0601, y: 22.001)];
    assert_eq!(ends(closed(slide)), [true, false, true], "narrower than any step between vertices");
    let ring = polygon![(x: 102.9, y: 21.9), (x: 103.2, y: 21.9), (x: 103.2, y: 22.1), (x: 102.9, y: 22.1)];
    assert_eq!(ends(closed(ring)), [false, false, false]);
}

#[test]
fn a_slow_area_slows_the_metres_inside_and_cuts_nothing() {
    let roads = fork();
    let rain = polygon![(x: 103.0, y: 21.9), (x: 103.05, y: 21.9), (x: 103.05, y: 22.01), (x: 103.0, y: 22.01)];
    let slow = Closure { factor: 0.5, ..closed(rain) };
    let laid = lay(&roads, &[slow]);
    assert_eq!(open_ends(&roads, &laid), [true, true, true]);
    let minutes = |overlay: &Overlay, profile| {
        let ground = roads.ground(overlay, profile);
        let (from, to) = (roads.snap(103.0, 22.0, profile), roads.snap(103.1, 22.0, profile).unwrap());
        many_to_one(&ground, &[from], &to, u32::MAX, &mut Workspace::new())[0].unwrap().time_s()
    };
    let share = |profile| minutes(&laid.overlay, profile) / minutes(&Overlay::default(), profile);
    assert!((share(Profile::Car) - 1.5).abs() < 1e-3, "{}", share(Profile::Car));
    assert!((share(Profile::Foot) - 1.0).abs() < 1e-9, "it is for wheels alone");
}

#[test]
fn a_closure_on_nothing_is_told_and_the_others_hold() {
    let roads = fork();
    let nowhere = Closure { id: Uuid::from_u128(8), ..closed(point! { x: 103.05, y: 22.2 }) };
    let beside = Closure { id: Uuid::from_u128(9), ..closed(point! { x: 103.065, y: 22.001 }) };
    let empty = Closure { id: Uuid::from_u128(10), ..closed(line_string![]) };
    let laid = lay(&roads, &[nowhere, closed(point! { x: 103.065, y: 22.0 }), beside, empty]);
    assert_eq!(laid.unmatched, [8, 9, 10].map(Uuid::from_u128), "111 m is not on the road");
    assert_eq!(open_ends(&roads, &laid), [true, false, true]);
}

#[test]
fn places_are_cut_off_by_profile_and_a_place_without_a_road_is_told_apart() {
    let roads = fork();
    let laid = lay(&roads, &[closed(point! { x: 103.065, y: 22.0 })]);
    let at = |lon, lat, profile| roads.snap(lon, lat, profile);
    let out = |profile, targets: &[(f64, f64)]| {
        let places = [at(103.02, 22.0, profile), at(103.08, 22.0, profile), at(104.0, 23.0, profile)];
        let targets: Vec<Snap> = targets.iter().filter_map(|(lon, lat)| at(*lon, *lat, profile)).collect();
        ways_out(&roads.ground(&laid.overlay, profile), &places, &targets)
    };
    use WayOut::{CutOff, NoRoad, Open};
    assert_eq!(out(Profile::Car, &[(103.0, 22.0)]), [Open, CutOff, NoRoad]);
    assert_eq!(out(Profile::Foot, &[(103.0, 22.0)]), [Open, Open, NoRoad], "walkers climb over");
    assert_eq!(out(Profile::Car, &[(103.0, 22.0), (103.1, 22.0)]), [Open, Open, NoRoad], "any target will do");
    assert_eq!(out(Profile::Car, &[(103.09, 22.0)]), [CutOff, Open, NoRoad], "on the same piece of road");
    assert_eq!(out(Profile::Car, &[]), [CutOff, CutOff, NoRoad]);
}

#[test]
fn a_way_out_is_open_where_a_travel_time_is_found_whatever_is_closed() {
    let roads = Roads::from(shipped().0);
    let mut workspace = Workspace::new();
    let mut cut = 0;
    for seed in 0..40 {
        let profile = Profile::ALL[seed as usize % 4];
        let closures: Vec<Closure> = places(&roads.graph, profile, 12, seed)
            .iter()
            .map(|at| Closure { profiles: Profiles::ALL, ..closed(point! { x: at.position[0], y: at.position[1] }) })
            .collect();
        let laid = lay(&roads, &closures);
        assert!(laid.unmatched.is_empty());
        let ground = roads.ground(&laid.overlay, profile);
        let asked: Vec<Option<Snap>> = places(&roads.graph, profile, 60, seed + 100).into_iter().map(Some).collect();
        let targets = places(&roads.graph, profile, 3, seed + 200);
        let ways = ways_out(&ground, &asked, &targets);
        let mut reached = vec![false; asked.len()];
        for target in &targets {
            for (known, found) in reached.iter_mut().zip(many_to_one(&ground, &asked, target, u32::MAX, &mut workspace))
            {
                *known |= found.is_some();
            }
        }
        let open: Vec<bool> = ways.iter().map(|way| *way == WayOut::Open).collect();
        assert_eq!(open, reached);
        cut += open.iter().filter(|open| !**open).count();
    }
    assert!((100..2_300).contains(&cut), "some are cut off and some are not: {cut}");
}

#[test]
fn another_network_takes_the_closures_of_the_one_before() {
    let handle = RoadsHandle::default();
    assert!(handle.current().is_none() && handle.close(vec![closed(point! { x: 103.065, y: 22.0 })]).is_none());
    let first = handle.swap(fork());
    assert_eq!(open_ends(&first.roads, &first.laid), [true, false, true], "closed before there was a network");
    let second = handle.swap(Roads::from(shipped().0));
    assert_eq!(second.laid.unmatched.len(), 1, "on no road of this one: somebody must be told");
    assert_eq!(open_ends(&first.roads, &first.laid), [true, false, true], "whoever asks keeps what they began with");
    let third = handle.swap(fork());
    assert_eq!(open_ends(&third.roads, &third.laid), [true, false, true]);
    let opened = handle.close(Vec::new()).unwrap();
    assert_eq!(open_ends(&opened.roads, &opened.laid), [true, true, true]);
    assert_eq!(handle.current().unwrap().roads.id, first.roads.id);
}
