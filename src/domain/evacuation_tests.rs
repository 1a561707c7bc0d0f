use proptest::prelude::*;

use super::*;

fn report(at_s: i64, state: State, people: Option<i64>) -> Report {
    Report {
        id: Uuid::from_u128(u128::try_from(at_s).unwrap()),
        state,
        people,
        more: false,
        from: None,
        shelter_id: None,
        place: None,
        at: Some(Timestamp::from_ms(at_s * 1_000)),
        recorded_at: None,
        by: None,
        source: None,
        told_by: None,
        evidence: Map::new(),
        withdrawn: None,
    }
}

fn at_shelter(report: Report, shelter: u128) -> Report {
    Report { shelter_id: Some(Uuid::from_u128(shelter)), ..report }
}

fn parts(outcome: &Outcome) -> Vec<(State, i64)> {
    outcome.parts.iter().map(|part| (part.state, part.people)).collect()
}

#[test]
fn every_state_has_its_name_in_the_schema() {
    for state in State::ALL {
        assert!(household::STATES.contains(&state.as_str()), "{state:?}");
        assert_eq!(State::parse(state.as_str()), Some(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        assert!(state.sources().iter().all(|source| *source != state));
    }
}

#[test]
fn four_of_five_arrive_and_one_refuses() {
    let told = [
        report(1, State::Notified, None),
        report(2, State::Moving, Some(4)),
        report(3, State::Refused, Some(1)),
        at_shelter(report(4, State::Sheltered, Some(4)), 7),
    ];
    let known = outcome(5, &told);
    assert_eq!(parts(&known), [(State::Refused, 1), (State::Sheltered, 4)]);
    assert!(known.discrepancy.is_none());
    assert_eq!(known.in_shelter(Uuid::from_u128(7)), 4);
    assert_eq!(known.least().map(|part| part.state), Some(State::Refused));
}

#[test]
fn an_arrival_told_twice_is_one_and_does_not_take_who_refused() {
    let arrival = |at| at_shelter(report(at, State::Sheltered, Some(4)), 7);
    let told = [report(2, State::Moving, Some(4)), report(3, State::Refused, Some(1)), arrival(4), arrival(5)];
    assert_eq!(parts(&outcome(5, &told)), [(State::Refused, 1), (State::Sheltered, 4)]);
    // The same people told to be in two places: who refused is still at home, and somebody must look.
    let elsewhere = Report { place: Some("nhà ông Sơn".into()), ..report(6, State::WithRelatives, Some(4)) };
    let known = outcome(5, &[told.as_slice(), &[elsewhere]].concat());
    assert_eq!(parts(&known), [(State::Refused, 1), (State::Sheltered, 4)]);
    assert_eq!(known.discrepancy, Discrepancy { surplus: 4, ..Discrepancy::default() });
}

#[test]
fn fewer_who_arrive_than_left_are_missed_until_they_arrive() {
    let mut told = vec![report(2, State::Moving, Some(5)), at_shelter(report(4, State::Sheltered, Some(3)), 7)];
    assert_eq!(outcome(5, &told).discrepancy, Discrepancy { missing: 2, ..Discrepancy::default() });
    let more = Report { more: true, ..at_shelter(report(5, State::Sheltered, Some(2)), 7) };
    told.push(more);
    assert_eq!(parts(&outcome(5, &told)), [(State::Sheltered, 5)]);
    assert!(outcome(5, &told).discrepancy.is_none());
}

#[test]
fn who_leaves_a_shelter_uncounted_is_inside_until_told_of() {
    let mut told =
        vec![at_shelter(report(1, State::Sheltered, Some(4)), 7), at_shelter(report(2, State::Sheltered, Some(3)), 7)];
    let known = outcome(4, &told);
    assert_eq!(parts(&known), [(State::Registered, 1), (State::Sheltered, 3)]);
    assert_eq!(known.discrepancy, Discrepancy { strayed: 1, ..Discrepancy::default() });
    told.push(Report { place: Some("Sìn Hồ".into()), ..report(3, State::WithRelatives, Some(1)) });
    assert!(outcome(4, &told).discrepancy.is_none());
}

#[test]
fn who_changes_the_shelter_is_taken_from_the_one_they_leave() {
    let told = [
        at_shelter(report(1, State::Sheltered, Some(4)), 7),
        Report { from: Some(State::Sheltered), ..at_shelter(report(2, State::Sheltered, Some(3)), 8) },
    ];
    let known = outcome(5, &told);
    assert_eq!(known.in_shelter(Uuid::from_u128(7)), 1);
    assert_eq!(known.in_shelter(Uuid::from_u128(8)), 3);
}

#[test]
fn who_may_go_home_is_in_the_shelter_until_they_went() {
    let mut told = vec![at_shelter(report(1, State::Sheltered, Some(4)), 7), report(2, State::ReturnAuthorised, None)];
    assert_eq!(outcome(4, &told).in_shelter(Uuid::from_u128(7)), 4);
    told.push(report(3, State::Returned, None));
    let known = outcome(4, &told);
    assert_eq!((known.in_shelter(Uuid::from_u128(7)), parts(&known)), (0, vec![(State::Returned, 4)]));
    // The next time begins from there.
    told.push(report(9, State::Notified, None));
    assert_eq!(parts(&outcome(4, &told)), [(State::Notified, 4)]);
}

#[test]
fn a_household_does_not_shrink_below_what_was_told_of_it() {
    let told = vec![report(2, State::Refused, Some(1)), at_shelter(report(4, State::Sheltered, Some(4)), 7)];
    let standing = Standing { members: 5, reports: told };
    assert_eq!(standing.with_members(4).unwrap_err().code, Code::InvalidValue);
    let grown = standing.with_members(6).unwrap().outcome();
    assert_eq!(parts(&grown), [(State::Registered, 1), (State::Refused, 1), (State::Sheltered, 4)]);
}

#[test]
fn what_the_list_said_before_anything_was_told_stands() {
    let listed = serde_json::json!({"member_count": 6, "state": "sheltered", "shelter_id": Uuid::from_u128(7)});
    let mut properties = listed.as_object().cloned().unwrap();
    let standing = Standing::of(&properties, &Map::new());
    assert_eq!(standing.outcome().in_shelter(Uuid::from_u128(7)), 6);
    let mut personal = Map::new();
    standing.write(&mut properties, &mut personal);
    assert_eq!(Standing::of(&properties, &personal), standing);
    assert_eq!((&properties["state"], properties.get("state_at")), (&Value::from("sheltered"), None));
}

#[test]
fn a_full_list_forgets_what_was_withdrawn_and_then_refuses() {
    let mut standing = Standing { members: 3, reports: Vec::new() };
    for n in 0..REPORTS_MAX {
        standing.add(report(n as i64, State::Notified, None)).unwrap();
    }
    assert_eq!(standing.add(report(900, State::Notified, None)).unwrap_err().code, Code::LimitExceeded);
    standing.reports[0].withdrawn =
        Some(Withdrawn { at: Timestamp::from_ms(0), by: "x".into(), reason: "nhầm".into() });
    standing.add(report(901, State::Notified, None)).unwrap();
    assert_eq!(standing.reports.len(), REPORTS_MAX);
}

fn any_report() -> impl Strategy<Value = Report> {
    let state = prop::sample::select(State::ALL.to_vec());
    let from = prop::option::weighted(0.3, prop::sample::select(State::ALL.to_vec()));
    (
        state,
        prop::option::weighted(0.8, 0..9_i64),
        prop::bool::weighted(0.2),
        from,
        1..4_u128,
        0..20_i64,
        any::<u64>(),
        prop::bool::weighted(0.15),
    )
        .prop_map(|(state, people, more, from, place, at_s, id, is_withdrawn)| Report {
            id: Uuid::from_u128(u128::from(id)),
            more: more && people.is_some(),
            from,
            shelter_id: (state == State::Sheltered).then(|| Uuid::from_u128(place)),
            place: (state == State::WithRelatives).then(|| format!("Nhà {place}")),
            withdrawn: is_withdrawn.then(|| Withdrawn {
                at: Timestamp::from_ms(0),
                by: "x".into(),
                reason: "nhầm".into(),
            }),
            ..report(at_s, state, people)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nobody_is_doubled_or_lost_and_the_order_of_arrival_does_not_matter(
        members in 0..9_i64,
        told in prop::collection::vec(any_report(), 0..14),
        seed in any::<u64>(),
    ) {
        let known = outcome(members, &told);
        prop_assert_eq!(known.parts.iter().map(|part| part.people).sum::<i64>(), members);
        prop_assert!(known.parts.iter().all(|part| part.people > 0));
        let mut shuffled = told.clone();
        let mut chance = seed | 1;
        for n in (1..shuffled.len()).rev() {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            shuffled.swap(n, (chance % (n as u64 + 1)) as usize);
        }
        prop_assert_eq!(&outcome(members, &shuffled), &known);
        // Whatever was withdrawn might as well never have been said.
        let standing: Vec<Report> = told.iter().filter(|report| report.withdrawn.is_none()).cloned().collect();
        prop_assert_eq!(outcome(members, &standing), known);
    }

    #[test]
    fn a_record_keeps_what_was_told(members in 0..9_i64, told in prop::collection::vec(any_report(), 1..10)) {
        let standing = Standing { members, reports: told };
        let mut properties = Map::new();
        properties.insert("member_count".to_owned(), members.into());
        let mut personal = Map::new();
        standing.write(&mut properties, &mut personal);
        prop_assert_eq!(Standing::of(&properties, &personal), standing);
    }

    #[test]
    fn a_household_that_shrinks_loses_nobody_who_was_told_of(
        members in 0..9_i64,
        next in 0..9_i64,
        told in prop::collection::vec(any_report(), 0..10),
    ) {
        let standing = Standing { members, reports: told };
        if let Ok(changed) = standing.with_members(next) {
            prop_assert_eq!(changed.outcome().parts.iter().map(|part| part.people).sum::<i64>(), next);
            prop_assert!(changed.told_of() >= standing.told_of());
        }
    }
}
