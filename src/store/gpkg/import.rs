//! A call with very many records, made durable by one commit without holding up the others.
//!
//! Writing 200,000 rows takes seconds, which no other write may wait for. So the rows are written in slices between
//! the group commits, to their final place, with seqs that were set aside far ahead of the counter. The `staging` row
//! tells every reader of ours that rows from that seq on do not count; deleting it is the one commit that makes them
//! visible, and the counter goes on behind them. Until then other writes take the seqs before. An import that is
//! given up, or that a crash cuts off, is cleared away in slices too.
//!
//! The version that a record is expected to stand at is checked when its slice is written. A new record needs no second
//! look: whoever else makes one with its id takes the row away and the import is given up. So the last commit costs
//! what the import changes in records that exist, however many it adds.
//!
//! What this leaves open: another program that looks into the record tables during an import sees new rows early.
//! Records that exist already are changed in the last commit, some ten microseconds each.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::apply::{self, Frame};
use super::prepare::{self, Call, Prepared};
use super::tables::Table;
use super::writer::Job;
use super::{closed, now};
use crate::domain::change::Seq;
use crate::domain::{Change, Collection, Timestamp};
use crate::store::body::{self, PersonalRef};
use crate::store::{Append, AppendedMany, Expect, Put, Staging, StoreError};

/// Seqs left for other writes while an import runs; if they do not suffice, the import is given up.
const SEQ_HEADROOM: Seq = 1_000_000;
/// When so few of them are left, the import is given up.
const SEQ_RESERVE: Seq = 10_000;
/// One slice: what another write may have to wait for.
const SLICE_PUTS_MAX: usize = 400;
const SLICE_BYTES_MAX: usize = 2 << 20;
/// Rows cleared away in one transaction.
const CLEAR_ROWS_MAX: i64 = 1_000;
/// How long an import waits for the one before it to be cleared away.
const BEGIN_WAIT_MAX: Duration = Duration::from_secs(60);

/// What an import asks of the writer; each is a transaction of its own.
pub(super) enum Step {
    /// The call without its puts. Answers first and last seq if the call had been made before.
    Begin {
        call: Call,
        answer: oneshot::Sender<Result<Option<(Seq, Seq)>, StoreError>>,
    },
    Slice {
        puts: Vec<Staged>,
        answer: oneshot::Sender<Result<Vec<Change>, StoreError>>,
    },
    /// Makes the rows count if the records that were only read stand as expected; answers the first and last seq, 0 and
    /// 0 if there were none.
    Publish {
        read: Vec<Expect>,
        answer: oneshot::Sender<Result<(Seq, Seq), StoreError>>,
    },
    Abandon,
}

/// One record on its way, and the version at which it must stand before.
pub(super) struct Staged {
    prepared: Prepared,
    expected: Option<u32>,
}

/// Lets one import in at a time, and stops the one under way when the store is closed.
#[derive(Default)]
pub(super) struct Gate {
    /// Held by the import under way, on its own thread.
    alone: Mutex<()>,
    /// Set by `close`, read between two slices.
    closing: AtomicBool,
    listener: OnceLock<Arc<dyn Staging>>,
}

impl Gate {
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Tells `listener` of imports from now on; only the first one is heard.
    pub fn tell(&self, listener: Arc<dyn Staging>) {
        let _ = self.listener.set(listener);
    }
}

/// Runs an import to its end on the caller's (blocking) thread, and tells the gate's listener of it.
pub(super) fn run(
    jobs: &SyncSender<Job>,
    gate: &Gate,
    tables: &[Table],
    mut head: Append,
    puts: impl Iterator<Item = Put>,
) -> Result<AppendedMany, StoreError> {
    let mut expected = Expected::new(std::mem::take(&mut head.expects));
    let _alone = gate.alone.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((first, last)) = begin(jobs, || prepare::head(&head))? {
        let count = if first == 0 { 0 } else { (last - first + 1) as usize };
        return Ok(AppendedMany { first, last, count, replayed: true });
    }
    let listener = gate.listener.get();
    let puts = puts.map_while(|put| (!gate.closing.load(Ordering::Relaxed)).then_some(put));
    let heard = |changes| {
        if let Some(listener) = listener {
            listener.staged(changes);
        }
    };
    let staged = stage(jobs, tables, puts, &mut expected, heard)
        .and_then(|count| if gate.closing.load(Ordering::Relaxed) { Err(closed()) } else { Ok(count) });
    let published = staged.and_then(|count| {
        if let Some(listener) = listener {
            listener.complete();
        }
        let (first, last) = ask(jobs, |answer| Step::Publish { read: expected.rest(), answer })?;
        Ok(AppendedMany { first, last, count, replayed: false })
    });
    if published.is_err() {
        if let Some(listener) = listener {
            listener.given_up();
        }
        // If the writer is gone as well, the next start clears the rows away.
        let _ = jobs.send(Job::Import(Step::Abandon));
    }
    published
}

/// The versions on which an import rests, by record.
struct Expected {
    by_record: HashMap<(Collection, Uuid), u32>,
}

impl Expected {
    fn new(expects: Vec<Expect>) -> Self {
        let key = |expect: Expect| ((expect.collection, expect.id), expect.version);
        Self { by_record: expects.into_iter().map(key).collect() }
    }

    /// That of a record which is about to be put; asked again, it was put by the import itself.
    fn take(&mut self, put: &Prepared) -> Option<u32> {
        self.by_record.remove(&(put.collection, put.id))
    }

    /// Those of records that were only read.
    fn rest(self) -> Vec<Expect> {
        let expect = |((collection, id), version)| Expect { collection, id, version };
        self.by_record.into_iter().map(expect).collect()
    }
}

fn begin(jobs: &SyncSender<Job>, call: impl Fn() -> Call) -> Result<Option<(Seq, Seq)>, StoreError> {
    let started = Instant::now();
    loop {
        match ask(jobs, |answer| Step::Begin { call: call(), answer }) {
            Err(StoreError::TooBusy) if started.elapsed() < BEGIN_WAIT_MAX => {
                std::thread::sleep(Duration::from_millis(50));
            }
            other => return other,
        }
    }
}

fn stage(
    jobs: &SyncSender<Job>,
    tables: &[Table],
    puts: impl Iterator<Item = Put>,
    expected: &mut Expected,
    heard: impl Fn(Vec<Change>),
) -> Result<usize, StoreError> {
    let mut count = 0;
    let (mut slice, mut bytes) = (Vec::with_capacity(SLICE_PUTS_MAX), 0);
    let mut flush = |slice: &mut Vec<Staged>| -> Result<(), StoreError> {
        count += slice.len();
        let puts = std::mem::replace(slice, Vec::with_capacity(SLICE_PUTS_MAX));
        heard(ask(jobs, |answer| Step::Slice { puts, answer })?);
        Ok(())
    };
    for put in puts {
        let prepared = prepare::prepare(tables, put)?;
        bytes += prepared.geometry_json.len() + prepared.properties.len();
        let expected = expected.take(&prepared);
        slice.push(Staged { prepared, expected });
        if slice.len() >= SLICE_PUTS_MAX || bytes >= SLICE_BYTES_MAX {
            flush(&mut slice)?;
            bytes = 0;
        }
    }
    if !slice.is_empty() {
        flush(&mut slice)?;
    }
    Ok(count)
}

/// Waits for room in the queue and then for the answer: an import may be held up, unlike a call of the desk.
fn ask<T>(
    jobs: &SyncSender<Job>,
    step: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Step,
) -> Result<T, StoreError> {
    let (answer, answered) = oneshot::channel();
    jobs.send(Job::Import(step(answer))).map_err(|_| closed())?;
    answered.blocking_recv().unwrap_or_else(|_| Err(closed()))
}

/// The import under way, owned by the writer.
pub(super) struct Import {
    first_seq: Seq,
    next_seq: Seq,
    /// When it was begun: the recording time of all its changes.
    began: Timestamp,
    /// The call; `None` once it is given up, while its rows are cleared away.
    call: Option<Call>,
    /// Changes of records that exist, made in the last commit.
    updates: Vec<Update>,
    /// The version that each of them will have.
    updated: HashMap<(Collection, Uuid), u32>,
}

struct Update {
    prepared: Prepared,
    seq: Seq,
    version: u32,
    personal: Option<PersonalRef>,
    /// The version on which it rests; `None` if this import made that one too.
    base: Option<u32>,
}

impl Import {
    /// An import that a crash has cut off: its rows are to be cleared away.
    pub fn cut_off(first_seq: Seq) -> Self {
        Self { first_seq, next_seq: first_seq, began: now(), call: None, updates: Vec::new(), updated: HashMap::new() }
    }

    /// Sets seqs aside, inside the caller's transaction.
    pub fn begin(conn: &Connection, next_seq: Seq, call: Call) -> Result<Self, StoreError> {
        let import = Self { call: Some(call), ..Self::cut_off(next_seq + SEQ_HEADROOM) };
        conn.execute("INSERT INTO staging VALUES (1, ?1)", [import.first_seq.cast_signed()])?;
        Ok(import)
    }

    /// Rows with this seq or a later one do not count.
    pub fn hidden_from(&self) -> Seq {
        self.first_seq
    }

    pub fn is_given_up(&self) -> bool {
        self.call.is_none()
    }

    /// Gives the import up; its rows are cleared away by [`Self::clear`].
    pub fn give_up(&mut self) {
        self.call = None;
        self.updates = Vec::new();
        self.updated = HashMap::new();
    }

    /// Whether other writes are about to use up the seqs before it.
    pub fn crowds(&self, next_seq: Seq) -> bool {
        self.first_seq.saturating_sub(next_seq) < SEQ_RESERVE
    }

    fn frame<'a>(&self, conn: &'a Connection, tables: &'a [Table]) -> Result<Frame<'a>, StoreError> {
        let call = self.call.as_ref().ok_or_else(|| {
            StoreError::Unavailable("the import was given up, because another write was faster".to_owned())
        })?;
        Ok(Frame {
            conn,
            tables,
            hidden_from: self.first_seq,
            request_id: call.request_id,
            actor: Arc::clone(&call.actor),
            exercise_id: call.exercise_id,
            now: self.began,
            now_text: self.began.to_string(),
            import_lost: Cell::new(false),
        })
    }

    /// Writes one slice inside the caller's transaction.
    pub fn slice(&self, conn: &Connection, tables: &[Table], puts: Vec<Staged>) -> Result<Sliced, StoreError> {
        let frame = self.frame(conn, tables)?;
        let mut sliced = Sliced { changes: Vec::with_capacity(puts.len()), updates: Vec::new() };
        for (at, Staged { mut prepared, expected }) in puts.into_iter().enumerate() {
            let seq = self.next_seq + at as Seq;
            let Prepared { collection, id, .. } = prepared;
            let present = apply::present(&frame, collection, id)?;
            let hidden = present.as_ref().is_some_and(|row| row.seq >= self.first_seq);
            let standing = present.as_ref().filter(|_| !hidden).map_or(0, |row| row.version);
            if let Some(expected) = expected.filter(|expected| *expected != standing) {
                return Err(StoreError::Conflict { collection, id, expected, present: standing });
            }
            if present.is_none() {
                apply::give_code(&frame, &mut prepared)?;
            }
            let key = (collection, id);
            let earlier = sliced
                .updates
                .iter()
                .rev()
                .find(|update| (update.prepared.collection, update.prepared.id) == key)
                .map(|update| update.version)
                .or_else(|| self.updated.get(&key).copied());
            let version = earlier.or(present.as_ref().map(|row| row.version)).unwrap_or(0) + 1;
            let reference = present.as_ref().and_then(|row| row.personal_ref);
            let personal = apply::keep_personal(&frame, &prepared, seq, reference)?;
            apply::write_journal(&frame, &prepared, seq, version, personal.as_ref())?;
            if present.is_none() || hidden {
                apply::write_record(&frame, &prepared, seq, version, personal.as_ref(), hidden)?;
                sliced.changes.push(apply::change(&frame, prepared, seq, version));
            } else {
                sliced.changes.push(apply::change(&frame, prepared.clone(), seq, version));
                let base = earlier.is_none().then_some(version - 1);
                sliced.updates.push(Update { prepared, seq, version, personal, base });
            }
        }
        Ok(sliced)
    }

    /// Takes a slice that has become durable; gives its changes.
    pub fn take(&mut self, sliced: Sliced) -> Vec<Change> {
        self.next_seq += sliced.changes.len() as Seq;
        for update in sliced.updates {
            self.updated.insert((update.prepared.collection, update.prepared.id), update.version);
            self.updates.push(update);
        }
        sliced.changes
    }

    /// Makes the rows count, inside the caller's transaction. `next_seq` is the counter of the other writes.
    pub fn publish(
        &self,
        conn: &Connection,
        tables: &[Table],
        next_seq: Seq,
        read: &[Expect],
    ) -> Result<(Seq, Seq), StoreError> {
        let frame = self.frame(conn, tables)?;
        let Some(call) = &self.call else { return Err(closed()) };
        for expect in read {
            apply::check_expected(&frame, expect)?;
        }
        for update in &self.updates {
            let Prepared { collection, id, .. } = update.prepared;
            if let Some(version) = update.base {
                apply::check_expected(&frame, &Expect { collection, id, version })?;
            }
            apply::write_record(&frame, &update.prepared, update.seq, update.version, update.personal.as_ref(), true)?;
        }
        conn.execute("DELETE FROM staging", [])?;
        let empty = self.next_seq == self.first_seq;
        if !empty && next_seq < self.first_seq {
            let gap = (next_seq.cast_signed(), (self.first_seq - 1).cast_signed());
            conn.execute("INSERT INTO seq_gaps VALUES (?1, ?2)", gap)?;
        }
        let (first, last) = if empty { (0, 0) } else { (self.first_seq, self.next_seq - 1) };
        if let Some(idempotency) = &call.idempotency {
            apply::remember(conn, idempotency, first, last, frame.now)?;
        }
        Ok((first, last))
    }

    /// Clears away the next rows inside the caller's transaction; `true` when none is left.
    pub fn clear(&self, conn: &Connection) -> Result<bool, StoreError> {
        clear(conn, self.first_seq, CLEAR_ROWS_MAX)
    }
}

/// A slice whose transaction has not been committed yet.
pub(super) struct Sliced {
    changes: Vec<Change>,
    updates: Vec<Update>,
}

/// Removes what an import left behind: journal rows, record rows and personal values from `first_seq` on.
pub(super) fn clear(conn: &Connection, first_seq: Seq, rows_max: i64) -> Result<bool, StoreError> {
    let first = first_seq.cast_signed();
    let rows: Vec<(i64, String, String, i64, String)> = conn
        .prepare_cached(
            "SELECT seq, collection, record_id, format, body FROM journal WHERE seq >= ?1 ORDER BY seq DESC LIMIT ?2",
        )?
        .query_map((first, rows_max), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (seq, collection, id, format, text) in &rows {
        if let Some(collection) = Collection::parse(collection) {
            let sql = format!("DELETE FROM {collection} WHERE id = ?1 AND seq >= ?2");
            conn.prepare_cached(&sql)?.execute((id, first))?;
        }
        if let Ok(body::Body { personal: Some(personal), .. }) = body::parse(*format, text) {
            conn.prepare_cached("DELETE FROM personal_values WHERE ref = ?1 AND seq >= ?2")?
                .execute((personal.reference, first))?;
        }
        conn.prepare_cached("DELETE FROM journal WHERE seq = ?1")?.execute([seq])?;
    }
    let done = (rows.len() as i64) < rows_max;
    if done {
        conn.execute("DELETE FROM staging", [])?;
    }
    Ok(done)
}
