//! What one actor may see of the picture at one moment: the only way in which doors read.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Along, AlongQuery, Exposure, Feature, Hit, ItemsPage, ItemsQuery, Layer, Near, NearbyQuery, Picture, Shown,
    WithinQuery,
};
use super::{along, exposure, items, nearby, search, within};
use crate::domain::change::Seq;
use crate::domain::{Actor, Collection, Timestamp};

/// A snapshot seen by one actor at one moment.
pub struct View {
    picture: Arc<Picture>,
    actor: Actor,
    now: Timestamp,
}

impl View {
    /// The picture as `actor` may see it at `now`.
    #[must_use]
    pub fn new(picture: Arc<Picture>, actor: Actor, now: Timestamp) -> Self {
        Self { picture, actor, now }
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

    /// Who looks.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Hash of everything that decides what this view lets through; whatever is cached for many is keyed by it.
    #[must_use]
    pub fn lens(&self) -> u64 {
        // Until areas and grants come, what is let through depends on the role and the force alone.
        self.actor.role as u64 * 8 + self.actor.force.map_or(0, |force| force as u64 + 1)
    }

    /// The last seq that changed the collection.
    #[must_use]
    pub fn version(&self, collection: Collection) -> Seq {
        self.layer(collection).version()
    }

    /// How many records of the collection are listed.
    #[must_use]
    pub fn count(&self, collection: Collection) -> usize {
        self.layer(collection).listed()
    }

    /// `[west, south, east, north]` around the records of the collection, perhaps wider; `None` if none stands anywhere.
    #[must_use]
    pub fn extent(&self, collection: Collection) -> Option<[f64; 4]> {
        self.layer(collection).extent()
    }

    pub(super) fn layer(&self, collection: Collection) -> &Layer {
        self.picture.layer(collection)
    }

    /// What the actor may see of `feature`. The one seam at which records are hidden or reduced.
    pub(super) fn show<'a>(&self, collection: Collection, feature: &'a Feature) -> Option<Shown<'a>> {
        Some(Shown { collection, feature, personal: true })
    }

    /// Whether every listed record of the collection is shown, so that a list may be counted without looking at each.
    pub(super) fn shows_all(&self, _collection: Collection) -> bool {
        true
    }

    /// One record, ended or not.
    #[must_use]
    pub fn item(&self, collection: Collection, id: Uuid) -> Option<Shown<'_>> {
        self.show(collection, self.layer(collection).get(id)?)
    }

    /// What the actor may see of a record of this picture that the caller holds already.
    #[must_use]
    pub fn shown<'a>(&self, collection: Collection, feature: &'a Feature) -> Option<Shown<'a>> {
        self.show(collection, feature)
    }

    /// All listed records, in the order of their ids.
    pub fn all(&self, collection: Collection) -> impl Iterator<Item = Shown<'_>> {
        self.layer(collection)
            .iter()
            .filter(|feature| !feature.is_ended())
            .filter_map(move |feature| self.show(collection, feature))
    }

    /// Listed records whose envelope shares a point with `bbox` (`[west, south, east, north]`, not across the date
    /// line), in no useful order.
    pub fn in_bbox(&self, collection: Collection, bbox: [f64; 4]) -> impl Iterator<Item = Shown<'_>> {
        self.layer(collection).in_envelope(bbox).filter_map(move |feature| self.show(collection, feature))
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

    /// Places, records and codes by name, with or without diacritics, best first.
    #[must_use]
    pub fn search(&self, text: &str, limit: usize) -> Vec<Hit> {
        search::search(self, text, limit)
    }
}
