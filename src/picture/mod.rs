//! The journal folded into memory: one layer per collection, an immutable snapshot that everybody reads.
//!
//! Invariants: the writer task alone changes it, from journal events alone; one snapshot holds all layers; doors
//! never see [`Picture`], they get a [`View`] made for one actor.

mod ahead;
mod communes;
mod feature;
mod fence;
mod fold;
mod json;
mod layer;
mod members;
mod packed;
mod past;
mod position;
mod reduced;
mod run;
mod words;
mod writer;

mod along;
mod edges;
mod exposure;
mod filter;
mod inside;
mod items;
mod log;
mod nearby;
mod question;
mod reach;
mod reads;
mod search;
mod shown;
mod sight;
mod view;
mod within;

pub use feature::Feature;
pub use fence::{FENCES_MAX, Fences, Passage, Shape as FenceShape};
pub use inside::{AtRisk, Figures, Inside, InsideZone};
pub use layer::Layer;
pub use past::PastPictures;
pub use question::{
    Along, AlongQuery, Exposure, Hit, ItemsPage, ItemsQuery, LogPage, LogQuery, Near, NearbyQuery, PropertyFilter,
    WholeCommune, WithinQuery,
};
pub use reads::{READ_IDS_MAX, Read, ReadObserver};
pub use shown::Shown;
pub use view::View;
pub use writer::{PictureHandle, Published, start};

use std::sync::Arc;

use crate::domain::Collection;
use crate::domain::change::Seq;

/// Everything known at one seq.
#[derive(Clone)]
pub struct Picture {
    /// Every journal event up to this one is in, none after it.
    pub seq: Seq,
    layers: [Arc<Layer>; Collection::ALL.len()],
    /// The last seq that changed a unit's record; where it is may be newer.
    unit_records: Seq,
    /// Shared by all snapshots; holds what the newest of them asked for.
    reduced: Arc<reduced::ReducedCache>,
    /// The same: households by the zones that hold them.
    inside: Arc<inside::InsideCache>,
}

impl Picture {
    /// The layer of one collection.
    #[must_use]
    pub fn layer(&self, collection: Collection) -> &Layer {
        &self.layers[collection.index()]
    }
}
