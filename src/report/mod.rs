//! What the forces account for each quarter: figures counted from the records, each with the rows it was counted from.
//!
//! Invariants: no figure is entered; each is a rule over records ([`figures::FIGURES`]), so whoever doubts one opens its
//! rows and adds them up. Once a report is closed its figures stay what they were ([`account`]).

pub mod account;
pub mod figures;
pub mod quarter;
