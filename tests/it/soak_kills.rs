//! `trucban serve` under kill -9 while nine connections write: whatever was answered is there after the restart, whole,
//! on the journal and in the picture, and a repeated key gives the first answer.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use trucban::store::gpkg::GpkgStore;

use crate::serve_support::{Process, check_folder, launch, ready, serve_anywhere};
use crate::soak_checks::{Journal, Picture};
use crate::soak_load::{Sent, Told, Writer, writers};
use crate::soak_support::{Dice, rounds};
use crate::store_support::Folder;

/// Connections that write.
const WRITERS: usize = 9;
/// Kills in `make test` and in `make soak`.
const KILLS: (usize, usize) = (6, 28);
/// First starts that are killed, in `make test` and in `make soak`.
const FIRST_STARTS: (usize, usize) = (15, 150);
/// Longest that the server is let run under load, milliseconds, in `make test` and in `make soak`.
const LOAD_MS: (usize, usize) = (400, 2_500);
/// Every so many kills one comes while the server still starts; the first of all while it fills its new folder.
const KILLED_STARTING_EVERY: usize = 4;
/// Longest that a start goes on before it is killed, milliseconds.
const STARTING_MS: u64 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_the_server_lose_nothing_that_was_answered_and_leave_nothing_half_done() {
    let mut rig = Rig::new();
    let kills = rounds(KILLS.0, KILLS.1);
    for kill in 0..kills {
        if kill % KILLED_STARTING_EVERY == 0 {
            rig.kill_while_starting();
            continue;
        }
        let (process, ready_ms) = rig.start().await;
        rig.hold_against_what_was_told(&process.base).await;
        let loaded_ms = rig.load_and_kill(process).await;
        check_folder(&rig.data());
        println!("kill {kill}: ready after {ready_ms} ms, killed after {loaded_ms} ms, {} writes answered", rig.told());
    }
    let (process, _) = rig.start().await;
    rig.hold_against_what_was_told(&process.base).await;
    drop(process);
    check_folder(&rig.data());
    let log = std::fs::read_to_string(&rig.log).unwrap();
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
    rig.ready_ms.sort_unstable();
    let [median, last] = [rig.ready_ms.len() / 2, rig.ready_ms.len() - 1].map(|at| rig.ready_ms[at]);
    println!("{kills} kills, {} writes answered; ready after {median} ms in the middle, {last} ms at most", rig.told());
    assert!(rig.told() > kills, "the server was hardly written to");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_is_killed_at_any_moment_leaves_a_folder_that_starts() {
    let starts = rounds(FIRST_STARTS.0, FIRST_STARTS.1);
    for round in 0..starts {
        let rig = Rig::new();
        let mut child = rig.command().spawn().unwrap();
        // All moments in turn: what is made, file by file, takes some hundred milliseconds.
        std::thread::sleep(Duration::from_millis(STARTING_MS * round as u64 / starts as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let process = launch(rig.command());
        ready(&process).await;
        drop(process);
        check_folder(&rig.data());
    }
}

/// One folder through many servers, and those who write.
struct Rig {
    folder: Folder,
    log: PathBuf,
    dice: Dice,
    writers: Vec<Writer>,
    ready_ms: Vec<u128>,
}

impl Rig {
    fn new() -> Self {
        let folder = Folder::new();
        let log = folder.path().join("log");
        let dice = Dice::thrown_for("kills of the server");
        Self { folder, log, dice, writers: Vec::new(), ready_ms: Vec::new() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self) -> std::process::Command {
        let mut command = serve_anywhere(&["--no-accounts"], &self.data());
        command.stderr(File::options().create(true).append(true).open(&self.log).unwrap());
        command
    }

    fn told(&self) -> usize {
        self.writers.iter().map(|writer| writer.told.len()).sum()
    }

    fn kill_while_starting(&mut self) {
        let mut child = self.command().spawn().unwrap();
        std::thread::sleep(Duration::from_millis(self.dice.below(STARTING_MS)));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// A server that is ready, and after how many milliseconds it was.
    async fn start(&mut self) -> (Process, u128) {
        let started = Instant::now();
        let process = launch(self.command());
        ready(&process).await;
        let ready_ms = started.elapsed().as_millis();
        self.ready_ms.push(ready_ms);
        if self.writers.is_empty() {
            self.writers = writers(&process.base, WRITERS, &mut self.dice).await;
        }
        (process, ready_ms)
    }

    /// Lets all write, kills the server at a moment by chance, and gives how long it was let run.
    async fn load_and_kill(&mut self, mut process: Process) -> u64 {
        let killed = AtomicBool::new(false);
        let load_ms = self.dice.below(rounds(LOAD_MS.0, LOAD_MS.1) as u64);
        let (base, child) = (&process.base, &mut process.child);
        let writing = self.writers.iter_mut().map(|writer| writer.write_until_killed(base, &killed));
        let killing = async {
            tokio::time::sleep(Duration::from_millis(load_ms)).await;
            killed.store(true, Ordering::SeqCst);
            child.kill().unwrap();
        };
        futures_util::future::join(futures_util::future::join_all(writing), killing).await;
        load_ms
    }

    /// What was answered is in the journal, and what was not is there whole or not at all; sent again, everything is
    /// answered as the first time and happens once; the picture agrees with the journal.
    async fn hold_against_what_was_told(&mut self, base: &str) {
        let before = Journal::of(&*GpkgStore::open_read(&self.data()).unwrap()).await;
        for writer in &mut self.writers {
            for told in &writer.told {
                before.holds(told);
            }
            let happened = writer.pending.as_ref().map(|call| before.has_whole(call));
            repeat_last(writer, base, happened == Some(true)).await;
            if let Some(call) = writer.pending.clone() {
                writer.settle(base, call).await;
            }
        }
        let after = Journal::of(&*GpkgStore::open_read(&self.data()).unwrap()).await;
        for (key, changes) in &before.calls {
            assert_eq!(after.calls[key].len(), changes.len(), "{key} happened again");
        }
        for told in self.writers.iter().flat_map(|writer| &writer.told) {
            after.holds(told);
        }
        let picture = Picture::read(base).await;
        picture.agrees_with_itself();
        for told in self.writers.iter().flat_map(|writer| &writer.told) {
            picture.holds(told, &after);
        }
    }
}

/// Sends the last answered call again. `went_on`: what the writer sent after it, unanswered, had happened too.
async fn repeat_last(writer: &Writer, base: &str, went_on: bool) {
    let Some(last) = writer.told.last() else { return };
    let Sent { status, answer, .. } = writer.send(base, &last.call).await.unwrap();
    assert_eq!(status, last.status, "{:?}: {answer}", last.call);
    let again = Told { call: last.call.clone(), status, answer };
    let ids = |told: &Told| told.records().iter().map(|(id, _)| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(last));
    if !went_on && last.call.fixes().is_empty() {
        assert_eq!(again.records(), last.records(), "a repeated key gives the first answer");
        // What may be the same incident is asked anew; all else is as it was.
        let kept = |told: &Told| told.answer.get("incident").unwrap_or(&told.answer).clone();
        assert_eq!(kept(&again), kept(last));
    }
    if let Some(other) = last.call.said_otherwise() {
        let Sent { status, answer, .. } = writer.send(base, &other).await.unwrap();
        assert_eq!((status.as_u16(), &answer["code"]), (422, &"idempotency_mismatch".into()), "{answer}");
    }
}
