//! Assigning and releasing units: one's own are sent, another force's are asked for.

use std::sync::Arc;

use uuid::Uuid;

use super::course::Leaving;
use super::hand::Hand;
use super::incidents::{state_of, target};
use super::scene::{Draft, Scene, Working, force_word, record_of};
use super::write::may;
use super::{Ask, Assigned, Desk, Order, Written, advice, words};
use crate::domain::access::Deed;
use crate::domain::transition::Verb;
use crate::domain::unit::{Availability, availability};
use crate::domain::{Code, Collection, Problem};

/// Most units on one incident, and most incidents in one unit's queue: the longest list a record takes.
const LIST_MAX: usize = crate::domain::schema::LIST_ITEMS_MAX;

impl Desk {
    /// Assigns a unit to an incident (`If-Match` of the incident). A busy unit keeps its status: the incident waits
    /// for it. A unit of another force is asked for, unless the actor is of the joint duty room. A proposal is ordered
    /// later ([`Desk::decide_assignment`]). A unit that is there already is no fault: the records are answered as they
    /// stand.
    ///
    /// # Errors
    /// `forbidden_transition` (the incident's state, or a unit in distress or off duty), `unknown_unit`,
    /// `version_conflict` with `present`, `precondition_required`, `limit_exceeded`, `not_found`, `forbidden`.
    pub async fn assign(&self, ask: &Ask, incident: Uuid, order: impl Into<Order>) -> Result<Assigned, Problem> {
        may(&ask.actor, Deed::AssignUnit)?;
        let order = order.into();
        let written = self.write(ask, |scene| decide_assign(scene, incident, &order)).await?;
        self.assigned(written, incident, order.unit)
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
        let assignment = self.assignment_in(&written, incident, unit);
        Ok(Assigned { written, unit: record, assignment, queued })
    }
}

fn decide_assign(scene: &Scene<'_>, incident: Uuid, order: &Order) -> Result<Draft, Problem> {
    let unit = order.unit;
    let record = scene.take_matching(Collection::Incidents, incident)?;
    let sent = scene
        .take(Collection::Units, unit)
        .map_err(|problem| Problem { code: Code::UnknownUnit, ..problem }.at("/unit_id"))?;
    let held = held(&record);
    if held.contains(&unit) {
        return scene.already(Collection::Incidents, incident);
    }
    target(Verb::Assign, &state_of(&record))?;
    let mut hand = Hand::new(scene, scene.at()?, record);
    if order.is_proposal {
        check_can_go(&sent)?;
        hand.propose(incident, unit)?;
    } else {
        give_order(&mut hand, incident, unit)?;
    }
    if let Some(followed) = &order.followed {
        advice::keep(&mut hand, followed, incident, unit)?;
    }
    Ok(hand.finish())
}

/// Units that an incident has, waits for or asked for.
fn held(incident: &Working) -> Vec<Uuid> {
    ["unit_ids", "queued_unit_ids", "requested_unit_ids"].iter().flat_map(|list| incident.references(list)).collect()
}

/// Sends a unit that the actor may order, asks for another's.
pub(super) fn give_order(hand: &mut Hand<'_, '_>, incident: Uuid, unit: Uuid) -> Result<(), Problem> {
    let force = hand.scene.ask.actor.force.map(force_word);
    let is_anothers = {
        let of_unit = hand.read(Collection::Units, unit)?.text("force");
        force.is_some() && of_unit.is_some() && of_unit != force
    };
    if !is_anothers {
        return send(hand, incident, unit);
    }
    check_room(hand, incident, unit)?;
    check_can_go(hand.read(Collection::Units, unit)?)?;
    hand.request(incident, unit)
}

/// Sends a unit, or lets a busy one's queue grow.
pub(super) fn send(hand: &mut Hand<'_, '_>, incident: Uuid, unit: Uuid) -> Result<(), Problem> {
    check_room(hand, incident, unit)?;
    let sent = hand.read(Collection::Units, unit)?;
    check_can_go(sent)?;
    let status = sent.text("status").unwrap_or("available");
    if availability(status) == Availability::Committed || sent.reference("incident_id").is_some() {
        hand.queue(incident, unit)
    } else {
        hand.give(incident, unit, "")
    }
}

fn check_room(hand: &mut Hand<'_, '_>, incident: Uuid, unit: Uuid) -> Result<(), Problem> {
    let units = held(hand.read(Collection::Incidents, incident)?).len();
    let waiting = hand.read(Collection::Units, unit)?.references("queued_incident_ids").len();
    if units < LIST_MAX && waiting < LIST_MAX {
        return Ok(());
    }
    Err(Problem::new(
        Code::LimitExceeded,
        format!("nhiều hơn {LIST_MAX} đơn vị hoặc vụ việc chờ"),
        format!("more than {LIST_MAX} units, or incidents waiting"),
    ))
}

/// Refuses a unit that cannot be sent by anybody.
fn check_can_go(unit: &Working) -> Result<(), Problem> {
    let status = unit.text("status").unwrap_or("available").to_owned();
    if unit.text("ended_at").is_none() && availability(&status) != Availability::Unavailable {
        return Ok(());
    }
    Err(Problem::new(
        Code::ForbiddenTransition,
        format!("{} không điều động được: {}", unit.label(), words::unit_status(&status)),
        format!("{} cannot be sent: it is {status}", unit.label()),
    )
    .with("unit_status", status))
}

fn decide_release(scene: &Scene<'_>, incident: Uuid, unit: Uuid) -> Result<Draft, Problem> {
    let record = scene.take_matching(Collection::Incidents, incident)?;
    if !held(&record).contains(&unit) {
        return Err(Problem::new(
            Code::NotFound,
            format!("đơn vị {unit} không được giao vụ việc này"),
            format!("unit {unit} is neither assigned to this incident nor waited for"),
        ));
    }
    let mut hand = Hand::new(scene, scene.at()?, record);
    hand.free(incident, unit, true, Leaving::Released)?;
    Ok(hand.finish())
}
