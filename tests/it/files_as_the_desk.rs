//! What an import makes of a row is what the desk makes of the same words.

use std::fmt::Write as _;

use geo_types::{Geometry, Point, polygon};
use serde_json::{Value, json};
use trucban::desk::{Ask, Item};
use trucban::domain::{Actor, Code, Collection, Role, Timestamp};
use trucban::files::{ImportOptions, ImportSummary, import_file};
use uuid::Uuid;

use crate::desk_support::{NIGHT_MS, Room, officer, planner, point};
use crate::store_support::{Folder, object};
use crate::support::random::Random;

async fn import(room: &Room, text: &str, collection: Collection) -> ImportSummary {
    let files = Folder::new();
    let path = files.path().join("file.csv");
    std::fs::write(&path, text).unwrap();
    let actor = Actor::new("import", Role::System, None);
    let options = ImportOptions { skip_bad: true, ..ImportOptions::into(collection) };
    let summary = import_file(&room.store, &actor, &path, &options, room.desk.now(), &mut |_| Ok(())).await.unwrap();
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

/// A zone as a row and as words at the desk: its state by each way, or the code of the refusal.
async fn zone_by_both_ways(room: &Room, name: &str, from: Option<&str>, to: &str) -> [Result<String, Code>; 2] {
    let area = "POLYGON((103.10 22.40,103.12 22.40,103.12 22.42,103.10 22.42,103.10 22.40))";
    let from_text = from.unwrap_or_default();
    let text = format!("name,kind,valid_from,valid_to,wkt\ntệp {name},landslide,{from_text},{to},\"{area}\"\n");
    let summary = import(room, &text, Collection::RiskZones).await;
    let state = || {
        let state = property(room, Collection::RiskZones, ("name", &format!("tệp {name}")), "state");
        state.as_str().unwrap_or_default().to_owned()
    };
    let by_file = match summary.refused.kept.first() {
        Some(refusal) => {
            assert_eq!(refusal.problem.at.as_deref(), Some("valid_to"));
            Err(refusal.problem.code)
        }
        None => Ok(state()),
    };
    let mut properties = object(json!({"name": name, "kind": "landslide", "valid_to": to}));
    properties.extend(from.map(|from| ("valid_from".to_owned(), json!(from))));
    let slope = polygon![(x: 103.10, y: 22.40), (x: 103.12, y: 22.40), (x: 103.12, y: 22.42), (x: 103.10, y: 22.42)];
    let item = Item { geometry: Some(slope.into()), properties };
    let drawn = room.desk.create(&Ask::by(planner()), Collection::RiskZones, None, item).await;
    let by_desk = drawn.map(|written| written.record.property("state").unwrap().as_str().unwrap().to_owned());
    [by_file, by_desk.map_err(|problem| problem.code)]
}

fn after(minutes: i64) -> String {
    Timestamp::from_ms(NIGHT_MS + minutes * 60_000).to_string()
}

#[tokio::test]
async fn what_a_rule_has_changed_since_does_not_keep_an_import_from_being_taken_back() {
    let room = Room::new().await;
    let import = async |susceptibility: u8| {
        let area = "POLYGON((103.10 22.40,103.12 22.40,103.12 22.42,103.10 22.42,103.10 22.40))";
        let (from, to) = (after(10), after(600));
        let row = format!("Khe Ba,landslide,{susceptibility},{from},{to},\"{area}\"");
        let text = format!("name,kind,susceptibility,valid_from,valid_to,wkt\n{row}\n");
        import(&room, &text, Collection::RiskZones).await
    };
    import(2).await;
    let second = import(4).await;
    assert_eq!(second.updated, 1);
    let of_zone = |name: &str| property(&room, Collection::RiskZones, ("name", "Khe Ba"), name);
    let zone = room.view().all(Collection::RiskZones).next().unwrap().id();
    room.clock.go_s(11 * 60);
    room.desk.turn_zone(zone).await.unwrap();
    assert_eq!((of_zone("state"), of_zone("susceptibility")), (json!("in_force"), json!(4)));
    let undone = room.desk.undo_import(&planner(), second.id.unwrap()).await.unwrap();
    assert_eq!((undone.removed, undone.restored), (0, 1));
    assert_eq!((of_zone("state"), of_zone("susceptibility")), (json!("in_force"), json!(2)), "it came into force");
}

#[tokio::test]
async fn a_zone_of_a_file_is_in_force_or_waits_for_its_start_as_one_that_is_drawn() {
    let room = Room::new().await;
    let cases = [
        ("not told", None, after(60), Ok("in_force")),
        ("begun", Some(after(-10)), after(60), Ok("in_force")),
        ("now", Some(after(0)), after(60), Ok("in_force")),
        ("later", Some(after(10)), after(60), Ok("approved")),
        ("over", Some(after(-60)), after(-10), Err(Code::InvalidValue)),
        ("ends now", Some(after(-60)), after(0), Err(Code::InvalidValue)),
        ("backwards", Some(after(60)), after(10), Err(Code::InvalidValue)),
    ];
    for (name, from, to, state) in cases {
        let state = state.map(str::to_owned);
        assert_eq!(zone_by_both_ways(&room, name, from.as_deref(), &to).await, [state.clone(), state], "{name}");
    }
    // The watch turns it as it turns one that was drawn.
    room.clock.go_s(601);
    let view = room.view();
    let later = view.all(Collection::RiskZones).find(|zone| zone.text("name").is_some_and(|n| n == "tệp later"));
    let id = later.unwrap().id();
    room.desk.turn_zone(id).await.unwrap();
    assert_eq!(room.property(Collection::RiskZones, id, "state"), "in_force");
}

#[tokio::test]
async fn a_file_moves_a_zone_in_time_and_revives_none() {
    let room = Room::new().await;
    let file = |id: &str, from: i64, state: &str| {
        let (from, to) = (after(from), after(60));
        format!(
            "id,name,kind,state,valid_from,valid_to,wkt\n{id},A,landslide,{state},{from},{to},\
             \"POLYGON((103.10 22.40,103.12 22.40,103.12 22.42,103.10 22.42,103.10 22.40))\"\n"
        )
    };
    let state = || property(&room, Collection::RiskZones, ("name", "A"), "state");
    assert_eq!(import(&room, &file("", -10, "approved"), Collection::RiskZones).await.created, 1);
    assert_eq!(state(), "in_force");
    assert_eq!(import(&room, &file("", 20, "in_force"), Collection::RiskZones).await.updated, 1);
    assert_eq!(state(), "approved");
    assert_eq!(import(&room, &file("", 20, "in_force"), Collection::RiskZones).await.unchanged, 1);
    for over in ["expired", "revoked", "superseded"] {
        let summary = import(&room, &file(&Uuid::now_v7().to_string(), -10, over), Collection::RiskZones).await;
        let refusal = &summary.refused.kept[0];
        assert_eq!((refusal.problem.at.as_deref(), refusal.problem.code), (Some("state"), Code::InvalidValue));
    }
}
