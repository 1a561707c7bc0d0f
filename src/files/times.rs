//! Times and dates as they stand in files.
//!
//! A time with an offset is taken as it is; one without is taken as the clock of Lai Châu (Asia/Ho_Chi_Minh, UTC+7).
//! `7/3/2017` can be read two ways: it is taken only where the caller or the rest of the column says which.

use jiff::civil::{Date, DateTime, Time};

use crate::domain::Timestamp;

/// Which number of `7/3/2017` is the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// Month first, as in the United States.
    MonthFirst,
    /// Day first, as in Việt Nam.
    DayFirst,
}

/// Why a text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotATime {
    /// Both readings give a date.
    Ambiguous,
    /// It names a month 13 or a 31st of April.
    NoSuchDate,
    /// It is written in no form that we know.
    UnknownForm,
}

/// What the slash dates of one column say about their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OrderEvidence {
    /// Values whose second number is over 12, so that the first must be the month.
    pub month_first: u64,
    /// Values whose first number is over 12.
    pub day_first: u64,
    /// Values that can be read both ways.
    pub open: u64,
}

impl OrderEvidence {
    /// Takes in one value of the column.
    pub fn see(&mut self, text: &str) {
        match split_numbers(text.trim()) {
            Some((a, b, ..)) if a > 12 && b <= 12 => self.day_first += 1,
            Some((a, b, ..)) if b > 12 && a <= 12 => self.month_first += 1,
            Some((a, b, ..)) if a != b && a <= 12 && b <= 12 => self.open += 1,
            _ => {}
        }
    }

    /// The order of the whole column, if all values that say something say the same.
    pub fn order(self) -> Option<DateOrder> {
        match (self.month_first, self.day_first) {
            (1.., 0) => Some(DateOrder::MonthFirst),
            (0, 1..) => Some(DateOrder::DayFirst),
            _ => None,
        }
    }
}

/// Reads an instant. `order` settles dates such as `7/3/2017`.
pub(super) fn instant(text: &str, order: Option<DateOrder>) -> Result<Timestamp, NotATime> {
    let text = text.trim();
    if let Ok(at) = Timestamp::parse(text) {
        return Ok(at);
    }
    let local = local(text, order)?;
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(7));
    let at = local.to_zoned(zone).map_err(|_| NotATime::NoSuchDate)?;
    Ok(Timestamp::from_ms(at.timestamp().as_millisecond()))
}

/// Reads a calendar date; a time of day after it is left out.
pub(super) fn date(text: &str, order: Option<DateOrder>) -> Result<Date, NotATime> {
    let text = text.trim();
    local(text, order).map(|local| local.date()).or_else(|why| {
        // A date with an offset is the date that was written, whatever the zone.
        if Timestamp::parse(text).is_ok() { iso_date(text.get(..10).unwrap_or_default()) } else { Err(why) }
    })
}

fn local(text: &str, order: Option<DateOrder>) -> Result<DateTime, NotATime> {
    let (date, rest) = match split_numbers(text) {
        Some((a, b, year, rest)) => (slash_date(a, b, year, order)?, rest),
        None => {
            let end = text.find(['T', ' ']).unwrap_or(text.len());
            (iso_date(&text[..end])?, &text[end..])
        }
    };
    let rest = rest.trim_start_matches('T').trim();
    let time = if rest.is_empty() { Time::midnight() } else { time_of_day(rest)? };
    Ok(date.to_datetime(time))
}

fn slash_date(a: i8, b: i8, year: i16, order: Option<DateOrder>) -> Result<Date, NotATime> {
    let month_first = Date::new(year, a, b);
    let day_first = Date::new(year, b, a);
    match (order, month_first, day_first) {
        (Some(DateOrder::MonthFirst), date, _) | (Some(DateOrder::DayFirst), _, date) => {
            date.map_err(|_| NotATime::NoSuchDate)
        }
        (None, Ok(one), Ok(other)) if one == other => Ok(one),
        (None, Ok(_), Ok(_)) => Err(NotATime::Ambiguous),
        (None, Ok(date), Err(_)) | (None, Err(_), Ok(date)) => Ok(date),
        (None, Err(_), Err(_)) => Err(NotATime::NoSuchDate),
    }
}

/// `2017-07-03` or `2017/7/3`.
fn iso_date(text: &str) -> Result<Date, NotATime> {
    let mut parts = text.split(['-', '/']);
    let mut next = || parts.next().and_then(number);
    let (Some(year), Some(month), Some(day)) = (next(), next(), next()) else { return Err(NotATime::UnknownForm) };
    let small = |n: i16| i8::try_from(n).map_err(|_| NotATime::NoSuchDate);
    if parts.next().is_some() || year < 1000 {
        return Err(NotATime::UnknownForm);
    }
    Date::new(year, small(month)?, small(day)?).map_err(|_| NotATime::NoSuchDate)
}

/// `14:33`, `14:33:05.2`, `2:33 PM`.
fn time_of_day(text: &str) -> Result<Time, NotATime> {
    let lower = text.to_ascii_lowercase();
    let (clock, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(clock), _) => (clock.trim(), Some(0)),
        (_, Some(clock)) => (clock.trim(), Some(12)),
        _ => (lower.as_str(), None),
    };
    let mut parts = clock.split(':');
    let hour = parts.next().and_then(number).ok_or(NotATime::UnknownForm)?;
    let minute = parts.next().and_then(number).ok_or(NotATime::UnknownForm)?;
    let second: f64 = match parts.next() {
        Some(text) if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
            text.parse().map_err(|_| NotATime::UnknownForm)?
        }
        Some(_) => return Err(NotATime::UnknownForm),
        None => 0.0,
    };
    let hour = match half {
        Some(_) if !(1..=12).contains(&hour) => return Err(NotATime::NoSuchDate),
        Some(half) => hour % 12 + half,
        None => hour,
    };
    let small = |n: i16| i8::try_from(n).map_err(|_| NotATime::NoSuchDate);
    if parts.next().is_some() || second >= 60.0 {
        return Err(NotATime::UnknownForm);
    }
    let nanoseconds = (second.fract() * 1e3).round().min(999.0) as i32 * 1_000_000;
    Time::new(small(hour)?, small(minute)?, second.trunc() as i8, nanoseconds).map_err(|_| NotATime::NoSuchDate)
}

/// The numbers of `7/3/2017 …`, `3-7-2017 …` or `3.7.2017 …` and what follows them.
fn split_numbers(text: &str) -> Option<(i8, i8, i16, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '/' | '-' | '.')).unwrap_or(text.len());
    let (date, rest) = text.split_at(end);
    let separator = date.find(['/', '-', '.']).map(|at| &date[at..=at])?;
    let parts: Vec<&str> = date.split(separator).collect();
    let [a, b, year] = parts.as_slice() else { return None };
    if year.len() != 4 || a.len() > 2 || b.len() > 2 {
        return None;
    }
    let small = |text: &str| number(text).and_then(|n| i8::try_from(n).ok());
    Some((small(a)?, small(b)?, number(year)?, rest))
}

fn number(text: &str) -> Option<i16> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, order: Option<DateOrder>) -> Result<String, NotATime> {
        instant(text, order).map(|at| at.to_string())
    }

    #[test]
    fn a_local_time_is_that_of_the_province() {
        for text in ["2017-07-03 14:33", "2017-07-03T14:33:00", "2017-07-03T14:33:00+07:00", "2017/7/3 2:33 PM"] {
            assert_eq!(at(text, None).as_deref(), Ok("2017-07-03T07:33:00.000Z"), "{text}");
        }
        assert_eq!(at("2017-07-03", None).as_deref(), Ok("2017-07-02T17:00:00.000Z"));
        assert_eq!(at("2017-07-03T14:33:00Z", None).as_deref(), Ok("2017-07-03T14:33:00.000Z"));
    }

    #[test]
    fn a_slash_date_is_read_only_if_one_reading_is_left() {
        assert_eq!(at("7/3/2017 14:33", None), Err(NotATime::Ambiguous));
        let july = Ok("2017-07-03T07:33:00.000Z".to_owned());
        assert_eq!(at("7/3/2017 14:33", Some(DateOrder::MonthFirst)), july);
        assert_eq!(at("3/7/2017 14:33", Some(DateOrder::DayFirst)), july);
        assert_eq!(at("7/25/2017 0:00", None).as_deref(), Ok("2017-07-24T17:00:00.000Z"));
        assert_eq!(at("25/7/2017", None).as_deref(), Ok("2017-07-24T17:00:00.000Z"));
        assert_eq!(at("5/5/2017", None).as_deref(), Ok("2017-05-04T17:00:00.000Z"));
        assert_eq!(at("7/25/2017", Some(DateOrder::DayFirst)), Err(NotATime::NoSuchDate));
        assert_eq!(at("31/31/2017", None), Err(NotATime::NoSuchDate));
    }

    #[test]
    fn other_texts_are_no_time() {
        for text in
            ["", "yesterday", "1500000000", "7/3/17", "14:33", "2017-07-03 25:00", "2017-13-01", "2017-02-30", "-"]
        {
            assert!(at(text, None).is_err(), "{text}");
        }
    }

    #[test]
    fn a_column_settles_its_order_only_if_all_agree() {
        let order = |texts: &[&str]| {
            let mut evidence = OrderEvidence::default();
            texts.iter().for_each(|text| evidence.see(text));
            evidence.order()
        };
        assert_eq!(order(&["7/3/2017", "8/13/2017 2:00"]), Some(DateOrder::MonthFirst));
        assert_eq!(order(&["7/3/2017", "13/8/2017"]), Some(DateOrder::DayFirst));
        assert_eq!(order(&["7/3/2017", "5/5/2017", "2017-07-25"]), None);
        assert_eq!(order(&["13/8/2017", "8/13/2017"]), None);
    }
}
