//! Everything of one store into another and back: equal byte for byte in every export.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;
use trucban::desk::{Clock, SystemClock};
use trucban::domain::{Actor, Collection};
use trucban::files::{Format, export_file, seed};
use trucban::picture;
use trucban::store::copy::{Location, copy};
use trucban::store::gpkg::{self, GpkgStore};
use trucban::store::postgis::{self, PgStore};
use trucban::store::system::System;
use trucban::store::{Store, StoreError};
use uuid::Uuid;

use crate::postgres_support::TestDatabase;
use crate::soak_support::rounds;
use crate::store_support::{Folder, call, fix, household, keyed, object, put, put_one};

/// Households that an import brought, in `make test` and in `make soak`.
const IMPORTED: (usize, usize) = (2_500, 200_000);

/// What `trucban export` writes of each collection.
pub async fn exports(store: Arc<dyn Store>, folder: &Path) -> Vec<Vec<u8>> {
    let handle = picture::start(store).await.unwrap();
    let view = handle.view(&Arc::new(Actor::system()), SystemClock.now());
    let file = folder.join("export.geojson");
    let export = |collection| {
        export_file(&view, collection, Format::GeoJson, &file).unwrap();
        std::fs::read(&file).unwrap()
    };
    Collection::ALL.into_iter().map(export).collect()
}

/// A demo with a past: changed, erased and exercise records, fixes, an import, keys and codes.
async fn lived_in(folder: &Folder) {
    let store = folder.open();
    let as_store: Arc<dyn Store> = Arc::clone(&store) as _;
    seed::ground(&as_store, SystemClock.now()).await.unwrap();
    seed::demo(&as_store, SystemClock.now()).await.unwrap();
    let (kept, erased) = (Uuid::now_v7(), Uuid::now_v7());
    for id in [kept, erased] {
        for members in 1..4 {
            let mut home = household(id, members);
            home.personal = object(json!({"phone": format!("09 {members}"), "head_name": "Lò Văn A"}));
            put_one(&*store, home).await.unwrap();
        }
    }
    store.erase_personal(Collection::Households, erased).await.unwrap();
    let mut exercise = keyed(call(vec![put(Collection::Incidents, Uuid::now_v7(), json!({"kind": "flood"}))]), kept, 7);
    exercise.exercise_id = Some(Uuid::now_v7());
    store.append(exercise).await.unwrap();
    let many = (0..rounds(IMPORTED.0, IMPORTED.1)).map(|n| household(Uuid::now_v7(), n as i64 % 9));
    store.append_many(call(Vec::new()), Box::new(many)).await.unwrap();
    for at in 0..50 {
        let fixes = (0..20).map(|unit| fix(Uuid::from_u128(unit), at * 1_000, 103.0 + at as f64 / 7.0));
        store.append_fixes(fixes.collect()).await.unwrap();
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_trip_is_equal_byte_for_byte_of_many_more_in_soak() {
    let (from, back, exported) = (Folder::new(), Folder::new(), Folder::new());
    lived_in(&from).await;
    let database = TestDatabase::new();
    let there = Location::Database(Box::new(database.database()));
    let first = copy(Location::Path(from.path().to_owned()), there.clone()).await.unwrap();
    assert_eq!(postgis::check(&database.database()).await.unwrap(), []);
    let data = back.path().join("data");
    let second = copy(there, Location::Path(data.clone())).await.unwrap();
    assert_eq!(gpkg::check(&data).unwrap(), []);
    assert_eq!(first, second);
    println!("went round: {first}");
    let told = first.to_string();
    for kind in ["journal rows", "personal values", "batches of fixes", "keys of calls", "code counters", "households"]
    {
        assert!(told.contains(kind), "{told}");
    }

    let begin = exports(GpkgStore::open_read(from.path()).unwrap(), exported.path()).await;
    let middle = exports(PgStore::open_read(database.database()).await.unwrap(), exported.path()).await;
    let end = exports(GpkgStore::open_read(&data).unwrap(), exported.path()).await;
    for (at, collection) in Collection::ALL.into_iter().enumerate() {
        assert!(begin[at] == middle[at], "{collection}: the export of the database differs");
        assert!(begin[at] == end[at], "{collection}: the export of the way back differs");
    }

    // Life goes on where it was: seq, version, code and key.
    let old = GpkgStore::open(from.path(), &Default::default()).unwrap();
    let new = PgStore::open(database.database(), None, "").await.unwrap();
    let again =
        || keyed(call(vec![put(Collection::Incidents, Uuid::now_v7(), json!({"kind": "flood"}))]), Uuid::now_v7(), 1);
    let (old_next, new_next) = (old.append(again()).await.unwrap(), new.append(again()).await.unwrap());
    assert_eq!(old_next.seq(), new_next.seq());
    assert_eq!(old_next.changes[0].record.properties, new_next.changes[0].record.properties);
    let old_events = old.changes_between(0, old_next.seq() - 1, usize::MAX).await.unwrap();
    assert_eq!(old_events, new.changes_between(0, new_next.seq() - 1, usize::MAX).await.unwrap());
    let newest = async |store: &dyn Store| {
        let mut newest = store.snapshot().await.unwrap().newest_fixes().unwrap();
        newest.sort_by_key(|(fix, _)| fix.unit_id);
        newest
    };
    assert_eq!(newest(&*old).await, newest(&*new).await);
    old.close().await;
    new.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_holds_something_is_refused() {
    let folder = Folder::new();
    let store = folder.open();
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    store.close().await;
    let database = TestDatabase::new();
    let (here, there) = (Location::Path(folder.path().to_owned()), Location::Database(Box::new(database.database())));
    copy(here.clone(), there.clone()).await.unwrap();
    for to in [there.clone(), here.clone()] {
        match copy(here.clone(), to).await {
            Err(StoreError::Unavailable(why)) => assert!(why.contains("empty"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(database.sql("SELECT count(*) FROM journal"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_it_does_not_take_along() {
    let (folder, database) = (Folder::new(), TestDatabase::new());
    let (from, back) = (folder.path().join("from"), folder.path().join("back"));
    let store = GpkgStore::open(&from, &Default::default()).unwrap();
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    store.close().await;
    drop(System::open(&from).unwrap());
    let said = |from: &str, to: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trucban"));
        let done = command.args(["copy", "--from", from, "--to", to]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let (from, back, url) = (from.display().to_string(), back.display().to_string(), database.url());
    let there = said(&from, &url);
    assert!(
        there.contains("not taken along: system.db\n") && there.contains(&format!("cp -a {from}/system.db* DATA/"))
    );
    let here = said(&url, &back);
    assert!(here.contains("not taken along: trucban.replica_*"), "{here}");
    assert!(here.contains(&format!("trucban leave --data {back}")), "{here}");
    assert!(!Path::new(&back).join("system.db").exists());
}
