//! The server under strace and on a full disk: what it answers is on the disk before, and what is not is told.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http_support::{Caller, client, done, id, problem};
use crate::serve_support::{Process, check_folder, launch, ready, serve_anywhere, stop};
use crate::store_support::{Folder, SmallDisk};

/// Writes that are answered under strace.
const TRACED: usize = 40;
/// Size of the disk that is filled, and what is left on it, MiB.
const DISK_MIB: u32 = 48;
const LEFT_MIB: u64 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_to_a_write_leaves_after_the_fdatasync_of_its_commit() {
    let folder = Folder::new();
    let trace = folder.path().join("trace");
    let calls = "trace=fdatasync,pwrite64,write,writev,sendto,sendmsg";
    // -D: the server is our child and strace beside it, so that it is stopped as any other.
    let strace = ["-D", "-f", "-y", "-s", "32", "-e", calls, "-o", trace.to_str().unwrap()];
    let tried = Command::new("strace").args(strace).arg("true").stderr(Stdio::null()).status();
    if !tried.as_ref().is_ok_and(|status| status.success()) {
        println!("SKIPPED: strace is not installed or not allowed: {tried:?}");
        return;
    }
    let server = serve_anywhere(&["--no-accounts"], &folder.path().join("data"));
    let mut traced = Command::new("strace");
    traced.args(strace).arg(server.get_program()).args(server.get_args());
    traced.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = launch(traced);
    ready(&process).await;
    let admin = caller(&process);
    let unit = done(admin.post("/api/collections/units/items", unit()).await, StatusCode::CREATED).await;
    // The one answer of its kind: what follows it are answers to writes, one after the other.
    problem(admin.get("/api/nowhere").await, 404, "not_found").await;
    for number in 0..TRACED {
        let answer = match number % 4 {
            0 => admin.post("/api/incidents", report()).await,
            1 => admin.post("/api/collections/duty_log/items", json!({"properties": {"text": "gọi lại"}})).await,
            2 => {
                let status = ["on_patrol", "returning"][number / 4 % 2];
                admin.post(&format!("/api/units/{}/status", id(&unit)), json!({"status": status})).await
            }
            _ => admin.post("/api/fixes", fixes(id(&unit))).await,
        };
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.bytes().await.unwrap();
    }
    stop(&mut process);
    let events = events(&whole_trace(&trace, process.child.id()));
    let (mut written, mut durable, mut answered, mut marked) = (false, false, 0, false);
    for event in events {
        match event {
            Event::Marked => marked = true,
            Event::LogWritten => (written, durable) = (true, false),
            Event::LogSynced => durable = written,
            Event::Answered if marked && answered < TRACED => {
                assert!(durable, "answer {answered} left before its commit was synced");
                (written, durable) = (false, false);
                answered += 1;
            }
            Event::Answered => {}
        }
    }
    assert_eq!(answered, TRACED);
}

fn caller(process: &Process) -> Caller {
    Caller::new(&process.base, client())
}

fn unit() -> Value {
    json!({"geometry": {"type": "Point", "coordinates": [103.2, 22.4]},
           "properties": {"name": "Tổ 1", "force": "police", "kind": "mobile_team"}})
}

fn report() -> Value {
    json!({"kind": "landslide", "place": {"lon": 103.2, "lat": 22.4}})
}

fn fixes(unit: &str) -> Value {
    let at = jiff::Timestamp::now().to_string();
    json!({"fixes": [{"unit_id": unit, "lon": 103.21, "lat": 22.41, "at": at}]})
}

/// The lines of the trace, once strace has seen the server end.
fn whole_trace(trace: &Path, server: u32) -> Vec<String> {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let text = std::fs::read_to_string(trace).unwrap();
        let ended = |line: &str| {
            line.split_once(' ').is_some_and(|(pid, rest)| pid == server.to_string() && rest.trim().starts_with("+++"))
        };
        if text.lines().any(ended) {
            return text.lines().map(str::to_owned).collect();
        }
        assert!(Instant::now() < patience, "strace never saw the server end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a traced call says of the order of things.
#[derive(Debug, PartialEq)]
enum Event {
    /// Bytes went into the write-ahead log.
    LogWritten,
    /// The log reached the disk.
    LogSynced,
    /// A good answer left.
    Answered,
    /// The answer that the test asked for as a mark left.
    Marked,
}

/// Events in the order in which they happened; a sync counts when it has returned, all else when it was called.
fn events(lines: &[String]) -> Vec<Event> {
    let mut syncing: Vec<&str> = Vec::new();
    let mut events = Vec::new();
    for line in lines {
        let (thread, call) = line.split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        if call.starts_with("fdatasync(") && call.contains("-wal>") {
            match call.ends_with("<unfinished ...>") {
                true => syncing.push(thread),
                false => events.extend(call.ends_with("= 0").then_some(Event::LogSynced)),
            }
        } else if call.starts_with("<... fdatasync resumed>") && syncing.contains(&thread) {
            syncing.retain(|other| *other != thread);
            events.extend(call.ends_with("= 0").then_some(Event::LogSynced));
        } else if call.starts_with("pwrite64(") && call.contains("-wal>") {
            events.push(Event::LogWritten);
        } else if call.contains("\"HTTP/1.1 20") {
            events.push(Event::Answered);
        } else if call.contains("\"HTTP/1.1 404") {
            events.push(Event::Marked);
        }
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_with_its_code_and_nothing_is_half_written_while_reading_goes_on() {
    let folder = Folder::new();
    let Some(disk) = SmallDisk::mounted(folder.path(), DISK_MIB) else { return };
    let data = disk.path().join("data");
    let mut process = launch(serve_anywhere(&["--no-accounts"], &data));
    ready(&process).await;
    let admin = caller(&process);
    let unit = done(admin.post("/api/collections/units/items", unit()).await, StatusCode::CREATED).await;
    let ballast = disk.path().join("ballast");
    fill_disk(&ballast);

    let note = "x".repeat(1_500);
    let house = || {
        json!({"geometry": {"type": "Point", "coordinates": [103.2, 22.4]},
                          "properties": {"member_count": 4, "note": note}})
    };
    let mut taken = 0;
    loop {
        let answer = admin.post("/api/collections/households/items", house()).await;
        if !answer.status().is_success() {
            problem(answer, 507, "disk_full").await;
            break;
        }
        taken += 1;
        assert!(taken < 20_000, "the disk never filled");
    }
    let before = admin.read("/api/session").await["seq"].clone();
    let key = Uuid::now_v7().to_string();
    let keyed = || admin.ask(Method::POST, "/api/incidents").header("idempotency-key", &key).json(&report()).send();
    problem(keyed().await.unwrap(), 507, "disk_full").await;
    problem(admin.post("/api/collections/households/items", house()).await, 507, "disk_full").await;
    problem(admin.post("/api/fixes", fixes(id(&unit))).await, 507, "disk_full").await;
    let status = format!("/api/units/{}/status", id(&unit));
    problem(admin.post(&status, json!({"status": "on_patrol"})).await, 507, "disk_full").await;
    assert_eq!(admin.read("/api/session").await["seq"], before, "a refused call left something behind");
    let households = "/api/collections/households/items?limit=1";
    assert_eq!(admin.read(households).await["numberMatched"], taken, "reading goes on");
    assert_eq!(admin.read("/api/nearby?lon=103.2&lat=22.4&limit=3").await["numberReturned"], 3);
    let shown = admin.read(&format!("/api/collections/units/items/{}", id(&unit))).await;
    assert_eq!((&shown["geometry"], &shown["properties"]), (&unit["geometry"], &unit["properties"]));
    admin.read("/health/ready").await;

    std::fs::remove_file(ballast).unwrap();
    let patience = Instant::now() + Duration::from_secs(30);
    let first = loop {
        let answer = keyed().await.unwrap();
        if answer.status().is_success() {
            break done(answer, StatusCode::CREATED).await;
        }
        problem(answer, 507, "disk_full").await;
        assert!(Instant::now() < patience, "there is room, and no write gets through");
    };
    let again = done(keyed().await.unwrap(), StatusCode::CREATED).await;
    assert_eq!(again["incident"], first["incident"]);
    let log = admin.read(&format!("/api/incidents/{}/log", id(&first["incident"]))).await;
    assert_eq!(log["numberReturned"], 1, "the incident and its entry came together, once");
    assert_eq!(admin.read(households).await["numberMatched"], taken);
    check_folder(&data);
    stop(&mut process);
    check_folder(&data);
}

/// Fills the disk with one file, but for [`LEFT_MIB`].
fn fill_disk(ballast: &Path) {
    let mut file = std::fs::File::create(ballast).unwrap();
    let mut written = 0_u64;
    while std::io::Write::write_all(&mut file, &vec![0; 1 << 20]).is_ok() {
        written += 1;
    }
    file.set_len((written - LEFT_MIB) << 20).unwrap();
}
