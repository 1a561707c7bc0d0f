//! One instant: milliseconds since 1970-01-01T00:00:00Z, written as RFC 3339 in UTC with three decimals.
//!
//! Four fields of the domain are instants and are never mixed: status time, fix time, time of occurrence
//! (`valid_at`, `occurred_at`) and recording time (`recorded_at`).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Asia/Ho_Chi_Minh: UTC+7, no daylight saving since 1975.
const PROVINCE: jiff::tz::Offset = jiff::tz::offset(7);

/// An instant in UTC with millisecond precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    ms: i64,
}

/// Why a text is not an instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 instant with a zone offset: {text:?}")]
pub struct NotATimestamp {
    /// The text as it was given.
    pub text: String,
}

impl Timestamp {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self { ms }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.ms
    }

    /// Parses RFC 3339 with an offset (`2026-11-23T02:14:36+07:00`, `…Z`); a local time without offset is refused,
    /// since nobody could tell later which clock was meant.
    ///
    /// # Errors
    /// [`NotATimestamp`] if the text is anything else.
    pub fn parse(text: &str) -> Result<Self, NotATimestamp> {
        text.parse::<jiff::Timestamp>()
            .map(|at| Self { ms: at.as_millisecond() })
            .map_err(|_| NotATimestamp { text: text.to_owned() })
    }

    /// Parses what people type: RFC 3339, or a time without offset (`2026-11-26 02:14`, seconds may follow), which is
    /// then that of the province (UTC+7).
    ///
    /// # Errors
    /// [`NotATimestamp`] if the text is anything else; a day without a time too.
    pub fn parse_typed(text: &str) -> Result<Self, NotATimestamp> {
        Self::parse(text).or_else(|refused| {
            let typed = text.trim().replacen('T', " ", 1);
            let local = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]
                .into_iter()
                .find_map(|format| jiff::civil::DateTime::strptime(format, &typed).ok());
            let at = local.and_then(|local| PROVINCE.to_timestamp(local).ok());
            at.map(|at| Self { ms: at.as_millisecond() }).ok_or(refused)
        })
    }

    /// As the province's clocks show it, to the second.
    #[must_use]
    pub fn local_text(self) -> String {
        PROVINCE.to_datetime(self.instant()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// As CAP 1.2 asks: to the second, with the province's offset (`2026-11-23T09:14:36+07:00`).
    #[must_use]
    pub fn cap_text(self) -> String {
        format!("{}+07:00", PROVINCE.to_datetime(self.instant()).strftime("%Y-%m-%dT%H:%M:%S"))
    }

    /// As people are told: `09:14 23/11/2026`, by the province's clocks.
    #[must_use]
    pub fn told_text(self) -> String {
        PROVINCE.to_datetime(self.instant()).strftime("%H:%M %d/%m/%Y").to_string()
    }

    /// This instant moved by `seconds` (negative: earlier).
    #[must_use]
    pub const fn plus_s(self, seconds: i64) -> Self {
        Self { ms: self.ms.saturating_add(seconds.saturating_mul(1000)) }
    }

    /// Seconds from `earlier` to this instant; negative if `earlier` lies after it.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        (self.ms - earlier.ms) / 1000
    }

    /// Calendar year and quarter (1–4) in Asia/Ho_Chi_Minh (UTC+7, no daylight saving since 1975), for human codes.
    #[must_use]
    pub fn local_year_quarter(self) -> (i16, i8) {
        let local = PROVINCE.to_datetime(self.instant());
        (local.year(), (local.month() - 1) / 3 + 1)
    }

    /// Midnight of a day by the province's clocks; the epoch for a day that there is not.
    #[must_use]
    pub fn local_midnight(year: i16, month: i8, day: i8) -> Self {
        let midnight = jiff::civil::Date::new(year, month, day).map(|date| date.at(0, 0, 0, 0));
        let at = midnight.and_then(|local| PROVINCE.to_timestamp(local));
        Self { ms: at.map_or(0, jiff::Timestamp::as_millisecond) }
    }

    /// Hour of the day in Asia/Ho_Chi_Minh, 0–23.
    #[must_use]
    pub fn local_hour(self) -> i8 {
        PROVINCE.to_datetime(self.instant()).hour()
    }

    fn instant(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.instant())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_utc_with_three_decimals() {
        let at = Timestamp::parse("2026-11-23T02:14:36+07:00").unwrap();
        assert_eq!(at.to_string(), "2026-11-22T19:14:36.000Z");
        assert_eq!(Timestamp::parse(&at.to_string()).unwrap(), at);
    }

    #[test]
    fn a_time_without_offset_is_refused() {
        assert!(Timestamp::parse("2026-11-23T02:14:36").is_err());
        assert!(Timestamp::parse("11/23/2026").is_err());
    }

    #[test]
    fn a_typed_time_without_offset_is_that_of_the_province() {
        let at = Timestamp::parse("2026-11-25T19:14:00Z").unwrap();
        for typed in ["2026-11-26 02:14", "2026-11-26T02:14", " 2026-11-26 02:14:00 ", "2026-11-26T02:14:00+07:00"] {
            assert_eq!(Timestamp::parse_typed(typed), Ok(at), "{typed}");
        }
        assert_eq!(at.local_text(), "2026-11-26 02:14:00");
        for wrong in ["", "2026-11-26", "26/11/2026 02:14", "2026-11-31 02:14", "2026-11-26 24:14", "02:14", "now"] {
            assert_eq!(Timestamp::parse_typed(wrong).unwrap_err().text, wrong);
        }
    }

    #[test]
    fn the_quarter_is_that_of_the_province() {
        let new_year_in_lai_chau = Timestamp::parse("2026-12-31T17:30:00Z").unwrap();
        assert_eq!(new_year_in_lai_chau.local_year_quarter(), (2027, 1));
    }
}
