//! Administrative units through time: to which commune and district a record belongs, by its own date or through the
//! mapping of the reform that lies between (districts until 2025-06-30, the communes of the merger since).
//!
//! Made from records of `admin_units`, which say their days of validity, what took their place and what stood above them.
//! A record says its commune as it is drawn today, or the code of a unit that ended; days are those of the province.
//!
//! Known imprecision, told by [`Found::is_sure`]: some communes were made over districts. What lies in such a one counts
//! for the district that is drawn around its position, else for the one that gave most of its former units. A code that
//! both a former and a present commune bear is read as that of the present one, as the server writes it.

use std::collections::BTreeMap;

use geo_types::Geometry;
use serde_json::{Map, Value};

use super::measure::{PreparedArea, area_m2};
use crate::domain::Timestamp;

/// Reforms that may lie between a unit and what stands in its place today.
const SUCCESSIONS_MAX: usize = 8;
const DAY_S: i64 = 86_400;

/// Level of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Province,
    District,
    Commune,
}

/// How an answer about a date was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The unit was in force on that day.
    AsOfDate,
    /// It was not: what the records say was carried over by the mapping.
    Mapped,
}

/// A unit.
pub struct Unit {
    pub code: String,
    /// With its kind (Xã Bum Nưa).
    pub full_name: String,
    pub level: Level,
    /// As they stand in the record: first and last day.
    pub valid_from: Option<String>,
    pub valid_to: Option<String>,
    /// Official, square kilometres.
    pub official_km2: Option<f64>,
    /// Of what is drawn, square kilometres, geodesic.
    pub drawn_km2: Option<f64>,
    successor: Option<String>,
    parent: Option<String>,
    /// Not the legal boundary.
    is_approximate: bool,
    from: Option<Timestamp>,
    /// The first instant after it.
    until: Option<Timestamp>,
    drawn: Option<PreparedArea>,
}

/// What a record says of where it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place<'a> {
    /// Code of a commune.
    pub code: Option<&'a str>,
    /// `(lon, lat)`, degrees.
    pub at: Option<(f64, f64)>,
}

/// The unit in which a record lies.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    pub unit: &'a Unit,
    pub basis: Basis,
    /// Whether no choice between several units had to be made.
    pub is_sure: bool,
}

/// All units, ready to be asked.
#[derive(Default)]
pub struct Areas {
    /// In the order of their codes; of one code those in force first.
    units: Vec<Unit>,
    /// Districts out of which each present commune was made, with how many units each gave; by index into `units`.
    made_of: BTreeMap<usize, BTreeMap<usize, usize>>,
}

impl Areas {
    /// From the properties and the geometries of `admin_units`; what is ended or no unit is left out.
    #[must_use]
    pub fn of(records: impl IntoIterator<Item = (Map<String, Value>, Option<Geometry<f64>>)>) -> Self {
        let mut units: Vec<Unit> =
            records.into_iter().filter_map(|(all, area)| Unit::of(&all, area.as_ref())).collect();
        // A later unit of the same code comes first.
        let last = |unit: &Unit| unit.until.map_or(i64::MAX, Timestamp::as_ms);
        units.sort_by(|a, b| a.code.cmp(&b.code).then(last(b).cmp(&last(a))));
        let mut areas = Self { units, made_of: BTreeMap::new() };
        areas.made_of = areas.gather();
        areas
    }

    /// The units of a level that are the last ones of it, in the order of their codes: the communes of today, the
    /// districts that were.
    pub fn at_level(&self, level: Level) -> impl Iterator<Item = &Unit> {
        let is_last = move |unit: &&Unit| unit.level == level && (level != Level::Commune || unit.until.is_none());
        self.units.iter().filter(is_last)
    }

    /// What somebody asks for by its code: a commune of today, a district, the province.
    #[must_use]
    pub fn find(&self, code: &str) -> Option<&Unit> {
        self.at_level(Level::Commune)
            .chain(self.at_level(Level::District))
            .chain(self.at_level(Level::Province))
            .find(|unit| unit.code == code)
    }

    /// The unit of a level in which a record lies that counts at `at`.
    #[must_use]
    pub fn found(&self, place: &Place<'_>, level: Level, at: Timestamp) -> Option<Found<'_>> {
        let (unit, is_sure) = match level {
            Level::Province => (self.at_level(Level::Province).next()?, true),
            Level::Commune => (&self.units[self.commune(place.code?)?.1], true),
            Level::District => self.district(place)?,
        };
        Some(Found { unit, basis: unit.basis(at), is_sure })
    }

    /// Communes of today of which at least a part lay in the district, with whether other districts gave to them too.
    #[must_use]
    pub fn communes_of(&self, district: &Unit) -> Vec<(&Unit, bool)> {
        let gave = |parents: &BTreeMap<usize, usize>| parents.keys().any(|one| self.units[*one].code == district.code);
        let of = self.made_of.iter().filter(|(_, parents)| gave(parents));
        of.map(|(commune, parents)| (&self.units[*commune], parents.len() > 1)).collect()
    }

    /// The districts out of which a commune of today was made, the one that counts for it first.
    #[must_use]
    pub fn districts_of(&self, commune: &Unit) -> Vec<&Unit> {
        let made = self.made_of.iter().find(|(at, _)| self.units[**at].code == commune.code);
        let mut of: Vec<(usize, usize)> =
            made.map(|(_, parents)| parents.iter().map(|(unit, count)| (*unit, *count)).collect()).unwrap_or_default();
        of.sort_by_key(|(unit, count)| (std::cmp::Reverse(*count), *unit));
        of.into_iter().map(|(unit, _)| &self.units[unit]).collect()
    }

    /// What the mapping lacks, in words: an ended commune without a successor in force or a district that is known.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let ended = self.units.iter().filter(|unit| unit.level == Level::Commune && unit.until.is_some());
        let fault = |unit: &Unit| {
            let (code, name) = (&unit.code, &unit.full_name);
            let successor = unit.successor.as_deref().and_then(|code| self.index_in_force(code));
            let parent = unit.parent.as_deref().and_then(|code| self.index_of(code, Level::District));
            match (successor, parent) {
                (Some(_), Some(_)) => None,
                (None, _) => Some(format!("{code} {name}: no unit in force took its place")),
                (_, None) => Some(format!("{code} {name}: its district is not there")),
            }
        };
        ended.filter_map(fault).collect()
    }

    /// The commune of today that a code leads to, and the unit that the code itself names.
    fn commune(&self, code: &str) -> Option<(usize, usize)> {
        let named = self.index_of(code, Level::Commune)?;
        let mut now = named;
        for _ in 0..SUCCESSIONS_MAX {
            if self.units[now].until.is_none() {
                return Some((named, now));
            }
            let successor = self.units[now].successor.as_deref()?;
            now = self.index_in_force(successor).or_else(|| self.index_of(successor, Level::Commune))?;
        }
        None
    }

    /// The district, and whether no choice was made.
    fn district(&self, place: &Place<'_>) -> Option<(&Unit, bool)> {
        let (named, now) = self.commune(place.code?)?;
        if let Some(parent) = self.units[named].parent.as_deref().filter(|_| named != now) {
            return Some((&self.units[self.index_of(parent, Level::District)?], true));
        }
        let parents = self.made_of.get(&now)?;
        if let (1, Some(only)) = (parents.len(), parents.keys().next()) {
            return Some((&self.units[*only], true));
        }
        let drawn_around = |(lon, lat)| {
            let holds = |at: &&usize| self.units[**at].drawn.as_ref().is_some_and(|area| area.contains(lon, lat));
            parents.keys().find(holds)
        };
        if let Some(drawn) = place.at.and_then(drawn_around) {
            let unit = &self.units[*drawn];
            return Some((unit, !unit.is_approximate));
        }
        let most = parents.iter().min_by_key(|(unit, count)| (std::cmp::Reverse(**count), **unit))?;
        Some((&self.units[*most.0], false))
    }

    fn gather(&self) -> BTreeMap<usize, BTreeMap<usize, usize>> {
        let mut made_of: BTreeMap<usize, BTreeMap<usize, usize>> = BTreeMap::new();
        for unit in self.units.iter().filter(|unit| unit.level == Level::Commune && unit.until.is_some()) {
            let successor = unit.successor.as_deref().and_then(|code| self.index_in_force(code));
            let parent = unit.parent.as_deref().and_then(|code| self.index_of(code, Level::District));
            if let Some((successor, parent)) = successor.zip(parent) {
                *made_of.entry(successor).or_default().entry(parent).or_default() += 1;
            }
        }
        made_of
    }

    fn index_of(&self, code: &str, level: Level) -> Option<usize> {
        let first = self.units.partition_point(|unit| *unit.code < *code);
        let same = self.units[first..].iter().take_while(|unit| unit.code == code);
        same.enumerate().find(|(_, unit)| unit.level == level).map(|(at, _)| first + at)
    }

    fn index_in_force(&self, code: &str) -> Option<usize> {
        self.index_of(code, Level::Commune).filter(|at| self.units[*at].until.is_none())
    }
}

impl Unit {
    fn of(all: &Map<String, Value>, area: Option<&Geometry<f64>>) -> Option<Self> {
        if all.contains_key("ended_at") {
            return None;
        }
        let text = |name: &str| all.get(name).and_then(Value::as_str).map(str::to_owned);
        let level = match &*text("kind")? {
            "province" => Level::Province,
            "district" => Level::District,
            "commune" | "ward" | "former_commune" => Level::Commune,
            _ => return None,
        };
        let (valid_from, valid_to) = (text("valid_from"), text("valid_to"));
        Some(Self {
            code: text("code")?,
            full_name: text("full_name").or_else(|| text("name"))?,
            level,
            from: valid_from.as_deref().and_then(midnight),
            until: valid_to.as_deref().and_then(midnight).map(|at| at.plus_s(DAY_S)),
            valid_from,
            valid_to,
            official_km2: all.get("area_km2").and_then(Value::as_f64),
            drawn_km2: area.and_then(km2),
            successor: text("successor_code"),
            parent: text("parent_code"),
            is_approximate: all.get("approximate") == Some(&Value::Bool(true)),
            // Only districts are asked whether they hold a position: communes are marked as records are written.
            drawn: area.filter(|_| level == Level::District).map(PreparedArea::new),
        })
    }

    /// Whether an instant lies within its days.
    #[must_use]
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// How an answer about this unit at an instant is found.
    #[must_use]
    pub fn basis(&self, at: Timestamp) -> Basis {
        if self.is_in_force(at) { Basis::AsOfDate } else { Basis::Mapped }
    }
}

impl Basis {
    /// Its name in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsOfDate => "as_of_date",
            Self::Mapped => "mapped",
        }
    }
}

impl Level {
    /// Its name in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Province => "province",
            Self::District => "district",
            Self::Commune => "commune",
        }
    }
}

/// The first instant of a day such as 2025-07-01, in the province.
fn midnight(day: &str) -> Option<Timestamp> {
    let mut parts = day.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Timestamp::local_midnight(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

fn km2(area: &Geometry<f64>) -> Option<f64> {
    let m2 = match area {
        Geometry::Polygon(polygon) => area_m2(polygon),
        Geometry::MultiPolygon(polygons) => polygons.iter().map(area_m2).sum(),
        _ => return None,
    };
    Some(m2 / 1e6)
}

#[cfg(test)]
#[path = "areas_tests.rs"]
mod tests;
