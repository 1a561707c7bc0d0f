//! The quarterly report: every figure counted from its rows, the same by every way, at every moment.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use reqwest::Method;
use serde_json::{Value, json};

use crate::http_support::{Caller, Server, done, id, problem, version};

/// What was published of Quarter III 2024, by figure.
const PUBLISHED: [(&str, f64); 8] = [
    ("personnel_turns", 1_458.0),
    ("vehicle_turns", 569.0),
    ("households_moved", 29.0),
    ("drug_cases", 6.0),
    ("drug_persons", 6.0),
    ("heroin_g", 2.23),
    ("crossings", 14.0),
    ("tips", 121.0),
];

fn figures(report: &Value) -> BTreeMap<String, Value> {
    let figures = report["figures"].as_array().unwrap();
    figures.iter().map(|figure| (figure["id"].as_str().unwrap().to_owned(), figure.clone())).collect()
}

async fn report(caller: &Caller, asked: &str) -> BTreeMap<String, Value> {
    figures(&caller.read(&format!("/api/reports/{asked}")).await)
}

async fn rows(caller: &Caller, quarter: &str, figure: &str) -> Value {
    caller.read(&format!("/api/reports/{quarter}/figures/{figure}?limit=1000")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn quarter_three_of_2024_counts_what_was_published_and_opens_its_rows() {
    let server = Server::demo().await;
    let admin = server.actor("admin");
    let told = report(&admin, "2024Q3").await;
    for (figure, value) in PUBLISHED {
        assert_eq!(told[figure]["value"].as_f64().unwrap(), value, "{figure}");
        let rows = rows(&admin, "2024Q3", figure).await;
        let found = rows["features"].as_array().unwrap();
        assert_eq!(
            (rows["hidden"].as_u64(), found.len() as u64),
            (Some(0), told[figure]["rows"].as_u64().unwrap()),
            "{figure}"
        );
        let sum: f64 = found.iter().map(|row| row["value"].as_f64().unwrap()).sum();
        assert!((sum - value).abs() < 1e-9, "{figure}: its rows sum up to {sum}");
        for row in found {
            let at = row["counted_at"].as_str().unwrap();
            assert!(("2024-06-30T17:00:00.000Z".."2024-09-30T17:00:00.000Z").contains(&at), "{figure}: {at}");
        }
        let by_force: f64 =
            told[figure]["by_force"].as_object().unwrap().values().map(|sum| sum.as_f64().unwrap()).sum();
        assert!((by_force - value).abs() < 1e-6, "{figure} by force: {by_force}");
    }
    assert_eq!(told["crossing_persons"]["value"], 14);
    assert_eq!((&told["tips"]["previous"], &told["tips"]["delta"]), (&json!(109), &json!(12)));
    assert_eq!(told["tips"]["delta_percent"], 11.0);
    assert_eq!(told["tips"]["year_before"], 97);
    // The quarter after has nothing, and a share of nothing is none.
    let after = report(&admin, "2024Q4").await;
    assert_eq!(
        (&after["tips"]["value"], &after["tips"]["previous"], &after["tips"]["delta"]),
        (&json!(0), &json!(121), &json!(-121))
    );
    let first = report(&admin, "2023Q3").await;
    assert_eq!((&first["tips"]["value"], &first["tips"]["delta_percent"]), (&json!(97), &Value::Null));

    // The command counts the same, with its rows, beside the running server.
    let printed = server.trucban_says(&["report", "--quarter", "2024Q3", "--format", "json"]);
    let printed = figures(&serde_json::from_str(&printed).unwrap());
    for (figure, line) in &told {
        for member in ["value", "previous", "delta", "delta_percent", "year_before", "unit", "by_force"] {
            assert_eq!(printed[figure][member], line[member], "{figure} {member}");
        }
        assert_eq!(
            printed[figure]["rows"].as_array().unwrap().len() as u64,
            line["rows"].as_u64().unwrap(),
            "{figure}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_counts_in_the_quarter_in_which_it_starts_and_once_each_time_people_go() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let send = async |properties: Value| {
        let body = json!({"type": "Feature", "geometry": null, "properties": properties});
        done(officer.post("/api/collections/deployments/items", body).await, StatusCode::CREATED).await
    };
    let before = report(&officer, "2025Q4").await;
    assert_eq!(before["personnel_turns"]["value"], 0);
    let flood = json!({
        "purpose": "disaster", "force": "military", "personnel": 30, "vehicles": 4,
        "started_at": "2025-12-31T16:59:59.000Z", "finished_at": "2026-01-03T02:00:00.000Z",
    });
    let sent = send(flood.clone()).await;
    assert_eq!(sent["properties"]["entered_by"], "duty_officer");
    // The same thirty go again: thirty turns more.
    send(flood).await;
    send(json!({"purpose": "disaster", "force": "police", "personnel": 5, "started_at": "2025-12-31T17:00:00.000Z"}))
        .await;
    send(json!({"purpose": "security", "force": "police", "personnel": 50, "started_at": "2025-11-01T00:00:00.000Z"}))
        .await;
    let last = report(&officer, "2025Q4").await;
    assert_eq!((&last["personnel_turns"]["value"], &last["vehicle_turns"]["value"]), (&json!(60), &json!(8)));
    assert_eq!(last["personnel_turns"]["by_force"], json!({"military": 60}));
    let next = report(&officer, "2026Q1").await;
    assert_eq!((&next["personnel_turns"]["value"], &next["personnel_turns"]["previous"]), (&json!(5), &json!(60)));

    // What was entered by mistake is ended and no longer counts; at the moment before it did.
    let counted_at = trucban::store::clock::now();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let path = format!("/api/collections/deployments/items/{}", id(&sent));
    done(officer.write(Method::DELETE, &path, version(&sent), json!({"reason": "nhập trùng"})).await, StatusCode::OK)
        .await;
    assert_eq!(report(&officer, "2025Q4").await["personnel_turns"]["value"], 30);
    let then = report(&officer, &format!("2025Q4?as_known_at={counted_at}")).await;
    assert_eq!(then["personnel_turns"]["value"], 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_figure_counts_what_the_reader_may_not_see_and_shows_none_of_it() {
    let server = Server::demo().await;
    let (all, officer) = (server.actor("admin"), server.actor("duty_officer"));
    let (whole, part) = (rows(&all, "2024Q3", "drug_cases").await, rows(&officer, "2024Q3", "drug_cases").await);
    assert_eq!(whole["numberMatched"], part["numberMatched"]);
    let seen = part["features"].as_array().unwrap();
    assert!(
        !seen.is_empty() && seen.iter().all(|row| row["properties"]["force"] == "police"),
        "of the own force alone"
    );
    assert_eq!(part["hidden"].as_u64().unwrap() + seen.len() as u64, part["numberMatched"].as_u64().unwrap());
    // A planner of no force that finds cases reads none of a closed kind, and those at the border of their area.
    let planner = server.actor("planner");
    let of_drugs = planner.read("/api/collections/cases/items?limit=1000&kind=drugs").await;
    assert_eq!(of_drugs["numberMatched"], 0);
    for path in ["/api/reports/2024Q3", "/api/reports/2024Q3/figures/tips"] {
        problem(server.actor("observer").get(path).await, 403, "forbidden").await;
        problem(server.anybody().get(path).await, 401, "sign_in_required").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_counted_is_refused_where_it_is_entered() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let case = |more: Value| {
        let mut properties = json!({"kind": "drugs", "force": "police", "occurred_at": "2026-01-01T00:00:00.000Z"});
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "Feature", "geometry": null, "properties": properties})
    };
    for (collection, body, code, at) in [
        (
            "cases",
            case(json!({"substances": [{"substance": "heroin", "weight_g": -1}]})),
            "invalid_value",
            "/properties/substances",
        ),
        ("cases", case(json!({"substances": {"heroin": 2}})), "invalid_value", "/properties/substances"),
        ("cases", case(json!({"persons": -1})), "invalid_value", "/properties/persons"),
        ("cases", case(json!({"entered_by": "someone"})), "field_not_settable", "/properties/entered_by"),
        ("cases", case(json!({"person_name": "A"})), "unknown_field", "/properties/person_name"),
        ("cases", case(json!({"occurred_at": null})), "missing_field", "/properties/occurred_at"),
        (
            "deployments",
            json!({"properties": {
                "purpose": "disaster", "force": "police", "personnel": 1,
                "started_at": "2026-01-02T00:00:00.000Z", "finished_at": "2026-01-01T00:00:00.000Z",
            }}),
            "invalid_value",
            "/properties/finished_at",
        ),
        (
            "deployments",
            json!({"properties": {"purpose": "disaster", "force": "police", "started_at": "2026-01-02T00:00:00.000Z"}}),
            "missing_field",
            "/properties/personnel",
        ),
    ] {
        let response = officer.post(&format!("/api/collections/{collection}/items"), body.clone()).await;
        let status = response.status().as_u16();
        let refused = problem(response, status, code).await;
        assert_eq!(refused["at"], at, "{body}");
    }
    for (path, status, code) in [
        ("/api/reports/2024", 400, "invalid_parameter"),
        ("/api/reports/2024Q5", 400, "invalid_parameter"),
        ("/api/reports/2024Q3/figures/happiness", 404, "not_found"),
        ("/api/reports/2024Q3/figures/tips?limit=1001", 422, "limit_exceeded"),
        ("/api/reports/2024Q3?colour=red", 400, "unknown_parameter"),
    ] {
        problem(officer.get(path).await, status, code).await;
    }
}
