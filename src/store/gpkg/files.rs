//! The files beside the GeoPackage: `files/ab/abcd…` in the data folder, beside a backup `BACKUP.files/ab/abcd…`. A file
//! gets its name when it is whole and durable, and is never changed. What retention erased leaves an empty `abcd….erased`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rusqlite::Connection;
use uuid::Uuid;

use super::folder;
use crate::domain::Timestamp;
use crate::domain::attachment::FileHash;
use crate::domain::retention::Retention;
use crate::store::StoreError;
use crate::store::files::{Held, Kept, Named, Plan, RetainedFiles};
use crate::store::findings::Findings;
use crate::store::folder::{Lock, STORE_FILE};

const FOLDER: &str = "files";
/// How the name of what is not whole begins.
const PART: &str = ".part-";
/// What is left of one by a process that ended meanwhile goes after so long.
const PART_KEEP: Duration = Duration::from_secs(3_600);
const ERASED: &str = "erased";

/// See the module. One process writes it.
pub(super) struct FileFolder {
    dir: PathBuf,
    /// Held by whoever keeps or drops, so that none drops what another has just found to be there.
    turn: Mutex<()>,
}

impl FileFolder {
    /// That of a store file.
    pub fn of(store_file: &Path) -> Self {
        let dir = if store_file.file_name().is_some_and(|name| name == STORE_FILE) {
            store_file.with_file_name(FOLDER)
        } else {
            let mut name = store_file.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{FOLDER}"));
            store_file.with_file_name(name)
        };
        Self { dir, turn: Mutex::default() }
    }

    fn path(&self, hash: &FileHash) -> PathBuf {
        let name = hash.to_string();
        self.dir.join(&name[..2]).join(name)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes content durable under its hash; what is there already and whole is only marked as new.
    pub fn keep(&self, hash: &FileHash, content: &[u8]) -> Result<(), StoreError> {
        let _turn = self.turn();
        let path = self.path(hash);
        if fs::read(&path).is_ok_and(|there| there == content) {
            File::open(&path)?.set_modified(SystemTime::now())?;
            return Ok(());
        }
        let parent = path.parent().unwrap_or(&self.dir);
        private_folder(&self.dir)?;
        private_folder(parent)?;
        let part = parent.join(format!("{PART}{}", Uuid::now_v7().simple()));
        let written = write_durably(&part, content).and_then(|()| fs::rename(&part, &path));
        if written.is_err() {
            // Only what this call made is removed.
            let _ = fs::remove_file(&part);
        }
        written?;
        let _ = fs::remove_file(path.with_extension(ERASED));
        sync(parent)?;
        Ok(())
    }

    /// Part of a file; `None` if it is not there.
    pub fn part(&self, hash: &FileHash, offset: u64, bytes_max: usize) -> Result<Option<Bytes>, StoreError> {
        let mut file = match File::open(self.path(hash)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        file.seek(SeekFrom::Start(offset))?;
        let mut part = Vec::with_capacity(bytes_max);
        file.take(bytes_max as u64).read_to_end(&mut part)?;
        Ok(Some(part.into()))
    }

    pub fn held(&self, hash: &FileHash) -> Result<Held, StoreError> {
        match fs::read(self.path(hash)) {
            Ok(content) => Ok(Held::Content(content)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            Err(_) if self.path(hash).with_extension(ERASED).exists() => Ok(Held::Erased),
            Err(_) => Ok(Held::Nothing),
        }
    }

    /// The content goes, a mark stays.
    fn erase(&self, hash: &FileHash) -> Result<(), StoreError> {
        let path = self.path(hash);
        let parent = path.parent().unwrap_or(&self.dir);
        private_folder(&self.dir)?;
        private_folder(parent)?;
        write_durably(&path.with_extension(ERASED), &[])?;
        remove(&path)?;
        sync(parent)?;
        Ok(())
    }

    /// Whole files, and those that are left of what never became one.
    fn list(&self) -> Result<(Vec<Kept>, Vec<PathBuf>), StoreError> {
        let (mut kept, mut parts) = (Vec::new(), Vec::new());
        for folder in entries(&self.dir)? {
            if !folder.is_dir() {
                continue;
            }
            for path in entries(&folder)? {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let Ok(modified) = fs::metadata(&path).and_then(|meta| meta.modified()) else { continue };
                match FileHash::parse(&name) {
                    Some(hash) => kept.push(Kept { hash, kept_at: timestamp(modified) }),
                    None if name.starts_with(PART) && modified.elapsed().is_ok_and(|age| age > PART_KEEP) => {
                        parts.push(path);
                    }
                    None => {}
                }
            }
        }
        Ok((kept, parts))
    }

    /// Drops what no record names and was kept last before this moment.
    pub fn drop_orphans(&self, conn: &Connection, kept_before: Timestamp) -> Result<usize, StoreError> {
        let (kept, parts) = self.list()?;
        parts.iter().try_for_each(|part| remove(part))?;
        let mut dropped = 0;
        for Kept { hash, kept_at } in kept.into_iter().filter(|kept| kept.kept_at < kept_before) {
            let _turn = self.turn();
            // It may have been kept anew since, for a record that is about to name it.
            let is_old = fs::metadata(self.path(&hash))
                .and_then(|meta| meta.modified())
                .is_ok_and(|at| timestamp(at) == kept_at);
            if is_old && !is_named(conn, &hash)? {
                remove(&self.path(&hash))?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }
}

/// Notes what is wrong with the files that the records of this store name.
pub(super) fn check(file: &Path, conn: &Connection, findings: &mut Findings) -> Result<(), StoreError> {
    let folder = FileFolder::of(file);
    for one in named(conn)? {
        crate::store::files::check(&one, &folder.held(&one.hash)?, findings);
    }
    Ok(())
}

/// Copies the files of one store beside the copy of it; what is erased stays so.
pub(super) fn copy_beside(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (source, target) = (FileFolder::of(from), FileFolder::of(to));
    for one in named(&folder::open_reader(to)?)? {
        match source.held(&one.hash)? {
            Held::Content(content) => target.keep(&one.hash, &content)?,
            Held::Erased => target.erase(&one.hash)?,
            // A backup is made of what there is; `check` tells what is missing, here and there.
            Held::Nothing => {}
        }
    }
    Ok(())
}

/// The files that the records of a store name; `path` is a data folder or a single store file.
pub(in crate::store) fn named_files(path: &Path) -> Result<Vec<Named>, StoreError> {
    named(&folder::open_reader(&folder::store_file(path))?)
}

pub(in crate::store) fn held_file(path: &Path, hash: &FileHash) -> Result<Held, StoreError> {
    FileFolder::of(&folder::store_file(path)).held(hash)
}

pub(in crate::store) fn hold_file(path: &Path, hash: &FileHash, held: Held) -> Result<(), StoreError> {
    let folder = FileFolder::of(&folder::store_file(path));
    match held {
        Held::Content(content) => folder.keep(hash, &content),
        Held::Erased => folder.erase(hash),
        Held::Nothing => Ok(()),
    }
}

/// Applies the rules of retention; the folder must not be in use.
pub(in crate::store) fn retain_files(dir: &Path, now: Timestamp, how: Retention) -> Result<RetainedFiles, StoreError> {
    let _lock = Lock::take(dir)?;
    let file = folder::store_file(dir);
    let folder = FileFolder::of(&file);
    let plan = Plan::of(&folder.list()?.0, &named(&folder::open_reader(&file)?)?, now);
    if how == Retention::Erase {
        plan.erase.iter().try_for_each(|hash| folder.erase(hash))?;
        plan.drop.iter().try_for_each(|hash| remove(&folder.path(hash)))?;
    }
    Ok(plan.tally())
}

fn named(conn: &Connection) -> Result<Vec<Named>, StoreError> {
    let mut statement = conn.prepare(
        "SELECT sha256, min(withdrawn_at IS NOT NULL), max(withdrawn_at) FROM attachments GROUP BY sha256 ORDER BY 1",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, Option<String>>(0)?, row.get::<_, bool>(1)?, row.get::<_, Option<String>>(2)?))
    })?;
    let mut named = Vec::new();
    for row in rows {
        let (hash, all_withdrawn, withdrawn_at) = row?;
        let hash = hash.as_deref().and_then(FileHash::parse);
        let hash = hash.ok_or_else(|| StoreError::Damaged("an attachment names no hash".to_owned()))?;
        let withdrawn_at = withdrawn_at.and_then(|at| Timestamp::parse(&at).ok());
        named.push(Named { hash, is_wanted: !all_withdrawn, withdrawn_at });
    }
    Ok(named)
}

fn is_named(conn: &Connection, hash: &FileHash) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM attachments WHERE sha256 = ?1)";
    Ok(conn.prepare_cached(sql)?.query_row([hash.to_string()], |row| row.get(0))?)
}

fn private_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    path.parent().map_or(Ok(()), sync)
}

fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Makes names in a folder durable.
fn sync(folder: &Path) -> Result<(), StoreError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::from)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn timestamp(at: SystemTime) -> Timestamp {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
