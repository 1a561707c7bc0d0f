//! What lies in a zone and who is still inside: 100,000 households and 200 zones in process, the counts of a drawn area
//! beside the same question asked of PostGIS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use geo_types::{LineString, MultiPolygon, Point, Polygon};
use rand::RngExt;
use serde_json::json;
use tokio_postgres::NoTls;
use trucban::desk::{Ask, Clock, Desk, GaugeName, GridIn, InsideBoard, ReadingIn, SystemClock};
use trucban::domain::rain::Flag;
use trucban::domain::rain_grid::{GridKind, GridOf};
use trucban::domain::{Actor, Collection, Timestamp};
use trucban::picture::{self, PictureHandle};
use trucban::raster::Grid;
use trucban::raster::geotiff::Band;
use trucban::store::gpkg::{GpkgStore, OpenOptions};
use trucban::store::{Append, Put, Store};
use uuid::Uuid;

use crate::postgres_support::TestDatabase;
use crate::report::Report;
use crate::world::{self, Folder};

const HOUSEHOLDS: usize = 100_000;
const ZONES: usize = 200;
/// Drawn areas that are counted.
const AREAS: usize = 500;
/// Reports after which the board is made anew.
const CHANGES: usize = 40;
/// Corners of a drawn area, and its share of the province.
const CORNERS: (usize, usize) = (10, 200);
const SHARES: (f64, f64) = (0.001, 0.1);
/// How far a corner lies from the middle, as a share of the mean: a hand that draws a slope.
const WOBBLE: (f64, f64) = (0.7, 1.3);

/// An area drawn by hand around a place, `share` of the province's bounds large.
fn drawn(rng: &mut impl RngExt, share: f64, corners: usize) -> Polygon {
    let (lon, lat) = world::position(rng);
    let (width, height) = (world::LON.1 - world::LON.0, world::LAT.1 - world::LAT.0);
    let radius = (share / std::f64::consts::PI).sqrt();
    let corner = |n: usize, out: f64| {
        let turn = n as f64 / corners as f64 * std::f64::consts::TAU;
        (lon + radius * width * out * turn.cos(), lat + radius * height * out * turn.sin())
    };
    let mut ring: Vec<(f64, f64)> = (0..corners).map(|n| corner(n, rng.random_range(WOBBLE.0..WOBBLE.1))).collect();
    ring.push(ring[0]);
    Polygon::new(LineString::from(ring), Vec::new())
}

fn areas(purpose: u64, count: usize) -> Vec<Polygon> {
    let mut rng = world::generator(purpose);
    let mut one = || {
        let share = (rng.random_range(SHARES.0.ln()..SHARES.1.ln())).exp();
        let corners = rng.random_range(CORNERS.0..=CORNERS.1);
        drawn(&mut rng, share, corners)
    };
    (0..count).map(|_| one()).collect()
}

fn quantile_ms(times: &mut [Duration], share: f64) -> f64 {
    times.sort();
    times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0
}

async fn append(store: &dyn Store, picture: &PictureHandle, puts: Vec<Put>) {
    let call = Append { idempotency: None, actor: Arc::from("bench"), exercise_id: None, expects: Vec::new(), puts };
    let seq = store.append(call).await.expect("the store takes it").seq();
    picture.wait_for(seq, Duration::from_secs(120)).await.expect("the picture follows");
}

fn put(collection: Collection, id: Uuid, geometry: geo_types::Geometry, properties: &serde_json::Value) -> Put {
    Put {
        collection,
        id,
        valid_at: None,
        geometry: Some(geometry),
        properties: properties.as_object().cloned().unwrap_or_default(),
        personal: serde_json::Map::new(),
    }
}

/// Measures all of it.
pub fn measure(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let folder = Folder::new("inside");
        let store: Arc<dyn Store> =
            GpkgStore::open(&folder.path, &OpenOptions::default()).expect("an empty folder becomes a store");
        let picture = picture::start(Arc::clone(&store)).await.expect("an empty picture");
        let houses = households(&*store, &picture).await;
        let drawn = areas(51, AREAS);
        exposures(report, &picture, &houses, &drawn).await;
        board(report, &store, &picture, &houses).await;
        levels(report, &store, &picture).await;
        store.close().await;
    });
}

/// A household: id, position, members.
type House = (Uuid, Point, i64);

fn house_put((id, at, members): &House, note: Option<usize>) -> Put {
    let mut properties = json!({"member_count": members, "state": "registered"});
    if let Some(note) = note {
        properties["note"] = json!(format!("lần {note}"));
    }
    put(Collection::Households, *id, (*at).into(), &properties)
}

async fn households(store: &dyn Store, picture: &PictureHandle) -> Vec<House> {
    let mut rng = world::generator(50);
    let houses: Vec<House> = (0..HOUSEHOLDS)
        .map(|_| (Uuid::now_v7(), Point::from(world::position(&mut rng)), rng.random_range(1..9)))
        .collect();
    for some in houses.chunks(10_000) {
        append(store, picture, some.iter().map(|house| house_put(house, None)).collect()).await;
    }
    houses
}

async fn exposures(report: &mut Report, picture: &PictureHandle, houses: &[House], drawn: &[Polygon]) {
    let database = TestDatabase::new();
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.expect("the database answers");
    tokio::spawn(connection);
    let make = "CREATE TABLE public.h (members bigint, geom geometry(Point, 4326))";
    client.batch_execute(make).await.expect("a table");
    for some in houses.chunks(5_000) {
        let rows: Vec<String> = some
            .iter()
            .map(|(_, at, members)| format!("({members}, ST_Point({}, {}, 4326))", at.x(), at.y()))
            .collect();
        client.batch_execute(&format!("INSERT INTO public.h VALUES {}", rows.join(","))).await.expect("rows");
    }
    client.batch_execute("CREATE INDEX ON public.h USING gist (geom); ANALYZE public.h").await.expect("an index");
    let sql = "SELECT count(*), coalesce(sum(members), 0)::bigint FROM public.h \
               WHERE ST_Intersects(geom, ST_GeomFromText($1, 4326))";
    let statement = client.prepare(sql).await.expect("a statement");

    let view = picture.view(&Actor::system(), SystemClock.now());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for area in drawn {
        let ring: Vec<String> = area.exterior().coords().map(|at| format!("{} {}", at.x, at.y)).collect();
        let text = format!("POLYGON(({}))", ring.join(","));
        let begin = Instant::now();
        let row = client.query_one(&statement, &[&text]).await.expect("an answer");
        theirs.push(begin.elapsed());
        let geometry = MultiPolygon::new(vec![area.clone()]).into();
        let begin = Instant::now();
        let counted = view.exposure(&geometry);
        ours.push(begin.elapsed());
        // A degree of the plane is not a geodesic: a house on the line may differ.
        let gap = counted.people - row.get::<_, i64>(1);
        assert!(gap.abs() <= 40, "{gap} people apart");
    }
    let [p50, p99] = [0.5, 0.99].map(|share| (quantile_ms(&mut ours, share), quantile_ms(&mut theirs, share)));
    let what = format!("what a drawn area holds, {HOUSEHOLDS} households");
    report.compared(
        &format!("{what}: p50"),
        &format!("{:.2} ms", p50.0),
        &format!("PostGIS {:.2} ms", p50.1),
        p50.0 / p50.1,
        "",
    );
    report.compared(
        &format!("{what}: p99"),
        &format!("{:.2} ms", p99.0),
        &format!("PostGIS {:.2} ms", p99.1),
        p99.0 / p99.1,
        "≤ 10 ms",
    );
}

async fn board(report: &mut Report, store: &Arc<dyn Store>, picture: &PictureHandle, houses: &[House]) {
    let end = SystemClock.now().plus_s(86_400).to_string();
    let zones = areas(52, ZONES).into_iter().enumerate().map(|(n, area)| {
        let properties = json!({
            "name": format!("Vùng {n}"), "kind": "landslide", "state": "in_force", "valid_to": end, "susceptibility": 1 + n % 4,
        });
        put(Collection::RiskZones, Uuid::now_v7(), area.into(), &properties)
    });
    append(&**store, picture, zones.collect()).await;
    let now = || picture.view(&Actor::system(), SystemClock.now());
    let begin = Instant::now();
    let first = InsideBoard::of(&now());
    report.alone(
        &format!("who is inside {ZONES} zones, first time"),
        &format!("{:.0} ms, {} people", begin.elapsed().as_secs_f64() * 1_000.0, first.total.people.registered),
        "",
    );
    let mut times = Vec::new();
    for n in 0..CHANGES {
        append(&**store, picture, vec![house_put(&houses[n * 37], Some(n))]).await;
        let begin = Instant::now();
        std::hint::black_box(InsideBoard::of(&now()));
        times.push(begin.elapsed());
    }
    let (p50, p99) = (quantile_ms(&mut times, 0.5), quantile_ms(&mut times, 0.99));
    report.alone("the same after a household changed", &format!("p50 {p50:.1} ms, p99 {p99:.1} ms"), "≤ 200 ms");
}

/// Gauges over the province, and a rain that reaches all of them.
async fn levels(report: &mut Report, store: &Arc<dyn Store>, picture: &PictureHandle) {
    const GAUGES: usize = 150;
    /// Hours of rain that are told at once.
    const HOURS: i64 = 24;
    let mut rng = world::generator(53);
    let gauges: Vec<Uuid> = (0..GAUGES).map(|_| Uuid::now_v7()).collect();
    let puts = gauges.iter().enumerate().map(|(n, id)| {
        let properties = json!({"name": format!("Trạm {n}"), "code": format!("T{n:03}")});
        put(Collection::RainGauges, *id, Point::from(world::position(&mut rng)).into(), &properties)
    });
    append(&**store, picture, puts.collect()).await;
    let desk = Desk::new(Arc::clone(store), picture.clone(), Arc::new(SystemClock));
    desk.compute_levels().await.expect("levels of no rain");
    let hour = Timestamp::from_ms(SystemClock.now().as_ms() / 3_600_000 * 3_600_000);
    let reading = |gauge: Uuid, ago: i64| ReadingIn {
        gauge: GaugeName::Id(gauge),
        to: hour.plus_s(-3_600 * ago),
        minutes: 60,
        mm: 7.5,
        flag: Flag::Ok,
    };
    for some in gauges.chunks(20) {
        let readings = some.iter().flat_map(|gauge| (0..HOURS).map(|ago| reading(*gauge, ago))).collect();
        let taken = desk.take_rain(&Ask::by(Actor::system()), readings).await.expect("rain is taken");
        assert!(taken.refused.is_empty(), "{:?}", taken.refused.first());
    }
    let begin = Instant::now();
    let changed = desk.compute_levels().await.expect("levels");
    report.alone(
        &format!("levels of {ZONES} zones from {GAUGES} gauges worked out again"),
        &format!("{:.0} ms, {changed} changed", begin.elapsed().as_secs_f64() * 1_000.0),
        "≤ 500 ms",
    );
    for ago in (0..GRID_HOURS).rev() {
        grid(&desk, hour, ago, 9.0).await;
    }
    let begin = Instant::now();
    let changed = desk.compute_levels().await.expect("levels");
    report.alone(
        &format!("levels of {ZONES} zones from {GAUGES} gauges and {GRID_HOURS} grids of a kilometre, first time"),
        &format!("{:.0} ms, {changed} changed", begin.elapsed().as_secs_f64() * 1_000.0),
        "",
    );
    let newest = grid(&desk, hour, 0, 19.0).await;
    let begin = Instant::now();
    let changed = desk.compute_levels().await.expect("levels");
    report.alone(
        "the same after another grid came",
        &format!("{:.0} ms, {changed} changed ({} kB a grid)", begin.elapsed().as_secs_f64() * 1_000.0, newest / 1_000),
        "≤ 500 ms",
    );
}

/// Hours of which a grid is known: a month, as far back as days of rain are counted.
const GRID_HOURS: i64 = 32 * 24;

/// Brings a grid of one kilometre over the province, other rain in each cell; how long its cells are as text.
async fn grid(desk: &Desk, hour: Timestamp, ago: i64, mm: f64) -> usize {
    let size = [170, 130];
    let value = |n: usize| {
        let (column, row) = ((n % size[0]) as f64, (n / size[0]) as f64);
        (mm * (1.0 + (column / 17.0 + ago as f64).sin() * (row / 11.0).cos())) as f32
    };
    let values = (0..size[0] * size[1]).map(value).collect();
    let grid = Grid { west: 102.3, north: 22.9, step: [0.01, 0.01], size, values };
    let ends_at = hour.plus_s(-3_600 * ago);
    let of = GridOf {
        kind: GridKind::Observed,
        source: "made".to_owned(),
        starts_at: ends_at.plus_s(-3_600),
        ends_at,
        issued_at: None,
    };
    let band = Band { grid, stray: None, epsg: None, is_scaled: false };
    let grid = GridIn { of, file_name: None, file_hash: "0".repeat(64), band };
    let (_, written) = desk.take_rain_grid(&Ask::by(Actor::system()), grid).await.expect("a grid is taken");
    written.record.properties.len()
}
