//! The shared logs in PostgreSQL, over one connection of a thread of its own: whoever asks blocks, and may have no async
//! runtime at all (the command line). Questions are asked one after the other; a question whose time is over is not
//! asked any more, and a connection that did not answer in time is given up.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream::{StreamExt, poll_fn};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Row};

use super::log::{Append, Entry, LogError, SharedLog};
use crate::store::StoreError;
use crate::store::postgis::{Backoff, Database, Session};

/// Questions that wait; more are refused.
const QUESTIONS_MAX: usize = 64;

const APPEND: &str = "SELECT append_entry($1, $2, $3, $4, $5)";
const PUT_SNAPSHOT: &str = "SELECT put_snapshot($1, $2, $3, $4, $5)";
const ENTRIES: &str = "SELECT position, nonce, schema, changes FROM replica_entries
                       WHERE log = $1 AND position >= $2 ORDER BY position LIMIT $3";
const SNAPSHOT: &str = "SELECT position, nonce, schema, changes FROM replica_snapshots WHERE log = $1";

/// A database that holds the logs; cheap to clone. Its thread ends with the last clone.
#[derive(Clone)]
pub struct PostgresLogs {
    /// Bounded by [`QUESTIONS_MAX`]; written by whoever asks, read by the thread.
    questions: mpsc::Sender<Question>,
    bell: Arc<Bell>,
}

/// One log of a database.
pub struct PostgresLog {
    logs: PostgresLogs,
    name: &'static str,
}

/// Rung by every notification, and whenever the connection is made anew.
#[derive(Default)]
struct Bell {
    rung: Mutex<u64>,
    heard: Condvar,
}

struct Question {
    sql: &'static str,
    params: Vec<Box<dyn ToSql + Send + Sync>>,
    until: Instant,
    answer: SyncSender<Result<Vec<Row>, LogError>>,
}

impl PostgresLogs {
    /// Lets a thread reach a database, as soon as something is asked.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(database: Database) -> Result<Self, StoreError> {
        let (questions, mut asked) = mpsc::channel::<Question>(QUESTIONS_MAX);
        let bell = Arc::new(Bell::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut link =
            Link { database, bell: Arc::clone(&bell), client: None, not_before: None, backoff: Backoff::default() };
        std::thread::Builder::new().name("shared logs".to_owned()).spawn(move || {
            runtime.block_on(async {
                while let Some(question) = asked.recv().await {
                    link.answer(question).await;
                }
            });
        })?;
        Ok(Self { questions, bell })
    }

    /// The log of accounts.
    #[must_use]
    pub fn system(&self) -> Arc<dyn SharedLog> {
        Arc::new(PostgresLog { logs: self.clone(), name: "system" })
    }

    /// The log of tips.
    #[must_use]
    pub fn tips(&self) -> Arc<dyn SharedLog> {
        Arc::new(PostgresLog { logs: self.clone(), name: "tips" })
    }

    fn ask(
        &self,
        sql: &'static str,
        params: Vec<Box<dyn ToSql + Send + Sync>>,
        wait: Duration,
    ) -> Result<Vec<Row>, LogError> {
        let (answer, answered) = sync_channel(1);
        self.questions.try_send(Question { sql, params, until: Instant::now() + wait, answer }).map_err(|error| {
            LogError::Away(match error {
                TrySendError::Full(_) => StoreError::TooBusy,
                TrySendError::Closed(_) => gone("the link to the database has ended"),
            })
        })?;
        match answered.recv_timeout(wait) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(LogError::Unknown(gone("the database does not answer"))),
            Err(RecvTimeoutError::Disconnected) => Err(LogError::Unknown(gone("the link to the database has ended"))),
        }
    }
}

impl SharedLog for PostgresLog {
    fn append(&self, entry: &Entry, wait: Duration) -> Result<Append, LogError> {
        let taken = is_true(&self.logs.ask(APPEND, self.params(entry), wait)?);
        Ok(if taken { Append::Accepted } else { Append::Behind })
    }

    fn entries(&self, from: u64, limit: usize, wait: Duration) -> Result<Vec<Entry>, LogError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let params: Vec<Box<dyn ToSql + Send + Sync>> =
            vec![Box::new(self.name), Box::new(from.cast_signed()), Box::new(limit)];
        Ok(self.logs.ask(ENTRIES, params, wait)?.iter().map(entry).collect())
    }

    fn snapshot(&self, wait: Duration) -> Result<Option<Entry>, LogError> {
        Ok(self.logs.ask(SNAPSHOT, vec![Box::new(self.name)], wait)?.first().map(entry))
    }

    fn put_snapshot(&self, snapshot: &Entry, wait: Duration) -> Result<bool, LogError> {
        Ok(is_true(&self.logs.ask(PUT_SNAPSHOT, self.params(snapshot), wait)?))
    }

    fn news(&self, seen: u64, wait: Duration) -> u64 {
        let Bell { rung, heard } = &*self.logs.bell;
        let rung = rung.lock().unwrap_or_else(PoisonError::into_inner);
        *heard.wait_timeout_while(rung, wait, |rung| *rung == seen).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl PostgresLog {
    fn params(&self, entry: &Entry) -> Vec<Box<dyn ToSql + Send + Sync>> {
        vec![
            Box::new(self.name),
            Box::new(entry.position.cast_signed()),
            Box::new(entry.nonce),
            Box::new(entry.schema.cast_signed()),
            Box::new(entry.changes.clone()),
        ]
    }
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.heard.notify_all();
    }
}

/// The thread's connection.
struct Link {
    database: Database,
    bell: Arc<Bell>,
    client: Option<Client>,
    /// No connection is tried before this.
    not_before: Option<Instant>,
    backoff: Backoff,
}

impl Link {
    async fn answer(&mut self, question: Question) {
        let Question { sql, params, until, answer } = question;
        let answered = self.ask(sql, &params, until).await;
        // Whoever asked may have waited long enough.
        let _ = answer.try_send(answered);
    }

    async fn ask(
        &mut self,
        sql: &str,
        params: &[Box<dyn ToSql + Send + Sync>],
        until: Instant,
    ) -> Result<Vec<Row>, LogError> {
        self.connect(until).await.map_err(LogError::Away)?;
        let Some(client) = &self.client else { return Err(LogError::Away(gone("the database is away"))) };
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect();
        match tokio::time::timeout_at(until.into(), client.query(sql, &params)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => {
                // What the database itself refused was not done; a connection that broke says nothing.
                let was_refused = error.as_db_error().is_some() && !client.is_closed();
                let error = StoreError::from(error);
                if was_refused {
                    return Err(LogError::Away(error));
                }
                self.client = None;
                Err(LogError::Unknown(error))
            }
            Err(_) => {
                self.client = None;
                Err(LogError::Unknown(gone("the database does not answer")))
            }
        }
    }

    async fn connect(&mut self, until: Instant) -> Result<(), StoreError> {
        let now = Instant::now();
        if now >= until {
            return Err(gone("the database is too slow"));
        }
        if self.client.as_ref().is_some_and(|client| !client.is_closed()) {
            return Ok(());
        }
        if self.not_before.is_some_and(|at| now < at) {
            return Err(gone("the database is away"));
        }
        let connected = tokio::time::timeout_at(until.into(), listening(&self.database, &self.bell)).await;
        match connected.unwrap_or_else(|_| Err(gone("the database does not answer"))) {
            Ok(client) => {
                self.client = Some(client);
                (self.not_before, self.backoff) = (None, Backoff::default());
                // Notifications may have been lost meanwhile.
                self.bell.ring();
                Ok(())
            }
            Err(error) => {
                self.not_before = Some(Instant::now() + self.backoff.next().min(PAUSE_MAX));
                Err(error)
            }
        }
    }
}

/// The longest pause between two tries to connect; each replica tries once a second.
const PAUSE_MAX: Duration = Duration::from_millis(900);

/// A connection whose notifications ring the bell.
async fn listening(database: &Database, bell: &Arc<Bell>) -> Result<Client, StoreError> {
    let (client, mut connection) = database.connect(Session::Serving).await?;
    let bell = Arc::clone(bell);
    tokio::spawn(async move {
        let mut messages = std::pin::pin!(poll_fn(move |context| connection.poll_message(context)));
        while let Some(Ok(message)) = messages.next().await {
            if matches!(message, AsyncMessage::Notification(_)) {
                bell.ring();
            }
        }
    });
    client.batch_execute("LISTEN trucban_replicas").await?;
    Ok(client)
}

fn entry(row: &Row) -> Entry {
    Entry {
        position: row.get::<_, i64>("position").cast_unsigned(),
        nonce: row.get("nonce"),
        schema: row.get::<_, i32>("schema").cast_unsigned(),
        changes: row.get("changes"),
    }
}

fn is_true(rows: &[Row]) -> bool {
    rows.first().is_some_and(|row| row.get(0))
}

fn gone(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}
