//! `trucban tips key` as its own process: what it prints, what it refuses.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use trucban::store::tips::TipStore;

use crate::http_support::PASSWORD;
use crate::store_support::Folder;
use crate::tips_support::{DEPUTYS, PASSPHRASE};

fn run(arguments: &[&str], folder: &Path, input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trucban"));
    command.args(arguments).arg("--data").arg(folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn a_key_is_made_for_handlers_alone_and_not_twice_by_mistake() {
    let folder = Folder::new();
    let data = folder.path();
    for (name, role) in [("mua", "tip_handler"), ("thu", "tip_handler"), ("chief", "admin")] {
        let added = run(&["user", "add", name, "--role", role, "--password-stdin"], data, PASSWORD);
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    }
    let both = format!("{PASSPHRASE}\n{DEPUTYS}\n");
    let key = |more: &[&str], input: &str| {
        let mut arguments = vec!["tips", "key", "--passphrase-stdin"];
        arguments.extend(more);
        run(&arguments, data, input)
    };
    for (more, input) in [
        (vec!["--holder", "nobody"], both.as_str()),
        (vec!["--holder", "chief"], &both),
        (vec!["--holder", "mua", "--deputy", "mua"], &both),
        (vec!["--holder", "mua"], "too short\n"),
        (vec!["--holder", "mua", "--deputy", "thu"], &format!("{PASSPHRASE}\n")),
        (vec!["--holder", "mua"], ""),
    ] {
        let refused = key(&more, input);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{more:?}");
        assert!(!String::from_utf8_lossy(&refused.stderr).contains(PASSPHRASE));
        assert_eq!(TipStore::open(data).unwrap().key().unwrap(), None, "{more:?}");
    }
    let nowhere = Command::new(env!("CARGO_BIN_EXE_trucban"))
        .args(["tips", "key", "--holder", "mua", "--passphrase-stdin", "--data", "/nonexistent/data"])
        .output()
        .unwrap();
    assert!(!nowhere.status.success());

    let made = key(&["--holder", "Mua", "--deputy", "thu"], &both);
    let said = String::from_utf8(made.stdout).unwrap();
    let store = TipStore::open(data).unwrap();
    let first = store.key().unwrap().unwrap();
    assert!(said.contains(&first.fingerprint()) && said.contains("mua, thu"), "{said}");
    assert!(!said.contains(PASSPHRASE));
    assert_eq!(store.holders().unwrap(), ["mua", "thu"]);
    assert!(!key(&["--holder", "mua"], &both).status.success());
    assert_eq!(store.key().unwrap().unwrap(), first);
    assert!(key(&["--holder", "thu", "--replace"], DEPUTYS).status.success());
    assert_ne!(store.key().unwrap().unwrap(), first);
}
