//! What the forces have to do with each other: requests between two of them, briefings and their decisions, plans of events;
//! who reads and does what, what is refused, and what of it the report of a quarter tells.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::access::Area;
use trucban::domain::quarter::Quarter;
use trucban::domain::{Actor, Force, Role};

use crate::http_support::{Caller, Server, done, id, problem, version};
use crate::permissions::{Somebody, everybody};

const REQUESTS: &str = "/api/collections/information_requests/items";

fn of(people: &[Somebody], role: Role, force: Option<Force>) -> &Caller {
    &people.iter().find(|one| (one.actor.role, one.actor.force) == (role, force)).unwrap().caller
}

fn in_h(hours: i64) -> String {
    SystemClock.now().plus_s(hours * 3_600).to_string()
}

/// What a handover lists as due between the forces: what it says, whether it is overdue, whether it is the reader's own.
async fn deadlines(caller: &Caller) -> Vec<(String, bool, bool)> {
    let handover = caller.read("/api/handover").await;
    let sections = handover["open"].as_array().unwrap();
    let due = sections.iter().find(|section| section["what"] == "deadlines").unwrap();
    let told = |item: &Value| {
        let (text, is) = (item["text"].as_str().unwrap().to_owned(), |name: &str| item[name].as_bool().unwrap());
        (text, is("is_overdue"), is("is_ours"))
    };
    due["items"].as_array().unwrap().iter().map(told).collect()
}

async fn verb(caller: &Caller, record: &Value, verb: &str, body: Value) -> reqwest::Response {
    let collection = if record["properties"]["from_force"].is_string() {
        "information_requests"
    } else if record["properties"]["briefing_id"].is_string() {
        "decisions"
    } else {
        "event_plans"
    };
    let path = format!("/api/{collection}/{}/{verb}", id(record));
    caller.write(Method::POST, &path, version(record), body).await
}

async fn enter(caller: &Caller, collection: &str, properties: Value) -> reqwest::Response {
    let body = json!({"type": "Feature", "geometry": null, "properties": properties});
    caller.post(&format!("/api/collections/{collection}/items"), body).await
}

async fn entered(caller: &Caller, collection: &str, properties: Value) -> Value {
    done(enter(caller, collection, properties).await, StatusCode::CREATED).await
}

async fn refused(caller: &Caller, collection: &str, properties: Value, code: &str, at: &str) {
    let status = if code == "forbidden" { 403 } else { 422 };
    let told = problem(enter(caller, collection, properties).await, status, code).await;
    assert_eq!(told["at"].as_str().unwrap_or_default(), at, "{told}");
}

/// The rule in words: whoever coordinates for one of the two forces, and the commander of the province.
fn reads_between_police_and_border_guard(actor: &Actor) -> bool {
    matches!(
        (actor.role, actor.force),
        (Role::DutyOfficer | Role::Planner | Role::Commander, Some(Force::Police | Force::BorderGuard))
            | (Role::Commander, None)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_between_two_forces_and_no_third_one_hears_of_it() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let areas = [("province", Area::Province)];
    let people = everybody(&server.system(), &server.anybody(), &areas, |_| None).await;
    let police = of(&people, Role::DutyOfficer, Some(Force::Police));
    let border = of(&people, Role::Planner, Some(Force::BorderGuard));
    let call = |changed: Value| {
        let mut call = json!({
            "to_force": "border_guard", "question": "HỎI-DẤU-1", "purpose": "PHỐI-HỢP-1", "due_at": in_h(24),
        });
        call.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        call
    };
    let ask = async |caller: &Caller, changed: Value| caller.post("/api/information_requests", call(changed)).await;
    let asked = done(ask(police, json!({})).await, StatusCode::CREATED).await;
    let told = &asked["properties"];
    assert_eq!((&told["from_force"], &told["state"]), (&json!("police"), &json!("asked")));
    assert_eq!(told["asked_by"], "duty-officer-police-province");

    for (changed, status, code, at) in [
        (json!({"to_force": "police"}), 422, "invalid_value", "/to_force"),
        (json!({"to_force": "navy"}), 422, "invalid_value", "/to_force"),
        (json!({"question": "  "}), 422, "missing_field", "/question"),
        (json!({"purpose": null}), 422, "missing_field", "/purpose"),
        (json!({"purpose": "a".repeat(1_001)}), 422, "limit_exceeded", "/purpose"),
        (json!({"due_at": in_h(-1)}), 422, "invalid_value", "/due_at"),
        (json!({"due_at": in_h(24 * 400)}), 422, "invalid_value", "/due_at"),
        (json!({"citizen": "A"}), 422, "unknown_field", "/citizen"),
    ] {
        let told = problem(ask(police, changed).await, status, code).await;
        assert_eq!(told["at"], at, "{told}");
    }
    for (role, force) in [(Role::Commander, None), (Role::LocalAuthority, Some(Force::Civil)), (Role::Admin, None)] {
        problem(ask(of(&people, role, force), json!({})).await, 403, "forbidden").await;
    }
    let by_hand = json!({"from_force": "military", "to_force": "police", "question": "x"});
    problem(enter(police, "information_requests", by_hand).await, 405, "method_not_allowed").await;

    // Text, count, and whether it is there: by every way that lists or names it.
    let one = format!("{REQUESTS}/{}", id(&asked));
    for Somebody { actor, caller } in &people {
        let reads = reads_between_police_and_border_guard(actor);
        let page = caller.read(&format!("{REQUESTS}?limit=100")).await;
        let counted = (page["numberMatched"].as_u64().unwrap_or(0), page["numberReturned"].as_u64().unwrap_or(0));
        assert_eq!(counted, if reads { (1, 1) } else { (0, 0) }, "{}: {page}", actor.name);
        assert_eq!(caller.get(&one).await.status() == StatusCode::OK, reads, "{}", actor.name);
        for path in [
            "/api/collections",
            "/api/search?q=HỎI-DẤU",
            "/api/duty_log/search?q=DẤU",
            "/api/handover",
            &format!("{REQUESTS}?to_force=border_guard"),
            &format!("/api/collections/duty_log/items?limit=100&at={}", in_h(-1)),
        ] {
            let body = caller.get(path).await.text().await.unwrap();
            assert!(reads || !(body.contains("DẤU-1") || body.contains("HỢP-1")), "{} in {path}: {body}", actor.name);
        }
        // To answer what one may not see is to answer what is not there.
        if !reads && actor.may(trucban::domain::access::Deed::Coordinate) {
            problem(verb(caller, &asked, "answer", json!({"text": "x"})).await, 404, "not_found").await;
        }
    }

    let due = |is_ours: bool| vec![("HỎI-DẤU-1".to_owned(), false, is_ours)];
    assert_eq!((deadlines(border).await, deadlines(police).await), (due(true), due(false)), "due within a day");

    problem(verb(police, &asked, "answer", json!({"text": "tự trả lời"})).await, 403, "forbidden").await;
    problem(verb(border, &asked, "withdraw", json!({"text": "không cần"})).await, 403, "forbidden").await;
    let joint = of(&people, Role::Commander, None);
    problem(verb(joint, &asked, "answer", json!({"text": "thay"})).await, 403, "forbidden").await;
    problem(verb(border, &asked, "answer", json!({"text": " "})).await, 422, "missing_field").await;
    problem(verb(border, &asked, "forward", json!({"text": "a"})).await, 404, "not_found").await;
    let path = format!("/api/information_requests/{}/answer", id(&asked));
    problem(border.post(&path, json!({"text": "a"})).await, 428, "precondition_required").await;
    let answered = done(verb(border, &asked, "answer", json!({"text": "TRẢ-LỜI"})).await, StatusCode::OK).await;
    assert_eq!(
        (&answered["properties"]["state"], &answered["properties"]["reply"]),
        (&json!("answered"), &json!("TRẢ-LỜI"))
    );
    assert_eq!(deadlines(border).await, []);
    assert_eq!(answered["properties"]["replied_by"], "planner-border-guard-province");
    problem(verb(border, &asked, "decline", json!({"text": "a"})).await, 412, "version_conflict").await;
    problem(verb(border, &answered, "decline", json!({"text": "a"})).await, 409, "forbidden_transition").await;
    problem(verb(police, &answered, "withdraw", json!({"text": "a"})).await, 409, "forbidden_transition").await;
    let rewritten = police.write(Method::PATCH, &one, version(&answered), json!({"properties": {"reply": "x"}})).await;
    problem(rewritten, 405, "method_not_allowed").await;
    let second = done(ask(police, json!({})).await, StatusCode::CREATED).await;
    done(verb(police, &second, "withdraw", json!({"text": "đã rõ"})).await, StatusCode::OK).await;
    let third = done(ask(police, json!({})).await, StatusCode::CREATED).await;
    done(verb(border, &third, "decline", json!({"text": "không có"})).await, StatusCode::OK).await;

    // The report counts for whoever reads reports; what was withdrawn was not asked, and it names nothing.
    let quarter = Quarter::of(SystemClock.now());
    let military = of(&people, Role::DutyOfficer, Some(Force::Military));
    let report = military.read(&format!("/api/reports/{quarter}")).await;
    let value = |name: &str| {
        report["figures"].as_array().unwrap().iter().find(|one| one["id"] == name).unwrap()["value"].clone()
    };
    assert_eq!((value("information_requests"), value("information_in_time")), (json!(2), json!(1)));
    let rows = military.read(&format!("/api/reports/{quarter}/figures/information_requests")).await;
    assert_eq!((&rows["hidden"], rows["features"].as_array().unwrap().len()), (&json!(2), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn briefings_decisions_and_plans_live_are_read_by_their_forces_and_are_told_in_the_report() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let areas = [("province", Area::Province), ("commune", Area::communes(["03388".to_owned()]))];
    let people = everybody(&server.system(), &server.anybody(), &areas, |_| None).await;
    let [police, border] = [Force::Police, Force::BorderGuard].map(|force| of(&people, Role::DutyOfficer, Some(force)));
    let commander = of(&people, Role::Commander, None);
    let now = SystemClock.now();
    let quarter = Quarter::of(now);

    let briefing = |changed: Value| {
        let mut one = json!({
            "held_at": now.to_string(), "level": "province", "forces": ["police", "border_guard"], "lead_force": "police",
            "chaired_by": "Trưởng phòng", "summary": "GIAO-BAN-DẤU",
        });
        one.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        one
    };
    let held = entered(police, "briefings", briefing(json!({}))).await;
    for (changed, code, at) in [
        (json!({"held_at": in_h(5)}), "future_time", "/properties/held_at"),
        (json!({"level": "district"}), "invalid_value", "/properties/level"),
        (json!({"level": "commune"}), "missing_field", "/properties/commune_code"),
        (json!({"level": "sector"}), "missing_field", "/properties/sector_id"),
        (json!({"forces": []}), "invalid_value", "/properties/forces"),
        (json!({"forces": ["navy"]}), "invalid_value", "/properties/forces"),
        (json!({"state": "done"}), "unknown_field", "/properties/state"),
    ] {
        refused(police, "briefings", briefing(changed), code, at).await;
    }
    // A briefing counts once: it is a record now, and no tally beside it.
    let tally = json!({"counted": "briefings", "count": 3, "force": "police", "occurred_at": now.to_string()});
    refused(police, "tallies", tally, "invalid_value", "/properties/counted").await;
    let changed = entered(
        police,
        "tallies",
        json!({"counted": "tips", "count": 1, "force": "police", "occurred_at": now.to_string()}),
    )
    .await;
    let path = format!("/api/collections/tallies/items/{}", id(&changed));
    let turned =
        police.write(Method::PATCH, &path, version(&changed), json!({"properties": {"counted": "briefings"}})).await;
    problem(turned, 422, "invalid_value").await;

    let decision = |changed: Value| {
        let mut one = json!({
            "briefing_id": id(&held), "text": "VIỆC-DẤU", "force": "border_guard", "owner": "Phòng Tham mưu", "due_at": in_h(72),
        });
        one.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        one
    };
    refused(
        police,
        "decisions",
        decision(json!({"briefing_id": id(&changed)})),
        "unknown_reference",
        "/properties/briefing_id",
    )
    .await;
    refused(police, "decisions", decision(json!({"text": null})), "missing_field", "/properties/text").await;
    refused(police, "decisions", decision(json!({"state": "done"})), "field_not_settable", "/properties/state").await;
    let task = entered(police, "decisions", decision(json!({}))).await;
    entered(police, "decisions", decision(json!({"text": "VIỆC-TRỄ", "due_at": in_h(-2)}))).await;
    let dropped = entered(police, "decisions", decision(json!({"text": "VIỆC-BỎ"}))).await;
    let done_one = entered(police, "decisions", decision(json!({"text": "VIỆC-XONG"}))).await;
    assert_eq!(
        (&task["properties"]["state"], &task["properties"]["decided_at"]),
        (&json!("open"), &held["properties"]["held_at"])
    );
    problem(verb(police, &task, "done", json!({})).await, 403, "forbidden").await;
    problem(verb(border, &dropped, "drop", json!({})).await, 422, "missing_field").await;
    problem(verb(border, &task, "reopen", json!({})).await, 409, "forbidden_transition").await;
    done(verb(border, &dropped, "drop", json!({"result": "trùng"})).await, StatusCode::OK).await;
    let closed = done(verb(border, &done_one, "done", json!({"result": "xong"})).await, StatusCode::OK).await;
    let path = format!("/api/collections/decisions/items/{}", id(&closed));
    let edited = border.write(Method::PATCH, &path, version(&closed), json!({"properties": {"due_at": in_h(9)}})).await;
    problem(edited, 409, "forbidden_transition").await;
    let opened = done(verb(commander, &closed, "reopen", json!({})).await, StatusCode::OK).await;
    assert!(opened["properties"]["closed_by"].is_null() && opened["properties"]["result"].is_null(), "{opened}");
    done(verb(border, &opened, "done", json!({})).await, StatusCode::OK).await;
    // One is open for three days yet, two are over.
    let overdue = |is_ours: bool| vec![("VIỆC-TRỄ".to_owned(), true, is_ours)];
    assert_eq!((deadlines(border).await, deadlines(police).await), (overdue(true), overdue(false)));

    let plan = |changed: Value| {
        let mut one = json!({
            "name": "SỰ-KIỆN-DẤU", "starts_at": in_h(1), "finishes_at": in_h(5), "lead_force": "police",
            "posts": [{"name": "Chốt 1", "force": "border_guard", "persons": 4, "place": "cổng"}],
            "checklist": [{"text": "rào chắn"}, {"text": "bộ đàm", "done_at": now.to_string(), "done_by": "ai đó"}],
        });
        one.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        one
    };
    for (changed, code, at) in [
        (json!({"finishes_at": in_h(1)}), "invalid_value", "/properties/finishes_at"),
        (json!({"posts": [{"name": "a", "force": "navy"}]}), "invalid_value", "/properties/posts/0/force"),
        (json!({"checklist": [{"text": ""}]}), "invalid_value", "/properties/checklist/0/text"),
        (json!({"checklist": vec![json!({"text": "a"}); 61]}), "limit_exceeded", "/properties/checklist"),
        (json!({"lead_force": "border_guard"}), "forbidden", ""),
        (json!({"issued_at": now.to_string()}), "field_not_settable", "/properties/issued_at"),
    ] {
        refused(police, "event_plans", plan(changed), code, at).await;
    }
    let made = entered(police, "event_plans", plan(json!({}))).await;
    assert_eq!(
        made["properties"]["checklist"],
        json!([{"text": "rào chắn"}, {"text": "bộ đàm"}]),
        "nobody checks off by writing"
    );
    // One call, by whoever takes part; repeated, it stays whose it was first.
    let item = format!("/api/event_plans/{}/checklist/0", id(&made));
    let checked = done(border.post(&item, json!({})).await, StatusCode::OK).await;
    // Whoever mans a post reads the plan and does not take it over, nor end it; nor another's briefing.
    let whole = format!("/api/collections/event_plans/items/{}", id(&made));
    let taken = border
        .write(Method::PATCH, &whole, version(&checked), json!({"properties": {"lead_force": "border_guard"}}))
        .await;
    problem(taken, 403, "forbidden").await;
    problem(border.write(Method::DELETE, &whole, version(&checked), json!({"reason": "x"})).await, 403, "forbidden")
        .await;
    let briefing_path = format!("/api/collections/briefings/items/{}", id(&held));
    let ended = border.write(Method::DELETE, &briefing_path, version(&held), json!({"reason": "x"})).await;
    problem(ended, 403, "forbidden").await;
    let again = done(police.post(&item, json!({"done": true})).await, StatusCode::OK).await;
    assert_eq!(
        (version(&again), &again["properties"]["checklist"][0]["done_by"]),
        (version(&checked), &json!("duty-officer-border-guard-province"))
    );
    problem(police.post(&item.replace("checklist/0", "checklist/9"), json!({})).await, 404, "not_found").await;
    problem(police.post(&item.replace("checklist/0", "checklist/-1"), json!({})).await, 404, "not_found").await;
    problem(verb(border, &again, "issue", json!({})).await, 403, "forbidden").await;
    problem(verb(police, &again, "done", json!({})).await, 409, "forbidden_transition").await;
    let issued = done(verb(police, &again, "issue", json!({})).await, StatusCode::OK).await;
    let unchecked = done(border.post(&item, json!({"done": false})).await, StatusCode::OK).await;
    assert!(unchecked["properties"]["checklist"][0]["done_by"].is_null(), "{unchecked}");
    problem(verb(police, &issued, "done", json!({})).await, 412, "version_conflict").await;
    problem(verb(police, &unchecked, "cancel", json!({})).await, 422, "missing_field").await;
    done(verb(police, &unchecked, "done", json!({"result": "yên ổn"})).await, StatusCode::OK).await;
    problem(border.post(&item, json!({})).await, 409, "forbidden_transition").await;

    // Who reads what, in the words of the rules.
    for Somebody { actor, caller } in &people {
        let sees = async |collection: &str| {
            let page = caller.read(&format!("/api/collections/{collection}/items?limit=100")).await;
            page["numberMatched"].as_u64().unwrap_or(0)
        };
        let is_there = matches!(actor.force, Some(Force::Police | Force::BorderGuard));
        let (whole, role) = (actor.area == Area::Province, actor.role);
        let reads = match role {
            Role::Observer => false,
            Role::Admin => true,
            Role::LocalAuthority => whole,
            _ => whole || is_there,
        };
        assert_eq!(
            (sees("briefings").await, sees("decisions").await),
            if reads { (1, 4) } else { (0, 0) },
            "{}",
            actor.name
        );
        let reads = match role {
            Role::Observer | Role::LocalAuthority => false,
            Role::Admin => true,
            _ => is_there || (whole && actor.force.is_none()),
        };
        assert_eq!(sees("event_plans").await, u64::from(reads), "plans: {}", actor.name);
    }

    // What it adds up to, and the tasks with who answers for them; a reader who may not see one is told of the count alone.
    let report = border.read(&format!("/api/reports/{quarter}")).await;
    let figures = report["figures"].as_array().unwrap();
    let value = |name: &str| figures.iter().find(|one| one["id"] == name).unwrap()["value"].as_u64().unwrap();
    assert_eq!((value("briefings"), value("decisions_done"), value("decisions_open")), (1, 1, 2));
    assert_eq!((value("plans_issued"), value("events_protected")), (1, 1));
    // Of both, the one that is due after the quarter's end is not due by then.
    let is_due_later = Quarter::of(now.plus_s(72 * 3_600)) != quarter;
    assert_eq!(value("decisions_due"), if is_due_later { 1 } else { 2 });
    let tasks = report["tasks"]["tasks"].as_array().unwrap();
    assert_eq!(tasks.iter().map(|one| one["text"].as_str().unwrap()).collect::<Vec<_>>(), ["VIỆC-TRỄ", "VIỆC-DẤU"]);
    assert_eq!((&tasks[0]["force"], &tasks[0]["owner"]), (&json!("border_guard"), &json!("Phòng Tham mưu")));
    let elsewhere = people.iter().find(|one| {
        (one.actor.role, one.actor.force) == (Role::Planner, Some(Force::Military)) && one.actor.area != Area::Province
    });
    let hidden = elsewhere.unwrap().caller.read(&format!("/api/reports/{quarter}")).await;
    assert_eq!(hidden["tasks"], json!({"tasks": [], "hidden": 2}));
    for format in ["docx", "xlsx", "pdf"] {
        let file = border.get(&format!("/api/reports/{quarter}/file?format={format}")).await;
        assert_eq!(file.status(), StatusCode::OK, "{format}");
        assert!(file.bytes().await.unwrap().len() > 5_000, "{format}");
    }
}
