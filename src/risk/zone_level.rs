//! The level of one zone by rain: the legal table asked with what the gauges and the forecast say, the rule in words, and
//! second opinions beside it. What is not known makes the answer stale, never lower.

use serde::Serialize;

use super::level::{Assessment, Case, Cell, Rule, Susceptibility, Table};
use super::rain::{self, Total};
use super::threshold::{self, DURATIONS_H};
use crate::domain::rain::Reading;
use crate::domain::{Problem, Timestamp};

/// What rain does to a place, from the readings of its gauge and from the forecast.
#[derive(Clone, Debug, PartialEq)]
pub struct RainFacts {
    /// Until when the readings were asked.
    pub at: Timestamp,
    /// Of the 24 hours before.
    pub observed_24h: Total,
    /// Of the 24 hours to come, by the hydromet service or a forecast grid.
    pub forecast_24h_mm: Option<f64>,
    /// No forecast is missing that is waited for.
    pub forecast_known: bool,
    /// Days of rain before the last 24 hours, at least.
    pub rain_days: u32,
    /// There were not more of them.
    pub rain_days_known: bool,
    pub opinions: Vec<Opinion>,
}

/// What another method says. None of them counts for the level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Opinion {
    pub id: String,
    pub source: String,
    /// Millimetres (`lhasa_ari`) or observed over threshold (curves).
    pub value: f64,
    /// `None` where the method needs what is not known here.
    pub is_exceeded: Option<bool>,
    pub vi: String,
    pub en: String,
}

/// The level of a zone by the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Computed {
    pub level: Option<u8>,
    pub gap: bool,
    /// Rain was missing: the level is the highest of what is known and what stood before.
    pub stale: bool,
    pub rule: Rule,
    pub neighbours: Vec<Cell>,
}

impl RainFacts {
    /// What the readings of a gauge say at a moment.
    #[must_use]
    pub fn of(readings: &[Reading], at: Timestamp, forecast_24h_mm: Option<f64>) -> Self {
        let (rain_days, rain_days_known) = rain::rain_days(readings, at);
        Self {
            at,
            observed_24h: rain::rolling(readings, at, 24),
            forecast_24h_mm,
            forecast_known: true,
            rain_days,
            rain_days_known,
            opinions: opinions(readings, at),
        }
    }

    /// Where no gauge is near.
    #[must_use]
    pub fn without_gauge(at: Timestamp, forecast_24h_mm: Option<f64>) -> Self {
        Self::of(&[], at, forecast_24h_mm)
    }

    /// The rain that the table is asked with: the greater of what fell and what is to come, millimetres.
    #[must_use]
    pub fn rain_24h_mm(&self) -> f64 {
        self.observed_24h.mm.max(self.forecast_24h_mm.unwrap_or(0.0))
    }

    /// Whether what the table needs is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.is_observed() && self.forecast_known
    }

    /// Whether what the table needs of the rain that fell is known.
    #[must_use]
    pub fn is_observed(&self) -> bool {
        self.observed_24h.is_known() && self.rain_days_known
    }
}

/// Asks the table for a zone. `before` is the level that was computed last.
///
/// # Errors
/// As [`Table::assess`].
pub fn compute(
    table: &Table,
    region: u8,
    susceptibility: Susceptibility,
    rain: &RainFacts,
    before: Option<(u8, &Rule)>,
) -> Result<Computed, Problem> {
    let case = Case { region, rain_24h_mm: rain.rain_24h_mm(), rain_days: rain.rain_days, susceptibility };
    let Assessment { level, gap, rule, neighbours } = table.assess(&case)?;
    let stale = !rain.is_known();
    match before {
        Some((before, old_rule)) if stale && level.is_none_or(|level| level < before) => {
            Ok(Computed { level: Some(before), gap: false, stale, rule: old_rule.clone(), neighbours: Vec::new() })
        }
        _ => Ok(Computed { level, gap, stale, rule, neighbours }),
    }
}

fn opinions(readings: &[Reading], at: Timestamp) -> Vec<Opinion> {
    let totals: Vec<(u32, Option<f64>)> = DURATIONS_H
        .into_iter()
        .map(|hours| {
            let total = rain::rolling(readings, at, hours);
            (hours, total.is_known().then_some(total.mm))
        })
        .collect();
    let one = |value: f64| (value * 10.0).round() / 10.0;
    let comma = |value: f64| format!("{value:.1}").replace('.', ",");
    let mut opinions = Vec::new();
    if let Some(index_mm) = rain::index_mm(readings, at) {
        opinions.push(Opinion {
            id: "lhasa_ari".into(),
            source: "LHASA 1.1.1, doi 10.1002/2017EF000715".into(),
            value: one(index_mm),
            // The 95th percentile of the place's own years is not known.
            is_exceeded: None,
            vi: format!("chỉ số mưa trước (7 ngày) {} mm", comma(index_mm)),
            en: format!("antecedent rain index (7 days) {index_mm:.1} mm"),
        });
    }
    for curve in threshold::curves() {
        let Some(found) = curve.ratio(&totals) else { continue };
        opinions.push(Opinion {
            id: curve.id.clone(),
            source: curve.source.clone(),
            value: one(found.ratio),
            is_exceeded: Some(found.ratio >= 1.0),
            vi: format!("{} lần ngưỡng, trong {} giờ ({})", comma(found.ratio), found.duration_h, curve.note_vi),
            en: format!("{:.1} times the threshold over {} h ({})", found.ratio, found.duration_h, curve.note_en),
        });
    }
    for threshold in threshold::daily() {
        let (day, to) = (rain::rolling(readings, at, 24), at.plus_s(-86_400));
        let before = rain::total(readings, to.plus_s(-86_400 * threshold.days_before as i64), to);
        if !day.is_known() || !before.is_known() {
            continue;
        }
        let needed_mm = threshold.day_mm(before.mm);
        opinions.push(Opinion {
            id: threshold.id.clone(),
            source: threshold.source.clone(),
            value: one(if needed_mm > 0.0 { day.mm / needed_mm } else { day.mm.signum() * 99.0 }),
            is_exceeded: Some(day.mm > needed_mm),
            vi: format!("ngưỡng ngày {} mm, đã mưa {} mm", comma(needed_mm), comma(day.mm)),
            en: format!("threshold of the day {needed_mm:.1} mm, {:.1} mm fell", day.mm),
        });
    }
    opinions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rain::Flag;
    use crate::risk::level::table_on;

    const NOW: Timestamp = Timestamp::from_ms(1_749_254_400_000);

    /// A reading for each day, today first.
    fn days(mm: &[Option<f64>]) -> Vec<Reading> {
        let reading = |(ago, mm): (usize, &Option<f64>)| {
            let to = NOW.plus_s(-86_400 * ago as i64);
            Some(Reading { from: to.plus_s(-86_400), to, mm: (*mm)?, flag: Flag::Ok })
        };
        mm.iter().enumerate().filter_map(reading).collect()
    }

    fn level(mm: &[Option<f64>], forecast_mm: Option<f64>, before: Option<u8>) -> Computed {
        let table = table_on("2025-06-07").unwrap();
        let rule = Rule { id: "before".into(), source: String::new(), vi: String::new(), en: String::new() };
        let facts = RainFacts::of(&days(mm), NOW, forecast_mm);
        compute(table, 1, Susceptibility::VeryHigh, &facts, before.map(|level| (level, &rule))).unwrap()
    }

    #[test]
    fn rain_that_fell_and_rain_to_come_count_by_the_greater() {
        let wet = [Some(20.0), Some(30.0), Some(0.0)];
        let computed = level(&wet, None, None);
        assert_eq!((computed.level, computed.gap, computed.stale), (None, true, false));
        let computed = level(&wet, Some(150.0), None);
        assert_eq!((computed.level, computed.gap), (Some(3), false));
        assert_eq!(computed.rule.id, "QD-18-2021-TTg/46/1/a/very_high");
    }

    #[test]
    fn missing_rain_makes_a_level_stale_and_never_lower() {
        let computed = level(&[], None, Some(3));
        assert_eq!((computed.level, computed.stale, computed.rule.id.as_str()), (Some(3), true, "before"));
        // What is known may raise it all the same.
        let known_in_part = [Some(250.0), Some(30.0), Some(20.0), Some(10.0)];
        let computed = level(&known_in_part, None, Some(1));
        assert_eq!((computed.level, computed.stale), (Some(3), true), "there may have been more days of rain");
        // When the rain is known again it may fall.
        let computed = level(&[Some(0.0), Some(0.0)], None, Some(3));
        assert_eq!((computed.level, computed.stale), (None, false));
    }

    #[test]
    fn a_forecast_that_is_waited_for_and_missing_makes_a_level_stale_and_never_lower() {
        let table = table_on("2025-06-07").unwrap();
        let rule = Rule { id: "before".into(), source: String::new(), vi: String::new(), en: String::new() };
        let of = |forecast_mm, forecast_known| {
            let facts = RainFacts::of(&days(&[Some(20.0), Some(30.0), Some(0.0)]), NOW, forecast_mm);
            let facts = RainFacts { forecast_known, ..facts };
            let computed = compute(table, 1, Susceptibility::VeryHigh, &facts, Some((3, &rule))).unwrap();
            (computed.level, computed.stale)
        };
        assert_eq!(of(Some(50.0), false), (Some(3), true));
        assert_eq!(of(None, false), (Some(3), true));
        assert_eq!(of(Some(50.0), true), (None, false), "with all known it may fall");
    }

    #[test]
    fn second_opinions_stand_apart() {
        let facts = RainFacts::of(
            &days(&[Some(256.6), Some(10.0), Some(5.0), Some(5.0), Some(0.0), Some(0.0), Some(0.0)]),
            NOW,
            None,
        );
        let ids: Vec<&str> = facts.opinions.iter().map(|opinion| opinion.id.as_str()).collect();
        assert_eq!(ids, ["lhasa_ari", "caine_1980", "guzzetti_2008", "ha_giang_2018"]);
        assert_eq!(facts.opinions[1].is_exceeded, Some(true));
        assert!(facts.opinions.iter().all(|opinion| !opinion.vi.is_empty() && opinion.value.is_finite()));
        assert!(RainFacts::without_gauge(NOW, None).opinions.is_empty());
    }
}
