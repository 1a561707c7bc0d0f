//! The import: a file of roads, and what is known of the ground, become a graph.
//!
//! Reads files and nothing else; whoever calls it writes the graph (`file.rs`) when all of it is there, so that a
//! source that breaks off half way leaves the graph of before in its place.

mod build;
mod climb;
mod dem;
mod islands;
mod lines;
mod network;
mod osm;
mod report;
mod rules;
mod tags;
mod turns;

use std::path::Path;

pub use build::build;
pub use dem::{Dem, elevations};
pub use network::{Network, TurnRule, Via, Way};
pub use report::{Dropped, Islands, Part, Report};
pub use tags::{BRIDGE, FORD, TUNNEL, Traits, way_traits};

use super::Graph;
use crate::domain::{Code, Problem};

/// Hears what share of the reading is done, from 0 to 1.
pub type Progress<'a> = &'a mut dyn FnMut(f64);

/// Most arcs that a graph numbers: the numbers of segments have 31 bits.
const ARCS_MAX: usize = 1 << 31;

/// Makes a graph of the coarse network that the program carries: what a demo has, and a province before its import.
#[must_use]
pub fn shipped() -> (Graph, Report) {
    let mut report = Report::default();
    let network = lines::read_shipped(&mut report);
    build(&network, &Dem::default(), report)
}

/// Makes a graph of an OpenStreetMap extract (`.osm.pbf`) or of GeoJSON lines.
///
/// # Errors
/// `invalid_encoding` where the file cannot be read to its end, `invalid_value` where it holds no road.
pub fn import(source: &Path, dem: &Dem, progress: Progress<'_>) -> Result<(Graph, Report), Problem> {
    let mut report = Report::default();
    let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
    let network = if name.ends_with(".pbf") {
        osm::read(source, progress, &mut report)?
    } else if name.ends_with(".geojson") || name.ends_with(".json") {
        lines::read(source, progress, &mut report)?
    } else {
        return Err(report::unreadable(source, "phải là .osm.pbf hay .geojson", "it must be .osm.pbf or .geojson"));
    };
    let (graph, report) = build(&network, dem, report);
    if graph.segments().is_empty() {
        return Err(Problem::new(
            Code::InvalidValue,
            format!("Trong tệp {name} không có đường nào đi được. Chưa ghi gì, mạng đường cũ vẫn dùng."),
            format!(
                "{name} holds no road that can be travelled. Nothing was written; the roads of before stay in use."
            ),
        )
        .at(&name));
    }
    if graph.arcs().len() > ARCS_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("Mạng đường trong tệp {name} quá lớn; cắt bớt vùng."),
            format!("The network of {name} is too large; cut out a smaller area."),
        )
        .at(&name));
    }
    Ok((graph, report))
}
