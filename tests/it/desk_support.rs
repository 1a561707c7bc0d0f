//! A duty room for tests: the desk on a real store and its picture, with a clock that stands still.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use geo_types::{Geometry, Point};
use serde_json::{Map, Value, json};
use trucban::desk::{Ask, Clock, Desk, IncidentVerb, Item, Report, Update, Written};
use trucban::domain::access::Grant;
use trucban::domain::incident::may_follow;
use trucban::domain::place::{Place, PointSource};
use trucban::domain::{Actor, Code, Collection, Force, Problem, Role, Timestamp};
use trucban::picture::{self, View};
use trucban::store::postgis::PgStore;
use trucban::store::{Append, Put, Store};
use uuid::Uuid;

use crate::postgres_support::TestDatabase;
use crate::store_support::{Folder, object};

/// 2026-11-23 02:14 in Lai Châu.
pub const NIGHT_MS: i64 = 1_795_374_840_000;

/// A clock that goes when it is told to.
#[derive(Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::SeqCst))
    }
}

impl TestClock {
    pub fn go_s(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

pub struct Room {
    pub desk: Desk,
    pub clock: TestClock,
    pub store: Arc<dyn Store>,
    _folder: Folder,
    _database: Option<TestDatabase>,
}

impl Room {
    /// A room over an empty store.
    pub async fn new() -> Self {
        let folder = Folder::new();
        let database = TestDatabase::if_asked_for();
        let store: Arc<dyn Store> = match &database {
            Some(database) => PgStore::open(database.database(), None, "").await.unwrap(),
            None => folder.open(),
        };
        let clock = TestClock(Arc::new(AtomicI64::new(NIGHT_MS)));
        let handle = picture::start(Arc::clone(&store)).await.unwrap();
        let desk = Desk::new(Arc::clone(&store), handle, Arc::new(clock.clone()));
        Self { desk, clock, store, _folder: folder, _database: database }
    }

    /// A room over the shipped ground.
    pub async fn on_the_ground() -> Self {
        let room = Self::new().await;
        for collection in [
            Collection::AdminUnits,
            Collection::BorderSectors,
            Collection::Roads,
            Collection::Places,
            Collection::Stations,
        ] {
            let puts = shipped(collection);
            let call = Append { idempotency: None, actor: "seed".into(), exercise_id: None, expects: Vec::new(), puts };
            let seq = room.store.append(call).await.unwrap().seq();
            room.desk.picture().wait_for(seq, std::time::Duration::from_secs(20)).await.unwrap();
        }
        room
    }

    pub fn view(&self) -> View {
        self.desk.picture().view(&officer(), self.desk.now())
    }

    pub fn property(&self, collection: Collection, id: Uuid, name: &str) -> Value {
        self.view().item(collection, id).unwrap().property(name).unwrap_or_default()
    }

    pub fn incident(&self, id: Uuid, name: &str) -> Value {
        self.property(Collection::Incidents, id, name)
    }

    pub fn unit(&self, id: Uuid, name: &str) -> Value {
        self.property(Collection::Units, id, name)
    }

    pub fn version(&self, collection: Collection, id: Uuid) -> u32 {
        self.view().item(collection, id).unwrap().version()
    }

    /// An officer's question about the incident as it stands.
    pub fn seen(&self, id: Uuid) -> Ask {
        Ask::by(officer()).if_match(self.version(Collection::Incidents, id))
    }

    pub async fn report(&self, kind: &str, lon: f64, lat: f64) -> Uuid {
        self.report_with(json!({"kind": kind}), point(lon, lat)).await.unwrap().id()
    }

    pub async fn report_with(&self, properties: Value, place: Place) -> Result<Written, Problem> {
        let report = Report { place, properties: object(properties) };
        self.desk.report(&Ask::by(officer()), report).await.map(|reported| reported.written)
    }

    pub async fn unit_at(&self, code: &str, lon: f64, lat: f64) -> Uuid {
        let item = Item {
            geometry: Some(Geometry::Point(Point::new(lon, lat))),
            properties: object(json!({"code": code, "name": code, "force": "border_guard", "kind": "mobile_team"})),
        };
        self.desk.create(&Ask::by(officer()), Collection::Units, None, item).await.unwrap().id()
    }

    pub async fn verb(&self, id: Uuid, verb: IncidentVerb) -> Result<Written, Problem> {
        self.desk.incident(&self.seen(id), id, verb).await
    }

    pub async fn assign(&self, incident: Uuid, unit: Uuid) -> bool {
        self.desk.assign(&self.seen(incident), incident, unit).await.unwrap().queued
    }

    pub async fn status(&self, unit: Uuid, status: &str) -> Result<Written, Problem> {
        let report = trucban::desk::StatusReport { status: status.to_owned(), source: None };
        self.desk.set_status(&Ask::by(officer()), unit, report).await
    }

    /// Kinds of the entries about an incident, in the order of writing.
    pub fn log_kinds(&self, id: Uuid) -> Vec<String> {
        let view = self.view();
        let text = |shown: &trucban::picture::Shown<'_>, name: &str| shown.text(name).map(|t| t.into_owned());
        view.all(Collection::DutyLog)
            .filter(|entry| text(entry, "incident_id") == Some(id.to_string()))
            .filter_map(|entry| text(&entry, "kind"))
            .collect()
    }
}

pub fn officer() -> Actor {
    let (from, to) = (Timestamp::from_ms(0), Timestamp::from_ms(i64::from(u32::MAX) * 1_000));
    let grants = [Force::Police, Force::Military]
        .map(|other| Grant::of_units(other, Force::BorderGuard, "quy chế phối hợp", from, to));
    Actor { grants: grants.into(), ..Actor::new("duty_officer", Role::DutyOfficer, Some(Force::BorderGuard)) }
}

pub fn planner() -> Actor {
    Actor::new("planner", Role::Planner, Some(Force::Civil))
}

pub fn field_unit(unit: Uuid) -> Actor {
    Actor { unit_id: Some(unit), ..Actor::new("field_unit", Role::FieldUnit, Some(Force::BorderGuard)) }
}

pub fn point(lon: f64, lat: f64) -> Place {
    Place::Point { lon, lat, accuracy_m: Some(50.0), source: PointSource::Coordinates }
}

pub fn update(text: &str) -> IncidentVerb {
    IncidentVerb::Update(Update { text: text.into(), ..Update::default() })
}

pub fn close() -> IncidentVerb {
    IncidentVerb::Close { outcome: "resolved".into(), text: None }
}

/// A member of a problem's answer.
pub fn extra(problem: &Problem, name: &str) -> Value {
    problem.extra.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Problem>, code: Code) -> Problem {
    let problem = result.unwrap_err();
    assert_eq!(problem.code, code, "{problem}");
    problem
}

fn shipped(collection: Collection) -> Vec<Put> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("geodata/ground/{collection}.geojson"));
    let text = std::fs::read_to_string(file).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let features = all["features"].as_array().unwrap();
    let put = |feature: &Value| {
        let geometry: Option<geojson::Geometry> = serde_json::from_value(feature["geometry"].clone()).unwrap();
        Put {
            collection,
            id: Uuid::parse_str(feature["id"].as_str().unwrap()).unwrap(),
            valid_at: None,
            geometry: geometry.map(|geometry| Geometry::try_from(geometry).unwrap()),
            properties: object(feature["properties"].clone()),
            personal: Map::new(),
        }
    };
    features.iter().map(put).collect()
}

/// Walks a record's history: no version is missing, and of an incident each state may follow the one before.
pub async fn sound_history(store: &dyn Store, collection: Collection, id: Uuid) {
    let history = store.history(collection, id).await.unwrap();
    let versions: Vec<u32> = history.iter().map(|change| change.record.version).collect();
    assert!(versions.iter().enumerate().all(|(index, version)| *version as usize == index + 1), "{versions:?}");
    let states: Vec<String> =
        history.iter().filter_map(|change| change.record.property("state")?.as_str().map(str::to_owned)).collect();
    assert_eq!(states.len(), if collection == Collection::Incidents { versions.len() } else { 0 });
    for pair in states.windows(2) {
        assert!(pair[0] == pair[1] || may_follow(&pair[0], &pair[1]), "{} → {}", pair[0], pair[1]);
    }
}
