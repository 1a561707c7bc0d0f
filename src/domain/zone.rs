//! A danger zone (khu vực nguy hiểm): its hazard, its time, its owner, its level.

use super::ground::{EXTRA, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Choice, Integer, Json, Real, Reference, Text, Time};
use super::schema::{Field, client, required, server, verb};
use super::{Code, Problem, Timestamp};

/// Hazards of a zone.
pub const KINDS: &[&str] =
    &["landslide", "flash_flood", "flood", "subsidence", "rockfall", "fire", "security", "other"];

/// Life of a zone (DOMAIN.md 2.6).
pub const STATES: &[&str] = &["draft", "proposed", "approved", "in_force", "expired", "revoked", "superseded"];

/// States of a zone that may still be edited or ended.
pub const LIVE: &[&str] = &["draft", "proposed", "approved", "in_force"];

/// What its drawer asks for: in force at once, in force when a second person agrees, or seen as a draft.
pub const PUBLISH: &[&str] = &["now", "propose", "draft"];
/// How long a zone holds that one person put in force, seconds.
pub const ALONE_S: i64 = 6 * HOUR_S;
/// How long the word of a second person by telephone holds until it is confirmed on screen, seconds.
pub const BY_PHONE_S: i64 = 12 * HOUR_S;
/// How long before its end whoever is on duty is told that people are still inside, seconds.
pub const END_NOTICE_S: i64 = HOUR_S;
const HOUR_S: i64 = 3_600;
/// What a second person agrees to: whoever changes one of these needs them again.
pub const APPROVED_FIELDS: &[&str] = &["kind", "level", "valid_from", "valid_to", "buffer_m", "publish"];

/// Whether a zone is fenced.
pub const FENCES: &[&str] = &["on", "off"];

/// Minutes that one may stay in a zone of each hazard before it is told. What comes fast gives less time.
const DWELL_MIN: &[(&str, i64)] = &[
    ("flash_flood", 20),
    ("fire", 20),
    ("landslide", 30),
    ("rockfall", 30),
    ("flood", 60),
    ("subsidence", 60),
    ("other", 60),
];
/// People who may be in a zone and are on no list of households.
pub const OUTSIDERS: &[&str] = &["workers", "boarding_pupils", "visitors", "passers_by", "other"];
/// Most of them that one count may tell.
pub const OUTSIDERS_MAX: i64 = 100_000;
/// Longest list of counts, characters.
const OUTSIDERS_CHARS_MAX: usize = 8_000;

pub(super) const FIELDS: &[Field] = &[
    server("code", Text(40), "Human code."),
    required("name", Text(NAME_CHARS), "Name."),
    required("kind", Choice(KINDS), "Its hazard."),
    verb("state", Choice(STATES), "Where it is in its life."),
    client("level", Integer(1, 5), "Legal disaster risk level 1–5; absent if none was given."),
    client("publish", Choice(PUBLISH), "What its drawer asks for; `now` if not said."),
    verb("drawn_by", Text(NAME_CHARS), "Who drew it, or last changed what a second person agrees to."),
    verb("approved_at", Time, "When a second person agreed, on screen or by telephone."),
    verb("approved_by", Text(NAME_CHARS), "That second person."),
    verb("approval_told_to", Text(NAME_CHARS), "Who heard it by telephone, until it is confirmed on screen."),
    verb(
        "provisional_until",
        Time,
        "Until when it holds while a second person has not agreed on screen; absent once one has.",
    ),
    verb("level_at", Time, "When that level was set."),
    verb("level_by", Text(NAME_CHARS), "Who set it."),
    verb("level_told_by", Text(NAME_CHARS), "On whose word, where it came by telephone."),
    verb("level_reason", Text(1_000), "Why."),
    client("susceptibility", Integer(1, 4), "Landslide susceptibility."),
    client(
        "trigger_level",
        Integer(1, 5),
        "From this level on (the highest of computed, issued and set) whoever is inside counts as at risk.",
    ),
    client("owner", Text(NAME_CHARS), "Who answers for it; who drew it if not said."),
    client("valid_from", Time, "Start; now if not said."),
    required("valid_to", Time, "End. A zone with no end cannot be published."),
    client("buffer_m", Real(0.0, 50_000.0), "Margin around the drawn area, metres."),
    client(
        "fence",
        Choice(FENCES),
        "Whether units that come in are told; `on` if not said, but for a zone of security.",
    ),
    client(
        "fence_dwell_min",
        Integer(0, 1_440),
        "Minutes inside after which a unit is told to stay too long; by its hazard if not said, 0 for never.",
    ),
    client("supersedes", Reference, "The zone whose place it takes."),
    verb(
        "outsiders",
        Json(OUTSIDERS_CHARS_MAX),
        "People in it who are on no list, the newest count of each kind, as [{kind, people, plus_minus, at, by, source, told_by}].",
    ),
    verb("ended_at", Time, "When it was revoked, superseded or expired."),
    verb("ended_by", Text(NAME_CHARS), "Who ended it."),
    verb("end_reason", Text(1_000), "Why it was ended."),
    SOURCE,
    NOTE,
    EXTRA,
];

/// The state of a zone that is made or edited at `now`: what its drawer asked for, else by its times in force, or approved
/// until it begins (start included, end excluded). Whoever asks for a second person waits until one `is_approved`.
///
/// # Errors
/// `invalid_value` if it ends before it begins, or has ended already.
pub fn state_at(
    publish: Option<&str>,
    is_approved: bool,
    valid_from: Timestamp,
    valid_to: Timestamp,
    now: Timestamp,
) -> Result<&'static str, Problem> {
    let broken = |vi: &str, en: &str| Problem::new(Code::InvalidValue, vi, en).at("/properties/valid_to");
    if valid_to <= valid_from {
        return Err(broken("hết hiệu lực phải sau khi bắt đầu", "valid_to must lie after valid_from"));
    }
    if valid_to <= now {
        return Err(broken("hết hiệu lực phải ở tương lai", "valid_to must lie in the future"));
    }
    Ok(match publish {
        Some("draft") => "draft",
        Some("propose") if !is_approved => "proposed",
        _ if valid_from <= now => "in_force",
        _ => "approved",
    })
}

/// Until when a zone holds whose second person has `span_s` to agree on screen, counted from its start or from `now`,
/// whichever is later.
#[must_use]
pub fn provisional_until(valid_from: Timestamp, valid_to: Timestamp, now: Timestamp, span_s: i64) -> Timestamp {
    valid_from.max(now).plus_s(span_s).min(valid_to)
}

/// The fence of a zone of this kind: how long one may stay, seconds (`Some(None)`: nobody counts); `None` if it has none.
/// `fence` and `dwell_min` are what the zone itself says. Whoever guards a zone of security goes in and out, so that one
/// has a fence only if it says so.
#[must_use]
pub fn fence(kind: &str, fence: Option<&str>, dwell_min: Option<i64>) -> Option<Option<i64>> {
    if !fence.map_or(kind != "security", |said| said == "on") {
        return None;
    }
    let by_kind = || DWELL_MIN.iter().find(|(known, _)| *known == kind).map(|(_, minutes)| *minutes);
    Some(dwell_min.or_else(by_kind).filter(|minutes| *minutes > 0).map(|minutes| minutes * 60))
}

/// When it ceases to hold, as things are.
#[must_use]
pub fn ends_at(valid_to: Option<Timestamp>, provisional_until: Option<Timestamp>) -> Option<Timestamp> {
    valid_to.into_iter().chain(provisional_until).min()
}

/// When whoever is on duty is told that a zone with people inside is about to end: an hour before, or when a quarter of a
/// short life is left.
#[must_use]
pub fn notice_at(valid_from: Option<Timestamp>, ends: Timestamp) -> Timestamp {
    let life_s = valid_from.map_or(i64::MAX, |from| ends.seconds_since(from));
    ends.plus_s(-END_NOTICE_S.min(life_s.max(0) / 4))
}

/// When time alone will change a zone's state: `approved` comes into force, `in_force` ends. `None` if never.
#[must_use]
pub fn turns_at(
    state: &str,
    valid_from: Option<Timestamp>,
    valid_to: Option<Timestamp>,
    provisional_until: Option<Timestamp>,
) -> Option<Timestamp> {
    let ends = ends_at(valid_to, provisional_until);
    match state {
        "approved" => valid_from.into_iter().chain(ends).min(),
        "in_force" => ends,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_of_one_person_holds_for_six_hours_from_its_start_and_never_beyond_its_end() {
        let at = |hours: i64| Timestamp::from_ms(0).plus_s(hours * HOUR_S);
        assert_eq!(provisional_until(at(0), at(24), at(1), ALONE_S), at(7));
        assert_eq!(provisional_until(at(10), at(24), at(1), ALONE_S), at(16), "it waits for its start");
        assert_eq!(provisional_until(at(0), at(3), at(1), ALONE_S), at(3));
        let state = |publish, is_approved, now| state_at(publish, is_approved, at(2), at(9), at(now)).ok();
        assert_eq!(state(None, false, 3), Some("in_force"));
        assert_eq!(state(Some("now"), false, 1), Some("approved"));
        assert_eq!(
            (state(Some("propose"), false, 3), state(Some("propose"), true, 3)),
            (Some("proposed"), Some("in_force"))
        );
        assert_eq!((state(Some("draft"), true, 3), state(Some("now"), true, 9)), (Some("draft"), None));
        assert_eq!(turns_at("in_force", Some(at(2)), Some(at(9)), Some(at(8))), Some(at(8)));
        assert_eq!(turns_at("approved", Some(at(2)), Some(at(9)), None), Some(at(2)));
        assert_eq!(turns_at("proposed", Some(at(2)), Some(at(9)), None), None);
    }

    #[test]
    fn danger_is_fenced_unless_it_says_otherwise_and_security_only_if_it_says_so() {
        assert!(DWELL_MIN.iter().all(|(kind, minutes)| KINDS.contains(kind) && *minutes > 0));
        assert_eq!(fence("landslide", None, None), Some(Some(1_800)));
        assert_eq!(fence("landslide", Some("off"), Some(5)), None);
        assert_eq!(fence("landslide", Some("on"), Some(0)), Some(None), "0 turns the counting off");
        assert_eq!(fence("security", None, Some(5)), None);
        assert_eq!(fence("security", Some("on"), None), Some(None));
        assert_eq!(fence("flood", None, Some(5)), Some(Some(300)));
    }
}
