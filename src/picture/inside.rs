//! Which households are in which zones in force, and how far each has come: kept from one picture to the next, so that
//! a change costs what has changed, and not every house against every zone. Who sees what of it is asked at each reading.
//!
//! Written by whoever reads first after a change, behind a lock that is held for that long. A house on the boundary of a
//! zone is inside, as in an exposure.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::communes::commune_of;
use super::filter::Wanted;
use super::reach::Reach;
use super::within::held;
use super::{Feature, Picture, Shown, View, WholeCommune};
use crate::domain::access::{Facts, Sight};
use crate::domain::change::Seq;
use crate::domain::evacuation::{Part, State};
use crate::domain::risk_level::{effective, id_of};
use crate::domain::{Collection, Timestamp};

/// Zones in force that are looked at, at most; their places in the list are kept in 16 bits.
pub const ZONES_MAX: usize = 10_000;
/// Of arrivals within so many seconds it follows how fast a zone empties.
pub const RATE_S: i64 = 3_600;

/// Households of the newest picture that was asked, by zone.
#[derive(Debug, Default)]
pub(super) struct InsideCache {
    newest: Mutex<Option<Arc<Index>>>,
}

/// One state of the cache; never changed.
#[derive(Debug)]
pub(super) struct Index {
    /// Versions of the layers of households and zones.
    versions: [Seq; 2],
    zones: Vec<Arc<Feature>>,
    /// All listed households in the order of their ids, those that lie in a zone with what is known of them.
    houses: Vec<(Arc<Feature>, Option<Arc<House>>)>,
    without_place: usize,
}

/// A household in one zone or several.
#[derive(Debug)]
struct House {
    id: Uuid,
    commune: Option<Box<str>>,
    /// Places in [`Index::zones`], in their order.
    zones: Box<[u16]>,
    least: State,
    parts: Box<[Word]>,
}

/// So many of it are in a state, as somebody said.
#[derive(Clone, Debug)]
struct Word {
    state: State,
    people: i64,
    at: Option<Timestamp>,
    by: Option<Box<str>>,
}

/// People and households of an area by state, and whose word that is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// By [`State::ALL`].
    pub people: [i64; State::ALL.len()],
    /// Each household counted once, by the part that came least far.
    pub households: [i64; State::ALL.len()],
    /// The newest word on each state.
    pub newest: [Option<(Timestamp, Option<Box<str>>)>; State::ALL.len()],
    /// People told to have come out within the last [`RATE_S`].
    pub out_lately: i64,
    /// `None` where no zone of it says from which level on.
    pub at_risk: Option<AtRisk>,
}

/// Whoever is still inside a zone whose level has reached the one from which on that counts (DOMAIN.md 2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtRisk {
    pub people: i64,
    /// Of which somebody is still inside.
    pub households: i64,
}

impl Figures {
    fn add(&mut self, house: &House, now: Timestamp) {
        self.households[house.least as usize] += 1;
        for word in &house.parts {
            self.people[word.state as usize] += word.people;
            let Some(at) = word.at else { continue };
            if !word.state.is_inside() && (0..RATE_S).contains(&now.seconds_since(at)) {
                self.out_lately += word.people;
            }
            let newest = &mut self.newest[word.state as usize];
            if newest.as_ref().is_none_or(|(known, _)| *known < at) {
                *newest = Some((at, word.by.clone()));
            }
        }
    }

    fn add_at_risk(&mut self, house: &House) {
        let Some(at_risk) = &mut self.at_risk else { return };
        at_risk.households += i64::from(house.least.is_inside());
        at_risk.people += house.parts.iter().filter(|word| word.state.is_inside()).map(|word| word.people).sum::<i64>();
    }

    /// Everybody on the list.
    #[must_use]
    pub fn people_in_all(&self) -> i64 {
        self.people.iter().sum()
    }

    /// Everybody of whom nobody said that they are out.
    #[must_use]
    pub fn people_inside(&self) -> i64 {
        State::ALL.iter().filter(|state| state.is_inside()).map(|state| self.people[*state as usize]).sum()
    }

    /// Every household.
    #[must_use]
    pub fn households_in_all(&self) -> i64 {
        self.households.iter().sum()
    }

    /// Households of which somebody is still inside.
    #[must_use]
    pub fn households_inside(&self) -> i64 {
        State::ALL.iter().filter(|state| state.is_inside()).map(|state| self.households[*state as usize]).sum()
    }
}

/// Who is in the zones in force, as one actor sees it.
pub struct Inside<'a> {
    pub zones: Vec<InsideZone<'a>>,
    /// Over all zones, each household once.
    pub total: Figures,
    /// Communes that any zone touches and whose households are not seen one by one, each once.
    pub whole_communes: Vec<WholeCommune>,
    /// Households that are seen and stand nowhere on the map: nobody knows whether they are in a zone.
    pub without_place: usize,
}

/// One zone of it.
pub struct InsideZone<'a> {
    pub zone: Shown<'a>,
    pub figures: Figures,
    pub whole_communes: Vec<WholeCommune>,
    /// Units in it that are seen one by one.
    pub units: Vec<Shown<'a>>,
}

impl InsideCache {
    /// The households of this picture by zone.
    pub fn of(&self, picture: &Picture) -> Arc<Index> {
        let versions = [Collection::Households, Collection::RiskZones].map(|one| picture.layer(one).version());
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = newest.as_ref().filter(|known| known.versions == versions) {
            return Arc::clone(known);
        }
        let next = Arc::new(Index::after(newest.as_deref(), picture, versions));
        *newest = Some(Arc::clone(&next));
        next
    }
}

impl Index {
    /// What follows from `known` in this picture: zones whose place is new are asked for their houses, houses that are
    /// new or moved for their zones; the rest is as it was.
    fn after(known: Option<&Self>, picture: &Picture, versions: [Seq; 2]) -> Self {
        let in_force = |zone: &&Arc<Feature>| !zone.is_ended() && zone.text("state").as_deref() == Some("in_force");
        let layer = picture.layer(Collection::RiskZones);
        let zones: Vec<Arc<Feature>> = layer.iter().filter(in_force).take(ZONES_MAX).cloned().collect();
        let empty = Self { versions: [0; 2], zones: Vec::new(), houses: Vec::new(), without_place: 0 };
        let known = known.unwrap_or(&empty);
        // Where each known zone stands now, if it is still there and where it was.
        let place: HashMap<Uuid, usize> = zones.iter().enumerate().map(|(n, zone)| (zone.id, n)).collect();
        let stays = |zone: &Arc<Feature>| {
            let at = *place.get(&zone.id)?;
            (zones[at].geometry == zone.geometry).then_some(at as u16)
        };
        let moved_to: Vec<Option<u16>> = known.zones.iter().map(stays).collect();
        let mut is_known = vec![false; zones.len()];
        moved_to.iter().flatten().for_each(|at| is_known[usize::from(*at)] = true);
        let as_before =
            known.zones.len() == zones.len() && moved_to.iter().enumerate().all(|(n, to)| *to == Some(n as u16));
        let found = found_in(picture, &zones, &is_known);
        let reaches = Reaches::of(&zones);
        let mut before = known.houses.iter().peekable();
        let mut houses = Vec::with_capacity(known.houses.len());
        let mut without_place = 0;
        for feature in picture.layer(Collection::Households).iter().filter(|feature| !feature.is_ended()) {
            let same = before.peek().is_some_and(|(was, _)| Arc::ptr_eq(was, feature));
            let was = if same {
                before.next()
            } else {
                while before.next_if(|(was, _)| was.id < feature.id).is_some() {}
                before.next_if(|(was, _)| was.id == feature.id)
            };
            let Some(geometry) = &feature.geometry else {
                without_place += 1;
                houses.push((Arc::clone(feature), None));
                continue;
            };
            if let Some((_, house)) = was.filter(|_| same && as_before) {
                houses.push((Arc::clone(feature), house.clone()));
                continue;
            }
            let stood = was.filter(|(was, _)| same || was.geometry == feature.geometry);
            let mut of_house: Vec<u16> = match stood {
                Some((_, None)) => Vec::new(),
                Some((_, Some(house))) => house.zones.iter().filter_map(|at| moved_to[usize::from(*at)]).collect(),
                None => reaches.holding(geometry, &is_known),
            };
            of_house.extend(found.get(&feature.id).into_iter().flatten());
            of_house.sort_unstable();
            let house = match was.and_then(|(_, house)| house.as_ref()).filter(|_| same) {
                Some(house) if *house.zones == *of_house => Some(Arc::clone(house)),
                _ => (!of_house.is_empty()).then(|| Arc::new(House::new(feature, of_house))),
            };
            houses.push((Arc::clone(feature), house));
        }
        Self { versions, zones, houses, without_place }
    }
}

/// The houses of zones that are new or were drawn anew.
fn found_in(picture: &Picture, zones: &[Arc<Feature>], is_known: &[bool]) -> HashMap<Uuid, Vec<u16>> {
    let mut found: HashMap<Uuid, Vec<u16>> = HashMap::new();
    for (at, zone) in zones.iter().enumerate().filter(|(at, _)| !is_known[*at]) {
        let Some(area) = &zone.geometry else { continue };
        let reach = Reach::new(area, 0.0);
        for bbox in reach.boxes() {
            for house in picture.layer(Collection::Households).in_envelope(*bbox) {
                let of_house = || house.geometry.as_ref().is_some_and(|geometry| reach.holds(geometry));
                let zones = found.get(&house.id);
                if zones.is_none_or(|zones| zones.last() != Some(&(at as u16))) && of_house() {
                    found.entry(house.id).or_default().push(at as u16);
                }
            }
        }
    }
    found
}

/// Areas that are made ready when a house is first held against them.
struct Reaches<'z> {
    zones: Vec<(&'z Arc<Feature>, OnceCell<Option<Reach<'z>>>)>,
}

impl<'z> Reaches<'z> {
    fn of(zones: &'z [Arc<Feature>]) -> Self {
        Self { zones: zones.iter().map(|zone| (zone, OnceCell::new())).collect() }
    }

    /// Zones that hold a place, of those that `among` names.
    fn holding(&self, geometry: &geo_types::Geometry<f64>, among: &[bool]) -> Vec<u16> {
        let holds = |at: &usize| {
            let (zone, ready) = &self.zones[*at];
            let reach = ready.get_or_init(|| zone.geometry.as_ref().map(|area| Reach::new(area, 0.0)));
            reach.as_ref().is_some_and(|reach| reach.may_hold(geometry) && reach.holds(geometry))
        };
        (0..self.zones.len()).filter(|at| among[*at]).filter(holds).map(|at| at as u16).collect()
    }
}

impl House {
    fn new(feature: &Feature, zones: Vec<u16>) -> Self {
        let parts = words_of(feature);
        let least = parts.iter().map(|word| word.state).min();
        let listed = feature.text("state").and_then(|state| State::parse(&state)).unwrap_or(State::Registered);
        Self {
            id: feature.id,
            commune: commune_of(feature).map(Into::into),
            zones: zones.into(),
            least: least.unwrap_or(listed),
            parts: parts.into(),
        }
    }
}

/// What the record says of its people. They sum up to its members, also where a file has changed those since.
fn words_of(feature: &Feature) -> Vec<Word> {
    let members = feature.number("member_count").unwrap_or_default() as i64;
    let state = feature.text("state").and_then(|state| State::parse(&state)).unwrap_or(State::Registered);
    let told: Option<Vec<Part>> = feature.raw("parts").and_then(|parts| serde_json::from_str(parts).ok());
    let Some(parts) = told else {
        let at = feature.text("state_at").and_then(|at| Timestamp::parse(&at).ok());
        // Nobody was asked for a household that is only on the list.
        let at = at.filter(|_| state > State::AtRisk);
        let word = Word { state, people: members, at, by: None };
        return if members > 0 { vec![word] } else { Vec::new() };
    };
    let word = |part: Part| {
        let by = part.told_by.or(part.by).map(Into::into);
        Word { state: part.state, people: part.people, at: part.at, by }
    };
    let mut words: Vec<Word> = parts.into_iter().map(word).collect();
    let told: i64 = words.iter().map(|word| word.people).sum();
    if members > told {
        words.push(Word { state: State::Registered, people: members - told, at: None, by: None });
    }
    words
}

/// Whose households are seen one by one, worked out once for each commune.
struct Seen<'v> {
    view: &'v View,
    known: HashMap<Option<Box<str>>, bool>,
}

impl Seen<'_> {
    fn has(&mut self, commune: &Option<Box<str>>) -> bool {
        if self.view.shows_all(Collection::Households) {
            return true;
        }
        if let Some(known) = self.known.get(commune) {
            return *known;
        }
        let code = commune.as_deref();
        let is_own = code.is_some() && code == self.view.own_commune();
        let facts = Facts { commune: code, is_own, ..Facts::default() };
        let sees = match self.view.actor().sight(Collection::Households, &facts, self.view.judged_at()) {
            Sight::Exact => true,
            // Sight in an emergency is of all fields; a grant that hides what is counted here shows nothing of it.
            Sight::Fields(fields) => {
                ["member_count", "state", "state_at", "parts", "geometry"].iter().all(|name| fields.contains(*name))
            }
            Sight::Reduced | Sight::Nothing => false,
        };
        self.known.insert(commune.clone(), sees);
        sees
    }
}

/// See [`View::inside`].
pub(super) fn inside<'a>(view: &'a View, index: &Index) -> Inside<'a> {
    let mut zones: Vec<Figures> = vec![Figures::default(); index.zones.len()];
    let mut total = Figures::default();
    let triggered: Vec<Option<bool>> = index.zones.iter().map(|zone| is_triggered(view, zone)).collect();
    for (figures, triggered) in zones.iter_mut().zip(&triggered) {
        figures.at_risk = triggered.map(|_| AtRisk::default());
    }
    total.at_risk = triggered.iter().any(Option::is_some).then(AtRisk::default);
    let mut seen = Seen { view, known: HashMap::new() };
    let mut counted = 0;
    for house in index.houses.iter().filter_map(|(_, house)| house.as_ref()) {
        if !seen.has(&house.commune) {
            continue;
        }
        counted += 1;
        total.add(house, view.now());
        let mut is_at_risk = false;
        for at in house.zones.iter().map(|at| usize::from(*at)) {
            zones[at].add(house, view.now());
            if triggered[at] == Some(true) {
                zones[at].add_at_risk(house);
                is_at_risk = true;
            }
        }
        if is_at_risk {
            total.add_at_risk(house);
        }
    }
    view.note_count(Collection::Households, counted);
    let of_zone = |(zone, figures): (&Arc<Feature>, Figures)| {
        let zone = view.item(Collection::RiskZones, zone.id)?;
        let area = zone.geometry()?;
        let reach = Reach::new(area, 0.0);
        let wanted = Wanted::new(Collection::Units, &[], None);
        let units = held(view, Collection::Units, &reach, &wanted).into_iter().filter(Shown::is_record).collect();
        Some(InsideZone { whole_communes: communes_touched(view, &reach), zone, figures, units })
    };
    let zones: Vec<InsideZone<'a>> = index.zones.iter().zip(zones).filter_map(of_zone).collect();
    let mut whole_communes: Vec<WholeCommune> = zones.iter().flat_map(|zone| zone.whole_communes.clone()).collect();
    whole_communes.sort_by_key(|commune| commune.id);
    whole_communes.dedup_by_key(|commune| commune.id);
    let without_place = if view.shows_all(Collection::Households) { index.without_place } else { 0 };
    Inside { zones, total, whole_communes, without_place }
}

/// Whether the highest level of a zone has reached the one from which on whoever is inside counts as at risk; `None` where
/// none was said.
fn is_triggered(view: &View, zone: &Feature) -> Option<bool> {
    let whole = |number: Option<f64>| number.map(|level| level as i64);
    let trigger = whole(zone.number("trigger_level"))?;
    let told = view.item(Collection::RiskLevels, id_of(zone.id));
    let of_told = |name: &str| told.as_ref().and_then(|told| whole(told.number(name)));
    let levels = [of_told("computed_level"), of_told("issued_level"), whole(zone.number("level"))];
    Some(effective(levels).is_some_and(|level| level >= trigger))
}

/// Communes counted whole, as in an exposure.
fn communes_touched(view: &View, reach: &Reach<'_>) -> Vec<WholeCommune> {
    let touched = view.reduced(Collection::Households).filter(|reduced| {
        let geometry = reduced.feature.geometry.as_ref();
        geometry.is_some_and(|geometry| reach.may_hold(geometry) && reach.holds(geometry))
    });
    let whole = touched.map(|reduced| {
        let count = |name: &str| reduced.feature.number(name).unwrap_or_default() as i64;
        WholeCommune {
            id: reduced.feature.id,
            name: reduced.feature.text("name").unwrap_or_default().into_owned(),
            households_at_most: count("households_at_most"),
            people_at_most: count("people_at_most"),
        }
    });
    whole.collect()
}

/// See [`View::houses_inside`].
pub(super) fn houses<'a>(view: &'a View, index: &Index, zone: Uuid) -> Vec<Shown<'a>> {
    let Some(at) = index.zones.iter().position(|known| known.id == zone) else { return Vec::new() };
    let mut seen = Seen { view, known: HashMap::new() };
    let all = index.houses.iter().filter_map(|(_, house)| house.as_ref());
    let here = all.filter(|house| house.zones.contains(&(at as u16)));
    here.filter(|house| seen.has(&house.commune))
        .filter_map(|house| view.item(Collection::Households, house.id))
        .collect()
}
