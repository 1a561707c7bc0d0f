//! The rule of fences: a function of the set of fixes, whatever their order; and the fences of real zones over a picture.

use std::collections::BTreeMap;
use std::sync::Arc;

use geo_types::{Geometry, polygon};
use proptest::prelude::*;
use serde_json::{Value, json};
use trucban::desk::{Ask, Item};
use trucban::domain::fence::{
    ACCURACY_M_MAX, Event, HORIZON_S, Kind, MARGIN_M, Seen, Side, Standing, State, TRACK_FIXES_MAX, Taken, Track, side,
};
use trucban::domain::{Collection, Fix, FixSource, Timestamp};
use trucban::picture::Fences;
use uuid::Uuid;

use crate::desk_support::{Room, planner};
use crate::soak_support::{Dice, rounds};
use crate::store_support::object;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(seconds * 1_000)
}

const ALWAYS: Standing = Standing { begins: Timestamp::from_ms(i64::MIN), ends: None, dwell_s: None };

fn seen(seconds: i64, side: Side) -> Seen {
    Seen { at: at(seconds), side }
}

/// Everything a track tells to the end, with what it settles on the way; and what it tells anew at each fix, as somebody
/// who raises alarms hears it: nothing older than what was told before.
fn heard(fixes: &[Seen], fence: &Standing) -> (Vec<Event>, Vec<Event>, State) {
    let mut track = Track::new(State::Outside, None);
    let mut told: Vec<Event> = Vec::new();
    let mut settled = BTreeMap::new();
    for fix in fixes {
        assert_ne!(track.take(*fix), Taken::Late, "{fix:?} came within the horizon");
        let last = track.story(fence).0;
        let newest = told.last().map(|event| event.at);
        told.extend(last.iter().filter(|event| newest.is_none_or(|newest| newest < event.at)));
        track.settle(fence);
        let kept = track.story(fence).0;
        for event in last.iter().filter(|event| !kept.contains(event)) {
            settled.insert((event.at, event.kind), *event);
        }
    }
    let (kept, state) = track.story(fence);
    settled.extend(kept.iter().map(|event| ((event.at, event.kind), *event)));
    (settled.into_values().collect(), told, state)
}

/// The story by its definition: one walk over all fixes in their order.
fn by_definition(fixes: &[Seen], fence: &Standing) -> (Vec<Event>, bool) {
    let sorted: BTreeMap<Timestamp, Side> = fixes.iter().map(|fix| (fix.at, fix.side)).collect();
    let mut events = Vec::new();
    let (mut inside, mut before): (Option<(Timestamp, bool, bool)>, bool) = (None, false);
    for (at, side) in sorted {
        if fence.ends.is_some_and(|ends| at >= ends) {
            break;
        }
        if at < fence.begins {
            match side {
                Side::Inside => before = true,
                Side::Outside => before = false,
                Side::Near => {}
            }
            continue;
        }
        if side != Side::Near && std::mem::take(&mut before) {
            if side == Side::Inside {
                events.push(Event { at, kind: Kind::WasInside });
                inside = Some((fence.begins, true, false));
            }
            continue;
        }
        match (inside, side) {
            (None, Side::Inside) => {
                events.push(Event { at, kind: Kind::Entered });
                inside = Some((at, false, false));
            }
            (Some(_), Side::Outside) => {
                events.push(Event { at, kind: Kind::Left });
                inside = None;
            }
            (Some((since, false, false)), Side::Inside)
                if fence.dwell_s.is_some_and(|dwell_s| at.seconds_since(since) >= dwell_s) =>
            {
                events.push(Event { at, kind: Kind::Dwelt });
                inside = Some((since, false, true));
            }
            _ => {}
        }
    }
    (events, before || inside.is_some())
}

/// A track of some hours: gaps of seconds to minutes, sides by chance, and how late each fix arrives.
fn tracks() -> impl Strategy<Value = Vec<(Seen, i64, bool)>> {
    let sides = prop_oneof![Just(Side::Inside), Just(Side::Near), Just(Side::Outside)];
    let fix = (6_i64..90, sides, 0..HORIZON_S, any::<bool>());
    prop::collection::vec(fix, 1..120).prop_map(|fixes| {
        let mut now = 0;
        let placed = fixes.into_iter().map(|(gap_s, side, late_s, doubled)| {
            now += gap_s;
            (seen(now, side), late_s, doubled)
        });
        placed.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn shuffled_late_and_doubled_fixes_tell_what_they_tell_in_order(
        track in tracks(),
        begins in 0_i64..3_000,
        stands_s in prop::option::of(60_i64..6_000),
        dwell_s in prop::option::of(30_i64..900),
    ) {
        let fence = Standing { begins: at(begins), ends: stands_s.map(|s| at(begins + s)), dwell_s };
        let in_order: Vec<Seen> = track.iter().map(|(fix, ..)| *fix).collect();
        // Arrival: fix time plus a delay, and some a second time. The horizon is kept: the delay is less than it.
        let mut arrivals: Vec<(i64, Seen)> = track.iter().map(|(fix, late_s, _)| (fix.at.as_ms() / 1_000 + late_s, *fix)).collect();
        arrivals.extend(track.iter().filter(|(.., doubled)| *doubled).map(|(fix, late_s, _)| (fix.at.as_ms() / 1_000 + late_s / 2, *fix)));
        arrivals.sort_by_key(|(arrives, fix)| (*arrives, fix.at.as_ms() % 7));
        let shuffled: Vec<Seen> = arrivals.into_iter().map(|(_, fix)| fix).collect();
        let (events, told, state) = heard(&in_order, &fence);
        let (same, told_shuffled, same_state) = heard(&shuffled, &fence);
        prop_assert_eq!(&events, &same);
        prop_assert_eq!(state, same_state);
        let is_inside = matches!(same_state, State::Inside(_));
        prop_assert_eq!((events.clone(), is_inside), by_definition(&in_order, &fence));
        prop_assert_eq!(&told, &events, "in order, each is told once");
        for told in [&told, &told_shuffled] {
            prop_assert!(told.iter().all(|event| fence.holds(event.at)), "none before its start or after its end");
            prop_assert!(told.windows(2).all(|pair| pair[0].at <= pair[1].at), "nothing older than what was told");
        }
        // What was told last, and where the unit is, agree: no alarm stands for nobody.
        if let Some(last) = told_shuffled.last() {
            prop_assert_eq!(last.kind != Kind::Left, is_inside);
        }
    }
}

#[test]
fn what_is_older_than_a_decision_raises_nothing_and_what_comes_too_late_is_not_taken() {
    let mut track = Track::new(State::Outside, None);
    for (seconds, side) in [(0, Side::Outside), (60, Side::Inside), (120, Side::Outside)] {
        assert_eq!(track.take(seen(seconds, side)), Taken::New);
    }
    assert_eq!(track.take(seen(60, Side::Inside)), Taken::Known);
    // Another visit before the one that was decided: it is in the story, and nobody is told (`heard` above).
    assert_eq!(track.take(seen(20, Side::Inside)), Taken::New);
    let kinds: Vec<Kind> = track.story(&ALWAYS).0.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [Kind::Entered, Kind::Left]);
    track.take(seen(121 + HORIZON_S, Side::Outside));
    track.settle(&ALWAYS);
    assert_eq!(track.take(seen(110, Side::Inside)), Taken::Late);
    assert!(track.is_away());
    // Memory is bounded by a number too.
    let mut track = Track::new(State::Outside, None);
    for n in 0..TRACK_FIXES_MAX as i64 + 1 {
        track.take(Seen { at: Timestamp::from_ms(n), side: Side::Outside });
        track.settle(&ALWAYS);
    }
    assert_eq!(track.take(Seen { at: Timestamp::from_ms(0), side: Side::Inside }), Taken::Late);
    assert_eq!(track.take(Seen { at: Timestamp::from_ms(1), side: Side::Inside }), Taken::Known);
}

#[test]
fn on_the_boundary_nobody_comes_and_goes_and_a_vague_fix_decides_nothing() {
    assert_eq!(side(0.0, Some(5.0)), Side::Inside);
    assert_eq!(side(MARGIN_M + 4.0, Some(5.0)), Side::Near);
    assert_eq!(side(MARGIN_M + 6.0, Some(5.0)), Side::Outside);
    assert_eq!(side(MARGIN_M + 6.0, Some(50.0)), Side::Near);
    for distance_m in [0.0, 10_000.0] {
        assert_eq!(side(distance_m, Some(ACCURACY_M_MAX + 1.0)), Side::Near);
    }
    let wobble = [Side::Inside, Side::Near, Side::Inside, Side::Near, Side::Near, Side::Inside];
    let fixes: Vec<Seen> = (0_i64..).zip(wobble).map(|(n, side)| seen(n * 10, side)).collect();
    assert_eq!(heard(&fixes, &ALWAYS).0.len(), 1);
}

fn slope() -> Geometry {
    polygon![(x: 103.10, y: 22.40), (x: 103.12, y: 22.40), (x: 103.12, y: 22.42), (x: 103.10, y: 22.42)].into()
}

async fn draw(room: &Room, more: Value) -> Uuid {
    let to = room.desk.now().plus_s(10 * 24 * 3_600).to_string();
    let mut properties = object(json!({"name": "Sườn A", "kind": "landslide", "valid_to": to}));
    properties.extend(object(more));
    let item = Item { geometry: Some(slope()), properties };
    room.desk.create(&Ask::by(planner()), Collection::RiskZones, None, item).await.unwrap().id()
}

fn fix(unit: Uuid, lon: f64, at: Timestamp) -> Fix {
    Fix {
        unit_id: unit,
        lon,
        lat: 22.41,
        at,
        accuracy_m: Some(10.0),
        speed_mps: None,
        course_deg: None,
        source: FixSource::Gps,
        heard_by: None,
    }
}

#[tokio::test]
async fn fences_over_a_picture_end_the_same_in_every_order_and_never_tell_what_is_older() {
    let room = Room::new().await;
    let outside = room.unit_at("A", 103.05, 22.41).await;
    draw(&room, json!({})).await;
    let picture = room.desk.picture().load();
    let begins = picture.layer(Collection::RiskZones).iter().map(|zone| zone.recorded_at).max().unwrap();
    let mut dice = Dice::thrown_for("fences");
    let mut visits = 0;
    for _ in 0..rounds(300, 5_000) {
        let (mut lon, mut after_s) = (103.09, 0);
        let fixes: Vec<Fix> = (1..60)
            .map(|_| {
                after_s += 5 + dice.below(4) as i64;
                // Some steps of about 200 m to the east or west, about the western edge of the zone.
                lon = f64::clamp(lon + (dice.below(9) as f64 - 4.0) * 0.001, 103.08, 103.115);
                fix(outside, lon, begins.plus_s(after_s))
            })
            .collect();
        let mut arrivals: Vec<(i64, Fix)> = fixes
            .iter()
            .flat_map(|fix| {
                let lates = [dice.below(HORIZON_S as u64), dice.below(HORIZON_S as u64)].map(|late| late as i64);
                lates.map(|late_s| (fix.at.as_ms() + late_s * 1_000, fix.clone()))
            })
            .collect();
        arrivals.sort_by_key(|(arrives, _)| *arrives);
        let run = |fixes: &[Fix]| {
            let mut fences = Fences::default();
            assert!(fences.learn(&picture).is_empty(), "nobody is inside");
            let mut told: Vec<Event> = Vec::new();
            for chunk in fixes.chunks(3) {
                for passage in fences.hear(&picture, chunk) {
                    let newest = told.last().map(|event| event.at);
                    assert!(passage.events.iter().all(|event| newest.is_none_or(|newest| newest < event.at)));
                    told.extend(passage.events);
                }
            }
            told
        };
        let told = run(&fixes);
        let late = run(&arrivals.into_iter().map(|(_, fix)| fix).collect::<Vec<_>>());
        let is_inside = |told: &[Event]| told.last().is_some_and(|event| event.kind != Kind::Left);
        assert_eq!(is_inside(&told), is_inside(&late), "{told:?}\n{late:?}");
        assert!(told.iter().all(|event| event.kind != Kind::WasInside));
        visits += told.iter().filter(|event| event.kind == Kind::Entered).count();
    }
    assert!(visits > 100, "the tracks come in: {visits}");
}

#[tokio::test]
async fn who_is_inside_as_a_fence_is_learned_did_not_come_in() {
    let room = Room::new().await;
    let (inside, outside) = (room.unit_at("A", 103.11, 22.41).await, room.unit_at("B", 103.05, 22.41).await);
    let zone = draw(&room, json!({})).await;
    let mut fences = Fences::default();
    let picture = room.desk.picture().load();
    let begins = picture.layer(Collection::RiskZones).get(zone).unwrap().recorded_at;
    let found = fences.learn(&picture);
    let told: Vec<(Uuid, Kind)> = found.iter().map(|passage| (passage.unit, passage.events[0].kind)).collect();
    assert_eq!(told, [(inside, Kind::WasInside)]);
    assert!(fences.learn(&picture).is_empty(), "a fence that goes on tells nothing anew");
    // Written down, it is told no second time by whoever leads next.
    room.desk.tell_passage(&found[0]).await.unwrap();
    let picture = room.desk.picture().load();
    let mut next = Fences::default();
    assert!(next.learn(&picture).is_empty());
    let fixes = [fix(outside, 103.11, begins.plus_s(5)), fix(inside, 103.05, begins.plus_s(5))];
    let mut told: Vec<(Uuid, Kind)> =
        next.hear(&picture, &fixes).iter().map(|passage| (passage.unit, passage.events[0].kind)).collect();
    told.sort();
    let mut expected = [(outside, Kind::Entered), (inside, Kind::Left)];
    expected.sort();
    assert_eq!(told, expected);
    // Before its start nothing is an event.
    assert!(Fences::default().hear(&picture, &fixes).is_empty());
    let mut early = Fences::default();
    early.learn(&Arc::clone(&picture));
    assert!(early.hear(&picture, &[fix(outside, 103.11, begins.plus_s(-5))]).is_empty());
}
