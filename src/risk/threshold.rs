//! Rain thresholds for landslides that were published elsewhere: intensity against duration, and a day's rain against
//! the days before. Second opinions, each by its own name: they are never mixed into one figure.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Durations over which intensity is taken, hours.
pub const DURATIONS_H: [u32; 7] = [1, 3, 6, 12, 24, 48, 72];

/// `I = alpha · D^beta`: intensity in millimetres an hour, duration in hours.
#[derive(Clone, Debug, Deserialize)]
pub struct Curve {
    pub id: String,
    pub source: String,
    alpha: f64,
    beta: f64,
    hours_min: f64,
    hours_max: f64,
    pub note_vi: String,
    pub note_en: String,
}

/// `R_T = base − per_mm_before · R_before`: millimetres of a day after those of some days before.
#[derive(Clone, Debug, Deserialize)]
pub struct DailyThreshold {
    pub id: String,
    pub source: String,
    base_mm: f64,
    per_mm_before: f64,
    pub days_before: usize,
    pub note_vi: String,
    pub note_en: String,
}

/// How near the rain came to a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Observed over threshold; exceeded from 1 on.
    pub ratio: f64,
    /// The duration at which it is largest, hours.
    pub duration_h: u32,
}

#[derive(Debug, Deserialize)]
struct Thresholds {
    curves: Vec<Curve>,
    daily: Vec<DailyThreshold>,
}

static SHIPPED: LazyLock<Thresholds> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../geodata/rules/rain_thresholds.json"))
        .expect("the shipped curves are whole")
});

/// The shipped curves.
#[must_use]
pub fn curves() -> &'static [Curve] {
    &SHIPPED.curves
}

/// The shipped thresholds by day.
#[must_use]
pub fn daily() -> &'static [DailyThreshold] {
    &SHIPPED.daily
}

impl Curve {
    /// Threshold intensity for a duration, millimetres an hour; `None` outside the durations it was made for.
    #[must_use]
    pub fn intensity_mm_h(&self, duration_h: f64) -> Option<f64> {
        (duration_h >= self.hours_min && duration_h <= self.hours_max).then(|| self.alpha * duration_h.powf(self.beta))
    }

    /// The largest of observed over threshold intensity among `totals` (duration in hours, millimetres; `None` where the
    /// rain is not known). `None` if nothing is known.
    #[must_use]
    pub fn ratio(&self, totals: &[(u32, Option<f64>)]) -> Option<Ratio> {
        let ratios = totals.iter().filter_map(|(duration_h, mm)| {
            let hours = f64::from(*duration_h);
            Some(Ratio { ratio: (*mm)? / hours / self.intensity_mm_h(hours)?, duration_h: *duration_h })
        });
        ratios.max_by(|a, b| a.ratio.total_cmp(&b.ratio))
    }
}

impl DailyThreshold {
    /// The day's rain that is needed after `before_mm` in the days before, millimetres; not below 0.
    #[must_use]
    pub fn day_mm(&self, before_mm: f64) -> f64 {
        (self.base_mm - self.per_mm_before * before_mm).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(id: &str) -> &'static Curve {
        curves().iter().find(|curve| curve.id == id).unwrap()
    }

    #[test]
    fn the_curves_equal_the_values_worked_out_independently() {
        for (id, values) in [
            ("caine_1980", [(1.0, 14.82), (6.0, 7.3684), (24.0, 4.2910), (72.0, 2.7957)]),
            ("guzzetti_2008", [(1.0, 2.2), (6.0, 1.0001), (24.0, 0.5434), (72.0, 0.3351)]),
        ] {
            for (hours, expected) in values {
                let intensity = curve(id).intensity_mm_h(hours).unwrap();
                assert!((intensity - expected).abs() < 5e-4, "{id} at {hours} h: {intensity} is not {expected}");
            }
        }
        assert!((curve("caine_1980").intensity_mm_h(24.0).unwrap() * 24.0 - 103.0).abs() < 0.5);
        assert!((curve("caine_1980").intensity_mm_h(72.0).unwrap() * 72.0 - 201.3).abs() < 0.5);
        assert_eq!(curve("caine_1980").intensity_mm_h(300.0), None);
    }

    #[test]
    fn the_largest_ratio_counts_and_unknown_rain_does_not() {
        let caine = curve("caine_1980");
        let ratio = caine.ratio(&[(1, Some(14.82)), (24, Some(206.0)), (72, None)]).unwrap();
        assert_eq!(ratio.duration_h, 24);
        assert!((ratio.ratio - 2.0003).abs() < 1e-3, "{}", ratio.ratio);
        assert_eq!(caine.ratio(&[(1, None)]), None);
    }

    #[test]
    fn wet_days_before_lower_the_threshold_of_ha_giang() {
        let ha_giang = &daily()[0];
        assert_eq!(ha_giang.day_mm(0.0), 40.8);
        assert!((ha_giang.day_mm(100.0) - 20.7).abs() < 1e-9);
        assert_eq!(ha_giang.day_mm(500.0), 0.0);
    }
}
