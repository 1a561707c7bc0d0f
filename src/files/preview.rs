//! The first rows of a file and what its columns are taken for, so that a person sees it before anything is written.

use serde_json::Value;

use super::columns::{Column, Survey};
use super::source::RowContent;
use super::times::DateOrder;
use super::values::{Notation, shortened};

/// Rows of a file that are shown.
pub const PREVIEW_ROWS: usize = 20;

/// One column as it will be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewColumn {
    pub name: String,
    /// As a rule names it: a field, `lon`, `lat`, `wkt`, `id`, `extra` (kept aside), `-` (left out).
    pub field: &'static str,
    /// `mdy`, `dmy` or `comma`, where the values of the column or a rule say it.
    pub format: Option<&'static str>,
    /// Its values in the first rows that can be read, at most [`PREVIEW_ROWS`]; empty where a row says nothing.
    pub samples: Vec<String>,
}

/// Takes the first rows on their way.
#[derive(Default)]
pub(super) struct Preview {
    rows: Vec<Vec<(usize, String)>>,
}

impl Preview {
    /// Keeps what the row says, if it is one of the first.
    pub fn see(&mut self, content: &RowContent) {
        if self.rows.len() == PREVIEW_ROWS {
            return;
        }
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.rows.push(content.values.iter().map(|(at, value)| (*at, shortened(&shown(value)))).collect());
    }

    /// The columns with what was kept of them.
    pub fn columns(&self, survey: &Survey) -> Vec<PreviewColumn> {
        survey.columns.iter().enumerate().map(|(at, column)| self.column(at, column)).collect()
    }

    fn column(&self, at: usize, column: &Column) -> PreviewColumn {
        let of_row = |row: &Vec<(usize, String)>| {
            row.iter().find(|(of, _)| *of == at).map(|(_, text)| text.clone()).unwrap_or_default()
        };
        PreviewColumn {
            name: column.name.clone(),
            field: column.target.word(),
            format: format(column.notation),
            samples: self.rows.iter().map(of_row).collect(),
        }
    }
}

fn format(notation: Notation) -> Option<&'static str> {
    match notation.date_order {
        Some(DateOrder::MonthFirst) => Some("mdy"),
        Some(DateOrder::DayFirst) => Some("dmy"),
        None => notation.decimal_comma.then_some("comma"),
    }
}
