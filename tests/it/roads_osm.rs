//! OpenStreetMap extracts: one-ways, access, turn rules, barriers, fords and boats; and what is broken about a file.

use proptest::prelude::*;
use trucban::domain::Code;
use trucban::roads::file;
use trucban::roads::import::{Dem, Dropped, import, shipped};
use trucban::roads::reach::one_to_many;
use trucban::roads::{Graph, Overlay, Profile, SnapIndex, Workspace};

use crate::roads_support::{Extract, folder, ground};

/// A crossroads: roads to the west (1), north (2), east (3) and south (4) of node 5, each 2 km long, ways 11 to 14.
/// A round way from the east over the far north-east (6) to the north is way 15.
fn crossroads() -> Extract {
    let mut extract = Extract::new();
    extract.node(1, 103.00, 22.02, &[]).node(2, 103.02, 22.04, &[]).node(3, 103.04, 22.02, &[]);
    extract.node(4, 103.02, 22.00, &[]).node(5, 103.02, 22.02, &[]).node(6, 103.04, 22.04, &[]);
    for (way, end) in [(11, 1), (12, 2), (13, 3), (14, 4)] {
        extract.way(way, &[end, 5], &[("highway", "secondary")]);
    }
    extract.way(15, &[3, 6, 2], &[("highway", "secondary")]);
    extract
}

const WEST: [f64; 2] = [103.005, 22.02];
const NORTH: [f64; 2] = [103.02, 22.035];
const EAST: [f64; 2] = [103.035, 22.02];

/// Metres of the quickest way.
fn metres(graph: &Graph, profile: Profile, from: [f64; 2], to: [f64; 2]) -> Option<f64> {
    let index = SnapIndex::new(graph);
    let overlay = Overlay::default();
    let snap = |at: [f64; 2]| index.snap(graph, at[0], at[1], profile);
    let found =
        one_to_many(&ground(graph, &overlay, profile), &snap(from)?, &[snap(to)], u32::MAX, &mut Workspace::new());
    found[0].map(|reached| reached.distance_m)
}

/// Whether the way from the west to the north is the short one over the crossing.
fn turns_left(graph: &Graph, profile: Profile) -> bool {
    metres(graph, profile, WEST, NORTH).expect("a way") < 4_000.0
}

#[test]
fn a_forbidden_turn_sends_vehicles_round_and_walkers_over() {
    let (graph, report) = crossroads()
        .relation(
            1,
            &[("from", 11, true), ("via", 5, false), ("to", 12, true)],
            &[("type", "restriction"), ("restriction", "no_left_turn"), ("except", "motorcycle")],
        )
        .import("no-left");
    // The turn, and turning about in the midst of the crossing.
    assert_eq!((report.bans, report.copies), (2, 1));
    let who: Vec<bool> = Profile::ALL.map(|profile| turns_left(&graph, profile)).to_vec();
    assert_eq!(who, [false, false, true, true]);
    // The other ways over the crossing are as they were.
    assert!(metres(&graph, Profile::Car, EAST, NORTH).is_some_and(|m| m < 4_000.0));
    assert!(metres(&graph, Profile::Car, NORTH, WEST).is_some_and(|m| m < 4_000.0));
    assert!(metres(&graph, Profile::Car, WEST, EAST).is_some_and(|m| m < 4_000.0));
}

#[test]
fn an_only_turn_forbids_all_others() {
    let (graph, _) = crossroads()
        .relation(
            1,
            &[("from", 11, true), ("via", 5, false), ("to", 13, true)],
            &[("type", "restriction"), ("restriction", "only_straight_on")],
        )
        .import("only-straight");
    assert!(!turns_left(&graph, Profile::Car) && turns_left(&graph, Profile::Foot));
}

#[test]
fn a_turn_over_a_way_is_forbidden_from_its_first_way_alone() {
    // West, then the piece 5–7 of the road to the east, then north by way 16.
    let mut extract = Extract::new();
    extract.node(1, 103.00, 22.02, &[]).node(4, 103.02, 22.00, &[]).node(5, 103.02, 22.02, &[]);
    extract.node(7, 103.021, 22.02, &[]).node(2, 103.021, 22.04, &[]).node(3, 103.04, 22.02, &[]).node(
        6,
        103.04,
        22.04,
        &[],
    );
    for (way, nodes) in
        [(11, &[1, 5][..]), (14, &[4, 5]), (20, &[5, 7]), (13, &[7, 3]), (16, &[7, 2]), (15, &[3, 6, 2])]
    {
        extract.way(way, nodes, &[("highway", "secondary")]);
    }
    let (graph, report) = extract
        .relation(
            1,
            &[("from", 11, true), ("via", 20, true), ("to", 16, true)],
            &[("type", "restriction"), ("restriction", "no_left_turn")],
        )
        .import("via-way");
    assert_eq!(report.dropped.len(), 0, "{report:?}");
    let north = [103.021, 22.035];
    assert!(metres(&graph, Profile::Car, WEST, north).is_some_and(|m| m > 5_000.0));
    assert!(metres(&graph, Profile::Foot, WEST, north).is_some_and(|m| m < 4_000.0));
    assert!(metres(&graph, Profile::Car, [103.02, 22.005], north).is_some_and(|m| m < 5_000.0), "from the south");
}

#[test]
fn a_turn_rule_without_its_ways_is_dropped_and_told() {
    let mut extract = crossroads();
    let restriction = [("type", "restriction"), ("restriction", "no_left_turn")];
    extract.relation(1, &[("from", 11, true), ("via", 5, false), ("to", 99, true)], &restriction);
    extract.relation(2, &[("from", 11, true), ("via", 6, false), ("to", 12, true)], &restriction);
    extract.relation(3, &[("from", 11, true), ("to", 12, true)], &restriction);
    extract.relation(
        4,
        &[("from", 11, true), ("via", 5, false), ("to", 12, true)],
        &[("type", "restriction"), ("restriction", "sometimes")],
    );
    let (graph, report) = extract.import("rules-dropped");
    assert_eq!(report.dropped[&Dropped::TurnWithoutMembers], 3);
    assert_eq!(report.dropped[&Dropped::TurnNotUnderstood], 1);
    assert!(turns_left(&graph, Profile::Car));
}

#[test]
fn one_ways_barriers_and_closed_roads_hold_for_whom_they_are_meant() {
    let mut extract = Extract::new();
    extract.node(1, 103.00, 22.0, &[]).node(2, 103.01, 22.0, &[]).node(3, 103.02, 22.0, &[("barrier", "bollard")]);
    extract.node(4, 103.03, 22.0, &[]).node(5, 103.01, 22.02, &[]).node(6, 103.03, 22.02, &[]);
    extract.way(1, &[1, 2, 3, 4], &[("highway", "residential")]);
    extract.way(2, &[2, 5], &[("highway", "residential")]);
    extract.way(3, &[5, 6], &[("highway", "residential"), ("oneway", "yes")]);
    extract.way(4, &[6, 4], &[("highway", "residential"), ("hgv", "no")]);
    extract.way(5, &[4, 6], &[("highway", "construction")]);
    extract.node(7, 103.015, 21.95, &[]).way(6, &[1, 7, 4], &[("highway", "residential"), ("oneway", "-1")]);
    let (graph, report) = extract.import("barriers");
    assert!(report.dropped.is_empty(), "{report:?}");
    let (west, east) = ([103.005, 22.0], [103.025, 22.0]);
    let way = |profile| metres(&graph, profile, west, east);
    assert!(way(Profile::Foot).is_some_and(|m| m < 2_500.0), "through the bollard");
    assert!(way(Profile::Motorbike).is_some_and(|m| m < 2_500.0));
    assert!(way(Profile::Car).is_some_and(|m| (7_000.0..8_000.0).contains(&m)), "round by the north");
    assert!(metres(&graph, Profile::Car, east, west).is_some_and(|m| m > 10_000.0), "back by the south");
    // A truck cannot get away from the east: it lies in another part, and the nearest place of its own is the bollard.
    let truck = SnapIndex::new(&graph).snap(&graph, east[0], east[1], Profile::Truck).expect("a road is near");
    assert!((truck.position[0] - 103.02).abs() < 1e-6, "{truck:?}");
}

#[test]
fn the_parts_of_a_torn_network_are_told_and_only_the_largest_is_snapped_to() {
    let mut extract = crossroads();
    extract.node(21, 103.10, 22.00, &[]).node(22, 103.11, 22.00, &[]).node(23, 103.12, 22.00, &[]);
    extract.way(31, &[21, 22], &[("highway", "track")]);
    extract.way(32, &[22, 23], &[("highway", "path")]);
    extract.way(33, &[23, 999], &[("highway", "path")]);
    extract.way(34, &[21, 22], &[("highway", "track"), ("access", "no")]);
    let (graph, report) = extract.import("torn");
    let of = |profile: Profile| report.islands.iter().find(|islands| islands.profile == profile).unwrap();
    assert_eq!((of(Profile::Car).part_count, of(Profile::Foot).part_count), (1, 1));
    assert!((of(Profile::Car).longest[0].length_km - 1.03).abs() < 0.01, "{report:?}");
    assert!((of(Profile::Foot).longest[0].length_km - 2.06).abs() < 0.01, "{report:?}");
    assert_eq!(report.dropped[&Dropped::MissingPlaces], 1);
    assert_eq!(report.dropped[&Dropped::ClosedToAll], 1);
    assert_eq!(SnapIndex::new(&graph).snap(&graph, 103.105, 22.0, Profile::Car), None);
    assert!(graph.attribution().contains("OpenStreetMap"));
}

#[test]
fn a_file_that_breaks_off_is_refused_wherever_it_breaks_and_the_old_graph_stays() {
    let folder = folder("cut");
    let (old, _) = shipped();
    let graph_file = folder.join("roads.graph");
    let id = file::write(&old, &graph_file).unwrap();
    let whole = crossroads().to_bytes();
    let path = folder.join("cut.osm.pbf");
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let problem = import(&path, &Dem::default(), &mut |_| {}).expect_err(&format!("cut at {length}"));
        assert!(matches!(problem.code, Code::InvalidEncoding | Code::InvalidValue), "{problem:?}");
        assert_eq!(problem.at.as_deref(), Some("cut.osm.pbf"));
        assert!(problem.detail_vi.contains("Chưa ghi gì") && problem.detail_en.contains("Nothing was written"));
    }
    assert_eq!(file::read(&graph_file).unwrap(), (old, id));
}

#[test]
fn a_file_without_roads_or_of_another_kind_is_refused_in_words() {
    let folder = folder("kinds");
    let problem = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        import(&path, &Dem::default(), &mut |_| {}).unwrap_err()
    };
    let mut only_houses = Extract::new();
    only_houses.node(1, 103.0, 22.0, &[]).way(1, &[1, 1], &[("building", "yes")]);
    assert_eq!(problem("houses.osm.pbf", &only_houses.to_bytes()).code, Code::InvalidValue);
    assert_eq!(problem("roads.shp", b"").code, Code::InvalidEncoding);
    let half = br#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"class":"national"},"#;
    assert!(problem("half.geojson", half).detail_en.contains("line 1"));
    assert_eq!(problem("empty.geojson", br#"{"type":"FeatureCollection","features":[]}"#).code, Code::InvalidValue);
    assert_eq!(problem("one.geojson", br#"{"type":"Point","coordinates":[103,22]}"#).code, Code::InvalidEncoding);
    assert!(import(&folder.join("absent.osm.pbf"), &Dem::default(), &mut |_| {}).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_file_with_wrong_bytes_is_read_or_refused_but_never_a_fault(
        flips in prop::collection::vec((0_usize..10_000, 0_u8..=255), 1..6),
    ) {
        let mut bytes = crossroads().to_bytes();
        let length = bytes.len();
        for (at, value) in flips {
            bytes[at % length] = value;
        }
        let path = folder("flips").join("flipped.osm.pbf");
        std::fs::write(&path, bytes).unwrap();
        let _ = import(&path, &Dem::default(), &mut |_| {});
    }
}

#[test]
fn a_graph_file_gives_back_the_same_graph_or_is_refused() {
    let folder = folder("file");
    let path = folder.join("roads.graph");
    let (graph, _) = crossroads().import("file-made");
    let id = file::write(&graph, &path).unwrap();
    assert_eq!(file::read(&path).unwrap(), (graph.clone(), id.clone()));
    assert_eq!(file::write(&graph, &path).unwrap(), id, "the same graph has the same identity");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut wrong = whole.clone();
        wrong[at] ^= 0x55;
        std::fs::write(&path, &wrong).unwrap();
        let problem = file::read(&path).unwrap_err();
        assert_eq!(problem.code, Code::InvalidEncoding);
        std::fs::write(&path, &whole[..at]).unwrap();
        assert!(file::read(&path).is_err(), "cut at {at}");
    }
    std::fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    assert!(file::read(&path).is_err(), "something is appended");
}
