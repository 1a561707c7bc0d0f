//! The data folder: who may open it, and who holds it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use super::StoreError;
use crate::domain::{Code, Problem};

/// The GeoPackage in a data folder.
pub(super) const STORE_FILE: &str = "trucban.gpkg";
const LOCK_FILE: &str = "lock";

/// Our exclusive lock on the folder; let go when dropped or when the process ends, however it ends.
pub(super) struct Lock {
    file: File,
}

/// How long a folder that is held is tried again; a program that was killed, or that another starts at that moment, holds
/// it for some milliseconds more.
const LOCK_WAIT: Duration = Duration::from_millis(300);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

impl Lock {
    /// Takes the folder, or names who holds it. Whoever is just ending is waited for.
    pub fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK_FILE);
        let mut file = private().read(true).write(true).create(true).truncate(false).open(path)?;
        let until = Instant::now() + LOCK_WAIT;
        let mut taken = file.try_lock();
        while matches!(taken, Err(TryLockError::WouldBlock)) && Instant::now() < until {
            std::thread::sleep(LOCK_PAUSE);
            taken = file.try_lock();
        }
        match taken {
            Ok(()) => {
                let mut lock = Self { file };
                lock.announce("")?;
                Ok(lock)
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The text is a help for people; without it the refusal still stands.
                let _ = file.read_to_string(&mut holder);
                Err(StoreError::Refused(locked(dir, holder.trim())))
            }
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Writes who holds the folder and where it can be reached.
    pub fn announce(&mut self, address: &str) -> Result<(), StoreError> {
        let text = format!("pid {} {address}\n", std::process::id());
        let written =
            self.file.set_len(0).and_then(|()| self.file.rewind()).and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(StoreError::from)
    }
}

fn locked(dir: &Path, holder: &str) -> Problem {
    let dir = dir.display();
    Problem::new(
        Code::FolderLocked,
        format!("thư mục {dir} đang được dùng bởi {holder}"),
        format!("the folder {dir} is in use by {holder}"),
    )
    .with("holder", holder)
}

/// Makes the folder if it is not there, for its owner alone.
pub(super) fn make_folder(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let empty = fs::read_dir(dir)?.next().is_none();
    if empty || dir.join(STORE_FILE).exists() {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Creates an empty file that only its owner may open; SQLite gives its companions the same mode. `false`: it was
/// there already.
pub(super) fn make_private_file(path: &Path) -> Result<bool, StoreError> {
    match private().write(true).create_new(true).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            Self::DiskFull
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}
