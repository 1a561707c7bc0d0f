//! The picture of an earlier moment: as it was known then, or as it is known now to have been.
//!
//! Whatever has not changed since is shared with the present picture; what has is read from the journal. So a moment of
//! this morning costs little, and one of last year as much as what has happened since.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::fold::Fold;
use super::{Feature, Layer, Picture, PictureHandle, View};
use crate::domain::change::Seq;
use crate::domain::evacuation::Standing;
use crate::domain::moment::Moment;
use crate::domain::{Actor, Change, Collection, Fix, Record, Timestamp};
use crate::store::{Store, StoreError};

/// Moments that are kept; whoever moves the slider back and forth finds them again.
const KEPT_MAX: usize = 8;
/// Moments that are made at one time: each may read much of the journal.
const MADE_AT_ONCE_MAX: usize = 1;
/// Positions that were told later than this are not looked for when asking what was true: a year of fixes would be
/// walked for each moment. A telephone that comes back after a patrol is hours late, not days.
const FIXES_LATE_MAX_S: i64 = 86_400;

/// Pictures of earlier moments, made when they are asked for. Cheap to clone.
#[derive(Clone)]
pub struct PastPictures {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn Store>,
    present: PictureHandle,
    making: Semaphore,
    /// The one used last stands last.
    kept: Mutex<Vec<(Key, Arc<Picture>)>>,
}

/// What makes two moments the same picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    known: Seq,
    /// Of a moment that is looked at with what was told later: up to where, and when it was.
    told_later: Option<(Seq, Timestamp)>,
}

impl PastPictures {
    /// Of this journal, whose fold is `present`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, present: PictureHandle) -> Self {
        let making = Semaphore::new(MADE_AT_ONCE_MAX);
        Self { shared: Arc::new(Shared { store, present, making, kept: Mutex::default() }) }
    }

    /// A moment as `actor` may see it at `now`.
    ///
    /// # Errors
    /// As [`PastPictures::of`].
    pub async fn view(&self, moment: Moment, actor: Arc<Actor>, now: Timestamp) -> Result<View, StoreError> {
        let past = self.of(moment).await?;
        Ok(View::of_past(past, moment.at, self.shared.present.load(), actor, now))
    }

    /// The picture of a moment. Its seq is the newest that was recorded by then. Whoever stops waiting does not stop it
    /// from being made: who asks again finds it.
    ///
    /// # Errors
    /// [`StoreError`] if the journal cannot be read.
    pub async fn of(&self, moment: Moment) -> Result<Arc<Picture>, StoreError> {
        let shared = &self.shared;
        let held = shared.present.load().seq;
        let known = shared.store.seq_at(moment.at).await?.min(held);
        let told_later = if moment.is_as_known_then() {
            None
        } else {
            Some((shared.store.seq_at(moment.known_at).await?.min(held), moment.at))
        };
        let key = Key { known, told_later };
        if let Some(picture) = shared.kept(key) {
            return Ok(picture);
        }
        let making = tokio::spawn(Arc::clone(shared).in_turn(moment, key));
        making.await.map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

impl Shared {
    /// Makes it, unless it has been made by the time its turn comes.
    async fn in_turn(self: Arc<Self>, moment: Moment, key: Key) -> Result<Arc<Picture>, StoreError> {
        let gone = |_| StoreError::Unavailable("no more moments are made".to_owned());
        let _turn = self.making.acquire().await.map_err(gone)?;
        if let Some(picture) = self.kept(key) {
            return Ok(picture);
        }
        let picture = Arc::new(self.make(moment, key).await?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push((key, Arc::clone(&picture)));
        Ok(picture)
    }

    fn kept(&self, key: Key) -> Option<Arc<Picture>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(of, _)| *of == key)?;
        let found = kept.remove(at);
        let picture = Arc::clone(&found.1);
        kept.push(found);
        Some(picture)
    }

    async fn make(&self, moment: Moment, key: Key) -> Result<Picture, StoreError> {
        let present = self.present.load();
        let known = key.known;
        let changed = blocking({
            let present = Arc::clone(&present);
            move || changed_since(&present, known)
        })
        .await?;
        let mut before = self.store.known_at(known, changed).await?;
        let mut fixes_through = known;
        if let Some((through, _)) = key.told_later {
            let late = self.store.told_late(moment.at, known, through).await?;
            self.tell(&mut before, &present, moment.at, known, late).await?;
            fixes_through = self.store.seq_at(moment.at.plus_s(FIXES_LATE_MAX_S)).await?.min(through);
        }
        // As it was known then, a fix of a clock that is a little fast counts as it did.
        let taken_by = if moment.is_as_known_then() { moment.at.plus_s(FIXES_LATE_MAX_S) } else { moment.at };
        let fixes = self.store.fixes_known_at(fixes_through, taken_by).await?;
        blocking(move || build(&present, known, before, fixes)).await
    }

    /// Puts what was told later, of what was true by then, into what was known. What a later report left as it was stays
    /// as it was known: of a late report the fields that it changed count, and no others.
    async fn tell(
        &self,
        before: &mut Vec<Change>,
        present: &Picture,
        at_moment: Timestamp,
        known: Seq,
        late: Vec<Change>,
    ) -> Result<(), StoreError> {
        let mut at: HashMap<(Collection, Uuid), usize> =
            before.iter().enumerate().map(|(n, change)| ((change.collection, change.record.id), n)).collect();
        for change in late {
            let (collection, id) = (change.collection, change.record.id);
            let former = self.store.known_at(change.seq - 1, vec![(collection, id)]).await?.pop();
            let place = at.get(&(collection, id)).copied();
            let stood = match place {
                Some(place) => Some(before[place].clone()),
                None => unchanged(present, collection, id, known).map(|record| Change { record, ..change.clone() }),
            };
            let told = match (stood, former) {
                (Some(stood), Some(former)) => {
                    let mut record = merged(&stood.record, &former.record, &change.record);
                    if collection == Collection::Households {
                        record = with_reports_until(record, at_moment);
                    }
                    Change { record: Arc::new(record), ..change }
                }
                // The first that was ever told of it.
                (_, None) => change,
                // It came to be later than the moment: a change of it cannot have been true before.
                (None, Some(_)) => continue,
            };
            match place {
                Some(place) => before[place] = told,
                None => {
                    at.insert((collection, id), before.len());
                    before.push(told);
                }
            }
        }
        Ok(())
    }
}

/// The record as the present picture has it, if it has not changed since.
fn unchanged(present: &Picture, collection: Collection, id: Uuid, known: Seq) -> Option<Arc<Record>> {
    let feature = present.layer(collection).get(id)?;
    (feature.seq <= known).then(|| Arc::new(feature.record()))
}

/// `stood` with what changed from `former` to `told`.
fn merged(stood: &Record, former: &Record, told: &Record) -> Record {
    Record {
        geometry: if told.geometry == former.geometry { stood.geometry.clone() } else { told.geometry.clone() },
        properties: merged_text(&stood.properties, &former.properties, &told.properties),
        personal: match (&stood.personal, &former.personal, &told.personal) {
            (stood, former, told) if told == former => stood.clone(),
            (Some(stood), former, Some(told)) => Some(merged_text(stood, former.as_deref().unwrap_or("{}"), told)),
            (_, _, told) => told.clone(),
        },
        ..told.clone()
    }
}

/// A household by what was true of it until a moment: its reports are one list, so a late one brings along those of later
/// times that were told before it.
fn with_reports_until(mut record: Record, at: Timestamp) -> Record {
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let (mut properties, mut personal) =
        (object(&record.properties), object(record.personal.as_deref().unwrap_or("{}")));
    let mut standing = Standing::of(&properties, &personal);
    standing.reports.retain(|report| report.at.is_none_or(|told_of| told_of <= at));
    standing.write(&mut properties, &mut personal);
    let text = |object: &Map<String, Value>| serde_json::to_string(object).map(String::into_boxed_str).ok();
    record.properties = text(&properties).unwrap_or(record.properties);
    record.personal = if personal.is_empty() { None } else { text(&personal) };
    record
}

fn merged_text(stood: &str, former: &str, told: &str) -> Box<str> {
    // Whatever the journal holds is an object; were it not, the later word stands as it is.
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text);
    let (Ok(mut merged), Ok(former), Ok(now)) = (object(stood), object(former), object(told)) else {
        return told.into();
    };
    for name in former.keys().filter(|name| !now.contains_key(*name)) {
        merged.remove(name);
    }
    for (name, value) in now {
        if former.get(&name) != Some(&value) {
            merged.insert(name, value);
        }
    }
    serde_json::to_string(&merged).map_or_else(|_| told.into(), String::into_boxed_str)
}

/// The records that stood at `known` and changed after it, and all units, whose seq is that of their fix too. A first version
/// has nothing before it to look for: most of a year's records (the log above all) are never changed.
fn changed_since(present: &Picture, known: Seq) -> Vec<(Collection, Uuid)> {
    let mut changed = Vec::new();
    for collection in Collection::ALL {
        let layer = present.layer(collection);
        if collection != Collection::Units && layer.version() <= known {
            continue;
        }
        let is_wanted =
            |feature: &&Arc<Feature>| collection == Collection::Units || (feature.seq > known && feature.version > 1);
        changed.extend(layer.iter().filter(is_wanted).map(|feature| (collection, feature.id)));
    }
    changed
}

/// The picture at `known`: what of the present one is that old, and `before` in the place of the rest.
fn build(present: &Picture, known: Seq, before: Vec<Change>, fixes: Vec<(Fix, Seq)>) -> Picture {
    let mut brought: [Vec<Feature>; Collection::ALL.len()] = std::array::from_fn(|_| Vec::new());
    for change in before {
        let record = Arc::unwrap_or_clone(change.record);
        brought[change.collection.index()].push(Feature::new(change.collection, record, change.seq));
    }
    let mut fold = Fold::of_fixes(fixes);
    let mut layers: [Arc<Layer>; Collection::ALL.len()] = std::array::from_fn(|_| Arc::default());
    // Stations come before units in the order of collections, so that a unit finds its post.
    for collection in Collection::ALL {
        let (layer, brought) = (&present.layers[collection.index()], std::mem::take(&mut brought[collection.index()]));
        if collection == Collection::Units {
            let stations = Arc::clone(&layers[Collection::Stations.index()]);
            let units = brought.into_iter().map(|unit| fold.place(unit, &stations)).map(Arc::new);
            layers[collection.index()] = Arc::new(layer_of(units.collect()));
        } else if brought.is_empty() && layer.version() <= known {
            layers[collection.index()] = Arc::clone(layer);
        } else {
            let mut features: Vec<Arc<Feature>> =
                layer.iter().filter(|feature| feature.seq <= known).map(Arc::clone).collect();
            // Of several with one id the last one counts.
            features.extend(brought.into_iter().map(Arc::new));
            layers[collection.index()] = Arc::new(layer_of(features));
        }
    }
    Picture { seq: known, layers, unit_records: known, reduced: Arc::default(), inside: Arc::default() }
}

fn layer_of(features: Vec<Arc<Feature>>) -> Layer {
    let version = features.iter().map(|feature| feature.seq).max().unwrap_or(0);
    Layer::new(features, version)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable(error.to_string()))
}
