//! What is open ends within two seconds of the right to it: a promise of the product, so here a clock decides.

use std::time::{Duration, Instant};

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use uuid::Uuid;

use crate::http_feed::Listener;
use crate::http_support::{Caller, PASSWORD, Server, done, id};

/// The promise.
const WITHIN: Duration = Duration::from_secs(2);

/// The feed of `caller` once it is heard, so that what follows is of an open one.
async fn open(caller: &Caller) -> Listener {
    let mut feed = Listener::open(caller, "", None).await;
    feed.next().await.expect("an open feed says where it begins");
    feed
}

/// Waits for the end of a feed whose right was taken at `since`.
async fn ends_in_time(mut feed: Listener, since: Instant, what: &str) {
    let mut last = String::new();
    while let Some(heard) = feed.next().await {
        last = heard.data.to_string();
        assert!(since.elapsed() < WITHIN, "{what}: still open after {:?}", since.elapsed());
    }
    let took = since.elapsed();
    println!("{what}: the feed ended after {} ms", took.as_millis());
    assert!(took < WITHIN, "{what}: open for {took:?}");
    assert!(last.contains("rights_changed"), "{what}: it says why it ends: {last}");
}

async fn delete(caller: &Caller, path: &str) -> Response {
    let response = caller.ask(Method::DELETE, path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT, "{path}");
    response
}

async fn planner(server: &Server, admin: &Caller) -> Caller {
    server.account(admin, "an", json!({"role": "planner", "force": "civil"})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_when_its_token_is_revoked_or_its_browser_signs_out_everywhere() {
    let server = Server::with_accounts(std::sync::Arc::new(SystemClock)).await;
    let an = planner(&server, &server.first_admin().await).await;
    let token = done(an.post("/api/me/tokens", json!({"label": "màn hình"})).await, StatusCode::CREATED).await;
    let program = server.anybody().with_token(token["token"].as_str().unwrap());
    let (of_program, of_browser) = (open(&program).await, open(&an).await);
    let since = Instant::now();
    delete(&an, &format!("/api/me/tokens/{}", id(&token))).await;
    ends_in_time(of_program, since, "a token revoked").await;

    let elsewhere = server.anybody().sign_in("an", PASSWORD).await;
    let since = Instant::now();
    delete(&elsewhere, "/api/me/sessions").await;
    ends_in_time(of_browser, since, "signed out everywhere").await;
}

/// A grant of the police to the civil force; its id.
async fn grant(server: &Server) -> String {
    let call = json!({
        "to_force": "civil", "collection": "units", "fields": ["name", "geometry"], "reason": "tìm người mất tích",
        "valid_to": SystemClock.now().plus_s(86_400).to_string(),
    });
    let made = server.actor("duty_officer").post("/api/grants", call).await;
    let made: Value = done(made, StatusCode::CREATED).await;
    id(&made).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_when_a_grant_to_it_is_revoked_here_or_by_another_program() {
    let server = Server::demo().await;
    let civil = server.actor("local_authority");
    let made = grant(&server).await;
    let feed = open(&civil).await;
    let since = Instant::now();
    delete(&server.actor("duty_officer"), &format!("/api/grants/{made}")).await;
    ends_in_time(feed, since, "a grant revoked").await;

    let made = Uuid::try_parse(&grant(&server).await).unwrap();
    let feed = open(&civil).await;
    let beside = server.system();
    let since = Instant::now();
    assert!(beside.revoke_grant(made, "admin", SystemClock.now()).unwrap());
    ends_in_time(feed, since, "a grant revoked beside the server").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_ends_when_the_command_line_takes_the_right_away_beside_the_server() {
    let server = Server::with_accounts(std::sync::Arc::new(SystemClock)).await;
    let admin = server.first_admin().await;
    let an = planner(&server, &admin).await;
    let feed = open(&an).await;
    server.trucban_says(&["user", "reset", "an"]);
    ends_in_time(feed, Instant::now(), "trucban user reset, of a session").await;

    let token = server.trucban_says(&["user", "token", "an"]);
    let program = server.anybody().with_token(token.trim());
    while program.get("/api/session").await.json::<Value>().await.unwrap()["actor"].is_null() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let feed = open(&program).await;
    server.trucban_says(&["user", "disable", "an"]);
    ends_in_time(feed, Instant::now(), "trucban user disable, of a token").await;
    admin.read("/api/accounts").await;
}
