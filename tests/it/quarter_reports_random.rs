//! Over random edits of what figures are counted from, a closed report stays what it was, its corrections are the whole
//! difference to a recount, and the recount is that of a plain list of what was entered.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use trucban::desk::{Ask, Item, Patch, ReportStep};
use trucban::domain::quarter::Quarter;
use trucban::domain::quarter_report::Step;
use trucban::domain::{Actor, Collection, Force, Role, Timestamp};
use trucban::report::account::Account;
use uuid::Uuid;

use crate::desk_support::{Room, officer, planner};
use crate::store_support::object;

const FORCES: [&str; 4] = ["police", "military", "border_guard", "civil"];
const COLLECTIONS: [Collection; 3] = [Collection::Deployments, Collection::Cases, Collection::Tallies];

/// What somebody does to the records.
#[derive(Clone, Debug)]
enum Edit {
    /// Enters a deployment, a case or a tally: which, of which force and sort, how many days from the middle of the quarter,
    /// how many.
    Enter { which: usize, force: usize, sort: usize, day: i64, count: i64 },
    /// Gives one that was entered another day and another count.
    Change { which: usize, day: i64, count: i64 },
    /// Ends one that was entered.
    End { which: usize },
}

/// One record as the test remembers it.
#[derive(Clone, Debug)]
struct Entered {
    collection: Collection,
    id: Uuid,
    properties: Value,
    is_ended: bool,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let day = -70_i64..70;
    let enter = (0_usize..3, 0_usize..4, 0_usize..4, day.clone(), 0_i64..60)
        .prop_map(|(which, force, sort, day, count)| Edit::Enter { which, force, sort, day, count });
    let change = (0_usize..64, day, 0_i64..60).prop_map(|(which, day, count)| Edit::Change { which, day, count });
    let end = (0_usize..64).prop_map(|which| Edit::End { which });
    prop::collection::vec(prop_oneof![4 => enter, 2 => change, 1 => end], 1..24)
}

fn quarter() -> Quarter {
    Quarter::parse("2024Q3").unwrap()
}

fn on(day: i64) -> String {
    quarter().start().plus_s((46 + day) * 86_400).to_string()
}

/// The members that make a record count: how many, and when.
fn counting(collection: Collection, day: i64, count: i64) -> Value {
    match collection {
        Collection::Deployments => json!({"started_at": on(day), "personnel": count, "vehicles": count / 5}),
        Collection::Cases => json!({
            "occurred_at": on(day), "handed_over_at": on(day), "persons": count,
            "substances": [{"substance": "heroin", "weight_g": count as f64 / 7.0}],
        }),
        _ => json!({"occurred_at": on(day), "count": count, "valid": count / 2}),
    }
}

fn sort_of(collection: Collection, sort: usize) -> Value {
    match collection {
        Collection::Deployments => json!({"purpose": (["disaster", "search_rescue", "border", "exercise"][sort])}),
        Collection::Cases => json!({"kind": (["drugs", "illegal_crossing", "drugs", "smuggling"][sort])}),
        _ => json!({"counted": (["tips", "awareness_sessions", "households_moved", "tips"][sort])}),
    }
}

async fn make(room: &Room, entered: &mut Vec<Entered>, edit: &Edit) {
    match edit {
        Edit::Enter { which, force, sort, day, count } => {
            let collection = COLLECTIONS[*which];
            let mut properties = object(json!({"force": FORCES[*force]}));
            properties.extend(object(sort_of(collection, *sort)));
            properties.extend(object(counting(collection, *day, *count)));
            let item = Item { geometry: None, properties: properties.clone() };
            let id = room.desk.create(&Ask::by(admin()), collection, None, item).await.unwrap().id();
            entered.push(Entered { collection, id, properties: Value::Object(properties), is_ended: false });
        }
        Edit::Change { which, day, count } => {
            let Some(one) = standing(entered, *which) else { return };
            let changed = object(counting(one.collection, *day, *count));
            one.properties.as_object_mut().unwrap().extend(changed.clone());
            let patch = Patch { geometry: None, properties: changed };
            room.desk.patch(&seen(room, one), one.collection, one.id, patch).await.unwrap();
        }
        Edit::End { which } => {
            let Some(one) = standing(entered, *which) else { return };
            one.is_ended = true;
            room.desk.end(&seen(room, one), one.collection, one.id, Some("nhập nhầm".to_owned())).await.unwrap();
        }
    }
}

fn standing(entered: &mut [Entered], which: usize) -> Option<&mut Entered> {
    let mut stands: Vec<&mut Entered> = entered.iter_mut().filter(|one| !one.is_ended).collect();
    let place = which.checked_rem(stands.len())?;
    Some(stands.swap_remove(place))
}

fn seen(room: &Room, one: &Entered) -> Ask {
    let view = room.desk.picture().view(&admin(), room.desk.now());
    Ask::by(admin()).if_match(view.item(one.collection, one.id).unwrap().version())
}

fn admin() -> Actor {
    Actor::new("admin", Role::Admin, None)
}

fn commander() -> Actor {
    Actor::new("commander", Role::Commander, None)
}

/// Counts by the words of the rules alone, from the plain list: figure and force to sum.
fn recount(entered: &[Entered]) -> BTreeMap<(&'static str, String), f64> {
    let mut sums: BTreeMap<(&'static str, String), f64> = BTreeMap::new();
    for one in entered.iter().filter(|one| !one.is_ended) {
        let p = &one.properties;
        let (force, number) = (p["force"].as_str().unwrap(), |name: &str| p[name].as_f64().unwrap());
        let in_quarter = |name: &str| quarter().holds(Timestamp::parse(p[name].as_str().unwrap()).unwrap());
        let mut add = |figure: &'static str, value: f64| {
            *sums.entry((figure, force.to_owned())).or_default() += value;
        };
        let sort = ["purpose", "kind", "counted"].iter().find_map(|name| p[*name].as_str()).unwrap();
        match sort {
            "disaster" | "search_rescue" if in_quarter("started_at") => {
                add("personnel_turns", number("personnel"));
                add("vehicle_turns", number("vehicles"));
            }
            "drugs" if in_quarter("handed_over_at") => {
                add("drug_cases", 1.0);
                add("drug_persons", number("persons"));
                add("heroin_g", p["substances"][0]["weight_g"].as_f64().unwrap());
            }
            "illegal_crossing" if in_quarter("occurred_at") => {
                add("crossings", 1.0);
                add("crossing_persons", number("persons"));
            }
            "tips" if in_quarter("occurred_at") => {
                add("tips", number("count"));
                add("tips_valid", number("valid"));
            }
            "awareness_sessions" | "households_moved" if in_quarter("occurred_at") => {
                add(
                    if sort == "awareness_sessions" { "awareness_sessions" } else { "households_moved" },
                    number("count"),
                );
            }
            _ => {}
        }
    }
    sums
}

fn account(room: &Room) -> Account {
    account_of(room, quarter())
}

fn account_of(room: &Room, quarter: Quarter) -> Account {
    let view = room.desk.picture().view(&commander(), room.desk.now());
    Account::of(quarter, &mut &view).unwrap()
}

async fn step(room: &Room, actor: Actor, step: Step) {
    let step = ReportStep { step, whose: None, note: None };
    room.desk.step_report(&Ask::by(actor), quarter(), &step).await.unwrap();
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 2e-3
}

async fn holds(before: Vec<Edit>, after: Vec<Edit>) {
    let room = Room::new().await;
    let mut entered = Vec::new();
    for edit in &before {
        make(&room, &mut entered, edit).await;
    }
    for (actor, taken) in [
        (officer(), Step::Compile),
        (officer(), Step::Submit),
        (planner(), Step::Consolidate),
        (commander(), Step::Approve),
        (commander(), Step::Close),
    ] {
        step(&room, actor, taken).await;
    }
    let (closed, counted_then) = (account(&room), recount(&entered));
    assert!(closed.standing.corrections.is_empty());
    for edit in &after {
        make(&room, &mut entered, edit).await;
        let (now, counted) = (account(&room), recount(&entered));
        let next = account_of(&room, quarter().next());
        for (then, now) in closed.lines.iter().zip(&now.lines) {
            let id = then.line.id;
            let mut held = now.line.clone();
            held.rows.clone_from(&then.line.rows);
            assert_eq!(held, then.line, "report(closed) stays");
            let sum = |sums: &BTreeMap<(&str, String), f64>| -> f64 {
                sums.iter().filter(|((figure, _), _)| *figure == id).map(|(_, sum)| sum).sum()
            };
            assert!(near(then.line.value, sum(&counted_then)), "{id}: closed with what was counted");
            assert!(near(now.recounted, sum(&counted)), "{id}: {} is no recount", now.recounted);
            assert_eq!(next.line(id).unwrap().line.previous, then.line.value, "{id} in the next report");
        }
        for figure in closed.lines.iter().map(|told| told.line.id) {
            let own = || now.standing.corrections.iter().filter(|line| line.figure == figure);
            let told = now.line(figure).unwrap();
            let sum: f64 = own().map(|line| line.delta).sum();
            assert!(near(sum, told.recounted - told.line.value), "{figure}: its corrections are the whole difference");
            for force in FORCES {
                let of = |sums: &BTreeMap<(&str, String), f64>| {
                    sums.iter().find(|((id, by), _)| *id == figure && by == force).map_or(0.0, |(_, sum)| *sum)
                };
                let line = own().find(|line| line.force == Force::parse(force));
                let (then, since) = (of(&counted_then), of(&counted));
                let Some(line) = line else {
                    assert!(near(then, since), "{figure} of {force}: {then} became {since} in silence");
                    continue;
                };
                assert!(near(line.closed_value, then) && near(line.value_now, since), "{line:?}");
                assert!(line.rows + line.rows_gone > 0, "a correction names its rows: {line:?}");
                assert_eq!(line.first_at.is_some(), line.rows > 0);
            }
        }
        assert_eq!(next.standing.previous_corrections, now.standing.corrections);
    }
    // From the store it is the same as from the picture.
    let mut snapshot = room.store.snapshot().await.unwrap();
    let stored = tokio::task::spawn_blocking(move || Account::of(quarter(), &mut snapshot)).await.unwrap();
    assert_eq!(stored.unwrap(), account(&room));
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 40, ..ProptestConfig::with_cases(16) })]

    #[test]
    fn a_closed_report_stays_and_its_corrections_are_the_whole_difference_to_a_recount(
        before in edits(),
        after in edits(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(holds(before, after));
    }
}
