//! Tests of [`super`], on the units that the program carries and on made-up ones.

use geo_types::polygon;
use serde_json::json;

use super::*;

/// The shipped records.
fn shipped() -> Areas {
    let text = include_str!("../../geodata/ground/admin_units.geojson");
    let file: Value = serde_json::from_str(text).unwrap();
    Areas::of(file["features"].as_array().unwrap().iter().map(|feature| {
        let Value::Object(properties) = feature["properties"].clone() else { panic!("properties") };
        let geometry = serde_json::from_value::<geojson::Geometry>(feature["geometry"].clone()).ok();
        (properties, geometry.and_then(|one| Geometry::try_from(one).ok()))
    }))
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn told(areas: &Areas, place: Place<'_>, level: Level, when: &str) -> Option<(String, Basis, bool)> {
    areas.found(&place, level, at(when)).map(|found| (found.unit.code.clone(), found.basis, found.is_sure))
}

fn code(code: &str) -> Place<'_> {
    Place { code: Some(code), at: None }
}

const LAST_OF_JUNE: &str = "2025-06-30T23:59:59.999+07:00";
const FIRST_OF_JULY: &str = "2025-07-01T00:00:00+07:00";

#[test]
fn the_shipped_mapping_is_whole_and_says_which_communes_were_made_over_districts() {
    let areas = shipped();
    assert_eq!(areas.faults(), Vec::<String>::new());
    assert_eq!((areas.at_level(Level::Commune).count(), areas.at_level(Level::District).count()), (38, 8));
    let over: Vec<(&str, Vec<&str>)> = areas
        .at_level(Level::Commune)
        .map(|commune| (&*commune.code, areas.districts_of(commune).iter().map(|one| &*one.code).collect::<Vec<_>>()))
        .inspect(|(commune, districts)| assert!(!districts.is_empty(), "{commune}"))
        .filter(|(_, districts)| districts.len() > 1)
        .collect();
    assert_eq!(
        over,
        [
            ("03388", vec!["105", "109"]),
            ("03394", vec!["109", "106"]),
            ("03408", vec!["105", "106"]),
            ("03460", vec!["107", "112"]),
            ("03487", vec!["112", "108"]),
            ("03503", vec!["112", "108"]),
        ]
    );
    // Every commune is in its main district, and a district names the communes that it only partly held.
    for district in areas.at_level(Level::District) {
        for (commune, is_divided) in areas.communes_of(district) {
            assert_eq!(is_divided, areas.districts_of(commune).len() > 1, "{} {}", district.code, commune.code);
        }
    }
    // A code that a former and a present commune share leads to the same present one, so that reading it either way gives one commune.
    for unit in areas.units.iter().filter(|unit| unit.level == Level::Commune && unit.until.is_some()) {
        if areas.index_in_force(&unit.code).is_some() {
            assert_eq!(unit.successor.as_deref(), Some(&*unit.code), "{}", unit.full_name);
        }
    }
}

#[test]
fn districts_answer_of_before_july_2025_and_communes_of_after_by_the_clocks_of_the_province() {
    let areas = shipped();
    use Basis::{AsOfDate, Mapped};
    for (when, commune, district) in [
        ("2024-08-01T00:00:00Z", Mapped, AsOfDate),
        (LAST_OF_JUNE, Mapped, AsOfDate),
        ("2025-06-30T16:59:59.999Z", Mapped, AsOfDate),
        ("2025-06-30T17:00:00.000Z", AsOfDate, Mapped),
        (FIRST_OF_JULY, AsOfDate, Mapped),
        ("2026-11-27T00:00:00Z", AsOfDate, Mapped),
    ] {
        assert_eq!(told(&areas, code("03466"), Level::Commune, when), Some(("03466".into(), commune, true)), "{when}");
        assert_eq!(told(&areas, code("03466"), Level::District, when), Some(("107".into(), district, true)), "{when}");
        assert_eq!(told(&areas, code("03466"), Level::Province, when), Some(("12".into(), AsOfDate, true)), "{when}");
    }
}

#[test]
fn the_code_of_a_former_commune_leads_to_its_own_district_and_to_what_took_its_place() {
    let areas = shipped();
    // Nậm Xe of Phong Thổ and Bản Giang of Tam Đường went into communes that were made over districts.
    for (former, district, commune) in [("03586", "109", "03394"), ("03418", "106", "03408"), ("03412", "106", "03390")]
    {
        let then = told(&areas, code(former), Level::District, LAST_OF_JUNE);
        assert_eq!(then, Some((district.into(), Basis::AsOfDate, true)), "{former}");
        assert_eq!(told(&areas, code(former), Level::Commune, FIRST_OF_JULY).unwrap().0, commune, "{former}");
    }
    for nowhere in ["", "99999", "12", "107"] {
        assert_eq!(told(&areas, code(nowhere), Level::Commune, FIRST_OF_JULY), None, "{nowhere}");
        assert_eq!(told(&areas, code(nowhere), Level::District, LAST_OF_JUNE), None, "{nowhere}");
    }
    assert_eq!(told(&areas, Place::default(), Level::District, LAST_OF_JUNE), None);
}

#[test]
fn a_commune_made_over_districts_counts_for_one_of_them_and_says_that_it_is_not_sure() {
    let areas = shipped();
    assert_eq!(
        told(&areas, code("03460"), Level::District, LAST_OF_JUNE),
        Some(("107".into(), Basis::AsOfDate, false))
    );
    // What is shipped is drawn around whole communes: a position tells no more than the code.
    let placed = Place { code: Some("03460"), at: Some((102.98, 22.357)) };
    assert_eq!(told(&areas, placed, Level::District, LAST_OF_JUNE), Some(("107".into(), Basis::AsOfDate, false)));
}

/// A province of one commune that two districts gave to, with districts as they were surveyed.
fn surveyed() -> Areas {
    let square = |west: f64| polygon![(x: west, y: 22.0), (x: west + 1.0, y: 22.0), (x: west + 1.0, y: 23.0), (x: west, y: 23.0)];
    let unit = |value: Value, area: Option<Geometry<f64>>| (value.as_object().unwrap().clone(), area);
    let former = |code: &str, parent: &str| {
        json!({"kind": "former_commune", "code": code, "name": code, "parent_code": parent, "successor_code": "N",
               "valid_to": "2025-06-30"})
    };
    let district = |code: &str| json!({"kind": "district", "code": code, "name": code, "valid_to": "2025-06-30"});
    Areas::of([
        unit(json!({"kind": "commune", "code": "N", "name": "N", "valid_from": "2025-07-01"}), None),
        unit(district("W"), Some(square(103.0).into())),
        unit(district("E"), Some(square(104.0).into())),
        unit(former("1", "W"), None),
        unit(former("2", "W"), None),
        unit(former("3", "E"), None),
        unit(json!({"kind": "former_commune", "code": "4", "name": "4", "valid_to": "2025-06-30"}), None),
        unit(json!({"kind": "district", "code": "X", "name": "X", "ended_at": "2025-01-01T00:00:00Z"}), None),
    ])
}

#[test]
fn where_districts_are_drawn_as_they_were_a_position_says_surely_in_which_it_lay() {
    let areas = surveyed();
    let placed = |lon: f64| Place { code: Some("N"), at: Some((lon, 22.5)) };
    assert_eq!(told(&areas, placed(104.5), Level::District, LAST_OF_JUNE), Some(("E".into(), Basis::AsOfDate, true)));
    assert_eq!(told(&areas, placed(103.5), Level::District, FIRST_OF_JULY), Some(("W".into(), Basis::Mapped, true)));
    // Outside of both the one that gave most counts, and without a position too.
    for place in [placed(110.0), code("N")] {
        assert_eq!(told(&areas, place, Level::District, LAST_OF_JUNE), Some(("W".into(), Basis::AsOfDate, false)));
    }
    assert!(areas.find("X").is_none() && areas.find("1").is_none() && areas.find("E").is_some());
    let [fault] = &areas.faults()[..] else { panic!("{:?}", areas.faults()) };
    assert!(fault.starts_with("4 4:"), "{fault}");
    assert!((areas.find("W").unwrap().drawn_km2.unwrap() - 11_430.0).abs() < 100.0);
}

#[test]
fn a_unit_that_ended_without_a_successor_leads_nowhere_and_a_ring_of_successors_ends() {
    let ring = |code: &str, next: &str| {
        let all = json!({"kind": "former_commune", "code": code, "name": code, "successor_code": next, "valid_to": "2020-01-01"});
        (all.as_object().unwrap().clone(), None)
    };
    let areas = Areas::of([ring("A", "B"), ring("B", "A")]);
    assert_eq!(told(&areas, code("A"), Level::Commune, FIRST_OF_JULY), None);
    assert_eq!(areas.faults().len(), 2);
}
