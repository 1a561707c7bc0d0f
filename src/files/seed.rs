//! What the program carries: the reference ground with its past incidents, and the invented demo.
//!
//! Each lands by one append, so that a folder never holds half of it. The records have fixed ids, the same everywhere.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::import::{ground_of, store_problem};
use crate::desk;
use crate::domain::schema::{canonical_properties, split_personal};
use crate::domain::{Actor, Code, Collection, Fix, FixSource, Problem, Timestamp};
use crate::geometry::ground::{Ground, GroundParts};
use crate::geometry::validate::{self, IMPORTED_VERTICES_MAX};
use crate::store::{Expect, Put, Store};

/// Key of the store's `meta` that marks a demo folder for ever.
pub const DEMO_META: &str = "demo";

/// One shipped GeoJSON document a collection.
type Shipped = &'static [(Collection, &'static str)];

macro_rules! shipped {
    ($($collection:ident: $path:literal),+ $(,)?) => {
        &[$((Collection::$collection, include_str!(concat!("../../geodata/", $path)))),+]
    };
}

const GROUND: Shipped = shipped! {
    AdminUnits: "ground/admin_units.geojson",
    BorderSectors: "ground/border_sectors.geojson",
    Stations: "ground/stations.geojson",
    Places: "ground/places.geojson",
    Roads: "ground/roads.geojson",
    Rivers: "ground/rivers.geojson",
    Incidents: "history/incidents.geojson",
};

const DEMO: Shipped = shipped! {
    Stations: "demo/stations.geojson",
    Shelters: "demo/shelters.geojson",
    RainGauges: "demo/rain_gauges.geojson",
    Households: "demo/households.geojson",
    RiskZones: "demo/risk_zones.geojson",
    Units: "demo/units.geojson",
    Incidents: "demo/incidents.geojson",
    Contacts: "demo/contacts.geojson",
    DutyLog: "demo/duty_log.geojson",
    Deployments: "demo/deployments.geojson",
    Cases: "demo/cases.geojson",
    Tallies: "demo/tallies.geojson",
    InformationRequests: "demo/information_requests.geojson",
    Briefings: "demo/briefings.geojson",
    Decisions: "demo/decisions.geojson",
    EventPlans: "demo/event_plans.geojson",
};

/// Collections that only people fill; a folder in which one of them holds something is no empty one.
const LIVED_IN: [Collection; 13] = [
    Collection::Households,
    Collection::RiskZones,
    Collection::Shelters,
    Collection::Units,
    Collection::Contacts,
    Collection::DutyLog,
    Collection::Deployments,
    Collection::Cases,
    Collection::Tallies,
    Collection::InformationRequests,
    Collection::Briefings,
    Collection::Decisions,
    Collection::EventPlans,
];

/// Puts the reference ground and the past incidents into an empty store. How many records; 0 if it is not empty.
///
/// # Errors
/// The problem of the store.
pub async fn ground(store: &Arc<dyn Store>, now: Timestamp) -> Result<usize, Problem> {
    if holds_ground(store).await? {
        return Ok(0);
    }
    match append(store, load(GROUND, now)?, None).await {
        // Another node, started at the same time, was faster.
        Err(problem) if problem.code == Code::VersionConflict && holds_ground(store).await? => Ok(0),
        appended => appended,
    }
}

async fn holds_ground(store: &Arc<dyn Store>) -> Result<bool, Problem> {
    let mut snapshot = store.snapshot().await.map_err(store_problem)?;
    let mut held = snapshot.seq() > 0;
    snapshot.records(Collection::AdminUnits, &mut |_, _| held = true).map_err(store_problem)?;
    Ok(held)
}

/// Puts the invented demo into a store that holds the ground alone, and marks the folder as demo. How many records;
/// 0 if it is a demo folder already.
///
/// # Errors
/// `demo_folder` if the folder holds data of people; the problem of the store.
pub async fn demo(store: &Arc<dyn Store>, now: Timestamp) -> Result<usize, Problem> {
    let marked = is_demo(store).await?;
    let mut snapshot = store.snapshot().await.map_err(store_problem)?;
    let mut lived_in = None;
    for collection in LIVED_IN {
        snapshot.records(collection, &mut |_, _| lived_in = Some(collection)).map_err(store_problem)?;
    }
    let shipped = load(GROUND, now)?;
    let known: std::collections::HashSet<Uuid> = shipped.puts.iter().map(|put| put.id).collect();
    snapshot
        .records(Collection::Incidents, &mut |record, _| {
            if !known.contains(&record.id) {
                lived_in = Some(Collection::Incidents);
            }
        })
        .map_err(store_problem)?;
    let ground = ground_of(snapshot.as_mut()).map_err(store_problem)?;
    drop(snapshot);
    match (lived_in, marked) {
        // A start that was cut off between the mark and the data is finished now.
        (None, _) => {}
        (Some(_), true) => return Ok(0),
        (Some(collection), false) => {
            return Err(Problem::new(
                Code::DemoFolder,
                format!("thư mục có dữ liệu thật ({collection}); dữ liệu minh hoạ chỉ vào thư mục trống"),
                format!("the folder holds other data ({collection}); a demo needs an empty folder"),
            ));
        }
    }
    store.set_meta(DEMO_META, "1".to_owned()).await.map_err(store_problem)?;
    let load = load(DEMO, now)?;
    append(store, load, Some(ground)).await
}

/// Whether the folder was marked as demo.
///
/// # Errors
/// The problem of the store.
pub async fn is_demo(store: &Arc<dyn Store>) -> Result<bool, Problem> {
    Ok(store.meta(DEMO_META).await.map_err(store_problem)?.is_some())
}

/// Records and fixes of shipped documents.
struct Load {
    puts: Vec<Put>,
    fixes: Vec<Fix>,
}

fn load(shipped: Shipped, now: Timestamp) -> Result<Load, Problem> {
    let mut load = Load { puts: Vec::new(), fixes: Vec::new() };
    for (collection, document) in shipped {
        let broken = |why: &str| {
            Problem::new(
                Code::Internal,
                format!("dữ liệu kèm {collection}: {why}"),
                format!("shipped {collection}: {why}"),
            )
        };
        let document: Value = serde_json::from_str(document).map_err(|error| broken(&error.to_string()))?;
        let features = document.get("features").and_then(Value::as_array).ok_or_else(|| broken("no features"))?;
        for feature in features {
            record(*collection, feature, now, &mut load)
                .map_err(|problem| problem.with("collection", collection.as_str()))?;
        }
    }
    Ok(load)
}

fn record(collection: Collection, feature: &Value, now: Timestamp, load: &mut Load) -> Result<(), Problem> {
    let id = feature
        .get("id")
        .and_then(Value::as_str)
        .and_then(|text| Uuid::parse_str(text).ok())
        .ok_or_else(|| Problem::new(Code::Internal, "dữ liệu kèm thiếu id", "a shipped record has no id"))?;
    let geometry = match feature.get("geometry") {
        None | Some(Value::Null) => None,
        Some(geometry) => {
            Some(validate::from_geojson(geometry, collection.geometry_kind(), IMPORTED_VERTICES_MAX, "/geometry")?)
        }
    };
    let mut all = feature.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(relative) = feature.get("relative").and_then(Value::as_object) {
        resolve(collection, id, relative, now, &mut all, &mut load.fixes);
    }
    if collection == Collection::Units {
        all.entry("status_by").or_insert_with(|| "demo".into());
    }
    let all = canonical_properties(collection, &all)?;
    let valid_at = all.get("occurred_at").and_then(Value::as_str).and_then(|text| Timestamp::parse(text).ok());
    let (properties, personal) = split_personal(collection, all);
    load.puts.push(Put { collection, id, valid_at, geometry, properties, personal });
    Ok(())
}

/// Turns times told relative to the making of the folder into instants (see `geodata/SOURCES.md`).
fn resolve(
    collection: Collection,
    id: Uuid,
    relative: &Map<String, Value>,
    now: Timestamp,
    all: &mut Map<String, Value>,
    fixes: &mut Vec<Fix>,
) {
    for (name, value) in relative {
        let seconds = |unit_s: f64| value.as_f64().map(|n| now.plus_s((n * unit_s) as i64).to_string());
        if let Some(stem) = name.strip_suffix("_min") {
            let field = match (collection, stem) {
                (Collection::Units, "state") => "status_at".to_owned(),
                _ => format!("{stem}_at"),
            };
            all.extend(seconds(60.0).map(|at| (field, at.into())));
        } else if let Some(stem) = name.strip_suffix("_h") {
            all.extend(seconds(3_600.0).map(|at| (stem.to_owned(), at.into())));
        } else if name == "fix" {
            let number = |member: &str| value.get(member).and_then(Value::as_f64);
            if let (Some(lon), Some(lat), Some(min)) = (number("lon"), number("lat"), number("min")) {
                fixes.push(Fix {
                    unit_id: id,
                    lon,
                    lat,
                    at: now.plus_s((min * 60.0) as i64),
                    accuracy_m: number("accuracy_m"),
                    speed_mps: None,
                    course_deg: None,
                    source: FixSource::Gps,
                    heard_by: None,
                });
            }
        }
    }
}

async fn append(store: &Arc<dyn Store>, mut load: Load, ground: Option<Ground>) -> Result<usize, Problem> {
    let ground = ground.unwrap_or_else(|| {
        let mut parts = GroundParts::default();
        for put in &load.puts {
            parts.add(put.collection, put.id, &put.properties, put.geometry.as_ref());
        }
        parts.measured()
    });
    for put in &mut load.puts {
        ground.mark(put.collection, &mut put.properties, put.geometry.as_ref());
    }
    let count = load.puts.len();
    let expects = load.puts.iter().map(|put| Expect { collection: put.collection, id: put.id, version: 0 }).collect();
    let actor = Actor { name: "seed".to_owned(), ..Actor::system() };
    match desk::take_file(store.as_ref(), &actor, expects, load.puts).await {
        // Another node that starts at this moment was faster; the records are the same everywhere.
        Err(problem) if problem.code == Code::VersionConflict => return Ok(0),
        taken => taken?,
    };
    if !load.fixes.is_empty() {
        store.append_fixes(load.fixes.into()).await.map_err(store_problem)?;
    }
    Ok(count)
}
