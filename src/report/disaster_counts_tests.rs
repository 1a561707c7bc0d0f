use std::collections::BTreeSet;

use geo_types::{Geometry, line_string, point, polygon};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::Record;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_typed(text).unwrap()
}

/// An instant as it stands in a record.
fn iso(text: &str) -> String {
    at(text).to_string()
}

fn scope(reporter: Reporter, touched: &[&str]) -> Scope {
    Scope {
        reporter,
        touched: touched.iter().map(|code| (*code).to_owned()).collect::<BTreeSet<_>>(),
        from: at("2026-11-20 08:00"),
        finished_at: None,
        data_at: at("2026-11-21 16:30"),
    }
}

fn commune(code: &str) -> Scope {
    scope(Reporter::Commune(code.to_owned()), &[])
}

fn feature(
    collection: Collection,
    n: u128,
    geometry: Option<Geometry<f64>>,
    properties: &Value,
    personal: Option<Value>,
) -> Feature {
    let record = Record {
        id: Uuid::from_u128(n),
        version: 1,
        recorded_at: at("2026-11-20 09:00"),
        geometry,
        properties: properties.to_string().into(),
        personal: personal.map(|personal| personal.to_string().into()),
    };
    Feature::new(collection, record, 1)
}

fn counted(scope: &Scope, features: &[(Collection, Feature)]) -> Counts {
    let mut pass = Pass::new(scope);
    for collection in LOOKED_AT {
        for (_, one) in features.iter().filter(|(of, _)| *of == collection) {
            pass.take(collection, one);
        }
    }
    pass.end()
}

fn value(counts: &Counts, id: &str) -> Option<f64> {
    counts.value(FIGURES.iter().find(|figure| figure.id == id).unwrap())
}

fn incident(n: u128, kind: &str, reported: &str, more: &Value) -> (Collection, Feature) {
    let mut properties =
        json!({"kind": kind, "state": "verified", "reported_at": iso(reported), "admin_unit": "03388"});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (Collection::Incidents, feature(Collection::Incidents, n, None, &properties, None))
}

#[test]
fn incidents_of_the_event_count_once_by_kind_with_their_victims() {
    let all = [
        incident(1, "landslide", "2026-11-20 08:00", &json!({"dead": 1, "injured": 2})),
        incident(2, "flash_flood", "2026-11-21 16:30", &json!({"missing": 3})),
        incident(3, "landslide", "2026-11-20 07:59", &json!({"dead": 10})),
        incident(4, "landslide", "2026-11-21 16:31", &json!({"dead": 20})),
        incident(5, "landslide", "2026-11-21 09:00", &json!({"dead": 30, "state": "rejected"})),
        incident(6, "landslide", "2026-11-21 09:00", &json!({"dead": 40, "state": "merged"})),
        incident(7, "drug_crime", "2026-11-21 09:00", &json!({"dead": 50})),
        incident(8, "landslide", "2026-11-21 09:00", &json!({"dead": 60, "admin_unit": "03389"})),
    ];
    let counts = counted(&commune("03388"), &all);
    let told = ["incidents", "incidents_landslide", "incidents_flash_flood", "dead", "missing", "injured"];
    assert_eq!(told.map(|id| value(&counts, id).unwrap()), [2.0, 1.0, 1.0, 1.0, 3.0, 2.0]);
    let rows: Vec<u128> = counts.rows("incidents").iter().map(|row| row.id.as_u128()).collect();
    assert_eq!(rows, [1, 2], "in the order of their moments");
    assert!(counts.rows("dead").iter().all(|row| row.id == Uuid::from_u128(1)));
    // After the end of the event nothing more happens in it.
    let over = Scope { finished_at: Some(at("2026-11-21 00:00")), ..commune("03388") };
    assert_eq!(value(&counted(&over, &all), "incidents"), Some(1.0));
}

#[test]
fn the_province_counts_its_touched_communes_and_what_lies_in_none() {
    let all = [
        incident(1, "landslide", "2026-11-20 09:00", &json!({})),
        incident(2, "landslide", "2026-11-20 09:00", &json!({"admin_unit": "03389"})),
        incident(3, "landslide", "2026-11-20 09:00", &json!({"admin_unit": null})),
    ];
    let of = |scope: &Scope| value(&counted(scope, &all), "incidents");
    assert_eq!(of(&scope(Reporter::Province, &[])), Some(3.0));
    assert_eq!(of(&scope(Reporter::Province, &["03388"])), Some(2.0));
    assert_eq!(of(&commune("03389")), Some(1.0));
    assert_eq!(of(&commune("03390")), Some(0.0));
}

#[test]
fn deployments_count_where_their_incident_lies() {
    let sent = |n, more: Value| {
        let mut properties =
            json!({"purpose": "disaster", "personnel": 12, "vehicles": 2, "started_at": iso("2026-11-20 10:00")});
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (Collection::Deployments, feature(Collection::Deployments, n, None, &properties, None))
    };
    let all = [
        incident(1, "landslide", "2026-11-20 09:00", &json!({})),
        sent(11, json!({"incident_id": Uuid::from_u128(1)})),
        sent(12, json!({"commune_code": "03388", "personnel": 3, "vehicles": 0})),
        sent(13, json!({"commune_code": "03388", "purpose": "border"})),
        sent(14, json!({"commune_code": "03388", "ended_at": iso("2026-11-20 11:00")})),
        sent(15, json!({})),
    ];
    let of = |scope: &Scope| {
        let counts = counted(scope, &all);
        ["personnel_turns", "vehicle_turns"].map(|id| value(&counts, id).unwrap())
    };
    assert_eq!(of(&commune("03388")), [15.0, 2.0]);
    assert_eq!(of(&scope(Reporter::Province, &["03388"])), [27.0, 4.0], "what went nowhere known is the province's");
}

fn area(code: &str, west: f64) -> (Collection, Feature) {
    let square = polygon![(x: west, y: 22.0), (x: west + 1.0, y: 22.0), (x: west + 1.0, y: 23.0), (x: west, y: 23.0)];
    let properties = json!({"kind": "commune", "code": code, "name": code});
    (
        Collection::AdminUnits,
        feature(Collection::AdminUnits, 900 + west as u128, Some(square.into()), &properties, None),
    )
}

#[test]
fn a_road_is_cut_from_its_closing_until_it_is_opened_where_it_lies() {
    let road = |n, more: Value| {
        let line = line_string![(x: 102.9, y: 22.5), (x: 103.1, y: 22.5)];
        let mut properties =
            json!({"name": "QL12 Km 46", "reason": "landslide", "valid_from": iso("2026-11-19 10:00")});
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (Collection::RoadClosures, feature(Collection::RoadClosures, n, Some(line.into()), &properties, None))
    };
    let all = [
        area("03388", 102.0),
        area("03389", 103.0),
        area("03390", 104.0),
        road(1, json!({})),
        road(2, json!({"speed_factor": 0.5})),
        road(3, json!({"valid_from": iso("2026-11-21 16:31")})),
        road(4, json!({"valid_to": iso("2026-11-21 16:30")})),
        road(5, json!({"ended_at": iso("2026-11-21 16:00")})),
        road(6, json!({"ended_at": iso("2026-11-21 17:00"), "valid_from": iso("2026-11-20 10:00")})),
    ];
    let counts = counted(&commune("03388"), &all);
    let since: Vec<(u128, String)> =
        counts.rows("roads_cut").iter().map(|row| (row.id.as_u128(), row.at.unwrap().told_text())).collect();
    assert_eq!(since, [(1, "10:00 19/11/2026".to_owned()), (6, "10:00 20/11/2026".to_owned())]);
    assert_eq!(counts.rows("roads_cut")[0].text.as_deref(), Some("QL12 Km 46"));
    assert_eq!(value(&counted(&commune("03389"), &all), "roads_cut"), Some(2.0), "it lies in both");
    assert_eq!(value(&counted(&commune("03390"), &all), "roads_cut"), Some(0.0));
    assert_eq!(value(&counted(&scope(Reporter::Province, &["03390"]), &all), "roads_cut"), Some(0.0));
    assert_eq!(value(&counted(&scope(Reporter::Province, &[]), &all), "roads_cut"), Some(2.0));
}

fn household(n: u128, members: i64, x: f64, told: &[(&str, &str, Option<i64>)]) -> (Collection, Feature) {
    let report = |(k, (state, when, people)): (usize, &(&str, &str, Option<i64>))| json!({"id": Uuid::from_u128(n * 100 + k as u128), "state": state, "at": iso(when), "people": people});
    let reports: Vec<Value> = told.iter().enumerate().map(report).collect();
    let personal = json!({"head_name": "Tên đặt ra", "reports": reports});
    let properties = json!({"member_count": members, "admin_unit": "03388"});
    let place = point!(x: x, y: 22.5);
    (Collection::Households, feature(Collection::Households, n, Some(place.into()), &properties, Some(personal)))
}

#[test]
fn households_count_as_they_were_at_the_moment_of_the_figures() {
    let zone = |state: &str| {
        let square = polygon![(x: 102.0, y: 22.0), (x: 102.1, y: 22.0), (x: 102.1, y: 23.0), (x: 102.0, y: 23.0)];
        let properties = json!({
            "kind": "landslide", "state": state, "valid_from": iso("2026-11-20 09:00"), "valid_to": iso("2026-11-22 09:00"),
        });
        (Collection::RiskZones, feature(Collection::RiskZones, 800, Some(square.into()), &properties, None))
    };
    let houses = [
        household(1, 4, 103.5, &[("notified", "2026-11-20 10:00", None), ("sheltered", "2026-11-20 12:00", None)]),
        household(2, 5, 103.5, &[("notified", "2026-11-20 10:00", None), ("sheltered", "2026-11-20 12:00", Some(2))]),
        household(3, 6, 103.5, &[("notified", "2026-11-21 16:31", None)]),
        household(4, 7, 103.5, &[("with_relatives", "2026-11-01 10:00", None)]),
        household(
            5,
            3,
            103.5,
            &[
                ("sheltered", "2026-11-20 12:00", None),
                ("return_authorised", "2026-11-21 07:00", None),
                ("returned", "2026-11-21 08:00", None),
            ],
        ),
        household(6, 2, 103.5, &[("unreachable", "2026-11-20 12:00", None)]),
        // Nothing was told of it, and it lies in a zone in force.
        household(7, 8, 102.05, &[]),
    ];
    let ids =
        ["households_told", "people_told", "households_moved", "people_moved", "households_not_yet", "people_not_yet"];
    let of = |zone: (Collection, Feature)| {
        let mut all = vec![zone];
        all.extend(houses.iter().cloned());
        let counts = counted(&commune("03388"), &all);
        ids.map(|id| value(&counts, id).unwrap())
    };
    assert_eq!(of(zone("in_force")), [3.0, 12.0, 1.0, 6.0, 3.0, 13.0]);
    assert_eq!(of(zone("draft")), [3.0, 12.0, 1.0, 6.0, 2.0, 5.0]);
}

#[test]
fn the_rain_is_that_of_the_wettest_gauge_and_unknown_where_nothing_was_measured() {
    let gauge = |n, name: &str| {
        let properties = json!({"name": name, "admin_unit": "03388"});
        (Collection::RainGauges, feature(Collection::RainGauges, n, None, &properties, None))
    };
    let day = |n, gauge: u128, day: &str, readings: Value| {
        let properties = json!({"gauge_id": Uuid::from_u128(gauge), "day": day, "readings": readings});
        (Collection::RainDays, feature(Collection::RainDays, n, None, &properties, None))
    };
    let mut all = vec![gauge(1, "Mường Tè"), gauge(2, "Pa Tần")];
    assert_eq!(value(&counted(&commune("03388"), &all), "rain_max_mm"), None);
    all.extend([
        // Minutes of the day at which an hour ends: one before the event began, two in it, one doubtful.
        day(
            11,
            1,
            "2026-11-20",
            json!([[480, 60, 99.0], [540, 60, 30.5], [600, 60, 20.0], [660, 60, 400.0, "doubtful"]]),
        ),
        day(12, 2, "2026-11-21", json!([[990, 60, 60.1], [1050, 60, 99.0]])),
    ]);
    let counts = counted(&commune("03388"), &all);
    assert_eq!(value(&counts, "rain_max_mm"), Some(60.1));
    assert_eq!(counts.rows("rain_max_mm")[0].text.as_deref(), Some("Pa Tần"));
    assert_eq!(value(&counted(&commune("03389"), &all), "rain_max_mm"), None);
}

#[test]
fn a_warning_counts_while_it_stands() {
    let warning = |n, more: Value| {
        let square = polygon![(x: 102.2, y: 22.2), (x: 102.3, y: 22.2), (x: 102.3, y: 22.3), (x: 102.2, y: 22.3)];
        let mut properties = json!({
            "name": "Cảnh báo sạt lở", "type": "alert", "status": "actual", "sent_at": iso("2026-11-20 10:00"),
            "expires_at": iso("2026-11-22 10:00"),
        });
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (Collection::Warnings, feature(Collection::Warnings, n, Some(square.into()), &properties, None))
    };
    let all = [
        area("03388", 102.0),
        warning(1, json!({})),
        warning(2, json!({"sent_at": null})),
        warning(3, json!({"status": "test"})),
        warning(4, json!({"type": "all_clear"})),
        warning(5, json!({"ended_at": iso("2026-11-21 16:00")})),
        warning(6, json!({"expires_at": iso("2026-11-21 16:30")})),
    ];
    assert_eq!(value(&counted(&commune("03388"), &all), "warnings"), Some(1.0));
    assert_eq!(value(&counted(&commune("03389"), &all), "warnings"), Some(0.0));
}
