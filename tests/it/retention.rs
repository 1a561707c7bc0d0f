//! What is known of people goes when its time is over, and all else stays whole.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::Timestamp;
use trucban::domain::retention::{RETENTION, Retention};
use trucban::store::Store;
use trucban::store::gpkg::{GpkgStore, check, retain};
use trucban::store::tips::{Count, TipStore};

use crate::audit_chain::trucban;
use crate::http_support::{Caller, Server, done, id};
use crate::tips_support::{COMMUNE, PASSPHRASE, Room, way_back};

const YEAR_MS: i64 = 366 * 86_400_000;

fn in_years(years: i64) -> Timestamp {
    Timestamp::from_ms(jiff::Timestamp::now().as_millisecond() + years * YEAR_MS)
}

async fn household(admin: &Caller, head: &str) -> Value {
    let feature = json!({
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [103.1, 22.4]},
        "properties": {"member_count": 4, "head_name": head, "phone": "0912 000 333"},
    });
    done(admin.post("/api/collections/households/items", feature).await, StatusCode::CREATED).await
}

/// Whether the text stands anywhere in the files of the store.
fn holds(folder: &Path, text: &str) -> bool {
    holds_bytes(folder, "trucban.gpkg", text.as_bytes())
}

/// Whether the bytes stand anywhere in this database or its log.
fn holds_bytes(folder: &Path, name: &str, sought: &[u8]) -> bool {
    [name.to_owned(), format!("{name}-wal")].iter().any(|name| {
        let bytes = std::fs::read(folder.join(name)).unwrap_or_default();
        bytes.windows(sought.len()).any(|window| window == sought)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn names_go_when_their_time_is_over_and_nothing_else_does() {
    let mut server = Server::real().await;
    let admin = server.anybody();
    let (gone, stays) = (household(&admin, "Lò Thị Xưa").await, household(&admin, "Lò Văn Nay").await);
    let path = format!("/api/collections/households/items/{}", id(&gone));
    // A former version of the name is erased with the present one.
    let renamed = admin.ask(Method::PATCH, &path).header("if-match", "\"1\"");
    done(renamed.json(&json!({"properties": {"head_name": "Lò Thị Cũ"}})).send().await.unwrap(), StatusCode::OK).await;
    let ended = admin.ask(Method::DELETE, &path).header("if-match", "\"2\"").send().await.unwrap();
    assert!(ended.status().is_success(), "{ended:?}");
    let folder = server.folder().to_owned();
    let busy = trucban(&["retention"], &folder);
    assert_eq!(busy.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&busy.stderr).contains("folder_locked"), "{busy:?}");
    server.stop().await;

    let records =
        |retained: Vec<trucban::store::Retained>| -> Vec<u32> { retained.iter().map(|one| one.records).collect() };
    let apply = |years: i64, how: Retention| records(retain(&folder, &RETENTION, in_years(years), how).unwrap());
    assert_eq!(apply(1, Retention::Erase), [0, 0, 0], "its time is not over yet");
    assert_eq!(apply(3, Retention::Count), [0, 1, 0]);
    assert!(holds(&folder, "Lò Thị Xưa") && holds(&folder, "Lò Thị Cũ"), "counting erases nothing");
    assert_eq!(apply(3, Retention::Erase), [0, 1, 0]);
    assert_eq!(apply(3, Retention::Erase), [0, 0, 0], "once");
    assert!(!holds(&folder, "Lò Thị Xưa") && !holds(&folder, "Lò Thị Cũ"), "not in the file nor in its log");
    assert!(holds(&folder, "Lò Văn Nay"));
    let findings = check(&folder).unwrap();
    assert!(findings.is_empty(), "{findings:?}");

    // A new start folds the same journal.
    let store: std::sync::Arc<dyn Store> = GpkgStore::open_read(&folder).unwrap();
    let picture = trucban::picture::start(store).await.unwrap();
    let view = picture.view(&trucban::domain::Actor::system(), in_years(0));
    let item = |feature: &Value| view.item(trucban::domain::Collection::Households, id(feature).parse().unwrap());
    let (was, is) = (item(&gone).unwrap(), item(&stays).unwrap());
    assert_eq!((was.number("member_count"), was.text("head_name")), (Some(4.0), None));
    assert_eq!(is.text("head_name").as_deref(), Some("Lò Văn Nay"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_tells_what_it_did_and_fails_where_something_is_not_whole() {
    let mut server = Server::demo().await;
    server.actor("planner").read("/api/collections/households/items?limit=2").await;
    server.stop().await;
    let folder = server.folder().to_owned();
    let applied = trucban(&["retention"], &folder);
    assert!(applied.status.success(), "{applied:?}");
    assert_eq!(
        String::from_utf8_lossy(&applied.stdout).lines().count(),
        RETENTION.len() + 2,
        "a line a rule, tips and fixes"
    );
    let conn = crate::audit_chain::database(&folder);
    conn.execute_batch(
        "UPDATE meta SET value = '7 00' WHERE key = 'head'; INSERT OR IGNORE INTO meta VALUES ('head', '7 00')",
    )
    .unwrap();
    let broken = trucban(&["retention"], &folder);
    assert_eq!(broken.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("audit"), "{broken:?}");
    assert_eq!(trucban(&["retention"], Path::new("/nowhere")).status.code(), Some(2));
}

/// All that is sealed in the folder's tips, as whoever opens the file with another program reads it.
fn sealed_boxes(folder: &Path) -> Vec<Vec<u8>> {
    let conn = rusqlite::Connection::open(folder.join("tips.db")).unwrap();
    let mut boxes = conn
        .prepare("SELECT box FROM sealed UNION SELECT for_holders FROM messages UNION SELECT box FROM intakes")
        .unwrap();
    boxes.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gave_a_tip_is_erased_from_the_file_and_the_tip_still_counts() {
    let mut room = Room::open(Server::with_accounts(std::sync::Arc::new(SystemClock)).await).await;
    let key = "0192f0c1-0000-7000-8000-0000000000c1";
    let call = room.officer.ask(Method::POST, "/api/tip").header("idempotency-key", key);
    let body = json!({"text": "xe lạ đỗ cạnh mốc", "name": "Giàng A Páo", "commune_code": COMMUNE});
    let taken = done(call.json(&body).send().await.unwrap(), StatusCode::CREATED).await;
    let again = way_back(&taken, &json!({"text": "xe đi rồi"}));
    done(room.officer.post("/api/tip/follow-up", again).await, StatusCode::OK).await;
    let tip = room.only().await;
    done(room.change(&tip, json!({"state": "passed_on"})).await, StatusCode::OK).await;
    room.take(json!({"text": "tin còn mở", "name": "Lò Thị Nay"})).await;
    let folder = room.server.folder().to_owned();
    room.server.stop().await;
    let all = sealed_boxes(&folder);
    assert_eq!(all.len(), 4, "two tips, a message, what a repeated call is answered");

    let said = |arguments: &[&str]| -> String {
        let done = trucban(arguments, &folder);
        assert!(done.status.success(), "{done:?}");
        let said = String::from_utf8(done.stdout).unwrap();
        said.lines().find(|line| line.starts_with("tips: ")).unwrap().to_owned()
    };
    assert!(said(&["retention"]).starts_with("tips: 0 "), "it has only just ended");
    let conn = rusqlite::Connection::open(folder.join("tips.db")).unwrap();
    conn.execute("UPDATE tips SET ended_month = '2020-01' WHERE ended_month IS NOT NULL", []).unwrap();
    drop(conn);
    let counted = said(&["retention", "--dry-run"]);
    assert!(counted.starts_with("tips: 1 ") && counted.contains(" 2 sẽ xóa / would be erased"), "{counted}");
    assert_eq!(sealed_boxes(&folder), all, "a dry run erases nothing");
    let erased = said(&["retention"]);
    assert!(erased.starts_with("tips: 1 ") && erased.contains(" 2 đã xóa / erased"), "{erased}");

    let left = sealed_boxes(&folder);
    assert_eq!(left.len(), 1, "that of the tip which is open");
    for gone in all.iter().filter(|one| !left.contains(one)) {
        assert!(!holds_bytes(&folder, "tips.db", &gone[..64]), "not in the file nor in its log");
    }
    assert!(holds_bytes(&folder, "tips.db", &left[0][..64]), "the search finds what is there");
    let conn = rusqlite::Connection::open(folder.join("tips.db")).unwrap();
    for table in ["sealed", "messages", "follow_ups", "intakes", "unsealings"] {
        let sql = format!("SELECT count(*) FROM {table} JOIN tips ON tips.id = tip WHERE ended_month IS NOT NULL");
        assert_eq!(conn.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
    let audit = crate::audit_chain::database(&folder);
    let sql = "SELECT count(*) FROM rows WHERE kind = 'erasure' AND class = 'sealed' AND count = 1";
    assert_eq!(audit.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 1);

    let tips = TipStore::open(&folder).unwrap();
    let today = trucban::domain::tip::Coarse::of(SystemClock.now()).on;
    let counts = tips.counts(today, today).unwrap();
    let states: Vec<(&str, u64)> = counts.iter().map(|Count { state, count, .. }| (state.as_str(), *count)).collect();
    assert_eq!(states, [("passed_on", 1), ("received", 1)]);
    let known = tips.tips().unwrap().into_iter().find(|tip| tip.state == "passed_on").unwrap();
    assert!(tips.unseal(known.id, "mua", PASSPHRASE).is_err());
}
