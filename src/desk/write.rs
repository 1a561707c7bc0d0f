//! The one road of a write: decide on a snapshot, append, wait until the picture holds it.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::scene::{Draft, Scene};
use super::{Ask, Desk, Written};
use crate::domain::access::Deed;
use crate::domain::{Actor, Code, Collection, Problem};
use crate::picture::{Picture, View};
use crate::store::{Append, Appended, Expect, StoreError};

/// How often a verb decides: once, and once more on fresh records.
const DECISIONS: usize = 2;
/// Longest that a writer waits for the picture to hold what is durable already.
pub(super) const PICTURE_WAIT: Duration = Duration::from_secs(10);
/// Longest that a writer who saw more than this node has waits for it to follow, and between two looks.
const BEHIND_WAIT: Duration = Duration::from_secs(2);
const BEHIND_PAUSE: Duration = Duration::from_millis(10);
/// Locks for [`Turns`]; two records seldom share one.
const TURNS: usize = 256;

/// Turns at a record, for writes that carry no `If-Match` and must all get in.
pub(super) struct Turns {
    locks: Vec<Mutex<()>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { locks: (0..TURNS).map(|_| Mutex::default()).collect() }
    }
}

impl Turns {
    /// Waits for the turn at this record. Held over the append, so that the next one decides on what it wrote; the
    /// store still settles the race with other nodes and with writers that carry `If-Match`.
    async fn at(&self, id: Uuid) -> tokio::sync::MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        self.locks[index].lock().await
    }
}

/// Refuses what the actor's role does not allow.
pub(super) fn may(actor: &Actor, deed: Deed) -> Result<(), Problem> {
    actor.check(deed)
}

impl Desk {
    /// Takes a write of record `id` that carries no `If-Match`: they get in one after the other.
    pub(super) async fn write_in_turn<F>(&self, ask: &Ask, id: Uuid, decide: F) -> Result<Written, Problem>
    where
        F: Fn(&Scene<'_>) -> Result<Draft, Problem> + Send + Sync,
    {
        let _turn = if ask.if_match.is_none() { Some(self.turns.at(id).await) } else { None };
        self.write(ask, decide).await
    }

    /// Decides, appends, waits for the picture; on a conflict decides once more on fresh records.
    pub(super) async fn write<F>(&self, ask: &Ask, decide: F) -> Result<Written, Problem>
    where
        F: Fn(&Scene<'_>) -> Result<Draft, Problem> + Send + Sync,
    {
        self.check_open()?;
        self.write_even_if_over(ask, decide).await
    }

    /// As [`Desk::write`], also in the room of an exercise that is over.
    pub(super) async fn write_even_if_over<F>(&self, ask: &Ask, decide: F) -> Result<Written, Problem>
    where
        F: Fn(&Scene<'_>) -> Result<Draft, Problem> + Send + Sync,
    {
        let decide = |picture: &Arc<Picture>| {
            let ground = self.ground.of(picture);
            decide(&Scene { picture, ground: &ground, ask, now: self.now(), timers: &self.timers })
        };
        let (asked_at, mut picture) = (Instant::now(), self.picture.load());
        let mut first = Some(decide(&picture));
        if let Some(Err(problem)) = &first
            && is_ahead(ask, problem)
        {
            picture = self.current(asked_at).await?;
            first = None;
        }
        for last in (0..DECISIONS).map(|round| round + 1 == DECISIONS) {
            let draft = match first.take().unwrap_or_else(|| decide(&picture)) {
                Ok(Draft { already: Some((collection, record)), .. }) => {
                    return Ok(Written { collection, record, changes: Vec::new(), replayed: false });
                }
                Ok(draft) => draft,
                // A repeated request may be refused on what its first run changed; the store knows it.
                Err(problem) => return self.replayed(ask).await?.ok_or(problem),
            };
            let call = Append {
                idempotency: ask.idempotency,
                actor: Arc::from(ask.actor.name.as_str()),
                exercise_id: self.exercise,
                expects: draft.expects,
                puts: draft.puts,
            };
            match self.store.append(call).await {
                Ok(appended) => return self.shown(ask, appended).await,
                Err(StoreError::Conflict { collection, id, present, .. }) => {
                    picture = self.fresh(collection, id, present).await?;
                    if last {
                        return Err(conflict(&picture, ask, self.now(), collection, id, present));
                    }
                }
                Err(error) => return Err(problem_of(error)),
            }
        }
        // The loop returns in its last round; this is the answer of a desk that was told to decide zero times.
        Err(Problem::new(Code::TooBusy, "máy chủ đang bận, hãy thử lại", "the server is busy, try again"))
    }

    /// The outcome of an earlier run of the same request. It asks the store with an expectation that never holds:
    /// a known key is answered first, an unknown one changes nothing.
    async fn replayed(&self, ask: &Ask) -> Result<Option<Written>, Problem> {
        if ask.idempotency.is_none() {
            return Ok(None);
        }
        let probe = Append {
            idempotency: ask.idempotency,
            actor: Arc::from(ask.actor.name.as_str()),
            exercise_id: self.exercise,
            expects: vec![Expect { collection: Collection::DutyLog, id: Uuid::nil(), version: u32::MAX }],
            puts: Vec::new(),
        };
        match self.store.append(probe).await {
            Ok(appended) if appended.replayed => self.shown(ask, appended).await.map(Some),
            // Unknown, as the expectation shows; or a key of a call that changed nothing.
            Ok(_) | Err(StoreError::Conflict { .. } | StoreError::Refused(_)) => Ok(None),
            // Whether it happened before cannot be known now: a refusal might deny what was done.
            Err(error) => Err(problem_of(error)),
        }
    }

    /// Waits until the picture holds the call: whoever gets the answer and reads, sees it. Whoever sent a key is told to
    /// ask again where that takes too long, since what follows would be decided on what was before.
    async fn shown(&self, ask: &Ask, appended: Appended) -> Result<Written, Problem> {
        self.written.fetch_max(appended.seq(), Ordering::Relaxed);
        if self.picture.wait_for(appended.seq(), PICTURE_WAIT).await.is_none() {
            tracing::warn!(seq = appended.seq(), "the picture lags behind a durable change");
            if ask.idempotency.is_some() {
                return Err(behind(&self.picture.load()));
            }
        }
        let Some(first) = appended.changes.first() else {
            return Err(Problem::new(Code::Internal, "kho không trả lại thay đổi", "the store gave back no change"));
        };
        let (collection, record) = (first.collection, Arc::clone(&first.record));
        Ok(Written { collection, record, changes: appended.changes, replayed: appended.replayed })
    }

    /// A snapshot that holds all that the store held when it was asked for.
    pub(super) async fn current(&self, asked_at: Instant) -> Result<Arc<Picture>, Problem> {
        let (durable, until) = (self.store.durable_seq(), asked_at + BEHIND_WAIT);
        loop {
            let picture = self.picture.load();
            if self.store.heard_at() >= asked_at && picture.seq >= *durable.borrow() {
                return Ok(picture);
            }
            if Instant::now() >= until {
                return Err(behind(&picture));
            }
            tokio::time::sleep(BEHIND_PAUSE).await;
        }
    }

    /// A snapshot that holds the version which the store named in a conflict.
    async fn fresh(&self, collection: Collection, id: Uuid, present: u32) -> Result<Arc<Picture>, Problem> {
        let deadline = tokio::time::Instant::now() + PICTURE_WAIT;
        let mut picture = self.picture.load();
        while picture.layer(collection).get(id).map_or(0, |feature| feature.version) < present {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            picture = self.picture.wait_for(picture.seq + 1, left).await.ok_or_else(|| {
                Problem::new(Code::TooBusy, "máy chủ đang bận, hãy thử lại", "the picture lags behind, try again")
            })?;
        }
        Ok(picture)
    }
}

fn behind(picture: &Picture) -> Problem {
    Problem::new(
        Code::Behind,
        format!("máy chủ này mới có đến thay đổi {}; hãy thử lại sau giây lát", picture.seq),
        format!("this server holds the changes up to {} alone; try again in a moment", picture.seq),
    )
}

/// Whether somebody saw a version that this node does not have yet.
fn is_ahead(ask: &Ask, problem: &Problem) -> bool {
    let present =
        problem.extra.iter().find(|(name, _)| *name == "present_version").and_then(|(_, value)| value.as_u64());
    problem.code == Code::VersionConflict && ask.if_match.map(u64::from) > present
}

/// The answer to a lost race: the record as the actor may see it now.
pub(super) fn conflict(
    picture: &Arc<Picture>,
    ask: &Ask,
    now: crate::domain::Timestamp,
    collection: Collection,
    id: Uuid,
    present: u32,
) -> Problem {
    let view = View::new(Arc::clone(picture), Arc::new(ask.actor.clone()), now);
    let problem = Problem::new(
        Code::VersionConflict,
        format!("bản ghi đã thay đổi: hiện ở phiên bản {present}"),
        format!("the record has changed: it is at version {present}"),
    )
    .with("present_version", present)
    .with("collection", collection.as_str());
    match view.item(collection, id) {
        None => problem,
        Some(shown) => {
            let mut json = Vec::new();
            shown.write_geojson(&[], &mut json);
            problem.with("present", serde_json::from_slice::<Value>(&json).unwrap_or(Value::Null))
        }
    }
}

/// What a user is told when the store does not take a call. The one place where store errors become problems.
#[must_use]
pub fn problem_of(error: StoreError) -> Problem {
    match error {
        StoreError::Refused(problem) => problem,
        StoreError::Conflict { present, .. } => Problem::new(
            Code::VersionConflict,
            format!("bản ghi đã thay đổi: hiện ở phiên bản {present}"),
            format!("the record has changed: it is at version {present}"),
        ),
        StoreError::IdempotencyMismatch => Problem::new(
            Code::IdempotencyMismatch,
            "Idempotency-Key này đã dùng cho một yêu cầu khác",
            "this Idempotency-Key was used for another request",
        ),
        StoreError::DiskFull => Problem::new(
            Code::DiskFull,
            "đĩa của máy chủ đã đầy: thay đổi chưa được lưu",
            "the server's disk is full: the change was not stored",
        ),
        StoreError::TooBusy => Problem::new(
            Code::TooBusy,
            "máy chủ đang bận: thay đổi chưa được lưu, hãy gửi lại",
            "the server is busy: the change was not stored, send it again",
        ),
        StoreError::Unconfirmed => Problem::new(
            Code::Unconfirmed,
            "mất liên lạc với cơ sở dữ liệu trước khi biết thay đổi đã được lưu hay chưa: hãy gửi lại với cùng \
             Idempotency-Key, thay đổi sẽ chỉ xảy ra một lần",
            "the database went away before it was known whether the change was stored: send it again with the same \
             Idempotency-Key, and it happens once",
        ),
        StoreError::Unavailable(why) | StoreError::Damaged(why) => {
            tracing::error!(%why, "the store does not take writes");
            Problem::new(
                Code::StoreUnavailable,
                "kho dữ liệu không ghi được: thay đổi chưa được lưu; việc đọc vẫn tiếp tục",
                "the store does not take writes: the change was not stored; reading goes on",
            )
        }
    }
}
