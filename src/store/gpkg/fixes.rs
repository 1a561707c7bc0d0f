//! Position fixes: one row a fix on the hot path, and the newest fix of each unit, which is derived. The table
//! `unit_positions` follows a little later for other programs; what it lacks is read from the fixes at opening.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use super::{blob, meta};
use crate::domain::change::Seq;
use crate::domain::{Fix, FixSource, Timestamp};
use crate::store::StoreError;

/// Units written to `unit_positions` in one transaction: few enough that no other write waits for long.
pub(super) const FLUSH_UNITS_MAX: usize = 2_000;
const POSITIONS_SEQ: &str = "positions_seq";

/// A fix and its place in the fixes table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub seq: Seq,
    pub n: i64,
    pub fix: Fix,
}

/// The newest fix of each unit, owned by the writer.
#[derive(Default)]
pub(super) struct Positions {
    newest: HashMap<Uuid, Placed>,
    /// Units whose row in `unit_positions` is behind.
    dirty: HashSet<Uuid>,
    /// Units still to be written by the flush under way, and the seq up to which it brings the table.
    flushing: Vec<Uuid>,
    flush_seq: Seq,
}

/// Writes one batch; it takes one seq.
pub(super) fn insert(conn: &Connection, seq: Seq, fixes: &[Fix], now_text: &str) -> rusqlite::Result<()> {
    let seq = seq.cast_signed();
    let mut statement =
        conn.prepare_cached("INSERT INTO fixes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?;
    for (n, fix) in fixes.iter().enumerate() {
        statement.execute((
            seq,
            n.cast_signed(),
            fix.unit_id.as_bytes(),
            fix.at.as_ms(),
            fix.lon,
            fix.lat,
            fix.accuracy_m,
            fix.speed_mps,
            fix.course_deg,
            source_code(fix.source),
            fix.heard_by.as_deref(),
        ))?;
    }
    conn.prepare_cached("INSERT INTO fix_batches VALUES (?1, ?2, ?3)")?.execute((
        seq,
        now_text,
        fixes.len().cast_signed(),
    ))?;
    Ok(())
}

const FIX_COLUMNS: &str = "seq, n, unit_id, at_ms, lon, lat, accuracy_m, speed_mps, course_deg, source, heard_by";

/// The fixes of one batch, in their order.
pub(super) fn batch(conn: &Connection, seq: Seq) -> Result<Arc<[Fix]>, StoreError> {
    let sql = format!("SELECT {FIX_COLUMNS} FROM fixes WHERE seq = ?1 ORDER BY n");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([seq.cast_signed()], read_fix)?;
    rows.map(|row| Ok(row?.fix)).collect()
}

/// Calls `sink` with every fix after `after` and before `hidden_from`, in order.
pub(super) fn each_after(
    conn: &Connection,
    after: Seq,
    hidden_from: Seq,
    mut sink: impl FnMut(Placed),
) -> Result<(), StoreError> {
    // Through the batches: a fix counts only with its batch.
    let sql = format!(
        "SELECT {FIX_COLUMNS} FROM fix_batches b JOIN fixes f USING (seq) \
         WHERE b.seq > ?1 AND b.seq < ?2 ORDER BY b.seq, f.n"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query((after.cast_signed(), hidden_from.cast_signed()))?;
    while let Some(row) = rows.next()? {
        sink(read_fix(row)?);
    }
    Ok(())
}

fn read_fix(row: &Row<'_>) -> rusqlite::Result<Placed> {
    let id: [u8; 16] = row.get(2)?;
    Ok(Placed {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        n: row.get(1)?,
        fix: Fix {
            unit_id: Uuid::from_bytes(id),
            at: Timestamp::from_ms(row.get(3)?),
            lon: row.get(4)?,
            lat: row.get(5)?,
            accuracy_m: row.get(6)?,
            speed_mps: row.get(7)?,
            course_deg: row.get(8)?,
            source: source_of(row.get(9)?),
            heard_by: row.get::<_, Option<String>>(10)?.map(Arc::from),
        },
    })
}

fn source_code(source: FixSource) -> i64 {
    match source {
        FixSource::Gps => 0,
        FixSource::Radio => 1,
        FixSource::Post => 2,
    }
}

fn source_of(code: i64) -> FixSource {
    match code {
        0 => FixSource::Gps,
        1 => FixSource::Radio,
        _ => FixSource::Post,
    }
}

fn source_name(source: FixSource) -> &'static str {
    match source {
        FixSource::Gps => "gps",
        FixSource::Radio => "radio",
        FixSource::Post => "post",
    }
}

/// The seq up to which `unit_positions` is known to hold every fix.
pub(super) fn positions_seq(conn: &Connection) -> Result<Seq, StoreError> {
    Ok(meta(conn, POSITIONS_SEQ)?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// One fix by its place.
pub(super) fn one(conn: &Connection, seq: Seq, n: u64) -> Result<Option<Placed>, StoreError> {
    let sql = format!("SELECT {FIX_COLUMNS} FROM fixes WHERE seq = ?1 AND n = ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_row((seq.cast_signed(), n.cast_signed()), read_fix).optional()?)
}

/// Keeps the newer of two fixes of a unit by fix time, of two with the same time the first that came; whether it was
/// this one.
pub(super) fn keep_newest(newest: &mut HashMap<Uuid, Placed>, placed: Placed) -> bool {
    match newest.entry(placed.fix.unit_id) {
        Entry::Occupied(entry) if placed.fix.at <= entry.get().fix.at => false,
        Entry::Occupied(mut entry) => {
            entry.insert(placed);
            true
        }
        Entry::Vacant(entry) => {
            entry.insert(placed);
            true
        }
    }
}

/// The newest fixes as the table holds them.
pub(super) fn stored(conn: &Connection) -> Result<Vec<Placed>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT p.seq, p.n, f.unit_id, f.at_ms, f.lon, f.lat, f.accuracy_m, f.speed_mps, f.course_deg, f.source, \
         f.heard_by FROM unit_positions p JOIN fixes f ON f.seq = p.seq AND f.n = p.n",
    )?;
    Ok(statement.query_map([], read_fix)?.collect::<rusqlite::Result<_>>()?)
}

/// The newest fix of each unit: the derived table, and the fixes that it does not hold yet.
pub(super) fn newest(conn: &Connection, hidden_from: Seq) -> Result<Positions, StoreError> {
    let mut positions = Positions::default();
    for placed in stored(conn)? {
        positions.newest.insert(placed.fix.unit_id, placed);
    }
    each_after(conn, positions_seq(conn)?, hidden_from, |placed| positions.take(placed))?;
    Ok(positions)
}

impl Positions {
    fn take(&mut self, placed: Placed) {
        let unit_id = placed.fix.unit_id;
        if keep_newest(&mut self.newest, placed) {
            self.dirty.insert(unit_id);
        }
    }

    /// Takes a batch that has become durable.
    pub fn take_batch(&mut self, seq: Seq, fixes: &[Fix]) {
        for (n, fix) in fixes.iter().enumerate() {
            let older = self.newest.get(&fix.unit_id).is_some_and(|known| fix.at <= known.fix.at);
            if !older {
                self.take(Placed { seq, n: n.cast_signed() as i64, fix: fix.clone() });
            }
        }
    }

    pub fn into_newest(self) -> impl Iterator<Item = Placed> {
        self.newest.into_values()
    }

    /// Whether a flush is under way and wants its next slice.
    pub fn is_flushing(&self) -> bool {
        !self.flushing.is_empty()
    }

    /// Begins a flush that brings the table up to `durable`.
    pub fn begin_flush(&mut self, durable: Seq) {
        if self.flushing.is_empty() && !self.dirty.is_empty() {
            self.flushing = self.dirty.drain().collect();
            self.flush_seq = durable;
        }
    }

    /// Writes the next slice inside the caller's transaction; how many units it held.
    pub fn write_slice(&self, conn: &Connection) -> Result<usize, StoreError> {
        let slice = &self.flushing[self.flushing.len().saturating_sub(FLUSH_UNITS_MAX)..];
        for unit_id in slice {
            if let Some(placed) = self.newest.get(unit_id) {
                write_position(conn, placed)?;
            }
        }
        if slice.len() == self.flushing.len() {
            super::put_meta(conn, POSITIONS_SEQ, &self.flush_seq.to_string())?;
        }
        Ok(slice.len())
    }

    /// Tells that the slice of so many units has become durable.
    pub fn slice_written(&mut self, units: usize) {
        self.flushing.truncate(self.flushing.len().saturating_sub(units));
    }
}

fn write_position(conn: &Connection, placed: &Placed) -> rusqlite::Result<()> {
    let fix = &placed.fix;
    conn.prepare_cached(
        "INSERT INTO unit_positions (geom, unit_id, fix_at, fix_source, accuracy_m, speed_mps, course_deg, heard_by, \
         seq, n) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (unit_id) DO UPDATE SET \
         geom = excluded.geom, fix_at = excluded.fix_at, fix_source = excluded.fix_source, \
         accuracy_m = excluded.accuracy_m, speed_mps = excluded.speed_mps, course_deg = excluded.course_deg, \
         heard_by = excluded.heard_by, seq = excluded.seq, n = excluded.n",
    )?
    .execute((
        blob::encode_point(fix.lon, fix.lat),
        fix.unit_id.to_string(),
        fix.at.to_string(),
        source_name(fix.source),
        fix.accuracy_m,
        fix.speed_mps,
        fix.course_deg,
        fix.heard_by.as_deref(),
        placed.seq.cast_signed(),
        placed.n,
    ))?;
    Ok(())
}
