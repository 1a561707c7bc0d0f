//! Files as rows of the database (`attachment_files`), by the hash of their content.

use bytes::Bytes;
use tokio_postgres::GenericClient;

use super::connect::{Database, Session};
use super::prepare::{instant, timestamp};
use crate::domain::Timestamp;
use crate::domain::attachment::FileHash;
use crate::domain::retention::Retention;
use crate::store::StoreError;
use crate::store::files::{Held, Kept, Named, Plan, RetainedFiles};
use crate::store::findings::Findings;

/// Makes content durable under its hash.
pub(super) async fn keep(client: &impl GenericClient, hash: &FileHash, content: &[u8]) -> Result<(), StoreError> {
    client.execute("SELECT keep_file($1, $2)", &[&hash.as_bytes(), &content]).await?;
    Ok(())
}

/// Part of a file; `None` if it is not there, or erased.
pub(super) async fn part(
    client: &impl GenericClient,
    hash: &FileHash,
    offset: u64,
    bytes_max: usize,
) -> Result<Option<Bytes>, StoreError> {
    let from = i32::try_from(offset.saturating_add(1)).unwrap_or(i32::MAX);
    let length = i32::try_from(bytes_max).unwrap_or(i32::MAX);
    let sql = "SELECT substring(content FROM $2::integer FOR $3::integer) FROM attachment_files WHERE hash = $1";
    let row = client.query_opt(sql, &[&hash.as_bytes(), &from, &length]).await?;
    Ok(row.and_then(|row| row.get::<_, Option<Vec<u8>>>(0)).map(Bytes::from))
}

/// Drops what no record names and was kept last before this moment.
pub(super) async fn drop_orphans(client: &impl GenericClient, kept_before: Timestamp) -> Result<usize, StoreError> {
    let row = client.query_one("SELECT drop_orphan_files($1)", &[&instant(kept_before)]).await?;
    Ok(usize::try_from(row.get::<_, i64>(0)).unwrap_or_default())
}

/// Notes what is wrong with the files that records name; their hashes are made by the database.
pub(super) async fn check(client: &impl GenericClient, findings: &mut Findings) -> Result<(), StoreError> {
    let altered =
        "SELECT encode(hash, 'hex') FROM attachment_files WHERE content IS NOT NULL AND sha256(content) <> hash";
    for row in client.query(altered, &[]).await? {
        let hash: &str = row.get(0);
        findings.add("file", || format!("the file {hash} was altered: its content has another hash"));
    }
    let missing = "SELECT DISTINCT a.sha256 FROM attachments a WHERE a.withdrawn_at IS NULL \
                   AND NOT EXISTS (SELECT FROM attachment_files f WHERE encode(f.hash, 'hex') = a.sha256) ORDER BY 1";
    for row in client.query(missing, &[]).await? {
        let hash: Option<&str> = row.get(0);
        findings.add("file", || format!("the file {} is missing", hash.unwrap_or("without a hash")));
    }
    Ok(())
}

/// The files that the records of a database name.
pub(in crate::store) async fn named_files(database: &Database) -> Result<Vec<Named>, StoreError> {
    named(&database.client(Session::Long).await?).await
}

async fn named(client: &impl GenericClient) -> Result<Vec<Named>, StoreError> {
    let sql =
        "SELECT sha256, bool_or(withdrawn_at IS NULL), max(withdrawn_at) FROM attachments GROUP BY sha256 ORDER BY 1";
    let mut named = Vec::new();
    for row in client.query(sql, &[]).await? {
        let hash = row.get::<_, Option<&str>>(0).and_then(FileHash::parse);
        let hash = hash.ok_or_else(|| StoreError::Damaged("an attachment names no hash".to_owned()))?;
        named.push(Named { hash, is_wanted: row.get(1), withdrawn_at: row.get::<_, Option<_>>(2).map(timestamp) });
    }
    Ok(named)
}

pub(in crate::store) async fn held_file(database: &Database, hash: &FileHash) -> Result<Held, StoreError> {
    let client = database.client(Session::Long).await?;
    let sql = "SELECT content FROM attachment_files WHERE hash = $1";
    let row = client.query_opt(sql, &[&hash.as_bytes()]).await?;
    Ok(row.map_or(Held::Nothing, |row| row.get::<_, Option<Vec<u8>>>(0).map_or(Held::Erased, Held::Content)))
}

/// As the role that owns the schema.
pub(in crate::store) async fn hold_file(database: &Database, hash: &FileHash, held: Held) -> Result<(), StoreError> {
    let client = database.client(Session::Long).await?;
    match held {
        Held::Content(content) => keep(&client, hash, &content).await,
        Held::Erased => {
            let sql = "INSERT INTO attachment_files VALUES ($1, clock_timestamp(), NULL) ON CONFLICT DO NOTHING";
            client.execute(sql, &[&hash.as_bytes()]).await?;
            Ok(())
        }
        Held::Nothing => Ok(()),
    }
}

/// Applies the rules of retention, as the role that owns the schema.
pub(in crate::store) async fn retain_files(
    database: &Database,
    now: Timestamp,
    how: Retention,
) -> Result<RetainedFiles, StoreError> {
    let mut client = database.client(Session::Long).await?;
    let transaction = client.transaction().await?;
    let kept = transaction
        .query("SELECT hash, kept_at FROM attachment_files WHERE content IS NOT NULL FOR UPDATE", &[])
        .await?
        .iter()
        .filter_map(|row| Some(Kept { hash: FileHash::from_bytes(row.get(0))?, kept_at: timestamp(row.get(1)) }))
        .collect::<Vec<_>>();
    let plan = Plan::of(&kept, &named(&transaction).await?, now);
    let hashes = |list: &[FileHash]| list.iter().map(|hash| hash.as_bytes().to_vec()).collect::<Vec<_>>();
    let erase = "UPDATE attachment_files SET content = NULL WHERE hash = ANY ($1)";
    transaction.execute(erase, &[&hashes(&plan.erase)]).await?;
    transaction.execute("DELETE FROM attachment_files WHERE hash = ANY ($1)", &[&hashes(&plan.drop)]).await?;
    match how {
        Retention::Count => transaction.rollback().await?,
        Retention::Erase => transaction.commit().await?,
    }
    Ok(plan.tally())
}
