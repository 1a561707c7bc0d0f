//! Closing and opening roads by HTTP: what follows in route, recommendation and who is cut off, at once and for all; what
//! is only tried changes nothing; bad closures are refused.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::http_support::{Caller, Server, done, id, problem, version};

/// Tà Tổng: one road leads there, off the provincial road 127.
const COMMUNE: [f64; 2] = [102.604, 22.3233];
/// On that road, and the provincial town.
const ON_ITS_ROAD: [f64; 2] = [102.640, 22.3745];
const TOWN: [f64; 2] = [103.45824, 22.39644];

const CLOSURES: &str = "/api/collections/road_closures/items";

async fn close(caller: &Caller, item: Value) -> Value {
    done(caller.post(CLOSURES, item).await, StatusCode::CREATED).await
}

async fn open(caller: &Caller, closure: &Value) {
    let path = format!("{CLOSURES}/{}", id(closure));
    let opened = caller.write(Method::DELETE, &path, version(closure), json!({})).await;
    assert!(opened.status().is_success(), "{}", opened.text().await.unwrap());
}

fn pointed(at: [f64; 2], properties: &Value) -> Value {
    json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": at}, "properties": properties})
}

fn route_path(profile: &str) -> String {
    let ([a, b], [c, d]) = (COMMUNE, TOWN);
    format!("/api/route?from={a},{b}&to={c},{d}&profile={profile}")
}

/// Names of the places that are cut off from the provincial town by car.
async fn lost(answer: &Value) -> Vec<String> {
    let is_lost = |record: &&Value| {
        record["collection"] == "places"
            && record["lost"].as_array().unwrap().iter().any(|lost| {
                lost["target"] == "province_seat" && lost["profiles"].as_array().unwrap().contains(&json!("car"))
            })
    };
    let places = answer["cut_off"].as_array().unwrap().iter().filter(is_lost);
    places.map(|place| place["name"].as_str().unwrap().to_owned()).collect()
}

/// Where the road to the commune lies, on the road itself.
async fn on_the_road(caller: &Caller) -> [f64; 2] {
    let ([a, b], [c, d]) = (ON_ITS_ROAD, TOWN);
    let route = caller.read(&format!("/api/route?from={a},{b}&to={c},{d}")).await;
    serde_json::from_value(route["from"]["position"].clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_only_road_to_a_commune_shows_in_the_next_answer_and_opening_it_restores_all() {
    let server = Server::demo().await;
    let (duty, planner) = (server.actor("duty_officer"), server.actor("planner"));
    let before = duty.read(&route_path("car")).await;
    assert!(lost(&duty.read("/api/cut-off").await).await.is_empty());
    let incident = duty.report("landslide", COMMUNE[0], COMMUNE[1]).await;
    let advice_path = format!("/api/incidents/{}/recommendation", id(&incident));
    let advised = duty.read(&advice_path).await;
    let by_road = |advice: &Value| {
        let candidates = advice["candidates"].as_array().unwrap();
        candidates.iter().filter(|c| c["eta_basis"] == "road_graph" && c["profile"] != "foot").count()
    };
    assert!(by_road(&advised) > 0, "{advised}");

    // Tried, it changes nothing for anybody.
    let at = on_the_road(&duty).await;
    let tried = json!({"closures": [{"geometry": {"type": "Point", "coordinates": at}}]});
    let tried = done(duty.post("/api/cut-off", tried).await, StatusCode::OK).await;
    assert_eq!(lost(&tried).await.len(), 1, "{tried}");
    assert_eq!(duty.read(&route_path("car")).await["duration_s"], before["duration_s"]);
    assert!(lost(&planner.read("/api/cut-off").await).await.is_empty());

    let closure = close(&duty, pointed(at, &json!({"reason": "landslide"}))).await;
    let properties = &closure["properties"];
    assert_eq!(properties["profiles"], json!(["car", "motorbike", "truck"]));
    assert_eq!(
        (&properties["closed_by"], &closure["geometry"]["type"]),
        (&json!("duty_officer"), &json!("LineString"))
    );
    problem(duty.get(&route_path("car")).await, 404, "no_route").await;
    assert!(duty.read(&route_path("foot")).await["duration_s"].is_number(), "on foot one gets past a slide");
    let cut = planner.read("/api/cut-off").await;
    assert_eq!(lost(&cut).await, lost(&tried).await);
    let count =
        cut["counts"].as_array().unwrap().iter().find(|c| c["target"] == "province_seat" && c["profile"] == "car");
    assert_eq!(count.unwrap()["places"], 1);
    let advice = duty.read(&advice_path).await;
    assert_eq!(by_road(&advice), 0, "only on foot one gets there");
    let left_out = advice["left_out"].as_array().unwrap();
    assert!(left_out.iter().any(|unit| unit["reasons"].as_array().unwrap().iter().any(|r| r["code"] == "no_way")));
    let log = duty.read("/api/collections/duty_log/items?kind=road_closed").await;
    assert_eq!(log["numberReturned"], 1, "{log}");

    open(&duty, &closure).await;
    assert_eq!(duty.read(&route_path("car")).await["duration_s"], before["duration_s"]);
    assert!(lost(&duty.read("/api/cut-off").await).await.is_empty());
    assert_eq!(by_road(&duty.read(&advice_path).await), by_road(&advised));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_road_a_later_one_and_one_for_lorries_alone_hold_as_they_say() {
    let server = Server::demo().await;
    let duty = server.actor("duty_officer");
    let before = duty.read(&route_path("car")).await;
    let at = on_the_road(&duty).await;
    let tomorrow = "2100-01-01T00:00:00Z";
    close(&duty, pointed(at, &json!({"reason": "works", "valid_from": tomorrow}))).await;
    close(&duty, pointed(at, &json!({"reason": "bridge_damage", "profiles": ["truck"]}))).await;
    assert_eq!(duty.read(&route_path("car")).await["duration_s"], before["duration_s"]);
    problem(duty.get(&route_path("truck")).await, 404, "no_route").await;
    let posts = json!({"reason": "rain", "road_ref": "ĐT127", "from_km": 60, "to_km": 100, "speed_factor": 0.5});
    let slow = close(&duty, json!({"type": "Feature", "geometry": null, "properties": posts})).await;
    assert_eq!(slow["properties"]["name"], "ĐT127 Km60+000–Km100+000, mưa lớn");
    let slowed = duty.read(&route_path("car")).await;
    assert!(slowed["duration_s"].as_f64() > before["duration_s"].as_f64(), "{slowed}");
    assert_eq!(slowed["distance_m"], before["distance_m"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_on_the_road_closes_it_in_one_step_and_bad_closures_are_refused() {
    let server = Server::demo().await;
    let duty = server.actor("duty_officer");
    let at = on_the_road(&duty).await;
    let incident = duty.report("road_closure", at[0], at[1]).await;
    let of_incident = json!({"reason": "landslide", "incident_id": id(&incident)});
    let of_incident = json!({"type": "Feature", "geometry": null, "properties": of_incident});
    let closure = close(&duty, of_incident).await;
    problem(duty.get(&route_path("car")).await, 404, "no_route").await;
    let item =
        |geometry: Value, properties: Value| json!({"type": "Feature", "geometry": geometry, "properties": properties});
    let line = |a: [f64; 2], b: [f64; 2]| json!({"type": "LineString", "coordinates": [a, b]});
    for (bad, status, code) in [
        (pointed([103.9, 22.7], &json!({"reason": "other"})), 422, "no_road"),
        (item(line([103.9, 22.7], [103.91, 22.71]), json!({"reason": "other"})), 422, "no_road"),
        (pointed([22.3, 102.6], &json!({"reason": "other"})), 422, "coordinates_swapped"),
        (pointed(at, &json!({})), 422, "missing_field"),
        (pointed(at, &json!({"reason": "snow"})), 422, "invalid_value"),
        (pointed(at, &json!({"reason": "rain", "speed_factor": 1.5})), 422, "invalid_value"),
        (pointed(at, &json!({"reason": "rain", "valid_to": "2020-01-01T00:00:00Z"})), 422, "invalid_value"),
        (item(Value::Null, json!({"reason": "rain"})), 422, "missing_field"),
        (item(Value::Null, json!({"reason": "rain", "road_ref": "QL12", "from_km": 500})), 422, "place_not_found"),
        (item(Value::Null, json!({"reason": "rain", "road_ref": "QL999", "from_km": 5})), 422, "place_not_found"),
    ] {
        problem(duty.post(CLOSURES, bad).await, status, code).await;
    }
    problem(server.actor("field_unit").post(CLOSURES, pointed(at, &json!({"reason": "rain"}))).await, 403, "forbidden")
        .await;
    for bad in [json!({}), json!({"closures": []}), json!({"closures": [{}]}), json!({"closures": [{"geometry": 5}]})] {
        let refused = duty.post("/api/cut-off", bad).await;
        assert_eq!(refused.status(), 422);
    }
    let on_nothing = json!({"closures": [{"geometry": {"type": "Point", "coordinates": [103.9, 22.7]}}]});
    let refused = problem(duty.post("/api/cut-off", on_nothing).await, 422, "no_road").await;
    assert_eq!(refused["at"], "/closures/0/geometry");
    open(&duty, &closure).await;
    let path = format!("{CLOSURES}/{}", id(&closure));
    let again = duty.write(Method::DELETE, &path, version(&closure) + 1, json!({})).await;
    problem(again, 409, "forbidden_transition").await;
}
