//! MGRS, the grid of letters and digits that soldiers read over the radio (48Q UK 41235 77518).
//!
//! UTM area only (80° south to 84° north). A reference names a square, not a point: encoding cuts digits off as the
//! standard asks, decoding gives the middle of the square and its size.

use super::earth::EQUATOR_RADIUS_M;
use super::validate::check_position;
use crate::domain::{Code, Problem};

/// Third flattening of WGS 84.
const N: f64 = 0.001_679_220_386_383_7;
const SCALE: f64 = 0.9996;
const SQUARE_M: f64 = 100_000.0;
/// Northings repeat after twenty squares.
const CYCLE_M: f64 = 2_000_000.0;
const BANDS: &[u8; 20] = b"CDEFGHJKLMNPQRSTUVWX";
const COLUMNS: [&[u8; 8]; 3] = [b"STUVWXYZ", b"ABCDEFGH", b"JKLMNPQR"];
const ROWS: &[u8; 20] = b"ABCDEFGHJKLMNPQRSTUV";

/// A square of the grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Square {
    /// Its middle, degrees.
    pub lon: f64,
    pub lat: f64,
    /// Length of its side, metres: 1 for ten digits, 100 000 for none.
    pub side_m: f64,
}

/// The reference of a place, `digits` (0 to 5) for easting and northing each, without spaces.
///
/// # Errors
/// `coordinate_out_of_range` outside 80° south to 84° north, or outside the Earth.
pub fn encode(lon: f64, lat: f64, digits: usize) -> Result<String, Problem> {
    check_position(lon, lat, "")?;
    let band = band_of(lat).ok_or_else(|| {
        Problem::new(
            Code::CoordinateOutOfRange,
            "MGRS ở đây chỉ dùng từ 80° Nam đến 84° Bắc",
            "MGRS is used here only from 80° south to 84° north",
        )
    })?;
    let zone = zone_of(lon, lat, band);
    let (easting, northing) = to_utm(lon, lat, zone);
    let column = COLUMNS[zone as usize % 3][((easting / SQUARE_M) as usize - 1).min(7)];
    let row = ROWS[((northing / SQUARE_M) as usize + row_shift(zone)) % 20];
    let digits = digits.min(5);
    let side = 10f64.powi(5 - digits as i32);
    let (e, n) = ((easting % SQUARE_M / side) as u32, (northing % SQUARE_M / side) as u32);
    let square = format!("{zone:02}{}{}{}", band as char, column as char, row as char);
    Ok(if digits == 0 { square } else { format!("{square}{e:0digits$}{n:0digits$}") })
}

/// The square that a reference names; case and spaces do not matter.
///
/// # Errors
/// `invalid_value` that says which part is wrong.
pub fn decode(text: &str) -> Result<Square, Problem> {
    let plain: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).map(|b| b.to_ascii_uppercase()).collect();
    let zone_digits = plain.iter().take_while(|b| b.is_ascii_digit()).count();
    let (zone_text, rest) = plain.split_at(zone_digits);
    let zone: u32 = std::str::from_utf8(zone_text).ok().and_then(|z| z.parse().ok()).unwrap_or(0);
    if zone_digits == 0 || zone_digits > 2 || !(1..=60).contains(&zone) {
        return Err(refused(text, "cần số múi 1–60 ở đầu", "it must begin with a zone from 1 to 60"));
    }
    let [band, column, row, digits @ ..] = rest else {
        return Err(refused(text, "thiếu ba chữ cái sau số múi", "three letters must follow the zone"));
    };
    let band_index = BANDS.iter().position(|b| b == band).ok_or_else(|| {
        refused(text, "chữ vĩ độ phải từ C đến X, không có I và O", "the band letter must be C to X without I and O")
    })?;
    if *band == b'X' && matches!(zone, 32 | 34 | 36) {
        return Err(refused(text, "múi này không có ở dải X", "this zone does not exist in band X"));
    }
    let column = COLUMNS[zone as usize % 3].iter().position(|c| c == column).ok_or_else(|| {
        refused(text, "chữ cột không có trong múi này", "the column letter does not exist in this zone")
    })?;
    let row = ROWS.iter().position(|r| r == row).ok_or_else(|| {
        refused(text, "chữ hàng phải từ A đến V, không có I và O", "the row letter must be A to V without I and O")
    })?;
    if digits.len() % 2 != 0 || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(refused(
            text,
            "sau ba chữ cái cần số chữ số chẵn, nhiều nhất 10",
            "an even number of digits, at most ten, must follow the letters",
        ));
    }
    let half = digits.len() / 2;
    let side_m = 10f64.powi(5 - half as i32);
    let number = |part: &[u8]| part.iter().fold(0.0, |sum, b| sum * 10.0 + f64::from(b - b'0')) * side_m;
    let easting = (column + 1) as f64 * SQUARE_M + number(&digits[..half]) + side_m / 2.0;
    let row_m = ((row + 20 - row_shift(zone)) % 20) as f64 * SQUARE_M + number(&digits[half..]) + side_m / 2.0;
    let (lon, lat) = in_band(zone, band_index, easting, row_m, side_m).ok_or_else(|| {
        refused(text, "ô vuông không nằm trong dải vĩ độ này", "the square does not lie in this band of latitude")
    })?;
    Ok(Square { lon, lat, side_m })
}

/// The one of the repeated squares that lies in the band (or reaches into it).
fn in_band(zone: u32, band: usize, easting: f64, row_m: f64, side_m: f64) -> Option<(f64, f64)> {
    let south = band as f64 * 8.0 - 80.0;
    let north = if band == 19 { 84.0 } else { south + 8.0 };
    let reach = side_m / 2.0 / 110_000.0 + 1e-6;
    (0..5).find_map(|cycle| {
        let northing = row_m + f64::from(cycle) * CYCLE_M;
        let (lon, lat) = from_utm(easting, northing, zone, south < 0.0);
        (lat >= south - reach && lat <= north + reach).then_some((lon, lat.clamp(-90.0, 90.0)))
    })
}

fn refused(text: &str, vi: &str, en: &str) -> Problem {
    let shown: String = text.chars().take(40).collect();
    Problem::new(
        Code::InvalidValue,
        format!("{shown:?} không phải toạ độ MGRS: {vi}"),
        format!("{shown:?} is not an MGRS reference: {en}"),
    )
}

fn band_of(lat: f64) -> Option<u8> {
    (-80.0..=84.0).contains(&lat).then(|| BANDS[(((lat + 80.0) / 8.0) as usize).min(19)])
}

/// Rows of even zones begin at F.
fn row_shift(zone: u32) -> usize {
    if zone.is_multiple_of(2) { 5 } else { 0 }
}

/// The zone, with the wider ones of south-west Norway and Svalbard.
fn zone_of(lon: f64, lat: f64, band: u8) -> u32 {
    let lon = if lon >= 180.0 { lon - 360.0 } else { lon };
    let zone = ((lon + 180.0) / 6.0) as u32 + 1;
    match band {
        b'V' if (3.0..12.0).contains(&lon) => 32,
        b'X' if (0.0..42.0).contains(&lon) && lat >= 72.0 => match lon {
            l if l < 9.0 => 31,
            l if l < 21.0 => 33,
            l if l < 33.0 => 35,
            _ => 37,
        },
        _ => zone,
    }
}

fn meridian(zone: u32) -> f64 {
    f64::from(zone) * 6.0 - 183.0
}

/// Radius of the sphere whose great circles are as long as a meridian, times the scale on the middle meridian.
fn radius() -> f64 {
    SCALE * EQUATOR_RADIUS_M / (1.0 + N) * (1.0 + N * N / 4.0 + N.powi(4) / 64.0)
}

/// Krüger's series to the fourth order of the third flattening: better than a micrometre within a zone.
fn forward_terms() -> [f64; 4] {
    let (n, n2, n3, n4) = (N, N * N, N.powi(3), N.powi(4));
    [
        n / 2.0 - 2.0 / 3.0 * n2 + 5.0 / 16.0 * n3 + 41.0 / 180.0 * n4,
        13.0 / 48.0 * n2 - 3.0 / 5.0 * n3 + 557.0 / 1_440.0 * n4,
        61.0 / 240.0 * n3 - 103.0 / 140.0 * n4,
        49_561.0 / 161_280.0 * n4,
    ]
}

fn inverse_terms() -> [f64; 4] {
    let (n, n2, n3, n4) = (N, N * N, N.powi(3), N.powi(4));
    [
        n / 2.0 - 2.0 / 3.0 * n2 + 37.0 / 96.0 * n3 - n4 / 360.0,
        n2 / 48.0 + n3 / 15.0 - 437.0 / 1_440.0 * n4,
        17.0 / 480.0 * n3 - 37.0 / 840.0 * n4,
        4_397.0 / 161_280.0 * n4,
    ]
}

/// Easting and northing (with the false northing in the south), metres.
fn to_utm(lon: f64, lat: f64, zone: u32) -> (f64, f64) {
    let e = eccentricity();
    let dlon = (lon - meridian(zone)).to_radians();
    let dlon = (dlon + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU) - std::f64::consts::PI;
    let sin = lat.to_radians().sin();
    // Tangent of the conformal latitude: the place on a sphere that keeps angles.
    let t = (sin.atanh() - e * (e * sin).atanh()).sinh();
    let (xi, eta) = (t.atan2(dlon.cos()), (dlon.sin() / (1.0 + t * t).sqrt()).atanh());
    let (mut x, mut y) = (eta, xi);
    for (j, term) in forward_terms().iter().enumerate() {
        let k = 2.0 * (j + 1) as f64;
        x += term * (k * xi).cos() * (k * eta).sinh();
        y += term * (k * xi).sin() * (k * eta).cosh();
    }
    let northing = radius() * y;
    (500_000.0 + radius() * x, if lat < 0.0 { northing + 10_000_000.0 } else { northing })
}

fn from_utm(easting: f64, northing: f64, zone: u32, south: bool) -> (f64, f64) {
    let e = eccentricity();
    let northing = if south { northing - 10_000_000.0 } else { northing };
    let (eta, xi) = ((easting - 500_000.0) / radius(), northing / radius());
    let (mut eta_sphere, mut xi_sphere) = (eta, xi);
    for (j, term) in inverse_terms().iter().enumerate() {
        let k = 2.0 * (j + 1) as f64;
        eta_sphere -= term * (k * xi).cos() * (k * eta).sinh();
        xi_sphere -= term * (k * xi).sin() * (k * eta).cosh();
    }
    let sin_conformal = xi_sphere.sin() / eta_sphere.cosh();
    let psi = sin_conformal.atanh();
    // Geodetic from conformal latitude: a fixed point that gains three digits a round.
    let mut sin = sin_conformal;
    for _ in 0..8 {
        sin = (psi + e * (e * sin).atanh()).tanh();
    }
    let lon = meridian(zone) + eta_sphere.sinh().atan2(xi_sphere.cos()).to_degrees();
    let lon = if lon > 180.0 {
        lon - 360.0
    } else if lon < -180.0 {
        lon + 360.0
    } else {
        lon
    };
    (lon, sin.clamp(-1.0, 1.0).asin().to_degrees())
}

fn eccentricity() -> f64 {
    // f = 2n / (1 + n), e² = f (2 − f).
    2.0 * N.sqrt() / (1.0 + N)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::measure::distance_m;

    /// (lon, lat, reference, lon and lat of the square's middle) as the Python package mgrs 1.6.0 (GEOTRANS) gives them.
    const REFERENCES: [(f64, f64, &str, f64, f64); 20] = [
        (103.4577, 22.3964, "48QUK4123577518", 103.457_704_639_985_66, 22.396_402_388_409_97),
        (103.0, 22.0, "48QTK9352734177", 102.999_995_704_638_75, 22.000_001_988_051_526),
        (102.0, 21.9, "48QSK9001724787", 101.999_996_085_669_2, 21.900_002_209_889_64),
        (101.9999, 22.3, "47QRE0909769105", 101.999_895_646_639_06, 22.299_997_293_010_424),
        (103.2275, 22.5631, "48QUK1775196238", 103.227_499_985_833_82, 22.563_101_975_390_12),
        (105.8342, 21.0278, "48QWJ8668325450", 105.834_198_618_775_83, 21.027_797_423_953_285),
        (-73.9857, 40.7484, "18TWL8562811322", -73.985_698_916_085_75, 40.748_400_463_450_345),
        (151.2153, -33.8568, "56HLH3490052288", 151.215_299_199_954_67, -33.856_802_268_822_68),
        (0.0, 0.0, "31NAA6602100000", 5.108_150_623_137_938e-7, 4.517_415_511_511_379e-6),
        (-0.0001, -0.0001, "30MZE3396799988", -9.922_864_770_518_501e-5, -0.000_103_900_566_315_426_7),
        (5.5, 60.2, "32VLM0601878828", 5.499_996_384_550_586, 60.199_996_998_720_15),
        (3.5, 61.0, "32VKN0277075278", 3.500_003_523_959_868_4, 60.999_997_461_825_27),
        (10.0, 78.5, "33XUH8884818926", 10.000_002_727_779_25, 78.499_998_834_793_13),
        (25.0, 79.2, "35XMH5817093013", 24.999_981_843_531_2, 79.200_004_298_663_49),
        (40.0, 72.5, "37XEA3356144984", 39.999_986_165_209_64, 72.500_003_861_270_94),
        (179.9999, -16.5, "60KZG2027773373", 179.999_902_337_100_9, -16.499_997_292_276_927),
        (-179.9999, -16.5, "01KAB7972273373", -179.999_902_337_100_9, -16.499_997_292_276_927),
        (20.0, 83.9, "33XWP5924519502", 19.999_983_034_786_084, 83.900_002_235_272_18),
        (20.0, -79.9, "34CDS8042329407", 20.000_005_684_877_745, -79.899_999_861_523_74),
        (103.5, 0.0001, "48NUF3306800011", 103.500_001_284_562_12, 0.000_104_008_213_709_042_4),
    ];

    #[test]
    fn references_agree_with_geotrans_both_ways() {
        for (lon, lat, reference, middle_lon, middle_lat) in REFERENCES {
            assert_eq!(encode(lon, lat, 5).unwrap(), reference);
            let square = decode(reference).unwrap();
            let off = distance_m(square.lon, square.lat, middle_lon, middle_lat);
            assert!(off < 0.001 && square.side_m == 1.0, "{reference}: {off} m");
        }
    }

    #[test]
    fn fewer_digits_name_larger_squares_and_spaces_do_not_matter() {
        assert_eq!(encode(103.4577, 22.3964, 2).unwrap(), "48QUK4177");
        assert_eq!(encode(103.4577, 22.3964, 0).unwrap(), "48QUK");
        let square = decode(" 48q uk 412 775 ").unwrap();
        assert_eq!(square.side_m, 100.0);
        assert!(distance_m(square.lon, square.lat, 103.4577, 22.3964) < 71.0);
        assert_eq!(decode("48QUK").unwrap().side_m, 100_000.0);
        assert_eq!(decode("1KAB7972273373").unwrap(), decode("01KAB7972273373").unwrap());
    }

    #[test]
    fn bad_references_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", "zone"),
            ("61QUK4123577518", "zone"),
            ("480QUK4123577518", "zone"),
            ("QUK4123577518", "zone"),
            ("48Q", "three letters"),
            ("48IUK4123577518", "band"),
            ("48YUK4123577518", "band"),
            ("48QAK4123577518", "column"),
            ("48QUZ4123577518", "row"),
            ("48QUK412357751", "even"),
            ("48QUK412357751800", "even"),
            ("48QUK4123A77518", "even"),
            ("48QUA4123577518", "does not lie"),
            ("32XLM0601878828", "band X"),
            ("48QUĐ4123577518", "row"),
        ] {
            let problem = decode(text).unwrap_err();
            assert!(problem.code == Code::InvalidValue && problem.detail_en.contains(reason), "{text}: {problem}");
        }
        assert_eq!(encode(103.0, 84.1, 5).unwrap_err().code, Code::CoordinateOutOfRange);
        assert_eq!(encode(22.0, 103.0, 5).unwrap_err().code, Code::CoordinatesSwapped);
    }

    proptest! {
        #[test]
        fn a_place_lies_in_the_square_that_its_reference_names(lon in -180.0..180.0f64, lat in -80.0..84.0f64, digits in 0usize..6) {
            let square = decode(&encode(lon, lat, digits).unwrap()).unwrap();
            let off = distance_m(lon, lat, square.lon, square.lat);
            prop_assert!(off <= square.side_m * 0.7111, "{off} m in a square of {}", square.side_m);
        }
    }
}
