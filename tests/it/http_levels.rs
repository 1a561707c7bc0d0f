//! From rain to a level: readings by members and by table, gaps, corrections and nonsense; what the zone's three levels
//! say; who may set one.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::domain::Timestamp;

use crate::http_support::{Caller, Server, done, id, problem, version};

/// A slope at Mường Khoa, and a gauge beside it.
const SLOPE: [f64; 2] = [103.70, 22.15];

fn at(hours_ago: i64) -> Timestamp {
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    Timestamp::from_ms(now_ms.div_euclid(3_600_000) * 3_600_000).plus_s(-3_600 * hours_ago)
}

async fn gauge(caller: &Caller, code: &str, lon: f64, lat: f64) -> Value {
    let item = json!({
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": {"name": format!("Trạm {code}"), "code": code},
    });
    done(caller.post("/api/collections/rain_gauges/items", item).await, StatusCode::CREATED).await
}

async fn zone(caller: &Caller, properties: Value) -> Value {
    let [lon, lat] = SLOPE;
    let d = 0.004;
    let ring = [[lon - d, lat - d], [lon + d, lat - d], [lon + d, lat + d], [lon - d, lat + d], [lon - d, lat - d]];
    let mut all = json!({"name": "Sườn Mường Khoa", "kind": "landslide", "valid_to": at(-48).to_string()});
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    let item = json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": all});
    done(caller.post("/api/collections/risk_zones/items", item).await, StatusCode::CREATED).await
}

/// Hourly readings of the last hours: `mm` of each.
fn hourly(station: &str, hours: std::ops::Range<i64>, mm: f64) -> Vec<Value> {
    hours.map(|ago| json!({"station": station, "to": at(ago).to_string(), "minutes": 60, "mm": mm})).collect()
}

async fn rain(caller: &Caller, readings: Vec<Value>) -> Value {
    done(caller.post("/api/rain", json!({"readings": readings})).await, StatusCode::OK).await
}

impl Caller {
    /// The levels of a zone, as soon as they are as they should be.
    async fn levels(&self, zone: &Value, is_so: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/api/risk_zones/{}/levels", id(zone));
        let mut levels = Value::Null;
        for _ in 0..200 {
            levels = self.read(&path).await;
            if is_so(&levels) {
                return levels;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the levels did not become so: {levels}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rain_raises_the_computed_level_with_its_rule_and_calls_whoever_is_on_duty() {
    let server = Server::demo().await;
    let (planner, duty) = (server.actor("planner"), server.actor("duty_officer"));
    let gauge = gauge(&planner, "MK", SLOPE[0] + 0.01, SLOPE[1]).await;
    let zone = zone(&planner, json!({"susceptibility": 4})).await;
    let dry = planner.levels(&zone, |levels| levels["computed"]["stale"] == true).await;
    assert_eq!((&dry["computed"]["level"], &dry["issued"], &dry["set"]), (&Value::Null, &Value::Null, &Value::Null));

    // Two days of rain, then 256.6 mm in 24 hours, as at Mường Khoa on 8 June 2025; dry before.
    let mut readings = hourly("MK", 0..24, 256.6 / 24.0);
    readings.extend(hourly("MK", 24..96, 0.5));
    readings.extend(hourly("MK", 96..121, 0.0));
    let taken = rain(&planner, readings.clone()).await;
    assert_eq!((&taken["accepted"], &taken["refused"]), (&json!(121), &json!([])));
    let levels = planner.levels(&zone, |levels| levels["computed"]["level"] == 3).await;
    let computed = &levels["computed"];
    assert_eq!(
        (&computed["gap"], &computed["stale"], &computed["rain_days"]),
        (&json!(false), &json!(false), &json!(3))
    );
    assert_eq!(computed["rule"]["id"], "QD-18-2021-TTg/46/1/b/very_high");
    assert!(computed["rule"]["vi"].as_str().unwrap().ends_with("nguy cơ rất cao: cấp 3"), "{computed}");
    assert!((computed["rain_24h_mm"].as_f64().unwrap() - 256.6).abs() < 12.0, "{computed}");
    assert_eq!(computed["gauge_ids"][0], id(&gauge), "the one with most rain decides");
    assert_eq!(levels["command"]["level"], 3);
    let alarms = duty.read("/api/collections/alarms/items?kind=level_risen").await;
    let alarm = &alarms["features"][0]["properties"];
    assert_eq!(alarm["zone_id"], id(&zone));
    assert!(alarm["text"].as_str().unwrap().contains("lên cấp 3"), "{alarm}");
    let log = duty.read("/api/collections/duty_log/items?kind=level_changed&limit=100").await;
    assert!(log["features"].as_array().unwrap().iter().any(|entry| entry["properties"]["zone_id"] == id(&zone)));

    // Sent again it is known; a correction counts, and is told apart.
    let again = rain(&planner, readings).await;
    assert_eq!((&again["accepted"], &again["repeated"], &again["corrected"]), (&json!(0), &json!(121), &json!(0)));
    let corrected = rain(&planner, hourly("MK", 0..1, 60.0)).await;
    assert_eq!(corrected["corrected"], 1);
    let said = planner.read(&format!("/api/rain_gauges/{}/rain?hours=24", id(&gauge))).await;
    let last = said["readings"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["mm"], &last["flag"]), (&json!(60.0), &json!("ok")));
    let total = said["totals"].as_array().unwrap().iter().find(|total| total["hours"] == 24).unwrap();
    assert!(total["mm"].as_f64().unwrap() > 280.0 && total["known_share"].as_f64().unwrap() > 0.9, "{total}");

    // What the hydromet service issued stands beside it, and a person's word beside both.
    let bulletin = json!({"type": "Feature", "geometry": null, "properties": {
        "title": "Tin cảnh báo số 12", "issuer": "Đài KTTV tỉnh Lai Châu", "level": 2, "issued_at": at(0).to_string(),
        "valid_to": at(-12).to_string(), "zone_ids": [id(&zone)], "rain_24h_min_mm": 80, "rain_24h_max_mm": 150,
    }});
    let bulletin = done(planner.post("/api/collections/bulletins/items", bulletin).await, StatusCode::CREATED).await;
    assert_eq!(bulletin["properties"]["typed_by"], "planner");
    let path = format!("/api/risk_zones/{}/level", id(&zone));
    let set = json!({"level": 4, "reason": "nứt đất, nhà nghiêng", "told_by": "Chủ tịch UBND xã"});
    let set = done(duty.write(Method::POST, &path, version(&zone), set).await, StatusCode::OK).await;
    assert_eq!(set["properties"]["level"], 4);
    let levels = planner.levels(&zone, |levels| levels["issued"]["level"] == 2 && levels["set"]["level"] == 4).await;
    assert_eq!(levels["computed"]["level"], 3, "neither touches the computed one");
    assert_eq!(levels["computed"]["rain_forecast_24h_mm"], 150.0);
    assert_eq!((&levels["set"]["by"], &levels["set"]["told_by"]), (&json!("duty_officer"), &json!("Chủ tịch UBND xã")));
    assert_eq!(levels["command"]["level"], 4);
    // A bulletin that is withdrawn issues nothing.
    let path = format!("/api/collections/bulletins/items/{}", id(&bulletin));
    assert!(planner.write(Method::DELETE, &path, version(&bulletin), json!({})).await.status().is_success());
    planner.levels(&zone, |levels| levels["issued"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gauge_that_falls_silent_makes_the_level_stale_and_never_lower() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    gauge(&planner, "MK", SLOPE[0] + 0.01, SLOPE[1]).await;
    let zone = zone(&planner, json!({"susceptibility": 4})).await;
    // Known up to five hours ago alone: more than a tenth of the day is missing.
    let mut readings = hourly("MK", 5..29, 8.0);
    readings.extend(hourly("MK", 29..53, 1.0));
    readings.extend(hourly("MK", 53..78, 0.0));
    rain(&planner, readings).await;
    let levels = planner.levels(&zone, |levels| levels["computed"]["level"] == 3).await;
    assert_eq!(
        (&levels["computed"]["stale"], &levels["computed"]["silent_gauge_ids"][0]),
        (&json!(true), &levels["computed"]["gauge_ids"][0])
    );
    // The rest of the day turns out dry, and the day before was: with all known, the level may fall.
    let corrected: Vec<Value> = hourly("MK", 0..78, 0.0);
    let taken = rain(&planner, corrected).await;
    assert_eq!((&taken["accepted"], &taken["corrected"], &taken["repeated"]), (&json!(5), &json!(48), &json!(25)));
    let levels = planner.levels(&zone, |levels| levels["computed"]["stale"] == false).await;
    assert_eq!(levels["computed"]["level"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_read_line_by_line_and_each_refused_line_is_explained() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    gauge(&planner, "TL", 103.5, 22.4).await;
    let local = |hours_ago: i64| at(hours_ago).local_text()[..16].to_owned();
    let table = format!(
        "station;to;minutes;mm;flag\nTL;{};60;12,5;\nTL;{};;0;estimated\nTL;{};60;-3;\nXX;{};60;1;\nTL;chiều;60;1;\nTL;{};60;nhiều;\nTL;{};60;400;\nTL;{};30;2;\nTL;{};60;1;mới\n",
        local(2),
        local(3),
        local(4),
        local(4),
        local(4),
        local(5),
        local(2),
        local(6)
    );
    let answer = done(planner.post("/api/rain", json!({"csv": table})).await, StatusCode::OK).await;
    assert_eq!((&answer["accepted"], &answer["corrected"]), (&json!(3), &json!(0)), "{answer}");
    let refused: Vec<(u64, &str, &str)> = (answer["refused"].as_array().unwrap().iter())
        .map(|r| (r["line"].as_u64().unwrap(), r["code"].as_str().unwrap(), r["at"].as_str().unwrap()))
        .collect();
    assert_eq!(
        refused,
        [
            (4, "invalid_value", "/mm"),
            (5, "unknown_reference", "/gauge"),
            (6, "invalid_value", "to"),
            (7, "invalid_value", "mm"),
            (9, "invalid_value", "/to"),
            (10, "invalid_value", "flag"),
        ],
        "{answer}"
    );
    let gauges = planner.read("/api/collections/rain_gauges/items?code=TL").await;
    let said = planner.read(&format!("/api/rain_gauges/{}/rain", id(&gauges["features"][0]))).await;
    let flags: Vec<&Value> = said["readings"].as_array().unwrap().iter().map(|reading| &reading["flag"]).collect();
    assert_eq!(flags, ["doubtful", "estimated", "ok"], "400 mm in an hour is kept and does not count: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_rain_no_level_and_not_ones_to_say_is_refused() {
    let server = Server::demo().await;
    let (planner, field, observer) = (server.actor("planner"), server.actor("field_unit"), server.actor("observer"));
    gauge(&planner, "TL", 103.5, 22.4).await;
    let one = |name: &str, value: Value| {
        let mut reading = json!({"station": "TL", "to": at(1).to_string(), "mm": 1.0});
        reading[name] = value;
        json!({"readings": [reading]})
    };
    for (call, status, code) in [
        (json!({}), 422, "missing_field"),
        (json!({"readings": [], "csv": ""}), 422, "missing_field"),
        (json!({"readings": []}), 422, "missing_field"),
        (json!({"readings": {}}), 422, "invalid_value"),
        (json!({"readings": vec![json!({}); 5_001]}), 422, "limit_exceeded"),
        (json!({"csv": "station,mm\nTL,1"}), 422, "missing_field"),
        (json!({"csv": "station,to,mm\n"}), 422, "missing_field"),
        (one("mm", json!(-1)), 422, "invalid_value"),
        (one("mm", json!("1")), 422, "invalid_value"),
        (one("to", json!(at(-2).to_string())), 422, "invalid_value"),
        (one("minutes", json!(0)), 422, "invalid_value"),
        (one("flag", json!("good")), 422, "invalid_value"),
        (one("colour", json!("grey")), 422, "invalid_value"),
    ] {
        let shown = call.to_string().chars().take(120).collect::<String>();
        let answer = problem(planner.post("/api/rain", call).await, status, code).await;
        assert!(answer["detail_vi"].is_string(), "{shown}");
    }
    for stranger in [&field, &observer] {
        problem(stranger.post("/api/rain", one("mm", json!(1))).await, 403, "forbidden").await;
    }
    let zone = zone(&planner, json!({"susceptibility": 3, "level": 1})).await;
    let path = format!("/api/risk_zones/{}/level", id(&zone));
    let set = |body: Value| planner.write(Method::POST, &path, version(&zone), body);
    problem(set(json!({"level": 0, "reason": "x"})).await, 422, "invalid_value").await;
    problem(set(json!({"level": 6, "reason": "x"})).await, 422, "invalid_value").await;
    problem(set(json!({"level": 2})).await, 422, "missing_field").await;
    problem(set(json!({"level": 2, "reason": " "})).await, 422, "missing_field").await;
    problem(planner.post(&path, json!({"level": 2, "reason": "x"})).await, 428, "precondition_required").await;
    problem(
        field.write(Method::POST, &path, version(&zone), json!({"level": 2, "reason": "x"})).await,
        403,
        "forbidden",
    )
    .await;
    let before = planner.read(&format!("/api/risk_zones/{}/levels", id(&zone))).await;
    assert_eq!(
        (&before["set"]["level"], &before["set"]["by"]),
        (&json!(1), &json!("planner")),
        "whoever drew it set it"
    );
    // A bulletin that ends before it begins, or names a level that there is not.
    for (name, value, code) in [
        ("valid_to", json!(at(2).to_string()), "invalid_value"),
        ("level", json!(7), "invalid_value"),
        ("issuer", Value::Null, "missing_field"),
    ] {
        let mut properties =
            json!({"title": "Tin", "issuer": "Đài", "issued_at": at(1).to_string(), "valid_to": at(-5).to_string()});
        properties[name] = value;
        let item = json!({"type": "Feature", "geometry": null, "properties": properties});
        problem(planner.post("/api/collections/bulletins/items", item).await, 422, code).await;
    }
}

#[test]
fn the_command_line_says_the_level_of_a_case_as_json() {
    let ask = |arguments: &[&str]| {
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_trucban")).arg("risk").args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let case = |region: &str, rain: &str, days: &str, susceptibility: &str| {
        let arguments =
            ["level", "--region", region, "--rain-24h", rain, "--rain-days", days, "--susceptibility", susceptibility];
        ask(&arguments)
    };
    let answer = |region: &str, rain: &str, days: &str, susceptibility: &str| -> Value {
        let (success, said, error) = case(region, rain, days, susceptibility);
        assert!(success, "{error}");
        serde_json::from_str(&said).unwrap()
    };
    let said = answer("1", "150", "2", "high");
    assert_eq!((&said["level"], &said["gap"]), (&json!(2), &json!(false)));
    assert!(said["rule"]["source"].as_str().unwrap().contains("18/2021"), "{said}");
    let said = answer("1", "150", "3", "high");
    assert_eq!((&said["level"], &said["gap"]), (&Value::Null, &json!(true)));
    assert_eq!(said["neighbours"].as_array().unwrap().len(), 2, "{said}");
    let said = answer("4", "150", "1", "low");
    assert_eq!((&said["level"], &said["gap"]), (&Value::Null, &json!(false)), "a dash");
    for (region, rain, days, susceptibility) in
        [("5", "150", "2", "high"), ("1", "-1", "2", "high"), ("1", "150", "2", "steep"), ("1", "NaN", "2", "high")]
    {
        let (success, said, error) = case(region, rain, days, susceptibility);
        assert!(!success && said.is_empty() && !error.is_empty(), "{region} {rain} {days} {susceptibility}");
    }
}
