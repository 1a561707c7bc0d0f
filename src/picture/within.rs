//! What shares a point with an area, or lies within a margin of any geometry.

use super::filter::Wanted;
use super::reach::Reach;
use super::{Shown, View, WithinQuery};
use crate::domain::Collection;

/// See [`View::within`].
pub(super) fn within<'a>(view: &'a View, query: &WithinQuery) -> Vec<Shown<'a>> {
    let reach = Reach::new(&query.geometry, query.buffer_m);
    let mut found = Vec::new();
    for (n, collection) in query.collections.iter().enumerate() {
        if query.collections[..n].contains(collection) {
            continue;
        }
        let wanted = Wanted::new(*collection, &query.filters, None);
        let mut of_collection = held(view, *collection, &reach, &wanted);
        found.append(&mut of_collection);
    }
    found
}

/// The records of one collection in reach, in the order of their ids.
pub(super) fn held<'a>(view: &'a View, collection: Collection, reach: &Reach<'_>, wanted: &Wanted) -> Vec<Shown<'a>> {
    let mut found: Vec<Shown<'a>> = reach
        .boxes()
        .iter()
        .flat_map(|bbox| view.in_bbox(collection, *bbox))
        .filter(|shown| wanted.is_anything() || wanted.accepts(shown))
        .filter(|shown| shown.geometry().is_some_and(|geometry| reach.holds(geometry)))
        .collect();
    // Each id lies somewhere else in memory: it is fetched once, not at each comparison.
    found.sort_by_cached_key(Shown::id);
    found.dedup_by_key(|shown| shown.id());
    found
}
