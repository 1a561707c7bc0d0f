//! Alarms of the roads: a closure that cuts people off (cô lập), and one that lies on no road of the network in use. The
//! watch asks what is; the desk writes down what has changed. Each closure has one alarm of each kind, which stands
//! again when the same comes back.
//!
//! Cut off is who got to the provincial town on wheels and no longer does, by car nor by motorbike; where no town is
//! known, to the seat of a commune. Of several closures each answers for those whom it cuts off beside the ones before
//! it, in the order of their beginning.

use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use super::cut_off::{Asked, Subject, Target};
use super::scene::{Draft, Entry, Scene, Working};
use super::{Ask, Desk, Written, alarms, closures};
use crate::domain::schema::LIST_ITEMS_MAX;
use crate::domain::{Actor, Collection, Problem, Timestamp, closure};
use crate::picture::View;
use crate::roads::{InForce, Overlay, Profile, Snap, WayOut, lay, ways_out};

/// Who on wheels gets through last: where neither of them does, nobody comes.
const WHEELS: [Profile; 2] = [Profile::Car, Profile::Motorbike];
/// Most closures that answer each for itself; the last one answers for all beyond.
const CLOSURES_MAX: usize = 100;
/// Places that are named in words.
const NAMED_MAX: usize = 5;

/// Whom one closure cuts off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CutByClosure {
    /// Places, in the order of their ids.
    pub places: Vec<Uuid>,
    pub households: i64,
    /// Members of those households.
    pub people: i64,
}

/// What the closures in force do on the network in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoadsFound {
    /// By closure; only those that cut somebody off.
    pub cut_off: HashMap<Uuid, CutByClosure>,
    /// Closures that lie on no road.
    pub unmatched: Vec<Uuid>,
}

impl Desk {
    /// What the closures in force do now, as the server itself sees it; nothing as long as no network is loaded. Takes
    /// some tenths of a second where many households are cut off by many closures.
    #[must_use]
    pub fn look_at_roads(&self) -> RoadsFound {
        let Some(in_force) = self.roads() else { return RoadsFound::default() };
        let view = self.picture.view(&Actor::system(), self.now());
        let cut_off = self.cut_by_each(&view, &in_force);
        RoadsFound { cut_off, unmatched: in_force.laid.unmatched.clone() }
    }

    /// Brings the alarms of the roads to what was found. Whether anything was written.
    ///
    /// # Errors
    /// The problem of the store; what was not written is found again.
    pub async fn tell_roads(&self, found: &RoadsFound) -> Result<bool, Problem> {
        let ask = Ask::by(Actor::system());
        let mut is_changed = false;
        for (kind, closure) in self.alarms_to_change(found) {
            let cut = found.cut_off.get(&closure);
            let wanted = if kind == CUT_OFF { cut.is_some() } else { found.unmatched.contains(&closure) };
            let tell = |scene: &Scene<'_>| decide(scene, kind, closure, wanted, cut);
            let written: Written = self.write_in_turn(&ask, alarm_id(kind, closure), tell).await?;
            is_changed |= !written.changes.is_empty();
        }
        Ok(is_changed)
    }

    /// Alarms that do not stand as they should, those that are over first.
    fn alarms_to_change(&self, found: &RoadsFound) -> Vec<(&'static str, Uuid)> {
        let picture = self.picture.load();
        let alarms = picture.layer(Collection::Alarms);
        let standing = |kind: &str, closure: Uuid| {
            let alarm = alarms.get(alarm_id(kind, closure)).filter(|alarm| !alarm.is_ended());
            alarm.map(|alarm| Working::of(Collection::Alarms, alarm))
        };
        let mut open: Vec<(&'static str, Uuid)> = Vec::new();
        for alarm in alarms.iter().filter(|alarm| !alarm.is_ended()) {
            let kind = [CUT_OFF, UNMATCHED].into_iter().find(|kind| alarm.text("kind").as_deref() == Some(*kind));
            let closure = alarm.text("closure_id").and_then(|id| Uuid::parse_str(&id).ok());
            open.extend(kind.zip(closure));
        }
        let is_over = |(kind, closure): &(&str, Uuid)| match *kind {
            CUT_OFF => !found.cut_off.contains_key(closure),
            _ => !found.unmatched.contains(closure),
        };
        let mut to_change: Vec<(&'static str, Uuid)> = open.into_iter().filter(is_over).collect();
        let mut cutting: Vec<(&Uuid, &CutByClosure)> = found.cut_off.iter().collect();
        cutting.sort_by_key(|(closure, _)| **closure);
        let changed = cutting
            .into_iter()
            .filter(|(closure, cut)| standing(CUT_OFF, **closure).is_none_or(|alarm| !says(&alarm, cut)));
        to_change.extend(changed.map(|(closure, _)| (CUT_OFF, *closure)));
        let unmatched = found.unmatched.iter().filter(|closure| standing(UNMATCHED, **closure).is_none());
        to_change.extend(unmatched.map(|closure| (UNMATCHED, *closure)));
        to_change
    }

    /// Whom each closure in force cuts off beside those that began before it.
    fn cut_by_each(&self, view: &View, in_force: &InForce) -> HashMap<Uuid, CutByClosure> {
        let mut found = HashMap::new();
        if in_force.laid.overlay.is_empty() {
            return found;
        }
        let asked = self.asked(view, in_force);
        let reach = Reach::of(&asked, in_force);
        let nobody = vec![false; asked.subjects.len()];
        if reach.cut_off(&in_force.laid.overlay) == nobody {
            return found;
        }
        let order = self.begun_in_order(view.now());
        let mut laid: Vec<crate::roads::Closure> = Vec::new();
        let mut before = nobody;
        for (at, closure) in order.iter().enumerate() {
            laid.push(closure.clone());
            if at >= CLOSURES_MAX && at + 1 < order.len() {
                continue;
            }
            let now = reach.cut_off(&lay(&in_force.roads, &laid).overlay);
            let cut = summed(
                asked.subjects.iter().zip(now.iter().zip(&before)).filter(|(_, (now, before))| **now && !**before),
            );
            if !cut.places.is_empty() || cut.households > 0 {
                found.insert(closure.id, cut);
            }
            before = now;
        }
        found
    }

    /// The closures in force, in the order of their beginning.
    fn begun_in_order(&self, now: Timestamp) -> Vec<crate::roads::Closure> {
        let picture = self.picture.load();
        let open = picture.layer(Collection::RoadClosures).iter().filter(|closure| !closure.is_ended());
        let mut begun: Vec<(Option<Timestamp>, Working)> = open
            .map(|feature| Working::of(Collection::RoadClosures, feature))
            .filter(|record| closure::is_in_force(record.time("valid_from"), record.time("valid_to"), now))
            .map(|record| (record.time("valid_from"), record))
            .collect();
        begun.sort_by_key(|(from, record)| (*from, record.id));
        begun.iter().filter_map(|(_, record)| closures::laid(record)).collect()
    }
}

const CUT_OFF: &str = "cut_off";
const UNMATCHED: &str = "closure_unmatched";

/// The one alarm of a kind that a closure has.
fn alarm_id(kind: &str, closure: Uuid) -> Uuid {
    Uuid::new_v5(&closure, kind.as_bytes())
}

/// The ways of all subjects to the targets that count, as they are with nothing closed.
struct Reach<'a> {
    in_force: &'a InForce,
    targets: &'a [[Option<Snap>; Profile::ALL.len()]],
    subjects: &'a [Subject],
    open: [Vec<WayOut>; WHEELS.len()],
}

impl<'a> Reach<'a> {
    fn of(asked: &'a Asked, in_force: &'a InForce) -> Self {
        let of = |wanted: Target| asked.targets.iter().find(|(target, at)| *target == wanted && !at.is_empty());
        let targets = of(Target::ProvinceSeat).or_else(|| of(Target::CommuneSeat)).map_or(&[][..], |(_, at)| at);
        let mut reach = Self { in_force, targets, subjects: &asked.subjects, open: Default::default() };
        reach.open = reach.ways(&Overlay::default());
        reach
    }

    fn ways(&self, overlay: &Overlay) -> [Vec<WayOut>; WHEELS.len()] {
        WHEELS.map(|profile| {
            let ends: Vec<Snap> = self.targets.iter().filter_map(|snaps| snaps[profile.index()]).collect();
            let from: Vec<Option<Snap>> = self.subjects.iter().map(|subject| subject.snaps[profile.index()]).collect();
            ways_out(&self.in_force.roads.ground(overlay, profile), &from, &ends)
        })
    }

    /// For each subject, whether it had a way on wheels and has none under these closures.
    fn cut_off(&self, overlay: &Overlay) -> Vec<bool> {
        let now = self.ways(overlay);
        let is_open = |ways: &[Vec<WayOut>], n: usize| ways.iter().any(|ways| ways[n] == WayOut::Open);
        (0..self.subjects.len()).map(|n| is_open(&self.open, n) && !is_open(&now, n)).collect()
    }
}

fn summed<'s>(cut: impl Iterator<Item = (&'s Subject, (&'s bool, &'s bool))>) -> CutByClosure {
    let mut sum = CutByClosure::default();
    for (subject, _) in cut {
        match subject.collection {
            Collection::Places => sum.places.push(subject.id),
            Collection::Households => {
                sum.households += 1;
                sum.people += subject.members;
            }
            _ => {}
        }
    }
    sum.places.sort_unstable();
    sum
}

/// Nobody counts single houses by an alarm that everybody reads.
const fn tens(count: i64) -> i64 {
    (count + 9) / 10 * 10
}

/// Whether an alarm says what was found.
fn says(alarm: &Working, cut: &CutByClosure) -> bool {
    let listed = &cut.places[..cut.places.len().min(LIST_ITEMS_MAX)];
    alarm.references("place_ids") == listed
        && alarm.integer("places") == i64::try_from(cut.places.len()).ok()
        && alarm.integer("households_at_most") == Some(tens(cut.households))
        && alarm.integer("people_at_most") == Some(tens(cut.people))
}

fn decide(
    scene: &Scene<'_>,
    kind: &'static str,
    closure: Uuid,
    wanted: bool,
    cut: Option<&CutByClosure>,
) -> Result<Draft, Problem> {
    let id = alarm_id(kind, closure);
    let known = scene.follow(Collection::Alarms, id).ok();
    let stands = known.as_ref().is_some_and(|alarm| alarm.text("ended_at").is_none());
    let road = scene.follow(Collection::RoadClosures, closure)?;
    match known {
        Some(alarm) if stands && !wanted => Ok(end(scene, kind, alarm, &road)),
        Some(alarm) if stands && cut.is_none_or(|cut| says(&alarm, cut)) => scene.already(Collection::Alarms, id),
        known if wanted => {
            let alarm = known.unwrap_or_else(|| Working::new(Collection::Alarms, id));
            Ok(raise(scene, kind, alarm, &road, cut, stands))
        }
        _ => scene.already(Collection::RoadClosures, closure),
    }
}

fn raise(
    scene: &Scene<'_>,
    kind: &'static str,
    mut alarm: Working,
    road: &Working,
    cut: Option<&CutByClosure>,
    stands: bool,
) -> Draft {
    let known = alarm.references("place_ids");
    let text = match cut {
        Some(cut) if kind == CUT_OFF => words(scene, road, cut),
        _ => format!("{}: không nằm trên đường nào của mạng đường đang dùng, hãy vẽ lại", road.label()),
    };
    let has_grown = cut.is_some_and(|cut| cut.places.iter().any(|place| !known.contains(place)));
    if !stands || has_grown {
        // Somebody took what was; what came to it, nobody has.
        for taken in ["acknowledged_at", "acknowledged_by", "ended_at"] {
            alarm.remove(taken);
        }
        alarm.set_time("raised_at", scene.now);
    }
    alarm.set("kind", kind);
    alarm.set("closure_id", road.id.to_string());
    alarm.set("incident_id", road.properties.get("incident_id").cloned().unwrap_or_default());
    alarm.set("text", alarms::shortened(&text));
    if let Some(cut) = cut.filter(|_| kind == CUT_OFF) {
        alarm.set_references("place_ids", &cut.places[..cut.places.len().min(LIST_ITEMS_MAX)]);
        alarm.set("places", cut.places.len());
        alarm.set("households_at_most", tens(cut.households));
        alarm.set("people_at_most", tens(cut.people));
    }
    let facts = json!({"closure_id": road.id, "places": alarm.properties.get("place_ids")});
    let mut draft = Draft::default();
    draft.put(alarm, scene.now);
    if kind == CUT_OFF {
        log(scene, &mut draft, "cut_off", road, text, facts);
    }
    draft
}

fn end(scene: &Scene<'_>, kind: &str, mut alarm: Working, road: &Working) -> Draft {
    alarm.set_time("ended_at", scene.now);
    let facts = json!({"closure_id": road.id, "places": alarm.properties.get("place_ids")});
    let mut draft = Draft::default();
    draft.put(alarm, scene.now);
    if kind == CUT_OFF {
        let text = format!("Hết cô lập ({})", road.label());
        log(scene, &mut draft, "reconnected", road, text, facts);
    }
    draft
}

fn log(scene: &Scene<'_>, draft: &mut Draft, kind: &str, road: &Working, text: String, facts: serde_json::Value) {
    let incident = road.reference("incident_id").and_then(|id| scene.follow(Collection::Incidents, id).ok());
    let entry = Entry { kind, text, facts, incident: incident.as_ref(), unit: None, zone: None };
    draft.log(scene, scene.now, entry);
}

/// Whom a closure cuts off, in words.
fn words(scene: &Scene<'_>, road: &Working, cut: &CutByClosure) -> String {
    let name = |id: &Uuid| Some(scene.feature(Collection::Places, *id)?.text("name")?.into_owned());
    let mut said: Vec<String> = cut.places.iter().filter_map(name).take(NAMED_MAX).collect();
    if cut.places.len() > NAMED_MAX {
        said.push(format!("{} nơi khác", cut.places.len() - NAMED_MAX));
    }
    if cut.households > 0 {
        said.push(format!("không quá {} hộ, {} nhân khẩu", tens(cut.households), tens(cut.people)));
    }
    format!("Cô lập, ô tô và xe máy không ra được trung tâm tỉnh: {} ({})", said.join(", "), road.label())
}
