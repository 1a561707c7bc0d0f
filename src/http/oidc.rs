//! `/api/oidc`: coming in by a provider (OpenID Connect, authorization code with PKCE) beside the accounts of ours.
//!
//! The browser keeps what binds the two halves together in a cookie that no script reads, so strangers who begin
//! sign-ins cost the server no memory. The provider sends it back to a page of ours, and the page brings the code:
//! nothing here redirects, so nothing can be made to lead elsewhere.

mod config;
mod provider;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::actor::cookie_named;
use super::answer::json;
use super::app::Live;
use super::error::{Answer, Refusal};
use super::session::{come_in, with_cookie_at};
use super::stranger::Stranger;
use crate::domain::openid::label_of;
use crate::domain::{Code, Problem};
use crate::store::system::{External, Hash, Secret};

pub use config::{OidcConfig, OidcSection};
use provider::{Fault, Provider};

/// The page to which the provider sends the browser back.
const BACK_PAGE: &str = "/signed-in";
/// The cookie of a sign-in under way, and the only routes that get it.
const COOKIE: &str = "trucban_oidc";
const COOKIE_PATH: &str = "/api/oidc";
/// How long a sign-in may stay with the provider.
const UNDER_WAY: Duration = Duration::from_secs(600);
/// Sign-ins that were brought to an end and are remembered, so that none ends twice.
const ENDED_MAX: u64 = 10_000;
/// Questions to the provider at once; whoever comes beyond is told to wait.
const ASKING_MAX: usize = 8;
/// Longest code that is passed on, bytes.
const CODE_BYTES_MAX: usize = 4_096;

/// Coming in by the provider. Cheap to clone.
#[derive(Clone)]
pub struct Oidc {
    shared: Arc<Shared>,
}

struct Shared {
    config: OidcConfig,
    provider: Provider,
    /// States of sign-ins that came back.
    ended: moka::sync::Cache<Hash, ()>,
    asking: Semaphore,
}

/// The provider, as the start page offers it.
#[derive(Serialize, ToSchema)]
pub struct Offer {
    /// What stands on its button.
    name: String,
}

/// Where the browser goes to sign in.
#[derive(Serialize, ToSchema)]
pub struct OidcStart {
    url: String,
}

/// What the provider sent the browser back with: the parameters of the page's address.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct OidcReturn {
    state: String,
    code: Option<String>,
    /// Who answers, where the provider says so.
    iss: Option<String>,
    /// What the provider refused for, in place of a code.
    error: Option<String>,
}

/// What the browser keeps while it is with the provider.
struct UnderWay {
    state: String,
    nonce: String,
    /// The secret of PKCE.
    verifier: String,
}

impl Oidc {
    /// The provider of a configuration. `base` is where browsers reach this server. Asks nobody yet.
    ///
    /// # Errors
    /// When the system has no TLS to offer.
    pub fn new(config: OidcConfig, base: &str) -> anyhow::Result<Self> {
        let provider = Provider::new(&config, base, BACK_PAGE)?;
        let ended = moka::sync::Cache::builder().max_capacity(ENDED_MAX).time_to_live(UNDER_WAY).build();
        Ok(Self { shared: Arc::new(Shared { config, provider, ended, asking: Semaphore::new(ASKING_MAX) }) })
    }

    /// What the start page offers.
    #[must_use]
    pub fn offer(&self) -> Offer {
        Offer { name: self.shared.config.name.clone() }
    }

    /// Where a browser ends its session at the provider too, if the provider has such a page and answers.
    pub async fn sign_out_url(&self) -> Option<String> {
        self.shared.provider.sign_out_url().await
    }

    async fn begin(&self, under_way: &UnderWay) -> Result<String, Refusal> {
        let _turn = self.turn()?;
        let UnderWay { state, nonce, verifier } = under_way;
        Ok(self.shared.provider.sign_in_url(state, nonce, verifier).await.map_err(|fault| self.problem(&fault))?)
    }

    /// Whom the provider vouches for.
    async fn end(&self, under_way: UnderWay, code: String) -> Result<External, Refusal> {
        if !self.shared.ended.entry(Secret::hash_of(&under_way.state)).or_insert(()).is_fresh() {
            return Err(failed().into());
        }
        let _turn = self.turn()?;
        let redeemed = self.shared.provider.redeem(code, under_way.verifier, under_way.nonce).await;
        let (subject, claims) = redeemed.map_err(|fault| self.problem(&fault))?;
        let Some(rights) = self.shared.config.mapping.rights_of(&claims) else {
            tracing::warn!(oidc.subject = subject, "no rule fits the claims of somebody who signed in");
            return Err(self.no_role().into());
        };
        let wished_name = self.shared.config.mapping.name_of(&claims).to_owned();
        let issuer = self.shared.config.issuer.as_str().to_owned();
        Ok(External { issuer, subject, wished_name, label: label_of(&claims), rights: rights.clone() })
    }

    fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
        self.shared.asking.try_acquire().map_err(|_| {
            Problem::new(
                Code::TooBusy,
                "Nhiều người đang đăng nhập cùng lúc; thử lại sau giây lát.",
                "Many people are signing in at once; try again in a moment.",
            )
        })
    }

    fn problem(&self, fault: &Fault) -> Problem {
        let name = &self.shared.config.name;
        match fault {
            Fault::Away(cause) => {
                tracing::error!(oidc.issuer = self.shared.config.issuer.as_str(), %cause, "the provider does not answer");
                Problem::new(
                    Code::ProviderUnavailable,
                    format!("Không tới được {name}. Hãy thử lại sau, hoặc đăng nhập bằng tài khoản của máy chủ này."),
                    format!("{name} cannot be reached. Try again later, or sign in by an account of this server."),
                )
            }
            Fault::NotBelieved(cause) => {
                tracing::warn!(%cause, "a sign-in by the provider was not believed");
                failed()
            }
        }
    }

    fn no_role(&self) -> Problem {
        let name = &self.shared.config.name;
        let (ask_vi, ask_en) = match &self.shared.config.contact {
            Some(contact) => (format!("Hãy liên hệ: {contact}."), format!("Ask: {contact}.")),
            None => ("Hãy hỏi quản trị viên máy chủ.".to_owned(), "Ask the administrator of this server.".to_owned()),
        };
        Problem::new(
            Code::NoRole,
            format!("{name} đã nhận ra bạn, nhưng bạn chưa được giao vai trò nào ở đây. {ask_vi}"),
            format!("{name} knows you, but no role here is given to you. {ask_en}"),
        )
    }
}

impl UnderWay {
    fn random() -> Self {
        let [state, nonce, verifier] = [(); 3].map(|()| Secret::random().reveal().to_owned());
        Self { state, nonce, verifier }
    }

    /// What this browser began and `state` came back from.
    fn of(headers: &HeaderMap, state: &str) -> Option<Self> {
        let mut parts = cookie_named(headers, COOKIE)?.split('.').map(str::to_owned);
        let kept = Self { state: parts.next()?, nonce: parts.next()?, verifier: parts.next()? };
        (!state.is_empty() && kept.state == state).then_some(kept)
    }
}

/// Begins a sign-in by the provider.
#[utoipa::path(
    post, path = "/api/oidc/start", tag = "session",
    responses(
        (status = 200, description = "Where the browser goes", body = OidcStart),
        (status = 404, description = "No provider is configured"),
        (status = 503, description = "The provider cannot be reached"),
    )
)]
pub async fn begin_oidc(Stranger { app, peer, .. }: Stranger) -> Answer {
    let under_way = UnderWay::random();
    let url = configured(app.live()?)?.begin(&under_way).await?;
    let UnderWay { state, nonce, verifier } = under_way;
    let kept = format!("{state}.{nonce}.{verifier}");
    let end = format!("; Max-Age={}", UNDER_WAY.as_secs());
    Ok(with_cookie_at(json(&OidcStart { url })?, peer, (COOKIE, COOKIE_PATH), &kept, &end))
}

/// Ends a sign-in by the provider, with what it sent the browser back with.
///
/// Role, force and area of the account are what the provider's claims give now.
#[utoipa::path(
    post, path = "/api/oidc/finish", tag = "session", request_body = OidcReturn,
    responses(
        (status = 200, body = super::session::Session),
        (status = 401, description = "Another browser began it, it was ended before, or the provider is not believed"),
        (status = 403, description = "The provider refused, no role fits the claims, or the account is disabled"),
        (status = 404, description = "No provider is configured"),
        (status = 429, description = "Too many attempts; Retry-After says when to try again"),
        (status = 503, description = "The provider cannot be reached"),
    )
)]
pub async fn end_oidc(stranger: Stranger, body: Body) -> Answer {
    let mut fields = stranger.fields(body).await?;
    let state = fields.needed_text("state")?;
    let (code, iss, error) = (fields.text("code")?, fields.text("iss")?, fields.text("error")?);
    fields.finish()?;
    let live = stranger.live()?;
    let oidc = configured(live)?;
    let trial = async {
        let under_way = UnderWay::of(&stranger.headers, &state).ok_or_else(failed)?;
        if iss.is_some_and(|iss| iss != oidc.shared.config.issuer.as_str()) {
            return Err(failed().into());
        }
        match (code, error) {
            (Some(code), None) if code.len() <= CODE_BYTES_MAX => oidc.end(under_way, code).await,
            (_, Some(error)) => Err(refused(&oidc.shared.config.name, &error).into()),
            _ => Err(failed().into()),
        }
    };
    let who = live.sign_in.try_code(&live.directory, stranger.peer, "oidc", trial).await?;
    let account = live.directory.change(move |system, now| system.come_in_as_external(&who, now)).await?;
    let answer = come_in(&stranger, &account.name, "POST /api/oidc/finish").await?;
    Ok(with_cookie_at(answer, stranger.peer, (COOKIE, COOKIE_PATH), "", "; Max-Age=0"))
}

fn configured(live: &Live) -> Result<&Oidc, Problem> {
    live.oidc.as_ref().ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "Máy chủ này không dùng cổng đăng nhập ngoài.",
            "No sign-in provider is configured on this server.",
        )
    })
}

fn failed() -> Problem {
    Problem::new(
        Code::SignInFailed,
        "Lần đăng nhập này đã cũ, đã dùng, bắt đầu ở trình duyệt khác, hoặc không xác minh được. Hãy đăng nhập lại từ đầu.",
        "This sign-in is old, was used, was begun in another browser, or cannot be verified. Begin again.",
    )
}

/// What the provider says in place of a code. Its own words go no further than a short word of the standard.
fn refused(name: &str, error: &str) -> Problem {
    let word: String = error.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(40).collect();
    match word.as_str() {
        "server_error" | "temporarily_unavailable" => Problem::new(
            Code::ProviderUnavailable,
            format!("{name} đang trục trặc ({word}). Hãy thử lại sau, hoặc đăng nhập bằng tài khoản của máy chủ này."),
            format!("{name} is in trouble ({word}). Try again later, or sign in by an account of this server."),
        ),
        "access_denied" => Problem::new(
            Code::SignInRefused,
            format!("{name} không cho đăng nhập, hoặc bạn đã bấm huỷ."),
            format!("{name} did not let you sign in, or you cancelled."),
        ),
        _ => Problem::new(Code::SignInRefused, format!("{name} từ chối: {word}."), format!("{name} refused: {word}.")),
    }
}
