//! A warning (tin cảnh báo): what the room says of a zone in force, as one message of CAP 1.2 and as texts to read out.
//!
//! Messages of a zone form a chain: an alert, then updates, then a cancel or an all-clear. Only the newest stands; each one
//! names all before it, so that whoever missed one still knows what to take down.

use super::access::FORCES;
use super::ground::NAME_CHARS;
use super::schema::FieldKind::{Boolean, Choice, Integer, Json, Reference, Text, Time};
use super::schema::{Field, server, verb};
use super::zone;

/// Sorts of message. In CAP an all-clear is an `Update` whose response is `AllClear`.
pub const TYPES: &[&str] = &["alert", "update", "cancel", "all_clear"];

/// Life of a message: it waits for a second person, is released, and ends.
pub const STATES: &[&str] = &["awaiting_second", "released", "updated", "cancelled", "cleared", "expired", "withdrawn"];

/// For real, for an exercise, or to try the system.
pub const STATUSES: &[&str] = &["actual", "exercise", "test"];

/// Longest chain of references, characters: some fifty messages. The oldest are left out.
pub const REFERS_CHARS_MAX: usize = 8_000;

/// What a message says and what it does to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    Alert,
    Update,
    Cancel,
    AllClear,
}

impl Type {
    /// What can follow a message that stands.
    pub const FOLLOWING: [Self; 3] = [Self::Update, Self::Cancel, Self::AllClear];

    /// Its name in calls and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Update => "update",
            Self::Cancel => "cancel",
            Self::AllClear => "all_clear",
        }
    }

    /// The type with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Alert, Self::Update, Self::Cancel, Self::AllClear].into_iter().find(|one| one.as_str() == name)
    }

    /// `msgType` of CAP 1.2.
    #[must_use]
    pub const fn cap(self) -> &'static str {
        match self {
            Self::Alert => "Alert",
            Self::Update | Self::AllClear => "Update",
            Self::Cancel => "Cancel",
        }
    }

    /// What becomes of the message before it.
    #[must_use]
    pub const fn ends_as(self) -> &'static str {
        match self {
            Self::Alert | Self::Update => "updated",
            Self::Cancel => "cancelled",
            Self::AllClear => "cleared",
        }
    }

    /// Whether it tells of danger: one that does can be updated, cancelled and cleared.
    #[must_use]
    pub const fn warns(self) -> bool {
        matches!(self, Self::Alert | Self::Update)
    }

    /// What it is called on screen and in the log.
    #[must_use]
    pub const fn title_vi(self) -> &'static str {
        match self {
            Self::Alert => "tin cảnh báo",
            Self::Update => "tin cập nhật",
            Self::Cancel => "tin huỷ",
            Self::AllClear => "tin an toàn",
        }
    }

    /// Whether it needs two people at this level (the highest of the message and the one before it), where one person
    /// releases up to `alone_up_to`. A cancel never does: a message sent in error must come down at once.
    #[must_use]
    pub const fn needs_second(self, level: i64, alone_up_to: i64) -> bool {
        !matches!(self, Self::Cancel) && level > alone_up_to
    }
}

/// `references` of a message that follows: those of the one before, and that one itself (`sender,identifier,sent`).
#[must_use]
pub fn refers_to(before: &str, sender: &str, identifier: &str, sent: &str) -> String {
    let own = format!("{sender},{identifier},{sent}");
    let mut all: Vec<&str> = before.split_whitespace().chain([own.as_str()]).collect();
    while all.len() > 1 && all.iter().map(|one| one.len() + 1).sum::<usize>() > REFERS_CHARS_MAX {
        all.remove(0);
    }
    all.join(" ")
}

pub(super) const FIELDS: &[Field] = &[
    server("code", Text(40), "Human code."),
    verb("zone_id", Reference, "The zone it warns of."),
    verb("zone_code", Text(40), "That zone's code."),
    verb("zone_name", Text(NAME_CHARS), "What that zone was called when it was written."),
    verb("name", Text(NAME_CHARS), "Its headline in Vietnamese, or the beginning of it."),
    verb("type", Choice(TYPES), "What sort of message."),
    verb("state", Choice(STATES), "Where it is in its life."),
    verb("status", Choice(STATUSES), "For real, for an exercise, or to try the system."),
    verb("kind", Choice(zone::KINDS), "The zone's hazard when it was written."),
    verb(
        "level",
        Integer(1, 5),
        "The zone's risk level when it was written; that of the message before in a cancel or all-clear.",
    ),
    verb("severity", Text(20), "`severity` of CAP 1.2."),
    verb("urgency", Text(20), "`urgency` of CAP 1.2."),
    verb("certainty", Text(20), "`certainty` of CAP 1.2."),
    verb("response", Text(20), "`responseType` of CAP 1.2."),
    verb("scope", Text(20), "`scope` of CAP 1.2."),
    verb("identifier", Text(100), "`identifier` of CAP 1.2."),
    verb("sender", Text(200), "`sender` of CAP 1.2."),
    verb("sent_at", Time, "When it was released; absent while it waits for a second person."),
    verb("expires_at", Time, "Until when it holds."),
    verb("refers_to", Text(REFERS_CHARS_MAX), "`references` of CAP 1.2: all messages that it takes the place of."),
    verb("earlier_id", Reference, "The message directly before it."),
    verb("reason", Text(1_000), "Why, in the words of whoever wrote it."),
    verb("needs_second", Boolean, "Whether two people had to agree."),
    verb("proposed_at", Time, "When it was written."),
    verb("proposed_by", Text(NAME_CHARS), "Who wrote it."),
    verb("proposed_force", Choice(FORCES), "Their force."),
    verb("released_by", Text(NAME_CHARS), "Who released it: the second person where two are needed."),
    verb(
        "infos",
        Json(60_000),
        "What it says, by language: [{language, event, headline, description, instruction, sender_name, area}].",
    ),
    verb(
        "texts",
        Json(120_000),
        "Texts to copy, by language: [{language, name, is_draft, falls_back_to, note, loudspeaker, sms, messenger}]; an SMS with its length with and without diacritics.",
    ),
    verb("cap", Text(200_000), "The message as it went out, CAP 1.2."),
    verb("ended_at", Time, "When it was updated, cancelled, cleared or withdrawn, or expired."),
    verb("ended_by", Text(NAME_CHARS), "Who ended it."),
    verb("end_reason", Text(1_000), "Why it was withdrawn."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_people_release_above_the_limit_and_one_takes_back() {
        assert!(!Type::Alert.needs_second(2, 2) && Type::Alert.needs_second(3, 2));
        assert!(Type::Update.needs_second(3, 2) && Type::AllClear.needs_second(5, 2));
        assert!(!Type::Cancel.needs_second(5, 2));
    }

    #[test]
    fn references_name_every_message_before_and_stay_bounded() {
        let one = refers_to("", "s", "a", "2026-11-23T09:14:36+07:00");
        assert_eq!(one, "s,a,2026-11-23T09:14:36+07:00");
        let two = refers_to(&one, "s", "b", "2026-11-23T10:14:36+07:00");
        assert_eq!(two, "s,a,2026-11-23T09:14:36+07:00 s,b,2026-11-23T10:14:36+07:00");
        let many =
            (0..500).fold(two, |before, n| refers_to(&before, "s", &format!("c{n}"), "2026-11-23T10:14:36+07:00"));
        assert!(many.len() <= REFERS_CHARS_MAX && many.ends_with("s,c499,2026-11-23T10:14:36+07:00"));
    }
}
