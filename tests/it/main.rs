//! All integration tests in one binary: the real router, the real store, real peers.

mod geodata;
mod rooms;
mod store;
mod store_support;
