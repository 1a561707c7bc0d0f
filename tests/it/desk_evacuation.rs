//! The evacuation chain through the desk: nobody doubled, nobody lost, no shelter over its room unnoticed; a zone that is
//! cleared step by step; and how long the board takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use geo_types::{Geometry, Point, polygon};
use serde_json::{Value, json};
use trucban::desk::{
    Ask, EvacuationReport, Evidence, InsideBoard, Item, Patch, StateCounts, Told, Withdrawal, Written,
};
use trucban::domain::evacuation::State;
use trucban::domain::{Code, Collection, Problem, Timestamp};
use uuid::Uuid;

use crate::desk_support::{NIGHT_MS, Room, extra, officer, planner, refused, sound_history};
use crate::store_support::object;
use crate::support::random::Random;

/// A report with the evidence that its state needs.
pub fn report(state: State, people: Option<i64>, shelter: Option<Uuid>) -> EvacuationReport {
    use State as S;
    let text = |is: bool, text: &str| is.then(|| text.to_owned());
    EvacuationReport {
        state,
        people,
        more: false,
        from: None,
        shelter_id: shelter.filter(|_| state == S::Sheltered),
        place: text(state == S::WithRelatives, "nhà người thân, Sìn Hồ"),
        told: Told::default(),
        evidence: Evidence {
            channel: text(state == S::Notified, "visit"),
            escort: text(state == S::Moving, "xung kích xã"),
            reason: text(state == S::Refused, "còn đàn trâu"),
            next_visit_at: (state == S::Refused).then(|| Timestamp::from_ms(NIGHT_MS + 30 * 86_400_000)),
            tries: (state == S::Unreachable).then_some(1),
            authority: text(state == S::ReturnAuthorised, "Chủ tịch UBND xã"),
            inspection_ref: text(state == S::ReturnAuthorised, "BB-01"),
            decision_no: text(state == S::Relocated, "12/QĐ-UBND"),
            ..Evidence::default()
        },
    }
}

async fn household(room: &Room, members: i64, lon: f64, lat: f64) -> Uuid {
    let properties = object(json!({"member_count": members, "code": format!("H-{lon:.4}")}));
    let item = Item { geometry: Some(Point::new(lon, lat).into()), properties };
    room.desk.create(&Ask::by(officer()), Collection::Households, None, item).await.unwrap().id()
}

async fn shelter(room: &Room, capacity: i64, lon: f64) -> Uuid {
    let properties = object(json!({"name": format!("Trường {lon}"), "capacity": capacity, "is_open": true}));
    let item = Item { geometry: Some(Point::new(lon, 22.5).into()), properties };
    room.desk.create(&Ask::by(officer()), Collection::Shelters, None, item).await.unwrap().id()
}

fn square(west: f64, east: f64) -> Geometry {
    polygon![(x: west, y: 22.40), (x: east, y: 22.40), (x: east, y: 22.42), (x: west, y: 22.42)].into()
}

async fn zone(room: &Room, name: &str, area: Geometry) -> Uuid {
    let end = Timestamp::from_ms(NIGHT_MS + 30 * 86_400_000).to_string();
    let properties = object(json!({"name": name, "kind": "landslide", "valid_to": end}));
    let item = Item { geometry: Some(area), properties };
    room.desk.create(&Ask::by(planner()), Collection::RiskZones, None, item).await.unwrap().id()
}

impl Room {
    pub async fn tell(&self, house: Uuid, said: EvacuationReport) -> Result<Written, Problem> {
        self.desk.report_evacuation(&Ask::by(officer()), house, said).await
    }

    fn house(&self, id: Uuid, name: &str) -> Value {
        self.property(Collection::Households, id, name)
    }

    fn occupied(&self, shelter: Uuid) -> i64 {
        self.property(Collection::Shelters, shelter, "occupied").as_i64().unwrap_or(0)
    }

    /// Alarms of a kind that stand.
    fn standing(&self, kind: &str) -> usize {
        self.view().all(Collection::Alarms).filter(|alarm| alarm.text("kind").as_deref() == Some(kind)).count()
    }

    pub fn board(&self) -> InsideBoard {
        InsideBoard::of(&self.view())
    }

    /// Of a household: people by state, from its parts; from its state where nothing was told.
    fn parts(&self, id: Uuid) -> BTreeMap<String, i64> {
        let view = self.view();
        let shown = view.item(Collection::Households, id).unwrap();
        let members = shown.number("member_count").unwrap() as i64;
        let Some(Value::Array(parts)) = shown.property("parts") else {
            let state = shown.text("state").unwrap().into_owned();
            return BTreeMap::from([(state, members)]);
        };
        let mut sum = BTreeMap::new();
        for part in parts {
            *sum.entry(part["state"].as_str().unwrap().to_owned()).or_insert(0) += part["people"].as_i64().unwrap();
        }
        sum
    }

    /// People of these households who are in a shelter by their own records.
    fn in_shelter(&self, houses: &[Uuid], shelter: Uuid) -> i64 {
        let parts = houses.iter().filter_map(|id| self.house(*id, "parts").as_array().cloned()).flatten();
        parts
            .filter(|part| part["shelter_id"] == shelter.to_string())
            .map(|part| part["people"].as_i64().unwrap())
            .sum()
    }
}

fn by_name(counts: &StateCounts) -> BTreeMap<&'static str, i64> {
    BTreeMap::from([
        ("registered", counts.unknown),
        ("notified", counts.notified),
        ("moving", counts.moving),
        ("sheltered", counts.sheltered),
        ("with_relatives", counts.with_relatives),
        ("refused", counts.refused),
        ("unreachable", counts.unreachable),
        ("return_authorised", counts.return_authorised),
        ("returned", counts.returned),
        ("relocated", counts.relocated),
    ])
}

/// Holds the figures of the board against the records of these households, read one by one.
fn agrees(room: &Room, counts: (&StateCounts, &StateCounts), houses: &[Uuid]) {
    let (people, households) = counts;
    let mut by_state: BTreeMap<String, i64> = BTreeMap::new();
    let mut houses_by_state: BTreeMap<String, i64> = BTreeMap::new();
    let mut members = 0;
    for house in houses {
        let parts = room.parts(*house);
        let own = room.house(*house, "member_count").as_i64().unwrap();
        assert_eq!(parts.values().sum::<i64>(), own, "{parts:?}");
        members += own;
        parts.into_iter().for_each(|(state, people)| *by_state.entry(state).or_default() += people);
        *houses_by_state.entry(room.house(*house, "state").as_str().unwrap().to_owned()).or_default() += 1;
    }
    for (state, count) in by_name(people) {
        assert_eq!(count, by_state.get(state).copied().unwrap_or(0), "people {state}");
    }
    for (state, count) in by_name(households) {
        assert_eq!(count, houses_by_state.get(state).copied().unwrap_or(0), "households {state}");
    }
    assert_eq!((people.registered, households.registered), (members, houses.len() as i64));
    for counts in [people, households] {
        assert_eq!(by_name(counts).values().sum::<i64>(), counts.registered);
        let out = counts.sheltered + counts.with_relatives + counts.return_authorised + counts.relocated;
        assert_eq!(counts.still_inside, counts.registered - out);
    }
}

/// Something that a telephone will tell, now or when it has coverage again.
struct Queued {
    house: Uuid,
    ask: Ask,
    said: EvacuationReport,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_two_telephones_tell_in_whatever_order_nobody_is_doubled_or_lost() {
    let room = Room::new().await;
    let area = zone(&room, "Sườn A", square(103.0, 103.2)).await;
    zone(&room, "Sườn B", square(103.1, 103.3)).await;
    let shelters = [shelter(&room, 2, 103.5).await, shelter(&room, 5, 103.6).await];
    let mut random = Random::new(29);
    let mut houses = Vec::new();
    for n in 0..10 {
        houses.push(household(&room, 1 + chance(&mut random, 7) as i64, 103.01 + 0.018 * f64::from(n), 22.41).await);
    }
    let mut queues: [Vec<Queued>; 2] = Default::default();
    let (mut taken, mut withdrawn, mut over, mut most) = (0, 0, 0, 0);
    for step in 0..260 {
        let house = houses[chance(&mut random, houses.len())];
        let members = room.house(house, "member_count").as_i64().unwrap();
        let state = match chance(&mut random, 20) {
            0..8 => State::Sheltered,
            8 => State::Relocated,
            n => State::REPORTED[n % 8],
        };
        let counted =
            matches!(state, State::Moving | State::Sheltered | State::WithRelatives) || chance(&mut random, 2) == 0;
        let people = counted.then(|| chance(&mut random, members as usize + 1) as i64);
        let mut said = report(state, people, Some(shelters[chance(&mut random, 2)]));
        said.more = people.is_some_and(|people| people > 0) && chance(&mut random, 5) == 0;
        said.from = (chance(&mut random, 6) == 0 && state == State::Sheltered).then_some(State::Sheltered);
        let at = Timestamp::from_ms(NIGHT_MS - chance(&mut random, 7_200_000) as i64);
        let ask = Ask::by(officer()).at(at).once(random.uuid(), [step as u8; 32]);
        match chance(&mut random, 10) {
            // No coverage: it will be told later.
            0..4 => queues[chance(&mut random, 2)].push(Queued { house, ask, said }),
            4..7 => taken += usize::from(room.desk.report_evacuation(&ask, house, said).await.is_ok()),
            // A telephone comes back: what it kept, some of it twice, in no order.
            7 => {
                let mut queue = std::mem::take(&mut queues[chance(&mut random, 2)]);
                while !queue.is_empty() {
                    let Queued { house, ask, said } = queue.remove(chance(&mut random, queue.len()));
                    for _ in 0..=chance(&mut random, 2) {
                        taken += usize::from(room.desk.report_evacuation(&ask, house, said.clone()).await.is_ok());
                    }
                }
            }
            8 => {
                let reports = room.house(house, "reports");
                let Some(one) = reports.as_array().filter(|all| !all.is_empty()) else { continue };
                let report_id = one[chance(&mut random, one.len())]["id"].as_str().unwrap().parse().unwrap();
                let wrong = Withdrawal { report_id, reason: "nhầm hộ".into() };
                room.desk.withdraw_evacuation(&Ask::by(officer()), house, wrong).await.unwrap();
                withdrawn += 1;
            }
            _ => {
                let patch = Patch {
                    geometry: None,
                    properties: object(json!({"member_count": members + chance(&mut random, 3) as i64 - 1})),
                };
                let ask = Ask::by(officer()).if_match(room.version(Collection::Households, house));
                if let Err(problem) = room.desk.patch(&ask, Collection::Households, house, patch).await {
                    assert_eq!(problem.code, Code::InvalidValue, "{problem}");
                }
            }
        }
        let mut crowded = 0;
        for (shelter, capacity) in shelters.iter().zip([2, 5]) {
            assert_eq!(room.occupied(*shelter), room.in_shelter(&houses, *shelter), "step {step}");
            most = most.max(room.occupied(*shelter));
            crowded += usize::from(room.occupied(*shelter) > capacity);
        }
        assert_eq!(room.standing("shelter_over_capacity"), crowded, "step {step}");
        over += crowded;
        let unclear = houses.iter().filter(|house| !room.house(**house, "discrepancy").is_null()).count();
        assert_eq!(room.standing("count_discrepancy"), unclear, "step {step}");
        let board = room.board();
        agrees(&room, (&board.total.people, &board.total.households), &houses);
        let in_a: Vec<Uuid> = houses.iter().copied().filter(|house| at_most(&room, *house, 103.2)).collect();
        let of_a = board.zones.iter().find(|zone| zone.id == area).unwrap();
        agrees(&room, (&of_a.figures.people, &of_a.figures.households), &in_a);
    }
    assert!(taken > 80 && withdrawn > 5 && over > 0, "{taken} {withdrawn} {over} {most}: the test has moved something");
    for house in &houses {
        let history = room.store.history(Collection::Households, *house).await.unwrap();
        assert_eq!(history.last().unwrap().record.property("parts").unwrap_or_default(), room.house(*house, "parts"));
    }
}

/// 0 ≤ n < `count`; by the high bits, since the low ones of two draws hang together.
fn chance(random: &mut Random, count: usize) -> usize {
    (random.bits() >> 24) as usize % count
}

fn at_most(room: &Room, house: Uuid, east: f64) -> bool {
    let view = room.view();
    let shown = view.item(Collection::Households, house).unwrap();
    matches!(shown.geometry(), Some(Geometry::Point(point)) if point.x() <= east)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_at_the_same_moment_all_get_in() {
    let room = Arc::new(Room::new().await);
    let house = household(&room, 40, 103.1, 22.41).await;
    let school = shelter(&room, 100, 103.5).await;
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let room = Arc::clone(&room);
            tokio::spawn(async move {
                let said = EvacuationReport { more: true, ..report(State::Sheltered, Some(1), Some(school)) };
                let ask = Ask::by(officer()).at(Timestamp::from_ms(NIGHT_MS - n));
                room.desk.report_evacuation(&ask, house, said).await.map(|_| ())
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(room.parts(house), BTreeMap::from([("sheltered".to_owned(), 40)]));
    assert_eq!((room.occupied(school), room.house(house, "state")), (40, json!("sheltered")));
    let versions = room.store.history(Collection::Households, house).await.unwrap().len();
    assert_eq!(versions, 41);
}

#[tokio::test]
async fn a_late_telephone_changes_the_course_and_not_the_end() {
    let room = Room::new().await;
    let house = household(&room, 5, 103.1, 22.41).await;
    let school = shelter(&room, 100, 103.5).await;
    let at = |minutes: i64| Ask::by(officer()).at(Timestamp::from_ms(NIGHT_MS - minutes * 60_000));
    // The shelter counts four; then the escort, who had no coverage, tells that four left and one refused.
    let tell = async |minutes, said| room.desk.report_evacuation(&at(minutes), house, said).await.unwrap();
    tell(10, report(State::Sheltered, Some(4), Some(school))).await;
    assert_eq!(room.house(house, "state"), "registered");
    tell(30, report(State::Moving, Some(4), None)).await;
    tell(29, report(State::Refused, Some(1), None)).await;
    let expected = BTreeMap::from([("refused".to_owned(), 1), ("sheltered".to_owned(), 4)]);
    assert_eq!((room.parts(house), room.house(house, "state")), (expected, json!("refused")));
    assert!(room.house(house, "discrepancy").is_null());
    assert_eq!(room.house(house, "state_at"), Timestamp::from_ms(NIGHT_MS - 29 * 60_000).to_string());
    let refusal = room.house(house, "reports").as_array().unwrap().iter().find(|r| r["state"] == "refused").cloned();
    let evidence = refusal.unwrap()["evidence"].clone();
    assert_eq!((&evidence["reason"], &evidence["officer"]), (&json!("còn đàn trâu"), &json!("duty_officer")));
}

#[tokio::test]
async fn fewer_who_arrive_than_left_raise_an_alarm_until_it_is_settled() {
    let room = Room::new().await;
    let house = household(&room, 5, 103.1, 22.41).await;
    let school = shelter(&room, 100, 103.5).await;
    room.tell(house, report(State::Moving, Some(5), None)).await.unwrap();
    assert_eq!(room.standing("count_discrepancy"), 0);
    room.clock.go_s(600);
    room.tell(house, report(State::Sheltered, Some(3), Some(school))).await.unwrap();
    assert_eq!(room.house(house, "discrepancy"), json!({"missing": 2, "surplus": 0, "strayed": 0}));
    assert_eq!(room.standing("count_discrepancy"), 1);
    room.clock.go_s(600);
    room.tell(house, report(State::Sheltered, Some(5), Some(school))).await.unwrap();
    assert_eq!((room.standing("count_discrepancy"), room.house(house, "discrepancy")), (0, Value::Null));
    // Who is looked for in vain three times is somebody's task.
    let other = household(&room, 2, 103.11, 22.41).await;
    let tries = |tries| {
        let said = report(State::Unreachable, None, None);
        EvacuationReport { evidence: Evidence { tries: Some(tries), ..said.evidence.clone() }, ..said }
    };
    room.tell(other, tries(2)).await.unwrap();
    assert_eq!(room.standing("household_unreachable"), 0);
    room.clock.go_s(60);
    room.tell(other, tries(3)).await.unwrap();
    assert_eq!(room.standing("household_unreachable"), 1);
    room.clock.go_s(60);
    room.tell(other, report(State::Notified, None, None)).await.unwrap();
    assert_eq!(room.standing("household_unreachable"), 0);
}

#[tokio::test]
async fn who_arrives_at_a_full_shelter_is_let_in_and_somebody_is_told() {
    let room = Room::new().await;
    let house = household(&room, 6, 103.1, 22.41).await;
    let school = shelter(&room, 5, 103.5).await;
    room.tell(house, report(State::Sheltered, Some(6), Some(school))).await.unwrap();
    assert_eq!((room.occupied(school), room.standing("shelter_over_capacity")), (6, 1));
    // More room ends it, less raises it again; nobody sets who is in it by hand.
    let patch = async |properties: Value| {
        let ask = Ask::by(officer()).if_match(room.version(Collection::Shelters, school));
        let patch = Patch { geometry: None, properties: object(properties) };
        room.desk.patch(&ask, Collection::Shelters, school, patch).await
    };
    patch(json!({"capacity": 8})).await.unwrap();
    assert_eq!(room.standing("shelter_over_capacity"), 0);
    patch(json!({"capacity": 4})).await.unwrap();
    assert_eq!(room.standing("shelter_over_capacity"), 1);
    refused(patch(json!({"occupied": 0})).await, Code::FieldNotSettable);
    let ask = Ask::by(officer()).if_match(room.version(Collection::Shelters, school));
    refused(room.desk.end(&ask, Collection::Shelters, school, None).await, Code::ForbiddenTransition);
    let ask = Ask::by(officer()).if_match(room.version(Collection::Households, house));
    refused(room.desk.end(&ask, Collection::Households, house, None).await, Code::ForbiddenTransition);
    // They go home when somebody lets them, and only then.
    room.clock.go_s(60);
    let early = refused(room.tell(house, report(State::Returned, None, None)).await, Code::ForbiddenTransition);
    assert_eq!(extra(&early, "allowed"), json!(["return_authorised"]));
    room.tell(house, report(State::ReturnAuthorised, None, None)).await.unwrap();
    assert_eq!(room.occupied(school), 6);
    room.clock.go_s(60);
    room.tell(house, report(State::Returned, None, None)).await.unwrap();
    assert_eq!((room.occupied(school), room.standing("shelter_over_capacity")), (0, 0));
    let patch = patch(json!({"property_items": []})).await;
    refused(patch, Code::UnknownField);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_says_where() {
    let room = Room::new().await;
    let house = household(&room, 4, 103.1, 22.41).await;
    let school = shelter(&room, 5, 103.5).await;
    let with = |state, change: &dyn Fn(&mut EvacuationReport)| {
        let mut said = report(state, Some(2), Some(school));
        change(&mut said);
        said
    };
    let long = "x".repeat(201);
    use State as S;
    let bad: Vec<(EvacuationReport, Code, &str)> = vec![
        (with(S::Notified, &|said| said.evidence.channel = None), Code::MissingField, "/channel"),
        (with(S::Notified, &|said| said.evidence.channel = Some("khói".into())), Code::InvalidValue, "/channel"),
        (with(S::Moving, &|said| said.evidence.escort = None), Code::MissingField, "/unit_id"),
        (with(S::Moving, &|said| said.evidence.unit_id = Some(Uuid::nil())), Code::UnknownReference, "/unit_id"),
        (with(S::Moving, &|said| said.people = None), Code::MissingField, "/people"),
        (with(S::Moving, &|said| said.people = Some(-1)), Code::InvalidValue, "/people"),
        (with(S::Moving, &|said| said.people = Some(5)), Code::InvalidValue, "/people"),
        (with(S::Moving, &|said| (said.more, said.people) = (true, Some(0))), Code::InvalidValue, "/people"),
        (with(S::Moving, &|said| said.shelter_id = Some(school)), Code::InvalidValue, "/shelter_id"),
        (with(S::Moving, &|said| said.from = Some(S::Moving)), Code::InvalidValue, "/from"),
        (with(S::Sheltered, &|said| said.shelter_id = None), Code::MissingField, "/shelter_id"),
        (with(S::Sheltered, &|said| said.shelter_id = Some(house)), Code::UnknownReference, "/shelter_id"),
        (with(S::WithRelatives, &|said| said.place = None), Code::MissingField, "/place"),
        (with(S::WithRelatives, &|said| said.place = Some("  ".into())), Code::MissingField, "/place"),
        (with(S::Refused, &|said| said.evidence.reason = None), Code::MissingField, "/reason"),
        (with(S::Refused, &|said| said.evidence.reason = Some(long.clone())), Code::LimitExceeded, "/reason"),
        (with(S::Refused, &|said| said.evidence.next_visit_at = None), Code::MissingField, "/next_visit_at"),
        (
            with(S::Refused, &|said| said.evidence.next_visit_at = Some(Timestamp::from_ms(0))),
            Code::InvalidValue,
            "/next_visit_at",
        ),
        (with(S::Unreachable, &|said| said.evidence.tries = None), Code::MissingField, "/tries"),
        (with(S::Unreachable, &|said| said.evidence.tries = Some(0)), Code::InvalidValue, "/tries"),
        (with(S::ReturnAuthorised, &|said| said.evidence.authority = None), Code::MissingField, "/authority"),
        (with(S::ReturnAuthorised, &|said| said.evidence.inspection_ref = None), Code::MissingField, "/inspection_ref"),
        (with(S::Relocated, &|said| said.evidence.decision_no = None), Code::MissingField, "/decision_no"),
        (with(S::Notified, &|said| said.told.source = Some("phone".into())), Code::MissingField, "/told_by"),
        (with(S::Notified, &|said| said.told.source = Some("drum".into())), Code::InvalidValue, "/source"),
    ];
    for (said, code, at) in bad {
        let problem = refused(room.tell(house, said.clone()).await, code);
        assert_eq!(problem.at.as_deref(), Some(at), "{said:?}");
    }
    let future = Ask::by(officer()).at(Timestamp::from_ms(NIGHT_MS + 600_000));
    refused(room.desk.report_evacuation(&future, house, report(S::Notified, None, None)).await, Code::FutureTime);
    refused(room.tell(school, report(S::Notified, None, None)).await, Code::NotFound);
    assert_eq!(room.version(Collection::Households, house), 1, "nothing of it was taken");
    room.tell(house, report(S::Refused, Some(4), None)).await.unwrap();
    let patch = Patch { geometry: None, properties: object(json!({"member_count": 3})) };
    let ask = Ask::by(officer()).if_match(2);
    let fewer = refused(room.desk.patch(&ask, Collection::Households, house, patch).await, Code::InvalidValue);
    assert_eq!(fewer.at.as_deref(), Some("/properties/member_count"));
    let wrong = |report_id, reason: &str| Withdrawal { report_id, reason: reason.into() };
    let ask = Ask::by(officer());
    refused(room.desk.withdraw_evacuation(&ask, house, wrong(house, "nhầm")).await, Code::UnknownReference);
    let own: Uuid = room.house(house, "reports")[0]["id"].as_str().unwrap().parse().unwrap();
    refused(room.desk.withdraw_evacuation(&ask, house, wrong(own, " ")).await, Code::MissingField);
    room.desk.withdraw_evacuation(&ask, house, wrong(own, "nhầm hộ")).await.unwrap();
    assert_eq!(room.house(house, "reports")[0]["withdrawn"]["reason"], "nhầm hộ");
    assert_eq!(room.parts(house), BTreeMap::from([("registered".to_owned(), 4)]));
    let again = room.desk.withdraw_evacuation(&ask, house, wrong(own, "nhầm hộ")).await.unwrap();
    assert!(again.changes.is_empty(), "it was withdrawn already");
    for items in [
        json!({}),
        json!([{"kind": "gold"}]),
        json!([{"kind": "livestock", "count": -1}]),
        json!([{"kind": "goods", "moved": "yes"}]),
    ] {
        let patch = Patch { geometry: None, properties: object(json!({"property_items": items})) };
        let ask = Ask::by(officer()).if_match(room.version(Collection::Households, house));
        refused(room.desk.patch(&ask, Collection::Households, house, patch).await, Code::InvalidValue);
    }
    let items =
        json!([{"kind": "livestock", "what": "trâu", "count": 3, "moved": false}, {"kind": "vehicle", "moved": true}]);
    let patch = Patch { geometry: None, properties: object(json!({"property_items": items})) };
    let ask = Ask::by(officer()).if_match(room.version(Collection::Households, house));
    room.desk.patch(&ask, Collection::Households, house, patch).await.unwrap();
    assert_eq!(room.house(house, "property_items"), items);
    sound_history(room.store.as_ref(), Collection::Shelters, school).await;
}

#[tokio::test]
async fn twenty_nine_households_are_moved_out_step_by_step_and_all_figures_agree() {
    let room = Room::new().await;
    let area = zone(&room, "Sườn A", square(103.0, 103.1)).await;
    let school = shelter(&room, 70, 103.5).await;
    let hall = shelter(&room, 60, 103.6).await;
    let mut houses = Vec::new();
    for n in 0..29 {
        // The last stands on the boundary.
        let lon = if n == 28 { 103.1 } else { 103.01 + 0.003 * f64::from(n) };
        houses.push(household(&room, 2 + i64::from(n) % 5, lon, 22.41).await);
    }
    let outside = household(&room, 7, 103.15, 22.41).await;
    let all: i64 = houses.iter().map(|house| room.house(*house, "member_count").as_i64().unwrap()).sum();
    let check = async |room: &Room, inside: i64| {
        let board = room.board();
        let figures = &board.zones.iter().find(|known| known.id == area).unwrap().figures;
        agrees(room, (&figures.people, &figures.households), &houses);
        assert_eq!(figures.people.still_inside, inside, "{}", figures.sentence_vi);
        assert_eq!(figures.people, board.total.people);
        let exposure = room.view().exposure(&square(103.0, 103.1));
        assert_eq!((exposure.households as i64, exposure.people), (figures.households.registered, all));
        for house in &houses {
            let history = room.store.history(Collection::Households, *house).await.unwrap();
            let journal = history.last().unwrap().record.property("parts").unwrap_or_default();
            assert_eq!(journal, room.house(*house, "parts"));
        }
        board
    };
    let board = check(&room, all).await;
    assert_eq!(board.total.households.unknown, 29);
    assert!(board.total.sentence_vi.contains(&format!("còn {all}/{all} người (29 hộ)")), "{}", board.total.sentence_vi);
    assert_eq!(board.total.time_to_clear.minutes, None, "nothing tells yet");
    for house in &houses {
        let told = Told { source: Some("phone".into()), told_by: Some("Trưởng bản".into()) };
        room.tell(*house, EvacuationReport { told, ..report(State::Notified, None, None) }).await.unwrap();
    }
    let board = check(&room, all).await;
    assert!(board.total.sentence_vi.contains("lúc 02:14, theo Trưởng bản"), "{}", board.total.sentence_vi);
    room.clock.go_s(20 * 60);
    let mut left = all;
    for (n, house) in houses.iter().enumerate() {
        let members = room.house(*house, "member_count").as_i64().unwrap();
        room.clock.go_s(60);
        let stays = i64::from(n % 7 == 0);
        room.tell(*house, report(State::Moving, Some(members - stays), None)).await.unwrap();
        if stays > 0 {
            room.tell(*house, report(State::Refused, Some(stays), None)).await.unwrap();
        }
        check(&room, left).await;
        room.clock.go_s(60);
        let to = if n % 2 == 0 { school } else { hall };
        let arrived = match n % 3 {
            0 => report(State::WithRelatives, Some(members - stays), None),
            _ => report(State::Sheltered, Some(members - stays), Some(to)),
        };
        room.tell(*house, arrived).await.unwrap();
        left -= members - stays;
        let board = check(&room, left).await;
        assert!(board.total.time_to_clear.minutes.is_some(), "people came out within the hour");
    }
    let board = room.board();
    assert_eq!((board.total.people.refused, board.total.people.still_inside), (5, 5));
    assert!(board.total.told.iter().any(|told| told.state == "refused" && told.is_old == (told.state != "refused")));
    for house in houses.iter().step_by(7) {
        let said = EvacuationReport { more: true, ..report(State::Sheltered, Some(1), Some(school)) };
        room.clock.go_s(60);
        room.tell(*house, said).await.unwrap();
        left -= 1;
        check(&room, left).await;
    }
    let board = check(&room, 0).await;
    assert!(board.total.sentence_vi.contains("đã ra hết"), "{}", board.total.sentence_vi);
    assert_eq!(board.total.time_to_clear.minutes, Some(0));
    assert_eq!(room.occupied(school) + room.occupied(hall) + board.total.people.with_relatives, all);
    room.clock.go_s(45 * 60);
    assert!(room.board().total.told.iter().all(|told| told.is_old));
    assert_eq!(room.parts(outside), BTreeMap::from([("registered".to_owned(), 7)]));
    // The zone ends, and with it the question.
    let ask = Ask::by(planner()).if_match(room.version(Collection::RiskZones, area));
    room.desk.end_zone(&ask, area, "đã kiểm tra".into()).await.unwrap();
    assert!(room.board().zones.is_empty());
}

#[tokio::test]
async fn a_zone_that_is_drawn_anew_and_a_house_that_moves_count_where_they_are_now() {
    let room = Room::new().await;
    let a = zone(&room, "Sườn A", square(103.0, 103.1)).await;
    let b = zone(&room, "Sườn B", square(103.05, 103.2)).await;
    let houses = [household(&room, 3, 103.02, 22.41).await, household(&room, 4, 103.07, 22.41).await];
    let count = |room: &Room| {
        let board = room.board();
        let of = |id: Uuid| board.zones.iter().find(|zone| zone.id == id).map(|zone| zone.figures.people.registered);
        (of(a), of(b), board.total.people.registered, board.households_without_place)
    };
    assert_eq!(count(&room), (Some(7), Some(4), 7, 0), "a house in two zones counts once in the total");
    let patch = async |collection, id, geometry: Option<Geometry>| {
        let ask = Ask::by(planner()).if_match(room.version(collection, id));
        let patch = Patch { geometry: Some(geometry), properties: object(json!({})) };
        room.desk.patch(&ask, collection, id, patch).await.unwrap();
    };
    patch(Collection::Households, houses[0], Some(Point::new(103.15, 22.41).into())).await;
    assert_eq!(count(&room), (Some(4), Some(7), 7, 0));
    patch(Collection::RiskZones, b, Some(square(103.14, 103.2))).await;
    assert_eq!(count(&room), (Some(4), Some(3), 7, 0));
    patch(Collection::Households, houses[1], None).await;
    assert_eq!(count(&room), (Some(0), Some(3), 3, 1));
    let c = zone(&room, "Sườn C", square(103.0, 103.3)).await;
    let ask = Ask::by(planner()).if_match(room.version(Collection::RiskZones, a));
    room.desk.end_zone(&ask, a, "nhầm".into()).await.unwrap();
    assert_eq!(count(&room), (None, Some(3), 3, 1));
    assert_eq!(room.board().zones.iter().find(|zone| zone.id == c).unwrap().figures.people.registered, 3);
}
