//! Totals of rain with their gaps: what fell as far as it is known, and how much of the time that is.

use serde::Serialize;

use super::antecedent;
use crate::domain::Timestamp;
use crate::domain::rain::Reading;

/// A day with less rain than this is no day of rain, millimetres.
pub const RAIN_DAY_MM: f64 = 1.0;
/// Most days of rain before that are counted.
pub const RAIN_DAYS_MAX: u32 = 30;
/// The share of a time that must be known for its rain to count as known: more than a tenth of gaps makes the answer
/// old (DOMAIN.md 2.5).
pub const KNOWN_SHARE_MIN: f64 = 0.9;
const DAY_S: i64 = 86_400;

/// The rain of a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Total {
    /// Of the known part: at least so much fell.
    pub mm: f64,
    /// 0–1.
    pub known_share: f64,
}

impl Total {
    /// Nothing known.
    pub const UNKNOWN: Self = Self { mm: 0.0, known_share: 0.0 };

    /// Whether so much of the time is known that the total counts as known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.known_share >= KNOWN_SHARE_MIN
    }
}

/// What `readings` (not overlapping, in any order) say of the time from `from` to `to`. Rain of an interval is spread
/// evenly over it.
#[must_use]
pub fn total(readings: &[Reading], from: Timestamp, to: Timestamp) -> Total {
    let window_ms = (to.as_ms() - from.as_ms()).max(1) as f64;
    let (mut mm, mut known_ms) = (0.0, 0.0);
    for reading in readings.iter().filter(|reading| reading.is_known()) {
        let shared_ms = (reading.to.min(to).as_ms() - reading.from.max(from).as_ms()).max(0) as f64;
        let whole_ms = (reading.to.as_ms() - reading.from.as_ms()).max(1) as f64;
        mm += reading.mm * shared_ms / whole_ms;
        known_ms += shared_ms;
    }
    Total { mm, known_share: known_ms / window_ms }
}

/// The rain of the hours before `at`.
#[must_use]
pub fn rolling(readings: &[Reading], at: Timestamp, hours: u32) -> Total {
    total(readings, at.plus_s(-3_600 * i64::from(hours)), at)
}

/// Days of rain that ended 24 hours before `at`, one after another, and whether all of them are known: an unknown day ends
/// the count, and there may have been more.
#[must_use]
pub fn rain_days(readings: &[Reading], at: Timestamp) -> (u32, bool) {
    for day in 0..RAIN_DAYS_MAX {
        let to = at.plus_s(-DAY_S * i64::from(day + 1));
        let rain = total(readings, to.plus_s(-DAY_S), to);
        // At least so much fell, whatever is missing.
        if rain.mm >= RAIN_DAY_MM {
            continue;
        }
        return (day, rain.is_known());
    }
    (RAIN_DAYS_MAX, true)
}

/// The antecedent rain index of the days that end at `at`; `None` where a day of it is not known.
#[must_use]
pub fn index_mm(readings: &[Reading], at: Timestamp) -> Option<f64> {
    let day = |days_ago: usize| {
        let to = at.plus_s(-DAY_S * days_ago as i64);
        let rain = total(readings, to.plus_s(-DAY_S), to);
        rain.is_known().then_some(rain.mm)
    };
    antecedent::antecedent_rain_index_mm(&std::array::from_fn(day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rain::Flag;

    const NOW: Timestamp = Timestamp::from_ms(1_749_254_400_000); // 2025-06-07 07:00 in Lai Châu

    /// Hourly readings that end 0, 1, 2 … hours ago.
    fn hourly(mm: &[Option<f64>]) -> Vec<Reading> {
        let reading = |(ago, mm): (usize, &Option<f64>)| {
            let to = NOW.plus_s(-3_600 * ago as i64);
            Some(Reading { from: to.plus_s(-3_600), to, mm: (*mm)?, flag: Flag::Ok })
        };
        mm.iter().enumerate().filter_map(reading).collect()
    }

    #[test]
    fn a_gap_is_not_a_dry_hour() {
        let mut hours = vec![Some(10.0); 24];
        assert_eq!(rolling(&hourly(&hours), NOW, 24), Total { mm: 240.0, known_share: 1.0 });
        hours[3] = None;
        let total = rolling(&hourly(&hours), NOW, 24);
        assert_eq!((total.mm, total.is_known()), (230.0, true));
        (hours[4], hours[5]) = (None, None);
        assert!(!rolling(&hourly(&hours), NOW, 24).is_known(), "an eighth is missing");
        assert_eq!(rolling(&[], NOW, 24), Total::UNKNOWN);
    }

    #[test]
    fn a_doubtful_reading_is_a_gap() {
        let mut readings = hourly(&[Some(10.0), Some(400.0)]);
        readings[1].flag = Flag::Doubtful;
        assert_eq!(rolling(&readings, NOW, 2), Total { mm: 10.0, known_share: 0.5 });
    }

    #[test]
    fn an_interval_that_reaches_into_the_time_counts_by_its_share() {
        let day = [Reading { from: NOW.plus_s(-DAY_S), to: NOW, mm: 96.0, flag: Flag::Ok }];
        let total = rolling(&day, NOW, 6);
        assert_eq!((total.mm, total.known_share), (24.0, 1.0));
    }

    #[test]
    fn days_of_rain_are_counted_back_until_a_dry_or_unknown_one() {
        let of_days = |mm: &[Option<f64>]| -> Vec<Reading> {
            let reading = |(ago, mm): (usize, &Option<f64>)| {
                let to = NOW.plus_s(-DAY_S * ago as i64);
                Some(Reading { from: to.plus_s(-DAY_S), to, mm: (*mm)?, flag: Flag::Ok })
            };
            mm.iter().enumerate().filter_map(reading).collect()
        };
        // Today's rain is none of the days before.
        assert_eq!(rain_days(&of_days(&[Some(150.0), Some(20.0), Some(5.0), Some(0.5), Some(9.0)]), NOW), (2, true));
        assert_eq!(rain_days(&of_days(&[Some(150.0), Some(0.0)]), NOW), (0, true));
        assert_eq!(rain_days(&of_days(&[Some(150.0), Some(20.0)]), NOW), (1, false));
        assert_eq!(rain_days(&of_days(&[Some(5.0); 40]), NOW), (RAIN_DAYS_MAX, true));
        let week = of_days(&[100.0, 50.0, 20.0, 0.0, 10.0, 0.0, 5.0].map(Some));
        assert!((index_mm(&week, NOW).unwrap() - 76.216_75).abs() < 1e-4);
        assert_eq!(index_mm(&week[..6], NOW), None);
    }
}
