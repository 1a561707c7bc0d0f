//! GeoJSON lines: the shipped coarse network, or a file of somebody's own.
//!
//! Lines meet where they have a vertex in common, to the centimetre; lines that cross without one pass over each
//! other. A feature is read by OpenStreetMap's keys where it has a `highway`, else by the fields of our own roads.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use geojson::{Feature, FeatureCollection, GeoJson, GeometryValue};

use super::Progress;
use super::network::{Network, Way};
use super::report::{Dropped, Report, unreadable};
use super::tags::{Tags, Traits, way_traits};
use crate::domain::Problem;
use crate::roads::graph::Spot;
use crate::roads::profile::{Class, Profiles, Surface};

/// The coarse network that the program carries: the roads of the reference ground.
const SHIPPED: &str = include_str!("../../../geodata/ground/roads.geojson");
/// Whom to thank for it, and how far to trust it.
const SHIPPED_ATTRIBUTION: &str =
    "trucban, sơ đồ đường khái lược (sai số 3–5 km) / coarse sketch of roads (3–5 km), CC0";

/// Reads the roads of a file, which is held whole. A member `attribution` beside `features` says whom to thank.
pub fn read(path: &Path, progress: Progress<'_>, report: &mut Report) -> Result<Network, Problem> {
    let file = File::open(path).map_err(|error| unreadable(path, &error.to_string(), &error.to_string()))?;
    let network = GeoJson::from_reader(BufReader::new(file))
        .map_err(geojson::Error::from)
        .and_then(|document| network_of(document, report));
    progress(1.0);
    network.map_err(|error| {
        unreadable(
            path,
            &format!("không phải GeoJSON trọn vẹn ({error})"),
            &format!("it is no whole GeoJSON ({error})"),
        )
    })
}

/// Reads the roads that the program carries.
pub fn read_shipped(report: &mut Report) -> Network {
    let network =
        SHIPPED.parse().and_then(|document| network_of(document, report)).expect("the shipped roads are GeoJSON");
    Network { attribution: SHIPPED_ATTRIBUTION.to_owned(), ..network }
}

fn network_of(document: GeoJson, report: &mut Report) -> geojson::Result<Network> {
    let collection = FeatureCollection::try_from(document)?;
    let attribution = collection.foreign_members.as_ref().and_then(|members| members.get("attribution")?.as_str());
    let mut network = Network { attribution: attribution.unwrap_or_default().to_owned(), ..Network::default() };
    let mut places: HashMap<Spot, u32> = HashMap::new();
    for (feature, number) in collection.features.iter().zip(1..) {
        take(feature, number, &mut network, &mut places, report);
    }
    Ok(network)
}

fn take(feature: &Feature, id: i64, network: &mut Network, places: &mut HashMap<Spot, u32>, report: &mut Report) {
    let lines = match feature.geometry.as_ref().map(|geometry| &geometry.value) {
        Some(GeometryValue::LineString { coordinates }) => std::slice::from_ref(coordinates),
        Some(GeometryValue::MultiLineString { coordinates }) => &coordinates[..],
        _ => return report.drop(Dropped::NotALine),
    };
    let Some(traits) = traits_of(feature) else { return report.drop(Dropped::UnknownClass) };
    for line in lines {
        let mut stops: Vec<u32> = Vec::with_capacity(line.len());
        for position in line {
            let (lon, lat) = (position[0], position[1]);
            if !(lon.abs() <= 180.0 && lat.abs() <= 90.0) {
                report.drop(Dropped::PlaceOffEarth);
                continue;
            }
            let spot = Spot::new(lon, lat);
            let place = *places.entry(spot).or_insert_with(|| {
                network.places.push(spot);
                network.places.len() as u32 - 1
            });
            if stops.last() != Some(&place) {
                stops.push(place);
            }
        }
        if stops.len() < 2 {
            report.drop(Dropped::WayWithoutLength);
        } else {
            network.ways.push(Way { id, traits: traits.clone(), stops });
        }
    }
}

impl Tags for Feature {
    fn value_of(&self, key: &str) -> Option<&str> {
        self.property(key)?.as_str()
    }
}

fn traits_of(feature: &Feature) -> Option<Traits> {
    if feature.value_of("highway").is_some() || feature.value_of("route").is_some() {
        return way_traits(feature);
    }
    let class = match (feature.value_of("kind"), feature.value_of("class")) {
        (Some("ferry"), _) => Class::Ferry,
        (Some("track"), _) | (_, Some("track" | "border_patrol")) => Class::Track,
        (_, Some("national")) => Class::Primary,
        (_, Some("provincial")) => Class::Secondary,
        (_, Some("district")) => Class::Tertiary,
        (_, Some("commune")) => Class::Unclassified,
        _ => return None,
    };
    let surface = match feature.value_of("surface") {
        Some("paved") => Surface::Paved,
        Some("unpaved") => Surface::Dirt,
        _ if class == Class::Track => Surface::Dirt,
        _ => Surface::Paved,
    };
    let name: Vec<&str> = ["road_ref", "name"].iter().filter_map(|key| feature.value_of(key)).collect();
    Some(Traits {
        class,
        surface,
        flags: 0,
        open: [None; 4],
        forward: Profiles::ALL,
        backward: Profiles::ALL,
        name: name.join(" "),
        maxspeed_kmh: None,
        duration_s: None,
    })
}
