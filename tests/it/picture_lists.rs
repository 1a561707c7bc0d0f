//! Lists: filters, words, times, boxes, pages; what a feature looks like; the search box.

use geo_types::{Geometry, Point, polygon};
use serde_json::{Value, json};
use trucban::domain::{Actor, Collection, Timestamp};
use trucban::picture::{self, Hit, ItemsQuery, PictureHandle, PropertyFilter, View};
use uuid::Uuid;

use crate::support::memory_store::{MemoryStore, put};

fn at(lon: f64, lat: f64) -> Option<Geometry> {
    Some(Point::new(lon, lat).into())
}

async fn picture_of(records: Vec<(Collection, Option<Geometry>, Value)>) -> PictureHandle {
    let store = MemoryStore::new();
    let numbered = records.into_iter().enumerate();
    store.put(
        numbered.map(|(n, (c, geometry, value))| put(c, Uuid::from_u128(n as u128 + 1), geometry, value)).collect(),
    );
    picture::start(store).await.unwrap()
}

fn view(handle: &PictureHandle) -> View {
    handle.view(&Actor::system(), Timestamp::from_ms(1_800_000_000_000))
}

fn query(collection: Collection) -> ItemsQuery {
    let (bbox, datetime, filters, q) = (None, None, Vec::new(), None);
    ItemsQuery { collection, bbox, datetime, filters, q, ended: false, limit: 100, offset: 0 }
}

/// The numbers of the records found.
fn found(view: &View, query: &ItemsQuery) -> Vec<u128> {
    view.items(query).shown.iter().map(|shown| shown.id().as_u128()).collect()
}

fn filter(name: &str, any_of: &[&str]) -> Vec<PropertyFilter> {
    vec![PropertyFilter { name: name.to_owned(), any_of: any_of.iter().map(|word| (*word).to_owned()).collect() }]
}

#[tokio::test]
async fn every_kind_of_field_filters() {
    let unit = |name: &str, crew: u32, capabilities: &[&str]| {
        let value = json!({"name": name, "force": "police", "kind": "patrol", "crew": crew,
            "capabilities": capabilities, "status_at": "2026-11-22T19:14:36.000Z", "status": "available"});
        (Collection::Units, None, value)
    };
    let handle = picture_of(vec![
        unit("Tổ \"một\"", 4, &["boat", "truck"]),
        unit("Tổ hai", 12, &["truck"]),
        (Collection::Units, None, json!({"name": "Tổ ba", "force": "civil", "kind": "boat_team"})),
        (Collection::Shelters, None, json!({"name": "Trường", "capacity": 100, "is_open": true})),
        (Collection::Shelters, None, json!({"name": "Nhà", "capacity": 50, "is_open": false})),
        (Collection::Shelters, None, json!({"name": "Trạm", "capacity": 50})),
    ])
    .await;
    let view = view(&handle);
    let units = |name: &str, any_of: &[&str]| {
        found(&view, &ItemsQuery { filters: filter(name, any_of), ..query(Collection::Units) })
    };
    assert_eq!(units("name", &["Tổ \"một\""]), [1]);
    assert_eq!(units("kind", &["boat_team", "command"]), [3]);
    assert_eq!(units("crew", &["4"]), [1]);
    assert_eq!(units("crew", &["4.0", "12"]), [1, 2]);
    assert_eq!(units("capabilities", &["truck"]), [1, 2]);
    assert_eq!(units("capabilities", &["boat"]), [1]);
    assert_eq!(units("status_at", &["2026-11-23T02:14:36+07:00"]), [1, 2]);
    assert_eq!(units("crew", &["many"]), Vec::<u128>::new());
    assert_eq!(units("no_such_field", &["x"]), Vec::<u128>::new());
    let mut both = query(Collection::Units);
    both.filters = [filter("force", &["police"]), filter("capabilities", &["boat"])].concat();
    assert_eq!(found(&view, &both), [1]);
    let shelters = |any_of: &[&str]| {
        found(&view, &ItemsQuery { filters: filter("is_open", any_of), ..query(Collection::Shelters) })
    };
    assert_eq!((shelters(&["true"]), shelters(&["false"])), (vec![4], vec![5]));
}

#[tokio::test]
async fn words_are_found_with_and_without_diacritics() {
    let handle = picture_of(vec![
        (
            Collection::Places,
            at(102.8, 22.4),
            json!({"name": "Bản Sín Chải", "kind": "hamlet", "aliases": ["Xín Chải"]}),
        ),
        (Collection::Places, at(102.9, 22.4), json!({"name": "Bản Đường Đi", "kind": "hamlet"})),
        (
            Collection::Places,
            at(102.9, 22.5),
            json!({"name": "Chải", "kind": "pass", "ended_at": "2026-01-01T00:00:00.000Z"}),
        ),
    ])
    .await;
    let view = view(&handle);
    let words = |q: &str| found(&view, &ItemsQuery { q: Some(q.to_owned()), ..query(Collection::Places) });
    assert_eq!(words("sin chai"), [1]);
    assert_eq!(words("chai XIN"), [1]);
    assert_eq!(words("duong"), [2]);
    assert_eq!(words("Đường"), [2]);
    assert_eq!(words("uong"), Vec::<u128>::new(), "words begin so");
    let all = ItemsQuery { q: Some("chải".to_owned()), ended: true, ..query(Collection::Places) };
    assert_eq!(found(&view, &all), [1, 3]);
}

#[tokio::test]
async fn times_are_those_of_the_collection() {
    let incident = |value: Value| (Collection::Incidents, None, value);
    let handle = picture_of(vec![
        incident(json!({"kind": "landslide", "occurred_at": "2026-07-01T00:00:00.000Z", "closed_at": "2026-07-05T00:00:00.000Z"})),
        incident(json!({"kind": "flood", "reported_at": "2026-07-10T00:00:00.000Z"})),
        (Collection::RiskZones, None, json!({"name": "Vùng", "kind": "flood",
            "valid_from": "2026-07-01T00:00:00.000Z", "valid_to": "2026-07-03T00:00:00.000Z"})),
        (Collection::AdminUnits, None, json!({"code": "1", "name": "Xã cũ", "kind": "former_commune", "valid_to": "2025-06-30"})),
        (Collection::AdminUnits, None, json!({"code": "2", "name": "Xã", "kind": "commune", "valid_from": "2025-07-01"})),
    ])
    .await;
    let view = view(&handle);
    let when = |collection, from: Option<&str>, to: Option<&str>| {
        let parse = |text: &str| Timestamp::parse(text).unwrap();
        found(&view, &ItemsQuery { datetime: Some((from.map(parse), to.map(parse))), ..query(collection) })
    };
    let july = |day: u32| format!("2026-07-{day:02}T12:00:00Z");
    assert_eq!(when(Collection::Incidents, Some(&july(2)), Some(&july(3))), [1]);
    assert_eq!(when(Collection::Incidents, Some(&july(6)), Some(&july(7))), Vec::<u128>::new());
    assert_eq!(when(Collection::Incidents, Some(&july(20)), None), [2], "still open");
    assert_eq!(when(Collection::Incidents, None, None), [1, 2]);
    assert_eq!(when(Collection::RiskZones, Some(&july(3)), None), Vec::<u128>::new());
    assert_eq!(when(Collection::RiskZones, None, Some(&july(1))), [3]);
    let last_minute = Some("2025-06-30T23:59:00+07:00");
    assert_eq!(when(Collection::AdminUnits, last_minute, last_minute), [4]);
    let first_minute = Some("2025-07-01T00:00:00+07:00");
    assert_eq!(when(Collection::AdminUnits, first_minute, first_minute), [5]);
}

#[tokio::test]
async fn a_box_meets_geometries_and_crosses_the_date_line() {
    let corner: Geometry =
        polygon![(x: 10.0, y: 10.0), (x: 20.0, y: 10.0), (x: 10.0, y: 20.0), (x: 10.0, y: 10.0)].into();
    let zone = json!({"name": "Vùng", "kind": "flood", "valid_to": "2030-01-01T00:00:00.000Z"});
    let handle = picture_of(vec![
        (Collection::RiskZones, Some(corner), zone),
        (Collection::Places, at(179.5, 5.0), json!({"name": "Đông", "kind": "town"})),
        (Collection::Places, at(-179.5, 5.0), json!({"name": "Tây", "kind": "town"})),
        (Collection::Places, None, json!({"name": "Không rõ", "kind": "town"})),
    ])
    .await;
    let view = view(&handle);
    let zones = |bbox| found(&view, &ItemsQuery { bbox: Some(bbox), ..query(Collection::RiskZones) });
    assert_eq!(zones([11.0, 11.0, 12.0, 12.0]), [1], "inside the zone");
    assert_eq!(zones([5.0, 5.0, 30.0, 30.0]), [1], "around the zone");
    assert_eq!(zones([18.0, 18.0, 19.0, 19.0]), Vec::<u128>::new(), "in its envelope, not in the zone");
    assert_eq!(zones([20.0, 10.0, 21.0, 11.0]), [1], "a common corner");
    let places = |bbox| found(&view, &ItemsQuery { bbox: Some(bbox), ..query(Collection::Places) });
    assert_eq!(places([179.0, 0.0, -179.0, 10.0]), [2, 3]);
    assert_eq!(places([-179.0, 0.0, 179.0, 10.0]), Vec::<u128>::new());
    assert_eq!(places([-180.0, -90.0, 180.0, 90.0]), [2, 3], "one without a place is in no box");
}

#[tokio::test]
async fn pages_hold_every_record_once_in_one_order() {
    let places = (0..57).map(|n| {
        let kind = if n % 3 == 0 { "town" } else { "hamlet" };
        (Collection::Places, at(102.0 + f64::from(n) * 0.01, 22.0), json!({"name": format!("Bản {n}"), "kind": kind}))
    });
    let handle = picture_of(places.collect()).await;
    let view = view(&handle);
    let boxes = [None, Some([101.0, 21.0, 104.0, 23.0])];
    for (bbox, filters) in boxes.into_iter().flat_map(|bbox| [(bbox, vec![]), (bbox, filter("kind", &["hamlet"]))]) {
        let whole = ItemsQuery { bbox, filters, limit: 1_000, ..query(Collection::Places) };
        let all = found(&view, &whole);
        assert!(all.is_sorted() && !all.is_empty());
        let mut paged = Vec::new();
        for offset in (0..70).step_by(7) {
            let page = ItemsQuery { limit: 7, offset, ..whole.clone() };
            assert_eq!(view.items(&page).matched, all.len());
            paged.extend(found(&view, &page));
        }
        assert_eq!(paged, all);
    }
}

#[tokio::test]
async fn a_feature_is_written_whole() {
    let store = MemoryStore::new();
    let mut home = put(
        Collection::Households,
        Uuid::from_u128(7),
        at(102.5, 22.25),
        json!({"member_count": 4, "hamlet": "Bản \"Mới\""}),
    );
    home.personal = json!({"head_name": "Giàng A Páo"}).as_object().unwrap().clone();
    let empty = put(Collection::DutyLog, Uuid::from_u128(8), None, json!({}));
    store.put(vec![home, empty]);
    let handle = picture::start(store).await.unwrap();
    let view = view(&handle);
    let mut out = Vec::new();
    view.item(Collection::Households, Uuid::from_u128(7)).unwrap().write_geojson(&[("distance_m", "1.5")], &mut out);
    let read: Value = serde_json::from_slice(&out).unwrap();
    let expected = json!({
        "type": "Feature", "id": "00000000-0000-0000-0000-000000000007", "distance_m": 1.5,
        "geometry": {"type": "Point", "coordinates": [102.5, 22.25]},
        "properties": {"member_count": 4, "hamlet": "Bản \"Mới\"", "head_name": "Giàng A Páo", "precision": "exact",
            "version": 1,
            "recorded_at": "2027-01-15T08:00:00.001Z"},
    });
    assert_eq!(read, expected);
    out.clear();
    view.item(Collection::DutyLog, Uuid::from_u128(8)).unwrap().write_geojson(&[], &mut out);
    let read: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&read["geometry"], &read["properties"]["version"]), (&Value::Null, &json!(1)));
}

/// The shipped ground, as a fresh folder gets it.
async fn shipped_ground() -> PictureHandle {
    let store = MemoryStore::new();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("geodata/ground");
    for collection in Collection::ALL {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("{collection}.geojson"))) else { continue };
        let file: geojson::FeatureCollection = text.parse().unwrap();
        let puts = file.features.into_iter().map(|feature| {
            let Some(geojson::feature::Id::String(id)) = feature.id else { panic!("an id") };
            let geometry = feature.geometry.map(|geometry| Geometry::try_from(geometry).unwrap());
            let properties = Value::Object(feature.properties.unwrap_or_default());
            put(collection, Uuid::parse_str(&id).unwrap(), geometry, properties)
        });
        store.put(puts.collect());
    }
    picture::start(store).await.unwrap()
}

#[tokio::test]
async fn the_search_box_finds_names_old_and_new() {
    let handle = shipped_ground().await;
    let view = view(&handle);
    let search = |text: &str| view.search(text, 10);
    let titles = |hits: &[Hit]| hits.iter().map(|hit| hit.title.clone()).collect::<Vec<_>>();
    for typed in ["muong te", "Mường Tè", "MUONG  TE", "Mu\u{31b}o\u{31b}\u{300}ng Te\u{300}", "xa muong te"] {
        let hits = search(typed);
        assert_eq!(hits[0].collection, Collection::AdminUnits, "{typed}: {:?}", titles(&hits));
        assert!(titles(&hits).iter().any(|title| title == "Xã Mường Tè"), "{typed}: {:?}", titles(&hits));
    }
    // A commune that is no more leads to the one that took its place.
    let hits = search("Pa Ve Su");
    let in_force =
        |unit: &picture::Shown<'_>| unit.text("code").as_deref() == Some("03466") && unit.raw("valid_to").is_none();
    let successor = view.all(Collection::AdminUnits).find(in_force).unwrap();
    let old = hits.iter().find(|hit| hit.title == "Xã Pa Vệ Sủ").unwrap();
    assert_eq!(old.id, successor.id());
    assert!(old.subtitle.contains("nay là Xã Bum Nưa"), "{}", old.subtitle);
    assert!(old.lon.is_some() && old.bbox.is_some());
    assert_eq!(titles(&search("ql12"))[0], "Quốc lộ 12");
    assert_eq!(titles(&search("don bien phong mu ca"))[0], "Đồn Biên phòng Mù Cả");
    assert_eq!(titles(&search("cua khau ma lu thang"))[0], "Cửa khẩu Ma Lù Thàng – Kim Thủy Hà (Jinshuihe)");
    assert!(titles(&search("thang don lu")).contains(&"Đồn Biên phòng Cửa khẩu Ma Lù Thàng".to_owned()), "any order");
    assert!(titles(&search("pu si")).iter().any(|title| title == "Đỉnh Pu Si Lung"), "by an alias");
    assert_eq!(view.search("ban", 3).len(), 3);
    assert!(search("").is_empty() && search("  – ").is_empty() && search("không có gì như vậy").is_empty());
    assert!(search(&"x".repeat(100_000)).is_empty());
}

#[tokio::test]
async fn codes_are_found_and_heads_of_households_are_not() {
    let store = MemoryStore::new();
    let mut home = put(
        Collection::Households,
        Uuid::from_u128(1),
        at(102.5, 22.25),
        json!({"member_count": 4, "code": "HD-03466-0012", "hamlet": "Sín Chải"}),
    );
    home.personal = json!({"head_name": "Giàng A Páo"}).as_object().unwrap().clone();
    let other =
        put(Collection::Households, Uuid::from_u128(2), None, json!({"member_count": 4, "code": "HD-03466-0013"}));
    let incident = put(
        Collection::Incidents,
        Uuid::from_u128(3),
        None,
        json!({"kind": "landslide", "code": "LC-2026-Q4-0147", "title": "Sạt lở Km46"}),
    );
    let road = put(
        Collection::Places,
        Uuid::from_u128(4),
        at(102.0, 22.0),
        json!({"name": "Đường đi Huổi Luông", "kind": "junction"}),
    );
    store.put(vec![home, other, incident, road]);
    let handle = picture::start(store).await.unwrap();
    let view = view(&handle);
    let ids = |text: &str| view.search(text, 10).iter().map(|hit| hit.id.as_u128()).collect::<Vec<_>>();
    assert_eq!(ids("hd-03466-0012"), [1]);
    assert_eq!(ids("HD-03466"), [1, 2]);
    assert_eq!(ids("Giàng A Páo"), Vec::<u128>::new());
    assert_eq!(ids("giang"), Vec::<u128>::new());
    assert_eq!(ids("LC-2026-Q4-0147"), [3]);
    assert_eq!(ids("lc 2026 q4"), [3]);
    assert_eq!(ids("sat lo"), [3]);
    assert_eq!(ids("duong di"), [4]);
}
