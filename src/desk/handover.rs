//! What a handover carries (giao ca 07:00): what is open, what is due, what ends soon, and what changed since the shift
//! began, as the View shows it to whoever asks. The same list is shown to both officers and kept in the shift.
//!
//! Its hash is of which records are open at which version: whoever accepts a shift accepts the list that they saw.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::InsideBoard;
use super::open_items::{HandoverItem, HandoverSection, sections};
use crate::domain::access::Deed;
use crate::domain::change::Seq;
use crate::domain::shift::{UNKNOWN_SINCE_S, allowed, hint_at};
use crate::domain::{Collection, Timestamp};
use crate::picture::{Shown, View};

/// Entries of one kind that are listed; all are counted.
const ENTRIES_A_KIND_MAX: usize = 50;
/// Zones of the figures of who is inside; the fullest.
const ZONES_MAX: usize = 20;
/// Longest text of an item that is kept in a shift, characters.
const KEPT_TEXT_CHARS: usize = 160;
/// Items of a section that are kept in a shift; all are counted.
const KEPT_ITEMS_MAX: usize = 60;

/// What whoever goes hands to whoever comes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Handover {
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    pub seq: Seq,
    /// The shift that stands in the duty room of whoever asks.
    #[schema(required)]
    pub shift: Option<ShiftTold>,
    /// The one before it.
    #[schema(required)]
    pub earlier: Option<ShiftTold>,
    /// What whoever asks may do now: `begin` where nobody is on duty, else verbs of the shift.
    pub allowed: Vec<&'static str>,
    /// Of what is open: to be sent back with `accept`.
    pub list_hash: String,
    /// What is open, by section.
    pub open: Vec<HandoverSection>,
    /// Since when `changed` counts: the beginning of the shift, or twelve hours where nobody is on duty.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Entries of the duty log since then, by kind, the most frequent first.
    pub changed: Vec<ChangedKind>,
    pub inside: HandoverInside,
}

/// A shift as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShiftTold {
    pub id: Uuid,
    pub version: u32,
    /// `on_duty`, `handing_over` or `handed_over`.
    pub state: String,
    /// Account of whoever is (or was) on duty.
    pub officer: String,
    pub officer_label: String,
    pub is_mine: bool,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    #[schema(required)]
    pub note: Option<String>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub offered_at: Option<Timestamp>,
    #[schema(required)]
    pub declined_label: Option<String>,
    #[schema(required)]
    pub decline_reason: Option<String>,
    #[schema(required)]
    pub handed_to: Option<String>,
    #[schema(required)]
    pub handed_label: Option<String>,
    /// `accepted` or `taken_over`.
    #[schema(required)]
    pub way: Option<String>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// From when on the handover is due: 06:45 or 18:45.
    #[schema(value_type = String, format = DateTime)]
    pub hint_at: Timestamp,
}

/// Entries of one kind.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChangedKind {
    pub kind: String,
    pub count: usize,
    /// The newest of them, newest first.
    pub entries: Vec<ChangedEntry>,
}

/// One entry of the duty log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChangedEntry {
    pub id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub text: String,
    #[schema(required)]
    pub author: Option<String>,
    #[schema(required)]
    pub incident_id: Option<Uuid>,
}

/// Who is still inside, in short; the board has the rest.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HandoverInside {
    pub people_inside: i64,
    pub households_inside: i64,
    /// People who are on no list.
    pub people_on_no_list: i64,
    /// `commune` where the reader may not see all households one by one.
    pub precision: &'static str,
    /// Zones with people inside, the fullest first.
    pub zones: Vec<HandoverInsideZone>,
}

/// One zone of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HandoverInsideZone {
    pub id: Uuid,
    pub name: String,
    pub people_inside: i64,
}

impl Handover {
    /// What the View lets its actor hand over, or be handed.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let (actor, now) = (view.actor(), view.now());
        let standing = standing(view);
        let shift = standing.as_ref().and_then(|shift| told(view, shift));
        let earlier_id = standing.as_ref().and_then(|shift| reference(shift, "earlier_id"));
        let earlier = earlier_id.and_then(|id| view.item(Collection::Shifts, id));
        let earlier = earlier.as_ref().and_then(|shift| told(view, shift));
        let allowed = match &shift {
            _ if !actor.may(Deed::HoldShift) => Vec::new(),
            None => vec!["begin"],
            Some(shift) => allowed(&shift.state, shift.is_mine),
        };
        let since = shift.as_ref().map_or_else(|| now.plus_s(-UNKNOWN_SINCE_S), |shift| shift.started_at);
        let mut open = sections(view, since);
        let list_hash = hash(&open);
        let changed = changed(view, since, &mut open);
        open.iter_mut().for_each(HandoverSection::shorten);
        Self {
            as_of: now,
            seq: view.seq(),
            shift,
            earlier,
            allowed,
            list_hash,
            open,
            since,
            changed,
            inside: inside(view),
        }
    }
}

/// What is open to be handed over, its hash, and the same as it is kept in a shift.
pub(super) fn frozen(view: &View, since: Timestamp) -> (Vec<HandoverSection>, String, Value) {
    let open = sections(view, since);
    let hash = hash(&open);
    let kept = |item: &HandoverItem| {
        let text: String = item.text.chars().take(KEPT_TEXT_CHARS).collect();
        json!({"collection": item.collection, "id": item.id, "version": item.version, "code": item.code, "text": text})
    };
    let section = |section: &HandoverSection| {
        let items: Vec<Value> = section.items.iter().take(KEPT_ITEMS_MAX).map(kept).collect();
        json!({"what": section.what, "total": section.items.len(), "items": items})
    };
    let list = open.iter().map(section).collect();
    (open, hash, list)
}

/// The shift that stands in the duty room of whoever looks. Others that they see are of other rooms.
pub(super) fn standing(view: &View) -> Option<Shown<'_>> {
    let post = view.actor().post().to_string();
    view.all(Collection::Shifts).find(|shift| shift.text("post").as_deref() == Some(&post))
}

fn told(view: &View, shift: &Shown<'_>) -> Option<ShiftTold> {
    // One read of the whole record, so that it is noted as read.
    let fields = shift.properties();
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let time = |name: &str| text(name).and_then(|text| Timestamp::parse(&text).ok());
    let (officer, started_at) = (text("officer")?, time("started_at")?);
    Some(ShiftTold {
        id: shift.id(),
        version: shift.version(),
        state: text("state").unwrap_or_default(),
        is_mine: officer == view.actor().name,
        officer_label: text("officer_label").unwrap_or_else(|| officer.clone()),
        officer,
        started_at,
        note: text("note"),
        offered_at: time("offered_at"),
        declined_label: text("declined_label"),
        decline_reason: text("decline_reason"),
        handed_to: text("handed_to"),
        handed_label: text("handed_label"),
        way: text("way"),
        ended_at: time("ended_at"),
        hint_at: hint_at(started_at),
    })
}

/// SHA-256 over which records are open in which section and at which version, hexadecimal, the first half.
fn hash(open: &[HandoverSection]) -> String {
    let mut lines: Vec<String> = open
        .iter()
        .flat_map(|section| section.items.iter().map(|item| format!("{} {} {}\n", section.what, item.id, item.version)))
        .collect();
    lines.sort_unstable();
    let digest = Sha256::digest(lines.concat().as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Entries recorded since then by kind; on the way each open incident gets the newest entry of its course.
fn changed(view: &View, since: Timestamp, open: &mut [HandoverSection]) -> Vec<ChangedKind> {
    let mut kinds: HashMap<String, Vec<ChangedEntry>> = HashMap::new();
    let mut newest: HashMap<Uuid, ChangedEntry> = HashMap::new();
    let is_open: HashMap<Uuid, ()> = incidents(open).map(|item| (item.id, ())).collect();
    for shown in view.all(Collection::DutyLog) {
        let incident = reference(&shown, "incident_id");
        let is_of_open = incident.is_some_and(|id| is_open.contains_key(&id));
        let text = |name: &str| shown.text(name).map(std::borrow::Cow::into_owned);
        let time = |name: &str| text(name).and_then(|at| Timestamp::parse(&at).ok());
        let at = time("occurred_at").unwrap_or_else(|| shown.recorded_at());
        // Told late is new too; an instruction that only passed to another officer is not, one that was done is.
        let is_told = shown.version() == 1 && shown.recorded_at() >= since;
        let is_new = is_told || at >= since || time("done_at").is_some_and(|done| done >= since);
        if !is_new && !is_of_open {
            continue;
        }
        if let Some(known) = incident.filter(|_| is_of_open && !is_new).and_then(|id| newest.get(&id))
            && known.at >= at
        {
            continue;
        }
        let entry = ChangedEntry {
            id: shown.id(),
            at,
            text: text("text").unwrap_or_default(),
            author: text("author"),
            incident_id: incident,
        };
        if let Some(id) = incident.filter(|_| is_of_open)
            && newest.get(&id).is_none_or(|known| known.at <= at)
        {
            newest.insert(id, entry.clone());
        }
        if is_new {
            kinds.entry(text("kind").unwrap_or_default()).or_default().push(entry);
        }
    }
    for section in open.iter_mut() {
        for item in section.items.iter_mut().filter(|item| item.collection == Collection::Incidents) {
            if let Some(entry) = newest.remove(&item.id) {
                item.last_text = Some(entry.text);
                item.last_at = Some(entry.at);
            }
        }
    }
    let mut changed: Vec<ChangedKind> = kinds
        .into_iter()
        .map(|(kind, mut entries)| {
            let count = entries.len();
            entries.sort_unstable_by_key(|entry| std::cmp::Reverse((entry.at, entry.id)));
            entries.truncate(ENTRIES_A_KIND_MAX);
            ChangedKind { kind, count, entries }
        })
        .collect();
    changed.sort_by(|a, b| (b.count, &a.kind).cmp(&(a.count, &b.kind)));
    changed
}

fn incidents(open: &[HandoverSection]) -> impl Iterator<Item = &HandoverItem> {
    open.iter().flat_map(|section| &section.items).filter(|item| item.collection == Collection::Incidents)
}

fn inside(view: &View) -> HandoverInside {
    let board = InsideBoard::of(view);
    let mut zones: Vec<HandoverInsideZone> = board
        .zones
        .iter()
        .map(|zone| HandoverInsideZone {
            id: zone.id,
            name: zone.name.clone(),
            people_inside: zone.figures.people.still_inside,
        })
        .filter(|zone| zone.people_inside > 0)
        .collect();
    zones.sort_by(|a, b| (b.people_inside, a.id).cmp(&(a.people_inside, b.id)));
    zones.truncate(ZONES_MAX);
    HandoverInside {
        people_inside: board.total.people.still_inside,
        households_inside: board.total.households.still_inside,
        people_on_no_list: board.total.on_no_list.people,
        precision: board.precision,
        zones,
    }
}

fn reference(shown: &Shown<'_>, name: &str) -> Option<Uuid> {
    shown.text(name).and_then(|id| Uuid::parse_str(&id).ok())
}
