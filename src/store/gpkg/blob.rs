//! GeoPackage geometry blobs. geozero is the codec; a point, the geometry of a million rows, goes by hand.

use geo::CoordsIter;
use geo_types::{Coord, Geometry, Point};
use geozero::wkb::{FromWkb, WkbDialect};
use geozero::{CoordDimensions, ToWkb};

/// EPSG:4326, the only reference system of the store.
pub(super) const SRID: i32 = 4326;

/// `GP`, version 0, flags: little endian, no envelope.
const POINT_HEADER: [u8; 4] = [b'G', b'P', 0, 0b0000_0001];
const POINT_BYTES: usize = 29;
/// Flags of a blob with an xy envelope, and the length of its header.
const ENVELOPE_FLAGS: u8 = 0b0000_0011;
const ENVELOPE_HEADER_BYTES: usize = 8 + 32;

/// The blob of a geometry; lines and areas get their envelope, which readers filter by.
pub(super) fn encode(geometry: &Geometry<f64>) -> Result<Vec<u8>, String> {
    if let Geometry::Point(point) = geometry {
        return Ok(encode_point(point.x(), point.y()));
    }
    let envelope = envelope(geometry).ok_or("the geometry is empty")?;
    geometry.to_gpkg_wkb(CoordDimensions::xy(), Some(SRID), envelope).map_err(|error| error.to_string())
}

/// The blob of a point.
pub(super) fn encode_point(lon: f64, lat: f64) -> Vec<u8> {
    let mut blob = Vec::with_capacity(POINT_BYTES);
    blob.extend_from_slice(&POINT_HEADER);
    blob.extend_from_slice(&SRID.to_le_bytes());
    blob.push(1);
    blob.extend_from_slice(&1_u32.to_le_bytes());
    blob.extend_from_slice(&lon.to_le_bytes());
    blob.extend_from_slice(&lat.to_le_bytes());
    blob
}

/// The geometry of a blob.
pub(super) fn decode(blob: &[u8]) -> Result<Geometry<f64>, String> {
    if let Some(point) = decode_point(blob) {
        return Ok(Geometry::Point(point));
    }
    Geometry::from_wkb(&mut &*blob, WkbDialect::Geopackage).map_err(|error| error.to_string())
}

fn decode_point(blob: &[u8]) -> Option<Point<f64>> {
    let wkb = match (blob.get(..4)?, blob.len()) {
        (header, POINT_BYTES) if header == POINT_HEADER => &blob[8..],
        ([b'G', b'P', 0, ENVELOPE_FLAGS], len) if len == ENVELOPE_HEADER_BYTES + 21 => &blob[ENVELOPE_HEADER_BYTES..],
        _ => return None,
    };
    let number = |at: usize| Some(f64::from_le_bytes(wkb.get(at..at + 8)?.try_into().ok()?));
    (wkb.get(..5)? == [1, 1, 0, 0, 0]).then(|| Some(Point(Coord { x: number(5)?, y: number(13)? })))?
}

/// `[min x, max x, min y, max y]`; `None` if there is no vertex.
fn envelope(geometry: &Geometry<f64>) -> Option<Vec<f64>> {
    let mut vertices = geometry.coords_iter();
    let first = vertices.next()?;
    let start = [first.x, first.x, first.y, first.y];
    Some(vertices.fold(start, |e, c| [e[0].min(c.x), e[1].max(c.x), e[2].min(c.y), e[3].max(c.y)]).to_vec())
}

#[cfg(test)]
mod tests {
    use geo_types::{LineString, MultiLineString, MultiPolygon, Polygon};

    use super::*;

    #[test]
    fn every_kind_of_geometry_comes_back_bit_for_bit() {
        let line = LineString::from(vec![(102.3, 21.7), (103.987_654_321_012_34, 22.8), (102.3, 22.8), (102.3, 21.7)]);
        let hole = LineString::from(vec![(102.4, 22.7), (102.5, 22.7), (102.4, 22.6), (102.4, 22.7)]);
        let polygon = Polygon::new(line.clone(), vec![hole]);
        let kinds = [
            Geometry::Point(Point::new(-0.0, 0.1 + 0.2)),
            Geometry::LineString(line.clone()),
            Geometry::MultiLineString(MultiLineString(vec![line.clone(), line])),
            Geometry::Polygon(polygon.clone()),
            Geometry::MultiPolygon(MultiPolygon(vec![polygon.clone(), polygon])),
        ];
        for geometry in kinds {
            let blob = encode(&geometry).unwrap();
            let back = decode(&blob).unwrap();
            assert_eq!(back, geometry);
            assert_eq!(encode(&back).unwrap(), blob);
        }
    }

    #[test]
    fn a_point_written_by_another_program_with_an_envelope_is_read() {
        let plain = encode_point(103.0, 22.0);
        let mut with_envelope = plain[..8].to_vec();
        with_envelope[3] = ENVELOPE_FLAGS;
        for edge in [103.0_f64, 103.0, 22.0, 22.0] {
            with_envelope.extend_from_slice(&edge.to_le_bytes());
        }
        with_envelope.extend_from_slice(&plain[8..]);
        assert_eq!(decode(&with_envelope).unwrap(), Geometry::Point(Point::new(103.0, 22.0)));
        assert!(decode(b"GP").is_err());
    }
}
