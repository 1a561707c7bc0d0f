//! The life of an assignment, and the alarms that it raises.

use axum::extract::Path;
use utoipa::ToSchema;

use super::actor::Writer;
use super::error::Answer;
use super::fields::Fields;
use super::params::id_named;
use super::records::show;
use super::shapes;
use crate::desk::{Decision, Heard, StepReport, Told};
use crate::domain::Problem;
use crate::domain::assignment::Step;

/// What the unit says, or has said for it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct StepCall {
    #[schema(schema_with = shapes::step_by_unit)]
    step: String,
    /// When it happened; now if absent.
    at: Option<String>,
    /// How it became known; by who asks if absent.
    #[schema(schema_with = shapes::told_source)]
    source: Option<String>,
    /// Who was heard; needed by radio and by phone.
    told_by: Option<String>,
    /// decline: why.
    reason: Option<String>,
}

/// What a duty officer decides.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct DecisionCall {
    #[schema(schema_with = shapes::step_by_officer)]
    decision: String,
    /// When it was decided; now if absent.
    at: Option<String>,
    /// `phone` where the other force answered by telephone and whoever asked writes it down.
    #[schema(schema_with = shapes::told_source)]
    source: Option<String>,
    /// Who answered; needed by radio and by phone.
    told_by: Option<String>,
    /// refuse: why.
    reason: Option<String>,
}

/// A sign of life.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct AccountabilityCall {
    /// When the unit was heard; now if absent.
    at: Option<String>,
    #[schema(schema_with = shapes::told_source)]
    source: Option<String>,
    /// Who was heard; needed by radio and by phone.
    told_by: Option<String>,
    /// Until when it will be out of coverage, at most a day ahead: it is not missed before.
    no_coverage_until: Option<String>,
}

/// A unit's word on its assignment: `acknowledge`, `decline`, `en_route`, `on_scene`, `clear`.
#[utoipa::path(
    post, path = "/api/assignments/{id}/steps", tag = "assignments", request_body = StepCall,
    params(
        ("id" = String, Path, description = "Id of the assignment"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The assignment, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/AssignmentsFeature"),
        ),
        (status = 409, description = "forbidden_transition: where it stands, since when, and what is `allowed`"),
    )
)]
pub async fn step_assignment(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let step = step(&mut fields, "step", &Step::BY_UNIT)?;
    let report = StepReport { step, told: told(&mut fields)?, reason: fields.text("reason")? };
    fields.finish()?;
    let written = writer.desk()?.step_assignment(&writer.ask(at), id, report).await?;
    show(&writer.reader, &written)
}

/// A duty officer's decision on an assignment: `dispatch` a proposal, `agree` to a request or `refuse` it, `cancel`.
#[utoipa::path(
    post, path = "/api/assignments/{id}/decisions", tag = "assignments", request_body = DecisionCall,
    params(
        ("id" = String, Path, description = "Id of the assignment"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The assignment, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/AssignmentsFeature"),
        ),
        (status = 409, description = "forbidden_transition: where it stands, since when, and what is `allowed`"),
    )
)]
pub async fn decide_assignment(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let step = step(&mut fields, "decision", &Step::BY_OFFICER)?;
    let decision = Decision { step, told: told(&mut fields)?, reason: fields.text("reason")? };
    fields.finish()?;
    let written = writer.desk()?.decide_assignment(&writer.ask(at), id, decision).await?;
    show(&writer.reader, &written)
}

/// A unit that is out was heard of (báo an toàn), or says until when it will be out of coverage.
#[utoipa::path(
    post, path = "/api/assignments/{id}/accountability", tag = "assignments", request_body = AccountabilityCall,
    params(
        ("id" = String, Path, description = "Id of the assignment"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses((
        status = 200, description = "The assignment, with ETag", content_type = "application/geo+json",
        body = ref("#/components/schemas/AssignmentsFeature"),
    ))
)]
pub async fn hear_of_unit(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let heard = Heard { told: told(&mut fields)?, no_coverage_until: fields.time("no_coverage_until")? };
    fields.finish()?;
    let written = writer.desk()?.hear_of_unit(&writer.ask(at), id, heard).await?;
    show(&writer.reader, &written)
}

/// A named person takes an alarm.
#[utoipa::path(
    post, path = "/api/alarms/{id}/acknowledge", tag = "alarms",
    params(
        ("id" = String, Path, description = "Id of the alarm"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses((
        status = 200, description = "The alarm, with ETag", content_type = "application/geo+json",
        body = ref("#/components/schemas/AlarmsFeature"),
    ))
)]
pub async fn acknowledge_alarm(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    fields.finish()?;
    let written = writer.desk()?.acknowledge_alarm(&writer.ask(at), id).await?;
    show(&writer.reader, &written)
}

fn step(fields: &mut Fields, name: &str, steps: &[Step]) -> Result<Step, Problem> {
    let known = |word: &str| steps.iter().copied().find(|step| step.as_str() == word);
    match fields.word(name, known)? {
        Some(step) => Ok(step),
        None => fields.needed(name).map(|_| steps[0]),
    }
}

/// By which way something was told.
pub(super) fn told(fields: &mut Fields) -> Result<Told, Problem> {
    Ok(Told { source: fields.text("source")?, told_by: fields.text("told_by")? })
}
