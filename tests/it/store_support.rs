//! What the store's tests share: a folder that goes away, and records made in one line.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use geo_types::{Geometry, Point};
use serde_json::{Map, Value, json};
use trucban::domain::{Collection, Fix, FixSource, Record, Timestamp};
use trucban::store::gpkg::{GpkgStore, OpenOptions};
use trucban::store::{Append, Appended, Expect, Idempotency, Put, Store, StoreError};
use uuid::Uuid;

/// A folder of its own for one test, removed at the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("trucban-test-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn open(&self) -> Arc<GpkgStore> {
        GpkgStore::open(&self.0, &OpenOptions::default()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A disk of some mebibytes, in memory; unmounted when dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it in `folder`; `None`, loudly, for whoever may not mount.
    pub fn mounted(folder: &Path, size_mib: u32) -> Option<Self> {
        let path = folder.join("disk");
        std::fs::create_dir(&path).unwrap();
        let size = format!("size={size_mib}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(path));
        }
        println!("SKIPPED: a small disk can be mounted by root alone");
        None
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

pub fn put(collection: Collection, id: Uuid, properties: Value) -> Put {
    Put {
        collection,
        id,
        valid_at: None,
        geometry: Some(Geometry::Point(Point::new(103.1, 22.3))),
        properties: object(properties),
        personal: Map::new(),
    }
}

pub fn household(id: Uuid, members: i64) -> Put {
    put(Collection::Households, id, json!({ "member_count": members }))
}

pub fn call(puts: Vec<Put>) -> Append {
    Append { idempotency: None, actor: "tester".into(), exercise_id: None, expects: Vec::new(), puts }
}

pub fn expecting(mut call: Append, collection: Collection, id: Uuid, version: u32) -> Append {
    call.expects.push(Expect { collection, id, version });
    call
}

pub fn keyed(mut call: Append, key: Uuid, body: u8) -> Append {
    call.idempotency = Some(Idempotency { key, body_hash: [body; 32] });
    call
}

pub async fn put_one(store: &(impl Store + ?Sized), put: Put) -> Result<Appended, StoreError> {
    store.append(call(vec![put])).await
}

pub fn fix(unit_id: Uuid, at_ms: i64, lon: f64) -> Fix {
    Fix {
        unit_id,
        lon,
        lat: 22.25,
        at: Timestamp::from_ms(at_ms),
        accuracy_m: Some(12.5),
        speed_mps: None,
        course_deg: Some(270.0),
        source: FixSource::Gps,
        heard_by: None,
    }
}

/// Every current record of a collection as the store gives it.
pub async fn records(store: &(impl Store + ?Sized), collection: Collection) -> Vec<Record> {
    let mut snapshot = store.snapshot().await.unwrap();
    let mut found = Vec::new();
    snapshot.records(collection, &mut |record, _| found.push(record)).unwrap();
    found
}
