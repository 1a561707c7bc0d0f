//! Whose credential is this? All that the answer needs is in memory, as one immutable snapshot (`people`): a request
//! costs one SHA-256 and one look-up, and takes no lock.
//!
//! The snapshot is read anew when the revision of `system.db` changes (`follow`). Whoever holds something open hears of
//! it (`rights_changed`).

mod follow;
mod people;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use uuid::Uuid;

use self::people::People;
pub use self::people::{Account, Credential, CredentialKind};
use super::error::{Refusal, internal};
use super::limits::Limits;
use crate::desk::{Clock, store_problem};
use crate::domain::access::Grant;
use crate::domain::{Code, Problem, Timestamp};
use crate::store::StoreError;
use crate::store::system::{Secret, System};

/// How often something held open is looked at though nobody said that anything changed: sessions grow old, windows
/// of grants open and close.
const HELD_OPEN_CHECK: Duration = Duration::from_secs(20);

/// Who may come in, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Whoever has an account; the first one is made by a link that works once.
    Accounts,
    /// Whoever reaches this machine is its administrator, as long as there is no account.
    Everybody,
    /// Whoever has an account, and the demo's actors with one click.
    Demo,
}

/// The directory of one server; cheap to clone.
#[derive(Clone)]
pub struct Directory {
    shared: Arc<Shared>,
}

struct Shared {
    system: Arc<System>,
    folder: PathBuf,
    entry: Entry,
    clock: Arc<dyn Clock>,
    limits: Limits,
    people: ArcSwap<People>,
    /// Told the revision after each new snapshot. Read by whoever holds something open.
    told: watch::Sender<u64>,
    /// When the last look at what other nodes changed began that somebody with an unknown secret asked for; held by
    /// whoever looks.
    looked: tokio::sync::Mutex<Option<tokio::time::Instant>>,
    /// Held from reading a snapshot to swapping it in, so that an older one never replaces a newer one.
    reading: Mutex<()>,
}

impl Directory {
    /// Reads everybody. Blocks.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(
        system: Arc<System>,
        folder: PathBuf,
        entry: Entry,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let everybody = system.everybody(clock.now())?;
        let people = People::of(everybody, entry, &limits, None);
        let (told, _) = watch::channel(people.revision);
        let (people, reading) = (ArcSwap::from_pointee(people), Mutex::default());
        let looked = tokio::sync::Mutex::default();
        Ok(Self { shared: Arc::new(Shared { system, folder, entry, clock, limits, people, told, looked, reading }) })
    }

    /// How one comes in.
    #[must_use]
    pub fn entry(&self) -> Entry {
        self.shared.entry
    }

    /// The present moment by the directory's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Whether there is any account.
    #[must_use]
    pub fn has_accounts(&self) -> bool {
        self.shared.people.load().has_accounts
    }

    /// Whose secret this is: a session's or a token's.
    #[must_use]
    pub fn by_secret(&self, secret: &str) -> Option<Arc<Credential>> {
        let people = self.shared.people.load();
        if people.by_hash.is_empty() {
            return None;
        }
        let found = people.by_hash.get(&Secret::hash_of(secret))?;
        let now = self.now();
        if !found.is_live(now) {
            return None;
        }
        found.touch(now);
        Some(Arc::clone(found))
    }

    /// As [`Directory::by_secret`]; a secret that is not known here is looked for among what other nodes made by now, since
    /// a load balancer may send the second request of a session to another node than the first.
    ///
    /// # Errors
    /// `store_unavailable` if the other nodes cannot be heard: whether the secret counts is then not known.
    pub async fn by_secret_of_any(&self, secret: &str) -> Result<Option<Arc<Credential>>, Refusal> {
        self.check_heard()?;
        if let Some(found) = self.by_secret(secret) {
            return Ok(Some(found));
        }
        if self.unheard_for().is_none() {
            return Ok(None);
        }
        // One look at a time serves whoever came before it began, so that guessing costs the database little.
        let came = tokio::time::Instant::now();
        let mut looked = self.shared.looked.lock().await;
        if looked.is_none_or(|at| at <= came) {
            let began = tokio::time::Instant::now();
            self.change(|system, _| system.catch_up()).await?;
            *looked = Some(began);
        }
        drop(looked);
        Ok(self.by_secret(secret))
    }

    /// Refuses to go on by what was known long ago.
    ///
    /// # Errors
    /// `store_unavailable` past [`Limits::unheard_s_max`].
    pub fn check_heard(&self) -> Result<(), Problem> {
        if !self.counts_for().is_zero() {
            return Ok(());
        }
        let minutes = self.shared.limits.unheard_s_max / 60;
        Err(Problem::new(
            Code::StoreUnavailable,
            format!(
                "Máy chủ này mất liên lạc với cơ sở dữ liệu chung quá {minutes} phút nên không biết quyền nào còn hiệu \
                 lực; phiên đăng nhập vẫn được giữ, hãy thử lại hoặc dùng máy chủ khác."
            ),
            format!(
                "This server has not reached the shared database for more than {minutes} minutes and does not know whose \
                 rights still hold; you stay signed in; try again, or use another server."
            ),
        )
        .with("reason", "rights_unknown"))
    }

    /// For how long nothing was heard of what other nodes revoked; none where there are none.
    #[must_use]
    pub fn unheard_for(&self) -> Option<Duration> {
        self.shared.system.unheard_for()
    }

    /// For how long what is known here still counts if no other node is heard again.
    fn counts_for(&self) -> Duration {
        let unheard_max = Duration::from_secs(self.shared.limits.unheard_s_max.into());
        unheard_max.saturating_sub(self.unheard_for().unwrap_or_default())
    }

    /// Who acts when no credentials are sent.
    #[must_use]
    pub fn without_credentials(&self) -> Option<Arc<Credential>> {
        self.shared.people.load().without_credentials.clone()
    }

    /// An account that is not disabled, by its exact name.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<Arc<Account>> {
        self.shared.people.load().accounts.get(name).cloned()
    }

    /// The live sessions and tokens that `wanted` accepts, oldest first.
    #[must_use]
    pub fn credentials(&self, wanted: impl Fn(&Credential) -> bool) -> Vec<Arc<Credential>> {
        let now = self.now();
        let people = self.shared.people.load();
        let mut found: Vec<_> =
            people.by_hash.values().filter(|one| one.is_live(now) && wanted(one)).map(Arc::clone).collect();
        found.sort_unstable_by_key(|credential| credential.id);
        found
    }

    /// Asks `system.db` beside the async threads.
    ///
    /// # Errors
    /// The problem of what was asked.
    pub async fn ask<T, F>(&self, question: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&System, Timestamp) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let asked = tokio::task::spawn_blocking(move || question(&shared.system, shared.clock.now()));
        answered(asked.await)
    }

    /// Changes `system.db` beside the async threads; the change counts when this returns.
    ///
    /// # Errors
    /// The problem of what was asked.
    pub async fn change<T, F>(&self, change: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&System, Timestamp) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let changed = tokio::task::spawn_blocking(move || {
            let done = change(&shared.system, shared.clock.now())?;
            shared.read_anew()?;
            Ok(done)
        });
        answered(changed.await)
    }

    /// Ends when the credential is gone, or what its account may has changed: whatever is held open must then end.
    /// Holding open is a use.
    pub async fn rights_changed(&self, credential: Arc<Credential>) {
        let mut told = self.shared.told.subscribe();
        let grants = &credential.account.actor.grants;
        let in_force = in_force(grants, self.now());
        loop {
            let now = self.now();
            if self.check_heard().is_err()
                || !self.still_lets_in(&credential, now)
                || self::in_force(grants, now) != in_force
            {
                return;
            }
            credential.touch(now);
            let next = next_boundary(grants, now).map_or(HELD_OPEN_CHECK, |at| {
                Duration::from_millis(u64::try_from(at.as_ms() - now.as_ms()).unwrap_or(0)).min(HELD_OPEN_CHECK)
            });
            let next = next.min(self.counts_for());
            tokio::select! {
                changed = told.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(next) => {}
            }
        }
    }

    fn still_lets_in(&self, credential: &Credential, now: Timestamp) -> bool {
        let people = self.shared.people.load();
        let present = match credential.kind {
            CredentialKind::Loopback => people.without_credentials.as_ref(),
            _ => people.by_hash.get(&credential.hash),
        };
        present.is_some_and(|present| {
            let (before, now_has) = (&credential.account, &present.account);
            let same = Arc::ptr_eq(before, now_has)
                || (before.actor == now_has.actor && before.must_change == now_has.must_change);
            same && present.is_live(now)
        })
    }
}

fn answered<T>(outcome: Result<Result<T, StoreError>, tokio::task::JoinError>) -> Result<T, Refusal> {
    match outcome {
        Ok(done) => Ok(done.map_err(store_problem)?),
        Err(_) => Err(internal().into()),
    }
}

/// Ids of the grants whose window is open.
fn in_force(grants: &[Grant], now: Timestamp) -> Vec<Uuid> {
    grants.iter().filter(|grant| grant.is_in_force(now)).map(|grant| grant.id).collect()
}

/// When the next window opens or closes.
fn next_boundary(grants: &[Grant], now: Timestamp) -> Option<Timestamp> {
    grants.iter().flat_map(|grant| [grant.valid_from, grant.valid_to]).filter(|at| *at > now).min()
}
