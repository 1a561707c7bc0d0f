//! What a server lets out: everything that every sort of actor can fetch, hear or export, error answers and the log of
//! the server included, looked through for marks that they may not find.

mod exports;
mod feed;
mod marked;

use std::collections::BTreeSet;
use std::process::Stdio;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use trucban::domain::access::Area;
use trucban::domain::{Collection, Role};
use trucban::geometry::mercator::Tile;
use trucban::store::system::System;
use trucban::store::tips::TipStore;

use self::marked::{Ground, HOUSEHOLDS, Marked, MarkedTips, PREFIXES, TIPS, fill, ground, marks_in, of};
use crate::http_support::{Caller, client};
use crate::permissions::{Somebody, everybody};
use crate::serve_support::{launch, ready, serve_anywhere, stop};
use crate::store_support::Folder;

/// Everything that answers with records, and what a search for a mark finds.
fn questions(ground: &Ground, marked: &[Marked]) -> Vec<String> {
    let [(lon, lat), (east, north)] = ground.centres;
    let mut asked: Vec<String> =
        Collection::ALL.iter().map(|one| format!("/api/collections/{one}/items?limit=10000")).collect();
    for commune in &ground.communes {
        asked
            .push(format!("/api/within?admin_unit={commune}&collections=households,units,incidents,contacts,duty_log"));
        asked.push(format!("/api/reports/2026Q4?area={commune}"));
        asked.push(format!("/api/reports/2026Q4/figures/incidents?area={commune}"));
        asked.push(format!("/api/statistics?area={commune}"));
    }
    for (lon, lat) in ground.centres {
        let all = "households,units,incidents,contacts,shelters,risk_zones";
        asked.push(format!("/api/nearby?lon={lon}&lat={lat}&radius_m=3000&limit=1000&collections={all}"));
        asked.push(format!("/api/similar?lon={lon}&lat={lat}&kind=landslide"));
        for collection in ["households", "units", "incidents", "contacts", "areas_of_concern"] {
            for zoom in [8, 14] {
                let tile = Tile::at(zoom, lon, lat).unwrap();
                asked.push(format!("/tiles/{collection}/{zoom}/{}/{}", tile.x(), tile.y()));
            }
        }
    }
    asked.push("/api/along?from_km=0&to_km=30&collections=households,units,incidents".to_owned());
    // In small letters, so that a link that repeats the question is no find.
    for text in
        ["concernname-0", "hhcode-0001", "hhhead-0001", "unitname-1-0", "intitle", "logtext-1", "contact-0", "hhphone"]
    {
        asked.push(format!("/api/search?q={text}"));
        asked.push(format!("/api/nearby?lon={lon}&lat={lat}&limit=20&q={text}"));
        asked.push(format!("/api/collections/households/items?q={text}"));
        asked.push(format!("/api/collections/incidents/items?q={text}"));
    }
    asked.push(format!(
        "/api/collections/households/items?bbox={},{},{},{}",
        lon - 0.00105,
        lat - 0.00105,
        lon + 0.001_051,
        lat + 0.00105
    ));
    asked.push(format!("/api/locate?text={north},{east}"));
    for record in marked.iter().filter(|one| one.collection != Collection::Households).chain(&marked[..6]) {
        asked.push(record.path());
        if record.collection == Collection::Attachments {
            asked.push(format!("/api/attachments/{}/content", record.id));
        }
        if record.collection == Collection::Incidents {
            asked.push(format!("/api/incidents/{}/log", record.id));
            asked.push(format!("/api/incidents/{}/recommendation", record.id));
        }
    }
    for rest in [
        "/api/grants",
        "/api/inside",
        "/api/border_sectors/levels",
        "/api/session",
        "/api/openapi.json",
        "/metrics",
        "/health/ready",
        "/",
        "/duty",
        "/api/audit",
        "/api/tip",
        "/api/tips",
        "/api/tips/unsealings",
        "/api/tips/figures?from=2020-01-01&to=2099-12-31",
        "/api/statistics",
        "/api/statistics?of=cases",
    ] {
        asked.push(rest.to_owned());
    }
    asked
}

/// Everything that this caller can fetch: what was asked, and the body of the answer.
async fn fetched(caller: &Caller, ground: &Ground, marked: &[Marked], asked: &[String]) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut keep = async |what: String, answer: Response| all.push((what, answer.bytes().await.unwrap().to_vec()));
    for path in asked {
        keep(path.clone(), caller.get(path).await).await;
    }
    let (lon, lat) = ground.centres[0];
    let corners = [(-0.01, -0.01), (0.01, -0.01), (0.01, 0.01), (-0.01, 0.01), (-0.01, -0.01)];
    let corners = corners.map(|(east, north)| [lon + east, lat + north]);
    let around = json!({"geometry": {"type": "Polygon", "coordinates": [corners]}});
    keep("exposure".to_owned(), caller.post("/api/exposure", around).await).await;
    // Writes that fail: a conflict tells the present record, a refusal why.
    for record in marked.iter().filter(|one| one.collection != Collection::Households).chain(&marked[..4]) {
        let change = json!({"properties": {"note": "thử"}});
        let stale = caller.write(Method::PATCH, &record.path(), record.version + 90, change).await;
        keep(format!("PATCH {}", record.path()), stale).await;
        let properties = json!({"name": "thử", "text": "thử", "kind": "other", "force": "civil"});
        let again = json!({"id": record.id, "geometry": null, "properties": properties});
        let taken = caller.post(&format!("/api/collections/{}/items", record.collection), again).await;
        assert_ne!(taken.status(), StatusCode::CREATED, "{}", record.path());
        keep(format!("POST again {}", record.path()), taken).await;
    }
    all
}

/// How this caller can tell a household that is there from one that is not, if they can.
async fn told_apart(caller: &Caller, hidden: &Marked) -> Option<String> {
    let nowhere = "/api/collections/households/items/00000000-0000-7000-8000-000000000404";
    let change = || json!({"properties": {"member_count": 5}});
    let listed = async |code: &str| {
        let page = caller.get(&format!("/api/collections/households/items?limit=1&code={code}")).await;
        let (status, body) = (page.status(), page.json::<Value>().await.unwrap());
        (status, body["numberMatched"].clone())
    };
    let said = async |answer: Response| {
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        (status, body["code"].clone())
    };
    if listed(&hidden.open[0]).await != listed("HHCODE-9999").await {
        return Some("a filter".to_owned());
    }
    if said(caller.get(&hidden.path()).await).await != said(caller.get(nowhere).await).await {
        return Some("reading".to_owned());
    }
    for version in [1, 9] {
        let there = said(caller.write(Method::PATCH, &hidden.path(), version, change()).await).await;
        let not = said(caller.write(Method::PATCH, nowhere, version, change()).await).await;
        if there != not {
            return Some(format!("writing: {there:?}, {not:?}"));
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_finds_a_mark_that_the_table_of_access_hides_and_everybody_finds_their_own() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let mut command = serve_anywhere(&[], &data);
    command
        .env("TRUCBAN_LOG", "trace,h2=info,hyper=info,hyper_util=info")
        .stderr(Stdio::from(std::fs::File::create(folder.path().join("log")).unwrap()));
    let mut process = launch(command);
    ready(&process).await;
    let anybody = Caller::new(&process.base, client());

    let areas = [("province", Area::Province)];
    let first = everybody(&System::open(&data).unwrap(), &anybody, &areas, |_| None).await;
    let ground = ground(&of(&first, Role::Admin, None)).await;
    let marked = fill(&ground, |role, force| of(&first, role, force)).await;
    assert_eq!(marked.len(), HOUSEHOLDS + 8 + 16 + 16 + 4 + 2 + 1);
    let tips =
        MarkedTips::take_in(&TipStore::open(&data).unwrap(), &of(&first, Role::DutyOfficer, None), &ground.communes[0])
            .await;
    let areas = [("west", Area::communes([ground.communes[0].clone()]))];
    let second = everybody(&System::open(&data).unwrap(), &anybody, &areas, |_| None).await;

    let marks = marked.iter().flat_map(Marked::marks).chain(tips.marks());
    let marks: BTreeSet<&str> = marks.map(String::as_str).collect();
    assert!(marks.len() > HOUSEHOLDS * 5 + TIPS * 5);
    assert!(marks.iter().all(|mark| PREFIXES.iter().any(|prefix| mark.starts_with(prefix))));
    let asked = questions(&ground, &marked);
    let mut wrong = Vec::new();
    for Somebody { actor, caller } in first.iter().chain(&second) {
        let allowed = marked.iter().flat_map(|one| one.found_by(actor)).chain(tips.found_by(actor));
        let allowed: BTreeSet<String> = allowed.cloned().collect();
        let mut listed = BTreeSet::new();
        for (what, body) in fetched(caller, &ground, &marked, &asked).await {
            let found = marks_in(&body, &marks);
            wrong.extend(
                found.difference(&allowed).take(2).map(|mark| format!("{} found {mark} in {what}", actor.name)),
            );
            if what.ends_with("/items?limit=10000") || what == "/api/tips" {
                listed.extend(found);
            }
        }
        wrong.extend(allowed.difference(&listed).take(5).map(|mark| format!("{} misses {mark}", actor.name)));
    }
    for Somebody { actor, caller } in first.iter().chain(&second) {
        let Some(hidden) = marked[..HOUSEHOLDS].iter().find(|one| one.found_by(actor).next().is_none()) else {
            continue;
        };
        wrong.extend(
            told_apart(caller, hidden).await.map(|how| format!("{} can tell by {how} that it is there", actor.name)),
        );
    }
    for (what, body) in fetched(&anybody, &ground, &marked, &asked).await {
        wrong.extend(marks_in(&body, &marks).into_iter().map(|mark| format!("a stranger found {mark} in {what}")));
    }
    assert!(wrong.is_empty(), "{} in all:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));

    stop(&mut process);
    let said = marks_in(&std::fs::read(folder.path().join("log")).unwrap(), &marks);
    assert!(said.is_empty(), "the log tells {said:?}");
}
