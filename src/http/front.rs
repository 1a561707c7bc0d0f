//! The front: what every request passes, in and out. One service around the router instead of a stack of layers,
//! because each layer costs a boxed future and a hot route has none to spare.
//!
//! In: the host must be one of ours, and it is settled who is at the other end. Out: every problem is rendered in the reader's language, whoever made it,
//! a panic is answered and logged, and safety headers stand on everything.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use futures_util::FutureExt;
use tower::Service;

use super::app::App;
use super::error::{Language, Refusal, for_bare_status, internal, render};
use super::exercises::rooms;
use super::figures::Figures;
use super::min_seq::tell_seq;
use super::params::no_record;
use super::peer::Peer;
use crate::domain::{Code, Problem};

/// What our pages may load: files of ours and nothing else, so no `'unsafe-inline'`, `data:` or `blob:` stands here.
/// Svelte and MapLibre set styles through the DOM API, which `style-src` lets pass; the map's images are drawn on a
/// canvas, its tiles decoded in a worker that is a file of ours. A browser test watches for violations.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; img-src 'self'; font-src 'self'; \
     style-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What a browser may make of an answer that is no page of ours: nothing, wherever it is opened.
const DATA_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// The same of a photo that somebody sent: opened by itself it is a page without rights and without an origin.
const PHOTO_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");
/// Once a browser reached us by HTTPS it shall not be talked into HTTP for a year. Of this host alone: what others run
/// under names below ours is theirs.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// What our pages may use of the machine: its position, for "near me".
const PERMISSIONS_POLICY: HeaderValue =
    HeaderValue::from_static("geolocation=(self), camera=(), microphone=(), payment=(), usb=()");

/// The router behind the front.
#[derive(Clone)]
pub struct Front {
    app: App,
    router: Router,
    figures: Figures,
    /// The other end of the connection.
    peer: Peer,
}

impl Front {
    /// Puts the front before `router`.
    #[must_use]
    pub fn new(app: App, router: Router) -> Self {
        Self { app, router, figures: Figures::new(), peer: Peer::default() }
    }

    /// The front of one connection.
    #[must_use]
    pub fn of(&self, peer: Peer) -> Self {
        Self { peer, ..self.clone() }
    }
}

impl Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if request.uri().path().starts_with(rooms::PATH) {
            return Box::pin(in_exercise(self.app.clone(), self.peer, request));
        }
        let settings = self.app.settings();
        let peer = if settings.behind_proxy { self.peer.behind_proxy(request.headers()) } else { self.peer };
        request.extensions_mut().insert(peer);
        let started = Instant::now();
        let class = Figures::class_of(request.uri().path());
        let figures = self.figures.clone();
        let asked = Asked { path: request.uri().clone(), language: None };
        let host = check_host(request.headers(), &settings.hosts);
        // A browser would remember of "localhost" what other servers of that machine cannot keep.
        let is_strict = peer.is_encrypted && host.as_ref().is_ok_and(|host| !host.is_loopback);
        let writes = !request.method().is_safe() && request.uri().path().starts_with("/api/");
        let is_of_real = settings.exercise.is_some() && writes && is_of_real_room(request.uri().path());
        let app = self.app.clone();
        let languages = request.headers().get(header::ACCEPT_LANGUAGE).cloned();
        let mut router = self.router.clone();
        Box::pin(async move {
            let answered = match host {
                Err(problem) => Refusal::from(problem).into_response(),
                Ok(_) if is_of_real => Refusal::from(done_in_real_room()).into_response(),
                Ok(_) => match AssertUnwindSafe(router.call(request)).catch_unwind().await {
                    Ok(Ok(response)) => response,
                    Ok(Err(never)) => match never {},
                    Err(_) => {
                        tracing::error!(http.path = asked.path.path(), "a handler panicked");
                        Refusal::from(internal()).into_response()
                    }
                },
            };
            let response = if answered.status().is_client_error() || answered.status().is_server_error() {
                in_words(answered, &Asked { language: languages, ..asked })
            } else {
                answered
            };
            let mut response = with_safety_headers(response, is_strict);
            if writes {
                tell_seq(&app, &mut response);
            }
            figures.record(class, response.status(), started.elapsed());
            Ok(response)
        })
    }
}

/// A request for the room of an exercise, by the rest of its address, from the front of that room.
async fn in_exercise(app: App, peer: Peer, mut request: Request) -> Result<Response, Infallible> {
    let asked =
        Asked { path: request.uri().clone(), language: request.headers().get(header::ACCEPT_LANGUAGE).cloned() };
    let room = async {
        let path = &asked.path;
        let (code, rest) = rooms::inside(path.path()).ok_or_else(|| no_record(path))?;
        let exercises = app.live()?.exercises.as_ref().ok_or_else(|| no_record(code))?;
        let room = exercises.room(code).await?.ok_or_else(|| no_record(code))?;
        let rest = path.query().map_or_else(|| rest.to_owned(), |query| format!("{rest}?{query}"));
        Ok::<_, Refusal>((room, rest.parse::<Uri>().map_err(|_| no_record(code))?))
    };
    match room.await {
        Ok((room, rest)) => {
            *request.uri_mut() = rest;
            room.front.of(peer).call(request).await
        }
        Err(refusal) => Ok(with_safety_headers(in_words(refusal.into_response(), &asked), false)),
    }
}

/// What belongs to accounts, rights and informants is one for all rooms, and changed in the real one alone; files are brought
/// in there too, since an exercise takes its ground from it. Coming in and going out (`/api/session`) is the same everywhere.
fn is_of_real_room(path: &str) -> bool {
    const OF_REAL: [&str; 10] = [
        "/api/accounts",
        "/api/break-glass",
        "/api/devices",
        "/api/grants",
        "/api/imports",
        "/api/me",
        "/api/oidc",
        "/api/organisations",
        "/api/setup",
        "/api/tip",
    ];
    OF_REAL.iter().any(|door| path.starts_with(door))
}

fn done_in_real_room() -> Problem {
    Problem::new(
        Code::Forbidden,
        "Đang ở phòng diễn tập: tài khoản, quyền, tin báo và nhập bảng chỉ có ở phòng trực thật.",
        "This is the room of an exercise: accounts, rights, tips and imports are of the real one alone.",
    )
}

/// A front for each connection, which knows the other end.
pub struct Fronts {
    pub front: Front,
    pub is_encrypted: bool,
}

impl<L> Service<IncomingStream<'_, L>> for Fronts
where
    L: Listener<Addr = SocketAddr>,
{
    type Response = Front;
    type Error = Infallible;
    type Future = Ready<Result<Front, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, connection: IncomingStream<'_, L>) -> Self::Future {
        let peer = Peer { address: connection.remote_addr().ip(), is_encrypted: self.is_encrypted };
        ready(Ok(self.front.of(peer)))
    }
}

/// What an error answer needs to know of its request.
struct Asked {
    path: Uri,
    language: Option<HeaderValue>,
}

/// Any error answer as a problem: ours as it is, the framework's in words of ours.
fn in_words(response: Response, asked: &Asked) -> Response {
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == "application/problem+json");
    if is_problem {
        return response;
    }
    let mut headers = HeaderMap::new();
    headers.extend(asked.language.clone().map(|value| (header::ACCEPT_LANGUAGE, value)));
    let path = asked.path.path();
    let mut rendered = match response.extensions().get::<Refusal>() {
        Some(refusal) => {
            if refusal.problem().code == Code::Internal {
                tracing::error!(http.path = path, problem = %refusal.problem(), "a request failed inside");
            }
            render(refusal.problem(), Language::of(&headers), path)
        }
        None => render(&for_bare_status(response.status(), path), Language::of(&headers), path),
    };
    if let Some(allow) = response.headers().get(header::ALLOW) {
        rendered.headers_mut().insert(header::ALLOW, allow.clone());
    }
    rendered
}

fn with_safety_headers(mut response: Response, is_strict: bool) -> Response {
    let headers = response.headers_mut();
    let media = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_page = media.starts_with(b"text/html");
    // A worker keeps to the policy of its own script, not to that of the page which started it.
    let (runs, is_photo) = (is_page || media.starts_with(b"text/javascript"), media.starts_with(b"image/"));
    // Our own pictures are no files that somebody sent.
    let is_photo = is_photo && headers.contains_key(header::CONTENT_DISPOSITION);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    let policy = if runs {
        CONTENT_SECURITY_POLICY
    } else if is_photo {
        PHOTO_POLICY
    } else {
        DATA_POLICY
    };
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    if is_page {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
        headers.insert("permissions-policy", PERMISSIONS_POLICY);
    }
    if is_strict {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
    response
}

/// A host that is ours.
struct Host {
    is_loopback: bool,
}

/// Refuses a host that is not ours: a page of another site whose name was made to point to loopback ("DNS
/// rebinding") would otherwise read everything, being of the same origin in the browser's eyes.
fn check_host(headers: &HeaderMap, configured: &[String]) -> Result<Host, Problem> {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    // The usual ones first: reading an address costs a hot route more than all the rest here.
    let is_loopback = name == "127.0.0.1"
        || name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_loopback || configured.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
        return Ok(Host { is_loopback });
    }
    Err(Problem::new(
        Code::Forbidden,
        format!("Máy chủ này không phục vụ tên {name:?}."),
        format!("This server does not answer for the name {name:?}."),
    )
    .at("Host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_and_configured_hosts_are_served() {
        let check = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            check_host(&headers, &["truc.laichau".to_owned()]).is_ok()
        };
        assert!(check("127.0.0.1:8080") && check("localhost") && check("[::1]:8080") && check("Truc.LaiChau:80"));
        assert!(!check("evil.example") && !check("127.0.0.1.evil.example:8080") && !check("192.168.1.4"));
        assert!(check_host(&HeaderMap::new(), &[]).is_err());
    }
}
