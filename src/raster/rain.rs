//! Grids of rain: the rain of one interval over the ground, to a tenth of a millimetre, small enough to be a record.
//!
//! A cell is an area and not a point: what a zone is told comes from every cell that it touches, since a zone is often
//! smaller than a cell. A cell of which nothing is known, and a part of a zone beside the grid, is a gap and not dry.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use geo::{BoundingRect, CoordsIter};
use geo_types::{Coord, MultiPolygon, Rect};

use super::geotiff::{Band, Fault, FaultKind};
use super::within::{Lattice, Run, runs_within};
use crate::domain::rain::MM_MAX;
use crate::domain::{Code, Problem};

/// Most cells of a file: a grid of 2,000 × 2,000. What lies outside the province is cut off after that.
pub const CELLS_READ_MAX: u64 = 4_000_000;
/// Most cells that are kept: the province at one kilometre. So many fit a field of a record even where nothing of them can
/// be packed.
pub const CELLS_KEPT_MAX: usize = 24_000;
/// Least distance from cell to cell, degrees (about 500 m): rain is known no finer.
pub const STEP_DEG_MIN: f64 = 0.005;
/// Cells kept around the wanted area, so that a zone at its edge has all of its cells.
const MARGIN_CELLS: f64 = 1.0;
/// Units of a kept number in a millimetre.
const UNITS_PER_MM: f64 = 10.0;
/// A cell of which nothing is known.
const UNKNOWN: u16 = u16::MAX;
/// Where a fault lies: the body.
const FILE: &str = "file";

/// The rain of an interval, kept.
#[derive(Clone, Debug, PartialEq)]
pub struct RainGrid {
    /// Where the middles of the cells lie.
    pub lattice: Lattice,
    /// Tenths of a millimetre, row by row from the north.
    cells: Vec<u16>,
}

/// The cells of a grid that an area touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Places in the grid, in order.
    inside: Vec<u32>,
    /// How many more it would touch if the grid went on.
    beside: usize,
}

/// The rain of an area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Nine tenths of the known cells have no more; of fewer than ten the greatest. This is what counts.
    pub p90_mm: f64,
    pub mean_mm: f64,
    pub max_mm: f64,
    /// Share of the touched cells of which the rain is known.
    pub known_share: f64,
}

/// The problem of a file that could not be read as a grid of rain.
#[must_use]
pub fn unread(fault: &Fault) -> Problem {
    let (code, vi, en) = match fault.kind {
        FaultKind::NotTiff => (Code::UnsupportedMediaType, "không phải tệp GeoTIFF", "it is no GeoTIFF"),
        FaultKind::Broken => (Code::InvalidEncoding, "tệp GeoTIFF hỏng", "the GeoTIFF is broken"),
        FaultKind::TooLarge => (Code::LimitExceeded, "lưới quá lớn hoặc quá nhỏ", "the grid is too large or too small"),
        FaultKind::Elsewhere => (
            Code::InvalidValue,
            "sai hệ tọa độ; hãy chuyển bằng gdalwarp -t_srs EPSG:4326",
            "the wrong reference system; convert it by gdalwarp -t_srs EPSG:4326",
        ),
        FaultKind::OtherNumbers => (Code::InvalidValue, "không đúng kiểu lưới số", "no plain grid of numbers"),
    };
    Problem::new(code, format!("{vi}: {}. Chưa ghi gì.", fault.vi), format!("{en}: {}. Nothing was written.", fault.en))
        .at(FILE)
}

fn invalid(vi: impl std::fmt::Display, en: impl std::fmt::Display) -> Problem {
    Problem::new(Code::InvalidValue, format!("{vi}. Chưa ghi gì."), format!("{en}. Nothing was written.")).at(FILE)
}

impl RainGrid {
    /// The rain of a band, cut to what lies in `wanted` (west, south, east, north; degrees), each cell checked.
    ///
    /// # Errors
    /// `invalid_value` for another reference system, numbers that must be scaled, that are negative, no numbers though not
    /// marked as unknown, or more than [`MM_MAX`]; for a grid that lies elsewhere, or of which nothing is known;
    /// `limit_exceeded` for one that is too fine.
    pub fn of(band: &Band, wanted: Option<[f64; 4]>) -> Result<Self, Problem> {
        if let (true, Some(epsg)) = (band.is_elsewhere(), band.epsg) {
            let vi = format!("EPSG:{epsg}, cần EPSG:4326: hãy chuyển bằng gdalwarp -t_srs EPSG:4326");
            return Err(invalid(vi, format!("EPSG:{epsg}, expected EPSG:4326: use gdalwarp -t_srs EPSG:4326")));
        }
        if band.is_scaled {
            let vi = "giá trị còn phải nhân hệ số: hãy dùng gdal_translate -unscale -ot Float32".to_owned();
            let en = "its numbers are still to be scaled: use gdal_translate -unscale -ot Float32".to_owned();
            return Err(invalid(vi, en));
        }
        let grid = &band.grid;
        let [step_lon, step_lat] = grid.step;
        if step_lon < STEP_DEG_MIN || step_lat < STEP_DEG_MIN {
            return Err(too_fine(&format!("{step_lon}° × {step_lat}°")));
        }
        let whole = [0, 0, grid.size[0] - 1, grid.size[1] - 1];
        let [left, top, right, bottom] = match wanted {
            None => whole,
            Some(wanted) => cut(grid, wanted).ok_or_else(|| outside(grid))?,
        };
        let size = [right - left + 1, bottom - top + 1];
        if size[0] * size[1] > CELLS_KEPT_MAX {
            return Err(too_fine(&format!("{} × {}", size[0], size[1])));
        }
        if let Some(stray) = band.stray {
            return Err(wrong_cell(f32::NAN, stray % grid.size[0], stray / grid.size[0]));
        }
        let mut cells = Vec::with_capacity(size[0] * size[1]);
        for row in top..=bottom {
            for column in left..=right {
                let value = grid.at(column, row);
                cells.push(match f64::from(value) {
                    mm if mm.is_nan() => UNKNOWN,
                    mm if (0.0..=MM_MAX).contains(&mm) => (mm * UNITS_PER_MM).round() as u16,
                    _ => return Err(wrong_cell(value, column, row)),
                });
            }
        }
        if cells.iter().all(|cell| *cell == UNKNOWN) {
            let vi = "không có ô nào trong tỉnh có giá trị".to_owned();
            return Err(invalid(vi, "nothing is known of any cell in the province".to_owned()));
        }
        let lattice = Lattice {
            west: grid.west + left as f64 * step_lon,
            north: grid.north - top as f64 * step_lat,
            step: grid.step,
            size,
        };
        Ok(Self { lattice, cells })
    }

    /// As stored: the differences from cell to cell, packed, as text.
    ///
    /// # Panics
    /// Never: what is written to lies in memory.
    #[must_use]
    pub fn packed(&self) -> String {
        let mut before = 0_u16;
        let mut bytes = Vec::with_capacity(self.cells.len() * 2);
        for cell in &self.cells {
            bytes.extend(cell.wrapping_sub(before).to_be_bytes());
            before = *cell;
        }
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&bytes).expect("memory takes what is written");
        STANDARD.encode(packer.finish().expect("memory takes what is written"))
    }

    /// What was stored; `None` where it does not fit the lattice.
    #[must_use]
    pub fn unpacked(lattice: Lattice, text: &str) -> Option<Self> {
        let count = lattice.size[0].checked_mul(lattice.size[1]).filter(|count| *count <= CELLS_KEPT_MAX)?;
        let mut bytes = Vec::with_capacity(count * 2);
        // One byte more than there may be tells that there is more.
        let reader = ZlibDecoder::new(&*STANDARD.decode(text).ok()?).take(count as u64 * 2 + 1).read_to_end(&mut bytes);
        reader.ok().filter(|read| *read == count * 2)?;
        let mut before = 0_u16;
        let cells = bytes.chunks_exact(2).map(|pair| {
            before = before.wrapping_add(u16::from_be_bytes([pair[0], pair[1]]));
            before
        });
        Some(Self { lattice, cells: cells.collect() })
    }

    /// The rain of the cells that an area touches; `None` where it touches none at all.
    #[must_use]
    pub fn sample(&self, touched: &Touched) -> Option<Sample> {
        sample(touched.inside.iter().filter_map(|at| self.cells.get(*at as usize).copied()), touched.beside)
    }

    /// The rain of the whole grid.
    #[must_use]
    pub fn whole(&self) -> Option<Sample> {
        sample(self.cells.iter().copied(), 0)
    }
}

fn sample(cells: impl Iterator<Item = u16>, beside: usize) -> Option<Sample> {
    let (mut known, mut count) = (Vec::new(), beside);
    for cell in cells {
        count += 1;
        if cell != UNKNOWN {
            known.push(cell);
        }
    }
    if count == 0 {
        return None;
    }
    let ninth = (known.len() as f64 * 0.9).ceil().max(1.0) as usize - 1;
    let p90 = if known.is_empty() { 0 } else { *known.select_nth_unstable(ninth).1 };
    let sum: u64 = known.iter().map(|cell| u64::from(*cell)).sum();
    Some(Sample {
        p90_mm: f64::from(p90) / UNITS_PER_MM,
        mean_mm: sum as f64 / UNITS_PER_MM / (known.len() as f64).max(1.0),
        max_mm: f64::from(known.iter().copied().max().unwrap_or(0)) / UNITS_PER_MM,
        known_share: known.len() as f64 / count as f64,
    })
}

fn wrong_cell(value: f32, column: usize, row: usize) -> Problem {
    let vi = format!(
        "Hàng {row}, cột {column}: giá trị {value}, cần 0 đến {MM_MAX} mm (ô không có số liệu phải được khai bằng -a_nodata)"
    );
    let en = format!(
        "Row {row}, column {column}: the value is {value}, expected 0 to {MM_MAX} mm (name what is unknown by -a_nodata)"
    );
    invalid(vi, en)
}

fn too_fine(what: &str) -> Problem {
    Problem::new(
        Code::LimitExceeded,
        format!(
            "Lưới quá mịn ({what}): nhận tối đa {CELLS_KEPT_MAX} ô trong tỉnh, ô từ {STEP_DEG_MIN}°; hãy dùng gdalwarp -tr 0.01 0.01 -r max. Chưa ghi gì."
        ),
        format!(
            "The grid is too fine ({what}): up to {CELLS_KEPT_MAX} cells of the province are taken, of {STEP_DEG_MIN}° or more; use gdalwarp -tr 0.01 0.01 -r max. Nothing was written."
        ),
    )
    .at(FILE)
}

fn outside(grid: &super::Grid) -> Problem {
    let [west, north] = [grid.west, grid.north];
    let (east, south) = (west + grid.step[0] * (grid.size[0] - 1) as f64, grid.lat(grid.size[1] - 1));
    let lies = format!("{west:.2}, {south:.2}, {east:.2}, {north:.2}");
    invalid(format!("lưới nằm ngoài tỉnh ({lies})"), format!("the grid lies outside the province ({lies})"))
}

/// First column and row, last column and row of the cells that lie in an area, with a margin; `None` if none does.
fn cut(grid: &super::Grid, [west, south, east, north]: [f64; 4]) -> Option<[usize; 4]> {
    let column = |lon: f64| (lon - grid.west) / grid.step[0];
    let row = |lat: f64| (grid.north - lat) / grid.step[1];
    let range = |from: f64, to: f64, size: usize| {
        let last = (size - 1) as f64;
        // A cell reaches half a step around its middle.
        if to < -0.5 || from > last + 0.5 {
            return None;
        }
        let (from, to) = ((from - MARGIN_CELLS).floor().max(0.0), (to + MARGIN_CELLS).ceil().min(last));
        Some((from as usize, to as usize))
    };
    let (left, right) = range(column(west), column(east), grid.size[0])?;
    let (top, bottom) = range(row(north), row(south), grid.size[1])?;
    Some([left, top, right, bottom])
}

/// The cells that a valid area touches: those that its edges pass through, and those whose middle lies inside.
#[must_use]
pub fn touched(lattice: &Lattice, area: &MultiPolygon) -> Touched {
    let Some(bounds) = area.bounding_rect() else { return Touched::default() };
    let mut cells: Vec<(i64, i64)> = Vec::new();
    for polygon in area {
        for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
            for edge in ring.lines() {
                passed(cell_place(lattice, edge.start), cell_place(lattice, edge.end), &mut cells);
            }
        }
    }
    // Only where the area is larger than a cell can one lie within it untouched by an edge.
    if bounds.width() > lattice.step[0] && bounds.height() > lattice.step[1] {
        cells.extend(within(lattice, area, bounds));
    }
    cells.sort_unstable();
    cells.dedup();
    let [columns, rows] = lattice.size;
    let place = |(column, row): (i64, i64)| {
        let (column, row) = (usize::try_from(column).ok()?, usize::try_from(row).ok()?);
        (column < columns && row < rows).then(|| (row * columns + column) as u32)
    };
    let mut inside: Vec<u32> = cells.iter().filter_map(|cell| place(*cell)).collect();
    inside.sort_unstable();
    Touched { beside: cells.len() - inside.len(), inside }
}

/// A position counted in cells from the north-western corner of the first.
fn cell_place(lattice: &Lattice, at: Coord) -> Coord {
    Coord { x: (at.x - lattice.west) / lattice.step[0] + 0.5, y: (lattice.north - at.y) / lattice.step[1] + 0.5 }
}

/// Cells whose middle lies in the area, also beside the grid.
fn within(lattice: &Lattice, area: &MultiPolygon, bounds: Rect) -> Vec<(i64, i64)> {
    let first = cell_place(lattice, Coord { x: bounds.min().x, y: bounds.max().y });
    let last = cell_place(lattice, Coord { x: bounds.max().x, y: bounds.min().y });
    let (left, top) = (first.x.floor(), first.y.floor());
    let around = Lattice {
        west: lattice.west + left * lattice.step[0],
        north: lattice.north - top * lattice.step[1],
        step: lattice.step,
        size: [(last.x.floor() - left) as usize + 1, (last.y.floor() - top) as usize + 1],
    };
    let run = |Run { row, first, last }: Run| {
        (first..=last).map(move |column| (column as i64 + left as i64, row as i64 + top as i64))
    };
    runs_within(&around, area).into_iter().flat_map(run).collect()
}

/// The cells through which a straight way passes, both counted in cells.
fn passed(from: Coord, to: Coord, cells: &mut Vec<(i64, i64)>) {
    // Shares of the way at which it enters another column or row.
    let crossings = |from: f64, to: f64| {
        let (low, high) = (from.min(to), from.max(to));
        (low.ceil() as i64..=high.floor() as i64).map(move |line| (line as f64 - from) / (to - from))
    };
    let mut shares = vec![0.0, 1.0];
    shares.extend(crossings(from.x, to.x).chain(crossings(from.y, to.y)).filter(|share| share.is_finite()));
    shares.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = from + (to - from) * share;
        (place.x.floor() as i64, place.y.floor() as i64)
    };
    cells.extend(shares.windows(2).map(|pair| at(f64::midpoint(pair[0], pair[1]))));
}

/// West, south, east and north of what areas cover, degrees; `None` of none.
#[must_use]
pub fn bounds_of<'a>(areas: impl Iterator<Item = &'a geo_types::Geometry>) -> Option<[f64; 4]> {
    areas.flat_map(|area| area.coords_iter()).fold(None, |bounds, at| {
        let [west, south, east, north] = bounds.unwrap_or([at.x, at.y, at.x, at.y]);
        Some([west.min(at.x), south.min(at.y), east.max(at.x), north.max(at.y)])
    })
}

#[cfg(test)]
#[path = "rain_tests.rs"]
mod tests;
