//! `trucban serve` as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A running server; killed when dropped.
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

pub fn serve(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trucban"));
    command.arg("serve").args(arguments).arg("--data").arg(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn start(arguments: &[&str], folder: &Path) -> Process {
    let mut child = serve(arguments, folder).args(["--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let base = line.trim().strip_prefix("listening on ").expect("the first line names the address").to_owned();
    assert!(base.starts_with("http://127.0.0.1:"), "{line}");
    Process { child, base }
}

/// What a server that does not start says.
pub fn refused(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub async fn ready(process: &Process) -> Value {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = reqwest::get(format!("{}/health/ready", process.base)).await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        match status {
            200 => return body,
            503 => assert!(body["reason"].is_string(), "{body}"),
            other => panic!("{other}: {body}"),
        }
        assert!(Instant::now() < patience, "not ready: {body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub fn stop(process: &mut Process) -> String {
    let id = process.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(process.child.wait().unwrap().success(), "a stop that was asked for is no failure");
    let mut log = String::new();
    process.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    log
}
