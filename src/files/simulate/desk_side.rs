//! The simulation inside the server: it asks the desk as a duty officer would.

use std::borrow::Cow;

use geo_types::Geometry;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::rain::Hour;
use super::world::SeenUnit;
use super::{GAUGE_CODES, Position, Seen, Side};
use crate::desk::{Ask, Desk, FixIn, GaugeName, ReadingIn, Report, StatusReport};
use crate::domain::place::{Place, PointSource};
use crate::domain::rain::Flag;
use crate::domain::{Actor, Collection, Problem, Role, Timestamp, incident};
use crate::picture::{Shown, View};

/// Plays on the desk of this process.
pub struct DeskSide {
    desk: Desk,
    actor: Actor,
    /// Units that people speak for: the simulation leaves them alone.
    spared: Vec<Uuid>,
}

impl DeskSide {
    /// Plays on `desk`, and leaves the units `spared` to people.
    #[must_use]
    pub fn new(desk: Desk, spared: Vec<Uuid>) -> Self {
        let actor = Actor::new("simulation", Role::DutyOfficer, None);
        Self { desk, actor, spared }
    }

    fn view(&self) -> View {
        self.desk.picture().view(&self.actor, self.desk.now())
    }

    fn ask(&self) -> Ask {
        Ask::by(self.actor.clone())
    }
}

impl Side for DeskSide {
    async fn roads(&self) -> Result<Vec<Geometry<f64>>, Problem> {
        Ok(self.view().all(Collection::Roads).filter_map(|road| road.geometry().cloned()).collect())
    }

    async fn look(&self) -> Result<Seen, Problem> {
        let view = self.view();
        let place_of = |collection, id: Option<String>| {
            view.item(collection, Uuid::parse_str(&id?).ok()?).and_then(|shown| point(shown.geometry()))
        };
        let units = view.all(Collection::Units).filter(|unit| !self.spared.contains(&unit.id())).map(|unit| {
            let text = |name: &str| unit.text(name).map(|text| text.into_owned());
            SeenUnit {
                id: unit.id(),
                kind: text("kind").unwrap_or_default(),
                status: text("status").unwrap_or_default(),
                place: point(unit.geometry()),
                post: place_of(Collection::Stations, text("station_id")),
                task: place_of(Collection::Incidents, text("incident_id")),
            }
        });
        let units = units.collect();
        let open = |state: &str| !incident::is_ended(state);
        let open_incidents =
            view.all(Collection::Incidents).filter(|i| i.text("state").is_some_and(|state| open(&state))).count();
        Ok(Seen { units, open_incidents })
    }

    async fn send(&self, fixes: Vec<Position>) -> Result<(), Problem> {
        let fixes = fixes.into_iter().map(|fix| FixIn {
            unit_id: fix.unit_id,
            lon: fix.lon,
            lat: fix.lat,
            at: fix.at,
            accuracy_m: Some(fix.accuracy_m),
            speed_mps: Some(fix.speed_mps),
            course_deg: fix.course_deg,
        });
        self.desk.take_fixes(&self.actor, fixes.collect()).await.map(|_| ())
    }

    async fn tell(&self, unit: Uuid, status: &'static str) -> Result<(), Problem> {
        let report = StatusReport { status: status.to_owned(), source: Some("own".to_owned()) };
        self.desk.set_status(&self.ask(), unit, report).await.map(|_| ())
    }

    async fn report(&self, at: [f64; 2], properties: Map<String, Value>) -> Result<(), Problem> {
        let [lon, lat] = at;
        let place = Place::Point { lon, lat, accuracy_m: Some(200.0), source: PointSource::Coordinates };
        self.desk.report(&self.ask(), Report { place, properties }).await.map(|_| ())
    }

    async fn gauges(&self) -> Result<Vec<String>, Problem> {
        let demo =
            |gauge: &Shown<'_>| gauge.text("code").filter(|code| code.starts_with(GAUGE_CODES)).map(Cow::into_owned);
        Ok(self.view().all(Collection::RainGauges).filter_map(|gauge| demo(&gauge)).collect())
    }

    async fn rain(&self, hours: &[Hour]) -> Result<(), Problem> {
        let reading = |hour: &Hour| ReadingIn {
            gauge: GaugeName::Code(hour.gauge.clone()),
            to: hour.to,
            minutes: 60,
            mm: hour.mm,
            flag: Flag::Ok,
        };
        self.desk.take_rain(&self.ask(), hours.iter().map(reading).collect()).await.map(|_| ())
    }

    fn now(&self) -> Timestamp {
        self.desk.now()
    }
}

fn point(geometry: Option<&Geometry<f64>>) -> Option<[f64; 2]> {
    match geometry {
        Some(Geometry::Point(point)) => Some([point.x(), point.y()]),
        _ => None,
    }
}
