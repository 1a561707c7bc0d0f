//! Writers of a duty room over HTTP, each on a connection of its own with work of its own, and what each was told.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use trucban::domain::{Collection, Timestamp};
use uuid::Uuid;

use crate::http_support::{client, id, version};
use crate::soak_support::Dice;

/// Units of whose fixes one call brings one each.
const FIXES: usize = 25;
/// Fixes of each unit that a phone sends at once after a time without a link.
const FIXES_KEPT: i64 = 20;
/// Between two tries of a call that was not answered well.
const AGAIN_PAUSE: Duration = Duration::from_millis(50);

/// A write with its key. Sent again it is the same to the last byte.
#[derive(Clone, Debug)]
pub struct Call {
    pub key: Uuid,
    method: Method,
    path: String,
    if_match: Option<u64>,
    body: Value,
    /// Where it must have left a change; a call that did so in some of them alone is half-applied. Empty for fixes.
    pub writes: &'static [Collection],
}

/// A call and what was answered.
pub struct Told {
    pub call: Call,
    pub status: StatusCode,
    pub answer: Value,
}

impl Told {
    /// Ids and versions of the records that the answer shows.
    pub fn records(&self) -> Vec<(&str, u64)> {
        let shown = |name: &str| self.answer.get(name).filter(|member| member["properties"].is_object());
        let several: Vec<&Value> = ["incident", "unit"].into_iter().filter_map(shown).collect();
        let all = if self.answer["properties"].is_object() { vec![&self.answer] } else { several };
        all.into_iter().map(|feature| (id(feature), version(feature))).collect()
    }
}

impl Call {
    fn new(method: Method, path: impl Into<String>, body: Value, writes: &'static [Collection]) -> Self {
        Self { key: Uuid::now_v7(), method, path: path.into(), if_match: None, body, writes }
    }

    fn seen(self, feature: &Value) -> Self {
        Self { if_match: Some(version(feature)), ..self }
    }

    /// Unit and time of the fixes that it brings.
    pub fn fixes(&self) -> Vec<(Uuid, Timestamp)> {
        let parse = |fix: &Value| {
            (fix["unit_id"].as_str().unwrap().parse().unwrap(), Timestamp::parse(fix["at"].as_str().unwrap()).unwrap())
        };
        self.body["fixes"].as_array().into_iter().flatten().map(parse).collect()
    }

    /// A report under the same key that says something else; `None` for other calls.
    pub fn said_otherwise(&self) -> Option<Self> {
        let mut other = self.clone();
        *other.body.get_mut("reporter_phone")? = "0000 khác".into();
        Some(other)
    }
}

/// What a writer does all the time.
enum Work {
    /// Leads one incident after the other from the call to its end, with one unit.
    Incidents { unit: String, incident: Option<String> },
    /// Tells the status of one unit.
    Status { unit: String },
    /// Makes units that stand somewhere.
    Units,
    /// Tells where units are.
    Fixes { units: Vec<String>, last: Timestamp },
    /// Notes, and instructions that are done at once.
    Log { open: Option<String> },
    /// Creates, patches, replaces and ends shelters.
    Shelters { shelter: Option<String> },
}

/// What was met instead of an answer: how often, and how long it took to come at most.
#[derive(Default)]
pub struct Refused(Mutex<BTreeMap<String, (usize, Duration)>>);

impl Refused {
    fn count(&self, code: &str, after: Duration) {
        let mut met = self.0.lock().unwrap();
        let (times, longest) = met.entry(code.to_owned()).or_default();
        *times += 1;
        *longest = after.max(*longest);
    }

    pub fn say(&self) {
        for (code, (times, longest)) in &*self.0.lock().unwrap() {
            println!("met {code} {times} times, after {} ms at most", longest.as_millis());
        }
    }
}

/// Somebody who writes one call after the other and keeps what was answered.
pub struct Writer {
    client: Client,
    dice: Dice,
    work: Work,
    pub told: Vec<Told>,
    /// Sent and not answered: nobody knows whether it happened.
    pub pending: Option<Call>,
    /// The newest change that an answer told of; what is read must hold it, on whatever node.
    seen: u64,
}

/// What became of a call that was sent.
pub struct Sent {
    pub status: StatusCode,
    pub answer: Value,
    seen: Option<u64>,
}

/// Writers of all kinds, nine and more; the units they work with are made first.
pub async fn writers(base: &str, count: usize, dice: &mut Dice) -> Vec<Writer> {
    let mut writers: Vec<Writer> = (0..count).map(|_| Writer::new(dice.split())).collect();
    for (number, writer) in writers.iter_mut().enumerate() {
        let needed = match number % 9 {
            0..=3 => 1,
            5 => FIXES,
            _ => 0,
        };
        let mut units = Vec::new();
        for _ in 0..needed {
            units.push(id(&writer.settle(base, new_unit()).await.answer).to_owned());
        }
        writer.work = match number % 9 {
            0..3 => Work::Incidents { unit: units.remove(0), incident: None },
            3 => Work::Status { unit: units.remove(0) },
            4 => Work::Units,
            5 => Work::Fixes { units, last: now() },
            6 => Work::Log { open: None },
            _ => Work::Shelters { shelter: None },
        };
    }
    writers
}

impl Writer {
    fn new(dice: Dice) -> Self {
        let client = client();
        Self { client, dice, work: Work::Units, told: Vec::new(), pending: None, seen: 0 }
    }

    /// Writes until the connection breaks, which it may do only once `killed` is set.
    pub async fn write_until_killed(&mut self, base: &str, killed: &AtomicBool) {
        let Err(error) = self.write(base).await;
        assert!(killed.load(Ordering::SeqCst), "the connection broke by itself: {error:?}");
    }

    async fn write(&mut self, base: &str) -> reqwest::Result<Infallible> {
        loop {
            let call = self.next(base).await?;
            self.pending = Some(call.clone());
            let sent = self.send(base, &call).await?;
            self.keep(call, sent);
        }
    }

    /// Writes on one node and then on another until told to stop; what is not answered well is sent again, anywhere,
    /// until it is. `refused` hears of every answer that is none.
    pub async fn write_anywhere(&mut self, bases: &[String], stop: &AtomicBool, refused: &Refused) {
        loop {
            let base = &bases[self.dice.below(bases.len() as u64) as usize];
            let call = match self.pending.clone() {
                Some(call) => call,
                None if stop.load(Ordering::SeqCst) => return,
                None => match self.next(base).await {
                    Ok(call) => call,
                    Err(_) => {
                        tokio::time::sleep(AGAIN_PAUSE).await;
                        continue;
                    }
                },
            };
            self.pending = Some(call.clone());
            let asked_at = Instant::now();
            match self.send(base, &call).await {
                Ok(sent) if sent.status.is_success() => {
                    self.keep(call, sent);
                    continue;
                }
                Ok(Sent { status: StatusCode::SERVICE_UNAVAILABLE, answer, .. }) => {
                    refused.count(answer["code"].as_str().unwrap(), asked_at.elapsed());
                }
                Ok(Sent { status, answer, .. }) => panic!("{call:?}: {status} {answer}"),
                Err(_) => refused.count("no answer", asked_at.elapsed()),
            }
            tokio::time::sleep(AGAIN_PAUSE).await;
        }
    }

    /// Sends a call that must be answered well, and keeps the answer.
    pub async fn settle(&mut self, base: &str, call: Call) -> &Told {
        let sent = self.send(base, &call).await.unwrap();
        self.keep(call, sent);
        self.told.last().unwrap()
    }

    fn keep(&mut self, call: Call, Sent { status, answer, seen }: Sent) {
        assert!(status.is_success(), "{call:?}: {status} {answer}");
        let taken = ["accepted", "stale"].iter().filter_map(|figure| answer[figure].as_u64()).sum::<u64>();
        assert_eq!(taken as usize, call.fixes().len(), "{answer}");
        self.pending = None;
        self.seen = self.seen.max(seen.unwrap_or_default());
        self.told.push(Told { call, status, answer });
    }

    /// Sends a call; the whole answer.
    pub async fn send(&self, base: &str, call: &Call) -> reqwest::Result<Sent> {
        let mut request = self.client.request(call.method.clone(), format!("{base}{}", call.path));
        request = request.header("idempotency-key", call.key.to_string()).header("min-seq", self.seen).json(&call.body);
        if let Some(version) = call.if_match {
            request = request.header("if-match", format!("\"{version}\""));
        }
        let response = request.send().await?;
        let seen = response.headers().get("seq").and_then(|seq| seq.to_str().ok()?.parse().ok());
        Ok(Sent { status: response.status(), seen, answer: response.json().await? })
    }

    /// What to write next, after a look at the record it is about.
    async fn next(&mut self, base: &str) -> reqwest::Result<Call> {
        let last = self.told.last().map(|told| told.answer.clone()).unwrap_or_default();
        let chance = self.dice.below(100);
        let client = &self.client;
        Ok(match &mut self.work {
            Work::Units => new_unit(),
            Work::Status { unit } => {
                let status = ["on_patrol", "returning", "available", "resting"][chance as usize % 4];
                let path = format!("/api/units/{unit}/status");
                Call::new(Method::POST, path, json!({"status": status}), &[Collection::Units, Collection::DutyLog])
            }
            Work::Fixes { units, last } => {
                // Now and then what a phone kept while it had no link, so many that the database is given them otherwise.
                let kept = if chance < 20 { FIXES_KEPT } else { 1 };
                *last = now().max(Timestamp::from_ms(last.as_ms() + kept));
                let times = (0..kept).rev().map(|ms| Timestamp::from_ms(last.as_ms() - ms).to_string());
                let fix = |unit: &String, n: usize, at: &str| json!({"unit_id": unit, "lon": 103.0 + 0.01 * n as f64, "lat": 22.3, "at": at});
                let of_all =
                    |at: String| units.iter().enumerate().map(|(n, unit)| fix(unit, n, &at)).collect::<Vec<_>>();
                let fixes: Vec<Value> = times.flat_map(of_all).collect();
                Call::new(Method::POST, "/api/fixes", json!({"fixes": fixes}), &[])
            }
            Work::Log { open } => match open.take() {
                Some(entry) => {
                    let path = format!("/api/duty_log/{entry}/done");
                    Call::new(Method::POST, path, json!({}), &[Collection::DutyLog])
                }
                None => {
                    let entry = Uuid::now_v7().to_string();
                    let kind = if chance < 50 { "note" } else { "instruction" };
                    let properties = json!({"kind": kind, "text": format!("Việc số {chance}"), "owner": "Đồn"});
                    *open = (kind == "instruction").then(|| entry.clone());
                    create("duty_log", json!({"id": entry, "properties": properties}), &[Collection::DutyLog])
                }
            },
            Work::Shelters { shelter } => {
                let Some(known) = shelter.clone() else {
                    let id = Uuid::now_v7().to_string();
                    *shelter = Some(id.clone());
                    return Ok(create("shelters", new_shelter(&id, chance), &[Collection::Shelters]));
                };
                let present = read(client, base, self.seen, "shelters", &known).await?;
                let path = format!("/api/collections/shelters/items/{known}");
                let (method, body) = match chance {
                    0..60 => (Method::PATCH, json!({"properties": {"capacity": chance}})),
                    60..90 => (Method::PUT, new_shelter(&known, chance)),
                    _ => (Method::DELETE, json!({})),
                };
                if method == Method::DELETE {
                    *shelter = None;
                }
                Call::new(method, path, body, &[Collection::Shelters]).seen(&present)
            }
            Work::Incidents { unit, incident } => {
                if last.get("incident").is_some_and(|_| last.get("similar").is_some()) {
                    *incident = Some(id(&last["incident"]).to_owned());
                }
                let (unit, known) = (unit.clone(), incident.clone());
                match known {
                    None => report(chance),
                    Some(known) => next_of(&read(client, base, self.seen, "incidents", &known).await?, &unit, chance),
                }
            }
        })
    }
}

async fn read(client: &Client, base: &str, seen: u64, collection: &str, id: &str) -> reqwest::Result<Value> {
    let path = format!("{base}/api/collections/{collection}/items/{id}");
    client.get(path).header("min-seq", seen).send().await?.error_for_status()?.json().await
}

/// The next step in the life of an incident; after its end, another incident.
fn next_of(incident: &Value, unit: &str, chance: u64) -> Call {
    use Collection::{Assignments, DutyLog, Incidents, Units};
    let path = |verb: &str| format!("/api/incidents/{}/{verb}", id(incident));
    let verb = |name: &str, body| Call::new(Method::POST, path(name), body, &[Incidents, DutyLog]).seen(incident);
    match incident["properties"]["state"].as_str().unwrap() {
        "reported" => verb("verify", json!({})),
        "verified" => {
            let both = &[Incidents, Units, Assignments, DutyLog];
            Call::new(Method::POST, path("assignments"), json!({"unit_id": unit}), both).seen(incident)
        }
        "dispatched" => {
            let path = format!("/api/units/{unit}/status");
            Call::new(Method::POST, path, json!({"status": "on_scene"}), &[Units, Incidents, Assignments, DutyLog])
        }
        "in_progress" if chance < 60 => verb("update", json!({"text": "Đường tắc", "injured": chance})),
        "in_progress" => verb("contain", json!({})),
        "contained" => {
            let both = &[Incidents, Units, DutyLog];
            Call::new(Method::POST, path("close"), json!({"outcome": "resolved"}), both).seen(incident)
        }
        "closed" => report(chance),
        other => panic!("nobody led the incident to {other}"),
    }
}

fn report(chance: u64) -> Call {
    let place = json!({"lon": 102.6 + 0.01 * chance as f64, "lat": 22.3});
    let body = json!({"kind": "landslide", "place": place, "reporter_phone": format!("0000 {chance:03}")});
    Call::new(Method::POST, "/api/incidents", body, &[Collection::Incidents, Collection::DutyLog])
}

fn create(collection: &str, body: Value, writes: &'static [Collection]) -> Call {
    Call::new(Method::POST, format!("/api/collections/{collection}/items"), body, writes)
}

fn new_unit() -> Call {
    let name = Uuid::now_v7().simple().to_string();
    let point = json!({"type": "Point", "coordinates": [103.2, 22.4]});
    let properties = json!({"code": name, "name": name, "force": "police", "kind": "mobile_team"});
    create("units", json!({"geometry": point, "properties": properties}), &[Collection::Units])
}

fn new_shelter(id: &str, chance: u64) -> Value {
    let point = json!({"type": "Point", "coordinates": [103.2, 22.0 + 0.001 * chance as f64]});
    json!({"id": id, "geometry": point, "properties": {"name": "Điểm trường", "capacity": 100 + chance}})
}

fn now() -> Timestamp {
    Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
}
