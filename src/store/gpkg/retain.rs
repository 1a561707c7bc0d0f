//! `trucban retention`: erases the values of people whose time is over from their side table. Nothing else changes: the
//! journal holds references and salted hashes, and a reference that leads nowhere is an erased value. Old fixes go too.

use std::path::Path;

use rusqlite::Connection;

use super::{fixes, folder, read};
use crate::domain::Timestamp;
use crate::domain::retention::{FixRetentionRule, Retention, RetentionRule};
use crate::store::folder::Lock;
use crate::store::{Retained, StoreError};

const DAY_MS: i64 = 86_400_000;

/// Applies all rules at once, or none. The folder must not be in use: the picture of a running server would go on
/// showing what was erased. The bytes are gone from the file when this returns.
///
/// # Errors
/// `folder_locked` naming the holder, [`StoreError::Unavailable`] if there is no store or another program still reads
/// what was erased, or what the system said.
pub fn retain(
    dir: &Path,
    rules: &[RetentionRule],
    now: Timestamp,
    retention: Retention,
) -> Result<Vec<Retained>, StoreError> {
    let file = folder::store_file(dir);
    if !file.is_file() {
        return Err(StoreError::Unavailable(format!("there is no store in {}", dir.display())));
    }
    let _lock = Lock::take(dir)?;
    let mut conn = folder::open_writer(&file)?;
    let tx = conn.transaction()?;
    let retained = rules.iter().map(|rule| apply(&tx, rule, now)).collect::<Result<Vec<_>, _>>()?;
    match retention {
        Retention::Count => tx.rollback()?,
        Retention::Erase => {
            tx.commit()?;
            leave_nothing_in_the_log(&conn)?;
        }
    }
    Ok(retained)
}

fn apply(conn: &Connection, rule: &RetentionRule, now: Timestamp) -> Result<Retained, StoreError> {
    let RetentionRule { collection, since, states, keep_days } = *rule;
    let quoted: Vec<String> = states.iter().map(|state| format!("'{state}'")).collect();
    let in_state = if states.is_empty() { String::new() } else { format!(" AND state IN ({})", quoted.join(",")) };
    // Times of one format stand in the order of their texts.
    let due = format!(
        "personal_values WHERE collection = ?1
         AND record_id IN (SELECT id FROM {collection} WHERE \"{since}\" < ?2{in_state})"
    );
    let before = Timestamp::from_ms(now.as_ms() - keep_days * DAY_MS).to_string();
    let parameters = (collection.as_str(), before.as_str());
    let records =
        conn.query_row(&format!("SELECT count(DISTINCT record_id) FROM {due}"), parameters, |row| row.get(0))?;
    let values = conn.execute(&format!("DELETE FROM {due}"), parameters)?;
    Ok(Retained { collection, records, values })
}

/// Deletes the fixes that were recorded before the rule allows, but the newest of each unit; the seqs of their batches
/// become gaps. How many went. The folder must not be in use.
///
/// # Errors
/// As [`retain`].
pub fn drop_fixes(
    dir: &Path,
    rule: FixRetentionRule,
    now: Timestamp,
    retention: Retention,
) -> Result<usize, StoreError> {
    let _lock = Lock::take(dir)?;
    let mut conn = folder::open_writer(&folder::store_file(dir))?;
    let tx = conn.transaction()?;
    let before = Timestamp::from_ms(now.as_ms() - i64::from(rule.keep_days) * DAY_MS).to_string();
    tx.execute_batch("CREATE TEMP TABLE kept (seq INTEGER, n INTEGER, PRIMARY KEY (seq, n))")?;
    for placed in fixes::newest(&tx, read::hidden_from(&tx)?)?.into_newest() {
        tx.prepare_cached("INSERT INTO kept VALUES (?1, ?2)")?.execute((placed.seq.cast_signed(), placed.n))?;
    }
    tx.execute_batch("CREATE TEMP TABLE due (seq INTEGER PRIMARY KEY)")?;
    tx.execute("INSERT INTO due SELECT seq FROM fix_batches WHERE recorded_at < ?1", [before])?;
    let gone = tx.execute(
        "DELETE FROM fixes WHERE seq IN (SELECT seq FROM due) AND (seq, n) NOT IN (SELECT seq, n FROM kept)",
        [],
    )?;
    // The newest of all stays, so that its seq is known to be used.
    tx.execute_batch(
        "UPDATE fix_batches SET fixes = (SELECT count(*) FROM fixes f WHERE f.seq = fix_batches.seq)
           WHERE seq IN (SELECT seq FROM due);
         DELETE FROM due WHERE seq = (SELECT max(seq) FROM fix_batches) OR seq IN (SELECT seq FROM kept);
         INSERT INTO seq_gaps SELECT min(seq), max(seq)
           FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run FROM due) GROUP BY run;
         DELETE FROM fix_batches WHERE seq IN (SELECT seq FROM due);
         DROP TABLE kept; DROP TABLE due;",
    )?;
    match retention {
        Retention::Count => tx.rollback()?,
        Retention::Erase => tx.commit()?,
    }
    Ok(gone)
}

/// Moves all into the file, whose freed room SQLite overwrites, and empties the log in which the values still stand.
///
/// # Errors
/// [`StoreError::Unavailable`] if another program still reads what was erased.
pub(in crate::store) fn leave_nothing_in_the_log(conn: &Connection) -> Result<(), StoreError> {
    let is_held: bool = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))?;
    if is_held {
        return Err(StoreError::Unavailable(
            "the values are erased, but another program reads the store and the write-ahead log still holds them; end \
             it and run this again"
                .to_owned(),
        ));
    }
    Ok(())
}
