//! Exercises: rooms of their own, what gets into them and what does not, who leads, what is left after a restart.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::quarter::Quarter;

use crate::http_support::{Caller, Server, done, id, problem};

async fn begin(leader: &Caller, call: Value) -> String {
    let begun = done(leader.post("/api/exercises", call).await, StatusCode::CREATED).await;
    begun["path"].as_str().unwrap().to_owned()
}

/// The sheet, once so many injects were given.
async fn given(caller: &Caller, room: &str, count: usize) -> Value {
    for _ in 0..200 {
        let sheet = caller.read(&format!("{room}/api/exercise")).await;
        if sheet["injects"].as_array().unwrap().len() >= count {
            return sheet;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the injects are not given");
}

async fn changed(leader: &Caller, path: &str, sheet: &Value, body: Value) -> reqwest::Response {
    let request = leader.ask(Method::POST, path).header("If-Match", format!("\"{}\"", sheet["version"]));
    request.json(&body).send().await.unwrap()
}

async fn incidents(caller: &Caller, room: &str) -> Vec<Value> {
    let page = caller.read(&format!("{room}/api/collections/incidents/items?limit=1000")).await;
    page["features"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exercise_is_begun_given_its_script_judged_and_ended() {
    let mut server = Server::demo().await;
    let (planner, officer) = (server.actor("planner"), server.actor("duty_officer"));
    let real = incidents(&planner, "").await.len();
    let room = begin(
        &planner,
        json!({
            "title": " Sơ tán trong đêm ", "place_text": "Mường Tè", "forces": ["police", "military"],
            "objectives": ["Xác minh trong 10 phút"],
            "injects": [
                {"after_s": 3600, "title": "đường bị cắt", "expected": "cấm đường"},
                {"after_s": 0, "title": "dân báo sạt lở", "report": {"kind": "landslide", "lon": 102.8, "lat": 22.4, "severity": 3}},
                {"after_s": 0, "title": "mưa", "rain": {"gauge": "không có", "mm": 60, "minutes": 60}},
            ],
        }),
    )
    .await;
    assert!(room.starts_with("/exercises/DT-"), "{room}");
    let sheet = given(&planner, &room, 2).await;
    assert_eq!((&sheet["title"], &sheet["state"]), (&json!("Sơ tán trong đêm"), &json!("running")));
    assert!(sheet["injects"][0]["incident_id"].is_string() && sheet["injects"][0]["failed"].is_null(), "{sheet}");
    assert!(sheet["injects"][1]["failed"].is_string(), "a gauge that is not there is told, not lost: {sheet}");
    assert_eq!(sheet["waiting"][0]["title"], "đường bị cắt");

    // What came in is the exercise's alone, in its own series of codes.
    let rehearsed = incidents(&planner, &room).await;
    assert_eq!(rehearsed.len(), 1);
    assert!(rehearsed[0]["properties"]["code"].as_str().unwrap().starts_with("DT-"));
    assert_eq!(incidents(&planner, "").await.len(), real);
    assert!(planner.read("/api/collections/exercises/items").await["features"].as_array().unwrap().is_empty());

    // Those on duty do not read ahead, and do not lead.
    let seen = officer.read(&format!("{room}/api/exercise")).await;
    assert!(seen["waiting"].is_null() && !seen.to_string().contains("đường bị cắt"), "{seen}");
    let items = officer.read(&format!("{room}/api/collections/exercises/items")).await;
    assert!(!items.to_string().contains("đường bị cắt"), "{items}");
    for door in ["/injects/0", "/end", "/judgements"] {
        let refused = changed(&officer, &format!("{room}/api/exercise{door}"), &seen, json!({})).await;
        problem(refused, 403, "forbidden").await;
    }
    problem(officer.post("/api/exercises", json!({"title": "x"})).await, 403, "forbidden").await;

    // By hand before its time; once.
    for _ in 0..2 {
        let answer = planner.post(&format!("{room}/api/exercise/injects/2"), json!({})).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let sheet = given(&planner, &room, 3).await;
    assert_eq!(sheet["injects"].as_array().unwrap().len(), 3);
    assert_eq!((&sheet["injects"][2]["given_by"], sheet["waiting"].as_array().unwrap().len()), (&json!("planner"), 0));

    // The room says what it is, and the real one what runs beside it.
    let session = officer.read(&format!("{room}/api/session")).await;
    assert_eq!(session["exercise"]["title"], "Sơ tán trong đêm");
    let session = officer.read("/api/session").await;
    assert!(session["exercise"].is_null() && session["exercises"].as_array().unwrap().len() == 1, "{session}");

    // It is over: it is read and judged, and that is all.
    let stale = sheet.clone();
    let sheet =
        done(changed(&planner, &format!("{room}/api/exercise/end"), &sheet, json!({})).await, StatusCode::OK).await;
    assert_eq!(sheet["state"], "ended");
    let again = changed(&planner, &format!("{room}/api/exercise/end"), &sheet, json!({})).await;
    problem(again, 409, "forbidden_transition").await;
    let report = json!({"kind": "fire", "place": {"lon": 102.8, "lat": 22.4}});
    let late = officer.post(&format!("{room}/api/incidents"), report).await;
    problem(late, 409, "forbidden_transition").await;
    let path = format!("{room}/api/exercise/judgements");
    let judgement = json!({
        "objectives": [{"n": 0, "result": "partly", "remark": "chậm"}], "injects": [{"n": 2, "result": "met"}],
        "lessons": "gọi sớm hơn",
    });
    problem(changed(&planner, &path, &stale, judgement.clone()).await, 412, "version_conflict").await;
    let sheet = done(changed(&planner, &path, &sheet, judgement).await, StatusCode::OK).await;
    assert_eq!(sheet["objectives"][0]["judged"]["result"], "partly");
    assert_eq!((&sheet["injects"][2]["judged"]["by"], &sheet["lessons"]), (&json!("planner"), &json!("gọi sớm hơn")));
    for (body, at) in [
        (json!({"objectives": [{"n": 5, "result": "met"}]}), "/objectives/0/n"),
        (json!({"injects": [{"n": 0, "result": "splendid"}]}), "/injects/0/result"),
        (json!({"injects": [{"n": -1, "result": "met"}]}), "/injects/0/n"),
    ] {
        let refused = problem(changed(&planner, &path, &sheet, body).await, 422, "invalid_value").await;
        assert_eq!(refused["at"], at, "{refused}");
    }

    server.restart_demo().await;
    let planner = planner.at(&server);
    let list = planner.read("/api/exercises").await;
    assert!(list["exercises"][0]["finished_at"].is_string(), "{list}");
    let after = planner.read(&format!("{room}/api/exercise")).await;
    assert_eq!((&after["lessons"], &after["injects"]), (&sheet["lessons"], &sheet["injects"]));
    // The report of the quarter tells what was judged and learnt.
    let report = planner.read(&format!("/api/reports/{}", Quarter::of(SystemClock.now()))).await;
    let told = &report["exercises"][0];
    assert_eq!((&told["title"], &told["lessons"]), (&json!("Sơ tán trong đêm"), &json!("gọi sớm hơn")), "{report}");
    assert_eq!(
        (&told["objectives"][0]["judged"]["result"], &told["forces"][0]),
        (&json!("partly"), &json!("military"))
    );
    let earlier = planner.read("/api/reports/2024Q3").await;
    assert_eq!(earlier["exercises"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exercise_that_runs_goes_on_after_a_restart() {
    let mut server = Server::demo().await;
    let planner = server.actor("planner");
    let script = json!([{"after_s": 0, "title": "a"}, {"after_s": 3, "title": "b"}]);
    let room = begin(&planner, json!({"title": "x", "injects": script})).await;
    given(&planner, &room, 1).await;
    server.restart_demo().await;
    let sheet = given(&planner.at(&server), &room, 2).await;
    let titles: Vec<&Value> = sheet["injects"].as_array().unwrap().iter().map(|inject| &inject["title"]).collect();
    assert_eq!(titles, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_name_and_nothing_that_was_done_goes_along() {
    let server = Server::demo().await;
    let (planner, officer) = (server.actor("planner"), server.actor("duty_officer"));
    let room = begin(&planner, json!({"title": "x"})).await;
    let real = officer.read("/api/collections/households/items?limit=1000").await;
    let rehearsed = officer.read(&format!("{room}/api/collections/households/items?limit=1000")).await;
    assert_eq!(rehearsed["numberMatched"], real["numberMatched"]);
    let named = |page: &Value| {
        page["features"].as_array().unwrap().iter().filter(|h| !h["properties"]["head_name"].is_null()).count()
    };
    assert!(named(&real) > 0 && named(&rehearsed) == 0);
    let contacts = officer.read(&format!("{room}/api/collections/contacts/items?limit=1000")).await;
    assert!(
        contacts["features"].as_array().unwrap().iter().all(|contact| contact["properties"]["person_name"].is_null())
    );
    for collection in ["incidents", "assignments", "risk_zones", "deployments", "cases", "tallies", "duty_log"] {
        let page = planner.read(&format!("{room}/api/collections/{collection}/items?ended=true")).await;
        let found =
            page["features"].as_array().unwrap().iter().filter(|f| f["properties"]["kind"] != "exercise_begun").count();
        assert_eq!(found, 0, "{collection}");
    }
    let units = planner.read(&format!("{room}/api/collections/units/items?limit=1000")).await;
    assert!(units["features"].as_array().unwrap().iter().all(|unit| unit["properties"]["status"] == "available"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_and_informants_are_one_and_belong_to_the_real_room() {
    let server = Server::demo().await;
    let (planner, admin) = (server.actor("planner"), server.actor("admin"));
    let room = begin(&planner, json!({"title": "x"})).await;
    for (method, door) in [
        (Method::POST, "/api/accounts"),
        (Method::POST, "/api/grants"),
        (Method::POST, "/api/break-glass"),
        (Method::POST, "/api/devices"),
        (Method::POST, "/api/tip"),
        (Method::POST, "/api/imports?collection=households&name=x.csv"),
        (Method::PUT, "/api/me/password"),
    ] {
        let refused = admin.ask(method, &format!("{room}{door}")).json(&json!({})).send().await.unwrap();
        problem(refused, 403, "forbidden").await;
    }
    // Whoever may not come in there may not come in here.
    let nobody = server.anybody().ask(Method::GET, &format!("{room}/api/exercise")).send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    // A room has no rooms, and there is no room where there is none.
    problem(planner.ask(Method::GET, &format!("{room}/api/exercises")).send().await.unwrap(), 404, "not_found").await;
    problem(planner.ask(Method::GET, "/api/exercise").send().await.unwrap(), 404, "not_found").await;
    for path in ["/exercises/DT-2026-999/api/session", "/exercises/..%2f..%2f/api/session", "/exercises/"] {
        let nothing = planner.ask(Method::GET, path).send().await.unwrap();
        assert_eq!(nothing.status(), 404, "{path}");
    }
    // Addresses that its answers name lie in it.
    let report = json!({"kind": "fire", "place": {"lon": 102.8, "lat": 22.4}});
    let reported = planner.post(&format!("{room}/api/incidents"), report).await;
    let location = reported.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.contains(&format!("{room}/api/collections/incidents/items/")), "{location}");
    let links = planner.read(&format!("{room}/api")).await["links"].to_string();
    assert!(links.contains(&format!("{room}/api/collections")), "{links}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_exercise_is_refused_and_leaves_nothing() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    for (body, status, code, at) in [
        (json!({}), 422, "missing_field", "/title"),
        (json!({"title": " "}), 422, "missing_field", "/title"),
        (json!({"title": "x", "forces": ["navy"]}), 422, "invalid_value", "/forces"),
        (json!({"title": "x", "objectives": "y"}), 422, "invalid_value", "/objectives"),
        (json!({"title": "x", "injects": [{"after_s": 0}]}), 422, "invalid_value", "/injects/0"),
        (json!({"title": "x", "more": 1}), 422, "unknown_field", "/more"),
        (json!({"title": "x".repeat(1_000)}), 422, "limit_exceeded", "/title"),
    ] {
        let answer = planner.post("/api/exercises", body.clone()).await;
        let status = if code == "limit_exceeded" { answer.status().as_u16() } else { status };
        let refused = problem(answer, status, code).await;
        assert_eq!(refused["at"], at, "{body}: {refused}");
    }
    let folder = server.folder().join("exercises");
    assert!(!folder.exists() || std::fs::read_dir(folder).unwrap().next().is_none(), "nothing half-made is left");

    // The same call makes one exercise, and not more than some run beside each other.
    let key = uuid::Uuid::now_v7().to_string();
    let mut paths = Vec::new();
    for _ in 0..2 {
        let request = planner.ask(Method::POST, "/api/exercises").header("Idempotency-Key", &key);
        let begun = done(request.json(&json!({"title": "một"})).send().await.unwrap(), StatusCode::CREATED).await;
        paths.push(begun["path"].clone());
    }
    assert_eq!(paths[0], paths[1]);
    for title in ["hai", "ba", "bốn"] {
        begin(&planner, json!({"title": title})).await;
    }
    let fifth = planner.post("/api/exercises", json!({"title": "năm"})).await;
    let status = fifth.status().as_u16();
    problem(fifth, status, "limit_exceeded").await;
    assert_eq!(planner.read("/api/exercises").await["exercises"].as_array().unwrap().len(), 4);
    let session = planner.read("/api/session").await;
    assert_eq!(session["exercises"].as_array().unwrap().len(), 4);
    assert!(!id(&session["exercises"][0]).is_empty());
}
