//! The second person of a zone, the hours it holds without one, and ends that must not pass unseen.

use geo_types::{Geometry, Point, polygon};
use serde_json::{Value, json};
use trucban::desk::{Ask, Item, Patch, Written, untold_ends};
use trucban::domain::{Actor, Code, Collection, Problem, Timestamp};
use uuid::Uuid;

use crate::desk_support::{NIGHT_MS, Room, officer, planner, refused};
use crate::store_support::object;

const HOUR_S: i64 = 3_600;

fn slope() -> Geometry {
    polygon![(x: 103.10, y: 22.40), (x: 103.12, y: 22.40), (x: 103.12, y: 22.42), (x: 103.10, y: 22.42)].into()
}

fn hours(hours: i64) -> String {
    Timestamp::from_ms(NIGHT_MS).plus_s(hours * HOUR_S).to_string()
}

/// A zone of the planner's that is to hold for a day.
struct Zone<'a> {
    room: &'a Room,
    id: Uuid,
}

impl<'a> Zone<'a> {
    async fn drawn(room: &'a Room, more: Value) -> Self {
        let mut properties = object(json!({"name": "Sườn A", "kind": "landslide", "valid_to": hours(24)}));
        properties.extend(object(more));
        let item = Item { geometry: Some(slope()), properties };
        let written = room.desk.create(&Ask::by(planner()), Collection::RiskZones, None, item).await;
        Self { room, id: written.unwrap().id() }
    }

    fn word(&self, name: &str) -> Value {
        self.room.property(Collection::RiskZones, self.id, name)
    }

    fn seen(&self, by: Actor) -> Ask {
        Ask::by(by).if_match(self.room.version(Collection::RiskZones, self.id))
    }

    async fn approve(&self, by: Actor, told_by: Option<&str>) -> Result<Written, Problem> {
        self.room.desk.approve_zone(&self.seen(by), self.id, told_by.map(Into::into)).await
    }

    async fn patch(&self, by: Actor, properties: Value) -> Result<Written, Problem> {
        let patch = Patch { geometry: None, properties: object(properties) };
        self.room.desk.patch(&self.seen(by), Collection::RiskZones, self.id, patch).await
    }

    async fn turn(&self) -> Value {
        self.room.desk.turn_zone(self.id).await.unwrap();
        self.word("state")
    }

    /// Open alarms about it, by kind.
    fn alarms(&self) -> Vec<String> {
        let text = |alarm: &trucban::picture::Shown<'_>, name: &str| {
            alarm.property(name).and_then(|value| value.as_str().map(ToOwned::to_owned))
        };
        let view = self.room.view();
        let all = view.all(Collection::Alarms);
        let own = all
            .filter(|alarm| text(alarm, "zone_id") == Some(self.id.to_string()) && text(alarm, "ended_at").is_none());
        own.filter_map(|alarm| text(&alarm, "kind")).collect()
    }
}

/// A household of five in the zone.
async fn household(room: &Room) -> Uuid {
    let properties = object(json!({"code": "H-1", "head_name": "Hộ mẫu", "member_count": 5}));
    let item = Item { geometry: Some(Point::new(103.11, 22.41).into()), properties };
    room.desk.create(&Ask::by(officer()), Collection::Households, None, item).await.unwrap().id()
}

#[tokio::test]
async fn one_officer_alone_puts_a_zone_in_force_for_six_hours() {
    let room = Room::new().await;
    let zone = Zone::drawn(&room, json!({})).await;
    assert_eq!((zone.word("state"), zone.word("provisional_until")), ("in_force".into(), hours(6).into()));
    refused(zone.approve(planner(), None).await, Code::Forbidden);
    room.clock.go_s(6 * HOUR_S - 1);
    assert_eq!(zone.turn().await, "in_force");
    // Changing it gives its drawer no new hours.
    zone.patch(planner(), json!({"level": 3})).await.unwrap();
    assert_eq!(zone.word("provisional_until"), hours(6));
    room.clock.go_s(1);
    assert_eq!(zone.turn().await, "proposed");
    assert!(zone.word("ended_at").is_null());
    refused(zone.patch(planner(), json!({"publish": "now"})).await, Code::Forbidden);
    assert_eq!(zone.word("state"), "proposed");
    // The second person puts it in force again.
    zone.approve(officer(), None).await.unwrap();
    assert_eq!((zone.word("state"), zone.word("approved_by")), ("in_force".into(), "duty_officer".into()));
    assert!(zone.word("provisional_until").is_null());
    room.clock.go_s(18 * HOUR_S);
    assert_eq!(zone.turn().await, "expired");
}

#[tokio::test]
async fn what_was_approved_is_approved_again_when_it_changes() {
    let room = Room::new().await;
    let zone = Zone::drawn(&room, json!({})).await;
    zone.approve(officer(), None).await.unwrap();
    assert!(zone.approve(officer(), None).await.unwrap().changes.is_empty(), "it is approved already");
    zone.patch(planner(), json!({"note": "đường trơn"})).await.unwrap();
    assert_eq!(zone.word("approved_by"), "duty_officer", "a note is not what was agreed to");
    room.clock.go_s(HOUR_S);
    zone.patch(officer(), json!({"valid_to": hours(48)})).await.unwrap();
    assert!(zone.word("approved_by").is_null());
    assert_eq!((zone.word("drawn_by"), zone.word("provisional_until")), ("duty_officer".into(), hours(7).into()));
    refused(zone.approve(officer(), None).await, Code::Forbidden);
    zone.approve(planner(), None).await.unwrap();
    assert_eq!(zone.word("approved_by"), "planner");
}

#[tokio::test]
async fn a_word_by_telephone_holds_for_twelve_hours_until_it_is_confirmed_on_screen() {
    let room = Room::new().await;
    let zone = Zone::drawn(&room, json!({"publish": "propose"})).await;
    assert_eq!((zone.word("state"), zone.word("provisional_until")), ("proposed".into(), Value::Null));
    refused(zone.approve(planner(), Some("planner")).await, Code::InvalidValue);
    refused(zone.approve(planner(), Some("  ")).await, Code::MissingField);
    refused(zone.approve(planner(), Some(&"x".repeat(201))).await, Code::LimitExceeded);
    zone.approve(planner(), Some("Đại tá Lò Văn Mẫu")).await.unwrap();
    assert_eq!((zone.word("state"), zone.word("approved_by")), ("in_force".into(), "Đại tá Lò Văn Mẫu".into()));
    assert_eq!((zone.word("approval_told_to"), zone.word("provisional_until")), ("planner".into(), hours(12).into()));
    refused(zone.approve(planner(), Some("Ai đó")).await, Code::ForbiddenTransition);
    refused(zone.approve(planner(), None).await, Code::Forbidden);
    room.clock.go_s(12 * HOUR_S);
    assert_eq!(zone.turn().await, "proposed", "nobody confirmed it");
    zone.approve(planner(), Some("Đại tá Lò Văn Mẫu")).await.unwrap();
    zone.approve(officer(), None).await.unwrap();
    assert_eq!((zone.word("approval_told_to"), zone.word("provisional_until")), (Value::Null, Value::Null));
    let logged = |kind: &str| {
        let view = room.view();
        view.all(Collection::DutyLog).filter(|entry| entry.text("kind").as_deref() == Some(kind)).count()
    };
    assert_eq!((logged("zone_approved"), logged("zone_lapsed")), (3, 1));
}

#[tokio::test]
async fn a_draft_is_proposed_and_a_zone_that_is_over_stays_over() {
    let room = Room::new().await;
    let zone = Zone::drawn(&room, json!({"publish": "draft"})).await;
    assert_eq!(zone.turn().await, "draft");
    refused(zone.approve(officer(), None).await, Code::ForbiddenTransition);
    zone.patch(planner(), json!({"publish": "propose"})).await.unwrap();
    refused(room.desk.approve_zone(&Ask::by(officer()), zone.id, None).await, Code::PreconditionRequired);
    zone.approve(officer(), None).await.unwrap();
    assert_eq!(zone.word("state"), "in_force");
    room.desk.end_zone(&zone.seen(planner()), zone.id, "hết mưa".into()).await.unwrap();
    refused(zone.approve(officer(), None).await, Code::ForbiddenTransition);
    let later = Zone::drawn(&room, json!({"valid_from": hours(10)})).await;
    assert_eq!((later.word("state"), later.word("provisional_until")), ("approved".into(), hours(16).into()));
}

#[tokio::test]
async fn an_occupied_zone_says_before_that_it_will_end_and_never_ends_unseen() {
    let room = Room::new().await;
    let zone = Zone::drawn(&room, json!({})).await;
    zone.approve(officer(), None).await.unwrap();
    let due = || untold_ends(&room.desk.picture().load(), room.desk.now());
    assert_eq!(due().len(), 1, "told an hour before its end");
    room.clock.go_s(23 * HOUR_S);
    assert!(due().is_empty(), "nobody is inside");
    assert!(room.desk.tell_zone_end(zone.id).await.unwrap().changes.is_empty());
    household(&room).await;
    assert_eq!(due().len(), 1);
    room.desk.tell_zone_end(zone.id).await.unwrap();
    assert!(room.desk.tell_zone_end(zone.id).await.unwrap().changes.is_empty(), "told once");
    assert_eq!((zone.alarms(), due().len()), (vec!["zone_expiring".to_owned()], 0));
    // Whoever gives it more time has heard.
    zone.patch(planner(), json!({"valid_to": hours(26)})).await.unwrap();
    zone.approve(officer(), None).await.unwrap();
    assert!(zone.alarms().is_empty());
    room.clock.go_s(2 * HOUR_S + 1_800);
    room.desk.tell_zone_end(zone.id).await.unwrap();
    room.clock.go_s(1_800);
    assert_eq!(zone.turn().await, "expired");
    assert_eq!(zone.alarms(), ["zone_ended_occupied"]);
}

#[tokio::test]
async fn a_zone_that_lapses_with_people_inside_calls_as_well() {
    let room = Room::new().await;
    let house = household(&room).await;
    let zone = Zone::drawn(&room, json!({})).await;
    room.clock.go_s(6 * HOUR_S);
    assert_eq!(zone.turn().await, "proposed");
    assert_eq!(zone.alarms(), ["zone_ended_occupied"]);
    assert!(!house.is_nil());
}
