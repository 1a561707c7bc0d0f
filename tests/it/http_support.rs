//! A whole server in this process, and callers of its front door.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trucban::desk::{Clock, SystemClock};
use trucban::domain::Timestamp;
use trucban::domain::accountability::Timers;
use trucban::http::{
    App, DEMO_TOKENS_FILE, Entry, Limits, OidcConfig, Settings, StartOptions, Started, accept, recorder, start,
};
use trucban::store::Store;
use trucban::store::audit::{Audit, QUEUE_MAX};
use trucban::store::replica::PostgresLogs;
use trucban::store::system::System;
use trucban::store::tips::TipStore;

use crate::audit_chain::trucban;
use crate::postgres_support::TestDatabase;
use crate::store_places::Records;
use crate::store_support::Folder;

/// A server with its own folder; stops when dropped.
pub struct Server {
    pub base: String,
    pub store: Arc<dyn Store>,
    pub audit: Audit,
    app: App,
    tokens: HashMap<String, String>,
    client: Client,
    stopping: CancellationToken,
    folder: Folder,
    database: Option<TestDatabase>,
}

/// An address of this machine; which one is told when it is bound.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Somebody who calls the server.
#[derive(Clone)]
pub struct Caller {
    base: String,
    client: Client,
    token: Option<String>,
    /// A browser's: sent with what a page of the server would send.
    cookie: Option<String>,
}

/// A clock that stands.
struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

impl Server {
    /// Real data: the ground alone, and whoever calls is the administrator.
    pub async fn real() -> Self {
        Self::open(StartOptions::new(Entry::Everybody, ANYWHERE), Settings::default(), QUEUE_MAX).await
    }

    /// As [`Server::real`], in an exercise or not.
    pub async fn exercising(exercise: bool) -> Self {
        let options = StartOptions { exercise, ..StartOptions::new(Entry::Everybody, ANYWHERE) };
        Self::open(options, Settings::default(), QUEUE_MAX).await
    }

    /// The demo, standing still.
    pub async fn demo() -> Self {
        Self::demo_with_audit_queue(QUEUE_MAX).await
    }

    /// As [`Server::demo`], within these limits; the clock of sign-ins stands, so that what is left of a wait is told.
    pub async fn limited(limits: Limits) -> Self {
        let clock = Arc::new(Standing(SystemClock.now()));
        let options = StartOptions { limits, clock, ..StartOptions::new(Entry::Demo, ANYWHERE) };
        Self::open(options, Settings { demo: true, ..Settings::default() }, QUEUE_MAX).await
    }

    /// The demo, which waits this long for answers.
    pub async fn waiting(timers: Timers) -> Self {
        let options = StartOptions { timers, ..StartOptions::new(Entry::Demo, ANYWHERE) };
        Self::open(options, Settings { demo: true, ..Settings::default() }, QUEUE_MAX).await
    }

    /// Real data, and whoever has an account comes in; the clock of sign-ins is the test's.
    pub async fn with_accounts(clock: Arc<dyn Clock>) -> Self {
        let options = StartOptions { clock, ..StartOptions::new(Entry::Accounts, ANYWHERE) };
        Self::open(options, Settings::default(), QUEUE_MAX).await
    }

    /// As [`Server::with_accounts`], behind a proxy that says where requests come from.
    pub async fn behind_proxy() -> Self {
        let settings = Settings { behind_proxy: true, ..Settings::default() };
        Self::open(StartOptions::new(Entry::Accounts, ANYWHERE), settings, QUEUE_MAX).await
    }

    /// As [`Server::with_accounts`], by the clock of the machine, with a provider: the section `[oidc]`.
    pub async fn with_provider(section: &str) -> Self {
        let oidc = Some(OidcConfig::parse(section).unwrap());
        let options = StartOptions { oidc, ..StartOptions::new(Entry::Accounts, ANYWHERE) };
        Self::open(options, Settings::default(), QUEUE_MAX).await
    }

    /// As [`Server::with_accounts`], with the page on which anybody may give a tip.
    pub async fn with_public_tips(clock: Arc<dyn Clock>) -> Self {
        let settings = Settings { public_tips: true, ..Settings::default() };
        let options = StartOptions { clock, ..StartOptions::new(Entry::Accounts, ANYWHERE) };
        Self::open(options, settings, QUEUE_MAX).await
    }

    /// A node of this database, within these limits; whoever has an account comes in.
    pub async fn node(database: &TestDatabase, limits: Limits) -> Self {
        let options = StartOptions { limits, ..StartOptions::new(Entry::Accounts, ANYWHERE) };
        Self::open_on(Some(database.clone()), options, Settings::default(), QUEUE_MAX).await
    }

    /// A node of a demo in this database.
    pub async fn demo_node(database: &TestDatabase) -> Self {
        let (options, settings) = (StartOptions::new(Entry::Demo, ANYWHERE), Settings::default());
        Self::open_on(Some(database.clone()), options, Settings { demo: true, ..settings }, QUEUE_MAX).await
    }

    /// The demo, whose audit has room for so many requests.
    pub async fn demo_with_audit_queue(queue_max: usize) -> Self {
        let settings = Settings { demo: true, ..Settings::default() };
        Self::open(StartOptions::new(Entry::Demo, ANYWHERE), settings, queue_max).await
    }

    async fn open(options: StartOptions, settings: Settings, audit_queue_max: usize) -> Self {
        Self::open_on(TestDatabase::if_asked_for(), options, settings, audit_queue_max).await
    }

    async fn open_on(
        database: Option<TestDatabase>,
        mut options: StartOptions,
        settings: Settings,
        audit_queue_max: usize,
    ) -> Self {
        let folder = Folder::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stopping = CancellationToken::new();
        let app = App::new(settings, recorder().unwrap(), stopping.clone());
        tokio::spawn(accept(listener, app.clone(), stopping.clone()));
        options.base = format!("http://{address}");
        options.database = database.as_ref().map(TestDatabase::database);
        let Started { mut live, .. } = start(folder.path(), options, &app).await.unwrap();
        let store = Arc::clone(&live.store);
        live.audit = Audit::open_with(folder.path(), audit_queue_max).unwrap();
        let audit = live.audit.clone();
        app.go_live(live);
        let tokens = std::fs::read(folder.path().join(DEMO_TOKENS_FILE))
            .map(|bytes| serde_json::from_slice(&bytes).unwrap())
            .unwrap_or_default();
        let base = format!("http://{address}");
        Self { base, store, audit, app, tokens, client: client(), stopping, folder, database }
    }

    /// Stops it in order; its folder stays.
    pub async fn stop(&mut self) {
        self.stopping.cancel();
        self.app.shut_rooms().await;
        self.store.close().await;
        self.audit.close();
    }

    /// The demo, stopped and started again on what it had; its callers call it anew.
    pub async fn restart_demo(&mut self) {
        self.stop().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.stopping = CancellationToken::new();
        let settings = Settings { demo: true, ..Settings::default() };
        let app = App::new(settings, recorder().unwrap(), self.stopping.clone());
        tokio::spawn(accept(listener, app.clone(), self.stopping.clone()));
        let mut options = StartOptions::new(Entry::Demo, ANYWHERE);
        self.base = format!("http://{address}");
        options.base.clone_from(&self.base);
        options.database = self.database.as_ref().map(TestDatabase::database);
        let Started { live, .. } = start(self.folder.path(), options, &app).await.unwrap();
        (self.store, self.audit) = (Arc::clone(&live.store), live.audit.clone());
        app.go_live(live);
        self.app = app;
    }

    /// Where its records lie.
    pub fn records(&self) -> Records<'_> {
        self.database.as_ref().map_or(Records::Folder(self.folder()), Records::Database)
    }

    /// What it shares of accounts and tips in a database; nothing where it has them for itself.
    pub fn shared(&self) -> Vec<u8> {
        self.database.as_ref().map(TestDatabase::shared).unwrap_or_default()
    }

    /// Its tips, as a program beside it opens them.
    pub fn tips(&self) -> TipStore {
        match self.logs() {
            Some(logs) => TipStore::open_shared(self.folder(), logs.tips()).unwrap(),
            None => TipStore::open(self.folder()).unwrap(),
        }
    }

    /// Its accounts, as a program beside it opens them.
    pub fn system(&self) -> System {
        match self.logs() {
            Some(logs) => System::open_shared(self.folder(), logs.system()).unwrap(),
            None => System::open(self.folder()).unwrap(),
        }
    }

    fn logs(&self) -> Option<PostgresLogs> {
        self.database.as_ref().map(|database| PostgresLogs::start(database.database()).unwrap())
    }

    /// Runs `trucban` on what the server has, as whoever looks after it does.
    pub fn trucban(&self, arguments: &[&str]) -> Output {
        let url = self.database.as_ref().map(TestDatabase::url);
        let database = url.iter().flat_map(|url| ["--database", url]);
        trucban(&arguments.iter().copied().chain(database).collect::<Vec<_>>(), self.folder())
    }

    /// As [`Self::trucban`], of a command that works; what it prints.
    pub fn trucban_says(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.trucban(arguments);
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The first administrator, `chief`, made by the set-up link.
    pub async fn first_admin(&self) -> Caller {
        let link = std::fs::read_to_string(self.folder().join("setup-link.txt")).unwrap();
        let body = json!({"code": code_of(&link), "name": "chief", "password": PASSWORD});
        done(self.anybody().post("/api/setup", body).await, StatusCode::CREATED).await;
        self.anybody().sign_in("chief", PASSWORD).await
    }

    /// An account that `admin` makes of these fields, signed in.
    pub async fn account(&self, admin: &Caller, name: &str, mut fields: Value) -> Caller {
        fields["name"] = name.into();
        let made = done(admin.post("/api/accounts", fields).await, StatusCode::CREATED).await;
        let body = json!({"code": code_of(made["link"].as_str().unwrap()), "password": PASSWORD});
        done(self.anybody().post("/api/setup", body).await, StatusCode::CREATED).await;
        self.anybody().sign_in(name, PASSWORD).await
    }

    /// Without credentials.
    pub fn anybody(&self) -> Caller {
        Caller::new(&self.base, self.client.clone())
    }

    /// As [`Self::anybody`], on a connection of its own.
    pub fn connection(&self) -> Caller {
        Caller { client: client(), ..self.anybody() }
    }

    /// A demo actor.
    pub fn actor(&self, name: &str) -> Caller {
        self.anybody().with_token(&self.tokens[name])
    }
}

/// A client that believes no authority; the one way to make clients, which need something to encrypt with.
pub fn client() -> Client {
    client_builder().build().unwrap()
}

/// As [`client`], to be told more.
pub fn client_builder() -> ClientBuilder {
    trucban::http::choose_cryptography();
    Client::builder().timeout(Duration::from_secs(60)).tls_certs_only([])
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

impl Caller {
    /// The same caller at another server.
    pub fn at(&self, server: &Server) -> Self {
        Self { base: server.base.clone(), ..self.clone() }
    }

    /// Somebody without credentials, of whatever server answers at `base`.
    pub fn new(base: &str, client: Client) -> Self {
        Self { base: base.to_owned(), client, token: None, cookie: None }
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let path = path.strip_prefix(&self.base).unwrap_or(path);
        let request = self.client.request(method, format!("{}{path}", self.base));
        match (&self.token, &self.cookie) {
            (Some(token), _) => request.bearer_auth(token),
            (None, Some(cookie)) => request.header("cookie", cookie).header("sec-fetch-site", "same-origin"),
            (None, None) => request,
        }
    }

    /// The same caller with this token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), cookie: None, ..self.clone() }
    }

    /// The same caller calling from another address of this machine.
    pub fn at_address(&self, last: u8) -> Self {
        let address = std::net::IpAddr::from([127, 0, 0, last]);
        let client = client_builder().local_address(address).build().unwrap();
        Self { client, ..self.clone() }
    }

    /// A browser that has just got this answer: it keeps the cookie.
    pub fn browser_after(&self, response: &Response) -> Self {
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { token: None, cookie: Some(cookie), ..self.clone() }
    }

    /// Signs in by name and password, which must work; the browser that did.
    pub async fn sign_in(&self, name: &str, password: &str) -> Self {
        let response = self.post("/api/session", json!({"name": name, "password": password})).await;
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        self.browser_after(&response)
    }

    /// Host and port that it calls.
    pub fn host(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }

    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The value of the browser's cookie.
    pub fn secret(&self) -> &str {
        self.cookie.as_deref().unwrap().split_once('=').unwrap().1
    }

    pub async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }

    /// A read that works, as JSON.
    pub async fn read(&self, path: &str) -> Value {
        let response = self.get(path).await;
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.ask(Method::POST, path).json(&body).send().await.unwrap()
    }

    /// A write with `If-Match`.
    pub async fn write(&self, method: Method, path: &str, version: u64, body: Value) -> Response {
        self.ask(method, path).header("if-match", format!("\"{version}\"")).json(&body).send().await.unwrap()
    }

    /// A verb on an incident that works; the incident after it.
    pub async fn verb(&self, id: &str, verb: &str, version: u64, body: Value) -> Value {
        let response = self.write(Method::POST, &format!("/api/incidents/{id}/{verb}"), version, body).await;
        done(response, StatusCode::OK).await
    }

    /// Reports an incident; the incident.
    pub async fn report(&self, kind: &str, lon: f64, lat: f64) -> Value {
        let body = json!({"kind": kind, "place": {"lon": lon, "lat": lat}});
        let mut answer = done(self.post("/api/incidents", body).await, StatusCode::CREATED).await;
        answer["incident"].take()
    }
}

/// The password of every account of the tests.
pub const PASSWORD: &str = "mưa to trên đèo Ô Quý Hồ";

/// The code in a link.
pub fn code_of(link: &str) -> String {
    link.trim().split_once("code=").unwrap().1.to_owned()
}

/// The body of an answer with this status.
pub async fn done(response: Response, status: StatusCode) -> Value {
    let got = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(got, status, "{text}");
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// Checks that an answer is a problem of this status and code, in both languages, and gives it.
pub async fn problem(response: Response, status: u16, code: &str) -> Value {
    let got = response.status().as_u16();
    let media = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let text = response.text().await.unwrap();
    assert_eq!(media.as_deref(), Some("application/problem+json"), "{got}: {text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((got, body["code"].as_str().unwrap()), (status, code), "{body}");
    assert_eq!(body["status"], got);
    for member in ["type", "title", "detail", "detail_vi", "detail_en", "instance"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {body}");
    }
    body
}

pub fn id(feature: &Value) -> &str {
    feature["id"].as_str().unwrap()
}

pub fn version(feature: &Value) -> u64 {
    feature["properties"]["version"].as_u64().unwrap()
}
