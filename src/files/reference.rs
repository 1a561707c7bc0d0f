//! The reference system of a file: WGS 84, or one that is converted at the edge.

use geo::MapCoords;
use geo_types::{Coord, Geometry};
use serde_json::{Value, json};

use crate::domain::Problem;
use crate::geometry::crs::Crs;

/// How the coordinates of a file become WGS 84.
pub(super) struct Reference {
    crs: Crs,
}

impl Reference {
    /// The system that `--crs` names, else that which the file names, else WGS 84.
    ///
    /// # Errors
    /// `invalid_value` with the systems that are known.
    pub fn of(said: Option<&str>, of_file: Option<u32>) -> Result<Self, Problem> {
        let crs = match (said, of_file) {
            (Some(name), _) => Crs::parse(name).map_err(|problem| problem.at("--crs"))?,
            (None, Some(epsg)) => Crs::parse(&format!("EPSG:{epsg}"))?,
            (None, None) => Crs::wgs84(),
        };
        Ok(Self { crs })
    }

    /// The GeoJSON geometry object with its positions in WGS 84; what is no position stays, for the check to refuse.
    ///
    /// # Errors
    /// As [`Self::to_wgs84`].
    pub fn geojson_to_wgs84(&self, mut geometry: Value) -> Result<Value, Problem> {
        // Other tools write a single point as a list of one.
        if geometry["type"] == "MultiPoint" && geometry["coordinates"].as_array().is_some_and(|list| list.len() == 1) {
            let place = geometry["coordinates"][0].take();
            geometry = json!({ "type": "Point", "coordinates": place });
        }
        if self.crs.epsg() != 4326 {
            self.move_positions(&mut geometry["coordinates"])?;
        }
        Ok(geometry)
    }

    fn move_positions(&self, coordinates: &mut Value) -> Result<(), Problem> {
        let Some(list) = coordinates.as_array_mut() else { return Ok(()) };
        match (list.first().and_then(Value::as_f64), list.get(1).and_then(Value::as_f64)) {
            (Some(x), Some(y)) => {
                let place = self.crs.to_wgs84(x, y).map_err(|problem| problem.at("geometry"))?;
                *coordinates = json!(place);
                Ok(())
            }
            _ => list.iter_mut().try_for_each(|inner| self.move_positions(inner)),
        }
    }

    /// The geometry in WGS 84.
    ///
    /// # Errors
    /// `coordinates_swapped` or `coordinate_out_of_range` of the first vertex that cannot be of the system.
    pub fn to_wgs84(&self, geometry: Geometry<f64>) -> Result<Geometry<f64>, Problem> {
        // Other tools write a single point as a list of one.
        let geometry = match geometry {
            Geometry::MultiPoint(points) if points.0.len() == 1 => Geometry::Point(points.0[0]),
            other => other,
        };
        // WGS 84 is checked with everything else, place by place.
        if self.crs.epsg() == 4326 {
            return Ok(geometry);
        }
        geometry
            .try_map_coords(|Coord { x, y }| self.crs.to_wgs84(x, y).map(|[x, y]| Coord { x, y }))
            .map_err(|problem| problem.at("geometry"))
    }
}
