//! What time alone does to assignments. Due times stand in the records, so that nothing is forgotten over a restart; the
//! server writes here in its own name, once, and a person decides what follows.

use serde_json::json;
use uuid::Uuid;

use super::course::Leaving;
use super::hand::Hand;
use super::scene::{Draft, Scene};
use super::{Ask, Desk, Written};
use crate::domain::accountability::{Due, MISSES_MAX, due};
use crate::domain::{Actor, Collection, Force, Problem};

impl Desk {
    /// Does what is due to an assignment; nothing if nothing is.
    ///
    /// # Errors
    /// `not_found`, or the problem of the store.
    pub async fn turn_assignment(&self, id: Uuid) -> Result<Written, Problem> {
        self.write(&Ask::by(Actor::system()), |scene| decide_timer(scene, id)).await
    }
}

fn decide_timer(scene: &Scene<'_>, id: Uuid) -> Result<Draft, Problem> {
    let record = scene.take(Collection::Assignments, id)?;
    let state = record.text("state").unwrap_or_default();
    let parties = record.reference("incident_id").zip(record.reference("unit_id"));
    let due = due(state, |name| record.time(name), scene.timers).filter(|(_, at)| *at <= scene.now);
    let (Some((due, _)), Some((incident, unit))) = (due, parties) else {
        return scene.already(Collection::Assignments, id);
    };
    let asker = record.text("by_force").and_then(Force::parse);
    let missed = record.integer("accountability_missed").unwrap_or(0) + 1;
    let mut hand = Hand::new(scene, scene.now, record);
    let label = hand.read(Collection::Units, unit)?.label();
    let code = hand.read(Collection::Incidents, incident)?.label();
    match due {
        Due::Acknowledge => {
            hand.free(incident, unit, true, Leaving::TimedOut)?;
            let text = format!("{label} không nhận lệnh ({code}): chọn đơn vị khác");
            hand.raise("assignment_timed_out", asker, Some(id), Some(incident), unit, &text);
        }
        Due::Request => {
            hand.main().set_time("request_overdue_at", scene.now);
            let text = format!("Chưa có trả lời đề nghị phối hợp: {label} ({code})");
            hand.raise("support_unanswered", asker, Some(id), Some(incident), unit, &text);
        }
        Due::Accountability => missed_once_more(&mut hand, id, (incident, unit), missed, &label, &code)?,
    }
    Ok(hand.finish())
}

/// The unit was not heard of. The second time in a row contact counts as lost, and nothing more is asked for until a
/// person has decided.
fn missed_once_more(
    hand: &mut Hand<'_, '_>,
    id: Uuid,
    (incident, unit): (Uuid, Uuid),
    missed: i64,
    label: &str,
    code: &str,
) -> Result<(), Problem> {
    let now = hand.scene.now;
    let cadence_s = hand.cadence_of(id)?;
    let record = hand.main();
    record.remove("no_coverage_until");
    let Some(cadence_s) = cadence_s else {
        // The incident asks for no reports any more.
        record.remove("accountability_due_at");
        return Ok(());
    };
    record.set("accountability_missed", missed);
    let is_lost = missed >= MISSES_MAX;
    let (kind, text) = if is_lost {
        record.remove("accountability_due_at");
        ("contact_lost", format!("Mất liên lạc với {label} ({code}): không báo an toàn {missed} lần liền"))
    } else {
        record.set_time("accountability_due_at", now.plus_s(cadence_s));
        ("accountability_missed", format!("{label} không báo an toàn đúng hạn ({code})"))
    };
    hand.log("accountability", incident, Some(unit), text.clone(), json!({"assignment_id": id, "missed": missed}));
    if is_lost {
        hand.end_alarms(|alarm| {
            alarm.reference("assignment_id") == Some(id) && alarm.text("kind") == Some("accountability_missed")
        });
    }
    // Who is nearest to look for them may be of any force.
    hand.raise(kind, None, Some(id), Some(incident), unit, &text);
    Ok(())
}
