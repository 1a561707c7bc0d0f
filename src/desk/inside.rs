//! The board of an evacuation: how many are still inside, by whose word and how old it is, and the sentence to say on
//! the telephone. Figures come from the View, so that whoever has no need of households gets whole communes.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::outsiders::kind_vi;
use crate::domain::change::Seq;
use crate::domain::evacuation::{OLD_S, State};
use crate::domain::{Collection, Timestamp};
use crate::picture::{AtRisk, Figures, Inside, InsideZone, Shown, View, WholeCommune};

/// Longest that it may take to clear a zone by the rate of the last hour, minutes; beyond it nothing is known.
const CLEAR_MIN_MAX: i64 = 7 * 24 * 60;

/// Who is still inside the zones in force.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InsideBoard {
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    pub seq: Seq,
    /// `commune` where the reader may not see all households one by one: those of `whole_communes` are then counted
    /// nowhere else.
    pub precision: &'static str,
    /// Over all zones, a household in several of them once.
    pub total: InsideFigures,
    pub zones: Vec<InsideOfZone>,
    /// Households of which nobody knows whether they are in a zone, because they stand nowhere on the map.
    pub households_without_place: usize,
}

/// One zone of the board.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InsideOfZone {
    pub id: Uuid,
    #[schema(required)]
    pub code: Option<String>,
    pub name: String,
    pub kind: String,
    #[schema(required)]
    pub level: Option<i64>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub valid_to: Option<String>,
    pub figures: InsideFigures,
}

/// Figures of a zone, or of all.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InsideFigures {
    pub people: StateCounts,
    /// A household counts by the part of it that came least far.
    pub households: StateCounts,
    /// Whoever is still inside a zone whose level (the highest of computed, issued and set) has reached the zone's
    /// `trigger_level`; null where no zone says one.
    #[schema(required)]
    pub at_risk: Option<AtRiskCounts>,
    /// Whose word the figures of a state are, where somebody has said something.
    pub told: Vec<Told>,
    /// Communes that are counted whole, rounded up to tens, for a reader without need of single households.
    pub whole_communes: Vec<CommuneAtMost>,
    pub on_no_list: PeopleOnNoList,
    /// Units in it that the reader sees one by one.
    pub own_units: Vec<UnitInside>,
    pub time_to_clear: TimeToClear,
    /// What to say on the telephone.
    pub sentence_vi: String,
    pub sentence_en: String,
}

/// Counts by state. All but `registered` and `still_inside` sum up to `registered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct StateCounts {
    /// On the list.
    pub registered: i64,
    /// Of whom nobody has said anything.
    pub unknown: i64,
    pub notified: i64,
    pub moving: i64,
    pub sheltered: i64,
    pub with_relatives: i64,
    pub refused: i64,
    pub unreachable: i64,
    pub return_authorised: i64,
    /// At home again: inside.
    pub returned: i64,
    pub relocated: i64,
    /// Whoever is not told to be out; on the way is inside.
    pub still_inside: i64,
}

/// People and households at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AtRiskCounts {
    pub people: i64,
    /// Of which somebody is still inside.
    pub households: i64,
}

/// Whose word a figure is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Told {
    #[schema(value_type = String)]
    pub state: &'static str,
    /// The newest of it.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    #[schema(required)]
    pub by: Option<String>,
    /// Older than half an hour.
    pub is_old: bool,
}

/// A commune that is counted whole.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CommuneAtMost {
    pub id: Uuid,
    pub name: String,
    pub households_at_most: i64,
    pub people_at_most: i64,
}

/// People who are on no list of households.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct PeopleOnNoList {
    pub people: i64,
    pub plus_minus: i64,
    pub counts: Vec<CountOnNoList>,
}

/// One count of them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CountOnNoList {
    pub zone_id: Uuid,
    pub kind: String,
    pub people: i64,
    pub plus_minus: i64,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    #[schema(required)]
    pub by: Option<String>,
    pub is_old: bool,
}

/// A unit in a zone.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnitInside {
    pub id: Uuid,
    #[schema(required)]
    pub code: Option<String>,
    /// When it was there.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub fix_at: Option<Timestamp>,
    pub is_old: bool,
}

/// How long it will take until nobody is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TimeToClear {
    /// Null where nothing tells.
    #[schema(required)]
    pub minutes: Option<i64>,
    /// `rate_last_hour`: as many come out as in the last hour; `travel_times`: the longest way to a shelter, if all left
    /// now; null where nothing tells.
    #[schema(required)]
    pub basis: Option<&'static str>,
    /// People told to have come out within the last hour.
    pub out_last_hour: i64,
}

impl InsideBoard {
    /// What the View lets its actor know of who is inside.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let Inside { zones, total, whole_communes, without_place } = view.inside();
        let precision = if whole_communes.is_empty() { "exact" } else { "commune" };
        let zones: Vec<InsideOfZone> = zones.iter().map(|zone| of_zone(view, zone)).collect();
        let mut on_no_list = PeopleOnNoList::default();
        for count in zones.iter().flat_map(|zone| &zone.figures.on_no_list.counts) {
            on_no_list.add(count.clone());
        }
        let mut units: Vec<UnitInside> = zones.iter().flat_map(|zone| zone.figures.own_units.clone()).collect();
        units.sort_by_key(|unit| unit.id);
        units.dedup_by_key(|unit| unit.id);
        let name = ("Các khu vực đang có hiệu lực".to_owned(), "The zones in force".to_owned());
        let total = figures(view.now(), &name, &total, whole_communes, on_no_list, units);
        Self { as_of: view.now(), seq: view.seq(), precision, total, zones, households_without_place: without_place }
    }
}

impl PeopleOnNoList {
    fn add(&mut self, count: CountOnNoList) {
        self.people += count.people;
        self.plus_minus += count.plus_minus;
        self.counts.push(count);
    }

    fn of(zone: &Shown<'_>, now: Timestamp) -> Self {
        let mut all = Self::default();
        let Some(Value::Array(counts)) = zone.property("outsiders") else { return all };
        for count in counts {
            let text = |name: &str| count[name].as_str().map(str::to_owned);
            let at = text("at").and_then(|at| Timestamp::parse(&at).ok());
            all.add(CountOnNoList {
                zone_id: zone.id(),
                kind: text("kind").unwrap_or_default(),
                people: count["people"].as_i64().unwrap_or(0),
                plus_minus: count["plus_minus"].as_i64().unwrap_or(0),
                at,
                by: text("told_by").or_else(|| text("by")),
                is_old: is_old(at, now),
            });
        }
        all
    }
}

impl StateCounts {
    fn of(by_state: &[i64; State::ALL.len()], in_all: i64, inside: i64) -> Self {
        let of = |state: State| by_state[state as usize];
        Self {
            registered: in_all,
            unknown: of(State::Registered) + of(State::AtRisk),
            notified: of(State::Notified),
            moving: of(State::Moving),
            sheltered: of(State::Sheltered),
            with_relatives: of(State::WithRelatives),
            refused: of(State::Refused),
            unreachable: of(State::Unreachable),
            return_authorised: of(State::ReturnAuthorised),
            returned: of(State::Returned),
            relocated: of(State::Relocated),
            still_inside: inside,
        }
    }
}

/// Whether a figure of this time must be marked; of one without a time nobody knows how old it is.
fn is_old(at: Option<Timestamp>, now: Timestamp) -> bool {
    at.is_none_or(|at| now.seconds_since(at) > OLD_S)
}

fn of_zone(view: &View, inside: &InsideZone<'_>) -> InsideOfZone {
    let (zone, now) = (&inside.zone, view.now());
    let text = |name: &str| zone.text(name).map(std::borrow::Cow::into_owned);
    let unit = |unit: &Shown<'_>| {
        let fix_at = unit.text("fix_at").and_then(|at| Timestamp::parse(&at).ok());
        let code = unit.text("code").map(std::borrow::Cow::into_owned);
        UnitInside { id: unit.id(), code, fix_at, is_old: is_old(fix_at, now) }
    };
    let label = text("name").or_else(|| text("code")).unwrap_or_default();
    let name = (format!("Khu vực {label}"), format!("Zone {label}"));
    let units = inside.units.iter().map(unit).collect();
    let on_no_list = PeopleOnNoList::of(zone, now);
    let figures = figures(now, &name, &inside.figures, inside.whole_communes.clone(), on_no_list, units);
    InsideOfZone {
        id: zone.id(),
        code: text("code"),
        name: label,
        kind: text("kind").unwrap_or_default(),
        level: zone.number("level").map(|level| level as i64),
        valid_to: text("valid_to"),
        figures,
    }
}

fn figures(
    now: Timestamp,
    name: &(String, String),
    of: &Figures,
    whole: Vec<WholeCommune>,
    on_no_list: PeopleOnNoList,
    own_units: Vec<UnitInside>,
) -> InsideFigures {
    let people = StateCounts::of(&of.people, of.people_in_all(), of.people_inside());
    let households = StateCounts::of(&of.households, of.households_in_all(), of.households_inside());
    let told = State::ALL.iter().filter_map(|state| {
        let (at, by) = of.newest[*state as usize].as_ref().filter(|_| of.people[*state as usize] > 0)?;
        let by = by.as_deref().map(str::to_owned);
        Some(Told { state: state.as_str(), at: *at, by, is_old: is_old(Some(*at), now) })
    });
    let told: Vec<Told> = told.collect();
    let whole_communes: Vec<CommuneAtMost> = whole.into_iter().map(CommuneAtMost::from).collect();
    let sentence = Sentence { people, households, told: &told, whole: &whole_communes, on_no_list: &on_no_list, now };
    InsideFigures {
        sentence_vi: sentence.vi(&name.0),
        sentence_en: sentence.en(&name.1),
        time_to_clear: by_rate(people.still_inside, of.out_lately, whole_communes.is_empty()),
        people,
        households,
        at_risk: of.at_risk.map(|AtRisk { people, households }| AtRiskCounts { people, households }),
        told,
        whole_communes,
        on_no_list,
        own_units,
    }
}

impl From<WholeCommune> for CommuneAtMost {
    fn from(commune: WholeCommune) -> Self {
        let WholeCommune { id, name, households_at_most, people_at_most } = commune;
        Self { id, name, households_at_most, people_at_most }
    }
}

/// How long it takes if as many come out as in the last hour; rounded up to minutes. Nothing is known where not everybody
/// is counted.
pub(super) fn by_rate(inside: i64, out_last_hour: i64, is_exact: bool) -> TimeToClear {
    let minutes = match (inside, out_last_hour) {
        _ if !is_exact => None,
        (0, _) => Some(0),
        (_, 0) => None,
        (inside, rate) => Some((inside * 60 + rate - 1) / rate).filter(|minutes| *minutes <= CLEAR_MIN_MAX),
    };
    TimeToClear { minutes, basis: minutes.map(|_| "rate_last_hour"), out_last_hour }
}

/// What is said on the telephone.
struct Sentence<'f> {
    people: StateCounts,
    households: StateCounts,
    told: &'f [Told],
    whole: &'f [CommuneAtMost],
    on_no_list: &'f PeopleOnNoList,
    now: Timestamp,
}

impl Sentence<'_> {
    /// The newest word of all.
    fn newest(&self) -> Option<&Told> {
        self.told.iter().max_by_key(|told| told.at)
    }

    fn at_most(&self) -> (i64, i64) {
        let people = self.whole.iter().map(|commune| commune.people_at_most).sum();
        (people, self.whole.iter().map(|commune| commune.households_at_most).sum())
    }

    fn vi(&self, name: &str) -> String {
        let (people, households) = (self.people, self.households);
        let mut text = match (people.still_inside, people.registered) {
            (0, 0) if !self.whole.is_empty() => format!("{name}:"),
            (0, 0) => format!("{name}: không có hộ dân nào trong danh sách"),
            (0, all) => format!("{name}: đã ra hết, {all} người trong danh sách đều được đếm ở nơi đến"),
            (left, all) => format!("{name}: còn {left}/{all} người ({} hộ) chưa ra", households.still_inside),
        };
        let parts = [
            (people.moving, "đang di chuyển"),
            (people.refused, "chưa chấp hành"),
            (people.unreachable, "chưa liên lạc được"),
            (people.unknown, "chưa thông báo"),
        ];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        if !parts.is_empty() {
            text.push_str(&format!(", trong đó {}", parts.join(", ")));
        }
        if let Some(told) = self.newest() {
            text.push_str(&format!("; lúc {}", clock(told.at, self.now)));
            text.push_str(&told.by.as_ref().map_or(String::new(), |by| format!(", theo {by}")));
            text.push_str(if told.is_old { " (số liệu cũ hơn 30 phút)" } else { "" });
        }
        let (at_most, of_households) = self.at_most();
        if at_most > 0 {
            text.push_str(&format!(" Không quá {at_most} người ({of_households} hộ) ở các xã liên quan"));
        }
        if self.on_no_list.people > 0 || self.on_no_list.plus_minus > 0 {
            let kinds: Vec<&str> = self.on_no_list.counts.iter().map(|count| kind_vi(&count.kind)).collect();
            let PeopleOnNoList { people, plus_minus, .. } = self.on_no_list;
            text.push_str(&format!("; ngoài danh sách {people} ± {plus_minus} người ({})", kinds.join(", ")));
        }
        text.push('.');
        text
    }

    fn en(&self, name: &str) -> String {
        let (people, households) = (self.people, self.households);
        let mut text = match (people.still_inside, people.registered) {
            (0, 0) if !self.whole.is_empty() => format!("{name}:"),
            (0, 0) => format!("{name}: no household on the list"),
            (0, all) => format!("{name}: all out, the {all} people on the list were counted where they went"),
            (left, all) => {
                format!("{name}: {left} of {all} people ({} households) still inside", households.still_inside)
            }
        };
        let parts = [
            (people.moving, "on the way"),
            (people.refused, "refused"),
            (people.unreachable, "not reached"),
            (people.unknown, "not told"),
        ];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        if !parts.is_empty() {
            text.push_str(&format!(", of them {}", parts.join(", ")));
        }
        if let Some(told) = self.newest() {
            text.push_str(&format!("; at {}", clock(told.at, self.now)));
            text.push_str(&told.by.as_ref().map_or(String::new(), |by| format!(", by {by}")));
            text.push_str(if told.is_old { " (older than 30 minutes)" } else { "" });
        }
        let (at_most, of_households) = self.at_most();
        if at_most > 0 {
            text.push_str(&format!(" At most {at_most} people ({of_households} households) in the communes concerned"));
        }
        if self.on_no_list.people > 0 || self.on_no_list.plus_minus > 0 {
            let PeopleOnNoList { people, plus_minus, .. } = self.on_no_list;
            text.push_str(&format!("; {people} ± {plus_minus} people on no list"));
        }
        text.push('.');
        text
    }
}

/// Hours and minutes in the province, with the day where it is another.
fn clock(at: Timestamp, now: Timestamp) -> String {
    let (told, today) = (at.local_text(), now.local_text());
    let (day, time) = (&told[..10], &told[11..16]);
    if day == &today[..10] { time.to_owned() } else { format!("{time} {day}") }
}

/// The zone in force of this id, as the View shows it.
pub(super) fn is_in_force(view: &View, zone: Uuid) -> bool {
    view.item(Collection::RiskZones, zone)
        .is_some_and(|zone| !zone.is_ended() && zone.text("state").as_deref() == Some("in_force"))
}
