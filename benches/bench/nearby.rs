//! Nearby: 10 nearest within 5 km of random centres, beside a bare route that returns as many bytes.

use std::time::Duration;

use uuid::Uuid;

use crate::load::{self, Connection, Outcome};
use crate::process::Process;
use crate::report::Report;
use crate::world::{self, Folder};
use crate::{MEASURE_S, WARM_UP_S};

/// Connections of the load.
const CONNECTIONS: usize = 64;
/// Moves a second that come in while nearby is measured again, in batches of 1,000.
const MOVES_A_SECOND: u64 = 20_000;
/// Fixes in one call.
const BATCH: u64 = 1_000;

pub fn nearby_request(n: u64) -> Vec<u8> {
    let (lon, lat) = world::centre(n);
    load::get(&format!("/api/nearby?lon={lon}&lat={lat}&radius_m=5000&limit=10&collections=households"))
}

fn bare_request(n: u64) -> Vec<u8> {
    let (lon, lat) = world::centre(n);
    load::get(&format!("/bare?lon={lon}&lat={lat}&radius_m=5000&limit=10&collections=households"))
}

/// A run of load and the server's CPU milliseconds for 1,000 answers.
pub fn loaded(process: &Process, request: impl Fn(u64) -> Vec<u8> + Copy + 'static) -> (Outcome, f64) {
    loaded_all(&[process], request)
}

/// As [`loaded`], shared out among several servers; the CPU of all.
pub fn loaded_all(processes: &[&Process], request: impl Fn(u64) -> Vec<u8> + Copy + 'static) -> (Outcome, f64) {
    let cpu_s = || processes.iter().map(|process| process.cpu_s()).sum::<f64>();
    let servers: Vec<_> = processes.iter().map(|process| process.addr).collect();
    let before = cpu_s();
    let outcome = load::one_thread().block_on(load::run(
        &servers,
        CONNECTIONS,
        Duration::from_secs(WARM_UP_S),
        Duration::from_secs(MEASURE_S),
        request,
    ));
    let all = outcome.requests as f64 * (WARM_UP_S + MEASURE_S) as f64 / MEASURE_S as f64;
    let cpu_ms_a_thousand = (cpu_s() - before) * 1e6 / all;
    assert_eq!(outcome.failures, 0, "every answer is 200");
    (outcome, cpu_ms_a_thousand)
}

pub fn line(outcome: &Outcome, cpu: f64) -> String {
    format!(
        "{:.0}/s, p50 {:.2} ms, p99 {:.2} ms, CPU {cpu:.1} ms/1k, {} B",
        outcome.rate(),
        outcome.quantile_ms(0.5),
        outcome.quantile_ms(0.99),
        outcome.bytes_a_answer
    )
}

fn one_answer(process: &Process) -> Vec<u8> {
    load::one_thread().block_on(async {
        let mut connection = Connection::open(process.addr).await.expect("a connection");
        let (status, length) = connection.exchange(&nearby_request(7)).await.expect("an answer");
        assert_eq!(status, 200, "nearby answers");
        connection.body(length).to_vec()
    })
}

/// Sends moves at a steady rate from a thread of its own until told to stop; gives how many were accepted a second.
fn moving(
    addr: std::net::SocketAddr,
    units: Vec<Uuid>,
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
) -> std::thread::JoinHandle<f64> {
    std::thread::spawn(move || {
        load::one_thread().block_on(async move {
            let mut connection = Connection::open(addr).await.expect("a connection");
            let mut rng = world::generator(9);
            let begin = std::time::Instant::now();
            let mut tick = tokio::time::interval(Duration::from_millis(1_000 * BATCH / MOVES_A_SECOND));
            let mut sent = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                tick.tick().await;
                let body = batch(&units, sent, &mut rng);
                let (status, _) = connection.exchange(&load::post("/api/fixes", &body)).await.expect("an answer");
                assert_eq!(status, 200, "fixes are taken");
                sent += BATCH;
            }
            sent as f64 / begin.elapsed().as_secs_f64()
        })
    })
}

/// JSON of one batch of fixes, the units taken in turn.
pub fn batch(units: &[Uuid], first: u64, rng: &mut rand::rngs::StdRng) -> String {
    let at = jiff::Timestamp::now();
    let fixes: Vec<String> = (0..BATCH)
        .map(|n| {
            let (lon, lat) = world::position(rng);
            let unit = units[((first + n) % units.len() as u64) as usize];
            format!(r#"{{"unit_id":"{unit}","lon":{lon:.6},"lat":{lat:.6},"at":"{at:.3}","accuracy_m":8}}"#)
        })
        .collect();
    format!(r#"{{"fixes":[{}]}}"#, fixes.join(","))
}

/// Measures start, memory, nearby quiet and under moves, and growth from 10⁴ to 10⁶.
pub fn measure(report: &mut Report) {
    let small = Folder::new("nearby-small");
    world::fill(&small.path, 10_000);
    let rate_small = {
        let server = Process::server(&small.path);
        let (outcome, cpu) = loaded(&server, nearby_request);
        report.alone("nearby, 10⁴ households", &line(&outcome, cpu), "");
        outcome.rate()
    };

    let large = Folder::new("nearby-large");
    let units = world::fill(&large.path, 1_000_000);
    let server = Process::server(&large.path);
    let started = server.ready_after.as_secs_f64();
    report.compared(
        "start with 10⁶ households",
        &format!("{started:.2} s"),
        "limit 4 s",
        started / 4.0,
        "≤ 1 (aim 0.38)",
    );
    let rss = server.rss_mib();
    report.compared("memory after start", &format!("{rss:.0} MiB"), "limit 800 MiB", rss / 800.0, "≤ 1 (aim 0.31)");

    let body = one_answer(&server);
    let bare = Process::bare_route(&body);
    let (ceiling, ceiling_cpu) = loaded(&bare, bare_request);
    let (quiet, quiet_cpu) = loaded(&server, nearby_request);
    let (beside, of) = (line(&ceiling, ceiling_cpu), line(&quiet, quiet_cpu));
    report.compared("nearby, 10⁶: requests/s", &of, &beside, quiet.rate() / ceiling.rate(), "≥ 0.5 (aim 0.7)");
    report.compared("nearby, 10⁶: server CPU", &of, &beside, quiet_cpu / ceiling_cpu, "≤ 2.3");
    let p99 = |outcome: &Outcome| outcome.quantile_ms(0.99);
    report.compared("nearby, 10⁶: p99", &of, &beside, p99(&quiet) / p99(&ceiling), "≤ 3");
    report.compared(
        "nearby: rate at 10⁶ over 10⁴",
        &of,
        &format!("{rate_small:.0}/s"),
        quiet.rate() / rate_small,
        "≥ 0.75",
    );

    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mover = moving(server.addr, units, std::sync::Arc::clone(&stop));
    let (busy, busy_cpu) = loaded(&server, nearby_request);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let moves = mover.join().expect("the mover ends");
    report.compared(
        &format!("nearby, 10⁶, under {moves:.0} moves/s"),
        &line(&busy, busy_cpu),
        &of,
        busy.rate() / quiet.rate(),
        "≥ 0.7 at 20,000",
    );
    report.alone("memory after the load", &format!("{:.0} MiB", server.rss_mib()), "");
}
