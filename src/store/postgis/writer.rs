//! The one task of a node that writes: takes what is queued as one group, one statement, answers after the commit.
//!
//! While a group is on its way the next one gathers, so that calls that wait together share a commit. What the checks
//! refuse has changed nothing; any other failure has undone the whole group, whose members are then tried one by one.
//!
//! A group whose answer was lost is sent again under its number, by which the database knows whether it has it. What
//! cannot be settled in time is answered `Unconfirmed`; should it be on its way still, the next group's number shuts it
//! out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::connect::Database;
use super::error::{is_gone, is_in_the_way};
use super::follow::advance;
use super::group::{Done, Group, Job};
use super::link::Link;
use super::read;
use crate::domain::change::Seq;
use crate::store::StoreError;
use crate::store::heard::Heard;

/// Members of one group, and the puts and fixes after which no more are taken in.
const GROUP_JOBS_MAX: usize = 1_024;
const GROUP_ROWS_MAX: usize = 20_000;
/// How long a group waits at most for those that shared the commit before.
const GATHER_WAIT: Duration = Duration::from_micros(300);
/// How long a call waits for a database that is away; then whoever called is told.
pub(super) const AWAY_WAIT: Duration = Duration::from_millis(900);
/// After how long without any word of the database it counts as away, while a group waits for its answer.
const SILENCE_MAX: Duration = Duration::from_millis(800);
/// How long a group may take at a database that lives.
const COMMIT_WAIT: Duration = Duration::from_secs(5);
/// How long it takes until a lost answer is asked for again.
const AGAIN_PAUSE: Duration = Duration::from_millis(20);
/// How often a group comes before an import that holds what it needs.
const IMPORTS_ENDED_MAX: u32 = 2;

/// See the module.
pub(super) struct Writer {
    link: Link,
    durable: Arc<watch::Sender<Seq>>,
    heard: Arc<Heard>,
    /// Thrown when the node starts, and the number of its last group; what the database knows a group by.
    id: Uuid,
    number: i64,
}

/// What a failed group wants.
enum Failed {
    /// All members get this answer.
    Whole(StoreError),
    /// One of its members is to blame.
    Member(StoreError),
    /// An import held what it needed; it has been ended.
    InTheWay,
    /// It never reached the database.
    Away(StoreError),
    /// It may have been committed.
    Lost,
}

impl Writer {
    pub fn new(database: Database, durable: Arc<watch::Sender<Seq>>, heard: Arc<Heard>) -> Self {
        Self { link: Link::new(database), durable, heard, id: Uuid::new_v4(), number: 0 }
    }

    /// Works until every sender of the queue is gone.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut before = 0;
        while let Some(first) = queue.recv().await {
            let group = gather(first, &mut queue, before).await;
            before = group.len();
            self.commit(group).await;
        }
    }

    async fn commit(&mut self, group: Group) {
        let Some(group) = self.commit_together(group).await else { return };
        for alone in group.apart() {
            self.commit_together(alone).await;
        }
    }

    /// Commits a group and answers it; gives it back if its members are to be tried one by one.
    async fn commit_together(&mut self, group: Group) -> Option<Group> {
        let until = group.asked_at() + AWAY_WAIT;
        let (mut imports_ended, mut lost) = (0, false);
        self.number += 1;
        loop {
            let failed = match self.attempt(&group, until).await {
                Ok(rows) => return self.answer(group, &rows).await,
                Err(failed) => failed,
            };
            let error = match failed {
                Failed::InTheWay if imports_ended < IMPORTS_ENDED_MAX => {
                    imports_ended += 1;
                    continue;
                }
                Failed::Lost if Instant::now() + AGAIN_PAUSE < until => {
                    lost = true;
                    tokio::time::sleep(AGAIN_PAUSE).await;
                    continue;
                }
                Failed::Member(_) if group.len() > 1 => return Some(group),
                Failed::Away(_) if lost => StoreError::Unconfirmed,
                Failed::Lost => StoreError::Unconfirmed,
                Failed::InTheWay => StoreError::TooBusy,
                Failed::Whole(error) | Failed::Member(error) | Failed::Away(error) => error,
            };
            tracing::warn!(%error, members = group.len(), "a group commit failed");
            group.refuse(&error);
            return None;
        }
    }

    /// Answers what was committed. Of a group whose answer was lost the first time, those that changed nothing then are
    /// asked anew, as a group of their own.
    async fn answer(&mut self, group: Group, rows: &[Row]) -> Option<Group> {
        let Some(Done { before, newest }) = Done::of(rows) else {
            advance(&self.durable, group.answer(rows));
            return None;
        };
        advance(&self.durable, newest);
        tracing::info!(before, newest, "a group whose answer was lost had been committed");
        let changes = match self.link.ready(Instant::now() + AWAY_WAIT).await {
            Ok(line) => read::changes_between(&line.client, before + 1, newest).await,
            Err(error) => Err(error),
        };
        match changes {
            Ok(changes) => group.settle(newest, changes),
            Err(error) => {
                tracing::warn!(%error, "what a committed group says cannot be read");
                group.refuse(&StoreError::Unconfirmed);
                None
            }
        }
    }

    async fn attempt(&mut self, group: &Group, until: Instant) -> Result<Vec<Row>, Failed> {
        let line = self.link.ready(until).await.map_err(Failed::Away)?;
        let sent_at = Instant::now();
        let done = tokio::select! {
            done = group.run(&line.client, &line.write, self.id, self.number) => Some(done),
            () = self.heard.silence(sent_at.into_std(), SILENCE_MAX) => None,
            () = tokio::time::sleep(COMMIT_WAIT) => None,
        };
        match done {
            Some(Ok(rows)) => Ok(rows),
            Some(Err(error)) if is_in_the_way(&error) => {
                tracing::warn!("an import was given up, because another write was faster");
                end_import(&line.client).await;
                Err(Failed::InTheWay)
            }
            Some(Err(error)) if !is_gone(&error) => Err(match StoreError::from(error) {
                whole @ (StoreError::DiskFull | StoreError::TooBusy | StoreError::Damaged(_)) => Failed::Whole(whole),
                other => Failed::Member(other),
            }),
            Some(Err(_)) | None => {
                self.link.drop_line();
                Err(Failed::Lost)
            }
        }
    }
}

/// What waits, as one group. Those who were answered a moment ago come back one by one: so that they share the next
/// commit too, and not the first of them goes alone, as many are awaited as were in the group `before`.
async fn gather(first: Job, queue: &mut mpsc::Receiver<Job>, before: usize) -> Group {
    let began = Instant::now();
    while queue.len() + 1 < before && began.elapsed() < GATHER_WAIT {
        // A timer would wait for a millisecond at least.
        tokio::task::yield_now().await;
    }
    let (mut group, mut rows) = (Group::default(), rows_of(&first));
    group.push(first);
    while group.len() < GROUP_JOBS_MAX && rows < GROUP_ROWS_MAX {
        let Ok(job) = queue.try_recv() else { break };
        rows += rows_of(&job);
        group.push(job);
    }
    group
}

/// Whether the import has ended is seen by the next attempt.
async fn end_import(client: &Client) {
    let _ = tokio::time::timeout(SILENCE_MAX, client.batch_execute("SELECT end_import()")).await;
}

fn rows_of(job: &Job) -> usize {
    match job {
        Job::Call(call) => call.puts.len(),
        Job::Batch(batch) => batch.fixes.len(),
    }
}
