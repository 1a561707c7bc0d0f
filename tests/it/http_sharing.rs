//! Grants through the front door: what a force may share, sight in an emergency, and feeds that end with the right.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::domain::Timestamp;

use crate::http_feed::Listener;
use crate::http_sign_in::MovedClock;
use crate::http_support::{Caller, Server, done, id, problem};

fn days(days: i64) -> String {
    let now = trucban::desk::Clock::now(&trucban::desk::SystemClock);
    now.plus_s(days * 86_400).to_string()
}

fn units_for(force: &str) -> Value {
    json!({
        "to_force": force, "collection": "units", "fields": ["name", "status", "geometry"],
        "reason": "tìm kiếm người mất tích", "valid_to": days(2),
    })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

async fn grants(caller: &Caller) -> Vec<Value> {
    caller.read("/api/grants").await["grants"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_force_shares_what_is_its_own_field_by_field_for_a_time() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let made = done(officer.post("/api/grants", units_for("civil")).await, StatusCode::CREATED).await;
    assert_eq!((&made["of_force"], &made["to_force"]), (&json!("police"), &json!("civil")));
    assert_eq!((&made["state"], &made["area"]), (&json!("in_force"), &json!("province")));
    let planned = with(units_for("civil"), "valid_from", json!(days(1)));
    assert_eq!(done(officer.post("/api/grants", planned).await, StatusCode::CREATED).await["state"], "planned");

    let base = || units_for("civil");
    for (body, status, code) in [
        (with(base(), "fields", json!([])), 422, "invalid_value"),
        (with(base(), "fields", json!(["name", "colour"])), 422, "unknown_field"),
        (with(base(), "fields", json!("name")), 422, "invalid_value"),
        (with(base(), "collection", json!("households")), 422, "invalid_value"),
        (with(base(), "collection", json!("nothing")), 422, "invalid_value"),
        (with(base(), "to_force", json!("police")), 422, "invalid_value"),
        (with(base(), "to_force", Value::Null), 422, "missing_field"),
        (with(base(), "of_force", json!("military")), 422, "unknown_field"),
        (with(base(), "reason", json!("  x ")), 422, "invalid_value"),
        (with(base(), "valid_to", json!(days(91))), 422, "invalid_value"),
        (with(base(), "valid_to", json!(days(-1))), 422, "invalid_value"),
        (with(with(base(), "valid_from", json!(days(3))), "valid_to", json!(days(2))), 422, "invalid_value"),
        (with(base(), "valid_to", Value::Null), 422, "invalid_value"),
        (with(base(), "area", json!({"parts": {"communes": ["99999"]}})), 422, "unknown_reference"),
        (with(with(base(), "collection", json!("incidents")), "fields", json!(["reporter_phone"])), 403, "forbidden"),
    ] {
        problem(officer.post("/api/grants", body).await, status, code).await;
    }
    for name in ["planner", "field_unit", "local_authority", "observer", "admin"] {
        problem(server.actor(name).post("/api/grants", base()).await, 403, "forbidden").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_listed_for_whom_it_concerns_and_revoked_by_who_may() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let made = done(officer.post("/api/grants", units_for("civil")).await, StatusCode::CREATED).await;
    let knows = |list: Vec<Value>| list.iter().any(|grant| grant["id"] == made["id"]);
    for (name, expected) in
        [("duty_officer", true), ("planner", true), ("admin", true), ("field_unit", false), ("observer", false)]
    {
        assert_eq!(knows(grants(&server.actor(name)).await), expected, "{name}");
    }
    let path = format!("/api/grants/{}", id(&made));
    let revoke = |name: &str| server.actor(name).ask(Method::DELETE, &path).send();
    problem(revoke("planner").await.unwrap(), 403, "forbidden").await;
    problem(revoke("observer").await.unwrap(), 404, "not_found").await;
    assert_eq!(revoke("admin").await.unwrap().status(), StatusCode::NO_CONTENT);
    problem(revoke("duty_officer").await.unwrap(), 404, "not_found").await;
    let kept = grants(&officer).await.into_iter().find(|grant| grant["id"] == made["id"]).unwrap();
    assert_eq!((&kept["state"], &kept["revoked_by"]), (&json!("revoked"), &json!("admin")));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_with_a_narrow_area_shares_no_more_than_that() {
    let server = Server::demo().await;
    let admin = server.actor("admin");
    let area = json!({"parts": {"communes": ["03433"]}});
    let patch = admin.ask(Method::PATCH, "/api/accounts/duty_officer").json(&json!({"area": area}));
    done(patch.send().await.unwrap(), StatusCode::OK).await;
    let officer = server.actor("duty_officer");
    let made = done(officer.post("/api/grants", units_for("civil")).await, StatusCode::CREATED).await;
    assert_eq!(made["area"]["parts"]["communes"], json!(["03433"]));
    let wider = with(units_for("civil"), "area", json!("province"));
    problem(officer.post("/api/grants", wider).await, 403, "forbidden").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_forces_share_their_units_with_each_other() {
    let server = Server::demo().await;
    let standing: Vec<Value> = grants(&server.actor("admin")).await;
    let pairs: std::collections::BTreeSet<(String, String)> = standing
        .iter()
        .map(|grant| {
            assert_eq!((&grant["collection"], &grant["state"]), (&json!("units"), &json!("in_force")));
            assert!(grant["fields"].as_array().unwrap().contains(&json!("geometry")));
            let text = |name: &str| grant[name].as_str().unwrap().to_owned();
            (text("of_force"), text("to_force"))
        })
        .collect();
    assert_eq!(pairs.len(), 9, "three forces share with all others");
}

#[tokio::test(flavor = "multi_thread")]
async fn sight_in_an_emergency_is_short_logged_without_a_name_and_reported() {
    let clock = Arc::new(MovedClock::default());
    let server = Server::with_accounts(Arc::<MovedClock>::clone(&clock)).await;
    let admin = server.first_admin().await;
    let boss = server.account(&admin, "boss", json!({"role": "planner"})).await;
    let police = server.account(&admin, "police-chief", json!({"role": "commander", "force": "police"})).await;
    let army = server.account(&admin, "army-chief", json!({"role": "commander", "force": "military"})).await;
    let fields = json!({"role": "field_unit", "force": "police", "supervisor": "boss"});
    let patrol = server.account(&admin, "tuan.tra", fields).await;
    let call = json!({
        "collection": "households", "area": {"parts": {"communes": ["03433"]}}, "purpose": "tìm nhà bị vùi theo lời kể của bà Mai",
    });
    let made = done(patrol.post("/api/break-glass", call.clone()).await, StatusCode::CREATED).await;
    assert_eq!((&made["kind"], &made["to_account"]), (&json!("break_glass"), &json!("tuan.tra")));
    let at = |name: &str| Timestamp::parse(made[name].as_str().unwrap()).unwrap();
    assert_eq!(at("valid_to").seconds_since(at("valid_from")), 1_800);

    let log = admin.read("/api/collections/duty_log/items?kind=break_glass").await;
    let entry = &log["features"][0]["properties"];
    let text = entry["text"].as_str().unwrap();
    assert!(text.contains("30 phút") && text.contains("công an"), "{text}");
    for name in ["tuan.tra", "Mai", "bị vùi"] {
        assert!(!log.to_string().contains(name), "{name}: {log}");
    }
    for (caller, expected) in [(&boss, true), (&police, true), (&patrol, true), (&admin, true), (&army, false)] {
        assert_eq!(!grants(caller).await.is_empty(), expected);
    }
    clock.forward(1_800);
    assert_eq!(grants(&patrol).await[0]["state"], "over");

    for (body, status, code) in [
        (with(call.clone(), "area", json!("province")), 422, "invalid_value"),
        (with(call.clone(), "area", json!({"parts": {"communes": []}})), 422, "invalid_value"),
        (with(call.clone(), "area", Value::Null), 422, "invalid_value"),
        (with(call.clone(), "purpose", json!("   ")), 422, "invalid_value"),
        (with(call.clone(), "purpose", Value::Null), 422, "missing_field"),
        (with(call.clone(), "collection", json!("units")), 422, "invalid_value"),
    ] {
        problem(patrol.post("/api/break-glass", body).await, status, code).await;
    }
    for caller in [&boss, &admin] {
        problem(caller.post("/api/break-glass", call.clone()).await, 403, "forbidden").await;
    }
    let path =
        format!("/api/grants/{}", id(&done(patrol.post("/api/break-glass", call).await, StatusCode::CREATED).await));
    problem(army.ask(Method::DELETE, &path).send().await.unwrap(), 404, "not_found").await;
    assert_eq!(boss.ask(Method::DELETE, &path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
}

/// Waits until the feed says that the rights have changed, and has ended.
async fn ends(mut feed: Listener) {
    assert_eq!(feed.wait("reset").await.data["reason"], "rights_changed");
    assert!(feed.next().await.is_none(), "the stream ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_with_the_right_it_rests_on() {
    let server = Server::demo().await;
    let (officer, planner, admin) = (server.actor("duty_officer"), server.actor("planner"), server.actor("admin"));
    let open = async |caller: &Caller| {
        let mut feed = Listener::open(caller, "collections=units", None).await;
        feed.wait("tick").await;
        feed
    };
    let mut bystander = open(&server.actor("observer")).await;

    let feed = open(&planner).await;
    let made = done(officer.post("/api/grants", units_for("civil")).await, StatusCode::CREATED).await;
    ends(feed).await;
    let feed = open(&planner).await;
    let path = format!("/api/grants/{}", id(&made));
    assert_eq!(officer.ask(Method::DELETE, &path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    ends(feed).await;

    let browser = server.anybody().post("/api/session", json!({"actor": "planner"})).await;
    let browser = server.anybody().browser_after(&browser);
    let token = done(browser.post("/api/me/tokens", json!({"label": "x"})).await, StatusCode::CREATED).await;
    let feed = open(&server.anybody().with_token(token["token"].as_str().unwrap())).await;
    let path = format!("/api/me/tokens/{}", id(&token));
    assert_eq!(browser.ask(Method::DELETE, &path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    ends(feed).await;

    let feed = open(&browser).await;
    done(browser.ask(Method::DELETE, "/api/session").send().await.unwrap(), StatusCode::OK).await;
    ends(feed).await;

    let feed = open(&planner).await;
    let patch = |body: Value| admin.ask(Method::PATCH, "/api/accounts/planner").json(&body).send();
    done(patch(json!({"area": {"parts": {"communes": ["03433"]}}})).await.unwrap(), StatusCode::OK).await;
    ends(feed).await;
    let feed = open(&planner).await;
    done(patch(json!({"disabled": true})).await.unwrap(), StatusCode::OK).await;
    ends(feed).await;
    problem(planner.get("/api/feed").await, 401, "sign_in_required").await;

    let heard = bystander.wait("tick").await;
    assert_eq!(heard.event, "tick", "whose rights did not change hears on");
}
