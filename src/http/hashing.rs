//! Hashing of passwords, which takes a core and 19 MiB for some tens of milliseconds: on few threads of its own, of a
//! lower priority, so that whoever signs in, or guesses, takes what the duty room leaves.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::error::internal;
use crate::domain::{Code, Problem};

/// Most passwords that are hashed at once.
const HASHING_MAX: usize = 2;
/// Those that wait for their turn; a longer queue would only make each of them wait in vain.
const QUEUE_MAX: usize = 16;
/// How much the threads yield to all others (`nice`): as much as there is.
const NICENESS: i32 = 19;

type Job = Box<dyn FnOnce() + Send>;

/// The way to the threads, which end with it.
#[derive(Debug)]
pub struct Hashing {
    /// Bounded by [`QUEUE_MAX`]; written by handlers, read by the threads.
    jobs: SyncSender<Job>,
}

impl Default for Hashing {
    fn default() -> Self {
        let (jobs, waiting) = sync_channel(QUEUE_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads() {
            let waiting = Arc::clone(&waiting);
            let spawned = std::thread::Builder::new().name("hashing".to_owned()).spawn(move || work(&waiting));
            if let Err(error) = spawned {
                tracing::error!(%error, "a thread for passwords cannot be started");
            }
        }
        Self { jobs }
    }
}

impl Hashing {
    /// Does one piece of hashing when its turn comes.
    ///
    /// # Errors
    /// `too_busy` when the queue is full.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let (told, done) = oneshot::channel();
        let job: Job = Box::new(move || {
            let _ = told.send(work());
        });
        match self.jobs.try_send(job) {
            Ok(()) => done.await.map_err(|_| internal()),
            Err(TrySendError::Full(_)) => Err(too_busy()),
            Err(TrySendError::Disconnected(_)) => Err(internal()),
        }
    }
}

/// Half of the processors, so that one is always left to answer.
fn threads() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    (processors / 2).clamp(1, HASHING_MAX)
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "hashing of passwords goes on at full priority");
    }
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

fn too_busy() -> Problem {
    Problem::new(
        Code::TooBusy,
        "Máy chủ đang có quá nhiều lượt đăng nhập; hãy thử lại sau giây lát.",
        "Too many people are signing in; try again in a moment.",
    )
}
