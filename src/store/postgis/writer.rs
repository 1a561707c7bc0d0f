//! The one task of a node that writes: takes what is queued as one group, one statement, answers after the commit.
//!
//! While a group is on its way the next one gathers, so that calls that wait together share a commit. What the checks
//! refuse has changed nothing; any other failure has undone the whole group, whose members are then tried one by one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio_postgres::{Client, Statement};

use super::connect::{Database, Session};
use super::error::{is_gone, is_in_the_way};
use super::follow::{Backoff, advance};
use super::group::{Group, Job, WRITE_GROUP};
use crate::domain::change::Seq;
use crate::store::StoreError;

/// Members of one group, and the puts and fixes after which no more are taken in.
const GROUP_JOBS_MAX: usize = 1_024;
const GROUP_ROWS_MAX: usize = 20_000;
/// How long a connection may take to be made; then those who wait are told.
const CONNECT_WAIT: Duration = Duration::from_millis(900);
/// How long a group may take. After that nobody knows whether it was committed; whoever sent a key may ask again.
const COMMIT_WAIT: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Writer {
    database: Database,
    durable: Arc<watch::Sender<Seq>>,
    session: Option<(Client, Statement)>,
    /// No connection is tried before this.
    not_before: Option<Instant>,
    backoff: Backoff,
}

/// What a failed group wants.
enum Failed {
    /// All members get this answer.
    Whole(StoreError),
    /// One of its members is to blame.
    Member(StoreError),
    /// An import held what it needed; it has been ended.
    InTheWay,
}

impl Writer {
    pub fn new(database: Database, durable: Arc<watch::Sender<Seq>>) -> Self {
        Self { database, durable, session: None, not_before: None, backoff: Backoff::default() }
    }

    /// Works until every sender of the queue is gone.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.recv().await {
            let (mut group, mut rows) = (Group::default(), rows_of(&first));
            group.push(first);
            while group.len() < GROUP_JOBS_MAX && rows < GROUP_ROWS_MAX {
                let Ok(job) = queue.try_recv() else { break };
                rows += rows_of(&job);
                group.push(job);
            }
            self.commit(group).await;
        }
    }

    async fn commit(&mut self, group: Group) {
        let Some(group) = self.commit_once(group).await else { return };
        for alone in group.apart() {
            if let Some(alone) = self.commit_once(alone).await {
                alone.refuse(&StoreError::TooBusy);
            }
        }
    }

    /// Commits a group and answers it; gives it back if its members are to be tried one by one.
    async fn commit_once(&mut self, group: Group) -> Option<Group> {
        for _ in 0..2 {
            match self.attempt(&group).await {
                Ok(rows) => {
                    advance(&self.durable, group.answer(&rows));
                    return None;
                }
                Err(Failed::InTheWay) => {}
                Err(Failed::Member(_)) if group.len() > 1 => return Some(group),
                Err(Failed::Whole(error) | Failed::Member(error)) => {
                    tracing::warn!(%error, members = group.len(), "a group commit failed");
                    group.refuse(&error);
                    return None;
                }
            }
        }
        group.refuse(&StoreError::TooBusy);
        None
    }

    async fn attempt(&mut self, group: &Group) -> Result<Vec<tokio_postgres::Row>, Failed> {
        self.connect().await.map_err(Failed::Whole)?;
        let Some((client, statement)) = &self.session else { return Err(Failed::Whole(away())) };
        let done = tokio::time::timeout(COMMIT_WAIT, group.run(client, statement)).await;
        match done {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) if is_in_the_way(&error) => {
                tracing::warn!("an import was given up, because another write was faster");
                // Whether it has ended is seen by the next attempt.
                let _ = client.batch_execute("SELECT end_import()").await;
                Err(Failed::InTheWay)
            }
            Ok(Err(error)) if is_gone(&error) => {
                self.session = None;
                Err(Failed::Whole(error.into()))
            }
            Ok(Err(error)) => Err(match StoreError::from(error) {
                whole @ (StoreError::DiskFull | StoreError::TooBusy | StoreError::Damaged(_)) => Failed::Whole(whole),
                other => Failed::Member(other),
            }),
            Err(_) => {
                self.session = None;
                Err(Failed::Whole(StoreError::Unavailable("the database does not answer".to_owned())))
            }
        }
    }

    async fn connect(&mut self) -> Result<(), StoreError> {
        if self.session.as_ref().is_some_and(|(client, _)| !client.is_closed()) {
            return Ok(());
        }
        if self.not_before.is_some_and(|at| Instant::now() < at) {
            return Err(away());
        }
        let connecting = async {
            let client = self.database.client(Session::Serving).await?;
            let statement = client.prepare(WRITE_GROUP).await?;
            Ok((client, statement))
        };
        match tokio::time::timeout(CONNECT_WAIT, connecting).await.unwrap_or_else(|_| Err(away())) {
            Ok(session) => {
                self.session = Some(session);
                self.not_before = None;
                self.backoff = Backoff::default();
                Ok(())
            }
            Err(error) => {
                self.not_before = Some(Instant::now() + self.backoff.next());
                Err(error)
            }
        }
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("the database is away".to_owned())
}

fn rows_of(job: &Job) -> usize {
    match job {
        Job::Call(call) => call.puts.len(),
        Job::Batch(batch) => batch.fixes.len(),
    }
}
