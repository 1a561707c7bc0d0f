//! What a node does beside the calls: the derived positions, its sign of life, forgetting old keys.

use std::time::{Duration, Instant};

use deadpool_postgres::Pool;

use super::prepare::instant;
use crate::domain::Timestamp;
use crate::store::{LAST_ALIVE_AT, StoreError, now};

/// How often the derived positions follow the fixes.
const FLUSH_EVERY: Duration = Duration::from_secs(2);
/// How often the store notes that it is alive; a power cut is known to this precision.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// How long an answered request can be told apart from a new one, and how often older ones are dropped.
const REQUESTS_KEPT_MS: i64 = 30 * 24 * 3600 * 1000;
const PRUNE_EVERY: Duration = Duration::from_secs(60);
const PRUNE_ROWS_MAX: i32 = 2_000;

/// Works until the task is stopped.
pub(super) async fn upkeep(pool: Pool) {
    let (mut alive, mut pruned) = (None, None);
    let is_due = |last: Option<Instant>, every| last.is_none_or(|at: Instant| at.elapsed() >= every);
    let mut failing = false;
    loop {
        let (sign, prune) = (is_due(alive, ALIVE_EVERY), is_due(pruned, PRUNE_EVERY));
        let done = once(&pool, sign, prune).await;
        if let Err(error) = &done
            && !failing
        {
            tracing::warn!(%error, "the store's own upkeep failed and is tried again");
        }
        failing = done.is_err();
        if sign && !failing {
            alive = Some(Instant::now());
        }
        if prune && !failing {
            pruned = Some(Instant::now());
        }
        tokio::time::sleep(FLUSH_EVERY).await;
    }
}

/// The last words of a node, or one round of its upkeep.
pub(super) async fn once(pool: &Pool, sign: bool, prune: bool) -> Result<(), StoreError> {
    let client = pool.get().await?;
    client.execute("SELECT flush_positions()", &[]).await?;
    if sign {
        client.execute("SELECT set_meta($1, $2)", &[&LAST_ALIVE_AT, &now().to_string()]).await?;
    }
    if prune {
        let before = instant(Timestamp::from_ms(now().as_ms() - REQUESTS_KEPT_MS));
        client.execute("SELECT prune_requests($1, $2)", &[&before, &PRUNE_ROWS_MAX]).await?;
        client.execute("SELECT prune_writers($1)", &[&before]).await?;
    }
    Ok(())
}
