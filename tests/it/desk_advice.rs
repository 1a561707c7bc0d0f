//! Advice on real roads: what it never does, whatever is closed and whoever goes home; what is kept of it with an order;
//! who holds the post that an order leaves empty.

use std::collections::HashMap;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use trucban::desk::{Advice, Ask, Item, Order, StepReport, Told};
use trucban::domain::access::Area;
use trucban::domain::advice::Shown as Basis;
use trucban::domain::assignment::Step;
use trucban::domain::recommend::{Recommendation, rank};
use trucban::domain::{Actor, Collection, Force, Role};
use trucban::roads::import::shipped;
use trucban::roads::{Profile, Roads};
use uuid::Uuid;

use crate::desk_support::{Room, officer};
use crate::roads_support::places;
use crate::store_support::object;

/// A room on the shipped roads, with units spread over them, and places on roads.
async fn on_roads(units: usize, seed: u64) -> (Room, Vec<[f64; 2]>) {
    let room = Room::on_the_ground().await;
    let (graph, _) = shipped();
    let on_roads = places(&graph, Profile::Truck, units + 200, seed).into_iter().map(|snap| snap.position).collect();
    room.desk.roads_handle().swap(Roads::from(graph));
    let on_roads: Vec<[f64; 2]> = on_roads;
    for (n, [lon, lat]) in on_roads.iter().take(units).enumerate() {
        room.unit_at(&format!("U{n}"), *lon, *lat).await;
    }
    (room, on_roads[units..].to_vec())
}

impl Room {
    fn advice(&self, incident: Uuid) -> Arc<Advice> {
        self.desk.recommendation(&self.view(), incident, 200).unwrap()
    }

    async fn close_at(&self, [lon, lat]: [f64; 2], properties: Value) -> Uuid {
        let item = Item {
            geometry: Some(geo_types::Geometry::Point(geo_types::Point::new(lon, lat))),
            properties: object(properties),
        };
        self.desk.create(&Ask::by(officer()), Collection::RoadClosures, None, item).await.unwrap().id()
    }
}

fn etas(advice: &Recommendation) -> HashMap<Uuid, (i64, i64)> {
    advice.candidates.iter().map(|c| (c.unit_id, (c.eta_min_s, c.eta_max_s))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_makes_no_arrival_earlier_and_whoever_is_left_out_is_told_why() {
    let seed = crate::soak_support::Dice::thrown_for("closures and arrivals").below(1 << 31);
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (room, free) = on_roads(12, seed).await;
    let mut later = 0;
    let mut cut = 0;
    for round in 0..12 {
        let [lon, lat] = free[round];
        let incident = room.report("landslide", lon, lat).await;
        let mut before = etas(&room.advice(incident).recommendation);
        assert_eq!(before.len(), 12);
        for step in 0..4 {
            let at = free[random.random_range(12..free.len())];
            let how = match step % 3 {
                0 => json!({"reason": "landslide"}),
                1 => json!({"reason": "flooded_ford", "profiles": ["car", "truck"]}),
                _ => json!({"reason": "rain", "speed_factor": 0.3}),
            };
            room.close_at(at, how).await;
            let after = room.advice(incident).recommendation.clone();
            let now = etas(&after);
            for (unit, (least, most)) in &before {
                match now.get(unit) {
                    Some((min, max)) => {
                        assert!(min >= least && max >= most, "{unit}: {min}–{max} s was {least}–{most} s");
                        later += usize::from(min > least);
                    }
                    None => {
                        let left = after.left_out.iter().find(|left| left.unit_id == *unit).unwrap();
                        assert_eq!(left.reasons[0].code, "no_way");
                        cut += 1;
                    }
                }
            }
            assert!(after.left_out.iter().all(|left| !left.reasons.is_empty()));
            before = now;
        }
        let view = room.view();
        let closures: Vec<(Uuid, u32)> =
            view.all(Collection::RoadClosures).map(|closure| (closure.id(), closure.version())).collect();
        for (closure, version) in closures {
            room.desk
                .end(&Ask::by(officer()).if_match(version), Collection::RoadClosures, closure, None)
                .await
                .unwrap();
        }
    }
    println!("later {later} times, cut off {cut} times");
    assert!(later + cut > 0, "no closure met a way: the test says nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_goes_home_changes_nobody_elses_arrival_nor_makes_a_place_worse() {
    let (room, free) = on_roads(12, 5).await;
    let incident = room.report("landslide", free[0][0], free[0][1]).await;
    let mut before = room.advice(incident);
    while let Some(first) = before.recommendation.candidates.first().map(|c| c.unit_id) {
        room.status(first, "off_duty").await.unwrap();
        let after = room.advice(incident);
        for candidate in &after.recommendation.candidates {
            let was = before.recommendation.candidates.iter().find(|c| c.unit_id == candidate.unit_id).unwrap();
            assert_eq!(
                (candidate.eta_min_s, candidate.eta_max_s, candidate.score_s),
                (was.eta_min_s, was.eta_max_s, was.score_s)
            );
            assert_eq!(candidate.rank, was.rank - 1);
        }
        before = after;
    }
    assert_eq!(before.recommendation.left_out.len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_advice_on_the_screen_is_kept_with_the_order_and_says_the_same_again() {
    let (room, free) = on_roads(12, 7).await;
    let incident = room.report("landslide", free[0][0], free[0][1]).await;
    let shown = room.advice(incident);
    // What the screen shows is an answer of some minutes ago: a unit has gone on, a road was cut since.
    room.close_at(free[1], json!({"reason": "landslide"})).await;
    room.clock.go_s(240);
    let second = shown.recommendation.candidates[1].unit_id;
    let followed = room.desk.followed(&room.view(), incident, shown.id).unwrap();
    assert!(followed.is_as_shown);
    let order = Order { unit: second, is_proposal: false, followed: Some(followed) };
    let order = room.desk.assign(&room.seen(incident), incident, order).await.unwrap().assignment.unwrap();

    let kept = room.property(Collection::Assignments, order, "advice_id");
    let kept = Uuid::parse_str(kept.as_str().unwrap()).unwrap();
    let property = |name: &str| room.property(Collection::Advices, kept, name);
    assert_eq!((property("rank"), property("is_as_shown")), (json!(2), json!(true)));
    assert_eq!((property("unit_id"), property("shown_to")), (json!(second.to_string()), json!("duty_officer")));
    let basis: Basis = serde_json::from_value(property("basis")).unwrap();
    assert_eq!(basis.roads_id, room.desk.roads().map(|roads| roads.roads.id.clone()));
    let again = rank(&basis.asked, &basis.units, &basis.empty_posts, basis.seq);
    assert_eq!(again, basis.again());
    assert_eq!(again.candidates, shown.recommendation.candidates);
    assert_eq!((&again.picks, &again.shortfalls), (&shown.recommendation.picks, &shown.recommendation.shortfalls));

    // An answer that nobody here remembers, or that another officer had, is made anew and says so.
    for unknown in [Uuid::now_v7(), shown.id] {
        let view = room.desk.picture().view(&Actor::new("another", Role::DutyOfficer, None), room.desk.now());
        assert!(!room.desk.followed(&view, incident, unknown).unwrap().is_as_shown);
    }
    // Whoever does not answer for the whole province, and did not see it, does not see it now.
    let area = Area::Parts { communes: ["03538".to_owned()].into(), sectors: [].into() };
    let of_commune = Actor { area, ..Actor::new("xa", Role::DutyOfficer, Some(Force::BorderGuard)) };
    let view = room.desk.picture().view(&of_commune, room.desk.now());
    assert!(view.item(Collection::Advices, kept).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_declined_is_not_offered_again_for_half_an_hour() {
    let (room, free) = on_roads(4, 9).await;
    let incident = room.report("landslide", free[0][0], free[0][1]).await;
    let first = room.advice(incident).recommendation.candidates[0].unit_id;
    let order = room.desk.assign(&room.seen(incident), incident, first).await.unwrap().assignment.unwrap();
    let report = StepReport { step: Step::Decline, told: Told::default(), reason: Some("hỏng xe".into()) };
    room.desk.step_assignment(&Ask::by(officer()), order, report).await.unwrap();
    let left = |advice: &Advice| {
        let left = advice.recommendation.left_out.iter().find(|left| left.unit_id == first)?;
        Some(left.reasons[0].clone())
    };
    let reason = left(&room.advice(incident)).unwrap();
    assert_eq!((reason.code, reason.vi.as_str()), ("declined", "không nhận vụ việc này lúc 02:14"));
    room.clock.go_s(30 * 60);
    assert_eq!(left(&room.advice(incident)), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_is_left_empty_is_held_by_the_nearest_that_can_be_spared() {
    let (room, _) = on_roads(0, 11).await;
    let view = room.view();
    let posts: Vec<(Uuid, geo_types::Point)> = view
        .all(Collection::Stations)
        .filter(|station| station.text("kind").as_deref() == Some("border_post"))
        .filter_map(|station| Some((station.id(), geo_types::Point::try_from(station.geometry()?.clone()).ok()?)))
        .take(2)
        .collect();
    let (at, posts) = (posts[0].1, [posts[0].0, posts[1].0]);
    let at_post = async |name: &str, station: Uuid| {
        let properties = json!({
            "code": name, "name": name, "force": "border_guard", "kind": "mobile_team", "station_id": station,
            "capabilities": ["traffic_control"],
        });
        let item = Item { geometry: None, properties: object(properties) };
        room.desk.create(&Ask::by(officer()), Collection::Units, None, item).await.unwrap().id()
    };
    let alone = at_post("ALONE", posts[0]).await;
    let incident = room.report("rockfall", at.x(), at.y()).await;
    let advice = room.advice(incident);
    assert_eq!(advice.recommendation.picks, [alone]);
    assert!(advice.recommendation.move_ups.is_empty(), "nobody can be spared");

    at_post("ONE", posts[1]).await;
    let two = at_post("TWO", posts[1]).await;
    let advice = room.advice(incident);
    assert_eq!(advice.recommendation.picks, [alone], "it is at the place, however empty its post will be");
    let [proposed] = advice.recommendation.move_ups.as_slice() else { panic!("{:?}", advice.recommendation.move_ups) };
    assert_eq!((proposed.station_id, proposed.left_by), (posts[0], alone));
    assert!(proposed.eta_min_s > 0 && proposed.eta_min_s < proposed.eta_max_s);
    // With one of the two away the other is the last of its post and stays.
    room.status(two, "off_duty").await.unwrap();
    assert!(room.advice(incident).recommendation.move_ups.is_empty());
}
