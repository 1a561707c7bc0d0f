//! How long what is known of people is kept, as data. What a rule erases are the values in the side table; records,
//! journal and figures stay, and playback says that somebody was there, not who.

use super::Collection;

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

#[cfg(test)]
mod tests {
    use super::super::incident::is_ended;
    use super::super::schema::{FieldKind, find};
    use super::*;

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
