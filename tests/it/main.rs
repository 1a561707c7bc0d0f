//! All integration tests in one binary: the real router, the real store, real peers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed, its helpers too")]

mod geodata;
mod rooms;
mod store;
mod store_crash;
mod store_import;
mod store_peers;
mod store_support;
