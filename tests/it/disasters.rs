//! Reports of a disaster: drafted from the picture, compared with the one before, sent once and for all; who may, who is
//! late, and what is refused.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};

use crate::http_support::{Caller, Server, done, id, problem, version};

const EVENTS: &str = "/api/collections/disaster_events/items";

fn hours_ago(hours: i64) -> String {
    SystemClock.now().plus_s(-hours * 3_600).to_string()
}

async fn open(who: &Caller, properties: Value) -> reqwest::Response {
    who.post(EVENTS, json!({"type": "Feature", "geometry": null, "properties": properties})).await
}

/// A commune with households, and a place in it.
async fn commune(local: &Caller) -> (String, f64, f64) {
    let page = local.read("/api/collections/households/items?limit=1").await;
    let house = &page["features"][0];
    let at = &house["geometry"]["coordinates"];
    let code = house["properties"]["admin_unit"].as_str().unwrap().to_owned();
    (code, at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
}

async fn report(who: &Caller, (lon, lat): (f64, f64), dead: i64) -> String {
    let body = json!({"kind": "landslide", "dead": dead, "place": {"lon": lon, "lat": lat}});
    let answer = done(who.post("/api/incidents", body).await, StatusCode::CREATED).await;
    id(&answer["incident"]).to_owned()
}

fn figure<'d>(draft: &'d Value, id: &str) -> &'d Value {
    draft["figures"].as_array().unwrap().iter().find(|figure| figure["id"] == id).unwrap()
}

fn item<'d>(draft: &'d Value, group: &str, id: &str) -> &'d Value {
    let groups = draft["damage"].as_array().unwrap();
    let group = groups.iter().find(|one| one["id"] == group).unwrap();
    group["items"].as_array().unwrap().iter().find(|item| item["id"] == id).unwrap()
}

fn compared(line: &Value) -> (Value, Value, Value) {
    (line["value"].clone(), line["previous"].clone(), line["difference"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commune_reports_the_province_adds_up_and_what_was_sent_stays() {
    let server = Server::demo().await;
    let [officer, commander, local, planner] =
        ["duty_officer", "commander", "local_authority", "planner"].map(|name| server.actor(name));
    let (code, lon, lat) = commune(&local).await;
    let named = json!({
        "name": "Mưa lũ thử", "hazard": "flash_flood", "started_at": hours_ago(3), "communes": [code],
    });
    let event = done(open(&officer, named).await, StatusCode::CREATED).await;
    assert!(event["properties"]["code"].as_str().unwrap().starts_with("ST-"), "{event}");
    assert_eq!(event["properties"]["entered_by"], "duty_officer");
    let (event_id, path) = (id(&event), format!("/api/disasters/{}", id(&event)));
    let draft_of_commune = format!("{path}/draft?level=commune&commune_code={code}");
    let (reports, province) = (format!("{path}/reports"), format!("{path}/draft?level=province"));

    // The draft at any minute, beside nothing.
    let first = report(&officer, (lon, lat), 1).await;
    let draft = local.read(&draft_of_commune).await;
    assert!(draft["data_at_vi"].as_str().unwrap().starts_with("số liệu đến "), "{draft}");
    assert_eq!((&draft["previous"], &draft["may_send"]), (&Value::Null, &json!(true)));
    assert_eq!(compared(figure(&draft, "dead")), (json!(1.0), Value::Null, Value::Null));
    let rows = &figure(&draft, "incidents_landslide")["rows"];
    assert_eq!((rows.as_array().unwrap().len(), rows[0]["id"].as_str()), (1, Some(first.as_str())));
    let moved = figure(&draft, "households_not_yet");
    assert!(moved["rows"].as_array().unwrap().is_empty(), "no household is named");
    let asked_earlier = format!("{draft_of_commune}&data_at={}", hours_ago(1));
    assert_eq!(figure(&local.read(&asked_earlier).await, "dead")["value"], 0.0);

    // Sent with its damage; what is counted is frozen.
    let damage = json!({"people": {"dead": 1}, "housing": {"collapsed": 2, "note": "bản Nậm Củm"}});
    let body =
        json!({"level": "commune", "commune_code": code, "kind": "quick", "damage": damage, "text": " Mưa to. "});
    let sent = done(local.post(&reports, body.clone()).await, StatusCode::CREATED).await;
    let kept = &sent["properties"];
    assert_eq!((&kept["damage"], &kept["text"], &kept["number"]), (&damage, &json!("Mưa to."), &json!(1)));
    assert_eq!((&kept["sent_by"], &kept["admin_unit"]), (&json!("local_authority"), &json!(code)));
    assert!(kept["name"].as_str().unwrap().starts_with("Báo cáo nhanh số 1 – Mưa lũ thử – "), "{kept}");
    assert!(kept["counted_seq"].as_u64().unwrap() > 0);
    report(&officer, (lon, lat), 2).await;
    let draft = local.read(&draft_of_commune).await;
    assert_eq!(compared(figure(&draft, "dead")), (json!(3.0), json!(1.0), json!(2.0)));
    assert_eq!(compared(figure(&draft, "incidents")), (json!(2.0), json!(1.0), json!(1.0)));
    assert_eq!(item(&draft, "housing", "collapsed")["previous"], 2.0);
    let one = format!("/api/collections/disaster_reports/items/{}", id(&sent));
    let again = local.read(&one).await;
    assert_eq!(again["properties"], sent["properties"], "what was sent is as it was");
    let by_hand = json!({"properties": {"text": "khác"}});
    problem(local.write(Method::PATCH, &one, version(&sent), by_hand).await, 405, "method_not_allowed").await;
    problem(local.write(Method::DELETE, &one, version(&sent), json!({})).await, 405, "method_not_allowed").await;

    // The province adds up what its communes sent last; a correction takes the place of what it corrects.
    let draft = officer.read(&province).await;
    assert_eq!(item(&draft, "housing", "collapsed")["value"], 2.0);
    assert_eq!((&draft["communes_silent"], &draft["communes"][0]["report"]["id"]), (&json!(0), &json!(id(&sent))));
    let mut corrected = body.clone();
    corrected["damage"]["housing"]["collapsed"] = json!(5);
    corrected["corrects_id"] = json!(id(&sent));
    let corrects = done(local.post(&reports, corrected.clone()).await, StatusCode::CREATED).await;
    assert_eq!(corrects["properties"]["corrects_id"], json!(id(&sent)));
    let twice = problem(local.post(&reports, corrected.clone()).await, 422, "invalid_value").await;
    assert_eq!((&twice["at"], &twice["corrected_by"]), (&json!("/corrects_id"), &json!(id(&corrects))));
    let draft = officer.read(&province).await;
    assert_eq!(item(&draft, "housing", "collapsed")["value"], 5.0);
    let of_province = json!({"level": "province", "kind": "quick"});
    let sum = done(commander.post(&reports, of_province.clone()).await, StatusCode::CREATED).await;
    assert_eq!(sum["properties"]["damage"]["housing"], json!({"collapsed": 5}));
    assert_eq!(sum["properties"]["communes"][0]["code"], json!(code));

    // Whose it is not.
    problem(officer.post(&reports, body.clone()).await, 403, "forbidden").await;
    problem(local.post(&reports, of_province.clone()).await, 403, "forbidden").await;
    problem(planner.post(&reports, of_province).await, 403, "forbidden").await;
    problem(local.get(&province).await, 403, "forbidden").await;
    problem(planner.get(&province).await, 403, "forbidden").await;
    officer.read(&draft_of_commune).await;
    let all = format!("/api/collections/disaster_reports/items?event_id={event_id}");
    let seen = async |who: &str| server.actor(who).read(&all).await["numberMatched"].as_u64().unwrap();
    assert_eq!((seen("duty_officer").await, seen("local_authority").await), (3, 2), "a commune reads its own");
    for other in ["planner", "field_unit", "observer", "tip_handler"] {
        assert_eq!(seen(other).await, 0, "{other}");
    }

    // What is no report.
    let with = |name: &str, value: Value| {
        let mut body = body.clone();
        body[name] = value;
        body
    };
    for (wrong, status, code, at) in [
        (with("kind", json!("weekly")), 422, "invalid_value", "/kind"),
        (with("level", json!("district")), 422, "invalid_value", "/level"),
        (with("level", json!("province")), 422, "invalid_value", "/commune_code"),
        (with("commune_code", Value::Null), 422, "missing_field", "/commune_code"),
        (with("data_at", json!(hours_ago(4))), 422, "invalid_value", "/data_at"),
        (with("data_at", json!(hours_ago(-2))), 422, "future_time", "/data_at"),
        (with("damage", json!({"people": {"dead": -1}})), 422, "invalid_value", "/damage/people/dead"),
        (with("damage", json!({"people": {"name": "A"}})), 422, "unknown_field", "/damage/people/name"),
        (with("text", json!("x".repeat(4_001))), 422, "limit_exceeded", ""),
        (with("corrects_id", json!(event_id)), 422, "unknown_reference", "/corrects_id"),
        (with("names", json!("A")), 422, "unknown_field", "/names"),
    ] {
        let told = problem(local.post(&reports, wrong).await, status, code).await;
        assert!(at.is_empty() || told["at"] == at, "{told}");
    }
    let mut wrong_kind = corrected;
    (wrong_kind["kind"], wrong_kind["corrects_id"]) = (json!("daily"), json!(id(&corrects)));
    assert_eq!(problem(local.post(&reports, wrong_kind).await, 422, "invalid_value").await["at"], "/kind");
    problem(local.post(&reports, with("kind", json!("consolidated"))).await, 409, "too_early").await;
    let nowhere = "/api/disasters/00000000-0000-4000-8000-000000000404";
    problem(local.post(&format!("{nowhere}/reports"), body).await, 404, "not_found").await;
    problem(officer.get(&format!("{nowhere}/draft?level=province")).await, 404, "not_found").await;
    problem(officer.get(&format!("{path}/draft?level=district")).await, 400, "invalid_parameter").await;
    problem(officer.get(&format!("{path}/draft?level=commune&commune_code=nobody")).await, 422, "unknown_reference")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_late_is_told_until_it_is_sent_and_the_end_asks_for_a_consolidated_report() {
    let server = Server::demo().await;
    let [officer, local] = ["duty_officer", "local_authority"].map(|name| server.actor(name));
    let (code, ..) = commune(&local).await;
    let base = json!({"name": "Mưa lũ thử", "hazard": "flood", "started_at": hours_ago(30), "communes": [code]});
    let with = |name: &str, value: Value| {
        let mut event = base.clone();
        event[name] = value;
        event
    };

    // Who opens an event, and what is none.
    problem(open(&local, base.clone()).await, 403, "forbidden").await;
    problem(open(&server.actor("planner"), base.clone()).await, 403, "forbidden").await;
    for (wrong, code, at) in [
        (with("started_at", json!(hours_ago(-2))), "future_time", "/properties/started_at"),
        (with("finished_at", json!(hours_ago(31))), "invalid_value", "/properties/finished_at"),
        (with("started_at", json!("2015-01-01T00:00:00Z")), "invalid_value", "/properties/started_at"),
        (with("communes", json!(["nobody"])), "unknown_reference", "/properties/communes/0"),
        (with("hazard", json!("war")), "invalid_value", "/properties/hazard"),
    ] {
        assert_eq!(problem(open(&officer, wrong).await, 422, code).await["at"], at);
    }
    let event = done(open(&officer, base.clone()).await, StatusCode::CREATED).await;
    let reports = format!("/api/disasters/{}/reports", id(&event));

    // Nobody has sent anything within a day.
    let due = officer.read("/api/disasters/due").await;
    let levels = due["events"][0]["levels"].as_array().unwrap();
    assert_eq!((&levels[0]["level"], &levels[1]["level"]), (&json!("province"), &json!("commune")));
    for level in levels {
        let one = &level["reporters"][0];
        assert_eq!((&level["sent"], &level["late"], &one["last"]), (&json!(0), &json!(1), &Value::Null));
        assert_eq!(one["late"][0]["kind"], "quick");
        let late_s = one["late"][0]["late_s"].as_i64().unwrap();
        assert!((6 * 3_600..6 * 3_600 + 600).contains(&late_s), "{late_s}");
        assert_eq!(one["next"]["kind"], "daily");
    }
    assert_eq!(
        (&levels[0]["reporters"][0]["is_mine"], &levels[1]["reporters"][0]["is_mine"]),
        (&json!(true), &json!(false))
    );
    let own = local.read("/api/disasters/due").await;
    let own = own["events"][0]["levels"].as_array().unwrap();
    assert_eq!((own.len(), &own[0]["level"], &own[0]["reporters"][0]["is_mine"]), (1, &json!("commune"), &json!(true)));
    problem(server.actor("planner").get("/api/disasters/due").await, 403, "forbidden").await;

    // Sent, it is not late any more; of the same key once.
    let body = json!({"level": "commune", "commune_code": code, "kind": "quick"});
    let send = || local.ask(Method::POST, &reports).header("idempotency-key", "0193e1a2-0000-7000-8000-000000000001");
    let sent = done(send().json(&body).send().await.unwrap(), StatusCode::CREATED).await;
    assert_eq!(id(&done(send().json(&body).send().await.unwrap(), StatusCode::CREATED).await), id(&sent));
    let due = officer.read("/api/disasters/due").await;
    let level = &due["events"][0]["levels"][1];
    let quick = |one: &Value| one["late"].as_array().unwrap().iter().filter(|late| late["kind"] == "quick").count();
    assert_eq!((&level["sent"], quick(&level["reporters"][0])), (&json!(1), 0));
    assert_eq!(level["reporters"][0]["last"]["number"], 1);
    let log = officer.read("/api/duty_log/search?kind=disaster_report_sent").await;
    assert!(log["features"][0]["properties"]["text"].as_str().unwrap().contains("số liệu đến"), "{log}");

    // The event ends; fifteen days are left.
    let item = format!("{EVENTS}/{}", id(&event));
    let end = json!({"properties": {"finished_at": hours_ago(0)}});
    let finished = done(officer.write(Method::PATCH, &item, version(&event), end).await, StatusCode::OK).await;
    let due = local.read("/api/disasters/due").await;
    assert_eq!(due["events"][0]["levels"][0]["reporters"][0]["next"]["kind"], "consolidated");
    let consolidated = json!({"level": "commune", "commune_code": code, "kind": "consolidated"});
    done(local.post(&reports, consolidated.clone()).await, StatusCode::CREATED).await;
    let due = local.read("/api/disasters/due").await;
    assert_eq!(due["events"][0]["levels"][0]["reporters"][0]["next"], Value::Null);

    // Taken back, nobody is asked for it, and nothing is sent of it.
    done(officer.write(Method::DELETE, &item, version(&finished), json!({})).await, StatusCode::OK).await;
    assert_eq!(officer.read("/api/disasters/due").await["events"], json!([]));
    problem(local.post(&reports, consolidated).await, 409, "forbidden_transition").await;
}
