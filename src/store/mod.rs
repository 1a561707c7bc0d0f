//! Where the journal and the current records lie. The only room that touches SQL.
//!
//! Invariants: an answer comes only after the commit is durable; the checks of [`Append`] are made inside the
//! transaction; a failed member of a group commit rolls back alone; seq, version and human code are given out here.

pub mod audit;
pub mod clock;
pub mod copy;
pub mod files;
pub mod gpkg;
pub mod leave;
pub mod postgis;
pub mod replica;
pub mod system;
pub mod tips;

mod body;
mod findings;
mod folder;
mod heard;
mod rules;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use geo_types::Geometry;
use serde_json::{Map, Value};
use uuid::Uuid;

use self::clock::now;
use crate::domain::attachment::FileHash;
use crate::domain::change::Seq;
use crate::domain::{Change, Collection, Event, Fix, Problem, Record, Timestamp};

/// Keys of the `meta` table that every store sets: when it was made, and its last sign of life.
const CREATED_AT: &str = "created_at";
const LAST_ALIVE_AT: &str = "last_alive_at";

/// A future that a store returns; boxed so that the store can be chosen at run time.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One call of the desk: all of it becomes durable, or nothing.
#[derive(Clone, Debug)]
pub struct Append {
    /// The caller's key, if it sent one, and the hash of what it asked for.
    pub idempotency: Option<Idempotency>,
    /// Name of the actor as it stands in the journal.
    pub actor: Arc<str>,
    pub exercise_id: Option<Uuid>,
    /// Versions that the decision rested on, also of records that were only read. Version 0: must not exist.
    pub expects: Vec<Expect>,
    pub puts: Vec<Put>,
}

/// The caller's `Idempotency-Key` and the SHA-256 of actor, route and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    pub key: Uuid,
    pub body_hash: [u8; 32],
}

/// A record must stand at this version when the transaction runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    pub collection: Collection,
    pub id: Uuid,
    pub version: u32,
}

/// One record as it shall be; the whole record, never a part.
#[derive(Clone, Debug)]
pub struct Put {
    pub collection: Collection,
    pub id: Uuid,
    /// When it became true in the world; recording time if `None`.
    pub valid_at: Option<Timestamp>,
    pub geometry: Option<Geometry<f64>>,
    /// Canonical properties (see `domain::schema`), personal ones split off. A new record of a collection with a
    /// code series that has no `code` gets the next one (`LC-2026-Q4-0147`) inside the transaction.
    pub properties: Map<String, Value>,
    pub personal: Map<String, Value>,
}

/// What became durable.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The changes in the order of `Append::puts`, with seq, version and code as given out.
    pub changes: Vec<Change>,
    /// The key had been used for the same body before; `changes` are those of the first time.
    pub replayed: bool,
}

impl Appended {
    /// The last seq of the call; a reader who waits for it sees the whole call.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.changes.last().map_or(0, |change| change.seq)
    }
}

/// What became durable of a call with very many records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendedMany {
    /// The first and the last seq; 0 if there was no record. Seqs before `first` may have been left out.
    pub first: Seq,
    pub last: Seq,
    pub count: usize,
    /// The key had been used for the same body before; the figures are those of the first time.
    pub replayed: bool,
}

/// Why a store did not take a call. Nothing of it is durable, except as `Unconfirmed` says.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{collection} {id} is at version {present}, not {expected}")]
    Conflict { collection: Collection, id: Uuid, expected: u32, present: u32 },
    #[error("the idempotency key was used for another body")]
    IdempotencyMismatch,
    #[error("{0}")]
    Refused(Problem),
    #[error("the disk is full")]
    DiskFull,
    #[error("the writer's queue is full")]
    TooBusy,
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// It may have become durable or not. Asked again with the same key, it happens once.
    #[error("the database went away before it said whether the call is durable")]
    Unconfirmed,
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// Hears of calls with very many records while they are staged, one call after the other, so that whoever folds them is
/// ready when they come to count. Called on the thread that stages them.
pub trait Staging: Send + Sync {
    /// More records of the call: durable, and not counting yet. They will together with all others of it, or never.
    fn staged(&self, changes: Vec<Change>);

    /// All are staged and come to count next.
    fn complete(&self);

    /// They will never count.
    fn given_up(&self);
}

/// What happened to one group of fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixesAppended {
    pub seq: Seq,
}

/// What one rule of retention found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    pub collection: Collection,
    /// Records whose values are older than the rule allows.
    pub records: u32,
    /// Their values, those of former versions included.
    pub values: usize,
}

/// A difference that `check` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub what: String,
}

/// The journal and the records. One implementation per engine; every behaviour is the same in all.
pub trait Store: Send + Sync + 'static {
    /// Makes one call of the desk durable.
    fn append(&self, call: Append) -> StoreFuture<'_, Result<Appended, StoreError>>;

    /// Makes very many records durable and visible by one commit, taking them from `puts` as it goes; no other write
    /// waits for it. `head.puts` come before them. A failure, of a put too, leaves nothing; once begun it goes on to
    /// its end even if the future is dropped.
    fn append_many(
        &self,
        head: Append,
        puts: Box<dyn Iterator<Item = Put> + Send>,
    ) -> StoreFuture<'_, Result<AppendedMany, StoreError>>;

    /// Makes position fixes durable; the group takes one seq. Whether a fix is newer than what is known, and whether
    /// its unit exists, was decided before; the store keeps all it is given.
    fn append_fixes(&self, fixes: Arc<[Fix]>) -> StoreFuture<'_, Result<FixesAppended, StoreError>>;

    /// Events with `after < seq ≤ through`, in seq order: journal rows and fix batches. At most `limit` events, fewer
    /// only at the end.
    fn changes_between(
        &self,
        after: Seq,
        through: Seq,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Event>, StoreError>>;

    /// As [`Store::changes_between`], to the newest one.
    fn changes_after(&self, after: Seq, limit: usize) -> StoreFuture<'_, Result<Vec<Event>, StoreError>> {
        self.changes_between(after, Seq::MAX, limit)
    }

    /// Tells `listener` of calls with very many records from now on. A store may leave it without a word.
    fn tell_staging(&self, listener: Arc<dyn Staging>);

    /// The newest durable seq, told on every commit. The picture's writer waits on it.
    fn durable_seq(&self) -> tokio::sync::watch::Receiver<Seq>;

    /// The last moment at which this process knew [`Store::durable_seq`] to be the newest: the present one, unless others
    /// write too and are not heard. By a clock that nobody sets.
    fn heard_at(&self) -> Instant {
        Instant::now()
    }

    /// Whether this process does what is to be done once, however many serve the store: what time alone changes. Always
    /// where there is one process.
    fn leads(&self) -> tokio::sync::watch::Receiver<bool>;

    /// Gives every current record of one collection to `sink`, from one read transaction shared by all collections
    /// read through the same `Snapshot`.
    fn snapshot(&self) -> StoreFuture<'_, Result<Box<dyn Snapshot>, StoreError>>;

    /// The versions of one record, oldest first.
    fn history(&self, collection: Collection, id: Uuid) -> StoreFuture<'_, Result<Vec<Change>, StoreError>>;

    /// The newest seq that was recorded at or before `at`; 0 before the first.
    fn seq_at(&self, at: Timestamp) -> StoreFuture<'_, Result<Seq, StoreError>>;

    /// Of each of these records the newest change that is not after `seq`, if there is one. Personal values that were
    /// erased since are not in it.
    fn known_at(&self, seq: Seq, records: Vec<(Collection, Uuid)>) -> StoreFuture<'_, Result<Vec<Change>, StoreError>>;

    /// Changes with `after < seq ≤ through` that had come true by `valid_by`, in seq order: of what is recorded after a
    /// moment, that which was true then.
    fn told_late(
        &self,
        valid_by: Timestamp,
        after: Seq,
        through: Seq,
    ) -> StoreFuture<'_, Result<Vec<Change>, StoreError>>;

    /// The newest fix of each unit by fix time, of those with a seq up to `seq` that were taken by `taken_by`, with the
    /// seq of its batch; of two taken at the same time the first that came.
    fn fixes_known_at(&self, seq: Seq, taken_by: Timestamp) -> StoreFuture<'_, Result<Vec<(Fix, Seq)>, StoreError>>;

    /// One value of the store's `meta` table (`demo`, `created_at`, `last_alive_at` …).
    fn meta(&self, key: &'static str) -> StoreFuture<'_, Result<Option<String>, StoreError>>;

    /// Sets one value of the `meta` table, durably.
    fn set_meta(&self, key: &'static str, value: String) -> StoreFuture<'_, Result<(), StoreError>>;

    /// Makes the content of a file durable under its hash; once more, it is kept as new. Whoever appends a record that
    /// names it does so afterwards.
    fn keep_file(&self, hash: FileHash, content: Bytes) -> StoreFuture<'_, Result<(), StoreError>>;

    /// At most so many bytes of a file from an offset on; `None` if it is not there, or was erased.
    fn file_part(
        &self,
        hash: FileHash,
        offset: u64,
        bytes_max: usize,
    ) -> StoreFuture<'_, Result<Option<Bytes>, StoreError>>;

    /// Forgets files that no record names and that were kept last before this moment. How many.
    fn drop_orphan_files(&self, kept_before: Timestamp) -> StoreFuture<'_, Result<usize, StoreError>>;

    /// Copies the whole store into a new file, while writers go on; the files beside it.
    fn backup(&self, to: PathBuf) -> StoreFuture<'_, Result<(), StoreError>>;

    /// Finishes the commits under way and closes. Later calls answer `Unavailable`.
    fn close(&self) -> StoreFuture<'_, ()>;
}

/// One consistent moment of the store, for loading the picture.
pub trait Snapshot: Send {
    /// The seq that the snapshot holds.
    fn seq(&self) -> Seq;

    /// Calls `sink` with every current record of `collection`, and the seq that made it.
    ///
    /// # Errors
    /// [`StoreError`] if a row cannot be read.
    fn records(&mut self, collection: Collection, sink: &mut dyn FnMut(Record, Seq)) -> Result<(), StoreError>;

    /// The newest fix of each unit by fix time, and the seq of the batch that brought it, so that the version of the
    /// layer of units is the same after a restart.
    ///
    /// # Errors
    /// [`StoreError`] if a row cannot be read.
    fn newest_fixes(&mut self) -> Result<Vec<(Fix, Seq)>, StoreError>;
}
