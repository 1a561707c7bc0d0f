//! Risk zones through the desk, and what time alone makes of them.

use std::sync::Arc;
use std::time::Duration;

use geo_types::{Geometry, polygon};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trucban::desk::{Ask, Desk, Item, Patch, SystemClock};
use trucban::domain::{Code, Collection, Problem, Timestamp};
use trucban::watch;
use uuid::Uuid;

use crate::desk_support::{NIGHT_MS, Room, extra, planner, refused};
use crate::store_support::object;

fn slope() -> Geometry {
    polygon![(x: 103.10, y: 22.40), (x: 103.12, y: 22.40), (x: 103.12, y: 22.42), (x: 103.10, y: 22.42)].into()
}

fn after(minutes: i64) -> String {
    Timestamp::from_ms(NIGHT_MS + minutes * 60_000).to_string()
}

async fn draw(room: &Room, more: Value) -> Result<Uuid, Problem> {
    let mut properties = object(json!({"name": "Sườn A", "kind": "landslide", "valid_to": after(60)}));
    properties.extend(object(more));
    let item = Item { geometry: Some(slope()), properties };
    room.desk.create(&Ask::by(planner()), Collection::RiskZones, None, item).await.map(|written| written.id())
}

fn seen(room: &Room, id: Uuid) -> Ask {
    Ask::by(planner()).if_match(room.version(Collection::RiskZones, id))
}

#[tokio::test]
async fn a_zone_needs_no_more_than_name_hazard_and_end() {
    let room = Room::new().await;
    let id = draw(&room, json!({})).await.unwrap();
    let zone = |name: &str| room.property(Collection::RiskZones, id, name);
    assert_eq!((zone("owner"), zone("state")), ("planner".into(), "in_force".into()));
    assert_eq!(zone("valid_from"), after(0));
    assert!(zone("level").is_null());
    assert!(zone("code").as_str().is_some_and(|code| code.starts_with("VN-2026-Q4-")));
    refused(draw(&room, json!({"valid_to": null})).await, Code::MissingField);
    refused(draw(&room, json!({"valid_to": after(-1)})).await, Code::InvalidValue);
    refused(draw(&room, json!({"valid_from": after(70)})).await, Code::InvalidValue);
    refused(draw(&room, json!({"level": 6})).await, Code::InvalidValue);
    refused(draw(&room, json!({"state": "in_force"})).await, Code::FieldNotSettable);
    let later = draw(&room, json!({"valid_from": after(10)})).await.unwrap();
    assert_eq!(room.property(Collection::RiskZones, later, "state"), "approved");
}

#[tokio::test]
async fn a_zone_is_edited_superseded_and_ended() {
    let room = Room::new().await;
    let id = draw(&room, json!({})).await.unwrap();
    let state = |id| room.property(Collection::RiskZones, id, "state");
    let patch = Patch { geometry: None, properties: object(json!({"level": 3, "valid_from": after(5)})) };
    room.desk.patch(&seen(&room, id), Collection::RiskZones, id, patch).await.unwrap();
    assert_eq!(state(id), "approved");
    let bad = Patch { geometry: Some(None), ..Patch::default() };
    refused(room.desk.patch(&seen(&room, id), Collection::RiskZones, id, bad).await, Code::MissingField);
    refused(room.desk.end_zone(&seen(&room, id), id, " ".into()).await, Code::MissingField);
    refused(room.desk.end_zone(&Ask::by(planner()), id, "hết mưa".into()).await, Code::PreconditionRequired);

    let next = draw(&room, json!({"supersedes": id})).await.unwrap();
    assert_eq!((state(id), state(next)), ("superseded".into(), "in_force".into()));
    room.desk.end_zone(&seen(&room, next), next, "hết mưa".into()).await.unwrap();
    assert_eq!(state(next), "revoked");
    assert_eq!(room.property(Collection::RiskZones, next, "end_reason"), "hết mưa");
    let problem = refused(room.desk.end_zone(&seen(&room, next), next, "nữa".into()).await, Code::ForbiddenTransition);
    assert_eq!(extra(&problem, "state"), "revoked");
    let patch = Patch { geometry: None, properties: object(json!({"level": 1})) };
    refused(room.desk.patch(&seen(&room, next), Collection::RiskZones, next, patch).await, Code::ForbiddenTransition);

    let third = draw(&room, json!({})).await.unwrap();
    room.desk.end(&seen(&room, third), Collection::RiskZones, third, None).await.unwrap();
    assert_eq!(state(third), "revoked");
}

#[tokio::test]
async fn time_turns_a_zone_once() {
    let room = Room::new().await;
    let id = draw(&room, json!({"valid_from": after(10)})).await.unwrap();
    let state = || room.property(Collection::RiskZones, id, "state");
    assert!(room.desk.turn_zone(id).await.unwrap().changes.is_empty());
    room.clock.go_s(600);
    let (first, second) = tokio::join!(room.desk.turn_zone(id), room.desk.turn_zone(id));
    assert_eq!(first.unwrap().changes.len() + second.unwrap().changes.len(), 2, "the zone and its entry, once");
    assert_eq!(state(), "in_force");
    room.clock.go_s(3_000);
    let expired = room.desk.turn_zone(id).await.unwrap();
    assert_eq!(state(), "expired");
    assert_eq!(expired.record.property("ended_at").unwrap(), after(60));
    assert_eq!(expired.record.property("ended_by").unwrap(), "system");
    assert!(room.desk.turn_zone(id).await.unwrap().changes.is_empty());
}

#[tokio::test]
async fn the_watch_expires_a_zone_when_its_time_has_come() {
    let room = Room::new().await;
    let desk = Desk::new(Arc::clone(&room.store), room.desk.picture().clone(), Arc::new(SystemClock));
    let stop = CancellationToken::new();
    let leads = tokio::sync::watch::Sender::new(false);
    let task = watch::start(desk.clone(), leads.subscribe(), stop.clone());
    let end = Timestamp::from_ms(desk.now().as_ms() + 400);
    let properties = json!({"name": "Sườn B", "kind": "landslide", "valid_to": end.to_string()});
    let item = Item { geometry: Some(slope()), properties: object(properties) };
    let id = desk.create(&Ask::by(planner()), Collection::RiskZones, None, item).await.unwrap().id();
    let state = || room.property(Collection::RiskZones, id, "state");
    assert_eq!(state(), "in_force");
    // Another process does what is done once, until this one is told to.
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(state(), "in_force");
    leads.send_replace(true);
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while state() != "expired" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap();
    let ended = |kind: &str| room.view().all(Collection::DutyLog).filter(|e| e.text("kind").unwrap() == kind).count();
    assert_eq!((ended("zone_drawn"), ended("zone_ended")), (1, 1));
    stop.cancel();
    task.await.unwrap();
}
