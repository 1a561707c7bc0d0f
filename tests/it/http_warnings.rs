//! Warnings through the front door: released by one person or two, updated, cancelled, cleared; read by strangers as CAP 1.2
//! and Atom; and everything that must not go out.

use std::process::Command;

use jiff::{SignedDuration, Timestamp as Instant};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::http_support::{Caller, Server, done, id, problem, version};
use crate::support::python;

/// Holds one message against the bindings that cap-tools made from the schema, against capparser's order of elements, and
/// against what the standard says in words.
const VALIDATOR: &str = r#"
import re, sys
import xml.etree.ElementTree as ET
import capparser
from cap_tools.models import Alert
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig

text = sys.stdin.buffer.read()
config = ParserConfig(fail_on_unknown_properties=True, fail_on_unknown_attributes=True, fail_on_converter_warnings=True)
alert = XmlParser(config=config).from_bytes(text, Alert)
ns = "{urn:oasis:names:tc:emergency:cap:1.2}"
root = ET.fromstring(text)
# Its declaration names an encoding that no parser knows.
again = ET.fromstring(capparser.deparse(capparser.parse(stringXML=text.decode())).decode().partition("?>")[2])
names = lambda element: [child.tag.rpartition("}")[2] for child in element]
dedup = lambda tags: [tag for n, tag in enumerate(tags) if n == 0 or tags[n - 1] != tag]
assert dedup(names(root)) == dedup(names(again)), (names(root), names(again))
again_infos = [child for child in again if child.tag.rpartition("}")[2] == "info"]
for ours, theirs in zip(root.findall(ns + "info"), again_infos, strict=True):
    assert dedup(names(ours)) == dedup(names(theirs)), (names(ours), names(theirs))

word = lambda name: root.findtext(ns + name)
time = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
assert time.fullmatch(word("sent")), word("sent")
assert not re.search(r"[\s,<&]", word("identifier") + word("sender"))
if word("scope") == "Restricted":
    assert word("restriction")
if word("msgType") in ("Update", "Cancel"):
    for reference in word("references").split(" "):
        sender, identifier, sent = reference.split(",")
        assert sender and identifier and time.fullmatch(sent), reference
else:
    assert word("references") is None
infos = root.findall(ns + "info")
assert [info.findtext(ns + "language") for info in infos] == ["vi", "en"]
for info in infos:
    for name in ("event", "headline", "description", "category", "urgency", "severity", "certainty", "responseType"):
        assert info.findtext(ns + name), name
    expires = info.findtext(ns + "expires")
    assert time.fullmatch(expires) and expires >= word("sent") == info.findtext(ns + "effective")
    polygons = info.findall(f"{ns}area/{ns}polygon")
    assert polygons
    for polygon in polygons:
        pairs = [tuple(map(float, pair.split(","))) for pair in polygon.text.split(" ")]
        assert len(pairs) >= 4 and pairs[0] == pairs[-1], pairs
        assert all(21 < lat < 24 and 101 < lon < 105 for lat, lon in pairs), pairs
print("ok", word("msgType"), word("status"))
"#;

async fn validate(xml: String, says: &str) {
    let Some(python) = python::program("python") else { return };
    let ran = tokio::task::spawn_blocking(move || {
        use std::io::Write;
        let mut child = Command::new(python)
            .args(["-c", VALIDATOR])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
        (child.wait_with_output().unwrap(), xml)
    });
    let (output, xml) = ran.await.unwrap();
    assert!(output.status.success(), "{}\n{xml}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("ok {says}"), "{xml}");
}

fn hours(hours: i64) -> String {
    (Instant::now() + SignedDuration::from_hours(hours)).to_string()
}

async fn zone(caller: &Caller, more: Value) -> Value {
    // A saw of 240 teeth: more corners than a message takes.
    let mut ring: Vec<[f64; 2]> =
        (0..240).map(|n| [103.7 + 0.0001 * f64::from(n), 22.15 + 0.0003 * f64::from(n % 2)]).collect();
    ring.extend([[103.724, 22.17], [103.7, 22.17], [103.7, 22.15]]);
    let mut properties = json!({"name": "Sườn <Mường> & Khoa", "kind": "landslide", "level": 2, "valid_to": hours(12)});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    properties.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let item = json!({"geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties});
    done(caller.post("/api/collections/risk_zones/items", item).await, StatusCode::CREATED).await
}

impl Caller {
    async fn warns(&self, zone: &Value, body: Value) -> Response {
        self.post(&format!("/api/risk_zones/{}/warnings", id(zone)), body).await
    }

    async fn does_with(&self, warning: &Value, verb: &str, body: Value) -> Response {
        self.post(&format!("/api/warnings/{}/{verb}", id(warning)), body).await
    }

    async fn cap(&self, warning: &Value) -> String {
        let response = self.get(&format!("/api/warnings/{}/cap", id(warning))).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/cap+xml");
        response.text().await.unwrap()
    }

    async fn feed(&self) -> String {
        let response = self.get("/api/warnings.atom").await;
        assert_eq!(response.headers()["content-type"], "application/atom+xml");
        response.text().await.unwrap()
    }

    async fn warning(&self, warning: &Value) -> Value {
        self.read(&format!("/api/collections/warnings/items/{}", id(warning))).await["properties"].take()
    }

    async fn alarms_of(&self, kind: &str) -> Vec<Value> {
        self.read(&format!("/api/collections/alarms/items?kind={kind}")).await["features"].as_array().unwrap().clone()
    }
}

fn references(xml: &str) -> Vec<String> {
    let inside = xml.split_once("<references>").and_then(|(_, rest)| rest.split_once("</references>"));
    inside.map_or_else(Vec::new, |(list, _)| list.split(' ').map(str::to_owned).collect())
}

fn word(warning: &Value, name: &str) -> String {
    warning["properties"][name].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_goes_out_is_updated_and_cleared_and_each_message_takes_down_the_one_before() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let zone = zone(&officer, json!({})).await;
    let first = done(officer.warns(&zone, json!({"reason": "Mưa to"})).await, StatusCode::CREATED).await;
    assert_eq!((word(&first, "state"), word(&first, "type")), ("released".into(), "alert".into()));
    assert!(word(&first, "code").starts_with("CB-"), "{first}");
    assert_eq!((word(&first, "severity"), word(&first, "scope")), ("Moderate".into(), "Restricted".into()));
    let xml = officer.cap(&first).await;
    assert_eq!(xml, word(&first, "cap"));
    assert!(xml.contains("Sườn &lt;Mường&gt; &amp; Khoa") && xml.contains("Mưa to"), "{xml}");
    assert!(
        xml.contains("<msgType>Alert</msgType>") && xml.contains("<status>Test</status>"),
        "a demo only tests: {xml}"
    );
    assert!(xml.contains("không có nguy hiểm thật") && xml.contains("THỬ HỆ THỐNG"), "{xml}");
    let polygon = xml.split("<polygon>").nth(1).unwrap().split("</polygon>").next().unwrap();
    assert!(polygon.split(' ').count() <= 100, "{polygon}");
    assert!(polygon.starts_with("22.1") && polygon.contains(",103."), "latitude first: {polygon}");
    assert!(
        polygon.split([' ', ',']).all(|number| number.len() <= 10),
        "no more digits than mean something: {polygon}"
    );
    validate(xml.clone(), "Alert Test").await;
    let feed = officer.feed().await;
    assert!(feed.contains(&format!("<id>{}</id>", word(&first, "identifier"))), "{feed}");
    assert!(feed.contains(&format!("/api/warnings/{}/cap", id(&first))), "{feed}");
    assert!(feed.contains("Sườn &lt;Mường&gt;") && !feed.contains(".000Z"), "{feed}");

    let busy = problem(officer.warns(&zone, json!({})).await, 409, "forbidden_transition").await;
    assert_eq!(busy["allowed"], json!(["update", "cancel", "all_clear"]));

    let update = done(officer.does_with(&first, "update", json!({"reason": "Vẫn mưa"})).await, StatusCode::OK).await;
    let xml = officer.cap(&update).await;
    validate(xml.clone(), "Update Test").await;
    let one = references(&xml);
    assert_eq!(one.len(), 1);
    assert!(one[0].starts_with(&format!("{},{},", word(&first, "sender"), word(&first, "identifier"))), "{one:?}");
    assert!(one[0].ends_with("+07:00"), "{one:?}");
    assert_eq!(officer.warning(&first).await["state"], "updated");
    let response = officer.get(&format!("/api/warnings/{}/cap", id(&first))).await;
    let link = response.headers()["link"].to_str().unwrap().to_owned();
    assert!(link.contains(id(&update)) && link.contains("successor-version"), "{link}");
    let late =
        problem(officer.does_with(&first, "cancel", json!({"reason": "x"})).await, 409, "forbidden_transition").await;
    assert_eq!((&late["state"], &late["allowed"]), (&json!("updated"), &json!([])));

    let clear = done(officer.does_with(&update, "all_clear", json!({})).await, StatusCode::OK).await;
    let xml = officer.cap(&clear).await;
    validate(xml.clone(), "Update Test").await;
    assert!(xml.contains("<responseType>AllClear</responseType>") && xml.contains("<urgency>Past</urgency>"), "{xml}");
    let both = references(&xml);
    assert_eq!((both.len(), &both[0]), (2, &one[0]), "whoever missed the update knows the alert is over");
    assert_eq!(officer.warning(&update).await["state"], "cleared");
    let feed = officer.feed().await;
    for gone in [&first, &update] {
        assert!(!feed.contains(&word(gone, "identifier")), "{feed}");
    }
    assert!(feed.contains(&word(&clear, "identifier")), "{feed}");
    problem(officer.does_with(&clear, "update", json!({})).await, 409, "forbidden_transition").await;
    done(officer.warns(&zone, json!({})).await, StatusCode::CREATED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn above_level_two_another_person_releases_and_one_alone_takes_back_at_once() {
    let server = Server::demo().await;
    let [officer, second] = ["duty_officer", "border_officer"].map(|name| server.actor(name));
    let zone = zone(&officer, json!({"level": 4})).await;
    let waits = done(officer.warns(&zone, json!({})).await, StatusCode::CREATED).await;
    assert_eq!(word(&waits, "state"), "awaiting_second");
    assert_eq!((&waits["properties"]["cap"], &waits["properties"]["sent_at"]), (&Value::Null, &Value::Null));
    problem(officer.get(&format!("/api/warnings/{}/cap", id(&waits))).await, 404, "not_found").await;
    assert!(!officer.feed().await.contains(&word(&waits, "identifier")), "nobody outside hears of it yet");
    assert_eq!(officer.alarms_of("warning_unreleased").await.len(), 1);
    let own = problem(officer.does_with(&waits, "release", json!({})).await, 403, "forbidden").await;
    assert!(own["title"].as_str().unwrap_or_default().len() + own["detail"].as_str().unwrap_or_default().len() > 0);
    problem(officer.warns(&zone, json!({})).await, 409, "forbidden_transition").await;
    problem(officer.does_with(&waits, "cancel", json!({"reason": "x"})).await, 409, "forbidden_transition").await;

    let out = done(second.does_with(&waits, "release", json!({})).await, StatusCode::OK).await;
    assert_eq!(
        (word(&out, "proposed_by"), word(&out, "released_by")),
        ("duty_officer".into(), "border_officer".into())
    );
    assert_eq!((word(&out, "state"), word(&out, "severity")), ("released".into(), "Extreme".into()));
    assert!(officer.alarms_of("warning_unreleased").await.is_empty());
    validate(second.cap(&out).await, "Alert Test").await;
    problem(second.does_with(&out, "release", json!({})).await, 409, "forbidden_transition").await;

    // A lower level does not let one person send people back; a message in error comes down at once.
    let path = format!("/api/risk_zones/{}/level", id(&zone));
    let lower = json!({"level": 1, "reason": "tạnh mưa"});
    done(officer.write(reqwest::Method::POST, &path, version(&zone), lower).await, StatusCode::OK).await;
    let update = done(officer.does_with(&out, "update", json!({})).await, StatusCode::OK).await;
    assert_eq!(word(&update, "state"), "awaiting_second");
    assert_eq!(officer.warning(&out).await["state"], "released", "the old one holds until the new one is out");
    let cancel = done(officer.does_with(&out, "cancel", json!({"reason": "nhầm bản"})).await, StatusCode::OK).await;
    let xml = officer.cap(&cancel).await;
    validate(xml.clone(), "Cancel Test").await;
    assert!(xml.contains("nhầm bản") && references(&xml)[0].contains(&word(&out, "identifier")), "{xml}");
    assert_eq!(officer.warning(&out).await["state"], "cancelled");
    assert_eq!(officer.warning(&update).await["state"], "withdrawn", "what waited to replace it is gone with it");
    let feed = officer.feed().await;
    assert!(!feed.contains(&word(&out, "identifier")) && feed.contains(&word(&cancel, "identifier")), "{feed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_second_person_would_release_is_what_the_zone_still_is() {
    let server = Server::demo().await;
    let [officer, planner] = ["duty_officer", "planner"].map(|name| server.actor(name));
    let zone = zone(&officer, json!({"level": 3})).await;
    let waits = done(planner.warns(&zone, json!({})).await, StatusCode::CREATED).await;
    let path = format!("/api/collections/risk_zones/items/{}", id(&zone));
    let patch = json!({"properties": {"kind": "flood"}});
    done(officer.write(reqwest::Method::PATCH, &path, version(&zone), patch).await, StatusCode::OK).await;
    let refused = problem(officer.does_with(&waits, "release", json!({})).await, 409, "forbidden_transition").await;
    assert_eq!(refused["allowed"], json!(["withdraw"]));
    problem(officer.does_with(&waits, "withdraw", json!({})).await, 422, "missing_field").await;
    let gone = done(officer.does_with(&waits, "withdraw", json!({"reason": "sai loại"})).await, StatusCode::OK).await;
    assert_eq!((word(&gone, "state"), word(&gone, "end_reason")), ("withdrawn".into(), "sai loại".into()));
    let again = done(planner.warns(&zone, json!({})).await, StatusCode::CREATED).await;
    assert_ne!(id(&again), id(&waits));
    done(officer.does_with(&again, "release", json!({})).await, StatusCode::OK).await;

    // The zone ends: its message stands until somebody takes it down, and the duty room hears of that.
    let now = officer.read(&path).await;
    let end = format!("/api/risk_zones/{}/end", id(&zone));
    done(officer.write(reqwest::Method::POST, &end, version(&now), json!({"reason": "hết"})).await, StatusCode::OK)
        .await;
    assert_eq!(officer.alarms_of("warning_stands").await.len(), 1);
    problem(officer.does_with(&again, "update", json!({})).await, 409, "forbidden_transition").await;
    let clear = done(officer.does_with(&again, "all_clear", json!({})).await, StatusCode::OK).await;
    assert_eq!(word(&clear, "state"), "awaiting_second", "two people send people home");
    done(planner.does_with(&clear, "release", json!({})).await, StatusCode::OK).await;
    assert!(officer.alarms_of("warning_stands").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_ready_to_copy_and_languages_that_await_a_speaker_say_so() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let zone = zone(&officer, json!({"name": "Bản Nậm Cười"})).await;
    let warning = done(officer.warns(&zone, json!({})).await, StatusCode::CREATED).await;
    let texts = warning["properties"]["texts"].as_array().unwrap();
    let codes: Vec<&str> = texts.iter().map(|text| text["language"].as_str().unwrap()).collect();
    assert_eq!(codes, ["vi", "en", "hmn", "tai"]);
    let (marked, plain) = (&texts[0]["sms"], &texts[0]["sms_plain"]);
    assert!(marked["text"].as_str().unwrap().contains("Bản Nậm Cười"));
    assert!(plain["text"].as_str().unwrap().contains("Ban Nam Cuoi") && plain["text"].as_str().unwrap().is_ascii());
    assert_eq!(marked["length"], marked["text"].as_str().unwrap().encode_utf16().count());
    assert!(plain["parts"].as_i64() < marked["parts"].as_i64(), "{plain} {marked}");
    for draft in &texts[2..] {
        assert_eq!((&draft["is_draft"], &draft["falls_back_to"]), (&json!(true), &json!("vi")));
        assert!(draft["note"].as_str().unwrap().contains("BẢN NHÁP") && draft.get("sms").is_none(), "{draft}");
    }
    let xml = officer.cap(&warning).await;
    assert!(!xml.contains("<language>hmn") && xml.matches("<info>").count() == 2, "no draft goes out as a language");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_out_that_must_not() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let good = zone(&officer, json!({})).await;
    for name in ["field_unit", "observer", "local_authority", "admin"] {
        problem(server.actor(name).warns(&good, json!({})).await, 403, "forbidden").await;
    }
    problem(server.anybody().warns(&good, json!({})).await, 401, "sign_in_required").await;
    problem(server.anybody().get("/api/warnings.atom").await, 401, "sign_in_required").await;
    let plain = zone(&officer, json!({"level": null})).await;
    problem(officer.warns(&plain, json!({})).await, 422, "missing_field").await;
    let early = zone(&officer, json!({"valid_from": hours(2)})).await;
    problem(officer.warns(&early, json!({})).await, 409, "forbidden_transition").await;
    for (body, code) in [
        (json!({"expires_at": hours(-1)}), "invalid_value"),
        (json!({"expires_at": hours(13)}), "invalid_value"),
        (json!({"expires_at": "tomorrow"}), "invalid_value"),
        (json!({"reason": "x".repeat(1_001)}), "limit_exceeded"),
        (json!({"reason": "a\u{1}b"}), "invalid_value"),
        (json!({"reason": 7}), "invalid_value"),
        (json!({"level": 5}), "unknown_field"),
    ] {
        problem(officer.warns(&good, body).await, 422, code).await;
    }
    let nowhere = json!({"id": "018f0000-0000-7000-8000-000000000000"});
    problem(officer.warns(&nowhere, json!({})).await, 404, "not_found").await;
    problem(officer.does_with(&nowhere, "cancel", json!({"reason": "x"})).await, 404, "not_found").await;
    problem(officer.get("/api/warnings/018f0000-0000-7000-8000-000000000000/cap").await, 404, "not_found").await;
    let warning = done(officer.warns(&good, json!({"expires_at": hours(1)})).await, StatusCode::CREATED).await;
    problem(officer.does_with(&warning, "cancel", json!({})).await, 422, "missing_field").await;
    problem(officer.does_with(&warning, "shout", json!({})).await, 404, "not_found").await;
    problem(
        officer.does_with(&warning, "cancel", json!({"reason": "x", "expires_at": hours(1)})).await,
        422,
        "unknown_field",
    )
    .await;
    problem(server.actor("observer").does_with(&warning, "cancel", json!({"reason": "x"})).await, 403, "forbidden")
        .await;
    let by_hand = json!({"geometry": null, "properties": {}});
    problem(officer.post("/api/collections/warnings/items", by_hand).await, 405, "method_not_allowed").await;
    assert!(
        server.actor("observer").feed().await.contains(&word(&warning, "identifier")),
        "zones and warnings are for all"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_warn_at_once_send_one_message_and_the_same_key_sends_it_once() {
    let server = Server::demo().await;
    let [officer, planner] = ["duty_officer", "planner"].map(|name| server.actor(name));
    let zone = zone(&officer, json!({})).await;
    let (one, other) = tokio::join!(officer.warns(&zone, json!({})), planner.warns(&zone, json!({})));
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let all = officer.read("/api/collections/warnings/items").await;
    assert_eq!(all["numberReturned"], 1);
    let path = format!("/api/warnings/{}/update", id(&all["features"][0]));
    let key = "018f0000-0000-7000-8000-000000000001";
    let update = || officer.ask(reqwest::Method::POST, &path).header("Idempotency-Key", key).json(&json!({})).send();
    let first = done(update().await.unwrap(), StatusCode::OK).await;
    let again = done(update().await.unwrap(), StatusCode::OK).await;
    assert_eq!(id(&first), id(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_in_an_exercise_says_so_and_one_that_is_not_warns_for_real() {
    for (exercise, status) in [(true, "Exercise"), (false, "Actual")] {
        let server = Server::exercising(exercise).await;
        let room = server.anybody();
        let zone = zone(&room, json!({"level": 2})).await;
        let warning = done(room.warns(&zone, json!({})).await, StatusCode::CREATED).await;
        let xml = room.cap(&warning).await;
        validate(xml.clone(), &format!("Alert {status}")).await;
        assert_eq!(xml.contains("DIỄN TẬP"), exercise, "{xml}");
        assert_eq!(word(&warning, "name").starts_with("DIỄN TẬP"), exercise);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_that_expires_leaves_the_feed_and_is_over() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let zone = zone(&officer, json!({})).await;
    let soon = (Instant::now() + SignedDuration::from_millis(1_500)).to_string();
    let warning = done(officer.warns(&zone, json!({"expires_at": soon})).await, StatusCode::CREATED).await;
    for _ in 0..400 {
        if officer.warning(&warning).await["state"] == "expired" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_eq!(officer.warning(&warning).await["state"], "expired");
    assert!(!officer.feed().await.contains(&word(&warning, "identifier")));
    problem(officer.does_with(&warning, "all_clear", json!({})).await, 409, "forbidden_transition").await;
    done(officer.warns(&zone, json!({})).await, StatusCode::CREATED).await;
}
