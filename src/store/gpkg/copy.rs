//! The GeoPackage's side of a copy from store to store.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, Params, Row as SqlRow};
use uuid::Uuid;

use super::apply::{self, Frame};
use super::backup::{part_of, sync_folder};
use super::snapshot::RecordReader;
use super::{fixes, folder, prepare, put_meta, read, tables};
use crate::domain::change::Seq;
use crate::domain::{Collection, FixBatch, Timestamp};
use crate::store::StoreError;
use crate::store::body::PersonalRef;
use crate::store::copy::{Cut, Entry, Extent, Giver, JournalRow, Row, Rows, put_of};
use crate::store::folder::{Lock, make_folder};

/// Gives every row of one moment, as far as the giver's extent goes, and counts the current records; `path` is a data
/// folder or a single file. Where it was cut.
pub(in crate::store) fn give_copy(path: &Path, giver: &mut Giver) -> Result<Cut, StoreError> {
    let conn = folder::open_reader(&folder::store_file(path))?;
    conn.execute_batch("BEGIN")?;
    let hidden_from = read::hidden_from(&conn)?;
    let cut = find_cut(&conn, hidden_from, giver.extent)?;
    let before = hidden_from.min(cut.before()).cast_signed();
    give(
        &conn,
        giver,
        "SELECT ref, seq, collection, record_id, salt, value FROM personal_values WHERE seq < ?1 ORDER BY ref",
        [before],
        read_personal,
    )?;
    let last = "SELECT seq FROM sqlite_sequence WHERE name = 'personal_values'";
    give(&conn, giver, last, [], |row| Ok(Row::LastReference(row.get(0)?)))?;
    give(
        &conn,
        giver,
        "SELECT seq, request_id, actor, recorded_at, valid_at, exercise_id, collection, record_id, version, format, body \
         FROM journal WHERE seq < ?1 ORDER BY seq",
        [before],
        read_journal,
    )?;
    let batches: Vec<(i64, String)> = conn
        .prepare("SELECT seq, recorded_at FROM fix_batches WHERE seq < ?1 ORDER BY seq")?
        .query_map([before], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (seq, recorded_at) in batches {
        let seq = seq.cast_unsigned();
        let batch = FixBatch { seq, recorded_at: read::time(&recorded_at)?, fixes: fixes::batch(&conn, seq)? };
        giver.give_blocking(Row::Fixes(batch))?;
    }
    let gaps = "SELECT first_seq, last_seq FROM seq_gaps WHERE last_seq < ?1 ORDER BY first_seq";
    give(&conn, giver, gaps, [before], |row| Ok(Row::Gap(seq(row, 0)?, seq(row, 1)?)))?;
    // A call that changed nothing has no seq; its time decides.
    let requests = "SELECT key, body_hash, first_seq, last_seq, recorded_at_ms FROM requests \
                    WHERE last_seq < ?1 AND (last_seq > 0 OR recorded_at_ms <= ?2) ORDER BY key";
    give(&conn, giver, requests, [before, giver.extent.recorded_by().as_ms()], |row| {
        let (first, last, recorded_at) = (seq(row, 2)?, seq(row, 3)?, Timestamp::from_ms(row.get(4)?));
        Ok(Row::Request { key: uuid(row, 0)?, body_hash: row.get(1)?, first, last, recorded_at })
    })?;
    let codes = "SELECT series, year, quarter, next FROM code_counters ORDER BY series, year, quarter";
    give(&conn, giver, codes, [], |row| {
        Ok(Row::Code { series: row.get(0)?, year: row.get(1)?, quarter: row.get(2)?, next: row.get(3)? })
    })?;
    let meta = "SELECT key, value FROM meta ORDER BY key";
    give(&conn, giver, meta, [], |row| Ok(Row::Meta { key: row.get(0)?, value: row.get(1)? }))?;
    giver.rest_blocking()?;
    if giver.extent == Extent::Whole {
        count_records(&conn, before, giver)?;
    }
    Ok(cut)
}

fn give(
    conn: &Connection,
    giver: &mut Giver,
    sql: &str,
    params: impl Params,
    read: fn(&SqlRow<'_>) -> Result<Row, StoreError>,
) -> Result<(), StoreError> {
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        giver.give_blocking(read(row)?)?;
    }
    Ok(())
}

/// Where the extent ends, of the entries that count.
fn find_cut(conn: &Connection, hidden_from: Seq, extent: Extent) -> Result<Cut, StoreError> {
    let mut cut = Cut::default();
    let mut statement = conn.prepare(
        "SELECT seq, recorded_at FROM journal WHERE seq < ?1 \
         UNION ALL SELECT seq, recorded_at FROM fix_batches WHERE seq < ?1 ORDER BY 1",
    )?;
    let mut rows = statement.query([hidden_from.cast_signed()])?;
    while let Some(row) = rows.next()? {
        cut.see(Entry { seq: seq(row, 0)?, recorded_at: read::time(&row.get::<_, String>(1)?)? }, extent);
    }
    Ok(cut)
}

fn count_records(conn: &Connection, before: i64, giver: &mut Giver) -> Result<(), StoreError> {
    for (table, collection) in tables::all().iter().zip(Collection::ALL) {
        let mut statement = conn.prepare(&table.select)?;
        let mut rows = statement.query([before])?;
        let mut reader = RecordReader::new(&table.sorted);
        while let Some(row) = rows.next()? {
            let (record, seq) = reader.read(row)?;
            giver.tally.record(collection, &record, seq);
        }
    }
    Ok(())
}

fn seq(row: &SqlRow<'_>, column: usize) -> Result<Seq, StoreError> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

fn uuid(row: &SqlRow<'_>, column: usize) -> Result<Uuid, StoreError> {
    let text: String = row.get(column)?;
    Uuid::parse_str(&text).map_err(|_| StoreError::Damaged(format!("{text:?} is no id")))
}

fn collection(row: &SqlRow<'_>, column: usize) -> Result<Collection, StoreError> {
    let name: String = row.get(column)?;
    Collection::parse(&name).ok_or_else(|| StoreError::Damaged(format!("{name:?} is no collection")))
}

fn read_personal(row: &SqlRow<'_>) -> Result<Row, StoreError> {
    Ok(Row::Personal {
        reference: row.get(0)?,
        seq: seq(row, 1)?,
        collection: collection(row, 2)?,
        record_id: uuid(row, 3)?,
        salt: row.get(4)?,
        value: row.get(5)?,
    })
}

fn read_journal(row: &SqlRow<'_>) -> Result<Row, StoreError> {
    let time = |column: usize| -> Result<Timestamp, StoreError> { read::time(&row.get::<_, String>(column)?) };
    let exercise: Option<String> = row.get(5)?;
    Ok(Row::Journal(JournalRow {
        seq: seq(row, 0)?,
        request_id: uuid(row, 1)?,
        actor: row.get(2)?,
        recorded_at: time(3)?,
        valid_at: time(4)?,
        exercise_id: exercise.map(|_| uuid(row, 5)).transpose()?,
        collection: collection(row, 6)?,
        record_id: uuid(row, 7)?,
        version: row.get(8)?,
        format: row.get(9)?,
        body: row.get(10)?,
    }))
}

/// Makes a data folder's store of what a source gives. It grows beside its name and takes it when it is whole.
pub(in crate::store) fn take_copy(path: &Path, rows: Rows) -> Result<(), StoreError> {
    make_folder(path)?;
    let _lock = Lock::take(path)?;
    let file = folder::store_file(path);
    if file.exists() {
        return Err(StoreError::Unavailable(format!(
            "{} is there already: a copy wants an empty place",
            file.display()
        )));
    }
    let part = part_of(&file);
    let taken = fill(&part, rows).and_then(|()| fs::rename(&part, &file).map_err(StoreError::from));
    if taken.is_err() {
        // Only what this call made is removed; what SQLite keeps beside it goes with the last connection.
        let _ = fs::remove_file(&part);
    }
    taken?;
    sync_folder(&file)
}

fn fill(part: &Path, mut rows: Rows) -> Result<(), StoreError> {
    let conn = folder::open_writer(part)?;
    let tables = tables::all();
    conn.execute_batch("BEGIN IMMEDIATE")?;
    while let Some(portion) = rows.blocking_recv() {
        for row in portion? {
            take(&conn, &tables, row)?;
        }
    }
    conn.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
    conn.close().map_err(|(_, error)| StoreError::from(error))
}

fn take(conn: &Connection, tables: &[tables::Table], row: Row) -> Result<(), StoreError> {
    match row {
        Row::Personal { reference, seq, collection, record_id, salt, value } => {
            conn.prepare_cached("INSERT INTO personal_values VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
                reference,
                seq.cast_signed(),
                collection.as_str(),
                record_id.to_string(),
                salt,
                value,
            ))?;
        }
        Row::LastReference(last) => {
            let known = conn.execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'personal_values'", [last])?;
            if known == 0 {
                conn.execute("INSERT INTO sqlite_sequence VALUES ('personal_values', ?1)", [last])?;
            }
        }
        Row::Journal(row) => take_change(conn, tables, row)?,
        Row::Fixes(batch) => fixes::insert(conn, batch.seq, &batch.fixes, &batch.recorded_at.to_string())?,
        Row::Gap(first, last) => {
            conn.execute("INSERT INTO seq_gaps VALUES (?1, ?2)", (first.cast_signed(), last.cast_signed()))?;
        }
        Row::Request { key, body_hash, first, last, recorded_at } => {
            conn.prepare_cached("INSERT INTO requests VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
                key.to_string(),
                body_hash,
                first.cast_signed(),
                last.cast_signed(),
                recorded_at.as_ms(),
            ))?;
        }
        Row::Code { series, year, quarter, next } => {
            conn.execute("INSERT INTO code_counters VALUES (?1, ?2, ?3, ?4)", (series, year, quarter, next))?;
        }
        Row::Meta { key, value } => put_meta(conn, &key, &value)?,
    }
    Ok(())
}

fn take_change(conn: &Connection, tables: &[tables::Table], row: JournalRow) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?.execute((
        row.seq.cast_signed(),
        row.request_id.to_string(),
        &row.actor,
        row.recorded_at.to_string(),
        row.valid_at.to_string(),
        row.exercise_id.map(|id| id.to_string()),
        row.collection.as_str(),
        row.record_id.to_string(),
        row.version,
        row.format,
        &row.body,
    ))?;
    let (put, reference) = put_of(&row)?;
    let prepared = prepare::prepare(tables, put)?;
    let frame = Frame {
        conn,
        tables,
        hidden_from: i64::MAX.cast_unsigned(),
        request_id: row.request_id,
        actor: row.actor.into(),
        exercise_id: row.exercise_id,
        now: row.recorded_at,
        now_text: row.recorded_at.to_string(),
        import_lost: std::cell::Cell::new(false),
    };
    // The reference is all that a record row holds of personal values; their hash is in the body.
    let personal = reference.map(|reference| PersonalRef { reference, hash: [0; 32] });
    apply::write_record(&frame, &prepared, row.seq, row.version, personal.as_ref(), row.version > 1)
}
