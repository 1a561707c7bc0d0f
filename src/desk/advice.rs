//! Advice for the one who dispatches.

use std::collections::HashMap;

use geo_types::Geometry;
use serde_json::Value;
use uuid::Uuid;

use super::scene::force_word;
use super::travel::prepared;
use super::{Desk, Recommendation};
use crate::domain::recommend::{self, Asked, Standing, UnitFacts, UnitPosition};
use crate::domain::unit::{Availability, availability};
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::geometry::measure::{PreparedArea, bearing_deg, distance_m};
use crate::picture::{Shown, View};

/// Most candidates in one answer.
pub const CANDIDATES_MAX: usize = 200;

/// Advice, and what it was made from: by these alone it is made again.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    pub recommendation: Recommendation,
    pub asked: Asked,
    pub units: Vec<UnitFacts>,
}

impl Desk {
    /// Units ranked for an incident, and those left out, with reasons. Reads units through `view` alone.
    ///
    /// # Errors
    /// `not_found`, or `place_not_found` if nothing is known of where the incident is.
    pub fn recommendation(&self, view: &View, incident: Uuid, limit: usize) -> Result<Advice, Problem> {
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
        let asked = Asked {
            incident_id: incident,
            kind: shown.text("kind").unwrap_or_default().into_owned(),
            force: view.actor().force.map(|force| force_word(force).to_owned()),
            now: view.now(),
            commune_only,
            limit: limit.min(CANDIDATES_MAX),
        };
        let mut units = self.unit_facts(view, &shown, place);
        self.travels(place, &mut units, &warned_zones(view));
        Ok(Advice { recommendation: recommend::rank(&asked, &units, view.seq()), asked, units })
    }

    /// What is known of each unit that the View shows.
    fn unit_facts(&self, view: &View, incident: &Shown<'_>, place: [f64; 2]) -> Vec<UnitFacts> {
        let reference = |shown: &Shown<'_>, name: &str| shown.text(name).and_then(|id| Uuid::parse_str(&id).ok());
        let sector = reference(incident, "sector_id").and_then(|id| view.item(Collection::BorderSectors, id));
        let sector_post = sector.and_then(|sector| reference(&sector, "station_id"));
        let shown: Vec<Shown<'_>> = view.all(Collection::Units).filter(Shown::is_record).collect();
        let mut ready: HashMap<Uuid, usize> = HashMap::new();
        let is_ready = |unit: &Shown<'_>| {
            availability(unit.text("status").as_deref().unwrap_or("available")) == Availability::Available
                && unit.text("incident_id").is_none()
        };
        for station in shown.iter().filter(|unit| is_ready(unit)).filter_map(|unit| reference(unit, "station_id")) {
            *ready.entry(station).or_default() += 1;
        }
        let mut units: Vec<UnitFacts> = shown
            .iter()
            .map(|unit| {
                let station = reference(unit, "station_id");
                let others = |station: Uuid| {
                    ready.get(&station).copied().unwrap_or_default().saturating_sub(usize::from(is_ready(unit)))
                };
                UnitFacts {
                    is_sector_post: station.is_some() && station == sector_post,
                    cover_left: station.map(others),
                    ..facts(unit, place)
                }
            })
            .collect();
        let mut by_distance: Vec<(usize, f64, Uuid)> = (units.iter().enumerate())
            .filter_map(|(n, unit)| Some((n, unit.place.as_ref()?.distance_m, unit.unit_id)))
            .collect();
        by_distance.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.2.cmp(&b.2)));
        for (rank, (n, ..)) in by_distance.into_iter().enumerate() {
            if let Some(place) = &mut units[n].place {
                place.straight_rank = rank + 1;
            }
        }
        units
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
            Some(Standing {
                position,
                distance_m: distance_m(lon, lat, point.x(), point.y()),
                bearing_deg: bearing_deg(lon, lat, point.x(), point.y()),
                straight_rank: 0,
                travel: None,
            })
        }
        _ => None,
    };
    UnitFacts {
        unit_id: unit.id(),
        kind: text("kind"),
        force: text("force"),
        status: unit.text("status").map_or_else(|| "available".to_owned(), |status| status.into_owned()),
        capabilities: capabilities.unwrap_or_default(),
        crew: unit.number("crew").map(|crew| crew as u32),
        place,
        incident_id: unit.text("incident_id").and_then(|id| Uuid::parse_str(&id).ok()),
        queued_incident_ids: ids("queued_incident_ids"),
        is_sector_post: false,
        cover_left: None,
    }
}

/// Zones in force of level 2 or more, as far as the View shows them.
fn warned_zones(view: &View) -> Vec<PreparedArea> {
    let is_warned = |zone: &Shown<'_>| {
        zone.text("state").as_deref() == Some("in_force") && zone.number("level").is_some_and(|l| l >= 2.0)
    };
    let zones = view.all(Collection::RiskZones).filter(|zone| zone.is_record() && is_warned(zone));
    zones.filter_map(|zone| prepared(zone.geometry()?)).collect()
}
