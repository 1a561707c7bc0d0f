//! Readings of rain gauges, many at a time: each is judged alone and lands in the record of its gauge and day.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use super::scene::{Draft, Scene, Working};
use super::write::may;
use super::{Ask, Desk};
use crate::domain::access::Deed;
use crate::domain::rain::{Admitted, DAY_MINUTES, Flag, Reading, admit, day_id, read_day, write_day};
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::picture::Picture;
use crate::risk::rain::total;

/// Most readings in one call.
pub const READINGS_MAX: usize = 5_000;
const DAY_S: i64 = 86_400;

/// How a reading names its gauge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GaugeName {
    Id(Uuid),
    /// The code by which the station sends.
    Code(String),
}

/// One reading as a station or a form sends it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingIn {
    pub gauge: GaugeName,
    /// When its interval ended.
    pub to: Timestamp,
    pub minutes: i64,
    pub mm: f64,
    pub flag: Flag,
}

/// What became of the readings of one call.
#[derive(Clone, Debug, Default)]
pub struct RainOutcome {
    pub accepted: usize,
    /// Known already with the same value.
    pub repeated: usize,
    /// Another value was known of the same interval; this one counts from now on.
    pub corrected: usize,
    pub refused: Vec<RefusedReading>,
}

/// A reading that was not taken.
#[derive(Clone, Debug)]
pub struct RefusedReading {
    /// Its place in the call, counted from 0.
    pub index: usize,
    pub problem: Problem,
}

/// The record of a gauge and a local day.
type DayKey = (Uuid, String);

impl Desk {
    /// Takes 1 to [`READINGS_MAX`] readings; each is judged alone, however late it comes. The answer comes when they are
    /// durable and in the picture.
    ///
    /// # Errors
    /// `limit_exceeded`, `missing_field` for an empty call, `forbidden`, or the problem of the store. A call of which
    /// nothing was taken is no error here: the door decides on the status.
    pub async fn take_rain(&self, ask: &Ask, readings: Vec<ReadingIn>) -> Result<RainOutcome, Problem> {
        may(&ask.actor, Deed::ReportRain)?;
        if readings.is_empty() {
            return Err(Problem::new(Code::MissingField, "không có số đo nào", "there are no readings").at("/readings"));
        }
        if readings.len() > READINGS_MAX {
            return Err(Problem::new(
                Code::LimitExceeded,
                format!("nhiều hơn {READINGS_MAX} số đo trong một lần gửi"),
                format!("more than {READINGS_MAX} readings in one call"),
            )
            .at("/readings"));
        }
        let (outcome, days) = judge(&self.picture.load(), &readings, self.now());
        if days.is_empty() {
            return Ok(outcome);
        }
        // The last decision is the one that was written.
        let told = Mutex::new(RainOutcome::default());
        self.write(ask, |scene| {
            let (outcome, days) = judge(scene.picture, &readings, scene.now);
            *told.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
            decide(scene, days)
        })
        .await?;
        Ok(told.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Desk {
    /// Readings of a gauge from the local day of `from` to that of `to`, in the order of their ends. Rain is everybody's.
    #[must_use]
    pub fn rain_of(&self, gauge: Uuid, from: Timestamp, to: Timestamp) -> Vec<Reading> {
        series(&self.picture.load(), gauge, from, to)
    }
}

/// Readings of a gauge that end in the local days from `first` to the day of `at`, in the order of their ends.
pub(super) fn series(picture: &Picture, gauge: Uuid, first: Timestamp, at: Timestamp) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut day = first;
    loop {
        readings.extend(of_day(picture, &(gauge, day.local_text()[..10].to_owned())));
        if day >= at {
            break;
        }
        day = day.plus_s(DAY_S).min(at);
    }
    readings.dedup_by_key(|reading| reading.to);
    readings
}

fn of_day(picture: &Picture, (gauge, day): &DayKey) -> Vec<Reading> {
    let known = picture.layer(Collection::RainDays).get(day_id(*gauge, day));
    let stored = known.and_then(|record| record.value("readings"));
    stored.map(|stored| read_day(day, &stored)).unwrap_or_default()
}

/// Judges each reading alone; the days that change, as they will be.
fn judge(picture: &Picture, readings: &[ReadingIn], now: Timestamp) -> (RainOutcome, BTreeMap<DayKey, Vec<Reading>>) {
    let gauges = picture.layer(Collection::RainGauges);
    let by_code: HashMap<String, Uuid> = (gauges.iter().filter(|gauge| !gauge.is_ended()))
        .filter_map(|gauge| Some((gauge.text("code")?.into_owned(), gauge.id)))
        .collect();
    let find = |name: &GaugeName| match name {
        GaugeName::Id(id) => gauges.get(*id).filter(|gauge| !gauge.is_ended()).map(|gauge| gauge.id),
        GaugeName::Code(code) => by_code.get(code).copied(),
    };
    let mut outcome = RainOutcome::default();
    let mut known: HashMap<DayKey, Vec<Reading>> = HashMap::new();
    let mut changed: Vec<DayKey> = Vec::new();
    for (index, given) in readings.iter().enumerate() {
        let taken = find(&given.gauge).ok_or_else(|| unknown_gauge(&given.gauge)).and_then(|gauge| {
            let reading = Reading::checked(given.to, given.minutes, given.mm, given.flag, now)?;
            let key = (gauge, reading.day());
            // An interval that spans midnight may overlap what ended the day before, or the day after.
            let inside = reading.to.plus_s(-1);
            for beside in [inside.plus_s(-DAY_S), inside.plus_s(DAY_S)] {
                let key = (gauge, beside.local_text()[..10].to_owned());
                admit(known.entry(key).or_insert_with_key(|key| of_day(picture, key)), &reading)?;
            }
            let day = known.entry(key.clone()).or_insert_with_key(|key| of_day(picture, key));
            let admitted = admit(day, &reading)?;
            match admitted {
                Admitted::New => day.push(reading),
                Admitted::Corrects(at) => day[at] = reading,
                Admitted::Repeated => {}
            }
            Ok((key, admitted))
        });
        match taken {
            Ok((_, Admitted::Repeated)) => outcome.repeated += 1,
            Ok((key, admitted)) => {
                match admitted {
                    Admitted::Corrects(_) => outcome.corrected += 1,
                    _ => outcome.accepted += 1,
                }
                changed.push(key);
            }
            Err(problem) => outcome.refused.push(RefusedReading { index, problem }),
        }
    }
    let days = changed.into_iter().filter_map(|key| {
        let mut day = known.remove(&key)?;
        day.sort_by_key(|reading| reading.to);
        Some((key, day))
    });
    (outcome, days.collect())
}

fn decide(scene: &Scene<'_>, days: BTreeMap<DayKey, Vec<Reading>>) -> Result<Draft, Problem> {
    let mut draft = Draft::default();
    for ((gauge, day), readings) in days {
        let id = day_id(gauge, &day);
        let mut record = match scene.feature(Collection::RainDays, id) {
            Some(feature) => Working::of(Collection::RainDays, feature),
            None => Working::new(Collection::RainDays, id),
        };
        let last = readings.last().map_or(scene.now, |reading| reading.to);
        let midnight = Timestamp::parse_typed(&format!("{day} 00:00")).unwrap_or(scene.now);
        let of_day = total(&readings, midnight, midnight.plus_s(DAY_S));
        record.set("gauge_id", gauge.to_string());
        record.set("day", day);
        record.set("readings", write_day(&readings));
        record.set("total_mm", of_day.mm);
        record.set("known_minutes", (of_day.known_share * DAY_MINUTES as f64).round() as i64);
        record.set_time("reported_at", scene.now);
        draft.put(record, last);
    }
    if draft.puts.is_empty() {
        // Another call brought the same meanwhile.
        draft.already = scene.picture.layer(Collection::RainDays).iter().next().map(|feature| {
            (Collection::RainDays, std::sync::Arc::new(super::scene::record_of(Collection::RainDays, feature)))
        });
    }
    Ok(draft)
}

fn unknown_gauge(name: &GaugeName) -> Problem {
    let name = match name {
        GaugeName::Id(id) => id.to_string(),
        GaugeName::Code(code) => code.clone(),
    };
    Problem::new(
        Code::UnknownReference,
        format!("không có trạm đo mưa {name}"),
        format!("there is no rain gauge {name}"),
    )
    .at("/gauge")
}
