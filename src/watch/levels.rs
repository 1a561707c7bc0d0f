//! The levels of zones: worked out again as rain, bulletins and zones change, and every few minutes, since the hours that
//! count move on.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::turning::touches;
use crate::desk::Desk;
use crate::domain::Collection;

/// What levels follow from.
const FOLLOWS: [Collection; 5] =
    [Collection::RainDays, Collection::RainGauges, Collection::RainGrids, Collection::Bulletins, Collection::RiskZones];
/// Longest time between two looks.
const EVERY: Duration = Duration::from_secs(5 * 60);
/// Changes that come together are looked at together.
const GATHER: Duration = Duration::from_millis(200);
/// Pause after a look whose outcome the store did not take.
const RETRY: Duration = Duration::from_secs(2);

/// Runs until `stop`; works while this process `leads`.
pub(super) async fn watch(desk: Desk, mut leads: watch::Receiver<bool>, stop: CancellationToken) {
    let mut steps = desk.picture().subscribe();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            led = leads.wait_for(|leads| *leads) => if led.is_err() { return },
        }
        let pause = match desk.compute_levels().await {
            Ok(_) => EVERY,
            Err(problem) => {
                tracing::warn!(%problem, "levels could not be worked out; it is tried again");
                RETRY
            }
        };
        let due = tokio::time::sleep(pause);
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = &mut due => break,
                step = steps.recv() => match step {
                    Ok(step) if !FOLLOWS.iter().any(|collection| touches(&step, *collection)) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        tokio::time::sleep(GATHER).await;
                        break;
                    }
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}
