//! The live file in the hands of other programs: GDAL and sqlite3 read it, its checker finds no fault, and none of
//! them can write. A test whose peer is not installed says so and does nothing.

use std::path::Path;
use std::process::{Command, Output};

use geo_types::{Geometry, LineString, Polygon};
use serde_json::json;
use trucban::domain::Collection;
use trucban::store::Store;
use trucban::store::gpkg::{GpkgStore, check};
use uuid::Uuid;

use crate::store_support::{Folder, fix, household, object, put, put_one};

/// Runs a peer; `None`, loudly, if it is not there.
fn peer(program: &str, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("SKIPPED: {program} is not installed ({error})");
            None
        }
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A store with a few records of each kind of geometry, open and being written.
async fn live(folder: &Folder) -> std::sync::Arc<GpkgStore> {
    let store = folder.open();
    let unit = Uuid::now_v7();
    let ring = LineString::from(vec![(103.0, 22.0), (103.2, 22.0), (103.2, 22.2), (103.0, 22.0)]);
    let mut road = put(Collection::Roads, Uuid::now_v7(), json!({"name": "Quốc lộ 12", "km_from": 0.5}));
    road.geometry = Some(Geometry::LineString(ring.clone()));
    let valid_to = "2026-12-01T00:00:00.000Z";
    let zone = json!({"name": "Khu A", "kind": "landslide", "valid_to": valid_to});
    let mut zone = put(Collection::RiskZones, Uuid::now_v7(), zone);
    zone.geometry = Some(Geometry::Polygon(Polygon::new(ring, Vec::new())));
    let mut nowhere = put(Collection::Incidents, Uuid::now_v7(), json!({"kind": "flood"}));
    nowhere.geometry = None;
    let mut home = household(Uuid::now_v7(), 5);
    home.personal = object(json!({"phone": "0912"}));
    home.properties.insert("poor".to_owned(), json!(true));
    for put in [road, zone, nowhere, home, household(Uuid::now_v7(), 2)] {
        put_one(&*store, put).await.unwrap();
    }
    let unit_properties = json!({"name": "Tổ 1", "kind": "patrol", "force": "police", "capabilities": ["boat"]});
    put_one(&*store, put(Collection::Units, unit, unit_properties)).await.unwrap();
    store.append_fixes(vec![fix(unit, 1_000, 103.3)].into()).await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_of_gdal_finds_no_fault_in_the_live_file() {
    let folder = Folder::new();
    let store = live(&folder).await;
    let file = store.file();
    let Some(output) = peer("/usr/bin/python3", &["-m", "osgeo_utils.samples.validate_gpkg", path(&file)]) else {
        return;
    };
    let said = said(&output);
    if said.contains("No module named") {
        println!("SKIPPED: python3-gdal is not installed");
        return;
    }
    assert!(output.status.success() && !said.contains("rror") && !said.contains("arning"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gdal_reads_the_live_file_with_its_records_and_their_types() {
    let folder = Folder::new();
    let store = live(&folder).await;
    // The derived positions follow within some seconds.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    let file = store.file();
    let Some(output) = peer("ogrinfo", &["-ro", "-so", "-al", path(&file)]) else { return };
    let said = said(&output);
    // A collection is called so too.
    assert!(!said.contains("Warning 1:") && !said.contains("ERROR"), "{said}");
    for collection in Collection::ALL {
        assert!(said.contains(&format!("Layer name: {collection}\n")), "{collection} in {said}");
    }
    assert!(said.contains("Layer name: unit_positions\n"), "{said}");
    let households = peer("ogrinfo", &["-ro", "-al", path(&file), "households"]).unwrap();
    let households = self::said(&households);
    for wanted in
        ["Feature Count: 2", "POINT (103.1 22.3)", "member_count (Integer64) = 5", "poor (Integer(Boolean)) = 1"]
    {
        assert!(households.contains(wanted), "{wanted} in {households}");
    }
    assert!(!households.contains("0912"), "personal values lie elsewhere");
    let positions = self::said(&peer("ogrinfo", &["-ro", "-al", path(&file), "unit_positions"]).unwrap());
    assert!(positions.contains("POINT (103.3 22.25)"), "{positions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_program_can_write_into_the_live_file() {
    let folder = Folder::new();
    let store = live(&folder).await;
    let file = store.file();
    for statement in [
        "UPDATE households SET member_count = 9",
        "DELETE FROM incidents",
        "INSERT INTO journal SELECT seq + 100, request_id, actor, recorded_at, valid_at, exercise_id, collection, record_id, version, format, body FROM journal",
        "UPDATE journal SET actor = 'somebody else'",
        "DELETE FROM personal_values",
        "DELETE FROM fix_batches",
        "INSERT INTO gpkg_contents (table_name, data_type) VALUES ('x', 'features')",
    ] {
        let Some(output) = peer("sqlite3", &[path(&file), statement]) else { return };
        assert!(!output.status.success() && said(&output).contains("trucban_writer"), "{statement}: {}", said(&output));
    }
    let geojson = folder.path().join("one.geojson");
    let one = r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[103,22]},"properties":{"id":"x","version":1,"seq":1,"recorded_at":"2026-11-23T00:00:00Z","member_count":1}}]}"#;
    std::fs::write(&geojson, one).unwrap();
    for layer in ["households", "brand_new"] {
        let args = ["-append", "-update", "-nln", layer, path(&file), path(&geojson)];
        let Some(output) = peer("ogr2ogr", &args) else { return };
        assert!(said(&output).contains("trucban_writer"), "{layer}: {}", said(&output));
    }
    assert_eq!(check(folder.path()).unwrap(), []);
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_changed_behind_our_back_is_found() {
    let folder = Folder::new();
    let store = live(&folder).await;
    store.close().await;
    assert_eq!(check(folder.path()).unwrap(), []);
    let conn = rusqlite::Connection::open(store.file()).unwrap();
    for (nth, (table, statement)) in [
        ("households", "UPDATE households SET member_count = 9 WHERE fid = 1"),
        ("personal_values", "UPDATE personal_values SET value = '{\"phone\":\"0913\"}'"),
        ("roads", "DELETE FROM roads"),
        ("unit_positions", "DELETE FROM unit_positions"),
        ("journal", "DELETE FROM journal WHERE seq = 3"),
    ]
    .into_iter()
    .enumerate()
    {
        for event in ["insert", "update", "delete"] {
            conn.execute_batch(&format!("DROP TRIGGER guard_{table}_{event}")).unwrap();
        }
        assert_eq!(conn.execute(statement, []).unwrap(), 1, "{statement}");
        let findings = check(folder.path()).unwrap();
        assert!(findings.len() > nth, "{statement}: {findings:?}");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
