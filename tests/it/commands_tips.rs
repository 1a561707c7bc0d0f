//! `trucban tips` as its own process: what it prints, what it refuses, what a kill leaves.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use trucban::desk::{Clock, SystemClock};
use trucban::domain::tip::Coarse;
use trucban::store::tips::{FollowUp, NewTip, Sealed, TipStore};

use crate::http_support::PASSWORD;
use crate::store_support::Folder;
use crate::tips_support::{DEPUTYS, PASSPHRASE};

/// What kills find of the passphrase; each lets the command run a little longer.
const KILLS: u32 = 10;

/// Runs `trucban`, which reads `input`.
pub fn run(arguments: &[&str], folder: &Path, input: &str) -> Output {
    begin(arguments, folder, input).wait_with_output().unwrap()
}

fn begin(arguments: &[&str], folder: &Path, input: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trucban"));
    command.args(arguments).arg("--data").arg(folder);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child
}

/// Changes a passphrase as its holder does.
fn change(folder: &Path, holder: &str, present: &str, next: &str) -> Output {
    let arguments = ["tips", "passphrase", "--passphrase-stdin", "--holder", holder];
    run(&arguments, folder, &format!("{present}\n{next}\n"))
}

/// A folder with the accounts of handler, deputy and administrator.
fn with_accounts() -> Folder {
    let folder = Folder::new();
    let data = folder.path();
    for (name, role) in [("mua", "tip_handler"), ("thu", "tip_handler"), ("chief", "admin")] {
        let added = run(&["user", "add", name, "--role", role, "--password-stdin"], data, PASSWORD);
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    }
    folder
}

/// Whose passphrase opens every tip of the folder.
fn opens(folder: &Path, holder: &str, passphrase: &str) -> bool {
    let store = TipStore::open(folder).unwrap();
    let tips = store.tips().unwrap();
    assert!(!tips.is_empty());
    let opened = tips.iter().filter(|tip| store.unseal(tip.id, holder, passphrase).is_ok()).count();
    assert!(opened == 0 || opened == tips.len(), "all or none");
    opened > 0
}

/// Takes in a tip, sealed to the key in use.
pub fn take(store: &TipStore) {
    let now = SystemClock.now();
    let follow_up = FollowUp::random();
    let kept = follow_up.kept().unwrap();
    let new = NewTip {
        channel: "phone".to_owned(),
        received: Coarse::of(now),
        kind: None,
        commune_code: None,
        occurred: None,
        scrubbed: None,
    };
    let text = "xe lạ đỗ cạnh mốc".to_owned();
    let sealed = Sealed { received_at: now, text, name: None, phone: None, reach: None, taken_by: None };
    store.add(&new, &sealed, (follow_up, kept), None).unwrap();
}

const NEXT: &str = "suối Nậm Na cạn vào mùa khô";

#[test]
fn a_holder_changes_their_passphrase_and_the_deputys_stays() {
    let folder = with_accounts();
    let data = folder.path();
    let both = format!("{PASSPHRASE}\n{DEPUTYS}\n");
    assert!(
        run(&["tips", "key", "--passphrase-stdin", "--holder", "mua", "--deputy", "thu"], data, &both).status.success()
    );
    take(&TipStore::open(data).unwrap());
    // An older key that the same passphrase opens changes with it.
    let replaced = ["tips", "key", "--passphrase-stdin", "--holder", "mua", "--deputy", "thu", "--replace"];
    assert!(run(&replaced, data, &both).status.success());
    take(&TipStore::open(data).unwrap());
    let public = TipStore::open(data).unwrap().key().unwrap();

    for (holder, present, next) in [
        ("nobody", PASSPHRASE, NEXT),
        ("chief", PASSPHRASE, NEXT),
        ("mua", DEPUTYS, NEXT),
        ("mua", "", NEXT),
        ("mua", PASSPHRASE, "too short"),
        ("mua", PASSPHRASE, ""),
    ] {
        let refused = change(data, holder, present, next);
        assert_eq!(refused.status.code(), Some(2), "{holder} {next}");
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty());
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!said.contains(PASSPHRASE) && !said.contains(NEXT), "{said}");
        assert!(opens(data, "mua", PASSPHRASE), "{holder} {next}");
    }
    let changed = change(data, "Mua", PASSPHRASE, NEXT);
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    let said = String::from_utf8(changed.stdout).unwrap();
    assert_eq!(said.lines().count(), 2, "a line a key: {said}");
    assert!(said.contains(&public.as_ref().unwrap().fingerprint()) && !said.contains(NEXT));
    assert!(opens(data, "mua", NEXT) && !opens(data, "mua", PASSPHRASE));
    assert!(opens(data, "thu", DEPUTYS));
    assert_eq!(TipStore::open(data).unwrap().key().unwrap(), public, "what comes in is sealed as before");
}

#[test]
fn a_kill_while_a_passphrase_changes_leaves_one_of_the_two() {
    let folder = with_accounts();
    let data = folder.path();
    let made = run(&["tips", "key", "--passphrase-stdin", "--holder", "mua"], data, PASSPHRASE);
    assert!(made.status.success());
    take(&TipStore::open(data).unwrap());
    let begun = std::time::Instant::now();
    assert!(change(data, "mua", PASSPHRASE, NEXT).status.success());
    let whole = begun.elapsed();
    let (mut present, mut next) = (NEXT, PASSPHRASE);
    for kill in 1..=KILLS {
        let arguments = ["tips", "passphrase", "--passphrase-stdin", "--holder", "mua"];
        let mut child = begin(&arguments, data, &format!("{present}\n{next}\n"));
        std::thread::sleep(whole * kill / KILLS);
        let _ = child.kill();
        child.wait().unwrap();
        let (old, new) = (opens(data, "mua", present), opens(data, "mua", next));
        println!("kill {kill}: {}", if new { "changed" } else { "as before" });
        assert!(old != new, "exactly one of the two opens");
        if new {
            std::mem::swap(&mut present, &mut next);
        }
    }
}

#[test]
fn a_key_is_made_for_handlers_alone_and_not_twice_by_mistake() {
    let folder = with_accounts();
    let data = folder.path();
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
