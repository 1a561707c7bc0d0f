//! What a source of roads gives, before it becomes a graph: places, ways through them, barriers and turn rules.

use super::tags::Traits;
use crate::roads::graph::Spot;
use crate::roads::profile::Profiles;

/// A way as it is drawn.
#[derive(Clone, Debug)]
pub struct Way {
    /// Its id in the source.
    pub id: i64,
    pub traits: Traits,
    /// Numbers of the places it passes, at least two.
    pub stops: Vec<u32>,
}

/// What a turn restriction goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// The number of a place.
    Place(u32),
    /// Numbers of ways, in the order of travel.
    Ways(Vec<u32>),
}

/// A turn restriction between ways, by their numbers.
#[derive(Clone, Debug)]
pub struct TurnRule {
    pub from: u32,
    pub via: Via,
    pub to: u32,
    /// Whether this turn is the only one allowed, rather than the one forbidden.
    pub is_only: bool,
    pub profiles: Profiles,
}

/// The whole of a source.
#[derive(Clone, Debug, Default)]
pub struct Network {
    pub places: Vec<Spot>,
    pub ways: Vec<Way>,
    /// Places that some do not pass.
    pub barriers: Vec<(u32, Profiles)>,
    pub rules: Vec<TurnRule>,
    /// Whom to thank.
    pub attribution: String,
}
