//! One record as the picture holds it: its properties as ready JSON text, so that an answer copies bytes.

use std::borrow::Cow;
use std::sync::Arc;

use geo_types::Geometry;
use serde_json::Value;
use uuid::Uuid;

use super::members::Members;
use super::{position, words};
use crate::domain::change::Seq;
use crate::domain::{Collection, Record, Timestamp};

/// One record in a layer.
#[derive(Clone, Debug)]
pub struct Feature {
    pub id: Uuid,
    pub version: u32,
    pub(super) ended: bool,
    /// The event that made it so (for a unit also its newest fix).
    pub seq: Seq,
    pub recorded_at: Timestamp,
    /// WGS 84 lon/lat. For a unit: its newest fix, else its post.
    pub geometry: Option<Geometry<f64>>,
    /// JSON object text of the record's properties; for a unit with the fields of its newest fix.
    pub properties: Box<str>,
    /// JSON object text of the personal fields.
    pub personal: Option<Box<str>>,
    /// Folded names and codes, one a line, for the search box; shared by all positions of a unit.
    pub(super) names: Option<Arc<str>>,
    /// Of a household.
    pub(super) members: Members,
}

impl Feature {
    /// From a record as the store gives it. A unit gets its position afterwards.
    #[must_use]
    pub fn new(collection: Collection, record: Record, seq: Seq) -> Self {
        let mut feature = Self {
            id: record.id,
            version: record.version,
            ended: false,
            seq,
            recorded_at: record.recorded_at,
            geometry: record.geometry,
            properties: record.properties,
            personal: record.personal,
            names: None,
            members: Members::default(),
        };
        // The plain search is many times faster than the walk, and nearly always says no.
        feature.ended = feature.properties.contains("\"ended_at\":") && feature.raw("ended_at").is_some();
        feature.names = names(collection, &feature);
        if collection == Collection::Households {
            feature.members = Members::of(members(&feature.properties));
        }
        feature
    }

    /// The record without what the picture added to it: the fields and the place of the newest fix.
    #[must_use]
    pub fn record(&self) -> Record {
        let positioned = self.raw("fix_source").is_some();
        Record {
            id: self.id,
            version: self.version,
            recorded_at: self.recorded_at,
            geometry: if positioned { None } else { self.geometry.clone() },
            properties: if positioned { position::without_position(&self.properties) } else { self.properties.clone() },
            personal: self.personal.clone(),
        }
    }

    /// The same record elsewhere, or at a later seq.
    pub(super) fn moved(&self, seq: Seq, geometry: Option<Geometry<f64>>, properties: Box<str>) -> Self {
        Self {
            id: self.id,
            version: self.version,
            ended: self.ended,
            seq: self.seq.max(seq),
            recorded_at: self.recorded_at,
            geometry,
            properties,
            personal: self.personal.clone(),
            names: self.names.clone(),
            members: self.members,
        }
    }

    /// A top-level text property, unescaped; `None` if it is absent or not text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        text_of(self.raw(name)?)
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
        self.ended
    }
}

/// The fields by which the search box finds a record, apart from codes of households (see `Run::by_code`).
fn names(collection: Collection, feature: &Feature) -> Option<Arc<str>> {
    use Collection as C;
    let fields: &[&str] = match collection {
        C::Places => &["name", "aliases"],
        C::AdminUnits => &["full_name", "name", "code"],
        C::Stations => &["name", "marker"],
        C::Roads => &["name", "road_ref"],
        C::BorderSectors | C::Rivers | C::Shelters | C::RoadClosures => &["name"],
        C::Units => &["code", "name", "radio"],
        C::Incidents => &["code", "title", "place_text"],
        C::RiskZones | C::Patrols | C::Warnings | C::DisasterEvents => &["code", "name"],
        C::Contacts => &["name", "hamlet", "organisation"],
        C::RainGauges => &["name", "code"],
        C::Bulletins => &["title"],
        C::Households
        | C::DutyLog
        | C::Assignments
        | C::Alarms
        | C::Advices
        | C::RainDays
        | C::RainGrids
        | C::RiskLevels
        | C::ZoneVisits
        | C::Attachments
        | C::Deployments
        | C::Cases
        | C::Tallies
        | C::Exercises
        | C::Shifts
        | C::QuarterReports
        | C::SectorAssessments
        | C::AreasOfConcern
        | C::InformationRequests
        | C::Briefings
        | C::Decisions
        | C::EventPlans
        | C::DisasterReports => {
            return None;
        }
    };
    let mut folded = String::new();
    for value in fields.iter().filter_map(|field| feature.value(field)) {
        let texts: Vec<&str> = match &value {
            Value::String(text) => vec![text],
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        for text in texts {
            if !folded.is_empty() {
                folded.push('\n');
            }
            words::fold_into(text, &mut folded);
        }
    }
    (!folded.is_empty()).then(|| folded.into())
}

/// A raw JSON value as text, unescaped; `None` if it is not text.
pub(super) fn text_of(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(raw).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// The raw text of member `name` of the JSON object `text`, which must be compact (no white space between tokens),
/// as `canonical_json` writes it. A scan without allocation: a full parse of every feature would make each filter
/// over a million households take a second.
pub(super) fn raw_member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    members(text).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Names (without quotes) and raw values of the members of a compact JSON object.
pub(super) fn members(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let bytes = text.as_bytes();
    let mut at = 1;
    std::iter::from_fn(move || {
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let key_end = end_of_value(bytes, at)?;
        let value_end = end_of_value(bytes, key_end + 1)?;
        let member = (&text[at + 1..key_end - 1], &text[key_end + 1..value_end]);
        at = value_end + 1;
        Some(member)
    })
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
