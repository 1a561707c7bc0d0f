//! The journal at an earlier seq: which one a moment had, what was known of a record, and where units were.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::fixes::{self, Placed};
use super::{checkpoint, read};
use crate::domain::change::Seq;
use crate::domain::{Change, Collection, Fix, Timestamp};
use crate::store::StoreError;

/// A fix may be so much ahead of the server's clock, seconds; a checkpoint older than that holds none of later.
const FIX_AHEAD_S: i64 = 120;

/// The newest seq that was recorded at or before `at`; 0 before the first. Seqs are recorded in their order.
pub(super) fn seq_at(conn: &Connection, at: Timestamp) -> Result<Seq, StoreError> {
    let hidden_from = read::hidden_from(conn)?;
    let journal = newest_by(conn, "journal", at, hidden_from)?;
    Ok(journal.max(newest_by(conn, "fix_batches", at, hidden_from)?))
}

/// By halving: there is no index on the time, since the key has its order.
fn newest_by(conn: &Connection, table: &str, at: Timestamp, hidden_from: Seq) -> Result<Seq, StoreError> {
    let mut before = conn
        .prepare_cached(&format!("SELECT seq, recorded_at FROM {table} WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1"))?;
    let at = at.to_string();
    // Everything up to `low` was recorded by then, nothing from `high` on.
    let (mut low, mut high) = (0, hidden_from.cast_signed());
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        let row: Option<(i64, String)> =
            before.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?.filter(|(seq, _)| *seq > low);
        match row {
            None => low = middle,
            Some((_, recorded_at)) if recorded_at <= at => low = middle,
            Some((seq, _)) => high = seq,
        }
    }
    let last: Option<i64> = conn
        .prepare_cached(&format!("SELECT max(seq) FROM {table} WHERE seq <= ?1"))?
        .query_row([low], |row| row.get(0))?;
    Ok(last.unwrap_or(0).cast_unsigned())
}

/// See [`crate::store::Store::known_at`].
pub(super) fn known_at(conn: &Connection, seq: Seq, records: &[(Collection, Uuid)]) -> Result<Vec<Change>, StoreError> {
    let mut known = Vec::new();
    for (collection, id) in records {
        known.extend(read::newest_until(conn, *collection, *id, seq)?);
    }
    Ok(known)
}

/// See [`crate::store::Store::told_late`].
pub(super) fn told_late(
    conn: &Connection,
    valid_by: Timestamp,
    after: Seq,
    through: Seq,
) -> Result<Vec<Change>, StoreError> {
    let before = read::hidden_from(conn)?.min(through.saturating_add(1)).min(i64::MAX.cast_unsigned());
    read::changes(
        conn,
        "valid_at <= ?1 AND valid_at < recorded_at AND seq > ?2 AND seq < ?3",
        (valid_by.to_string(), after.cast_signed(), before.cast_signed()),
    )
}

/// See [`crate::store::Store::fixes_known_at`].
pub(super) fn fixes_known_at(conn: &Connection, seq: Seq, taken_by: Timestamp) -> Result<Vec<(Fix, Seq)>, StoreError> {
    let start = seq_at(conn, taken_by.plus_s(-FIX_AHEAD_S))?.min(seq);
    let last: Option<i64> = conn
        .prepare_cached("SELECT max(seq) FROM checkpoints WHERE seq <= ?1")?
        .query_row([start.cast_signed()], |row| row.get(0))?;
    let last = last.unwrap_or(0).cast_unsigned();
    let mut newest: HashMap<Uuid, Placed> = HashMap::new();
    for (batch, n) in checkpoint::read(conn, last)?.map(|known| known.positions).unwrap_or_default() {
        if let Some(placed) = fixes::one(conn, batch, n)? {
            newest.insert(placed.fix.unit_id, placed);
        }
    }
    let hidden_from = read::hidden_from(conn)?.min(seq.saturating_add(1));
    fixes::each_after(conn, last, hidden_from, |placed| {
        if placed.fix.at <= taken_by {
            fixes::keep_newest(&mut newest, placed);
        }
    })?;
    Ok(newest.into_values().map(|placed| (placed.fix, placed.seq)).collect())
}
