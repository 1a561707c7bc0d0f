//! Tips through the front door: taken in, followed up, opened by two persons, promoted, counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::quarter::Quarter;
use trucban::domain::retention::{Retention, TIP_RETENTION};
use trucban::domain::tip::Coarse;
use trucban::store::tips::RetainedTips;

use crate::http_sign_in::MovedClock;
use crate::http_support::{Caller, PASSWORD, Server, done, problem};
use crate::tips_support::{COMMUNE, DEPUTYS, PASSPHRASE, Room, way_back};

async fn room() -> Room {
    Room::open(Server::with_accounts(Arc::new(SystemClock)).await).await
}

fn told() -> Value {
    json!({
        "text": "Tôi là Giàng A Páo, thấy ba người vác bao qua mốc 42 lúc 2 giờ sáng", "name": "Giàng A Páo",
        "phone": "0363 555 123", "reach": "gọi vợ tôi, sau 20 giờ", "channel": "phone", "commune_code": COMMUNE,
        "occurred_on": "2026-11-20", "occurred_half": "am",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tip_is_followed_up_by_code_promoted_and_counted() {
    let room = room().await;
    let taken = room.take(told()).await;
    let tip = room.only().await;
    let today = Coarse::of(SystemClock.now());
    assert_eq!((&tip["state"], &tip["channel"], &tip["scrubbed"]), (&json!("received"), &json!("phone"), &Value::Null));
    assert_eq!(tip["received"], serde_json::to_value(today).unwrap(), "half a day, no closer");

    let answer = format!("/api/tips/{}/answers", tip["id"].as_str().unwrap());
    let answered = room.handler.post(&answer, json!({"text": "Họ đi về phía nào?"})).await;
    assert_eq!(answered.status(), StatusCode::NO_CONTENT);
    let call = way_back(&taken, &json!({"text": "Về phía suối Nậm Na."}));
    let read = done(room.officer.post("/api/tip/follow-up", call).await, StatusCode::OK).await;
    let texts = |read: &Value| -> Vec<(String, String)> {
        let one = |m: &Value| (m["author"].as_str().unwrap().to_owned(), m["text"].as_str().unwrap().to_owned());
        read["messages"].as_array().unwrap().iter().map(one).collect()
    };
    let said = [("handler", "Họ đi về phía nào?"), ("informant", "Về phía suối Nậm Na.")];
    let said = said.map(|(author, text)| (author.to_owned(), text.to_owned()));
    assert_eq!(texts(&read), said);
    let tip = room.only().await;
    assert_eq!((&tip["messages"], &tip["last_author"]), (&json!(2), &json!("informant")));

    let opened = room.opened(&tip).await;
    assert_eq!(
        (&opened["name"], &opened["phone"], &opened["taken_by"]),
        (&json!("Giàng A Páo"), &json!("0363 555 123"), &json!("truc"))
    );
    assert_eq!(opened["text"], told()["text"]);
    assert_eq!(texts(&opened), said, "the handler opens the messages with the tip");

    let graded = json!({
        "reliability": "B", "credibility": 2, "kind": "smuggling", "state": "assessed",
        "scrubbed": "Có người vác hàng qua biên giới ban đêm",
    });
    let tip = done(room.change(&tip, graded).await, StatusCode::OK).await;
    let made = done(room.promote(&tip, json!({"lead_force": "police", "severity": 2})).await, StatusCode::OK).await;
    let incidents = room.officer.read("/api/collections/incidents/items?channel=tip").await;
    let incident = &incidents["features"][0];
    let of = |name: &str| incident["properties"][name].clone();
    assert_eq!((of("code"), of("channel"), of("kind")), (made["incident"].clone(), json!("tip"), json!("smuggling")));
    assert_eq!(of("description"), "Có người vác hàng qua biên giới ban đêm");
    assert_eq!((of("commune_code"), of("occurred_at")), (json!(COMMUNE), json!("2026-11-19T17:00:00.000Z")));
    assert_eq!((of("lead_force"), of("severity"), of("state")), (json!("police"), json!(2), json!("reported")));
    assert_eq!(incident["geometry"], Value::Null, "the commune, no closer");

    let tip = room.only().await;
    assert_eq!(tip["state"], "promoted");
    for gone in ["scrubbed", "commune_code", "occurred"] {
        assert_eq!(tip[gone], Value::Null, "{gone} stands in the incident, and would point to it");
    }
    problem(room.promote(&tip, json!({})).await, 409, "forbidden_transition").await;
    problem(room.change(&tip, json!({"scrubbed": "khác"})).await, 409, "forbidden_transition").await;
    let incidents = room.officer.read("/api/collections/incidents/items?channel=tip").await;
    assert_eq!(incidents["features"].as_array().unwrap().len(), 1, "once: {incidents}");

    room.take(json!({"text": "một tin khác", "channel": "letter"})).await;
    let figures = room.commander.read(&format!("/api/tips/figures?from={0}&to={0}", today.on)).await;
    assert_eq!((&figures["total"], &figures["valid"]), (&json!(2), &json!(1)));
    assert_eq!(figures["by_channel"], json!({"letter": 1, "phone": 1}));
    assert_eq!(figures["by_state"], json!({"promoted": 1, "received": 1}));
    assert_eq!(figures["by_kind"], json!({"smuggling": 1}));
    assert_eq!(room.commander.read("/api/tips/figures?from=2020-01-01&to=2020-03-31").await["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_takes_two_persons_a_reason_and_a_passphrase() {
    let clock = Arc::new(MovedClock::default());
    let room = Room::open(Server::with_accounts(Arc::<MovedClock>::clone(&clock)).await).await;
    room.take(told()).await;
    let tip = room.only().await;
    let ask = format!("/api/tips/{}/unsealings", tip["id"].as_str().unwrap());
    problem(room.handler.post(&ask, json!({})).await, 422, "missing_field").await;
    problem(room.handler.post(&ask, json!({"reason": " vì "})).await, 422, "invalid_value").await;
    problem(room.handler.post(&ask, json!({"reason": "x".repeat(501)})).await, 422, "invalid_value").await;
    problem(room.unseal(&room.handler, &tip, PASSPHRASE).await, 403, "not_confirmed").await;

    let asked = room.ask_to_open(&room.handler, &tip).await;
    problem(room.unseal(&room.handler, &tip, PASSPHRASE).await, 403, "not_confirmed").await;
    problem(room.agree(&room.handler, &asked).await, 403, "forbidden").await;
    problem(room.agree(&room.admin, &asked).await, 403, "forbidden").await;
    let waiting = room.commander.read("/api/tips/unsealings").await["unsealings"][0].clone();
    assert_eq!(
        (&waiting["reason"], &waiting["asked_by"], &waiting["may_confirm"]),
        (&json!("xác minh nguồn tin"), &json!("mua"), &json!(true))
    );
    done(room.agree(&room.commander, &asked).await, StatusCode::OK).await;
    problem(room.agree(&room.deputy, &asked).await, 404, "not_found").await;
    // The agreement is for whoever asked, and each passphrase is of one account.
    problem(room.unseal(&room.deputy, &tip, DEPUTYS).await, 403, "not_confirmed").await;
    problem(room.unseal(&room.handler, &tip, DEPUTYS).await, 422, "wrong_passphrase").await;
    done(room.unseal(&room.handler, &tip, PASSPHRASE).await, StatusCode::OK).await;
    clock.forward(3_000);
    done(room.unseal(&room.handler, &tip, PASSPHRASE).await, StatusCode::OK).await;
    clock.forward(601);
    problem(room.unseal(&room.handler, &tip, PASSPHRASE).await, 403, "not_confirmed").await;

    let asked = room.ask_to_open(&room.deputy, &tip).await;
    done(room.agree(&room.officer, &asked).await, StatusCode::OK).await;
    let opened = done(room.unseal(&room.deputy, &tip, DEPUTYS).await, StatusCode::OK).await;
    assert_eq!(opened["name"], "Giàng A Páo", "the deputy has the same key");

    let late = room.ask_to_open(&room.handler, &tip).await;
    clock.forward(12 * 3_600);
    problem(room.agree(&room.commander, &late).await, 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_a_code_or_a_passphrase_wait_longer_and_longer() {
    let clock = Arc::new(MovedClock::default());
    let room = Room::open(Server::with_accounts(Arc::<MovedClock>::clone(&clock)).await).await;
    let taken = room.take(told()).await;
    let guess = |code: &str, passphrase: &str| {
        room.officer.post("/api/tip/follow-up", json!({"code": code, "passphrase": passphrase}))
    };
    let code = taken["code"].as_str().unwrap();
    let wrong = problem(guess(code, "núi núi núi núi núi núi").await, 422, "wrong_passphrase").await;
    let nobodys = problem(guess("0000-0000-0000", "núi núi núi núi núi núi").await, 422, "wrong_passphrase").await;
    assert_eq!(wrong, nobodys, "it does not tell whether there is such a code");
    for _ in 0..4 {
        problem(guess(code, "sông").await, 422, "wrong_passphrase").await;
    }
    let waits = guess(code, taken["passphrase"].as_str().unwrap()).await;
    let wait: i64 = waits.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    problem(waits, 429, "too_many_attempts").await;
    let typed = taken["passphrase"].as_str().unwrap().to_uppercase();
    clock.forward(wait);
    done(guess(&code.replace('-', " "), &typed).await, StatusCode::OK).await;
    // One address does not go through many codes.
    let mut refused = 0;
    for n in 0..40 {
        let answer = guess(&format!("1111-1111-{n:04}"), "núi sông").await;
        refused += usize::from(answer.status() == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused > 0);

    let tip = room.only().await;
    let asked = room.ask_to_open(&room.handler, &tip).await;
    done(room.agree(&room.commander, &asked).await, StatusCode::OK).await;
    let elsewhere = room.handler.at_address(77);
    for _ in 0..5 {
        problem(room.unseal(&elsewhere, &tip, "không phải câu này đâu").await, 422, "wrong_passphrase").await;
    }
    problem(room.unseal(&elsewhere, &tip, PASSPHRASE).await, 429, "too_many_attempts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_its_code_and_keeps_nothing() {
    let room = room().await;
    let table = [
        (json!({}), "missing_field"),
        (json!({"text": "   "}), "missing_field"),
        (json!({"text": 7}), "invalid_value"),
        (json!({"text": "x".repeat(4_001)}), "invalid_value"),
        (json!({"text": "a", "name": "x".repeat(201)}), "invalid_value"),
        (json!({"text": "a", "channel": "web"}), "invalid_value"),
        (json!({"text": "a", "channel": "pigeon"}), "invalid_value"),
        (json!({"text": "a", "kind": "dragon"}), "invalid_value"),
        (json!({"text": "a", "commune_code": "99999"}), "unknown_reference"),
        (json!({"text": "a", "commune_code": "12"}), "unknown_reference"),
        (json!({"text": "a", "occurred_on": "20/11/2026"}), "invalid_value"),
        (json!({"text": "a", "occurred_on": "2026-11-20T02:14:00+07:00"}), "invalid_value"),
        (json!({"text": "a", "occurred_on": "2999-01-01"}), "future_time"),
        (json!({"text": "a", "occurred_half": "am"}), "missing_field"),
        (json!({"text": "a", "occurred_on": "2026-11-20", "occurred_half": "noon"}), "invalid_value"),
        (json!({"text": "a", "colour": "red"}), "unknown_field"),
        (json!({"text": "a", "name": "Giàng A Páo", "scrubbed": "giang a pao nói"}), "invalid_value"),
        (json!({"text": "a", "scrubbed": "gọi 0363555123"}), "invalid_value"),
    ];
    for (body, code) in table {
        println!("{body}");
        problem(room.officer.post("/api/tip", body).await, 422, code).await;
    }
    assert_eq!(room.tips().await.len(), 0);
    for body in [json!({}), json!({"code": "1"}), json!({"code": "1", "passphrase": " "})] {
        problem(room.officer.post("/api/tip/follow-up", body).await, 422, "missing_field").await;
    }
    let long = json!({"code": "1".repeat(41), "passphrase": "a"});
    problem(room.officer.post("/api/tip/follow-up", long).await, 422, "invalid_value").await;

    room.take(told()).await;
    let tip = room.only().await;
    let table = [
        (json!({"reliability": "G"}), 422, "invalid_value"),
        (json!({"credibility": 0}), 422, "invalid_value"),
        (json!({"credibility": 7}), 422, "invalid_value"),
        (json!({"credibility": "2"}), 422, "invalid_value"),
        (json!({"scrubbed": "căn cước 012345678901"}), 422, "invalid_value"),
        (json!({"state": "assessed"}), 422, "missing_field"),
        (json!({"state": "assessed", "reliability": "A"}), 422, "missing_field"),
        (json!({"state": "promoted"}), 409, "forbidden_transition"),
        (json!({"state": "received"}), 409, "forbidden_transition"),
        (json!({"state": "lost"}), 422, "invalid_value"),
        (json!({"text": "khác"}), 422, "unknown_field"),
    ];
    for (body, status, code) in table {
        println!("{body}");
        let answer = room.change(&tip, body.clone()).await;
        if body == json!({"state": "received"}) {
            assert_eq!(answer.status(), StatusCode::OK, "it stands there already");
            continue;
        }
        problem(answer, status, code).await;
    }
    let path = format!("/api/tips/{}", tip["id"].as_str().unwrap());
    problem(room.handler.write(Method::PATCH, &path, 1, json!({})).await, 412, "version_conflict").await;
    let unsaid = room.handler.ask(Method::PATCH, &path).json(&json!({})).send().await.unwrap();
    problem(unsaid, 428, "precondition_required").await;
    let tip = room.only().await;
    problem(room.promote(&tip, json!({})).await, 409, "forbidden_transition").await;
    let grade = json!({"reliability": "F", "credibility": 6, "state": "assessed", "commune_code": null});
    let mut tip = done(room.change(&tip, grade).await, StatusCode::OK).await;
    let needed = [
        (json!({"scrubbed": "có người buôn ma tuý"}), "/scrubbed"),
        (json!({"kind": "drug_crime"}), "/kind"),
        (json!({"commune_code": COMMUNE}), "/commune_code"),
    ];
    for (then, at) in needed {
        assert_eq!(problem(room.promote(&tip, json!({})).await, 422, "missing_field").await["at"], at);
        tip = done(room.change(&tip, then).await, StatusCode::OK).await;
    }
    // Nobody would see an incident of this kind that no force leads.
    assert_eq!(problem(room.promote(&tip, json!({})).await, 422, "missing_field").await["at"], "/lead_force");
    problem(room.promote(&tip, json!({"lead_force": "navy"})).await, 422, "invalid_value").await;
    problem(room.promote(&tip, json!({"lead_force": "police", "severity": 9})).await, 422, "invalid_value").await;
    assert_eq!(room.only().await["state"], "assessed", "a report that is refused promotes nothing");
    for query in [
        "",
        "?from=2026-01-01",
        "?from=2026-01-01&to=x",
        "?from=2026-02-01&to=2026-01-01",
        "?from=2026-01-01&to=2026-02-01&by=name",
    ] {
        let answer = room.handler.get(&format!("/api/tips/figures{query}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    for path in ["answers", "unsealings", "unseal"] {
        let body = json!({"text": "a", "reason": "một lý do", "passphrase": PASSPHRASE});
        let one = json!({path.replace("answers", "text").replace("unsealings", "reason").replace("unseal", "passphrase"): body["reason"]});
        for id in ["00000000-0000-4000-8000-000000000000", "not-a-uuid"] {
            let answer = room.handler.post(&format!("/api/tips/{id}/{path}"), one.clone()).await;
            assert!([403, 404].contains(&answer.status().as_u16()), "{path} of {id}: {}", answer.status());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_page_is_not_there_until_it_is_switched_on() {
    let room = room().await;
    let anybody = room.server.anybody();
    let body = || json!({"text": "có người lạ"});
    assert_eq!(anybody.read("/api/session").await["public_tips"], false);
    problem(anybody.get("/tip").await, 404, "not_found").await;
    let nowhere = problem(anybody.get("/api/nowhere").await, 404, "not_found").await["title"].clone();
    assert_eq!(problem(anybody.get("/api/tip").await, 404, "not_found").await["title"], nowhere);
    problem(anybody.post("/api/tip", body()).await, 404, "not_found").await;
    problem(anybody.post("/api/tip/follow-up", json!({"code": "1", "passphrase": "a"})).await, 404, "not_found").await;
    assert_eq!(room.tips().await.len(), 0);
    assert_eq!(room.officer.read("/api/tip").await["ready"], true, "whoever is on duty takes tips in all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_gives_a_tip_on_the_public_page_and_many_must_wait() {
    let clock = Arc::new(MovedClock::default());
    let room = Room::open(Server::with_public_tips(Arc::<MovedClock>::clone(&clock)).await).await;
    let anybody = room.server.anybody().at_address(50);
    assert_eq!(anybody.get("/tip").await.status(), StatusCode::OK);
    let intake = anybody.read("/api/tip").await;
    assert_eq!(intake["ready"], true);
    assert!(intake["communes"].as_array().unwrap().len() > 30, "{intake}");
    let body = || json!({"text": "có người lạ hỏi đường ra mốc", "commune_code": COMMUNE});
    let cross = anybody.ask(Method::POST, "/api/tip").header("sec-fetch-site", "cross-site").json(&body());
    problem(cross.send().await.unwrap(), 403, "forbidden").await;
    for field in ["channel", "scrubbed"] {
        let mut more = body();
        more[field] = "phone".into();
        problem(anybody.post("/api/tip", more).await, 422, "unknown_field").await;
    }
    let response = anybody.post("/api/tip", body()).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.headers().get("set-cookie").is_none());
    let taken = done(response, StatusCode::CREATED).await;
    let tip = room.only().await;
    assert_eq!(tip["channel"], "web");
    let read = anybody.post("/api/tip/follow-up", way_back(&taken, &json!({"text": "còn nữa"}))).await;
    assert_eq!(done(read, StatusCode::OK).await["messages"][0]["text"], "còn nữa");
    assert_eq!(room.opened(&tip).await["taken_by"], Value::Null);

    for _ in 0..4 {
        done(anybody.post("/api/tip", body()).await, StatusCode::CREATED).await;
    }
    let refused = anybody.post("/api/tip", body()).await;
    let wait: i64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    problem(refused, 429, "too_many_attempts").await;
    assert_eq!(room.tips().await.len(), 5);
    done(room.server.anybody().at_address(51).post("/api/tip", body()).await, StatusCode::CREATED).await;
    room.take(told()).await;
    clock.forward(wait);
    done(anybody.post("/api/tip", body()).await, StatusCode::CREATED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_is_taken_in_and_another_key_leaves_the_older_tips_to_its_holders() {
    let server = Server::with_public_tips(Arc::new(SystemClock)).await;
    let anybody = server.anybody();
    assert_eq!(anybody.read("/api/tip").await["ready"], false);
    problem(anybody.post("/api/tip", json!({"text": "có người lạ"})).await, 409, "tips_not_set_up").await;
    let room = Room::open(server).await;
    room.take(told()).await;
    let old = room.only().await;
    let first = room.officer.read("/api/tip").await["fingerprint"].clone();
    let store = room.server.tips();
    let next = |replace| store.make_key(&[("thu".to_owned(), DEPUTYS.to_owned())], replace);
    assert!(next(false).is_err());
    next(true).unwrap();
    assert_ne!(room.officer.read("/api/tip").await["fingerprint"], first);
    assert_eq!(room.handler.read("/api/tips").await["holds_key"], false);
    assert_eq!(room.opened(&old).await["name"], "Giàng A Páo");
    room.take(json!({"text": "tin mới"})).await;
    let new = room.tips().await.into_iter().find(|tip| tip["id"] != old["id"]).unwrap();
    let asked = room.ask_to_open(&room.handler, &new).await;
    done(room.agree(&room.commander, &asked).await, StatusCode::OK).await;
    problem(room.unseal(&room.handler, &new, PASSPHRASE).await, 422, "wrong_passphrase").await;
}

/// Sends a tip under a key.
async fn send(caller: &Caller, key: &str, body: &Value) -> Response {
    caller.ask(Method::POST, "/api/tip").header("idempotency-key", key).json(body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tip_that_is_sent_again_is_one_tip_with_one_way_back() {
    let room = Room::open(Server::with_public_tips(Arc::new(SystemClock)).await).await;
    let anybody = room.server.anybody().at_address(60);
    let (key, other) = ("0192f0c1-0000-7000-8000-0000000000a1", "0192f0c1-0000-7000-8000-0000000000a2");
    let web = json!({"text": "có người lạ hỏi đường ra mốc", "commune_code": COMMUNE});
    for (caller, key, body) in [(&room.officer, key, told()), (&anybody, other, web.clone())] {
        let before = room.tips().await.len();
        let first = done(send(caller, key, &body).await, StatusCode::CREATED).await;
        // At once too, as a page does that gave up waiting.
        let (one, two) = tokio::join!(send(caller, key, &body), send(caller, key, &body));
        for again in [one, two] {
            assert_eq!(done(again, StatusCode::CREATED).await, first, "the same way back");
        }
        assert_eq!(room.tips().await.len(), before + 1);
        done(caller.post("/api/tip/follow-up", way_back(&first, &json!({}))).await, StatusCode::OK).await;
        let mut changed = body.clone();
        changed["text"] = "một tin khác hẳn".into();
        problem(send(caller, key, &changed).await, 422, "idempotency_mismatch").await;
        assert_eq!(room.tips().await.len(), before + 1, "nothing was kept of it");
    }
    problem(send(&anybody, key, &told()).await, 422, "unknown_field").await;
    problem(send(&anybody, key, &web).await, 422, "idempotency_mismatch").await;
    problem(send(&room.handler, key, &told()).await, 422, "idempotency_mismatch").await;
    problem(send(&anybody, "không phải UUID", &web).await, 400, "invalid_idempotency_key").await;
    // A repeated tip does not count among those that make the public wait.
    for _ in 0..8 {
        done(send(&anybody, other, &web).await, StatusCode::CREATED).await;
    }
    assert_eq!(room.tips().await.len(), 2);

    // Two that come in at the same moment under a new key.
    let new = "0192f0c1-0000-7000-8000-0000000000a3";
    let (one, two) = tokio::join!(send(&room.officer, new, &web), send(&room.officer, new, &web));
    assert_eq!(done(one, StatusCode::CREATED).await, done(two, StatusCode::CREATED).await);
    assert_eq!(room.tips().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_remembered_for_thirty_days() {
    let clock = Arc::new(MovedClock::default());
    let room = Room::open(Server::with_accounts(Arc::<MovedClock>::clone(&clock)).await).await;
    let key = "0192f0c1-0000-7000-8000-0000000000b1";
    let body = json!({"text": "xe lạ đỗ cạnh mốc"});
    let first = done(send(&room.officer, key, &body).await, StatusCode::CREATED).await;
    let rows = || -> i64 {
        let conn = rusqlite::Connection::open(room.server.folder().join("tips.db")).unwrap();
        conn.query_row("SELECT count(*) FROM intakes", [], |row| row.get(0)).unwrap()
    };
    clock.forward(29 * 86_400);
    let officer = room.server.anybody().sign_in("truc", PASSWORD).await;
    assert_eq!(done(send(&officer, key, &body).await, StatusCode::CREATED).await, first);
    clock.forward(3 * 86_400);
    let officer = room.server.anybody().sign_in("truc", PASSWORD).await;
    done(send(&officer, "0192f0c1-0000-7000-8000-0000000000b2", &body).await, StatusCode::CREATED).await;
    assert_eq!(rows(), 1, "the older one is forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_is_erased_and_the_count_stays() {
    let room = room().await;
    let taken = room.take(told()).await;
    let tip = room.only().await;
    let tip = done(room.change(&tip, json!({"state": "dismissed"})).await, StatusCode::OK).await;
    let (today, store) = (Coarse::of(SystemClock.now()), room.server.tips());
    let after = |days: i64| SystemClock.now().plus_s(days * 86_400);
    let apply = |days: i64, how: Retention| store.retain(TIP_RETENTION, after(days), how).unwrap();
    let none = RetainedTips { tips: 0, boxes: 0 };
    assert_eq!(apply(334, Retention::Erase), none, "its time is not over yet");
    let due = RetainedTips { tips: 1, boxes: 1 };
    assert_eq!(apply(400, Retention::Count), due);
    assert_eq!(apply(400, Retention::Erase), due, "counting erased nothing");
    assert_eq!(apply(400, Retention::Erase), none, "once");
    let asked = room.ask_to_open(&room.handler, &tip).await;
    done(room.agree(&room.commander, &asked).await, StatusCode::OK).await;
    problem(room.unseal(&room.handler, &tip, PASSPHRASE).await, 404, "not_found").await;
    problem(room.officer.post("/api/tip/follow-up", way_back(&taken, &json!({}))).await, 422, "wrong_passphrase").await;
    let answer = format!("/api/tips/{}/answers", tip["id"].as_str().unwrap());
    problem(room.handler.post(&answer, json!({"text": "còn đó không"})).await, 404, "not_found").await;
    let figures = room.handler.read(&format!("/api/tips/figures?from={0}&to={0}", today.on)).await;
    assert_eq!((&figures["total"], &figures["valid"]), (&json!(1), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_of_tips_counts_in_the_report_and_tells_of_no_single_one() {
    let mut server = Server::demo().await;
    let (officer, handler) = (server.actor("duty_officer"), server.actor("tip_handler"));
    for text in ["xe lạ đỗ cạnh mốc", "có người gác đường mòn", "tin tháng này"] {
        done(officer.post("/api/tip", json!({"text": text, "commune_code": COMMUNE})).await, StatusCode::CREATED).await;
    }
    let tips = handler.read("/api/tips").await["tips"].clone();
    let passed = &tips[0];
    let path = format!("/api/tips/{}", passed["id"].as_str().unwrap());
    let version = passed["version"].as_u64().unwrap();
    let passed_on = handler.write(Method::PATCH, &path, version, json!({"state": "passed_on"})).await;
    done(passed_on, StatusCode::OK).await;
    let today = Coarse::of(SystemClock.now()).on;
    let before = today.first_of_month().yesterday().unwrap();
    let quarter = Quarter::of(Coarse { on: before, half: None }.begins_at());
    let report = format!("/api/reports/{}Q{}", quarter.year(), quarter.number());
    let figure = |report: &Value, id: &str| {
        let figures = report["figures"].as_array().unwrap();
        figures.iter().find(|one| one["id"] == id).unwrap()["value"].as_i64().unwrap()
    };
    let told = officer.read(&report).await;
    let (count, valid) = (figure(&told, "tips"), figure(&told, "tips_valid"));

    server.stop().await;
    let conn = rusqlite::Connection::open(server.folder().join("tips.db")).unwrap();
    let of_old = "UPDATE tips SET received_on = ?1 WHERE id IN (?2, ?3)";
    let id = |at: usize| tips[at]["id"].as_str().unwrap().to_owned();
    assert_eq!(conn.execute(of_old, (before.to_string(), id(0), id(1))).unwrap(), 2);
    drop(conn);
    for start in ["the first", "another"] {
        server.restart_demo().await;
        let officer = server.actor("duty_officer");
        let of_tips = async || {
            let page = officer.read("/api/collections/tallies/items?limit=1000").await;
            let tallies = page["features"].as_array().unwrap().clone();
            tallies.into_iter().find(|one| one["properties"]["source"] == "kho tin báo")
        };
        let begun = Instant::now();
        let tally = loop {
            match of_tips().await {
                Some(tally) => break tally,
                None => assert!(begun.elapsed() < Duration::from_secs(60), "told within a minute of a start"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let of = |name: &str| tally["properties"][name].clone();
        assert_eq!(
            (of("counted"), of("count"), of("valid")),
            (json!("tips"), json!(2), json!(1)),
            "after {start} start"
        );
        for gone in ["commune_code", "channel", "topic", "place_text"] {
            assert_eq!(of(gone), Value::Null, "{gone} would tell one from another");
        }
        assert_eq!(of("version"), json!(1), "said once");
        let told = officer.read(&report).await;
        assert_eq!(
            (figure(&told, "tips"), figure(&told, "tips_valid")),
            (count + 2, valid + 1),
            "this month is not over"
        );
        server.stop().await;
    }
}
