//! What nobody finds: informants in the data folder, tips on the routes of others, a way back from an incident.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::desk::SystemClock;

use crate::http_support::{Caller, Server, done, problem};
use crate::tips_support::{COMMUNE, PASSPHRASE, Room, way_back};

const INFORMANTS: usize = 50;

/// All bytes of all files of a folder.
fn bytes_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else {
                all.push((entry.path().display().to_string(), std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    all
}

/// Stands in everything that a marked informant says.
const MARK: &str = "Xq7MARK";

fn holds(bytes: &[u8], text: &str) -> bool {
    // Bytes that are no text stay between the texts, and break none.
    String::from_utf8_lossy(bytes).contains(text)
}

/// Which of `texts` stands in which file, or in the database: as it is, in wide letters, or in hexadecimal digits.
fn found(server: &Server, texts: &[&str]) -> Vec<String> {
    let mut files = bytes_of(server.folder());
    files.extend([("records".to_owned(), server.records().bytes()), ("shared".to_owned(), server.shared())]);
    assert!(files.iter().any(|(name, bytes)| name.contains("tips.db") && !bytes.is_empty()));
    let hexadecimal = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut found = Vec::new();
    for (name, bytes) in &files {
        let plain = String::from_utf8_lossy(bytes);
        let narrowed: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
        let narrowed = String::from_utf8_lossy(&narrowed);
        for text in texts {
            if plain.contains(text) || narrowed.contains(text) || plain.contains(&hexadecimal(text)) {
                found.push(format!("{text} in {name}"));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_the_data_folder_tells_of_fifty_informants() {
    let room = Room::open(Server::with_public_tips(Arc::new(SystemClock)).await).await;
    let mut secrets: BTreeSet<String> = [PASSPHRASE.to_owned()].into();
    for n in 0..INFORMANTS {
        let mark = |what: &str| format!("{MARK}{what}{n:03}");
        let body = json!({
            "text": format!("tôi thấy {}", mark("TEXT")), "name": mark("NAME"), "phone": mark("PHONE"),
            "reach": mark("REACH"), "commune_code": COMMUNE, "scrubbed": "có người qua suối",
        });
        let sent =
            room.officer.ask(Method::POST, "/api/tip").header("idempotency-key", uuid::Uuid::now_v7().to_string());
        let taken = done(sent.json(&body).send().await.unwrap(), StatusCode::CREATED).await;
        let call = way_back(&taken, &json!({"text": mark("AGAIN")}));
        done(room.officer.post("/api/tip/follow-up", call).await, StatusCode::OK).await;
        secrets.extend(["code", "passphrase"].map(|name| taken[name].as_str().unwrap().to_owned()));
        secrets.insert(taken["code"].as_str().unwrap().replace('-', ""));
    }
    let tip = room.tips().await[7].clone();
    let answer = format!("/api/tips/{}/answers", tip["id"].as_str().unwrap());
    room.handler.post(&answer, json!({"text": format!("{MARK}ANSWER")})).await;
    let opened = room.opened(&tip).await;
    for field in ["name", "phone", "reach", "text"] {
        assert!(opened[field].as_str().unwrap().contains(MARK), "it is all there, with the key: {opened}");
    }
    assert_eq!(opened["messages"].as_array().unwrap().len(), 2);
    assert_eq!(secrets.len(), 1 + INFORMANTS * 3);
    let sought: Vec<&str> = secrets.iter().map(String::as_str).chain([MARK]).collect();
    assert_eq!(found(&room.server, &sought), Vec::<String>::new());
    assert!(!found(&room.server, &["có người qua suối"]).is_empty(), "the search finds what is not sealed");

    // What whoever opens the file with another program sees.
    let file = room.server.folder().join("tips.db");
    let dump = Command::new("sqlite3").arg(&file).arg(".dump").output().expect("sqlite3 is installed");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let dump = String::from_utf8(dump.stdout).unwrap();
    assert!(dump.contains("INSERT INTO sealed"));
    for text in sought {
        assert!(!dump.contains(text), "{text}");
    }
}

/// Every route of tips with a call that would work for a handler.
fn handlers_routes(id: &str) -> Vec<(Method, String, Value)> {
    vec![
        (Method::GET, "/api/tips".to_owned(), Value::Null),
        (Method::PATCH, format!("/api/tips/{id}"), json!({"reliability": "A"})),
        (Method::POST, format!("/api/tips/{id}/answers"), json!({"text": "chào"})),
        (Method::POST, format!("/api/tips/{id}/promote"), json!({})),
        (Method::POST, format!("/api/tips/{id}/unsealings"), json!({"reason": "một lý do"})),
        (Method::POST, format!("/api/tips/{id}/unseal"), json!({"passphrase": PASSPHRASE})),
    ]
}

async fn refuses_all(caller: &Caller, routes: Vec<(Method, String, Value)>) {
    for (method, path, body) in routes {
        let call = caller.ask(method.clone(), &path).header("if-match", "\"1\"");
        let call = if method == Method::GET { call } else { call.json(&body) };
        problem(call.send().await.unwrap(), 403, "forbidden").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_role_but_the_handlers_comes_to_a_tip_by_any_route() {
    let room = Room::open(Server::with_accounts(Arc::new(SystemClock)).await).await;
    room.take(json!({"text": "MARKTEXT", "name": "MARKNAME", "scrubbed": "MARKSCRUBBED"})).await;
    let tip = room.only().await;
    let id = tip["id"].as_str().unwrap();
    let everybody = ["planner", "field_unit", "local_authority", "observer"];
    let mut others = vec![room.admin.clone(), room.officer.clone(), room.commander.clone()];
    for role in everybody {
        others.push(room.server.account(&room.admin, &format!("a-{role}"), json!({"role": role})).await);
    }
    for caller in &others {
        refuses_all(caller, handlers_routes(id)).await;
    }
    for outsider in [&room.admin, others.last().unwrap()] {
        problem(outsider.get("/api/tips/unsealings").await, 403, "forbidden").await;
        problem(outsider.get("/api/tips/figures?from=2026-01-01&to=2026-12-31").await, 403, "forbidden").await;
        problem(outsider.get("/api/tip").await, 403, "forbidden").await;
        problem(outsider.post("/api/tip", json!({"text": "a"})).await, 403, "forbidden").await;
    }
    // Whoever makes accounts can make a handler, but holds no key.
    let made = room.server.account(&room.admin, "made.by.admin", json!({"role": "tip_handler"})).await;
    let asked = room.ask_to_open(&made, &tip).await;
    done(room.agree(&room.commander, &asked).await, StatusCode::OK).await;
    problem(room.unseal(&made, &tip, PASSPHRASE).await, 422, "wrong_passphrase").await;
    // No door of the picture knows of tips.
    for caller in others.iter().chain([&room.handler]) {
        for path in [
            "/api",
            "/api/collections",
            "/api/session",
            "/api/search?q=MARKSCRUBBED",
            "/api/search?q=MARKNAME",
            "/api/nearby?lon=103.2&lat=22.4&radius_m=500000",
            "/api/collections/incidents/items",
            "/api/collections/duty_log/items",
            "/metrics",
            "/tiles/incidents/6/50/28",
        ] {
            let text = caller.get(path).await.text().await.unwrap();
            assert!(!text.contains("MARK") || path.contains("MARK") && !text.contains("\"title\""), "{path}: {text}");
        }
        problem(caller.get("/api/collections/tips/items").await, 404, "unknown_collection").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_accounts_has_no_back_door_to_tips() {
    let server = Server::real().await;
    let whoever = server.anybody();
    refuses_all(&whoever, handlers_routes("00000000-0000-4000-8000-000000000000")).await;
    problem(whoever.get("/api/tips/unsealings").await, 403, "forbidden").await;
}

/// Whatever of an incident or the journal could name a tip.
async fn all_that_is_read(room: &Room) -> String {
    let mut text = String::new();
    for path in [
        "/api/collections/incidents/items",
        "/api/collections/duty_log/items",
        "/api/search?q=suối",
        "/api/similar?kind=smuggling&commune_code=03433",
    ] {
        text += &room.officer.get(path).await.text().await.unwrap();
    }
    let incidents = room.officer.read("/api/collections/incidents/items?channel=tip").await;
    for incident in incidents["features"].as_array().unwrap() {
        let id = incident["id"].as_str().unwrap();
        for path in [format!("/api/incidents/{id}/log"), format!("/api/collections/incidents/items/{id}")] {
            text += &room.officer.get(&path).await.text().await.unwrap();
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_made_of_a_tip_has_no_way_back() {
    let room = Room::open(Server::with_accounts(Arc::new(SystemClock)).await).await;
    let body = json!({"text": "MARKTEXT", "name": "MARKNAME", "commune_code": COMMUNE, "occurred_on": "2026-11-20"});
    let taken = room.take(body).await;
    let tip = room.only().await;
    let opened = room.opened(&tip).await;
    let graded = json!({
        "reliability": "C", "credibility": 3, "state": "assessed", "kind": "smuggling", "scrubbed": "vác hàng qua suối",
    });
    let tip = done(room.change(&tip, graded).await, StatusCode::OK).await;
    // With a key, as our pages send it: the journal keeps a hash of what was asked.
    let path = format!("/api/tips/{}/promote", tip["id"].as_str().unwrap());
    let key = "0192f0c1-0000-7000-8000-00000000abcd";
    let call = room.handler.ask(Method::POST, &path).header("if-match", format!("\"{}\"", tip["version"]));
    let promoted = call.header("idempotency-key", key).json(&json!({})).send().await.unwrap();
    done(promoted, StatusCode::OK).await;

    let marks: Vec<String> = [&tip["id"], &taken["code"], &taken["passphrase"], &opened["received_at"]]
        .map(|value| value.as_str().unwrap().to_owned())
        .into_iter()
        .chain(["MARKTEXT", "MARKNAME"].map(str::to_owned))
        .collect();
    let read = all_that_is_read(&room).await;
    assert!(read.contains("vác hàng qua suối"));
    let journal: Vec<u8> = bytes_of(room.server.folder())
        .into_iter()
        .filter(|(name, _)| !name.contains("tips.db") && !name.contains("audit.db"))
        .flat_map(|(_, bytes)| bytes)
        .chain(room.server.records().bytes())
        .collect();
    assert!(holds(&journal, "vác hàng qua suối"));
    let bare = tip["id"].as_str().unwrap().replace('-', "");
    for mark in marks.iter().chain([&bare]) {
        assert!(!read.contains(mark) && !holds(&journal, mark), "{mark}");
    }
    let key_bytes = uuid::Uuid::parse_str(key).unwrap().into_bytes();
    assert!(!holds(&journal, key) && !journal.windows(16).any(|window| window == key_bytes), "nor the call's key");

    // The audit tells who opened which tip, and not what became of it.
    room.server.audit.flush().unwrap();
    let incident = room.officer.read("/api/collections/incidents/items?channel=tip").await["features"][0].clone();
    let audit = Command::new("sqlite3").arg(room.server.folder().join("audit.db")).arg(".dump").output().unwrap();
    let audit = String::from_utf8(audit.stdout).unwrap();
    let incident_id = incident["id"].as_str().unwrap();
    assert!(audit.contains(&bare) && !audit.contains("vác hàng"), "{audit}");
    for line in audit.lines().filter(|line| line.contains(tip["id"].as_str().unwrap()) || line.contains(&bare)) {
        assert!(!line.contains(incident_id) && !line.contains(&incident_id.replace('-', "")), "{line}");
    }

    // From the other side: what the tip keeps in clear is in no incident.
    let file = room.server.folder().join("tips.db");
    let dump = Command::new("sqlite3").arg(&file).arg(".dump").output().expect("sqlite3 is installed");
    let dump = String::from_utf8(dump.stdout).unwrap();
    for shared in ["vác hàng qua suối", COMMUNE, "2026-11-20", incident["id"].as_str().unwrap()] {
        assert!(!dump.contains(&format!("'{shared}")), "{shared}");
    }
    assert!(!dump.contains(incident["properties"]["code"].as_str().unwrap()));
    assert!(!dump.contains("INSERT INTO unsealings"), "nor when it was opened");
    assert_eq!(room.opened(&room.only().await).await["name"], "MARKNAME", "the sealed part stays for its holders");
}
