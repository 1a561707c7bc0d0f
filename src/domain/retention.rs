//! How long what is known of people, and where units were, is kept, as data. What a rule of people erases are the values in the side table; records,
//! journal and figures stay, and playback says that somebody was there, not who.

use jiff::ToSpan;

use super::tip::Coarse;
use super::{Collection, Timestamp};

/// Whether what is due goes or is only counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    Count,
    Erase,
}

/// Personal values of a collection's records are erased so long after a moment that each record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionRule {
    pub collection: Collection,
    /// The field with the moment; a record that has none is kept.
    pub since: &'static str,
    /// Only while its `state` is one of these; whatever it is if there are none.
    pub states: &'static [&'static str],
    pub keep_days: i64,
}

/// The rules in force: 24 months after the need has ended (DOMAIN.md, section 5); a function is held by the next, and
/// who held it before is known from the duty log.
pub const RETENTION: [RetentionRule; 3] = [
    RetentionRule {
        collection: Collection::Incidents,
        since: "state_at",
        states: &["closed", "rejected", "merged"],
        keep_days: 730,
    },
    RetentionRule { collection: Collection::Households, since: "ended_at", states: &[], keep_days: 730 },
    RetentionRule { collection: Collection::Contacts, since: "ended_at", states: &[], keep_days: 365 },
];

/// Position fixes are kept so long after they were recorded; of each unit the newest is kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixRetentionRule {
    pub keep_days: i32,
}

/// The rule in force: a year (DOMAIN.md, section 5).
pub const FIX_RETENTION: FixRetentionRule = FixRetentionRule { keep_days: 366 };

/// What is sealed of a tip, and the informant's way back, are erased so long after the month in which it ended: no more
/// is kept of when that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TipRetentionRule {
    pub keep_months: i32,
}

/// The rule in force: 12 months after it was promoted, passed on or dismissed (DOMAIN.md, section 5). One that is taken
/// up again has not ended.
pub const TIP_RETENTION: TipRetentionRule = TipRetentionRule { keep_months: 12 };

impl TipRetentionRule {
    /// The newest month, as `2026-11`, of which every tip that ended in it is due.
    #[must_use]
    pub fn newest_due_month(self, now: Timestamp) -> String {
        // One more: a month's last day is in it too.
        let due = Coarse::of(now).on.first_of_month().saturating_sub((self.keep_months + 1).months());
        due.strftime("%Y-%m").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::incident::is_ended;
    use super::super::schema::{FieldKind, find};
    use super::*;

    #[test]
    fn a_tip_is_due_when_the_last_day_of_its_month_is_so_long_past() {
        let due = |now: &str| TIP_RETENTION.newest_due_month(Timestamp::parse(now).unwrap());
        assert_eq!(due("2026-11-30T16:59:59Z"), "2025-10");
        assert_eq!(due("2026-11-30T17:00:00Z"), "2025-11", "it is December in the province");
        assert_eq!(due("2027-01-31T00:00:00Z"), "2025-12");
    }

    #[test]
    fn every_collection_with_personal_fields_has_one_rule_and_a_time_to_go_by() {
        for collection in Collection::ALL {
            let rules: Vec<_> = RETENTION.iter().filter(|rule| rule.collection == collection).collect();
            let personal = collection.fields().iter().any(|field| field.personal);
            assert_eq!(rules.len(), usize::from(personal), "{collection}");
            for rule in rules {
                let field = find(collection, rule.since).unwrap();
                assert!(matches!(field.kind, FieldKind::Time) && !field.personal && rule.keep_days > 0, "{rule:?}");
                assert!(rule.states.iter().all(|state| is_ended(state)), "{rule:?}");
            }
        }
    }
}
