//! Taking an import back, in one step: what it made is ended, what it changed gets its former values. Nothing is erased
//! from the journal; the undoing is one more change, with its own entry in the duty log.
//!
//! The journal says what an import did: its entry in the duty log, and behind it all records of the same call. So an
//! import can be undone after a restart, by another node and by whoever may import.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::Desk;
use super::bulk::{entry, take_file};
use super::scene::Working;
use super::write::{may, problem_of};
use crate::domain::access::Deed;
use crate::domain::change::Seq;
use crate::domain::schema::SetBy;
use crate::domain::{Actor, Change, Code, Collection, Event, Problem, Record, Timestamp};
use crate::geometry::ground::Ground;
use crate::picture::Picture;
use crate::store::{Expect, Put};

/// Records that an import to be undone may have touched: each is held in memory, and of each that was changed the
/// history is read.
const RECORDS_MAX: u64 = 200_000;
/// Events read from the journal at a time.
const EVENTS_AT_ONCE: usize = 2_000;
/// Records named in the refusal of an undo.
const NAMED_MAX: usize = 50;
/// How often an undo is decided: once, and once more when a record was changed meanwhile.
const DECISIONS: usize = 2;
/// How long the answer waits for the picture to hold so many records.
const SHOWN_WAIT: Duration = Duration::from_secs(60);
/// Under which name rules of the desk change records by themselves.
const BY_RULE: &str = "system";

/// What undoing an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undone {
    /// Records that the import had made: they are ended.
    pub removed: u64,
    /// Records that it had changed: they are as before.
    pub restored: u64,
    /// The change that shows it.
    pub seq: Seq,
}

/// What the duty log says of an import.
struct Imported {
    entry: Change,
    collection: Collection,
    file: String,
    records: u64,
}

/// What is to be written.
#[derive(Default)]
struct Taking {
    removed: u64,
    restored: u64,
    expects: Vec<Expect>,
    puts: Vec<Put>,
    /// Records that somebody has changed since, and who.
    changed_since: Vec<(Working, Change)>,
}

impl Desk {
    /// Undoes the import with this id, all of it or nothing.
    ///
    /// # Errors
    /// `not_found`, `already_undone`, `changed_since` with the records that somebody has changed after the import,
    /// `method_not_allowed` for collections whose records never end, `limit_exceeded`, `forbidden`, and the problems of
    /// the store.
    pub async fn undo_import(&self, actor: &Actor, id: Uuid) -> Result<Undone, Problem> {
        may(actor, Deed::EditGround)?;
        let imported = self.imported(id).await?;
        let made = self.made_by(&imported).await?;
        let mut round = 1;
        loop {
            match self.undo_once(actor, &imported, &made).await {
                Err(problem) if problem.code == Code::VersionConflict && round < DECISIONS => round += 1,
                done => return done,
            }
        }
    }

    async fn undo_once(&self, actor: &Actor, imported: &Imported, made: &[Change]) -> Result<Undone, Problem> {
        let picture = self.current(Instant::now()).await?;
        let id = imported.entry.record.id;
        if let Some(by) = undone_by(&picture, id) {
            return Err(already_undone(&by));
        }
        let now = self.now();
        let ground = self.ground.of(&picture);
        let mut taking = self.taking(&picture, &ground, made, now).await?;
        if !taking.changed_since.is_empty() {
            return Err(changed_since(actor, now, &taking.changed_since));
        }
        end_with_zones(&picture, &mut taking, now);
        let Taking { removed, restored, expects, puts, .. } = taking;
        let text = format!(
            "Hoàn tác nhập bảng {:?} vào {}: bỏ {removed} bản ghi, trả lại {restored} bản ghi",
            imported.file,
            imported.collection.title().0
        );
        let facts = json!({
            "collection": imported.collection.as_str(), "file": imported.file, "removed": removed, "restored": restored,
        });
        let mut log = entry(actor, now, "import_undone", &text, facts);
        log.properties.insert("corrects_id".to_owned(), id.to_string().into());
        let puts = std::iter::once(log).chain(puts).collect();
        let seq = take_file(self.store.as_ref(), actor, expects, puts).await?;
        self.written.fetch_max(seq, std::sync::atomic::Ordering::Relaxed);
        if self.picture.wait_for(seq, SHOWN_WAIT).await.is_none() {
            tracing::warn!(seq, "the picture lags behind an import that was undone");
        }
        Ok(Undone { removed, restored, seq })
    }

    /// The entry of the import in the duty log.
    async fn imported(&self, id: Uuid) -> Result<Imported, Problem> {
        let unknown =
            || Problem::new(Code::NotFound, format!("không có lần nhập {id}"), format!("there is no import {id}"));
        let history = self.store.history(Collection::DutyLog, id).await.map_err(problem_of)?;
        let entry = history.into_iter().next().ok_or_else(unknown)?;
        let said = entry.record.properties_map();
        let facts =
            said.get("facts").filter(|_| said.get("kind") == Some(&Value::from("imported"))).ok_or_else(unknown)?;
        let collection = facts["collection"].as_str().and_then(Collection::parse).ok_or_else(unknown)?;
        let count = |name: &str| facts[name].as_u64().unwrap_or_default();
        let records = count("created") + count("updated");
        if never_ends(collection) {
            return Err(Problem::new(
                Code::MethodNotAllowed,
                format!("{} không bao giờ bị xoá, nên lần nhập này không hoàn tác được", collection.title().0),
                format!("records of {collection} never end, so this import cannot be undone"),
            ));
        }
        if records > RECORDS_MAX {
            return Err(Problem::new(
                Code::LimitExceeded,
                format!("lần nhập có {records} bản ghi, chỉ hoàn tác được đến {RECORDS_MAX}"),
                format!("the import has {records} records; up to {RECORDS_MAX} can be taken back"),
            ));
        }
        let file = facts["file"].as_str().unwrap_or_default().to_owned();
        Ok(Imported { entry, collection, file, records })
    }

    /// All that the import wrote beside its entry: the changes behind it in the journal that are of the same call.
    async fn made_by(&self, imported: &Imported) -> Result<Vec<Change>, Problem> {
        let first = imported.entry.seq;
        let last = first + imported.records;
        let (mut made, mut after) = (Vec::new(), first);
        while after < last {
            let events = self.store.changes_between(after, last, EVENTS_AT_ONCE).await.map_err(problem_of)?;
            let Some(newest) = events.last().map(Event::seq) else { break };
            after = newest;
            made.extend(events.into_iter().filter_map(|event| match event {
                Event::Change(change) if change.request_id == imported.entry.request_id => Some(change),
                _ => None,
            }));
        }
        if made.len() as u64 == imported.records {
            return Ok(made);
        }
        tracing::error!(
            expected = imported.records,
            found = made.len(),
            "the journal holds less of an import than it says"
        );
        Err(Problem::new(
            Code::Internal,
            "nhật ký thay đổi không còn đủ các bản ghi của lần nhập này",
            "the journal does not hold all records of this import",
        ))
    }

    /// What is to be written so that all is as before.
    async fn taking(
        &self,
        picture: &Picture,
        ground: &Ground,
        made: &[Change],
        now: Timestamp,
    ) -> Result<Taking, Problem> {
        let mut taking = Taking::default();
        for change in made {
            let (collection, id) = (change.collection, change.record.id);
            let Some(feature) = picture.layer(collection).get(id) else { continue };
            let present = Working::of(collection, feature);
            let is_untouched = present.version == change.record.version || stands_as(&present, &change.record);
            let is_new = change.record.version == 1;
            let history = if is_untouched && is_new {
                Vec::new()
            } else {
                self.store.history(collection, id).await.map_err(problem_of)?
            };
            let mut later = history.iter().filter(|other| other.record.version > change.record.version);
            if let Some(other) = later.next_back().filter(|_| !is_untouched && !is_by_rule(&history, change, &present))
            {
                taking.changed_since.push((present, other.clone()));
                continue;
            }
            let mut record = present.clone();
            if is_new {
                end(&mut record, now);
                taking.removed += 1;
            } else {
                let before = history.iter().find(|other| other.record.version + 1 == change.record.version);
                let Some(before) = before else { continue };
                restore(&mut record, &before.record, is_untouched);
                taking.restored += 1;
            }
            ground.mark(collection, &mut record.properties, record.geometry.as_ref());
            taking.expects.push(Expect { collection, id, version: present.version });
            taking.puts.push(put(record, now));
        }
        Ok(taking)
    }
}

/// Whether the record is again what the import left: what came after was taken back as well.
fn stands_as(present: &Working, left: &Record) -> bool {
    present.properties == left.properties_map()
        && present.personal == left.personal_map()
        && present.geometry == left.geometry
}

/// Whether rules alone (a zone that was drawn over a household) have changed the record since, and in nothing that the
/// undoing would take away from under them.
fn is_by_rule(history: &[Change], change: &Change, present: &Working) -> bool {
    let mut later = history.iter().filter(|other| other.record.version > change.record.version);
    let told = present.properties.contains_key("parts") || present.properties.contains_key("ended_at");
    !told && later.all(|other| &*other.actor == BY_RULE)
}

fn end(record: &mut Working, now: Timestamp) {
    record.set_time("ended_at", now);
    if record.collection == Collection::RiskZones {
        record.set("state", "revoked");
        record.set("end_reason", "hoàn tác nhập bảng");
    }
}

/// Visits and alarms of zones end with them.
fn end_with_zones(picture: &Picture, taking: &mut Taking, now: Timestamp) {
    let is_ended_zone = |put: &&Put| put.collection == Collection::RiskZones && put.properties.contains_key("ended_at");
    let zones: Vec<String> = taking.puts.iter().filter(is_ended_zone).map(|put| put.id.to_string()).collect();
    if zones.is_empty() {
        return;
    }
    for collection in [Collection::ZoneVisits, Collection::Alarms] {
        for feature in picture.layer(collection).iter().filter(|feature| !feature.is_ended()) {
            if feature.text("zone_id").is_some_and(|zone| zones.iter().any(|ended| *ended == zone)) {
                let mut record = Working::of(collection, feature);
                record.set_time("ended_at", now);
                taking.expects.push(Expect { collection, id: record.id, version: record.version });
                taking.puts.push(put(record, now));
            }
        }
    }
}

/// Puts the former values back: all of them where nothing has happened since, else those that a file sets.
fn restore(record: &mut Working, before: &Record, is_untouched: bool) {
    record.geometry = before.geometry.clone().filter(|_| record.collection != Collection::Units);
    let (properties, personal) = (before.properties_map(), before.personal_map());
    if is_untouched {
        (record.properties, record.personal) = (properties, personal);
        return;
    }
    for field in record.collection.fields().iter().filter(|field| field.set_by == SetBy::Client) {
        let (side, former) =
            if field.personal { (&mut record.personal, &personal) } else { (&mut record.properties, &properties) };
        match former.get(field.name) {
            Some(value) => side.insert(field.name.to_owned(), value.clone()),
            None => side.remove(field.name),
        };
    }
}

fn put(record: Working, now: Timestamp) -> Put {
    Put {
        collection: record.collection,
        id: record.id,
        valid_at: Some(now),
        geometry: record.geometry,
        properties: record.properties,
        personal: record.personal,
    }
}

/// Collections whose records are part of what happened.
const fn never_ends(collection: Collection) -> bool {
    matches!(collection, Collection::Incidents | Collection::DutyLog | Collection::RoadClosures | Collection::Bulletins)
}

/// Who has undone the import, if somebody has.
fn undone_by(picture: &Picture, import: Uuid) -> Option<String> {
    let id = import.to_string();
    // An id tells when it was made, and an import is undone after it was made.
    let later = picture.layer(Collection::DutyLog).since(import);
    let mut entries = later.filter(|entry| entry.text("kind").as_deref() == Some("import_undone"));
    let entry = entries.find(|entry| entry.text("corrects_id").as_deref() == Some(&id))?;
    Some(entry.text("author").unwrap_or_default().into())
}

fn already_undone(by: &str) -> Problem {
    Problem::new(
        Code::AlreadyUndone,
        format!("lần nhập này đã được {by} hoàn tác"),
        format!("{by} has undone this import already"),
    )
    .with("by", by)
}

/// Names the records that the actor may see, and counts all.
fn changed_since(actor: &Actor, now: Timestamp, changed: &[(Working, Change)]) -> Problem {
    let seen: Vec<_> = changed
        .iter()
        .filter(|(record, _)| actor.sees_as_it_is(record.collection, &record.properties, now))
        .take(NAMED_MAX)
        .collect();
    let named = seen.iter().map(|(record, change)| {
        json!({
            "collection": record.collection.as_str(), "id": record.id, "label": record.label(),
            "by": &*change.actor, "at": change.record.recorded_at.to_string(),
        })
    });
    let count = changed.len();
    Problem::new(
        Code::ChangedSince,
        format!("{count} bản ghi đã được sửa sau lần nhập: hãy xem lại từng bản ghi; chưa hoàn tác gì"),
        format!("{count} records were changed after the import: look at each of them; nothing was undone"),
    )
    .with("count", count)
    .with("records", named.collect::<Vec<_>>())
}
