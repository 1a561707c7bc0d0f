//! Whether what the feed tells is what the store holds: it is not while the store is not heard, nor while the picture
//! cannot follow. An open page must then say so, although its line lives.

use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Timestamp;
use crate::domain::change::Seq;

/// Between two looks.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How far back the last moment may lie of which all is told. The store is heard once a second at the least, and looked
/// at here once a second; a database that starts anew within it disturbs nobody.
const STALE_AFTER: Duration = Duration::from_secs(5);

/// What is shown is old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stale {
    /// What happened up to this moment is shown.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    pub reason: StaleReason,
}

/// Why it is old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StaleReason {
    /// The database that others write too is not heard.
    StoreUnheard,
    /// The database is heard, and the picture does not follow.
    Behind,
}

/// A moment by the clock that nobody sets, and by that of people.
type Moment = (Instant, Timestamp);

pub(super) struct Freshness {
    /// All that the store held at this moment is told.
    current: Moment,
    /// What the store held at a later moment, and is not told yet.
    awaited: Option<(Seq, Moment)>,
}

impl Freshness {
    /// All is told that was heard up to now.
    pub fn at(heard_at: Instant, now: Timestamp) -> Self {
        Self { current: moment(heard_at, now), awaited: None }
    }

    /// One look: `told` is the seq up to which all is told, and the store was known at `heard_at` to hold no more than
    /// `newest`.
    pub fn look(&mut self, told: Seq, newest: Seq, heard_at: Instant, now: Timestamp) -> Option<Stale> {
        if let Some((_, then)) = self.awaited.take_if(|(seq, _)| *seq <= told) {
            self.current = then;
        }
        if newest <= told {
            self.current = moment(heard_at, now);
        } else if self.awaited.is_none() {
            self.awaited = Some((newest, moment(heard_at, now)));
        }
        let (at, since) = self.current;
        let reason = if heard_at.elapsed() > STALE_AFTER { StaleReason::StoreUnheard } else { StaleReason::Behind };
        (at.elapsed() > STALE_AFTER).then_some(Stale { since, reason })
    }
}

fn moment(at: Instant, now: Timestamp) -> Moment {
    let ago_ms = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
    (at, Timestamp::from_ms(now.as_ms().saturating_sub(ago_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_790_000_000_000);

    fn ago(s: u64) -> Instant {
        Instant::now().checked_sub(Duration::from_secs(s)).expect("a machine that runs for a minute")
    }

    /// By how many seconds `since` lies before `NOW`, and why.
    fn stale_s(stale: Option<Stale>) -> Option<(i64, StaleReason)> {
        stale.map(|stale| ((NOW.as_ms() - stale.since.as_ms()) / 1_000, stale.reason))
    }

    #[test]
    fn what_is_told_ends_where_the_store_was_last_heard() {
        let mut freshness = Freshness::at(ago(60), NOW);
        assert_eq!(stale_s(freshness.look(7, 7, ago(4), NOW)), None);
        assert_eq!(stale_s(freshness.look(7, 7, ago(30), NOW)), Some((30, StaleReason::StoreUnheard)));
        assert_eq!(stale_s(freshness.look(7, 7, ago(0), NOW)), None);
    }

    #[test]
    fn a_picture_that_does_not_follow_is_behind_since_the_last_moment_that_it_holds() {
        let mut freshness = Freshness::at(ago(60), NOW);
        assert_eq!(stale_s(freshness.look(7, 9, ago(40), NOW)), Some((60, StaleReason::StoreUnheard)));
        assert_eq!(stale_s(freshness.look(8, 20, ago(20), NOW)), Some((60, StaleReason::StoreUnheard)));
        assert_eq!(stale_s(freshness.look(9, 30, ago(0), NOW)), Some((40, StaleReason::Behind)));
        // What was heard last was awaited from then on.
        assert_eq!(stale_s(freshness.look(30, 31, ago(0), NOW)), None);
    }
}
