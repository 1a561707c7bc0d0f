//! Assigning and releasing units.

use std::sync::Arc;

use uuid::Uuid;

use super::hand::Hand;
use super::incidents::{state_of, target};
use super::scene::{Draft, Scene, record_of};
use super::write::may;
use super::{Ask, Assigned, Desk, Written, words};
use crate::domain::access::Deed;
use crate::domain::transition::Verb;
use crate::domain::unit::{Availability, availability};
use crate::domain::{Code, Collection, Problem};

/// Most units on one incident, and most incidents in one unit's queue: the longest list a record takes.
const LIST_MAX: usize = crate::domain::schema::LIST_ITEMS_MAX;

impl Desk {
    /// Assigns a unit to an incident (`If-Match` of the incident). A busy unit keeps its status: the incident waits
    /// for it. A unit that is there already is no fault: the records are answered as they stand.
    ///
    /// # Errors
    /// `forbidden_transition` (the incident's state, or a unit in distress or off duty), `unknown_unit`,
    /// `version_conflict` with `present`, `precondition_required`, `limit_exceeded`, `not_found`, `forbidden`.
    pub async fn assign(&self, ask: &Ask, incident: Uuid, unit: Uuid) -> Result<Assigned, Problem> {
        may(&ask.actor, Deed::AssignUnit)?;
        let written = self.write(ask, |scene| decide_assign(scene, incident, unit)).await?;
        self.assigned(written, incident, unit)
    }

    /// Releases a unit from an incident (`If-Match` of the incident); the next incident that waits for it takes it.
    ///
    /// # Errors
    /// `not_found` if the unit is neither assigned nor queued there, `version_conflict` with `present`,
    /// `precondition_required`, `forbidden`.
    pub async fn release(&self, ask: &Ask, incident: Uuid, unit: Uuid) -> Result<Assigned, Problem> {
        may(&ask.actor, Deed::AssignUnit)?;
        let written = self.write(ask, |scene| decide_release(scene, incident, unit)).await?;
        self.assigned(written, incident, unit)
    }

    fn assigned(&self, written: Written, incident: Uuid, unit: Uuid) -> Result<Assigned, Problem> {
        let changed = written.changes.iter().find(|change| change.record.id == unit);
        let record = match changed {
            Some(change) => Arc::clone(&change.record),
            None => self
                .picture
                .load()
                .layer(Collection::Units)
                .get(unit)
                .map(|f| Arc::new(record_of(Collection::Units, f)))
                .ok_or_else(|| {
                    Problem::new(
                        Code::UnknownUnit,
                        format!("không có đơn vị {unit}"),
                        format!("there is no unit {unit}"),
                    )
                })?,
        };
        let waiting = record.properties_map().remove("queued_incident_ids");
        let queued = waiting.and_then(|list| list.as_array().cloned()).unwrap_or_default();
        let queued = queued.iter().any(|id| id.as_str() == Some(incident.to_string().as_str()));
        Ok(Assigned { written, unit: record, queued })
    }
}

fn decide_assign(scene: &Scene<'_>, incident: Uuid, unit: Uuid) -> Result<Draft, Problem> {
    let record = scene.take_matching(Collection::Incidents, incident)?;
    let sent = scene
        .take(Collection::Units, unit)
        .map_err(|problem| Problem { code: Code::UnknownUnit, ..problem }.at("/unit_id"))?;
    let held = [record.references("unit_ids"), record.references("queued_unit_ids")].concat();
    if held.contains(&unit) {
        return scene.already(Collection::Incidents, incident);
    }
    target(Verb::Assign, &state_of(&record))?;
    if held.len() >= LIST_MAX || sent.references("queued_incident_ids").len() >= LIST_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("nhiều hơn {LIST_MAX} đơn vị hoặc vụ việc chờ"),
            format!("more than {LIST_MAX} units, or incidents waiting"),
        ));
    }
    let status = sent.text("status").unwrap_or("available").to_owned();
    if sent.text("ended_at").is_some() || availability(&status) == Availability::Unavailable {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            format!("{} không điều động được: {}", sent.label(), words::unit_status(&status)),
            format!("{} cannot be sent: it is {status}", sent.label()),
        )
        .with("unit_status", status));
    }
    let busy = availability(&status) == Availability::Committed || sent.reference("incident_id").is_some();
    let mut hand = Hand::new(scene, scene.at()?, record);
    if busy {
        hand.queue(incident, unit)?;
    } else {
        hand.give(incident, unit, "")?;
    }
    Ok(hand.finish())
}

fn decide_release(scene: &Scene<'_>, incident: Uuid, unit: Uuid) -> Result<Draft, Problem> {
    let record = scene.take_matching(Collection::Incidents, incident)?;
    let held = [record.references("unit_ids"), record.references("queued_unit_ids")].concat();
    if !held.contains(&unit) {
        return Err(Problem::new(
            Code::NotFound,
            format!("đơn vị {unit} không được giao vụ việc này"),
            format!("unit {unit} is neither assigned to this incident nor waited for"),
        ));
    }
    let mut hand = Hand::new(scene, scene.at()?, record);
    hand.free(incident, unit, true)?;
    Ok(hand.finish())
}
