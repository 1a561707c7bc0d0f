//! `DATA/audit.db`: who was shown what, who took it away, who came in; one hash chain a node.
//!
//! A file of its own, because it grows with reading, is kept for another time and is never copied with the records.
//! Invariants: rows are only added, each inside a transaction that holds the write lock while it reads the last hash,
//! so that several processes add to one chain; what was queued is durable within a second; a queue that is full is
//! said before anything personal is shown, never after.

mod bulk;
mod chain;
mod event;
mod queue;
mod read;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

pub use bulk::BULK_IDS_AN_HOUR_MAX;
pub use chain::{Fault, Row, Verified, verify};
pub use event::{Event, Kind};
pub use queue::{QUEUE_MAX, Slot};
pub use read::{ROWS_MAX, RowsQuery, walk};

use super::StoreError;
use super::folder::make_private_file;
use crate::domain::access::DataClass;
use crate::domain::{Actor, Collection, Timestamp};
use queue::Queue;

const FILE: &str = "audit.db";
/// A restricted row counts what was shown in so many milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// How long a connection waits for another process that writes.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// How soon a file that could not be opened is tried again.
const OPEN_RETRY: Duration = Duration::from_millis(20);

mod embedded {
    refinery::embed_migrations!("migrations/audit");
}

/// The audit of one data folder. Cheap to clone; the last clone that goes makes what is queued durable.
#[derive(Clone)]
pub struct Audit {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    file: PathBuf,
    /// The one thread that writes; taken when it is told to end.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Audit {
    /// Opens the file in a data folder that exists, mode 0600, makes it if it is not there, and starts its writer.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, QUEUE_MAX)
    }

    /// As [`Audit::open`], with room for `queue_max` rows that wait.
    ///
    /// # Errors
    /// What the system said.
    pub fn open_with(dir: &Path, queue_max: usize) -> Result<Self, StoreError> {
        let file = dir.join(FILE);
        let conn = open_writer(&file)?;
        let (queue, messages) = Queue::new(queue_max);
        let writer = writer::Writer::new(conn, Arc::clone(&queue), messages)?;
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run())?;
        queue.is_written_by(thread.thread().clone());
        Ok(Self { inner: Arc::new(Inner { queue, file, thread: Mutex::new(Some(thread)) }) })
    }

    /// The supervisor hears of an account that is shown more than so many different people within an hour, at most
    /// [`BULK_IDS_AN_HOUR_MAX`], which holds if nothing is said.
    pub fn alarm_above(&self, people_an_hour: usize) {
        self.inner.queue.people_an_hour_max.store(people_an_hour.min(BULK_IDS_AN_HOUR_MAX), Ordering::Relaxed);
    }

    /// A place for what a request will be shown. Nobody waits.
    ///
    /// # Errors
    /// [`StoreError::TooBusy`] if the queue is full, [`StoreError::Unavailable`] after [`Audit::close`].
    pub fn slot(&self) -> Result<Slot, StoreError> {
        self.inner.queue.slot()
    }

    /// A place for the answer to a write that was done: it is told even where the queue is full. There are never more
    /// of them than writes under way.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] after [`Audit::close`].
    pub fn slot_of_written(&self) -> Result<Slot, StoreError> {
        self.inner.queue.slot_beyond()
    }

    /// Queues one row: a sign-in, an export, a grant.
    ///
    /// # Errors
    /// As [`Audit::slot`]; what the row is about must then not happen.
    pub fn event(&self, event: Event) -> Result<(), StoreError> {
        self.slot()?.put(event);
        Ok(())
    }

    /// Counts restricted records that `actor` was shown; a row a minute says how many.
    pub fn count(&self, actor: &Arc<Actor>, at: Timestamp, collection: Collection, class: DataClass, records: u64) {
        self.inner.queue.count(actor, at, collection, class, records);
    }

    /// Waits until what was queued before is durable. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the writer ended before.
    pub fn flush(&self) -> Result<(), StoreError> {
        let unwritten = || StoreError::Unavailable("the audit was closed before all was written".to_owned());
        self.inner.queue.flush().then_some(()).ok_or_else(unwritten)
    }

    /// Makes what is queued durable and ends the writer. Blocks.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Rows, newest first. Blocks for the length of a query.
    ///
    /// # Errors
    /// What the system said.
    pub fn rows(&self, query: &RowsQuery) -> Result<Vec<Row>, StoreError> {
        read::rows(&open_reader(&self.inner.file)?, query)
    }
}

impl Inner {
    fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer of the audit failed");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// Of several processes that make the file at once, one makes it and the others, who were in its way, find it made.
fn open_writer(file: &Path) -> Result<Connection, StoreError> {
    let patience = Instant::now() + BUSY_WAIT;
    loop {
        match try_open_writer(file) {
            Err(StoreError::Unavailable(_)) if Instant::now() < patience => std::thread::sleep(OPEN_RETRY),
            opened => return opened,
        }
    }
}

fn try_open_writer(file: &Path) -> Result<Connection, StoreError> {
    make_private_file(file)?;
    let mut conn = Connection::open(file)?;
    conn.busy_timeout(BUSY_WAIT)?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.execute_batch("PRAGMA synchronous = FULL;")?;
    let migrated = embedded::migrations::runner().set_grouped(true).run(&mut conn);
    migrated.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(conn)
}

fn open_reader(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(file, flags)?;
    conn.busy_timeout(BUSY_WAIT)?;
    Ok(conn)
}
