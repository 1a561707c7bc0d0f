//! What is open in a duty room, section by section and what burns first: the list of a handover.

use std::cmp::Reverse;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::access::Force;
use crate::domain::shift::{DEADLINE_S, ZONE_ENDS_S};
use crate::domain::{Collection, Timestamp, alarm, closure, incident, zone};
use crate::picture::{ItemsQuery, PropertyFilter, Shown, View};

/// Items of a section that are answered; all are counted, and all are in the hash.
const ITEMS_MAX: usize = 200;
/// Alarms of the shift that are looked at beside those that stand.
const PAST_ALARMS_MAX: usize = 1_000;

/// What is open of one sort.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HandoverSection {
    /// `alarms`, `incidents`, `orders`, `instructions`, `deadlines`, `zones`, `closures` or `levels`.
    pub what: &'static str,
    /// How many there are; the items are the first of them.
    pub total: usize,
    pub items: Vec<HandoverItem>,
}

/// One thing that is open.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HandoverItem {
    pub collection: Collection,
    pub id: Uuid,
    pub version: u32,
    #[schema(required)]
    pub code: Option<String>,
    /// The record's kind, or the reason of a closure.
    #[schema(required)]
    pub kind: Option<String>,
    pub text: String,
    #[schema(required)]
    pub severity: Option<i64>,
    #[schema(required)]
    pub state: Option<String>,
    #[schema(required)]
    pub level: Option<i64>,
    /// Since when.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// When it is due, or ends.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
    /// Its time is over, or it calls and nobody answered.
    pub is_overdue: bool,
    #[schema(required)]
    pub incident_id: Option<Uuid>,
    /// The newest entry of its course.
    #[schema(required)]
    pub last_text: Option<String>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_at: Option<Timestamp>,
    /// Who carries out an instruction, or was asked.
    #[schema(required)]
    pub owner: Option<String>,
    /// To whom of this duty room it passed at the last handover, and when.
    #[schema(required)]
    pub passed_to: Option<String>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub passed_at: Option<Timestamp>,
    /// Whether it is this duty room's to take: what is another room's is listed and does not pass.
    pub is_ours: bool,
}

impl HandoverSection {
    fn new(what: &'static str, items: Vec<HandoverItem>) -> Self {
        Self { what, total: items.len(), items }
    }

    /// Leaves what an answer has no place for.
    pub(super) fn shorten(&mut self) {
        self.items.truncate(ITEMS_MAX);
    }
}

/// All that is open, what burns first.
pub(super) fn sections(view: &View, since: Timestamp) -> Vec<HandoverSection> {
    vec![
        HandoverSection::new("alarms", alarms(view)),
        HandoverSection::new("incidents", incidents(view)),
        HandoverSection::new("orders", orders(view)),
        HandoverSection::new("instructions", instructions(view)),
        HandoverSection::new("deadlines", deadlines(view)),
        HandoverSection::new("zones", zones(view, since)),
        HandoverSection::new("closures", closures(view)),
        HandoverSection::new("levels", levels(view, since)),
    ]
}

/// Whether nobody has taken the alarm of a grave incident.
fn calls(shown: &Shown<'_>) -> bool {
    let severity = shown.number("severity").unwrap_or(0.0);
    shown.text("acknowledged_at").is_none() && severity >= 4.0 && !is_handed_over(shown)
}

fn is_handed_over(shown: &Shown<'_>) -> bool {
    shown.text("state").as_deref() == Some("handed_over")
}

fn alarms(view: &View) -> Vec<HandoverItem> {
    let open = view.all(Collection::Alarms).filter(|alarm| alarm.text("acknowledged_at").is_none());
    let mut items: Vec<HandoverItem> = open
        .map(|shown| {
            let force = shown.text("force").and_then(|force| Force::parse(&force));
            let mine = view.actor().force;
            HandoverItem {
                text: text(&shown, "text").unwrap_or_default(),
                at: time(&shown, "raised_at"),
                is_overdue: true,
                is_ours: force.is_none() || mine.is_none() || force == mine,
                ..item(view, &shown)
            }
        })
        .collect();
    let rank = |kind: Option<&str>| alarm::KINDS.iter().position(|known| Some(*known) == kind);
    items.sort_by_key(|item| (rank(item.kind.as_deref()), item.at, item.id));
    items
}

fn incidents(view: &View) -> Vec<HandoverItem> {
    let is_open = |shown: &Shown<'_>| shown.text("state").is_none_or(|state| !incident::is_ended(&state));
    let mut items: Vec<HandoverItem> = view
        .all(Collection::Incidents)
        .filter(is_open)
        .map(|shown| HandoverItem {
            text: ["title", "place_text"].iter().find_map(|name| text(&shown, name)).unwrap_or_default(),
            at: time(&shown, "reported_at").or_else(|| Some(shown.recorded_at())),
            is_overdue: calls(&shown),
            incident_id: Some(shown.id()),
            ..item(view, &shown)
        })
        .collect();
    items.sort_by_key(|item| (Reverse(item.is_overdue), Reverse(item.severity), Reverse(item.at), item.id));
    items
}

/// Orders that nobody acknowledged, and requests that nobody answered.
fn orders(view: &View) -> Vec<HandoverItem> {
    let waits = |shown: &Shown<'_>| matches!(shown.text("state").as_deref(), Some("dispatched" | "requested"));
    let mut items: Vec<HandoverItem> = view
        .all(Collection::Assignments)
        .filter(waits)
        .map(|shown| {
            let named = |collection: Collection, field: &str| {
                let of = view.item(collection, reference(&shown, field)?)?;
                ["code", "name"].iter().find_map(|name| text(&of, name))
            };
            let unit = named(Collection::Units, "unit_id");
            let due_at = match shown.text("state").as_deref() {
                Some("dispatched") => time(&shown, "ack_due_at"),
                _ => time(&shown, "request_due_at"),
            };
            HandoverItem {
                code: named(Collection::Incidents, "incident_id"),
                text: unit.unwrap_or_default(),
                at: time(&shown, "dispatched_at").or_else(|| time(&shown, "requested_at")),
                due_at,
                is_overdue: due_at.is_some_and(|due| due <= view.now()),
                ..item(view, &shown)
            }
        })
        .collect();
    items.sort_by_key(|item| (Reverse(item.is_overdue), item.due_at, item.id));
    items
}

/// Instructions of which nobody has said that they are done.
fn instructions(view: &View) -> Vec<HandoverItem> {
    let is_due =
        |shown: &Shown<'_>| shown.text("kind").as_deref() == Some("instruction") && shown.text("done_at").is_none();
    let mut items: Vec<HandoverItem> = view
        .all(Collection::DutyLog)
        .filter(is_due)
        .map(|shown| {
            let due_at = time(&shown, "due_at");
            let force = shown.text("author_force").and_then(|force| Force::parse(&force));
            HandoverItem {
                text: text(&shown, "text").unwrap_or_default(),
                at: time(&shown, "occurred_at"),
                due_at,
                is_overdue: due_at.is_some_and(|due| due <= view.now()),
                owner: text(&shown, "owner"),
                is_ours: force == view.actor().force,
                ..item(view, &shown)
            }
        })
        .collect();
    items.sort_by_key(|item| (Reverse(item.is_overdue), item.due_at.is_none(), item.due_at, item.id));
    items
}

/// Decisions of briefings that nobody has carried out and questions between forces that nobody has answered, due within
/// [`DEADLINE_S`] or overdue.
fn deadlines(view: &View) -> Vec<HandoverItem> {
    let until = view.now().plus_s(DEADLINE_S);
    let sorts = [
        (Collection::Decisions, "open", "text", "force", "decided_at"),
        (Collection::InformationRequests, "asked", "question", "to_force", "asked_at"),
    ];
    let of_sort = |(collection, open, said, force, since)| {
        view.all(collection).filter(move |shown| shown.text("state").as_deref() == Some(open)).filter_map(
            move |shown| {
                let due_at = time(&shown, "due_at").filter(|due| *due <= until)?;
                let force = shown.text(force).and_then(|force| Force::parse(&force));
                Some(HandoverItem {
                    text: text(&shown, said).unwrap_or_default(),
                    at: time(&shown, since),
                    due_at: Some(due_at),
                    is_overdue: due_at <= view.now(),
                    owner: text(&shown, "owner"),
                    is_ours: force == view.actor().force,
                    ..item(view, &shown)
                })
            },
        )
    };
    let mut items: Vec<HandoverItem> = sorts.into_iter().flat_map(of_sort).collect();
    items.sort_by_key(|item| (item.due_at, item.id));
    items
}

/// Zones that end soon, and those that ended in this shift with people inside.
fn zones(view: &View, since: Timestamp) -> Vec<HandoverItem> {
    let until = view.now().plus_s(ZONE_ENDS_S);
    let ends = |shown: &Shown<'_>| zone::ends_at(time(shown, "valid_to"), time(shown, "provisional_until"));
    let told = |shown: &Shown<'_>| HandoverItem {
        text: text(shown, "name").unwrap_or_default(),
        at: time(shown, "valid_from"),
        due_at: ends(shown),
        is_overdue: ends(shown).is_some_and(|at| at <= view.now()),
        owner: text(shown, "owner"),
        ..item(view, shown)
    };
    let mut items: Vec<HandoverItem> = view
        .all(Collection::RiskZones)
        .filter(|shown| shown.text("state").as_deref() == Some("in_force"))
        .filter(|shown| ends(shown).is_some_and(|at| at <= until))
        .map(|shown| told(&shown))
        .collect();
    for alarm in past_alarms(view, since, "zone_ended_occupied") {
        let over = reference(&alarm, "zone_id").and_then(|id| view.item(Collection::RiskZones, id));
        if let Some(over) = over.filter(|over| !items.iter().any(|item| item.id == over.id())) {
            items.push(HandoverItem { is_overdue: true, ..told(&over) });
        }
    }
    items.sort_by_key(|item| (Reverse(item.is_overdue), item.due_at, item.id));
    items
}

/// Roads that nobody gets through, or only slowly, now.
fn closures(view: &View) -> Vec<HandoverItem> {
    let holds =
        |shown: &Shown<'_>| closure::is_in_force(time(shown, "valid_from"), time(shown, "valid_to"), view.now());
    let mut items: Vec<HandoverItem> = view
        .all(Collection::RoadClosures)
        .filter(holds)
        .map(|shown| HandoverItem {
            code: text(&shown, "road_ref"),
            kind: text(&shown, "reason"),
            text: text(&shown, "name").unwrap_or_default(),
            at: time(&shown, "valid_from"),
            due_at: time(&shown, "valid_to"),
            ..item(view, &shown)
        })
        .collect();
    items.sort_by_key(|item| (Reverse(item.at), item.id));
    items
}

/// Zones whose level rose in this shift, once each.
fn levels(view: &View, since: Timestamp) -> Vec<HandoverItem> {
    let mut items: Vec<HandoverItem> = Vec::new();
    let mut risen: Vec<Shown<'_>> = past_alarms(view, since, "level_risen");
    risen.sort_by_key(|alarm| Reverse((time(alarm, "raised_at"), alarm.id())));
    for alarm in risen {
        let of = reference(&alarm, "zone_id").and_then(|id| view.item(Collection::RiskZones, id));
        let Some(of) = of.filter(|of| !items.iter().any(|item| item.id == of.id())) else { continue };
        items.push(HandoverItem {
            text: text(&alarm, "text").unwrap_or_default(),
            at: time(&alarm, "raised_at"),
            due_at: time(&of, "valid_to"),
            ..item(view, &of)
        });
    }
    items
}

/// Alarms of this kind raised since then, over or not.
fn past_alarms<'v>(view: &'v View, since: Timestamp, kind: &str) -> Vec<Shown<'v>> {
    let query = ItemsQuery {
        collection: Collection::Alarms,
        bbox: None,
        datetime: Some((Some(since), None)),
        filters: vec![PropertyFilter { name: "kind".to_owned(), any_of: vec![kind.to_owned()] }],
        q: None,
        ended: true,
        limit: PAST_ALARMS_MAX,
        offset: 0,
    };
    let mut shown = view.items(&query).shown;
    shown.retain(|alarm| time(alarm, "raised_at").is_some_and(|at| at >= since));
    shown
}

/// What every item says of its record.
fn item(view: &View, shown: &Shown<'_>) -> HandoverItem {
    let whole = |name: &str| shown.number(name).map(|number| number as i64);
    let passed = passed_in(view, shown);
    HandoverItem {
        collection: shown.collection(),
        id: shown.id(),
        version: shown.version(),
        code: text(shown, "code"),
        kind: text(shown, "kind"),
        text: String::new(),
        severity: whole("severity"),
        state: text(shown, "state"),
        level: whole("level"),
        at: None,
        due_at: None,
        is_overdue: false,
        incident_id: reference(shown, "incident_id"),
        last_text: None,
        last_at: None,
        owner: None,
        passed_to: passed.as_ref().map(|(to, _)| to.clone()),
        passed_at: passed.and_then(|(_, at)| at),
        is_ours: true,
    }
}

/// To whom of the actor's duty room the record passed, and when.
fn passed_in(view: &View, shown: &Shown<'_>) -> Option<(String, Option<Timestamp>)> {
    let passed = shown.property("passed")?;
    let post = view.actor().post().to_string();
    let own = passed.as_array()?.iter().find(|entry| entry["post"] == post.as_str())?;
    let at = own["at"].as_str().and_then(|at| Timestamp::parse(at).ok());
    Some((own["to"].as_str()?.to_owned(), at))
}

fn text(shown: &Shown<'_>, name: &str) -> Option<String> {
    shown.text(name).map(std::borrow::Cow::into_owned)
}

fn time(shown: &Shown<'_>, name: &str) -> Option<Timestamp> {
    shown.text(name).and_then(|text| Timestamp::parse(&text).ok())
}

fn reference(shown: &Shown<'_>, name: &str) -> Option<Uuid> {
    shown.text(name).and_then(|id| Uuid::parse_str(&id).ok())
}
