//! `/api/tip`: taking a tip in, and the informant's way back. Whoever is on duty may do both for somebody on the
//! telephone; anybody may on the public page, where it is switched on. Where it is not, these routes are not there.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{Commune, MessageAnswer, commune, communes, day, needed_short_text, one_of, short_text, unkept};
use crate::domain::access::Deed;
use crate::domain::incident::KINDS;
use crate::domain::tip::{CHANNELS, Coarse, Half, IDENTITY_CHARS_MAX, TEXT_CHARS_MAX, WEB, check_scrubbed};
use crate::domain::{Actor, Code, Problem, Role};
use crate::http::actor::{Reader, idempotency_key, parse_small_json};
use crate::http::answer::{json, with_status};
use crate::http::app::{App, Live};
use crate::http::error::{Answer, Refusal, for_bare_status};
use crate::http::fields::Fields;
use crate::http::shapes;
use crate::http::stranger::Stranger;
use crate::picture::View;
use crate::store::tips::{FollowUp, NewTip, Repeat, Sealed, digits_of};

/// Longest code that is read, characters.
const CODE_CHARS_MAX: usize = 40;

/// Somebody at the intake: on duty, or anybody where the public page is on.
pub struct Visitor {
    stranger: Stranger,
    on_duty: Option<Reader>,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let reader = Reader::from_request_parts(parts, app).await;
        let on_duty = match reader {
            Ok(reader) if reader.actor().may(Deed::TakeTip) => Some(reader),
            // Whoever has no part in tips is one of the public here.
            _ if app.settings().public_tips => None,
            Ok(reader) => return Err(reader.actor().check(Deed::TakeTip).map_or_else(Into::into, |()| closed(parts))),
            Err(_) => return Err(closed(parts)),
        };
        Ok(Self { stranger: Stranger::from_request_parts(parts, app).await?, on_duty })
    }
}

/// The answer of an address that is not there.
fn closed(parts: &Parts) -> Refusal {
    for_bare_status(StatusCode::NOT_FOUND, parts.uri.path()).into()
}

impl Visitor {
    fn live(&self) -> Result<&Live, Refusal> {
        self.stranger.live()
    }

    /// What anybody may see.
    fn view(&self) -> Result<View, Refusal> {
        let live = self.live()?;
        let anybody = Actor::new("anybody", Role::Observer, None);
        Ok(View::new(live.picture.load(), anybody.into(), live.directory.now()))
    }

    /// The key of a call, which must be made by the same account in the same words to be the same one.
    fn repeat(&self, call: &Value) -> Result<Option<Repeat>, Problem> {
        let by = self.on_duty.as_ref().map_or("", |reader| reader.actor().name.as_str());
        let hash = Sha256::new().chain_update(by).chain_update([0]).chain_update(call.to_string());
        Ok(idempotency_key(&self.stranger.headers)?.map(|key| Repeat::new(key, hash.finalize().into())))
    }
}

/// What the intake needs to know.
#[derive(Serialize, ToSchema)]
pub struct Intake {
    /// Whether tips can be taken in: there is a key to seal them with.
    ready: bool,
    /// Some letters by which the handlers tell their key; `null` while there is none.
    #[schema(required)]
    fingerprint: Option<String>,
    communes: Vec<Commune>,
}

/// A tip.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct TipCall {
    /// What was said, as it was said; sealed.
    text: String,
    /// `phone`, `in_person`, `letter`, `radio`; the public page is always `web`.
    channel: Option<String>,
    /// Sealed.
    name: Option<String>,
    /// Sealed.
    phone: Option<String>,
    /// Where, when and by whom the informant can be reached without harm; sealed.
    reach: Option<String>,
    #[schema(schema_with = shapes::incident_kind)]
    kind: Option<String>,
    /// Where it happened, no closer.
    commune_code: Option<String>,
    /// Day on which it happened, `2026-11-23`.
    occurred_on: Option<String>,
    occurred_half: Option<Half>,
    /// The same in the officer's own words, without whatever leads to the informant; from whoever is on duty alone.
    scrubbed: Option<String>,
}

/// The way back to a tip. It is told this once: nothing that is kept tells it again, but to whoever repeats the call.
#[derive(Serialize, ToSchema)]
pub struct TipTaken {
    /// `4821-0937-5560`.
    code: String,
    /// Six Vietnamese words; typed with or without diacritics.
    passphrase: String,
}

/// A code, its passphrase, and what is to be added.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct FollowUpCall {
    code: String,
    passphrase: String,
    /// A message to the handler.
    text: Option<String>,
}

/// What went to and fro since the tip was taken in, oldest first. What the tip itself said is not told again.
#[derive(Serialize, ToSchema)]
pub struct FollowUpAnswer {
    messages: Vec<MessageAnswer>,
}

/// What the intake needs to know.
#[utoipa::path(
    get, path = "/api/tip", tag = "tips",
    responses((status = 200, body = Intake), (status = 404, description = "The public page is off"))
)]
pub async fn read_intake(visitor: Visitor) -> Answer {
    let key = visitor.live()?.tips.ask(|tips| tips.key()).await?;
    let fingerprint = key.as_ref().map(crate::store::tips::PublicKey::fingerprint);
    json(&Intake { ready: key.is_some(), fingerprint, communes: communes(&visitor.view()?) })
}

/// Takes a tip in.
///
/// The answer's code and passphrase are the informant's way back, and told once: again only to whoever repeats the call
/// under its key. No address is kept.
#[utoipa::path(
    post, path = "/api/tip", tag = "tips", request_body = TipCall,
    params(("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once")),
    responses(
        (status = 201, body = TipTaken),
        (status = 404, description = "The public page is off"),
        (status = 409, description = "There is no key for tips yet; nothing was kept"),
        (
            status = 422,
            description = "No text, what leads to the informant is left in the scrubbed text, or the key was used for another call",
        ),
        (status = 429, description = "Too many tips from one address; Retry-After says when to try again"),
    )
)]
pub async fn take_tip(visitor: Visitor, body: Body) -> Answer {
    let call = parse_small_json(&visitor.stranger.headers, body).await?;
    let repeat = visitor.repeat(&call)?.map(Arc::new);
    let mut fields = Fields::of(call)?;
    let live = visitor.live()?;
    let now = live.directory.now();
    let (new, sealed) = read_tip(&visitor, &mut fields)?;
    fields.finish()?;
    // Said before anything is hashed, or strangers could keep the server busy with it.
    live.tips.ask(|tips| tips.needed_key()).await?;
    if let Some(repeat) = repeat.clone()
        && let Some(answered) = live.tips.ask(move |tips| tips.answered(&repeat)).await?
    {
        return taken(answered);
    }
    if visitor.on_duty.is_none() {
        // Counted as a failure and never as a success: who sends many waits longer and longer.
        live.tips.sent.begin(visitor.stranger.peer.counted_address(), WEB, now).map_err(too_many)?;
    }
    let follow_up = live
        .sign_in
        .in_turn(|| {
            let follow_up = FollowUp::random();
            follow_up.kept().map(|kept| (follow_up, kept)).map_err(crate::desk::store_problem)
        })
        .await??;
    taken(live.tips.ask(move |tips| tips.add(&new, &sealed, follow_up, repeat.as_deref())).await?)
}

fn taken(FollowUp { code, passphrase }: FollowUp) -> Answer {
    unkept(Ok(with_status(json(&TipTaken { code, passphrase })?, StatusCode::CREATED)))
}

/// What went to and fro after a tip; with `text`, adds to it.
///
/// Code and passphrase travel in the body alone, so that no address and no log holds them.
#[utoipa::path(
    post, path = "/api/tip/follow-up", tag = "tips", request_body = FollowUpCall,
    responses(
        (status = 200, body = FollowUpAnswer),
        (status = 404, description = "The public page is off"),
        (status = 422, description = "The code or the passphrase is wrong"),
        (status = 429, description = "Too many wrong ones; Retry-After says when to try again"),
    )
)]
pub async fn follow_up(visitor: Visitor, body: Body) -> Answer {
    let mut fields = visitor.stranger.fields(body).await?;
    let code = needed_short_text(&mut fields, "code", CODE_CHARS_MAX)?;
    let passphrase = needed_short_text(&mut fields, "passphrase", IDENTITY_CHARS_MAX)?;
    let text = short_text(&mut fields, "text", TEXT_CHARS_MAX)?;
    fields.finish()?;
    let live = visitor.live()?;
    let who = format!("tip {}", digits_of(&code));
    let read = live.tips.ask_with_passphrase(live, visitor.stranger.peer, &who, move |tips, now| {
        tips.follow_up(&code, &passphrase, text.as_deref(), now)
    });
    let messages = read.await?.into_iter().map(MessageAnswer::from).collect();
    unkept(json(&FollowUpAnswer { messages }))
}

fn read_tip(visitor: &Visitor, fields: &mut Fields) -> Result<(NewTip, Sealed), Refusal> {
    let now = visitor.live()?.directory.now();
    let identity = |fields: &mut Fields, name: &str| short_text(fields, name, IDENTITY_CHARS_MAX);
    let sealed = Sealed {
        received_at: now,
        text: needed_short_text(fields, "text", TEXT_CHARS_MAX)?,
        name: identity(fields, "name")?,
        phone: identity(fields, "phone")?,
        reach: identity(fields, "reach")?,
        taken_by: visitor.on_duty.as_ref().map(|reader| reader.actor().name.clone()),
    };
    let (channel, scrubbed) = match visitor.on_duty {
        Some(_) => {
            let by_mouth: Vec<&str> = CHANNELS.iter().copied().filter(|channel| *channel != WEB).collect();
            let channel = one_of(fields, "channel", &by_mouth)?.unwrap_or_else(|| "phone".to_owned());
            (channel, short_text(fields, "scrubbed", TEXT_CHARS_MAX)?)
        }
        None => (WEB.to_owned(), None),
    };
    let told = [&sealed.name, &sealed.phone, &sealed.reach].map(|told| told.as_deref().unwrap_or_default());
    check_scrubbed(scrubbed.as_deref().unwrap_or_default(), &told)?;
    let new = NewTip {
        channel,
        received: Coarse::of(now),
        kind: one_of(fields, "kind", KINDS)?,
        commune_code: commune(fields, &visitor.view()?)?,
        occurred: day(fields, "occurred", now)?,
        scrubbed,
    };
    Ok((new, sealed))
}

fn too_many(problem: Problem) -> Problem {
    let mut told = Problem::new(
        Code::TooManyAttempts,
        "Đã nhận nhiều tin từ nơi này; hãy chờ rồi gửi tiếp, hoặc gọi điện cho trực ban.",
        "Many tips came from here; wait before sending another, or call the duty room.",
    );
    told.extra = problem.extra;
    told
}
