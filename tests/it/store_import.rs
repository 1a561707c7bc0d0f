//! Very many records in one call: seen all at once, held up by nobody, holding up nobody, gone if given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use trucban::domain::{Collection, Event};
use trucban::store::gpkg::PUTS_AT_ONCE_MAX;
use trucban::store::{AppendedMany, Put, StoreError};
use uuid::Uuid;

use crate::store_places::{Place, on_both_engines};
use crate::store_support::{call, expecting, household, keyed, object, put_one, records};

fn many(count: usize) -> Vec<Put> {
    (0..count)
        .map(|n| {
            let mut put = household(Uuid::now_v7(), n as i64 % 9);
            put.personal = object(json!({"phone": n.to_string()}));
            put
        })
        .collect()
}

on_both_engines!(
    an_import_is_seen_all_at_once_and_others_write_meanwhile,
    a_large_append_answers_its_changes_and_is_replayed,
    an_import_changes_records_that_exist_and_repeats_an_id,
    a_failed_import_leaves_nothing,
    another_write_of_the_same_id_wins_over_an_import_under_way,
    an_import_rests_on_the_versions_that_it_was_told,
);

async fn an_import_is_seen_all_at_once_and_others_write_meanwhile(place: Place) {
    let store = place.open().await;
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        tokio::spawn(async move {
            let (mut written, mut longest) = (0_usize, Duration::ZERO);
            while !done.load(Ordering::Relaxed) {
                let started = Instant::now();
                put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
                longest = longest.max(started.elapsed());
                written += 1;
                let seen = records(&*store, Collection::Households).await.len();
                assert!(seen <= written + 1 || seen > 30_000, "{seen} seen after {written} writes");
            }
            (written, longest)
        })
    };
    let puts = many(30_000);
    let ids: Vec<Uuid> = puts.iter().map(|put| put.id).collect();
    let imported = store.append_many(call(Vec::new()), Box::new(puts.into_iter())).await.unwrap();
    done.store(true, Ordering::Relaxed);
    let (written, longest) = watcher.await.unwrap();
    println!("{written} writes during the import, the longest took {longest:?}");
    assert!(written > 3, "others could write");
    assert!(longest < Duration::from_secs(2), "a write waited {longest:?}");
    assert_eq!((imported.count, imported.last - imported.first + 1), (30_000, 30_000));
    assert_eq!(
        *store.durable_seq().borrow(),
        imported.last.max(store.changes_after(imported.last, 1).await.unwrap().last().map_or(0, Event::seq))
    );
    let first = store.changes_after(imported.first - 1, 2).await.unwrap();
    match &first[..] {
        [Event::Change(a), Event::Change(b)] => {
            assert_eq!((a.record.id, b.record.id), (ids[0], ids[1]));
            assert_eq!(a.record.personal.as_deref(), Some(r#"{"phone":"0"}"#));
        }
        other => panic!("{other:?}"),
    }
    checkpoint_is_made(&place).await;
    put_one(&*store, household(ids[7], 3)).await.unwrap();
    assert_eq!(store.history(Collection::Households, ids[7]).await.unwrap().len(), 2);
    store.close().await;
    assert_eq!(place.records().check().await, []);
}

/// The import has moved the counter on by more than a checkpoint's distance; the check compares it with the fold.
async fn checkpoint_is_made(place: &Place) {
    // The database has none: a fold of it begins at its beginning.
    if let Place::PostGis(_) = place {
        return;
    }
    for _ in 0..200 {
        if place.number("SELECT count(*) FROM checkpoints") > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no checkpoint was made");
}

async fn a_large_append_answers_its_changes_and_is_replayed(place: Place) {
    let store = place.open().await;
    let puts = many(PUTS_AT_ONCE_MAX + 1);
    let key = Uuid::now_v7();
    let first = store.append(keyed(call(puts.clone()), key, 1)).await.unwrap();
    assert_eq!(first.changes.len(), puts.len());
    let again = store.append(keyed(call(puts.clone()), key, 1)).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.changes, first.changes);
    let other = store.append(keyed(call(puts), key, 2)).await;
    assert!(matches!(other, Err(StoreError::IdempotencyMismatch)));
    assert_eq!(place.records().check().await, []);
}

async fn an_import_changes_records_that_exist_and_repeats_an_id(place: Place) {
    let store = place.open().await;
    let mut puts = many(50);
    for put in &puts[..20] {
        put_one(&*store, put.clone()).await.unwrap();
    }
    puts.push(puts[0].clone());
    puts.push(puts[30].clone());
    store.append_many(call(Vec::new()), Box::new(puts.clone().into_iter())).await.unwrap();
    let versions = |n: usize| {
        let (store, id) = (Arc::clone(&store), puts[n].id);
        async move { store.history(Collection::Households, id).await.unwrap().len() }
    };
    assert_eq!((versions(0).await, versions(1).await, versions(30).await, versions(31).await), (3, 2, 2, 1));
    assert_eq!(records(&*store, Collection::Households).await.len(), 50);
    assert_eq!(place.records().check().await, []);
}

async fn a_failed_import_leaves_nothing(place: Place) {
    let store = place.open().await;
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    let mut puts = many(5_000);
    puts[4_900].properties.insert("colour".to_owned(), json!("red"));
    let failed = store.append_many(call(Vec::new()), Box::new(puts.into_iter())).await;
    assert!(matches!(failed, Err(StoreError::Refused(_))), "{failed:?}");
    let conflicting = expecting(call(Vec::new()), Collection::Households, Uuid::now_v7(), 4);
    let failed = store.append_many(conflicting, Box::new(many(10).into_iter())).await;
    assert!(matches!(failed, Err(StoreError::Conflict { .. })), "{failed:?}");
    let empty = store.append_many(call(Vec::new()), Box::new(std::iter::empty())).await.unwrap();
    assert_eq!(empty, AppendedMany { first: 0, last: 0, count: 0, replayed: false });
    assert_eq!(put_one(&*store, household(Uuid::now_v7(), 2)).await.unwrap().seq(), 2);
    store.close().await;
    assert_eq!(place.number("SELECT count(*) FROM households"), 2);
    assert_eq!(place.number("SELECT count(*) FROM journal"), 2);
    assert_eq!(place.number("SELECT count(*) FROM personal_values"), 0);
    assert_eq!(place.records().check().await, []);
}

async fn another_write_of_the_same_id_wins_over_an_import_under_way(place: Place) {
    let store = place.open().await;
    let puts = many(3_000);
    let id = puts[0].id;
    let (first_staged, wait) = std::sync::mpsc::channel();
    let (go_on, gone_on) = std::sync::mpsc::channel();
    let slow = puts.into_iter().enumerate().map(move |(n, put)| {
        if n == 2_900 {
            first_staged.send(()).unwrap();
            gone_on.recv().unwrap();
        }
        put
    });
    let importing = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.append_many(call(Vec::new()), Box::new(slow)).await })
    };
    tokio::task::spawn_blocking(move || wait.recv().unwrap()).await.unwrap();
    assert!(records(&*store, Collection::Households).await.is_empty());
    let stands = expecting(call(vec![household(id, 7)]), Collection::Households, id, 0);
    assert_eq!(store.append(stands).await.unwrap().changes[0].record.version, 1);
    go_on.send(()).unwrap();
    assert!(importing.await.unwrap().is_err());
    assert_eq!(records(&*store, Collection::Households).await.len(), 1);
    // The next import waits until the rows of the lost one are cleared away.
    store.append_many(call(Vec::new()), Box::new(many(10).into_iter())).await.unwrap();
    assert_eq!(records(&*store, Collection::Households).await.len(), 11);
    assert_eq!(place.records().check().await, []);
}

async fn an_import_rests_on_the_versions_that_it_was_told(place: Place) {
    let store = place.open().await;
    let puts = many(900);
    put_one(&*store, puts[100].clone()).await.unwrap();
    let told = |version: u32| {
        puts.iter().enumerate().fold(call(Vec::new()), |call, (n, put)| {
            expecting(call, put.collection, put.id, if n == 100 { version } else { 0 })
        })
    };
    for stale in [0, 2] {
        let refused = store.append_many(told(stale), Box::new(puts.clone().into_iter())).await;
        assert!(matches!(refused, Err(StoreError::Conflict { present: 1, .. })), "{refused:?}");
        assert_eq!(records(&*store, Collection::Households).await.len(), 1);
    }
    // A record that changes after its slice was written is found out by the last commit.
    let (meanwhile, changed) = (Arc::clone(&store), puts[100].clone());
    let meddling = puts.clone().into_iter().enumerate().map(move |(n, put)| {
        if n == 899 {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(put_one(&*meanwhile, changed.clone())).unwrap();
        }
        put
    });
    let refused = store.append_many(told(1), Box::new(meddling)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { present: 2, .. })), "{refused:?}");
    assert_eq!(store.append_many(told(2), Box::new(puts.clone().into_iter())).await.unwrap().count, 900);
    assert_eq!(store.history(Collection::Households, puts[100].id).await.unwrap().len(), 3);
    store.close().await;
    assert_eq!(place.records().check().await, []);
}
