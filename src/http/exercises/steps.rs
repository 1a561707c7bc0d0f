//! How long what took, incident by incident: what an exercise is judged by, read off the incidents and their assignments.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Collection, Timestamp};
use crate::picture::{Shown, View};

/// One thing that was done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StepTime {
    /// `acknowledged`, `verified`, `dispatched`, `unit_acknowledged`, `en_route`, `on_scene`, `contained` or `closed`: when it
    /// was done first.
    step: &'static str,
    #[schema(value_type = String, format = "date-time")]
    at: Timestamp,
    /// Seconds after the report.
    after_s: i64,
}

/// An incident and what was done about it, in the order of time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IncidentSteps {
    incident_id: Uuid,
    code: String,
    title: String,
    #[schema(value_type = String, format = "date-time")]
    reported_at: Timestamp,
    steps: Vec<StepTime>,
}

/// Fields of an incident, and of its assignments, that say when something was done.
const OF_INCIDENT: [(&str, &str); 4] = [
    ("acknowledged_at", "acknowledged"),
    ("verified_at", "verified"),
    ("contained_at", "contained"),
    ("closed_at", "closed"),
];
const OF_ASSIGNMENT: [(&str, &str); 4] = [
    ("dispatched_at", "dispatched"),
    ("acknowledged_at", "unit_acknowledged"),
    ("en_route_at", "en_route"),
    ("on_scene_at", "on_scene"),
];

/// The incidents that the reader sees, in the order of their reports.
pub(super) fn of_incidents(view: &View) -> Vec<IncidentSteps> {
    let mut first: HashMap<(String, &str), Timestamp> = HashMap::new();
    for assignment in view.all(Collection::Assignments) {
        let Some(incident) = assignment.text("incident_id") else { continue };
        for (field, step) in OF_ASSIGNMENT {
            if let Some(at) = time(&assignment, field) {
                let earliest = first.entry((incident.to_string(), step)).or_insert(at);
                *earliest = (*earliest).min(at);
            }
        }
    }
    let mut found: Vec<IncidentSteps> = view
        .all(Collection::Incidents)
        .filter_map(|incident| {
            let reported_at = time(&incident, "reported_at")?;
            let id = incident.id();
            let own = OF_INCIDENT.into_iter().filter_map(|(field, step)| Some((step, time(&incident, field)?)));
            let key = |step| (id.to_string(), step);
            let units = OF_ASSIGNMENT.into_iter().filter_map(|(_, step)| Some((step, *first.get(&key(step))?)));
            let mut steps: Vec<StepTime> = own
                .chain(units)
                .map(|(step, at)| StepTime { step, at, after_s: at.seconds_since(reported_at) })
                .collect();
            steps.sort_by_key(|step| step.at);
            let text = |name: &str| incident.text(name).map(|text| text.into_owned()).unwrap_or_default();
            Some(IncidentSteps { incident_id: id, code: text("code"), title: text("title"), reported_at, steps })
        })
        .collect();
    found.sort_by_key(|one| (one.reported_at, one.incident_id));
    found
}

fn time(record: &Shown<'_>, name: &str) -> Option<Timestamp> {
    Timestamp::parse(&record.text(name)?).ok()
}
