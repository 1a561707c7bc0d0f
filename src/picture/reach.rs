//! A geometry with a margin, made ready to be asked of many records: what shares a point with it, or lies within
//! the margin.

use geo::{BoundingRect, Intersects};
use geo_types::Geometry;

use super::edges::{EdgeTree, edges_of};
use super::packed::{Bbox, meet};
use super::run::bbox_of;
use crate::geometry::measure::{PreparedArea, degree_box, gap_within};

/// See the module.
pub(super) struct Reach<'g> {
    geometry: &'g Geometry<f64>,
    area: Option<PreparedArea>,
    margin_m: f64,
    boxes: Vec<Bbox>,
    edges: Option<EdgeTree>,
}

/// Added to limits that are compared with computed distances, so that rounding loses nothing.
const SLACK_M: f64 = 1e-6;

impl<'g> Reach<'g> {
    pub fn new(geometry: &'g Geometry<f64>, margin_m: f64) -> Self {
        let margin_m = margin_m.max(0.0);
        let area = has_area(geometry).then(|| PreparedArea::new(geometry));
        let edges = (margin_m > 0.0).then(|| {
            let mut edges = Vec::new();
            edges_of(geometry, &mut edges);
            EdgeTree::new(edges)
        });
        Self { geometry, area, margin_m, boxes: boxes_around(geometry, margin_m), edges }
    }

    /// Boxes that hold everything in reach, one or two.
    pub fn boxes(&self) -> &[Bbox] {
        &self.boxes
    }

    /// Whether it may be in reach, by its box alone.
    pub fn may_hold(&self, other: &Geometry<f64>) -> bool {
        bbox_of(other).is_some_and(|other| self.boxes.iter().any(|bbox| meet(bbox, &other)))
    }

    /// Whether the other geometry is in reach.
    pub fn holds(&self, other: &Geometry<f64>) -> bool {
        if self.touches(other) {
            return true;
        }
        let Some(edges) = &self.edges else { return false };
        if let Geometry::Point(point) = other {
            return edges.nearest(point.x(), point.y(), self.margin_m).is_some();
        }
        gap_within(self.geometry, other, self.margin_m + SLACK_M).is_some_and(|gap_m| gap_m <= self.margin_m)
    }

    /// Whether they share a point.
    fn touches(&self, other: &Geometry<f64>) -> bool {
        self.area.as_ref().is_some_and(|area| area.touches(other))
            || (self.area.is_none() && self.geometry.intersects(other))
    }
}

fn has_area(geometry: &Geometry<f64>) -> bool {
    match geometry {
        Geometry::Polygon(_) | Geometry::MultiPolygon(_) | Geometry::Rect(_) | Geometry::Triangle(_) => true,
        Geometry::GeometryCollection(parts) => parts.iter().any(has_area),
        _ => false,
    }
}

/// The envelope of the geometry widened by a margin in metres.
pub(super) fn boxes_around(geometry: &Geometry<f64>, margin_m: f64) -> Vec<Bbox> {
    let parts: Vec<Bbox> = match geometry {
        // Each part by itself: two parts beside the date line have an envelope around the Earth.
        Geometry::MultiPolygon(polygons) => polygons.iter().filter_map(|p| p.bounding_rect()).map(bbox).collect(),
        Geometry::MultiLineString(lines) => lines.iter().filter_map(|l| l.bounding_rect()).map(bbox).collect(),
        one => bbox_of(one).into_iter().collect(),
    };
    let whole = |parts: &[Bbox]| {
        parts.iter().copied().reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])
    };
    let widened: Vec<Bbox> = parts.iter().flat_map(|part| widen(*part, margin_m)).collect();
    // Many parts would find one record many times; one box is enough unless it runs around the Earth.
    let west: Vec<Bbox> = widened.iter().copied().filter(|b| b[0] + b[2] < 0.0).collect();
    let east: Vec<Bbox> = widened.iter().copied().filter(|b| b[0] + b[2] >= 0.0).collect();
    match (whole(&west), whole(&east)) {
        (Some(west), Some(east)) if west[2] < east[0] => vec![west, east],
        _ => whole(&widened).into_iter().collect(),
    }
}

fn bbox(rect: geo_types::Rect<f64>) -> Bbox {
    [rect.min().x, rect.min().y, rect.max().x, rect.max().y]
}

/// Boxes that hold every place within `margin_m` of the box.
fn widen([west, south, east, north]: Bbox, margin_m: f64) -> Vec<Bbox> {
    if margin_m <= 0.0 {
        // Half the width of a boundary.
        let e = crate::geometry::measure::ON_BOUNDARY_DEG;
        return vec![[west - e, south - e, east + e, north + e]];
    }
    // The circle is widest in degrees around the corner nearest to a pole.
    let steep = if south.abs() > north.abs() { south } else { north };
    let around = degree_box(0.0, steep, margin_m).first;
    let (half, tall) = (around[2], degree_box(0.0, 0.0, margin_m).first[3]);
    let (south, north) = ((south - tall).max(-90.0), (north + tall).min(90.0));
    let (west, east) = (west - half, east + half);
    if half >= 180.0 || east - west >= 360.0 || south <= -90.0 || north >= 90.0 {
        vec![[-180.0, south, 180.0, north]]
    } else if west < -180.0 {
        vec![[-180.0, south, east, north], [west + 360.0, south, 180.0, north]]
    } else if east > 180.0 {
        vec![[west, south, 180.0, north], [-180.0, south, east - 360.0, north]]
    } else {
        vec![[west, south, east, north]]
    }
}
