//! A whole copy in one file, while writers go on: SQLite's online backup from one read transaction, in steps.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::{files, folder};
use crate::domain::{Code, Problem};
use crate::store::StoreError;
use crate::store::folder::make_private_file;

/// Pages copied in one step (4 MiB), and the pause after it that leaves the disk to the writer.
const STEP_PAGES: i32 = 1_024;
const STEP_PAUSE: Duration = Duration::from_millis(2);

/// Copies `file` to `to`, which must not exist.
pub(super) fn backup(file: &Path, to: &Path) -> Result<(), StoreError> {
    if !make_private_file(to)? {
        return Err(StoreError::Refused(exists(to)));
    }
    // The name is ours now. The copy grows beside it and takes its place when it is whole.
    let part = part_of(to);
    let copied = copy(file, &part).and_then(|()| fs::rename(&part, to).map_err(StoreError::from));
    if copied.is_err() {
        // Only what this call made is removed.
        let _ = fs::remove_file(&part);
        let _ = fs::remove_file(to);
    }
    copied?;
    sync_folder(to)?;
    // After the records, so that none of them names what was kept only later.
    let beside = files::copy_beside(file, to);
    if beside.is_err() {
        // Without its files it is no backup, and must not look like one.
        let _ = fs::remove_file(to);
    }
    beside
}

fn exists(to: &Path) -> Problem {
    let to = to.display();
    Problem::new(
        Code::InvalidParameter,
        format!("{to} đã có, bản sao lưu không ghi đè tệp nào"),
        format!("{to} exists already; a backup overwrites nothing"),
    )
}

/// A name beside `to` for what is not whole yet.
pub(super) fn part_of(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", uuid::Uuid::now_v7().simple()));
    to.with_file_name(name)
}

fn copy(file: &Path, part: &Path) -> Result<(), StoreError> {
    make_private_file(part)?;
    let source = folder::open_reader(file)?;
    // Within one read transaction the copy stays that of one moment; without it every commit would start it afresh.
    source.execute_batch("BEGIN; SELECT count(*) FROM meta;")?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(part, flags)?;
    {
        let backup = Backup::new(&source, &mut target)?;
        while backup.step(STEP_PAGES)? != StepResult::Done {
            std::thread::sleep(STEP_PAUSE);
        }
    }
    // Rollback mode, so that the copy is complete in the one file.
    target.pragma_update(None, "journal_mode", "delete")?;
    target.close().map_err(|(_, error)| StoreError::from(error))?;
    fs::File::open(part).and_then(|file| file.sync_all()).map_err(StoreError::from)
}

/// Makes the new name of `to` durable.
pub(super) fn sync_folder(to: &Path) -> Result<(), StoreError> {
    let folder = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::from)
}
