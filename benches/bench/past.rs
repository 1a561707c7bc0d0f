//! A moment of the past: how long one takes to open in a year of a province, a million changes of 50,000 incidents, 400,000
//! entries of the log, 20,000 deployments and the units.
//!
//! Changes are written at the times of a year by a clock that leaps, so the journal is as it would be. This process has no
//! other clock from then on: it is the last that is measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::json;
use trucban::domain::moment::Moment;
use trucban::domain::{Collection, Timestamp};
use trucban::picture::{self, PastPictures};
use trucban::store::gpkg::{GpkgStore, OpenOptions};
use trucban::store::{Append, Put, Store, clock};
use uuid::Uuid;

use crate::report::Report;
use crate::world::{self, Folder};

const INCIDENTS: usize = 50_000;
const LOG_ENTRIES: usize = 400_000;
const DEPLOYMENTS: usize = 20_000;
/// What is changed once it is there: states of incidents, and of units.
const CHANGES: usize = 1_000_000;
const UNITS: usize = 200;
/// Incidents that are still worked on. Each comes in its turn, as each unit does: a call takes a record once, so chance would
/// cut a day into dozens of calls, and the year would be written for an hour.
const RECENT: usize = 2_000;
const DAYS: usize = 365;
const DAY_S: i64 = 86_400;
/// Moments that are opened.
const MOMENTS: usize = 20;

/// Measures it.
pub fn measure(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let folder = Folder::new("year");
        let start = Timestamp::parse("2025-01-01T00:00:00+07:00").expect("a time");
        clock::stand_at(start);
        let store: Arc<dyn Store> =
            GpkgStore::open(&folder.path, &OpenOptions::default()).expect("an empty folder becomes a store");
        let changes = live_through(&*store, start).await;
        // Read as at a start, so that memory holds what serving holds.
        store.close().await;
        let store: Arc<dyn Store> = GpkgStore::open(&folder.path, &OpenOptions::default()).expect("the same folder");
        let picture = picture::start(Arc::clone(&store)).await.expect("the picture of a year");
        let past = PastPictures::new(Arc::clone(&store), picture.clone());
        let mut rng = world::generator(71);
        for (what, of) in [("as it was known", as_known as fn(Timestamp) -> Moment), ("as it is known now", as_true)] {
            let mut times = Vec::with_capacity(MOMENTS);
            for _ in 0..MOMENTS {
                let at = start.plus_s(rng.random_range(0..DAYS as i64 * DAY_S));
                let began = Instant::now();
                past.of(of(at)).await.expect("a moment of the year");
                times.push(began.elapsed());
            }
            let (median, slowest) = (median_ms(&mut times), slowest_ms(&times));
            report.alone(
                &format!("a moment of a year of {changes} changes, {what}"),
                &format!("median {median:.0} ms, slowest of {MOMENTS} {slowest:.0} ms"),
                "≤ 2 s",
            );
        }
        store.close().await;
    });
}

fn as_known(at: Timestamp) -> Moment {
    Moment { at, known_at: at }
}

fn as_true(at: Timestamp) -> Moment {
    Moment { at, known_at: clock::now() }
}

fn median_ms(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}

fn slowest_ms(times: &[Duration]) -> f64 {
    times.iter().max().map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
}

/// Writes the year, a day at a time. How many changes.
async fn live_through(store: &dyn Store, start: Timestamp) -> usize {
    let mut rng = world::generator(70);
    let units: Vec<Uuid> = (0..UNITS).map(|_| Uuid::now_v7()).collect();
    let (mut changes, mut open) = (0, Vec::new());
    for day in 0..DAYS {
        let morning = start.plus_s(day as i64 * DAY_S);
        clock::go_to(morning);
        let of_day = |all: usize| all * (day + 1) / DAYS - all * day / DAYS;
        let mut puts = Vec::new();
        let at = |rng: &mut rand::rngs::StdRng| morning.plus_s(-rng.random_range(0..DAY_S)).to_string();
        for _ in 0..of_day(INCIDENTS) {
            let when = at(&mut rng);
            let id = Uuid::now_v7();
            let properties = json!({
                "kind": "landslide", "title": "Sạt lở đất", "state": "reported", "reported_at": when, "occurred_at": when,
                "severity": 2, "code": format!("LC-{day}-{}", puts.len()), "injured": 1,
            });
            open.push((id, properties.clone()));
            puts.push(put(Collection::Incidents, id, Some(world::position(&mut rng)), &properties));
        }
        for _ in 0..of_day(LOG_ENTRIES) {
            let when = at(&mut rng);
            let properties = json!({
                "kind": "note", "text": "Đồn báo cáo tình hình địa bàn trong ca, không có gì bất thường",
                "occurred_at": when, "author": "bench",
            });
            puts.push(put(Collection::DutyLog, Uuid::now_v7(), None, &properties));
        }
        for _ in 0..of_day(DEPLOYMENTS) {
            let when = at(&mut rng);
            let properties = json!({
                "purpose": "disaster", "force": "military", "started_at": when, "personnel": 12, "vehicles": 3,
            });
            puts.push(put(Collection::Deployments, Uuid::now_v7(), None, &properties));
        }
        for n in 0..of_day(CHANGES - INCIDENTS - LOG_ENTRIES - DEPLOYMENTS) {
            let when = at(&mut rng);
            if n % 4 == 0 {
                let unit = units[(n / 4) % UNITS];
                let properties = json!({
                    "name": "Tổ", "force": "military", "kind": "patrol", "status": "on_patrol", "status_at": when,
                });
                puts.push(put(Collection::Units, unit, None, &properties));
            } else {
                let recent = open.len().min(RECENT);
                let one = open.len() - 1 - n % recent;
                let (id, properties) = &mut open[one];
                properties["state"] = "verified".into();
                properties["verified_at"] = when.into();
                puts.push(put(Collection::Incidents, *id, Some(world::position(&mut rng)), properties));
            }
        }
        changes += puts.len();
        // One record once a call, as a desk writes.
        for some in once_a_call(puts) {
            let call = Append {
                idempotency: None,
                actor: Arc::from("bench"),
                exercise_id: None,
                expects: Vec::new(),
                puts: some,
            };
            store.append(call).await.expect("the store takes the year");
        }
    }
    clock::go_to(start.plus_s(DAYS as i64 * DAY_S));
    changes
}

/// The puts in their order, cut where a record would stand twice in a call.
fn once_a_call(puts: Vec<Put>) -> Vec<Vec<Put>> {
    let (mut calls, mut seen) = (vec![Vec::new()], std::collections::HashSet::new());
    for put in puts {
        if !seen.insert(put.id) {
            seen.clear();
            seen.insert(put.id);
            calls.push(Vec::new());
        }
        if let Some(call) = calls.last_mut() {
            call.push(put);
        }
    }
    calls
}

fn put(collection: Collection, id: Uuid, at: Option<(f64, f64)>, properties: &serde_json::Value) -> Put {
    let properties = properties.as_object().cloned().unwrap_or_default();
    let geometry = at.map(|(lon, lat)| geo_types::Point::new(lon, lat).into());
    // Told up to a day after it happened.
    let said = ["verified_at", "reported_at", "occurred_at", "started_at", "status_at"];
    let valid_at = said.iter().find_map(|name| Timestamp::parse(properties.get(*name)?.as_str()?).ok());
    Put { collection, id, valid_at, geometry, properties, personal: serde_json::Map::new() }
}
