//! The script of an exercise: each inject is given when its time has come, once, also where the server was away then.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::turning::RETRY;
use crate::desk::{Ask, Desk};
use crate::domain::exercise::Inject;
use crate::domain::{Actor, Timestamp};

/// Longest sleep: an inject that somebody gave by hand is noticed after this, and a clock that was set.
const SLEEP_MAX: Duration = Duration::from_secs(5);

/// Gives what is due until `stop`, or until the exercise is over or all is given.
#[must_use]
pub fn start(desk: Desk, script: Arc<[Inject]>, stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let _ = stop.run_until_cancelled(give(&desk, &script)).await;
    })
}

async fn give(desk: &Desk, script: &[Inject]) {
    while let Some((n, due)) = next(desk, script) {
        let wait_ms = u64::try_from(due.as_ms() - desk.now().as_ms()).unwrap_or(0);
        if wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(wait_ms).min(SLEEP_MAX)).await;
            continue;
        }
        if let Err(problem) = desk.give_inject(&Ask::by(Actor::system()), n, &script[n], None).await {
            tracing::warn!(inject = n, %problem, "an inject could not be given; it is tried again");
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// The next that is to come, and when; none where the exercise is over.
fn next(desk: &Desk, script: &[Inject]) -> Option<(usize, Timestamp)> {
    let sheet = desk.exercise().filter(|sheet| !sheet.is_over)?;
    let waits = |(n, _): &(usize, &Inject)| !sheet.injects.iter().any(|given| given.n == *n);
    script.iter().enumerate().find(waits).map(|(n, inject)| (n, inject.due(sheet.started_at)))
}
