//! Grids from files: SRTM tiles (`.hgt`) and GeoTIFF in degrees of WGS 84.

use std::fs;
use std::io::BufReader;
use std::path::Path;

use super::geotiff::band;
use super::grid::Grid;
use crate::domain::{Code, Problem};

/// Most cells of one grid: a tile of one arc second has 13 million.
const CELLS_MAX: u64 = 200_000_000;
/// What `.hgt` says where nothing was measured.
const HGT_VOID: i16 = -32_768;

/// Reads a grid by the ending of its name; what the file marks as unknown is NaN.
///
/// # Errors
/// `invalid_encoding`, naming the file: it is not there, is no grid, lies in no degrees, has more than one band.
pub fn read(path: &Path) -> Result<Grid, Problem> {
    let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default().to_ascii_lowercase();
    match kind.as_str() {
        "hgt" => hgt(path),
        "tif" | "tiff" => geotiff(path),
        _ => Err(unreadable(path, "phải là .hgt hay .tif", "it must be .hgt or .tif")),
    }
}

fn unreadable(path: &Path, why_vi: &str, why_en: &str) -> Problem {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    Problem::new(
        Code::InvalidEncoding,
        format!("Không đọc được tệp {name}: {why_vi}. Chưa ghi gì."),
        format!("Failed to read {name}: {why_en}. Nothing was written."),
    )
    .at(&name)
}

/// A square of big-endian 16-bit metres, named after its south-western corner (`N22E103.hgt`).
fn hgt(path: &Path) -> Result<Grid, Problem> {
    let corner = path.file_stem().and_then(|stem| stem.to_str()).and_then(corner_of);
    let Some((west, south)) = corner else {
        return Err(unreadable(path, "tên phải như N22E103.hgt", "its name must be like N22E103.hgt"));
    };
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error.to_string(), &error.to_string()))?;
    let side = ((bytes.len() / 2) as f64).sqrt() as usize;
    if !matches!(side, 1201 | 3601) || side * side * 2 != bytes.len() {
        return Err(unreadable(
            path,
            &format!("{} byte, không phải ô vuông 1201 hay 3601 điểm", bytes.len()),
            &format!("{} bytes are no square of 1201 or 3601 points", bytes.len()),
        ));
    }
    let metres = |pair: &[u8]| match i16::from_be_bytes([pair[0], pair[1]]) {
        HGT_VOID => f32::NAN,
        value => f32::from(value),
    };
    let step = 1.0 / (side - 1) as f64;
    Ok(Grid {
        west,
        north: south + 1.0,
        step: [step, step],
        size: [side, side],
        values: bytes.chunks_exact(2).map(metres).collect(),
    })
}

/// The band of a GeoTIFF whose cells are degrees of longitude and latitude.
fn geotiff(path: &Path) -> Result<Grid, Problem> {
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error.to_string(), &error.to_string()))?;
    let read = band(BufReader::new(file), CELLS_MAX).map_err(|fault| unreadable(path, &fault.vi, &fault.en))?;
    Ok(read.grid)
}

/// `(west, south)` of a tile's name.
fn corner_of(name: &str) -> Option<(f64, f64)> {
    let name = name.get(..7)?;
    let sign = |letter: &str, plus: &str, minus: &str| match letter {
        letter if letter.eq_ignore_ascii_case(plus) => Some(1.0),
        letter if letter.eq_ignore_ascii_case(minus) => Some(-1.0),
        _ => None,
    };
    let lat = sign(name.get(..1)?, "N", "S")? * f64::from(name.get(1..3)?.parse::<u8>().ok()?);
    let lon = sign(name.get(3..4)?, "E", "W")? * f64::from(name.get(4..7)?.parse::<u8>().ok()?);
    Some((lon, lat))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
