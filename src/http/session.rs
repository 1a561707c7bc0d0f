//! `/api/session`: who am I; come in, go out.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::cookie;
use super::answer::json;
use super::app::{App, Live, now};
use super::audit::{note, note_done};
use super::demo::{self, Listed};
use super::directory::{Account, CredentialKind, Entry};
use super::error::{Answer, Refusal};
use super::exercises::{Card, Exercises};
use super::oidc::{Offer, Oidc};
use super::peer::Peer;
use super::sign_in::begin_session;
use super::stranger::Stranger;
use crate::domain::access::{Area, Deed};
use crate::domain::{Code, Force, Problem, Role};
use crate::feed::Stale;
use crate::store::audit::Kind;
use crate::store::system::Secret;

/// How long a telephone's browser keeps its token, seconds; browsers keep nothing for longer than 400 days.
const DEVICE_COOKIE_S: u32 = 400 * 24 * 3_600;

/// What pages ask about before they offer it.
const OFFERED: [Deed; 25] = [
    Deed::EditGround,
    Deed::EditHousehold,
    Deed::CloseRoad,
    Deed::DrawZone,
    Deed::SetLevel,
    Deed::Warn,
    Deed::ReportRain,
    Deed::ReportEvacuation,
    Deed::ManageAccounts,
    Deed::EnrolDevice,
    Deed::Share,
    Deed::BreakGlass,
    Deed::ReadAudit,
    Deed::KeepFigures,
    Deed::ReadReports,
    Deed::LeadExercise,
    Deed::TakeTip,
    Deed::HandleTips,
    Deed::ConfirmUnsealing,
    Deed::HoldShift,
    Deed::WriteLog,
    Deed::AssessBorder,
    Deed::Coordinate,
    Deed::ReportDisaster,
    Deed::RunIncident,
];

/// Who is signed in, and the state of the server that a page shows always.
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// `null` while nobody is signed in.
    #[schema(required)]
    actor: Option<SignedIn>,
    /// Whether the data is invented; every page then says so.
    demo: bool,
    /// There is no account yet: the first one is made by the set-up link.
    setup_needed: bool,
    /// The exercise in whose room this was asked: nothing here is real.
    #[schema(required)]
    exercise: Option<ExerciseShown>,
    /// Exercises that run beside the real work.
    exercises: Vec<Card>,
    #[schema(value_type = String, format = DateTime)]
    server_time: crate::domain::Timestamp,
    /// The newest seq of the picture.
    seq: u64,
    /// Since when what the server shows is old; the feed's `tick` tells when that ends.
    #[schema(required)]
    stale: Option<Stale>,
    /// Version of the program.
    version: &'static str,
    /// Anybody may give a tip on the page `/tip`.
    public_tips: bool,
    /// Whom one may be, in a demo.
    demo_actors: Vec<Listed>,
    /// The provider by which one may come in, beside the accounts of this server.
    #[schema(required)]
    provider: Option<Offer>,
    /// In the answer to a sign-out: where the browser ends its session at the provider too.
    #[schema(required)]
    sign_out_url: Option<String>,
}

/// The exercise of a room.
#[derive(Serialize, ToSchema)]
pub struct ExerciseShown {
    /// `DT-2026-01`.
    code: String,
    title: String,
    /// It can be read and judged, and nothing more.
    is_over: bool,
}

/// Somebody signed in.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    name: String,
    role: Role,
    #[schema(required)]
    force: Option<Force>,
    /// What they are responsible for: `province`, or `{parts: {communes, sectors}}`.
    area: Area,
    /// The unit a field actor speaks for.
    #[schema(required)]
    unit_id: Option<Uuid>,
    label_vi: String,
    label_en: String,
    /// What they may do about accounts, devices, grants and tips.
    may: Vec<Deed>,
    /// The password must be changed before anything else is done.
    must_change: bool,
    /// Signs in by the provider: there is no password here.
    is_external: bool,
}

/// Who comes in: by name and password, or as a demo actor.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct SignInCall {
    name: Option<String>,
    password: Option<String>,
    /// One of `demo_actors`.
    actor: Option<String>,
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/session", tag = "session", responses((status = 200, body = Session)))]
pub async fn read_session(State(app): State<App>, peer: Peer, headers: HeaderMap) -> Answer {
    let directory = &app.live()?.directory;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    let credential = match bearer.or_else(|| cookie(&headers, peer)) {
        Some(secret) => directory.by_secret_of_any(secret).await?,
        None => None,
    };
    let credential = credential.or_else(|| directory.without_credentials());
    json(&session(&app, credential.as_ref().map(|credential| &*credential.account))?)
}

/// Signs in.
///
/// The answer sets the cookie of a session. Failures make the next attempt of the same name from the same address wait.
#[utoipa::path(
    post, path = "/api/session", tag = "session", request_body = SignInCall,
    responses(
        (status = 200, body = Session),
        (status = 401, description = "Wrong name or password"),
        (status = 422, description = "No such demo actor, or no demo"),
        (status = 429, description = "Too many attempts; Retry-After says when to try again"),
        (status = 503, description = "Too many people are signing in"),
    )
)]
pub async fn sign_in(stranger: Stranger, body: Body) -> Answer {
    let mut fields = stranger.fields(body).await?;
    let live = stranger.live()?;
    let name = match fields.text("actor")? {
        Some(actor) => {
            fields.finish()?;
            demo_actor(live, actor)?
        }
        None => {
            let (name, password) = (fields.needed_text("name")?, fields.needed_text("password")?);
            fields.finish()?;
            let checked = live.sign_in.check(&live.directory, stranger.peer, &name, password).await;
            let is_wrong = |refusal: &Refusal| refusal.problem().code == Code::WrongCredentials;
            if checked.as_ref().is_err_and(is_wrong)
                && let Some(account) = live.directory.account(&name)
            {
                note_done(live, Kind::Denied, &account.actor, "POST /api/session");
            }
            checked?
        }
    };
    come_in(&stranger, &name, "POST /api/session").await
}

/// Begins a browser's session of an account, in place of the one that it came with; `place` is method and path.
///
/// # Errors
/// The problem of `system.db`.
pub async fn come_in(stranger: &Stranger, name: &str, place: &str) -> Answer {
    let Stranger { app, peer, headers, .. } = stranger;
    let (live, peer) = (app.live()?, *peer);
    end_session_of(live, headers, peer).await?;
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let secret = begin_session(&live.directory, name, agent).await?;
    let account = live.directory.account(name);
    if let Some(account) = &account {
        note(live, Kind::SignIn, &account.actor, place)?;
    }
    Ok(with_cookie(json(&session(app, account.as_deref())?)?, peer, &secret))
}

fn demo_actor(live: &Live, name: String) -> Result<String, Problem> {
    let allowed = if live.directory.entry() == Entry::Demo { demo::listed(&live.directory) } else { Vec::new() };
    if allowed.iter().any(|listed| listed.name == name) {
        return Ok(name);
    }
    Err(Problem::new(
        Code::InvalidValue,
        format!("Không có vai minh họa {name:?}."),
        format!("There is no demo actor {name:?}."),
    )
    .at("/actor")
    .with("allowed", allowed.into_iter().map(|listed| listed.name).collect::<Vec<_>>()))
}

/// Signs out: the session ends.
///
/// Whoever came in by the provider is told where to sign out there: at a shared desk the next one would else be them.
#[utoipa::path(delete, path = "/api/session", tag = "session", responses((status = 200, body = Session)))]
pub async fn sign_out(Stranger { app, peer, headers, .. }: Stranger) -> Answer {
    let live = app.live()?;
    let ended = end_session_of(live, &headers, peer).await?;
    let account = live.directory.without_credentials().map(|credential| credential.account.clone());
    let mut answer = session(&app, account.as_deref())?;
    if let (Some(oidc), true) = (&live.oidc, ended.is_some_and(|account| account.is_external)) {
        answer.sign_out_url = oidc.sign_out_url().await;
    }
    Ok(without_cookie(json(&answer)?, peer))
}

/// Ends the session that a browser came with: nothing of it shall count beside the next one. Whose it was.
async fn end_session_of(live: &Live, headers: &HeaderMap, peer: Peer) -> Result<Option<Arc<Account>>, Refusal> {
    let Some(secret) = cookie(headers, peer) else { return Ok(None) };
    let credential = live.directory.by_secret_of_any(secret).await?;
    let Some(credential) = credential.filter(|credential| credential.kind == CredentialKind::Session) else {
        return Ok(None);
    };
    note_done(live, Kind::SignOut, &credential.account.actor, "DELETE /api/session");
    let (account, id) = (credential.account.actor.name.clone(), credential.id);
    live.directory.change(move |system, _| system.end_session(&account, id)).await?;
    Ok(Some(Arc::clone(&credential.account)))
}

fn session(app: &App, account: Option<&Account>) -> Result<Session, Refusal> {
    let live = app.live()?;
    let actor = account.map(|account| SignedIn {
        name: account.actor.name.clone(),
        // Without accounts, whoever sits at this machine administers it.
        role: if account.actor.role == Role::System { Role::Admin } else { account.actor.role },
        force: account.actor.force,
        area: account.actor.area.clone(),
        unit_id: account.actor.unit_id,
        label_vi: account.label_vi.clone(),
        label_en: account.label_en.clone(),
        may: OFFERED.into_iter().filter(|deed| account.actor.may(*deed)).collect(),
        must_change: account.must_change,
        is_external: account.is_external,
    });
    let demo = app.settings().demo;
    Ok(Session {
        actor,
        demo,
        setup_needed: live.directory.entry() == Entry::Accounts && !live.directory.has_accounts(),
        exercise: app.settings().exercise.as_ref().map(|mark| ExerciseShown {
            code: mark.code.clone(),
            title: mark.title.clone(),
            is_over: live.desk.exercise().is_some_and(|sheet| sheet.is_over),
        }),
        exercises: live.exercises.as_ref().filter(|_| account.is_some()).map(Exercises::running).unwrap_or_default(),
        server_time: now(),
        seq: live.seq(),
        stale: live.feed.stale(),
        version: env!("CARGO_PKG_VERSION"),
        public_tips: app.settings().public_tips,
        demo_actors: if demo { demo::listed(&live.directory) } else { Vec::new() },
        provider: live.oidc.as_ref().map(Oidc::offer),
        sign_out_url: None,
    })
}

/// Hands a browser its secret: no script reads it, no other site sends it, and once it came encrypted it goes so alone.
pub fn with_cookie(answer: Response, peer: Peer, secret: &Secret) -> Response {
    set_cookie(answer, peer, secret.reveal(), "")
}

/// Hands a telephone its token: it stays signed in when its browser is closed, until the token is revoked.
pub fn with_device_cookie(answer: Response, peer: Peer, secret: &Secret) -> Response {
    set_cookie(answer, peer, secret.reveal(), &format!("; Max-Age={DEVICE_COOKIE_S}"))
}

/// Takes the secret back.
pub fn without_cookie(answer: Response, peer: Peer) -> Response {
    set_cookie(answer, peer, "", "; Max-Age=0")
}

fn set_cookie(answer: Response, peer: Peer, value: &str, end: &str) -> Response {
    with_cookie_at(answer, peer, (peer.session_cookie(), "/"), value, end)
}

/// Sets the cookie of this name for this path, beside others; `end` says until when.
pub fn with_cookie_at(
    mut answer: Response,
    peer: Peer,
    (name, path): (&str, &str),
    value: &str,
    end: &str,
) -> Response {
    let secure = if peer.is_encrypted { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Strict{secure}{end}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}
