//! Whom closures cut off, and closures that lie on no road: looked at whenever a closure, a place or the network has
//! changed, or a closure begins or ends by time.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;
use crate::domain::Collection;
use crate::domain::change::Seq;
use crate::roads::InForce;

/// How often it is looked whether anything has changed: two comparisons where nothing has.
const LOOK: Duration = Duration::from_millis(500);
/// Whose changes cut places off, or make them places.
const HEARD: [Collection; 3] = [Collection::RoadClosures, Collection::Places, Collection::Stations];

/// What was looked at last: the closures as they are laid over the network, and the places.
type Looked = (Weak<InForce>, [Seq; HEARD.len()]);

/// Runs until `stop`; looks and tells while this process `leads`.
pub(super) async fn watch(desk: Desk, mut leads: watch::Receiver<bool>, stop: CancellationToken) {
    let mut looked: Looked = (Weak::new(), [0; HEARD.len()]);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            led = leads.wait_for(|leads| *leads) => if led.is_err() { return },
        }
        look(&desk, &mut looked).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn look(desk: &Desk, looked: &mut Looked) {
    let picture = desk.picture().load();
    let versions = HEARD.map(|collection| picture.layer(collection).version());
    let Some(roads) = desk.roads() else { return };
    let in_force = Arc::downgrade(&roads);
    drop(roads);
    if looked.0.ptr_eq(&in_force) && looked.1 == versions {
        return;
    }
    let found = tokio::task::spawn_blocking({
        let desk = desk.clone();
        move || desk.look_at_roads()
    });
    let Ok(found) = found.await else {
        tracing::error!("it could not be found who is cut off");
        return;
    };
    match desk.tell_roads(&found).await {
        Ok(_) => *looked = (in_force, versions),
        Err(problem) => tracing::warn!(%problem, "who is cut off was not written down; it is tried again"),
    }
}
