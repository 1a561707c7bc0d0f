//! What is known of people goes when its time is over, and all else stays whole.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::domain::Timestamp;
use trucban::domain::retention::RETENTION;
use trucban::store::Store;
use trucban::store::gpkg::{GpkgStore, Retention, check, retain};

use crate::audit_chain::trucban;
use crate::http_support::{Caller, Server, done, id};

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
    ["trucban.gpkg", "trucban.gpkg-wal"].iter().any(|name| {
        let bytes = std::fs::read(folder.join(name)).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
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

    let records = |retained: Vec<trucban::store::gpkg::Retained>| -> Vec<u32> {
        retained.iter().map(|one| one.records).collect()
    };
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
    assert_eq!(String::from_utf8_lossy(&applied.stdout).lines().count(), RETENTION.len(), "a line a rule");
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
