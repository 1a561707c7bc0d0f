//! The default store: SQLite in the form of an OGC GeoPackage 1.3, which QGIS and GDAL read as it is.
//!
//! One thread owns the write connection and commits in groups; readers have read-only connections of their own. An
//! answer is given after the commit has reached the disk (`synchronous = FULL`), never before.

mod apply;
mod backup;
mod blob;
mod check;
mod checkpoint;
mod copy;
mod files;
mod fixes;
mod folder;
mod import;
mod past;
mod prepare;
mod read;
mod retain;
mod snapshot;
mod tables;
mod tail;
mod upkeep;
mod wal;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use rusqlite::{Connection, ErrorCode, OptionalExtension, ffi};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

pub use self::check::check;
pub(super) use self::copy::{give_copy, take_copy};
use self::files::FileFolder;
pub(super) use self::files::{held_file, hold_file, named_files, retain_files};
use self::read::Readers;
pub(super) use self::retain::leave_nothing_in_the_log;
pub use self::retain::{drop_fixes, retain};
use self::tables::Table;
use self::tail::Tail;
use self::writer::{Job, Writer};
use super::folder::{Lock, make_folder};
use super::{
    Append, Appended, AppendedMany, CREATED_AT, FixesAppended, LAST_ALIVE_AT, Put, Snapshot, Staging, Store,
    StoreError, StoreFuture, clock, now,
};
use crate::domain::attachment::FileHash;
use crate::domain::change::Seq;
use crate::domain::{Change, Collection, Event, Fix, Timestamp};

/// Calls that wait for the writer. At a thousand commits a second the last of them waits some seconds; a caller that
/// finds the queue full is told at once and can say so.
pub const QUEUE_JOBS_MAX: usize = 4_096;

/// A call with more puts than this is staged in slices (see `import`), so that no other write waits for it.
pub const PUTS_AT_ONCE_MAX: usize = 2_000;

/// How a store is opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Where the holder can be reached, for the lock's text; [`GpkgStore::announce`] tells it later.
    pub address: String,
}

/// See the module. Dropping it finishes the commits under way.
pub struct GpkgStore {
    /// `None` for a store opened for reading, and after `close`.
    jobs: Mutex<Option<SyncSender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Held until the writer has ended.
    lock: Arc<Mutex<Option<Lock>>>,
    imports: Arc<import::Gate>,
    tables: Arc<[Table]>,
    readers: Readers,
    files: Arc<FileFolder>,
    tail: Arc<Tail>,
    /// Written by the writer after each commit.
    durable: watch::Receiver<Seq>,
    /// Always so.
    leads: watch::Sender<bool>,
    /// Keeps the channel of a store opened for reading open.
    _idle: Option<watch::Sender<Seq>>,
    blind_since: Option<Timestamp>,
}

impl GpkgStore {
    /// Opens the store of a data folder for writing, and makes it if it is not there.
    ///
    /// # Errors
    /// `folder_locked` naming the holder, `DiskFull`, `Damaged`, or what the system said.
    pub fn open(dir: &Path, options: &OpenOptions) -> Result<Arc<Self>, StoreError> {
        make_folder(dir)?;
        let mut lock = Lock::take(dir)?;
        lock.announce(&options.address)?;
        let file = folder::store_file(dir);
        let conn = folder::open_writer(&file)?;
        let blind_since = blind_since(&conn)?;
        blind_since.map_or(Ok(()), clock::not_before)?;
        let tables: Arc<[Table]> = tables::all().into();
        let lock = Arc::new(Mutex::new(Some(lock)));
        let (jobs, queue) = sync_channel(QUEUE_JOBS_MAX);
        let (writer, durable, tail) = Writer::new(conn, &file, Arc::clone(&tables), Arc::clone(&lock))?;
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || writer.run(&queue))?;
        Ok(Arc::new(Self {
            jobs: Mutex::new(Some(jobs)),
            writer: Mutex::new(Some(thread)),
            lock,
            imports: Arc::default(),
            tables,
            files: Arc::new(FileFolder::of(&file)),
            readers: Readers::new(file),
            tail,
            durable,
            leads: watch::Sender::new(true),
            _idle: None,
            blind_since,
        }))
    }

    /// Opens a data folder, or a single store file such as a backup, for reading beside whoever writes it.
    ///
    /// # Errors
    /// `Unavailable` if there is no store, `Damaged` if it is none of ours.
    pub fn open_read(path: &Path) -> Result<Arc<Self>, StoreError> {
        let file = folder::store_file(path);
        let conn = folder::open_reader(&file)?;
        let seq = read::newest_seq(&conn, read::hidden_from(&conn)?)?;
        let (idle, durable) = watch::channel(seq);
        Ok(Arc::new(Self {
            jobs: Mutex::default(),
            writer: Mutex::default(),
            lock: Arc::default(),
            imports: Arc::default(),
            tables: tables::all().into(),
            files: Arc::new(FileFolder::of(&file)),
            readers: Readers::new(file),
            // Out of reach: whoever opens beside the writer reads the journal.
            tail: Arc::new(Tail::new(Seq::MAX)),
            durable,
            leads: watch::Sender::new(true),
            _idle: Some(idle),
            blind_since: blind_since(&conn)?,
        }))
    }

    /// Writes into the lock where the holder can be reached, for whoever finds the folder locked.
    ///
    /// # Errors
    /// What the system said.
    pub fn announce(&self, address: &str) -> Result<(), StoreError> {
        match self.lock.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(lock) => lock.announce(address),
            None => Ok(()),
        }
    }

    /// Until when the store was last known to be watched over; from then until now it was blind. `None`: it is new.
    #[must_use]
    pub fn blind_since(&self) -> Option<Timestamp> {
        self.blind_since
    }

    /// The file that holds everything.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.readers.file().to_owned()
    }

    /// Erases the personal values of every version of a record. The journal keeps their reference and hash, so that
    /// fold, check and backup stay whole. Their bytes are overwritten in the file; the log beside it loses them when
    /// it is next used from its start, or at the close. How many values there were.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn erase_personal(&self, collection: Collection, id: Uuid) -> Result<usize, StoreError> {
        self.ask(|answer| Job::Erase { collection, id, answer }).await
    }

    /// Hands a job to the writer and waits for its answer.
    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(job(answer))?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Stages very many records on a thread that may block, and makes them visible by one commit.
    async fn import(
        &self,
        head: Append,
        puts: Box<dyn Iterator<Item = Put> + Send>,
    ) -> Result<AppendedMany, StoreError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)?;
        let (gate, tables) = (Arc::clone(&self.imports), Arc::clone(&self.tables));
        blocking(move || import::run(&jobs, &gate, &tables, head, puts)).await
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(jobs) = jobs.as_ref() else { return Err(closed()) };
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::TooBusy,
            TrySendError::Disconnected(_) => closed(),
        })
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed, or was opened for reading".to_owned())
}

impl Store for GpkgStore {
    fn append(&self, mut call: Append) -> StoreFuture<'_, Result<Appended, StoreError>> {
        Box::pin(async move {
            if call.puts.len() > PUTS_AT_ONCE_MAX {
                let puts = std::mem::take(&mut call.puts);
                let AppendedMany { first, last, replayed, .. } = self.import(call, Box::new(puts.into_iter())).await?;
                let changes = self.readers.with(move |conn| read::changes_between(conn, first, last)).await?;
                return Ok(Appended { changes, replayed });
            }
            let call = prepare::call(&self.tables, call)?;
            self.ask(|answer| Job::Append { call, answer }).await
        })
    }

    fn append_many(
        &self,
        head: Append,
        puts: Box<dyn Iterator<Item = Put> + Send>,
    ) -> StoreFuture<'_, Result<AppendedMany, StoreError>> {
        Box::pin(async move {
            let first = head.puts.clone().into_iter();
            self.import(Append { puts: Vec::new(), ..head }, Box::new(first.chain(puts))).await
        })
    }

    fn append_fixes(&self, fixes: Arc<[Fix]>) -> StoreFuture<'_, Result<FixesAppended, StoreError>> {
        Box::pin(self.ask(|answer| Job::Fixes { fixes, answer }))
    }

    fn changes_between(
        &self,
        after: Seq,
        through: Seq,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Event>, StoreError>> {
        if let Some(events) = self.tail.between(after, through, limit) {
            return Box::pin(std::future::ready(Ok(events)));
        }
        Box::pin(self.readers.with(move |conn| read::events_between(conn, after, through, limit)))
    }

    fn tell_staging(&self, listener: Arc<dyn Staging>) {
        self.imports.tell(listener);
    }

    fn durable_seq(&self) -> watch::Receiver<Seq> {
        self.durable.clone()
    }

    fn leads(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    fn snapshot(&self) -> StoreFuture<'_, Result<Box<dyn Snapshot>, StoreError>> {
        let file = self.file();
        Box::pin(blocking(move || {
            let snapshot: Box<dyn Snapshot> = Box::new(snapshot::GpkgSnapshot::open(&file)?);
            Ok(snapshot)
        }))
    }

    fn history(&self, collection: Collection, id: Uuid) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(self.readers.with(move |conn| read::history(conn, collection, id)))
    }

    fn seq_at(&self, at: Timestamp) -> StoreFuture<'_, Result<Seq, StoreError>> {
        Box::pin(self.readers.with(move |conn| past::seq_at(conn, at)))
    }

    fn known_at(&self, seq: Seq, records: Vec<(Collection, Uuid)>) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(self.readers.with(move |conn| past::known_at(conn, seq, &records)))
    }

    fn told_late(
        &self,
        valid_by: Timestamp,
        after: Seq,
        through: Seq,
    ) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(self.readers.with(move |conn| past::told_late(conn, valid_by, after, through)))
    }

    fn fixes_known_at(&self, seq: Seq, taken_by: Timestamp) -> StoreFuture<'_, Result<Vec<(Fix, Seq)>, StoreError>> {
        Box::pin(self.readers.with(move |conn| past::fixes_known_at(conn, seq, taken_by)))
    }

    fn meta(&self, key: &'static str) -> StoreFuture<'_, Result<Option<String>, StoreError>> {
        Box::pin(self.readers.with(move |conn| meta(conn, key)))
    }

    fn set_meta(&self, key: &'static str, value: String) -> StoreFuture<'_, Result<(), StoreError>> {
        Box::pin(self.ask(move |answer| Job::SetMeta { key, value, answer }))
    }

    fn keep_file(&self, hash: FileHash, content: Bytes) -> StoreFuture<'_, Result<(), StoreError>> {
        if self.jobs.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Box::pin(std::future::ready(Err(closed())));
        }
        let files = Arc::clone(&self.files);
        Box::pin(blocking(move || files.keep(&hash, &content)))
    }

    fn file_part(
        &self,
        hash: FileHash,
        offset: u64,
        bytes_max: usize,
    ) -> StoreFuture<'_, Result<Option<Bytes>, StoreError>> {
        let files = Arc::clone(&self.files);
        Box::pin(blocking(move || files.part(&hash, offset, bytes_max)))
    }

    fn drop_orphan_files(&self, kept_before: Timestamp) -> StoreFuture<'_, Result<usize, StoreError>> {
        let files = Arc::clone(&self.files);
        Box::pin(self.readers.with(move |conn| files.drop_orphans(conn, kept_before)))
    }

    fn backup(&self, to: PathBuf) -> StoreFuture<'_, Result<(), StoreError>> {
        let file = self.file();
        Box::pin(blocking(move || backup::backup(&file, &to)))
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.imports.close();
            let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(jobs);
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(writer) = writer {
                // The writer ends by itself once its queue is empty; a panic there has been told to its callers.
                let _ = tokio::task::spawn_blocking(move || writer.join()).await;
            }
            self.readers.close_idle();
        })
    }
}

impl Drop for GpkgStore {
    fn drop(&mut self) {
        self.imports.close();
        self.jobs.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = writer.join();
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let gone = || StoreError::Unavailable("the task was stopped".to_owned());
    tokio::task::spawn_blocking(work).await.map_err(|_| gone())?
}

fn meta(conn: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    Ok(conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?)
}

fn put_meta(conn: &Connection, key: &str, value: &str) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value")?
        .execute((key, value))?;
    Ok(())
}

/// The last sign of life: the mark of the last run, or the newest row if that is later.
fn blind_since(conn: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let texts: [Option<String>; 3] = conn.query_row(
        "SELECT (SELECT value FROM meta WHERE key = ?1), \
         (SELECT recorded_at FROM journal ORDER BY seq DESC LIMIT 1), \
         (SELECT recorded_at FROM fix_batches ORDER BY seq DESC LIMIT 1)",
        [LAST_ALIVE_AT],
        |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]),
    )?;
    Ok(texts.iter().flatten().filter_map(|text| Timestamp::parse(text).ok()).max())
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let Some(failure) = error.sqlite_error() else { return Self::Damaged(error.to_string()) };
        match (failure.code, failure.extended_code) {
            // A quota and a limit on file size show as a failed write, not as a full disk.
            (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE) => Self::DiskFull,
            (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => Self::Damaged(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
