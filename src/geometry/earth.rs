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

/// Differences of latitude and longitude up to which [`Start::short`] is used, degrees (5.6 km along the meridian), and how
/// near the poles.
const SHORT_DEG: f64 = 0.05;
const SHORT_LAT_MAX_DEG: f64 = 85.0;

/// The shortest path between two places a few kilometres apart; its directions as east and north, of any length.
struct Short {
    distance_m: f64,
    start: (f64, f64),
    end: (f64, f64),
}

/// Where paths begin, with what of it every path needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    at: Coord,
    sin: f64,
    cos: f64,
    /// 1 − e² sin².
    w2: f64,
    /// Radius of curvature across the meridian, metres.
    across: f64,
}

/// Sine and cosine of a small angle (up to 0.001 radians), exact to the last bit but one, from the first terms of
/// their series.
fn small_sin_cos(angle: f64) -> (f64, f64) {
    let square = angle * angle;
    (angle * (1.0 - square / 6.0 * (1.0 - square / 20.0)), 1.0 - square / 2.0 * (1.0 - square / 12.0))
}

impl Start {
    pub fn new(at: Coord) -> Self {
        let (sin, cos) = at.y.to_radians().sin_cos();
        let w2 = 1.0 - E2 * sin * sin;
        Self { at, sin, cos, w2, across: EQUATOR_RADIUS_M / w2.sqrt() }
    }

    /// The shortest path to a place a few kilometres away, from the chord between them; ten times as fast as the
    /// series, and `nearby` asks for ten of them an answer. `None` beyond that.
    ///
    /// A geodesic is longer than its chord c by c³/24R² + 3c⁵/640R⁴ with R the radius of curvature in its direction.
    /// What is neglected (the change of R along the way, the twist between the normals at the two ends) stays below
    /// 1e-7 m and 1e-7 degrees here; the test holds it to the series.
    fn short(&self, to: Coord) -> Option<Short> {
        let Self { at, sin, cos, w2, across } = *self;
        let (dlon_deg, dlat_deg) = (lon_difference_deg(at.x, to.x), to.y - at.y);
        let near = dlat_deg.abs() <= SHORT_DEG && dlon_deg.abs() <= SHORT_DEG;
        if !near || at.y.abs() > SHORT_LAT_MAX_DEG {
            return None;
        }
        let (sin_dlat, cos_dlat) = small_sin_cos(dlat_deg.to_radians());
        let (sin_to, cos_to) = (sin * cos_dlat + cos * sin_dlat, cos * cos_dlat - sin * sin_dlat);
        let (sin_dlon, cos_dlon) = small_sin_cos(dlon_deg.to_radians());
        let across_to = EQUATOR_RADIUS_M / (1.0 - E2 * sin_to * sin_to).sqrt();
        // From one to the other in the frame whose x axis lies in the start's meridian.
        let x = across_to * cos_to * cos_dlon - across * cos;
        let y = across_to * cos_to * sin_dlon;
        let z = (1.0 - E2) * (across_to * sin_to - across * sin);
        let chord2 = x * x + y * y + z * z;
        if chord2 == 0.0 {
            return Some(Short { distance_m: 0.0, start: (0.0, 1.0), end: (0.0, 1.0) });
        }
        let north = cos * z - sin * x;
        let north_to = cos_to * z - sin_to * (cos_dlon * x + sin_dlon * y);
        let east_to = cos_dlon * y - sin_dlon * x;
        let level2 = y * y + north * north;
        let curvature = (north * north * w2 / (1.0 - E2) + y * y) / (level2 * across);
        let bend = chord2 * curvature * curvature;
        Some(Short {
            distance_m: chord2.sqrt() * (1.0 + bend / 24.0 + 3.0 * bend * bend / 640.0),
            start: (y, north),
            end: (east_to, north_to),
        })
    }

    /// Length of the shortest path, metres, and its azimuth at the start, degrees clockwise from north, −180..180.
    pub fn toward(&self, to: Coord) -> (f64, f64) {
        match self.short(to) {
            Some(short) => (short.distance_m, azimuth_deg(short.start)),
            None => {
                let Inverse { distance_m, azimuth_start_deg, .. } = inverse(self.at, to);
                (distance_m, azimuth_start_deg)
            }
        }
    }
}

/// The shortest path from `from` to `to`.
pub(super) fn inverse(from: Coord, to: Coord) -> Inverse {
    if let Some(Short { distance_m, start, end }) = Start::new(from).short(to) {
        return Inverse { distance_m, azimuth_start_deg: azimuth_deg(start), azimuth_end_deg: azimuth_deg(end) };
    }
    let (distance_m, azimuth_start_deg, azimuth_end_deg, _): (f64, f64, f64, f64) =
        WGS84.inverse(from.y, from.x, to.y, to.x);
    Inverse { distance_m, azimuth_start_deg, azimuth_end_deg }
}

fn azimuth_deg((east, north): (f64, f64)) -> f64 {
    east.atan2(north).to_degrees()
}

/// The length of the shortest path, metres.
pub(super) fn distance_m(from: Coord, to: Coord) -> f64 {
    if let Some(short) = Start::new(from).short(to) {
        return short.distance_m;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_short_way_is_the_series(
            lat in -SHORT_LAT_MAX_DEG..SHORT_LAT_MAX_DEG, lon in -180.0..180.0_f64,
            dlat in -SHORT_DEG..SHORT_DEG, dlon in -SHORT_DEG..SHORT_DEG, scale in 0..6_i32,
        ) {
            let shrink = 10_f64.powi(-scale);
            let (from, to) = (Coord { x: lon, y: lat }, Coord { x: lon + dlon * shrink, y: lat + dlat * shrink });
            let short = Start::new(from).short(to).unwrap();
            let (m, start, end, _): (f64, f64, f64, f64) = WGS84.inverse(from.y, from.x, to.y, to.x);
            prop_assert!((short.distance_m - m).abs() < 1e-7, "{} {m}", short.distance_m);
            // Where the ends lie close together their rounding turns the azimuth, in the series as well.
            let azimuth_off = 1e-7 + (1e-8 / m).to_degrees();
            for (ours, theirs) in [(azimuth_deg(short.start), start), (azimuth_deg(short.end), end)] {
                prop_assert!(lon_difference_deg(ours, theirs).abs() < azimuth_off, "{ours} {theirs} over {m} m");
            }
        }
    }

    #[test]
    fn a_place_is_no_way_from_itself() {
        let at = Coord { x: 103.2, y: 22.4 };
        assert_eq!(distance_m(at, at), 0.0);
        assert_eq!(distance_m(Coord { x: 180.0, y: 10.0 }, Coord { x: -180.0, y: 10.0 }), 0.0);
    }
}
