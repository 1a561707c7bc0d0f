//! Earlier moments at the front door: by `at` and `as_known_at`, through the rights of today.

use axum::http::StatusCode;
use reqwest::Method;
use serde_json::{Value, json};
use trucban::domain::Timestamp;

use crate::http_support::{Caller, Server, done, id, problem, version};

/// A moment that nothing happens in: what is written afterwards is recorded later.
async fn moment() -> Timestamp {
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let now = trucban::store::clock::now();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    now
}

fn zone(name: &str) -> Value {
    let ring = json!([[103.10, 22.40], [103.12, 22.40], [103.12, 22.42], [103.10, 22.42], [103.10, 22.40]]);
    let ends = trucban::store::clock::now().plus_s(86_400).to_string();
    json!({
        "type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"name": name, "kind": "landslide", "valid_to": ends},
    })
}

async fn names(caller: &Caller, asked: &str) -> Vec<String> {
    let page = caller.read(&format!("/api/collections/risk_zones/items?{asked}")).await;
    let mut names: Vec<String> = page["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|zone| zone["properties"]["name"].as_str().unwrap().to_owned())
        .filter(|name| name.starts_with("Sườn thử"))
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_are_told_as_they_were_known_at_any_moment() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    let before = moment().await;
    let drawn =
        done(planner.post("/api/collections/risk_zones/items", zone("Sườn thử A")).await, StatusCode::CREATED).await;
    let first = moment().await;
    let path = format!("/api/collections/risk_zones/items/{}", id(&drawn));
    let patch = json!({"properties": {"name": "Sườn thử B"}});
    let edited = done(planner.write(Method::PATCH, &path, version(&drawn), patch).await, StatusCode::OK).await;
    let second = moment().await;
    let gone = planner.write(Method::DELETE, &path, version(&edited), json!({"reason": "vẽ nhầm"})).await;
    done(gone, StatusCode::OK).await;

    for (at, expected) in [(before, vec![]), (first, vec!["Sườn thử A"]), (second, vec!["Sườn thử B"])] {
        assert_eq!(names(&planner, &format!("as_known_at={at}")).await, expected, "{at}");
        assert_eq!(names(&planner, &format!("at={at}")).await, expected, "{at}: nothing was told late");
    }
    assert!(names(&planner, "").await.is_empty(), "now it is over");

    // One record, a page, tiles, what lies in a zone, and the board, each of its moment.
    problem(planner.get(&format!("{path}?as_known_at={before}")).await, 404, "not_found").await;
    assert_eq!(planner.read(&format!("{path}?as_known_at={first}")).await["properties"]["name"], "Sườn thử A");
    assert!(planner.read(&path).await["properties"]["ended_at"].is_string());
    let page = planner.read(&format!("/api/collections/risk_zones/items?as_known_at={first}")).await;
    assert_eq!(page["timeStamp"], first.to_string());
    let tile = "/tiles/risk_zones/8/201/111";
    let tile_then = planner.get(&format!("{tile}?as_known_at={first}")).await;
    assert_eq!(tile_then.headers()["cache-control"], "private, no-store");
    assert!(!tile_then.headers().contains_key("etag"), "nobody keeps it");
    assert!(contains(&tile_then.bytes().await.unwrap(), "Sườn thử A"));
    assert!(!contains(&planner.get(tile).await.bytes().await.unwrap(), "Sườn thử"));
    let within = |asked: String| format!("/api/within?zone={}&collections=households{asked}", id(&drawn));
    problem(planner.get(&within(format!("&as_known_at={before}"))).await, 404, "not_found").await;
    assert!(planner.read(&within(format!("&as_known_at={first}"))).await["features"].is_array());
    let board = |board: &Value| {
        let zones = board["zones"].as_array().unwrap();
        zones.iter().any(|zone| zone["name"].as_str().is_some_and(|name| name.starts_with("Sườn thử")))
    };
    assert!(board(&planner.read(&format!("/api/inside?as_known_at={second}")).await));
    assert!(!board(&planner.read(&format!("/api/inside?as_known_at={before}")).await));
    assert!(!board(&planner.read("/api/inside").await));
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_reported_late_is_true_from_when_it_happened_and_known_from_when_it_was_told() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let incident = officer.report("landslide", 103.45, 22.39).await;
    let path = format!("/api/collections/incidents/items/{}", id(&incident));
    let happened = moment().await;
    let told = moment().await;
    let late = json!({"at": happened.to_string()});
    officer.verb(id(&incident), "verify", version(&incident), late).await;
    let state = async |asked: String| officer.read(&format!("{path}?{asked}")).await["properties"]["state"].clone();
    assert_eq!(state(format!("as_known_at={told}")).await, "reported", "nobody had told it yet");
    assert_eq!(state(format!("at={told}")).await, "verified", "it had happened");
    assert_eq!(state(format!("at={told}&as_known_at={told}")).await, "reported");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_hidden_today_was_not_open_yesterday() {
    let server = Server::demo().await;
    let (officer, other) = (server.actor("duty_officer"), server.actor("border_officer"));
    let incident = officer.report("public_order", 103.45, 22.39).await;
    let path = format!("/api/collections/incidents/items/{}", id(&incident));
    done(other.get(&path).await, StatusCode::OK).await;
    let open = moment().await;
    let then = format!("{path}?as_known_at={open}");
    done(other.get(&then).await, StatusCode::OK).await;
    let patch = json!({"properties": {"kind": "human_trafficking", "lead_force": "police"}});
    done(officer.write(Method::PATCH, &path, version(&incident), patch).await, StatusCode::OK).await;

    problem(other.get(&path).await, 404, "not_found").await;
    problem(other.get(&then).await, 404, "not_found").await;
    let listed = other.read(&format!("/api/collections/incidents/items?limit=1000&as_known_at={open}")).await;
    let ids: Vec<&str> = listed["features"].as_array().unwrap().iter().map(id).collect();
    assert!(!ids.contains(&id(&incident)), "nor in a list");
    let was = done(officer.get(&then).await, StatusCode::OK).await;
    assert_eq!(was["properties"]["kind"], "public_order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_is_no_moment_is_refused_with_the_reason() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let now = trucban::store::clock::now();
    let (earlier, later) = (now.plus_s(-60), now.plus_s(3_600));
    for (asked, code, at) in [
        (format!("as_known_at={later}"), "future_time", "as_known_at"),
        (format!("at={later}"), "future_time", "at"),
        (format!("at={now}&as_known_at={earlier}"), "future_time", "at"),
        ("as_known_at=hôm+qua".to_owned(), "invalid_parameter", "as_known_at"),
        (format!("as_known_at={earlier}&as_known_at={earlier}"), "invalid_parameter", "as_known_at"),
    ] {
        for path in ["/api/collections/incidents/items", "/api/inside", "/tiles/incidents/8/201/111"] {
            let status = if code == "future_time" { 422 } else { 400 };
            let refused = problem(officer.get(&format!("{path}?{asked}")).await, status, code).await;
            assert_eq!(refused["at"], at, "{path}?{asked}");
        }
    }
    // Who cannot answer for another moment says so instead of answering for this one.
    problem(officer.get(&format!("/api/silence?as_known_at={earlier}")).await, 400, "unknown_parameter").await;
}
