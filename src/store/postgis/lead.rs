//! Which of the nodes does what is to be done once: the one that holds an advisory lock of the database, on a connection
//! of its own. When it dies the database lets the lock go, and another node has it within a second or two; when it is
//! cut off, it stops by itself before the database gives its lock to another.

use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::Client;

use super::connect::{Database, Session};
use super::follow::Backoff;
use crate::store::StoreError;

/// The lock's number; any that nobody else takes in this database.
const LOCK: i64 = 0x0074_7275_6362_616e;
/// How often the lock is tried, and whoever holds it looks whether it still does.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a look may take before the lock counts as lost.
const LOOK_WAIT: Duration = Duration::from_secs(2);
/// The database drops a client that is cut off, and with it the lock, after 5 + 3 × 2 s; later than the client gives up.
const CUT_OFF: &str = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3";

/// Tries for the lock, and says whether it is held, until the task is stopped.
pub(super) async fn lead(database: Database, leads: watch::Sender<bool>) {
    let mut backoff = Backoff::default();
    loop {
        let ended = hold(&database, &leads, &mut backoff).await;
        let led = leads.send_replace(false);
        let pause = backoff.next();
        if let Err(error) = ended {
            tracing::warn!(%error, led, pause_ms = pause.as_millis(), "the nodes' lock cannot be asked for");
        }
        tokio::time::sleep(pause).await;
    }
}

async fn hold(database: &Database, leads: &watch::Sender<bool>, backoff: &mut Backoff) -> Result<(), StoreError> {
    let (client, connection) = database.connect(Session::Serving).await?;
    let driven = tokio::spawn(connection);
    let holding = async {
        client.batch_execute(CUT_OFF).await?;
        loop {
            let held = *leads.borrow();
            let holds = look(&client, held).await?;
            *backoff = Backoff::default();
            if leads.send_replace(holds) != holds {
                tracing::info!("this node does from now on what is done once");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let ended = holding.await;
    driven.abort();
    ended
}

/// Whether the lock is held. Who holds it already must not take it again: it would count how often.
async fn look(client: &Client, holds: bool) -> Result<bool, StoreError> {
    let asked = async {
        if holds {
            client.batch_execute("SELECT 1").await?;
            return Ok(true);
        }
        Ok(client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?.get(0))
    };
    let gone = |_| StoreError::Unavailable("the database does not answer".to_owned());
    tokio::time::timeout(LOOK_WAIT, asked).await.map_err(gone)?
}
