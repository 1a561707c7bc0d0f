//! One value of a file as the field wants it: text "3" becomes 3, "có" becomes true, a local time becomes an instant.

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use super::times::{self, DateOrder, NotATime};
use super::words;
use crate::domain::schema::{Field, FieldKind};
use crate::domain::{Code, Problem};

/// How the caller or the rest of the column says that a value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Notation {
    pub date_order: Option<DateOrder>,
    /// Numbers are written with a decimal comma (`103,25`).
    pub decimal_comma: bool,
}

/// The canonical value; `None` if the cell says nothing.
///
/// # Errors
/// `invalid_value` with the value, its fault, and how to write it.
pub(super) fn typed(field: &Field, raw: &Value, notation: Notation) -> Result<Option<Value>, Problem> {
    let at = field.name;
    let value = match (field.kind, raw) {
        (_, Value::Null) => return Ok(None),
        (_, Value::String(text)) if text.trim().is_empty() => return Ok(None),
        (FieldKind::Text(_), value) => text(value).ok_or_else(|| fault(at, value, "chữ", "text"))?,
        (FieldKind::Integer(..) | FieldKind::Real(..), Value::String(text)) => {
            match measure(field.name, text, notation.decimal_comma).map_err(|problem| problem.at(at))? {
                Some(number) => Value::from(number),
                None => return Ok(None),
            }
        }
        (FieldKind::Boolean, Value::String(text)) => {
            words::boolean(text).map(Value::from).ok_or_else(|| fault(at, raw, "có hoặc không", "yes or no"))?
        }
        (FieldKind::Boolean, Value::Number(number)) if matches!(number.as_i64(), Some(0 | 1)) => {
            Value::from(number.as_i64() == Some(1))
        }
        (FieldKind::Time, Value::String(text)) => times::instant(text, notation.date_order)
            .map(|instant| Value::from(instant.to_string()))
            .map_err(|why| time_fault(at, text, why))?,
        (FieldKind::Date, Value::String(text)) => times::date(text, notation.date_order)
            .map(|date| Value::from(date.to_string()))
            .map_err(|why| time_fault(at, text, why))?,
        (FieldKind::Choice(words), Value::String(text)) => {
            words::choice(words, text).map_or_else(|| Value::from(text.trim()), Value::from)
        }
        (FieldKind::Choices(words), value) => {
            let list = list(value).ok_or_else(|| fault(at, value, "danh sách", "a list"))?;
            list.iter().map(|text| words::choice(words, text).map_or(text.as_str(), |word| word)).collect()
        }
        (FieldKind::Texts(_) | FieldKind::References, value) => {
            list(value).ok_or_else(|| fault(at, value, "danh sách", "a list"))?.into_iter().collect()
        }
        (FieldKind::Json(_), Value::String(text)) => serde_json::from_str(text)
            .map_err(|_| fault(at, raw, "đối tượng hoặc danh sách JSON", "a JSON object or list"))?,
        (_, value) => value.clone(),
    };
    field.canonical(&value, at).map(Some)
}

/// A number in a text. Fields named `…_m` and `…_km` also take a unit (`25km`, `±500 m`), and for an accuracy
/// "unknown" and "exact" say no number.
///
/// # Errors
/// `invalid_value`; a decimal comma is refused with how to allow it.
fn measure(field: &str, text: &str, decimal_comma: bool) -> Result<Option<f64>, Problem> {
    let trimmed = text.trim().trim_start_matches('±').trim_start();
    if field == "accuracy_m" && matches!(words::fold(trimmed).as_str(), "unknown" | "exact" | "khong_ro" | "chinh_xac")
    {
        return Ok(None);
    }
    let letters = trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = trimmed[letters.len()..].to_ascii_lowercase();
    let factor = match (field.ends_with("_km"), field.ends_with("_m"), unit.as_str()) {
        (true, _, "km") | (_, true, "m") => Some(1.0),
        (true, _, "m") => Some(0.001),
        (_, true, "km") => Some(1000.0),
        _ => None,
    };
    match factor {
        Some(factor) => number(letters, decimal_comma).map(|n| Some(n * factor)),
        None => number(trimmed, decimal_comma).map(Some),
    }
}

/// A plain number in a text.
///
/// # Errors
/// As [`measure`].
pub(super) fn number(text: &str, decimal_comma: bool) -> Result<f64, Problem> {
    let text = text.trim();
    let shape = |comma: char| {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        digits.matches(comma).count() == 1 && digits.bytes().all(|b| b.is_ascii_digit() || b == comma as u8)
    };
    if shape(',') {
        if decimal_comma {
            return number(&text.replace(',', "."), false);
        }
        return Err(Problem::new(
            Code::InvalidValue,
            format!(
                "{text:?} dùng dấu phẩy thập phân; viết bằng dấu chấm, hoặc chọn dấu phẩy cho cả cột \
                 (--map cột=trường:comma)"
            ),
            format!(
                "{text:?} has a decimal comma; write a point, or choose the comma for the whole column \
                 (--map column=field:comma)"
            ),
        ));
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| {
        Problem::new(Code::InvalidValue, format!("{text:?} không phải số"), format!("{text:?} is not a number"))
    })
}

fn text(value: &Value) -> Option<Value> {
    Some(match value {
        Value::String(_) => value.clone(),
        // A code that a spreadsheet took for a number: 3127.0 is 3127.
        Value::Number(number) => match number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15) {
            Some(whole) => Value::from((whole as i64).to_string()),
            None => Value::from(number.to_string()),
        },
        Value::Bool(bool) => Value::from(bool.to_string()),
        // A list of names (former units) becomes the text that a spreadsheet would hold.
        Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            Value::from(texts?.join("; "))
        }
        Value::Null | Value::Object(_) => return None,
    })
}

/// A list as JSON, or as texts with semicolons, bars or commas between them.
fn list(value: &Value) -> Option<Vec<String>> {
    let items = match value {
        Value::Array(items) => items.clone(),
        Value::String(text) if text.trim_start().starts_with('[') => serde_json::from_str(text).ok()?,
        Value::String(text) => {
            let separator = [';', '|', ','].into_iter().find(|c| text.contains(*c)).unwrap_or(';');
            return Some(
                text.split(separator).map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect(),
            );
        }
        _ => return None,
    };
    items.into_iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn fault(field: &str, value: &Value, want_vi: &str, want_en: &str) -> Problem {
    let shown = shortened(&value.to_string());
    Problem::new(
        Code::InvalidValue,
        format!("{field}: {shown} không phải {want_vi}"),
        format!("{field}: {shown} is not {want_en}"),
    )
    .at(field)
}

fn time_fault(field: &str, text: &str, why: NotATime) -> Problem {
    let text = shortened(text);
    let (vi, en) = match why {
        NotATime::Ambiguous => (
            format!(
                "{field}: {text:?} đọc được hai cách (ngày/tháng hay tháng/ngày); \
                 chọn cách viết của cột: tháng trước (--map cột={field}:mdy) hay ngày trước (:dmy)"
            ),
            format!(
                "{field}: {text:?} can be read two ways (month or day first); \
                 choose how the column is written: month first (--map column={field}:mdy) or day first (:dmy)"
            ),
        ),
        NotATime::NoSuchDate => {
            (format!("{field}: {text:?} không có trong lịch"), format!("{field}: there is no such time as {text:?}"))
        }
        NotATime::UnknownForm => (
            format!("{field}: {text:?} không phải thời điểm; viết 2026-11-23 02:14 (giờ Việt Nam) hoặc RFC 3339"),
            format!("{field}: {text:?} is not a time; write 2026-11-23 02:14 (Vietnam time) or RFC 3339"),
        ),
    };
    Problem::new(Code::InvalidValue, vi, en).at(field)
}

/// At most 60 characters of a value, for a message.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Characters with which a spreadsheet begins a formula.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Puts `'` before a text that a spreadsheet would run as a formula. [`without_formula_guard`] undoes it exactly.
pub(super) fn with_formula_guard(text: &str) -> std::borrow::Cow<'_, str> {
    if text.trim_start_matches('\'').starts_with(FORMULA_STARTS) { format!("'{text}").into() } else { text.into() }
}

/// What a cell of a table says, without blanks around it; `None` if that is nothing. Letters that a telephone or a Mac
/// wrote as letter and mark become one letter, so that a name is found as people type it.
pub(super) fn cell_text(text: &str) -> Option<String> {
    let text: String = without_formula_guard(text.trim()).nfc().collect();
    (!text.is_empty()).then_some(text)
}

/// Takes away the `'` that [`with_formula_guard`] put there.
pub(super) fn without_formula_guard(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.trim_start_matches('\'').starts_with(FORMULA_STARTS) => rest,
        _ => text,
    }
}

/// A list or object as the text of one CSV cell; [`typed`] reads it back.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => with_formula_guard(text).into_owned(),
        Value::Array(items) if plain_list(items) => {
            let joined = items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(";");
            with_formula_guard(&joined).into_owned()
        }
        other => other.to_string(),
    }
}

fn plain_list(items: &[Value]) -> bool {
    let plain = |text: &str| {
        !text.is_empty() && text.trim() == text && !text.contains([';', '|', ',']) && !text.starts_with('[')
    };
    items.iter().all(|item| item.as_str().is_some_and(plain)) && !items.is_empty()
}

/// Adds the columns without a field to what is kept of them.
pub(super) fn keep_extra(extra: &mut Map<String, Value>, name: &str, value: &Value) {
    let says_nothing = value.is_null() || value.as_str().is_some_and(str::is_empty);
    if !says_nothing {
        extra.insert(name.to_owned(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Collection;
    use crate::domain::schema::find;

    fn read(collection: Collection, field: &str, text: &str) -> Result<Option<Value>, Code> {
        typed(find(collection, field).unwrap(), &Value::from(text), Notation::default()).map_err(|problem| problem.code)
    }

    #[test]
    fn texts_become_what_the_field_wants() {
        let household = |field, text| read(Collection::Households, field, text);
        assert_eq!(household("member_count", " 3 "), Ok(Some(Value::from(3))));
        assert_eq!(household("member_count", "3.0"), Ok(Some(Value::from(3))));
        assert_eq!(household("member_count", "3.5"), Err(Code::InvalidValue));
        assert_eq!(household("member_count", "NaN"), Err(Code::InvalidValue));
        assert_eq!(household("member_count", ""), Ok(None));
        assert_eq!(household("poor", "Có"), Ok(Some(Value::from(true))));
        assert_eq!(household("poor", "maybe"), Err(Code::InvalidValue));
        assert_eq!(household("accuracy_m", "25km"), Ok(Some(Value::from(25_000.0))));
        assert_eq!(household("accuracy_m", "exact"), Ok(None));
        assert_eq!(household("accuracy_m", "25 miles"), Err(Code::InvalidValue));
        let unit = |field, text| read(Collection::Units, field, text);
        assert_eq!(unit("force", "Bộ đội Biên phòng"), Ok(Some(Value::from("border_guard"))));
        assert_eq!(unit("capabilities", "drone; boat"), Ok(Some(serde_json::json!(["boat", "drone"]))));
        assert_eq!(unit("capabilities", "[\"boat\"]"), Ok(Some(serde_json::json!(["boat"]))));
        assert_eq!(unit("capabilities", "wings"), Err(Code::InvalidValue));
    }

    #[test]
    fn a_decimal_comma_is_refused_with_the_way_out() {
        let problem = number("103,25", false).unwrap_err();
        assert!(problem.detail_en.contains(":comma"), "{problem}");
        assert_eq!(number("103,25", true), Ok(103.25));
        assert_eq!(number("-1,5", true), Ok(-1.5));
        assert!(number("1,234,567", true).is_err());
        assert!(number("inf", false).is_err());
    }

    #[test]
    fn a_formula_guard_comes_off_as_it_went_on() {
        for text in ["=1+1", "+84 900", "-", "@x", "'=1", "''=1", "'quoted'", "plain", ""] {
            let guarded = with_formula_guard(text);
            assert!(!guarded.starts_with(['=', '+', '-', '@']), "{guarded}");
            assert_eq!(without_formula_guard(&guarded), text);
        }
    }
}
