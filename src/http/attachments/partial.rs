//! Photos on their way in: each is whoever sends it and nobody else's, grows as far as the link lasts, outlives a restart,
//! and goes when it is whole or a day after its last byte. They lie in the data folder of the node (`uploads/`): the words
//! about one in `ID.json`, what has come of it in `ID.part`.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::body::Body;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::fs::OpenOptions;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::desk::{Ask, AttachTo, Desk, NewAttachment};
use crate::domain::attachment::FileHash;
use crate::domain::photo::{self, HEAD_BYTES};
use crate::domain::{Actor, Code, Problem, Timestamp};
use crate::http::actor::BODY_WAIT;
use crate::http::error::{body_broke_off, body_too_slow, internal, status};
use crate::http::uploads::drain;

/// Name of the folder inside the data folder.
const FOLDER: &str = "uploads";
/// Uploads of one person that are under way at once: a morning's photos without a link.
pub(super) const OPEN_MAX: usize = 60;
/// Bytes that all uploads under way may come to.
const OPEN_BYTES_MAX: u64 = 8 << 30;
/// Uploads that are remembered after their end, so that who did not hear of it can ask; the oldest go first.
const DONE_MAX: usize = 5_000;
/// An upload to which nothing was added for so long is given up, seconds.
pub(super) const EXPIRE_S: i64 = 86_400;
/// Photos that are looked through at once; each is held in memory.
const LOOKED_THROUGH_AT_ONCE: usize = 2;

/// What is known of an upload from its beginning on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct About {
    pub id: Uuid,
    /// Account whose it is.
    pub owner: String,
    /// Bytes that it shall have.
    pub length: u64,
    pub name: String,
    /// What it is said to be.
    pub media_type: Option<String>,
    pub incident_id: Option<Uuid>,
    pub log_entry_id: Option<Uuid>,
    /// SHA-256 of the file as it is sent, if its sender says.
    pub sha256: Option<String>,
}

impl About {
    /// On what it is to hang.
    pub fn to(&self) -> Option<AttachTo> {
        self.log_entry_id.map(AttachTo::LogEntry).or(self.incident_id.map(AttachTo::Incident))
    }
}

/// What became of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Done {
    pub attachment_id: Uuid,
    /// Where the photo was taken by its EXIF, lon/lat: offered to its sender, and nowhere else.
    pub position: Option<[f64; 2]>,
    pub taken_at_ms: Option<i64>,
}

/// As it lies in `ID.json`.
#[derive(Serialize, Deserialize)]
struct Words {
    about: About,
    done: Option<Done>,
}

/// How far an upload has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Progress {
    pub offset: u64,
    pub touched_at: Timestamp,
    pub done: Option<Done>,
    /// Given up or ended by its sender; whoever still holds it finds nothing more to do.
    is_dropped: bool,
}

/// One upload.
pub(super) struct Partial {
    pub about: About,
    /// Held by whoever adds to it or finishes it.
    progress: Arc<tokio::sync::Mutex<Progress>>,
    /// Told to whoever adds to it now, by the next one: the link of the former is dead, and nobody has noticed yet.
    stop: Mutex<CancellationToken>,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Partials {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    all: Mutex<HashMap<Uuid, Arc<Partial>>>,
    looking: Semaphore,
}

/// An upload that is held by one request.
pub(super) struct Held {
    partials: Partials,
    partial: Arc<Partial>,
    pub progress: OwnedMutexGuard<Progress>,
    stop: CancellationToken,
}

impl Partials {
    /// Finds what an earlier run left in a data folder.
    ///
    /// # Errors
    /// What the system said.
    pub fn in_folder(data: &Path, now: Timestamp) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut all = HashMap::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let words = fs::read(&path).ok().filter(|_| path.extension().is_some_and(|ending| ending == "json"));
            let Some(Words { about, done }) = words.and_then(|words| serde_json::from_slice(&words).ok()) else {
                continue;
            };
            let part = fs::metadata(part_of(&folder, about.id)).ok();
            let offset = part.as_ref().map_or(0, Metadata::len);
            // Whatever came last: a byte, or the word that it is done.
            let touched_at = part.map_or_else(|| fs::metadata(&path), Ok).and_then(|meta| meta.modified());
            let touched_at = touched_at.map_or(now, |at| timestamp(at).min(now));
            let offset = if done.is_some() { about.length } else { offset.min(about.length) };
            let progress = Progress { offset, touched_at, done, is_dropped: false };
            all.insert(about.id, Arc::new(Partial::new(about, progress)));
        }
        // What belongs to none of them was left by a start that was cut off.
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let id = path.file_stem().and_then(|stem| Uuid::parse_str(&stem.to_string_lossy()).ok());
            let is_ours = path.extension().is_some_and(|ending| ending == "json" || ending == "part");
            if !is_ours || id.is_none_or(|id| !all.contains_key(&id)) {
                fs::remove_file(path)?;
            }
        }
        let looking = Semaphore::new(LOOKED_THROUGH_AT_ONCE);
        Ok(Self { shared: Arc::new(Shared { folder, all: Mutex::new(all), looking }) })
    }

    /// Begins an upload; one that began before under the same id goes on.
    ///
    /// # Errors
    /// `idempotency_mismatch` if it is another; `too_many_requests` above [`OPEN_MAX`] of one person, `too_busy` where all
    /// come to too much; `disk_full`.
    pub(super) fn begin(&self, about: &About, now: Timestamp) -> Result<(), Problem> {
        let mut all = self.all();
        if let Some(known) = all.get(&about.id) {
            return if known.about == *about { Ok(()) } else { Err(another()) };
        }
        let (mut own, mut bytes) = (0, about.length);
        let mut done = Vec::new();
        for partial in all.values() {
            match partial.ended_at() {
                Some(at) => done.push((at, partial.about.id)),
                None => {
                    own += usize::from(partial.about.owner == about.owner);
                    bytes += partial.about.length;
                }
            }
        }
        if own >= OPEN_MAX {
            return Err(too_many());
        }
        if bytes > OPEN_BYTES_MAX {
            return Err(Problem::new(
                Code::TooBusy,
                "máy chủ đang nhận quá nhiều tệp; hãy thử lại sau",
                "the server is taking in too many files; try again later",
            ));
        }
        if done.len() >= DONE_MAX {
            done.sort_unstable();
            if let Some(partial) = done.first().and_then(|(_, id)| all.remove(id)) {
                self.remove_files(partial.about.id);
            }
        }
        self.save(about, None).map_err(|error| not_kept(&error))?;
        let progress = Progress { offset: 0, touched_at: now, done: None, is_dropped: false };
        all.insert(about.id, Arc::new(Partial::new(about.clone(), progress)));
        Ok(())
    }

    /// Takes an upload of `owner` in hand; whoever holds it is told to let go. `None` if there is none, or it is another's.
    pub(super) async fn take(&self, id: Uuid, owner: &str) -> Option<Held> {
        let partial = self.all().get(&id).filter(|partial| partial.about.owner == owner).cloned()?;
        let stop = CancellationToken::new();
        std::mem::replace(&mut *partial.stop(), stop.clone()).cancel();
        let progress = Arc::clone(&partial.progress).lock_owned().await;
        (!progress.is_dropped).then(|| Held { partials: self.clone(), partial, progress, stop })
    }

    /// Gives up what nothing was added to for a day.
    pub async fn drop_expired(&self, now: Timestamp) {
        let all: Vec<_> = self.all().values().cloned().collect();
        for partial in all {
            // Whoever holds it is at work.
            let Ok(mut progress) = partial.progress.try_lock() else { continue };
            if now.seconds_since(progress.touched_at) > EXPIRE_S {
                progress.is_dropped = true;
                self.forget(partial.about.id);
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Partial>>> {
        self.shared.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, id: Uuid) {
        self.all().remove(&id);
        self.remove_files(id);
    }

    fn remove_files(&self, id: Uuid) {
        for path in [part_of(&self.shared.folder, id), words_of(&self.shared.folder, id)] {
            if let Err(error) = fs::remove_file(path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, "an upload could not be removed; the next start tries again");
            }
        }
    }

    /// Writes the words about an upload durably.
    fn save(&self, about: &About, done: Option<Done>) -> io::Result<()> {
        let path = words_of(&self.shared.folder, about.id);
        let new = path.with_extension("new");
        let words = serde_json::to_vec(&Words { about: about.clone(), done })?;
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&words)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        fs::File::open(&self.shared.folder)?.sync_all()
    }
}

impl Partial {
    fn new(about: About, progress: Progress) -> Self {
        Self { about, progress: Arc::new(tokio::sync::Mutex::new(progress)), stop: Mutex::default() }
    }

    fn stop(&self) -> MutexGuard<'_, CancellationToken> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it was touched last, if it is done; whoever holds it is at work.
    fn ended_at(&self) -> Option<Timestamp> {
        let progress = self.progress.try_lock().ok()?;
        progress.done.map(|_| progress.touched_at)
    }
}

impl Held {
    /// What is known of it.
    pub fn about(&self) -> &About {
        &self.partial.about
    }

    /// Adds what comes of a body from `offset` on, and keeps all that came however it ends.
    ///
    /// # Errors
    /// `wrong_offset` with the right one; `body_too_large` for more than was said; `file_type_refused` as soon as its
    /// beginning tells, which ends the upload; `invalid_encoding` and `too_busy` where the body broke off or came too
    /// slowly; `disk_full`.
    pub async fn add(&mut self, offset: u64, body: Body, now: fn() -> Timestamp) -> Result<(), Problem> {
        if offset != self.progress.offset {
            drain(body).await;
            return Err(wrong_offset(self.progress.offset));
        }
        if self.progress.done.is_some() {
            drain(body).await;
            return Ok(());
        }
        let added = self.fill(body).await;
        self.progress.touched_at = now();
        if let Err(problem) = &added
            && problem.code == Code::FileTypeRefused
        {
            self.drop_it();
        }
        added
    }

    async fn fill(&mut self, body: Body) -> Result<(), Problem> {
        let path = part_of(&self.partials.shared.folder, self.about().id);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).await;
        let mut file = opened.map_err(|error| not_kept(&error))?;
        let seek = file.seek(io::SeekFrom::Start(self.progress.offset)).await;
        seek.map_err(|error| not_kept(&error))?;
        let filled = self.pour(&mut file, body).await;
        file.sync_data().await.map_err(|error| not_kept(&error))?;
        filled
    }

    async fn pour(&mut self, file: &mut tokio::fs::File, body: Body) -> Result<(), Problem> {
        let mut stream = body.into_data_stream();
        let mut head = Vec::new();
        loop {
            let next = tokio::select! {
                () = self.stop.cancelled() => return Err(taken_over()),
                next = tokio::time::timeout(BODY_WAIT, stream.next()) => next.map_err(|_| body_too_slow())?,
            };
            let Some(chunk) = next else { return Ok(()) };
            let chunk = chunk.map_err(|_| body_broke_off())?;
            if let Err(refused) = self.look(&chunk, &mut head) {
                drain(Body::from_stream(stream)).await;
                return Err(refused);
            }
            file.write_all(&chunk).await.map_err(|error| not_kept(&error))?;
            file.flush().await.map_err(|error| not_kept(&error))?;
            self.progress.offset += chunk.len() as u64;
        }
    }

    /// Refuses what is more than was said, and what by its beginning is no photo: nobody shall send all of it in vain.
    fn look(&self, chunk: &[u8], head: &mut Vec<u8>) -> Result<(), Problem> {
        if chunk.len() as u64 > self.about().length - self.progress.offset {
            return Err(Problem::new(
                Code::BodyTooLarge,
                "gửi nhiều byte hơn đã khai trong Upload-Length",
                "more bytes came than Upload-Length said",
            ));
        }
        if self.progress.offset == head.len() as u64 && head.len() < HEAD_BYTES {
            head.extend(chunk.iter().take(HEAD_BYTES - head.len()));
            if head.len() == HEAD_BYTES {
                photo::check_head(head, self.about().media_type.as_deref())?;
            }
        }
        Ok(())
    }

    /// Makes an attachment of an upload that is whole; one that was made is told again. `None` while something is missing.
    ///
    /// # Errors
    /// As [`photo::take`] and [`Desk::attach`]. Unless it may be made later, the upload is over then.
    pub async fn finish(
        &mut self,
        desk: &Desk,
        actor: &Actor,
        now: fn() -> Timestamp,
    ) -> Result<Option<Done>, Problem> {
        if self.progress.done.is_some() || self.progress.offset < self.about().length {
            return Ok(self.progress.done);
        }
        match self.make(desk, actor).await {
            Ok(done) => {
                self.partials.save(self.about(), Some(done)).map_err(|error| not_kept(&error))?;
                // A start finds by the words that it is done.
                let _ = fs::remove_file(part_of(&self.partials.shared.folder, self.about().id));
                self.progress.done = Some(done);
                self.progress.touched_at = now();
                Ok(Some(done))
            }
            Err(problem) => {
                if !status(problem.code).is_server_error() {
                    self.drop_it();
                }
                Err(problem)
            }
        }
    }

    async fn make(&self, desk: &Desk, actor: &Actor) -> Result<Done, Problem> {
        let _turn = self.partials.shared.looking.acquire().await.map_err(|_| internal())?;
        let about = self.about().clone();
        let path = part_of(&self.partials.shared.folder, about.id);
        let looked = tokio::task::spawn_blocking(move || {
            let content = fs::read(path).map_err(|error| not_kept(&error))?;
            if about.sha256.is_some_and(|told| told != FileHash::of(&content).to_string()) {
                return Err(Problem::new(
                    Code::FileDamaged,
                    "nội dung nhận được không khớp mã sha256 đã khai",
                    "what came has another sha256 than was said",
                ));
            }
            photo::take(&content, about.media_type.as_deref())
        });
        let photo = looked.await.map_err(|_| internal())??;
        let about = self.about();
        let new = NewAttachment {
            to: about.to().ok_or_else(internal)?,
            name: about.name.clone(),
            media_type: photo.media_type,
            width: photo.width,
            height: photo.height,
            taken_at: photo.said.taken_at,
            content: photo.bytes.into(),
        };
        let written = desk.attach(&Ask::by(actor.clone()), &new).await?;
        let taken_at_ms = photo.said.taken_at.map(Timestamp::as_ms);
        Ok(Done { attachment_id: written.id(), position: photo.said.position, taken_at_ms })
    }

    /// Ends it: nothing is left of what came.
    pub fn drop_it(&mut self) {
        self.progress.is_dropped = true;
        self.partials.forget(self.partial.about.id);
    }
}

fn part_of(folder: &Path, id: Uuid) -> PathBuf {
    folder.join(format!("{id}.part"))
}

fn words_of(folder: &Path, id: Uuid) -> PathBuf {
    folder.join(format!("{id}.json"))
}

fn timestamp(at: SystemTime) -> Timestamp {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn another() -> Problem {
    Problem::new(Code::IdempotencyMismatch, "mã id này đã dùng cho một tệp khác", "this id was used for another file")
        .at("Upload-Metadata")
}

fn too_many() -> Problem {
    Problem::new(
        Code::TooManyRequests,
        format!("bạn đang gửi dở {OPEN_MAX} tệp; hãy gửi xong hoặc huỷ bớt"),
        format!("{OPEN_MAX} of your files are on their way; finish or end some of them"),
    )
    .with("retry_after_s", 60)
}

fn wrong_offset(offset: u64) -> Problem {
    Problem::new(
        Code::WrongOffset,
        format!("máy chủ đã có {offset} byte: hãy gửi tiếp từ đó"),
        format!("the server has {offset} bytes: go on from there"),
    )
    .at("Upload-Offset")
    .with("offset", offset)
}

fn taken_over() -> Problem {
    Problem::new(
        Code::WrongOffset,
        "tệp này đang được gửi tiếp ở một yêu cầu khác",
        "another request goes on with this file",
    )
}

fn not_kept(error: &io::Error) -> Problem {
    if error.kind() == io::ErrorKind::StorageFull {
        return Problem::new(
            Code::DiskFull,
            "đĩa của máy chủ đã đầy: tệp chưa được nhận",
            "the server's disk is full: the file was not taken",
        );
    }
    tracing::error!(%error, "an upload cannot be kept");
    internal()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(id: u128, length: u64) -> About {
        About {
            id: Uuid::from_u128(id),
            owner: "an".to_owned(),
            length,
            name: "a.jpg".to_owned(),
            media_type: None,
            incident_id: Some(Uuid::from_u128(1)),
            log_entry_id: None,
            sha256: None,
        }
    }

    fn now() -> Timestamp {
        timestamp(SystemTime::now())
    }

    #[tokio::test]
    async fn an_upload_goes_a_day_after_its_last_byte_and_not_before() {
        let data = std::env::temp_dir().join(format!("trucban-partials-{}", Uuid::now_v7().simple()));
        let partials = Partials::in_folder(&data, now()).unwrap();
        let began = now();
        partials.begin(&about(7, 40), began).unwrap();
        let later = began.plus_s(EXPIRE_S - 5);
        let mut held = partials.take(Uuid::from_u128(7), "an").await.unwrap();
        held.add(0, Body::from(&b"\xff\xd8\xff\xe0 and so on"[..]), now).await.unwrap();
        held.progress.touched_at = later;
        drop(held);
        partials.drop_expired(later.plus_s(EXPIRE_S)).await;
        assert_eq!(partials.take(Uuid::from_u128(7), "an").await.unwrap().progress.offset, 14);
        partials.drop_expired(later.plus_s(EXPIRE_S + 1)).await;
        assert!(partials.take(Uuid::from_u128(7), "an").await.is_none());
        assert_eq!(fs::read_dir(data.join(FOLDER)).unwrap().count(), 0);
        fs::remove_dir_all(data).unwrap();
    }

    #[tokio::test]
    async fn a_start_finds_what_came_and_clears_away_what_belongs_to_nothing() {
        let data = std::env::temp_dir().join(format!("trucban-partials-{}", Uuid::now_v7().simple()));
        let partials = Partials::in_folder(&data, now()).unwrap();
        partials.begin(&about(7, 40), now()).unwrap();
        let mut held = partials.take(Uuid::from_u128(7), "an").await.unwrap();
        held.add(0, Body::from(&b"\xff\xd8\xff\xe0 and so on"[..]), now).await.unwrap();
        drop((held, partials));
        let folder = data.join(FOLDER);
        for stray in [format!("{}.part", Uuid::from_u128(8)), format!("{}.new", Uuid::from_u128(7)), "x".to_owned()] {
            fs::write(folder.join(stray), "left").unwrap();
        }
        let partials = Partials::in_folder(&data, now()).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        let held = partials.take(Uuid::from_u128(7), "an").await.unwrap();
        assert_eq!((held.progress.offset, held.about()), (14, &about(7, 40)));
        assert!(partials.take(Uuid::from_u128(7), "chi").await.is_none());
        fs::remove_dir_all(data).unwrap();
    }
}
