//! The log that replicas share: one order of changes, positions counted from 1 without gaps. The replica logic knows it
//! by this trait alone.

use std::time::Duration;

use uuid::Uuid;

use crate::store::StoreError;

/// One change, or a whole content (a snapshot), at its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order. A snapshot's is that of the newest entry that it holds; 0 for the first content of all.
    pub position: u64,
    /// Told at random by whoever wrote it: tells an own entry from another's at the same place, and one log from
    /// another.
    pub nonce: Uuid,
    /// Version of the schema that its writer had.
    pub schema: u32,
    /// JSON of a list of [`super::rows::RowChange`]. Empty where a snapshot took the entry's place.
    pub changes: String,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    Accepted,
    /// Another entry stands at that position.
    Behind,
}

/// Why a log did not answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// Nothing was written.
    #[error("{0}")]
    Away(StoreError),
    /// Whether it was written is not known.
    #[error("{0}")]
    Unknown(StoreError),
}

impl From<LogError> for StoreError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Away(error) | LogError::Unknown(error) => error,
        }
    }
}

/// The shared order of one database's changes. Calls block, at most for `wait`.
pub trait SharedLog: Send + Sync {
    /// Puts an entry at its position, if the entry before it is the newest one.
    ///
    /// # Errors
    /// Whether it was written is known or not.
    fn append(&self, entry: &Entry, wait: Duration) -> Result<Append, LogError>;

    /// Entries from `from` on, that one included, in their order; those that a snapshot replaced are not among them.
    ///
    /// # Errors
    /// The log does not answer.
    fn entries(&self, from: u64, limit: usize, wait: Duration) -> Result<Vec<Entry>, LogError>;

    /// The newest snapshot; there is none before the first replica.
    ///
    /// # Errors
    /// The log does not answer.
    fn snapshot(&self, wait: Duration) -> Result<Option<Entry>, LogError>;

    /// Keeps a snapshot in place of the entries up to its position, whose changes are erased; the last of them stays as
    /// an empty mark. Whether it was kept: not if there is one as new.
    ///
    /// # Errors
    /// The log does not answer.
    fn put_snapshot(&self, snapshot: &Entry, wait: Duration) -> Result<bool, LogError>;

    /// Waits until something may have been appended since the moment that `seen` stands for, and answers that of now.
    fn news(&self, seen: u64, wait: Duration) -> u64;
}
