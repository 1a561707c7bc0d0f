//! Rain of the demo: some dry days, two of drizzle, then a night of heavy rain that stops, hour by hour at each gauge.

use crate::domain::Timestamp;

const HOUR_S: i64 = 3_600;
/// Hours before the start that are told at once.
const PAST_HOURS: i64 = 120;
/// For how long it rains hard before the start, and drizzles before that, hours.
const HEAVY_HOURS: i64 = 20;
const DRIZZLE_HOURS: i64 = 68;
/// For how long it goes on raining after the start, hours.
const GOES_ON_HOURS: i64 = 6;

/// An hour of rain at a gauge.
#[derive(Clone, Debug, PartialEq)]
pub struct Hour {
    /// Code of the gauge.
    pub gauge: String,
    /// When the hour ended.
    pub to: Timestamp,
    pub mm: f64,
}

/// What the gauges measure, told hour by hour.
pub struct Rain {
    gauges: Vec<String>,
    /// The hour in which the simulation began.
    start: Timestamp,
    /// The end of the last hour that was told.
    told: Timestamp,
}

impl Rain {
    /// From `now` on, with the days before it still to be told.
    pub fn new(gauges: Vec<String>, now: Timestamp) -> Self {
        let start = Timestamp::from_ms(now.as_ms().div_euclid(HOUR_S * 1_000) * HOUR_S * 1_000);
        Self { gauges, start, told: start.plus_s(-HOUR_S * PAST_HOURS) }
    }

    /// The hours that are over at `now` and were not told.
    pub fn until(&mut self, now: Timestamp) -> Vec<Hour> {
        let mut hours = Vec::new();
        while self.told.plus_s(HOUR_S) <= now {
            self.told = self.told.plus_s(HOUR_S);
            let since_h = self.told.seconds_since(self.start) / HOUR_S;
            let hour = |(n, gauge): (usize, &String)| Hour { gauge: gauge.clone(), to: self.told, mm: mm(since_h, n) };
            hours.extend(self.gauges.iter().enumerate().map(hour));
        }
        hours
    }
}

/// Rain of the hour that ends `since_h` hours after the start at gauge `n`: more at some than at others, no two hours
/// the same.
fn mm(since_h: i64, n: usize) -> f64 {
    let base = match since_h {
        h if h > GOES_ON_HOURS || h <= -DRIZZLE_HOURS => return 0.0,
        h if h > 0 => 3.0,
        h if h > -HEAVY_HOURS => 9.0,
        _ => 0.8,
    };
    let place = 0.25 + 0.25 * ((n * 7) % 5) as f64;
    let hour = 0.6 + 0.1 * ((since_h.rem_euclid(97) * 31 + n as i64 * 17) % 9) as f64;
    (base * place * hour * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hour_is_told_once_and_the_night_before_the_start_is_the_wet_one() {
        let now = Timestamp::from_ms(1_795_374_840_000);
        let mut rain = Rain::new(vec!["A".into(), "B".into()], now);
        let past = rain.until(now);
        assert_eq!(past.len(), 240);
        assert!(rain.until(now.plus_s(60)).is_empty());
        assert_eq!(rain.until(now.plus_s(HOUR_S)).len(), 2);
        let sum = |gauge: &str, hours: i64| -> f64 {
            let from = rain.start.plus_s(-HOUR_S * hours);
            past.iter().filter(|hour| hour.gauge == gauge && hour.to > from).map(|hour| hour.mm).sum()
        };
        assert!(sum("B", 24) > 100.0, "{}", sum("B", 24));
        assert!(sum("A", 24) < sum("B", 24));
        assert!(past.iter().all(|hour| hour.mm >= 0.0 && hour.mm < 40.0));
    }
}
