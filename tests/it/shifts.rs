//! Shifts through the front door: a whole night handed over, what passes with it, two who accept at once, and the duty log
//! looked through.

use std::collections::BTreeSet;
use std::sync::Arc;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use trucban::desk::SystemClock;

use crate::http_support::{Caller, Server, done, id, problem, version};

impl Caller {
    async fn begins(&self) -> Value {
        done(self.post("/api/shifts", json!({})).await, StatusCode::CREATED).await
    }

    async fn shift_verb(&self, shift: &Value, verb: &str, body: Value) -> Response {
        self.write(Method::POST, &format!("/api/shifts/{}/{verb}", id(shift)), version(shift), body).await
    }

    /// A verb that works; the shift after it.
    async fn does_to_shift(&self, shift: &Value, verb: &str, body: Value) -> Value {
        done(self.shift_verb(shift, verb, body).await, StatusCode::OK).await
    }

    async fn handover(&self) -> Value {
        self.read("/api/handover").await
    }

    async fn search_log(&self, query: &str) -> Value {
        self.read(&format!("/api/duty_log/search?{query}")).await
    }

    async fn writes_log(&self, body: Value) -> Value {
        done(self.post("/api/collections/duty_log/items", json!({"properties": body})).await, StatusCode::CREATED).await
    }

    async fn item(&self, collection: &str, of: &str) -> Value {
        self.read(&format!("/api/collections/{collection}/items/{of}")).await
    }
}

/// The items of a section.
fn section<'a>(handover: &'a Value, what: &str) -> &'a [Value] {
    let sections = handover["open"].as_array().unwrap();
    sections.iter().find(|section| section["what"] == what).unwrap()["items"].as_array().unwrap()
}

fn holds(handover: &Value, what: &str, of: &str) -> bool {
    section(handover, what).iter().any(|item| item["id"] == of)
}

fn texts(page: &Value) -> Vec<&str> {
    page["features"].as_array().unwrap().iter().map(|entry| entry["properties"]["text"].as_str().unwrap()).collect()
}

/// Three duty officers of one room, and one of another force.
async fn room() -> (Server, [Caller; 3], Caller) {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let admin = server.first_admin().await;
    let officer = |force: &str| json!({"role": "duty_officer", "force": force});
    let lan = server.account(&admin, "lan", officer("police")).await;
    let minh = server.account(&admin, "minh", officer("police")).await;
    let hoa = server.account(&admin, "hoa", officer("police")).await;
    let border = server.account(&admin, "thao", officer("border_guard")).await;
    (server, [lan, minh, hoa], border)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_is_handed_over_with_all_that_is_open_and_what_nobody_took_passes() {
    let server = Server::demo().await;
    let (night, day) = (server.actor("duty_officer"), server.actor("relief_officer"));
    let before = night.handover().await;
    assert!(before["shift"].is_null(), "{before}");
    assert_eq!(before["allowed"], json!(["begin"]));
    let shift = night.begins().await;
    assert_eq!(shift["properties"]["state"], "on_duty");
    let again = problem(day.post("/api/shifts", json!({})).await, 409, "forbidden_transition").await;
    assert_eq!((again["officer"].as_str(), again["shift_id"].as_str()), (Some("duty_officer"), Some(id(&shift))));

    // What the night left: a grave incident, a unit that calls for help, an instruction whose time is over.
    let grave =
        json!({"kind": "landslide", "severity": 4, "title": "Sạt lở trong đêm", "place": {"lon": 103.4, "lat": 22.3}});
    let grave = done(night.post("/api/incidents", grave).await, StatusCode::CREATED).await["incident"].take();
    let unit = night.read("/api/collections/units/items?force=police&limit=1").await["features"][0].take();
    done(night.post(&format!("/api/units/{}/status", id(&unit)), json!({"status": "distress"})).await, StatusCode::OK)
        .await;
    let instruction = night
        .writes_log(json!({
            "kind": "instruction", "text": "Kiểm tra kè Nậm Na", "owner": "Công an xã", "due_at": "2026-01-01T00:00:00Z",
        }))
        .await;

    problem(day.shift_verb(&shift, "accept", json!({"list": "x"})).await, 409, "forbidden_transition").await;
    problem(day.shift_verb(&shift, "propose", json!({})).await, 409, "not_on_duty").await;
    problem(night.shift_verb(&shift, "withdraw", json!({})).await, 409, "forbidden_transition").await;
    let shift = night.does_to_shift(&shift, "propose", json!({"note": "  Theo dõi kè Nậm Na.  "})).await;
    assert_eq!(shift["properties"]["note"], "Theo dõi kè Nậm Na.");
    problem(night.shift_verb(&shift, "accept", json!({"list": "x"})).await, 409, "same_person").await;

    let (shown, seen) = (night.handover().await, day.handover().await);
    assert_eq!(shown["list_hash"], seen["list_hash"], "both see the same list");
    assert_eq!(
        (&shown["allowed"], &seen["allowed"]),
        (&json!(["propose", "withdraw"]), &json!(["accept", "decline", "take_over"]))
    );
    assert_eq!(seen["shift"]["note"], "Theo dõi kè Nậm Na.");
    assert!(holds(&seen, "incidents", id(&grave)) && holds(&seen, "instructions", id(&instruction)), "{seen}");
    let first = &section(&seen, "incidents")[0];
    assert_eq!((&first["id"], &first["is_overdue"]), (&grave["id"], &json!(true)), "what calls stands first");
    assert!(first["last_text"].as_str().is_some_and(|text| !text.is_empty()), "the newest of its course: {first}");
    assert_eq!(section(&seen, "instructions")[0]["is_overdue"], true);
    let distress = &section(&seen, "alarms")[0];
    assert_eq!((&distress["kind"], &distress["passed_to"]), (&json!("distress"), &Value::Null));
    let changed: BTreeSet<&str> =
        seen["changed"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert!(
        changed.is_superset(&BTreeSet::from(["reported", "instruction", "shift_offered", "shift_begun"])),
        "{changed:?}"
    );

    // Something happens between looking and accepting.
    let late = day.report("flood", 103.45, 22.35).await;
    let stale = day.shift_verb(&shift, "accept", json!({"list": seen["list_hash"]})).await;
    let stale = problem(stale, 409, "stale_list").await;
    let seen = day.handover().await;
    assert_eq!(stale["list_hash"], seen["list_hash"]);
    assert!(holds(&seen, "incidents", id(&late)));
    let over = day.does_to_shift(&shift, "accept", json!({"list": seen["list_hash"]})).await;
    let fields = &over["properties"];
    assert_eq!(
        (&fields["state"], &fields["handed_to"], &fields["way"]),
        (&json!("handed_over"), &json!("relief_officer"), &json!("accepted"))
    );
    assert_eq!(fields["list_hash"], seen["list_hash"]);
    let kept = fields["list"].as_array().unwrap();
    let kept = kept.iter().find(|section| section["what"] == "incidents").unwrap()["items"].as_array().unwrap();
    let kept = kept.iter().find(|item| item["id"] == grave["id"]).unwrap();
    assert_eq!((&kept["text"], &kept["version"]), (&json!("Sạt lở trong đêm"), &grave["properties"]["version"]));

    for (collection, of) in
        [("alarms", distress["id"].as_str().unwrap()), ("incidents", id(&grave)), ("duty_log", id(&instruction))]
    {
        let passed = day.item(collection, of).await["properties"]["passed"].take();
        let [entry] = passed.as_array().unwrap().as_slice() else { panic!("{collection}: {passed}") };
        assert_eq!((&entry["from"], &entry["to"]), (&json!("duty_officer"), &json!("relief_officer")), "{collection}");
    }
    let late = day.item("incidents", id(&late)).await;
    assert!(late["properties"]["passed"].is_null(), "what calls nobody does not pass");

    let (old, new) = (night.handover().await, day.handover().await);
    assert_eq!((&old["shift"]["officer"], &old["shift"]["is_mine"]), (&json!("relief_officer"), &json!(false)));
    assert_eq!((&new["shift"]["is_mine"], &new["earlier"]["id"]), (&json!(true), &over["id"]));
    assert_eq!(section(&new, "alarms")[0]["passed_to"], "relief_officer");
    let since = new["changed"].as_array().unwrap();
    assert!(
        since.iter().all(|one| one["kind"] != "instruction"),
        "that it passed is no change of this shift: {since:?}"
    );
    problem(day.shift_verb(&over, "decline", json!({"reason": "muộn"})).await, 409, "already_handed_over").await;
    let log = day.search_log("kind=shift_begun,shift_offered,shift_accepted").await;
    assert_eq!(log["numberMatched"], 3, "{log}");
    assert_eq!(texts(&log)[0], "Trực ban tỉnh, ca sau nhận ca trực từ Trực ban tỉnh");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_accept_at_once_one_has_the_shift_and_the_other_is_told_who() {
    let (_server, [lan, minh, hoa], _) = room().await;
    let (one, other) = tokio::join!(minh.post("/api/shifts", json!({})), hoa.post("/api/shifts", json!({})));
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "one begins");
    let held = lan.handover().await;
    let holder = if held["shift"]["officer"] == "minh" { &minh } else { &hoa };
    let shift = lan.item("shifts", held["shift"]["id"].as_str().unwrap()).await;
    let shift = lan.does_to_shift(&shift, "take_over", json!({"reason": "đổi ca"})).await;
    assert_eq!(holder.handover().await["shift"]["officer"], "lan");
    problem(minh.shift_verb(&shift, "take_over", json!({"reason": "x"})).await, 409, "already_handed_over").await;

    for round in 0..5 {
        let held = lan.handover().await;
        let shift = lan.item("shifts", held["shift"]["id"].as_str().unwrap()).await;
        let shift = lan.does_to_shift(&shift, "propose", json!({})).await;
        let list = json!({"list": minh.handover().await["list_hash"]});
        let (one, other) =
            tokio::join!(minh.shift_verb(&shift, "accept", list.clone()), hoa.shift_verb(&shift, "accept", list));
        let (won, lost) = if one.status() == StatusCode::OK { (one, other) } else { (other, one) };
        let won = done(won, StatusCode::OK).await;
        let lost = problem(lost, 412, "version_conflict").await;
        assert_eq!(lost["present"]["properties"]["handed_to"], won["properties"]["handed_to"], "round {round}");
        let next = lan.item("shifts", won["properties"]["next_id"].as_str().unwrap()).await;
        assert_eq!(next["properties"]["officer"], won["properties"]["handed_to"]);
        lan.does_to_shift(&next, "take_over", json!({"reason": "thử lại"})).await;
    }
    let open = lan.read("/api/collections/shifts/items").await;
    assert_eq!(open["numberMatched"], 1, "one shift of a room stands: {open}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_that_is_not_taken_says_why_and_one_taken_alone_too() {
    let (_server, [lan, minh, _], _) = room().await;
    let shift = lan.begins().await;
    let shift = lan.does_to_shift(&shift, "propose", json!({"note": "ghi chú"})).await;
    for reason in [json!({}), json!({"reason": null}), json!({"reason": "  "})] {
        problem(minh.shift_verb(&shift, "decline", reason.clone()).await, 422, "missing_field").await;
        problem(minh.shift_verb(&shift, "take_over", reason).await, 422, "missing_field").await;
    }
    let shift = minh.does_to_shift(&shift, "decline", json!({"reason": "chưa đủ người"})).await;
    assert_eq!(shift["properties"]["state"], "on_duty");
    let told = lan.handover().await["shift"].take();
    assert_eq!((&told["decline_reason"], &told["offered_at"]), (&json!("chưa đủ người"), &Value::Null));
    let shift = lan.does_to_shift(&shift, "propose", json!({"note": "đã đủ"})).await;
    assert!(shift["properties"]["decline_reason"].is_null());
    let shift = lan.does_to_shift(&shift, "withdraw", json!({})).await;
    problem(minh.shift_verb(&shift, "accept", json!({"list": "x"})).await, 409, "forbidden_transition").await;
    let over = minh.does_to_shift(&shift, "take_over", json!({"reason": "Lan ốm"})).await;
    assert_eq!(
        (&over["properties"]["way"], &over["properties"]["take_over_reason"]),
        (&json!("taken_over"), &json!("Lan ốm"))
    );
    let log = lan.search_log("kind=shift_declined,shift_taken_over").await;
    assert_eq!(
        texts(&log),
        ["minh nhận thay ca trực khi lan vắng: Lan ốm", "minh chưa nhận ca trực từ lan: chưa đủ người"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_is_of_its_room_alone_and_of_those_who_may_hold_one() {
    let (server, [lan, minh, _], border) = room().await;
    let admin = server.anybody().sign_in("chief", crate::http_support::PASSWORD).await;
    let planner = server.account(&admin, "ke", json!({"role": "planner", "force": "police"})).await;
    let observer = server.account(&admin, "quan", json!({"role": "observer"})).await;
    let shift = lan.begins().await;
    let path = format!("/api/collections/shifts/items/{}", id(&shift));
    for stranger in [&border, &observer] {
        problem(stranger.get(&path).await, 404, "not_found").await;
        assert_eq!(stranger.read("/api/collections/shifts/items?ended=true").await["numberMatched"], 0);
        assert!(stranger.handover().await["shift"].is_null());
    }
    problem(border.shift_verb(&shift, "take_over", json!({"reason": "x"})).await, 404, "not_found").await;
    assert_eq!(border.begins().await["properties"]["officer"], "thao", "another room has its own");
    assert_eq!(lan.handover().await["shift"]["officer"], "lan");
    assert_eq!(planner.handover().await["allowed"], json!([]));
    for stranger in [&planner, &observer, &admin] {
        problem(stranger.post("/api/shifts", json!({})).await, 403, "forbidden").await;
        problem(stranger.shift_verb(&shift, "take_over", json!({"reason": "x"})).await, 403, "forbidden").await;
    }
    assert_eq!(server.anybody().get("/api/handover").await.status(), StatusCode::UNAUTHORIZED);

    let verb = |verb: &str| format!("/api/shifts/{}/{verb}", id(&shift));
    problem(minh.post(&verb("take_over"), json!({"reason": "x"})).await, 428, "precondition_required").await;
    problem(minh.write(Method::POST, &verb("take_over"), 9, json!({"reason": "x"})).await, 412, "version_conflict")
        .await;
    problem(minh.shift_verb(&shift, "steal", json!({})).await, 404, "not_found").await;
    problem(minh.write(Method::POST, "/api/shifts/x/accept", 1, json!({"list": "x"})).await, 404, "not_found").await;
    problem(minh.shift_verb(&shift, "accept", json!({})).await, 422, "missing_field").await;
    problem(minh.shift_verb(&shift, "accept", json!({"list": 5})).await, 422, "invalid_value").await;
    problem(lan.shift_verb(&shift, "propose", json!({"reason": "x"})).await, 422, "unknown_field").await;
    problem(lan.shift_verb(&shift, "propose", json!({"note": "a".repeat(4_001)})).await, 422, "limit_exceeded").await;
    problem(lan.shift_verb(&shift, "propose", json!({"note": "a\u{7}"})).await, 422, "invalid_value").await;
    problem(lan.post("/api/shifts", json!({"note": "x"})).await, 422, "unknown_field").await;
    problem(lan.get("/api/handover?at=x").await, 400, "unknown_parameter").await;
    let by_hand = json!({"properties": {"officer": "minh", "state": "on_duty"}});
    problem(lan.post("/api/collections/shifts/items", by_hand.clone()).await, 405, "method_not_allowed").await;
    problem(lan.write(Method::PATCH, &path, 1, by_hand).await, 405, "method_not_allowed").await;
    lan.does_to_shift(&shift, "propose", json!({"note": "a".repeat(4_000)})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_soon_which_order_waits_and_which_road_is_cut_stand_in_the_list() {
    let server = Server::demo().await;
    let night = server.actor("duty_officer");
    let hours = |hours: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours)).to_string();
    let zone = async |name: &str, until: String| {
        let ring = json!([[[103.3, 22.3], [103.31, 22.3], [103.31, 22.31], [103.3, 22.3]]]);
        let item = json!({
            "geometry": {"type": "Polygon", "coordinates": ring},
            "properties": {"name": name, "kind": "landslide", "valid_to": until},
        });
        done(night.post("/api/collections/risk_zones/items", item).await, StatusCode::CREATED).await
    };
    let soon = zone("Sườn sắp hết hạn", hours(3)).await;
    // One person alone puts a zone in force for six hours at most, so that this one ends soon too until a second agrees.
    let later = zone("Sườn còn lâu", hours(40)).await;
    let border = server.actor("border_officer");
    let approve = format!("/api/risk_zones/{}/approve", id(&later));
    done(border.write(Method::POST, &approve, version(&later), json!({})).await, StatusCode::OK).await;
    // On the one road to Tà Tổng, where a way from beside it begins.
    let way = night.read("/api/route?from=102.640,22.3745&to=103.45824,22.39644").await;
    let closure = json!({
        "geometry": {"type": "Point", "coordinates": way["from"]["position"]},
        "properties": {"reason": "landslide", "name": "Tắc đường thử"},
    });
    let closure = done(night.post("/api/collections/road_closures/items", closure).await, StatusCode::CREATED).await;
    let incident = night.report("landslide", 103.4, 22.3).await;
    let unit =
        night.read("/api/collections/units/items?force=police&status=available&limit=1").await["features"][0].take();
    let path = format!("/api/incidents/{}/assignments", id(&incident));
    let body = json!({"unit_id": unit["id"]});
    let order = done(night.write(Method::POST, &path, version(&incident), body).await, StatusCode::OK).await;

    let list = night.handover().await;
    assert!(holds(&list, "zones", id(&soon)) && !holds(&list, "zones", id(&later)), "{:?}", section(&list, "zones"));
    assert!(holds(&list, "closures", id(&closure)));
    let order = order["assignment"]["id"].as_str().unwrap();
    let waiting = section(&list, "orders").iter().find(|item| item["id"] == order).unwrap();
    assert_eq!((&waiting["code"], &waiting["is_overdue"]), (&incident["properties"]["code"], &json!(false)));
    assert_eq!(waiting["incident_id"], incident["id"]);

    let before = list["list_hash"].clone();
    assert_eq!(night.handover().await["list_hash"], before, "nothing changed");
    let close = format!("/api/collections/road_closures/items/{}", id(&closure));
    done(night.write(Method::DELETE, &close, version(&closure), json!({"reason": "đã thông"})).await, StatusCode::OK)
        .await;
    let list = night.handover().await;
    assert!(!holds(&list, "closures", id(&closure)), "an open road is no matter of a handover");
    assert_ne!(list["list_hash"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_of_another_room_is_listed_and_does_not_pass() {
    let server = Server::demo().await;
    let (night, day, border) =
        (server.actor("duty_officer"), server.actor("relief_officer"), server.actor("border_officer"));
    border.begins().await;
    let shift = night.begins().await;
    let theirs = border.writes_log(json!({"kind": "instruction", "text": "Tuần tra mốc 42", "owner": "Đồn"})).await;
    let shift = night.does_to_shift(&shift, "propose", json!({})).await;
    let seen = day.handover().await;
    let listed = section(&seen, "instructions").iter().find(|item| item["id"] == theirs["id"]);
    assert!(listed.is_none_or(|item| item["is_ours"] == false), "{listed:?}");
    day.does_to_shift(&shift, "accept", json!({"list": seen["list_hash"]})).await;
    assert!(border.item("duty_log", id(&theirs)).await["properties"]["passed"].is_null());
    assert_eq!(border.handover().await["shift"]["officer"], "border_officer", "their shift goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_duty_log_is_found_by_words_without_diacritics_kind_author_time_and_incident() {
    let (_server, [lan, minh, _], border) = room().await;
    let incident = lan.report("landslide", 103.4, 22.3).await;
    let log = |text: &str, at: &str, kind: &str| json!({"text": text, "occurred_at": at, "kind": kind});
    lan.writes_log(log("Mưa to ở Mường Tè", "2026-01-01T10:00:00Z", "note")).await;
    minh.writes_log(log("Gọi Trưởng bản Nậm Ngà", "2026-01-01T11:00:00Z", "call")).await;
    let mut tied = log("Xe xúc đã đến Mường Tè", "2026-01-01T12:00:00Z", "note");
    tied["incident_id"] = incident["id"].clone();
    lan.writes_log(tied).await;

    assert_eq!(texts(&lan.search_log("q=muong+te").await), ["Xe xúc đã đến Mường Tè", "Mưa to ở Mường Tè"]);
    assert_eq!(texts(&lan.search_log("q=MUA+muo").await), ["Mưa to ở Mường Tè"], "beginnings of words, all of them");
    assert_eq!(texts(&lan.search_log("q=uong").await), Vec::<&str>::new());
    assert_eq!(texts(&lan.search_log("kind=call").await), ["Gọi Trưởng bản Nậm Ngà"]);
    assert_eq!(
        lan.search_log("kind=call,note&datetime=2026-01-01T00:00:00Z/2026-01-02T00:00:00Z").await["numberMatched"],
        3
    );
    assert_eq!(texts(&lan.search_log("author=MI").await), ["Gọi Trưởng bản Nậm Ngà"]);
    let code = incident["properties"]["code"].as_str().unwrap();
    assert!(
        texts(&lan.search_log(&format!("q={code}")).await).contains(&"Xe xúc đã đến Mường Tè"),
        "by the code of its incident"
    );
    let of = format!("incident_id={}", id(&incident));
    assert_eq!(texts(&lan.search_log(&format!("{of}&kind=note")).await), ["Xe xúc đã đến Mường Tè"]);
    let span = "datetime=2026-01-01T10:30:00Z/2026-01-01T11:00:00Z";
    assert_eq!(texts(&lan.search_log(span).await), ["Gọi Trưởng bản Nậm Ngà"], "both ends count");

    // Pages hold each entry once, and what is written meanwhile moves none.
    let all = "kind=note,call&limit=2";
    let first = lan.search_log(all).await;
    assert_eq!((first["numberMatched"].as_u64(), texts(&first).len()), (Some(3), 2));
    lan.writes_log(json!({"text": "Vừa xảy ra"})).await;
    let next = first["links"][0]["href"].as_str().unwrap();
    let second = lan.read(next).await;
    assert_eq!(texts(&second), ["Mưa to ở Mường Tè"]);
    assert_eq!(second["links"], json!([]), "the last page has no next");

    // A person stands behind it: whoever may not see the incident finds nothing of it.
    let closed = json!({"kind": "drug_crime", "lead_force": "border_guard", "place": {"lon": 103.4, "lat": 22.3}});
    let closed = done(border.post("/api/incidents", closed).await, StatusCode::CREATED).await["incident"].take();
    let secret = json!({"text": "Hêrôin ở lán nương", "incident_id": closed["id"]});
    let entry = border.writes_log(secret).await;
    assert_eq!(texts(&border.search_log("q=heroin").await).len(), 1);
    for hidden in ["q=heroin".to_owned(), format!("incident_id={}", id(&closed))] {
        assert_eq!(lan.search_log(&hidden).await["numberMatched"], 0, "{hidden}");
    }
    problem(lan.get(&format!("/api/duty_log/search?before={}", id(&entry))).await, 404, "not_found").await;

    for (query, status, code) in [
        ("kind=nothing", 400, "invalid_parameter"),
        ("kind=note,", 400, "invalid_parameter"),
        ("incident_id=x", 400, "invalid_parameter"),
        ("datetime=x", 400, "invalid_parameter"),
        ("before=x", 400, "invalid_parameter"),
        ("limit=0", 400, "invalid_parameter"),
        ("limit=501", 422, "limit_exceeded"),
        ("colour=red", 400, "unknown_parameter"),
    ] {
        problem(lan.get(&format!("/api/duty_log/search?{query}")).await, status, code).await;
    }
    let long = "a".repeat(201);
    problem(lan.get(&format!("/api/duty_log/search?q={long}")).await, 422, "limit_exceeded").await;
    problem(lan.get(&format!("/api/duty_log/search?author={long}")).await, 422, "limit_exceeded").await;
    assert_eq!(
        lan.get(&format!("/api/duty_log/search?q={}&limit=500", "a".repeat(200))).await.status(),
        StatusCode::OK
    );
}
