//! What can be done before the transaction is done here: texts and EWKB.

use std::sync::Arc;

use geo_types::Geometry;
use geozero::{CoordDimensions, ToWkb};
use jiff::Timestamp as Instant;
use uuid::Uuid;

use super::tables::SRID;
use crate::domain::change::{Seq, canonical_json};
use crate::domain::{Change, Code, Collection, Record, Timestamp};
use crate::store::{Put, StoreError, body, rules};

/// A [`Put`] ready for its row.
pub(super) struct Prepared {
    pub collection: Collection,
    pub id: Uuid,
    pub valid_at: Option<Timestamp>,
    geometry: Option<Geometry<f64>>,
    pub ewkb: Option<Vec<u8>>,
    pub geometry_json: String,
    pub properties: Box<str>,
    pub personal: Option<Box<str>>,
    /// What a new record of a collection with codes does to them; an existing one keeps its code.
    pub code: NewCode,
}

/// See [`Prepared::code`].
pub(super) enum NewCode {
    None,
    /// Brings one: its series jumps over it.
    Brought {
        series: &'static str,
        year: i64,
        quarter: i64,
        number: i64,
    },
    /// Brings none and gets the next one.
    Wanted {
        series: &'static str,
    },
}

/// What all changes of one call share.
pub(super) struct Frame {
    pub request_id: Uuid,
    pub actor: Arc<str>,
    pub exercise_id: Option<Uuid>,
}

pub(super) fn prepare(mut put: Put, in_exercise: bool) -> Result<Prepared, StoreError> {
    rules::settle(&mut put)?;
    let ewkb = put.geometry.as_ref().map(|geometry| geometry.to_ewkb(CoordDimensions::xy(), Some(SRID))).transpose();
    let ewkb =
        ewkb.map_err(|why| rules::refuse(Code::InvalidGeometry, "/geometry", &format!("{}: {why}", put.collection)))?;
    let code = match (rules::code_series(put.collection, in_exercise), put.properties.get("code")) {
        (None, _) => NewCode::None,
        (Some(series), Some(serde_json::Value::String(code))) => match rules::parse_code(series, code) {
            Some((year, quarter, number)) => NewCode::Brought { series, year, quarter, number },
            None => NewCode::None,
        },
        (Some(series), _) => NewCode::Wanted { series },
    };
    let personal = (!put.personal.is_empty()).then(|| canonical_json(&put.personal)).filter(|text| &**text != "{}");
    Ok(Prepared {
        collection: put.collection,
        id: put.id,
        valid_at: put.valid_at,
        geometry_json: body::geometry_json(put.geometry.as_ref()),
        geometry: put.geometry,
        ewkb,
        properties: canonical_json(&put.properties),
        personal,
        code,
    })
}

impl Prepared {
    /// Bytes of its texts, of which a slice of an import holds only so many.
    pub fn bytes(&self) -> usize {
        self.geometry_json.len() + self.properties.len()
    }

    pub fn set_code(&mut self, code: &str) {
        self.properties = rules::with_code(&self.properties, code);
    }

    /// The change as everybody else will see it.
    pub fn into_change(mut self, frame: &Frame, seq: Seq, version: u32, at: Timestamp, code: Option<&str>) -> Change {
        if let Some(code) = code {
            self.set_code(code);
        }
        Change {
            seq,
            request_id: frame.request_id,
            actor: Arc::clone(&frame.actor),
            valid_at: self.valid_at.unwrap_or(at),
            exercise_id: frame.exercise_id,
            collection: self.collection,
            record: Arc::new(Record {
                id: self.id,
                version,
                recorded_at: at,
                geometry: self.geometry,
                properties: self.properties,
                personal: self.personal,
            }),
        }
    }
}

/// An instant as the database takes it.
pub(super) fn instant(at: Timestamp) -> Instant {
    // Every `Timestamp` was an instant of jiff, or is told from its milliseconds at the ends of its range.
    Instant::from_millisecond(at.as_ms()).unwrap_or(if at.as_ms() < 0 { Instant::MIN } else { Instant::MAX })
}

/// The day (UTC) of an instant, as partitions have it.
pub(super) fn day(at: Timestamp) -> jiff::civil::Date {
    instant(at).to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// An instant as the database gives it.
pub(super) fn timestamp(at: Instant) -> Timestamp {
    Timestamp::from_ms(at.as_millisecond())
}
