//! What the writer does besides the calls: the derived positions, the sign of life, checkpoints, clearing away.
//! Small transactions between the groups, so that no call waits for long.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::import::Import;
use super::writer::Writer;
use super::{LAST_ALIVE_AT, now, put_meta};
use crate::domain::Timestamp;
use crate::store::StoreError;

/// How often the derived positions follow the fixes.
const FLUSH_EVERY: Duration = Duration::from_secs(2);
/// How often the store notes that it is alive; a power cut is known to this precision.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// How long an answered request can be told apart from a new one, and how often older ones are dropped.
const REQUESTS_KEPT_MS: i64 = 30 * 24 * 3600 * 1000;
const PRUNE_EVERY: Duration = Duration::from_secs(60);
const PRUNE_ROWS_MAX: i64 = 2_000;
/// The pause after failed upkeep, so that a full disk does not keep the thread busy.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// When what was last done.
pub(super) struct Upkeep {
    flushed: Instant,
    alive: Instant,
    pruned: Option<Instant>,
    /// Nothing before this.
    from: Instant,
}

impl Upkeep {
    pub fn new() -> Self {
        let now = Instant::now();
        Self { flushed: now, alive: now, pruned: None, from: now }
    }
}

impl Writer {
    /// How long the queue may be waited for.
    pub(super) fn until_next_chore(&self) -> Duration {
        let now = Instant::now();
        if now < self.upkeep.from {
            return self.upkeep.from - now;
        }
        if self.positions.is_flushing() || self.import.as_ref().is_some_and(Import::is_given_up) {
            return Duration::ZERO;
        }
        FLUSH_EVERY.saturating_sub(self.upkeep.flushed.elapsed())
    }

    /// Does what is due.
    pub(super) fn chores(&mut self) {
        if Instant::now() < self.upkeep.from {
            return;
        }
        if self.upkeep.flushed.elapsed() >= FLUSH_EVERY {
            self.upkeep.flushed = Instant::now();
            self.positions.begin_flush(self.next_seq - 1);
        }
        let alive = self.upkeep.alive.elapsed() >= ALIVE_EVERY;
        let prune = self.upkeep.pruned.is_none_or(|at| at.elapsed() >= PRUNE_EVERY);
        let clearing = self.import.as_ref().is_some_and(Import::is_given_up);
        let checkpoint = self.checkpoints.poll(self.next_seq - 1);
        if !(alive || prune || clearing || checkpoint.is_some() || self.positions.is_flushing()) {
            return;
        }
        let done = self.in_transaction(|writer| {
            if alive {
                put_meta(&writer.conn, LAST_ALIVE_AT, &now().to_string())?;
            }
            if prune {
                prune_requests(&writer.conn, now())?;
            }
            if let Some(checkpoint) = &checkpoint {
                checkpoint.write(&writer.conn)?;
            }
            let cleared = match &writer.import {
                Some(import) if clearing => import.clear(&writer.conn)?,
                _ => false,
            };
            let units = if writer.positions.is_flushing() { writer.positions.write_slice(&writer.conn)? } else { 0 };
            Ok((cleared, units))
        });
        match done {
            Ok((cleared, units)) => {
                self.positions.slice_written(units);
                if cleared {
                    self.import = None;
                }
                if let Some(checkpoint) = checkpoint {
                    self.checkpoints.written(checkpoint.seq);
                }
                self.publish();
            }
            Err(error) => {
                tracing::warn!(%error, "the store's own upkeep failed and will be tried again");
                self.upkeep.from = Instant::now() + RETRY_PAUSE;
            }
        }
        if alive {
            self.upkeep.alive = Instant::now();
        }
        if prune {
            self.upkeep.pruned = Some(Instant::now());
        }
    }

    /// The last words: positions, sign of life, everything into the one file; then the folder is free.
    pub(super) fn finish(mut self) {
        self.positions.begin_flush(self.next_seq - 1);
        loop {
            let written = self.in_transaction(|writer| {
                put_meta(&writer.conn, LAST_ALIVE_AT, &now().to_string())?;
                if writer.positions.is_flushing() { writer.positions.write_slice(&writer.conn) } else { Ok(0) }
            });
            match written {
                Ok(units) => self.positions.slice_written(units),
                Err(error) => {
                    tracing::warn!(%error, "closing the store: upkeep failed, the next start makes up for it");
                    break;
                }
            }
            if !self.positions.is_flushing() {
                break;
            }
        }
        if let Some(mover) = self.mover.take() {
            mover.stop(&self.conn);
        }
        let Writer { conn, lock, .. } = self;
        if let Err((_, error)) = conn.close() {
            tracing::warn!(%error, "closing the store failed");
        }
        lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn prune_requests(conn: &Connection, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(
        "DELETE FROM requests WHERE key IN (SELECT key FROM requests WHERE recorded_at_ms < ?1 LIMIT ?2)",
    )?
    .execute((now.as_ms() - REQUESTS_KEPT_MS, PRUNE_ROWS_MAX))?;
    Ok(())
}
