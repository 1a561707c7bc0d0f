//! `trucban` as its own process: started, waited for, asked to stop, killed.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;

use crate::http_support::client;

/// Longest that a server may take until it answers; only against a test that hangs.
const READY_WAIT: Duration = Duration::from_secs(60);

/// A running server; killed with SIGKILL when dropped.
pub struct Process {
    pub child: Child,
    pub base: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that serves `folder`, with both outputs kept.
pub fn serve(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trucban"));
    command.arg("serve").args(arguments).arg("--data").arg(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The command that serves `folder` on a free port.
pub fn serve_anywhere(arguments: &[&str], folder: &Path) -> Command {
    let mut command = serve(arguments, folder);
    command.args(["--listen", "127.0.0.1:0"]);
    command
}

/// Runs a server until it listens.
pub fn launch(mut command: Command) -> Process {
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let base = line.trim().strip_prefix("listening on ").expect("the first line names the address").to_owned();
    assert!(base.contains("://127.0.0.1:"), "{line}");
    Process { child, base }
}

/// What a server that does not start says.
pub fn refused(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until a server is ready; what it then says.
pub async fn ready(process: &Process) -> Value {
    ready_for(process, &client()).await
}

/// As [`ready`], asked by this client.
pub async fn ready_for(process: &Process, client: &Client) -> Value {
    let patience = Instant::now() + READY_WAIT;
    loop {
        let answer = client.get(format!("{}/health/ready", process.base)).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        match status {
            200 => return body,
            503 => assert!(body["reason"].is_string(), "{body}"),
            other => panic!("{other}: {body}"),
        }
        assert!(Instant::now() < patience, "not ready: {body}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Asks a server to stop; what it had logged, if that was kept.
pub fn stop(process: &mut Process) -> String {
    let id = process.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(process.child.wait().unwrap().success(), "a stop that was asked for is no failure");
    let mut log = String::new();
    if let Some(mut kept) = process.child.stderr.take() {
        kept.read_to_string(&mut log).unwrap();
    }
    log
}

/// `trucban check` as an administrator runs it.
pub fn check_folder(folder: &Path) {
    let checked = Command::new(env!("CARGO_BIN_EXE_trucban")).arg("check").arg("--data").arg(folder).output().unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&said));
}
