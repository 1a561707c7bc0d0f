//! The shipped data are what the schemas say, whatever built them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use trucban::domain::Collection;
use trucban::domain::collection::GeometryKind;
use trucban::domain::schema::{canonical_properties, find};

fn shipped_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("geodata");
    let mut files: Vec<PathBuf> = ["ground", "history", "demo"]
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).expect("a shipped folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "geojson"))
        .collect();
    files.sort();
    files
}

fn features(path: &Path) -> Vec<Map<String, Value>> {
    let text = fs::read_to_string(path).expect("a readable file");
    let document: Value = serde_json::from_str(&text).expect("a JSON document");
    let features = document["features"].as_array().expect("features").clone();
    features.into_iter().map(|feature| feature.as_object().expect("an object").clone()).collect()
}

fn collection_of(path: &Path) -> Collection {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
    Collection::ALL.into_iter().find(|collection| collection.as_str() == stem).expect("named after a collection")
}

#[test]
fn every_shipped_feature_has_the_fields_of_its_collection() {
    for path in shipped_files() {
        let collection = collection_of(&path);
        for feature in features(&path) {
            let mut properties = feature["properties"].as_object().expect("properties").clone();
            // Times that are told relative to the making of a folder become instants in it.
            for name in
                feature.get("relative").and_then(Value::as_object).into_iter().flat_map(|relative| relative.keys())
            {
                let stem = name.strip_suffix("_min").or_else(|| name.strip_suffix("_h"));
                let field =
                    stem.map(|stem| if stem.starts_with("valid_") { stem.to_owned() } else { format!("{stem}_at") });
                if let Some(field) = field.filter(|field| find(collection, field).is_some()) {
                    properties.insert(field, Value::from("2026-01-01T00:00:00.000Z"));
                }
            }
            if let Err(problem) = canonical_properties(collection, &properties) {
                panic!("{}: {properties:?}: {problem:?}", path.display());
            }
        }
    }
}

#[test]
fn every_shipped_geometry_is_of_the_kind_its_collection_takes() {
    for path in shipped_files() {
        let allowed: &[&str] = match collection_of(&path).geometry_kind() {
            GeometryKind::Point => &["Point"],
            GeometryKind::Line => &["LineString", "MultiLineString"],
            GeometryKind::Area => &["Polygon", "MultiPolygon"],
        };
        for feature in features(&path) {
            let kind = feature["geometry"].get("type").and_then(Value::as_str);
            assert!(kind.is_none_or(|kind| allowed.contains(&kind)), "{}: {kind:?}", path.display());
        }
    }
}

#[test]
fn shipped_ids_are_unique() {
    let mut seen = HashSet::new();
    for path in shipped_files() {
        for feature in features(&path) {
            let id = feature["id"].as_str().expect("an id").to_owned();
            assert!(uuid::Uuid::parse_str(&id).is_ok(), "{id}");
            assert!(seen.insert(id), "{}: an id is used twice", path.display());
        }
    }
}
