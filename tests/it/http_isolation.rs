//! Alarms of the roads through the front door: who is cut off by which closure, and a closure that lies on no road.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::roads::file::GRAPH_FILE;

use crate::http_support::{Caller, Server, done, id, version};
use crate::roads_support::Extract;

const CLOSURES: &str = "/api/collections/road_closures/items";
/// Tà Tổng, to which one road leads, a place on that road, and the provincial town.
const COMMUNE: [f64; 2] = [102.604, 22.3233];
const ON_ITS_ROAD: [f64; 2] = [102.640, 22.3745];
const TOWN: [f64; 2] = [103.45824, 22.39644];

impl Caller {
    async fn standing(&self, kind: &str) -> Vec<Value> {
        let page = self.read(&format!("/api/collections/alarms/items?kind={kind}")).await;
        page["features"].as_array().unwrap().clone()
    }

    /// Waits until so many alarms of the kind stand.
    async fn until_standing(&self, kind: &str, count: usize) -> Vec<Value> {
        for _ in 0..400 {
            let alarms = self.standing(kind).await;
            if alarms.len() == count {
                return alarms;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("not {count} of {kind}: {:?}", self.standing(kind).await);
    }

    async fn close_road(&self, at: [f64; 2], properties: Value) -> Value {
        let closure = json!({"geometry": {"type": "Point", "coordinates": at}, "properties": properties});
        done(self.post(CLOSURES, closure).await, StatusCode::CREATED).await
    }

    async fn open_road(&self, closure: &Value) {
        let path = format!("{CLOSURES}/{}", id(closure));
        let opened = self.write(Method::DELETE, &path, version(closure), json!({})).await;
        assert!(opened.status().is_success(), "{}", opened.text().await.unwrap());
    }

    /// The road nearest to a place.
    async fn on_road(&self, [lon, lat]: [f64; 2]) -> [f64; 2] {
        let [to_lon, to_lat] = TOWN;
        let route = self.read(&format!("/api/route?from={lon},{lat}&to={to_lon},{to_lat}")).await;
        serde_json::from_value(route["from"]["position"].clone()).unwrap()
    }
}

/// Long enough for a watch that looks twice a second to have looked.
async fn looked() {
    tokio::time::sleep(Duration::from_millis(1_500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_closure_of_an_only_road_raises_one_alarm_and_its_opening_clears_it() {
    let server = Server::demo().await;
    let [duty, commune] = ["duty_officer", "border_officer"].map(|name| server.actor(name));
    let (at, town) = (duty.on_road(ON_ITS_ROAD).await, duty.on_road(TOWN).await);
    let beyond = duty.on_road([(COMMUNE[0] + ON_ITS_ROAD[0]) / 2.0, (COMMUNE[1] + ON_ITS_ROAD[1]) / 2.0]).await;
    // What slows, and what concerns lorries alone, cuts nobody off.
    duty.close_road(town, json!({"reason": "rain", "speed_factor": 0.5})).await;
    duty.close_road(at, json!({"reason": "bridge_damage", "profiles": ["truck"]})).await;
    looked().await;
    assert!(duty.standing("cut_off").await.is_empty());

    let closure = duty.close_road(at, json!({"reason": "landslide"})).await;
    let alarms = duty.until_standing("cut_off", 1).await;
    let properties = &alarms[0]["properties"];
    assert_eq!((&properties["closure_id"], &properties["places"]), (&json!(id(&closure)), &json!(1)));
    let place = properties["place_ids"][0].as_str().unwrap();
    let place = duty.read(&format!("/api/collections/places/items/{place}")).await;
    let name = place["properties"]["name"].as_str().unwrap();
    let text = properties["text"].as_str().unwrap();
    assert!(text.starts_with("Cô lập") && text.contains(name), "{text}");
    for count in ["people_at_most", "households_at_most"] {
        assert_eq!(properties[count].as_i64().unwrap() % 10, 0, "rounded up: everybody reads it");
    }
    assert_eq!(commune.standing("cut_off").await.len(), 1, "of whatever force");
    assert!(server.actor("observer").standing("cut_off").await.is_empty());
    // Farther along the same road nobody more is cut off.
    let second = duty.close_road(beyond, json!({"reason": "rockfall"})).await;
    looked().await;
    let still = duty.standing("cut_off").await;
    assert_eq!((still.len(), id(&still[0])), (1, id(&alarms[0])));
    let path = format!("/api/alarms/{}/acknowledge", id(&still[0]));
    done(duty.post(&path, json!({})).await, StatusCode::OK).await;
    assert_eq!(duty.standing("cut_off").await.len(), 1, "taken, it stands until the way is open");
    // The first one opened, the second one answers for them; nothing stands when both are open.
    duty.open_road(&closure).await;
    for _ in 0..400 {
        let now = duty.standing("cut_off").await;
        if now.len() == 1 && now[0]["properties"]["closure_id"] == *id(&second) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let now = duty.standing("cut_off").await;
    assert_eq!((now.len(), &now[0]["properties"]["closure_id"]), (1, &json!(id(&second))));
    assert_eq!(now[0]["properties"]["acknowledged_at"], Value::Null);
    duty.open_road(&second).await;
    duty.until_standing("cut_off", 0).await;
    for (kind, count) in [("cut_off", 2), ("reconnected", 2)] {
        let log = duty.read(&format!("/api/collections/duty_log/items?kind={kind}")).await;
        assert_eq!(log["numberReturned"], count, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_that_another_network_does_not_have_is_told_until_it_is_opened() {
    let server = Server::demo().await;
    let duty = server.actor("duty_officer");
    let at = duty.on_road(ON_ITS_ROAD).await;
    let closure = duty.close_road(at, json!({"reason": "landslide"})).await;
    duty.until_standing("cut_off", 1).await;
    assert!(duty.standing("closure_unmatched").await.is_empty());
    // A network of one road far away comes into the folder.
    let mut extract = Extract::new();
    extract.node(1, 103.0, 21.0, &[]);
    extract.node(2, 103.1, 21.0, &[]);
    extract.way(1, &[1, 2], &[("highway", "secondary")]);
    let (graph, _) = extract.import("far");
    trucban::roads::file::write(&graph, &server.folder().join(GRAPH_FILE)).unwrap();
    let alarms = duty.until_standing("closure_unmatched", 1).await;
    assert_eq!(alarms[0]["properties"]["closure_id"], *id(&closure));
    duty.until_standing("cut_off", 0).await;
    duty.open_road(&closure).await;
    duty.until_standing("closure_unmatched", 0).await;
}
