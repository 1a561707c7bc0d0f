//! schemathesis asks the OpenAPI document's every door as every role, with what the document allows and with what it
//! does not, and follows what it got from one door to the next. Each role asks a server of its own, so that an
//! administrator's asking takes nothing from the others'.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use trucban::domain::Role;

use crate::http_support::{Caller, client};
use crate::serve_support::{launch, ready, serve_anywhere, stop};
use crate::soak_support::{Dice, rounds};
use crate::store_support::Folder;
use crate::support::python;

/// Cases of a door beside those that the document itself suggests, in `make test` and in `make soak`.
const CASES: (usize, usize) = (1, 200);
/// Of the cases in `make test`.
const SEED: u64 = 1;
/// Roles that ask at a time.
const AT_A_TIME: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_every_role_is_one_that_the_openapi_document_promises() {
    let Some(schemathesis) = python::program("schemathesis") else { return };
    // Short it is a test, which tells the same of the same server every time; long it looks for what is new.
    let seed = if rounds(0, 1) == 0 { SEED } else { Dice::thrown_for("schemathesis").below(1 << 31) };
    let mut failed = Vec::new();
    for roles in Role::ALL.chunks(AT_A_TIME) {
        let asked = roles.iter().map(|role| {
            let schemathesis = schemathesis.clone();
            let role = role.as_str();
            tokio::spawn(async move { (role, ask_as(role, &schemathesis, seed).await) })
        });
        for asking in asked.collect::<Vec<_>>() {
            let (role, said) = asking.await.unwrap();
            match said {
                Ok(cases) => println!("{role}: {cases}"),
                Err(said) => failed.push(format!("as {role}:\n{said}")),
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// How many cases were asked; or all that was said, if an answer was none of those promised.
async fn ask_as(role: &'static str, schemathesis: &Path, seed: u64) -> Result<String, String> {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let log = folder.path().join("log");
    let mut server = serve_anywhere(&["--demo", "--no-simulation"], &data);
    // Into a file: nobody reads a pipe while the server is asked.
    server.stderr(File::create(&log).unwrap());
    let mut process = launch(server);
    ready(&process).await;
    let token = token_of(role, &data);
    let caller = Caller::new(&process.base, client()).with_token(&token);
    // What the command line gives counts on a running server within two seconds.
    let known = async {
        while caller.read("/api/session").await["actor"].is_null() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), known).await.expect("the server learns of the token");
    let mut command = Command::new(schemathesis);
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis");
    command.current_dir(home).env("TRUCBAN_BASE", &process.base).env("TRUCBAN_TOKEN", &token);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(["--no-color", "run", &format!("{}/api/openapi.json", process.base), "--url", &process.base]);
    command.args(["--header", &format!("Authorization: Bearer {token}"), "--checks", "all"]);
    command.args(["--exclude-checks", "positive_data_acceptance"]);
    command.args(["--seed", &seed.to_string(), "--max-examples", &rounds(CASES.0, CASES.1).to_string()]);
    let asked = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let still = caller.read("/api/session").await;
    assert_eq!(still["actor"]["role"], role, "the token did not outlast its asking");
    stop(&mut process);
    let log = std::fs::read_to_string(&log).unwrap();
    if !asked.status.success() || log.contains("ERROR") || log.contains("panicked") {
        return Err(format!("{}\nthe server's log:\n{log}", text(&asked)));
    }
    Ok(text(&asked).lines().find(|line| line.contains(" generated,")).unwrap_or_default().trim().to_owned())
}

/// A token of the demo's actor of this role, who is made if there is none.
fn token_of(role: &str, data: &Path) -> String {
    let tokens: Value = serde_json::from_slice(&std::fs::read(data.join("demo-tokens.json")).unwrap()).unwrap();
    if let Some(token) = tokens[role].as_str() {
        return token.to_owned();
    }
    let user = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trucban"));
        let output = command.arg("user").args(arguments).arg("--data").arg(data).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    user(&["add", role, "--role", role, "--force", "military"]);
    user(&["token", role])
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat()
}
