//! `/api/session`: who am I, and in a demo: let me be one of its actors.

use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::SESSION_COOKIE;
use super::actor::{check_same_origin, cookie, parse_small_json};
use super::answer::{json, with_header};
use super::app::{App, now};
use super::error::Answer;
use super::fields::Fields;
use super::sign_in::{Account, Listed};
use crate::domain::{Code, Force, Problem, Role};

/// Who is signed in, and the state of the server that a page shows always.
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// `null` while nobody is signed in.
    #[schema(required)]
    actor: Option<SignedIn>,
    /// Whether the data is invented; every page then says so.
    demo: bool,
    /// The exercise that the actor takes part in; none yet.
    #[schema(value_type = Option<String>, required)]
    exercise: Option<Value>,
    #[schema(value_type = String, format = DateTime)]
    server_time: crate::domain::Timestamp,
    /// The newest seq of the picture.
    seq: u64,
    /// Version of the program.
    version: &'static str,
    /// Whom one may be, in a demo.
    demo_actors: Vec<Listed>,
}

/// Somebody signed in.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    name: String,
    role: Role,
    #[schema(required)]
    force: Option<Force>,
    /// The unit a field actor speaks for.
    #[schema(required)]
    unit_id: Option<Uuid>,
    label_vi: &'static str,
    label_en: &'static str,
}

/// Whom to be.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct SignInCall {
    /// One of `demo_actors`.
    actor: String,
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/session", tag = "session", responses((status = 200, body = Session)))]
pub async fn read_session(State(app): State<App>, headers: HeaderMap) -> Answer {
    let sign_in = &app.live()?.sign_in;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    let account = bearer.or_else(|| cookie(&headers)).and_then(|token| sign_in.by_token(token));
    session(&app, account.or(sign_in.without_credentials()).map(|account| &**account))
}

/// Signs in as a demo actor.
#[utoipa::path(
    post, path = "/api/session", tag = "session", request_body = SignInCall,
    responses((status = 200, body = Session), (status = 422, description = "No such actor, or no demo"))
)]
pub async fn sign_in(State(app): State<App>, method: Method, headers: HeaderMap, body: axum::body::Body) -> Answer {
    check_same_origin(&method, &headers, false)?;
    let mut fields = Fields::of(parse_small_json(&headers, body).await?)?;
    let name = fields.needed_text("actor")?;
    fields.finish()?;
    let sign_in = &app.live()?.sign_in;
    let (account, token) = sign_in.demo_token(&name).ok_or_else(|| {
        Problem::new(
            Code::InvalidValue,
            format!("Không có vai minh họa {name:?}."),
            format!("There is no demo actor {name:?}."),
        )
        .at("/actor")
        .with("allowed", sign_in.demo_actors().into_iter().map(|listed| listed.name).collect::<Vec<_>>())
    })?;
    let answer = session(&app, Some(account))?;
    Ok(with_cookie(answer, token, ""))
}

/// Signs out.
#[utoipa::path(delete, path = "/api/session", tag = "session", responses((status = 200, body = Session)))]
pub async fn sign_out(State(app): State<App>, method: Method, headers: HeaderMap) -> Answer {
    check_same_origin(&method, &headers, false)?;
    let answer = session(&app, app.live()?.sign_in.without_credentials().map(|account| &**account))?;
    Ok(with_cookie(answer, "", "; Max-Age=0"))
}

fn session(app: &App, account: Option<&Account>) -> Answer {
    let live = app.live()?;
    let actor = account.map(|account| SignedIn {
        name: account.actor.name.clone(),
        // Without accounts, whoever sits at this machine administers it.
        role: if account.actor.role == Role::System { Role::Admin } else { account.actor.role },
        force: account.actor.force,
        unit_id: account.actor.unit_id,
        label_vi: account.label_vi,
        label_en: account.label_en,
    });
    json(&Session {
        actor,
        demo: app.settings().demo,
        exercise: None,
        server_time: now(),
        seq: live.seq(),
        version: env!("CARGO_PKG_VERSION"),
        demo_actors: live.sign_in.demo_actors(),
    })
}

fn with_cookie(answer: Response, token: &str, end: &str) -> Response {
    let cookie = format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{end}");
    with_header(answer, header::SET_COOKIE, &cookie)
}
