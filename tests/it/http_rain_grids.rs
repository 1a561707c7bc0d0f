//! Grids of rain through the front door: a file comes in and raises a level; what is no grid leaves nothing; the command
//! goes through the server or into the folder; two nodes say the same.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use trucban::domain::Timestamp;
use trucban::http::BODY_BYTES_MAX;

use crate::http_nodes::until;
use crate::http_support::{Caller, Server, done, id, problem};
use crate::postgres_support::TestDatabase;
use crate::rain_grids::{even, geotiff, geotiff_with};
use crate::store_support::Folder;

const SLOPE: [f64; 2] = [103.70, 22.15];
const CORNER: [f64; 2] = [102.2, 23.0];
const SIZE: [usize; 2] = [20, 16];

fn at(hours_ago: i64) -> Timestamp {
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    Timestamp::from_ms(now_ms.div_euclid(3_600_000) * 3_600_000).plus_s(-3_600 * hours_ago)
}

async fn slope(caller: &Caller) -> Value {
    let ([lon, lat], d) = (SLOPE, 0.004);
    let ring = [[lon - d, lat - d], [lon + d, lat - d], [lon + d, lat + d], [lon - d, lat + d], [lon - d, lat - d]];
    let item = json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {
        "name": "Sườn Mường Khoa", "kind": "landslide", "valid_to": at(-48).to_string(), "susceptibility": 4,
    }});
    done(caller.post("/api/collections/risk_zones/items", item).await, StatusCode::CREATED).await
}

/// The query of a grid of the hours up to so many ago.
fn observed(ago: i64, hours: i64) -> Vec<(&'static str, String)> {
    vec![
        ("kind", "observed".to_owned()),
        ("source", "ra đa Pha Đin".to_owned()),
        ("starts_at", at(ago + hours).to_string()),
        ("ends_at", at(ago).to_string()),
        ("name", "mua.tif".to_owned()),
    ]
}

fn with(mut query: Vec<(&'static str, String)>, name: &'static str, value: &str) -> Vec<(&'static str, String)> {
    query.retain(|(known, _)| *known != name);
    query.push((name, value.to_owned()));
    query
}

fn path(query: &[(&'static str, String)]) -> String {
    let url = reqwest::Url::parse_with_params("http://here/api/rain_grids", query).unwrap();
    format!("{}?{}", url.path(), url.query().unwrap())
}

async fn send(caller: &Caller, query: &[(&'static str, String)], file: Vec<u8>) -> Response {
    let request = caller.ask(Method::POST, &path(query)).header("content-type", "image/tiff");
    request.body(file).send().await.unwrap()
}

async fn levels(caller: &Caller, zone: &Value, is_so: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/api/risk_zones/{}/levels", id(zone));
    let mut levels = Value::Null;
    for _ in 0..200 {
        levels = caller.read(&path).await;
        if is_so(&levels) {
            return levels;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the levels did not become so: {levels}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grid_raises_a_level_that_names_it_and_one_that_is_taken_back_does_not_count() {
    let server = Server::demo().await;
    let (planner, observer) = (server.actor("planner"), server.actor("observer"));
    let zone = slope(&planner).await;
    for (day, mm) in [(1, 10.0), (2, 10.0), (3, 0.0)] {
        done(send(&planner, &observed(24 * day, 24), even(mm)).await, StatusCode::OK).await;
    }
    let taken = done(send(&planner, &observed(0, 24), even(250.0)).await, StatusCode::OK).await;
    assert_eq!((&taken["outcome"], &taken["grid"]["max_mm"]), (&json!("accepted"), &json!(250.0)));
    assert_eq!((&taken["grid"]["file_name"], &taken["grid"]["known_share"]), (&json!("mua.tif"), &json!(1.0)));
    // After two days of rain the table names more than 200 mm not; after 10 mm a day it is a gap.
    let told = levels(&planner, &zone, |levels| levels["computed"]["rain_24h_mm"].as_f64() > Some(230.0)).await;
    let computed = &told["computed"];
    assert_eq!((&computed["rain_days"], &computed["stale"]), (&json!(2), &json!(false)));
    let asked = &computed["rain_grids"][0];
    assert_eq!((&asked["source"], &asked["decides"]), (&json!("ra đa Pha Đin"), &json!(true)), "{asked}");
    assert_eq!((&asked["grid_id"], &asked["ends_at"]), (&taken["grid"]["id"], &json!(at(0).to_string())));

    let again = done(send(&planner, &observed(0, 24), even(250.0)).await, StatusCode::OK).await;
    assert_eq!((&again["outcome"], &again["grid"]["version"]), (&json!("repeated"), &json!(1)));
    let corrected = done(send(&planner, &observed(0, 24), even(150.0)).await, StatusCode::OK).await;
    assert_eq!((&corrected["outcome"], &corrected["grid"]["version"]), (&json!("corrected"), &json!(2)));
    let told = levels(&planner, &zone, |levels| levels["computed"]["level"] == 3).await;
    assert_eq!(told["computed"]["rule"]["id"], "QD-18-2021-TTg/46/1/a/very_high");

    // Everybody sees which are known, newest first and without their cells.
    let list = observer.read("/api/rain_grids?limit=2").await;
    assert_eq!((&list["total"], list["grids"].as_array().unwrap().len()), (&json!(4), 2));
    assert_eq!((&list["grids"][0]["id"], &list["grids"][0]["cells"]), (&taken["grid"]["id"], &Value::Null));
    // Whoever may not report rain neither brings nor takes one away.
    problem(send(&observer, &observed(1, 1), even(1.0)).await, 403, "forbidden").await;
    let path = format!("/api/rain_grids/{}", taken["grid"]["id"].as_str().unwrap());
    problem(observer.ask(Method::DELETE, &path).send().await.unwrap(), 403, "forbidden").await;
    problem(send(&server.anybody(), &observed(1, 1), even(1.0)).await, 401, "sign_in_required").await;
    let gone = planner.ask(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    // Nothing is known of the last day now: the level stays, and is old.
    levels(&planner, &zone, |levels| levels["computed"]["stale"] == true && levels["computed"]["level"] == 3).await;
    assert_eq!(planner.read("/api/rain_grids").await["total"], 3);
    let by_hand = json!({"type": "Feature", "geometry": null, "properties": {"kind": "observed"}});
    problem(planner.post("/api/collections/rain_grids/items", by_hand).await, 405, "method_not_allowed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_makes_a_grid_come_once_and_is_no_key_to_another() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    let key = "5f0c3b1e-9a76-4a3e-8a55-0c9d2f6b7a10";
    let sent = |query: Vec<(&'static str, String)>, file: Vec<u8>| {
        let request = planner.ask(Method::POST, &path(&query)).header("idempotency-key", key);
        async move { request.body(file).send().await.unwrap() }
    };
    done(sent(observed(0, 1), even(5.0)).await, StatusCode::OK).await;
    done(sent(observed(0, 1), even(5.0)).await, StatusCode::OK).await;
    problem(sent(observed(0, 1), even(6.0)).await, 422, "idempotency_mismatch").await;
    problem(sent(observed(1, 1), even(5.0)).await, 422, "idempotency_mismatch").await;
    assert_eq!(planner.read("/api/rain_grids").await["total"], 1);
}

/// A file whose head says that it holds far more than it does.
fn bomb(mut file: Vec<u8>, side: u32) -> Vec<u8> {
    let first = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    let entries = usize::from(u16::from_le_bytes(file[first..first + 2].try_into().unwrap()));
    for entry in (0..entries).map(|n| first + 2 + 12 * n) {
        // 256 is the width, 257 the height; written as 32-bit numbers.
        if [256, 257].contains(&u16::from_le_bytes(file[entry..entry + 2].try_into().unwrap())) {
            file[entry + 2..entry + 4].copy_from_slice(&4_u16.to_le_bytes());
            file[entry + 8..entry + 12].copy_from_slice(&side.to_le_bytes());
        }
    }
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_grid_of_rain_is_refused_with_its_reason_and_leaves_nothing() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    let seq = planner.read("/health/ready").await["seq"].clone();
    let odd = |mm: f32| geotiff(CORNER, 0.1, SIZE, move |column, row| if (column, row) == (9, 8) { mm } else { 1.0 });
    let keys = |model: u16, epsg: u16| vec![1, 1, 0, 3, 1024, 0, 1, model, 1025, 0, 1, 1, 2048, 0, 1, epsg];
    let placed = |keys: &[u16]| geotiff_with(CORNER, 0.1, SIZE, keys, None, |_, _| 1.0);
    let whole = even(1.0);
    let stray =
        geotiff_with(CORNER, 0.1, SIZE, &keys(2, 4326), Some("-9999"), |_, row| if row == 3 { f32::NAN } else { 1.0 });
    let files: [(&str, Vec<u8>, u16, &str); 17] = [
        ("nothing", Vec::new(), 415, "unsupported_media_type"),
        ("text", b"station,to,minutes,mm\n".to_vec(), 415, "unsupported_media_type"),
        ("a picture", b"\x89PNG\r\n\x1a\n0000".to_vec(), 415, "unsupported_media_type"),
        ("half a file", whole[..whole.len() / 3].to_vec(), 400, "invalid_encoding"),
        ("more than it holds", bomb(whole.clone(), 1_900), 400, "invalid_encoding"),
        ("far more than it holds", bomb(whole.clone(), u32::MAX), 400, "invalid_encoding"),
        ("a grid of no width", bomb(whole.clone(), 0), 400, "invalid_encoding"),
        // A hundred kilobytes that unpack to 17 MB.
        ("a bomb", geotiff([90.0, 40.0], 0.01, [2_100, 2_000], |_, _| 0.0), 422, "limit_exceeded"),
        ("metres", placed(&keys(1, 4326)), 422, "invalid_value"),
        ("VN-2000 in degrees", placed(&keys(2, 4756)), 422, "invalid_value"),
        ("nowhere", placed(&[1, 1, 0, 0]), 422, "invalid_value"),
        ("less than nothing", odd(-0.5), 422, "invalid_value"),
        ("more than ever fell", odd(2_001.0), 422, "invalid_value"),
        ("no number that was named", stray, 422, "invalid_value"),
        ("endless", odd(f32::INFINITY), 422, "invalid_value"),
        ("elsewhere", geotiff([10.0, 50.0], 0.1, SIZE, |_, _| 1.0), 422, "invalid_value"),
        ("finer than rain is known", geotiff([103.0, 22.5], 0.001, SIZE, |_, _| 1.0), 422, "limit_exceeded"),
    ];
    for (what, file, status, code) in files {
        let said = problem(send(&planner, &observed(0, 1), file).await, status, code).await;
        assert_eq!(said["at"], "file", "{what}: {said}");
        let words = [&said["detail_vi"], &said["detail_en"]].map(|words| words.as_str().unwrap().len());
        assert!(words.iter().all(|length| *length > 20), "{what}: {said}");
        println!("{what}: {}", said["detail_en"]);
    }
    let too_many = geotiff([102.0, 23.0], 0.008, [400, 300], |_, _| 1.0);
    problem(send(&planner, &observed(0, 1), too_many).await, 422, "limit_exceeded").await;
    problem(send(&planner, &observed(0, 1), vec![0; BODY_BYTES_MAX + 1]).await, 413, "body_too_large").await;

    let one = || observed(0, 1);
    let forecast = || with(with(one(), "kind", "forecast"), "ends_at", &at(-23).to_string());
    for (query, status, code, place) in [
        (with(one(), "kind", "guess"), 400, "invalid_parameter", "kind"),
        (with(one(), "source", " "), 422, "invalid_value", "source"),
        (with(one(), "starts_at", "hôm qua"), 400, "invalid_parameter", "starts_at"),
        (with(one(), "starts_at", &at(-1).to_string()), 422, "invalid_value", "ends_at"),
        (with(one(), "starts_at", &at(25).to_string()), 422, "invalid_value", "ends_at"),
        (with(one(), "ends_at", &at(-2).to_string()), 422, "future_time", "ends_at"),
        (with(one(), "issued_at", &at(1).to_string()), 422, "invalid_value", "issued_at"),
        (forecast(), 422, "missing_field", "issued_at"),
        (with(forecast(), "issued_at", &at(-5).to_string()), 422, "future_time", "issued_at"),
        (with(one(), "unit", "mm"), 400, "unknown_parameter", "unit"),
        (with(one(), "name", "a\nb"), 400, "invalid_parameter", "name"),
    ] {
        let said = problem(send(&planner, &query, even(1.0)).await, status, code).await;
        assert_eq!(said["at"], place, "{query:?}: {said}");
    }
    for missing in ["kind", "source", "starts_at", "ends_at"] {
        let query: Vec<_> = one().into_iter().filter(|(name, _)| *name != missing).collect();
        let said = problem(send(&planner, &query, even(1.0)).await, 400, "invalid_parameter").await;
        assert_eq!(said["at"], missing);
    }
    problem(planner.ask(Method::DELETE, "/api/rain_grids/nowhere").send().await.unwrap(), 404, "not_found").await;
    assert_eq!(planner.read("/api/rain_grids").await, json!({"grids": [], "total": 0}));
    assert_eq!(planner.read("/health/ready").await["seq"], seq, "nothing was written at all");
}

fn file(folder: &Folder, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_takes_a_grid_through_the_server_and_into_a_folder_that_nobody_holds() {
    let mut server = Server::demo().await;
    let planner = server.actor("planner");
    let files = Folder::new();
    let (good, bad) = (file(&files, "mua.tif", &even(12.0)), file(&files, "bad.tif", &even(-1.0)));
    let (starts_at, ends_at) = (at(1).to_string(), at(0).local_text()[..16].to_owned());
    let absent = files.path().join("absent.tif");
    let command = |file: &PathBuf| -> Vec<String> {
        let file = file.to_str().unwrap();
        let words = ["import", "rain", file, "--kind", "observed", "--source", "ra đa"];
        let times = ["--starts-at", &starts_at, "--ends-at", &ends_at];
        words.iter().chain(&times).map(|word| (*word).to_owned()).collect()
    };
    let (good, bad, absent) = (command(&good), command(&bad), command(&absent));
    let says =
        |server: &Server, words: &[String]| server.trucban_says(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let fails = |server: &Server, words: &[String]| {
        let output = server.trucban(&words.iter().map(String::as_str).collect::<Vec<_>>());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert!(says(&server, &good).contains("taken"));
    assert!(says(&server, &good).contains("unchanged"));
    let list = planner.read("/api/rain_grids").await;
    assert_eq!((&list["total"], &list["grids"][0]["file_name"]), (&json!(1), &json!("mua.tif")));
    let (code, said) = fails(&server, &bad);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("invalid_value") && said.contains("the value is -1"), "{said}");
    assert_eq!(planner.read("/api/rain_grids").await["total"], 1);

    // Nobody serves: the command writes by itself.
    server.stop().await;
    assert!(says(&server, &good).contains("unchanged"));
    let (code, said) = fails(&server, &absent);
    assert!(code == Some(2) && said.contains("absent.tif"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_took_raises_levels_on_the_other() {
    let database = TestDatabase::new();
    let a = Server::demo_node(&database).await;
    let b = Server::demo_node(&database).await;
    let planner = a.actor("planner");
    let zone = slope(&planner).await;
    for (day, mm) in [(0, 150.0), (1, 10.0), (2, 10.0), (3, 0.0)] {
        done(send(&planner, &observed(24 * day, 24), even(mm)).await, StatusCode::OK).await;
    }
    let there = planner.at(&b);
    until("the other node knows the grids and the level", async || {
        let list = there.get("/api/rain_grids").await;
        if list.status() != StatusCode::OK {
            return false;
        }
        let told: Value = there.read(&format!("/api/risk_zones/{}/levels", id(&zone))).await;
        list.json::<Value>().await.unwrap()["total"] == 4 && told["computed"]["level"] == 3
    })
    .await;
}
