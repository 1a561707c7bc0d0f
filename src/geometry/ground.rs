//! What follows from a position: the commune that holds it, the border sector beside it, its chainage; and the roads
//! with kilometre posts. Made from records, wherever they were read: the desk and an import ask the same ground.

use geo::BoundingRect;
use geo_types::Geometry;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::chainage::Route;
use super::measure::PreparedArea;
use crate::domain::fold::fold;
use crate::domain::{Collection, schema};

/// Farthest from the border line at which a position has a sector and a chainage, metres.
const BESIDE_BORDER_M: f64 = 10_000.0;
/// More than [`BESIDE_BORDER_M`] in degrees of longitude or latitude, anywhere between 60° south and 60° north.
const BESIDE_BORDER_DEG: f64 = 0.2;
/// Accuracy of a road that states none, metres.
const ACCURACY_UNSTATED_M: f64 = 5_000.0;

/// The ground, ready to be asked.
pub struct Ground {
    communes: Vec<Commune>,
    /// The border, and which sector each section of it is.
    border: Route,
    sectors: Vec<Uuid>,
    /// West, south, east, north of what may be beside the border, degrees: elsewhere nothing is measured.
    beside: [f64; 4],
    roads: Vec<Road>,
}

/// A commune or ward in force today.
pub struct Commune {
    pub id: Uuid,
    pub code: String,
    pub full_name: String,
    /// `[lon, lat]` of its label: where to look on the map, no position of anything.
    pub label: Option<[f64; 2]>,
    area: Option<PreparedArea>,
}

/// A road with kilometre posts.
pub struct Road {
    pub id: Uuid,
    /// As it stands in the record (ĐT127).
    pub road_ref: String,
    /// Capitals and digits alone, without diacritics (DT127).
    key: String,
    pub route: Route,
    /// How far off the drawn road may be, metres.
    pub accuracy_m: f64,
}

/// What follows from a position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whereabouts {
    /// Code of the commune.
    pub admin_unit: Option<String>,
    pub sector_id: Option<Uuid>,
    pub chainage_km: Option<f64>,
}

/// The records that a [`Ground`] is made from, taken in one by one.
#[derive(Default)]
pub struct GroundParts {
    communes: Vec<Commune>,
    sectors: Vec<Sector>,
    roads: Vec<Road>,
}

struct Sector {
    id: Uuid,
    line: Geometry<f64>,
    from_km: f64,
    to_km: f64,
}

impl GroundParts {
    /// Collections whose records count.
    pub const COLLECTIONS: [Collection; 3] = [Collection::AdminUnits, Collection::BorderSectors, Collection::Roads];

    /// Takes in one record; what is ended, or says nothing of the ground today, is left out.
    pub fn add(
        &mut self,
        collection: Collection,
        id: Uuid,
        properties: &Map<String, Value>,
        geometry: Option<&Geometry<f64>>,
    ) {
        if properties.contains_key("ended_at") {
            return;
        }
        match collection {
            Collection::AdminUnits => self.communes.extend(Commune::of(id, properties, geometry)),
            Collection::BorderSectors => self.sectors.extend(Sector::of(id, properties, geometry)),
            Collection::Roads => self.roads.extend(Road::of(id, properties, geometry)),
            _ => {}
        }
    }

    /// Measures the border and puts everything in its order, which does not depend on that of the records.
    #[must_use]
    pub fn measured(mut self) -> Ground {
        // Drawn communes may overlap by their accuracy; the order of codes makes the choice the same everywhere.
        self.communes.sort_by(|a, b| a.code.cmp(&b.code).then_with(|| a.id.cmp(&b.id)));
        self.sectors.sort_by(|a, b| a.from_km.total_cmp(&b.from_km).then_with(|| a.id.cmp(&b.id)));
        self.roads.sort_by(|a, b| a.key.cmp(&b.key).then_with(|| a.id.cmp(&b.id)));
        let mut beside = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for rect in self.sectors.iter().filter_map(|sector| sector.line.bounding_rect()) {
            beside[0] = beside[0].min(rect.min().x - BESIDE_BORDER_DEG);
            beside[1] = beside[1].min(rect.min().y - BESIDE_BORDER_DEG);
            beside[2] = beside[2].max(rect.max().x + BESIDE_BORDER_DEG);
            beside[3] = beside[3].max(rect.max().y + BESIDE_BORDER_DEG);
        }
        Ground {
            communes: self.communes,
            border: Route::of_sectors(self.sectors.iter().map(|s| (&s.line, s.from_km, s.to_km))),
            sectors: self.sectors.iter().map(|sector| sector.id).collect(),
            beside,
            roads: self.roads,
        }
    }
}

impl Ground {
    /// What follows from a position, degrees.
    #[must_use]
    pub fn whereabouts(&self, lon: f64, lat: f64) -> Whereabouts {
        let (sector_id, chainage_km) = self.beside_border(lon, lat).unzip();
        Whereabouts {
            admin_unit: self.commune_at(lon, lat).map(|commune| commune.code.clone()),
            sector_id,
            chainage_km,
        }
    }

    /// The border line with its kilometres, all sectors of it.
    #[must_use]
    pub fn border(&self) -> &Route {
        &self.border
    }

    /// The commune with this code.
    #[must_use]
    pub fn commune(&self, code: &str) -> Option<&Commune> {
        self.communes.iter().find(|commune| commune.code == code)
    }

    /// Roads with this sign, written in any way (`ql 12`, `ĐT.127`); all with kilometre posts if `None`.
    pub fn roads(&self, road_ref: Option<&str>) -> impl Iterator<Item = &Road> {
        let key = road_ref.map(road_key);
        self.roads.iter().filter(move |road| key.as_ref().is_none_or(|key| *key == road.key))
    }

    /// Writes the fields of a record that follow from its position (`admin_unit`; for an incident also `sector_id`
    /// and `chainage_km`), and takes old ones away. A record without a position keeps what it had, but for incidents
    /// and contacts, whose commune may be told by its code.
    pub fn mark(&self, collection: Collection, properties: &mut Map<String, Value>, geometry: Option<&Geometry<f64>>) {
        if schema::find(collection, "admin_unit").is_none() {
            return;
        }
        let at = match geometry {
            Some(Geometry::Point(point)) => Some((point.x(), point.y())),
            _ => None,
        };
        let is_incident = collection == Collection::Incidents;
        let told = properties.get("commune_code").and_then(Value::as_str);
        let commune = match (at, told) {
            (Some((lon, lat)), _) => self.commune_at(lon, lat).map(|commune| Value::from(commune.code.as_str())),
            (None, Some(code)) => self.commune(code).map(|commune| Value::from(commune.code.as_str())),
            (None, None) if is_incident => None,
            (None, None) => return,
        };
        set(properties, "admin_unit", commune);
        if is_incident {
            let (sector, km) = at.and_then(|(lon, lat)| self.beside_border(lon, lat)).unzip();
            set(properties, "sector_id", sector.map(|id| Value::from(id.to_string())));
            set(properties, "chainage_km", km.map(Value::from));
        }
    }

    pub fn commune_at(&self, lon: f64, lat: f64) -> Option<&Commune> {
        self.communes.iter().find(|commune| commune.area.as_ref().is_some_and(|area| area.contains(lon, lat)))
    }

    /// The sector beside a position and its chainage, kilometres.
    fn beside_border(&self, lon: f64, lat: f64) -> Option<(Uuid, f64)> {
        let [west, south, east, north] = self.beside;
        if !(west..=east).contains(&lon) || !(south..=north).contains(&lat) {
            return None;
        }
        let found = self.border.project(lon, lat).filter(|found| found.offset_m <= BESIDE_BORDER_M)?;
        // To the metre: more digits than the line has.
        let km = ((found.km * 1_000.0).round() / 1_000.0).max(0.0);
        Some((*self.sectors.get(found.section)?, km))
    }
}

fn set(properties: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => properties.insert(name.to_owned(), value),
        None => properties.remove(name),
    };
}

impl Commune {
    fn of(id: Uuid, properties: &Map<String, Value>, geometry: Option<&Geometry<f64>>) -> Option<Self> {
        if !matches!(text(properties, "kind")?, "commune" | "ward") || properties.contains_key("valid_to") {
            return None;
        }
        let label = number(properties, "label_lon").zip(number(properties, "label_lat"));
        Some(Self {
            id,
            code: text(properties, "code")?.to_owned(),
            full_name: text(properties, "full_name").or_else(|| text(properties, "name"))?.to_owned(),
            label: label.map(|(lon, lat)| [lon, lat]),
            area: geometry.map(PreparedArea::new),
        })
    }
}

impl Sector {
    fn of(id: Uuid, properties: &Map<String, Value>, geometry: Option<&Geometry<f64>>) -> Option<Self> {
        let (from_km, to_km) = number(properties, "from_km").zip(number(properties, "to_km"))?;
        Some(Self { id, line: geometry?.clone(), from_km, to_km })
    }
}

impl Road {
    fn of(id: Uuid, properties: &Map<String, Value>, geometry: Option<&Geometry<f64>>) -> Option<Self> {
        let road_ref = text(properties, "road_ref")?.to_owned();
        let posts: Vec<[f64; 3]> =
            properties.get("km_posts").and_then(|posts| serde_json::from_value(posts.clone()).ok()).unwrap_or_default();
        let route = Route::with_posts(geometry?, &posts, number(properties, "km_from"), number(properties, "km_to"))?;
        let accuracy_m = number(properties, "accuracy_m").unwrap_or(ACCURACY_UNSTATED_M);
        Some(Self { id, key: road_key(&road_ref), road_ref, route, accuracy_m })
    }
}

fn text<'a>(properties: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    properties.get(name).and_then(Value::as_str)
}

fn number(properties: &Map<String, Value>, name: &str) -> Option<f64> {
    properties.get(name).and_then(Value::as_f64)
}

fn road_key(road_ref: &str) -> String {
    fold(road_ref).replace(' ', "").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use geo_types::{Point, line_string, polygon};
    use serde_json::json;

    use super::*;

    fn properties(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
    }

    fn square(west: f64) -> Geometry<f64> {
        polygon![(x: west, y: 22.0), (x: west + 1.0, y: 22.0), (x: west + 1.0, y: 23.0), (x: west, y: 23.0)].into()
    }

    /// Two communes that overlap by half, an ended and a former one over all, and a border along 23° north.
    fn ground(backwards: bool) -> Ground {
        let commune = |code: &str| json!({"kind": "commune", "code": code, "name": code});
        let former = json!({"kind": "commune", "code": "0", "name": "0", "valid_to": "2025-06-30"});
        let ended = json!({"kind": "ward", "code": "1", "name": "1", "ended_at": "2026-01-01T00:00:00.000Z"});
        let border = |from: f64, to: f64| {
            let line = line_string![(x: from, y: 23.0), (x: to, y: 23.0)].into();
            (Collection::BorderSectors, json!({"from_km": (from - 103.0) * 100.0, "to_km": (to - 103.0) * 100.0}), line)
        };
        let mut records = vec![
            (Collection::AdminUnits, commune("B"), square(103.5)),
            (Collection::AdminUnits, commune("A"), square(103.0)),
            (Collection::AdminUnits, former, square(103.0)),
            (Collection::AdminUnits, ended, square(103.0)),
            border(104.0, 105.0),
            border(103.0, 104.0),
        ];
        if backwards {
            records.reverse();
        }
        let mut parts = GroundParts::default();
        for (at, (collection, all, geometry)) in records.into_iter().enumerate() {
            parts.add(collection, Uuid::from_u128(at as u128 + 1), &properties(all), Some(&geometry));
        }
        parts.measured()
    }

    #[test]
    fn the_answer_does_not_depend_on_the_order_of_the_records() {
        for (lon, lat) in [(103.2, 22.5), (103.7, 22.95), (104.3, 22.95), (104.9, 22.5), (10.0, 50.0)] {
            let (one, other) = (ground(false).whereabouts(lon, lat), ground(true).whereabouts(lon, lat));
            assert_eq!((&one.admin_unit, one.chainage_km), (&other.admin_unit, other.chainage_km));
            assert_eq!(one.sector_id.is_some(), other.sector_id.is_some());
        }
        let both = ground(false).whereabouts(103.7, 22.95);
        assert_eq!((both.admin_unit.as_deref(), both.chainage_km), (Some("A"), Some(70.0)));
        assert_eq!(ground(false).whereabouts(104.9, 22.5), Whereabouts::default());
    }

    #[test]
    fn a_record_that_moves_loses_what_followed_from_its_old_place() {
        let ground = ground(false);
        let mut incident = properties(json!({"kind": "landslide"}));
        let mut mark = |geometry: Option<Geometry<f64>>, more: Value| {
            incident.extend(properties(more));
            ground.mark(Collection::Incidents, &mut incident, geometry.as_ref());
            ["admin_unit", "sector_id", "chainage_km"].map(|name| incident.get(name).cloned().unwrap_or_default())
        };
        let [commune, sector, km] = mark(Some(Point::new(103.2, 22.95).into()), json!({}));
        assert_eq!((commune, km), (json!("A"), json!(20.0)));
        assert!(sector.is_string());
        assert_eq!(mark(Some(Point::new(103.2, 22.1).into()), json!({})), [json!("A"), Value::Null, Value::Null]);
        assert_eq!(mark(None, json!({})), [Value::Null, Value::Null, Value::Null]);
        assert_eq!(mark(None, json!({"commune_code": "B"})), [json!("B"), Value::Null, Value::Null]);
        assert_eq!(mark(None, json!({"commune_code": "nowhere"})), [Value::Null, Value::Null, Value::Null]);
    }

    #[test]
    fn a_household_without_a_place_keeps_its_commune_and_has_no_chainage() {
        let ground = ground(false);
        let mut household = properties(json!({"admin_unit": "A"}));
        ground.mark(Collection::Households, &mut household, None);
        assert_eq!(Value::from(household.clone()), json!({"admin_unit": "A"}));
        ground.mark(Collection::Households, &mut household, Some(&Point::new(104.2, 22.95).into()));
        assert_eq!(Value::from(household), json!({"admin_unit": "B"}));
    }
}
