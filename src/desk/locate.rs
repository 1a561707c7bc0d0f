//! From what somebody says to where it is, and how far off that may be.
//!
//! The accuracy of a place is the worse of two: that of the record or line it was found on, and that of the words
//! (a whole kilometre, a compass word, the last digit typed).

use geo_types::{Geometry, Point};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Desk;
use super::words;
use crate::domain::fold::fold;
use crate::domain::place::{Place, bearing_accuracy_m};
use crate::domain::place_text::{self, Reading};
use crate::domain::{Code, Collection, Problem};
use crate::geometry::crs::{Crs, VN2000_ACCURACY_M};
use crate::geometry::ground::{Ground, Whereabouts};
use crate::geometry::measure::{destination, distance_m};
use crate::geometry::mgrs;
use crate::picture::View;

/// VN-2000 zone of the province, taken where none is named.
const PROVINCE_EPSG: u32 = 9205;
/// Accuracy of a named record that states none, metres.
const NAMED_ACCURACY_M: f64 = 1_000.0;
/// Nobody means less than this by a name, metres.
const NAMED_ACCURACY_M_MIN: f64 = 20.0;
/// Places by one name nearer to each other than this are one, metres.
const SAME_PLACE_M: f64 = 3_000.0;
/// Names that are looked at for one text.
const NAMES_MAX: usize = 20;
/// Candidates that are listed with a text that means several places.
const AMBIGUOUS_MAX: usize = 5;

/// One place that a text or a `Place` may mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub label: String,
    /// `coordinates`, `vn2000`, `mgrs`, `road_km`, `bearing`, `commune`, or the kind of the record found.
    pub kind: String,
    /// `None` where only the commune is known.
    pub geometry: Option<Geometry<f64>>,
    /// Where to look on the map, degrees; for a commune its label point, which is no position of anything.
    pub lon: Option<f64>,
    pub lat: Option<f64>,
    /// How far off it may be, metres; `None` if nobody said.
    pub accuracy_m: Option<f64>,
    /// Word of `incident.located_by`.
    pub located_by: &'static str,
    pub commune_code: Option<String>,
    pub admin_unit: Option<String>,
    pub sector_id: Option<Uuid>,
    pub chainage_km: Option<f64>,
    /// The record that gave the place.
    pub source: Option<(Collection, Uuid)>,
    /// Road and kilometre post, where the place was told by them.
    pub road: Option<(String, f64)>,
    /// The words in which it was said.
    pub said: Option<String>,
    /// The label is a name and not numbers.
    pub(super) named: bool,
}

impl Desk {
    /// What `text` may mean, likeliest first; empty if nothing is known by it. Reads names through `view` alone.
    ///
    /// # Errors
    /// `coordinates_swapped`, `coordinate_out_of_range` for what is plainly coordinates, `limit_exceeded`.
    pub fn locate(&self, view: &View, text: &str, limit: usize) -> Result<Vec<Candidate>, Problem> {
        let ground = self.ground.of(&self.picture.load());
        let mut found = locate(&ground, view, text)?;
        found.truncate(limit);
        Ok(found)
    }

    /// Where `place` is; the first candidate if a text means one place above all.
    ///
    /// # Errors
    /// `place_not_found` (with `candidates` if the text means several), and those of [`Self::locate`].
    pub fn resolve(&self, view: &View, place: &Place) -> Result<Candidate, Problem> {
        resolve(&self.ground.of(&self.picture.load()), view, place)
    }
}

/// Where `place` is.
pub(super) fn resolve(ground: &Ground, view: &View, place: &Place) -> Result<Candidate, Problem> {
    match place {
        Place::Point { lon, lat, accuracy_m, source } => {
            crate::domain::place::check_lon_lat(*lon, *lat, "/place")?;
            let mut found = at_point(ground, *lon, *lat, "coordinates", source.as_str(), *accuracy_m);
            found.label = format!("{lat:.5}, {lon:.5}");
            Ok(found)
        }
        Place::Text(text) => {
            let mut found = only_one(&locate(ground, view, text)?, text)?;
            found.said = Some(text.clone());
            Ok(found)
        }
        Place::RoadKm { road_ref, road_km } => {
            let reading = Reading::RoadKm {
                road_ref: Some(road_ref.clone()),
                road_km: *road_km,
                accuracy_m: if road_km.fract() == 0.0 { 500.0 } else { 50.0 },
            };
            candidates(ground, view, &reading)?.into_iter().next().ok_or_else(|| no_such_post(ground, road_ref))
        }
        Place::Bearing { from, bearing_deg, distance_m } => {
            let start = resolve(ground, view, from)?;
            let start = match (start.geometry.is_some(), &**from) {
                (false, Place::Text(text)) => locate(ground, view, text)?
                    .into_iter()
                    .find(|found| found.geometry.is_some())
                    .ok_or_else(|| not_found(text))?,
                _ => start,
            };
            away(ground, &start, Some(*bearing_deg), *distance_m).ok_or_else(|| not_found(&start.label))
        }
        Place::Commune { code } => commune_by_code(ground, view, code).ok_or_else(|| not_found(code)),
        Place::Vn2000 { epsg, easting, northing } => vn2000(ground, *epsg, *easting, *northing),
        Place::Mgrs(text) => grid(ground, text),
    }
}

/// What a text may mean, likeliest first.
pub(super) fn locate(ground: &Ground, view: &View, text: &str) -> Result<Vec<Candidate>, Problem> {
    let mut found = Vec::new();
    for reading in place_text::read(text)? {
        found.extend(candidates(ground, view, &reading)?);
    }
    if found.is_empty() {
        found = in_commune(ground, view, text);
    }
    Ok(found)
}

fn candidates(ground: &Ground, view: &View, reading: &Reading) -> Result<Vec<Candidate>, Problem> {
    Ok(match reading {
        Reading::Point { lon, lat, accuracy_m } => {
            let mut found = at_point(ground, *lon, *lat, "coordinates", "coordinates", Some(*accuracy_m));
            found.label = format!("{lat:.5}, {lon:.5}");
            vec![found]
        }
        Reading::Vn2000 { epsg, easting, northing } => {
            vec![vn2000(ground, epsg.unwrap_or(PROVINCE_EPSG), *easting, *northing)?]
        }
        Reading::Mgrs(text) => vec![grid(ground, text)?],
        Reading::RoadKm { road_ref, road_km, accuracy_m } => ground
            .roads(road_ref.as_deref())
            .filter_map(|road| {
                let [lon, lat] = road.route.locate(*road_km)?;
                let accuracy_m = road.accuracy_m.max(*accuracy_m);
                let mut found = at_point(ground, lon, lat, "road_km", "road_ref", Some(accuracy_m));
                found.label = format!("{} {}", road.road_ref, words::kilometre_post(*road_km));
                found.source = Some((Collection::Roads, road.id));
                found.road = Some((road.road_ref.clone(), *road_km));
                Some(found)
            })
            .collect(),
        Reading::Away { from, bearing_deg, distance_m } => named(ground, view, from)
            .iter()
            .filter_map(|start| away(ground, start, *bearing_deg, *distance_m))
            .take(AMBIGUOUS_MAX)
            .collect(),
        Reading::Name(name) => named(ground, view, name),
    })
}

fn at_point(
    ground: &Ground,
    lon: f64,
    lat: f64,
    kind: &str,
    located_by: &'static str,
    accuracy_m: Option<f64>,
) -> Candidate {
    let Whereabouts { admin_unit, sector_id, chainage_km } = ground.whereabouts(lon, lat);
    Candidate {
        label: String::new(),
        kind: kind.to_owned(),
        geometry: Some(Point::new(lon, lat).into()),
        lon: Some(lon),
        lat: Some(lat),
        accuracy_m,
        located_by,
        commune_code: admin_unit.clone(),
        admin_unit,
        sector_id,
        chainage_km,
        source: None,
        road: None,
        said: None,
        named: false,
    }
}

fn vn2000(ground: &Ground, epsg: u32, easting: f64, northing: f64) -> Result<Candidate, Problem> {
    let crs = Crs::from_epsg(epsg).filter(Crs::is_projected).ok_or_else(|| {
        Problem::new(
            Code::InvalidValue,
            format!("không biết hệ toạ độ EPSG:{epsg}"),
            format!("the coordinate system EPSG:{epsg} is not known"),
        )
        .at("/place/vn2000/epsg")
    })?;
    let [lon, lat] = crs.to_wgs84(easting, northing).map_err(|problem| problem.at("/place/vn2000"))?;
    // A number without decimals is good to half a metre; the transformation is worse.
    let mut found = at_point(ground, lon, lat, "vn2000", "coordinates", Some(VN2000_ACCURACY_M));
    found.label = format!("VN-2000 (EPSG:{epsg}) E {easting:.0} N {northing:.0}");
    Ok(found)
}

fn grid(ground: &Ground, text: &str) -> Result<Candidate, Problem> {
    let square = mgrs::decode(text).map_err(|problem| problem.at("/place/mgrs"))?;
    // From the middle of the square to its corner.
    let accuracy_m = square.side_m * std::f64::consts::FRAC_1_SQRT_2;
    let mut found = at_point(ground, square.lon, square.lat, "mgrs", "coordinates", Some(accuracy_m));
    found.label = format!("MGRS {}", text.to_ascii_uppercase());
    Ok(found)
}

/// So far from a place; all around it where no direction was told.
fn away(ground: &Ground, start: &Candidate, bearing_deg: Option<f64>, distance_m: f64) -> Option<Candidate> {
    let Some(Geometry::Point(point)) = start.geometry else { return None };
    let from_accuracy_m = start.accuracy_m.unwrap_or(NAMED_ACCURACY_M);
    let ([lon, lat], accuracy_m) = match bearing_deg {
        Some(bearing) => {
            (destination(point.x(), point.y(), bearing, distance_m), bearing_accuracy_m(distance_m, from_accuracy_m))
        }
        None => ([point.x(), point.y()], distance_m * 1.25 + from_accuracy_m),
    };
    let mut found = at_point(ground, lon, lat, "bearing", "bearing", Some(accuracy_m));
    let toward = bearing_deg.map_or_else(String::new, |bearing| format!(" về phía {}", compass(bearing)));
    let distance = if distance_m < 1_000.0 {
        format!("{distance_m:.0} m")
    } else {
        format!("{} km", (distance_m / 100.0).round() / 10.0).replace('.', ",")
    };
    found.label = format!("Cách {} {distance}{toward}", start.label);
    found.source = start.source;
    found.named = true;
    Some(found)
}

fn compass(bearing_deg: f64) -> &'static str {
    const WINDS: [&str; 8] = ["bắc", "đông bắc", "đông", "đông nam", "nam", "tây nam", "tây", "tây bắc"];
    WINDS[((bearing_deg / 45.0).round() as usize) % WINDS.len()]
}

/// Places, stations, shelters, communes and households by name or code.
fn named(ground: &Ground, view: &View, name: &str) -> Vec<Candidate> {
    view.search(name, NAMES_MAX)
        .into_iter()
        .filter_map(|hit| match hit.collection {
            Collection::AdminUnits => {
                let unit = view.item(Collection::AdminUnits, hit.id)?;
                let code = unit.text("code")?.into_owned();
                ground.commune(&code)?;
                let mut found = commune_by_code(ground, view, &code)?;
                // A former commune is found under its own name, and is part of the one that took its place.
                if unit.text("full_name").as_deref() != Some(hit.title.as_str()) {
                    found.label = format!("{} (nay thuộc {})", hit.title, found.label);
                    (found.lon, found.lat) = (hit.lon.or(found.lon), hit.lat.or(found.lat));
                }
                Some(found)
            }
            Collection::Places | Collection::Stations | Collection::Shelters | Collection::Households => {
                let shown = view.item(hit.collection, hit.id)?;
                let Some(Geometry::Point(point)) = shown.geometry() else { return None };
                let accuracy_m = shown.number("accuracy_m").unwrap_or(NAMED_ACCURACY_M).max(NAMED_ACCURACY_M_MIN);
                let kind = shown.text("kind").map_or_else(|| "household".to_owned(), |kind| kind.into_owned());
                let mut found = at_point(ground, point.x(), point.y(), &kind, "place_name", Some(accuracy_m));
                found.label = hit.title;
                found.source = Some((hit.collection, hit.id));
                found.named = true;
                Some(found)
            }
            _ => None,
        })
        .collect()
}

/// "bản Sín Chải, xã Dào San": the name within the commune that is named last; the commune alone where the name is
/// on no map.
fn in_commune(ground: &Ground, view: &View, text: &str) -> Vec<Candidate> {
    let Some((name, commune)) = text.rsplit_once(',') else { return Vec::new() };
    let Some(commune) = named(ground, view, commune.trim()).into_iter().find(|found| found.kind == "commune") else {
        return Vec::new();
    };
    let mut found: Vec<Candidate> = named(ground, view, name.trim())
        .into_iter()
        .filter(|found| found.geometry.is_some() && found.admin_unit == commune.admin_unit)
        .collect();
    found.push(commune);
    found
}

/// The commune with this code; for a code that ended, the one that took its place.
fn commune_by_code(ground: &Ground, view: &View, code: &str) -> Option<Candidate> {
    let commune = ground.commune(code).or_else(|| {
        let old = view.all(Collection::AdminUnits).find(|unit| unit.text("code").as_deref() == Some(code))?;
        ground.commune(&old.text("successor_code")?)
    })?;
    Some(Candidate {
        label: commune.full_name.clone(),
        kind: "commune".to_owned(),
        geometry: None,
        lon: commune.label.map(|label| label[0]),
        lat: commune.label.map(|label| label[1]),
        accuracy_m: None,
        located_by: "admin_unit",
        commune_code: Some(commune.code.clone()),
        admin_unit: Some(commune.code.clone()),
        sector_id: None,
        chainage_km: None,
        source: Some((Collection::AdminUnits, commune.id)),
        road: None,
        said: None,
        named: true,
    })
}

/// The first candidate, unless another of the same name lies elsewhere: then a person must choose.
fn only_one(found: &[Candidate], text: &str) -> Result<Candidate, Problem> {
    let Some(first) = found.first() else { return Err(not_found(text)) };
    let elsewhere = |other: &&Candidate| {
        let same_name = first.named && other.named && fold(&other.label) == fold(&first.label);
        match (&first.geometry, &other.geometry) {
            (Some(Geometry::Point(a)), Some(Geometry::Point(b))) => {
                let apart = distance_m(a.x(), a.y(), b.x(), b.y());
                let blur = first.accuracy_m.unwrap_or(0.0) + other.accuracy_m.unwrap_or(0.0);
                let unnamed_road = first.kind == "road_km" && other.kind == "road_km";
                (same_name || unnamed_road) && apart > SAME_PLACE_M + blur
            }
            _ => false,
        }
    };
    let others: Vec<&Candidate> = found.iter().skip(1).filter(elsewhere).take(AMBIGUOUS_MAX).collect();
    if others.is_empty() {
        return Ok(first.clone());
    }
    let listed: Vec<Value> = std::iter::once(first)
        .chain(others)
        .map(|c| json!({"label": c.label, "lon": c.lon, "lat": c.lat, "commune_code": c.commune_code}))
        .collect();
    Err(Problem::new(
        Code::PlaceNotFound,
        format!("{text:?} là tên của nhiều nơi: hãy chọn một nơi"),
        format!("{text:?} is the name of several places: choose one"),
    )
    .at("/place/text")
    .with("candidates", listed))
}

fn not_found(text: &str) -> Problem {
    Problem::new(
        Code::PlaceNotFound,
        format!("không tìm thấy địa điểm {text:?}: hãy cho toạ độ, hoặc xã nếu chỉ biết xã"),
        format!("the place {text:?} is not known: give coordinates, or the commune if only that is known"),
    )
    .at("/place")
}

fn no_such_post(ground: &Ground, road_ref: &str) -> Problem {
    let ranges: Vec<String> = ground
        .roads(Some(road_ref))
        .filter_map(|road| road.route.km_range())
        .map(|(from, to)| format!("{}–{}", words::kilometre_post(from), words::kilometre_post(to)))
        .collect();
    if ranges.is_empty() {
        return not_found(road_ref);
    }
    Problem::new(
        Code::PlaceNotFound,
        format!("{road_ref} chỉ có cột cây số {}", ranges.join(", ")),
        format!("{road_ref} has kilometre posts {} only", ranges.join(", ")),
    )
    .at("/place/road_km")
}
