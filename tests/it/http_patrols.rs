//! Patrols through the front door: planned along a stretch of the border, carried out, counted by fixes, told by radio, with
//! another force that is asked; and every plan that cannot be.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp as Instant};
use reqwest::StatusCode;
use serde_json::{Value, json};
use trucban::desk::{Ask, PatrolPlan, PatrolReport, Told};
use trucban::domain::patrol::Step;
use trucban::domain::{Collection, Timestamp};
use uuid::Uuid;

use crate::desk_support::{Room, field_unit, officer};
use crate::http_support::{Caller, Server, done, id, problem};

/// Ma Lù Thàng, Km 181.9 to 196.
const SECTOR: &str = "79260bbc-1b1a-5fab-82be-4b1b4405832b";

struct Cast {
    border: Caller,
    police_officer: Caller,
    field: Caller,
    own: String,
    police: String,
}

impl Cast {
    async fn of(server: &Server) -> Self {
        let [border, police_officer, field] = ["border_officer", "duty_officer", "field_unit"].map(|n| server.actor(n));
        let own = field.read("/api/session").await["actor"]["unit_id"].as_str().unwrap().to_owned();
        let page = border.read("/api/collections/units/items?code=CA-01").await;
        let police = id(&page["features"][0]).to_owned();
        Self { border, police_officer, field, own, police }
    }

    /// A plan of the border guard with these members besides, or in the place of others.
    fn body(&self, more: &Value) -> Value {
        let at = |hours: i64| (Instant::now() + SignedDuration::from_hours(hours)).to_string();
        let mut body = json!({
            "sector_id": SECTOR, "from_km": 185, "to_km": 190, "unit_ids": [self.own],
            "planned_start": at(0), "planned_end": at(6),
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    async fn plan(&self, more: Value) -> Value {
        done(self.border.post("/api/patrols", self.body(&more)).await, StatusCode::CREATED).await
    }

    async fn patrol(&self, id: &str) -> Value {
        self.border.read(&format!("/api/collections/patrols/items/{id}")).await["properties"].take()
    }

    async fn alarms(&self, caller: &Caller, kind: &str) -> Vec<Value> {
        caller.read(&format!("/api/collections/alarms/items?kind={kind}")).await["features"].as_array().unwrap().clone()
    }

    /// Waits until the patrol is as it shall be.
    async fn until(&self, patrol: &str, is: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..400 {
            let now = self.patrol(patrol).await;
            if is(&now) {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{}", self.patrol(patrol).await);
    }
}

impl Caller {
    async fn does(&self, patrol: &str, body: Value) -> reqwest::Response {
        self.post(&format!("/api/patrols/{patrol}/steps"), body).await
    }

    async fn chooses(&self, patrol: &str, body: Value) -> reqwest::Response {
        self.post(&format!("/api/patrols/{patrol}/decisions"), body).await
    }
}

fn line(patrol: &Value) -> Vec<[f64; 2]> {
    let lines: Vec<Vec<[f64; 2]>> = serde_json::from_value(patrol["geometry"]["coordinates"].clone()).unwrap();
    lines.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patrol_is_planned_carried_out_and_counted_by_its_fixes() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let points = json!([{"name": "Mốc A", "km": 186}, {"km": 189}]);
    let patrol = cast.plan(json!({"points": points})).await;
    let properties = &patrol["properties"];
    assert!(properties["code"].as_str().unwrap().starts_with("TT-"), "{properties}");
    assert_eq!((&properties["state"], &properties["kind"]), (&json!("planned"), &json!("patrol")));
    assert_eq!(properties["name"], "Tuần tra Ma Lù Thàng Km185+000–Km190+000");
    assert_eq!((&properties["force"], &properties["points"][1]["name"]), (&json!("border_guard"), &json!("Km189+000")));
    let id = id(&patrol).to_owned();

    let early = problem(cast.field.does(&id, json!({"step": "finish"})).await, 409, "forbidden_transition").await;
    assert_eq!((&early["state"], &early["allowed"]), (&json!("planned"), &json!(["start", "cancel"])));
    done(cast.field.does(&id, json!({"step": "start"})).await, StatusCode::OK).await;
    let again = done(cast.field.does(&id, json!({"step": "start"})).await, StatusCode::OK).await;
    assert_eq!(
        (&again["properties"]["state"], again["properties"]["version"].as_i64()),
        (&json!("under_way"), Some(2))
    );
    let unit = cast.border.read(&format!("/api/collections/units/items/{}", cast.own)).await;
    assert_eq!(unit["properties"]["status"], "on_patrol");

    // Along the whole line, a fix at each of its vertices.
    let begun = Instant::now();
    let fixes: Vec<Value> = (1_i64..)
        .zip(line(&patrol))
        .map(|(n, [lon, lat])| {
            let at = begun + SignedDuration::from_millis(n * 200);
            json!({"unit_id": cast.own, "lon": lon, "lat": lat, "at": at.to_string(), "accuracy_m": 10})
        })
        .collect();
    done(cast.field.post("/api/fixes", json!({"fixes": fixes})).await, StatusCode::OK).await;
    let there = cast.until(&id, |p| p["passed_km"].as_f64().is_some_and(|km| km > 4.4)).await;
    assert!(there["passed_km"].as_f64().unwrap() <= 5.001, "{there}");
    assert_eq!(there["passed"][0][0].as_f64().unwrap().round(), 185.0);
    let there = cast.until(&id, |p| p["points_passed"] == 2).await;
    assert_eq!((&there["points"][0]["source"], there["points"][0]["passed_at"].is_string()), (&json!("fix"), true));
    let done_patrol = done(cast.field.does(&id, json!({"step": "finish"})).await, StatusCode::OK).await;
    assert_eq!(
        (&done_patrol["properties"]["state"], done_patrol["properties"]["ended_at"].is_string()),
        (&json!("done"), true)
    );
    // What was gathered and not yet written is not lost with the end.
    cast.until(&id, |p| p["passed_km"].as_f64().is_some_and(|km| (km - 5.0).abs() < 0.05)).await;
    let unit = cast.border.read(&format!("/api/collections/units/items/{}", cast.own)).await;
    assert_eq!(unit["properties"]["status"], "available");
    let log = cast.border.read("/api/collections/duty_log/items?limit=1000").await;
    let kinds: Vec<&str> =
        log["features"].as_array().unwrap().iter().map(|e| e["properties"]["kind"].as_str().unwrap()).collect();
    let count = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
    assert_eq!(["patrol_planned", "patrol_started", "patrol_point", "patrol_ended"].map(count), [1, 1, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_is_passed_by_radio_and_it_is_kept_who_told() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let patrol = cast.plan(json!({"points": [{"name": "Mốc A", "km": 186}]})).await;
    let patrol = id(&patrol);
    let heard = json!({"step": "pass", "point": "Mốc A", "source": "radio", "told_by": "Trung uý Sơn"});
    problem(cast.border.does(patrol, heard.clone()).await, 409, "forbidden_transition").await;
    done(cast.border.does(patrol, json!({"step": "start"})).await, StatusCode::OK).await;
    let nobody = json!({"step": "pass", "point": "Mốc A", "source": "radio"});
    problem(cast.border.does(patrol, nobody).await, 422, "missing_field").await;
    problem(cast.border.does(patrol, json!({"step": "pass"})).await, 422, "missing_field").await;
    problem(cast.border.does(patrol, json!({"step": "pass", "point": "Mốc B"})).await, 422, "invalid_value").await;
    problem(cast.border.does(patrol, json!({"step": "run"})).await, 422, "invalid_value").await;
    let passed = done(cast.border.does(patrol, heard.clone()).await, StatusCode::OK).await;
    let point = &passed["properties"]["points"][0];
    assert_eq!((&point["source"], &point["told_by"]), (&json!("radio"), &json!("Trung uý Sơn")));
    let again = done(cast.border.does(patrol, heard).await, StatusCode::OK).await;
    assert_eq!(again["properties"]["version"], passed["properties"]["version"], "who told it first has told it");
    problem(cast.police_officer.does(patrol, json!({"step": "finish"})).await, 404, "not_found").await;
    problem(cast.border.does(&Uuid::now_v7().to_string(), json!({"step": "finish"})).await, 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_of_another_force_is_asked_and_the_neighbours_side_is_a_number() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let joint = json!({"unit_ids": [cast.own, cast.police], "neighbour_count": 8});
    let patrol = cast.plan(joint).await;
    let properties = &patrol["properties"];
    assert_eq!((&properties["kind"], &properties["unit_ids"]), (&json!("joint_patrol"), &json!([cast.own])));
    assert_eq!(
        (&properties["requested_unit_ids"], &properties["partner_forces"]),
        (&json!([cast.police]), &json!(["police"]))
    );
    assert_eq!(properties["neighbour_count"], 8);
    let patrol = id(&patrol).to_owned();
    let asked = cast.alarms(&cast.police_officer, "support_requested").await;
    assert_eq!((asked.len(), &asked[0]["properties"]["patrol_id"]), (1, &json!(patrol)));
    // Only the other force answers, or by telephone whoever asked writes it down.
    let agree = json!({"decision": "agree", "unit_id": cast.police});
    problem(cast.border.chooses(&patrol, agree.clone()).await, 403, "forbidden").await;
    problem(cast.field.chooses(&patrol, agree.clone()).await, 403, "forbidden").await;
    let agreed = done(cast.police_officer.chooses(&patrol, agree.clone()).await, StatusCode::OK).await;
    assert_eq!(agreed["properties"]["unit_ids"], json!([cast.own, cast.police]));
    assert!(cast.alarms(&cast.police_officer, "support_requested").await.is_empty());
    done(cast.police_officer.chooses(&patrol, agree).await, StatusCode::OK).await;
    problem(
        cast.police_officer.chooses(&patrol, json!({"decision": "cancel", "reason": "mưa"})).await,
        403,
        "forbidden",
    )
    .await;
    problem(cast.border.chooses(&patrol, json!({"decision": "cancel"})).await, 422, "missing_field").await;
    let gone =
        done(cast.border.chooses(&patrol, json!({"decision": "cancel", "reason": "mưa to"})).await, StatusCode::OK)
            .await;
    assert_eq!(
        (&gone["properties"]["state"], &gone["properties"]["end_reason"]),
        (&json!("cancelled"), &json!("mưa to"))
    );
    problem(cast.border.does(&patrol, json!({"step": "start"})).await, 409, "forbidden_transition").await;

    let second = cast.plan(json!({})).await;
    assert_eq!(second["properties"]["kind"], "patrol");
    let second = id(&second);
    // Who takes no part sees nothing of it.
    problem(cast.police_officer.get(&format!("/api/collections/patrols/items/{second}")).await, 404, "not_found").await;
    let commune = server.actor("local_authority");
    for path in ["duty_log", "patrols", "alarms"].map(|name| format!("/api/collections/{name}/items?limit=1000")) {
        assert!(!commune.read(&path).await.to_string().contains(second), "{path}");
    }
    let added = done(
        cast.border.chooses(second, json!({"decision": "add_unit", "unit_id": cast.police})).await,
        StatusCode::OK,
    )
    .await;
    assert_eq!(added["properties"]["kind"], "joint_patrol");
    let refuse = json!({"decision": "refuse", "unit_id": cast.police, "reason": "bận", "source": "phone", "told_by": "Trực ban CA"});
    let refused = done(cast.border.chooses(second, refuse).await, StatusCode::OK).await;
    assert_eq!(refused["properties"]["requested_unit_ids"], Value::Null);
    assert_eq!(cast.alarms(&cast.border, "support_refused").await.len(), 1);
    problem(
        cast.border.chooses(second, json!({"decision": "agree", "unit_id": cast.police})).await,
        422,
        "unknown_unit",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_cannot_be_is_refused_and_told_where() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let nobody = Uuid::now_v7();
    let past = "2020-01-01T00:00:00Z";
    let bad = [
        (json!({"from_km": 190, "to_km": 185}), "invalid_value", "/to_km"),
        (json!({"from_km": 186, "to_km": 186}), "invalid_value", "/to_km"),
        (json!({"from_km": 100}), "invalid_value", "/from_km"),
        (json!({"to_km": 196.1}), "invalid_value", "/to_km"),
        (json!({"to_km": "xa"}), "invalid_value", "/to_km"),
        (json!({"sector_id": nobody}), "unknown_reference", "/sector_id"),
        (json!({"sector_id": null}), "missing_field", "/sector_id"),
        (json!({"unit_ids": []}), "missing_field", "/unit_ids"),
        (json!({"unit_ids": [nobody]}), "unknown_unit", "/unit_ids/0"),
        (json!({"unit_ids": ["x"]}), "invalid_value", "/unit_ids/0"),
        (json!({"planned_end": past}), "invalid_value", "/planned_end"),
        (json!({"planned_start": past, "planned_end": "2021-01-01T00:00:00Z"}), "invalid_value", "/planned_end"),
        (json!({"planned_end": "2100-01-01T00:00:00Z"}), "invalid_value", "/planned_end"),
        (json!({"kind": "joint_patrol"}), "missing_field", "/partner_forces"),
        (json!({"kind": "patrol", "neighbour_count": 3}), "invalid_value", "/kind"),
        (json!({"kind": "walk"}), "invalid_value", "/kind"),
        (json!({"partner_forces": ["navy"]}), "invalid_value", "/partner_forces"),
        (json!({"neighbour_count": -1}), "invalid_value", "/neighbour_count"),
        (json!({"fence_m": 1}), "invalid_value", "/fence_m"),
        (json!({"points": [{"km": 186}, {"km": 191}]}), "invalid_value", "/points/1/km"),
        (json!({"points": [{"lon": 103.0}]}), "missing_field", "/points/0/lat"),
        (json!({"points": [{"lon": 105.0, "lat": 21.0}]}), "invalid_value", "/points/0/km"),
        (json!({"points": [{"name": "A"}]}), "missing_field", "/points/0/km"),
        (json!({"points": vec![json!({"km": 186}); 51]}), "limit_exceeded", "/points"),
        (json!({"surprise": 1}), "unknown_field", "/surprise"),
    ];
    for (more, code, at) in bad {
        let refused = problem(cast.border.post("/api/patrols", cast.body(&more)).await, 422, code).await;
        assert_eq!(refused["at"], at, "{more}: {refused}");
    }
    for name in ["planner", "field_unit", "observer", "local_authority"] {
        problem(server.actor(name).post("/api/patrols", cast.body(&json!({}))).await, 403, "forbidden").await;
    }
    let by_hand = json!({"geometry": null, "properties": {}});
    problem(cast.border.post("/api/collections/patrols/items", by_hand).await, 405, "method_not_allowed").await;
    assert_eq!(cast.border.read("/api/collections/patrols/items").await["numberReturned"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patrol_that_wants_a_fence_is_told_to_have_strayed_and_to_be_back() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let patrol = cast.plan(json!({"fence_m": 500})).await;
    let (line, id) = (line(&patrol), id(&patrol).to_owned());
    done(cast.field.does(&id, json!({"step": "start"})).await, StatusCode::OK).await;
    let begun = Instant::now();
    let fix = async |[lon, lat]: [f64; 2], after_s: i64| {
        let at = (begun + SignedDuration::from_secs(after_s)).to_string();
        let fix = json!({"unit_id": cast.own, "lon": lon, "lat": lat, "at": at, "accuracy_m": 10});
        done(cast.field.post("/api/fixes", json!({"fixes": [fix]})).await, StatusCode::OK).await;
    };
    let until = async |count: usize| {
        for _ in 0..400 {
            if cast.alarms(&cast.border, "patrol_strayed").await.len() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("not {count}");
    };
    let far = [line[0][0], line[0][1] - 0.05];
    fix(far, 1).await;
    fix(line[0], 2).await;
    until(0).await;
    fix(far, 20).await;
    until(1).await;
    fix(line[1], 30).await;
    until(0).await;
    fix(far, 40).await;
    until(1).await;
    done(cast.field.does(&id, json!({"step": "finish"})).await, StatusCode::OK).await;
    until(0).await;
}

#[tokio::test]
async fn who_has_not_set_out_or_not_come_back_is_overdue_once() {
    let room = Room::on_the_ground().await;
    let unit = room.unit_at("TT", 103.16, 22.77).await;
    let now = room.desk.now();
    let plan = PatrolPlan {
        kind: None,
        name: None,
        sector: Uuid::parse_str(SECTOR).unwrap(),
        from_km: None,
        to_km: None,
        units: vec![unit],
        partners: Vec::new(),
        neighbour_count: None,
        start: now.plus_s(3_600),
        end: now.plus_s(7_200),
        points: Vec::new(),
        fence_m: None,
        note: None,
    };
    let patrol = room.desk.plan_patrol(&Ask::by(officer()), &plan).await.unwrap().id();
    let is = |name: &str| room.property(Collection::Patrols, patrol, name);
    let overdue =
        || room.view().all(Collection::Alarms).filter(|a| a.text("kind").unwrap() == "patrol_overdue").count();
    assert_eq!((is("from_km"), is("to_km")), (json!(181.9), json!(196.0)));
    room.clock.go_s(3_600 + 1_799);
    assert!(room.desk.turn_patrol(patrol).await.unwrap().changes.is_empty(), "within the grace");
    room.clock.go_s(1);
    assert!(!room.desk.turn_patrol(patrol).await.unwrap().changes.is_empty());
    assert!(room.desk.turn_patrol(patrol).await.unwrap().changes.is_empty(), "once");
    assert_eq!((is("state"), overdue()), (json!("overdue"), 1));
    let says = async |step: Step| {
        let report = PatrolReport { step, point: None, told: Told::default() };
        room.desk.step_patrol(&Ask::by(field_unit(unit)), patrol, &report).await
    };
    assert!(says(Step::Finish).await.is_err(), "who never set out is not back");
    says(Step::Start).await.unwrap();
    assert_eq!((is("state"), overdue()), (json!("under_way"), 0));
    room.clock.go_s(3 * 3_600);
    room.desk.turn_patrol(patrol).await.unwrap();
    assert_eq!((is("state"), overdue()), (json!("overdue"), 1));
    says(Step::Finish).await.unwrap();
    assert_eq!((is("state"), overdue()), (json!("done"), 0));
    assert_eq!(is("started_at"), Timestamp::from_ms(now.as_ms() + 5_400_000).to_string());
}
