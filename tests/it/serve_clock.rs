//! A server whose machine's clock is set back and forward under it, and while it was off.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::http_support::{Caller, client, done, id};
use crate::serve_support::{Process, launch, ready, refused, serve_anywhere, stop};
use crate::store_support::Folder;

/// Puts a clock of the test's under a program; what `faketime` itself loads.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path().join("faketime"));
    let mut found = folders.map(|folder| folder.join("libfaketimeMT.so.1")).filter(|path| path.exists());
    found.next().expect("the test of clocks needs the package faketime: apt-get install faketime")
}

/// The command that serves `folder` by a clock that stands so far from the real one as the file says.
fn serve_by(clock: &Path, arguments: &[&str], folder: &Path) -> Command {
    let arguments = [&["--no-accounts"], arguments].concat();
    let mut command = serve_anywhere(&arguments, folder);
    command.env("LD_PRELOAD", library()).env("FAKETIME_TIMESTAMP_FILE", clock);
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command
}

/// Waits until the server tells how far its clock was set back; seconds, 0 where it was not.
async fn set_back(process: &Process, tells: impl Fn(u64) -> bool) -> u64 {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let back_s = ready(process).await["clock_set_back_s"].as_u64().unwrap_or_default();
        if tells(back_s) {
            return back_s;
        }
        assert!(Instant::now() < patience, "it tells {back_s} s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How old a reader takes the unit's position to be: by the time that the answer tells.
async fn age_s(caller: &Caller, unit: &Value) -> i64 {
    let near = caller.read("/api/nearby?lon=103.2&lat=22.4&collections=units&limit=1").await;
    let found = &near["features"][0];
    assert_eq!(found["id"], unit["id"]);
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    time(&near["timeStamp"]).duration_since(time(&found["properties"]["fix_at"])).as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_gets_no_younger_when_the_clock_is_set_back() {
    let folder = Folder::new();
    let (clock, data) = (folder.path().join("clock"), folder.path().join("data"));
    let set = |offset: &str| std::fs::write(&clock, offset).unwrap();
    set("+0");
    let mut process = launch(serve_by(&clock, &[], &data));
    ready(&process).await;
    let caller = Caller::new(&process.base, client());
    let unit = json!({"properties": {"name": "Tổ 1", "force": "police", "kind": "mobile_team"}});
    let unit = done(caller.post("/api/collections/units/items", unit).await, StatusCode::CREATED).await;
    let at = (jiff::Timestamp::now() - Duration::from_secs(600)).to_string();
    let fix = json!({"fixes": [{"unit_id": id(&unit), "lon": 103.2, "lat": 22.4, "at": at}]});
    done(caller.post("/api/fixes", fix).await, StatusCode::OK).await;
    assert!((600..660).contains(&age_s(&caller, &unit).await));

    set("-1h");
    let back_s = set_back(&process, |back_s| back_s > 0).await;
    assert!((3_590..=3_600).contains(&back_s), "{back_s}");
    assert!((600..700).contains(&age_s(&caller, &unit).await), "the fix is as old as it was");
    let before = caller.report("landslide", 103.2, 22.4).await;
    let shown = before["properties"]["recorded_at"].as_str().unwrap();
    let off = jiff::Timestamp::now().duration_since(shown.parse().unwrap());
    assert!(off.abs() < jiff::SignedDuration::from_secs(60), "recorded at {shown}, in the order of the journal");

    set("+2h");
    set_back(&process, |back_s| back_s == 0).await;
    assert!((7_800..7_900).contains(&age_s(&caller, &unit).await), "set forward, it is followed");
    let log = stop(&mut process);
    assert_eq!(log.matches("the machine's clock was set back").count(), 1, "{log}");

    // Off, the machine loses three hours: time goes on from the last sign of life.
    set("-1h");
    let mut process = launch(serve_by(&clock, &[], &data));
    let back_s = set_back(&process, |back_s| back_s > 0).await;
    assert!((10_700..=10_800).contains(&back_s), "{back_s}");
    assert!(age_s(&Caller::new(&process.base, client()), &unit).await >= 7_800);
    stop(&mut process);

    // More than a day: nobody knows which of the two is wrong, until somebody says so.
    set("-30h");
    let said = refused(serve_by(&clock, &[], &data));
    assert!(said.contains("--trust-clock") && said.contains("hãy chỉnh đồng hồ"), "{said}");
    let mut process = launch(serve_by(&clock, &["--trust-clock"], &data));
    assert_eq!(set_back(&process, |_| true).await, 0);
    stop(&mut process);
}
