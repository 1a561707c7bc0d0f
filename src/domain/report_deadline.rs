//! When a report of a disaster is due, of which level, and since when one is late. The deadlines are data with validity
//! dates (`geodata/rules/disaster_reports.json`); a moment is always given.
//!
//! A **quick** report is due within hours of the beginning, then a **daily** one at a time of the day until the event ends,
//! and a **consolidated** one within days of the end. A daily report answers the last deadline that has passed, as long as
//! that one is not answered, else the one that comes later on its own day: whoever is late catches up with one report, what
//! nobody sent in its day stays missed, and news of the evening are not the report of tomorrow. A correction answers nothing: the report that it corrects did.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// Days of an event that are looked at, at most: a deadline a day.
pub const DAYS_MAX: i64 = 400;
/// Longest time of a rule, hours and days.
const WITHIN_H_MAX: i64 = 240;
const WITHIN_DAYS_MAX: i64 = 90;
/// Rules of the file, at most.
const RULES_MAX: usize = 100;
const DAY_S: i64 = 86_400;

/// Who reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReportLevel)]
pub enum Level {
    Commune,
    District,
    Province,
}

/// What is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DisasterReportKind)]
pub enum Kind {
    Quick,
    Daily,
    Consolidated,
}

/// Names of the levels at which somebody sends reports today, as they stand in records. The district's are in the past.
pub const LEVELS: &[&str] = &["commune", "province"];
/// Names of the kinds, as they stand in records.
pub const KINDS: &[&str] = &["quick", "daily", "consolidated"];

impl Level {
    /// Those of [`LEVELS`].
    pub const ALL: [Self; 2] = [Self::Commune, Self::Province];

    /// Its name in records and calls.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commune => "commune",
            Self::District => "district",
            Self::Province => "province",
        }
    }

    /// The level called `name`, one of [`LEVELS`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Quick, Self::Daily, Self::Consolidated];

    /// Its name in records and calls.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Daily => "daily",
            Self::Consolidated => "consolidated",
        }
    }

    /// The kind called `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What it is called on screen and on paper.
    #[must_use]
    pub const fn title_vi(self) -> &'static str {
        match self {
            Self::Quick => "Báo cáo nhanh",
            Self::Daily => "Báo cáo hằng ngày",
            Self::Consolidated => "Báo cáo tổng hợp",
        }
    }
}

/// How long an event goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub started_at: Timestamp,
    /// `None` while it goes on.
    pub finished_at: Option<Timestamp>,
}

/// A report that was sent, which is no correction of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentReport {
    pub kind: Kind,
    pub sent_at: Timestamp,
}

/// A report that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReportDue)]
pub struct Due {
    pub kind: Kind,
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
}

/// How one who reports stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The next deadline to come that no report answers yet.
    pub next: Option<Due>,
    /// Deadlines that have passed and can still be answered, the oldest first.
    pub late: Vec<Due>,
    /// Daily deadlines that nobody answered and that a later one has overtaken.
    pub missed: usize,
}

/// The deadlines.
#[derive(Clone, Debug)]
pub struct Deadlines {
    offset_s: i64,
    rules: Vec<Rule>,
    /// Where they come from.
    pub source: String,
}

#[derive(Clone, Debug)]
struct Rule {
    level: Level,
    kind: Kind,
    term: Term,
    /// First and last day on which it holds; open if `None`.
    valid_from: Day,
    valid_to: Option<Day>,
}

#[derive(Clone, Copy, Debug)]
enum Term {
    /// Seconds after the beginning, or after the end.
    Within(i64),
    /// Seconds after local midnight.
    At(i64),
}

/// A local day, counted from 1970-01-01.
type Day = i64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    source: String,
    utc_offset_h: i64,
    rules: Vec<RuleRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleRow {
    level: Level,
    kind: Kind,
    within_h: Option<i64>,
    within_days: Option<i64>,
    at: Option<String>,
    valid_from: String,
    valid_to: Option<String>,
}

static SHIPPED: LazyLock<Deadlines> = LazyLock::new(|| {
    Deadlines::read(include_str!("../../geodata/rules/disaster_reports.json")).expect("the shipped deadlines are whole")
});

impl Deadlines {
    /// The shipped ones.
    #[must_use]
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Reads a file of rules.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        let file: RulesFile = serde_json::from_str(text).map_err(|error| format!("disaster_reports.json: {error}"))?;
        if !(-12..=14).contains(&file.utc_offset_h) {
            return Err("disaster_reports.json: utc_offset_h is a number from -12 to 14".into());
        }
        if file.rules.len() > RULES_MAX {
            return Err(format!("disaster_reports.json: {RULES_MAX} rules at most"));
        }
        let rules = file.rules.iter().map(Rule::read).collect::<Result<Vec<Rule>, String>>()?;
        for (n, rule) in rules.iter().enumerate() {
            if rules[..n].iter().any(|other| other.overlaps(rule)) {
                let (level, kind) = (rule.level.as_str(), rule.kind.as_str());
                return Err(format!("disaster_reports.json: two rules of {level} {kind} hold on the same day"));
            }
        }
        Ok(Self { offset_s: file.utc_offset_h * 3_600, rules, source: file.source })
    }

    /// How one of `level` stands at `now`, who has sent these reports of the event, in any order.
    #[must_use]
    pub fn standing(&self, level: Level, span: Span, sent: &[SentReport], now: Timestamp) -> Standing {
        let mut standing = Standing::default();
        let is_sent = |kind: Kind| sent.iter().any(|report| report.kind == kind);
        let quick = self.quick(level, span);
        if let Some(due) = quick.filter(|_| !is_sent(Kind::Quick)) {
            standing.take(due, now);
        }
        self.daily_standing(level, span, sent, now, &mut standing);
        if let Some(due) = self.consolidated(level, span).filter(|_| !is_sent(Kind::Consolidated)) {
            standing.take(due, now);
        }
        standing.late.sort_by_key(|due| due.due_at);
        standing
    }

    fn quick(&self, level: Level, span: Span) -> Option<Due> {
        let due_at = span.started_at.plus_s(self.within(level, Kind::Quick, span.started_at)?);
        Some(Due { kind: Kind::Quick, due_at })
    }

    fn consolidated(&self, level: Level, span: Span) -> Option<Due> {
        let finished_at = span.finished_at?;
        let due_at = finished_at.plus_s(self.within(level, Kind::Consolidated, finished_at)?);
        Some(Due { kind: Kind::Consolidated, due_at })
    }

    fn daily_standing(&self, level: Level, span: Span, sent: &[SentReport], now: Timestamp, standing: &mut Standing) {
        let deadlines = self.daily(level, span, now);
        let mut is_answered = vec![false; deadlines.len()];
        let mut daily: Vec<Timestamp> =
            sent.iter().filter(|report| report.kind == Kind::Daily).map(|report| report.sent_at).collect();
        daily.sort();
        for sent_at in daily {
            // How many deadlines had passed when it was sent.
            let passed = deadlines.partition_point(|due_at| *due_at < sent_at);
            let is_caught_up = passed == 0 || is_answered[passed - 1];
            let answers = if is_caught_up { passed } else { passed - 1 };
            let is_of_its_day = |due_at: &Timestamp| self.day_of(*due_at) == self.day_of(sent_at);
            if !is_caught_up || deadlines.get(answers).is_some_and(is_of_its_day) {
                is_answered[answers] = true;
            }
        }
        let passed = deadlines.partition_point(|due_at| *due_at < now);
        let open = |at: usize| !is_answered[at];
        standing.missed = (0..passed.saturating_sub(1)).filter(|at| open(*at)).count();
        if let Some(last) = passed.checked_sub(1).filter(|last| open(*last)) {
            standing.late.push(Due { kind: Kind::Daily, due_at: deadlines[last] });
        }
        if let Some(next) = (passed..deadlines.len()).find(|at| open(*at)) {
            standing.next_is(Due { kind: Kind::Daily, due_at: deadlines[next] });
        }
    }

    /// The daily deadlines of an event in their order, up to the second one after `now`: those after the time of the quick
    /// report and not after the end.
    fn daily(&self, level: Level, span: Span, now: Timestamp) -> Vec<Timestamp> {
        let first = self.quick(level, span).map_or(span.started_at, |due| due.due_at);
        let last = span.finished_at.unwrap_or_else(|| now.plus_s(2 * DAY_S)).min(now.plus_s(2 * DAY_S));
        let first_day = self.day_of(first).max(self.day_of(last) - DAYS_MAX);
        let at = |day: Day| {
            let rule = self.rules.iter().find(|rule| rule.holds(level, Kind::Daily, day))?;
            let Term::At(second) = rule.term else { return None };
            Some(Timestamp::from_ms((day * DAY_S + second - self.offset_s) * 1_000))
        };
        (first_day..=self.day_of(last)).filter_map(at).filter(|due_at| *due_at > first && *due_at <= last).collect()
    }

    fn within(&self, level: Level, kind: Kind, from: Timestamp) -> Option<i64> {
        let day = self.day_of(from);
        self.rules.iter().find(|rule| rule.holds(level, kind, day)).and_then(|rule| match rule.term {
            Term::Within(seconds) => Some(seconds),
            Term::At(_) => None,
        })
    }

    fn day_of(&self, at: Timestamp) -> Day {
        (at.as_ms().div_euclid(1_000) + self.offset_s).div_euclid(DAY_S)
    }
}

impl Standing {
    fn take(&mut self, due: Due, now: Timestamp) {
        if due.due_at < now { self.late.push(due) } else { self.next_is(due) }
    }

    fn next_is(&mut self, due: Due) {
        if self.next.is_none_or(|next| due.due_at < next.due_at) {
            self.next = Some(due);
        }
    }
}

impl Rule {
    fn read(row: &RuleRow) -> Result<Self, String> {
        let (level, kind) = (row.level, row.kind);
        let wrong = |what: &str| format!("disaster_reports.json: {} {}: {what}", level.as_str(), kind.as_str());
        let within = |value: i64, max: i64, second: i64| {
            if (1..=max).contains(&value) { Ok(Term::Within(value * second)) } else { Err(wrong("out of range")) }
        };
        let term = match (kind, row.within_h, row.within_days, row.at.as_deref()) {
            (Kind::Quick, Some(hours), None, None) => within(hours, WITHIN_H_MAX, 3_600)?,
            (Kind::Consolidated, None, Some(days), None) => within(days, WITHIN_DAYS_MAX, DAY_S)?,
            (Kind::Daily, None, None, Some(clock)) => {
                Term::At(seconds_of(clock).ok_or_else(|| wrong("at is a time HH:MM"))?)
            }
            _ => return Err(wrong("quick says within_h, daily at, consolidated within_days, and nothing else")),
        };
        let day = |text: &str| day_named(text).ok_or_else(|| wrong("valid_from and valid_to are days YYYY-MM-DD"));
        let (valid_from, valid_to) = (day(&row.valid_from)?, row.valid_to.as_deref().map(day).transpose()?);
        if valid_to.is_some_and(|to| to < valid_from) {
            return Err(wrong("valid_to lies before valid_from"));
        }
        Ok(Self { level, kind, term, valid_from, valid_to })
    }

    fn holds(&self, level: Level, kind: Kind, day: Day) -> bool {
        (self.level, self.kind) == (level, kind)
            && self.valid_from <= day
            && self.valid_to.is_none_or(|last| day <= last)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let begins_within = |one: &Self, two: &Self| one.holds(two.level, two.kind, two.valid_from);
        begins_within(self, other) || begins_within(other, self)
    }
}

/// `HH:MM` as seconds after midnight.
fn seconds_of(clock: &str) -> Option<i64> {
    let time = jiff::civil::Time::strptime("%H:%M", clock).ok().filter(|_| clock.len() == 5)?;
    Some(i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60)
}

fn day_named(text: &str) -> Option<Day> {
    let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
    let midnight = jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(midnight.as_second().div_euclid(DAY_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../geodata/rules/disaster_reports.json");

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_typed(text).unwrap()
    }

    fn open(from: &str) -> Span {
        Span { started_at: at(from), finished_at: None }
    }

    fn told(due: &Due) -> String {
        format!("{} {}", due.kind.as_str(), due.due_at.told_text())
    }

    /// What is next, then what is late, then how many were missed.
    fn stands(level: Level, span: Span, sent: &[(Kind, &str)], now: &str) -> (String, Vec<String>, usize) {
        let sent: Vec<SentReport> =
            sent.iter().map(|(kind, text)| SentReport { kind: *kind, sent_at: at(text) }).collect();
        let standing = Deadlines::shipped().standing(level, span, &sent, at(now));
        let late = standing.late.iter().map(told).collect();
        (standing.next.as_ref().map(told).unwrap_or_default(), late, standing.missed)
    }

    #[test]
    fn a_quick_report_is_due_within_a_day_and_then_one_every_day_by_the_level() {
        let span = open("2025-06-07 02:00");
        let first = stands(Level::Commune, span, &[], "2025-06-07 03:00");
        assert_eq!(first, ("quick 02:00 08/06/2025".into(), vec![], 0));
        let quick = [(Kind::Quick, "2025-06-07 09:00")];
        for (level, clock) in [(Level::Commune, "17:00"), (Level::District, "18:00"), (Level::Province, "19:00")] {
            let next = stands(level, span, &quick, "2025-06-07 20:00");
            assert_eq!(next, (format!("daily {clock} 08/06/2025"), vec![], 0), "{level:?}");
        }
    }

    #[test]
    fn there_is_no_district_any_more_from_july_2025() {
        let quick = [(Kind::Quick, "2025-06-29 09:00"), (Kind::Daily, "2025-06-30 17:30")];
        let span = open("2025-06-29 02:00");
        assert_eq!(stands(Level::District, span, &quick, "2025-06-30 17:31").0, "");
        assert_eq!(stands(Level::District, span, &quick[..1], "2025-06-30 17:31").0, "daily 18:00 30/06/2025");
        assert_eq!(stands(Level::Commune, span, &quick, "2025-07-01 03:00").0, "daily 17:00 01/07/2025");
        assert_eq!(
            stands(Level::District, open("2025-07-01 00:00"), &[], "2025-07-02 12:00"),
            (String::new(), vec![], 0)
        );
        // The last minute of June by the province's clocks is still June in UTC.
        assert_eq!(
            stands(Level::District, open("2025-06-30 23:59"), &[], "2025-07-01 00:00").0,
            "quick 23:59 01/07/2025"
        );
    }

    #[test]
    fn a_deadline_is_kept_to_its_minute_and_late_from_then_on() {
        let (span, quick) = (open("2026-11-20 08:00"), (Kind::Quick, "2026-11-20 09:00"));
        let kept = [quick, (Kind::Daily, "2026-11-21 17:00")];
        assert_eq!(
            stands(Level::Commune, span, &kept[..1], "2026-11-21 17:00"),
            ("daily 17:00 21/11/2026".into(), vec![], 0)
        );
        assert_eq!(
            stands(Level::Commune, span, &kept, "2026-11-21 17:01"),
            ("daily 17:00 22/11/2026".into(), vec![], 0)
        );
        let late = stands(Level::Commune, span, &kept[..1], "2026-11-21 23:59");
        assert_eq!(late, ("daily 17:00 22/11/2026".into(), vec!["daily 17:00 21/11/2026".into()], 0));
        // Midnight changes nothing of what is late, and a report after it still answers the day before.
        let night = [quick, (Kind::Daily, "2026-11-22 00:30")];
        assert_eq!(stands(Level::Commune, span, &night[..1], "2026-11-22 00:00").1, ["daily 17:00 21/11/2026"]);
        assert_eq!(
            stands(Level::Commune, span, &night, "2026-11-22 01:00"),
            ("daily 17:00 22/11/2026".into(), vec![], 0)
        );
    }

    #[test]
    fn one_report_catches_up_and_what_was_missed_stays_missed() {
        let (span, quick) = (open("2026-11-20 08:00"), (Kind::Quick, "2026-11-20 09:00"));
        let silent = stands(Level::Commune, span, &[quick], "2026-11-24 12:00");
        assert_eq!(silent, ("daily 17:00 24/11/2026".into(), vec!["daily 17:00 23/11/2026".into()], 2));
        let caught_up = stands(Level::Commune, span, &[(Kind::Daily, "2026-11-24 11:00"), quick], "2026-11-24 12:00");
        assert_eq!(caught_up, ("daily 17:00 24/11/2026".into(), vec![], 2));
        // News of the evening do not answer the day after; those of the night do, for their own day.
        let evening = [quick, (Kind::Daily, "2026-11-21 16:00"), (Kind::Daily, "2026-11-21 20:00")];
        assert_eq!(stands(Level::Commune, span, &evening, "2026-11-22 08:00").0, "daily 17:00 22/11/2026");
        let night = [evening[0], evening[1], (Kind::Daily, "2026-11-22 00:10")];
        assert_eq!(stands(Level::Commune, span, &night, "2026-11-22 08:00").0, "daily 17:00 23/11/2026");
        // Two in one day answer that day alone.
        let twice = [quick, (Kind::Daily, "2026-11-21 08:30"), (Kind::Daily, "2026-11-21 16:00")];
        assert_eq!(
            stands(Level::Commune, span, &twice, "2026-11-21 18:00"),
            ("daily 17:00 22/11/2026".into(), vec![], 0)
        );
    }

    #[test]
    fn a_late_quick_report_stays_due_and_the_daily_ones_come_besides() {
        let late = stands(Level::Province, open("2026-11-20 08:00"), &[], "2026-11-21 20:00");
        assert_eq!(
            late,
            (
                "daily 19:00 22/11/2026".into(),
                vec!["quick 08:00 21/11/2026".into(), "daily 19:00 21/11/2026".into()],
                0
            )
        );
    }

    #[test]
    fn after_the_end_the_consolidated_report_alone_is_due() {
        let span = Span { started_at: at("2026-11-01 08:00"), finished_at: Some(at("2026-11-03 18:00")) };
        let sent =
            [(Kind::Quick, "2026-11-01 09:00"), (Kind::Daily, "2026-11-02 16:00"), (Kind::Daily, "2026-11-03 16:00")];
        assert_eq!(
            stands(Level::Commune, span, &sent, "2026-11-04 08:00"),
            ("consolidated 18:00 18/11/2026".into(), vec![], 0)
        );
        assert_eq!(stands(Level::Commune, span, &sent, "2026-11-19 08:00").1, ["consolidated 18:00 18/11/2026"]);
        let all = [sent[0], sent[1], sent[2], (Kind::Consolidated, "2026-11-10 08:00")];
        assert_eq!(stands(Level::Commune, span, &all, "2026-11-30 08:00"), (String::new(), vec![], 0));
        // The province's deadline of the last day came after the end.
        assert_eq!(stands(Level::Province, span, &sent[..2], "2026-11-04 08:00").1, Vec::<String>::new());
    }

    #[test]
    fn an_event_of_years_is_looked_at_for_a_bounded_number_of_days() {
        let standing = stands(Level::Commune, open("2016-01-01 08:00"), &[], "2026-11-24 12:00");
        assert!(standing.2 <= DAYS_MAX as usize, "{}", standing.2);
        assert_eq!(
            stands(Level::Commune, open("2015-12-29 08:00"), &[], "2015-12-29 12:00").0,
            "daily 17:00 30/12/2015"
        );
    }

    #[test]
    fn rules_that_are_not_whole_say_what_is_wrong() {
        let fails = |from: &str, to: &str| Deadlines::read(&SHIPPED.replace(from, to)).unwrap_err();
        assert!(Deadlines::read("{}").unwrap_err().contains("disaster_reports.json"));
        assert!(fails("\"17:00\"", "\"25:00\"").contains("HH:MM"));
        assert!(fails("\"17:00\"", "\"9:00\"").contains("HH:MM"));
        assert!(fails("\"within_h\": 24", "\"within_h\": 0").contains("out of range"));
        assert!(fails("\"within_h\": 24", "\"at\": \"17:00\"").contains("quick says within_h"));
        assert!(fails("\"within_days\": 15", "\"within_days\": 15, \"at\": \"17:00\"").contains("consolidated"));
        assert!(fails("2025-06-30", "2025-06-31").contains("YYYY-MM-DD"));
        assert!(fails("2025-06-30", "2014-06-30").contains("before valid_from"));
        assert!(fails("\"district\"", "\"province\"").contains("same day"));
        assert!(fails("\"daily\"", "\"weekly\"").contains("weekly"));
        assert!(fails("\"utc_offset_h\": 7", "\"utc_offset_h\": 70").contains("utc_offset_h"));
    }
}
