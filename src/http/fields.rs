//! JSON objects of calls: every member asked for by name, whatever is left over refused with its place.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::{Code, Problem, Timestamp};

/// The members of one JSON object.
#[derive(Debug)]
pub struct Fields {
    members: Map<String, Value>,
    /// JSON pointer of the object.
    pointer: String,
}

impl Fields {
    /// The members of a body.
    ///
    /// # Errors
    /// `invalid_value` if it is no object.
    pub fn of(value: Value) -> Result<Self, Problem> {
        Self::at(value, "")
    }

    /// The members of an object inside a body.
    ///
    /// # Errors
    /// `invalid_value` if it is no object.
    pub fn at(value: Value, pointer: &str) -> Result<Self, Problem> {
        match value {
            Value::Object(members) => Ok(Self { members, pointer: pointer.to_owned() }),
            _ => Err(Problem::new(
                Code::InvalidValue,
                "Nội dung phải là một đối tượng JSON.",
                "The body must be a JSON object.",
            )
            .at(if pointer.is_empty() { "/" } else { pointer })),
        }
    }

    /// Takes a member; `null` counts as absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a member as it is, for merge patches, where `null` removes.
    pub fn take_even_null(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name)
    }

    /// Takes a member that must be there.
    ///
    /// # Errors
    /// `missing_field`.
    pub fn needed(&mut self, name: &str) -> Result<Value, Problem> {
        self.take(name).ok_or_else(|| missing(name, &self.place(name)))
    }

    /// A text, if there.
    ///
    /// # Errors
    /// `invalid_value`.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "cần chữ", "expected text")),
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// `missing_field`, `invalid_value`.
    pub fn needed_text(&mut self, name: &str) -> Result<String, Problem> {
        match self.needed(name)? {
            Value::String(text) => Ok(text),
            _ => Err(self.wrong(name, "cần chữ", "expected text")),
        }
    }

    /// A finite number, if there.
    ///
    /// # Errors
    /// `invalid_value`.
    pub fn number(&mut self, name: &str) -> Result<Option<f64>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value
                .as_f64()
                .filter(|n| n.is_finite())
                .map(Some)
                .ok_or_else(|| self.wrong(name, "cần số", "expected a number")),
        }
    }

    /// A number that must be there.
    ///
    /// # Errors
    /// `missing_field`, `invalid_value`.
    pub fn needed_number(&mut self, name: &str) -> Result<f64, Problem> {
        let value = self.needed(name)?;
        value.as_f64().filter(|n| n.is_finite()).ok_or_else(|| self.wrong(name, "cần số", "expected a number"))
    }

    /// A whole number, if there.
    ///
    /// # Errors
    /// `invalid_value`.
    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => {
                value.as_i64().map(Some).ok_or_else(|| self.wrong(name, "cần số nguyên", "expected a whole number"))
            }
        }
    }

    /// Yes or no, if there.
    ///
    /// # Errors
    /// `invalid_value`.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value
                .as_bool()
                .map(Some)
                .ok_or_else(|| self.wrong(name, "cần true hoặc false", "expected true or false")),
        }
    }

    /// A list of texts that must be there.
    ///
    /// # Errors
    /// `missing_field`, `invalid_value`.
    pub fn needed_texts(&mut self, name: &str) -> Result<Vec<String>, Problem> {
        serde_json::from_value(self.needed(name)?)
            .map_err(|_| self.wrong(name, "cần danh sách chữ", "expected a list of texts"))
    }

    /// One of some words, if there, as `parse` reads it.
    ///
    /// # Errors
    /// `invalid_value`.
    pub fn word<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| {
            self.wrong(name, &format!("không có giá trị {text:?}"), &format!("there is no value {text:?}"))
        })
    }

    /// As [`Fields::word`], of a member that must be there.
    ///
    /// # Errors
    /// `missing_field`, `invalid_value`.
    pub fn needed_word<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Problem> {
        let place = self.place(name);
        self.word(name, parse)?.ok_or_else(|| missing(name, &place))
    }

    /// Takes a member that a patch may remove: `None` if it is not there, `Some(None)` for `null`, else what `read`
    /// makes of it.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn patched<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self, &str) -> Result<Option<T>, Problem>,
    ) -> Result<Option<Option<T>>, Problem> {
        if self.members.contains_key(name) { read(self, name).map(Some) } else { Ok(None) }
    }

    /// A record id, if there.
    ///
    /// # Errors
    /// `invalid_value`.
    pub fn uuid(&mut self, name: &str) -> Result<Option<Uuid>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .and_then(|text| Uuid::try_parse(text).ok())
                .map(Some)
                .ok_or_else(|| self.wrong(name, "cần UUID", "expected a UUID")),
        }
    }

    /// A record id that must be there.
    ///
    /// # Errors
    /// `missing_field`, `invalid_value`.
    pub fn needed_uuid(&mut self, name: &str) -> Result<Uuid, Problem> {
        let value = self.needed(name)?;
        value
            .as_str()
            .and_then(|text| Uuid::try_parse(text).ok())
            .ok_or_else(|| self.wrong(name, "cần UUID", "expected a UUID"))
    }

    /// An instant, if there.
    ///
    /// # Errors
    /// `invalid_value`.
    pub fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value.as_str().and_then(|text| Timestamp::parse(text).ok()).map(Some).ok_or_else(|| {
                self.wrong(
                    name,
                    "cần thời điểm RFC 3339 có múi giờ, ví dụ 2026-11-23T02:14:00+07:00",
                    "expected an RFC 3339 time with offset, such as 2026-11-23T02:14:00+07:00",
                )
            }),
        }
    }

    /// An instant that must be there.
    ///
    /// # Errors
    /// `missing_field`, `invalid_value`.
    pub fn needed_time(&mut self, name: &str) -> Result<Timestamp, Problem> {
        if !self.members.contains_key(name) {
            self.needed(name)?;
        }
        self.time(name)?.ok_or_else(|| self.wrong(name, "cần thời điểm", "expected a time"))
    }

    /// All that is left, for verbs that take fields of the record besides their own words.
    #[must_use]
    pub fn rest(self) -> Map<String, Value> {
        self.members
    }

    /// Refuses what is left.
    ///
    /// # Errors
    /// `unknown_field`.
    pub fn finish(self) -> Result<(), Problem> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) => Err(Problem::new(
                Code::UnknownField,
                format!("Không có trường {name:?} ở đây."),
                format!("There is no field {name:?} here."),
            )
            .at(&self.place(name))),
        }
    }

    /// JSON pointer of a member.
    #[must_use]
    pub fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    fn wrong(&self, name: &str, vi: &str, en: &str) -> Problem {
        Problem::new(Code::InvalidValue, format!("{name}: {vi}."), format!("{name}: {en}.")).at(&self.place(name))
    }
}
fn missing(name: &str, place: &str) -> Problem {
    Problem::new(
        Code::MissingField,
        format!("Thiếu trường bắt buộc {name}."),
        format!("The required field {name} is missing."),
    )
    .at(place)
}
