//! A tip (tin báo): its states, its grade, and how coarse a time must be so that it does not give the informant away.

use jiff::civil::{Date, Time};
use jiff::tz::{self, TimeZone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Code, Problem, Timestamp};

/// How a tip came.
pub const CHANNELS: &[&str] = &["phone", "in_person", "letter", "radio", "web"];
/// The channel of the public page.
pub const WEB: &str = "web";
/// Places of a tip in its life.
pub const STATES: &[&str] = &["received", "assessed", "promoted", "passed_on", "dismissed"];
/// How far the source is trusted: A completely, B usually, C fairly, D not usually, E not, F cannot be judged.
pub const RELIABILITIES: &[&str] = &["A", "B", "C", "D", "E", "F"];
/// How far what was said is believed: 1 confirmed, 2 probable, 3 possible, 4 doubtful, 5 improbable, 6 cannot be judged.
pub const CREDIBILITIES: std::ops::RangeInclusive<i64> = 1..=6;
/// Longest text of a tip, of a message and of the text that an officer writes anew, characters.
pub const TEXT_CHARS_MAX: usize = 4_000;
/// Longest name, telephone number or way to reach somebody, characters.
pub const IDENTITY_CHARS_MAX: usize = 200;
/// Digits in a row that make a telephone or identity number.
const NUMBER_DIGITS_MIN: usize = 9;
/// Fewest letters of a name that is looked for in the scrubbed text; shorter ones are words of their own.
const NAME_CHARS_MIN: usize = 4;

/// States that may follow `state`.
#[must_use]
pub fn next_states(state: &str) -> &'static [&'static str] {
    match state {
        "received" => &["assessed", "passed_on", "dismissed"],
        "assessed" => &["promoted", "passed_on", "dismissed"],
        "dismissed" => &["assessed"],
        _ => &[],
    }
}

/// Whether nothing more is done about it; a dismissed one may still be taken up again.
#[must_use]
pub fn is_ended(state: &str) -> bool {
    matches!(state, "promoted" | "passed_on" | "dismissed")
}

/// Whether a tip in this state proved worth something: it became an incident, or went to whom it concerns.
#[must_use]
pub fn is_valid(state: &str) -> bool {
    matches!(state, "promoted" | "passed_on")
}

/// Half of a day in the province.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// Before noon.
    Am,
    /// From noon on.
    Pm,
}

impl Half {
    /// Its name, as it stands in rows and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Am => "am",
            Self::Pm => "pm",
        }
    }

    /// The half with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Am, Self::Pm].into_iter().find(|half| half.as_str() == name)
    }
}

/// A day in the province, or half of one: as exact as a time of a tip may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Coarse {
    /// `2026-11-23`.
    #[schema(value_type = String, format = Date)]
    pub on: Date,
    /// Absent where only the day is told.
    pub half: Option<Half>,
}

impl Coarse {
    /// The half day in which an instant lies.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let local = jiff::Timestamp::from_millisecond(at.as_ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let local = local.to_zoned(province());
        Self { on: local.date(), half: Some(if local.hour() < 12 { Half::Am } else { Half::Pm }) }
    }

    /// The day `2026-11-23`, and its half if it is told.
    #[must_use]
    pub fn parse(on: &str, half: Option<Half>) -> Option<Self> {
        // A date alone: jiff would take a whole time and drop what is too exact.
        (on.len() == 10).then(|| on.parse().ok()).flatten().map(|on| Self { on, half })
    }

    /// When it begins.
    #[must_use]
    pub fn begins_at(self) -> Timestamp {
        let hour = if self.half == Some(Half::Pm) { 12 } else { 0 };
        let zoned = self.on.to_datetime(Time::constant(hour, 0, 0, 0)).to_zoned(province());
        Timestamp::from_ms(zoned.map_or(0, |zoned| zoned.timestamp().as_millisecond()))
    }

    /// Its month, `2026-11`.
    #[must_use]
    pub fn month(self) -> String {
        self.on.strftime("%Y-%m").to_string()
    }
}

fn province() -> TimeZone {
    TimeZone::fixed(tz::offset(7))
}

/// Refuses a scrubbed text in which a number stands that leads to somebody, or one of these words of the informant's
/// identity.
///
/// # Errors
/// `invalid_value` at `/scrubbed`; the text never repeats what was found.
pub fn check_scrubbed(text: &str, identity: &[&str]) -> Result<(), Problem> {
    let fault = |vi: &str, en: &str| Err(Problem::new(Code::InvalidValue, vi, en).at("/scrubbed"));
    if text.chars().count() > TEXT_CHARS_MAX {
        return fault(
            &format!("Bản viết lại dài quá {TEXT_CHARS_MAX} ký tự."),
            &format!("The scrubbed text is longer than {TEXT_CHARS_MAX} characters."),
        );
    }
    if has_long_number(text) {
        return fault(
            "Bản viết lại còn một dãy số như số điện thoại hoặc căn cước; hãy bỏ đi.",
            "The scrubbed text has a number left like that of a telephone or an identity card; take it out.",
        );
    }
    let folded = format!(" {} ", super::fold::fold(text));
    let left = identity
        .iter()
        .map(|word| super::fold::fold(word))
        .any(|word| word.chars().count() >= NAME_CHARS_MIN && folded.contains(&format!(" {word} ")));
    if left {
        return fault(
            "Bản viết lại còn tên hoặc cách liên hệ của người báo tin; hãy viết lại.",
            "The scrubbed text still holds the informant's name or how to reach them; write it anew.",
        );
    }
    Ok(())
}

/// Whether digits, parted by no more than signs and spaces, make a long number.
fn has_long_number(text: &str) -> bool {
    let mut digits = 0;
    for letter in text.chars() {
        if letter.is_numeric() {
            digits += 1;
        } else if !matches!(letter, ' ' | '.' | '-' | '\u{a0}') {
            digits = 0;
        }
        if digits >= NUMBER_DIGITS_MIN {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_half_a_day_of_the_province() {
        let at = |text: &str| Coarse::of(Timestamp::parse(text).unwrap());
        let night = at("2026-11-22T19:14:36Z");
        assert_eq!((night.on.to_string().as_str(), night.half), ("2026-11-23", Some(Half::Am)));
        assert_eq!(at("2026-11-23T11:59:59.999+07:00").half, Some(Half::Am));
        assert_eq!(at("2026-11-23T12:00:00+07:00").half, Some(Half::Pm));
        assert_eq!(night.begins_at().to_string(), "2026-11-22T17:00:00.000Z");
        assert_eq!(at("2026-11-23T23:00:00+07:00").begins_at().to_string(), "2026-11-23T05:00:00.000Z");
        assert_eq!(night.month(), "2026-11");
    }

    #[test]
    fn a_day_is_read_and_nothing_finer() {
        assert!(Coarse::parse("2026-11-23", None).is_some());
        for bad in ["", "2026-13-01", "2026-02-30", "23/11/2026", "2026-11-23T02:14:00+07:00", "2026-11-2"] {
            assert_eq!(Coarse::parse(bad, None), None, "{bad:?}");
        }
    }

    #[test]
    fn what_leads_to_the_informant_is_not_left_in_the_text() {
        let told = ["Giàng A Páo", "0363 123 456", ""];
        for bad in [
            "Ông giàng a páo nói có người qua suối",
            "gọi 0363.123.456 hỏi thêm",
            "số 0363123456",
            "căn cước 012 345 678 901",
        ] {
            let problem = check_scrubbed(bad, &told).unwrap_err();
            assert_eq!((problem.code, problem.at.as_deref()), (Code::InvalidValue, Some("/scrubbed")), "{bad}");
            assert!(!problem.detail_vi.contains("Páo") && !problem.detail_en.contains("0363"));
        }
        for good in
            ["", "Ba người vác hàng qua mốc 42 lúc trời tối", "xe 7 chỗ, 12 bao, 3 người, ngày 23-11-2026, QL12"]
        {
            assert_eq!(check_scrubbed(good, &told), Ok(()), "{good}");
        }
        assert!(check_scrubbed(&"x".repeat(TEXT_CHARS_MAX + 1), &[]).is_err());
        assert_eq!(check_scrubbed("an ninh thôn bản", &["An"]), Ok(()), "a short name is a word of its own");
    }

    #[test]
    fn every_state_that_may_follow_is_a_state() {
        for state in STATES {
            for next in next_states(state) {
                assert!(STATES.contains(next), "{next} after {state}");
            }
        }
        assert!(!next_states("received").contains(&"promoted"), "nothing is promoted without a grade");
        assert!(next_states("promoted").is_empty());
    }
}
