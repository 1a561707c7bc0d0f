//! Units: status, distress, positions told by radio, fixes by the batch, and whom to send.

use serde_json::json;
use trucban::desk::{Ask, FIXES_MAX, FixIn, Item, RadioPosition, StatusReport};
use trucban::domain::place::Place;
use trucban::domain::{Code, Collection, Timestamp};
use uuid::Uuid;

use crate::desk_support::{NIGHT_MS, Room, field_unit, officer, point, refused};
use crate::store_support::object;

fn fix(unit_id: Uuid, after_s: i64, lon: f64, lat: f64) -> FixIn {
    let at = Timestamp::from_ms(NIGHT_MS + after_s * 1_000);
    FixIn { unit_id, lon, lat, at, accuracy_m: Some(8.0), speed_mps: None, course_deg: Some(360.0) }
}

#[tokio::test]
async fn each_fix_is_judged_alone() {
    let room = Room::new().await;
    let unit = room.unit_at("A", 103.0, 22.0).await;
    room.clock.go_s(600);
    let mut nan = fix(unit, 30, f64::NAN, 22.0);
    nan.accuracy_m = None;
    let fixes = vec![
        fix(unit, 20, 103.2, 22.2),
        fix(unit, 10, 103.1, 22.1),
        fix(unit, 20, 103.3, 22.3),
        fix(Uuid::now_v7(), 20, 103.2, 22.2),
        nan,
        fix(unit, 30, 22.2, 103.2),
        fix(unit, 30, 203.0, 22.2),
        fix(unit, 1_000, 103.2, 22.2),
        FixIn { accuracy_m: Some(-1.0), ..fix(unit, 30, 103.2, 22.2) },
        fix(unit, -10, 103.1, 22.1),
        fix(unit, 700, 103.4, 22.4),
    ];
    let outcome = room.desk.take_fixes(&officer(), fixes).await.unwrap();
    assert_eq!((outcome.accepted, outcome.stale), (2, 3));
    let refused: Vec<(usize, Code)> = outcome.refused.iter().map(|refused| (refused.index, refused.code)).collect();
    let expected = [
        (3, Code::UnknownUnit),
        (4, Code::CoordinateOutOfRange),
        (5, Code::CoordinatesSwapped),
        (6, Code::CoordinateOutOfRange),
        (7, Code::FutureTime),
        (8, Code::InvalidValue),
    ];
    assert_eq!(refused, expected);
    assert_eq!(room.unit(unit, "fix_source"), "gps");
    let geometry = room.view().item(Collection::Units, unit).unwrap().geometry().cloned();
    assert_eq!(geometry, Some(geo_types::Point::new(103.4, 22.4).into()));
}

#[tokio::test]
async fn a_call_of_fixes_has_its_limits() {
    let room = Room::new().await;
    let unit = room.unit_at("A", 103.0, 22.0).await;
    let calls = |count: usize| (0..count).map(|s| fix(unit, s as i64 - 2_000, 103.2, 22.2)).collect::<Vec<_>>();
    refused(room.desk.take_fixes(&officer(), Vec::new()).await, Code::MissingField);
    refused(room.desk.take_fixes(&officer(), calls(FIXES_MAX + 1)).await, Code::LimitExceeded);
    assert_eq!(room.desk.take_fixes(&officer(), calls(FIXES_MAX)).await.unwrap().stale, FIXES_MAX);
    let other = room.unit_at("B", 103.0, 22.0).await;
    let outcome = room.desk.take_fixes(&field_unit(other), vec![fix(unit, 10, 103.2, 22.2)]).await.unwrap();
    assert_eq!(outcome.refused[0].code, Code::Forbidden);
}

#[tokio::test]
async fn a_field_unit_speaks_for_itself_and_does_not_clear_its_distress() {
    let room = Room::new().await;
    let [unit, other] = [room.unit_at("A", 103.0, 22.0).await, room.unit_at("B", 103.0, 22.0).await];
    let say = async |unit, status: &str| {
        let report = StatusReport { status: status.into(), source: None };
        room.desk.set_status(&Ask::by(field_unit(unit)), unit, report).await
    };
    say(unit, "en_route").await.unwrap();
    assert_eq!(room.unit(unit, "status_source"), "own");
    let for_other = StatusReport { status: "resting".into(), source: None };
    refused(room.desk.set_status(&Ask::by(field_unit(unit)), other, for_other).await, Code::Forbidden);
    say(unit, "distress").await.unwrap();
    refused(say(unit, "available").await, Code::ForbiddenTransition);
    refused(room.status(unit, "flying").await, Code::InvalidValue);
    refused(room.status(Uuid::now_v7(), "resting").await, Code::NotFound);
    room.status(unit, "returning").await.unwrap();
    assert_eq!(room.unit(unit, "status"), "returning");
    assert_eq!(room.unit(unit, "status_by"), "duty_officer");
}

#[tokio::test]
async fn a_status_that_comes_late_is_logged_and_changes_nothing() {
    let room = Room::new().await;
    let unit = room.unit_at("A", 103.0, 22.0).await;
    room.clock.go_s(600);
    room.status(unit, "on_scene").await.unwrap();
    let late = Ask::by(field_unit(unit)).at(Timestamp::from_ms(NIGHT_MS + 300_000));
    let report = StatusReport { status: "en_route".into(), source: None };
    room.desk.set_status(&late, unit, report).await.unwrap();
    assert_eq!(room.unit(unit, "status"), "on_scene");
    let view = room.view();
    let entry = view.all(Collection::DutyLog).last().unwrap();
    assert_eq!(entry.properties()["facts"]["late"], true);
    drop(view);
    let ahead = Ask::by(officer()).at(Timestamp::from_ms(NIGHT_MS + 3_600_000));
    let report = StatusReport { status: "resting".into(), source: None };
    refused(room.desk.set_status(&ahead, unit, report).await, Code::FutureTime);
}

#[tokio::test]
async fn a_place_told_by_radio_says_who_heard_it() {
    let room = Room::on_the_ground().await;
    let unit = room.unit_at("A", 103.0, 22.0).await;
    room.clock.go_s(60);
    let heard = RadioPosition {
        place: Place::Text("QL12 Km46+300".into()),
        heard_by: Some("Trực ban Pa Tần".into()),
        accuracy_m: None,
    };
    let told = room.desk.set_position(&Ask::by(officer()), unit, heard.clone()).await.unwrap();
    assert!(!told.stale);
    assert_eq!(room.unit(unit, "fix_source"), "radio");
    assert_eq!(room.unit(unit, "fix_heard_by"), "Trực ban Pa Tần");
    assert_eq!(room.unit(unit, "fix_accuracy_m"), 3_000.0);
    let before = Ask::by(officer()).at(Timestamp::from_ms(NIGHT_MS + 30_000));
    assert!(room.desk.set_position(&before, unit, heard).await.unwrap().stale);
    room.clock.go_s(60);
    let commune = RadioPosition { place: Place::Commune { code: "03549".into() }, heard_by: None, accuracy_m: None };
    refused(room.desk.set_position(&Ask::by(officer()), unit, commune).await, Code::PlaceNotFound);
    let at = |place| RadioPosition { place, heard_by: None, accuracy_m: None };
    refused(room.desk.set_position(&Ask::by(officer()), Uuid::now_v7(), at(point(103.0, 22.0))).await, Code::NotFound);
    let other = Uuid::now_v7();
    refused(room.desk.set_position(&Ask::by(field_unit(other)), unit, at(point(103.0, 22.0))).await, Code::Forbidden);
}

#[tokio::test]
async fn advice_ranks_by_distance_and_hides_nobody() {
    let room = Room::on_the_ground().await;
    let near = room.unit_at("NEAR", 103.20, 22.40).await;
    let far = room.unit_at("FAR", 103.40, 22.40).await;
    let busy = room.unit_at("BUSY", 103.19, 22.40).await;
    let station = room.view().all(Collection::Stations).find(|s| s.geometry().is_some()).unwrap().id();
    let at_post = json!({"name": "Đội đồn", "force": "border_guard", "kind": "patrol", "station_id": station});
    let item = Item { geometry: None, properties: object(at_post) };
    let post = room.desk.create(&Ask::by(officer()), Collection::Units, None, item).await.unwrap().id();
    let nowhere = json!({"name": "Không rõ", "force": "police", "kind": "patrol"});
    let item = Item { geometry: None, properties: object(nowhere) };
    let nowhere = room.desk.create(&Ask::by(officer()), Collection::Units, None, item).await.unwrap().id();
    let other = room.report("fire", 103.6, 22.0).await;
    room.assign(other, busy).await;
    let incident = room.report("landslide", 103.17, 22.40).await;
    room.clock.go_s(3_600);

    let advice = room.desk.recommendation(&room.view(), incident, 10).unwrap();
    let order: Vec<Uuid> = advice.recommendation.candidates.iter().map(|candidate| candidate.unit_id).collect();
    assert_eq!(order.len(), 3);
    assert!(order.starts_with(&[near]) && order.contains(&far) && order.contains(&post));
    let of = |id: Uuid| advice.recommendation.candidates.iter().find(|candidate| candidate.unit_id == id).unwrap();
    assert_eq!(of(near).age_s, Some(3_600));
    assert!(of(near).reasons.iter().any(|reason| reason.code == "position_stale"));
    assert_eq!((of(post).position.source.as_str(), of(post).age_s), ("post", None));
    let left: Vec<(Uuid, &str)> =
        advice.recommendation.left_out.iter().map(|left| (left.unit_id, left.reasons[0].code)).collect();
    assert_eq!(left, [(busy, "busy"), (nowhere, "no_position")]);
    refused(room.desk.recommendation(&room.view(), Uuid::now_v7(), 10), Code::NotFound);
}
