//! The HTTP door: parses, asks who it is, calls the View or the desk, writes the answer. It decides nothing.
//!
//! `router.rs` lists every route; each resource has its file; `error.rs` alone knows statuses; `front.rs` is what
//! every request passes.

mod accounts;
mod actor;
mod advice;
mod answer;
mod app;
mod around;
mod assignments;
mod attachments;
mod audit;
mod authority;
mod border_levels;
mod config;
mod coordination;
mod course;
mod cryptography;
mod cut_off;
mod demo;
mod devices;
mod directory;
mod disasters;
mod docs;
mod duty_log;
mod ends;
mod error;
mod evacuation;
mod exercises;
mod feed;
mod fields;
mod figures;
mod front;
mod grants;
mod hashing;
mod health;
mod imports;
mod incidents;
mod inside;
mod items;
mod landing;
mod levels;
mod limits;
mod lockout;
mod long;
mod me;
mod min_seq;
mod oidc;
mod organisations;
mod pages;
mod params;
mod patrols;
mod peer;
mod places;
mod qr;
mod rain;
mod rain_grids;
mod records;
mod report_files;
mod report_steps;
mod reports;
mod roads;
mod router;
mod serve;
mod session;
mod setup;
mod shapes;
mod shifts;
mod sign_in;
mod silence;
mod start;
mod statistics;
mod stranger;
mod terrain;
mod tiles;
mod tips;
mod tls;
mod units;
mod units_inside;
mod uploads;
mod warnings;

pub use app::{App, Live, Settings};
pub use config::ServeOptions;
pub use cryptography::choose_cryptography;
pub use demo::DEMO_TOKENS_FILE;
pub use directory::Entry;
pub use docs::openapi_document;
pub use figures::recorder;
pub use imports::{ImportAnswer, ImportNote, RefusedRow};
pub use limits::Limits;
pub use oidc::OidcConfig;
pub use peer::Peer;
pub use rain_grids::{RainGridAnswer, RainGridTold};
pub use router::front;
pub use serve::{accept, serve};
pub use start::{StartOptions, Started, start};
pub use tls::AUTHORITY_FILE;

/// Largest body of a call: an area of a million vertices fits, a film does not.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// Largest file of an import: some millions of households.
pub const IMPORT_BYTES_MAX: u64 = 2 << 30;
/// Records on a page if nothing else is asked.
pub const ITEMS_LIMIT: usize = 100;
/// Most records on a page; more is cut to this, as the standard has it.
pub const ITEMS_LIMIT_MAX: usize = 10_000;
/// Answers of `nearby` if nothing else is asked.
pub const NEARBY_LIMIT: usize = 10;
/// Most answers of `nearby`.
pub const NEARBY_LIMIT_MAX: usize = 1_000;
/// Widest circle, metres.
pub const RADIUS_M_MAX: f64 = 500_000.0;
/// Longest text to find, characters.
pub const SEARCH_CHARS_MAX: usize = 200;
/// Name of the cookie that browsers sign in with.
const SESSION_COOKIE: &str = "trucban_session";
/// The same under TLS: a name that browsers take from this very host, encrypted, alone.
const SECURE_SESSION_COOKIE: &str = "__Host-trucban_session";
/// Where the certificate of the folder's own authority is fetched.
const AUTHORITY_PATH: &str = "/ca.crt";
