//! How long the board of who is still inside takes.

use std::time::{Duration, Instant};

use geo_types::Point;
use serde_json::json;
use trucban::desk::Ask;
use trucban::domain::evacuation::State;
use trucban::domain::{Collection, Timestamp};
use uuid::Uuid;

use crate::desk_evacuation::report;
use crate::desk_support::{NIGHT_MS, Room, planner};
use crate::store_support::{call, put};
use crate::support::random::Random;

/// `cargo test --release --test it board_of_a_hundred -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures; a minute"]
async fn how_long_the_board_of_a_hundred_thousand_households_takes() {
    let room = Room::new().await;
    let mut random = Random::new(7);
    let mut ids = Vec::new();
    for _ in 0..20 {
        let one = |random: &mut Random| {
            let (lon, lat) = (random.between(102.5, 103.9), random.between(21.7, 22.7));
            let properties = json!({"member_count": 1 + random.below(8), "state": "registered"});
            let put = put(Collection::Households, random.uuid(), properties);
            trucban::store::Put { geometry: Some(Point::new(lon, lat).into()), ..put }
        };
        let puts: Vec<_> = (0..5_000).map(|_| one(&mut random)).collect();
        ids.extend(puts.iter().map(|put| put.id));
        let seq = room.store.append(call(puts)).await.unwrap().seq();
        room.desk.picture().wait_for(seq, Duration::from_secs(60)).await.unwrap();
    }
    let end = Timestamp::from_ms(NIGHT_MS + 86_400_000).to_string();
    let zones: Vec<_> = (0..200)
        .map(|n| {
            let (lon, lat) = (random.between(102.5, 103.8), random.between(21.7, 22.6));
            let ring: Vec<(f64, f64)> = (0..40)
                .map(|k| {
                    let turn = f64::from(k) / 40.0 * std::f64::consts::TAU;
                    (lon + 0.05 * turn.cos(), lat + 0.04 * turn.sin())
                })
                .collect();
            let area = geo_types::Polygon::new(ring.into(), vec![]);
            let properties =
                json!({"name": format!("Vùng {n}"), "kind": "landslide", "state": "in_force", "valid_to": end});
            trucban::store::Put { geometry: Some(area.into()), ..put(Collection::RiskZones, random.uuid(), properties) }
        })
        .collect();
    let zone_ids: Vec<Uuid> = zones.iter().map(|zone| zone.id).collect();
    let seq = room.store.append(call(zones)).await.unwrap().seq();
    room.desk.picture().wait_for(seq, Duration::from_secs(60)).await.unwrap();
    let timed = |room: &Room| {
        let began = Instant::now();
        let board = room.board();
        (began.elapsed(), board)
    };
    let (first, board) = timed(&room);
    println!("first: {first:?}; in zones: {} people", board.total.people.registered);
    let (again, _) = timed(&room);
    println!("nothing changed: {again:?}");
    let mut times = Vec::new();
    for n in 0..20 {
        room.tell(ids[n * 37], report(State::Notified, None, None)).await.unwrap();
        times.push(timed(&room).0);
    }
    times.sort();
    println!("after one report: median {:?}, worst {:?}", times[10], times[19]);
    assert!(times[10] < Duration::from_secs(2));
    let ask = Ask::by(planner()).if_match(1);
    room.desk.end_zone(&ask, zone_ids[0], "hết".into()).await.unwrap();
    println!("after a zone ended: {:?}", timed(&room).0);
}
