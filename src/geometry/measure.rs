//! Distances, bearings, lengths and areas on WGS 84.
//!
//! Longitudes and latitudes in degrees (longitude first), lengths in metres, bearings in degrees clockwise from
//! north. Edges are straight in lon/lat, so that the length of a line is the length of what RFC 7946 draws. An edge
//! from 179° to −179° runs the long way round: areas and lines over the date line are cut there, as RFC 7946 asks.
//!
//! Accuracy: points to the nanometre of geographiclib; nearest points, lengths and areas as their functions say.

use geo_types::{Coord, Geometry, LineString, Polygon};

use super::earth::{self, RADIUS_MAX_M, RADIUS_MIN_M};
use super::nearest::{central_angle_rad, full_circle};

pub use super::area::{ON_BOUNDARY_DEG, PreparedArea, Side, point_in_area};
pub use super::nearest::{NearPoints, Nearest, nearest_on, nearest_within};

/// Geodesic distance, metres. About 0.4 µs for places of one province.
#[must_use]
pub fn distance_m(from_lon: f64, from_lat: f64, to_lon: f64, to_lat: f64) -> f64 {
    earth::distance_m(Coord { x: from_lon, y: from_lat }, Coord { x: to_lon, y: to_lat })
}

/// Initial bearing of the geodesic, degrees clockwise from north, 0 ≤ b < 360; 0 between equal places.
#[must_use]
pub fn bearing_deg(from_lon: f64, from_lat: f64, to_lon: f64, to_lat: f64) -> f64 {
    let line = earth::inverse(Coord { x: from_lon, y: from_lat }, Coord { x: to_lon, y: to_lat });
    if line.distance_m > 0.0 { full_circle(line.azimuth_start_deg) } else { 0.0 }
}

/// Where one comes to over `distance_m` in the initial direction `bearing_deg`: `[lon, lat]`.
#[must_use]
pub fn destination(lon: f64, lat: f64, bearing_deg: f64, distance_m: f64) -> [f64; 2] {
    let to = earth::destination(Coord { x: lon, y: lat }, bearing_deg, distance_m);
    [to.x, to.y]
}

/// The greatest share by which [`approx_distance_m`] is off, either way.
pub const APPROX_ERROR_MAX: f64 = 0.005_04;

/// A distance for choosing candidates, metres: on a sphere whose radius makes the error the same both ways, at most
/// [`APPROX_ERROR_MAX`] of the true distance anywhere on Earth (proved by the least and greatest radius of
/// curvature). Costs a tenth of [`distance_m`].
#[must_use]
pub fn approx_distance_m(from_lon: f64, from_lat: f64, to_lon: f64, to_lat: f64) -> f64 {
    let radius_m = 2.0 * RADIUS_MIN_M * RADIUS_MAX_M / (RADIUS_MIN_M + RADIUS_MAX_M);
    let (from, to) = (Coord { x: from_lon, y: from_lat }, Coord { x: to_lon, y: to_lat });
    radius_m * central_angle_rad(from, from.y.to_radians().cos(), to)
}

/// One box in degrees, or two where the date line cuts it; each `[west, south, east, north]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DegreeBoxes {
    pub first: [f64; 4],
    pub second: Option<[f64; 4]>,
}

impl DegreeBoxes {
    /// The boxes, one or two.
    pub fn iter(&self) -> impl Iterator<Item = [f64; 4]> {
        std::iter::once(self.first).chain(self.second)
    }

    /// Whether the place lies in one of them, edges included.
    #[must_use]
    pub fn contains(&self, lon: f64, lat: f64) -> bool {
        self.iter().any(|b| lon >= b[0] && lat >= b[1] && lon <= b[2] && lat <= b[3])
    }
}

/// Boxes that hold every place within `radius_m`; at most one percent wider than needed (wider close to a pole).
#[must_use]
pub fn degree_box(lon: f64, lat: f64, radius_m: f64) -> DegreeBoxes {
    // On the smallest sphere every distance is an understatement, so the circle drawn there holds the true one.
    let angle = (radius_m.max(0.0) / RADIUS_MIN_M).min(std::f64::consts::PI) * (1.0 + 1e-9) + 1e-12;
    let (south, north) = (lat - angle.to_degrees(), lat + angle.to_degrees());
    if south <= -90.0 || north >= 90.0 {
        return DegreeBoxes { first: [-180.0, south.max(-90.0), 180.0, north.min(90.0)], second: None };
    }
    let half = (angle.sin() / lat.to_radians().cos()).clamp(0.0, 1.0).asin().to_degrees() * (1.0 + 1e-9);
    let (west, east) = (lon - half, lon + half);
    if west <= -180.0 {
        DegreeBoxes { first: [-180.0, south, east, north], second: Some([west + 360.0, south, 180.0, north]) }
    } else if east >= 180.0 {
        DegreeBoxes { first: [west, south, 180.0, north], second: Some([-180.0, south, east - 360.0, north]) }
    } else {
        DegreeBoxes { first: [west, south, east, north], second: None }
    }
}

/// Length of a line as drawn, metres, better than one part in 10⁹.
#[must_use]
pub fn length_m(line: &LineString) -> f64 {
    line.0.windows(2).map(|edge| earth::edge_length_m(edge[0], edge[1])).sum()
}

/// Area of a polygon without its holes, square metres, whichever way its rings run.
#[must_use]
pub fn area_m2(polygon: &Polygon) -> f64 {
    let ring_m2 = |ring: &LineString| {
        ring.0.windows(2).map(|edge| earth::area_under_edge_m2(edge[0], edge[1])).sum::<f64>().abs()
    };
    ring_m2(polygon.exterior()) - polygon.interiors().iter().map(ring_m2).sum::<f64>()
}

/// Metres of a line (or lines) inside an area, its boundary included. For many lines make a [`PreparedArea`] once.
#[must_use]
pub fn length_inside(line: &Geometry, area: &Geometry) -> f64 {
    PreparedArea::new(area).length_inside_m(line)
}

/// Edges longer than this are cut when two shapes are held against each other, degrees (about 5 km): then the
/// nearest pair lies at an end of one of the pieces to better than a centimetre.
const GAP_PIECE_DEG: f64 = 0.045;

/// Least distance between two geometries, metres; 0 where they touch. `None` where they are not nearer than
/// `limit_m`.
#[must_use]
pub fn gap_within(a: &Geometry, b: &Geometry, limit_m: f64) -> Option<f64> {
    if let Geometry::Point(point) = a {
        return nearest_within(b, point.x(), point.y(), limit_m).map(|near| near.distance_m);
    }
    if let Geometry::Point(point) = b {
        return nearest_within(a, point.x(), point.y(), limit_m).map(|near| near.distance_m);
    }
    if meet(a, b) {
        return Some(0.0);
    }
    let mut least: Option<f64> = None;
    for (from, to) in [(a, b), (b, a)] {
        for_each_stop(from, &mut |stop| {
            let limit = least.unwrap_or(limit_m);
            if let Some(near) = nearest_within(to, stop.x, stop.y, limit) {
                least = Some(near.distance_m);
            }
        });
    }
    least
}

fn meet(a: &Geometry, b: &Geometry) -> bool {
    use geo::Intersects;
    a.intersects(b)
}

/// Visits the vertices of a geometry, and stops between them along edges longer than [`GAP_PIECE_DEG`].
fn for_each_stop(geometry: &Geometry, visit: &mut impl FnMut(Coord)) {
    use geo::CoordsIter;
    use geo::LinesIter;
    let edges: Vec<geo_types::Line> = match geometry {
        Geometry::Line(line) => vec![*line],
        Geometry::LineString(line) => line.lines().collect(),
        Geometry::MultiLineString(lines) => lines.lines_iter().collect(),
        Geometry::Polygon(polygon) => polygon.lines_iter().collect(),
        Geometry::MultiPolygon(polygons) => polygons.lines_iter().collect(),
        Geometry::GeometryCollection(parts) => {
            for part in parts {
                for_each_stop(part, visit);
            }
            return;
        }
        other => {
            other.coords_iter().for_each(visit);
            return;
        }
    };
    for edge in edges {
        let longest = edge.dx().abs().max(edge.dy().abs());
        let pieces = (longest / GAP_PIECE_DEG).ceil().max(1.0);
        for piece in 0..=pieces as u32 {
            visit(earth::on_edge(edge.start, edge.end, f64::from(piece) / pieces));
        }
    }
}

#[cfg(test)]
#[path = "measure_tests.rs"]
mod tests;
