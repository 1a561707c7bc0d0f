//! The store under kill -9, under strace, on a full disk, and being copied under load.
//!
//! The victim is this test binary run again: the test `victim` does nothing unless a folder is named to it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use trucban::domain::{Collection, Event};
use trucban::store::gpkg::{GpkgStore, check};
use trucban::store::{Store, StoreError};
use uuid::Uuid;

use crate::soak_support::{Dice, rounds};
use crate::store_support::{Folder, SmallDisk, call, expecting, fix, household, keyed, put_one, records};

const FOLDER: &str = "TRUCBAN_TEST_VICTIM_FOLDER";
const WORK: &str = "TRUCBAN_TEST_VICTIM_WORK";
/// Records that one call of the victim puts together, and those of its import.
const TOGETHER: usize = 3;
const IMPORTED: usize = 2_500;

fn victim_command(program: &str, before: &[&str], folder: &Path, work: &str) -> Command {
    let mut command = Command::new(program);
    command
        .args(before)
        .args(["store_crash::victim", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .env(WORK, work)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

fn this_binary() -> String {
    std::env::current_exe().unwrap().to_str().unwrap().to_owned()
}

/// Writes and tells what was acknowledged, until it is killed; does nothing in an ordinary run of the tests.
#[tokio::test(flavor = "multi_thread")]
async fn victim() {
    let (Ok(folder), Ok(work)) = (std::env::var(FOLDER), std::env::var(WORK)) else { return };
    let store = GpkgStore::open(Path::new(&folder), &Default::default()).unwrap();
    if work == "one after the other" {
        for n in 0..50 {
            put_one(&*store, household(Uuid::now_v7(), n)).await.unwrap();
            println!("ack {n}");
        }
        store.close().await;
        return;
    }
    let writers = (0..8).map(|_| tokio::spawn(write_for_ever(Arc::clone(&store))));
    let movers = (0..2).map(|_| tokio::spawn(move_for_ever(Arc::clone(&store))));
    let importer = tokio::spawn(import_for_ever(Arc::clone(&store)));
    for task in writers.chain(movers).chain([importer]).collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

async fn write_for_ever(store: Arc<GpkgStore>) {
    let own = Uuid::now_v7();
    for version in 0_u32.. {
        let key = Uuid::now_v7();
        let mut puts: Vec<_> = (1..TOGETHER).map(|n| household(Uuid::now_v7(), n as i64)).collect();
        puts.push(household(own, i64::from(version % 100)));
        let call = keyed(expecting(call(puts), Collection::Households, own, version), key, 1);
        store.append(call).await.unwrap();
        println!("call {key}");
    }
}

async fn move_for_ever(store: Arc<GpkgStore>) {
    let units: Vec<Uuid> = (0..20).map(|_| Uuid::now_v7()).collect();
    for at in 0_i64.. {
        let fixes: Vec<_> = units.iter().map(|unit| fix(*unit, at, 103.0)).collect();
        println!("fixes {}", store.append_fixes(fixes.into()).await.unwrap().seq);
    }
}

async fn import_for_ever(store: Arc<GpkgStore>) {
    loop {
        let key = Uuid::now_v7();
        let puts = (0..IMPORTED).map(|n| household(Uuid::now_v7(), n as i64 % 7));
        store.append(keyed(call(puts.collect()), key, 1)).await.unwrap();
        println!("import {key}");
    }
}

fn acknowledged(child: &mut Child, run_for: Duration) -> Vec<String> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut heard: Vec<String> = lines.by_ref().find(|line| line.starts_with("call")).into_iter().collect();
    let killer = std::thread::spawn({
        let pid = child.id().to_string();
        move || {
            std::thread::sleep(run_for);
            Command::new("kill").args(["-9", &pid]).status().unwrap();
        }
    });
    heard.extend(lines);
    killer.join().unwrap();
    child.wait().unwrap();
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soak_of_kills_loses_no_acknowledged_change_and_leaves_none_half_applied() {
    let folder = Folder::new();
    let mut dice = Dice::thrown_for("kills of the store");
    let mut calls: HashMap<Uuid, usize> = HashMap::new();
    let mut batches: Vec<u64> = Vec::new();
    for round in 0..rounds(10, 60) {
        let run_for = Duration::from_millis(dice.below(400));
        let mut child = victim_command(&this_binary(), &[], folder.path(), "for ever").spawn().unwrap();
        for line in acknowledged(&mut child, run_for) {
            match line.split_once(' ') {
                Some(("call", key)) if key.len() == 36 => drop(calls.insert(key.parse().unwrap(), TOGETHER)),
                Some(("import", key)) if key.len() == 36 => drop(calls.insert(key.parse().unwrap(), IMPORTED)),
                Some(("fixes", seq)) => batches.extend(seq.parse::<u64>()),
                _ => {}
            }
        }
        let started = Instant::now();
        let store = folder.open();
        assert!(started.elapsed() < Duration::from_secs(3), "ready after {:?}", started.elapsed());
        assert!(store.blind_since().is_some());
        let events = store.changes_after(0, usize::MAX).await.unwrap();
        let mut found: HashMap<Uuid, usize> = HashMap::new();
        let mut found_batches = Vec::new();
        for event in &events {
            match event {
                Event::Change(change) => *found.entry(change.request_id).or_default() += 1,
                Event::Fixes(batch) => found_batches.push(batch.seq),
            }
        }
        for (key, count) in &calls {
            assert_eq!(found.get(key), Some(count), "round {round}: an acknowledged call");
        }
        for (key, count) in &found {
            assert!([TOGETHER, IMPORTED].contains(count), "round {round}: {key} has {count} changes");
        }
        assert!(batches.iter().all(|seq| found_batches.binary_search(seq).is_ok()), "round {round}: fixes");
        // Dropped without a word, as a crash of this process would leave it to the next round.
        drop(store);
        assert_eq!(check(folder.path()).unwrap(), [], "round {round}");
    }
    println!("{} calls and {} batches were acknowledged", calls.len(), batches.len());
    assert!(calls.len() > 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_acknowledgement_comes_after_the_fdatasync_of_its_commit() {
    let folder = Folder::new();
    let trace = folder.path().join("trace");
    let before = ["-f", "-e", "trace=fdatasync,write", "-o", trace.to_str().unwrap(), &this_binary()];
    let data = folder.path().join("data");
    let ended = victim_command("strace", &before, &data, "one after the other").output();
    if !ended.as_ref().is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: strace is not installed or not allowed: {ended:?}");
        return;
    }
    let (mut synced, mut acknowledged) = (false, 0);
    for line in std::fs::read_to_string(trace).unwrap().lines() {
        if line.contains("fdatasync") && line.ends_with("= 0") {
            synced = true;
        } else if line.contains("write(1, \"ack ") {
            assert!(synced, "acknowledged before any fdatasync: {line}");
            acknowledged += 1;
            synced = false;
        }
    }
    assert_eq!(acknowledged, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_the_store_goes_on_when_there_is_room_again() {
    let folder = Folder::new();
    let Some(disk) = SmallDisk::mounted(folder.path(), 6) else { return };
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 2 << 20]).unwrap();
    let store = GpkgStore::open(disk.path(), &Default::default()).unwrap();
    let mut taken = Vec::new();
    let full = loop {
        let id = Uuid::now_v7();
        let mut put = household(id, 1);
        put.properties.insert("note".to_owned(), "x".repeat(1_500).into());
        match put_one(&*store, put).await {
            Ok(_) => taken.push(id),
            Err(error) => break error,
        }
        assert!(taken.len() < 10_000, "the disk never filled");
    };
    assert!(matches!(full, StoreError::DiskFull), "{full}");
    let import = (0..3_000).map(|n| household(Uuid::now_v7(), n % 5));
    assert!(matches!(store.append(call(import.collect())).await, Err(StoreError::DiskFull)));
    assert_eq!(records(&*store, Collection::Households).await.len(), taken.len(), "reading goes on");
    std::fs::remove_file(ballast).unwrap();
    let started = Instant::now();
    while let Err(error) = put_one(&*store, household(Uuid::now_v7(), 2)).await {
        assert!(matches!(error, StoreError::DiskFull), "{error}");
        assert!(started.elapsed() < Duration::from_secs(5), "no write got through: {error}");
    }
    assert_eq!(check(disk.path()).unwrap(), []);
    assert_eq!(records(&*store, Collection::Households).await.len(), taken.len() + 1);
    store.close().await;
    drop(store);
    assert_eq!(check(disk.path()).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_one_whole_file_and_overwrites_nothing() {
    let folder = Folder::new();
    let store = folder.open();
    for _ in 0..20 {
        let puts = (0..500).map(|n| household(Uuid::now_v7(), n % 9)).collect();
        store.append(call(puts)).await.unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let load = {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) {
                put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
                written += 1;
            }
            written
        })
    };
    let target = folder.path().join("copies").join("a.gpkg");
    std::fs::create_dir(target.parent().unwrap()).unwrap();
    store.backup(target.clone()).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let written: usize = load.await.unwrap();
    let beside: Vec<_> = std::fs::read_dir(target.parent().unwrap()).unwrap().flatten().collect();
    assert_eq!(beside.len(), 1, "one file: {beside:?}");
    assert_eq!(check(&target).unwrap(), []);
    let copy = GpkgStore::open_read(&target).unwrap();
    let copied = records(&*copy, Collection::Households).await.len();
    assert!((10_000..=10_000 + written).contains(&copied), "{copied} with {written} written meanwhile");
    let before = std::fs::read(&target).unwrap();
    assert!(matches!(store.backup(target.clone()).await, Err(StoreError::Refused(_))));
    assert_eq!(std::fs::read(&target).unwrap(), before);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}
