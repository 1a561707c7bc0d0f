//! `make bench`: what trucban reaches, each figure beside the peer or ceiling of the same run, as ratios.
//!
//! The server and the bare reference run as child processes; this process generates the load with one thread, so
//! that both cores are shared in the same way by everything that is compared. Figures are of this machine and this
//! run; what travels is the ratio.

mod audit;
mod fanout;
mod fixes;
mod inside;
mod lenses;
mod load;
mod nearby;
mod nodes;
mod past;
mod pg_fixes;
#[path = "../../tests/it/postgres_support.rs"]
#[expect(dead_code, clippy::unwrap_used, clippy::panic, reason = "the throw-away PostgreSQL of the tests")]
mod postgres_support;
mod process;
mod quarter;
mod report;
mod roads;
#[path = "../../tests/it/roads_peer.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the other engine as the tests ask it")]
mod roads_peer;
mod tiles;
mod world;

use report::Report;

/// Seconds of load for each measured line.
const MEASURE_S: u64 = 8;
/// Seconds before counting begins.
const WARM_UP_S: u64 = 2;

fn main() {
    if std::env::var_os("TRUCBAN_BENCH_BARE").is_some() {
        process::serve_bare_route();
        return;
    }
    if std::env::var_os("TRUCBAN_BENCH_ROADS").is_some() {
        roads::open_alone();
        return;
    }
    // `cargo test --all-targets` and `cargo bench -- --list` call benches too; they measure nothing.
    if std::env::args().any(|arg| arg == "--list" || arg == "--test") {
        return;
    }
    let only = std::env::var("TRUCBAN_BENCH_ONLY").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|word| word == name);

    let mut report = Report::begin();
    if wanted("fixes") {
        fixes::measure(&mut report);
    }
    if wanted("nearby") {
        nearby::measure(&mut report);
    }
    if wanted("lenses") {
        lenses::measure(&mut report);
    }
    if wanted("tiles") {
        tiles::measure(&mut report);
    }
    if wanted("fanout") {
        fanout::measure(&mut report);
    }
    if wanted("pg_fixes") {
        pg_fixes::measure(&mut report);
    }
    if wanted("nodes") {
        nodes::measure(&mut report);
    }
    if wanted("inside") {
        inside::measure(&mut report);
    }
    if wanted("roads") {
        roads::measure(&mut report);
    }
    if wanted("audit") {
        audit::measure(&mut report);
    }
    if wanted("quarter") {
        quarter::measure(&mut report);
    }
    // The last: its clock leaps.
    if wanted("past") {
        past::measure(&mut report);
    }
}
