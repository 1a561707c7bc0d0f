//! What is the same of files in both stores: what holds a file, what is wanted of it, the copy from one store to another,
//! and what retention finds. The bytes lie in a folder beside the GeoPackage (`gpkg/files.rs`), or in a table of the
//! database (`postgis/files.rs`), by the hash of their content.

use std::path::Path;

use super::copy::Location;
use super::findings::Findings;
use super::{StoreError, gpkg, postgis};
use crate::domain::Timestamp;
use crate::domain::attachment::{FileHash, ORPHAN_KEEP_S, WITHDRAWN_KEEP_S};
use crate::domain::retention::Retention;

/// What lies under a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Content(Vec<u8>),
    /// Retention has erased it: its record stays.
    Erased,
    Nothing,
}

/// A file that records name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub hash: FileHash,
    /// Whether a record names it that was not withdrawn.
    pub is_wanted: bool,
    /// When the last of the withdrawn ones was.
    pub withdrawn_at: Option<Timestamp>,
}

/// A file that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub hash: FileHash,
    pub kept_at: Timestamp,
}

/// Files that went, or would go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetainedFiles {
    /// Of attachments that were withdrawn long ago.
    pub withdrawn: usize,
    /// That no record names.
    pub orphans: usize,
}

/// Notes where a file that is wanted is not what its record says.
pub(super) fn check(named: &Named, held: &Held, findings: &mut Findings) {
    let hash = named.hash;
    match held {
        Held::Content(content) if FileHash::of(content) != hash => {
            findings.add("file", || format!("the file {hash} was altered: its content has another hash"));
        }
        Held::Nothing if named.is_wanted => findings.add("file", || format!("the file {hash} is missing")),
        _ => {}
    }
}

/// What retention does with what is held, of what records name.
pub(super) struct Plan {
    /// Their content goes, and a mark stays.
    pub erase: Vec<FileHash>,
    /// They go without a trace.
    pub drop: Vec<FileHash>,
}

impl Plan {
    pub fn of(kept: &[Kept], named: &[Named], now: Timestamp) -> Self {
        let mut plan = Self { erase: Vec::new(), drop: Vec::new() };
        let by_hash: std::collections::HashMap<FileHash, &Named> = named.iter().map(|one| (one.hash, one)).collect();
        for Kept { hash, kept_at } in kept {
            match by_hash.get(hash) {
                None if kept_at.seconds_since(now) < -ORPHAN_KEEP_S => plan.drop.push(*hash),
                // One that was sent again lately may be about to get its record.
                Some(Named { is_wanted: false, withdrawn_at: Some(at), .. })
                    if at.seconds_since(now) < -WITHDRAWN_KEEP_S && kept_at.seconds_since(now) < -ORPHAN_KEEP_S =>
                {
                    plan.erase.push(*hash);
                }
                _ => {}
            }
        }
        plan
    }

    pub fn tally(&self) -> RetainedFiles {
        RetainedFiles { withdrawn: self.erase.len(), orphans: self.drop.len() }
    }
}

/// Applies the rules to the files of a data folder, which must not be in use.
///
/// # Errors
/// As [`gpkg::retain`].
pub fn retain_folder(dir: &Path, now: Timestamp, how: Retention) -> Result<RetainedFiles, StoreError> {
    gpkg::retain_files(dir, now, how)
}

/// Applies the rules to the files of a database.
///
/// # Errors
/// What the database said.
pub async fn retain_database(
    database: &postgis::Database,
    now: Timestamp,
    how: Retention,
) -> Result<RetainedFiles, StoreError> {
    postgis::retain_files(database, now, how).await
}

/// Copies the files that the records of the target name. What is erased stays erased.
///
/// # Errors
/// `Damaged` if a wanted one is missing or altered in the source, after all others are copied; what either store said.
pub(super) async fn copy(from: &Location, to: &Location) -> Result<Vec<FileHash>, StoreError> {
    let named = match to {
        Location::Path(path) => gpkg::named_files(path)?,
        Location::Database(database) => postgis::named_files(database).await?,
    };
    let mut copied = Vec::new();
    let mut findings = Findings::default();
    for one in named {
        let held = match from {
            Location::Path(path) => gpkg::held_file(path, &one.hash)?,
            Location::Database(database) => postgis::held_file(database, &one.hash).await?,
        };
        check(&one, &held, &mut findings);
        match &held {
            Held::Content(content) if FileHash::of(content) != one.hash => continue,
            Held::Nothing => continue,
            Held::Content(_) | Held::Erased => copied.push(one.hash),
        }
        match to {
            Location::Path(path) => gpkg::hold_file(path, &one.hash, held)?,
            Location::Database(database) => postgis::hold_file(database, &one.hash, held).await?,
        }
    }
    match findings.into_list().first() {
        None => Ok(copied),
        Some(first) => Err(StoreError::Damaged(format!("all else is copied, but {}", first.what))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_on_nothing_goes_after_a_day_and_what_was_withdrawn_after_a_month() {
        let now = Timestamp::parse("2026-11-27T00:00:00Z").unwrap();
        let hash = |n: u8| FileHash::of(&[n]);
        let kept = |n: u8, age_s: i64| Kept { hash: hash(n), kept_at: now.plus_s(-age_s) };
        let withdrawn =
            |n: u8, age_s: i64| Named { hash: hash(n), is_wanted: false, withdrawn_at: Some(now.plus_s(-age_s)) };
        let (day, month) = (ORPHAN_KEEP_S, WITHDRAWN_KEEP_S);
        let named = [
            Named { hash: hash(1), is_wanted: true, withdrawn_at: Some(now.plus_s(-9 * month)) },
            withdrawn(2, month + 1),
            withdrawn(3, month),
        ];
        let all: Vec<Kept> = (1..=3).map(|n| kept(n, 9 * month)).chain([kept(4, day + 1), kept(5, day)]).collect();
        let plan = Plan::of(&all, &named, now);
        assert_eq!((plan.erase, plan.drop), (vec![hash(2)], vec![hash(4)]));
    }
}
