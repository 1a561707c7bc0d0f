//! Who has not been heard: calls, other signs of people, and the order in which a duty officer should worry.

use geo_types::{Geometry, Point, polygon};
use serde_json::{Value, json};
use trucban::desk::{Ask, CallTold, Item, Silence, SilentCommune};
use trucban::domain::{Actor, Code, Collection, Role};
use uuid::Uuid;

use crate::desk_support::{NIGHT_MS, Room, officer, planner, point, refused};
use crate::store_support::object;

/// Mường Khoa and a place in it.
const COMMUNE: &str = "03601";
const PLACE: (f64, f64) = (103.66, 22.17);

async fn contact(room: &Room, name: &str) -> Uuid {
    let properties = object(json!({
        "name": name, "kind": "village_head", "hamlet": "Bản 1", "commune_code": COMMUNE, "duty_phone": "0000 700 001",
    }));
    let item = Item { geometry: None, properties };
    room.desk.create(&Ask::by(officer()), Collection::Contacts, None, item).await.unwrap().id()
}

fn told(reached: bool) -> CallTold {
    CallTold { reached, note: reached.then(|| " mưa to, suối dâng ".to_owned()) }
}

fn commune(room: &Room) -> SilentCommune {
    Silence::of(&room.view()).communes.into_iter().find(|commune| commune.code == COMMUNE).unwrap()
}

#[tokio::test]
async fn a_place_is_silent_until_somebody_answers_and_again_two_hours_later() {
    let room = Room::on_the_ground().await;
    let id = contact(&room, "Trưởng bản 1").await;
    let before = commune(&room);
    assert!(before.is_silent && before.heard.is_none() && before.contacts[0].is_silent);
    let call = |reached| {
        let room = &room;
        async move { room.desk.tell_call(&Ask::by(officer()), id, &told(reached)).await.unwrap() }
    };
    call(false).await;
    room.clock.go_s(600);
    call(false).await;
    let tried = commune(&room);
    assert_eq!((tried.contacts[0].tries, tried.is_silent), (2, true));
    room.clock.go_s(600);
    let written = call(true).await;
    assert_eq!(written.record.property("heard_note").unwrap(), "mưa to, suối dâng");
    let heard = commune(&room);
    assert_eq!((heard.contacts[0].tries, heard.is_silent, heard.contacts[0].is_silent), (0, false, false));
    assert_eq!(
        heard.heard.as_ref().map(|sign| (sign.by_way_of, sign.what.as_deref())),
        Some(("call", Some("duty_officer")))
    );
    room.clock.go_s(7_200);
    assert!(!commune(&room).is_silent, "two hours are not over two hours");
    room.clock.go_s(1);
    assert!(commune(&room).is_silent);
    let logged =
        room.view().all(Collection::DutyLog).filter(|entry| entry.text("kind").as_deref() == Some("call")).count();
    assert_eq!(logged, 3);
}

#[tokio::test]
async fn what_is_told_late_changes_nothing_that_is_newer() {
    let room = Room::on_the_ground().await;
    let id = contact(&room, "Trưởng bản 1").await;
    room.clock.go_s(3_600);
    room.desk.tell_call(&Ask::by(officer()), id, &told(true)).await.unwrap();
    let early = Ask::by(officer()).at(trucban::domain::Timestamp::from_ms(NIGHT_MS).plus_s(60));
    room.desk.tell_call(&early, id, &told(false)).await.unwrap();
    let found = commune(&room);
    assert_eq!((found.contacts[0].tries, found.contacts[0].is_silent), (0, false));
    assert_eq!(found.contacts[0].tried_at, found.heard.map(|sign| sign.at));
    let ahead = Ask::by(officer()).at(trucban::domain::Timestamp::from_ms(NIGHT_MS).plus_s(9_000));
    refused(room.desk.tell_call(&ahead, id, &told(true)).await, Code::FutureTime);
    let long = CallTold { reached: true, note: Some("x".repeat(1_001)) };
    refused(room.desk.tell_call(&Ask::by(officer()), id, &long).await, Code::LimitExceeded);
    refused(room.desk.tell_call(&Ask::by(officer()), Uuid::nil(), &told(true)).await, Code::NotFound);
    let looker = Actor::new("observer", Role::Observer, None);
    refused(room.desk.tell_call(&Ask::by(looker), id, &told(true)).await, Code::Forbidden);
}

#[tokio::test]
async fn a_report_from_there_is_a_sign_and_places_in_danger_come_first() {
    let room = Room::on_the_ground().await;
    let all = Silence::of(&room.view());
    assert_eq!((all.communes.len(), all.silent), (38, 38), "nothing is known of any commune");
    let (lon, lat) = PLACE;
    let area: Geometry = polygon![(x: lon, y: lat), (x: lon + 0.01, y: lat), (x: lon, y: lat + 0.01)].into();
    let valid_to = room.desk.now().plus_s(86_400).to_string();
    let properties = object(json!({"name": "Sườn", "kind": "landslide", "level": 3, "valid_to": valid_to}));
    let item = Item { geometry: Some(area), properties };
    room.desk.create(&Ask::by(planner()), Collection::RiskZones, None, item).await.unwrap();
    let first = Silence::of(&room.view()).communes.remove(0);
    assert_eq!((first.code.as_str(), first.level), (COMMUNE, Some(3)));
    let simulated = json!({"kind": "landslide", "channel": "simulation"});
    room.report_with(simulated, point(lon, lat)).await.unwrap();
    assert!(commune(&room).is_silent, "what a machine told is no sign of people");
    room.report("landslide", lon, lat).await;
    let after = Silence::of(&room.view());
    assert_eq!(after.silent, 37);
    assert_eq!(after.communes.last().map(|commune| commune.code.as_str()), Some(COMMUNE));
    assert_eq!(commune(&room).heard.map(|sign| sign.by_way_of), Some("incident"));
    assert_eq!(serde_json::to_value(commune(&room)).unwrap()["contacts"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_gauge_that_tells_nothing_is_counted() {
    let room = Room::on_the_ground().await;
    let (lon, lat) = PLACE;
    let properties = object(json!({"name": "Trạm đo mưa", "code": "MH-1"}));
    let item = Item { geometry: Some(Point::new(lon, lat).into()), properties };
    room.desk.create(&Ask::by(officer()), Collection::RainGauges, None, item).await.unwrap();
    assert_eq!((commune(&room).gauges, commune(&room).silent_gauges), (1, 1));
}
