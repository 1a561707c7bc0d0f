//! Counts and times of what happened, by kind, commune, district, force and period. Pure.
//!
//! A record counts where its reader could count it themselves; of the others only how many there are in all is told
//! ([`Statistics::hidden`]), for the whole span and for no kind, force or area of it. So every table sums up to the same
//! total, and none of them tells of a person or a house. Records count when the quarterly report counts them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::part::{Told, Wanted, code_of, place};
use super::quarter::force_of;
use crate::domain::access::{Area, FORCES};
use crate::domain::period::Period;
use crate::domain::{Collection, Force, Timestamp, case, deployment, incident};
use crate::geometry::areas::{Areas, Level, Unit};
use crate::picture::Feature;

/// Key of what has no kind, force or commune.
pub const NONE: &str = "unknown";
/// Times of an incident that are measured from its report, and the field of each.
pub const STEPS: [(&str, &str); 4] = [
    ("verified", "verified_at"),
    ("first_assigned", "first_assigned_at"),
    ("first_on_scene", "first_on_scene_at"),
    ("closed", "closed_at"),
];

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = StatisticsOf)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// When they were reported; not those that were none, or were another.
    Incidents,
    /// Drugs when they were handed over, others when they were found.
    Cases,
    /// When they set out.
    Deployments,
    /// People of deployments (lượt người).
    PersonTurns,
    /// Vehicles of deployments (lượt phương tiện).
    VehicleTurns,
}

/// What is asked.
pub struct Question<'a> {
    pub of: Subject,
    /// Without a gap, each the next of the one before; at least one.
    pub periods: &'a [Period],
    pub kind: Option<&'a str>,
    pub force: Option<Force>,
    pub area: Option<Wanted<'a>>,
    /// What the reader answers for: elsewhere they see a part of what happens.
    pub reader_area: &'a Area,
    pub areas: &'a Areas,
}

/// How long something took, over the incidents of which it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = StatisticsTime)]
pub struct Time {
    /// Incidents of which it is known.
    pub known: usize,
    /// Those of which it is not: it has not come so far, or nobody wrote it down.
    pub not_known: usize,
    /// Nearest-rank median, seconds; null where none is known.
    #[schema(required)]
    pub median_s: Option<i64>,
    /// Nine of ten took no longer, nearest rank, seconds.
    #[schema(required)]
    pub p90_s: Option<i64>,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = StatisticsRow)]
pub struct Row {
    /// A kind, a force, the code of a commune or district; `unknown` for what has none.
    pub key: String,
    /// Name of a commune or district.
    #[schema(required)]
    pub name: Option<String>,
    /// By period.
    pub counts: Vec<u64>,
    pub total: u64,
    /// From the report on: to verified, first unit assigned, first on scene, closed; none for what is no incident.
    pub times: Vec<Time>,
    /// Of a commune or district, more than counts.
    #[schema(required)]
    pub area: Option<RowArea>,
}

/// What is told of a commune or district beside its counts.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = StatisticsArea)]
pub struct RowArea {
    /// By period: whether the unit was in force, or is counted through the mapping.
    pub basis: Vec<Told>,
    /// Square kilometres.
    #[schema(required)]
    pub km2: Option<f64>,
    /// Whether they are official, or measured on what is drawn.
    pub km2_is_official: bool,
    /// `total` on 100 km².
    #[schema(required)]
    pub per_100km2: Option<f64>,
    /// Whether the reader sees all of it: where not, a count of 0 is no finding.
    pub is_complete: bool,
}

/// Counts and times.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Statistics {
    /// All that is counted, by period.
    pub whole: Row,
    pub by_kind: Vec<Row>,
    pub by_force: Vec<Row>,
    pub by_commune: Vec<Row>,
    pub by_district: Vec<Row>,
    /// Of each period, the times of what was reported in it.
    pub period_times: Vec<Vec<Time>>,
    /// Records of the span that the reader may not see, in the whole province, whatever else was asked.
    pub hidden: usize,
}

/// A row as it grows.
#[derive(Clone)]
struct Tally {
    counts: Vec<u64>,
    /// Seconds of each step, and how many are not known.
    steps: [(Vec<i64>, usize); 4],
}

/// A record that counts.
struct Counted<'f> {
    period: usize,
    value: u64,
    feature: &'f Feature,
    at: Timestamp,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Incidents, Self::Cases, Self::Deployments, Self::PersonTurns, Self::VehicleTurns];

    /// Its name in addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incidents => "incidents",
            Self::Cases => "cases",
            Self::Deployments => "deployments",
            Self::PersonTurns => "person_turns",
            Self::VehicleTurns => "vehicle_turns",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }

    /// The records that it is counted from.
    #[must_use]
    pub const fn collection(self) -> Collection {
        match self {
            Self::Incidents => Collection::Incidents,
            Self::Cases => Collection::Cases,
            Self::Deployments | Self::PersonTurns | Self::VehicleTurns => Collection::Deployments,
        }
    }

    /// Kinds that a record of it may have.
    #[must_use]
    pub const fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Incidents => incident::KINDS,
            Self::Cases => case::KINDS,
            Self::Deployments | Self::PersonTurns | Self::VehicleTurns => deployment::PURPOSES,
        }
    }

    /// The field that holds the kind.
    const fn kind_field(self) -> &'static str {
        match self {
            Self::Incidents | Self::Cases => "kind",
            Self::Deployments | Self::PersonTurns | Self::VehicleTurns => "purpose",
        }
    }

    /// When a record counts, and how much; `None` if it does not.
    fn counted(self, one: &Feature) -> Option<(Timestamp, u64)> {
        let is = |field: &str, word: &str| one.text(field).is_some_and(|text| text == word);
        let heads = |field: &str| one.number(field).filter(|count| *count > 0.0).map(|count| count as u64);
        let (field, value) = match self {
            Self::Incidents if is("state", "rejected") || is("state", "merged") => return None,
            Self::Incidents => ("reported_at", 1),
            _ if one.is_ended() => return None,
            Self::Cases if is("kind", "drugs") => ("handed_over_at", 1),
            Self::Cases => ("occurred_at", 1),
            Self::Deployments => ("started_at", 1),
            Self::PersonTurns => ("started_at", heads("personnel")?),
            Self::VehicleTurns => ("started_at", heads("vehicles")?),
        };
        Some((moment(one, field)?, value))
    }
}

/// Counts the records that `each` gives; `sees` says whether the reader may see one by itself.
///
/// # Errors
/// The fault of `each`.
pub fn count<F>(
    question: &Question<'_>,
    sees: &dyn Fn(&Feature) -> bool,
    each: impl FnOnce(&mut dyn FnMut(&Feature)) -> Result<(), F>,
) -> Result<Statistics, F> {
    let mut tables = Tables::new(question);
    let starts: Vec<Timestamp> = question.periods.iter().map(|period| period.start()).collect();
    let end = question.periods.last().map_or(Timestamp::from_ms(i64::MIN), |last| last.next().start());
    each(&mut |feature| {
        let Some((at, value)) = question.of.counted(feature) else { return };
        let Some(period) = starts.partition_point(|start| *start <= at).checked_sub(1).filter(|_| at < end) else {
            return;
        };
        if !sees(feature) {
            tables.hidden += 1;
            return;
        }
        tables.add(&Counted { period, value, feature, at });
    })?;
    Ok(tables.finished())
}

struct Tables<'q> {
    question: &'q Question<'q>,
    whole: Tally,
    kinds: BTreeMap<String, Tally>,
    forces: BTreeMap<String, Tally>,
    communes: BTreeMap<String, Tally>,
    districts: BTreeMap<String, Tally>,
    periods: Vec<Tally>,
    hidden: usize,
}

impl<'q> Tables<'q> {
    fn new(question: &'q Question<'q>) -> Self {
        let empty = Tally::new(question.periods.len());
        let by_code =
            |level: Level| question.areas.at_level(level).map(|unit| (unit.code.clone(), empty.clone())).collect();
        Self {
            kinds: BTreeMap::new(),
            forces: FORCES.iter().map(|force| ((*force).to_owned(), empty.clone())).collect(),
            communes: by_code(Level::Commune),
            districts: by_code(Level::District),
            periods: vec![Tally::new(1); question.periods.len()],
            hidden: 0,
            whole: empty,
            question,
        }
    }

    fn add(&mut self, one: &Counted<'_>) {
        let question = self.question;
        let kind = one.feature.text(question.of.kind_field());
        let force = force_of(one.feature);
        let written = code_of(one.feature);
        let place = place(written.as_deref(), one.feature);
        let unit = |level: Level| question.areas.found(&place, level, one.at).map(|found| &*found.unit.code);
        let (commune, district) = (unit(Level::Commune), unit(Level::District));
        let is_asked = question.kind.is_none_or(|asked| kind.as_deref() == Some(asked))
            && question.force.is_none_or(|asked| force == Some(asked))
            && match question.area {
                None => true,
                Some(Wanted::Unplaced) => commune.is_none(),
                Some(Wanted::Unit(asked)) => [commune, district].contains(&Some(&*asked.code)),
            };
        if !is_asked {
            return;
        }
        let is_incident = question.of == Subject::Incidents;
        let steps: Option<[Option<i64>; 4]> =
            is_incident.then(|| STEPS.map(|(_, field)| took_s(one.feature, field, one.at)));
        let keys = [
            (&mut self.kinds, kind.as_deref()),
            (&mut self.forces, force.map(Force::as_str)),
            (&mut self.communes, commune),
            (&mut self.districts, district),
        ];
        for (table, key) in keys {
            let key = key.unwrap_or(NONE);
            if !table.contains_key(key) {
                table.insert(key.to_owned(), Tally::new(question.periods.len()));
            }
            if let Some(tally) = table.get_mut(key) {
                tally.add(one.period, one.value, steps.as_ref());
            }
        }
        self.whole.add(one.period, one.value, steps.as_ref());
        self.periods[one.period].add(0, one.value, steps.as_ref());
    }

    fn finished(self) -> Statistics {
        let question = self.question;
        let is_incident = question.of == Subject::Incidents;
        let plain = |table: BTreeMap<String, Tally>| {
            table.into_iter().map(|(key, tally)| tally.row(key, None, is_incident)).collect::<Vec<_>>()
        };
        let of_area = |table: BTreeMap<String, Tally>, level: Level| {
            table
                .into_iter()
                .map(|(key, tally)| {
                    let unit = question.areas.at_level(level).find(|unit| unit.code == key);
                    tally.row(key, unit.map(|unit| (unit, question)), is_incident)
                })
                .collect::<Vec<_>>()
        };
        Statistics {
            by_kind: plain(self.kinds),
            by_force: plain(self.forces),
            by_commune: of_area(self.communes, Level::Commune),
            by_district: of_area(self.districts, Level::District),
            period_times: self.periods.iter().map(|tally| tally.times(is_incident)).collect(),
            whole: self.whole.row("all".to_owned(), None, is_incident),
            hidden: self.hidden,
        }
    }
}

impl Tally {
    fn new(periods: usize) -> Self {
        Self { counts: vec![0; periods], steps: Default::default() }
    }

    fn add(&mut self, period: usize, value: u64, steps: Option<&[Option<i64>; 4]>) {
        self.counts[period] += value;
        for ((known, not_known), took_s) in self.steps.iter_mut().zip(steps.into_iter().flatten()) {
            match took_s {
                Some(took_s) => known.push(*took_s),
                None => *not_known += 1,
            }
        }
    }

    fn times(&self, is_incident: bool) -> Vec<Time> {
        let of = |(known, not_known): &(Vec<i64>, usize)| {
            let mut sorted = known.clone();
            sorted.sort_unstable();
            let (median_s, p90_s) = (ranked(&sorted, 50), ranked(&sorted, 90));
            Time { known: sorted.len(), not_known: *not_known, median_s, p90_s }
        };
        if is_incident { self.steps.iter().map(of).collect() } else { Vec::new() }
    }

    fn row(self, key: String, unit: Option<(&Unit, &Question<'_>)>, is_incident: bool) -> Row {
        let total = self.counts.iter().sum();
        let area = unit.map(|(unit, question)| {
            let km2 = unit.official_km2.or(unit.drawn_km2).filter(|km2| *km2 > 0.0);
            RowArea {
                basis: question.periods.iter().map(|period| Told::from(unit.basis(period.start()))).collect(),
                km2: km2.map(|km2| (km2 * 100.0).round() / 100.0),
                km2_is_official: unit.official_km2.is_some(),
                per_100km2: km2.map(|km2| (total as f64 / km2 * 10_000.0).round() / 100.0),
                is_complete: is_complete(unit, question),
            }
        });
        let name = unit.map(|(unit, _)| unit.full_name.clone());
        Row { times: self.times(is_incident), counts: self.counts, total, key, name, area }
    }
}

/// Whether the reader answers for all of a unit.
fn is_complete(unit: &Unit, question: &Question<'_>) -> bool {
    let holds = |unit: &Unit| question.reader_area.holds(Some(&unit.code), None);
    match unit.level {
        Level::District => question.areas.communes_of(unit).iter().all(|(commune, _)| holds(commune)),
        Level::Commune | Level::Province => holds(unit),
    }
}

/// The nearest rank: the least value that `percent` of them do not exceed.
fn ranked(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// Seconds from the report; `None` where nobody wrote it down, or it stands before the report.
fn took_s(feature: &Feature, field: &str, reported_at: Timestamp) -> Option<i64> {
    let at = moment(feature, field)?;
    Some(at.seconds_since(reported_at)).filter(|_| at >= reported_at)
}

fn moment(feature: &Feature, field: &str) -> Option<Timestamp> {
    feature.text(field).and_then(|text| Timestamp::parse(&text).ok())
}

#[cfg(test)]
#[path = "statistics_tests.rs"]
mod tests;
