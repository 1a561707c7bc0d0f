//! Opening a tip: a handler asks with a reason, a second person agrees, and the handler's passphrase opens it. The
//! passphrase and what it opened are forgotten with the answer.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{HandlersCall, MessageAnswer, needed_short_text, unkept};
use crate::domain::access::Deed;
use crate::domain::account::PASSWORD_CHARS_MAX;
use crate::domain::{Actor, Code, Problem, Timestamp};
use crate::http::actor::{Reader, Writer};
use crate::http::answer::{json, with_status};
use crate::http::audit::{note_deed, note_unsealed};
use crate::http::error::Answer;
use crate::http::params::id_named;
use crate::http::peer::Peer;
use crate::store::audit::Kind;
use crate::store::tips::{Sealed, Unsealing};

/// Shortest and longest reason, characters.
const REASON_CHARS: std::ops::RangeInclusive<usize> = 5..=500;

/// Questions to open a tip: those that wait for a second person, and those that were agreed to a short while ago.
#[derive(Serialize, ToSchema)]
pub struct Unsealings {
    unsealings: Vec<UnsealingAnswer>,
}

/// One question to open a tip.
#[derive(Serialize, ToSchema)]
pub struct UnsealingAnswer {
    id: Uuid,
    tip: Uuid,
    reason: String,
    asked_by: String,
    #[schema(value_type = String, format = DateTime)]
    asked_at: Timestamp,
    #[schema(required)]
    confirmed_by: Option<String>,
    /// Until when it waits, or until when the tip can be opened.
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    /// Whether I may agree to it.
    may_confirm: bool,
}

/// Why a tip must be opened.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct UnsealingCall {
    reason: String,
}

/// The handler's own passphrase for the key of tips.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct UnsealCall {
    passphrase: String,
}

/// What is sealed of a tip.
#[derive(Serialize, ToSchema)]
pub struct Unsealed {
    text: String,
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    phone: Option<String>,
    #[schema(required)]
    reach: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// The account that took it in.
    #[schema(required)]
    taken_by: Option<String>,
    messages: Vec<MessageAnswer>,
}

/// Questions to open a tip that are open.
#[utoipa::path(
    get, path = "/api/tips/unsealings", tag = "tips",
    responses((status = 200, body = Unsealings), (status = 403, description = "Nobody who could agree"))
)]
pub async fn list_unsealings(reader: Reader) -> Answer {
    let actor = reader.actor();
    actor.check(Deed::ConfirmUnsealing)?;
    let live = reader.live()?;
    let now = live.directory.now();
    let asked = live.tips.ask(move |tips| tips.unsealings(now)).await?;
    json(&Unsealings { unsealings: asked.into_iter().map(|asked| answer(asked, actor)).collect() })
}

/// Asks to open a tip.
#[utoipa::path(
    post, path = "/api/tips/{id}/unsealings", tag = "tips", request_body = UnsealingCall,
    params(("id" = String, Path, description = "Id of the tip")),
    responses(
        (status = 201, description = "It waits for a second person", body = UnsealingAnswer),
        (status = 404, description = "No such tip"),
        (status = 422, description = "No reason"),
    )
)]
pub async fn ask_to_unseal(call: HandlersCall) -> Answer {
    let mut fields = call.writer.fields()?;
    let reason = needed_short_text(&mut fields, "reason", *REASON_CHARS.end())?;
    fields.finish()?;
    if reason.chars().count() < *REASON_CHARS.start() {
        let min = REASON_CHARS.start();
        return Err(Problem::new(
            Code::InvalidValue,
            format!("reason: cần ít nhất {min} ký tự."),
            format!("reason: at least {min} characters are needed."),
        )
        .at("/reason")
        .into());
    }
    note_deed(&call.writer.reader, Kind::Unseal, "", &reason)?;
    let (id, live, actor) = (call.id, call.live()?, call.actor());
    let (by, now) = (actor.name.clone(), live.directory.now());
    let asked = live.tips.ask(move |tips| tips.ask_to_unseal(id, &reason, &by, now)).await?;
    Ok(with_status(json(&answer(asked, actor))?, StatusCode::CREATED))
}

/// Agrees, as the second person, that a tip is opened by whoever asked.
#[utoipa::path(
    post, path = "/api/tips/unsealings/{id}/confirm", tag = "tips",
    params(("id" = String, Path, description = "Id of the question")),
    responses(
        (status = 200, body = UnsealingAnswer),
        (status = 403, description = "The one who asked, or a role that cannot agree"),
        (status = 404, description = "No such question waits"),
    )
)]
pub async fn confirm_unsealing(Path(id): Path<String>, writer: Writer) -> Answer {
    let actor = writer.reader.actor();
    actor.check(Deed::ConfirmUnsealing)?;
    let id = id_named(&id)?;
    writer.fields()?.finish()?;
    note_deed(&writer.reader, Kind::Unseal, "", "")?;
    let live = writer.reader.live()?;
    let (by, now) = (actor.name.clone(), live.directory.now());
    let confirmed = live.tips.ask(move |tips| tips.confirm_unsealing(id, &by, now)).await?;
    json(&answer(confirmed, actor))
}

/// Opens a tip, by one's own passphrase, after a second person agreed.
#[utoipa::path(
    post, path = "/api/tips/{id}/unseal", tag = "tips", request_body = UnsealCall,
    params(("id" = String, Path, description = "Id of the tip")),
    responses(
        (status = 200, body = Unsealed),
        (status = 403, description = "No second person has agreed"),
        (status = 404, description = "No such tip, or what was sealed is erased"),
        (status = 422, description = "The passphrase does not open it"),
        (status = 429, description = "Too many wrong passphrases"),
    )
)]
pub async fn unseal(peer: Peer, call: HandlersCall) -> Answer {
    let mut fields = call.writer.fields()?;
    let passphrase = needed_short_text(&mut fields, "passphrase", PASSWORD_CHARS_MAX)?;
    fields.finish()?;
    let (id, live, actor) = (call.id, call.live()?, call.actor());
    let (by, now) = (actor.name.clone(), live.directory.now());
    let agreed = live.tips.ask(move |tips| tips.confirmed_unsealing(id, &by, now)).await?;
    let (by, who) = (actor.name.clone(), format!("tips key {}", actor.name));
    let opened = live.tips.ask_with_passphrase(live, peer, &who, move |tips, _| tips.unseal(id, &by, &passphrase));
    let (sealed, messages) = opened.await?;
    note_unsealed(&call.writer.reader, id, &agreed.reason, agreed.confirmed_by.as_deref().unwrap_or_default())?;
    let Sealed { received_at, text, name, phone, reach, taken_by } = sealed;
    let messages = messages.into_iter().map(MessageAnswer::from).collect();
    unkept(json(&Unsealed { text, name, phone, reach, received_at, taken_by, messages }))
}

fn answer(asked: Unsealing, actor: &Actor) -> UnsealingAnswer {
    let ends_at = asked.ends_at();
    let Unsealing { id, tip, reason, asked_by, asked_at, confirmed_by, .. } = asked;
    let may_confirm = confirmed_by.is_none() && asked_by != actor.name;
    UnsealingAnswer { id, tip, reason, asked_by, asked_at, confirmed_by, ends_at, may_confirm }
}
