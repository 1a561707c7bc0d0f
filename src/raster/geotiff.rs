//! One band of numbers from a GeoTIFF in degrees. A file says how large it is before anything of it is unpacked, so that
//! one that unpacks to more than it may is refused unread.

use std::io::{Read, Seek};

use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{TiffError, TiffFormatError};

use super::grid::Grid;

/// Bytes of the longest number of a cell.
const CELL_BYTES_MAX: usize = 8;
/// EPSG code of WGS 84 in degrees.
const WGS84: u16 = 4326;
/// `GDAL_METADATA`: what stands beside the numbers, as XML.
const GDAL_METADATA: Tag = Tag::Unknown(42_112);

/// What a file is not, in Vietnamese and English, in lower-case fragments fit behind "failed to read the file: ".
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub kind: FaultKind,
    pub vi: String,
    pub en: String,
}

/// What sort of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// No TIFF at all.
    NotTiff,
    /// A TIFF that cannot be read to its end.
    Broken,
    /// More cells than are read.
    TooLarge,
    /// It lies in no degrees of WGS 84, or nowhere.
    Elsewhere,
    /// Its numbers are not one band of plain numbers.
    OtherNumbers,
}

/// One band as it was read.
#[derive(Clone, Debug)]
pub struct Band {
    /// NaN where the file says that nothing is known, and where a number is NaN.
    pub grid: Grid,
    /// Place of the first NaN that the file does not name as its sign for "not known".
    pub stray: Option<usize>,
    /// The geographic system that it names (EPSG); `None` if it names none.
    pub epsg: Option<u16>,
    /// Numbers must be scaled or shifted before they mean anything.
    pub is_scaled: bool,
}

impl Band {
    /// Whether it names another geographic system than WGS 84.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.epsg.is_some_and(|code| code != WGS84)
    }
}

fn fault(kind: FaultKind, vi: impl Into<String>, en: impl Into<String>) -> Fault {
    Fault { kind, vi: vi.into(), en: en.into() }
}

fn broken(error: &TiffError) -> Fault {
    fault(FaultKind::Broken, error.to_string(), error.to_string())
}

fn unopened(error: &TiffError) -> Fault {
    let kind = match error {
        TiffError::FormatError(TiffFormatError::TiffSignatureNotFound | TiffFormatError::TiffSignatureInvalid) => {
            FaultKind::NotTiff
        }
        _ => FaultKind::Broken,
    };
    fault(kind, error.to_string(), error.to_string())
}

/// Reads the one band of a GeoTIFF whose cells are degrees of longitude and latitude, of at most `cells_max` cells.
///
/// # Errors
/// A [`Fault`].
pub fn band<R: Read + Seek>(input: R, cells_max: u64) -> Result<Band, Fault> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(cells_max).unwrap_or(usize::MAX).saturating_mul(CELL_BYTES_MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let mut decoder = Decoder::new(input).map_err(|error| unopened(&error))?.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(|error| broken(&error))?;
    if width < 2 || height < 2 || u64::from(width) * u64::from(height) > cells_max {
        return Err(fault(
            FaultKind::TooLarge,
            format!("lưới {width} × {height} điểm, nhận từ 2 × 2 đến {cells_max} điểm"),
            format!("a grid of {width} × {height} cells, taken are 2 × 2 to {cells_max} cells"),
        ));
    }
    let bands = decoder.find_tag(Tag::SamplesPerPixel).ok().flatten().and_then(|value| value.into_u16().ok());
    if bands.unwrap_or(1) != 1 {
        return Err(one_band());
    }
    let numbers = |decoder: &mut Decoder<_>, tag: Tag| {
        decoder.find_tag(tag).ok().flatten().and_then(|value| value.into_f64_vec().ok()).unwrap_or_default()
    };
    let scale = numbers(&mut decoder, Tag::ModelPixelScaleTag);
    let tie = numbers(&mut decoder, Tag::ModelTiepointTag);
    let keys = decoder.find_tag_unsigned_vec::<u16>(Tag::GeoKeyDirectoryTag).ok().flatten().unwrap_or_default();
    // Keys come in fours: 1024 is the model (2: degrees), 1025 what a cell stands for (2: a point), 2048 the system.
    let key = |wanted: u16| keys.chunks_exact(4).skip(1).find(|entry| entry[0] == wanted).map(|entry| entry[3]);
    let (&[step_x, step_y, ..], &[column, row, _, lon, lat, ..]) = (&scale[..], &tie[..]) else {
        return Err(fault(FaultKind::Elsewhere, "không có vị trí địa lý", "it does not say where it lies"));
    };
    let is_sane = step_x > 0.0 && step_y > 0.0 && [step_x, step_y, lon, lat, column, row].iter().all(|n| n.is_finite());
    if key(1024) != Some(2) || !is_sane {
        let (vi, en) = ("phải là kinh vĩ độ WGS 84 (EPSG:4326)", "it must be in degrees of WGS 84 (EPSG:4326)");
        return Err(fault(FaultKind::Elsewhere, vi, en));
    }
    let text = |decoder: &mut Decoder<_>, tag: Tag| {
        decoder.find_tag(tag).ok().flatten().and_then(|value| value.into_string().ok())
    };
    let void = text(&mut decoder, Tag::GdalNodata);
    let void: Option<f32> = void.and_then(|text| text.trim_matches(['\0', ' ']).parse().ok());
    let beside = text(&mut decoder, GDAL_METADATA).unwrap_or_default();
    let is_scaled = beside.contains("role=\"scale\"") || beside.contains("role=\"offset\"");
    let mut values = cells(decoder.read_image().map_err(|error| broken(&error))?)?;
    if values.len() != width as usize * height as usize {
        return Err(one_band());
    }
    let stray = values.iter().position(|value| value.is_nan()).filter(|_| !void.is_some_and(f32::is_nan));
    for value in &mut values {
        *value = if Some(*value) == void { f32::NAN } else { *value };
    }
    let half = if key(1025) == Some(2) { 0.0 } else { 0.5 };
    let grid = Grid {
        west: lon + (half - column) * step_x,
        north: lat - (half - row) * step_y,
        step: [step_x, step_y],
        size: [width as usize, height as usize],
        values,
    };
    Ok(Band { grid, stray, epsg: key(2048), is_scaled })
}

fn one_band() -> Fault {
    fault(FaultKind::OtherNumbers, "phải có đúng một kênh", "it must have one band")
}

fn cells(read: DecodingResult) -> Result<Vec<f32>, Fault> {
    Ok(match read {
        DecodingResult::I16(cells) => cells.into_iter().map(f32::from).collect(),
        DecodingResult::U16(cells) => cells.into_iter().map(f32::from).collect(),
        DecodingResult::I32(cells) => cells.into_iter().map(|cell| cell as f32).collect(),
        DecodingResult::U32(cells) => cells.into_iter().map(|cell| cell as f32).collect(),
        DecodingResult::F32(cells) => cells,
        DecodingResult::F64(cells) => cells.into_iter().map(|cell| cell as f32).collect(),
        DecodingResult::U8(cells) => cells.into_iter().map(f32::from).collect(),
        DecodingResult::I8(cells) => cells.into_iter().map(f32::from).collect(),
        _ => {
            let (vi, en) = ("kiểu số không đọc được", "its numbers are of a type that is not read");
            return Err(fault(FaultKind::OtherNumbers, vi, en));
        }
    })
}
