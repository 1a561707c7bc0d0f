//! trucban (*trực ban*, "on duty"): a live common picture for the duty rooms of a mountain border province.
//!
//! The rooms stand in their import order: a room imports only from those above it (`tests/rooms.rs` checks it).

pub mod desk;
pub mod domain;
pub mod feed;
pub mod files;
pub mod geometry;
pub mod http;
pub mod picture;
pub mod raster;
pub mod report;
pub mod risk;
pub mod roads;
pub mod store;
pub mod tiles;
pub mod watch;
