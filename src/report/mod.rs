//! What the forces account for each quarter: figures counted from the records, each with the rows it was counted from.
//!
//! Invariants: no figure is entered; each is a rule over records ([`figures::FIGURES`]), so whoever doubts one opens its
//! rows and adds them up.

pub mod figures;
pub mod quarter;
