//! How often somebody may try to sign in or to use a code. Whoever fails waits longer and longer.
//!
//! Attempts are counted by (name, client address) and by client address, never by name alone: nobody can shut somebody
//! else out by failing in their name. A pair that has succeeded before goes by its own count, so that one who fails
//! without end does not shut out the colleagues behind the same address. Kept in memory; time is an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::limits::Limits;
use crate::domain::{Code, Problem, Timestamp};

/// The first wait of a name from an address, seconds.
const PAIR_FIRST_S: i64 = 5;
/// The waits of an address as a whole, seconds: a duty room may sit behind one.
const ADDRESS_WAIT_S: (i64, i64) = (1, 60);
/// A count is forgotten after so long without a failure, seconds.
const FORGET_S: i64 = 3_600;
/// A success is remembered for so long, seconds.
const REMEMBER_S: i64 = 30 * 24 * 3_600;
/// Counts of each sort that are kept; past it the one that rested longest makes room.
const COUNTS_MAX: usize = 10_000;
/// Longest name that is told from others, characters.
const NAME_CHARS_MAX: usize = 64;

/// The counts of one server.
#[derive(Debug)]
pub struct Lockout {
    /// For one name from one address; the first failures are slips of the finger.
    pair: Rule,
    address: Rule,
    /// Held for some look-ups.
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    pairs: HashMap<(IpAddr, String), Tries>,
    addresses: HashMap<IpAddr, Tries>,
    /// When a pair last succeeded.
    known: HashMap<(IpAddr, String), Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Tries {
    failed: u32,
    last: Timestamp,
}

/// How failures of one sort are made to wait.
#[derive(Debug)]
struct Rule {
    /// Failures that cost nothing.
    free: u32,
    /// The first wait, doubled by each further failure up to the longest, seconds.
    first_s: i64,
    longest_s: i64,
}

/// One attempt under way. It counts as failed until it is said to have succeeded, so that many at once gain nothing.
#[derive(Debug)]
pub struct Attempt {
    address: IpAddr,
    name: String,
    /// Whether it was counted with its address too, as it is while the pair has not succeeded.
    with_address: bool,
}

impl Lockout {
    /// Counts that let through what the limits say.
    #[must_use]
    pub fn within(limits: &Limits) -> Self {
        let (first_s, longest_s) = ADDRESS_WAIT_S;
        Self {
            pair: Rule {
                free: limits.sign_in_failures,
                first_s: PAIR_FIRST_S,
                longest_s: limits.sign_in_wait_s_max.into(),
            },
            address: Rule { free: limits.sign_in_failures_of_address, first_s, longest_s },
            counts: Mutex::default(),
        }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// `too_many_attempts` with `retry_after_s`; an attempt that is refused does not count.
    pub fn begin(&self, address: IpAddr, name: &str, now: Timestamp) -> Result<Attempt, Problem> {
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        let pair = (address, name.clone());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = &mut *counts;
        let is_known = counts.known.get(&pair).is_some_and(|at| now.seconds_since(*at) < REMEMBER_S);
        let mut wait_s = counts.pairs.get(&pair).map_or(0, |tries| tries.wait_s(&self.pair, now));
        if !is_known {
            wait_s = wait_s.max(counts.addresses.get(&address).map_or(0, |tries| tries.wait_s(&self.address, now)));
        }
        if wait_s > 0 {
            return Err(too_many(wait_s));
        }
        entry(&mut counts.pairs, pair, Tries::NONE, |tries| tries.last).fail(now);
        if !is_known {
            entry(&mut counts.addresses, address, Tries::NONE, |tries| tries.last).fail(now);
        }
        Ok(Attempt { address, name, with_address: !is_known })
    }

    /// The attempt was right: its pair starts anew, and what the pair added to the count of its address is taken back.
    /// What others failed from the same address stays.
    pub fn succeeded(&self, attempt: Attempt, now: Timestamp) {
        let Attempt { address, name, with_address } = attempt;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = &mut *counts;
        let pair = (address, name);
        let own = counts.pairs.remove(&pair).map_or(0, |tries| tries.failed);
        if let Some(tries) = counts.addresses.get_mut(&address).filter(|_| with_address) {
            tries.failed = tries.failed.saturating_sub(own);
        }
        *entry(&mut counts.known, pair, now, |at| *at) = now;
    }

    /// The attempt was not judged, the server being too busy: it does not count.
    pub fn not_judged(&self, attempt: Attempt) {
        let Attempt { address, name, with_address } = attempt;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = &mut *counts;
        let of_address = counts.addresses.get_mut(&address).filter(|_| with_address);
        for tries in counts.pairs.get_mut(&(address, name)).into_iter().chain(of_address) {
            tries.failed = tries.failed.saturating_sub(1);
        }
    }
}

impl Tries {
    const NONE: Self = Self { failed: 0, last: Timestamp::from_ms(0) };

    /// How long the next attempt must wait, seconds.
    fn wait_s(&self, rule: &Rule, now: Timestamp) -> i64 {
        let Some(doublings) = self.failed.checked_sub(rule.free) else { return 0 };
        let whole_s = rule.first_s.checked_shl(doublings.min(40)).unwrap_or(i64::MAX).min(rule.longest_s);
        // A second that has begun counts whole, or the wait would be told as over while it is not.
        (self.last.plus_s(whole_s).as_ms() - now.as_ms() + 999).div_euclid(1_000).max(0)
    }

    fn fail(&mut self, now: Timestamp) {
        if now.seconds_since(self.last) >= FORGET_S {
            self.failed = 0;
        }
        self.failed = self.failed.saturating_add(1);
        self.last = now;
    }
}

/// The count of a key; the fresh one where there is none, for which the one that rested longest makes room.
fn entry<K: Eq + Hash + Clone, V>(
    counts: &mut HashMap<K, V>,
    key: K,
    fresh: V,
    last: impl Fn(&V) -> Timestamp,
) -> &mut V {
    if counts.len() >= COUNTS_MAX && !counts.contains_key(&key) {
        let oldest = counts.iter().min_by_key(|(_, value)| last(value)).map(|(key, _)| key.clone());
        oldest.map(|oldest| counts.remove(&oldest));
    }
    counts.entry(key).or_insert(fresh)
}

fn too_many(wait_s: i64) -> Problem {
    Problem::new(
        Code::TooManyAttempts,
        format!("Thử sai quá nhiều lần; hãy thử lại sau {wait_s} giây."),
        format!("Too many failed attempts; try again in {wait_s} seconds."),
    )
    .with("retry_after_s", wait_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000).plus_s(second)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    /// The wait that a refusal tells; 0 where the attempt is let through and fails.
    fn fail(lockout: &Lockout, from: u8, name: &str, second: i64) -> i64 {
        match lockout.begin(address(from), name, at(second)) {
            Ok(_) => 0,
            Err(problem) => {
                assert_eq!(problem.code, Code::TooManyAttempts);
                problem.extra[0].1.as_i64().unwrap()
            }
        }
    }

    #[test]
    fn the_wait_grows_with_each_failure_up_to_its_longest() {
        let lockout = Lockout::within(&Limits::default());
        for _ in 0..lockout.pair.free {
            assert_eq!(fail(&lockout, 1, "an", 0), 0);
        }
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..10 {
            let wait = fail(&lockout, 1, "an", now);
            assert_eq!(fail(&lockout, 1, "an", now + wait - 1), 1, "a second too early");
            waits.push(wait);
            now += wait;
            assert_eq!(fail(&lockout, 1, "an", now), 0);
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(fail(&lockout, 1, "an", now + FORGET_S), 0);
        assert_eq!(fail(&lockout, 1, "an", now + FORGET_S), 0, "forgotten");
    }

    #[test]
    fn nobody_is_shut_out_by_the_failures_of_another_address() {
        let lockout = Lockout::within(&Limits::default());
        for second in 0..1_000 {
            fail(&lockout, 1, "an", second);
        }
        assert!(fail(&lockout, 1, "an", 1_000) > 0);
        assert_eq!(fail(&lockout, 2, "an", 1_000), 0);
    }

    #[test]
    fn one_address_cannot_go_through_many_names_and_its_known_colleagues_still_come_in() {
        let lockout = Lockout::within(&Limits::default());
        let colleague = lockout.begin(address(1), "binh", at(0)).unwrap();
        lockout.succeeded(colleague, at(0));
        let let_through = (0..600).filter(|n| fail(&lockout, 1, &format!("name-{n}"), 1) == 0).count();
        assert_eq!(let_through, lockout.address.free as usize);
        assert_eq!(fail(&lockout, 1, "binh", 1), 0, "went by its own count");
        assert!(fail(&lockout, 1, "chi", 1) > 0, "never came in from here");
    }

    #[test]
    fn a_success_clears_its_own_failures_alone() {
        let lockout = Lockout::within(&Limits::default());
        for n in 0..lockout.address.free - 2 {
            assert_eq!(fail(&lockout, 1, &format!("victim-{n}"), 0), 0);
        }
        for _ in 0..50 {
            let own = lockout.begin(address(1), "attacker", at(0)).unwrap();
            lockout.succeeded(own, at(0));
        }
        assert_eq!(fail(&lockout, 1, "victim-a", 0), 0);
        assert_eq!(fail(&lockout, 1, "victim-b", 0), 0);
        assert!(fail(&lockout, 1, "victim-c", 0) > 0, "the own account did not wash the count off");
    }

    #[test]
    fn what_was_not_judged_does_not_count() {
        let lockout = Lockout::within(&Limits::default());
        for _ in 0..100 {
            let attempt = lockout.begin(address(1), "an", at(0)).unwrap();
            lockout.not_judged(attempt);
        }
    }

    #[test]
    fn the_counts_are_bounded() {
        let lockout = Lockout::within(&Limits::default());
        for n in 0..u32::try_from(COUNTS_MAX).unwrap() + 500 {
            let _ = lockout.begin(IpAddr::from(n.to_be_bytes()), "an", at(i64::from(n)));
        }
        let counts = lockout.counts.lock().unwrap();
        assert_eq!((counts.pairs.len(), counts.addresses.len()), (COUNTS_MAX, COUNTS_MAX));
        assert!(!counts.addresses.contains_key(&IpAddr::from(0_u32.to_be_bytes())), "the oldest made room");
    }
}
