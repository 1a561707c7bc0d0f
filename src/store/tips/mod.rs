//! `DATA/tips.db`: tips, in a file of their own. Planners copy the GeoPackage and administrators look after
//! `system.db`; this file is nobody's but the handler's, is kept and erased by rules of its own, and can be left out of
//! whatever is copied.
//!
//! Who gave a tip and what was said lies in sealed boxes (`sealing.rs`): to take a tip in, the public key suffices; to
//! read one, a holder's passphrase is needed, which the server forgets with the answer. What stands in clear is coarse,
//! so that the file does not tell by its times and places whom it does not name. Calls block for as long as the disk
//! takes, those with a passphrase for as long as its hashing.

mod follow_up;
mod keys;
mod messages;
mod repeat;
mod retain;
mod sealing;
mod unsealings;

use std::path::Path;
use std::sync::{Arc, MutexGuard};

use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use follow_up::{FollowUp, KeptFollowUp, digits_of};
pub use keys::{Holder, PublicKey};
pub use messages::{Author, MESSAGES_MAX, Message};
pub use repeat::Repeat;
pub use retain::RetainedTips;
pub use unsealings::{CONFIRMED_S, PENDING_S, Unsealing};

use super::StoreError;
use super::replica::{Replica, Shape, SharedLog};
use super::system::{first, rows};
use crate::domain::tip::{self, Coarse, Half};
use crate::domain::{Code, Problem, Timestamp};

const FILE: &str = "tips.db";
/// What becomes of it where several nodes share it.
pub(in crate::store) const SHAPE: Shape = Shape {
    file: FILE,
    migrate: |conn| embedded::migrations::runner().set_grouped(true).run(conn).map(drop),
    own: &["replica", "refinery_schema_history"],
    // Tips are sealed to a key: without one there is none.
    is_pristine: "SELECT NOT EXISTS (SELECT 1 FROM keys)",
    // The order of entries tells in which order tips came; few are kept.
    entries_max: 20,
};
/// Tips of the public page that nobody has looked at yet; past it the page says to call, so that a flood does not fill
/// the disk.
const UNREAD_WEB_MAX: i64 = 500;
/// Tips that a list goes back to.
const LISTED_MAX: i64 = 2_000;

mod embedded {
    refinery::embed_migrations!("migrations/tips");
}

/// The tips of one data folder.
pub struct TipStore {
    replica: Replica,
}

/// What stands in clear of a tip that comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTip {
    pub channel: String,
    pub received: Coarse,
    pub kind: Option<String>,
    pub commune_code: Option<String>,
    pub occurred: Option<Coarse>,
    pub scrubbed: Option<String>,
}

/// What is sealed of a tip: who gave it, how to reach them, what they said, and all that is exact.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    pub received_at: Timestamp,
    pub text: String,
    pub name: Option<String>,
    pub phone: Option<String>,
    /// Where, when and by whom they can be reached without harm.
    pub reach: Option<String>,
    /// The account that took it in; none for the public page.
    pub taken_by: Option<String>,
}

/// A tip as its handler's list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    pub id: Uuid,
    pub version: u32,
    pub state: String,
    pub channel: String,
    pub received: Coarse,
    pub kind: Option<String>,
    pub commune_code: Option<String>,
    pub occurred: Option<Coarse>,
    pub reliability: Option<String>,
    pub credibility: Option<i64>,
    pub scrubbed: Option<String>,
    /// How many messages went to and fro, and whose is the last.
    pub messages: u32,
    pub last_author: Option<Author>,
}

/// Tips of one channel, kind and state that came in some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    pub channel: String,
    pub kind: Option<String>,
    pub state: String,
    pub count: u64,
}

impl TipStore {
    /// Opens the file of a data folder, mode 0600; makes file and folder if they are not there.
    ///
    /// # Errors
    /// What the system said; `Unavailable` for a folder that shares its tips with other nodes.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { replica: Replica::alone(dir, SHAPE)? })
    }

    /// Opens it as one of the nodes that share their tips by this log.
    ///
    /// # Errors
    /// What the system or the log said; `Unavailable` for a folder with tips of its own where others have some.
    pub fn open_shared(dir: &Path, log: Arc<dyn SharedLog>) -> Result<Self, StoreError> {
        Ok(Self { replica: Replica::of_log(dir, SHAPE, log)? })
    }

    /// Takes a tip in. What it is answered: `follow_up`, whose kept half is `kept`; or, where a call under the same key
    /// came first, what that one was answered.
    ///
    /// # Errors
    /// `tips_not_set_up`; `too_busy` when too many of the public page wait to be looked at; `IdempotencyMismatch`.
    pub fn add(
        &self,
        new: &NewTip,
        sealed: &Sealed,
        (follow_up, kept): (FollowUp, KeptFollowUp),
        repeat: Option<&Repeat>,
    ) -> Result<FollowUp, StoreError> {
        self.change(|transaction| {
            if let Some(repeat) = repeat
                && let Some(answered) = repeat.answered(transaction)?
            {
                return Ok(answered);
            }
            let id = insert(transaction, new, sealed, &kept)?;
            if let Some(repeat) = repeat {
                repeat.remember(transaction, &id, &follow_up, sealed.received_at)?;
            }
            Ok(follow_up.clone())
        })
    }

    /// The newest tips, newest first.
    ///
    /// # Errors
    /// What the system said.
    pub fn tips(&self) -> Result<Vec<Tip>, StoreError> {
        let order = "ORDER BY received_on DESC, received_half DESC, id LIMIT ?1";
        rows(&self.conn(), &format!("{SELECT} {order}"), [LISTED_MAX], read)
    }

    /// One tip, which must stand at `version`.
    ///
    /// # Errors
    /// `not_found`, `version_conflict`.
    pub fn tip_at(&self, id: Uuid, version: u32) -> Result<Tip, StoreError> {
        at_version(&self.conn(), id, version)
    }

    /// Changes what stands in clear of a tip that stands at `version`: `change` gets it and may refuse.
    ///
    /// # Errors
    /// `not_found`, `version_conflict`, `forbidden_transition`, and what `change` refuses.
    pub fn change_tip(
        &self,
        id: Uuid,
        version: u32,
        now: Timestamp,
        change: impl Fn(&mut Tip) -> Result<(), Problem>,
    ) -> Result<Tip, StoreError> {
        self.change(|transaction| {
            let before = at_version(transaction, id, version)?;
            let mut after = before.clone();
            change(&mut after).map_err(StoreError::Refused)?;
            if after.state != before.state {
                check_transition(&before, &after.state)?;
            }
            write(transaction, &after, Coarse::of(now))?;
            known(transaction, id)?.ok_or_else(|| not_found(id))
        })
    }

    /// Notes that an incident was made of a tip, and takes out of it what stands in that incident too (the words, the
    /// place and the day) and when it was opened last, by which the two could be matched.
    ///
    /// # Errors
    /// `not_found`, `version_conflict`, `forbidden_transition`.
    pub fn note_promoted(&self, id: Uuid, version: u32, now: Timestamp) -> Result<(), StoreError> {
        self.change(|transaction| {
            let mut tip = at_version(transaction, id, version)?;
            check_transition(&tip, "promoted")?;
            tip.state = "promoted".to_owned();
            (tip.scrubbed, tip.commune_code, tip.occurred) = (None, None, None);
            write(transaction, &tip, Coarse::of(now))?;
            transaction.execute("DELETE FROM unsealings WHERE tip = ?1", [id.to_string()])?;
            Ok(())
        })?;
        self.erase_from_log();
        Ok(())
    }

    /// Opens what is sealed of a tip, with the messages; the passphrase is that of `account`, a holder of its key.
    ///
    /// # Errors
    /// `not_found` also when it was erased; `wrong_passphrase` also for whoever holds no key to it.
    pub fn unseal(&self, id: Uuid, account: &str, passphrase: &str) -> Result<(Sealed, Vec<Message>), StoreError> {
        // Nothing is opened on what another node may have erased or taken back.
        self.replica.catch_up()?;
        let (key_id, sealed) = self.sealed(id)?.ok_or_else(|| not_found(id))?;
        let holder = keys::holder(&self.conn(), key_id, account)?;
        // The connection is not held while the passphrase is hashed.
        let key = keys::unwrap(holder, passphrase)?;
        let opened = sealing::open(&key, &sealed).ok_or_else(|| damaged("box"))?;
        let messages = messages::all(&self.conn(), id)?;
        let of_key = messages.into_iter().filter(|row| row.key_id == key_id);
        let messages = of_key.map(|row| row.open(&key, &row.for_holders)).collect::<Result<_, _>>()?;
        Ok((opened, messages))
    }

    /// How many tips came from one day to another, both included, by channel, kind and state.
    ///
    /// # Errors
    /// What the system said.
    pub fn counts(&self, from: jiff::civil::Date, to: jiff::civil::Date) -> Result<Vec<Count>, StoreError> {
        let sql = "SELECT channel, kind, state, count(*) AS count FROM tips
                   WHERE received_on BETWEEN ?1 AND ?2 GROUP BY channel, kind, state ORDER BY channel, kind, state";
        rows(&self.conn(), sql, (from.to_string(), to.to_string()), |row| {
            Ok(Count {
                channel: row.get("channel")?,
                kind: row.get("kind")?,
                state: row.get("state")?,
                count: row.get::<_, i64>("count")?.unsigned_abs(),
            })
        })
    }

    fn sealed(&self, id: Uuid) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let sql = "SELECT key_id, box FROM sealed WHERE tip = ?1";
        Ok(self.conn().query_row(sql, [id.to_string()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// What was erased here shall not stand in the log of the nodes either. If it cannot be done now, it is when the log
    /// is next made short.
    pub(super) fn erase_from_log(&self) {
        if let Err(error) = self.replica.compact() {
            tracing::warn!(%error, "what was erased of tips stands in the shared log for a while");
        }
    }

    fn change<T>(&self, work: impl Fn(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.replica.change(work)
    }

    fn conn(&self) -> MutexGuard<'_, Connection> {
        self.replica.read()
    }
}

/// A tip that comes in, in all its tables; its id.
fn insert(
    transaction: &Transaction<'_>,
    new: &NewTip,
    sealed: &Sealed,
    follow_up: &KeptFollowUp,
) -> Result<String, StoreError> {
    let key = keys::newest(transaction)?.ok_or_else(not_set_up)?;
    if new.channel == tip::WEB {
        let unread = "SELECT count(*) FROM tips WHERE state = 'received' AND channel = 'web'";
        let unread: i64 = transaction.query_row(unread, [], |row| row.get(0))?;
        if unread >= UNREAD_WEB_MAX {
            return Err(too_many_unread());
        }
    }
    let id = Uuid::new_v4().to_string();
    transaction.execute(
        "INSERT INTO tips (id, version, state, channel, received_on, received_half, kind, commune_code,
                           occurred_on, occurred_half, scrubbed)
         VALUES (?1, 1, 'received', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        (
            &id,
            &new.channel,
            new.received.on.to_string(),
            new.received.half.map(Half::as_str),
            &new.kind,
            &new.commune_code,
            new.occurred.map(|at| at.on.to_string()),
            new.occurred.and_then(|at| at.half).map(Half::as_str),
            &new.scrubbed,
        ),
    )?;
    let sealed = sealing::seal(&key.public, sealed)?;
    transaction.execute("INSERT INTO sealed VALUES (?1, ?2, ?3)", (&id, key.id, sealed))?;
    let KeptFollowUp { code, salt, public } = follow_up;
    transaction.execute("INSERT INTO follow_ups VALUES (?1, ?2, ?3, ?4)", (&id, code, salt, public))?;
    Ok(id)
}

const SELECT: &str = "SELECT tips.*, last.number AS messages, last.author AS last_author FROM tips
    LEFT JOIN messages AS last
      ON last.tip = tips.id AND last.number = (SELECT max(number) FROM messages WHERE tip = tips.id)";

fn known(conn: &Connection, id: Uuid) -> Result<Option<Tip>, StoreError> {
    first(conn, &format!("{SELECT} WHERE tips.id = ?1"), [id.to_string()], read)
}

fn at_version(conn: &Connection, id: Uuid, version: u32) -> Result<Tip, StoreError> {
    let tip = known(conn, id)?.ok_or_else(|| not_found(id))?;
    if tip.version == version {
        return Ok(tip);
    }
    Err(StoreError::Refused(Problem::new(
        Code::VersionConflict,
        "Người khác vừa sửa tin báo này; hãy xem lại.",
        "Somebody else has changed this tip; look at it again.",
    )))
}

fn check_transition(before: &Tip, to: &str) -> Result<(), StoreError> {
    let allowed = tip::next_states(&before.state);
    if allowed.contains(&to) {
        return Ok(());
    }
    let from = &before.state;
    let problem = Problem::new(
        Code::ForbiddenTransition,
        format!("Tin báo đang ở {from}, không chuyển sang {to} được."),
        format!("The tip is {from} and cannot become {to}."),
    );
    Err(StoreError::Refused(problem.with("allowed", allowed.to_vec())))
}

fn write(transaction: &Transaction<'_>, tip: &Tip, today: Coarse) -> Result<(), StoreError> {
    transaction.execute(
        "UPDATE tips SET version = version + 1, state = ?2, kind = ?3, commune_code = ?4, occurred_on = ?5,
                         occurred_half = ?6, reliability = ?7, credibility = ?8, scrubbed = ?9,
                         ended_month = CASE WHEN NOT ?10 THEN NULL ELSE coalesce(ended_month, ?11) END
         WHERE id = ?1",
        (
            tip.id.to_string(),
            &tip.state,
            &tip.kind,
            &tip.commune_code,
            tip.occurred.map(|at| at.on.to_string()),
            tip.occurred.and_then(|at| at.half).map(Half::as_str),
            &tip.reliability,
            tip.credibility,
            &tip.scrubbed,
            tip::is_ended(&tip.state),
            today.month(),
        ),
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Tip, StoreError> {
    let id: String = row.get("id")?;
    let author: Option<String> = row.get("last_author")?;
    Ok(Tip {
        id: Uuid::try_parse(&id).map_err(|_| damaged("id"))?,
        version: row.get("version")?,
        state: row.get("state")?,
        channel: row.get("channel")?,
        received: coarse(row, "received")?.ok_or_else(|| damaged("received_on"))?,
        kind: row.get("kind")?,
        commune_code: row.get("commune_code")?,
        occurred: coarse(row, "occurred")?,
        reliability: row.get("reliability")?,
        credibility: row.get("credibility")?,
        scrubbed: row.get("scrubbed")?,
        messages: row.get::<_, Option<u32>>("messages")?.unwrap_or(0),
        last_author: author.map(|name| Author::parse(&name).ok_or_else(|| damaged("author"))).transpose()?,
    })
}

/// The day in `<name>_on` and `<name>_half`.
fn coarse(row: &Row<'_>, name: &str) -> Result<Option<Coarse>, StoreError> {
    let on: Option<String> = row.get(format!("{name}_on").as_str())?;
    let half: Option<String> = row.get(format!("{name}_half").as_str())?;
    let half = half.and_then(|half| Half::parse(&half));
    on.map(|on| Coarse::parse(&on, half).ok_or_else(|| damaged(name))).transpose()
}

fn damaged(column: &str) -> StoreError {
    StoreError::Damaged(format!("{FILE}: {column} cannot be read"))
}

fn not_found(id: Uuid) -> StoreError {
    let (vi, en) = (format!("Không có tin báo {id}."), format!("There is no tip {id}."));
    StoreError::Refused(Problem::new(Code::NotFound, vi, en))
}

fn not_set_up() -> StoreError {
    StoreError::Refused(Problem::new(
        Code::TipsNotSetUp,
        "Chưa có khoá cho tin báo. Người giữ thư mục dữ liệu tạo khoá bằng lệnh: trucban tips key. Chưa ghi gì.",
        "There is no key for tips yet. Whoever holds the data folder makes it: trucban tips key. Nothing was kept.",
    ))
}

fn too_many_unread() -> StoreError {
    StoreError::Refused(Problem::new(
        Code::TooBusy,
        "Đang có quá nhiều tin báo chờ xem; hãy gọi điện cho trực ban.",
        "Too many tips wait to be looked at; please call the duty room.",
    ))
}

fn wrong_passphrase(vi: &str, en: &str) -> StoreError {
    StoreError::Refused(Problem::new(Code::WrongPassphrase, vi, en).at("/passphrase"))
}
