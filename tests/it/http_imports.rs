//! Files imported into a folder that a server holds: by the command, which goes through the server, and by the API.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::http_sheets::workbook;
use crate::http_support::{Caller, Server, client, done, problem};
use crate::serve_support::{Process, launch, ready, serve_anywhere};
use crate::store_support::Folder;

/// Line 3 is swapped, line 4 no number.
const BAD_CSV: &str = "code,member_count,lon,lat,colour\nA,3,103.2,22.4,red\nB,3,22.4,103.2,\nC,three,103.2,22.4,\n";

fn good_geojson() -> String {
    let feature = |code: &str, lon: f64| {
        json!({"type": "Feature", "properties": {"code": code, "member_count": 4, "head_name": "Hộ một"},
            "geometry": {"type": "Point", "coordinates": [lon, 22.4]}})
    };
    json!({"type": "FeatureCollection", "features": [feature("G-1", 103.2), feature("G-2", 103.3)]}).to_string()
}

fn file(files: &Folder, name: &str, text: &str) -> PathBuf {
    let path = files.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// `trucban import FILE --collection C --data DATA …`.
fn command(data: &Path, file: &Path, collection: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trucban"));
    command.arg("import").arg(file).args(["--collection", collection]).arg("--data").arg(data).args(more);
    command.env_remove("TRUCBAN_TOKEN").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code, what was said, what was complained of.
fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

async fn count(process: &Process, collection: &str) -> u64 {
    let page =
        client().get(format!("{}/api/collections/{collection}/items?limit=1", process.base)).send().await.unwrap();
    page.json::<Value>().await.unwrap()["numberMatched"].as_u64().unwrap()
}

/// Whether a file of an import lies in the data folder.
fn holds_a_file(data: &Path) -> bool {
    std::fs::read_dir(data.join("imports")).unwrap().flatten().any(|entry| entry.path().is_dir())
}

async fn import(caller: &Caller, query: &str, body: impl Into<reqwest::Body>) -> Response {
    caller.ask(Method::POST, &format!("/api/imports?{query}")).body(body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_and_does_the_same_with_and_without_a_server() {
    let (served, alone, files) = (Folder::new(), Folder::new(), Folder::new());
    let process = launch(serve_anywhere(&["--no-accounts"], served.path()));
    ready(&process).await;
    let good = file(&files, "good.geojson", &good_geojson());
    let bad = file(&files, "bad.csv", BAD_CSV);
    let vn = file(&files, "vn.csv", "số hiệu,khẩu,x,y\nV,\"2,0\",542000.5,2480000.25\n");
    let book = files.path().join("ho.xlsx");
    std::fs::write(&book, workbook()).unwrap();
    let cut = file(&files, "cut.geojson", &good_geojson()[..150]);
    let other = file(&files, "what.bin", "\u{7f}ELF");
    let absent = files.path().join("absent.csv");
    let vn_words = [
        "--crs",
        "EPSG:9205",
        "--map",
        "số hiệu=code",
        "--map",
        "khẩu=member_count:comma",
        "--map",
        "x=lon",
        "--map",
        "y=lat",
    ];
    let cases: [(&Path, &[&str], i32, u64); 13] = [
        (&bad, &["--dry-run"], 1, 0),
        (&bad, &[], 1, 0),
        (&bad, &["--skip-bad", "--dry-run"], 0, 0),
        (&bad, &["--strict"], 2, 0),
        (&book, &["--dry-run", "--layer", "Hộ dân"], 1, 0),
        (&cut, &[], 2, 0),
        (&other, &[], 2, 0),
        (&absent, &[], 2, 0),
        (files.path(), &[], 2, 0),
        (&good, &["--dry-run"], 0, 0),
        (&good, &[], 0, 2),
        (&bad, &["--skip-bad"], 0, 3),
        (&vn, &vn_words, 0, 4),
    ];
    for (file, words, code, households) in cases {
        let report = |name: &str| files.path().join(name);
        let run = |data: &Path, report: &Path| {
            let words = [words, &["--report", report.to_str().unwrap()]].concat();
            let told = outcome(&command(data, file, "households", &words).output().unwrap());
            let rows = std::fs::read_to_string(report).unwrap_or_default();
            let _ = std::fs::remove_file(report);
            (told, rows)
        };
        let ((by_server, said, complaint), rows) = run(served.path(), &report("by-server.csv"));
        let ((by_itself, said_alone, complaint_alone), rows_alone) = run(alone.path(), &report("by-itself.csv"));
        assert_eq!((by_server, by_itself), (code, code), "{file:?} {words:?}: {complaint}{complaint_alone}");
        assert_eq!(said, said_alone, "{file:?} {words:?}");
        let first_word = |text: &str| text.split([' ', '\n']).nth(1).unwrap_or_default().to_owned();
        assert_eq!(first_word(&complaint), first_word(&complaint_alone), "{complaint}{complaint_alone}");
        if code < 2 {
            assert!(rows.starts_with("line,field,code,reason_vi,reason_en\n"), "{rows}");
            assert_eq!(rows, rows_alone, "{file:?} {words:?}");
        }
        assert_eq!(count(&process, "households").await, households, "{file:?} {words:?}");
        assert!(!holds_a_file(served.path()), "{file:?} {words:?}");
    }
    let output = command(served.path(), &bad, "households", &[]).output().unwrap();
    let (_, said, _) = outcome(&output);
    for part in [
        "dòng/line 3 · geometry/coordinates · coordinates_swapped",
        "dòng/line 4 · member_count",
        "NOTHING was written",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_demo_the_command_finds_its_token_and_a_role_that_may_not_is_refused() {
    let (data, files) = (Folder::new(), Folder::new());
    // What an import that was cut off has left.
    let left = data.path().join("imports/018f/file");
    std::fs::create_dir_all(left.parent().unwrap()).unwrap();
    std::fs::write(&left, "rest").unwrap();
    let process = launch(serve_anywhere(&["--demo", "--no-simulation"], data.path()));
    ready(&process).await;
    assert!(!left.exists(), "a start clears it away");
    let tokens: Value = serde_json::from_slice(&std::fs::read(data.path().join("demo-tokens.json")).unwrap()).unwrap();
    let good = file(&files, "good.geojson", &good_geojson());
    let by = |token: Option<&str>| {
        let mut command = command(data.path(), &good, "households", &[]);
        command.envs(token.map(|token| ("TRUCBAN_TOKEN", token)));
        outcome(&command.output().unwrap())
    };
    let (code, _, complaint) = by(tokens["duty_officer"].as_str());
    assert!(code == 2 && complaint.contains("forbidden"), "{complaint}");
    let (code, _, complaint) = by(Some("nobody"));
    assert!(code == 2 && complaint.contains("sign_in_required"), "{complaint}");
    let (code, said, complaint) = by(tokens["planner"].as_str());
    assert!(code == 0 && said.contains("mới / new: 2"), "{said}{complaint}");
    let (code, said, complaint) = by(None);
    assert!(code == 0 && said.contains("không đổi / unchanged: 2"), "{said}{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn others_write_while_fifty_thousand_rows_come_in_and_see_all_of_them_at_once() {
    const ROWS: u64 = 50_000;
    let (data, files) = (Folder::new(), Folder::new());
    let process = launch(serve_anywhere(&["--no-accounts"], data.path()));
    ready(&process).await;
    let mut text = "code,member_count,lon,lat\n".to_owned();
    for row in 0..ROWS {
        text.push_str(&format!("R-{row},3,{:.5},{:.5}\n", 102.5 + row as f64 * 2e-5, 22.0 + (row % 997) as f64 * 5e-4));
    }
    let rows = file(&files, "rows.csv", &text);
    let mut importing = command(data.path(), &rows, "households", &[]).spawn().unwrap();
    let client = client();
    let mut written = 0;
    while importing.try_wait().unwrap().is_none() {
        let place = json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": [103.0, 22.0]},
            "properties": {"name": format!("Bản {written}"), "kind": "hamlet"}});
        let url = format!("{}/api/collections/places/items", process.base);
        let answer = client.post(url).json(&place).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED, "{:?}", answer.text().await);
        written += 1;
        let seen = count(&process, "households").await;
        assert!(seen == 0 || seen == ROWS, "{seen} households after {written} writes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (code, said, complaint) = outcome(&importing.wait_with_output().unwrap());
    assert!(code == 0 && said.contains(&format!("mới / new: {ROWS}")), "{said}{complaint}");
    assert!(written > 3, "others could write");
    assert_eq!(count(&process, "households").await, ROWS, "whoever has the answer sees the rows");
    assert!(!holds_a_file(data.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_be_an_import_is_refused_before_its_file_is_read() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    let fine = "collection=households&name=a.csv";
    problem(import(&server.anybody(), fine, BAD_CSV).await, 401, "sign_in_required").await;
    for role in ["duty_officer", "field_unit"] {
        problem(import(&server.actor(role), fine, BAD_CSV).await, 403, "forbidden").await;
        problem(server.actor(role).get("/api/imports/x/report").await, 403, "forbidden").await;
    }
    let unknown = problem(import(&planner, "collection=houses&name=a.csv", BAD_CSV).await, 404, "unknown_collection");
    assert!(unknown.await["allowed"].as_array().unwrap().contains(&json!("households")));
    for (query, code) in [
        ("name=a.csv", "invalid_parameter"),
        ("collection=households", "invalid_parameter"),
        ("collection=households&name=a%0A.csv", "invalid_parameter"),
        ("collection=households&name=a.csv&map=code", "invalid_parameter"),
        ("collection=households&name=a.csv&dry_run=yes", "invalid_parameter"),
        ("collection=households&name=a.csv&colour=red", "unknown_parameter"),
    ] {
        let body = problem(import(&planner, query, BAD_CSV).await, 400, code).await;
        assert!(body["at"].is_string(), "{query}: {body}");
    }
    problem(planner.get("/api/imports/018f2f3e-0000-7000-8000-000000000000/report").await, 404, "not_found").await;
    // More than is taken is refused by what the header says.
    let mut raw = TcpStream::connect(server.base.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "POST /api/imports?{fine} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        trucban::http::IMPORT_BYTES_MAX + 1
    );
    raw.write_all(head.as_bytes()).unwrap();
    let answer = tokio::task::spawn_blocking(move || std::io::read_to_string(raw).unwrap()).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_broken_as_a_whole_is_told_and_writes_nothing() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    let before = planner.read("/api/collections/households/items?limit=1").await["numberMatched"].clone();
    for (name, body, status, code) in [
        ("cut.geojson", good_geojson().as_bytes()[..150].to_vec(), 400, "invalid_json"),
        ("wide.csv", b"\xFF\xFEc\0o\0".to_vec(), 400, "invalid_encoding"),
        ("what.bin", b"\x7fELF".to_vec(), 415, "unsupported_media_type"),
        ("not.gpkg", b"SQLite format 3\0 and no more".to_vec(), 415, "unsupported_media_type"),
        ("empty.csv", Vec::new(), 422, "invalid_value"),
    ] {
        let body = problem(import(&planner, &format!("collection=households&name={name}"), body).await, status, code);
        let body = body.await;
        assert!(!body.to_string().contains("/imports/0"), "no path of the server is told: {body}");
    }
    let strict = import(&planner, "collection=households&name=a.csv&strict=true", BAD_CSV).await;
    assert_eq!(problem(strict, 422, "unknown_field").await["columns"], json!(["colour"]));
    assert_eq!(planner.read("/api/collections/households/items?limit=1").await["numberMatched"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_lists_the_refused_rows_and_links_to_all_of_them() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    let call = "collection=households&name=th%C3%A1ng+11.csv";
    let answer = done(import(&planner, call, BAD_CSV).await, StatusCode::OK).await;
    assert_eq!((&answer["rows"], &answer["refused"], &answer["written"]), (&json!(3), &json!(2), &json!(false)));
    let refusal = &answer["refusals"][1];
    assert_eq!((&refusal["line"], &refusal["field"]), (&json!(4), &json!("member_count")));
    assert_eq!(refusal["code"], "invalid_value");
    assert!(refusal["detail_vi"].is_string() && refusal["detail_en"].is_string());
    let report = planner.get(answer["report"].as_str().unwrap()).await;
    assert_eq!(report.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(report.text().await.unwrap().lines().count(), 3);
    let taken = done(import(&planner, &format!("{call}&skip_bad=true"), BAD_CSV).await, StatusCode::OK).await;
    assert_eq!((&taken["created"], &taken["written"]), (&json!(1), &json!(true)));
    problem(planner.get(answer["report"].as_str().unwrap()).await, 404, "not_found").await;
    let page = planner.read("/api/collections/households/items?code=A").await;
    assert_eq!(page["features"][0]["properties"]["source"], "tháng 11.csv");
    assert!(page["seq"].as_u64() >= taken["seq"].as_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_at_a_time_and_one_that_breaks_off_leaves_nothing() {
    let (data, files) = (Folder::new(), Folder::new());
    let process = launch(serve_anywhere(&["--no-accounts"], data.path()));
    ready(&process).await;
    let good = file(&files, "good.geojson", &good_geojson());
    let mut stalled = TcpStream::connect(process.base.strip_prefix("http://").unwrap()).unwrap();
    let head =
        "POST /api/imports?collection=households&name=a.csv HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n";
    stalled.write_all(format!("{head}{}", &BAD_CSV[..60]).as_bytes()).unwrap();
    let until = async |what: bool| {
        for _ in 0..1_000 {
            if holds_a_file(data.path()) == what {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the folder of files stays as it is");
    };
    until(true).await;
    let (code, _, complaint) = outcome(&command(data.path(), &good, "households", &[]).output().unwrap());
    assert!(code == 2 && complaint.contains("too_busy"), "{complaint}");
    stalled.shutdown(Shutdown::Both).unwrap();
    until(false).await;
    assert_eq!(count(&process, "households").await, 0);
    let (code, said, complaint) = outcome(&command(data.path(), &good, "households", &[]).output().unwrap());
    assert!(code == 0 && said.contains("mới / new: 2"), "{said}{complaint}");
}
