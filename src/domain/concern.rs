//! An area of concern (khu vực trọng điểm): a place that a force keeps its eye on for a time, and why. It is about a place,
//! never about a person or household: it has no field that could name or refer to one.
//!
//! Restricted: seen by the force that wrote it, by those that it names, and by the province's commander.

use super::access::{Area, FORCES, Role};
use super::ground::{ENDED_AT, NAME_CHARS};
use super::schema::FieldKind::{Choice, Choices, Text, Time};
use super::schema::{Field, client, required, server};
use super::{Actor, Code, Force, Problem, Timestamp};

/// What is of concern there.
pub const KINDS: &[&str] =
    &["crossing_place", "smuggling_route", "drug_route", "public_order", "dangerous_ground", "key_site", "other"];
/// How sensitive it is; there is no other.
pub const SENSITIVITIES: &[&str] = &["restricted"];
/// Longest reason, characters.
const REASON_CHARS_MAX: usize = 1_000;
/// Longest time until it must be thought over, days.
pub const DAYS_MAX: i64 = 366;

pub(super) const FIELDS: &[Field] = &[
    required("name", Text(NAME_CHARS), "Name of the place."),
    required("kind", Choice(KINDS), "What is of concern there."),
    required("reason", Text(REASON_CHARS_MAX), "Why, about the place alone: nobody is named."),
    client("valid_from", Time, "Start; now if not said."),
    required("valid_to", Time, "End, within a year: then somebody thinks it over."),
    client("shared_forces", Choices(FORCES), "Other forces that see it."),
    server("force", Choice(FORCES), "The force that wrote it; absent for the joint duty room."),
    server("decided_by", Text(NAME_CHARS), "Who decided it."),
    server("sensitivity", Choice(SENSITIVITIES), "How sensitive it is."),
    ENDED_AT,
];

/// Whether this actor sees an area that `force` wrote (the joint duty room if none), where `is_named` says whether it names
/// the actor's force.
#[must_use]
pub fn is_for(actor: &Actor, force: Option<Force>, is_named: bool) -> bool {
    let is_own = actor.force == force;
    match actor.role {
        Role::System => true,
        // Whoever runs the server, looks on or answers for a commune has no need of it.
        Role::Admin | Role::Observer | Role::LocalAuthority | Role::TipHandler => false,
        Role::Commander if actor.force.is_none() && actor.area == Area::Province => true,
        // A unit in the field sees what its own force wrote.
        Role::FieldUnit => is_own && force.is_some(),
        Role::DutyOfficer | Role::Planner | Role::Commander => is_own || (actor.force.is_some() && is_named),
    }
}

/// Refuses times that do not fit.
///
/// # Errors
/// `invalid_value` where it ends before it begins, or later than [`DAYS_MAX`] after that.
pub fn check_times(from: Timestamp, to: Timestamp) -> Result<(), Problem> {
    let broken = |vi: &str, en: &str| Err(Problem::new(Code::InvalidValue, vi, en).at("/properties/valid_to"));
    if to <= from {
        return broken("hết hiệu lực phải sau khi bắt đầu", "valid_to must lie after valid_from");
    }
    if to > from.plus_s(DAYS_MAX * 86_400) {
        return broken("tối đa một năm; sau đó xem xét lại", "one year at most; then think it over");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::FieldKind;

    #[test]
    fn its_own_force_those_it_names_and_the_commander_see_it() {
        let guard = Some(Force::BorderGuard);
        let sees = |role, force, named| is_for(&Actor::new("a", role, force), guard, named);
        for role in [Role::DutyOfficer, Role::Planner, Role::Commander, Role::FieldUnit] {
            assert!(sees(role, guard, false), "{role:?}");
            assert!(!sees(role, Some(Force::Police), false), "{role:?}");
        }
        assert!(sees(Role::DutyOfficer, Some(Force::Police), true));
        assert!(!sees(Role::FieldUnit, Some(Force::Police), true), "units of other forces never");
        assert!(sees(Role::Commander, None, false));
        assert!(!sees(Role::DutyOfficer, None, false), "the joint duty room is no force that was named");
        for role in [Role::Admin, Role::Observer, Role::LocalAuthority, Role::TipHandler] {
            assert!(![None, guard, Some(Force::Civil)].into_iter().any(|force| sees(role, force, true)), "{role:?}");
        }
        let post = Area::communes(["03388".to_owned()]);
        let of_post = Actor { area: post, ..Actor::new("a", Role::Commander, None) };
        assert!(!is_for(&of_post, guard, false), "a commander of a part is not the province's");
        assert!(is_for(&Actor::new("a", Role::DutyOfficer, None), None, false), "the joint room sees its own");
        assert!(!is_for(&Actor::new("a", Role::FieldUnit, None), None, false));
    }

    #[test]
    fn it_refers_to_nobody() {
        assert!(FIELDS.iter().all(|field| !matches!(field.kind, FieldKind::Reference | FieldKind::References)));
        assert!(FIELDS.iter().all(|field| !matches!(field.kind, FieldKind::Json(_)) && !field.personal));
    }

    #[test]
    fn it_ends_within_a_year() {
        let day = |n: i64| Timestamp::from_ms(0).plus_s(n * 86_400);
        assert!(check_times(day(1), day(2)).is_ok());
        assert!(check_times(day(1), day(1 + DAYS_MAX)).is_ok());
        assert!(check_times(day(1), day(1)).is_err());
        assert!(check_times(day(1), day(2 + DAYS_MAX)).is_err());
    }
}
