//! Joining a log, doing what it holds, and keeping it short.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;

use super::log::Entry;
use super::position::Position;
use super::rows::RowChange;
use super::{Joined, Shared, lock};
use crate::store::StoreError;
use crate::store::gpkg::leave_nothing_in_the_log;

/// Entries that are read and done at once.
const ENTRIES_AT_ONCE: usize = 500;
/// How long a whole content may take on its way.
const SNAPSHOT_WAIT: Duration = Duration::from_secs(30);
/// How long joining may take, beside the content.
const JOIN_WAIT: Duration = Duration::from_secs(10);

impl Shared {
    /// Makes a file the replica of its log, and does what the log holds.
    pub(super) fn join(&self) -> Result<(), StoreError> {
        let Some(joined) = &self.joined else { return Ok(()) };
        let until = || Instant::now() + JOIN_WAIT;
        let known = Position::read(&lock(&self.writing))?;
        if known.is_none_or(|at| at.position == 0) && !self.found(joined, known)? {
            self.take_over(joined)?;
        }
        self.catch_up(until()).map(drop)
    }

    /// Gives the log its first content, that of this file. Whether this file is the log's first; it knows so before the
    /// log does, so that it may die in between.
    fn found(&self, joined: &Joined, known: Option<Position>) -> Result<bool, StoreError> {
        let conn = lock(&self.writing);
        let there = joined.log.snapshot(SNAPSHOT_WAIT)?;
        match (&there, known) {
            (Some(_), None) => return Ok(false),
            // Either founded by this file, or by another while this one was about to.
            (Some(first), Some(at)) if first.position > 0 || first.nonce == at.nonce => return Ok(true),
            _ => {}
        }
        let first = Position { position: 0, nonce: known.map_or_else(Uuid::new_v4, |at| at.nonce) };
        first.write(&conn)?;
        let founded = there.is_none() && {
            let content = joined.recorder.dump(&conn)?;
            joined.log.put_snapshot(&joined.entry(first, &content), SNAPSHOT_WAIT)?
        };
        if !founded {
            Position::forget(&conn)?;
        }
        Ok(founded)
    }

    /// Takes the log's content in place of a file's that holds nothing of its own.
    fn take_over(&self, joined: &Joined) -> Result<(), StoreError> {
        if !lock(&self.writing).query_row(self.shape.is_pristine, [], |row| row.get::<_, bool>(0))? {
            return Err(StoreError::Unavailable(format!(
                "the nodes of this database share a {file} already, and this folder has one with a content of its own; \
                 move it away to join them / các nút của cơ sở dữ liệu này đã dùng chung {file}; hãy chuyển tệp {file} \
                 của thư mục này đi nơi khác",
                file = self.shape.file
            )));
        }
        self.load_snapshot(joined)
    }

    /// Does here what the log holds by now; whether there was anything.
    pub(super) fn catch_up(&self, until: Instant) -> Result<bool, StoreError> {
        let Some(joined) = &self.joined else { return Ok(false) };
        let caught_up = self.follow(joined, until);
        match &caught_up {
            Ok(has_news) => {
                joined.heard();
                if *has_news {
                    joined.news.send_modify(|count| *count += 1);
                }
            }
            Err(_) => joined.is_away.store(true, Ordering::Relaxed),
        }
        caught_up
    }

    fn follow(&self, joined: &Joined, until: Instant) -> Result<bool, StoreError> {
        let mut has_news = false;
        loop {
            // Read without the connection that writes, for which others wait.
            let done = Position::needed(&lock(&self.reading), self.shape.file)?;
            let wait = until.saturating_duration_since(Instant::now());
            let entries = joined.log.entries(done.position, ENTRIES_AT_ONCE, wait)?;
            let is_all = entries.len() < ENTRIES_AT_ONCE;
            match entries.split_first() {
                None => return Err(self.parted(done.position)),
                Some((first, _)) if first.position > done.position => self.load_snapshot(joined)?,
                Some((first, _)) if first.nonce != done.nonce => return Err(self.parted(done.position)),
                Some((_, [])) => return Ok(has_news),
                Some((_, newer)) => {
                    self.apply(joined, newer)?;
                    has_news = true;
                    if is_all {
                        return Ok(true);
                    }
                    continue;
                }
            }
            has_news = true;
        }
    }

    /// Does entries here in one transaction, those that another program has not done meanwhile.
    fn apply(&self, joined: &Joined, entries: &[Entry]) -> Result<(), StoreError> {
        let mut conn = lock(&self.writing);
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut done = Position::needed(&transaction, self.shape.file)?;
        let known = done.position;
        let mut erases = false;
        for entry in entries.iter().filter(|entry| entry.position > known) {
            if entry.position != done.position + 1 {
                return Err(StoreError::Damaged(format!("the shared log has a gap before {}", entry.position)));
            }
            let changes = self.changes_of(joined, entry)?;
            joined.recorder.apply(&transaction, &changes)?;
            erases |= changes.iter().any(RowChange::erases);
            done = Position { position: entry.position, nonce: entry.nonce };
        }
        done.write(&transaction)?;
        transaction.commit()?;
        if erases {
            self.forget_erased(&conn);
        }
        Ok(())
    }

    fn load_snapshot(&self, joined: &Joined) -> Result<(), StoreError> {
        let snapshot = joined.log.snapshot(SNAPSHOT_WAIT)?;
        let snapshot = snapshot.ok_or_else(|| StoreError::Damaged("the shared log has no content".to_owned()))?;
        let content = self.changes_of(joined, &snapshot)?;
        let mut conn = lock(&self.writing);
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if Position::read(&transaction)?.is_some_and(|done| done.position >= snapshot.position) {
            return Ok(());
        }
        joined.recorder.replace(&transaction, &content)?;
        Position { position: snapshot.position, nonce: snapshot.nonce }.write(&transaction)?;
        transaction.commit()?;
        self.forget_erased(&conn);
        joined.snapshot.fetch_max(snapshot.position, Ordering::Relaxed);
        Ok(())
    }

    /// What another node erased shall not stand in this node's files either. Where another program reads the file just
    /// now, it stands in its write-ahead log until that is next emptied.
    fn forget_erased(&self, conn: &Connection) {
        if let Err(error) = leave_nothing_in_the_log(conn) {
            tracing::debug!(%error, file = self.shape.file, "what was erased stands in the write-ahead log for a while");
        }
    }

    /// Puts a snapshot into the log if it has grown long since the last one.
    pub(super) fn compact_if_long(&self) -> Result<(), StoreError> {
        let Some(joined) = &self.joined else { return Ok(()) };
        let done = Position::needed(&lock(&self.reading), self.shape.file)?;
        // The node whose turn it is by the position does it, and the others find it done.
        if done.position < joined.snapshot.load(Ordering::Relaxed) + self.shape.entries_max {
            return Ok(());
        }
        self.compact()
    }

    pub(super) fn compact(&self) -> Result<(), StoreError> {
        let Some(joined) = &self.joined else { return Ok(()) };
        let (done, content) = {
            let mut conn = lock(&self.reading);
            let read = conn.transaction()?;
            (Position::needed(&read, self.shape.file)?, joined.recorder.dump(&read)?)
        };
        joined.log.put_snapshot(&joined.entry(done, &content), SNAPSHOT_WAIT)?;
        joined.snapshot.fetch_max(done.position, Ordering::Relaxed);
        Ok(())
    }

    fn changes_of(&self, joined: &Joined, entry: &Entry) -> Result<Vec<RowChange>, StoreError> {
        if entry.schema > joined.schema {
            return Err(StoreError::Unavailable(format!(
                "{}: another node writes version {} of it and this one knows {}; upgrade this node",
                self.shape.file, entry.schema, joined.schema
            )));
        }
        serde_json::from_str(&entry.changes).map_err(|error| {
            StoreError::Damaged(format!("{}: entry {} of the shared log: {error}", self.shape.file, entry.position))
        })
    }

    fn parted(&self, position: u64) -> StoreError {
        StoreError::Damaged(format!(
            "{file} has done entry {position} of another log than the database holds; was the database restored? stop \
             this node and move its {file} away to take over the database's content",
            file = self.shape.file
        ))
    }
}
