//! The provider itself: discovery, keys, tokens. What is cryptography is the library's; what is asked of it stands here.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AsyncHttpClient, AuthType, AuthorizationCode, ClaimsVerificationError, Client,
    CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    IdTokenClaims, IdTokenFields, LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, RequestTokenError, SignatureVerificationError,
    StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::OidcConfig;
use crate::http::choose_cryptography;

/// How long a connection to the provider may take, and a whole answer.
const CONNECT_WAIT: Duration = Duration::from_secs(4);
const ANSWER_WAIT: Duration = Duration::from_secs(8);
/// Longest answer of the provider that is read, bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long what the provider says about itself is believed without asking again.
const KNOWN_FOR: Duration = Duration::from_secs(30);
/// How long a provider that did not answer is not asked again.
const AWAY_FOR: Duration = Duration::from_secs(3);
/// Signatures that are believed: those that the provider alone can make. `none` and those made with a shared secret
/// are not among them.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Claims beyond the standard's own.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct OtherClaims {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for OtherClaims {}

type Claims = IdTokenClaims<OtherClaims, CoreGenderClaim>;
type IdFields = IdTokenFields<
    OtherClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Tokens = StandardTokenResponse<IdFields, CoreTokenType>;
type RelyingParty = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why nobody came in.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The provider does not answer, or not as the standard has it.
    #[error("{0}")]
    Away(String),
    /// What came back is not what this sign-in asked for.
    #[error("{0}")]
    NotBelieved(String),
}

/// One provider.
pub struct Provider {
    config: OidcConfig,
    back: RedirectUrl,
    after_sign_out: PostLogoutRedirectUrl,
    http: Http,
    /// What the provider said of itself last. One asks, the others wait for the answer.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    metadata: Option<(Instant, Arc<ProviderMetadataWithLogout>)>,
    away: Option<(Instant, String)>,
}

impl Provider {
    /// Asks nobody yet. `base` is where browsers reach this server, `back` the page they come back to.
    ///
    /// # Errors
    /// An address that is none; a system without TLS.
    pub fn new(config: &OidcConfig, base: &str, back: &str) -> anyhow::Result<Self> {
        let http = Http::new(config.issuer.url().scheme() == "https")?;
        let back = RedirectUrl::new(format!("{base}{back}"))?;
        let after_sign_out = PostLogoutRedirectUrl::new(format!("{base}/"))?;
        Ok(Self { config: config.clone(), back, after_sign_out, http, known: Mutex::default() })
    }

    /// Where a browser signs in.
    ///
    /// # Errors
    /// [`Fault::Away`].
    pub async fn sign_in_url(&self, state: &str, nonce: &str, verifier: &str) -> Result<String, Fault> {
        let client = self.client(&*self.metadata().await?);
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.to_owned()));
        let (state, nonce) = (CsrfToken::new(state.to_owned()), Nonce::new(nonce.to_owned()));
        let request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scopes(self.config.scopes.iter().cloned())
            .set_pkce_challenge(challenge);
        Ok(request.url().0.into())
    }

    /// Changes a code into whom the provider vouches for: the subject, and all claims.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn redeem(&self, code: String, verifier: String, nonce: String) -> Result<(String, Value), Fault> {
        let client = self.client(&*self.metadata().await?);
        let request = client.exchange_code(AuthorizationCode::new(code)).map_err(away)?;
        let redeemed = request.set_pkce_verifier(PkceCodeVerifier::new(verifier)).request_async(&self.http).await;
        let tokens = redeemed.map_err(|error| match error {
            RequestTokenError::ServerResponse(said) if *said.error() == CoreErrorResponseType::InvalidGrant => {
                Fault::NotBelieved(format!("the code is not taken: {said}"))
            }
            error => away(error),
        })?;
        let nonce = Nonce::new(nonce);
        let claims = match verify(&client, &tokens, &nonce) {
            // The provider may have changed its keys since it was asked.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let client = self.client(&*self.ask_anew().await?);
                verify(&client, &tokens, &nonce)
            }
            verified => verified,
        };
        let claims = claims.map_err(|error| Fault::NotBelieved(with_cause(&error)))?;
        let subject = claims.subject().to_string();
        let told = serde_json::to_value(&claims).map_err(away)?;
        if self.config.mapping.is_answered_by(&told) {
            return Ok((subject, told));
        }
        self.with_user_info(&client, &tokens, &claims, told).await.map(|all| (subject, all))
    }

    /// Adds what the provider tells of somebody when it is asked beside the token; what the token says stands.
    async fn with_user_info(
        &self,
        client: &RelyingParty,
        tokens: &Tokens,
        claims: &Claims,
        mut told: Value,
    ) -> Result<Value, Fault> {
        // A provider without such an address has told all it has to tell.
        let Ok(request) = client.user_info(tokens.access_token().clone(), Some(claims.subject().clone())) else {
            return Ok(told);
        };
        let more: UserInfoClaims<OtherClaims, CoreGenderClaim> =
            request.request_async(&self.http).await.map_err(away)?;
        let more = serde_json::to_value(&more).map_err(away)?;
        if let (Value::Object(told), Value::Object(more)) = (&mut told, more) {
            for (name, value) in more {
                told.entry(name).or_insert(value);
            }
        }
        Ok(told)
    }

    /// Where a browser ends its session at the provider.
    pub async fn sign_out_url(&self) -> Option<String> {
        let metadata = self.metadata().await.ok()?;
        let page = metadata.additional_metadata().end_session_endpoint.clone()?;
        let request = LogoutRequest::from(page)
            .set_client_id(self.config.client_id.clone())
            .set_post_logout_redirect_uri(self.after_sign_out.clone());
        Some(request.http_get_url().into())
    }

    fn client(&self, metadata: &ProviderMetadataWithLogout) -> RelyingParty {
        let methods = metadata.token_endpoint_auth_methods_supported();
        let basic = methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let secret = self.config.client_secret.clone();
        Client::from_provider_metadata(metadata.clone(), self.config.client_id.clone(), secret)
            .set_auth_type(if basic { AuthType::BasicAuth } else { AuthType::RequestBody })
            .set_redirect_uri(self.back.clone())
    }

    async fn metadata(&self) -> Result<Arc<ProviderMetadataWithLogout>, Fault> {
        let mut known = self.known.lock().await;
        if let Some((asked, metadata)) = &known.metadata
            && asked.elapsed() < KNOWN_FOR
        {
            return Ok(Arc::clone(metadata));
        }
        if let Some((asked, cause)) = &known.away
            && asked.elapsed() < AWAY_FOR
        {
            return Err(Fault::Away(cause.clone()));
        }
        self.discover(&mut known).await
    }

    async fn ask_anew(&self) -> Result<Arc<ProviderMetadataWithLogout>, Fault> {
        self.discover(&mut *self.known.lock().await).await
    }

    async fn discover(&self, known: &mut Known) -> Result<Arc<ProviderMetadataWithLogout>, Fault> {
        let asked = ProviderMetadataWithLogout::discover_async(self.config.issuer.clone(), &self.http).await;
        match asked {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *known = Known { metadata: Some((Instant::now(), Arc::clone(&metadata))), away: None };
                Ok(metadata)
            }
            Err(error) => {
                let cause = with_cause(&error);
                known.away = Some((Instant::now(), cause.clone()));
                Err(Fault::Away(cause))
            }
        }
    }
}

/// The claims of the ID token, if it is the provider's, for us, for this sign-in, in time, and of this access token.
fn verify(client: &RelyingParty, tokens: &Tokens, nonce: &Nonce) -> Result<Claims, ClaimsVerificationError> {
    let missing = || ClaimsVerificationError::Other("there is no ID token".to_owned());
    let id_token = tokens.id_token().ok_or_else(missing)?;
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    let claims = id_token.claims(&verifier, nonce)?;
    // The library leaves this one to its user: a token that another program got for us to see is not for us.
    if claims.authorized_party().is_some_and(|party| party != client.client_id()) {
        return Err(ClaimsVerificationError::InvalidAudience("the token was given to another program".to_owned()));
    }
    if let Some(told) = claims.access_token_hash() {
        let key = id_token.signing_key(&verifier).map_err(ClaimsVerificationError::SignatureVerification)?;
        let algorithm = id_token.signing_alg().map_err(|error| ClaimsVerificationError::Other(error.to_string()))?;
        let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)
            .map_err(|error| ClaimsVerificationError::Other(error.to_string()))?;
        if hash != *told {
            return Err(ClaimsVerificationError::Other("the ID token is of another access token".to_owned()));
        }
    }
    Ok(claims.clone())
}

/// An error with what caused it, for the log.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

fn away(error: impl std::error::Error) -> Fault {
    Fault::Away(with_cause(&error))
}

/// How the provider is asked: encrypted unless it is on this machine, without following where it points, not for long.
struct Http {
    client: reqwest::Client,
}

/// Why the provider was not heard.
#[derive(Debug, thiserror::Error)]
enum HttpFault {
    #[error("the provider was not heard")]
    Client(#[from] reqwest::Error),
    #[error("the answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
}

impl Http {
    fn new(https_only: bool) -> anyhow::Result<Self> {
        choose_cryptography();
        let client = reqwest::Client::builder()
            .https_only(https_only)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WAIT)
            .timeout(ANSWER_WAIT)
            .build()?;
        Ok(Self { client })
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpFault> {
        let mut response = self.client.execute(request.try_into()?).await?;
        let mut answer = HttpResponse::new(Vec::new());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        while let Some(chunk) = response.chunk().await? {
            if answer.body().len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(HttpFault::TooLong);
            }
            answer.body_mut().extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpFault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpFault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}
