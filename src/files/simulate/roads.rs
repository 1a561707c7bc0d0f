//! The road network as the simulation needs it: vertices, their neighbours, the shortest way.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use geo_types::{Geometry, LineString};

use crate::geometry::measure::approx_distance_m;

/// Two vertices closer than this (about a metre) are one.
const SAME_VERTEX: f64 = 1e5;

/// A graph of the vertices of road lines.
#[derive(Default)]
pub(super) struct Roads {
    /// `[lon, lat]`.
    vertices: Vec<[f64; 2]>,
    /// Neighbours and metres to them.
    neighbours: Vec<Vec<(usize, f64)>>,
    by_place: HashMap<(i64, i64), usize>,
}

impl Roads {
    /// Of these lines, joined where they share a vertex.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Geometry<f64>>) -> Self {
        let mut roads = Self::default();
        for geometry in lines {
            match geometry {
                Geometry::LineString(line) => roads.add(line),
                Geometry::MultiLineString(lines) => lines.0.iter().for_each(|line| roads.add(line)),
                _ => {}
            }
        }
        roads
    }

    fn add(&mut self, line: &LineString<f64>) {
        let mut before: Option<usize> = None;
        for place in &line.0 {
            let key = ((place.x * SAME_VERTEX).round() as i64, (place.y * SAME_VERTEX).round() as i64);
            let next = self.vertices.len();
            let vertex = *self.by_place.entry(key).or_insert(next);
            if vertex == next {
                self.vertices.push([place.x, place.y]);
                self.neighbours.push(Vec::new());
            }
            if let Some(before) = before.filter(|before| *before != vertex) {
                let [a, b] = [self.vertices[before], self.vertices[vertex]];
                let metres = approx_distance_m(a[0], a[1], b[0], b[1]);
                self.neighbours[before].push((vertex, metres));
                self.neighbours[vertex].push((before, metres));
            }
            before = Some(vertex);
        }
    }

    /// How many vertices.
    pub fn len(&self) -> usize {
        self.vertices.len()
    }

    /// Place of a vertex.
    pub fn place(&self, vertex: usize) -> [f64; 2] {
        self.vertices[vertex]
    }

    /// The vertex nearest to a place; `None` without roads.
    pub fn nearest(&self, [lon, lat]: [f64; 2]) -> Option<usize> {
        // Some thousand vertices, asked a few times a minute: looking at each is quick enough.
        let far = |v: &usize| approx_distance_m(lon, lat, self.vertices[*v][0], self.vertices[*v][1]);
        (0..self.len()).min_by(|a, b| far(a).total_cmp(&far(b)))
    }

    /// The shortest way between two places: to the nearest road, along it, and from it. Straight without roads.
    pub fn way(&self, from: [f64; 2], to: [f64; 2]) -> Vec<[f64; 2]> {
        let mut way = vec![from];
        if let (Some(start), Some(end)) = (self.nearest(from), self.nearest(to)) {
            way.extend(self.shortest(start, end).into_iter().map(|vertex| self.vertices[vertex]));
        }
        way.push(to);
        way.dedup();
        way
    }

    fn shortest(&self, start: usize, end: usize) -> Vec<usize> {
        let mut best = vec![f64::INFINITY; self.len()];
        let mut came_from = vec![usize::MAX; self.len()];
        let mut open = BinaryHeap::from([(Reverse(0_u64), start)]);
        best[start] = 0.0;
        while let Some((_, vertex)) = open.pop() {
            if vertex == end {
                break;
            }
            for (next, metres) in &self.neighbours[vertex] {
                let there = best[vertex] + metres;
                if there < best[*next] {
                    best[*next] = there;
                    came_from[*next] = vertex;
                    // Millimetres order the heap as well as metres do, and are whole numbers.
                    open.push((Reverse((there * 1_000.0) as u64), *next));
                }
            }
        }
        let mut way = vec![end];
        let mut at = end;
        while at != start && came_from[at] != usize::MAX {
            at = came_from[at];
            way.push(at);
        }
        way.reverse();
        // Roads that do not meet: from the end of one straight to the other.
        if way.first() != Some(&start) {
            way.insert(0, start);
        }
        way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_follows_the_roads() {
        let line = |places: &[(f64, f64)]| Geometry::LineString(LineString::from(places.to_vec()));
        let lines = [line(&[(103.0, 22.0), (103.1, 22.0), (103.1, 22.1)]), line(&[(103.1, 22.1), (103.2, 22.1)])];
        let roads = Roads::of(&lines);
        assert_eq!(roads.len(), 4);
        let way = roads.way([103.0, 22.01], [103.2, 22.11]);
        assert_eq!(way, [[103.0, 22.01], [103.0, 22.0], [103.1, 22.0], [103.1, 22.1], [103.2, 22.1], [103.2, 22.11]]);
        assert_eq!(Roads::default().way([1.0, 2.0], [3.0, 4.0]), [[1.0, 2.0], [3.0, 4.0]]);
    }
}
