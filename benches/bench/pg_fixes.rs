//! Durable fixes in PostgreSQL, beside what `pgbench` reaches on the same server with the same commit setting, into
//! tables of the same columns and key.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use trucban::store::postgis::PgStore;
use uuid::Uuid;

use crate::fixes::{BATCH, through};
use crate::postgres_support::{TestDatabase, programs};
use crate::report::Report;
use crate::world::{self, Folder};

/// How long each side runs.
const RUN: Duration = Duration::from_secs(8);
/// Callers at once: of batches, and of single fixes.
const BATCH_CALLERS: usize = 4;
const SINGLE_CALLERS: usize = 64;

/// Measures batches and single posts, both ways.
pub fn measure(report: &mut Report) {
    let database = TestDatabase::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let units = runtime.block_on(async {
        let store = PgStore::open(database.database(), None, "bench").await.expect("an empty database");
        world::fill_store(&*store, 1).await
    });
    database.sql("CREATE SEQUENCE bare_seq; CREATE TABLE bare (LIKE fixes INCLUDING ALL)");
    let folder = Folder::new("pg-fixes");

    let bare = pgbench(&database, &folder, &unnested(&units), BATCH_CALLERS) * BATCH as f64;
    let ours = runtime.block_on(through_the_store(&database, &units, BATCH_CALLERS, BATCH));
    report.compared(
        "durable fixes in PostgreSQL, batches of 1,000",
        &format!("{ours:.0}/s"),
        &format!("pgbench, unnest of 1,000 rows, {BATCH_CALLERS} clients: {bare:.0}/s"),
        ours / bare,
        "≥ 0.5",
    );
    let bare = pgbench(&database, &folder, &single(units[0]), SINGLE_CALLERS);
    let ours = runtime.block_on(through_the_store(&database, &units, SINGLE_CALLERS, 1));
    report.compared(
        "durable fixes in PostgreSQL, one by one",
        &format!("{SINGLE_CALLERS} callers: {ours:.0}/s"),
        &format!("pgbench, single rows, {SINGLE_CALLERS} clients: {bare:.0}/s"),
        ours / bare,
        "≥ 2",
    );
}

async fn through_the_store(database: &TestDatabase, units: &[Uuid], callers: usize, size: usize) -> f64 {
    let store = PgStore::open(database.database(), None, "bench").await.expect("the database opens");
    through(store, units, callers, size, RUN).await
}

/// One transaction of so many rows, all of it constants of a prepared statement.
fn unnested(units: &[Uuid]) -> String {
    let mut rng = world::generator(30);
    let (mut ids, mut lons, mut lats) = (String::new(), String::new(), String::new());
    for unit in units.iter().cycle().take(BATCH) {
        let (lon, lat) = world::position(&mut rng);
        // Writing to a String cannot fail.
        let _ = write!(ids, "{unit},");
        let _ = write!(lons, "{lon},");
        let _ = write!(lats, "{lat},");
    }
    let array = |list: &str, kind: &str| format!("'{{{}}}'::{kind}[]", list.trim_end_matches(','));
    format!(
        "INSERT INTO trucban.bare SELECT current_date, s.seq, u.n, u.unit, now(), u.lon, u.lat, 8, NULL, NULL, 0, NULL \
         FROM (SELECT nextval('trucban.bare_seq') AS seq) s, \
         unnest({}, {}, {}) WITH ORDINALITY u (unit, lon, lat, n);",
        array(&ids, "uuid"),
        array(&lons, "float8"),
        array(&lats, "float8"),
    )
}

fn single(unit: Uuid) -> String {
    format!(
        "INSERT INTO trucban.bare VALUES (current_date, nextval('trucban.bare_seq'), 0, '{unit}', now(), 103.2, 22.4, 8, \
         NULL, NULL, 0, NULL);"
    )
}

/// Transactions a second.
fn pgbench(database: &TestDatabase, folder: &Folder, script: &str, clients: usize) -> f64 {
    let file = folder.path.join("script.sql");
    std::fs::write(&file, script).expect("a script");
    let output = Command::new(programs().join("pgbench"))
        .args(["-n", "-M", "prepared", "-j", "2", "-c", &clients.to_string(), "-T", &RUN.as_secs().to_string(), "-f"])
        .arg(&file)
        .arg(database.url())
        .output()
        .expect("pgbench runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    assert!(output.status.success(), "pgbench: {said} {}", String::from_utf8_lossy(&output.stderr));
    rate.expect("pgbench says its rate")
}
