//! What the incidents and cases of a border sector speak for: a weighted sum a kilometre in the windows that end at a
//! moment, beside the sector's own past windows, a level, and why in words. A person decides; this only proposes, and never
//! `critical`.
//!
//! From a sum, the rows that a reader sees and the rules, which are public, the weight of a row that is hidden from this reader
//! follows, and from the weight its kind. So whoever does not see every row of the longest window is told how many there are
//! and which level they speak for, and no sums.
//!
//! A window of `days` that ends at `t` holds what happened after `t − days` and up to `t`. Past windows lie end to end before
//! it, as far back as the rules say and as records go. A quantile is the smallest past value that at least that share of the
//! past windows does not exceed (nearest rank).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::border_rules::{BorderRules, Level, Threshold, Words};
use super::number::{plain, plain_or_null, rounded};
use super::{Collection, Timestamp};

/// Seconds of a day.
const DAY_S: i64 = 86_400;
/// Rows that are shown, at most, the newest first.
pub const ROWS_MAX: usize = 200;

/// Something that happened at the sector.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// `Incidents` or `Cases`.
    pub collection: Collection,
    pub id: Uuid,
    pub kind: String,
    /// 1 to 4.
    pub severity: Option<i64>,
    pub at: Timestamp,
    pub chainage_km: Option<f64>,
    /// Whether the reader may see it; what is not seen is counted and not shown.
    pub is_seen: bool,
}

/// A sector as the proposal needs it.
#[derive(Clone, Copy, Debug)]
pub struct SectorSpan {
    /// Kilometres of border line; 0 or less if not known.
    pub length_km: f64,
    /// From when on such records are kept; nothing is known of what was before.
    pub recorded_since: Option<Timestamp>,
}

/// What is proposed of a sector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SectorProposal {
    /// Null where the length of the sector is not known.
    #[schema(required)]
    pub level: Option<Level>,
    /// The moment at which the windows end.
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    /// Name of the rules.
    pub rules: String,
    #[serde(serialize_with = "plain")]
    pub length_km: f64,
    pub windows: Vec<SectorWindow>,
    /// Why, a line a window.
    pub reasons: Vec<Words>,
    /// What was counted in the longest window, as far as the reader may see it, the newest first.
    pub rows: Vec<SectorRow>,
    /// What was counted besides: rows that the reader may not see, or for which there is no room.
    pub other_rows: usize,
}

/// One window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SectorWindow {
    pub days: i64,
    pub rows: usize,
    /// Sum of weights; null where a row is hidden from the reader.
    #[schema(required)]
    #[serde(serialize_with = "plain_or_null")]
    pub score: Option<f64>,
    /// The sum a kilometre of border line; null as `score` is.
    #[schema(required)]
    #[serde(serialize_with = "plain_or_null")]
    pub per_km: Option<f64>,
    /// Past windows of this length that are known.
    pub past_windows: usize,
    /// Whether there are enough of them to compare with; else fixed thresholds hold.
    pub is_by_history: bool,
    /// What a kilometre must exceed (without history: reach) for the level, lowest first; empty where no sums are told, as past
    /// windows are sums too.
    pub thresholds: Vec<SectorThreshold>,
    pub level: Level,
}

/// Where a level begins in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SectorThreshold {
    pub level: Level,
    #[serde(serialize_with = "plain")]
    pub per_km: f64,
    pub rows_min: usize,
}

/// A row that was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SectorRow {
    pub collection: Collection,
    pub id: Uuid,
    pub kind: String,
    #[schema(required)]
    pub severity: Option<i64>,
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    /// Calibrated kilometre of the border line.
    #[schema(required)]
    pub chainage_km: Option<f64>,
    #[serde(serialize_with = "plain")]
    pub weight: f64,
}

/// The proposal of a sector from what `happened` there, at `now`.
#[must_use]
pub fn propose(rules: &BorderRules, sector: SectorSpan, happened: &[Happening], now: Timestamp) -> SectorProposal {
    let weighed: Vec<(&Happening, f64)> =
        happened.iter().filter_map(|one| Some((one, rules.weight(one.collection, &one.kind, one.severity)?))).collect();
    let has_length = sector.length_km.is_finite() && sector.length_km > 0.0;
    let windows: Vec<SectorWindow> = if has_length {
        rules.window_days.iter().map(|days| window(rules, sector, &weighed, *days, now)).collect()
    } else {
        Vec::new()
    };
    let longest = rules.window_days.last().copied().unwrap_or_default();
    let in_longest = |one: &Happening| one.at <= now && one.at > now.plus_s(-longest * DAY_S);
    let mut rows: Vec<SectorRow> = weighed
        .iter()
        .filter(|(one, _)| one.is_seen && in_longest(one))
        .map(|(one, weight)| row(one, *weight))
        .collect();
    rows.sort_by_key(|one| std::cmp::Reverse((one.at, one.id)));
    rows.truncate(ROWS_MAX);
    let counted = weighed.iter().filter(|(one, _)| in_longest(one)).count();
    let sees_all = weighed.iter().all(|(one, _)| one.is_seen || !in_longest(one));
    let reasons = if has_length { windows.iter().map(reason).collect() } else { vec![no_length()] };
    let whole = SectorProposal {
        level: windows.iter().map(|window| window.level).max(),
        at: now,
        rules: rules.id.clone(),
        length_km: if has_length { rounded(sector.length_km) } else { 0.0 },
        windows,
        reasons,
        other_rows: counted - rows.len(),
        rows,
    };
    if sees_all { whole } else { whole.without_sums() }
}

impl SectorProposal {
    /// What may be told to whoever does not see every row: levels and how many, no sums.
    #[must_use]
    pub fn without_sums(mut self) -> Self {
        for window in &mut self.windows {
            (window.score, window.per_km) = (None, None);
            window.thresholds.clear();
        }
        if !self.windows.is_empty() {
            self.reasons = self.windows.iter().map(reason).collect();
        }
        self
    }
}

/// Rows and their sum in the window of `days` that ends at `end`.
fn sum(weighed: &[(&Happening, f64)], days: i64, end: Timestamp) -> (usize, f64) {
    let from = end.plus_s(-days * DAY_S);
    let inside = weighed.iter().filter(|(one, _)| one.at > from && one.at <= end);
    inside.fold((0, 0.0), |(rows, score), (_, weight)| (rows + 1, score + weight))
}

fn window(
    rules: &BorderRules,
    sector: SectorSpan,
    weighed: &[(&Happening, f64)],
    days: i64,
    now: Timestamp,
) -> SectorWindow {
    let (rows, score) = sum(weighed, days, now);
    let per_km = score / sector.length_km;
    let ends = (1..).map(|n| (n, now.plus_s(-n * days * DAY_S))).take_while(|(n, end)| {
        let is_known = sector.recorded_since.is_some_and(|since| since <= end.plus_s(-days * DAY_S));
        (n + 1) * days <= rules.history.days && is_known
    });
    let mut past: Vec<f64> = ends.map(|(_, end)| sum(weighed, days, end).1 / sector.length_km).collect();
    past.sort_by(f64::total_cmp);
    let is_by_history = past.len() >= rules.history.windows_min;
    let begins = |threshold: &Threshold| {
        if is_by_history {
            quantile(&past, threshold.above_quantile).max(threshold.per_km_min)
        } else {
            threshold.without_history_per_km
        }
    };
    let reached = |threshold: &Threshold| {
        let enough = if is_by_history {
            per_km > quantile(&past, threshold.above_quantile) && per_km >= threshold.per_km_min
        } else {
            per_km >= threshold.without_history_per_km
        };
        enough && rows >= threshold.rows_min
    };
    let proposed = rules.levels.iter().filter_map(|rule| Some((rule.level, rule.propose.as_ref()?)));
    let level = proposed.clone().filter(|(_, threshold)| reached(threshold)).map(|(level, _)| level).max();
    let thresholds = proposed.map(|(level, threshold)| SectorThreshold {
        level,
        per_km: rounded(begins(threshold)),
        rows_min: threshold.rows_min,
    });
    SectorWindow {
        days,
        rows,
        score: Some(rounded(score)),
        per_km: Some(rounded(per_km)),
        past_windows: past.len(),
        is_by_history,
        thresholds: thresholds.collect(),
        level: level.unwrap_or(Level::Low),
    }
}

/// The smallest value that at least `share` of the sorted values do not exceed; 0 of none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).or(sorted.last()).copied().unwrap_or(0.0)
}

fn row(one: &Happening, weight: f64) -> SectorRow {
    SectorRow {
        collection: one.collection,
        id: one.id,
        kind: one.kind.clone(),
        severity: one.severity,
        at: one.at,
        chainage_km: one.chainage_km,
        weight: rounded(weight),
    }
}

/// Why a window speaks for its level.
fn reason(window: &SectorWindow) -> Words {
    let SectorWindow { days, rows, past_windows, .. } = window;
    let title = window.level.title_vi();
    let Some((score, per_km)) = window.score.map(two).zip(window.per_km.map(two)) else {
        return Words {
            vi: format!("{days} ngày: {rows} vụ; không nêu điểm, vì không phải ai đọc cũng được xem từng vụ → {title}"),
            en: format!(
                "{days} days: {rows} rows; no points are told, as not every reader may see each row → {}",
                window.level.as_str()
            ),
        };
    };
    let begins = |level: Level| window.thresholds.iter().find(|threshold| threshold.level == level);
    // The threshold that was met, or the lowest one, which was not.
    let at = begins(window.level).or(window.thresholds.first());
    let line = at.map(|threshold| two(threshold.per_km)).unwrap_or_default();
    let is_met = window.level != Level::Low;
    let few = at.filter(|threshold| !is_met && *rows < threshold.rows_min).map(|threshold| threshold.rows_min);
    let (vi, en) = match (few, window.is_by_history, is_met) {
        (Some(min), ..) => (format!("ít hơn {min} vụ"), format!("fewer than {min} rows")),
        (None, true, true) => (
            format!("cao hơn ngưỡng {line} từ {past_windows} kỳ trước của chính đoạn"),
            format!("above {line}, from {past_windows} past windows of the sector itself"),
        ),
        (None, true, false) => (
            format!("không cao hơn ngưỡng {line} từ {past_windows} kỳ trước của chính đoạn"),
            format!("not above {line}, from {past_windows} past windows of the sector itself"),
        ),
        (None, false, met) => {
            let (vi, en) = if met { ("đạt", "reaches") } else { ("dưới", "below") };
            (
                format!("chưa đủ các kỳ trước để so sánh; {vi} ngưỡng cố định {line}"),
                format!("too few past windows to compare with; {en} the fixed threshold {line}"),
            )
        }
    };
    Words {
        vi: format!("{days} ngày: {rows} vụ, {score} điểm, {per_km} điểm/km; {vi} → {title}").replace('.', ","),
        en: format!("{days} days: {rows} rows, {score} points, {per_km} a kilometre; {en} → {}", window.level.as_str()),
    }
}

fn no_length() -> Words {
    Words {
        vi: "Chưa biết chiều dài của đoạn: không tính được đề xuất".to_owned(),
        en: "The length of the sector is not known: nothing can be proposed".to_owned(),
    }
}

fn two(number: f64) -> String {
    format!("{number:.2}")
}

#[cfg(test)]
#[path = "sector_proposal_tests.rs"]
mod tests;
