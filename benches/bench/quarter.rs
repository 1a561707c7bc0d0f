//! The quarterly report of a province's busy year: how long `trucban report` takes over it, and with how much memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::json;
use trucban::domain::{Collection, Timestamp};
use trucban::store::gpkg::{GpkgStore, OpenOptions};
use trucban::store::{Put, Store};
use uuid::Uuid;

use crate::report::Report;
use crate::world::{Folder, append, generator, position, put};

/// What a year holds.
const INCIDENTS: usize = 50_000;
const LOG_ENTRIES: usize = 400_000;
const DEPLOYMENTS: usize = 20_000;
/// Records in one append.
const CHUNK: usize = 20_000;
/// Seconds that a report may take.
const GOAL_S: f64 = 2.0;
const FORCES: [&str; 3] = ["police", "military", "border_guard"];

/// Fills a folder, then writes one quarter in each format.
pub fn measure(report: &mut Report) {
    let folder = Folder::new("quarter");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(fill(&folder.path));
    for format in ["json", "docx", "xlsx", "pdf"] {
        let (took, peak_mib) = write(&folder.path, format);
        let told = format!("{:.2} s, {peak_mib:.0} MiB", took.as_secs_f64());
        let what = format!(
            "report of a quarter as {format} on one core, 50,000 incidents, 400,000 entries, 20,000 deployments"
        );
        report.compared(&what, &told, &format!("goal {GOAL_S:.0} s"), took.as_secs_f64() / GOAL_S, "≤ 1");
    }
}

async fn fill(path: &Path) {
    let store = GpkgStore::open(path, &OpenOptions::default()).expect("an empty folder becomes a store");
    store.set_meta("ground", "bench".to_owned()).await.expect("meta");
    let mut rng = generator(7);
    for (collection, count) in
        [(Collection::Incidents, INCIDENTS), (Collection::DutyLog, LOG_ENTRIES), (Collection::Deployments, DEPLOYMENTS)]
    {
        let mut left = count;
        while left > 0 {
            let many = left.min(CHUNK);
            append(&*store, (0..many).map(|_| record(collection, &mut rng)).collect()).await;
            left -= many;
        }
    }
    store.close().await;
}

/// A record at some moment of 2024.
fn record(collection: Collection, rng: &mut impl RngExt) -> Put {
    let year = Timestamp::parse("2023-12-31T17:00:00Z").expect("an instant");
    let at = year.plus_s(rng.random_range(0..366 * 86_400)).to_string();
    let force = FORCES[rng.random_range(0..FORCES.len())];
    let properties = match collection {
        Collection::Incidents => json!({
            "kind": "landslide", "state": "closed", "reported_at": at, "lead_force": force,
            "support_forces": if rng.random_range(0..4) == 0 { json!(["military"]) } else { json!([]) },
            "title": "Sạt lở ta luy dương", "description": "Đất đá tràn xuống mặt đường, chưa có người bị thương.",
            "dead": i32::from(rng.random_range(0..500) == 0),
        }),
        Collection::Deployments => json!({
            "purpose": "disaster", "force": force, "started_at": at,
            "personnel": rng.random_range(1..60), "vehicles": rng.random_range(0..6), "task": "Khắc phục sạt lở",
        }),
        _ => json!({"kind": "note", "text": "Đã liên lạc với xã, đường còn đi được một làn.", "author": "truc-ban"}),
    };
    let (lon, lat) = position(rng);
    put(collection, Uuid::now_v7(), lon, lat, &properties)
}

/// How long the command takes on one core, and the most memory that it was seen to hold, MiB.
fn write(data: &Path, format: &str) -> (Duration, f64) {
    let output = data.join(format!("report.{format}"));
    let begin = Instant::now();
    // The goal is of one core; `taskset` becomes the program, so the child is it.
    let mut child = Command::new("taskset")
        .args(["--cpu-list", "0", env!("CARGO_BIN_EXE_trucban")])
        .args(["report", "--quarter", "2024Q3", "--format", format, "--output"])
        .arg(&output)
        .arg("--data")
        .arg(data)
        .stdout(Stdio::null())
        .spawn()
        .expect("taskset of util-linux starts the program");
    let mut peak_kib = 0.0_f64;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak_kib = peak_kib.max(peak.unwrap_or(0.0));
        if let Some(ended) = child.try_wait().expect("a child") {
            assert!(ended.success(), "the report as {format}: {ended}");
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(output.metadata().is_ok_and(|file| file.len() > 0), "a file is there");
    (begin.elapsed(), peak_kib / 1024.0)
}
