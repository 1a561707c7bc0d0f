//! Files: import and export, the reference ground and the demo that the program carries, the simulation and the night that is played again.
//!
//! A door: it translates files into records and back. Records are read through a View (export) or matched with what
//! the store holds (import); a file becomes visible by one commit or not at all.

pub mod replay;
pub mod seed;
pub mod simulate;

mod columns;
mod csv_source;
mod doubts;
mod evidence;
mod export;
mod export_audit;
mod export_gpkg;
mod geojson_source;
mod gpkg_source;
mod import;
mod keys;
mod plan;
mod preview;
mod reference;
mod refusals;
mod rows;
mod source;
mod times;
mod values;
mod words;
mod xlsx_source;

pub use columns::ColumnRule;
pub use doubts::{DOUBTS_KEPT_MAX, Doubt, Doubts};
pub use export::{export_file, put_file};
pub use export_audit::{AuditFormat, export_audit};
pub use import::{ImportOptions, ImportSummary, Progress, Step, import_file, may_import};
pub use preview::{PREVIEW_ROWS, PreviewColumn};
pub use refusals::{REFUSALS_KEPT_MAX, Refusal, Refusals};
pub use seed::DEMO_META;
pub use source::Format;
pub use times::DateOrder;
