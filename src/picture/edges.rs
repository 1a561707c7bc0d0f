//! The edges of a geometry in a tree: the nearest of many thousand edges for the price of a few.

use geo_types::{Geometry, Line};

use super::packed::{Bbox, Entry, Metric, Packed};
use crate::geometry::measure::{Nearest, nearest_within};

/// Added to limits that are compared with computed distances, so that rounding loses nothing.
const SLACK_M: f64 = 1e-3;

/// Edges, and points as edges of no length.
pub(super) struct EdgeTree {
    edges: Vec<Geometry<f64>>,
    tree: Packed,
}

impl EdgeTree {
    pub fn new(edges: impl IntoIterator<Item = Line<f64>>) -> Self {
        let edges: Vec<Line<f64>> = edges.into_iter().collect();
        let entry = |(slot, edge): (usize, &Line<f64>)| Entry { bbox: box_of(edge), slot: slot as u32 };
        let tree = Packed::new(edges.iter().enumerate().map(entry).collect());
        Self { edges: edges.into_iter().map(Geometry::Line).collect(), tree }
    }

    /// The nearest point on an edge not farther than `limit_m`, and which edge; the first of equally near ones.
    pub fn nearest(&self, lon: f64, lat: f64, limit_m: f64) -> Option<(usize, Nearest)> {
        let metric = Metric::new(lon, lat, limit_m + SLACK_M);
        let mut best: Option<(usize, Nearest)> = None;
        self.tree.nearest(&metric, (limit_m + SLACK_M).powi(2), &|_| true, &mut |_, _, entry| {
            let mark_m = best.map_or(limit_m, |(_, nearest)| nearest.distance_m) + SLACK_M;
            let slot = self.tree.slot(entry);
            if let Some(nearest) = nearest_within(&self.edges[slot], lon, lat, mark_m) {
                let better = best.is_none_or(|(known, so_far)| (nearest.distance_m, slot) < (so_far.distance_m, known));
                if nearest.distance_m <= limit_m && better {
                    best = Some((slot, nearest));
                }
            }
            (best.map_or(limit_m, |(_, nearest)| nearest.distance_m) + SLACK_M).powi(2)
        });
        best
    }

    /// Which edges may meet this one: those whose boxes share a point with its box, in no useful order.
    pub fn beside(&self, edge: &Line<f64>) -> impl Iterator<Item = usize> {
        self.tree.in_box(box_of(edge), |_| true).map(|entry| self.tree.slot(entry))
    }
}

fn box_of(edge: &Line<f64>) -> Bbox {
    let (a, b) = (edge.start, edge.end);
    [a.x.min(b.x), a.y.min(b.y), a.x.max(b.x), a.y.max(b.y)]
}

/// The edges of lines and of the rings of areas; points as edges of no length.
pub(super) fn edges_of(geometry: &Geometry<f64>, out: &mut Vec<Line<f64>>) {
    use geo::LinesIter;
    match geometry {
        Geometry::Point(point) => out.push(Line::new(point.0, point.0)),
        Geometry::MultiPoint(points) => out.extend(points.iter().map(|point| Line::new(point.0, point.0))),
        Geometry::Line(edge) => out.push(*edge),
        Geometry::LineString(line) => out.extend(line.lines()),
        Geometry::MultiLineString(lines) => out.extend(lines.lines_iter()),
        Geometry::Polygon(polygon) => out.extend(polygon.lines_iter()),
        Geometry::MultiPolygon(polygons) => out.extend(polygons.lines_iter()),
        Geometry::Rect(rect) => out.extend(rect.to_polygon().lines_iter()),
        Geometry::Triangle(triangle) => out.extend(triangle.to_polygon().lines_iter()),
        Geometry::GeometryCollection(parts) => parts.iter().for_each(|part| edges_of(part, out)),
    }
}
