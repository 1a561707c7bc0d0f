//! What the forces ask each other, decide together and plan: the verbs. Briefings, decisions and plans are written as items
//! of their collections.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use utoipa::ToSchema;

use super::actor::Writer;
use super::answer::{with_header, with_status};
use super::error::Answer;
use super::params::{id_named, no_record};
use super::records::show;
use crate::desk::NewInformationRequest;
use crate::domain::access::Deed;
use crate::domain::briefing::DecisionVerb;
use crate::domain::{Code, Force, Problem, Timestamp, event_plan, information_request};

/// What one force asks another.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct InformationRequestCall {
    /// The force that is asked; the asking one is the caller's.
    to_force: Force,
    /// What is asked; never who a citizen is.
    question: String,
    /// On which legal basis, and what for.
    purpose: String,
    /// Until when the answer is needed, within a year.
    #[schema(value_type = String, format = DateTime)]
    due_at: Timestamp,
}

/// What is said with a verb on a request.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct InformationRequestVerbCall {
    /// The answer, or why there is none.
    text: String,
}

/// What is said with a verb on a decision or a plan.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ResultCall {
    /// What came of it; needed to drop or cancel.
    result: Option<String>,
}

/// Whether an item of a checklist is done.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ChecklistCall {
    /// Done if not said.
    done: Option<bool>,
}

/// Asks another force for information.
///
/// Between the two of them: nobody else reads it but the province's commander. Whether an answer is late follows from
/// `due_at`.
#[utoipa::path(
    post, path = "/api/information_requests", tag = "coordination", request_body = InformationRequestCall,
    params(("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once")),
    responses((
        status = 201, description = "The request, with ETag and Location", content_type = "application/geo+json",
        body = ref("#/components/schemas/InformationRequestsFeature"),
    ))
)]
pub async fn ask_force(writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::Coordinate)?;
    let mut fields = writer.fields()?;
    let new = NewInformationRequest {
        to: fields.needed_word("to_force", Force::parse)?,
        question: fields.needed_text("question")?,
        purpose: fields.needed_text("purpose")?,
        due_at: fields.needed_time("due_at")?,
    };
    fields.finish()?;
    let written = writer.desk()?.ask_force(&writer.ask(None), &new).await?;
    let answer = with_status(show(&writer.reader, &written)?, StatusCode::CREATED);
    let place = writer.reader.link(&format!("/api/collections/information_requests/items/{}", written.id()));
    Ok(with_header(answer, header::LOCATION, &place))
}

/// What becomes of a request: `answer` and `decline` by the force that was asked, `withdraw` by the one that asks.
#[utoipa::path(
    post, path = "/api/information_requests/{id}/{verb}", tag = "coordination",
    request_body = InformationRequestVerbCall,
    params(
        ("id" = String, Path, description = "Id of the request"),
        ("verb" = String, Path, description = "`answer`, `decline` or `withdraw`"),
        ("If-Match" = String, Header, description = "The version that the caller saw"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The request, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/InformationRequestsFeature"),
        ),
        (status = 409, description = "forbidden_transition: it is over"),
    )
)]
pub async fn run_request_verb(Path((id, verb)): Path<(String, String)>, writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::Coordinate)?;
    let id = id_named(&id)?;
    let verb = information_request::Verb::parse(&verb).ok_or_else(no_verb)?;
    let mut fields = writer.fields()?;
    let text = fields.needed_text("text")?;
    fields.finish()?;
    let written = writer.desk()?.run_request_verb(&writer.ask_of_seen(None)?, id, verb, &text).await?;
    show(&writer.reader, &written)
}

/// What becomes of a decision: `done`, `drop`, `reopen`, by the force that answers for it or the joint duty room.
#[utoipa::path(
    post, path = "/api/decisions/{id}/{verb}", tag = "coordination", request_body = ResultCall,
    params(
        ("id" = String, Path, description = "Id of the decision"),
        ("verb" = String, Path, description = "`done`, `drop` or `reopen`"),
        ("If-Match" = String, Header, description = "The version that the caller saw"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The decision, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/DecisionsFeature"),
        ),
        (status = 409, description = "forbidden_transition with the state and what is allowed"),
    )
)]
pub async fn run_decision_verb(Path((id, verb)): Path<(String, String)>, writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::Coordinate)?;
    let id = id_named(&id)?;
    let verb = DecisionVerb::parse(&verb).ok_or_else(no_verb)?;
    let mut fields = writer.fields()?;
    let result = fields.text("result")?;
    fields.finish()?;
    let ask = writer.ask_of_seen(None)?;
    let written = writer.desk()?.run_decision_verb(&ask, id, verb, result.as_deref()).await?;
    show(&writer.reader, &written)
}

/// What becomes of a plan: `issue`, `done`, `cancel`, by the force that leads or the joint duty room.
#[utoipa::path(
    post, path = "/api/event_plans/{id}/{verb}", tag = "coordination", request_body = ResultCall,
    params(
        ("id" = String, Path, description = "Id of the plan"),
        ("verb" = String, Path, description = "`issue`, `done` or `cancel`"),
        ("If-Match" = String, Header, description = "The version that the caller saw"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The plan, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/EventPlansFeature"),
        ),
        (status = 409, description = "forbidden_transition with the state and what is allowed"),
    )
)]
pub async fn run_plan_verb(Path((id, verb)): Path<(String, String)>, writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::Coordinate)?;
    let id = id_named(&id)?;
    let verb = event_plan::Verb::parse(&verb).ok_or_else(no_verb)?;
    let mut fields = writer.fields()?;
    let result = fields.text("result")?;
    fields.finish()?;
    let written = writer.desk()?.run_plan_verb(&writer.ask_of_seen(None)?, id, verb, result.as_deref()).await?;
    show(&writer.reader, &written)
}

/// Checks an item of a plan's checklist off, or takes that back; repeated, it changes nothing.
#[utoipa::path(
    post, path = "/api/event_plans/{id}/checklist/{n}", tag = "coordination", request_body = ChecklistCall,
    params(
        ("id" = String, Path, description = "Id of the plan"),
        ("n" = u32, Path, description = "Its place in the list, from 0"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The plan, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/EventPlansFeature"),
        ),
        (status = 409, description = "forbidden_transition: the plan is over"),
    )
)]
pub async fn check_plan_item(Path((id, n)): Path<(String, String)>, writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::Coordinate)?;
    let id = id_named(&id)?;
    let place = n.parse::<usize>().map_err(|_| no_record(&n))?;
    let mut fields = writer.fields()?;
    let is_done = fields.boolean("done")?.unwrap_or(true);
    fields.finish()?;
    let written = writer.desk()?.check_plan_item(&writer.ask(None), id, place, is_done).await?;
    show(&writer.reader, &written)
}

fn no_verb() -> Problem {
    Problem::new(Code::NotFound, "không có động từ này", "there is no such verb")
}
