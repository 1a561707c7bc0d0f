//! Closing, slowing and opening roads. A closure is drawn or pointed at, told by kilometre posts, or taken from the
//! incident that cut the road; it is kept as a line, and one that lies on no road is refused.

use geo_types::{Geometry, LineString, MultiLineString, Point};
use serde_json::{Value, json};
use uuid::Uuid;

use super::scene::{Draft, Entry, Scene, Working};
use super::write::may;
use super::{Ask, Desk, Item, Patch, Written, items, words};
use crate::domain::access::Deed;
use crate::domain::{Actor, Code, Collection, Problem, Timestamp, closure};
use crate::roads::{Profiles, Roads, closures, route};

/// A closure that is pointed at is so long, metres: as long as a slide is at least.
const POINTED_M: f64 = 20.0;
/// Most road that one closure takes in, metres.
const CLOSURE_M_MAX: f64 = 200_000.0;

impl Desk {
    /// What time makes of a closure: at its end the road is open. Called by the watch; one that is not due is answered as
    /// it stands.
    ///
    /// # Errors
    /// `not_found`, or the problem of the store.
    pub async fn turn_closure(&self, id: Uuid) -> Result<Written, Problem> {
        let ask = Ask::by(Actor::system());
        self.write_in_turn(&ask, id, |scene| turn(scene, id)).await
    }

    /// Refuses a closure that lies on no road of the network in use.
    ///
    /// # Errors
    /// `no_road`.
    pub fn lies_on_road(&self, closure: &closures::Closure) -> Result<(), Problem> {
        let roads = self.roads();
        let lies = roads.is_none_or(|held| !closures::stretches(&held.roads, &closure.geometry).is_empty());
        if lies { Ok(()) } else { Err(no_road()) }
    }

    /// Opens a road (`If-Match` needed): the closure ends.
    ///
    /// # Errors
    /// `forbidden_transition` if it is over, `version_conflict` with `present`, `precondition_required`, `not_found`,
    /// `forbidden`.
    pub async fn open_road(&self, ask: &Ask, id: Uuid, reason: &str) -> Result<Written, Problem> {
        may(&ask.actor, Deed::CloseRoad)?;
        self.write(ask, |scene| open(scene, id, reason)).await
    }
}

/// A new closure. Where it lies is given as a line or a point, else by `road_ref` and `from_km`, else it is the place of
/// `incident_id`.
pub(super) fn create(scene: &Scene<'_>, roads: Option<&Roads>, id: Uuid, item: &Item) -> Result<Draft, Problem> {
    let at = scene.at()?;
    let mut item = item.clone();
    let incident = incident_of(scene, &item)?;
    item.geometry = Some(place(scene, roads, &item, incident.as_ref())?);
    let mut record = items::new_record(scene, Collection::RoadClosures, id, &item)?;
    fill(&mut record, scene, at);
    check(&record, roads, scene.now)?;
    let text = format!(
        "{}: {}",
        if record.number("speed_factor").is_some() { "Đi chậm" } else { "Cắt đường" },
        record.label()
    );
    let mut draft = Draft::default();
    let closed = entry(
        "road_closed",
        text,
        json!({"closure_id": id, "profiles": record.properties["profiles"]}),
        incident.as_ref(),
    );
    draft.put(record, at);
    draft.log(scene, at, closed);
    Ok(draft)
}

/// An edited closure, still in force or to come.
pub(super) fn edit(
    scene: &Scene<'_>,
    roads: Option<&Roads>,
    id: Uuid,
    patch: &Patch,
    whole: bool,
) -> Result<Draft, Problem> {
    let before = scene.take_matching(Collection::RoadClosures, id)?;
    live(&before)?;
    let at = scene.at()?;
    let mut patch = patch.clone();
    if let Some(Some(Geometry::Point(point))) = patch.geometry {
        patch.geometry = Some(Some(pointed(roads, point)?));
    }
    let mut record = items::edited(scene, before, &patch, whole)?;
    fill(&mut record, scene, at);
    check(&record, roads, scene.now)?;
    let text = format!("Sửa đoạn đường bị cắt: {}", record.label());
    let edited = entry("road_closed", text, json!({"closure_id": id, "profiles": record.properties["profiles"]}), None);
    let mut draft = Draft::default();
    draft.put(record, at);
    draft.log(scene, at, edited);
    Ok(draft)
}

/// Ends a closure.
pub(super) fn open(scene: &Scene<'_>, id: Uuid, reason: &str) -> Result<Draft, Problem> {
    let record = scene.take_matching(Collection::RoadClosures, id)?;
    live(&record)?;
    Ok(opened(scene, record, scene.at()?, reason))
}

fn turn(scene: &Scene<'_>, id: Uuid) -> Result<Draft, Problem> {
    let record = scene.take(Collection::RoadClosures, id)?;
    match record.time("valid_to").filter(|to| *to <= scene.now && record.text("ended_at").is_none()) {
        Some(to) => Ok(opened(scene, record, to, "hết thời hạn")),
        None => scene.already(Collection::RoadClosures, id),
    }
}

fn opened(scene: &Scene<'_>, mut record: Working, at: Timestamp, reason: &str) -> Draft {
    record.set_time("ended_at", at);
    record.set("ended_by", scene.ask.actor.name.as_str());
    record.set("end_reason", reason.trim());
    let incident = record.reference("incident_id").and_then(|id| scene.take(Collection::Incidents, id).ok());
    let text = format!("Thông đường: {}", record.label());
    let opened =
        entry("road_opened", text, json!({"closure_id": record.id, "reason": reason.trim()}), incident.as_ref());
    let mut draft = Draft::default();
    draft.put(record, at);
    draft.log(scene, at, opened);
    draft
}

fn entry<'a>(kind: &'static str, text: String, facts: Value, incident: Option<&'a Working>) -> Entry<'a> {
    Entry { kind, text, facts, incident, unit: None, zone: None }
}

fn live(record: &Working) -> Result<(), Problem> {
    if record.text("ended_at").is_none() {
        return Ok(());
    }
    Err(Problem::new(
        Code::ForbiddenTransition,
        "đường đã được thông; nếu lại bị cắt, hãy ghi một đoạn mới",
        "the road was opened; close it anew if it is cut again",
    )
    .with("state", "ended")
    .with("allowed", json!([])))
}

fn incident_of(scene: &Scene<'_>, item: &Item) -> Result<Option<Working>, Problem> {
    let id = item.properties.get("incident_id").and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
    id.map(|id| scene.referred(Collection::Incidents, id, "/properties/incident_id")).transpose()
}

/// Where the closure lies, as a line.
fn place(
    scene: &Scene<'_>,
    roads: Option<&Roads>,
    item: &Item,
    incident: Option<&Working>,
) -> Result<Geometry, Problem> {
    let number = |name: &str| item.properties.get(name).and_then(Value::as_f64);
    let road_ref = item.properties.get("road_ref").and_then(Value::as_str);
    match (&item.geometry, road_ref, number("from_km")) {
        (Some(Geometry::Point(point)), ..) => pointed(roads, *point),
        (Some(line), ..) => Ok(line.clone()),
        (None, Some(road_ref), Some(from_km)) => posted(scene, road_ref, from_km, number("to_km").unwrap_or(from_km)),
        _ => match incident.and_then(|incident| incident.geometry.as_ref()) {
            Some(Geometry::Point(point)) => pointed(roads, *point),
            _ => Err(Problem::new(
                Code::MissingField,
                "cần vị trí đoạn đường: vẽ trên bản đồ, số hiệu đường và lý trình (road_ref, from_km), hoặc vụ việc đã \
                 biết vị trí (incident_id)",
                "a closure needs a place: a geometry, road_ref and from_km, or an incident_id whose place is known",
            )
            .at("/geometry")),
        },
    }
}

/// The stretch of road at a point that somebody pointed at.
fn pointed(roads: Option<&Roads>, point: Point) -> Result<Geometry, Problem> {
    let Some(roads) = roads else {
        return Err(Problem::new(
            Code::NoRoad,
            "chưa nạp mạng đường: hãy vẽ đoạn đường bị cắt thành đường kẻ",
            "no road network is loaded: draw the closure as a line",
        )
        .at("/geometry"));
    };
    let (segment, [from_m, to_m]) = *closures::stretches(roads, &point.into()).first().ok_or_else(no_road)?;
    let middle_m = f64::midpoint(from_m, to_m);
    let length_m = f64::from(roads.graph.segments()[segment as usize].length_m);
    let low_m = (middle_m - POINTED_M / 2.0).clamp(0.0, (length_m - POINTED_M).max(0.0));
    let line = route::cut(&roads.graph, segment as usize, low_m, (low_m + POINTED_M).min(length_m));
    Ok(LineString::from(line).into())
}

/// The line between two kilometre posts.
fn posted(scene: &Scene<'_>, road_ref: &str, from_km: f64, to_km: f64) -> Result<Geometry, Problem> {
    // A single post is the stretch around it.
    let half_km = POINTED_M / 2_000.0;
    let (low_km, high_km) = (from_km.min(to_km), from_km.max(to_km));
    let (low_km, high_km) =
        if high_km - low_km < 2.0 * half_km { (low_km - half_km, high_km + half_km) } else { (low_km, high_km) };
    let mut ranges = Vec::new();
    for road in scene.ground.roads(Some(road_ref)) {
        let part: Vec<LineString> =
            road.route.part(low_km, high_km).into_iter().filter(|line| line.0.len() > 1).collect();
        if !part.is_empty() {
            return Ok(MultiLineString(part).into());
        }
        ranges.extend(road.route.km_range());
    }
    let posts: Vec<String> = ranges
        .iter()
        .map(|(from, to)| format!("{}–{}", words::kilometre_post(*from), words::kilometre_post(*to)))
        .collect();
    Err(Problem::new(
        Code::PlaceNotFound,
        if posts.is_empty() {
            format!("không có đường {road_ref} với cột cây số")
        } else {
            format!("{road_ref} chỉ có cột cây số {}", posts.join(", "))
        },
        if posts.is_empty() {
            format!("no road {road_ref} with kilometre posts is known")
        } else {
            format!("{road_ref} has kilometre posts {} only", posts.join(", "))
        },
    )
    .at("/properties/from_km"))
}

fn fill(record: &mut Working, scene: &Scene<'_>, at: Timestamp) {
    if record.properties.get("profiles").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        record.set("profiles", closure::PROFILES_UNSAID);
    }
    if !record.properties.contains_key("valid_from") {
        record.set_time("valid_from", at);
    }
    if record.text("closed_by").is_none() {
        record.set("closed_by", scene.ask.actor.name.as_str());
    }
    if record.text("name").is_none() {
        let name = name_of(record);
        record.set("name", name);
    }
}

/// What a closure without a name is called: road, posts, reason.
fn name_of(record: &Working) -> String {
    let reason = words::closure_reason(record.text("reason").unwrap_or_default());
    let post = |name: &str| record.number(name).map(words::kilometre_post);
    let road = match (record.text("road_ref"), post("from_km"), post("to_km")) {
        (Some(road), Some(from), Some(to)) if from != to => format!("{road} {from}–{to}"),
        (Some(road), Some(from), _) => format!("{road} {from}"),
        (Some(road), ..) => road.to_owned(),
        _ => return reason.to_owned(),
    };
    format!("{road}, {reason}")
}

/// What must fit together: its times, and the road it lies on.
fn check(record: &Working, roads: Option<&Roads>, now: Timestamp) -> Result<(), Problem> {
    closure::check_times(record.time("valid_from").unwrap_or(now), record.time("valid_to"), now)?;
    let Some(geometry) = &record.geometry else {
        return Err(
            Problem::new(Code::MissingField, "cần vị trí đoạn đường", "a closure needs a place").at("/geometry")
        );
    };
    // Without a network whoever draws knows best; it is laid on the first one that is loaded.
    let Some(roads) = roads else { return Ok(()) };
    let stretches = closures::stretches(roads, geometry);
    if stretches.is_empty() {
        return Err(no_road());
    }
    let length_m: f64 = stretches.iter().map(|(_, [from_m, to_m])| to_m - from_m).sum();
    if length_m > CLOSURE_M_MAX {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("{:.0} km đường: nhiều hơn {:.0} km trong một lần", length_m / 1e3, CLOSURE_M_MAX / 1e3),
            format!("{:.0} km of road: more than {:.0} km in one closure", length_m / 1e3, CLOSURE_M_MAX / 1e3),
        )
        .at("/geometry"));
    }
    Ok(())
}

fn no_road() -> Problem {
    Problem::new(
        Code::NoRoad,
        "không có đường nào ở đó trong mạng đường đang dùng: hãy chỉ đúng lên đường",
        "there is no road at this place in the network in use: point at the road itself",
    )
    .at("/geometry")
}

/// A record of the picture as what is laid over the roads; `None` for one that lies nowhere.
pub(super) fn laid(record: &Working) -> Option<closures::Closure> {
    let named = |name: &Value| name.as_str().and_then(crate::roads::Profile::from_word);
    let profiles = record.properties.get("profiles").and_then(Value::as_array);
    let profiles = profiles.into_iter().flatten().filter_map(named);
    Some(closures::Closure {
        id: record.id,
        geometry: record.geometry.clone()?,
        profiles: profiles.fold(Profiles::NONE, |set, profile| set.with(profile, true)),
        factor: record.number("speed_factor").unwrap_or(0.0),
    })
}
