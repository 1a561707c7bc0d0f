//! One subscriber's end: what it missed, then what waits in its queue.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;

use super::Seat;
use super::frames::Frame;

/// Set once by the hub when it cuts the subscriber off: the last event that it shall read.
pub(super) type Cut = Arc<OnceLock<Frame>>;

/// The events of one subscriber. Ends when the subscriber was cut off or the feed has ended.
pub struct FeedStream {
    first: VecDeque<Frame>,
    queue: mpsc::Receiver<Frame>,
    cut: Cut,
    ended: bool,
    _seat: Seat,
}

impl FeedStream {
    pub(super) fn new(first: Vec<Frame>, queue: mpsc::Receiver<Frame>, cut: Cut, seat: Seat) -> Self {
        Self { first: first.into(), queue, cut, ended: false, _seat: seat }
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
