//! Reads a place as people type or say it: coordinates, grids, kilometre posts, bearings from a named place.
//!
//! Pure text: what a name means is asked of the picture by the desk. Every reading keeps how exact the words were.

mod angles;
mod bearing;
mod grids;
mod road;

use super::{Code, Problem};

/// Longest text that is read, characters.
pub const TEXT_CHARS_MAX: usize = 200;

/// One way to read a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// WGS 84 degrees; `accuracy_m` is half the last digit given.
    Point { lon: f64, lat: f64, accuracy_m: f64 },
    /// Metres in a VN-2000 zone; the province's own zone if `epsg` is `None`.
    Vn2000 { epsg: Option<u32>, easting: f64, northing: f64 },
    /// Letters and digits without spaces, in capitals.
    Mgrs(String),
    /// A kilometre post; any road if `road_ref` is `None`. `accuracy_m` is how finely it was told.
    RoadKm { road_ref: Option<String>, road_km: f64, accuracy_m: f64 },
    /// Metres from a named place, in a direction if one was told.
    Away { from: String, bearing_deg: Option<f64>, distance_m: f64 },
    /// A name.
    Name(String),
}

/// The readings of a text, likeliest first. What is plainly coordinates is read as nothing else.
///
/// # Errors
/// `limit_exceeded` for an overlong text, `coordinates_swapped` or `coordinate_out_of_range` for coordinates that
/// are none.
pub fn read(text: &str) -> Result<Vec<Reading>, Problem> {
    let text = text.trim();
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("địa điểm dài quá {TEXT_CHARS_MAX} ký tự"),
            format!("the place is longer than {TEXT_CHARS_MAX} characters"),
        ));
    }
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(reading) = grids::mgrs(text).or_else(|| grids::vn2000(text)) {
        return Ok(vec![reading]);
    }
    let points = angles::read(text)?;
    if !points.is_empty() {
        return Ok(points);
    }
    if let Some(reading) = road::read(text) {
        return Ok(vec![reading]);
    }
    let name = Reading::Name(text.to_owned());
    Ok(bearing::read(text).map_or_else(|| vec![name.clone()], |away| vec![away, name.clone()]))
}

/// `46`, `46.3` or `46,3`; nothing else.
fn number(text: &str) -> Option<f64> {
    let digits_or_point = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
    if text.is_empty() || !text.starts_with(|c: char| c.is_ascii_digit()) || !text.chars().all(digits_or_point) {
        return None;
    }
    text.replace(',', ".").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Reading {
        read(text).unwrap().into_iter().next().unwrap()
    }

    #[track_caller]
    fn is_point(text: &str, lon: f64, lat: f64, accuracy: f64) {
        let Reading::Point { lon: x, lat: y, accuracy_m } = one(text) else { panic!("{text}: {:?}", one(text)) };
        assert!((x - lon).abs() < 1e-6 && (y - lat).abs() < 1e-6, "{text}: {x} {y}");
        assert!((accuracy_m / accuracy - 1.0).abs() < 0.2, "{text}: ±{accuracy_m} m");
    }

    #[test]
    fn decimal_degrees_in_either_order() {
        is_point("22.4150, 103.1230", 103.123, 22.415, 5.6);
        is_point("103.1230 22.4150", 103.123, 22.415, 5.6);
        is_point("22,4150; 103,1230", 103.123, 22.415, 5.6);
        is_point("22,4150 103,1230", 103.123, 22.415, 5.6);
        is_point("lat 22.41 lon 103.12", 103.12, 22.41, 556.0);
        is_point("22.4150N 103.1230E", 103.123, 22.415, 5.6);
        is_point("22.4150°B, 103.1230°Đ", 103.123, 22.415, 5.6);
        is_point("-33.45, 151.2", 151.2, -33.45, 5560.0);
    }

    #[test]
    fn degrees_minutes_seconds() {
        is_point("22°24'15\"N 103°06'30\"E", 103.0 + 6.5 / 60.0, 22.0 + 24.25 / 60.0, 15.4);
        is_point("22°24′15.5″ B, 103°06′30.0″ Đ", 103.0 + 6.5 / 60.0, 22.404_305_6, 1.54);
        is_point("22 24 15 N 103 06 30 E", 103.0 + 6.5 / 60.0, 22.0 + 24.25 / 60.0, 15.4);
        is_point("22°24.25' 103°6.5'", 103.0 + 6.5 / 60.0, 22.0 + 24.25 / 60.0, 92.0);
    }

    #[test]
    fn an_order_that_cannot_be_told_gives_both() {
        let readings = read("21.5 20.25").unwrap();
        assert_eq!(readings.len(), 2);
        assert!(matches!(readings[0], Reading::Point { lon, .. } if lon == 20.25));
    }

    #[test]
    fn impossible_coordinates_are_refused() {
        assert_eq!(read("103.1N 22.4E").unwrap_err().code, Code::CoordinatesSwapped);
        assert_eq!(read("lat 103.1 lon 22.4").unwrap_err().code, Code::CoordinatesSwapped);
        assert_eq!(read("22.4, 203.1").unwrap_err().code, Code::CoordinateOutOfRange);
        assert_eq!(read("122.4, 103.1").unwrap_err().code, Code::CoordinateOutOfRange);
        assert_eq!(read("22°64' 103°10'").unwrap_err().code, Code::CoordinateOutOfRange);
        assert_eq!(read(&"a".repeat(201)).unwrap_err().code, Code::LimitExceeded);
    }

    #[test]
    fn vn2000_and_mgrs() {
        let grid = |epsg| Reading::Vn2000 { epsg, easting: 512_345.6, northing: 2_480_123.4 };
        assert_eq!(one("512345.6 2480123.4"), grid(None));
        assert_eq!(one("X 2480123.4 Y 512345.6"), grid(None));
        assert_eq!(one("VN-2000 2480123.4; 512345.6"), grid(None));
        assert_eq!(one("EPSG:9205 512345.6, 2480123.4"), grid(Some(9205)));
        assert_eq!(one("48Q UJ 0312 7856"), Reading::Mgrs("48QUJ03127856".into()));
        assert_eq!(one("48quj03127856"), Reading::Mgrs("48QUJ03127856".into()));
    }

    #[test]
    fn kilometre_posts() {
        let post = |road: Option<&str>, road_km, accuracy_m| Reading::RoadKm {
            road_ref: road.map(str::to_owned),
            road_km,
            accuracy_m,
        };
        for text in ["QL12 Km46+300", "ql12 km 46+300", "km46+300 ql12", "Quốc lộ 12, Km 46 + 300", "QL.12 Km46+300"]
        {
            assert_eq!(one(text), post(Some("QL12"), 46.3, 50.0), "{text}");
        }
        assert_eq!(one("QL12 km 46.3"), post(Some("QL12"), 46.3, 50.0));
        assert_eq!(one("QL4D km46"), post(Some("QL4D"), 46.0, 500.0));
        assert_eq!(one("đường tỉnh 127 km 5,25"), post(Some("DT127"), 5.25, 50.0));
        assert_eq!(one("Km46+300"), post(None, 46.3, 50.0));
    }

    #[test]
    fn bearings_from_a_named_place() {
        let away = |bearing_deg, distance_m| Reading::Away { from: "Pa Tần".into(), bearing_deg, distance_m };
        for text in [
            "5 km tây bắc Pa Tần",
            "5km tây bắc Pa Tần",
            "5 km về phía tây bắc Pa Tần",
            "cách Pa Tần 5 km về phía tây bắc",
            "Tây Bắc Pa Tần 5 km",
            "5 km NW of Pa Tần",
            "5 km north-west of Pa Tần",
            "cách Pa Tần khoảng 5 km hướng Tây Bắc",
        ] {
            assert_eq!(one(text), away(Some(315.0), 5_000.0), "{text}");
        }
        assert_eq!(one("800 m nam Pa Tần"), away(Some(180.0), 800.0));
        assert_eq!(one("cách Pa Tần 5 km"), away(None, 5_000.0));
        let valley = Reading::Away { from: "Nậm Tăm".into(), bearing_deg: Some(0.0), distance_m: 2_000.0 };
        assert_eq!(one("2 km bắc Nậm Tăm"), valley);
    }

    #[test]
    fn whatever_else_is_a_name() {
        for text in ["Pa Tần", "Nậm Tăm", "bản Sín Chải", "Đông Phong", "Mốc 42", "ngã ba 32"] {
            assert_eq!(read(text).unwrap(), [Reading::Name(text.to_owned())], "{text}");
        }
    }
}
