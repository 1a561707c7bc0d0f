//! `trucban copy`: everything of one store into another, empty one, of either engine: the journal as it is, personal
//! values, fixes, keys, codes, settings. The record tables of the target are the fold of the journal that it got. In
//! the end the target is read back and compared with what was read from the source.
//!
//! `trucban restore --at TIME` is the same up to a moment: the seq decides, and not the clock, which may have been set
//! back. Left out is the first entry in seq order that was recorded after the moment, and whatever follows it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::postgis::{self, Database};
use super::{StoreError, body, files, gpkg};
use crate::domain::change::Seq;
use crate::domain::{Collection, FixBatch, Record, Timestamp};

/// Rows on their way at once, and portions that may wait.
const PORTION_ROWS: usize = 1_000;
const PORTIONS_MAX: usize = 4;

/// Settings that each store keeps for itself; they are not copied.
const OWN_META: [&str; 2] = [super::LAST_ALIVE_AT, "positions_seq"];

/// How much of a store is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    Whole,
    /// What stood there at this moment.
    RecordedBy(Timestamp),
}

impl Extent {
    pub(super) fn recorded_by(self) -> Timestamp {
        match self {
            Self::Whole => Timestamp::from_ms(i64::MAX),
            Self::RecordedBy(at) => at,
        }
    }
}

/// Where the entries (changes and batches of fixes) of a store were cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// The newest entry that was kept.
    pub newest: Option<Entry>,
    pub kept: u64,
    /// The first entry that was left out.
    pub first_left_out: Option<Entry>,
    pub left_out: u64,
    /// Entries left out although they bear a time that is not after the moment: the clock had been set back.
    pub left_out_by_seq: u64,
}

/// An entry of the journal and when it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub seq: Seq,
    pub recorded_at: Timestamp,
}

impl Cut {
    /// The cut of the entries, which come in the order of their seqs.
    pub(super) fn see(&mut self, entry: Entry, extent: Extent) {
        let is_after = entry.recorded_at > extent.recorded_by();
        if self.first_left_out.is_none() && !is_after {
            self.newest = Some(entry);
            self.kept += 1;
            return;
        }
        self.first_left_out.get_or_insert(entry);
        self.left_out += 1;
        self.left_out_by_seq += u64::from(!is_after);
    }

    /// The first seq that does not count in the copy.
    pub(super) fn before(&self) -> Seq {
        match (self.first_left_out, self.newest) {
            (None, _) => Seq::MAX >> 1,
            // Seqs set aside beyond the newest entry are free again.
            (Some(_), newest) => newest.map_or(0, |entry| entry.seq) + 1,
        }
    }
}

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

/// Rows on their way, or why the source could not give the rest; then the target undoes what it has taken.
pub(super) type Portion = Result<Vec<Row>, StoreError>;

/// The end of a source, from which a target takes.
pub(super) type Rows = mpsc::Receiver<Portion>;

/// The source's end: counts and hashes what it gives.
pub(super) struct Giver {
    sender: mpsc::Sender<Portion>,
    portion: Vec<Row>,
    pub extent: Extent,
    pub tally: Tally,
}

impl Giver {
    fn new(extent: Extent) -> (Self, Rows) {
        let (sender, rows) = mpsc::channel(PORTIONS_MAX);
        (Self { sender, portion: Vec::with_capacity(PORTION_ROWS), extent, tally: Tally::default() }, rows)
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
            Some(full) => self.sender.send(Ok(full)).await.map_err(|_| stopped()),
            None => Ok(()),
        }
    }

    pub fn give_blocking(&mut self, row: Row) -> Result<(), StoreError> {
        match self.take(row) {
            Some(full) => self.sender.blocking_send(Ok(full)).map_err(|_| stopped()),
            None => Ok(()),
        }
    }

    pub async fn rest(&mut self) -> Result<(), StoreError> {
        self.sender.send(Ok(std::mem::take(&mut self.portion))).await.map_err(|_| stopped())
    }

    pub fn rest_blocking(&mut self) -> Result<(), StoreError> {
        self.sender.blocking_send(Ok(std::mem::take(&mut self.portion))).map_err(|_| stopped())
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the target has stopped".to_owned())
}

/// Copies all of `from` into `to`, which must be empty, and compares both. What was compared.
///
/// # Errors
/// A target that holds something; what either store said; `Damaged`, naming the kinds, if the target is not equal. A
/// copy that failed under way leaves nothing.
pub async fn copy(from: Location, to: Location) -> Result<Tally, StoreError> {
    Ok(copy_extent(from, to, Extent::Whole).await?.0)
}

/// Makes in `to`, which must be empty, what stood in `from` at a moment: every entry that was recorded by then, in the
/// order of the seqs. Counters of codes stay as they are, since a code that was told once is never given to another
/// record; so do settings. Values of people that were erased since stay erased.
///
/// # Errors
/// As [`copy`]; `Damaged` too where the records of the target are not the fold of what it got.
pub async fn restore(from: Location, to: Location, at: Timestamp) -> Result<(Tally, Cut), StoreError> {
    let restored = copy_extent(from, to.clone(), Extent::RecordedBy(at)).await?;
    let findings = match to {
        Location::Path(path) => blocking(move || gpkg::check(&path)).await?,
        Location::Database(database) => postgis::check(&database).await?,
    };
    match findings.first() {
        None => Ok(restored),
        Some(first) => Err(StoreError::Damaged(format!("the restored store: {}", first.what))),
    }
}

async fn copy_extent(from: Location, to: Location, extent: Extent) -> Result<(Tally, Cut), StoreError> {
    let (giver, rows) = Giver::new(extent);
    let reading = tokio::spawn(read(from.clone(), giver));
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
    let (mut source, cut) = read?;
    let (from_files, to_files) = (from, to.clone());
    let (giver, mut rows) = Giver::new(extent);
    let reading = tokio::spawn(self::read(to, giver));
    while rows.recv().await.is_some() {}
    let (target, _) = reading.await.map_err(|error| StoreError::Unavailable(error.to_string()))??;
    if let kinds @ [_, ..] = &source.differences(&target)[..] {
        return Err(StoreError::Damaged(format!("the copy differs in: {}", kinds.join(", "))));
    }
    for hash in files::copy(&from_files, &to_files).await? {
        source.add("files", &hash.to_string());
    }
    Ok((source, cut))
}

/// Reads one moment of a store; the end of the rows is the end of the giver.
async fn read(from: Location, mut giver: Giver) -> Result<(Tally, Cut), StoreError> {
    let sender = giver.sender.clone();
    let given = match from {
        Location::Path(path) => {
            blocking(move || gpkg::give_copy(&path, &mut giver).map(|cut| (giver.tally, cut))).await
        }
        Location::Database(database) => postgis::give_copy(&database, &mut giver).await.map(|cut| (giver.tally, cut)),
    };
    if let Err(error) = &given {
        // A target that has stopped already does not ask why.
        let _ = sender.send(Err(error.clone())).await;
    }
    given
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
