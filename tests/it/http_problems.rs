//! The table of bad input: each gets its code, in words, and nothing is half-written.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http_support::{Server, done, id, problem, version};

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_question_gets_its_code() {
    let server = Server::real().await;
    let admin = server.anybody();
    let long = "x".repeat(201);
    let table: &[(&str, u16, &str)] = &[
        ("/nowhere", 404, "not_found"),
        ("/api/nowhere", 404, "not_found"),
        ("/api/collections/cats", 404, "unknown_collection"),
        ("/api/collections/cats/items", 404, "unknown_collection"),
        ("/api/collections/units/items/not-a-uuid", 404, "not_found"),
        ("/api/collections/units/items/00000000-0000-7000-8000-000000000000", 404, "not_found"),
        ("/api/collections/units/items?colour=red", 400, "unknown_parameter"),
        ("/api/collections/units/items?limit=0", 400, "invalid_parameter"),
        ("/api/collections/units/items?limit=-1", 400, "invalid_parameter"),
        ("/api/collections/units/items?limit=ten", 400, "invalid_parameter"),
        ("/api/collections/units/items?limit=1&limit=2", 400, "invalid_parameter"),
        ("/api/collections/units/items?offset=x", 400, "invalid_parameter"),
        ("/api/collections/units/items?bbox=1,2,3", 400, "invalid_parameter"),
        ("/api/collections/units/items?bbox=1,2,NaN,4", 400, "invalid_parameter"),
        ("/api/collections/units/items?bbox=102,23,103,22", 400, "invalid_parameter"),
        ("/api/collections/units/items?bbox=22,102,23,103", 422, "coordinates_swapped"),
        ("/api/collections/units/items?bbox-crs=EPSG:3857", 400, "invalid_parameter"),
        ("/api/collections/units/items?datetime=11/23/2026", 400, "invalid_parameter"),
        ("/api/collections/units/items?ended=maybe", 400, "invalid_parameter"),
        ("/api/collections/units/items?f=html", 406, "not_acceptable"),
        ("/api/collections/units/items?q=%FF%FE", 400, "invalid_encoding"),
        ("/api/nearby", 400, "invalid_parameter"),
        ("/api/nearby?lon=103.2", 400, "invalid_parameter"),
        ("/api/nearby?lon=NaN&lat=22", 400, "invalid_parameter"),
        ("/api/nearby?lon=inf&lat=22", 400, "invalid_parameter"),
        ("/api/nearby?lon=abc&lat=22", 400, "invalid_parameter"),
        ("/api/nearby?lon=22.3&lat=103.2", 422, "coordinates_swapped"),
        ("/api/nearby?lon=500&lat=22", 422, "coordinate_out_of_range"),
        ("/api/nearby?lon=103&lat=22&limit=1001", 422, "limit_exceeded"),
        ("/api/nearby?lon=103&lat=22&radius_m=500001", 400, "invalid_parameter"),
        ("/api/nearby?lon=103&lat=22&radius_m=-1", 400, "invalid_parameter"),
        ("/api/nearby?lon=103&lat=22&collections=cats", 404, "unknown_collection"),
        ("/api/nearby?lon=103&lat=22&colour=red", 400, "unknown_parameter"),
        ("/api/within", 400, "invalid_parameter"),
        ("/api/within?zone=x", 400, "invalid_parameter"),
        ("/api/within?zone=00000000-0000-7000-8000-000000000000", 404, "not_found"),
        ("/api/within?admin_unit=99999", 404, "not_found"),
        ("/api/along?sector=00000000-0000-7000-8000-000000000000", 404, "not_found"),
        ("/api/similar?kind=dragon&lon=103&lat=22", 400, "invalid_parameter"),
        ("/api/locate", 400, "invalid_parameter"),
        ("/api/search?limit=51", 422, "limit_exceeded"),
        ("/api/incidents/00000000-0000-7000-8000-000000000000/log", 404, "not_found"),
        ("/api/incidents/00000000-0000-7000-8000-000000000000/recommendation", 404, "not_found"),
        ("/api/feed?bbox=1,2", 400, "invalid_parameter"),
        ("/api/feed?speed=1", 400, "unknown_parameter"),
        ("/tiles/cats/1/0/0", 404, "unknown_collection"),
        ("/tiles/units/1/2/0", 400, "invalid_parameter"),
        ("/tiles/units/23/0/0", 400, "invalid_parameter"),
        ("/tiles/units/a/0/0", 400, "invalid_parameter"),
        ("/tiles/units/1/-1/0", 400, "invalid_parameter"),
    ];
    for (path, status, code) in table {
        println!("{path}");
        problem(admin.get(path).await, *status, code).await;
    }
    problem(admin.get(&format!("/api/search?q={long}")).await, 422, "limit_exceeded").await;
    problem(admin.get(&format!("/api/search?q={}", "x".repeat(9_000))).await, 422, "limit_exceeded").await;
    let last = admin.ask(Method::GET, "/api/feed").header("last-event-id", "abc").send().await.unwrap();
    problem(last, 400, "invalid_parameter").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_body_gets_its_code_and_writes_nothing() {
    let server = Server::real().await;
    let admin = server.anybody();
    let before = admin.read("/api/session").await["seq"].clone();
    let places = "/api/collections/places/items";
    let zones = "/api/collections/risk_zones/items";
    let ring = |coordinates: Value| {
        json!({"geometry": {"type": "Polygon", "coordinates": [coordinates]},
               "properties": {"name": "z", "kind": "landslide", "valid_to": "2030-01-01T00:00:00Z"}})
    };
    let many: Vec<[f64; 2]> = (0..6_000)
        .map(|i| {
            let angle = f64::from(i) / 6_000.0 * std::f64::consts::TAU;
            [103.0 + 0.1 * angle.cos(), 22.0 + 0.1 * angle.sin()]
        })
        .chain([[103.1, 22.0]])
        .collect();
    let point = json!({"type": "Point", "coordinates": [103.2, 22.4]});
    let table: Vec<(&str, Value, u16, &str)> = vec![
        (places, json!([1, 2]), 422, "invalid_value"),
        (places, json!({"geometry": point, "properties": {"kind": "hamlet"}}), 422, "missing_field"),
        (places, json!({"geometry": point, "properties": {"name": 7, "kind": "hamlet"}}), 422, "invalid_value"),
        (places, json!({"geometry": point, "properties": {"name": "A", "kind": "castle"}}), 422, "invalid_value"),
        (
            places,
            json!({"geometry": point, "properties": {"name": "A", "kind": "hamlet", "colour": 1}}),
            422,
            "unknown_field",
        ),
        (
            places,
            json!({"geometry": point, "properties": {"name": "A", "kind": "hamlet"}, "colour": 1}),
            422,
            "unknown_field",
        ),
        (
            places,
            json!({"geometry": point, "properties": {"name": "A", "kind": "hamlet", "admin_unit": "1"}}),
            422,
            "field_not_settable",
        ),
        (
            places,
            json!({"id": "x", "geometry": point, "properties": {"name": "A", "kind": "hamlet"}}),
            422,
            "invalid_value",
        ),
        (
            places,
            json!({"geometry": {"type": "Point", "coordinates": [22.4, 103.2]}, "properties": {"name": "A", "kind": "hamlet"}}),
            422,
            "coordinates_swapped",
        ),
        (
            places,
            json!({"geometry": {"type": "Point", "coordinates": [500.0, 22.0]}, "properties": {"name": "A", "kind": "hamlet"}}),
            422,
            "coordinate_out_of_range",
        ),
        (
            places,
            json!({"geometry": {"type": "Point", "coordinates": ["a", 22.0]}, "properties": {"name": "A", "kind": "hamlet"}}),
            422,
            "invalid_geometry",
        ),
        (
            places,
            json!({"geometry": {"type": "LineString", "coordinates": [[103.0, 22.0], [103.1, 22.1]]}, "properties": {"name": "A", "kind": "hamlet"}}),
            422,
            "invalid_geometry",
        ),
        (
            zones,
            ring(json!([[103.0, 22.0], [103.1, 22.1], [103.1, 22.0], [103.0, 22.1], [103.0, 22.0]])),
            422,
            "self_intersection",
        ),
        (zones, ring(json!(many)), 422, "too_many_vertices"),
        ("/api/incidents", json!({"kind": "landslide"}), 422, "missing_field"),
        ("/api/incidents", json!({"kind": "dragon", "place": {"lon": 103.2, "lat": 22.4}}), 422, "invalid_value"),
        (
            "/api/incidents",
            json!({"kind": "landslide", "place": {"lon": 22.4, "lat": 103.2}}),
            422,
            "coordinates_swapped",
        ),
        (
            "/api/incidents",
            json!({"kind": "landslide", "place": {"text": "bản Không Có Thật"}}),
            422,
            "place_not_found",
        ),
        (
            "/api/incidents",
            json!({"kind": "landslide", "place": {"lon": 103.2, "lat": 22.4}, "at": "11/23/2026"}),
            422,
            "invalid_value",
        ),
        (
            "/api/incidents",
            json!({"kind": "landslide", "place": {"lon": 103.2, "lat": 22.4}, "state": "closed"}),
            422,
            "field_not_settable",
        ),
        ("/api/exposure", json!({}), 422, "missing_field"),
        ("/api/fixes", json!({"fixes": []}), 422, "missing_field"),
        ("/api/fixes", json!({}), 422, "missing_field"),
        (
            "/api/fixes",
            json!({"fixes": [{"unit_id": "00000000-0000-7000-8000-000000000000", "lon": 103.0, "lat": 22.0, "at": "2026-11-23T00:00:00Z"}]}),
            422,
            "unknown_unit",
        ),
        ("/api/fixes", json!({"fixes": [{"lon": 103.0}]}), 422, "missing_field"),
        ("/api/session", json!({"actor": "admin"}), 422, "invalid_value"),
    ];
    for (path, body, status, code) in table {
        println!("{path} {}", body.to_string().chars().take(120).collect::<String>());
        problem(admin.post(path, body).await, status, code).await;
    }
    let raw = |body: Vec<u8>, media: &'static str| {
        admin.ask(Method::POST, places).header("content-type", media).body(body).send()
    };
    let json_type = "application/json";
    problem(raw(b"{\"a\":".to_vec(), json_type).await.unwrap(), 400, "invalid_json").await;
    problem(raw(b"{\"a\":NaN}".to_vec(), json_type).await.unwrap(), 400, "invalid_json").await;
    problem(raw(b"{\"a\":\"\xff\xfe\"}".to_vec(), json_type).await.unwrap(), 400, "invalid_encoding").await;
    problem(raw(b"name=A".to_vec(), "application/x-www-form-urlencoded").await.unwrap(), 415, "unsupported_media_type")
        .await;
    problem(raw(vec![b' '; (16 << 20) + 1], json_type).await.unwrap(), 413, "body_too_large").await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    problem(raw(deep.into_bytes(), json_type).await.unwrap(), 400, "invalid_json").await;
    let key = admin.ask(Method::POST, places).header("idempotency-key", "7").json(&json!({})).send().await.unwrap();
    problem(key, 400, "invalid_idempotency_key").await;
    assert_eq!(admin.read("/api/session").await["seq"], before, "a refused call left something behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_a_route_does_not_take_are_named() {
    let server = Server::real().await;
    let admin = server.anybody();
    for (method, path) in [
        (Method::DELETE, "/api/nearby"),
        (Method::PUT, "/api/incidents"),
        (Method::POST, "/api/collections"),
        (Method::POST, "/duty"),
    ] {
        let answer = admin.ask(method, path).send().await.unwrap();
        assert!(answer.headers().contains_key("allow"), "{path}");
        problem(answer, 405, "method_not_allowed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_speaks_the_readers_language() {
    let server = Server::real().await;
    let admin = server.anybody();
    let ask = |language: &'static str| {
        let request = admin.ask(Method::GET, "/api/collections/cats").header("accept-language", language);
        async move { problem(request.send().await.unwrap(), 404, "unknown_collection").await }
    };
    let (vi, en) = (ask("fr, vi;q=0.5").await, ask("en-GB, vi;q=0.5").await);
    assert_eq!(vi["detail"], vi["detail_vi"]);
    assert_eq!(en["detail"], en["detail_en"]);
    assert_ne!(vi["title"], en["title"]);
    assert_eq!(en["instance"], "/api/collections/cats");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_keys_are_demanded_and_kept() {
    let server = Server::real().await;
    let admin = server.anybody();
    let incident = admin.report("landslide", 103.2, 22.4).await;
    let path = format!("/api/incidents/{}/verify", id(&incident));
    problem(admin.post(&path, json!({})).await, 428, "precondition_required").await;
    let word = admin.ask(Method::POST, &path).header("if-match", "\"new\"").json(&json!({})).send().await.unwrap();
    problem(word, 400, "invalid_parameter").await;
    let verified = admin.verb(id(&incident), "verify", version(&incident), json!({})).await;
    let late = admin.write(Method::POST, &path, version(&incident), json!({})).await;
    let conflict = problem(late, 412, "version_conflict").await;
    assert_eq!(conflict["present"]["properties"]["version"], version(&verified));
    assert_eq!(conflict["present"]["id"], incident["id"]);
    let close = format!("/api/incidents/{}/reopen", id(&incident));
    let refused = admin.write(Method::POST, &close, version(&verified), json!({"reason": "x"})).await;
    let refused = problem(refused, 409, "forbidden_transition").await;
    assert!(refused["allowed"].is_array(), "{refused}");
    let verb = format!("/api/incidents/{}/explode", id(&incident));
    problem(admin.write(Method::POST, &verb, version(&verified), json!({})).await, 404, "not_found").await;

    let key = uuid::Uuid::now_v7().to_string();
    let send = |name: &'static str| {
        let body = json!({"geometry": {"type": "Point", "coordinates": [103.2, 22.4]}, "properties": {"name": name, "kind": "hamlet"}});
        admin.ask(Method::POST, "/api/collections/places/items").header("idempotency-key", &key).json(&body).send()
    };
    let first = done(send("Bản A").await.unwrap(), reqwest::StatusCode::CREATED).await;
    let again = done(send("Bản A").await.unwrap(), reqwest::StatusCode::CREATED).await;
    assert_eq!(first["id"], again["id"]);
    problem(send("Bản B").await.unwrap(), 422, "idempotency_mismatch").await;
    let named = admin.read("/api/collections/places/items?name=B%E1%BA%A3n+A").await;
    assert_eq!(named["numberMatched"], 1);
}
