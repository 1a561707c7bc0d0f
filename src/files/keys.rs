//! By what a row without an id is known again, so that importing a file twice doubles nothing.
//!
//! | collection | key |
//! |---|---|
//! | admin_units | kind and code |
//! | units, households, incidents, risk_zones | code, where there is one |
//! | any, with a column `event_id`, `source_id`, `external_id`, `objectid` or `osm_id` | that number |
//! | stations, places, contacts | kind, name (and marker; former commune; commune code) |
//! | border_sectors, roads, rivers, shelters, risk_zones | name (and road sign) |
//! | households | hamlet, head, place |
//! | incidents, duty_log | kind, time, place, title or text |
//!
//! Rows that share one of the last five keys are told apart by their order.

use geo_types::Geometry;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::domain::Collection;

/// Columns in which other systems keep their own number of a record.
const FOREIGN_IDS: [&str; 5] = ["event_id", "source_id", "external_id", "objectid", "osm_id"];

/// A key, hashed so that a million of them are small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    hash: [u8; 16],
    /// No two records may share it: a second row with it is a fault of the file.
    pub unique: bool,
}

/// The key of a row with these properties (personal ones among them): its code, else what it says.
pub(super) fn key(collection: Collection, properties: &Map<String, Value>, geometry: Option<&Geometry<f64>>) -> Key {
    code_key(collection, properties).unwrap_or_else(|| content_key(collection, properties, geometry))
}

/// The keys under which a record of the store is known. Where the store gives out the codes, a row that made a record
/// had none, so the record is also known by what it says.
pub(super) fn keys_of(
    collection: Collection,
    properties: &Map<String, Value>,
    geometry: Option<&Geometry<f64>>,
) -> Vec<Key> {
    let mut keys: Vec<Key> = code_key(collection, properties).into_iter().collect();
    if keys.is_empty() || collection.code_series().is_some() {
        keys.push(content_key(collection, properties, geometry));
    }
    keys
}

fn code_key(collection: Collection, properties: &Map<String, Value>) -> Option<Key> {
    let code = properties.get("code")?.to_string();
    let kind = match properties.get("kind") {
        Some(kind) if collection == Collection::AdminUnits => kind.to_string(),
        _ => String::new(),
    };
    Some(hashed(collection, true, &["code".to_owned(), code, kind]))
}

fn hashed(collection: Collection, unique: bool, parts: &[String]) -> Key {
    let mut hasher = Sha256::new();
    hasher.update(collection.as_str());
    for part in parts {
        hasher.update([0]);
        hasher.update(part);
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&hasher.finalize()[..16]);
    Key { hash, unique }
}

fn content_key(collection: Collection, properties: &Map<String, Value>, geometry: Option<&Geometry<f64>>) -> Key {
    let text = |name: &str| properties.get(name).map(Value::to_string).unwrap_or_default();
    let hashed = |unique: bool, parts: &[String]| hashed(collection, unique, parts);
    if let Some((name, number)) = foreign_id(properties) {
        return hashed(false, &[name.to_owned(), number]);
    }
    let place = || geometry.and_then(first_vertex).map(|[x, y]| format!("{x:.6} {y:.6}")).unwrap_or_default();
    match collection {
        Collection::Stations => hashed(false, &[text("kind"), text("name"), text("marker")]),
        Collection::Places => hashed(false, &[text("kind"), text("name"), text("former_commune")]),
        Collection::Contacts => hashed(false, &[text("kind"), text("name"), text("commune_code")]),
        Collection::Households => hashed(false, &[text("hamlet"), text("head_name"), place()]),
        Collection::Incidents => hashed(false, &[text("kind"), text("occurred_at"), text("title"), place()]),
        Collection::DutyLog => hashed(false, &[text("kind"), text("occurred_at"), text("text")]),
        _ => hashed(false, &[text("name"), text("road_ref")]),
    }
}

/// The number by which another system knows the record, and the column it stands in.
fn foreign_id(properties: &Map<String, Value>) -> Option<(&'static str, String)> {
    let extra = properties.get("extra")?.as_object()?;
    FOREIGN_IDS.iter().find_map(|name| {
        let number = match extra.get(*name)? {
            Value::String(text) if !text.is_empty() => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some((*name, number))
    })
}

fn first_vertex(geometry: &Geometry<f64>) -> Option<[f64; 2]> {
    match geometry {
        Geometry::Point(point) => Some([point.x(), point.y()]),
        Geometry::LineString(line) => line.0.first().map(|c| [c.x, c.y]),
        Geometry::Polygon(area) => area.exterior().0.first().map(|c| [c.x, c.y]),
        Geometry::MultiLineString(lines) => lines.0.first()?.0.first().map(|c| [c.x, c.y]),
        Geometry::MultiPolygon(areas) => areas.0.first()?.exterior().0.first().map(|c| [c.x, c.y]),
        _ => None,
    }
}
