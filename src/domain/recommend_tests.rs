//! Whom the ranking puts first, and what it says of those whom it leaves out.

use super::*;
use crate::domain::unit::KINDS;

fn unit(number: u128, status: &str, distance_m: Option<f64>) -> UnitFacts {
    let position = |at| UnitPosition { lon: 103.0, lat: 22.0, source: "gps".into(), at, accuracy_m: None };
    UnitFacts {
        unit_id: Uuid::from_u128(number),
        kind: "rescue_team".into(),
        force: "police".into(),
        status: status.into(),
        capabilities: vec!["search".into()],
        crew: Some(5),
        place: distance_m.map(|distance_m| Standing {
            position: position(Some(Timestamp::from_ms(0))),
            distance_m,
            bearing_deg: 90.0,
            straight_rank: 1,
            travel: Some(Travel {
                basis: EtaBasis::StraightLine,
                profile: None,
                duration_s: 0.0,
                road_m: 0.0,
                foot_m: 0.0,
                danger_s: None,
            }),
        }),
        incident_id: None,
        queued_incident_ids: Vec::new(),
        is_sector_post: false,
        station_id: None,
        cover_left: None,
        declined_at: None,
    }
}

fn asked(minutes: i64) -> Asked {
    Asked {
        incident_id: Uuid::nil(),
        kind: "landslide".to_owned(),
        force: Some("border_guard".to_owned()),
        now: Timestamp::from_ms(minutes * 60_000),
        commune_only: false,
        is_night: false,
        limit: 10,
    }
}

fn codes(reasons: &[Reason]) -> Vec<&'static str> {
    reasons.iter().map(|reason| reason.code).collect()
}

#[test]
fn the_nearest_free_unit_is_first_and_an_old_fix_hides_nobody() {
    let units = vec![unit(1, "available", Some(9_000.0)), unit(2, "on_patrol", Some(4_000.0))];
    let advice = rank(&asked(90), &units, &[], 7);
    let order: Vec<u128> = advice.candidates.iter().map(|c| c.unit_id.as_u128()).collect();
    assert_eq!(order, [2, 1]);
    let first = &advice.candidates[0];
    assert_eq!(first.missing_capabilities, ["first_aid"]);
    assert_eq!(first.age_s, Some(5_400));
    let expected = ["straight_line", "position_stale", "missing_capability", "other_force"];
    assert_eq!(codes(&first.reasons), expected);
    assert!(first.eta_min_s < first.eta_max_s);
}

#[test]
fn whoever_is_left_out_is_told_why() {
    let mut on_it = unit(1, "dispatched", Some(100.0));
    on_it.incident_id = Some(Uuid::nil());
    let mut waits = unit(2, "on_scene", Some(200.0));
    (waits.incident_id, waits.queued_incident_ids) = (Some(Uuid::max()), vec![Uuid::nil()]);
    let units = vec![
        on_it,
        waits,
        unit(3, "resting", Some(300.0)),
        unit(4, "off_duty", Some(400.0)),
        unit(5, "distress", Some(500.0)),
        unit(6, "available", None),
    ];
    let advice = rank(&asked(1), &units, &[], 7);
    assert!(advice.candidates.is_empty());
    let why: Vec<Vec<&str>> = advice.left_out.iter().map(|left| codes(&left.reasons)).collect();
    let expected = [
        vec!["already_assigned"],
        vec!["already_queued", "busy"],
        vec!["resting"],
        vec!["off_duty"],
        vec!["distress"],
        vec!["no_position"],
    ];
    assert_eq!(why, expected);
}

#[test]
fn what_was_shown_is_ranked_again_from_what_was_stored() {
    let mut units: Vec<UnitFacts> =
        (1..9).map(|n| unit(n, "available", Some(1_000.0 * ((n * 5) % 7 + 1) as f64))).collect();
    units[3].cover_left = Some(0);
    units[5].status = "resting".into();
    let asked = asked(40);
    let advice = rank(&asked, &units, &[], 7);
    let stored = serde_json::to_string(&(&asked, &units)).unwrap();
    let (asked, units): (Asked, Vec<UnitFacts>) = serde_json::from_str(&stored).unwrap();
    assert_eq!(rank(&asked, &units, &[], 7), advice);
    // And without one of them the others stand as they stood.
    let gone = units[0].unit_id;
    let fewer: Vec<UnitFacts> = units.into_iter().filter(|unit| unit.unit_id != gone).collect();
    for candidate in rank(&asked, &fewer, &[], 7).candidates {
        let before = advice.candidates.iter().find(|c| c.unit_id == candidate.unit_id).unwrap();
        assert_eq!((candidate.eta_max_s, candidate.score_s), (before.eta_max_s, before.score_s));
    }
}

#[test]
fn a_small_crew_and_a_cut_road_are_told_as_the_reason() {
    let (mut few, mut cut) = (unit(1, "available", Some(100.0)), unit(2, "available", Some(200.0)));
    few.crew = Some(2);
    cut.place.as_mut().unwrap().travel = None;
    let advice = rank(&asked(1), &[few, cut], &[], 7);
    let why: Vec<Vec<&str>> = advice.left_out.iter().map(|left| codes(&left.reasons)).collect();
    assert_eq!(why, [vec!["crew_too_small"], vec!["no_way"]]);
    assert_eq!(advice.shortfalls.len(), 2, "nobody is left who brings what a landslide needs");
}

#[test]
fn who_has_left_the_roads_walks_and_comes_after_whoever_is_sooner_there() {
    let (mut walks, mut drives) = (unit(1, "available", Some(20_000.0)), unit(2, "available", Some(30_000.0)));
    walks.place.as_mut().unwrap().travel.as_mut().unwrap().profile = Some("foot".to_owned());
    let way = drives.place.as_mut().unwrap().travel.as_mut().unwrap();
    (way.basis, way.profile, way.duration_s) = (EtaBasis::RoadGraph, Some("car".to_owned()), 9_000.0);
    let advice = rank(&asked(2), &[walks, drives], &[], 7);
    let order: Vec<u128> = advice.candidates.iter().map(|c| c.unit_id.as_u128()).collect();
    assert_eq!(order, [2, 1]);
    // 20 km, 1.2 to 2.5 times as far, at 5 to 3 km/h.
    let walker = &advice.candidates[1];
    assert!(walker.eta_min_s >= 17_280 && walker.eta_max_s >= 60_000, "{walker:?}");
    assert!(walker.reasons[0].en.contains("far from any road"), "{:?}", walker.reasons);
}

#[test]
fn at_the_border_the_post_of_the_sector_comes_first() {
    let (near, mut post) = (unit(1, "available", Some(100.0)), unit(2, "available", Some(30_000.0)));
    post.is_sector_post = true;
    let asked = Asked { kind: "illegal_crossing".to_owned(), ..asked(1) };
    let order: Vec<u128> = rank(&asked, &[near, post], &[], 7).candidates.iter().map(|c| c.unit_id.as_u128()).collect();
    assert_eq!(order, [2, 1]);
}

#[test]
fn the_tables_use_known_words() {
    assert!(SPEEDS_KMH.iter().all(|(kind, _)| KINDS.contains(kind)));
    assert!(TRAVELS_BY.iter().all(|(kind, _)| KINDS.contains(kind)));
    let words = crate::domain::closure::PROFILES;
    assert!(TRAVELS_BY.iter().all(|(_, by)| by.iter().all(|profile| words.contains(profile))));
}
