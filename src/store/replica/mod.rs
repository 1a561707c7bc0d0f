//! A database file of a data folder that several nodes may share: each keeps a replica, reads it without asking
//! anybody, and writes through a log that is one for all ([`SharedLog`]). Where there is no log, it is a file like any
//! other.
//!
//! A change is worked out on the replica inside a transaction, what it did to rows is put into the log, and only if the
//! log has nothing newer is it committed here, with its position. Else the transaction is undone, what is newer is done
//! here too, and the change is worked out anew. So checks inside a transaction (a code works once, the last
//! administrator stays) hold for all nodes. A node that dies between the log and its own commit finds its change in the
//! log like another's.
//!
//! Refuses to repair: a replica that differs from the log stops, and says so.

mod catch_up;
mod log;
mod position;
mod postgres;
mod rows;
mod tail;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::watch;
use uuid::Uuid;

pub use log::{Append, Entry, LogError, SharedLog};
pub use postgres::PostgresLogs;

use super::StoreError;
use super::folder::{make_folder, make_private_file};
use super::heard::Heard;
use position::Position;
use rows::Recorder;

/// How long a statement waits for another program that works on the same file.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// How long a change waits for the log's answer, and how long it takes in all, so that whoever asked hears within a
/// second that it was not done.
const APPEND_WAIT: Duration = Duration::from_millis(600);
const CHANGE_WAIT: Duration = Duration::from_millis(900);
/// How often a change is worked out while others are faster.
const TRIES_MAX: u32 = 32;

/// One kind of database file.
#[derive(Clone, Copy)]
pub(in crate::store) struct Shape {
    pub file: &'static str,
    /// Brings a file up to this version.
    pub migrate: fn(&mut Connection) -> Result<(), refinery::Error>,
    /// Tables that are each replica's own; triggers write to these alone.
    pub own: &'static [&'static str],
    /// SQL: whether the file holds nothing that would be missed if the log's content took its place.
    pub is_pristine: &'static str,
    /// After how many entries a snapshot takes their place in the log.
    pub entries_max: u64,
}

/// A database file, alone or as the replica of a log.
pub(in crate::store) struct Replica {
    shared: Arc<Shared>,
}

struct Shared {
    shape: Shape,
    /// The one that writes; held for one transaction at a time.
    writing: Mutex<Connection>,
    /// The one that reads, so that nobody who reads waits for the log.
    reading: Mutex<Connection>,
    joined: Option<Joined>,
}

/// What only a replica has.
struct Joined {
    log: Arc<dyn SharedLog>,
    recorder: Recorder,
    schema: u32,
    /// The log did not answer the last time; changes are then refused at once. Cleared by whoever reaches it.
    is_away: AtomicBool,
    /// When the log was last reached and held nothing that is not done here.
    heard: Heard,
    /// Raised when changes of others were done here.
    news: watch::Sender<u64>,
    /// Position of the newest snapshot of the log that this node knows of.
    snapshot: AtomicU64,
}

/// What became of one try of a change.
enum Try<T> {
    Done(T),
    /// The log holds more; to be worked out anew after it.
    Behind,
    /// Nothing was changed, on what is known here.
    Idle(Result<T, StoreError>),
    /// The log may have taken it; by this nonce after this position.
    Unknown {
        done: T,
        nonce: Uuid,
        after: u64,
        error: StoreError,
    },
}

/// Makes a replica a file of its own; whether it was one.
pub(in crate::store) fn leave(dir: &Path, shape: Shape) -> Result<bool, StoreError> {
    let conn = opened(dir, shape)?;
    let was_shared = Position::read(&conn)?.is_some();
    if was_shared {
        Position::forget(&conn)?;
    }
    Ok(was_shared)
}

impl Replica {
    /// Opens a file that no other node shares, mode 0600; makes file and folder if they are not there.
    ///
    /// # Errors
    /// What the system said; `Unavailable` for a file that is a replica: changed alone, it would part from the others.
    pub fn alone(dir: &Path, shape: Shape) -> Result<Self, StoreError> {
        let writing = opened(dir, shape)?;
        if Position::read(&writing)?.is_some() {
            return Err(StoreError::Unavailable(format!(
                "{} in {} is shared with other nodes through a database; name it by --database / dữ liệu này dùng \
                 chung với các nút khác qua cơ sở dữ liệu; hãy thêm --database",
                shape.file,
                dir.display()
            )));
        }
        let (writing, reading) = (Mutex::new(writing), Mutex::new(open_to_read(dir, shape)?));
        Ok(Self { shared: Arc::new(Shared { shape, writing, reading, joined: None }) })
    }

    /// Opens a file as the replica of a log, and follows it. The first file of all gives the log its content; a later
    /// one must be pristine and takes the log's.
    ///
    /// # Errors
    /// What the system or the log said; `Unavailable` for a file that holds something of its own.
    pub fn of_log(dir: &Path, shape: Shape, log: Arc<dyn SharedLog>) -> Result<Self, StoreError> {
        let writing = opened(dir, shape)?;
        let joined = Joined {
            log,
            recorder: Recorder::install(&writing, shape.file, shape.own)?,
            schema: schema_of(&writing)?,
            is_away: AtomicBool::new(false),
            heard: Heard::new(),
            news: watch::channel(0).0,
            snapshot: AtomicU64::new(0),
        };
        let (writing, reading) = (Mutex::new(writing), Mutex::new(open_to_read(dir, shape)?));
        let shared = Arc::new(Shared { shape, writing, reading, joined: Some(joined) });
        shared.join()?;
        tail::start(&shared)?;
        Ok(Self { shared })
    }

    /// The connection that reads.
    pub fn read(&self) -> MutexGuard<'_, Connection> {
        lock(&self.shared.reading)
    }

    /// One change: all of it becomes durable, here and in the log, or nothing. `work` may be called more than once, each
    /// time on what all nodes agree on; it must not go on after a statement that failed.
    ///
    /// # Errors
    /// What `work` refuses; `Unavailable` within a second if the log cannot be reached, `TooBusy` if others were faster
    /// all the time.
    pub fn change<T>(&self, work: impl Fn(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let Some(joined) = &self.shared.joined else {
            let mut conn = lock(&self.shared.writing);
            let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            return Ok(done);
        };
        let until = Instant::now() + CHANGE_WAIT;
        let mut looked = false;
        for tries in 0..TRIES_MAX {
            if joined.is_away.load(Ordering::Relaxed) {
                return Err(away());
            }
            match self.shared.try_once(joined, &work)? {
                Try::Done(done) => return Ok(done),
                // Refused, or nothing to do, by what is known here: others may have changed that.
                Try::Idle(answer) if looked => return answer,
                Try::Idle(answer) => {
                    if !self.shared.catch_up(until)? {
                        return answer;
                    }
                    looked = true;
                }
                Try::Behind => {
                    self.shared.catch_up(until)?;
                    looked = true;
                }
                Try::Unknown { done, nonce, after, error } => {
                    if self.shared.was_accepted(joined, nonce, after, until).ok_or(error)? {
                        // The log has it; here it is done like another's, now or as soon as the log is heard again.
                        let _ = self.shared.catch_up(until);
                        return Ok(done);
                    }
                }
            }
            if Instant::now() >= until {
                break;
            }
            // Nodes that collided do not come back at the same moment.
            std::thread::sleep(Duration::from_millis(u64::from(tries.min(5))).mul_f64(rand::random_range(0.0..2.0)));
        }
        Err(StoreError::TooBusy)
    }

    /// Does here what others have put into the log by now; nothing where there is none. Within a second.
    ///
    /// # Errors
    /// `Unavailable` if the log cannot be reached; `Damaged` if it does not fit.
    pub fn catch_up(&self) -> Result<(), StoreError> {
        if self.shared.joined.is_some() {
            self.shared.catch_up(Instant::now() + CHANGE_WAIT)?;
        }
        Ok(())
    }

    /// Takes what was erased here out of the log too, by a snapshot in place of its entries.
    ///
    /// # Errors
    /// What the system or the log said.
    pub fn compact(&self) -> Result<(), StoreError> {
        self.shared.compact()
    }

    /// Told whenever changes of others were done here; nothing is ever told where there is no log.
    pub fn news(&self) -> Option<watch::Receiver<u64>> {
        self.shared.joined.as_ref().map(|joined| joined.news.subscribe())
    }

    /// For how long the log has not been heard; none where there is no log.
    pub fn unheard_for(&self) -> Option<Duration> {
        self.shared.joined.as_ref().map(|joined| joined.heard.last().elapsed())
    }
}

impl Shared {
    fn try_once<T>(
        &self,
        joined: &Joined,
        work: &impl Fn(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<Try<T>, StoreError> {
        let mut conn = lock(&self.writing);
        // Whoever waited for the connection of somebody who waited for the log in vain does not wait again.
        if joined.is_away.load(Ordering::Relaxed) {
            return Err(away());
        }
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = Position::needed(&transaction, self.shape.file)?;
        joined.recorder.take();
        let outcome = work(&transaction);
        let changes = joined.recorder.take();
        let done = match outcome {
            Ok(done) if !changes.is_empty() => done,
            idle => return Ok(Try::Idle(idle)),
        };
        let after = Position { position: before.position + 1, nonce: Uuid::new_v4() };
        let entry = joined.entry(after, &changes);
        match joined.log.append(&entry, APPEND_WAIT) {
            Ok(Append::Accepted) => {
                joined.heard();
                if let Err(error) = after.write(&transaction).and_then(|()| Ok(transaction.commit()?)) {
                    // It counts all the same: the log has it, and it is done here when the log is read.
                    tracing::error!(%error, file = self.shape.file, "a change that the log took is not committed here yet");
                }
                Ok(Try::Done(done))
            }
            Ok(Append::Behind) => Ok(Try::Behind),
            Err(LogError::Away(error)) => {
                joined.is_away.store(true, Ordering::Relaxed);
                Err(error)
            }
            Err(LogError::Unknown(error)) => {
                Ok(Try::Unknown { done, nonce: after.nonce, after: before.position, error })
            }
        }
    }

    /// Whether the log took an entry whose answer was lost; none if that cannot be known in time. While nothing stands
    /// at its place it may still come.
    fn was_accepted(&self, joined: &Joined, nonce: Uuid, after: u64, until: Instant) -> Option<bool> {
        const PAUSE: Duration = Duration::from_millis(50);
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            match joined.log.entries(after + 1, 1, wait).map(|entries| entries.into_iter().next()) {
                Ok(Some(entry)) if entry.position == after + 1 => return Some(entry.nonce == nonce),
                Ok(_) | Err(_) if until.saturating_duration_since(Instant::now()) > PAUSE => std::thread::sleep(PAUSE),
                Ok(_) => return None,
                Err(_) => {
                    joined.is_away.store(true, Ordering::Relaxed);
                    return None;
                }
            }
        }
    }
}

impl Joined {
    fn entry(&self, at: Position, changes: &[rows::RowChange]) -> Entry {
        let changes = serde_json::to_string(changes).expect("invariant: rows are JSON");
        Entry { position: at.position, nonce: at.nonce, schema: self.schema, changes }
    }

    /// The log was reached and holds nothing that is not done here, up to now.
    fn heard(&self) {
        self.heard.mark(Instant::now());
        self.is_away.store(false, Ordering::Relaxed);
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("the database that the nodes share is away".to_owned())
}

fn lock(conn: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    conn.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a file of a data folder that nobody else reads, mode 0600, and in which nothing that was erased stays; makes
/// file and folder if they are not there, and brings it up to this version.
fn opened(dir: &Path, shape: Shape) -> Result<Connection, StoreError> {
    make_folder(dir)?;
    let file = dir.join(shape.file);
    make_private_file(&file)?;
    let mut conn = Connection::open(&file)?;
    conn.busy_timeout(BUSY_WAIT)?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;")?;
    (shape.migrate)(&mut conn).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(conn)
}

fn open_to_read(dir: &Path, shape: Shape) -> Result<Connection, StoreError> {
    let conn = Connection::open(dir.join(shape.file))?;
    conn.busy_timeout(BUSY_WAIT)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// Version of the newest migration.
fn schema_of(conn: &Connection) -> Result<u32, StoreError> {
    Ok(conn.query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))?)
}
