//! What fields a record has. One table a collection (in the record's own file) serves validation, the columns of
//! the store, property filters, OpenAPI, import and export: a field is described once.

use serde_json::{Map, Value};

use super::{Code, Collection, Problem, Timestamp};

/// One property of a record.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name everywhere: JSON, SQL column, CSV header, TypeScript.
    pub name: &'static str,
    pub kind: FieldKind,
    pub set_by: SetBy,
    pub required: bool,
    /// Lies in the side table of personal values, never in a journal row.
    pub personal: bool,
    /// One English sentence; becomes the OpenAPI description.
    pub doc: &'static str,
}

/// Type and range of a property.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldKind {
    /// UTF-8 text, at most so many characters.
    Text(usize),
    Integer(i64, i64),
    /// Finite number in the range, both ends included.
    Real(f64, f64),
    Boolean,
    /// RFC 3339 with offset, kept in UTC with milliseconds.
    Time,
    /// `YYYY-MM-DD`.
    Date,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of these words, each at most once.
    Choices(&'static [&'static str]),
    /// UUID of another record.
    Reference,
    /// List of UUIDs.
    References,
    /// List of texts, each at most so many characters.
    Texts(usize),
    /// Any JSON object or list up to so many characters as text (kilometre posts, unknown columns of an import).
    Json(usize),
}

/// Who gives a field its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    /// The caller, at creation and by PUT or PATCH.
    Client,
    /// A verb of the desk (or an import of past records); refused in PUT and PATCH.
    Verb,
    /// The server: codes, derived places, times of recording.
    Server,
    /// The newest position fix; never stored in the record.
    Fix,
}

/// Properties that an answer adds to a record's own fields, and that may come back in a write as they were read.
pub const BESIDE_FIELDS: [&str; 3] = ["precision", "version", "recorded_at"];

/// The longest list a `Texts`, `Choices` or `References` field takes.
pub const LIST_ITEMS_MAX: usize = 200;

const fn field(name: &'static str, kind: FieldKind, set_by: SetBy, doc: &'static str) -> Field {
    Field { name, kind, set_by, required: false, personal: false, doc }
}

/// A field set by the caller.
pub(super) const fn client(name: &'static str, kind: FieldKind, doc: &'static str) -> Field {
    field(name, kind, SetBy::Client, doc)
}

/// A field that the caller must give.
pub(super) const fn required(name: &'static str, kind: FieldKind, doc: &'static str) -> Field {
    Field { required: true, ..field(name, kind, SetBy::Client, doc) }
}

/// A field set by verbs alone.
pub(super) const fn verb(name: &'static str, kind: FieldKind, doc: &'static str) -> Field {
    field(name, kind, SetBy::Verb, doc)
}

/// A field set by the server alone.
pub(super) const fn server(name: &'static str, kind: FieldKind, doc: &'static str) -> Field {
    field(name, kind, SetBy::Server, doc)
}

/// A field that follows the newest fix.
pub(super) const fn fix(name: &'static str, kind: FieldKind, doc: &'static str) -> Field {
    field(name, kind, SetBy::Fix, doc)
}

/// A personal field set by the caller.
pub(super) const fn personal(name: &'static str, kind: FieldKind, doc: &'static str) -> Field {
    Field { personal: true, ..field(name, kind, SetBy::Client, doc) }
}

/// A personal field set by verbs alone.
pub(super) const fn personal_verb(name: &'static str, kind: FieldKind, doc: &'static str) -> Field {
    Field { personal: true, ..verb(name, kind, doc) }
}

/// The field called `name` in `collection`.
#[must_use]
pub fn find(collection: Collection, name: &str) -> Option<&'static Field> {
    collection.fields().iter().find(|field| field.name == name)
}

impl Field {
    /// Checks one value and returns its canonical form (times in UTC with milliseconds, integers where the field is
    /// an integer, reals as reals, choices sorted). `pointer` names the place in the input, for the error.
    ///
    /// # Errors
    /// `invalid_value` with the field, the value's fault and what is allowed.
    pub fn canonical(&self, value: &Value, pointer: &str) -> Result<Value, Problem> {
        let fault = |en: String, vi: String| Problem::new(Code::InvalidValue, vi, en).at(pointer);
        let name = self.name;
        let wrong_type = |want_en: &str, want_vi: &str| {
            fault(format!("{name}: expected {want_en}"), format!("{name}: cần {want_vi}"))
        };
        match self.kind {
            FieldKind::Text(max) => {
                let text = value.as_str().ok_or_else(|| wrong_type("text", "chữ"))?;
                check_text(text, max)
                    .map_err(|why| fault(format!("{name}: {}", why.0), format!("{name}: {}", why.1)))?;
                Ok(Value::from(text))
            }
            FieldKind::Integer(min, max) => {
                let number = value
                    .as_i64()
                    .or_else(|| value.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| f as i64))
                    .ok_or_else(|| wrong_type("a whole number", "số nguyên"))?;
                if number < min || number > max {
                    return Err(fault(
                        format!("{name}: {number} is outside {min}..{max}"),
                        format!("{name}: {number} ngoài khoảng {min}–{max}"),
                    ));
                }
                Ok(Value::from(number))
            }
            FieldKind::Real(min, max) => {
                let number = value.as_f64().ok_or_else(|| wrong_type("a number", "số"))?;
                if !(number >= min && number <= max) {
                    return Err(fault(
                        format!("{name}: {number} is outside {min}..{max}"),
                        format!("{name}: {number} ngoài khoảng {min}–{max}"),
                    ));
                }
                Ok(Value::from(number))
            }
            FieldKind::Boolean => {
                Ok(Value::from(value.as_bool().ok_or_else(|| wrong_type("true or false", "true hoặc false"))?))
            }
            FieldKind::Time => {
                let text = value.as_str().ok_or_else(|| wrong_type("an RFC 3339 time", "thời điểm RFC 3339"))?;
                let at = Timestamp::parse(text).map_err(|_| {
                    wrong_type(
                        "an RFC 3339 time with offset, such as 2026-11-23T02:14:00+07:00",
                        "thời điểm RFC 3339 có múi giờ, ví dụ 2026-11-23T02:14:00+07:00",
                    )
                })?;
                Ok(Value::from(at.to_string()))
            }
            FieldKind::Date => {
                let text = value.as_str().unwrap_or_default();
                let date: jiff::civil::Date = text
                    .parse()
                    .ok()
                    .filter(|_| text.len() == 10)
                    .ok_or_else(|| wrong_type("a date YYYY-MM-DD", "ngày dạng YYYY-MM-DD"))?;
                Ok(Value::from(date.to_string()))
            }
            FieldKind::Choice(words) => {
                let text = value.as_str().unwrap_or_default();
                if !words.contains(&text) {
                    return Err(fault(
                        format!("{name}: {value} is not one of {}", words.join(", ")),
                        format!("{name}: {value} không thuộc {}", words.join(", ")),
                    ));
                }
                Ok(Value::from(text))
            }
            FieldKind::Reference => {
                let id = parse_uuid(value).ok_or_else(|| wrong_type("a UUID", "UUID"))?;
                Ok(Value::from(id))
            }
            FieldKind::Choices(words) => {
                let mut list = self.texts(value, pointer)?;
                list.sort();
                list.dedup();
                if let Some(bad) = list.iter().find(|item| !words.contains(&item.as_str())) {
                    return Err(fault(
                        format!("{name}: {bad:?} is not one of {}", words.join(", ")),
                        format!("{name}: {bad:?} không thuộc {}", words.join(", ")),
                    ));
                }
                Ok(Value::from(list))
            }
            FieldKind::References => {
                let list = self.texts(value, pointer)?;
                let ids: Option<Vec<String>> = list.iter().map(|t| parse_uuid(&Value::from(t.as_str()))).collect();
                Ok(Value::from(ids.ok_or_else(|| wrong_type("a list of UUIDs", "danh sách UUID"))?))
            }
            FieldKind::Texts(max) => {
                let list = self.texts(value, pointer)?;
                for text in &list {
                    check_text(text, max)
                        .map_err(|why| fault(format!("{name}: {}", why.0), format!("{name}: {}", why.1)))?;
                }
                Ok(Value::from(list))
            }
            FieldKind::Json(max) => {
                if !value.is_object() && !value.is_array() {
                    return Err(wrong_type("an object or a list", "đối tượng hoặc danh sách"));
                }
                if value.to_string().len() > max {
                    return Err(fault(
                        format!("{name}: longer than {max} characters"),
                        format!("{name}: dài quá {max} ký tự"),
                    ));
                }
                Ok(value.clone())
            }
        }
    }

    fn texts(&self, value: &Value, pointer: &str) -> Result<Vec<String>, Problem> {
        let name = self.name;
        let list: Option<Vec<String>> =
            value.as_array().and_then(|items| items.iter().map(|v| v.as_str().map(str::to_owned)).collect());
        let list = list.ok_or_else(|| {
            Problem::new(
                Code::InvalidValue,
                format!("{name}: cần danh sách chữ"),
                format!("{name}: expected a list of texts"),
            )
            .at(pointer)
        })?;
        if list.len() > LIST_ITEMS_MAX {
            return Err(Problem::new(
                Code::LimitExceeded,
                format!("{name}: nhiều hơn {LIST_ITEMS_MAX} mục"),
                format!("{name}: more than {LIST_ITEMS_MAX} items"),
            )
            .at(pointer));
        }
        Ok(list)
    }
}

fn parse_uuid(value: &Value) -> Option<String> {
    value.as_str().and_then(|text| uuid::Uuid::parse_str(text).ok()).map(|id| id.to_string())
}

/// Control characters (other than line break and tab) are refused: they have no meaning in a report and hide text.
fn check_text(text: &str, max_chars: usize) -> Result<(), (String, String)> {
    if text.chars().count() > max_chars {
        return Err((format!("longer than {max_chars} characters"), format!("dài quá {max_chars} ký tự")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
        return Err(("has a control character".to_owned(), "có ký tự điều khiển".to_owned()));
    }
    Ok(())
}

/// Checks a whole property map against the collection's table and returns it in canonical form: unknown names are
/// refused, nulls dropped, required fields demanded. Which fields a caller may set is the desk's question.
///
/// # Errors
/// `unknown_field`, `invalid_value`, `limit_exceeded` or `missing_field`, each with a pointer to the property.
pub fn canonical_properties(
    collection: Collection,
    properties: &Map<String, Value>,
) -> Result<Map<String, Value>, Problem> {
    let mut canonical = Map::new();
    for (name, value) in properties {
        let pointer = format!("/properties/{name}");
        let field = find(collection, name).ok_or_else(|| {
            Problem::new(
                Code::UnknownField,
                format!("{collection} không có trường {name:?}"),
                format!("{collection} has no field {name:?}"),
            )
            .at(&pointer)
        })?;
        if !value.is_null() {
            canonical.insert(name.clone(), field.canonical(value, &pointer)?);
        }
    }
    for field in collection.fields().iter().filter(|field| field.required) {
        if !canonical.contains_key(field.name) {
            return Err(Problem::new(
                Code::MissingField,
                format!("thiếu trường bắt buộc {}", field.name),
                format!("the required field {} is missing", field.name),
            )
            .at(&format!("/properties/{}", field.name)));
        }
    }
    Ok(canonical)
}

/// Splits a canonical map into the journalled part and the personal part.
#[must_use]
pub fn split_personal(
    collection: Collection,
    properties: Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    properties.into_iter().partition(|(name, _)| !find(collection, name).is_some_and(|field| field.personal))
}
