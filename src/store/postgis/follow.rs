//! Follows the counter of the database, whoever writes: `NOTIFY` wakes, the counter decides. On every connection, and
//! several times a second, the counter is read, so that a notification that was lost does no harm, and a database that
//! has gone is missed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{StreamExt, poll_fn};
use tokio::sync::{mpsc, watch};
use tokio_postgres::{AsyncMessage, Client};

use super::connect::{Database, Session};
use crate::domain::change::Seq;
use crate::store::StoreError;
use crate::store::heard::Heard;

/// The longest time without a look at the counter.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How long a look may take before the connection counts as dead.
const LOOK_WAIT: Duration = Duration::from_secs(2);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Notifications that may wait here; more wake nobody that is not awake.
const NOTIFICATIONS_MAX: usize = 64;

/// Pauses between attempts, each about twice the one before, each with its own jitter, so that nodes do not come back
/// all at once.
#[derive(Debug, Default)]
pub(in crate::store) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub fn next(&mut self) -> Duration {
        let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(6)).min(PAUSE_MAX);
        self.failures += 1;
        pause.mul_f64(rand::random_range(0.5..1.0))
    }
}

/// Tells that `seq` is durable, if that is news.
pub(super) fn advance(durable: &watch::Sender<Seq>, seq: Seq) {
    durable.send_if_modified(|known| {
        let is_news = seq > *known;
        if is_news {
            *known = seq;
        }
        is_news
    });
}

/// The newest committed seq.
pub(super) async fn counter(client: &impl tokio_postgres::GenericClient) -> Result<Seq, StoreError> {
    let row = client.query_one("SELECT seq FROM counter", &[]).await?;
    Ok(row.get::<_, i64>(0).cast_unsigned())
}

/// Follows until the task is stopped.
pub(super) async fn follow(database: Database, durable: Arc<watch::Sender<Seq>>, heard_at: Arc<Heard>) {
    let mut backoff = Backoff::default();
    loop {
        let error = match listen(&database, &durable, &heard_at, &mut backoff).await {
            Ok(()) => "the connection ended".to_owned(),
            Err(error) => error.to_string(),
        };
        let pause = backoff.next();
        tracing::warn!(%error, pause_ms = pause.as_millis(), "the journal of the other nodes is not heard");
        tokio::time::sleep(pause).await;
    }
}

async fn listen(
    database: &Database,
    durable: &watch::Sender<Seq>,
    heard_at: &Heard,
    backoff: &mut Backoff,
) -> Result<(), StoreError> {
    let (client, mut connection) = database.connect(Session::Serving).await?;
    let (notify, mut notified) = mpsc::channel(NOTIFICATIONS_MAX);
    let driven = tokio::spawn(async move {
        let mut messages = std::pin::pin!(poll_fn(move |context| connection.poll_message(context)));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(notification) = message
                && let Ok(seq) = notification.payload().parse::<Seq>()
            {
                // A full channel is being emptied; the look at the counter makes up for what it did not take.
                let _ = notify.try_send(seq);
            }
        }
    });
    let listening = async {
        client.batch_execute("LISTEN trucban").await?;
        look(&client, durable, heard_at).await?;
        *backoff = Backoff::default();
        loop {
            match tokio::time::timeout(LOOK_EVERY, notified.recv()).await {
                Ok(Some(seq)) => {
                    advance(durable, seq);
                    heard_at.mark(Instant::now());
                }
                Ok(None) => return Ok(()),
                Err(_) => look(&client, durable, heard_at).await?,
            }
        }
    };
    let ended = listening.await;
    driven.abort();
    ended
}

async fn look(client: &Client, durable: &watch::Sender<Seq>, heard_at: &Heard) -> Result<(), StoreError> {
    let began = Instant::now();
    let gone = |_| StoreError::Unavailable("the database does not answer".to_owned());
    let seq = tokio::time::timeout(LOOK_WAIT, counter(client)).await.map_err(gone)??;
    advance(durable, seq);
    heard_at.mark(began);
    Ok(())
}
