//! Zones that begin and end by time: `approved` comes into force at its start, `in_force` ends, each once and logged; and
//! the end of a zone with people inside, which is told before.

use std::sync::Arc;

use uuid::Uuid;

use super::turning::Turning;
use crate::desk::{Desk, untold_ends};
use crate::domain::{Collection, Problem, Timestamp, zone};
use crate::picture::Picture;

/// Turns zones.
#[derive(Clone, Copy)]
pub(super) struct Zones;

impl Turning for Zones {
    const OF: Collection = Collection::RiskZones;

    fn turns(&self, picture: &Arc<Picture>, _now: Timestamp) -> Vec<(Uuid, Timestamp)> {
        let open = picture.layer(Collection::RiskZones).iter().filter(|zone| !zone.is_ended());
        open.filter_map(|feature| {
            let time = |name: &str| feature.text(name).and_then(|text| Timestamp::parse(&text).ok());
            let state = feature.text("state")?;
            zone::turns_at(&state, time("valid_from"), time("valid_to"), time("provisional_until"))
                .map(|at| (feature.id, at))
        })
        .collect()
    }

    async fn turn(&self, desk: &Desk, id: Uuid) -> Result<(), Problem> {
        desk.turn_zone(id).await.map(|_| ())
    }
}

/// Tells of occupied zones that are about to end.
#[derive(Clone, Copy)]
pub(super) struct Ends;

impl Turning for Ends {
    const OF: Collection = Collection::RiskZones;

    fn turns(&self, picture: &Arc<Picture>, now: Timestamp) -> Vec<(Uuid, Timestamp)> {
        untold_ends(picture, now)
    }

    async fn turn(&self, desk: &Desk, id: Uuid) -> Result<(), Problem> {
        desk.tell_zone_end(id).await.map(|_| ())
    }
}
