//! What an assignment adds to the account of the forces: a unit that sets out for an incident is one deployment (lượt), from
//! then until it is free again. Nobody has to enter what the duty room has seen; by hand come those of which it has not.

use serde_json::Value;
use uuid::Uuid;

use super::hand::Hand;
use super::scene::Working;
use crate::domain::assignment::is_ended;
use crate::domain::{Collection, Problem, Timestamp};

/// The deployment of an assignment, the same whoever writes it.
fn id_of(assignment: Uuid) -> Uuid {
    Uuid::new_v5(&assignment, b"deployment")
}

/// What a unit is sent for, by the kind of the incident.
fn purpose(kind: &str) -> &'static str {
    match kind {
        "landslide" | "flash_flood" | "flood" | "subsidence" | "rockfall" | "road_closure" | "bridge_damage" => {
            "disaster"
        }
        "fire" | "missing_person" | "accident" | "medical" | "contact_lost" => "search_rescue",
        "illegal_crossing" | "illegal_entry_exit" | "unplanned_migration" | "border_marker" | "smuggling" => "border",
        "drug_crime" | "human_trafficking" | "wanted_person_found" => "security",
        "public_order" => "public_order",
        _ => "other",
    }
}

impl Hand<'_, '_> {
    /// Follows a step of an assignment that was reached at `at`: setting out begins its deployment, the end of the
    /// assignment ends it. A unit that was called back before it set out was not deployed.
    pub fn deployed(&mut self, assignment: Uuid, to: &str, at: Timestamp) -> Result<(), Problem> {
        let id = id_of(assignment);
        let is_known = self.read(Collection::Deployments, id).is_ok();
        // Some tell no more than that they are there.
        if matches!(to, "en_route" | "on_scene") && !is_known {
            let begun = self.deployment(id, assignment, at)?;
            self.add(begun);
        } else if to == "en_route" {
            // Told late: it set out before it was heard to be there.
            let record = self.change(Collection::Deployments, id)?;
            let started_at = record.time("started_at").unwrap_or(at);
            record.set_time("started_at", at.min(started_at));
        } else if is_ended(to) && is_known {
            let record = self.change(Collection::Deployments, id)?;
            let started_at = record.time("started_at").unwrap_or(at);
            record.set_time("finished_at", at.max(started_at));
        }
        Ok(())
    }

    /// Follows an assignment to the incident that took its own in.
    pub fn deployed_to(&mut self, assignment: Uuid, incident: Uuid) -> Result<(), Problem> {
        let id = id_of(assignment);
        if self.read(Collection::Deployments, id).is_ok() {
            self.change(Collection::Deployments, id)?.set("incident_id", incident.to_string());
        }
        Ok(())
    }

    fn deployment(&mut self, id: Uuid, assignment: Uuid, at: Timestamp) -> Result<Working, Problem> {
        let order = self.read(Collection::Assignments, assignment)?;
        let (incident, unit) = (order.reference("incident_id"), order.reference("unit_id"));
        let mut record = Working::new(Collection::Deployments, id);
        record.set_time("started_at", at);
        record.set("assignment_id", assignment.to_string());
        record.set("source", "điều động");
        record.set("entered_by", self.scene.ask.actor.name.as_str());
        if let Some(unit) = unit {
            let known = self.read(Collection::Units, unit)?;
            record.set("unit_id", unit.to_string());
            record.set("force", known.text("force").map_or(Value::Null, Value::from));
            record.set("personnel", known.integer("crew").unwrap_or(0));
            if known.integer("crew").is_none() {
                record.set("note", "chưa rõ quân số của tổ");
            }
            if let Some(vehicle) = known.text("vehicle").filter(|vehicle| !vehicle.trim().is_empty()) {
                record.set("vehicles", 1);
                record.set("vehicle_kinds", serde_json::json!([{"kind": vehicle, "count": 1}]));
            }
        }
        if let Some(incident) = incident {
            let known = self.read(Collection::Incidents, incident)?;
            record.set("incident_id", incident.to_string());
            record.set("purpose", purpose(known.text("kind").unwrap_or_default()));
            record.set("task", known.text("title").map_or(Value::Null, Value::from));
            record.set("place_text", known.text("place_text").map_or(Value::Null, Value::from));
            record.set("admin_unit", known.properties.get("admin_unit").cloned().unwrap_or_default());
            record.geometry.clone_from(&known.geometry);
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::purpose;
    use crate::domain::deployment::PURPOSES;
    use crate::domain::incident::KINDS;

    #[test]
    fn every_kind_of_incident_has_a_purpose() {
        assert!(KINDS.iter().all(|kind| PURPOSES.contains(&purpose(kind))));
    }
}
