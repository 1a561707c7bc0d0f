//! How often something may be asked: figures of the configuration, and budgets that fill up again.
//!
//! What people ask in a duty room is not counted: "who is nearest" must be answered however often it is asked. Counted
//! are devices, which may be in other hands or run wild, and pages so large that few of them are an export.

use std::num::NonZeroU32;

use governor::clock::Clock;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::Deserialize;

use crate::domain::{Code, Problem};

/// A page of more records than this is a large one.
pub const LARGE_PAGE_RECORDS: usize = 1_000;

/// The section `[limits]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests of one device's token; as many may come at once. A telephone that shows a map while it is moved about
    /// asks for some hundred tiles a minute, a tracker reports some dozen times.
    pub device_requests_per_minute: NonZeroU32,
    /// Pages of more than [`LARGE_PAGE_RECORDS`] records, by one session or token; as many may come at once.
    pub large_pages_per_minute: NonZeroU32,
    /// Failed sign-ins of one name from one address that cost nothing; each further one doubles the wait.
    pub sign_in_failures: u32,
    /// The same of an address as a whole, whatever the names.
    pub sign_in_failures_of_address: u32,
    /// Longest wait of a name from an address, seconds.
    pub sign_in_wait_s_max: u32,
    /// For how long a node that shares its accounts lets people in while it cannot hear what was revoked, seconds; no
    /// configuration makes it longer.
    #[serde(skip)]
    pub unheard_s_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        const fn figure(value: u32) -> NonZeroU32 {
            NonZeroU32::new(value).expect("a figure above none")
        }
        Self {
            device_requests_per_minute: const { figure(1_200) },
            large_pages_per_minute: const { figure(120) },
            sign_in_failures: 5,
            sign_in_failures_of_address: 30,
            sign_in_wait_s_max: 15 * 60,
            unheard_s_max: 15 * 60,
        }
    }
}

/// What one credential has left of something.
#[derive(Debug)]
pub struct Budget(DefaultDirectRateLimiter);

impl Budget {
    /// So much a minute, and so much at once.
    #[must_use]
    pub fn of(per_minute: NonZeroU32) -> Self {
        Self(RateLimiter::direct(Quota::per_minute(per_minute)))
    }

    /// Takes one.
    ///
    /// # Errors
    /// `too_many_requests` with `retry_after_s`.
    pub fn spend(&self) -> Result<(), Problem> {
        self.0.check().map_err(|until| {
            let wait = until.wait_time_from(self.0.clock().now());
            // A second that has begun counts whole, or the wait would be told as over while it is not.
            let wait_s = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            too_many(wait_s.max(1))
        })
    }
}

fn too_many(wait_s: u64) -> Problem {
    Problem::new(
        Code::TooManyRequests,
        format!("Gửi quá nhiều yêu cầu; hãy thử lại sau {wait_s} giây."),
        format!("Too many requests; try again in {wait_s} seconds."),
    )
    .with("retry_after_s", wait_s)
}
