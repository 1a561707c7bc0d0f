//! A made-up province for the queries: points, lines and areas, a border, things at the date line and at the poles.

use std::collections::BTreeMap;

use geo_types::{Coord, Geometry, LineString, MultiPolygon, Point, Polygon};
use serde_json::{Value, json};
use trucban::domain::{Actor, Collection, Timestamp};
use trucban::picture::{self, PictureHandle, View};
use uuid::Uuid;

use super::brute::Shape;
use crate::support::memory_store::{MemoryStore, put};
use crate::support::random::Random;

/// Points, lines and areas.
pub const MIXED: [Collection; 6] = [
    Collection::RiskZones,
    Collection::Roads,
    Collection::Households,
    Collection::Stations,
    Collection::AdminUnits,
    Collection::BorderSectors,
];

pub struct Ground {
    handle: PictureHandle,
    pub shapes: BTreeMap<(Collection, Uuid), Shape>,
    pub properties: BTreeMap<(Collection, Uuid), Value>,
    /// Lines of the border with the kilometres of their ends.
    pub sectors: Vec<(Vec<Coord>, f64, f64)>,
}

/// Mostly in the province, now and then at the date line, at a pole or anywhere.
pub fn somewhere(random: &mut Random, n: usize) -> Coord {
    match n % 25 {
        7 => Coord { x: [-179.95, 179.95, 180.0, -180.0][random.below(4)], y: random.between(21.8, 22.2) },
        13 => Coord { x: random.between(-180.0, 180.0), y: random.between(89.5, 90.0) },
        19 => Coord { x: random.between(-180.0, 180.0), y: random.between(-89.9, -88.0) },
        _ => Coord { x: random.between(102.4, 103.9), y: random.between(21.7, 22.8) },
    }
}

/// A star of 5 to 12 corners, now and then with a hole; near the date line in two parts.
pub fn area(random: &mut Random, centre: Coord, size_deg: f64) -> Geometry {
    let corners = 5 + random.below(8);
    let radii: Vec<f64> = (0..corners).map(|_| random.between(0.3, 1.0) * size_deg).collect();
    let ring = |scale: f64| -> LineString {
        let corner = |n: usize| {
            let angle = n as f64 / corners as f64 * std::f64::consts::TAU;
            let radius = radii[n % corners] * scale;
            Coord { x: centre.x + radius * angle.cos(), y: (centre.y + radius * angle.sin()).clamp(-90.0, 90.0) }
        };
        (0..corners).chain([0]).map(corner).collect()
    };
    if centre.x.abs() > 179.0 {
        let (south, north) = (centre.y - size_deg, centre.y + size_deg);
        let part = |west: f64, east: f64| geo_types::Rect::new((west, south), (east, north)).to_polygon();
        return MultiPolygon(vec![part(180.0 - size_deg, 180.0), part(-180.0, -180.0 + size_deg)]).into();
    }
    let holes = if random.below(3) == 0 { vec![ring(0.4)] } else { Vec::new() };
    Polygon::new(ring(1.0), holes).into()
}

/// A line of 2 to 9 vertices.
pub fn line(random: &mut Random, start: Coord, step_deg: f64) -> Geometry {
    let mut at = start;
    let mut coords = vec![at];
    for _ in 0..1 + random.below(8) {
        let x = (at.x + random.between(-step_deg, step_deg)).clamp(-180.0, 180.0);
        at = Coord { x, y: (at.y + random.between(-step_deg, step_deg)).clamp(-90.0, 90.0) };
        coords.push(at);
    }
    LineString(coords).into()
}

impl Ground {
    pub async fn new() -> Self {
        let mut random = Random::new(77);
        let mut shapes = BTreeMap::new();
        let mut properties = BTreeMap::new();
        let mut puts = Vec::new();
        let mut add = |collection: Collection, id: Uuid, geometry: Geometry, value: Value| {
            shapes.insert((collection, id), Shape::new(&geometry));
            properties.insert((collection, id), value.clone());
            puts.push(put(collection, id, Some(geometry), value));
        };
        for n in 0..300 {
            let at = somewhere(&mut random, n);
            let state = ["registered", "at_risk", "notified"][random.below(3)];
            let value = json!({"member_count": 1 + random.below(7), "state": state});
            add(Collection::Households, random.uuid(), Point(at).into(), value);
            if n % 5 == 0 {
                // A second one on the same spot: ties are broken by collection and id.
                add(Collection::Households, random.uuid(), Point(at).into(), json!({"member_count": 2}));
                let value = json!({"name": "Trạm", "kind": "depot"});
                add(Collection::Stations, random.uuid(), Point(at).into(), value);
            }
        }
        for n in 0..40 {
            let centre = somewhere(&mut random, n);
            let shape = area(&mut random, centre, 0.05);
            let value = json!({"name": "Vùng", "kind": "landslide", "valid_to": "2030-01-01T00:00:00.000Z"});
            add(Collection::RiskZones, random.uuid(), shape, value);
            let start = somewhere(&mut random, n);
            let shape = line(&mut random, start, 0.04);
            add(Collection::Roads, random.uuid(), shape, json!({"name": "Đường"}));
            if n % 5 == 0 {
                let centre = somewhere(&mut random, 0);
                let shape = area(&mut random, centre, 0.25);
                let value = json!({"code": format!("{n:05}"), "name": "Xã", "kind": "commune"});
                add(Collection::AdminUnits, random.uuid(), shape, value);
            }
        }
        let mut sectors = Vec::new();
        let mut at = Coord { x: 102.5, y: 22.5 };
        for n in 0..3 {
            let mut coords = vec![at];
            for _ in 0..12 {
                at = Coord { x: at.x + random.between(0.0, 0.03), y: at.y + random.between(-0.02, 0.03) };
                coords.push(at);
            }
            let (from_km, to_km) = (f64::from(n) * 27.3, f64::from(n + 1) * 27.3);
            sectors.push((coords.clone(), from_km, to_km));
            let value = json!({"name": format!("Đoạn {n}"), "from_km": from_km, "to_km": to_km});
            add(Collection::BorderSectors, random.uuid(), LineString(coords).into(), value);
        }
        let store = MemoryStore::new();
        store.put(puts);
        let handle = picture::start(store).await.expect("a picture");
        Self { handle, shapes, properties, sectors }
    }

    pub fn view(&self) -> View {
        self.handle.view(&Actor::system(), Timestamp::from_ms(1_800_000_000_000))
    }
}
