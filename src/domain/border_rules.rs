//! How the level of a border sector is proposed, as data (`geodata/rules/border_levels.json`): weights of what happened,
//! windows, thresholds, and what is to be done at each level. It is this project's own, no law; a file of one's own
//! replaces it (`border_levels` of the configuration).

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Collection, case, incident};

/// Windows that are counted, at most, and the longest of them, days.
const WINDOWS_MAX: usize = 4;
const WINDOW_DAYS_MAX: i64 = 366;
/// Longest history that is looked at, days: ten years.
const HISTORY_DAYS_MAX: i64 = 3_660;
/// Lines of a checklist, at most.
const CHECKLIST_MAX: usize = 20;
/// Greatest weight and factor that are believed.
const WEIGHT_MAX: f64 = 1_000.0;

/// How much what happens at a sector weighs on the security of the border (Regulation (EU) 2019/1896, Art. 34).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SectorLevel)]
pub enum Level {
    Low,
    Medium,
    High,
    /// Decisive and temporary: only a person proposes it, and it has an end.
    Critical,
}

/// Names of the levels, in their order.
pub const LEVELS: &[&str] = &["low", "medium", "high", "critical"];

impl Level {
    /// In their order.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Its name in records and calls.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        LEVELS[self as usize]
    }

    /// The level with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }

    /// What it is called on screen and in the log.
    #[must_use]
    pub const fn title_vi(self) -> &'static str {
        match self {
            Self::Low => "thấp",
            Self::Medium => "trung bình",
            Self::High => "cao",
            Self::Critical => "nghiêm trọng",
        }
    }
}

/// The rules of one room.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BorderRules {
    /// Its name, kept with every proposal.
    pub id: String,
    pub about: String,
    pub source: String,
    /// First and last day of validity, `YYYY-MM-DD`; of the last none while it holds.
    pub valid_from: String,
    pub valid_to: Option<String>,
    /// Lengths of the windows that end at the moment, days, ascending.
    pub window_days: Vec<i64>,
    pub history: History,
    /// Factors of the severities 1 to 4, and of one that is not known (cases have none).
    severity_factor: [f64; 4],
    severity_unknown_factor: f64,
    weights: Weights,
    /// One a level, in their order.
    pub levels: Vec<LevelRule>,
}

/// What a sector is compared with: its own past windows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// How far back, days.
    pub days: i64,
    /// With fewer past windows than these the fixed thresholds hold.
    pub windows_min: usize,
}

/// Weight of each kind; one that is not named is not counted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    incidents: BTreeMap<String, f64>,
    cases: BTreeMap<String, f64>,
}

/// One level.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelRule {
    pub level: Level,
    /// When it is proposed; `low` where none of the others is, `critical` never.
    pub propose: Option<Threshold>,
    /// Longest time that it holds without being renewed, days.
    pub days_max: Option<i64>,
    pub checklist: Vec<Words>,
}

/// When a window speaks for a level.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// More a kilometre than this share of the sector's own past windows.
    pub above_quantile: f64,
    /// No fewer rows, and no less a kilometre, whatever the past was.
    pub rows_min: usize,
    pub per_km_min: f64,
    /// What is enough a kilometre where there is too little past to compare with.
    pub without_history_per_km: f64,
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BorderWords)]
pub struct Words {
    pub vi: String,
    pub en: String,
}

impl BorderRules {
    /// The shipped ones.
    #[must_use]
    pub fn shipped() -> Arc<Self> {
        static SHIPPED: LazyLock<Arc<BorderRules>> = LazyLock::new(|| {
            let read = BorderRules::read(include_str!("../../geodata/rules/border_levels.json"));
            Arc::new(read.expect("the shipped rules of border levels are whole"))
        });
        Arc::clone(&SHIPPED)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong, in English, for whoever runs the server.
    pub fn read(text: &str) -> Result<Self, String> {
        let rules: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        rules.check()?;
        Ok(rules)
    }

    /// What a row weighs; `None` if it is not counted. `severity` is 1 to 4.
    #[must_use]
    pub fn weight(&self, collection: Collection, kind: &str, severity: Option<i64>) -> Option<f64> {
        let kinds = match collection {
            Collection::Incidents => &self.weights.incidents,
            Collection::Cases => &self.weights.cases,
            _ => return None,
        };
        let index = severity.and_then(|severity| usize::try_from(severity - 1).ok());
        let factor = index.and_then(|index| self.severity_factor.get(index)).unwrap_or(&self.severity_unknown_factor);
        kinds.get(kind).map(|weight| weight * factor)
    }

    /// The rule of a level.
    #[must_use]
    pub fn rule(&self, level: Level) -> &LevelRule {
        &self.levels[level as usize]
    }

    fn check(&self) -> Result<(), String> {
        let fault = |is_right: bool, what: &str| if is_right { Ok(()) } else { Err(what.to_owned()) };
        let in_order = self.window_days.windows(2).all(|pair| pair[0] < pair[1]);
        let windows = !self.window_days.is_empty() && self.window_days.len() <= WINDOWS_MAX && in_order;
        let span = self.window_days.iter().all(|days| (1..=WINDOW_DAYS_MAX).contains(days));
        fault(windows && span, "window_days: expected up to four lengths of 1 to 366 days, ascending")?;
        fault((1..=HISTORY_DAYS_MAX).contains(&self.history.days), "history.days: expected 1 to 3660")?;
        fault(self.history.windows_min >= 1, "history.windows_min: expected 1 or more")?;
        let believed = |number: &f64| number.is_finite() && (0.0..=WEIGHT_MAX).contains(number);
        let factors = self.severity_factor.iter().chain([&self.severity_unknown_factor]);
        let weights = self.weights.incidents.values().chain(self.weights.cases.values());
        fault(factors.chain(weights).all(believed), "a weight or factor is not between 0 and 1000")?;
        for (given, kinds) in [(&self.weights.incidents, incident::KINDS), (&self.weights.cases, case::KINDS)] {
            if let Some(unknown) = given.keys().find(|kind| !kinds.contains(&kind.as_str())) {
                return Err(format!("weights: there is no kind {unknown}"));
            }
        }
        fault(
            self.levels.iter().map(|rule| rule.level).eq(Level::ALL),
            "levels: expected low, medium, high, critical",
        )?;
        for rule in &self.levels {
            let name = rule.level.as_str();
            let is_proposed = matches!(rule.level, Level::Medium | Level::High);
            fault(rule.propose.is_some() == is_proposed, "propose: for medium and high, and for no other level")?;
            if let Some(threshold) = &rule.propose {
                let share = (0.0..=1.0).contains(&threshold.above_quantile);
                let numbers = believed(&threshold.per_km_min) && believed(&threshold.without_history_per_km);
                fault(
                    share && numbers && threshold.rows_min >= 1,
                    &format!("{name}.propose: a number is out of range"),
                )?;
            }
            let lines = !rule.checklist.is_empty() && rule.checklist.len() <= CHECKLIST_MAX;
            let told = rule.checklist.iter().all(|line| !line.vi.trim().is_empty() && !line.en.trim().is_empty());
            fault(lines && told, &format!("{name}.checklist: expected 1 to 20 lines in both languages"))?;
            let limit = rule.days_max.is_none_or(|days| (1..=WINDOW_DAYS_MAX).contains(&days));
            fault(limit, &format!("{name}.days_max: expected 1 to 366"))?;
        }
        fault(self.rule(Level::Critical).days_max.is_some(), "critical.days_max: critical must end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../geodata/rules/border_levels.json");

    #[test]
    fn the_shipped_rules_are_whole_and_weigh_what_they_name() {
        let rules = BorderRules::shipped();
        assert_eq!(rules.weight(Collection::Incidents, "illegal_crossing", Some(1)), Some(1.0));
        assert_eq!(rules.weight(Collection::Incidents, "illegal_crossing", Some(4)), Some(4.0));
        assert_eq!(rules.weight(Collection::Incidents, "drug_crime", None), Some(4.0));
        assert_eq!(rules.weight(Collection::Incidents, "smuggling", Some(9)), Some(2.0), "no such severity");
        assert_eq!(rules.weight(Collection::Cases, "drugs", None), Some(4.0));
        assert_eq!(
            rules.weight(Collection::Incidents, "landslide", Some(4)),
            None,
            "a slide is no matter of the border"
        );
        assert_eq!(rules.weight(Collection::Units, "drugs", None), None);
        assert_eq!(rules.rule(Level::Critical).days_max, Some(14));
    }

    #[test]
    fn a_file_that_is_not_whole_says_what_is_wrong() {
        let broken = |from: &str, to: &str| {
            assert!(SHIPPED.contains(from), "{from}");
            BorderRules::read(&SHIPPED.replacen(from, to, 1)).unwrap_err()
        };
        assert!(broken("[30, 90]", "[90, 30]").contains("window_days"));
        assert!(broken("[30, 90]", "[]").contains("window_days"));
        assert!(broken("[30, 90]", "[0]").contains("window_days"));
        assert!(broken("\"days\": 720", "\"days\": 0").contains("history.days"));
        assert!(broken("\"windows_min\": 4", "\"windows_min\": 0").contains("windows_min"));
        assert!(broken("\"drugs\": 4", "\"drugs\": -4").contains("weight"));
        assert!(broken("\"border_marker\"", "\"border_marcher\"").contains("border_marcher"));
        assert!(broken("\"level\": \"low\"", "\"level\": \"high\"").contains("levels"));
        assert!(broken("\"days_max\": 14,", "").contains("critical must end"));
        assert!(broken("\"days_max\": 14", "\"days_max\": 0").contains("days_max"));
        assert!(broken("\"above_quantile\": 0.95", "\"above_quantile\": 95").contains("high.propose"));
        assert!(broken("Giữ đủ quân số sẵn sàng ở đồn", " ").contains("low.checklist"));
        assert!(broken("\"days_max\": 14", "\"propose\": {\"above_quantile\": 1, \"rows_min\": 9, \"per_km_min\": 1, \"without_history_per_km\": 1}, \"days_max\": 14").contains("propose"));
        assert!(broken("\"history\"", "\"histories\"").contains("histories"));
    }
}
