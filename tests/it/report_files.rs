//! The quarterly report as documents: read back, each format tells the figures that the API tells.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::process::Command;

use axum::http::StatusCode;
use calamine::{Data, Reader, Xlsx};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use crate::audit_chain::trucban;
use crate::http_support::{Caller, Server, done, problem};
use crate::report_reading::{Cells, docx_tables, docx_text, numbers, part, pdf_rows, pdf_text, pdf_words};
use crate::store_support::Folder;

const FORMATS: [(&str, &str); 3] = [
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("pdf", "application/pdf"),
];
/// Columns of figures before those of the forces.
const FIGURES: [&str; 5] = ["value", "previous", "delta", "delta_percent", "year_before"];

/// Title and numbers of each figure.
type Figures = Vec<(String, Vec<Option<f64>>)>;

async fn file(caller: &Caller, asked: &str) -> Vec<u8> {
    let response = caller.get(&format!("/api/reports/{asked}")).await;
    assert_eq!(response.status(), StatusCode::OK, "{asked}");
    response.bytes().await.unwrap().to_vec()
}

/// Title and numbers of every figure as the API tells them, with these forces as columns.
fn told(report: &Value, forces: &[&str]) -> Figures {
    let figure = |one: &Value| {
        let figures = FIGURES.iter().map(|name| one[*name].as_f64());
        let forces = forces.iter().map(|force| Some(one["by_force"][*force].as_f64().unwrap_or(0.0)));
        (one["title_vi"].as_str().unwrap().to_owned(), figures.chain(forces).collect())
    };
    report["figures"].as_array().unwrap().iter().map(figure).collect()
}

fn forces(heads: &[String]) -> Vec<&'static str> {
    let force = |head: &String| match head.as_str() {
        "Công an" => "police",
        "Quân sự" => "military",
        "Biên phòng" => "border_guard",
        "Xung kích xã" => "civil",
        other => panic!("a column {other:?}"),
    };
    heads.iter().map(force).collect()
}

/// Figures of a document, with the forces of its columns.
fn of_docx(bytes: &[u8]) -> (Vec<&'static str>, Figures) {
    let tables = docx_tables(bytes).into_iter().filter(|table| table[0].len() > 7);
    let mut found = Vec::new();
    let mut columns = Vec::new();
    for table in tables {
        columns = forces(&table[0][7..]);
        found.extend(table[1..].iter().map(|row| (row[0].clone(), numbers(&row[2..]))));
    }
    (columns, found)
}

fn book(bytes: &[u8]) -> Xlsx<Cursor<Vec<u8>>> {
    Xlsx::new(Cursor::new(bytes.to_vec())).unwrap()
}

fn of_xlsx(bytes: &[u8]) -> (Vec<&'static str>, Figures) {
    let range = book(bytes).worksheet_range("Báo cáo").unwrap();
    let rows: Vec<Vec<Data>> = range.rows().map(<[Data]>::to_vec).collect();
    let head = rows.iter().position(|row| row[0] == Data::String("Nội dung".to_owned())).unwrap();
    let titles: Vec<String> = rows[head][7..].iter().map(Data::to_string).collect();
    let figures = rows[head + 1..].iter().filter(|row| !row[1].to_string().is_empty());
    let number = |cell: &Data| match cell {
        // Nothing is no less than nothing, which a workbook can hold.
        Data::Float(number) if number.is_sign_negative() && *number == 0.0 => panic!("a figure of −0"),
        Data::Float(number) => Some(*number),
        Data::String(text) if text == "không tính" => None,
        other => panic!("a figure {other:?}"),
    };
    let figures = figures.map(|row| (row[0].to_string(), row[2..].iter().map(number).collect()));
    (forces(&titles), figures.collect())
}

/// Every figure of a document is the API's, in all of its columns.
fn agree(format: &str, bytes: &[u8], report: &Value) {
    let (columns, found) = match format {
        "docx" => of_docx(bytes),
        "xlsx" => of_xlsx(bytes),
        _ => {
            let Cells { heads, rows } = pdf_rows(bytes);
            (forces(&heads), rows)
        }
    };
    let told = told(report, &columns);
    assert_eq!(found.len(), told.len(), "{format}");
    for ((title, found), (told_title, told)) in found.iter().zip(&told) {
        assert_eq!(title.nfc().collect::<String>(), *told_title, "{format}");
        assert_eq!(found, told, "{format}: {title}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_tells_the_figures_that_the_api_tells() {
    let server = Server::demo().await;
    let admin = server.actor("admin");
    let report = admin.read("/api/reports/2024Q3").await;
    let published: BTreeMap<&str, f64> =
        BTreeMap::from([("personnel_turns", 1_458.0), ("heroin_g", 2.23), ("tips", 121.0)]);
    for figure in report["figures"].as_array().unwrap() {
        if let Some(value) = published.get(figure["id"].as_str().unwrap()) {
            assert_eq!(figure["value"].as_f64(), Some(*value));
        }
    }
    for (format, media) in FORMATS {
        let response = admin.get(&format!("/api/reports/2024Q3/file?format={format}")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], media);
        let disposition = format!("attachment; filename=\"bao-cao-2024Q3.{format}\"");
        assert_eq!(response.headers()["content-disposition"], disposition);
        agree(format, &response.bytes().await.unwrap(), &report);
    }
    // The command writes the same, beside the running server; of a quarter in which nothing happened.
    let after = admin.read("/api/reports/2024Q4").await;
    let folder = Folder::new();
    for (format, _) in FORMATS {
        let path = folder.path().join(format!("report.{format}"));
        server.trucban_says(&["report", "--quarter", "2024Q4", "--format", format, "-o", path.to_str().unwrap()]);
        agree(format, &std::fs::read(&path).unwrap(), &after);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), FORMATS.len(), "nothing is left beside them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_says_whose_it_is_of_when_and_what_must_be_known_of_it() {
    let server = Server::demo().await;
    let admin = server.actor("admin");
    let before = trucban::store::clock::now();
    let (docx, pdf) = (
        file(&admin, "2024Q3/file?format=docx&classification=secret").await,
        file(&admin, "2024Q3/file?format=pdf&classification=secret").await,
    );
    let (in_docx, in_pdf) = (docx_text(&docx, "word/document.xml"), pdf_text(&pdf));
    let seq = admin.read("/api/reports/2024Q3").await["seq"].as_u64().unwrap();
    let day = before.told_text().split(' ').nth(1).unwrap().to_owned();
    for told in [
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
        "ỦY BAN NHÂN DÂN TỈNH LAI CHÂU",
        "Số: …/BC-…",
        "BÁO CÁO",
        "Quý III năm 2024",
        "SỐ LIỆU MINH HỌA (DEMO)",
        "TỐI MẬT",
        "Nơi nhận:",
        "VII. Phối hợp",
        "Cách đếm.",
        &day,
        &format!("nhật ký đến số {seq}"),
    ] {
        assert!(in_docx.contains(told), "DOCX: {told}");
        assert!(in_pdf.contains(told), "PDF: {told}\n{in_pdf}");
    }
    // Pages are numbered in the middle of the top from the second one on.
    let pages = pdf_words(&pdf);
    assert!(pages.len() >= 2, "{} pages", pages.len());
    for (n, words) in pages.iter().enumerate() {
        let top: Vec<&str> = words
            .iter()
            .filter(|word| word.top < 50.0 && word.text.parse::<u8>().is_ok())
            .map(|word| &*word.text)
            .collect();
        let number = (n + 1).to_string();
        assert_eq!(top, if n == 0 { vec![] } else { vec![number.as_str()] }, "page {}", n + 1);
    }
    let (document, headers) = (part(&docx, "word/document.xml"), ["word/header1.xml", "word/header2.xml"]);
    assert!(document.contains("<w:titlePg"), "the first page has a head of its own");
    let numbered = headers.iter().filter(|name| part(&docx, name).contains("PAGE")).count();
    assert_eq!(numbered, 1, "which has no number");
    let plain = docx_text(&file(&admin, "2024Q3/file?format=docx").await, "word/document.xml");
    assert!(!plain.contains("MẬT"), "nothing is stamped unless it is asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_holds_the_rows_that_its_reader_may_see_and_no_trace_of_the_others() {
    let server = Server::demo().await;
    let (all, officer) = (server.actor("admin"), server.actor("duty_officer"));
    let report = all.read("/api/reports/2024Q3").await;
    let rows_of = |bytes: &[u8]| -> Vec<Vec<Data>> {
        book(bytes).worksheet_range("Dòng số liệu").unwrap().rows().skip(1).map(<[Data]>::to_vec).collect()
    };
    let whole = rows_of(&file(&all, "2024Q3/file?format=xlsx").await);
    for figure in report["figures"].as_array().unwrap() {
        let id = figure["id"].as_str().unwrap();
        let own: Vec<_> = whole.iter().filter(|row| row[1] == Data::String(id.to_owned())).collect();
        assert_eq!(own.len() as u64, figure["rows"].as_u64().unwrap(), "{id}");
        let sum: f64 = own.iter().map(|row| row[6].to_string().parse::<f64>().unwrap()).sum();
        assert!((sum - figure["value"].as_f64().unwrap()).abs() < 1e-6, "{id}: {sum}");
    }
    let rows = all.read("/api/reports/2024Q3/figures/drug_cases?limit=1000").await;
    let seen = officer.read("/api/reports/2024Q3/figures/drug_cases?limit=1000").await;
    let ids = |rows: &Value| -> Vec<String> {
        rows["features"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let bytes = file(&officer, "2024Q3/file?format=xlsx").await;
    agree("xlsx", &bytes, &report);
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let mut text = String::new();
    for n in 0..archive.len() {
        let mut inside = Vec::new();
        archive.by_index(n).unwrap().read_to_end(&mut inside).unwrap();
        text.push_str(&String::from_utf8_lossy(&inside));
    }
    let (shown, every) = (ids(&seen), ids(&rows));
    assert!(!shown.is_empty() && shown.len() < every.len());
    for id in &every {
        assert_eq!(text.contains(id), shown.contains(id), "{id}");
    }
    let part = rows_of(&bytes);
    let own: Vec<_> = part.iter().filter(|row| row[1] == Data::String("drug_cases".to_owned())).collect();
    let last = own.last().unwrap();
    let hidden = every.len() - shown.len();
    assert_eq!((own.len(), last[6].to_string()), (shown.len() + 1, hidden.to_string()), "the others are one line");
    assert!(last[7].to_string().starts_with(&format!("{hidden} dòng nữa")), "{}", last[7]);
    // Who took it is in the audit, and so are the records.
    server.audit.flush().unwrap();
    let noted = all.read("/api/audit?kind=export&actor=duty_officer").await;
    assert_eq!(noted["rows"][0]["place"], "GET /api/reports/2024Q3/file", "{noted}");
    assert_eq!(noted["rows"][0]["purpose"], "xlsx");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_an_earlier_moment_tells_what_was_known_then() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let then = trucban::store::clock::now();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let sent = json!({"type": "Feature", "geometry": null, "properties": {
        "purpose": "disaster", "force": "civil", "personnel": 12, "vehicles": 1, "started_at": "2025-11-01T00:00:00.000Z",
    }});
    done(officer.post("/api/collections/deployments/items", sent).await, StatusCode::CREATED).await;
    for (format, _) in FORMATS {
        for moment in [String::new(), format!("&as_known_at={then}")] {
            let report = officer.read(&format!("/api/reports/2025Q4?{}", moment.trim_start_matches('&'))).await;
            let expected = if moment.is_empty() { 12 } else { 0 };
            assert_eq!(report["figures"][2]["value"], expected);
            agree(format, &file(&officer, &format!("2025Q4/file?format={format}{moment}")).await, &report);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_had_is_refused_with_the_reason() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    for (path, status, code) in [
        ("2024Q3/file", 400, "invalid_parameter"),
        ("2024Q3/file?format=", 400, "invalid_parameter"),
        ("2024Q3/file?format=doc", 400, "invalid_parameter"),
        ("2024Q3/file?format=PDF", 400, "invalid_parameter"),
        ("2024Q3/file?format=pdf&format=docx", 400, "invalid_parameter"),
        ("2024Q3/file?format=pdf&classification=mat", 400, "invalid_parameter"),
        ("2024Q3/file?format=pdf&at=yesterday", 400, "invalid_parameter"),
        ("2024Q3/file?format=pdf&colour=red", 400, "unknown_parameter"),
        ("2024Q9/file?format=pdf", 400, "invalid_parameter"),
        ("2024/file?format=pdf", 400, "invalid_parameter"),
    ] {
        problem(officer.get(&format!("/api/reports/{path}")).await, status, code).await;
    }
    let path = "/api/reports/2024Q3/file?format=pdf";
    problem(server.actor("observer").get(path).await, 403, "forbidden").await;
    problem(server.anybody().get(path).await, 401, "sign_in_required").await;
}

#[test]
fn the_command_says_in_both_languages_why_it_writes_nothing() {
    let empty = Folder::new();
    let path = empty.path().join("report.pdf");
    std::fs::write(&path, "of before").unwrap();
    let arguments = ["report", "--quarter", "2024Q3", "--format", "pdf", "--output", path.to_str().unwrap()];
    let said = trucban(&arguments, empty.path());
    let told = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(2), "{told}");
    assert!(told.contains("không mở được kho dữ liệu") && told.contains("the store cannot be opened"), "{told}");
    assert_eq!(std::fs::read(&path).unwrap(), b"of before", "what is there stays");
    for (wrong, told_vi, told_en) in [
        (["--quarter", "2024Q5"], "cần dạng 2024Q3", "expected such as 2024Q3"),
        (["--classification", "mat"], "cần một trong", "expected one of"),
    ] {
        let quarter: &[&str] = if wrong[0] == "--quarter" { &[] } else { &["--quarter", "2024Q3"] };
        let said = trucban(&[&["report"][..], quarter, &wrong[..]].concat(), empty.path());
        let told = String::from_utf8(said.stderr).unwrap();
        assert!(!said.status.success() && told.contains(told_vi) && told.contains(told_en), "{told}");
    }
    // To a terminal, which `script` makes one of.
    let program = env!("CARGO_BIN_EXE_trucban");
    let line = format!("{program} report --quarter 2024Q3 --format pdf --data {}", empty.path().display());
    let said = Command::new("script").args(["-qec", &line, "/dev/null"]).output().unwrap();
    let told = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(told.contains("--output TỆP") && told.contains("say --output FILE"), "{told}");
    assert_eq!(said.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_take_its_place_leaves_nothing_behind() {
    let server = Server::demo().await;
    let folder = Folder::new();
    let nowhere = folder.path().join("nowhere/report.docx");
    let arguments = ["report", "--quarter", "2024Q3", "--format", "docx", "-o", nowhere.to_str().unwrap()];
    let said = server.trucban(&arguments);
    let told = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(2));
    assert!(told.contains("không ghi được tệp") && told.contains("cannot be written"), "{told}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
