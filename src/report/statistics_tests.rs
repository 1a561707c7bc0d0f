//! Tests of [`super`], against sums made by hand.

use std::convert::Infallible;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::{Force, Record};
use crate::report::part::tests::shipped;

fn feature(collection: Collection, n: u128, properties: &Value) -> Feature {
    let record = Record {
        id: Uuid::from_u128(n),
        version: 1,
        recorded_at: Timestamp::from_ms(0),
        geometry: None,
        properties: properties.to_string().into(),
        personal: None,
    };
    Feature::new(collection, record, 1)
}

fn periods(from: &str, to: &str) -> Vec<Period> {
    let period = |text: &str| Period::parse("from", text).unwrap();
    Period::series(period(from), period(to), 60).unwrap()
}

struct Asked {
    of: Subject,
    from: &'static str,
    to: &'static str,
    kind: Option<&'static str>,
    force: Option<Force>,
    area: Option<&'static str>,
}

const INCIDENTS: Asked =
    Asked { of: Subject::Incidents, from: "2025Q2", to: "2025Q3", kind: None, force: None, area: None };

fn told(areas: &Areas, asked: &Asked, records: &[Feature], sees: &dyn Fn(&Feature) -> bool) -> Statistics {
    let periods = periods(asked.from, asked.to);
    let area = asked.area.map(|code| areas.find(code).map_or(Wanted::Unplaced, Wanted::Unit));
    let question = Question {
        of: asked.of,
        periods: &periods,
        kind: asked.kind,
        force: asked.force,
        area,
        reader_area: &Area::Province,
        areas,
    };
    let counted = count::<Infallible>(&question, sees, |sink| {
        records.iter().for_each(sink);
        Ok(())
    });
    counted.unwrap()
}

fn row<'a>(rows: &'a [Row], key: &str) -> &'a Row {
    rows.iter().find(|row| row.key == key).unwrap_or_else(|| panic!("no row {key}"))
}

/// Five incidents around the night on which districts ended, and three that do not count.
fn night() -> Vec<Feature> {
    let one = |n: u128, kind: &str, reported: &str, more: Value| {
        let mut all = json!({"kind": kind, "state": "closed", "reported_at": reported});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        feature(Collection::Incidents, n, &all)
    };
    vec![
        one(
            1,
            "landslide",
            "2025-06-30T16:59:59.999Z",
            json!({
                "admin_unit": "03466", "lead_force": "police",
                "verified_at": "2025-06-30T17:05:00.000Z", "closed_at": "2025-06-30T18:59:59.999Z",
            }),
        ),
        one(
            2,
            "landslide",
            "2025-06-30T17:00:00.000Z",
            json!({
                "admin_unit": "03466", "lead_force": "military",
                "verified_at": "2025-06-30T17:10:00.000Z", "first_on_scene_at": "2025-06-30T16:00:00.000Z",
            }),
        ),
        one(
            3,
            "flood",
            "2025-07-02T00:00:00.000Z",
            json!({
                "commune_code": "03388", "lead_force": "military", "verified_at": "2025-07-02T00:30:00.000Z",
            }),
        ),
        one(4, "flood", "2025-04-01T00:00:00.000Z", json!({"verified_at": "2025-04-01T00:01:00.000Z"})),
        one(5, "drug_crime", "2025-07-03T00:00:00.000Z", json!({"admin_unit": "03466", "lead_force": "border_guard"})),
        one(6, "flood", "2025-07-03T00:00:00.000Z", json!({"state": "rejected"})),
        one(7, "flood", "2025-03-31T16:59:59.999Z", json!({})),
        one(8, "flood", "2025-09-30T17:00:00.000Z", json!({})),
    ]
}

#[test]
fn incidents_are_counted_by_kind_force_area_and_quarter_with_their_times() {
    let areas = shipped();
    let all = told(areas, &INCIDENTS, &night(), &|_| true);
    assert_eq!((&all.whole.counts[..], all.whole.total, all.hidden), (&[2, 3][..], 5, 0));
    assert_eq!(row(&all.by_kind, "landslide").counts, [1, 1]);
    assert_eq!(row(&all.by_kind, "flood").counts, [1, 1]);
    assert_eq!(row(&all.by_force, "military").counts, [0, 2]);
    assert_eq!((row(&all.by_force, "civil").total, row(&all.by_force, NONE).total), (0, 1));
    assert_eq!((all.by_commune.len(), row(&all.by_commune, NONE).counts.clone()), (39, vec![1, 0]));
    let bum_nua = row(&all.by_commune, "03466");
    assert_eq!((bum_nua.counts.clone(), bum_nua.name.as_deref()), (vec![1, 2], Some("Xã Bum Nưa")));
    let area = bum_nua.area.as_ref().unwrap();
    assert_eq!((&area.basis[..], area.is_complete), (&[Told::Mapped, Told::AsOfDate][..], true));
    // 3 on 315.13 km².
    assert_eq!((area.km2, area.km2_is_official, area.per_100km2), (Some(315.13), true, Some(0.95)));
    let muong_te = row(&all.by_district, "107");
    assert_eq!(muong_te.counts, [1, 2]);
    assert_eq!(muong_te.area.as_ref().unwrap().basis, [Told::AsOfDate, Told::Mapped]);
    // Đoàn Kết was made over two districts; the one that gave most has it.
    assert_eq!((row(&all.by_district, "105").total, row(&all.by_district, "109").total), (1, 0));

    // 300.001, 600, 1,800 and 60 seconds to be verified; once on scene, but before the report, which is no time.
    let [verified, assigned, on_scene, closed] = &all.whole.times[..] else { panic!() };
    assert_eq!(*verified, Time { known: 4, not_known: 1, median_s: Some(300), p90_s: Some(1_800) });
    assert_eq!(*assigned, Time { known: 0, not_known: 5, median_s: None, p90_s: None });
    assert_eq!(*on_scene, Time { known: 0, not_known: 5, median_s: None, p90_s: None });
    assert_eq!(*closed, Time { known: 1, not_known: 4, median_s: Some(7_200), p90_s: Some(7_200) });
    assert_eq!(all.period_times[0][0], Time { known: 2, not_known: 0, median_s: Some(60), p90_s: Some(300) });
}

#[test]
fn what_the_reader_may_not_see_is_in_no_table_and_only_told_in_all() {
    let areas = shipped();
    let is_open = |one: &Feature| one.text("kind").is_none_or(|kind| kind != "drug_crime");
    let open = told(areas, &INCIDENTS, &night(), &is_open);
    assert_eq!((open.whole.total, open.hidden), (4, 1));
    assert!(open.by_kind.iter().all(|row| row.key != "drug_crime"));
    assert_eq!((row(&open.by_commune, "03466").total, row(&open.by_force, "border_guard").total), (2, 0));
    // Nothing that is asked narrows it down: not to a kind, a force or an area.
    for asked in [
        Asked { kind: Some("drug_crime"), ..INCIDENTS },
        Asked { force: Some(Force::BorderGuard), ..INCIDENTS },
        Asked { force: Some(Force::Police), ..INCIDENTS },
        Asked { area: Some("03466"), ..INCIDENTS },
        Asked { area: Some("03388"), ..INCIDENTS },
    ] {
        assert_eq!(told(areas, &asked, &night(), &is_open).hidden, 1);
    }
    assert_eq!(told(areas, &Asked { kind: Some("drug_crime"), ..INCIDENTS }, &night(), &is_open).whole.total, 0);
}

#[test]
fn a_choice_of_area_force_and_kind_holds_for_every_table() {
    let areas = shipped();
    for (asked, total) in [
        (Asked { area: Some("107"), ..INCIDENTS }, 3),
        (Asked { area: Some("03388"), ..INCIDENTS }, 1),
        (Asked { area: Some("unknown"), ..INCIDENTS }, 1),
        (Asked { force: Some(Force::Military), ..INCIDENTS }, 2),
        (Asked { kind: Some("landslide"), force: Some(Force::Military), area: Some("107"), ..INCIDENTS }, 1),
        (Asked { from: "2025-07", to: "2025-07", ..INCIDENTS }, 3),
    ] {
        let told = told(areas, &asked, &night(), &|_| true);
        assert_eq!(told.whole.total, total);
        for table in [&told.by_kind, &told.by_force, &told.by_commune, &told.by_district] {
            assert_eq!(table.iter().map(|row| row.total).sum::<u64>(), total);
        }
    }
}

#[test]
fn deployments_count_people_and_vehicles_and_drug_cases_when_they_were_handed_over() {
    let areas = shipped();
    let sent = |n: u128, more: Value| feature(Collection::Deployments, n, &more);
    let deployments = [
        sent(
            1,
            json!({"purpose": "disaster", "force": "police", "started_at": "2025-05-01T00:00:00Z", "personnel": 12, "vehicles": 2, "commune_code": "03466"}),
        ),
        sent(2, json!({"purpose": "border", "force": "police", "started_at": "2025-05-02T00:00:00Z", "personnel": 3})),
        sent(
            3,
            json!({"purpose": "border", "force": "police", "started_at": "2025-05-02T00:00:00Z", "personnel": 9, "ended_at": "2025-05-03T00:00:00Z"}),
        ),
    ];
    let total = |of: Subject| told(areas, &Asked { of, ..INCIDENTS }, &deployments, &|_| true).whole.total;
    assert_eq!([Subject::Deployments, Subject::PersonTurns, Subject::VehicleTurns].map(total), [2, 15, 2]);
    let case = |n: u128, more: Value| feature(Collection::Cases, n, &more);
    let cases = [
        case(
            1,
            json!({"kind": "drugs", "force": "police", "occurred_at": "2025-05-01T00:00:00Z", "handed_over_at": "2025-08-01T00:00:00Z"}),
        ),
        case(2, json!({"kind": "drugs", "force": "police", "occurred_at": "2025-05-01T00:00:00Z"})),
        case(3, json!({"kind": "smuggling", "force": "police", "occurred_at": "2025-05-01T00:00:00Z"})),
    ];
    let told = told(areas, &Asked { of: Subject::Cases, ..INCIDENTS }, &cases, &|_| true);
    assert_eq!((told.whole.counts, told.whole.times, told.period_times), (vec![1, 1], vec![], vec![vec![], vec![]]));
}

#[test]
fn ranks_are_the_nearest_ones() {
    let sorted: Vec<i64> = (1..=10).collect();
    assert_eq!((ranked(&sorted, 50), ranked(&sorted, 90)), (Some(5), Some(9)));
    assert_eq!((ranked(&[7], 50), ranked(&[7], 90), ranked(&[], 50)), (Some(7), Some(7), None));
    assert_eq!((ranked(&[1, 2, 3], 50), ranked(&[1, 2, 3], 90)), (Some(2), Some(3)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_table_sums_up_to_the_whole_by_period_and_nothing_is_lost(
        rows in prop::collection::vec((0_usize..4, 0_usize..6, 0_usize..6, -100_i64..300, any::<bool>()), 0..60),
    ) {
        let areas = shipped();
        let records: Vec<Feature> = rows.iter().enumerate().map(|(n, (kind, force, area, day, is_seen))| {
            let at = Period::parse("from", "2025Q2").unwrap().start().plus_s(day * 86_400);
            feature(Collection::Incidents, n as u128, &json!({
                "kind": (["flood", "fire", "landslide", "drug_crime"][*kind]),
                "lead_force": (FORCES.get(*force)),
                "admin_unit": (["03466", "03388", "03503", "03412", "99999", ""][*area]),
                "reported_at": (at.to_string()),
                "title": (if *is_seen { "seen" } else { "hidden" }),
            }))
        }).collect();
        let told = told(areas, &INCIDENTS, &records, &|one| one.text("title").unwrap() == "seen");
        let of_span = || rows.iter().filter(|(_, _, _, day, _)| (0..183).contains(day));
        let seen = of_span().filter(|(.., is_seen)| *is_seen).count();
        prop_assert_eq!((told.whole.total, told.hidden), (seen as u64, of_span().count() - seen));
        for table in [&told.by_kind, &told.by_force, &told.by_commune, &told.by_district] {
            for (period, sum) in told.whole.counts.iter().enumerate() {
                prop_assert_eq!(table.iter().map(|row| row.counts[period]).sum::<u64>(), *sum);
            }
        }
    }
}
