//! An exercise from within its own room: begun, given its injects, judged, ended. A desk that has an exercise writes its id
//! into every change, and writes nothing more once the exercise is over, but what is judged of it.

use geo_types::Geometry;
use serde_json::{Value, json};
use uuid::Uuid;

use super::incidents::{limit, needed};
use super::scene::{Draft, Entry, Scene, Working, force_word};
use super::write::{may, problem_of};
use super::{Ask, Desk, GaugeName, ReadingIn, Report, Written};
use crate::domain::access::Deed;
use crate::domain::exercise::{Call, Given, Inject, Judged, LINE_CHARS_MAX, Objective, RESULTS, Reading};
use crate::domain::place::{Place, PointSource};
use crate::domain::rain::Flag;
use crate::domain::{Actor, Code, Collection, Force, Problem, Role, Timestamp};
use crate::picture::Feature;
use crate::store::{Append, Put, Store};

/// Longest text of the lessons, characters.
const LESSONS_CHARS_MAX: usize = 4_000;
const MINUTE_MS: i64 = 60_000;
/// How well a place that a script gives is known, metres.
const INJECT_ACCURACY_M: f64 = 200.0;

/// What is to be rehearsed.
#[derive(Clone, Debug, Default)]
pub struct NewExercise {
    pub code: String,
    pub title: String,
    pub place_text: Option<String>,
    pub forces: Vec<Force>,
    pub objectives: Vec<Objective>,
    pub note: Option<String>,
}

/// The record of an exercise, read.
#[derive(Clone, Debug)]
pub struct ExerciseSheet {
    pub id: Uuid,
    pub version: u32,
    pub code: String,
    pub title: String,
    pub place_text: Option<String>,
    pub forces: Vec<String>,
    pub is_over: bool,
    pub started_at: Timestamp,
    pub started_by: String,
    pub finished_at: Option<Timestamp>,
    pub objectives: Vec<Objective>,
    pub injects: Vec<Given>,
    pub lessons: Option<String>,
}

/// What somebody judges: of objectives and given injects by their places, and what is to be learnt.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    pub objectives: Vec<(usize, Verdict)>,
    pub injects: Vec<(usize, Verdict)>,
    pub lessons: Option<String>,
}

/// One of [`RESULTS`], and why.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub result: String,
    pub remark: Option<String>,
}

/// Brings what an exercise begins with into its own store, by one call. What is in `puts` stands there as it is.
///
/// # Errors
/// The problem of the store.
pub async fn take_exercise_ground(store: &dyn Store, exercise: Uuid, puts: Vec<Put>) -> Result<(), Problem> {
    let head = Append {
        idempotency: None,
        actor: "exercise".into(),
        exercise_id: Some(exercise),
        expects: Vec::new(),
        puts: Vec::new(),
    };
    store.append_many(head, Box::new(puts.into_iter())).await.map(|_| ()).map_err(problem_of)
}

impl Desk {
    /// The same desk in the room of an exercise.
    #[must_use]
    pub fn with_exercise(self, exercise: Uuid) -> Self {
        Self { exercise: Some(exercise), ..self }
    }

    /// The exercise of this room; `None` where the work is real, or before it was begun.
    #[must_use]
    pub fn exercise(&self) -> Option<ExerciseSheet> {
        let id = self.exercise?;
        self.picture.load().layer(Collection::Exercises).get(id).map(|feature| sheet(feature))
    }

    /// Refuses a change where the exercise is over.
    ///
    /// # Errors
    /// `forbidden_transition`.
    pub(super) fn check_open(&self) -> Result<(), Problem> {
        let Some(id) = self.exercise else { return Ok(()) };
        let picture = self.picture.load();
        let state = picture.layer(Collection::Exercises).get(id).and_then(|exercise| exercise.text("state"));
        if state.as_deref() == Some("ended") {
            return Err(Problem::new(
                Code::ForbiddenTransition,
                "cuộc diễn tập đã kết thúc: chỉ còn xem và đánh giá",
                "the exercise is over: it can be read and judged, and nothing more",
            ));
        }
        Ok(())
    }

    fn exercise_id(&self) -> Result<Uuid, Problem> {
        self.exercise.ok_or_else(|| {
            Problem::new(Code::NotFound, "đây không phải phòng diễn tập", "this is not the room of an exercise")
        })
    }

    /// Begins the exercise of this room.
    ///
    /// # Errors
    /// `missing_field`, `limit_exceeded`, `forbidden`, `not_found` outside an exercise.
    pub async fn begin_exercise(&self, ask: &Ask, new: &NewExercise) -> Result<Written, Problem> {
        may(&ask.actor, Deed::LeadExercise)?;
        let id = self.exercise_id()?;
        needed("title", &new.title)?;
        limit("place_text", new.place_text.as_deref().unwrap_or_default(), LINE_CHARS_MAX)?;
        limit("note", new.note.as_deref().unwrap_or_default(), LESSONS_CHARS_MAX)?;
        self.write(ask, |scene| {
            let mut record = Working::new(Collection::Exercises, id);
            record.set("code", new.code.as_str());
            record.set("title", new.title.trim());
            record.set("place_text", new.place_text.as_deref().map_or(Value::Null, |text| text.trim().into()));
            let mut forces: Vec<&str> = new.forces.iter().map(|force| force_word(*force)).collect();
            forces.sort_unstable();
            forces.dedup();
            record.set("forces", json!(forces));
            record.set("state", "running");
            record.set_time("started_at", scene.now);
            record.set("started_by", scene.ask.actor.name.as_str());
            record.set("objectives", json!(new.objectives));
            record.set("injects", json!([]));
            record.set("note", new.note.as_deref().map_or(Value::Null, |text| text.trim().into()));
            let text = format!("Bắt đầu diễn tập {}: {}", new.code, new.title.trim());
            Ok(logged(scene, record, "exercise_begun", text, Value::Null))
        })
        .await
    }

    /// Gives an inject: what it carries comes in as if somebody had called or a gauge had sent it. Given once, however
    /// often it is asked for; what the room refuses is written down as refused.
    ///
    /// # Errors
    /// `forbidden`, `not_found`, `forbidden_transition` where the exercise is over, or the problem of the store.
    pub async fn give_inject(&self, ask: &Ask, n: usize, inject: &Inject, by: Option<&str>) -> Result<(), Problem> {
        may(&ask.actor, Deed::LeadExercise)?;
        let id = self.exercise_id()?;
        self.check_open()?;
        if self.exercise().is_some_and(|sheet| sheet.injects.iter().any(|given| given.n == n)) {
            return Ok(());
        }
        let mut given = Given {
            n,
            title: inject.title.clone(),
            expected: inject.expected.clone(),
            given_at: String::new(),
            given_by: by.map(str::to_owned),
            incident_id: None,
            failed: None,
            judged: None,
        };
        if let Some(call) = &inject.report {
            match self.call_in(id, n, inject, call).await {
                Ok(incident) => given.incident_id = Some(incident),
                Err(problem) if problem.code.may_pass() => return Err(problem),
                Err(problem) => given.failed = Some(problem.detail_vi),
            }
        }
        if let Some(reading) = &inject.rain {
            match self.rain_in(id, n, reading).await {
                Ok(()) => {}
                Err(problem) if problem.code.may_pass() => return Err(problem),
                Err(problem) => given.failed = Some(problem.detail_vi),
            }
        }
        self.write_in_turn(&Ask::by(ask.actor.clone()), id, |scene| {
            let mut record = scene.take(Collection::Exercises, id)?;
            let mut injects = read::<Given>(&record, "injects");
            if injects.iter().any(|one| one.n == n) {
                return scene.already(Collection::Exercises, id);
            }
            injects.push(Given { given_at: scene.now.to_string(), ..given.clone() });
            injects.sort_by_key(|one| one.n);
            record.set("injects", json!(injects));
            let text = match &given.failed {
                None => format!("Tình huống {}: {}", n + 1, inject.title),
                Some(why) => format!("Tình huống {} không phát được ({why}): {}", n + 1, inject.title),
            };
            Ok(logged(scene, record, "inject_given", text, json!({"n": n, "incident_id": given.incident_id})))
        })
        .await
        .map(|_| ())
    }

    /// The incident that an inject makes.
    async fn call_in(&self, exercise: Uuid, n: usize, inject: &Inject, call: &Call) -> Result<Uuid, Problem> {
        let place = Place::Point {
            lon: call.lon,
            lat: call.lat,
            accuracy_m: Some(INJECT_ACCURACY_M),
            source: PointSource::Coordinates,
        };
        let text = call.text.as_deref().unwrap_or(&inject.title);
        let mut properties = json!({"kind": call.kind, "description": text, "channel": "phone"});
        if let Some(severity) = call.severity {
            properties["severity"] = severity.into();
        }
        let Value::Object(properties) = properties else { return Err(problem_of_script()) };
        let reported = self.report(&once(exercise, n, "report"), Report { place, properties }).await?;
        Ok(reported.written.id())
    }

    async fn rain_in(&self, exercise: Uuid, n: usize, reading: &Reading) -> Result<(), Problem> {
        let gauge = GaugeName::Code(reading.gauge.clone());
        // A gauge sends whole minutes.
        let to = Timestamp::from_ms(self.now().as_ms().div_euclid(MINUTE_MS) * MINUTE_MS);
        let (minutes, mm) = (i64::from(reading.minutes), reading.mm);
        let reading = ReadingIn { gauge, to, minutes, mm, flag: Flag::Ok };
        let outcome = self.take_rain(&once(exercise, n, "rain"), vec![reading]).await?;
        outcome.refused.into_iter().next().map_or(Ok(()), |refused| Err(refused.problem))
    }

    /// Judges objectives and given injects (`If-Match` needed); also when the exercise is over.
    ///
    /// # Errors
    /// `invalid_value` for a place that is not there or a result that is none, `limit_exceeded`, `forbidden`, `not_found`,
    /// `version_conflict`, `precondition_required`.
    pub async fn judge_exercise(&self, ask: &Ask, judgement: &Judgement) -> Result<Written, Problem> {
        may(&ask.actor, Deed::LeadExercise)?;
        let id = self.exercise_id()?;
        limit("lessons", judgement.lessons.as_deref().unwrap_or_default(), LESSONS_CHARS_MAX)?;
        self.write_even_if_over(ask, |scene| {
            let mut record = scene.take_matching(Collection::Exercises, id)?;
            let mut objectives = read::<Objective>(&record, "objectives");
            let mut injects = read::<Given>(&record, "injects");
            for (place, (n, verdict)) in judgement.objectives.iter().enumerate() {
                let at = format!("/objectives/{place}");
                let found = objectives.get_mut(*n).ok_or_else(|| nothing_there(&at))?;
                found.judged = Some(judged(scene, verdict, &at)?);
            }
            for (place, (n, verdict)) in judgement.injects.iter().enumerate() {
                let at = format!("/injects/{place}");
                let found = injects.iter_mut().find(|given| given.n == *n).ok_or_else(|| nothing_there(&at))?;
                found.judged = Some(judged(scene, verdict, &at)?);
            }
            record.set("objectives", json!(objectives));
            record.set("injects", json!(injects));
            if let Some(lessons) = &judgement.lessons {
                record.set("lessons", if lessons.trim().is_empty() { Value::Null } else { lessons.trim().into() });
            }
            let text = "Đánh giá diễn tập".to_owned();
            Ok(logged(scene, record, "exercise_judged", text, Value::Null))
        })
        .await
    }

    /// Ends the exercise (`If-Match` needed): nothing more is done in its room.
    ///
    /// # Errors
    /// `forbidden_transition` if it is over, `forbidden`, `not_found`, `version_conflict`, `precondition_required`.
    pub async fn end_exercise(&self, ask: &Ask) -> Result<Written, Problem> {
        may(&ask.actor, Deed::LeadExercise)?;
        let id = self.exercise_id()?;
        self.write(ask, |scene| {
            let mut record = scene.take_matching(Collection::Exercises, id)?;
            record.set("state", "ended");
            record.set_time("finished_at", scene.now);
            record.set("ended_by", scene.ask.actor.name.as_str());
            let text = format!("Kết thúc diễn tập {}", record.text("code").unwrap_or_default());
            Ok(logged(scene, record, "exercise_ended", text, Value::Null))
        })
        .await
    }
}

/// Who leads, as it stands in the record of what a script brings in.
fn leader() -> Actor {
    Actor::new("ban chỉ đạo diễn tập", Role::DutyOfficer, None)
}

/// The question by which the thing of an inject is made once.
fn once(exercise: Uuid, n: usize, what: &str) -> Ask {
    let key = Uuid::new_v5(&exercise, format!("{what} {n}").as_bytes());
    Ask::by(leader()).once(key, [0; 32])
}

fn logged(scene: &Scene<'_>, record: Working, kind: &'static str, text: String, facts: Value) -> Draft {
    let mut draft = Draft::default();
    draft.put(record, scene.now);
    draft.log(scene, scene.now, Entry { kind, text, facts, incident: None, unit: None, zone: None });
    draft
}

fn read<T: serde::de::DeserializeOwned>(record: &Working, name: &str) -> Vec<T> {
    let list = record.properties.get(name).cloned().unwrap_or_default();
    serde_json::from_value(list).unwrap_or_default()
}

fn judged(scene: &Scene<'_>, verdict: &Verdict, at: &str) -> Result<Judged, Problem> {
    if !RESULTS.contains(&verdict.result.as_str()) {
        return Err(Problem::new(Code::InvalidValue, "không có kết quả này", "there is no such result")
            .at(&format!("{at}/result"))
            .with("allowed", RESULTS));
    }
    limit("remark", verdict.remark.as_deref().unwrap_or_default(), LINE_CHARS_MAX)?;
    Ok(Judged {
        result: verdict.result.clone(),
        remark: verdict.remark.clone(),
        by: scene.ask.actor.name.clone(),
        at: scene.now.to_string(),
    })
}

fn nothing_there(at: &str) -> Problem {
    Problem::new(Code::InvalidValue, "không có mục này", "there is no such entry").at(&format!("{at}/n"))
}

fn problem_of_script() -> Problem {
    Problem::new(Code::Internal, "kịch bản diễn tập bị lỗi", "the script of the exercise is broken")
}

fn sheet(feature: &Feature) -> ExerciseSheet {
    let record = Working::of(Collection::Exercises, feature);
    let text = |name: &str| record.text(name).map(str::to_owned);
    let forces = record.properties.get("forces").and_then(Value::as_array);
    ExerciseSheet {
        id: feature.id,
        version: feature.version,
        code: text("code").unwrap_or_default(),
        title: text("title").unwrap_or_default(),
        place_text: text("place_text"),
        forces: forces.into_iter().flatten().filter_map(|force| force.as_str().map(str::to_owned)).collect(),
        is_over: record.text("state") == Some("ended"),
        started_at: record.time("started_at").unwrap_or(Timestamp::from_ms(0)),
        started_by: text("started_by").unwrap_or_default(),
        finished_at: record.time("finished_at"),
        objectives: read(&record, "objectives"),
        injects: read(&record, "injects"),
        lessons: text("lessons"),
    }
}

/// What an exercise takes over from a real record: where and what it is, not what was done with it, and nobody's name.
/// `None` for what has no place in an exercise.
#[must_use]
pub fn for_exercise(put: Put, now: Timestamp) -> Option<Put> {
    use crate::domain::schema::{self, SetBy};
    use Collection as C;
    let keeps_all = match put.collection {
        C::BorderSectors | C::Stations | C::AdminUnits | C::Places | C::Roads | C::Rivers => true,
        C::Households | C::Shelters | C::Units | C::Contacts | C::RainGauges => false,
        _ => return None,
    };
    if put.properties.contains_key("ended_at") {
        return None;
    }
    let mut properties = put.properties;
    if !keeps_all {
        properties.retain(|name, _| {
            schema::find(put.collection, name)
                .is_some_and(|field| matches!(field.set_by, SetBy::Client | SetBy::Server))
        });
    }
    if put.collection == C::Units {
        properties.insert("status".into(), "available".into());
        properties.insert("status_at".into(), now.to_string().into());
        properties.insert("status_by".into(), "exercise".into());
    }
    let geometry: Option<Geometry<f64>> = put.geometry;
    Some(Put { properties, geometry, personal: serde_json::Map::new(), valid_at: None, ..put })
}
