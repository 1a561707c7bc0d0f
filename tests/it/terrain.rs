//! The ground: slopes beside GDAL's, and what a zone is told of its own ground.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::StatusCode;
use serde_json::json;
use tiff::encoder::colortype::{Gray8, Gray32Float};
use tiff::encoder::{TiffEncoder, colortype::ColorType};
use tiff::tags::Tag;
use trucban::geometry::measure::distance_m;
use trucban::raster::{Grid, read, slope_deg};
use trucban::roads::import::elevations;

use crate::http_support::{Server, done, problem};
use crate::roads_support::{folder, mountains_files};

/// Rows of a strip in which a degree of longitude is nearly of one length.
const STRIP_ROWS: usize = 60;

/// Writes a grid as a GeoTIFF in degrees whose cells are points.
fn write<C: ColorType>(path: &Path, west: f64, north: f64, step: f64, columns: usize, values: &[C::Inner])
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut encoder = TiffEncoder::new(File::create(path).unwrap()).unwrap();
    let rows = values.len() / columns;
    let mut image = encoder.new_image::<C>(columns as u32, rows as u32).unwrap();
    let tags = image.encoder();
    tags.write_tag(Tag::ModelPixelScaleTag, &[step, step, 0.0][..]).unwrap();
    tags.write_tag(Tag::ModelTiepointTag, &[0.0, 0.0, 0.0, west, north, 0.0][..]).unwrap();
    let keys: &[u16] = &[1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 2, 2048, 0, 1, 4326];
    tags.write_tag(Tag::GeoKeyDirectoryTag, keys).unwrap();
    tags.write_tag(Tag::GdalNodata, "-9999").unwrap();
    image.write_data(values).unwrap();
}

/// Hills of all steepnesses, with a hole, on a grid of one arc second at Lai Châu.
fn hills(path: &Path) -> PathBuf {
    let side = 400;
    let height = |n: usize| {
        let (x, y) = ((n % side) as f64, (n / side) as f64);
        match (n % side, n / side) {
            (100..104, 50..53) => -9999.0,
            _ => (900.0 + 300.0 * (x / 23.0).sin() * (y / 31.0).cos() + 60.0 * (x / 5.0 + y / 7.0).sin()) as f32,
        }
    };
    let values: Vec<f32> = (0..side * side).map(height).collect();
    write::<Gray32Float>(path, 103.2, 22.4, 1.0 / 3_600.0, side, &values);
    path.to_owned()
}

/// Runs a program of GDAL; false, with a word, where it is not installed.
fn gdal(program: &str, arguments: &[&str]) -> bool {
    match Command::new(program).args(arguments).arg("-q").output() {
        Err(error) => {
            println!("SKIPPED: {program} is not installed ({error}): apt-get install gdal-bin");
            false
        }
        Ok(output) => {
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
            true
        }
    }
}

/// What GDAL says of a strip of rows, degrees, NaN where it says nothing. It knows no degrees of longitude that grow
/// shorter to the north, so that each strip is given to it in metres, as long as they are in its middle.
fn slopes_of_gdal(source: &Path, grid: &Grid, first: usize) -> Option<Vec<f32>> {
    let at = folder(&format!("gdaldem-{}", source.file_stem().unwrap().to_str().unwrap()));
    let [columns, _] = grid.size;
    let lat = grid.lat(first + STRIP_ROWS / 2);
    let east_m = distance_m(grid.west, lat, grid.west + grid.step[0], lat);
    let south_m = distance_m(grid.west, lat, grid.west, lat + grid.step[1]);
    let (strip, slopes) = (at.join("strip.tif"), at.join("slopes.bin"));
    let words = |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>();
    let window = words(&[0.0, first as f64, columns as f64, STRIP_ROWS as f64]);
    let corners = words(&[0.0, STRIP_ROWS as f64 * south_m, columns as f64 * east_m, 0.0]);
    let mut translate = vec!["-srcwin"];
    translate.extend(window.iter().map(String::as_str));
    translate.extend(["-a_srs", "EPSG:32648", "-a_ullr"]);
    translate.extend(corners.iter().map(String::as_str));
    translate.extend([source.to_str().unwrap(), strip.to_str().unwrap()]);
    let is_there = gdal("gdal_translate", &translate)
        && gdal("gdaldem", &["slope", strip.to_str().unwrap(), slopes.to_str().unwrap(), "-of", "ENVI"]);
    if !is_there {
        return None;
    }
    let bytes = fs::read(&slopes).unwrap();
    let values = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
    Some(values.map(|value| if value == -9999.0 { f32::NAN } else { value }).collect())
}

/// Holds all rows of a grid against GDAL, and says the greatest difference.
fn compare_with_gdal(source: &Path) {
    let grid = elevations(source).unwrap();
    let slope = slope_deg(&grid);
    let [columns, rows] = grid.size;
    let (mut worst_deg, mut steepest_deg, mut compared) = (0.0_f32, 0.0_f32, 0);
    for first in (0..=rows - STRIP_ROWS).step_by(STRIP_ROWS - 2) {
        let Some(theirs) = slopes_of_gdal(source, &grid, first) else { return };
        for row in 1..STRIP_ROWS - 1 {
            for column in 0..columns {
                let (ours, theirs) = (slope.at(column, first + row), theirs[row * columns + column]);
                assert_eq!(ours.is_nan(), theirs.is_nan(), "column {column}, row {}: {ours} {theirs}", first + row);
                if ours.is_finite() {
                    worst_deg = worst_deg.max((ours - theirs).abs());
                    steepest_deg = steepest_deg.max(ours);
                    compared += 1;
                }
            }
        }
    }
    println!("{compared} points, up to {steepest_deg:.1}°: at most {worst_deg:.4}° from gdaldem");
    assert!(compared > columns * rows / 2 && steepest_deg > 40.0);
    assert!(worst_deg <= 0.1, "{worst_deg}");
}

#[test]
fn slopes_of_made_hills_are_those_of_gdal() {
    compare_with_gdal(&hills(&folder("hills").join("hills.tif")));
}

#[test]
fn slopes_of_real_mountains_are_those_of_gdal() {
    let Some((_, tile)) = mountains_files() else { return };
    compare_with_gdal(&tile);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_is_told_its_slopes_and_how_readily_it_slides_as_soon_as_grids_are_imported() {
    let server = Server::real().await;
    let planner = server.anybody();
    let files = folder("ground");
    let square = |d: f64| {
        let (lon, lat) = (103.25, 22.35);
        let ring = [[lon - d, lat - d], [lon + d, lat - d], [lon + d, lat + d], [lon - d, lat + d], [lon - d, lat - d]];
        json!({"geometry": {"type": "Polygon", "coordinates": [ring]}})
    };
    let nothing = done(planner.post("/api/terrain", square(0.01)).await, StatusCode::OK).await;
    assert_eq!(nothing, json!({"slope": null, "susceptibility": null}));

    let dem = hills(&files.join("dem.tif"));
    let says = server.trucban_says(&["import", "terrain", dem.to_str().unwrap(), "--source", "đồi thử"]);
    assert!(says.contains("400 × 400"), "{says}");
    // The west is of class 2 with one odd point in a thousand of class 4; the east of class 3.
    let class = |n: usize| match (n % 400, n) {
        (180, 80_180) => 4,
        (0..180, _) => 2,
        _ => 3,
    };
    let classes = files.join("classes.tif");
    write::<Gray8>(&classes, 103.2, 22.4, 1.0 / 3_600.0, 400, &(0..160_000).map(class).collect::<Vec<u8>>());
    server.trucban_says(&["import", "susceptibility", classes.to_str().unwrap(), "--source", "bản đồ thử 2024"]);

    let ground = done(planner.post("/api/terrain", square(0.01)).await, StatusCode::OK).await;
    let slope = slope_deg(&read(&dem).unwrap());
    let mut inside: Vec<f32> = Vec::new();
    for n in 0..160_000 {
        let (lon, lat) = (103.2 + (n % 400) as f64 / 3_600.0, 22.4 - (n / 400) as f64 / 3_600.0);
        if (lon - 103.25).abs() < 0.01 && (lat - 22.35).abs() < 0.01 {
            inside.push(slope.at(n % 400, n / 400));
        }
    }
    let mean_deg = f64::from(inside.iter().sum::<f32>()) / inside.len() as f64;
    let said = |path: &str| ground.pointer(path).and_then(serde_json::Value::as_f64).unwrap();
    assert!((said("/slope/mean_deg") - mean_deg).abs() < 0.1, "{ground} {mean_deg}");
    let max_deg = inside.iter().copied().fold(0.0, f32::max);
    assert!((said("/slope/max_deg") - f64::from(max_deg)).abs() <= 0.25, "{ground} {max_deg}");
    let steep = inside.iter().filter(|degrees| **degrees >= 25.0).count() as f64 / inside.len() as f64;
    assert!((said("/slope/steep_share") - steep).abs() < 0.02, "{ground} {steep}");
    assert_eq!(ground["slope"]["sources"], json!(["đồi thử"]));
    assert_eq!(ground["susceptibility"]["class"], 3, "the odd point names no class: {ground}");
    assert!((said("/susceptibility/shares/1") - 0.5).abs() < 0.01, "{ground}");
    assert_eq!(ground["susceptibility"]["sources"], json!(["bản đồ thử 2024"]));
    let elsewhere = json!({"geometry": {"type": "Polygon", "coordinates": [[[105.0, 20.0], [105.1, 20.0], [105.1, 20.1], [105.0, 20.0]]]}});
    let nothing = done(planner.post("/api/terrain", elsewhere).await, StatusCode::OK).await;
    assert_eq!(nothing, json!({"slope": null, "susceptibility": null}));

    problem(planner.post("/api/terrain", json!({})).await, 422, "missing_field").await;
    let bow = json!({"geometry": {"type": "Polygon", "coordinates": [[[103.0, 22.0], [103.1, 22.1], [103.1, 22.0], [103.0, 22.1], [103.0, 22.0]]]}});
    problem(planner.post("/api/terrain", bow).await, 422, "self_intersection").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_grid_of_classes_is_refused_by_its_place_and_leaves_what_was() {
    let server = Server::real().await;
    let files = folder("odd");
    let odd = files.join("odd.tif");
    write::<Gray8>(&odd, 103.2, 22.4, 0.01, 5, &[1, 2, 3, 4, 1, 1, 1, 9, 1, 1]);
    let output = server.trucban(&["import", "susceptibility", odd.to_str().unwrap(), "--source", "x"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("Row 1, column 2: the value is 9"), "{said}");
    let text = files.join("text.tif");
    fs::write(&text, "no picture").unwrap();
    let output = server.trucban(&["import", "terrain", text.to_str().unwrap(), "--source", "x"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("text.tif"), "{said}");
    assert!(!server.folder().join("terrain").exists());
}
