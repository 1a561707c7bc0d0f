//! How great the danger of a landslide is: the legal table of levels, and second opinions by rain. Pure: rain, ground
//! and time are arguments; what is missing makes an answer older, never lower.

pub mod antecedent;
pub mod level;
pub mod rain;
pub mod threshold;
pub mod zone_level;
