//! The stores through their contract: what goes in comes out, and what must not get in does not.

use std::sync::Arc;

use geo_types::{Geometry, LineString, MultiPolygon, Polygon};
use serde_json::json;
use trucban::domain::collection::GeometryKind;
use trucban::domain::schema::{FieldKind, SetBy};
use trucban::domain::{Code, Collection, Event, FixSource, Timestamp};
use trucban::store::gpkg::{GpkgStore, OpenOptions};
use trucban::store::{Store, StoreError};
use uuid::Uuid;

use crate::store_places::{Place, on_every_store};
use crate::store_support::{Folder, call, expecting, fix, household, keyed, object, put, put_one, records};

on_every_store!(
    a_record_comes_back_from_its_row_as_it_went_into_the_journal,
    a_whole_number_in_a_real_field_and_a_negative_zero_get_one_form,
    a_version_that_has_moved_on_is_a_conflict_and_leaves_nothing,
    a_refused_member_does_not_harm_the_others_of_its_group,
    the_same_key_and_body_happen_once_also_after_a_restart,
    codes_count_by_series_and_quarter_of_the_province,
    changes_and_fixes_come_in_one_order,
    the_newest_fix_by_fix_time_wins_before_and_after_a_restart,
    a_snapshot_stays_at_its_moment,
    what_no_record_may_hold_is_refused,
    erased_personal_values_leave_the_rest_whole,
    meta_values_and_the_last_sign_of_life_are_kept,
);

async fn a_record_comes_back_from_its_row_as_it_went_into_the_journal(place: Place) {
    let store = place.open().await;
    for collection in Collection::ALL {
        let id = Uuid::now_v7();
        let mut properties = serde_json::Map::new();
        for field in collection.fields().iter().filter(|f| !f.personal && f.set_by != SetBy::Fix && f.name != "code") {
            let value = match field.kind {
                FieldKind::Text(_) => json!("Bản \"Sín Chải\"\\\n\tĐồn biên phòng"),
                FieldKind::Integer(_, max) => json!(max),
                FieldKind::Real(min, _) => json!(min + 0.1 + 0.2),
                FieldKind::Boolean => json!(true),
                FieldKind::Time => json!("2026-11-22T19:14:36.007Z"),
                FieldKind::Date => json!("2025-07-01"),
                FieldKind::Choice(words) => json!(words[0]),
                FieldKind::Choices(words) => json!([words[0]]),
                FieldKind::Reference => json!(id.to_string()),
                FieldKind::References => json!([id.to_string(), id.to_string()]),
                FieldKind::Texts(_) => json!(["a", "\"b\""]),
                FieldKind::Json(_) => json!({"z": [1, 2.5, -0.0, null], "a": {"é": 1e300}}),
            };
            properties.insert(field.name.to_owned(), value);
        }
        let ring = LineString::from(vec![(103.0, 22.0), (103.1, 22.0), (103.1, 22.100_000_000_000_1), (103.0, 22.0)]);
        let polygon = Polygon::new(ring.clone(), Vec::new());
        let mut wanted = put(collection, id, json!({}));
        wanted.properties = properties;
        wanted.geometry = match (collection, collection.geometry_kind()) {
            (_, GeometryKind::Line) => Some(Geometry::LineString(ring)),
            (Collection::AdminUnits, _) => Some(Geometry::Polygon(polygon)),
            (_, GeometryKind::Area) => Some(Geometry::MultiPolygon(MultiPolygon(vec![polygon.clone(), polygon]))),
            (Collection::Incidents, _) => None,
            _ => wanted.geometry,
        };
        let appended = put_one(&*store, wanted).await.unwrap();
        let change = &appended.changes[0];
        let from_row = records(&*store, collection).await;
        assert_eq!(from_row.len(), 1);
        assert_eq!(from_row[0], *change.record, "{collection}: the row");
        let journal = store.history(collection, id).await.unwrap();
        assert_eq!(journal[0], *change, "{collection}: the journal");
    }
}

async fn a_whole_number_in_a_real_field_and_a_negative_zero_get_one_form(place: Place) {
    let store = place.open().await;
    let properties = json!({"name": "A", "kind": "post", "elevation_m": 900, "managed_km": -0.0});
    let appended = put_one(&*store, put(Collection::Stations, Uuid::now_v7(), properties)).await.unwrap();
    let text = &appended.changes[0].record.properties;
    assert!(text.contains(r#""elevation_m":900.0,"kind":"post","managed_km":0.0"#), "{text}");
    assert_eq!(records(&*store, Collection::Stations).await[0].properties, *text);
}

async fn a_version_that_has_moved_on_is_a_conflict_and_leaves_nothing(place: Place) {
    let store = place.open().await;
    let (id, other) = (Uuid::now_v7(), Uuid::now_v7());
    let seq = put_one(&*store, household(id, 1)).await.unwrap().seq();
    let stale = expecting(call(vec![household(other, 1), household(id, 9)]), Collection::Households, id, 0);
    match store.append(stale).await {
        Err(StoreError::Conflict { expected: 0, present: 1, id: which, .. }) => assert_eq!(which, id),
        other => panic!("{other:?}"),
    }
    let fresh = expecting(call(vec![household(id, 2)]), Collection::Households, id, 1);
    let appended = store.append(fresh).await.unwrap();
    assert_eq!(appended.changes[0].record.version, 2);
    assert_eq!(appended.seq(), seq + 1, "a refused call takes no seq");
    assert_eq!(records(&*store, Collection::Households).await.len(), 1);
}

async fn a_refused_member_does_not_harm_the_others_of_its_group(place: Place) {
    let store = place.open().await;
    let id = Uuid::now_v7();
    put_one(&*store, household(id, 1)).await.unwrap();
    let calls = (0..200_u32).map(|n| {
        let put = household(if n % 2 == 0 { Uuid::now_v7() } else { id }, 2);
        let version = u32::from(n % 2 == 1);
        let call = expecting(call(vec![put.clone()]), Collection::Households, put.id, version);
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.append(call).await })
    });
    let (mut taken, mut conflicts) = (0, 0);
    for task in calls.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(_) => taken += 1,
            Err(StoreError::Conflict { .. }) => conflicts += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((taken, conflicts), (101, 99), "one of the hundred that wanted version 1 wins");
    let events = store.changes_after(0, 1_000).await.unwrap();
    let seqs: Vec<u64> = events.iter().map(Event::seq).collect();
    assert_eq!(seqs, (1..=102).collect::<Vec<u64>>(), "no gap where a member was refused");
}

async fn the_same_key_and_body_happen_once_also_after_a_restart(place: Place) {
    let store = place.open().await;
    let (key, id) = (Uuid::now_v7(), Uuid::now_v7());
    let mut with_phone = household(id, 4);
    with_phone.personal = object(json!({"phone": "0912"}));
    let first = store.append(keyed(call(vec![with_phone.clone()]), key, 1)).await.unwrap();
    assert!(!first.replayed);
    assert_eq!(first.changes[0].request_id, key);
    store.close().await;
    drop(store);
    let store = place.open().await;
    let again = store.append(keyed(call(vec![with_phone.clone()]), key, 1)).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.changes, first.changes);
    let other = store.append(keyed(call(vec![with_phone]), key, 2)).await;
    assert!(matches!(other, Err(StoreError::IdempotencyMismatch)));
    assert_eq!(store.history(Collection::Households, id).await.unwrap().len(), 1);
}

async fn codes_count_by_series_and_quarter_of_the_province(place: Place) {
    let store = place.open().await;
    let incident = |valid_at: &str| {
        let mut put = put(Collection::Incidents, Uuid::now_v7(), json!({"kind": "landslide"}));
        put.valid_at = Some(Timestamp::parse(valid_at).unwrap());
        put
    };
    let mut codes = Vec::new();
    let mut refused = call(vec![incident("2026-11-23T00:00:00Z")]);
    refused.expects.push(trucban::store::Expect { collection: Collection::Incidents, id: Uuid::now_v7(), version: 1 });
    store.append(refused).await.unwrap_err();
    let mut exercise = call(vec![incident("2026-11-23T00:00:00Z")]);
    exercise.exercise_id = Some(Uuid::now_v7());
    let mut brought = incident("2026-11-23T00:00:00Z");
    brought.properties.insert("code".to_owned(), json!("LC-2026-Q4-0146"));
    for call in [
        call(vec![incident("2026-12-31T16:59:00Z"), incident("2026-12-31T17:01:00Z")]),
        exercise,
        call(vec![brought]),
        call(vec![incident("2026-11-23T00:00:00Z")]),
    ] {
        for change in store.append(call).await.unwrap().changes {
            codes.push(change.record.property("code").unwrap().as_str().unwrap().to_owned());
        }
    }
    assert_eq!(codes, ["LC-2026-Q4-0001", "LC-2027-Q1-0001", "DT-2026-Q4-0001", "LC-2026-Q4-0146", "LC-2026-Q4-0147"]);
}

async fn changes_and_fixes_come_in_one_order(place: Place) {
    let store = place.open().await;
    let unit = Uuid::now_v7();
    for n in 0..5_i64 {
        put_one(&*store, household(Uuid::now_v7(), n)).await.unwrap();
        let mut told = fix(unit, 1_000 * n, 103.0);
        told.source = FixSource::Radio;
        told.heard_by = Some("trực ban".into());
        let fixes: Arc<[_]> = vec![fix(unit, 1_000 * n + 1, 103.5), told].into();
        let taken = store.append_fixes(Arc::clone(&fixes)).await.unwrap();
        match &store.changes_after(taken.seq - 1, 10).await.unwrap()[..] {
            [Event::Fixes(batch)] => assert_eq!(batch.fixes, fixes),
            other => panic!("{other:?}"),
        }
    }
    let events = store.changes_after(0, 100).await.unwrap();
    assert_eq!(events.iter().map(Event::seq).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    assert_eq!(*store.durable_seq().borrow(), 10);
    let reader = place.records().reader().await;
    for limit in [1, 3, 10] {
        assert_eq!(store.changes_after(0, limit).await.unwrap(), events[..limit]);
        assert_eq!(reader.changes_after(0, limit).await.unwrap(), events[..limit], "as the journal has it");
    }
    assert!(store.changes_after(10, 10).await.unwrap().is_empty());
}

async fn the_newest_fix_by_fix_time_wins_before_and_after_a_restart(place: Place) {
    let unit = Uuid::now_v7();
    for round in 0..2_i64 {
        let store = place.open().await;
        let at = 10_000 * (round + 1);
        for fixes in [vec![fix(unit, at, 103.0)], vec![fix(unit, at - 5_000, 104.0)], vec![fix(unit, at, 105.0)]] {
            store.append_fixes(fixes.into()).await.unwrap();
        }
        let newest = store.snapshot().await.unwrap().newest_fixes().unwrap();
        assert_eq!(newest, [(fix(unit, at, 103.0), 3 * round.cast_unsigned() + 1)]);
        store.close().await;
    }
    let store = place.open().await;
    assert_eq!(store.snapshot().await.unwrap().newest_fixes().unwrap(), [(fix(unit, 20_000, 103.0), 4)]);
}

async fn a_snapshot_stays_at_its_moment(place: Place) {
    let store = place.open().await;
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    put_one(&*store, household(Uuid::now_v7(), 2)).await.unwrap();
    let mut found = 0;
    snapshot.records(Collection::Households, &mut |_, seq| found += seq).unwrap();
    assert_eq!((snapshot.seq(), found), (1, 1));
}

#[tokio::test]
async fn a_second_writer_is_refused_and_told_who_holds_the_folder() {
    let folder = Folder::new();
    let store = folder.open();
    store.announce("http://127.0.0.1:8080").unwrap();
    match GpkgStore::open(folder.path(), &OpenOptions::default()) {
        Err(StoreError::Refused(problem)) => {
            assert_eq!(problem.code, Code::FolderLocked);
            let holder = format!("pid {} http://127.0.0.1:8080", std::process::id());
            assert!(problem.detail_en.contains(&holder), "{}", problem.detail_en);
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    let reader = GpkgStore::open_read(folder.path()).unwrap();
    assert_eq!(records(&*reader, Collection::Households).await.len(), 1);
    assert!(matches!(put_one(&*reader, household(Uuid::now_v7(), 1)).await, Err(StoreError::Unavailable(_))));
    store.close().await;
    assert!(matches!(put_one(&*store, household(Uuid::now_v7(), 1)).await, Err(StoreError::Unavailable(_))));
    folder.open();
}

async fn what_no_record_may_hold_is_refused(place: Place) {
    let store = place.open().await;
    let refused = |properties| {
        let (store, put) = (Arc::clone(&store), put(Collection::Households, Uuid::now_v7(), properties));
        async move {
            match put_one(&*store, put).await {
                Err(StoreError::Refused(problem)) => problem.code,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(refused(json!({"phone": "0912"})).await, Code::UnknownField, "a personal value among the others");
    assert_eq!(refused(json!({"colour": "red"})).await, Code::UnknownField);
    assert_eq!(refused(json!({"member_count": "four"})).await, Code::InvalidValue);
    let mut line = household(Uuid::now_v7(), 1);
    line.geometry = Some(Geometry::LineString(LineString::from(vec![(103.0, 22.0), (103.1, 22.1)])));
    assert!(matches!(put_one(&*store, line).await, Err(StoreError::Refused(p)) if p.code == Code::InvalidGeometry));
    assert_eq!(*store.durable_seq().borrow(), 0);
}

async fn erased_personal_values_leave_the_rest_whole(place: Place) {
    let store = place.open().await;
    let id = Uuid::now_v7();
    let mut with_phone = household(id, 4);
    with_phone.personal = object(json!({"phone": "0912", "head_name": "Lò Văn A"}));
    put_one(&*store, with_phone.clone()).await.unwrap();
    with_phone.properties.insert("children".to_owned(), json!(2));
    let appended = put_one(&*store, with_phone).await.unwrap();
    let personal = r#"{"head_name":"Lò Văn A","phone":"0912"}"#;
    assert_eq!(appended.changes[0].record.personal.as_deref(), Some(personal));
    assert_eq!(records(&*store, Collection::Households).await[0].personal.as_deref(), Some(personal));
    let gone = store.erase_personal(Collection::Households, id).await.unwrap();
    assert_eq!(gone, 1, "both versions share the unchanged values");
    assert_eq!(records(&*store, Collection::Households).await[0].personal, None);
    let history = store.history(Collection::Households, id).await.unwrap();
    assert!(history.iter().all(|change| change.record.personal.is_none()));
    assert!(history[1].record.properties.contains("children"));
}

async fn meta_values_and_the_last_sign_of_life_are_kept(place: Place) {
    let store = place.open().await;
    assert_eq!(store.blind_since(), None);
    store.set_meta("demo", "yes".to_owned()).await.unwrap();
    assert_eq!(store.meta("demo").await.unwrap().as_deref(), Some("yes"));
    assert_eq!(store.meta("nothing").await.unwrap(), None);
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    store.close().await;
    let store = place.open().await;
    assert!(store.blind_since().is_some());
    assert_eq!(store.meta("demo").await.unwrap().as_deref(), Some("yes"));
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_open_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let data = folder.path().join("data");
    let store = GpkgStore::open(&data, &OpenOptions::default()).unwrap();
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for name in ["trucban.gpkg", "trucban.gpkg-wal", "trucban.gpkg-shm", "lock"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
}
