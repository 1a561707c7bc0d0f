//! Puts and fixes as columns of arrays, one array a parameter of the functions and statements that take them, and the
//! order in which these stand. Said here once for calls, imports and copies.

use jiff::Timestamp as Instant;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::prepare::{NewCode, Prepared, instant};
use super::read::source_code;
use crate::domain::Fix;
use crate::store::rules;

const SALT_BYTES: usize = 16;

/// A parameter of a statement.
pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// Puts as arrays. The texts are borrowed, since a group is tried again where it failed as a whole.
#[derive(Default)]
pub(super) struct PutArrays<'a> {
    pub collection: Vec<&'static str>,
    pub id: Vec<Uuid>,
    pub valid_at: Vec<Option<Instant>>,
    pub ewkb: Vec<Option<&'a [u8]>>,
    geometry: Vec<&'a str>,
    pub properties: Vec<&'a str>,
    coded: Vec<Option<String>>,
    mark: Vec<Option<String>>,
    series: Vec<Option<&'static str>>,
    year: Vec<Option<i32>>,
    quarter: Vec<Option<i32>>,
    number: Vec<Option<i64>>,
    personal: Vec<Option<&'a str>>,
    salt: Vec<Option<Vec<u8>>>,
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

    /// The columns of a record, in the order of the functions' parameters: collection, id, valid_at, geom, geometry,
    /// properties.
    pub fn record(&self) -> [Parameter<'_>; 6] {
        [&self.collection, &self.id, &self.valid_at, &self.ewkb, &self.geometry, &self.properties]
    }

    /// coded, mark, series, year, quarter, number.
    pub fn code(&self) -> [Parameter<'_>; 6] {
        [&self.coded, &self.mark, &self.series, &self.year, &self.quarter, &self.number]
    }

    /// personal, salt.
    pub fn personal(&self) -> [Parameter<'_>; 2] {
        [&self.personal, &self.salt]
    }
}

/// Batches of fixes as arrays, each fix with the place of its batch from 1.
#[derive(Default)]
pub(super) struct FixArrays<'a> {
    batch: Vec<i32>,
    n: Vec<i32>,
    unit: Vec<Uuid>,
    at: Vec<Instant>,
    lon: Vec<f64>,
    lat: Vec<f64>,
    accuracy: Vec<Option<f64>>,
    speed: Vec<Option<f64>>,
    course: Vec<Option<f64>>,
    source: Vec<i16>,
    heard_by: Vec<Option<&'a str>>,
}

impl<'a> FixArrays<'a> {
    pub fn of(batches: impl Iterator<Item = &'a [Fix]>) -> Self {
        let mut arrays = Self::default();
        for (at, fixes) in batches.enumerate() {
            for (n, fix) in fixes.iter().enumerate() {
                arrays.batch.push(at as i32 + 1);
                arrays.n.push(n as i32);
                arrays.unit.push(fix.unit_id);
                arrays.at.push(instant(fix.at));
                arrays.lon.push(fix.lon);
                arrays.lat.push(fix.lat);
                arrays.accuracy.push(fix.accuracy_m);
                arrays.speed.push(fix.speed_mps);
                arrays.course.push(fix.course_deg);
                arrays.source.push(source_code(fix.source));
                arrays.heard_by.push(fix.heard_by.as_deref());
            }
        }
        arrays
    }

    /// The columns of the fixes, in the order of the functions' parameters: batch, n, unit, at, lon, lat, accuracy,
    /// speed, course, source, heard_by.
    pub fn fixes(&self) -> [Parameter<'_>; 11] {
        [
            &self.batch,
            &self.n,
            &self.unit,
            &self.at,
            &self.lon,
            &self.lat,
            &self.accuracy,
            &self.speed,
            &self.course,
            &self.source,
            &self.heard_by,
        ]
    }
}
