//! A packed tree over boxes in degrees: built once, never changed, about 25 bytes a point.
//!
//! Entries are halved again and again at the median of their longer side until at most sixteen are left; the boxes of
//! two halvings at a time form a complete tree of four children a node, in one array. A search goes to the nearest
//! child first and cuts one off when a proved lower bound of its distance lies above the mark.

use std::f64::consts::PI;

use crate::geometry::measure::degree_box;

/// `[west, south, east, north]`, degrees.
pub(super) type Bbox = [f64; 4];

/// Entries a leaf holds at most.
const LEAF: usize = 16;
/// Nodes that wait on the way down, at most: three of each level, for slots that are counted in 32 bits.
const STACK: usize = 3 * 16 + 1;
/// From so many entries on, both halves are built at once.
const PARALLEL_FROM: usize = 100_000;
/// The least radius of curvature of WGS 84 (along the meridian at the equator), metres, rounded down: with geodetic
/// latitudes taken as spherical ones, no path on the ellipsoid is shorter than on the sphere of this radius.
const RADIUS_MIN_M: f64 = 6_335_439.3;
/// The greatest radius of curvature (at the poles), metres, rounded up: no path is longer than on this sphere.
const RADIUS_MAX_M: f64 = 6_399_593.7;

/// A box with the slot of what it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub bbox: Bbox,
    pub slot: u32,
}

#[derive(Debug)]
enum Boxes {
    Points(Box<[[f64; 2]]>),
    Boxes(Box<[Bbox]>),
}

/// The tree.
#[derive(Debug)]
pub(super) struct Packed {
    boxes: Boxes,
    slots: Box<[u32]>,
    /// Around all entries.
    bounds: Bbox,
    /// Inner nodes by level; node `i` has the children `4i + 1` to `4i + 4`, the nodes after the last inner one are
    /// leaves.
    quads: Box<[Quad]>,
    leaves: usize,
}

/// The boxes of a node's four children, in single precision and rounded outwards: one line of the processor's cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Quad {
    west: [f32; 4],
    south: [f32; 4],
    east: [f32; 4],
    north: [f32; 4],
}

impl Quad {
    const EMPTY: Self = Self {
        west: [f32::INFINITY; 4],
        south: [f32::INFINITY; 4],
        east: [f32::NEG_INFINITY; 4],
        north: [f32::NEG_INFINITY; 4],
    };

    fn child(&self, at: usize) -> Bbox {
        [self.west[at].into(), self.south[at].into(), self.east[at].into(), self.north[at].into()]
    }

    fn set(&mut self, at: usize, bbox: &Bbox) {
        let below = |side: f64| if f64::from(side as f32) > side { (side as f32).next_down() } else { side as f32 };
        let above = |side: f64| if f64::from(side as f32) < side { (side as f32).next_up() } else { side as f32 };
        (self.west[at], self.south[at]) = (below(bbox[0]), below(bbox[1]));
        (self.east[at], self.north[at]) = (above(bbox[2]), above(bbox[3]));
    }
}

const NOTHING: Bbox = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];

fn union(a: &Bbox, b: &Bbox) -> Bbox {
    [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
}

fn around(entries: &[Entry]) -> Bbox {
    entries.iter().fold(NOTHING, |whole, entry| union(&whole, &entry.bbox))
}

/// Whether two boxes share a point.
pub(super) fn meet(a: &Bbox, b: &Bbox) -> bool {
    a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3]
}

/// Where leaf `j` of `leaves` begins among `n` entries.
fn leaf_start(j: usize, n: usize, leaves: usize) -> usize {
    (j as u64 * n as u64 / leaves as u64) as usize
}

impl Packed {
    /// Builds the tree. Entries must be finite.
    pub fn new(mut entries: Vec<Entry>) -> Self {
        let n = entries.len();
        let mut leaves = 1;
        while leaves * LEAF < n {
            leaves *= 4;
        }
        halve(&mut entries, 0, leaves, n, leaves);
        let inner = (leaves - 1) / 3;
        let mut quads = vec![Quad::EMPTY; inner].into_boxed_slice();
        for node in (1..inner + leaves).rev() {
            let bbox = match node.checked_sub(inner) {
                Some(leaf) => around(&entries[leaf_start(leaf, n, leaves)..leaf_start(leaf + 1, n, leaves)]),
                None => (0..4).fold(NOTHING, |whole, at| union(&whole, &quads[node].child(at))),
            };
            quads[(node - 1) / 4].set((node - 1) % 4, &bbox);
        }
        let points = entries.iter().all(|entry| entry.bbox[0] == entry.bbox[2] && entry.bbox[1] == entry.bbox[3]);
        let boxes = if points {
            Boxes::Points(entries.iter().map(|entry| [entry.bbox[0], entry.bbox[1]]).collect())
        } else {
            Boxes::Boxes(entries.iter().map(|entry| entry.bbox).collect())
        };
        let slots = entries.iter().map(|entry| entry.slot).collect();
        Self { boxes, slots, bounds: around(&entries), quads, leaves }
    }

    /// The box around all entries; `None` if there is none.
    pub fn bounds(&self) -> Option<Bbox> {
        (self.bounds[0] <= self.bounds[2]).then_some(self.bounds)
    }

    fn bbox(&self, at: usize) -> Bbox {
        match &self.boxes {
            Boxes::Points(points) => [points[at][0], points[at][1], points[at][0], points[at][1]],
            Boxes::Boxes(boxes) => boxes[at],
        }
    }

    /// The slot of an entry.
    pub fn slot(&self, entry: usize) -> usize {
        self.slots[entry] as usize
    }

    /// The slots of the entries, in their order.
    pub fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// Of something that is known of each entry: for every node what its entries have in common, `mixed` where they
    /// differ.
    pub fn in_common<T: Copy + PartialEq>(&self, of_entry: &[T], mixed: T) -> Box<[T]> {
        let mut of_node = vec![mixed; self.quads.len() + self.leaves];
        for node in (0..of_node.len()).rev() {
            let below = match self.entries_of(node) {
                Some(entries) => &of_entry[entries],
                None => &of_node[4 * node + 1..4 * node + 5],
            };
            if let Some((first, others)) = below.split_first() {
                of_node[node] = if others.iter().all(|other| other == first) { *first } else { mixed };
            }
        }
        of_node.into_boxed_slice()
    }

    /// The entries of a node that is a leaf.
    fn entries_of(&self, node: usize) -> Option<std::ops::Range<usize>> {
        let (n, leaf) = (self.slots.len(), node.checked_sub(self.quads.len())?);
        Some(leaf_start(leaf, n, self.leaves)..leaf_start(leaf + 1, n, self.leaves))
    }

    /// The entries whose boxes share a point with `bbox` (which does not cross the date line), in no useful order;
    /// nodes that `lets` does not let pass are left out with all that is below them.
    pub fn in_box<F: Fn(usize) -> bool>(&self, bbox: Bbox, lets: F) -> InBox<'_, F> {
        InBox { tree: self, bbox, lets, stack: vec![0], leaf: 0..0 }
    }

    /// Goes through the entries from near to far, roughly, and gives `visit` those whose lower bound is at most
    /// `mark_m2` (square metres): `visit(bound_m2, bbox, entry)` returns the mark from then on. Nodes that `lets` does
    /// not let pass are left out with all that is below them.
    pub fn nearest(
        &self,
        metric: &Metric,
        mark_m2: f64,
        lets: &impl Fn(usize) -> bool,
        visit: &mut impl FnMut(f64, &Bbox, usize) -> f64,
    ) {
        let mut mark = mark_m2;
        let mut stack: Vec<(f64, usize)> = Vec::with_capacity(STACK);
        stack.push((metric.least_m2(&self.bounds), 0));
        while let Some((bound, node)) = stack.pop() {
            if bound > mark || !lets(node) {
                continue;
            }
            if let Some(entries) = self.entries_of(node) {
                for at in entries {
                    let bbox = self.bbox(at);
                    let bound = metric.least_m2(&bbox);
                    if bound <= mark {
                        mark = visit(bound, &bbox, at);
                    }
                }
                continue;
            }
            // The nearest child is looked at first, so it is the last to go on the stack.
            let first = stack.len();
            for (child, bound) in metric.least_m2_of(&self.quads[node]).into_iter().enumerate() {
                if bound <= mark {
                    stack.push((bound, 4 * node + 1 + child));
                    let mut at = stack.len() - 1;
                    while at > first && stack[at - 1].0 < bound {
                        stack.swap(at - 1, at);
                        at -= 1;
                    }
                }
            }
        }
    }
}

/// Sorts `entries`, which fill `leaves` leaves from leaf `first` of `of` on, into their leaves.
fn halve(entries: &mut [Entry], first: usize, leaves: usize, n: usize, of: usize) {
    if leaves <= 1 {
        return;
    }
    let middle = leaf_start(first + leaves / 2, n, of) - leaf_start(first, n, of);
    let extent = entries.iter().fold(NOTHING, |whole, entry| union(&whole, &entry.bbox));
    let lon_scale = f64::midpoint(extent[1], extent[3]).to_radians().cos().max(0.0);
    let axis = usize::from((extent[2] - extent[0]) * lon_scale < extent[3] - extent[1]);
    if middle < entries.len() {
        entries.select_nth_unstable_by(middle, |a, b| {
            (a.bbox[axis] + a.bbox[axis + 2]).total_cmp(&(b.bbox[axis] + b.bbox[axis + 2]))
        });
    }
    let (left, right) = entries.split_at_mut(middle);
    let half = leaves / 2;
    if left.len() >= PARALLEL_FROM {
        std::thread::scope(|scope| {
            scope.spawn(|| halve(left, first, half, n, of));
            halve(right, first + half, half, n, of);
        });
    } else {
        halve(left, first, half, n, of);
        halve(right, first + half, half, n, of);
    }
}

/// See [`Packed::in_box`].
pub(super) struct InBox<'a, F> {
    tree: &'a Packed,
    bbox: Bbox,
    lets: F,
    stack: Vec<usize>,
    leaf: std::ops::Range<usize>,
}

impl<F: Fn(usize) -> bool> Iterator for InBox<'_, F> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            for at in self.leaf.by_ref() {
                if meet(&self.tree.bbox(at), &self.bbox) {
                    return Some(at);
                }
            }
            let node = self.stack.pop()?;
            if !(self.lets)(node) {
                continue;
            }
            if let Some(entries) = self.tree.entries_of(node) {
                self.leaf = entries;
                continue;
            }
            let quad = &self.tree.quads[node];
            let met = (0..4).rev().filter(|at| meet(&quad.child(*at), &self.bbox));
            self.stack.extend(met.map(|at| 4 * node + 1 + at));
        }
    }
}

/// Bounds of distances from one place to places and boxes, for distances up to a radius.
///
/// On a sphere sin²(σ/2) = sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2). Within the degree box of the radius, sin x ≥ k·x
/// with k taken at the greatest x in play, and cos φ₂ is at least that at the edge of the box nearest to a pole, so
/// σ² ≥ k²Δφ² + k'²cos φ₁ cos φ₂ Δλ²: a plane metric. The ellipsoid's distance is at least [`RADIUS_MIN_M`]·σ.
/// What lies outside the degree box is farther than the radius, whatever its bound says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    lon: f64,
    lat: f64,
    /// Whether places beyond the date line may be within the radius.
    over_date_line: bool,
    /// Square metres for one square degree, at least.
    lat_least: f64,
    lon_least: f64,
    /// The same, at most; infinite where the radius is too large for a useful bound.
    lat_most: f64,
    lon_most: f64,
}

/// The greater of two numbers that are no NaN: one instruction, where [`f64::max`] must look for NaN.
fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// Half the central angle up to which upper bounds are given, radians (about 500 km).
const HALF_ANGLE_MOST: f64 = 0.05;

impl Metric {
    /// For places within `radius_m` of the place.
    pub fn new(lon: f64, lat: f64, radius_m: f64) -> Self {
        let angle = (radius_m / RADIUS_MIN_M).min(PI);
        let degrees = degree_box(lon, lat, radius_m);
        let around = degrees.first;
        let (south, north) = (around[1], around[3]);
        let cos = |lat: f64| lat.to_radians().cos().max(0.0);
        let cos_least = cos(south).min(cos(north));
        let cos_most = if south <= 0.0 && north >= 0.0 { 1.0 } else { cos(south).max(cos(north)) };
        // How wide the box is in longitude: a half circle where it holds a pole, else what a sphere gives.
        let wide = if south <= -90.0 || north >= 90.0 { PI } else { (angle.sin() / cos(lat)).clamp(0.0, 1.0).asin() };
        let wide = if angle >= PI / 2.0 { PI } else { wide };
        let shrink = |x: f64| if x < 1e-4 { 1.0 - x * x / 6.0 } else { x.sin() / x };
        let degree = 1f64.to_radians();
        // The last factors cover rounding in the arithmetic here.
        let least = RADIUS_MIN_M * degree * (1.0 - 1e-9);
        let (lat_least, lon_least) = (least * shrink(angle / 2.0), least * shrink(wide / 2.0));
        let most = if angle / 2.0 < HALF_ANGLE_MOST { RADIUS_MAX_M * degree * 1.001 } else { f64::INFINITY };
        Self {
            lon,
            lat,
            over_date_line: degrees.second.is_some() || around[2] - around[0] >= 360.0,
            lat_least: lat_least * lat_least,
            lon_least: lon_least * lon_least * cos(lat) * cos_least,
            lat_most: most * most,
            lon_most: most * most * cos(lat) * cos_most,
        }
    }

    /// Least distance to anything in the box, square metres.
    pub fn least_m2(&self, bbox: &Bbox) -> f64 {
        let dlat = greater(greater(bbox[1] - self.lat, self.lat - bbox[3]), 0.0);
        let mut dlon = greater(greater(bbox[0] - self.lon, self.lon - bbox[2]), 0.0);
        if self.over_date_line && dlon > 0.0 {
            dlon = dlon.min((bbox[0] + 360.0 - self.lon).min(self.lon + 360.0 - bbox[2]).max(0.0));
        }
        self.lat_least * dlat * dlat + self.lon_least * dlon * dlon
    }

    /// As [`Self::least_m2`], of a node's four children at once.
    fn least_m2_of(&self, quad: &Quad) -> [f64; 4] {
        if self.over_date_line {
            return std::array::from_fn(|at| self.least_m2(&quad.child(at)));
        }
        std::array::from_fn(|at| {
            let [west, south, east, north] = quad.child(at);
            let dlat = greater(greater(south - self.lat, self.lat - north), 0.0);
            let dlon = greater(greater(west - self.lon, self.lon - east), 0.0);
            self.lat_least * dlat * dlat + self.lon_least * dlon * dlon
        })
    }

    /// An upper bound of the distance to a point that lies within the radius, square metres; infinite if none is
    /// known.
    pub fn most_m2(&self, lon: f64, lat: f64) -> f64 {
        let dlat = lat - self.lat;
        let mut dlon = (lon - self.lon).abs();
        dlon = dlon.min(360.0 - dlon);
        let most = self.lat_most * dlat * dlat + self.lon_most * dlon * dlon;
        if most.is_nan() { f64::INFINITY } else { most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::measure::distance_m;
    use proptest::prelude::*;

    fn entries(points: &[(f64, f64)]) -> Vec<Entry> {
        points
            .iter()
            .enumerate()
            .map(|(at, (lon, lat))| Entry { bbox: [*lon, *lat, *lon, *lat], slot: at as u32 })
            .collect()
    }

    #[test]
    fn an_empty_tree_holds_nothing() {
        let tree = Packed::new(Vec::new());
        assert_eq!(tree.in_box([-180.0, -90.0, 180.0, 90.0], |_| true).count(), 0);
        let metric = Metric::new(0.0, 0.0, 1e7);
        tree.nearest(&metric, f64::INFINITY, &|_| true, &mut |_, _, _| unreachable!("nothing to visit"));
        assert_eq!(*tree.in_common::<u16>(&[], 7), [7]);
    }

    proptest! {
        #[test]
        fn a_box_finds_what_a_scan_finds(
            points in prop::collection::vec((-180.0..180.0, -90.0..90.0), 0..200),
            (west, south, wide, high) in (-180.0..180.0, -90.0..90.0, 0.0..90.0, 0.0..90.0),
        ) {
            let bbox = [west, south, west + wide, south + high];
            let tree = Packed::new(entries(&points));
            let mut found: Vec<u32> = tree.in_box(bbox, |_| true).map(|entry| tree.slots[entry]).collect();
            found.sort_unstable();
            let scanned: Vec<u32> = entries(&points).iter().filter(|e| meet(&e.bbox, &bbox)).map(|e| e.slot).collect();
            prop_assert_eq!(found, scanned);
        }

        #[test]
        fn nodes_of_one_colour_are_left_out_and_nothing_of_another(
            points in prop::collection::vec((0.0..10.0, 0.0..10.0), 0..2_000),
        ) {
            let colour = |lon: f64| u16::from(lon > 4.0);
            let tree = Packed::new(entries(&points));
            let of_entry: Vec<u16> = (0..points.len()).map(|entry| colour(tree.bbox(entry)[0])).collect();
            let of_node = tree.in_common(&of_entry, 9);
            let looked_at: Vec<usize> = tree.in_box([0.0, 0.0, 10.0, 10.0], |node| of_node[node] != 1).collect();
            let wanted = of_entry.iter().filter(|colour| **colour == 0).count();
            prop_assert_eq!(looked_at.iter().filter(|entry| of_entry[**entry] == 0).count(), wanted);
            // The colours part along one line, which few leaves lie on.
            prop_assert!(looked_at.len() <= wanted + 40 * LEAF, "{} {wanted}", looked_at.len());
        }

        #[test]
        fn bounds_hold_the_distance(
            (lon, lat) in (-180.0..=180.0, -90.0..=90.0),
            (bearing, far, more) in (0.0..360.0, 0.0..1.0, 1.0..3.0),
            scale in prop::sample::select(vec![1.0, 1e3, 1e5, 4e5, 5e6, 1.9e7]),
        ) {
            let to = crate::geometry::measure::destination(lon, lat, bearing, far * scale);
            let distance = distance_m(lon, lat, to[0], to[1]);
            let metric = Metric::new(lon, lat, distance * more);
            let here = [to[0], to[1], to[0], to[1]];
            let least = metric.least_m2(&here).sqrt();
            prop_assert!(least <= distance + 1e-6, "{least} {distance}");
            let mut quad = Quad::EMPTY;
            quad.set(2, &here);
            let of_quad = metric.least_m2_of(&quad)[2].sqrt();
            prop_assert!(of_quad <= distance + 1e-6, "{of_quad} {distance}");
            let most = metric.most_m2(to[0], to[1]).sqrt();
            prop_assert!(most >= distance - 1e-6, "{most} {distance}");
        }
    }
}
