//! `trucban check` of a database: whether it is what its journal says. Reads one moment, beside whoever writes; changes
//! nothing. The record tables must be the fold of the journal byte for byte.

use futures_util::TryStreamExt;
use tokio_postgres::{Client, Row};

use super::connect::{Database, Session};
use super::prepare::timestamp;
use super::read::{RecordReader, seq, version};
use super::{files, migrate, tables};
use crate::domain::Collection;
use crate::store::findings::Findings;
use crate::store::rules::columns;
use crate::store::{Finding, StoreError, body};

/// Compares everything that is derived with what it is derived from.
///
/// # Errors
/// [`StoreError`] if the database cannot be read at all; damage that can be read over is a finding.
pub async fn check(database: &Database) -> Result<Vec<Finding>, StoreError> {
    let client = database.client(Session::Long).await?;
    migrate::check_version(&client).await?;
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let mut findings = Findings::default();
    check_seqs(&client, &mut findings).await?;
    check_versions(&client, &mut findings).await?;
    check_bodies(&client, &mut findings).await?;
    for collection in Collection::ALL {
        check_records(&client, collection, &mut findings).await?;
    }
    check_positions(&client, &mut findings).await?;
    files::check(&client, &mut findings).await?;
    Ok(findings.into_list())
}

/// Calls `see` with every row, without holding them all.
async fn each(
    client: &Client,
    sql: &str,
    mut see: impl FnMut(&Row) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let rows = client.query_raw(sql, Vec::<i64>::new()).await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await? {
        see(&row)?;
    }
    Ok(())
}

/// Every seq from 1 to the counter is a change, a batch of fixes, or was set aside.
async fn check_seqs(client: &Client, findings: &mut Findings) -> Result<(), StoreError> {
    let mut expected = 1_i64;
    let sql = "SELECT seq, seq FROM journal UNION ALL SELECT seq, seq FROM fix_batches \
               UNION ALL SELECT first_seq, last_seq FROM seq_gaps UNION ALL SELECT seq + 1, seq + 1 FROM counter \
               ORDER BY 1";
    each(client, sql, |row| {
        let first: i64 = row.get(0);
        if first != expected {
            findings.add("seq", || format!("expected {expected}, found {first}"));
        }
        expected = row.get::<_, i64>(1) + 1;
        Ok(())
    })
    .await?;
    let row = client
        .query_one(
            "SELECT (SELECT count(*) FROM fix_batches b WHERE b.fixes <> \
               (SELECT count(*) FROM fix_rows r WHERE r.recorded_on = b.recorded_on AND r.key = coalesce(b.key, b.seq))), \
             (SELECT count(*) FROM fix_rows r WHERE NOT EXISTS (SELECT FROM fix_batches b \
               WHERE b.recorded_on = r.recorded_on AND coalesce(b.key, b.seq) = r.key))",
            &[],
        )
        .await?;
    let (wrong, strangers): (i64, i64) = (row.get(0), row.get(1));
    if wrong > 0 {
        findings.add("fixes", || format!("{wrong} batches do not hold as many fixes as they say"));
    }
    if strangers > 0 {
        findings.add("fixes", || format!("{strangers} fixes belong to no batch"));
    }
    Ok(())
}

/// The versions of each record count from 1 without a gap.
async fn check_versions(client: &Client, findings: &mut Findings) -> Result<(), StoreError> {
    let sql = "SELECT seq, version, place FROM (SELECT seq, version::bigint, \
               row_number() OVER (PARTITION BY collection, record_id ORDER BY seq) AS place FROM journal) numbered \
               WHERE version <> place";
    each(client, sql, |row| {
        let (seq, version, place): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        findings.add("version", || format!("journal row {seq} has version {version}, it is number {place}"));
        Ok(())
    })
    .await
}

/// Every body is readable and in canonical form; personal values that are still there hash to what it says.
async fn check_bodies(client: &Client, findings: &mut Findings) -> Result<(), StoreError> {
    let sql = "SELECT j.seq, j.format, j.body, j.personal_ref, p.salt, p.value \
               FROM journal j LEFT JOIN personal_values p ON p.ref = j.personal_ref ORDER BY j.seq";
    each(client, sql, |row| {
        let (seq, text): (i64, &str) = (row.get(0), row.get(2));
        let body = match body::parse(i64::from(row.get::<_, i32>(1)), text) {
            Ok(body) => body,
            Err(why) => {
                findings.add("journal", || format!("row {seq}: {why}"));
                return Ok(());
            }
        };
        let geometry = body::geometry_json(body.geometry.as_ref());
        if body::write(&geometry, body.personal.as_ref(), body.properties) != text {
            findings.add("journal", || format!("row {seq} is not canonical"));
        }
        if body.personal.as_ref().map(|personal| personal.reference) != row.get::<_, Option<i64>>(3) {
            findings.add("journal", || format!("row {seq} names other personal values than its body"));
        }
        // No row: the values have been erased, and the journal stays whole.
        if let (Some(personal), Some(salt), Some(value)) =
            (&body.personal, row.get::<_, Option<&[u8]>>(4), row.get::<_, Option<&str>>(5))
            && body::personal_hash(salt, value) != personal.hash
        {
            findings.add("personal", || format!("the values of journal row {seq} do not match its hash"));
        }
        Ok(())
    })
    .await
}

/// The record table is the fold of the journal: as many rows, each made by the newest change of its record.
async fn check_records(client: &Client, collection: Collection, findings: &mut Findings) -> Result<(), StoreError> {
    let newest = format!(
        "LEFT JOIN LATERAL (SELECT j.seq, j.version, j.recorded_at, j.body FROM journal j \
         WHERE j.collection = '{collection}' AND j.record_id = r.id ORDER BY j.version DESC LIMIT 1) n ON true"
    );
    let sql = tables::select_beside(collection, ", n.seq, n.version, n.recorded_at, n.body", &newest);
    // Behind the seven own columns and those of the fields.
    let at = 7 + columns(collection).len();
    let mut reader = RecordReader::new(collection);
    let mut count = 0_i64;
    each(client, &sql, |row| {
        count += 1;
        let (record, own_seq) = match reader.read(row) {
            Ok(read) => read,
            Err(error) => {
                findings.add("record", || format!("{collection}: {error}"));
                return Ok(());
            }
        };
        let id = record.id;
        let Some(text) = row.get::<_, Option<&str>>(at + 3) else {
            findings.add("record", || format!("{collection} {id} is not in the journal"));
            return Ok(());
        };
        let newest = (seq(row, at), version(row, at + 1), timestamp(row.get(at + 2)));
        if newest != (own_seq, record.version, record.recorded_at) {
            findings
                .add("record", || format!("{collection} {id} stands at seq {own_seq}, the journal at {}", newest.0));
            return Ok(());
        }
        // The hash stands in the journal alone, so it is taken from there; the reference must be the row's own.
        let personal = body::parse(body::FORMAT, text).ok().and_then(|body| body.personal);
        let fold = body::write(&body::geometry_json(record.geometry.as_ref()), personal.as_ref(), &record.properties);
        if fold != text || row.get::<_, Option<i64>>(5) != personal.map(|personal| personal.reference) {
            findings.add("record", || format!("{collection} {id} differs from its journal row {own_seq}"));
        }
        Ok(())
    })
    .await?;
    let sql = "SELECT count(DISTINCT record_id) FROM journal WHERE collection = $1";
    let journalled: i64 = client.query_one(sql, &[&collection.as_str()]).await?.get(0);
    if journalled != count {
        findings.add("record", || format!("{collection} has {count} records, its journal {journalled}"));
    }
    Ok(())
}

/// Each unit's position is its newest fix of all that have been looked at.
async fn check_positions(client: &Client, findings: &mut Findings) -> Result<(), StoreError> {
    let sql = "WITH newest AS (SELECT DISTINCT ON (f.unit_id) f.* \
                 FROM fixes f \
                 WHERE f.seq <= (SELECT t.seq FROM positions_through t) ORDER BY f.unit_id, f.at DESC, f.seq, f.n) \
               SELECT n.unit_id::text, n.seq FROM newest n LEFT JOIN unit_positions p USING (unit_id) \
               WHERE p.unit_id IS NULL OR p.fix_at < n.at \
                 OR (p.seq = n.seq AND p.n = n.n AND (ST_X(p.geom), ST_Y(p.geom)) <> (n.lon, n.lat))";
    each(client, sql, |row| {
        let (unit, seq): (&str, i64) = (row.get(0), row.get(1));
        findings.add("position", || format!("unit {unit} lacks its fix of seq {seq}"));
        Ok(())
    })
    .await
}
