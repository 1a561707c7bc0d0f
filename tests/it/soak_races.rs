//! Two hundred connections that change one incident and one unit at once, from the same versions: each round one gets
//! in, every other is told what stands there now, and nothing forbidden ever does.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use trucban::domain::Collection;
use trucban::domain::transition::{Verb, leads};
use uuid::Uuid;

use crate::desk_support::sound_history;
use crate::http_support::{Caller, Server, done, id, problem, version};
use crate::soak_support::{Dice, rounds};

const CONNECTIONS: usize = 200;
/// Every so many calls one is of a verb that the incident's state forbids.
const FORBIDDEN_EVERY: usize = 10;
/// Every so many calls one is about the unit.
const UNIT_EVERY: usize = 4;
/// Statuses of a unit that leave its incident where it is.
const STATUSES: [&str; 4] = ["en_route", "searching", "staging", "returning"];
const VERBS: [Verb; 11] = [
    Verb::Verify,
    Verb::Reject,
    Verb::Monitor,
    Verb::Start,
    Verb::Contain,
    Verb::Update,
    Verb::HandOver,
    Verb::Close,
    Verb::Reopen,
    Verb::Assign,
    Verb::Release,
];

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_connections_that_write_at_once_one_gets_in_each_round() {
    let server = Server::real().await;
    let admin = server.anybody();
    let mut dice = Dice::thrown_for("races over HTTP");
    let connections: Vec<Caller> = (0..CONNECTIONS).map(|_| server.connection()).collect();
    let incident = id(&admin.report("flood", 103.2, 22.4).await).to_owned();
    let unit = json!({"geometry": {"type": "Point", "coordinates": [103.2, 22.4]},
                      "properties": {"code": "T1", "name": "Tổ 1", "force": "police", "kind": "mobile_team"}});
    let unit = done(admin.post("/api/collections/units/items", unit).await, StatusCode::CREATED).await;
    let unit = id(&unit).to_owned();
    for round in 0..rounds(8, 100) {
        let [incident, unit] = both(&admin, &incident, &unit).await;
        let calls = calls(&incident, &unit, &mut dice);
        let outcome = at_once(&connections, calls).await;
        let [incident_after, unit_after] = both(&admin, id(&incident), id(&unit)).await;
        println!("round {round}: {} → {}", state(&incident), state(&incident_after));
        assert_eq!(outcome.incident_won, 1, "round {round}");
        assert_eq!(version(&incident_after), version(&incident) + 1);
        let unit_changed = version(&unit_after) - version(&unit);
        // A verb that takes the unit along changes it too, before the unit's own winner or after it.
        assert!(outcome.unit_won <= 1 && (1..=2).contains(&unit_changed), "round {round}: {unit_changed}");
        assert!(outcome.unit_won as u64 == unit_changed || moved(&unit, &unit_after), "round {round}");
        for present in &outcome.presents {
            let after = if present["id"] == incident["id"] { &incident_after } else { &unit_after };
            assert_eq!(present["id"], after["id"]);
            assert!(version(present) <= version(after), "{present}");
            if version(present) == version(after) {
                assert_eq!(present["properties"], after["properties"], "round {round}");
            }
        }
    }
    for (collection, record) in [(Collection::Incidents, &incident), (Collection::Units, &unit)] {
        sound_history(server.store.as_ref(), collection, record.parse().unwrap()).await;
    }
    assert_eq!(server.records().check().await, []);
}

async fn both(admin: &Caller, incident: &str, unit: &str) -> [Value; 2] {
    let incident = admin.read(&format!("/api/collections/incidents/items/{incident}")).await;
    [incident, admin.read(&format!("/api/collections/units/items/{unit}")).await]
}

fn state(incident: &Value) -> &str {
    incident["properties"]["state"].as_str().unwrap()
}

/// Whether a verb on the incident took the unit, had it wait, or let it go.
fn moved(before: &Value, after: &Value) -> bool {
    ["incident_id", "queued_incident_ids"].iter().any(|name| before["properties"][name] != after["properties"][name])
}

/// Whether the unit works on the incident, or the incident waits for it.
fn holds(incident: &Value, unit: &str) -> bool {
    let lists = ["unit_ids", "queued_unit_ids"].iter().filter_map(|name| incident["properties"][name].as_array());
    lists.flatten().any(|held| held == unit)
}

/// One write of a round.
struct Call {
    method: Method,
    path: String,
    version: u64,
    body: Value,
    about: About,
}

#[derive(Clone, Copy, PartialEq)]
enum About {
    Incident,
    Unit,
    /// A verb that the incident's state forbids.
    Forbidden,
}

/// Calls that all rest on the same version of the incident, or of the unit.
fn calls(incident: &Value, unit: &Value, dice: &mut Dice) -> Vec<Call> {
    let state = state(incident);
    let held = holds(incident, id(unit));
    // Sending a unit that was sent already is answered as done and changes nothing: no race.
    let open = VERBS.into_iter().filter(|verb| match verb {
        Verb::Assign => !held,
        Verb::Release => held,
        _ => true,
    });
    let (allowed, forbidden): (Vec<Verb>, Vec<Verb>) = open.partition(|verb| leads(*verb, state).is_some());
    let mut one_of = |verbs: &[Verb]| verbs[dice.below(verbs.len() as u64) as usize];
    let on_incident = |verb: Verb, about| {
        let (method, rest, body) = words_of(verb, id(unit));
        let path = format!("/api/incidents/{}/{rest}", id(incident));
        Call { method, path, version: version(incident), body, about }
    };
    (0..CONNECTIONS)
        .map(|number| {
            if number % FORBIDDEN_EVERY == 0 {
                on_incident(one_of(&forbidden), About::Forbidden)
            } else if number % UNIT_EVERY == 1 {
                let body = json!({"status": STATUSES[number / UNIT_EVERY % STATUSES.len()]});
                let path = format!("/api/units/{}/status", id(unit));
                Call { method: Method::POST, path, version: version(unit), body, about: About::Unit }
            } else {
                on_incident(one_of(&allowed), About::Incident)
            }
        })
        .collect()
}

/// How a verb is called: method, the end of the path, body.
fn words_of(verb: Verb, unit: &str) -> (Method, String, Value) {
    let body = match verb {
        Verb::Reject | Verb::Reopen => json!({"reason": "nhầm"}),
        Verb::Update => json!({"text": "mưa to"}),
        Verb::HandOver => json!({"agency": "Công an xã", "record_no": "12/BB"}),
        Verb::Close => json!({"outcome": "resolved"}),
        Verb::Assign => json!({"unit_id": unit}),
        _ => json!({}),
    };
    match verb {
        Verb::Release => (Method::DELETE, format!("assignments/{unit}"), body),
        other => (Method::POST, other.as_str().to_owned(), body),
    }
}

/// What came of a round.
#[derive(Default)]
struct Outcome {
    incident_won: usize,
    unit_won: usize,
    /// The records that losers were shown.
    presents: Vec<Value>,
}

/// Sends each call on its connection, all at the same moment.
async fn at_once(connections: &[Caller], calls: Vec<Call>) -> Outcome {
    let barrier = Arc::new(Barrier::new(calls.len()));
    let tasks: Vec<_> = connections
        .iter()
        .zip(calls)
        .map(|(connection, call)| {
            let (connection, barrier) = (connection.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                connection.read("/health/live").await;
                barrier.wait().await;
                let what = format!("{} {}", call.method, call.path);
                let answer = connection.write(call.method, &call.path, call.version, call.body).await;
                (call.about, what, answer)
            })
        })
        .collect();
    let mut outcome = Outcome::default();
    for task in tasks {
        let (about, what, answer) = task.await.unwrap();
        match (about, answer.status()) {
            (About::Incident, StatusCode::OK) => outcome.incident_won += 1,
            (About::Unit, StatusCode::OK) => outcome.unit_won += 1,
            (About::Forbidden, StatusCode::CONFLICT) => {
                let refused = problem(answer, 409, "forbidden_transition").await;
                assert!(refused["allowed"].is_array(), "{refused}");
            }
            (_, status) => {
                assert_eq!(status, StatusCode::PRECONDITION_FAILED, "{what}: {:?}", answer.text().await);
                let lost = problem(answer, 412, "version_conflict").await;
                let present = lost["present"].clone();
                assert!(Uuid::try_parse(id(&present)).is_ok() && version(&present) > 1, "{what}: {lost}");
                outcome.presents.push(present);
            }
        }
    }
    outcome
}
