//! Two nodes over one database, through the front door of both: what is done on one counts on the other.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use trucban::http::Limits;

use crate::http_feed::Listener;
use crate::http_support::{Caller, PASSWORD, Server, code_of, done, id, problem};
use crate::postgres_support::TestDatabase;
use crate::tips_support::{COMMUNE, PASSPHRASE, Room};

/// Longest that a test waits for what must come; only against one that hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Two nodes where whoever has an account comes in.
async fn nodes(database: &TestDatabase) -> [Server; 2] {
    let node = || Server::node(database, Limits::default());
    let (a, b) = tokio::join!(node(), node());
    [a, b]
}

/// Asks until the answer is so; each answer is bounded by the server.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !is_so().await {
        assert!(since.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("{what}: after {} ms", since.elapsed().as_millis());
}

async fn delete(caller: &Caller, path: &str) {
    let response = caller.ask(Method::DELETE, path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT, "{path}");
}

/// The feed of `caller`, once it is heard.
async fn open_feed(caller: &Caller) -> Listener {
    let mut feed = Listener::open(caller, "", None).await;
    feed.wait("tick").await;
    feed
}

/// Waits for the end of a feed whose right was taken.
async fn ends(mut feed: Listener, what: &str) {
    let (since, mut last) = (Instant::now(), Value::Null);
    while let Some(heard) = feed.next().await {
        last = heard.data;
        assert!(since.elapsed() < PATIENCE, "{what}");
    }
    println!("{what}: the feed on the other node ended after {} ms", since.elapsed().as_millis());
    assert_eq!(last["reason"], "rights_changed", "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_fill_the_database_once_and_each_gives_out_a_link_that_works() {
    let database = TestDatabase::new();
    let [a, b] = nodes(&database).await;
    let seeded = "SELECT count(*) FROM journal WHERE actor = 'seed' AND version > 1";
    assert_eq!(database.sql(seeded), "0", "nothing was put in twice");
    let link = |server: &Server| std::fs::read_to_string(server.folder().join("setup-link.txt"));
    let (of_a, of_b) = (code_of(&link(&a).unwrap()), code_of(&link(&b).unwrap()));
    assert_ne!(of_a, of_b);

    let first = json!({"code": of_a, "name": "chief", "password": PASSWORD});
    // Through either node, whichever gave it out.
    done(b.anybody().post("/api/setup", first).await, StatusCode::CREATED).await;
    let second = json!({"code": of_b, "name": "intruder", "password": PASSWORD});
    for server in [&a, &b] {
        problem(server.anybody().post("/api/setup", second.clone()).await, 422, "code_not_valid").await;
        until("the file of a void link is gone", async || link(server).is_err()).await;
    }
    a.anybody().sign_in("chief", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_a_demo_that_start_together_have_the_same_actors_and_records() {
    let database = TestDatabase::new();
    let (a, b) = tokio::join!(Server::demo_node(&database), Server::demo_node(&database));
    let units = async |caller: Caller| caller.read("/api/collections/units/items?limit=1000").await["features"].clone();
    until("both show the same units", async || {
        let (of_a, of_b) = (units(a.actor("duty_officer")).await, units(a.actor("duty_officer").at(&b)).await);
        of_a.as_array().is_some_and(|all| !all.is_empty()) && of_a == of_b
    })
    .await;
    let known = b.actor("admin").read("/api/accounts").await;
    assert_eq!(known["accounts"].as_array().map(Vec::len), Some(10), "{known}");
    assert_eq!(database.sql("SELECT count(*) FROM journal WHERE actor = 'seed' AND version > 1"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_one_node_comes_in_at_the_other_and_one_session_serves_both() {
    let database = TestDatabase::new();
    let [a, b] = nodes(&database).await;
    let admin = a.first_admin().await;
    let fields = json!({"name": "an", "role": "planner", "force": "civil"});
    let made = done(admin.post("/api/accounts", fields).await, StatusCode::CREATED).await;
    let choose = json!({"code": code_of(made["link"].as_str().unwrap()), "password": PASSWORD});
    done(b.anybody().post("/api/setup", choose).await, StatusCode::CREATED).await;
    let an = b.anybody().sign_in("an", PASSWORD).await;
    // At once, since a load balancer asks no one whether they are ready.
    assert_eq!(an.at(&a).read("/api/session").await["actor"]["name"], "an");
    let token = done(an.at(&a).post("/api/me/tokens", json!({"label": "GIS"})).await, StatusCode::CREATED).await;
    let program = b.anybody().with_token(token["token"].as_str().unwrap());
    program.read("/api/collections/units/items").await;
    problem(b.anybody().with_token("nobody").get("/api/me/sessions").await, 401, "sign_in_required").await;

    let out = an.ask(Method::DELETE, "/api/session").send().await.unwrap();
    done(out, StatusCode::OK).await;
    until("signed out on the other node", async || an.at(&a).get("/api/me/sessions").await.status() == 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_revoked_on_one_node_ends_its_feed_on_the_other_and_is_refused_there() {
    let database = TestDatabase::new();
    let [a, b] = nodes(&database).await;
    let an = a.account(&a.first_admin().await, "an", json!({"role": "planner", "force": "civil"})).await;
    let token = done(an.post("/api/me/tokens", json!({"label": "GIS"})).await, StatusCode::CREATED).await;
    let program = b.anybody().with_token(token["token"].as_str().unwrap());
    let feed = open_feed(&program).await;
    delete(&an, &format!("/api/me/tokens/{}", id(&token))).await;
    ends(feed, "a token revoked").await;
    problem(program.get("/api/collections/units/items").await, 401, "sign_in_required").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_taken_back_on_one_node_ends_the_feed_that_it_showed_more_to_on_the_other() {
    let database = TestDatabase::new();
    let [a, b] = nodes(&database).await;
    let admin = a.first_admin().await;
    let police = a.account(&admin, "truc", json!({"role": "duty_officer", "force": "police"})).await;
    let civil = a.account(&admin, "xa", json!({"role": "planner", "force": "civil"})).await.at(&b);
    let call = json!({
        "to_force": "civil", "collection": "units", "fields": ["name", "geometry"], "reason": "tìm người mất tích",
        "valid_to": SystemClock.now().plus_s(86_400).to_string(),
    });
    let made = done(police.post("/api/grants", call).await, StatusCode::CREATED).await;
    until("the grant counts on the other node", async || {
        let grants = civil.read("/api/grants").await;
        grants["grants"].as_array().unwrap().iter().any(|grant| grant["id"] == made["id"])
    })
    .await;
    let feed = open_feed(&civil).await;
    delete(&police, &format!("/api/grants/{}", id(&made))).await;
    ends(feed, "a grant taken back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once_over_all_nodes_however_fast_it_comes() {
    let database = TestDatabase::new();
    let [a, b] = nodes(&database).await;
    let admin = a.first_admin().await;
    for number in 0..5 {
        let fields = json!({"name": format!("an.{number}"), "role": "observer"});
        let made = done(admin.post("/api/accounts", fields).await, StatusCode::CREATED).await;
        let choose = json!({"code": code_of(made["link"].as_str().unwrap()), "password": PASSWORD});
        let redeem = |server: &Server| {
            let (caller, choose) = (server.anybody(), choose.clone());
            async move { caller.post("/api/setup", choose).await }
        };
        let (one, other) = tokio::join!(redeem(&a), redeem(&b));
        let (taken, refused) = if one.status() == StatusCode::CREATED { (one, other) } else { (other, one) };
        done(taken, StatusCode::CREATED).await;
        problem(refused, 422, "code_not_valid").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tip_taken_in_on_one_node_is_read_agreed_to_and_opened_on_the_other() {
    let database = TestDatabase::new();
    let [a, b] = nodes(&database).await;
    let room = Room::open(a).await;
    let told = json!({"text": "thấy ba người vác bao qua mốc 42", "name": "Giàng A Páo", "channel": "phone", "commune_code": COMMUNE});
    room.take(told).await;
    let handler = room.handler.at(&b);
    let tips = async || handler.read("/api/tips").await["tips"].as_array().unwrap().clone();
    until("the tip is on the other node", async || tips().await.len() == 1).await;
    let tip = tips().await.remove(0);
    let asked = room.ask_to_open(&handler, &tip).await;
    // The second person sits at the first node.
    until("the question is on the first node", async || {
        room.agree(&room.commander, &asked).await.status() == StatusCode::OK
    })
    .await;
    let opened = done(room.unseal(&handler, &tip, PASSPHRASE).await, StatusCode::OK).await;
    assert_eq!(opened["name"], "Giàng A Páo");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_of_a_disaster_that_are_sent_from_two_nodes_at_once_have_two_numbers() {
    let database = TestDatabase::new();
    let [a, b] = nodes(&database).await;
    let truc = a.account(&a.first_admin().await, "truc", json!({"role": "duty_officer", "force": "military"})).await;
    let began = SystemClock.now().plus_s(-3_600).to_string();
    let event = json!({"name": "Mưa lũ thử", "hazard": "flood", "started_at": began, "communes": [COMMUNE]});
    let event = json!({"type": "Feature", "geometry": null, "properties": event});
    let event = done(truc.post("/api/collections/disaster_events/items", event).await, StatusCode::CREATED).await;
    let path = format!("/api/disasters/{}/reports", id(&event));
    let there = truc.at(&b);
    until("the event is on the other node", async || {
        there.get(&format!("/api/collections/disaster_events/items/{}", id(&event))).await.status() == StatusCode::OK
    })
    .await;
    for round in 0..5 {
        let call = json!({"level": "province", "kind": "quick"});
        let (one, other) = tokio::join!(truc.post(&path, call.clone()), there.post(&path, call));
        for sent in [one, other] {
            done(sent, StatusCode::CREATED).await;
        }
        let numbers = async || {
            let sent = truc.read("/api/collections/disaster_reports/items?limit=100").await;
            let sent = sent["features"].as_array().unwrap();
            let mut numbers: Vec<u64> = sent.iter().map(|one| one["properties"]["number"].as_u64().unwrap()).collect();
            numbers.sort_unstable();
            numbers
        };
        let all = 2 * (round + 1);
        until("both are on the first node", async || numbers().await.len() == all).await;
        assert_eq!(numbers().await, (1..=all as u64).collect::<Vec<_>>());
    }
}
