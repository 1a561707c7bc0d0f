//! Grids of rain and the levels that follow from them: hours that add up, gaps, corrections, forecasts that pass; the rain
//! of a zone beside GDAL's.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use geo_types::{Geometry, MultiPolygon, polygon};
use serde_json::{Value, json};
use tiff::encoder::colortype::Gray32Float;
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder};
use tiff::tags::Tag;
use trucban::desk::{Ask, Clock, GaugeName, GridIn, GridOutcome, InsideFigures, Item, Patch, ReadingIn, SetLevel};
use trucban::domain::evacuation::State;
use trucban::domain::rain::Flag;
use trucban::domain::rain_grid::{GridKind, GridOf};
use trucban::domain::risk_level::id_of;
use trucban::domain::{Code, Collection, Problem, Timestamp};
use trucban::raster::geotiff::band;
use trucban::raster::rain::{CELLS_READ_MAX, RainGrid, touched};
use uuid::Uuid;

use crate::desk_support::{Room, officer, planner, refused};
use crate::store_support::{Folder, object};

/// A slope at Mường Khoa.
const SLOPE: [f64; 2] = [103.70, 22.15];
/// Where the cells of the grids of these tests lie: the province, a tenth of a degree each.
const CORNER: [f64; 2] = [102.2, 23.0];
const SIZE: [usize; 2] = [20, 16];
const HOUR_S: i64 = 3_600;
const DAY_H: i64 = 24;

/// A GeoTIFF in degrees, packed; NaN stands for what is not known.
pub fn geotiff(corner: [f64; 2], step: f64, size: [usize; 2], mm: impl Fn(usize, usize) -> f32) -> Vec<u8> {
    let keys: &[u16] = &[1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326];
    geotiff_with(corner, step, size, keys, Some("nan"), mm)
}

/// The same with other keys of where it lies, and another sign for what is not known.
pub fn geotiff_with(
    corner: [f64; 2],
    step: f64,
    size: [usize; 2],
    keys: &[u16],
    void: Option<&str>,
    mm: impl Fn(usize, usize) -> f32,
) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let packing = Compression::Deflate(DeflateLevel::Fast);
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap().with_compression(packing);
    let mut image = encoder.new_image::<Gray32Float>(size[0] as u32, size[1] as u32).unwrap();
    let tags = image.encoder();
    tags.write_tag(Tag::ModelPixelScaleTag, &[step, step, 0.0][..]).unwrap();
    tags.write_tag(Tag::ModelTiepointTag, &[0.0, 0.0, 0.0, corner[0], corner[1], 0.0][..]).unwrap();
    tags.write_tag(Tag::GeoKeyDirectoryTag, keys).unwrap();
    if let Some(void) = void {
        tags.write_tag(Tag::GdalNodata, void).unwrap();
    }
    let values: Vec<f32> = (0..size[0] * size[1]).map(|n| mm(n % size[0], n / size[0])).collect();
    image.write_data(&values).unwrap();
    bytes.into_inner()
}

/// The same rain everywhere.
pub fn even(mm: f32) -> Vec<u8> {
    geotiff(CORNER, 0.1, SIZE, |_, _| mm)
}

/// The hour of the room's clock that is over.
fn hour(room: &Room) -> Timestamp {
    Timestamp::from_ms(room.clock.now().as_ms().div_euclid(HOUR_S * 1_000) * HOUR_S * 1_000)
}

fn observed(room: &Room, hours_ago: i64, hours: i64) -> GridOf {
    let ends_at = hour(room).plus_s(-HOUR_S * hours_ago);
    GridOf {
        kind: GridKind::Observed,
        source: "ra đa Pha Đin".to_owned(),
        starts_at: ends_at.plus_s(-HOUR_S * hours),
        ends_at,
        issued_at: None,
    }
}

/// A run of the last whole hour, for so many hours from `from` hours after it.
fn forecast(room: &Room, from: i64, hours: i64) -> GridOf {
    let (issued_at, starts_at) = (hour(room), hour(room).plus_s(HOUR_S * from));
    GridOf {
        kind: GridKind::Forecast,
        source: "mô hình 3 km".to_owned(),
        starts_at,
        ends_at: starts_at.plus_s(HOUR_S * hours),
        issued_at: Some(issued_at),
    }
}

impl Room {
    async fn grid(&self, of: GridOf, file: &[u8]) -> Result<GridOutcome, Problem> {
        let band = band(Cursor::new(file), CELLS_READ_MAX).unwrap();
        let grid = GridIn { of, file_name: None, file_hash: "0".repeat(64), band };
        self.desk.take_rain_grid(&Ask::by(planner()), grid).await.map(|(outcome, _)| outcome)
    }

    async fn slope(&self, at: [f64; 2]) -> Uuid {
        let [lon, lat] = at;
        let d = 0.004;
        let ring = polygon![(x: lon - d, y: lat - d), (x: lon + d, y: lat - d), (x: lon + d, y: lat + d), (x: lon - d, y: lat + d)];
        let valid_to = self.clock.now().plus_s(20 * 86_400).to_string();
        let properties =
            json!({"name": "Sườn Mường Khoa", "kind": "landslide", "valid_to": valid_to, "susceptibility": 4});
        let item = Item { geometry: Some(Geometry::Polygon(ring)), properties: object(properties) };
        self.desk.create(&Ask::by(planner()), Collection::RiskZones, None, item).await.unwrap().id()
    }

    /// A gauge beside the slope.
    async fn gauge(&self) -> Uuid {
        let item = Item {
            geometry: Some(Geometry::Point(geo_types::Point::new(SLOPE[0] + 0.01, SLOPE[1]))),
            properties: object(json!({"name": "Trạm MK", "code": "MK"})),
        };
        self.desk.create(&Ask::by(planner()), Collection::RainGauges, None, item).await.unwrap().id()
    }

    /// Hourly readings of the gauge, from so many hours ago up to so many.
    async fn readings(&self, hours: std::ops::Range<i64>, mm: f64) {
        let reading = |ago: i64| ReadingIn {
            gauge: GaugeName::Code("MK".to_owned()),
            to: hour(self).plus_s(-HOUR_S * ago),
            minutes: 60,
            mm,
            flag: Flag::Ok,
        };
        let taken = self.desk.take_rain(&Ask::by(planner()), hours.map(reading).collect()).await.unwrap();
        assert!(taken.refused.is_empty(), "{:?}", taken.refused.first());
    }

    async fn level_of(&self, zone: Uuid) -> Level {
        self.desk.compute_levels().await.unwrap();
        let view = self.view();
        let record = view.item(Collection::RiskLevels, id_of(zone)).unwrap();
        let property = |name: &str| record.property(name).unwrap_or_default();
        Level {
            level: property("computed_level").as_i64(),
            stale: property("computed_stale") == true,
            mm: property("rain_24h_mm").as_f64().unwrap(),
            known: property("rain_24h_known").as_f64().unwrap(),
            to_come_mm: property("rain_forecast_24h_mm").as_f64(),
            days: property("rain_days").as_i64().unwrap(),
            grids: property("rain_grids"),
            gauges: property("gauge_ids"),
        }
    }
}

#[derive(Debug)]
struct Level {
    level: Option<i64>,
    stale: bool,
    mm: f64,
    known: f64,
    to_come_mm: Option<f64>,
    days: i64,
    grids: Value,
    gauges: Value,
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_of_grids_add_up_and_a_missing_hour_is_a_gap_until_it_comes_late() {
    let room = Room::on_the_ground().await;
    let zone = room.slope(SLOPE).await;
    // Ten millimetres on each of two days before, and a dry one before these.
    for (day, mm) in [(1, 10.0), (2, 10.0), (3, 0.0)] {
        room.grid(observed(&room, DAY_H * day, DAY_H), &even(mm)).await.unwrap();
    }
    for ago in (0..24).filter(|ago| !(5..8).contains(ago)) {
        assert_eq!(room.grid(observed(&room, ago, 1), &even(6.0)).await.unwrap(), GridOutcome::Accepted);
    }
    let gap = room.level_of(zone).await;
    assert_eq!((gap.level, gap.stale, gap.days), (Some(3), true, 2), "{gap:?}");
    assert!(
        (gap.mm - 21.0 * 6.0).abs() < 3.0 && gap.known < 0.9,
        "three hours are missing, and they are not dry: {gap:?}"
    );
    assert_eq!((&gap.grids[0]["source"], &gap.grids[0]["decides"]), (&json!("ra đa Pha Đin"), &json!(true)));
    assert_eq!(gap.gauges, Value::Null);
    for ago in 5..8 {
        room.grid(observed(&room, ago, 1), &even(6.0)).await.unwrap();
    }
    let whole = room.level_of(zone).await;
    assert_eq!((whole.level, whole.stale), (Some(3), false), "{whole:?}");
    assert!((whole.mm - 144.0).abs() < 6.1 && whole.known > 0.95, "the hour that has begun is not told: {whole:?}");

    // The same again is no change; another grid of the hour takes its place; a part of it is refused.
    let seq = room.desk.written();
    assert_eq!(room.grid(observed(&room, 5, 1), &even(6.0)).await.unwrap(), GridOutcome::Repeated);
    assert_eq!(room.desk.written(), seq);
    assert_eq!(room.grid(observed(&room, 5, 1), &even(36.0)).await.unwrap(), GridOutcome::Corrected);
    let corrected = room.level_of(zone).await;
    assert!((corrected.mm - whole.mm - 30.0).abs() < 0.2, "{corrected:?}");
    let part = refused(room.grid(observed(&room, 5, 2), &even(12.0)).await, Code::InvalidValue);
    assert_eq!(part.at.as_deref(), Some("ends_at"));
    // One of another name stands beside it, and the greater decides.
    let other = GridOf { source: "vệ tinh".to_owned(), ..observed(&room, 0, 24) };
    room.grid(other.clone(), &even(300.0)).await.unwrap();
    let beside = room.level_of(zone).await;
    let decides = |level: &Level| -> Vec<Value> {
        let grids = level.grids.as_array().unwrap().iter();
        grids.filter(|said| said["decides"] == true).map(|said| said["source"].clone()).collect()
    };
    assert_eq!(decides(&beside), [json!("vệ tinh")]);
    assert!(beside.mm > 280.0 && beside.days == 2, "it takes the days before from the other one: {beside:?}");
    // What is taken back counts no more, and may come again.
    room.desk.withdraw_rain_grid(&Ask::by(planner()), other.id()).await.unwrap();
    let back = room.level_of(zone).await;
    assert_eq!(decides(&back), [json!("ra đa Pha Đin")]);
    assert!(back.mm < 180.0, "{back:?}");
    assert_eq!(room.grid(other, &even(300.0)).await.unwrap(), GridOutcome::Accepted);

    // A zone that is drawn only now is answered from the journal.
    let late = room.slope([103.3, 22.4]).await;
    let drawn = room.level_of(late).await;
    assert_eq!((drawn.level, drawn.days), (room.level_of(zone).await.level, 2), "{drawn:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_grid_knows_nothing_is_a_gap_and_a_gauge_beside_it_still_counts() {
    let room = Room::on_the_ground().await;
    // A hole over the slope.
    let holed = geotiff(CORNER, 0.1, SIZE, |column, row| if (column, row) == (15, 8) { f32::NAN } else { 120.0 });
    room.grid(observed(&room, 0, 24), &holed).await.unwrap();
    let zone = room.slope([103.75, 22.15]).await;
    let gap = room.level_of(zone).await;
    assert_eq!((gap.level, gap.stale, gap.mm, gap.known), (None, true, 0.0, 0.0), "{gap:?}");
    assert_eq!(gap.grids, Value::Null, "it says nothing of this zone");
    let beside = room.slope([103.65, 22.15]).await;
    let told = room.level_of(beside).await;
    assert!(told.mm > 110.0 && told.stale, "the days before are not known: {told:?}");
    // The gauge knows less rain, and the days before: hours of the grid and days of the gauge make one answer.
    let gauge = room.gauge().await;
    room.readings(0..24, 1.0).await;
    room.readings(24..48, 0.5).await;
    room.readings(48..96, 0.0).await;
    let both = room.level_of(beside).await;
    assert_eq!((both.level, both.stale, both.days), (Some(3), false, 1), "{both:?}");
    assert_eq!((&both.grids[0]["decides"], &both.gauges), (&json!(true), &json!([gauge])));
    let of_gauge = room.level_of(zone).await;
    assert!((of_gauge.mm - 24.0).abs() < 1.1 && !of_gauge.stale && of_gauge.level.is_none(), "{of_gauge:?}");
    // Where the gauge had more it decides.
    room.readings(0..24, 9.0).await;
    let more = room.level_of(beside).await;
    assert_eq!((more.mm > 200.0, &more.grids[0]["decides"]), (true, &json!(false)), "{more:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forecast_raises_a_level_and_when_it_passes_the_level_is_stale_and_not_lower() {
    let room = Room::on_the_ground().await;
    let zone = room.slope(SLOPE).await;
    room.gauge().await;
    room.readings(0..24, 1.0).await;
    room.readings(24..48, 1.0).await;
    room.readings(48..120, 0.0).await;
    let before = room.level_of(zone).await;
    assert_eq!((before.level, before.stale, before.to_come_mm), (None, false, None), "{before:?}");

    let run = forecast(&room, 0, 24);
    room.grid(run.clone(), &even(150.0)).await.unwrap();
    let raised = room.level_of(zone).await;
    assert_eq!((raised.level, raised.stale), (Some(3), false), "{raised:?}");
    assert!(raised.to_come_mm.unwrap() > 140.0, "{raised:?}");
    assert_eq!((&raised.grids[0]["kind"], &raised.grids[0]["decides"]), (&json!("forecast"), &json!(true)));
    assert_eq!(raised.grids[0]["issued_at"], run.issued_at.unwrap().to_string());
    let alarms = room
        .view()
        .all(Collection::Alarms)
        .filter(|alarm| alarm.text("kind").as_deref() == Some("level_risen"))
        .count();
    assert_eq!(alarms, 1);

    // Four hours later it says less than nine tenths of the next day: the rest alone would name no level.
    room.clock.go_s(4 * HOUR_S);
    room.readings(0..4, 0.0).await;
    let old = room.level_of(zone).await;
    assert_eq!((old.level, old.stale), (Some(3), true), "{old:?}");
    // It is over.
    room.clock.go_s(21 * HOUR_S);
    room.readings(0..21, 0.0).await;
    let over = room.level_of(zone).await;
    assert_eq!((over.level, over.stale, over.to_come_mm), (Some(3), true, None), "{over:?}");
    assert_eq!((&over.grids[0]["known"], &over.grids[0]["decides"]), (&json!(0.0), &json!(false)));
    // Nobody sends a new one for a day: what fell is known, and decides alone.
    room.clock.go_s(24 * HOUR_S);
    room.readings(0..24, 0.0).await;
    let given_up = room.level_of(zone).await;
    assert_eq!((given_up.level, given_up.stale, &given_up.grids), (None, false, &Value::Null), "{given_up:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_inside_a_zone_whose_level_reaches_its_trigger_is_at_risk_until_told_to_be_out() {
    let room = Room::on_the_ground().await;
    let zone = room.slope(SLOPE).await;
    let mut houses = Vec::new();
    for (n, members) in [5, 3].into_iter().enumerate() {
        let at = geo_types::Point::new(SLOPE[0] + 0.001 * n as f64, SLOPE[1]);
        let properties = object(json!({"member_count": members, "code": format!("H-{n}")}));
        let item = Item { geometry: Some(Geometry::Point(at)), properties };
        houses.push(room.desk.create(&Ask::by(officer()), Collection::Households, None, item).await.unwrap().id());
    }
    let at_risk = || {
        let board = room.board();
        let counts = |figures: &InsideFigures| figures.at_risk.map(|of| (of.people, of.households));
        assert_eq!(board.zones.len(), 1);
        assert_eq!(counts(&board.zones[0].figures), counts(&board.total));
        counts(&board.total)
    };
    room.gauge().await;
    room.readings(0..48, 1.0).await;
    room.readings(48..120, 0.0).await;
    room.level_of(zone).await;
    assert_eq!(at_risk(), None, "nobody has said from which level on");
    let trigger = |level: i64| {
        let ask = Ask::by(planner()).if_match(room.version(Collection::RiskZones, zone));
        let patch = Patch { properties: object(json!({"trigger_level": level})), ..Patch::default() };
        let room = &room;
        async move { room.desk.patch(&ask, Collection::RiskZones, zone, patch).await.unwrap() }
    };
    trigger(3).await;
    assert_eq!(at_risk(), Some((0, 0)), "there is no level yet");
    room.grid(forecast(&room, 0, 24), &even(150.0)).await.unwrap();
    assert_eq!(room.level_of(zone).await.level, Some(3));
    assert_eq!(at_risk(), Some((8, 2)));
    trigger(4).await;
    assert_eq!(at_risk(), Some((0, 0)));
    trigger(2).await;
    assert_eq!(at_risk(), Some((8, 2)));
    // Whoever is told to be out is at risk no more.
    let out = crate::desk_evacuation::report(State::WithRelatives, Some(2), None);
    room.tell(houses[0], out).await.unwrap();
    assert_eq!(at_risk(), Some((6, 2)));
    let out = crate::desk_evacuation::report(State::WithRelatives, Some(3), None);
    room.tell(houses[1], out).await.unwrap();
    assert_eq!(at_risk(), Some((3, 1)));
    // A commander's word counts as the others do, and the highest of the three decides.
    trigger(4).await;
    let ask = Ask::by(planner()).if_match(room.version(Collection::RiskZones, zone));
    let set = SetLevel { level: Some(4), reason: "nứt đất".to_owned(), told_by: None };
    room.desk.set_zone_level(&ask, zone, set).await.unwrap();
    assert_eq!(at_risk(), Some((3, 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_runs_the_newer_counts_whichever_comes_first_and_the_older_fills_what_it_does_not_say() {
    let room = Room::on_the_ground().await;
    let zone = room.slope(SLOPE).await;
    room.gauge().await;
    room.readings(0..120, 0.0).await;
    let old = forecast(&room, 0, 24);
    let later = GridOf { starts_at: old.ends_at, ends_at: old.ends_at.plus_s(24 * HOUR_S), ..old.clone() };
    room.clock.go_s(6 * HOUR_S);
    room.readings(0..6, 0.0).await;
    // The newer run says of twelve hours 24 mm; of the others the older says nothing that does not overlap.
    let new = forecast(&room, 0, 12);
    room.grid(new.clone(), &even(24.0)).await.unwrap();
    room.grid(old.clone(), &even(240.0)).await.unwrap();
    let newer = room.level_of(zone).await;
    assert!(newer.to_come_mm.unwrap() < 24.1 && newer.level.is_none(), "{newer:?}");
    assert!(newer.stale, "twelve hours of twenty-four are not known");
    assert_eq!(newer.grids[0]["issued_at"], new.issued_at.unwrap().to_string());
    // The day after that of the older run does not meet the newer one.
    room.grid(later, &even(240.0)).await.unwrap();
    let filled = room.level_of(zone).await;
    assert!(filled.to_come_mm.unwrap() > 70.0, "six hours of 240 mm a day and 24 mm: {filled:?}");
    // A whole new run speaks alone, though it says less.
    room.clock.go_s(HOUR_S);
    room.readings(0..1, 0.0).await;
    room.grid(forecast(&room, 0, 24), &even(5.0)).await.unwrap();
    room.grid(GridOf { starts_at: hour(&room).plus_s(24 * HOUR_S), ..forecast(&room, 0, 48) }, &even(5.0))
        .await
        .unwrap();
    let fresh = room.level_of(zone).await;
    assert!(fresh.to_come_mm.unwrap() < 6.0 && !fresh.stale, "{fresh:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_asks_for_any_more_ends_without_its_cells_and_the_journal_keeps_them() {
    let room = Room::on_the_ground().await;
    let old = observed(&room, 0, 1);
    room.grid(old.clone(), &even(7.0)).await.unwrap();
    room.clock.go_s(34 * 24 * HOUR_S);
    room.grid(observed(&room, 0, 1), &even(1.0)).await.unwrap();
    assert_eq!(room.view().all(Collection::RainGrids).count(), 1);
    let history = room.store.history(Collection::RainGrids, old.id()).await.unwrap();
    let cells: Vec<bool> = history.iter().map(|change| change.record.property("cells").is_some()).collect();
    assert_eq!(cells, [true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_report_rain_brings_no_grid() {
    let room = Room::on_the_ground().await;
    let band = band(Cursor::new(even(1.0)), CELLS_READ_MAX).unwrap();
    let observer = trucban::domain::Actor::new("observer", trucban::domain::Role::Observer, None);
    let grid = GridIn { of: observed(&room, 0, 1), file_name: None, file_hash: "0".repeat(64), band };
    refused(room.desk.take_rain_grid(&Ask::by(observer.clone()), grid).await, Code::Forbidden);
    room.grid(observed(&room, 0, 1), &even(1.0)).await.unwrap();
    let id = observed(&room, 0, 1).id();
    refused(room.desk.withdraw_rain_grid(&Ask::by(observer), id).await, Code::Forbidden);
    refused(room.desk.withdraw_rain_grid(&Ask::by(officer()), Uuid::now_v7()).await, Code::NotFound);
}

/// Runs a program of GDAL; false, with a word, where it is not installed.
fn gdal(program: &str, arguments: &[&str]) -> bool {
    match Command::new(program).args(arguments).output() {
        Err(error) => {
            println!("SKIPPED: {program} is not installed ({error}): apt-get install gdal-bin");
            false
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {arguments:?}: {said}");
            true
        }
    }
}

/// The cells of a raster as 32-bit numbers.
fn floats(source: &Path, folder: &Path) -> Vec<f32> {
    let raw = folder.join("raw.bin");
    assert!(gdal(
        "gdal_translate",
        &["-q", "-of", "ENVI", "-ot", "Float32", source.to_str().unwrap(), raw.to_str().unwrap()]
    ));
    fs::read(raw).unwrap().chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

#[test]
fn a_zone_has_the_rain_of_the_cells_that_gdal_says_it_touches_however_the_file_is_packed() {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    // Written by hand, as a hydromet service would send a table of cells.
    let (columns, rows) = (60, 40);
    let value = |column: usize, row: usize| match (column, row) {
        (20..24, 10..14) => -99.0,
        _ => ((column * 37 + row * 91) % 211) as f64 / 2.0,
    };
    let mut table =
        format!("ncols {columns}\nnrows {rows}\nxllcorner 103.0\nyllcorner 22.0\ncellsize 0.02\nNODATA_value -99\n");
    for row in 0..rows {
        let line: Vec<String> = (0..columns).map(|column| value(column, row).to_string()).collect();
        table.push_str(&(line.join(" ") + "\n"));
    }
    fs::write(at("rain.asc"), table).unwrap();
    // No corner lies on the line between two cells: which of them it touches is nobody's to say.
    let zones = [
        polygon![(x: 103.411, y: 22.491), (x: 103.553, y: 22.473), (x: 103.583, y: 22.613), (x: 103.451, y: 22.653)],
        polygon![(x: 103.905, y: 22.305), (x: 103.912, y: 22.306), (x: 103.909, y: 22.313)],
        polygon![(x: 103.103, y: 22.105), (x: 104.107, y: 22.153), (x: 103.207, y: 22.227)],
        polygon![(x: 104.15, y: 22.05), (x: 104.35, y: 22.05), (x: 104.35, y: 22.25), (x: 104.15, y: 22.25)],
    ];
    let packings: [&[&str]; 6] = [
        &["-ot", "Float32"],
        &["-ot", "Float64", "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=3"],
        &["-ot", "Float32", "-co", "COMPRESS=LZW", "-co", "TILED=YES", "-co", "BLOCKXSIZE=16", "-co", "BLOCKYSIZE=16"],
        &["-ot", "Int16"],
        &["-ot", "Int32", "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=2"],
        &["-ot", "Float32", "-co", "BIGTIFF=YES"],
    ];
    for packing in packings {
        let mut arguments = vec!["-q", "-a_srs", "EPSG:4326"];
        arguments.extend(packing);
        let (source, made) = (at("rain.asc"), at("rain.tif"));
        arguments.extend([source.to_str().unwrap(), made.to_str().unwrap()]);
        if !gdal("gdal_translate", &arguments) {
            return;
        }
        let theirs = floats(&made, folder.path());
        let read = band(fs::File::open(&made).unwrap(), CELLS_READ_MAX).unwrap();
        let grid = RainGrid::of(&read, None).unwrap();
        let grid = RainGrid::unpacked(grid.lattice, &grid.packed()).unwrap();
        for (n, zone) in zones.iter().enumerate() {
            let ring: Vec<[f64; 2]> = zone.exterior().coords().map(|at| [at.x, at.y]).collect();
            let area = json!({"type": "Polygon", "coordinates": [ring]});
            fs::write(at("zone.geojson"), area.to_string()).unwrap();
            // A frame of 20 cells around, so that what lies beside the grid is counted too.
            let (mask, zone_file) = (at("mask.tif"), at("zone.geojson"));
            let extent = ["-te", "102.6", "21.6", "104.6", "23.2", "-tr", "0.02", "0.02"];
            let mut arguments = vec!["-q", "-at", "-burn", "1", "-init", "0", "-ot", "Byte"];
            arguments.extend(extent);
            arguments.extend([zone_file.to_str().unwrap(), mask.to_str().unwrap()]);
            let _ = fs::remove_file(&mask);
            assert!(gdal("gdal_rasterize", &arguments));
            let burnt = floats(&mask, folder.path());
            let (mut known, mut count) = (Vec::new(), 0);
            for (place, _) in burnt.iter().enumerate().filter(|(_, burnt)| **burnt == 1.0) {
                let (column, row) = ((place % 100) as i64 - 20, (place / 100) as i64 - 20);
                count += 1;
                let is_inside = (0..columns as i64).contains(&column) && (0..rows as i64).contains(&row);
                if is_inside && theirs[row as usize * columns + column as usize] != -99.0 {
                    known.push(f64::from(theirs[row as usize * columns + column as usize]));
                }
            }
            known.sort_by(f64::total_cmp);
            let ours = grid.sample(&touched(&grid.lattice, &MultiPolygon::new(vec![zone.clone()]))).unwrap();
            let p90 = known[(known.len() as f64 * 0.9).ceil() as usize - 1];
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            let said =
                format!("zone {n}, {packing:?}: {ours:?}, GDAL: p90 {p90}, mean {mean}, {} of {count}", known.len());
            println!("{said}");
            assert!(
                (ours.p90_mm - p90).abs() <= 0.051 && (ours.max_mm - known[known.len() - 1]).abs() <= 0.051,
                "{said}"
            );
            assert!((ours.mean_mm - mean).abs() <= 0.051, "{said}");
            assert!((ours.known_share - known.len() as f64 / f64::from(count)).abs() < 1e-9, "{said}");
        }
    }
}
