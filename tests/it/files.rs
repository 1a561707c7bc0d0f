//! Files in and out, through the real store: typed import, all or nothing, what importing twice does, round trips.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use trucban::domain::{Actor, Code, Collection, Problem, Record, Role, Timestamp};
use trucban::files::{ImportOptions, ImportSummary, Step, import_file, seed};
use trucban::geometry::crs::Crs;
use trucban::geometry::measure::distance_m;
use trucban::store::Store;
use trucban::store::gpkg::check;

use super::store_support::{Folder, records};

fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T02:14:36Z").unwrap()
}

fn admin() -> Actor {
    Actor::new("import", Role::System, None)
}

/// A data folder, a folder for files, and the store.
struct Room {
    data: Folder,
    files: Folder,
    store: Arc<trucban::store::gpkg::GpkgStore>,
}

impl Room {
    fn new() -> Self {
        let data = Folder::new();
        let store = data.open();
        Self { data, files: Folder::new(), store }
    }

    fn dyn_store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn import(&self, path: &Path, options: &ImportOptions) -> Result<ImportSummary, Problem> {
        import_file(&self.dyn_store(), &admin(), path, options, now(), &mut |_| Ok(())).await
    }

    async fn import_text(&self, name: &str, text: &str, options: &ImportOptions) -> ImportSummary {
        self.import(&self.file(name, text), options).await.unwrap()
    }

    async fn records(&self, collection: Collection) -> Vec<Record> {
        records(&*self.store, collection).await
    }
}

fn into(collection: Collection) -> ImportOptions {
    ImportOptions::into(collection)
}

fn with_rules(collection: Collection, rules: &[&str]) -> ImportOptions {
    let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    ImportOptions { rules, ..into(collection) }
}

fn reasons(summary: &ImportSummary) -> Vec<(u64, String, Code)> {
    summary.refused.kept.iter().map(|r| (r.line, r.problem.at.clone().unwrap_or_default(), r.problem.code)).collect()
}

fn value(record: &Record, name: &str) -> Value {
    record.properties_map().remove(name).unwrap_or_default()
}

#[tokio::test]
async fn a_csv_in_vietnamese_words_becomes_typed_households() {
    let room = Room::new();
    let text = "\u{feff}mã;chủ hộ;bản;nhân khẩu;hộ nghèo;kinh độ;vĩ độ;màu mái\r\n\
                MH-1;\"Hộ \"\"một\"\"\";\"Pá\r\nHạ\";5;có;103.2;22.4;đỏ\r\n\
                MH-2;Hộ hai;Pá Hạ;3;không;103.21;22.41;\r\n";
    let summary = room.import_text("ho.csv", text, &into(Collection::Households)).await;
    assert_eq!((summary.created, summary.refused.count, summary.written), (2, 0, true), "{:?}", reasons(&summary));
    let mut found = room.records(Collection::Households).await;
    found.sort_by_key(|record| record.id);
    let first = &found[0];
    assert_eq!(value(first, "member_count"), json!(5));
    assert_eq!(value(first, "poor"), json!(true));
    assert_eq!(value(first, "hamlet"), json!("Pá\r\nHạ"));
    assert_eq!(value(first, "extra"), json!({ "màu mái": "đỏ" }));
    assert_eq!(value(first, "state"), json!("registered"));
    assert_eq!(value(first, "source"), json!("ho.csv"));
    assert_eq!(first.personal_map()["head_name"], json!("Hộ \"một\""));
    assert!(!first.properties.contains("head_name"), "a personal value lies apart");
}

#[tokio::test]
async fn every_bad_row_is_refused_with_its_line_field_and_reason() {
    let room = Room::new();
    let mut text = b"code,member_count,lon,lat,note\n".to_vec();
    for row in [
        &b"A,3,103.2,22.4,fine\n"[..],   // 2
        b"B,three,103.2,22.4,\n",        // 3 wrong type
        b"C,3,22.4,103.2,\n",            // 4 swapped
        b"D,3,NaN,22.4,\n",              // 5 not a number
        b"E,3,\"103,2\",22.4,\n",        // 6 decimal comma
        b"F,3,503000,2475000,\n",        // 7 metres
        b"G,3,103.2,,\n",                // 8 half a place
        b"H,3,,,\n",                     // 9 no place
        b"I,3,103.2,22.4,B\xE1\xBA n\n", // 10 broken UTF-8
        b"A,3,103.2,22.4,again\n",       // 11 the code again
        b"J,,103.2,22.4,\n",             // 12 a required field
        b"K,3,103.2\n",                  // 13 too few cells
        b"L,201,103.2,22.4,\n",          // 14 out of range
        b"M,3,103.2,22.4,a\x07b\n",      // 15 control character
        b"N,3,103.2,95,\n",              // 16 latitude over 90
    ] {
        text.extend_from_slice(row);
    }
    text.extend_from_slice(format!("O,3,103.2,22.4,{}\n", "x".repeat(5_000)).as_bytes()); // 17 too long
    let path = room.file("bad.csv", text);
    let summary = room.import(&path, &into(Collection::Households)).await.unwrap();
    let found = reasons(&summary);
    let of = |line: u64| found.iter().filter(|(l, ..)| *l == line).map(|(_, at, code)| (at.as_str(), *code)).next();
    assert_eq!(of(2), None);
    assert_eq!(of(3), Some(("member_count", Code::InvalidValue)));
    assert_eq!(of(4).map(|r| r.1), Some(Code::CoordinatesSwapped));
    assert_eq!(of(5), Some(("lon", Code::InvalidValue)));
    assert_eq!(of(6), Some(("lon", Code::InvalidValue)));
    assert_eq!(of(7).map(|r| r.1), Some(Code::CoordinateOutOfRange));
    assert_eq!(of(8), Some(("lat", Code::MissingField)));
    assert_eq!(of(9), Some(("geometry", Code::MissingField)));
    assert_eq!(of(10), Some(("note", Code::InvalidEncoding)));
    assert_eq!(of(11), Some(("code", Code::DuplicateRow)));
    assert_eq!(of(12).map(|r| r.1), Some(Code::MissingField));
    assert_eq!(of(13).map(|r| r.1), Some(Code::InvalidValue));
    assert_eq!(of(14), Some(("member_count", Code::InvalidValue)));
    assert_eq!(of(15), Some(("note", Code::InvalidValue)));
    assert_eq!(of(16).map(|r| r.1), Some(Code::CoordinateOutOfRange));
    assert_eq!(of(17), Some(("note", Code::InvalidValue)));
    assert_eq!(summary.refused.count, 15);
    assert!(!summary.written);
    assert!(room.records(Collection::Households).await.is_empty(), "all or nothing");

    let report = room.files.path().join("report.csv");
    let options = ImportOptions { skip_bad: true, report: Some(report.clone()), ..into(Collection::Households) };
    let summary = room.import(&path, &options).await.unwrap();
    assert_eq!((summary.created, summary.written), (1, true));
    assert_eq!(std::fs::read_to_string(report).unwrap().lines().count(), 16);
    assert_eq!(room.records(Collection::Households).await.len(), 1);
}

#[tokio::test]
async fn files_that_are_broken_as_a_whole_are_refused_as_a_whole() {
    let room = Room::new();
    let code = async |name: &str, bytes: &[u8], options: ImportOptions| {
        room.import(&room.file(name, bytes), &options).await.map_err(|problem| problem.code).err()
    };
    let households = || into(Collection::Households);
    assert_eq!(code("empty.csv", b"", households()).await, Some(Code::InvalidValue));
    assert_eq!(code("double.csv", b"code,code\n1,2\n", households()).await, Some(Code::InvalidValue));
    assert_eq!(code("header.csv", b"code,member_count\n", households()).await, None);
    assert_eq!(code("wide.csv", b"\xFF\xFEc\0o\0", households()).await, Some(Code::InvalidEncoding));
    assert_eq!(
        code("cut.geojson", b"{\"type\":\"FeatureCollection\",\"features\":[{", households()).await,
        Some(Code::InvalidJson)
    );
    assert_eq!(code("what.bin", b"\x7fELF", households()).await, Some(Code::UnsupportedMediaType));
    let strict = ImportOptions { strict: true, ..households() };
    assert_eq!(code("strict.csv", b"code,colour\n1,2\n", strict).await, Some(Code::UnknownField));
    let crs = ImportOptions { crs: Some("EPSG:99999".to_owned()), ..households() };
    assert!(code("crs.csv", b"code,lon,lat\n1,2,3\n", crs).await.is_some());
    let nobody = Actor { role: Role::Observer, ..admin() };
    let path = room.file("fine.csv", b"code,member_count,lon,lat\nA,1,103,22\n");
    let refused = import_file(&room.dyn_store(), &nobody, &path, &households(), now(), &mut |_| Ok(())).await;
    assert_eq!(refused.unwrap_err().code, Code::Forbidden);
    assert!(room.records(Collection::Households).await.is_empty());
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_counts_all() {
    let room = Room::new();
    let options = ImportOptions { dry_run: true, ..into(Collection::Households) };
    let summary = room.import_text("a.csv", "code,member_count,lon,lat\nA,3,103.2,22.4\n", &options).await;
    assert_eq!((summary.created, summary.written, summary.seq), (1, false, 0));
    assert!(room.records(Collection::Households).await.is_empty());
    assert_eq!(*room.store.durable_seq().borrow(), 0);
}

#[tokio::test]
async fn importing_twice_doubles_nothing_and_changes_what_changed() {
    let room = Room::new();
    let options = into(Collection::Households);
    let text = "code,member_count,lon,lat,colour\nA,3,103.2,22.4,red\nB,4,103.3,22.4,\n";
    let first = room.import_text("a.csv", text, &options).await;
    let again = room.import_text("a.csv", text, &options).await;
    assert_eq!((again.created, again.updated, again.unchanged, again.seq), (0, 0, 2, 0));
    let changed =
        room.import_text("a.csv", "code,member_count,lon,lat\nA,5,103.2,22.4\nB,4,103.3,22.4\n", &options).await;
    assert_eq!((changed.created, changed.updated, changed.unchanged), (0, 1, 1));
    assert!(changed.seq > first.seq);
    let found = room.records(Collection::Households).await;
    let a = found.iter().find(|record| value(record, "code") == json!("A")).unwrap();
    assert_eq!((value(a, "member_count"), a.version), (json!(5), 2));
    assert_eq!(value(a, "extra"), json!({ "colour": "red" }), "a column that the file lacks is left alone");
    assert_eq!(check(room.data.path()).unwrap(), []);
}

#[tokio::test]
async fn dates_that_can_be_read_two_ways_are_refused_until_somebody_says_how() {
    let room = Room::new();
    let text = "kind,event_date,lon,lat\nlandslide,7/3/2017 14:33,103,22\nlandslide,8/4/2017,103,22\n";
    let summary = room.import_text("us.csv", text, &into(Collection::Incidents)).await;
    assert_eq!(summary.refused.count, 2);
    assert_eq!(reasons(&summary)[0], (2, "event_date".to_owned(), Code::InvalidValue));
    assert!(summary.refused.kept[0].problem.detail_en.contains(":mdy"));
    let said = with_rules(Collection::Incidents, &["event_date=occurred_at:mdy"]);
    let summary = room.import_text("us.csv", text, &said).await;
    assert_eq!(summary.created, 2);
    let found = room.records(Collection::Incidents).await;
    let times: Vec<Value> = found.iter().map(|record| value(record, "occurred_at")).collect();
    assert!(times.contains(&json!("2017-07-03T07:33:00.000Z")), "{times:?}");
    for record in found {
        assert_eq!(value(&record, "state"), json!("closed"));
        assert_eq!(value(&record, "outcome"), json!("resolved"));
        assert_eq!(value(&record, "channel"), json!("import"));
        assert_eq!(value(&record, "located_by"), json!("import"));
        assert!(value(&record, "code").as_str().unwrap().starts_with("LC-2017-Q3-"), "{}", record.properties);
    }
}

#[tokio::test]
async fn an_import_never_closes_an_incident_that_lives() {
    let room = Room::new();
    let id = uuid::Uuid::now_v7();
    let live = super::store_support::put(
        Collection::Incidents,
        id,
        json!({ "kind": "landslide", "state": "reported", "title": "Sạt lở" }),
    );
    super::store_support::put_one(&*room.store, live).await.unwrap();
    let text = format!("id,kind,state,title,lon,lat\n{id},landslide,closed,Sạt lở lớn,103.1,22.3\n");
    let summary = room.import_text("again.csv", &text, &into(Collection::Incidents)).await;
    assert_eq!(summary.updated, 1);
    let found = room.records(Collection::Incidents).await;
    assert_eq!((value(&found[0], "state"), value(&found[0], "title")), (json!("reported"), json!("Sạt lở lớn")));
}

#[tokio::test]
async fn vn_2000_points_land_where_they_are() {
    let room = Room::new();
    let crs = Crs::parse("EPSG:9205").unwrap();
    let places = [(103.1633, 22.6061), (102.5, 22.5), (103.9, 21.7)];
    let mut text = "code,member_count,x,y\n".to_owned();
    for (at, (lon, lat)) in places.iter().enumerate() {
        let [east, north] = crs.from_wgs84(*lon, *lat).unwrap();
        text.push_str(&format!("{at},1,{east:.3},{north:.3}\n"));
    }
    let options = ImportOptions { crs: Some("EPSG:9205".to_owned()), ..into(Collection::Households) };
    let summary = room.import_text("vn.csv", &text, &options).await;
    assert_eq!(summary.created, 3, "{:?}", reasons(&summary));
    for record in room.records(Collection::Households).await {
        let Some(geo_types::Geometry::Point(point)) = record.geometry else { panic!("a point") };
        let (lon, lat) = places[value(&record, "code").as_str().unwrap().parse::<usize>().unwrap()];
        assert!(distance_m(point.x(), point.y(), lon, lat) < 0.01);
    }
    // The surveyors' own order, X to the north, is read as it is meant and told; against a rule it is refused.
    let [east, north] = crs.from_wgs84(103.0, 22.0).unwrap();
    let swapped = format!("code,member_count,x,y\nS,1,{north},{east}\n");
    let ruled = ImportOptions { rules: vec!["x=lon".parse().unwrap()], ..options.clone() };
    let summary = room.import_text("swapped.csv", &swapped, &ruled).await;
    assert_eq!(summary.refused.kept[0].problem.code, Code::CoordinatesSwapped);
    let summary = room.import_text("swapped.csv", &swapped, &options).await;
    assert_eq!((summary.created, summary.notes.len()), (1, 1), "{:?}", reasons(&summary));
    // GeoJSON that names its system needs no --crs.
    let named = json!({ "type": "FeatureCollection",
        "crs": { "type": "name", "properties": { "name": "urn:ogc:def:crs:EPSG::9205" } },
        "features": [{ "type": "Feature", "properties": { "code": "N", "member_count": 2 },
            "geometry": { "type": "Point", "coordinates": [east, north] } }] });
    let summary = room.import_text("named.geojson", &named.to_string(), &into(Collection::Households)).await;
    assert_eq!(summary.created, 1, "{:?}", reasons(&summary));
}

#[tokio::test]
async fn areas_need_no_map_and_stand_in_line_with_the_seeded_ground() {
    let room = Room::new();
    seed::ground(&room.dyn_store(), now()).await.unwrap();
    let before = room.records(Collection::AdminUnits).await.len();
    let text = "code,name,full_name,type,former_units,wkt\n\
        03466,Bum Nưa,Xã Bum Nưa,Xã,Xã Pa Vệ Sủ; Xã Bum Nưa,\"POLYGON((102.8 22.4,102.9 22.4,102.9 22.5,102.8 22.5,102.8 22.4))\"\n\
        99999,Nơi xa,Phường Nơi Xa,Phường,,\"POLYGON((-10 50,-9 50,-9 51,-10 51,-10 50))\"\n";
    let summary = room.import_text("units.csv", text, &into(Collection::AdminUnits)).await;
    assert_eq!((summary.created, summary.updated), (1, 1), "{:?}", reasons(&summary));
    let units = room.records(Collection::AdminUnits).await;
    assert_eq!(units.len(), before + 1);
    let bum_nua = units.iter().find(|u| value(u, "full_name") == json!("Xã Bum Nưa")).unwrap();
    assert_eq!(value(bum_nua, "kind"), json!("commune"));
    assert_eq!(value(bum_nua, "source"), Value::Null, "the old source does not speak of the new shape");
    // A household inside the new shape finds its commune, one outside the province none.
    let text = "code,member_count,lon,lat\nin,1,102.85,22.45\nout,1,-50,10\n";
    room.import_text("h.csv", text, &into(Collection::Households)).await;
    let homes = room.records(Collection::Households).await;
    let of = |code: &str| value(homes.iter().find(|h| value(h, "code") == json!(code)).unwrap(), "admin_unit");
    assert_eq!((of("in"), of("out")), (json!("03466"), Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_changed_meanwhile_is_matched_once_more() {
    let room = Room::new();
    let options = into(Collection::Households);
    room.import_text("a.csv", "code,member_count,lon,lat\nA,3,103.2,22.4\n", &options).await;
    let held = room.records(Collection::Households).await.remove(0);
    let path = room.file("b.csv", "code,member_count,lon,lat\nA,5,103.2,22.4\n");
    let store = room.dyn_store();
    let import = async |changes: usize| {
        let mut left = changes;
        let mut meddle = |step: Step| {
            if matches!(step, Step::Write { .. }) && left > 0 {
                left -= 1;
                let mut put = super::store_support::put(Collection::Households, held.id, json!({ "member_count": 4 }));
                put.properties.insert("code".to_owned(), json!("A"));
                put.properties.insert("note".to_owned(), json!(format!("lần {left}")));
                tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current()
                        .block_on(super::store_support::put_one(&*room.store, put))
                        .unwrap();
                });
            }
            Ok(())
        };
        import_file(&store, &admin(), &path, &options, now(), &mut meddle).await
    };
    assert_eq!(import(2).await.unwrap_err().code, Code::VersionConflict);
    assert_eq!(import(1).await.unwrap().updated, 1);
    let found = room.records(Collection::Households).await.remove(0);
    assert_eq!((value(&found, "member_count"), value(&found, "note")), (json!(5), json!("lần 0")));
}

#[tokio::test]
async fn whoever_hears_of_the_progress_can_give_an_import_up() {
    let room = Room::new();
    let path = room.file("a.csv", "code,member_count,lon,lat\nA,3,103.2,22.4\n");
    let gone = || Problem::new(Code::TooBusy, "thôi", "enough");
    for stop_at in [Step::Survey { done: 0 }, Step::Check { done: 1, of: 1 }, Step::Write { rows: 1 }] {
        let mut progress = |step: Step| if step == stop_at { Err(gone()) } else { Ok(()) };
        let options = into(Collection::Households);
        let given_up = import_file(&room.dyn_store(), &admin(), &path, &options, now(), &mut progress).await;
        assert_eq!(given_up.unwrap_err(), gone());
    }
    assert!(room.records(Collection::Households).await.is_empty());
}
