//! `trucban check`: whether the store is what its journal says. Reads one moment, beside whoever writes; changes
//! nothing. The record tables must be the fold of the journal byte for byte.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::fixes::{self, Placed};
use super::snapshot::RecordReader;
use super::tables::{self, Table};
use super::{checkpoint, files, folder, read};
use crate::domain::Collection;
use crate::domain::change::Seq;
use crate::store::body::{self, PersonalRef};
use crate::store::findings::Findings;
use crate::store::rules::has_personal;
use crate::store::{Finding, StoreError};

/// Compares everything that is derived with what it is derived from. `path` is a data folder or a single store file.
///
/// # Errors
/// [`StoreError`] if the store cannot be read at all; damage that can be read over is a finding.
pub fn check(path: &Path) -> Result<Vec<Finding>, StoreError> {
    let conn = folder::open_reader(&folder::store_file(path))?;
    conn.execute_batch("BEGIN")?;
    let hidden_from = read::hidden_from(&conn)?;
    let mut findings = Findings::default();
    check_file(&conn, &mut findings)?;
    check_seqs(&conn, hidden_from, &mut findings)?;
    check_versions(&conn, hidden_from, &mut findings)?;
    check_bodies(&conn, hidden_from, &mut findings)?;
    for table in tables::all().iter().zip(Collection::ALL) {
        check_records(&conn, table.0, table.1, hidden_from, &mut findings)?;
    }
    check_positions(&conn, hidden_from, &mut findings)?;
    check_checkpoints(&conn, hidden_from, &mut findings)?;
    files::check(&folder::store_file(path), &conn, &mut findings)?;
    Ok(findings.into_list())
}

fn check_file(conn: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    let mut statement = conn.prepare("PRAGMA integrity_check")?;
    for line in statement.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            findings.add("file", || line);
        }
    }
    let mut statement = conn.prepare("PRAGMA foreign_key_check")?;
    for table in statement.query_map([], |row| row.get::<_, String>(0))? {
        let table = table?;
        findings.add("foreign key", || table);
    }
    Ok(())
}

/// Every seq from 1 on is a change, a batch of fixes, or was set aside.
fn check_seqs(conn: &Connection, hidden_from: Seq, findings: &mut Findings) -> Result<(), StoreError> {
    let mut statement = conn.prepare(
        "SELECT seq, seq FROM journal WHERE seq < ?1 UNION ALL SELECT seq, seq FROM fix_batches WHERE seq < ?1 \
         UNION ALL SELECT first_seq, last_seq FROM seq_gaps ORDER BY 1",
    )?;
    let mut rows = statement.query([hidden_from.cast_signed()])?;
    let mut expected = 1_i64;
    while let Some(row) = rows.next()? {
        let (first, last): (i64, i64) = (row.get(0)?, row.get(1)?);
        if first != expected {
            findings.add("seq", || format!("expected {expected}, found {first}"));
        }
        expected = last + 1;
    }
    let wrong: i64 = conn.query_row(
        "SELECT count(*) FROM fix_batches b WHERE b.fixes <> (SELECT count(*) FROM fixes f WHERE f.seq = b.seq)",
        [],
        |row| row.get(0),
    )?;
    if wrong > 0 {
        findings.add("fixes", || format!("{wrong} batches do not hold as many fixes as they say"));
    }
    let strangers: i64 = conn.query_row(
        "SELECT (SELECT count(*) FROM fixes) - (SELECT ifnull(sum(fixes), 0) FROM fix_batches)",
        [],
        |row| row.get(0),
    )?;
    if strangers > 0 && wrong == 0 {
        findings.add("fixes", || format!("{strangers} fixes belong to no batch"));
    }
    Ok(())
}

/// The versions of each record count from 1 without a gap.
fn check_versions(conn: &Connection, hidden_from: Seq, findings: &mut Findings) -> Result<(), StoreError> {
    let mut statement = conn.prepare(
        "SELECT seq, version, place FROM (SELECT seq, version, \
         row_number() OVER (PARTITION BY collection, record_id ORDER BY seq) AS place FROM journal WHERE seq < ?1) \
         WHERE version <> place",
    )?;
    let rows = statement.query_map([hidden_from.cast_signed()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    for row in rows {
        let (seq, version, place) = row?;
        findings.add("version", || format!("journal row {seq} has version {version}, it is number {place}"));
    }
    Ok(())
}

/// Every body is readable and in canonical form; personal values that are still there hash to what it says.
fn check_bodies(conn: &Connection, hidden_from: Seq, findings: &mut Findings) -> Result<(), StoreError> {
    let mut statement = conn.prepare("SELECT seq, format, body FROM journal WHERE seq < ?1 ORDER BY seq")?;
    let mut rows = statement.query([hidden_from.cast_signed()])?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let text = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        match body::parse(row.get(1)?, text) {
            Err(why) => findings.add("journal", || format!("row {seq}: {why}")),
            Ok(body) => {
                let geometry = body::geometry_json(body.geometry.as_ref());
                if body::write(&geometry, body.personal.as_ref(), body.properties) != text {
                    findings.add("journal", || format!("row {seq} is not canonical"));
                }
                if let Some(personal) = &body.personal {
                    check_personal(conn, seq, personal, findings)?;
                }
            }
        }
    }
    Ok(())
}

fn check_personal(
    conn: &Connection,
    seq: i64,
    personal: &PersonalRef,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let kept = conn
        .prepare_cached("SELECT salt, value FROM personal_values WHERE ref = ?1")?
        .query_row([personal.reference], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    // No row: the values have been erased, and the journal stays whole.
    if let Some((salt, value)) = kept
        && body::personal_hash(&salt, &value) != personal.hash
    {
        findings.add("personal", || format!("the values of journal row {seq} do not match its hash"));
    }
    Ok(())
}

/// The record table is the fold of the journal: as many rows, each made by the newest change of its record.
fn check_records(
    conn: &Connection,
    table: &Table,
    collection: Collection,
    hidden_from: Seq,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let mut statement = conn.prepare(&table.select)?;
    let mut rows = statement.query([hidden_from.cast_signed()])?;
    let mut reader = RecordReader::new(&table.sorted);
    let reference = if has_personal(collection) { "personal_ref" } else { "NULL" };
    let reference = format!("SELECT {reference} FROM {collection} WHERE id = ?1");
    let mut count = 0_i64;
    while let Some(row) = rows.next()? {
        count += 1;
        let (record, seq) = match reader.read(row) {
            Ok(read) => read,
            Err(error) => {
                findings.add("record", || format!("{collection}: {error}"));
                continue;
            }
        };
        let id = record.id.to_string();
        let newest: Option<(i64, i64, String, String)> = conn
            .prepare_cached(
                "SELECT seq, version, recorded_at, body FROM journal WHERE collection = ?1 AND record_id = ?2 \
                 AND seq < ?3 ORDER BY seq DESC LIMIT 1",
            )?
            .query_row((collection.as_str(), &id, hidden_from.cast_signed()), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((newest_seq, version, recorded_at, text)) = newest else {
            findings.add("record", || format!("{collection} {id} is not in the journal"));
            continue;
        };
        if (newest_seq.cast_unsigned(), version, recorded_at)
            != (seq, i64::from(record.version), record.recorded_at.to_string())
        {
            findings.add("record", || format!("{collection} {id} stands at seq {seq}, the journal at {newest_seq}"));
            continue;
        }
        // The hash stands in the journal alone, so it is taken from there; the reference must be the row's own.
        let personal = body::parse(body::FORMAT, &text).ok().and_then(|body| body.personal);
        let own: Option<i64> = conn.prepare_cached(&reference)?.query_row([&id], |row| row.get(0))?;
        let fold = body::write(&body::geometry_json(record.geometry.as_ref()), personal.as_ref(), &record.properties);
        if fold != text || own != personal.map(|personal| personal.reference) {
            findings.add("record", || format!("{collection} {id} differs from its journal row {newest_seq}"));
        }
    }
    let journalled: i64 = conn.query_row(
        "SELECT count(DISTINCT record_id) FROM journal WHERE collection = ?1 AND seq < ?2",
        (collection.as_str(), hidden_from.cast_signed()),
        |row| row.get(0),
    )?;
    if journalled != count {
        findings.add("record", || format!("{collection} has {count} records, its journal {journalled}"));
    }
    Ok(())
}

/// Each unit's position is one of its fixes, at least as new as all that the table claims to hold.
fn check_positions(conn: &Connection, hidden_from: Seq, findings: &mut Findings) -> Result<(), StoreError> {
    let claimed = fixes::positions_seq(conn)?;
    let mut newest: HashMap<Uuid, Placed> = HashMap::new();
    fixes::each_after(conn, 0, hidden_from.min(claimed + 1), |placed| {
        fixes::keep_newest(&mut newest, placed);
    })?;
    let stored: HashMap<Uuid, Placed> =
        fixes::stored(conn)?.into_iter().map(|placed| (placed.fix.unit_id, placed)).collect();
    let rows: i64 = conn.query_row("SELECT count(*) FROM unit_positions", [], |row| row.get(0))?;
    if rows != stored.len() as i64 {
        findings.add("position", || format!("{rows} positions, {} of them are fixes", stored.len()));
    }
    for (unit, newest) in newest {
        let behind = stored.get(&unit).is_none_or(|stored| stored.fix.at < newest.fix.at);
        if behind {
            findings.add("position", || format!("unit {unit} lacks its fix of seq {}", newest.seq));
        }
    }
    Ok(())
}

fn check_checkpoints(conn: &Connection, hidden_from: Seq, findings: &mut Findings) -> Result<(), StoreError> {
    let seqs = conn
        .prepare("SELECT seq FROM checkpoints WHERE seq < ?1 ORDER BY seq")?
        .query_map([hidden_from.cast_signed()], |row| row.get::<_, i64>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for seq in seqs.into_iter().map(i64::cast_unsigned) {
        if checkpoint::read(conn, seq)?.map(|kept| kept.heads) != Some(checkpoint::heads(conn, seq)?) {
            findings.add("checkpoint", || format!("the checkpoint at {seq} is not the fold of the journal"));
        }
    }
    Ok(())
}
