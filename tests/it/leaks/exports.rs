//! What leaves as a file: pages of the API in every form that can be asked for, reports of imports, and
//! `trucban export --as`.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use trucban::domain::access::Area;
use trucban::domain::{Actor, Collection, Role};
use trucban::store::system::System;
use trucban::store::tips::TipStore;

use super::marked::{Marked, MarkedTips, fill, ground, marks_in, of};
use crate::audit_chain::trucban;
use crate::http_support::{Caller, client, done};
use crate::permissions::{Somebody, everybody};
use crate::serve_support::{launch, ready, serve_anywhere, stop};
use crate::store_support::Folder;

/// Collections with marked records.
const MARKED: [Collection; 7] = [
    Collection::Households,
    Collection::Units,
    Collection::Incidents,
    Collection::DutyLog,
    Collection::Contacts,
    Collection::Attachments,
    Collection::AreasOfConcern,
];

/// What may be asked for in `f` and in `Accept`; some of it is answered, some refused.
const FORMATS: [&str; 6] = ["json", "geojson", "csv", "gpkg", "html", "application/geo+json"];
const MEDIA_TYPES: [&str; 6] = [
    "application/geo+json",
    "application/json",
    "text/csv",
    "application/geopackage+sqlite3",
    "application/vnd.mapbox-vector-tile",
    "text/html",
];

/// A file of households that the import refuses, with what it says of people in the wrong columns.
const REFUSED: &str = "code,lon,lat,member_count,hamlet,head_name,phone\n\
                       HHCODE-8000,103.1,22.4,HHPHONE-8000,HHHAMLET-8000,HHHEAD-8000,HHPHONE-8000\n\
                       HHCODE-8001,HHHEAD-8001,22.4,4,HHHAMLET-8001,HHHEAD-8001,HHPHONE-8001\n";

/// Every answer that is a file, or would be one.
async fn files_of(caller: &Caller, report: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for collection in MARKED {
        let items = format!("/api/collections/{collection}/items?limit=10000");
        let by_name = FORMATS.map(|format| (format!("{items}&f={format}"), "*/*"));
        for (path, media_type) in by_name.into_iter().chain(MEDIA_TYPES.map(|media_type| (items.clone(), media_type))) {
            let answer = caller.ask(Method::GET, &path).header("accept", media_type).send().await.unwrap();
            all.push((format!("{path} as {media_type}"), answer.bytes().await.unwrap().to_vec()));
        }
    }
    for format in ["csv", "json"] {
        let path = format!("/api/audit?f={format}");
        all.push((path.clone(), caller.get(&path).await.bytes().await.unwrap().to_vec()));
    }
    all.push((report.to_owned(), caller.get(report).await.bytes().await.unwrap().to_vec()));
    all
}

/// What `trucban export` writes as a role sees it.
fn exported(folder: &Path, role: Role, collection: Collection, format: &str) -> Vec<u8> {
    let file = folder.join("exported");
    let (name, path) = (collection.as_str(), file.to_str().unwrap());
    let arguments = ["export", "--as", role.as_str(), "--collection", name, "--format", format, "--output", path];
    let done = trucban(&arguments, &folder.join("data"));
    assert!(done.status.success(), "{done:?}");
    [done.stdout, done.stderr, std::fs::read(file).unwrap()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_export_holds_a_mark_that_is_hidden_from_whoever_asks_for_it() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let mut process = launch(serve_anywhere(&[], &data));
    ready(&process).await;
    let anybody = Caller::new(&process.base, client());
    let province = everybody(&System::open(&data).unwrap(), &anybody, &[("province", Area::Province)], |_| None).await;
    let ground = ground(&of(&province, Role::Admin, None)).await;
    let marked = fill(&ground, |role, force| of(&province, role, force)).await;
    let tips = MarkedTips::take_in(
        &TipStore::open(&data).unwrap(),
        &of(&province, Role::DutyOfficer, None),
        &ground.communes[0],
    )
    .await;
    let planner = of(&province, Role::Planner, None);
    let refused = planner.ask(Method::POST, "/api/imports?collection=households&name=refused.csv");
    let refused = refused.header("content-type", "application/octet-stream").body(REFUSED).send().await.unwrap();
    let refused: Value = done(refused, StatusCode::OK).await;
    assert_eq!(refused["refused"], 2, "{refused}");
    let report = refused["report"].as_str().unwrap().to_owned();
    let of_report = ["HHCODE-8000", "HHPHONE-8000", "HHHEAD-8000", "HHHEAD-8001", "HHHAMLET-8001", "HHPHONE-8001"];
    let areas = [("west", Area::communes([ground.communes[0].clone()]))];
    let west = everybody(&System::open(&data).unwrap(), &anybody, &areas, |_| None).await;

    let marks = marked.iter().flat_map(Marked::marks).chain(tips.marks()).map(String::as_str);
    let marks: BTreeSet<&str> = marks.chain(of_report).collect();
    let found_by =
        |actor: &Actor| -> BTreeSet<String> { marked.iter().flat_map(|one| one.found_by(actor)).cloned().collect() };
    let mut wrong = Vec::new();
    for Somebody { actor, caller } in province.iter().chain(&west) {
        let allowed = found_by(actor);
        let sent_the_file = actor.name == "planner-joint-province";
        let mut whole = BTreeSet::new();
        for (what, bytes) in files_of(caller, &report).await {
            let found = marks_in(&bytes, &marks);
            if sent_the_file && what == report {
                continue;
            }
            wrong.extend(found.difference(&allowed).map(|mark| format!("{} found {mark} in {what}", actor.name)));
            whole.extend(found);
        }
        wrong.extend(allowed.difference(&whole).map(|mark| format!("{} misses {mark}", actor.name)));
    }
    for (what, bytes) in files_of(&anybody, &report).await {
        wrong.extend(marks_in(&bytes, &marks).into_iter().map(|mark| format!("a stranger found {mark} in {what}")));
    }

    for role in Role::ALL {
        let allowed = found_by(&Actor::new("export", role, None));
        for format in ["geojson", "csv", "gpkg"] {
            let mut whole = BTreeSet::new();
            for collection in MARKED {
                let found = marks_in(&exported(folder.path(), role, collection, format), &marks);
                let hidden = found.difference(&allowed);
                wrong.extend(hidden.map(|mark| format!("{role:?} found {mark} in {collection} as {format}")));
                whole.extend(found);
            }
            // A GeoPackage holds places in another form than text.
            let missed = allowed.difference(&whole).filter(|mark| format != "gpkg" || !mark.starts_with("10"));
            wrong.extend(missed.map(|mark| format!("{role:?} misses {mark} as {format}")));
        }
    }
    assert!(wrong.is_empty(), "{} in all:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));
    stop(&mut process);
}
