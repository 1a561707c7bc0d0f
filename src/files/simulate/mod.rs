//! The simulation of the demo: units move along the roads, and now and then something happens.
//!
//! It speaks to the duty room as anybody does, through the desk in the same process or over HTTP; whatever it reports
//! is marked `channel: simulation`. It stays calm: at most one new incident every four minutes, none while
//! [`OPEN_INCIDENTS_MAX`] are open.

mod desk_side;
mod happenings;
mod http_side;
mod rain;
mod roads;
mod world;

use std::future::Future;
use std::time::Duration;

use geo_types::Geometry;
use serde_json::{Map, Value};
use uuid::Uuid;

use self::rain::{Hour, Rain};
use self::roads::Roads;
use self::world::{SeenUnit, Sent, Told, World};
use crate::domain::{Problem, Timestamp};

pub use desk_side::DeskSide;
pub use http_side::HttpSide;

/// No new incident while so many are open.
pub const OPEN_INCIDENTS_MAX: usize = 12;
/// Shortest and longest time between two new incidents, seconds.
const BETWEEN_INCIDENTS_S: (f64, f64) = (240.0, 600.0);
/// Time between two steps, and between two looks at the units.
const STEP: Duration = Duration::from_secs(2);
const STEPS_A_LOOK: u32 = 5;
/// How the codes of the demo's gauges begin: the simulation makes no rain for others.
const GAUGE_CODES: &str = "MH-";
/// Hours of rain that are sent at a time.
const READINGS_A_CALL: usize = 2_000;
/// Longest that a step may seem to take, seconds: after the machine slept nobody jumps across the province.
const STEP_S_MAX: f64 = 10.0;

/// How the simulation goes.
#[derive(Clone, Copy, Debug)]
pub struct SimulationOptions {
    /// The same seed gives the same world.
    pub seed: u64,
    /// How many times faster than life units move.
    pub speed: f64,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        Self { seed: 20_261_123, speed: 1.0 }
    }
}

/// What the simulation sees of the duty room.
pub struct Seen {
    units: Vec<SeenUnit>,
    open_incidents: usize,
}

/// Where the simulation plays: the desk of this process, or a server over HTTP.
pub trait Side: Send + Sync {
    /// Lines of the roads.
    fn roads(&self) -> impl Future<Output = Result<Vec<Geometry<f64>>, Problem>> + Send;
    /// The units and how many incidents are open.
    fn look(&self) -> impl Future<Output = Result<Seen, Problem>> + Send;
    /// Sends positions.
    fn send(&self, fixes: Vec<Position>) -> impl Future<Output = Result<(), Problem>> + Send;
    /// Tells the status of a unit.
    fn tell(&self, unit: Uuid, status: &'static str) -> impl Future<Output = Result<(), Problem>> + Send;
    /// Reports an incident at a place.
    fn report(&self, at: [f64; 2], properties: Map<String, Value>) -> impl Future<Output = Result<(), Problem>> + Send;
    /// Codes of the demo's rain gauges.
    fn gauges(&self) -> impl Future<Output = Result<Vec<String>, Problem>> + Send;
    /// Sends hours of rain.
    fn rain(&self, hours: &[Hour]) -> impl Future<Output = Result<(), Problem>> + Send;
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// A position that a simulated unit sends.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    pub unit_id: Uuid,
    pub lon: f64,
    pub lat: f64,
    pub at: Timestamp,
    pub accuracy_m: f64,
    pub speed_mps: f64,
    pub course_deg: Option<f64>,
}

impl From<Sent> for Position {
    fn from(sent: Sent) -> Self {
        let Sent { unit_id, lon, lat, at, accuracy_m, speed_mps, course_deg } = sent;
        Self { unit_id, lon, lat, at, accuracy_m, speed_mps, course_deg }
    }
}

/// Plays until it is dropped or cancelled. A call that fails is logged, and the next step tries again.
///
/// # Errors
/// The problem of the first look: without it there is nothing to play.
pub async fn simulate(side: &impl Side, options: SimulationOptions) -> Result<(), Problem> {
    let lines = side.roads().await?;
    let mut world = World::new(Roads::of(&lines), options.seed, options.speed);
    let mut open = take_in(&mut world, side.look().await?, side.now());
    let mut rain = Rain::new(side.gauges().await?, side.now());
    let mut last = side.now();
    let mut next_incident = last.plus_s(pause_s(&mut world));
    let mut tick = tokio::time::interval(STEP);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for step in 1_u32.. {
        tick.tick().await;
        let now = side.now();
        let seconds = ((now.as_ms() - last.as_ms()) as f64 / 1_000.0).clamp(0.0, STEP_S_MAX);
        last = now;
        if step.is_multiple_of(STEPS_A_LOOK) {
            match side.look().await {
                Ok(seen) => open = take_in(&mut world, seen, now),
                Err(problem) => tracing::debug!(%problem, "the simulation could not look"),
            }
        }
        let hours = rain.until(now);
        for some in hours.chunks(READINGS_A_CALL) {
            if let Err(problem) = side.rain(some).await {
                tracing::debug!(%problem, "rain of the simulation was not taken");
            }
        }
        let (sent, told) = world.step(now, seconds);
        play(side, sent, told).await;
        if now >= next_incident {
            next_incident = now.plus_s(pause_s(&mut world));
            if open < OPEN_INCIDENTS_MAX {
                report(side, &mut world).await;
            }
        }
    }
    Ok(())
}

fn take_in(world: &mut World, seen: Seen, now: Timestamp) -> usize {
    world.look(seen.units, now);
    seen.open_incidents
}

fn pause_s(world: &mut World) -> i64 {
    world.chance().between(BETWEEN_INCIDENTS_S.0, BETWEEN_INCIDENTS_S.1) as i64
}

async fn play(side: &impl Side, sent: Vec<Sent>, told: Vec<Told>) {
    if !sent.is_empty()
        && let Err(problem) = side.send(sent.into_iter().map(Position::from).collect()).await
    {
        tracing::debug!(%problem, "positions of the simulation were not taken");
    }
    for Told { unit_id, status } in told {
        if let Err(problem) = side.tell(unit_id, status).await {
            tracing::debug!(%problem, %unit_id, status, "a status of the simulation was not taken");
        }
    }
}

async fn report(side: &impl Side, world: &mut World) {
    let Some(at) = world.spot() else { return };
    let properties = happenings::next(world.chance());
    if let Err(problem) = side.report(at, properties).await {
        tracing::debug!(%problem, "a report of the simulation was not taken");
    }
}
