//! `/api/me`: what somebody can do about their own sessions, tokens and password. What outlasts a session is made by
//! a session alone: a stolen token shall not make another.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Myself, parse_small_json};
use super::answer::{json, with_status};
use super::audit::note;
use super::directory::CredentialKind;
use super::error::{Answer, Refusal};
use super::fields::Fields;
use super::params::id_named;
use super::peer::Peer;
use super::session::without_cookie;
use crate::domain::account::check_password;
use crate::domain::{Code, Problem, Timestamp};
use crate::store::audit::Kind;
use crate::store::system::{Bearer, NewToken, Secret, TokenKind};

/// Longest label of a token, characters.
pub const LABEL_CHARS_MAX: usize = 100;

/// The browsers that are signed in as me.
#[derive(Serialize, ToSchema)]
pub struct MySessions {
    sessions: Vec<MySession>,
}

/// One browser that is signed in.
#[derive(Serialize, ToSchema)]
pub struct MySession {
    id: Uuid,
    /// What the browser said that it is.
    agent: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// To the minute.
    #[schema(value_type = String, format = DateTime)]
    used_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// It is the one that asks.
    current: bool,
}

/// My programs and devices.
#[derive(Serialize, ToSchema)]
pub struct MyTokens {
    tokens: Vec<MyToken>,
}

/// One token, without its secret.
#[derive(Serialize, ToSchema)]
pub struct MyToken {
    id: Uuid,
    /// `program` or `device`.
    kind: &'static str,
    label: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// To the minute; absent if it was never used.
    #[schema(value_type = Option<String>, format = DateTime)]
    used_at: Option<Timestamp>,
}

/// A token just made.
#[derive(Serialize, ToSchema)]
pub struct MadeToken {
    id: Uuid,
    label: String,
    /// The secret. It is told this once.
    token: String,
}

/// What a token is for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct TokenCall {
    label: String,
}

/// The password so far, and the next one.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct PasswordCall {
    current: String,
    password: String,
}

impl Myself {
    fn name(&self) -> String {
        self.credential.account.actor.name.clone()
    }

    /// Refuses whoever did not sign in with a browser.
    fn must_be_session(&self) -> Result<(), Problem> {
        if self.credential.kind == CredentialKind::Session {
            return Ok(());
        }
        Err(Problem::new(
            Code::Forbidden,
            "Việc này chỉ làm được khi đăng nhập bằng trình duyệt.",
            "This can only be done by whoever signed in with a browser.",
        ))
    }
}

/// My sessions.
#[utoipa::path(get, path = "/api/me/sessions", tag = "session", responses((status = 200, body = MySessions)))]
pub async fn list_sessions(me: Myself) -> Answer {
    let directory = &me.app.live()?.directory;
    let name = me.name();
    let rows = directory.ask(move |system, _| system.sessions_of(&name)).await?;
    let live = directory.credentials(|one| one.account.actor.name == me.name());
    let sessions = rows.into_iter().filter_map(|row| {
        let credential = live.iter().find(|credential| credential.id == row.id)?;
        Some(MySession {
            id: row.id,
            agent: row.agent,
            created_at: row.created_at,
            used_at: credential.used_at(),
            expires_at: row.expires_at,
            current: row.id == me.credential.id,
        })
    });
    json(&MySessions { sessions: sessions.collect() })
}

/// Ends one of my sessions.
#[utoipa::path(
    delete, path = "/api/me/sessions/{id}", tag = "session",
    params(("id" = String, Path, description = "Id of the session")),
    responses((status = 204, description = "It is over"), (status = 404, description = "There is none"))
)]
pub async fn end_session(Path(id): Path<String>, me: Myself) -> Answer {
    let (id, name) = (id_named(&id)?, me.name());
    let ended = me.app.live()?.directory.change(move |system, _| system.end_session(&name, id)).await?;
    if ended { Ok(nothing_more()) } else { Err(not_found("phiên đăng nhập", "session", id)) }
}

/// Signs out everywhere.
#[utoipa::path(
    delete, path = "/api/me/sessions", tag = "session",
    responses((status = 204, description = "All sessions are over, the one that asked too"))
)]
pub async fn end_sessions(me: Myself, peer: Peer) -> Answer {
    let name = me.name();
    me.app.live()?.directory.change(move |system, _| system.end_sessions(&name)).await?;
    Ok(without_cookie(nothing_more(), peer))
}

/// Changes my password.
///
/// My other sessions end.
#[utoipa::path(
    put, path = "/api/me/password", tag = "session", request_body = PasswordCall,
    responses(
        (status = 204, description = "It is changed"),
        (status = 401, description = "The current password is wrong"),
        (status = 422, description = "The new one is too easy to guess"),
        (status = 429, description = "Too many attempts"),
    )
)]
pub async fn change_password(me: Myself, peer: Peer, headers: HeaderMap, body: Body) -> Answer {
    me.must_be_session()?;
    let mut fields = Fields::of(parse_small_json(&headers, body).await?)?;
    let (current, password) = (fields.needed_text("current")?, fields.needed_text("password")?);
    fields.finish()?;
    let live = me.app.live()?;
    let name = me.name();
    check_password(&password, &name)?;
    live.sign_in.check(&live.directory, peer, &name, current).await?;
    note(live, Kind::Account, &me.credential.account.actor, "PUT /api/me/password")?;
    let (phc, kept) = (live.sign_in.hash_of(password).await?, me.credential.id);
    live.directory.change(move |system, _| system.set_password(&name, &phc, Some(kept))).await?;
    Ok(nothing_more())
}

/// My tokens.
#[utoipa::path(get, path = "/api/me/tokens", tag = "session", responses((status = 200, body = MyTokens)))]
pub async fn list_tokens(me: Myself) -> Answer {
    let directory = &me.app.live()?.directory;
    let name = me.name();
    let rows = directory.ask(move |system, _| system.tokens_of(&name)).await?;
    let live = directory.credentials(|one| one.account.actor.name == me.name());
    let tokens = rows.into_iter().map(|row| {
        let used = live.iter().find(|one| one.id == row.id).map(|one| one.used_at()).filter(|at| at.as_ms() > 0);
        let (kind, used_at) = (row.kind.as_str(), used.or(row.used_at));
        MyToken { id: row.id, kind, label: row.label, created_at: row.created_at, used_at }
    });
    json(&MyTokens { tokens: tokens.collect() })
}

/// Makes a token of mine for a program.
#[utoipa::path(
    post, path = "/api/me/tokens", tag = "session", request_body = TokenCall,
    responses((status = 201, description = "The token, told once", body = MadeToken))
)]
pub async fn add_token(me: Myself, headers: HeaderMap, body: Body) -> Answer {
    me.must_be_session()?;
    if me.credential.account.must_change {
        return Err(Problem::new(
            Code::PasswordChangeRequired,
            "Hãy đổi mật khẩu trước.",
            "Change the password first.",
        )
        .into());
    }
    let mut fields = Fields::of(parse_small_json(&headers, body).await?)?;
    let label = label(&mut fields)?;
    fields.finish()?;
    note(me.app.live()?, Kind::Account, &me.credential.account.actor, "POST /api/me/tokens")?;
    let secret = Secret::random();
    let new = NewToken {
        hash: secret.hash(),
        kind: TokenKind::Program,
        label,
        bearer: Bearer::Account(me.name()),
        created_by: me.name(),
    };
    let made = me.app.live()?.directory.change(move |system, now| system.add_token(&new, now)).await?;
    let answer = json(&MadeToken { id: made.id, label: made.label, token: secret.reveal().to_owned() })?;
    Ok(with_status(answer, StatusCode::CREATED))
}

/// Revokes one of my tokens.
#[utoipa::path(
    delete, path = "/api/me/tokens/{id}", tag = "session",
    params(("id" = String, Path, description = "Id of the token")),
    responses((status = 204, description = "It counts no longer"), (status = 404, description = "There is none"))
)]
pub async fn revoke_token(Path(id): Path<String>, me: Myself) -> Answer {
    let (id, name) = (id_named(&id)?, me.name());
    let revoked = me.app.live()?.directory.change(move |system, now| {
        let is_mine = system.tokens_of(&name)?.iter().any(|token| token.id == id);
        Ok(is_mine && system.revoke_token(id, now)?)
    });
    if revoked.await? { Ok(nothing_more()) } else { Err(not_found("mã truy cập", "token", id)) }
}

/// The label of something that is made.
///
/// # Errors
/// `missing_field`, `invalid_value`.
pub fn label(fields: &mut Fields) -> Result<String, Problem> {
    let label = fields.needed_text("label")?.trim().to_owned();
    if (1..=LABEL_CHARS_MAX).contains(&label.chars().count()) {
        return Ok(label);
    }
    Err(Problem::new(
        Code::InvalidValue,
        format!("Nhãn dài từ 1 đến {LABEL_CHARS_MAX} ký tự."),
        format!("A label has 1 to {LABEL_CHARS_MAX} characters."),
    )
    .at(&fields.place("label")))
}

/// 204.
#[must_use]
pub fn nothing_more() -> Response {
    with_status(Response::default(), StatusCode::NO_CONTENT)
}

/// 404 for something that is not there, or is nobody's business.
#[must_use]
pub fn not_found(vi: &str, en: &str, id: Uuid) -> Refusal {
    Problem::new(Code::NotFound, format!("Không có {vi} {id}."), format!("There is no {en} {id}.")).into()
}
