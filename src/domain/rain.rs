//! Rain: gauges, and what each measured, a record a gauge and local day.
//!
//! A reading is the rain of an interval that ends on that day. What nobody measured is a gap and stays one: a day's
//! record says how many of its minutes are known.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::ground::{ACCURACY, ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Date, Integer, Json, Real, Reference, Text, Time};
use super::schema::{Field, client, required, verb};
use super::{Code, Problem, Timestamp};

/// Minutes of a day.
pub const DAY_MINUTES: i64 = 1_440;
/// Most rain of one reading, millimetres: more than any day on record anywhere.
pub const MM_MAX: f64 = 2_000.0;
/// Rain above this intensity, millimetres an hour, is kept and marked as doubtful: it counts as not known. The
/// heaviest hours on record in Vietnam are near 200 mm.
pub const DOUBTFUL_MM_H: f64 = 300.0;
/// Longest list of a day's readings, characters: a reading a minute.
const READINGS_CHARS_MAX: usize = 64_000;

/// How good a reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// As measured.
    Ok,
    /// Estimated by whoever sent it: it counts.
    Estimated,
    /// Doubtful, as the sender says or by [`DOUBTFUL_MM_H`]: it counts as not known.
    Doubtful,
}

impl Flag {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Estimated, Self::Doubtful];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Estimated => "estimated",
            Self::Doubtful => "doubtful",
        }
    }

    /// The flag called `word`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.as_str() == word)
    }
}

/// The rain of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Start, included.
    pub from: Timestamp,
    /// End, excluded; a whole minute.
    pub to: Timestamp,
    pub mm: f64,
    pub flag: Flag,
}

/// What a reading does to those that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// Nothing was known of its interval.
    New,
    /// The same was known.
    Repeated,
    /// Another value was known of the same interval: the later report counts.
    Corrects(usize),
}

impl Reading {
    /// A reading of `minutes` that ends at `to`. Rain that is heavier than it ever is becomes doubtful.
    ///
    /// # Errors
    /// `invalid_value` for an end between two minutes, an interval of no minute or more than a day, rain that is negative,
    /// no number, or more than [`MM_MAX`]; `future_time` for an interval that is not over at `now`.
    pub fn checked(to: Timestamp, minutes: i64, mm: f64, flag: Flag, now: Timestamp) -> Result<Self, Problem> {
        let invalid = |at: &str, vi: &str, en: &str| Err(Problem::new(Code::InvalidValue, vi, en).at(at));
        if to.as_ms().rem_euclid(60_000) != 0 {
            return invalid("/to", "to: cần phút tròn", "to: expected a whole minute");
        }
        if !(1..=DAY_MINUTES).contains(&minutes) {
            return invalid("/minutes", "minutes: cần 1–1440 phút", "minutes: expected 1 to 1440");
        }
        if !mm.is_finite() || mm < 0.0 {
            return invalid("/mm", "mm: lượng mưa phải từ 0 trở lên", "mm: rain must be a number from 0 on");
        }
        if mm > MM_MAX {
            return Err(Problem::new(
                Code::InvalidValue,
                format!("mm: {mm} mm nhiều hơn mọi trận mưa từng đo được"),
                format!("mm: {mm} mm is more rain than was ever measured"),
            )
            .at("/mm"));
        }
        if to.seconds_since(now) > 60 {
            return Err(Problem::new(
                Code::FutureTime,
                format!("to: {to} ở tương lai (máy chủ: {now})"),
                format!("to: {to} lies in the future (server time {now})"),
            )
            .at("/to"));
        }
        let is_absurd = mm / (minutes as f64 / 60.0) > DOUBTFUL_MM_H;
        Ok(Self { from: to.plus_s(-60 * minutes), to, mm, flag: if is_absurd { Flag::Doubtful } else { flag } })
    }

    /// How long, minutes.
    #[must_use]
    pub const fn minutes(&self) -> i64 {
        self.to.seconds_since(self.from) / 60
    }

    /// Whether it counts.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.flag != Flag::Doubtful
    }

    /// The local day in which it ends, `YYYY-MM-DD`; midnight ends the day before.
    #[must_use]
    pub fn day(&self) -> String {
        self.to.plus_s(-1).local_text()[..10].to_owned()
    }
}

/// What `new` does to the readings of a gauge (in any order, of its day and those beside it).
///
/// # Errors
/// `invalid_value` if it overlaps another interval in part: which of the two holds cannot be known.
pub fn admit(known: &[Reading], new: &Reading) -> Result<Admitted, Problem> {
    let overlapping = |(_, other): &(usize, &Reading)| other.from < new.to && new.from < other.to;
    match known.iter().enumerate().find(overlapping) {
        None => Ok(Admitted::New),
        Some((at, other)) if (other.from, other.to) == (new.from, new.to) => {
            let is_same = other.mm.to_bits() == new.mm.to_bits() && other.flag == new.flag;
            Ok(if is_same { Admitted::Repeated } else { Admitted::Corrects(at) })
        }
        Some((_, other)) => {
            let clock = |at: Timestamp| at.local_text()[5..16].to_owned();
            let (from, to) = (clock(other.from), clock(other.to));
            Err(Problem::new(
                Code::InvalidValue,
                format!("trùng một phần với số đo {from}–{to} ({} mm) đã có", other.mm),
                format!("overlaps the reading of {from}–{to} ({} mm) in part", other.mm),
            )
            .at("/to"))
        }
    }
}

/// As stored: `[minute of the local day at which it ends (1–1440), minutes, millimetres, flag unless ok]`.
#[must_use]
pub fn write_day(readings: &[Reading]) -> Value {
    let row = |reading: &Reading| {
        let end = end_minute(reading.to);
        match reading.flag {
            Flag::Ok => json!([end, reading.minutes(), reading.mm]),
            flag => json!([end, reading.minutes(), reading.mm, flag.as_str()]),
        }
    };
    readings.iter().map(row).collect()
}

/// The readings of a stored day (`YYYY-MM-DD`); what cannot be read is left out.
#[must_use]
pub fn read_day(day: &str, stored: &Value) -> Vec<Reading> {
    let Ok(midnight) = Timestamp::parse_typed(&format!("{day} 00:00")) else { return Vec::new() };
    let row = |row: &Value| {
        let to = midnight.plus_s(row.get(0)?.as_i64()? * 60);
        let from = to.plus_s(-row.get(1)?.as_i64()? * 60);
        let flag = row.get(3).and_then(Value::as_str).map_or(Some(Flag::Ok), Flag::from_word)?;
        Some(Reading { from, to, mm: row.get(2)?.as_f64()?, flag })
    };
    stored.as_array().into_iter().flatten().filter_map(row).collect()
}

fn end_minute(to: Timestamp) -> i64 {
    let clock = to.local_text();
    let part = |range: std::ops::Range<usize>| clock[range].parse::<i64>().unwrap_or(0);
    match part(11..13) * 60 + part(14..16) {
        0 => DAY_MINUTES,
        minute => minute,
    }
}

/// The id of the record of a gauge and a day: the same on every node, so that two reports of one day meet.
#[must_use]
pub fn day_id(gauge: Uuid, day: &str) -> Uuid {
    Uuid::new_v5(&gauge, format!("rain_day/{day}").as_bytes())
}

pub(super) const GAUGE: &[Field] = &[
    required("name", Text(NAME_CHARS), "Name of the station."),
    client("code", Text(40), "Code by which it sends."),
    client("owner", Text(NAME_CHARS), "Who runs it."),
    client("elevation_m", Real(-100.0, 9_000.0), "Height above the sea, metres."),
    IN_ADMIN_UNIT,
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];

pub(super) const DAY: &[Field] = &[
    verb("gauge_id", Reference, "The gauge."),
    verb("day", Date, "The local day in which the intervals end."),
    verb(
        "readings",
        Json(READINGS_CHARS_MAX),
        "[[minute of the day at which it ends, minutes, millimetres, flag unless ok]…] in the order of their ends.",
    ),
    verb("known_minutes", Integer(0, DAY_MINUTES), "Minutes of the day of which the rain is known."),
    verb("total_mm", Real(0.0, 1e6), "Rain of the known minutes."),
    verb("reported_at", Time, "When the last report of this day came."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_typed(text).unwrap()
    }

    fn reading(to: &str, minutes: i64, mm: f64) -> Reading {
        Reading::checked(at(to), minutes, mm, Flag::Ok, at("2025-06-09 00:00")).unwrap()
    }

    #[test]
    fn a_day_is_read_as_it_was_written() {
        let mut readings = vec![
            reading("2025-06-07 00:30", 60, 12.5),
            reading("2025-06-07 10:00", 60, 0.0),
            reading("2025-06-08 00:00", 60, 40.1),
        ];
        readings[1].flag = Flag::Estimated;
        assert!(readings.iter().all(|reading| reading.day() == "2025-06-07"), "midnight ends the day before");
        let stored = write_day(&readings);
        assert_eq!(stored, json!([[30, 60, 12.5], [600, 60, 0.0, "estimated"], [1440, 60, 40.1]]));
        assert_eq!(read_day("2025-06-07", &stored), readings);
    }

    #[test]
    fn a_repeated_reading_changes_nothing_a_later_value_corrects_and_a_part_is_refused() {
        let known = [reading("2025-06-07 10:00", 60, 5.0), reading("2025-06-07 11:00", 60, 6.0)];
        let admitted = |to, minutes, mm| admit(&known, &reading(to, minutes, mm)).map_err(|problem| problem.code);
        assert_eq!(admitted("2025-06-07 10:00", 60, 5.0), Ok(Admitted::Repeated));
        assert_eq!(admitted("2025-06-07 11:00", 60, 7.0), Ok(Admitted::Corrects(1)));
        assert_eq!(admitted("2025-06-07 12:00", 60, 7.0), Ok(Admitted::New));
        assert_eq!(admitted("2025-06-07 11:30", 60, 7.0), Err(Code::InvalidValue));
        assert_eq!(admitted("2025-06-07 11:00", 120, 11.0), Err(Code::InvalidValue), "two hours over two readings");
    }

    #[test]
    fn what_no_gauge_measures_is_refused_and_what_hardly_any_does_is_doubtful() {
        let now = at("2025-06-07 10:00");
        let check = |to: &str, minutes, mm| {
            let checked = Reading::checked(at(to), minutes, mm, Flag::Ok, now);
            checked.map(|reading| reading.flag).map_err(|problem| problem.at.unwrap_or_default())
        };
        for (to, minutes, mm, place) in [
            ("2025-06-07 09:00", 60, -0.1, "/mm"),
            ("2025-06-07 09:00", 60, f64::NAN, "/mm"),
            ("2025-06-07 09:00", 60, f64::INFINITY, "/mm"),
            ("2025-06-07 09:00", 1_440, 2_000.1, "/mm"),
            ("2025-06-07 09:00", 0, 1.0, "/minutes"),
            ("2025-06-07 09:00", 1_441, 1.0, "/minutes"),
            ("2025-06-07 10:02", 60, 1.0, "/to"),
        ] {
            assert_eq!(check(to, minutes, mm), Err(place.to_owned()), "{to} {minutes} {mm}");
        }
        let half = Reading::checked(Timestamp::from_ms(30_000), 60, 1.0, Flag::Ok, now);
        assert_eq!(half.unwrap_err().at.as_deref(), Some("/to"));
        assert_eq!(check("2025-06-07 09:00", 60, 300.0), Ok(Flag::Ok));
        assert_eq!(check("2025-06-07 09:00", 60, 300.1), Ok(Flag::Doubtful));
        assert_eq!(check("2025-06-07 09:00", 10, 60.0), Ok(Flag::Doubtful));
    }
}
