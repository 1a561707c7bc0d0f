//! Who has not been heard (mất liên lạc): commune by commune and hamlet by hamlet, and the calls by which that is found out.
//! The silent valley is the worst one, so a place of which nothing is known stands before all others.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::incidents::limit;
use super::scene::{Draft, Entry, Scene};
use super::write::may;
use super::{Ask, Desk, Written};
use crate::domain::access::Deed;
use crate::domain::change::Seq;
use crate::domain::contact::{SILENT_S, TRIES_MAX};
use crate::domain::{Collection, Problem, Timestamp};
use crate::picture::{Shown, View, WithinQuery};

/// Longest note of a call, characters.
const NOTE_CHARS_MAX: usize = 1_000;

/// What came of a call.
#[derive(Clone, Debug)]
pub struct CallTold {
    /// Somebody answered.
    pub reached: bool,
    pub note: Option<String>,
}

/// Who has been heard, and when.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Silence {
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    pub seq: Seq,
    /// A place is silent after so many seconds.
    pub silent_after_s: i64,
    /// Communes that are silent.
    pub silent: usize,
    /// All communes: those in danger first, the longest silence before the others.
    pub communes: Vec<SilentCommune>,
}

/// A commune.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SilentCommune {
    pub code: String,
    pub name: String,
    /// The highest level of a zone in force that touches it; 0 for a zone without one.
    #[schema(required)]
    pub level: Option<i64>,
    /// The last sign of somebody there; absent if nothing is known.
    #[schema(required)]
    pub heard: Option<Sign>,
    pub is_silent: bool,
    /// Rain gauges there that have told nothing for as long.
    pub silent_gauges: usize,
    pub gauges: usize,
    /// Whom to call, the longest silence first.
    pub contacts: Vec<SilentHamlet>,
}

/// Whom to call there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SilentHamlet {
    pub contact_id: Uuid,
    pub name: String,
    /// The hamlet they answer for; the commune itself if absent.
    #[schema(required)]
    pub hamlet: Option<String>,
    #[schema(required)]
    pub phone: Option<String>,
    #[schema(required)]
    pub radio: Option<String>,
    #[schema(required)]
    pub heard: Option<Sign>,
    pub is_silent: bool,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub tried_at: Option<Timestamp>,
    /// Calls in vain since.
    pub tries: i64,
}

/// A sign of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sign {
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `call`, `incident`, `household` or `unit`: a call that was answered, a report from there, what was told of its
    /// people, a position of a unit there.
    #[schema(value_type = String)]
    pub by_way_of: &'static str,
    /// Who heard it, or what was heard.
    #[schema(required)]
    pub what: Option<String>,
}

impl Desk {
    /// Writes down that somebody of the list was called, and whether they answered. A call that is told late changes nothing
    /// that is newer.
    ///
    /// # Errors
    /// `not_found`, `limit_exceeded`, `future_time`, `forbidden`.
    pub async fn tell_call(&self, ask: &Ask, contact: Uuid, told: &CallTold) -> Result<Written, Problem> {
        may(&ask.actor, Deed::WriteLog)?;
        limit("note", told.note.as_deref().unwrap_or_default(), NOTE_CHARS_MAX)?;
        self.write_in_turn(ask, contact, |scene| decide(scene, contact, told)).await
    }
}

fn decide(scene: &Scene<'_>, id: Uuid, told: &CallTold) -> Result<Draft, Problem> {
    let mut record = scene.take_open(Collection::Contacts, id)?;
    let at = scene.at()?;
    let note = told.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
    let is_newest_try = record.time("tried_at").is_none_or(|known| known <= at);
    let is_newest_answer = record.time("heard_at").is_none_or(|known| known <= at);
    if is_newest_try {
        record.set_time("tried_at", at);
    }
    let tries = record.integer("tries").unwrap_or(0);
    if told.reached && is_newest_answer {
        record.set_time("heard_at", at);
        record.set("heard_by", scene.ask.actor.name.as_str());
        record.set("heard_note", note);
        record.set("tries", 0);
    } else if !told.reached && is_newest_answer {
        record.set("tries", (tries + 1).min(TRIES_MAX));
    }
    let name = record.text("name").unwrap_or_default().to_owned();
    let came = if told.reached {
        "có trả lời".to_owned()
    } else {
        format!("không liên lạc được, lần {}", tries + 1)
    };
    let note = note.map_or_else(String::new, |note| format!(": {note}"));
    let facts = json!({"contact_id": id, "reached": told.reached, "commune_code": commune_of(&record.properties)});
    let text = format!("Gọi {name}: {came}{note}");
    let entry = Entry { kind: "call", text, facts, incident: None, unit: None, zone: None };
    let mut draft = Draft::default();
    draft.put(record, at);
    draft.log(scene, at, entry);
    Ok(draft)
}

fn commune_of(properties: &serde_json::Map<String, serde_json::Value>) -> Option<&str> {
    ["commune_code", "admin_unit"].iter().find_map(|name| properties.get(*name)?.as_str())
}

impl Silence {
    /// What the View lets its actor know of who has been heard.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let now = view.now();
        let mut heard = Signs::of(view);
        let levels = levels(view);
        let gauges = gauges(view);
        let contacts = contacts(view, &mut heard);
        let commune = |unit: Shown<'_>| {
            let code = unit.text("code")?.into_owned();
            let heard = heard.0.get(&code).cloned();
            let (gauges, silent_gauges) = gauges.get(&code).copied().unwrap_or_default();
            Some(SilentCommune {
                name: unit.text("name").unwrap_or_default().into_owned(),
                level: levels.get(&code).copied(),
                is_silent: is_silent(heard.as_ref(), now),
                heard,
                gauges,
                silent_gauges,
                contacts: contacts.get(&code).cloned().unwrap_or_default(),
                code,
            })
        };
        let is_commune = |unit: &Shown<'_>| {
            matches!(unit.text("kind").as_deref(), Some("commune" | "ward")) && unit.text("valid_to").is_none()
        };
        let all = view.all(Collection::AdminUnits).filter(is_commune);
        let mut communes: Vec<SilentCommune> = all.filter_map(commune).collect();
        communes.sort_by_key(|commune| {
            let level = std::cmp::Reverse(commune.level.map_or(-1, |level| level));
            (!commune.is_silent, level, heard_at(commune.heard.as_ref()), commune.code.clone())
        });
        let silent = communes.iter().filter(|commune| commune.is_silent).count();
        Self { as_of: now, seq: view.seq(), silent_after_s: SILENT_S, silent, communes }
    }
}

fn is_silent(heard: Option<&Sign>, now: Timestamp) -> bool {
    heard.is_none_or(|heard| now.seconds_since(heard.at) > SILENT_S)
}

/// For sorting: what was never heard comes first.
fn heard_at(heard: Option<&Sign>) -> i64 {
    heard.map_or(i64::MIN, |heard| heard.at.as_ms())
}

/// The newest sign of each commune, by its code.
#[derive(Default)]
struct Signs(BTreeMap<String, Sign>);

impl Signs {
    fn of(view: &View) -> Self {
        let mut signs = Self::default();
        for incident in view.all(Collection::Incidents) {
            // What a machine or a file told is no sign of people there.
            let by_people = !matches!(incident.text("channel").as_deref(), Some("import" | "simulation" | "sensor"));
            if by_people {
                signs.hear(&incident, "reported_at", "incident", "title");
            }
        }
        let untold = ["registered", "at_risk"];
        for household in view.all(Collection::Households) {
            if household.text("state").is_none_or(|state| untold.contains(&&*state)) {
                continue;
            }
            signs.hear(&household, "state_at", "household", "hamlet");
        }
        for unit in view.all(Collection::Units) {
            signs.hear(&unit, "fix_at", "unit", "code");
        }
        signs
    }

    fn hear(&mut self, shown: &Shown<'_>, time: &str, by_way_of: &'static str, what: &str) {
        let Some(commune) = shown.text("admin_unit") else { return };
        let Some(at) = shown.text(time).and_then(|text| Timestamp::parse(&text).ok()) else { return };
        let what = shown.text(what).map(|text| text.into_owned());
        self.take(&commune, Sign { at, by_way_of, what });
    }

    fn take(&mut self, commune: &str, heard: Sign) {
        let known = self.0.get(commune).is_some_and(|known| known.at >= heard.at);
        if !known {
            self.0.insert(commune.to_owned(), heard);
        }
    }
}

/// Whom to call by commune, the longest silence first; what they said counts for their commune.
fn contacts(view: &View, signs: &mut Signs) -> BTreeMap<String, Vec<SilentHamlet>> {
    let mut by_commune: BTreeMap<String, Vec<SilentHamlet>> = BTreeMap::new();
    for contact in view.all(Collection::Contacts) {
        let text = |name: &str| contact.text(name).map(|text| text.into_owned());
        let time = |name: &str| text(name).and_then(|text| Timestamp::parse(&text).ok());
        let Some(commune) = text("commune_code").or_else(|| text("admin_unit")) else { continue };
        let heard = time("heard_at").map(|at| Sign { at, by_way_of: "call", what: text("heard_by") });
        if let Some(heard) = &heard {
            signs.take(&commune, heard.clone());
        }
        by_commune.entry(commune).or_default().push(SilentHamlet {
            contact_id: contact.id(),
            name: text("name").unwrap_or_default(),
            hamlet: text("hamlet"),
            phone: text("duty_phone").or_else(|| text("phone")),
            radio: text("radio"),
            is_silent: is_silent(heard.as_ref(), view.now()),
            heard,
            tried_at: time("tried_at"),
            tries: contact.number("tries").unwrap_or(0.0) as i64,
        });
    }
    for list in by_commune.values_mut() {
        list.sort_by(|a, b| (heard_at(a.heard.as_ref()), &a.name).cmp(&(heard_at(b.heard.as_ref()), &b.name)));
    }
    by_commune
}

/// The highest level of the zones in force that touch each commune.
fn levels(view: &View) -> BTreeMap<String, i64> {
    let mut levels: BTreeMap<String, i64> = BTreeMap::new();
    for zone in view.all(Collection::RiskZones).filter(|zone| zone.text("state").as_deref() == Some("in_force")) {
        let Some(area) = zone.geometry() else { continue };
        let level = zone.number("level").unwrap_or(0.0) as i64;
        let query = WithinQuery {
            geometry: area.clone(),
            buffer_m: 0.0,
            collections: vec![Collection::AdminUnits],
            filters: Vec::new(),
        };
        for code in view.within(&query).iter().filter_map(|unit| unit.text("code")) {
            let known = levels.entry(code.into_owned()).or_insert(level);
            *known = (*known).max(level);
        }
    }
    levels
}

/// Rain gauges of each commune: all, and those that have told nothing for long.
fn gauges(view: &View) -> BTreeMap<String, (usize, usize)> {
    let mut newest: BTreeMap<String, Timestamp> = BTreeMap::new();
    for day in view.all(Collection::RainDays) {
        let (Some(gauge), Some(at)) = (day.text("gauge_id"), day.text("reported_at")) else { continue };
        let Ok(at) = Timestamp::parse(&at) else { continue };
        let known = newest.entry(gauge.into_owned()).or_insert(at);
        *known = (*known).max(at);
    }
    let mut gauges: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for gauge in view.all(Collection::RainGauges) {
        let Some(commune) = gauge.text("admin_unit") else { continue };
        let heard = newest.get(&gauge.id().to_string());
        let count = gauges.entry(commune.into_owned()).or_default();
        count.0 += 1;
        count.1 += usize::from(heard.is_none_or(|at| view.now().seconds_since(*at) > SILENT_S));
    }
    gauges
}
