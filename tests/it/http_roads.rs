//! Route, table and reach by HTTP: answers on the demo's network, bad questions, and a network swapped under a running
//! server.

use std::process::Output;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::http_support::{Caller, Server, done, problem};
use crate::roads_support::{Extract, mountains_files};

/// Ma Lù Thàng and Km 102 of QL12, both on the road of the shipped network.
const NORTH: [f64; 2] = [103.1633, 22.6061];
const SOUTH: [f64; 2] = [103.15347, 22.03509];

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number instead of {value}"))
}

async fn table(caller: &Caller, body: Value) -> Value {
    done(caller.post("/api/table", body).await, StatusCode::OK).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_a_table_and_an_area_agree_on_the_network_of_the_demo() {
    let server = Server::demo().await;
    let duty = server.actor("duty_officer");
    let route = duty.read("/api/route?from=103.1633,22.6061&to=103.15347,22.03509").await;
    assert_eq!((&route["profile"], &route["eta_basis"]), (&json!("car"), &json!("road_graph")));
    assert!((80_000.0..200_000.0).contains(&number(&route["distance_m"])), "{}", route["distance_m"]);
    assert_eq!(route["legs"][0]["name"], "QL12 Quốc lộ 12");
    assert_eq!(route["geometry"]["type"], "LineString");
    assert_eq!(route["geometry"]["coordinates"][0], json!(NORTH));
    assert!(route["roads"]["attribution"].as_str().unwrap().contains("sơ đồ"));
    let legs: f64 = route["legs"].as_array().unwrap().iter().map(|leg| number(&leg["duration_s"])).sum();
    assert!((legs - number(&route["duration_s"])).abs() < 2.0);

    let far_off = [110.0, 10.0];
    let found = table(&duty, json!({"sources": [NORTH, far_off], "targets": [SOUTH, NORTH, far_off]})).await;
    assert_eq!(found["durations_s"], json!([[route["duration_s"], 0.0, null], [null, null, null]]));
    assert_eq!(found["distances_m"][0][0], route["distance_m"]);
    assert_eq!(found["snap_m"], json!({"sources": [0.0, null], "targets": [0.0, 0.0, null]}));
    assert_eq!(found["roads"], route["roads"]);
    let truck = table(&duty, json!({"sources": [NORTH], "targets": [SOUTH], "profile": "truck"})).await;
    assert!(number(&truck["durations_s"][0][0]) > number(&route["duration_s"]));

    let reach = duty.read("/api/reach?from=103.1633,22.6061&minutes=60,20&profile=motorbike").await;
    let minutes: Vec<&Value> =
        reach["features"].as_array().unwrap().iter().map(|area| &area["properties"]["minutes"]).collect();
    assert_eq!(minutes, [60, 20]);
    let extent = |area: &Value| {
        let points = area["geometry"]["coordinates"].as_array().unwrap().iter().flat_map(|polygon| {
            polygon[0].as_array().unwrap().iter().map(|point| number(&point[1])).collect::<Vec<_>>()
        });
        points.fold([90.0_f64, -90.0_f64], |[low, high], lat| [low.min(lat), high.max(lat)])
    };
    let (hour, third) = (extent(&reach["features"][0]), extent(&reach["features"][1]));
    assert!(hour[0] < third[0] && third[0] < NORTH[1] && third[1] > NORTH[1] - 0.01, "{hour:?} {third:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_question_to_the_roads_gets_its_code() {
    let server = Server::demo().await;
    let duty = server.actor("duty_officer");
    let good = "from=103.1633,22.6061&to=103.15347,22.03509";
    let table: &[(String, u16, &str)] = &[
        ("/api/route".to_owned(), 400, "invalid_parameter"),
        ("/api/route?from=103.1633,22.6061".to_owned(), 400, "invalid_parameter"),
        ("/api/route?from=103.1633&to=103,22".to_owned(), 400, "invalid_parameter"),
        ("/api/route?from=a,b&to=103,22".to_owned(), 400, "invalid_parameter"),
        ("/api/route?from=NaN,22&to=103,22".to_owned(), 400, "invalid_parameter"),
        ("/api/route?from=1,2,3&to=103,22".to_owned(), 400, "invalid_parameter"),
        ("/api/route?from=22.6,103.1&to=103,22".to_owned(), 422, "coordinates_swapped"),
        ("/api/route?from=500,22&to=103,22".to_owned(), 422, "coordinate_out_of_range"),
        (format!("/api/route?{good}&profile=tank"), 400, "invalid_parameter"),
        (format!("/api/route?{good}&colour=red"), 400, "unknown_parameter"),
        (format!("/api/route?{good}&from=103,22"), 400, "invalid_parameter"),
        ("/api/route?from=0,0&to=103.1633,22.6061".to_owned(), 404, "no_route"),
        ("/api/reach?from=103.1633,22.6061".to_owned(), 400, "invalid_parameter"),
        ("/api/reach?from=103.1633,22.6061&minutes=0".to_owned(), 400, "invalid_parameter"),
        ("/api/reach?from=103.1633,22.6061&minutes=241".to_owned(), 400, "invalid_parameter"),
        ("/api/reach?from=103.1633,22.6061&minutes=1,x".to_owned(), 400, "invalid_parameter"),
        ("/api/reach?from=103.1633,22.6061&minutes=1,2,3,4,5,6,7".to_owned(), 422, "limit_exceeded"),
        ("/api/reach?from=0,0&minutes=10".to_owned(), 404, "no_route"),
    ];
    for (path, status, code) in table {
        println!("{path}");
        problem(duty.get(path).await, *status, code).await;
    }
    let many = |count: usize| vec![NORTH; count];
    let bodies = [
        (json!({}), 422, "missing_field"),
        (json!({"sources": [NORTH]}), 422, "missing_field"),
        (json!({"sources": [NORTH], "targets": []}), 422, "invalid_value"),
        (json!({"sources": NORTH, "targets": [SOUTH]}), 422, "invalid_value"),
        (json!({"sources": [[103.1]], "targets": [SOUTH]}), 422, "invalid_value"),
        (json!({"sources": [["103", "22"]], "targets": [SOUTH]}), 422, "invalid_value"),
        (json!({"sources": "all", "targets": [SOUTH]}), 422, "invalid_value"),
        (json!({"sources": [[22.6, 103.1]], "targets": [SOUTH]}), 422, "coordinates_swapped"),
        (json!({"sources": [NORTH], "targets": [SOUTH], "profile": "tank"}), 422, "invalid_value"),
        (json!({"sources": [NORTH], "targets": [SOUTH], "speed": 3}), 422, "unknown_field"),
        (json!({"sources": many(501), "targets": [SOUTH]}), 422, "limit_exceeded"),
        (json!({"sources": many(101), "targets": many(100)}), 422, "limit_exceeded"),
    ];
    for (body, status, code) in bodies {
        println!("{:.80}", body.to_string());
        problem(duty.post("/api/table", body).await, status, code).await;
    }
    table_of_the_largest_size(&duty).await;
    let reach = duty.get("/api/reach?from=103.1633,22.6061&minutes=1,2,3,4,5,240").await;
    assert_eq!(reach.status(), StatusCode::OK, "as many and as long as there may be");
}

/// As many places and as many cells as there may be.
async fn table_of_the_largest_size(duty: &Caller) {
    for (sources, targets) in [(500, 20), (100, 100)] {
        let body = json!({"sources": vec![NORTH; sources], "targets": vec![SOUTH; targets]});
        let found = table(duty, body).await;
        let rows = found["durations_s"].as_array().unwrap();
        assert_eq!((rows.len(), rows[0].as_array().unwrap().len()), (sources, targets));
        assert!(rows.iter().flat_map(|row| row.as_array().unwrap()).all(|cell| *cell == rows[0][0]));
    }
}

/// Asks until the server answers so; for longer than it takes to look at the file.
async fn until(caller: &Caller, path: &str, status: StatusCode) -> Value {
    for _ in 0..100 {
        let response = caller.get(path).await;
        if response.status() == status {
            return response.json().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{path} is not answered by {status}");
}

fn says(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_takes_up_a_network_that_is_imported_and_keeps_it_when_an_import_fails() {
    let server = Server::real().await;
    let anybody = server.anybody();
    let at = server.folder().join("source");
    std::fs::create_dir(&at).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = at.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ask = "/api/route?from=103.001,22.0&to=103.009,22.0";
    let told = problem(anybody.get(ask).await, 409, "roads_not_loaded").await;
    assert!(told["detail_vi"].as_str().unwrap().contains("trucban import roads"));

    let mut extract = Extract::new();
    extract.node(1, 103.0, 22.0, &[]).node(2, 103.01, 22.0, &[]);
    extract.way(1, &[1, 2], &[("highway", "secondary"), ("ref", "ĐT127")]);
    let pbf = file("one.osm.pbf", &extract.to_bytes());
    let said = server.trucban_says(&["import", "roads", &pbf]);
    assert!(said.contains("roads.graph: đã ghi / written"), "{said}");
    assert!(said.contains("car: 1.0/1.0 km liền mạng"), "{said}");
    assert!(said.contains("OpenStreetMap contributors"), "{said}");
    let route = until(&anybody, ask, StatusCode::OK).await;
    assert_eq!(route["legs"][0]["name"], "ĐT127");
    assert_eq!(route["roads"]["attribution"], "© OpenStreetMap contributors, ODbL 1.0");

    let whole = extract.to_bytes();
    for (name, bytes) in [
        ("cut.osm.pbf", &whole[..whole.len() - 9]),
        ("none.geojson", br#"{"type":"FeatureCollection","features":[]}"#),
        ("half.geojson", br#"{"type":"FeatureCollection","features":[{"#),
    ] {
        let output = server.trucban(&["import", "roads", &file(name, bytes)]);
        let (_, complaint) = says(&output);
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains("Chưa ghi gì") && complaint.contains(name), "{complaint}");
    }
    // A graph file that somebody broke is not taken up, and no server falls over it.
    let graph = server.folder().join("roads.graph");
    let good = std::fs::read(&graph).unwrap();
    std::fs::write(&graph, &good[..good.len() / 2]).unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(anybody.read(ask).await, route);

    let said = server.trucban_says(&["import", "roads", "--shipped"]);
    assert!(said.contains("sơ đồ đường khái lược"), "{said}");
    let shipped = "/api/route?from=103.1633,22.6061&to=103.15347,22.03509";
    until(&anybody, shipped, StatusCode::OK).await;
    problem(anybody.get(ask).await, 404, "no_route").await;
    assert!(std::fs::read_dir(server.folder()).unwrap().all(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        !name.ends_with(".part")
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_another_area_comes_in_with_a_warning_that_names_the_places() {
    let server = Server::demo().await;
    let said = server.trucban_says(&["import", "roads", "--shipped"]);
    assert!(said.contains("địa điểm gần đường (2 km)") && !said.contains("CẢNH BÁO"), "{said}");
    let mut elsewhere = Extract::new();
    elsewhere.node(1, 1.5, 42.5, &[]).node(2, 1.51, 42.5, &[]).way(1, &[1, 2], &[("highway", "primary")]);
    let path = server.folder().join("elsewhere.osm.pbf");
    std::fs::write(&path, elsewhere.to_bytes()).unwrap();
    let said = server.trucban_says(&["import", "roads", path.to_str().unwrap()]);
    assert!(said.contains("CẢNH BÁO") && said.contains("reaches none of the places on record"), "{said}");
    let duty = server.actor("duty_officer");
    let mut names = Vec::new();
    for collection in ["places", "stations", "shelters", "units"] {
        let page = duty.read(&format!("/api/collections/{collection}/items?limit=1000")).await;
        let features = page["features"].as_array().unwrap().iter().filter(|feature| !feature["geometry"].is_null());
        names.extend(features.map(|feature| feature["properties"]["name"].as_str().unwrap().to_owned()));
    }
    names.sort_unstable();
    let first: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
    assert!(said.contains(&format!("\n  {}", first.join(", "))), "{first:?} {said}");
    assert!(said.contains("nơi nữa / and "), "{said}");
    until(&duty, "/api/route?from=1.5,42.5&to=1.51,42.5", StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_extract_comes_in_with_its_elevations() {
    let Some((roads, tile)) = mountains_files() else { return };
    let server = Server::real().await;
    let said = server.trucban_says(&["import", "roads", roads.to_str().unwrap(), "--dem", tile.to_str().unwrap()]);
    println!("{said}");
    assert!(said.contains("WARNING"), "Andorra is not Lai Châu");
    let anybody = server.anybody();
    // From Andorra la Vella to the pass of Envalira, 2,408 m: a climb of about 1,400 m.
    let route = until(&anybody, "/api/route?from=1.5218,42.5063&to=1.7190,42.5400", StatusCode::OK).await;
    let climb_m = number(&route["climb_m"]);
    assert!((1_200.0..2_200.0).contains(&climb_m), "{climb_m}");
    let back = anybody.read("/api/route?to=1.5218,42.5063&from=1.7190,42.5400").await;
    assert!(number(&back["climb_m"]) < climb_m / 2.0, "{}", back["climb_m"]);
}
