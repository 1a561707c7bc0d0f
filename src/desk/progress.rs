//! How far a patrol has come, by the fixes of its units: kilometres along the line, points passed, and who is far off it.
//! The watch gathers; the desk adds what is new to what the record has, so that it does not matter how often it is told.

use geo_types::{Geometry, Line, LineString};
use serde_json::json;
use uuid::Uuid;

use super::hand::Hand;
use super::patrols::{log, points_of, set_points};
use super::scene::{Draft, Scene, Working};
use super::{Ask, Desk, Written};
use crate::domain::patrol::{self, Along, GAP_S, POINT_REACH_M, length_km, merged, passed_between};
use crate::domain::{Actor, Collection, Fix, Problem, Timestamp};
use crate::geometry::measure::nearest_within;

/// What was gathered of a patrol.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Way {
    /// Kilometres that were passed.
    pub passed: Vec<[f64; 2]>,
    /// Points by name, and the fix time at which they were passed.
    pub points: Vec<(String, Timestamp)>,
    /// Where along the line a unit was, and when.
    pub last: Option<(f64, Timestamp)>,
}

impl Way {
    /// Adds what another one tells.
    pub fn add(&mut self, other: Self) {
        self.passed = merged(&[&self.passed[..], &other.passed].concat());
        self.points.extend(other.points);
        if other.last.map(|(_, at)| at) > self.last.map(|(_, at)| at) {
            self.last = other.last;
        }
    }
}

impl Desk {
    /// What a fix of a unit, after the one `before`, tells of a patrol; nothing of one that is not known.
    #[must_use]
    pub fn way_of(&self, patrol: Uuid, before: Option<&Fix>, fix: &Fix) -> Way {
        let picture = self.picture.load();
        let ground = self.ground.of(&picture);
        let Some(record) = picture.layer(Collection::Patrols).get(patrol) else { return Way::default() };
        let record = Working::of(Collection::Patrols, record);
        let along = |fix: &Fix| {
            let foot = ground.border().project(fix.lon, fix.lat)?;
            Some(Along { at: fix.at, km: foot.km, offset_m: foot.offset_m })
        };
        let Some((from_km, to_km)) = record.number("from_km").zip(record.number("to_km")) else {
            return Way::default();
        };
        let Some(now) = along(fix) else { return Way::default() };
        let passed = before.and_then(&along).and_then(|before| passed_between(before, now, from_km, to_km));
        let is_beside = now.offset_m <= patrol::BESIDE_M && (from_km..=to_km).contains(&now.km);
        // Somebody who walks past a point between two fixes passes it too.
        let before = before.filter(|before| fix.at.seconds_since(before.at).abs() <= GAP_S);
        let step = before.map_or_else(
            || place(fix),
            |before| {
                let (a, b) = ((before.lon, before.lat), (fix.lon, fix.lat));
                Geometry::Line(Line::new(a, b))
            },
        );
        let points = points_of(&record).into_iter().filter(|point| point.passed_at.is_none());
        let passes = |point: &patrol::Point| nearest_within(&step, point.lon, point.lat, POINT_REACH_M).is_some();
        Way {
            passed: passed.into_iter().collect(),
            points: points.filter(passes).map(|point| (point.name, fix.at)).collect(),
            last: is_beside.then_some((now.km, fix.at)),
        }
    }

    /// Adds what was gathered of a patrol to its record.
    ///
    /// # Errors
    /// `not_found`, or the problem of the store.
    pub async fn tell_way(&self, patrol: Uuid, way: &Way) -> Result<Written, Problem> {
        self.write_in_turn(&Ask::by(Actor::system()), patrol, |scene| decide_way(scene, patrol, way)).await
    }

    /// A unit is far off the stretch that its patrol walks, or back at it.
    ///
    /// # Errors
    /// As [`Desk::tell_way`].
    pub async fn tell_strayed(
        &self,
        patrol: Uuid,
        unit: Uuid,
        at: Timestamp,
        is_away: bool,
    ) -> Result<Written, Problem> {
        let ask = Ask::by(Actor::system());
        self.write_in_turn(&ask, patrol, |scene| decide_strayed(scene, patrol, unit, at, is_away)).await
    }
}

fn place(fix: &Fix) -> Geometry {
    Geometry::LineString(LineString::from(vec![(fix.lon, fix.lat), (fix.lon, fix.lat)]))
}

fn decide_way(scene: &Scene<'_>, id: Uuid, way: &Way) -> Result<Draft, Problem> {
    let record = scene.follow(Collection::Patrols, id)?;
    let state = record.text("state").unwrap_or_default();
    if record.text("started_at").is_none() || state == "cancelled" {
        return scene.already(Collection::Patrols, id);
    }
    let known: Vec<[f64; 2]> =
        record.properties.get("passed").cloned().and_then(|p| serde_json::from_value(p).ok()).unwrap_or_default();
    let passed = merged(&[&known[..], &way.passed].concat());
    let mut points = points_of(&record);
    let mut newly = Vec::new();
    for (name, at) in &way.points {
        if let Some(point) = points.iter_mut().find(|point| point.name == *name && point.passed_at.is_none()) {
            (point.passed_at, point.source) = (Some(at.to_string()), Some("fix".to_owned()));
            newly.push((name.clone(), *at));
        }
    }
    let last = way.last.filter(|(_, at)| record.time("last_at").is_none_or(|known| known < *at));
    if passed == known && newly.is_empty() && last.is_none() {
        return scene.already(Collection::Patrols, id);
    }
    let mut hand = Hand::new(scene, last.map_or(scene.now, |(_, at)| at), record);
    let record = hand.main();
    if !passed.is_empty() {
        record.set("passed_km", (length_km(&passed) * 1_000.0).round() / 1_000.0);
        record.set("passed", json!(passed));
    }
    if let Some((km, at)) = last {
        record.set("last_km", km);
        record.set_time("last_at", at);
    }
    if !points.is_empty() {
        set_points(record, &points);
    }
    let name = record.text("name").unwrap_or_default().to_owned();
    for (point, at) in newly {
        let facts = json!({"patrol_id": id, "point": point, "passed_at": at.to_string()});
        log(&mut hand, "patrol_point", format!("{name}: đã qua {point} (theo định vị)"), facts);
    }
    Ok(hand.finish())
}

fn decide_strayed(scene: &Scene<'_>, id: Uuid, unit: Uuid, at: Timestamp, is_away: bool) -> Result<Draft, Problem> {
    let record = scene.follow(Collection::Patrols, id)?;
    let is_out = matches!(record.text("state"), Some("under_way" | "overdue"));
    let mut hand = Hand::new(scene, at, record);
    let is_its = |alarm: &Working| {
        alarm.reference("patrol_id") == Some(id)
            && alarm.reference("unit_id") == Some(unit)
            && alarm.text("kind") == Some("patrol_strayed")
    };
    let stands = hand.open(Collection::Alarms).iter().any(is_its);
    if stands == is_away || !is_out {
        return scene.already(Collection::Patrols, id);
    }
    let name = hand.main().text("name").unwrap_or_default().to_owned();
    let label = hand.read(Collection::Units, unit)?.label();
    let text =
        if is_away { format!("{label} rời tuyến: {name}") } else { format!("{label} trở lại tuyến: {name}") };
    if is_away {
        let force = hand.main().text("force").and_then(crate::domain::Force::parse);
        let mut alarm = hand.new_alarm("patrol_strayed", force, &text);
        alarm.set("patrol_id", id.to_string());
        alarm.set("unit_id", unit.to_string());
        hand.add(alarm);
    } else {
        hand.end_alarms(is_its);
    }
    hand.log_about("patrol_strayed", None, Some(unit), text, json!({"patrol_id": id, "is_away": is_away}));
    Ok(hand.finish())
}
