//! The records that one decision holds in hand: each taken once, changed in place, put together in the end. What the
//! rules of assignments do with them is in `course.rs`, of alarms in `alarms.rs`.

use serde_json::Value;
use uuid::Uuid;

use super::scene::{Draft, Entry, Scene, Working};
use crate::domain::{Collection, Problem, Timestamp};

/// Records taken by a decision, in the order in which they were taken.
pub(super) struct Hand<'a, 's> {
    pub scene: &'a Scene<'s>,
    /// When what is decided became true.
    pub at: Timestamp,
    /// By which way it was told: `own`, `radio`, `phone` or `desk`.
    pub source: &'static str,
    /// Who was heard by radio or telephone.
    pub told_by: Option<String>,
    records: Vec<(Working, bool)>,
    entries: Vec<Note>,
}

/// An entry of the duty log that waits until the records are whole.
struct Note {
    kind: &'static str,
    incident: Option<Uuid>,
    unit: Option<Uuid>,
    zone: Option<Uuid>,
    text: String,
    facts: Value,
}

impl<'a, 's> Hand<'a, 's> {
    /// A hand that holds the record the verb is about.
    pub fn new(scene: &'a Scene<'s>, at: Timestamp, main: Working) -> Self {
        Self { scene, at, source: "desk", told_by: None, records: vec![(main, true)], entries: Vec::new() }
    }

    /// The record the verb is about.
    pub fn main(&mut self) -> &mut Working {
        &mut self.records[0].0
    }

    fn place_of(&mut self, collection: Collection, id: Uuid) -> Result<usize, Problem> {
        let held = |(working, _): &(Working, bool)| working.collection == collection && working.id == id;
        if let Some(place) = self.records.iter().position(held) {
            return Ok(place);
        }
        self.records.push((self.scene.follow(collection, id)?, false));
        Ok(self.records.len() - 1)
    }

    /// A record that the decision rests on; it is expected at its version.
    pub fn read(&mut self, collection: Collection, id: Uuid) -> Result<&Working, Problem> {
        let place = self.place_of(collection, id)?;
        Ok(&self.records[place].0)
    }

    /// A record that the decision changes.
    pub fn change(&mut self, collection: Collection, id: Uuid) -> Result<&mut Working, Problem> {
        let place = self.place_of(collection, id)?;
        self.records[place].1 = true;
        Ok(&mut self.records[place].0)
    }

    /// Holds a new record.
    pub fn add(&mut self, record: Working) {
        self.records.push((record, true));
    }

    /// The records of a collection that are not over, as the decision leaves them.
    pub fn open(&self, collection: Collection) -> Vec<Working> {
        let held =
            |id: Uuid| self.records.iter().find(|(record, _)| record.collection == collection && record.id == id);
        let new =
            self.records.iter().map(|(record, _)| record).filter(|r| r.collection == collection && r.version == 0);
        let known = self.scene.picture.layer(collection).iter().filter(|feature| !feature.is_ended());
        let known = known.map(|feature| match held(feature.id) {
            Some((record, _)) => record.clone(),
            None => Working::of(collection, feature),
        });
        known.chain(new.cloned()).filter(|record| record.text("ended_at").is_none()).collect()
    }

    /// Writes an entry about an incident in the log.
    pub fn log(&mut self, kind: &'static str, incident: Uuid, unit: Option<Uuid>, text: String, facts: Value) {
        self.entries.push(Note { kind, incident: Some(incident), unit, zone: None, text, facts });
    }

    /// Writes an entry about an incident, or about a unit that is on none.
    pub fn log_about(
        &mut self,
        kind: &'static str,
        incident: Option<Uuid>,
        unit: Option<Uuid>,
        text: String,
        facts: Value,
    ) {
        self.entries.push(Note { kind, incident, unit, zone: None, text, facts });
    }

    /// Writes an entry about a unit alone.
    pub fn log_unit(&mut self, unit: Uuid, incident: Option<Uuid>, text: String, facts: Value) {
        self.entries.push(Note { kind: "unit_status", incident, unit: Some(unit), zone: None, text, facts });
    }

    /// Writes an entry about a zone alone.
    pub fn log_zone(&mut self, kind: &'static str, zone: Uuid, text: String, facts: Value) {
        self.entries.push(Note { kind, incident: None, unit: None, zone: Some(zone), text, facts });
    }

    /// Writes an entry about a unit in a zone.
    pub fn log_in_zone(&mut self, kind: &'static str, zone: Uuid, unit: Uuid, text: String, facts: Value) {
        self.entries.push(Note { kind, incident: None, unit: Some(unit), zone: Some(zone), text, facts });
    }

    /// All that became of the records, the main one first.
    pub fn finish(self) -> Draft {
        let mut draft = Draft::default();
        for note in &self.entries {
            let incident = note.incident.and_then(|id| self.records.iter().map(|r| &r.0).find(|w| w.id == id));
            draft.log(
                self.scene,
                self.at,
                Entry {
                    kind: note.kind,
                    text: note.text.clone(),
                    facts: note.facts.clone(),
                    incident,
                    unit: note.unit,
                    zone: note.zone,
                },
            );
        }
        let entries = std::mem::take(&mut draft.puts);
        for (working, changed) in self.records {
            if changed {
                draft.put(working, self.at);
            } else {
                draft.read(&working);
            }
        }
        draft.puts.extend(entries);
        draft
    }
}

/// The list without one id.
pub(super) fn without(ids: &[Uuid], id: Uuid) -> Vec<Uuid> {
    ids.iter().copied().filter(|other| *other != id).collect()
}
