//! Questions to the roads: one way, a table of travel times, how far one gets. Road alone; what lies between a place and
//! its road is told apart as `snap_m`.

use std::sync::Arc;

use ::geojson::GeometryValue;
use geo_types::MultiPolygon;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::actor::{Reader, Writer};
use super::answer::{geojson, json as json_answer};
use super::error::{Answer, Refusal, internal};
use super::fields::Fields;
use super::long;
use super::params::{Params, invalid};
use super::shapes;
use crate::domain::{Code, Problem};
use crate::geometry::validate::check_position;
use crate::roads::isochrone::{LIMIT_MS_MAX, isochrones};
use crate::roads::profile::off_road_s;
use crate::roads::reach::{Reached, table};
use crate::roads::route::{Leg, route};
use crate::roads::snap::SNAP_MAX_M;
use crate::roads::{Ground, InForce, Profile, Snap, Workspace};

/// Most sources or targets of a table: a duty room asks for some hundred units.
const TABLE_PLACES_MAX: usize = 500;
/// Most cells of a table: at most a hundred searches, whichever way it is turned.
const TABLE_CELLS_MAX: usize = 10_000;
/// Most areas of one answer.
const REACH_AREAS_MAX: usize = 6;
const MINUTE_MS: u32 = 60_000;
/// Longest time of an area, minutes.
const REACH_MINUTES_MAX: u32 = LIMIT_MS_MAX / MINUTE_MS;

/// Who travels.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the words of calls and answers")]
pub enum ProfileName {
    Car,
    Truck,
    Motorbike,
    Foot,
}

/// What a travel time rests on.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the words of an answer")]
pub enum EtaBasis {
    RoadGraph,
    Foot,
    StraightLine,
}

/// What lies on a road.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the words of an answer")]
pub enum SurfaceName {
    Paved,
    Gravel,
    Dirt,
    Bad,
}

/// A place and the road it was brought to.
#[derive(Serialize, ToSchema)]
pub struct OnRoad {
    /// On the road.
    #[schema(schema_with = shapes::position_ref)]
    position: [f64; 2],
    /// From the place that was asked for, straight, metres.
    snap_m: f64,
    /// The same on foot, off any trail over level ground; in no duration.
    foot_s: f64,
}

/// Which network answered.
#[derive(Serialize, ToSchema)]
pub struct NetworkName {
    /// The same on every node that holds the same network.
    id: String,
    /// To be shown with the answer.
    attribution: String,
}

/// A stretch along one road.
#[derive(Serialize, ToSchema)]
pub struct RouteLeg {
    /// Sign and name; empty if the road has none.
    name: String,
    /// As OpenStreetMap's `highway`.
    #[schema(value_type = String)]
    class: &'static str,
    #[schema(value_type = SurfaceName)]
    surface: &'static str,
    duration_s: f64,
    distance_m: f64,
    climb_m: f64,
}

/// A way by road.
#[derive(Serialize, ToSchema)]
pub struct RouteAnswer {
    #[schema(value_type = ProfileName)]
    profile: &'static str,
    #[schema(value_type = EtaBasis)]
    eta_basis: &'static str,
    /// By road alone, from `from` to `to`.
    duration_s: f64,
    distance_m: f64,
    /// Metres climbed; 0 where no elevation is known.
    climb_m: f64,
    from: OnRoad,
    to: OnRoad,
    legs: Vec<RouteLeg>,
    #[schema(schema_with = shapes::line)]
    geometry: Value,
    roads: NetworkName,
}

/// The quickest way by road from a place to another, under the closures in force.
#[utoipa::path(
    get, path = "/api/route", tag = "roads",
    params(
        ("from" = String, Query, description = "lon,lat"),
        ("to" = String, Query, description = "lon,lat"),
        ("profile" = Option<String>, Query, description = "car, truck, motorbike or foot; car if not said"),
    ),
    responses(
        (status = 200, description = "The way", body = RouteAnswer),
        (status = 404, description = "`no_route`: no road within 2 km of a place, or no way between them"),
        (status = 409, description = "`roads_not_loaded`"),
    )
)]
pub async fn find_route(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let (from, to) = (params.position("from")?, params.position("to")?);
    let profile = profile_of(&mut params)?;
    params.finish()?;
    let in_force = in_force(&reader)?;
    let from = on_road(&in_force, from, profile, "from")?;
    let to = on_road(&in_force, to, profile, "to")?;
    let found = ask(&reader, &in_force, profile, |ground, workspace| route(ground, &from, &to, u32::MAX, workspace));
    let way = found.await?.ok_or_else(no_way)?;
    json_answer(&RouteAnswer {
        profile: profile.as_str(),
        eta_basis: if profile == Profile::Foot { "foot" } else { "road_graph" },
        duration_s: seconds(way.time_ms),
        distance_m: tenth(way.distance_m),
        climb_m: tenth(way.climb_m),
        from: OnRoad::from(&from),
        to: OnRoad::from(&to),
        legs: way.legs.iter().map(RouteLeg::from).collect(),
        geometry: json!({"type": "LineString", "coordinates": way.shape}),
        roads: NetworkName::of(&in_force),
    })
}

/// Travel times between many places.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct TableCall {
    /// Up to 500; sources times targets up to 10,000.
    #[schema(schema_with = shapes::positions)]
    sources: Vec<[f64; 2]>,
    #[schema(schema_with = shapes::positions)]
    targets: Vec<[f64; 2]>,
    /// `car` if not said.
    profile: Option<ProfileName>,
}

/// A table, a row a source, a column a target; null where there is no way.
#[derive(Serialize, ToSchema)]
pub struct TableAnswer {
    durations_s: Vec<Vec<Option<f64>>>,
    distances_m: Vec<Vec<Option<f64>>>,
    snap_m: TableSnaps,
    roads: NetworkName,
}

/// How far each place lies from its road, metres; null where there is none within 2 km.
#[derive(Serialize, ToSchema)]
pub struct TableSnaps {
    sources: Vec<Option<f64>>,
    targets: Vec<Option<f64>>,
}

/// Travel times by road from each source to each target, under the closures in force.
#[utoipa::path(
    post, path = "/api/table", tag = "roads", request_body = TableCall,
    responses(
        (status = 200, description = "The table", body = TableAnswer),
        (status = 409, description = "`roads_not_loaded`"),
    )
)]
pub async fn find_table(writer: Writer) -> Answer {
    let mut fields = writer.fields()?;
    let sources = positions(&mut fields, "sources")?;
    let targets = positions(&mut fields, "targets")?;
    let profile = fields.word("profile", Profile::from_word)?.unwrap_or(Profile::Car);
    fields.finish()?;
    if sources.len() * targets.len() > TABLE_CELLS_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("Bảng lớn hơn {TABLE_CELLS_MAX} ô (điểm đi × điểm đến)."),
            format!("The table has more than {TABLE_CELLS_MAX} cells (sources × targets)."),
        )
        .at("/targets")
        .with("limit", TABLE_CELLS_MAX)
        .into());
    }
    let in_force = in_force(&writer.reader)?;
    let snapped = |places: Vec<(f64, f64)>| -> Vec<Option<Snap>> {
        places.into_iter().map(|(lon, lat)| in_force.roads.snap(lon, lat, profile)).collect()
    };
    let (sources, targets) = (snapped(sources), snapped(targets));
    let rows =
        ask(&writer.reader, &in_force, profile, |ground, workspace| table(ground, &sources, &targets, workspace));
    let rows = rows.await?;
    let snap_m = |places: &[Option<Snap>]| places.iter().map(|snap| Some(tenth(snap.as_ref()?.snap_m))).collect();
    json_answer(&TableAnswer {
        durations_s: cells(&rows, |reached| seconds(reached.time_ms)),
        distances_m: cells(&rows, |reached| tenth(reached.distance_m)),
        snap_m: TableSnaps { sources: snap_m(&sources), targets: snap_m(&targets) },
        roads: NetworkName::of(&in_force),
    })
}

/// Areas that are reached.
#[derive(Serialize, ToSchema)]
pub struct ReachAnswer {
    #[serde(rename = "type")]
    #[schema(value_type = String, pattern = "FeatureCollection")]
    kind: &'static str,
    /// In the order asked.
    features: Vec<ReachArea>,
    from: OnRoad,
    roads: NetworkName,
}

/// What is reached in a time.
#[derive(Serialize, ToSchema)]
pub struct ReachArea {
    #[serde(rename = "type")]
    #[schema(value_type = String, pattern = "Feature")]
    kind: &'static str,
    #[schema(schema_with = shapes::areas)]
    geometry: GeometryValue,
    properties: ReachProperties,
}

/// Which area it is.
#[derive(Serialize, ToSchema)]
pub struct ReachProperties {
    minutes: u32,
    #[schema(value_type = ProfileName)]
    profile: &'static str,
}

/// How far one gets by road in a time, as areas along the reached roads, under the closures in force.
#[utoipa::path(
    get, path = "/api/reach", tag = "roads",
    params(
        ("from" = String, Query, description = "lon,lat"),
        ("profile" = Option<String>, Query, description = "car, truck, motorbike or foot; car if not said"),
        ("minutes" = String, Query, description = "Up to six times, each 1 to 240: 15,30,60"),
    ),
    responses(
        (
            status = 200, content_type = "application/geo+json",
            description = "One area a time", body = ReachAnswer,
        ),
        (status = 404, description = "`no_route`: no road within 2 km of the place"),
        (status = 409, description = "`roads_not_loaded`"),
    )
)]
pub async fn find_reach(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let from = params.position("from")?;
    let profile = profile_of(&mut params)?;
    let minutes = minutes_of(&mut params)?;
    params.finish()?;
    let in_force = in_force(&reader)?;
    let from = on_road(&in_force, from, profile, "from")?;
    let limits_ms: Vec<u32> = minutes.iter().map(|minutes| minutes * MINUTE_MS).collect();
    let areas = ask(&reader, &in_force, profile, |ground, workspace| isochrones(ground, &from, &limits_ms, workspace));
    let areas = areas.await?;
    let feature = |(area, minutes): (&MultiPolygon, &u32)| ReachArea {
        kind: "Feature",
        geometry: GeometryValue::from(area),
        properties: ReachProperties { minutes: *minutes, profile: profile.as_str() },
    };
    let answer = ReachAnswer {
        kind: "FeatureCollection",
        features: areas.iter().zip(&minutes).map(feature).collect(),
        from: OnRoad::from(&from),
        roads: NetworkName::of(&in_force),
    };
    Ok(geojson(serde_json::to_vec(&answer).map_err(|_| internal())?))
}

/// The network in use.
fn in_force(reader: &Reader) -> Result<Arc<InForce>, Refusal> {
    reader.live()?.desk.roads().ok_or_else(not_loaded)
}

/// The refusal of a question to roads that are not there.
pub(super) fn not_loaded() -> Refusal {
    Problem::new(
        Code::RoadsNotLoaded,
        "Chưa có mạng đường. Người quản trị nạp bằng lệnh trucban import roads TỆP.osm.pbf.",
        "There is no road network yet. The administrator brings one in by trucban import roads FILE.osm.pbf.",
    )
    .into()
}

/// Searches when its turn comes; a search may look at every node of the network.
async fn ask<T: Send>(
    reader: &Reader,
    in_force: &InForce,
    profile: Profile,
    question: impl FnOnce(&Ground<'_>, &mut Workspace) -> T + Send,
) -> Result<T, Refusal> {
    let handle = reader.live()?.desk.roads_handle();
    let ground = in_force.roads.ground(&in_force.laid.overlay, profile);
    let looks_at = in_force.roads.graph.node_count();
    long::answer(reader, looks_at, || handle.search(|workspace| question(&ground, workspace))).await
}

fn on_road(in_force: &InForce, (lon, lat): (f64, f64), profile: Profile, name: &str) -> Result<Snap, Problem> {
    in_force.roads.snap(lon, lat, profile).ok_or_else(|| {
        let km = SNAP_MAX_M / 1_000.0;
        Problem::new(
            Code::NoRoute,
            format!("Trong vòng {km} km quanh điểm này không có đường cho phương tiện đã chọn."),
            format!("There is no road for this profile within {km} km of the place."),
        )
        .at(name)
    })
}

fn no_way() -> Problem {
    Problem::new(
        Code::NoRoute,
        "Không có đường đi giữa hai điểm này, xét cả các đoạn đang đóng.",
        "There is no way by road between these places under the closures in force.",
    )
}

fn profile_of(params: &mut Params<'_>) -> Result<Profile, Problem> {
    let Some(word) = params.text("profile")? else { return Ok(Profile::Car) };
    Profile::from_word(&word).ok_or_else(|| {
        let words = Profile::ALL.map(Profile::as_str).join(", ");
        invalid("profile", format_args!("cần một trong {words}"), format_args!("expected one of {words}"))
    })
}

fn minutes_of(params: &mut Params<'_>) -> Result<Vec<u32>, Problem> {
    let text = params.text("minutes")?.ok_or_else(|| invalid("minutes", "bắt buộc phải có", "is required"))?;
    let minutes: Vec<u32> = text
        .split(',')
        .map(|part| part.trim().parse().ok().filter(|minutes| (1..=REACH_MINUTES_MAX).contains(minutes)))
        .collect::<Option<_>>()
        .ok_or_else(|| {
            invalid(
                "minutes",
                format_args!("cần số nguyên 1–{REACH_MINUTES_MAX}, cách nhau bằng dấu phẩy"),
                format_args!("expected whole numbers 1..{REACH_MINUTES_MAX}, separated by commas"),
            )
        })?;
    if minutes.len() > REACH_AREAS_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("Tham số minutes có nhiều nhất {REACH_AREAS_MAX} giá trị."),
            format!("Parameter minutes has at most {REACH_AREAS_MAX} values."),
        )
        .at("minutes")
        .with("limit", REACH_AREAS_MAX));
    }
    Ok(minutes)
}

/// A list of `[lon, lat]`, from one to [`TABLE_PLACES_MAX`].
fn positions(fields: &mut Fields, name: &str) -> Result<Vec<(f64, f64)>, Problem> {
    let place = fields.place(name);
    let list = fields.needed(name)?;
    let list = list.as_array().filter(|list| !list.is_empty()).ok_or_else(|| no_position(&place))?;
    if list.len() > TABLE_PLACES_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("Danh sách {name} có nhiều hơn {TABLE_PLACES_MAX} điểm."),
            format!("The list {name} has more than {TABLE_PLACES_MAX} places."),
        )
        .at(&place)
        .with("limit", TABLE_PLACES_MAX));
    }
    let position = |(n, value): (usize, &Value)| {
        let at = format!("{place}/{n}");
        let numbers: Option<Vec<f64>> = value.as_array().and_then(|pair| pair.iter().map(Value::as_f64).collect());
        let Some([lon, lat]) = numbers.as_deref() else { return Err(no_position(&at)) };
        check_position(*lon, *lat, &at)?;
        Ok((*lon, *lat))
    };
    list.iter().enumerate().map(position).collect()
}

fn no_position(at: &str) -> Problem {
    Problem::new(
        Code::InvalidValue,
        "Cần danh sách các điểm [kinh độ, vĩ độ].",
        "Expected a list of positions [longitude, latitude].",
    )
    .at(at)
}

fn cells(rows: &[Vec<Option<Reached>>], figure: impl Fn(&Reached) -> f64) -> Vec<Vec<Option<f64>>> {
    rows.iter().map(|row| row.iter().map(|cell| cell.as_ref().map(&figure)).collect()).collect()
}

/// Seconds to the tenth: more would only seem precise.
fn seconds(time_ms: u32) -> f64 {
    tenth(f64::from(time_ms) / 1_000.0)
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

impl From<&Snap> for OnRoad {
    fn from(snap: &Snap) -> Self {
        Self { position: snap.position, snap_m: tenth(snap.snap_m), foot_s: tenth(off_road_s(snap.snap_m)) }
    }
}

impl NetworkName {
    fn of(in_force: &InForce) -> Self {
        let roads = &in_force.roads;
        Self { id: roads.id.clone(), attribution: roads.graph.attribution().to_owned() }
    }
}

impl From<&Leg> for RouteLeg {
    fn from(leg: &Leg) -> Self {
        Self {
            name: leg.name.clone(),
            class: leg.class.as_str(),
            surface: leg.surface.as_str(),
            duration_s: seconds(leg.time_ms),
            distance_m: tenth(leg.distance_m),
            climb_m: tenth(leg.climb_m),
        }
    }
}
