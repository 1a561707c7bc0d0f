//! The thread that follows the log for as long as its replica is there: woken by the log, and looking by itself once a
//! second.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::Shared;
use crate::store::StoreError;

/// The longest time without a look at the log.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a look may take.
const LOOK_WAIT: Duration = Duration::from_secs(3);

/// Follows until nobody holds the replica any more.
pub(super) fn start(shared: &Arc<Shared>) -> Result<(), StoreError> {
    let Some(joined) = &shared.joined else { return Ok(()) };
    let (followed, log) = (Arc::downgrade(shared), Arc::clone(&joined.log));
    let follow = move || {
        let (mut seen, mut trouble) = (0, None);
        loop {
            seen = log.news(seen, LOOK_EVERY);
            if !look(&followed, &mut trouble) {
                return;
            }
        }
    };
    std::thread::Builder::new().name(format!("follow {}", shared.shape.file)).spawn(follow)?;
    Ok(())
}

/// One look; whether the replica is still there. What is wrong is told when it begins, changes and ends.
fn look(followed: &Weak<Shared>, trouble: &mut Option<String>) -> bool {
    let Some(shared) = followed.upgrade() else { return false };
    let file = shared.shape.file;
    let looked = shared.catch_up(Instant::now() + LOOK_WAIT).and_then(|_| shared.compact_if_long());
    let present = looked.as_ref().err().map(ToString::to_string);
    match (looked, &*trouble) {
        (Ok(()), Some(_)) => tracing::info!(file, "the shared log is followed again"),
        (Err(error @ StoreError::Damaged(_)), _) if present != *trouble => {
            tracing::error!(%error, file, "the replica does not fit the shared log");
        }
        (Err(error), _) if present != *trouble => tracing::warn!(%error, file, "the shared log is not followed"),
        _ => {}
    }
    *trouble = present;
    true
}
