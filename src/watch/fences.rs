//! Units that come into risk zones and go out of them. What is known of them beside the records (the fixes of the last
//! minutes) is small and may be lost: visits that are under way stand in the records, and whoever leads next goes on
//! from them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::turning::{RETRY, touches};
use crate::desk::Desk;
use crate::domain::fence::{Event as Passing, Kind};
use crate::domain::{Collection, Event};
use crate::picture::{Fences, Passage, Published};

/// Most passages that wait for the store; while there are so many, no more are heard.
const PENDING_MAX: usize = 10_000;

/// Runs until `stop`; hears and tells while this process `leads`.
pub(super) async fn watch(desk: Desk, mut leads: watch::Receiver<bool>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            led = leads.wait_for(|leads| *leads) => if led.is_err() { return },
        }
        let lost = async {
            let _ = leads.wait_for(|leads| !*leads).await;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = lost => {}
            () = hear(&desk) => return,
        }
    }
}

/// Hears and tells until the picture ends. May be left at any moment: what was not told is found again by whoever leads
/// next.
async fn hear(desk: &Desk) {
    // Before the picture is read, so that nothing falls between.
    let mut steps = desk.picture().subscribe();
    let mut fences = Fences::default();
    let mut pending: VecDeque<Passage> = fences.learn(&desk.picture().load()).into();
    loop {
        let waits = !tell(desk, &mut pending).await;
        let again = tokio::time::sleep(if waits { RETRY } else { Duration::MAX });
        tokio::select! {
            () = again, if waits => {}
            heard = next(&mut steps), if pending.len() < PENDING_MAX => match heard {
                Some(Heard::Step(step)) => pending.extend(step_of(&mut fences, &step, desk)),
                Some(Heard::Missed) => {
                    let picture = desk.picture().load();
                    pending.extend(fences.learn(&picture));
                    pending.extend(fences.catch_up(&picture));
                }
                None => return,
            },
        }
    }
}

enum Heard {
    Step(Arc<Published>),
    Missed,
}

async fn next(steps: &mut Receiver<Arc<Published>>) -> Option<Heard> {
    match steps.recv().await {
        Ok(step) => Some(Heard::Step(step)),
        Err(RecvError::Lagged(_)) => Some(Heard::Missed),
        Err(RecvError::Closed) => None,
    }
}

/// What one step of the picture brings: other zones, units that are gone, fixes.
fn step_of(fences: &mut Fences, step: &Published, desk: &Desk) -> Vec<Passage> {
    let mut passages = Vec::new();
    if touches(step, Collection::RiskZones) {
        passages.extend(fences.learn(&step.picture));
    }
    for event in step.events.iter() {
        match event {
            Event::Fixes(batch) => passages.extend(fences.hear(&step.picture, &batch.fixes)),
            Event::Change(change) if change.collection == Collection::Units => {
                let unit = change.record.id;
                if step.picture.layer(Collection::Units).get(unit).is_some_and(|unit| unit.is_ended()) {
                    fences.forget(unit);
                    passages.extend(left_by_ending(step, unit, desk));
                }
            }
            Event::Change(_) => {}
        }
    }
    passages
}

/// A unit that is no more is nowhere inside.
fn left_by_ending(step: &Published, unit: Uuid, desk: &Desk) -> Vec<Passage> {
    let id = unit.to_string();
    let visits = step.picture.layer(Collection::ZoneVisits).iter().filter(|visit| !visit.is_ended());
    let theirs = visits.filter(|visit| visit.text("unit_id").as_deref() == Some(&id));
    let zones = theirs.filter_map(|visit| Uuid::parse_str(&visit.text("zone_id")?).ok());
    let events = vec![Passing { at: desk.now(), kind: Kind::Left }];
    zones.map(|zone| Passage { zone, unit, events: events.clone(), newest_fix_at: None }).collect()
}

/// Tells what waits, in order. Whether all of it was told.
async fn tell(desk: &Desk, pending: &mut VecDeque<Passage>) -> bool {
    while let Some(passage) = pending.front() {
        if let Err(problem) = desk.tell_passage(passage).await {
            let (zone, unit) = (passage.zone, passage.unit);
            if problem.code.may_pass() {
                tracing::warn!(%zone, %unit, %problem, "a passage was not written down; it is tried again");
                return false;
            }
            tracing::error!(%zone, %unit, %problem, "a passage cannot be written down");
        }
        pending.pop_front();
    }
    true
}
