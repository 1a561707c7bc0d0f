//! Grids of rain on their way in: each becomes one record, whole, so that the journal alone tells the rain of every zone.

use std::collections::HashMap;

use uuid::Uuid;

use super::grids_held::Grids;
use super::scene::{Draft, Scene, Working};
use super::write::may;
use super::{Ask, Desk, Written};
use crate::domain::access::Deed;
use crate::domain::rain_grid::{GRIDS_MAX, GridKind, GridOf};
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::raster::geotiff::Band;
use crate::raster::rain::RainGrid;
use crate::raster::within::Lattice;
use crate::risk::rain::RAIN_DAYS_MAX;

/// Calls take their turns: each rests on what the others brought.
const TURN: Uuid = Uuid::nil();
/// Most grids that are ended beside one that comes in.
const RETIRED_AT_ONCE: usize = 20;
const DAY_S: i64 = 86_400;
/// For how many days after its end a grid may still be asked for: days of rain look back over all of those.
const OBSERVED_DAYS: i64 = RAIN_DAYS_MAX as i64 + 3;
/// As long as a service is waited for, and a day.
const FORECAST_DAYS: i64 = 3;

/// A grid as it comes in.
#[derive(Clone, Debug)]
pub struct GridIn {
    pub of: GridOf,
    pub file_name: Option<String>,
    /// SHA-256 of the file, hexadecimal.
    pub file_hash: String,
    pub band: Band,
}

/// What became of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridOutcome {
    /// Nothing was known of it.
    Accepted,
    /// The same was known.
    Repeated,
    /// Another was known of the same source and interval (and run); this one counts from now on.
    Corrected,
}

impl Desk {
    /// Takes a grid of rain; the answer comes when it is durable and in the picture.
    ///
    /// # Errors
    /// `forbidden`; as [`GridOf::check`] and [`RainGrid::of`]; `invalid_value` for an interval that meets another of the
    /// source in part; `limit_exceeded` if too many are open; or the problem of the store.
    pub async fn take_rain_grid(&self, ask: &Ask, grid: GridIn) -> Result<(GridOutcome, Written), Problem> {
        may(&ask.actor, Deed::ReportRain)?;
        grid.of.check(self.now())?;
        let province = self.picture.load().layer(Collection::AdminUnits).extent();
        let cut = RainGrid::of(&grid.band, province)?;
        let id = grid.of.id();
        let before = self.picture.load().layer(Collection::RainGrids).get(id).filter(|old| !old.is_ended()).cloned();
        let written = self.write_in_turn(ask, TURN, |scene| self.decide_grid(scene, &grid, &cut)).await?;
        let outcome = match before {
            _ if written.changes.is_empty() => GridOutcome::Repeated,
            None => GridOutcome::Accepted,
            Some(_) => GridOutcome::Corrected,
        };
        Ok((outcome, written))
    }

    /// Takes a grid back that should not have come: nothing of it counts from now on.
    ///
    /// # Errors
    /// `forbidden`, `not_found`, or the problem of the store.
    pub async fn withdraw_rain_grid(&self, ask: &Ask, id: Uuid) -> Result<Written, Problem> {
        may(&ask.actor, Deed::ReportRain)?;
        let decide = |scene: &Scene<'_>| {
            let record = scene.take_open(Collection::RainGrids, id)?;
            if record.properties.contains_key("ended_at") {
                return scene.already(Collection::RainGrids, id);
            }
            let mut draft = Draft::default();
            end(scene, &mut draft, record);
            Ok(draft)
        };
        self.write_in_turn(ask, TURN, decide).await
    }

    fn decide_grid(&self, scene: &Scene<'_>, grid: &GridIn, cut: &RainGrid) -> Result<Draft, Problem> {
        let (of, id) = (&grid.of, grid.of.id());
        let open = self.grids.of(scene.picture);
        if let Some(other) = open.iter().find(|held| held.of.overlaps_in_part(of)) {
            return Err(overlaps(&other.of));
        }
        let mut record = match scene.feature(Collection::RainGrids, id) {
            Some(feature) => Working::of(Collection::RainGrids, feature),
            None => Working::new(Collection::RainGrids, id),
        };
        let is_open = record.version > 0 && !record.properties.contains_key("ended_at");
        let packed = cut.packed();
        let same_place = || placed(&cut.lattice).iter().all(|(name, degrees)| record.number(name) == Some(*degrees));
        if is_open && record.text("cells") == Some(&packed) && same_place() {
            return scene.already(Collection::RainGrids, id);
        }
        // Those whose time is over make room: they end with this very call.
        if !is_open && open.iter().filter(|held| !is_past(&held.of, scene.now)).count() >= GRIDS_MAX {
            return Err(Problem::new(
                Code::LimitExceeded,
                format!("đã có {GRIDS_MAX} lưới mưa đang dùng"),
                format!("{GRIDS_MAX} rain grids are open already"),
            ));
        }
        record.remove("ended_at");
        record.set("kind", of.kind.as_str());
        record.set("source", of.source.as_str());
        record.set_time("starts_at", of.starts_at);
        record.set_time("ends_at", of.ends_at);
        record.set("issued_at", of.issued_at.map(|at| at.to_string()));
        let lattice = &cut.lattice;
        for (name, degrees) in placed(lattice) {
            record.set(name, degrees);
        }
        record.set("columns", lattice.size[0]);
        record.set("rows", lattice.size[1]);
        record.set("cells", packed);
        if let Some(whole) = cut.whole() {
            record.set("known_share", (whole.known_share * 1_000.0).round() / 1_000.0);
            record.set("mean_mm", (whole.mean_mm * 10.0).round() / 10.0);
            record.set("max_mm", whole.max_mm);
        }
        record.set("file_name", grid.file_name.clone());
        record.set("file_hash", grid.file_hash.as_str());
        record.set_time("taken_at", scene.now);
        record.set("taken_by", scene.ask.actor.name.as_str());
        let mut draft = Draft::default();
        draft.put(record, of.ends_at.min(scene.now));
        retire(scene, &mut draft, &open, id);
        Ok(draft)
    }
}

/// Where the cells of a grid lie, by the fields that say so.
fn placed(lattice: &Lattice) -> [(&'static str, f64); 4] {
    [("west", lattice.west), ("north", lattice.north), ("step_lon", lattice.step[0]), ("step_lat", lattice.step[1])]
}

/// Whether nobody asks for a grid any more.
fn is_past(of: &GridOf, now: Timestamp) -> bool {
    let days = if of.kind == GridKind::Observed { OBSERVED_DAYS } else { FORECAST_DAYS };
    now.seconds_since(of.ends_at) > days * DAY_S
}

/// Ends grids that nobody asks for any more, without their cells: the journal has them.
fn retire(scene: &Scene<'_>, draft: &mut Draft, open: &Grids, but: Uuid) {
    let gone = open.iter().filter(|held| held.id != but && is_past(&held.of, scene.now));
    let mut past: HashMap<Uuid, Timestamp> = gone.map(|held| (held.id, held.of.ends_at)).collect();
    while draft.puts.len() <= RETIRED_AT_ONCE {
        let Some(id) = past.iter().min_by_key(|(id, ends_at)| (**ends_at, **id)).map(|(id, _)| *id) else { break };
        past.remove(&id);
        if let Some(feature) = scene.feature(Collection::RainGrids, id) {
            end(scene, draft, Working::of(Collection::RainGrids, feature));
        }
    }
}

fn end(scene: &Scene<'_>, draft: &mut Draft, mut record: Working) {
    record.set_time("ended_at", scene.now);
    record.remove("cells");
    draft.put(record, scene.now);
}

fn overlaps(other: &GridOf) -> Problem {
    let clock = |at: Timestamp| at.local_text()[5..16].to_owned();
    let (from, to) = (clock(other.starts_at), clock(other.ends_at));
    Problem::new(
        Code::InvalidValue,
        format!("trùng một phần với lưới {from}–{to} đã có của nguồn này; thu hồi lưới đó hoặc đặt tên nguồn khác"),
        format!("overlaps the grid {from}–{to} of this source in part; withdraw that one, or name another source"),
    )
    .at("ends_at")
}
