//! The rows behind the figures as a document shows them: those that its reader may see one by one, and of the others how
//! many they are and what they add up to, which the figure tells anyhow.

use std::collections::HashMap;

use uuid::Uuid;

use super::quarter::{Line, QuarterReport, Records, Row};
use crate::domain::number::rounded;
use crate::domain::{Collection, Force, Timestamp};
use crate::picture::{Feature, View};

/// Fields that say in words what a record is, none of which names a person; the first two of them that it has are told.
const TELLING: [&str; 4] = ["code", "task", "topic", "document_no"];
/// Fields that name the force that a record counts for.
const FORCE: [&str; 3] = ["force", "lead_force", "from_force"];
/// Rows of a document, at most: half as many as a sheet holds would take gigabytes to write.
pub const ROWS_MAX: usize = 200_000;

/// A row that may be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub collection: Collection,
    pub id: Uuid,
    /// When it counts.
    pub at: Timestamp,
    pub force: Option<Force>,
    /// What it adds.
    pub value: f64,
    /// What it is, in words.
    pub told: String,
}

/// The rows of one figure.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureSources {
    /// Name of the figure.
    pub id: &'static str,
    pub shown: Vec<Source>,
    /// Those that the reader may not see.
    pub hidden: usize,
    /// Those for which there is no room.
    pub left_out: usize,
    /// What those that are not shown add.
    pub other_value: f64,
}

/// The rows of all figures, in the order of the report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    pub figures: Vec<FigureSources>,
}

impl Sources {
    /// The rows that `view` shows its actor.
    #[must_use]
    pub fn seen(report: &QuarterReport, view: &View) -> Self {
        Self::of(report, |row| {
            let shown = view.item(row.collection, row.id).filter(crate::picture::Shown::is_record)?;
            let fields: HashMap<&str, &str> = shown.members().collect();
            let text = |field: &str| fields.get(field).and_then(|raw| serde_json::from_str::<String>(raw).ok());
            let force = FORCE.into_iter().find_map(text).and_then(|force| Force::parse(&force));
            Some(Source { force, ..source(row, told(text)) })
        })
    }

    /// All rows, in the words of `records`: for whoever holds them all.
    ///
    /// # Errors
    /// The fault of `records`.
    pub fn all<R: Records>(report: &QuarterReport, records: &mut R) -> Result<Self, R::Fault> {
        let rows = report.lines.iter().flat_map(|line| &line.rows);
        let mut words: HashMap<(Collection, Uuid), String> =
            rows.map(|row| ((row.collection, row.id), String::new())).collect();
        let from: Vec<Collection> =
            Collection::ALL.into_iter().filter(|one| words.keys().any(|(collection, _)| collection == one)).collect();
        for collection in from {
            records.each(collection, &mut |feature: &Feature| {
                if let Some(words) = words.get_mut(&(collection, feature.id)) {
                    *words = told(|field| feature.text(field).map(std::borrow::Cow::into_owned));
                }
            })?;
        }
        Ok(Self::of(report, |row| {
            let words = words.get(&(row.collection, row.id)).cloned().unwrap_or_default();
            Some(source(row, words))
        }))
    }

    fn of(report: &QuarterReport, mut show: impl FnMut(&Row) -> Option<Source>) -> Self {
        let mut left = ROWS_MAX;
        let mut figure = |line: &Line| {
            let looked_at = line.rows.len().min(left);
            let shown: Vec<Source> = line.rows[..looked_at].iter().filter_map(&mut show).collect();
            left -= shown.len();
            let seen: f64 = shown.iter().map(|source| source.value).sum();
            let (hidden, left_out) = (looked_at - shown.len(), line.rows.len() - looked_at);
            let other_value = if hidden + left_out == 0 { 0.0 } else { rounded(line.value - seen) };
            FigureSources { id: line.id, shown, hidden, left_out, other_value }
        };
        Self { figures: report.lines.iter().map(&mut figure).collect() }
    }

    /// How many records of each collection are shown; one that counts for several figures is one.
    #[must_use]
    pub fn records(&self) -> Vec<(Collection, u64)> {
        Self::named(self.figures.iter().flat_map(|figure| figure.shown.iter().map(|row| (row.collection, row.id))))
    }

    /// How many different records of each collection these rows name.
    pub fn named(rows: impl Iterator<Item = (Collection, Uuid)>) -> Vec<(Collection, u64)> {
        let mut ids: Vec<(Collection, Uuid)> = rows.collect();
        ids.sort_unstable_by_key(|(collection, id)| (*collection as usize, *id));
        ids.dedup();
        ids.chunk_by(|a, b| a.0 == b.0).map(|chunk| (chunk[0].0, chunk.len() as u64)).collect()
    }
}

fn source(row: &Row, told: String) -> Source {
    Source { collection: row.collection, id: row.id, at: row.at, force: row.force, value: row.value, told }
}

fn told(text: impl Fn(&str) -> Option<String>) -> String {
    TELLING.into_iter().filter_map(text).take(2).collect::<Vec<_>>().join(" · ")
}
