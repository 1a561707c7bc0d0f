//! The records that one decision holds in hand: each taken once, changed in place, put together in the end.

use serde_json::{Value, json};
use uuid::Uuid;

use super::scene::{Draft, Entry, Scene, Working};
use super::words;
use crate::domain::incident::is_ended;
use crate::domain::unit::{Availability, availability};
use crate::domain::{Collection, Problem, Timestamp};

/// Records taken by a decision, in the order in which they were taken.
pub(super) struct Hand<'a, 's> {
    scene: &'a Scene<'s>,
    /// When what is decided became true.
    pub at: Timestamp,
    records: Vec<(Working, bool)>,
    entries: Vec<Note>,
}

/// An entry of the duty log that waits until the records are whole.
struct Note {
    kind: &'static str,
    incident: Option<Uuid>,
    unit: Option<Uuid>,
    text: String,
    facts: Value,
}

impl<'a, 's> Hand<'a, 's> {
    /// A hand that holds the record the verb is about.
    pub fn new(scene: &'a Scene<'s>, at: Timestamp, main: Working) -> Self {
        Self { scene, at, records: vec![(main, true)], entries: Vec::new() }
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
        self.records.push((self.scene.take(collection, id)?, false));
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

    /// Writes an entry about an incident in the log.
    pub fn log(&mut self, kind: &'static str, incident: Uuid, unit: Option<Uuid>, text: String, facts: Value) {
        self.entries.push(Note { kind, incident: Some(incident), unit, text, facts });
    }

    /// Writes an entry about a unit alone.
    pub fn log_unit(&mut self, unit: Uuid, incident: Option<Uuid>, text: String, facts: Value) {
        self.entries.push(Note { kind: "unit_status", incident, unit: Some(unit), text, facts });
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
                    zone: None,
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

    /// Puts an incident in a state; what was waited for in the old one is cleared by the verb.
    pub fn set_state(&mut self, incident: Uuid, state: &str) -> Result<(), Problem> {
        let at = self.at;
        let record = self.change(Collection::Incidents, incident)?;
        record.set("state", state);
        record.set_time("state_at", at);
        Ok(())
    }

    /// Gives a free unit to an incident: both records, the milestones, the entry in the log.
    pub fn give(&mut self, incident: Uuid, unit: Uuid, why: &str) -> Result<(), Problem> {
        let at = self.at;
        let author = self.scene.ask.actor.name.clone();
        let record = self.change(Collection::Units, unit)?;
        record.set("incident_id", incident.to_string());
        let queue: Vec<Uuid> = without(&record.references("queued_incident_ids"), incident);
        record.set_references("queued_incident_ids", &queue);
        record.set("status", "dispatched");
        record.set_time("status_at", at);
        record.set("status_by", author);
        record.set("status_source", "desk");
        let unit_label = record.label();
        let record = self.change(Collection::Incidents, incident)?;
        let mut units = record.references("unit_ids");
        units.push(unit);
        record.set_references("unit_ids", &units);
        record.set_references("queued_unit_ids", &without(&record.references("queued_unit_ids"), unit));
        record.set_first("first_assigned_at", at);
        let from = record.text("state").unwrap_or("reported").to_owned();
        let dispatched = matches!(from.as_str(), "reported" | "verified" | "monitoring");
        if dispatched {
            self.set_state(incident, "dispatched")?;
        }
        let to = if dispatched { "dispatched" } else { from.as_str() };
        let facts = json!({"unit_id": unit, "from": from, "to": to});
        self.log("assigned", incident, Some(unit), format!("Điều động {unit_label}{why}"), facts);
        Ok(())
    }

    /// Lets a busy unit's queue grow by an incident; its status is as before.
    pub fn queue(&mut self, incident: Uuid, unit: Uuid) -> Result<(), Problem> {
        let record = self.change(Collection::Units, unit)?;
        let mut queue = record.references("queued_incident_ids");
        queue.push(incident);
        record.set_references("queued_incident_ids", &queue);
        let label = record.label();
        let status = record.text("status").unwrap_or_default().to_owned();
        let record = self.change(Collection::Incidents, incident)?;
        let mut waiting = record.references("queued_unit_ids");
        waiting.push(unit);
        record.set_references("queued_unit_ids", &waiting);
        let text = format!("{label} đang bận ({}), vụ việc chờ trong hàng đợi", words::unit_status(&status));
        self.log(
            "queued",
            incident,
            Some(unit),
            text,
            json!({"unit_id": unit, "status": status, "place": queue.len()}),
        );
        Ok(())
    }

    /// Takes a unit from an incident (worked on or waiting for it). The next incident that waits for the unit gets
    /// it; else a unit at work becomes available. A state that rested on the unit falls back to `verified` where
    /// `fall_back` says so.
    pub fn free(&mut self, incident: Uuid, unit: Uuid, fall_back: bool) -> Result<(), Problem> {
        let at = self.at;
        let author = self.scene.ask.actor.name.clone();
        let record = self.change(Collection::Incidents, incident)?;
        let was_assigned = record.references("unit_ids").contains(&unit);
        let left = without(&record.references("unit_ids"), unit);
        record.set_references("unit_ids", &left);
        record.set_references("queued_unit_ids", &without(&record.references("queued_unit_ids"), unit));
        let from = record.text("state").unwrap_or_default().to_owned();
        let back = fall_back && was_assigned && left.is_empty() && from == "dispatched";
        if back {
            self.set_state(incident, "verified")?;
        }
        let record = self.change(Collection::Units, unit)?;
        let label = record.label();
        let queue = without(&record.references("queued_incident_ids"), incident);
        record.set_references("queued_incident_ids", &queue);
        let status = record.text("status").unwrap_or_default().to_owned();
        let worked_here = record.reference("incident_id") == Some(incident);
        if worked_here {
            record.remove("incident_id");
        }
        let to = if back { "verified" } else { from.as_str() };
        let facts = json!({"unit_id": unit, "from": from, "to": to, "was_queued": !was_assigned});
        self.log("released", incident, Some(unit), format!("Rút {label}"), facts);
        if !worked_here {
            return Ok(());
        }
        for next in queue {
            let waits = self.read(Collection::Incidents, next).is_ok_and(|r| !is_ended(r.text("state").unwrap_or("")));
            // A unit in distress or off duty takes nothing on, whatever waits for it.
            if waits && availability(&status) != Availability::Unavailable {
                return self.give(next, unit, " (đã chờ trong hàng đợi)");
            }
        }
        if availability(&status) == Availability::Committed {
            let record = self.change(Collection::Units, unit)?;
            record.set("status", "available");
            record.set_time("status_at", at);
            record.set("status_by", author);
            record.set("status_source", "desk");
        }
        Ok(())
    }
}

/// The list without one id.
pub(super) fn without(ids: &[Uuid], id: Uuid) -> Vec<Uuid> {
    ids.iter().copied().filter(|other| *other != id).collect()
}
