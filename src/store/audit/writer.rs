//! The one thread that writes: group commits, minutes that are over, the alarm on bulk reading.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use super::bulk::Bulk;
use super::chain::{Head, Line};
use super::queue::{Counted, Counts, Message, MinuteKey, Queue};
use super::{Event, Kind, MINUTE_MS};
use crate::store::StoreError;
use crate::store::now;

/// Two commits follow each other no faster unless rows pile up; the first after a quiet moment comes at once.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);
/// Rows of one commit, at most, so that what is queued first does not wait for all that comes after it.
const ROWS_A_COMMIT_MAX: usize = 1 << 15;
/// A minute becomes a row so long after its end, when every process has made its part durable.
const MINUTE_GRACE_MS: i64 = 2_000;
/// How often it is asked whether a minute is over.
const MINUTE_LOOK: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    conn: Connection,
    queue: Arc<Queue>,
    messages: Receiver<Message>,
    node: String,
    bulk: Bulk,
    /// Whether minutes lie in the side table that will become rows.
    open_minutes: bool,
}

/// What one commit makes durable.
#[derive(Default)]
struct Batch {
    rows: Vec<Event>,
    counts: Counts,
    /// Those who wait for it.
    flushes: Vec<SyncSender<()>>,
    /// Nothing comes after it.
    is_last: bool,
}

impl Batch {
    fn take(&mut self, message: Message) {
        match message {
            Message::Row(event) => self.rows.push(event),
            Message::Counts => {}
            Message::Flush(done) => self.flushes.push(done),
            Message::Close => self.is_last = true,
        }
    }
}

impl Writer {
    pub(super) fn new(conn: Connection, queue: Arc<Queue>, messages: Receiver<Message>) -> Result<Self, StoreError> {
        let node = node(&conn)?;
        let bulk = Bulk::load(&conn, now())?;
        Ok(Self { conn, queue, messages, node, bulk, open_minutes: true })
    }

    /// Until the audit is closed and all is durable.
    pub(super) fn run(mut self) {
        loop {
            let batch = self.next_batch();
            let started = Instant::now();
            let durable = self.commit_at_last(&batch, started);
            self.queue.done(batch.rows.len(), batch.rows.iter().map(|event| event.ids.len()).sum());
            if durable {
                for flush in batch.flushes {
                    // Whoever asked may have gone.
                    let _ = flush.send(());
                }
            }
            if batch.is_last {
                return;
            }
            self.let_gather(started + COMMIT_INTERVAL);
        }
    }

    /// What is to be written next; an empty one when minutes may be over.
    fn next_batch(&self) -> Batch {
        let mut batch = Batch::default();
        let first = if self.open_minutes {
            self.messages.recv_timeout(MINUTE_LOOK)
        } else {
            self.messages.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match first {
            Ok(message) => batch.take(message),
            Err(RecvTimeoutError::Timeout) => return batch,
            Err(RecvTimeoutError::Disconnected) => batch.is_last = true,
        }
        while batch.rows.len() < ROWS_A_COMMIT_MAX || batch.is_last {
            let Ok(message) = self.messages.try_recv() else { break };
            batch.take(message);
        }
        batch.counts = self.queue.take_counts();
        batch
    }

    /// Commits, again and again while the file cannot be written: what waits is kept, and once the queue is full nobody
    /// is shown anything personal. A closing server does not wait for a disk that is gone; whether it is durable.
    fn commit_at_last(&mut self, batch: &Batch, started: Instant) -> bool {
        let mut told = false;
        while let Err(error) = self.commit(batch) {
            if !std::mem::replace(&mut told, true) {
                tracing::error!(%error, "the audit cannot be written; it tries again");
            }
            if self.queue.is_closing() && started.elapsed() > super::BUSY_WAIT {
                tracing::error!(rows = batch.rows.len(), "the audit is closed with rows unwritten");
                return false;
            }
            std::thread::sleep(COMMIT_INTERVAL);
        }
        true
    }

    /// Lets rows gather for one commit until then, or until they are so many that the queue might fill.
    fn let_gather(&self, until: Instant) {
        while !self.queue.hurries() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::park_timeout(left);
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let now = now();
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut head = Head::read(&tx, &self.node)?;
        for event in &batch.rows {
            head.add(event)?;
        }
        let alarms = self.bulk.alarms(&batch.rows, now, self.queue.people_an_hour_max.load(Ordering::Relaxed));
        for alarm in &alarms {
            head.add(alarm)?;
        }
        add_counts(&tx, &batch.counts)?;
        let open_minutes = close_minutes(&tx, &mut head, now.as_ms() - MINUTE_GRACE_MS)?;
        head.close()?;
        tx.commit()?;
        self.open_minutes = open_minutes;
        self.bulk.told(&alarms);
        Ok(())
    }
}

fn add_counts(conn: &Connection, counts: &Counts) -> Result<(), StoreError> {
    let mut add = conn.prepare_cached(
        "INSERT INTO minutes (minute_ms, actor, collection, role, class, records, answers) VALUES (?,?,?,?,?,?,?)
         ON CONFLICT DO UPDATE SET records = records + excluded.records, answers = answers + excluded.answers",
    )?;
    for (MinuteKey { minute_ms, actor, collection }, counted) in counts {
        let Counted { class, records, answers } = counted;
        let (records, answers) =
            (i64::try_from(*records).unwrap_or(i64::MAX), i64::try_from(*answers).unwrap_or(i64::MAX));
        let (name, role) = (&actor.name, actor.role.as_str());
        add.execute((minute_ms, name, collection.as_str(), role, class.as_str(), records, answers))?;
    }
    Ok(())
}

/// Makes rows of the minutes that ended before `end_ms`; whether some are still open.
fn close_minutes(conn: &Connection, head: &mut Head<'_>, end_ms: i64) -> Result<bool, StoreError> {
    let over = end_ms - MINUTE_MS;
    let mut statement = conn.prepare_cached(
        "SELECT minute_ms, actor, collection, role, class, records, answers FROM minutes WHERE minute_ms <= ?1
         ORDER BY minute_ms, actor, collection",
    )?;
    let mut ended = statement.query([over])?;
    while let Some(row) = ended.next()? {
        let text = |at: usize| row.get_ref(at).and_then(|value| Ok(value.as_str()?));
        head.add_line(Line {
            at_ms: row.get(0)?,
            actor: text(1)?,
            role: text(3)?,
            kind: Kind::Read.as_str(),
            class: Some(text(4)?),
            collection: Some(text(2)?),
            count: row.get(5)?,
            place: &format!("{} answers within the minute", row.get::<_, i64>(6)?),
            ..Line::default()
        })?;
    }
    conn.prepare_cached("DELETE FROM minutes WHERE minute_ms <= ?1")?.execute([over])?;
    Ok(conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM minutes)")?.query_row((), |row| row.get(0))?)
}

/// The name of this installation in its rows, made with the file.
fn node(conn: &Connection) -> Result<String, StoreError> {
    conn.execute("INSERT OR IGNORE INTO meta VALUES ('node', ?1)", [Uuid::now_v7().to_string()])?;
    let node = conn.query_row("SELECT value FROM meta WHERE key = 'node'", (), |row| row.get(0)).optional()?;
    node.ok_or_else(|| StoreError::Damaged("audit.db has no name of its node".to_owned()))
}
