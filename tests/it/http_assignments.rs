//! The life of an assignment through the front door: each branch, each refusal, by each party.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::domain::accountability::Timers;
use uuid::Uuid;

use crate::http_support::{Caller, Server, done, id, problem, version};

/// The unit of the demo's field actor, and one of the police.
struct Cast {
    officer: Caller,
    border: Caller,
    field: Caller,
    own: String,
    police: String,
    others: String,
}

impl Cast {
    async fn of(server: &Server) -> Self {
        let [officer, border, field] = ["duty_officer", "border_officer", "field_unit"].map(|name| server.actor(name));
        let own = field.read("/api/session").await["actor"]["unit_id"].as_str().unwrap().to_owned();
        let unit = async |code: &str| {
            let page = officer.read(&format!("/api/collections/units/items?code={code}")).await;
            id(&page["features"][0]).to_owned()
        };
        let (police, others) = (unit("CA-01").await, unit("BP-02").await);
        Self { officer, border, field, own, police, others }
    }
}

impl Caller {
    /// Assigns a unit; the answer.
    async fn assign(&self, incident: &str, unit: &str) -> Value {
        let path = format!("/api/collections/incidents/items/{incident}");
        let seen = version(&self.read(&path).await);
        let path = format!("/api/incidents/{incident}/assignments");
        done(self.write(Method::POST, &path, seen, json!({"unit_id": unit})).await, StatusCode::OK).await
    }

    async fn step(&self, order: &str, body: Value) -> reqwest::Response {
        self.post(&format!("/api/assignments/{order}/steps"), body).await
    }

    async fn decide(&self, order: &str, body: Value) -> reqwest::Response {
        self.post(&format!("/api/assignments/{order}/decisions"), body).await
    }

    async fn order(&self, order: &str) -> Value {
        self.read(&format!("/api/collections/assignments/items/{order}")).await["properties"].take()
    }

    async fn alarms(&self, kind: &str) -> Vec<Value> {
        let page = self.read(&format!("/api/collections/alarms/items?kind={kind}")).await;
        page["features"].as_array().unwrap().clone()
    }
}

fn order_in(answer: &Value) -> &str {
    id(&answer["assignment"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_takes_an_order_and_leads_it_to_the_end() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let incident = cast.border.report("other", 103.2, 22.4).await;
    let answer = cast.border.assign(id(&incident), &cast.own).await;
    let order = order_in(&answer);
    assert_eq!(answer["assignment"]["properties"]["state"], "dispatched");
    assert_eq!(cast.field.order(order).await["unit_id"], *cast.own, "the phone reads its own order");
    // Twice under one key is once; again under another key is what stands.
    let key = Uuid::now_v7().to_string();
    let path = format!("/api/assignments/{order}/steps");
    let call =
        || cast.field.ask(Method::POST, &path).header("idempotency-key", &key).json(&json!({"step": "acknowledge"}));
    let first = done(call().send().await.unwrap(), StatusCode::OK).await;
    let second = done(call().send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((&first["properties"]["state"], version(&first)), (&json!("acknowledged"), version(&second)));
    let again = done(cast.field.step(order, json!({"step": "acknowledge"})).await, StatusCode::OK).await;
    assert_eq!(version(&again), version(&first));
    for (step, state) in [("en_route", "en_route"), ("on_scene", "on_scene"), ("clear", "cleared")] {
        let moved = done(cast.field.step(order, json!({"step": step})).await, StatusCode::OK).await;
        assert_eq!(moved["properties"]["state"], state);
    }
    let order = cast.border.order(order).await;
    assert!(["turnout_s", "travel_s", "on_scene_s"].iter().all(|name| order[name].is_u64()), "{order}");
    let log = cast.border.read(&format!("/api/incidents/{}/log", id(&incident))).await.to_string();
    assert!(log.contains("xong nhiệm vụ"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_keeps_the_advice_that_was_on_the_screen_for_those_who_may_see_it() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let incident = cast.border.report("landslide", 103.2, 22.4).await;
    let shown = cast.border.read(&format!("/api/incidents/{}/recommendation", id(&incident))).await;
    let path = format!("/api/incidents/{}/assignments", id(&incident));
    let order = |advice: Value| {
        let call = cast.border.ask(Method::POST, &path).header("if-match", "\"1\"");
        call.json(&json!({"unit_id": cast.own, "advice_id": advice})).send()
    };
    problem(order(json!("yes")).await.unwrap(), 422, "invalid_value").await;
    let answer = done(order(shown["advice_id"].clone()).await.unwrap(), StatusCode::OK).await;
    let kept = format!("/api/assignments/{}/advice", order_in(&answer));
    let again = cast.border.read(&kept).await;
    assert_eq!((&again["unit_id"], &again["is_as_shown"]), (&json!(cast.own), &json!(true)));
    let place = again["advice"]["candidates"].as_array().unwrap().iter().position(|c| c["unit"]["id"] == *cast.own);
    assert_eq!(again["rank"], place.map_or(Value::Null, |place| json!(place + 1)));
    let times = |advice: &Value| -> Vec<Value> {
        let of = |c: &Value| json!([c["unit"]["id"], c["rank"], c["eta_min_s"], c["eta_max_s"], c["reasons"]]);
        advice["candidates"].as_array().unwrap().iter().map(of).collect()
    };
    assert!(!times(&shown).is_empty());
    assert_eq!(times(&again["advice"]), times(&shown));
    assert_eq!((&again["advice"]["picks"], &again["advice"]["as_of"]), (&shown["picks"], &shown["as_of"]));

    // A telephone sees its order, and not where everybody else was.
    cast.field.order(order_in(&answer)).await;
    let advice = cast.border.order(order_in(&answer)).await["advice_id"].take();
    for hidden in [kept, format!("/api/collections/advices/items/{}", advice.as_str().unwrap())] {
        problem(cast.field.get(&hidden).await, 404, "not_found").await;
    }
    // An order that followed no advice has none, and nobody writes one by hand.
    let bare = cast.border.report("other", 103.21, 22.4).await;
    let answer = cast.border.assign(id(&bare), &cast.own).await;
    problem(cast.border.get(&format!("/api/assignments/{}/advice", order_in(&answer))).await, 404, "not_found").await;
    let by_hand =
        cast.border.post("/api/collections/advices/items", json!({"type": "Feature", "properties": {}})).await;
    problem(by_hand, 405, "method_not_allowed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_not_there_to_take_is_refused_and_says_what_is() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let incident = cast.border.report("other", 103.2, 22.4).await;
    let answer = cast.border.assign(id(&incident), &cast.own).await;
    let order = order_in(&answer);
    problem(cast.field.step(order, json!({})).await, 422, "missing_field").await;
    problem(cast.field.step(order, json!({"step": "agree"})).await, 422, "invalid_value").await;
    problem(cast.field.step(order, json!({"step": "acknowledge", "how": "loud"})).await, 422, "unknown_field").await;
    problem(cast.field.step(order, json!({"step": "decline"})).await, 422, "missing_field").await;
    let long = json!({"step": "decline", "reason": "x".repeat(201)});
    problem(cast.field.step(order, long).await, 422, "limit_exceeded").await;
    let refused = problem(cast.field.step(order, json!({"step": "clear"})).await, 409, "forbidden_transition").await;
    assert_eq!(refused["state"], "dispatched");
    assert!(refused["allowed"].as_array().unwrap().contains(&json!("acknowledge")), "{refused}");
    // Heard by radio: from whom is part of it.
    problem(cast.border.step(order, json!({"step": "acknowledge", "source": "radio"})).await, 422, "missing_field")
        .await;
    problem(cast.border.step(order, json!({"step": "acknowledge", "source": "smoke"})).await, 422, "invalid_value")
        .await;
    let future = json!({"step": "acknowledge", "at": "2999-01-01T00:00:00Z"});
    problem(cast.border.step(order, future).await, 422, "future_time").await;
    let steps = format!("/api/assignments/{order}/steps");
    let stale = cast.field.write(Method::POST, &steps, 99, json!({"step": "acknowledge"})).await;
    problem(stale, 412, "version_conflict").await;
    problem(cast.field.step(&Uuid::now_v7().to_string(), json!({"step": "acknowledge"})).await, 404, "not_found").await;
    // Another's order is nobody else's to take.
    let others = cast.border.assign(id(&incident), &cast.others).await;
    problem(cast.field.step(order_in(&others), json!({"step": "acknowledge"})).await, 403, "forbidden").await;
    problem(server.actor("planner").step(order, json!({"step": "acknowledge"})).await, 403, "forbidden").await;
    problem(cast.officer.step(order, json!({"step": "acknowledge"})).await, 403, "forbidden").await;
    let on_behalf = json!({"step": "acknowledge", "source": "radio", "told_by": "Trung uý Sơn"});
    let heard = done(cast.border.step(order, on_behalf).await, StatusCode::OK).await;
    let step = &heard["properties"]["steps"][1];
    assert_eq!(
        (&step["by"], &step["source"], &step["told_by"]),
        (&json!("border_officer"), &json!("radio"), &json!("Trung uý Sơn"))
    );
    // Nothing of it is written by hand.
    let made =
        cast.border.post("/api/collections/assignments/items", json!({"geometry": null, "properties": {}})).await;
    problem(made, 405, "method_not_allowed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_force_is_asked_and_answers_with_one_key() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let incident = cast.officer.report("other", 103.2, 22.4).await;
    let answer = cast.officer.assign(id(&incident), &cast.own).await;
    let order = order_in(&answer);
    assert_eq!((&answer["assignment"]["properties"]["state"], &answer["queued"]), (&json!("requested"), &json!(false)));
    assert_eq!(answer["unit"]["properties"]["status"], "available");
    let calls = cast.border.alarms("support_requested").await;
    assert_eq!((calls.len(), &calls[0]["properties"]["force"]), (1, &json!("border_guard")));
    problem(cast.officer.decide(order, json!({"decision": "agree"})).await, 403, "forbidden").await;
    problem(cast.field.decide(order, json!({"decision": "agree"})).await, 403, "forbidden").await;
    problem(cast.border.decide(order, json!({"decision": "refuse"})).await, 422, "missing_field").await;
    let agreed = done(cast.border.decide(order, json!({"decision": "agree"})).await, StatusCode::OK).await;
    assert_eq!(
        (&agreed["properties"]["state"], &agreed["properties"]["agreed_by"]),
        (&json!("dispatched"), &json!("border_officer"))
    );
    assert!(cast.border.alarms("support_requested").await.is_empty());
    // By telephone, written down by whoever asked; and a refusal.
    let other = cast.officer.assign(id(&incident), &cast.others).await;
    let by_phone =
        json!({"decision": "refuse", "reason": "đang tuần tra xa", "source": "phone", "told_by": "Trực ban Đồn"});
    let refused = done(cast.officer.decide(order_in(&other), by_phone).await, StatusCode::OK).await;
    assert_eq!(refused["properties"]["state"], "declined");
    let alarm = cast.officer.alarms("support_refused").await.remove(0);
    let path = format!("/api/alarms/{}/acknowledge", id(&alarm));
    problem(cast.field.post(&path, json!({})).await, 403, "forbidden").await;
    problem(server.actor("observer").post(&path, json!({})).await, 403, "forbidden").await;
    let taken = done(cast.officer.post(&path, json!({})).await, StatusCode::OK).await;
    assert_eq!(taken["properties"]["acknowledged_by"], "duty_officer");
    // One's own unit is sent, not asked for.
    let own = cast.officer.assign(id(&incident), &cast.police).await;
    assert_eq!(own["assignment"]["properties"]["state"], "dispatched");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_times_out_is_taken_back_and_a_request_that_nobody_answers_is_told() {
    let timers = Timers { ack_s: 1, request_s: 1, ..Timers::default() };
    let server = Server::waiting(timers).await;
    let cast = Cast::of(&server).await;
    let incident = cast.border.report("other", 103.2, 22.4).await;
    let answer = cast.border.assign(id(&incident), &cast.own).await;
    let order = order_in(&answer).to_owned();
    let asked = cast.border.assign(id(&incident), &cast.police).await;
    for _ in 0..400 {
        let told = cast.border.alarms("support_unanswered").await;
        if cast.border.order(&order).await["state"] == "timed_out" && !told.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_eq!(cast.border.order(&order).await["state"], "timed_out");
    assert_eq!(cast.border.alarms("assignment_timed_out").await[0]["properties"]["assignment_id"], *order);
    assert_eq!(cast.border.order(order_in(&asked)).await["state"], "requested");
    let late =
        problem(cast.field.step(&order, json!({"step": "acknowledge"})).await, 409, "forbidden_transition").await;
    assert_eq!(late["state"], "timed_out");
    assert!(late["detail_vi"].as_str().unwrap().contains("quá hạn nhận lệnh"), "{late}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_units_phone_reports_safe_and_goes_on_to_what_waited() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let first = cast.border.report("flash_flood", 103.2, 22.4).await;
    let order = cast.border.assign(id(&first), &cast.own).await;
    let order = order_in(&order);
    let status = json!({"status": "on_scene"});
    done(cast.field.post(&format!("/api/units/{}/status", cast.own), status).await, StatusCode::OK).await;
    assert_eq!(cast.field.order(order).await["state"], "on_scene", "a status is a step");
    let path = format!("/api/assignments/{order}/accountability");
    problem(cast.field.post(&path, json!({"no_coverage_until": "2020-01-01T00:00:00Z"})).await, 422, "invalid_value")
        .await;
    problem(cast.officer.post(&path, json!({})).await, 403, "forbidden").await;
    let safe = done(cast.field.post(&path, json!({})).await, StatusCode::OK).await;
    assert!(safe["properties"]["accountability_due_at"].is_string(), "{safe}");
    let second = cast.border.report("medical", 103.3, 22.4).await;
    let waits = cast.border.assign(id(&second), &cast.own).await;
    assert_eq!((&waits["queued"], &waits["unit"]["properties"]["status"]), (&json!(true), &json!("on_scene")));
    problem(cast.field.step(order_in(&waits), json!({"step": "acknowledge"})).await, 409, "forbidden_transition").await;
    done(cast.field.step(order, json!({"step": "clear"})).await, StatusCode::OK).await;
    assert_eq!(cast.field.order(order_in(&waits)).await["state"], "dispatched");
    problem(cast.field.post(&path, json!({})).await, 409, "forbidden_transition").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn distress_is_heard_by_every_force_and_taken_by_name() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let path = format!("/api/units/{}/status", cast.own);
    done(cast.field.post(&path, json!({"status": "distress"})).await, StatusCode::OK).await;
    for officer in [&cast.officer, &cast.border] {
        assert_eq!(officer.alarms("distress").await.len(), 1);
    }
    let alarm = cast.border.alarms("distress").await.remove(0);
    let take = format!("/api/alarms/{}/acknowledge", id(&alarm));
    problem(cast.field.post(&take, json!({})).await, 403, "forbidden").await;
    problem(cast.field.post(&path, json!({"status": "available"})).await, 409, "forbidden_transition").await;
    let taken = done(cast.border.post(&take, json!({})).await, StatusCode::OK).await;
    assert_eq!(taken["properties"]["acknowledged_by"], "border_officer");
    let second = done(cast.officer.post(&take, json!({})).await, StatusCode::OK).await;
    assert_eq!(second["properties"]["acknowledged_by"], "border_officer", "the first who took it has it");
    done(cast.border.post(&path, json!({"status": "available"})).await, StatusCode::OK).await;
    assert!(cast.border.alarms("distress").await.is_empty());
    problem(
        cast.border.post(&take.replace(id(&alarm), &Uuid::now_v7().to_string()), json!({})).await,
        404,
        "not_found",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sets_out_is_counted_once_from_then_until_free_again() {
    let server = Server::demo().await;
    let cast = Cast::of(&server).await;
    let present = trucban::domain::quarter::Quarter::of(trucban::store::clock::now());
    let counted = async || {
        let report = cast.officer.read(&format!("/api/reports/{present}")).await;
        let line =
            |id: &str| report["figures"].as_array().unwrap().iter().find(|f| f["id"] == id).unwrap()["value"].clone();
        (line("personnel_turns").as_f64().unwrap(), line("vehicle_turns").as_f64().unwrap())
    };
    let deployments = async |incident: &Value| {
        let path = format!("/api/collections/deployments/items?incident_id={}", id(incident));
        cast.officer.read(&path).await["features"].as_array().unwrap().clone()
    };
    let before = counted().await;
    let incident = cast.border.report("landslide", 103.2, 22.4).await;
    let order = order_in(&cast.border.assign(id(&incident), &cast.own).await).to_owned();
    done(cast.field.step(&order, json!({"step": "acknowledge"})).await, StatusCode::OK).await;
    assert!(deployments(&incident).await.is_empty(), "an order is no deployment yet");
    for step in ["en_route", "on_scene"] {
        done(cast.field.step(&order, json!({"step": step})).await, StatusCode::OK).await;
    }
    let out = deployments(&incident).await;
    assert_eq!(out.len(), 1, "{out:?}");
    let fields = &out[0]["properties"];
    let unit = cast.officer.read(&format!("/api/collections/units/items/{}", cast.own)).await["properties"].take();
    assert_eq!((&fields["purpose"], &fields["force"]), (&json!("disaster"), &unit["force"]));
    assert_eq!(fields["personnel"].as_i64().unwrap(), unit["crew"].as_i64().unwrap_or(0), "{unit}");
    assert_eq!((&fields["assignment_id"], fields.get("finished_at")), (&json!(order), None));
    let (people, vehicles) = (fields["personnel"].as_f64().unwrap(), fields["vehicles"].as_f64().unwrap_or(0.0));
    assert_eq!(counted().await, (before.0 + people, before.1 + vehicles), "the quarter counts them");
    done(cast.field.step(&order, json!({"step": "clear"})).await, StatusCode::OK).await;
    let over = deployments(&incident).await;
    assert!(over.len() == 1 && over[0]["properties"]["finished_at"].is_string(), "{over:?}");
    assert_eq!(counted().await, (before.0 + people, before.1 + vehicles), "once, however long it lasts");

    // Called back before anybody set out: nobody was deployed.
    let other = cast.border.report("landslide", 103.3, 22.4).await;
    let order = order_in(&cast.border.assign(id(&other), &cast.own).await).to_owned();
    done(cast.border.decide(&order, json!({"decision": "cancel"})).await, StatusCode::OK).await;
    assert!(deployments(&other).await.is_empty());
}
