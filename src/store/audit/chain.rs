//! The chain: what of a row is hashed, how one is added, and the walk that finds what was changed.

use std::path::Path;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Event, FILE, open_reader};
use crate::domain::Timestamp;
use crate::store::StoreError;

/// The hash before the first row.
const BEFORE_FIRST: [u8; 32] = [0; 32];
/// The columns of a row, in the order of [`Line`].
pub(super) const COLUMNS: &str = "seq, at_ms, node, actor, role, kind, class, collection, count, ids, place, purpose";
const INSERT: &str = "INSERT INTO rows (seq, at_ms, node, actor, role, kind, class, collection, count, ids, place,
     purpose, prev_hash, hash) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
/// Bytes of an id.
const ID_BYTES: usize = 16;

/// One row, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub seq: i64,
    pub at: Timestamp,
    /// The installation that wrote it.
    pub node: String,
    /// Account name.
    pub actor: String,
    pub role: String,
    pub kind: String,
    pub class: Option<String>,
    pub collection: Option<String>,
    /// Records.
    pub count: i64,
    /// Which ones, or the first of them.
    pub ids: Vec<Uuid>,
    /// Method and path, or command.
    pub place: String,
    pub purpose: String,
}

/// What is hashed of a row, borrowed from where it lies.
#[derive(Clone, Copy, Default)]
pub(super) struct Line<'a> {
    pub seq: i64,
    pub at_ms: i64,
    pub node: &'a str,
    pub actor: &'a str,
    pub role: &'a str,
    pub kind: &'a str,
    pub class: Option<&'a str>,
    pub collection: Option<&'a str>,
    pub count: i64,
    /// 16 bytes an id.
    pub ids: &'a [u8],
    pub place: &'a str,
    pub purpose: &'a str,
}

/// What the walk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Rows that are as they were written.
    pub rows: u64,
    /// Hash of the last of them, in hexadecimal digits: who has written it down finds a chain that was written anew as
    /// a whole.
    pub head: String,
    /// The first row that is not.
    pub fault: Option<Fault>,
}

/// A row that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub seq: i64,
    pub why: String,
}

impl<'a> Line<'a> {
    /// The row of a query for [`COLUMNS`].
    fn of(row: &'a rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let text = |at: usize| row.get_ref(at).and_then(|value| Ok(value.as_str()?));
        let optional = |at: usize| row.get_ref(at).and_then(|value| Ok(value.as_str_or_null()?));
        Ok(Self {
            seq: row.get(0)?,
            at_ms: row.get(1)?,
            node: text(2)?,
            actor: text(3)?,
            role: text(4)?,
            kind: text(5)?,
            class: optional(6)?,
            collection: optional(7)?,
            count: row.get(8)?,
            ids: row.get_ref(9)?.as_blob()?,
            place: text(10)?,
            purpose: text(11)?,
        })
    }

    /// SHA-256 of the hash before and the columns in their order: numbers as 8 bytes, the highest first; texts and ids
    /// with their length in bytes before them, and one that is absent as the length that none has.
    fn hash(&self, prev_hash: &[u8]) -> [u8; 32] {
        let Self { seq, at_ms, node, actor, role, kind, class, collection, count, ids, place, purpose } = *self;
        let mut hash = Sha256::new();
        hash.update(prev_hash);
        hash.update(seq.to_be_bytes());
        hash.update(at_ms.to_be_bytes());
        let texts = [Some(node), Some(actor), Some(role), Some(kind), class, collection, Some(place), Some(purpose)];
        for text in texts {
            hash.update(text.map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
            hash.update(text.unwrap_or_default());
        }
        hash.update(count.to_be_bytes());
        hash.update((ids.len() as u64).to_be_bytes());
        hash.update(ids);
        hash.finalize().into()
    }
}

impl Row {
    /// The row of a query for [`COLUMNS`].
    pub(super) fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let Line { seq, at_ms, node, actor, role, kind, class, collection, count, ids, place, purpose } =
            Line::of(row)?;
        Ok(Self {
            seq,
            at: Timestamp::from_ms(at_ms),
            node: node.to_owned(),
            actor: actor.to_owned(),
            role: role.to_owned(),
            kind: kind.to_owned(),
            class: class.map(str::to_owned),
            collection: collection.map(str::to_owned),
            count,
            ids: ids_of(ids).collect(),
            place: place.to_owned(),
            purpose: purpose.to_owned(),
        })
    }
}

/// The ids of a column.
pub(super) fn ids_of(bytes: &[u8]) -> impl Iterator<Item = Uuid> {
    bytes.chunks_exact(ID_BYTES).filter_map(|id| Uuid::from_slice(id).ok())
}

/// The end of the chain inside a transaction that holds the write lock.
pub(super) struct Head<'t> {
    tx: &'t Transaction<'t>,
    insert: CachedStatement<'t>,
    node: &'t str,
    seq: i64,
    hash: [u8; 32],
    /// The ids of one row, side by side.
    ids: Vec<u8>,
}

impl<'t> Head<'t> {
    /// Goes on from where the chain was last said to end, not from the rows: who cut some off, or changed what is said,
    /// leaves a gap or a hash that does not follow for ever.
    pub(super) fn read(tx: &'t Transaction<'t>, node: &'t str) -> Result<Self, StoreError> {
        let last: i64 = tx.prepare_cached("SELECT coalesce(max(seq), 0) FROM rows")?.query_row((), |row| row.get(0))?;
        let mut told = tx.prepare_cached("SELECT value FROM meta WHERE key = 'head'")?;
        let told: Option<String> = told.query_row((), |row| row.get(0)).optional()?;
        let (seq, hash) = told.as_deref().and_then(parse_head).unwrap_or((0, BEFORE_FIRST));
        Ok(Self { tx, insert: tx.prepare_cached(INSERT)?, node, seq: seq.max(last), hash, ids: Vec::new() })
    }

    /// Adds one row.
    pub(super) fn add(&mut self, event: &Event) -> Result<(), StoreError> {
        let mut ids = std::mem::take(&mut self.ids);
        ids.clear();
        ids.extend(event.ids.iter().flat_map(Uuid::as_bytes));
        let added = self.add_line(Line {
            at_ms: event.at.as_ms(),
            actor: &event.actor.name,
            role: event.actor.role.as_str(),
            kind: event.kind.as_str(),
            class: event.class.map(|class| class.as_str()),
            collection: event.collection.map(|collection| collection.as_str()),
            count: i64::try_from(event.count).unwrap_or(i64::MAX),
            ids: &ids,
            place: &event.place,
            purpose: &event.purpose,
            ..Line::default()
        });
        self.ids = ids;
        added
    }

    /// Adds a row, which gets its seq and node here.
    pub(super) fn add_line(&mut self, line: Line<'_>) -> Result<(), StoreError> {
        let line = Line { seq: self.seq + 1, node: self.node, ..line };
        let hash = line.hash(&self.hash);
        let Line { seq, at_ms, node, actor, role, kind, class, collection, count, ids, place, purpose } = line;
        self.insert.execute((
            seq, at_ms, node, actor, role, kind, class, collection, count, ids, place, purpose, self.hash, hash,
        ))?;
        (self.seq, self.hash) = (seq, hash);
        Ok(())
    }

    /// Writes down where the chain ends.
    pub(super) fn close(self) -> Result<(), StoreError> {
        let mut write = self.tx.prepare_cached("INSERT OR REPLACE INTO meta VALUES ('head', ?1)")?;
        write.execute([head_text(self.seq, &self.hash)])?;
        Ok(())
    }
}

fn head_text(seq: i64, hash: &[u8]) -> String {
    format!("{seq} {}", hexadecimal(hash))
}

fn parse_head(text: &str) -> Option<(i64, [u8; 32])> {
    let (seq, digits) = text.split_once(' ')?;
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some((seq.parse().ok()?, hash))
}

fn hexadecimal(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Walks the chain of a data folder, beside a running server too.
///
/// # Errors
/// [`StoreError`] if the file is not there or is no database.
pub fn verify(dir: &Path) -> Result<Verified, StoreError> {
    let mut conn = open_reader(&dir.join(FILE))?;
    // One moment for the rows and for where they end.
    let tx = conn.transaction()?;
    let told = tx.query_row("SELECT value FROM meta WHERE key = 'head'", (), |row| row.get::<_, String>(0));
    let told = told.optional();
    let (seq, hash, fault) = walk(&tx)?;
    let ends = match told {
        Ok(told) => told.unwrap_or_else(|| head_text(0, &BEFORE_FIRST)) == head_text(seq, &hash),
        Err(_) => false,
    };
    let cut = (!ends).then(|| Fault { seq: seq + 1, why: "the chain does not end where its head says".to_owned() });
    let fault = fault.or(cut).or_else(|| damage(&tx).map(|why| Fault { seq: seq + 1, why }));
    Ok(Verified { rows: seq.unsigned_abs(), head: hexadecimal(&hash), fault })
}

/// The last row that follows from those before it, and what is wrong with the next.
fn walk(conn: &Connection) -> Result<(i64, [u8; 32], Option<Fault>), StoreError> {
    let (mut seq, mut hash) = (0_i64, BEFORE_FIRST);
    let mut statement = conn.prepare(&format!("SELECT {COLUMNS}, prev_hash, hash FROM rows ORDER BY seq"))?;
    let mut rows = statement.query(())?;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok((seq, hash, None)),
            Err(error) => return Ok((seq, hash, Some(unreadable(seq + 1, &error)))),
        };
        match follows(row, seq, &hash) {
            Ok(next) => (seq, hash) = (seq + 1, next),
            Err(fault) => return Ok((seq, hash, Some(fault))),
        }
    }
}

/// The hash of `row` if it is the one written after `(seq, hash)`.
fn follows(row: &rusqlite::Row<'_>, seq: i64, hash: &[u8]) -> Result<[u8; 32], Fault> {
    let next = seq + 1;
    let fault = |why: String| Fault { seq: next, why };
    let read = || Ok((Line::of(row)?, row.get::<_, [u8; 32]>(12)?, row.get::<_, [u8; 32]>(13)?));
    let (line, prev_hash, own_hash) = read().map_err(|error: rusqlite::Error| unreadable(next, &error))?;
    if line.seq != next {
        return Err(fault(format!("it is missing: row {} comes after row {seq}", line.seq)));
    }
    if prev_hash != hash {
        return Err(fault(format!("it does not name the hash of row {seq} before it")));
    }
    if own_hash != line.hash(&prev_hash) {
        return Err(fault("its hash is not that of what it holds".to_owned()));
    }
    Ok(own_hash)
}

fn unreadable(seq: i64, error: &rusqlite::Error) -> Fault {
    Fault { seq, why: format!("it cannot be read: {error}") }
}

/// What SQLite says of the file where the rows themselves are whole: an index that hides one from whoever looks for it.
fn damage(conn: &Connection) -> Option<String> {
    let said = conn.query_row("PRAGMA integrity_check(1)", (), |row| row.get::<_, String>(0));
    match said {
        Ok(said) if said == "ok" => None,
        Ok(said) => Some(said),
        Err(error) => Some(error.to_string()),
    }
}
