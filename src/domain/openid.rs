//! What the claims of a sign-in provider make of somebody: role, force, area, and a name. Pure: how claims are come by
//! and believed is the door's matter.

use serde_json::Value;

use super::access::Area;
use super::account::NAME_CHARS;
use super::{Force, Role};

/// Longest label of an account, characters.
const LABEL_CHARS_MAX: usize = 100;
/// Names that are tried for a new account before it is given up.
const NAMES_TRIED_MAX: usize = 1_000;
/// The name where the claim holds nothing that a name can be made of.
const NAMELESS: &str = "user";

/// Which claims count, and what they give.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The claim with the groups or roles of somebody: a text or a list of texts. Dots lead into objects where there
    /// is no claim of the whole name.
    pub role_claim: String,
    /// The claim that a new account is named after.
    pub name_claim: String,
    /// The first one that fits counts.
    pub rules: Vec<Rule>,
}

/// Whoever's claim holds `value` gets the rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub value: String,
    pub rights: Rights,
}

/// What an account may, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    pub role: Role,
    pub force: Option<Force>,
    pub area: Area,
}

impl Mapping {
    /// What the claims give, by the first rule that fits; `None` if none does.
    #[must_use]
    pub fn rights_of(&self, claims: &Value) -> Option<&Rights> {
        let held = claim(claims, &self.role_claim)?;
        let holds = |value: &str| match held {
            Value::String(one) => one == value,
            Value::Array(many) => many.iter().any(|one| one.as_str() == Some(value)),
            _ => false,
        };
        self.rules.iter().find(|rule| holds(&rule.value)).map(|rule| &rule.rights)
    }

    /// The text that a new account is named after; of a mail address what stands before the sign.
    #[must_use]
    pub fn name_of<'a>(&self, claims: &'a Value) -> &'a str {
        let name = claim(claims, &self.name_claim).and_then(Value::as_str).unwrap_or_default();
        name.split('@').next().unwrap_or_default()
    }

    /// Whether the claims say all that is asked of them.
    #[must_use]
    pub fn is_answered_by(&self, claims: &Value) -> bool {
        [&self.role_claim, &self.name_claim].into_iter().all(|name| claim(claims, name).is_some())
    }
}

/// How people call whoever the claims are of.
#[must_use]
pub fn label_of(claims: &Value) -> Option<String> {
    let label: String =
        claims["name"].as_str()?.trim().chars().filter(|c| !c.is_control()).take(LABEL_CHARS_MAX).collect();
    (!label.is_empty()).then_some(label)
}

/// Names for a new account, best first: the wish made well, then with numbers.
pub fn names_for(wish: &str) -> impl Iterator<Item = String> {
    let letters =
        wish.trim().chars().map(|c| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' });
    let stem: String = letters.skip_while(|c| !c.is_alphanumeric()).take(*NAME_CHARS.end()).collect();
    let stem = if stem.is_empty() { NAMELESS.to_owned() } else { stem };
    (1..=NAMES_TRIED_MAX).map(move |number| {
        if number == 1 {
            return stem.clone();
        }
        let ending = format!("-{number}");
        let kept: String = stem.chars().take(NAME_CHARS.end() - ending.len()).collect();
        kept + &ending
    })
}

/// The claim of this name, or the one that the name's dots lead to. `null` is none.
fn claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    let whole = claims.get(name);
    let found = whole.or_else(|| name.split('.').try_fold(claims, |within, part| within.get(part)));
    found.filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::account::check_name;

    fn rule(value: &str, role: Role) -> Rule {
        Rule { value: value.to_owned(), rights: Rights { role, force: None, area: Area::Province } }
    }

    fn mapping(role_claim: &str) -> Mapping {
        let rules = vec![rule("chiefs", Role::Commander), rule("staff", Role::Planner)];
        Mapping { role_claim: role_claim.to_owned(), name_claim: "preferred_username".to_owned(), rules }
    }

    #[test]
    fn the_first_rule_that_fits_counts_whatever_the_order_of_the_claim() {
        let role = |claims: Value| mapping("groups").rights_of(&claims).map(|rights| rights.role);
        assert_eq!(role(json!({"groups": ["staff", "chiefs"]})), Some(Role::Commander));
        assert_eq!(role(json!({"groups": "staff"})), Some(Role::Planner));
        for nothing in [
            json!({}),
            json!({"groups": null}),
            json!({"groups": []}),
            json!({"groups": ["Staff", "staff "]}),
            json!({"groups": {"staff": true}}),
            json!({"groups": [["staff"]]}),
            json!({"roles": "staff"}),
            json!("staff"),
        ] {
            assert_eq!(role(nothing.clone()), None, "{nothing}");
        }
    }

    #[test]
    fn dots_lead_into_objects_unless_a_claim_has_the_whole_name() {
        let role = |claims: Value| mapping("realm.roles").rights_of(&claims).map(|rights| rights.role);
        assert_eq!(role(json!({"realm": {"roles": ["staff"]}})), Some(Role::Planner));
        assert_eq!(role(json!({"realm.roles": "chiefs", "realm": {"roles": "staff"}})), Some(Role::Commander));
        assert_eq!(role(json!({"realm": "staff"})), None);
    }

    #[test]
    fn a_name_is_made_of_whatever_the_provider_calls_somebody() {
        let first = |wish: &str| names_for(wish).next().unwrap();
        assert_eq!(first("Trần Văn A"), "Trần-Văn-A");
        assert_eq!(first("../../etc"), "etc");
        assert_eq!(first(""), "user");
        let many: Vec<String> = names_for(&"a".repeat(80)).take(12).collect();
        assert_eq!(many[0].len(), 40);
        assert!(many[11].ends_with("a-12"));
        for name in many.iter().chain([&first("unit:7"), &first("日本")]) {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let claims = json!({"preferred_username": "an@laichau.example", "name": " Lò Văn\u{7} An "});
        assert_eq!(mapping("groups").name_of(&claims), "an");
        assert_eq!(label_of(&claims).as_deref(), Some("Lò Văn An"));
        assert_eq!(label_of(&json!({"name": "  "})), None);
    }
}
