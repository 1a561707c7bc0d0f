//! Whose credential is this? All that the answer needs is in memory, as one immutable snapshot: a request costs one
//! SHA-256 and one look-up, and takes no lock.
//!
//! The snapshot is read anew when the revision of `system.db` changes: at once for changes of this server, within
//! [`POLL_INTERVAL`] for those of the command line. Whoever holds something open hears of it (`rights_changed`).

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::demo;
use super::error::{Refusal, internal};
use super::limits::{Budget, Limits};
use super::setup;
use crate::desk::{Clock, store_problem};
use crate::domain::access::Grant;
use crate::domain::{Actor, Code, Problem, Role, Timestamp};
use crate::store::StoreError;
use crate::store::system::{self, Bearer, Everybody, Hash, SESSION_IDLE_S, Secret, Session, System, Token, TokenKind};

/// How often the revision is read: a change made on the command line counts after this long and one reading.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How often uses are noted in `system.db`, and how exact they are.
const NOTE_USE_S: i64 = 60;
/// The same where several nodes share their accounts: each note is a change for all of them.
const NOTE_SHARED_USE_S: i64 = 15 * 60;
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

/// Somebody who can come in.
#[derive(Debug, PartialEq)]
pub struct Account {
    pub actor: Arc<Actor>,
    pub label_vi: String,
    pub label_en: String,
    /// The password must be changed before anything else is done.
    pub must_change: bool,
    /// Signs in by the provider.
    pub is_external: bool,
}

/// What somebody came in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A browser's session.
    Session,
    /// A token of a program.
    Program,
    /// A token of a telephone or tracker.
    Device,
    /// Nothing, where the server lets that count.
    Loopback,
}

/// A credential and whom it lets in.
#[derive(Debug)]
pub struct Credential {
    /// Id of the session or token; nil for [`CredentialKind::Loopback`].
    pub id: Uuid,
    pub kind: CredentialKind,
    pub account: Arc<Account>,
    hash: Hash,
    expires_at: Option<Timestamp>,
    idle_s: Option<i64>,
    /// Shared by all snapshots that hold this credential.
    used: Arc<Use>,
}

/// How a credential is used. When it last was is written by whoever comes in, and read by the task that notes it.
#[derive(Debug)]
struct Use {
    at_ms: AtomicI64,
    noted_ms: AtomicI64,
    /// What is left to a device; people are not counted.
    requests: Option<Budget>,
    large_pages: Budget,
}

impl Credential {
    fn is_live(&self, now: Timestamp) -> bool {
        let used = Timestamp::from_ms(self.used.at_ms.load(Ordering::Relaxed));
        self.expires_at.is_none_or(|end| now < end) && self.idle_s.is_none_or(|idle_s| now < used.plus_s(idle_s))
    }

    /// Notes the use; most uses write nothing, so that a busy token is not fought over by the processors.
    fn touch(&self, now: Timestamp) {
        if now.as_ms() - self.used.at_ms.load(Ordering::Relaxed) >= NOTE_USE_S * 1_000 {
            self.used.at_ms.store(now.as_ms(), Ordering::Relaxed);
        }
    }

    /// Takes a request from the budget of a device.
    ///
    /// # Errors
    /// `too_many_requests` with `retry_after_s`.
    pub fn spend_request(&self) -> Result<(), Problem> {
        self.used.requests.as_ref().map_or(Ok(()), Budget::spend)
    }

    /// Takes a large page from the budget.
    ///
    /// # Errors
    /// `too_many_requests` with `retry_after_s`.
    pub fn spend_large_page(&self) -> Result<(), Problem> {
        self.used.large_pages.spend()
    }

    /// When it was last used, to the minute.
    #[must_use]
    pub fn used_at(&self) -> Timestamp {
        Timestamp::from_ms(self.used.at_ms.load(Ordering::Relaxed))
    }
}

/// Everybody who may come in, at one revision.
struct People {
    revision: u64,
    by_hash: HashMap<Hash, Arc<Credential>>,
    /// By name, those that are not disabled.
    accounts: BTreeMap<String, Arc<Account>>,
    has_accounts: bool,
    /// Who acts when no credentials are sent.
    without_credentials: Option<Arc<Credential>>,
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

fn answered<T>(outcome: Result<Result<T, StoreError>, tokio::task::JoinError>) -> Result<T, Refusal> {
    match outcome {
        Ok(done) => Ok(done.map_err(store_problem)?),
        Err(_) => Err(internal().into()),
    }
}

impl Shared {
    fn read_anew(&self) -> Result<(), StoreError> {
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

impl People {
    /// What was read, made ready for look-ups. What did not change is taken over from `before`, so that whoever holds
    /// it sees by its address that it did not.
    fn of(everybody: Everybody, entry: Entry, limits: &Limits, before: Option<&Self>) -> Self {
        let Everybody { revision, accounts, sessions, tokens, grants } = everybody;
        let has_accounts = !accounts.is_empty();
        let enabled = accounts.into_iter().filter(|account| account.disabled_at.is_none());
        let accounts: BTreeMap<String, Arc<Account>> = enabled
            .map(|row| {
                let known = before.and_then(|people| people.accounts.get(&row.name));
                (row.name.clone(), kept(known, account_of(row, &grants, entry)))
            })
            .collect();
        let known = |hash: &Hash| before.and_then(|people| people.by_hash.get(hash));
        let mut by_hash = HashMap::with_capacity(sessions.len() + tokens.len());
        for session in sessions {
            let Some(account) = accounts.get(&session.account) else { continue };
            let used = known(&session.hash).map(|known| known.used.also_at(session.used_at));
            let used = used.unwrap_or_else(|| Use::last(session.used_at, CredentialKind::Session, limits));
            by_hash.insert(session.hash, Arc::new(of_session(&session, Arc::clone(account), used)));
        }
        for token in tokens {
            let known = known(&token.hash);
            let account = match &token.bearer {
                Bearer::Account(name) => accounts.get(name).cloned(),
                Bearer::Unit { .. } => Some(kept(known.map(|known| &known.account), unit_account(&token, &grants))),
            };
            let Some(account) = account else { continue };
            let kind = match token.kind {
                TokenKind::Program => CredentialKind::Program,
                TokenKind::Device => CredentialKind::Device,
            };
            let used_at = token.used_at.unwrap_or(Timestamp::from_ms(0));
            let used = known.map(|known| known.used.also_at(used_at));
            let used = used.unwrap_or_else(|| Use::last(used_at, kind, limits));
            by_hash.insert(token.hash, Arc::new(of_token(&token, kind, account, used)));
        }
        let without_credentials = (entry == Entry::Everybody && !has_accounts).then(|| {
            before.and_then(|people| people.without_credentials.clone()).unwrap_or_else(|| loopback_admin(limits))
        });
        Self { revision, by_hash, accounts, has_accounts, without_credentials }
    }
}

/// The known account if it is the same.
fn kept(known: Option<&Arc<Account>>, account: Account) -> Arc<Account> {
    known.filter(|known| ***known == account).map_or_else(|| Arc::new(account), Arc::clone)
}

fn account_of(row: system::Account, grants: &[Grant], entry: Entry) -> Account {
    let system::Account { name, label, role, force, area, unit_id, must_change, is_external, .. } = row;
    let given = grants.iter().filter(|grant| grant.is_for(&name, force)).cloned().collect();
    let label = label.unwrap_or_else(|| name.clone());
    let (label_vi, label_en) = match demo::labels(&name).filter(|_| entry == Entry::Demo) {
        Some((vi, en)) => (vi.to_owned(), en.to_owned()),
        None => (label.clone(), label),
    };
    let actor = Arc::new(Actor { name, role, force, unit_id, area, grants: given });
    Account { actor, label_vi, label_en, must_change, is_external }
}

/// A device that speaks for a unit which has no account.
fn unit_account(token: &Token, grants: &[Grant]) -> Account {
    let Bearer::Unit { id, name, force } = &token.bearer else {
        unreachable!("only a token of a unit has an account of its own")
    };
    // No account's name holds a colon.
    let actor_name = format!("unit:{name}");
    let given = grants.iter().filter(|grant| grant.is_for(&actor_name, *force)).cloned().collect();
    let actor = Actor { unit_id: Some(*id), grants: given, ..Actor::new(&actor_name, Role::FieldUnit, *force) };
    Account {
        actor: Arc::new(actor),
        label_vi: name.clone(),
        label_en: name.clone(),
        must_change: false,
        is_external: false,
    }
}

fn of_session(session: &Session, account: Arc<Account>, used: Arc<Use>) -> Credential {
    Credential {
        id: session.id,
        kind: CredentialKind::Session,
        account,
        hash: session.hash,
        expires_at: Some(session.expires_at),
        idle_s: Some(SESSION_IDLE_S),
        used,
    }
}

fn of_token(token: &Token, kind: CredentialKind, account: Arc<Account>, used: Arc<Use>) -> Credential {
    Credential { id: token.id, kind, account, hash: token.hash, expires_at: None, idle_s: None, used }
}

impl Use {
    /// The same, after a use that another node noted.
    fn also_at(self: &Arc<Self>, at: Timestamp) -> Arc<Self> {
        self.at_ms.fetch_max(at.as_ms(), Ordering::Relaxed);
        Arc::clone(self)
    }

    fn last(at: Timestamp, kind: CredentialKind, limits: &Limits) -> Arc<Self> {
        let at_ms = at.as_ms();
        Arc::new(Self {
            at_ms: AtomicI64::new(at_ms),
            noted_ms: AtomicI64::new(at_ms),
            requests: (kind == CredentialKind::Device).then(|| Budget::of(limits.device_requests_per_minute)),
            large_pages: Budget::of(limits.large_pages_per_minute),
        })
    }
}

fn loopback_admin(limits: &Limits) -> Arc<Credential> {
    let actor = Arc::new(Actor::new("admin", Role::System, None));
    let (label_vi, label_en) = ("Quản trị".to_owned(), "Administrator".to_owned());
    let account = Arc::new(Account { actor, label_vi, label_en, must_change: false, is_external: false });
    Arc::new(Credential {
        id: Uuid::nil(),
        kind: CredentialKind::Loopback,
        account,
        hash: Hash::default(),
        expires_at: None,
        idle_s: None,
        used: Use::last(Timestamp::from_ms(0), CredentialKind::Loopback, limits),
    })
}

/// Ids of the grants whose window is open.
fn in_force(grants: &[Grant], now: Timestamp) -> Vec<Uuid> {
    grants.iter().filter(|grant| grant.is_in_force(now)).map(|grant| grant.id).collect()
}

/// When the next window opens or closes.
fn next_boundary(grants: &[Grant], now: Timestamp) -> Option<Timestamp> {
    grants.iter().flat_map(|grant| [grant.valid_from, grant.valid_to]).filter(|at| *at > now).min()
}
