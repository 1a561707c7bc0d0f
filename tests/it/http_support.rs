//! A whole server in this process, and callers of its front door.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trucban::http::{App, DEMO_TOKENS_FILE, Demo, Settings, Started, accept, recorder, start};
use trucban::store::Store;

use crate::store_support::Folder;

/// A server with its own folder; stops when dropped.
pub struct Server {
    pub base: String,
    pub store: Arc<dyn Store>,
    tokens: HashMap<String, String>,
    client: Client,
    stopping: CancellationToken,
    folder: Folder,
}

/// Somebody who calls the server.
#[derive(Clone)]
pub struct Caller {
    base: String,
    client: Client,
    token: Option<String>,
}

impl Server {
    /// Real data: the ground alone, and whoever calls is the administrator.
    pub async fn real() -> Self {
        Self::open(false).await
    }

    /// The demo, standing still.
    pub async fn demo() -> Self {
        Self::open(true).await
    }

    async fn open(demo: bool) -> Self {
        let folder = Folder::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stopping = CancellationToken::new();
        let app = App::new(Settings { demo, hosts: Vec::new() }, recorder().unwrap(), stopping.clone());
        tokio::spawn(accept(listener, app.clone(), stopping.clone()));
        let Started { live, .. } =
            start(folder.path(), if demo { Demo::Still } else { Demo::Off }, address, stopping.clone()).await.unwrap();
        let store = Arc::clone(&live.store);
        app.go_live(live);
        let tokens = std::fs::read(folder.path().join(DEMO_TOKENS_FILE))
            .map(|bytes| serde_json::from_slice(&bytes).unwrap())
            .unwrap_or_default();
        Self { base: format!("http://{address}"), store, tokens, client: client(), stopping, folder }
    }

    /// Without credentials.
    pub fn anybody(&self) -> Caller {
        Caller::new(&self.base, self.client.clone())
    }

    /// As [`Self::anybody`], on a connection of its own.
    pub fn connection(&self) -> Caller {
        Caller { client: client(), ..self.anybody() }
    }

    /// The folder of its data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A demo actor.
    pub fn actor(&self, name: &str) -> Caller {
        Caller { token: Some(self.tokens[name].clone()), ..self.anybody() }
    }
}

fn client() -> Client {
    Client::builder().timeout(Duration::from_secs(60)).build().unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

impl Caller {
    /// Somebody without credentials, of whatever server answers at `base`.
    pub fn new(base: &str, client: Client) -> Self {
        Self { base: base.to_owned(), client, token: None }
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let path = path.strip_prefix(&self.base).unwrap_or(path);
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
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
