//! Travel times in process: one incident to 500 units, a table, a closure, on real mountains and on a made network.
//!
//! The real extract is the one of the tests (`TRUCBAN_MOUNTAINS`); the made one has 1,000,000 pieces of road, far more
//! than a province holds.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use geo_types::Geometry;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use trucban::roads::file;
use trucban::roads::graph::Spot;
use trucban::roads::import::{Dem, Network, Report as Import, Way, build, import, way_traits};
use trucban::roads::reach::{many_to_one, table};
use trucban::roads::{Closure, Graph, Overlay, Profile, Profiles, Roads, Snap, SnapIndex, Workspace, lay, ways_out};
use uuid::Uuid;

use crate::report::Report;
use crate::roads_peer::{PeerAnswer, Question, ask_peer, positions};
use crate::world::Folder;

/// Units that an incident asks for.
const UNITS: usize = 500;
/// Sources and targets of a table.
const TABLE: usize = 50;
/// Tables made, of which the middle counts.
const TABLE_RUNS: usize = 5;
/// Incidents measured.
const INCIDENTS: usize = 200;
/// Seats, health stations and towns to which a way out leads.
const SEATS: usize = 40;
const MIB: f64 = (1 << 20) as f64;

/// A network of so many pieces of road: a maze of valleys with some loops, bends in every piece.
fn made(pieces: usize) -> Network {
    let mut random = StdRng::seed_from_u64(5);
    let side = ((pieces as f64 / 1.3).sqrt()) as i32;
    let mut network = Network::default();
    let spot = |random: &mut StdRng, x: f64, y: f64| {
        let (east, north) = (random.random_range(-0.25..0.25), random.random_range(-0.25..0.25));
        Spot::new(100.0 + (x + east) * 0.005, 18.0 + (y + north) * 0.005)
    };
    for y in 0..side {
        for x in 0..side {
            network.places.push(spot(&mut random, f64::from(x), f64::from(y)));
        }
    }
    let traits = ["secondary", "tertiary", "unclassified", "residential", "track"]
        .map(|class| way_traits(&[("highway", class)][..]).expect("a road"));
    let at = |x: i32, y: i32| (y * side + x) as u32;
    for y in 0..side {
        for x in 0..side {
            let west = (x > 0).then(|| (at(x - 1, y), -0.5, 0.0));
            let south = (y > 0).then(|| (at(x, y - 1), 0.0, -0.5));
            let is_loop = random.random_bool(0.3);
            let first_is_west = random.random_bool(0.5);
            let wanted = match (west, south) {
                (Some(west), Some(south)) if is_loop => vec![west, south],
                (Some(west), Some(_)) if first_is_west => vec![west],
                (_, Some(south)) => vec![south],
                (Some(west), None) => vec![west],
                (None, None) => vec![],
            };
            for (other, half_x, half_y) in wanted {
                let bend = network.places.len() as u32;
                let middle = spot(&mut random, f64::from(x) + half_x, f64::from(y) + half_y);
                network.places.push(middle);
                let class = if x % 16 == 0 || y % 16 == 0 { 0 } else { random.random_range(1..traits.len()) };
                let stops = vec![at(x, y), bend, other];
                network.ways.push(Way { id: i64::from(bend), traits: traits[class].clone(), stops });
            }
        }
    }
    network
}

/// Places on roads within so many degrees of a centre.
fn places(graph: &Graph, index: &SnapIndex, centre: [f64; 2], degrees: f64, count: usize, seed: u64) -> Vec<Snap> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut found = Vec::new();
    for _ in 0..count * 100 {
        let [lon, lat] = centre.map(|middle| middle + random.random_range(-degrees..degrees));
        found.extend(index.snap(graph, lon, lat, Profile::Car));
        if found.len() == count {
            break;
        }
    }
    found
}

fn quantile_ms(times: &mut [Duration], share: f64) -> f64 {
    times.sort();
    times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0
}

/// Bytes of memory that this process holds.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its resident memory");
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).expect("a number") * 1024.0
}

/// Opens the graph file that `TRUCBAN_BENCH_ROADS` names and prints seconds and bytes that it took: a process of its
/// own, so that nothing of before is counted.
pub fn open_alone() {
    let file = std::env::var_os("TRUCBAN_BENCH_ROADS").expect("the graph file");
    let (before, begin) = (resident_bytes(), Instant::now());
    let roads = Roads::open(Path::new(&file)).expect("the graph is read");
    let seconds = begin.elapsed().as_secs_f64();
    println!("{seconds} {}", resident_bytes() - before);
    drop(roads);
}

fn measure_file(report: &mut Report, name: &str, graph: &Graph) {
    let folder = Folder::new("roads");
    let path = folder.path.join(file::GRAPH_FILE);
    let begin = Instant::now();
    file::write(graph, &path).expect("the graph is written");
    let written_s = begin.elapsed().as_secs_f64();
    let this = std::env::current_exe().expect("this program");
    let output = Command::new(this).env("TRUCBAN_BENCH_ROADS", &path).output().expect("it runs");
    let figures: Vec<f64> = String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let million = graph.segments().len() as f64 / 1e6;
    report.alone(
        &format!("roads, {name}: size"),
        &format!(
            "{} nodes, {} pieces, {} arcs; written in {written_s:.2} s, opened with its index in {:.2} s",
            graph.node_count(),
            graph.segments().len(),
            graph.arcs().len(),
            figures[0]
        ),
        "",
    );
    report.alone(
        &format!("roads, {name}: memory"),
        &format!("{:.1} MiB, {:.0} MiB per million pieces", figures[1] / MIB, figures[1] / MIB / million),
        "",
    );
}

/// What is asked of one network: places on roads within `degrees` of its centre.
struct Asked {
    units: Vec<Option<Snap>>,
    incidents: Vec<Snap>,
}

fn measure_searches(report: &mut Report, name: &str, roads: &Roads, degrees: f64) -> Option<Asked> {
    let [west, south, east, north] = roads.graph.extent()?;
    let centre = [f64::midpoint(west, east), f64::midpoint(south, north)];
    let mut workspace = Workspace::new();
    let overlay = Overlay::default();
    let plain = roads.ground(&overlay, Profile::Car);
    let units = places(&roads.graph, &roads.index, centre, degrees, UNITS, 1);
    let units: Vec<Option<Snap>> = units.into_iter().map(Some).collect();
    let incidents = places(&roads.graph, &roads.index, centre, degrees, INCIDENTS, 2);

    let mut searches = Vec::new();
    for incident in &incidents {
        let begin = Instant::now();
        let found = many_to_one(&plain, &units, incident, u32::MAX, &mut workspace);
        searches.push(begin.elapsed());
        assert!(found.iter().all(Option::is_some), "every unit has a way");
    }
    report.alone(
        &format!("roads, {name}: {} units to one incident within {degrees}°", units.len()),
        &format!("p50 {:.2} ms, p99 {:.2} ms", quantile_ms(&mut searches, 0.5), quantile_ms(&mut searches, 0.99)),
        "p99 ≤ 20 ms on the real extract",
    );

    let mut turns = Vec::new();
    let mut walks = Vec::new();
    let targets = &incidents[..SEATS];
    for incident in &incidents {
        let closure = Closure {
            id: Uuid::nil(),
            geometry: Geometry::Point(incident.position.into()),
            profiles: Profiles::MOTOR,
            factor: 0.0,
        };
        let begin = Instant::now();
        let laid = lay(roads, std::slice::from_ref(&closure));
        let ground = roads.ground(&laid.overlay, Profile::Car);
        many_to_one(&ground, &units, &incidents[0], u32::MAX, &mut workspace);
        turns.push(begin.elapsed());
        assert!(laid.unmatched.is_empty());
        let begin = Instant::now();
        let ways = ways_out(&ground, &units, targets);
        walks.push(begin.elapsed());
        assert_eq!(ways.len(), units.len());
    }
    report.alone(
        &format!("roads, {name}: a closure to new times of {} units within {degrees}°", units.len()),
        &format!("p50 {:.2} ms, p99 {:.2} ms", quantile_ms(&mut turns, 0.5), quantile_ms(&mut turns, 0.99)),
        "≤ 100 ms",
    );
    report.alone(
        &format!("roads, {name}: who of {} is cut off from {SEATS} seats after it", units.len()),
        &format!("p50 {:.2} ms, p99 {:.2} ms", quantile_ms(&mut walks, 0.5), quantile_ms(&mut walks, 0.99)),
        "≤ 200 ms",
    );
    Some(Asked { units, incidents })
}

/// Milliseconds of a table, the middle of some runs.
fn table_ms(roads: &Roads, sources: &[Option<Snap>], targets: &[Option<Snap>]) -> f64 {
    let mut workspace = Workspace::new();
    let overlay = Overlay::default();
    let mut runs = Vec::new();
    for _ in 0..TABLE_RUNS {
        let begin = Instant::now();
        table(&roads.ground(&overlay, Profile::Car), sources, targets, &mut workspace);
        runs.push(begin.elapsed());
    }
    quantile_ms(&mut runs, 0.5)
}

fn measure_real(report: &mut Report, extract: &Path) {
    let name = "Andorra";
    let (graph, _) = import(extract, &Dem::default(), &mut |_| {}).expect("the extract is read");
    measure_file(report, name, &graph);
    let roads = Roads::from(graph);
    let Some(Asked { units, incidents }) = measure_searches(report, name, &roads, 0.12) else { return };
    let targets: Vec<Option<Snap>> = incidents[..TABLE].iter().copied().map(Some).collect();
    let ours_ms = table_ms(&roads, &units[..TABLE], &targets);
    let what = format!("roads, {name}: {TABLE}×{TABLE} table");
    let sources: Vec<Snap> = units[..TABLE].iter().copied().flatten().collect();
    let question = Question { pairs: &[], sources: &positions(&sources), targets: &positions(&incidents[..TABLE]) };
    let folder = Folder::new("roads");
    match ask_peer(&folder.path, extract, Profile::Car, &question) {
        Some(PeerAnswer { table_ch_ms, table_mld_ms, .. }) => {
            let ours = format!("{ours_ms:.2} ms");
            report.compared(&what, &ours, &format!("OSRM CH {table_ch_ms:.2} ms"), ours_ms / table_ch_ms, "≤ 4");
            report.compared(&what, &ours, &format!("OSRM MLD {table_mld_ms:.2} ms"), ours_ms / table_mld_ms, "≤ 0.5");
        }
        None => report.alone(&what, &format!("{ours_ms:.2} ms"), ""),
    }
}

fn measure_made(report: &mut Report) {
    let begin = Instant::now();
    let (graph, _) = build(&made(1_000_000), &Dem::default(), Import::default());
    let built_s = begin.elapsed().as_secs_f64();
    report.alone("roads, made network: build", &format!("{built_s:.1} s"), "");
    measure_file(report, "10⁶ pieces", &graph);
    let roads = Roads::from(graph);
    for degrees in [0.25, 0.5, 2.0] {
        let Some(Asked { units, incidents }) = measure_searches(report, "10⁶ pieces", &roads, degrees) else {
            return;
        };
        let targets: Vec<Option<Snap>> = incidents[..TABLE].iter().copied().map(Some).collect();
        let ours_ms = table_ms(&roads, &units[..TABLE], &targets);
        let what = format!("roads, 10⁶ pieces: {TABLE}×{TABLE} table within {degrees}°");
        report.alone(&what, &format!("{ours_ms:.1} ms"), "");
    }
}

/// Measures both networks.
pub fn measure(report: &mut Report) {
    match std::env::var_os("TRUCBAN_MOUNTAINS") {
        Some(folder) => measure_real(report, &Path::new(&folder).join("andorra.osm.pbf")),
        None => println!("SKIPPED: TRUCBAN_MOUNTAINS names no folder with andorra.osm.pbf"),
    }
    measure_made(report);
}
