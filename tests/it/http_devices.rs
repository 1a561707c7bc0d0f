//! Telephones and trackers: a code once, a token that speaks for a unit, revoked at once.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::http_sign_in::MovedClock;
use crate::http_support::{Caller, PASSWORD, Server, done, id, problem};

async fn unit(caller: &Caller, force: &str) -> Value {
    let mut page = caller.read(&format!("/api/collections/units/items?force={force}&limit=1")).await;
    page["features"][0].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_changes_its_code_into_a_token_and_speaks_for_its_unit() {
    let server = Server::demo().await;
    let (officer, admin) = (server.actor("duty_officer"), server.actor("admin"));
    let patrol = unit(&admin, "police").await;
    let call = json!({"label": "Điện thoại tổ", "unit_id": id(&patrol)});
    let given = done(officer.post("/api/devices", call).await, StatusCode::CREATED).await;
    let code = given["code"].as_str().unwrap();
    assert_eq!(given["url"], format!("{}/enrol?code={code}", server.base));

    let phone = server.anybody();
    let typed = code.to_lowercase().replace('-', " ");
    let response = phone.ask(Method::POST, "/api/devices/enrol").header("sec-fetch-site", "same-origin");
    let response = response.json(&json!({"code": typed})).send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("Max-Age=") && cookie.contains("HttpOnly"), "{cookie}");
    let browser = phone.browser_after(&response);
    let enrolled = done(response, StatusCode::CREATED).await;
    let device = phone.with_token(enrolled["token"].as_str().unwrap());
    let name = format!("unit:{}", patrol["properties"]["code"].as_str().unwrap());
    for caller in [&device, &browser] {
        let actor = caller.read("/api/session").await["actor"].take();
        assert_eq!((&actor["name"], &actor["role"]), (&json!(name), &json!("field_unit")));
        assert_eq!((&actor["unit_id"], &actor["force"]), (&patrol["id"], &json!("police")));
    }
    let status = json!({"status": "on_patrol"});
    done(device.post(&format!("/api/units/{}/status", id(&patrol)), status.clone()).await, StatusCode::OK).await;
    let other = unit(&admin, "military").await;
    problem(device.post(&format!("/api/units/{}/status", id(&other)), status).await, 403, "forbidden").await;

    let again = phone.post("/api/devices/enrol", json!({"code": code})).await;
    problem(again, 422, "code_not_valid").await;
    let listed = officer.read("/api/devices").await;
    assert_eq!(listed["devices"][0]["label"], "Điện thoại tổ");
    assert!(!listed.to_string().contains(enrolled["token"].as_str().unwrap()));
    let path = format!("/api/devices/{}", enrolled["id"].as_str().unwrap());
    problem(server.actor("planner").ask(Method::DELETE, &path).send().await.unwrap(), 403, "forbidden").await;
    assert_eq!(officer.ask(Method::DELETE, &path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    for caller in [&device, &browser] {
        problem(caller.get("/api/collections").await, 401, "sign_in_required").await;
    }
    problem(officer.ask(Method::DELETE, &path).send().await.unwrap(), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duty_officer_enrols_devices_of_the_own_force_alone() {
    let server = Server::demo().await;
    let (officer, admin) = (server.actor("duty_officer"), server.actor("admin"));
    let soldier = unit(&admin, "military").await;
    let call = json!({"label": "x", "unit_id": id(&soldier)});
    problem(officer.post("/api/devices", call.clone()).await, 403, "forbidden").await;
    let given = done(admin.post("/api/devices", call).await, StatusCode::CREATED).await;
    let enrolled = server.anybody().post("/api/devices/enrol", json!({"code": given["code"]})).await;
    let enrolled = done(enrolled, StatusCode::CREATED).await;
    assert_eq!(officer.read("/api/devices").await["devices"], json!([]));
    let path = format!("/api/devices/{}", enrolled["id"].as_str().unwrap());
    problem(officer.ask(Method::DELETE, &path).send().await.unwrap(), 403, "forbidden").await;
    let device = server.anybody().with_token(enrolled["token"].as_str().unwrap());
    assert_eq!(device.ask(Method::DELETE, &path).send().await.unwrap().status(), StatusCode::NO_CONTENT, "itself");

    for (call, status, code) in [
        (json!({"label": "x"}), 422, "invalid_value"),
        (json!({"label": "x", "unit_id": uuid::Uuid::nil()}), 422, "unknown_reference"),
        (json!({"label": "x", "account": "admin"}), 422, "unknown_reference"),
        (json!({"label": "x", "account": "field_unit", "unit_id": id(&soldier)}), 422, "invalid_value"),
        (json!({"label": "", "account": "field_unit"}), 422, "invalid_value"),
        (json!({"account": "field_unit"}), 422, "missing_field"),
    ] {
        problem(admin.post("/api/devices", call).await, status, code).await;
    }
    for name in ["planner", "field_unit", "observer", "local_authority"] {
        let call = json!({"label": "x", "account": "field_unit"});
        problem(server.actor(name).post("/api/devices", call).await, 403, "forbidden").await;
        problem(server.actor(name).get("/api/devices").await, 403, "forbidden").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_expires_and_codes_are_not_tried_out() {
    let clock = Arc::new(MovedClock::default());
    let server = Server::with_accounts(Arc::<MovedClock>::clone(&clock)).await;
    let admin = server.first_admin().await;
    server.account(&admin, "guard", json!({"role": "field_unit"})).await;
    let give = || admin.post("/api/devices", json!({"label": "x", "account": "guard"}));
    let enrol = |code: Value| {
        let anybody = server.anybody();
        async move { anybody.post("/api/devices/enrol", json!({"code": code})).await }
    };
    let late = done(give().await, StatusCode::CREATED).await;
    clock.forward(16 * 60);
    problem(enrol(late["code"].clone()).await, 422, "code_not_valid").await;
    let good = done(give().await, StatusCode::CREATED).await;
    let mut refused = 0;
    for n in 0..20 {
        refused += usize::from(enrol(json!(format!("{n:05}-AAAAA"))).await.status() == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 14, "{refused}");
    problem(enrol(good["code"].clone()).await, 429, "too_many_attempts").await;
    clock.forward(60);
    let device = done(enrol(good["code"].clone()).await, StatusCode::CREATED).await;
    assert_eq!(device["actor"], "guard");
    let device = server.anybody().with_token(device["token"].as_str().unwrap());
    assert_eq!(device.read("/api/me/tokens").await["tokens"][0]["kind"], "device");
    let patch = admin.ask(Method::PATCH, "/api/accounts/guard").json(&json!({"disabled": true}));
    done(patch.send().await.unwrap(), StatusCode::OK).await;
    problem(device.get("/api/collections").await, 401, "sign_in_required").await;
    server.anybody().sign_in("chief", PASSWORD).await;
}
