//! `trucban copy`: everything of one store into another, empty one, of either engine: the journal as it is, personal
//! values, fixes, keys, codes, settings. The record tables of the target are the fold of the journal that it got. In
//! the end the target is read back and compared with what was read from the source.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::postgis::{self, Database};
use super::{StoreError, body, gpkg};
use crate::domain::change::Seq;
use crate::domain::{Collection, FixBatch, Record, Timestamp};

/// Rows on their way at once, and portions that may wait.
const PORTION_ROWS: usize = 1_000;
const PORTIONS_MAX: usize = 4;

/// Settings that each store keeps for itself; they are not copied.
const OWN_META: [&str; 2] = [super::LAST_ALIVE_AT, "positions_seq"];

/// A store, of either engine.
#[derive(Clone, Debug)]
pub enum Location {
    /// A data folder, or a single file such as a backup.
    Path(PathBuf),
    Database(Box<Database>),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Database(database) => write!(f, "{database}"),
        }
    }
}

/// A row that stands in no other table, whatever the engine. They come in the order of the kinds, each in its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Row {
    Personal {
        reference: i64,
        seq: Seq,
        collection: Collection,
        record_id: Uuid,
        salt: Vec<u8>,
        value: String,
    },
    /// The newest reference that was given, so that none is given twice.
    LastReference(i64),
    Journal(JournalRow),
    Fixes(FixBatch),
    /// Seqs that were set aside and not used, both ends included.
    Gap(Seq, Seq),
    Request {
        key: Uuid,
        body_hash: Vec<u8>,
        first: Seq,
        last: Seq,
        recorded_at: Timestamp,
    },
    Code {
        series: String,
        year: i64,
        quarter: i64,
        next: i64,
    },
    Meta {
        key: String,
        value: String,
    },
}

/// A row of the journal as it lies there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct JournalRow {
    pub seq: Seq,
    pub request_id: Uuid,
    pub actor: String,
    pub recorded_at: Timestamp,
    pub valid_at: Timestamp,
    pub exercise_id: Option<Uuid>,
    pub collection: Collection,
    pub record_id: Uuid,
    pub version: u32,
    pub format: i64,
    pub body: String,
}

impl Row {
    fn kind(&self) -> &'static str {
        match self {
            Self::Personal { .. } => "personal values",
            Self::LastReference(_) => "references",
            Self::Journal(_) => "journal rows",
            Self::Fixes(_) => "batches of fixes",
            Self::Gap(..) => "gaps",
            Self::Request { .. } => "keys of calls",
            Self::Code { .. } => "code counters",
            Self::Meta { .. } => "settings",
        }
    }
}

/// What a store holds, counted and hashed by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    kinds: BTreeMap<&'static str, Kind>,
}

/// So many rows, and the sum of their hashes: rows in another order are the same rows, and the order of the journal
/// is in its seqs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kind {
    count: u64,
    sum: [u128; 2],
}

impl Tally {
    fn add(&mut self, kind: &'static str, text: &str) {
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let half = |at: usize| hash[at..at + 16].iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
        let entry = self.kinds.entry(kind).or_default();
        entry.count += 1;
        entry.sum = [entry.sum[0].wrapping_add(half(0)), entry.sum[1].wrapping_add(half(16))];
    }

    fn row(&mut self, row: &Row) {
        // The form for people writes every value out, numbers in their shortest exact form.
        self.add(row.kind(), &format!("{row:?}"));
    }

    /// A current record, as the picture would read it.
    pub(super) fn record(&mut self, collection: Collection, record: &Record, seq: Seq) {
        let Record { id, version, recorded_at, geometry, properties, personal } = record;
        let geometry = body::geometry_json(geometry.as_ref());
        let text = format!("{id} {version} {seq} {recorded_at} {geometry} {properties} {personal:?}");
        self.add(collection.as_str(), &text);
    }

    /// Kinds that are not the same in both.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let kinds = self.kinds.keys().chain(other.kinds.keys());
        let mut different: Vec<_> =
            kinds.copied().filter(|kind| self.kinds.get(kind) != other.kinds.get(kind)).collect();
        different.sort_unstable();
        different.dedup();
        different
    }
}

/// One line a kind: how many, and the first digits of the hash.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, Kind { count, sum }) in &self.kinds {
            writeln!(f, "{kind:>18} {count:>10}  {:016x}…", (sum[0] >> 64) as u64)?;
        }
        Ok(())
    }
}

/// The end of a source, from which a target takes.
pub(super) type Rows = mpsc::Receiver<Vec<Row>>;

/// The source's end: counts and hashes what it gives.
pub(super) struct Giver {
    sender: mpsc::Sender<Vec<Row>>,
    portion: Vec<Row>,
    pub tally: Tally,
}

impl Giver {
    fn new() -> (Self, Rows) {
        let (sender, rows) = mpsc::channel(PORTIONS_MAX);
        (Self { sender, portion: Vec::with_capacity(PORTION_ROWS), tally: Tally::default() }, rows)
    }

    /// Takes a row; a full portion is to be sent.
    fn take(&mut self, row: Row) -> Option<Vec<Row>> {
        if matches!(&row, Row::Meta { key, .. } if OWN_META.contains(&key.as_str())) {
            return None;
        }
        self.tally.row(&row);
        self.portion.push(row);
        let is_full = self.portion.len() >= PORTION_ROWS;
        is_full.then(|| std::mem::replace(&mut self.portion, Vec::with_capacity(PORTION_ROWS)))
    }

    pub async fn give(&mut self, row: Row) -> Result<(), StoreError> {
        match self.take(row) {
            Some(full) => self.sender.send(full).await.map_err(|_| stopped()),
            None => Ok(()),
        }
    }

    pub fn give_blocking(&mut self, row: Row) -> Result<(), StoreError> {
        match self.take(row) {
            Some(full) => self.sender.blocking_send(full).map_err(|_| stopped()),
            None => Ok(()),
        }
    }

    pub async fn rest(&mut self) -> Result<(), StoreError> {
        self.sender.send(std::mem::take(&mut self.portion)).await.map_err(|_| stopped())
    }

    pub fn rest_blocking(&mut self) -> Result<(), StoreError> {
        self.sender.blocking_send(std::mem::take(&mut self.portion)).map_err(|_| stopped())
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the target has stopped".to_owned())
}

/// Copies all of `from` into `to`, which must be empty, and compares both. What was compared.
///
/// # Errors
/// A target that holds something; what either store said; `Damaged`, naming the kinds, if the target is not equal. A
/// copy that failed leaves nothing in a database, and a file that is to be thrown away.
pub async fn copy(from: Location, to: Location) -> Result<Tally, StoreError> {
    let (giver, rows) = Giver::new();
    let reading = tokio::spawn(read(from, giver));
    let written = match to.clone() {
        Location::Path(path) => blocking(move || gpkg::take_copy(&path, rows)).await,
        Location::Database(database) => postgis::take_copy(&database, rows).await,
    };
    let read = match reading.await {
        Ok(read) => read,
        Err(error) => Err(StoreError::Unavailable(error.to_string())),
    };
    // A target that fails stops its source, so that its own words say why.
    written?;
    let source = read?;
    let (giver, mut rows) = Giver::new();
    let reading = tokio::spawn(self::read(to, giver));
    while rows.recv().await.is_some() {}
    let target = reading.await.map_err(|error| StoreError::Unavailable(error.to_string()))??;
    match source.differences(&target)[..] {
        [] => Ok(source),
        ref kinds => Err(StoreError::Damaged(format!("the copy differs in: {}", kinds.join(", ")))),
    }
}

/// Reads one moment of a store; the end of the rows is the end of the giver.
async fn read(from: Location, mut giver: Giver) -> Result<Tally, StoreError> {
    match from {
        Location::Path(path) => blocking(move || gpkg::give_copy(&path, &mut giver).map(|()| giver.tally)).await,
        Location::Database(database) => {
            postgis::give_copy(&database, &mut giver).await?;
            Ok(giver.tally)
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
}

/// The put that made a row of the journal, for the record table; personal values are known by their reference.
pub(super) fn put_of(row: &JournalRow) -> Result<(super::Put, Option<i64>), StoreError> {
    let damaged = |why: String| StoreError::Damaged(format!("journal row {}: {why}", row.seq));
    let body = body::parse(row.format, &row.body).map_err(damaged)?;
    let properties = serde_json::from_str(body.properties).map_err(|error| damaged(error.to_string()))?;
    let put = super::Put {
        collection: row.collection,
        id: row.record_id,
        valid_at: Some(row.valid_at),
        geometry: body.geometry,
        properties,
        personal: serde_json::Map::new(),
    };
    Ok((put, body.personal.map(|personal| personal.reference)))
}
