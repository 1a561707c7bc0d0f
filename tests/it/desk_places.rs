//! Where is it: coordinates, grids, kilometre posts, bearings and names over the shipped ground.

use geo_types::Geometry;
use serde_json::json;
use trucban::desk::Candidate;
use trucban::domain::place::Place;
use trucban::domain::{Code, Collection};

use crate::desk_support::{Room, refused};

fn lon_lat(found: &Candidate) -> [f64; 2] {
    match found.geometry {
        Some(Geometry::Point(point)) => [point.x(), point.y()],
        _ => panic!("{found:?}"),
    }
}

#[track_caller]
fn near(found: &Candidate, lon: f64, lat: f64, within_m: f64) {
    let [x, y] = lon_lat(found);
    let metres = trucban::geometry::measure::distance_m(x, y, lon, lat);
    assert!(metres <= within_m, "{found:?} is {metres} m off");
}

#[tokio::test]
async fn every_way_to_say_a_place_is_understood() {
    let room = Room::on_the_ground().await;
    let view = room.view();
    let first =
        |text: &str| room.desk.locate(&view, text, 10).unwrap().into_iter().next().unwrap_or_else(|| panic!("{text}"));

    let found = first("22.4150, 103.1230");
    near(&found, 103.123, 22.415, 1.0);
    assert_eq!((found.located_by, found.accuracy_m.map(f64::round)), ("coordinates", Some(6.0)));
    assert_eq!(found.admin_unit.as_deref(), Some("03503"));

    let grid = trucban::geometry::crs::Crs::from_epsg(9205).unwrap().from_wgs84(103.123, 22.415).unwrap();
    near(&first(&format!("{:.1} {:.1}", grid[0], grid[1])), 103.123, 22.415, 1.0);
    near(&first(&format!("X {:.1} Y {:.1}", grid[1], grid[0])), 103.123, 22.415, 1.0);
    let mgrs = trucban::geometry::mgrs::encode(103.123, 22.415, 4).unwrap();
    let found = first(&mgrs);
    near(&found, 103.123, 22.415, 10.0);
    assert!(found.accuracy_m.is_some_and(|m| m > 5.0 && m < 10.0));

    for text in ["QL12 Km46+300", "ql12 km 46.3", "km46+300 ql12", "quốc lộ 12 km 46+300"] {
        let found = first(text);
        near(&found, 103.16, 22.47, 3_000.0);
        assert_eq!((found.located_by, found.accuracy_m), ("road_ref", Some(3_000.0)), "{text}");
        assert_eq!(found.label, "QL12 Km46+300");
    }
    assert!(room.desk.locate(&view, "đt 127 km 10", 10).unwrap()[0].label.starts_with("ĐT127"));
    assert!(room.desk.locate(&view, "Km46+300", 50).unwrap().len() > 3);

    let found = first("đồn biên phòng pa tần");
    assert_eq!(found.located_by, "place_name");
    assert_eq!(found.accuracy_m, Some(3_000.0));
    near(&found, 103.16, 22.47, 1.0);

    let found = first("Pa Tần");
    assert_eq!((found.kind.as_str(), found.commune_code.as_deref()), ("commune", Some("03503")));
    assert!(found.geometry.is_none() && found.lon.is_some());
    let former = room.desk.locate(&view, "Hua Nà", 10).unwrap();
    assert!(former.iter().any(|found| found.commune_code.as_deref() == Some("03595")), "{former:?}");

    let found = first("5 km tây bắc đồn biên phòng Pa Tần");
    assert_eq!(found.located_by, "bearing");
    near(&found, 103.16 - 0.0344, 22.47 + 0.0319, 200.0);
    assert!(found.accuracy_m.is_some_and(|m| m >= 3_000.0 + 1_250.0));
    assert!(room.desk.locate(&view, "chỗ không ai biết xyz", 10).unwrap().is_empty());
    refused(room.desk.locate(&view, "103.1N 22.4E", 10), Code::CoordinatesSwapped);
}

#[tokio::test]
async fn a_report_keeps_how_its_place_was_told() {
    let room = Room::on_the_ground().await;
    let report = async |place| room.report_with(json!({"kind": "landslide"}), place).await;
    let id = report(Place::Text("QL12 Km46+300".into())).await.unwrap().id();
    assert_eq!((room.incident(id, "road_ref"), room.incident(id, "road_km")), (json!("QL12"), json!(46.3)));
    assert_eq!(room.incident(id, "located_by"), "road_ref");
    assert_eq!(room.incident(id, "accuracy_m"), 3_000.0);
    assert_eq!(room.incident(id, "place_text"), "QL12 Km46+300");
    assert_eq!(room.incident(id, "title"), "Sạt lở đất, QL12 Km46+300, Xã Pa Tần");

    let id = report(Place::Commune { code: "03503".into() }).await.unwrap().id();
    assert!(room.view().item(Collection::Incidents, id).unwrap().geometry().is_none());
    assert_eq!(
        (room.incident(id, "admin_unit"), room.incident(id, "located_by")),
        (json!("03503"), json!("admin_unit"))
    );
    assert!(room.incident(id, "chainage_km").is_null());

    let from = Box::new(Place::Text("Pa Tần".into()));
    let id = report(Place::Bearing { from, bearing_deg: 90.0, distance_m: 2_000.0 }).await.unwrap().id();
    assert_eq!(room.incident(id, "located_by"), "bearing");
    assert!(room.view().item(Collection::Incidents, id).unwrap().geometry().is_some());

    // A hamlet that is on no map, with its commune: the commune is known, no point is invented.
    let id = report(Place::Text("bản Không Có Đâu, xã Pa Tần".into())).await.unwrap().id();
    assert_eq!(room.incident(id, "commune_code"), "03503");
    assert!(room.view().item(Collection::Incidents, id).unwrap().geometry().is_none());

    refused(report(Place::Text("chỗ không ai biết xyz".into())).await, Code::PlaceNotFound);
    refused(report(Place::Commune { code: "99999".into() }).await, Code::PlaceNotFound);
    let beyond = Place::RoadKm { road_ref: "QL12".into(), road_km: 500.0 };
    let problem = refused(report(beyond).await, Code::PlaceNotFound);
    assert!(problem.detail_vi.contains("Km102"), "{}", problem.detail_vi);
    let nearby = Place::Vn2000 { epsg: 9205, easting: 2_480_000.0, northing: 512_000.0 };
    refused(report(nearby).await, Code::CoordinatesSwapped);
    refused(report(Place::Vn2000 { epsg: 1, easting: 5e5, northing: 2.4e6 }).await, Code::InvalidValue);
    refused(report(Place::Mgrs("48QXX12345".into())).await, Code::InvalidValue);
}
