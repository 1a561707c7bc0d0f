//! What a decision sees and what it leads to: a snapshot and a question in, puts and expected versions out.

use std::sync::Arc;

use geo_types::Geometry;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Ask;
use super::write::conflict;
use crate::domain::accountability::Timers;
use crate::domain::change::canonical_json;
use crate::domain::schema::{self, SetBy};
use crate::domain::{Code, Collection, Force, Problem, Record, Timestamp};
use crate::geometry::ground::Ground;
use crate::picture::{Feature, Picture, View};
use crate::store::{Expect, Put};

/// How far a told time may lie ahead of the server's clock, seconds: phones and radios are off by a minute.
pub(super) const AHEAD_S_MAX: i64 = 120;

/// One snapshot, the one who asks, and the present moment. Decisions are pure functions of it.
pub(super) struct Scene<'a> {
    pub picture: &'a Arc<Picture>,
    pub ground: &'a Ground,
    pub ask: &'a Ask,
    pub now: Timestamp,
    /// How long is waited for an answer.
    pub timers: &'a Timers,
}

/// A record taken in hand: as it stands, then as it shall be.
#[derive(Clone, Debug)]
pub(super) struct Working {
    pub collection: Collection,
    pub id: Uuid,
    /// The version that the decision rests on; 0 for a new record.
    pub version: u32,
    pub geometry: Option<Geometry<f64>>,
    pub properties: Map<String, Value>,
    pub personal: Map<String, Value>,
}

/// What a decision wants made durable. The first put is the record the verb is about.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub expects: Vec<Expect>,
    pub puts: Vec<Put>,
    /// There is nothing to do: the record stands as it was asked for.
    pub already: Option<(Collection, Arc<Record>)>,
}

/// One entry of the duty log that a verb writes.
pub(super) struct Entry<'a> {
    pub kind: &'a str,
    pub text: String,
    pub facts: Value,
    pub incident: Option<&'a Working>,
    pub unit: Option<Uuid>,
    pub zone: Option<Uuid>,
}

impl<'a> Scene<'a> {
    /// The snapshot as the actor may see it.
    pub fn view(&self) -> View {
        View::new(Arc::clone(self.picture), Arc::new(self.ask.actor.clone()), self.now)
    }

    /// When it happened: as told, else now.
    ///
    /// # Errors
    /// `future_time` if it is told to happen later than a clock may be off.
    pub fn at(&self) -> Result<Timestamp, Problem> {
        match self.ask.at {
            Some(at) => past(at, self.now, "/at").map(|()| at),
            None => Ok(self.now),
        }
    }

    /// The feature as the picture holds it.
    pub fn feature(&self, collection: Collection, id: Uuid) -> Option<&'a Arc<Feature>> {
        self.picture.layer(collection).get(id)
    }

    /// A record that the decision reads or changes beside the one it is about. One that the actor may not see is as
    /// if it were not there: a refusal that told the two apart would tell that it is.
    pub fn take(&self, collection: Collection, id: Uuid) -> Result<Working, Problem> {
        let seen = |feature: &&Arc<Feature>| self.view().shown(collection, feature).is_some();
        self.feature(collection, id)
            .filter(seen)
            .map(|feature| Working::of(collection, feature))
            .ok_or_else(|| no_such(collection, id))
    }

    /// A record that follows from one the actor holds already (the unit of an incident, the next incident of its queue):
    /// it changes by rule, whether or not the actor sees it, and no refusal tells of it.
    pub fn follow(&self, collection: Collection, id: Uuid) -> Result<Working, Problem> {
        self.feature(collection, id)
            .map(|feature| Working::of(collection, feature))
            .ok_or_else(|| no_such(collection, id))
    }

    /// A record that something else names; its absence is the fault of the one who names it.
    pub fn referred(&self, collection: Collection, id: Uuid, at: &str) -> Result<Working, Problem> {
        self.take(collection, id).map_err(|problem| Problem { code: Code::UnknownReference, ..problem }.at(at))
    }

    /// The record that the verb changes: `If-Match` must name its version.
    pub fn take_matching(&self, collection: Collection, id: Uuid) -> Result<Working, Problem> {
        let working = self.take(collection, id)?;
        match self.ask.if_match {
            None => Err(Problem::new(
                Code::PreconditionRequired,
                "thiếu If-Match: hãy gửi phiên bản đã đọc",
                "If-Match is missing: send the version that was read",
            )
            .with("present_version", working.version)),
            Some(_) => self.matching(working),
        }
    }

    /// The record that the verb changes, where `If-Match` is checked if it was sent.
    pub fn take_open(&self, collection: Collection, id: Uuid) -> Result<Working, Problem> {
        self.take(collection, id).and_then(|working| self.matching(working))
    }

    /// Nothing to do: the record stands as it was asked for.
    pub fn already(&self, collection: Collection, id: Uuid) -> Result<Draft, Problem> {
        let feature = self.feature(collection, id).ok_or_else(|| no_such(collection, id))?;
        Ok(Draft { already: Some((collection, Arc::new(record_of(collection, feature)))), ..Draft::default() })
    }

    fn matching(&self, working: Working) -> Result<Working, Problem> {
        match self.ask.if_match {
            Some(seen) if seen != working.version => {
                Err(conflict(self.picture, self.ask, self.now, working.collection, working.id, working.version))
            }
            _ => Ok(working),
        }
    }
}

/// The record behind a feature.
pub(super) fn record_of(collection: Collection, feature: &Feature) -> Record {
    let working = Working::of(collection, feature);
    let personal = (!working.personal.is_empty()).then(|| canonical_json(&working.personal));
    Record {
        id: feature.id,
        version: feature.version,
        recorded_at: feature.recorded_at,
        geometry: working.geometry,
        properties: canonical_json(&working.properties),
        personal,
    }
}

impl Working {
    /// A new record.
    pub fn new(collection: Collection, id: Uuid) -> Self {
        Self { collection, id, version: 0, geometry: None, properties: Map::new(), personal: Map::new() }
    }

    /// The record behind a feature: what follows from position fixes is left out.
    pub fn of(collection: Collection, feature: &Feature) -> Self {
        let parse = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
        let mut properties = parse(&feature.properties);
        properties.retain(|name, _| schema::find(collection, name).is_some_and(|field| field.set_by != SetBy::Fix));
        let geometry = if collection == Collection::Units { None } else { feature.geometry.clone() };
        let personal = feature.personal.as_deref().map(parse).unwrap_or_default();
        Self { collection, id: feature.id, version: feature.version, geometry, properties, personal }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Value::as_str)
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.properties.get(name).and_then(Value::as_f64)
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        self.properties.get(name).and_then(Value::as_i64)
    }

    pub fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name).and_then(|text| Timestamp::parse(text).ok())
    }

    pub fn reference(&self, name: &str) -> Option<Uuid> {
        self.text(name).and_then(|text| Uuid::parse_str(text).ok())
    }

    pub fn references(&self, name: &str) -> Vec<Uuid> {
        let list = self.properties.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|v| v.as_str()).filter_map(|t| Uuid::parse_str(t).ok()).collect()
    }

    /// Sets a property; `Value::Null` removes it.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        match value.into() {
            Value::Null => self.properties.remove(name),
            value => self.properties.insert(name.to_owned(), value),
        };
    }

    pub fn set_time(&mut self, name: &str, at: Timestamp) {
        self.set(name, at.to_string());
    }

    /// Sets a time if none was set before: milestones are written once.
    pub fn set_first(&mut self, name: &str, at: Timestamp) {
        if !self.properties.contains_key(name) {
            self.set_time(name, at);
        }
    }

    pub fn set_references(&mut self, name: &str, ids: &[Uuid]) {
        if ids.is_empty() {
            self.set(name, Value::Null);
        } else {
            self.set(name, ids.iter().map(Uuid::to_string).collect::<Vec<_>>());
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.properties.remove(name);
    }

    /// Human code or title or name: how people call it in the log.
    pub fn label(&self) -> String {
        let named = ["code", "name", "title"].iter().find_map(|name| self.text(name));
        named.map_or_else(|| self.id.to_string(), str::to_owned)
    }
}

impl Draft {
    /// Puts a record, resting on the version at which it was taken.
    pub fn put(&mut self, working: Working, valid_at: Timestamp) {
        self.read(&working);
        self.puts.push(Put {
            collection: working.collection,
            id: working.id,
            valid_at: Some(valid_at),
            geometry: working.geometry,
            properties: working.properties,
            personal: working.personal,
        });
    }

    /// Rests on a record that is only read.
    pub fn read(&mut self, working: &Working) {
        let expect = Expect { collection: working.collection, id: working.id, version: working.version };
        if !self.expects.contains(&expect) {
            self.expects.push(expect);
        }
    }

    /// Writes an entry in the duty log in the same call, so that no verb goes unlogged.
    pub fn log(&mut self, scene: &Scene<'_>, at: Timestamp, entry: Entry<'_>) {
        let mut record = Working::new(Collection::DutyLog, Uuid::now_v7());
        record.set("kind", entry.kind);
        record.set("text", entry.text);
        record.set_time("occurred_at", at);
        record.set("author", scene.ask.actor.name.as_str());
        record.set("author_force", scene.ask.actor.force.map_or(Value::Null, |force| force_word(force).into()));
        record.set("facts", if entry.facts.is_null() { json!({}) } else { entry.facts });
        record.set("unit_id", entry.unit.map_or(Value::Null, |id| id.to_string().into()));
        record.set("zone_id", entry.zone.map_or(Value::Null, |id| id.to_string().into()));
        if let Some(incident) = entry.incident {
            record.set("incident_id", incident.id.to_string());
            record.set("admin_unit", incident.properties.get("admin_unit").cloned().unwrap_or_default());
            record.geometry.clone_from(&incident.geometry);
        }
        self.put(record, at);
    }
}

/// A force as it stands in records.
pub(super) const fn force_word(force: Force) -> &'static str {
    match force {
        Force::Police => "police",
        Force::Military => "military",
        Force::BorderGuard => "border_guard",
        Force::Civil => "civil",
    }
}

fn no_such(collection: Collection, id: Uuid) -> Problem {
    Problem::new(Code::NotFound, format!("không có {collection} {id}"), format!("there is no {collection} {id}"))
}

/// Refuses a time that lies ahead of the clock by more than a clock may be off.
pub(super) fn past(at: Timestamp, now: Timestamp, pointer: &str) -> Result<(), Problem> {
    if at.seconds_since(now) <= AHEAD_S_MAX {
        return Ok(());
    }
    Err(Problem::new(
        Code::FutureTime,
        format!("thời điểm {at} ở tương lai (máy chủ: {now})"),
        format!("{at} lies in the future (server time {now})"),
    )
    .at(pointer))
}
