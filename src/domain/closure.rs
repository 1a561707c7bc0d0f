//! A closure: a stretch of road that somebody is not to get through, or only slowly, from a time to a time.
//!
//! Only a person's closure cuts a road; zones warn. It is kept as a line and laid over whichever road network is in use.

use super::ground::{EXTRA, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Choice, Choices, Real, Reference, Text, Time};
use super::schema::{Field, client, required, verb};
use super::{Code, Problem, Timestamp};

/// Why a road is closed or slow.
pub const REASONS: &[&str] = &[
    "landslide",
    "rockfall",
    "flooded_ford",
    "flood",
    "bridge_damage",
    "subsidence",
    "fallen_tree",
    "accident",
    "works",
    "rain",
    "night",
    "other",
];

/// Who travels: the words of the road profiles.
pub const PROFILES: &[&str] = &["car", "truck", "motorbike", "foot"];

/// Whom a closure concerns if nobody says: whoever is on wheels. On foot one gets past most slides.
pub const PROFILES_UNSAID: &[&str] = &["car", "motorbike", "truck"];

pub(super) const FIELDS: &[Field] = &[
    client("name", Text(NAME_CHARS), "What it is called; from the road and the reason if not said."),
    required("reason", Choice(REASONS), "Why."),
    client("profiles", Choices(PROFILES), "Who does not get through; all on wheels if not said."),
    client(
        "speed_factor",
        Real(0.01, 0.99),
        "Share of the speed that is left where one gets through slowly; absent: nobody of these gets through.",
    ),
    client("road_ref", Text(20), "Short sign of the road (QL12)."),
    client("from_km", Real(0.0, 10_000.0), "Kilometre post where it begins."),
    client("to_km", Real(0.0, 10_000.0), "Kilometre post where it ends; that where it begins if absent."),
    client("valid_from", Time, "Start; now if not said."),
    client("valid_to", Time, "End; absent until somebody opens the road."),
    client("incident_id", Reference, "The incident that cut the road."),
    verb("closed_by", Text(NAME_CHARS), "Who closed it."),
    verb("ended_at", Time, "When somebody opened it, or its time was over."),
    verb("ended_by", Text(NAME_CHARS), "Who opened it."),
    verb("end_reason", Text(1_000), "What was said to it."),
    SOURCE,
    NOTE,
    EXTRA,
];

/// Checks that a closure begins before it ends, and ends after `now`.
///
/// # Errors
/// `invalid_value` at `valid_to`.
pub fn check_times(from: Timestamp, to: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    let broken = |vi: &str, en: &str| Err(Problem::new(Code::InvalidValue, vi, en).at("/properties/valid_to"));
    match to {
        Some(to) if to <= from => broken("hết hiệu lực phải sau khi bắt đầu", "valid_to must lie after valid_from"),
        Some(to) if to <= now => broken("hết hiệu lực phải ở tương lai", "valid_to must lie in the future"),
        _ => Ok(()),
    }
}

/// Whether a closure that nobody has ended holds at `now`: start included, end excluded.
#[must_use]
pub fn is_in_force(from: Option<Timestamp>, to: Option<Timestamp>, now: Timestamp) -> bool {
    from.is_none_or(|from| from <= now) && to.is_none_or(|to| now < to)
}

/// The next moment after `now` at which time alone changes whether it holds; `None` if never.
#[must_use]
pub fn turns_after(from: Option<Timestamp>, to: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    [from, to].into_iter().flatten().filter(|at| *at > now).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn it_holds_from_its_start_until_before_its_end() {
        let holds = |now| is_in_force(Some(at(10)), Some(at(20)), at(now));
        assert_eq!([9, 10, 19, 20].map(holds), [false, true, true, false]);
        assert!(is_in_force(None, None, at(5)));
        let turns = |now| turns_after(Some(at(10)), Some(at(20)), at(now));
        assert_eq!([9, 10, 20].map(turns), [Some(at(10)), Some(at(20)), None]);
    }

    #[test]
    fn an_end_before_the_start_or_in_the_past_is_refused() {
        assert!(check_times(at(10), Some(at(10)), at(0)).is_err());
        assert!(check_times(at(10), Some(at(20)), at(20)).is_err());
        assert!(check_times(at(10), Some(at(20)), at(15)).is_ok());
        assert!(check_times(at(10), None, at(15)).is_ok());
    }
}
