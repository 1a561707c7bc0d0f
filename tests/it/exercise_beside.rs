//! A night of real work is played twice by a clock that stands between its steps: alone, and with an exercise beside it
//! that does the same sort of things with the same units, gauges and households. What is real is the same byte for byte.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;
use trucban::http::DEMO_TOKENS_FILE;

use crate::http_support::{Caller, client, done, id};
use crate::serve_support::{Process, launch, ready, serve_anywhere, stop};
use crate::store_support::Folder;

/// Steps of the night.
const STEPS: usize = 9;
/// What is compared beside figures, boards and messages.
const COLLECTIONS: [&str; 13] = [
    "alarms",
    "assignments",
    "deployments",
    "duty_log",
    "exercises",
    "households",
    "incidents",
    "rain_days",
    "risk_levels",
    "risk_zones",
    "units",
    "warnings",
    "zone_visits",
];
/// Longest wait for a step to be played, and how long nothing must happen for it to be over.
const STEP_WAIT: Duration = Duration::from_secs(120);
const QUIET: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(200);

/// A server that plays the night.
struct Night {
    process: Process,
    tokens: Value,
    _folder: Folder,
}

impl Night {
    async fn begin() -> Self {
        let folder = Folder::new();
        let mut command = serve_anywhere(&["--demo", "--replay", "--replay-still"], folder.path());
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let process = launch(command);
        ready(&process).await;
        let tokens = serde_json::from_slice(&std::fs::read(folder.path().join(DEMO_TOKENS_FILE)).unwrap()).unwrap();
        Self { process, tokens, _folder: folder }
    }

    fn actor(&self, name: &str) -> Caller {
        Caller::new(&self.process.base, client()).with_token(self.tokens[name].as_str().unwrap())
    }

    /// Waits until the step is played and nothing more follows from it.
    async fn rest_after(&self, step: usize) {
        let admin = self.actor("admin");
        let wait = async {
            loop {
                let log = admin.read("/api/collections/duty_log/items?limit=10000").await;
                let played = |entry: &&Value| {
                    entry["properties"]["text"].as_str().is_some_and(|text| text.starts_with("Diễn lại: "))
                };
                if log["features"].as_array().unwrap().iter().filter(played).count() >= step {
                    break;
                }
                sleep(LOOK).await;
            }
            let (mut seq, mut quiet) = (Value::Null, Duration::ZERO);
            while quiet < QUIET {
                let now = admin.read("/api/session").await["seq"].clone();
                quiet = if now == seq { quiet + LOOK } else { Duration::ZERO };
                seq = now;
                sleep(LOOK).await;
            }
        };
        tokio::time::timeout(STEP_WAIT, wait).await.expect("the step is played");
    }

    fn next(&mut self) {
        writeln!(self.process.child.stdin.as_mut().unwrap()).unwrap();
    }

    /// All that is real.
    async fn dump(&self) -> Vec<String> {
        let (admin, officer) = (self.actor("admin"), self.actor("duty_officer"));
        let mut lines = Vec::new();
        let mut add = |what: &str, value: &Value| lines.push(format!("{what}: {value}"));
        let mut report = admin.read("/api/reports/2025Q2").await;
        report["seq"].take();
        add("report", &report);
        let mut board = officer.read("/api/inside").await;
        board["seq"].take();
        add("board", &board);
        let mut messages = Vec::new();
        for collection in COLLECTIONS {
            let page = admin.read(&format!("/api/collections/{collection}/items?limit=10000&ended=true")).await;
            for feature in page["features"].as_array().unwrap() {
                add(collection, feature);
                if collection == "warnings" {
                    messages.push(id(feature).to_owned());
                }
            }
        }
        for message in messages {
            let cap = admin.ask(Method::GET, &format!("/api/warnings/{message}/cap")).send().await.unwrap();
            add("message", &Value::from(cap.text().await.unwrap()));
        }
        lines
    }
}

/// The UUIDs of a text with their places.
fn ids(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_id = |part: &str| uuid::Uuid::try_parse(part).is_ok() && part.as_bytes()[8] == b'-';
    (0..text.len().saturating_sub(35)).filter_map(move |from| {
        let part = text.get(from..from + 36)?;
        is_id(part).then_some((from, part))
    })
}

/// The lines in order, without the ids that one of the two runs alone has: what is shipped has the same ids everywhere,
/// what is made has ids of its time.
fn comparable(lines: &[String], shared: &BTreeSet<String>) -> Vec<String> {
    let hide = |line: &String| {
        let (mut hidden, mut end) = (String::with_capacity(line.len()), 0);
        for (from, id) in ids(line) {
            hidden.push_str(&line[end..from]);
            hidden.push_str(if shared.contains(id) { id } else { "(new)" });
            end = from + 36;
        }
        hidden + &line[end..]
    };
    let mut comparable: Vec<String> = lines.iter().map(hide).collect();
    comparable.sort();
    comparable
}

fn all_ids(dumps: &[Vec<String>]) -> BTreeSet<String> {
    dumps.iter().flatten().flat_map(|line| ids(line).map(|(_, id)| id.to_owned()).collect::<Vec<_>>()).collect()
}

/// What people rehearse between two steps, with what is real as far as names go.
async fn rehearse(night: &Night, step: usize, prefix: &str) {
    let (officer, planner) = (night.actor("duty_officer"), night.actor("planner"));
    let at = |path: &str| format!("{prefix}{path}");
    let report = json!({"kind": "landslide", "severity": 4, "place": {"lon": 102.86, "lat": 22.36}, "dead": step});
    let incident = done(officer.post(&at("/api/incidents"), report).await, StatusCode::CREATED).await;
    let code = incident["incident"]["properties"]["code"].as_str().or(incident["properties"]["code"].as_str());
    assert!(code.is_some_and(|code| code.starts_with("DT-")), "{incident}");
    let incident = incident.get("incident").unwrap_or(&incident).clone();
    let units = officer.read(&at("/api/collections/units/items?status=available&limit=1")).await;
    if let Some(unit) = units["features"].as_array().unwrap().first() {
        let path = at(&format!("/api/incidents/{}/assignments", id(&incident)));
        let version = officer.read(&at(&format!("/api/collections/incidents/items/{}", id(&incident)))).await;
        let order = officer
            .ask(Method::POST, &path)
            .header("If-Match", format!("\"{}\"", version["properties"]["version"]))
            .json(&json!({"unit_id": id(unit)}));
        assert!(order.send().await.unwrap().status().is_success());
    }
    let houses = officer.read(&at("/api/collections/households/items?limit=1")).await;
    let path = at(&format!("/api/households/{}/evacuation", id(&houses["features"][0])));
    let told =
        officer.post(&path, json!({"state": "notified", "channel": "phone", "source": "phone", "told_by": "x"})).await;
    assert!(told.status().is_success(), "{}", told.text().await.unwrap());
    let rain = json!({"readings": [{"station": "MH-03601", "to": "2025-06-07T04:00:00Z", "minutes": 60, "mm": 90.0 + step as f64}]});
    let rain = planner.post(&at("/api/rain"), rain).await;
    assert!(rain.status().is_success(), "{}", rain.text().await.unwrap());
}

/// Plays the night; what was real after each step.
async fn play(with_exercise: bool) -> Vec<Vec<String>> {
    let (mut night, mut dumps) = (Night::begin().await, Vec::new());
    let mut prefix = None;
    for step in 1..=STEPS {
        night.rest_after(step).await;
        if with_exercise && prefix.is_none() {
            let call = json!({
                "title": "Diễn tập cạnh việc thật",
                "objectives": ["Xác minh trong 10 phút"],
                "injects": [
                    {"after_s": 0, "title": "sạt lở", "report": {"kind": "landslide", "lon": 102.86, "lat": 22.36}},
                    {"after_s": 0, "title": "mưa", "rain": {"gauge": "MH-03405", "mm": 120.0, "minutes": 60}},
                    {"after_s": 7200, "title": "lũ quét", "report": {"kind": "flash_flood", "lon": 102.9, "lat": 22.3}},
                ],
            });
            let begun = done(night.actor("planner").post("/api/exercises", call).await, StatusCode::CREATED);
            prefix = Some(begun.await["path"].as_str().unwrap().to_owned());
        }
        if let Some(prefix) = &prefix {
            rehearse(&night, step, prefix).await;
            sleep(QUIET).await;
        }
        dumps.push(night.dump().await);
        if step < STEPS {
            night.next();
        }
    }
    if let Some(prefix) = &prefix {
        // It did happen, in its own room, and by the same clock.
        let admin = night.actor("admin");
        let held = admin.read(&format!("{prefix}/api/collections/incidents/items?limit=1000")).await;
        assert!(held["features"].as_array().unwrap().len() >= STEPS + 2, "{held}");
        let sheet = admin.read(&format!("{prefix}/api/exercise")).await;
        assert_eq!(sheet["injects"].as_array().unwrap().len(), 3, "{sheet}");
        let report = admin.read(&format!("{prefix}/api/reports/2025Q2")).await;
        let dead = report["figures"].as_array().unwrap().iter().find(|figure| figure["id"] == "dead").unwrap();
        assert_eq!(dead["value"], (1..=STEPS).sum::<usize>(), "its own figures count it");
    }
    drop(night.process.child.stdin.take());
    stop(&mut night.process);
    dumps
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exercise_beside_real_work_leaves_all_that_is_real_as_it_would_be_without_it() {
    let (alone, beside) = tokio::join!(play(false), play(true));
    assert_eq!(alone.len(), STEPS);
    let shared = &all_ids(&alone) & &all_ids(&beside);
    let comparable = |dumps: Vec<Vec<String>>| -> Vec<Vec<String>> {
        dumps.iter().map(|lines| comparable(lines, &shared)).collect()
    };
    let (alone, beside) = (comparable(alone), comparable(beside));
    for (step, (alone, beside)) in alone.iter().zip(&beside).enumerate() {
        let differs: Vec<_> = alone.iter().zip(beside).filter(|(a, b)| a != b).take(3).collect();
        assert!(differs.is_empty(), "after step {}: {differs:#?}", step + 1);
        assert_eq!(alone.len(), beside.len(), "after step {}", step + 1);
    }
    let compared: usize = alone.iter().map(Vec::len).sum();
    let alarms = alone[STEPS - 1].iter().filter(|line| line.starts_with("alarms:")).count();
    let messages = alone[STEPS - 1].iter().filter(|line| line.starts_with("message:")).count();
    println!("{compared} lines compared over {STEPS} steps; {alarms} alarms and {messages} messages in the end");
    assert!(messages >= 1 && alarms >= 1 && compared > 1_000, "there was something to compare");
}
