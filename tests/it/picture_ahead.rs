//! An import that is made ahead of its publish shows what the journal says, beside writes that go on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trucban::domain::{Actor, Collection, Timestamp};
use trucban::picture::{self, PictureHandle};
use trucban::store::gpkg::GpkgStore;
use trucban::store::{Put, Store};
use uuid::Uuid;

use crate::store_support::{Folder, call, expecting, household, put, put_one};

const AT_MOST: Duration = Duration::from_secs(60);

/// Every record that the picture holds: collection, id, version, seq, properties.
fn everything(handle: &PictureHandle) -> Vec<(Collection, Uuid, u32, u64, Value)> {
    let view = handle.view(&Actor::system(), Timestamp::from_ms(1_800_000_000_000));
    Collection::ALL
        .into_iter()
        .flat_map(|collection| {
            let picture = handle.load();
            let layer: Vec<_> = picture.layer(collection).iter().cloned().collect();
            layer.into_iter().map(move |feature| (collection, feature))
        })
        .map(|(collection, feature)| {
            let shown = view.shown(collection, &feature).expect("the system sees all");
            (collection, shown.id(), shown.version(), shown.seq(), Value::Object(shown.properties()))
        })
        .collect()
}

/// The picture equals one that is read from the same folder now.
async fn equals_a_fresh_one(folder: &Folder, handle: &PictureHandle) {
    let fresh = picture::start(GpkgStore::open_read(folder.path()).unwrap()).await.unwrap();
    assert_eq!(handle.load().seq, fresh.load().seq);
    assert_eq!(everything(handle), everything(&fresh));
    for collection in Collection::ALL {
        assert_eq!(handle.load().layer(collection).version(), fresh.load().layer(collection).version(), "{collection}");
        assert_eq!(handle.load().layer(collection).listed(), fresh.load().layer(collection).listed(), "{collection}");
    }
}

fn many(count: usize) -> Vec<Put> {
    (0..count).map(|n| household(Uuid::now_v7(), n as i64 % 9)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_made_ahead_is_shown_as_the_journal_has_it() {
    let folder = Folder::new();
    let store = folder.open();
    let known = many(300);
    store.append(call(known.clone())).await.unwrap();
    let handle = picture::start(Arc::clone(&store) as Arc<dyn Store>).await.unwrap();
    let mut steps = handle.subscribe();

    // New records, changed ones, and some of both that the file holds twice.
    let mut puts = many(3_000);
    puts.extend(known[..200].iter().map(|one| household(one.id, 77)));
    puts.extend(known[..20].iter().map(|one| household(one.id, 78)));
    puts.extend((0..20).map(|n| household(puts[n].id, 79)).collect::<Vec<_>>());
    let others = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..40 {
                put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
            }
        })
    };
    let imported = store.append_many(call(Vec::new()), Box::new(puts.into_iter())).await.unwrap();
    others.await.unwrap();
    put_one(&*store, household(known[7].id, 80)).await.unwrap();
    let newest = *store.durable_seq().borrow();
    handle.wait_for(newest, AT_MOST).await.unwrap();

    let mut made_ahead = 0;
    while let Ok(step) = steps.try_recv() {
        if step.imported.is_empty() {
            let inside = step.events.iter().filter(|event| (imported.first..=imported.last).contains(&event.seq()));
            assert_eq!(inside.count(), 0, "the import is not told a second time");
        } else {
            assert_eq!((step.picture.seq, &*step.imported), (imported.last, &[Collection::Households][..]));
            made_ahead += 1;
        }
    }
    assert_eq!(made_ahead, 1);
    equals_a_fresh_one(&folder, &handle).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_given_up_leaves_the_picture_alone() {
    let folder = Folder::new();
    let store = folder.open();
    let known = Uuid::now_v7();
    put_one(&*store, household(known, 1)).await.unwrap();
    let handle = picture::start(Arc::clone(&store) as Arc<dyn Store>).await.unwrap();
    // The version that it rests on is not that of the record: found out at the end, when all is staged.
    let stale = expecting(call(Vec::new()), Collection::Households, known, 9);
    store.append_many(stale, Box::new(many(3_000).into_iter())).await.unwrap_err();
    let again = store.append_many(call(Vec::new()), Box::new(many(2_500).into_iter())).await.unwrap();
    handle.wait_for(again.last, AT_MOST).await.unwrap();
    assert_eq!(handle.load().layer(Collection::Households).listed(), 2_501);
    equals_a_fresh_one(&folder, &handle).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_and_posts_of_an_import_are_folded_when_they_count() {
    let folder = Folder::new();
    let store = folder.open();
    let handle = picture::start(Arc::clone(&store) as Arc<dyn Store>).await.unwrap();
    let post = Uuid::now_v7();
    let unit = |n: usize| {
        let properties = json!({"code": format!("BP-{n}"), "force": "border_guard", "station_id": post});
        put(Collection::Units, Uuid::now_v7(), properties)
    };
    let mut station = put(Collection::Stations, post, json!({"name": "Đồn", "kind": "border_post"}));
    station.geometry = Some(geo_types::Point::new(103.2, 22.4).into());
    let puts: Vec<Put> = std::iter::once(station).chain((0..2_100).map(unit)).collect();
    let imported = store.append_many(call(Vec::new()), Box::new(puts.into_iter())).await.unwrap();
    let picture = handle.wait_for(imported.last, AT_MOST).await.unwrap();
    let placed = picture.layer(Collection::Units).iter().filter(|unit| unit.geometry.is_some()).count();
    assert_eq!(placed, 2_100, "every unit stands at its post");
    equals_a_fresh_one(&folder, &handle).await;
    store.close().await;
}
