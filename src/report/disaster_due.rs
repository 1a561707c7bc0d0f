//! Who has to send a report of a disaster, by when, who has, and who is late.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::disaster::{EventTold, Sent, SentTold, communes_of};
use crate::domain::disaster::{ASKED_AFTER_END_S, Reporter};
use crate::domain::report_deadline::{Deadlines, Due, Kind, Level};
use crate::domain::{Collection, Timestamp};
use crate::picture::View;

/// A report that is late.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReportLate)]
pub struct Late {
    pub kind: Kind,
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// By how much, seconds.
    pub late_s: i64,
}

/// How one who reports of an event stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReporterStanding)]
pub struct ReporterTold {
    pub level: Level,
    /// Null for the province.
    #[schema(required)]
    pub commune_code: Option<String>,
    pub name: String,
    /// The next deadline to come that is not answered yet.
    #[schema(required)]
    pub next: Option<Due>,
    /// What is late, the oldest first.
    pub late: Vec<Late>,
    /// Daily reports that nobody sent in their day, nor until the next one was due.
    pub missed: usize,
    /// What was sent last.
    #[schema(required)]
    pub last: Option<SentTold>,
    /// Whether the reader answers for it.
    pub is_mine: bool,
}

/// One level of an event.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReportLevelStanding)]
pub struct LevelTold {
    pub level: Level,
    /// The next deadline of any of them.
    #[schema(required)]
    pub next: Option<Due>,
    /// How many have sent something.
    pub sent: usize,
    /// How many are late.
    pub late: usize,
    /// Those that the reader may see, who is late first.
    pub reporters: Vec<ReporterTold>,
}

/// One event and who reports of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DisasterDue)]
pub struct EventDue {
    pub event: EventTold,
    pub levels: Vec<LevelTold>,
}

/// What is due of all events that go on, and of those whose consolidated reports are not all there.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DisastersDue)]
pub struct AllDue {
    pub events: Vec<EventDue>,
    /// Where the deadlines come from.
    pub source: &'static str,
    #[serde(rename = "timeStamp")]
    #[schema(value_type = String, format = DateTime)]
    pub time_stamp: Timestamp,
}

impl AllDue {
    /// As the actor of `view` may see it.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let deadlines = Deadlines::shipped();
        let names = communes_of(view);
        let now = view.now();
        let is_asked =
            |event: &EventTold| event.finished_at.is_none_or(|end| now.seconds_since(end) <= ASKED_AFTER_END_S);
        let mut events = Vec::new();
        view.each_counted(Collection::DisasterEvents, &mut |event| {
            if !event.is_ended() {
                events.extend(EventTold::of(event).filter(is_asked));
            }
        });
        events.sort_by_key(|event| (std::cmp::Reverse(event.started_at), event.id));
        let due = |event: EventTold| of_event(view, deadlines, &names, event);
        let events = events.into_iter().map(due).filter(|due| !due.levels.is_empty()).collect();
        Self { events, source: &deadlines.source, time_stamp: now }
    }
}

fn of_event(view: &View, deadlines: &Deadlines, names: &BTreeMap<String, String>, event: EventTold) -> EventDue {
    let mut sent: BTreeMap<Reporter, Vec<Sent>> = BTreeMap::new();
    for report in event.sent(view, None) {
        sent.entry(report.reporter.clone()).or_default().push(report);
    }
    let communes = names.keys().filter(|code| event.touches(code)).map(|code| Reporter::Commune(code.clone()));
    let level = |level: Level, reporters: Vec<Reporter>| {
        let standing = |reporter: &Reporter| {
            let of = sent.get(reporter).map_or(&[][..], Vec::as_slice);
            told(view, deadlines, names, &event, reporter, of)
        };
        let seen = reporters.iter().filter(|reporter| reporter.is_read_by(view.actor()));
        let mut reporters: Vec<ReporterTold> = seen.map(standing).collect();
        reporters.sort_by(|a, b| {
            let first = |one: &ReporterTold| one.late.first().map_or(i64::MAX, |late| late.due_at.as_ms());
            (first(a), &a.name).cmp(&(first(b), &b.name))
        });
        LevelTold {
            level,
            next: reporters.iter().filter_map(|one| one.next).min_by_key(|due| due.due_at),
            sent: reporters.iter().filter(|one| one.last.is_some()).count(),
            late: reporters.iter().filter(|one| !one.late.is_empty()).count(),
            reporters,
        }
    };
    let levels = [level(Level::Province, vec![Reporter::Province]), level(Level::Commune, communes.collect())];
    let levels = levels.into_iter().filter(|level| !level.reporters.is_empty()).collect();
    EventDue { event, levels }
}

fn told(
    view: &View,
    deadlines: &Deadlines,
    names: &BTreeMap<String, String>,
    event: &EventTold,
    reporter: &Reporter,
    sent: &[Sent],
) -> ReporterTold {
    let now = view.now();
    let answers: Vec<_> = sent.iter().filter_map(Sent::answers).collect();
    let standing = deadlines.standing(reporter.level(), event.span(), &answers, now);
    let late = |due: &Due| Late { kind: due.kind, due_at: due.due_at, late_s: now.seconds_since(due.due_at) };
    let name = match reporter.commune() {
        Some(code) => names.get(code).cloned().unwrap_or_else(|| code.to_owned()),
        None => "Tỉnh".to_owned(),
    };
    ReporterTold {
        level: reporter.level(),
        commune_code: reporter.commune().map(str::to_owned),
        name,
        next: standing.next,
        late: standing.late.iter().map(late).collect(),
        missed: standing.missed,
        last: sent.last().map(Sent::told),
        is_mine: reporter.is_answered_by(view.actor()),
    }
}
