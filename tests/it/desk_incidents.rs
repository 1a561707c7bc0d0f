//! Incidents through the desk: which verb may follow which state, assignments and queues, merging, callers.

use serde_json::json;
use trucban::desk::{Ask, Caller, IncidentVerb};
use trucban::domain::{Code, Collection};
use uuid::Uuid;

use crate::desk_support::{Room, close, extra, field_unit, officer, planner, point, refused, update};

/// Each verb with the states in which it is allowed and where it leads (`=` keeps the state), as DOMAIN.md 2.1 has it.
const TABLE: &[(&str, &[(&str, &str)])] = &[
    ("verify", &[("reported", "verified")]),
    ("reject", &[("reported", "rejected")]),
    (
        "merge",
        &[
            ("reported", "merged"),
            ("verified", "merged"),
            ("dispatched", "merged"),
            ("in_progress", "merged"),
            ("monitoring", "merged"),
            ("contained", "merged"),
        ],
    ),
    ("unmerge", &[("merged", "reported")]),
    ("monitor", &[("reported", "monitoring"), ("verified", "monitoring")]),
    ("start", &[("dispatched", "in_progress"), ("contained", "in_progress")]),
    ("contain", &[("in_progress", "contained")]),
    (
        "update",
        &[
            ("reported", "="),
            ("verified", "="),
            ("dispatched", "="),
            ("in_progress", "="),
            ("monitoring", "="),
            ("contained", "="),
            ("handed_over", "="),
        ],
    ),
    ("handover", &[("in_progress", "handed_over"), ("contained", "handed_over")]),
    (
        "close",
        &[
            ("verified", "closed"),
            ("in_progress", "closed"),
            ("monitoring", "closed"),
            ("contained", "closed"),
            ("handed_over", "closed"),
        ],
    ),
    ("reopen", &[("closed", "in_progress"), ("rejected", "in_progress")]),
    (
        "assign",
        &[
            ("reported", "dispatched"),
            ("verified", "dispatched"),
            ("monitoring", "dispatched"),
            ("dispatched", "="),
            ("in_progress", "="),
            ("contained", "="),
        ],
    ),
];

const STATES: &[&str] = &[
    "reported",
    "verified",
    "dispatched",
    "in_progress",
    "monitoring",
    "contained",
    "handed_over",
    "closed",
    "rejected",
    "merged",
];

fn handover() -> IncidentVerb {
    IncidentVerb::HandOver { agency: "Công an tỉnh".into(), record_no: "12/BB".into(), text: None }
}

/// An incident brought to `state` by verbs, and a free unit.
async fn incident_in(room: &Room, state: &str, number: usize) -> (Uuid, Uuid) {
    let unit = room.unit_at(&format!("T{number}"), 103.2, 22.3).await;
    let id = room.report("landslide", 103.0, 22.2).await;
    let verb = async |verb| room.verb(id, verb).await.unwrap();
    match state {
        "verified" => drop(verb(IncidentVerb::Verify { text: None }).await),
        "dispatched" => assert!(!room.assign(id, room.unit_at(&format!("D{number}"), 103.1, 22.3).await).await),
        "in_progress" | "contained" | "handed_over" | "closed" => {
            room.assign(id, room.unit_at(&format!("D{number}"), 103.1, 22.3).await).await;
            verb(IncidentVerb::Start { text: None }).await;
            match state {
                "contained" => drop(verb(IncidentVerb::Contain { text: None }).await),
                "handed_over" => drop(verb(handover()).await),
                "closed" => drop(verb(close()).await),
                _ => {}
            }
        }
        "monitoring" => drop(verb(IncidentVerb::Monitor { text: None }).await),
        "rejected" => drop(verb(IncidentVerb::Reject { reason: "nhầm".into() }).await),
        "merged" => {
            let into = room.report("landslide", 103.0, 22.2).await;
            verb(IncidentVerb::Merge { into }).await;
        }
        _ => {}
    }
    assert_eq!(room.incident(id, "state"), state);
    (id, unit)
}

#[tokio::test]
async fn every_verb_in_every_state_is_taken_or_refused_as_the_table_says() {
    let room = Room::new().await;
    let target = room.report("landslide", 104.0, 22.9).await;
    let mut number = 0;
    for (name, allowed) in TABLE {
        for state in STATES {
            number += 1;
            let (id, unit) = incident_in(&room, state, number).await;
            let before = room.version(Collection::Incidents, id);
            let seen = room.seen(id);
            let verb = match *name {
                "verify" => IncidentVerb::Verify { text: None },
                "reject" => IncidentVerb::Reject { reason: "nhầm".into() },
                "merge" => IncidentVerb::Merge { into: target },
                "unmerge" => IncidentVerb::Unmerge,
                "monitor" => IncidentVerb::Monitor { text: None },
                "start" => IncidentVerb::Start { text: None },
                "contain" => IncidentVerb::Contain { text: None },
                "update" => update("mưa to"),
                "handover" => handover(),
                "close" => close(),
                _ => IncidentVerb::Reopen { reason: "lại sạt".into() },
            };
            let result = match *name {
                "assign" => room.desk.assign(&seen, id, unit).await.map(|assigned| assigned.written),
                _ => room.desk.incident(&seen, id, verb).await,
            };
            let leads = allowed.iter().find(|(from, _)| from == state).map(|(_, to)| *to);
            match leads {
                Some(to) => {
                    assert!(result.is_ok(), "{name} in {state}: {:?}", result.unwrap_err());
                    let expected = if to == "=" { *state } else { to };
                    assert_eq!(room.incident(id, "state"), expected, "{name} in {state}");
                    assert!(room.version(Collection::Incidents, id) > before);
                }
                None => {
                    let problem = refused(result, Code::ForbiddenTransition);
                    assert_eq!(extra(&problem, "state"), *state, "{name}");
                    assert!(extra(&problem, "allowed").as_array().is_some_and(|list| !list.is_empty()), "{name}");
                    assert!(extra(&problem, "verbs").as_array().is_some_and(|list| !list.is_empty()), "{name}");
                    assert_eq!(room.version(Collection::Incidents, id), before, "{name} in {state}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_report_gets_code_commune_sector_chainage_and_title() {
    let room = Room::on_the_ground().await;
    let id = room.report("landslide", 103.17, 22.60).await;
    let code = room.incident(id, "code");
    assert!(code.as_str().unwrap().starts_with("LC-2026-Q4-"), "{code}");
    assert_eq!(room.incident(id, "admin_unit"), "03549");
    let km = room.incident(id, "chainage_km").as_f64().unwrap();
    assert!((182.0..185.0).contains(&km), "{km}");
    assert!(room.incident(id, "sector_id").is_string());
    assert_eq!(room.incident(id, "title"), "Sạt lở đất, Xã Phong Thổ");
    assert_eq!(room.incident(id, "located_by"), "coordinates");
    assert_eq!(room.log_kinds(id), ["reported"]);

    let far = room.report("fire", 105.8, 21.0).await;
    assert!(room.incident(far, "admin_unit").is_null() && room.incident(far, "sector_id").is_null());
}

#[tokio::test]
async fn a_unit_leads_its_incident_along() {
    let room = Room::new().await;
    let unit = room.unit_at("CA-1", 103.1, 22.3).await;
    let id = room.report("accident", 103.0, 22.2).await;
    assert!(!room.assign(id, unit).await);
    assert_eq!(room.incident(id, "state"), "dispatched");
    assert_eq!(room.unit(unit, "status"), "dispatched");
    assert_eq!(room.unit(unit, "incident_id"), id.to_string());
    assert!(room.incident(id, "first_assigned_at").is_string());

    room.clock.go_s(600);
    room.status(unit, "on_scene").await.unwrap();
    assert_eq!(room.incident(id, "state"), "in_progress");
    assert!(room.incident(id, "first_on_scene_at").is_string());

    room.verb(id, close()).await.unwrap();
    assert_eq!(room.unit(unit, "status"), "available");
    assert!(room.unit(unit, "incident_id").is_null());
    assert!(room.incident(id, "unit_ids").is_null());
    let expected = ["reported", "assigned", "started", "unit_status", "released", "closed"];
    assert_eq!(room.log_kinds(id), expected);
}

#[tokio::test]
async fn the_last_unit_released_leaves_the_incident_verified() {
    let room = Room::new().await;
    let id = room.report("accident", 103.0, 22.2).await;
    let units = [room.unit_at("A", 103.1, 22.3).await, room.unit_at("B", 103.1, 22.3).await];
    for unit in units {
        room.assign(id, unit).await;
    }
    room.desk.release(&room.seen(id), id, units[0]).await.unwrap();
    assert_eq!(room.incident(id, "state"), "dispatched");
    room.desk.release(&room.seen(id), id, units[1]).await.unwrap();
    assert_eq!(room.incident(id, "state"), "verified");
    assert_eq!(room.unit(units[1], "status"), "available");
    refused(room.desk.release(&room.seen(id), id, units[1]).await, Code::NotFound);
}

#[tokio::test]
async fn assigning_a_busy_unit_queues_and_changes_no_status() {
    let room = Room::new().await;
    let unit = room.unit_at("A", 103.1, 22.3).await;
    let [first, second, third] = [
        room.report("accident", 103.0, 22.2).await,
        room.report("fire", 103.3, 22.2).await,
        room.report("medical", 103.5, 22.2).await,
    ];
    room.assign(first, unit).await;
    room.status(unit, "on_scene").await.unwrap();
    let status_at = room.unit(unit, "status_at");
    assert!(room.assign(second, unit).await);
    assert!(room.assign(third, unit).await);
    assert_eq!(room.unit(unit, "status"), "on_scene");
    assert_eq!(room.unit(unit, "status_at"), status_at);
    assert_eq!(room.incident(second, "state"), "reported");
    assert_eq!(room.incident(second, "queued_unit_ids"), json!([unit]));

    // The second is withdrawn while it waits; the third gets the unit when the first closes.
    room.verb(second, IncidentVerb::Reject { reason: "nhầm".into() }).await.unwrap();
    room.verb(first, close()).await.unwrap();
    assert_eq!(room.unit(unit, "status"), "dispatched");
    assert_eq!(room.unit(unit, "incident_id"), third.to_string());
    assert!(room.unit(unit, "queued_incident_ids").is_null());
    assert_eq!(room.incident(third, "state"), "dispatched");
    assert_eq!(room.incident(third, "unit_ids"), json!([unit]));
    assert!(room.incident(third, "queued_unit_ids").is_null());
}

#[tokio::test]
async fn a_unit_that_cannot_go_is_not_sent() {
    let room = Room::new().await;
    let unit = room.unit_at("A", 103.1, 22.3).await;
    let id = room.report("fire", 103.0, 22.2).await;
    room.status(unit, "off_duty").await.unwrap();
    refused(room.desk.assign(&room.seen(id), id, unit).await, Code::ForbiddenTransition);
    refused(room.desk.assign(&room.seen(id), id, Uuid::now_v7()).await, Code::UnknownUnit);
    refused(room.desk.assign(&Ask::by(officer()), id, unit).await, Code::PreconditionRequired);
    refused(room.desk.assign(&Ask::by(planner()).if_match(1), id, unit).await, Code::Forbidden);
}

#[tokio::test]
async fn a_merge_moves_callers_and_units_and_can_be_undone() {
    let room = Room::new().await;
    let place = point(103.0, 22.2);
    let said = json!({"kind": "landslide", "reporter_phone": "0900 000 001"});
    let first = room.report_with(said, place.clone()).await.unwrap().id();
    let said = json!({"kind": "rockfall", "reporter_phone": "0900 000 002", "reporter_name": "Người báo"});
    let second = room.report_with(said, place).await.unwrap().id();
    let [working, waiting] = [room.unit_at("A", 103.1, 22.3).await, room.unit_at("B", 103.1, 22.3).await];
    let other = room.report("fire", 103.6, 22.0).await;
    room.assign(second, working).await;
    room.assign(other, waiting).await;
    room.assign(second, waiting).await;
    room.status(working, "on_scene").await.unwrap();

    room.verb(second, IncidentVerb::Merge { into: first }).await.unwrap();
    assert_eq!(room.incident(second, "state"), "merged");
    assert_eq!(room.incident(second, "merged_into"), first.to_string());
    assert_eq!(room.incident(first, "state"), "in_progress");
    assert_eq!(room.incident(first, "unit_ids"), json!([working]));
    assert_eq!(room.incident(first, "queued_unit_ids"), json!([waiting]));
    assert_eq!(room.unit(working, "incident_id"), first.to_string());
    assert_eq!(room.unit(working, "status"), "on_scene");
    assert_eq!(room.unit(waiting, "queued_incident_ids"), json!([first]));
    assert_eq!(room.incident(first, "caller_count"), 2);
    assert_eq!(room.incident(first, "callers").as_array().unwrap().len(), 2);
    assert_eq!(room.desk.merged_with(&room.view(), first), [first, second]);
    let caller = Caller { phone: Some("0900 000 003".into()), ..Caller::default() };
    let problem = refused(room.desk.add_caller(&Ask::by(officer()), second, caller).await, Code::ForbiddenTransition);
    assert_eq!(extra(&problem, "merged_into"), first.to_string());

    room.verb(second, IncidentVerb::Unmerge).await.unwrap();
    assert_eq!(room.incident(second, "state"), "in_progress");
    assert_eq!(room.incident(second, "unit_ids"), json!([working]));
    assert_eq!(room.incident(second, "queued_unit_ids"), json!([waiting]));
    assert!(room.incident(second, "merged_into").is_null() && room.incident(second, "merged_from").is_null());
    assert!(room.incident(first, "unit_ids").is_null() && room.incident(first, "merged_from").is_null());
    assert_eq!(room.unit(waiting, "queued_incident_ids"), json!([second]));
    assert_eq!(room.incident(first, "caller_count"), 1);
    assert_eq!(room.incident(first, "callers").as_array().unwrap().len(), 1);
    assert_eq!(room.desk.merged_with(&room.view(), first), [first]);
}

#[tokio::test]
async fn merging_where_it_cannot_lead_is_refused() {
    let room = Room::new().await;
    let [a, b, c] = [
        room.report("fire", 103.0, 22.2).await,
        room.report("fire", 103.0, 22.2).await,
        room.report("fire", 103.0, 22.2).await,
    ];
    let merge = |into| IncidentVerb::Merge { into };
    refused(room.verb(a, merge(a)).await, Code::ForbiddenTransition);
    refused(room.verb(a, merge(Uuid::now_v7())).await, Code::UnknownReference);
    room.verb(b, IncidentVerb::Reject { reason: "nhầm".into() }).await.unwrap();
    refused(room.verb(a, merge(b)).await, Code::ForbiddenTransition);
    room.verb(b, IncidentVerb::Reopen { reason: "thật".into() }).await.unwrap();
    room.verb(a, merge(b)).await.unwrap();
    room.verb(b, merge(c)).await.unwrap();
    assert_eq!(room.desk.merged_with(&room.view(), c), [c, b, a]);
    let problem = refused(room.verb(a, IncidentVerb::Unmerge).await, Code::ForbiddenTransition);
    assert_eq!(extra(&problem, "merged_into"), c.to_string());
    room.verb(b, IncidentVerb::Unmerge).await.unwrap();
    room.verb(a, IncidentVerb::Unmerge).await.unwrap();
    assert_eq!(room.incident(a, "state"), "reported");
}

#[tokio::test]
async fn the_first_to_acknowledge_has_it_and_the_second_is_told_who() {
    let room = Room::new().await;
    let id = room.report("fire", 103.0, 22.2).await;
    let first = room.desk.incident(&Ask::by(officer()), id, IncidentVerb::Acknowledge).await.unwrap();
    assert_eq!(first.changes.len(), 2);
    let mut other = officer();
    other.name = "second_officer".into();
    let second = room.desk.incident(&Ask::by(other), id, IncidentVerb::Acknowledge).await.unwrap();
    assert!(second.changes.is_empty());
    assert_eq!(second.record.property("acknowledged_by").unwrap(), "duty_officer");
    assert_eq!(room.log_kinds(id), ["reported", "acknowledged"]);
}

#[tokio::test]
async fn reopening_clears_whatever_was_pending() {
    let room = Room::new().await;
    let id = room.report("fire", 103.0, 22.2).await;
    room.desk.incident(&Ask::by(officer()), id, IncidentVerb::Acknowledge).await.unwrap();
    room.verb(id, IncidentVerb::Verify { text: None }).await.unwrap();
    room.verb(id, close()).await.unwrap();
    assert_eq!(room.incident(id, "outcome"), "resolved");
    refused(room.verb(id, IncidentVerb::Reopen { reason: "  ".into() }).await, Code::MissingField);
    room.verb(id, IncidentVerb::Reopen { reason: "bùng lại".into() }).await.unwrap();
    for timer in ["outcome", "closed_at", "contained_at", "acknowledged_at", "acknowledged_by"] {
        assert!(room.incident(id, timer).is_null(), "{timer}");
    }
}

#[tokio::test]
async fn what_a_verb_needs_is_asked_for() {
    let room = Room::new().await;
    let id = room.report("fire", 103.0, 22.2).await;
    for (verb, code) in [
        (IncidentVerb::Reject { reason: String::new() }, Code::MissingField),
        (IncidentVerb::Close { outcome: String::new(), text: None }, Code::MissingField),
        (IncidentVerb::Close { outcome: "fine".into(), text: None }, Code::InvalidValue),
        (IncidentVerb::Verify { text: Some("x".repeat(3_001)) }, Code::LimitExceeded),
        (IncidentVerb::Verify { text: Some("a\u{0}b".into()) }, Code::InvalidValue),
        (update(""), Code::MissingField),
        (IncidentVerb::HandOver { agency: "CA".into(), record_no: " ".into(), text: None }, Code::MissingField),
    ] {
        refused(room.verb(id, verb).await, code);
    }
    refused(
        room.desk.incident(&Ask::by(officer()), id, IncidentVerb::Verify { text: None }).await,
        Code::PreconditionRequired,
    );
    let stale = Ask::by(officer()).if_match(9);
    let problem =
        refused(room.desk.incident(&stale, id, IncidentVerb::Verify { text: None }).await, Code::VersionConflict);
    assert_eq!(extra(&problem, "present")["id"], id.to_string());
    assert_eq!(extra(&problem, "present")["properties"]["version"], 1);
    let later = room.seen(id).at(trucban::domain::Timestamp::from_ms(crate::desk_support::NIGHT_MS + 600_000));
    refused(room.desk.incident(&later, id, IncidentVerb::Verify { text: None }).await, Code::FutureTime);
    let unit = room.unit_at("A", 103.1, 22.3).await;
    let field = Ask::by(field_unit(unit)).if_match(1);
    refused(room.desk.incident(&field, id, IncidentVerb::Verify { text: None }).await, Code::Forbidden);
    let nowhere = Ask::by(officer()).if_match(1);
    refused(room.desk.incident(&nowhere, Uuid::now_v7(), update("x")).await, Code::NotFound);
}

#[tokio::test]
async fn like_incidents_nearby_are_offered_as_the_same_one() {
    let room = Room::on_the_ground().await;
    let near = room.report("landslide", 103.170, 22.500).await;
    let far = room.report("landslide", 103.300, 22.600).await;
    let unlike = room.report("fire", 103.170, 22.501).await;
    let closed = room.report("landslide", 103.171, 22.500).await;
    room.verb(closed, IncidentVerb::Reject { reason: "nhầm".into() }).await.unwrap();
    let commune = room.incident(near, "admin_unit").as_str().unwrap().to_owned();
    let place = trucban::domain::place::Place::Commune { code: commune };
    let hatched = room.report_with(json!({"kind": "rockfall"}), place).await.unwrap().id();
    assert!(room.view().item(Collection::Incidents, hatched).unwrap().geometry().is_none());

    let report = trucban::desk::Report {
        place: point(103.171, 22.505),
        properties: crate::store_support::object(json!({"kind": "road_closure"})),
    };
    let reported = room.desk.report(&Ask::by(officer()), report).await.unwrap();
    let ids: Vec<Uuid> = reported.similar.iter().map(|similar| similar.id).collect();
    assert_eq!(ids, [near, hatched]);
    assert!(reported.similar[0].distance_m.is_some_and(|metres| (500.0..700.0).contains(&metres)));
    assert!(!ids.contains(&far) && !ids.contains(&unlike));
}

#[tokio::test]
async fn deleting_rejects_a_fresh_report_and_names_the_verbs_otherwise() {
    let room = Room::new().await;
    let id = room.report("fire", 103.0, 22.2).await;
    let ended = room.desk.end(&room.seen(id), Collection::Incidents, id, None).await.unwrap();
    assert_eq!(ended.record.property("state").unwrap(), "rejected");
    let id = room.report("fire", 103.0, 22.2).await;
    room.verb(id, IncidentVerb::Verify { text: None }).await.unwrap();
    let problem =
        refused(room.desk.end(&room.seen(id), Collection::Incidents, id, None).await, Code::ForbiddenTransition);
    assert!(extra(&problem, "verbs").as_array().unwrap().contains(&json!("close")));
}
