//! Reports of incidents, and "is it the same one?".

use geo_types::{Geometry, Point};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::hand::Hand;
use super::incidents::state_of;
use super::items::{self, REPORT};
use super::locate::Candidate;
use super::scene::{Draft, Scene, Working};
use super::write::{conflict, may};
use super::{Ask, Caller, Desk, Report, Reported, Similar, callers, words};
use crate::domain::incident::is_ended;
use crate::domain::place::Place;
use crate::domain::{Collection, Problem};
use crate::geometry::measure::distance_m;
use crate::picture::{Shown, View};

/// Kinds that callers take for each other.
const LIKE_KINDS: &[&[&str]] = &[
    &["landslide", "rockfall", "subsidence", "road_closure", "bridge_damage", "flash_flood", "flood"],
    &["missing_person", "contact_lost", "accident", "medical"],
    &["illegal_crossing", "illegal_entry_exit", "unplanned_migration", "human_trafficking", "smuggling", "drug_crime"],
    &["public_order", "wanted_person_found", "drug_crime"],
];
/// Two well placed reports of one thing lie within this, metres: a slide is long, a caller stands off.
const SIMILAR_BASE_M: f64 = 1_500.0;
/// Farthest at which two reports are offered as one, however badly they are placed, metres.
const SIMILAR_M_MAX: f64 = 20_000.0;
/// Most that are offered.
const SIMILAR_MAX: usize = 10;
/// Accuracy of an incident that states none, metres.
const ACCURACY_UNSTATED_M: f64 = 500.0;

impl Desk {
    /// Takes a report: kind and place suffice. Code, commune, sector, chainage and title follow.
    ///
    /// # Errors
    /// Those of `create`, and `place_not_found`.
    pub async fn report(&self, ask: &Ask, report: Report) -> Result<Reported, Problem> {
        take(self, ask, None, &report.place, &report.properties).await
    }

    /// Open incidents of like kind near a point (or, without one, in the commune), nearest first; those of which
    /// only the commune is known last.
    #[must_use]
    pub fn similar(
        &self,
        view: &View,
        kind: &str,
        at: Option<Point<f64>>,
        accuracy_m: Option<f64>,
        commune: Option<&str>,
    ) -> Vec<Similar> {
        let commune = commune.map(str::to_owned).or_else(|| {
            let ground = self.ground.of(&self.picture.load());
            at.and_then(|point| ground.whereabouts(point.x(), point.y()).admin_unit)
        });
        let asked = Asked { kind, at, accuracy_m, commune };
        let mut found: Vec<Similar> = view.all(Collection::Incidents).filter_map(|shown| asked.fits(&shown)).collect();
        let order = |similar: &Similar| similar.distance_m.unwrap_or(f64::INFINITY);
        found.sort_by(|a, b| order(a).total_cmp(&order(b)).then_with(|| b.id.cmp(&a.id)));
        found.truncate(SIMILAR_MAX);
        found
    }
}

struct Asked<'a> {
    kind: &'a str,
    at: Option<Point<f64>>,
    accuracy_m: Option<f64>,
    commune: Option<String>,
}

impl Asked<'_> {
    fn fits(&self, shown: &Shown<'_>) -> Option<Similar> {
        let kind = shown.text("kind")?;
        let like = *kind == *self.kind || LIKE_KINDS.iter().any(|l| l.contains(&&*kind) && l.contains(&self.kind));
        if !like || shown.text("state").is_none_or(|state| is_ended(&state)) {
            return None;
        }
        let id = shown.id();
        let same_commune = self.commune.is_some() && shown.text("admin_unit").as_deref() == self.commune.as_deref();
        match (self.at, shown.geometry()) {
            (Some(at), Some(Geometry::Point(other))) => {
                let distance_m = distance_m(at.x(), at.y(), other.x(), other.y());
                let blur = self.accuracy_m.unwrap_or(ACCURACY_UNSTATED_M)
                    + shown.number("accuracy_m").unwrap_or(ACCURACY_UNSTATED_M);
                let reach = (SIMILAR_BASE_M + blur).min(SIMILAR_M_MAX);
                (distance_m <= reach).then_some(Similar { id, distance_m: Some(distance_m) })
            }
            _ => same_commune.then_some(Similar { id, distance_m: None }),
        }
    }
}

/// Takes a report, by whichever door it comes.
pub(super) async fn take(
    desk: &Desk,
    ask: &Ask,
    id: Option<Uuid>,
    place: &Place,
    properties: &Map<String, Value>,
) -> Result<Reported, Problem> {
    may(&ask.actor, REPORT)?;
    let id = id.unwrap_or_else(Uuid::now_v7);
    let written = desk
        .write(ask, |scene| {
            let view = scene.view();
            let found = super::locate::resolve(scene.ground, &view, place)?;
            decide(scene, id, place, &found, properties)
        })
        .await?;
    let view = desk.picture.view(&ask.actor, desk.now());
    let (kind, accuracy_m) = (text_of(&written, "kind"), number_of(&written, "accuracy_m"));
    let at = match written.record.geometry {
        Some(Geometry::Point(point)) => Some(point),
        _ => None,
    };
    let commune = text_of(&written, "admin_unit");
    let mut similar = desk.similar(&view, kind.as_deref().unwrap_or("other"), at, accuracy_m, commune.as_deref());
    similar.retain(|other| other.id != written.id());
    Ok(Reported { written, similar })
}

fn text_of(written: &super::Written, name: &str) -> Option<String> {
    written.record.property(name).and_then(|value| value.as_str().map(str::to_owned))
}

fn number_of(written: &super::Written, name: &str) -> Option<f64> {
    written.record.property(name).and_then(|value| value.as_f64())
}

fn decide(
    scene: &Scene<'_>,
    id: Uuid,
    place: &Place,
    found: &Candidate,
    properties: &Map<String, Value>,
) -> Result<Draft, Problem> {
    if let Some(known) = scene.feature(Collection::Incidents, id) {
        return Err(conflict(scene.picture, scene.ask, scene.now, Collection::Incidents, id, known.version));
    }
    let at = scene.at()?;
    let given = items::settable(Collection::Incidents, properties, &Map::new())?;
    let mut record = Working::new(Collection::Incidents, id);
    record.properties = given;
    record.geometry.clone_from(&found.geometry);
    apply_place(&mut record, place, found);
    record.set("state", "reported");
    record.set_time("state_at", at);
    record.set_time("reported_at", at);
    record.set("caller_count", 1);
    let mut record = items::finish(scene, record)?;
    if let Some(occurred) = record.time("occurred_at") {
        super::scene::past(occurred, scene.now, "/properties/occurred_at")?;
    }
    first_caller(&mut record, at)?;
    let kind = words::incident_kind(record.text("kind").unwrap_or_default());
    if record.text("title").is_none_or(|title| title.trim().is_empty()) {
        let title: String = format!("{kind}, {}", place_words(scene, &record, found)).chars().take(200).collect();
        record.set("title", title);
    }
    let text = format!("Tiếp nhận: {}", record.text("title").unwrap_or(kind));
    let facts = json!({"to": state_of(&record), "located_by": record.text("located_by"),
        "accuracy_m": record.number("accuracy_m")});
    let mut hand = Hand::new(scene, at, record);
    hand.log("reported", id, None, text, facts);
    Ok(hand.finish())
}

/// What the resolved place says of itself, where the caller did not say it.
fn apply_place(record: &mut Working, place: &Place, found: &Candidate) {
    let mut set_missing = |name: &str, value: Value| {
        if !value.is_null() && record.properties.get(name).is_none_or(Value::is_null) {
            record.set(name, value);
        }
    };
    set_missing("located_by", found.located_by.into());
    set_missing("accuracy_m", found.accuracy_m.map_or(Value::Null, Value::from));
    set_missing("place_text", found.said.as_deref().map_or(Value::Null, Value::from));
    if let Some((road_ref, road_km)) = &found.road {
        set_missing("road_ref", road_ref.as_str().into());
        set_missing("road_km", (*road_km).into());
    }
    if found.geometry.is_none() || matches!(place, Place::Commune { .. }) {
        set_missing("commune_code", found.commune_code.as_deref().map_or(Value::Null, Value::from));
    }
}

/// Whoever reported first is the first on the list of callers too.
fn first_caller(record: &mut Working, at: crate::domain::Timestamp) -> Result<(), Problem> {
    let told = |name: &str| record.personal.get(name).and_then(Value::as_str).map(str::to_owned);
    let caller = Caller { phone: told("reporter_phone"), name: told("reporter_name"), text: None };
    callers::add(record, &caller, at)
}

/// The place in a few words, for the title.
fn place_words(scene: &Scene<'_>, record: &Working, found: &Candidate) -> String {
    let commune = record.text("admin_unit").and_then(|code| scene.ground.commune(code)).map(|c| c.full_name.as_str());
    let road = record.text("road_ref").zip(record.number("road_km"));
    match (road, commune) {
        (Some((road, km)), Some(commune)) => format!("{road} {}, {commune}", words::kilometre_post(km)),
        (Some((road, km)), None) => format!("{road} {}", words::kilometre_post(km)),
        (None, Some(commune)) if found.label.is_empty() || found.label == commune || !found.named => commune.to_owned(),
        (None, Some(commune)) => format!("{}, {commune}", found.label),
        (None, None) => found.label.clone(),
    }
}
