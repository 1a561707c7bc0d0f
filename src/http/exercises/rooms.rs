//! The rooms of exercises: each a folder with a journal of its own, a picture, a desk, a feed, and everything that is
//! served of them, under `/exercises/CODE/`. Nothing of it can get into the real picture, since no part of the one knows the
//! other; accounts, sign-ins and the audit are the server's, so that nobody may more here than there.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::card::{Card, CardFile};
use crate::desk::{Ask, Desk, NewExercise, SystemClock, for_exercise, store_problem, take_exercise_ground};
use crate::domain::accountability::Timers;
use crate::domain::border_rules::BorderRules;
use crate::domain::exercise::Inject;
use crate::domain::quarter::Quarter;
use crate::domain::warning_rules::WarningRules;
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::feed::Feed;
use crate::http::app::{App, ExerciseMark, Live, Settings, now};
use crate::http::attachments::Partials;
use crate::http::directory::Directory;
use crate::http::front::Front;
use crate::http::limits::Limits;
use crate::http::long::LongQuestions;
use crate::http::router::front;
use crate::http::sign_in::SignIn;
use crate::http::tips::Tips;
use crate::http::uploads::Uploads;
use crate::picture::{self, PastPictures};
use crate::raster::Terrain;
use crate::report::beside::Rehearsed;
use crate::store::audit::Audit;
use crate::store::gpkg::{GpkgStore, OpenOptions};
use crate::store::tips::TipStore;
use crate::store::{Put, Store, StoreError};
use crate::tiles::Tiles;
use crate::watch;

/// Name of the folder inside the data folder.
const FOLDER: &str = "exercises";
/// What every address of a room begins with.
pub const PATH: &str = "/exercises/";
/// Most exercises that run at the same time, and most rooms that are open, those that are only read among them.
const RUNNING_MAX: usize = 4;
const OPEN_MAX: usize = 8;
/// Most exercises that one report tells of.
const REPORTED_MAX: usize = 24;
/// Most exercises of a year.
const A_YEAR_MAX: u32 = 999;

/// What the rooms share with the server.
pub struct Shares {
    /// The data folder.
    pub data: PathBuf,
    pub is_demo: bool,
    pub settings: Settings,
    pub metrics: PrometheusHandle,
    pub stopping: CancellationToken,
    pub base: String,
    pub timers: Timers,
    pub warnings: Arc<WarningRules>,
    pub border_rules: Arc<BorderRules>,
    pub limits: Limits,
    pub directory: Directory,
    pub sign_in: Arc<SignIn>,
    pub audit: Audit,
    /// The real records, from which an exercise takes its ground.
    pub store: Arc<dyn Store>,
}

/// The exercises of a data folder.
pub struct Exercises {
    folder: PathBuf,
    shares: Shares,
    open: RwLock<BTreeMap<String, Arc<Room>>>,
    /// Held while a room is made, opened or shut.
    at_door: tokio::sync::Mutex<()>,
}

/// What a room knows of itself.
pub struct Inside {
    /// What happens in it, given or still to come.
    pub script: Arc<[Inject]>,
}

/// One room.
pub struct Room {
    pub card: Card,
    pub front: Front,
    desk: Desk,
    folder: PathBuf,
    script: Arc<[Inject]>,
    store: Arc<dyn Store>,
    /// Ends what is done by itself.
    stop: CancellationToken,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Exercises {
    /// The exercises of a data folder; those that run go on.
    ///
    /// # Errors
    /// What the system said of the folder.
    pub async fn open(shares: Shares) -> io::Result<Self> {
        let folder = shares.data.join(FOLDER);
        let all = Self { folder, shares, open: RwLock::default(), at_door: tokio::sync::Mutex::default() };
        for file in all.files()?.into_iter().filter(|file| file.card.finished_at.is_none()) {
            let code = file.card.code.clone();
            // An exercise that cannot go on keeps nobody from the real work.
            if let Err(problem) = all.room(&code).await {
                tracing::error!(exercise = %code, %problem, "the room of an exercise does not open");
            }
        }
        Ok(all)
    }

    /// All of them, the newest first.
    ///
    /// # Errors
    /// `internal` with what the system said.
    pub fn list(&self) -> Result<Vec<Card>, Problem> {
        let mut cards: Vec<Card> =
            self.files().map_err(|error| unreadable(&error))?.into_iter().map(|f| f.card).collect();
        for card in &mut cards {
            card.finished_at = self.opened(&card.code).map_or(card.finished_at, |room| room.finished_at());
        }
        cards.sort_by_key(|card| std::cmp::Reverse(card.started_at));
        Ok(cards)
    }

    /// What the report of `quarter` tells of those that ended in it, up to `until`; the first to end first.
    ///
    /// # Errors
    /// The problem of a room's store.
    pub async fn ended_in(&self, quarter: Quarter, until: Timestamp) -> Result<Vec<Rehearsed>, Problem> {
        let ended = |card: &Card| card.finished_at.is_some_and(|at| quarter.holds(at) && at <= until);
        let mut told = Vec::new();
        for card in self.list()?.into_iter().filter(ended).take(REPORTED_MAX) {
            let Some(room) = self.room(&card.code).await? else { continue };
            let picture = room.desk.picture().load();
            told.extend(picture.layer(Collection::Exercises).iter().filter_map(|one| Rehearsed::of(one, quarter)));
        }
        told.sort_by(|a, b| (a.finished_at, &a.code).cmp(&(b.finished_at, &b.code)));
        Ok(told)
    }

    /// Those that run.
    #[must_use]
    pub fn running(&self) -> Vec<Card> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.values().filter(|room| !room.is_over()).map(|room| room.card.clone()).collect()
    }

    /// The room with this code, opened if it is not; `None` if there is no such exercise.
    ///
    /// # Errors
    /// The problem of its store.
    pub async fn room(&self, code: &str) -> Result<Option<Arc<Room>>, Problem> {
        if let Some(room) = self.opened(code) {
            return Ok(Some(room));
        }
        let _one_at_a_time = self.at_door.lock().await;
        if let Some(room) = self.opened(code) {
            return Ok(Some(room));
        }
        if !is_code(code) {
            return Ok(None);
        }
        let folder = self.folder.join(code);
        let Some(file) = CardFile::read(&folder).map_err(|error| unreadable(&error))? else { return Ok(None) };
        self.make_place().await;
        let room = Arc::new(self.open_room(&folder, file).await?);
        if room.desk.exercise().is_none() {
            // The server ended while it was made: there is nothing in it yet.
            room.shut().await;
            fs::remove_dir_all(&folder).map_err(|error| unreadable(&error))?;
            return Ok(None);
        }
        room.go_on().await;
        self.put(Arc::clone(&room));
        Ok(Some(room))
    }

    /// Makes a room on the present ground and begins the exercise.
    ///
    /// # Errors
    /// `limit_exceeded` while [`RUNNING_MAX`] run; those of [`Desk::begin_exercise`]; the problem of either store.
    pub async fn begin(&self, ask: &Ask, mut new: NewExercise, script: Vec<Inject>) -> Result<Arc<Room>, Problem> {
        let _one_at_a_time = self.at_door.lock().await;
        // The same call makes the same exercise.
        let id = ask.idempotency.map_or_else(Uuid::now_v7, |once| Uuid::new_v5(&once.key, b"exercise"));
        if let Some(room) = self.running_as(id) {
            return Ok(room);
        }
        if self.running().len() >= RUNNING_MAX {
            return Err(Problem::new(
                Code::LimitExceeded,
                format!("đang có {RUNNING_MAX} cuộc diễn tập: hãy kết thúc một cuộc trước"),
                format!("{RUNNING_MAX} exercises run already: end one of them first"),
            ));
        }
        self.make_place().await;
        let (code, started_at) = (self.next_code(now())?, now());
        new.code.clone_from(&code);
        let card = Card {
            id,
            code: code.clone(),
            title: new.title.trim().to_owned(),
            place_text: new.place_text.clone(),
            forces: new.forces.clone(),
            started_at,
            finished_at: None,
        };
        let folder = self.folder.join(code);
        let begun = self.begin_in(&folder, CardFile { card, script }, ask, &new).await;
        if begun.is_err() && folder.exists() {
            // Nobody has been in it.
            if let Err(error) = fs::remove_dir_all(&folder) {
                tracing::warn!(%error, folder = %folder.display(), "a room that was not begun is left");
            }
        }
        begun
    }

    async fn begin_in(
        &self,
        folder: &Path,
        file: CardFile,
        ask: &Ask,
        new: &NewExercise,
    ) -> Result<Arc<Room>, Problem> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder).and_then(|()| file.write(folder));
        made.map_err(|error| unreadable(&error))?;
        let room = Arc::new(self.open_room(folder, file).await?);
        let begun = match room.take_ground(&self.shares.store).await {
            Ok(()) => room.desk.begin_exercise(ask, new).await.map(|_| ()),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = begun {
            room.shut().await;
            return Err(problem);
        }
        room.go_on().await;
        self.put(Arc::clone(&room));
        Ok(room)
    }

    /// Shuts all rooms.
    pub async fn close(&self) {
        let _nobody_else = self.at_door.lock().await;
        let rooms = std::mem::take(&mut *self.open.write().unwrap_or_else(PoisonError::into_inner));
        for room in rooms.into_values() {
            room.shut().await;
        }
    }

    fn opened(&self, code: &str) -> Option<Arc<Room>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(code).cloned()
    }

    fn running_as(&self, id: Uuid) -> Option<Arc<Room>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).values().find(|room| room.card.id == id).cloned()
    }

    fn put(&self, room: Arc<Room>) {
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(room.card.code.clone(), room);
    }

    /// Shuts the oldest room that is only read, if too many are open.
    async fn make_place(&self) {
        let oldest = {
            let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
            let over = open.iter().find(|(_, room)| room.is_over()).map(|(code, _)| code.clone());
            over.filter(|_| open.len() >= OPEN_MAX).and_then(|code| open.remove(&code))
        };
        if let Some(room) = oldest {
            room.shut().await;
        }
    }

    fn files(&self) -> io::Result<Vec<CardFile>> {
        let folders = match fs::read_dir(&self.folder) {
            Ok(folders) => folders,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for folder in folders {
            match CardFile::read(&folder?.path()) {
                Ok(file) => files.extend(file),
                Err(error) => tracing::warn!(%error, "the card of an exercise cannot be read"),
            }
        }
        Ok(files)
    }

    /// The first code of this year that no folder has.
    fn next_code(&self, now: Timestamp) -> Result<String, Problem> {
        let (year, _) = now.local_year_quarter();
        let free = (1..=A_YEAR_MAX).map(|n| format!("DT-{year}-{n:02}")).find(|code| !self.folder.join(code).exists());
        free.ok_or_else(|| {
            Problem::new(
                Code::LimitExceeded,
                format!("đã có {A_YEAR_MAX} cuộc diễn tập trong năm"),
                format!("there were {A_YEAR_MAX} exercises this year"),
            )
        })
    }

    async fn open_room(&self, folder: &Path, file: CardFile) -> Result<Room, Problem> {
        let shares = &self.shares;
        let (path, open) = (folder.to_owned(), OpenOptions { address: shares.base.clone() });
        let opened = tokio::task::spawn_blocking(move || GpkgStore::open(&path, &open)).await;
        let store: Arc<dyn Store> = opened.map_err(|_| broken("the store"))?.map_err(store_problem)?;
        match self.furnish(folder, file, &store).await {
            Ok(room) => Ok(room),
            Err(problem) => {
                store.close().await;
                Err(problem)
            }
        }
    }

    /// The parts of a room around its store, as `start.rs` puts together those of the real one.
    async fn furnish(&self, folder: &Path, file: CardFile, store: &Arc<dyn Store>) -> Result<Room, Problem> {
        let (shares, CardFile { card, script }) = (&self.shares, file);
        let script: Arc<[Inject]> = script.into();
        let told = |error: &dyn std::fmt::Display| broken(&error.to_string());
        let picture = picture::start(Arc::clone(store)).await.map_err(|error| told(&error))?;
        let stop = shares.stopping.child_token();
        let (roads, following) = watch::roads::start(&shares.data, shares.is_demo, stop.clone()).await;
        let desk = Desk::new(Arc::clone(store), picture.clone(), Arc::new(SystemClock))
            .with_timers(shares.timers)
            .with_warnings(Arc::clone(&shares.warnings), "exercise")
            .with_border_rules(Arc::clone(&shares.border_rules))
            .with_roads(roads)
            .with_exercise(card.id);
        let mark = ExerciseMark { id: card.id, code: card.code.clone(), title: card.title.clone() };
        let settings = Settings { public_tips: false, exercise: Some(mark), ..shares.settings.clone() };
        let app = App::new(settings, shares.metrics.clone(), shares.stopping.clone());
        // Tips are nobody's to rehearse with: the room has none, and no key to take one with.
        let tips = TipStore::open(folder).map_err(store_problem)?;
        app.go_live(Live {
            store: Arc::clone(store),
            past: PastPictures::new(Arc::clone(store), picture.clone()),
            feed: Feed::start(picture.clone(), Arc::clone(store), now),
            picture,
            desk: desk.clone(),
            tiles: Tiles::default(),
            directory: shares.directory.clone(),
            sign_in: Arc::clone(&shares.sign_in),
            oidc: None,
            uploads: Uploads::in_folder(folder).map_err(|error| told(&error))?,
            partials: Partials::in_folder(folder, now()).map_err(|error| told(&error))?,
            terrain: Terrain::beside(shares.data.clone()),
            tips: Tips::new(Arc::new(tips), &shares.limits),
            long_questions: LongQuestions::default(),
            audit: shares.audit.clone(),
            exercises: None,
            inside: Some(Inside { script: Arc::clone(&script) }),
        });
        let tasks = tokio::sync::Mutex::new(vec![following]);
        let (folder, store) = (folder.to_owned(), Arc::clone(store));
        Ok(Room { card, front: front(app), desk, folder, script, store, stop, tasks })
    }
}

impl Room {
    /// Whether it is only read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.desk.exercise().is_some_and(|sheet| sheet.is_over)
    }

    /// Takes over what the real picture is made of at this moment.
    async fn take_ground(&self, from: &Arc<dyn Store>) -> Result<(), Problem> {
        let (mut snapshot, now) = (from.snapshot().await.map_err(store_problem)?, self.desk.now());
        let read = tokio::task::spawn_blocking(move || -> Result<Vec<Put>, StoreError> {
            let mut puts = Vec::new();
            for collection in Collection::ALL {
                snapshot.records(collection, &mut |record, _| {
                    let (properties, id) = (record.properties_map(), record.id);
                    let personal = serde_json::Map::new();
                    let put = Put { collection, id, valid_at: None, geometry: record.geometry, properties, personal };
                    puts.extend(for_exercise(put, now));
                })?;
            }
            Ok(puts)
        });
        let puts = read.await.map_err(|_| broken("the ground"))?.map_err(store_problem)?;
        take_exercise_ground(self.store.as_ref(), self.card.id, puts).await
    }

    fn finished_at(&self) -> Option<Timestamp> {
        self.desk.exercise().and_then(|sheet| sheet.finished_at)
    }

    /// Lets be done by itself what is (timers, fences, levels, the script) until the exercise is over.
    async fn go_on(self: &Arc<Self>) {
        let mut tasks = self.tasks.lock().await;
        if !self.is_over() {
            tasks.push(watch::start(self.desk.clone(), self.store.leads(), self.stop.clone()));
            tasks.push(watch::injects::start(self.desk.clone(), Arc::clone(&self.script), self.stop.clone()));
        }
        let room = Arc::clone(self);
        tasks.push(tokio::spawn(async move { room.keep_door().await }));
    }

    /// Waits for the end, then writes it at the door and lets nothing be done by itself any more.
    async fn keep_door(&self) {
        let mut steps = self.desk.picture().subscribe();
        let over = async {
            while !self.is_over() {
                if matches!(steps.recv().await, Err(RecvError::Closed)) {
                    return;
                }
            }
        };
        if self.stop.run_until_cancelled(over).await.is_none() {
            return;
        }
        let card = Card { finished_at: self.finished_at(), ..self.card.clone() };
        if card.finished_at != self.card.finished_at
            && let Err(error) = (CardFile { card, script: self.script.to_vec() }).write(&self.folder)
        {
            tracing::warn!(%error, exercise = %self.card.code, "the card of an exercise that is over is not written");
        }
        self.stop.cancel();
    }

    async fn rest(&self) {
        self.stop.cancel();
        for task in self.tasks.lock().await.drain(..) {
            // One that panicked was logged; there is nothing left to wait for.
            let _ = task.await;
        }
    }

    async fn shut(&self) {
        self.rest().await;
        self.store.close().await;
    }
}

/// Whether this may be the code of an exercise, and so the name of a folder.
fn is_code(text: &str) -> bool {
    text.len() <= 20
        && text.strip_prefix("DT-").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
}

/// Code and rest of a path inside a room: `/exercises/DT-2026-01/duty` is `DT-2026-01` and `/duty`.
#[must_use]
pub fn inside(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix(PATH)?;
    match rest.find('/') {
        Some(end) => Some((&rest[..end], &rest[end..])),
        None => Some((rest, "/")),
    }
}

fn unreadable(error: &io::Error) -> Problem {
    broken(&error.to_string())
}

fn broken(why: &str) -> Problem {
    Problem::new(Code::Internal, format!("phòng diễn tập: {why}"), format!("the room of an exercise: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_inside_a_room_is_its_code_and_the_rest() {
        assert_eq!(inside("/exercises/DT-2026-01/api/feed"), Some(("DT-2026-01", "/api/feed")));
        assert_eq!(inside("/exercises/DT-2026-01"), Some(("DT-2026-01", "/")));
        assert_eq!(inside("/exercises/"), Some(("", "/")));
        assert_eq!(inside("/api/exercises"), None);
    }

    #[test]
    fn a_code_is_no_way_out_of_the_folder() {
        assert!(is_code("DT-2026-01"));
        for text in ["", "..", "DT-../x", "DT-2026/..", "dt-2026-01", "DT-2026-01\0"] {
            assert!(!is_code(text), "{text}");
        }
    }
}
