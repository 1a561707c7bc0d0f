//! Coordinates of the national grid: VN-2000 ↔ WGS 84, at the edge where files and spoken places come in.
//!
//! The shift is the one published by the state (EPSG 6960, seven parameters); its stated accuracy is about 1 m, so
//! that is what a converted place can be trusted to. The conversion here differs from PROJ's with the same parameters
//! by less than 0.1 mm; there and back by 1 mm, as heights are not kept. The published rotations are meant for a
//! turning *frame*, the library below turns the *vector*: their signs are changed here.
//!
//! Projected coordinates are easting first, then northing; geographic ones longitude first, in degrees.

use proj4rs::Proj;
use proj4rs::adaptors::transform_xy;

use super::validate::check_position;
use crate::domain::{Code, Problem};

/// How far off a place converted from VN-2000 may be, metres: the accuracy stated with the parameters.
pub const VN2000_ACCURACY_M: f64 = 1.0;

/// EPSG codes of the provincial VN-2000 / TM-3 zones with their central meridians, degrees. Lai Châu uses 9205.
pub const VN2000_TM3_ZONES: [(u32, f64); 18] = [
    (9205, 103.0),
    (9206, 104.0),
    (9207, 104.5),
    (9208, 104.75),
    (9209, 105.5),
    (9210, 105.75),
    (9211, 106.0),
    (9212, 106.25),
    (9213, 106.5),
    (9214, 107.0),
    (9215, 107.25),
    (9216, 107.5),
    (9217, 108.25),
    (9218, 108.5),
    // The three whole zones and the one of Đà Nẵng and Quảng Nam came into the register earlier.
    (5896, 102.0),
    (5897, 105.0),
    (5898, 108.0),
    (5899, 107.75),
];

/// VN-2000 as an ellipsoid and its shift to WGS 84, rotations of the position vector.
const VN2000: &str = "+ellps=WGS84 +towgs84=-191.90441429,-39.30318279,-111.45032835,\
                      0.00928836,-0.01975479,0.00427372,0.252906278 +no_defs";

/// A coordinate system that a file or a person may use.
#[derive(Debug)]
pub struct Crs {
    epsg: u32,
    /// The system, and WGS 84 in degrees' sister in radians; `None` for WGS 84 itself.
    projections: Option<(Proj, Proj)>,
    projected: bool,
}

impl Crs {
    /// WGS 84 longitude and latitude.
    #[must_use]
    pub fn wgs84() -> Self {
        Self { epsg: 4326, projections: None, projected: false }
    }

    /// Reads `EPSG:9205`, `9205`, `urn:ogc:def:crs:EPSG::9205`, `http://www.opengis.net/def/crs/EPSG/0/9205`, `CRS84`
    /// or `WGS84`. Known: WGS 84 (4326) and its UTM zones 47N to 49N, VN-2000 (4756), its UTM zones 48N and 49N (3405,
    /// 3406) and its TM-3 zones ([`VN2000_TM3_ZONES`]).
    ///
    /// # Errors
    /// `invalid_value` naming the systems that are known.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let name = text.trim().to_ascii_uppercase().replace([' ', '-'], "");
        if matches!(name.as_str(), "WGS84" | "CRS84" | "OGC:CRS84") || name.ends_with("/OGC/1.3/CRS84") {
            return Ok(Self::wgs84());
        }
        let digits = name.rsplit([':', '/']).next().unwrap_or_default();
        let spelled = name == digits || name.contains("EPSG");
        let epsg = digits.parse::<u32>().ok().filter(|_| spelled).ok_or_else(|| unknown(text))?;
        Self::from_epsg(epsg).ok_or_else(|| unknown(text))
    }

    /// The system with this EPSG code; `None` if it is not among those known.
    #[must_use]
    pub fn from_epsg(epsg: u32) -> Option<Self> {
        let zone = VN2000_TM3_ZONES.iter().find(|(code, _)| *code == epsg);
        let (definition, projected) = match (epsg, zone) {
            (4326, _) => return Some(Self::wgs84()),
            (_, Some((_, meridian))) => {
                (format!("+proj=tmerc +lat_0=0 +lon_0={meridian} +k=0.9999 +x_0=500000 +y_0=0 {VN2000} +units=m"), true)
            }
            (4756, _) => (format!("+proj=longlat {VN2000}"), false),
            (3405 | 3406, _) => (format!("+proj=utm +zone={} {VN2000} +units=m", epsg - 3405 + 48), true),
            (32647..=32649, _) => (format!("+proj=utm +zone={} +datum=WGS84 +units=m +no_defs", epsg - 32600), true),
            _ => return None,
        };
        let own = Proj::from_proj_string(&definition).ok()?;
        let wgs84 = Proj::from_proj_string("+proj=longlat +datum=WGS84 +no_defs").ok()?;
        Some(Self { epsg, projections: Some((own, wgs84)), projected })
    }

    /// Its EPSG code.
    #[must_use]
    pub fn epsg(&self) -> u32 {
        self.epsg
    }

    /// Whether its coordinates are easting and northing in metres.
    #[must_use]
    pub fn is_projected(&self) -> bool {
        self.projected
    }

    /// `[lon, lat]` in WGS 84 of a place in this system.
    ///
    /// # Errors
    /// `coordinates_swapped` where northing was given before easting (as Vietnamese sheets name them X and Y),
    /// `coordinate_out_of_range` where the numbers cannot be of this system.
    pub fn to_wgs84(&self, x: f64, y: f64) -> Result<[f64; 2], Problem> {
        let Some((own, wgs84)) = &self.projections else {
            check_position(x, y, "")?;
            return Ok([x, y]);
        };
        if !self.projected {
            check_position(x, y, "")?;
            let (lon, lat) = transform_xy(own, wgs84, x.to_radians(), y.to_radians()).map_err(|_| self.wild(x, y))?;
            return Ok([lon.to_degrees(), lat.to_degrees()]);
        }
        if !plausible(x, y) {
            return Err(if plausible(y, x) { self.swapped(x, y) } else { self.wild(x, y) });
        }
        let (lon, lat) = transform_xy(own, wgs84, x, y).map_err(|_| self.wild(x, y))?;
        Ok([lon.to_degrees(), lat.to_degrees()])
    }

    /// The place in this system: `[easting, northing]` in metres or `[lon, lat]` in degrees.
    ///
    /// # Errors
    /// `coordinate_out_of_range` where the place cannot be expressed in this system (more than 10° from its meridian).
    pub fn from_wgs84(&self, lon: f64, lat: f64) -> Result<[f64; 2], Problem> {
        check_position(lon, lat, "")?;
        let Some((own, wgs84)) = &self.projections else { return Ok([lon, lat]) };
        if self.projected && (lon - own.longitude_of_origin().to_degrees()).abs() > 10.0 {
            return Err(self.wild(lon, lat));
        }
        let (x, y) = transform_xy(wgs84, own, lon.to_radians(), lat.to_radians()).map_err(|_| self.wild(lon, lat))?;
        Ok(if self.projected { [x, y] } else { [x.to_degrees(), y.to_degrees()] })
    }

    fn swapped(&self, x: f64, y: f64) -> Problem {
        Problem::new(
            Code::CoordinatesSwapped,
            format!("hoành độ (Đông) và tung độ (Bắc) bị đảo: trên bản đồ Việt Nam X là Bắc; cần Đông {y}, Bắc {x}"),
            format!("easting and northing look swapped (Vietnamese sheets call the northing X): use easting {y}, northing {x}"),
        )
        .with("swapped", vec![y, x])
    }

    fn wild(&self, x: f64, y: f64) -> Problem {
        let epsg = self.epsg;
        Problem::new(
            Code::CoordinateOutOfRange,
            format!("toạ độ [{x}, {y}] không thuộc hệ EPSG:{epsg}"),
            format!("the position [{x}, {y}] is not of EPSG:{epsg}"),
        )
    }
}

/// Whether easting and northing can be of a zone in or around Vietnam (5° to 27° north).
fn plausible(easting: f64, northing: f64) -> bool {
    (-500_000.0..1_500_000.0).contains(&easting)
        && (500_000.0..3_000_000.0).contains(&northing)
        && !(easting > 1_000_000.0 && northing < 1_000_000.0)
}

fn unknown(text: &str) -> Problem {
    let zones: Vec<String> = VN2000_TM3_ZONES.iter().map(|(code, _)| code.to_string()).collect();
    let known = format!("4326, 4756, 3405, 3406, 32647, 32648, 32649, {}", zones.join(", "));
    Problem::new(
        Code::InvalidValue,
        format!("không biết hệ toạ độ {text:?}; các mã EPSG dùng được: {known}"),
        format!("unknown coordinate system {text:?}; the EPSG codes known here: {known}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::measure::distance_m;

    /// (EPSG, lon, lat, easting, northing) as PROJ 9.1.1 gives them:
    /// `echo "LAT LON 0" | cs2cs -f %.6f EPSG:4326 EPSG:CODE`.
    const TO_GRID: [(u32, f64, f64, f64, f64); 11] = [
        (9205, 103.4577, 22.3964, 546_929.794_050, 2_477_623.730_396),
        (9205, 102.4, 22.75, 438_183.337_903, 2_516_829.613_836),
        (9205, 103.9, 21.75, 592_894.721_856, 2_406_253.852_326),
        (9206, 103.4577, 22.3964, 443_967.129_442, 2_477_653.999_766),
        (9208, 105.8342, 21.0278, 612_501.126_472, 2_326_412.644_857),
        (9213, 106.5, 9.5, 499_804.615_381, 1_050_559.297_520),
        (9217, 108.2, 16.05, 494_455.304_451, 1_775_112.619_576),
        (9218, 109.4, 12.2, 597_738.718_734, 1_349_350.579_550),
        (3405, 103.4577, 22.3964, 341_039.974_509, 2_477_625.600_103),
        (3406, 108.7, 15.1, 252_596.793_505, 1_670_795.496_318),
        (5897, 105.8, 21.0, 582_973.769_621, 2_323_160.783_427),
    ];

    /// (EPSG, easting, northing, lon, lat) likewise:
    /// `echo "EASTING NORTHING 0" | cs2cs -f %.10f EPSG:CODE EPSG:4326`.
    const FROM_GRID: [(u32, f64, f64, f64, f64); 11] = [
        (9205, 546_900.0, 2_477_600.0, 103.457_409_948_6, 22.396_186_500_0),
        (9205, 438_200.0, 2_516_800.0, 102.400_163_411_4, 22.749_733_173_5),
        (9205, 592_900.0, 2_406_300.0, 103.900_053_631_0, 21.750_416_480_2),
        (9206, 444_000.0, 2_477_700.0, 103.458_017_635_7, 22.396_816_496_0),
        (9208, 612_500.0, 2_326_400.0, 105.834_188_345_6, 21.027_685_865_4),
        (9213, 499_800.0, 1_050_600.0, 106.499_957_962_5, 9.500_368_037_0),
        (9217, 494_500.0, 1_775_100.0, 108.200_417_757_8, 16.049_886_044_3),
        (9218, 597_700.0, 1_349_400.0, 109.399_645_714_9, 12.200_447_894_8),
        (3405, 341_000.0, 2_477_600.0, 103.457_314_340_9, 22.396_165_099_2),
        (3406, 252_600.0, 1_670_800.0, 108.700_029_378_5, 15.100_040_987_9),
        (5897, 583_000.0, 2_323_200.0, 105.800_254_184_2, 21.000_353_018_1),
    ];

    #[test]
    fn vn2000_agrees_with_proj_both_ways_to_a_tenth_of_a_millimetre() {
        for (epsg, lon, lat, easting, northing) in TO_GRID {
            let [x, y] = Crs::from_epsg(epsg).unwrap().from_wgs84(lon, lat).unwrap();
            assert!((x - easting).hypot(y - northing) < 1e-4, "EPSG:{epsg}: {x} {y}");
        }
        for (epsg, easting, northing, lon, lat) in FROM_GRID {
            let [x, y] = Crs::from_epsg(epsg).unwrap().to_wgs84(easting, northing).unwrap();
            assert!(distance_m(x, y, lon, lat) < 1e-4, "EPSG:{epsg}: {x} {y}");
        }
        let [lon, lat] = Crs::parse("EPSG:4756").unwrap().from_wgs84(103.4577, 22.3964).unwrap();
        assert!(distance_m(lon, lat, 103.455_795_080, 22.397_351_466) < 2e-4, "{lon} {lat}");
    }

    #[test]
    fn every_zone_comes_back_to_where_it_began() {
        let codes = VN2000_TM3_ZONES.iter().map(|zone| zone.0).chain([4326, 4756, 3405, 3406, 32647, 32648, 32649]);
        for epsg in codes {
            let crs = Crs::from_epsg(epsg).unwrap();
            let [x, y] = crs.from_wgs84(103.4, 22.4).unwrap();
            let [lon, lat] = crs.to_wgs84(x, y).unwrap();
            // Heights are dropped on both ways, in PROJ too: the way there and back is off by a millimetre.
            assert!(distance_m(lon, lat, 103.4, 22.4) < 0.002, "EPSG:{epsg}");
        }
    }

    #[test]
    fn names_of_systems_are_read_as_people_and_standards_write_them() {
        for name in [
            "EPSG:9205",
            "epsg:9205",
            "9205",
            "urn:ogc:def:crs:EPSG::9205",
            "http://www.opengis.net/def/crs/EPSG/0/9205",
        ] {
            assert_eq!(Crs::parse(name).unwrap().epsg(), 9205, "{name}");
        }
        for name in ["WGS84", "WGS 84", "CRS84", "http://www.opengis.net/def/crs/OGC/1.3/CRS84", "EPSG:4326"] {
            assert_eq!(Crs::parse(name).unwrap().epsg(), 4326, "{name}");
        }
        for name in ["", "EPSG:3857", "EPSG:", "mars", "EPSG:99999999999999"] {
            let problem = Crs::parse(name).unwrap_err();
            assert!(problem.code == Code::InvalidValue && problem.detail_en.contains("9205"), "{name}");
        }
    }

    #[test]
    fn northing_before_easting_is_noticed() {
        let crs = Crs::parse("EPSG:9205").unwrap();
        let problem = crs.to_wgs84(2_477_623.7, 546_929.8).unwrap_err();
        assert_eq!(problem.code, Code::CoordinatesSwapped);
        assert_eq!(crs.to_wgs84(103.4, 22.4).unwrap_err().code, Code::CoordinateOutOfRange);
        assert_eq!(crs.to_wgs84(f64::NAN, 2_477_623.7).unwrap_err().code, Code::CoordinateOutOfRange);
        assert_eq!(crs.from_wgs84(-70.0, 22.4).unwrap_err().code, Code::CoordinateOutOfRange);
    }
}
