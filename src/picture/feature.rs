//! One record as the picture holds it: its properties as ready JSON text, so that an answer copies bytes.

use std::borrow::Cow;

use geo_types::Geometry;
use serde_json::Value;
use uuid::Uuid;

use crate::domain::change::Seq;
use crate::domain::{Record, Timestamp};

/// One record in a layer.
#[derive(Clone, Debug)]
pub struct Feature {
    pub id: Uuid,
    pub version: u32,
    /// The event that made it so (for a unit also its newest fix).
    pub seq: Seq,
    pub recorded_at: Timestamp,
    /// WGS 84 lon/lat. For a unit: its newest fix, else its post.
    pub geometry: Option<Geometry<f64>>,
    /// JSON object text of the record's properties; for a unit with the fields of its newest fix.
    pub properties: Box<str>,
    /// JSON object text of the personal fields.
    pub personal: Option<Box<str>>,
}

impl Feature {
    /// From a record as the store gives it.
    #[must_use]
    pub fn new(record: Record, seq: Seq) -> Self {
        Self {
            id: record.id,
            version: record.version,
            seq,
            recorded_at: record.recorded_at,
            geometry: record.geometry,
            properties: record.properties,
            personal: record.personal,
        }
    }

    /// A top-level text property, unescaped; `None` if it is absent or not text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let raw = self.raw(name)?;
        let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') { serde_json::from_str(raw).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
    }

    /// A top-level number property.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.raw(name)?.parse().ok()
    }

    /// Any top-level property.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// The raw JSON text of a top-level property.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&str> {
        raw_member(&self.properties, name)
    }

    /// Whether the record was ended; an ended one is no longer listed.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.raw("ended_at").is_some()
    }
}

/// The raw text of member `name` of the JSON object `text`, which must be compact (no white space between tokens),
/// as `canonical_json` writes it. A scan without allocation: a full parse of every feature would make each filter
/// over a million households take a second.
fn raw_member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] == b'"' {
        let key_end = end_of_value(bytes, at)?;
        let value_start = key_end + 1;
        let value_end = end_of_value(bytes, value_start)?;
        if &text[at + 1..key_end - 1] == name {
            return Some(&text[value_start..value_end]);
        }
        at = value_end + 1;
    }
    None
}

/// Index just after the JSON value that begins at `start`.
fn end_of_value(bytes: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while *bytes.get(at)? != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                if depth == 0 {
                    return Some(at);
                }
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::raw_member;

    #[test]
    fn a_member_is_found_among_nested_values_and_escapes() {
        let text = r#"{"a":"x,\"}","b":[1,{"c":2}],"c":-1.5,"d":{"e":[]},"f":true}"#;
        assert_eq!(raw_member(text, "a"), Some(r#""x,\"}""#));
        assert_eq!(raw_member(text, "b"), Some(r#"[1,{"c":2}]"#));
        assert_eq!(raw_member(text, "c"), Some("-1.5"));
        assert_eq!(raw_member(text, "d"), Some(r#"{"e":[]}"#));
        assert_eq!(raw_member(text, "f"), Some("true"));
        assert_eq!(raw_member(text, "g"), None);
        assert_eq!(raw_member("{}", "a"), None);
    }
}
