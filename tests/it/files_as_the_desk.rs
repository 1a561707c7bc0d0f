//! What an import makes of a row is what the desk makes of the same words.

use std::fmt::Write as _;

use geo_types::{Geometry, Point};
use serde_json::{Value, json};
use trucban::desk::{Ask, Item};
use trucban::domain::{Actor, Collection, Role};
use trucban::files::{ImportOptions, ImportSummary, import_file};

use crate::desk_support::{Room, officer, point};
use crate::store_support::{Folder, object};
use crate::support::random::Random;

async fn import(room: &Room, text: &str, collection: Collection) -> ImportSummary {
    let files = Folder::new();
    let path = files.path().join("file.csv");
    std::fs::write(&path, text).unwrap();
    let actor = Actor { name: "import".to_owned(), role: Role::Admin, force: None, unit_id: None };
    let options = ImportOptions { skip_bad: true, ..ImportOptions::into(collection) };
    let summary = import_file(&room.store, &actor, &path, &options, room.desk.now(), &mut |_| {}).await.unwrap();
    room.desk.picture().wait_for(summary.seq, std::time::Duration::from_secs(20)).await.unwrap();
    summary
}

/// One property of the record with this value in `key`.
fn property(room: &Room, collection: Collection, (key, value): (&str, &str), name: &str) -> Value {
    let view = room.view();
    let found = view.all(collection).find(|shown| shown.text(key).is_some_and(|text| text == value));
    found.unwrap_or_else(|| panic!("no {collection} with {key} {value}")).property(name).unwrap_or_default()
}

#[tokio::test]
async fn the_same_position_has_the_same_commune_sector_and_chainage_by_both_ways() {
    let room = Room::on_the_ground().await;
    let mut random = Random::new(7);
    let mut places: Vec<(f64, f64)> =
        (0..60).map(|_| (random.between(102.2, 104.0), random.between(21.6, 22.9))).collect();
    // Beside the border, on the line between two communes' drawings, and far away.
    places.extend([(103.163_27, 22.606_12), (102.6, 22.65), (103.5, 22.5), (-50.0, 10.0), (179.9, -80.0)]);
    let mut incidents = "title,kind,occurred_at,lon,lat\n".to_owned();
    let mut households = "code,member_count,lon,lat\n".to_owned();
    for (at, (lon, lat)) in places.iter().enumerate() {
        writeln!(incidents, "tệp {at},landslide,2026-11-20 10:00,{lon},{lat}").unwrap();
        writeln!(households, "tệp-{at},3,{lon},{lat}").unwrap();
    }
    assert_eq!(import(&room, &incidents, Collection::Incidents).await.created, places.len() as u64);
    assert_eq!(import(&room, &households, Collection::Households).await.created, places.len() as u64);
    let (mut with_commune, mut with_chainage) = (0, 0);
    for (at, (lon, lat)) in places.into_iter().enumerate() {
        let title = json!({"kind": "landslide", "title": format!("bàn {at}")});
        room.report_with(title, point(lon, lat)).await.unwrap();
        let item = Item {
            geometry: Some(Geometry::Point(Point::new(lon, lat))),
            properties: object(json!({"code": format!("bàn-{at}"), "member_count": 3})),
        };
        room.desk.create(&Ask::by(officer()), Collection::Households, None, item).await.unwrap();
        for name in ["admin_unit", "sector_id", "chainage_km"] {
            let of = |who: &str| property(&room, Collection::Incidents, ("title", &format!("{who} {at}")), name);
            assert_eq!(of("tệp"), of("bàn"), "{name} at {lon} {lat}");
            with_commune += usize::from(name == "admin_unit" && of("bàn").is_string());
            with_chainage += usize::from(name == "chainage_km" && of("bàn").is_number());
        }
        let commune =
            |who: &str| property(&room, Collection::Households, ("code", &format!("{who}-{at}")), "admin_unit");
        assert_eq!(commune("tệp"), commune("bàn"), "{lon} {lat}");
    }
    assert!(with_commune > 20 && with_chainage > 5, "{with_commune} {with_chainage}: the places say something");
}

#[tokio::test]
async fn a_commune_that_is_told_by_its_code_counts_by_both_ways() {
    let room = Room::on_the_ground().await;
    let text = "title,kind,occurred_at,commune_code\na,flood,2026-11-20 10:00,03466\nb,flood,2026-11-20 10:00,99999\n";
    assert_eq!(import(&room, text, Collection::Incidents).await.created, 2);
    let commune = |title: &str| property(&room, Collection::Incidents, ("title", title), "admin_unit");
    assert_eq!((commune("a"), commune("b")), (json!("03466"), Value::Null));
    let place = trucban::domain::place::Place::Commune { code: "03466".to_owned() };
    room.report_with(json!({"kind": "flood", "title": "c"}), place).await.unwrap();
    assert_eq!(commune("c"), commune("a"));
}
