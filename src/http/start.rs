//! From a data folder to the live parts: open, seed, load, let the tasks run.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::app::{Live, now};
use super::long::LongQuestions;
use super::sign_in::SignIn;
use super::uploads::Uploads;
use crate::desk::{Desk, SystemClock};
use crate::domain::{Actor, Collection, Force, Problem};
use crate::feed::Feed;
use crate::files::{seed, simulate};
use crate::picture;
use crate::store::gpkg::{GpkgStore, OpenOptions};
use crate::store::{Store, StoreError};
use crate::tiles::Tiles;
use crate::watch;

/// The live parts and the tasks beside them.
pub struct Started {
    pub live: Live,
    /// End when the stop is asked for; the store may be closed after them.
    pub tasks: Vec<JoinHandle<()>>,
}

/// Whether invented data are served, and whether they move by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demo {
    Off,
    Still,
    Playing,
}

/// Opens `folder` and loads it. A new folder gets the reference ground; a demo also the invented records.
///
/// # Errors
/// A folder that is locked, damaged, or of the other kind (demo or real).
pub async fn start(
    folder: &Path,
    demo: Demo,
    address: SocketAddr,
    stopping: CancellationToken,
) -> anyhow::Result<Started> {
    let (path, options) = (folder.to_owned(), OpenOptions { address: format!("http://{address}") });
    let opened = tokio::task::spawn_blocking(move || GpkgStore::open(&path, &options)).await?;
    let store: Arc<dyn Store> = opened.map_err(|error| told_store(error, folder))?;
    match fill(store, folder, demo, stopping).await {
        Ok(started) => Ok(started),
        Err((store, error)) => {
            store.close().await;
            Err(error)
        }
    }
}

async fn fill(
    store: Arc<dyn Store>,
    folder: &Path,
    demo: Demo,
    stopping: CancellationToken,
) -> Result<Started, (Arc<dyn Store>, anyhow::Error)> {
    let filled = async {
        seed_folder(&store, demo != Demo::Off).await?;
        let picture = picture::start(Arc::clone(&store)).await?;
        let desk = Desk::new(Arc::clone(&store), picture.clone(), Arc::new(SystemClock));
        let feed = Feed::start(picture.clone(), Arc::clone(&store), now);
        let mut tasks = vec![watch::start(desk.clone(), stopping.clone())];
        let sign_in = if demo == Demo::Off {
            SignIn::loopback_admin()
        } else {
            let field_unit = field_unit(&picture);
            if demo == Demo::Playing {
                tasks.push(play(&desk, field_unit.map(|(id, _)| id), stopping));
            }
            SignIn::demo(folder, field_unit)?
        };
        let (tiles, uploads) = (Tiles::default(), Uploads::in_folder(folder)?);
        let long_questions = LongQuestions::default();
        let live = Live { store: Arc::clone(&store), picture, desk, feed, tiles, sign_in, uploads, long_questions };
        anyhow::Ok(Started { live, tasks })
    };
    filled.await.map_err(|error| (Arc::clone(&store), error))
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

/// The unit that the demo's field actor speaks for: the first of the border guard by its code, else the first.
fn field_unit(picture: &picture::PictureHandle) -> Option<(Uuid, Option<Force>)> {
    let view = picture.view(&Actor::system(), now());
    let is_guard = |shown: &picture::Shown<'_>| shown.text("force").is_some_and(|force| force == "border_guard");
    let unit = view
        .all(Collection::Units)
        .min_by_key(|unit| (!is_guard(unit), unit.text("code").map(std::borrow::Cow::into_owned), unit.id()))?;
    Some((unit.id(), is_guard(&unit).then_some(Force::BorderGuard)))
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
