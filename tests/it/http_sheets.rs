//! Lists as people keep them: workbooks, pasted cells, rows that stand twice; and an import that is taken back.

use reqwest::{Method, Response, StatusCode};
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use serde_json::{Value, json};

use crate::http_support::{Caller, Server, client, done, problem};
use crate::postgres_support::TestDatabase;
use crate::serve_support::{launch, ready, serve_anywhere};
use crate::store_support::Folder;

/// Both engines, each with a server of its own.
async fn on_both() -> [Server; 2] {
    [Server::demo().await, Server::demo_node(&TestDatabase::new()).await]
}

async fn send(caller: &Caller, query: &str, body: impl Into<reqwest::Body>) -> Response {
    caller.ask(Method::POST, &format!("/api/imports?{query}")).body(body).send().await.unwrap()
}

async fn import(caller: &Caller, query: &str, body: impl Into<reqwest::Body>) -> Value {
    done(send(caller, query, body).await, StatusCode::OK).await
}

async fn undo(caller: &Caller, id: &Value) -> Response {
    let path = format!("/api/imports/{}/undo", id.as_str().unwrap());
    caller.ask(Method::POST, &path).json(&json!({})).send().await.unwrap()
}

async fn count(caller: &Caller, collection: &str) -> u64 {
    let page = caller.read(&format!("/api/collections/{collection}/items?limit=1")).await;
    page["numberMatched"].as_u64().unwrap()
}

async fn household(caller: &Caller, code: &str) -> Value {
    caller.read(&format!("/api/collections/households/items?code={code}")).await["features"][0].clone()
}

/// Line, field and code of each refused row.
fn refused(answer: &Value) -> Vec<(u64, String, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let rows = answer["refusals"].as_array().unwrap();
    rows.iter().map(|row| (row["line"].as_u64().unwrap(), text(row, "field"), text(row, "code"))).collect()
}

/// A list as a commune keeps it: a title above, a date that is a date, a formula, an error, a blank line, a cell beside.
pub fn workbook() -> Vec<u8> {
    let mut book = Workbook::new();
    let hidden = book.add_worksheet().set_name("Danh mục").unwrap();
    hidden.set_hidden(true).write(0, 0, "không phải bảng này").unwrap();
    let sheet = book.add_worksheet().set_name("Hộ dân").unwrap();
    sheet.set_active(true).write(0, 0, "DANH SÁCH HỘ DÂN VÙNG SẠT LỞ").unwrap();
    for (at, head) in
        ["Mã hộ", "Họ tên chủ hộ", "Bản", "Số khẩu", "Kinh độ", "Vĩ độ", "Ngày rà soát"].into_iter().enumerate()
    {
        sheet.write(2, at as u16, head).unwrap();
    }
    let date = Format::new().set_num_format("dd/mm/yyyy");
    let mut row = 3;
    for (code, people, lon) in [("X-1", 4.0, 103.201), ("X-2", 5.0, 103.202), ("X-3", -2.0, 103.203)] {
        sheet.write(row, 0, code).unwrap();
        sheet.write(row, 1, format!("Lò Văn {code}")).unwrap();
        sheet.write(row, 2, "  Na\u{302}\u{323}m Cha\u{309} ").unwrap();
        sheet.write(row, 3, people).unwrap();
        sheet.write(row, 4, lon).unwrap();
        sheet.write(row, 5, 22.4).unwrap();
        sheet.write_with_format(row, 6, ExcelDateTime::from_ymd(2026, 11, 3).unwrap(), &date).unwrap();
        row += 1;
    }
    row += 1;
    sheet.write(row, 0, "X-4").unwrap();
    sheet.write_formula(row, 3, Formula::new("=2+1").set_result("3")).unwrap();
    sheet.write(row, 4, "103.204").unwrap();
    sheet.write(row, 5, "22.4").unwrap();
    row += 1;
    sheet.write(row, 0, "X-5").unwrap();
    sheet.write_formula(row, 3, Formula::new("=1/0").set_result("#DIV/0!")).unwrap();
    row += 1;
    sheet.write(row, 0, "X-6").unwrap();
    sheet.write(row, 12, "bên ngoài bảng").unwrap();
    book.save_to_buffer().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_is_shown_then_read_with_the_numbers_of_its_own_rows() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    let before = count(&planner, "households").await;
    let call = "collection=households&name=ho.xlsx";
    let shown = import(&planner, &format!("{call}&dry_run=true"), workbook()).await;
    assert_eq!((&shown["rows"], &shown["created"], &shown["written"]), (&json!(6), &json!(3), &json!(false)));
    let columns: Vec<_> = shown["columns"].as_array().unwrap().iter().map(|c| c["field"].as_str().unwrap()).collect();
    assert_eq!(columns, ["code", "head_name", "hamlet", "member_count", "lon", "lat", "extra"]);
    assert_eq!(shown["columns"][6]["samples"][0], "2026-11-03");
    assert_eq!(shown["columns"][0]["samples"].as_array().unwrap().len(), 4, "rows that can be read, up to twenty");
    let rows = refused(&shown);
    let of = |line: u64| rows.iter().find(|row| row.0 == line).map(|(_, field, code)| (field.as_str(), code.as_str()));
    assert_eq!(of(6), Some(("Số khẩu", "invalid_value")), "{rows:?}");
    assert_eq!(of(9), Some(("Số khẩu", "invalid_value")));
    assert_eq!(of(10).map(|row| row.1), Some("invalid_value"));
    let taken = import(&planner, &format!("{call}&skip_bad=true"), workbook()).await;
    assert_eq!((&taken["created"], &taken["refused"], &taken["written"]), (&json!(3), &json!(3), &json!(true)));
    assert_eq!(taken["columns"], json!([]));
    let first = household(&planner, "X-1").await;
    assert_eq!(first["properties"]["hamlet"], "Nậm Chả", "one letter, not letter and mark");
    assert_eq!(first["properties"]["extra"], json!({"Ngày rà soát": "2026-11-03"}));
    assert_eq!(household(&planner, "X-4").await["properties"]["member_count"], 3);
    assert_eq!(count(&planner, "households").await, before + 3);
    let other = send(&planner, &format!("{call}&layer=Sheet9"), workbook()).await;
    assert!(problem(other, 400, "invalid_parameter").await["detail"].as_str().unwrap().contains("Hộ dân"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_that_cannot_be_read_is_told_and_writes_nothing() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    let cut = workbook()[..900].to_vec();
    let locked = [&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1][..], &[0; 600]].concat();
    let empty = {
        let mut book = Workbook::new();
        book.add_worksheet();
        book.save_to_buffer().unwrap()
    };
    for (body, status, code) in [
        (cut, 415, "unsupported_media_type"),
        (locked, 415, "unsupported_media_type"),
        (zip(&[("a.txt", b"no workbook".to_vec())]), 415, "unsupported_media_type"),
        (empty, 422, "invalid_value"),
        (zip(&[("xl/workbook.xml", vec![b' '; 520 << 20])]), 422, "limit_exceeded"),
    ] {
        let told = send(&planner, "collection=households&name=a.xlsx", body).await;
        let told = problem(told, status, code).await;
        assert!(!told.to_string().contains("/imports/0"), "no path of the server is told: {told}");
    }
}

fn zip(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn pasted_cells_in_metres_are_known_for_what_they_are() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    // X is the northing, as surveyors of the country write it; numbers have a comma.
    let pasted =
        "Họ và tên\tSố nhân khẩu\tX (m)\tY (m)\nGiàng A, bố\t4\t2475123,5\t542000,25\nLý Thị B\t3\t2475223,5\t542100\n";
    let call = "collection=households&name=dan.tsv&dry_run=true";
    let told = import(&planner, call, pasted).await;
    assert_eq!((&told["rows"], &told["refused"], &told["crs_guess"]), (&json!(2), &json!(2), &json!("EPSG:9205")));
    let fields: Vec<_> = told["columns"].as_array().unwrap().iter().map(|c| c["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["head_name", "member_count", "lat", "lon"]);
    assert_eq!(told["columns"][2]["format"], "comma");
    let told = import(&planner, &format!("{call}&crs=EPSG:9205"), pasted).await;
    assert_eq!(
        (&told["created"], &told["refused"], &told["crs_guess"]),
        (&json!(2), &json!(0), &Value::Null),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_twice_is_refused_if_it_is_sure_and_told_if_it_may_be() {
    for server in on_both().await {
        let planner = server.actor("planner");
        let first = "code,head_name,member_count,lon,lat\nT-1,Lò Văn Pành,4,103.3001,22.4\n";
        import(&planner, "collection=households&name=a.csv", first).await;
        let text = "code,head_name,member_count,lon,lat,Xã\n\
                    T-2,Vàng A Sử,4,103.31,22.41,\n\
                    T-2,Vàng A Sử,5,103.31,22.41,\n\
                    ,Giàng A Páo,5,103.32,22.41,\n\
                    ,Giàng A Páo,5,103.32,22.41,\n\
                    ,giang a pao,5,103.3202,22.41,\n\
                    T-9,Lò Văn Pành,4,103.3003,22.4,Xã Không Có\n\
                    T-1,Lò Văn Pành,6,103.3001,22.4,\n";
        let answer = import(&planner, "collection=households&name=b.csv&dry_run=true", text).await;
        let twice = |line: u64, field: &str| (line, field.to_owned(), "duplicate_row".to_owned());
        assert_eq!(refused(&answer), [twice(3, "code"), twice(5, "")], "{answer}");
        assert!(answer["refusals"][1]["detail_en"].as_str().unwrap().contains("line 4"));
        let doubts: Vec<_> = answer["doubtful"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| (d["line"].as_u64().unwrap(), d["kind"].as_str().unwrap(), d["other_line"].as_u64()))
            .collect();
        let told = [(6, "same_in_file", Some(4)), (7, "other_commune", None), (8, "same_in_file", Some(7))];
        assert_eq!(doubts, told, "{answer}");
        assert_eq!((&answer["created"], &answer["updated"]), (&json!(4), &json!(1)));
        // The record of T-1 is no double of T-9 here, since line 8 stands for it; without that line it is.
        let text = "code,head_name,member_count,lon,lat\nT-9,Lò Văn Pành,4,103.3003,22.4\n";
        let answer = import(&planner, "collection=households&name=b.csv&dry_run=true", text).await;
        assert_eq!(answer["doubtful"][0]["kind"], "same_in_store", "{answer}");
        let known = household(&planner, "T-1").await["id"].clone();
        assert_eq!(answer["doubtful"][0]["other_id"], known);
        // Whoever may not see households one by one is told of none, and who is told stands in the audit.
        let admin = server.actor("admin");
        let answer = import(&admin, "collection=households&name=b.csv&dry_run=true", text).await;
        assert_eq!(answer["doubts"], 0, "{answer}");
        server.audit.flush().unwrap();
        let rows = admin.read(&format!("/api/audit?record={}", known.as_str().unwrap())).await;
        let places = rows["rows"].as_array().unwrap().iter().map(|row| row["place"].clone());
        assert!(places.collect::<Vec<_>>().contains(&json!("POST /api/imports")), "{rows}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_taken_back_in_one_step() {
    for server in on_both().await {
        let (planner, officer) = (server.actor("planner"), server.actor("duty_officer"));
        let head = "code,head_name,member_count,note,lon,lat\n";
        let first = format!("{head}U-1,Ông Một,4,cũ,103.31,22.41\nU-2,Ông Hai,2,,103.32,22.42\n");
        let first = import(&planner, "collection=households&name=a.csv", first).await;
        let (was, households) = (household(&planner, "U-1").await, count(&planner, "households").await);
        // More than one ordinary call takes, so that the rows are staged.
        let mut text = format!("{head}U-1,Bà Mới,6,mới,103.36,22.46\nU-2,Ông Hai,2,,103.32,22.42\n");
        for n in 0..700 {
            text.push_str(&format!("N-{n},Hộ {n},3,,{:.5},22.43\n", 103.3 + f64::from(n) * 1e-4));
        }
        let answer = import(&planner, "collection=households&name=th%C3%A1ng+11.csv", text.clone()).await;
        let told = (&answer["created"], &answer["updated"], &answer["unchanged"]);
        assert_eq!(told, (&json!(700), &json!(1), &json!(1)), "{answer}");
        assert_eq!(count(&planner, "households").await, households + 700);
        let entry = planner.read(&format!("/api/collections/duty_log/items/{}", answer["id"].as_str().unwrap())).await;
        assert_eq!(entry["properties"]["kind"], "imported");
        assert_eq!(entry["properties"]["facts"]["file"], "tháng 11.csv");
        problem(undo(&officer, &answer["id"]).await, 403, "forbidden").await;
        let undone = done(undo(&planner, &answer["id"]).await, StatusCode::OK).await;
        assert_eq!((&undone["removed"], &undone["restored"]), (&json!(700), &json!(1)));
        assert_eq!(count(&planner, "households").await, households);
        let is = household(&planner, "U-1").await;
        assert_eq!(is["geometry"], was["geometry"]);
        for name in ["head_name", "member_count", "note", "state", "admin_unit", "source"] {
            assert_eq!(is["properties"][name], was["properties"][name], "{name}");
        }
        assert_eq!(is["properties"]["version"], 3, "nothing is erased from the journal");
        let told = problem(undo(&planner, &answer["id"]).await, 409, "already_undone").await;
        assert_eq!(told["by"], "planner");
        let log = planner.read("/api/collections/duty_log/items?kind=import_undone").await;
        assert_eq!(log["features"][0]["properties"]["corrects_id"], answer["id"]);
        // The same file comes in again as if it had never been there.
        let again = import(&planner, "collection=households&name=th%C3%A1ng+11.csv", text).await;
        assert_eq!((&again["created"], &again["updated"]), (&json!(700), &json!(1)));
        problem(undo(&planner, &first["id"]).await, 409, "changed_since").await;
        done(undo(&planner, &again["id"]).await, StatusCode::OK).await;
        assert_eq!(count(&planner, "households").await, households);
        // Now that the later ones are taken back, the first one can be.
        done(undo(&planner, &first["id"]).await, StatusCode::OK).await;
        assert_eq!(count(&planner, "households").await, households - 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_somebody_has_worked_on_since_stays_and_the_records_are_named() {
    for server in on_both().await {
        let planner = server.actor("planner");
        let text = "code,member_count,lon,lat\nW-1,4,103.31,22.41\nW-2,2,103.32,22.42\n";
        let answer = import(&planner, "collection=households&name=a.csv", text).await;
        let record = household(&planner, "W-2").await;
        let path = format!("/api/collections/households/items/{}", record["id"].as_str().unwrap());
        let patch = planner.ask(Method::PATCH, &path).header("if-match", "\"1\"");
        done(patch.json(&json!({"properties": {"note": "đã gọi"}})).send().await.unwrap(), StatusCode::OK).await;
        let told = problem(undo(&planner, &answer["id"]).await, 409, "changed_since").await;
        assert_eq!(told["count"], 1);
        assert_eq!((&told["records"][0]["label"], &told["records"][0]["by"]), (&json!("W-2"), &json!("planner")));
        assert_eq!(household(&planner, "W-1").await["properties"]["version"], 1, "nothing was undone");
        // What is no import of ours.
        let nobody = json!("018f2f3e-0000-7000-8000-000000000000");
        problem(undo(&planner, &nobody).await, 404, "not_found").await;
        let past = "title,kind,occurred_at,lon,lat\nSạt lở,landslide,2025-07-01 10:00,103.3,22.4\n";
        let answer = import(&planner, "collection=incidents&name=a.csv", past).await;
        problem(undo(&planner, &answer["id"]).await, 405, "method_not_allowed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn units_and_zones_are_taken_back_too() {
    for server in on_both().await {
        let planner = server.actor("planner");
        let units = "Ký hiệu,Tên đơn vị,Lực lượng,Loại,Quân số\nQ-1,Tổ một,Công an,Cứu hộ,6\nQ-2,Tổ hai,Biên phòng,Tổ tuần tra,5\n";
        let before = count(&planner, "units").await;
        let answer = import(&planner, "collection=units&name=a.csv", units).await;
        assert_eq!(answer["created"], 2, "{answer}");
        done(undo(&planner, &answer["id"]).await, StatusCode::OK).await;
        assert_eq!(count(&planner, "units").await, before);
        let zones = "name;kind;valid_to;wkt\nKhe A;landslide;2099-01-01T00:00:00Z;POLYGON((103.3 22.4,103.31 22.4,103.31 22.41,103.3 22.4))\n";
        let before = count(&planner, "risk_zones").await;
        let answer = import(&planner, "collection=risk_zones&name=a.csv", zones).await;
        assert_eq!(answer["created"], 1, "{answer}");
        done(undo(&planner, &answer["id"]).await, StatusCode::OK).await;
        assert_eq!(count(&planner, "risk_zones").await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_taken_back_after_a_restart() {
    let data = Folder::new();
    let text = "code,member_count,lon,lat\nR-1,4,103.31,22.41\n";
    let count = async |base: &str| {
        let url = format!("{base}/api/collections/households/items?limit=1");
        client().get(url).send().await.unwrap().json::<Value>().await.unwrap()["numberMatched"].clone()
    };
    let id = {
        let process = launch(serve_anywhere(&["--no-accounts"], data.path()));
        ready(&process).await;
        let url = format!("{}/api/imports?collection=households&name=a.csv", process.base);
        let answer = done(client().post(url).body(text).send().await.unwrap(), StatusCode::OK).await;
        assert_eq!(count(&process.base).await, 1);
        answer["id"].as_str().unwrap().to_owned()
    };
    let process = launch(serve_anywhere(&["--no-accounts"], data.path()));
    ready(&process).await;
    assert_eq!(count(&process.base).await, 1);
    let url = format!("{}/api/imports/{id}/undo", process.base);
    let undone = done(client().post(url).json(&json!({})).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((&undone["removed"], count(&process.base).await), (&json!(1), json!(0)));
}
