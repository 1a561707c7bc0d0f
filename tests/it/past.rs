//! Earlier moments: the picture as it was known then is the one that was live then; and what was true then, as far as it
//! is known later, is what a model of the two times says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use trucban::domain::moment::Moment;
use trucban::domain::{Actor, Collection, Fix, Timestamp};
use trucban::picture::{self, PastPictures, Picture, View};
use trucban::store::{Append, Put, Store};
use uuid::Uuid;

use crate::store_places::{Place, on_both_engines};
use crate::store_support::{call, fix, put};
use crate::support::random::Random;

on_both_engines!(
    every_moment_is_shown_as_it_was_live_then,
    what_was_told_later_counts_where_it_was_true_and_nowhere_else,
    a_moment_before_the_first_change_is_empty,
);

const AT_MOST: Duration = Duration::from_secs(20);
/// Moments that are looked at, and writes between them.
const MOMENTS: usize = 100;
const WRITES_A_MOMENT: usize = 4;

/// Collections beside units and posts, each with a field of its own.
const OTHERS: [(Collection, &str); 3] =
    [(Collection::Incidents, "title"), (Collection::Households, "hamlet"), (Collection::Shelters, "name")];

fn field_of(collection: Collection) -> &'static str {
    OTHERS.iter().find(|(other, _)| *other == collection).expect("one of these").1
}

/// Records by collection and id.
type Everything = BTreeMap<(Collection, Uuid), Value>;

/// All that a picture shows, record by record, without the seqs of what is told of two times at once.
fn everything(picture: Arc<Picture>) -> Everything {
    let view = View::new(picture, Arc::new(Actor::system()), Timestamp::from_ms(1_800_000_000_000));
    let mut all = BTreeMap::new();
    for collection in Collection::ALL {
        for shown in view.all(collection) {
            let geometry = shown.geometry().map(|geometry| format!("{geometry:?}"));
            let told = json!({
                "version": shown.version(), "seq": shown.seq(), "geometry": geometry, "properties": shown.properties(),
            });
            all.insert((collection, shown.id()), told);
        }
    }
    all
}

/// The clock of the store has passed on, so that the next change is recorded later than the last.
async fn a_moment_later() -> Timestamp {
    let now = trucban::store::clock::now();
    tokio::time::sleep(Duration::from_millis(3)).await;
    now
}

/// The picture that holds the last write.
async fn caught_up(handle: &picture::PictureHandle, written: u64) -> Arc<Picture> {
    handle.wait_for(written, AT_MOST).await.expect("the picture follows")
}

async fn every_moment_is_shown_as_it_was_live_then(place: Place) {
    let seed = 20_261_127;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let store: Arc<dyn Store> = place.open().await;
    let handle = picture::start(Arc::clone(&store)).await.unwrap();
    let stations: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
    let units: Vec<Uuid> = (0..12).map(|_| Uuid::now_v7()).collect();
    let mut others: Vec<(Collection, Uuid)> = Vec::new();
    let mut live: Vec<(Timestamp, u64, Everything)> = Vec::new();
    let mut written = 0;
    for n in 0..MOMENTS {
        for _ in 0..WRITES_A_MOMENT {
            match random.below(6) {
                0 => {
                    let station = stations[random.below(stations.len())];
                    let mut record = put(Collection::Stations, station, json!({"name": format!("Đồn {n}")}));
                    record.geometry = Some(geo_types::Point::new(random.between(102.5, 103.9), 22.1).into());
                    written = store.append(call(vec![record])).await.unwrap().seq();
                }
                1 => {
                    let (unit, station) = (units[random.below(units.len())], stations[random.below(stations.len())]);
                    let properties = json!({"name": format!("Tổ {n}"), "station_id": station.to_string()});
                    let mut record = put(Collection::Units, unit, properties);
                    record.geometry = None;
                    written = store.append(call(vec![record])).await.unwrap().seq();
                }
                2 => {
                    // Some come late, some twice, some of units that are not known yet.
                    let fixes: Vec<Fix> = (0..1 + random.below(5))
                        .map(|_| {
                            let late_ms = if random.below(3) == 0 { random.below(90_000) as i64 } else { 0 };
                            let at = trucban::store::clock::now().as_ms() - late_ms;
                            fix(units[random.below(units.len())], at, random.between(102.5, 103.9))
                        })
                        .collect();
                    written = store.append_fixes(Arc::from(fixes)).await.unwrap().seq;
                }
                3 if !others.is_empty() => {
                    let (collection, id) = others[random.below(others.len())];
                    let mut properties = json!({field_of(collection): format!("sửa {n}")});
                    if collection != Collection::Incidents && random.below(4) == 0 {
                        properties["ended_at"] = json!("2026-11-27T00:00:00.000Z");
                    }
                    written = store.append(call(vec![put(collection, id, properties)])).await.unwrap().seq();
                }
                _ => {
                    let collection = OTHERS[random.below(OTHERS.len())].0;
                    let id = Uuid::now_v7();
                    others.push((collection, id));
                    let properties = json!({field_of(collection): format!("mới {n}")});
                    written = store.append(call(vec![put(collection, id, properties)])).await.unwrap().seq();
                }
            }
        }
        let picture = caught_up(&handle, written).await;
        live.push((a_moment_later().await, picture.seq, everything(picture)));
    }
    let past = PastPictures::new(Arc::clone(&store), handle.clone());
    let mut order: Vec<usize> = (0..live.len()).collect();
    order.sort_by_cached_key(|_| random.bits());
    for n in order {
        let (at, seq, shown) = &live[n];
        let picture = past.of(Moment { at: *at, known_at: *at }).await.unwrap();
        assert_eq!(picture.seq, *seq, "moment {n}");
        assert_eq!(everything(picture), *shown, "moment {n}");
    }
    store.close().await;
}

/// What reports of an incident tell.
const FIELDS: [&str; 3] = ["title", "place_text", "description"];

/// A late report of a record: what it changed, when that was true, and the seq that told it.
struct Told {
    id: Uuid,
    seq: u64,
    valid_at: Timestamp,
    changed: Map<String, Value>,
    is_first: bool,
}

async fn what_was_told_later_counts_where_it_was_true_and_nowhere_else(place: Place) {
    let seed = 7_112_026;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let store: Arc<dyn Store> = place.open().await;
    let handle = picture::start(Arc::clone(&store)).await.unwrap();
    let unit = Uuid::now_v7();
    store
        .append(call(vec![Put { geometry: None, ..put(Collection::Units, unit, json!({"name": "Tổ 1"})) }]))
        .await
        .unwrap();
    let (mut told, mut now_is): (Vec<Told>, BTreeMap<Uuid, Map<String, Value>>) = (Vec::new(), BTreeMap::new());
    let mut fixes: Vec<(u64, i64, f64)> = Vec::new();
    let mut moments = Vec::new();
    for n in 0..MOMENTS {
        let is_first = now_is.is_empty() || random.below(4) == 0;
        let id = if is_first { Uuid::now_v7() } else { *now_is.keys().nth(random.below(now_is.len())).unwrap() };
        let field = FIELDS[random.below(3)];
        let changed = Map::from_iter([(field.to_owned(), json!(format!("{field} {n}")))]);
        let record = now_is.entry(id).or_default();
        record.extend(changed.clone());
        // Half are told late, by up to all the time that this test has taken so far.
        let late_ms = if random.below(2) == 0 { random.below(3 * n.max(1) + 40) as i64 } else { 0 };
        let valid_at = Timestamp::from_ms(trucban::store::clock::now().as_ms() - late_ms);
        let one = Put { valid_at: Some(valid_at), ..put(Collection::Incidents, id, Value::Object(record.clone())) };
        let appended = store.append(Append { ..call(vec![one]) }).await.unwrap();
        told.push(Told { id, seq: appended.seq(), valid_at, changed, is_first });
        if random.below(3) == 0 {
            let at_ms = trucban::store::clock::now().as_ms() - random.below(3 * n.max(1) + 40) as i64;
            let lon = random.between(102.5, 103.9);
            let seq = store.append_fixes(Arc::from([fix(unit, at_ms, lon)])).await.unwrap().seq;
            fixes.push((seq, at_ms, lon));
        }
        moments.push(a_moment_later().await);
    }
    let last = told.last().map_or(0, |one| one.seq).max(fixes.last().map_or(0, |(seq, ..)| *seq));
    caught_up(&handle, last).await;
    let past = PastPictures::new(Arc::clone(&store), handle.clone());
    let newest = *moments.last().unwrap();
    let mut of_late = 0;
    for _ in 0..MOMENTS {
        let (mut a, mut b) = (random.below(MOMENTS), random.below(MOMENTS));
        (a, b) = (a.min(b), a.max(b));
        // By what is known now, and by what was known at some time between.
        let (at, known_at) = (moments[a], if random.below(2) == 0 { newest } else { moments[b] });
        let (known, through) = (store.seq_at(at).await.unwrap(), store.seq_at(known_at).await.unwrap());
        let mut model: BTreeMap<Uuid, Map<String, Value>> = BTreeMap::new();
        for one in told.iter().filter(|one| one.seq <= through) {
            let counts = one.seq <= known || one.valid_at <= at;
            if counts && (one.is_first || model.contains_key(&one.id)) {
                of_late += usize::from(one.seq > known);
                model.entry(one.id).or_default().extend(one.changed.clone());
            }
        }
        let newest_fix = fixes
            .iter()
            .filter(|(seq, at_ms, _)| *seq <= through && *at_ms <= at.as_ms() && (at != known_at || *seq <= known))
            .max_by_key(|(seq, at_ms, _)| (*at_ms, std::cmp::Reverse(*seq)));
        let picture = past.of(Moment { at, known_at }).await.unwrap();
        let mut shown = everything(picture);
        let stands = shown.remove(&(Collection::Units, unit)).expect("the unit was there from the start");
        let expected = newest_fix
            .map(|(_, _, lon)| format!("{:?}", geo_types::Geometry::Point(geo_types::Point::new(*lon, 22.25))));
        assert_eq!(stands["geometry"].as_str().map(str::to_owned), expected, "the unit at {at}, known at {known_at}");
        let shown: BTreeMap<Uuid, Map<String, Value>> = shown
            .into_iter()
            .map(|((_, id), told)| {
                let mut properties = told["properties"].as_object().unwrap().clone();
                properties.retain(|name, _| FIELDS.contains(&name.as_str()));
                (id, properties)
            })
            .collect();
        assert_eq!(shown, model, "at {at}, known at {known_at}");
    }
    assert!(of_late > MOMENTS, "the test looks at what was told late: {of_late}");
    store.close().await;
}

async fn a_moment_before_the_first_change_is_empty(place: Place) {
    let store: Arc<dyn Store> = place.open().await;
    let handle = picture::start(Arc::clone(&store)).await.unwrap();
    let before = a_moment_later().await;
    let first = put(Collection::Incidents, Uuid::now_v7(), json!({"title": "a"}));
    let written = store.append(call(vec![first])).await.unwrap().seq();
    caught_up(&handle, written).await;
    let past = PastPictures::new(Arc::clone(&store), handle);
    assert!(everything(past.of(Moment { at: before, known_at: before }).await.unwrap()).is_empty());
    let long_ago = Timestamp::from_ms(0);
    assert!(everything(past.of(Moment { at: long_ago, known_at: long_ago }).await.unwrap()).is_empty());
    store.close().await;
}

/// A household's reports are one list: one that comes late brings along what was told before it of later times.
#[tokio::test(flavor = "multi_thread")]
async fn people_who_arrived_later_are_not_in_the_shelter_before() {
    let folder = crate::store_support::Folder::new();
    let store: Arc<dyn Store> = folder.open();
    let handle = picture::start(Arc::clone(&store)).await.unwrap();
    let id = Uuid::now_v7();
    let now_ms = trucban::store::clock::now().as_ms();
    let at = |minutes_ago: i64| Timestamp::from_ms(now_ms - minutes_ago * 60_000);
    let told = |state: &str, of: Timestamp| json!({"id": Uuid::now_v7(), "state": state, "people": 4, "at": of});
    let (left, arrived) = (told("moving", at(30)), told("sheltered", at(10)));
    let write = async |reports: Value, state: &str, of: Timestamp| {
        let mut one = put(Collection::Households, id, json!({"member_count": 4, "state": state, "state_at": of}));
        one.personal = Map::from_iter([("reports".to_owned(), reports)]);
        one.valid_at = Some(of);
        store.append(call(vec![one])).await.unwrap().seq()
    };
    write(json!([]), "registered", at(60)).await;
    // That they arrived is told first; that they had left comes after it.
    write(json!([arrived]), "sheltered", at(10)).await;
    let written = write(json!([left, arrived]), "sheltered", at(30)).await;
    caught_up(&handle, written).await;
    let past = PastPictures::new(Arc::clone(&store), handle);
    let state = async |at: Timestamp| {
        let known_at = trucban::store::clock::now();
        let shown = everything(past.of(Moment { at, known_at }).await.unwrap());
        shown.get(&(Collection::Households, id)).map(|one| one["properties"]["state"].clone())
    };
    assert_eq!(state(at(45)).await, Some(json!("registered")));
    assert_eq!(state(at(20)).await, Some(json!("moving")), "on the way, and not there yet");
    assert_eq!(state(at(5)).await, Some(json!("sheltered")));
    store.close().await;
}
