//! One consistent moment of the store: a read-only transaction on a connection of its own. The trait reads on the
//! caller's thread, which waits; so a thread beside it talks to the database and hands the records over in portions.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use futures_util::TryStreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::Client;

use super::connect::{Database, Session};
use super::follow::counter;
use super::read::{RecordReader, newest_fixes};
use super::tables;
use crate::domain::change::Seq;
use crate::domain::{Collection, Fix, Record};
use crate::store::{Snapshot, StoreError};

/// Records handed over at once, and portions that may wait.
const PORTION_RECORDS: usize = 500;
const PORTIONS_MAX: usize = 4;

type Portion = Result<Vec<(Record, Seq)>, StoreError>;

enum Ask {
    Records(Collection, SyncSender<Portion>),
    Fixes(SyncSender<Result<Vec<(Fix, Seq)>, StoreError>>),
}

/// See [`Snapshot`]. The moment ends when it is dropped.
pub(super) struct PgSnapshot {
    seq: Seq,
    asks: mpsc::UnboundedSender<Ask>,
}

impl PgSnapshot {
    pub async fn open(database: Database) -> Result<Self, StoreError> {
        let (asks, asked) = mpsc::unbounded_channel();
        let (begun, beginning) = oneshot::channel();
        std::thread::Builder::new().name("store-snapshot".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(serve(&database, begun, asked)),
                // Whoever waits for the beginning is gone only with the whole process.
                Err(error) => drop(begun.send(Err(error.into()))),
            }
        })?;
        let seq = beginning.await.unwrap_or_else(|_| Err(ended()))?;
        Ok(Self { seq, asks })
    }

    fn ask<T>(&self, ask: impl FnOnce(SyncSender<T>) -> Ask) -> Result<Receiver<T>, StoreError> {
        let (told, telling) = sync_channel(PORTIONS_MAX);
        self.asks.send(ask(told)).map_err(|_| ended())?;
        Ok(telling)
    }
}

impl Snapshot for PgSnapshot {
    fn seq(&self) -> Seq {
        self.seq
    }

    fn records(&mut self, collection: Collection, sink: &mut dyn FnMut(Record, Seq)) -> Result<(), StoreError> {
        for portion in self.ask(|told| Ask::Records(collection, told))? {
            for (record, seq) in portion? {
                sink(record, seq);
            }
        }
        Ok(())
    }

    fn newest_fixes(&mut self) -> Result<Vec<(Fix, Seq)>, StoreError> {
        self.ask(Ask::Fixes)?.recv().unwrap_or_else(|_| Err(ended()))
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("the snapshot has ended".to_owned())
}

async fn serve(
    database: &Database,
    begun: oneshot::Sender<Result<Seq, StoreError>>,
    mut asked: mpsc::UnboundedReceiver<Ask>,
) {
    let client = match begin(database).await {
        Ok((client, seq)) => {
            // Whoever opened it may have gone away; then nothing is asked.
            let _ = begun.send(Ok(seq));
            client
        }
        Err(error) => return drop(begun.send(Err(error))),
    };
    while let Some(ask) = asked.recv().await {
        match ask {
            Ask::Records(collection, told) => {
                if let Err(error) = records(&client, collection, &told).await {
                    let _ = told.send(Err(error));
                }
            }
            Ask::Fixes(told) => drop(told.send(newest_fixes(&client).await)),
        }
    }
}

async fn begin(database: &Database) -> Result<(Client, Seq), StoreError> {
    let client = database.client(Session::Long).await?;
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let seq = counter(&client).await?;
    Ok((client, seq))
}

async fn records(client: &Client, collection: Collection, told: &SyncSender<Portion>) -> Result<(), StoreError> {
    let rows = client.query_raw(&tables::select(collection), Vec::<i64>::new()).await?;
    let mut rows = std::pin::pin!(rows);
    let mut reader = RecordReader::new(collection);
    let mut portion = Vec::with_capacity(PORTION_RECORDS);
    while let Some(row) = rows.try_next().await? {
        portion.push(reader.read(&row)?);
        if portion.len() == PORTION_RECORDS {
            let full = std::mem::replace(&mut portion, Vec::with_capacity(PORTION_RECORDS));
            if told.send(Ok(full)).is_err() {
                return Ok(());
            }
        }
    }
    // A receiver that has gone away wants no more.
    let _ = told.send(Ok(portion));
    Ok(())
}
