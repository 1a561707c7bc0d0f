//! A node whose database is away: it answers questions as before, refuses writes at once, and is up to date soon after.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use reqwest::StatusCode;
use serde_json::{Value, json};
use trucban::domain::Collection;
use trucban::store::Store;
use trucban::store::postgis::PgStore;
use uuid::Uuid;

use crate::fault_proxy::Way;
use crate::http_support::{Caller, client, done};
use crate::nodes_support::{Nodes, PATIENCE, caught_up};
use crate::soak_support::rounds;
use crate::store_support::{call, put};

/// How long the database is away in `make test` and in `make soak`, seconds.
const AWAY_S: (usize, usize) = (6, 60);
const READERS: usize = 4;
const READ_PAUSE: Duration = Duration::from_millis(5);
const WRITE_PAUSE: Duration = Duration::from_millis(100);
/// Changes that another node makes meanwhile.
const CHANGES: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_silent_questions_are_answered_and_writes_refused() {
    away("silent", |nodes| nodes.make_every_way(Way::Silent), |nodes| nodes.make_every_way(Way::Open)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_cannot_be_reached_questions_are_answered_and_writes_refused() {
    away("cut off", |nodes| nodes.make_every_way(Way::Cut), |nodes| nodes.make_every_way(Way::Open)).await;
}

async fn away(how: &str, begin: impl Fn(&Nodes), end: impl Fn(&Nodes)) {
    let nodes = Nodes::start(1).await;
    let caller = Caller::new(&nodes.bases()[0], client());
    done(caller.post("/api/collections/units/items", unit()).await, StatusCode::CREATED).await;
    let elsewhere = PgStore::open(nodes.database(), None, "elsewhere").await.unwrap();

    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let read = join_all((0..READERS).map(|_| async {
        while !is_over.load(Ordering::SeqCst) {
            let near = caller.read("/api/nearby?lon=103.2&lat=22.4&collections=units&limit=5").await;
            assert_eq!(near["features"].as_array().map(Vec::len), Some(1), "{near}");
            asked.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(READ_PAUSE).await;
        }
    }));
    let write = async {
        begin(&nodes);
        let until = Instant::now() + Duration::from_secs(rounds(AWAY_S.0, AWAY_S.1) as u64);
        let mut refused = Vec::new();
        while Instant::now() < until {
            refused.push(refused_write(&caller).await);
            tokio::time::sleep(WRITE_PAUSE).await;
        }
        let new = |_| put(Collection::Shelters, Uuid::now_v7(), json!({"name": "Trường", "capacity": 9}));
        let newest = elsewhere.append(call((0..CHANGES).map(new).collect())).await.unwrap().seq();
        end(&nodes);
        let back_at = Instant::now();
        let first_write = async {
            while caller.post("/api/collections/shelters/items", shelter()).await.status() != StatusCode::CREATED {
                assert!(back_at.elapsed() < PATIENCE, "no write is taken");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            back_at.elapsed()
        };
        let caught = async {
            caught_up(&nodes.bases()[0], newest).await;
            back_at.elapsed()
        };
        let (written, caught) = join(first_write, caught).await;
        is_over.store(true, Ordering::SeqCst);
        (refused, written, caught)
    };
    let (_, (mut refused, written, caught)) = join(read, write).await;
    refused.sort_unstable();
    println!(
        "database {how}: {} questions answered, none in vain; {} writes refused after {} ms in the middle and {} ms at \
         most; back, {CHANGES} changes were shown after {} ms, and the first write was taken after {} ms",
        asked.load(Ordering::SeqCst),
        refused.len(),
        refused[refused.len() / 2].as_millis(),
        refused[refused.len() - 1].as_millis(),
        caught.as_millis(),
        written.as_millis(),
    );
}

/// How long it took until the caller was told.
async fn refused_write(caller: &Caller) -> Duration {
    let asked_at = Instant::now();
    let answer = caller.post("/api/collections/shelters/items", shelter()).await;
    let after = asked_at.elapsed();
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = answer.json().await.unwrap();
    assert!(["store_unavailable", "unconfirmed"].contains(&body["code"].as_str().unwrap()), "{body}");
    after
}

/// What is asked for.
fn unit() -> Value {
    json!({"geometry": {"type": "Point", "coordinates": [103.2, 22.4]},
           "properties": {"name": "Tổ 1", "force": "police", "kind": "mobile_team"}})
}

/// What is written meanwhile, and not found by who asks for units.
fn shelter() -> Value {
    json!({"geometry": {"type": "Point", "coordinates": [103.2, 22.4]},
           "properties": {"name": "Trường", "capacity": 9}})
}
