//! What can be done before the transaction is done here: texts and EWKB. Puts go to the database as columns of arrays,
//! one array a parameter of the function that takes them.

use std::sync::Arc;

use geo_types::Geometry;
use geozero::{CoordDimensions, ToWkb};
use jiff::Timestamp as Instant;
use uuid::Uuid;

use super::tables::SRID;
use crate::domain::change::{Seq, canonical_json};
use crate::domain::{Change, Code, Collection, Record, Timestamp};
use crate::store::{Put, StoreError, body, rules};

const SALT_BYTES: usize = 16;

/// A [`Put`] ready for its row.
pub(super) struct Prepared {
    pub collection: Collection,
    pub id: Uuid,
    pub valid_at: Option<Timestamp>,
    geometry: Option<Geometry<f64>>,
    ewkb: Option<Vec<u8>>,
    geometry_json: String,
    properties: Box<str>,
    personal: Option<Box<str>>,
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

/// An instant as the database gives it.
pub(super) fn timestamp(at: Instant) -> Timestamp {
    Timestamp::from_ms(at.as_millisecond())
}

/// Puts as arrays. The texts are borrowed, since a group is tried again where it failed as a whole.
#[derive(Default)]
pub(super) struct PutArrays<'a> {
    pub collection: Vec<&'static str>,
    pub id: Vec<Uuid>,
    pub valid_at: Vec<Option<Instant>>,
    pub ewkb: Vec<Option<&'a [u8]>>,
    pub geometry: Vec<&'a str>,
    pub properties: Vec<&'a str>,
    pub coded: Vec<Option<String>>,
    pub mark: Vec<Option<String>>,
    pub series: Vec<Option<&'static str>>,
    pub year: Vec<Option<i32>>,
    pub quarter: Vec<Option<i32>>,
    pub number: Vec<Option<i64>>,
    pub personal: Vec<Option<&'a str>>,
    pub salt: Vec<Option<Vec<u8>>>,
}

impl<'a> PutArrays<'a> {
    pub fn push(&mut self, put: &'a Prepared) {
        self.collection.push(put.collection.as_str());
        self.id.push(put.id);
        self.valid_at.push(put.valid_at.map(instant));
        self.ewkb.push(put.ewkb.as_deref());
        self.geometry.push(&put.geometry_json);
        self.properties.push(&put.properties);
        self.personal.push(put.personal.as_deref());
        self.salt.push(put.personal.is_some().then(|| rand::random::<[u8; SALT_BYTES]>().to_vec()));
        let (mut coded, mut mark, mut brought) = (None, None, (None, None, None));
        let series = match put.code {
            NewCode::None => None,
            NewCode::Brought { series, year, quarter, number } => {
                brought = (i32::try_from(year).ok(), i32::try_from(quarter).ok(), Some(number));
                Some(series)
            }
            NewCode::Wanted { series } => {
                // Nothing else in the text can be equal to it.
                let place = Uuid::now_v7().to_string();
                coded = Some(rules::with_code(&put.properties, &place).into_string());
                mark = Some(place);
                Some(series)
            }
        };
        self.coded.push(coded);
        self.mark.push(mark);
        self.series.push(series);
        self.year.push(brought.0);
        self.quarter.push(brought.1);
        self.number.push(brought.2);
    }
}
