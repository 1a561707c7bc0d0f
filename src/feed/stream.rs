//! One subscriber's end: what it missed, then what waits in its queue.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;

use super::Seat;
use super::frames::{self, Frame};
use crate::domain::change::Seq;

/// Set once by the hub when it cuts the subscriber off: the last event that it shall read.
pub(super) type Cut = Arc<OnceLock<Frame>>;

/// Ends when the subscriber's rights are no longer those under which it subscribed, with the newest seq.
type RightsChanged = Pin<Box<dyn Future<Output = Seq> + Send>>;

/// The events of one subscriber. Ends when the subscriber was cut off, its rights changed or the feed has ended.
pub struct FeedStream {
    first: VecDeque<Frame>,
    queue: mpsc::Receiver<Frame>,
    cut: Cut,
    rights_changed: Option<RightsChanged>,
    ended: bool,
    _seat: Seat,
}

impl FeedStream {
    pub(super) fn new(first: Vec<Frame>, queue: mpsc::Receiver<Frame>, cut: Cut, seat: Seat) -> Self {
        Self { first: first.into(), queue, cut, rights_changed: None, ended: false, _seat: seat }
    }

    /// Ends the stream when `rights_changed` ends, after a `reset` that says so.
    #[must_use]
    pub fn until(mut self, rights_changed: impl Future<Output = Seq> + Send + 'static) -> Self {
        self.rights_changed = Some(Box::pin(rights_changed));
        self
    }
}

impl Stream for FeedStream {
    type Item = Frame;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // Whoever is cut off must read all again anyway: what still waits in the queue is of no use.
        if let Some(last) = self.cut.get().cloned() {
            self.ended = true;
            return Poll::Ready(Some(last));
        }
        // Before anything else is handed over: from now on the subscriber may see less.
        if let Some(Poll::Ready(seq)) = self.rights_changed.as_mut().map(|changed| changed.as_mut().poll(cx)) {
            self.ended = true;
            return Poll::Ready(Some(frames::reset(seq, "rights_changed")));
        }
        if let Some(frame) = self.first.pop_front() {
            return Poll::Ready(Some(frame));
        }
        match self.queue.poll_recv(cx) {
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(self.cut.get().cloned())
            }
            other => other,
        }
    }
}
