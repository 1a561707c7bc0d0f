//! Three nodes of one database: how soon one shows what was committed on another, and what it costs that they are
//! three.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use trucban::store::postgis::PgStore;

use crate::fanout::{fixes_at_1000_a_second, report_changes, subscriber};
use crate::load;
use crate::nearby::{line, loaded, loaded_all, nearby_request};
use crate::postgres_support::TestDatabase;
use crate::process::Process;
use crate::report::Report;
use crate::world::{self, Folder};
use crate::{MEASURE_S, WARM_UP_S};

const HOUSEHOLDS: usize = 100_000;
/// Incidents reported on the first node, one after the other, and looked for on the second.
const CHANGES: u64 = 200;

/// Measures the way from node to node, then questions to one node and to three.
pub fn measure(report: &mut Report) {
    let database = TestDatabase::new();
    let url = database.url();
    let units = load::one_thread().block_on(async {
        let store = PgStore::open(database.database(), None, "bench").await.expect("an empty database");
        world::fill_store(&*store, HOUSEHOLDS).await
    });
    let folders = ["nodes-1", "nodes-2", "nodes-3"].map(Folder::new);
    let nodes = folders.each_ref().map(|folder| Process::node(&folder.path, &url));

    let stop = Arc::new(AtomicBool::new(false));
    let mover = {
        let (stop, third) = (Arc::clone(&stop), nodes[2].addr);
        std::thread::spawn(move || load::one_thread().block_on(fixes_at_1000_a_second(third, units, stop)))
    };
    let delays = load::one_thread().block_on(from_node_to_node(nodes[0].addr, nodes[1].addr));
    stop.store(true, Ordering::Relaxed);
    mover.join().expect("the mover ends");
    let of = |share: usize| delays.get(delays.len().saturating_sub(1) * share / 100).copied().unwrap_or(f64::NAN);
    report.compared(
        "change committed on one node, shown by another, 1,000 fixes/s by a third",
        &format!("p50 {:.1} ms, p99 {:.1} ms; {} of {CHANGES}", of(50), of(99), delays.len()),
        "limit 150 ms",
        of(99) / 150.0,
        "< 1",
    );

    let before = statements(&database);
    let (alone, alone_cpu) = loaded(&nodes[0], nearby_request);
    let (shared, shared_cpu) = loaded_all(&nodes.each_ref(), nearby_request);
    let asked = statements(&database) - before;
    report.compared(
        "nearby, 10⁵, three nodes: server CPU",
        &line(&shared, shared_cpu),
        &format!("one node: {}", line(&alone, alone_cpu)),
        shared_cpu / alone_cpu,
        "≤ 1.1",
    );
    let seconds = (2 * (WARM_UP_S + MEASURE_S)) as f64;
    report.alone(
        "transactions of the database meanwhile, all nodes",
        &format!("{:.1}/s beside {} answers", asked / seconds, alone.requests + shared.requests),
        "none for an answer",
    );
}

/// Milliseconds from the call on the first node to the event read from the second, of each change that came.
async fn from_node_to_node(first: SocketAddr, second: SocketAddr) -> Vec<f64> {
    let (seen, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let everywhere = format!("{},{},{},{}", world::LON.0, world::LAT.0, world::LON.1, world::LAT.1);
    tokio::spawn(subscriber(second, format!("collections=incidents&bbox={everywhere}"), seen));
    tokio::time::sleep(Duration::from_secs(2)).await;
    report_changes(first, CHANGES, &mut arrivals).await
}

/// Transactions of the database so far.
fn statements(database: &TestDatabase) -> f64 {
    // Statistics come to the view about a second late.
    std::thread::sleep(Duration::from_secs(2));
    let asked = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    database.sql(asked).parse().expect("a number")
}
