//! Tasks that hear changes and call the desk: what time alone changes, and what follows from where units are.
//!
//! A task here owns no state that matters: what is due is read from the picture each time, so that a restart, a lost
//! message or a second node neither miss a turn nor make it twice (the desk decides again and the store settles it).

mod assessments;
mod assignments;
mod closures;
mod fences;
pub mod injects;
mod isolation;
mod levels;
mod patrols;
pub mod roads;
mod turning;
mod warnings;
mod zones;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;

/// Starts the watch of the process that `leads` ([`crate::store::Store::leads`]). The task ends when `stop` is cancelled,
/// after the turns it is making.
#[must_use]
pub fn start(desk: Desk, leads: watch::Receiver<bool>, stop: CancellationToken) -> JoinHandle<()> {
    let assignments = assignments::Assignments(*desk.timers());
    tokio::spawn(async move {
        tokio::join!(
            turning::watch(zones::Zones, desk.clone(), leads.clone(), stop.clone()),
            turning::watch(zones::Ends, desk.clone(), leads.clone(), stop.clone()),
            turning::watch(warnings::Warnings, desk.clone(), leads.clone(), stop.clone()),
            turning::watch(assessments::Assessments, desk.clone(), leads.clone(), stop.clone()),
            turning::watch(closures::Closures, desk.clone(), leads.clone(), stop.clone()),
            levels::watch(desk.clone(), leads.clone(), stop.clone()),
            turning::watch(assignments, desk.clone(), leads.clone(), stop.clone()),
            fences::watch(desk.clone(), leads.clone(), stop.clone()),
            isolation::watch(desk.clone(), leads.clone(), stop.clone()),
            turning::watch(patrols::Overdue, desk.clone(), leads.clone(), stop.clone()),
            patrols::follow(desk, leads, stop),
        );
    })
}
