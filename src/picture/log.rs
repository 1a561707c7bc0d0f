//! The duty log looked through: by words, kinds, author, time and incident, newest first, in pages.

use std::cmp::Reverse;

use uuid::Uuid;

use super::{LogPage, LogQuery, Shown, View, words};
use crate::domain::{Collection, Timestamp};

/// Entries beyond a page that are kept before the later ones are let go.
const KEPT_MORE: usize = 1_024;

/// The order of entries: when it happened, then the id.
type Place = (Timestamp, Uuid);

/// See [`View::log`]. Walks the whole log (about 1 µs an entry, more where words are looked for).
pub(super) fn log<'a>(view: &'a View, query: &LogQuery) -> LogPage<'a> {
    let words: Vec<String> =
        words::fold(query.q.as_deref().unwrap_or_default()).split_whitespace().map(|word| format!(" {word}")).collect();
    let author = query.author.as_deref().map(words::fold);
    let incident = query.incident.map(|id| id.to_string());
    let mut page = LogPage { shown: Vec::new(), matched: 0, next: None };
    let mut kept: Vec<(Place, Shown<'a>)> = Vec::new();
    for shown in view.all(Collection::DutyLog) {
        let at = occurred_at(&shown);
        if query.from.is_some_and(|from| at < from) || query.to.is_some_and(|to| to <= at) {
            continue;
        }
        let kind = shown.text("kind");
        if !query.kinds.is_empty() && !query.kinds.iter().any(|wanted| kind.as_deref() == Some(wanted)) {
            continue;
        }
        if incident.is_some() && shown.text("incident_id").as_deref() != incident.as_deref() {
            continue;
        }
        if author.as_ref().is_some_and(|wanted| !is_by(&shown, wanted)) || !has_words(view, &shown, &words) {
            continue;
        }
        page.matched += 1;
        if query.before.is_some_and(|before| (at, shown.id()) >= before) {
            continue;
        }
        kept.push(((at, shown.id()), shown));
        if kept.len() > query.limit + KEPT_MORE {
            keep_newest(&mut kept, query.limit + 1);
        }
    }
    keep_newest(&mut kept, query.limit + 1);
    if kept.len() > query.limit {
        kept.truncate(query.limit);
        page.next = kept.last().map(|((_, id), _)| *id);
    }
    page.shown = kept.into_iter().map(|(_, shown)| shown).collect();
    page
}

/// Where an entry stands in the order, if the actor sees it.
pub(super) fn place_of(view: &View, entry: Uuid) -> Option<Place> {
    view.item(Collection::DutyLog, entry).map(|shown| (occurred_at(&shown), entry))
}

fn keep_newest(kept: &mut Vec<(Place, Shown<'_>)>, count: usize) {
    kept.sort_unstable_by_key(|(place, _)| Reverse(*place));
    kept.truncate(count);
}

fn occurred_at(shown: &Shown<'_>) -> Timestamp {
    let told = shown.text("occurred_at").and_then(|text| Timestamp::parse(&text).ok());
    told.unwrap_or_else(|| shown.recorded_at())
}

fn is_by(shown: &Shown<'_>, wanted: &str) -> bool {
    shown.text("author").is_some_and(|author| words::fold(&author).contains(wanted))
}

/// Whether every word begins some word of the entry, or of the code and title of its incident as the actor sees it.
fn has_words(view: &View, shown: &Shown<'_>, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let mut text = String::with_capacity(256);
    let mut add = |part: Option<std::borrow::Cow<'_, str>>| {
        if let Some(part) = part {
            text.push(' ');
            words::fold_into(&part, &mut text);
        }
    };
    for name in ["text", "owner", "author"] {
        add(shown.text(name));
    }
    let incident = shown.text("incident_id").and_then(|id| Uuid::parse_str(&id).ok());
    let incident = incident.and_then(|id| view.item(Collection::Incidents, id));
    for name in ["code", "title", "place_text"] {
        add(incident.as_ref().and_then(|incident| incident.text(name)));
    }
    words.iter().all(|word| text.contains(word))
}
