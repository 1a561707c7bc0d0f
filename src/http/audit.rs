//! The audit at this door: what a request was shown becomes rows, and `/api/audit` shows the rows.

use std::sync::Arc;

use axum::http::{Method, Uri};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::Reader;
use super::answer::json;
use super::app::{Live, now};
use super::error::{Answer, Refusal, internal};
use super::params::{Params, invalid};
use crate::domain::access::{DataClass, Deed};
use crate::domain::{Actor, Code, Collection, Problem, Role, Timestamp};
use crate::picture::{Read, ReadObserver};
use crate::store::StoreError;
use crate::store::audit::{Audit, Event, Kind, ROWS_MAX, Row, RowsQuery, Slot};

/// Rows on a page if nothing else is asked.
const ROWS: usize = 100;

/// Hears what one request is shown.
pub struct RequestReads {
    audit: Audit,
    /// Held by whoever may be shown something personal, so that the row has its place before it is shown.
    slot: Option<Slot>,
    method: Method,
    uri: Uri,
}

impl RequestReads {
    /// For this request; `None` where the actor is shown nothing that is noted. `slot` is how a place is had:
    /// [`Audit::slot`], or [`Audit::slot_of_written`] for the answer to a write that was done.
    ///
    /// # Errors
    /// `too_busy` if the queue is full and the actor sees personal records one by one.
    pub fn of(
        reader: &Reader,
        at: Timestamp,
        slot: fn(&Audit) -> Result<Slot, StoreError>,
    ) -> Result<Option<Box<Self>>, Refusal> {
        let actor = reader.actor();
        let personal = actor.sees_personal(at);
        if !is_watched(actor) || !personal && !actor.sees_some(Collection::Units, at) {
            return Ok(None);
        }
        let audit = reader.live()?.audit.clone();
        let slot = if personal { Some(slot(&audit).map_err(refused)?) } else { None };
        Ok(Some(Box::new(Self { audit, slot, method: reader.method.clone(), uri: reader.uri.clone() })))
    }
}

/// Whether what this actor reads is noted. Without accounts, which is on loopback alone, whoever asks is whoever holds the
/// data folder: a row would name nobody, and they can read the files themselves.
fn is_watched(actor: &Actor) -> bool {
    actor.role != Role::System
}

impl ReadObserver for RequestReads {
    fn seen(mut self: Box<Self>, actor: &Arc<Actor>, at: Timestamp, reads: Vec<Read>) {
        for read in reads {
            if read.class != DataClass::Personal {
                self.audit.count(actor, at, read.collection, read.class, read.count);
                continue;
            }
            let event = Event::new(Kind::Read, actor, at, place(&self.method, &self.uri));
            let event = Event { ids: read.ids, ..event.about(read.collection, read.class, read.count) };
            match &mut self.slot {
                Some(slot) => slot.put(event),
                // The table of access says that this actor sees nothing personal.
                None => {
                    tracing::error!(audit.actor = actor.name, "personal records were shown without a slot for them");
                }
            }
        }
    }
}

/// Method and path. What stands in the query may be a name that was looked for.
fn place(method: &Method, uri: &Uri) -> String {
    let (method, path) = (method.as_str(), uri.path());
    let mut place = String::with_capacity(method.len() + 1 + path.len());
    place.extend([method, " ", path]);
    place
}

/// Notes an answer whose records were written before, perhaps for somebody else of the same sight: a tile. Restricted
/// ones count within their minute.
///
/// # Errors
/// `too_busy`: then it must not leave.
pub fn note_answer(reader: &Reader, collection: Collection, class: DataClass, records: u64) -> Result<(), Refusal> {
    let audit = &reader.live()?.audit;
    match class {
        _ if records == 0 || !is_watched(reader.actor()) => Ok(()),
        DataClass::Restricted => {
            audit.count(reader.actor(), now(), collection, class, records);
            Ok(())
        }
        DataClass::Personal => {
            let event = Event::new(Kind::Read, reader.actor(), now(), place(&reader.method, &reader.uri));
            Ok(audit.event(event.about(collection, class, records)).map_err(refused)?)
        }
        DataClass::Public | DataClass::Internal | DataClass::Sealed => Ok(()),
    }
}

/// Counts a photo that was shown, within its minute.
///
/// # Errors
/// As [`Reader::live`].
pub fn note_photo(reader: &Reader) -> Result<(), Refusal> {
    if is_watched(reader.actor()) {
        let audit = &reader.live()?.audit;
        audit.count(reader.actor(), now(), Collection::Attachments, DataClass::Internal, 1);
    }
    Ok(())
}

/// Notes personal records that an answer names beside the View: what a sheet seems to double.
///
/// # Errors
/// `too_busy`: then they must not leave.
pub fn note_named(reader: &Reader, collection: Collection, ids: Vec<Uuid>) -> Result<(), Refusal> {
    if ids.is_empty() || !is_watched(reader.actor()) {
        return Ok(());
    }
    let event = Event::new(Kind::Read, reader.actor(), now(), place(&reader.method, &reader.uri));
    let event = event.about(collection, DataClass::Personal, ids.len() as u64);
    Ok(reader.live()?.audit.event(Event { ids, ..event }).map_err(refused)?)
}

/// Notes that somebody listens from now on: one row for each collection of which they are shown records one by one.
///
/// # Errors
/// `too_busy`.
pub fn note_feed(
    live: &Live,
    actor: &Arc<Actor>,
    collections: impl Iterator<Item = (Collection, DataClass)>,
    bbox: Option<[f64; 4]>,
) -> Result<(), Problem> {
    let place = match bbox {
        None => "GET /api/feed".to_owned(),
        Some([west, south, east, north]) => format!("GET /api/feed bbox={west},{south},{east},{north}"),
    };
    let shown = collections.filter(|(collection, _)| is_watched(actor) && actor.sees_some(*collection, now()));
    for (collection, class) in shown {
        let event = Event::new(Kind::Read, actor, now(), place.as_str()).about(collection, class, 0);
        live.audit.event(event).map_err(refused)?;
    }
    Ok(())
}

/// Notes that a document is taken away; `what` is its format. Which records it shows is noted beside that by the View.
///
/// # Errors
/// `too_busy`: then it must not leave.
pub fn note_taken(reader: &Reader, what: &str) -> Result<(), Refusal> {
    if is_watched(reader.actor()) { note_deed(reader, Kind::Export, "", what) } else { Ok(()) }
}

/// Notes what somebody is about to do that shows no record: come in, choose a password, take a token. `place` is method
/// and path.
///
/// # Errors
/// `too_busy`: then it must not happen.
pub fn note(live: &Live, kind: Kind, actor: &Arc<Actor>, place: &str) -> Result<(), Problem> {
    live.audit.event(Event::new(kind, actor, now(), place)).map_err(refused)
}

/// The same of a request that changes what others may do: `whom` is the account or grant, `purpose` why.
///
/// # Errors
/// As [`note`].
pub fn note_deed(reader: &Reader, kind: Kind, whom: &str, purpose: &str) -> Result<(), Refusal> {
    let place = format!("{} {whom}", place(&reader.method, &reader.uri));
    let event = Event::new(kind, reader.actor(), now(), place.trim_end());
    Ok(reader.live()?.audit.event(Event { purpose: purpose.to_owned(), ..event }).map_err(refused)?)
}

/// Notes that a sealed tip was opened, before the answer leaves; what refuses here keeps it back. `agreed_by` is the
/// second person.
///
/// # Errors
/// As [`note`].
pub fn note_unsealed(reader: &Reader, tip: Uuid, reason: &str, agreed_by: &str) -> Result<(), Refusal> {
    let place = format!("{} ({agreed_by} agreed)", place(&reader.method, &reader.uri));
    let event = Event::new(Kind::Unseal, reader.actor(), now(), place);
    let event = Event { class: Some(DataClass::Sealed), count: 1, ids: vec![tip], purpose: reason.to_owned(), ..event };
    Ok(reader.live()?.audit.event(event).map_err(refused)?)
}

/// The same of what was done and could not be refused: go out, be denied.
pub fn note_done(live: &Live, kind: Kind, actor: &Arc<Actor>, place: &str) {
    match live.audit.slot_of_written() {
        Ok(mut slot) => slot.put(Event::new(kind, actor, now(), place)),
        Err(error) => tracing::error!(%error, audit.kind = kind.as_str(), "the audit cannot be used"),
    }
}

/// What the audit said, for the reader.
fn refused(error: StoreError) -> Problem {
    match error {
        StoreError::TooBusy => Problem::new(
            Code::TooBusy,
            "Nhật ký truy cập đang ghi không kịp nên tạm ngừng cho xem dữ liệu cá nhân; hãy thử lại sau giây lát.",
            "The audit cannot keep up, so nothing personal is shown for now; try again in a moment.",
        ),
        error => {
            tracing::error!(%error, "the audit cannot be used");
            internal()
        }
    }
}

/// Rows of the audit, newest first.
#[derive(Serialize, ToSchema)]
pub struct AuditPage {
    rows: Vec<AuditRow>,
    /// `before` of the next page; `null` on the last.
    #[schema(required)]
    next_before: Option<i64>,
}

/// Who was shown what, or did what.
#[derive(Serialize, ToSchema)]
struct AuditRow {
    seq: i64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The installation that wrote it.
    node: String,
    /// Name of the account.
    actor: String,
    role: String,
    /// `read`, `bulk_read`, `audit_read`, `export`, `sign_in`, `sign_out`, `denied`, `account`, `grant`,
    /// `break_glass`, `unseal`, `erasure`.
    kind: String,
    /// `restricted`, `personal` or `sealed`.
    #[schema(required)]
    class: Option<String>,
    #[schema(required)]
    collection: Option<String>,
    /// Records.
    count: i64,
    /// Which ones, or the first of them: of personal records alone.
    ids: Vec<Uuid>,
    /// Method and path, or command.
    place: String,
    /// Why, where somebody said so.
    purpose: String,
}

impl From<Row> for AuditRow {
    fn from(row: Row) -> Self {
        let Row { seq, at, node, actor, role, kind, class, collection, count, ids, place, purpose } = row;
        Self { seq, at, node, actor, role, kind, class, collection, count, ids, place, purpose }
    }
}

/// Who was shown what, who took it away, who came in; newest first. For commanders and administrators.
#[utoipa::path(
    get, path = "/api/audit", tag = "audit",
    params(
        ("from" = Option<String>, Query, description = "RFC 3339; rows from then on"),
        ("to" = Option<String>, Query, description = "RFC 3339; rows before then"),
        ("actor" = Option<String>, Query, description = "Name of an account"),
        ("collection" = Option<String>, Query, description = "Name of a collection"),
        ("record" = Option<uuid::Uuid>, Query, description = "Rows that name this record"),
        ("kind" = Option<String>, Query, description = "`bulk_read` for the alarms"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Most rows; 100 if not said"),
        ("before" = Option<u64>, Query, description = "Rows of a lower seq alone: the last page's `next_before`"),
    ),
    responses((status = 200, body = AuditPage), (status = 403, description = "forbidden"))
)]
pub async fn read_audit(reader: Reader) -> Answer {
    let query = query(&reader)?;
    if !reader.actor().may(Deed::ReadAudit) {
        return Err(Problem::new(
            Code::Forbidden,
            "Chỉ chỉ huy và quản trị được xem nhật ký truy cập.",
            "Only commanders and administrators may read the audit.",
        )
        .into());
    }
    let audit = reader.live()?.audit.clone();
    let (reading, limit) = (audit.clone(), query.limit);
    let rows = tokio::task::spawn_blocking(move || reading.rows(&query)).await.map_err(|_| internal())?;
    let rows = rows.map_err(refused)?;
    let event = Event::new(Kind::AuditRead, reader.actor(), now(), place(&reader.method, &reader.uri));
    audit.event(Event { count: rows.len() as u64, ..event }).map_err(refused)?;
    let next_before = rows.last().filter(|_| rows.len() == limit).map(|row| row.seq);
    json(&AuditPage { rows: rows.into_iter().map(AuditRow::from).collect(), next_before })
}

fn query(reader: &Reader) -> Result<RowsQuery, Problem> {
    let mut params = Params::parse(reader.uri.query())?;
    let kind = params.text("kind")?;
    let query = RowsQuery {
        from: params.time("from")?,
        to: params.time("to")?,
        actor: params.text("actor")?.map(std::borrow::Cow::into_owned),
        collection: params.collection("collection")?,
        record: params.uuid("record")?,
        kind: kind.map(|name| Kind::parse(&name).ok_or_else(|| no_kind(&name))).transpose()?,
        limit: params.count("limit", ROWS_MAX)?.unwrap_or(ROWS),
        before: params.integer("before", 1)?.map(|seq| i64::try_from(seq).unwrap_or(i64::MAX)),
    };
    params.finish()?;
    Ok(query)
}

fn no_kind(name: &str) -> Problem {
    let allowed = Kind::ALL.map(Kind::as_str).to_vec();
    invalid("kind", format_args!("không có loại {name:?}"), format_args!("{name:?} is no kind"))
        .with("allowed", allowed)
}
