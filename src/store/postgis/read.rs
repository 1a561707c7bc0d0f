//! Reading: changes and batches of fixes in one order, the versions of a record, rows of the record tables.

use std::collections::HashMap;
use std::sync::Arc;

use geo_types::Geometry;
use geozero::wkb::Decode;
use jiff::Timestamp as Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use super::follow::counter;
use super::prepare::timestamp;
use crate::domain::change::Seq;
use crate::domain::schema::{Field, FieldKind};
use crate::domain::{Change, Collection, Event, Fix, FixBatch, FixSource, Record};
use crate::store::rules::sorted_columns;
use crate::store::{StoreError, body};

pub(super) const CHANGES: &str = "SELECT j.seq, j.request_id, j.actor, j.recorded_at, j.valid_at, j.exercise_id, j.collection, \
     j.record_id, j.version, j.format, j.body, p.value \
     FROM journal j LEFT JOIN personal_values p ON p.ref = j.personal_ref";

/// Up to `limit` events after `after` and not after `through`, journal rows and batches of fixes in one order.
pub(super) async fn events_between(
    client: &impl GenericClient,
    after: Seq,
    through: Seq,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    // Whatever is not after the counter is committed, so that the statements that follow see the same.
    let through = through.min(counter(client).await?).cast_signed();
    let after = after.min(i64::MAX.cast_unsigned()).cast_signed();
    let limit_rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let bounds: [&(dyn ToSql + Sync); 3] = [&after, &through, &limit_rows];
    let changes = format!("{CHANGES} WHERE j.seq > $1 AND j.seq <= $2 ORDER BY j.seq LIMIT $3");
    let batches = "SELECT seq, recorded_at FROM fix_batches WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3";
    let (changes, batches) = tokio::try_join!(client.query(&changes, &bounds), client.query(batches, &bounds))?;
    let mut events: Vec<Event> = Vec::with_capacity(changes.len() + batches.len());
    for row in &changes {
        events.push(Event::Change(read_change(row)?));
    }
    events.extend(batches.iter().map(read_batch).map(Event::Fixes));
    events.sort_by_key(Event::seq);
    events.truncate(limit);
    let batches = events.iter_mut().filter_map(|event| match event {
        Event::Fixes(batch) => Some(batch),
        Event::Change(_) => None,
    });
    fill_batches(client, batches).await?;
    Ok(events)
}

/// The batches with `after < seq ≤ through`, in their order.
pub(super) async fn batches_between(
    client: &impl GenericClient,
    after: Seq,
    through: Seq,
) -> Result<Vec<FixBatch>, StoreError> {
    let sql = "SELECT seq, recorded_at FROM fix_batches WHERE seq > $1 AND seq <= $2 ORDER BY seq";
    let rows = client.query(sql, &[&after.cast_signed(), &through.cast_signed()]).await?;
    let mut batches: Vec<FixBatch> = rows.iter().map(read_batch).collect();
    fill_batches(client, batches.iter_mut()).await?;
    Ok(batches)
}

/// A batch without its fixes.
fn read_batch(row: &Row) -> FixBatch {
    FixBatch { seq: seq(row, 0), recorded_at: timestamp(row.get(1)), fixes: Arc::new([]) }
}

/// Gives batches their fixes.
async fn fill_batches<'a>(
    client: &impl GenericClient,
    batches: impl Iterator<Item = &'a mut FixBatch>,
) -> Result<(), StoreError> {
    let mut batches: Vec<&mut FixBatch> = batches.collect();
    let seqs: Vec<i64> = batches.iter().map(|batch| batch.seq.cast_signed()).collect();
    if seqs.is_empty() {
        return Ok(());
    }
    let sql = "SELECT f.unit_id, f.at, f.lon, f.lat, f.accuracy_m, f.speed_mps, f.course_deg, f.source, f.heard_by, \
               f.seq FROM fixes f WHERE f.seq = ANY($1) ORDER BY f.seq, f.n";
    let mut of_batch: HashMap<Seq, Vec<Fix>> = HashMap::new();
    for row in client.query(sql, &[&seqs]).await? {
        of_batch.entry(seq(&row, 9)).or_default().push(read_fix(&row));
    }
    for batch in &mut batches {
        batch.fixes = of_batch.remove(&batch.seq).unwrap_or_default().into();
    }
    Ok(())
}

/// The changes from `first` to `last`, both included.
pub(super) async fn changes_between(
    client: &impl GenericClient,
    first: Seq,
    last: Seq,
) -> Result<Vec<Change>, StoreError> {
    let sql = format!("{CHANGES} WHERE j.seq BETWEEN $1 AND $2 ORDER BY j.seq");
    let rows = client.query(&sql, &[&first.cast_signed(), &last.cast_signed()]).await?;
    rows.iter().map(read_change).collect()
}

/// The versions of one record, oldest first.
pub(super) async fn history(
    client: &impl GenericClient,
    collection: Collection,
    id: Uuid,
) -> Result<Vec<Change>, StoreError> {
    let sql = format!("{CHANGES} WHERE j.collection = $1 AND j.record_id = $2 ORDER BY j.seq");
    let rows = client.query(&sql, &[&collection.as_str(), &id]).await?;
    rows.iter().map(read_change).collect()
}

pub(super) fn seq(row: &Row, column: usize) -> Seq {
    row.get::<_, i64>(column).cast_unsigned()
}

pub(super) fn read_change(row: &Row) -> Result<Change, StoreError> {
    let damaged = |why: &str| StoreError::Damaged(format!("journal row {}: {why}", seq(row, 0)));
    let body = body::parse(i64::from(row.get::<_, i32>(9)), row.get(10)).map_err(|why| damaged(&why))?;
    Ok(Change {
        seq: seq(row, 0),
        request_id: row.get(1),
        actor: row.get::<_, &str>(2).into(),
        valid_at: timestamp(row.get(4)),
        exercise_id: row.get(5),
        collection: Collection::parse(row.get(6)).ok_or_else(|| damaged("unknown collection"))?,
        record: Arc::new(Record {
            id: row.get(7),
            version: version(row, 8),
            recorded_at: timestamp(row.get(3)),
            geometry: body.geometry,
            properties: body.properties.into(),
            personal: row.get::<_, Option<&str>>(11).map(Box::from),
        }),
    })
}

pub(super) fn version(row: &Row, column: usize) -> u32 {
    row.get::<_, i32>(column).cast_unsigned()
}

/// The newest fix of each unit and its seq, of the view `newest_fixes`.
pub(super) async fn newest_fixes(client: &impl GenericClient) -> Result<Vec<(Fix, Seq)>, StoreError> {
    let sql =
        "SELECT unit_id, at, lon, lat, accuracy_m, speed_mps, course_deg, source, heard_by, seq FROM newest_fixes";
    Ok(client.query(sql, &[]).await?.iter().map(|row| (read_fix(row), seq(row, 9))).collect())
}

pub(super) fn read_fix(row: &Row) -> Fix {
    Fix {
        unit_id: row.get(0),
        at: timestamp(row.get(1)),
        lon: row.get(2),
        lat: row.get(3),
        accuracy_m: row.get(4),
        speed_mps: row.get(5),
        course_deg: row.get(6),
        source: source_of(row.get(7)),
        heard_by: row.get::<_, Option<&str>>(8).map(Arc::from),
    }
}

pub(super) fn source_code(source: FixSource) -> i16 {
    match source {
        FixSource::Gps => 0,
        FixSource::Radio => 1,
        FixSource::Post => 2,
    }
}

fn source_of(code: i16) -> FixSource {
    match code {
        0 => FixSource::Gps,
        1 => FixSource::Radio,
        _ => FixSource::Post,
    }
}

/// Reads rows of [`super::tables::select`].
pub(super) struct RecordReader {
    fields: Vec<(&'static Field, String)>,
    text: Vec<u8>,
}

/// Where the fields begin in [`super::tables::select`].
const FIRST_FIELD: usize = 7;

impl RecordReader {
    pub fn new(collection: Collection) -> Self {
        let key = |field: &'static Field| (field, format!("\"{}\":", field.name));
        Self { fields: sorted_columns(collection).into_iter().map(key).collect(), text: Vec::with_capacity(1024) }
    }

    /// The record of a row, and the seq that made it.
    pub fn read(&mut self, row: &Row) -> Result<(Record, Seq), StoreError> {
        let id: Uuid = row.get(1);
        let damaged = |why: String| StoreError::Damaged(format!("record {id}: {why}"));
        let geometry: Decode<Geometry<f64>> = row.try_get(0).map_err(|error| damaged(error.to_string()))?;
        let properties = self.properties(row).map_err(|error| damaged(error.to_string()))?;
        let record = Record {
            id,
            version: version(row, 2),
            recorded_at: timestamp(row.get(4)),
            geometry: geometry.geometry,
            properties,
            personal: row.get::<_, Option<&str>>(6).map(Box::from),
        };
        Ok((record, seq(row, 3)))
    }

    fn properties(&mut self, row: &Row) -> Result<Box<str>, Box<dyn std::error::Error>> {
        let text = &mut self.text;
        text.clear();
        text.push(b'{');
        for (at, (field, key)) in self.fields.iter().enumerate() {
            let before = text.len();
            if before > 1 {
                text.push(b',');
            }
            text.extend_from_slice(key.as_bytes());
            if !write_value(text, field.kind, row, at + FIRST_FIELD)? {
                text.truncate(before);
            }
        }
        text.push(b'}');
        Ok(std::str::from_utf8(text)?.into())
    }
}

/// Writes a value as canonical JSON; `false` if there is none.
fn write_value(
    out: &mut Vec<u8>,
    kind: FieldKind,
    row: &Row,
    column: usize,
) -> Result<bool, Box<dyn std::error::Error>> {
    match kind {
        FieldKind::Boolean => write_json(out, row.try_get::<_, Option<bool>>(column)?),
        FieldKind::Integer(..) => write_json(out, row.try_get::<_, Option<i64>>(column)?),
        FieldKind::Real(..) => write_json(out, row.try_get::<_, Option<f64>>(column)?),
        FieldKind::Time => {
            let at = row.try_get::<_, Option<Instant>>(column)?;
            write_json(out, at.map(|at| timestamp(at).to_string()))
        }
        FieldKind::Date => {
            let date = row.try_get::<_, Option<jiff::civil::Date>>(column)?;
            write_json(out, date.map(|date| date.to_string()))
        }
        FieldKind::Text(_) | FieldKind::Choice(_) | FieldKind::Reference => {
            write_json(out, row.try_get::<_, Option<&str>>(column)?)
        }
        FieldKind::Choices(_) | FieldKind::References | FieldKind::Texts(_) | FieldKind::Json(_) => {
            let Some(json) = row.try_get::<_, Option<&str>>(column)? else { return Ok(false) };
            out.extend_from_slice(json.as_bytes());
            Ok(true)
        }
    }
}

fn write_json<T: serde::Serialize>(out: &mut Vec<u8>, value: Option<T>) -> Result<bool, Box<dyn std::error::Error>> {
    let Some(value) = value else { return Ok(false) };
    serde_json::to_writer(out, &value)?;
    Ok(true)
}
