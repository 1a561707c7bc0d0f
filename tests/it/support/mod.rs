//! What several tests share.

pub mod memory_store;
pub mod python;
pub mod random;
