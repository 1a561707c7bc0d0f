//! What lies along the border, by calibrated chainage.
//!
//! A point lies at the chainage of the border point nearest to it, and is listed if that is in the asked stretch.
//! A line or an area lies where the asked stretch comes nearest to it, and where it meets the stretch, at the least
//! chainage at which it does: a road that follows the border is found in every stretch that it follows.

use geo_types::{Coord, Geometry, Line, LineString};

use super::edges::{EdgeTree, edges_of};
use super::filter::Wanted;
use super::reach::boxes_around;
use super::{Along, AlongQuery, Shown, View};
use crate::domain::Collection;
use crate::geometry::measure::{PreparedArea, length_m};

/// Edges longer than this are cut when two lines are held against each other, degrees (about 5 km): then the nearest
/// pair lies at an end of one of the pieces to better than a centimetre.
const PIECE_DEG: f64 = 0.045;
/// Chainages are compared with this slack, kilometres.
const SLACK_KM: f64 = 1e-9;
/// Two distances that differ by less are the same, metres: then the lesser chainage counts.
const SAME_M: f64 = 1e-6;

/// One edge of the border with its chainage at both ends; linear in the length between them.
#[derive(Clone, Copy)]
struct Piece {
    edge: Line<f64>,
    from_km: f64,
    to_km: f64,
}

/// See [`View::along`].
pub(super) fn along<'a>(view: &'a View, query: &AlongQuery) -> Vec<Along<'a>> {
    let sectors: Vec<Shown<'_>> = match query.sector_id {
        Some(id) => view.item(Collection::BorderSectors, id).into_iter().collect(),
        None => view.all(Collection::BorderSectors).collect(),
    };
    let border: Vec<Piece> = sectors.iter().flat_map(pieces).collect();
    let (from_km, to_km) = (query.from_km.unwrap_or(f64::NEG_INFINITY), query.to_km.unwrap_or(f64::INFINITY));
    let stretch: Vec<Piece> = border.iter().filter_map(|piece| piece.cut(from_km, to_km)).collect();
    if stretch.is_empty() {
        return Vec::new();
    }
    let whole = EdgeTree::new(border.iter().map(|piece| piece.edge));
    let asked = Stretch { tree: EdgeTree::new(stretch.iter().map(|piece| piece.edge)), pieces: stretch };
    let line = Geometry::MultiLineString(asked.pieces.iter().map(|p| LineString::from(p.edge)).collect());
    let boxes = boxes_around(&line, query.within_m);
    let mut found: Vec<Along<'a>> = Vec::new();
    for (n, collection) in query.collections.iter().enumerate() {
        if query.collections[..n].contains(collection) {
            continue;
        }
        let wanted = Wanted::new(*collection, &query.filters, None);
        let mut candidates: Vec<Shown<'a>> =
            boxes.iter().flat_map(|bbox| view.in_bbox(*collection, *bbox)).filter(|s| wanted.accepts(s)).collect();
        candidates.sort_unstable_by_key(Shown::id);
        candidates.dedup_by_key(|shown| shown.id());
        found.extend(candidates.into_iter().filter_map(|shown| {
            let (chainage_km, offset_m) = match shown.geometry()? {
                Geometry::Point(point) => {
                    let (edge, nearest) = whole.nearest(point.x(), point.y(), query.within_m)?;
                    let km = border[edge].km_at(Coord { x: nearest.lon, y: nearest.lat });
                    (km >= from_km - SLACK_KM && km <= to_km + SLACK_KM).then_some((km, nearest.distance_m))?
                }
                extended => asked.nearest(extended, query.within_m)?,
            };
            Some(Along { shown, chainage_km, offset_m })
        }));
    }
    let key = |along: &Along<'_>| (along.shown.collection().index(), along.shown.id());
    found.sort_unstable_by(|a, b| a.chainage_km.total_cmp(&b.chainage_km).then_with(|| key(a).cmp(&key(b))));
    found
}

/// The edges of a sector. One without `from_km` begins at 0; one without `to_km` is as long as its line.
fn pieces(sector: &Shown<'_>) -> Vec<Piece> {
    let mut edges = Vec::new();
    match sector.geometry() {
        Some(geometry @ (Geometry::LineString(_) | Geometry::MultiLineString(_))) => edges_of(geometry, &mut edges),
        _ => return Vec::new(),
    }
    let total_m: f64 = edges.iter().map(edge_m).sum();
    let from_km = sector.number("from_km").unwrap_or(0.0);
    let to_km = sector.number("to_km").unwrap_or(from_km + total_m / 1_000.0);
    let mut before_m = 0.0;
    let km = |metres: f64| if total_m > 0.0 { from_km + (to_km - from_km) * metres / total_m } else { from_km };
    edges
        .into_iter()
        .map(|edge| {
            let start = before_m;
            before_m += edge_m(&edge);
            Piece { edge, from_km: km(start), to_km: km(before_m) }
        })
        .collect()
}

fn edge_m(edge: &Line<f64>) -> f64 {
    length_m(&LineString::from(*edge))
}

impl Piece {
    /// Chainage of a point that lies on the edge.
    fn km_at(&self, at: Coord) -> f64 {
        let total_m = edge_m(&self.edge);
        if total_m <= 0.0 {
            return self.from_km;
        }
        let share = (edge_m(&Line::new(self.edge.start, at)) / total_m).clamp(0.0, 1.0);
        self.from_km + (self.to_km - self.from_km) * share
    }

    /// The place on the edge at a share (0..1) of its length.
    fn at_share(&self, share: f64) -> Coord {
        let total_m = edge_m(&self.edge);
        let on = |t: f64| self.edge.start + self.edge.delta() * t;
        let mut t = share;
        // Degrees and metres are nearly in step along an edge: three corrections leave nothing.
        for _ in 0..3 {
            let off_m = edge_m(&Line::new(self.edge.start, on(t))) - share * total_m;
            t -= if total_m > 0.0 { off_m / total_m } else { 0.0 };
        }
        on(t.clamp(0.0, 1.0))
    }

    /// The part of the edge between two chainages.
    fn cut(&self, from_km: f64, to_km: f64) -> Option<Self> {
        let (low, high) = (self.from_km.min(self.to_km), self.from_km.max(self.to_km));
        if high < from_km - SLACK_KM || low > to_km + SLACK_KM {
            return None;
        }
        if low >= from_km && high <= to_km {
            return Some(*self);
        }
        let share = |km: f64| ((km - self.from_km) / (self.to_km - self.from_km)).clamp(0.0, 1.0);
        let (a, b) = (share(from_km.max(low)), share(to_km.min(high)));
        let (a, b) = (a.min(b), a.max(b));
        let km = |share: f64| self.from_km + (self.to_km - self.from_km) * share;
        Some(Self { edge: Line::new(self.at_share(a), self.at_share(b)), from_km: km(a), to_km: km(b) })
    }
}

/// The asked part of the border.
struct Stretch {
    tree: EdgeTree,
    pieces: Vec<Piece>,
}

impl Stretch {
    /// Where the stretch comes nearest to a line or area: chainage in kilometres and distance in metres.
    fn nearest(&self, geometry: &Geometry<f64>, limit_m: f64) -> Option<(f64, f64)> {
        let mut edges = Vec::new();
        edges_of(geometry, &mut edges);
        if let Some(km) = self.first_meeting(geometry, &edges) {
            return Some((km, 0.0));
        }
        let mut best: Option<(f64, f64)> = None;
        let mut offer = |km: f64, metres: f64| {
            let better = best.is_none_or(|(known_km, known_m)| {
                metres < known_m - SAME_M || (metres < known_m + SAME_M && km < known_km)
            });
            if better && metres <= limit_m {
                best = Some((km, metres));
            }
            best.map_or(limit_m, |(_, metres)| metres) + SAME_M
        };
        let mut limit = limit_m + SAME_M;
        for stop in edges.iter().flat_map(stops) {
            if let Some((edge, near)) = self.tree.nearest(stop.x, stop.y, limit) {
                limit = offer(self.pieces[edge].km_at(Coord { x: near.lon, y: near.lat }), near.distance_m);
            }
        }
        let other = EdgeTree::new(edges.iter().copied());
        for piece in &self.pieces {
            for stop in stops(&piece.edge) {
                if let Some((_, near)) = other.nearest(stop.x, stop.y, limit) {
                    limit = offer(piece.km_at(stop), near.distance_m);
                }
            }
        }
        best
    }

    /// The least chainage at which the stretch meets the geometry.
    fn first_meeting(&self, geometry: &Geometry<f64>, edges: &[Line<f64>]) -> Option<f64> {
        let mut least: Option<f64> = None;
        let mut offer = |km: f64| least = Some(least.map_or(km, |known: f64| known.min(km)));
        let area = PreparedArea::new(geometry);
        for piece in &self.pieces {
            for (end, km) in [(piece.edge.start, piece.from_km), (piece.edge.end, piece.to_km)] {
                if area.contains(end.x, end.y) {
                    offer(km);
                }
            }
        }
        for edge in edges {
            for piece in self.tree.beside(edge).map(|slot| &self.pieces[slot]) {
                for at in meeting(&piece.edge, edge).into_iter().flatten() {
                    offer(piece.km_at(at));
                }
            }
        }
        least
    }
}

/// The point where two edges cross, or both ends of what they share.
fn meeting(a: &Line<f64>, b: &Line<f64>) -> [Option<Coord>; 2] {
    use geo::line_intersection::{LineIntersection, line_intersection};
    match line_intersection(*a, *b) {
        Some(LineIntersection::SinglePoint { intersection, .. }) => [Some(intersection), None],
        Some(LineIntersection::Collinear { intersection }) => [Some(intersection.start), Some(intersection.end)],
        None => [None, None],
    }
}

/// The ends of an edge, and stops between them along one longer than [`PIECE_DEG`].
fn stops(edge: &Line<f64>) -> impl Iterator<Item = Coord> {
    let edge = *edge;
    let pieces = (edge.dx().abs().max(edge.dy().abs()) / PIECE_DEG).ceil().max(1.0);
    (0..=pieces as u32).map(move |n| edge.start + edge.delta() * (f64::from(n) / pieces))
}
