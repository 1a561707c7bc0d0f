//! What goes when its time is over: fixes by themselves, by the node that leads; what is known of people by `trucban
//! retention`.

use std::time::Duration;

use tokio::sync::watch;

use super::connect::{Database, Session};
use super::migrate;
use super::prepare::instant;
use crate::domain::Timestamp;
use crate::domain::retention::{FIX_RETENTION, FixRetentionRule, Retention, RetentionRule};
use crate::store::{Retained, StoreError};

/// How often the leader makes the partitions of the days ahead and drops old ones.
const EVERY: Duration = Duration::from_secs(3_600);
/// The pause where somebody read fixes for long, or the database was away.
const RETRY_PAUSE: Duration = Duration::from_secs(60);
/// Days that go at once.
const DAYS_AT_ONCE: i32 = 2;

/// Fixes that went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixesDropped {
    /// All fixes from this day (UTC) on are there, of those before the newest of each unit.
    pub before: jiff::civil::Date,
    pub fixes: i64,
}

/// Looks after the partitions of the fixes while this node leads, until the task is stopped.
pub(super) async fn keep(database: Database, mut leads: watch::Receiver<bool>) {
    while leads.wait_for(|leads| *leads).await.is_ok() {
        let pause = match once(&database).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "the partitions of the fixes could not be looked after and will be tried again");
                RETRY_PAUSE
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn once(database: &Database) -> Result<(), StoreError> {
    let dropped = drop_fixes(database, FIX_RETENTION).await;
    database.client(Session::Long).await?.batch_execute("SELECT have_fix_days_ahead()").await?;
    if let Some(FixesDropped { before, fixes }) = dropped? {
        tracing::info!(%before, fixes, "old fixes were dropped");
    }
    Ok(())
}

/// Drops the oldest days of fixes that are due, a few at a time; `None` if none was.
///
/// # Errors
/// `TooBusy` where somebody reads fixes for long, or what the database said.
pub async fn drop_fixes(database: &Database, rule: FixRetentionRule) -> Result<Option<FixesDropped>, StoreError> {
    let client = database.client(Session::Long).await?;
    let sql = "SELECT before, fixes_gone FROM drop_old_fixes($1, $2)";
    let row = client.query_opt(sql, &[&rule.keep_days, &DAYS_AT_ONCE]).await?;
    Ok(row.map(|row| FixesDropped { before: row.get(0), fixes: row.get(1) }))
}

/// Applies all rules of people at once, or none, as the role that owns the schema. Nodes that run go on showing what was
/// erased until they are started again. The table of personal values is written anew, and writes wait for it; so the bytes
/// are gone from the tables when this returns, from the write-ahead log and from backups when those are.
///
/// # Errors
/// What the database said.
pub async fn retain(
    database: &Database,
    rules: &[RetentionRule],
    now: Timestamp,
    retention: Retention,
) -> Result<Vec<Retained>, StoreError> {
    let mut client = database.client(Session::Long).await?;
    migrate::check_version(&client).await?;
    let transaction = client.transaction().await?;
    let mut retained = Vec::new();
    for RetentionRule { collection, since, states, keep_days } in rules {
        let in_state = if states.is_empty() { "" } else { " AND r.state = ANY ($3)" };
        let sql = format!(
            "WITH gone AS (DELETE FROM personal_values v USING {collection} r WHERE v.collection = $1 \
             AND r.id = v.record_id AND r.\"{since}\" < $2{in_state} RETURNING v.record_id) \
             SELECT count(DISTINCT record_id), count(*) FROM gone"
        );
        let before = instant(now.plus_s(-keep_days * 86_400));
        let name = collection.as_str();
        let row = match states.is_empty() {
            true => transaction.query_one(&sql, &[&name, &before]).await?,
            false => transaction.query_one(&sql, &[&name, &before, states]).await?,
        };
        let (records, values): (i64, i64) = (row.get(0), row.get(1));
        retained.push(Retained {
            collection: *collection,
            records: u32::try_from(records).unwrap_or(u32::MAX),
            values: usize::try_from(values).unwrap_or_default(),
        });
    }
    match retention {
        Retention::Count => transaction.rollback().await?,
        Retention::Erase => {
            transaction.commit().await?;
            // A plain vacuum leaves the bytes of what it frees in the pages.
            client.batch_execute("VACUUM (FULL) personal_values").await?;
        }
    }
    Ok(retained)
}
