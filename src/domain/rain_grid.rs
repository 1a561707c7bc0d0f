//! A grid of rain as a record: what fell, or is to fall, in one interval over the province. The whole grid, cut to the
//! province and to a tenth of a millimetre, lies in the journal: so every node, copy and playback can tell the rain of every
//! zone, also of one that is drawn or moved later.

use uuid::Uuid;

use super::ground::NAME_CHARS;
use super::rain::DAY_MINUTES;
use super::schema::FieldKind::{Choice, Integer, Real, Text, Time};
use super::schema::{Field, server, verb};
use super::{Code, Problem, Timestamp};

/// Longest text of packed cells, characters.
pub const CELLS_CHARS_MAX: usize = 65_000;
/// Most grids that are open at a time: a month of hours, and the runs of some days, of two sources.
pub const GRIDS_MAX: usize = 2_000;
/// A forecast counts for so long after it was issued, seconds: what is older says nothing of tomorrow.
pub const FORECAST_AGE_S_MAX: i64 = 48 * 3_600;
/// How far ahead a forecast may reach, seconds.
const AHEAD_S_MAX: i64 = 15 * 86_400;
/// Longest name of a source, characters.
const SOURCE_CHARS: usize = 100;

/// Whether it fell or is to fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GridKind {
    /// Measured from above: by radar or satellite, or drawn from gauges.
    Observed,
    Forecast,
}

impl GridKind {
    /// Its words.
    pub const WORDS: &'static [&'static str] = &["observed", "forecast"];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Forecast => "forecast",
        }
    }

    /// The kind called `word`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Observed, Self::Forecast].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What a grid is of: a later one of the same corrects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridOf {
    pub kind: GridKind,
    /// Who made it, by a name that stays the same from grid to grid.
    pub source: String,
    /// Start of its interval, included.
    pub starts_at: Timestamp,
    /// End, excluded.
    pub ends_at: Timestamp,
    /// When a forecast was issued.
    pub issued_at: Option<Timestamp>,
}

impl GridOf {
    /// Refuses what no grid is of.
    ///
    /// # Errors
    /// `invalid_value` for no source, times between two minutes, an interval of no minute or of more than a day, a forecast
    /// that reaches too far; `missing_field` for a forecast that was not issued; `future_time` for rain that fell later than
    /// `now`, or a forecast issued later.
    pub fn check(&self, now: Timestamp) -> Result<(), Problem> {
        let invalid = |at: &str, vi: String, en: String| Err(Problem::new(Code::InvalidValue, vi, en).at(at));
        let is_plain = !self.source.trim().is_empty() && !self.source.chars().any(char::is_control);
        if !is_plain || self.source.chars().count() > SOURCE_CHARS {
            let vi = format!("source: cần 1–{SOURCE_CHARS} ký tự");
            return invalid("source", vi, format!("source: expected 1 to {SOURCE_CHARS} characters"));
        }
        let times =
            [("starts_at", Some(self.starts_at)), ("ends_at", Some(self.ends_at)), ("issued_at", self.issued_at)];
        for (name, at) in times {
            if at.is_some_and(|at| at.as_ms().rem_euclid(60_000) != 0) {
                return invalid(name, format!("{name}: cần phút tròn"), format!("{name}: expected a whole minute"));
            }
        }
        let minutes = self.ends_at.seconds_since(self.starts_at) / 60;
        if !(1..=DAY_MINUTES).contains(&minutes) {
            let vi = format!("ends_at: khoảng thời gian {minutes} phút, cần 1–{DAY_MINUTES} phút");
            let en = format!("ends_at: an interval of {minutes} minutes, expected 1 to {DAY_MINUTES}");
            return invalid("ends_at", vi, en);
        }
        let future = |name: &str, at: Timestamp| {
            let vi = format!("{name}: {at} ở tương lai (máy chủ: {now})");
            Err(Problem::new(Code::FutureTime, vi, format!("{name}: {at} lies in the future (server time {now})"))
                .at(name))
        };
        match (self.kind, self.issued_at) {
            (GridKind::Observed, Some(_)) => {
                let vi = "issued_at: chỉ dùng cho mưa dự báo".to_owned();
                invalid("issued_at", vi, "issued_at: of forecasts alone".to_owned())
            }
            (GridKind::Observed, None) if self.ends_at.seconds_since(now) > 60 => future("ends_at", self.ends_at),
            (GridKind::Observed, None) => Ok(()),
            (GridKind::Forecast, None) => Err(Problem::new(
                Code::MissingField,
                "mưa dự báo cần issued_at: thời điểm phát tin",
                "a forecast needs issued_at: when it was issued",
            )
            .at("issued_at")),
            (GridKind::Forecast, Some(issued_at)) if issued_at.seconds_since(now) > 60 => {
                future("issued_at", issued_at)
            }
            (GridKind::Forecast, Some(issued_at)) if self.ends_at.seconds_since(issued_at) > AHEAD_S_MAX => {
                let days = AHEAD_S_MAX / 86_400;
                let vi = format!("ends_at: dự báo xa hơn {days} ngày");
                invalid("ends_at", vi, format!("ends_at: more than {days} days ahead"))
            }
            (GridKind::Forecast, Some(_)) => Ok(()),
        }
    }

    /// The id of its record: the same on every node, so that a grid that comes twice meets itself.
    #[must_use]
    pub fn id(&self) -> Uuid {
        let Self { kind, source, starts_at, ends_at, issued_at } = self;
        let issued_at = issued_at.map(|at| at.to_string()).unwrap_or_default();
        let name = format!("rain_grid/{}/{starts_at}/{ends_at}/{issued_at}/{source}", kind.as_str());
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    }

    /// Whether the two are of one source (and one run), and their intervals meet in part.
    #[must_use]
    pub fn overlaps_in_part(&self, other: &Self) -> bool {
        (self.kind, &self.source, self.issued_at) == (other.kind, &other.source, other.issued_at)
            && self.starts_at < other.ends_at
            && other.starts_at < self.ends_at
            && (self.starts_at, self.ends_at) != (other.starts_at, other.ends_at)
    }
}

pub(super) const FIELDS: &[Field] = &[
    verb("kind", Choice(GridKind::WORDS), "Whether the rain fell or is forecast."),
    verb("source", Text(SOURCE_CHARS), "Who made the grid."),
    verb("starts_at", Time, "Start of the interval."),
    verb("ends_at", Time, "End of the interval."),
    verb("issued_at", Time, "When the forecast was issued."),
    verb("west", Real(-180.0, 180.0), "Longitude of the middles of the first column, degrees."),
    verb("north", Real(-90.0, 90.0), "Latitude of the middles of the first row, degrees."),
    verb("step_lon", Real(0.0, 360.0), "Degrees of longitude from cell to cell."),
    verb("step_lat", Real(0.0, 180.0), "Degrees of latitude from cell to cell."),
    verb("columns", Integer(1, 100_000), "Cells in a row."),
    verb("rows", Integer(1, 100_000), "Rows, from the north."),
    verb(
        "cells",
        Text(CELLS_CHARS_MAX),
        "Tenths of a millimetre (65535: not known) as differences from cell to cell, 16 bits, the greater byte first, zlib, base64; absent once the grid counts no more.",
    ),
    verb("known_share", Real(0.0, 1.0), "Share of the cells of which the rain is known."),
    verb("mean_mm", Real(0.0, 2_000.0), "Mean of the known cells, millimetres."),
    verb("max_mm", Real(0.0, 2_000.0), "Greatest of the known cells, millimetres."),
    verb("file_name", Text(NAME_CHARS), "Name of the file."),
    verb("file_hash", Text(64), "SHA-256 of the file."),
    verb("taken_at", Time, "When it came in."),
    verb("taken_by", Text(NAME_CHARS), "Who sent it."),
    server("ended_at", Time, "When it was withdrawn, or counted no more."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_typed(text).unwrap()
    }

    fn of(kind: GridKind, starts_at: &str, ends_at: &str, issued_at: Option<&str>) -> GridOf {
        let (starts_at, ends_at) = (at(starts_at), at(ends_at));
        GridOf { kind, source: "ra đa".to_owned(), starts_at, ends_at, issued_at: issued_at.map(at) }
    }

    #[test]
    fn a_grid_says_of_what_it_is_or_is_refused() {
        use GridKind::{Forecast, Observed};
        let now = at("2025-06-07 10:00");
        let check = |of: &GridOf| of.check(now).map_err(|problem| (problem.code, problem.at.unwrap_or_default()));
        let refused = |code, at: &str| Err((code, at.to_owned()));
        let (hour, day) = (("2025-06-07 09:00", "2025-06-07 10:00"), ("2025-06-06 10:00", "2025-06-07 10:00"));
        assert_eq!(check(&of(Observed, hour.0, hour.1, None)), Ok(()));
        assert_eq!(check(&of(Observed, day.0, day.1, None)), Ok(()));
        assert_eq!(check(&of(Forecast, hour.1, "2025-06-08 10:00", Some(hour.0))), Ok(()));
        for (grid, answer) in [
            (of(Observed, hour.1, "2025-06-07 11:00", None), refused(Code::FutureTime, "ends_at")),
            (of(Observed, hour.0, hour.1, Some(hour.0)), refused(Code::InvalidValue, "issued_at")),
            (of(Observed, hour.1, hour.0, None), refused(Code::InvalidValue, "ends_at")),
            (of(Observed, hour.1, hour.1, None), refused(Code::InvalidValue, "ends_at")),
            (of(Observed, "2025-06-06 09:59", day.1, None), refused(Code::InvalidValue, "ends_at")),
            (of(Forecast, hour.0, hour.1, None), refused(Code::MissingField, "issued_at")),
            (of(Forecast, hour.0, hour.1, Some("2025-06-07 10:02")), refused(Code::FutureTime, "issued_at")),
            (
                of(Forecast, "2025-06-22 10:00", "2025-06-22 11:00", Some(hour.1)),
                refused(Code::InvalidValue, "ends_at"),
            ),
        ] {
            assert_eq!(check(&grid), answer, "{grid:?}");
        }
        for source in ["", "  ", "a\nb", &"x".repeat(101)] {
            let grid = GridOf { source: source.to_owned(), ..of(Observed, hour.0, hour.1, None) };
            assert_eq!(check(&grid), refused(Code::InvalidValue, "source"), "{source:?}");
        }
        let half =
            GridOf { starts_at: Timestamp::from_ms(at(hour.0).as_ms() + 1), ..of(Observed, hour.0, hour.1, None) };
        assert_eq!(check(&half), refused(Code::InvalidValue, "starts_at"));
    }

    #[test]
    fn the_same_grid_meets_itself_and_another_run_does_not() {
        use GridKind::{Forecast, Observed};
        let hour = of(Observed, "2025-06-07 09:00", "2025-06-07 10:00", None);
        assert_eq!(hour.id(), of(Observed, "2025-06-07 09:00", "2025-06-07 10:00", None).id());
        assert!(!hour.overlaps_in_part(&hour));
        let half = of(Observed, "2025-06-07 09:30", "2025-06-07 10:00", None);
        assert!(hour.overlaps_in_part(&half) && half.overlaps_in_part(&hour) && half.id() != hour.id());
        assert!(!hour.overlaps_in_part(&GridOf { source: "vệ tinh".to_owned(), ..half }));
        let run = |issued| of(Forecast, "2025-06-07 09:00", "2025-06-08 09:00", Some(issued));
        assert_ne!(run("2025-06-07 07:00").id(), run("2025-06-07 01:00").id());
    }
}
