//! What all handlers share. Cheap to clone; made before the picture is loaded, so that `/health/ready` can say so.

use std::sync::{Arc, OnceLock};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::attachments::Partials;
use super::directory::Directory;
use super::error::{Refusal, starting};
use super::exercises::{Exercises, Inside, rooms};
use super::long::LongQuestions;
use super::oidc::Oidc;
use super::sign_in::SignIn;
use super::tips::Tips;
use super::tls::AuthorityCertificate;
use super::uploads::Uploads;
use crate::desk::{Clock, Desk, SystemClock};
use crate::domain::change::Seq;
use crate::domain::{Actor, Timestamp};
use crate::feed::Feed;
use crate::picture::{PastPictures, PictureHandle};
use crate::raster::Terrain;
use crate::report::sheet::Letterhead;
use crate::store::Store;
use crate::store::audit::Audit;
use crate::tiles::Tiles;

/// The shared parts.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    /// Set once, when the picture is loaded.
    live: OnceLock<Live>,
    metrics: PrometheusHandle,
    /// Told when the server stops: feeds end, long waits are given up.
    stopping: CancellationToken,
}

/// What the configuration decides about answers.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Demo data and demo actors.
    pub demo: bool,
    /// Names besides loopback ones under which the server may be asked.
    pub hosts: Vec<String>,
    /// A proxy stands in front and says where requests come from.
    pub behind_proxy: bool,
    /// Anybody may give a tip on a page of its own.
    pub public_tips: bool,
    /// The exercise whose room this is.
    pub exercise: Option<ExerciseMark>,
    /// What stands above and below reports that are signed.
    pub letterhead: Letterhead,
    /// What telephones install, if the server's certificate is of an authority of its own.
    pub authority: Option<Arc<AuthorityCertificate>>,
}

/// What marks everything that comes out of the room of an exercise.
#[derive(Clone, Debug)]
pub struct ExerciseMark {
    pub id: Uuid,
    pub code: String,
    pub title: String,
}

/// The parts that exist once the data is loaded.
pub struct Live {
    pub store: Arc<dyn Store>,
    pub picture: PictureHandle,
    /// Earlier moments.
    pub past: PastPictures,
    pub desk: Desk,
    pub feed: Feed,
    pub tiles: Tiles,
    pub directory: Directory,
    pub sign_in: Arc<SignIn>,
    /// The provider by which one may come in too.
    pub oidc: Option<Oidc>,
    pub uploads: Uploads,
    /// Photos on their way in.
    pub partials: Partials,
    /// What is known of the ground.
    pub terrain: Terrain,
    pub tips: Tips,
    pub long_questions: LongQuestions,
    pub audit: Audit,
    /// The rooms of exercises; none within one.
    pub exercises: Option<Exercises>,
    /// What the room of an exercise knows of itself.
    pub inside: Option<Inside>,
}

impl App {
    /// An app whose data is still to come.
    #[must_use]
    pub fn new(settings: Settings, metrics: PrometheusHandle, stopping: CancellationToken) -> Self {
        Self { shared: Arc::new(Shared { settings, live: OnceLock::new(), metrics, stopping }) }
    }

    /// The data is loaded. Called once.
    pub fn go_live(&self, live: Live) {
        let first = self.shared.live.set(live).is_ok();
        debug_assert!(first, "an app goes live once");
    }

    /// The live parts.
    ///
    /// # Errors
    /// `store_unavailable` while they are being loaded.
    pub fn live(&self) -> Result<&Live, Refusal> {
        self.shared.live.get().ok_or_else(|| starting().into())
    }

    /// Shuts the rooms of exercises; before the store is closed.
    pub async fn shut_rooms(&self) {
        if let Some(exercises) = self.shared.live.get().and_then(|live| live.exercises.as_ref()) {
            exercises.close().await;
        }
    }

    /// The configuration.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// What stands before every address of this room: nothing, or `/exercises/CODE`.
    #[must_use]
    pub fn prefix(&self) -> String {
        self.settings().exercise.as_ref().map_or_else(String::new, |mark| format!("{}{}", rooms::PATH, mark.code))
    }

    /// Told when the server stops.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.shared.stopping
    }

    /// The figures of `/metrics`.
    #[must_use]
    pub fn metrics(&self) -> &PrometheusHandle {
        &self.shared.metrics
    }
}

impl Live {
    /// The newest seq that the picture holds.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.picture.view(&Actor::system(), now()).seq()
    }
}

/// The clock of the machine, which never goes back. The one place of this room that reads it.
#[must_use]
pub fn now() -> Timestamp {
    SystemClock.now()
}
