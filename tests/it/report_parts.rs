//! The quarterly report by area and force, and statistics: what they add up to, and what they tell nobody.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::http_support::{Caller, Server, done, problem};
use crate::report_reading::{docx_text, pdf_text};

const BUM_NUA: &str = "03466";

/// Id and members of each figure.
async fn figures(caller: &Caller, asked: &str) -> (Value, Vec<Value>) {
    let report = caller.read(&format!("/api/reports/{asked}")).await;
    let figures = report["figures"].as_array().unwrap().clone();
    (report, figures)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

async fn codes(caller: &Caller, kind: &str) -> Vec<String> {
    let page = caller.read(&format!("/api/collections/admin_units/items?limit=200&kind={kind}")).await;
    let units = page["features"].as_array().unwrap();
    units.iter().map(|unit| unit["properties"]["code"].as_str().unwrap().to_owned()).collect()
}

/// Holds the areas of a level, what has no place and what is withheld against the province, figure by figure.
async fn check_sums(caller: &Caller, quarter: &str, codes: &[String], force: &str) {
    let (_, whole) = figures(caller, &format!("{quarter}?{force}")).await;
    let (_, unknown) = figures(caller, &format!("{quarter}?area=unknown&{force}")).await;
    let mut sums: Vec<f64> = unknown.iter().map(|one| number(&one["value"]) + number(&one["withheld"])).collect();
    for code in codes {
        let (_, of) = figures(caller, &format!("{quarter}?area={code}&{force}")).await;
        for ((sum, one), unknown) in sums.iter_mut().zip(&of).zip(&unknown) {
            *sum += number(&one["value"]);
            assert_eq!(
                (&one["unplaced"], &one["withheld"]),
                (&unknown["value"].as_f64().map_or(Value::Null, |v| json!(v)), &unknown["withheld"]),
                "{code}: {}",
                one["id"]
            );
        }
    }
    for (sum, whole) in sums.iter().zip(&whole) {
        assert!(
            (sum - number(&whole["value"])).abs() < 1e-6,
            "{} {quarter} {force}: {sum}, {}",
            whole["id"],
            whole["value"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_areas_of_a_report_add_up_to_the_province_and_say_how_they_were_found() {
    let server = Server::demo().await;
    let (admin, officer) = (server.actor("admin"), server.actor("duty_officer"));
    let (communes, districts) = (codes(&admin, "commune,ward").await, codes(&admin, "district").await);
    assert_eq!((communes.len(), districts.len()), (38, 8));
    check_sums(&admin, "2024Q3", &communes, "").await;
    check_sums(&admin, "2024Q3", &districts, "force=border_guard").await;
    check_sums(&officer, "2024Q3", &districts, "").await;

    let basis =
        |report: &Value| ["basis", "basis_previous", "basis_year_before"].map(|one| report["area"][one].clone());
    let (commune, _) = figures(&admin, "2025Q3?area=03466").await;
    assert_eq!(basis(&commune), [json!("as_of_date"), json!("mapped"), json!("mapped")]);
    assert_eq!(
        (&commune["area"]["name"], &commune["area"]["valid_from"]),
        (&json!("Xã Bum Nưa"), &json!("2025-07-01"))
    );
    let (district, _) = figures(&admin, "2025Q3?area=107").await;
    assert_eq!(basis(&district), [json!("mapped"), json!("as_of_date"), json!("as_of_date")]);
    assert_eq!(district["area"]["divided"][0]["full_name"], "Xã Hua Bum");
    let (whole, _) = figures(&admin, "2025Q3?area=12").await;
    assert_eq!((&whole["area"], &whole["force"]), (&Value::Null, &Value::Null));

    // A force alone is what stands in its column, and is compared with its own quarters.
    let (_, all) = figures(&admin, "2024Q3").await;
    let (_, of_force) = figures(&admin, "2024Q3?force=border_guard").await;
    let (_, before) = figures(&admin, "2024Q2?force=border_guard").await;
    for ((all, one), before) in all.iter().zip(&of_force).zip(&before) {
        assert_eq!(
            one["value"].as_f64(),
            Some(all["by_force"]["border_guard"].as_f64().unwrap_or(0.0)),
            "{}",
            all["id"]
        );
        assert_eq!(one["previous"], before["value"], "{}", all["id"]);
        assert_eq!(one["unplaced"], Value::Null);
    }

    // What is closed is told for the province; of an area it is in no figure for whoever may not see it one by one.
    let drugs = |figures: &[Value]| figures.iter().find(|one| one["id"] == "drug_cases").unwrap().clone();
    let (_, seen) = figures(&officer, "2024Q3?area=unknown").await;
    let hidden = number(&drugs(&seen)["withheld"]);
    assert!(hidden > 0.0 && hidden < 6.0, "{hidden}");
    assert_eq!(number(&drugs(&figures(&admin, "2024Q3?area=unknown").await.1)["withheld"]), 0.0);

    // The rows behind a figure of an area are those that it counts, and the command counts the same.
    let rows = admin.read("/api/reports/2024Q3/figures/personnel_turns?limit=1000&area=107&force=military").await;
    let sum: f64 = rows["features"].as_array().unwrap().iter().map(|row| number(&row["value"])).sum();
    let (_, of_area) = figures(&admin, "2024Q3?area=107&force=military").await;
    let told = of_area.iter().find(|one| one["id"] == "personnel_turns").unwrap();
    assert!(sum > 0.0 && (sum - number(&told["value"])).abs() < 1e-9);
    let said = server.trucban_says(&["report", "--quarter", "2024Q3", "--area", "107", "--force", "military"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["area"]["name"], "Huyện Mường Tè");
    for (said, told) in said["figures"].as_array().unwrap().iter().zip(&of_area) {
        for member in ["id", "value", "previous", "delta_percent", "year_before", "unplaced"] {
            assert_eq!(said[member], told[member], "{}", told["id"]);
        }
    }

    let docx = officer.get("/api/reports/2024Q3/file?format=docx&area=107&force=police").await;
    let name = docx.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(name.contains("bao-cao-2024Q3-107-police.docx"), "{name}");
    let text = docx_text(&docx.bytes().await.unwrap(), "word/document.xml");
    assert!(
        text.contains("Quý III năm 2024 – Huyện Mường Tè · Công an") && text.contains("Xã Hua Bum lập từ nhiều huyện"),
        "{text}"
    );
    let pdf = officer.get("/api/reports/2024Q3/file?format=pdf&area=03466").await.bytes().await.unwrap();
    let text = pdf_text(&pdf);
    assert!(text.contains("Xã Bum Nưa") && text.contains("quy đổi giữa huyện"), "{text}");

    for (asked, at) in [
        ("2024Q3?area=03412", "area"),
        ("2024Q3?area=x", "area"),
        ("2024Q3?force=navy", "force"),
        ("2024Q3/figures/tips?area=x", "area"),
        ("2024Q3/file?format=pdf&area=x", "area"),
    ] {
        let refused = problem(admin.get(&format!("/api/reports/{asked}")).await, 400, "invalid_parameter").await;
        assert_eq!(refused["at"], at, "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_count_what_their_reader_sees_and_an_account_of_a_commune_reads_its_own() {
    let server = Server::demo().await;
    let (admin, officer) = (server.actor("admin"), server.actor("duty_officer"));
    let totals = |told: &Value| {
        let tables = ["by_kind", "by_force", "by_commune", "by_district"];
        let sum = |table: &str| told[table].as_array().unwrap().iter().map(|row| row["total"].as_u64().unwrap()).sum();
        tables.map(|table| -> u64 { sum(table) })
    };
    // The same as the report of the quarter counts.
    let (_, report) = figures(&admin, "2024Q3").await;
    let figure = |id: &str| report.iter().find(|one| one["id"] == id).unwrap()["value"].as_u64().unwrap();
    let drugs = admin.read("/api/statistics?of=cases&from=2024Q3&kind=drugs").await;
    assert_eq!(drugs["whole"]["total"].as_u64(), Some(figure("drug_cases")));
    let crossings = admin.read("/api/statistics?of=cases&from=2024-07&to=2024-09&kind=illegal_crossing").await;
    assert_eq!(crossings["whole"]["total"].as_u64(), Some(figure("crossings")));
    assert_eq!(crossings["periods"].as_array().unwrap().len(), 3);
    let turns = admin.read("/api/statistics?of=person_turns&from=2023Q3&to=2024Q3").await;
    assert_eq!(totals(&turns), [turns["whole"]["total"].as_u64().unwrap(); 4]);
    assert_eq!(turns["by_commune"].as_array().unwrap().len(), 38);

    // Closed kinds of another force are in no table, whatever is asked; in all there are as many as nobody hid.
    let all = admin.read("/api/statistics?of=cases&from=2024Q3").await;
    for more in ["", "&kind=drugs", "&force=border_guard", "&area=03460"] {
        let seen = officer.read(&format!("/api/statistics?of=cases&from=2024Q3{more}")).await;
        if more.is_empty() {
            let (shown, hidden) = (seen["whole"]["total"].as_u64().unwrap(), seen["hidden"].as_u64().unwrap());
            assert!(hidden > 0 && shown + hidden == all["whole"]["total"].as_u64().unwrap(), "{shown} {hidden}");
        }
        assert_eq!(totals(&seen), [seen["whole"]["total"].as_u64().unwrap(); 4], "{more}");
        let of_others =
            seen["by_force"].as_array().unwrap().iter().filter(|row| row["key"] != "police" && row["key"] != "civil");
        assert!(of_others.into_iter().all(|row| row["total"] == 0), "{more}");
    }
    let incidents = officer.read("/api/statistics").await;
    assert_eq!((incidents["periods"].as_array().unwrap().len(), incidents["of"].as_str()), (5, Some("incidents")));
    let verified = &incidents["whole"]["times"][0];
    let told = verified["known"].as_u64().unwrap() + verified["not_known"].as_u64().unwrap();
    assert_eq!(Some(told), incidents["whole"]["total"].as_u64());
    assert!(verified["median_s"].as_i64().unwrap() > 0, "{verified}");

    for (asked, status, code, at) in [
        ("of=tips", 400, "invalid_parameter", "of"),
        ("kind=drugs", 400, "invalid_parameter", "kind"),
        ("from=2024", 400, "invalid_parameter", "from"),
        ("from=2024Q1&to=2024-03", 400, "invalid_parameter", "to"),
        ("from=2024Q2&to=2024Q1", 400, "invalid_parameter", "to"),
        ("from=2020-01&to=2026-01", 422, "limit_exceeded", "to"),
        ("area=03412", 400, "invalid_parameter", "area"),
        ("group=kind", 400, "unknown_parameter", "group"),
    ] {
        let refused = problem(officer.get(&format!("/api/statistics?{asked}")).await, status, code).await;
        assert_eq!(refused["at"], at, "{asked}");
    }
    problem(server.actor("observer").get("/api/statistics").await, 403, "forbidden").await;
    problem(server.anybody().get("/api/statistics").await, 401, "sign_in_required").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_a_commune_reads_the_figures_of_its_commune_and_of_the_province() {
    let server = Server::with_accounts(std::sync::Arc::new(trucban::desk::SystemClock)).await;
    let admin = server.first_admin().await;
    let area = json!({"parts": {"communes": [BUM_NUA]}});
    let own = server.account(&admin, "xa", json!({"role": "duty_officer", "area": area})).await;
    let joint = server.account(&admin, "tinh", json!({"role": "duty_officer"})).await;
    for (code, day) in [(Some(BUM_NUA), 2), (Some(BUM_NUA), 3), (Some("03388"), 4), (None, 5)] {
        let sent = json!({"properties": {
            "counted": "tips", "force": "police", "count": 7, "commune_code": code,
            "occurred_at": format!("2025-07-0{day}T00:00:00Z"),
        }});
        done(joint.post("/api/collections/tallies/items", sent).await, StatusCode::CREATED).await;
    }
    let tips = |figures: &[Value]| {
        let one = figures.iter().find(|one| one["id"] == "tips").unwrap();
        ["value", "unplaced", "withheld"].map(|member| one[member].as_f64())
    };
    assert_eq!(tips(&figures(&own, "2025Q3").await.1), [Some(28.0), None, None]);
    // Of the others its officer is told the sum of the province, and nothing by area.
    assert_eq!(tips(&figures(&own, "2025Q3?area=03466").await.1), [Some(14.0), Some(0.0), Some(14.0)]);
    assert_eq!(tips(&figures(&joint, "2025Q3?area=03466").await.1), [Some(14.0), Some(7.0), Some(0.0)]);
    for area in ["03388", "107", "unknown"] {
        for asked in
            ["reports/2025Q3?", "reports/2025Q3/figures/tips?", "reports/2025Q3/file?format=pdf&", "statistics?"]
        {
            let refused = problem(own.get(&format!("/api/{asked}area={area}")).await, 403, "forbidden").await;
            assert_eq!(refused["at"], "area", "{asked} {area}");
        }
    }
    let seen = own.read("/api/statistics").await;
    let complete: Vec<&Value> =
        seen["by_commune"].as_array().unwrap().iter().filter(|row| row["area"]["is_complete"] == true).collect();
    assert_eq!((complete.len(), &complete[0]["key"]), (1, &json!(BUM_NUA)));
}
