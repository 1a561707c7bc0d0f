//! Creating, replacing, changing and ending records of every collection; the rules of single ones.

use geo_types::{Geometry, Point, polygon};
use serde_json::{Value, json};
use trucban::desk::{Ask, Item, Patch};
use trucban::domain::{Code, Collection, Problem};
use uuid::Uuid;

use crate::desk_support::{Room, extra, field_unit, officer, planner, refused};
use crate::store_support::object;

async fn create(
    room: &Room,
    collection: Collection,
    geometry: Option<Geometry>,
    properties: Value,
) -> Result<Uuid, Problem> {
    let mut actor = officer();
    actor.role = trucban::domain::Role::Admin;
    let item = Item { geometry, properties: object(properties) };
    room.desk.create(&Ask::by(actor), collection, None, item).await.map(|written| written.id())
}

async fn patch(room: &Room, collection: Collection, id: Uuid, properties: Value) -> Result<u32, Problem> {
    let ask = Ask::by(officer()).if_match(room.version(collection, id));
    let patch = Patch { geometry: None, properties: object(properties) };
    room.desk.patch(&ask, collection, id, patch).await.map(|written| written.record.version)
}

fn at(lon: f64, lat: f64) -> Option<Geometry> {
    Some(Point::new(lon, lat).into())
}

#[tokio::test]
async fn what_nobody_may_set_is_refused_and_says_who_sets_it() {
    let room = Room::new().await;
    for (collection, properties, code, field) in [
        (Collection::Incidents, json!({"kind": "fire", "state": "closed"}), Code::FieldNotSettable, "state"),
        (Collection::Incidents, json!({"kind": "fire", "code": "LC-1"}), Code::FieldNotSettable, "code"),
        (Collection::Incidents, json!({"kind": "fire", "callers": []}), Code::FieldNotSettable, "callers"),
        (Collection::Incidents, json!({"kind": "fire", "colour": "red"}), Code::UnknownField, "colour"),
        (Collection::Incidents, json!({"kind": "dragon"}), Code::InvalidValue, "kind"),
        (Collection::Incidents, json!({"severity": 1}), Code::MissingField, "kind"),
        (Collection::Incidents, json!({"kind": "fire", "severity": 5}), Code::InvalidValue, "severity"),
        (Collection::Incidents, json!({"kind": "fire", "severity": "3"}), Code::InvalidValue, "severity"),
        (Collection::Households, json!({"member_count": 3, "state": "sheltered"}), Code::FieldNotSettable, "state"),
        (
            Collection::Households,
            json!({"member_count": 3, "admin_unit": "03549"}),
            Code::FieldNotSettable,
            "admin_unit",
        ),
        (Collection::Shelters, json!({"name": "x", "capacity": 9, "version": 3}), Code::FieldNotSettable, "version"),
        (
            Collection::Units,
            json!({"name": "x", "force": "police", "kind": "patrol", "fix_source": "gps"}),
            Code::FieldNotSettable,
            "fix_source",
        ),
    ] {
        let problem = refused(create(&room, collection, at(103.0, 22.3), properties).await, code);
        assert_eq!(problem.at.as_deref(), Some(format!("/properties/{field}").as_str()));
        if code == Code::FieldNotSettable {
            assert!(extra(&problem, "set_by").as_str().is_some_and(|setter| !setter.is_empty()));
        }
    }
    assert_eq!(room.view().seq(), 0, "nothing was half written");
}

#[tokio::test]
async fn a_bad_shape_is_refused() {
    let room = Room::new().await;
    let household = || json!({"member_count": 3});
    let zone = || json!({"name": "V", "kind": "landslide", "valid_to": "2026-12-01T00:00:00Z"});
    let bow: Geometry =
        polygon![(x: 103.0, y: 22.0), (x: 103.1, y: 22.1), (x: 103.1, y: 22.0), (x: 103.0, y: 22.1)].into();
    let huge: Geometry =
        polygon![(x: 90.0, y: 10.0), (x: 110.0, y: 10.0), (x: 110.0, y: 30.0), (x: 90.0, y: 30.0)].into();
    for (collection, geometry, properties, code) in [
        (Collection::Households, at(22.3, 103.0), household(), Code::CoordinatesSwapped),
        (Collection::Households, at(f64::NAN, 22.3), household(), Code::CoordinateOutOfRange),
        (Collection::Households, at(203.0, 22.3), household(), Code::CoordinateOutOfRange),
        (Collection::Households, Some(bow.clone()), household(), Code::InvalidGeometry),
        (Collection::RiskZones, Some(bow), zone(), Code::SelfIntersection),
        (Collection::RiskZones, Some(huge), zone(), Code::InvalidGeometry),
        (Collection::RiskZones, at(103.0, 22.3), zone(), Code::InvalidGeometry),
        (Collection::RiskZones, None, zone(), Code::MissingField),
        (Collection::Incidents, None, json!({"kind": "fire"}), Code::MissingField),
        (Collection::Incidents, at(22.3, 103.0), json!({"kind": "fire"}), Code::CoordinatesSwapped),
    ] {
        refused(create(&room, collection, geometry, properties).await, code);
    }
    let points = (0..5_001).map(|i| (103.0 + 0.1 * f64::from(i).cos() / 2.0, 22.0 + f64::from(i) * 1e-6));
    let many: Geometry = geo_types::Polygon::new(points.collect(), vec![]).into();
    refused(create(&room, Collection::RiskZones, Some(many), zone()).await, Code::TooManyVertices);
    assert_eq!(room.view().seq(), 0);
}

#[tokio::test]
async fn a_household_fits_together_and_keeps_its_people_apart() {
    let room = Room::on_the_ground().await;
    let household =
        json!({"member_count": 4, "children": 2, "elderly": 1, "head_name": "Hộ A", "phone": "0900 000 000"});
    let id = create(&room, Collection::Households, at(103.17, 22.60), household).await.unwrap();
    let household = |name: &str| room.property(Collection::Households, id, name);
    assert_eq!(household("state"), "registered");
    assert_eq!(household("admin_unit"), "03549");
    let history = room.store.history(Collection::Households, id).await.unwrap();
    assert!(!history[0].record.properties.contains("Hộ A"), "personal values stay out of the journal");

    refused(patch(&room, Collection::Households, id, json!({"disabled": 5})).await, Code::InvalidValue);
    refused(patch(&room, Collection::Households, id, json!({"children": 4})).await, Code::InvalidValue);
    refused(patch(&room, Collection::Households, id, json!({"member_count": null})).await, Code::MissingField);
    refused(
        patch(&room, Collection::Households, id, json!({"shelter_id": Uuid::now_v7()})).await,
        Code::UnknownReference,
    );
    assert_eq!(patch(&room, Collection::Households, id, json!({"phone": "0900 000 001"})).await.unwrap(), 2);
    assert_eq!(patch(&room, Collection::Households, id, json!({"elderly": null, "poor": true})).await.unwrap(), 3);
    assert_eq!(household("phone"), "0900 000 001");
    assert!(household("elderly").is_null() && household("head_name") == "Hộ A");
}

#[tokio::test]
async fn what_was_read_may_be_sent_back_whole() {
    let room = Room::on_the_ground().await;
    let unit = room.unit_at("CA-1", 103.2, 22.3).await;
    let (read, geometry) = {
        let view = room.view();
        let shown = view.item(Collection::Units, unit).unwrap();
        (shown.properties(), shown.geometry().cloned())
    };
    let mut properties = read.clone();
    properties.insert("crew".into(), 5.into());
    properties.insert("radio".into(), Value::Null);
    let ask = Ask::by(officer()).if_match(1);
    let item = Item { geometry: geometry.clone(), properties };
    room.desk.replace(&ask, Collection::Units, unit, item).await.unwrap();
    assert_eq!(room.unit(unit, "crew"), 5);
    assert_eq!(room.unit(unit, "status"), "available");
    assert_eq!(room.unit(unit, "fix_source"), "radio");
    assert_eq!(room.view().item(Collection::Units, unit).unwrap().geometry().cloned(), geometry);

    let ask = Ask::by(officer()).if_match(2);
    let moved = Patch { geometry: Some(at(103.5, 22.3)), ..Patch::default() };
    refused(room.desk.patch(&ask, Collection::Units, unit, moved).await, Code::FieldNotSettable);
    let bare = object(json!({"name": "CA-1", "force": "police", "kind": "patrol"}));
    room.desk.replace(&ask, Collection::Units, unit, Item { geometry, properties: bare }).await.unwrap();
    assert!(room.unit(unit, "crew").is_null() && room.unit(unit, "code").is_null());
    assert_eq!(room.unit(unit, "status"), "available");
}

#[tokio::test]
async fn a_call_sign_is_one_units_own() {
    let room = Room::new().await;
    let first = room.unit_at("CA-1", 103.2, 22.3).await;
    let twin = || json!({"code": "ca-1", "name": "x", "force": "police", "kind": "patrol"});
    refused(create(&room, Collection::Units, None, twin()).await, Code::InvalidValue);
    let (a, b) = tokio::join!(
        create(&room, Collection::Units, None, json!({"code": "N", "name": "x", "force": "police", "kind": "patrol"})),
        create(&room, Collection::Units, None, json!({"code": "N", "name": "y", "force": "police", "kind": "patrol"})),
    );
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    let incident = room.report("fire", 103.0, 22.2).await;
    room.assign(incident, first).await;
    let seen = |room: &Room| Ask::by(officer()).if_match(room.version(Collection::Units, first));
    refused(room.desk.end(&seen(&room), Collection::Units, first, None).await, Code::ForbiddenTransition);
    room.desk.release(&room.seen(incident), incident, first).await.unwrap();
    room.desk.end(&seen(&room), Collection::Units, first, None).await.unwrap();
    assert!(room.view().item(Collection::Units, first).unwrap().is_ended());
    refused(patch(&room, Collection::Units, first, json!({"crew": 1})).await, Code::ForbiddenTransition);
    refused(room.status(first, "available").await, Code::ForbiddenTransition);
    create(&room, Collection::Units, None, twin()).await.unwrap();
}

#[tokio::test]
async fn an_edit_of_an_incident_stands_in_its_log() {
    let room = Room::on_the_ground().await;
    let id = room.report("fire", 103.17, 22.60).await;
    let ask = room.seen(id);
    let change = Patch {
        geometry: Some(at(103.485, 22.353)),
        properties: object(json!({"severity": 3, "reporter_phone": "0900 000 009"})),
    };
    room.desk.patch(&ask, Collection::Incidents, id, change).await.unwrap();
    assert_eq!(room.incident(id, "admin_unit"), "03408");
    assert!(room.incident(id, "chainage_km").is_null());
    let view = room.view();
    let entry = view.all(Collection::DutyLog).last().unwrap();
    assert_eq!(entry.text("kind").unwrap(), "updated");
    let text = entry.text("text").unwrap();
    assert!(text.contains("severity") && text.contains("geometry") && text.contains("reporter_phone"), "{text}");
    assert!(!entry.properties()["facts"].to_string().contains("0900"), "the number stays out of the log");
}

#[tokio::test]
async fn the_duty_log_is_written_and_never_changed() {
    let room = Room::new().await;
    let text = |kind: &str| json!({"kind": kind, "text": "Gọi lại trưởng bản", "due_at": "2026-11-23T01:00:00Z"});
    let id = create(&room, Collection::DutyLog, None, text("instruction")).await.unwrap();
    let entry = |name: &str| room.property(Collection::DutyLog, id, name);
    assert_eq!((entry("author"), entry("author_force")), ("duty_officer".into(), "border_guard".into()));
    assert!(entry("occurred_at").is_string());
    refused(patch(&room, Collection::DutyLog, id, json!({"text": "khác"})).await, Code::MethodNotAllowed);
    let ask = Ask::by(officer()).if_match(1);
    refused(room.desk.end(&ask, Collection::DutyLog, id, None).await, Code::MethodNotAllowed);
    refused(create(&room, Collection::DutyLog, None, text("closed")).await, Code::InvalidValue);
    refused(create(&room, Collection::DutyLog, None, text("correction")).await, Code::InvalidValue);
    refused(create(&room, Collection::DutyLog, None, json!({"text": " "})).await, Code::InvalidValue);
    refused(
        create(&room, Collection::DutyLog, None, json!({"text": "x", "occurred_at": "2027-01-01T00:00:00Z"})).await,
        Code::FutureTime,
    );
    refused(
        create(&room, Collection::DutyLog, None, json!({"text": "x", "incident_id": Uuid::now_v7()})).await,
        Code::UnknownReference,
    );

    room.desk.log_done(&Ask::by(officer()), id).await.unwrap();
    assert_eq!(entry("done_by"), "duty_officer");
    assert!(room.desk.log_done(&Ask::by(planner()), id).await.unwrap().changes.is_empty());
    let note = create(&room, Collection::DutyLog, None, json!({"text": "x"})).await.unwrap();
    refused(room.desk.log_done(&Ask::by(officer()), note).await, Code::ForbiddenTransition);
}

#[tokio::test]
async fn any_officer_adds_a_hamlet_in_place() {
    let room = Room::on_the_ground().await;
    let hamlet = json!({"name": "Bản Nậm Mười Hai", "kind": "hamlet", "aliases": ["Nậm 12"], "accuracy_m": 800,
        "former_commune": "Pa Vệ Sủ"});
    let item = Item { geometry: at(102.83, 22.53), properties: object(hamlet) };
    let actor = field_unit(Uuid::now_v7());
    let id = room.desk.create(&Ask::by(actor), Collection::Places, None, item).await.unwrap().id();
    assert_eq!(room.property(Collection::Places, id, "told_by"), "field_unit");
    assert_eq!(room.property(Collection::Places, id, "admin_unit"), "03466");
    let found = room.desk.locate(&room.view(), "ban nam muoi hai", 5).unwrap();
    assert_eq!((found[0].accuracy_m, found[0].located_by), (Some(800.0), "place_name"));
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let room = Room::new().await;
    let mut observer = officer();
    observer.role = trucban::domain::Role::Observer;
    let item = || Item { geometry: at(103.0, 22.3), properties: object(json!({"member_count": 3})) };
    for (actor, collection) in [
        (observer.clone(), Collection::Households),
        (field_unit(Uuid::nil()), Collection::Households),
        (officer(), Collection::AdminUnits),
        (planner(), Collection::Units),
        (field_unit(Uuid::nil()), Collection::RiskZones),
    ] {
        refused(room.desk.create(&Ask::by(actor), collection, None, item()).await, Code::Forbidden);
    }
    refused(room.desk.create(&Ask::by(observer), Collection::Incidents, None, item()).await, Code::Forbidden);
}

#[tokio::test]
async fn an_id_made_offline_is_taken_once() {
    let room = Room::new().await;
    let id = Uuid::now_v7();
    let item = || Item { geometry: at(103.0, 22.3), properties: object(json!({"kind": "fire"})) };
    let first = room.desk.create(&Ask::by(officer()), Collection::Incidents, Some(id), item()).await.unwrap();
    assert_eq!(first.id(), id);
    let again = room.desk.create(&Ask::by(officer()), Collection::Incidents, Some(id), item()).await;
    assert_eq!(extra(&refused(again, Code::VersionConflict), "present")["id"], id.to_string());
}
