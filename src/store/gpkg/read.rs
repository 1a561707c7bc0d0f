//! Reading the journal: changes and fix batches in one order, the versions of a record, the pool of read connections.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{fixes, folder};
use crate::domain::change::Seq;
use crate::domain::{Change, Collection, Event, FixBatch, Record, Timestamp};
use crate::store::{StoreError, body};

/// Readers of the journal at one time; more wait for a connection.
const READERS_MAX: usize = 4;

/// Read-only connections, opened when needed and kept.
pub(super) struct Readers {
    file: PathBuf,
    permits: Arc<Semaphore>,
    /// Taken and given back for a moment only, never held across a query.
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub fn new(file: PathBuf) -> Self {
        Self { file, permits: Arc::new(Semaphore::new(READERS_MAX)), idle: Arc::default() }
    }

    pub fn file(&self) -> &std::path::Path {
        &self.file
    }

    /// Runs `work` in one read transaction on a thread that may block.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = |_| StoreError::Unavailable("the reader is gone".to_owned());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| gone(()))?;
        let (file, idle) = (self.file.clone(), Arc::clone(&self.idle));
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let conn = match kept {
                Some(conn) => conn,
                None => folder::open_reader(&file)?,
            };
            let transaction = conn.unchecked_transaction()?;
            let answer = work(&transaction);
            drop(transaction);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            answer
        });
        task.await.map_err(|_| gone(()))?
    }

    /// Closes the connections that nobody uses.
    pub fn close_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The first seq that does not count, because an import under way set it aside; `i64::MAX` if there is none.
pub(super) fn hidden_from(conn: &Connection) -> Result<Seq, StoreError> {
    let first: Option<i64> =
        conn.prepare_cached("SELECT first_seq FROM staging")?.query_row([], |row| row.get(0)).optional()?;
    Ok(first.unwrap_or(i64::MAX).cast_unsigned())
}

/// The newest seq that counts.
pub(super) fn newest_seq(conn: &Connection, hidden_from: Seq) -> Result<Seq, StoreError> {
    let seq: i64 = conn
        .prepare_cached(
            "SELECT max(ifnull((SELECT max(seq) FROM journal WHERE seq < ?1), 0), \
             ifnull((SELECT max(seq) FROM fix_batches WHERE seq < ?1), 0))",
        )?
        .query_row([hidden_from.cast_signed()], |row| row.get(0))?;
    Ok(seq.cast_unsigned())
}

const CHANGE_COLUMNS: &str =
    "seq, request_id, actor, recorded_at, valid_at, exercise_id, collection, record_id, version, format, body";

/// Up to `limit` events after `after` and not after `through`, journal rows and fix batches in one order.
pub(super) fn events_between(
    conn: &Connection,
    after: Seq,
    through: Seq,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let before = hidden_from(conn)?.min(through.saturating_add(1)).min(i64::MAX.cast_unsigned());
    let bounds = (after.cast_signed(), before.cast_signed(), limit.min(i64::MAX as usize).cast_signed());
    let mut batches = conn
        .prepare_cached("SELECT seq, recorded_at FROM fix_batches WHERE seq > ?1 AND seq < ?2 ORDER BY seq LIMIT ?3")?
        .query_map(bounds, |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, String>(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?
        .into_iter()
        .peekable();
    let sql = format!("SELECT {CHANGE_COLUMNS} FROM journal WHERE seq > ?1 AND seq < ?2 ORDER BY seq LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(bounds)?;
    let mut next_change = rows.next()?.map(|row| read_change(conn, row)).transpose()?;
    let mut events = Vec::new();
    while events.len() < limit {
        let batch_first = match (&next_change, batches.peek()) {
            (None, None) => break,
            (Some(_), None) => false,
            (None, Some(_)) => true,
            (Some(change), Some((seq, _))) => *seq < change.seq,
        };
        if batch_first {
            let Some((seq, recorded_at)) = batches.next() else { break };
            let fixes = fixes::batch(conn, seq)?;
            events.push(Event::Fixes(FixBatch { seq, recorded_at: time(&recorded_at)?, fixes }));
        } else if let Some(change) = next_change.take() {
            events.push(Event::Change(change));
            next_change = rows.next()?.map(|row| read_change(conn, row)).transpose()?;
        }
    }
    Ok(events)
}

/// The changes from `first` to `last`, both included.
pub(super) fn changes_between(conn: &Connection, first: Seq, last: Seq) -> Result<Vec<Change>, StoreError> {
    changes(conn, "seq BETWEEN ?1 AND ?2", (first.cast_signed(), last.cast_signed()))
}

/// The versions of one record, oldest first.
pub(super) fn history(conn: &Connection, collection: Collection, id: Uuid) -> Result<Vec<Change>, StoreError> {
    let hidden_from = hidden_from(conn)?.cast_signed();
    let wanted = "collection = ?1 AND record_id = ?2 AND seq < ?3";
    changes(conn, wanted, (collection.as_str(), id.to_string(), hidden_from))
}

/// The newest change of a record that is not after `seq`.
pub(super) fn newest_until(
    conn: &Connection,
    collection: Collection,
    id: Uuid,
    seq: Seq,
) -> Result<Option<Change>, StoreError> {
    let sql = format!(
        "SELECT {CHANGE_COLUMNS} FROM journal WHERE collection = ?1 AND record_id = ?2 AND seq <= ?3 \
         ORDER BY seq DESC LIMIT 1"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query((collection.as_str(), id.to_string(), seq.cast_signed()))?;
    rows.next()?.map(|row| read_change(conn, row)).transpose()
}

/// The changes for which a condition holds, in their order.
pub(super) fn changes(conn: &Connection, wanted: &str, params: impl Params) -> Result<Vec<Change>, StoreError> {
    let sql = format!("SELECT {CHANGE_COLUMNS} FROM journal WHERE {wanted} ORDER BY seq");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params)?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        changes.push(read_change(conn, row)?);
    }
    Ok(changes)
}

fn read_change(conn: &Connection, row: &Row<'_>) -> Result<Change, StoreError> {
    let seq = row.get::<_, i64>(0)?.cast_unsigned();
    let damaged = |what: &str| StoreError::Damaged(format!("journal row {seq}: {what}"));
    let text = |at: usize| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
    let uuid = |at: usize| Uuid::parse_str(text(at)?).map_err(|_| damaged("unreadable id"));
    let body = body::parse(row.get(9)?, text(10)?).map_err(|why| damaged(&why))?;
    let personal = match &body.personal {
        Some(personal) => personal_value(conn, personal.reference)?,
        None => None,
    };
    Ok(Change {
        seq,
        request_id: uuid(1)?,
        actor: text(2)?.into(),
        valid_at: time(text(4)?)?,
        exercise_id: if row.get_ref(5)? == ValueRef::Null { None } else { Some(uuid(5)?) },
        collection: Collection::parse(text(6)?).ok_or_else(|| damaged("unknown collection"))?,
        record: Arc::new(Record {
            id: uuid(7)?,
            version: row.get(8)?,
            recorded_at: time(text(3)?)?,
            geometry: body.geometry,
            properties: body.properties.into(),
            personal,
        }),
    })
}

/// The personal values behind a reference; `None` once they are erased.
fn personal_value(conn: &Connection, reference: i64) -> Result<Option<Box<str>>, StoreError> {
    let value: Option<String> = conn
        .prepare_cached("SELECT value FROM personal_values WHERE ref = ?1")?
        .query_row([reference], |row| row.get(0))
        .optional()?;
    Ok(value.map(String::into_boxed_str))
}

pub(super) fn time(text: &str) -> Result<Timestamp, StoreError> {
    Timestamp::parse(text).map_err(|error| StoreError::Damaged(error.to_string()))
}
