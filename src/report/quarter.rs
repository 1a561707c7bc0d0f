//! The figures of one quarter beside those of the quarter before and of the same quarter a year before, and the rows
//! they were counted from.

use std::collections::BTreeMap;
use std::convert::Infallible;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::figures::{Block, Counted, FIGURES, Figure, Unit};
use super::part::Share;
use crate::domain::change::Seq;
use crate::domain::number::{plain, plain_by_name, rounded};
use crate::domain::quarter::Quarter;
use crate::domain::{Collection, Force, Timestamp};
use crate::picture::{Feature, View};
use crate::store::{Snapshot, StoreError};

/// Where the records of a collection come from.
pub trait Records {
    /// Why they may not come.
    type Fault;

    /// Gives every record of the collection, ended ones too.
    ///
    /// # Errors
    /// [`Self::Fault`] if one cannot be read.
    fn each(&mut self, collection: Collection, sink: &mut dyn FnMut(&Feature)) -> Result<(), Self::Fault>;
}

impl Records for &View {
    type Fault = Infallible;

    fn each(&mut self, collection: Collection, sink: &mut dyn FnMut(&Feature)) -> Result<(), Infallible> {
        self.each_counted(collection, sink);
        Ok(())
    }
}

impl Records for Box<dyn Snapshot> {
    type Fault = StoreError;

    fn each(&mut self, collection: Collection, sink: &mut dyn FnMut(&Feature)) -> Result<(), StoreError> {
        self.records(collection, &mut |record, seq| sink(&Feature::new(collection, record, seq)))
    }
}

/// A row that a figure was counted from.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Row {
    pub collection: Collection,
    pub id: Uuid,
    /// What it adds.
    #[serde(serialize_with = "plain")]
    pub value: f64,
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    /// The force that it counts for.
    #[schema(required)]
    pub force: Option<Force>,
    /// The change that made the record what it is, and when that was recorded.
    #[serde(skip)]
    pub seq: Seq,
    #[serde(skip)]
    pub recorded_at: Timestamp,
}

/// One figure of one quarter.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Line {
    /// Name of the figure (`personnel_turns`).
    pub id: &'static str,
    pub block: Block,
    pub unit: Unit,
    pub title_vi: &'static str,
    pub title_en: &'static str,
    #[serde(serialize_with = "plain")]
    pub value: f64,
    /// Of the quarter before.
    #[serde(serialize_with = "plain")]
    pub previous: f64,
    /// `value` less `previous`.
    #[serde(serialize_with = "plain")]
    pub delta: f64,
    /// Hundredths of `previous`; null where that is 0.
    #[schema(required)]
    pub delta_percent: Option<f64>,
    /// Of the same quarter a year before.
    #[serde(serialize_with = "plain")]
    pub year_before: f64,
    /// `value` by force; what no force answers for is in `value` alone.
    #[serde(serialize_with = "plain_by_name")]
    pub by_force: BTreeMap<&'static str, f64>,
    /// The rows, in the order of their moments.
    #[serde(skip)]
    pub rows: Vec<Row>,
    /// Of the province in this quarter, where the figure is of an area: what names no commune, and what the reader may not
    /// see one by one.
    #[serde(skip)]
    pub unplaced: f64,
    #[serde(skip)]
    pub withheld: f64,
}

/// What a record, which counts at a moment, is to the part that is counted.
pub type Shares<'s> = &'s mut dyn FnMut(Collection, &Feature, Timestamp) -> Share;

/// The figures of a quarter.
#[derive(Clone, Debug, PartialEq)]
pub struct QuarterReport {
    pub quarter: Quarter,
    pub lines: Vec<Line>,
}

/// A sum of three quarters as it grows.
#[derive(Default)]
struct Sums {
    rows: Vec<Row>,
    previous: f64,
    year_before: f64,
    unplaced: f64,
    withheld: f64,
}

impl QuarterReport {
    /// Counts for the whole province.
    ///
    /// # Errors
    /// The fault of `records`.
    pub fn count<R: Records>(quarter: Quarter, records: &mut R) -> Result<Self, R::Fault> {
        Self::count_part(quarter, records, &mut |_, _, _| Share::Counts)
    }

    /// Counts what belongs to a part.
    ///
    /// # Errors
    /// The fault of `records`.
    pub fn count_part<R: Records>(quarter: Quarter, records: &mut R, shares: Shares<'_>) -> Result<Self, R::Fault> {
        let mut sums: Vec<Sums> = FIGURES.iter().map(|_| Sums::default()).collect();
        for collection in Collection::ALL {
            let rules: Vec<_> = FIGURES
                .iter()
                .enumerate()
                .flat_map(|(n, figure)| figure.from.iter().map(move |(from, rule)| (n, *from, *rule)))
                .filter(|(_, from, _)| *from == collection)
                .collect();
            if rules.is_empty() {
                continue;
            }
            records.each(collection, &mut |feature| {
                for (n, _, rule) in &rules {
                    sums[*n].take(quarter, collection, feature, &rule(feature), shares);
                }
            })?;
        }
        let lines = FIGURES.iter().zip(sums).map(|(figure, sums)| sums.line(figure)).collect();
        Ok(Self { quarter, lines })
    }

    /// The line of a figure.
    #[must_use]
    pub fn line(&self, id: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.id == id)
    }
}

impl Line {
    /// The same line with what follows from its value and that of the quarter before.
    #[must_use]
    pub fn compared(mut self) -> Self {
        self.delta = rounded(self.value - self.previous);
        let share = |previous: f64| (self.delta / previous * 1_000.0).round() / 10.0 + 0.0;
        self.delta_percent = (self.previous != 0.0).then(|| share(self.previous));
        self
    }
}

impl Sums {
    /// Takes what a record adds: the first that it adds to each of the quarters.
    fn take(
        &mut self,
        quarter: Quarter,
        collection: Collection,
        feature: &Feature,
        counted: &[Counted],
        shares: Shares<'_>,
    ) {
        let first = |of: Quarter| counted.iter().filter(|one| of.holds(one.at)).min_by_key(|one| one.at);
        if let Some(one) = first(quarter) {
            match shares(collection, feature, one.at) {
                Share::Counts => self.rows.push(Row {
                    collection,
                    id: feature.id,
                    value: one.value,
                    at: one.at,
                    force: force_of(feature),
                    seq: feature.seq,
                    recorded_at: feature.recorded_at,
                }),
                Share::Unplaced => self.unplaced += one.value,
                Share::Withheld => self.withheld += one.value,
                Share::Elsewhere => {}
            }
        }
        let mut beside = |of: Quarter| {
            let counts = |one: &&Counted| shares(collection, feature, one.at) == Share::Counts;
            first(of).filter(counts).map_or(0.0, |one| one.value)
        };
        self.previous += beside(quarter.previous());
        self.year_before += beside(quarter.year_before());
    }

    fn line(mut self, figure: &Figure) -> Line {
        self.rows.sort_by_key(|row| (row.at, row.id));
        let mut by_force = BTreeMap::new();
        for row in &self.rows {
            if let Some(force) = row.force {
                *by_force.entry(force.as_str()).or_default() += row.value;
            }
        }
        by_force.values_mut().for_each(|sum| *sum = rounded(*sum));
        let value = rounded(self.rows.iter().map(|row| row.value).sum());
        let (previous, year_before) = (rounded(self.previous), rounded(self.year_before));
        let line = Line {
            id: figure.id,
            block: figure.block,
            unit: figure.unit,
            title_vi: figure.title_vi,
            title_en: figure.title_en,
            value,
            previous,
            delta: 0.0,
            delta_percent: None,
            year_before,
            by_force,
            rows: self.rows,
            unplaced: rounded(self.unplaced),
            withheld: rounded(self.withheld),
        };
        line.compared()
    }
}

/// The force that a record counts for.
#[must_use]
pub fn force_of(feature: &Feature) -> Option<Force> {
    let force = ["force", "lead_force", "from_force"].iter().find_map(|field| feature.text(field));
    force.and_then(|force| Force::parse(&force))
}
