//! What becomes of units, incidents and assignments together: one change of all three, in one append.

use serde_json::{Value, json};
use uuid::Uuid;

use super::hand::{Hand, without};
use super::scene::{Working, force_word};
use super::words;
use crate::domain::accountability::cadence_s;
use crate::domain::assignment::{DURATIONS, Step, is_ended, is_out, leads, milestone, released_to};
use crate::domain::unit::{Availability, availability};
use crate::domain::{Collection, Force, Problem, Timestamp, assignment, incident};

/// Why a unit leaves an incident.
#[derive(Clone, Copy)]
pub(super) enum Leaving<'t> {
    /// Whoever ordered takes the order back, or the incident is over.
    Released,
    /// It has finished.
    Cleared,
    /// It cannot, for this reason.
    Declined(&'t str),
    /// It did not answer.
    TimedOut,
}

impl Leaving<'_> {
    /// Kind and text of the entry in the log.
    fn told(self, label: &str) -> (&'static str, String) {
        match self {
            Self::Released => ("released", format!("Rút {label}")),
            Self::Cleared => ("cleared", format!("{label} xong nhiệm vụ")),
            Self::Declined(reason) => ("declined", format!("{label} không nhận nhiệm vụ: {reason}")),
            Self::TimedOut => ("timed_out", format!("{label} không nhận lệnh đúng hạn, đã rút lệnh")),
        }
    }

    /// The state in which an assignment ends.
    fn ends(self, state: &str) -> &'static str {
        match self {
            Self::Released => released_to(state),
            Self::Cleared => "cleared",
            Self::Declined(_) => "declined",
            Self::TimedOut => "timed_out",
        }
    }
}

impl Hand<'_, '_> {
    /// Puts an incident in a state; what was waited for in the old one is cleared by the verb.
    pub fn set_state(&mut self, incident: Uuid, state: &str) -> Result<(), Problem> {
        let at = self.at;
        let record = self.change(Collection::Incidents, incident)?;
        record.set("state", state);
        record.set_time("state_at", at);
        Ok(())
    }

    /// Puts a unit in a status, as told by whoever asks.
    pub fn set_unit_status(&mut self, unit: Uuid, status: &str) -> Result<(), Problem> {
        let (at, source, author) = (self.at, self.source, self.scene.ask.actor.name.clone());
        let record = self.change(Collection::Units, unit)?;
        record.set("status", status);
        record.set_time("status_at", at);
        record.set("status_by", author);
        record.set("status_source", source);
        Ok(())
    }

    /// Gives a free unit to an incident: all three records, the milestones, the entry in the log.
    pub fn give(&mut self, incident: Uuid, unit: Uuid, why: &str) -> Result<(), Problem> {
        let at = self.at;
        let record = self.change(Collection::Units, unit)?;
        record.set("incident_id", incident.to_string());
        let queue: Vec<Uuid> = without(&record.references("queued_incident_ids"), incident);
        record.set_references("queued_incident_ids", &queue);
        let unit_label = record.label();
        self.set_unit_status(unit, "dispatched")?;
        let record = self.change(Collection::Incidents, incident)?;
        let mut units = record.references("unit_ids");
        units.push(unit);
        record.set_references("unit_ids", &units);
        for waiting in ["queued_unit_ids", "requested_unit_ids"] {
            record.set_references(waiting, &without(&record.references(waiting), unit));
        }
        record.set_first("first_assigned_at", at);
        let from = record.text("state").unwrap_or("reported").to_owned();
        let dispatched = matches!(from.as_str(), "reported" | "verified" | "monitoring");
        if dispatched {
            self.set_state(incident, "dispatched")?;
        }
        let assignment = self.assignment(incident, unit)?;
        self.step(assignment, "dispatched")?;
        let to = if dispatched { "dispatched" } else { from.as_str() };
        let facts = json!({"unit_id": unit, "assignment_id": assignment, "from": from, "to": to});
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
        record.set_references("requested_unit_ids", &without(&record.references("requested_unit_ids"), unit));
        let assignment = self.assignment(incident, unit)?;
        self.step(assignment, "queued")?;
        let text = format!("{label} đang bận ({}), vụ việc chờ trong hàng đợi", words::unit_status(&status));
        let facts = json!({"unit_id": unit, "assignment_id": assignment, "status": status, "place": queue.len()});
        self.log("queued", incident, Some(unit), text, facts);
        Ok(())
    }

    /// Asks another force for its unit. It supports the incident from now on, so that whoever answers sees what for.
    pub fn request(&mut self, incident: Uuid, unit: Uuid) -> Result<(), Problem> {
        let record = self.read(Collection::Units, unit)?;
        let (label, force) = (record.label(), record.text("force").unwrap_or_default().to_owned());
        let record = self.change(Collection::Incidents, incident)?;
        let mut asked = record.references("requested_unit_ids");
        asked.push(unit);
        record.set_references("requested_unit_ids", &asked);
        support(record, &force);
        let assignment = self.assignment(incident, unit)?;
        self.step(assignment, "requested")?;
        let force = Force::parse(&force);
        let text = format!("Đề nghị phối hợp ({}): {label}", force.map_or("lực lượng khác", words::force));
        let facts = json!({"unit_id": unit, "assignment_id": assignment});
        self.log("requested", incident, Some(unit), text.clone(), facts);
        self.raise("support_requested", force, Some(assignment), Some(incident), unit, &text);
        Ok(())
    }

    /// Writes down that a unit might go; nobody is told to.
    pub fn propose(&mut self, incident: Uuid, unit: Uuid) -> Result<(), Problem> {
        let label = self.read(Collection::Units, unit)?.label();
        // The incident is part of it: of two who propose the same unit, the store lets one in.
        self.change(Collection::Incidents, incident)?;
        let assignment = self.assignment(incident, unit)?;
        self.step(assignment, "proposed")?;
        let facts = json!({"unit_id": unit, "assignment_id": assignment});
        self.log("proposed", incident, Some(unit), format!("Đề xuất điều động {label}"), facts);
        Ok(())
    }

    /// Takes a unit from an incident (worked on, waiting for it, asked for). The next incident that waits for the unit
    /// gets it; else a unit at work becomes available. A state that rested on the unit falls back to `verified` where
    /// `fall_back` says so.
    pub fn free(&mut self, incident: Uuid, unit: Uuid, fall_back: bool, why: Leaving<'_>) -> Result<(), Problem> {
        let record = self.change(Collection::Incidents, incident)?;
        let was_assigned = record.references("unit_ids").contains(&unit);
        for list in ["unit_ids", "queued_unit_ids", "requested_unit_ids"] {
            record.set_references(list, &without(&record.references(list), unit));
        }
        let from = record.text("state").unwrap_or_default().to_owned();
        let back = fall_back && was_assigned && record.references("unit_ids").is_empty() && from == "dispatched";
        if back {
            self.set_state(incident, "verified")?;
        }
        if let Some(assignment) = self.assignment_of(incident, unit) {
            let state = self.read(Collection::Assignments, assignment)?.text("state").unwrap_or_default().to_owned();
            self.step(assignment, why.ends(&state))?;
            if let Leaving::Declined(reason) = why {
                self.change(Collection::Assignments, assignment)?.set("decline_reason", reason);
            }
        }
        let known = self.read(Collection::Units, unit)?;
        let (label, status) = (known.label(), known.text("status").unwrap_or_default().to_owned());
        let worked_here = known.reference("incident_id") == Some(incident);
        let (kind, text) = why.told(&label);
        let to = if back { "verified" } else { from.as_str() };
        let facts = json!({"unit_id": unit, "from": from, "to": to, "was_queued": !was_assigned});
        self.log(kind, incident, Some(unit), text, facts);
        let queue = known_queue(self.read(Collection::Units, unit)?);
        if worked_here || queue.contains(&incident) {
            let record = self.change(Collection::Units, unit)?;
            record.set_references("queued_incident_ids", &without(&queue, incident));
            if worked_here {
                record.remove("incident_id");
            }
        }
        if !worked_here {
            return Ok(());
        }
        for next in without(&queue, incident) {
            let state = self.read(Collection::Incidents, next).map(|r| r.text("state").unwrap_or("").to_owned());
            let waits = state.is_ok_and(|state| !incident::is_ended(&state));
            // A unit in distress or off duty takes nothing on, whatever waits for it.
            if waits && availability(&status) != Availability::Unavailable {
                return self.give_waiting(next, unit);
            }
        }
        if availability(&status) == Availability::Committed {
            self.set_unit_status(unit, "available")?;
        }
        Ok(())
    }

    /// Nobody told that the next order begins: it follows from the end of the last one.
    fn give_waiting(&mut self, incident: Uuid, unit: Uuid) -> Result<(), Problem> {
        let (source, told_by) = (std::mem::replace(&mut self.source, "desk"), self.told_by.take());
        let given = self.give(incident, unit, " (đã chờ trong hàng đợi)");
        (self.source, self.told_by) = (source, told_by);
        given
    }

    /// The assignment of a unit to an incident that is not over.
    pub fn assignment_of(&self, incident: Uuid, unit: Uuid) -> Option<Uuid> {
        let is_theirs =
            |a: &Working| a.reference("incident_id") == Some(incident) && a.reference("unit_id") == Some(unit);
        self.open(Collection::Assignments).iter().find(|a| is_theirs(a)).map(|a| a.id)
    }

    /// The same, made if there is none.
    fn assignment(&mut self, incident: Uuid, unit: Uuid) -> Result<Uuid, Problem> {
        if let Some(known) = self.assignment_of(incident, unit) {
            return Ok(known);
        }
        let force = self.read(Collection::Units, unit)?.text("force").map(str::to_owned);
        let mut record = Working::new(Collection::Assignments, Uuid::now_v7());
        record.set("incident_id", incident.to_string());
        record.set("unit_id", unit.to_string());
        record.set("unit_force", force.map_or(Value::Null, Value::from));
        record.set("by_force", self.scene.ask.actor.force.map_or(Value::Null, |force| force_word(force).into()));
        let id = record.id;
        self.add(record);
        Ok(id)
    }

    /// Brings an assignment to a state: its milestones, its timers, what it took, and who said so.
    pub fn step(&mut self, id: Uuid, to: &'static str) -> Result<(), Problem> {
        let (now, timers) = (self.scene.now, *self.scene.timers);
        let author = self.scene.ask.actor.name.clone();
        let at = self.note_step(id, to)?;
        let record = self.change(Collection::Assignments, id)?;
        record.set("state", to);
        record.set_time("state_at", at);
        for timer in ["ack_due_at", "request_due_at", "request_overdue_at"] {
            record.remove(timer);
        }
        match to {
            // From now on, though the order may have been given before it was written down.
            "dispatched" => {
                record.set("dispatched_by", author);
                record.set_time("ack_due_at", now.plus_s(timers.ack_s));
            }
            "requested" => record.set_time("request_due_at", now.plus_s(timers.request_s)),
            _ if is_ended(to) => {
                record.set_time("ended_at", at);
                record.remove("accountability_due_at");
                record.remove("no_coverage_until");
            }
            _ => {}
        }
        if is_out(to) {
            self.heard_of(id)?;
        }
        // What was asked for is answered, what was ordered is over: nobody need hear of it any more.
        if !matches!(to, "acknowledged" | "en_route" | "on_scene") {
            self.end_alarms(|alarm| alarm.reference("assignment_id") == Some(id));
        }
        Ok(())
    }

    /// Writes a step down with its milestone and what follows from it; the state stays. When it became true: never
    /// before the order.
    fn note_step(&mut self, id: Uuid, to: &'static str) -> Result<Timestamp, Problem> {
        let (at, source, told_by) = (self.at, self.source, self.told_by.clone());
        let author = self.scene.ask.actor.name.clone();
        let record = self.change(Collection::Assignments, id)?;
        let at = record.time("dispatched_at").map_or(at, |ordered| at.max(ordered));
        if let Some(name) = milestone(to) {
            record.set_first(name, at);
        }
        self.deployed(id, to, at)?;
        let record = self.change(Collection::Assignments, id)?;
        let mut step = json!({"to": to, "at": at.to_string(), "by": author, "source": source});
        if let Some(heard) = told_by {
            step["told_by"] = heard.into();
        }
        let mut steps = record.properties.get("steps").and_then(Value::as_array).cloned().unwrap_or_default();
        steps.push(step);
        record.set("steps", steps);
        for (name, from, to) in DURATIONS {
            if let (Some(from), Some(to)) = (record.time(from), record.time(to)) {
                record.set(name, to.seconds_since(from).max(0));
            }
        }
        Ok(at)
    }

    /// What a unit's word does to its assignment, if it has one: a step forward; or the milestone of a step that was
    /// passed over and is told late; else nothing.
    pub fn word_of_unit(&mut self, id: Uuid, step: Step) -> Result<(), Problem> {
        let record = self.read(Collection::Assignments, id)?;
        let state = record.text("state").unwrap_or_default().to_owned();
        let Some(to) = step.status() else { return Ok(()) };
        match leads(step, &state) {
            Some(assignment::Leads::To(to)) => self.step(id, to),
            Some(assignment::Leads::Already) if milestone(to).is_some_and(|name| record.time(name).is_none()) => {
                self.note_step(id, to).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// A unit that is out was heard of: its timer begins anew.
    pub fn heard_of(&mut self, id: Uuid) -> Result<(), Problem> {
        let (now, at, is_own) = (self.scene.now, self.at, self.source == "own");
        let cadence_s = self.cadence_of(id)?;
        let record = self.change(Collection::Assignments, id)?;
        // What a telephone sends by itself shows that it is there now, however old the news is.
        let heard_at = if is_own { now } else { at };
        if record.time("accountability_at").is_some_and(|known| known > heard_at) {
            return Ok(());
        }
        record.set_time("accountability_at", heard_at);
        record.remove("accountability_missed");
        record.remove("no_coverage_until");
        match cadence_s {
            Some(cadence_s) => record.set_time("accountability_due_at", heard_at.plus_s(cadence_s)),
            None => record.remove("accountability_due_at"),
        }
        self.end_alarms(|alarm| {
            alarm.reference("assignment_id") == Some(id)
                && matches!(alarm.text("kind"), Some("accountability_missed" | "contact_lost"))
        });
        Ok(())
    }

    /// Whoever is out on an incident is asked as often as it says now.
    pub fn begin_timers_anew(&mut self, incident: Uuid) -> Result<(), Problem> {
        let is_meant =
            |a: &Working| a.reference("incident_id") == Some(incident) && a.text("state").is_some_and(is_out);
        let out: Vec<Uuid> = self.open(Collection::Assignments).iter().filter(|a| is_meant(a)).map(|a| a.id).collect();
        for id in out {
            let cadence_s = self.cadence_of(id)?;
            let record = self.change(Collection::Assignments, id)?;
            match record.time("accountability_at").zip(cadence_s) {
                Some((heard_at, cadence_s)) => {
                    record.set_time("accountability_due_at", heard_at.plus_s(cadence_s));
                }
                None => record.remove("accountability_due_at"),
            }
        }
        Ok(())
    }

    /// How often the unit of an assignment must be heard of, seconds.
    pub fn cadence_of(&mut self, id: Uuid) -> Result<Option<i64>, Problem> {
        let Some(incident) = self.read(Collection::Assignments, id)?.reference("incident_id") else { return Ok(None) };
        let record = self.read(Collection::Incidents, incident)?;
        Ok(cadence_s(record.text("kind").unwrap_or_default(), record.integer("accountability_every_min")))
    }

    /// Lets an assignment follow its unit to another incident; one that waited there for the same unit is over.
    pub fn move_assignment(&mut self, unit: Uuid, from: Uuid, to: Uuid) -> Result<(), Problem> {
        let Some(moved) = self.assignment_of(from, unit) else { return Ok(()) };
        if let Some(there) = self.assignment_of(to, unit) {
            self.step(there, "cancelled")?;
        }
        self.change(Collection::Assignments, moved)?.set("incident_id", to.to_string());
        self.deployed_to(moved, to)?;
        let is_of_it = |alarm: &&Working| alarm.reference("assignment_id") == Some(moved);
        let alarms: Vec<Uuid> = self.open(Collection::Alarms).iter().filter(is_of_it).map(|alarm| alarm.id).collect();
        for alarm in alarms {
            self.change(Collection::Alarms, alarm)?.set("incident_id", to.to_string());
        }
        Ok(())
    }
}

fn known_queue(unit: &Working) -> Vec<Uuid> {
    unit.references("queued_incident_ids")
}

/// Lets a force support the incident.
fn support(incident: &mut Working, force: &str) {
    if incident.text("lead_force") == Some(force) {
        return;
    }
    let supporting = incident.properties.get("support_forces").and_then(Value::as_array);
    let mut supporting: Vec<String> =
        supporting.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    supporting.push(force.to_owned());
    supporting.sort();
    supporting.dedup();
    incident.set("support_forces", supporting);
}
