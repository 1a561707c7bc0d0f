//! The journal at an earlier seq: which one a moment had, what was known of a record, and where units were.

use std::collections::HashMap;

use tokio_postgres::GenericClient;
use uuid::Uuid;

use super::follow::counter;
use super::prepare::instant;
use super::read::{self, CHANGES, read_change, read_fix};
use crate::domain::change::Seq;
use crate::domain::{Change, Collection, Fix, Timestamp};
use crate::store::StoreError;

/// A fix may be so much ahead of the server's clock.
const AHEAD_MS: i64 = 120_000;

/// The newest seq that was recorded at or before `at`; 0 before the first. Seqs are recorded in their order.
pub(super) async fn seq_at(client: &impl GenericClient, at: Timestamp) -> Result<Seq, StoreError> {
    let through = counter(client).await?;
    let journal = newest_by(client, "journal", at, through).await?;
    Ok(journal.max(newest_by(client, "fix_batches", at, through).await?))
}

/// By halving: there is no index on the time, since the key has its order.
async fn newest_by(client: &impl GenericClient, table: &str, at: Timestamp, through: Seq) -> Result<Seq, StoreError> {
    let sql =
        format!("SELECT seq, recorded_at <= $3 FROM {table} WHERE seq > $1 AND seq <= $2 ORDER BY seq DESC LIMIT 1");
    let before = client.prepare(&sql).await?;
    // Everything up to `low` was recorded by then, nothing from `high` on.
    let (mut low, mut high, mut newest) = (0_i64, through.cast_signed().saturating_add(1), 0_i64);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        let row = client.query_opt(&before, &[&low, &middle, &instant(at)]).await?;
        match row.map(|row| (row.get::<_, i64>(0), row.get::<_, bool>(1))) {
            None => low = middle,
            Some((seq, true)) => (low, newest) = (middle, seq),
            Some((seq, false)) => high = seq,
        }
    }
    Ok(newest.cast_unsigned())
}

/// See [`crate::store::Store::known_at`].
pub(super) async fn known_at(
    client: &impl GenericClient,
    seq: Seq,
    records: &[(Collection, Uuid)],
) -> Result<Vec<Change>, StoreError> {
    let collections: Vec<&str> = records.iter().map(|(collection, _)| collection.as_str()).collect();
    let ids: Vec<Uuid> = records.iter().map(|(_, id)| *id).collect();
    let sql = format!(
        "SELECT known.* FROM unnest($1::text[], $2::uuid[]) AS wanted (collection, id) CROSS JOIN LATERAL (\
         {CHANGES} WHERE j.collection = wanted.collection AND j.record_id = wanted.id AND j.seq <= $3 \
         ORDER BY j.version DESC LIMIT 1) known"
    );
    let rows = client.query(&sql, &[&collections, &ids, &seq.cast_signed()]).await?;
    rows.iter().map(read_change).collect()
}

/// See [`crate::store::Store::told_late`].
pub(super) async fn told_late(
    client: &impl GenericClient,
    valid_by: Timestamp,
    after: Seq,
    through: Seq,
) -> Result<Vec<Change>, StoreError> {
    let sql = format!(
        "{CHANGES} WHERE j.valid_at <= $1 AND j.valid_at < j.recorded_at AND j.seq > $2 AND j.seq <= $3 ORDER BY j.seq"
    );
    let through = through.min(counter(client).await?).cast_signed();
    let rows = client.query(&sql, &[&instant(valid_by), &after.cast_signed(), &through]).await?;
    rows.iter().map(read_change).collect()
}

/// See [`crate::store::Store::fixes_known_at`]. Day by day back from the moment, since fixes lie by day and not by unit;
/// until every unit was met that has a fix at all.
pub(super) async fn fixes_known_at(
    client: &impl GenericClient,
    seq: Seq,
    taken_by: Timestamp,
) -> Result<Vec<(Fix, Seq)>, StoreError> {
    let seq = seq.min(i64::MAX.cast_unsigned()).cast_signed();
    let edge =
        |order: &str| format!("SELECT recorded_on FROM fix_batches WHERE seq <= $1 ORDER BY seq {order} LIMIT 1");
    let first = client.query_opt(&edge("ASC"), &[&seq]).await?;
    let last = client.query_opt(&edge("DESC"), &[&seq]).await?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(Vec::new()) };
    let (first, mut day): (jiff::civil::Date, jiff::civil::Date) = (first.get(0), last.get(0));
    let tracked: i64 = client.query_one("SELECT count(*) FROM unit_positions", &[]).await?.get(0);
    let sql = "SELECT DISTINCT ON (f.unit_id) f.unit_id, f.at, f.lon, f.lat, f.accuracy_m, f.speed_mps, f.course_deg, \
               f.source, f.heard_by, f.seq FROM fixes f WHERE f.recorded_on = $1 AND f.seq <= $2 AND f.at <= $3 \
               ORDER BY f.unit_id, f.at DESC, f.seq, f.n";
    let statement = client.prepare(sql).await?;
    let mut newest: HashMap<Uuid, (Fix, Seq)> = HashMap::new();
    loop {
        let begins = day.in_tz("UTC").map_err(|error| StoreError::Damaged(error.to_string()))?.timestamp();
        for row in client.query(&statement, &[&day, &seq, &instant(taken_by)]).await? {
            let (fix, of_batch) = (read_fix(&row), read::seq(&row, 9));
            let known = newest.get(&fix.unit_id);
            // Of two taken at the same time the earlier batch counts, and that one lies on the earlier day.
            if known.is_none_or(|(known, _)| fix.at >= known.at) {
                newest.insert(fix.unit_id, (fix, of_batch));
            }
        }
        // What was recorded on earlier days was taken before this day began.
        let settled = newest.values().filter(|(fix, _)| fix.at.as_ms() > begins.as_millisecond() + AHEAD_MS).count();
        if day <= first || i64::try_from(settled).is_ok_and(|settled| settled >= tracked) {
            return Ok(newest.into_values().collect());
        }
        day = day.yesterday().map_err(|error| StoreError::Damaged(error.to_string()))?;
    }
}
