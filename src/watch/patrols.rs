//! Patrols: those that are overdue by time, and how far they have come by fixes. What is gathered between two writes is
//! small and may be lost with the process: half a kilometre of each patrol.

use std::collections::HashMap;
use std::sync::Arc;

use geo_types::Geometry;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::turning::{RETRY, Turning, touches};
use crate::desk::{Desk, Way};
use crate::domain::fence::{ALARM_FIX_AGE_S_MAX, Kind, Seen, Standing, State, Track};
use crate::domain::patrol::{length_km, overdue_at};
use crate::domain::{Collection, Event, Fix, FixSource, Problem, Timestamp};
use crate::picture::{Feature, FenceShape, Picture, Published};

/// So many new kilometres are written down at once.
const WRITTEN_KM: f64 = 0.5;
/// What is gathered is written down after this at the latest, seconds of fix time.
const WRITTEN_S: i64 = 300;

/// Turns patrols that are overdue.
#[derive(Clone, Copy)]
pub(super) struct Overdue;

impl Turning for Overdue {
    const OF: Collection = Collection::Patrols;

    fn turns(&self, picture: &Arc<Picture>, _now: Timestamp) -> Vec<(Uuid, Timestamp)> {
        let open = picture.layer(Collection::Patrols).iter().filter(|patrol| !patrol.is_ended());
        let due = |patrol: &Feature| {
            overdue_at(&patrol.text("state")?, time(patrol, "planned_start"), time(patrol, "planned_end"))
        };
        open.filter_map(|patrol| Some((patrol.id, due(patrol)?))).collect()
    }

    async fn turn(&self, desk: &Desk, id: Uuid) -> Result<(), Problem> {
        desk.turn_patrol(id).await.map(|_| ())
    }
}

/// Patrols that are out.
#[derive(Default)]
struct Out {
    patrols: HashMap<Uuid, Followed>,
}

#[derive(Default)]
struct Followed {
    /// The newest fix of each unit that goes.
    units: HashMap<Uuid, Option<Fix>>,
    gathered: Way,
    /// Fix time of the first fix since the last write.
    since: Option<Timestamp>,
    fence: Option<Corridor>,
}

/// How far one may be from the stretch.
struct Corridor {
    shape: FenceShape,
    standing: Standing,
    tracks: HashMap<Uuid, (Track, Option<Timestamp>)>,
}

/// What shall be told.
enum News {
    Way(Uuid, Way),
    Strayed { patrol: Uuid, unit: Uuid, at: Timestamp, is_away: bool },
}

/// Runs until `stop`; follows patrols while this process `leads`.
pub(super) async fn follow(desk: Desk, mut leads: watch::Receiver<bool>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            led = leads.wait_for(|leads| *leads) => if led.is_err() { return },
        }
        let lost = async {
            let _ = leads.wait_for(|leads| !*leads).await;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = lost => {}
            () = hear(&desk) => return,
        }
    }
}

async fn hear(desk: &Desk) {
    let mut steps = desk.picture().subscribe();
    let mut out = Out::default();
    let _ = out.learn(&desk.picture().load());
    loop {
        let news = match steps.recv().await {
            Ok(step) => out.step(desk, &step),
            // Kilometres between are not known then: nothing else follows from it.
            Err(RecvError::Lagged(_)) => out.learn(&desk.picture().load()),
            Err(RecvError::Closed) => return,
        };
        for news in news {
            while let Err(problem) = tell(desk, &news).await {
                if !problem.code.may_pass() {
                    tracing::error!(%problem, "what a patrol did cannot be written down");
                    break;
                }
                tracing::warn!(%problem, "what a patrol did was not written down; it is tried again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn tell(desk: &Desk, news: &News) -> Result<(), Problem> {
    match news {
        News::Way(patrol, way) => desk.tell_way(*patrol, way).await.map(|_| ()),
        News::Strayed { patrol, unit, at, is_away } => {
            desk.tell_strayed(*patrol, *unit, *at, *is_away).await.map(|_| ())
        }
    }
}

impl Out {
    fn step(&mut self, desk: &Desk, step: &Arc<Published>) -> Vec<News> {
        let mut news = Vec::new();
        for event in step.events.iter() {
            if let Event::Fixes(batch) = event {
                for fix in batch.fixes.iter().filter(|fix| fix.source != FixSource::Post) {
                    for (patrol, followed) in &mut self.patrols {
                        news.extend(followed.hear(*patrol, desk, fix));
                    }
                }
            }
        }
        if touches(step, Collection::Patrols) {
            news.extend(self.learn(&step.picture));
        }
        news
    }

    /// Brings what is followed to the patrols of the picture; what was gathered of one that is over is told.
    fn learn(&mut self, picture: &Picture) -> Vec<News> {
        let is_out = |patrol: &&Arc<Feature>| {
            matches!(patrol.text("state").as_deref(), Some("under_way" | "overdue"))
                && time(patrol, "started_at").is_some()
        };
        let mut before = std::mem::take(&mut self.patrols);
        for patrol in picture.layer(Collection::Patrols).iter().filter(is_out) {
            let mut followed = before.remove(&patrol.id).unwrap_or_default();
            let goes: Vec<Uuid> =
                patrol.value("unit_ids").and_then(|ids| serde_json::from_value(ids).ok()).unwrap_or_default();
            followed.units.retain(|unit, _| goes.contains(unit));
            for unit in goes {
                followed.units.entry(unit).or_insert(None);
            }
            if followed.fence.is_none() {
                followed.fence = Corridor::of(patrol);
            }
            self.patrols.insert(patrol.id, followed);
        }
        let over = before.into_iter().filter(|(_, followed)| followed.gathered != Way::default());
        over.map(|(patrol, followed)| News::Way(patrol, followed.gathered)).collect()
    }
}

impl Followed {
    fn hear(&mut self, patrol: Uuid, desk: &Desk, fix: &Fix) -> Vec<News> {
        let Some(before) = self.units.get_mut(&fix.unit_id) else { return Vec::new() };
        let way = desk.way_of(patrol, before.as_ref(), fix);
        *before = Some(fix.clone());
        self.gathered.add(way);
        let mut news: Vec<News> = Vec::new();
        let since = *self.since.get_or_insert(fix.at);
        let is_much = length_km(&self.gathered.passed) >= WRITTEN_KM
            || !self.gathered.points.is_empty()
            || fix.at.seconds_since(since) >= WRITTEN_S;
        if is_much && self.gathered != Way::default() {
            self.since = None;
            news.push(News::Way(patrol, std::mem::take(&mut self.gathered)));
        }
        let is_fresh = desk.now().seconds_since(fix.at) <= ALARM_FIX_AGE_S_MAX;
        let strayed = self.fence.as_mut().and_then(|fence| fence.hear(fix)).filter(|(_, is_away)| is_fresh || !is_away);
        news.extend(strayed.map(|(at, is_away)| News::Strayed { patrol, unit: fix.unit_id, at, is_away }));
        news
    }
}

impl Corridor {
    fn of(patrol: &Feature) -> Option<Self> {
        let fence_m = patrol.number("fence_m")?;
        let stretch: &Geometry = patrol.geometry.as_ref()?;
        let standing = Standing { begins: time(patrol, "started_at")?, ends: None, dwell_s: None };
        Some(Self { shape: FenceShape::new(stretch, fence_m), standing, tracks: HashMap::new() })
    }

    /// Whether a unit has left the corridor by this fix, or is back in it, and when.
    fn hear(&mut self, fix: &Fix) -> Option<(Timestamp, bool)> {
        let (track, through) =
            self.tracks.entry(fix.unit_id).or_insert_with(|| (Track::new(State::Unknown, None), None));
        track.take(Seen { at: fix.at, side: self.shape.side(fix.lon, fix.lat, fix.accuracy_m) });
        let (events, _) = track.story(&self.standing);
        track.settle(&self.standing);
        let last = events.into_iter().rfind(|event| through.is_none_or(|through| through < event.at))?;
        *through = Some(last.at);
        Some((last.at, last.kind == Kind::Left))
    }
}

fn time(feature: &Feature, name: &str) -> Option<Timestamp> {
    feature.text(name).and_then(|text| Timestamp::parse(&text).ok())
}
