//! `trucban restore --at TIME`: exactly what stood there at a moment, of either store and into either.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use trucban::domain::{Collection, Fix, Timestamp};
use trucban::store::copy::{Cut, Location, restore};
use trucban::store::gpkg::GpkgStore;
use trucban::store::postgis::PgStore;
use trucban::store::{Store, StoreError};
use uuid::Uuid;

use crate::postgres_support::TestDatabase;
use crate::store_copy::exports;
use crate::store_support::{Folder, call, expecting, fix, household, keyed, object, put, put_one};

/// What a store shows: every export, and the newest fix of each unit with its seq.
type Sight = (Vec<Vec<u8>>, Vec<(Fix, u64)>);

async fn sight(store: &Arc<dyn Store>) -> Sight {
    let folder = Folder::new();
    let mut newest = store.snapshot().await.unwrap().newest_fixes().unwrap();
    newest.sort_by_key(|(fix, _)| fix.unit_id);
    (exports(Arc::clone(store), folder.path()).await, newest)
}

fn now() -> Timestamp {
    Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
}

/// A moment with nothing beside it: what was recorded before is before, what follows is after.
async fn moment() -> Timestamp {
    tokio::time::sleep(Duration::from_millis(5)).await;
    let at = now();
    tokio::time::sleep(Duration::from_millis(5)).await;
    at
}

/// Lives in a store, and says what it showed at each moment, and which seq was the newest.
async fn live(store: &Arc<dyn Store>) -> Vec<(Timestamp, Sight, u64)> {
    let (unit, other, home, incident) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let mut seen = Vec::new();
    macro_rules! look {
        () => {
            seen.push((moment().await, sight(store).await, *store.durable_seq().borrow()))
        };
    }
    look!();
    for id in [unit, other] {
        put_one(&**store, put(Collection::Units, id, json!({"name": "Tổ 1", "kind": "patrol"}))).await.unwrap();
    }
    let mut family = household(home, 4);
    family.personal = object(json!({"phone": "0912", "head_name": "Lò Văn A"}));
    put_one(&**store, family).await.unwrap();
    look!();
    store.append_fixes([fix(unit, 60_000, 103.1), fix(other, 60_000, 103.2)].into()).await.unwrap();
    look!();
    put_one(&**store, put(Collection::Incidents, incident, json!({"kind": "flood"}))).await.unwrap();
    store.append_fixes([fix(unit, 120_000, 103.3)].into()).await.unwrap();
    look!();
    // A late fix, which changes nothing that is seen.
    store.append_fixes([fix(unit, 90_000, 103.9)].into()).await.unwrap();
    look!();
    let many = (0..2_500).map(|n| household(Uuid::now_v7(), n % 9));
    store.append_many(call(Vec::new()), Box::new(many)).await.unwrap();
    look!();
    store.append_fixes([fix(other, 180_000, 103.4)].into()).await.unwrap();
    let change = call(vec![household(home, 5)]);
    store.append(expecting(change, Collection::Households, home, 1)).await.unwrap();
    look!();
    seen
}

async fn every_moment_comes_back(store: Arc<dyn Store>, from: Location) {
    let seen = live(&store).await;
    store.close().await;
    let last = seen.last().unwrap().2;
    for (n, (at, sight_then, seq)) in seen.iter().enumerate() {
        let (folder, database) = (Folder::new(), TestDatabase::new());
        let data = folder.path().join("data");
        let (_, cut) = restore(from.clone(), Location::Path(data.clone()), *at).await.unwrap();
        assert_eq!(cut.left_out == 0, *seq == last, "moment {n}: {cut:?}");
        assert_eq!(cut.newest.map_or(0, |entry| entry.seq), *seq, "moment {n}");
        let in_folder: Arc<dyn Store> = GpkgStore::open_read(&data).unwrap();
        assert!(sight(&in_folder).await == *sight_then, "moment {n} in a folder");

        let there = Location::Database(Box::new(database.database()));
        let (_, same) = restore(from.clone(), there, *at).await.unwrap();
        assert_eq!(same, cut);
        let in_database: Arc<dyn Store> = PgStore::open_read(database.database()).await.unwrap();
        assert!(sight(&in_database).await == *sight_then, "moment {n} in a database");
        assert_eq!(*in_database.durable_seq().borrow(), *seq, "moment {n}");

        // Life goes on directly behind.
        let writing: Arc<dyn Store> = GpkgStore::open(&data, &Default::default()).unwrap();
        assert_eq!(put_one(&*writing, household(Uuid::now_v7(), 1)).await.unwrap().seq(), seq + 1);
        writing.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_moment_of_a_folder_comes_back_as_it_was() {
    let folder = Folder::new();
    every_moment_comes_back(folder.open(), Location::Path(folder.path().to_owned())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_moment_of_a_database_comes_back_as_it_was() {
    let database = TestDatabase::new();
    let store = PgStore::open(database.database(), None, "").await.unwrap();
    every_moment_comes_back(store, Location::Database(Box::new(database.database()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_serves_as_well_and_a_call_is_kept_whole_or_not_at_all() {
    let folder = Folder::new();
    let store = folder.open();
    let key = Uuid::now_v7();
    let puts = || (0..3).map(|n| put(Collection::Incidents, Uuid::from_u128(n), json!({"kind": "flood"}))).collect();
    let first = store.append(keyed(call(puts()), key, 1)).await.unwrap();
    let at = first.changes[0].record.recorded_at;
    moment().await;
    let other = put_one(&*store, put(Collection::Incidents, Uuid::now_v7(), json!({"kind": "fire"}))).await.unwrap();
    let backup = folder.path().join("backup.gpkg");
    store.backup(backup.clone()).await.unwrap();
    store.close().await;

    let restored = async |at: i64| {
        let to = folder.path().join(at.to_string());
        let at = Timestamp::from_ms(at);
        let (_, cut) = restore(Location::Path(backup.clone()), Location::Path(to.clone()), at).await.unwrap();
        (cut, GpkgStore::open(&to, &Default::default()).unwrap())
    };
    let (cut, before) = restored(at.as_ms() - 1).await;
    assert_eq!((cut.kept, cut.left_out, cut.first_left_out.unwrap().seq), (0, 4, 1));
    let anew = before.append(keyed(call(puts()), key, 2)).await.unwrap();
    assert!(!anew.replayed && anew.seq() == 3, "the key is unknown there");
    let (cut, with) = restored(at.as_ms()).await;
    assert_eq!((cut.kept, cut.left_out, cut.first_left_out.unwrap().seq), (3, 1, 4));
    let again = with.append(keyed(call(puts()), key, 1)).await.unwrap();
    assert!(again.replayed, "the key is known there");
    assert_eq!(again.changes, first.changes);

    // A code that was told once is never given to another incident.
    let next = put_one(&*with, put(Collection::Incidents, Uuid::now_v7(), json!({"kind": "fire"}))).await.unwrap();
    assert_eq!(next.seq(), other.seq());
    assert_ne!(next.changes[0].record.properties, other.changes[0].record.properties);
    before.close().await;
    with.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seq_decides_where_the_clock_was_set_back_and_what_was_erased_stays_erased() {
    let database = TestDatabase::new();
    let store = PgStore::open(database.database(), None, "").await.unwrap();
    let id = Uuid::now_v7();
    for members in 1..=5 {
        let mut home = household(id, members);
        home.personal = object(json!({"phone": "0912 000 111"}));
        put_one(&*store, home).await.unwrap();
    }
    store.erase_personal(Collection::Households, id).await.unwrap();
    store.close().await;
    // Of five changes the third bears the latest time.
    for (seq, minute) in [(1, 1), (2, 2), (3, 30), (4, 3), (5, 40)] {
        let at = format!("'2026-11-26T02:{minute:02}:00Z'");
        database.sql(&format!("UPDATE journal SET recorded_at = {at} WHERE seq = {seq}"));
    }
    let to = Folder::new();
    let at = Timestamp::parse_typed("2026-11-26 09:20").unwrap();
    let from = Location::Database(Box::new(database.database()));
    let (_, cut) = restore(from, Location::Path(to.path().to_owned()), at).await.unwrap();
    let Cut { newest, kept, first_left_out, left_out, left_out_by_seq } = cut;
    assert_eq!((newest.unwrap().seq, kept), (2, 2));
    assert_eq!((first_left_out.unwrap().seq, left_out, left_out_by_seq), (3, 3, 1));
    let restored = to.open();
    let history = restored.history(Collection::Households, id).await.unwrap();
    assert_eq!(history.len(), 2);
    assert!(history.iter().all(|change| change.record.personal.is_none()), "{history:?}");
    restored.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_restore_leaves_nothing_and_nothing_is_ever_overwritten() {
    let folder = Folder::new();
    let store = folder.open();
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    let from = || Location::Path(folder.path().to_owned());
    match restore(from(), from(), now()).await {
        Err(StoreError::Refused(problem)) => assert_eq!(problem.code.as_str(), "folder_locked"),
        other => panic!("{other:?}"),
    }
    store.close().await;
    match restore(from(), from(), now()).await {
        Err(StoreError::Unavailable(why)) => assert!(why.contains("empty"), "{why}"),
        other => panic!("{other:?}"),
    }
    // A source that breaks off in the middle.
    let database = TestDatabase::new();
    let broken = PgStore::open(database.database(), None, "").await.unwrap();
    put_one(&*broken, household(Uuid::now_v7(), 1)).await.unwrap();
    broken.close().await;
    database.sql("UPDATE journal SET body = 'nonsense'; UPDATE households SET member_count = 2");
    let (to, target) = (folder.path().join("new"), TestDatabase::new());
    let from = Location::Database(Box::new(database.database()));
    for to in [Location::Path(to.clone()), Location::Database(Box::new(target.database()))] {
        assert!(matches!(restore(from.clone(), to, now()).await, Err(StoreError::Damaged(_))));
    }
    let left: Vec<_> = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
    assert_eq!(target.sql("SELECT (SELECT count(*) FROM journal) + (SELECT seq FROM counter)"), "0");
}

fn command(at: &str, from: &Path, to: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trucban"));
    command.args(["restore", "--at", at, "--from"]).arg(from).arg("--to").arg(to).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_where_it_cut_and_what_it_did_not_wind_back() {
    let folder = Folder::new();
    let (data, to) = (folder.path().join("data"), folder.path().join("then"));
    let store = GpkgStore::open(&data, &Default::default()).unwrap();
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    let at = moment().await;
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    store.close().await;
    std::fs::write(data.join("system.db"), "").unwrap();

    let done = command(&at.to_string(), &data, &to);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{done:?}");
    assert!(said.contains("giữ / kept: 1 mục / entries, đến / through seq 1"), "{said}");
    assert!(said.contains("bỏ / left out: 1 mục / entries, từ / from seq 2"), "{said}");
    assert!(said.contains(&format!("cp -a {}* {}/", data.join("system.db").display(), to.display())), "{said}");
    assert!(!said.contains("tips.db"), "{said}");
    let again = command(&at.to_string(), &data, &to);
    assert_eq!(again.status.code(), Some(2));
    for wrong in ["2026-13-26 02:14", "yesterday", "2026-11-26", ""] {
        let refused = command(wrong, &data, &folder.path().join("other"));
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success(), "{wrong}");
        assert!(said.contains("không phải thời điểm") && said.contains("no moment"), "{said}");
    }
    assert!(!folder.path().join("other").exists());
    let nowhere = command(&at.to_string(), Path::new("/nowhere"), &folder.path().join("other"));
    assert_eq!(nowhere.status.code(), Some(2));
}
