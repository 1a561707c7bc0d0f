//! Attachments: photos on incidents and on entries of the duty log. The bytes are durable before a record names them; what
//! nothing names goes after a day.

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::hand::Hand;
use super::incidents::needed;
use super::scene::{Draft, Scene, Working, force_word};
use super::write::{may, problem_of};
use super::{Ask, Desk, Written};
use crate::domain::access::Deed;
use crate::domain::attachment::{AGAIN_MAX, ATTACHMENTS_MAX, FileHash, ORPHAN_KEEP_S, TAKEN_MS_MIN, id_of, kept_name};
use crate::domain::photo::MediaType;
use crate::domain::{Actor, Code, Collection, Problem, Timestamp, duty_log};

/// On what a photo is to hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachTo {
    Incident(Uuid),
    /// An entry that a person wrote.
    LogEntry(Uuid),
}

impl AttachTo {
    /// Id of the record.
    #[must_use]
    pub fn id(self) -> Uuid {
        match self {
            Self::Incident(id) | Self::LogEntry(id) => id,
        }
    }
}

/// A photo as it is to be kept, without what it said.
#[derive(Clone, Debug)]
pub struct NewAttachment {
    pub to: AttachTo,
    /// As its sender named it.
    pub name: String,
    pub media_type: MediaType,
    /// Pixels.
    pub width: u32,
    pub height: u32,
    pub taken_at: Option<Timestamp>,
    pub content: Bytes,
}

impl Desk {
    /// Whether this actor may attach something there.
    ///
    /// # Errors
    /// `forbidden`, `unknown_reference` for what is not there or not shown to the actor, `invalid_value` for an entry of
    /// the log that a verb wrote.
    pub fn check_attach(&self, actor: &Actor, to: AttachTo) -> Result<(), Problem> {
        let (ask, picture) = (Ask::by(actor.clone()), self.picture.load());
        let ground = self.ground.of(&picture);
        let scene = Scene { picture: &picture, ground: &ground, ask: &ask, now: self.now(), timers: &self.timers };
        target(&scene, to).map(|_| ())
    }

    /// Attaches a photo. The same content on the same record is one attachment, however often it is sent.
    ///
    /// # Errors
    /// As [`Desk::check_attach`]; `limit_exceeded` above [`ATTACHMENTS_MAX`]; `disk_full`, `store_unavailable`.
    pub async fn attach(&self, ask: &Ask, new: &NewAttachment) -> Result<Written, Problem> {
        self.check_attach(&ask.actor, new.to)?;
        let hash = FileHash::of(&new.content);
        self.store.keep_file(hash, new.content.clone()).await.map_err(problem_of)?;
        self.write_in_turn(ask, new.to.id(), |scene| attach(scene, new, &hash)).await
    }

    /// Withdraws an attachment that was made in error (`If-Match` needed): its record stays, its content is shown no more.
    ///
    /// # Errors
    /// `forbidden` but for whoever sent it and whoever runs incidents; `forbidden_transition` if it was withdrawn before;
    /// `missing_field`, `precondition_required`, `version_conflict`, `not_found`.
    pub async fn withdraw_attachment(&self, ask: &Ask, id: Uuid, reason: &str) -> Result<Written, Problem> {
        may(&ask.actor, Deed::ReportIncident)?;
        needed("reason", reason)?;
        self.write(ask, |scene| withdraw(scene, id, reason.trim())).await
    }

    /// Forgets bytes that have hung on nothing for a day. How many.
    ///
    /// # Errors
    /// As the store's.
    pub async fn drop_orphan_files(&self) -> Result<usize, Problem> {
        self.store.drop_orphan_files(self.now().plus_s(-ORPHAN_KEEP_S)).await.map_err(problem_of)
    }
}

/// The record on which it hangs, and the incident behind it.
fn target(scene: &Scene<'_>, to: AttachTo) -> Result<(Working, Option<Uuid>), Problem> {
    may(&scene.ask.actor, Deed::ReportIncident)?;
    match to {
        AttachTo::Incident(id) => Ok((scene.referred(Collection::Incidents, id, "incident_id")?, Some(id))),
        AttachTo::LogEntry(id) => {
            may(&scene.ask.actor, Deed::WriteLog)?;
            let entry = scene.referred(Collection::DutyLog, id, "log_entry_id")?;
            if !entry.text("kind").is_some_and(|kind| duty_log::HAND_KINDS.contains(&kind)) {
                return Err(Problem::new(
                    Code::InvalidValue,
                    "mục nhật ký này do hệ thống ghi: hãy đính kèm vào vụ việc",
                    "this entry of the log was written by a verb: attach to the incident",
                )
                .at("log_entry_id"));
            }
            let incident = entry.reference("incident_id");
            Ok((entry, incident))
        }
    }
}

fn attach(scene: &Scene<'_>, new: &NewAttachment, hash: &FileHash) -> Result<Draft, Problem> {
    let at = scene.at()?;
    let (on, incident) = target(scene, new.to)?;
    for again in 0..AGAIN_MAX {
        let id = id_of(on.id, hash, again);
        match scene.feature(Collection::Attachments, id) {
            None => {
                check_count(scene, &on, incident)?;
                let mut draft = Draft::default();
                draft.put(record(scene, new, hash, id, incident), at);
                return Ok(draft);
            }
            Some(known) if known.text("withdrawn_at").is_none() => {
                return scene.already(Collection::Attachments, id);
            }
            Some(_) => {}
        }
    }
    Err(Problem::new(
        Code::LimitExceeded,
        format!("ảnh này đã bị rút {AGAIN_MAX} lần"),
        format!("this photo was withdrawn {AGAIN_MAX} times"),
    ))
}

fn check_count(scene: &Scene<'_>, on: &Working, incident: Option<Uuid>) -> Result<(), Problem> {
    let (field, id) = incident.map_or(("log_entry_id", on.id), |id| ("incident_id", id));
    let id = id.to_string();
    let there = scene.picture.layer(Collection::Attachments).iter();
    let count = there
        .filter(|other| other.text("withdrawn_at").is_none() && other.text(field).as_deref() == Some(&*id))
        .count();
    if count < ATTACHMENTS_MAX {
        return Ok(());
    }
    Err(Problem::new(
        Code::LimitExceeded,
        format!("đã có {count} tệp đính kèm, tối đa {ATTACHMENTS_MAX}"),
        format!("there are {count} attachments already, at most {ATTACHMENTS_MAX}"),
    ))
}

fn record(scene: &Scene<'_>, new: &NewAttachment, hash: &FileHash, id: Uuid, incident: Option<Uuid>) -> Working {
    let actor = &scene.ask.actor;
    let mut record = Working::new(Collection::Attachments, id);
    record.set("incident_id", incident.map_or(Value::Null, |id| id.to_string().into()));
    if let AttachTo::LogEntry(entry) = new.to {
        record.set("log_entry_id", entry.to_string());
    }
    record.set("name", kept_name(&new.name, new.media_type.ending()));
    record.set("media_type", new.media_type.as_str());
    record.set("size_bytes", new.content.len());
    record.set("sha256", hash.to_string());
    record.set("width", new.width);
    record.set("height", new.height);
    // A camera whose clock was not set says nothing of use.
    let is_believed = |at: &Timestamp| at.as_ms() >= TAKEN_MS_MIN && at.seconds_since(scene.now) < 86_400;
    if let Some(at) = new.taken_at.filter(is_believed) {
        record.set_time("taken_at", at);
    }
    record.set("added_by", actor.name.as_str());
    record.set("added_by_force", actor.force.map_or(Value::Null, |force| force_word(force).into()));
    record
}

fn withdraw(scene: &Scene<'_>, id: Uuid, reason: &str) -> Result<Draft, Problem> {
    let mut record = scene.take_matching(Collection::Attachments, id)?;
    let actor = &scene.ask.actor;
    let is_own = record.text("added_by") == Some(&*actor.name);
    if !is_own {
        may(actor, Deed::RunIncident)?;
    }
    if record.text("withdrawn_at").is_some() {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            "tệp đính kèm này đã được rút",
            "this attachment was withdrawn already",
        )
        .with("state", "withdrawn")
        .with("allowed", json!([])));
    }
    let at = scene.at()?;
    let (name, incident) = (record.text("name").unwrap_or_default().to_owned(), record.reference("incident_id"));
    record.set_time("withdrawn_at", at);
    record.set("withdrawn_by", actor.name.as_str());
    record.set("withdrawn_reason", reason);
    let mut hand = Hand::new(scene, at, record);
    // What is taken away from an incident stands in its course.
    if let Some(incident) = incident {
        hand.read(Collection::Incidents, incident)?;
        let text = format!("Rút tệp đính kèm {name}: {reason}");
        hand.log("attachment_withdrawn", incident, None, text, json!({"attachment_id": id}));
    }
    Ok(hand.finish())
}
