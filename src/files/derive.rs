//! What follows from a position: the commune that holds it, and for an incident the border beside it.

use geo::BoundingRect;
use geo_types::{Geometry, Point};
use serde_json::{Map, Value};

use crate::domain::{Collection, Record, schema};
use crate::geometry::chainage::Route;
use crate::geometry::measure::PreparedArea;
use crate::store::{Snapshot, StoreError};

/// Farthest from the border at which an incident belongs to a sector, metres.
const SECTOR_M_MAX: f64 = 10_000.0;
/// More than [`SECTOR_M_MAX`] in degrees of longitude or latitude, anywhere between 60° south and 60° north.
const SECTOR_DEG_MAX: f64 = 0.2;

/// The communes in force and the border sectors.
#[derive(Default)]
pub(super) struct Ground {
    communes: Vec<(String, PreparedArea)>,
    /// Id, line, and kilometres of its ends.
    sectors: Vec<(String, Geometry<f64>, f64, f64)>,
}

/// The ground with its border measured.
pub(super) struct MeasuredGround {
    ground: Ground,
    border: Route,
    /// West, south, east, north of what may be beside the border: elsewhere nothing is measured.
    beside: [f64; 4],
}

impl Ground {
    /// That of the store.
    pub fn of(snapshot: &mut dyn Snapshot) -> Result<Self, StoreError> {
        let mut ground = Self::default();
        for collection in [Collection::AdminUnits, Collection::BorderSectors] {
            snapshot.records(collection, &mut |record: Record, _| {
                ground.add(collection, &record.id.to_string(), &record.properties_map(), record.geometry.as_ref());
            })?;
        }
        Ok(ground)
    }

    /// Takes in one record; what is neither a commune in force nor a sector is left out.
    pub fn add(
        &mut self,
        collection: Collection,
        id: &str,
        all: &Map<String, Value>,
        geometry: Option<&Geometry<f64>>,
    ) {
        let text = |name: &str| all.get(name).and_then(Value::as_str);
        let number = |name: &str| all.get(name).and_then(Value::as_f64);
        let Some(geometry) = geometry.filter(|_| !all.contains_key("ended_at")) else { return };
        match collection {
            Collection::AdminUnits if matches!(text("kind"), Some("commune" | "ward")) => {
                if let (Some(code), None) = (text("code"), text("valid_to")) {
                    self.communes.push((code.to_owned(), PreparedArea::new(geometry)));
                }
            }
            Collection::BorderSectors => {
                if let (Some(from), Some(to)) = (number("from_km"), number("to_km")) {
                    self.sectors.push((id.to_owned(), geometry.clone(), from, to));
                }
            }
            _ => {}
        }
    }

    /// Measures the border, west to east, once all sectors are in.
    pub fn measured(mut self) -> MeasuredGround {
        self.sectors.sort_by(|a, b| a.2.total_cmp(&b.2));
        let border = Route::of_sectors(self.sectors.iter().map(|(_, line, from, to)| (line, *from, *to)));
        let mut beside = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for rect in self.sectors.iter().filter_map(|(_, line, ..)| line.bounding_rect()) {
            beside[0] = beside[0].min(rect.min().x - SECTOR_DEG_MAX);
            beside[1] = beside[1].min(rect.min().y - SECTOR_DEG_MAX);
            beside[2] = beside[2].max(rect.max().x + SECTOR_DEG_MAX);
            beside[3] = beside[3].max(rect.max().y + SECTOR_DEG_MAX);
        }
        MeasuredGround { ground: self, border, beside }
    }
}

impl MeasuredGround {
    /// Writes `admin_unit`, `sector_id` and `chainage_km` where the collection has them as derived fields, and takes
    /// old ones away.
    pub fn mark(&self, collection: Collection, all: &mut Map<String, Value>, geometry: Option<&Geometry<f64>>) {
        let Some(Geometry::Point(point)) = geometry else { return };
        if schema::find(collection, "admin_unit").is_some() {
            set(all, "admin_unit", self.commune_of(*point).map(Value::from));
        }
        if collection == Collection::Incidents {
            let [west, south, east, north] = self.beside;
            let near = (west..=east).contains(&point.x()) && (south..=north).contains(&point.y());
            let beside = near.then(|| self.border.project(point.x(), point.y())).flatten();
            let beside = beside.filter(|place| place.offset_m <= SECTOR_M_MAX);
            set(all, "chainage_km", beside.map(|place| Value::from((place.km * 1_000.0).round() / 1_000.0)));
            set(all, "sector_id", beside.map(|place| Value::from(self.ground.sectors[place.section].0.as_str())));
        }
    }

    fn commune_of(&self, point: Point<f64>) -> Option<&str> {
        let holds = |(_, area): &&(String, PreparedArea)| area.contains(point.x(), point.y());
        self.ground.communes.iter().find(holds).map(|(code, _)| code.as_str())
    }
}

fn set(all: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => all.insert(name.to_owned(), value),
        None => all.remove(name),
    };
}
