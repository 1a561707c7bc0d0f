//! The generated data: households uniform over the province's bounds, and units. Seeded, so that runs are alike.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use geo::{Densify, Euclidean};
use rand::{RngExt, SeedableRng};
use trucban::domain::{Collection, Timestamp};
use trucban::store::gpkg::{GpkgStore, OpenOptions};
use trucban::store::{Append, Put, Store};
use uuid::Uuid;

/// Bounds of the province, degrees: lon, lat.
pub const LON: (f64, f64) = (102.3, 103.95);
pub const LAT: (f64, f64) = (21.7, 22.85);
/// Units that move.
pub const UNITS: usize = 10_000;
/// Communes: a grid of so many columns and rows over the bounds.
pub const COMMUNES: (usize, usize) = (7, 6);
/// As many vertices as half of the province's real communes have, or more.
const VERTICES_A_SIDE: f64 = 4.0;
/// Records in one append while filling.
const CHUNK: usize = 20_000;

/// A generator seeded for one purpose.
pub fn generator(purpose: u64) -> rand::rngs::StdRng {
    rand::rngs::StdRng::seed_from_u64(42 + purpose)
}

/// A uniform position.
pub fn position(rng: &mut impl RngExt) -> (f64, f64) {
    (rng.random_range(LON.0..LON.1), rng.random_range(LAT.0..LAT.1))
}

/// Random centres without answer cache or repetition: the n-th of a sequence mixed from n (SplitMix64).
pub fn centre(n: u64) -> (f64, f64) {
    let mix = |seed: u64| {
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (x, y) = (mix(n.wrapping_mul(2)), mix(n.wrapping_mul(2) + 1));
    (LON.0 + x * (LON.1 - LON.0), LAT.0 + y * (LAT.1 - LAT.0))
}

/// A data folder that is removed when dropped.
pub struct Folder {
    pub path: PathBuf,
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder for the bench");
        Self { path }
    }
}

/// Code of the commune in this column and row.
pub fn commune(column: usize, row: usize) -> String {
    format!("C{column:02}{row:02}")
}

fn commune_of(lon: f64, lat: f64) -> String {
    let cell = |at: f64, (from, to): (f64, f64), of: usize| ((at - from) / (to - from) * of as f64) as usize;
    commune(cell(lon, LON, COMMUNES.0), cell(lat, LAT, COMMUNES.1))
}

fn communes() -> Vec<Put> {
    let side = |(from, to): (f64, f64), of: usize| move |at: usize| from + (to - from) * at as f64 / of as f64;
    let (lon, lat) = (side(LON, COMMUNES.0), side(LAT, COMMUNES.1));
    let cells = (0..COMMUNES.0).flat_map(|column| (0..COMMUNES.1).map(move |row| (column, row)));
    let record = |(column, row)| {
        let area = geo_types::Rect::new((lon(column), lat(row)), (lon(column + 1), lat(row + 1))).to_polygon();
        let area = Euclidean.densify(&area, (lon(1) - lon(0)) / VERTICES_A_SIDE);
        let code = commune(column, row);
        let properties = serde_json::json!({"code": code, "name": code, "full_name": code, "kind": "commune"});
        let put = put(Collection::AdminUnits, Uuid::now_v7(), 0.0, 0.0, &properties);
        Put { geometry: Some(area.into()), ..put }
    };
    cells.map(record).collect()
}

fn household(rng: &mut impl RngExt, number: usize) -> Put {
    let (lon, lat) = position(rng);
    let properties = serde_json::json!({
        "code": format!("H-{number:07}"),
        "hamlet": format!("Bản {}", number % 900),
        "member_count": rng.random_range(1..9),
        "children": rng.random_range(0..3),
        "elderly": rng.random_range(0..2),
        "susceptibility": rng.random_range(1..5),
        "state": "registered",
        "admin_unit": commune_of(lon, lat),
    });
    put(Collection::Households, Uuid::now_v7(), lon, lat, &properties)
}

pub fn put(collection: Collection, id: Uuid, lon: f64, lat: f64, properties: &serde_json::Value) -> Put {
    Put {
        collection,
        id,
        valid_at: None,
        geometry: Some(geo_types::Point::new(lon, lat).into()),
        properties: properties.as_object().cloned().unwrap_or_default(),
        personal: serde_json::Map::new(),
    }
}

pub async fn append(store: &dyn Store, puts: Vec<Put>) {
    let call = Append { idempotency: None, actor: Arc::from("bench"), exercise_id: None, expects: Vec::new(), puts };
    store.append(call).await.expect("the store takes the generated records");
}

/// Fills a folder with `households` and the units; gives the units' ids.
pub fn fill(path: &Path, households: usize) -> Vec<Uuid> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = GpkgStore::open(path, &OpenOptions::default()).expect("an empty folder becomes a store");
        fill_store(&*store, households).await
    })
}

/// As [`fill`], of a store that is empty; closes it.
pub async fn fill_store(store: &dyn Store, households: usize) -> Vec<Uuid> {
    store.set_meta("ground", "bench".to_owned()).await.expect("meta");
    append(store, communes()).await;
    let mut rng = generator(1);
    let mut left = households;
    while left > 0 {
        let many = left.min(CHUNK);
        let puts = (0..many).map(|n| household(&mut rng, households - left + n)).collect();
        append(store, puts).await;
        left -= many;
    }
    let ids: Vec<Uuid> = (0..UNITS).map(|_| Uuid::now_v7()).collect();
    let units = ids.iter().enumerate().map(|(n, id)| {
        let properties = serde_json::json!({
            "name": format!("Tổ {n}"), "force": "border_guard", "kind": "patrol", "status": "on_patrol",
            "status_at": Timestamp::from_ms(0).to_string(),
        });
        put(Collection::Units, *id, 0.0, 0.0, &properties)
    });
    append(store, units.map(|unit| Put { geometry: None, ..unit }).collect()).await;
    store.close().await;
    ids
}
