//! A quarter of a year by the province's clocks (UTC+7): the span of the report that the forces meet over (giao ban).

use std::fmt;

use super::{Code, Problem, Timestamp};

/// A quarter of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter {
    year: i16,
    /// 1 to 4.
    number: i8,
}

/// Years of which there may be reports: the ends of what a date column takes, well within those of the clock.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2999;

impl Quarter {
    /// The quarter of this year with this number, if there is such a one.
    #[must_use]
    pub fn new(year: i16, number: i8) -> Option<Self> {
        (YEARS.contains(&year) && (1..=4).contains(&number)).then_some(Self { year, number })
    }

    /// The quarter that holds an instant.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let (year, number) = at.local_year_quarter();
        Self { year, number }
    }

    /// As people write it in an address: `2024Q3`, `2024-Q3`.
    ///
    /// # Errors
    /// `invalid_parameter` at `quarter`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let parts = text.trim().split_once(['Q', 'q']);
        let parsed = parts.and_then(|(year, number)| {
            let year = year.strip_suffix('-').unwrap_or(year);
            let is_plain = year.len() == 4 && number.len() == 1;
            Self::new(year.parse().ok()?, number.parse().ok()?).filter(|_| is_plain)
        });
        parsed.ok_or_else(|| {
            Problem::new(
                Code::InvalidParameter,
                format!("quý {text:?}: cần dạng 2024Q3"),
                format!("quarter {text:?}: expected such as 2024Q3"),
            )
            .at("quarter")
        })
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> i16 {
        self.year
    }

    /// 1 to 4.
    #[must_use]
    pub const fn number(self) -> i8 {
        self.number
    }

    /// The quarter before.
    #[must_use]
    pub const fn previous(self) -> Self {
        if self.number == 1 {
            Self { year: self.year - 1, number: 4 }
        } else {
            Self { number: self.number - 1, ..self }
        }
    }

    /// The quarter after.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.number == 4 {
            Self { year: self.year + 1, number: 1 }
        } else {
            Self { number: self.number + 1, ..self }
        }
    }

    /// The same quarter of the year before.
    #[must_use]
    pub const fn year_before(self) -> Self {
        Self { year: self.year - 1, ..self }
    }

    /// Its first instant; the quarter ends before the first of the next.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp::local_midnight(self.year, self.number * 3 - 2, 1)
    }

    /// Whether an instant lies in it.
    #[must_use]
    pub fn holds(self, at: Timestamp) -> bool {
        Self::of(at) == self
    }

    /// As a report names it: `Quý III năm 2024`.
    #[must_use]
    pub fn title_vi(self) -> String {
        let number = ["I", "II", "III", "IV"][usize::from(self.number.unsigned_abs()) - 1];
        format!("Quý {number} năm {}", self.year)
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Q{}", self.year, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quarter(text: &str) -> Quarter {
        Quarter::parse(text).unwrap()
    }

    #[test]
    fn a_quarter_begins_at_midnight_in_the_province() {
        assert_eq!(quarter("2024Q3").start().to_string(), "2024-06-30T17:00:00.000Z");
        assert_eq!(quarter("2024Q4").start(), quarter("2024Q3").next().start());
        let last = quarter("2024Q4").start().plus_s(-1);
        assert!(quarter("2024Q3").holds(last) && !quarter("2024Q3").holds(last.plus_s(1)));
    }

    #[test]
    fn quarters_follow_each_other_over_the_year() {
        assert_eq!(quarter("2024Q1").previous(), quarter("2023-q4"));
        assert_eq!(quarter("2023Q4").next(), quarter("2024Q1"));
        assert_eq!(quarter("2024Q3").year_before().to_string(), "2023Q3");
        assert_eq!(quarter("2024Q3").title_vi(), "Quý III năm 2024");
        let mut one = quarter("1999Q1");
        for _ in 0..40 {
            assert_eq!(Quarter::of(one.start()), one);
            assert_eq!(one.next().previous(), one);
            one = one.next();
        }
    }

    #[test]
    fn what_is_no_quarter_is_refused() {
        for text in ["", "2024", "2024Q0", "2024Q5", "24Q3", "2024Q33", "Q3", "2024-07", "9999999Q1", "2024Q٣"] {
            assert_eq!(Quarter::parse(text).unwrap_err().code, Code::InvalidParameter, "{text}");
        }
    }
}
