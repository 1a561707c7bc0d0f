//! The graph file of the data folder: loaded at the start, and again when another one lies in its place.
//!
//! The file is looked at rather than told of: an import is a program of its own, on this machine or by a copy from
//! another. A file that cannot be used leaves the network of before in use.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::roads::file::GRAPH_FILE;
use crate::roads::import::shipped;
use crate::roads::{Roads, RoadsHandle};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// By what another file in the same place is told.
type Stamp = (SystemTime, u64);

/// Loads the network of the folder, then runs until `stop` and takes up each new file. A demo without a network gets
/// the coarse one that the program carries.
pub async fn start(folder: &Path, is_demo: bool, stop: CancellationToken) -> (RoadsHandle, JoinHandle<()>) {
    let handle = RoadsHandle::default();
    let file = folder.join(GRAPH_FILE);
    let known = stamp(&file);
    if known.is_some() {
        load(&handle, file.clone()).await;
    }
    if is_demo && handle.current().is_none() {
        let carried = tokio::task::spawn_blocking(|| Roads::from(shipped().0)).await;
        if let Ok(carried) = carried {
            handle.swap(carried);
        }
    }
    (handle.clone(), tokio::spawn(follow(handle, file, known, stop)))
}

async fn follow(handle: RoadsHandle, file: PathBuf, mut known: Option<Stamp>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let seen = stamp(&file);
        if seen.is_some() && seen != known {
            load(&handle, file.clone()).await;
        }
        known = seen;
    }
}

async fn load(handle: &RoadsHandle, file: PathBuf) {
    let opened = tokio::task::spawn_blocking({
        let handle = handle.clone();
        move || Roads::open(&file).map(|roads| handle.swap(roads))
    });
    match opened.await {
        Ok(Ok(in_force)) => {
            let graph = &in_force.roads.graph;
            tracing::info!(
                roads.id = in_force.roads.id,
                roads.segments = graph.segments().len(),
                roads.bytes = graph.bytes(),
                roads.unmatched_closures = in_force.laid.unmatched.len(),
                "a road network is in use"
            );
        }
        Ok(Err(problem)) => tracing::warn!(%problem, "the road network cannot be used; that of before stays"),
        Err(error) => tracing::warn!(%error, "the road network was not loaded; that of before stays"),
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let meta = fs::metadata(file).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}
