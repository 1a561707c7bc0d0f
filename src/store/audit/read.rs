//! Rows for whoever supervises: a page of them, or all of a time.

use std::path::Path;

use rusqlite::Connection;
use uuid::Uuid;

use super::chain::{COLUMNS, Row};
use super::{FILE, Kind, open_reader};
use crate::domain::{Collection, Timestamp};
use crate::store::StoreError;

/// Rows on a page, at most.
pub const ROWS_MAX: usize = 1_000;

/// Which rows.
#[derive(Clone, Debug, Default)]
pub struct RowsQuery {
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    pub actor: Option<String>,
    pub collection: Option<Collection>,
    /// Rows that name this record.
    pub record: Option<Uuid>,
    pub kind: Option<Kind>,
    /// Rows of a lower seq alone: the next page.
    pub before: Option<i64>,
    /// As many, at most; never more than [`ROWS_MAX`].
    pub limit: usize,
}

/// A page, newest first.
pub(super) fn rows(conn: &Connection, query: &RowsQuery) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM rows WHERE at_ms >= ?1 AND at_ms < ?2 AND seq < ?3
         AND (?4 IS NULL OR actor = ?4) AND (?5 IS NULL OR collection = ?5)
         AND (?6 IS NULL OR kind = ?6) AND (?7 IS NULL OR instr(ids, ?7)) ORDER BY seq DESC LIMIT ?8"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let (from, to) = span(query.from, query.to);
    let before = query.before.unwrap_or(i64::MAX);
    let limit = i64::try_from(query.limit.min(ROWS_MAX)).unwrap_or_default();
    let collection = query.collection.map(Collection::as_str);
    let (kind, record) = (query.kind.map(Kind::as_str), query.record.map(Uuid::into_bytes));
    let found = statement.query_map((from, to, before, &query.actor, collection, kind, record, limit), Row::of)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Gives every row of a time to `sink`, oldest first, until it fails.
///
/// # Errors
/// What the system said, or what `sink` did.
pub fn walk<E: From<StoreError>>(
    dir: &Path,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    mut sink: impl FnMut(&Row) -> Result<(), E>,
) -> Result<(), E> {
    let conn = open_reader(&dir.join(FILE))?;
    let sql = format!("SELECT {COLUMNS} FROM rows WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY seq");
    let mut statement = conn.prepare(&sql).map_err(StoreError::from)?;
    let mut rows = statement.query(span(from, to)).map_err(StoreError::from)?;
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        sink(&Row::of(row).map_err(StoreError::from)?)?;
    }
    Ok(())
}

fn span(from: Option<Timestamp>, to: Option<Timestamp>) -> (i64, i64) {
    (from.map_or(i64::MIN, Timestamp::as_ms), to.map_or(i64::MAX, Timestamp::as_ms))
}
