//! Everybody who may come in, as one immutable snapshot, made of the rows of `system.db`; and how a credential is used,
//! which outlives the snapshots.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use uuid::Uuid;

use super::Entry;
use crate::domain::access::Grant;
use crate::domain::{Actor, Problem, Role, Timestamp};
use crate::http::demo;
use crate::http::limits::{Budget, Limits};
use crate::store::system::{self, Bearer, Everybody, Hash, SESSION_IDLE_S, Session, Token, TokenKind};

/// How exact it is kept when a credential was used, and how often it is noted in `system.db`.
pub(super) const NOTE_USE_S: i64 = 60;

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
    pub(super) hash: Hash,
    expires_at: Option<Timestamp>,
    idle_s: Option<i64>,
    /// Shared by all snapshots that hold this credential.
    pub(super) used: Arc<Use>,
}

/// How a credential is used. When it last was is written by whoever comes in, and read by the task that notes it.
#[derive(Debug)]
pub(super) struct Use {
    pub at_ms: AtomicI64,
    pub noted_ms: AtomicI64,
    /// What is left to a device; people are not counted.
    requests: Option<Budget>,
    large_pages: Budget,
}

impl Credential {
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        let used = Timestamp::from_ms(self.used.at_ms.load(Ordering::Relaxed));
        self.expires_at.is_none_or(|end| now < end) && self.idle_s.is_none_or(|idle_s| now < used.plus_s(idle_s))
    }

    /// Notes the use; most uses write nothing, so that a busy token is not fought over by the processors.
    pub(super) fn touch(&self, now: Timestamp) {
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
pub(super) struct People {
    pub revision: u64,
    pub by_hash: HashMap<Hash, Arc<Credential>>,
    /// By name, those that are not disabled.
    pub accounts: BTreeMap<String, Arc<Account>>,
    pub has_accounts: bool,
    /// Who acts when no credentials are sent.
    pub without_credentials: Option<Arc<Credential>>,
}

impl People {
    /// What was read, made ready for look-ups. What did not change is taken over from `before`, so that whoever holds
    /// it sees by its address that it did not.
    pub fn of(everybody: Everybody, entry: Entry, limits: &Limits, before: Option<&Self>) -> Self {
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
