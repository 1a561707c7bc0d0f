//! How somebody says where: a point, a text, a kilometre post, a bearing from a named place, a commune, a grid.
//!
//! Resolving it needs the picture (names, roads, communes) and is the desk's work; here is what may be said.

use serde_json::{Map, Value};

use super::{Code, Problem};

/// Farthest that a place told by bearing and distance may lie from the named place, metres.
pub const BEARING_DISTANCE_M_MAX: f64 = 300_000.0;
/// Longest place text, characters.
pub const PLACE_TEXT_CHARS: usize = 200;
/// Least accuracy claimed for a bearing and distance told by mouth, metres.
const BEARING_ACCURACY_M_MIN: f64 = 200.0;
/// Share of the distance by which a told bearing and distance is taken to be off.
const BEARING_ACCURACY_SHARE: f64 = 0.25;

/// A place as it was said.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// WGS 84 degrees.
    Point { lon: f64, lat: f64, accuracy_m: Option<f64>, source: PointSource },
    /// Coordinates, a kilometre post or a name, in any of the forms that `place_text` reads.
    Text(String),
    /// A kilometre post: `QL12`, 46.3.
    RoadKm { road_ref: String, road_km: f64 },
    /// Degrees clockwise from true north and metres from a place.
    Bearing { from: Box<Place>, bearing_deg: f64, distance_m: f64 },
    /// No more than the commune is known.
    Commune { code: String },
    /// VN-2000, metres; `epsg` names the zone (9205 for the province's 103° meridian).
    Vn2000 { epsg: u32, easting: f64, northing: f64 },
    /// Military grid reference.
    Mgrs(String),
}

/// Where a point came from; it becomes `located_by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PointSource {
    #[default]
    Coordinates,
    /// The receiver of the one who reports.
    Gps,
    /// A click on the map.
    Map,
}

impl PointSource {
    /// The word in `located_by`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coordinates => "coordinates",
            Self::Gps => "gps",
            Self::Map => "map",
        }
    }
}

/// Accuracy of a bearing and distance told by mouth, metres: eight compass words leave 22.5° on either side, and
/// distances by eye are off by a quarter.
#[must_use]
pub fn bearing_accuracy_m(distance_m: f64, from_accuracy_m: f64) -> f64 {
    (distance_m * BEARING_ACCURACY_SHARE).max(BEARING_ACCURACY_M_MIN) + from_accuracy_m
}

impl Place {
    /// Reads the `place` member of a request: `{lon,lat,accuracy_m?,source?}`, `{text}`, `{road_ref,road_km}`,
    /// `{from:{…},bearing_deg,distance_m}`, `{commune_code}`, `{vn2000:{epsg,easting,northing}}` or `{mgrs}`.
    ///
    /// # Errors
    /// `invalid_value`, `unknown_field`, `missing_field` or the coordinate codes, with a pointer into the request.
    pub fn from_json(value: &Value) -> Result<Self, Problem> {
        Self::read(value, "/place", true)
    }

    fn read(value: &Value, at: &str, with_bearing: bool) -> Result<Self, Problem> {
        let object = value.as_object().ok_or_else(|| {
            Problem::new(Code::InvalidValue, "địa điểm phải là một đối tượng JSON", "a place must be a JSON object")
                .at(at)
        })?;
        let reader = Reader { object, at };
        if object.contains_key("lon") || object.contains_key("lat") {
            reader.only(&["lon", "lat", "accuracy_m", "source"])?;
            let (lon, lat) = (reader.number("lon")?, reader.number("lat")?);
            check_lon_lat(lon, lat, at)?;
            let accuracy_m = object.contains_key("accuracy_m").then(|| reader.number("accuracy_m")).transpose()?;
            if accuracy_m.is_some_and(|m| !(0.0..=super::ground::ACCURACY_M_MAX).contains(&m)) {
                return Err(reader.fault("accuracy_m", "độ chính xác ngoài khoảng 0–200000 m", "outside 0..200000 m"));
            }
            return Ok(Self::Point { lon, lat, accuracy_m, source: reader.source()? });
        }
        if object.contains_key("text") {
            reader.only(&["text"])?;
            let text = reader.text("text")?.trim();
            if text.is_empty() || text.chars().count() > PLACE_TEXT_CHARS {
                return Err(reader.fault("text", "cần 1–200 ký tự", "expected 1..200 characters"));
            }
            return Ok(Self::Text(text.to_owned()));
        }
        if object.contains_key("road_ref") || object.contains_key("road_km") {
            reader.only(&["road_ref", "road_km"])?;
            return Ok(Self::RoadKm {
                road_ref: reader.text("road_ref")?.to_owned(),
                road_km: reader.number("road_km")?,
            });
        }
        if object.contains_key("commune_code") {
            reader.only(&["commune_code"])?;
            return Ok(Self::Commune { code: reader.text("commune_code")?.to_owned() });
        }
        if let Some(grid) = object.get("vn2000") {
            reader.only(&["vn2000"])?;
            return read_vn2000(grid, &format!("{at}/vn2000"));
        }
        if object.contains_key("mgrs") {
            reader.only(&["mgrs"])?;
            return Ok(Self::Mgrs(reader.text("mgrs")?.to_owned()));
        }
        if with_bearing && object.contains_key("from") {
            return reader.bearing();
        }
        Err(Problem::new(
            Code::MissingField,
            "địa điểm cần một trong: lon/lat, text, road_ref/road_km, from/bearing_deg/distance_m, commune_code, \
             vn2000, mgrs",
            "a place needs one of lon/lat, text, road_ref/road_km, from/bearing_deg/distance_m, commune_code, vn2000, \
             mgrs",
        )
        .at(at))
    }
}

/// Refuses what is no point on Earth, and says so apart when latitude and longitude look swapped.
///
/// # Errors
/// `coordinate_out_of_range` or `coordinates_swapped`.
pub fn check_lon_lat(lon: f64, lat: f64, at: &str) -> Result<(), Problem> {
    if !lon.is_finite() || !lat.is_finite() {
        return Err(Problem::new(
            Code::CoordinateOutOfRange,
            "toạ độ không phải là số",
            "a coordinate is not a number",
        )
        .at(at));
    }
    let lon_as_lat_fits = (-90.0..=90.0).contains(&lon);
    if lat.abs() > 90.0 && lat.abs() <= 180.0 && lon_as_lat_fits {
        return Err(Problem::new(
            Code::CoordinatesSwapped,
            format!("kinh độ và vĩ độ có vẻ bị đảo: vĩ độ {lat} ngoài ±90"),
            format!("longitude and latitude look swapped: latitude {lat} is outside ±90"),
        )
        .at(at));
    }
    if lon.abs() > 180.0 || lat.abs() > 90.0 {
        return Err(Problem::new(
            Code::CoordinateOutOfRange,
            format!("toạ độ {lon}, {lat} ngoài khoảng kinh độ ±180, vĩ độ ±90"),
            format!("{lon}, {lat} is outside longitude ±180, latitude ±90"),
        )
        .at(at));
    }
    Ok(())
}

fn read_vn2000(grid: &Value, at: &str) -> Result<Place, Problem> {
    let object = grid.as_object().ok_or_else(|| {
        Problem::new(
            Code::InvalidValue,
            "vn2000 cần {epsg, easting, northing}",
            "vn2000 needs {epsg, easting, northing}",
        )
        .at(at)
    })?;
    let reader = Reader { object, at };
    reader.only(&["epsg", "easting", "northing"])?;
    let epsg = object.get("epsg").and_then(Value::as_u64).and_then(|code| u32::try_from(code).ok());
    Ok(Place::Vn2000 {
        epsg: epsg.ok_or_else(|| reader.fault("epsg", "cần mã EPSG", "expected an EPSG code"))?,
        easting: reader.number("easting")?,
        northing: reader.number("northing")?,
    })
}

struct Reader<'a> {
    object: &'a Map<String, Value>,
    at: &'a str,
}

impl<'a> Reader<'a> {
    fn fault(&self, name: &str, vi: &str, en: &str) -> Problem {
        Problem::new(Code::InvalidValue, format!("{name}: {vi}"), format!("{name}: {en}"))
            .at(&format!("{}/{name}", self.at))
    }

    fn only(&self, names: &[&str]) -> Result<(), Problem> {
        match self.object.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Problem::new(
                Code::UnknownField,
                format!("địa điểm kiểu này không có trường {name:?}"),
                format!("this form of place has no field {name:?}"),
            )
            .at(&format!("{}/{name}", self.at))),
        }
    }

    fn number(&self, name: &str) -> Result<f64, Problem> {
        let value = self.object.get(name).ok_or_else(|| self.missing(name))?;
        value.as_f64().filter(|n| n.is_finite()).ok_or_else(|| self.fault(name, "cần số", "expected a number"))
    }

    fn text(&self, name: &str) -> Result<&'a str, Problem> {
        let value = self.object.get(name).ok_or_else(|| self.missing(name))?;
        value.as_str().ok_or_else(|| self.fault(name, "cần chữ", "expected text"))
    }

    fn missing(&self, name: &str) -> Problem {
        Problem::new(Code::MissingField, format!("địa điểm thiếu {name}"), format!("the place lacks {name}"))
            .at(&format!("{}/{name}", self.at))
    }

    fn source(&self) -> Result<PointSource, Problem> {
        match self.object.get("source").map(|v| v.as_str().unwrap_or_default()) {
            None | Some("coordinates") => Ok(PointSource::Coordinates),
            Some("gps") => Ok(PointSource::Gps),
            Some("map") => Ok(PointSource::Map),
            Some(_) => Err(self.fault("source", "cần coordinates, gps hoặc map", "expected coordinates, gps or map")),
        }
    }

    fn bearing(&self) -> Result<Place, Problem> {
        self.only(&["from", "bearing_deg", "distance_m"])?;
        let from = Place::read(self.object.get("from").unwrap_or(&Value::Null), &format!("{}/from", self.at), false)?;
        let (bearing_deg, distance_m) = (self.number("bearing_deg")?, self.number("distance_m")?);
        if !(0.0..=360.0).contains(&bearing_deg) {
            return Err(self.fault("bearing_deg", "ngoài khoảng 0–360", "outside 0..360"));
        }
        if !(0.0..=BEARING_DISTANCE_M_MAX).contains(&distance_m) {
            return Err(self.fault("distance_m", "ngoài khoảng 0–300000 m", "outside 0..300000 m"));
        }
        Ok(Place::Bearing { from: Box::new(from), bearing_deg, distance_m })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_of_place_is_read() {
        let forms = [
            json!({"lon": 103.1, "lat": 22.4, "accuracy_m": 30, "source": "gps"}),
            json!({"text": "Pa Tần"}),
            json!({"road_ref": "QL12", "road_km": 46.3}),
            json!({"from": {"text": "Pa Tần"}, "bearing_deg": 315, "distance_m": 5000}),
            json!({"commune_code": "03503"}),
            json!({"vn2000": {"epsg": 9205, "easting": 512_000.0, "northing": 2_480_000.0}}),
            json!({"mgrs": "48QUJ0312"}),
        ];
        for form in forms {
            assert!(Place::from_json(&form).is_ok(), "{form}");
        }
    }

    #[test]
    fn a_bad_place_is_refused_with_its_code() {
        let code = |value: Value| Place::from_json(&value).unwrap_err().code;
        assert_eq!(code(json!({})), Code::MissingField);
        assert_eq!(code(json!([103.1, 22.4])), Code::InvalidValue);
        assert_eq!(code(json!({"lon": 22.4, "lat": 103.1})), Code::CoordinatesSwapped);
        assert_eq!(code(json!({"lon": 203.0, "lat": 22.4})), Code::CoordinateOutOfRange);
        assert_eq!(code(json!({"lon": "103.1", "lat": 22.4})), Code::InvalidValue);
        assert_eq!(code(json!({"lon": 103.1, "lat": 22.4, "name": "x"})), Code::UnknownField);
        assert_eq!(code(json!({"lon": 103.1, "lat": 22.4, "accuracy_m": -1})), Code::InvalidValue);
        let nested = json!({"from": {"from": {"text": "a"}, "bearing_deg": 1, "distance_m": 1}, "bearing_deg": 1,
            "distance_m": 1});
        assert_eq!(code(nested), Code::MissingField);
    }
}
