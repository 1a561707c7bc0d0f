//! Lists of one collection: box, time, filters, words, pages.

use super::filter::Wanted;
use super::packed::meet;
use super::run::bbox_of;
use super::shown::{FETCHED_MAX, fetch};
use super::view::in_place_of_others;
use super::{ItemsPage, ItemsQuery, Shown, View};
use crate::domain::Collection;
use crate::geometry::measure::PreparedArea;

/// A page in the order of ids.
///
/// Without a box this walks the collection (a million households: 30 ms to the last page, 0.2 s with a property
/// filter, 0.4 s with words); with one, what lies in it.
pub(super) fn items<'a>(view: &'a View, query: &ItemsQuery) -> ItemsPage<'a> {
    let wanted = Wanted::items(query);
    let page = match query.bbox {
        Some(bbox) => in_box(view, query, &wanted, bbox),
        None => in_order(view, query, &wanted),
    };
    if page.shown.is_empty() && page.matched > 0 && (query.bbox.is_some() || !wanted.is_anything()) {
        // How many have a name, or live in a small box, tells of them too, though the page lies beyond the last.
        view.note_count(query.collection, page.matched);
    }
    page
}

fn in_order<'a>(view: &'a View, query: &ItemsQuery, wanted: &Wanted) -> ItemsPage<'a> {
    let layer = view.layer(query.collection);
    let listed = layer.iter().filter(|feature| query.ended || !feature.is_ended());
    let visible =
        listed.filter_map(|feature| view.show(query.collection, feature)).chain(reduced(view, query.collection));
    if wanted.is_anything() && view.shows_all(query.collection) {
        let matched = if query.ended { layer.len() } else { layer.listed() };
        return ItemsPage { shown: visible.skip(query.offset).take(query.limit).collect(), matched };
    }
    let mut page = ItemsPage { shown: Vec::new(), matched: 0 };
    let mut visible = visible.peekable();
    let mut group: Vec<Shown<'a>> = Vec::with_capacity(FETCHED_MAX);
    while visible.peek().is_some() {
        group.clear();
        group.extend(visible.by_ref().take(FETCHED_MAX));
        fetch(&group.iter().map(|shown| shown.feature).collect::<Vec<_>>());
        for shown in group.iter().filter(|shown| wanted.accepts(shown)) {
            if page.matched >= query.offset && page.shown.len() < query.limit {
                page.shown.push(*shown);
            }
            page.matched += 1;
        }
    }
    page
}

fn in_box<'a>(view: &'a View, query: &ItemsQuery, wanted: &Wanted, bbox: [f64; 4]) -> ItemsPage<'a> {
    let [west, south, east, north] = bbox;
    let parts = if west <= east { vec![bbox] } else { vec![[west, south, 180.0, north], [-180.0, south, east, north]] };
    let areas: Vec<PreparedArea> = parts.iter().map(|part| PreparedArea::new(&rectangle(*part))).collect();
    // A point in the envelope is in the box; anything larger is held against the box itself.
    let meets = |shown: &Shown<'_>| match shown.geometry() {
        Some(geo_types::Geometry::Point(_)) => true,
        Some(geometry) => areas.iter().any(|area| area.touches(geometry)),
        None => false,
    };
    let mut found: Vec<Shown<'a>> = if query.ended {
        // Ended records are in no tree.
        let envelope = |shown: &Shown<'_>| shown.geometry().and_then(bbox_of);
        let in_parts = |shown: &Shown<'_>| envelope(shown).is_some_and(|e| parts.iter().any(|part| meet(&e, part)));
        let records = view.layer(query.collection).iter().filter_map(|feature| view.show(query.collection, feature));
        records.chain(reduced(view, query.collection)).filter(in_parts).collect()
    } else {
        parts.iter().flat_map(|part| view.in_bbox(query.collection, *part)).collect()
    };
    found.retain(|shown| meets(shown) && wanted.accepts(shown));
    if parts.len() > 1 {
        found.sort_unstable_by_key(Shown::id);
        found.dedup_by_key(|shown| shown.id());
    }
    let matched = found.len();
    let end = query.offset.saturating_add(query.limit);
    if end < matched {
        // Only what the page and those before it hold needs an order.
        found.select_nth_unstable_by_key(end, Shown::id);
        found.truncate(end);
    }
    found.sort_unstable_by_key(Shown::id);
    found.drain(..query.offset.min(found.len()));
    ItemsPage { shown: found, matched }
}

fn reduced(view: &View, collection: Collection) -> impl Iterator<Item = Shown<'_>> {
    view.reduced(collection).map(move |reduced| in_place_of_others(collection, &reduced.feature))
}

fn rectangle([west, south, east, north]: [f64; 4]) -> geo_types::Geometry<f64> {
    geo_types::Rect::new((west, south), (east, north)).to_polygon().into()
}
