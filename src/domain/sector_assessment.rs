//! The level of a border sector as people decided it: one proposes with a reason, another agrees. Until then the level in
//! force stays what it was (Regulation (EU) 2019/1896, Art. 34).
//!
//! What was agreed with an end (always so of `critical`, and of what was agreed by telephone until it is confirmed on
//! screen) lies over the one before it, which is in force again when that end has come.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::access::{Area, FORCES, Role};
use super::border_rules::{LEVELS, Level, LevelRule};
use super::ground::NAME_CHARS;
use super::quarter::Quarter;
use super::schema::FieldKind::{Choice, Json, Reference, Text, Time};
use super::schema::{Field, verb};
use super::{Actor, Code, Force, Problem, Timestamp};

/// Life of an assessment. `superseded`: another one took its place; `lapsed`: its end has come.
pub const STATES: &[&str] = &["proposed", "agreed", "refused", "superseded", "lapsed"];
/// Longest reason, characters.
pub const REASON_CHARS_MAX: usize = 1_000;
/// How long the word of a second person by telephone holds until it is confirmed on screen, seconds.
pub const BY_PHONE_S: i64 = 12 * 3_600;
/// Longest proposal that is kept, and longest list of spans, characters.
const PROPOSAL_CHARS_MAX: usize = 16_000;
const HELD_CHARS_MAX: usize = 8_000;
/// Spans in which one assessment was in force, at most; the oldest is left out.
pub const SPANS_MAX: usize = 80;
/// Quarters that one span counts in, at most: whoever has not looked at a sector for so long has no level.
const QUARTERS_MAX: usize = 80;

pub(super) const FIELDS: &[Field] = &[
    verb("sector_id", Reference, "The border sector."),
    verb("force", Choice(FORCES), "The force that assesses: the border guard."),
    verb("level", Choice(LEVELS), "The level that was proposed."),
    verb("state", Choice(STATES), "Where it is in its life."),
    verb("reason", Text(REASON_CHARS_MAX), "Why, in the words of whoever proposed it."),
    verb("valid_from", Time, "From when on it holds: when it was agreed to."),
    verb("valid_to", Time, "When it ends by itself; always there for `critical`, else only if it was asked for."),
    verb("proposed_by", Text(NAME_CHARS), "Who proposed it."),
    verb("proposed_at", Time, "When."),
    verb("agreed_by", Text(NAME_CHARS), "The second person."),
    verb("agreed_at", Time, "When they agreed, on screen or by telephone."),
    verb("agreement_told_to", Text(NAME_CHARS), "Who heard it by telephone, until it is confirmed on screen."),
    verb(
        "provisional_until",
        Time,
        "Until when it holds while nobody has confirmed on screen; absent once somebody has.",
    ),
    verb("refused_by", Text(NAME_CHARS), "Who refused it, or took it back."),
    verb("refused_at", Time, "When."),
    verb("refuse_reason", Text(REASON_CHARS_MAX), "Why."),
    verb("over_at", Time, "When another one took its place, or its end came."),
    verb(
        "proposal",
        Json(PROPOSAL_CHARS_MAX),
        "What was computed when it was proposed, frozen: {level, at, rules, length_km, windows, reasons, row_count}; no row is named and no sum told.",
    ),
    verb("held", Json(HELD_CHARS_MAX), "When it was the level in force, as [{from, to}]; the last may be open."),
];

/// What somebody does with a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    Agree,
    Refuse,
}

impl Verb {
    /// The verb with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "agree" => Some(Self::Agree),
            "refuse" => Some(Self::Refuse),
            _ => None,
        }
    }
}

/// Id of the `n`th assessment of a sector: the same on every node, so that two cannot both be the next one.
#[must_use]
pub fn id_of(sector: Uuid, n: usize) -> Uuid {
    Uuid::new_v5(&sector, format!("assessment/{n}").as_bytes())
}

/// Whether this actor assesses sectors: the border guard, the joint duty room and the province's commander, each where they
/// answer for. That the role may do so at all is tested before.
///
/// # Errors
/// `forbidden`.
pub fn check_actor(actor: &Actor, sector: Uuid) -> Result<(), Problem> {
    let is_of_force = matches!(actor.force, None | Some(Force::BorderGuard));
    let commands = actor.role == Role::Commander && actor.area == Area::Province;
    if !(is_of_force || commands) {
        return Err(Problem::new(
            Code::Forbidden,
            "bộ đội biên phòng đánh giá đoạn biên giới; lực lượng khác xem",
            "the border guard assesses border sectors; other forces read",
        ));
    }
    if !actor.area.holds(None, Some(sector)) {
        return Err(Problem::new(
            Code::Forbidden,
            "đoạn biên giới này ngoài địa bàn của bạn",
            "this border sector is not in your area",
        ));
    }
    Ok(())
}

/// When a proposal of this level ends, as asked for.
///
/// # Errors
/// `missing_field` for a `critical` without an end; `invalid_value` for one that has passed or lies beyond what the rule of
/// the level allows (`days_max`).
pub fn check_end(rule: &LevelRule, valid_to: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    let Some(to) = valid_to else {
        return match rule.days_max {
            None => Ok(()),
            Some(days) => Err(Problem::new(
                Code::MissingField,
                format!("mức {} cần thời điểm kết thúc, chậm nhất sau {days} ngày", rule.level.title_vi()),
                format!("the level {} needs an end, within {days} days", rule.level.as_str()),
            )
            .at("/valid_to")),
        };
    };
    if to <= now {
        return Err(Problem::new(Code::InvalidValue, "kết thúc phải ở tương lai", "valid_to must lie in the future")
            .at("/valid_to"));
    }
    match rule.days_max {
        Some(days) if to > now.plus_s(days * 86_400) => Err(Problem::new(
            Code::InvalidValue,
            format!("mức {} kéo dài tối đa {days} ngày; sau đó gia hạn", rule.level.title_vi()),
            format!("the level {} lasts {days} days at most; renew it then", rule.level.as_str()),
        )
        .at("/valid_to")
        .with("days_max", days)),
        _ => Ok(()),
    }
}

/// What of an assessment decides whether it is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub id: Uuid,
    pub level: Level,
    pub agreed_at: Timestamp,
    /// The earlier of `valid_to` and `provisional_until`.
    pub ends_at: Option<Timestamp>,
}

/// The earlier of both ends.
#[must_use]
pub fn ends_at(valid_to: Option<Timestamp>, provisional_until: Option<Timestamp>) -> Option<Timestamp> {
    valid_to.into_iter().chain(provisional_until).min()
}

/// The assessment in force at `now` among those in the state `agreed`: the newest whose end has not come (its start
/// included, its end excluded). None: the sector is not assessed.
#[must_use]
pub fn in_force(agreed: impl IntoIterator<Item = Agreed>, now: Timestamp) -> Option<Agreed> {
    let holds = |one: &Agreed| one.agreed_at <= now && one.ends_at.is_none_or(|end| now < end);
    agreed.into_iter().filter(holds).max_by_key(|one| (one.agreed_at, one.id))
}

/// A span in which an assessment was the level in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AssessmentSpan)]
pub struct Span {
    #[schema(value_type = String, format = "date-time")]
    pub from: Timestamp,
    #[schema(value_type = Option<String>, format = "date-time", required)]
    pub to: Option<Timestamp>,
}

/// The moments at which spans count in a quarter: of each quarter at whose end one of them holds (of the present quarter:
/// as things are), the later of its beginning and the span's.
#[must_use]
pub fn at_quarter_ends(spans: &[Span]) -> Vec<Timestamp> {
    let mut found = Vec::new();
    for span in spans {
        let mut quarter = Quarter::of(span.from);
        for _ in 0..QUARTERS_MAX {
            let end = quarter.next().start();
            if span.to.is_some_and(|to| to < end) {
                break;
            }
            found.push(span.from.max(quarter.start()));
            quarter = quarter.next();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::border_rules::BorderRules;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_newest_agreement_holds_until_its_end_and_then_the_one_before() {
        let hour = |n: i64| Timestamp::from_ms(0).plus_s(n * 3_600);
        let one = |n: u128, level, agreed: i64, ends: Option<i64>| Agreed {
            id: Uuid::from_u128(n),
            level,
            agreed_at: hour(agreed),
            ends_at: ends.map(hour),
        };
        let all = [one(1, Level::Medium, 1, None), one(2, Level::Critical, 5, Some(9))];
        let level = |now: i64| in_force(all, hour(now)).map(|one| one.level);
        assert_eq!(level(0), None, "not assessed, which is not low");
        assert_eq!([1, 4].map(level), [Some(Level::Medium); 2]);
        assert_eq!([5, 8].map(level), [Some(Level::Critical); 2]);
        assert_eq!(level(9), Some(Level::Medium), "at its end it is over");
        assert_eq!(in_force([one(2, Level::Critical, 5, Some(9))], hour(9)), None);
        assert_eq!(ends_at(Some(hour(3)), Some(hour(2))), Some(hour(2)));
        assert_eq!(ends_at(None, None), None);
    }

    #[test]
    fn critical_ends_in_time_and_the_others_need_not() {
        let rules = BorderRules::shipped();
        let now = at("2026-11-27T00:00:00Z");
        let check = |level, days: Option<i64>| {
            let end = days.map(|days| now.plus_s(days * 86_400));
            check_end(rules.rule(level), end, now).map_err(|problem| problem.code)
        };
        assert_eq!(check(Level::Critical, None), Err(Code::MissingField));
        assert_eq!(check(Level::Critical, Some(14)), Ok(()));
        assert_eq!(check(Level::Critical, Some(15)), Err(Code::InvalidValue));
        assert_eq!(check(Level::Low, None), Ok(()));
        assert_eq!(check(Level::High, Some(200)), Ok(()));
        assert_eq!(check(Level::High, Some(0)), Err(Code::InvalidValue));
    }

    #[test]
    fn the_border_guard_the_joint_room_and_the_commander_assess() {
        let sector = Uuid::from_u128(7);
        let may =
            |role, force, area: Area| check_actor(&Actor { area, ..Actor::new("a", role, force) }, sector).is_ok();
        let beside = |n| Area::Parts { communes: [].into(), sectors: [Uuid::from_u128(n)].into() };
        assert!(may(Role::DutyOfficer, Some(Force::BorderGuard), Area::Province));
        assert!(may(Role::DutyOfficer, Some(Force::BorderGuard), beside(7)));
        assert!(!may(Role::DutyOfficer, Some(Force::BorderGuard), beside(8)));
        assert!(may(Role::DutyOfficer, None, Area::Province));
        assert!(!may(Role::DutyOfficer, Some(Force::Police), Area::Province));
        assert!(may(Role::Commander, Some(Force::Military), Area::Province));
        assert!(!may(Role::Commander, Some(Force::Military), beside(7)));
    }

    #[test]
    fn a_level_counts_in_each_quarter_at_whose_end_it_holds() {
        let span = |from, to: Option<&str>| Span { from: at(from), to: to.map(at) };
        let quarters = |spans: &[Span]| -> Vec<String> {
            at_quarter_ends(spans).into_iter().map(|at| Quarter::of(at).to_string()).collect()
        };
        // Quarters end at midnight by the province's clocks, 17:00 UTC.
        assert_eq!(quarters(&[span("2026-02-01T00:00:00Z", Some("2026-03-31T16:59:59Z"))]), [""; 0]);
        let over_two = span("2026-02-01T00:00:00Z", Some("2026-06-30T17:00:00Z"));
        assert_eq!(quarters(&[over_two]), ["2026Q1", "2026Q2"]);
        let open = quarters(&[span("2026-12-31T16:59:59Z", None)]);
        assert_eq!((open.len(), open[0].as_str(), open[1].as_str()), (QUARTERS_MAX, "2026Q4", "2027Q1"));
        let twice = [span("2026-01-05T00:00:00Z", Some("2026-02-01T00:00:00Z")), span("2026-03-01T00:00:00Z", None)];
        assert_eq!(quarters(&twice)[0], "2026Q1");
    }
}
