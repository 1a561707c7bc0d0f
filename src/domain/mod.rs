//! Pure values and rules of the duty room: what a record is, who may do what, which state follows which.
//!
//! Invariant: nothing in this room does I/O, is async, or reads the clock; time is always an argument.

pub mod access;
pub mod account;
pub mod advice;
pub mod change;
pub mod closure;
pub mod collection;
pub mod problem;
pub mod run_card;
pub mod schema;
pub mod time;

mod ground;

pub mod accountability;
pub mod alarm;
pub mod assignment;
pub mod attachment;
pub mod border_rules;
pub mod briefing;
pub mod bulletin;
pub mod cap;
pub mod case;
pub mod concern;
pub mod contact;
pub mod deployment;
pub mod disaster;
pub mod disaster_damage;
pub mod doors;
pub mod duty_log;
pub mod evacuation;
pub mod event_plan;
pub mod exercise;
pub mod fence;
pub mod fold;
pub mod household;
pub mod incident;
pub mod information_request;
pub mod moment;
pub mod move_up;
pub mod number;
pub mod openid;
pub mod patrol;
pub mod period;
pub mod photo;
pub mod place;
pub mod place_text;
pub mod quarter;
pub mod quarter_report;
pub mod rain;
pub mod rain_grid;
pub mod recommend;
pub mod report_deadline;
pub mod retention;
pub mod risk_level;
pub mod sector_assessment;
pub mod sector_proposal;
pub mod shelter;
pub mod shift;
pub mod tally;
pub mod tip;
pub mod transition;
pub mod unit;
pub mod visit;
pub mod warning;
pub mod warning_rules;
pub mod warning_texts;
pub mod zone;

pub use access::{Actor, Force, Role};
pub use change::{Change, Event, Fix, FixBatch, FixSource, Record};
pub use collection::Collection;
pub use problem::{Code, Problem};
pub use time::Timestamp;
