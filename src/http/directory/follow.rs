//! How the snapshot follows `system.db`: at once for changes of this server (`Directory::change`), within
//! [`POLL_INTERVAL`] for those of others. And how uses get there.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::people::{NOTE_USE_S, People};
use super::{Directory, Shared};
use crate::domain::Timestamp;
use crate::http::setup;
use crate::store::StoreError;

/// How often the revision is read: a change made on the command line counts after this long and one reading.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How often uses are noted where several nodes share their accounts: each note is a change for all of them.
const NOTE_SHARED_USE_S: i64 = 15 * 60;

impl Directory {
    /// Follows the changes that others make, and notes uses, until the server stops.
    pub async fn follow(self, stopping: CancellationToken) {
        let mut tick = tokio::time::interval(POLL_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut noted_at = self.now();
        let mut news = self.shared.system.news();
        let mut woken = async || match &mut news {
            Some(news) => tokio::select! { _ = tick.tick() => {}, _ = news.changed() => {} },
            None => drop(tick.tick().await),
        };
        let note_every_s = self.shared.note_every_s();
        while stopping.run_until_cancelled(woken()).await.is_some() {
            let is_due = self.now().seconds_since(noted_at) >= note_every_s;
            if is_due {
                noted_at = self.now();
            }
            self.step(is_due).await;
        }
        self.step(true).await;
    }

    async fn step(&self, note_use: bool) {
        let shared = Arc::clone(&self.shared);
        let step = tokio::task::spawn_blocking(move || {
            // Whether uses can be noted or not, what others changed counts.
            if note_use && let Err(error) = shared.note_use() {
                tracing::warn!(%error, "uses of sessions and tokens cannot be noted");
            }
            if shared.system.revision()? == shared.people.load().revision { Ok(()) } else { shared.read_anew() }
        });
        match step.await {
            Ok(Ok(())) => {}
            // Those who were let in before stay in: a disk that is away must not shut the duty room out.
            Ok(Err(error)) => tracing::error!(%error, "changes of accounts cannot be read"),
            Err(error) => tracing::error!(%error, "the reading of accounts failed"),
        }
    }
}

impl Shared {
    pub(super) fn read_anew(&self) -> Result<(), StoreError> {
        let _held = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let everybody = self.system.everybody(self.clock.now())?;
        let before = self.people.load_full();
        let people = People::of(everybody, self.entry, &self.limits, Some(&before));
        if people.has_accounts && !before.has_accounts {
            setup::remove_link_file(&self.folder);
        }
        let revision = people.revision;
        self.people.store(Arc::new(people));
        self.told.send_replace(revision);
        Ok(())
    }

    fn note_every_s(&self) -> i64 {
        if self.system.unheard_for().is_some() { NOTE_SHARED_USE_S } else { NOTE_USE_S }
    }

    /// Writes down when credentials were last used, and sweeps out sessions that are over.
    fn note_use(&self) -> Result<(), StoreError> {
        let people = self.people.load_full();
        let mut used = Vec::new();
        for credential in people.by_hash.values() {
            let at = credential.used.at_ms.load(Ordering::Relaxed);
            if credential.used.noted_ms.load(Ordering::Relaxed) != at {
                used.push((credential, Timestamp::from_ms(at)));
            }
        }
        if !used.is_empty() {
            let ids: Vec<_> = used.iter().map(|(credential, at)| (credential.id, *at)).collect();
            self.system.note_use(&ids)?;
            for (credential, at) in used {
                credential.used.noted_ms.store(at.as_ms(), Ordering::Relaxed);
            }
        }
        self.system.sweep(self.clock.now())
    }
}
