//! Accounts through the front door: the first administrator, links, changes that count at once, one's own sessions.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::desk::SystemClock;

use crate::http_support::{Caller, PASSWORD, Server, code_of, done, problem};

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_link_makes_one_administrator_and_its_file_goes() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let anybody = server.anybody();
    for path in ["/api/collections", "/api/nearby?lon=103&lat=22", "/api/accounts", "/api/feed"] {
        problem(anybody.get(path).await, 401, "sign_in_required").await;
    }
    assert_eq!(anybody.read("/api/session").await["setup_needed"], true);
    let file = server.folder().join("setup-link.txt");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let link = std::fs::read_to_string(&file).unwrap();
    assert!(link.starts_with(&format!("{}/setup?code=", server.base)), "{link}");
    let code = code_of(&link);
    let set_up = |code: &str, name: &str, password: &str| {
        anybody.post("/api/setup", json!({"code": code, "name": name, "password": password}))
    };
    problem(set_up("0123", "chief", PASSWORD).await, 422, "code_not_valid").await;
    problem(set_up(&code, "chief", "matkhau123456").await, 422, "weak_password").await;
    problem(set_up(&code, "system", PASSWORD).await, 422, "invalid_value").await;
    let cross = anybody.ask(Method::POST, "/api/setup").header("sec-fetch-site", "cross-site");
    let cross = cross.json(&json!({"code": code, "name": "chief", "password": PASSWORD})).send().await.unwrap();
    problem(cross, 403, "forbidden").await;
    assert_eq!(done(set_up(&code, "chief", PASSWORD).await, StatusCode::CREATED).await["name"], "chief");
    assert!(!file.exists());
    problem(set_up(&code, "other", PASSWORD).await, 422, "code_not_valid").await;
    let session = anybody.sign_in("Chief", PASSWORD).await.read("/api/session").await;
    assert_eq!((&session["actor"]["name"], &session["actor"]["role"]), (&json!("chief"), &json!("admin")));
    assert_eq!((&session["setup_needed"], &session["actor"]["area"]), (&json!(false), &json!("province")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_chooses_its_password_by_its_link_and_comes_in() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let admin = server.first_admin().await;
    let body = json!({
        "name": "Lò.Thị-Mẫu", "role": "local_authority", "force": "civil", "area": {"parts": {"communes": ["03433"]}},
        "label": "Cán bộ xã", "organisation": "ubnd-tinh", "supervisor": "chief",
    });
    let made = done(admin.post("/api/accounts", body).await, StatusCode::CREATED).await;
    assert_eq!((&made["account"]["has_password"], &made["account"]["is_external"]), (&json!(false), &json!(false)));
    let anybody = server.anybody();
    let attempt = || anybody.post("/api/session", json!({"name": "Lò.Thị-Mẫu", "password": PASSWORD}));
    problem(attempt().await, 401, "wrong_credentials").await;
    let redeem = |name: Value| {
        let code = code_of(made["link"].as_str().unwrap());
        anybody.post("/api/setup", json!({"code": code, "name": name, "password": PASSWORD}))
    };
    problem(redeem(json!("chief")).await, 422, "code_not_valid").await;
    done(redeem(Value::Null).await, StatusCode::CREATED).await;
    problem(redeem(Value::Null).await, 422, "code_not_valid").await;
    let signed = attempt().await;
    assert_eq!(signed.status(), StatusCode::OK);
    let actor = anybody.browser_after(&signed).read("/api/session").await["actor"].take();
    assert_eq!((&actor["label_vi"], &actor["role"]), (&json!("Cán bộ xã"), &json!("local_authority")));
    assert_eq!(actor["area"]["parts"]["communes"], json!(["03433"]));

    for (body, code) in [
        (json!({"name": "lo thi mau", "role": "planner"}), "invalid_value"),
        (json!({"name": "lothimau", "role": "planner"}), "invalid_value"),
        (json!({"name": "other", "role": "king"}), "invalid_value"),
        (json!({"name": "other"}), "missing_field"),
        (json!({"name": "other", "role": "planner", "force": "navy"}), "invalid_value"),
        (json!({"name": "other", "role": "planner", "area": {"parts": {"communes": ["99999"]}}}), "unknown_reference"),
        (json!({"name": "other", "role": "planner", "area": "everywhere"}), "invalid_value"),
        (json!({"name": "other", "role": "planner", "organisation": "nowhere"}), "unknown_reference"),
        (json!({"name": "other", "role": "planner", "unit_id": uuid::Uuid::nil()}), "unknown_reference"),
        (json!({"name": "other", "role": "planner", "password": PASSWORD}), "unknown_field"),
    ] {
        problem(admin.post("/api/accounts", body).await, 422, code).await;
    }
    let listed = admin.read("/api/accounts").await;
    assert_eq!(listed["accounts"].as_array().unwrap().len(), 2, "nothing refused came about");
    assert!(!listed.to_string().contains("argon2"), "no hash leaves the house");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_an_account_count_at_once() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let admin = server.first_admin().await;
    let planner = server.account(&admin, "khoa", json!({"role": "planner", "force": "civil"})).await;
    let token = done(planner.post("/api/me/tokens", json!({"label": "qgis"})).await, StatusCode::CREATED).await;
    let program = planner.with_token(token["token"].as_str().unwrap());
    assert_eq!(program.read("/api/session").await["actor"]["name"], "khoa");

    let patch = |body: Value| admin.ask(Method::PATCH, "/api/accounts/Khoa").json(&body).send();
    let changed =
        done(patch(json!({"role": "observer", "force": null, "label": "Khoa"})).await.unwrap(), StatusCode::OK).await;
    assert_eq!((&changed["role"], &changed["force"]), (&json!("observer"), &Value::Null));
    assert_eq!(program.read("/api/session").await["actor"]["role"], "observer");
    problem(patch(json!({"colour": "red"})).await.unwrap(), 422, "unknown_field").await;

    done(patch(json!({"must_change": true})).await.unwrap(), StatusCode::OK).await;
    for caller in [&planner, &program] {
        problem(caller.get("/api/collections").await, 403, "password_change_required").await;
    }
    assert_eq!(planner.read("/api/session").await["actor"]["must_change"], true);
    let change = planner
        .ask(Method::PUT, "/api/me/password")
        .json(&json!({"current": PASSWORD, "password": "năm con trâu trắng"}));
    assert_eq!(change.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(planner.get("/api/collections").await.status(), StatusCode::OK);

    done(patch(json!({"disabled": true})).await.unwrap(), StatusCode::OK).await;
    for caller in [&planner, &program] {
        problem(caller.get("/api/collections").await, 401, "sign_in_required").await;
    }
    let again = server.anybody().post("/api/session", json!({"name": "khoa", "password": "năm con trâu trắng"})).await;
    problem(again, 401, "wrong_credentials").await;
    let last = admin.ask(Method::PATCH, "/api/accounts/chief").json(&json!({"disabled": true})).send().await.unwrap();
    problem(last, 403, "forbidden").await;
    problem(admin.ask(Method::PATCH, "/api/accounts/nobody").json(&json!({})).send().await.unwrap(), 404, "not_found")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_takes_everything_away_and_its_link_gives_it_back() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let admin = server.first_admin().await;
    let guard = server.account(&admin, "guard", json!({"role": "field_unit"})).await;
    let reset = done(admin.post("/api/accounts/guard/reset", json!({})).await, StatusCode::OK).await;
    problem(guard.get("/api/collections").await, 401, "sign_in_required").await;
    let anybody = server.anybody();
    problem(
        anybody.post("/api/session", json!({"name": "guard", "password": PASSWORD})).await,
        401,
        "wrong_credentials",
    )
    .await;
    let call = json!({"code": code_of(reset["link"].as_str().unwrap()), "password": "bảy con ngựa hồng"});
    done(anybody.post("/api/setup", call).await, StatusCode::CREATED).await;
    anybody.sign_in("guard", "bảy con ngựa hồng").await;
    problem(admin.post("/api/accounts/nobody/reset", json!({})).await, 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_an_administrator_manages_accounts() {
    let server = Server::demo().await;
    for name in ["duty_officer", "planner", "field_unit", "local_authority", "observer"] {
        let caller = server.actor(name);
        problem(caller.get("/api/accounts").await, 403, "forbidden").await;
        problem(caller.post("/api/accounts", json!({"name": "x1", "role": "admin"})).await, 403, "forbidden").await;
        problem(caller.post("/api/accounts/admin/reset", json!({})).await, 403, "forbidden").await;
        let patch = caller.ask(Method::PATCH, &format!("/api/accounts/{name}")).json(&json!({"role": "admin"}));
        problem(patch.send().await.unwrap(), 403, "forbidden").await;
        let put = caller.ask(Method::PUT, "/api/organisations/x1").json(&json!({}));
        problem(put.send().await.unwrap(), 403, "forbidden").await;
        assert!(caller.read("/api/organisations").await["organisations"].as_array().unwrap().len() > 3);
    }
    let admin = server.actor("admin");
    let post = json!({"name": "Đồn X", "force": "border_guard", "parent": "ban-chbp-tinh", "valid_from": "2025-07-01"});
    let put = |body: Value| admin.ask(Method::PUT, "/api/organisations/don-x").json(&body).send();
    done(put(post.clone()).await.unwrap(), StatusCode::OK).await;
    let mut backwards = post.clone();
    backwards["valid_to"] = json!("2025-06-30");
    problem(put(backwards).await.unwrap(), 422, "invalid_value").await;
    let listed = admin.read("/api/organisations").await["organisations"].take();
    assert!(listed.as_array().unwrap().iter().any(|one| one["id"] == "don-x" && one["valid_to"].is_null()), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_accounts_the_first_one_is_an_administrator_and_shuts_the_open_door() {
    let server = Server::real().await;
    let anybody = server.anybody();
    let make = |role: &str| anybody.post("/api/accounts", json!({"name": "first", "role": role}));
    problem(make("planner").await, 422, "invalid_value").await;
    done(make("admin").await, StatusCode::CREATED).await;
    problem(anybody.get("/api/collections").await, 401, "sign_in_required").await;
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

async fn sessions(browser: &Caller) -> Value {
    browser.read("/api/me/sessions").await["sessions"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn i_see_my_sessions_and_end_one_or_all() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let admin = server.first_admin().await;
    let here = server.account(&admin, "an", json!({"role": "planner"})).await;
    let there = server.anybody().sign_in("an", PASSWORD).await;
    let elsewhere = server.anybody().sign_in("an", PASSWORD).await;
    let mine = sessions(&here).await;
    assert_eq!(mine.as_array().unwrap().len(), 3);
    assert_eq!(mine.as_array().unwrap().iter().filter(|one| one["current"] == true).count(), 1);
    assert!(!mine.to_string().contains(here.secret()), "no secret is listed");
    let there_id =
        sessions(&there).await.as_array().unwrap().iter().find(|s| s["current"] == true).unwrap()["id"].clone();
    let end = |caller: &Caller, path: &str| caller.ask(Method::DELETE, path).send();
    let path = format!("/api/me/sessions/{}", there_id.as_str().unwrap());
    problem(end(&admin, &path).await.unwrap(), 404, "not_found").await;
    assert_eq!(end(&here, &path).await.unwrap().status(), StatusCode::NO_CONTENT);
    problem(there.get("/api/collections").await, 401, "sign_in_required").await;
    problem(end(&here, &path).await.unwrap(), 404, "not_found").await;

    let cross = server.anybody().ask(Method::DELETE, "/api/me/sessions");
    let cross =
        cross.header("cookie", format!("trucban_session={}", here.secret())).header("sec-fetch-site", "cross-site");
    problem(cross.send().await.unwrap(), 403, "forbidden").await;
    assert_eq!(ids(&sessions(&here).await).len(), 2, "nothing ended");

    let answer = end(&here, "/api/me/sessions").await.unwrap();
    assert!(answer.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    for browser in [&here, &elsewhere] {
        problem(browser.get("/api/collections").await, 401, "sign_in_required").await;
    }
    assert_eq!(admin.get("/api/collections").await.status(), StatusCode::OK, "others stay in");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_and_signing_in_again_end_the_session_before() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let first = server.first_admin().await;
    let signed = first.post("/api/session", json!({"name": "chief", "password": PASSWORD})).await;
    let second = first.browser_after(&signed);
    problem(first.get("/api/collections").await, 401, "sign_in_required").await;
    let out = done(second.ask(Method::DELETE, "/api/session").send().await.unwrap(), StatusCode::OK).await;
    assert!(out["actor"].is_null());
    problem(second.get("/api/collections").await, 401, "sign_in_required").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_the_other_sessions() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let here = server.first_admin().await;
    let there = server.anybody().sign_in("chief", PASSWORD).await;
    let change = |current: &str, next: &str| {
        here.ask(Method::PUT, "/api/me/password").json(&json!({"current": current, "password": next})).send()
    };
    problem(change("not my password", "năm con trâu trắng").await.unwrap(), 401, "wrong_credentials").await;
    for weak in ["short", "chief chief chief", "Lai Châu 20252026", "123456789012"] {
        problem(change(PASSWORD, weak).await.unwrap(), 422, "weak_password").await;
    }
    assert_eq!(there.get("/api/collections").await.status(), StatusCode::OK);
    assert_eq!(change(PASSWORD, "năm con trâu trắng").await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(here.get("/api/collections").await.status(), StatusCode::OK);
    problem(there.get("/api/collections").await, 401, "sign_in_required").await;
    server.anybody().sign_in("chief", "năm con trâu trắng").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_told_once_and_cannot_make_another() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let browser = server.first_admin().await;
    let made = done(browser.post("/api/me/tokens", json!({"label": " QGIS "})).await, StatusCode::CREATED).await;
    let secret = made["token"].as_str().unwrap();
    let program = browser.with_token(secret);
    assert_eq!(program.get("/api/collections").await.status(), StatusCode::OK);
    let listed = browser.read("/api/me/tokens").await;
    assert_eq!(listed["tokens"][0]["label"], "QGIS");
    assert!(listed["tokens"][0]["used_at"].is_string() && !listed.to_string().contains(secret), "{listed}");
    problem(program.post("/api/me/tokens", json!({"label": "heir"})).await, 403, "forbidden").await;
    let change = program.ask(Method::PUT, "/api/me/password").json(&json!({"current": PASSWORD, "password": "x"}));
    problem(change.send().await.unwrap(), 403, "forbidden").await;
    problem(browser.post("/api/me/tokens", json!({"label": " "})).await, 422, "invalid_value").await;
    let path = format!("/api/me/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(browser.ask(Method::DELETE, &path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    problem(program.get("/api/collections").await, 401, "sign_in_required").await;
    problem(browser.ask(Method::DELETE, &path).send().await.unwrap(), 404, "not_found").await;
}
