//! What follows from a position: the commune that holds it, the border sector beside it, its chainage; and the roads
//! with kilometre posts. Made from the picture's layers and kept until one of them changes.

use std::sync::{Arc, Mutex, PoisonError};

use geo_types::Geometry;
use serde_json::Value;
use uuid::Uuid;

use super::scene::Working;
use crate::domain::change::Seq;
use crate::domain::fold::fold;
use crate::domain::{Collection, schema};
use crate::geometry::chainage::Route;
use crate::geometry::measure::PreparedArea;
use crate::picture::{Feature, Picture};

/// Farthest from the border line at which a position has a sector and a chainage, metres.
const BESIDE_BORDER_M: f64 = 10_000.0;
/// Accuracy of a commune or a road that states none, metres.
const ACCURACY_UNSTATED_M: f64 = 5_000.0;
/// Layers that the ground is made from.
const LAYERS: [Collection; 3] = [Collection::AdminUnits, Collection::BorderSectors, Collection::Roads];

/// The ground as the desk asks it.
pub(super) struct Ground {
    communes: Vec<Commune>,
    /// The border, and which sector each section of it is.
    border: Route,
    sectors: Vec<Uuid>,
    roads: Vec<Road>,
}

/// A commune or ward in force today.
pub(super) struct Commune {
    pub id: Uuid,
    pub code: String,
    pub full_name: String,
    /// `[lon, lat]` of its label: where to look on the map, no position of anything.
    pub label: Option<[f64; 2]>,
    area: Option<PreparedArea>,
}

/// A road with kilometre posts.
pub(super) struct Road {
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
pub(super) struct Whereabouts {
    /// Code of the commune.
    pub admin_unit: Option<String>,
    pub sector_id: Option<Uuid>,
    pub chainage_km: Option<f64>,
}

/// The ground of the newest picture, made again when one of its layers has changed.
#[derive(Default)]
pub(super) struct GroundCache {
    newest: Mutex<Option<([Seq; LAYERS.len()], Arc<Ground>)>>,
}

impl GroundCache {
    /// The ground of this picture. Takes a lock for the time of a comparison, and of making the ground (about 50 ms)
    /// when an area, a sector or a road has changed.
    pub fn of(&self, picture: &Picture) -> Arc<Ground> {
        let versions = LAYERS.map(|collection| picture.layer(collection).version());
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match &*newest {
            Some((known, ground)) if *known == versions => Arc::clone(ground),
            _ => {
                let ground = Arc::new(Ground::new(picture));
                *newest = Some((versions, Arc::clone(&ground)));
                ground
            }
        }
    }
}

impl Ground {
    fn new(picture: &Picture) -> Self {
        let listed = |collection: Collection| picture.layer(collection).iter().filter(|feature| !feature.is_ended());
        let mut communes: Vec<Commune> =
            listed(Collection::AdminUnits).filter_map(|feature| Commune::of(feature)).collect();
        // Drawn communes may overlap by their accuracy; the order of codes makes the choice the same everywhere.
        communes.sort_by(|a, b| a.code.cmp(&b.code));
        let mut sectors: Vec<(&Arc<Feature>, &Geometry<f64>, f64, f64)> = listed(Collection::BorderSectors)
            .filter_map(|f| Some((f, f.geometry.as_ref()?, f.number("from_km")?, f.number("to_km")?)))
            .collect();
        sectors.sort_by(|a, b| a.2.total_cmp(&b.2).then_with(|| a.0.id.cmp(&b.0.id)));
        let border = Route::of_sectors(sectors.iter().map(|(_, geometry, from, to)| (*geometry, *from, *to)));
        let mut roads: Vec<Road> = listed(Collection::Roads).filter_map(|feature| Road::of(feature)).collect();
        roads.sort_by(|a, b| a.key.cmp(&b.key).then_with(|| a.id.cmp(&b.id)));
        Self { communes, border, sectors: sectors.iter().map(|sector| sector.0.id).collect(), roads }
    }

    /// What follows from a position.
    pub fn whereabouts(&self, lon: f64, lat: f64) -> Whereabouts {
        let commune = self.communes.iter().find(|c| c.area.as_ref().is_some_and(|area| area.contains(lon, lat)));
        let beside = self.border.project(lon, lat).filter(|found| found.offset_m <= BESIDE_BORDER_M);
        Whereabouts {
            admin_unit: commune.map(|commune| commune.code.clone()),
            sector_id: beside.and_then(|found| self.sectors.get(found.section).copied()),
            // To the metre: more digits than the line has.
            chainage_km: beside.map(|found| (found.km * 1_000.0).round() / 1_000.0).map(|km| km.max(0.0)),
        }
    }

    /// The commune with this code.
    pub fn commune(&self, code: &str) -> Option<&Commune> {
        self.communes.iter().find(|commune| commune.code == code)
    }

    /// Roads with this sign, written in any way (`ql 12`, `ĐT.127`); all with kilometre posts if `None`.
    pub fn roads(&self, road_ref: Option<&str>) -> impl Iterator<Item = &Road> {
        let key = road_ref.map(road_key);
        self.roads.iter().filter(move |road| key.as_ref().is_none_or(|key| *key == road.key))
    }

    /// Fills in the fields that follow from the position. A record without one keeps what it had, but for incidents
    /// and contacts, whose commune is told by code.
    pub fn derive(&self, record: &mut Working) {
        let has = |name: &str| schema::find(record.collection, name).is_some();
        let beside_border = record.collection == Collection::Incidents && has("sector_id");
        if !has("admin_unit") {
            return;
        }
        let found = match record.geometry {
            Some(Geometry::Point(point)) => self.whereabouts(point.x(), point.y()),
            _ => match record.text("commune_code") {
                Some(code) => Whereabouts { admin_unit: Some(code.to_owned()), ..Whereabouts::default() },
                None if record.collection == Collection::Incidents => Whereabouts::default(),
                None => return,
            },
        };
        record.set("admin_unit", found.admin_unit.map_or(Value::Null, Value::from));
        if beside_border {
            record.set("sector_id", found.sector_id.map_or(Value::Null, |id| id.to_string().into()));
            record.set("chainage_km", found.chainage_km.map_or(Value::Null, Value::from));
        }
    }
}

impl Commune {
    fn of(feature: &Feature) -> Option<Self> {
        let kind = feature.text("kind")?;
        if !matches!(&*kind, "commune" | "ward") || feature.raw("valid_to").is_some() {
            return None;
        }
        let code = feature.text("code")?.into_owned();
        let full_name = feature.text("full_name").or_else(|| feature.text("name"))?.into_owned();
        let label = feature.number("label_lon").zip(feature.number("label_lat")).map(|(lon, lat)| [lon, lat]);
        let area = feature.geometry.as_ref().map(PreparedArea::new);
        Some(Self { id: feature.id, code, full_name, label, area })
    }
}

impl Road {
    fn of(feature: &Feature) -> Option<Self> {
        let road_ref = feature.text("road_ref")?.into_owned();
        let posts: Vec<[f64; 3]> =
            feature.value("km_posts").and_then(|posts| serde_json::from_value(posts).ok()).unwrap_or_default();
        let (from, to) = (feature.number("km_from"), feature.number("km_to"));
        let route = Route::with_posts(feature.geometry.as_ref()?, &posts, from, to)?;
        let accuracy_m = feature.number("accuracy_m").unwrap_or(ACCURACY_UNSTATED_M);
        Some(Self { id: feature.id, key: road_key(&road_ref), road_ref, route, accuracy_m })
    }
}

fn road_key(road_ref: &str) -> String {
    fold(road_ref).replace(' ', "").to_ascii_uppercase()
}
