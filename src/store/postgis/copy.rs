//! The database's side of a copy from store to store. Taking one needs the role that owns the schema.

use futures_util::TryStreamExt;
use tokio_postgres::{Client, Row as SqlRow, Transaction};
use uuid::Uuid;

use super::arrays::{Parameter, PutArrays};
use super::connect::{Database, Session};
use super::fix_rows::{COPY_FIXES, KeyedBatch, copy_fixes};
use super::follow::counter;
use super::migrate;
use super::prepare::{day, instant, prepare, timestamp};
use super::read::{RecordReader, batches_between, seq, version};
use super::tables;
use crate::domain::change::Seq;
use crate::domain::{Collection, FixBatch};
use crate::store::StoreError;
use crate::store::copy::{Cut, Entry, Extent, Giver, JournalRow, Row, Rows, put_of};

/// Seqs whose batches of fixes are read at once.
const BATCHES_AT_ONCE: Seq = 2_000;

/// Gives every row of one moment, as far as the giver's extent goes, and counts the current records. Where it was cut.
pub(in crate::store) async fn give_copy(database: &Database, giver: &mut Giver) -> Result<Cut, StoreError> {
    let client = database.client(Session::Long).await?;
    migrate::check_version(&client).await?;
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let cut = find_cut(&client, giver.extent).await?;
    let before = cut.before().cast_signed();
    give(
        &client,
        giver,
        "SELECT ref, seq, collection, record_id, salt, value FROM personal_values WHERE seq < $1 ORDER BY ref",
        &[&before],
        read_personal,
    )
    .await?;
    let last = "SELECT last_value FROM personal_values_ref_seq WHERE is_called";
    give(&client, giver, last, &[], |row| Ok(Row::LastReference(row.get(0)))).await?;
    give(
        &client,
        giver,
        "SELECT seq, request_id, actor, recorded_at, valid_at, exercise_id, collection, record_id, version, format, body \
         FROM journal WHERE seq < $1 ORDER BY seq",
        &[&before],
        read_journal,
    )
    .await?;
    give_fixes(&client, giver, cut.before()).await?;
    let gaps = "SELECT first_seq, last_seq FROM seq_gaps WHERE last_seq < $1 ORDER BY first_seq";
    give(&client, giver, gaps, &[&before], |row| Ok(Row::Gap(seq(row, 0), seq(row, 1)))).await?;
    // A call that changed nothing has no seq; its time decides.
    let requests = "SELECT key, body_hash, first_seq, last_seq, recorded_at FROM requests \
                    WHERE last_seq < $1 AND (last_seq > 0 OR recorded_at <= $2) ORDER BY key";
    let recorded_by = instant(giver.extent.recorded_by());
    give(&client, giver, requests, &[&before, &recorded_by], |row| {
        let (first, last, recorded_at) = (seq(row, 2), seq(row, 3), timestamp(row.get(4)));
        Ok(Row::Request { key: row.get(0), body_hash: row.get(1), first, last, recorded_at })
    })
    .await?;
    let codes = "SELECT series, year, quarter, next FROM code_counters ORDER BY series, year, quarter";
    give(&client, giver, codes, &[], |row| {
        let (year, quarter) = (i64::from(row.get::<_, i32>(1)), i64::from(row.get::<_, i32>(2)));
        Ok(Row::Code { series: row.get(0), year, quarter, next: row.get(3) })
    })
    .await?;
    let meta = "SELECT key, value FROM meta ORDER BY key";
    give(&client, giver, meta, &[], |row| Ok(Row::Meta { key: row.get(0), value: row.get(1) })).await?;
    giver.rest().await?;
    if giver.extent == Extent::Whole {
        count_records(&client, giver).await?;
    }
    Ok(cut)
}

async fn give(
    client: &Client,
    giver: &mut Giver,
    sql: &str,
    params: &[Parameter<'_>],
    row: fn(&SqlRow) -> Result<Row, StoreError>,
) -> Result<(), StoreError> {
    let rows = client.query_raw(sql, params.iter().copied()).await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(next) = rows.try_next().await? {
        giver.give(row(&next)?).await?;
    }
    Ok(())
}

/// Where the extent ends.
async fn find_cut(client: &Client, extent: Extent) -> Result<Cut, StoreError> {
    let mut cut = Cut::default();
    let sql = "SELECT seq, recorded_at FROM journal UNION ALL SELECT seq, recorded_at FROM fix_batches ORDER BY 1";
    let rows = client.query_raw(sql, Vec::<i64>::new()).await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await? {
        cut.see(Entry { seq: seq(&row, 0), recorded_at: timestamp(row.get(1)) }, extent);
    }
    Ok(cut)
}

/// A stretch of seqs at a time; stretches without fixes, as imports set them aside, are leapt over.
async fn give_fixes(client: &Client, giver: &mut Giver, before: Seq) -> Result<(), StoreError> {
    let mut after = 0_i64;
    let next = "SELECT min(seq) FROM fix_batches WHERE seq > $1 AND seq < $2";
    while let Some(first) = client.query_one(next, &[&after, &before.cast_signed()]).await?.get::<_, Option<i64>>(0) {
        let through = (first.cast_unsigned() + BATCHES_AT_ONCE).min(before - 1);
        for batch in batches_between(client, first.cast_unsigned() - 1, through).await? {
            giver.give(Row::Fixes(batch)).await?;
        }
        after = through.cast_signed();
    }
    Ok(())
}

async fn count_records(client: &Client, giver: &mut Giver) -> Result<(), StoreError> {
    for collection in Collection::ALL {
        let rows = client.query_raw(&tables::select(collection), Vec::<i64>::new()).await?;
        let mut rows = std::pin::pin!(rows);
        let mut reader = RecordReader::new(collection);
        while let Some(row) = rows.try_next().await? {
            let (record, seq) = reader.read(&row)?;
            giver.tally.record(collection, &record, seq);
        }
    }
    Ok(())
}

fn collection(name: &str) -> Result<Collection, StoreError> {
    Collection::parse(name).ok_or_else(|| StoreError::Damaged(format!("{name:?} is no collection")))
}

fn read_personal(row: &SqlRow) -> Result<Row, StoreError> {
    Ok(Row::Personal {
        reference: row.get(0),
        seq: seq(row, 1),
        collection: collection(row.get(2))?,
        record_id: row.get(3),
        salt: row.get(4),
        value: row.get(5),
    })
}

fn read_journal(row: &SqlRow) -> Result<Row, StoreError> {
    Ok(Row::Journal(JournalRow {
        seq: seq(row, 0),
        request_id: row.get(1),
        actor: row.get(2),
        recorded_at: timestamp(row.get(3)),
        valid_at: timestamp(row.get(4)),
        exercise_id: row.get(5),
        collection: collection(row.get(6))?,
        record_id: row.get(7),
        version: version(row, 8),
        format: i64::from(row.get::<_, i32>(9)),
        body: row.get(10),
    }))
}

/// Makes the store of an empty, migrated database of what a source gives; all of it or nothing.
pub(in crate::store) async fn take_copy(database: &Database, mut rows: Rows) -> Result<(), StoreError> {
    let mut client = database.client(Session::Long).await?;
    migrate::check_version(&client).await?;
    let transaction = client.transaction().await?;
    transaction.batch_execute("SELECT FROM counter FOR UPDATE").await?;
    let told = transaction.query_one("SELECT count(*) FROM meta WHERE key NOT IN ('created_at', 'last_alive_at')", &[]);
    if counter(&transaction).await? != 0 || told.await?.get::<_, i64>(0) != 0 {
        return Err(StoreError::Unavailable(format!("{database} holds records: a copy wants an empty place")));
    }
    let mut newest = 0;
    while let Some(portion) = rows.recv().await {
        let (mut personal, mut changes, mut batches) = (PersonalArrays::default(), Vec::new(), Vec::new());
        for row in portion? {
            match row {
                Row::Journal(row) => changes.push(row),
                Row::Fixes(batch) => batches.push(batch),
                Row::Personal { reference, seq, collection, record_id, salt, value } => {
                    personal.reference.push(reference);
                    personal.seq.push(seq.cast_signed());
                    personal.collection.push(collection.as_str());
                    personal.record_id.push(record_id);
                    personal.salt.push(salt);
                    personal.value.push(value);
                }
                other => newest = newest.max(take(&transaction, other).await?),
            }
        }
        personal.take(&transaction).await?;
        newest = newest.max(changes.last().map_or(0, |row| row.seq)).max(batches.last().map_or(0, |batch| batch.seq));
        take_changes(&transaction, &changes).await?;
        take_fixes(&transaction, &batches).await?;
    }
    transaction.execute("UPDATE counter SET seq = $1", &[&newest.cast_signed()]).await?;
    transaction.batch_execute("SELECT flush_positions()").await?;
    transaction.commit().await?;
    client.batch_execute("ANALYZE").await?;
    Ok(())
}

#[derive(Default)]
struct PersonalArrays {
    reference: Vec<i64>,
    seq: Vec<i64>,
    collection: Vec<&'static str>,
    record_id: Vec<Uuid>,
    salt: Vec<Vec<u8>>,
    value: Vec<String>,
}

impl PersonalArrays {
    async fn take(&self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        let sql = "INSERT INTO personal_values SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::uuid[], \
                   $5::bytea[], $6::text[])";
        let values: [Parameter<'_>; 6] =
            [&self.reference, &self.seq, &self.collection, &self.record_id, &self.salt, &self.value];
        transaction.execute(sql, &values).await?;
        Ok(())
    }
}

/// One of the rows of which there are few; the last seq that it takes up.
async fn take(transaction: &Transaction<'_>, row: Row) -> Result<Seq, StoreError> {
    match row {
        Row::LastReference(last) => {
            transaction.query_one("SELECT setval('personal_values_ref_seq', $1)", &[&last]).await?;
        }
        Row::Gap(first, last) => {
            let values: [Parameter<'_>; 2] = [&first.cast_signed(), &last.cast_signed()];
            transaction.execute("INSERT INTO seq_gaps VALUES ($1, $2)", &values).await?;
            return Ok(last);
        }
        Row::Request { key, body_hash, first, last, recorded_at } => {
            let values: [Parameter<'_>; 5] =
                [&key, &body_hash, &first.cast_signed(), &last.cast_signed(), &instant(recorded_at)];
            transaction.execute("INSERT INTO requests VALUES ($1, $2, $3, $4, $5)", &values).await?;
        }
        Row::Code { series, year, quarter, next } => {
            let values: [Parameter<'_>; 4] = [&series, &(year as i32), &(quarter as i32), &next];
            transaction.execute("INSERT INTO code_counters VALUES ($1, $2, $3, $4)", &values).await?;
        }
        Row::Meta { key, value } => {
            transaction.query_one("SELECT set_meta($1, $2)", &[&key, &value]).await?;
        }
        Row::Personal { .. } | Row::Journal(_) | Row::Fixes(_) => {}
    }
    Ok(0)
}

async fn take_changes(transaction: &Transaction<'_>, rows: &[JournalRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let made = rows.iter().map(put_of).collect::<Result<Vec<_>, _>>()?;
    let (puts, references): (Vec<_>, Vec<Option<i64>>) = made.into_iter().unzip();
    let puts = puts.into_iter().map(|put| prepare(put, false)).collect::<Result<Vec<_>, _>>()?;
    let mut arrays = PutArrays::default();
    puts.iter().for_each(|put| arrays.push(put));
    let of = |column: fn(&JournalRow) -> i32| rows.iter().map(column).collect::<Vec<i32>>();
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq.cast_signed()).collect();
    let requests: Vec<_> = rows.iter().map(|row| row.request_id).collect();
    let actors: Vec<&str> = rows.iter().map(|row| row.actor.as_str()).collect();
    let recorded: Vec<_> = rows.iter().map(|row| instant(row.recorded_at)).collect();
    let exercises: Vec<_> = rows.iter().map(|row| row.exercise_id).collect();
    let bodies: Vec<&str> = rows.iter().map(|row| row.body.as_str()).collect();
    let versions = of(|row| row.version.cast_signed());
    let formats = of(|row| row.format as i32);
    let journal = "INSERT INTO journal SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::timestamptz[], \
                   $5::timestamptz[], $6::uuid[], $7::text[], $8::uuid[], $9::integer[], $10::integer[], $11::bigint[], \
                   $12::text[])";
    let values: [Parameter<'_>; 12] = [
        &seqs,
        &requests,
        &actors,
        &recorded,
        &arrays.valid_at,
        &exercises,
        &arrays.collection,
        &arrays.id,
        &versions,
        &formats,
        &references,
        &bodies,
    ];
    transaction.execute(journal, &values).await?;
    // Of each record the last version of these.
    let keep = "SELECT keep_records(c, array_agg(i), array_agg(v), array_agg(s), array_agg(a), array_agg(g), \
                array_agg(r), array_agg(p)) \
                FROM (SELECT DISTINCT ON (c, i) * FROM unnest($1::text[], $2::uuid[], $3::integer[], $4::bigint[], \
                $5::timestamptz[], $6::bytea[], $7::bigint[], $8::text[]) AS t (c, i, v, s, a, g, r, p) \
                ORDER BY c, i, v DESC) newest GROUP BY c";
    let values: [Parameter<'_>; 8] =
        [&arrays.collection, &arrays.id, &versions, &seqs, &recorded, &arrays.ewkb, &references, &arrays.properties];
    transaction.query(keep, &values).await?;
    Ok(())
}

async fn take_fixes(transaction: &Transaction<'_>, batches: &[FixBatch]) -> Result<(), StoreError> {
    if batches.is_empty() {
        return Ok(());
    }
    let seqs: Vec<i64> = batches.iter().map(|batch| batch.seq.cast_signed()).collect();
    let recorded: Vec<_> = batches.iter().map(|batch| instant(batch.recorded_at)).collect();
    let counts: Vec<i32> = batches.iter().map(|batch| batch.fixes.len() as i32).collect();
    let days = "SELECT have_fix_day(d) FROM (SELECT DISTINCT (a AT TIME ZONE 'UTC')::date AS d \
                FROM unnest($1::timestamptz[]) AS t (a)) days";
    transaction.query(days, &[&recorded]).await?;
    let sql = "INSERT INTO fix_batches SELECT s, a, (a AT TIME ZONE 'UTC')::date, n \
               FROM unnest($1::bigint[], $2::timestamptz[], $3::integer[]) AS t (s, a, n)";
    transaction.execute(sql, &[&seqs, &recorded, &counts]).await?;
    let keyed = batches.iter().map(|FixBatch { seq, recorded_at, fixes }| KeyedBatch {
        day: day(*recorded_at),
        key: seq.cast_signed(),
        fixes,
    });
    copy_fixes(transaction.copy_in(COPY_FIXES).await?, keyed).await?;
    Ok(())
}
