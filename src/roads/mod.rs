//! Roads: a flat graph of what can be travelled, and how long it takes by each profile under the closures of the
//! moment.
//!
//! Owns the profiles, the graph and its file, snapping to it and the search. The import (`import/`) and the file are
//! the only parts that do I/O; the rest is pure, is not async and never reads the clock: what is closed or slow comes
//! as an argument ([`Overlay`]), so that one graph serves what is in force and what somebody only tries.
//! Positions are WGS 84, longitude first; times are kept in whole milliseconds, lengths in metres.

pub mod closures;
pub mod cut_off;
pub mod file;
pub mod graph;
pub mod held;
pub mod import;
pub mod isochrone;
pub mod overlay;
pub mod profile;
pub mod reach;
#[expect(clippy::module_inception, reason = "the room and the one thing it is about")]
pub mod roads;
pub mod route;
pub mod search;
pub mod snap;

pub use closures::{Closure, Laid, lay};
pub use cut_off::{WayOut, ways_out};
pub use graph::Graph;
pub use held::{InForce, RoadsHandle};
pub use overlay::{Effect, Overlay};
pub use profile::{Profile, Profiles};
pub use roads::Roads;
pub use search::{Ground, Workspace};
pub use snap::{Snap, SnapIndex};
