//! What a subscriber wants to hear of.

use geo::BoundingRect;
use geo_types::Geometry;

use crate::domain::Collection;

/// Collections and a box. A record without a place (only its commune is known, or an entry of the log) meets every
/// box: it stands in lists, and an incident must not be missed because nobody knows where it is.
#[derive(Clone, Debug)]
pub struct Filter {
    wanted: [bool; Collection::ALL.len()],
    bbox: Option<[f64; 4]>,
}

impl Filter {
    /// These collections (all if `None`) within `[west, south, east, north]` (everywhere if `None`); west greater than
    /// east crosses the date line.
    #[must_use]
    pub fn new(collections: Option<&[Collection]>, bbox: Option<[f64; 4]>) -> Self {
        let mut wanted = [collections.is_none(); Collection::ALL.len()];
        for collection in collections.unwrap_or_default() {
            wanted[collection.index()] = true;
        }
        Self { wanted, bbox }
    }

    /// Whether the collection is wanted.
    #[must_use]
    pub fn wants(&self, collection: Collection) -> bool {
        self.wanted[collection.index()]
    }

    /// The boxes that narrow it: none, one, or two where it crosses the date line.
    #[must_use]
    pub fn boxes(&self) -> Vec<[f64; 4]> {
        match self.bbox {
            None => Vec::new(),
            Some([west, south, east, north]) if west > east => {
                vec![[west, south, 180.0, north], [-180.0, south, east, north]]
            }
            Some(bbox) => vec![bbox],
        }
    }

    /// Whether the envelope of the geometry meets the box.
    #[must_use]
    pub fn meets(&self, geometry: Option<&Geometry<f64>>) -> bool {
        let (Some([west, south, east, north]), Some(geometry)) = (self.bbox, geometry) else { return true };
        let Some(envelope) = geometry.bounding_rect() else { return true };
        let (low, high) = (envelope.min(), envelope.max());
        let lat = low.y <= north && high.y >= south;
        let lon = if west <= east { low.x <= east && high.x >= west } else { low.x <= east || high.x >= west };
        lat && lon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lon: f64, lat: f64) -> Geometry<f64> {
        geo_types::Point::new(lon, lat).into()
    }

    #[test]
    fn a_box_may_cross_the_date_line() {
        let filter = Filter::new(None, Some([170.0, -10.0, -170.0, 10.0]));
        assert!(filter.meets(Some(&at(175.0, 0.0))) && filter.meets(Some(&at(-175.0, 0.0))));
        assert!(!filter.meets(Some(&at(0.0, 0.0))));
    }

    #[test]
    fn a_record_without_a_place_meets_every_box() {
        let filter = Filter::new(Some(&[Collection::Incidents]), Some([102.0, 22.0, 103.0, 23.0]));
        assert!(filter.meets(None) && filter.wants(Collection::Incidents) && !filter.wants(Collection::Units));
        assert!(filter.meets(Some(&at(103.0, 22.0))) && !filter.meets(Some(&at(103.1, 22.0))));
    }
}
