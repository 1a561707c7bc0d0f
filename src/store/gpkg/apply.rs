//! One call of the desk inside its transaction: the request id, the expected versions, then each record with its
//! journal row, its code and its personal values. Nothing here commits; an error means that the caller rolls back.

use std::cell::Cell;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::prepare::{self, Call, Prepared};
use super::read;
use super::tables::{FIELD_PARAMETER, Table};
use crate::domain::change::Seq;
use crate::domain::{Change, Collection, Record, Timestamp};
use crate::store::body::{self, PersonalRef};
use crate::store::{Appended, Expect, Idempotency, StoreError, rules};

const SALT_BYTES: usize = 16;

/// What all rows of one call share.
pub(super) struct Frame<'a> {
    pub conn: &'a Connection,
    pub tables: &'a [Table],
    /// Rows with this seq or a later one belong to an import under way and do not count.
    pub hidden_from: Seq,
    pub request_id: Uuid,
    pub actor: Arc<str>,
    pub exercise_id: Option<Uuid>,
    pub now: Timestamp,
    pub now_text: String,
    /// Set when a row of the import under way had to make room for this call.
    pub import_lost: Cell<bool>,
}

/// How a record stands in its table.
pub(super) struct Present {
    pub version: u32,
    pub seq: Seq,
    pub personal_ref: Option<i64>,
}

/// Makes one call; takes its seqs from `next_seq`.
pub(super) fn append(frame: &Frame<'_>, next_seq: &mut Seq, call: Call) -> Result<Appended, StoreError> {
    let conn = frame.conn;
    if let Some(idempotency) = call.idempotency
        && let Some((first, last)) = known(conn, &idempotency)?
    {
        let changes = if first == 0 { Vec::new() } else { read::changes_between(conn, first, last)? };
        return Ok(Appended { changes, replayed: true });
    }
    for expect in &call.expects {
        check_expected(frame, expect)?;
    }
    let mut changes = Vec::with_capacity(call.puts.len());
    for prepared in call.puts {
        changes.push(put(frame, prepared, *next_seq)?);
        *next_seq += 1;
    }
    if let Some(idempotency) = call.idempotency {
        let first = changes.first().map_or(0, |change| change.seq);
        let last = changes.last().map_or(0, |change| change.seq);
        remember(conn, &idempotency, first, last, frame.now)?;
    }
    Ok(Appended { changes, replayed: false })
}

/// First and last seq of an earlier call with the same key and body; 0 if that one changed nothing.
pub(super) fn known(conn: &Connection, idempotency: &Idempotency) -> Result<Option<(Seq, Seq)>, StoreError> {
    let known = conn
        .prepare_cached("SELECT body_hash, first_seq, last_seq FROM requests WHERE key = ?1")?
        .query_row([idempotency.key.to_string()], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    match known {
        None => Ok(None),
        Some((hash, first, last)) if hash == idempotency.body_hash => {
            Ok(Some((first.cast_unsigned(), last.cast_unsigned())))
        }
        Some(_) => Err(StoreError::IdempotencyMismatch),
    }
}

/// Keeps the key, so that the same call does not happen twice.
pub(super) fn remember(
    conn: &Connection,
    idempotency: &Idempotency,
    first: Seq,
    last: Seq,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO requests VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
        idempotency.key.to_string(),
        idempotency.body_hash,
        first.cast_signed(),
        last.cast_signed(),
        now.as_ms(),
    ))?;
    Ok(())
}

/// Refuses if the record does not stand at the expected version; one that is not there stands at 0.
pub(super) fn check_expected(frame: &Frame<'_>, expect: &Expect) -> Result<(), StoreError> {
    let Expect { collection, id, version: expected } = *expect;
    let present = present(frame, collection, id)?.filter(|row| row.seq < frame.hidden_from);
    let present = present.map_or(0, |row| row.version);
    if present != expected {
        return Err(StoreError::Conflict { collection, id, expected, present });
    }
    Ok(())
}

/// The row of a record, hidden or not.
pub(super) fn present(frame: &Frame<'_>, collection: Collection, id: Uuid) -> Result<Option<Present>, StoreError> {
    let sql = &frame.tables[collection.index()].present;
    let row = frame.conn.prepare_cached(sql)?.query_row([id.to_string()], |row| {
        Ok(Present { version: row.get(0)?, seq: row.get::<_, i64>(1)?.cast_unsigned(), personal_ref: row.get(2)? })
    });
    Ok(row.optional()?)
}

/// One record: code, personal values, journal row, record row.
fn put(frame: &Frame<'_>, mut prepared: Prepared, seq: Seq) -> Result<Change, StoreError> {
    let mut present = present(frame, prepared.collection, prepared.id)?;
    if present.as_ref().is_some_and(|row| row.seq >= frame.hidden_from) {
        // An import under way holds the id already; what is durable first wins.
        let sql = format!("DELETE FROM {} WHERE id = ?1", prepared.collection);
        frame.conn.prepare_cached(&sql)?.execute([prepared.id.to_string()])?;
        frame.import_lost.set(true);
        present = None;
    }
    if present.is_none() {
        give_code(frame, &mut prepared)?;
    }
    let version = present.as_ref().map_or(0, |row| row.version) + 1;
    let personal = keep_personal(frame, &prepared, seq, present.as_ref().and_then(|row| row.personal_ref))?;
    write_journal(frame, &prepared, seq, version, personal.as_ref())?;
    write_record(frame, &prepared, seq, version, personal.as_ref(), present.is_some())?;
    Ok(change(frame, prepared, seq, version))
}

/// The change as everybody else will see it.
pub(super) fn change(frame: &Frame<'_>, prepared: Prepared, seq: Seq, version: u32) -> Change {
    Change {
        seq,
        request_id: frame.request_id,
        actor: Arc::clone(&frame.actor),
        valid_at: prepared.valid_at.unwrap_or(frame.now),
        exercise_id: frame.exercise_id,
        collection: prepared.collection,
        record: Arc::new(Record {
            id: prepared.id,
            version,
            recorded_at: frame.now,
            geometry: prepared.geometry,
            properties: prepared.properties,
            personal: prepared.personal,
        }),
    }
}

/// Gives a new record the next code of its series and quarter, or makes the series jump over the code it brings.
pub(super) fn give_code(frame: &Frame<'_>, prepared: &mut Prepared) -> Result<(), StoreError> {
    let Some(series) = rules::code_series(prepared.collection, frame.exercise_id.is_some()) else { return Ok(()) };
    let table = &frame.tables[prepared.collection.index()];
    if let Some(code) = prepare::code(table, prepared) {
        if let Some((year, quarter, number)) = rules::parse_code(series, code) {
            frame
                .conn
                .prepare_cached(
                    "INSERT INTO code_counters VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT DO UPDATE SET next = max(next, excluded.next)",
                )?
                .execute((series, year, quarter, number + 1))?;
        }
        return Ok(());
    }
    // A past incident gets a code of the quarter in which it happened, whenever it is recorded.
    let (year, quarter) = prepared.valid_at.unwrap_or(frame.now).local_year_quarter();
    let number: i64 = frame
        .conn
        .prepare_cached(
            "INSERT INTO code_counters VALUES (?1, ?2, ?3, 2) \
             ON CONFLICT DO UPDATE SET next = next + 1 RETURNING next - 1",
        )?
        .query_row((series, year, quarter), |row| row.get(0))?;
    prepare::set_code(table, prepared, &format!("{series}-{year:04}-Q{quarter}-{number:04}"));
    Ok(())
}

/// Keeps personal values in their side table. Unchanged ones keep their row, so that erasing it erases them in every
/// version that holds them.
pub(super) fn keep_personal(
    frame: &Frame<'_>,
    prepared: &Prepared,
    seq: Seq,
    present: Option<i64>,
) -> Result<Option<PersonalRef>, StoreError> {
    let Some(text) = prepared.personal.as_deref() else { return Ok(None) };
    if let Some(reference) = present {
        let kept = frame
            .conn
            .prepare_cached("SELECT salt FROM personal_values WHERE ref = ?1 AND value = ?2")?
            .query_row((reference, text), |row| row.get::<_, Vec<u8>>(0))
            .optional()?;
        if let Some(salt) = kept {
            return Ok(Some(PersonalRef { reference, hash: body::personal_hash(&salt, text) }));
        }
    }
    let salt: [u8; SALT_BYTES] = rand::random();
    frame
        .conn
        .prepare_cached(
            "INSERT INTO personal_values (seq, collection, record_id, salt, value) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((seq.cast_signed(), prepared.collection.as_str(), prepared.id.to_string(), salt, text))?;
    let reference = frame.conn.last_insert_rowid();
    Ok(Some(PersonalRef { reference, hash: body::personal_hash(&salt, text) }))
}

pub(super) fn write_journal(
    frame: &Frame<'_>,
    prepared: &Prepared,
    seq: Seq,
    version: u32,
    personal: Option<&PersonalRef>,
) -> Result<(), StoreError> {
    let body = body::write(&prepared.geometry_json, personal, &prepared.properties);
    let valid_at = prepared.valid_at.map(|at| at.to_string());
    frame.conn.prepare_cached("INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?.execute(
        (
            seq.cast_signed(),
            frame.request_id.to_string(),
            &*frame.actor,
            &frame.now_text,
            valid_at.as_ref().unwrap_or(&frame.now_text),
            frame.exercise_id.map(|id| id.to_string()),
            prepared.collection.as_str(),
            prepared.id.to_string(),
            version,
            body::FORMAT,
            body,
        ),
    )?;
    Ok(())
}

pub(super) fn write_record(
    frame: &Frame<'_>,
    prepared: &Prepared,
    seq: Seq,
    version: u32,
    personal: Option<&PersonalRef>,
    exists: bool,
) -> Result<(), StoreError> {
    let table = &frame.tables[prepared.collection.index()];
    let sql = if exists { &table.update } else { &table.insert };
    let mut statement = frame.conn.prepare_cached(sql)?;
    statement.raw_bind_parameter(1, prepared.blob.as_deref())?;
    statement.raw_bind_parameter(2, prepared.id.to_string())?;
    statement.raw_bind_parameter(3, version)?;
    statement.raw_bind_parameter(4, seq.cast_signed())?;
    statement.raw_bind_parameter(5, &frame.now_text)?;
    statement.raw_bind_parameter(6, personal.map(|personal| personal.reference))?;
    for (at, value) in prepared.columns.iter().enumerate() {
        statement.raw_bind_parameter(at + FIELD_PARAMETER, value)?;
    }
    statement.raw_execute()?;
    Ok(())
}
