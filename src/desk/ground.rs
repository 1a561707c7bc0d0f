//! The ground of the newest picture, kept until one of its layers changes.

use std::sync::{Arc, Mutex, PoisonError};

use super::scene::Working;
use crate::domain::Collection;
use crate::domain::change::Seq;
use crate::geometry::ground::{Ground, GroundParts};
use crate::picture::Picture;

/// Layers that the ground is made from.
const LAYERS: [Collection; 3] = GroundParts::COLLECTIONS;

/// The ground of the newest picture, made again when one of its layers has changed.
#[derive(Default)]
pub(super) struct GroundCache {
    newest: Mutex<Option<([Seq; LAYERS.len()], Arc<Ground>)>>,
}

impl GroundCache {
    /// The ground of this picture. Takes a lock for the time of a comparison, and of making the ground (about 50 ms)
    /// when an area, a sector or a road has changed.
    pub fn of(&self, picture: &Picture) -> Arc<Ground> {
        let versions = LAYERS.map(|collection| picture.layer(collection).version());
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match &*newest {
            Some((known, ground)) if *known == versions => Arc::clone(ground),
            _ => {
                let ground = Arc::new(ground_of(picture));
                *newest = Some((versions, Arc::clone(&ground)));
                ground
            }
        }
    }
}

fn ground_of(picture: &Picture) -> Ground {
    let mut parts = GroundParts::default();
    for collection in LAYERS {
        for feature in picture.layer(collection).iter().filter(|feature| !feature.is_ended()) {
            let Working { properties, .. } = Working::of(collection, feature);
            parts.add(collection, feature.id, &properties, feature.geometry.as_ref());
        }
    }
    parts.measured()
}
