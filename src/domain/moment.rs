//! A moment in the two times of a record: when it was true, and when it was known (SQL:2011: application time and
//! system time).

use super::{Code, Problem, Timestamp};

/// What was true at `at`, as far as it was known at `known_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Moment {
    pub at: Timestamp,
    pub known_at: Timestamp,
}

impl Moment {
    /// The moment that is asked for, if one is: `at` alone as it is known `now`, `known_at` alone as it was known then of
    /// that very time.
    ///
    /// # Errors
    /// `future_time` for what nobody knows yet, at `/as_known_at`, or at `/at` for what was still to come when it was known.
    pub fn asked(at: Option<Timestamp>, known_at: Option<Timestamp>, now: Timestamp) -> Result<Option<Self>, Problem> {
        let known_by = known_at.unwrap_or(now);
        if known_by > now {
            return Err(Problem::new(
                Code::FutureTime,
                format!("as_known_at: {known_by} ở tương lai (máy chủ: {now})"),
                format!("as_known_at: {known_by} lies in the future (server time {now})"),
            )
            .at("as_known_at"));
        }
        let at = at.or(known_at);
        if at.is_some_and(|at| at > known_by) {
            return Err(Problem::new(
                Code::FutureTime,
                format!("at: muộn hơn lúc được biết ({known_by})"),
                format!("at: later than what was known then ({known_by})"),
            )
            .at("at"));
        }
        Ok(at.map(|at| Self { at, known_at: known_by }))
    }

    /// Whether it is asked for as it was known at the time itself.
    #[must_use]
    pub fn is_as_known_then(self) -> bool {
        self.at == self.known_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_what_is_asked_and_never_of_the_future() {
        let t = Timestamp::from_ms;
        let now = t(100);
        let asked = |at: Option<i64>, known: Option<i64>| Moment::asked(at.map(t), known.map(t), now);
        assert_eq!(asked(None, None), Ok(None), "the present");
        assert_eq!(asked(Some(50), None), Ok(Some(Moment { at: t(50), known_at: now })));
        assert_eq!(asked(None, Some(60)), Ok(Some(Moment { at: t(60), known_at: t(60) })));
        assert_eq!(asked(Some(50), Some(60)), Ok(Some(Moment { at: t(50), known_at: t(60) })));
        for (at, known, place) in
            [(None, Some(101), "as_known_at"), (Some(101), None, "at"), (Some(61), Some(60), "at")]
        {
            let refused = asked(at, known).unwrap_err();
            assert_eq!((refused.code, refused.at.as_deref()), (Code::FutureTime, Some(place)));
        }
    }
}
