//! Other programs at the front door: GDAL's OAPIF driver and OWSLib. Each is skipped loudly where it is absent.

use std::process::Command;

use trucban::domain::Collection;

use crate::http_support::Server;
use crate::support::python;

#[tokio::test(flavor = "multi_thread")]
async fn gdal_reads_every_collection_with_the_counts_of_the_api() {
    if Command::new("ogrinfo").arg("--version").output().is_err() {
        println!("SKIPPED: gdal-bin is not installed, GDAL was not tried");
        return;
    }
    let server = Server::real().await;
    let admin = server.anybody();
    admin.report("landslide", 103.2, 22.4).await;
    for collection in Collection::ALL {
        let matched =
            admin.read(&format!("/api/collections/{collection}/items?limit=1")).await["numberMatched"].clone();
        let source = format!("OAPIF:{}/api", server.base);
        let output = tokio::task::spawn_blocking(move || {
            // Pages of 17 records, so that GDAL must follow the links.
            let page = ["-oo", "PAGE_SIZE=17"];
            Command::new("ogrinfo").args(["-ro", "-al", "-q"]).args(page).arg(source).arg(collection.as_str()).output()
        });
        let output = output.await.unwrap().unwrap();
        let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && !errors.contains("ERROR"), "{collection}: {errors}");
        let read = text.lines().filter(|line| line.starts_with("OGRFeature(")).count();
        assert_eq!(matched, read, "{collection}: {errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owslib_lists_and_pages_items() {
    let Some(python) = python::program("python") else { return };
    let server = Server::real().await;
    let script = r#"
import sys
from owslib.ogcapi.features import Features
api = Features(sys.argv[1])
assert api.conformance()["conformsTo"], "conformance"
names = [c["id"] for c in api.collections()["collections"]]
assert set(api.feature_collections()) == set(names), names
seen = set()
while True:
    page = api.collection_items("stations", limit=10, offset=len(seen))
    ids = [f["id"] for f in page["features"]]
    if not ids:
        break
    assert not seen & set(ids)
    seen |= set(ids)
assert len(seen) == page["numberMatched"], (len(seen), page["numberMatched"])
one = api.collection_item("stations", sorted(seen)[0])
assert one["type"] == "Feature"
assert "name" in api.collection_queryables("stations")["properties"]
near = api.collection_items("stations", bbox=[102.0, 22.0, 103.0, 23.0])
assert 0 < near["numberMatched"] < len(seen)
print("ok", len(names), len(seen))
"#;
    let address = format!("{}/api", server.base);
    let ran = tokio::task::spawn_blocking(move || Command::new(python).args(["-c", script, &address]).output());
    let ran = ran.await.unwrap().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
