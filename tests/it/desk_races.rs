//! Races and repetitions: the store settles them, the desk answers with the present record.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use geo_types::{Geometry, Point};
use serde_json::json;
use trucban::desk::{Ask, Caller, IncidentVerb, Item, Patch, StatusReport};
use trucban::domain::{Code, Collection};
use trucban::store::Append;
use uuid::Uuid;

use crate::desk_support::{Room, close, extra, officer, refused, sound_history, update};
use crate::store_support::{call, object, put};

const WRITERS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_conflicting_writes_one_gets_in_and_the_others_see_the_record() {
    let room = Arc::new(Room::new().await);
    let id = room.report("landslide", 103.0, 22.2).await;
    let unit = room.unit_at("A", 103.1, 22.3).await;
    let (seen, unit_version) = (room.version(Collection::Incidents, id), room.version(Collection::Units, unit));
    let tasks: Vec<_> = (0..WRITERS)
        .map(|number| {
            let room = Arc::clone(&room);
            tokio::spawn(async move {
                let ask = Ask::by(officer()).if_match(seen);
                let verb = async |verb| room.desk.incident(&ask, id, verb).await.map(|_| id);
                match number % 6 {
                    0 => verb(IncidentVerb::Verify { text: None }).await,
                    1 => verb(IncidentVerb::Monitor { text: None }).await,
                    2 => verb(IncidentVerb::Reject { reason: "nhầm".into() }).await,
                    3 => verb(update("mưa to")).await,
                    4 => room.desk.assign(&ask, id, unit).await.map(|_| id),
                    _ => {
                        let report = StatusReport { status: "en_route".into(), source: None };
                        let ask = Ask::by(officer()).if_match(unit_version);
                        room.desk.set_status(&ask, unit, report).await.map(|_| unit)
                    }
                }
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(id) => winners.push(id),
            Err(problem) => {
                assert_eq!(problem.code, Code::VersionConflict, "{problem}");
                let present = extra(&problem, "present");
                assert!(present["properties"]["version"].as_u64().is_some_and(|version| version > 1), "{present}");
            }
        }
    }
    assert!(winners.iter().filter(|winner| **winner == id).count() == 1, "{winners:?}");
    // An assignment that won takes the unit along; then no status that rested on the older unit got in.
    assert!(winners.iter().filter(|winner| **winner == unit).count() <= 1);
    sound_history(room.store.as_ref(), Collection::Incidents, id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_who_read_again_and_go_on_never_break_the_table() {
    let room = Arc::new(Room::new().await);
    let id = room.report("landslide", 103.0, 22.2).await;
    let units = [room.unit_at("A", 103.1, 22.3).await, room.unit_at("B", 103.1, 22.3).await];
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let room = Arc::clone(&room);
            tokio::spawn(async move {
                for step in 0..10 {
                    let ask = room.seen(id);
                    let unit = units[(number + step) % 2];
                    let result = match (number + step) % 8 {
                        0 => room.desk.incident(&ask, id, IncidentVerb::Verify { text: None }).await.map(|_| ()),
                        1 => room.desk.assign(&ask, id, unit).await.map(|_| ()),
                        2 => room.desk.release(&ask, id, unit).await.map(|_| ()),
                        3 => room.status(unit, "on_scene").await.map(|_| ()),
                        4 => room.desk.incident(&ask, id, IncidentVerb::Contain { text: None }).await.map(|_| ()),
                        5 => room.desk.incident(&ask, id, close()).await.map(|_| ()),
                        6 => room.verb(id, IncidentVerb::Reopen { reason: "lại".into() }).await.map(|_| ()),
                        _ => room.desk.incident(&ask, id, IncidentVerb::Start { text: None }).await.map(|_| ()),
                    };
                    if let Err(problem) = result {
                        let expected = [Code::VersionConflict, Code::ForbiddenTransition, Code::NotFound];
                        assert!(expected.contains(&problem.code), "{problem}");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    sound_history(room.store.as_ref(), Collection::Incidents, id).await;
    // Both sides of every assignment agree, in every version of the picture that readers can get.
    let assigned = room.incident(id, "unit_ids").as_array().cloned().unwrap_or_default();
    for unit in units {
        let works_here = room.unit(unit, "incident_id") == id.to_string();
        assert_eq!(works_here, assigned.contains(&json!(unit)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_and_statuses_without_a_version_all_get_in() {
    let room = Arc::new(Room::new().await);
    let id = room.report("landslide", 103.0, 22.2).await;
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let room = Arc::clone(&room);
            tokio::spawn(async move {
                let caller = Caller { phone: Some(format!("0900 000 {number:03}")), ..Caller::default() };
                room.desk.add_caller(&Ask::by(officer()), id, caller).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(room.incident(id, "caller_count"), 51);
    let phones: HashSet<String> = room
        .incident(id, "callers")
        .as_array()
        .unwrap()
        .iter()
        .map(|caller| caller["phone"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(phones.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_happens_once_and_answers_the_same() {
    let room = Room::new().await;
    let id = room.report("landslide", 103.0, 22.2).await;
    let ask = room.seen(id).once(Uuid::now_v7(), [1; 32]);
    let verify = || IncidentVerb::Verify { text: None };
    let first = room.desk.incident(&ask, id, verify()).await.unwrap();
    assert!(!first.replayed);
    // The incident has gone on: the second decision alone would be refused.
    room.verb(id, IncidentVerb::Monitor { text: None }).await.unwrap();
    let again = room.desk.incident(&ask, id, verify()).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.record, first.record);
    assert_eq!(room.log_kinds(id), ["reported", "verified", "monitoring"]);
    let other_body = Ask {
        idempotency: ask.idempotency.map(|mut i| {
            i.body_hash = [2; 32];
            i
        }),
        ..ask
    };
    refused(room.desk.incident(&other_body, id, verify()).await, Code::IdempotencyMismatch);
    refused(room.desk.incident(&other_body, id, IncidentVerb::Unmerge).await, Code::IdempotencyMismatch);

    let create = Ask::by(officer()).once(Uuid::now_v7(), [3; 32]);
    let item =
        || Item { geometry: None, properties: object(json!({"name": "Trưởng bản", "kind": "village_head"})) };
    let first = room.desk.create(&create, Collection::Contacts, None, item()).await.unwrap();
    let again = room.desk.create(&create, Collection::Contacts, None, item()).await.unwrap();
    assert!(again.replayed && again.id() == first.id());
    assert_eq!(room.view().all(Collection::Contacts).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_unit_whose_call_was_cut_off_before_its_place_gets_it_when_the_call_is_repeated() {
    let room = Room::new().await;
    let ask = Ask::by(officer()).once(Uuid::now_v7(), [1; 32]);
    let properties = json!({"name": "Tổ 1", "force": "police", "kind": "mobile_team"});
    let id = Uuid::now_v7();
    let mut made = put(Collection::Units, id, properties.clone());
    made.geometry = None;
    let made = room.store.append(Append { idempotency: ask.idempotency, ..call(vec![made]) }).await.unwrap();
    room.desk.picture().wait_for(made.seq(), Duration::from_secs(20)).await.unwrap();

    let at =
        |lon| Item { geometry: Some(Geometry::Point(Point::new(lon, 22.4))), properties: object(properties.clone()) };
    let again = room.desk.create(&ask, Collection::Units, Some(id), at(103.2)).await.unwrap();
    assert!(again.replayed);
    let place = || room.view().item(Collection::Units, id).unwrap().geometry().cloned();
    assert_eq!(place(), Some(Geometry::Point(Point::new(103.2, 22.4))));
    // A unit that was placed, or has moved since, stays where it is.
    room.clock.go_s(60);
    room.desk.create(&ask, Collection::Units, Some(id), at(103.5)).await.unwrap();
    assert_eq!(place(), Some(Geometry::Point(Point::new(103.2, 22.4))));
}

#[tokio::test]
async fn a_stale_version_is_answered_with_the_present_record() {
    let room = Room::new().await;
    let item = Item { geometry: None, properties: object(json!({"name": "Y tế xã", "kind": "clinic"})) };
    let id = room.desk.create(&Ask::by(officer()), Collection::Contacts, None, item).await.unwrap().id();
    let patch = |name: &str| Patch { geometry: None, properties: object(json!({"name": name})) };
    let ask = Ask::by(officer()).if_match(1);
    room.desk.patch(&ask, Collection::Contacts, id, patch("Trạm y tế")).await.unwrap();
    let problem = refused(room.desk.patch(&ask, Collection::Contacts, id, patch("Khác")).await, Code::VersionConflict);
    let present = extra(&problem, "present");
    assert_eq!(present["properties"]["name"], "Trạm y tế");
    assert_eq!(present["properties"]["version"], 2);
}
