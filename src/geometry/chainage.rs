//! Kilometres along the border and along roads: calibrated linear referencing (ISO 19148).
//!
//! What stands on a stone or a post is not what a tape laid on our line measures. A calibration holds pairs of
//! "metres along the drawn line" and "kilometre as posted", linear between them. Beyond the outer pairs a kilometre
//! is a thousand metres.

use geo_types::{Coord, Geometry, LineString, MultiLineString};

use super::earth::{edge_length_m, on_edge};
use super::nearest::nearest_on_lines;

/// Pairs of measured metres and posted kilometres, both strictly ordered.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// (metres along the line, ascending; kilometres, all ascending or all descending).
    anchors: Vec<(f64, f64)>,
}

/// Anchors nearer than this to each other count as one, metres (and thousandths of a kilometre).
const ANCHOR_GAP_M: f64 = 0.001;

impl Calibration {
    /// A calibration from (metres along the line, kilometre) pairs in any order. Pairs that would make kilometres run
    /// back and forth are left out, as few as possible. `None` without a finite pair.
    #[must_use]
    pub fn new(pairs: &[(f64, f64)]) -> Option<Self> {
        let mut sorted: Vec<(f64, f64)> =
            pairs.iter().copied().filter(|(m, km)| m.is_finite() && km.is_finite()).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let up = longest_run(&sorted, 1.0);
        let down = longest_run(&sorted, -1.0);
        let anchors = if down.len() > up.len() { down } else { up };
        (!anchors.is_empty()).then_some(Self { anchors })
    }

    /// The pairs in use, by metres.
    #[must_use]
    pub fn anchors(&self) -> &[(f64, f64)] {
        &self.anchors
    }

    /// The kilometre that stands `metres` along the line.
    #[must_use]
    pub fn km_at(&self, metres: f64) -> f64 {
        interpolate(&self.anchors, metres, self.direction() / 1_000.0)
    }

    /// How far along the line a kilometre stands, metres; may lie beyond its ends.
    #[must_use]
    pub fn metres_at(&self, km: f64) -> f64 {
        let direction = self.direction();
        let mut turned: Vec<(f64, f64)> = self.anchors.iter().map(|(m, km)| (*km, *m)).collect();
        if direction < 0.0 {
            turned.reverse();
        }
        interpolate(&turned, km, direction * 1_000.0)
    }

    /// 1 where kilometres grow along the line, −1 where they fall.
    fn direction(&self) -> f64 {
        match self.anchors.as_slice() {
            [first, .., last] if last.1 < first.1 => -1.0,
            _ => 1.0,
        }
    }
}

/// The longest part of the pairs (ascending in metres) whose kilometres ascend (or, with −1, descend).
fn longest_run(sorted: &[(f64, f64)], direction: f64) -> Vec<(f64, f64)> {
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(sorted.len());
    for (i, (m, km)) in sorted.iter().enumerate() {
        let before = (0..i)
            .filter(|j| m - sorted[*j].0 > ANCHOR_GAP_M && (km - sorted[*j].1) * direction * 1_000.0 > ANCHOR_GAP_M)
            .max_by_key(|j| best[*j].0);
        best.push((before.map_or(1, |j| best[j].0 + 1), before));
    }
    let mut at = (0..sorted.len()).max_by_key(|i| best[*i].0);
    let mut run = Vec::new();
    while let Some(i) = at {
        run.push(sorted[i]);
        at = best[i].1;
    }
    run.reverse();
    run
}

/// The value at `x` on a broken line through points ascending in x, going on with `slope` beyond its ends.
fn interpolate(points: &[(f64, f64)], x: f64, slope: f64) -> f64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return x * slope };
    if x <= first.0 {
        return first.1 + (x - first.0) * slope;
    }
    if x >= last.0 {
        return last.1 + (x - last.0) * slope;
    }
    let after = points.partition_point(|p| p.0 <= x).min(points.len() - 1);
    let ((x0, y0), (x1, y1)) = (points[after - 1], points[after]);
    y0 + (y1 - y0) * (x - x0) / (x1 - x0)
}

/// Where a place falls on a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projected {
    pub km: f64,
    /// Distance from the place to the route, metres.
    pub offset_m: f64,
    /// The nearest point of the route, degrees.
    pub lon: f64,
    pub lat: f64,
    /// Which section of the route, in the order given.
    pub section: usize,
}

/// A road, the border, or any line with kilometres: one or more sections, each with its own calibration.
#[derive(Clone, Debug)]
pub struct Route {
    sections: Vec<Section>,
}

/// Lines measured as one, end to end; gaps between them count no metres.
#[derive(Clone, Debug)]
struct Section {
    lines: Vec<LineString>,
    /// For each line, metres from the start of the section to each vertex.
    measures: Vec<Vec<f64>>,
    length_m: f64,
    calibration: Calibration,
}

impl Route {
    /// A route of sectors, each from a kilometre at its first vertex to one at its last. Sectors without lines are
    /// kept as empty sections, so that section numbers match. Kilometres may fall along a sector.
    #[must_use]
    pub fn of_sectors<'a>(sectors: impl IntoIterator<Item = (&'a Geometry, f64, f64)>) -> Self {
        let sections = sectors
            .into_iter()
            .map(|(geometry, from_km, to_km)| {
                let mut section = Section::measured(geometry);
                let pairs = [(0.0, from_km), (section.length_m, to_km)];
                if let Some(calibration) = Calibration::new(&pairs) {
                    section.calibration = calibration;
                }
                section
            })
            .collect();
        Self { sections }
    }

    /// One line calibrated by posts `[km, lon, lat]`, each put on its nearest point, and by the kilometres of its
    /// ends where they are known. `None` where nothing calibrates it.
    #[must_use]
    pub fn with_posts(
        geometry: &Geometry,
        posts: &[[f64; 3]],
        km_from: Option<f64>,
        km_to: Option<f64>,
    ) -> Option<Self> {
        let mut section = Section::measured(geometry);
        let mut pairs: Vec<(f64, f64)> = posts
            .iter()
            .filter_map(|[km, lon, lat]| section.along(*lon, *lat).map(|foot| (foot.metres, *km)))
            .collect();
        pairs.extend(km_from.map(|km| (0.0, km)));
        pairs.extend(km_to.map(|km| (section.length_m, km)));
        section.calibration = Calibration::new(&pairs)?;
        Some(Self { sections: vec![section] })
    }

    /// The point at a kilometre: `[lon, lat]`; `None` beyond the ends of every section.
    #[must_use]
    pub fn locate(&self, km: f64) -> Option<[f64; 2]> {
        self.sections.iter().find_map(|section| {
            let metres = section.calibration.metres_at(km);
            // A micrometre of slack: the kilometre of an end must find that end.
            let inside = metres >= -1e-6 && metres <= section.length_m + 1e-6;
            let point = inside.then(|| section.point_at(metres)).flatten()?;
            Some([point.x, point.y])
        })
    }

    /// The nearest point of the route to a place, and its kilometre; `None` for a route without lines.
    #[must_use]
    pub fn project(&self, lon: f64, lat: f64) -> Option<Projected> {
        let feet = self.sections.iter().enumerate().filter_map(|(section, s)| Some((section, s.along(lon, lat)?)));
        let (section, foot) = feet.min_by(|a, b| a.1.offset_m.total_cmp(&b.1.offset_m))?;
        let km = self.sections[section].calibration.km_at(foot.metres);
        Some(Projected { km, offset_m: foot.offset_m, lon: foot.lon, lat: foot.lat, section })
    }

    /// The line between two kilometres, in either order, drawn as the sections are; empty where none lies between.
    #[must_use]
    pub fn part(&self, from_km: f64, to_km: f64) -> MultiLineString {
        let mut lines = Vec::new();
        for section in &self.sections {
            let (a, b) = (section.calibration.metres_at(from_km), section.calibration.metres_at(to_km));
            section.part(a.min(b), a.max(b), &mut lines);
        }
        MultiLineString(lines)
    }

    /// Least and greatest kilometre; `None` for a route without lines.
    #[must_use]
    pub fn km_range(&self) -> Option<(f64, f64)> {
        let ends = self
            .sections
            .iter()
            .filter(|s| s.length_m > 0.0)
            .flat_map(|s| [s.calibration.km_at(0.0), s.calibration.km_at(s.length_m)]);
        ends.fold(None, |range, km| {
            let (low, high) = range.unwrap_or((km, km));
            Some((km.min(low), km.max(high)))
        })
    }

    /// Length of the drawn lines, metres.
    #[must_use]
    pub fn length_m(&self) -> f64 {
        self.sections.iter().map(|section| section.length_m).sum()
    }
}

struct Foot {
    metres: f64,
    offset_m: f64,
    lon: f64,
    lat: f64,
}

impl Section {
    fn measured(geometry: &Geometry) -> Self {
        let lines: Vec<LineString> = match geometry {
            Geometry::LineString(line) => vec![line.clone()],
            Geometry::MultiLineString(lines) => lines.0.clone(),
            Geometry::Line(line) => vec![LineString(vec![line.start, line.end])],
            _ => Vec::new(),
        };
        let mut length_m = 0.0;
        let measures = lines
            .iter()
            .map(|line| {
                let mut to_vertex = vec![length_m];
                for edge in line.0.windows(2) {
                    length_m += edge_length_m(edge[0], edge[1]);
                    to_vertex.push(length_m);
                }
                to_vertex
            })
            .collect();
        Self { lines, measures, length_m, calibration: Calibration { anchors: vec![(0.0, 0.0)] } }
    }

    fn along(&self, lon: f64, lat: f64) -> Option<Foot> {
        let found = nearest_on_lines(&self.lines, lon, lat)?;
        let line = &self.lines[found.path].0;
        let start = line[found.edge];
        let end = line.get(found.edge + 1).copied().unwrap_or(start);
        let metres = self.measures[found.path][found.edge] + edge_length_m(start, on_edge(start, end, found.t));
        let near = found.nearest;
        Some(Foot { metres, offset_m: near.distance_m, lon: near.lon, lat: near.lat })
    }

    /// The point so many metres along; the ends for what lies beyond them.
    fn point_at(&self, metres: f64) -> Option<Coord> {
        let line = self.measures.iter().position(|m| m.last().is_some_and(|last| metres <= *last));
        let line = line.or_else(|| self.measures.len().checked_sub(1))?;
        let (coords, to_vertex) = (&self.lines[line].0, &self.measures[line]);
        let after = to_vertex.partition_point(|m| *m <= metres);
        if after == 0 || after == coords.len() {
            return if after == 0 { coords.first().copied() } else { coords.last().copied() };
        }
        Some(on_edge_at(coords[after - 1], coords[after], metres - to_vertex[after - 1]))
    }

    /// Adds the lines between two measures.
    fn part(&self, from_m: f64, to_m: f64, lines: &mut Vec<LineString>) {
        for (line, to_vertex) in self.lines.iter().zip(&self.measures) {
            let (Some(first), Some(last)) = (to_vertex.first(), to_vertex.last()) else { continue };
            let (start, end) = (from_m.max(*first), to_m.min(*last));
            if end - start <= 1e-6 {
                continue;
            }
            let mut coords = Vec::new();
            for (i, edge) in line.0.windows(2).enumerate() {
                let (a, b) = (to_vertex[i], to_vertex[i + 1]);
                if b <= start || a >= end {
                    continue;
                }
                if coords.is_empty() {
                    coords.push(if start > a { on_edge_at(edge[0], edge[1], start - a) } else { edge[0] });
                }
                coords.push(if end < b { on_edge_at(edge[0], edge[1], end - a) } else { edge[1] });
            }
            coords.dedup();
            if coords.len() > 1 {
                lines.push(LineString(coords));
            }
        }
    }
}

/// The point of an edge so many metres after its start.
fn on_edge_at(a: Coord, b: Coord, metres: f64) -> Coord {
    let length = edge_length_m(a, b);
    if length <= 0.0 {
        return a;
    }
    // Metres are nearly even along an edge; three corrections make them exact on edges of a hundred kilometres.
    let mut t = (metres / length).clamp(0.0, 1.0);
    for _ in 0..3 {
        let reached = edge_length_m(a, on_edge(a, b, t));
        t = (t + (metres - reached) / length).clamp(0.0, 1.0);
    }
    on_edge(a, b, t)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::measure::{distance_m, length_m};

    fn road() -> Geometry {
        LineString::from(vec![(103.0, 22.0), (103.1, 22.05), (103.15, 22.0), (103.3, 22.2), (103.3, 22.4)]).into()
    }

    #[test]
    fn kilometres_are_linear_between_posts_and_plain_beyond_them() {
        let calibration = Calibration::new(&[(1_000.0, 10.0), (3_000.0, 11.0), (5_000.0, 14.0)]).unwrap();
        for (metres, km) in [(1_000.0, 10.0), (2_000.0, 10.5), (4_000.0, 12.5), (5_500.0, 14.5), (0.0, 9.0)] {
            assert!((calibration.km_at(metres) - km).abs() < 1e-12, "{metres}");
            assert!((calibration.metres_at(km) - metres).abs() < 1e-9, "{km}");
        }
    }

    #[test]
    fn kilometres_may_fall_along_the_line() {
        let calibration = Calibration::new(&[(0.0, 50.0), (10_000.0, 40.0), (20_000.0, 25.0)]).unwrap();
        assert_eq!(calibration.km_at(15_000.0), 32.5);
        assert_eq!(calibration.metres_at(32.5), 15_000.0);
        assert_eq!(calibration.km_at(21_000.0), 24.0);
        assert_eq!(calibration.metres_at(51.0), -1_000.0);
    }

    #[test]
    fn a_post_that_contradicts_the_others_is_left_out() {
        let calibration = Calibration::new(&[(0.0, 0.0), (1_000.0, 7.0), (2_000.0, 2.0), (3_000.0, 3.0)]).unwrap();
        assert_eq!(calibration.anchors(), [(0.0, 0.0), (2_000.0, 2.0), (3_000.0, 3.0)]);
        assert!(Calibration::new(&[(f64::NAN, 1.0)]).is_none() && Calibration::new(&[]).is_none());
    }

    #[test]
    fn the_ends_of_sectors_are_found_by_their_kilometres() {
        let west: Geometry = LineString::from(vec![(102.0, 22.4), (102.5, 22.6)]).into();
        let east: Geometry = LineString::from(vec![(102.5, 22.6), (103.0, 22.5)]).into();
        let border = Route::of_sectors([(&west, 0.0, 103.2), (&east, 103.2, 183.0)]);
        assert_eq!(border.locate(0.0), Some([102.0, 22.4]));
        assert_eq!(border.locate(103.2), Some([102.5, 22.6]));
        assert_eq!(border.locate(183.0), Some([103.0, 22.5]));
        assert_eq!((border.locate(-0.1), border.locate(183.1)), (None, None));
        let at = border.project(103.1, 22.5).unwrap();
        assert!((at.km - 183.0).abs() < 1e-9 && at.section == 1 && (at.lon, at.lat) == (103.0, 22.5));
        assert_eq!(border.km_range(), Some((0.0, 183.0)));
        let part = border.part(90.0, 110.0);
        assert_eq!((part.0.len(), part.0[0].0.last(), part.0[1].0.first()), (2, Some(&west_end()), Some(&west_end())));
    }

    fn west_end() -> Coord {
        Coord { x: 102.5, y: 22.6 }
    }

    #[test]
    fn posts_beside_the_road_calibrate_it() {
        let route = Route::with_posts(
            &road(),
            &[[40.0, 103.1, 22.0501], [46.0, 103.15, 21.9995], [70.0, 103.301, 22.4]],
            None,
            None,
        )
        .unwrap();
        let bend = route.locate(46.0).unwrap();
        assert!(distance_m(bend[0], bend[1], 103.15, 22.0) < 0.001);
        assert!((route.project(103.3, 22.4).unwrap().km - 70.0).abs() < 1e-6);
        assert!(Route::with_posts(&road(), &[], None, None).is_none());
        let reversed = Route::with_posts(&road(), &[], Some(70.0), Some(40.0)).unwrap();
        assert_eq!(reversed.locate(40.0), Some([103.3, 22.4]));
    }

    #[test]
    fn a_route_in_pieces_counts_no_metres_for_its_gaps() {
        let pieces: Geometry = MultiLineString(vec![
            LineString::from(vec![(103.0, 22.0), (103.1, 22.0)]),
            LineString::from(vec![(103.5, 22.0), (103.6, 22.0)]),
        ])
        .into();
        let route = Route::of_sectors([(&pieces, 0.0, 10.0)]);
        let middle = route.locate(7.5).unwrap();
        assert!((middle[0] - 103.55).abs() < 1e-9);
        assert_eq!(route.part(2.5, 7.5).0.len(), 2);
    }

    proptest! {
        #[test]
        fn a_point_comes_back_to_its_kilometre(share in 0.0..1.0f64, other in 0.0..1.0f64) {
            let route = Route::with_posts(&road(), &[[44.0, 103.15, 22.0]], Some(30.0), Some(80.0)).unwrap();
            let (km, other) = (30.0 + 50.0 * share, 30.0 + 50.0 * other);
            let at = route.locate(km).unwrap();
            let back = route.project(at[0], at[1]).unwrap();
            prop_assert!((back.km - km).abs() < 2e-6, "{} for {km}", back.km);
            prop_assert!(back.offset_m < 0.002);
            let part: f64 = route.part(km, other).0.iter().map(length_m).sum();
            let metres = |km| route.sections[0].calibration.metres_at(km);
            prop_assert!((part - (metres(km) - metres(other)).abs()).abs() < 0.002);
        }
    }
}
