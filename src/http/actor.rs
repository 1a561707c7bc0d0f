//! Who asks. Every handler that reads or writes records takes a [`Reader`] or a [`Writer`]; there is no other way
//! to a view or to the desk, so none can forget to ask.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use futures_util::StreamExt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::BODY_BYTES_MAX;
use super::app::{App, Live, Settings, now};
use super::audit::RequestReads;
use super::authority::AuthorityOffer;
use super::directory::Credential;
use super::error::{Refusal, body_broke_off, body_too_large, body_too_slow, unsupported_media_type};
use super::fields::Fields;
use super::min_seq::wait_for_min_seq;
use super::peer::{Peer, peer_of};
use crate::desk::{Ask, Desk, store_problem};
use crate::domain::moment::Moment;
use crate::domain::{Actor, Code, Problem, Timestamp};
use crate::picture::View;
use crate::store::audit::{Audit, Slot};
use crate::store::{Idempotency, StoreError};

/// A body that comes slower than this is given up.
pub(super) const BODY_WAIT: Duration = Duration::from_secs(30);
/// Bytes of an oversize body that are read and thrown away, so that a client that only listens after it has sent
/// all gets the answer instead of a broken connection.
pub(super) const DRAIN_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;

/// How long a question about an earlier moment waits for it: each moment is made alone, in a second or two at most.
const PAST_WAIT: Duration = Duration::from_secs(15);

/// Somebody who reads.
pub struct Reader {
    app: App,
    credential: Arc<Credential>,
    pub method: Method,
    /// The address that was asked.
    pub uri: Uri,
    /// `http` or `https`, and the host that was asked, for links.
    scheme: &'static str,
    host: header::HeaderValue,
}

/// Somebody who signed in and may still have to choose another password; sees nothing but what is their own.
pub struct Myself {
    pub app: App,
    pub credential: Arc<Credential>,
}

/// Somebody who writes: the reader, its conditions, and the body.
pub struct Writer {
    pub reader: Reader,
    /// The version that the caller saw.
    if_match: Option<u32>,
    /// The caller's key and the hash of actor, route and body.
    pub idempotency: Option<Idempotency>,
    body: Bytes,
}

impl Reader {
    /// Who it is.
    #[must_use]
    pub fn actor(&self) -> &Arc<Actor> {
        &self.credential.account.actor
    }

    /// What they came in with.
    #[must_use]
    pub fn credential(&self) -> Arc<Credential> {
        Arc::clone(&self.credential)
    }

    /// The live parts.
    ///
    /// # Errors
    /// Never for a reader that was let in; the data was loaded then.
    pub fn live(&self) -> Result<&Live, Refusal> {
        self.app.live()
    }

    /// What the configuration decides about answers.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.app.settings()
    }

    /// What they may see, now; what of it they are shown is noted in the audit.
    ///
    /// # Errors
    /// `too_busy` if the audit has no place for what would be noted.
    pub fn view(&self) -> Result<View, Refusal> {
        self.watched(Audit::slot)
    }

    /// The same after a write that was done: its answer is given, and noted, though the audit has no place left.
    ///
    /// # Errors
    /// As [`Reader::live`].
    pub fn view_of_written(&self) -> Result<View, Refusal> {
        self.watched(Audit::slot_of_written)
    }

    fn watched(&self, slot: fn(&Audit) -> Result<Slot, StoreError>) -> Result<View, Refusal> {
        let view = self.view_to_draw()?;
        Ok(match RequestReads::of(self, view.now(), slot)? {
            Some(reads) => view.observed(reads),
            None => view,
        })
    }

    /// What they may see of another moment; of the present if none is asked for. Noted as [`Reader::view`].
    ///
    /// # Errors
    /// As [`Reader::view`]; the problem of the store, and `too_busy` where the moment cannot be made soon.
    pub async fn view_of(&self, moment: Option<Moment>) -> Result<View, Refusal> {
        let Some(moment) = moment else { return self.view() };
        let view = self.view_to_draw_of(moment).await?;
        Ok(match RequestReads::of(self, view.judged_at(), Audit::slot)? {
            Some(reads) => view.observed(reads),
            None => view,
        })
    }

    /// The same of an earlier moment as [`Reader::view_to_draw`].
    ///
    /// # Errors
    /// As [`Reader::view_of`].
    pub async fn view_to_draw_of(&self, moment: Moment) -> Result<View, Refusal> {
        let live = self.live()?;
        let view = live.past.view(moment, Arc::clone(self.actor()), now());
        let made = tokio::time::timeout(PAST_WAIT, view).await;
        Ok(made.map_err(|_| past_too_slow())?.map_err(store_problem)?)
    }

    /// The same, unwatched: for what is drawn once and shown to many, and noted with each answer.
    ///
    /// # Errors
    /// As [`Reader::live`].
    pub fn view_to_draw(&self) -> Result<View, Refusal> {
        Ok(View::new(self.live()?.picture.load(), Arc::clone(self.actor()), now()))
    }

    /// What a telephone must install before it reaches the server where this reader did, if anything.
    ///
    /// # Errors
    /// As [`AuthorityOffer::at`].
    pub fn authority(&self) -> Result<Option<AuthorityOffer>, Refusal> {
        let Some(authority) = &self.app.settings().authority else { return Ok(None) };
        AuthorityOffer::at(self.host.to_str().unwrap_or("127.0.0.1"), authority).map(Some)
    }

    /// The absolute address of `path`.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        format!("{}://{}{}", self.scheme, self.host.to_str().unwrap_or("127.0.0.1"), self.path(path))
    }

    /// The address of `path` on this server, in the room of an exercise too.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        self.app.prefix() + path
    }
}

impl Writer {
    /// The version that the caller saw.
    ///
    /// # Errors
    /// `precondition_required` if they did not say.
    pub fn version(&self) -> Result<u32, Problem> {
        self.if_match.ok_or_else(|| {
            Problem::new(
                Code::PreconditionRequired,
                "Thiếu tiêu đề If-Match với phiên bản đang sửa, ví dụ If-Match: \"7\".",
                "The header If-Match with the version that is being changed is missing, such as If-Match: \"7\".",
            )
        })
    }

    /// The desk's question: who, under which conditions, about when.
    #[must_use]
    pub fn ask(&self, at: Option<Timestamp>) -> Ask {
        Ask { actor: Actor::clone(self.reader.actor()), idempotency: self.idempotency, if_match: self.if_match, at }
    }

    /// As [`Writer::ask`], for a record that the caller must have seen.
    ///
    /// # Errors
    /// `precondition_required`.
    pub fn ask_of_seen(&self, at: Option<Timestamp>) -> Result<Ask, Problem> {
        self.version()?;
        Ok(self.ask(at))
    }

    /// The desk.
    ///
    /// # Errors
    /// As [`Reader::live`].
    pub fn desk(&self) -> Result<&Desk, Refusal> {
        Ok(&self.reader.live()?.desk)
    }

    /// The members of the body.
    ///
    /// # Errors
    /// As [`Writer::json`], and `invalid_value` for what is no object.
    pub fn fields(&self) -> Result<Fields, Problem> {
        Fields::of(self.json()?)
    }

    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON; an empty one is an empty object, for verbs that need no word.
    ///
    /// # Errors
    /// `invalid_encoding`, `invalid_json`.
    pub fn json(&self) -> Result<Value, Problem> {
        parse_json(&self.body)
    }
}

fn past_too_slow() -> Problem {
    Problem::new(
        Code::TooBusy,
        "Máy chủ đang dựng lại nhiều thời điểm, hãy thử lại sau giây lát.",
        "The server is going back to many moments; try again in a moment.",
    )
}

/// A body of a call that anybody may make.
///
/// # Errors
/// As a [`Writer`]'s body.
pub async fn parse_small_json(headers: &HeaderMap, body: Body) -> Result<Value, Problem> {
    let body = read_body(headers, body).await?;
    check_media_type(headers)?;
    parse_json(&body)
}

fn parse_json(body: &[u8]) -> Result<Value, Problem> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Problem::new(
            Code::InvalidEncoding,
            format!("Nội dung không phải UTF-8 (từ byte {at})."),
            format!("The body is not UTF-8 (from byte {at} on)."),
        )
    })?;
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::new(
            Code::InvalidJson,
            format!("Nội dung không đúng JSON ở dòng {line}, cột {column}."),
            format!("The body is not valid JSON at line {line}, column {column}."),
        )
        .at(&format!("line {line}, column {column}"))
    })
}

impl FromRequestParts<App> for Reader {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let credential = authenticate(parts, app).await?;
        if credential.account.must_change {
            return Err(Problem::new(
                Code::PasswordChangeRequired,
                "Hãy đổi mật khẩu trước (PUT /api/me/password).",
                "Change the password first (PUT /api/me/password).",
            )
            .into());
        }
        wait_for_min_seq(&parts.headers, app.live()?).await?;
        let host = parts.headers.get(header::HOST).cloned();
        Ok(Self {
            app: app.clone(),
            credential,
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            scheme: peer_of(parts).scheme(),
            host: host.unwrap_or(header::HeaderValue::from_static("127.0.0.1")),
        })
    }
}

impl FromRequestParts<App> for Myself {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        Ok(Self { credential: authenticate(parts, app).await?, app: app.clone() })
    }
}

impl FromRequest<App> for Writer {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let reader = Reader::from_request_parts(&mut parts, app).await?;
        let if_match = if_match(&parts.headers)?;
        let key = idempotency_key(&parts.headers)?;
        let body = read_body(&parts.headers, body).await?;
        if !body.is_empty() {
            check_media_type(&parts.headers)?;
        }
        let idempotency = key.map(|key| Idempotency { key, body_hash: call_hash(&reader, &parts, &body) });
        Ok(Self { reader, if_match, idempotency, body })
    }
}

/// SHA-256 of actor, method, path and body: the same key for anything else is a mistake of the caller.
fn call_hash(reader: &Reader, parts: &Parts, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [reader.actor().name.as_bytes(), parts.method.as_str().as_bytes(), parts.uri.path().as_bytes()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(body);
    hash.finalize().into()
}

/// Bearer token, else cookie, else whoever the server lets act without; within the credential's budget of requests.
async fn authenticate(parts: &Parts, app: &App) -> Result<Arc<Credential>, Refusal> {
    let credential = identify(parts, app).await?;
    credential.spend_request()?;
    Ok(credential)
}

async fn identify(parts: &Parts, app: &App) -> Result<Arc<Credential>, Refusal> {
    let directory = &app.live()?.directory;
    if let Some(header) = parts.headers.get(header::AUTHORIZATION) {
        let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let found = match token {
            Some(token) => directory.by_secret_of_any(token.trim()).await?,
            None => None,
        };
        return found.ok_or_else(|| {
            Problem::new(
                Code::SignInRequired,
                "Mã truy cập trong tiêu đề Authorization không đúng hoặc đã thu hồi.",
                "The token in the Authorization header is not valid, or was revoked.",
            )
            .into()
        });
    }
    if let Some(secret) = cookie(&parts.headers, peer_of(parts))
        && let Some(credential) = directory.by_secret_of_any(secret).await?
    {
        check_same_origin(&parts.method, &parts.headers, true)?;
        return Ok(credential);
    }
    directory.check_heard()?;
    let Some(credential) = directory.without_credentials() else {
        return Err(Problem::new(Code::SignInRequired, "Hãy đăng nhập trước.", "Sign in first.").into());
    };
    check_same_origin(&parts.method, &parts.headers, false)?;
    Ok(credential)
}

/// The session cookie's value.
#[must_use]
pub fn cookie(headers: &HeaderMap, peer: Peer) -> Option<&str> {
    cookie_named(headers, peer.session_cookie())
}

/// The value of the cookie of this name.
#[must_use]
pub fn cookie_named<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// A browser sends our cookie, or reaches loopback, on behalf of any page that it shows; a write must therefore come
/// from a page of ours. `must_say`: a cookie came, so this is a browser, and browsers tell where a write comes from.
///
/// # Errors
/// `forbidden`.
pub fn check_same_origin(method: &Method, headers: &HeaderMap, must_say: bool) -> Result<(), Problem> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let header = |name| headers.get(name).map(header::HeaderValue::as_bytes);
    let same = if let Some(site) = header(header::HeaderName::from_static("sec-fetch-site")) {
        matches!(site, b"same-origin" | b"none")
    } else if let Some(origin) = header(header::ORIGIN) {
        let host = header(header::HOST);
        [&b"http://"[..], b"https://"].iter().any(|scheme| origin.strip_prefix(*scheme) == host && host.is_some())
    } else {
        !must_say
    };
    if same {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "Yêu cầu ghi đến từ trang khác; chỉ nhận từ chính trang của máy chủ này.",
        "The write comes from another site; only pages of this server may write.",
    ))
}

fn if_match(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    text.parse().map(Some).map_err(|_| {
        Problem::new(
            Code::InvalidParameter,
            "If-Match phải là một phiên bản, ví dụ \"7\".",
            "If-Match must be one version, such as \"7\".",
        )
        .at("If-Match")
    })
}

/// The key under which a call is made, if it says one.
///
/// # Errors
/// `invalid_idempotency_key`.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<Uuid>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    Uuid::try_parse(text.trim().trim_matches('"')).map(Some).map_err(|_| {
        Problem::new(Code::InvalidIdempotencyKey, "Idempotency-Key phải là UUID.", "Idempotency-Key must be a UUID.")
            .at("Idempotency-Key")
    })
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"));
    if is_json { Ok(()) } else { Err(unsupported_media_type()) }
}

/// A whole body of at most [`BODY_BYTES_MAX`] bytes.
///
/// # Errors
/// `body_too_large`, `too_busy` if it comes too slowly, `invalid_encoding` if it breaks off.
pub async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let told: Option<usize> =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    tokio::time::timeout(BODY_WAIT, gather(body, told.unwrap_or(0))).await.unwrap_or_else(|_| Err(body_too_slow()))
}

async fn gather(body: Body, told: usize) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let mut gathered = Vec::with_capacity(told.min(BODY_BYTES_MAX));
    let mut seen = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| body_broke_off())?;
        seen += chunk.len();
        if seen <= BODY_BYTES_MAX && told <= BODY_BYTES_MAX {
            gathered.extend_from_slice(&chunk);
        } else {
            gathered = Vec::new();
        }
        if seen > DRAIN_BYTES_MAX {
            break;
        }
    }
    if seen > BODY_BYTES_MAX || told > BODY_BYTES_MAX {
        Err(body_too_large(BODY_BYTES_MAX as u64))
    } else {
        Ok(gathered.into())
    }
}
