//! The newest events, kept in memory for those who follow the journal closely: the picture's writer asks after every
//! commit for what it has just seen become durable, and need not read it back from the disk.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::domain::Event;
use crate::domain::change::Seq;

/// What the tail holds at most; older events are read from the journal.
const EVENTS_MAX: usize = 8_192;
const FIXES_MAX: usize = 100_000;

/// Written by the writer after each commit, before it tells the new durable seq; read by `changes_after`. Held for
/// as long as it takes to copy pointers.
pub(super) struct Tail {
    inner: Mutex<Inner>,
}

struct Inner {
    /// Every event after `floor`, in seq order.
    events: VecDeque<Event>,
    floor: Seq,
    fixes: usize,
}

impl Tail {
    /// Holds nothing yet; what is durable up to `durable` is in the journal alone.
    pub fn new(durable: Seq) -> Self {
        Self { inner: Mutex::new(Inner { events: VecDeque::new(), floor: durable, fixes: 0 }) }
    }

    /// Up to `limit` events after `after`; `None` if the tail does not reach back so far.
    pub fn after(&self, after: Seq, limit: usize) -> Option<Vec<Event>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if after < inner.floor {
            return None;
        }
        let first = inner.events.partition_point(|event| event.seq() <= after);
        Some(inner.events.range(first..).take(limit).cloned().collect())
    }

    /// Takes what a commit has made durable.
    pub fn push(&self, events: impl IntoIterator<Item = Event>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            inner.fixes += fixes_of(&event);
            inner.events.push_back(event);
        }
        while inner.events.len() > EVENTS_MAX || inner.fixes > FIXES_MAX {
            let Some(oldest) = inner.events.pop_front() else { break };
            inner.fixes -= fixes_of(&oldest);
            inner.floor = oldest.seq();
        }
    }

    /// Forgets everything up to `durable`: after an import, whose changes are read from the journal, and after an
    /// erasure.
    pub fn forget(&self, durable: Seq) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        *inner = Inner { events: VecDeque::new(), floor: durable, fixes: 0 };
    }
}

fn fixes_of(event: &Event) -> usize {
    match event {
        Event::Change(_) => 0,
        Event::Fixes(batch) => batch.fixes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Fix, FixBatch, FixSource, Timestamp};

    fn batch(seq: Seq, fixes: usize) -> Event {
        let at = Timestamp::from_ms(0);
        let fix = Fix {
            unit_id: uuid::Uuid::nil(),
            lon: 0.0,
            lat: 0.0,
            at,
            accuracy_m: None,
            speed_mps: None,
            course_deg: None,
            source: FixSource::Gps,
            heard_by: None,
        };
        Event::Fixes(FixBatch { seq, recorded_at: at, fixes: vec![fix; fixes].into() })
    }

    #[test]
    fn the_tail_answers_only_as_far_back_as_it_reaches() {
        let tail = Tail::new(4);
        assert_eq!(tail.after(3, 10), None);
        assert_eq!(tail.after(4, 10), Some(vec![]));
        tail.push([batch(5, 1), batch(9, 1)]);
        let seqs = |after, limit| tail.after(after, limit).map(|e| e.iter().map(Event::seq).collect::<Vec<_>>());
        assert_eq!(seqs(4, 10), Some(vec![5, 9]));
        assert_eq!(seqs(4, 1), Some(vec![5]));
        assert_eq!(seqs(7, 10), Some(vec![9]));
        tail.push([batch(10, FIXES_MAX)]);
        assert_eq!(seqs(8, 10), None, "dropped to keep the limit");
        assert_eq!(seqs(9, 10), Some(vec![10]));
        tail.forget(10);
        assert_eq!((seqs(9, 10), seqs(10, 10)), (None, Some(vec![])));
    }

    #[test]
    fn the_tail_keeps_its_limit_of_events() {
        let tail = Tail::new(0);
        tail.push((1..=EVENTS_MAX as Seq + 1).map(|seq| batch(seq, 0)));
        assert_eq!(tail.after(0, 1), None);
        assert_eq!(tail.after(1, usize::MAX).map(|events| events.len()), Some(EVENTS_MAX));
    }
}
