//! Turns what a caller sends into a geometry that every other room may trust.
//!
//! What comes out: the type that the collection takes, finite WGS 84 coordinates in range, no vertex twice in a row,
//! rings closed, simple and wound as RFC 7946 asks (outer rings counterclockwise), holes inside, parts apart. Third
//! coordinates are dropped; the first two are kept to the last bit. The number of vertices is checked before
//! anything that costs more than a glance at each.

use geo_types::{Coord, Geometry, LineString, MultiLineString, MultiPolygon, Point, Polygon};
use serde_json::Value;

use super::simple::{self, Fault, FaultKind};
use crate::domain::collection::GeometryKind;
use crate::domain::{Code, Problem};

/// Most vertices of a shape drawn or sent through the API.
pub const DRAWN_VERTICES_MAX: usize = 5_000;
/// Most vertices of a shape that comes in with an import.
pub const IMPORTED_VERTICES_MAX: usize = 1_000_000;

/// Reads a GeoJSON geometry object. `at` names its place in the input (`/geometry`).
///
/// # Errors
/// `invalid_geometry`, `too_many_vertices`, `coordinate_out_of_range`, `coordinates_swapped` or `self_intersection`,
/// each with the place of the fault (`/geometry/coordinates/0/17`). `null` is no geometry here.
pub fn from_geojson(value: &Value, kind: GeometryKind, vertices_max: usize, at: &str) -> Result<Geometry, Problem> {
    let name = value.get("type").and_then(Value::as_str).ok_or_else(|| not_a_geometry(at))?;
    let depth = depth_of(name).ok_or_else(|| not_a_geometry(at))?;
    if !names_of(kind).contains(&name) {
        return Err(wrong_type(name, kind, at));
    }
    let at = format!("{at}/coordinates");
    let coordinates = value.get("coordinates").ok_or_else(|| not_a_geometry(&at))?;
    check_count(count(coordinates, depth, vertices_max), vertices_max, &at)?;
    let shape = match name {
        "Point" => Shape::Point(read_position(coordinates, &at)?),
        "LineString" => Shape::Line(read_list(coordinates, &at, read_position)?),
        "MultiLineString" => Shape::Lines(read_list(coordinates, &at, read_path)?),
        "Polygon" => Shape::Area(read_list(coordinates, &at, read_path)?),
        _ => Shape::Areas(read_list(coordinates, &at, |part, at| read_list(part, at, read_path))?),
    };
    shape.checked(&at)
}

/// Checks and normalises a geometry read from elsewhere (WKB, a GeoPackage, converted VN-2000 coordinates).
///
/// # Errors
/// As [`from_geojson`].
pub fn check(geometry: Geometry, kind: GeometryKind, vertices_max: usize, at: &str) -> Result<Geometry, Problem> {
    use geo::CoordsIter;
    let name = name_of(&geometry);
    if !names_of(kind).contains(&name) {
        return Err(wrong_type(name, kind, at));
    }
    let at = format!("{at}/coordinates");
    check_count(geometry.coords_count(), vertices_max, &at)?;
    let rings = |polygon: Polygon| {
        let (exterior, interiors) = polygon.into_inner();
        std::iter::once(exterior).chain(interiors).map(|ring| ring.0).collect::<Vec<_>>()
    };
    let shape = match geometry {
        Geometry::Point(point) => Shape::Point(point.0),
        Geometry::LineString(line) => Shape::Line(line.0),
        Geometry::MultiLineString(lines) => Shape::Lines(lines.into_iter().map(|line| line.0).collect()),
        Geometry::Polygon(polygon) => Shape::Area(rings(polygon)),
        Geometry::MultiPolygon(polygons) => Shape::Areas(polygons.into_iter().map(rings).collect()),
        _ => return Err(wrong_type(name, kind, &at)),
    };
    shape.checked(&at)
}

/// Checks one position: finite, in range, not swapped.
///
/// # Errors
/// `coordinate_out_of_range` or `coordinates_swapped` (then `swapped` holds the pair the other way round).
pub fn check_position(lon: f64, lat: f64, at: &str) -> Result<(), Problem> {
    if (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat) {
        return Ok(());
    }
    if lon.abs() <= 90.0 && lat.abs() <= 180.0 {
        return Err(Problem::new(
            Code::CoordinatesSwapped,
            format!("vĩ độ {lat} ngoài ±90: có lẽ kinh độ và vĩ độ bị đảo; kinh độ viết trước: [{lat}, {lon}]"),
            format!("latitude {lat} is outside ±90: longitude and latitude look swapped; longitude comes first: [{lat}, {lon}]"),
        )
        .at(at)
        .with("swapped", vec![lat, lon]));
    }
    let metres = lon.is_finite() && lat.is_finite() && lon.abs().max(lat.abs()) > 1_000.0;
    let (hint_vi, hint_en) = if metres {
        (
            "; giống toạ độ mét: hãy nêu hệ toạ độ (ví dụ EPSG:9205)",
            "; these look like metres: name the coordinate system (for example EPSG:9205)",
        )
    } else {
        ("", "")
    };
    Err(Problem::new(
        Code::CoordinateOutOfRange,
        format!("toạ độ [{lon}, {lat}] ngoài phạm vi kinh độ ±180, vĩ độ ±90{hint_vi}"),
        format!("the position [{lon}, {lat}] is outside longitude ±180, latitude ±90{hint_en}"),
    )
    .at(at))
}

/// A geometry as sent, before any check.
enum Shape {
    Point(Coord),
    Line(Vec<Coord>),
    Lines(Vec<Vec<Coord>>),
    Area(Vec<Vec<Coord>>),
    Areas(Vec<Vec<Vec<Coord>>>),
}

impl Shape {
    fn checked(self, at: &str) -> Result<Geometry, Problem> {
        Ok(match self {
            Self::Point(position) => {
                check_position(position.x, position.y, at)?;
                Geometry::Point(Point::from(position))
            }
            Self::Line(line) => Geometry::LineString(checked_line(&line, at)?),
            Self::Lines(lines) => {
                not_empty(lines.len(), at)?;
                let lines: Result<Vec<_>, _> =
                    lines.iter().enumerate().map(|(i, line)| checked_line(line, &format!("{at}/{i}"))).collect();
                Geometry::MultiLineString(MultiLineString(lines?))
            }
            Self::Area(rings) => {
                let areas = [checked_rings(&rings, at)?];
                check_simple(&areas, |_| at.to_owned())?;
                let [area] = areas;
                Geometry::Polygon(wound(area))
            }
            Self::Areas(parts) => {
                not_empty(parts.len(), at)?;
                let areas: Result<Vec<_>, _> =
                    parts.iter().enumerate().map(|(i, rings)| checked_rings(rings, &format!("{at}/{i}"))).collect();
                let areas = areas?;
                check_simple(&areas, |part| format!("{at}/{part}"))?;
                Geometry::MultiPolygon(MultiPolygon(areas.into_iter().map(wound).collect()))
            }
        })
    }
}

/// A ring (or line) without repeated vertices, and where each of its vertices stood in the input.
struct Kept {
    coords: Vec<Coord>,
    origin: Vec<u32>,
}

fn kept(path: &[Coord], at: &str) -> Result<Kept, Problem> {
    let mut kept = Kept { coords: Vec::with_capacity(path.len()), origin: Vec::with_capacity(path.len()) };
    for (i, c) in path.iter().enumerate() {
        if !((-180.0..=180.0).contains(&c.x) && (-90.0..=90.0).contains(&c.y)) {
            check_position(c.x, c.y, &format!("{at}/{i}"))?;
        }
        if kept.coords.last() != Some(c) {
            kept.coords.push(*c);
            kept.origin.push(i as u32);
        }
    }
    Ok(kept)
}

fn checked_line(path: &[Coord], at: &str) -> Result<LineString, Problem> {
    let line = kept(path, at)?;
    if line.coords.len() < 2 {
        return Err(invalid(
            at,
            "một đường cần ít nhất hai điểm khác nhau",
            "a line needs at least two different points",
        ));
    }
    Ok(LineString(line.coords))
}

fn checked_rings(rings: &[Vec<Coord>], at: &str) -> Result<Vec<Kept>, Problem> {
    not_empty(rings.len(), at)?;
    rings.iter().enumerate().map(|(i, ring)| checked_ring(ring, &format!("{at}/{i}"))).collect()
}

fn checked_ring(path: &[Coord], at: &str) -> Result<Kept, Problem> {
    let ring = kept(path, at)?;
    if path.first() != path.last() {
        let last = path.len() - 1;
        return Err(invalid(
            &format!("{at}/{last}"),
            "vòng chưa khép: điểm cuối phải trùng điểm đầu",
            "the ring is not closed: its last point must equal its first",
        ));
    }
    if ring.coords.len() < 4 {
        return Err(invalid(
            at,
            "một vòng cần ít nhất ba điểm khác nhau và điểm khép",
            "a ring needs at least three different points and the closing one",
        ));
    }
    Ok(ring)
}

fn check_simple(areas: &[Vec<Kept>], at_part: impl Fn(usize) -> String) -> Result<(), Problem> {
    let rings: Vec<Vec<&[Coord]>> =
        areas.iter().map(|area| area.iter().map(|ring| ring.coords.as_slice()).collect()).collect();
    let Some(fault) = simple::find_fault(&rings) else { return Ok(()) };
    let Fault { part, ring, vertex, point, kind } = fault;
    let vertex = areas[part][ring].origin[vertex];
    let at = format!("{}/{ring}/{vertex}", at_part(part));
    let place = format!("{:.6}, {:.6}", point.x, point.y);
    let (code, vi, en) = match kind {
        FaultKind::SelfCrossing => (
            Code::SelfIntersection,
            format!("đường bao tự cắt hoặc tự chạm tại {place}"),
            format!("the boundary crosses or touches itself at {place}"),
        ),
        FaultKind::RingsCross => (
            Code::SelfIntersection,
            format!("hai đường bao cắt nhau hoặc chung cạnh tại {place}"),
            format!("two boundaries cross or share an edge at {place}"),
        ),
        FaultKind::HoleOutside => (
            Code::InvalidGeometry,
            format!("lỗ không nằm trong đường bao ngoài tại {place}"),
            format!("a hole lies outside its boundary at {place}"),
        ),
        FaultKind::HolesOverlap => (
            Code::InvalidGeometry,
            format!("hai lỗ chồng lên nhau tại {place}"),
            format!("two holes overlap at {place}"),
        ),
        FaultKind::PartsOverlap => (
            Code::InvalidGeometry,
            format!("hai phần của khu vực chồng lên nhau tại {place}"),
            format!("two parts of the area overlap at {place}"),
        ),
    };
    Err(Problem::new(code, vi, en).at(&at).with("crossing", vec![point.x, point.y]))
}

/// A polygon with its rings wound as RFC 7946 asks.
fn wound(rings: Vec<Kept>) -> Polygon {
    let mut rings = rings.into_iter().enumerate().map(|(i, ring)| {
        let mut coords = ring.coords;
        let first = coords[0];
        let twice_area: f64 = coords
            .windows(2)
            .map(|e| (e[0].x - first.x) * (e[1].y - first.y) - (e[1].x - first.x) * (e[0].y - first.y))
            .sum();
        if (twice_area < 0.0) == (i == 0) {
            coords.reverse();
        }
        LineString(coords)
    });
    let exterior = rings.next().unwrap_or_else(|| LineString(Vec::new()));
    Polygon::new(exterior, rings.collect())
}

/// Lists nested in a GeoJSON geometry of this type, positions included; `None` for what is no simple geometry.
fn depth_of(name: &str) -> Option<usize> {
    match name {
        "Point" => Some(1),
        "MultiPoint" | "LineString" => Some(2),
        "MultiLineString" | "Polygon" => Some(3),
        "MultiPolygon" => Some(4),
        "GeometryCollection" => Some(0),
        _ => None,
    }
}

fn names_of(kind: GeometryKind) -> &'static [&'static str] {
    match kind {
        GeometryKind::Point => &["Point"],
        GeometryKind::Line => &["LineString", "MultiLineString"],
        GeometryKind::Area => &["Polygon", "MultiPolygon"],
    }
}

fn name_of(geometry: &Geometry) -> &'static str {
    match geometry {
        Geometry::Point(_) => "Point",
        Geometry::LineString(_) => "LineString",
        Geometry::Polygon(_) => "Polygon",
        Geometry::MultiPoint(_) => "MultiPoint",
        Geometry::MultiLineString(_) => "MultiLineString",
        Geometry::MultiPolygon(_) => "MultiPolygon",
        Geometry::GeometryCollection(_) => "GeometryCollection",
        Geometry::Line(_) => "Line",
        Geometry::Rect(_) => "Rect",
        Geometry::Triangle(_) => "Triangle",
    }
}

/// Positions in nested lists, counted no further than one over the limit.
fn count(value: &Value, depth: usize, max: usize) -> usize {
    if depth <= 1 {
        return 1;
    }
    let Some(list) = value.as_array() else { return 0 };
    if depth == 2 {
        return list.len();
    }
    let mut total = 0;
    for inner in list {
        total += count(inner, depth - 1, max);
        if total > max {
            break;
        }
    }
    total
}

fn check_count(vertices: usize, max: usize, at: &str) -> Result<(), Problem> {
    if vertices <= max {
        return Ok(());
    }
    Err(Problem::new(
        Code::TooManyVertices,
        format!("hình có quá {max} điểm"),
        format!("the shape has more than {max} vertices"),
    )
    .at(at)
    .with("limit", max))
}

fn read_list<T>(value: &Value, at: &str, read: impl Fn(&Value, &str) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
    let list = value.as_array().ok_or_else(|| not_a_list(at))?;
    let mut items = Vec::with_capacity(list.len());
    let mut place = String::with_capacity(at.len() + 8);
    for (i, item) in list.iter().enumerate() {
        use std::fmt::Write as _;
        place.clear();
        // Writing to a String cannot fail.
        let _ = write!(place, "{at}/{i}");
        items.push(read(item, &place)?);
    }
    Ok(items)
}

fn read_path(value: &Value, at: &str) -> Result<Vec<Coord>, Problem> {
    read_list(value, at, read_position)
}

fn read_position(value: &Value, at: &str) -> Result<Coord, Problem> {
    let list = value.as_array().ok_or_else(|| not_a_list(at))?;
    let numbers = (list.first().and_then(Value::as_f64), list.get(1).and_then(Value::as_f64));
    match numbers {
        (Some(x), Some(y)) => Ok(Coord { x, y }),
        _ => {
            Err(invalid(at, "một vị trí là hai số [kinh độ, vĩ độ]", "a position is two numbers [longitude, latitude]"))
        }
    }
}

fn invalid(at: &str, vi: &str, en: &str) -> Problem {
    Problem::new(Code::InvalidGeometry, vi, en).at(at)
}

fn not_a_geometry(at: &str) -> Problem {
    invalid(at, "không phải hình học GeoJSON (type, coordinates)", "not a GeoJSON geometry (type, coordinates)")
}

fn not_a_list(at: &str) -> Problem {
    invalid(at, "toạ độ phải là một danh sách", "coordinates must be a list")
}

fn not_empty(len: usize, at: &str) -> Result<(), Problem> {
    if len == 0 { Err(invalid(at, "hình rỗng", "the shape is empty")) } else { Ok(()) }
}

fn wrong_type(name: &str, kind: GeometryKind, at: &str) -> Problem {
    let wanted = names_of(kind);
    invalid(
        &format!("{at}/type"),
        &format!("loại hình {name} không dùng được ở đây; cần {}", wanted.join(" hoặc ")),
        &format!("the geometry type {name} is not taken here; expected {}", wanted.join(" or ")),
    )
    .with("allowed", wanted.to_vec())
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
