//! Roads: a flat graph of what can be travelled, and how long it takes by each profile under the closures of the
//! moment.
//!
//! Owns the profiles, the graph and its file, snapping to it and the search. The import (`import/`) and the file are
//! the only parts that do I/O; the rest is pure, is not async and never reads the clock: what is closed or slow comes
//! as an argument ([`Overlay`]), so that one graph serves what is in force and what somebody only tries.
//! Positions are WGS 84, longitude first; times are kept in whole milliseconds, lengths in metres.

pub mod file;
pub mod graph;
pub mod import;
pub mod isochrone;
pub mod overlay;
pub mod profile;
pub mod reach;
pub mod route;
pub mod search;
pub mod snap;

pub use graph::Graph;
pub use overlay::{Effect, Overlay};
pub use profile::{Profile, Profiles};
pub use search::{Ground, Workspace};
pub use snap::{Snap, SnapIndex};
