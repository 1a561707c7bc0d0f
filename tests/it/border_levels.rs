//! Levels of border sectors through the front door: what is computed, two persons, an end that comes, earlier moments, who
//! may; and areas of concern, which nobody finds but those they are for.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use trucban::desk::SystemClock;
use trucban::domain::Timestamp;
use trucban::geometry::mercator::Tile;

use crate::http_support::{Caller, Server, done, id, problem, version};

const SECTOR: &str = "Ma Lù Thàng";
/// On the border line of that sector.
const BESIDE: (f64, f64) = (103.1628, 22.6027);

fn now() -> Timestamp {
    trucban::store::clock::now()
}

/// A moment that nothing happens in: what is written afterwards is recorded later.
async fn moment() -> Timestamp {
    tokio::time::sleep(Duration::from_millis(5)).await;
    let now = now();
    tokio::time::sleep(Duration::from_millis(5)).await;
    now
}

impl Caller {
    async fn board(&self, asked: &str) -> Value {
        self.read(&format!("/api/border_sectors/levels{asked}")).await
    }

    async fn sector(&self, asked: &str) -> Value {
        let board = self.board(asked).await;
        let found = board["sectors"].as_array().unwrap().iter().find(|one| one["name"] == SECTOR);
        found.unwrap_or_else(|| panic!("{SECTOR} is not on the board")).clone()
    }

    async fn try_propose(&self, sector: &str, body: Value) -> Response {
        self.post(&format!("/api/border_sectors/{sector}/assessments"), body).await
    }

    async fn proposes(&self, sector: &str, body: Value) -> Value {
        done(self.try_propose(sector, body).await, StatusCode::CREATED).await
    }

    async fn try_decide(&self, assessment: &Value, verb: &str, body: Value) -> Response {
        let path = format!("/api/sector_assessments/{}/{verb}", id(assessment));
        self.write(Method::POST, &path, version(assessment), body).await
    }

    async fn decides(&self, assessment: &Value, verb: &str, body: Value) -> Value {
        done(self.try_decide(assessment, verb, body).await, StatusCode::OK).await
    }
}

fn at_quarter(figures: &Value, figure: &str) -> Value {
    let lines = figures["figures"].as_array().unwrap();
    lines.iter().find(|line| line["id"] == figure).unwrap_or_else(|| panic!("{figure} in {figures}"))["value"].clone()
}

/// Two officers of the border guard, one of the police, and an administrator.
async fn room() -> (Server, Caller, [Caller; 3]) {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let admin = server.first_admin().await;
    let officer = |force: &str| json!({"role": "duty_officer", "force": force});
    let thao = server.account(&admin, "thao", officer("border_guard")).await;
    let binh = server.account(&admin, "binh", officer("border_guard")).await;
    let lan = server.account(&admin, "lan", officer("police")).await;
    (server, admin, [thao, binh, lan])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_is_proposed_by_one_person_agreed_by_another_and_falls_back_when_its_end_comes() {
    let (server, admin, [thao, binh, lan]) = room().await;
    let empty = thao.sector("").await;
    let sector = empty["sector_id"].as_str().unwrap().to_owned();
    assert_eq!((&empty["in_force"], &empty["waiting"], &empty["history"]), (&Value::Null, &Value::Null, &json!([])));
    assert_eq!((&empty["proposal"]["level"], &empty["may_assess"]), (&json!("low"), &json!(true)));

    // Four crossings and a find of drugs that the police keep to themselves: 4 × 1 + 4 in 14.1 km.
    for _ in 0..4 {
        thao.report("illegal_crossing", BESIDE.0, BESIDE.1).await;
    }
    let find = json!({
        "kind": "drug_crime", "place": {"lon": BESIDE.0, "lat": BESIDE.1}, "lead_force": "police",
    });
    let hidden = done(lan.post("/api/incidents", find).await, StatusCode::CREATED).await["incident"].clone();
    let computed = thao.sector("").await["proposal"].clone();
    assert_eq!(computed["windows"][0]["rows"], 5, "{computed}");
    // 8 points less four crossings would tell what the fifth is.
    let sums = |proposal: &Value| (proposal["windows"][0]["score"].clone(), proposal["windows"][0]["per_km"].clone());
    assert_eq!((sums(&computed), &computed["windows"][0]["thresholds"]), ((Value::Null, Value::Null), &json!([])));
    assert_eq!((computed["level"].as_str(), &computed["other_rows"]), (Some("high"), &json!(1)), "{computed}");
    assert_eq!(computed["rows"].as_array().unwrap().len(), 4);
    assert!(!computed.to_string().contains(id(&hidden)) && !computed.to_string().contains("drug"), "{computed}");
    let whole = lan.sector("").await["proposal"].clone();
    assert_eq!((sums(&whole), &whole["other_rows"]), ((json!(8), json!(0.567)), &json!(0)), "whoever leads it sees it");

    // Nobody assesses alone, and other forces not at all.
    let call = json!({"level": "medium", "reason": "bốn vụ qua lại trong tuần"});
    problem(lan.try_propose(&sector, call.clone()).await, 403, "forbidden").await;
    problem(admin.try_propose(&sector, call.clone()).await, 403, "forbidden").await;
    let first = thao.proposes(&sector, call.clone()).await;
    assert_eq!(first["properties"]["state"], "proposed");
    let frozen = &first["properties"]["proposal"];
    assert_eq!((&frozen["level"], &frozen["row_count"], &frozen["rows"]), (&json!("high"), &json!(5), &Value::Null));
    assert!(!first.to_string().contains(id(&hidden)), "what is frozen names no row");
    assert_eq!(sums(frozen), (Value::Null, Value::Null));
    let waiting = binh.sector("").await;
    assert_eq!((&waiting["in_force"], &waiting["waiting"]["is_own"]), (&Value::Null, &json!(false)));
    problem(thao.try_decide(&first, "agree", json!({})).await, 409, "same_person").await;
    problem(thao.try_decide(&first, "agree", json!({"told_by": "thao"})).await, 422, "invalid_value").await;
    problem(lan.try_decide(&first, "agree", json!({})).await, 403, "forbidden").await;
    let before = moment().await;
    let agreed = binh.decides(&first, "agree", json!({})).await;
    assert_eq!(
        (&agreed["properties"]["state"], &agreed["properties"]["agreed_by"]),
        (&json!("agreed"), &json!("binh"))
    );
    binh.decides(&agreed, "agree", json!({})).await;
    problem(binh.try_decide(&agreed, "refuse", json!({"reason": "thôi"})).await, 409, "forbidden_transition").await;
    problem(binh.try_decide(&first, "agree", json!({})).await, 412, "version_conflict").await;
    let medium = moment().await;

    // A refused proposal changes nothing, nor does one that another took the place of.
    let low = thao.proposes(&sector, json!({"level": "low", "reason": "yên"})).await;
    let high = thao.proposes(&sector, json!({"level": "high", "reason": "thêm vụ mới"})).await;
    problem(binh.try_decide(&low, "agree", json!({})).await, 412, "version_conflict").await;
    problem(binh.try_decide(&high, "refuse", json!({})).await, 422, "missing_field").await;
    binh.decides(&high, "refuse", json!({"reason": "chưa đủ căn cứ"})).await;
    let stands = lan.sector("").await;
    assert_eq!((&stands["in_force"]["level"], &stands["waiting"]), (&json!("medium"), &Value::Null));
    let states: Vec<&str> =
        stands["history"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["refused", "superseded", "agreed"]);

    // Critical ends, and the level before is in force again; both stand in the log.
    problem(thao.try_propose(&sector, json!({"level": "critical", "reason": "x"})).await, 422, "missing_field").await;
    let too_long = json!({"level": "critical", "reason": "x", "valid_to": now().plus_s(15 * 86_400).to_string()});
    problem(thao.try_propose(&sector, too_long).await, 422, "invalid_value").await;
    let ends = Timestamp::from_ms(now().as_ms() + 3_000);
    let call = json!({"level": "critical", "reason": "đông người qua lại", "valid_to": ends.to_string()});
    let critical = thao.proposes(&sector, call).await;
    binh.decides(&critical, "agree", json!({})).await;
    assert_eq!(thao.sector("").await["in_force"]["level"], "critical");
    let peak = moment().await;
    let quarter = trucban::domain::quarter::Quarter::of(now());
    let figures = thao.read(&format!("/api/reports/{quarter}")).await;
    assert_eq!(
        (at_quarter(&figures, "sectors_critical"), at_quarter(&figures, "sectors_medium")),
        (json!(1), json!(0))
    );
    let path = format!("/api/collections/sector_assessments/items/{}", id(&critical));
    let mut lapsed = Value::Null;
    for _ in 0..200 {
        lapsed = thao.read(&path).await;
        if lapsed["properties"]["state"] == "lapsed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        (&lapsed["properties"]["state"], &lapsed["properties"]["over_at"]),
        (&json!("lapsed"), &json!(ends.to_string()))
    );
    assert_eq!(thao.sector("").await["in_force"]["level"], "medium");
    let figures = thao.read(&format!("/api/reports/{quarter}")).await;
    assert_eq!(
        (at_quarter(&figures, "sectors_critical"), at_quarter(&figures, "sectors_medium")),
        (json!(0), json!(1))
    );
    let log = thao.read("/api/duty_log/search?kind=sector_agreed,sector_lapsed,sector_refused").await;
    let kinds: Vec<&str> =
        log["features"].as_array().unwrap().iter().map(|one| one["properties"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["sector_lapsed", "sector_agreed", "sector_refused", "sector_agreed"], "the newest first");

    // As it was known at each moment.
    for (at, level) in [(before, Value::Null), (medium, json!("medium")), (peak, json!("critical"))] {
        let then = lan.sector(&format!("?as_known_at={at}")).await;
        assert_eq!(then["in_force"]["level"], level, "{at}");
        assert_eq!(then["may_assess"], false, "nobody proposes in the past");
    }
    assert_eq!(lan.sector(&format!("?as_known_at={before}")).await["proposal"]["windows"][0]["rows"], 5);

    // By telephone: it holds for hours, and what is agreed without an end takes the place of all before.
    let high = thao.proposes(&sector, json!({"level": "high", "reason": "thêm vụ mới"})).await;
    let told = thao.decides(&high, "agree", json!({"told_by": "Trung tá Vũ Minh (bịa)"})).await;
    assert!(told["properties"]["provisional_until"].is_string());
    problem(thao.try_decide(&told, "agree", json!({})).await, 409, "same_person").await;
    let confirmed = binh.decides(&told, "agree", json!({})).await;
    assert_eq!(
        (&confirmed["properties"]["provisional_until"], &confirmed["properties"]["agreed_by"]),
        (&Value::Null, &json!("binh"))
    );
    let old = thao.read(&format!("/api/collections/sector_assessments/items/{}", id(&first))).await;
    assert_eq!(old["properties"]["state"], "superseded");
    assert_eq!(old["properties"]["held"].as_array().unwrap().len(), 2, "before and after the critical days");

    // Nonsense.
    let nowhere = "00000000-0000-7000-8000-000000000404";
    problem(thao.try_propose(nowhere, json!({"level": "low", "reason": "x"})).await, 404, "not_found").await;
    for (body, code) in [
        (json!({"reason": "x"}), "missing_field"),
        (json!({"level": "low"}), "missing_field"),
        (json!({"level": "low", "reason": "  "}), "missing_field"),
        (json!({"level": "huge", "reason": "x"}), "invalid_value"),
        (json!({"level": "low", "reason": "x".repeat(1_001)}), "limit_exceeded"),
        (json!({"level": "low", "reason": "x", "valid_to": "2020-01-01T00:00:00Z"}), "invalid_value"),
        (json!({"level": "low", "reason": "x", "person": "A"}), "unknown_field"),
    ] {
        problem(thao.try_propose(&sector, body).await, 422, code).await;
    }
    let by_hand = json!({"geometry": null, "properties": {"level": "low"}});
    problem(thao.post("/api/collections/sector_assessments/items", by_hand).await, 405, "method_not_allowed").await;
    let observer = server.account(&admin, "khach", json!({"role": "observer"})).await;
    assert_eq!(observer.board("").await["sectors"], json!([]), "whoever reads no incidents is told no sums of them");
}

fn area(name: &str, rest: &Value) -> Value {
    let (lon, lat) = BESIDE;
    let ring = [[lon, lat], [lon + 0.02, lat], [lon + 0.02, lat + 0.02], [lon, lat + 0.02], [lon, lat]];
    let ends = now().plus_s(30 * 86_400).to_string();
    let mut all = json!({"name": name, "kind": "crossing_place", "reason": "lối mòn CONCERNREASON", "valid_to": ends});
    all.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": all})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_area_of_concern_is_found_by_those_it_is_for_and_nowhere_by_anybody_else() {
    const ITEMS: &str = "/api/collections/areas_of_concern/items";
    let (server, admin, [thao, binh, lan]) = room().await;
    let made = done(thao.post(ITEMS, area("CONCERNNAME", &json!({}))).await, StatusCode::CREATED).await;
    let properties = &made["properties"];
    assert_eq!((&properties["force"], &properties["decided_by"]), (&json!("border_guard"), &json!("thao")));
    assert_eq!(properties["sensitivity"], "restricted");
    let shared = area("CONCERNSHARED", &json!({"shared_forces": ["police"]}));
    let shared = done(thao.post(ITEMS, shared).await, StatusCode::CREATED).await;

    let account = async |name: &str, fields: Value| server.account(&admin, name, fields).await;
    let chief = account("truong", json!({"role": "commander"})).await;
    let others = [
        ("joint", account("chung", json!({"role": "duty_officer"})).await),
        ("military", account("quan", json!({"role": "commander", "force": "military"})).await),
        ("authority", account("xa", json!({"role": "local_authority", "force": "civil"})).await),
        ("observer", account("khach", json!({"role": "observer"})).await),
        ("handler", account("tin", json!({"role": "tip_handler"})).await),
        ("admin", admin.clone()),
    ];
    let names = async |caller: &Caller| -> Vec<String> {
        let page = caller.read(&format!("{ITEMS}?ended=true")).await;
        let mut names: Vec<String> = (page["features"].as_array().unwrap().iter())
            .map(|one| one["properties"]["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&binh).await, ["CONCERNNAME", "CONCERNSHARED"]);
    assert_eq!(names(&chief).await, ["CONCERNNAME", "CONCERNSHARED"]);
    assert_eq!(names(&lan).await, ["CONCERNSHARED"]);

    let (lon, lat) = BESIDE;
    let mut asked = vec![
        ITEMS.to_owned(),
        format!("{ITEMS}/{}", id(&made)),
        format!("{ITEMS}?bbox={},{},{},{}", lon - 1.0, lat - 1.0, lon + 1.0, lat + 1.0),
        format!("{ITEMS}?as_known_at={}", moment().await),
        "/api/collections/areas_of_concern".to_owned(),
        format!("/api/nearby?lon={lon}&lat={lat}&radius_m=5000&limit=10&collections=areas_of_concern"),
        "/api/search?q=concernname".to_owned(),
        "/api/duty_log/search".to_owned(),
        "/api/handover".to_owned(),
        "/api/border_sectors/levels".to_owned(),
    ];
    for zoom in [8, 14] {
        let tile = Tile::at(zoom, lon + 0.01, lat + 0.01).unwrap();
        asked.push(format!("/tiles/areas_of_concern/{zoom}/{}/{}", tile.x(), tile.y()));
    }
    let finds = async |caller: &Caller| {
        let mut found = Vec::new();
        for path in &asked {
            let body = caller.get(path).await.bytes().await.unwrap();
            let text = String::from_utf8_lossy(&body).into_owned();
            // A refusal names what was asked for.
            let marks = ["CONCERN", id(&made), id(&shared)].into_iter().filter(|mark| !path.contains(mark));
            if marks.into_iter().any(|mark| text.contains(mark)) {
                found.push(path.clone());
            }
        }
        let around = json!({"geometry": area("", &json!({}))["geometry"]});
        let exposed = caller.post("/api/exposure", around).await.text().await.unwrap();
        if exposed.contains("CONCERN") || exposed.contains("concern") {
            found.push("exposure".to_owned());
        }
        found
    };
    assert!(finds(&binh).await.len() >= 6, "the marks are found where they may be");
    for (who, caller) in &others {
        assert_eq!(finds(caller).await, [""; 0], "{who}");
        let collection = caller.get("/api/collections/areas_of_concern").await.text().await.unwrap();
        assert!(!collection.contains("103.1"), "{who} learns where they lie: {collection}");
        let hidden = caller.write(Method::PATCH, &format!("{ITEMS}/{}", id(&made)), 1, json!({"properties": {}})).await;
        assert!([403, 404].contains(&hidden.status().as_u16()), "{who}");
    }

    // Its own force changes and ends it; who is let see it does not.
    let path = format!("{ITEMS}/{}", id(&shared));
    problem(lan.write(Method::PATCH, &path, 1, json!({"properties": {"name": "khác"}})).await, 403, "forbidden").await;
    problem(lan.write(Method::DELETE, &path, 1, json!({})).await, 403, "forbidden").await;
    let later = json!({"properties": {"shared_forces": null}});
    let edited = done(binh.write(Method::PATCH, &path, 1, later).await, StatusCode::OK).await;
    assert_eq!(names(&lan).await, [""; 0], "it is taken back at once");
    done(binh.write(Method::DELETE, &path, version(&edited), json!({})).await, StatusCode::OK).await;
    let listed = binh.read(ITEMS).await;
    assert_eq!(listed["features"].as_array().unwrap().len(), 1);

    // Nonsense, and links to people that it has no field for.
    for (rest, code) in [
        (json!({"valid_to": null}), "missing_field"),
        (json!({"valid_to": now().plus_s(400 * 86_400).to_string()}), "invalid_value"),
        (json!({"valid_to": "2020-01-01T00:00:00Z"}), "invalid_value"),
        (json!({"kind": "family"}), "invalid_value"),
        (json!({"force": "police"}), "field_not_settable"),
        (json!({"household_id": id(&made)}), "unknown_field"),
        (json!({"extra": {"a": 1}}), "unknown_field"),
    ] {
        problem(thao.post(ITEMS, area("x", &rest)).await, 422, code).await;
    }
    let point = json!({"geometry": {"type": "Point", "coordinates": [lon, lat]}, "properties": area("x", &json!({}))["properties"]});
    problem(thao.post(ITEMS, point).await, 422, "invalid_geometry").await;
    problem(admin.post(ITEMS, area("x", &json!({}))).await, 403, "forbidden").await;
    let file = json!({"type": "FeatureCollection", "features": [area("FROMFILE", &json!({}))]}).to_string();
    let import = admin.ask(Method::POST, "/api/imports?collection=areas_of_concern&name=a.geojson");
    let import = import.header("content-type", "application/octet-stream").body(file).send().await.unwrap();
    let answer = import.text().await.unwrap();
    assert!(answer.contains("method_not_allowed"), "{answer}");
    assert_eq!(names(&binh).await, ["CONCERNNAME", "CONCERNSHARED"]);
}
