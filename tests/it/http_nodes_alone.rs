//! A node whose database is away: it goes on showing what it knows and says that it is old, changes nothing, opens
//! nothing that is sealed, and after a while trusts nobody whose rights it cannot know.

use std::sync::Arc;
use std::time::Instant;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use trucban::http::Limits;

use crate::audit_chain::database as audit_of;
use crate::http_feed::Listener;
use crate::http_nodes::until;
use crate::http_support::{Caller, Server, done, problem};
use crate::postgres_support::TestDatabase;
use crate::tips_support::{PASSPHRASE, Room};

/// A refusal for the time being, which says when to come again; how long it took is printed.
async fn refused_for_now(what: &str, asked: impl Future<Output = Response>) -> Value {
    let since = Instant::now();
    let response = asked.await;
    println!("{what}: refused after {} ms", since.elapsed().as_millis());
    assert!(response.headers().contains_key("retry-after"), "{what}");
    problem(response, 503, "store_unavailable").await
}

/// Waits for a tick that says so, or not, that what is shown is old.
async fn told(feed: &mut Listener, is_stale: bool) -> Value {
    loop {
        let tick = feed.wait("tick").await;
        if tick.data["stale"].is_null() != is_stale {
            return tick.data["stale"].clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_read_on_from_memory_and_are_told_that_it_is_old_while_nothing_is_changed_or_opened() {
    let database = TestDatabase::new();
    let room = Room::open(Server::node(&database, Limits::default()).await).await;
    let (server, officer) = (&room.server, &room.officer);
    room.take(json!({"text": "ba người", "channel": "phone"})).await;
    let tip = room.only().await;
    let asked = room.ask_to_open(&room.handler, &tip).await;
    done(room.agree(&room.commander, &asked).await, StatusCode::OK).await;
    let home = json!({"geometry": {"type": "Point", "coordinates": [103.2, 22.4]}, "properties": {"member_count": 4}});
    let planner = server.account(&room.admin, "ke", json!({"role": "planner", "force": "civil"})).await;
    done(planner.post("/api/collections/households/items", home).await, StatusCode::CREATED).await;
    let mut feed = Listener::open(officer, "", None).await;
    assert!(told(&mut feed, false).await.is_null());

    let noted = || -> i64 {
        server.audit.flush().unwrap();
        let rows = "SELECT count(*) FROM rows WHERE actor = 'ke' AND kind = 'read' AND collection = 'households'";
        audit_of(server.folder()).query_row(rows, (), |row| row.get(0)).unwrap()
    };
    let before = noted();

    database.shut();
    let homes = "/api/collections/households/items";
    let read = async || planner.read(homes).await["features"].as_array().unwrap().len();
    assert_eq!(read().await, 1, "from memory");
    let stale = told(&mut feed, true).await;
    assert_eq!(stale["reason"], "store_unheard");
    let ready = officer.read("/health/ready").await;
    assert_eq!((&ready["status"], &ready["stale"]), (&json!("stale"), &stale), "it is ready to answer from memory");
    assert!(ready["rights_age_s"].is_u64(), "{ready}");
    assert_eq!(officer.read("/api/session").await["stale"], stale);

    let new = json!({"name": "moi", "role": "observer"});
    refused_for_now("an account", room.admin.post("/api/accounts", new.clone())).await;
    refused_for_now("a token", officer.post("/api/me/tokens", json!({"label": "x"}))).await;
    refused_for_now("a session", async {
        let body = json!({"name": "truc", "password": crate::http_support::PASSWORD});
        server.anybody().post("/api/session", body).await
    })
    .await;
    refused_for_now("a tip", officer.post("/api/tip", json!({"text": "hai người", "channel": "phone"}))).await;
    refused_for_now("a sealed tip", room.unseal(&room.handler, &tip, PASSPHRASE)).await;
    refused_for_now(
        "a report",
        officer.post("/api/incidents", json!({"kind": "flood", "place": {"lon": 103.2, "lat": 22.4}})),
    )
    .await;
    // Whether a secret that is not known here counts cannot be known: it is not said that it does not.
    refused_for_now("an unknown token", server.anybody().with_token("nobody").get("/api/session")).await;
    assert_eq!(room.tips().await.len(), 1, "what stands in clear of tips is read");

    assert_eq!(read().await, 1);
    assert_eq!(noted(), before + 2, "who looked is written down here, database or not");

    database.let_in();
    assert!(told(&mut feed, false).await.is_null());
    assert_eq!(officer.read("/health/ready").await["status"], "ready");
    until("accounts are changed again", async || {
        room.admin.post("/api/accounts", new.clone()).await.status() == StatusCode::CREATED
    })
    .await;
    done(room.unseal(&room.handler, &tip, PASSPHRASE).await, StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_while_without_the_others_a_node_trusts_nobody_and_says_so_without_signing_them_out() {
    let database = TestDatabase::new();
    let server = Server::node(&database, Limits { unheard_s_max: 3, ..Limits::default() }).await;
    let admin = server.first_admin().await;
    let token = done(admin.post("/api/me/tokens", json!({"label": "GIS"})).await, StatusCode::CREATED).await;
    let program = server.anybody().with_token(token["token"].as_str().unwrap());
    let mut feed = Listener::open(&admin, "", None).await;
    feed.wait("tick").await;

    database.shut();
    // At first from memory; in the end by nobody.
    assert_eq!(feed.wait("reset").await.data["reason"], "rights_changed", "what is held open ends too");
    assert!(feed.next().await.is_none());
    for caller in [&admin, &program, &server.anybody().with_token("nobody")] {
        for path in ["/api/session", "/api/collections/units/items", "/api/feed", "/api/me/sessions"] {
            let refused = refused_for_now(path, caller.get(path)).await;
            assert_eq!(refused["reason"], "rights_unknown", "{path}: {refused}");
        }
    }
    let write = |caller: &Caller| caller.ask(Method::POST, "/api/incidents").json(&json!({"kind": "flood"})).send();
    assert_eq!(refused_for_now("a write", async { write(&admin).await.unwrap() }).await["reason"], "rights_unknown");
    assert_eq!(refused_for_now("ready", server.anybody().get("/health/ready")).await["reason"], "rights_unknown");
    assert_eq!(server.anybody().get("/health/live").await.status(), StatusCode::OK);

    database.let_in();
    until("signed in as before", async || program.get("/api/collections/units/items").await.status() == 200).await;
    assert_eq!(admin.read("/api/session").await["actor"]["name"], "chief");
    assert_eq!(server.anybody().get("/health/ready").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_holds_up_neither_reads_nor_the_refusal_of_a_change() {
    let database = Arc::new(TestDatabase::new());
    let server = Server::node(&database, Limits::default()).await;
    let admin = server.first_admin().await;
    let new = |name: &str| json!({"name": name, "role": "observer"});
    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
                AND relation = 'replica_entries'::regclass";
    let hanging = Arc::clone(&database);
    let hangs = tokio::task::spawn_blocking(move || {
        hanging.sql("BEGIN; LOCK TABLE replica_entries IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(4)");
    });
    until("the log hangs", async || database.sql(held) == "1").await;
    refused_for_now("the first change", admin.post("/api/accounts", new("mot"))).await;
    refused_for_now("the next change", admin.post("/api/accounts", new("hai"))).await;
    admin.read("/api/accounts").await;
    hangs.await.unwrap();
    until("changes are taken again", async || {
        admin.post("/api/accounts", new("ba")).await.status() == StatusCode::CREATED
    })
    .await;
    // Whatever became of those that were refused for now, all agree on it.
    let other = Server::node(&database, Limits::default()).await;
    let accounts = async |caller: Caller| caller.read("/api/accounts").await["accounts"].clone();
    assert_eq!(accounts(admin.at(&other)).await, accounts(admin).await);
}
