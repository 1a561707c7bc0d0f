//! The writer thread: owns the write connection, commits what is queued as one group, answers after the commit.
//!
//! The queue is filled by every caller of the store and drained here alone. Each member of a group runs in a
//! savepoint of its own, so that a refused one leaves no trace; one commit makes the others durable together.

use std::cell::Cell;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::apply::Frame;
use super::checkpoint::Checkpoints;
use super::fixes::{self, Positions};
use super::folder::Lock;
use super::import::{Import, Step};
use super::prepare::Call;
use super::tables::Table;
use super::wal::Mover;
use super::{CREATED_AT, LAST_ALIVE_AT, apply, meta, now, put_meta, read};
use crate::domain::change::Seq;
use crate::domain::{Collection, Fix, Timestamp};
use crate::store::{Appended, FixesAppended, StoreError};

/// Members of one group commit, and how long a group may grow before it is committed: what bounds the wait of its
/// first member.
const GROUP_JOBS_MAX: usize = 1_024;
const GROUP_TIME_MAX: Duration = Duration::from_millis(20);
/// How often the derived positions follow the fixes.
const FLUSH_EVERY: Duration = Duration::from_secs(2);
/// How often the store notes that it is alive; a power cut is known to this precision.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// How long an answered request can be told apart from a new one, and how often older ones are dropped.
const REQUESTS_KEPT_MS: i64 = 30 * 24 * 3600 * 1000;
const PRUNE_EVERY: Duration = Duration::from_secs(60);
const PRUNE_ROWS_MAX: i64 = 2_000;
/// The pause after failed upkeep, so that a full disk does not keep the thread busy.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked for.
pub(super) enum Job {
    Append { call: Call, answer: Answer<Appended> },
    Fixes { fixes: Arc<[Fix]>, answer: Answer<FixesAppended> },
    SetMeta { key: &'static str, value: String, answer: Answer<()> },
    Erase { collection: Collection, id: Uuid, answer: Answer<usize> },
    Import(Step),
}

/// Tells a member of a group how the commit went.
type Finish = Box<dyn FnOnce(Result<(), StoreError>)>;

/// A group under way.
#[derive(Default)]
struct Group {
    finish: Vec<Finish>,
    fixes: Vec<(Seq, Arc<[Fix]>)>,
}

/// See the module.
pub(super) struct Writer {
    conn: Connection,
    tables: Arc<[Table]>,
    next_seq: Seq,
    /// The import under way, or the one being cleared away.
    import: Option<Import>,
    positions: Positions,
    checkpoints: Checkpoints,
    mover: Option<Mover>,
    durable: watch::Sender<Seq>,
    /// Let go when the writer ends, after the connection is closed.
    lock: Arc<Mutex<Option<Lock>>>,
    flushed: Instant,
    alive: Instant,
    pruned: Option<Instant>,
    /// No upkeep before this.
    upkeep_from: Instant,
}

impl Writer {
    /// Reads what the writer keeps in memory; also gives the channel on which it tells each commit.
    pub fn new(
        mut conn: Connection,
        file: &Path,
        tables: Arc<[Table]>,
        lock: Arc<Mutex<Option<Lock>>>,
    ) -> Result<(Self, watch::Receiver<Seq>), StoreError> {
        let hidden_from = read::hidden_from(&conn)?;
        let seq = read::newest_seq(&conn, hidden_from)?;
        let positions = fixes::newest(&conn, hidden_from)?;
        let now_text = now().to_string();
        if meta(&conn, CREATED_AT)?.is_none() {
            put_meta(&conn, CREATED_AT, &now_text)?;
        }
        put_meta(&conn, LAST_ALIVE_AT, &now_text)?;
        let (durable, receiver) = watch::channel(seq);
        let started = Instant::now();
        let cut_off = hidden_from < i64::MAX.cast_unsigned();
        let writer = Self {
            next_seq: seq + 1,
            import: cut_off.then(|| Import::cut_off(hidden_from)),
            positions,
            checkpoints: Checkpoints::new(&conn, file.to_owned())?,
            mover: Some(Mover::start(&mut conn, file)?),
            conn,
            tables,
            durable,
            lock,
            flushed: started,
            alive: started,
            pruned: None,
            upkeep_from: started,
        };
        Ok((writer, receiver))
    }

    /// Works until every sender of the queue is gone.
    pub fn run(mut self, queue: &Receiver<Job>) {
        loop {
            match queue.recv_timeout(self.until_next_chore()) {
                Ok(Job::Import(step)) => self.import(step),
                Ok(job) => {
                    if let Some(step) = self.group(job, queue) {
                        self.import(step);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.chores();
        }
        self.finish();
    }

    /// Runs `first` and what else is queued as one transaction; gives back the step of an import that it met, which
    /// is a transaction of its own.
    fn group(&mut self, first: Job, queue: &Receiver<Job>) -> Option<Step> {
        let started = Instant::now();
        let seq_before = self.next_seq;
        let mut group = Group::default();
        let mut next = Some(first);
        let mut met = None;
        let mut outcome = self.conn.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from);
        while let Some(job) = next {
            match (&outcome, job) {
                (_, Job::Import(step)) => {
                    met = Some(step);
                    break;
                }
                (Ok(()), job) => outcome = self.member(job, &mut group),
                (Err(error), job) => refuse(job, error.clone()),
            }
            let full = group.finish.len() >= GROUP_JOBS_MAX || started.elapsed() >= GROUP_TIME_MAX;
            next = if outcome.is_err() || full { None } else { queue.try_recv().ok() };
        }
        if outcome.is_ok() {
            outcome = self.conn.execute_batch("COMMIT").map_err(StoreError::from);
        }
        match outcome {
            Ok(()) => self.committed(group),
            Err(error) => {
                self.roll_back();
                self.next_seq = seq_before;
                tracing::error!(%error, members = group.finish.len(), "a group commit failed");
                for finish in group.finish {
                    finish(Err(error.clone()));
                }
            }
        }
        met
    }

    fn committed(&mut self, group: Group) {
        for finish in group.finish {
            finish(Ok(()));
        }
        self.publish();
        for (seq, fixes) in group.fixes {
            self.positions.take_batch(seq, &fixes);
        }
        if self.import.as_ref().is_some_and(|import| import.crowds(self.next_seq)) {
            self.give_up_import();
        }
    }

    /// Tells what is durable, and lets the log be moved into the file.
    fn publish(&mut self) {
        let seq = self.next_seq - 1;
        self.durable.send_if_modified(|durable| std::mem::replace(durable, seq) != seq);
        if let Some(mover) = &mut self.mover {
            mover.after_commit(&self.conn);
        }
    }

    fn hidden_from(&self) -> Seq {
        self.import.as_ref().map_or(i64::MAX.cast_unsigned(), Import::hidden_from)
    }

    fn give_up_import(&mut self) {
        if let Some(import) = &mut self.import
            && !import.is_given_up()
        {
            tracing::warn!("an import was given up; its rows are cleared away");
            import.give_up();
        }
    }

    /// Runs one step of an import as a transaction of its own.
    fn import(&mut self, step: Step) {
        // A caller that has gone away does not want its answer.
        match step {
            Step::Begin { call, answer } => drop(answer.send(self.begin_import(call))),
            Step::Slice { puts, answer } => {
                let made = self.in_transaction(|writer| match &writer.import {
                    Some(import) => import.slice(&writer.conn, &writer.tables, puts),
                    None => Err(no_import()),
                });
                let taken = made.and_then(|sliced| Ok(self.import.as_mut().ok_or_else(no_import)?.take(sliced)));
                drop(answer.send(taken));
            }
            Step::Publish { answer } => {
                let published = self.in_transaction(|writer| match &writer.import {
                    Some(import) => import.publish(&writer.conn, &writer.tables, writer.next_seq),
                    None => Err(no_import()),
                });
                if let Ok((_, last)) = published {
                    self.import = None;
                    self.next_seq = self.next_seq.max(last + 1);
                }
                drop(answer.send(published));
            }
            Step::Abandon => self.give_up_import(),
        }
        self.publish();
    }

    fn begin_import(&mut self, call: Call) -> Result<Option<(Seq, Seq)>, StoreError> {
        if let Some(idempotency) = &call.idempotency
            && let Some(known) = apply::known(&self.conn, idempotency)?
        {
            return Ok(Some(known));
        }
        if self.import.is_some() {
            return Err(StoreError::TooBusy);
        }
        self.import = Some(self.in_transaction(|writer| Import::begin(&writer.conn, writer.next_seq, call))?);
        Ok(None)
    }

    fn in_transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let done = work(self).and_then(|done| {
            self.conn.execute_batch("COMMIT")?;
            Ok(done)
        });
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    /// Ends a transaction that a failure may have ended already.
    fn roll_back(&self) {
        if !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "rolling back failed");
        }
    }

    /// Runs one member in its savepoint. An error here is one that ends the whole group.
    fn member(&mut self, job: Job, group: &mut Group) -> Result<(), StoreError> {
        match job {
            Job::Append { call, answer } => {
                let done = self.in_savepoint(|writer, now| writer.append(call, now));
                self.keep(group, answer, done)
            }
            Job::Fixes { fixes, answer } => {
                let done = self.in_savepoint(|writer, now| {
                    let seq = writer.next_seq;
                    fixes::insert(&writer.conn, seq, &fixes, &now.to_string())?;
                    writer.next_seq += 1;
                    Ok(FixesAppended { seq })
                });
                if let Ok(done) = &done {
                    group.fixes.push((done.seq, fixes));
                }
                self.keep(group, answer, done)
            }
            Job::SetMeta { key, value, answer } => {
                let done = self.in_savepoint(|writer, _| put_meta(&writer.conn, key, &value));
                self.keep(group, answer, done)
            }
            Job::Erase { collection, id, answer } => {
                let done = self.in_savepoint(|writer, _| erase(&writer.conn, collection, id));
                self.keep(group, answer, done)
            }
            Job::Import(_) => Ok(()),
        }
    }

    fn append(&mut self, call: Call, now: Timestamp) -> Result<Appended, StoreError> {
        let frame = Frame {
            conn: &self.conn,
            tables: &self.tables,
            hidden_from: self.hidden_from(),
            request_id: call.request_id,
            actor: Arc::clone(&call.actor),
            exercise_id: call.exercise_id,
            now,
            now_text: now.to_string(),
            import_lost: Cell::new(false),
        };
        let appended = apply::append(&frame, &mut self.next_seq, call);
        if frame.import_lost.get() {
            self.give_up_import();
        }
        appended
    }

    fn in_savepoint<T>(
        &mut self,
        work: impl FnOnce(&mut Self, Timestamp) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let seq_before = self.next_seq;
        self.conn.prepare_cached("SAVEPOINT member")?.execute([])?;
        let done = work(self, now());
        if done.is_err() {
            self.next_seq = seq_before;
            // A full disk may have rolled everything back by itself.
            if !self.conn.is_autocommit() {
                self.conn.prepare_cached("ROLLBACK TO member")?.execute([])?;
            }
        }
        if !self.conn.is_autocommit() {
            self.conn.prepare_cached("RELEASE member")?.execute([])?;
        }
        done
    }

    /// Keeps a member's answer until the commit; a refusal too, since it may rest on what the group has not committed.
    fn keep<T: 'static>(
        &self,
        group: &mut Group,
        answer: Answer<T>,
        done: Result<T, StoreError>,
    ) -> Result<(), StoreError> {
        let fatal = match &done {
            Err(error @ (StoreError::DiskFull | StoreError::Damaged(_) | StoreError::Unavailable(_))) => {
                Err(error.clone())
            }
            _ if self.conn.is_autocommit() => Err(StoreError::Unavailable("the transaction was ended".to_owned())),
            _ => Ok(()),
        };
        group.finish.push(Box::new(move |committed| {
            // A caller that has gone away does not want its answer.
            let _ = answer.send(committed.and(done));
        }));
        fatal
    }

    fn until_next_chore(&self) -> Duration {
        let now = Instant::now();
        if now < self.upkeep_from {
            return self.upkeep_from - now;
        }
        if self.positions.is_flushing() || self.import.as_ref().is_some_and(Import::is_given_up) {
            return Duration::ZERO;
        }
        FLUSH_EVERY.saturating_sub(self.flushed.elapsed())
    }

    /// What is due besides the calls, a small transaction at a time, so that no call waits for long.
    fn chores(&mut self) {
        if Instant::now() < self.upkeep_from {
            return;
        }
        if self.flushed.elapsed() >= FLUSH_EVERY {
            self.flushed = Instant::now();
            self.positions.begin_flush(self.next_seq - 1);
        }
        let alive = self.alive.elapsed() >= ALIVE_EVERY;
        let prune = self.pruned.is_none_or(|at| at.elapsed() >= PRUNE_EVERY);
        let clearing = self.import.as_ref().is_some_and(Import::is_given_up);
        let checkpoint = self.checkpoints.poll(self.next_seq - 1);
        if !(alive || prune || clearing || checkpoint.is_some() || self.positions.is_flushing()) {
            return;
        }
        let done = self.in_transaction(|writer| {
            if alive {
                put_meta(&writer.conn, LAST_ALIVE_AT, &now().to_string())?;
            }
            if prune {
                prune_requests(&writer.conn, now())?;
            }
            if let Some(checkpoint) = &checkpoint {
                checkpoint.write(&writer.conn)?;
            }
            let cleared = match &writer.import {
                Some(import) if clearing => import.clear(&writer.conn)?,
                _ => false,
            };
            let units = if writer.positions.is_flushing() { writer.positions.write_slice(&writer.conn)? } else { 0 };
            Ok((cleared, units))
        });
        match done {
            Ok((cleared, units)) => {
                self.positions.slice_written(units);
                if cleared {
                    self.import = None;
                }
                if let Some(checkpoint) = checkpoint {
                    self.checkpoints.written(checkpoint.seq);
                }
                self.publish();
            }
            Err(error) => {
                tracing::warn!(%error, "the store's own upkeep failed and will be tried again");
                self.upkeep_from = Instant::now() + RETRY_PAUSE;
            }
        }
        if alive {
            self.alive = Instant::now();
        }
        if prune {
            self.pruned = Some(Instant::now());
        }
    }

    /// The last words: positions, sign of life, everything into the one file; then the folder is free.
    fn finish(mut self) {
        self.positions.begin_flush(self.next_seq - 1);
        loop {
            let written = self.in_transaction(|writer| {
                put_meta(&writer.conn, LAST_ALIVE_AT, &now().to_string())?;
                if writer.positions.is_flushing() { writer.positions.write_slice(&writer.conn) } else { Ok(0) }
            });
            match written {
                Ok(units) => self.positions.slice_written(units),
                Err(error) => {
                    tracing::warn!(%error, "closing the store: upkeep failed, the next start makes up for it");
                    break;
                }
            }
            if !self.positions.is_flushing() {
                break;
            }
        }
        if let Some(mover) = self.mover.take() {
            mover.stop(&self.conn);
        }
        let Writer { conn, lock, .. } = self;
        if let Err((_, error)) = conn.close() {
            tracing::warn!(%error, "closing the store failed");
        }
        lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn no_import() -> StoreError {
    StoreError::Unavailable("no import is under way".to_owned())
}

fn refuse(job: Job, error: StoreError) {
    // A caller that has gone away does not want its answer.
    match job {
        Job::Append { answer, .. } => drop(answer.send(Err(error))),
        Job::Fixes { answer, .. } => drop(answer.send(Err(error))),
        Job::SetMeta { answer, .. } => drop(answer.send(Err(error))),
        Job::Erase { answer, .. } => drop(answer.send(Err(error))),
        Job::Import(_) => {}
    }
}

fn erase(conn: &Connection, collection: Collection, id: Uuid) -> Result<usize, StoreError> {
    Ok(conn
        .prepare_cached("DELETE FROM personal_values WHERE collection = ?1 AND record_id = ?2")?
        .execute((collection.as_str(), id.to_string()))?)
}

fn prune_requests(conn: &Connection, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(
        "DELETE FROM requests WHERE key IN (SELECT key FROM requests WHERE recorded_at_ms < ?1 LIMIT ?2)",
    )?
    .execute((now.as_ms() - REQUESTS_KEPT_MS, PRUNE_ROWS_MAX))?;
    Ok(())
}
