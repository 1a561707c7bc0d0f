//! The questions a door may ask a [`super::View`], and the answers.

use geo_types::{Coord, Geometry};
use uuid::Uuid;

use super::{Shown, json};
use crate::domain::{Collection, Timestamp};

/// `name=value` on a property; several words: any of them. A record without the field does not match.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyFilter {
    pub name: String,
    pub any_of: Vec<String>,
}

/// Which records of one collection.
#[derive(Clone, Debug)]
pub struct ItemsQuery {
    pub collection: Collection,
    /// `[min_lon, min_lat, max_lon, max_lat]` in degrees; `min_lon > max_lon` crosses the date line. Met by geometries
    /// that share a point with the box; records without geometry never are.
    pub bbox: Option<[f64; 4]>,
    /// Start and end, either open; met by records whose time touches it (see `time_of`).
    pub datetime: Option<(Option<Timestamp>, Option<Timestamp>)>,
    pub filters: Vec<PropertyFilter>,
    /// Words to find in names and texts, with or without diacritics.
    pub q: Option<String>,
    /// Also ended records.
    pub ended: bool,
    pub limit: usize,
    pub offset: usize,
}

/// One page of records, in the order of their ids (for UUID v7: of their making).
pub struct ItemsPage<'a> {
    pub shown: Vec<Shown<'a>>,
    pub matched: usize,
}

/// Which entries of the duty log.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Words to find in entries and in the code and title of their incident, with or without diacritics.
    pub q: Option<String>,
    /// Any of these kinds; all if there are none.
    pub kinds: Vec<String>,
    /// Part of the author's name, with or without diacritics.
    pub author: Option<String>,
    pub incident: Option<Uuid>,
    /// When it happened: from this moment on.
    pub from: Option<Timestamp>,
    /// Until before this one.
    pub to: Option<Timestamp>,
    /// Those before this place in the order alone: the last entry of the page before.
    pub before: Option<(Timestamp, Uuid)>,
    pub limit: usize,
}

/// One page of the duty log, newest first by when it happened.
pub struct LogPage<'a> {
    pub shown: Vec<Shown<'a>>,
    /// How many there are on all pages.
    pub matched: usize,
    /// The entry before which the next page goes on; `None` on the last.
    pub next: Option<Uuid>,
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
    /// Initial bearing to it, degrees clockwise from true north; 0 at distance 0.
    pub bearing_deg: f64,
    /// That point, lon/lat.
    pub nearest: [f64; 2],
}

impl Near<'_> {
    /// Writes a GeoJSON Feature with `collection`, `distance_m` (to the millimetre), `bearing_deg` (to 0.01°) and
    /// `nearest` beside `properties`.
    pub fn write_geojson(&self, out: &mut Vec<u8>) {
        let nearest = Coord { x: self.nearest[0], y: self.nearest[1] };
        let is_the_point = matches!(self.shown.geometry(), Some(Geometry::Point(point)) if point.0 == nearest);
        self.shown.write_with(out, |out, geometry_at| {
            // The last thing written is the geometry: what stands there is not worked out a second time.
            let written = out.len() - 1;
            out.extend_from_slice(b",\"collection\":\"");
            out.extend_from_slice(self.shown.collection().as_str().as_bytes());
            out.extend_from_slice(b"\",\"distance_m\":");
            json::rounded::<3>(self.distance_m, out);
            out.extend_from_slice(b",\"bearing_deg\":");
            json::rounded::<2>(self.bearing_deg, out);
            out.extend_from_slice(b",\"nearest\":");
            if is_the_point {
                out.extend_from_within(geometry_at + json::POINT.len()..written);
            } else {
                json::position(nearest, out);
            }
        });
    }
}

/// What lies in or near an area.
#[derive(Clone, Debug)]
pub struct WithinQuery {
    /// WGS 84; an area, or a line or point with a buffer.
    pub geometry: Geometry<f64>,
    /// Geodesic metres around it; records at exactly this distance are in.
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

impl Along<'_> {
    /// Writes a GeoJSON Feature with `collection`, `chainage_km` (to the metre) and `offset_m` beside `properties`.
    pub fn write_geojson(&self, out: &mut Vec<u8>) {
        self.shown.write_with(out, |out, _| {
            out.extend_from_slice(b",\"collection\":\"");
            out.extend_from_slice(self.shown.collection().as_str().as_bytes());
            out.extend_from_slice(b"\",\"chainage_km\":");
            json::rounded::<3>(self.chainage_km, out);
            out.extend_from_slice(b",\"offset_m\":");
            json::rounded::<3>(self.offset_m, out);
        });
    }
}

/// What an area holds. A house is counted once however many zones hold it; on the boundary counts as inside. Records
/// that were ended are not counted.
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
    /// Communes that the area touches and whose households the actor may not see one by one: each is counted whole,
    /// in `households` and `people` too, and who needs help is not known then.
    pub whole_communes: Vec<WholeCommune>,
}

/// A commune counted whole, rounded up to tens, for somebody without need of single households.
#[derive(Clone, Debug, PartialEq)]
pub struct WholeCommune {
    pub id: Uuid,
    pub name: String,
    pub households_at_most: i64,
    pub people_at_most: i64,
}

/// One line of the search box.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub collection: Collection,
    /// The record to open; for a former commune that of its successor.
    pub id: Uuid,
    pub title: String,
    /// Kind and whereabouts in Vietnamese; empty if nothing is known.
    pub subtitle: String,
    pub lon: Option<f64>,
    pub lat: Option<f64>,
    /// `[west, south, east, north]` of lines and areas.
    pub bbox: Option<[f64; 4]>,
}
