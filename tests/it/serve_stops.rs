//! A server that is asked to stop while it is written to and listened to, and folders that were left torn or cannot be
//! written.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use trucban::store::Store;
use trucban::store::gpkg::GpkgStore;
use trucban::store::postgis::PgStore;

use crate::http_feed::Listener;
use crate::http_support::{Caller, client, done};
use crate::postgres_support::TestDatabase;
use crate::serve_support::{check_folder, launch, ready, refused, serve_anywhere, stop};
use crate::soak_checks::Journal;
use crate::soak_load::{Writer, writers};
use crate::soak_support::Dice;
use crate::store_support::{Folder, SmallDisk};

const WRITERS: usize = 9;
/// How long they write before the server is asked to stop.
const LOAD: Duration = Duration::from_millis(800);

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_is_under_way_and_ends_the_feeds_of_a_folder() {
    let folder = Folder::new();
    let writers = stopped_under_load(&["--no-accounts"], folder.path()).await;
    check_folder(folder.path());
    holds(GpkgStore::open_read(folder.path()).unwrap(), &writers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_is_under_way_and_ends_the_feeds_of_a_database() {
    let (folder, database) = (Folder::new(), TestDatabase::new());
    let writers = stopped_under_load(&["--no-accounts", "--database", &database.url()], folder.path()).await;
    holds(PgStore::open_read(database.database()).await.unwrap(), &writers).await;
}

/// Writes and listens until the server has stopped; those who wrote.
async fn stopped_under_load(arguments: &[&str], data: &Path) -> Vec<Writer> {
    let mut process = launch(serve_anywhere(arguments, data));
    ready(&process).await;
    let base = process.base.clone();
    let mut writers = writers(&base, WRITERS, &mut Dice::thrown_for("a stop under load")).await;
    let mut feed = Listener::open(&Caller::new(&base, client()), "", None).await;
    let stopping = AtomicBool::new(false);
    let writing = join_all(writers.iter_mut().map(|writer| writer.write_until_killed(&base, &stopping)));
    let stopped = async {
        tokio::time::sleep(LOAD).await;
        stopping.store(true, Ordering::SeqCst);
        tokio::task::spawn_blocking(move || stop(&mut process)).await.unwrap()
    };
    let listening = async {
        loop {
            match feed.next_within(Duration::from_secs(15)).await.expect("an event or the end") {
                Some(event) => event.expect("the feed ends and does not break"),
                None => return,
            };
        }
    };
    let (_, log, ()) = futures_util::future::join3(writing, stopped, listening).await;
    assert!(log.contains("stopped") && !log.contains("WARN") && !log.contains("ERROR"), "{log}");
    writers
}

/// What was answered is there, and what was not is there whole or not at all.
async fn holds(store: Arc<dyn Store>, writers: &[Writer]) {
    let journal = Journal::of(&*store).await;
    let told = writers.iter().flat_map(|writer| &writer.told);
    assert!(told.map(|told| journal.holds(told)).count() > WRITERS, "hardly anything was written");
    for call in writers.iter().filter_map(|writer| writer.pending.as_ref()) {
        journal.has_whole(call);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_written_log_is_left_out_and_what_was_confirmed_is_there() {
    let folder = Folder::new();
    let mut process = launch(serve_anywhere(&["--no-accounts"], folder.path()));
    ready(&process).await;
    let caller = Caller::new(&process.base, client());
    let note = json!({"properties": {"kind": "note", "text": "mất điện"}});
    for _ in 0..20 {
        done(caller.post("/api/collections/duty_log/items", note.clone()).await, StatusCode::CREATED).await;
    }
    process.child.kill().unwrap();
    process.child.wait().unwrap();

    // As a power cut leaves it: the beginning of one more frame, then what the disk held there before.
    let log = folder.path().join("trucban.gpkg-wal");
    let bytes = std::fs::read(&log).unwrap();
    let mut torn = OpenOptions::new().append(true).open(&log).unwrap();
    torn.write_all(&bytes[32..32 + 2_000]).unwrap();
    torn.write_all(&[0xa5; 7_000]).unwrap();
    drop(torn);

    let mut process = launch(serve_anywhere(&["--no-accounts"], folder.path()));
    ready(&process).await;
    let caller = Caller::new(&process.base, client());
    let found = caller.read("/api/collections/duty_log/items?limit=100").await;
    let notes = found["features"].as_array().unwrap().iter().filter(|entry| entry["properties"]["text"] == "mất điện");
    assert_eq!(notes.count(), 20);
    done(caller.post("/api/collections/duty_log/items", note).await, StatusCode::CREATED).await;
    stop(&mut process);
    check_folder(folder.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_named_and_nothing_starts() {
    let folder = Folder::new();
    let Some(disk) = SmallDisk::mounted(folder.path(), 48) else { return };
    let data = disk.path().join("data");
    let mut process = launch(serve_anywhere(&["--no-accounts"], &data));
    ready(&process).await;
    stop(&mut process);
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(disk.path()).status().unwrap();
    assert!(remounted.success());
    let said = refused(serve_anywhere(&["--no-accounts"], &data));
    assert!(said.contains(data.to_str().unwrap()) && !said.contains("panicked"), "{said}");
}
