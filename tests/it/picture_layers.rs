//! The layers against a plain map, through merges and rebuilds; units where their newest fix or their post puts them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use geo_types::{Geometry, Point};
use serde_json::{Value, json};
use trucban::domain::{Actor, Collection, Event, Fix, FixSource, Timestamp};
use trucban::picture::{self, ItemsQuery, PictureHandle, View};
use uuid::Uuid;

use crate::support::memory_store::{MemoryStore, put};
use crate::support::random::Random;

const AT_MOST: Duration = Duration::from_secs(60);

fn view(handle: &PictureHandle) -> View {
    handle.view(&Actor::system(), Timestamp::from_ms(1_800_000_000_000))
}

fn list(bbox: Option<[f64; 4]>, ended: bool) -> ItemsQuery {
    ItemsQuery {
        collection: Collection::Households,
        bbox,
        datetime: None,
        filters: Vec::new(),
        q: None,
        ended,
        limit: usize::MAX,
        offset: 0,
    }
}

struct Home {
    at: Point,
    members: u64,
    ended: bool,
}

fn put_of(id: Uuid, home: &Home) -> trucban::store::Put {
    let mut properties = json!({"member_count": home.members});
    if home.ended {
        properties["ended_at"] = json!("2026-11-23T00:00:00.000Z");
    }
    put(Collection::Households, id, Some(home.at.into()), properties)
}

fn check(view: &View, model: &BTreeMap<Uuid, Home>, random: &mut Random) {
    let layer: Vec<(Uuid, u64)> = view
        .items(&list(None, true))
        .shown
        .iter()
        .map(|shown| (shown.id(), shown.number("member_count").unwrap() as u64))
        .collect();
    let expected: Vec<(Uuid, u64)> = model.iter().map(|(id, home)| (*id, home.members)).collect();
    assert_eq!(layer.len(), expected.len());
    assert!(layer == expected, "the same records in the order of ids");
    let listed = model.values().filter(|home| !home.ended).count();
    assert_eq!(view.count(Collection::Households), listed);
    assert_eq!(view.items(&list(None, false)).matched, listed);
    for _ in 0..5 {
        let (west, south) = (random.between(102.0, 103.0), random.between(21.5, 22.5));
        let bbox = [west, south, west + 0.3, south + 0.3];
        let inside = |at: Point| at.x() >= bbox[0] && at.y() >= bbox[1] && at.x() <= bbox[2] && at.y() <= bbox[3];
        for ended in [false, true] {
            let found: Vec<Uuid> = view.items(&list(Some(bbox), ended)).shown.iter().map(|s| s.id()).collect();
            let wanted = model.iter().filter(|(_, home)| inside(home.at) && (ended || !home.ended));
            assert_eq!(found, wanted.map(|(id, _)| *id).collect::<Vec<_>>());
        }
    }
}

/// Random puts, of new and of known records; `model` follows.
fn change(store: &MemoryStore, model: &mut BTreeMap<Uuid, Home>, random: &mut Random, count: usize) -> u64 {
    let known: Vec<Uuid> = model.keys().copied().collect();
    let mut puts = Vec::new();
    for _ in 0..count {
        let new = known.is_empty() || random.below(3) == 0;
        let id = if new { random.uuid() } else { known[random.below(known.len())] };
        let at = Point::new(random.between(102.0, 103.3), random.between(21.5, 22.8));
        let home = Home { at, members: random.bits() % 100, ended: random.below(10) == 0 };
        puts.push(put_of(id, &home));
        model.insert(id, home);
    }
    store.put(puts)
}

#[tokio::test]
async fn a_small_layer_equals_a_map() {
    let (store, mut model, mut random) = (MemoryStore::new(), BTreeMap::new(), Random::new(11));
    let handle = picture::start(store.clone()).await.unwrap();
    for round in 0..60 {
        let count = [1, 3, 40, 900][random.below(4)];
        let seq = change(&store, &mut model, &mut random, count);
        let picture = handle.wait_for(seq, AT_MOST).await.unwrap();
        assert_eq!(picture.layer(Collection::Households).version(), seq);
        if round % 6 == 0 {
            check(&view(&handle), &model, &mut random);
        }
    }
    check(&view(&handle), &model, &mut random);
}

#[tokio::test]
async fn a_large_layer_equals_a_map_through_its_rebuilds() {
    let (store, mut model, mut random) = (MemoryStore::new(), BTreeMap::new(), Random::new(12));
    let handle = picture::start(store.clone()).await.unwrap();
    // An import is shown whole or not at all.
    let mut steps = handle.subscribe();
    let seq = change(&store, &mut model, &mut random, 60_000);
    let step = steps.recv().await.unwrap();
    assert_eq!((step.picture.seq, step.events.len()), (seq, 60_000));
    check(&view(&handle), &model, &mut random);
    let before = view(&handle);
    for _ in 0..30 {
        let seq = change(&store, &mut model, &mut random, 1_000);
        handle.wait_for(seq, AT_MOST).await.unwrap();
    }
    check(&view(&handle), &model, &mut random);
    tokio::time::sleep(Duration::from_millis(300)).await;
    check(&view(&handle), &model, &mut random);
    // Whoever holds an older snapshot keeps it.
    assert_eq!(before.items(&list(None, true)).matched, before.items(&list(None, true)).shown.len());
    assert_eq!(before.seq(), seq);
    // And a restart reads the same.
    let again = picture::start(store).await.unwrap();
    check(&view(&again), &model, &mut random);
    assert_eq!(view(&again).version(Collection::Households), view(&handle).version(Collection::Households));
}

fn fix(unit_id: Uuid, minute: i64, lon: f64) -> Fix {
    Fix {
        unit_id,
        lon,
        lat: 22.0,
        at: Timestamp::from_ms(1_800_000_000_000 + minute * 60_000),
        accuracy_m: Some(8.5),
        speed_mps: None,
        course_deg: Some(90.0),
        source: FixSource::Gps,
        heard_by: None,
    }
}

fn unit(name: &str, station_id: Option<Uuid>) -> Value {
    let mut unit = json!({"name": name, "force": "police", "kind": "patrol", "status": "available"});
    if let Some(id) = station_id {
        unit["station_id"] = json!(id.to_string());
    }
    unit
}

/// Everything that a view says of the units.
fn units(view: &View) -> Vec<(Uuid, Value, Option<Geometry>)> {
    view.all(Collection::Units)
        .map(|shown| (shown.id(), Value::Object(shown.properties()), shown.geometry().cloned()))
        .collect()
}

#[tokio::test]
async fn late_and_repeated_fixes_change_nothing() {
    let mut random = Random::new(13);
    let ids: Vec<Uuid> = (0..5).map(|_| random.uuid()).collect();
    let fixes: Vec<Fix> =
        (0..200).map(|n| fix(ids[random.below(5)], i64::from(n), 102.0 + f64::from(n) / 1_000.0)).collect();
    let mut outcomes = Vec::new();
    for shuffled in [false, true] {
        let store = MemoryStore::new();
        let records = ids.iter().map(|id| put(Collection::Units, *id, None, unit("Tổ", None))).collect();
        store.put(records);
        let handle = picture::start(store.clone()).await.unwrap();
        let mut order = fixes.clone();
        if shuffled {
            for at in (1..order.len()).rev() {
                order.swap(at, random.below(at + 1));
            }
            order.extend_from_within(50..120);
        }
        let mut seq = 0;
        for group in order.chunks(7) {
            seq = store.fix(group.to_vec());
            if random.below(3) == 0 {
                handle.wait_for(seq, AT_MOST).await.unwrap();
            }
        }
        handle.wait_for(seq, AT_MOST).await.unwrap();
        outcomes.push(units(&view(&handle)));
        let restarted = picture::start(store).await.unwrap();
        assert_eq!(outcomes.last(), Some(&units(&view(&restarted))));
        assert_eq!(view(&handle).version(Collection::Units), view(&restarted).version(Collection::Units));
    }
    assert_eq!(outcomes[0], outcomes[1]);
}

#[tokio::test]
async fn a_step_tells_what_was_really_applied() {
    let (store, mut random) = (MemoryStore::new(), Random::new(14));
    let id = random.uuid();
    store.put(vec![put(Collection::Units, id, None, unit("Tổ", None))]);
    let handle = picture::start(store.clone()).await.unwrap();
    let mut steps = handle.subscribe();
    let seq = store.fix(vec![fix(id, 5, 103.0), fix(id, 4, 102.9), fix(id, 6, 103.1), fix(id, 6, 103.2)]);
    let step = steps.recv().await.unwrap();
    let [Event::Fixes(batch)] = &*step.events else { panic!("one group of fixes, not {:?}", step.events) };
    assert_eq!(batch.fixes.iter().map(|fix| fix.lon).collect::<Vec<_>>(), [103.0, 103.1]);
    assert_eq!((&*step.moved, step.picture.seq, batch.seq), (&[id][..], seq, seq));
    // A stale group is nothing to tell, but the picture has come so far.
    let seq = store.fix(vec![fix(id, 1, 100.0)]);
    let step = steps.recv().await.unwrap();
    assert_eq!((step.events.len(), step.moved.len(), step.picture.seq), (0, 0, seq));
    assert!(step.picture.layer(Collection::Units).version() < seq);
}

#[tokio::test]
async fn a_unit_without_a_fix_counts_at_its_post() {
    let (store, mut random) = (MemoryStore::new(), Random::new(15));
    let (team, first, second) = (random.uuid(), random.uuid(), random.uuid());
    let post = |lon: f64| Some(Geometry::from(Point::new(lon, 22.5)));
    let station = |id, place| put(Collection::Stations, id, place, json!({"name": "Đồn", "kind": "border_post"}));
    store.put(vec![
        station(first, post(102.5)),
        station(second, post(103.5)),
        put(Collection::Units, team, None, unit("Tổ", Some(first))),
    ]);
    let handle = picture::start(store.clone()).await.unwrap();
    let seen = |what: &str| {
        let view = view(&handle);
        let shown = view.item(Collection::Units, team).unwrap();
        let version = view.version(Collection::Units);
        println!("{what}: version {version}");
        (shown.geometry().cloned(), shown.text("fix_source").map(String::from), shown.raw("fix_at").is_some())
    };
    let source = |word: &str| Some(word.to_owned());
    assert_eq!(seen("at first"), (post(102.5), source("post"), false));
    // The post is drawn anew: the unit moves with it, and the feed is told.
    let mut steps = handle.subscribe();
    store.put(vec![station(first, post(102.6))]);
    let step = steps.recv().await.unwrap();
    assert_eq!(&*step.moved, [team]);
    assert_eq!(step.picture.layer(Collection::Units).version(), step.picture.seq);
    assert_eq!(seen("post moved"), (post(102.6), source("post"), false));
    let restarted = picture::start(store.clone()).await.unwrap();
    assert_eq!(view(&restarted).version(Collection::Units), view(&handle).version(Collection::Units));
    // The unit gets another post.
    let seq = store.put(vec![put(Collection::Units, team, None, unit("Tổ", Some(second)))]);
    handle.wait_for(seq, AT_MOST).await.unwrap();
    assert_eq!(seen("other post"), (post(103.5), source("post"), false));
    // A fix wins over every post, and a change of the record does not lose it.
    store.fix(vec![fix(team, 1, 103.0)]);
    let seq = store.put(vec![put(Collection::Units, team, None, unit("Tổ mới", Some(first)))]);
    let picture = handle.wait_for(seq, AT_MOST).await.unwrap();
    let there = Some(Geometry::from(Point::new(103.0, 22.0)));
    assert_eq!(seen("fixed"), (there, source("gps"), true));
    // The record itself knows nothing of it.
    let record = Arc::clone(picture.layer(Collection::Units).get(team).unwrap()).record();
    assert_eq!(
        (record.property("fix_at"), record.property("name"), record.geometry),
        (None, Some("Tổ mới".into()), None)
    );
    // A post without a known place gives no position.
    let lost = random.uuid();
    let third = random.uuid();
    let seq = store.put(vec![station(third, None), put(Collection::Units, lost, None, unit("Tổ 2", Some(third)))]);
    handle.wait_for(seq, AT_MOST).await.unwrap();
    let view = view(&handle);
    let shown = view.item(Collection::Units, lost).unwrap();
    assert_eq!((shown.geometry(), shown.raw("fix_source")), (None, None));
}
