//! Durable fixes in batches of 1,000 over 10,000 units, beside a bare prepared-statement loop into the same kind of
//! table with the same pragmas.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trucban::domain::{Fix, FixSource, Timestamp};
use trucban::store::Store;
use trucban::store::gpkg::{GpkgStore, OpenOptions};
use uuid::Uuid;

use crate::report::Report;
use crate::world::{self, Folder};

/// Fixes in one batch.
pub const BATCH: usize = 1_000;
/// How long each side runs.
const RUN: Duration = Duration::from_secs(6);
/// Callers at once.
const CALLERS: usize = 4;

/// Fixes of now, the units taken in turn.
pub fn batch(units: &[Uuid], first: usize, size: usize, rng: &mut rand::rngs::StdRng) -> Arc<[Fix]> {
    let at = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
    (0..size)
        .map(|n| {
            let (lon, lat) = world::position(rng);
            Fix {
                unit_id: units[(first + n) % units.len()],
                lon,
                lat,
                at,
                accuracy_m: Some(8.0),
                speed_mps: None,
                course_deg: None,
                source: FixSource::Gps,
                heard_by: None,
            }
        })
        .collect()
}

/// Fixes a second that so many callers bring, each in calls of `size`; closes the store.
pub async fn through(store: Arc<dyn Store>, units: &[Uuid], callers: usize, size: usize, run: Duration) -> f64 {
    let begin = Instant::now();
    let callers: Vec<_> = (0..callers)
        .map(|caller| {
            let (store, units) = (Arc::clone(&store), units.to_vec());
            tokio::spawn(async move {
                let mut rng = world::generator(20 + caller as u64);
                let mut sent = 0;
                while begin.elapsed() < run {
                    store.append_fixes(batch(&units, sent, size, &mut rng)).await.expect("fixes are taken");
                    sent += size;
                }
                sent
            })
        })
        .collect();
    let mut sent = 0;
    for caller in callers {
        sent += caller.await.expect("a caller ends");
    }
    let rate = sent as f64 / begin.elapsed().as_secs_f64();
    store.close().await;
    rate
}

fn bare_loop(units: &[Uuid], folder: &Folder) -> f64 {
    let mut connection = rusqlite::Connection::open(folder.path.join("bare.db")).expect("a file");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE fixes (seq INTEGER, n INTEGER, unit_id BLOB, at_ms INTEGER, lon REAL, lat REAL,
               accuracy_m REAL, speed_mps REAL, course_deg REAL, source TEXT, heard_by TEXT,
               PRIMARY KEY (seq, n)) WITHOUT ROWID;",
        )
        .expect("a table");
    let mut rng = world::generator(30);
    let begin = Instant::now();
    let (mut sent, mut seq) = (0, 0_i64);
    while begin.elapsed() < RUN {
        let fixes = batch(units, sent, BATCH, &mut rng);
        let transaction = connection.transaction().expect("a transaction");
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO fixes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL, 'gps', NULL)")
                .expect("a statement");
            for (n, fix) in fixes.iter().enumerate() {
                let id: &[u8] = fix.unit_id.as_bytes();
                insert
                    .execute(rusqlite::params![seq, n as i64, id, fix.at.as_ms(), fix.lon, fix.lat, fix.accuracy_m])
                    .expect("an insert");
            }
        }
        transaction.commit().expect("a commit");
        sent += BATCH;
        seq += 1;
    }
    sent as f64 / begin.elapsed().as_secs_f64()
}

/// Measures durable fixes a second, both ways.
pub fn measure(report: &mut Report) {
    let folder = Folder::new("fixes");
    let units = world::fill(&folder.path, 1);
    let bare = bare_loop(&units, &folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let ours = runtime.block_on(async {
        let store = GpkgStore::open(&folder.path, &OpenOptions::default()).expect("the filled folder opens");
        through(store, &units, CALLERS, BATCH, RUN).await
    });
    report.compared(
        "durable fixes, batches of 1,000, 10,000 units",
        &format!("{ours:.0}/s"),
        &format!("bare loop {bare:.0}/s"),
        ours / bare,
        "≥ 0.5",
    );
}
