//! Old fixes go, of each unit the newest stays, and all else is as it was; in both stores.

use std::sync::Arc;
use std::time::Duration;

use trucban::domain::retention::{FIX_RETENTION, FixRetentionRule, RETENTION, Retention};
use trucban::domain::{Event, Fix, Timestamp};
use trucban::store::copy::{Location, copy};
use trucban::store::postgis::PgStore;
use trucban::store::{Store, StoreError, gpkg, postgis};
use uuid::Uuid;

use crate::postgres_support::TestDatabase;
use crate::store_support::{Folder, fix, household, object, put_one};

const MOVING: Uuid = Uuid::from_u128(1);
const SILENT: Uuid = Uuid::from_u128(2);

/// Two units move, then one of them falls silent; a household comes in between.
async fn fill(store: &Arc<dyn Store>) {
    for at in 1..=3 {
        store.append_fixes([fix(MOVING, at, 103.0), fix(SILENT, at, 104.0)].into()).await.unwrap();
    }
    put_one(&**store, household(Uuid::now_v7(), 4)).await.unwrap();
    store.append_fixes([fix(MOVING, 4, 103.4)].into()).await.unwrap();
}

async fn newest(store: &dyn Store) -> Vec<(Fix, u64)> {
    let mut newest = store.snapshot().await.unwrap().newest_fixes().unwrap();
    newest.sort_by_key(|(fix, _)| fix.unit_id);
    newest
}

/// Seq and fixes of every event.
async fn events(store: &dyn Store) -> Vec<(u64, usize)> {
    let told = |event: &Event| match event {
        Event::Fixes(batch) => (batch.seq, batch.fixes.len()),
        Event::Change(change) => (change.seq, 0),
    };
    store.changes_after(0, 100).await.unwrap().iter().map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_fixes_of_a_database_go_by_whole_days_and_the_newest_of_each_unit_stays() {
    let database = TestDatabase::new();
    let store: Arc<dyn Store> = PgStore::open(database.database(), None, "").await.unwrap();
    fill(&store).await;
    let before = newest(&*store).await;
    let partitions =
        "SELECT count(*) FROM pg_partition_tree('fix_rows') WHERE isleaf AND relid::regclass::text ~ '_20'";
    // The node leads, makes the day ahead, and does no more of this for an hour.
    while database.sql(partitions) != "2" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // All but the last batch were recorded a year ago, on three days.
    database.sql(
        "SELECT have_fix_day(d::date) FROM generate_series(now() - interval '402 days', now() - interval '398 days', '1 day') d;
         UPDATE fix_rows SET recorded_on = (now() - interval '401 days')::date + key::integer WHERE key <= 3;
         UPDATE fix_batches SET recorded_on = (now() - interval '401 days')::date + seq::integer,
           recorded_at = recorded_at - interval '401 days' + seq * interval '1 day' WHERE seq <= 3",
    );
    let drop = async || postgis::drop_fixes(&database.database(), FIX_RETENTION).await;

    // Whoever reads for long is not waited for, and nothing has happened.
    let url = database.url();
    let (enough, until) = tokio::sync::oneshot::channel::<()>();
    let reading = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute("BEGIN; SELECT FROM trucban.fixes LIMIT 1").await.unwrap();
            until.await.unwrap();
        });
    });
    while database.sql("SELECT count(*) FROM pg_locks WHERE relation = 'fix_rows'::regclass") == "0" {
        std::thread::yield_now();
    }
    assert!(matches!(drop().await, Err(StoreError::TooBusy)));
    enough.send(()).unwrap();
    reading.join().unwrap();
    assert_eq!(events(&*store).await.len(), 5);

    // A few days at a time.
    let mut gone = 0;
    let mut rounds = 0;
    while let Some(dropped) = drop().await.unwrap() {
        gone += dropped.fixes;
        rounds += 1;
        assert!(store.append_fixes([fix(MOVING, 5, 103.5)].into()).await.is_ok());
        assert_eq!(postgis::check(&database.database()).await.unwrap(), []);
    }
    assert_eq!((gone, rounds), (5, 3), "of six fixes of three days the newest of the silent unit stays");
    let after = newest(&*store).await;
    assert_eq!(after[1], before[1], "it is where it was");
    assert_eq!(after[0].0.at, Timestamp::from_ms(5));
    assert_eq!(events(&*store).await, [(3, 1), (4, 0), (5, 1), (6, 1), (7, 1), (8, 1)]);
    assert_eq!(database.sql(partitions), "2", "today's and tomorrow's");
    assert_eq!(database.sql("SELECT count(*) FROM fixes_old"), "1");

    // The clock set back by years stops nobody.
    database.sql("SELECT have_fix_day('2020-01-01')");
    let silent_again = store.append_fixes([fix(SILENT, 9, 104.9)].into()).await;
    assert!(silent_again.is_ok());
    store.close().await;
    assert_eq!(postgis::check(&database.database()).await.unwrap(), []);
    let to = Folder::new();
    let from = Location::Database(Box::new(database.database()));
    copy(from, Location::Path(to.path().to_owned())).await.unwrap();
    assert_eq!(gpkg::check(to.path()).unwrap(), []);
    assert!(postgis::drop_fixes(&database.database(), FixRetentionRule { keep_days: 3 }).await.is_err(), "too few");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_fixes_of_a_folder_go_and_the_newest_of_each_unit_stays() {
    let folder = Folder::new();
    let store: Arc<dyn Store> = folder.open();
    fill(&store).await;
    let (before, all) = (newest(&*store).await, events(&*store).await);
    store.close().await;
    let now = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
    let in_days = |days: i64| now.plus_s(days * 86_400);
    let drop = |days: i64, how: Retention| gpkg::drop_fixes(folder.path(), FIX_RETENTION, in_days(days), how).unwrap();
    assert_eq!(drop(365, Retention::Erase), 0, "their time is not over yet");
    assert_eq!(drop(400, Retention::Count), 5);
    let store = folder.open();
    assert_eq!(events(&*store).await, all, "counting deletes nothing");
    store.close().await;
    assert_eq!(drop(400, Retention::Erase), 5);
    assert_eq!(drop(400, Retention::Erase), 0, "once");
    assert_eq!(gpkg::check(folder.path()).unwrap(), []);
    let store: Arc<dyn Store> = folder.open();
    assert_eq!(newest(&*store).await, before);
    assert_eq!(events(&*store).await, [(3, 1), (4, 0), (5, 1)]);
    assert_eq!(store.append_fixes([fix(MOVING, 6, 103.6)].into()).await.unwrap().seq, 6);
    store.close().await;
    assert_eq!(gpkg::check(folder.path()).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_in_a_database_go_when_their_time_is_over() {
    let database = TestDatabase::new();
    let store = PgStore::open(database.database(), None, "").await.unwrap();
    let (gone, stays) = (Uuid::now_v7(), Uuid::now_v7());
    let now = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
    for (id, is_ended) in [(gone, true), (stays, false)] {
        for name in ["Lò Thị Xưa", "Lò Thị Cũ"] {
            let mut home = household(id, 4);
            home.personal = object(serde_json::json!({"head_name": name}));
            if is_ended {
                home.properties.insert("ended_at".to_owned(), now.to_string().into());
            }
            put_one(&*store, home).await.unwrap();
        }
    }
    let records = async |days: i64, how: Retention| {
        let at = now.plus_s(days * 86_400);
        let retained = postgis::retain(&database.database(), &RETENTION, at, how).await.unwrap();
        retained.iter().map(|one| (one.records, one.values)).collect::<Vec<_>>()
    };
    let none = vec![(0, 0); 3];
    assert_eq!(records(729, Retention::Erase).await, none, "its time is not over yet");
    assert_eq!(records(731, Retention::Count).await, [(0, 0), (1, 2), (0, 0)]);
    assert_eq!(records(731, Retention::Erase).await, [(0, 0), (1, 2), (0, 0)], "counting erased nothing");
    assert_eq!(records(731, Retention::Erase).await, none, "once");
    store.close().await;
    assert_eq!(database.sql("SELECT count(*) FROM personal_values WHERE value LIKE '%Lò%'"), "2");
    assert_eq!(postgis::check(&database.database()).await.unwrap(), []);
}
