//! Zones that begin and end by time: `approved` comes into force at its start, `in_force` expires at its end, each
//! once and logged.

use uuid::Uuid;

use super::turning::Turning;
use crate::desk::Desk;
use crate::domain::{Collection, Problem, Timestamp, zone};
use crate::picture::Picture;

/// Turns zones.
#[derive(Clone, Copy)]
pub(super) struct Zones;

impl Turning for Zones {
    const OF: Collection = Collection::RiskZones;

    fn turns(&self, picture: &Picture) -> Vec<(Uuid, Timestamp)> {
        let open = picture.layer(Collection::RiskZones).iter().filter(|zone| !zone.is_ended());
        open.filter_map(|feature| {
            let time = |name: &str| feature.text(name).and_then(|text| Timestamp::parse(&text).ok());
            let state = feature.text("state")?;
            zone::turns_at(&state, time("valid_from"), time("valid_to")).map(|at| (feature.id, at))
        })
        .collect()
    }

    async fn turn(&self, desk: &Desk, id: Uuid) -> Result<(), Problem> {
        desk.turn_zone(id).await.map(|_| ())
    }
}
