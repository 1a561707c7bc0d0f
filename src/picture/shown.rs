//! What an actor may see of one record, and how it is written.

use std::borrow::Cow;
use std::collections::BTreeSet;

use geo_types::Geometry;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::feature::raw_member;
use super::reads::Tally;
use super::{Feature, json};
use crate::domain::access::{DataClass, class_of};
use crate::domain::change::Seq;
use crate::domain::{Collection, Timestamp};

/// What the actor may see of one record.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    pub(super) collection: Collection,
    pub(super) feature: &'a Feature,
    /// Whether the actor has need of the personal fields.
    pub(super) personal: bool,
    /// The fields that a grant lets through; all if `None`.
    pub(super) only: Option<&'a BTreeSet<String>>,
    /// Whether it stands for records that the actor may not see one by one.
    pub(super) reduced: bool,
    /// Where it is noted when it leaves; nowhere in a view that nobody watches.
    pub(super) tally: Option<&'a Tally>,
}

/// The name under which a grant lets the place through.
const GEOMETRY: &str = "geometry";

impl<'a> Shown<'a> {
    /// Its collection.
    #[must_use]
    pub fn collection(&self) -> Collection {
        self.collection
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.feature.id
    }

    /// Its version, for `ETag` and `If-Match`.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.feature.version
    }

    /// The event that made it so.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.feature.seq
    }

    /// When its version was recorded.
    #[must_use]
    pub fn recorded_at(&self) -> Timestamp {
        self.feature.recorded_at
    }

    /// Whether it was ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.feature.is_ended()
    }

    /// Its geometry as the actor may see it.
    #[must_use]
    pub fn geometry(&self) -> Option<&'a Geometry<f64>> {
        if self.lets_through(GEOMETRY) { self.feature.geometry.as_ref() } else { None }
    }

    /// Whether this is one record, and not a commune or a sector in the place of several.
    #[must_use]
    pub fn is_record(&self) -> bool {
        !self.reduced
    }

    /// Whether it is one record with all that it says of itself, and not what a grant names of it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.reduced && self.only.is_none()
    }

    fn lets_through(&self, name: &str) -> bool {
        self.only.is_none_or(|only| only.contains(name))
    }

    /// Notes that its fields leave: what they hold is restricted or personal.
    fn note(&self) {
        let internal = class_of(self.collection) == DataClass::Internal;
        if internal && self.personal && self.feature.personal.is_some() {
            self.note_as(DataClass::Personal);
        } else {
            self.note_record();
        }
    }

    /// Notes that it leaves without personal fields of its own: a name in a list, an id among others.
    pub(super) fn note_record(&self) {
        let class = class_of(self.collection);
        if matches!(class, DataClass::Restricted | DataClass::Personal) {
            self.note_as(class);
        }
    }

    fn note_as(&self, class: DataClass) {
        if let Some(tally) = self.tally.filter(|_| !self.reduced) {
            tally.note(self.collection, class, self.id());
        }
    }

    /// The JSON texts behind the properties, before a grant narrows them: to search in, never to show.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let personal = if self.personal { self.feature.personal.as_deref() } else { None };
        std::iter::once(&*self.feature.properties).chain(personal)
    }

    /// The raw JSON of one property, personal ones included where the actor has need.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        if !self.lets_through(name) {
            return None;
        }
        self.texts().find_map(|text| raw_member(text, name))
    }

    /// Names and raw JSON values of its properties, personal ones included where the actor has need; one scan, for
    /// whoever shows several.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.note();
        self.fields()
    }

    /// As [`Shown::members`], to look at them and not to show them.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let only = self.only;
        let kept_back = kept_back(self.collection);
        let through =
            move |(name, _): &(&str, &str)| only.is_none_or(|only| only.contains(*name)) && kept_back != Some(*name);
        self.texts().flat_map(super::feature::members).filter(through)
    }

    /// One property.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// One text property.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        super::feature::text_of(self.raw(name)?)
    }

    /// One number property.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.raw(name)?.parse().ok()
    }

    /// Its properties as the actor may see them, with `version` and `recorded_at`.
    #[must_use]
    pub fn properties(&self) -> Map<String, Value> {
        let mut out = Vec::new();
        self.write_properties(&mut out);
        serde_json::from_slice(&out).unwrap_or_default()
    }

    /// Writes the properties as a JSON object: the record's fields, then `precision` where it may differ from reader to
    /// reader, `version` and `recorded_at`.
    pub fn write_properties(&self, out: &mut Vec<u8>) {
        self.note();
        out.push(b'{');
        if self.only.is_some() || kept_back(self.collection).is_some() {
            for (name, raw) in self.fields() {
                for part in ["\"", name, "\":", raw, ","] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
        } else {
            for text in self.texts() {
                let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
                if !inner.is_empty() {
                    out.extend_from_slice(inner.as_bytes());
                    out.push(b',');
                }
            }
        }
        // What stands for others says its own precision.
        if !self.reduced && matches!(class_of(self.collection), DataClass::Restricted | DataClass::Personal) {
            out.extend_from_slice(b"\"precision\":\"exact\",");
        }
        out.extend_from_slice(b"\"version\":");
        json::integer(u64::from(self.version()), out);
        out.extend_from_slice(b",\"recorded_at\":");
        json::instant(self.feature.recorded_at, out);
        out.push(b'}');
    }

    /// Writes a GeoJSON Feature; `members` (name, JSON text) stand beside `properties`.
    pub fn write_geojson(&self, members: &[(&str, &str)], out: &mut Vec<u8>) {
        self.write_with(out, |out, _| {
            for (name, json) in members {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                out.extend_from_slice(json.as_bytes());
            }
        });
    }

    /// Writes a GeoJSON Feature; `members` writes `,"name":value` for what stands beside `properties`, and is told
    /// where in `out` the geometry begins, which ends where it shall go on.
    pub(super) fn write_with(&self, out: &mut Vec<u8>, members: impl FnOnce(&mut Vec<u8>, usize)) {
        out.extend_from_slice(b"{\"type\":\"Feature\",\"id\":\"");
        let mut id = Uuid::encode_buffer();
        out.extend_from_slice(self.id().hyphenated().encode_lower(&mut id).as_bytes());
        out.extend_from_slice(b"\",\"geometry\":");
        let geometry_at = out.len();
        match self.geometry() {
            Some(geometry) => json::geometry(geometry, out),
            None => out.extend_from_slice(b"null"),
        }
        members(out, geometry_at);
        out.extend_from_slice(b",\"properties\":");
        self.write_properties(out);
        out.push(b'}');
    }
}

/// Records that are fetched ahead, at most: more would push each other out of the cache again.
pub(super) const FETCHED_MAX: usize = 64;
/// Bytes of a cache line.
const LINE: usize = 64;

/// Touches records before they are read or written. They lie anywhere in memory, and one after the other each would
/// be waited for; in loops as short as these the processor waits for many at once.
pub(super) fn fetch(features: &[&Feature]) {
    let features = &features[..features.len().min(FETCHED_MAX)];
    let records: usize = features.iter().map(|one| one.properties.len() + one.version as usize).sum();
    let lines = |text: &str| text.bytes().step_by(LINE).map(usize::from).sum::<usize>();
    let texts: usize = features.iter().map(|one| lines(&one.properties)).sum();
    std::hint::black_box(records + texts);
}

/// A field that no answer carries: the cells of a grid are for the server alone, and would make a page of them a hundred
/// megabytes.
fn kept_back(collection: Collection) -> Option<&'static str> {
    (collection == Collection::RainGrids).then_some("cells")
}
