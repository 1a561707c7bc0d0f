//! Providers of OpenID Connect as their own processes, and a browser that goes to them and comes back.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Lines};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect::Policy};
use serde_json::{Value, json};

use crate::http_support::{Caller, Server, client_builder, done};

/// The password of everybody at the real provider.
const PASSWORD: &str = "mưa to trên đèo";
/// Longest way through a provider's pages, steps.
const STEPS_MAX: usize = 12;

/// A provider; it ends when dropped.
pub struct ProviderProcess {
    child: Child,
    pub issuer: String,
    /// Kept open: a program whose output nobody takes ends.
    _said: Lines<BufReader<ChildStdout>>,
}

impl ProviderProcess {
    /// `oidc-provider` itself, on a free port.
    pub fn real() -> Self {
        Self::run("provider.mjs", &[])
    }

    /// As [`Self::real`], on this port.
    pub fn real_at(port: u16) -> Self {
        Self::run("provider.mjs", &[&port.to_string()])
    }

    /// The one that lies.
    pub fn forger() -> Self {
        Self::run("forger.mjs", &[])
    }

    fn run(script: &str, arguments: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(root.join("web/node_modules/oidc-provider").is_dir(), "`make web` installs the provider");
        let mut command = Command::new("node");
        command.arg(root.join("tests/oidc").join(script)).args(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("node runs");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.by_ref().map_while(Result::ok);
        let ready = said.filter_map(|line| line.strip_prefix("ready ").map(str::to_owned)).next();
        let issuer = ready.expect("the provider says where it is");
        Self { child, issuer, _said: lines }
    }
}

impl Drop for ProviderProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The section `[oidc]` for this provider.
pub fn section(issuer: &str) -> String {
    format!(
        r#"
        name = "Cổng tỉnh"
        issuer = "{issuer}"
        client_id = "trucban"
        client_secret = 'a secret & "quoted" %2B+/='
        scopes = ["profile", "groups"]
        role_claim = "groups"
        contact = "phòng công nghệ thông tin"
        [[map]]
        value = "quan-tri"
        role = "admin"
        [[map]]
        value = "truc-ban"
        role = "duty_officer"
        force = "police"
        areas = ["03388"]
        [[map]]
        value = "ke-hoach"
        role = "planner"
        "#
    )
}

/// A browser with its cookies, which goes where it is sent step by step.
pub struct Browser {
    client: Client,
    /// By scheme, host and port.
    cookies: HashMap<String, HashMap<String, String>>,
    server: String,
}

/// What the provider sent the browser back with: the parameters of the page's address.
pub type Return = HashMap<String, String>;

impl Browser {
    pub fn of(server: &Server) -> Self {
        Self::at_address(server, 1)
    }

    /// A browser on another address of this machine, whose failures count by themselves.
    pub fn at_address(server: &Server, last: u8) -> Self {
        let client =
            client_builder().redirect(Policy::none()).local_address(IpAddr::from([127, 0, 0, last])).build().unwrap();
        Self { client, cookies: HashMap::new(), server: server.base.clone() }
    }

    /// The cookies of the server, to be given back later.
    pub fn cookies(&self) -> HashMap<String, String> {
        self.cookies.get(&self.server).cloned().unwrap_or_default()
    }

    pub fn set_cookies(&mut self, cookies: HashMap<String, String>) {
        self.cookies.insert(self.server.clone(), cookies);
    }

    async fn send(&mut self, url: &Url, request: RequestBuilder) -> Response {
        let jar = self.cookies.entry(url.origin().ascii_serialization()).or_default();
        let sent = jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let response = request.header("cookie", sent).send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() || cookie.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    /// A call from a page of the server.
    pub async fn call(&mut self, path: &str, body: Value) -> Response {
        let url = Url::parse(&format!("{}{path}", self.server)).unwrap();
        let request = self.client.post(url.clone()).header("sec-fetch-site", "same-origin").json(&body);
        self.send(&url, request).await
    }

    /// Begins a sign-in; where the browser goes.
    pub async fn begin(&mut self) -> Url {
        let begun = done(self.call("/api/oidc/start", json!({})).await, StatusCode::OK).await;
        Url::parse(begun["url"].as_str().unwrap()).unwrap()
    }

    /// Ends a sign-in.
    pub async fn end(&mut self, back: &Return) -> Response {
        self.call("/api/oidc/finish", json!(back)).await
    }

    /// Goes to the provider and signs in there as this person, or cancels, until it is sent back.
    pub async fn visit(&mut self, url: Url, login: Option<&str>) -> Return {
        let mut next = self.client.get(url.clone());
        let mut url = url;
        for _ in 0..STEPS_MAX {
            let response = self.send(&url, next).await;
            if let Some(location) = response.headers().get("location") {
                url = url.join(location.to_str().unwrap()).unwrap();
                if url.origin().ascii_serialization() == self.server {
                    assert_eq!(url.path(), "/signed-in");
                    return url.query_pairs().into_owned().collect();
                }
                next = self.client.get(url.clone());
                continue;
            }
            let page = response.text().await.unwrap();
            assert!(page.contains("name=\"login\""), "{url}: {page}");
            if let Some(login) = login {
                let form = Url::parse_with_params("http://form/", [("login", login), ("password", PASSWORD)]).unwrap();
                let form = form.query().unwrap_or_default().to_owned();
                next = self
                    .client
                    .post(url.clone())
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(form);
            } else {
                url = url.join(&format!("{}/cancel", url.path())).unwrap();
                next = self.client.get(url.clone());
            }
        }
        panic!("no way back from {url}");
    }

    /// The whole way, as somebody of the real provider; the answer to its end.
    pub async fn sign_in(&mut self, login: &str) -> Response {
        let url = self.begin().await;
        let back = self.visit(url, Some(login)).await;
        self.end(&back).await
    }
}

/// Somebody who comes in by the provider with a browser of their own.
pub async fn comes_in(server: &Server, login: &str) -> (Caller, Value) {
    let response = Browser::of(server).sign_in(login).await;
    let caller = server.anybody().browser_after(&response);
    (caller, done(response, StatusCode::OK).await)
}
