//! What is counted for the report of a disaster: each figure a rule over the records of the event's time and place, with
//! the rows that it was counted from. Pure: it looks at records one by one, and every moment is given.
//!
//! What happened (incidents, deployments, rain) counts from the beginning of the event on; what is so (households, roads,
//! warnings) counts as it was at the moment of the figures. A record that lies in no known commune counts for the province.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use geo::Intersects;
use geo_types::Geometry;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::disaster::{INCIDENT_KINDS, Reporter};
use crate::domain::evacuation::{Standing, State};
use crate::domain::number::rounded;
use crate::domain::{Collection, Timestamp, rain};
use crate::geometry::measure::PreparedArea;
use crate::picture::{Feature, View};

/// What a figure counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DisasterFigureUnit)]
pub enum Unit {
    Persons,
    Households,
    Incidents,
    Roads,
    PersonTurns,
    VehicleTurns,
    Millimetres,
    Warnings,
}

/// One figure of the report.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub id: &'static str,
    pub unit: Unit,
    pub title_vi: &'static str,
    pub title_en: &'static str,
}

const fn figure(id: &'static str, unit: Unit, title_vi: &'static str, title_en: &'static str) -> Figure {
    Figure { id, unit, title_vi, title_en }
}

/// All figures, in the order of the report.
pub static FIGURES: [Figure; 23] = [
    figure("dead", Unit::Persons, "Người chết", "Dead"),
    figure("missing", Unit::Persons, "Người mất tích", "Missing"),
    figure("injured", Unit::Persons, "Người bị thương", "Injured"),
    figure("households_told", Unit::Households, "Hộ đã được thông báo sơ tán", "Households told to leave"),
    figure("people_told", Unit::Persons, "Người đã được thông báo sơ tán", "People told to leave"),
    figure("households_moved", Unit::Households, "Hộ đã sơ tán hết người", "Households wholly moved"),
    figure("people_moved", Unit::Persons, "Người đã sơ tán", "People moved"),
    figure("households_not_yet", Unit::Households, "Hộ còn người chưa sơ tán", "Households not yet wholly moved"),
    figure("people_not_yet", Unit::Persons, "Người chưa sơ tán", "People not yet moved"),
    figure("incidents", Unit::Incidents, "Vụ việc do thiên tai", "Incidents of the disaster"),
    figure("incidents_landslide", Unit::Incidents, "trong đó: sạt lở đất", "of these: landslides"),
    figure("incidents_flash_flood", Unit::Incidents, "trong đó: lũ quét", "of these: flash floods"),
    figure("incidents_flood", Unit::Incidents, "trong đó: ngập lụt", "of these: floods"),
    figure("incidents_subsidence", Unit::Incidents, "trong đó: sụt lún đất", "of these: subsidence"),
    figure("incidents_rockfall", Unit::Incidents, "trong đó: đá lăn", "of these: rockfalls"),
    figure("incidents_road_closure", Unit::Incidents, "trong đó: tắc đường", "of these: roads blocked"),
    figure("incidents_bridge_damage", Unit::Incidents, "trong đó: hỏng cầu", "of these: bridges damaged"),
    figure("incidents_missing_person", Unit::Incidents, "trong đó: người mất tích", "of these: missing persons"),
    figure("roads_cut", Unit::Roads, "Đoạn đường bị cắt", "Stretches of road cut"),
    figure("personnel_turns", Unit::PersonTurns, "Lượt người ứng phó", "Personnel deployments"),
    figure("vehicle_turns", Unit::VehicleTurns, "Lượt phương tiện ứng phó", "Vehicle deployments"),
    figure("rain_max_mm", Unit::Millimetres, "Mưa lớn nhất từ đầu đợt (một trạm)", "Highest rain at one gauge"),
    figure("warnings", Unit::Warnings, "Tin cảnh báo đang có hiệu lực", "Warnings in force"),
];

/// Collections that are looked at, in this order: what later ones refer to comes first.
pub const LOOKED_AT: [Collection; 9] = [
    Collection::AdminUnits,
    Collection::Incidents,
    Collection::Deployments,
    Collection::RoadClosures,
    Collection::RiskZones,
    Collection::Households,
    Collection::RainGauges,
    Collection::RainDays,
    Collection::Warnings,
];

/// Whose report of which event, and of when.
#[derive(Clone, Debug)]
pub struct Scope {
    pub reporter: Reporter,
    /// Communes that the event touches; all if empty.
    pub touched: BTreeSet<String>,
    pub from: Timestamp,
    /// The end of the event, if it is over.
    pub finished_at: Option<Timestamp>,
    /// Of when the figures are.
    pub data_at: Timestamp,
}

impl Scope {
    /// Whether what lies in this commune counts.
    #[must_use]
    pub fn holds(&self, commune: Option<&str>) -> bool {
        match (&self.reporter, commune) {
            (Reporter::Commune(own), commune) => commune == Some(own.as_str()),
            (Reporter::Province, None) => true,
            (Reporter::Province, Some(code)) => self.touched.is_empty() || self.touched.contains(code),
        }
    }

    /// Whether what happened then counts.
    fn happens(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.finished_at.map_or(self.data_at, |end| end.min(self.data_at))
    }

    /// Whether everything of the province counts, wherever it lies.
    fn is_everywhere(&self) -> bool {
        self.reporter == Reporter::Province && self.touched.is_empty()
    }
}

/// A record that a figure counts.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedRow {
    pub collection: Collection,
    pub id: Uuid,
    /// What it adds.
    pub value: f64,
    /// Since when it is so, or when it happened.
    pub at: Option<Timestamp>,
    /// What it is called, of what everybody may read: a road, a gauge, a warning.
    pub text: Option<String>,
}

/// What was counted: rows by figure. A figure without rows is 0; of rain without rows nobody knows anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    rows: BTreeMap<&'static str, Vec<CountedRow>>,
}

impl Counts {
    /// Counts what the records of the picture say, whether or not the view's actor sees each.
    #[must_use]
    pub fn of(view: &View, scope: &Scope) -> Self {
        let mut pass = Pass::new(scope);
        for collection in LOOKED_AT {
            view.each_counted(collection, &mut |feature| pass.take(collection, feature));
        }
        pass.end()
    }

    /// The rows of a figure, in the order of their moments.
    #[must_use]
    pub fn rows(&self, figure: &str) -> &[CountedRow] {
        self.rows.get(figure).map_or(&[], Vec::as_slice)
    }

    /// Its value; `None` where nothing was measured.
    #[must_use]
    pub fn value(&self, figure: &Figure) -> Option<f64> {
        let rows = self.rows(figure.id);
        let is_unknown = figure.unit == Unit::Millimetres && rows.is_empty();
        (!is_unknown).then(|| rounded(rows.iter().map(|row| row.value).sum()))
    }
}

/// The records as they are gone through.
struct Pass<'s> {
    scope: &'s Scope,
    counts: Counts,
    /// Areas of the communes that count.
    areas: Vec<Geometry<f64>>,
    communes_of_incidents: HashMap<Uuid, Option<String>>,
    zones: Vec<PreparedArea>,
    gauges: HashMap<Uuid, String>,
    rain_mm: HashMap<Uuid, f64>,
}

impl<'s> Pass<'s> {
    fn new(scope: &'s Scope) -> Self {
        Self {
            scope,
            counts: Counts::default(),
            areas: Vec::new(),
            communes_of_incidents: HashMap::new(),
            zones: Vec::new(),
            gauges: HashMap::new(),
            rain_mm: HashMap::new(),
        }
    }

    fn take(&mut self, collection: Collection, one: &Feature) {
        match collection {
            Collection::AdminUnits => self.area(one),
            Collection::Incidents => self.incident(one),
            Collection::Deployments => self.deployment(one),
            Collection::RoadClosures => self.closure(one),
            Collection::RiskZones => self.zone(one),
            Collection::Households => self.household(one),
            Collection::RainGauges => self.gauge(one),
            Collection::RainDays => self.rain_day(one),
            Collection::Warnings => self.warning(one),
            _ => {}
        }
    }

    fn end(mut self) -> Counts {
        // Of two gauges with the same rain the one with the lower id, on every node.
        let highest = self.rain_mm.iter().max_by(|a, b| a.1.total_cmp(b.1).then_with(|| b.0.cmp(a.0)));
        if let Some((gauge, mm)) = highest {
            let text = self.gauges.get(gauge).cloned();
            let row = CountedRow {
                collection: Collection::RainGauges,
                id: *gauge,
                value: rounded(*mm),
                at: Some(self.scope.data_at),
                text,
            };
            self.counts.rows.entry("rain_max_mm").or_default().push(row);
        }
        self.counts.rows.values_mut().for_each(|rows| rows.sort_by_key(|row| (row.at, row.id)));
        self.counts
    }

    fn add(&mut self, figure: &'static str, row: CountedRow) {
        if row.value > 0.0 {
            self.counts.rows.entry(figure).or_default().push(row);
        }
    }

    fn area(&mut self, one: &Feature) {
        let counts = commune_in_force(one).is_some_and(|(code, _)| self.scope.holds(Some(&code)));
        if counts && !self.scope.is_everywhere() {
            self.areas.extend(one.geometry.clone());
        }
    }

    /// Whether a line or an area lies, if only in part, where the report is of.
    fn lies_in(&self, geometry: Option<&Geometry<f64>>) -> bool {
        match geometry {
            _ if self.scope.is_everywhere() => true,
            None => self.scope.holds(None),
            Some(geometry) => self.areas.iter().any(|area| area.intersects(geometry)),
        }
    }

    /// An incident counts when it was reported; not one that was none, or was another.
    fn incident(&mut self, one: &Feature) {
        let commune = commune_of(one);
        self.communes_of_incidents.insert(one.id, commune.clone());
        let is_none = one.text("state").is_some_and(|state| matches!(&*state, "rejected" | "merged"));
        let kind = one.text("kind").unwrap_or_default();
        let Some(kind) = INCIDENT_KINDS.into_iter().find(|known| *known == kind).filter(|_| !is_none) else { return };
        let Some(at) = time(one, "reported_at").filter(|at| self.scope.happens(*at)) else { return };
        if !self.scope.holds(commune.as_deref()) {
            return;
        }
        let row = |value| CountedRow { value, at: Some(at), ..row_of(Collection::Incidents, one) };
        self.add("incidents", row(1.0));
        let of_kind = FIGURES.iter().find(|figure| figure.id.strip_prefix("incidents_") == Some(kind));
        if let Some(figure) = of_kind {
            self.add(figure.id, row(1.0));
        }
        for victims in ["dead", "missing", "injured"] {
            self.add(victims, row(one.number(victims).unwrap_or(0.0)));
        }
    }

    fn deployment(&mut self, one: &Feature) {
        let purpose = one.text("purpose").unwrap_or_default();
        if one.is_ended() || !matches!(&*purpose, "disaster" | "search_rescue" | "evacuation") {
            return;
        }
        let of_incident = || {
            let id = one.text("incident_id").and_then(|id| Uuid::parse_str(&id).ok())?;
            self.communes_of_incidents.get(&id).cloned().flatten()
        };
        let commune = commune_of(one).or_else(of_incident);
        let Some(at) = time(one, "started_at").filter(|at| self.scope.happens(*at)) else { return };
        if !self.scope.holds(commune.as_deref()) {
            return;
        }
        for (figure, field) in [("personnel_turns", "personnel"), ("vehicle_turns", "vehicles")] {
            let value = one.number(field).unwrap_or(0.0);
            self.add(figure, CountedRow { value, at: Some(at), ..row_of(Collection::Deployments, one) });
        }
    }

    /// A road through which somebody still gets, if slowly, is not cut.
    fn closure(&mut self, one: &Feature) {
        let from = time(one, "valid_from").unwrap_or(one.recorded_at);
        let cuts = one.raw("speed_factor").is_none();
        if cuts && self.is_so(Some(from), one, "valid_to") && self.lies_in(one.geometry.as_ref()) {
            let text = one.text("name").map(std::borrow::Cow::into_owned);
            self.add("roads_cut", CountedRow { at: Some(from), text, ..row_of(Collection::RoadClosures, one) });
        }
    }

    /// Whether what began then, and ends with the field `to` or when somebody ended it, was so at the moment.
    fn is_so(&self, from: Option<Timestamp>, one: &Feature, to: &str) -> bool {
        let at = self.scope.data_at;
        let goes_on = |field: &str| time(one, field).is_none_or(|end| at < end);
        from.is_some_and(|from| from <= at) && goes_on(to) && goes_on("ended_at")
    }

    fn zone(&mut self, one: &Feature) {
        // One that was in force and is over says so by `ended_at`, one that is no more than a draft by its state.
        let was_in_force = one.text("state").is_some_and(|state| !matches!(&*state, "draft" | "proposed" | "approved"));
        let is_of_people = one.text("kind").is_none_or(|kind| kind != "security");
        if was_in_force && is_of_people && self.is_so(time(one, "valid_from"), one, "valid_to") {
            self.zones.extend(one.geometry.as_ref().map(PreparedArea::new));
        }
    }

    /// A household counts of which something was told since the event began, or which lies in a zone in force.
    fn household(&mut self, one: &Feature) {
        if one.is_ended() || !self.scope.holds(commune_of(one).as_deref()) {
            return;
        }
        let mut told = told_of(one);
        told.reports.retain(|report| report.at.is_none_or(|at| at <= self.scope.data_at));
        let is_told_of = told
            .reports
            .iter()
            .any(|report| report.withdrawn.is_none() && report.at.is_some_and(|at| self.scope.happens(at)));
        if !is_told_of && !self.is_in_zone(one) {
            return;
        }
        let parts = told.outcome().parts;
        let people = |counts: &dyn Fn(State) -> bool| -> f64 {
            parts.iter().filter(|part| counts(part.state)).map(|part| part.people).sum::<i64>() as f64
        };
        let is_untold = |state| matches!(state, State::Registered | State::AtRisk | State::Unreachable);
        // Whoever is home again was moved, and is not waited for.
        let is_waited_for = |state: State| state.is_inside() && state != State::Returned;
        let (told, moved) = (people(&|state| !is_untold(state)), people(&|state| !state.is_inside()));
        let not_yet = people(&is_waited_for);
        let household = |counts: bool| f64::from(u8::from(counts));
        for (figure, value) in [
            ("people_told", told),
            ("people_moved", moved),
            ("people_not_yet", not_yet),
            ("households_told", household(told > 0.0)),
            ("households_moved", household(moved > 0.0 && not_yet == 0.0)),
            ("households_not_yet", household(not_yet > 0.0)),
        ] {
            self.add(figure, CountedRow { value, ..row_of(Collection::Households, one) });
        }
    }

    fn is_in_zone(&self, one: &Feature) -> bool {
        match one.geometry {
            Some(Geometry::Point(at)) => self.zones.iter().any(|zone| zone.contains(at.x(), at.y())),
            _ => false,
        }
    }

    fn gauge(&mut self, one: &Feature) {
        if self.scope.holds(commune_of(one).as_deref()) {
            self.gauges.insert(one.id, one.text("name").unwrap_or_default().into_owned());
        }
    }

    /// Rain whose time lies in the event; what nobody measured adds nothing.
    fn rain_day(&mut self, one: &Feature) {
        let gauge = one.text("gauge_id").and_then(|id| Uuid::parse_str(&id).ok());
        let Some(gauge) = gauge.filter(|id| self.gauges.contains_key(id)) else { return };
        let (Some(day), Some(readings)) = (one.text("day"), one.value("readings")) else { return };
        for reading in rain::read_day(&day, &readings) {
            if reading.is_known() && self.scope.from <= reading.from && self.scope.happens(reading.to) {
                *self.rain_mm.entry(gauge).or_default() += reading.mm;
            }
        }
    }

    fn warning(&mut self, one: &Feature) {
        let is_for_real = one.text("status").is_none_or(|status| status != "test");
        let warns = one.text("type").is_some_and(|sort| matches!(&*sort, "alert" | "update"));
        let sent_at = time(one, "sent_at");
        if is_for_real && warns && self.is_so(sent_at, one, "expires_at") && self.lies_in(one.geometry.as_ref()) {
            let text = one.text("name").map(std::borrow::Cow::into_owned);
            self.add("warnings", CountedRow { at: sent_at, text, ..row_of(Collection::Warnings, one) });
        }
    }
}

/// Code and name of a commune or ward that is one today.
#[must_use]
pub fn commune_in_force(one: &Feature) -> Option<(String, String)> {
    let is_one = one.text("kind").is_some_and(|kind| matches!(&*kind, "commune" | "ward"));
    if !is_one || one.is_ended() || one.raw("valid_to").is_some() {
        return None;
    }
    let name = one.text("full_name").or_else(|| one.text("name"))?;
    Some((one.text("code")?.into_owned(), name.into_owned()))
}

fn row_of(collection: Collection, one: &Feature) -> CountedRow {
    CountedRow { collection, id: one.id, value: 1.0, at: None, text: None }
}

fn commune_of(one: &Feature) -> Option<String> {
    one.text("admin_unit").or_else(|| one.text("commune_code")).map(std::borrow::Cow::into_owned)
}

fn time(one: &Feature, field: &str) -> Option<Timestamp> {
    Timestamp::parse(&one.text(field)?).ok()
}

fn told_of(one: &Feature) -> Standing {
    let parse = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let personal = one.personal.as_deref().filter(|text| text.contains("\"reports\":"));
    let is_as_listed = personal.is_none() && one.text("state").is_none_or(|state| state == "registered");
    if is_as_listed {
        // Of most households nothing was told: neither of their texts is read.
        return Standing { members: one.number("member_count").unwrap_or(0.0) as i64, reports: Vec::new() };
    }
    Standing::of(&parse(&one.properties), &personal.map(parse).unwrap_or_default())
}

#[cfg(test)]
#[path = "disaster_counts_tests.rs"]
mod tests;
