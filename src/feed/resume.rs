//! What a subscriber missed between its last event and its return, read from the journal.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::RESUME_SEQS_MAX;
use super::filter::Filter;
use super::frames::{self, Frame};
use crate::domain::change::Seq;
use crate::domain::{Actor, Collection, Event, Timestamp};
use crate::picture::{PictureHandle, View};
use crate::store::Store;

/// The missed events in seq order, each record once and as it is now; or one `reset` where the journal does not
/// reach, or reaches too far.
pub(super) async fn missed(
    store: &Arc<dyn Store>,
    picture: &PictureHandle,
    actor: &Actor,
    filter: &Filter,
    after: Seq,
    joined: Seq,
    now: Timestamp,
) -> Vec<Frame> {
    // The picture may be a step ahead of what the feed has told; that comes through the queue.
    if after >= joined && after <= picture.load().seq {
        return Vec::new();
    }
    if after > joined {
        return vec![frames::reset(joined, "unknown_event")];
    }
    if joined - after > RESUME_SEQS_MAX {
        return vec![frames::reset(joined, "too_old")];
    }
    let limit = usize::try_from(joined - after).unwrap_or(usize::MAX);
    match store.changes_between(after, joined, limit).await {
        Ok(events) => catch_up(&picture.view(actor, now), filter, &events, after, joined),
        Err(error) => {
            tracing::warn!(%error, "a subscriber cannot resume, the journal is not readable");
            vec![frames::reset(joined, "journal_unavailable")]
        }
    }
}

fn catch_up(view: &View, filter: &Filter, events: &[Event], after: Seq, joined: Seq) -> Vec<Frame> {
    let mut last: HashMap<(Collection, Uuid), Seq> = HashMap::new();
    for event in events {
        match event {
            Event::Change(change) => {
                last.insert((change.collection, change.record.id), change.seq);
            }
            // Units are told whole: those that left the box meanwhile must be told as gone.
            Event::Fixes(batch) => {
                for fix in batch.fixes.iter() {
                    last.insert((Collection::Units, fix.unit_id), batch.seq);
                }
            }
        }
    }
    let mut ordered: Vec<_> = last.into_iter().filter(|((collection, _), _)| filter.wants(*collection)).collect();
    ordered.sort_unstable_by_key(|((collection, id), seq)| (*seq, *collection, *id));
    let mut missed: Vec<Frame> = ordered
        .into_iter()
        .map(|((collection, id), seq)| {
            match view.item(collection, id).filter(|shown| !shown.is_ended() && filter.meets(shown.geometry())) {
                Some(shown) => frames::change(seq, &shown),
                None => frames::gone(seq, collection, id),
            }
        })
        .collect();
    missed.extend(late_positions(view, filter, after, joined));
    missed
}

/// Positions go out up to half a second after their seq, so the subscriber's last event may be newer than positions
/// it never got: those of the seqs shortly before it are told again.
fn late_positions(view: &View, filter: &Filter, after: Seq, joined: Seq) -> Option<Frame> {
    if !filter.wants(Collection::Units) {
        return None;
    }
    let from = after.saturating_sub(RESUME_SEQS_MAX);
    let units: Vec<Vec<u8>> = view
        .all(Collection::Units)
        .filter(|unit| unit.seq() > from && unit.seq() <= after && filter.meets(unit.geometry()))
        .filter_map(|unit| frames::position(&unit))
        .collect();
    frames::positions(joined, units.iter().map(Vec::as_slice))
}
