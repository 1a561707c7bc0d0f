//! `trucban import terrain` and `trucban import susceptibility`: what is known of the ground becomes grids beside the
//! data, beside a running server too, which reads them at the next question.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use trucban::desk::{Clock, SystemClock};
use trucban::domain::{Code, Problem};
use trucban::raster::kept::{Kind, keep};
use trucban::raster::{Grid, read, slope_deg};
use trucban::roads::import::elevations;

use super::{finish, told};

/// Classes of susceptibility.
const CLASSES: std::ops::RangeInclusive<f32> = 1.0..=4.0;

/// Makes the slopes of the ground from elevations (Horn's formula): .hgt tiles or GeoTIFF in degrees.
#[derive(Args, Clone, Debug)]
pub struct ImportTerrainArgs {
    /// The elevations, metres
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    kept: KeptArgs,
}

/// Takes up how readily the ground slides: a GeoTIFF in degrees with the classes 1 (low) to 4 (very high).
#[derive(Args, Clone, Debug)]
pub struct ImportSusceptibilityArgs {
    /// The classes
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    kept: KeptArgs,
}

/// Where a grid is kept, and what is said of it.
#[derive(Args, Clone, Debug)]
struct KeptArgs {
    /// Where the numbers come from: who made them, and when
    #[arg(long, value_name = "TEXT")]
    source: String,
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

/// 0 if all are in; 2 if one could not be read, those before it are in.
pub(super) fn import_terrain(args: &ImportTerrainArgs) -> ExitCode {
    import(&args.files, &args.kept, Kind::Slope, |file| Ok(slope_deg(&elevations(file)?)))
}

/// As [`import_terrain`].
pub(super) fn import_susceptibility(args: &ImportSusceptibilityArgs) -> ExitCode {
    import(&args.files, &args.kept, Kind::Susceptibility, |file| classes(read(file)?))
}

fn import(
    files: &[PathBuf],
    args: &KeptArgs,
    kind: Kind,
    grid: impl Fn(&std::path::Path) -> Result<Grid, Problem>,
) -> ExitCode {
    let each = |file: &PathBuf| -> anyhow::Result<()> {
        let grid = grid(file).map_err(told)?;
        let name = file.file_stem().map_or_else(|| "grid".into(), |stem| stem.to_string_lossy());
        let path = keep(&args.data, &name, &grid, kind, &args.source, SystemClock.now())?;
        let known = grid.values.iter().filter(|value| value.is_finite()).count();
        let [columns, rows] = grid.size;
        let mut out = io::stdout().lock();
        writeln!(out, "{}: đã ghi / written", path.display())?;
        writeln!(out, "  lưới / grid: {columns} × {rows}; có giá trị / known: {known}")?;
        Ok(())
    };
    finish(files.iter().try_for_each(each).map(|()| ExitCode::SUCCESS))
}

/// A grid of classes, if that is what it is.
fn classes(grid: Grid) -> Result<Grid, Problem> {
    let is_class = |value: f32| value.is_nan() || (CLASSES.contains(&value) && value.fract() == 0.0);
    let Some(odd) = grid.values.iter().position(|value| !is_class(*value)) else { return Ok(grid) };
    let (row, column, value) = (odd / grid.size[0], odd % grid.size[0], grid.values[odd]);
    Err(Problem::new(
        Code::InvalidValue,
        format!("Hàng {row}, cột {column}: giá trị {value}, cần 1 đến 4 (thấp đến rất cao). Chưa ghi gì."),
        format!(
            "Row {row}, column {column}: the value is {value}, expected 1 to 4 (low to very high). Nothing was written."
        ),
    ))
}
