//! `trucban user` as its own process, beside a running server: what it prints, what it refuses, that the server hears.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::http_support::{PASSWORD, client};
use crate::store_support::Folder;

/// Longest that a test waits for something that comes within two seconds on a machine of its own.
const PATIENCE: Duration = Duration::from_secs(30);

fn user(arguments: &[&str], folder: &Path, input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trucban"));
    command.arg("user").args(arguments).arg("--data").arg(folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// What a command that works prints.
fn works(arguments: &[&str], folder: &Path, input: &str) -> String {
    let output = user(arguments, folder, input);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command that is refused says.
fn refused(arguments: &[&str], folder: &Path, input: &str) -> String {
    let output = user(arguments, folder, input);
    assert!(!output.status.success(), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// A running server that says everything it can in its log; killed when dropped.
struct Process {
    child: Child,
    base: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    async fn start(arguments: &[&str], folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trucban"));
        command.arg("serve").args(arguments).args(["--listen", "127.0.0.1:0", "--data"]).arg(folder);
        let log = std::fs::File::create(folder.with_extension("log")).unwrap();
        let mut child = command.env("TRUCBAN_LOG", "trace").stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let process = Self { child, base: line.trim().strip_prefix("listening on ").unwrap().to_owned() };
        process.until(|| async { process.get("/health/ready", None).await == StatusCode::OK }).await;
        process
    }

    async fn get(&self, path: &str, token: Option<&str>) -> StatusCode {
        let request = client().get(format!("{}{path}", self.base));
        let request = token.iter().fold(request, |request, token| request.bearer_auth(token));
        request.send().await.unwrap().status()
    }

    async fn post(&self, path: &str, body: Value) -> reqwest::Response {
        client().post(format!("{}{path}", self.base)).json(&body).send().await.unwrap()
    }

    async fn until<F: Future<Output = bool>>(&self, holds: impl Fn() -> F) {
        let begin = Instant::now();
        while !holds().await {
            assert!(begin.elapsed() < PATIENCE, "it did not come about");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_on_the_command_line_count_on_a_running_server() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let server = Process::start(&[], &data).await;
    let link = data.join("setup-link.txt");
    assert!(link.exists());
    let said = works(&["add", "chief", "--role", "admin", "--password-stdin"], &data, &format!("{PASSWORD}\n"));
    assert!(said.contains("chief: admin"), "{said}");
    server.until(|| async { !link.exists() }).await;
    let sign_in = || server.post("/api/session", json!({"name": "chief", "password": PASSWORD}));
    assert_eq!(sign_in().await.status(), StatusCode::OK);

    works(
        &["add", "an", "--role", "planner", "--force", "civil", "--area", "03433,03436", "--password-stdin"],
        &data,
        PASSWORD,
    );
    let token = works(&["token", "an"], &data, "");
    assert!(token.len() == 65 && token.trim().chars().all(|c| c.is_ascii_hexdigit()), "the token alone: {token:?}");
    let token = token.trim();
    server.until(|| async { server.get("/api/collections", Some(token)).await == StatusCode::OK }).await;
    let listed = works(&["list"], &data, "");
    assert_eq!(listed, "an: planner · civil · 03433 · 03436\nchief: admin · province\n");

    let feed = client().get(format!("{}/api/feed", server.base)).bearer_auth(token).send().await.unwrap();
    works(&["disable", "an"], &data, "");
    let heard = tokio::time::timeout(PATIENCE, feed.text()).await.expect("the feed ends").unwrap();
    assert!(heard.contains("rights_changed"), "{heard}");
    assert_eq!(server.get("/api/collections", Some(token)).await, StatusCode::UNAUTHORIZED);
    assert!(works(&["list"], &data, "").contains("disabled"));
    assert!(refused(&["token", "an"], &data, "").contains("disabled"));
    works(&["enable", "an"], &data, "");
    assert_eq!(server.get("/api/collections", Some(token)).await, StatusCode::UNAUTHORIZED, "the token is gone");

    let link = works(&["reset", "an"], &data, "");
    let code = link.trim().strip_prefix(&format!("{}/password?code=", server.base)).expect("the server's address");
    let call = json!({"code": code, "password": "năm con trâu trắng"});
    assert_eq!(server.post("/api/setup", call).await.status(), StatusCode::CREATED);
    let call = json!({"name": "an", "password": "năm con trâu trắng"});
    assert_eq!(server.post("/api/session", call).await.status(), StatusCode::OK);
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    assert!(refused(&["list"], &data, "").contains("no data folder") && !data.exists());
    for (arguments, input, word) in [
        (&["add", "an", "--role", "king"][..], "", "no role"),
        (&["add", "an", "--role", "planner", "--force", "navy"], "", "no force"),
        (&["add", "a b", "--role", "planner"], "", "invalid_value"),
        (&["add", "an", "--role", "planner", "--area", ","], "", "--area"),
        (&["add", "an", "--role", "planner", "--password-stdin"], "short\n", "weak_password"),
        (&["add", "an", "--role", "planner", "--password-stdin"], "matkhau123456\n", "weak_password"),
        (&["add", "an", "--role", "planner", "--supervisor", "nobody"], "", "unknown_reference"),
        (&["add", "an", "--role", "planner", "--organisation", "nowhere"], "", "unknown_reference"),
    ] {
        let said = refused(arguments, &data, input);
        assert!(said.contains(word), "{arguments:?}: {said}");
        assert!(input.is_empty() || !said.contains(input.trim()), "no password is repeated");
    }
    let link = works(&["add", "an", "--role", "planner", "--url", "https://truc.example/"], &data, "");
    assert!(link.contains("\nhttps://truc.example/password?code="), "{link}");
    assert!(refused(&["add", "An", "--role", "planner"], &data, "").contains("invalid_value"), "the name is taken");
    assert!(refused(&["disable", "nobody"], &data, "").contains("not_found"));
    assert_eq!(works(&["list"], &data, "").lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_door_is_refused_where_there_are_accounts_and_areas_must_be_there() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    drop(Process::start(&["--no-accounts"], &data).await);
    assert!(refused(&["add", "an", "--role", "planner", "--area", "99999"], &data, "").contains("99999"));
    let nowhere = uuid::Uuid::nil().to_string();
    assert!(refused(&["add", "an", "--role", "field_unit", "--unit", &nowhere], &data, "").contains(&nowhere));
    works(&["add", "an", "--role", "planner", "--area", "03433"], &data, "");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_trucban"));
    let output =
        serve.args(["serve", "--no-accounts", "--listen", "127.0.0.1:0", "--data"]).arg(&data).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--no-accounts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_comes_into_the_log() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    works(&["add", "chief", "--role", "admin", "--password-stdin"], &data, PASSWORD);
    works(&["add", "guard", "--role", "field_unit", "--password-stdin"], &data, PASSWORD);
    let token = works(&["token", "chief"], &data, "").trim().to_owned();
    let server = Process::start(&[], &data).await;
    let answer = server.post("/api/session", json!({"name": "chief", "password": PASSWORD})).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split([';', '=']).nth(1).unwrap().to_owned();
    let wrong = "sai mật khẩu rồi đó";
    assert_eq!(server.post("/api/session", json!({"name": "chief", "password": wrong})).await.status(), 401);
    assert_eq!(server.get("/api/collections", Some(&token)).await, StatusCode::OK);
    let client = client();
    let call = client.post(format!("{}/api/devices", server.base)).bearer_auth(&token);
    let given: Value =
        call.json(&json!({"label": "x", "account": "guard"})).send().await.unwrap().json().await.unwrap();
    let code = given["code"].as_str().unwrap().to_owned();
    let enrolled: Value = server.post("/api/devices/enrol", json!({"code": code})).await.json().await.unwrap();
    let device = enrolled["token"].as_str().unwrap().to_owned();
    assert_eq!(server.get("/api/collections", Some(&device)).await, StatusCode::OK);
    let reset = client.post(format!("{}/api/accounts/guard/reset", server.base)).bearer_auth(&token);
    let reset: Value = reset.json(&json!({})).send().await.unwrap().json().await.unwrap();
    let link = reset["link"].as_str().unwrap().split_once("code=").unwrap().1.to_owned();
    assert_eq!(server.post("/api/setup", json!({"code": link, "password": "x"})).await.status(), 422);
    drop(server);
    let mut log = String::new();
    std::fs::File::open(data.with_extension("log")).unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log says much");
    for secret in [PASSWORD, wrong, &token, &cookie, &code, &device, &link, "argon2id"] {
        assert!(!log.contains(secret), "{secret} stands in the log");
    }
}
