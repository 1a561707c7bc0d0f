//! Grids from files: SRTM tiles (`.hgt`) and GeoTIFF in degrees of WGS 84.

use std::fs;
use std::io::BufReader;
use std::path::Path;

use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

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

/// The first band of a GeoTIFF whose cells are degrees of longitude and latitude.
fn geotiff(path: &Path) -> Result<Grid, Problem> {
    let fault = |vi: &str, en: &str| unreadable(path, vi, en);
    let broken = |error: tiff::TiffError| fault(&error.to_string(), &error.to_string());
    let file = fs::File::open(path).map_err(|error| fault(&error.to_string(), &error.to_string()))?;
    let mut limits = Limits::default();
    limits.decoding_buffer_size = CELLS_MAX as usize * 8;
    let mut decoder = Decoder::new(BufReader::new(file)).map_err(broken)?.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(broken)?;
    if width < 2 || height < 2 || u64::from(width) * u64::from(height) > CELLS_MAX {
        return Err(fault(&format!("lưới {width} × {height} điểm"), &format!("a grid of {width} × {height} cells")));
    }
    let numbers = |decoder: &mut Decoder<_>, tag: Tag| {
        decoder.find_tag(tag).ok().flatten().and_then(|value| value.into_f64_vec().ok()).unwrap_or_default()
    };
    let scale = numbers(&mut decoder, Tag::ModelPixelScaleTag);
    let tie = numbers(&mut decoder, Tag::ModelTiepointTag);
    let keys = decoder.find_tag_unsigned_vec::<u16>(Tag::GeoKeyDirectoryTag).ok().flatten().unwrap_or_default();
    // Keys come in fours: 1024 is the model (2: degrees), 1025 what a cell stands for (2: a point).
    let key = |wanted: u16| keys.chunks_exact(4).skip(1).find(|entry| entry[0] == wanted).map(|entry| entry[3]);
    let (&[step_x, step_y, ..], &[column, row, _, lon, lat, ..]) = (&scale[..], &tie[..]) else {
        return Err(fault("không có vị trí địa lý", "it does not say where it lies"));
    };
    let is_sane = step_x > 0.0 && step_y > 0.0 && [step_x, step_y, lon, lat, column, row].iter().all(|n| n.is_finite());
    if key(1024) != Some(2) || !is_sane {
        return Err(fault("phải là kinh vĩ độ WGS 84 (EPSG:4326)", "it must be in degrees of WGS 84 (EPSG:4326)"));
    }
    let void = decoder.find_tag(Tag::GdalNodata).ok().flatten().and_then(|value| value.into_string().ok());
    let void: Option<f32> = void.and_then(|text| text.trim_matches(['\0', ' ']).parse().ok());
    let mut values: Vec<f32> = match decoder.read_image().map_err(broken)? {
        DecodingResult::I16(cells) => cells.into_iter().map(f32::from).collect(),
        DecodingResult::U16(cells) => cells.into_iter().map(f32::from).collect(),
        DecodingResult::I32(cells) => cells.into_iter().map(|cell| cell as f32).collect(),
        DecodingResult::F32(cells) => cells,
        DecodingResult::F64(cells) => cells.into_iter().map(|cell| cell as f32).collect(),
        DecodingResult::U8(cells) => cells.into_iter().map(f32::from).collect(),
        DecodingResult::I8(cells) => cells.into_iter().map(f32::from).collect(),
        _ => return Err(fault("kiểu số không đọc được", "its numbers are of a type that is not read")),
    };
    if values.len() != width as usize * height as usize {
        return Err(fault("phải có đúng một kênh", "it must have one band"));
    }
    for value in &mut values {
        *value = if Some(*value) == void { f32::NAN } else { *value };
    }
    let half = if key(1025) == Some(2) { 0.0 } else { 0.5 };
    Ok(Grid {
        west: lon + (half - column) * step_x,
        north: lat - (half - row) * step_y,
        step: [step_x, step_y],
        size: [width as usize, height as usize],
        values,
    })
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
