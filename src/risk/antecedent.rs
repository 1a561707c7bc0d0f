//! The antecedent rain index of LHASA 1.1.1 (Kirschbaum & Stanley 2018, doi 10.1002/2017EF000715): rain of seven days,
//! older days weighing less. A second opinion beside the legal level, never one of its terms.

/// Days that count, today included.
pub const DAYS: usize = 7;
/// Most of the days' rain that may be missing; beyond it there is no index, since a gap that counts as no rain makes the
/// danger smaller than it is.
const MISSING_SHARE_MAX: f64 = 0.1;

/// LHASA's nowcast by the index, the cell's own history and susceptibility in LHASA's five classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nowcast {
    None,
    Moderate,
    High,
}

/// `Σ P₋ₖ/(k+1)² / Σ 1/(k+1)²` over the days, today first, millimetres; `None` if more than a tenth of the days is missing.
/// A missing day within that tenth is left out of both sums.
#[must_use]
pub fn antecedent_rain_index_mm(days_mm: &[Option<f64>; DAYS]) -> Option<f64> {
    let missing = days_mm.iter().filter(|day| day.is_none()).count();
    if missing as f64 > MISSING_SHARE_MAX * DAYS as f64 {
        return None;
    }
    let weight = |days_ago: usize| 1.0 / ((days_ago + 1) as f64).powi(2);
    let known = || days_mm.iter().enumerate().filter_map(|(days_ago, mm)| Some((weight(days_ago), (*mm)?)));
    let (sum, weights) = known().fold((0.0, 0.0), |(sum, all), (weight, mm)| (sum + weight * mm, all + weight));
    (weights > 0.0).then(|| sum / weights)
}

/// `wet = index > p95`; moderate where the susceptibility (1–5) is above 2, high where it is above 4.
#[must_use]
pub fn nowcast(index_mm: f64, percentile_95_mm: f64, susceptibility_class: u8) -> Nowcast {
    match (index_mm > percentile_95_mm, susceptibility_class) {
        (true, 5..) => Nowcast::High,
        (true, 3 | 4) => Nowcast::Moderate,
        _ => Nowcast::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(mm: [f64; DAYS]) -> [Option<f64>; DAYS] {
        mm.map(Some)
    }

    #[test]
    fn the_index_equals_what_was_worked_out_by_hand() {
        let close = |mm: [f64; DAYS], expected: f64| {
            let index = antecedent_rain_index_mm(&days(mm)).unwrap();
            assert!((index - expected).abs() < 1e-4, "{index} is not {expected}");
        };
        // Weights 1, 1/4, 1/9, 1/16, 1/25, 1/36, 1/49; their sum is 1.511797.
        close([1.511_797, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1.0);
        close([10.0; DAYS], 10.0);
        // 100 + 50/4 + 20/9 + 0 + 10/25 + 0 + 5/49 = 115.224263, over 1.511797.
        close([100.0, 50.0, 20.0, 0.0, 10.0, 0.0, 5.0], 76.216_75);
        close([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 49.0], 1.0 / 1.511_797);
    }

    #[test]
    fn a_missing_day_gives_no_index() {
        let mut rain = days([5.0; DAYS]);
        rain[3] = None;
        assert_eq!(antecedent_rain_index_mm(&rain), None);
    }

    #[test]
    fn the_nowcast_follows_the_classes() {
        assert_eq!(nowcast(50.0, 50.0, 5), Nowcast::None);
        assert_eq!([2, 3, 4, 5].map(|class| nowcast(50.1, 50.0, class)), {
            use Nowcast::{High, Moderate, None};
            [None, Moderate, Moderate, High]
        });
    }
}
