//! People in a zone who are on no list of households: workers, boarding pupils, whoever passes. Nobody counts them one
//! by one; somebody says how many, and how far off that may be.

use serde_json::{Value, json};
use uuid::Uuid;

use super::assignments::check_told;
use super::scene::{Draft, Entry, Scene};
use super::write::may;
use super::{Ask, Desk, Told, Written};
use crate::domain::access::Deed;
use crate::domain::zone::{LIVE, OUTSIDERS, OUTSIDERS_MAX};
use crate::domain::{Code, Collection, Problem, Role};

/// A count of such people.
#[derive(Clone, Debug)]
pub struct Outsiders {
    /// One of [`OUTSIDERS`].
    pub kind: String,
    pub people: i64,
    /// So many more or fewer it may be.
    pub plus_minus: i64,
    pub told: Told,
}

impl Desk {
    /// Writes down how many people of a kind are in a zone beside its households. The newest by its time stands; one that
    /// comes late is logged and changes nothing.
    ///
    /// # Errors
    /// `invalid_value`, `forbidden_transition` for a zone that is over, `future_time`, `not_found`, `forbidden`.
    pub async fn tell_outsiders(&self, ask: &Ask, zone: Uuid, told: Outsiders) -> Result<Written, Problem> {
        may(&ask.actor, Deed::ReportEvacuation)?;
        check_told(&told.told)?;
        check(&told)?;
        self.write_in_turn(ask, zone, |scene| decide(scene, zone, &told)).await
    }
}

fn check(told: &Outsiders) -> Result<(), Problem> {
    let invalid = |name: &str, vi: String, en: String| Problem::new(Code::InvalidValue, vi, en).at(&format!("/{name}"));
    if !OUTSIDERS.contains(&told.kind.as_str()) {
        let known = OUTSIDERS.join(", ");
        return Err(invalid("kind", format!("kind: không thuộc {known}"), format!("kind: is not one of {known}")));
    }
    for (name, count) in [("people", told.people), ("plus_minus", told.plus_minus)] {
        if !(0..=OUTSIDERS_MAX).contains(&count) {
            let vi = format!("{name}: ngoài khoảng 0–{OUTSIDERS_MAX}");
            return Err(invalid(name, vi, format!("{name}: is outside 0..{OUTSIDERS_MAX}")));
        }
    }
    Ok(())
}

fn decide(scene: &Scene<'_>, id: Uuid, told: &Outsiders) -> Result<Draft, Problem> {
    let mut record = scene.take_open(Collection::RiskZones, id)?;
    let state = record.text("state").unwrap_or_default().to_owned();
    if !LIVE.contains(&state.as_str()) {
        let problem = Problem::new(Code::ForbiddenTransition, "khu vực đã hết hiệu lực", "the zone is over");
        return Err(problem.with("state", state).with("allowed", json!([])));
    }
    let at = scene.at()?;
    let is_own = scene.ask.actor.role == Role::FieldUnit;
    let source = told.told.source.as_deref().unwrap_or(if is_own { "own" } else { "desk" });
    let mut count = json!({
        "kind": told.kind, "people": told.people, "plus_minus": told.plus_minus, "at": at.to_string(),
        "by": scene.ask.actor.name, "source": source,
    });
    if let Some(heard) = &told.told.told_by {
        count["told_by"] = heard.trim().into();
    }
    let mut counts = record.properties.get("outsiders").and_then(Value::as_array).cloned().unwrap_or_default();
    let time = |count: &Value| count["at"].as_str().map(str::to_owned);
    let known = counts.iter().position(|known| known["kind"] == told.kind.as_str());
    // Times are written alike, so that texts compare as they do.
    let is_late = known.is_some_and(|n| time(&counts[n]) > time(&count));
    match known {
        _ if is_late => {}
        Some(n) => counts[n] = count.clone(),
        None => counts.push(count.clone()),
    }
    let late = if is_late { ", báo muộn" } else { "" };
    let text = format!(
        "{}: {} ±{} người ngoài danh sách ({}){late}",
        record.label(),
        told.people,
        told.plus_minus,
        kind_vi(&told.kind)
    );
    if !is_late {
        record.set("outsiders", counts);
    }
    let mut draft = Draft::default();
    draft.put(record, at);
    let entry = Entry { kind: "outsiders_told", text, facts: count, incident: None, unit: None, zone: Some(id) };
    draft.log(scene, at, entry);
    Ok(draft)
}

/// What they are called.
pub(super) fn kind_vi(kind: &str) -> &'static str {
    match kind {
        "workers" => "công nhân, thợ",
        "boarding_pupils" => "học sinh nội trú",
        "visitors" => "khách",
        "passers_by" => "người qua đường",
        _ => "khác",
    }
}
