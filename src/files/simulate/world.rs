//! The invented world: which unit goes where, how fast, when it reports, and what happens now and then. Pure: time is
//! an argument, chance comes from a seed, so that the same seed and the same questions give the same world.

use std::collections::HashMap;

use uuid::Uuid;

use super::roads::Roads;
use crate::domain::Timestamp;
use crate::geometry::measure::{bearing_deg, destination, distance_m};

/// A unit that is this near to where it goes has arrived, metres.
const ARRIVED_M: f64 = 30.0;
/// Off the road everybody walks or crawls, metres a second.
const OFF_ROAD_MPS: f64 = 4.0;
/// A leg longer than this lies off the road if it is the first or the last of a way, metres.
const PATROL_M_MAX: f64 = 20_000.0;

/// Chance from a seed (SplitMix64): small, and the same everywhere.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 up to 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number between two.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// A place in a list of `len`, which is not empty.
    pub fn index(&mut self, len: usize) -> usize {
        ((self.share() * len as f64) as usize).min(len.saturating_sub(1))
    }
}

/// What is known of a unit when the world looks.
#[derive(Clone, Debug)]
pub(super) struct SeenUnit {
    pub id: Uuid,
    pub kind: String,
    pub status: String,
    /// `[lon, lat]` by fix or post.
    pub place: Option<[f64; 2]>,
    /// Where its post stands.
    pub post: Option<[f64; 2]>,
    /// Where the incident is that it works on.
    pub task: Option<[f64; 2]>,
}

/// A position that a unit sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sent {
    pub unit_id: Uuid,
    pub lon: f64,
    pub lat: f64,
    pub at: Timestamp,
    pub accuracy_m: f64,
    pub speed_mps: f64,
    pub course_deg: Option<f64>,
}

/// A status that a unit tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub unit_id: Uuid,
    pub status: &'static str,
}

struct Mover {
    place: [f64; 2],
    /// Places still to pass, the next one last.
    way: Vec<[f64; 2]>,
    goal: Option<[f64; 2]>,
    speed_mps: f64,
    /// Milliseconds between two fixes; `None`: its set is broken or switched off.
    every_ms: Option<i64>,
    last_sent: Option<Timestamp>,
    status: String,
    since: Timestamp,
    moving_mps: f64,
    course_deg: Option<f64>,
}

/// All units and the roads they move on.
pub(super) struct World {
    roads: Roads,
    chance: Chance,
    movers: HashMap<Uuid, Mover>,
    /// Ids in the order in which they were seen first, so that chance falls the same way each time.
    order: Vec<Uuid>,
    seen: HashMap<Uuid, SeenUnit>,
    speed: f64,
}

impl World {
    pub fn new(roads: Roads, seed: u64, speed: f64) -> Self {
        Self {
            roads,
            chance: Chance::seeded(seed),
            movers: HashMap::new(),
            order: Vec::new(),
            seen: HashMap::new(),
            speed,
        }
    }

    /// Takes in what is known of the units now.
    pub fn look(&mut self, mut units: Vec<SeenUnit>, now: Timestamp) {
        units.sort_by_key(|unit| unit.id);
        for unit in units {
            if let Some(place) = unit.place.filter(|_| !self.movers.contains_key(&unit.id)) {
                let mover = self.mover(&unit, place, now);
                self.movers.insert(unit.id, mover);
                self.order.push(unit.id);
            }
            if let Some(mover) = self.movers.get_mut(&unit.id).filter(|mover| mover.status != unit.status) {
                mover.status.clone_from(&unit.status);
                mover.since = now;
                mover.goal = None;
                mover.way.clear();
            }
            self.seen.insert(unit.id, unit);
        }
    }

    fn mover(&mut self, unit: &SeenUnit, place: [f64; 2], now: Timestamp) -> Mover {
        let on_foot = matches!(unit.kind.as_str(), "patrol" | "militia" | "commune_shock_force");
        let speed_mps = if on_foot { self.chance.between(1.0, 1.6) } else { self.chance.between(7.0, 12.0) };
        // Some sets are silent and some report seldom, so that the ages of positions differ as they do in life.
        let every_ms = match self.chance.share() {
            share if share < 0.12 => None,
            share if share < 0.35 => Some(60_000),
            share if share < 0.7 => Some(15_000),
            _ => Some(6_000),
        };
        Mover {
            place,
            way: Vec::new(),
            goal: None,
            speed_mps,
            every_ms,
            last_sent: None,
            status: unit.status.clone(),
            since: now,
            moving_mps: 0.0,
            course_deg: None,
        }
    }

    /// Moves everybody by `seconds` and returns what they send and tell.
    pub fn step(&mut self, now: Timestamp, seconds: f64) -> (Vec<Sent>, Vec<Told>) {
        let (mut sent, mut told) = (Vec::new(), Vec::new());
        for id in self.order.clone() {
            let Some(unit) = self.seen.get(&id).cloned() else { continue };
            self.choose_way(&unit);
            let Some(mover) = self.movers.get_mut(&id) else { continue };
            mover.advance(seconds * self.speed);
            let arrived = mover.way.is_empty();
            if let Some(status) = next_status(&unit, mover, now, arrived, self.speed) {
                told.push(Told { unit_id: id, status });
            }
            sent.extend(mover.report(id, now));
        }
        (sent, told)
    }

    /// Where a unit in its status goes: to its task, on patrol, or home.
    fn choose_way(&mut self, unit: &SeenUnit) {
        let Some(mover) = self.movers.get(&unit.id) else { return };
        let idle = mover.way.is_empty();
        let goal = match unit.status.as_str() {
            "en_route" => unit.task,
            "returning" => unit.post,
            "available" | "resting" if idle && unit.post.is_some_and(|post| metres(mover.place, post) > 300.0) => {
                unit.post
            }
            "available" | "resting" => mover.goal,
            "on_patrol" if idle => self.patrol_goal(unit),
            "on_patrol" | "searching" | "transporting" => mover.goal,
            _ => None,
        };
        let Some(mover) = self.movers.get_mut(&unit.id) else { return };
        match goal {
            Some(goal) if mover.goal != Some(goal) => {
                let mut way = self.roads.way(mover.place, goal);
                way.reverse();
                mover.way = way;
                mover.goal = Some(goal);
            }
            Some(_) => {}
            None => {
                mover.way.clear();
                mover.goal = None;
            }
        }
    }

    /// A vertex of the network within reach of the post.
    fn patrol_goal(&mut self, unit: &SeenUnit) -> Option<[f64; 2]> {
        let around = unit.post.or(unit.place)?;
        if self.roads.len() == 0 {
            return None;
        }
        // A few tries: most vertices of the network are far away.
        for _ in 0..200 {
            let place = self.roads.place(self.chance.index(self.roads.len()));
            if metres(around, place) <= PATROL_M_MAX {
                return Some(place);
            }
        }
        self.roads.nearest(around).map(|vertex| self.roads.place(vertex))
    }

    /// A spot beside a road for something that happens, up to 400 m from it.
    pub fn spot(&mut self) -> Option<[f64; 2]> {
        if self.roads.len() == 0 {
            return None;
        }
        let vertex = self.chance.index(self.roads.len());
        let [lon, lat] = self.roads.place(vertex);
        Some(destination(lon, lat, self.chance.between(0.0, 360.0), self.chance.between(20.0, 400.0)))
    }

    /// The world's chance, for what happens in it.
    pub fn chance(&mut self) -> &mut Chance {
        &mut self.chance
    }
}

/// The status that a unit tells by itself; whatever else it does is the duty room's to say.
fn next_status(unit: &SeenUnit, mover: &Mover, now: Timestamp, arrived: bool, speed: f64) -> Option<&'static str> {
    let waited_s = now.seconds_since(mover.since) as f64 * speed;
    match unit.status.as_str() {
        "dispatched" if waited_s > 40.0 => Some("acknowledged"),
        "acknowledged" if waited_s > 60.0 => Some("en_route"),
        "en_route" if arrived && unit.task.is_some_and(|task| metres(mover.place, task) < 2.0 * ARRIVED_M) => {
            Some("on_scene")
        }
        "returning" if arrived && unit.post.is_some_and(|post| metres(mover.place, post) < 2.0 * ARRIVED_M) => {
            Some("available")
        }
        _ => None,
    }
}

impl Mover {
    fn advance(&mut self, seconds: f64) {
        let mut left_s = seconds;
        self.moving_mps = 0.0;
        while left_s > 0.0 {
            let Some(next) = self.way.last().copied() else { return };
            let metres = metres(self.place, next);
            // The last leg leaves the road.
            let speed = if self.way.len() == 1 { self.speed_mps.min(OFF_ROAD_MPS) } else { self.speed_mps };
            if metres > 0.0 {
                self.course_deg = Some(bearing_deg(self.place[0], self.place[1], next[0], next[1]).rem_euclid(360.0));
                self.moving_mps = speed;
            }
            if metres <= speed * left_s {
                left_s -= metres / speed;
                self.place = next;
                self.way.pop();
            } else {
                let course = self.course_deg.unwrap_or_default();
                self.place = destination(self.place[0], self.place[1], course, speed * left_s);
                return;
            }
        }
    }

    /// A fix, if one is due. A unit at rest on its post sends seldom.
    fn report(&mut self, unit_id: Uuid, now: Timestamp) -> Option<Sent> {
        let moving = self.moving_mps > 0.0;
        let off = matches!(self.status.as_str(), "off_duty" | "out_of_service" | "resting") && !moving;
        let every_ms = self.every_ms.filter(|_| !off)? * if moving { 1 } else { 10 };
        if self.last_sent.is_some_and(|last| now.as_ms() - last.as_ms() < every_ms) {
            return None;
        }
        self.last_sent = Some(now);
        let [lon, lat] = self.place;
        Some(Sent {
            unit_id,
            lon,
            lat,
            at: now,
            accuracy_m: if moving { 12.0 } else { 6.0 },
            speed_mps: self.moving_mps,
            course_deg: self.course_deg.filter(|_| moving),
        })
    }
}

fn metres(a: [f64; 2], b: [f64; 2]) -> f64 {
    distance_m(a[0], a[1], b[0], b[1])
}

#[cfg(test)]
mod tests {
    use geo_types::{Geometry, LineString};

    use super::*;

    fn roads() -> Roads {
        let line: Vec<(f64, f64)> = (0..100).map(|i| (103.0 + f64::from(i) * 0.002, 22.0)).collect();
        Roads::of(&[Geometry::LineString(LineString::from(line))])
    }

    fn unit(id: u128, kind: &str, status: &str) -> SeenUnit {
        SeenUnit {
            id: Uuid::from_u128(id),
            kind: kind.to_owned(),
            status: status.to_owned(),
            place: Some([103.0, 22.0]),
            post: Some([103.0, 22.0]),
            task: Some([103.02, 22.001]),
        }
    }

    fn run(seed: u64, steps: i64) -> (Vec<Sent>, Vec<Told>) {
        let mut world = World::new(roads(), seed, 1.0);
        let kinds = ["mobile_team", "patrol", "medical"];
        let seen = |status: &str| (0..30).map(|i| unit(i, kinds[i as usize % 3], status)).collect::<Vec<_>>();
        world.look(seen("en_route"), Timestamp::from_ms(0));
        let mut all = (Vec::new(), Vec::new());
        for step in 1..=steps {
            let (sent, told) = world.step(Timestamp::from_ms(step * 2_000), 2.0);
            all.0.extend(sent);
            all.1.extend(told);
        }
        all
    }

    #[test]
    fn the_same_seed_gives_the_same_world() {
        assert_eq!(run(7, 50).0, run(7, 50).0);
        assert_ne!(run(7, 50).0, run(8, 50).0);
    }

    #[test]
    fn units_move_at_plausible_speed_and_arrive() {
        let (sent, told) = run(3, 400);
        let mut last: HashMap<Uuid, Sent> = HashMap::new();
        for fix in sent {
            if let Some(before) = last.insert(fix.unit_id, fix) {
                let seconds = (fix.at.as_ms() - before.at.as_ms()) as f64 / 1_000.0;
                let moved = metres([before.lon, before.lat], [fix.lon, fix.lat]);
                assert!(moved <= 12.5 * seconds + 1.0, "{moved} m in {seconds} s");
            }
        }
        assert!(told.iter().any(|told| told.status == "on_scene"));
        assert!(last.len() < 30, "some sets are silent");
    }
}
