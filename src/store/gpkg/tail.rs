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
    /// Every event after `floor`, in seq order, but those of `import`.
    events: VecDeque<Event>,
    floor: Seq,
    fixes: usize,
    /// The first and the last seq of the newest import, whose changes are in the journal alone.
    import: Option<(Seq, Seq)>,
}

impl Tail {
    /// Holds nothing yet; what is durable up to `durable` is in the journal alone.
    pub fn new(durable: Seq) -> Self {
        Self { inner: Mutex::new(Inner::from(durable)) }
    }

    /// Up to `limit` events after `after` and not after `through`; `None` if not all of them are here.
    pub fn between(&self, after: Seq, through: Seq, limit: usize) -> Option<Vec<Event>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let lacks_some = inner.import.is_some_and(|(first, last)| after < last && through >= first);
        if after < inner.floor || lacks_some {
            return None;
        }
        let wanted = inner.events.partition_point(|event| event.seq() <= after)
            ..inner.events.partition_point(|event| event.seq() <= through);
        Some(inner.events.range(wanted).take(limit).cloned().collect())
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

    /// An import from `first` to `last` has come to count.
    pub fn leave_out(&self, first: Seq, last: Seq) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, last)) = inner.import.replace((first, last)) {
            let kept = inner.events.partition_point(|event| event.seq() <= last);
            inner.fixes -= inner.events.drain(..kept).map(|event| fixes_of(&event)).sum::<usize>();
            inner.floor = inner.floor.max(last);
        }
    }

    /// Forgets everything up to `durable`: after an erasure.
    pub fn forget(&self, durable: Seq) {
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Inner::from(durable);
    }
}

impl Inner {
    fn from(durable: Seq) -> Self {
        Self { events: VecDeque::new(), floor: durable, fixes: 0, import: None }
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
        assert_eq!(tail.between(3, Seq::MAX, 10), None);
        assert_eq!(tail.between(4, Seq::MAX, 10), Some(vec![]));
        tail.push([batch(5, 1), batch(9, 1)]);
        let seqs =
            |after, limit| tail.between(after, Seq::MAX, limit).map(|e| e.iter().map(Event::seq).collect::<Vec<_>>());
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
    fn the_tail_answers_on_both_sides_of_an_import() {
        let tail = Tail::new(0);
        let seqs =
            |after, through| tail.between(after, through, 10).map(|e| e.iter().map(Event::seq).collect::<Vec<_>>());
        tail.push([batch(1, 1), batch(2, 1)]);
        tail.leave_out(100, 200);
        tail.push([batch(201, 1)]);
        assert_eq!((seqs(0, 99), seqs(1, 2), seqs(200, Seq::MAX)), (Some(vec![1, 2]), Some(vec![2]), Some(vec![201])));
        assert_eq!((seqs(0, 100), seqs(2, Seq::MAX), seqs(150, 300)), (None, None, None));
        tail.leave_out(1_000, 1_001);
        assert_eq!((seqs(0, 2), seqs(200, 999)), (None, Some(vec![201])), "one import is known");
        assert_eq!(tail.inner.lock().unwrap().fixes, 1);
    }

    #[test]
    fn the_tail_keeps_its_limit_of_events() {
        let tail = Tail::new(0);
        tail.push((1..=EVENTS_MAX as Seq + 1).map(|seq| batch(seq, 0)));
        assert_eq!(tail.between(0, Seq::MAX, 1), None);
        assert_eq!(tail.between(1, Seq::MAX, usize::MAX).map(|events| events.len()), Some(EVENTS_MAX));
    }
}
