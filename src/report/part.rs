//! The part of a quarter's figures that is of one area, of one force, or of both.
//!
//! A record counts for an area where its reader could count it there themselves: what they may not see one by one (closed
//! kinds, households, another force's cases) is told as a sum of the province alone, in [`Share::Withheld`], so that no
//! figure of an area tells of a person or a house. What names no commune is [`Share::Unplaced`]. So for every figure the
//! areas of a level, what has no place and what is withheld add up to the province's count.

use std::borrow::Cow;

use geo_types::Geometry;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::quarter::{Records, force_of};
use super::words;
use crate::domain::quarter::Quarter;
use crate::domain::{Actor, Code, Collection, Force, Problem, Timestamp};
use crate::geometry::areas::{Areas, Basis, Level, Place, Unit};
use crate::picture::Feature;

/// The code under which is asked for what names no commune.
pub const UNKNOWN: &str = "unknown";
/// What that is called on a report.
pub const UNKNOWN_VI: &str = "Không rõ địa bàn";

/// What is asked for, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Code of a commune of today, a district, the province; [`UNKNOWN`]; all if `None`.
    pub area: Option<String>,
    pub force: Option<Force>,
}

/// An area that figures are counted for.
#[derive(Clone, Copy)]
pub enum Wanted<'a> {
    Unit(&'a Unit),
    /// What names no commune.
    Unplaced,
}

/// The part that figures are counted for.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    areas: &'a Areas,
    /// The whole province if `None`.
    pub area: Option<Wanted<'a>>,
    pub force: Option<Force>,
}

/// What a record is to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// It counts for it.
    Counts,
    /// It counts for another area or force.
    Elsewhere,
    /// It names no commune.
    Unplaced,
    /// The reader may not see it one by one: it counts for the province and for no area.
    Withheld,
}

/// How the figures of a quarter were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AreaBasis)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The area was in force then.
    AsOfDate,
    /// It was not: counted through the mapping between the old districts and the communes of today.
    Mapped,
}

/// A commune that was made over several districts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DividedCommune {
    pub code: String,
    pub full_name: String,
    /// Names of the districts; the first is the one that gave most of its former units.
    pub districts: Vec<String>,
}

/// What is to be known of the area of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportArea {
    /// Its code; `unknown` for what names no commune.
    pub code: String,
    pub name: String,
    /// `commune`, `district`; `unknown` for what names no commune.
    pub level: &'static str,
    /// First and last day of its validity.
    #[schema(required)]
    pub valid_from: Option<String>,
    #[schema(required)]
    pub valid_to: Option<String>,
    /// How the figures of this quarter, of the one before and of a year before were found.
    pub basis: Told,
    pub basis_previous: Told,
    pub basis_year_before: Told,
    /// Communes that only partly lay in the district: a record in one of them counts by the drawn districts where it has a
    /// position, else for the first of its districts.
    pub divided: Vec<DividedCommune>,
}

/// Properties and geometry of a record.
type Written = (Map<String, Value>, Option<Geometry<f64>>);

/// Reads the units of a store or a view.
///
/// # Errors
/// The fault of `records`.
pub fn areas_of<R: Records>(records: &mut R) -> Result<Areas, R::Fault> {
    let mut found: Vec<Written> = Vec::new();
    records.each(Collection::AdminUnits, &mut |feature| {
        if let Ok(properties) = serde_json::from_str(&feature.properties) {
            found.push((properties, feature.geometry.clone()));
        }
    })?;
    Ok(Areas::of(found))
}

impl Wish {
    /// Whether all is asked for.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.area.is_none() && self.force.is_none()
    }

    /// The part that is meant.
    ///
    /// # Errors
    /// `invalid_parameter` at `area` if there is no such one.
    pub fn part<'a>(&self, areas: &'a Areas) -> Result<Part<'a>, Problem> {
        let area = match self.area.as_deref() {
            None => None,
            Some(UNKNOWN) => Some(Wanted::Unplaced),
            Some(code) => {
                let unit = areas.find(code).ok_or_else(|| no_area(code))?;
                // The province is the whole.
                (unit.level != Level::Province).then_some(Wanted::Unit(unit))
            }
        };
        Ok(Part { areas, area, force: self.force })
    }
}

fn no_area(code: &str) -> Problem {
    Problem::new(
        Code::InvalidParameter,
        format!("Địa bàn {code:?}: cần mã xã hiện nay, mã huyện (đến 30/6/2025), mã tỉnh, hoặc {UNKNOWN}."),
        format!("Area {code:?}: expected the code of a commune of today, a district (to 2025-06-30), the province, or {UNKNOWN}."),
    )
    .at("area")
}

impl<'a> Part<'a> {
    /// Refuses an area of which a reader of part of the province does not answer for all.
    ///
    /// # Errors
    /// `forbidden` at `area`.
    pub fn check(&self, actor: &Actor) -> Result<(), Problem> {
        let holds = |unit: &Unit| actor.area.holds(Some(&unit.code), None);
        let is_own = match self.area {
            None => true,
            Some(Wanted::Unplaced) => actor.area.holds(None, None),
            Some(Wanted::Unit(unit)) if unit.level == Level::District => {
                let communes = self.areas.communes_of(unit);
                actor.area.holds(None, None) || (!communes.is_empty() && communes.iter().all(|(one, _)| holds(one)))
            }
            Some(Wanted::Unit(unit)) => holds(unit),
        };
        if is_own {
            return Ok(());
        }
        Err(Problem::new(
            Code::Forbidden,
            "Tài khoản chỉ xem được số liệu của địa bàn mình phụ trách và của cả tỉnh.",
            "This account reads the figures of its own area and of the whole province.",
        )
        .at("area"))
    }

    /// What a record that counts at `at` is to this part; `is_seen` says whether its reader may see it one by one.
    #[must_use]
    pub fn share(&self, feature: &Feature, at: Timestamp, is_seen: impl FnOnce() -> bool) -> Share {
        if self.force.is_some() && self.force != force_of(feature) {
            return Share::Elsewhere;
        }
        let Some(wanted) = self.area else { return Share::Counts };
        if !is_seen() {
            return Share::Withheld;
        }
        let level = match wanted {
            Wanted::Unit(unit) => unit.level,
            Wanted::Unplaced => Level::Commune,
        };
        let written = code_of(feature);
        match (self.areas.found(&place(written.as_deref(), feature), level, at), wanted) {
            (Some(found), Wanted::Unit(unit)) if found.unit.code == unit.code => Share::Counts,
            (None, Wanted::Unplaced) => Share::Counts,
            (None, Wanted::Unit(_)) => Share::Unplaced,
            (Some(_), _) => Share::Elsewhere,
        }
    }

    /// What is to be known of its area.
    #[must_use]
    pub fn told(&self, quarter: Quarter) -> Option<ReportArea> {
        let wanted = self.area?;
        let Wanted::Unit(unit) = wanted else {
            return Some(ReportArea {
                code: UNKNOWN.to_owned(),
                name: UNKNOWN_VI.to_owned(),
                level: UNKNOWN,
                valid_from: None,
                valid_to: None,
                basis: Told::AsOfDate,
                basis_previous: Told::AsOfDate,
                basis_year_before: Told::AsOfDate,
                divided: Vec::new(),
            });
        };
        let divided = self.areas.communes_of(unit).into_iter().filter(|(_, is_divided)| *is_divided);
        let basis = |quarter: Quarter| Told::from(unit.basis(quarter.start()));
        Some(ReportArea {
            code: unit.code.clone(),
            name: unit.full_name.clone(),
            level: unit.level.as_str(),
            valid_from: unit.valid_from.clone(),
            valid_to: unit.valid_to.clone(),
            basis: basis(quarter),
            basis_previous: basis(quarter.previous()),
            basis_year_before: basis(quarter.year_before()),
            divided: divided.map(|(commune, _)| divided_commune(self.areas, commune)).collect(),
        })
    }

    /// Whose figures these are, as the head of a document says: `Xã Bum Nưa · Công an`.
    #[must_use]
    pub fn title_vi(&self) -> Option<String> {
        let area = self.area.map(|wanted| match wanted {
            Wanted::Unit(unit) => unit.full_name.clone(),
            Wanted::Unplaced => UNKNOWN_VI.to_owned(),
        });
        let force = self.force.map(|force| words::force(force).to_owned());
        let parts: Vec<String> = [area, force].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" · "))
    }

    /// What ends the name of a file that holds it.
    #[must_use]
    pub fn stem(&self) -> String {
        let area = self.area.map(|wanted| match wanted {
            Wanted::Unit(unit) => unit.code.as_str(),
            Wanted::Unplaced => UNKNOWN,
        });
        let words = [area, self.force.map(Force::as_str)].into_iter().flatten();
        words.map(|word| format!("-{word}")).collect()
    }
}

/// A commune with the districts out of which it was made.
#[must_use]
pub fn divided_commune(areas: &Areas, commune: &Unit) -> DividedCommune {
    DividedCommune {
        code: commune.code.clone(),
        full_name: commune.full_name.clone(),
        districts: areas.districts_of(commune).into_iter().map(|one| one.full_name.clone()).collect(),
    }
}

/// The code of the commune that a record names, as it is marked or as it was told.
#[must_use]
pub fn code_of(feature: &Feature) -> Option<Cow<'_, str>> {
    feature.text("admin_unit").or_else(|| feature.text("commune_code"))
}

/// Where a record lies; `code` is that of [`code_of`].
#[must_use]
pub fn place<'f>(code: Option<&'f str>, feature: &Feature) -> Place<'f> {
    let at = match &feature.geometry {
        Some(Geometry::Point(point)) => Some((point.x(), point.y())),
        _ => None,
    };
    Place { code, at }
}

impl From<Basis> for Told {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::AsOfDate => Self::AsOfDate,
            Basis::Mapped => Self::Mapped,
        }
    }
}

#[cfg(test)]
#[path = "part_tests.rs"]
pub(super) mod tests;
