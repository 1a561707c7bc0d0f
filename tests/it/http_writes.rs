//! The verbs through the front door: an incident from the call to the log, units, zones, fixes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::http_support::{Server, done, id, problem, version};

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_something_beyond_ones_area_is_taken_and_its_answer_shows_it_once() {
    let server = Server::demo().await;
    let authority = server.actor("local_authority");
    let mut hidden = 0;
    for [lon, lat] in [[103.4, 22.3], [102.6, 22.4], [103.1, 22.1], [103.8, 21.9]] {
        let incident = authority.report("landslide", lon, lat).await;
        assert_eq!(incident["geometry"]["coordinates"], json!([lon, lat]), "{incident}");
        let read = authority.get(&format!("/api/collections/incidents/items/{}", id(&incident))).await;
        hidden += usize::from(read.status() == StatusCode::NOT_FOUND);
    }
    assert!(hidden >= 3, "the demo's commune is one of many, {hidden} of four places lie beyond it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_waits_for_the_change_that_its_asker_wrote_and_is_told_if_it_does_not_come() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let written =
        officer.post("/api/incidents", json!({"kind": "landslide", "place": {"lon": 103.4, "lat": 22.3}})).await;
    let seq: u64 = written.headers()["seq"].to_str().unwrap().parse().unwrap();
    let ask =
        |min_seq: String| officer.ask(Method::GET, "/api/nearby?lon=103.4&lat=22.3&limit=1").header("min-seq", min_seq);
    let held = done(ask(seq.to_string()).send().await.unwrap(), StatusCode::OK).await;
    assert!(held["seq"].as_u64().unwrap() >= seq, "{held}");
    let waiting = tokio::spawn(ask((seq + 1).to_string()).send());
    let report = json!({"kind": "flash_flood", "place": {"lon": 103.5, "lat": 22.4}});
    done(officer.post("/api/incidents", report).await, StatusCode::CREATED).await;
    done(waiting.await.unwrap().unwrap(), StatusCode::OK).await;
    let never = problem(ask((seq + 1_000_000).to_string()).send().await.unwrap(), 503, "behind").await;
    assert!(never["seq"].as_u64().unwrap() > seq, "{never}");
    for nonsense in ["-1", "soon", ""] {
        problem(ask(nonsense.to_owned()).send().await.unwrap(), 400, "invalid_parameter").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_goes_from_the_call_to_the_log() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let body =
        json!({"kind": "landslide", "place": {"text": "QL12 Km46+300"}, "severity": 3, "reporter_phone": "0000 1"});
    let answer = officer.post("/api/incidents", body).await;
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(answer.headers()["etag"], "\"1\"");
    let reported = done(answer, StatusCode::CREATED).await;
    let incident = &reported["incident"];
    assert!(incident["properties"]["code"].as_str().unwrap().starts_with("LC-"), "{incident}");
    assert_eq!(incident["properties"]["state"], "reported");
    assert!(reported["similar"].is_array());
    let id = id(incident);
    assert_eq!(officer.read(&location).await["id"], id);

    let [lon, lat] = [0, 1].map(|at| incident["geometry"]["coordinates"][at].as_f64().unwrap());
    let similar = officer.read(&format!("/api/similar?kind=landslide&lon={lon}&lat={lat}")).await;
    assert!(similar["features"].as_array().unwrap().iter().any(|f| f["id"] == id && f["distance_m"].is_number()));
    let called = officer.post(&format!("/api/incidents/{id}/callers"), json!({"phone": "0000 2"})).await;
    let incident = done(called, StatusCode::OK).await;

    let advice = officer.read(&format!("/api/incidents/{id}/recommendation?limit=50")).await;
    let candidates = advice["candidates"].as_array().unwrap();
    assert!(!candidates.is_empty() && candidates.len() <= 50, "{advice}");
    assert_eq!(candidates[0]["eta_basis"], "road_graph", "{advice}");
    assert!(candidates[0]["position"]["source"].is_string() && candidates[0]["reasons"][0]["vi"].is_string());
    // One of the officer's own force: another's is asked for, not sent.
    let own = candidates.iter().find(|candidate| candidate["unit"]["properties"]["force"] == "police").unwrap();
    let unit = own["unit"]["id"].as_str().unwrap();
    let path = format!("/api/incidents/{id}/assignments");
    let assigned = officer.write(Method::POST, &path, version(&incident), json!({"unit_id": unit})).await;
    let assigned = done(assigned, StatusCode::OK).await;
    assert_eq!((&assigned["queued"], &assigned["unit"]["properties"]["incident_id"]), (&json!(false), &json!(id)));
    assert_eq!(assigned["incident"]["properties"]["state"], "dispatched");

    let release = format!("{path}/{unit}");
    let released = officer.write(Method::DELETE, &release, version(&assigned["incident"]), json!({})).await;
    let released = done(released, StatusCode::OK).await;
    assert!(released["unit"]["properties"]["incident_id"].is_null());
    let assigned = officer.write(Method::POST, &path, version(&released["incident"]), json!({"unit_id": unit})).await;
    let incident = done(assigned, StatusCode::OK).await["incident"].clone();
    let incident = officer.verb(id, "start", version(&incident), json!({})).await;
    let incident = officer.verb(id, "update", version(&incident), json!({"text": "Đường tắc", "injured": 2})).await;
    assert_eq!(incident["properties"]["injured"], 2);
    let incident = officer.verb(id, "contain", version(&incident), json!({})).await;
    let closed = officer.verb(id, "close", version(&incident), json!({"outcome": "resolved"})).await;
    assert_eq!(closed["properties"]["state"], "closed");

    let log = officer.read(&format!("/api/incidents/{id}/log")).await;
    let kinds: Vec<&str> =
        log["features"].as_array().unwrap().iter().map(|f| f["properties"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["reported", "caller_added"], "{kinds:?}");
    assert_eq!(kinds.last(), Some(&"closed"), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_created_changed_replaced_and_ended() {
    let server = Server::real().await;
    let admin = server.anybody();
    let own = uuid::Uuid::now_v7().to_string();
    let body = json!({"type": "Feature", "id": own, "geometry": {"type": "Point", "coordinates": [103.2, 22.4]},
                      "properties": {"name": "Điểm trường", "capacity": 80, "kind": "school"}});
    let created = admin.post("/api/collections/shelters/items", body).await;
    let created = done(created, StatusCode::CREATED).await;
    assert_eq!(id(&created), own);
    let path = format!("/api/collections/shelters/items/{own}");
    let patch = admin.ask(Method::PATCH, &path).header("if-match", "\"1\"");
    let patch = patch.header("content-type", "application/merge-patch+json");
    let patched =
        patch.body(json!({"properties": {"note": "mở đêm nay", "kind": null}}).to_string()).send().await.unwrap();
    let patched = done(patched, StatusCode::OK).await;
    assert_eq!((&patched["properties"]["note"], &patched["properties"]["kind"]), (&json!("mở đêm nay"), &Value::Null));
    assert_eq!(patched["properties"]["capacity"], 80);
    let mut whole = patched.clone();
    whole["properties"]["capacity"] = json!(100);
    whole["properties"].as_object_mut().unwrap().retain(|name, _| name != "admin_unit");
    let replaced = done(admin.write(Method::PUT, &path, 2, whole).await, StatusCode::OK).await;
    assert_eq!((version(&replaced), &replaced["properties"]["capacity"]), (3, &json!(100)));
    problem(admin.write(Method::PATCH, &path, 2, json!({"properties": {}})).await, 412, "version_conflict").await;
    let ended = done(admin.write(Method::DELETE, &path, 3, json!({})).await, StatusCode::OK).await;
    assert!(ended["properties"]["ended_at"].is_string());
    let listed = admin.read("/api/collections/shelters/items").await;
    assert_eq!(listed["numberMatched"], 0);
    let with_ended = admin.read("/api/collections/shelters/items?ended=true").await;
    assert_eq!(with_ended["numberMatched"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_unit_tells_its_status_and_its_place_and_no_other_units() {
    let server = Server::demo().await;
    let field = server.actor("field_unit");
    let own = field.read("/api/session").await["actor"]["unit_id"].as_str().unwrap().to_owned();
    let status = field.post(&format!("/api/units/{own}/status"), json!({"status": "on_patrol"})).await;
    assert_eq!(done(status, StatusCode::OK).await["properties"]["status"], "on_patrol");
    let units = field.read("/api/collections/units/items?limit=10").await;
    let other = units["features"].as_array().unwrap().iter().map(id).find(|other| *other != own).unwrap();
    let refused = field.post(&format!("/api/units/{other}/status"), json!({"status": "resting"})).await;
    problem(refused, 403, "forbidden").await;

    let officer = server.actor("duty_officer");
    let radio = json!({"place": {"lon": 103.21, "lat": 22.41}, "heard_by": "Trực ban", "accuracy_m": 500});
    let placed = done(officer.post(&format!("/api/units/{own}/position"), radio).await, StatusCode::OK).await;
    assert_eq!(placed["properties"]["fix_source"], "radio", "{placed}");
    assert_eq!(placed["geometry"]["coordinates"], json!([103.21, 22.41]));

    let now = placed["properties"]["fix_at"].as_str().unwrap();
    let fixes = json!({"fixes": [
        {"unit_id": own, "lon": 103.3, "lat": 22.3, "at": "2020-01-01T00:00:00Z"},
        {"unit_id": uuid::Uuid::nil(), "lon": 103.3, "lat": 22.3, "at": now},
        {"unit_id": own, "lon": 22.3, "lat": 103.3, "at": now},
        {"unit_id": own, "lon": "x", "lat": 22.3, "at": now},
    ]});
    let outcome = done(officer.post("/api/fixes", fixes).await, StatusCode::OK).await;
    assert_eq!((&outcome["accepted"], &outcome["stale"]), (&json!(0), &json!(1)), "{outcome}");
    let refused: Vec<(u64, &str)> = outcome["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["index"].as_u64().unwrap(), r["code"].as_str().unwrap()))
        .collect();
    assert_eq!(refused, [(1, "unknown_unit"), (2, "coordinates_swapped"), (3, "invalid_value")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_is_drawn_and_revoked_and_an_instruction_is_done() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    let ring = [[103.2, 22.3], [103.3, 22.3], [103.3, 22.4], [103.2, 22.3]];
    let body = json!({"geometry": {"type": "Polygon", "coordinates": [ring]},
                      "properties": {"name": "Sườn dốc", "kind": "landslide", "valid_to": "2100-01-01T00:00:00Z"}});
    let zone = done(planner.post("/api/collections/risk_zones/items", body).await, StatusCode::CREATED).await;
    assert!(zone["properties"]["code"].is_string() && zone["properties"]["owner"].is_string(), "{zone}");
    let path = format!("/api/risk_zones/{}/end", id(&zone));
    problem(planner.post(&path, json!({"reason": "hết mưa"})).await, 428, "precondition_required").await;
    problem(planner.write(Method::POST, &path, version(&zone), json!({})).await, 422, "missing_field").await;
    let ended = planner.write(Method::POST, &path, version(&zone), json!({"reason": "hết mưa"})).await;
    assert_eq!(done(ended, StatusCode::OK).await["properties"]["state"], "revoked");

    let officer = server.actor("duty_officer");
    let entry = json!({"properties": {"kind": "instruction", "text": "Kiểm tra cầu", "owner": "Đồn", "due_at": "2100-01-01T00:00:00Z"}});
    let entry = done(officer.post("/api/collections/duty_log/items", entry).await, StatusCode::CREATED).await;
    let marked = officer.post(&format!("/api/duty_log/{}/done", id(&entry)), json!({})).await;
    assert!(done(marked, StatusCode::OK).await["properties"]["done_at"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_write_at_once_one_wins_and_all_others_get_the_present_record() {
    let server = Server::real().await;
    let admin = server.anybody();
    let incident = admin.report("flood", 103.2, 22.4).await;
    let calls = (0..40).map(|at| {
        let (admin, path) = (admin.clone(), format!("/api/incidents/{}/update", id(&incident)));
        tokio::spawn(async move {
            let answer = admin.write(Method::POST, &path, 1, json!({"text": format!("tin {at}")})).await;
            (answer.status(), answer.json::<Value>().await.unwrap())
        })
    });
    let mut won = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            (StatusCode::OK, body) => {
                won += 1;
                assert_eq!(version(&body), 2);
            }
            (status, body) => {
                assert_eq!(status, StatusCode::PRECONDITION_FAILED, "{body}");
                assert_eq!(body["present"]["properties"]["version"], 2);
            }
        }
    }
    assert_eq!(won, 1);
}
