//! Zones that begin and end by time: `approved` comes into force at its start, `in_force` expires at its end, each
//! once and logged.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::desk::Desk;
use crate::domain::{Collection, Event, Timestamp, zone};
use crate::picture::{Picture, Published};

/// Longest sleep: a clock that was set meanwhile is noticed after this.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// Pause after a turn that the store did not take.
const RETRY: Duration = Duration::from_secs(2);

/// Runs until `stop`; turns zones while this process `leads`.
pub(super) async fn watch(desk: Desk, mut leads: watch::Receiver<bool>, stop: CancellationToken) {
    let mut steps = desk.picture().subscribe();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            led = leads.wait_for(|leads| *leads) => if led.is_err() { return },
        }
        let failed = turn_due(&desk, &stop).await;
        let sleep = if failed { RETRY } else { until_next(&desk.picture().load(), desk.now()) };
        let due = tokio::time::sleep(sleep);
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = &mut due => break,
                step = steps.recv() => match step {
                    Ok(step) if !touches_zones(&step) => {}
                    // Lagging behind is no loss: what is due is read from the picture, not from the messages.
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}

/// Turns every zone that is due. Whether one of them failed.
async fn turn_due(desk: &Desk, stop: &CancellationToken) -> bool {
    let now = desk.now();
    let due: Vec<Uuid> = turns(&desk.picture().load()).filter(|(_, at)| *at <= now).map(|(id, _)| id).collect();
    let mut failed = false;
    for id in due {
        if stop.is_cancelled() {
            return false;
        }
        if let Err(problem) = desk.turn_zone(id).await {
            tracing::warn!(zone = %id, %problem, "a zone could not be turned; it is tried again");
            failed = true;
        }
    }
    failed
}

fn until_next(picture: &Picture, now: Timestamp) -> Duration {
    let next = turns(picture).map(|(_, at)| at).min();
    let wait_ms = next.map_or(i64::MAX, |at| at.as_ms().saturating_sub(now.as_ms()).max(0));
    // One millisecond more: at the very instant of the end the zone is over, not a moment before.
    Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0).saturating_add(1)).min(SLEEP_MAX)
}

/// Zones that time will turn, and when.
fn turns(picture: &Picture) -> impl Iterator<Item = (Uuid, Timestamp)> {
    picture.layer(Collection::RiskZones).iter().filter(|zone| !zone.is_ended()).filter_map(|feature| {
        let time = |name: &str| feature.text(name).and_then(|text| Timestamp::parse(&text).ok());
        let state = feature.text("state")?;
        zone::turns_at(&state, time("valid_from"), time("valid_to")).map(|at| (feature.id, at))
    })
}

fn touches_zones(step: &Published) -> bool {
    let is_zone = |event: &Event| matches!(event, Event::Change(change) if change.collection == Collection::RiskZones);
    step.imported.contains(&Collection::RiskZones) || step.events.iter().any(is_zone)
}
