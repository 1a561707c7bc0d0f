//! Damage of a disaster (thiệt hại) by the groups of Joint Circular 43/2015: which items each group has, what a report may
//! say of them, and their sums. Only numbers and a remark: no person and no household is named.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::number::rounded;
use super::{Code, Problem};

/// Longest damage of a report, characters.
pub const DAMAGE_CHARS_MAX: usize = 60_000;
/// Most of one item, in its unit.
const VALUE_MAX: f64 = 1e9;
/// Longest remark on a group, characters.
pub const GROUP_NOTE_CHARS_MAX: usize = 1_000;
/// The member of a group that tells its loss, millions of đồng.
pub const LOSS: &str = "loss_million_vnd";
/// The member of a group that holds its remark.
pub const GROUP_NOTE: &str = "note";

/// What an item is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DamageUnit)]
pub enum Unit {
    Persons,
    Houses,
    Places,
    Hectares,
    Head,
    Metres,
    CubicMetres,
    Kilometres,
}

impl Unit {
    /// Whether it is counted in whole numbers.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Persons | Self::Houses | Self::Places | Self::Head)
    }
}

/// One item of a group.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    pub id: &'static str,
    pub unit: Unit,
    pub title_vi: &'static str,
    pub title_en: &'static str,
}

/// One group of damage.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub id: &'static str,
    pub title_vi: &'static str,
    pub title_en: &'static str,
    pub items: &'static [Item],
}

const fn item(id: &'static str, unit: Unit, title_vi: &'static str, title_en: &'static str) -> Item {
    Item { id, unit, title_vi, title_en }
}

const fn group(id: &'static str, title_vi: &'static str, title_en: &'static str, items: &'static [Item]) -> Group {
    Group { id, title_vi, title_en, items }
}

/// All groups, in the order of the report.
pub static GROUPS: [Group; 14] = [
    group(
        "people",
        "Người",
        "People",
        &[
            item("dead", Unit::Persons, "Người chết", "Dead"),
            item("missing", Unit::Persons, "Người mất tích", "Missing"),
            item("injured", Unit::Persons, "Người bị thương", "Injured"),
            item("affected", Unit::Persons, "Người bị ảnh hưởng", "Affected"),
        ],
    ),
    group(
        "housing",
        "Nhà ở",
        "Housing",
        &[
            item("collapsed", Unit::Houses, "Nhà sập, đổ, cuốn trôi", "Collapsed or washed away"),
            item("heavily_damaged", Unit::Houses, "Nhà hư hỏng nặng", "Heavily damaged"),
            item("damaged", Unit::Houses, "Nhà hư hỏng một phần, tốc mái", "Damaged in part"),
            item("flooded", Unit::Houses, "Nhà bị ngập", "Flooded"),
            item("to_be_moved", Unit::Houses, "Nhà phải di dời khẩn cấp", "To be moved at once"),
        ],
    ),
    group(
        "education",
        "Giáo dục",
        "Education",
        &[
            item("schools", Unit::Places, "Điểm trường bị ảnh hưởng", "Schools"),
            item("classrooms", Unit::Places, "Phòng học hư hỏng", "Classrooms"),
        ],
    ),
    group("health", "Y tế", "Health", &[item("facilities", Unit::Places, "Cơ sở y tế bị ảnh hưởng", "Facilities")]),
    group("culture", "Văn hoá", "Culture", &[item("sites", Unit::Places, "Công trình văn hoá, di tích", "Sites")]),
    group(
        "crops_forest",
        "Nông, lâm nghiệp",
        "Crops and forest",
        &[
            item("rice_ha", Unit::Hectares, "Lúa", "Rice"),
            item("other_crops_ha", Unit::Hectares, "Hoa màu, cây trồng khác", "Other crops"),
            item("forest_ha", Unit::Hectares, "Rừng", "Forest"),
        ],
    ),
    group(
        "livestock",
        "Chăn nuôi",
        "Livestock",
        &[
            item("cattle", Unit::Head, "Trâu, bò, ngựa, dê, lợn", "Cattle, horses, goats, pigs"),
            item("poultry", Unit::Head, "Gia cầm", "Poultry"),
        ],
    ),
    group(
        "irrigation",
        "Thuỷ lợi",
        "Irrigation",
        &[
            item("canal_m", Unit::Metres, "Kênh mương, kè", "Canals and banks"),
            item("works", Unit::Places, "Công trình thuỷ lợi, cấp nước", "Works"),
        ],
    ),
    group(
        "transport",
        "Giao thông",
        "Transport",
        &[
            item("slide_points", Unit::Places, "Điểm sạt lở trên đường", "Slides on roads"),
            item("slide_m3", Unit::CubicMetres, "Đất đá sạt xuống đường", "Earth and rock on roads"),
            item("road_km", Unit::Kilometres, "Đường hư hỏng", "Roads damaged"),
            item("bridges", Unit::Places, "Cầu, cống, ngầm hư hỏng", "Bridges, culverts, fords"),
        ],
    ),
    group("aquaculture", "Thuỷ sản", "Aquaculture", &[item("ponds_ha", Unit::Hectares, "Ao nuôi", "Ponds")]),
    group(
        "telecom",
        "Thông tin liên lạc",
        "Telecom",
        &[
            item("stations", Unit::Places, "Trạm thu phát sóng ngừng", "Stations down"),
            item("poles", Unit::Places, "Cột thông tin đổ, gãy", "Poles"),
        ],
    ),
    group(
        "industry",
        "Công nghiệp",
        "Industry",
        &[
            item("power_poles", Unit::Places, "Cột điện đổ, gãy", "Power poles"),
            item("facilities", Unit::Places, "Cơ sở sản xuất, thuỷ điện", "Facilities"),
        ],
    ),
    group("construction", "Xây dựng", "Construction", &[item("sites", Unit::Places, "Công trình đang xây", "Sites")]),
    group(
        "other",
        "Thiệt hại khác",
        "Other",
        &[item("places", Unit::Places, "Trụ sở, công trình khác", "Other places")],
    ),
];

/// Damage as a report tells it: by group, then by item or [`LOSS`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Damage {
    pub values: BTreeMap<(&'static str, &'static str), f64>,
    /// Remarks by group.
    pub notes: BTreeMap<&'static str, String>,
}

impl Damage {
    /// Reads and checks damage as it was entered, or as a record holds it.
    ///
    /// # Errors
    /// `invalid_value` and `unknown_field` with the place under `at`; `limit_exceeded` for a remark that is too long.
    pub fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        let mut damage = Self::default();
        for (name, told) in members(value, at)? {
            let at = format!("{at}/{name}");
            let group = GROUPS.iter().find(|group| group.id == name).ok_or_else(|| unknown(name, &at))?;
            for (name, value) in members(told, &at)? {
                damage.take(group, name, value, &format!("{at}/{name}"))?;
            }
        }
        Ok(damage)
    }

    fn take(&mut self, group: &'static Group, name: &str, value: &Value, at: &str) -> Result<(), Problem> {
        let wrong = |vi: &str, en: &str| Problem::new(Code::InvalidValue, vi, en).at(at);
        if value.is_null() {
            return Ok(());
        }
        if name == GROUP_NOTE {
            let text = value.as_str().ok_or_else(|| wrong("cần chữ", "expected text"))?.trim();
            if text.chars().count() > GROUP_NOTE_CHARS_MAX {
                return Err(Problem::new(
                    Code::LimitExceeded,
                    format!("dài quá {GROUP_NOTE_CHARS_MAX} ký tự"),
                    format!("longer than {GROUP_NOTE_CHARS_MAX} characters"),
                )
                .at(at));
            }
            if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
                return Err(wrong("có ký tự điều khiển", "has a control character"));
            }
            if !text.is_empty() {
                self.notes.insert(group.id, text.to_owned());
            }
            return Ok(());
        }
        let item = group.items.iter().find(|item| item.id == name);
        let (id, is_whole) = match item {
            Some(item) => (item.id, item.unit.is_whole()),
            None if name == LOSS => (LOSS, false),
            None => return Err(unknown(name, at)),
        };
        let number = value.as_f64().ok_or_else(|| wrong("cần số", "expected a number"))?;
        if !(0.0..=VALUE_MAX).contains(&number) {
            return Err(wrong("cần số từ 0 đến 1 tỉ", "expected a number from 0 to 1,000,000,000"));
        }
        if is_whole && number.fract() != 0.0 {
            return Err(wrong("cần số nguyên", "expected a whole number"));
        }
        self.values.insert((group.id, id), rounded(number));
        Ok(())
    }

    /// Its value of an item, or [`LOSS`].
    #[must_use]
    pub fn value(&self, group: &str, item: &str) -> Option<f64> {
        self.values.iter().find(|((of, id), _)| (*of, *id) == (group, item)).map(|(_, value)| *value)
    }

    /// Adds the numbers of another; remarks stay with who made them.
    pub fn add(&mut self, other: &Self) {
        for (of, value) in &other.values {
            let sum = self.values.entry(*of).or_default();
            *sum = rounded(*sum + value);
        }
    }

    /// As a record holds it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut groups: Map<String, Value> = Map::new();
        let mut set = |group: &str, name: &str, value: Value| {
            let members = groups.entry(group).or_insert_with(|| Value::Object(Map::new()));
            if let Some(members) = members.as_object_mut() {
                members.insert(name.to_owned(), value);
            }
        };
        for ((group, item), value) in &self.values {
            set(group, item, number(*value));
        }
        for (group, note) in &self.notes {
            set(group, GROUP_NOTE, note.as_str().into());
        }
        Value::Object(groups)
    }
}

/// Whole numbers without a fraction.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 { Value::from(value as i64) } else { Value::from(value) }
}

fn members<'v>(value: &'v Value, at: &str) -> Result<&'v Map<String, Value>, Problem> {
    value
        .as_object()
        .ok_or_else(|| Problem::new(Code::InvalidValue, "cần một đối tượng JSON", "expected a JSON object").at(at))
}

fn unknown(name: &str, at: &str) -> Problem {
    Problem::new(
        Code::UnknownField,
        format!("không có mục thiệt hại {name:?}"),
        format!("there is no item of damage {name:?}"),
    )
    .at(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Damage, (Code, String)> {
        Damage::read(value, "/damage").map_err(|problem| (problem.code, problem.at.unwrap_or_default()))
    }

    #[test]
    fn damage_is_read_summed_and_written_as_it_was_told() {
        let told = json!({
            "people": {"dead": 1, "note": " ở bản Nậm Củm "}, "crops_forest": {"rice_ha": 12.5, "loss_million_vnd": 300},
        });
        let mut one = read(&told).unwrap();
        assert_eq!(
            one.to_value(),
            json!({
                "people": {"dead": 1, "note": "ở bản Nậm Củm"}, "crops_forest": {"rice_ha": 12.5, "loss_million_vnd": 300},
            })
        );
        one.add(
            &read(&json!({"crops_forest": {"rice_ha": 0.1}, "housing": {"collapsed": 3}, "people": {"note": "khác"}}))
                .unwrap(),
        );
        assert_eq!(one.value("crops_forest", "rice_ha"), Some(12.6));
        assert_eq!((one.value("housing", "collapsed"), one.value("housing", "flooded")), (Some(3.0), None));
        assert_eq!(one.notes["people"], "ở bản Nậm Củm");
        assert_eq!(read(&json!({})).unwrap(), Damage::default());
        assert_eq!(read(&json!({"people": {"dead": null}})).unwrap(), Damage::default());
    }

    #[test]
    fn what_is_no_damage_is_refused_at_its_place() {
        for (wrong, code, at) in [
            (json!([]), Code::InvalidValue, "/damage"),
            (json!({"people": 3}), Code::InvalidValue, "/damage/people"),
            (json!({"persons": {}}), Code::UnknownField, "/damage/persons"),
            (json!({"people": {"names": "A"}}), Code::UnknownField, "/damage/people/names"),
            (json!({"people": {"dead": "1"}}), Code::InvalidValue, "/damage/people/dead"),
            (json!({"people": {"dead": -1}}), Code::InvalidValue, "/damage/people/dead"),
            (json!({"people": {"dead": 0.5}}), Code::InvalidValue, "/damage/people/dead"),
            (json!({"people": {"dead": 1e10}}), Code::InvalidValue, "/damage/people/dead"),
            (json!({"people": {"note": "x".repeat(1_001)}}), Code::LimitExceeded, "/damage/people/note"),
            (json!({"people": {"note": "x\u{7}"}}), Code::InvalidValue, "/damage/people/note"),
        ] {
            assert_eq!(read(&wrong), Err((code, at.to_owned())));
        }
        assert!(read(&json!({"people": {"note": "x".repeat(1_000)}})).is_ok());
    }

    #[test]
    fn the_fourteen_groups_have_items_of_their_own() {
        for group in &GROUPS {
            assert!(!group.items.is_empty(), "{}", group.id);
            for (n, item) in group.items.iter().enumerate() {
                assert!(group.items[..n].iter().all(|other| other.id != item.id), "{} {}", group.id, item.id);
                assert!(![LOSS, GROUP_NOTE].contains(&item.id));
            }
        }
        // What is told to the full fits into the field of a record.
        let mut full = Damage::default();
        for group in &GROUPS {
            full.notes.insert(group.id, "ữ".repeat(GROUP_NOTE_CHARS_MAX));
            for item in group.items {
                full.values.insert((group.id, item.id), VALUE_MAX);
            }
        }
        assert!(full.to_value().to_string().len() < DAMAGE_CHARS_MAX, "{}", full.to_value().to_string().len());
    }
}
