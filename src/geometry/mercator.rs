//! Web Mercator tiles: where a place lies in the tile pyramid, which degrees a tile covers.
//!
//! Tile (0, 0) of a zoom is the north-west one, y grows southward. The projection ends at ±85.0511°.

use geo_types::Coord;

/// Latitude at which the square map of the world ends, degrees.
pub const LAT_MAX: f64 = 85.051_128_779_806_59;
/// Deepest zoom that tiles are made for: beyond it a grid unit is below a millimetre and `u32` would run out.
pub const ZOOM_MAX: u8 = 24;

/// Place on the map of the world: x east and y south, both 0..1. Latitudes beyond the map stand at its edge.
#[must_use]
pub fn world_from_degrees(lon: f64, lat: f64) -> [f64; 2] {
    let sin = lat.clamp(-LAT_MAX, LAT_MAX).to_radians().sin();
    [lon / 360.0 + 0.5, 0.5 - sin.atanh() / std::f64::consts::TAU]
}

/// `[lon, lat]` of a place on the map of the world.
#[must_use]
pub fn degrees_from_world(x: f64, y: f64) -> [f64; 2] {
    let lat = ((0.5 - y) * std::f64::consts::TAU).tanh().asin().to_degrees();
    [(x - 0.5) * 360.0, lat.clamp(-LAT_MAX, LAT_MAX)]
}

/// A tile of the pyramid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    zoom: u8,
    x: u32,
    y: u32,
}

impl Tile {
    /// The tile at zoom, column and row; `None` beyond [`ZOOM_MAX`] or outside the zoom's grid.
    #[must_use]
    pub fn new(zoom: u8, x: u32, y: u32) -> Option<Self> {
        (zoom <= ZOOM_MAX && x >> zoom == 0 && y >> zoom == 0).then_some(Self { zoom, x, y })
    }

    /// The tile of a zoom that holds the place.
    #[must_use]
    pub fn at(zoom: u8, lon: f64, lat: f64) -> Option<Self> {
        let count = f64::from(1u32.checked_shl(u32::from(zoom))?);
        let [x, y] = world_from_degrees(lon, lat);
        let cell = |share: f64| (share * count).clamp(0.0, count - 1.0) as u32;
        Self::new(zoom, cell(x), cell(y))
    }

    /// Zoom, 0 for the tile of the whole world.
    #[must_use]
    pub fn zoom(self) -> u8 {
        self.zoom
    }

    /// Column, counted from the west.
    #[must_use]
    pub fn x(self) -> u32 {
        self.x
    }

    /// Row, counted from the north.
    #[must_use]
    pub fn y(self) -> u32 {
        self.y
    }

    /// `[west, south, east, north]` in degrees.
    #[must_use]
    pub fn bbox(self) -> [f64; 4] {
        self.bbox_with_buffer(0.0)
    }

    /// As [`Self::bbox`], wider on each side by a share of the tile (64 of 4096 grid units are 1/64); kept within
    /// ±180° and the latitudes of the map.
    #[must_use]
    pub fn bbox_with_buffer(self, share: f64) -> [f64; 4] {
        let count = f64::from(1u32 << self.zoom);
        let edge = |cell: u32, side: f64| ((f64::from(cell) + side) / count).clamp(0.0, 1.0);
        let [west, north] = degrees_from_world(edge(self.x, -share), edge(self.y, -share));
        let [east, south] = degrees_from_world(edge(self.x, 1.0 + share), edge(self.y, 1.0 + share));
        [west, south, east, north]
    }

    /// Turns degrees into the grid of this tile, whose side is `extent` units.
    #[must_use]
    pub fn grid(self, extent: u32) -> Grid {
        let count = f64::from(1u32 << self.zoom);
        Grid { scale: count * f64::from(extent), left: f64::from(self.x) / count, top: f64::from(self.y) / count }
    }
}

/// Projection into the units of one tile.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    scale: f64,
    left: f64,
    top: f64,
}

impl Grid {
    /// Place in tile units, x east and y south; 0 to the extent inside the tile.
    #[must_use]
    pub fn project(&self, place: Coord) -> Coord {
        let [x, y] = world_from_degrees(place.x, place.y);
        Coord { x: (x - self.left) * self.scale, y: (y - self.top) * self.scale }
    }

    /// Into how many pieces an edge must be cut so that straight on the map stays within a unit of straight in
    /// degrees. Only edges of several hundredths of a degree at deep zooms need more than one.
    pub(super) fn pieces(&self, a: Coord, b: Coord) -> u32 {
        let dlat = (b.y - a.y).to_radians();
        let lat = a.y.abs().max(b.y.abs()).min(LAT_MAX).to_radians();
        // The map bends a straight edge by Δφ²/8 · sec φ tan φ, in units of the world's radius.
        let bend = dlat * dlat / 8.0 * lat.tan() / lat.cos() * self.scale / std::f64::consts::TAU;
        bend.sqrt().ceil().clamp(1.0, 64.0) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_falls_in_its_known_tile() {
        // Lai Châu town at zoom 10, by the formula of the OpenStreetMap wiki.
        let tile = Tile::at(10, 103.4577, 22.3964).unwrap();
        assert_eq!((tile.x(), tile.y()), (806, 446));
        assert_eq!(Tile::at(0, -180.0, 90.0), Tile::new(0, 0, 0));
        assert_eq!(Tile::at(3, 180.0, -90.0), Tile::new(3, 7, 7));
    }

    #[test]
    fn tiles_outside_the_pyramid_do_not_exist() {
        assert_eq!(Tile::new(0, 1, 0), None);
        assert_eq!(Tile::new(3, 7, 8), None);
        assert_eq!(Tile::new(ZOOM_MAX + 1, 0, 0), None);
        assert!(Tile::new(ZOOM_MAX, (1 << ZOOM_MAX) - 1, 0).is_some());
        assert_eq!(Tile::at(200, 0.0, 0.0), None);
    }

    #[test]
    fn a_tile_covers_what_its_neighbours_leave() {
        let a = Tile::new(12, 3225, 1785).unwrap().bbox();
        let east = Tile::new(12, 3226, 1785).unwrap().bbox();
        let south = Tile::new(12, 3225, 1786).unwrap().bbox();
        assert_eq!((a[2], a[1]), (east[0], south[3]));
        assert_eq!(Tile::new(0, 0, 0).unwrap().bbox_with_buffer(0.1), [-180.0, -LAT_MAX, 180.0, LAT_MAX]);
        let wide = Tile::new(12, 3225, 1785).unwrap().bbox_with_buffer(1.0 / 64.0);
        assert!(((a[0] - wide[0]) - (a[2] - a[0]) / 64.0).abs() < 1e-12 && wide[1] < a[1] && wide[3] > a[3]);
    }

    #[test]
    fn degrees_come_back_from_the_map() {
        for (lon, lat) in [(103.3, 22.3), (-180.0, -80.0), (0.0, 0.0), (179.0, 85.0)] {
            let [x, y] = world_from_degrees(lon, lat);
            let [lon2, lat2] = degrees_from_world(x, y);
            assert!((lon - lon2).abs() < 1e-9 && (lat - lat2).abs() < 1e-9);
        }
        let tile = Tile::new(10, 806, 446).unwrap();
        let [west, south, east, north] = tile.bbox();
        let corner = |x, y| tile.grid(4096).project(Coord { x, y });
        let (nw, se) = (corner(west, north), corner(east, south));
        assert!(nw.x.abs() < 1e-6 && nw.y.abs() < 1e-6 && (se.x - 4096.0).abs() < 1e-6 && (se.y - 4096.0).abs() < 1e-6);
    }
}
