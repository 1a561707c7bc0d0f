//! The connection by which a node writes: made in the background, so that whoever waits for it can be told in time, and
//! made anew with pauses after it broke.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::connect::{Database, Session};
use super::follow::Backoff;
use super::group::Statements;
use crate::store::StoreError;

/// How long the hosts of the URL may take in all, one after the other.
const MAKING_WAIT: Duration = Duration::from_secs(10);

/// A connection that is ready to write.
pub(super) struct Line {
    pub client: Client,
    pub statements: Statements,
}

/// See the module.
pub(super) struct Link {
    database: Database,
    line: Option<Line>,
    making: Option<JoinHandle<Result<Line, StoreError>>>,
    /// No connection is tried before this.
    not_before: Option<Instant>,
    backoff: Backoff,
}

impl Link {
    pub fn new(database: Database) -> Self {
        Self { database, line: None, making: None, not_before: None, backoff: Backoff::default() }
    }

    /// The connection; waits for it no longer than until then.
    ///
    /// # Errors
    /// `Unavailable`, with what the database last said.
    pub async fn ready(&mut self, until: Instant) -> Result<&Line, StoreError> {
        if self.line.as_ref().is_some_and(|line| line.client.is_closed()) {
            self.line = None;
        }
        let mut why = StoreError::Unavailable("the database is away".to_owned());
        while self.line.is_none() {
            if self.making.is_none()
                && let Some(at) = self.not_before.filter(|at| *at > Instant::now())
            {
                tokio::time::sleep_until(at.min(until)).await;
                if at > until {
                    return Err(why);
                }
            }
            let making = self.making.get_or_insert_with(|| tokio::spawn(make(self.database.clone())));
            let made = tokio::time::timeout_at(until, making).await;
            let Ok(made) = made else { return Err(why) };
            self.making = None;
            match made.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string()))) {
                Ok(line) => {
                    self.line = Some(line);
                    self.not_before = None;
                    self.backoff = Backoff::default();
                }
                Err(error) => {
                    why = error;
                    self.not_before = Some(Instant::now() + self.backoff.next());
                }
            }
        }
        self.line.as_ref().ok_or(why)
    }

    /// Gives the connection up; the next one is made at once.
    pub fn drop_line(&mut self) {
        self.line = None;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(making) = &self.making {
            making.abort();
        }
    }
}

async fn make(database: Database) -> Result<Line, StoreError> {
    let making = async {
        let client = database.client(Session::Serving).await?;
        let statements = Statements::prepare(&client).await?;
        Ok(Line { client, statements })
    };
    let late = |_| StoreError::Unavailable("the database does not answer".to_owned());
    tokio::time::timeout(MAKING_WAIT, making).await.map_err(late)?
}
