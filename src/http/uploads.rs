//! Files on their way in: one at a time, in a folder inside the data folder that is emptied at each start and before
//! each file. Beside the file stands the report of its refused rows, which stays until the next file comes.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::IMPORT_BYTES_MAX;
use super::actor::{BODY_WAIT, DRAIN_BYTES_MAX};
use super::error::{body_broke_off, body_too_large, body_too_slow};
use crate::domain::{Code, Problem};

/// Name of the folder inside the data folder.
const FOLDER: &str = "imports";
/// Imports under way: each holds its rows in memory, and the store takes one at a time.
const AT_ONCE: usize = 1;
/// Longest that a whole file may take to come.
const UPLOAD_WAIT: Duration = Duration::from_secs(20 * 60);

/// The place where files come in.
pub struct Uploads {
    folder: PathBuf,
    /// Largest file.
    bytes_max: u64,
    /// Held by the import under way.
    turn: Arc<Semaphore>,
    /// Whose file came last: its report repeats what stands in refused rows, and is theirs alone.
    last: Mutex<Option<(Uuid, String)>>,
}

/// One file that has come in; removed when dropped. Its report stays.
pub struct Upload {
    id: Uuid,
    folder: PathBuf,
    _turn: OwnedSemaphorePermit,
}

impl Uploads {
    /// Makes the place in a data folder, and clears away what an earlier run left there.
    ///
    /// # Errors
    /// What the system said.
    pub fn in_folder(data: &Path) -> io::Result<Self> {
        Self::up_to(data, IMPORT_BYTES_MAX)
    }

    fn up_to(data: &Path, bytes_max: u64) -> io::Result<Self> {
        let turn = Arc::new(Semaphore::new(AT_ONCE));
        let uploads = Self { folder: data.join(FOLDER), bytes_max, turn, last: Mutex::default() };
        uploads.empty()?;
        Ok(uploads)
    }

    /// Takes a whole body in as a file of the account `by`.
    ///
    /// # Errors
    /// `too_busy` while another import is under way, or if the body comes too slowly; `body_too_large`,
    /// `invalid_encoding` if it breaks off, `disk_full`. Nothing of it is left then.
    pub async fn receive(&self, body: Body, by: &str) -> Result<Upload, Problem> {
        let Ok(turn) = Arc::clone(&self.turn).try_acquire_owned() else {
            drain(body).await;
            return Err(Problem::new(
                Code::TooBusy,
                "một tệp khác đang được nhập; hãy thử lại sau",
                "another file is being imported; try again later",
            ));
        };
        self.empty().map_err(|error| not_kept(&error))?;
        let upload = Upload { id: Uuid::now_v7(), folder: self.folder.clone(), _turn: turn };
        *self.last() = Some((upload.id, by.to_owned()));
        tokio::time::timeout(UPLOAD_WAIT, upload.fill(body, self.bytes_max))
            .await
            .unwrap_or_else(|_| Err(body_too_slow()))?;
        Ok(upload)
    }

    /// The report of the import with this id, for the account `by`; `None` if the file was another's, or another import
    /// has begun since.
    ///
    /// # Errors
    /// What the system said.
    pub async fn report(&self, id: Uuid, by: &str) -> io::Result<Option<File>> {
        if self.last().as_ref().is_none_or(|(last, whose)| (*last, whose.as_str()) != (id, by)) {
            return Ok(None);
        }
        match File::open(report_of(&self.folder, id)).await {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn last(&self) -> MutexGuard<'_, Option<(Uuid, String)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn empty(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
        Ok(())
    }
}

impl Upload {
    /// By which the report is asked for.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.own_folder().join("file")
    }

    /// Where the refused rows go.
    pub fn report_path(&self) -> PathBuf {
        report_of(&self.folder, self.id)
    }

    /// A folder for the file alone: a program that reads a database may put companions beside it.
    fn own_folder(&self) -> PathBuf {
        self.folder.join(self.id.to_string())
    }

    async fn fill(&self, body: Body, bytes_max: u64) -> Result<(), Problem> {
        DirBuilder::new().mode(0o700).create(self.own_folder()).map_err(|error| not_kept(&error))?;
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path()).await;
        let mut file = opened.map_err(|error| not_kept(&error))?;
        let mut stream = body.into_data_stream();
        let mut bytes: u64 = 0;
        while let Some(chunk) = tokio::time::timeout(BODY_WAIT, stream.next()).await.map_err(|_| body_too_slow())? {
            let chunk = chunk.map_err(|_| body_broke_off())?;
            bytes += chunk.len() as u64;
            if bytes > bytes_max {
                drain(Body::from_stream(stream)).await;
                return Err(body_too_large(bytes_max));
            }
            file.write_all(&chunk).await.map_err(|error| not_kept(&error))?;
        }
        file.flush().await.map_err(|error| not_kept(&error))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(self.own_folder())
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "an imported file could not be removed; the next import or start removes it");
        }
    }
}

/// Reads on for a while what is refused already: a client that listens only after it has sent all then gets the answer
/// instead of a broken connection.
pub async fn drain(body: Body) {
    let mut stream = body.into_data_stream();
    let reading = async {
        let mut seen = 0;
        while let Some(Ok(chunk)) = stream.next().await {
            seen += chunk.len();
            if seen > DRAIN_BYTES_MAX {
                break;
            }
        }
    };
    // Who is slower than this is not waited for.
    let _ = tokio::time::timeout(BODY_WAIT, reading).await;
}

fn report_of(folder: &Path, id: Uuid) -> PathBuf {
    folder.join(format!("{id}.csv"))
}

fn not_kept(error: &io::Error) -> Problem {
    if error.kind() == io::ErrorKind::StorageFull {
        return Problem::new(
            Code::DiskFull,
            "đĩa của máy chủ đã đầy: tệp chưa được nhập",
            "the server's disk is full: the file was not imported",
        );
    }
    tracing::error!(%error, "an uploaded file cannot be kept");
    super::error::internal()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A place of its own, removed at the end.
    struct Place(PathBuf);

    impl Place {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("trucban-uploads-{}", Uuid::now_v7().simple()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        /// What lies in the folder of files.
        fn held(&self) -> Vec<String> {
            let entries = fs::read_dir(self.0.join(FOLDER)).unwrap().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn body(chunks: usize) -> Body {
        Body::from_stream(futures_util::stream::iter((0..chunks).map(|_| Ok::<_, Infallible>("abcdefgh"))))
    }

    #[tokio::test]
    async fn a_file_may_be_as_large_as_the_limit_and_not_one_byte_more() {
        let place = Place::new();
        let uploads = Uploads::up_to(&place.0, 32).unwrap();
        for chunks in [0, 3, 4] {
            let upload = uploads.receive(body(chunks), "an").await.unwrap();
            assert_eq!(fs::read(upload.path()).unwrap().len(), chunks * 8);
        }
        let uploads = Uploads::up_to(&place.0, 31).unwrap();
        let problem = uploads.receive(body(4), "an").await.map(|upload| upload.id()).unwrap_err();
        assert_eq!(problem.code, Code::BodyTooLarge);
        assert!(place.held().is_empty(), "nothing is left of it");
    }

    #[tokio::test]
    async fn one_file_at_a_time_and_its_report_stays_until_the_next() {
        let place = Place::new();
        let uploads = Uploads::in_folder(&place.0).unwrap();
        let first = uploads.receive(body(1), "an").await.unwrap();
        let refused = uploads.receive(body(1), "an").await.map(|upload| upload.id()).unwrap_err();
        assert_eq!(refused.code, Code::TooBusy);
        fs::write(first.report_path(), "line\n").unwrap();
        let id = first.id();
        drop(first);
        assert_eq!(place.held(), [format!("{id}.csv")]);
        assert!(uploads.report(id, "an").await.unwrap().is_some());
        assert!(uploads.report(id, "chi").await.unwrap().is_none(), "it is not theirs");
        let second = uploads.receive(body(1), "an").await.unwrap();
        assert!(uploads.report(id, "an").await.unwrap().is_none());
        fs::write(second.report_path(), "line\n").unwrap();
        drop(second);
        Uploads::in_folder(&place.0).unwrap();
        assert!(place.held().is_empty(), "a start clears away what is left");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_leaves_nothing() {
        let place = Place::new();
        let uploads = Uploads::in_folder(&place.0).unwrap();
        let chunks = [Ok("abc"), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
        let broken = Body::from_stream(futures_util::stream::iter(chunks));
        let problem = uploads.receive(broken, "an").await.map(|upload| upload.id()).unwrap_err();
        assert_eq!(problem.code, Code::InvalidEncoding);
        assert!(place.held().is_empty());
        assert!(uploads.receive(body(1), "an").await.is_ok(), "the turn is free again");
    }
}
