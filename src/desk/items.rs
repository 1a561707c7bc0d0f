//! Create, replace, patch and end: the same for every collection, driven by the table of its fields.

use geo_types::Geometry;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::hand::Hand;
use super::incidents::{self, state_of};
use super::scene::{Draft, Scene, Working};
use super::write::{conflict, may};
use super::{
    Ask, Desk, IncidentVerb, Item, Patch, RadioPosition, Written, closures, coordination, evacuation, report, rules,
    zones,
};
use crate::domain::access::Deed;
use crate::domain::doors::deed_of;
use crate::domain::place::{Place, PointSource};
use crate::domain::schema::{self, SetBy};
use crate::domain::transition::refused;
use crate::domain::{Code, Collection, Problem, Timestamp};

impl Desk {
    /// Creates a record. `id` is the caller's own (a phone makes it offline), else a new one. An incident is
    /// reported, a zone drawn; a unit's geometry becomes a position told by the actor.
    ///
    /// # Errors
    /// `unknown_field`, `invalid_value`, `missing_field`, `field_not_settable`, the geometry codes,
    /// `unknown_reference`, `version_conflict` if the id exists, `forbidden`.
    pub async fn create(
        &self,
        ask: &Ask,
        collection: Collection,
        id: Option<Uuid>,
        item: Item,
    ) -> Result<Written, Problem> {
        if collection == Collection::Incidents {
            return self.report_item(ask, id, item).await.map(|reported| reported.written);
        }
        may(&ask.actor, deed_of(collection))?;
        rules::check_by_hand(collection)?;
        let id = id.unwrap_or_else(Uuid::now_v7);
        match collection {
            Collection::RiskZones => self.write(ask, |scene| zones::create(scene, id, &item)).await,
            Collection::RoadClosures => {
                let roads = self.roads();
                let roads = roads.as_ref().map(|held| &*held.roads);
                self.write(ask, |scene| closures::create(scene, roads, id, &item)).await
            }
            Collection::Units => {
                let turn = item.properties.get("code").and_then(Value::as_str).map_or(id, rules::code_turn);
                let written = self.write_in_turn(ask, turn, |scene| create(scene, collection, id, &item)).await?;
                self.place_new_unit(ask, &written, item.geometry).await?;
                Ok(written)
            }
            _ => self.write(ask, |scene| create(scene, collection, id, &item)).await,
        }
    }

    /// Replaces the fields a caller may set (`If-Match` needed); what verbs and the server set stays.
    ///
    /// # Errors
    /// As `create`, `precondition_required`, `version_conflict` with `present`, `method_not_allowed` for the duty
    /// log, `forbidden_transition` for a record that is over.
    pub async fn replace(&self, ask: &Ask, collection: Collection, id: Uuid, item: Item) -> Result<Written, Problem> {
        let patch = Patch { geometry: Some(item.geometry), properties: item.properties };
        self.edit(ask, collection, id, &patch, true).await
    }

    /// Changes some fields (`If-Match` needed).
    ///
    /// # Errors
    /// As `replace`.
    pub async fn patch(&self, ask: &Ask, collection: Collection, id: Uuid, patch: Patch) -> Result<Written, Problem> {
        self.edit(ask, collection, id, &patch, false).await
    }

    /// Ends a record (`If-Match` needed): a reported incident is rejected, a zone revoked, others get `ended_at`.
    /// Nothing is erased.
    ///
    /// # Errors
    /// `forbidden_transition` (with the verbs that end it), `method_not_allowed` for the duty log,
    /// `precondition_required`, `version_conflict` with `present`, `not_found`, `forbidden`.
    pub async fn end(
        &self,
        ask: &Ask,
        collection: Collection,
        id: Uuid,
        reason: Option<String>,
    ) -> Result<Written, Problem> {
        may(&ask.actor, deed_of(collection))?;
        rules::check_by_hand(collection)?;
        let reason = reason.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| "xoá khỏi danh sách".to_owned());
        incidents::limit("reason", &reason, 1_000)?;
        self.write(ask, |scene| end(scene, collection, id, &reason)).await
    }

    async fn edit(
        &self,
        ask: &Ask,
        collection: Collection,
        id: Uuid,
        patch: &Patch,
        whole: bool,
    ) -> Result<Written, Problem> {
        may(&ask.actor, deed_of(collection))?;
        rules::check_by_hand(collection)?;
        match collection {
            Collection::DutyLog => Err(Problem::new(
                Code::MethodNotAllowed,
                "mục nhật ký không sửa được: hãy viết một mục đính chính (kind: correction, corrects_id)",
                "an entry of the duty log is never changed: write a correction (kind: correction, corrects_id)",
            )),
            Collection::RiskZones => self.write(ask, |scene| zones::edit(scene, id, patch, whole)).await,
            Collection::RoadClosures => {
                let roads = self.roads();
                let roads = roads.as_ref().map(|held| &*held.roads);
                self.write(ask, |scene| closures::edit(scene, roads, id, patch, whole)).await
            }
            _ => self.write(ask, |scene| edit(scene, collection, id, patch, whole)).await,
        }
    }

    /// A new unit's geometry is where somebody says that it is. The record and the position are two commits: a call
    /// that is repeated because the first was cut off between them finds the unit made, and places it.
    async fn place_new_unit(&self, ask: &Ask, unit: &Written, geometry: Option<Geometry<f64>>) -> Result<(), Problem> {
        let Some(Geometry::Point(point)) = geometry else { return Ok(()) };
        let picture = self.picture.load();
        let known = picture.layer(Collection::Units).get(unit.id());
        if unit.replayed && known.is_some_and(|unit| unit.text("fix_at").is_some()) {
            return Ok(());
        }
        let place = Place::Point { lon: point.x(), lat: point.y(), accuracy_m: None, source: PointSource::Coordinates };
        let ask = Ask { idempotency: None, if_match: None, ..ask.clone() };
        self.set_position(&ask, unit.id(), RadioPosition { place, heard_by: None, accuracy_m: None }).await.map(|_| ())
    }
}

fn create(scene: &Scene<'_>, collection: Collection, id: Uuid, item: &Item) -> Result<Draft, Problem> {
    let at = scene.at()?;
    let mut record = new_record(scene, collection, id, item)?;
    if collection == Collection::Units {
        rules::check_unit_code(scene, &record)?;
        record.geometry = None;
    }
    if collection == Collection::DutyLog {
        let occurred = record.time("occurred_at").unwrap_or(at);
        super::scene::past(occurred, scene.now, "/properties/occurred_at")?;
    }
    rules::check(&record)?;
    coordination::follow(scene, None, &mut record)?;
    let mut draft = Draft::default();
    draft.put(record, at);
    Ok(draft)
}

/// A new record of what the caller gave: fields and geometry checked, defaults and derived fields filled in.
pub(super) fn new_record(scene: &Scene<'_>, collection: Collection, id: Uuid, item: &Item) -> Result<Working, Problem> {
    if let Some(known) = scene.feature(collection, id) {
        return Err(conflict(scene.picture, scene.ask, scene.now, collection, id, known.version));
    }
    let given = settable(collection, &item.properties, &Map::new())?;
    let mut record = Working::new(collection, id);
    record.geometry = item.geometry.clone().map(|geometry| rules::drawn(collection, geometry)).transpose()?;
    merge(&mut record, given);
    rules::fill(&mut record, &scene.ask.actor, scene.at()?);
    finish(scene, record)
}

fn edit(scene: &Scene<'_>, collection: Collection, id: Uuid, patch: &Patch, whole: bool) -> Result<Draft, Problem> {
    let before = scene.take_matching(collection, id)?;
    rules::check_author(&scene.ask.actor, &before)?;
    let at = scene.at()?;
    if before.text("ended_at").is_some() {
        return Err(over(&before));
    }
    if collection == Collection::Incidents && state_of(&before) == "merged" {
        return Err(refused("sửa", "editing", "merged"));
    }
    let mut patch = patch.clone();
    if collection == Collection::Units {
        patch.geometry = unit_geometry(scene, id, patch.geometry)?;
    }
    let mut record = edited(scene, before.clone(), &patch, whole)?;
    rules::check(&record)?;
    coordination::follow(scene, Some(&before), &mut record)?;
    if collection == Collection::Units {
        rules::check_unit_code(scene, &record)?;
    }
    if collection == Collection::Incidents {
        return logged_edit(scene, &before, record, at);
    }
    if matches!(collection, Collection::Households | Collection::Shelters) {
        return evacuation::follow_edit(scene, &before, record, at);
    }
    let mut draft = Draft::default();
    draft.put(record, at);
    Ok(draft)
}

/// A unit's place follows its fixes: the one it was read with may come back, another is set by its verb.
fn unit_geometry(
    scene: &Scene<'_>,
    id: Uuid,
    given: Option<Option<Geometry<f64>>>,
) -> Result<Option<Option<Geometry<f64>>>, Problem> {
    let shown = scene.feature(Collection::Units, id).and_then(|unit| unit.geometry.clone());
    match given {
        Some(Some(geometry)) if shown.as_ref() != Some(&geometry) => {
            Err(not_settable("geometry", rules::setter(Collection::Units, SetBy::Fix), "/geometry"))
        }
        _ => Ok(None),
    }
}

/// The record as the caller wants it; `whole` replaces, else null removes and what is absent stays.
pub(super) fn edited(scene: &Scene<'_>, mut record: Working, patch: &Patch, whole: bool) -> Result<Working, Problem> {
    let collection = record.collection;
    let present = scene.feature(collection, record.id).map(|feature| shown_properties(feature)).unwrap_or_default();
    let given = settable(collection, &patch.properties, &present)?;
    if whole {
        for field in collection.fields().iter().filter(|field| field.set_by == SetBy::Client) {
            record.properties.remove(field.name);
            record.personal.remove(field.name);
        }
    }
    merge(&mut record, given);
    if let Some(geometry) = &patch.geometry {
        record.geometry = geometry.clone().map(|geometry| rules::drawn(collection, geometry)).transpose()?;
    }
    finish(scene, record)
}

/// All that a reader of the record is shown.
fn shown_properties(feature: &crate::picture::Feature) -> Map<String, Value> {
    let parse = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let mut all = parse(&feature.properties);
    all.extend(feature.personal.as_deref().map(parse).unwrap_or_default());
    all.insert("precision".to_owned(), "exact".into());
    all.insert("version".to_owned(), feature.version.into());
    all.insert("recorded_at".to_owned(), feature.recorded_at.to_string().into());
    all
}

/// What a caller may set of what it gave. A field that it may not set may come back as it was read.
pub(super) fn settable(
    collection: Collection,
    given: &Map<String, Value>,
    present: &Map<String, Value>,
) -> Result<Map<String, Value>, Problem> {
    let mut settable = Map::new();
    for (name, value) in given {
        let pointer = format!("/properties/{name}");
        let as_read = value.is_null() && !present.contains_key(name) || present.get(name) == Some(value);
        match schema::find(collection, name) {
            None if as_read && schema::BESIDE_FIELDS.contains(&name.as_str()) => {}
            None if schema::BESIDE_FIELDS.contains(&name.as_str()) => {
                return Err(not_settable(name, rules::setter(collection, SetBy::Server), &pointer));
            }
            None => {
                return Err(Problem::new(
                    Code::UnknownField,
                    format!("{collection} không có trường {name:?}"),
                    format!("{collection} has no field {name:?}"),
                )
                .at(&pointer));
            }
            Some(field) if field.set_by == SetBy::Client => {
                settable.insert(name.clone(), value.clone());
            }
            Some(_) if as_read => {}
            Some(field) => return Err(not_settable(name, rules::setter(collection, field.set_by), &pointer)),
        }
    }
    Ok(settable)
}

fn not_settable(name: &str, setter: &str, pointer: &str) -> Problem {
    Problem::new(
        Code::FieldNotSettable,
        format!("{name} không đặt trực tiếp được; đặt bằng: {setter}"),
        format!("{name} cannot be set here; it is set by {setter}"),
    )
    .at(pointer)
    .with("set_by", setter)
}

/// Takes given values over; null removes.
fn merge(record: &mut Working, given: Map<String, Value>) {
    for (name, value) in given {
        let personal = schema::find(record.collection, &name).is_some_and(|field| field.personal);
        let side = if personal { &mut record.personal } else { &mut record.properties };
        match value {
            Value::Null => side.remove(&name),
            value => side.insert(name, value),
        };
    }
}

/// Checks the whole record against its table, splits off what is personal, derives what follows from the place.
pub(super) fn finish(scene: &Scene<'_>, mut record: Working) -> Result<Working, Problem> {
    let mut all = std::mem::take(&mut record.properties);
    all.extend(std::mem::take(&mut record.personal));
    let canonical = schema::canonical_properties(record.collection, &all)?;
    (record.properties, record.personal) = schema::split_personal(record.collection, canonical);
    scene.ground.mark(record.collection, &mut record.properties, record.geometry.as_ref());
    rules::check_references(scene, &record)?;
    Ok(record)
}

/// An edited incident: what was changed stands in its log, by name where it is personal.
fn logged_edit(scene: &Scene<'_>, before: &Working, record: Working, at: Timestamp) -> Result<Draft, Problem> {
    let id = record.id;
    let mut changed = Map::new();
    let mut names: Vec<&str> = Vec::new();
    for field in record.collection.fields() {
        let name = field.name;
        let (old, new) = (before.properties.get(name), record.properties.get(name));
        if old != new {
            changed.insert(name.to_owned(), json!({"from": old, "to": new}));
            names.push(name);
        } else if before.personal.get(name) != record.personal.get(name) {
            names.push(name);
        }
    }
    if before.geometry != record.geometry {
        names.push("geometry");
    }
    let text = format!("Sửa: {}", names.join(", "));
    let state = state_of(&record);
    let facts = fitting(json!({"from": state, "to": state, "changed": changed}), &names);
    let mut hand = Hand::new(scene, at, record);
    hand.log("updated", id, None, text, facts);
    if names.contains(&"accountability_every_min") {
        hand.begin_timers_anew(id)?;
    }
    Ok(hand.finish())
}

/// Facts that fit in the log's field: long texts are named, not quoted.
fn fitting(facts: Value, names: &[&str]) -> Value {
    const FACTS_CHARS_MAX: usize = 8_000;
    if facts.to_string().len() <= FACTS_CHARS_MAX { facts } else { json!({"changed_fields": names}) }
}

fn end(scene: &Scene<'_>, collection: Collection, id: Uuid, reason: &str) -> Result<Draft, Problem> {
    match collection {
        Collection::DutyLog => {
            return Err(Problem::new(
                Code::MethodNotAllowed,
                "mục nhật ký không xoá được: hãy viết một mục đính chính",
                "an entry of the duty log is never deleted: write a correction",
            ));
        }
        Collection::RiskZones => return zones::revoke(scene, id, reason),
        Collection::RoadClosures => return closures::open(scene, id, reason),
        Collection::Incidents => {
            let record = scene.take_matching(collection, id)?;
            let state = state_of(&record);
            if state != "reported" {
                return Err(refused("xoá", "deleting", &state));
            }
            return incidents::decide(scene, id, &IncidentVerb::Reject { reason: reason.to_owned() });
        }
        _ => {}
    }
    let mut record = scene.take_matching(collection, id)?;
    rules::check_author(&scene.ask.actor, &record)?;
    if record.text("ended_at").is_some() {
        return Err(over(&record));
    }
    let held = record.reference("incident_id").is_some() || !record.references("queued_incident_ids").is_empty();
    if collection == Collection::Units && held {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            format!("{} đang được giao vụ việc: hãy rút đơn vị trước", record.label()),
            format!("{} is assigned to an incident: release it first", record.label()),
        )
        .with("allowed", json!(["DELETE /api/incidents/{id}/assignments/{unit_id}"])));
    }
    evacuation::check_nobody_counts_on(&record)?;
    coordination::check_whose(scene, &record)?;
    let at = scene.at()?;
    record.set_time("ended_at", at);
    let mut draft = Draft::default();
    draft.put(record, at);
    Ok(draft)
}

pub(super) fn over(record: &Working) -> Problem {
    Problem::new(
        Code::ForbiddenTransition,
        format!("{} đã kết thúc", record.label()),
        format!("{} was ended", record.label()),
    )
    .with("state", "ended")
    .with("allowed", json!([]))
}

/// What reporting needs, from the properties of an item.
pub(super) fn place_of_item(item: &Item) -> Result<Place, Problem> {
    let text = |name: &str| item.properties.get(name).and_then(Value::as_str);
    let number = |name: &str| item.properties.get(name).and_then(Value::as_f64);
    if let Some(geometry) = &item.geometry {
        let Geometry::Point(point) = rules::drawn(Collection::Incidents, geometry.clone())? else {
            return Err(Problem::new(Code::InvalidGeometry, "vụ việc cần một điểm", "an incident needs a point")
                .at("/geometry"));
        };
        let source = match text("located_by") {
            Some("gps") => PointSource::Gps,
            Some("map") => PointSource::Map,
            _ => PointSource::Coordinates,
        };
        return Ok(Place::Point { lon: point.x(), lat: point.y(), accuracy_m: number("accuracy_m"), source });
    }
    if let (Some(road_ref), Some(road_km)) = (text("road_ref"), number("road_km")) {
        return Ok(Place::RoadKm { road_ref: road_ref.to_owned(), road_km });
    }
    if let Some(code) = text("commune_code") {
        return Ok(Place::Commune { code: code.to_owned() });
    }
    if let Some(place) = text("place_text") {
        return Ok(Place::Text(place.to_owned()));
    }
    Err(Problem::new(
        Code::MissingField,
        "vụ việc cần một địa điểm: geometry, road_ref và road_km, commune_code hoặc place_text",
        "an incident needs a place: geometry, road_ref and road_km, commune_code or place_text",
    )
    .at("/geometry"))
}

/// Deed of whoever reports: everybody in the duty room may.
pub(super) const REPORT: Deed = Deed::ReportIncident;

impl Desk {
    /// A report that comes as an item of the collection.
    async fn report_item(&self, ask: &Ask, id: Option<Uuid>, item: Item) -> Result<super::Reported, Problem> {
        let place = place_of_item(&item)?;
        report::take(self, ask, id, &place, &item.properties).await
    }
}
