//! The loop of every task here: sleep until something is due or a record changes, then let the desk turn what is due.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::desk::Desk;
use crate::domain::{Collection, Event, Problem, Timestamp};
use crate::picture::{Picture, Published};

/// Longest sleep: a clock that was set meanwhile is noticed after this.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// Pause after a turn that the store did not take.
pub(super) const RETRY: Duration = Duration::from_secs(2);

/// Records of one collection that time changes.
pub(super) trait Turning: Send + Sync {
    /// Whose changes are heard.
    const OF: Collection;

    /// Records that time will turn, and when; of those that are due, the ones that there is something to do about.
    fn turns(&self, picture: &Arc<Picture>, now: Timestamp) -> Vec<(Uuid, Timestamp)>;

    /// Turns a record that is due; the desk looks again whether it is.
    fn turn(&self, desk: &Desk, id: Uuid) -> impl Future<Output = Result<(), Problem>> + Send;
}

/// Runs until `stop`; turns what is due while this process `leads`.
pub(super) async fn watch<T: Turning>(
    turning: T,
    desk: Desk,
    mut leads: watch::Receiver<bool>,
    stop: CancellationToken,
) {
    let mut steps = desk.picture().subscribe();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            led = leads.wait_for(|leads| *leads) => if led.is_err() { return },
        }
        let failed = turn_due(&turning, &desk, &stop).await;
        let sleep = if failed { RETRY } else { until_next(&turning, &desk.picture().load(), desk.now()) };
        let due = tokio::time::sleep(sleep);
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = &mut due => break,
                step = steps.recv() => match step {
                    Ok(step) if !touches(&step, T::OF) => {}
                    // Lagging behind is no loss: what is due is read from the picture, not from the messages.
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}

/// Turns every record that is due. Whether one of them failed.
async fn turn_due<T: Turning>(turning: &T, desk: &Desk, stop: &CancellationToken) -> bool {
    let now = desk.now();
    let turns = turning.turns(&desk.picture().load(), now);
    let mut failed = false;
    for (id, _) in turns.into_iter().filter(|(_, at)| *at <= now) {
        if stop.is_cancelled() {
            return false;
        }
        if let Err(problem) = turning.turn(desk, id).await {
            tracing::warn!(collection = %T::OF, %id, %problem, "a record could not be turned; it is tried again");
            failed = true;
        }
    }
    failed
}

fn until_next<T: Turning>(turning: &T, picture: &Arc<Picture>, now: Timestamp) -> Duration {
    let next = turning.turns(picture, now).into_iter().map(|(_, at)| at).min();
    let wait_ms = next.map_or(i64::MAX, |at| at.as_ms().saturating_sub(now.as_ms()).max(0));
    // One millisecond more: at the very instant of its end a zone is over, not a moment before.
    Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0).saturating_add(1)).min(SLEEP_MAX)
}

/// Whether a step changed records of the collection.
pub(super) fn touches(step: &Published, collection: Collection) -> bool {
    let is_of = |event: &Event| matches!(event, Event::Change(change) if change.collection == collection);
    step.imported.contains(&collection) || step.events.iter().any(is_of)
}
