//! A disaster event (đợt thiên tai) and the reports that are sent of it: quick, daily, consolidated.
//!
//! A report that was sent never changes: it keeps what was counted, by the journal's seq at which it was counted, and the
//! damage as whoever reported entered it. A correction is another report, which names the one that it corrects.

use uuid::Uuid;

use super::access::{Actor, Area, Deed, Role};
use super::disaster_damage::DAMAGE_CHARS_MAX;
use super::ground::{ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE, TEXT_CHARS};
use super::report_deadline::{DAYS_MAX, KINDS, LEVELS, Level};
use super::schema::FieldKind::{Choice, Integer, Json, Reference, Text, Texts, Time};
use super::schema::{Field, client, required, server, verb};
use super::{Code, Problem, Timestamp};

/// What a disaster is of.
pub const HAZARDS: &[&str] = &[
    "heavy_rain",
    "flood",
    "flash_flood",
    "landslide",
    "storm",
    "whirlwind_hail",
    "cold_frost",
    "drought",
    "earthquake",
    "forest_fire",
    "other",
];

/// Kinds of incident that tell of a disaster; another kind is another matter, whenever it happens.
pub const INCIDENT_KINDS: [&str; 8] =
    ["landslide", "flash_flood", "flood", "subsidence", "rockfall", "road_closure", "bridge_damage", "missing_person"];

/// How long after the end of an event somebody is asked for its consolidated report, seconds: later it is a matter of the
/// archive.
pub const ASKED_AFTER_END_S: i64 = 90 * 86_400;
/// Reports of one event and one who reports, at most.
pub const REPORTS_MAX: usize = 1_000;
/// Longest list of counted figures, characters.
const FIGURES_CHARS_MAX: usize = 40_000;
/// Longest list of the communes whose damage was added up, characters.
const COMMUNES_CHARS_MAX: usize = 20_000;

pub(super) const EVENT: &[Field] = &[
    server("code", Text(40), "Human code."),
    required("name", Text(NAME_CHARS), "What it is called."),
    required("hazard", Choice(HAZARDS), "What it is of."),
    required("started_at", Time, "When it began; the quick report is due from then on."),
    client("finished_at", Time, "When it ended; absent while it goes on."),
    client("communes", Texts(20), "Codes of the communes that it touches; all of the province if absent."),
    server("entered_by", Text(NAME_CHARS), "Who opened it."),
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];

pub(super) const REPORT: &[Field] = &[
    verb("event_id", Reference, "The event."),
    verb("name", Text(NAME_CHARS), "What it is called: sort, number, whose."),
    verb("level", Choice(LEVELS), "Whether a commune or the province reports."),
    verb("kind", Choice(KINDS), "Which sort of report."),
    verb("number", Integer(1, 1_000), "Which one of this event and reporter it is."),
    IN_ADMIN_UNIT,
    verb("data_at", Time, "Of when the figures are."),
    verb("figures", Json(FIGURES_CHARS_MAX), "What was counted, as [{id, value, told: [{text, at, value}]}]."),
    verb(
        "damage",
        Json(DAMAGE_CHARS_MAX),
        "Damage as it was entered, as {group: {item: number, loss_million_vnd, note}}.",
    ),
    verb(
        "communes",
        Json(COMMUNES_CHARS_MAX),
        "The province's: whose damage was known, as [{code, report_id, data_at}]; null where a commune had sent nothing.",
    ),
    verb("text", Text(TEXT_CHARS), "What is said besides."),
    verb("corrects_id", Reference, "The report that this one corrects."),
    verb("counted_seq", Integer(0, i64::MAX), "The journal's seq at which the figures were counted."),
    verb("sent_at", Time, "When it was sent."),
    verb("sent_by", Text(NAME_CHARS), "Account of who sent it."),
    verb("sent_label", Text(NAME_CHARS), "What they are called."),
];

/// Whose report it is: the province's, or that of a commune.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reporter {
    Province,
    /// By its code.
    Commune(String),
}

impl Reporter {
    /// The level that it reports at.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::Province => Level::Province,
            Self::Commune(_) => Level::Commune,
        }
    }

    /// The commune's code.
    #[must_use]
    pub fn commune(&self) -> Option<&str> {
        match self {
            Self::Province => None,
            Self::Commune(code) => Some(code),
        }
    }

    /// The turn at which whoever sends for it waits for another who does so for the same event.
    #[must_use]
    pub fn turn(&self, event: Uuid) -> Uuid {
        Uuid::new_v5(&event, format!("disaster_report/{}", self.commune().unwrap_or_default()).as_bytes())
    }

    /// Whether this actor answers for its reports, and sends them: of the province whoever is on duty or in command for all
    /// of it, of a commune its own authority.
    #[must_use]
    pub fn is_answered_by(&self, actor: &Actor) -> bool {
        let role = match self {
            Self::Province => matches!(actor.role, Role::DutyOfficer | Role::Commander | Role::System),
            Self::Commune(_) => matches!(actor.role, Role::LocalAuthority | Role::System),
        };
        role && actor.may(Deed::ReportDisaster) && self.is_in_area_of(actor)
    }

    /// Whether this actor may draft and read its reports: who sends them, and for a commune also those above it.
    #[must_use]
    pub fn is_read_by(&self, actor: &Actor) -> bool {
        actor.may(Deed::ReportDisaster) && self.is_in_area_of(actor)
    }

    fn is_in_area_of(&self, actor: &Actor) -> bool {
        match self {
            Self::Province => actor.area == Area::Province,
            Self::Commune(code) => actor.area.holds(Some(code), None),
        }
    }
}

/// Checks that an event begins before it ends, in the past, and not longer ago than its reports are looked after.
///
/// # Errors
/// `invalid_value` at the field; `future_time` beyond `latest`.
pub fn check_times(from: Timestamp, to: Option<Timestamp>, now: Timestamp, latest: Timestamp) -> Result<(), Problem> {
    let future = |at: &str| {
        Problem::new(Code::FutureTime, format!("{at}: ở tương lai"), format!("{at}: lies in the future"))
            .at(&format!("/properties/{at}"))
    };
    if from > latest {
        return Err(future("started_at"));
    }
    if to.is_some_and(|to| to > latest) {
        return Err(future("finished_at"));
    }
    if to.is_some_and(|to| to <= from) {
        return Err(Problem::new(
            Code::InvalidValue,
            "finished_at: kết thúc phải sau khi bắt đầu",
            "finished_at: must lie after started_at",
        )
        .at("/properties/finished_at"));
    }
    if to.unwrap_or(now).seconds_since(from) > DAYS_MAX * 86_400 {
        return Err(Problem::new(
            Code::InvalidValue,
            format!("started_at: một đợt thiên tai dài không quá {DAYS_MAX} ngày"),
            format!("started_at: an event lasts {DAYS_MAX} days at most"),
        )
        .at("/properties/started_at"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Force;

    fn local(code: &str) -> Actor {
        Actor { area: Area::communes([code]), ..Actor::new("xa", Role::LocalAuthority, Some(Force::Civil)) }
    }

    #[test]
    fn each_report_is_sent_by_who_answers_for_it() {
        let commune = Reporter::Commune("03388".into());
        assert!(commune.is_answered_by(&local("03388")) && !commune.is_answered_by(&local("03389")));
        assert!(!Reporter::Province.is_answered_by(&local("03388")) && !Reporter::Province.is_read_by(&local("03388")));
        for role in [Role::DutyOfficer, Role::Commander] {
            let actor = Actor::new("tinh", role, None);
            assert!(Reporter::Province.is_answered_by(&actor) && !commune.is_answered_by(&actor));
            assert!(commune.is_read_by(&actor), "the province reads what its communes send");
            let of_part = Actor { area: Area::communes(["03388"]), ..actor };
            assert!(!Reporter::Province.is_answered_by(&of_part) && !Reporter::Province.is_read_by(&of_part));
        }
        for role in [Role::Planner, Role::FieldUnit, Role::Admin, Role::Observer, Role::TipHandler] {
            let actor = Actor::new("khac", role, None);
            assert!(!Reporter::Province.is_read_by(&actor) && !commune.is_read_by(&actor), "{role:?}");
        }
        // Whoever answers for the whole province is no commune's authority, but holds it.
        assert!(commune.is_answered_by(&Actor::new("xa", Role::LocalAuthority, None)));
    }

    #[test]
    fn an_event_begins_before_it_ends_and_not_ahead() {
        let at = |day: i64| Timestamp::from_ms(day * 86_400_000);
        let code =
            |from, to: Option<i64>| check_times(at(from), to.map(at), at(1_000), at(1_000)).err().map(|p| p.code);
        assert_eq!(code(990, None), None);
        assert_eq!(code(990, Some(1_000)), None);
        assert_eq!(code(1_001, None), Some(Code::FutureTime));
        assert_eq!(code(990, Some(1_001)), Some(Code::FutureTime));
        assert_eq!(code(990, Some(990)), Some(Code::InvalidValue));
        assert_eq!(code(599, None), Some(Code::InvalidValue));
        assert_eq!((code(600, None), code(1, Some(2))), (None, None), "an old one that is over may be entered");
    }
}
