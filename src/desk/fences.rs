//! What follows from a unit's coming into a risk zone and going out of it: its visit, alarms, the log. The watch tells
//! what happened; the desk looks at the records again, so that it happens once, whoever tells it and however often.
//!
//! Alarms stay few: one for all units of a force that came in while nobody had taken the last one; none for whoever has a
//! task there, for whoever comes back within half an hour, or for what a telephone tells hours later.

use serde_json::{Value, json};
use uuid::Uuid;

use super::alarms::{end_about_zone, shortened};
use super::hand::Hand;
use super::scene::{Draft, Scene, Working, force_word};
use super::{Ask, Desk, Written};
use crate::domain::fence::{ALARM_FIX_AGE_S_MAX, Event, Kind, REPEAT_S};
use crate::domain::schema::LIST_ITEMS_MAX;
use crate::domain::{Actor, Collection, Force, Problem, Timestamp, visit, zone};
use crate::picture::{FenceShape, Passage};

impl Desk {
    /// Writes down what happened between a fence and a unit. What is known already is answered as it stands, and so is
    /// what is told of a zone or a unit that is over.
    ///
    /// # Errors
    /// The problem of the store.
    pub async fn tell_passage(&self, passage: &Passage) -> Result<Written, Problem> {
        let ask = Ask::by(Actor::system());
        self.write_in_turn(&ask, visit::id_of(passage.zone, passage.unit), |scene| decide(scene, passage)).await
    }
}

fn decide(scene: &Scene<'_>, passage: &Passage) -> Result<Draft, Problem> {
    let Passage { zone, unit, .. } = *passage;
    let id = visit::id_of(zone, unit);
    let ground = scene.follow(Collection::RiskZones, zone)?;
    let known = scene.follow(Collection::ZoneVisits, id).ok();
    let is_open = known.as_ref().is_some_and(is_open);
    let news = news(&passage.events, is_open);
    let minutes = ground.integer("fence_dwell_min");
    let stands = ground.text("state") == Some("in_force")
        && zone::fence(ground.text("kind").unwrap_or_default(), ground.text("fence"), minutes).is_some();
    if news.is_empty() || !stands {
        return scene.already(Collection::RiskZones, zone);
    }
    let mut record = known.unwrap_or_else(|| Working::new(Collection::ZoneVisits, id));
    record.set("zone_id", zone.to_string());
    record.set("unit_id", unit.to_string());
    let at = news.last().map_or(scene.now, |event| event.at);
    let mut crossing =
        Crossing { hand: Hand::new(scene, at, record), zone, unit, newest_fix_at: passage.newest_fix_at };
    let is_over = matches!(news.last(), Some(Event { kind: Kind::Left, .. }));
    for event in news {
        crossing.hand.at = event.at;
        match event.kind {
            Kind::WasInside => crossing.was_inside()?,
            Kind::Entered => crossing.enter(is_over)?,
            Kind::Dwelt => crossing.dwell(is_over)?,
            Kind::Left => crossing.leave()?,
        }
    }
    crossing.hand.at = at;
    Ok(crossing.hand.finish())
}

/// The events that change something: each follows from the one before.
fn news(events: &[Event], mut is_open: bool) -> Vec<Event> {
    let mut news = Vec::new();
    for event in events {
        let comes_in = matches!(event.kind, Kind::WasInside | Kind::Entered);
        if comes_in != is_open {
            is_open = event.kind != Kind::Left;
            news.push(*event);
        }
    }
    news
}

fn is_open(visit: &Working) -> bool {
    visit.text("ended_at").is_none()
}

/// Somebody at a fence; the record in hand is the visit.
struct Crossing<'a, 's> {
    hand: Hand<'a, 's>,
    zone: Uuid,
    unit: Uuid,
    newest_fix_at: Option<Timestamp>,
}

impl Crossing<'_, '_> {
    fn was_inside(&mut self) -> Result<(), Problem> {
        self.begin_visit(true)?;
        Ok(())
    }

    fn enter(&mut self, is_over: bool) -> Result<(), Problem> {
        let has_task = self.has_task()?;
        self.begin_visit(false)?;
        let at = self.hand.at;
        let visit = self.hand.main();
        visit.set("has_task", has_task);
        let last = visit.time("alarmed_at").filter(|last| at.seconds_since(*last) < REPEAT_S);
        let recent = last.and_then(|_| visit.reference("alarm_id"));
        if has_task || is_over || !self.is_fresh() {
            return Ok(());
        }
        if let Some(alarm) = recent {
            return self.repeat(alarm);
        }
        let (unit, zone) = self.labels()?;
        let text = format!("{unit} vào {zone}, không có nhiệm vụ ở đó");
        let alarm = self.raise("fence_entered", &text, &format!("vào {zone}, không có nhiệm vụ ở đó"))?;
        let visit = self.hand.main();
        visit.set_time("alarmed_at", at);
        visit.set("alarm_id", alarm.to_string());
        visit.remove("repeats");
        self.log("fence_entered", text)
    }

    fn dwell(&mut self, is_over: bool) -> Result<(), Problem> {
        let at = self.hand.at;
        if self.hand.main().text("dwelt_at").is_some() {
            return Ok(());
        }
        self.hand.main().set_time("dwelt_at", at);
        if is_over || !self.is_fresh() {
            return Ok(());
        }
        let since = self.hand.main().time("entered_at").unwrap_or(at);
        let (unit, zone) = self.labels()?;
        let minutes = at.seconds_since(since) / 60;
        let text = format!("{unit} ở trong {zone} đã {minutes} phút");
        self.raise("fence_dwell", &text, &format!("ở quá lâu trong {zone}"))?;
        self.log("fence_dwelt", text)
    }

    fn leave(&mut self) -> Result<(), Problem> {
        let at = self.hand.at;
        let visit = self.hand.main();
        visit.set_time("left_at", at);
        visit.set_time("ended_at", at);
        let (unit, zone) = self.labels()?;
        self.log("fence_left", format!("{unit} ra khỏi {zone}"))?;
        self.clear_alarms();
        Ok(())
    }

    fn begin_visit(&mut self, was_inside: bool) -> Result<(), Problem> {
        let force = self.force()?;
        let at = self.hand.at;
        let visit = self.hand.main();
        for over in ["left_at", "ended_at", "dwelt_at", "has_task"] {
            visit.remove(over);
        }
        visit.set("unit_force", force.map_or(Value::Null, |force| force_word(force).into()));
        visit.set("was_inside", was_inside);
        visit.set_time("entered_at", at);
        let visits = visit.integer("visits").unwrap_or(0) + 1;
        visit.set("visits", visits);
        Ok(())
    }

    /// What is told of long ago calls nobody.
    fn is_fresh(&self) -> bool {
        let newest = self.newest_fix_at.unwrap_or(self.hand.at);
        self.hand.scene.now.seconds_since(newest) <= ALARM_FIX_AGE_S_MAX
    }

    /// Whether the unit has an incident inside this zone.
    fn has_task(&mut self) -> Result<bool, Problem> {
        let Some(incident) = self.hand.read(Collection::Units, self.unit)?.reference("incident_id") else {
            return Ok(false);
        };
        let Ok(incident) = self.hand.scene.follow(Collection::Incidents, incident) else { return Ok(false) };
        let zone = self.hand.read(Collection::RiskZones, self.zone)?;
        let shape = zone.geometry.as_ref().map(|area| FenceShape::new(area, zone.number("buffer_m").unwrap_or(0.0)));
        Ok(match (shape, &incident.geometry) {
            (Some(shape), Some(geo_types::Geometry::Point(at))) => shape.holds(at.x(), at.y()),
            _ => false,
        })
    }

    /// Raises an alarm, or adds the unit to the one of its force that nobody has taken yet. `many` is what is said of
    /// several.
    fn raise(&mut self, kind: &'static str, text: &str, many: &str) -> Result<Uuid, Problem> {
        let force = self.force()?;
        let (zone, unit) = (self.zone, self.unit);
        let word = force.map(force_word);
        let stands = |alarm: &Working| {
            alarm.text("kind") == Some(kind)
                && alarm.reference("zone_id") == Some(zone)
                && alarm.text("force") == word
                && alarm.text("acknowledged_at").is_none()
        };
        let standing = self.hand.open(Collection::Alarms).into_iter().find(stands).map(|alarm| alarm.id);
        let Some(standing) = standing else {
            let mut alarm = self.hand.new_alarm(kind, force, text);
            alarm.set("zone_id", zone.to_string());
            alarm.set("unit_id", unit.to_string());
            alarm.set_references("unit_ids", &[unit]);
            let id = alarm.id;
            self.hand.add(alarm);
            return Ok(id);
        };
        let units = self.hand.read(Collection::Alarms, standing)?.references("unit_ids");
        if units.contains(&unit) || units.len() >= LIST_ITEMS_MAX {
            return self.count_repeat(standing).map(|()| standing);
        }
        let units = [&units[..], &[unit]].concat();
        let mut labels = Vec::new();
        for unit in &units {
            labels.push(self.hand.read(Collection::Units, *unit)?.label());
        }
        let text = format!("{} đơn vị {many}: {}", units.len(), labels.join(", "));
        let alarm = self.hand.change(Collection::Alarms, standing)?;
        alarm.set_references("unit_ids", &units);
        alarm.set("text", shortened(&text));
        Ok(standing)
    }

    /// It came back so soon that nothing new is raised: that is counted, and the alarm of before stands again. Whoever
    /// took it has it still.
    fn repeat(&mut self, alarm: Uuid) -> Result<(), Problem> {
        let visit = self.hand.main();
        let repeats = visit.integer("repeats").unwrap_or(0) + 1;
        visit.set("repeats", repeats);
        self.count_repeat(alarm)
    }

    fn count_repeat(&mut self, alarm: Uuid) -> Result<(), Problem> {
        let alarm = self.hand.change(Collection::Alarms, alarm)?;
        let repeats = alarm.integer("repeats").unwrap_or(0) + 1;
        alarm.set("repeats", repeats);
        alarm.remove("ended_at");
        Ok(())
    }

    fn alarms_of_unit(&self, kind: &str) -> Vec<Working> {
        let speaks_of = |alarm: &Working| {
            alarm.text("kind") == Some(kind)
                && alarm.reference("zone_id") == Some(self.zone)
                && alarm.references("unit_ids").contains(&self.unit)
        };
        self.hand.open(Collection::Alarms).into_iter().filter(speaks_of).collect()
    }

    /// Alarms of which nobody is inside any more are over.
    fn clear_alarms(&mut self) {
        for kind in ["fence_entered", "fence_dwell"] {
            for alarm in self.alarms_of_unit(kind) {
                let is_inside = |other: &Uuid| {
                    let visit = self.hand.scene.feature(Collection::ZoneVisits, visit::id_of(self.zone, *other));
                    *other != self.unit && visit.is_some_and(|visit| !visit.is_ended())
                };
                if !alarm.references("unit_ids").iter().any(is_inside) {
                    self.hand.end_alarms(|one| one.id == alarm.id);
                }
            }
        }
    }

    fn force(&mut self) -> Result<Option<Force>, Problem> {
        Ok(self.hand.read(Collection::Units, self.unit)?.text("force").and_then(Force::parse))
    }

    fn labels(&mut self) -> Result<(String, String), Problem> {
        let unit = self.hand.read(Collection::Units, self.unit)?.label();
        let zone = self.hand.read(Collection::RiskZones, self.zone)?;
        let name = zone.text("name").map_or_else(|| zone.label(), str::to_owned);
        Ok((unit, format!("khu vực nguy hiểm {name}")))
    }

    fn log(&mut self, kind: &'static str, text: String) -> Result<(), Problem> {
        let facts = json!({"fix_at": self.hand.at.to_string()});
        self.hand.log_in_zone(kind, self.zone, self.unit, text, facts);
        Ok(())
    }
}

/// The fence ends with its zone: open visits are over, and alarms of it.
pub(super) fn end_with_zone(scene: &Scene<'_>, draft: &mut Draft, zone: Uuid, at: Timestamp) {
    let id = zone.to_string();
    let open = scene.picture.layer(Collection::ZoneVisits).iter().filter(|visit| !visit.is_ended());
    for visit in open.filter(|visit| visit.text("zone_id").as_deref() == Some(&id)) {
        let mut record = Working::of(Collection::ZoneVisits, visit);
        record.set_time("ended_at", at);
        draft.put(record, at);
    }
    end_about_zone(scene, draft, zone, at, |kind| matches!(kind, "fence_dwell" | "fence_entered"));
}
