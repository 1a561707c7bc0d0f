//! When something was last heard, told by one thread or task and asked by many, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The last moment of being heard, to the millisecond, by a clock that nobody sets. It never goes back.
pub(in crate::store) struct Heard {
    since: Instant,
    /// After `since`.
    last_ms: AtomicU64,
}

impl Heard {
    /// Heard now for the first time.
    pub fn new() -> Self {
        Self { since: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    /// It was heard at a moment.
    pub fn mark(&self, at: Instant) {
        let after_ms = at.saturating_duration_since(self.since).as_millis();
        self.last_ms.fetch_max(u64::try_from(after_ms).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// When it was heard last.
    pub fn last(&self) -> Instant {
        self.since + Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }

    /// Returns once nothing has been heard for so long, counted from `from` at the earliest.
    pub async fn silence(&self, from: Instant, longest: Duration) {
        loop {
            let until = self.last().max(from) + longest;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until.into()).await;
        }
    }
}
