use super::*;

/// Ten kilometres, so that points a kilometre are points by ten.
const KM: f64 = 10.0;

fn day(days: i64) -> Timestamp {
    Timestamp::from_ms(1_790_000_000_000).plus_s(days * DAY_S)
}

fn one(n: u128, kind: &str, severity: Option<i64>, at: Timestamp) -> Happening {
    let (collection, id) = (Collection::Incidents, Uuid::from_u128(n));
    Happening { collection, id, kind: kind.to_owned(), severity, at, chainage_km: Some(12.5), is_seen: true }
}

fn span(recorded_since: Option<Timestamp>) -> SectorSpan {
    SectorSpan { length_km: KM, recorded_since }
}

fn at(since: Option<Timestamp>, happened: &[Happening]) -> SectorProposal {
    propose(&BorderRules::shipped(), span(since), happened, day(0))
}

#[test]
fn points_are_weights_times_severity_by_kilometre_in_each_window() {
    // By hand: 1 × 1.5 + 4 × 1 (severity not known) in 30 days; the smuggling of 2 × 2.5 lies in the 90 days alone.
    let happened = [
        one(1, "illegal_crossing", Some(2), day(-1)),
        one(2, "drug_crime", None, day(-29)),
        one(3, "smuggling", Some(3), day(-60)),
        one(4, "landslide", Some(4), day(-1)),
    ];
    let proposal = at(None, &happened);
    let told: Vec<_> =
        proposal.windows.iter().map(|w| (w.days, w.rows, w.score.unwrap(), w.per_km.unwrap(), w.level)).collect();
    assert_eq!(told, [(30, 2, 5.5, 0.55, Level::Medium), (90, 3, 10.5, 1.05, Level::High)]);
    assert_eq!(proposal.level, Some(Level::High));
    let rows: Vec<_> = proposal.rows.iter().map(|row| (row.id.as_u128(), row.weight)).collect();
    assert_eq!(rows, [(1, 1.5), (2, 4.0), (3, 5.0)], "the newest first, and no slide");
    assert_eq!(proposal.other_rows, 0);
    assert_eq!(
        proposal.reasons[0].vi,
        "30 ngày: 2 vụ, 5,50 điểm, 0,55 điểm/km; chưa đủ các kỳ trước để so sánh; đạt ngưỡng cố định 0,15 → trung bình"
    );
}

#[test]
fn a_window_begins_after_its_first_moment_and_holds_its_last() {
    let ms = |at: Timestamp, ms: i64| Timestamp::from_ms(at.as_ms() + ms);
    let rows = |when: Timestamp| {
        let proposal = at(None, &[one(1, "illegal_crossing", Some(1), when)]);
        (proposal.windows[0].rows, proposal.windows[1].rows, proposal.rows.len())
    };
    assert_eq!(rows(day(0)), (1, 1, 1), "at this very moment");
    assert_eq!(rows(ms(day(0), 1)), (0, 0, 0), "not yet");
    assert_eq!(rows(ms(day(-30), 1)), (1, 1, 1));
    assert_eq!(rows(day(-30)), (0, 1, 1), "thirty days ago to the millisecond");
    assert_eq!(rows(ms(day(-90), 1)), (0, 1, 1));
    assert_eq!(rows(day(-90)), (0, 0, 0));
}

/// One crossing in each of the past windows of thirty days, as far as two years back.
fn steady() -> Vec<Happening> {
    (1..24).map(|n| one(100 + n, "illegal_crossing", Some(1), day(-30 * i64::try_from(n).unwrap() - 10))).collect()
}

#[test]
fn a_sector_is_compared_with_its_own_past_windows() {
    let since = Some(day(-800));
    let mut happened = steady();
    let quiet = at(since, &happened);
    // 720 days: 23 windows of 30 days and 7 of 90 lie before the present ones.
    assert_eq!(quiet.windows.iter().map(|w| w.past_windows).collect::<Vec<_>>(), [23, 7]);
    assert_eq!(quiet.level, Some(Level::Low), "two in ninety days, as few as ever");
    // One crossing more than ever before in 30 days: medium needs more than 0.1 a kilometre and two rows.
    happened.push(one(1, "illegal_crossing", Some(1), day(-1)));
    assert_eq!(at(since, &happened).windows[0].level, Level::Low, "as many as ever");
    happened.push(one(2, "illegal_crossing", Some(1), day(-2)));
    let busier = at(since, &happened);
    assert_eq!((busier.windows[0].rows, busier.windows[0].level), (2, Level::Medium), "high needs three rows");
    assert!(busier.reasons[0].vi.contains("cao hơn ngưỡng 0,10 từ 23 kỳ trước của chính đoạn"), "{:?}", busier.reasons);
    happened.push(one(3, "illegal_crossing", Some(1), day(-3)));
    assert_eq!(at(since, &happened).windows[0].level, Level::High);
}

#[test]
fn what_is_much_elsewhere_is_usual_where_it_always_was_so() {
    // Five crossings a month for two years, and five now: 0.5 a kilometre would be high without this past.
    let busy: Vec<Happening> = (0..24_i64)
        .flat_map(|month| (0..5_i64).map(move |n| (month, n)))
        .map(|(month, n)| {
            one(u128::from((month * 5 + n).unsigned_abs()), "illegal_crossing", Some(1), day(-30 * month - 2 - n))
        })
        .collect();
    assert_eq!(at(Some(day(-800)), &busy).level, Some(Level::Low));
    assert_eq!(at(Some(day(-100)), &busy).level, Some(Level::High), "of a past that is too short nothing is known");
}

#[test]
fn one_row_on_a_quiet_sector_is_no_reason() {
    let since = Some(day(-800));
    let proposal = at(since, &[one(1, "human_trafficking", Some(4), day(-5))]);
    assert_eq!(proposal.level, Some(Level::Low));
    assert_eq!((proposal.windows[0].score, proposal.windows[0].per_km), (Some(20.0), Some(2.0)));
    assert!(proposal.reasons[0].vi.contains("ít hơn 2 vụ"), "{:?}", proposal.reasons);
}

#[test]
fn however_much_happens_critical_is_never_proposed() {
    let happened: Vec<Happening> = (0..500).map(|n| one(n, "human_trafficking", Some(4), day(-1))).collect();
    let proposal = at(None, &happened);
    assert_eq!(proposal.level, Some(Level::High));
    assert_eq!((proposal.rows.len(), proposal.other_rows), (ROWS_MAX, 300));
}

#[test]
fn a_sector_without_rows_is_low_and_one_without_length_is_nothing() {
    let nothing = at(None, &[]);
    assert_eq!((nothing.level, nothing.windows[0].past_windows), (Some(Level::Low), 0));
    for length_km in [0.0, -3.0, f64::NAN] {
        let sector = SectorSpan { length_km, recorded_since: None };
        let proposal = propose(&BorderRules::shipped(), sector, &[one(1, "smuggling", None, day(-1))], day(0));
        assert_eq!((proposal.level, proposal.windows.len(), proposal.length_km), (None, 0, 0.0));
        assert!(proposal.reasons[0].en.contains("length"));
        assert_eq!(proposal.rows.len(), 1, "what happened is told all the same");
    }
}

#[test]
fn what_the_reader_may_not_see_is_counted_and_not_shown_and_no_sum_tells_it() {
    let mut happened = vec![one(1, "drug_crime", Some(2), day(-1)), one(2, "illegal_crossing", Some(1), day(-2))];
    let seen = at(None, &happened);
    happened[0].is_seen = false;
    let hidden = at(None, &happened);
    assert_eq!(hidden.level, seen.level);
    assert_eq!((hidden.rows.len(), hidden.other_rows, hidden.rows[0].id), (1, 1, Uuid::from_u128(2)));
    for (blind, whole) in hidden.windows.iter().zip(&seen.windows) {
        assert_eq!((blind.rows, blind.level), (whole.rows, whole.level));
        // 7 points less the crossing's 1 would be 4 × 1.5: a find of drugs.
        assert_eq!((whole.score, whole.thresholds.len()), (Some(7.0), 2));
        assert_eq!((blind.score, blind.per_km, blind.thresholds.len()), (None, None, 0));
    }
    assert_eq!(
        hidden.reasons[0].vi,
        "30 ngày: 2 vụ; không nêu điểm, vì không phải ai đọc cũng được xem từng vụ → trung bình"
    );
    assert!(!format!("{hidden:?}").contains("drug"));
}

#[test]
fn a_quantile_is_the_nearest_rank() {
    let values: Vec<f64> = (1..=20).map(f64::from).collect();
    assert_eq!([0.0, 0.05, 0.75, 0.951, 1.0].map(|share| quantile(&values, share)), [1.0, 1.0, 15.0, 20.0, 20.0]);
    assert_eq!(quantile(&[], 0.5), 0.0);
}
