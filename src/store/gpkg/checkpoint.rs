//! Checkpoints: what a fold of the journal needs to start later than at its beginning.
//!
//! The newest journal row of every record and the newest fix of every unit, named by their seqs. The past does not
//! change, so a checkpoint is made in the background and written whenever it is ready.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::fixes::{self, Placed};
use super::{folder, now};
use crate::domain::change::Seq;
use crate::store::StoreError;

/// Changes after which the next checkpoint is made.
const EVERY: Seq = 50_000;

/// A checkpoint ready to be written.
pub(super) struct Checkpoint {
    pub seq: Seq,
    /// Sorted seqs of the newest journal row of each record.
    pub heads: Vec<u64>,
    /// Sorted (seq, n) of the newest fix of each unit.
    pub positions: Vec<(u64, u64)>,
}

/// The writer's end: when the next one is due, and the one being made.
pub(super) struct Checkpoints {
    file: PathBuf,
    last: Seq,
    making: Option<Receiver<Result<Checkpoint, StoreError>>>,
}

impl Checkpoints {
    pub fn new(conn: &Connection, file: PathBuf) -> Result<Self, StoreError> {
        let last: Option<i64> = conn.query_row("SELECT max(seq) FROM checkpoints", [], |row| row.get(0))?;
        Ok(Self { file, last: last.unwrap_or(0).cast_unsigned(), making: None })
    }

    /// Starts making a checkpoint if one is due at the durable seq; gives the one that has become ready.
    pub fn poll(&mut self, durable: Seq) -> Option<Checkpoint> {
        let Some(making) = &self.making else {
            if durable >= self.last + EVERY {
                self.start(durable);
            }
            return None;
        };
        let made = match making.try_recv() {
            Ok(made) => made,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(StoreError::Unavailable("the thread ended".to_owned())),
        };
        self.making = None;
        made.inspect_err(|error| tracing::warn!(%error, "making a checkpoint failed and will be tried again")).ok()
    }

    /// Tells that the checkpoint at `seq` is durable.
    pub fn written(&mut self, seq: Seq) {
        self.last = seq;
    }

    fn start(&mut self, seq: Seq) {
        let (made, making) = sync_channel(1);
        let (file, last) = (self.file.clone(), self.last);
        let spawned = std::thread::Builder::new().name("store-checkpoint".to_owned()).spawn(move || {
            // The writer may have ended meanwhile; then the next start makes it.
            let _ = made.send(folder::open_reader(&file).and_then(|conn| Checkpoint::make(&conn, last, seq)));
        });
        if spawned.is_ok() {
            self.making = Some(making);
        }
    }
}

impl Checkpoint {
    fn make(conn: &Connection, last: Seq, seq: Seq) -> Result<Self, StoreError> {
        let mut newest: HashMap<Uuid, Placed> = HashMap::new();
        for (batch, n) in read(conn, last)?.map(|known| known.positions).unwrap_or_default() {
            if let Some(placed) = fixes::one(conn, batch, n)? {
                newest.insert(placed.fix.unit_id, placed);
            }
        }
        fixes::each_after(conn, last, seq + 1, |placed| {
            fixes::keep_newest(&mut newest, placed);
        })?;
        let mut positions: Vec<(u64, u64)> =
            newest.into_values().map(|placed| (placed.seq, placed.n.cast_unsigned())).collect();
        positions.sort_unstable();
        Ok(Self { seq, heads: heads(conn, seq)?, positions })
    }

    /// Writes it inside the caller's transaction.
    pub fn write(&self, conn: &Connection) -> Result<(), StoreError> {
        let positions = self.positions.iter().flat_map(|(seq, n)| [*seq, *n]);
        let mut seqs_of_positions = Vec::new();
        let mut last = 0;
        for (at, number) in positions.enumerate() {
            // Seqs ascend and are written as differences; the places in their batch are written as they are.
            let written = if at % 2 == 0 { number - std::mem::replace(&mut last, number) } else { number };
            put_number(&mut seqs_of_positions, written);
        }
        conn.execute(
            "INSERT OR REPLACE INTO checkpoints VALUES (?1, ?2, ?3, ?4)",
            (self.seq.cast_signed(), now().to_string(), pack(&self.heads), seqs_of_positions),
        )?;
        Ok(())
    }
}

/// The checkpoint at `seq`.
pub(super) fn read(conn: &Connection, seq: Seq) -> Result<Option<Checkpoint>, StoreError> {
    let row = conn
        .query_row("SELECT heads, positions FROM checkpoints WHERE seq = ?1", [seq.cast_signed()], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    let Some((heads, positions)) = row else { return Ok(None) };
    let damaged = || StoreError::Damaged(format!("checkpoint {seq} is unreadable"));
    let numbers = numbers(&positions).ok_or_else(damaged)?;
    let mut last = 0;
    let positions = numbers.chunks_exact(2).map(|pair| {
        last += pair[0];
        (last, pair[1])
    });
    Ok(Some(Checkpoint { seq, positions: positions.collect(), heads: unpack(&heads).ok_or_else(damaged)? }))
}

/// Sorted seqs of the newest journal row of each record, up to `seq`.
pub(super) fn heads(conn: &Connection, seq: Seq) -> Result<Vec<u64>, StoreError> {
    let mut statement = conn.prepare("SELECT max(seq) FROM journal WHERE seq <= ?1 GROUP BY collection, record_id")?;
    let mut heads = statement
        .query_map([seq.cast_signed()], |row| Ok(row.get::<_, i64>(0)?.cast_unsigned()))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    heads.sort_unstable();
    Ok(heads)
}

fn pack(ascending: &[u64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ascending.len() * 2);
    let mut last = 0;
    for number in ascending {
        put_number(&mut out, number - last);
        last = *number;
    }
    out
}

fn unpack(packed: &[u8]) -> Option<Vec<u64>> {
    let mut last = 0_u64;
    numbers(packed)?
        .into_iter()
        .map(|difference| {
            last = last.checked_add(difference)?;
            Some(last)
        })
        .collect()
}

/// LEB128: seven bits a byte, the lowest first, the high bit set on all but the last byte.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn numbers(packed: &[u8]) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    let (mut number, mut shift) = (0_u64, 0_u32);
    for byte in packed {
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            numbers.push(std::mem::take(&mut number));
            shift = 0;
        }
    }
    (shift == 0).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_seqs_come_back() {
        for list in [vec![], vec![1], vec![1, 2, 127, 128, 1_000_000, u64::MAX >> 1]] {
            assert_eq!(unpack(&pack(&list)), Some(list));
        }
        assert_eq!(unpack(&[0x80]), None, "cut off");
    }
}
