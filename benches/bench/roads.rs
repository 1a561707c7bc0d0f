//! Travel times in process: one incident to 500 units, a table, a closure, on real mountains and on a made network.
//!
//! The real extract is the one of the tests (`TRUCBAN_MOUNTAINS`); the made one has 1,000,000 pieces of road, far more
//! than a province holds.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use trucban::roads::graph::Spot;
use trucban::roads::import::{Dem, Network, Report as Import, Way, build, import, way_traits};
use trucban::roads::reach::{many_to_one, table};
use trucban::roads::search::Ground;
use trucban::roads::{Effect, Graph, Overlay, Profile, Profiles, Snap, SnapIndex, Workspace};

use crate::report::Report;

/// Units that an incident asks for.
const UNITS: usize = 500;
/// Sources and targets of a table.
const TABLE: usize = 50;
/// Incidents measured.
const INCIDENTS: usize = 200;

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

fn measure_on(report: &mut Report, name: &str, graph: &Graph, degrees: f64) {
    let begin = Instant::now();
    let index = SnapIndex::new(graph);
    let indexed_s = begin.elapsed().as_secs_f64();
    report.alone(
        &format!("roads, {name}: size"),
        &format!(
            "{} junctions, {} pieces, {} arcs; {:.1} MiB, index made in {indexed_s:.2} s",
            graph.junctions(),
            graph.segments().len(),
            graph.arcs().len(),
            graph.bytes() as f64 / f64::from(1 << 20)
        ),
        "",
    );
    let Some([west, south, east, north]) = graph.extent() else { return };
    let centre = [(west + east) / 2.0, (south + north) / 2.0];
    let mut workspace = Workspace::new();
    let overlay = Overlay::default();
    let plain = Ground { graph, overlay: &overlay, profile: Profile::Car };
    let units: Vec<Option<Snap>> = places(graph, &index, centre, degrees, UNITS, 1).into_iter().map(Some).collect();
    let incidents = places(graph, &index, centre, degrees, INCIDENTS, 2);

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

    let begin = Instant::now();
    table(&plain, &units[..TABLE], &units[units.len() - TABLE..], &mut workspace);
    report.alone(
        &format!("roads, {name}: {TABLE}×{TABLE} table"),
        &format!("{:.1} ms", begin.elapsed().as_secs_f64() * 1000.0),
        "",
    );

    let begin = Instant::now();
    let cuts: Vec<Effect> = incidents
        .iter()
        .map(|place| Effect {
            segment: place.segment,
            from_m: place.along_m,
            to_m: place.along_m,
            profiles: Profiles::MOTOR,
            factor: 0.0,
        })
        .collect();
    let closed = Overlay::new(graph, &cuts);
    let laid_ms = begin.elapsed().as_secs_f64() * 1000.0;
    let ground = Ground { graph, overlay: &closed, profile: Profile::Car };
    many_to_one(&ground, &units, &incidents[0], u32::MAX, &mut workspace);
    report.alone(
        &format!("roads, {name}: {} closures to new times of {} units", cuts.len(), units.len()),
        &format!("{:.1} ms, of which the overlay {laid_ms:.2} ms", begin.elapsed().as_secs_f64() * 1000.0),
        "≤ 100 ms",
    );
}

/// Measures both networks.
pub fn measure(report: &mut Report) {
    if let Some(folder) = std::env::var_os("TRUCBAN_MOUNTAINS") {
        let path = std::path::Path::new(&folder).join("andorra.osm.pbf");
        let (graph, _) = import(&path, &Dem::default(), &mut |_| {}).expect("the extract is read");
        measure_on(report, "Andorra", &graph, 0.12);
    }
    let begin = Instant::now();
    let (graph, _) = build(&made(1_000_000), &Dem::default(), Import::default());
    let built_s = begin.elapsed().as_secs_f64();
    report.alone("roads, made network: build", &format!("{built_s:.1} s"), "");
    measure_on(report, "10⁶ pieces", &graph, 0.5);
    measure_on(report, "10⁶ pieces, all over", &graph, 2.0);
}
