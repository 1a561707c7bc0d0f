//! All integration tests in one binary: the real router, the real store, real peers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed, its helpers too")]

mod access;
mod commands_user;
mod desk_incidents;
mod desk_items;
mod desk_places;
mod desk_races;
mod desk_support;
mod desk_units;
mod desk_zones;
mod files;
mod files_as_the_desk;
mod files_round_trip;
mod geodata;
mod http;
mod http_accounts;
mod http_devices;
mod http_feed;
mod http_imports;
mod http_peers;
mod http_problems;
mod http_serve;
mod http_sharing;
mod http_sign_in;
mod http_support;
mod http_tiles;
mod http_writes;
mod picture_ahead;
mod picture_layers;
mod picture_lists;
mod picture_queries;
mod rooms;
mod serve_faults;
mod serve_support;
mod soak_kills;
mod soak_load;
mod soak_races;
mod soak_support;
mod store;
mod store_crash;
mod store_import;
mod store_peers;
mod store_support;
mod store_system;
mod support;
