//! Advice for the one who dispatches.

use geo_types::Geometry;
use serde_json::Value;
use uuid::Uuid;

use super::scene::force_word;
use super::{Desk, Recommendation};
use crate::domain::recommend::{self, Asked, UnitFacts, UnitPosition};
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::geometry::measure::{bearing_deg, distance_m};
use crate::picture::{Shown, View};

/// Most candidates in one answer.
pub const CANDIDATES_MAX: usize = 200;

impl Desk {
    /// Units ranked for an incident, and those left out, with reasons. Reads units through `view` alone.
    ///
    /// # Errors
    /// `not_found`, or `place_not_found` if nothing is known of where the incident is.
    pub fn recommendation(&self, view: &View, incident: Uuid, limit: usize) -> Result<Recommendation, Problem> {
        let shown = view.item(Collection::Incidents, incident).ok_or_else(|| {
            Problem::new(
                Code::NotFound,
                format!("không có vụ việc {incident}"),
                format!("there is no incident {incident}"),
            )
        })?;
        let (place, commune_only) = self.place_of(&shown).ok_or_else(|| {
            Problem::new(
                Code::PlaceNotFound,
                "chưa biết vụ việc ở đâu: không xếp hạng được đơn vị",
                "nothing is known of where the incident is: units cannot be ranked",
            )
        })?;
        let kind = shown.text("kind").unwrap_or_default();
        let asked = Asked {
            incident_id: incident,
            kind: &kind,
            force: view.actor().force.map(force_word),
            now: view.now(),
            commune_only,
            limit: limit.min(CANDIDATES_MAX),
        };
        let units = view.all(Collection::Units).filter(Shown::is_record).map(|unit| facts(&unit, place)).collect();
        Ok(recommend::rank(&asked, units, view.seq()))
    }

    /// The incident's point, or the label point of its commune.
    fn place_of(&self, incident: &Shown<'_>) -> Option<([f64; 2], bool)> {
        if let Some(Geometry::Point(point)) = incident.geometry() {
            return Some(([point.x(), point.y()], false));
        }
        let code = incident.text("admin_unit").or_else(|| incident.text("commune_code"))?;
        let ground = self.ground.of(&self.picture.load());
        ground.commune(&code)?.label.map(|label| (label, true))
    }
}

fn facts(unit: &Shown<'_>, from: [f64; 2]) -> UnitFacts {
    let text = |name: &str| unit.text(name).unwrap_or_default().into_owned();
    let ids = |name: &str| -> Vec<Uuid> {
        let list = unit.property(name).and_then(|value| value.as_array().cloned()).unwrap_or_default();
        list.iter().filter_map(Value::as_str).filter_map(|id| Uuid::parse_str(id).ok()).collect()
    };
    let capabilities = unit.property("capabilities").and_then(|value| serde_json::from_value(value).ok());
    let place = match unit.geometry() {
        Some(Geometry::Point(point)) => {
            let source = unit.text("fix_source").map_or_else(|| "post".to_owned(), |source| source.into_owned());
            let position = UnitPosition {
                lon: point.x(),
                lat: point.y(),
                source,
                at: unit.text("fix_at").and_then(|at| Timestamp::parse(&at).ok()),
                accuracy_m: unit.number("fix_accuracy_m"),
            };
            let [lon, lat] = from;
            let distance = distance_m(lon, lat, point.x(), point.y());
            Some((position, distance, bearing_deg(lon, lat, point.x(), point.y())))
        }
        _ => None,
    };
    UnitFacts {
        unit_id: unit.id(),
        kind: text("kind"),
        force: text("force"),
        status: unit.text("status").map_or_else(|| "available".to_owned(), |status| status.into_owned()),
        capabilities: capabilities.unwrap_or_default(),
        place,
        incident_id: unit.text("incident_id").and_then(|id| Uuid::parse_str(&id).ok()),
        queued_incident_ids: ids("queued_incident_ids"),
    }
}
