//! A stretch of the calendar that figures are counted by: a month or a quarter, by the province's clocks (UTC+7).

use std::fmt;

use super::quarter::Quarter;
use super::{Code, Problem, Timestamp};

/// A month or a quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Year, and month 1 to 12.
    Month(i16, i8),
    Quarter(Quarter),
}

impl Period {
    /// `2024Q3` or `2024-07`.
    ///
    /// # Errors
    /// `invalid_parameter` at `name`.
    pub fn parse(name: &str, text: &str) -> Result<Self, Problem> {
        let refused = || {
            Problem::new(
                Code::InvalidParameter,
                format!("{name} {text:?}: cần quý như 2024Q3 hoặc tháng như 2024-07"),
                format!("{name} {text:?}: expected a quarter such as 2024Q3 or a month such as 2024-07"),
            )
            .at(name)
        };
        if text.contains(['Q', 'q']) {
            return Quarter::parse(text).map(Self::Quarter).map_err(|_| refused());
        }
        let (year, month) = text
            .split_once('-')
            .filter(|(year, month)| year.len() == 4 && month.len() == 2 && month.bytes().all(|b| b.is_ascii_digit()))
            .ok_or_else(refused)?;
        let month: i8 = month.parse().ok().filter(|month| (1..=12).contains(month)).ok_or_else(refused)?;
        // A year is one that quarters have.
        let year = Quarter::new(year.parse().map_err(|_| refused())?, 1).ok_or_else(refused)?.year();
        Ok(Self::Month(year, month))
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Month(year, 12) => Self::Month(year + 1, 1),
            Self::Month(year, month) => Self::Month(year, month + 1),
            Self::Quarter(quarter) => Self::Quarter(quarter.next()),
        }
    }

    /// Its first instant; it ends before that of the next.
    #[must_use]
    pub fn start(self) -> Timestamp {
        match self {
            Self::Month(year, month) => Timestamp::local_midnight(year, month, 1),
            Self::Quarter(quarter) => quarter.start(),
        }
    }

    /// From one to another of the same sort, both counted.
    ///
    /// # Errors
    /// `invalid_parameter` at `to` if they are of two sorts, or `to` comes first; `limit_exceeded` over `max` of them.
    pub fn series(from: Self, to: Self, max: usize) -> Result<Vec<Self>, Problem> {
        if matches!(from, Self::Month(..)) != matches!(to, Self::Month(..)) {
            let (vi, en) = (
                "from và to phải cùng là quý hoặc cùng là tháng",
                "from and to must both be quarters or both be months",
            );
            return Err(Problem::new(Code::InvalidParameter, vi, en).at("to"));
        }
        if to.start() < from.start() {
            let (vi, en) = (format!("to {to} trước from {from}"), format!("to {to} lies before from {from}"));
            return Err(Problem::new(Code::InvalidParameter, vi, en).at("to"));
        }
        let mut all = vec![from];
        while let Some(last) = all.last().filter(|last| **last != to) {
            if all.len() == max {
                let (vi, en) = (format!("nhiều nhất {max} kỳ"), format!("at most {max} periods"));
                return Err(Problem::new(Code::LimitExceeded, vi, en).at("to").with("limit", max));
            }
            all.push(last.next());
        }
        Ok(all)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Month(year, month) => write!(f, "{year:04}-{month:02}"),
            Self::Quarter(quarter) => quarter.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(text: &str) -> Period {
        Period::parse("from", text).unwrap()
    }

    #[test]
    fn months_and_quarters_begin_at_midnight_in_the_province_and_follow_over_the_year() {
        assert_eq!(period("2024-07").start(), period("2024Q3").start());
        assert_eq!(period("2024-07").start().to_string(), "2024-06-30T17:00:00.000Z");
        assert_eq!(period("2024-12").next(), period("2025-01"));
        let year: Vec<String> =
            Period::series(period("2024-11"), period("2025-02"), 9).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(year, ["2024-11", "2024-12", "2025-01", "2025-02"]);
        assert_eq!(Period::series(period("2024Q3"), period("2024Q3"), 1).unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_period_or_no_series_is_refused() {
        for text in [
            "",
            "2024",
            "2024-13",
            "2024-00",
            "2024-7",
            "2024-+7",
            "24-07",
            "2024Q5",
            "2024-07-01",
            "9999-01",
            "１２34-07",
        ] {
            assert_eq!(Period::parse("to", text).unwrap_err().at.as_deref(), Some("to"), "{text}");
        }
        let series = |from: &str, to: &str| Period::series(period(from), period(to), 8).unwrap_err().code;
        assert_eq!(series("2024Q1", "2024-03"), Code::InvalidParameter);
        assert_eq!(series("2024-03", "2024-02"), Code::InvalidParameter);
        assert_eq!(series("2024-01", "2024-09"), Code::LimitExceeded);
        assert_eq!(Period::series(period("2024-01"), period("2024-08"), 8).unwrap().len(), 8);
    }
}
