//! Who has not been heard, and the calls that find it out.

use axum::extract::Path;
use utoipa::ToSchema;

use super::actor::{Reader, Writer};
use super::answer::json as json_answer;
use super::error::Answer;
use super::long;
use super::params::{Params, id_named};
use super::records::show;
use crate::desk::{CallTold, Silence};
use crate::domain::{Code, Collection, Problem};

/// What came of a call.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct CallCall {
    /// Somebody answered.
    reached: bool,
    /// What they said.
    note: Option<String>,
    at: Option<String>,
}

/// From which communes and hamlets nobody has been heard, those in danger and the longest silence first.
///
/// A sign is a call that was answered, a report of an incident by people, what was told of a household, or the position of
/// a unit there, as far as the reader sees them.
#[utoipa::path(
    get, path = "/api/silence", tag = "evacuation",
    responses((status = 200, description = "Commune by commune", body = Silence))
)]
pub async fn read_silence(reader: Reader) -> Answer {
    Params::parse(reader.uri.query())?.finish()?;
    let view = reader.view()?;
    let looks_at = view.held(&[Collection::Households, Collection::Units]);
    let silence = long::answer(&reader, looks_at, || Silence::of(&view)).await?;
    json_answer(&silence)
}

/// Somebody of the list was called: whether they answered.
#[utoipa::path(
    post, path = "/api/contacts/{id}/call", tag = "evacuation", request_body = CallCall,
    params(
        ("id" = String, Path, description = "Id of the contact"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses((
        status = 200, description = "The contact, with ETag", content_type = "application/geo+json",
        body = ref("#/components/schemas/ContactsFeature"),
    ))
)]
pub async fn tell_call(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let reached = fields.boolean("reached")?.ok_or_else(|| {
        Problem::new(Code::MissingField, "thiếu reached: có ai trả lời không", "reached is missing: did anybody answer")
            .at("/reached")
    })?;
    let (note, at) = (fields.text("note")?, fields.time("at")?);
    fields.finish()?;
    let written = writer.desk()?.tell_call(&writer.ask(at), id, &CallTold { reached, note }).await?;
    show(&writer.reader, &written)
}
