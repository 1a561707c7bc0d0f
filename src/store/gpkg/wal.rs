//! Moves committed pages from the write-ahead log into the file, on a thread and connection of its own, so that the
//! writer does not wait for it. Only when commits come faster than that thread can follow, the writer finishes the
//! rest itself between two commits; otherwise the log would never be used from its start again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;

/// Pages of 4 KiB in the log from which they are moved: 4 MiB. More at a time, and the commits made meanwhile wait for
/// the disk: with 16 MiB some took half a second.
const MOVE_PAGES: i32 = 1_024;
/// From here on the writer finishes the rest: 96 MiB. It tries at most so often, since an old reader may hold it up.
const FINISH_PAGES: i32 = 24_576;
const FINISH_EVERY: Duration = Duration::from_secs(1);

/// The writer's end.
pub(super) struct Mover {
    /// Pages in the log after the last commit; written by SQLite's hook on the writer's thread.
    pages: Arc<AtomicI32>,
    /// Set while the thread moves pages.
    moving: Arc<AtomicBool>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    finished: Instant,
}

impl Mover {
    /// Starts the thread and listens to the commits of `conn`.
    pub fn start(conn: &mut Connection, file: &Path) -> Result<Self, StoreError> {
        let pages = Arc::new(AtomicI32::new(0));
        let hook_pages = Arc::clone(&pages);
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            hook_pages.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let mover =
            Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        mover.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")?;
        let moving = Arc::new(AtomicBool::new(false));
        let thread_moving = Arc::clone(&moving);
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-wal".to_owned())
            .spawn(move || move_when_woken(&mover, &woken, &thread_moving))?;
        Ok(Self { pages, moving, wake: Some(wake), thread: Some(thread), finished: Instant::now() })
    }

    /// Called by the writer between two commits.
    pub fn after_commit(&mut self, conn: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < MOVE_PAGES {
            return;
        }
        if let Some(wake) = &self.wake {
            // Full: the thread has been woken already.
            let _ = wake.try_send(());
        }
        let idle = !self.moving.load(Ordering::Relaxed);
        if pages >= FINISH_PAGES && idle && self.finished.elapsed() >= FINISH_EVERY {
            self.finished = Instant::now();
            checkpoint(conn, "PASSIVE");
        }
    }

    /// Ends the thread and moves everything, so that the file is whole without its log.
    pub fn stop(mut self, conn: &Connection) {
        self.wake.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        checkpoint(conn, "TRUNCATE");
    }
}

fn move_when_woken(conn: &Connection, woken: &Receiver<()>, moving: &AtomicBool) {
    while woken.recv().is_ok() {
        moving.store(true, Ordering::Relaxed);
        checkpoint(conn, "PASSIVE");
        moving.store(false, Ordering::Relaxed);
    }
}

/// A failure loses nothing: the log keeps what was not moved.
fn checkpoint(conn: &Connection, mode: &str) {
    let moved = conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get::<_, i64>(0));
    if let Err(error) = moved {
        tracing::warn!(%error, mode, "moving the log into the store failed and will be tried again");
    }
}
