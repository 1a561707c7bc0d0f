//! Fences of risk zones through the front door: who comes in, who stays too long, who leaves, who was there already; and
//! how few alarms come of it.

use std::time::Duration;

use jiff::Timestamp as Instant;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http_support::{Caller, Server, done, id, problem, version};

/// Beside no zone of the demo: its middle, and a place well outside.
const MIDDLE: [f64; 2] = [102.51, 22.61];
const OUTSIDE: [f64; 2] = [102.60, 22.61];

const ALARMS: &str = "/api/collections/alarms/items";

/// A zone around the middle, some units, and those who watch.
struct Cast {
    officer: Caller,
    border: Caller,
    planner: Caller,
    zone: Value,
    begun: Instant,
}

impl Cast {
    async fn of(server: &Server, more: Value) -> Self {
        let [officer, border, planner] = ["duty_officer", "border_officer", "planner"].map(|name| server.actor(name));
        let zone = draw(&planner, more).await;
        let begun = zone["properties"]["recorded_at"].as_str().unwrap().parse().unwrap();
        Self { officer, border, planner, zone, begun }
    }

    fn zone(&self) -> &str {
        id(&self.zone)
    }

    /// A fix so many seconds after the fence began.
    async fn fix(&self, unit: &str, [lon, lat]: [f64; 2], after_s: i64) -> Value {
        let at = self.begun + jiff::SignedDuration::from_secs(after_s);
        let fix = json!({"unit_id": unit, "lon": lon, "lat": lat, "at": at.to_string(), "accuracy_m": 10});
        done(self.officer.post("/api/fixes", json!({"fixes": [fix]})).await, StatusCode::OK).await
    }

    async fn inside(&self) -> Value {
        self.border.read(&format!("/api/risk_zones/{}/units_inside", self.zone())).await
    }

    async fn alarms(&self, kind: &str) -> Vec<Value> {
        self.border.read(&format!("{ALARMS}?kind={kind}")).await["features"].as_array().unwrap().clone()
    }

    /// Waits until so many units have come in, and so many were there.
    async fn until_inside(&self, entered: usize, already: usize) -> Value {
        let count = |inside: &Value, list: &str| inside[list].as_array().unwrap().len();
        for _ in 0..400 {
            let inside = self.inside().await;
            if (count(&inside, "entered"), count(&inside, "already_inside")) == (entered, already) {
                return inside;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("not {entered} and {already}: {}", self.inside().await);
    }

    async fn log(&self, kind: &str) -> usize {
        let page = self.border.read(&format!("/api/collections/duty_log/items?kind={kind}")).await;
        page["features"].as_array().unwrap().len()
    }
}

async fn draw(planner: &Caller, more: Value) -> Value {
    let [lon, lat] = MIDDLE;
    let ring =
        [[-0.01, -0.01], [0.01, -0.01], [0.01, 0.01], [-0.01, 0.01], [-0.01, -0.01]].map(|[x, y]| [lon + x, lat + y]);
    let mut properties = json!({"name": "Sườn thử", "kind": "landslide", "valid_to": "2100-01-01T00:00:00Z"});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let zone = json!({"geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties});
    done(planner.post("/api/collections/risk_zones/items", zone).await, StatusCode::CREATED).await
}

async fn unit(officer: &Caller, force: &str, at: [f64; 2]) -> String {
    let code = Uuid::new_v4().to_string()[..8].to_uppercase();
    let unit = json!({
        "geometry": {"type": "Point", "coordinates": at},
        "properties": {"code": code, "name": "Tổ thử", "force": force, "kind": "mobile_team"},
    });
    id(&done(officer.post("/api/collections/units/items", unit).await, StatusCode::CREATED).await).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_without_a_task_that_comes_in_raises_one_alarm_and_its_leaving_clears_it() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let [one, two, there] = [
        unit(&officer, "border_guard", OUTSIDE).await,
        unit(&officer, "border_guard", OUTSIDE).await,
        unit(&officer, "border_guard", MIDDLE).await,
    ];
    let cast = Cast::of(&server, json!({})).await;
    let inside = cast.until_inside(0, 1).await;
    assert_eq!((&inside["already_inside"][0]["unit_id"], &inside["is_fenced"]), (&json!(there), &json!(true)));
    assert_eq!(inside["dwell_min"], 30);
    assert!(cast.alarms("fence_entered").await.is_empty(), "who was there did not come in");

    cast.fix(&one, MIDDLE, 5).await;
    let inside = cast.until_inside(1, 1).await;
    assert_eq!((&inside["entered"][0]["unit_id"], &inside["entered"][0]["has_task"]), (&json!(one), &json!(false)));
    let raised = cast.alarms("fence_entered").await;
    let properties = &raised[0]["properties"];
    assert_eq!(
        (raised.len(), &properties["force"], &properties["unit_ids"]),
        (1, &json!("border_guard"), &json!([one]))
    );
    assert_eq!(properties["zone_id"], *cast.zone());
    // The second one joins the alarm that nobody has taken.
    cast.fix(&two, MIDDLE, 6).await;
    cast.until_inside(2, 1).await;
    let raised = cast.alarms("fence_entered").await;
    assert_eq!((raised.len(), &raised[0]["properties"]["unit_ids"]), (1, &json!([one, two])));
    assert!(raised[0]["properties"]["text"].as_str().unwrap().starts_with("2 đơn vị"), "{raised:?}");
    // A step within the margin is no leaving; out and in again raises nothing new, and is counted.
    cast.fix(&one, [MIDDLE[0] + 0.0102, MIDDLE[1]], 20).await;
    cast.fix(&one, OUTSIDE, 30).await;
    cast.until_inside(1, 1).await;
    assert_eq!((cast.alarms("fence_entered").await.len(), cast.log("fence_left").await), (1, 1), "one is still inside");
    cast.fix(&one, MIDDLE, 40).await;
    cast.until_inside(2, 1).await;
    let again = cast.alarms("fence_entered").await;
    assert_eq!((again.len(), &again[0]["properties"]["repeats"]), (1, &json!(1)));
    assert_eq!(cast.log("fence_entered").await, 2);
    // Late: a fix from before the last one is not taken, and raises nothing.
    assert_eq!(cast.fix(&one, OUTSIDE, 35).await["stale"], 1);
    for unit in [&one, &two, &there] {
        cast.fix(unit, OUTSIDE, 60).await;
    }
    cast.until_inside(0, 0).await;
    assert!(cast.alarms("fence_entered").await.is_empty(), "the cause is gone");
    assert_eq!(cast.log("fence_left").await, 4);
    // What nobody took stands again as soon as one is back.
    cast.fix(&one, MIDDLE, 70).await;
    cast.until_inside(1, 0).await;
    let back = cast.alarms("fence_entered").await;
    assert_eq!((back.len(), id(&back[0])), (1, id(&raised[0])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_with_its_incident_there_raises_nothing_until_it_stays_too_long() {
    let server = Server::demo().await;
    let border = server.actor("border_officer");
    let team = unit(&border, "border_guard", OUTSIDE).await;
    let cast = Cast::of(&server, json!({"fence_dwell_min": 1})).await;
    let incident = border.report("landslide", MIDDLE[0], MIDDLE[1]).await;
    let path = format!("/api/incidents/{}/assignments", id(&incident));
    done(border.write(Method::POST, &path, version(&incident), json!({"unit_id": team})).await, StatusCode::OK).await;
    cast.fix(&team, MIDDLE, 5).await;
    let inside = cast.until_inside(1, 0).await;
    assert_eq!(inside["entered"][0]["has_task"], true);
    assert!(cast.alarms("fence_entered").await.is_empty());
    cast.fix(&team, MIDDLE, 64).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(cast.alarms("fence_dwell").await.is_empty(), "59 seconds");
    cast.fix(&team, MIDDLE, 66).await;
    for _ in 0..400 {
        if !cast.alarms("fence_dwell").await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    cast.fix(&team, MIDDLE, 70).await;
    assert_eq!(cast.inside().await["entered"][0]["has_dwelt"], true);
    assert_eq!((cast.alarms("fence_dwell").await.len(), cast.log("fence_dwelt").await), (1, 1), "once a visit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_ends_with_its_zone_and_one_that_is_off_hears_nothing() {
    let server = Server::demo().await;
    let border = server.actor("border_officer");
    let team = unit(&border, "border_guard", OUTSIDE).await;
    let cast = Cast::of(&server, json!({})).await;
    cast.fix(&team, MIDDLE, 5).await;
    cast.until_inside(1, 0).await;
    assert_eq!(cast.alarms("fence_entered").await.len(), 1);
    let end = format!("/api/risk_zones/{}/end", cast.zone());
    let ended = cast.planner.write(Method::POST, &end, version(&cast.zone), json!({"reason": "hết mưa"})).await;
    done(ended, StatusCode::OK).await;
    let inside = cast.inside().await;
    assert_eq!((&inside["entered"], &inside["is_fenced"]), (&json!([]), &json!(false)), "at once");
    assert!(cast.alarms("fence_entered").await.is_empty());
    cast.fix(&team, OUTSIDE, 10).await;
    let off = Cast::of(&server, json!({"fence": "off"})).await;
    cast.fix(&team, MIDDLE, 20).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(off.inside().await["entered"], json!([]));
    // Switched on, it finds who is inside, and they did not come in.
    let item = format!("/api/collections/risk_zones/items/{}", off.zone());
    let on = json!({"properties": {"fence": "on"}});
    done(off.planner.write(Method::PATCH, &item, version(&off.zone), on).await, StatusCode::OK).await;
    off.until_inside(0, 1).await;
    assert!(off.alarms("fence_entered").await.is_empty());
    let bad = json!({"properties": {"fence": "perhaps"}});
    problem(off.planner.write(Method::PATCH, &item, 2, bad).await, 422, "invalid_value").await;
    let bad = json!({"properties": {"fence_dwell_min": -1}});
    problem(off.planner.write(Method::PATCH, &item, 2, bad).await, 422, "invalid_value").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_a_unit_reads_nothing_of_where_it_was() {
    let server = Server::demo().await;
    let border = server.actor("border_officer");
    let team = unit(&border, "border_guard", OUTSIDE).await;
    let cast = Cast::of(&server, json!({})).await;
    cast.fix(&team, MIDDLE, 5).await;
    cast.until_inside(1, 0).await;
    // The field unit is of another force or another unit; the observer sees no units at all.
    for name in ["observer", "local_authority"] {
        let other = server.actor(name);
        let inside = other.read(&format!("/api/risk_zones/{}/units_inside", cast.zone())).await;
        problem(other.get(&format!("/api/collections/units/items/{team}")).await, 404, "not_found").await;
        assert_eq!(inside["entered"], json!([]), "{name}");
        for path in [ALARMS, "/api/collections/zone_visits/items", "/api/collections/duty_log/items"] {
            let page = other.read(path).await.to_string();
            assert!(!page.contains(&team), "{name} reads of it in {path}");
        }
    }
    let path = format!("/api/risk_zones/{}/units_inside", Uuid::now_v7());
    problem(border.get(&path).await, 404, "not_found").await;
    problem(border.get("/api/risk_zones/x/units_inside").await, 404, "not_found").await;
    let path = format!("/api/risk_zones/{}/inside?unit=1", cast.zone());
    problem(border.get(&path).await, 400, "unknown_parameter").await;
    let by_hand = json!({"geometry": null, "properties": {}});
    problem(border.post("/api/collections/zone_visits/items", by_hand).await, 405, "method_not_allowed").await;
}
