//! The store for several nodes: PostgreSQL with PostGIS, whose tables QGIS, pg_featureserv and SQL read as they are.
//!
//! Any number of nodes write into one database. Seqs come from one counter row, held by one statement of the server at
//! a time, so that their order is the order of the commits and no lock waits for a client. A node has one task that
//! writes, in groups; a pool to read by; and one connection that hears of the others' writes.
//!
//! Accounts, audit and tips stay in the data folder of the node.

mod arrays;
mod check;
mod connect;
mod copy;
mod error;
mod files;
mod fix_rows;
mod follow;
mod group;
mod import;
mod lead;
mod link;
mod migrate;
mod past;
mod prepare;
mod read;
mod retain;
mod snapshot;
mod tables;
mod upkeep;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle};
use uuid::Uuid;

pub use self::check::check;
pub(in crate::store) use self::connect::Session;
pub use self::connect::{Database, NotADatabase};
pub(super) use self::copy::{give_copy, take_copy};
pub(super) use self::files::{held_file, hold_file, named_files, retain_files};
pub(in crate::store) use self::follow::Backoff;
use self::group::{Batch, Call, Job, Written};
use self::import::Workshop;
pub use self::migrate::migrate;
use self::prepare::{Frame, timestamp};
pub use self::retain::{FixesDropped, drop_fixes, retain};
use self::snapshot::PgSnapshot;
use self::writer::{AWAY_WAIT, Writer};
use super::folder::{Lock, make_folder};
use super::heard::Heard;
use super::{
    Append, Appended, AppendedMany, FixesAppended, LAST_ALIVE_AT, Put, Snapshot, Staging, Store, StoreError,
    StoreFuture, clock,
};
use crate::domain::attachment::FileHash;
use crate::domain::change::Seq;
use crate::domain::{Change, Collection, Event, Fix, Timestamp};

/// Calls that wait for the writer; a caller that finds the queue full is told at once and can say so.
pub const QUEUE_JOBS_MAX: usize = 4_096;

/// A call with more puts than this is staged in slices (see `import`), so that no other write waits for it.
pub const PUTS_AT_ONCE_MAX: usize = 2_000;

/// See the module. Dropping it finishes the commits under way.
pub struct PgStore {
    /// `None` for a store opened for reading, and after `close`.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Tasks that end with the store.
    beside: Vec<AbortHandle>,
    workshop: Arc<Workshop>,
    /// Of the node's data folder; held until the writer has ended.
    lock: Mutex<Option<Lock>>,
    durable: watch::Receiver<Seq>,
    /// When the counter was last known to be the newest.
    heard: Arc<Heard>,
    /// Never so in a store opened for reading.
    leads: watch::Sender<bool>,
    blind_since: Option<Timestamp>,
}

impl PgStore {
    /// Opens the database for writing. `folder` is the node's own, for its accounts; nobody else may hold it.
    ///
    /// # Errors
    /// `folder_locked` naming the holder; `Unavailable` if the database cannot be reached or is to be migrated first.
    pub async fn open(database: Database, folder: Option<&Path>, address: &str) -> Result<Arc<Self>, StoreError> {
        let lock = folder.map(|folder| hold(folder, address)).transpose()?;
        let mut store = Self::reading(database).await?;
        store.blind_since.map_or(Ok(()), clock::not_before)?;
        upkeep::once(&store.workshop.pool, true, false).await?;
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS_MAX);
        let writer =
            Writer::new(store.workshop.database.clone(), Arc::clone(&store.workshop.durable), Arc::clone(&store.heard));
        store.jobs = Mutex::new(Some(jobs));
        store.writer = Mutex::new(Some(tokio::spawn(writer.run(queue))));
        store.beside.push(tokio::spawn(upkeep::upkeep(store.workshop.pool.clone())).abort_handle());
        let leading = lead::lead(store.workshop.database.clone(), store.leads.clone());
        store.beside.push(tokio::spawn(leading).abort_handle());
        let keeping = retain::keep(store.workshop.database.clone(), store.leads.subscribe());
        store.beside.push(tokio::spawn(keeping).abort_handle());
        store.lock = Mutex::new(lock);
        Ok(Arc::new(store))
    }

    /// Opens the database for reading beside whoever writes it.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be reached or is to be migrated first.
    pub async fn open_read(database: Database) -> Result<Arc<Self>, StoreError> {
        Self::reading(database).await.map(Arc::new)
    }

    async fn reading(database: Database) -> Result<Self, StoreError> {
        let pool = database.pool()?;
        let client = pool.get().await?;
        migrate::check_version(&**client).await?;
        let (sender, durable) = watch::channel(follow::counter(&**client).await?);
        let sender = Arc::new(sender);
        let blind_since = blind_since(&client).await?;
        drop(client);
        let heard = Arc::new(Heard::new());
        let following = tokio::spawn(follow::follow(database.clone(), Arc::clone(&sender), Arc::clone(&heard)));
        let workshop = Workshop { database, pool, durable: sender, closing: AtomicBool::new(false) };
        Ok(Self {
            jobs: Mutex::default(),
            writer: Mutex::default(),
            beside: vec![following.abort_handle()],
            workshop: Arc::new(workshop),
            lock: Mutex::default(),
            durable,
            heard,
            leads: watch::Sender::new(false),
            blind_since,
        })
    }

    /// Until when the store was last known to be watched over by any node. `None`: it is new.
    #[must_use]
    pub fn blind_since(&self) -> Option<Timestamp> {
        self.blind_since
    }

    /// Erases the personal values of every version of a record. The journal keeps their reference and hash, so that
    /// fold and check stay whole. How many values there were. Their bytes are gone from the files of the database after
    /// its next vacuum, and from its write-ahead log and backups when those are.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn erase_personal(&self, collection: Collection, id: Uuid) -> Result<usize, StoreError> {
        let client = self.workshop.pool.get().await?;
        let row = client.query_one("SELECT erase_personal($1, $2)", &[&collection.as_str(), &id]).await?;
        Ok(usize::try_from(row.get::<_, i64>(0)).unwrap_or_default())
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(jobs) = jobs.as_ref() else { return Err(closed()) };
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::TooBusy,
            TrySendError::Closed(_) => closed(),
        })
    }

    /// What a call changed that is known to be durable.
    ///
    /// # Errors
    /// `Unconfirmed` if it cannot be read in time: whoever asks again with the same key is told.
    async fn durable(&self, first: Seq, last: Seq) -> Result<Vec<Change>, StoreError> {
        if first == 0 {
            return Ok(Vec::new());
        }
        let reading = async { read::changes_between(&**self.workshop.pool.get().await?, first, last).await };
        let wait = AWAY_WAIT + Duration::from_millis(last - first);
        match tokio::time::timeout(wait, reading).await {
            Ok(Err(StoreError::Unavailable(_))) | Err(_) => Err(StoreError::Unconfirmed),
            Ok(read) => read,
        }
    }

    async fn import(
        &self,
        head: Append,
        puts: Box<dyn Iterator<Item = Put> + Send>,
    ) -> Result<AppendedMany, StoreError> {
        if self.jobs.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Err(closed());
        }
        // A task of its own: once begun it goes on to its end.
        let running = tokio::spawn(import::run(Arc::clone(&self.workshop), head, puts));
        running.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the import was stopped".to_owned())))
    }

    async fn append_one(&self, mut call: Append) -> Result<Appended, StoreError> {
        if call.puts.len() > PUTS_AT_ONCE_MAX {
            let puts = std::mem::take(&mut call.puts);
            let AppendedMany { first, last, replayed, .. } = self.import(call, Box::new(puts.into_iter())).await?;
            return Ok(Appended { changes: self.durable(first, last).await?, replayed });
        }
        let in_exercise = call.exercise_id.is_some();
        let puts = call.puts.into_iter().map(|put| prepare::prepare(put, in_exercise)).collect::<Result<_, _>>()?;
        let frame = Frame {
            request_id: call.idempotency.map_or_else(Uuid::now_v7, |idempotency| idempotency.key),
            actor: call.actor,
            exercise_id: call.exercise_id,
        };
        let (answer, answered) = oneshot::channel();
        self.send(Job::Call(Call {
            idempotency: call.idempotency,
            frame,
            expects: call.expects,
            puts,
            asked_at: tokio::time::Instant::now(),
            answer,
        }))?;
        match answered.await.unwrap_or_else(|_| Err(closed()))? {
            Written::New(appended) => Ok(appended),
            Written::Before(first, last) => Ok(Appended { changes: self.durable(first, last).await?, replayed: true }),
        }
    }
}

/// Takes the node's own folder.
fn hold(folder: &Path, address: &str) -> Result<Lock, StoreError> {
    make_folder(folder)?;
    let mut lock = Lock::take(folder)?;
    lock.announce(address)?;
    Ok(lock)
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed, or was opened for reading".to_owned())
}

/// The last sign of life: the mark of the last run, or the newest row if that is later.
async fn blind_since(client: &tokio_postgres::Client) -> Result<Option<Timestamp>, StoreError> {
    let row = client
        .query_one(
            "SELECT (SELECT value FROM meta WHERE key = $1), greatest(\
             (SELECT recorded_at FROM journal ORDER BY seq DESC LIMIT 1), \
             (SELECT recorded_at FROM fix_batches ORDER BY seq DESC LIMIT 1))",
            &[&LAST_ALIVE_AT],
        )
        .await?;
    let marked = row.get::<_, Option<&str>>(0).and_then(|text| Timestamp::parse(text).ok());
    Ok(marked.max(row.get::<_, Option<jiff::Timestamp>>(1).map(timestamp)))
}

impl Store for PgStore {
    fn append(&self, call: Append) -> StoreFuture<'_, Result<Appended, StoreError>> {
        Box::pin(self.append_one(call))
    }

    fn append_many(
        &self,
        head: Append,
        puts: Box<dyn Iterator<Item = Put> + Send>,
    ) -> StoreFuture<'_, Result<AppendedMany, StoreError>> {
        let first = head.puts.clone().into_iter();
        Box::pin(self.import(Append { puts: Vec::new(), ..head }, Box::new(first.chain(puts))))
    }

    fn append_fixes(&self, fixes: Arc<[Fix]>) -> StoreFuture<'_, Result<FixesAppended, StoreError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.send(Job::Batch(Batch { fixes, asked_at: tokio::time::Instant::now(), answer }))?;
            answered.await.unwrap_or_else(|_| Err(closed()))
        })
    }

    fn changes_between(
        &self,
        after: Seq,
        through: Seq,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Event>, StoreError>> {
        Box::pin(async move {
            let client = self.workshop.pool.get().await?;
            read::events_between(&**client, after, through, limit).await
        })
    }

    /// Without a word: nobody sees into an import before it counts.
    fn tell_staging(&self, _: Arc<dyn Staging>) {}

    fn durable_seq(&self) -> watch::Receiver<Seq> {
        self.durable.clone()
    }

    fn heard_at(&self) -> Instant {
        self.heard.last()
    }

    fn leads(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    fn snapshot(&self) -> StoreFuture<'_, Result<Box<dyn Snapshot>, StoreError>> {
        let database = self.workshop.database.clone();
        Box::pin(async move {
            let snapshot: Box<dyn Snapshot> = Box::new(PgSnapshot::open(database).await?);
            Ok(snapshot)
        })
    }

    fn history(&self, collection: Collection, id: Uuid) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(async move { read::history(&**self.workshop.pool.get().await?, collection, id).await })
    }

    fn seq_at(&self, at: Timestamp) -> StoreFuture<'_, Result<Seq, StoreError>> {
        Box::pin(async move { past::seq_at(&**self.workshop.pool.get().await?, at).await })
    }

    fn known_at(&self, seq: Seq, records: Vec<(Collection, Uuid)>) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(async move { past::known_at(&**self.workshop.pool.get().await?, seq, &records).await })
    }

    fn told_late(
        &self,
        valid_by: Timestamp,
        after: Seq,
        through: Seq,
    ) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(async move { past::told_late(&**self.workshop.pool.get().await?, valid_by, after, through).await })
    }

    fn fixes_known_at(&self, seq: Seq, taken_by: Timestamp) -> StoreFuture<'_, Result<Vec<(Fix, Seq)>, StoreError>> {
        Box::pin(async move { past::fixes_known_at(&**self.workshop.pool.get().await?, seq, taken_by).await })
    }

    fn meta(&self, key: &'static str) -> StoreFuture<'_, Result<Option<String>, StoreError>> {
        Box::pin(async move {
            let client = self.workshop.pool.get().await?;
            let row = client.query_opt("SELECT value FROM meta WHERE key = $1", &[&key]).await?;
            Ok(row.map(|row| row.get(0)))
        })
    }

    fn set_meta(&self, key: &'static str, value: String) -> StoreFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if self.jobs.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
                return Err(closed());
            }
            let client = self.workshop.pool.get().await?;
            client.execute("SELECT set_meta($1, $2)", &[&key, &value]).await?;
            Ok(())
        })
    }

    fn keep_file(&self, hash: FileHash, content: Bytes) -> StoreFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { files::keep(&**self.workshop.pool.get().await?, &hash, &content).await })
    }

    fn file_part(
        &self,
        hash: FileHash,
        offset: u64,
        bytes_max: usize,
    ) -> StoreFuture<'_, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move { files::part(&**self.workshop.pool.get().await?, &hash, offset, bytes_max).await })
    }

    fn drop_orphan_files(&self, kept_before: Timestamp) -> StoreFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move { files::drop_orphans(&**self.workshop.pool.get().await?, kept_before).await })
    }

    fn backup(&self, to: PathBuf) -> StoreFuture<'_, Result<(), StoreError>> {
        let why = format!(
            "a database is backed up by its own means (pg_dump, pg_basebackup); `trucban copy --to {}` makes a \
             GeoPackage of it",
            to.display()
        );
        Box::pin(std::future::ready(Err(StoreError::Unavailable(why))))
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.workshop.closing.store(true, Ordering::Relaxed);
            let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
            let was_writing = jobs.is_some();
            drop(jobs);
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(writer) = writer {
                // The writer ends by itself once its queue is empty; a panic there has been told to its callers.
                let _ = writer.await;
            }
            self.beside.iter().for_each(AbortHandle::abort);
            if was_writing && let Err(error) = upkeep::once(&self.workshop.pool, true, false).await {
                tracing::warn!(%error, "closing the store: upkeep failed, the next start makes up for it");
            }
            self.workshop.pool.close();
            self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        })
    }
}

impl Drop for PgStore {
    fn drop(&mut self) {
        self.workshop.closing.store(true, Ordering::Relaxed);
        self.beside.iter().for_each(AbortHandle::abort);
    }
}
