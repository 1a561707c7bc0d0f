//! What goes out comes in again as it was; what the program carries fits; the shared data sets import.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use trucban::domain::{Actor, Collection, Role, Timestamp};
use trucban::files::{Format, ImportOptions, ImportSummary, export_file, import_file, seed};
use trucban::picture;
use trucban::store::Store;
use trucban::store::gpkg::check;

use super::store_support::{Folder, records};

fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T02:14:36Z").unwrap()
}

fn admin() -> Actor {
    Actor::new("import", Role::System, None)
}

async fn import(store: &Arc<dyn Store>, path: &Path, options: &ImportOptions) -> ImportSummary {
    import_file(store, &admin(), path, options, now(), &mut |_| Ok(())).await.unwrap()
}

async fn export(store: &Arc<dyn Store>, collection: Collection, format: Format, path: &Path) -> u64 {
    let handle = picture::start(Arc::clone(store)).await.unwrap();
    export_file(&handle.view(&admin(), now()), collection, format, path).unwrap()
}

#[tokio::test]
async fn what_is_exported_comes_in_again_as_it_was() {
    let (data, files) = (Folder::new(), Folder::new());
    let store: Arc<dyn Store> = data.open();
    assert!(seed::ground(&store, now()).await.unwrap() > 200);
    assert_eq!(seed::ground(&store, now()).await.unwrap(), 0, "once");
    assert!(seed::demo(&store, now()).await.unwrap() > 3_000);
    assert_eq!(seed::demo(&store, now()).await.unwrap(), 0, "once");
    assert!(seed::is_demo(&store).await.unwrap());
    assert_eq!(check(data.path()).unwrap(), []);
    let collections = [
        Collection::Stations,
        Collection::Places,
        Collection::Roads,
        Collection::Rivers,
        Collection::BorderSectors,
        Collection::AdminUnits,
        Collection::Households,
        Collection::Shelters,
        Collection::RiskZones,
        Collection::Contacts,
    ];
    for format in [Format::GeoJson, Format::Csv, Format::GeoPackage] {
        let copy = Folder::new();
        let other: Arc<dyn Store> = copy.open();
        let extension = match format {
            Format::GeoJson => "geojson",
            Format::Csv => "csv",
            Format::GeoPackage => "gpkg",
            Format::Xlsx => unreachable!("no workbook is written"),
        };
        // Communes and sectors first: what follows from a position is found anew.
        let mut order = collections.to_vec();
        order.sort_by_key(|c| !matches!(c, Collection::AdminUnits | Collection::BorderSectors));
        for collection in order {
            let path = files.path().join(format!("{collection}.{extension}"));
            let count = export(&store, collection, format, &path).await;
            let again = files.path().join(format!("{collection}-again.{extension}"));
            export(&store, collection, format, &again).await;
            assert!(
                std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap(),
                "{collection} {extension}: same bytes"
            );
            let summary = import(&other, &path, &ImportOptions::into(collection)).await;
            assert_eq!(summary.created, count, "{collection} {extension}: {:?}", summary.refused.kept.first());
            let back = files.path().join(format!("{collection}-back.geojson"));
            let out = files.path().join(format!("{collection}-out.geojson"));
            export(&other, collection, Format::GeoJson, &back).await;
            export(&store, collection, Format::GeoJson, &out).await;
            assert!(std::fs::read(&out).unwrap() == std::fs::read(&back).unwrap(), "{collection} through {extension}");
        }
        // A second import of the same file changes nothing.
        let path = files.path().join(format!("{}.{extension}", Collection::Households));
        let summary = import(&other, &path, &ImportOptions::into(Collection::Households)).await;
        assert_eq!((summary.created, summary.updated), (0, 0));
    }
}

#[tokio::test]
async fn a_demo_refuses_a_folder_that_people_use() {
    let data = Folder::new();
    let store: Arc<dyn Store> = data.open();
    seed::ground(&store, now()).await.unwrap();
    let path = data.path().join("h.csv");
    std::fs::write(&path, "code,member_count,lon,lat\nA,3,103.2,22.4\n").unwrap();
    import(&store, &path, &ImportOptions::into(Collection::Households)).await;
    assert_eq!(seed::demo(&store, now()).await.unwrap_err().code, trucban::domain::Code::DemoFolder);
    assert!(!seed::is_demo(&store).await.unwrap());
}

#[tokio::test]
async fn a_formula_in_a_text_is_no_formula_in_the_csv() {
    let (data, files) = (Folder::new(), Folder::new());
    let store: Arc<dyn Store> = data.open();
    let feature = json!({ "type": "Feature", "geometry": { "type": "Point", "coordinates": [103.2, 22.4] },
        "properties": { "code": "=HYPERLINK(1)", "member_count": 1, "note": "+84 900", "extra": { "a": [1, { "b": "c" }] } } });
    let path = files.path().join("f.geojson");
    std::fs::write(&path, feature.to_string()).unwrap();
    import(&store, &path, &ImportOptions::into(Collection::Households)).await;
    let csv = files.path().join("f.csv");
    export(&store, Collection::Households, Format::Csv, &csv).await;
    let text = std::fs::read_to_string(&csv).unwrap();
    assert!(text.contains(",'=HYPERLINK(1),") && text.contains("'+84 900"), "{text}");
    let summary = import(&store, &csv, &ImportOptions::into(Collection::Households)).await;
    assert_eq!((summary.created, summary.updated, summary.unchanged), (0, 0, 1));
}

#[tokio::test]
async fn an_area_may_have_a_million_vertices_and_not_one_more() {
    let (data, files) = (Folder::new(), Folder::new());
    let store: Arc<dyn Store> = data.open();
    let ring = |vertices: usize| {
        use std::fmt::Write as _;
        let mut text = r#"{"type":"Feature","properties":{"code":"big","name":"Lớn","kind":"commune"},"geometry":{"type":"Polygon","coordinates":[["#.to_owned();
        for at in 0..vertices - 1 {
            let angle = std::f64::consts::TAU * at as f64 / (vertices - 1) as f64;
            write!(text, "[{:.9},{:.9}],", 103.0 + angle.cos(), 22.0 + angle.sin()).unwrap();
        }
        text + "[104.000000000,22.000000000]]]}}"
    };
    let path = files.path().join("big.geojson");
    std::fs::write(&path, ring(1_000_001)).unwrap();
    let summary = import(&store, &path, &ImportOptions::into(Collection::AdminUnits)).await;
    assert_eq!(summary.refused.kept[0].problem.code, trucban::domain::Code::TooManyVertices);
    std::fs::write(&path, ring(1_000_000)).unwrap();
    let summary = import(&store, &path, &ImportOptions::into(Collection::AdminUnits)).await;
    assert_eq!(summary.created, 1, "{:?}", summary.refused.kept);
}

/// A file beside the repository, where the machine has it.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/geodata").join(name);
    let path = if path.exists() { path } else { PathBuf::from(std::env::var_os("TRUCBAN_SHARED")?).join(name) };
    path.exists().then_some(path)
}

macro_rules! shared_or_skip {
    ($name:literal) => {
        match shared($name) {
            Some(path) => path,
            None => {
                println!("SKIPPED: ../shared/geodata/{} is not on this machine", $name);
                return;
            }
        }
    };
}

#[tokio::test]
async fn the_landslide_catalogue_imports_as_past_incidents() {
    let path = shared_or_skip!("nasa_glc_global.csv");
    let data = Folder::new();
    let store = data.open();
    let dynamic: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
    seed::ground(&dynamic, now()).await.unwrap();
    let whole = import(&dynamic, &path, &ImportOptions::into(Collection::Incidents)).await;
    assert!(!whole.written && whole.refused.count > 0 && whole.refused.count < 40, "{}", whole.refused.count);
    for refusal in &whole.refused.kept {
        let field = refusal.problem.at.as_deref().unwrap_or_default();
        assert!(["location_accuracy", "kind", "source_name", "title"].contains(&field), "{refusal:?}");
    }
    assert!(whole.notes.iter().any(|(_, en)| en.contains("month/day/year")), "{:?}", whole.notes);
    let options = ImportOptions { skip_bad: true, ..ImportOptions::into(Collection::Incidents) };
    let summary = import(&dynamic, &path, &options).await;
    assert_eq!(summary.created + summary.refused.count, 11_032);
    let found = records(&*store, Collection::Incidents).await;
    let of_684 = found.iter().find(|r| r.properties.contains("\"event_id\":\"684\"")).unwrap().properties_map();
    assert_eq!(of_684["dead"], json!(11));
    assert_eq!(of_684["occurred_at"], json!("2008-07-31T17:00:00.000Z"));
    assert_eq!(of_684["title"], json!("Sigou Village, Loufan County, Shanxi Province"));
    assert_eq!(of_684["state"], json!("closed"));
    assert_eq!(of_684.get("accuracy_m"), None);
    assert_eq!(of_684["extra"]["location_accuracy"], json!("unknown"));
    assert!(found.iter().all(|r| r.property("state") != Some(Value::from("reported"))));
    let again = import(&dynamic, &path, &options).await;
    assert_eq!((again.created, again.updated), (0, 0));
}

#[tokio::test]
async fn the_257_communes_import() {
    let path = shared_or_skip!("nw_vietnam_communes_2025_simplified.geojson");
    let data = Folder::new();
    let store: Arc<dyn Store> = data.open();
    seed::ground(&store, now()).await.unwrap();
    let options = ImportOptions { skip_bad: true, ..ImportOptions::into(Collection::AdminUnits) };
    let summary = import(&store, &path, &options).await;
    for refusal in &summary.refused.kept {
        println!("line {}: {}", refusal.line, refusal.problem.detail_en);
    }
    assert_eq!(summary.rows, 257);
    assert_eq!(summary.created + summary.updated + summary.refused.count, 257);
    assert_eq!(summary.updated, 38, "the province's own were there");
    assert!(summary.refused.count <= 5, "{}", summary.refused.count);
}
