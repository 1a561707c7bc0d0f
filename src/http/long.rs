//! Long questions: what looks at very many records is answered a few at a time, while the other connections of its
//! thread are served by another thread. A short question never waits for a long one.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::block_in_place;

use super::actor::Reader;
use super::error::{Refusal, internal};
use crate::domain::{Code, Problem};

/// Records that an answer may look at on the thread that serves its connection: a millisecond or two.
const LOOKED_AT_MAX: usize = 5_000;
/// Long questions that are answered at the same time, if the machine has few processors; else half as many as those,
/// so that the other half is left to the short ones.
const AT_ONCE_MIN: usize = 2;
/// Long questions that wait for their turn; the next one is told that the server is busy.
const WAITING_MAX: usize = 64;
/// Longest that one waits. Whoever asked has something else to do, and may ask again.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Answers at once if at most [`LOOKED_AT_MAX`] records are looked at, else as [`beside`].
///
/// # Errors
/// `too_busy` for a long question when too many wait.
pub async fn answer<T>(reader: &Reader, looks_at: usize, question: impl FnOnce() -> T + Send) -> Result<T, Refusal> {
    if looks_at <= LOOKED_AT_MAX { Ok(question()) } else { beside(reader, question).await }
}

/// Answers when its turn comes, in place of the connections that this thread serves.
///
/// # Errors
/// `too_busy` when too many wait, or its turn does not come.
pub async fn beside<T>(reader: &Reader, question: impl FnOnce() -> T + Send) -> Result<T, Refusal> {
    let _turn = reader.live()?.long_questions.turn().await?;
    // A runtime of one thread has nobody to serve the others.
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => Ok(block_in_place(question)),
        _ => Ok(question()),
    }
}

/// Bounds how many are answered and how many wait.
pub struct LongQuestions {
    /// One for each question that waits or is answered.
    places: Arc<Semaphore>,
    /// One for each that is answered.
    turns: Arc<Semaphore>,
    wait_max: Duration,
}

/// Held while a question is answered.
struct Turn(#[expect(dead_code, reason = "given back when dropped")] [OwnedSemaphorePermit; 2]);

impl Default for LongQuestions {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self::new(AT_ONCE_MIN.max(processors / 2), WAITING_MAX, WAIT_MAX)
    }
}

impl LongQuestions {
    fn new(at_once: usize, waiting: usize, wait_max: Duration) -> Self {
        let places = Arc::new(Semaphore::new(at_once + waiting));
        Self { places, turns: Arc::new(Semaphore::new(at_once)), wait_max }
    }

    async fn turn(&self) -> Result<Turn, Problem> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| too_many())?;
        let turn = tokio::time::timeout(self.wait_max, Arc::clone(&self.turns).acquire_owned());
        let turn = turn.await.map_err(|_| too_many())?.map_err(|_| internal())?;
        Ok(Turn([place, turn]))
    }
}

fn too_many() -> Problem {
    Problem::new(
        Code::TooBusy,
        "Máy chủ đang trả lời nhiều câu hỏi lớn, hãy thử lại sau giây lát.",
        "The server is answering many large questions; try again in a moment.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn some_are_answered_some_wait_and_one_more_is_told_to_come_again() {
        let questions = LongQuestions::new(2, 1, WAIT_MAX);
        let (first, second) = (questions.turn().await.unwrap(), questions.turn().await.unwrap());
        let waiting = questions.turn();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        assert_eq!(questions.turn().await.map(|_| ()).unwrap_err().code, Code::TooBusy);
        drop(first);
        drop(waiting.await.unwrap());
        drop(second);
        drop(questions.turn().await.unwrap());
    }

    #[tokio::test]
    async fn a_question_whose_turn_does_not_come_is_told_to_come_again_and_leaves_its_place() {
        let questions = LongQuestions::new(1, 1, Duration::from_millis(1));
        let turn = questions.turn().await.unwrap();
        for _ in 0..3 {
            assert_eq!(questions.turn().await.map(|_| ()).unwrap_err().code, Code::TooBusy);
        }
        drop(turn);
        assert!(questions.turn().await.is_ok());
    }
}
