//! What is known of people goes when its time is over, and all else stays whole.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::Timestamp;
use trucban::domain::retention::{RETENTION, Retention};
use trucban::store::Store;
use trucban::store::replica::PostgresLogs;
use trucban::store::tips::{Count, Tip, TipStore};

use crate::audit_chain::trucban;
use crate::commands_tips::{run, take};
use crate::http_support::{Caller, PASSWORD, Server, done, id};
use crate::postgres_support::TestDatabase;
use crate::store_shared::until;
use crate::store_support::Folder;
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

fn holds(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|window| window == sought)
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
    server.stop().await;

    let records = server.records();
    assert_eq!(records.retain(in_years(1), Retention::Erase).await, [0, 0, 0], "its time is not over yet");
    assert_eq!(records.retain(in_years(3), Retention::Count).await, [0, 1, 0]);
    let on_disk = records.bytes();
    for name in ["Lò Thị Xưa", "Lò Thị Cũ"] {
        assert!(holds(&on_disk, name.as_bytes()), "counting erases nothing");
    }
    assert_eq!(records.retain(in_years(3), Retention::Erase).await, [0, 1, 0]);
    assert_eq!(records.retain(in_years(3), Retention::Erase).await, [0, 0, 0], "once");
    let on_disk = records.bytes();
    for name in ["Lò Thị Xưa", "Lò Thị Cũ"] {
        assert!(!holds(&on_disk, name.as_bytes()), "{name} is nowhere any more");
    }
    assert!(holds(&on_disk, "Lò Văn Nay".as_bytes()));
    let findings = records.check().await;
    assert!(findings.is_empty(), "{findings:?}");

    // A new start folds the same journal.
    let picture = trucban::picture::start(records.reader().await).await.unwrap();
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
    let applied = server.trucban_says(&["retention"]);
    assert_eq!(applied.lines().count(), RETENTION.len() + 3, "a line a rule, tips, fixes and files");
    let conn = crate::audit_chain::database(server.folder());
    conn.execute_batch(
        "UPDATE meta SET value = '7 00' WHERE key = 'head'; INSERT OR IGNORE INTO meta VALUES ('head', '7 00')",
    )
    .unwrap();
    let broken = server.trucban(&["retention"]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("audit"), "{broken:?}");
    assert_eq!(trucban(&["retention"], Path::new("/nowhere")).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_a_server_holds_is_left_alone() {
    let folder = Folder::new();
    let store = folder.open();
    let busy = trucban(&["retention"], folder.path());
    assert_eq!(busy.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&busy.stderr).contains("folder_locked"), "{busy:?}");
    store.close().await;
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All that is sealed in the folder's tips, as whoever opens the file with another program reads it.
fn sealed_boxes(folder: &Path) -> Vec<Vec<u8>> {
    let conn = rusqlite::Connection::open(folder.join("tips.db")).unwrap();
    let mut boxes = conn
        .prepare("SELECT box FROM sealed UNION SELECT for_holders FROM messages UNION SELECT box FROM intakes")
        .unwrap();
    boxes.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The file of tips and its log.
fn tips_on_disk(folder: &Path) -> Vec<u8> {
    ["tips.db", "tips.db-wal"].iter().flat_map(|name| std::fs::read(folder.join(name)).unwrap_or_default()).collect()
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
        let said = room.server.trucban_says(arguments);
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
    let on_disk = tips_on_disk(&folder);
    for gone in all.iter().filter(|one| !left.contains(one)) {
        assert!(!holds(&on_disk, &gone[..64]), "not in the file nor in its log");
        assert!(!holds(&room.server.shared(), hex(&gone[..64]).as_bytes()), "nor in what nodes share");
    }
    assert!(holds(&on_disk, &left[0][..64]), "the search finds what is there");
    let conn = rusqlite::Connection::open(folder.join("tips.db")).unwrap();
    for table in ["sealed", "messages", "follow_ups", "intakes", "unsealings"] {
        let sql = format!("SELECT count(*) FROM {table} JOIN tips ON tips.id = tip WHERE ended_month IS NOT NULL");
        assert_eq!(conn.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
    let audit = crate::audit_chain::database(&folder);
    let sql = "SELECT count(*) FROM rows WHERE kind = 'erasure' AND class = 'sealed' AND count = 1";
    assert_eq!(audit.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 1);

    let tips = room.server.tips();
    let today = trucban::domain::tip::Coarse::of(SystemClock.now()).on;
    let counts = tips.counts(today, today).unwrap();
    let states: Vec<(&str, u64)> = counts.iter().map(|Count { state, count, .. }| (state.as_str(), *count)).collect();
    assert_eq!(states, [("passed_on", 1), ("received", 1)]);
    let known = tips.tips().unwrap().into_iter().find(|tip| tip.state == "passed_on").unwrap();
    assert!(tips.unseal(known.id, "mua", PASSPHRASE).is_err());
}

#[test]
fn one_command_erases_what_is_sealed_of_a_tip_on_every_node() {
    let (database, folders) = (TestDatabase::new(), [Folder::new(), Folder::new()]);
    let url = database.url();
    let run = |arguments: &[&str], input: &str| {
        let done = run(&[arguments, &["--database", &url]].concat(), folders[0].path(), input);
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    run(&["user", "add", "mua", "--role", "tip_handler", "--password-stdin"], PASSWORD);
    run(&["tips", "key", "--holder", "mua", "--passphrase-stdin"], PASSPHRASE);
    let logs = PostgresLogs::start(database.database()).unwrap();
    let other = TipStore::open_shared(folders[1].path(), logs.tips()).unwrap();
    take(&other);
    let ended = other.tips().unwrap().remove(0);
    let end = |tip: &mut Tip| {
        tip.state = "dismissed".to_owned();
        Ok(())
    };
    other.change_tip(ended.id, ended.version, in_years(-3), end).unwrap();
    take(&other);

    let folder = |at: usize| folders[at].path();
    let sealed = || folders.each_ref().map(|folder| sealed_boxes(folder.path()));
    assert!(run(&["retention", "--dry-run"], "").contains("tips: 1 "));
    let [all, of_other] = sealed();
    assert_eq!((all.len(), &all), (2, &of_other), "the command took over what the other node has");
    let nowhere = trucban(&["retention", "--database", &url], Path::new("/nowhere"));
    assert_eq!(nowhere.status.code(), Some(2));
    let alone = trucban(&["retention"], folder(0));
    assert_eq!(alone.status.code(), Some(2), "the records are not in the folder: {alone:?}");
    assert_eq!(sealed(), [all.clone(), all.clone()], "what was refused or only counted has erased nothing");
    let shared = database.shared();
    assert!(all.iter().all(|one| holds(&shared, hex(&one[..64]).as_bytes())), "the search finds them");

    let said = run(&["retention"], "");
    assert!(said.contains("tips: 1 ") && said.contains("đã xóa / erased"), "{said}");
    let left = sealed_boxes(folder(0));
    let gone: Vec<_> = all.iter().filter(|one| !left.contains(one)).collect();
    assert_eq!((left.len(), gone.len()), (1, 1));
    assert!(!holds(&database.shared(), hex(&gone[0][..64]).as_bytes()), "not in what is shared");
    until("it is gone from the files of both", || !(0..2).any(|at| holds(&tips_on_disk(folder(at)), &gone[0][..64])));
    assert_eq!(other.tips().unwrap().len(), 2, "the tips themselves stay and count");
    assert!(run(&["retention"], "").contains("tips: 0 "), "once");
    let open = other.tips().unwrap().into_iter().find(|tip| tip.id != ended.id).unwrap();
    assert!(other.unseal(open.id, "mua", PASSPHRASE).is_ok());

    let audit = crate::audit_chain::database(folder(0));
    let erasures = "SELECT count(*), max(count) FROM rows WHERE kind = 'erasure' AND class = 'sealed'";
    let erasures: (i64, i64) = audit.query_row(erasures, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(erasures, (1, 1));
}
