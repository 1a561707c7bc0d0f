//! Who looked at what: the rows that reading leaves, the chain they stand in, and what finds a change to it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::geometry::mercator::Tile;
use trucban::store::audit::{Audit, verify};
use uuid::Uuid;

use crate::audit_chain::{database, event};
use crate::http_support::{Caller, Server, done, id, problem};

/// One row of `rows`: actor, kind, collection, count, ids, place.
#[derive(Debug, PartialEq)]
struct Line {
    actor: String,
    kind: String,
    collection: Option<String>,
    count: i64,
    ids: Vec<Uuid>,
    place: String,
}

/// The rows of the chain after `seq`, all that was queued included.
fn lines(server: &Server, seq: i64) -> Vec<Line> {
    server.audit.flush().unwrap();
    let conn = database(server.folder());
    let sql = "SELECT actor, kind, collection, count, ids, place FROM rows WHERE seq > ?1 ORDER BY seq";
    let mut statement = conn.prepare(sql).unwrap();
    let rows = statement.query_map([seq], |row| {
        let ids: Vec<u8> = row.get(4)?;
        Ok(Line {
            actor: row.get(0)?,
            kind: row.get(1)?,
            collection: row.get(2)?,
            count: row.get(3)?,
            ids: ids.chunks(16).map(|id| Uuid::from_slice(id).unwrap()).collect(),
            place: row.get(5)?,
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn last_seq(folder: &Path) -> i64 {
    database(folder).query_row("SELECT coalesce(max(seq), 0) FROM rows", (), |row| row.get(0)).unwrap()
}

/// What `ask` leaves in the audit.
async fn left_by<F: Future<Output = T>, T>(server: &Server, ask: F) -> (T, Vec<Line>) {
    server.audit.flush().unwrap();
    let before = last_seq(server.folder());
    let answer = ask.await;
    (answer, lines(server, before))
}

fn ids_of(features: &Value) -> Vec<Uuid> {
    features["features"].as_array().unwrap().iter().map(|feature| id(feature).parse().unwrap()).collect()
}

/// The one row that an answer about households left, its ids in the order of ids.
fn only(mut lines: Vec<Line>) -> Line {
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let mut line = lines.remove(0);
    assert_eq!((line.kind.as_str(), line.collection.as_deref()), ("read", Some("households")), "{line:?}");
    line.ids.sort_unstable();
    line
}

fn sorted(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    ids.sort_unstable();
    ids
}

/// Somewhere among the demo's households, and one of them.
async fn a_household(officer: &Caller) -> Value {
    officer.read("/api/collections/households/items?limit=1").await["features"][0].clone()
}

fn lon_lat(feature: &Value) -> (f64, f64) {
    let at = &feature["geometry"]["coordinates"];
    (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
}

/// A square of so many degrees around a place.
fn square(lon: f64, lat: f64, half: f64) -> Value {
    let (w, s, e, n) = (lon - half, lat - half, lon + half, lat + half);
    json!({"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]})
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_with_households_leaves_one_row_with_their_ids() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let house = a_household(&officer).await;
    let (lon, lat) = lon_lat(&house);
    let own: Uuid = id(&house).parse().unwrap();

    let lists = [
        format!("/api/nearby?lon={lon}&lat={lat}&limit=7&collections=households,shelters"),
        "/api/collections/households/items?limit=5&offset=3".to_owned(),
        format!("/api/collections/households/items?bbox={},{},{},{}", lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01),
        format!(
            "/api/within?admin_unit={}&collections=households",
            house["properties"]["admin_unit"].as_str().unwrap()
        ),
    ];
    for path in &lists {
        let (found, left) = left_by(&server, officer.read(path)).await;
        let mut ids = ids_of(&found);
        if path.contains("shelters") {
            let features = found["features"].as_array().unwrap();
            ids = features
                .iter()
                .filter(|feature| feature["collection"] == "households")
                .map(|feature| id(feature).parse().unwrap())
                .collect();
        }
        assert!(!ids.is_empty(), "{path}");
        let row = only(left);
        assert_eq!(
            (row.actor.as_str(), row.count as usize, &row.ids),
            ("duty_officer", ids.len(), &sorted(ids)),
            "{path}"
        );
        assert_eq!(row.place, format!("GET {}", path.split('?').next().unwrap()), "no query in a row");
    }

    let (_, left) = left_by(&server, officer.read(&format!("/api/collections/households/items/{own}"))).await;
    assert_eq!(only(left).ids, [own]);

    let call = json!({"geometry": square(lon, lat, 0.02)});
    let (counted, left) = left_by(&server, officer.post("/api/exposure", call)).await;
    let counted = done(counted, StatusCode::OK).await;
    let ids: Vec<Uuid> = serde_json::from_value(counted["ids"]["households"].clone()).unwrap();
    let row = only(left);
    assert_eq!((row.ids, row.place.as_str()), (sorted(ids), "POST /api/exposure"));

    let code = house["properties"]["code"].as_str().unwrap();
    let (hits, left) = left_by(&server, officer.read(&format!("/api/search?q={code}"))).await;
    assert_eq!(hits["hits"][0]["id"], house["id"]);
    assert!(only(left).ids.contains(&own));

    let tile = Tile::at(14, lon, lat).unwrap();
    let path = format!("/tiles/households/14/{}/{}", tile.x(), tile.y());
    for turn in ["drawn", "from the cache"] {
        let (answer, left) = left_by(&server, officer.get(&path)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let row = only(left);
        assert!(row.count > 0 && row.ids.is_empty() && row.place == format!("GET {path}"), "{turn}: {row:?}");
        let tag = answer.headers()["etag"].clone();
        let (again, left) = left_by(&server, officer.ask(Method::GET, &path).header("if-none-match", tag).send()).await;
        assert_eq!((again.unwrap().status(), left), (StatusCode::NOT_MODIFIED, Vec::new()), "{turn}");
    }

    let hidden = "/api/collections/households/items?member_count=4&limit=1&offset=100000";
    let (page, left) = left_by(&server, officer.read(hidden)).await;
    assert_eq!(ids_of(&page), [] as [Uuid; 0]);
    assert_eq!(only(left).count, page["numberMatched"].as_i64().unwrap(), "a count is told of too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_of_households_and_units_is_told_when_it_opens() {
    let server = Server::demo().await;
    let open = |name: &str| server.actor(name).ask(Method::GET, "/api/feed?bbox=102,22,103,23").send();
    let (feed, left) = left_by(&server, open("planner")).await;
    assert_eq!(feed.unwrap().status(), StatusCode::OK);
    let told: Vec<_> = left.iter().map(|l| (l.actor.as_str(), l.collection.as_deref(), l.place.as_str())).collect();
    let place = "GET /api/feed bbox=102,22,103,23";
    assert_eq!(told, [("planner", Some("units"), place), ("planner", Some("households"), place)]);
    let (_, left) = left_by(&server, open("admin")).await;
    assert_eq!(
        left.iter().map(|l| l.collection.as_deref()).collect::<Vec<_>>(),
        [Some("units")],
        "communes are no row"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_sees_communes_alone_leaves_no_row() {
    let server = Server::demo().await;
    let (officer, stranger) = (server.actor("duty_officer"), server.actor("admin"));
    let house = a_household(&officer).await;
    let (lon, lat) = lon_lat(&house);
    let ask = async {
        let near =
            stranger.read(&format!("/api/nearby?lon={lon}&lat={lat}&collections=households,shelters,contacts")).await;
        assert!(!ids_of(&near).is_empty());
        let page = stranger.read("/api/collections/households/items?member_count=4").await;
        assert!(!page.to_string().contains(id(&house)));
        stranger.post("/api/exposure", json!({"geometry": square(lon, lat, 0.02)})).await;
        let tile = Tile::at(11, lon, lat).unwrap();
        stranger.get(&format!("/tiles/households/11/{}/{}", tile.x(), tile.y())).await;
        stranger.read("/api/search?q=HD-0").await;
    };
    let ((), left) = left_by(&server, ask).await;
    assert_eq!(left, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_incidents_are_personal_and_units_are_counted_by_the_minute() {
    let mut server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let reported = officer.report("flood", 103.1, 22.4).await;
    let caller = json!({"phone": "0912 000 111", "name": "Người báo"});
    done(officer.post(&format!("/api/incidents/{}/callers", id(&reported)), caller).await, StatusCode::OK).await;
    let path = format!("/api/collections/incidents/items/{}", id(&reported));
    let (_, left) = left_by(&server, officer.read(&path)).await;
    assert_eq!((left.len(), left[0].collection.as_deref()), (1, Some("incidents")), "{left:?}");
    let (seen, left) = left_by(&server, server.actor("planner").read(&path)).await;
    assert!(!seen.to_string().contains("0912") && left.is_empty(), "{left:?}");

    let records = |server: &Server| -> i64 {
        server.audit.flush().unwrap();
        let sql = "SELECT coalesce(sum(n), 0) FROM (SELECT records AS n FROM minutes WHERE actor = 'duty_officer'
             UNION ALL SELECT count FROM rows WHERE actor = 'duty_officer' AND class = 'restricted')";
        database(server.folder()).query_row(sql, (), |row| row.get(0)).unwrap()
    };
    let before = records(&server);
    for _ in 0..5 {
        officer.read("/api/collections/units/items?limit=3").await;
    }
    assert_eq!(records(&server) - before, 15, "durable before their minute is over");
    let sum = records(&server);
    server.stop().await;
    // As if the minute had passed while the server was down.
    database(server.folder()).execute("UPDATE minutes SET minute_ms = 0", ()).unwrap();
    let audit = Audit::open(server.folder()).unwrap();
    let closed = || -> (i64, i64) {
        let sql = "SELECT count(*), sum(count) FROM rows WHERE class = 'restricted' AND actor = 'duty_officer'";
        database(server.folder()).query_row(sql, (), |row| Ok((row.get(0)?, row.get(1).unwrap_or(0)))).unwrap()
    };
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while closed().1 < sum && std::time::Instant::now() < patience {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(closed(), (1, sum));
    drop(audit);
    assert_eq!(verify(server.folder()).unwrap().fault, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_shows_nothing_personal_and_goes_on_with_the_rest() {
    let server = Server::demo_with_audit_queue(3).await;
    let (officer, stranger) = (server.actor("duty_officer"), server.actor("admin"));
    let path = "/api/collections/households/items?limit=2";
    server.audit.flush().unwrap();
    let conn = database(server.folder());
    // Another process holds the file, as a disk that stands still would.
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut shown = 0;
    let refused = loop {
        let answer = officer.get(path).await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
        shown += 1;
        assert!(shown <= 3, "more was shown than there is room for");
    };
    assert_eq!((shown, refused.headers()["retry-after"].to_str().unwrap()), (3, "1"));
    problem(refused, 503, "too_busy").await;
    problem(officer.get("/api/feed").await, 503, "too_busy").await;
    stranger.read(path).await;
    stranger.read("/api/collections/units/items?limit=2").await;
    let reported = officer.report("flood", 103.1, 22.4).await;
    assert!(reported["id"].is_string(), "a report is taken whatever the audit does");
    conn.execute_batch("ROLLBACK").unwrap();
    let households = lines(&server, 0).into_iter().filter(|line| line.collection.as_deref() == Some("households"));
    assert_eq!(households.count(), shown);
    officer.read(path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_for_commanders_and_administrators_and_tells_of_its_readers() {
    let server = Server::demo().await;
    let (officer, admin) = (server.actor("duty_officer"), server.actor("admin"));
    for _ in 0..3 {
        officer.read("/api/collections/households/items?limit=2").await;
    }
    server.actor("planner").read("/api/collections/households/items?limit=1").await;
    server.audit.flush().unwrap();
    problem(officer.get("/api/audit").await, 403, "forbidden").await;
    problem(server.anybody().get("/api/audit").await, 401, "sign_in_required").await;
    problem(admin.get("/api/audit?from=yesterday").await, 400, "invalid_parameter").await;
    problem(admin.get("/api/audit?collection=people").await, 404, "unknown_collection").await;

    let page = admin.read("/api/audit?actor=duty_officer&collection=households&limit=2").await;
    let rows = page["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["kind"], &rows[0]["role"]), (2, &json!("read"), &json!("duty_officer")));
    assert_eq!(rows[0]["ids"].as_array().unwrap().len(), 2);
    let path = format!("/api/audit?actor=duty_officer&collection=households&limit=2&before={}", page["next_before"]);
    let rest = admin.read(&path).await;
    assert_eq!((rest["rows"].as_array().unwrap().len(), &rest["next_before"]), (1, &Value::Null));
    let at = rows[0]["at"].as_str().unwrap().replace('+', "%2B");
    assert_eq!(admin.read(&format!("/api/audit?to={at}&actor=planner")).await["rows"], json!([]));

    let seen = rows[1]["ids"][0].as_str().unwrap();
    let naming = admin.read(&format!("/api/audit?record={seen}&actor=duty_officer")).await;
    assert_eq!(naming["rows"].as_array().unwrap().len(), 3, "each of the three lists named it");
    assert_eq!(admin.read(&format!("/api/audit?record={}", Uuid::now_v7())).await["rows"], json!([]));
    assert_eq!(admin.read("/api/audit?kind=bulk_read").await["rows"], json!([]));
    problem(admin.get("/api/audit?kind=glance").await, 400, "invalid_parameter").await;

    let (_, left) = left_by(&server, admin.read("/api/audit?limit=1")).await;
    assert_eq!((left.len(), left[0].kind.as_str(), left[0].actor.as_str()), (1, "audit_read", "admin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_and_an_export_beside_the_server_go_on_in_one_chain() {
    let mut server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let file = server.folder().join("out.csv");
    officer.read("/api/collections/households/items?limit=2").await;
    let arguments = ["export", "--collection", "households", "--as", "planner", "--output", file.to_str().unwrap()];
    let exported = server.trucban(&arguments);
    assert!(exported.status.success(), "{exported:?}");
    officer.read("/api/collections/households/items?limit=2").await;
    let left = lines(&server, 0);
    let told: Vec<(&str, &str)> = left.iter().map(|line| (line.kind.as_str(), line.actor.as_str())).collect();
    assert_eq!(told, [("read", "duty_officer"), ("export", "export"), ("read", "duty_officer")]);
    let records = csv::Reader::from_path(&file).unwrap().records().count();
    assert_eq!((left[1].count as usize, left[1].collection.as_deref()), (records, Some("households")));
    server.stop().await;
    let audit = Audit::open(server.folder()).unwrap();
    audit.event(event(1, Vec::new())).unwrap();
    audit.close();
    let walked = verify(server.folder()).unwrap();
    assert!(walked.fault.is_none() && walked.rows >= 4, "{walked:?}");
    let mode = std::fs::metadata(server.folder().join("audit.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn coming_in_and_going_out_is_told() {
    let server = Server::demo().await;
    let client = reqwest::Client::new();
    let session = format!("{}/api/session", server.base);
    let (entered, left) = left_by(&server, client.post(&session).json(&json!({"actor": "planner"})).send()).await;
    let cookie = entered.unwrap().headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let told = |left: &[Line]| -> Vec<(String, String)> {
        left.iter().map(|line| (line.kind.clone(), line.actor.clone())).collect()
    };
    assert_eq!(told(&left), [("sign_in".to_owned(), "planner".to_owned())]);
    let leave = client.delete(&session).header("cookie", cookie).header("sec-fetch-site", "same-origin").send();
    let (left_page, left) = left_by(&server, leave).await;
    assert_eq!(left_page.unwrap().status(), StatusCode::OK);
    assert_eq!(told(&left), [("sign_out".to_owned(), "planner".to_owned())]);
    let (refused, left) = left_by(&server, client.post(&session).json(&json!({"actor": "nobody"})).send()).await;
    assert_eq!((refused.unwrap().status(), left), (StatusCode::UNPROCESSABLE_ENTITY, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_who_may_see_what_leaves_a_row_of_its_own() {
    let server = Server::with_accounts(std::sync::Arc::new(trucban::desk::SystemClock)).await;
    let admin = server.first_admin().await;
    let kind_and_place = |lines: &[Line]| -> Vec<(String, String, String)> {
        lines.iter().map(|line| (line.actor.clone(), line.kind.clone(), line.place.clone())).collect()
    };
    let row = |actor: &str, kind: &str, place: &str| (actor.to_owned(), kind.to_owned(), place.to_owned());

    let fields = json!({"role": "duty_officer", "force": "police"});
    let (officer, left) = left_by(&server, server.account(&admin, "an", fields)).await;
    let left = kind_and_place(&left);
    assert!(left.contains(&row("chief", "account", "POST /api/accounts an")), "{left:?}");
    assert!(left.contains(&row("an", "sign_in", "POST /api/session")), "{left:?}");

    let body = json!({"name": "an", "password": "not the password at all"});
    let (denied, left) = left_by(&server, server.anybody().post("/api/session", body)).await;
    assert_eq!(denied.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(kind_and_place(&left), [row("an", "denied", "POST /api/session")]);

    let later = trucban::desk::Clock::now(&trucban::desk::SystemClock).plus_s(3_600).to_string();
    let grant = json!({
        "to_force": "military", "collection": "units", "fields": ["name"], "reason": "tìm người mất tích", "valid_to": later,
    });
    let (made, left) = left_by(&server, officer.post("/api/grants", grant)).await;
    let made = done(made, StatusCode::CREATED).await;
    let grant_id = made["id"].as_str().unwrap();
    assert_eq!(kind_and_place(&left), [row("an", "grant", &format!("POST /api/grants {grant_id}"))]);
    assert_eq!(purposes(&server, "grant"), ["tìm người mất tích"]);

    let communes = officer.read("/api/collections/admin_units/items?limit=1&kind=commune").await;
    let commune = communes["features"][0]["properties"]["code"].clone();
    let emergency = json!({
        "collection": "households", "area": {"parts": {"communes": [commune]}}, "purpose": "sạt lở, tìm người còn kẹt",
    });
    let (opened, left) = left_by(&server, officer.post("/api/break-glass", emergency)).await;
    assert_eq!(opened.status(), StatusCode::CREATED);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(purposes(&server, "break_glass"), ["sạt lở, tìm người còn kẹt"]);

    let (_, left) = left_by(&server, officer.ask(Method::DELETE, &format!("/api/grants/{grant_id}")).send()).await;
    assert_eq!(kind_and_place(&left), [row("an", "grant", &format!("DELETE /api/grants/{grant_id}"))]);

    let before = last_seq(server.folder());
    server.trucban_says(&["user", "disable", "an"]);
    let left = kind_and_place(&lines(&server, before));
    assert_eq!(left, [row("system", "account", "trucban user disable an")]);
}

/// Why, of the rows of this kind.
fn purposes(server: &Server, kind: &str) -> Vec<String> {
    let conn = database(server.folder());
    let mut statement = conn.prepare("SELECT purpose FROM rows WHERE kind = ?1 ORDER BY seq").unwrap();
    statement.query_map([kind], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_no_accounts_reading_names_nobody_and_leaves_no_row() {
    let server = Server::real().await;
    let holder = server.anybody();
    let house = json!({"geometry": {"type": "Point", "coordinates": [103.2, 22.4]}, "properties": {"member_count": 4}});
    done(holder.post("/api/collections/households/items", house).await, StatusCode::CREATED).await;
    let (read, left) = left_by(&server, holder.read("/api/collections/households/items")).await;
    assert_eq!((read["numberReturned"].as_u64(), left), (Some(1), Vec::new()));
}
