//! The report of a quarter on its way: each step by whom it belongs to, figures that stay as they were closed, and
//! figures on which forces have to agree.

use axum::http::StatusCode;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::http_support::{Caller, Server, done, id, problem, version};

const QUARTER: &str = "2024Q3";

struct People {
    officer: Caller,
    border: Caller,
    planner: Caller,
    commander: Caller,
}

impl People {
    fn of(server: &Server) -> Self {
        let [officer, border, planner, commander] =
            ["duty_officer", "border_officer", "planner", "commander"].map(|name| server.actor(name));
        Self { officer, border, planner, commander }
    }

    /// Takes the report of a quarter so far.
    async fn bring_to(&self, quarter: &str, state: &str) {
        let steps = [
            ("compiling", &self.officer, "compile"),
            ("submitted", &self.officer, "submit"),
            ("consolidated", &self.planner, "consolidate"),
            ("approved", &self.commander, "approve"),
            ("closed", &self.commander, "close"),
        ];
        for (leads_to, who, step) in steps {
            let done = done(take(who, quarter, json!({"step": step})).await, StatusCode::OK).await;
            assert_eq!(done["properties"]["state"], leads_to);
            if leads_to == state {
                return;
            }
        }
        panic!("there is no state {state}");
    }
}

async fn take(who: &Caller, quarter: &str, body: Value) -> Response {
    who.post(&format!("/api/reports/{quarter}/steps"), body).await
}

async fn state(who: &Caller, figure: &str, body: Value) -> Response {
    who.post(&format!("/api/reports/{QUARTER}/figures/{figure}/statements"), body).await
}

async fn agree(who: &Caller, figure: &str, body: Value) -> Response {
    who.post(&format!("/api/reports/{QUARTER}/figures/{figure}/agreement"), body).await
}

async fn report(who: &Caller, asked: &str) -> Value {
    who.read(&format!("/api/reports/{asked}")).await
}

fn figure<'r>(report: &'r Value, id: &str) -> &'r Value {
    report["figures"].as_array().unwrap().iter().find(|figure| figure["id"] == id).unwrap()
}

async fn send_out(who: &Caller, at: &str, personnel: i64) -> Value {
    let properties = json!({
        "purpose": "disaster", "force": "police", "started_at": at, "personnel": personnel, "vehicles": 2,
    });
    let body = json!({"type": "Feature", "geometry": null, "properties": properties});
    done(who.post("/api/collections/deployments/items", body).await, StatusCode::CREATED).await
}

async fn sum_of_rows(who: &Caller, asked: &str) -> f64 {
    let rows = who.read(&format!("/api/reports/{QUARTER}/figures/{asked}")).await;
    assert_eq!(rows["hidden"], 0);
    rows["features"].as_array().unwrap().iter().map(|row| row["value"].as_f64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_goes_from_hand_to_hand_and_back_and_each_step_is_of_whom_it_belongs_to() {
    let server = Server::demo().await;
    let people = People::of(&server);
    let People { officer, planner, commander, .. } = &people;
    let open = report(officer, QUARTER).await;
    assert_eq!(
        (&open["state"], &open["version"], &open["steps"], &open["closed"], &open["corrections"]),
        (&json!("open"), &json!(0), &json!([]), &Value::Null, &json!([]))
    );
    assert_eq!(
        open["may"],
        json!({
            "steps": ["compile"], "parts": {"police": ["compile"]}, "state_for": ["police"], "agree": false,
        })
    );

    // In the wrong order, of the wrong person, from the wrong version.
    let refused = problem(take(officer, QUARTER, json!({"step": "submit"})).await, 409, "forbidden_transition").await;
    assert_eq!((&refused["state"], &refused["allowed"]), (&json!("open"), &json!(["compile"])));
    let steps = format!("/api/reports/{QUARTER}/steps");
    let first = done(officer.write(Method::POST, &steps, 0, json!({"step": "compile"})).await, StatusCode::OK).await;
    assert_eq!((version(&first), first["properties"]["name"].as_str()), (1, Some("Báo cáo Quý III năm 2024")));
    let late = officer.write(Method::POST, &steps, 0, json!({"step": "submit"})).await;
    assert_eq!(problem(late, 412, "version_conflict").await["present"]["properties"]["state"], "compiling");
    problem(take(commander, QUARTER, json!({"step": "submit"})).await, 403, "forbidden").await;
    done(officer.write(Method::POST, &steps, 1, json!({"step": "submit"})).await, StatusCode::OK).await;
    problem(take(officer, QUARTER, json!({"step": "consolidate"})).await, 403, "forbidden").await;
    problem(take(officer, QUARTER, json!({"step": "return", "note": "sai"})).await, 403, "forbidden").await;
    done(take(planner, QUARTER, json!({"step": "consolidate"})).await, StatusCode::OK).await;
    problem(take(planner, QUARTER, json!({"step": "approve"})).await, 403, "forbidden").await;
    assert_eq!(report(commander, QUARTER).await["may"]["steps"], json!(["approve", "return"]));
    assert_eq!(report(officer, QUARTER).await["may"]["steps"], json!([]));

    // Sent back one step, with a reason, and up again.
    let silent = problem(take(commander, QUARTER, json!({"step": "return", "note": " "})).await, 422, "missing_field");
    assert_eq!(silent.await["at"], "/note");
    let note = json!({"step": "return", "note": "thiếu số liệu di dời"});
    assert_eq!(done(take(commander, QUARTER, note).await, StatusCode::OK).await["properties"]["state"], "submitted");
    for (who, step) in [(planner, "consolidate"), (commander, "approve"), (commander, "close")] {
        done(take(who, QUARTER, json!({"step": step})).await, StatusCode::OK).await;
    }
    let closed = report(officer, QUARTER).await;
    let told: Vec<String> = closed["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| format!("{} {} {}", step["by"].as_str().unwrap(), step["step"], step["state"]))
        .collect();
    assert_eq!(
        told,
        [
            "duty_officer \"compile\" \"compiling\"",
            "duty_officer \"submit\" \"submitted\"",
            "planner \"consolidate\" \"consolidated\"",
            "commander \"return\" \"submitted\"",
            "planner \"consolidate\" \"consolidated\"",
            "commander \"approve\" \"approved\"",
            "commander \"close\" \"closed\"",
        ]
    );
    assert_eq!(closed["steps"][3]["note"], "thiếu số liệu di dời");
    assert_eq!((&closed["state"], &closed["closed"]["by"]), (&json!("closed"), &json!("commander")));
    assert!(closed["closed"]["seq"].as_u64().unwrap() < closed["seq"].as_u64().unwrap());
    for step in ["compile", "close", "return", "approve"] {
        let body = json!({"step": step, "note": "mở lại"});
        let refused = problem(take(commander, QUARTER, body).await, 409, "forbidden_transition").await;
        assert_eq!(refused["allowed"], json!([]), "{step}: what was closed stays closed");
    }
    // Each step stands in the log.
    let log = planner.read("/api/collections/duty_log/items?limit=1000&kind=report_step").await;
    assert_eq!(log["numberMatched"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_the_closing_is_a_correction_and_changes_no_figure_that_was_reported() {
    let server = Server::demo().await;
    let people = People::of(&server);
    let admin = server.actor("admin");
    let before = report(&admin, QUARTER).await;
    people.bring_to(QUARTER, "closed").await;
    let closed = report(&admin, QUARTER).await;
    for (then, now) in before["figures"].as_array().unwrap().iter().zip(closed["figures"].as_array().unwrap()) {
        assert_eq!(then, now, "closing changes no figure");
    }
    let (turns, closing) = (figure(&closed, "personnel_turns").clone(), closed["closed"]["at"].as_str().unwrap());
    assert_eq!((&turns["value"], &turns["recounted"]), (&json!(1_458), &json!(1_458)));
    let police = turns["by_force"]["police"].as_f64().unwrap();

    let late = send_out(&people.officer, "2024-09-20T01:00:00Z", 12).await;
    let told = report(&admin, QUARTER).await;
    let now = figure(&told, "personnel_turns");
    for member in ["value", "previous", "delta", "delta_percent", "year_before", "by_force"] {
        assert_eq!(now[member], turns[member], "{member}");
    }
    assert_eq!(now["recounted"], 1_470);
    let line = &told["corrections"][0];
    assert_eq!((&line["figure"], &line["force"]), (&json!("personnel_turns"), &json!("police")));
    assert_eq!(line["closed_value"].as_f64(), Some(police));
    assert_eq!((line["value_now"].as_f64(), &line["delta"]), (Some(police + 12.0), &json!(12)));
    assert_eq!((&line["rows"], &line["rows_gone"]), (&json!(1), &json!(0)));
    assert_eq!(line["first_at"], late["properties"]["recorded_at"]);
    assert_eq!(told["corrections"][1]["figure"], "vehicle_turns");
    assert_eq!(told["corrections"].as_array().unwrap().len(), 2);

    // The number opens its rows: those of the closing, and those of now.
    assert_eq!(sum_of_rows(&admin, &format!("personnel_turns?limit=1000&as_known_at={closing}")).await, 1_458.0);
    assert_eq!(sum_of_rows(&admin, "personnel_turns?limit=1000").await, 1_470.0);

    // Later reports name what was reported, and list what has become known since.
    let next = report(&admin, "2024Q4").await;
    assert_eq!(figure(&next, "personnel_turns")["previous"], 1_458);
    assert_eq!(figure(&next, "personnel_turns")["delta"], -1_458);
    assert_eq!((&next["corrections"], &next["previous_corrections"]), (&json!([]), &told["corrections"]));
    assert_eq!(figure(&report(&admin, "2025Q3").await, "personnel_turns")["year_before"], 1_458);

    // A record of before the closing that goes is told as gone.
    let drugs = admin.read(&format!("/api/reports/{QUARTER}/figures/drug_cases")).await;
    let case = &drugs["features"][0];
    let path = format!("/api/collections/cases/items/{}", id(case));
    let gone = admin.write(Method::DELETE, &path, version(case), json!({"reason": "nhập trùng"})).await;
    done(gone, StatusCode::OK).await;
    let told = report(&admin, QUARTER).await;
    assert_eq!(
        (&figure(&told, "drug_cases")["value"], &figure(&told, "drug_cases")["recounted"]),
        (&json!(6), &json!(5))
    );
    let lines = told["corrections"].as_array().unwrap();
    let line = lines.iter().find(|line| line["figure"] == "drug_cases").unwrap();
    assert_eq!(
        (&line["delta"], &line["rows"], &line["rows_gone"], &line["first_at"]),
        (&json!(-1), &json!(0), &json!(1), &Value::Null)
    );

    // What is put right again is no correction any more.
    let path = format!("/api/collections/deployments/items/{}", id(&late));
    let gone = people.officer.write(Method::DELETE, &path, version(&late), json!({"reason": "nhập nhầm quý"})).await;
    done(gone, StatusCode::OK).await;
    let told = report(&admin, QUARTER).await;
    assert!(told["corrections"].as_array().unwrap().iter().all(|line| line["figure"] != "personnel_turns"));

    // The command says the same beside the running server.
    let printed = server.trucban_says(&["report", "--quarter", QUARTER, "--format", "json"]);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    for member in ["state", "version", "steps", "parts", "closed", "corrections", "previous_corrections"] {
        assert_eq!(printed[member], told[member], "{member}");
    }
    for line in told["figures"].as_array().unwrap() {
        let same = figure(&printed, line["id"].as_str().unwrap());
        for member in ["value", "recounted", "previous", "delta", "year_before", "by_force", "statements", "differs"] {
            assert_eq!(same[member], line[member], "{} {member}", line["id"]);
        }
    }

    // A moment before the closing is as it was.
    let told_at = report(&admin, &format!("{QUARTER}?as_known_at=2026-01-01T00:00:00Z")).await;
    assert_eq!((&told_at["state"], &told_at["closed"]), (&json!("open"), &Value::Null));
    assert_eq!(told_at["may"]["steps"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_forces_differ_the_values_stand_side_by_side_until_one_is_agreed_on() {
    let server = Server::demo().await;
    let people = People::of(&server);
    let People { officer, border, planner, commander } = &people;
    let said = json!({"force": "border_guard", "value": 13, "note": "một vụ ghi trùng"});
    done(state(border, "crossings", said).await, StatusCode::OK).await;
    done(state(officer, "crossings", json!({"force": "police", "value": 14})).await, StatusCode::OK).await;
    let told = report(planner, QUARTER).await;
    let line = figure(&told, "crossings");
    assert_eq!(
        (&line["value"], &line["recounted"], &line["differs"], &line["agreed"]),
        (&json!(14), &json!(14), &json!(true), &Value::Null)
    );
    let by: Vec<_> = line["statements"].as_array().unwrap().iter().map(|one| (&one["force"], &one["value"])).collect();
    assert_eq!(by, [(&json!("border_guard"), &json!(13)), (&json!("police"), &json!(14))]);
    assert_eq!(told["state"], "open", "stating a figure takes no step");

    people.bring_to(QUARTER, "submitted").await;
    let refused = problem(take(planner, QUARTER, json!({"step": "consolidate"})).await, 409, "figures_differ").await;
    assert_eq!(refused["figures"], json!(["crossings"]));
    assert!(refused["detail_vi"].as_str().unwrap().contains("Vụ vượt biên trái phép đã xử lý"));

    problem(agree(officer, "crossings", json!({"value": 13, "reason": "x"})).await, 403, "forbidden").await;
    let refused = agree(planner, "crossings", json!({"value": 12, "reason": "ở giữa"})).await;
    assert_eq!(problem(refused, 422, "invalid_value").await["allowed"], json!([13.0, 14.0, 14.0]));
    problem(agree(planner, "tips", json!({"value": 121, "reason": "x"})).await, 422, "invalid_value").await;
    problem(agree(planner, "crossings", json!({"value": 13})).await, 422, "missing_field").await;
    let agreed = json!({"value": 13, "reason": "đối chiếu biên bản"});
    done(agree(planner, "crossings", agreed.clone()).await, StatusCode::OK).await;
    let line = figure(&report(planner, QUARTER).await, "crossings").clone();
    assert_eq!((&line["value"], &line["recounted"], &line["differs"]), (&json!(13), &json!(14), &json!(true)));
    assert_eq!((&line["agreed"]["by"], &line["agreed"]["reason"]), (&json!("planner"), &json!("đối chiếu biên bản")));

    // A force that says something else again opens it; so does a count that moves.
    done(state(border, "crossings", json!({"force": "border_guard", "value": 12})).await, StatusCode::OK).await;
    assert_eq!(figure(&report(planner, QUARTER).await, "crossings")["agreed"], Value::Null);
    done(state(border, "crossings", json!({"force": "border_guard", "value": 13})).await, StatusCode::OK).await;
    done(agree(planner, "crossings", agreed.clone()).await, StatusCode::OK).await;
    let found = json!({"properties": {
        "kind": "illegal_crossing", "force": "border_guard", "occurred_at": "2024-08-01T00:00:00Z", "persons": 1,
    }});
    let found = done(border.post("/api/collections/cases/items", found).await, StatusCode::CREATED).await;
    let line = figure(&report(planner, QUARTER).await, "crossings").clone();
    assert_eq!((&line["value"], &line["agreed"]), (&json!(15), &Value::Null));
    problem(take(planner, QUARTER, json!({"step": "consolidate"})).await, 409, "figures_differ").await;
    let path = format!("/api/collections/cases/items/{}", id(&found));
    let gone = border.write(Method::DELETE, &path, version(&found), json!({"reason": "trùng"})).await;
    done(gone, StatusCode::OK).await;

    // Agreed: it goes up, is closed with that value, and the count stays beside it without being a correction.
    for (who, step) in [(planner, "consolidate"), (commander, "approve"), (commander, "close")] {
        done(take(who, QUARTER, json!({"step": step})).await, StatusCode::OK).await;
    }
    let told = report(planner, QUARTER).await;
    let line = figure(&told, "crossings");
    assert_eq!((&line["value"], &line["recounted"], &told["corrections"]), (&json!(13), &json!(14), &json!([])));
    assert_eq!(line["agreed"]["value"], 13);
    assert_eq!(figure(&report(planner, "2024Q4").await, "crossings")["previous"], 13);
    for refused in [
        state(border, "crossings", json!({"force": "border_guard", "value": 14})).await,
        agree(planner, "crossings", agreed).await,
    ] {
        problem(refused, 409, "forbidden_transition").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_force_submits_its_own_part_and_the_province_waits_for_it() {
    let server = Server::demo().await;
    let people = People::of(&server);
    let People { officer, border, planner, .. } = &people;
    let part = |step: &str| json!({"step": step, "force": "border_guard"});
    problem(take(officer, QUARTER, part("compile")).await, 403, "forbidden").await;
    let begun = done(take(border, QUARTER, part("compile")).await, StatusCode::OK).await;
    assert_eq!(begun["properties"]["name"], "Báo cáo Quý III năm 2024, phần của Biên phòng");
    people.bring_to(QUARTER, "submitted").await;
    let waits =
        problem(take(planner, QUARTER, json!({"step": "consolidate"})).await, 409, "forbidden_transition").await;
    assert_eq!(waits["forces"], json!(["border_guard"]));
    done(take(border, QUARTER, part("submit")).await, StatusCode::OK).await;
    let told = report(border, QUARTER).await;
    let own = told["parts"].as_array().unwrap().iter().find(|part| part["force"] == "border_guard").unwrap();
    assert_eq!((&own["state"], &own["version"]), (&json!("submitted"), &json!(2)));
    problem(take(planner, QUARTER, part("consolidate")).await, 409, "forbidden_transition").await;
    let back = json!({"step": "return", "force": "border_guard", "note": "thiếu một đồn"});
    done(take(planner, QUARTER, back.clone()).await, StatusCode::OK).await;
    done(take(border, QUARTER, part("submit")).await, StatusCode::OK).await;
    done(take(planner, QUARTER, json!({"step": "consolidate"})).await, StatusCode::OK).await;
    let late = problem(take(planner, QUARTER, back).await, 409, "forbidden_transition").await;
    assert_eq!(late["state"], "consolidated", "the province has taken it over");
    problem(take(officer, QUARTER, json!({"step": "compile", "force": "police"})).await, 409, "forbidden_transition")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_step_no_value_or_not_yet_is_refused_where_it_is() {
    let server = Server::demo().await;
    let people = People::of(&server);
    let People { officer, planner, commander, .. } = &people;
    let long = "a".repeat(501);
    for (body, status, code, at) in [
        (json!({}), 422, "missing_field", "/step"),
        (json!({"step": null}), 422, "missing_field", "/step"),
        (json!({"step": "open"}), 422, "invalid_value", "/step"),
        (json!({"step": 7}), 422, "invalid_value", "/step"),
        (json!({"step": "compile", "force": "navy"}), 422, "invalid_value", "/force"),
        (json!({"step": "compile", "reason": "x"}), 422, "unknown_field", "/reason"),
        (json!({"step": "compile", "note": long}), 422, "limit_exceeded", "/note"),
        (json!({"step": "compile", "note": "a\u{7}"}), 422, "invalid_value", "/note"),
        (json!(["compile"]), 422, "invalid_value", ""),
    ] {
        let refused = problem(take(officer, QUARTER, body.clone()).await, status, code).await;
        assert!(at.is_empty() || refused["at"] == at, "{body}: {refused}");
    }
    for value in [json!(-1), json!(1.5), json!(1e10), json!("14"), json!(true)] {
        let body = json!({"force": "police", "value": value});
        assert_eq!(problem(state(officer, "crossings", body).await, 422, "invalid_value").await["at"], "/value");
    }
    done(state(officer, "heroin_g", json!({"force": "police", "value": 2.25})).await, StatusCode::OK).await;
    problem(state(officer, "crossings", json!({"force": "police"})).await, 422, "missing_field").await;
    problem(state(officer, "crossings", json!({"force": "military", "value": 1})).await, 403, "forbidden").await;
    problem(state(officer, "happiness", json!({"force": "police", "value": 1})).await, 404, "not_found").await;
    for quarter in ["2024", "2024Q5", "x"] {
        problem(take(officer, quarter, json!({"step": "compile"})).await, 400, "invalid_parameter").await;
    }

    // A quarter that has not begun, and one that is not over.
    let early = problem(take(officer, "2999Q1", json!({"step": "compile"})).await, 409, "too_early").await;
    assert_eq!(early["not_before"], "2998-12-31T17:00:00.000Z");
    let now = trucban::domain::quarter::Quarter::of(trucban::store::clock::now());
    let present = now.to_string();
    people.bring_to(&present, "approved").await;
    let early = problem(take(commander, &present, json!({"step": "close"})).await, 409, "too_early").await;
    assert_eq!(early["not_before"], now.next().start().to_string());
    assert_eq!(report(commander, &present).await["may"]["steps"], json!(["return"]));

    // Who may not.
    for name in ["observer", "local_authority", "field_unit", "tip_handler", "admin"] {
        problem(take(&server.actor(name), QUARTER, json!({"step": "compile"})).await, 403, "forbidden").await;
    }
    problem(take(&server.anybody(), QUARTER, json!({"step": "compile"})).await, 401, "sign_in_required").await;
    // Its record is written by steps alone, and read by whoever reads reports.
    let by_hand = json!({"properties": {"quarter": QUARTER, "state": "closed"}});
    let refused = planner.post("/api/collections/quarter_reports/items", by_hand).await;
    assert!(refused.status().is_client_error(), "{}", refused.status());
    let items = "/api/collections/quarter_reports/items";
    assert_eq!(officer.read(items).await["numberMatched"], 2);
    let record = officer.read(items).await["features"][0].clone();
    let path = format!("{items}/{}", id(&record));
    let erased = officer.write(Method::DELETE, &path, version(&record), json!({"reason": "x"})).await;
    assert!(erased.status().is_client_error(), "{}", erased.status());
    for name in ["local_authority", "field_unit", "tip_handler"] {
        assert_eq!(server.actor(name).read(items).await["numberMatched"], 0, "{name}");
        problem(server.actor(name).get(&path).await, 404, "not_found").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_does_not_submit_and_approve_and_one_of_two_at_once_gets_in() {
    // Whoever holds the folder of a machine without accounts has every role, and is still one person.
    let alone = Server::real().await;
    let somebody = alone.anybody();
    for step in ["compile", "submit", "consolidate"] {
        done(take(&somebody, QUARTER, json!({"step": step})).await, StatusCode::OK).await;
    }
    let refused = problem(take(&somebody, QUARTER, json!({"step": "approve"})).await, 403, "forbidden").await;
    assert!(refused["detail_vi"].as_str().unwrap().contains("người khác"));

    let server = Server::demo().await;
    let people = People::of(&server);
    people.bring_to(QUARTER, "approved").await;
    let (close, back) = tokio::join!(
        take(&people.commander, QUARTER, json!({"step": "close"})),
        take(&people.commander, QUARTER, json!({"step": "return", "note": "xem lại"})),
    );
    let mut statuses = [close.status().as_u16(), back.status().as_u16()];
    statuses.sort_unstable();
    // Sent back first, it cannot be closed; closed first, it cannot be sent back.
    assert_eq!(statuses, [200, 409]);

    // The same key closes once, and is told the same again.
    if close.status() != StatusCode::OK {
        done(take(&people.commander, QUARTER, json!({"step": "approve"})).await, StatusCode::OK).await;
    }
    let told = report(&people.officer, "2024Q2").await;
    assert_eq!(told["state"], "open");
    let ask = || {
        let path = "/api/reports/2024Q2/steps";
        people.officer.ask(Method::POST, path).header("idempotency-key", "0198f3a0-0000-7000-8000-000000000001")
    };
    let first = ask().json(&json!({"step": "compile"})).send().await.unwrap();
    let again = ask().json(&json!({"step": "compile"})).send().await.unwrap();
    let (first, again) = (done(first, StatusCode::OK).await, done(again, StatusCode::OK).await);
    assert_eq!((id(&first), version(&first)), (id(&again), version(&again)));
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_closed_report_stay_as_they_were_known_and_a_briefing_counts_once() {
    let server = Server::demo().await;
    let people = People::of(&server);
    let officer = &people.officer;
    let enter = async |collection: &str, properties: Value| {
        let body = json!({"type": "Feature", "geometry": null, "properties": properties});
        officer.post(&format!("/api/collections/{collection}/items"), body).await
    };
    let briefing = |held_at: &str| json!({"held_at": held_at, "level": "province", "forces": ["police"]});
    // That quarter has tallies of its briefings.
    let twice = problem(enter("briefings", briefing("2024-08-01T01:00:00Z")).await, 422, "invalid_value").await;
    assert_eq!(twice["at"], "/properties/held_at");
    let held = done(enter("briefings", briefing("2025-08-01T01:00:00Z")).await, StatusCode::CREATED).await;
    let decision = json!({
        "briefing_id": held["id"], "text": "việc cũ", "force": "police", "due_at": "2025-11-01T00:00:00Z",
    });
    let made = done(enter("decisions", decision).await, StatusCode::CREATED).await;
    people.bring_to("2025Q3", "closed").await;
    let path = format!("/api/collections/decisions/items/{}", made["id"].as_str().unwrap());
    let changed = json!({"properties": {"text": "việc mới"}});
    done(officer.write(Method::PATCH, &path, version(&made), changed).await, StatusCode::OK).await;
    let texts = async |quarter: &str| {
        let told = report(officer, quarter).await;
        told["tasks"]["tasks"].as_array().unwrap().iter().map(|task| task["text"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(texts("2025Q3").await, ["việc cũ"]);
    assert_eq!(texts("2025Q4").await, ["việc mới"]);
}
