//! Exercises: listed and begun from the real room, read, led, judged and ended from their own, whose addresses begin with
//! `/exercises/CODE`.

mod card;
pub mod rooms;
mod steps;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::{etag, json, with_header, with_status};
use super::error::Answer;
use super::fields::Fields;
use super::params::{Params, no_record};
use crate::desk::{ExerciseSheet, Judgement, NewExercise, Verdict};
use crate::domain::access::Deed;
use crate::domain::exercise::{self, Given, Inject, Objective};
use crate::domain::{Code, Force, Problem, Timestamp};

pub use card::Card;
pub use rooms::{Exercises, Inside, Shares};
pub use steps::IncidentSteps;

/// All exercises of this server, the newest first.
#[derive(Serialize, ToSchema)]
pub struct ExerciseList {
    exercises: Vec<Card>,
}

/// An exercise that was begun.
#[derive(Serialize, ToSchema)]
#[schema(as = ExerciseBegun)]
pub struct Begun {
    exercise: Card,
    /// Where its room is: what stands here before any other address leads there.
    path: String,
}

/// What is to be rehearsed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ExerciseCall {
    title: String,
    place_text: Option<String>,
    /// Forces that take part.
    forces: Option<Vec<Force>>,
    /// What it is to show, a line each; at most 20.
    objectives: Option<Vec<String>>,
    /// What is to happen; at most 200.
    injects: Option<Vec<Inject>>,
    note: Option<String>,
}

/// What was judged of one objective or inject.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct VerdictCall {
    /// Its place: of an objective in the list, of an inject in the script.
    n: i64,
    /// `met`, `partly` or `not_met`.
    result: String,
    remark: Option<String>,
}

/// What is judged; what is not named stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct JudgementCall {
    objectives: Option<Vec<VerdictCall>>,
    injects: Option<Vec<VerdictCall>>,
    lessons: Option<String>,
}

/// An inject that is still to come.
#[derive(Serialize, ToSchema)]
#[schema(as = InjectToCome)]
pub struct Waiting {
    /// Its place in the script.
    n: usize,
    #[schema(value_type = String, format = "date-time")]
    due_at: Timestamp,
    #[serde(flatten)]
    inject: Inject,
}

/// The sheet of an exercise.
#[derive(Serialize, ToSchema)]
#[schema(as = ExerciseSheet)]
pub struct Sheet {
    id: Uuid,
    /// What `If-Match` names.
    version: u32,
    code: String,
    title: String,
    #[schema(required)]
    place_text: Option<String>,
    forces: Vec<String>,
    /// `running` or `ended`.
    state: &'static str,
    #[schema(value_type = String, format = "date-time")]
    started_at: Timestamp,
    started_by: String,
    #[schema(value_type = Option<String>, format = "date-time", required)]
    finished_at: Option<Timestamp>,
    objectives: Vec<Objective>,
    /// What was given, and what was judged of the answer.
    injects: Vec<Given>,
    /// What is still to come; only for whoever leads.
    #[schema(required)]
    waiting: Option<Vec<Waiting>>,
    #[schema(required)]
    lessons: Option<String>,
    /// Of each incident of the exercise, when what was done, and how long after the report.
    incidents: Vec<IncidentSteps>,
}

/// The exercises of this server.
#[utoipa::path(
    get, path = "/api/exercises", tag = "exercises",
    responses(
        (status = 200, description = "All of them, the newest first", body = ExerciseList),
        (status = 404, description = "not_found: asked in the room of an exercise"),
    )
)]
pub async fn list_exercises(reader: Reader) -> Answer {
    Params::parse(reader.uri.query())?.finish()?;
    json(&ExerciseList { exercises: rooms_of(&reader)?.list()? })
}

/// Begins an exercise: a room of its own on the present ground, with units at their posts, and nothing else of what is
/// real. No name and no telephone goes along.
///
/// Its injects are given at their times, or before that by whoever leads.
#[utoipa::path(
    post, path = "/api/exercises", tag = "exercises", request_body = ExerciseCall,
    params(("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once")),
    responses(
        (status = 201, description = "The exercise runs", body = Begun),
        (status = 404, description = "not_found: asked in the room of an exercise"),
        (status = 413, description = "limit_exceeded: too many run already, or the script is too long"),
    )
)]
pub async fn begin_exercise(writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::LeadExercise)?;
    let mut fields = writer.fields()?;
    let forces = match fields.take("forces") {
        None => Vec::new(),
        Some(list) => forces(&list)?,
    };
    let new = NewExercise {
        code: String::new(),
        title: fields.needed_text("title")?,
        place_text: fields.text("place_text")?,
        forces,
        objectives: fields.take("objectives").map_or(Ok(Vec::new()), |list| exercise::objectives(&list))?,
        note: fields.text("note")?,
    };
    let script = fields.take("injects").map_or(Ok(Vec::new()), |list| exercise::script(&list))?;
    fields.finish()?;
    let room = rooms_of(&writer.reader)?.begin(&writer.ask(None), new, script).await?;
    let path = format!("{}{}", rooms::PATH, room.card.code);
    let answer = with_status(json(&Begun { exercise: room.card.clone(), path: path.clone() })?, StatusCode::CREATED);
    Ok(with_header(answer, header::LOCATION, &path))
}

/// The sheet of the exercise in whose room this is asked.
#[utoipa::path(
    get, path = "/api/exercise", tag = "exercises",
    responses(
        (status = 200, description = "The exercise, with ETag", body = Sheet),
        (status = 404, description = "not_found: not asked in the room of an exercise"),
    )
)]
pub async fn read_exercise(reader: Reader) -> Answer {
    Params::parse(reader.uri.query())?.finish()?;
    sheet(&reader)
}

/// Gives an inject before its time.
#[utoipa::path(
    post, path = "/api/exercise/injects/{n}", tag = "exercises",
    params(
        ("n" = u32, Path, description = "Its place in the script, from 0"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (status = 200, description = "The exercise, with ETag; as it stands where the inject was given before", body = Sheet),
        (status = 404, description = "not_found: no such inject, or not the room of an exercise"),
        (status = 409, description = "forbidden_transition: the exercise is over"),
    )
)]
pub async fn give_inject(Path(n): Path<String>, writer: Writer) -> Answer {
    let (room, by) = (room_led(&writer.reader)?, writer.reader.actor().name.clone());
    let place = n.parse::<usize>().ok().filter(|place| *place < room.script.len()).ok_or_else(|| no_record(&n))?;
    writer.desk()?.give_inject(&writer.ask(None), place, &room.script[place], Some(&by)).await?;
    sheet(&writer.reader)
}

/// Judges objectives and injects, and writes down what is to be learnt; also when the exercise is over.
#[utoipa::path(
    post, path = "/api/exercise/judgements", tag = "exercises", request_body = JudgementCall,
    params(
        ("If-Match" = String, Header, description = "The version of the exercise that was read"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (status = 200, description = "The exercise, with ETag", body = Sheet),
        (status = 404, description = "not_found: not asked in the room of an exercise"),
    )
)]
pub async fn judge_exercise(writer: Writer) -> Answer {
    room_led(&writer.reader)?;
    writer.version()?;
    let mut fields = writer.fields()?;
    let judgement = Judgement {
        objectives: verdicts(fields.take("objectives"), "objectives", exercise::OBJECTIVES_MAX)?,
        injects: verdicts(fields.take("injects"), "injects", exercise::INJECTS_MAX)?,
        lessons: fields.text("lessons")?,
    };
    fields.finish()?;
    writer.desk()?.judge_exercise(&writer.ask(None), &judgement).await?;
    sheet(&writer.reader)
}

/// Ends the exercise: its room is read and judged from now on, and nothing more is done in it.
#[utoipa::path(
    post, path = "/api/exercise/end", tag = "exercises",
    params(
        ("If-Match" = String, Header, description = "The version of the exercise that was read"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (status = 200, description = "The exercise, with ETag", body = Sheet),
        (status = 404, description = "not_found: not asked in the room of an exercise"),
        (status = 409, description = "forbidden_transition: it is over"),
    )
)]
pub async fn end_exercise(writer: Writer) -> Answer {
    room_led(&writer.reader)?;
    writer.version()?;
    writer.desk()?.end_exercise(&writer.ask(None)).await?;
    sheet(&writer.reader)
}

/// The exercises of this server.
fn rooms_of(reader: &Reader) -> Result<&Exercises, super::error::Refusal> {
    reader.live()?.exercises.as_ref().ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "đang ở trong phòng diễn tập: danh sách các cuộc diễn tập ở phòng trực thật",
            "this is the room of an exercise: exercises are listed in the real one",
        )
        .into()
    })
}

/// What a room knows of itself.
fn room(reader: &Reader) -> Result<&Inside, super::error::Refusal> {
    reader.live()?.inside.as_ref().ok_or_else(|| not_inside().into())
}

/// The same, for whoever leads alone.
fn room_led(reader: &Reader) -> Result<&Inside, super::error::Refusal> {
    reader.actor().check(Deed::LeadExercise)?;
    room(reader)
}

fn not_inside() -> Problem {
    Problem::new(Code::NotFound, "đây không phải phòng diễn tập", "this is not the room of an exercise")
}

fn sheet(reader: &Reader) -> Answer {
    let live = reader.live()?;
    let script = &room(reader)?.script;
    let found: ExerciseSheet = live.desk.exercise().ok_or_else(not_inside)?;
    let incidents = steps::of_incidents(&reader.view()?);
    let given = |n: usize| found.injects.iter().any(|given| given.n == n);
    let waiting = reader.actor().may(Deed::LeadExercise).then(|| {
        let all = script.iter().enumerate().filter(|(n, _)| !given(*n));
        all.map(|(n, inject)| Waiting { n, due_at: inject.due(found.started_at), inject: inject.clone() }).collect()
    });
    let version = found.version;
    let mut answer = json(&Sheet {
        id: found.id,
        version,
        code: found.code,
        title: found.title,
        place_text: found.place_text,
        forces: found.forces,
        state: if found.is_over { "ended" } else { "running" },
        started_at: found.started_at,
        started_by: found.started_by,
        finished_at: found.finished_at,
        objectives: found.objectives,
        injects: found.injects,
        waiting,
        lessons: found.lessons,
        incidents,
    })?;
    answer.headers_mut().insert(header::ETAG, etag(version));
    Ok(answer)
}

fn forces(list: &Value) -> Result<Vec<Force>, Problem> {
    let wrong = || {
        Problem::new(Code::InvalidValue, "cần danh sách lực lượng", "expected a list of forces")
            .at("/forces")
            .with("allowed", crate::domain::access::FORCES)
    };
    let words = list.as_array().ok_or_else(wrong)?;
    words.iter().map(|word| word.as_str().and_then(Force::parse).ok_or_else(wrong)).collect()
}

fn verdicts(list: Option<Value>, name: &str, max: usize) -> Result<Vec<(usize, Verdict)>, Problem> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let at = format!("/{name}");
    let Value::Array(list) = list else {
        return Err(Problem::new(Code::InvalidValue, "cần một danh sách", "expected a list").at(&at));
    };
    if list.len() > max {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("nhiều hơn {max} mục"),
            format!("more than {max} entries"),
        )
        .at(&at));
    }
    let mut verdicts = Vec::with_capacity(list.len());
    for (place, one) in list.into_iter().enumerate() {
        let at = format!("{at}/{place}");
        let mut fields = Fields::at(one, &at)?;
        let n = fields.integer("n")?.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| {
            Problem::new(Code::InvalidValue, "cần số thứ tự", "expected a place").at(&format!("{at}/n"))
        })?;
        let verdict = Verdict { result: fields.needed_text("result")?, remark: fields.text("remark")? };
        fields.finish()?;
        verdicts.push((n, verdict));
    }
    Ok(verdicts)
}
