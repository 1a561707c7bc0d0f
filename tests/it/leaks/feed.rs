//! What is heard live: everybody listens while households, units, incidents, contacts and tips change, and once more
//! afterwards, from where it began.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use trucban::desk::SystemClock;
use trucban::domain::access::{Area, CLOSED_KINDS};
use trucban::domain::{Collection, Force, Role};

use super::marked::{Ground, HOUSEHOLDS, Marked, MarkedTips, fill, ground, marks_in, of};
use crate::http_support::{Caller, Server, done, id, version};
use crate::permissions::{Somebody, everybody};
use crate::tips_support::way_back;

/// A shelter's name: everybody hears of it, and it comes last.
const END: &str = "ENDMARK";

/// All that a feed tells until the end; the time is only against a test that hangs.
async fn heard(mut feed: Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains(END) {
        let chunk = tokio::time::timeout(Duration::from_secs(60), feed.chunk()).await.expect("an event");
        bytes.extend_from_slice(&chunk.unwrap().expect("the feed goes on"));
    }
    bytes
}

async fn listen(caller: &Caller, after: Option<u64>) -> tokio::task::JoinHandle<Vec<u8>> {
    let call = caller.ask(Method::GET, "/api/feed");
    let call = after.iter().fold(call, |call, after| call.header("last-event-id", after.to_string()));
    let feed = call.send().await.unwrap();
    assert_eq!(feed.status(), StatusCode::OK);
    tokio::spawn(heard(feed))
}

/// Changes fields of a record that stands at its first version or later; the record after it.
async fn patch(by: &Caller, record: &Marked, properties: Value) -> Value {
    let now = by.read(&record.path()).await;
    let changed = by.write(Method::PATCH, &record.path(), version(&now), json!({"properties": properties})).await;
    done(changed, StatusCode::OK).await
}

/// The record with other marks: what is heard of it from now on.
fn renewed(record: &Marked, open: &[&str], personal: &[&str]) -> Marked {
    let own = |marks: &[&str]| marks.iter().map(|mark| (*mark).to_owned()).collect();
    Marked {
        collection: record.collection,
        id: record.id.clone(),
        version: record.version + 1,
        commune: record.commune.clone(),
        force: record.force,
        is_closed_kind: record.is_closed_kind,
        open: own(open),
        personal: own(personal),
    }
}

/// Everything that changes while everybody listens, with what is to be heard of it.
async fn change(ground: &Ground, marked: &[Marked], by: impl Fn(Role, Option<Force>) -> Caller) -> Vec<Marked> {
    let planner = by(Role::Planner, None);
    let mut all = Vec::new();
    for (place, house) in marked[..HOUSEHOLDS].iter().step_by(HOUSEHOLDS / 4).enumerate() {
        let [hamlet, head, phone] = ["HHHAMLET", "HHHEAD", "HHPHONE"].map(|what| format!("{what}-900{place}"));
        patch(&planner, house, json!({"hamlet": hamlet, "head_name": head, "phone": phone})).await;
        all.push(renewed(house, &[&hamlet], &[&head, &phone]));
    }
    let of = |collection: Collection| marked.iter().filter(move |one| one.collection == collection);
    for (n, unit) in of(Collection::Units).enumerate() {
        let radio = format!("UNITRADIO-9-{n}");
        patch(&by(Role::Admin, None), unit, json!({"radio": radio})).await;
        all.push(renewed(unit, &[&radio], &[]));
    }
    for (n, incident) in of(Collection::Incidents).enumerate() {
        let (title, phone) = (format!("INTITLE-later-{n:02}"), format!("INPHONE-later-{n:02}"));
        let officer = by(Role::DutyOfficer, incident.force);
        patch(&officer, incident, json!({"title": title, "reporter_phone": phone})).await;
        all.push(renewed(incident, &[&title], &[&phone]));
    }
    for (n, contact) in of(Collection::Contacts).enumerate() {
        let phone = format!("CONTACTPHONE-9{n}");
        patch(&by(Role::Commander, None), contact, json!({"phone": phone})).await;
        all.push(renewed(contact, &[], &[&phone]));
    }
    for (n, (force, kind)) in Force::ALL.into_iter().zip(["landslide", CLOSED_KINDS[0]].into_iter().cycle()).enumerate()
    {
        let (title, phone) = (format!("INTITLE-new-{n}"), format!("INPHONE-new-{n}"));
        let place = n / 2;
        let (lon, lat) = ground.centres[place];
        let body = json!({
            "kind": kind, "place": {"lon": lon, "lat": lat}, "title": title, "lead_force": force.as_str(),
            "reporter_phone": phone,
        });
        let officer = by(Role::DutyOfficer, Some(force));
        let made = done(officer.post("/api/incidents", body).await, StatusCode::CREATED).await;
        all.push(Marked {
            collection: Collection::Incidents,
            id: id(&made["incident"]).to_owned(),
            version: version(&made["incident"]),
            commune: Some(ground.communes[place].clone()),
            force: Some(force),
            is_closed_kind: CLOSED_KINDS.contains(&kind),
            open: vec![title],
            personal: vec![phone],
        });
    }
    all
}

/// A tip comes in, is added to, graded, answered and made an incident; what is to be heard of the incident.
async fn promote_a_tip(ground: &Ground, officer: &Caller, handler: &Caller) -> Marked {
    let body = json!({
        "text": "TIPTEXT-900", "name": "TIPNAME-900", "phone": "TIPPHONE-900", "reach": "TIPREACH-900",
        "scrubbed": "TIPSCRUBBED-900", "commune_code": ground.communes[1],
    });
    let before: BTreeSet<String> = ids(&handler.read("/api/tips").await);
    let taken = done(officer.post("/api/tip", body).await, StatusCode::CREATED).await;
    let again = way_back(&taken, &json!({"text": "TIPTEXT-901"}));
    done(officer.post("/api/tip/follow-up", again).await, StatusCode::OK).await;
    let tip = ids(&handler.read("/api/tips").await).difference(&before).next().unwrap().clone();
    let path = format!("/api/tips/{tip}");
    let graded = json!({"reliability": "B", "credibility": 2, "kind": "smuggling", "state": "assessed"});
    done(handler.write(Method::PATCH, &path, 1, graded).await, StatusCode::OK).await;
    let answer = handler.post(&format!("{path}/answers"), json!({"text": "TIPTEXT-902"})).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let call = json!({"lead_force": "police"});
    done(handler.write(Method::POST, &format!("{path}/promote"), 2, call).await, StatusCode::OK).await;
    let made = officer.read("/api/collections/incidents/items?channel=tip").await["features"][0].clone();
    Marked {
        collection: Collection::Incidents,
        id: id(&made).to_owned(),
        version: version(&made),
        commune: Some(ground.communes[1].clone()),
        force: Some(Force::Police),
        is_closed_kind: false,
        open: vec!["TIPSCRUBBED-900".to_owned()],
        personal: Vec::new(),
    }
}

fn ids(tips: &Value) -> BTreeSet<String> {
    tips["tips"].as_array().unwrap().iter().map(|tip| id(tip).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_a_mark_that_is_hidden_from_them_and_everybody_hears_their_own() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let (system, anybody) = (server.system(), server.anybody());
    let province = everybody(&system, &anybody, &[("province", Area::Province)], |_| None).await;
    let by = |role: Role, force: Option<Force>| of(&province, role, force);
    let ground = ground(&by(Role::Admin, None)).await;
    let marked = fill(&ground, by).await;
    let tips = MarkedTips::take_in(&server.tips(), &by(Role::DutyOfficer, None), &ground.communes[0]).await;
    let areas = [("west", Area::communes([ground.communes[0].clone()]))];
    let west = everybody(&system, &anybody, &areas, |_| None).await;
    let people: Vec<&Somebody> = province.iter().chain(&west).collect();

    assert_eq!(anybody.get("/api/feed").await.status(), StatusCode::UNAUTHORIZED);
    let begun = anybody.read("/api/session").await["seq"].as_u64().unwrap();
    let mut feeds = Vec::new();
    for Somebody { caller, .. } in &people {
        feeds.push(listen(caller, None).await);
    }
    let mut changed = change(&ground, &marked, by).await;
    let handler = by(Role::TipHandler, None);
    changed.push(promote_a_tip(&ground, &by(Role::DutyOfficer, None), &handler).await);
    let shelter = json!({
        "geometry": {"type": "Point", "coordinates": [103.1, 22.4]}, "properties": {"name": END, "capacity": 9},
    });
    let made = by(Role::Admin, None).post("/api/collections/shelters/items", shelter).await;
    done(made, StatusCode::CREATED).await;

    let marks = marked.iter().chain(&changed).flat_map(Marked::marks).chain(tips.marks()).map(String::as_str);
    let of_tip = ["TIPTEXT-900", "TIPTEXT-901", "TIPTEXT-902", "TIPNAME-900", "TIPPHONE-900", "TIPREACH-900"];
    let marks: BTreeSet<&str> = marks.chain(of_tip).collect();
    let mut wrong = Vec::new();
    for (Somebody { actor, caller }, live) in people.iter().zip(feeds) {
        let allowed: BTreeSet<String> =
            marked.iter().chain(&changed).flat_map(|one| one.found_by(actor)).cloned().collect();
        let own: BTreeSet<String> = changed.iter().flat_map(|one| one.found_by(actor)).cloned().collect();
        let resumed = listen(caller, Some(begun)).await;
        for (how, told) in [("live", live), ("resumed", resumed)] {
            let found = marks_in(&told.await.unwrap(), &marks);
            wrong.extend(found.difference(&allowed).map(|mark| format!("{} heard {mark}, {how}", actor.name)));
            wrong.extend(own.difference(&found).map(|mark| format!("{} did not hear {mark}, {how}", actor.name)));
        }
    }
    assert!(wrong.is_empty(), "{} in all:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));
}
