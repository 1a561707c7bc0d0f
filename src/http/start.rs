//! From a data folder to the live parts: open, seed, load, let the tasks run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::app::{App, Live, now};
use super::attachments::{self, Partials};
use super::config::Replay;
use super::demo::{self, Cast};
use super::directory::{Directory, Entry};
use super::exercises::{Exercises, Shares};
use super::limits::Limits;
use super::long::LongQuestions;
use super::oidc::{Oidc, OidcConfig};
use super::setup;
use super::sign_in::SignIn;
use super::tips::Tips;
use super::uploads::Uploads;
use crate::desk::{Clock, Desk, SystemClock};
use crate::domain::accountability::Timers;
use crate::domain::border_rules::BorderRules;
use crate::domain::warning_rules::WarningRules;
use crate::domain::{Actor, Problem};
use crate::feed::Feed;
use crate::files::replay::{self, Night, Pace};
use crate::files::{seed, simulate};
use crate::picture::{self, PastPictures, View};
use crate::raster::Terrain;
use crate::store::audit::Audit;
use crate::store::gpkg::{GpkgStore, OpenOptions};
use crate::store::postgis::{self, Database, PgStore};
use crate::store::replica::PostgresLogs;
use crate::store::system::System;
use crate::store::tips::TipStore;
use crate::store::{Store, StoreError};
use crate::tiles::Tiles;
use crate::watch;

/// The live parts and the tasks beside them.
pub struct Started {
    pub live: Live,
    /// End when the stop is asked for; the store may be closed after them.
    pub tasks: Vec<JoinHandle<()>>,
    /// The link that makes the first administrator, while there is no account.
    pub setup_link: Option<String>,
}

/// How the server starts.
pub struct StartOptions {
    pub entry: Entry,
    /// Units of a demo move and incidents come in by themselves.
    pub simulation: bool,
    /// A demo plays a night again.
    pub replay: Option<Replay>,
    /// Where browsers reach the server: scheme, host and port.
    pub base: String,
    pub clock: Arc<dyn Clock>,
    /// How long is waited for answers in the field.
    pub timers: Timers,
    /// How warnings go out.
    pub warnings: Arc<WarningRules>,
    /// How levels of border sectors are proposed.
    pub border_rules: Arc<BorderRules>,
    /// The room is in an exercise: what it warns of says so.
    pub exercise: bool,
    /// The provider by which one may come in too.
    pub oidc: Option<OidcConfig>,
    pub limits: Limits,
    /// Where the records are, if not in the folder's own file.
    pub database: Option<Database>,
    /// As whom the database is brought up to this version before it is opened.
    pub migrate_as: Option<Database>,
}

impl StartOptions {
    /// At this address by the clock of the machine; a demo stands still.
    #[must_use]
    pub fn new(entry: Entry, address: SocketAddr) -> Self {
        let (base, clock) = (format!("http://{address}"), Arc::new(SystemClock));
        let (limits, timers) = (Limits::default(), Timers::default());
        let (oidc, database, migrate_as, replay) = (None, None, None, None);
        let (warnings, border_rules, exercise) = (WarningRules::shipped(), BorderRules::shipped(), false);
        Self {
            entry,
            simulation: false,
            replay,
            base,
            clock,
            timers,
            warnings,
            border_rules,
            exercise,
            oidc,
            limits,
            database,
            migrate_as,
        }
    }
}

/// Opens `folder` and loads it. A new folder gets the reference ground; a demo also the invented records. With a
/// database the records are there, and the folder holds this node's audit and its replicas of the accounts and tips.
///
/// # Errors
/// A folder that is locked, damaged, or of the other kind (demo or real); a database that cannot be opened;
/// `Everybody` where there are accounts.
pub async fn start(folder: &Path, mut options: StartOptions, app: &App) -> anyhow::Result<Started> {
    let logs = options.database.clone().map(PostgresLogs::start).transpose()?;
    let store: Arc<dyn Store> = match options.database.take() {
        Some(database) => open_database(database, folder, &options).await?,
        None => {
            let (path, open) = (folder.to_owned(), OpenOptions { address: options.base.clone() });
            let opened = tokio::task::spawn_blocking(move || GpkgStore::open(&path, &open)).await?;
            opened.map_err(|error| told_store(error, folder))?
        }
    };
    match fill(&store, folder, logs, options, app).await {
        Ok(started) => Ok(started),
        Err(error) => {
            store.close().await;
            Err(error)
        }
    }
}

async fn open_database(database: Database, folder: &Path, options: &StartOptions) -> anyhow::Result<Arc<PgStore>> {
    if let Some(owner) = &options.migrate_as {
        postgis::migrate(owner).await.with_context(|| format!("cannot migrate {owner}"))?;
    }
    let name = database.to_string();
    match PgStore::open(database, Some(folder), &options.base).await {
        Err(StoreError::Refused(problem)) => Err(told(&problem)),
        opened => opened.with_context(|| format!("cannot open {name}")),
    }
}

async fn fill(
    store: &Arc<dyn Store>,
    folder: &Path,
    logs: Option<PostgresLogs>,
    mut options: StartOptions,
    app: &App,
) -> anyhow::Result<Started> {
    let stopping = app.stopping().clone();
    let is_demo = options.entry == Entry::Demo;
    let audit = open_audit(folder).await?;
    seed_folder(store, is_demo).await?;
    let picture = picture::start(Arc::clone(store)).await?;
    let (roads, following) = watch::roads::start(folder, is_demo, stopping.clone()).await;
    // What is invented is never sent as if it were real.
    let status = if is_demo {
        "test"
    } else if options.exercise {
        "exercise"
    } else {
        "actual"
    };
    let desk = Desk::new(Arc::clone(store), picture.clone(), Arc::new(SystemClock))
        .with_timers(options.timers)
        .with_warnings(Arc::clone(&options.warnings), status)
        .with_border_rules(Arc::clone(&options.border_rules))
        .with_roads(roads);
    let feed = Feed::start(picture.clone(), Arc::clone(store), now);
    let cast = if is_demo { Cast::of(&picture, now()) } else { Cast::default() };
    let mut tasks = vec![following, watch::start(desk.clone(), store.leads(), stopping.clone())];
    if is_demo && options.simulation {
        tasks.push(play(&desk, cast.field_unit.map(|(id, _)| id), stopping.clone()));
    }
    if let Some(replay) = options.replay.filter(|_| is_demo) {
        let pace = replay.pause.map_or_else(|| Pace::OnCall(enter_keys()), Pace::Every);
        tasks.push(play_again(&desk, pace, stopping.clone()));
    }
    let (uploads, partials) = (Uploads::in_folder(folder)?, Partials::in_folder(folder, now())?);
    tasks.push(tokio::spawn(attachments::sweep(desk.clone(), partials.clone(), store.leads(), stopping.clone())));
    let oidc = open_oidc(options.oidc.take(), &options.base, &picture.view(&Actor::system(), now()))?;
    let tips = open_tips(folder.to_owned(), logs.clone(), is_demo, &options.limits).await?;
    tasks.push(tips.keep_told(desk.clone(), store.leads(), stopping.clone()));
    let sign_in = Arc::new(SignIn::within(&options.limits));
    let (timers, warnings, limits) = (options.timers, Arc::clone(&options.warnings), options.limits.clone());
    let border_rules = Arc::clone(&options.border_rules);
    let base = options.base.clone();
    let (directory, setup_link) = open_directory(folder.to_owned(), logs, options, cast).await?;
    let exercises = Exercises::open(Shares {
        data: folder.to_owned(),
        is_demo,
        settings: app.settings().clone(),
        metrics: app.metrics().clone(),
        stopping: stopping.clone(),
        base,
        timers,
        warnings,
        border_rules,
        limits,
        directory: directory.clone(),
        sign_in: Arc::clone(&sign_in),
        audit: audit.clone(),
        store: Arc::clone(store),
    })
    .await?;
    tasks.push(tokio::spawn(directory.clone().follow(stopping)));
    let (tiles, long_questions) = (Tiles::default(), LongQuestions::default());
    let live = Live {
        store: Arc::clone(store),
        past: PastPictures::new(Arc::clone(store), picture.clone()),
        picture,
        desk,
        feed,
        tiles,
        directory,
        sign_in,
        oidc,
        uploads,
        partials,
        terrain: Terrain::beside(folder.to_owned()),
        tips,
        long_questions,
        audit,
        exercises: Some(exercises),
        inside: None,
    };
    Ok(Started { live, tasks, setup_link })
}

/// Opens the accounts, and makes what the way of coming in needs: the demo's actors, or the set-up link.
async fn open_directory(
    folder: PathBuf,
    logs: Option<PostgresLogs>,
    options: StartOptions,
    cast: Cast,
) -> anyhow::Result<(Directory, Option<String>)> {
    let StartOptions { entry, base, clock, limits, .. } = options;
    let opening = tokio::task::spawn_blocking(move || {
        let system = match logs {
            Some(logs) => System::open_shared(&folder, logs.system()),
            None => System::open(&folder),
        };
        let system = Arc::new(system.map_err(|error| told_store(error, &folder))?);
        let mut setup_link = None;
        match (entry, system.has_accounts()?) {
            (Entry::Demo, _) => demo::settle(&system, &folder, &cast, clock.now())?,
            (Entry::Accounts, false) => {
                setup_link = Some(setup::give_link(&system, &folder, &base, clock.now())?);
            }
            (Entry::Accounts, true) => setup::remove_link_file(&folder),
            (Entry::Everybody, false) => {}
            (Entry::Everybody, true) => bail!(
                "--no-accounts is for a folder without accounts, and this one has some (trucban user list)\n\
                 --no-accounts chỉ dùng khi thư mục chưa có tài khoản, mà thư mục này đã có (trucban user list)"
            ),
        }
        Ok((Directory::open(system, folder, entry, clock, limits)?, setup_link))
    });
    opening.await?
}

async fn open_audit(folder: &Path) -> anyhow::Result<Audit> {
    let path = folder.to_owned();
    let opened = tokio::task::spawn_blocking(move || Audit::open(&path)).await?;
    opened.with_context(|| format!("cannot open the audit in {}", folder.display()))
}

/// The provider, whose areas must be those of this ground. It is asked nothing yet.
fn open_oidc(config: Option<OidcConfig>, base: &str, ground: &View) -> anyhow::Result<Option<Oidc>> {
    let Some(config) = config else { return Ok(None) };
    config.check_areas(ground)?;
    Oidc::new(config, base).map(Some)
}

/// Opens the tips; a demo has a key for its handler.
async fn open_tips(
    folder: PathBuf,
    logs: Option<PostgresLogs>,
    is_demo: bool,
    limits: &Limits,
) -> anyhow::Result<Tips> {
    let opening = tokio::task::spawn_blocking(move || -> anyhow::Result<TipStore> {
        let tips = match logs {
            Some(logs) => TipStore::open_shared(&folder, logs.tips()),
            None => TipStore::open(&folder),
        };
        let tips = tips.map_err(|error| told_store(error, &folder))?;
        if is_demo {
            demo::give_tips_key(&tips)?;
        }
        Ok(tips)
    });
    Ok(Tips::new(Arc::new(opening.await??), limits))
}

async fn seed_folder(store: &Arc<dyn Store>, demo: bool) -> anyhow::Result<()> {
    if !demo && seed::is_demo(store).await.map_err(|problem| told(&problem))? {
        bail!(
            "this folder holds invented demo data and serves only with --demo; choose another folder for real data\n\
             thư mục này chứa dữ liệu minh hoạ, chỉ chạy với --demo; dữ liệu thật cần thư mục khác"
        );
    }
    let grounded = seed::ground(store, now()).await.map_err(|problem| told(&problem))?;
    let invented = if demo { seed::demo(store, now()).await.map_err(|problem| told(&problem))? } else { 0 };
    if grounded + invented > 0 {
        tracing::info!(seed.ground = grounded, seed.invented = invented, "a new folder was filled");
    }
    Ok(())
}

/// Lets the simulation play until the stop.
fn play(desk: &Desk, spared: Option<Uuid>, stopping: CancellationToken) -> JoinHandle<()> {
    let side = simulate::DeskSide::new(desk.clone(), spared.into_iter().collect());
    tokio::spawn(async move {
        let playing = simulate::simulate(&side, simulate::SimulationOptions::default());
        if let Some(Err(problem)) = stopping.run_until_cancelled(playing).await {
            tracing::warn!(%problem, "the simulation does not play");
        }
    })
}

/// Plays the night again, once.
fn play_again(desk: &Desk, pace: Pace, stopping: CancellationToken) -> JoinHandle<()> {
    let desk = desk.clone();
    tokio::spawn(async move {
        let playing = async { replay::replay(&desk, &Night::shipped()?, pace).await };
        if let Some(Err(problem)) = stopping.run_until_cancelled(playing).await {
            tracing::error!(%problem, "the night is not played any further");
        }
    })
}

/// One message for each line of the standard input. The thread that reads it ends with the process: a read of a terminal
/// cannot be broken off.
fn enter_keys() -> mpsc::Receiver<()> {
    let (sender, keys) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            if line.is_err() || sender.blocking_send(()).is_err() {
                return;
            }
        }
    });
    keys
}

/// What the store said, for the person at the command line.
fn told_store(error: StoreError, folder: &Path) -> anyhow::Error {
    match error {
        StoreError::Refused(problem) => told(&problem),
        error => anyhow::Error::new(error).context(format!("cannot open the data folder {}", folder.display())),
    }
}

fn told(problem: &Problem) -> anyhow::Error {
    anyhow!("{}\n{}", problem.detail_en, problem.detail_vi)
}
