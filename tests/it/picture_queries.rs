//! Nearby, within and along against an independent brute force: geographiclib alone, edges cut ever finer.

mod brute;
mod ground;

use std::collections::BTreeMap;

use geo_types::{Coord, Geometry, line_string};
use trucban::domain::Collection;
use trucban::picture::{AlongQuery, NearbyQuery, PropertyFilter, View, WithinQuery};
use uuid::Uuid;

use crate::support::random::Random;
use brute::Shape;
use ground::{Ground, MIXED};

/// Metres by which an answer may differ from the brute force.
const WITHIN_M: f64 = 0.1;

/// All records of these collections that can be among the `limit` nearest, nearest first.
fn distances(ground: &Ground, at: Coord, collections: &[Collection], limit: usize) -> Vec<(f64, Collection, Uuid)> {
    let of_collections = ground.shapes.iter().filter(|(key, _)| collections.contains(&key.0));
    let mut by_bound: Vec<_> = of_collections.map(|(key, shape)| (shape.at_least_m(at), key, shape)).collect();
    by_bound.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut all: Vec<(f64, Collection, Uuid)> = Vec::new();
    for (bound, (collection, id), shape) in by_bound {
        let nearer = all.iter().filter(|(metres, ..)| *metres < bound - 2.0 * WITHIN_M).count();
        if nearer < limit {
            all.push((shape.distance_m(at), *collection, *id));
        }
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
    all
}

fn check_nearby(ground: &Ground, view: &View, query: &NearbyQuery) {
    let at = Coord { x: query.lon, y: query.lat };
    let all = distances(ground, at, &query.collections, query.limit);
    let found = view.nearby(query);
    let radius = query.radius_m.unwrap_or(f64::INFINITY);
    let sure = all.iter().filter(|(d, ..)| *d <= radius - WITHIN_M).count().min(query.limit);
    let most = all.iter().filter(|(d, ..)| *d <= radius + WITHIN_M).count().min(query.limit);
    assert!((sure..=most).contains(&found.len()), "{query:?}: {} found, {sure}..={most} expected", found.len());
    for (n, near) in found.iter().enumerate() {
        let expected = all.iter().find(|(_, c, id)| (*c, *id) == (near.shown.collection(), near.shown.id())).unwrap();
        assert!((near.distance_m - expected.0).abs() <= WITHIN_M, "{query:?}: {} for {expected:?}", near.distance_m);
        // In order: the n-th answer is as far as the n-th of all.
        assert!((all[n].0 - expected.0).abs() <= WITHIN_M, "{query:?}: {expected:?} in place {n}, not {:?}", all[n]);
        let nearest = Coord { x: near.nearest[0], y: near.nearest[1] };
        assert!((brute::geodesic_m(at, nearest) - near.distance_m).abs() <= WITHIN_M);
        assert!(ground.shapes[&(near.shown.collection(), near.shown.id())].distance_m(nearest) <= WITHIN_M);
        if near.distance_m == 0.0 {
            assert_eq!((near.bearing_deg, near.nearest), (0.0, [query.lon, query.lat]));
        } else {
            let there = brute::destination(at, near.bearing_deg, near.distance_m);
            assert!(brute::geodesic_m(there, nearest) <= WITHIN_M, "{query:?}: bearing {}", near.bearing_deg);
        }
        if let [.., before, after] = &found[..=n] {
            let key = |near: &trucban::picture::Near<'_>| (near.shown.collection().index(), near.shown.id());
            assert!(before.distance_m < after.distance_m || key(before) < key(after));
        }
    }
}

#[tokio::test]
async fn nearby_equals_the_brute_force() {
    let ground = Ground::new().await;
    let view = ground.view();
    let mut random = Random::new(1);
    for n in 0..700 {
        let at = ground::somewhere(&mut random, n);
        let mut collections: Vec<Collection> = MIXED.into_iter().filter(|_| random.below(3) > 0).collect();
        collections.push(Collection::Households);
        let query = NearbyQuery {
            lon: at.x,
            lat: at.y,
            radius_m: [None, Some(500.0), Some(5_000.0), Some(30_000.0), Some(500_000.0)][random.below(5)],
            limit: [1, 5, 10, 1_000][random.below(4)],
            collections,
            filters: Vec::new(),
            q: None,
        };
        check_nearby(&ground, &view, &query);
    }
}

#[tokio::test]
async fn nearby_filters_while_it_searches() {
    let ground = Ground::new().await;
    let view = ground.view();
    let mut random = Random::new(2);
    for n in 0..50 {
        let at = ground::somewhere(&mut random, n);
        let filters = vec![PropertyFilter { name: "state".into(), any_of: vec!["notified".into()] }];
        let (lon, lat, collections) = (at.x, at.y, vec![Collection::Households]);
        let query = NearbyQuery { lon, lat, radius_m: None, limit: 7, collections, filters, q: None };
        let found: Vec<Uuid> = view.nearby(&query).iter().map(|near| near.shown.id()).collect();
        let notified = |id: &Uuid| ground.properties[&(Collection::Households, *id)]["state"] == "notified";
        let expected: Vec<Uuid> = distances(&ground, at, &query.collections, usize::MAX)
            .into_iter()
            .map(|(.., id)| id)
            .filter(notified)
            .take(7)
            .collect();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn within_equals_the_brute_force() {
    let ground = Ground::new().await;
    let view = ground.view();
    let mut random = Random::new(3);
    for n in 0..200 {
        let buffer_m = if n % 2 == 0 { 0.0 } else { random.between(10.0, 8_000.0) };
        let centre = ground::somewhere(&mut random, n);
        let geometry = match n % 3 {
            0 | 1 => ground::area(&mut random, centre, 0.08),
            _ => ground::line(&mut random, centre, 0.04),
        };
        let collections = MIXED.to_vec();
        let query = WithinQuery { geometry: geometry.clone(), buffer_m, collections, filters: Vec::new() };
        let found: Vec<(Collection, Uuid)> = view.within(&query).iter().map(|s| (s.collection(), s.id())).collect();
        let order = |key: &(Collection, Uuid)| (MIXED.iter().position(|c| *c == key.0), key.1);
        assert!(found.is_sorted_by_key(order), "in the order of the asked collections, then of ids");
        let asked = Shape::new(&geometry);
        for (key, shape) in &ground.shapes {
            // Nothing is said where the shape is nearer to the limit than the brute force can tell.
            if let Some(expected) = asked.reaches(shape, buffer_m, WITHIN_M) {
                assert_eq!(found.contains(key), expected, "{n}: {key:?} with {buffer_m} m of {geometry:?}");
            }
        }
    }
}

#[tokio::test]
async fn along_equals_the_brute_force() {
    let ground = Ground::new().await;
    let view = ground.view();
    let border = brute::Chain::new(&ground.sectors);
    let mut random = Random::new(4);
    // The place of a point on the whole border does not depend on the question.
    let points: BTreeMap<(Collection, Uuid), (f64, f64)> =
        ground.shapes.iter().filter_map(|(key, shape)| Some((*key, border.nearest_to_point(shape.point()?)))).collect();
    for n in 0..100 {
        let (from_km, to_km) = match n % 4 {
            0 => (None, None),
            1 => (Some(random.between(0.0, 60.0)), None),
            _ => {
                let from = random.between(0.0, 60.0);
                (Some(from), Some(from + random.between(0.0, 30.0)))
            }
        };
        let within_m = random.between(200.0, 6_000.0);
        let collections = MIXED.to_vec();
        let filters = Vec::new();
        let query = AlongQuery { sector_id: None, from_km, to_km, within_m, collections, filters };
        let found = view.along(&query);
        assert!(found.is_sorted_by(|a, b| {
            let key = |x: &trucban::picture::Along<'_>| (x.shown.collection().index(), x.shown.id());
            a.chainage_km < b.chainage_km || (a.chainage_km == b.chainage_km && key(a) < key(b))
        }));
        let found: BTreeMap<(Collection, Uuid), (f64, f64)> =
            found.iter().map(|x| ((x.shown.collection(), x.shown.id()), (x.chainage_km, x.offset_m))).collect();
        let (from, to) = (from_km.unwrap_or(f64::NEG_INFINITY), to_km.unwrap_or(f64::INFINITY));
        for (key, shape) in &ground.shapes {
            if key.0 == Collection::BorderSectors {
                continue;
            }
            let answer = found.get(key);
            let (expected, in_stretch) = match points.get(key) {
                Some((km, offset)) => {
                    let doubtful = (km - from).abs() < 1e-4 || (km - to).abs() < 1e-4;
                    let inside = *km >= from && *km <= to;
                    (Some((*km, *offset)), (!doubtful).then_some(inside))
                }
                None => {
                    let nearest = border.nearest_to_shape(shape, from, to, within_m + WITHIN_M);
                    (nearest, Some(nearest.is_some()))
                }
            };
            let Some((km, offset)) = expected else {
                assert!(answer.is_none(), "{n}: {key:?} at {answer:?} is out of reach");
                continue;
            };
            let doubtful = (offset - within_m).abs() <= WITHIN_M || in_stretch.is_none();
            let listed = offset <= within_m && in_stretch == Some(true);
            match answer {
                Some((answer_km, answer_offset)) => {
                    assert!(listed || doubtful, "{n}: {key:?} at {answer:?} should not be listed: {expected:?}");
                    assert!((answer_offset - offset).abs() <= WITHIN_M, "{n}: {key:?} {answer:?} {expected:?}");
                    let same_place = (answer_km - km).abs() * 1_000.0 <= 1.0;
                    let as_near = || (border.offset_at(*answer_km, shape) - offset).abs() <= WITHIN_M;
                    assert!(same_place || as_near(), "{n}: {key:?} {answer:?} {expected:?}");
                }
                None => assert!(!listed || doubtful, "{n}: {key:?} {expected:?} is missing"),
            }
        }
    }
}

#[tokio::test]
async fn exposure_counts_what_the_brute_force_counts() {
    let ground = Ground::new().await;
    let view = ground.view();
    let mut random = Random::new(5);
    for n in 0..100 {
        let centre = ground::somewhere(&mut random, n);
        let geometry = ground::area(&mut random, centre, 0.15);
        let area = Shape::new(&geometry);
        let exposure = view.exposure(&geometry);
        let inside = |collection: Collection| {
            ground.shapes.iter().filter(move |(key, _)| key.0 == collection).filter(|(_, s)| area.touches(s))
        };
        let homes: Vec<Uuid> = inside(Collection::Households).map(|(key, _)| key.1).collect();
        let people: i64 = homes
            .iter()
            .map(|id| ground.properties[&(Collection::Households, *id)]["member_count"].as_i64().unwrap())
            .sum();
        assert_eq!(exposure.household_ids, homes);
        assert_eq!((exposure.households, exposure.people), (homes.len(), people));
        assert_eq!(exposure.stations, inside(Collection::Stations).count());
        let km = |collection: Collection| -> f64 {
            let lines = ground.shapes.iter().filter(|(key, _)| key.0 == collection);
            lines.map(|(_, line)| area.metres_inside(line)).sum::<f64>() / 1_000.0
        };
        // The brute force cuts lines into pieces of 5 m and counts the whole ones.
        assert!((exposure.road_km - km(Collection::Roads)).abs() < 0.1, "{n}: {}", exposure.road_km);
        assert!((exposure.border_km - km(Collection::BorderSectors)).abs() < 0.1, "{n}: {}", exposure.border_km);
    }
}

#[test]
fn the_brute_force_measures_rightly() {
    let line: Geometry = line_string![(x: 103.0, y: 22.0), (x: 103.1, y: 22.0)].into();
    let at = Coord { x: 103.05, y: 22.01 };
    let expected = brute::geodesic_m(at, Coord { x: 103.05, y: 22.0 });
    assert!((Shape::new(&line).distance_m(at) - expected).abs() < 0.02);
}
