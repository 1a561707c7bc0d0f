//! A run: features in the order of their ids, with the tree over those that are listed; made once, never changed.

use std::sync::{Arc, OnceLock};

use geo::BoundingRect;
use geo_types::Geometry;
use uuid::Uuid;

use super::Feature;
use super::communes::Communes;
use super::packed::{Bbox, Entry, Packed};

/// One bit a slot. Empty stands for "none set".
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub fn get(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// The slots whose bits are set.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.0
            .iter()
            .enumerate()
            .flat_map(|(at, word)| (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit))
    }

    /// Sets the bit of one of `len` slots; whether it was not set before.
    pub fn set(&mut self, at: usize, len: usize) -> bool {
        if self.0.is_empty() {
            self.0 = vec![0; len.div_ceil(64)];
        }
        let before = self.get(at);
        self.0[at / 64] |= 1 << (at % 64);
        !before
    }
}

/// Features in the order of their ids.
#[derive(Debug)]
pub(super) struct Run {
    features: Box<[Arc<Feature>]>,
    tree: Packed,
    /// How many are not ended.
    listed: usize,
    /// Slots in the order of their codes, for records found by code alone; made when first asked for.
    codes: OnceLock<Box<[u32]>>,
    /// The communes of households; made when first asked for.
    communes: OnceLock<Communes>,
}

/// The box around a geometry, `None` if it has no point or one that is not finite.
pub(super) fn bbox_of(geometry: &Geometry<f64>) -> Option<Bbox> {
    let bbox = match geometry {
        Geometry::Point(point) => [point.x(), point.y(), point.x(), point.y()],
        other => {
            let rect = other.bounding_rect()?;
            [rect.min().x, rect.min().y, rect.max().x, rect.max().y]
        }
    };
    bbox.iter().all(|side| side.is_finite()).then_some(bbox)
}

impl Run {
    /// Of features in any order; of several with one id the last one counts.
    pub fn new(features: Vec<Arc<Feature>>) -> Self {
        let features = sort_by_id(features);
        let entries: Vec<Entry> = features
            .iter()
            .enumerate()
            .filter(|(_, feature)| !feature.is_ended())
            .filter_map(|(slot, feature)| Some(Entry { bbox: bbox_of(feature.geometry.as_ref()?)?, slot: slot as u32 }))
            .collect();
        let listed = features.iter().filter(|feature| !feature.is_ended()).count();
        Self {
            tree: Packed::new(entries),
            features: features.into_boxed_slice(),
            listed,
            codes: OnceLock::new(),
            communes: OnceLock::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.features.len()
    }

    pub fn listed(&self) -> usize {
        self.listed
    }

    pub fn feature(&self, slot: usize) -> &Arc<Feature> {
        &self.features[slot]
    }

    pub fn features(&self) -> &[Arc<Feature>] {
        &self.features
    }

    pub fn slot_of(&self, id: Uuid) -> Option<usize> {
        self.features.binary_search_by(|feature| feature.id.cmp(&id)).ok()
    }

    pub fn tree(&self) -> &Packed {
        &self.tree
    }

    /// In which commune each entry of the tree lies.
    pub fn communes(&self) -> &Communes {
        self.communes.get_or_init(|| Communes::new(&self.features, &self.tree))
    }

    /// Whether [`Run::communes`] was asked for.
    pub fn has_communes(&self) -> bool {
        self.communes.get().is_some()
    }

    /// Slots in the order of the property `code`, those without one left out.
    pub fn by_code(&self) -> &[u32] {
        self.codes.get_or_init(|| {
            let mut keyed: Vec<(&str, u32)> = self
                .features
                .iter()
                .enumerate()
                .filter_map(|(slot, feature)| Some((code_of(feature)?, slot as u32)))
                .collect();
            keyed.sort_unstable();
            keyed.into_iter().map(|(_, slot)| slot).collect()
        })
    }

    /// The slots whose code begins with `prefix`.
    pub fn with_code(&self, prefix: &str) -> impl Iterator<Item = usize> {
        let codes = self.by_code();
        let code = |slot: u32| code_of(&self.features[slot as usize]).unwrap_or_default();
        let first = codes.partition_point(|slot| code(*slot) < prefix);
        codes[first..].iter().take_while(move |slot| code(**slot).starts_with(prefix)).map(|slot| *slot as usize)
    }
}

fn code_of(feature: &Feature) -> Option<&str> {
    feature.raw("code")?.strip_prefix('"')?.strip_suffix('"')
}

/// Sorts by id; of several with one id the last one stays.
fn sort_by_id(features: Vec<Arc<Feature>>) -> Vec<Arc<Feature>> {
    if features.is_sorted_by(|a, b| a.id < b.id) {
        return features;
    }
    // The ids are copied out first: comparing through a million pointers would take longer than all the rest.
    let mut keyed: Vec<(u128, u32)> =
        features.iter().enumerate().map(|(at, feature)| (feature.id.as_u128(), at as u32)).collect();
    keyed.sort_unstable();
    let last_of_each =
        keyed.iter().enumerate().filter(|(i, (id, _))| keyed.get(i + 1).is_none_or(|next| next.0 != *id));
    last_of_each.map(|(_, (_, at))| Arc::clone(&features[*at as usize])).collect()
}
