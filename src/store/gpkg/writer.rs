//! The writer thread: owns the write connection, commits what is queued as one group, answers after the commit.
//!
//! The queue is filled by every caller of the store and drained here alone. Each member of a group runs in a
//! savepoint of its own, so that a refused one leaves no trace; one commit makes the others durable together.

use std::cell::Cell;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::apply::Frame;
use super::checkpoint::Checkpoints;
use super::fixes::{self, Positions};
use super::import::{Import, Step};
use super::prepare::Call;
use super::tables::Table;
use super::tail::Tail;
use super::upkeep::Upkeep;
use super::wal::Mover;
use super::{CREATED_AT, LAST_ALIVE_AT, apply, meta, now, put_meta, read};
use crate::domain::change::Seq;
use crate::domain::{Collection, Event, Fix, FixBatch, Timestamp};
use crate::store::folder::Lock;
use crate::store::{Appended, FixesAppended, StoreError};

/// Members of one group commit, and how long a group may grow before it is committed: what bounds the wait of its
/// first member.
const GROUP_JOBS_MAX: usize = 1_024;
const GROUP_TIME_MAX: Duration = Duration::from_millis(20);
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
    events: Vec<Event>,
    /// Personal values were erased, which the tail must not hold on to.
    erased: bool,
}

/// See the module.
pub(super) struct Writer {
    pub(super) conn: Connection,
    tables: Arc<[Table]>,
    pub(super) next_seq: Seq,
    /// The import under way, or the one being cleared away.
    pub(super) import: Option<Import>,
    pub(super) positions: Positions,
    pub(super) checkpoints: Checkpoints,
    pub(super) mover: Option<Mover>,
    durable: watch::Sender<Seq>,
    tail: Arc<Tail>,
    /// Let go when the writer ends, after the connection is closed.
    pub(super) lock: Arc<Mutex<Option<Lock>>>,
    pub(super) upkeep: Upkeep,
}

impl Writer {
    /// Reads what the writer keeps in memory; also gives the channel on which it tells each commit,
    /// and the tail of events.
    pub fn new(
        mut conn: Connection,
        file: &Path,
        tables: Arc<[Table]>,
        lock: Arc<Mutex<Option<Lock>>>,
    ) -> Result<(Self, watch::Receiver<Seq>, Arc<Tail>), StoreError> {
        let hidden_from = read::hidden_from(&conn)?;
        let seq = read::newest_seq(&conn, hidden_from)?;
        let positions = fixes::newest(&conn, hidden_from)?;
        let now_text = now().to_string();
        if meta(&conn, CREATED_AT)?.is_none() {
            put_meta(&conn, CREATED_AT, &now_text)?;
        }
        put_meta(&conn, LAST_ALIVE_AT, &now_text)?;
        let (durable, receiver) = watch::channel(seq);
        let tail = Arc::new(Tail::new(seq));
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
            tail: Arc::clone(&tail),
            lock,
            upkeep: Upkeep::new(),
        };
        Ok((writer, receiver, tail))
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
        for event in &group.events {
            if let Event::Fixes(batch) = event {
                self.positions.take_batch(batch.seq, &batch.fixes);
            }
        }
        self.tail.push(group.events);
        if group.erased {
            self.tail.forget(self.next_seq - 1);
        }
        self.publish();
        for finish in group.finish {
            finish(Ok(()));
        }
        if let Some(mover) = &mut self.mover {
            mover.after_commit(&self.conn);
        }
        if self.import.as_ref().is_some_and(|import| import.crowds(self.next_seq)) {
            self.give_up_import();
        }
    }

    /// Tells what is durable.
    pub(super) fn publish(&self) {
        let seq = self.next_seq - 1;
        self.durable.send_if_modified(|durable| std::mem::replace(durable, seq) != seq);
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
            Step::Publish { read, answer } => {
                let published = self.in_transaction(|writer| match &writer.import {
                    Some(import) => import.publish(&writer.conn, &writer.tables, writer.next_seq, &read),
                    None => Err(no_import()),
                });
                if let Ok((first, last)) = published {
                    self.import = None;
                    self.next_seq = self.next_seq.max(last + 1);
                    if first > 0 {
                        self.tail.leave_out(first, last);
                    }
                    // Whoever is answered finds it told.
                    self.publish();
                }
                drop(answer.send(published));
            }
            Step::Abandon => self.give_up_import(),
        }
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

    /// Runs `work` as a transaction of its own.
    pub(super) fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let done = work(self).and_then(|done| {
            self.conn.execute_batch("COMMIT")?;
            Ok(done)
        });
        if done.is_err() {
            self.roll_back();
        } else if let Some(mover) = &mut self.mover {
            mover.after_commit(&self.conn);
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
                if let Ok(Appended { changes, replayed: false }) = &done {
                    group.events.extend(changes.iter().cloned().map(Event::Change));
                }
                self.keep(group, answer, done)
            }
            Job::Fixes { fixes, answer } => {
                let done = self.in_savepoint(|writer, recorded_at| {
                    let seq = writer.next_seq;
                    fixes::insert(&writer.conn, seq, &fixes, &recorded_at.to_string())?;
                    writer.next_seq += 1;
                    Ok(FixBatch { seq, recorded_at, fixes })
                });
                if let Ok(batch) = &done {
                    group.events.push(Event::Fixes(batch.clone()));
                }
                self.keep(group, answer, done.map(|batch| FixesAppended { seq: batch.seq }))
            }
            Job::SetMeta { key, value, answer } => {
                let done = self.in_savepoint(|writer, _| put_meta(&writer.conn, key, &value));
                self.keep(group, answer, done)
            }
            Job::Erase { collection, id, answer } => {
                let done = self.in_savepoint(|writer, _| erase(&writer.conn, collection, id));
                group.erased |= done.is_ok();
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
            Err(error @ (StoreError::DiskFull | StoreError::Damaged(_))) => Err(error.clone()),
            _ if self.conn.is_autocommit() => Err(StoreError::Unavailable("the transaction was ended".to_owned())),
            _ => Ok(()),
        };
        group.finish.push(Box::new(move |committed| {
            // A caller that has gone away does not want its answer.
            let _ = answer.send(committed.and(done));
        }));
        fatal
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
