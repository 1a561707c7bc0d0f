//! What the database's failures mean to callers of the store.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// Raised by our functions: another node holds the counter.
const COUNTER_HELD: &str = "TB001";
/// Raised by our functions: other writes have used up the seqs before an import.
const CROWDED: &str = "TB002";

/// Whether an import under way holds what a write needs.
pub(super) fn is_in_the_way(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// Whether the connection is of no more use.
pub(super) fn is_gone(error: &tokio_postgres::Error) -> bool {
    // The classes of an ended session: connection exceptions and operator intervention, but not a cancelled query.
    let class = error.code().map(SqlState::code);
    error.is_closed() || class.is_none_or(|code| code.starts_with("08") || (code.starts_with("57P")))
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let words = match error.as_db_error() {
            Some(told) => format!("{} ({})", told.message(), told.code().code()),
            None => with_sources(&error),
        };
        match error.code().map(SqlState::code) {
            Some("53100") => Self::DiskFull,
            Some("53300" | "55P03" | "40001" | "40P01" | COUNTER_HELD | CROWDED) => Self::TooBusy,
            Some(code) if code.starts_with("XX00") && code != "XX000" => Self::Damaged(words),
            _ => Self::Unavailable(words),
        }
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        words.push_str(": ");
        words.push_str(&source.to_string());
        next = source.source();
    }
    words
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Unavailable(other.to_string()),
        }
    }
}
