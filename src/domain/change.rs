//! The one record that feeds all: store, picture, feed, watch and audit eat these values and nothing else.

use std::sync::Arc;

use geo_types::Geometry;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Collection, Timestamp};

/// Place of a change in the journal, counted from 1; 0 means "nothing yet".
pub type Seq = u64;

/// One record as it stands after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub id: Uuid,
    /// Counted from 1 by the store, one more at each change; what `If-Match` names.
    pub version: u32,
    /// When the store took the change that made this version.
    pub recorded_at: Timestamp,
    /// WGS 84, lon/lat, edges straight in lon/lat; `None` where only the commune is known.
    pub geometry: Option<Geometry<f64>>,
    /// Canonical JSON object text: keys sorted, no nulls, no personal values, every value of its field's type.
    pub properties: Box<str>,
    /// Canonical JSON object text of the personal fields; they lie in a side table, the journal holds a reference.
    pub personal: Option<Box<str>>,
}

impl Record {
    /// The properties as a map, personal fields left out.
    #[must_use]
    pub fn properties_map(&self) -> Map<String, Value> {
        parse_object(&self.properties)
    }

    /// The personal fields as a map; empty where there are none.
    #[must_use]
    pub fn personal_map(&self) -> Map<String, Value> {
        self.personal.as_deref().map(parse_object).unwrap_or_default()
    }

    /// One property; `None` if it is absent.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<Value> {
        self.properties_map().remove(name)
    }
}

/// Canonical JSON of a property map: keys sorted (the map is ordered), nulls dropped.
#[must_use]
pub fn canonical_json(map: &Map<String, Value>) -> Box<str> {
    let kept: Map<String, Value> =
        map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect();
    Value::Object(kept).to_string().into_boxed_str()
}

fn parse_object(text: &str) -> Map<String, Value> {
    // The text was made by `canonical_json`; anything else is damage that `trucban check` reports.
    serde_json::from_str(text).unwrap_or_default()
}

/// One durable change of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub seq: Seq,
    /// Changes made by one call of the desk share it.
    pub request_id: Uuid,
    /// Who made it.
    pub actor: Arc<str>,
    /// When it became true in the world; defaults to `record.recorded_at`.
    pub valid_at: Timestamp,
    /// Set for exercise (diễn tập) data from the first report to the last alert.
    pub exercise_id: Option<Uuid>,
    pub collection: Collection,
    pub record: Arc<Record>,
}

/// How a position became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FixSource {
    /// A receiver measured it.
    Gps,
    /// Told by radio or phone; somebody heard it.
    Radio,
    /// The unit is taken to be at its post: no fix is known.
    Post,
}

/// One position of one unit, ordered by `at` (fix time), never by arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    pub unit_id: Uuid,
    /// Degrees, WGS 84.
    pub lon: f64,
    pub lat: f64,
    pub at: Timestamp,
    pub accuracy_m: Option<f64>,
    pub speed_mps: Option<f64>,
    /// Degrees clockwise from true north, 0 ≤ course < 360.
    pub course_deg: Option<f64>,
    pub source: FixSource,
    /// Who heard it, for `FixSource::Radio`.
    pub heard_by: Option<Arc<str>>,
}

/// Fixes made durable together; the whole group takes one seq.
#[derive(Clone, Debug, PartialEq)]
pub struct FixBatch {
    pub seq: Seq,
    pub recorded_at: Timestamp,
    pub fixes: Arc<[Fix]>,
}

/// What the journal gives, in seq order.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Change(Change),
    Fixes(FixBatch),
}

impl Event {
    #[must_use]
    pub fn seq(&self) -> Seq {
        match self {
            Self::Change(change) => change.seq,
            Self::Fixes(batch) => batch.seq,
        }
    }
}
