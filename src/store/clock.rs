//! The clock of this process. It follows the machine's wall clock forward and never back: were it to follow back too, a
//! position of an hour ago would look as if it came now. Where the wall clock was set back, time goes on by the clock
//! that nobody sets, and that it did is told ([`set_back`]).

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::StoreError;
use crate::domain::Timestamp;

/// What is told as set back; less is how clocks are corrected all the time.
const SET_BACK_MIN_MS: i64 = 1_000;

/// As much as a machine may have lost while it was off and still be believed to go on from the last sign of life.
const LOST_MAX_MS: i64 = 24 * 3_600_000;

/// What [`PLAYED_AHEAD_MS`] is where no night is played.
const NOT_PLAYED: i64 = i64::MIN;

/// The moment at which the time of a night stands that is played step by step; [`NOT_PLAYED`] where it goes on.
static STANDS_AT_MS: AtomicI64 = AtomicI64::new(NOT_PLAYED);
/// By how many milliseconds the time of a night that is played stands before the steady clock.
static PLAYED_AHEAD_MS: AtomicI64 = AtomicI64::new(NOT_PLAYED);
static TRUSTED: AtomicBool = AtomicBool::new(false);
static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::new);
static STEADY_ZERO: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The present moment.
#[must_use]
pub fn now() -> Timestamp {
    let stands_at_ms = STANDS_AT_MS.load(Ordering::Relaxed);
    if stands_at_ms != NOT_PLAYED {
        return Timestamp::from_ms(stands_at_ms);
    }
    let (now, set_back_ms) = CLOCK.read(wall_ms(), steady_ms());
    if CLOCK.is_news(set_back_ms >= SET_BACK_MIN_MS) {
        tracing::warn!(set_back_ms, "the machine's clock was set back; time goes on as before until it catches up");
    }
    now
}

/// By how much the machine's clock stands before this one; none where it was not set back.
#[must_use]
pub fn set_back() -> Option<Duration> {
    let (_, set_back_ms) = CLOCK.read(wall_ms(), steady_ms());
    (set_back_ms >= SET_BACK_MIN_MS).then(|| Duration::from_millis(set_back_ms.unsigned_abs()))
}

/// From now on time is that of a night that is played again: it begins here, whatever the machine's clock says. Before
/// anything asks for the time.
pub fn play_from(start: Timestamp) {
    PLAYED_AHEAD_MS.store(start.as_ms() - steady_ms(), Ordering::Relaxed);
}

/// As [`play_from`], and time stands until it leaps: so two that are played side by side are the same to the millisecond.
pub fn stand_at(start: Timestamp) {
    STANDS_AT_MS.store(start.as_ms(), Ordering::Relaxed);
}

/// Where a night is played, time leaps forward to this moment; never back.
pub fn go_to(at: Timestamp) {
    if STANDS_AT_MS.load(Ordering::Relaxed) != NOT_PLAYED {
        STANDS_AT_MS.fetch_max(at.as_ms(), Ordering::Relaxed);
    }
    if PLAYED_AHEAD_MS.load(Ordering::Relaxed) != NOT_PLAYED {
        PLAYED_AHEAD_MS.fetch_max(at.as_ms() - steady_ms(), Ordering::Relaxed);
    }
}

/// Believes the machine's clock when it starts, whatever the store says of when it was last written.
pub fn trust() {
    TRUSTED.store(true, Ordering::Relaxed);
}

/// Time is no earlier than this, the last sign of life of a store: the machine may have lost it while it was off.
///
/// # Errors
/// `Unavailable` where that is more than a day in the future: then it is not known which of the two is wrong.
pub(super) fn not_before(last_alive_at: Timestamp) -> Result<(), StoreError> {
    let ahead_ms = last_alive_at.as_ms() - now().as_ms();
    if ahead_ms <= 0 || TRUSTED.load(Ordering::Relaxed) {
        return Ok(());
    }
    if ahead_ms > LOST_MAX_MS {
        let now = now();
        return Err(StoreError::Unavailable(format!(
            "the machine's clock says {now}, but the store was written at {last_alive_at}: set the clock, or start with \
             --trust-clock if it is right / đồng hồ máy chỉ {now} nhưng kho dữ liệu đã được ghi lúc {last_alive_at}: hãy \
             chỉnh đồng hồ, hoặc thêm --trust-clock nếu đồng hồ đúng"
        )));
    }
    CLOCK.raise(last_alive_at.as_ms() - steady_ms());
    let _ = now();
    Ok(())
}

fn wall_ms() -> i64 {
    let played_ms = PLAYED_AHEAD_MS.load(Ordering::Relaxed);
    if played_ms != NOT_PLAYED {
        return played_ms + steady_ms();
    }
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

fn steady_ms() -> i64 {
    i64::try_from(STEADY_ZERO.elapsed().as_millis()).unwrap_or(i64::MAX)
}

struct Clock {
    /// The largest that wall clock minus steady clock ever was, milliseconds.
    ahead_ms: AtomicI64,
    told: AtomicBool,
}

impl Clock {
    const fn new() -> Self {
        Self { ahead_ms: AtomicI64::new(i64::MIN), told: AtomicBool::new(false) }
    }

    /// The moment, and by how many milliseconds the wall clock stands before it.
    fn read(&self, wall_ms: i64, steady_ms: i64) -> (Timestamp, i64) {
        let now_ms = self.raise(wall_ms - steady_ms) + steady_ms;
        (Timestamp::from_ms(now_ms), now_ms - wall_ms)
    }

    fn raise(&self, ahead_ms: i64) -> i64 {
        self.ahead_ms.fetch_max(ahead_ms, Ordering::Relaxed).max(ahead_ms)
    }

    /// Whether this is the first that is heard of it since it last was otherwise.
    fn is_news(&self, is_set_back: bool) -> bool {
        self.told.load(Ordering::Relaxed) != is_set_back
            && self.told.swap(is_set_back, Ordering::Relaxed) != is_set_back
            && is_set_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn at(clock: &Clock, wall_ms: i64, steady_ms: i64) -> (i64, i64) {
        let (now, set_back_ms) = clock.read(wall_ms, steady_ms);
        (now.as_ms(), set_back_ms)
    }

    #[test]
    fn a_clock_that_is_set_back_goes_on_until_the_wall_clock_has_caught_up() {
        let clock = Clock::new();
        assert_eq!(at(&clock, 10 * HOUR_MS, 0), (10 * HOUR_MS, 0));
        assert_eq!(at(&clock, 9 * HOUR_MS + 5, 5), (10 * HOUR_MS + 5, HOUR_MS));
        assert_eq!(at(&clock, 12 * HOUR_MS, HOUR_MS), (12 * HOUR_MS, 0), "set forward it follows");
    }

    #[test]
    fn time_is_not_before_what_is_known_to_have_been() {
        let clock = Clock::new();
        clock.raise(10 * HOUR_MS);
        assert_eq!(at(&clock, 0, 7), (10 * HOUR_MS + 7, 10 * HOUR_MS + 7));
    }

    #[test]
    fn it_is_told_once_each_time() {
        let clock = Clock::new();
        let told = [false, true, true, false, true].map(|is_set_back| clock.is_news(is_set_back));
        assert_eq!(told, [false, true, false, false, true]);
    }
}
