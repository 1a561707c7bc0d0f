//! Measures and shapes on the ground: WGS 84, degrees, longitude first, edges straight in lon/lat (RFC 7946).
//!
//! Invariant: nothing in this room does I/O, is async, or reads the clock. Distances are geodesic metres; nothing
//! here measures in degrees and calls it a distance.

pub mod areas;
pub mod chainage;
pub mod clip;
pub mod cover;
pub mod crs;
pub mod ground;
pub mod measure;
pub mod mercator;
pub mod mgrs;
pub mod validate;

mod area;
mod earth;
mod nearest;
mod simple;
