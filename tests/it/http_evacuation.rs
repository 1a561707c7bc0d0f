//! Evacuation by HTTP: who may tell what, what each role sees of who is inside, the order to move and the plan.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http_support::{Caller, Server, done, id, problem, version};

/// The commune with most households of the demo, with one of them in the middle of the zone.
struct Ground {
    server: Server,
    duty: Caller,
    planner: Caller,
    zone: Value,
    /// In the zone, by id.
    houses: Vec<Value>,
}

fn square([lon, lat]: [f64; 2], half: f64) -> Value {
    let ring = [[-half, -half], [half, -half], [half, half], [-half, half], [-half, -half]];
    json!({"type": "Polygon", "coordinates": [ring.map(|[east, north]| [lon + east, lat + north])]})
}

fn place(feature: &Value) -> [f64; 2] {
    serde_json::from_value(feature["geometry"]["coordinates"].clone()).unwrap()
}

async fn create(caller: &Caller, collection: &str, geometry: Value, properties: Value) -> Value {
    let body = json!({"type": "Feature", "geometry": geometry, "properties": properties});
    done(caller.post(&format!("/api/collections/{collection}/items"), body).await, StatusCode::CREATED).await
}

async fn draw(caller: &Caller, name: &str, geometry: Value) -> Value {
    let properties = json!({"name": name, "kind": "landslide", "valid_to": "2999-01-01T00:00:00Z"});
    create(caller, "risk_zones", geometry, properties).await
}

impl Ground {
    async fn new() -> Self {
        let server = Server::demo().await;
        let (duty, planner) = (server.actor("duty_officer"), server.actor("planner"));
        let page = duty.read("/api/collections/households/items?limit=5000&state=registered").await;
        let middle = page["features"].as_array().unwrap().iter().find(|house| house["geometry"].is_object()).unwrap();
        let area = square(place(middle), 0.004);
        let zone = draw(&planner, "Sườn thử", area).await;
        let within = format!("/api/within?zone={}&collections=households", id(&zone));
        let houses = duty.read(&within).await["features"].as_array().unwrap().clone();
        assert!(houses.len() >= 3, "{}", houses.len());
        Self { server, duty, planner, zone, houses }
    }

    fn path(&self, house: usize, rest: &str) -> String {
        format!("/api/households/{}/evacuation{rest}", id(&self.houses[house]))
    }

    async fn figures(&self, caller: &Caller) -> Value {
        let board = caller.read("/api/inside").await;
        let zones = board["zones"].as_array().unwrap();
        zones.iter().find(|zone| zone["id"] == self.zone["id"]).unwrap()["figures"].clone()
    }
}

fn notified() -> Value {
    json!({"state": "notified", "channel": "visit"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_told_counted_and_withdrawn() {
    let ground = Ground::new().await;
    let before = ground.figures(&ground.duty).await;
    let members: i64 = ground.houses.iter().map(|house| house["properties"]["member_count"].as_i64().unwrap()).sum();
    assert_eq!(
        (&before["people"]["registered"], &before["households"]["registered"]),
        (&json!(members), &json!(ground.houses.len()))
    );
    let key = Uuid::now_v7().to_string();
    let send = || {
        let call = ground.duty.ask(Method::POST, &ground.path(0, "")).header("idempotency-key", &key);
        call.json(
            &json!({"state": "refused", "people": 1, "reason": "còn trâu", "next_visit_at": "2999-01-01T00:00:00Z"}),
        )
        .send()
    };
    let first = done(send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(version(&done(send().await.unwrap(), StatusCode::OK).await), version(&first));
    let other = ground.duty.ask(Method::POST, &ground.path(0, "")).header("idempotency-key", &key);
    problem(other.json(&notified()).send().await.unwrap(), 422, "idempotency_mismatch").await;
    let report = &first["properties"]["reports"][0];
    assert_eq!((&report["id"], &report["by"]), (&json!(key), &json!("duty_officer")));
    let after = ground.figures(&ground.duty).await;
    assert_eq!(
        (&after["people"]["refused"], &after["households"]["registered"]),
        (&json!(1), &before["households"]["registered"])
    );
    let told = after["told"].as_array().unwrap().iter().find(|told| told["state"] == "refused").unwrap();
    assert_eq!((&told["by"], &told["is_old"]), (&json!("duty_officer"), &json!(false)));
    assert!(after["sentence_vi"].as_str().unwrap().contains("1 chưa chấp hành"), "{after}");
    assert!(after["sentence_en"].as_str().unwrap().contains("1 refused"), "{after}");
    let wrong = json!({"report_id": key, "reason": "nhầm hộ"});
    done(ground.duty.post(&ground.path(0, "/withdraw"), wrong).await, StatusCode::OK).await;
    assert_eq!(ground.figures(&ground.duty).await["people"], before["people"]);
    // The log tells that something was withdrawn, and of whom it does not.
    let log = ground.duty.read("/api/collections/duty_log/items?kind=evacuation_corrected").await.to_string();
    assert!(
        log.contains("Rút một báo cáo") && !log.contains("nhầm hộ") && !log.contains(id(&ground.houses[0])),
        "{log}"
    );
    // People on no list.
    let path = format!("/api/risk_zones/{}/outsiders", id(&ground.zone));
    let count = |people: i64| json!({"kind": "workers", "people": people, "plus_minus": 5, "source": "phone", "told_by": "Chỉ huy công trường"});
    done(ground.duty.post(&path, count(30)).await, StatusCode::OK).await;
    done(ground.duty.post(&path, count(20)).await, StatusCode::OK).await;
    let mut late = count(90);
    late["at"] = json!("2020-01-01T00:00:00Z");
    done(ground.duty.post(&path, late).await, StatusCode::OK).await;
    let figures = ground.figures(&ground.duty).await;
    let on_no_list = &figures["on_no_list"];
    assert_eq!((&on_no_list["people"], &on_no_list["plus_minus"]), (&json!(20), &json!(5)));
    assert_eq!(on_no_list["counts"][0]["by"], "Chỉ huy công trường");
    assert!(
        figures["sentence_vi"].as_str().unwrap().contains("ngoài danh sách 20 ± 5 người (công nhân, thợ)"),
        "{figures}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_report_gets_its_code() {
    let ground = Ground::new().await;
    let report = ground.path(0, "");
    let outsiders = format!("/api/risk_zones/{}/outsiders", id(&ground.zone));
    let plan = format!("/api/risk_zones/{}/evacuation_plan", id(&ground.zone));
    let nobody = "00000000-0000-7000-8000-000000000404";
    let house = id(&ground.houses[0]);
    let table = [
        (report.clone(), json!({}), 422, "missing_field"),
        (report.clone(), json!({"state": "at_risk"}), 422, "invalid_value"),
        (report.clone(), json!({"state": "fled"}), 422, "invalid_value"),
        (report.clone(), json!({"state": "notified"}), 422, "missing_field"),
        (report.clone(), json!({"state": "notified", "channel": 3}), 422, "invalid_value"),
        (report.clone(), json!({"state": "notified", "channel": "visit", "people": "two"}), 422, "invalid_value"),
        (report.clone(), json!({"state": "notified", "channel": "visit", "people": 201}), 422, "invalid_value"),
        (report.clone(), json!({"state": "notified", "channel": "visit", "from": "nowhere"}), 422, "invalid_value"),
        (report.clone(), json!({"state": "notified", "channel": "visit", "mood": "good"}), 422, "unknown_field"),
        (report.clone(), json!({"state": "notified", "channel": "visit", "at": "yesterday"}), 422, "invalid_value"),
        (
            report.clone(),
            json!({"state": "notified", "channel": "visit", "at": "2999-01-01T00:00:00Z"}),
            422,
            "future_time",
        ),
        (report.clone(), json!({"state": "sheltered", "people": 1, "shelter_id": nobody}), 422, "unknown_reference"),
        (report.clone(), json!({"state": "returned"}), 409, "forbidden_transition"),
        (report.clone(), json!([]), 422, "invalid_value"),
        (report.replace(house, nobody), notified(), 404, "not_found"),
        (report.replace(house, "here"), notified(), 404, "not_found"),
        (format!("{report}/withdraw"), json!({"reason": "nhầm"}), 422, "missing_field"),
        (format!("{report}/withdraw"), json!({"report_id": nobody}), 422, "missing_field"),
        (format!("{report}/withdraw"), json!({"report_id": nobody, "reason": "nhầm"}), 422, "unknown_reference"),
        (outsiders.clone(), json!({"people": 3}), 422, "missing_field"),
        (outsiders.clone(), json!({"kind": "workers"}), 422, "missing_field"),
        (outsiders.clone(), json!({"kind": "workers", "people": null}), 422, "missing_field"),
        (outsiders.clone(), json!({"kind": "birds", "people": 3}), 422, "invalid_value"),
        (outsiders.clone(), json!({"kind": "workers", "people": -3}), 422, "invalid_value"),
        (outsiders.clone(), json!({"kind": "workers", "people": 3, "plus_minus": -1}), 422, "invalid_value"),
        (outsiders.replace(id(&ground.zone), nobody), json!({"kind": "workers", "people": 3}), 404, "not_found"),
        (plan.clone(), json!({"commit": true}), 422, "missing_field"),
        (plan.clone(), json!({"assignments": []}), 422, "missing_field"),
        (plan.clone(), json!({"commit": true, "assignments": []}), 422, "limit_exceeded"),
        (plan.clone(), json!({"commit": true, "assignments": {}}), 422, "invalid_value"),
        (plan.clone(), json!({"commit": true, "assignments": [{"household_id": house}]}), 422, "missing_field"),
        (
            plan.clone(),
            json!({"commit": true, "assignments": [{"household_id": nobody, "shelter_id": nobody}]}),
            422,
            "unknown_reference",
        ),
        (plan.replace(id(&ground.zone), nobody), json!({}), 404, "not_found"),
    ];
    for (path, body, status, code) in table {
        let answer = ground.duty.post(&path, body.clone()).await;
        assert_eq!(answer.status().as_u16(), status, "{path} {body}");
        problem(answer, status, code).await;
    }
    let stale = ground.duty.write(Method::POST, &report, 99, notified()).await;
    problem(stale, 412, "version_conflict").await;
    problem(ground.duty.get("/api/inside?zone=1").await, 400, "unknown_parameter").await;
    problem(ground.duty.get(&format!("/api/risk_zones/{nobody}/inside")).await, 404, "not_found").await;
    let path = format!("/api/risk_zones/{}/end", id(&ground.zone));
    done(ground.planner.write(Method::POST, &path, 1, json!({"reason": "hết"})).await, StatusCode::OK).await;
    problem(
        ground.duty.get(&format!("/api/risk_zones/{}/inside", id(&ground.zone))).await,
        409,
        "forbidden_transition",
    )
    .await;
    problem(ground.duty.post(&plan, json!({})).await, 409, "forbidden_transition").await;
    problem(ground.duty.post(&outsiders, json!({"kind": "workers", "people": 3})).await, 409, "forbidden_transition")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_unit_tells_where_it_has_its_task_and_not_that_people_may_go_home() {
    let ground = Ground::new().await;
    let (border, field) = (ground.server.actor("border_officer"), ground.server.actor("field_unit"));
    problem(field.post(&ground.path(0, ""), notified()).await, 404, "not_found").await;
    let unit = field.read("/api/session").await["actor"]["unit_id"].as_str().unwrap().to_owned();
    let [lon, lat] = place(&ground.houses[0]);
    let incident = border.report("landslide", lon, lat).await;
    let path = format!("/api/incidents/{}/assignments", id(&incident));
    let sent = border.write(Method::POST, &path, version(&incident), json!({"unit_id": unit})).await;
    done(sent, StatusCode::OK).await;
    let told = done(field.post(&ground.path(0, ""), notified()).await, StatusCode::OK).await;
    assert_eq!(
        (&told["properties"]["state"], &told["properties"]["parts"][0]["source"]),
        (&json!("notified"), &json!("own"))
    );
    let moving = json!({"state": "moving", "people": 1, "unit_id": unit});
    done(field.post(&ground.path(0, ""), moving).await, StatusCode::OK).await;
    let refused =
        json!({"state": "refused", "people": 1, "reason": "già yếu", "next_visit_at": "2999-01-01T00:00:00Z"});
    let told = done(field.post(&ground.path(1, ""), refused).await, StatusCode::OK).await;
    for body in [
        json!({"state": "return_authorised", "authority": "tôi", "inspection_ref": "1"}),
        json!({"state": "returned"}),
        json!({"state": "relocated", "decision_no": "1"}),
    ] {
        problem(field.post(&ground.path(0, ""), body).await, 403, "forbidden").await;
    }
    // Its own words it takes back, others' it does not.
    let own = &told["properties"]["reports"][0]["id"];
    let wrong = json!({"report_id": own, "reason": "nhầm"});
    done(field.post(&ground.path(1, "/withdraw"), wrong).await, StatusCode::OK).await;
    let others = done(ground.duty.post(&ground.path(1, ""), notified()).await, StatusCode::OK).await;
    let reports = others["properties"]["reports"].as_array().unwrap();
    let others = reports.iter().find(|report| report["by"] == "duty_officer").unwrap();
    let wrong = json!({"report_id": others["id"], "reason": "nhầm"});
    problem(field.post(&ground.path(1, "/withdraw"), wrong).await, 403, "forbidden").await;
    for name in ["observer", "tip_handler"] {
        problem(ground.server.actor(name).post(&ground.path(0, ""), notified()).await, 403, "forbidden").await;
    }
    let plan = format!("/api/risk_zones/{}/evacuation_plan", id(&ground.zone));
    problem(field.post(&plan, json!({})).await, 403, "forbidden").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_need_gets_whole_communes_and_cannot_tell_two_zones_apart_by_a_house() {
    let ground = Ground::new().await;
    done(ground.duty.post(&ground.path(0, ""), notified()).await, StatusCode::OK).await;
    let smaller = draw(&ground.planner, "Sườn nhỏ", square(place(&ground.houses[0]), 0.000_1)).await;
    for name in ["observer", "admin", "tip_handler"] {
        let caller = ground.server.actor(name);
        let board = caller.read("/api/inside").await;
        assert_eq!(board["precision"], "commune", "{name}");
        let of = |zone: &Value| {
            let known = board["zones"].as_array().unwrap().iter().find(|known| known["id"] == zone["id"]).unwrap();
            known["figures"].clone()
        };
        let (large, small) = (of(&ground.zone), of(&smaller));
        for figures in [&large, &small, &board["total"]] {
            assert!(figures["people"].as_object().unwrap().values().all(|count| *count == 0), "{name}: {figures}");
            assert!(figures["households"].as_object().unwrap().values().all(|count| *count == 0), "{name}");
            assert_eq!((&figures["told"], &figures["time_to_clear"]["minutes"]), (&json!([]), &Value::Null), "{name}");
            let said = figures["sentence_vi"].as_str().unwrap();
            assert!(said.contains("Không quá") && !said.contains("đã ra hết"), "{name}: {said}");
        }
        assert_eq!(large["whole_communes"], small["whole_communes"], "{name}");
        let whole = large["whole_communes"].as_array().unwrap();
        assert!(!whole.is_empty() && whole.iter().all(|commune| commune["people_at_most"].as_i64().unwrap() % 10 == 0));
        let exposure =
            done(caller.post("/api/exposure", json!({"zone_id": ground.zone["id"]})).await, StatusCode::OK).await;
        assert_eq!(exposure["whole_communes"], large["whole_communes"], "{name}: as an exposure");
        let rows = caller.read(&format!("/api/risk_zones/{}/inside", id(&ground.zone))).await;
        assert_eq!(
            (&rows["households"], &rows["left_out"], &rows["time_to_clear"]["minutes"]),
            (&json!([]), &json!(0), &Value::Null),
            "{name}"
        );
        assert!(!board.to_string().contains("duty_officer"), "{name} hears who told of whom");
    }
    // The commune's own officer sees his commune's households, and of others whole communes.
    let officer = ground.server.actor("local_authority");
    let board = officer.read("/api/inside").await;
    let own = officer.read("/api/collections/households/items?limit=1").await["features"][0].clone();
    let zone = draw(&ground.planner, "Sườn xã", square(place(&own), 0.000_1)).await;
    let seen = officer.read("/api/inside").await;
    let of = seen["zones"].as_array().unwrap().iter().find(|known| known["id"] == zone["id"]).unwrap();
    assert!(of["figures"]["people"]["registered"].as_i64().unwrap() > 0, "{of} {board}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_follows_need_roads_and_room_and_is_written_only_where_it_fits() {
    let ground = Ground::new().await;
    let [lon, lat] = place(&ground.houses[0]);
    let plan = format!("/api/risk_zones/{}/evacuation_plan", id(&ground.zone));
    let people: i64 = ground.houses.iter().map(|house| house["properties"]["member_count"].as_i64().unwrap()).sum();
    let shelter = async |name: &str, lon: f64, capacity: i64| {
        let at = json!({"type": "Point", "coordinates": [lon, lat]});
        create(&ground.duty, "shelters", at, json!({"name": name, "capacity": capacity, "is_open": true})).await
    };
    // One inside the zone takes nobody; a near one has room for some, another one for the rest.
    let inside = shelter("Trong vùng", lon, 10_000).await;
    let near = shelter("Gần", lon + 0.02, people / 2).await;
    let far = shelter("Xa", lon + 0.05, 10_000).await;
    let tried = done(ground.planner.post(&plan, json!({})).await, StatusCode::OK).await;
    assert_eq!(tried["is_committed"], false);
    let placed = tried["placed"].as_array().unwrap();
    assert_eq!(placed.len() + tried["unplaced"].as_array().unwrap().len(), ground.houses.len());
    assert!(!placed.is_empty() && placed.iter().all(|one| one["shelter_id"] != inside["id"]), "{tried}");
    let to = |shelter: &Value| -> i64 {
        let there = placed.iter().filter(|one| one["shelter_id"] == shelter["id"]);
        there.map(|one| one["people"].as_i64().unwrap()).sum()
    };
    assert!(to(&near) <= people / 2, "{tried}");
    // Of the demo's own assignments one shelter has more than it takes; this plan adds nobody there.
    let takes = |shelter: &&Value| placed.iter().any(|one| one["shelter_id"] == shelter["id"]);
    for shelter in tried["shelters"].as_array().unwrap().iter().filter(takes) {
        let count = |name: &str| shelter[name].as_i64().unwrap();
        assert!(count("occupied") + count("expected") <= count("capacity"), "{shelter}");
    }
    let unchanged = ground.duty.read(&format!("/api/collections/households/items/{}", id(&ground.houses[0]))).await;
    assert_eq!(version(&unchanged), version(&ground.houses[0]), "a try changes nothing");
    // All to the near one is too many: nothing is written.
    let all = |shelter: &Value| -> Vec<Value> {
        ground.houses.iter().map(|house| json!({"household_id": house["id"], "shelter_id": shelter["id"]})).collect()
    };
    let full = ground.planner.post(&plan, json!({"commit": true, "assignments": all(&near)})).await;
    let full = problem(full, 409, "shelter_full").await;
    assert_eq!((&full["shelters"][0]["shelter_id"], &full["shelters"][0]["expected"]), (&near["id"], &json!(people)));
    let twice = [all(&far), all(&far)].concat();
    let twice = ground.planner.post(&plan, json!({"commit": true, "assignments": twice})).await;
    problem(twice, 422, "invalid_value").await;
    let looked_at: Vec<Value> = placed
        .iter()
        .map(|one| json!({"household_id": one["household_id"], "shelter_id": one["shelter_id"]}))
        .collect();
    let written = ground.planner.post(&plan, json!({"commit": true, "assignments": looked_at})).await;
    let written = done(written, StatusCode::OK).await;
    assert_eq!((&written["is_committed"], written["placed"].as_array().unwrap().len()), (&json!(true), placed.len()));
    let rows = ground.duty.read(&format!("/api/risk_zones/{}/inside", id(&ground.zone))).await;
    let rows = rows["households"].as_array().unwrap();
    assert_eq!(rows.len(), ground.houses.len());
    for one in placed {
        let row = rows.iter().find(|row| row["id"] == one["household_id"]).unwrap();
        assert_eq!((&row["shelter_id"], &row["is_assigned"]), (&one["shelter_id"], &json!(true)));
    }
    // One that has no shelter by the plan loses the one it had, and takes up no room there.
    let first = &placed[0];
    let none = json!([{"household_id": first["household_id"], "shelter_id": null}]);
    done(ground.planner.post(&plan, json!({"commit": true, "assignments": none})).await, StatusCode::OK).await;
    let rows = ground.duty.read(&format!("/api/risk_zones/{}/inside", id(&ground.zone))).await;
    let rows = rows["households"].as_array().unwrap();
    let row = rows.iter().find(|row| row["id"] == first["household_id"]).unwrap();
    assert_eq!(row["is_assigned"], false, "what stands there is the soonest one, no assignment: {row}");
    let groups: Vec<i64> = rows.iter().map(|row| row["group"].as_i64().unwrap()).collect();
    assert!(groups.is_sorted(), "those who need help come first: {groups:?}");
}

/// Tà Tổng: one road leads there, off the provincial road 127.
const COMMUNE: [f64; 2] = [102.604, 22.3233];
const ON_ITS_ROAD: [f64; 2] = [102.640, 22.3745];
const TOWN: [f64; 2] = [103.45824, 22.39644];

#[tokio::test(flavor = "multi_thread")]
async fn who_is_cut_off_from_every_shelter_is_marked_and_comes_last_of_the_group() {
    let server = Server::demo().await;
    let (duty, planner) = (server.actor("duty_officer"), server.actor("planner"));
    let at = |[lon, lat]: [f64; 2]| json!({"type": "Point", "coordinates": [lon, lat]});
    let house = create(&duty, "households", at(COMMUNE), json!({"member_count": 3, "needs_carry": true})).await;
    let town = create(&duty, "shelters", at(TOWN), json!({"name": "Thị trấn", "capacity": 50, "is_open": true})).await;
    let assigned = json!({"properties": {"shelter_id": town["id"]}});
    let path = format!("/api/collections/households/items/{}", id(&house));
    done(duty.write(Method::PATCH, &path, 1, assigned).await, StatusCode::OK).await;
    let zone = draw(&planner, "Tà Tổng", square(COMMUNE, 0.000_1)).await;
    let row = async || {
        let path = format!("/api/risk_zones/{}/inside", id(&zone));
        let answer = duty.read(&path).await;
        let rows = answer["households"].as_array().unwrap().clone();
        (rows.into_iter().find(|row| row["id"] == house["id"]).unwrap(), answer["time_to_clear"].clone())
    };
    let (open, clear) = row().await;
    assert_eq!(
        (&open["is_cut_off"], &open["group"], &open["needs"]),
        (&json!(false), &json!(0), &json!(["needs_carry"]))
    );
    assert!(open["travel_s"].as_i64().is_some_and(|seconds| seconds > 600), "{open}");
    assert_eq!(clear["basis"], "travel_times");
    let ([a, b], [c, d]) = (ON_ITS_ROAD, TOWN);
    let route = duty.read(&format!("/api/route?from={a},{b}&to={c},{d}")).await;
    let closure = json!({"reason": "landslide", "profiles": ["car", "truck", "motorbike"]});
    create(&duty, "road_closures", at(serde_json::from_value(route["from"]["position"].clone()).unwrap()), closure)
        .await;
    let (cut, _) = row().await;
    assert_eq!(cut["is_cut_off"], true, "{cut}");
    assert!(cut["profile"].is_null() || cut["profile"] == "foot", "{cut}");
}
