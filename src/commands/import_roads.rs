//! `trucban import roads`: a network of roads becomes the graph file of the folder, beside a running server too, which
//! takes it up by itself.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use geo::{Centroid, Geometry};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::{Actor, Collection};
use trucban::picture;
use trucban::roads::file::{self, GRAPH_FILE, GraphId};
use trucban::roads::import::{Dem, Islands, Report, import, shipped};
use trucban::roads::{Graph, Profile, Roads};
use trucban::store::postgis::Database;

use super::import::{progress_bar, wait_visibly};
use super::{blocking, finish, open_read, told};

/// Places that a warning names; the others are counted.
const NAMED_MAX: usize = 20;
/// Steps of the bar.
const STEPS: f64 = 1_000.0;
/// What a network is held against: where people are sought, gather, or set out from.
const PLACES: [Collection; 4] = [Collection::Places, Collection::Stations, Collection::Shelters, Collection::Units];

/// Makes the road network of the folder from an OpenStreetMap extract or GeoJSON lines. The network of before stays in
/// use until the new one is whole; a running server takes it up within seconds.
#[derive(Args, Clone, Debug)]
pub struct ImportRoadsArgs {
    /// The roads: .osm.pbf or .geojson
    #[arg(required_unless_present = "shipped")]
    file: Option<PathBuf>,
    /// The coarse network that comes with the program
    #[arg(long, conflicts_with_all = ["file", "dem"])]
    shipped: bool,
    /// Elevations for slopes: .hgt tiles or GeoTIFF in degrees; may be given several times
    #[arg(long, value_name = "FILE")]
    dem: Vec<PathBuf>,
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The database whose places the network is held against, instead of the folder's own file
    #[arg(long, env = "TRUCBAN_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    database: Option<Database>,
}

/// 0 if the network is in, also where it reaches none of the places (a warning says so); 2 if nothing was written.
pub(super) fn import_roads(args: &ImportRoadsArgs) -> ExitCode {
    finish(blocking(async {
        let (graph, report) = read(args)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&args.data)?;
        let path = args.data.join(GRAPH_FILE);
        let id = file::write(&graph, &path).map_err(told)?;
        let mut out = io::stdout().lock();
        print_report(&mut out, &path, &id, &graph, &report)?;
        match places(args).await {
            Some(places) => print_places(&mut out, &Roads::from(graph), &places)?,
            None => writeln!(out, "  chưa có dữ liệu để đối chiếu địa điểm / no records yet to hold it against")?,
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }))
}

fn read(args: &ImportRoadsArgs) -> anyhow::Result<(Graph, Report)> {
    let Some(source) = &args.file else { return Ok(shipped()) };
    let bar = progress_bar("{msg} {wide_bar} {percent} % · {eta}");
    bar.set_length(STEPS as u64);
    bar.set_message("đọc độ cao / reading elevations");
    let dem = Dem::read(&args.dem).map_err(told)?;
    bar.set_message("đọc đường / reading roads");
    let read = import(source, &dem, &mut |share| {
        bar.set_position((share * STEPS) as u64);
        if share >= 1.0 {
            wait_visibly(&bar, "dựng mạng / building the network".to_owned());
        }
    });
    bar.finish_and_clear();
    read.map_err(told)
}

fn print_report(out: &mut impl Write, path: &Path, id: &GraphId, graph: &Graph, report: &Report) -> io::Result<()> {
    let Report { ways, junctions, segments, arcs, bans, length_km, with_elevation_km, .. } = report;
    writeln!(out, "{}: đã ghi / written ({})", path.display(), &id[..12])?;
    writeln!(out, "  đường / ways: {ways}, {length_km:.1} km")?;
    writeln!(out, "  có độ cao / with elevation: {with_elevation_km:.1} km")?;
    writeln!(out, "  nút / junctions: {junctions}; đoạn / pieces: {segments}; chiều / arcs: {arcs}")?;
    writeln!(out, "  cấm rẽ và rào chắn / forbidden turns and barriers: {bans}")?;
    writeln!(out, "  bộ nhớ / memory: {:.1} MiB", graph.bytes() as f64 / f64::from(1 << 20))?;
    for (why, count) in &report.dropped {
        let (vi, en) = why.words();
        writeln!(out, "  bỏ qua / left out: {count} {vi} / {en}")?;
    }
    for islands in &report.islands {
        print_islands(out, islands)?;
    }
    writeln!(out, "  nguồn / source: {}", graph.attribution())
}

fn print_islands(out: &mut impl Write, islands: &Islands) -> io::Result<()> {
    let Islands { profile, length_km, main_km, part_count, longest } = islands;
    let profile = profile.as_str();
    write!(out, "  {profile}: {main_km:.1}/{length_km:.1} km liền mạng / in one network")?;
    if let Some(part) = longest.first() {
        let [lon, lat] = part.position;
        write!(out, "; {part_count} mảng rời / parts apart, ≤ {:.1} km ({lon:.5}, {lat:.5})", part.length_km)?;
    }
    writeln!(out)
}

/// Name and place of everything that a network is held against; `None` where no records are to be had.
async fn places(args: &ImportRoadsArgs) -> Option<Vec<(String, [f64; 2])>> {
    let store = open_read(&args.data, args.database.as_ref()).await.ok()?;
    let view = picture::start(store).await.ok()?.view(&Arc::new(Actor::system()), SystemClock.now());
    let mut places = Vec::new();
    for shown in PLACES.into_iter().flat_map(|collection| view.all(collection)).filter(|shown| !shown.is_ended()) {
        let Some(centre) = shown.geometry().and_then(Geometry::centroid) else { continue };
        let name = shown.text("name").or_else(|| shown.text("call_sign")).unwrap_or_default().into_owned();
        places.push((name, centre.into()));
    }
    Some(places)
}

fn print_places(out: &mut impl Write, roads: &Roads, places: &[(String, [f64; 2])]) -> io::Result<()> {
    let is_near = |[lon, lat]: [f64; 2]| Profile::ALL.iter().any(|profile| roads.snap(lon, lat, *profile).is_some());
    let mut far: Vec<&str> = places.iter().filter(|(_, at)| !is_near(*at)).map(|(name, _)| name.as_str()).collect();
    far.sort_unstable();
    let near = places.len() - far.len();
    writeln!(out, "  địa điểm gần đường (2 km) / places near a road (2 km): {near}/{}", places.len())?;
    if near > 0 || places.is_empty() {
        return Ok(());
    }
    writeln!(out, "CẢNH BÁO: mạng đường này không tới địa điểm nào đã có; có phải tệp của vùng khác?")?;
    writeln!(out, "WARNING: this network reaches none of the places on record; is it of another area?")?;
    writeln!(out, "  {}", far[..far.len().min(NAMED_MAX)].join(", "))?;
    if far.len() > NAMED_MAX {
        writeln!(out, "  … và {0} nơi nữa / and {0} more", far.len() - NAMED_MAX)?;
    }
    Ok(())
}
