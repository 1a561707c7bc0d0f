//! The ellipsoid: its radii, the geodesic between two points, the length of an edge that is straight in lon/lat.

use std::sync::LazyLock;

use geo_types::Coord;
use geographiclib_rs::{DirectGeodesic, Geodesic, InverseGeodesic};

/// Equatorial radius of WGS 84, metres.
pub(super) const EQUATOR_RADIUS_M: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_223_563;
/// Square of the first eccentricity.
const E2: f64 = FLATTENING * (2.0 - FLATTENING);
/// The least radius of curvature anywhere (along the meridian at the equator), metres, rounded down.
///
/// With geodetic latitudes taken as spherical ones, a path on the ellipsoid is never shorter than the same path on a
/// sphere of this radius, and never longer than on one of [`RADIUS_MAX_M`]: the two bounds that pruning rests on.
pub(super) const RADIUS_MIN_M: f64 = 6_335_439.3;
/// The greatest radius of curvature (at the poles), metres, rounded up.
pub(super) const RADIUS_MAX_M: f64 = 6_399_593.7;

static WGS84: LazyLock<Geodesic> = LazyLock::new(Geodesic::wgs84);

/// A geodesic between two points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inverse {
    pub distance_m: f64,
    /// Azimuths at the start and at the end (forward), degrees clockwise from north, −180..180.
    pub azimuth_start_deg: f64,
    pub azimuth_end_deg: f64,
}

/// The shortest path from `from` to `to`.
pub(super) fn inverse(from: Coord, to: Coord) -> Inverse {
    let (distance_m, azimuth_start_deg, azimuth_end_deg, _): (f64, f64, f64, f64) =
        WGS84.inverse(from.y, from.x, to.y, to.x);
    Inverse { distance_m, azimuth_start_deg, azimuth_end_deg }
}

/// The length of the shortest path, metres.
pub(super) fn distance_m(from: Coord, to: Coord) -> f64 {
    WGS84.inverse(from.y, from.x, to.y, to.x)
}

/// The point `distance_m` away in direction `bearing_deg`; longitude within −180..180.
pub(super) fn destination(from: Coord, bearing_deg: f64, distance_m: f64) -> Coord {
    let (lat, lon): (f64, f64) = WGS84.direct(from.y, from.x, bearing_deg, distance_m);
    Coord { x: lon, y: lat }
}

/// Radii of curvature at a latitude, metres: along the meridian, and across it times the cosine of the latitude
/// (metres for one radian of latitude and of longitude).
pub(super) fn radii_m(lat_deg: f64) -> (f64, f64) {
    let (sin, cos) = lat_deg.to_radians().sin_cos();
    let w2 = 1.0 - E2 * sin * sin;
    let across = EQUATOR_RADIUS_M / w2.sqrt();
    (across * (1.0 - E2) / w2, across * cos)
}

/// Radius of curvature across the meridian over that along it: 1 at the poles, 1.0067 at the equator.
pub(super) fn stretch_at(lat_deg: f64) -> f64 {
    let sin = lat_deg.min(90.0).to_radians().sin();
    (1.0 - E2 * sin * sin) / (1.0 - E2)
}

/// Nodes and weights of five-point Gauss–Legendre integration over 0..1.
const GAUSS: [(f64, f64); 5] = [
    (0.046_910_077_030_668_0, 0.118_463_442_528_094_54),
    (0.230_765_344_947_158_45, 0.239_314_335_249_683_24),
    (0.5, 0.284_444_444_444_444_44),
    (0.769_234_655_052_841_6, 0.239_314_335_249_683_24),
    (0.953_089_922_969_332, 0.118_463_442_528_094_54),
];

/// The longest edge that five points integrate to better than 1e-10 of its length, degrees.
const INTEGRATED_DEG_MAX: f64 = 1.0;

fn integrate(a: Coord, b: Coord, of: impl Fn(f64, f64) -> f64) -> f64 {
    let longest = (b.x - a.x).abs().max((b.y - a.y).abs());
    let pieces = (longest / INTEGRATED_DEG_MAX).ceil().clamp(1.0, 720.0);
    let (dx, dy) = ((b.x - a.x) / pieces, (b.y - a.y) / pieces);
    let mut sum = 0.0;
    for piece in 0..pieces as u32 {
        let start = a.y + dy * f64::from(piece);
        sum += GAUSS.iter().map(|(node, weight)| weight * of(start + dy * node, dx)).sum::<f64>();
    }
    sum
}

/// Length of the edge from `a` to `b` that is straight in lon/lat, metres.
///
/// This is the length on the ground of the curve that RFC 7946 draws, not of the geodesic between its ends: along
/// 100 km of a parallel at 22° they differ by 0.2 m.
pub(super) fn edge_length_m(a: Coord, b: Coord) -> f64 {
    let longest = (b.x - a.x).abs().max((b.y - a.y).abs());
    let pieces = (longest / INTEGRATED_DEG_MAX).ceil().clamp(1.0, 720.0);
    let dlat = ((b.y - a.y) / pieces).to_radians();
    integrate(a, b, |lat, dlon| {
        let (along, across) = radii_m(lat);
        (along * dlat).hypot(across * dlon.to_radians())
    })
}

/// Area between the edge and the equator, counted along the change of longitude, square metres. Summed over a ring
/// it is the ring's area: positive when the ring runs clockwise.
pub(super) fn area_under_edge_m2(a: Coord, b: Coord) -> f64 {
    integrate(a, b, |lat, dlon| zone_area_m2(lat) * dlon.to_radians())
}

/// Area from the equator to a latitude over one radian of longitude, square metres.
fn zone_area_m2(lat_deg: f64) -> f64 {
    let sin = lat_deg.to_radians().sin();
    let e = E2.sqrt();
    let polar_radius = EQUATOR_RADIUS_M * (1.0 - FLATTENING);
    polar_radius * polar_radius / 2.0 * (sin / (1.0 - E2 * sin * sin) + (e * sin).atanh() / e)
}

/// The point of the edge a share `t` (0..1) of the way in lon/lat.
pub(super) fn on_edge(a: Coord, b: Coord, t: f64) -> Coord {
    // Written so that both ends come out exactly.
    if t <= 0.0 {
        a
    } else if t >= 1.0 {
        b
    } else {
        Coord { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t }
    }
}

/// Difference of two longitudes, brought within −180..180 degrees.
pub(super) fn lon_difference_deg(from: f64, to: f64) -> f64 {
    let raw = to - from;
    if raw > 180.0 {
        raw - 360.0
    } else if raw < -180.0 {
        raw + 360.0
    } else {
        raw
    }
}
