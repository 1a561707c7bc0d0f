//! A night that is played again, as a demo: the rain that was measured, and what a duty room might have done
//! (`geodata/demo/replay/`). Time stands at each step until the next one, and goes on from one to the next by a leap; what is
//! done goes through the desk, as people do it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::desk::{
    Ask, Desk, EvacuationReport, Evidence, FixIn, Follow, GaugeName, Item, NewWarning, Order, Patch, ReadingIn, Report,
    SetLevel, StepReport, Told,
};
use crate::domain::assignment::Step as Progress;
use crate::domain::evacuation::State;
use crate::domain::place::{Place, PointSource};
use crate::domain::rain::Flag;
use crate::domain::warning::Type;
use crate::domain::{Actor, Code, Collection, Force, Problem, Role, Timestamp};
use crate::geometry::validate::{DRAWN_VERTICES_MAX, from_geojson};
use crate::picture::View;
use crate::store::clock;

/// 7–8 June 2025.
const NIGHT: &str = include_str!("../../geodata/demo/replay/2025-06-07.json");
/// Hours of rain that are sent at a time.
const READINGS_A_CALL: usize = 2_000;
const HOUR_S: i64 = 3_600;

/// A night as it is written down.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Night {
    #[expect(dead_code, reason = "for whoever reads the file")]
    about: String,
    start: String,
    rain: RainOfNight,
    zone: Value,
    steps: Vec<StepOfNight>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RainOfNight {
    /// The beginning of the first hour.
    from: String,
    /// By code of the gauge, hour by hour.
    mm: BTreeMap<String, Vec<f64>>,
    /// The other gauges have this part of the rain of that one.
    others_part_of: String,
    others_part: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepOfNight {
    at: String,
    vi: String,
    en: String,
    deeds: Vec<Deed>,
}

/// What somebody does.
#[derive(Debug, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case", deny_unknown_fields)]
enum Deed {
    /// The demo's own zones: the night has one.
    EndOtherZones,
    Draw,
    Approve,
    Bulletin {
        level: u8,
        title: String,
        rain_24h_min_mm: f64,
        rain_24h_max_mm: f64,
    },
    SetLevel {
        level: u8,
        reason: String,
    },
    Warn {
        reason: String,
    },
    Release,
    AllClear,
    Report {
        kind: String,
        lon: f64,
        lat: f64,
        severity: u8,
    },
    Send {
        units: Vec<String>,
    },
    Arrive {
        units: Vec<String>,
        lon: f64,
        lat: f64,
    },
    OpenShelter {
        shelter: Uuid,
    },
    /// `count` households of the zone from the `first` one on, by their codes.
    Households {
        first: usize,
        count: usize,
        state: State,
        channel: Option<String>,
        escort: Option<String>,
        reason: Option<String>,
        shelter: Option<Uuid>,
        place: Option<String>,
    },
}

impl Night {
    /// The shipped one.
    ///
    /// # Errors
    /// `internal` if it is not whole; a test reads it.
    pub fn shipped() -> Result<Self, Problem> {
        serde_json::from_str(NIGHT).map_err(|error| broken(&error.to_string()))
    }

    /// When it begins.
    ///
    /// # Errors
    /// As [`Night::shipped`].
    pub fn start(&self) -> Result<Timestamp, Problem> {
        time(&self.start)
    }
}

/// When the next step is played.
#[derive(Debug)]
pub enum Pace {
    /// After so long.
    Every(Duration),
    /// When somebody asks for it; the night ends where nobody can any more.
    OnCall(mpsc::Receiver<()>),
}

impl Pace {
    /// Waits for the next step; whether there will be one.
    async fn next(&mut self) -> bool {
        match self {
            Self::Every(pause) => {
                tokio::time::sleep(*pause).await;
                true
            }
            Self::OnCall(calls) => calls.recv().await.is_some(),
        }
    }
}

/// Plays the night on `desk` from its first step to its last. The clock must have been set to its
/// start ([`clock::play_from`]).
///
/// # Errors
/// `forbidden_transition` in a folder in which it was played before; the problem of the step that failed, which ends it.
pub async fn replay(desk: &Desk, night: &Night, mut pace: Pace) -> Result<(), Problem> {
    let mut player =
        Player { desk, night, told: time(&night.rain.from)?, zone: None, incident: None, households: Vec::new() };
    if player.view().all(Collection::RiskZones).any(|zone| zone.text("name").as_deref() == player.zone_name()) {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            "thư mục này đã diễn lại rồi: hãy dùng thư mục mới",
            "the night was played in this folder before: use a new one",
        ));
    }
    for step in &night.steps {
        clock::go_to(time(&step.at)?);
        player.rain().await?;
        for deed in &step.deeds {
            player.run(deed).await?;
        }
        player.say(step).await?;
        tracing::info!(at = %step.at, "{}", step.en);
        if !pace.next().await {
            break;
        }
    }
    Ok(())
}

struct Player<'a> {
    desk: &'a Desk,
    night: &'a Night,
    /// The end of the last hour of rain that was told.
    told: Timestamp,
    zone: Option<Uuid>,
    incident: Option<Uuid>,
    /// Of the zone, by their codes.
    households: Vec<Uuid>,
}

impl Player<'_> {
    fn zone_name(&self) -> Option<&str> {
        self.night.zone["properties"]["name"].as_str()
    }

    fn view(&self) -> View {
        self.desk.picture().view(&officer(), self.desk.now())
    }

    /// A question about the record as it stands.
    fn seen(&self, by: Actor, collection: Collection, id: Uuid) -> Ask {
        let version = self.view().item(collection, id).map_or(0, |shown| shown.version());
        Ask::by(by).if_match(version)
    }

    /// The hours that are over and were not told.
    async fn rain(&mut self) -> Result<(), Problem> {
        let (rain, from, now) = (&self.night.rain, time(&self.night.rain.from)?, self.desk.now());
        let codes: Vec<String> = {
            let view = self.view();
            view.all(Collection::RainGauges)
                .filter_map(|gauge| gauge.text("code").map(|code| code.into_owned()))
                .collect()
        };
        let mut readings = Vec::new();
        while self.told.plus_s(HOUR_S) <= now {
            let hour = usize::try_from(self.told.seconds_since(from) / HOUR_S).unwrap_or(usize::MAX);
            self.told = self.told.plus_s(HOUR_S);
            for code in &codes {
                let own = rain.mm.get(code).and_then(|hours| hours.get(hour)).copied();
                let other = rain.mm.get(&rain.others_part_of).and_then(|hours| hours.get(hour)).copied();
                let mm = own.or(other.map(|mm| (mm * rain.others_part * 10.0).round() / 10.0)).unwrap_or(0.0);
                let gauge = GaugeName::Code(code.clone());
                readings.push(ReadingIn { gauge, to: self.told, minutes: 60, mm, flag: Flag::Ok });
            }
        }
        for some in readings.chunks(READINGS_A_CALL) {
            self.desk.take_rain(&Ask::by(officer()), some.to_vec()).await?;
        }
        Ok(())
    }

    async fn say(&self, step: &StepOfNight) -> Result<(), Problem> {
        let properties = object(json!({"text": format!("Diễn lại: {}", step.vi), "zone_id": self.zone}));
        let item = Item { geometry: None, properties };
        self.desk.create(&Ask::by(officer()), Collection::DutyLog, None, item).await.map(|_| ())
    }

    async fn run(&mut self, deed: &Deed) -> Result<(), Problem> {
        let desk = self.desk;
        match deed {
            Deed::EndOtherZones => self.end_other_zones().await,
            Deed::Draw => self.draw().await,
            Deed::Approve => {
                let zone = self.zone()?;
                desk.approve_zone(&self.seen(officer(), Collection::RiskZones, zone), zone, None).await.map(|_| ())
            }
            Deed::Bulletin { level, title, rain_24h_min_mm, rain_24h_max_mm } => {
                let now = desk.now();
                let properties = object(json!({
                    "title": title, "issuer": "Đài KTTV (diễn lại)", "signer": "Dự báo viên (diễn lại)",
                    "issued_at": now.to_string(), "valid_to": now.plus_s(24 * HOUR_S).to_string(), "level": level,
                    "zone_ids": [self.zone()?], "rain_24h_min_mm": rain_24h_min_mm, "rain_24h_max_mm": rain_24h_max_mm,
                }));
                let item = Item { geometry: None, properties };
                desk.create(&Ask::by(officer()), Collection::Bulletins, None, item).await.map(|_| ())
            }
            Deed::SetLevel { level, reason } => {
                let zone = self.zone()?;
                let set = SetLevel { level: Some(*level), reason: reason.clone(), told_by: None };
                desk.set_zone_level(&self.seen(officer(), Collection::RiskZones, zone), zone, set).await.map(|_| ())
            }
            Deed::Warn { reason } => {
                let new = NewWarning { reason: Some(reason.clone()), expires: None };
                desk.warn(&Ask::by(officer()), self.zone()?, &new).await.map(|_| ())
            }
            Deed::Release => desk.release_warning(&Ask::by(planner()), self.warning()?).await.map(|_| ()),
            Deed::AllClear => {
                let follow = Follow { sort: Type::AllClear, reason: None, expires: None };
                desk.follow_warning(&Ask::by(officer()), self.warning()?, &follow).await.map(|_| ())
            }
            Deed::Report { kind, lon, lat, severity } => {
                let place =
                    Place::Point { lon: *lon, lat: *lat, accuracy_m: Some(100.0), source: PointSource::Coordinates };
                let properties = object(json!({"kind": kind, "severity": severity, "channel": "phone"}));
                let reported = desk.report(&Ask::by(officer()), Report { place, properties }).await?;
                self.incident = Some(reported.written.id());
                Ok(())
            }
            Deed::Send { units } => self.send(units).await,
            Deed::Arrive { units, lon, lat } => self.arrive(units, [*lon, *lat]).await,
            Deed::OpenShelter { shelter } => {
                let patch = Patch { geometry: None, properties: object(json!({"is_open": true})) };
                let ask = self.seen(planner(), Collection::Shelters, *shelter);
                desk.patch(&ask, Collection::Shelters, *shelter, patch).await.map(|_| ())
            }
            Deed::Households { first, count, state, channel, escort, reason, shelter, place } => {
                let report = EvacuationReport {
                    state: *state,
                    people: None,
                    more: false,
                    from: None,
                    shelter_id: *shelter,
                    place: place.clone(),
                    told: Told { source: Some("radio".into()), told_by: Some("Trưởng bản (diễn lại)".into()) },
                    evidence: Evidence {
                        channel: channel.clone(),
                        escort: escort.clone(),
                        reason: reason.clone(),
                        next_visit_at: (*state == State::Refused).then(|| desk.now().plus_s(HOUR_S)),
                        tries: (*state == State::Unreachable).then_some(1),
                        ..Evidence::default()
                    },
                };
                for id in self.households.iter().skip(*first).take(*count) {
                    let members =
                        self.view().item(Collection::Households, *id).and_then(|house| house.number("member_count"));
                    let report = EvacuationReport { people: members.map(|count| count as i64), ..report.clone() };
                    desk.report_evacuation(&Ask::by(officer()), *id, report).await?;
                }
                Ok(())
            }
        }
    }

    async fn end_other_zones(&self) -> Result<(), Problem> {
        let zones: Vec<Uuid> = {
            let view = self.view();
            view.all(Collection::RiskZones)
                .filter(|zone| zone.text("ended_at").is_none())
                .map(|zone| zone.id())
                .collect()
        };
        for zone in zones {
            let reason = "diễn lại: chỉ xét một khu vực".to_owned();
            self.desk.end_zone(&self.seen(planner(), Collection::RiskZones, zone), zone, reason).await?;
        }
        Ok(())
    }

    async fn draw(&mut self) -> Result<(), Problem> {
        let kind = Collection::RiskZones.geometry_kind();
        let area = from_geojson(&self.night.zone["geometry"], kind, DRAWN_VERTICES_MAX, "/zone/geometry")?;
        let mut properties = object(self.night.zone["properties"].clone());
        properties.insert("publish".into(), "propose".into());
        let item = Item { geometry: Some(area), properties };
        let written = self.desk.create(&Ask::by(planner()), Collection::RiskZones, None, item).await?;
        self.zone = Some(written.id());
        Ok(())
    }

    /// Its households are looked up when the first of them is told.
    fn zone(&mut self) -> Result<Uuid, Problem> {
        let zone = self.zone.ok_or_else(|| broken("no zone is drawn yet"))?;
        if self.households.is_empty() {
            let view = self.view();
            let inside = view.houses_inside(zone);
            let mut found: Vec<(String, Uuid)> = inside
                .iter()
                .map(|house| (house.text("code").map(|code| code.into_owned()).unwrap_or_default(), house.id()))
                .collect();
            found.sort();
            self.households = found.into_iter().map(|(_, id)| id).collect();
        }
        Ok(zone)
    }

    fn warning(&self) -> Result<Uuid, Problem> {
        let view = self.view();
        let open = view.all(Collection::Warnings).find(|warning| warning.text("ended_at").is_none());
        open.map(|warning| warning.id()).ok_or_else(|| broken("there is no warning"))
    }

    fn unit(&self, code: &str) -> Result<Uuid, Problem> {
        let view = self.view();
        let found = view.all(Collection::Units).find(|unit| unit.text("code").as_deref() == Some(code));
        found.map(|unit| unit.id()).ok_or_else(|| broken(&format!("there is no unit {code}")))
    }

    fn incident(&self) -> Result<Uuid, Problem> {
        self.incident.ok_or_else(|| broken("nothing is reported yet"))
    }

    async fn send(&self, units: &[String]) -> Result<(), Problem> {
        let incident = self.incident()?;
        for code in units {
            let ask = self.seen(officer(), Collection::Incidents, incident);
            self.desk.assign(&ask, incident, Order::from(self.unit(code)?)).await?;
            for step in [Progress::Acknowledge, Progress::EnRoute] {
                self.progress(code, step).await?;
            }
        }
        Ok(())
    }

    async fn arrive(&self, units: &[String], [lon, lat]: [f64; 2]) -> Result<(), Problem> {
        for (n, code) in units.iter().enumerate() {
            let fix = FixIn {
                unit_id: self.unit(code)?,
                // Side by side, so that both are seen.
                lon: lon + 0.002 * n as f64,
                lat,
                at: self.desk.now(),
                accuracy_m: Some(15.0),
                speed_mps: None,
                course_deg: None,
            };
            self.desk.take_fixes(&officer(), vec![fix]).await?;
            self.progress(code, Progress::OnScene).await?;
        }
        Ok(())
    }

    async fn progress(&self, code: &str, step: Progress) -> Result<(), Problem> {
        let (unit, incident) = (self.unit(code)?.to_string(), self.incident()?.to_string());
        let found = {
            let view = self.view();
            let of = |name: &str, id: &str, a: &crate::picture::Shown<'_>| a.text(name).as_deref() == Some(id);
            let mut open = view.all(Collection::Assignments).filter(|a| a.text("ended_at").is_none());
            open.find(|a| of("unit_id", &unit, a) && of("incident_id", &incident, a)).map(|a| a.id())
        };
        let id = found.ok_or_else(|| broken(&format!("{code} is not assigned")))?;
        let told = Told { source: Some("radio".into()), told_by: Some(code.to_owned()) };
        let report = StepReport { step, told, reason: None };
        self.desk.step_assignment(&Ask::by(officer()), id, report).await.map(|_| ())
    }
}

fn officer() -> Actor {
    Actor::new("trực ban (diễn lại)", Role::DutyOfficer, None)
}

fn planner() -> Actor {
    Actor::new("kế hoạch (diễn lại)", Role::Planner, Some(Force::Civil))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}

fn time(text: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse(text).map_err(|_| broken(&format!("{text} is no time")))
}

fn broken(why: &str) -> Problem {
    Problem::new(Code::Internal, format!("kịch bản diễn lại: {why}"), format!("the night that is played: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_night_has_the_published_rain_and_its_steps_follow_each_other() {
        let night = Night::shipped().unwrap();
        let total = |code: &str| night.rain.mm[code][48..].iter().sum::<f64>();
        assert!((total("MH-03601") - 256.6).abs() < 1e-6 && (total("MH-03405") - 158.4).abs() < 1e-6);
        assert!(night.rain.mm.values().all(|hours| hours.len() == 96));
        let times: Vec<Timestamp> = night.steps.iter().map(|step| time(&step.at).unwrap()).collect();
        assert_eq!(times.first(), Some(&night.start().unwrap()));
        assert!(times.is_sorted());
    }
}
