//! Reading through the front door: OGC pages, questions, safety of the door itself.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::domain::Collection;

use crate::http_support::{Server, done, problem};

#[tokio::test(flavor = "multi_thread")]
async fn every_collection_is_described_and_its_pages_follow_their_links() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let listed = officer.read("/api/collections").await;
    let names: Vec<&str> =
        listed["collections"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert_eq!(names, Collection::ALL.map(Collection::as_str));
    for name in ["stations", "units", "admin_units"] {
        let mut path = format!("/api/collections/{name}/items?limit=17");
        let mut seen = std::collections::BTreeSet::new();
        let matched = loop {
            let page = officer.read(&path).await;
            let features = page["features"].as_array().unwrap();
            assert_eq!(page["numberReturned"], features.len());
            for feature in features {
                assert!(seen.insert(feature["id"].as_str().unwrap().to_owned()), "{name}: twice {}", feature["id"]);
            }
            match link(&page, "next") {
                Some(next) => path = next,
                None => break page["numberMatched"].as_u64().unwrap(),
            }
        };
        assert_eq!(seen.len() as u64, matched, "{name}");
        let described = officer.read(&format!("/api/collections/{name}")).await;
        assert_eq!(described["extent"]["spatial"]["bbox"][0].as_array().unwrap().len(), 4);
        let schema = officer.read(&format!("/api/collections/{name}/schema")).await;
        assert!(schema["properties"]["name"].is_object(), "{schema}");
    }
}

fn link(page: &Value, rel: &str) -> Option<String> {
    page["links"].as_array()?.iter().find(|l| l["rel"] == rel)?["href"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow_a_page() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let items = |query: &'static str| {
        let officer = officer.clone();
        async move { officer.read(&format!("/api/collections/units/items?limit=1000&{query}")).await }
    };
    let all = items("").await["numberMatched"].as_u64().unwrap();
    let guards = items("force=border_guard").await["numberMatched"].as_u64().unwrap();
    let two = items("force=border_guard,military").await["numberMatched"].as_u64().unwrap();
    assert!(0 < guards && guards < two && two < all, "{guards} {two} {all}");
    let west = items("bbox=102.0,21.0,103.0,23.0").await;
    for unit in west["features"].as_array().unwrap() {
        assert!(unit["geometry"]["coordinates"][0].as_f64().unwrap() <= 103.0);
    }
    assert!(west["numberMatched"].as_u64().unwrap() < all);
    let past = officer.read("/api/collections/incidents/items?datetime=../2024-12-31").await;
    assert!(past["numberMatched"].as_u64().unwrap() > 0);
    let named = officer.read("/api/collections/admin_units/items?q=sin+ho").await;
    assert!(named["features"].as_array().unwrap().iter().any(|f| f["properties"]["name"] == "Sìn Hồ"), "{named}");
    let capped = officer.read("/api/collections/households/items?limit=1000000").await;
    assert!(capped["numberReturned"].as_u64().unwrap() <= 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_record_is_not_sent_again_while_it_stands() {
    let server = Server::real().await;
    let admin = server.anybody();
    let page = admin.read("/api/collections/stations/items?limit=1").await;
    let path = format!("/api/collections/stations/items/{}", page["features"][0]["id"].as_str().unwrap());
    let first = admin.get(&path).await;
    let tag = first.headers()["etag"].clone();
    assert_eq!(tag, "\"1\"");
    let again = admin.ask(Method::GET, &path).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let other = admin.ask(Method::GET, &path).header("if-none-match", "\"9\"").send().await.unwrap();
    let body = done(other, StatusCode::OK).await;
    assert!(link(&body, "collection").is_some_and(|href| href.starts_with(&server.base)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nearby_gives_the_nearest_first_with_distance_beside_the_properties() {
    let server = Server::demo().await;
    let field = server.actor("field_unit");
    let near = field.read("/api/nearby?lon=103.25&lat=22.35&limit=20&collections=households,units,roads").await;
    let features = near["features"].as_array().unwrap();
    assert_eq!((features.len(), &near["type"]), (20, &Value::from("FeatureCollection")));
    let distances: Vec<f64> = features.iter().map(|f| f["distance_m"].as_f64().unwrap()).collect();
    assert!(distances.is_sorted(), "{distances:?}");
    for feature in features {
        assert!(["households", "units", "roads"].contains(&feature["collection"].as_str().unwrap()));
        assert!((0.0..360.0).contains(&feature["bearing_deg"].as_f64().unwrap()));
        assert_eq!(feature["nearest"].as_array().unwrap().len(), 2);
        assert!(feature["properties"]["distance_m"].is_null() && feature["properties"]["version"].is_u64());
    }
    let circle = field.read("/api/nearby?lon=103.25&lat=22.35&radius_m=3000&limit=1000&collections=households").await;
    assert!(circle["features"].as_array().unwrap().iter().all(|f| f["distance_m"].as_f64().unwrap() <= 3_000.0));
    let states = field.read("/api/nearby?lon=103.25&lat=22.35&collections=units&status=available").await;
    assert!(states["features"].as_array().unwrap().iter().all(|f| f["properties"]["status"] == "available"));
}

#[tokio::test(flavor = "multi_thread")]
async fn areas_the_border_and_names_can_be_asked() {
    let server = Server::demo().await;
    let planner = server.actor("planner");
    let zones = planner.read("/api/collections/risk_zones/items").await;
    let zone = zones["features"][0]["id"].as_str().unwrap();
    let inside = planner.read(&format!("/api/within?zone={zone}&collections=households")).await;
    let counted = done(planner.post("/api/exposure", serde_json::json!({"zone_id": zone})).await, StatusCode::OK).await;
    assert_eq!(inside["numberReturned"], counted["households"]);
    assert!(counted["people"].as_u64().unwrap() >= counted["households"].as_u64().unwrap());
    assert!(counted["vulnerable"]["children"].is_u64() && counted["road_km"].is_number(), "{counted}");
    let drawn = planner.post("/api/exposure", serde_json::json!({"geometry": zones["features"][0]["geometry"]})).await;
    assert_eq!(done(drawn, StatusCode::OK).await["households"], counted["households"]);

    // Former communes had the same codes, and no area is known of them.
    let communes = planner.read("/api/collections/admin_units/items?kind=commune,ward&limit=100").await;
    for commune in communes["features"].as_array().unwrap() {
        let code = commune["properties"]["code"].as_str().unwrap();
        let held = planner.read(&format!("/api/within?admin_unit={code}&collections=stations,places")).await;
        assert!(held["features"].as_array().unwrap().iter().all(|f| f["collection"].is_string()), "{code}");
    }

    let along = planner.read("/api/along?from_km=0&to_km=150&within_m=8000&collections=stations").await;
    let chainage: Vec<f64> =
        along["features"].as_array().unwrap().iter().map(|f| f["chainage_km"].as_f64().unwrap()).collect();
    assert!(!chainage.is_empty() && chainage.is_sorted() && chainage.iter().all(|km| *km <= 150.0), "{chainage:?}");

    let hits = planner.read("/api/search?q=ma+lu+thang").await;
    assert!(hits["hits"][0]["title"].as_str().unwrap().contains("Ma Lù Thàng"), "{hits}");
    let located = planner.read("/api/locate?q=QL12+Km46%2B300").await;
    assert_eq!(located["candidates"][0]["located_by"], "road_ref", "{located}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_asks_for_a_sign_in_and_a_cookie_signs_in() {
    let server = Server::demo().await;
    let anybody = server.anybody();
    for path in ["/api/collections", "/api/nearby?lon=103&lat=22", "/api/feed", "/tiles/units/6/50/27"] {
        problem(anybody.get(path).await, 401, "sign_in_required").await;
    }
    for path in ["/api", "/api/conformance", "/api/openapi.json", "/api/docs", "/health/ready", "/duty", "/"] {
        assert_eq!(anybody.get(path).await.status(), StatusCode::OK, "{path}");
    }
    let before = anybody.read("/api/session").await;
    assert!(
        before["actor"].is_null() && before["demo"] == true && before["demo_actors"].as_array().unwrap().len() == 10
    );
    problem(anybody.post("/api/session", serde_json::json!({"actor": "king"})).await, 422, "invalid_value").await;

    let signed = anybody.post("/api/session", serde_json::json!({"actor": "field_unit"})).await;
    let cookie = signed.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let session = done(signed, StatusCode::OK).await;
    assert_eq!(session["actor"]["role"], "field_unit");
    assert!(session["actor"]["unit_id"].is_string());
    let cookie = cookie.split(';').next().unwrap();
    let with_cookie = |method: Method, path: &str| anybody.ask(method, path).header("cookie", cookie);
    let page = with_cookie(Method::GET, "/api/collections/units/items?limit=1").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);

    let report = serde_json::json!({"kind": "rockfall", "place": {"lon": 103.2, "lat": 22.4}});
    let write = |site: Option<&'static str>| {
        let request = with_cookie(Method::POST, "/api/incidents").json(&report);
        site.map_or_else(
            || anybody.ask(Method::POST, "/api/incidents").header("cookie", cookie).json(&report),
            |site| request.header("sec-fetch-site", site),
        )
    };
    problem(write(Some("cross-site")).send().await.unwrap(), 403, "forbidden").await;
    problem(write(None).send().await.unwrap(), 403, "forbidden").await;
    assert_eq!(write(Some("same-origin")).send().await.unwrap().status(), StatusCode::CREATED);
    let origin = write(None).header("origin", &server.base).send().await.unwrap();
    assert_eq!(origin.status(), StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_is_shut_to_other_sites() {
    let server = Server::real().await;
    let admin = server.anybody();
    let rebound = admin.ask(Method::GET, "/api/session").header("host", "evil.example").send().await.unwrap();
    problem(rebound, 403, "forbidden").await;
    let cross = admin.ask(Method::POST, "/api/collections/places/items").header("origin", "http://evil.example");
    problem(cross.json(&serde_json::json!({})).send().await.unwrap(), 403, "forbidden").await;
    let answer = admin.ask(Method::GET, "/api").header("origin", "http://evil.example").send().await.unwrap();
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control-")));
    let preflight = admin.ask(Method::OPTIONS, "/api/incidents").header("origin", "http://evil.example");
    let preflight = preflight.header("access-control-request-method", "POST").send().await.unwrap();
    assert!(preflight.headers().keys().all(|name| !name.as_str().starts_with("access-control-")));
    let page = admin.get("/duty").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("worker-src 'self'"), "{policy}");
    for hole in ["unsafe", "http:", "blob:", "data:", "*"] {
        assert!(!policy.contains(hole), "{policy}");
    }
    let wrong = admin.ask(Method::GET, "/api/collections").bearer_auth("nobody").send().await.unwrap();
    problem(wrong, 401, "sign_in_required").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_big_page_is_packed_when_asked_and_nearby_never() {
    use std::io::Read;
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let ask = |path: &str| officer.ask(Method::GET, path).header("accept-encoding", "gzip");
    let page = ask("/api/collections/households/items?limit=500").send().await.unwrap();
    assert_eq!(page.headers()["content-encoding"], "gzip");
    let bytes = page.bytes().await.unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("{\"type\":\"FeatureCollection\""));
    let near = ask("/api/nearby?lon=103.2&lat=22.3&limit=1000&collections=households").send().await.unwrap();
    assert!(near.headers().get("content-encoding").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_and_health_are_told() {
    let server = Server::real().await;
    let admin = server.anybody();
    assert_eq!(admin.read("/health/ready").await["status"], "ready");
    admin.get("/api/nearby?lon=103&lat=22").await;
    let figures = admin.get("/metrics").await.text().await.unwrap();
    assert!(figures.contains("trucban_http_answers_total{class=\"nearby\",status=\"2xx\"}"), "{figures}");
    assert!(figures.contains("trucban_http_request_seconds_bucket") && figures.contains("trucban_picture_seq"));
}

/// The committed document; `UPDATE=1` writes it anew.
#[test]
fn the_openapi_document_is_the_committed_one() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let mut made = serde_json::to_string_pretty(&trucban::http::openapi_document()).unwrap();
    made.push('\n');
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == made, "docs/openapi.json is not what the handlers say; run the test with UPDATE=1");
}

/// Handlers name some schemas by text, which no compiler checks.
#[test]
fn every_reference_of_the_openapi_document_leads_somewhere() {
    let document = trucban::http::openapi_document();
    let mut references = Vec::new();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                references.extend(members.get("$ref").and_then(Value::as_str));
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(references.len() > 100, "{}", references.len());
    let lost: Vec<&&str> =
        references.iter().filter(|one| document.pointer(one.trim_start_matches('#')).is_none()).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_long_questions_is_answered_or_told_to_come_again_and_short_ones_go_on() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let long = "/api/within?admin_unit=03478&collections=households,units,shelters,roads,rivers,places,admin_units";
    let whole = officer.read(long).await["numberReturned"].clone();
    let asked: Vec<_> = (0..300)
        .map(|_| {
            let officer = officer.clone();
            tokio::spawn(async move { officer.post("/api/exposure", json!({"geometry": province()})).await })
        })
        .collect();
    for _ in 0..20 {
        let near = officer.read("/api/nearby?lon=103.25&lat=22.35&limit=3&collections=households").await;
        assert_eq!(near["numberReturned"], 3);
        officer.read("/api/collections/units/items?limit=20").await;
    }
    let (mut answered, mut busy) = (0, 0);
    for one in asked {
        let answer = one.await.unwrap();
        if answer.status() == StatusCode::OK {
            assert!(done(answer, StatusCode::OK).await["households"].as_u64().unwrap() > 0);
            answered += 1;
        } else {
            assert_eq!(answer.headers()["retry-after"], "1");
            problem(answer, 503, "too_busy").await;
            busy += 1;
        }
    }
    println!("{answered} answered, {busy} told to come again");
    assert!(answered > 0);
    assert_eq!(officer.read(long).await["numberReturned"], whole, "the crowd left nothing behind");
}

fn province() -> Value {
    json!({"type": "Polygon", "coordinates": [[[102.3, 21.7], [103.95, 21.7], [103.95, 22.85], [102.3, 22.85], [102.3, 21.7]]]})
}
