//! A call with very many records, made durable by one commit without holding up the others.
//!
//! Its rows go to their final place in slices, with seqs that were set aside far ahead of the counter, all in one
//! transaction that nobody sees into; the counter is held by its last statement alone. Until then other writes take
//! the seqs before. A write that needs a record of the import ends it: what is durable first wins. An import that is
//! given up, or whose node dies, leaves nothing: the database undoes it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio::sync::{mpsc, watch};
use tokio_postgres::Transaction;
use uuid::Uuid;

use super::arrays::{Parameter, PutArrays};
use super::closed;
use super::connect::{Database, Session};
use super::error::is_gone;
use super::follow::{advance, counter};
use super::prepare::{Frame, NewCode, Prepared, instant, prepare, timestamp};
use super::read::seq;
use crate::domain::change::Seq;
use crate::domain::{Collection, Timestamp};
use crate::store::{Append, AppendedMany, Expect, Idempotency, Put, StoreError, body};

/// Seqs left for other writes while an import runs; if they do not suffice, the import is given up.
const SEQ_HEADROOM: Seq = 1_000_000;
/// One slice: one statement.
const SLICE_PUTS_MAX: usize = 1_000;
const SLICE_BYTES_MAX: usize = 4 << 20;
/// Slices that may wait for the database.
const SLICES_MAX: usize = 2;
/// How long an import waits for the one before it.
const BEGIN_WAIT_MAX: Duration = Duration::from_secs(60);

/// What an import works with.
pub(super) struct Workshop {
    pub database: Database,
    pub pool: Pool,
    pub durable: Arc<watch::Sender<Seq>>,
    /// Set by `close`, read between two slices.
    pub closing: AtomicBool,
}

/// Runs an import to its end.
pub(super) async fn run(
    workshop: Arc<Workshop>,
    mut head: Append,
    puts: Box<dyn Iterator<Item = Put> + Send>,
) -> Result<AppendedMany, StoreError> {
    let expects = std::mem::take(&mut head.expects);
    let done = attempt(&workshop, &head, &expects, puts).await;
    match done {
        // The transaction is gone; perhaps because a record has moved on, which the caller can be told.
        Err(StoreError::Unavailable(why)) if !workshop.closing.load(Ordering::Relaxed) => {
            Err(stale(&workshop.pool, &expects).await.unwrap_or(StoreError::Unavailable(why)))
        }
        done => done,
    }
}

async fn attempt(
    workshop: &Arc<Workshop>,
    head: &Append,
    expects: &[Expect],
    puts: Box<dyn Iterator<Item = Put> + Send>,
) -> Result<AppendedMany, StoreError> {
    let mut client = workshop.database.client(Session::Long).await?;
    let transaction = client.transaction().await?;
    alone(&transaction).await?;
    if let Some(known) = known(&transaction, head.idempotency.as_ref()).await? {
        return Ok(known);
    }
    let row = transaction.query_one("SELECT journal_now()", &[]).await?;
    let first = counter(&transaction).await? + 1 + SEQ_HEADROOM;
    let mut import = Import {
        pool: &workshop.pool,
        transaction,
        began: timestamp(row.get(0)),
        frame: Frame {
            request_id: head.idempotency.map_or_else(Uuid::now_v7, |idempotency| idempotency.key),
            actor: Arc::clone(&head.actor),
            exercise_id: head.exercise_id,
        },
        expected: expects.iter().map(|expect| ((expect.collection, expect.id), expect.version)).collect(),
        first,
        next: first,
    };
    let (sender, mut slices) = mpsc::channel(SLICES_MAX);
    let (feeding, in_exercise) = (Arc::clone(workshop), head.exercise_id.is_some());
    let feeder = tokio::task::spawn_blocking(move || feed(&feeding, puts, in_exercise, &sender));
    while let Some(slice) = slices.recv().await {
        import.slice(slice?).await?;
    }
    feeder.await.map_err(|_| StoreError::Unavailable("reading what to import failed".to_owned()))?;
    if workshop.closing.load(Ordering::Relaxed) {
        return Err(closed());
    }
    let published = import.publish(head.idempotency.as_ref()).await?;
    advance(&workshop.durable, published.last);
    Ok(published)
}

/// Reads and prepares on a thread that may block.
fn feed(
    workshop: &Workshop,
    puts: Box<dyn Iterator<Item = Put> + Send>,
    in_exercise: bool,
    slices: &mpsc::Sender<Result<Vec<Prepared>, StoreError>>,
) {
    let (mut slice, mut bytes) = (Vec::with_capacity(SLICE_PUTS_MAX), 0);
    for put in puts {
        if workshop.closing.load(Ordering::Relaxed) {
            return;
        }
        match prepare(put, in_exercise) {
            Ok(prepared) => {
                bytes += prepared.bytes();
                slice.push(prepared);
            }
            // The receiver is gone where the import has ended already.
            Err(error) => return drop(slices.blocking_send(Err(error))),
        }
        if slice.len() >= SLICE_PUTS_MAX || bytes >= SLICE_BYTES_MAX {
            let full = std::mem::replace(&mut slice, Vec::with_capacity(SLICE_PUTS_MAX));
            bytes = 0;
            if slices.blocking_send(Ok(full)).is_err() {
                return;
            }
        }
    }
    let _ = slices.blocking_send(Ok(slice));
}

/// Waits until no other import is under way, on any node.
async fn alone(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let started = Instant::now();
    loop {
        let row = transaction.query_one("SELECT pg_try_advisory_xact_lock(7301, 1)", &[]).await?;
        if row.get(0) {
            return Ok(());
        }
        if started.elapsed() >= BEGIN_WAIT_MAX {
            return Err(StoreError::TooBusy);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What became of an earlier call with the same key and body.
async fn known(
    transaction: &Transaction<'_>,
    idempotency: Option<&Idempotency>,
) -> Result<Option<AppendedMany>, StoreError> {
    let Some(Idempotency { key, body_hash }) = idempotency else { return Ok(None) };
    let sql = "SELECT body_hash, first_seq, last_seq FROM requests WHERE key = $1";
    let Some(row) = transaction.query_opt(sql, &[key]).await? else { return Ok(None) };
    if row.get::<_, &[u8]>(0) != body_hash {
        return Err(StoreError::IdempotencyMismatch);
    }
    let (first, last) = (seq(&row, 1), seq(&row, 2));
    let count = if first == 0 { 0 } else { (last - first + 1) as usize };
    Ok(Some(AppendedMany { first, last, count, replayed: true }))
}

/// The first expectation that does not hold any more.
async fn stale(pool: &Pool, expects: &[Expect]) -> Option<StoreError> {
    let arrays = ExpectArrays::of(expects.iter().copied());
    let sql = "SELECT coalesce(version_of(c, i), 0) FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS e (c, i, n) \
               ORDER BY n";
    let rows = pool.get().await.ok()?.query(sql, &[&arrays.collection, &arrays.id]).await.ok()?;
    expects.iter().zip(&rows).find_map(|(expect, row)| {
        let present = row.get::<_, i32>(0).cast_unsigned();
        let &Expect { collection, id, version: expected } = expect;
        (present != expected).then_some(StoreError::Conflict { collection, id, expected, present })
    })
}

#[derive(Default)]
struct ExpectArrays {
    collection: Vec<&'static str>,
    id: Vec<Uuid>,
    version: Vec<i32>,
}

impl ExpectArrays {
    fn of(expects: impl Iterator<Item = Expect>) -> Self {
        let mut arrays = Self::default();
        for Expect { collection, id, version } in expects {
            arrays.collection.push(collection.as_str());
            arrays.id.push(id);
            arrays.version.push(version.cast_signed());
        }
        arrays
    }
}

/// An import under way.
struct Import<'a> {
    pool: &'a Pool,
    transaction: Transaction<'a>,
    /// The recording time of all its changes.
    began: Timestamp,
    frame: Frame,
    /// The versions on which it rests; that of a record is taken out when the record is put, since asked again it was
    /// put by the import itself.
    expected: HashMap<(Collection, Uuid), u32>,
    first: Seq,
    next: Seq,
}

impl Import<'_> {
    async fn slice(&mut self, mut slice: Vec<Prepared>) -> Result<(), StoreError> {
        self.give_codes(&mut slice).await?;
        let mut puts = PutArrays::default();
        slice.iter().for_each(|put| puts.push(put));
        let expected: Vec<Option<u32>> =
            slice.iter().map(|put| self.expected.remove(&(put.collection, put.id))).collect();
        let expected_version: Vec<Option<i32>> = expected.iter().map(|version| version.map(u32::cast_signed)).collect();
        let (next, began) = (self.next.cast_signed(), instant(self.began));
        let Frame { request_id, actor, exercise_id } = &self.frame;
        let actor: &str = actor;
        let head: [Parameter<'_>; 5] = [&next, &began, request_id, &actor, exercise_id];
        let tail: [Parameter<'_>; 2] = [&(body::FORMAT as i32), &expected_version];
        let parameters = [&head[..], &puts.record(), &puts.personal(), &tail].concat();
        let stage = "SELECT version, standing FROM stage_puts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
                     $14, $15)";
        let rows = self.transaction.query(stage, &parameters).await?;
        if let Some(at) = rows.iter().position(|row| row.get::<_, Option<i32>>(0).is_none()) {
            let present = rows[at].get::<_, i32>(1).cast_unsigned();
            let (Prepared { collection, id, .. }, expected) = (&slice[at], expected[at].unwrap_or_default());
            return Err(StoreError::Conflict { collection: *collection, id: *id, expected, present });
        }
        self.next += slice.len() as Seq;
        Ok(())
    }

    /// Codes come from outside of the transaction: their counters are everybody's, and an import holds them for nobody.
    async fn give_codes(&self, slice: &mut [Prepared]) -> Result<(), StoreError> {
        let mut seen = HashSet::new();
        for put in slice {
            match put.code {
                NewCode::None => {}
                NewCode::Brought { series, year, quarter, number } => {
                    let client = self.pool.get().await?;
                    let (year, quarter) = (year as i32, quarter as i32);
                    client.execute("SELECT pass_code($1, $2, $3, $4)", &[&series, &year, &quarter, &number]).await?;
                }
                NewCode::Wanted { series } => {
                    let stands = self
                        .transaction
                        .query_one("SELECT version_of($1, $2) IS NOT NULL", &[&put.collection.as_str(), &put.id])
                        .await?;
                    if stands.get(0) || !seen.insert((put.collection, put.id)) {
                        continue;
                    }
                    let (year, quarter) = put.valid_at.unwrap_or(self.began).local_year_quarter();
                    let client = self.pool.get().await?;
                    let taken = client
                        .query_one("SELECT take_code($1, $2, $3)", &[&series, &i32::from(year), &i32::from(quarter)])
                        .await?;
                    put.set_code(taken.get(0));
                }
            }
        }
        Ok(())
    }

    /// Makes the rows count if the records that were only read stand as expected.
    async fn publish(self, idempotency: Option<&Idempotency>) -> Result<AppendedMany, StoreError> {
        let rest: Vec<Expect> =
            self.expected.into_iter().map(|((collection, id), version)| Expect { collection, id, version }).collect();
        let arrays = ExpectArrays::of(rest.iter().copied());
        let row = self
            .transaction
            .query_one(
                "SELECT item, present FROM publish_import($1, $2, $3, $4, $5, $6, $7, $8)",
                &[
                    &self.first.cast_signed(),
                    &self.next.cast_signed(),
                    &instant(self.began),
                    &idempotency.map(|idempotency| idempotency.key),
                    &idempotency.map(|idempotency| idempotency.body_hash.as_slice()),
                    &arrays.collection,
                    &arrays.id,
                    &arrays.version,
                ],
            )
            .await?;
        let conflict = row.get::<_, Option<i32>>(0).and_then(|item| rest.get(usize::try_from(item - 1).ok()?));
        if let Some(&Expect { collection, id, version: expected }) = conflict {
            let present = row.get::<_, i32>(1).cast_unsigned();
            return Err(StoreError::Conflict { collection, id, expected, present });
        }
        let committed = self.transaction.commit().await;
        committed.map_err(|error| if is_gone(&error) { StoreError::Unconfirmed } else { error.into() })?;
        let count = (self.next - self.first) as usize;
        let (first, last) = if count == 0 { (0, 0) } else { (self.first, self.next - 1) };
        Ok(AppendedMany { first, last, count, replayed: false })
    }
}
