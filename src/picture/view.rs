//! What one actor may see of the picture at one moment: the only way in which doors read.

use std::sync::Arc;

use geo_types::Geometry;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Feature, Picture};
use crate::domain::change::Seq;
use crate::domain::{Actor, Collection, Timestamp};

/// A snapshot seen by one actor at one moment.
pub struct View {
    picture: Arc<Picture>,
    actor: Actor,
    now: Timestamp,
}

/// What the actor may see of one record.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    collection: Collection,
    feature: &'a Feature,
}

/// `name=value` on a property; several words: any of them.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyFilter {
    pub name: String,
    pub any_of: Vec<String>,
}

/// Which records of one collection.
#[derive(Clone, Debug)]
pub struct ItemsQuery {
    pub collection: Collection,
    /// `[min_lon, min_lat, max_lon, max_lat]` in degrees; `min_lon > max_lon` crosses the date line.
    pub bbox: Option<[f64; 4]>,
    /// Start and end, either open; met by records whose time touches it.
    pub datetime: Option<(Option<Timestamp>, Option<Timestamp>)>,
    pub filters: Vec<PropertyFilter>,
    /// Words to find in names and texts, with or without diacritics.
    pub q: Option<String>,
    /// Also ended records.
    pub ended: bool,
    pub limit: usize,
    pub offset: usize,
}

/// One page of records, in a stable order.
pub struct ItemsPage<'a> {
    pub shown: Vec<Shown<'a>>,
    pub matched: usize,
}

/// What is near a point.
#[derive(Clone, Debug)]
pub struct NearbyQuery {
    pub lon: f64,
    pub lat: f64,
    /// `None`: as far as it takes.
    pub radius_m: Option<f64>,
    pub limit: usize,
    pub collections: Vec<Collection>,
    pub filters: Vec<PropertyFilter>,
    pub q: Option<String>,
}

/// One record near a point.
pub struct Near<'a> {
    pub shown: Shown<'a>,
    /// Geodesic metres to the nearest point of the geometry, 0 inside an area.
    pub distance_m: f64,
    /// Initial bearing to it, degrees clockwise from true north.
    pub bearing_deg: f64,
    /// That point, lon/lat.
    pub nearest: [f64; 2],
}

/// What lies in or near an area.
#[derive(Clone, Debug)]
pub struct WithinQuery {
    /// WGS 84; an area, or a line with a buffer.
    pub geometry: Geometry<f64>,
    pub buffer_m: f64,
    pub collections: Vec<Collection>,
    pub filters: Vec<PropertyFilter>,
}

/// What lies along the border.
#[derive(Clone, Debug)]
pub struct AlongQuery {
    pub sector_id: Option<Uuid>,
    /// Calibrated kilometres.
    pub from_km: Option<f64>,
    pub to_km: Option<f64>,
    /// Farthest from the line, metres.
    pub within_m: f64,
    pub collections: Vec<Collection>,
    pub filters: Vec<PropertyFilter>,
}

/// One record along the border.
pub struct Along<'a> {
    pub shown: Shown<'a>,
    pub chainage_km: f64,
    /// Geodesic metres from the line.
    pub offset_m: f64,
}

/// What an area holds. A house is counted once however many zones hold it; on the boundary counts as inside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposure {
    pub households: usize,
    pub people: i64,
    pub children: i64,
    pub elderly: i64,
    pub pregnant_or_nursing: i64,
    pub disabled: i64,
    pub gravely_ill: i64,
    /// Households where somebody must be carried.
    pub needs_carry: usize,
    pub units: usize,
    pub stations: usize,
    pub shelters: usize,
    pub shelter_capacity: i64,
    pub road_km: f64,
    pub border_km: f64,
    pub household_ids: Vec<Uuid>,
}

impl View {
    /// The picture as `actor` may see it at `now`.
    #[must_use]
    pub fn new(picture: Arc<Picture>, actor: Actor, now: Timestamp) -> Self {
        Self { picture, actor, now }
    }

    /// The seq that this view holds.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.picture.seq
    }

    /// The moment of the view.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Who looks.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Hash of everything that decides what this view lets through; whatever is cached for many is keyed by it.
    #[must_use]
    pub fn lens(&self) -> u64 {
        // Until areas and grants come, what is let through depends on the role and the force alone.
        self.actor.role as u64 * 8 + self.actor.force.map_or(0, |force| force as u64 + 1)
    }

    /// The last seq that changed the collection.
    #[must_use]
    pub fn version(&self, collection: Collection) -> Seq {
        self.picture.layer(collection).version()
    }

    /// What the actor may see of `feature`. The one seam at which records are hidden or reduced.
    pub(super) fn show<'a>(&self, collection: Collection, feature: &'a Feature) -> Option<Shown<'a>> {
        Some(Shown { collection, feature })
    }

    /// One record, ended or not.
    #[must_use]
    pub fn item(&self, collection: Collection, id: Uuid) -> Option<Shown<'_>> {
        self.show(collection, self.picture.layer(collection).get(id)?)
    }
}

impl Shown<'_> {
    /// Its collection.
    #[must_use]
    pub fn collection(&self) -> Collection {
        self.collection
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.feature.id
    }

    /// Its version, for `ETag` and `If-Match`.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.feature.version
    }

    /// Its geometry as the actor may see it.
    #[must_use]
    pub fn geometry(&self) -> Option<&Geometry<f64>> {
        self.feature.geometry.as_ref()
    }

    /// Its properties as the actor may see them, personal ones included where the actor has need.
    #[must_use]
    pub fn properties(&self) -> Map<String, Value> {
        let mut map: Map<String, Value> = serde_json::from_str(&self.feature.properties).unwrap_or_default();
        if let Some(personal) = &self.feature.personal {
            map.extend(serde_json::from_str::<Map<String, Value>>(personal).unwrap_or_default());
        }
        map.insert("version".to_owned(), self.feature.version.into());
        map.insert("recorded_at".to_owned(), self.feature.recorded_at.to_string().into());
        map
    }

    /// Writes a GeoJSON Feature; `members` are written beside `properties` (`"distance_m":12.5`), already as JSON.
    pub fn write_geojson(&self, members: &[(&str, &str)], out: &mut Vec<u8>) {
        let geometry = self
            .geometry()
            .map_or(Value::Null, |g| serde_json::to_value(geojson::Geometry::from(g)).unwrap_or(Value::Null));
        out.extend_from_slice(format!(r#"{{"type":"Feature","id":"{}","geometry":{geometry}"#, self.id()).as_bytes());
        for (name, json) in members {
            out.extend_from_slice(format!(r#","{name}":{json}"#).as_bytes());
        }
        let properties = Value::Object(self.properties());
        out.extend_from_slice(format!(r#","properties":{properties}}}"#).as_bytes());
    }
}
