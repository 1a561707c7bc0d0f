//! What an import changes: each row matched with the record it stands for, and both put together.
//!
//! A row that stands for a record updates the fields it gives and leaves the others; states and whatever else verbs
//! set stay as they are. A row that changes nothing writes nothing.

use std::collections::HashMap;

use geo_types::Geometry;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::doubts;
use super::keys::{self, Key};
use super::refusals::Refusal;
use super::rows::Row;
use crate::domain::change::canonical_json;
use crate::domain::evacuation::Standing;
use crate::domain::schema::{self, SetBy};
use crate::domain::{Code, Collection, Problem, Record, Timestamp, incident, zone};
use crate::store::{Expect, Put, Snapshot, StoreError};

/// What shall be written, in the order of the rows.
#[derive(Default)]
pub(super) struct Plan {
    pub puts: Vec<Put>,
    pub expects: Vec<Expect>,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub refused: Vec<Refusal>,
    /// Of each line that is taken, the record it stands for.
    pub taken: HashMap<u64, Uuid>,
}

/// What a new record is given where its row says nothing.
pub(super) struct Defaults<'a> {
    pub actor: &'a str,
    pub now: Timestamp,
    /// Where the record comes from; `None` leaves `source` empty.
    pub source: Option<&'a str>,
    /// Only past incidents are taken: whatever state a file gives, a new one is ended.
    pub past_incidents: bool,
}

/// The records of the store that rows stand for.
struct Known {
    by_id: HashMap<Uuid, Record>,
    /// In the order of their ids, which is that of their making.
    by_key: HashMap<Key, Vec<Uuid>>,
}

/// Matches rows with the records of `snapshot` and says what to write.
///
/// # Errors
/// [`StoreError`] if the store cannot be read; refused rows are in the plan.
pub(super) fn plan(
    snapshot: &mut dyn Snapshot,
    collection: Collection,
    rows: Vec<Row>,
    defaults: &Defaults<'_>,
) -> Result<Plan, StoreError> {
    let keys: Vec<Key> = rows.iter().map(|row| keys::key(collection, &row.properties, row.geometry.as_ref())).collect();
    let known = known(snapshot, collection, &rows, &keys)?;
    let mut plan = Plan::default();
    let mut lines: HashMap<Uuid, u64> = HashMap::new();
    let mut seen: HashMap<Key, (usize, u64)> = HashMap::new();
    let mut said: HashMap<[u8; 32], u64> = HashMap::new();
    for (row, key) in rows.into_iter().zip(keys) {
        let line = row.line;
        let before = seen.entry(key).or_insert((0, line));
        let identity =
            first_of_its_kind(collection, &row, &mut said).and_then(|()| identity(&row, key, *before, &known, &lines));
        let outcome = identity.and_then(|record| {
            before.0 += 1;
            if let Some(record) = record {
                lines.insert(record.id, line);
            } else if let Some(id) = row.id {
                lines.insert(id, line);
            }
            match record {
                Some(record) => update(collection, record, row, defaults, &mut plan).map(|()| record.id),
                None => create(collection, row, defaults, &mut plan),
            }
        });
        if let Ok(id) = outcome {
            plan.taken.insert(line, id);
        } else if let Err(mut problem) = outcome {
            // A person who reads a table knows fields, not pointers into JSON.
            problem.at = problem.at.map(|at| at.trim_start_matches("/properties/").to_owned());
            plan.refused.push(Refusal { line, problem });
        }
    }
    Ok(plan)
}

fn known(snapshot: &mut dyn Snapshot, collection: Collection, rows: &[Row], keys: &[Key]) -> Result<Known, StoreError> {
    let mut known = Known { by_id: HashMap::new(), by_key: keys.iter().map(|key| (*key, Vec::new())).collect() };
    let ids: std::collections::HashSet<Uuid> = rows.iter().filter_map(|row| row.id).collect();
    snapshot.records(collection, &mut |record, _| {
        let mut all = record.properties_map();
        let ended = all.contains_key("ended_at");
        all.extend(record.personal_map());
        let mut wanted = ids.contains(&record.id);
        // An ended record is history: a new row with its key is a new record.
        for key in keys::keys_of(collection, &all, record.geometry.as_ref()).iter().filter(|_| !ended) {
            if let Some(list) = known.by_key.get_mut(key) {
                list.push(record.id);
                wanted = true;
            }
        }
        if !wanted {
            return;
        }
        known.by_id.insert(record.id, record);
    })?;
    for list in known.by_key.values_mut() {
        list.sort_unstable();
    }
    Ok(known)
}

/// The record that a row stands for, if the store has it.
fn identity<'a>(
    row: &Row,
    key: Key,
    (before, first_line): (usize, u64),
    known: &'a Known,
    lines: &HashMap<Uuid, u64>,
) -> Result<Option<&'a Record>, Problem> {
    let same_key = known.by_key.get(&key).map(Vec::as_slice).unwrap_or_default();
    if key.unique && before > 0 {
        return Err(repeated("code", first_line));
    }
    let id = match row.id {
        Some(id) => {
            if key.unique && same_key.iter().any(|other| *other != id) {
                return Err(Problem::new(
                    Code::InvalidValue,
                    format!("mã này là của bản ghi khác ({})", same_key[0]),
                    format!("the code belongs to another record ({})", same_key[0]),
                )
                .at("code"));
            }
            Some(id)
        }
        None => same_key.get(before).copied(),
    };
    let Some(id) = id else { return Ok(None) };
    if let Some(line) = lines.get(&id) {
        return Err(repeated("id", *line));
    }
    let record = known.by_id.get(&id);
    if record.is_some_and(|record| record.property("ended_at").is_some()) {
        return Err(Problem::new(
            Code::InvalidValue,
            "bản ghi có id này đã kết thúc; bỏ id để tạo bản ghi mới",
            "the record with this id was ended; leave the id out to make a new one",
        )
        .at("id"));
    }
    Ok(record)
}

fn repeated(field: &str, line: u64) -> Problem {
    Problem::new(
        Code::DuplicateRow,
        format!("{field} đã có ở dòng {line}"),
        format!("the {field} stands in line {line} already"),
    )
    .at(field)
    .with("line", line)
}

/// Refuses a row that says word for word what an earlier one says, where people keep lists of such things: no two
/// households, units or posts agree in everything.
fn first_of_its_kind(collection: Collection, row: &Row, said: &mut HashMap<[u8; 32], u64>) -> Result<(), Problem> {
    if !doubts::is_compared(collection) {
        return Ok(());
    }
    let mut hasher = Sha256::new();
    hasher.update(canonical_json(&row.properties).as_bytes());
    hasher.update(format!("{:?}{:?}", row.id, row.geometry));
    match *said.entry(hasher.finalize().into()).or_insert(row.line) {
        line if line == row.line => Ok(()),
        line => Err(Problem::new(
            Code::DuplicateRow,
            format!("giống hệt dòng {line}"),
            format!("says word for word what line {line} says"),
        )
        .with("line", line)),
    }
}

fn update(
    collection: Collection,
    record: &Record,
    row: Row,
    defaults: &Defaults<'_>,
    plan: &mut Plan,
) -> Result<(), Problem> {
    check_takes_files(collection)?;
    let mut all = record.properties_map();
    all.extend(record.personal_map());
    let old = (canonical_json(&all), record.geometry.clone());
    let given = geometry_of(collection, row.geometry);
    let moved = given.is_some() && given != record.geometry;
    if moved {
        // What was said of the old shape says nothing of the new one.
        for name in ["accuracy_m", "approximate", "source"] {
            all.remove(name);
        }
    }
    for (name, value) in row.properties {
        match schema::find(collection, &name).map(|field| field.set_by) {
            Some(SetBy::Client) if name == "extra" => merge_extra(&mut all, value),
            Some(SetBy::Client) => {
                all.insert(name, value);
            }
            // A state is changed by verbs; the file was written before the last of them.
            _ => {}
        }
    }
    let geometry = given.or_else(|| record.geometry.clone());
    let mut all = schema::canonical_properties(collection, &all)?;
    if (canonical_json(&all), geometry.clone()) == old {
        plan.unchanged += 1;
        return Ok(());
    }
    match collection {
        Collection::RiskZones => set_zone_state(&mut all, defaults.now)?,
        Collection::Households => set_parts(record, &mut all)?,
        _ => {}
    }
    plan.updated += 1;
    plan.expects.push(Expect { collection, id: record.id, version: record.version });
    put(plan, collection, record.id, geometry, all);
    Ok(())
}

/// People of a household whose number a file has changed: as at the desk, but that no shelter changes by a file.
fn set_parts(before: &Record, all: &mut Map<String, Value>) -> Result<(), Problem> {
    let was = Standing::of(&before.properties_map(), &before.personal_map());
    let is = Standing::of(all, all);
    if was == is {
        return Ok(());
    }
    let after = was.with_members(is.members)?;
    let (was, is) = (was.outcome(), is.outcome());
    let shelters = was.parts.iter().chain(&is.parts).filter_map(|part| part.shelter_id);
    if shelters.into_iter().any(|shelter| was.in_shelter(shelter) != is.in_shelter(shelter)) {
        return Err(Problem::new(
            Code::InvalidValue,
            "member_count: hộ đang ở điểm sơ tán, hãy sửa trên hệ thống",
            "member_count: the household is in a shelter; change it in the system",
        )
        .at("member_count"));
    }
    if all.contains_key("reports") {
        let mut personal = Map::new();
        after.write(all, &mut personal);
        all.append(&mut personal);
    }
    Ok(())
}

fn merge_extra(all: &mut Map<String, Value>, value: Value) {
    match (all.get_mut("extra"), value) {
        (Some(Value::Object(kept)), Value::Object(given)) => kept.extend(given),
        (_, value) => {
            all.insert("extra".to_owned(), value);
        }
    }
}

fn check_takes_files(collection: Collection) -> Result<(), Problem> {
    if collection.takes_files() {
        return Ok(());
    }
    Err(Problem::new(
        Code::MethodNotAllowed,
        format!("{collection} không nhập từ tệp"),
        format!("{collection} do not come from files"),
    ))
}

fn create(collection: Collection, row: Row, defaults: &Defaults<'_>, plan: &mut Plan) -> Result<Uuid, Problem> {
    check_takes_files(collection)?;
    let mut all = row.properties;
    let geometry = geometry_of(collection, row.geometry);
    if let Some(source) = defaults.source.filter(|_| schema::find(collection, "source").is_some()) {
        all.entry("source").or_insert_with(|| source.into());
    }
    fill(collection, &mut all, geometry.is_some(), defaults);
    let mut all = schema::canonical_properties(collection, &all)?;
    if collection == Collection::RiskZones {
        set_zone_state(&mut all, defaults.now)?;
    }
    let id = row.id.unwrap_or_else(Uuid::now_v7);
    plan.created += 1;
    plan.expects.push(Expect { collection, id, version: 0 });
    put(plan, collection, id, geometry, all);
    Ok(id)
}

/// Units have no place of their own in their record: it comes from fixes.
fn geometry_of(collection: Collection, geometry: Option<Geometry<f64>>) -> Option<Geometry<f64>> {
    geometry.filter(|_| collection != Collection::Units)
}

/// What a new record of the collection has by itself.
fn fill(collection: Collection, all: &mut Map<String, Value>, placed: bool, defaults: &Defaults<'_>) {
    let now = Value::from(defaults.now.to_string());
    let mut give = |name: &str, value: Value| {
        all.entry(name).or_insert(value);
    };
    match collection {
        Collection::Households => give("state", "registered".into()),
        Collection::Units => {
            // Nobody said that it may be sent.
            give("status", "off_duty".into());
            give("status_at", now);
            give("status_by", defaults.actor.into());
            give("status_source", "desk".into());
        }
        Collection::RiskZones => {
            give("owner", defaults.actor.into());
            give("valid_from", now);
        }
        Collection::DutyLog => {
            give("kind", "note".into());
            give("author", defaults.actor.into());
            give("occurred_at", now);
        }
        Collection::Incidents if defaults.past_incidents => fill_past_incident(all, placed, now),
        _ => {}
    }
}

/// A zone of a file is in force or waits for its start, by its times alone, as at the desk; one that is over is refused,
/// so that a copy of an old list revives none.
fn set_zone_state(all: &mut Map<String, Value>, now: Timestamp) -> Result<(), Problem> {
    let text = |name: &str| all.get(name).and_then(Value::as_str);
    if let Some(state) = text("state").filter(|state| !zone::LIVE.contains(state)) {
        return Err(Problem::new(
            Code::InvalidValue,
            format!("khu vực đã {state}; chỉ nhập khu vực còn hoặc sẽ có hiệu lực"),
            format!("the zone is {state}; only zones that apply or will apply are imported"),
        )
        .at("state"));
    }
    let time = |name: &str| text(name).and_then(|text| Timestamp::parse(text).ok()).unwrap_or(now);
    // Whoever agreed to what the file says did so elsewhere.
    let state = zone::state_at(text("publish"), true, time("valid_from"), time("valid_to"), now)?;
    all.insert("state".to_owned(), state.into());
    Ok(())
}

fn fill_past_incident(all: &mut Map<String, Value>, placed: bool, now: Value) {
    if !all.get("state").and_then(Value::as_str).is_some_and(incident::is_ended) {
        all.insert("state".to_owned(), "closed".into());
    }
    let ended = ["closed_at", "state_at", "occurred_at"].iter().find_map(|name| all.get(*name).cloned());
    let ended = ended.unwrap_or(now);
    let reported = all.get("occurred_at").cloned().unwrap_or_else(|| ended.clone());
    let mut give = |name: &str, value: Value| {
        all.entry(name).or_insert(value);
    };
    give("outcome", "resolved".into());
    give("reported_at", reported);
    give("state_at", ended.clone());
    give("closed_at", ended);
    give("channel", "import".into());
    if placed {
        give("located_by", "import".into());
    }
}

fn put(plan: &mut Plan, collection: Collection, id: Uuid, geometry: Option<Geometry<f64>>, all: Map<String, Value>) {
    let valid_at = all.get("occurred_at").and_then(Value::as_str).and_then(|text| Timestamp::parse(text).ok());
    let (properties, personal) = schema::split_personal(collection, all);
    plan.puts.push(Put { collection, id, valid_at, geometry, properties, personal });
}
