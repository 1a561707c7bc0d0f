//! A case that was handed over (vụ việc bàn giao) or handled at the border: what was found and to whom it went. Persons
//! are counts. Who they are stands in the files of whoever investigates, and never here.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::access::FORCES;
use super::ground::{ACCURACY, ENDED_AT, EXTRA, IN_ADMIN_UNIT, NAME_CHARS, NOTE, SOURCE};
use super::schema::FieldKind::{Choice, Integer, Json, Reference, Text, Time};
use super::schema::{Field, client, required, server};
use super::{Code, Problem};

/// Kinds of case.
pub const KINDS: &[&str] = &[
    "drugs",
    "illegal_crossing",
    "wanted_person_found",
    "human_trafficking",
    "unplanned_migration",
    "smuggling",
    "other",
];

/// Kinds that only the force which found one sees one by one, as of incidents ([`super::access::CLOSED_KINDS`]).
pub const CLOSED_KINDS: [&str; 3] = ["drugs", "human_trafficking", "wanted_person_found"];

/// Substances that are weighed apart.
pub const SUBSTANCES: &[&str] = &["heroin", "opium", "methamphetamine", "ecstasy", "cannabis", "other"];

/// Most persons of one case.
const PERSONS_MAX: i64 = 10_000;
/// Most substances of one case.
const SUBSTANCES_MAX: usize = 20;
/// Heaviest find that is believed, grams: ten tonnes.
const WEIGHT_G_MAX: f64 = 10_000_000.0;

pub(super) const FIELDS: &[Field] = &[
    required("kind", Choice(KINDS), "What it was."),
    required("force", Choice(FORCES), "The force that found it."),
    required(
        "occurred_at",
        Time,
        "When it was found; a case counts in the quarter that holds this moment, one of drugs in that of its hand-over.",
    ),
    client("handed_over_at", Time, "When it was handed over."),
    client("handed_over_to", Text(NAME_CHARS), "The office that took it over."),
    client("persons", Integer(0, PERSONS_MAX), "How many persons were handled."),
    client("victims", Integer(0, PERSONS_MAX), "How many victims were rescued."),
    client("substances", Json(2_000), "What was seized, as [{substance, weight_g}]."),
    client("document_no", Text(100), "Number of the record of the hand-over."),
    client("incident_id", Reference, "The incident it came from."),
    client("place_text", Text(NAME_CHARS), "Where, in words."),
    client("commune_code", Text(20), "The commune, where no place is known."),
    server("entered_by", Text(NAME_CHARS), "Who entered it."),
    IN_ADMIN_UNIT,
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];

/// What was seized of one substance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seized {
    /// One of [`SUBSTANCES`].
    pub substance: String,
    /// Grams.
    pub weight_g: f64,
}

/// The substances of a record.
///
/// # Errors
/// `invalid_value` at `/properties/substances` for what is no such list, for a substance that is not known and for a
/// weight that is negative or beyond belief.
pub fn seized(value: &Value) -> Result<Vec<Seized>, Problem> {
    let invalid = |vi: &str, en: &str| {
        Problem::new(Code::InvalidValue, format!("substances: {vi}"), format!("substances: {en}"))
            .at("/properties/substances")
    };
    let list: Vec<Seized> = serde_json::from_value(value.clone())
        .map_err(|_| invalid("cần danh sách [{substance, weight_g}]", "expected a list [{substance, weight_g}]"))?;
    if list.len() > SUBSTANCES_MAX {
        return Err(invalid("quá nhiều chất", "too many substances"));
    }
    for one in &list {
        if !SUBSTANCES.contains(&one.substance.as_str()) {
            return Err(invalid("không có chất này trong danh mục", "there is no such substance"));
        }
        if !one.weight_g.is_finite() || one.weight_g < 0.0 || one.weight_g > WEIGHT_G_MAX {
            return Err(invalid("khối lượng (gam) phải từ 0 trở lên", "the weight (grams) must be 0 or more"));
        }
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_seized_is_weighed_by_substance() {
        let two = json!([{"substance": "heroin", "weight_g": 0.53}, {"substance": "opium", "weight_g": 12}]);
        assert_eq!(seized(&two).unwrap()[0].weight_g, 0.53);
        assert_eq!(seized(&json!([])).unwrap(), []);
    }

    #[test]
    fn what_is_no_weight_of_a_known_substance_is_refused() {
        for wrong in [
            json!({}),
            json!("heroin"),
            json!([{"substance": "heroin"}]),
            json!([{"substance": "heroin", "weight_g": -1}]),
            json!([{"substance": "heroin", "weight_g": 1e9}]),
            json!([{"substance": "sugar", "weight_g": 1}]),
            json!([{"substance": "heroin", "weight_g": 1, "owner": "A"}]),
        ] {
            let refused = seized(&wrong).unwrap_err();
            assert_eq!((refused.code, refused.at.as_deref()), (Code::InvalidValue, Some("/properties/substances")));
        }
    }
}
