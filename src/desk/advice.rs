//! Advice for the one who dispatches.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use geo_types::Geometry;
use serde_json::Value;
use uuid::Uuid;

use super::hand::Hand;
use super::scene::{Working, force_word};
use super::travel::prepared;
use super::{Desk, Recommendation};
use crate::domain::advice::Shown as Basis;
use crate::domain::move_up::{DONORS_MAX, EmptyPost, POSTS_MAX, can_be_spared};
use crate::domain::recommend::{self, Asked, Standing, UnitFacts, UnitPosition, is_night};
use crate::domain::unit::{Availability, availability};
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::geometry::measure::{PreparedArea, bearing_deg, distance_m};
use crate::picture::{Shown, View};

/// Most candidates in one answer.
pub const CANDIDATES_MAX: usize = 200;

/// Answers that are remembered until the order comes that rests on one of them.
const REMEMBERED_MAX: usize = 256;

/// Advice, and what it was made from: by these alone it is made again.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// By which the order that follows names it.
    pub id: Uuid,
    /// Who asked.
    pub shown_to: String,
    pub recommendation: Recommendation,
    pub asked: Asked,
    pub units: Vec<UnitFacts>,
    pub empty_posts: Vec<EmptyPost>,
    /// Fingerprint of the road network; `None` where none is loaded.
    pub roads_id: Option<String>,
}

/// Advice that an order rests on.
#[derive(Clone, Debug)]
pub struct Followed {
    pub advice: Arc<Advice>,
    /// It is what was on the screen; else it was made anew, because this node does not know that any more.
    pub is_as_shown: bool,
}

/// The answers given last, newest first.
#[derive(Debug, Default)]
pub(super) struct AdviceGiven(Mutex<VecDeque<Arc<Advice>>>);

impl AdviceGiven {
    fn remember(&self, advice: &Arc<Advice>) {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        given.truncate(REMEMBERED_MAX - 1);
        given.push_front(Arc::clone(advice));
    }

    fn find(&self, id: Uuid) -> Option<Arc<Advice>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|advice| advice.id == id).cloned()
    }
}

impl Desk {
    /// Units ranked for an incident, and those left out, with reasons. Reads units through `view` alone. The answer is
    /// remembered for the order that may follow ([`Desk::followed`]).
    ///
    /// # Errors
    /// `not_found`, or `place_not_found` if nothing is known of where the incident is.
    pub fn recommendation(&self, view: &View, incident: Uuid, limit: usize) -> Result<Arc<Advice>, Problem> {
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
            is_night: is_night(view.now()),
            limit: limit.min(CANDIDATES_MAX),
        };
        let mut units = self.unit_facts(view, &shown, place);
        self.travels(place, &mut units, &warned_zones(view));
        let picks = recommend::rank(&asked, &units, &[], view.seq()).picks;
        let empty_posts = self.empty_posts(view, &picks, &units);
        let advice = Arc::new(Advice {
            id: Uuid::now_v7(),
            shown_to: view.actor().name.clone(),
            recommendation: recommend::rank(&asked, &units, &empty_posts, view.seq()),
            asked,
            units,
            empty_posts,
            roads_id: self.roads().map(|in_force| in_force.roads.id.clone()),
        });
        self.given.remember(&advice);
        Ok(advice)
    }

    /// The advice that the actor of `view` had on the screen, or, where this node does not know it any more, made anew.
    ///
    /// # Errors
    /// As [`Desk::recommendation`].
    pub fn followed(&self, view: &View, incident: Uuid, advice: Uuid) -> Result<Followed, Problem> {
        let is_theirs = |advice: &Advice| advice.asked.incident_id == incident && advice.shown_to == view.actor().name;
        match self.given.find(advice).filter(|advice| is_theirs(advice)) {
            Some(advice) => Ok(Followed { advice, is_as_shown: true }),
            None => Ok(Followed { advice: self.recommendation(view, incident, CANDIDATES_MAX)?, is_as_shown: false }),
        }
    }

    /// The posts that the picks leave empty, each with the nearest units that can be spared and their ways there.
    fn empty_posts(&self, view: &View, picks: &[Uuid], units: &[UnitFacts]) -> Vec<EmptyPost> {
        let picked = units.iter().filter(|unit| unit.cover_left == Some(0) && picks.contains(&unit.unit_id));
        let post = |unit: &UnitFacts| {
            let station_id = unit.station_id?;
            let Some(Geometry::Point(post)) = view.item(Collection::Stations, station_id)?.geometry().cloned() else {
                return None;
            };
            let place = [post.x(), post.y()];
            let may_go = |other: &&UnitFacts| {
                !picks.contains(&other.unit_id)
                    && other.station_id != Some(station_id)
                    && can_be_spared(other, &unit.force)
            };
            let mut donors: Vec<UnitFacts> =
                units.iter().filter(may_go).filter_map(|donor| seen_from(donor, place)).collect();
            let far = |unit: &UnitFacts| unit.place.as_ref().map_or(f64::INFINITY, |place| place.distance_m);
            donors.sort_by(|a, b| far(a).total_cmp(&far(b)).then_with(|| a.unit_id.cmp(&b.unit_id)));
            donors.truncate(DONORS_MAX);
            self.travels(place, &mut donors, &[]);
            Some(EmptyPost { station_id, left_by: unit.unit_id, force: unit.force.clone(), donors })
        };
        picked.take(POSTS_MAX).filter_map(post).collect()
    }

    /// When each unit last declined an order to this incident, or let it time out.
    fn declined(&self, incident: Uuid) -> HashMap<Uuid, Timestamp> {
        // Orders are made after their incident; clocks of telephones that made its id are off by less than a day.
        let (seconds, _) = incident.get_timestamp().map_or((0, 0), |made| made.to_unix());
        let first = Uuid::from_u128((u128::from(seconds.saturating_sub(86_400)) * 1_000) << 80);
        let picture = self.picture.load();
        let mut declined: HashMap<Uuid, Timestamp> = HashMap::new();
        let id = incident.to_string();
        for order in picture.layer(Collection::Assignments).since(first) {
            if order.text("incident_id").as_deref() != Some(id.as_str())
                || !matches!(order.text("state").as_deref(), Some("declined" | "timed_out"))
            {
                continue;
            }
            let unit = order.text("unit_id").and_then(|id| Uuid::parse_str(&id).ok());
            let at = order.text("state_at").and_then(|at| Timestamp::parse(&at).ok());
            if let (Some(unit), Some(at)) = (unit, at) {
                declined.entry(unit).and_modify(|last| *last = at.max(*last)).or_insert(at);
            }
        }
        declined
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
        let declined = self.declined(incident.id());
        let mut units: Vec<UnitFacts> = shown
            .iter()
            .map(|unit| {
                let station = reference(unit, "station_id");
                let others = |station: Uuid| {
                    ready.get(&station).copied().unwrap_or_default().saturating_sub(usize::from(is_ready(unit)))
                };
                UnitFacts {
                    is_sector_post: station.is_some() && station == sector_post,
                    station_id: station,
                    declined_at: declined.get(&unit.id()).copied(),
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

/// Keeps the advice that an order rests on with the order.
///
/// # Errors
/// None but that of a record that went meanwhile.
pub(super) fn keep(hand: &mut Hand<'_, '_>, followed: &Followed, incident: Uuid, unit: Uuid) -> Result<(), Problem> {
    let Followed { advice, is_as_shown } = followed;
    let recommendation = &advice.recommendation;
    let basis = Basis::of(recommendation, &advice.asked, advice.roads_id.clone(), &advice.units, &advice.empty_posts);
    // Several units may be sent by one answer: each order keeps its own.
    let mut record = Working::new(Collection::Advices, Uuid::now_v7());
    record.set("incident_id", incident.to_string());
    record.set("unit_id", unit.to_string());
    record.set("shown_to", advice.shown_to.as_str());
    record.set("by_force", advice.asked.force.as_deref().map_or(Value::Null, Value::from));
    record.set_time("shown_at", advice.asked.now);
    let rank = recommendation.candidates.iter().find(|candidate| candidate.unit_id == unit).map(|c| c.rank);
    record.set("rank", rank.map_or(Value::Null, Value::from));
    record.set("is_as_shown", *is_as_shown);
    record.set("basis", serde_json::to_value(&basis).unwrap_or_default());
    if let Some(order) = hand.assignment_of(incident, unit) {
        hand.change(Collection::Assignments, order)?.set("advice_id", record.id.to_string());
    }
    hand.add(record);
    Ok(())
}

/// A unit as it stands seen from another place; `None` if nobody knows where it is.
fn seen_from(unit: &UnitFacts, [lon, lat]: [f64; 2]) -> Option<UnitFacts> {
    let place = unit.place.as_ref()?;
    let (from_lon, from_lat) = (place.position.lon, place.position.lat);
    let place = Standing {
        distance_m: distance_m(lon, lat, from_lon, from_lat),
        bearing_deg: bearing_deg(lon, lat, from_lon, from_lat),
        straight_rank: 0,
        travel: None,
        ..place.clone()
    };
    Some(UnitFacts { place: Some(place), ..unit.clone() })
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
        station_id: None,
        cover_left: None,
        declined_at: None,
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
