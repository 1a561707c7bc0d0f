//! Shifts and their handover: the list, and what both officers do.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use utoipa::ToSchema;

use super::actor::{Reader, Writer};
use super::answer::{json as json_answer, with_header, with_status};
use super::error::Answer;
use super::long;
use super::params::{Params, id_named};
use super::records::show;
use crate::desk::{Handover, ShiftCall};
use crate::domain::access::Deed;
use crate::domain::shift::Verb;
use crate::domain::{Code, Collection, Problem};

/// Nothing is needed to begin a shift.
#[derive(ToSchema)]
pub struct BeginShiftCall {}

/// What a verb on a shift needs.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ShiftVerbCall {
    /// propose: what must be said to whoever comes.
    note: Option<String>,
    /// decline, take_over: why (needed).
    reason: Option<String>,
    /// accept: `list_hash` of the handover that was looked at (needed).
    list: Option<String>,
}

/// What is handed over in the duty room of whoever asks: what is open, due and ending, what changed since the shift began,
/// both officers, and what may be done now.
#[utoipa::path(
    get, path = "/api/handover", tag = "shifts",
    responses((status = 200, description = "The list, as whoever asks sees it", body = Handover))
)]
pub async fn read_handover(reader: Reader) -> Answer {
    Params::parse(reader.uri.query())?.finish()?;
    let view = reader.view()?;
    let looks_at = view.held(&[Collection::DutyLog, Collection::Alarms, Collection::Households]);
    let handover = long::answer(&reader, looks_at, || Handover::of(&view)).await?;
    json_answer(&handover)
}

/// Begins a shift where nobody is on duty.
///
/// A duty room is a force (or the joint room) and an area, those of whoever asks.
#[utoipa::path(
    post, path = "/api/shifts", tag = "shifts", request_body = BeginShiftCall,
    params(("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once")),
    responses(
        (
            status = 201, description = "The shift, with ETag and Location", content_type = "application/geo+json",
            body = ref("#/components/schemas/ShiftsFeature"),
        ),
        (status = 409, description = "forbidden_transition: who is on duty"),
    )
)]
pub async fn begin_shift(writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::HoldShift)?;
    writer.fields()?.finish()?;
    let label = writer.reader.credential().account.label_vi.clone();
    let written = writer.desk()?.begin_shift(&writer.ask(None), &label).await?;
    let answer = with_status(show(&writer.reader, &written)?, StatusCode::CREATED);
    let place = writer.reader.link(&format!("/api/collections/shifts/items/{}", written.id()));
    Ok(with_header(answer, header::LOCATION, &place))
}

/// What happens to a shift: `propose` and `withdraw` by whoever is on duty, `accept`, `decline` and `take_over` by another
/// person of the same duty room.
///
/// Whoever accepts sends the hash of the list that they saw; where something has changed since, they are told `stale_list`
/// and look again. With `accept` and `take_over` the next shift begins, and alarms and instructions that nobody has taken
/// pass to its officer (`passed` in those records).
#[utoipa::path(
    post, path = "/api/shifts/{id}/{verb}", tag = "shifts", request_body = ShiftVerbCall,
    params(
        ("id" = String, Path, description = "Id of the shift"),
        ("verb" = String, Path, description = "`propose`, `withdraw`, `accept`, `decline` or `take_over`"),
        ("If-Match" = String, Header, description = "The version that the caller saw"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The shift, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/ShiftsFeature"),
        ),
        (
            status = 409,
            description = "same_person, not_on_duty, already_handed_over; stale_list with the present `list_hash`; forbidden_transition",
        ),
    )
)]
pub async fn run_shift_verb(Path((id, verb)): Path<(String, String)>, writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::HoldShift)?;
    let id = id_named(&id)?;
    let verb = Verb::parse(&verb)
        .ok_or_else(|| Problem::new(Code::NotFound, "không có động từ này", "there is no such verb"))?;
    let mut fields = writer.fields()?;
    let mut call = ShiftCall { label: writer.reader.credential().account.label_vi.clone(), ..ShiftCall::default() };
    match verb {
        Verb::Propose => call.note = fields.text("note")?,
        Verb::Accept => call.list = Some(fields.needed_text("list")?),
        Verb::Decline | Verb::TakeOver => call.reason = Some(fields.needed_text("reason")?),
        Verb::Withdraw => {}
    }
    fields.finish()?;
    let written = writer.desk()?.run_shift_verb(&writer.ask_of_seen(None)?, id, verb, &call).await?;
    show(&writer.reader, &written)
}
