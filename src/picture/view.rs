//! What one actor may see of the picture at one moment: the only way in which doors read.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::packed::{Metric, meet};
use super::reads::{ReadObserver, Watched};
use super::reduced::{Reduced, ReducedList};
use super::run::bbox_of;
use super::sight::{self, Eyes};
use super::{
    Along, AlongQuery, Exposure, Feature, Hit, Inside, ItemsPage, ItemsQuery, Layer, LogPage, LogQuery, Near,
    NearbyQuery, Picture, Shown, WithinQuery,
};
use super::{along, exposure, inside, items, json, log, nearby, search, within};
use crate::domain::access::{DataClass, Sight, class_of};
use crate::domain::change::Seq;
use crate::domain::{Actor, Collection, Role, Timestamp};

/// A snapshot seen by one actor at one moment.
pub struct View {
    picture: Arc<Picture>,
    actor: Arc<Actor>,
    now: Timestamp,
    /// The present picture and the present moment, where an earlier one is looked at: rights are those of the present.
    present: Option<(Arc<Picture>, Timestamp)>,
    /// The commune where the actor's unit has its task, for whoever sees by task.
    own_commune: Option<String>,
    /// What stands for households and units that are not seen one by one; taken when first asked for, so that records
    /// shown live as long as the view.
    households: OnceLock<ReducedList>,
    units: OnceLock<ReducedList>,
    /// What leaves is noted here, and told when the view ends.
    watched: Option<Watched>,
}

impl View {
    /// The picture as `actor` may see it at `now`.
    #[must_use]
    pub fn new(picture: Arc<Picture>, actor: Arc<Actor>, now: Timestamp) -> Self {
        let own_commune = sight::task_commune(&picture, &actor);
        Self {
            picture,
            actor,
            now,
            present: None,
            own_commune,
            households: OnceLock::new(),
            units: OnceLock::new(),
            watched: None,
        }
    }

    /// A picture of an earlier moment, as `actor` may see it in the present: by rights of today, and nothing of a record
    /// that is hidden from them today, whatever was thought of it then.
    #[must_use]
    pub fn of_past(
        past: Arc<Picture>,
        at: Timestamp,
        present: Arc<Picture>,
        actor: Arc<Actor>,
        now: Timestamp,
    ) -> Self {
        let own_commune = sight::task_commune(&present, &actor);
        Self { own_commune, present: Some((present, now)), ..Self::new(past, actor, at) }
    }

    /// Whether this is another moment than the present one.
    #[must_use]
    pub fn is_past(&self) -> bool {
        self.present.is_some()
    }

    /// The moment by which rights are judged and reading is noted.
    #[must_use]
    pub fn judged_at(&self) -> Timestamp {
        self.present.as_ref().map_or(self.now, |(_, now)| *now)
    }

    /// The same, whose restricted and personal records are told to `observer` once they have been written out. The
    /// view of a request lives until its answer is built.
    #[must_use]
    pub fn observed(mut self, observer: Box<dyn ReadObserver>) -> Self {
        self.watched = Some(Watched::new(observer, Arc::clone(&self.actor), self.judged_at()));
        self
    }

    /// The seq that this view holds.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.picture.seq
    }

    /// The moment of the view.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Writes `"timeStamp":…,"seq":…`: of when and of what an answer made from this view is.
    pub fn write_as_of(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"timeStamp\":");
        json::instant(self.now, out);
        out.extend_from_slice(b",\"seq\":");
        json::integer(self.seq(), out);
    }

    /// Who looks.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Hash of everything that decides what this view lets through; whatever is cached for many is keyed by it.
    #[must_use]
    pub fn lens(&self) -> u64 {
        // The same on every node and after a restart: the hasher has fixed keys.
        let mut lens = DefaultHasher::new();
        let Actor { name: _, role, force, unit_id, area, grants } = &*self.actor;
        (role, force, area, &self.own_commune).hash(&mut lens);
        // Its own unit is shown to a field actor as it is, whatever else is.
        (*role == Role::FieldUnit).then_some(unit_id).hash(&mut lens);
        for grant in grants.iter().filter(|grant| grant.is_in_force(self.judged_at())) {
            grant.hash(&mut lens);
        }
        lens.finish()
    }

    /// The last seq that changed what is shown of the collection.
    #[must_use]
    pub fn version(&self, collection: Collection) -> Seq {
        use Collection as C;
        let decides: &[C] = match collection {
            _ if self.shows_all(collection) => &[],
            C::Households => &[C::AdminUnits],
            C::Units => &[C::Incidents, C::Stations, C::BorderSectors, C::AdminUnits],
            C::DutyLog | C::ZoneVisits => &[C::Incidents, C::Stations],
            C::Advices | C::Deployments => &[C::Incidents],
            C::Attachments => &[C::Incidents, C::DutyLog],
            C::Assignments | C::Alarms => &[C::Incidents, C::Units, C::Stations],
            _ => &[],
        };
        let newest = decides.iter().map(|other| self.layer(*other).version()).max().unwrap_or(0);
        // Whoever may not see a unit reads nothing of where it was; where it is now is no matter of that.
        let by_unit = matches!(collection, C::DutyLog | C::ZoneVisits) && !decides.is_empty();
        let newest = if by_unit { newest.max(self.picture.unit_records) } else { newest };
        newest.max(self.layer(collection).version())
    }

    /// How many records of the collection are listed, and communes or sectors in the place of others.
    #[must_use]
    pub fn count(&self, collection: Collection) -> usize {
        if self.shows_all(collection) {
            return self.layer(collection).listed();
        }
        self.all(collection).count()
    }

    /// How many records of these collections there are, ended ones too: what a question looks at, at most.
    #[must_use]
    pub fn held(&self, collections: &[Collection]) -> usize {
        collections.iter().map(|collection| self.layer(*collection).len()).sum()
    }

    /// `[west, south, east, north]` around the records of the collection, perhaps wider; `None` if none stands anywhere.
    #[must_use]
    pub fn extent(&self, collection: Collection) -> Option<[f64; 4]> {
        if self.shows_all(collection) {
            return self.layer(collection).extent();
        }
        // A box around what is hidden would tell where it ends.
        let boxes = self.all(collection).filter_map(|shown| shown.geometry().and_then(bbox_of));
        boxes.reduce(|a, b| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])])
    }

    pub(super) fn layer(&self, collection: Collection) -> &Layer {
        self.picture.layer(collection)
    }

    /// What the actor may see of `feature`. The one seam at which records are hidden; what stands in their place is
    /// [`View::reduced`].
    pub(super) fn show<'a>(&'a self, collection: Collection, feature: &'a Feature) -> Option<Shown<'a>> {
        let seen = self.seen(&self.picture, collection, feature)?;
        let Some((present, _)) = &self.present else { return Some(seen) };
        let as_it_is = self.seen(present, collection, present.layer(collection).get(feature.id)?)?;
        Some(Shown { personal: seen.personal && as_it_is.personal, only: as_it_is.only.or(seen.only), ..seen })
    }

    /// What the actor may see of a record by what it is tied to in `picture`.
    fn seen<'a>(&'a self, picture: &'a Picture, collection: Collection, feature: &'a Feature) -> Option<Shown<'a>> {
        if self.shows_all_whole(collection) {
            return Some(self.exact(collection, feature));
        }
        if let Some(unit) = sight::tells_place_of(collection, feature) {
            let unit = picture.layer(Collection::Units).get(unit)?;
            return self.seen(picture, Collection::Units, unit)?.geometry().map(|_| self.exact(collection, feature));
        }
        let facts = sight::facts(picture, &self.actor, self.own_commune.as_deref(), collection, feature);
        let only = match self.actor.sight(collection, &facts, self.judged_at()) {
            Sight::Exact => None,
            Sight::Fields(fields) => Some(fields),
            Sight::Reduced | Sight::Nothing => return None,
        };
        let personal = self.actor.sees_personal_of(collection, &facts);
        Some(Shown { personal, only, ..self.exact(collection, feature) })
    }

    /// A record as it is.
    pub(super) fn exact<'a>(&'a self, collection: Collection, feature: &'a Feature) -> Shown<'a> {
        let tally = self.watched.as_ref().map(|watched| &watched.tally);
        Shown { collection, feature, personal: true, only: None, reduced: false, tally }
    }

    /// Notes that records of the collection were counted by what they hold, and none was shown.
    pub(super) fn note_count(&self, collection: Collection, count: usize) {
        let class = class_of(collection);
        let tells = class == DataClass::Personal && self.actor.sees_some(collection, self.judged_at());
        if let Some(watched) = self.watched.as_ref().filter(|_| tells) {
            watched.tally.note_count(collection, class, count);
        }
    }

    /// Whether every listed record of the collection is shown, so that a list may be counted without looking at each.
    pub(super) fn shows_all(&self, collection: Collection) -> bool {
        self.actor.sees_all(collection)
    }

    /// Whether every listed record of the collection is shown with all of its fields: whoever sees an internal record may
    /// still have no need of the people in it.
    pub(super) fn shows_all_whole(&self, collection: Collection) -> bool {
        self.shows_all(collection) && class_of(collection) != DataClass::Internal
    }

    /// What the actor sees of households, commune by commune; `None` where every one is shown.
    pub(super) fn eyes(&self, collection: Collection) -> Option<Eyes<'_>> {
        let asked = collection == Collection::Households && !self.shows_all(collection);
        asked.then(|| Eyes::new(&self.actor, self.own_commune.as_deref(), self.layer(collection), self.judged_at()))
    }

    /// Communes and sectors in the place of the records that the actor may not see one by one, in the order of ids.
    pub(super) fn reduced(&self, collection: Collection) -> impl Iterator<Item = &Reduced> {
        self.all_reduced(collection).iter().filter(move |reduced| self.sees_reduced(collection, reduced))
    }

    /// Those of [`View::reduced`] whose box comes nearer than the mark; whether they are seen is asked last.
    pub(super) fn reduced_within(
        &self,
        collection: Collection,
        metric: &Metric,
        mark_m2: f64,
    ) -> impl Iterator<Item = &Reduced> {
        let near = move |reduced: &&Reduced| reduced.bbox.is_some_and(|bbox| metric.least_m2(&bbox) <= mark_m2);
        self.all_reduced(collection).iter().filter(near).filter(move |reduced| self.sees_reduced(collection, reduced))
    }

    fn all_reduced(&self, collection: Collection) -> &[Reduced] {
        let kept = match collection {
            _ if self.shows_all(collection) => return &[],
            Collection::Households => &self.households,
            Collection::Units => &self.units,
            _ => return &[],
        };
        kept.get_or_init(|| self.picture.reduced.of(&self.picture, collection))
    }

    fn sees_reduced(&self, collection: Collection, reduced: &Reduced) -> bool {
        reduced.is_for(&self.actor, collection, self.own_commune.as_deref(), self.judged_at())
    }

    /// One record, ended or not, or the commune or sector of this id that stands for others.
    #[must_use]
    pub fn item(&self, collection: Collection, id: Uuid) -> Option<Shown<'_>> {
        match self.layer(collection).get(id) {
            Some(feature) => self.show(collection, feature),
            None => {
                let stands = self.reduced(collection).find(|reduced| reduced.feature.id == id)?;
                Some(in_place_of_others(collection, &stands.feature))
            }
        }
    }

    /// A record in the answer to the actor who wrote it just now: also one that lies where they see nothing, as a report
    /// of something beyond their area does. They know what they wrote; of the people in it they are told no more.
    #[must_use]
    pub fn written(&self, collection: Collection, id: Uuid) -> Option<Shown<'_>> {
        let feature = self.layer(collection).get(id)?;
        Some(self.show(collection, feature).unwrap_or(Shown { personal: false, ..self.exact(collection, feature) }))
    }

    /// What stands in the place of a record that exists and that the actor may not see.
    #[must_use]
    pub fn stands_for(&self, collection: Collection, id: Uuid) -> Option<Shown<'_>> {
        let feature = self.layer(collection).get(id)?;
        let facts = sight::facts(&self.picture, &self.actor, self.own_commune.as_deref(), collection, feature);
        let stands = self.reduced(collection).find(|reduced| reduced.holds(&facts))?;
        Some(in_place_of_others(collection, &stands.feature))
    }

    /// What the actor may see of a record of this picture that the caller holds already.
    #[must_use]
    pub fn shown<'a>(&'a self, collection: Collection, feature: &'a Feature) -> Option<Shown<'a>> {
        self.show(collection, feature)
    }

    /// Whether the actor may see a record that the caller holds one by one, with all that it says of itself.
    #[must_use]
    pub fn sees_whole(&self, collection: Collection, feature: &Feature) -> bool {
        self.show(collection, feature).is_some_and(|shown| shown.is_whole())
    }

    /// Every record of the collection, ended ones too, seen by the actor or not: for figures, which tell how many and
    /// never which.
    pub fn each_counted(&self, collection: Collection, sink: &mut dyn FnMut(&Feature)) {
        self.note_count(collection, self.layer(collection).len());
        self.layer(collection).iter().for_each(|feature| sink(feature));
    }

    /// All listed records, in the order of their ids, then what stands for others.
    pub fn all(&self, collection: Collection) -> impl Iterator<Item = Shown<'_>> {
        self.layer(collection)
            .iter()
            .filter(|feature| !feature.is_ended())
            .filter_map(move |feature| self.show(collection, feature))
            .chain(self.reduced(collection).map(move |reduced| in_place_of_others(collection, &reduced.feature)))
    }

    /// Listed records whose envelope shares a point with `bbox` (`[west, south, east, north]`, not across the date
    /// line), and communes or sectors that do so in the place of others; in no useful order.
    pub fn in_bbox(&self, collection: Collection, bbox: [f64; 4]) -> impl Iterator<Item = Shown<'_>> {
        let eyes = self.eyes(collection).map(Rc::new);
        let records = self.layer(collection).lying_in(bbox, eyes.clone()).filter_map(move |lying| match &eyes {
            None => self.show(collection, lying.feature()),
            // By what is known of it today too.
            Some(_) if self.is_past() => self.show(collection, lying.feature()),
            Some(eyes) => match eyes.at(lying) {
                Sight::Exact => Some(self.exact(collection, lying.feature())),
                Sight::Fields(_) => self.show(collection, lying.feature()),
                Sight::Reduced | Sight::Nothing => None,
            },
        });
        // A grant may hide the place by which the index found it.
        let records = records.filter(|shown| shown.geometry().is_some());
        let reduced = self.reduced(collection).filter(move |reduced| reduced.bbox.is_some_and(|b| meet(&b, &bbox)));
        records.chain(reduced.map(move |reduced| in_place_of_others(collection, &reduced.feature)))
    }

    /// A page of one collection.
    #[must_use]
    pub fn items(&self, query: &ItemsQuery) -> ItemsPage<'_> {
        items::items(self, query)
    }

    /// The nearest records, by (distance, collection, id); exact geodesic distances everywhere on Earth.
    #[must_use]
    pub fn nearby(&self, query: &NearbyQuery) -> Vec<Near<'_>> {
        nearby::nearby(self, query)
    }

    /// Records that share a point with the area, or lie within `buffer_m` of the geometry, in the order of the
    /// asked collections, then of their ids.
    #[must_use]
    pub fn within(&self, query: &WithinQuery) -> Vec<Shown<'_>> {
        within::within(self, query)
    }

    /// Records along the border, by (chainage, collection, id).
    #[must_use]
    pub fn along(&self, query: &AlongQuery) -> Vec<Along<'_>> {
        along::along(self, query)
    }

    /// What the area holds.
    #[must_use]
    pub fn exposure(&self, area: &geo_types::Geometry<f64>) -> Exposure {
        exposure::exposure(self, area)
    }

    /// Who is still inside the zones in force, zone by zone and over all.
    #[must_use]
    pub fn inside(&self) -> Inside<'_> {
        inside::inside(self, &self.picture.inside.of(&self.picture))
    }

    /// The households in a zone in force that the actor may see one by one, in the order of their ids.
    #[must_use]
    pub fn houses_inside(&self, zone: Uuid) -> Vec<Shown<'_>> {
        inside::houses(self, &self.picture.inside.of(&self.picture), zone)
    }

    /// The commune where the actor's unit has its task.
    pub(super) fn own_commune(&self) -> Option<&str> {
        self.own_commune.as_deref()
    }

    /// The duty log, looked through, newest first.
    #[must_use]
    pub fn log(&self, query: &LogQuery) -> LogPage<'_> {
        log::log(self, query)
    }

    /// Where an entry of the duty log stands in the order of [`View::log`], if the actor sees it.
    #[must_use]
    pub fn place_in_log(&self, entry: Uuid) -> Option<(Timestamp, Uuid)> {
        log::place_of(self, entry)
    }

    /// How many records [`View::search`] looks at, at most.
    #[must_use]
    pub fn searched(&self) -> usize {
        search::searched(self)
    }

    /// Places, records and codes by name, with or without diacritics, best first.
    #[must_use]
    pub fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        search::search(self, text, limit)
    }
}

/// A commune or a sector.
pub(super) fn in_place_of_others(collection: Collection, feature: &Feature) -> Shown<'_> {
    Shown { collection, feature, personal: true, only: None, reduced: true, tally: None }
}
