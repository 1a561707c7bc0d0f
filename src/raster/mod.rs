//! Rasters: numbers on a grid over the ground, as elevation, slope or susceptibility.
//!
//! Owns reading them from files, what follows from one grid for another (slope), and counting what lies in a polygon.
//! Reading and the kept files do I/O; the rest is pure, is not async and never reads the clock. Positions are WGS 84,
//! longitude first; rows run from the north.

pub mod geotiff;
pub mod grid;
pub mod kept;
pub mod rain;
pub mod read;
pub mod slope;
pub mod terrain;
pub mod within;

pub use grid::Grid;
pub use kept::KeptGrid;
pub use read::read;
pub use slope::slope_deg;
pub use terrain::Terrain;
