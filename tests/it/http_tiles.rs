//! Vector tiles through the front door.

use fast_mvt::{MvtReaderRef, MvtValueRef};
use reqwest::{Method, StatusCode};
use serde_json::json;
use trucban::domain::Collection;
use trucban::geometry::mercator::Tile;

use crate::http_support::{Caller, Server, done, id};

async fn tile(caller: &Caller, collection: &str, tile: Tile) -> Option<Vec<u8>> {
    let answer = caller.get(&format!("/tiles/{collection}/{}/{}/{}", tile.zoom(), tile.x(), tile.y())).await;
    match answer.status() {
        StatusCode::NO_CONTENT => None,
        StatusCode::OK => {
            assert_eq!(answer.headers()["content-type"], "application/vnd.mapbox-vector-tile");
            Some(answer.bytes().await.unwrap().to_vec())
        }
        status => panic!("{status}: {}", answer.text().await.unwrap()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_collection_with_places_is_drawn() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let whole = Tile::at(7, 103.2, 22.3).unwrap();
    let closure = json!({
        "geometry": null,
        "properties": {"reason": "landslide", "road_ref": "QL12", "from_km": 10, "to_km": 60},
    });
    done(officer.post("/api/collections/road_closures/items", closure).await, StatusCode::CREATED).await;
    let units = officer.read("/api/collections/units/items?code=CA-01").await;
    let patrol = json!({
        "sector_id": "79260bbc-1b1a-5fab-82be-4b1b4405832b", "unit_ids": [units["features"][0]["id"]],
        "planned_start": jiff::Timestamp::now().to_string(),
        "planned_end": (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(5)).to_string(),
    });
    done(officer.post("/api/patrols", patrol).await, StatusCode::CREATED).await;
    let zones = officer.read("/api/collections/risk_zones/items?state=in_force").await;
    let zone =
        zones["features"].as_array().unwrap().iter().find(|zone| zone["properties"]["level"].is_number()).unwrap();
    let path = format!("/api/risk_zones/{}/warnings", id(zone));
    done(officer.post(&path, json!({})).await, StatusCode::CREATED).await;
    for collection in Collection::ALL {
        let name = collection.as_str();
        let Some(bytes) = tile(&officer, name, whole).await else {
            use Collection as C;
            let lies_nowhere = matches!(
                collection,
                C::DutyLog
                    | C::Contacts
                    | C::Assignments
                    | C::Alarms
                    | C::Advices
                    | C::RainDays
                    | C::RainGrids
                    | C::Bulletins
                    | C::RiskLevels
                    | C::ZoneVisits
                    | C::Deployments
                    | C::Cases
                    | C::Tallies
                    | C::Exercises
                    | C::Shifts
                    | C::QuarterReports
                    | C::SectorAssessments
                    | C::AreasOfConcern
                    | C::InformationRequests
                    | C::Briefings
                    | C::Decisions
                    | C::EventPlans
                    | C::DisasterEvents
                    | C::DisasterReports
                    | C::Attachments
            );
            assert!(lies_nowhere, "{name} is empty");
            continue;
        };
        let reader = MvtReaderRef::new(&bytes).unwrap();
        let layer = reader.layers().next().unwrap();
        assert_eq!((reader.layer_count(), layer.name(), layer.extent(), layer.version()), (1, name, 4096, 2));
        for feature in layer.features() {
            feature.geometry().unwrap();
            let properties = feature.properties_vec().unwrap();
            assert!(properties.iter().any(|(key, _)| ["id", "count"].contains(key)), "{name}: {properties:?}");
            assert!(properties.iter().all(|(key, _)| !["head_name", "phone", "reporter_phone"].contains(key)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cells_of_a_zoom_add_up_to_the_households() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let page = officer.read("/api/collections/households/items?limit=10000").await;
    let people: i64 =
        page["features"].as_array().unwrap().iter().map(|f| f["properties"]["member_count"].as_i64().unwrap()).sum();
    for zoom in [0_u8, 6, 8, 9] {
        let (west, east) = (Tile::at(zoom, 101.5, 23.5).unwrap(), Tile::at(zoom, 104.5, 21.0).unwrap());
        let (mut count, mut heads) = (0, 0);
        for x in west.x()..=east.x() {
            for y in west.y()..=east.y() {
                let Some(bytes) = tile(&officer, "households", Tile::new(zoom, x, y).unwrap()).await else { continue };
                let reader = MvtReaderRef::new(&bytes).unwrap();
                for feature in reader.layers().next().unwrap().features() {
                    for (key, value) in feature.properties_vec().unwrap() {
                        let MvtValueRef::UInt(number) = value else { panic!("{value:?}") };
                        match key {
                            "count" => count += number,
                            "people" => heads += number as i64,
                            other => panic!("{other}"),
                        }
                    }
                }
            }
        }
        assert_eq!((page["numberMatched"].as_u64().unwrap(), people), (count, heads), "zoom {zoom}");
    }
    let near = Tile::at(12, 103.1853, 22.4209).unwrap();
    let bytes = tile(&officer, "households", near).await.unwrap();
    let reader = MvtReaderRef::new(&bytes).unwrap();
    let feature = reader.layers().next().unwrap().features().next().unwrap();
    let keys: Vec<&str> = feature.properties_vec().unwrap().iter().map(|(key, _)| *key).collect();
    assert!(keys.contains(&"id") && keys.contains(&"member_count"), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_is_sent_again_only_when_its_layer_changed() {
    let server = Server::real().await;
    let admin = server.anybody();
    let place = Tile::at(14, 103.2, 22.4).unwrap();
    let path = format!("/tiles/shelters/14/{}/{}", place.x(), place.y());
    assert!(tile(&admin, "shelters", place).await.is_none());
    let body = json!({"geometry": {"type": "Point", "coordinates": [103.2, 22.4]}, "properties": {"name": "Trường", "capacity": 9}});
    let shelter = done(admin.post("/api/collections/shelters/items", body).await, StatusCode::CREATED).await;
    let first = admin.get(&path).await;
    assert_eq!(first.headers()["cache-control"], "private, no-cache");
    let tag = first.headers()["etag"].clone();
    let bytes = first.bytes().await.unwrap();
    let reader = MvtReaderRef::new(&bytes).unwrap();
    let feature = reader.layers().next().unwrap().features().next().unwrap();
    let properties = feature.properties_vec().unwrap();
    assert!(properties.iter().any(|(key, value)| *key == "id" && *value == MvtValueRef::String(id(&shelter))));
    let ask = || admin.ask(Method::GET, &path).header("if-none-match", &tag).send();
    assert_eq!(ask().await.unwrap().status(), StatusCode::NOT_MODIFIED);
    let item = format!("/api/collections/shelters/items/{}", id(&shelter));
    let moved = json!({"geometry": {"type": "Point", "coordinates": [103.9, 22.4]}});
    done(admin.write(Method::PATCH, &item, 1, moved).await, StatusCode::OK).await;
    assert_eq!(ask().await.unwrap().status(), StatusCode::NO_CONTENT, "the moved point left the tile at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_big_tile_is_packed_when_asked() {
    use std::io::Read;
    let server = Server::real().await;
    let admin = server.anybody();
    let path = "/tiles/admin_units/8/201/111";
    let plain = admin.get(path).await;
    assert!(plain.headers().get("content-encoding").is_none());
    let plain = plain.bytes().await.unwrap();
    let packed = admin.ask(Method::GET, path).header("accept-encoding", "br, gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.bytes().await.unwrap()[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(plain, unpacked);
}
